/** The control methods about the entries of our own log: read, shown, erased, taken from elsewhere. */
import { fromBigEndian, toBase64url, toHex } from '../../crypto/bytes.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { decodeEntry, isErasureBasis, parseErasure, erasure_bases } from '../../storage/audit-entry.ts';
import type { AuditRecord } from '../../storage/audit-reader.ts';
import { parseGenesis } from '../../storage/log-succession.ts';
import { checkFilter, shownPayload, type LogPlace, type LogQuery } from '../flight-logs.ts';
import type { Host } from '../host.ts';
import { checkOptions, syncEntries } from '../log-sync.ts';
import type { ControlApi, ControlMethods } from './api.ts';
import type { EntryView, ErasedView, ImportView, LogEntryView, LogPageView } from './audit-entry-views.ts';
import { headOf } from './audit-methods.ts';
import type { HeadView } from './views.ts';

type EntryMethods = Pick<ControlMethods, 'audit.entries' | 'audit.show' | 'audit.erase' | 'audit.import'>;

const verdicts = ['allow', 'deny', 'require_approval'] as const;
const entries_default = 100;

/** What an entry that has no payload is about, from its bytes. */
function aboutOf({ kind, entry }: AuditRecord): string | null {
  const decoded = decodeEntry(entry);
  const body = decoded.ok ? decoded.value.body : new Uint8Array();
  switch (kind) {
    case 'anchor': return `${body[0] ?? 0} heads of other logs that this host witnessed`;
    case 'receipt': return `a quorum cosigned the first ${fromBigEndian(body.subarray(0, 8)) ?? 0} entries`;
    case 'erasure': return erasureOf(body);
    case 'evidence': return `evidence file with SHA-256 ${toHex(body)}`;
    case 'genesis': return genesisOf(body);
    case 'event': return null;
  }
}

function genesisOf(body: Uint8Array): string | null {
  const genesis = parseGenesis(body);
  if (!genesis.ok) return null;
  switch (genesis.value.kind) {
    case 'first': return 'the log begins';
    case 'successor': return `the log goes on after the ${genesis.value.predecessor.size} entries of ${genesis.value.predecessor.origin}`;
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
  const size = host.log.size();
  const place: LogPlace = from === undefined ? { before: before ?? size } : { from };
  const page = await host.logs.page(query.value, place, limit);
  if (!page.ok) return page;
  return ok({ origin: host.log.origin, size, entries: page.value.entries.map(({ record }) => entryView(record)), next: page.value.next ?? null });
}

/** The newest checkpoint that covers an entry: a cosigned one, else one that this host signed. */
async function covering(host: Host, index: number): Promise<HeadView | null> {
  const cosigned = await host.log.cosigned();
  for (const note of [cosigned.ok ? cosigned.value : undefined, host.log.latest()?.note]) {
    const head = note === undefined ? undefined : headOf(note);
    if (head?.ok === true && head.value.size > index) return head.value;
  }
  return null;
}

async function show(host: Host, index: number): Promise<Result<EntryView>> {
  const record = await host.log.read(index);
  return record.ok ? ok({ ...entryView(record.value), origin: host.log.origin, checkpoint: await covering(host, index) }) : record;
}

async function erase(host: Host, { subject, index, basis }: ControlApi['audit.erase']['params']): Promise<Result<ErasedView>> {
  if (!isErasureBasis(basis)) return fail('PARAMS_INVALID', `the basis of an erasure is one of ${Object.keys(erasure_bases).join(', ')}`);
  if ((subject === undefined) === (index === undefined)) return fail('PARAMS_INVALID', 'an erasure is of a subject or of one entry', { fix: 'give either subject or index' });
  const name = subject === undefined ? null : subjectOf(host, subject);
  const erased = await host.log.erase(name === null ? { index: index ?? -1 } : { subject: name }, basis);
  if (!erased.ok) return erased;
  return ok({ entry: erased.value.index ?? null, payloads: erased.value.entries, subject: name });
}

async function take(host: Host, { lines, subject, source }: ControlApi['audit.import']['params']): Promise<Result<ImportView>> {
  const options = { ...(subject === undefined ? {} : { subject }), ...(source === undefined ? {} : { source }) };
  const valid = checkOptions(options);
  if (!valid.ok) return valid;
  const outcomes: ImportView['outcomes'][number][] = [];
  for await (const outcome of syncEntries(host, lines, options)) outcomes.push(outcome);
  return ok({ origin: host.log.origin, outcomes });
}

/** The methods about the entries of a host's log. */
export function auditEntryMethods(host: Host): EntryMethods {
  return {
    'audit.entries': (params) => entries(host, params),
    'audit.show': ({ index }) => show(host, index),
    'audit.erase': (params) => erase(host, params),
    'audit.import': (params) => take(host, params),
  };
}
