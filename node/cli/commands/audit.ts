/** What the commands about the audit log of a node do. */
import { resolve } from 'node:path';
import { FailureError } from '../../../crypto/result.ts';
import type { HeadView } from '../../control/views.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { writeOutput } from '../input.ts';
import { details, table } from '../view/table.ts';
import { jsonText, moment, shellWord, shortId, visible } from '../view/text.ts';

/** Flags of `audit head`. */
export interface DidFlags extends CommonFlags {
  readonly did?: string | undefined;
}

/** Flags of `audit prove`. */
export interface ProveFlags extends DidFlags {
  readonly proof?: string | undefined;
  readonly policy?: string | undefined;
}

/** Flags of `audit verify`. */
export interface VerifyProofFlags extends CommonFlags {
  readonly proof: string;
  readonly policy?: string | undefined;
}

/** Flags of `audit export`. */
export interface ExportFlags extends CommonFlags {
  readonly dir: string;
}

/** Flags of `audit log`. */
export interface LogFlags extends CommonFlags {
  readonly from?: number | undefined;
  readonly limit?: number | undefined;
}

/** Prints text of several lines as it is, but for what a terminal would obey. */
function printText(context: Context, text: string): void {
  for (const line of text.replace(/\n$/, '').split('\n')) context.print(visible(line));
}

function printHead(context: Context, head: HeadView): void {
  printLines(context, details([
    ['log', head.origin],
    ['size', String(head.size)],
    ['root', head.root],
    ...head.cosignatures.map((name, index) => [index === 0 ? 'cosigned by' : '', name] as const),
    ['cosigned by', head.cosignatures.length === 0 ? 'nobody yet' : undefined],
  ]));
  context.print();
  printText(context, head.note);
}

/** `agentmesh audit head`. */
export function head(context: Context, flags: DidFlags): Promise<Outcome> {
  return show(context, flags, 'audit.head', flags.did === undefined ? {} : { did: flags.did }, (value) => printHead(context, value));
}

/** `agentmesh audit anchor`. */
export function anchor(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'audit.anchor', {}, (value) => printHead(context, value));
}

/** `agentmesh audit prove`. */
export async function prove(context: Context, flags: ProveFlags, index: number): Promise<Outcome> {
  const answer = await ask(context, flags, 'audit.prove', { index, ...(flags.did === undefined ? {} : { did: flags.did }) });
  if (!answer.ok) return new FailureError(answer.failure);
  const { proof, policy } = answer.value;
  for (const [path, text] of [[flags.proof, proof], [flags.policy, policy]] as const) {
    if (path === undefined) continue;
    const written = await writeOutput(path, text);
    if (!written.ok) return new FailureError(written.failure);
    context.talk(`written: ${path}`);
  }
  if (flags.json) context.printJson(answer.value);
  else if (flags.proof === undefined) printText(context, proof);
  context.talk(`anyone can verify it with: agentmesh audit verify --proof ${shellWord(flags.proof ?? '<file>')} --policy ${shellWord(flags.policy ?? '<file>')}`);
}

/** `agentmesh audit export`. */
export function exportLog(context: Context, flags: ExportFlags): Promise<Outcome> {
  return show(context, flags, 'audit.export', { folder: resolve(flags.dir) }, ({ folder, size, files }) => printLines(context, details([
    ['folder', folder], ['entries', String(size)], ['files', String(files)],
  ])));
}

function field(payload: object, name: string): string {
  const value: unknown = Object.entries(payload).find(([key]) => key === name)?.[1];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** An entry's payload in one line; `--json` has all of it. */
function summary(payload: unknown): string {
  if (typeof payload !== 'object' || payload === null) return '-';
  const action: unknown = 'action' in payload ? payload.action : undefined;
  if (field(payload, 'kind') === 'decision' && typeof action === 'object' && action !== null) {
    const rule = field(payload, 'rule');
    const what = [field(action, 'type'), field(action, 'resource')].filter((part) => part !== '').join(':');
    return `decision: ${field(payload, 'verdict')} ${what} for ${shortId(field(payload, 'agent'))}${rule === '' ? '' : `, rule ${rule}`}`;
  }
  if (field(payload, 'kind') === 'refusal') return `refused ${field(payload, 'command')} of ${shortId(field(payload, 'caller'))}: ${field(payload, 'code')}`;
  if (field(payload, 'kind') === 'outcome') return `outcome of ${field(payload, 'decision')}: ${field(payload, 'status')} after ${field(payload, 'duration_ms')} ms`;
  return jsonText(payload).replace(/\n\s*/g, ' ');
}

/** `agentmesh audit log`. */
export function log(context: Context, flags: LogFlags): Promise<Outcome> {
  const params = { ...(flags.from === undefined ? {} : { from: flags.from }), ...(flags.limit === undefined ? {} : { limit: flags.limit }) };
  return show(context, flags, 'audit.log', params, (entries) => {
    const columns = [{ title: 'INDEX', right: true }, { title: 'TIME' }, { title: 'KIND' }, { title: 'WHAT' }];
    const rows = entries.map((entry) => [String(entry.index), moment(entry.time_ms), entry.kind, summary(entry.payload)]);
    printLines(context, table(columns, rows, context.width));
  });
}
