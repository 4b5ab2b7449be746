/** The control methods about the entries of our own log: read, shown, erased, taken from elsewhere. */
import { fromBigEndian, toBase64url, toHex } from '../../crypto/bytes.ts';
import { isFields, isWhole } from '../../crypto/canonical.ts';
import { canonicalJsonBytes } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { decodeEntry, isErasureBasis, parseErasure, erasure_bases, type ErasureBasis } from '../../storage/audit-entry.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import type { ErasureTarget } from '../../storage/audit-eraser.ts';
import type { AuditRecord } from '../../storage/audit-reader.ts';
import { parseGenesis } from '../../storage/log-succession.ts';
import { checkFilter, FlightLogs, shownPayload, type LogPlace, type LogQuery } from '../flight-logs.ts';
import type { Host } from '../host.ts';
import { checkOptions, syncEntries } from '../log-sync.ts';
import { chosenLog, numberOfLog } from '../own-logs.ts';
import type { ControlApi, ControlMethods } from './api.ts';
import type { EntryView, ErasedView, ImportView, LogEntryView, LogPageView } from './audit-entry-views.ts';
import { headOf } from './audit-methods.ts';
import type { HeadView } from './audit-views.ts';

type EntryMethods = Pick<ControlMethods, 'audit.entries' | 'audit.show' | 'audit.erase' | 'audit.import'>;

const verdicts = ['allow', 'deny', 'require_approval'] as const;
const entries_default = 100;

/** What an entry that has no payload is about, from its bytes. */
function aboutOf({ kind, entry }: AuditRecord): string | null {
  const decoded = decodeEntry(entry);
  const body = decoded.ok ? decoded.value.body : new Uint8Array();
  switch (kind) {
    case 'anchor': return `${body[0] === 1 ? '1 head of another log' : `${body[0] ?? 0} heads of other logs`} that this host witnessed`;
    case 'receipt': return receiptOf(fromBigEndian(body.subarray(0, 8)) ?? 0);
    case 'erasure': return erasureOf(body);
    case 'evidence': return `evidence file with SHA-256 ${toHex(body)}`;
    case 'genesis': return genesisOf(body);
    case 'event': return null;
  }
}

function receiptOf(size: number): string {
  return `a quorum cosigned the first ${size === 1 ? 'entry' : `${size} entries`}`;
}

function genesisOf(body: Uint8Array): string | null {
  const genesis = parseGenesis(body);
  if (!genesis.ok) return null;
  switch (genesis.value.kind) {
    case 'first': return 'the log begins';
    case 'successor': {
      const { predecessor: { size, origin }, kept } = genesis.value;
      return `the log goes on after the ${size} entries of ${origin}${kept < size ? `, of which ${kept} are left` : ''}`;
    }
    case 'close': return `the log ends, and goes on as ${genesis.value.successor.name}`;
  }
}

function erasureOf(body: Uint8Array): string | null {
  const parsed = parseErasure(body);
  if (!parsed.ok) return null;
  const { part, basis } = parsed.value;
  const what = 'index' in part ? `the payload of entry ${part.index}` : 'before' in part ? `all payloads before entry ${part.before}` : 'all payloads of one subject';
  return `erased ${what}: ${basis}`;
}

function entryView(record: AuditRecord): LogEntryView {
  const { index, kind, time_ms, leaf_hash, subject = null, payload } = record;
  return {
    index, kind, time_ms, subject, leaf_hash: toBase64url(leaf_hash), about: aboutOf(record),
    state: kind !== 'event' ? 'bare' : payload === undefined ? 'erased' : 'open',
    payload: shownPayload(record) ?? null,
  };
}

/** The name under which an agent's payloads are sealed: its DID where it lives here or is a contact, else the name as it is. */
function subjectOf(host: Host, who: string): string {
  const did = who === '' ? undefined : host.identities.didOf(who);
  return did?.ok === true ? did.value : who;
}

function queryOf(host: Host, params: ControlApi['audit.entries']['params']): Result<LogQuery> {
  const verdict = verdicts.find((name) => name === params.verdict);
  if (params.verdict !== undefined && verdict === undefined) return fail('PARAMS_INVALID', `a verdict is one of ${verdicts.join(', ')}`);
  const query: LogQuery = {
    ...(params.agent === undefined ? {} : { agent: subjectOf(host, params.agent) }),
    ...(params.kind === undefined ? {} : { kind: params.kind }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(params.since_ms === undefined ? {} : { from: params.since_ms }),
    ...(params.until_ms === undefined ? {} : { to: params.until_ms }),
  };
  const valid = checkFilter({ ...query, ...(params.limit === undefined ? {} : { limit: params.limit }) });
  return valid.ok ? ok(query) : valid;
}

async function entries(host: Host, params: ControlApi['audit.entries']['params']): Promise<Result<LogPageView>> {
  const query = queryOf(host, params);
  if (!query.ok) return query;
  const { before, from, limit = entries_default } = params;
  if ([before, from].some((index) => index !== undefined && !(Number.isSafeInteger(index) && index >= 0)) || (before !== undefined && from !== undefined)) {
    return fail('PARAMS_INVALID', 'a page begins either before an index or from one, a whole number from 0');
  }
  const log = await chosenLog(host, params.log);
  if (!log.ok) return log;
  const size = log.value.size();
  const place: LogPlace = from === undefined ? { before: before ?? size } : { from };
  const page = await (log.value === host.log ? host.logs : new FlightLogs(log.value)).page(query.value, place, limit);
  if (!page.ok) return page;
  return ok({ origin: log.value.origin, size, entries: page.value.entries.map(({ record }) => entryView(record)), next: page.value.next ?? null });
}

/** The newest checkpoint that covers an entry: a cosigned one, else one that this host signed. */
async function covering(log: AuditLog, index: number): Promise<HeadView | null> {
  const cosigned = await log.cosigned();
  for (const note of [cosigned.ok ? cosigned.value : undefined, log.latest()?.note]) {
    const head = note === undefined ? undefined : headOf(note);
    if (head?.ok === true && head.value.size > index) return head.value;
  }
  return null;
}

async function show(host: Host, { index, log: which }: ControlApi['audit.show']['params']): Promise<Result<EntryView>> {
  const log = await chosenLog(host, which);
  if (!log.ok) return log;
  const record = await log.value.read(index);
  return record.ok ? ok({ ...entryView(record.value), origin: log.value.origin, checkpoint: await covering(log.value, index) }) : record;
}

/** One entry as the target of an erasure. The answer to a call is sealed for the entry of its decision, so that of an outcome takes it too. */
async function entryTarget(log: AuditLog, index: number): Promise<ErasureTarget> {
  const record = await log.read(index);
  const payload = record.ok ? shownPayload(record.value) : undefined;
  const decision = isFields(payload) && payload['kind'] === 'outcome' ? payload['decision'] : undefined;
  return isWhole(decision) && decision < index ? { index, beside: decision } : { index };
}

async function erase(host: Host, { subject, index, basis, log: which }: ControlApi['audit.erase']['params']): Promise<Result<ErasedView>> {
  if (!isErasureBasis(basis)) return fail('PARAMS_INVALID', `the basis of an erasure is one of ${Object.keys(erasure_bases).join(', ')}`);
  if ((subject === undefined) === (index === undefined)) return fail('PARAMS_INVALID', 'an erasure is of a subject or of one entry', { fix: 'give either subject or index' });
  const number = numberOfLog(host, which);
  if (!number.ok) return number;
  if (index !== undefined && number.value < host.past_logs.count) return erasePast(host, number.value, index, basis);
  if (subject === undefined) {
    const erased = await host.log.erase(await entryTarget(host.log, index ?? -1), basis);
    return erased.ok ? ok({ entry: erased.value.index ?? null, payloads: erased.value.entries, past_payloads: 0, subject: null, memory: null }) : erased;
  }
  if (which !== undefined) return fail('PARAMS_INVALID', 'the payloads of a subject are erased in all logs at once', { fix: 'leave out the log' });
  const name = subjectOf(host, subject);
  const past_payloads = await host.past_logs.payloadsOf(name);
  const erased = await host.files.eraseWith(name, () => host.log.erase({ subject: name }, basis));
  if (!erased.ok) return erased;
  const { done: { index: entry = null, entries: payloads }, memory } = erased.value;
  return ok({ entry, payloads: payloads + past_payloads, past_payloads, subject: name, memory });
}

/** Erases in a log before the newest, which takes no entry any more: the newest says it, before it is done. */
async function erasePast({ log, past_logs, identities }: Host, number: number, index: number, basis: ErasureBasis): Promise<Result<ErasedView>> {
  const past = await past_logs.log(number);
  const record = past.ok ? await past.value.read(index) : past;
  if (!past.ok) return past;
  if (!record.ok) return record;
  const payload = canonicalJsonBytes({ kind: 'erased', origin: past.value.origin, index, basis });
  const is_told = log.frozen === undefined && record.value.payload !== undefined;
  const told = is_told ? await log.append({ subject: identities.node.did, payload }) : undefined;
  if (told?.ok === false) return told;
  const erased = await past.value.erase(await entryTarget(past.value, index), basis);
  return erased.ok ? ok({ entry: told?.value.index ?? null, payloads: erased.value.entries, past_payloads: erased.value.entries, subject: null, memory: null }) : erased;
}

async function take(host: Host, { lines, subject, source }: ControlApi['audit.import']['params']): Promise<Result<ImportView>> {
  const options = { ...(subject === undefined ? {} : { subject }), ...(source === undefined ? {} : { source }) };
  const valid = checkOptions(options);
  if (!valid.ok) return valid;
  if (host.log.frozen !== undefined) return { ok: false, failure: host.log.frozen };
  const outcomes: ImportView['outcomes'][number][] = [];
  for await (const outcome of syncEntries(host, lines, options)) outcomes.push(outcome);
  return ok({ origin: host.log.origin, outcomes });
}

/** The methods about the entries of a host's log. */
export function auditEntryMethods(host: Host): EntryMethods {
  return {
    'audit.entries': (params) => entries(host, params),
    'audit.show': (params) => show(host, params),
    'audit.erase': (params) => erase(host, params),
    'audit.import': (params) => take(host, params),
  };
}
