/** `agentmesh audit verify`: a proof file against a policy, with no node and no network. */
import { fromUtf8, toBase64 } from '../../../crypto/bytes.ts';
import { leafHash } from '../../../crypto/merkle.ts';
import { fail, FailureError, ok, type Result } from '../../../crypto/result.ts';
import { parseLogPolicy } from '../../../crypto/tlog-policy.ts';
import { parseProof, verifyProof } from '../../../crypto/tlog-proof.ts';
import { decodeDisclosure } from '../../../storage/audit-entry.ts';
import type { VerifiedView } from '../../control/views.ts';
import { printLines, show, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readInput } from '../input.ts';
import { details } from '../view/table.ts';
import { moment } from '../view/text.ts';
import type { VerifyProofFlags } from './audit.ts';

/** What a proof shows of its entry, beside that it is in the log. */
interface Shown extends VerifiedView {
  readonly kind: string;
  readonly time_ms: number;
  /** The payload as text, when the owner of the log shows it. */
  readonly payload: string | null;
}

function verifyOffline(proof_bytes: Uint8Array, policy_bytes: Uint8Array): Result<Shown> {
  const policy = parseLogPolicy(policy_bytes);
  if (!policy.ok) return policy;
  const proof = parseProof(proof_bytes);
  if (!proof.ok) return proof;
  if (proof.value.extra === undefined) {
    return fail('PROOF_WITHOUT_ENTRY', 'the proof does not carry the entry that it proves', { fix: 'ask the owner of the log for agentmesh audit prove <index>' });
  }
  const disclosure = decodeDisclosure(proof.value.extra);
  if (!disclosure.ok) return disclosure;
  const { entry, parsed, opened } = disclosure.value;
  const leaf_hash = leafHash(entry);
  const verified = verifyProof(proof_bytes, leaf_hash, policy.value);
  if (!verified.ok) return verified;
  const { checkpoint, cosignatures, index } = verified.value;
  return ok({
    origin: checkpoint.origin,
    index,
    size: checkpoint.size,
    leaf_hash: toBase64(leaf_hash),
    cosignatures: cosignatures.length,
    kind: parsed.kind,
    time_ms: parsed.time_ms,
    payload: opened === undefined ? null : fromUtf8(opened.payload) ?? toBase64(opened.payload),
  });
}

function printVerified(context: Context, verified: VerifiedView, shown?: Shown): void {
  context.print(context.paint('green', 'verified'));
  printLines(context, details([
    ['log', verified.origin],
    ['entry', `${verified.index} of ${verified.size}`],
    ['leaf hash', verified.leaf_hash],
    ['cosignatures', String(verified.cosignatures)],
    ['kind', shown?.kind],
    ['time', shown === undefined ? undefined : moment(shown.time_ms)],
    ['payload', shown?.payload ?? undefined],
  ]));
}

/** Verifies a proof under the policy given, or has the running node verify it under its own. */
export async function verify(context: Context, flags: VerifyProofFlags): Promise<Outcome> {
  const proof = await readInput(flags.proof);
  if (!proof.ok) return new FailureError(proof.failure);
  if (flags.policy === undefined) {
    const text = fromUtf8(proof.value);
    if (text === undefined) return new FailureError({ code: 'TLOG_PROOF_INVALID', reason: 'the proof is not UTF-8 text' });
    return show(context, flags, 'audit.verify', { proof: text }, (value) => printVerified(context, value));
  }
  const policy = await readInput(flags.policy);
  if (!policy.ok) return new FailureError(policy.failure);
  const verified = verifyOffline(proof.value, policy.value);
  if (!verified.ok) return new FailureError(verified.failure);
  if (flags.json) context.printJson(verified.value);
  else printVerified(context, verified.value, verified.value);
}
