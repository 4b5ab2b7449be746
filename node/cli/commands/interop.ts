/** `agentmesh ucan inspect`: a UCAN 1.0 token in our terms, with no node and no network. */
import { fail, FailureError, ok, type Result } from '../../../crypto/result.ts';
import type { UcanView } from '../../../crypto/interop/ucan.ts';
import { printLines, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readInput } from '../input.ts';
import { details } from '../view/table.ts';
import { moment } from '../view/text.ts';

/** The flags of `ucan inspect`. */
export interface UcanFlags extends CommonFlags {
  /** Files with the delegations that an invocation rests on. */
  readonly proof?: readonly string[] | undefined;
  /** When it is looked at, ISO 8601. */
  readonly at?: string | undefined;
}

async function readAll(paths: readonly string[]): Promise<Result<readonly Uint8Array[]>> {
  const { ucanBytes } = await import('../../../crypto/interop/ucan.ts');
  const files: Uint8Array[] = [];
  for (const path of paths) {
    const file = await readInput(path);
    if (!file.ok) return file;
    files.push(ucanBytes(file.value));
  }
  return ok(files);
}

function timeOf(text: string | undefined, now_ms: number): Result<number> {
  const time_ms = text === undefined ? now_ms : Date.parse(text);
  return Number.isNaN(time_ms)
    ? fail('USAGE_INVALID', `${text ?? ''} is not a time`, { fix: 'write it as 2026-01-31T08:00:00Z' })
    : ok(Math.floor(time_ms / 1000));
}

function printView(context: Context, view: UcanView, depth = 0): void {
  const lines = details([
    [view.kind, view.id],
    ['issuer', view.issuer],
    ['audience', view.audience ?? undefined],
    ['subject', view.subject ?? 'whatever the issuer is given'],
    ['command', view.command],
    ['as capabilities', view.capabilities.length === 0 ? 'no form here' : view.capabilities.join(', ')],
    ['arguments', view.arguments === null ? undefined : JSON.stringify(view.arguments)],
    ['policy', view.policy.length === 0 ? undefined : JSON.stringify(view.policy)],
    ['valid from', view.not_before === null ? undefined : moment(view.not_before * 1000)],
    ['expires', view.expires === null ? 'never' : moment(view.expires * 1000)],
  ]);
  printLines(context, lines.map((line) => '  '.repeat(depth) + line));
  for (const proof of view.proofs) {
    context.print();
    printView(context, proof, depth + 1);
  }
}

/** Shows a UCAN and says whether it and its proofs hold. It grants nothing in the mesh either way. */
export async function inspectUcan(context: Context, flags: UcanFlags, path: string): Promise<Outcome> {
  const now_s = timeOf(flags.at, context.now_ms());
  if (!now_s.ok) return new FailureError(now_s.failure);
  const files = await readAll([path, ...flags.proof ?? []]);
  if (!files.ok) return new FailureError(files.failure);
  const { importUcan, readUcan } = await import('../../../crypto/interop/ucan.ts');
  const [token = new Uint8Array(), ...proofs] = files.value;
  const verified = importUcan(token, proofs, now_s.value);
  const shown = verified.ok ? verified : readUcan(token);
  if (flags.json && verified.ok) context.printJson(verified.value);
  if (!flags.json && shown.ok) {
    printView(context, shown.value);
    context.print();
    context.print(verified.ok ? `${context.paint('green', 'verified')}; for reading only: it grants nothing in the mesh` : context.paint('red', 'not verified'));
  }
  return verified.ok ? undefined : new FailureError(verified.failure);
}
