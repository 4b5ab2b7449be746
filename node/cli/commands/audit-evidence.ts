/** What the commands about evidence do. */
import { fromBase64, toBase64 } from '../../../crypto/bytes.ts';
import { verifyEvidence } from '../../../crypto/fork-evidence.ts';
import { FailureError } from '../../../crypto/result.ts';
import type { EvidenceView, ExposureView, SuccessionView, SuspicionView } from '../../control/audit-views.ts';
import { ask, printLines, show as showAnswer, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readInput, writeOutput } from '../input.ts';
import { details, table } from '../view/table.ts';
import { moment, shortId, visible } from '../view/text.ts';

/** Flags of `audit evidence show`. */
export interface EvidenceShowFlags extends CommonFlags {
  readonly file?: string | undefined;
}

/** Flags of `audit evidence verify` and `report`. */
export interface EvidenceFileFlags extends CommonFlags {
  readonly file: string;
}

function printExposed(context: Context, exposed: readonly ExposureView[]): void {
  if (exposed.length === 0) {
    context.print('no host is proven to have contradicted itself');
    return;
  }
  const rows = exposed.map(({ since_ms, did, did_name, kind, misdeed, by, by_name, own }) => [
    moment(since_ms), did_name ?? '-', shortId(did), kind ?? '?', own ? 'this host' : by_name ?? shortId(by), misdeed,
  ]);
  printLines(context, table([{ title: 'SINCE' }, { title: 'HOST' }, { title: 'DID' }, { title: 'KIND' }, { title: 'REPORTED BY' }, { title: 'WHAT' }], rows, context.width));
  if (exposed.some(({ own }) => own)) context.print(context.paint('red', 'this host itself is exposed: agentmesh doctor'));
}

function printSuspected(context: Context, suspected: readonly SuspicionView[]): void {
  if (suspected.length === 0) return;
  context.print();
  const rows = suspected.map(({ since_ms, did, did_name, reason }) => [moment(since_ms), did_name ?? '-', shortId(did), reason]);
  printLines(context, table([{ title: 'SUSPECTED SINCE' }, { title: 'HOST' }, { title: 'DID' }, { title: 'WHY' }], rows, context.width));
}

function printSucceeded(context: Context, succeeded: readonly SuccessionView[]): void {
  if (succeeded.length === 0) return;
  context.print();
  const words = ({ follows, after }: SuccessionView): string => {
    if (follows === null) return 'its first entry was not read yet';
    return follows ? `goes on after ${shortId(after.split('/log/')[1] ?? after)}` : `is not shown to follow ${shortId(after.split('/log/')[1] ?? after)}`;
  };
  const rows = succeeded.map((each) => [shortId(each.origin.split('/log/')[1] ?? each.origin), each.did_name ?? '-', shortId(each.did), String(each.entries_lost ?? '?'), words(each)]);
  printLines(context, table([{ title: 'NEW LOG' }, { title: 'HOST' }, { title: 'DID' }, { title: 'ENTRIES LOST', right: true }, { title: 'HOW' }], rows, context.width));
}

function printEvidence(context: Context, evidence: EvidenceView): void {
  printLines(context, details([
    ['proven', visible(evidence.reason)],
    ['kind', evidence.kind],
    ['host', evidence.did],
    [evidence.role, evidence.name],
    ['key', evidence.verifier_key],
    ['about', evidence.origin === evidence.name ? undefined : evidence.origin],
  ]));
}

/** `agentmesh audit evidence list`. */
export function list(context: Context, flags: CommonFlags): Promise<Outcome> {
  return showAnswer(context, flags, 'audit.evidence', {}, ({ exposed, suspected, succeeded }) => {
    printExposed(context, exposed);
    printSuspected(context, suspected);
    printSucceeded(context, succeeded);
  });
}

/** `agentmesh audit evidence show`. */
export async function show(context: Context, flags: EvidenceShowFlags, who: string): Promise<Outcome> {
  const answer = await ask(context, flags, 'audit.evidence.file', { who });
  if (!answer.ok) return new FailureError(answer.failure);
  const { value } = answer;
  if (flags.file !== undefined) {
    const written = await writeOutput(flags.file, fromBase64(value.file) ?? new Uint8Array());
    if (!written.ok) return new FailureError(written.failure);
    context.talk(`written: ${flags.file}`);
  }
  if (flags.json) context.printJson(value);
  else {
    printEvidence(context, value);
    printLines(context, details([['reported by', value.by], ['since', moment(value.since_ms)]]));
  }
}

/** `agentmesh audit evidence verify`: with no node and no network. */
export async function verify(context: Context, flags: EvidenceFileFlags): Promise<Outcome> {
  const bytes = await readInput(flags.file);
  if (!bytes.ok) return new FailureError(bytes.failure);
  const verified = verifyEvidence(bytes.value);
  if (!verified.ok) return new FailureError(verified.failure);
  const { kind, accused: { did, name, role, verifier_key }, origin, sizes, reason } = verified.value;
  const view: EvidenceView = { kind, did, name, role, verifier_key, origin, sizes: [...sizes], reason };
  if (flags.json) context.printJson(view);
  else {
    context.print(context.paint('green', 'verified'));
    printEvidence(context, view);
    context.talk(`whether the key is that of the host, its record says: agentmesh did resolve ${visible(did)}`);
  }
}

/** `agentmesh audit evidence report`. */
export async function report(context: Context, flags: EvidenceFileFlags): Promise<Outcome> {
  const bytes = await readInput(flags.file);
  if (!bytes.ok) return new FailureError(bytes.failure);
  return showAnswer(context, flags, 'audit.evidence.report', { file: toBase64(bytes.value) }, (evidence) => {
    context.print('kept, and told to the other hosts');
    printEvidence(context, evidence);
  });
}
