/** What the commands that show and follow the entries of the log do. */
import { setTimeout as pause } from 'node:timers/promises';
import { FailureError, ok, type Result } from '../../../crypto/result.ts';
import type { EntryView, LogEntryView, LogPageView } from '../../control/audit-entry-views.ts';
import { ask, printLines, show as showAnswer, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { jsonText, moment, shellWord, shortId } from '../view/text.ts';
import { logParam, type LogFlags } from './audit.ts';

const lines_default = 20;
const page_entries = 500;
const poll_ms = 400;

/** Flags that select entries. */
export interface SelectFlags extends LogFlags {
  readonly agent?: string | undefined;
  readonly kind?: string | undefined;
  readonly verdict?: string | undefined;
}

/** Flags of `audit tail`. */
export interface TailFlags extends SelectFlags {
  readonly lines?: number | undefined;
  readonly follow: boolean;
  readonly since?: number | undefined;
}

function field(payload: object, name: string): string {
  const value: unknown = Object.entries(payload).find(([key]) => key === name)?.[1];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** An action in words: its type, and of what is known about it what says the most. */
function whatOf(action: object): string {
  const object = ['signal', 'resource', 'tool', 'path'].map((name) => field(action, name)).find((text) => text !== '');
  return object === undefined ? field(action, 'type') : `${field(action, 'type')}:${object}`;
}

/** What an entry records, or the kind of entry. */
function kindOf({ kind, payload }: LogEntryView): string {
  const recorded = typeof payload === 'object' && payload !== null ? field(payload, 'kind') : '';
  return recorded === '' ? kind : recorded;
}

/** An entry in one line; `audit show` has all of it. */
function summary({ state, about, subject, payload }: LogEntryView): string {
  if (state === 'erased') return 'erased';
  if (about !== null) return about;
  if (typeof payload !== 'object' || payload === null) return jsonText(payload);
  const action: unknown = 'action' in payload ? payload.action : undefined;
  switch (field(payload, 'kind')) {
    case 'decision': {
      const what = typeof action === 'object' && action !== null ? whatOf(action) : '';
      const rule = field(payload, 'rule');
      return `${field(payload, 'verdict')} ${what} for ${shortId(field(payload, 'agent'))}${rule === '' ? '' : `, rule ${rule}`}`;
    }
    case 'outcome': return `${field(payload, 'status')} after ${field(payload, 'duration_ms')} ms: decision ${field(payload, 'decision')}`;
    case 'refusal': return `${field(payload, 'code')}: ${field(payload, 'command')} of ${shortId(field(payload, 'caller'))}`;
    case 'completion': return `of ${shortId(field(payload, 'worker'))} for ${shortId(field(payload, 'issuer'))}`;
    case 'imported': return `of ${shortId(field(payload, 'agent'))}${'record' in payload ? `: ${jsonText(payload.record).replace(/\n\s*/g, ' ')}` : ''}`;
    case 'approval-rejected': return `${field(payload, 'code')}: ${field(payload, 'reason')}`;
    case 'approval-answered': return `${field(payload, 'verdict')} of a call that ${shortId(field(payload, 'agent'))} was sent, by ${shortId(field(payload, 'by'))}`;
    case 'approvals-page-rejected': return `${field(payload, 'code')} at the page for approvals`;
    case 'import-key': return `under which entries of ${shortId(subject ?? '')} are known again`;
    default: return jsonText(payload).replace(/\n\s*/g, ' ');
  }
}

function printEntries(context: Context, entries: readonly LogEntryView[], titled: boolean): void {
  const columns = [{ title: 'INDEX', right: true }, { title: 'TIME' }, { title: 'KIND' }, { title: 'WHAT' }];
  const rows = entries.map((entry) => [String(entry.index), moment(entry.time_ms), kindOf(entry), summary(entry)]);
  const lines = table(columns, rows, context.width);
  printLines(context, titled ? lines : lines.slice(lines.length > entries.length ? 1 : 0));
}

function selection(flags: SelectFlags): { agent?: string; kind?: string; verdict?: string; log?: string } {
  const { agent, kind, verdict } = flags;
  return { ...(agent === undefined ? {} : { agent }), ...(kind === undefined ? {} : { kind }), ...(verdict === undefined ? {} : { verdict }), ...logParam(flags) };
}

/** The newest entries that are selected, in as many requests as it takes. */
async function newest(context: Context, flags: TailFlags): Promise<Result<LogPageView>> {
  const wanted = flags.lines ?? lines_default;
  const query = { ...selection(flags), ...(flags.since === undefined ? {} : { since_ms: flags.since }) };
  const first = await ask(context, flags, 'audit.entries', { ...query, limit: Math.min(wanted, page_entries) });
  if (!first.ok) return first;
  const pages = [first.value.entries];
  let count = first.value.entries.length;
  let { next } = first.value;
  while (next !== null && count < wanted) {
    const page = await ask(context, flags, 'audit.entries', { ...query, ...next, limit: Math.min(wanted - count, page_entries) });
    if (!page.ok) return page;
    pages.push(page.value.entries);
    count += page.value.entries.length;
    ({ next } = page.value);
  }
  return ok({ ...first.value, entries: wanted === 0 ? [] : pages.reverse().flat(), next });
}

/** Prints what is added to the log from an index on, until the signal. */
async function follow(context: Context, flags: TailFlags, from: number, stop: AbortSignal): Promise<Outcome> {
  let place = from;
  while (!stop.aborted) {
    const page = await ask(context, flags, 'audit.entries', { ...selection(flags), from: place, limit: page_entries });
    if (stop.aborted) return;
    if (!page.ok) return new FailureError(page.failure);
    const { entries, next, size } = page.value;
    if (flags.json) for (const entry of entries) context.print(JSON.stringify(entry));
    else if (entries.length > 0) printEntries(context, entries, false);
    place = next !== null && 'from' in next ? next.from : Math.max(size, (entries.at(-1)?.index ?? 0) + 1);
    if (next === null) await pause(poll_ms, undefined, { signal: stop }).catch(() => undefined);
  }
}

/** `agentmesh audit tail`. */
export async function tail(context: Context, flags: TailFlags): Promise<Outcome> {
  const stop = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const end = (): void => stop.abort();
  if (flags.follow) for (const signal of signals) process.on(signal, end);
  // A reader that went away (`| head`) ends it too.
  if (flags.follow) context.process.stdout.on('error', end);
  try {
    const found = await newest(context, flags);
    if (!found.ok) return stop.signal.aborted ? undefined : new FailureError(found.failure);
    const { entries, size } = found.value;
    if (flags.json && !flags.follow) context.printJson(found.value);
    else if (flags.json) for (const entry of entries) context.print(JSON.stringify(entry));
    else if (entries.length > 0 || flags.follow) printEntries(context, entries, true);
    else context.talk('no entry matches; all of them: agentmesh audit tail -n 100');
    if (flags.follow) return await follow(context, flags, size, stop.signal);
  } finally {
    // One press of Ctrl-C may come twice, from the terminal and from the process above; the second must not turn a good end into a bad one.
    if (flags.follow && !stop.signal.aborted) for (const signal of signals) process.off(signal, end);
  }
}

const states = { open: 'sealed, and opened with the key of its subject', erased: 'gone: erased, or lost where a damaged log was recovered; the entry and its proofs stay valid', bare: 'none: entries of this kind are public' } as const;

function printEntry(context: Context, entry: EntryView): void {
  const { index, origin, time_ms, kind, leaf_hash, state, subject, about, checkpoint, payload } = entry;
  printLines(context, details([
    ['entry', `${index} of ${origin}`],
    ['time', moment(time_ms)],
    ['kind', kindOf(entry) === kind ? kind : `${kindOf(entry)} (${kind})`],
    ['leaf hash', leaf_hash],
    ['payload', states[state]],
    ['subject', subject ?? undefined],
    ['about', about ?? undefined],
    ['checkpoint', checkpoint === null ? 'none covers it yet: agentmesh audit anchor' : `of ${checkpoint.size} entries, root ${checkpoint.root}`],
    ...(checkpoint?.cosignatures ?? []).map((name, at) => [at === 0 ? 'cosigned by' : '', name] as const),
    ['cosigned by', checkpoint !== null && checkpoint.cosignatures.length === 0 ? 'nobody yet' : undefined],
  ]));
  if (state !== 'open') return;
  context.print();
  printLines(context, jsonText(payload).split('\n'));
}

/** `agentmesh audit show`. */
export async function show(context: Context, flags: LogFlags, index: number): Promise<Outcome> {
  return showAnswer(context, flags, 'audit.show', { index, ...logParam(flags) }, (entry) => {
    printEntry(context, entry);
    context.talk(`to prove it to others: agentmesh audit prove ${entry.index}${flags.log === undefined ? '' : ` --log ${shellWord(flags.log)}`}`);
  });
}
