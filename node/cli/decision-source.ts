/** Where recorded decisions come from: a running node, the folder of a stopped one, or an exported file. */
import { isFields } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { LogPageView } from '../control/audit-entry-views.ts';
import { recordedDecision, type RecordedDecision } from '../policy-tools/recorded.ts';
import { ask, dataFolder, type CommonFlags } from './ask.ts';
import type { Context } from './context.ts';
import { linesOf } from './lines.ts';

const page_entries = 500;

/** Which decisions are wanted. */
export interface SourceFlags extends CommonFlags {
  readonly records?: string | undefined;
  readonly log?: string | undefined;
  readonly agent?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit?: number | undefined;
}

/** Takes one record, or `undefined` for what is no decision; whether more is wanted. */
export type Take = (decision: RecordedDecision | undefined) => boolean;

function wanted({ agent, from = -Infinity, to = Infinity }: SourceFlags, { time_ms, agent: who }: RecordedDecision): boolean {
  return time_ms >= from && time_ms <= to && (agent === undefined || agent === who);
}

/** Reads the decisions in the order of their log. Fails as the source does. */
export function decisionsOf(context: Context, flags: SourceFlags, take: Take): Promise<Result<void>> {
  return flags.records === undefined ? fromNode(context, flags, take) : fromFile(flags.records, flags, take);
}

async function fromNode(context: Context, flags: SourceFlags, take: Take): Promise<Result<void>> {
  const { agent, from, to, log } = flags;
  const query = {
    ...(agent === undefined ? {} : { agent }), ...(log === undefined ? {} : { log }),
    ...(from === undefined ? {} : { since_ms: from }), ...(to === undefined ? {} : { until_ms: to }), kind: 'decision', limit: page_entries,
  };
  let place: { from: number } | undefined = { from: 0 };
  while (place !== undefined) {
    const page: Result<LogPageView> = await ask(context, flags, 'audit.entries', { ...query, from: place.from });
    if (!page.ok) return page.failure.code === 'NODE_NOT_RUNNING' ? fromFolder(context, flags, take) : page;
    const { entries, next }: LogPageView = page.value;
    for (const { payload, index } of entries) if (!take(recordedDecision(payload, index))) return ok(undefined);
    place = next !== null && 'from' in next ? { from: next.from } : undefined;
  }
  return ok(undefined);
}

async function fromFolder(context: Context, flags: SourceFlags, take: Take): Promise<Result<void>> {
  const { readFolderLog } = await import('../audit-offline.ts');
  const { readPayload } = await import('../flight-recorder.ts');
  let more = true;
  return readFolderLog(dataFolder(flags.data, context.process.env), flags.log, ({ index, payload }) => {
    const decision = payload === undefined || !more ? undefined : recordedDecision(readPayload(payload), index);
    if (decision !== undefined && wanted(flags, decision)) more = take(decision);
  });
}

/** A line of an export: the record itself, or a CloudEvent around it. */
async function fromFile(file: string, flags: SourceFlags, take: Take): Promise<Result<void>> {
  for await (const line of linesOf(file)) {
    if (!line.ok) return line;
    const { number, text } = line.value;
    let value: unknown;
    try {
      value = JSON.parse(text ?? '');
    } catch {
      return fail('RECORD_INVALID', `line ${number} of ${file} is not JSON`, { fix: 'give what agentmesh audit export --format cloudevents writes, or one decision record a line' });
    }
    const index = isFields(value) && /^\d{1,15}$/.test(String(value['index'])) ? Number(value['index']) : number;
    const decision = recordedDecision(value, index) ?? (isFields(value) ? recordedDecision(value['data'] ?? value['payload'], index) : undefined);
    if (decision === undefined ? !take(undefined) : wanted(flags, decision) && !take(decision)) break;
  }
  return ok(undefined);
}
