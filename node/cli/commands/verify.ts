/** `agentmesh audit verify`: a proof file against a policy, with no node and no network. */
import { fromUtf8 } from '../../../crypto/bytes.ts';
import { FailureError } from '../../../crypto/result.ts';
import { parseLogPolicy } from '../../../crypto/tlog-policy.ts';
import type { VerifiedView } from '../../control/audit-entry-views.ts';
import { verifyEntryProof } from '../../entry-proof.ts';
import { printLines, show, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readInput } from '../input.ts';
import { details } from '../view/table.ts';
import { moment, visible } from '../view/text.ts';
import type { VerifyProofFlags } from './audit.ts';

function printVerified(context: Context, verified: VerifiedView): void {
  const { origin, index, size, leaf_hash, cosignatures, kind, time_ms, payload } = verified;
  context.print(context.paint('green', 'verified'));
  printLines(context, details([
    ['log', origin],
    ['entry', `${index} of ${size}`],
    ['leaf hash', leaf_hash],
    ['cosignatures', String(cosignatures)],
    ['kind', kind],
    ['time', moment(time_ms)],
    ['payload', payload === null ? 'not shown' : 'shown, and the one that the entry commits to'],
  ]));
  if (payload === null) return;
  context.print();
  context.print(visible(payload));
}

/** A policy with the quorum `none` is met by the log alone. */
function warn(context: Context, { cosignatures }: VerifiedView): void {
  if (cosignatures === 0) context.talk('warning: nobody cosigned: this rests on the word of the log alone, which may tell others of another history; ask for a policy with a quorum of witnesses');
}

/** Verifies a proof under the policy given, or has the running node verify it under its own. */
export async function verify(context: Context, flags: VerifyProofFlags): Promise<Outcome> {
  const proof = await readInput(flags.proof);
  if (!proof.ok) return new FailureError(proof.failure);
  if (flags.policy === undefined) {
    const text = fromUtf8(proof.value);
    if (text === undefined) return new FailureError({ code: 'TLOG_PROOF_INVALID', reason: 'the proof is not UTF-8 text' });
    return show(context, flags, 'audit.verify', { proof: text }, (value) => {
      printVerified(context, value);
      warn(context, value);
    });
  }
  const policy = await readInput(flags.policy);
  if (!policy.ok) return new FailureError(policy.failure);
  const parsed = parseLogPolicy(policy.value);
  if (!parsed.ok) return new FailureError(parsed.failure);
  const verified = verifyEntryProof(proof.value, parsed.value);
  if (!verified.ok) return new FailureError(verified.failure);
  if (flags.json) context.printJson(verified.value);
  else printVerified(context, verified.value);
  warn(context, verified.value);
}
