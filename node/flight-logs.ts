/**
 * Reading the flight recorder back out of the audit log. There is no index by
 * agent or time: entries lie in the order of time, so a time is found by
 * halving, and the rest is a bounded walk, a page at a time, from either end.
 */
import { isFields, type Fields, type Json } from '../crypto/canonical.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { AuditRecord } from '../storage/audit-reader.ts';
import { readPayload } from './flight-recorder.ts';
import type { LogFilter } from './kernel/recorder.ts';

/** The most entries of one page. */
export const page_entries_max = 1000;
/** Entries that one page looks at before it says where to go on: half a second of reading at most. */
export const page_scanned_max = 32_768;
/** Records that `getLogs` gives when it is not told how many. */
export const logs_default = 1000;
/** The most records that `getLogs` gives at once; the walk of `records` has no end but the log's. */
export const logs_max = 100_000;
/** How far the clock of a host may have stepped back without an entry being missed that lies between two times. */
export const clock_step_ms_max = 600_000;

// What is read at once: little at first, since the newest entries are mostly those that are wanted.
const window_entries_min = 32;
const window_entries_max = 512;

/** Which entries are wanted; all of it must hold. */
export interface LogQuery extends LogFilter {
  /** DID or other name under which payloads are sealed. */
  readonly agent?: string;
}

/** Where a page begins: the newest entries before an index, or the oldest from an index on. */
export type LogPlace = { readonly before: number } | { readonly from: number };

/** An entry with its payload as a JSON value, where it can still be opened. */
export interface LoggedEntry {
  readonly record: AuditRecord;
  readonly payload?: Json;
}

/** A page of entries in the order of the log. */
export interface LogPage {
  readonly entries: readonly LoggedEntry[];
  /** Where the next page in the same direction begins, if there may be more. */
  readonly next?: LogPlace;
}

/** A record as programs get it: the fields that were recorded, and where they stand. An erased one has the kind `erased` and nothing more. */
export interface LoggedRecord {
  readonly kind: string;
  readonly agent: string | null;
  /** Unix milliseconds. */
  readonly time_ms: number;
  /** Of the entry in the audit log, for its proof. */
  readonly index: number;
  readonly [name: string]: Json;
}

function textOf(payload: Json | undefined, name: string): string | undefined {
  const value = isFields(payload) ? payload[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function isObject(value: Json): value is Fields & { readonly [name: string]: Json } {
  return isFields(value);
}

function matches({ record, payload }: LoggedEntry, { agent, kind, verdict, from = -Infinity, to = Infinity }: LogQuery): boolean {
  const recorded_kind = textOf(payload, 'kind');
  return record.time_ms >= from && record.time_ms <= to
    && (agent === undefined || record.subject === agent)
    && (kind === undefined || record.kind === kind || recorded_kind === kind)
    && (verdict === undefined || (recorded_kind === 'decision' && textOf(payload, 'verdict') === verdict));
}

/** The payload of an entry as others may see it: all of it, but for the key under which imports are known again. */
export function shownPayload({ payload }: AuditRecord): Json | undefined {
  const value = payload === undefined ? undefined : readPayload(payload);
  return isImportKey(value) ? { kind: 'import-key' } : value;
}

/** Whether a payload is the key under which imports are known again. */
export function isImportKey(payload: Json | undefined): boolean {
  return textOf(payload, 'kind') === 'import-key';
}

function opened(record: AuditRecord): LoggedEntry {
  const payload = shownPayload(record);
  return payload === undefined ? { record } : { record, payload };
}

/** An entry of a payload as a record: what is no record of the kernel's form comes under `payload`. Entries that never had one give nothing. */
export function loggedRecord({ record, payload }: LoggedEntry): LoggedRecord | undefined {
  const { index, time_ms, kind, subject = null } = record;
  if (kind !== 'event') return undefined;
  if (payload === undefined) return { kind: 'erased', agent: null, time_ms, index };
  const recorded_kind = textOf(payload, 'kind');
  if (recorded_kind === undefined || !isObject(payload)) return { kind: 'other', agent: subject, time_ms, index, payload };
  return { agent: subject, time_ms, ...payload, kind: recorded_kind, index };
}

/** What of a log is read. */
export type ReadableLog = Pick<AuditLog, 'size' | 'read' | 'entries'>;

/** The log of a host, read by agent, time, kind and verdict. */
export class FlightLogs {
  readonly #log: ReadableLog;

  constructor(log: ReadableLog) {
    this.#log = log;
  }

  /**
   * One page. A page may be empty and still have a next one: no more than
   * {@link page_scanned_max} entries are looked at for it. Fails with `AUDIT_DAMAGED` or
   * `AUDIT_ARCHIVED` when not even its first window can be read.
   */
  async page(query: LogQuery, place: LogPlace, limit: number = page_entries_max): Promise<Result<LogPage>> {
    const bounds = await this.#bounds(query);
    if (!bounds.ok) return bounds;
    const wanted = Math.max(1, Math.min(limit, page_entries_max));
    return 'before' in place
      ? this.#older(query, bounds.value, Math.min(place.before, bounds.value.to), wanted)
      : this.#newer(query, bounds.value, Math.max(place.from, bounds.value.from), wanted);
  }

  async #older(query: LogQuery, { from }: Bounds, start: number, limit: number): Promise<Result<LogPage>> {
    const found: LoggedEntry[] = [];
    let end = start;
    let width = firstWidth(limit);
    let archived = false;
    while (end > from && found.length < limit && start - end < page_scanned_max) {
      const begin = Math.max(from, end - width);
      const window = await this.#window(query, begin, end);
      if (!window.ok && window.failure.code === 'AUDIT_ARCHIVED' && end - begin > 1) {
        // The archive is away: what lies after its end can still be read.
        width = Math.ceil((end - begin) / 2);
        archived = true;
        continue;
      }
      // What was found is given; the next page begins at the trouble and says it.
      if (!window.ok) return found.length === 0 ? window : ok(pageOf(found, { before: end }));
      found.unshift(...window.value);
      end = begin;
      width = archived ? width : wider(width);
    }
    const entries = found.slice(-limit);
    const cut = entries.length < found.length ? entries[0]?.record.index : undefined;
    return ok(pageOf(entries, cut !== undefined ? { before: cut } : end > from ? { before: end } : undefined));
  }

  async #newer(query: LogQuery, { to }: Bounds, start: number, limit: number): Promise<Result<LogPage>> {
    const found: LoggedEntry[] = [];
    let begin = start;
    let width = firstWidth(limit);
    while (begin < to && found.length < limit && begin - start < page_scanned_max) {
      const end = Math.min(to, begin + width);
      const window = await this.#window(query, begin, end);
      if (!window.ok) return found.length === 0 ? window : ok(pageOf(found, { from: begin }));
      found.push(...window.value);
      begin = end;
      width = wider(width);
    }
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    const cut = entries.length < found.length && last !== undefined ? last.record.index + 1 : undefined;
    return ok(pageOf(entries, cut !== undefined ? { from: cut } : begin < to ? { from: begin } : undefined));
  }

  async #window(query: LogQuery, from: number, to: number): Promise<Result<readonly LoggedEntry[]>> {
    const found: LoggedEntry[] = [];
    for await (const record of this.#log.entries({ from, to, ...(query.agent === undefined ? {} : { subject: query.agent }) })) {
      if (!record.ok) return record;
      const entry = opened(record.value);
      if (matches(entry, query)) found.push(entry);
    }
    return ok(found);
  }

  /** The newest matching records, oldest first: `filter.limit` of them, {@link logs_default} when absent. Fails as {@link page} does. */
  async newest(agent: string | undefined, filter: LogFilter = {}): Promise<Result<readonly LoggedRecord[]>> {
    const limit = Math.min(filter.limit ?? logs_default, logs_max);
    const query: LogQuery = { ...filter, ...(agent === undefined ? {} : { agent }) };
    const pages: (readonly LoggedRecord[])[] = [];
    let count = 0;
    let place: LogPlace | undefined = { before: this.#log.size() };
    while (place !== undefined && count < limit) {
      const page: Result<LogPage> = await this.page(query, place);
      if (!page.ok) return page;
      const records = page.value.entries.flatMap((entry) => loggedRecord(entry) ?? []);
      pages.unshift(records);
      count += records.length;
      place = page.value.next;
    }
    return ok(limit === 0 ? [] : pages.flat().slice(-limit));
  }

  /** Every matching record, oldest first, also those that are added on the way; a failure ends the walk. */
  async *records(agent: string | undefined, filter: LogFilter = {}): AsyncIterable<Result<LoggedRecord>> {
    const query: LogQuery = { ...filter, ...(agent === undefined ? {} : { agent }) };
    let place: LogPlace | undefined = { from: 0 };
    while (place !== undefined) {
      const page: Result<LogPage> = await this.page(query, place);
      if (!page.ok) return yield page;
      for (const entry of page.value.entries) {
        const record = loggedRecord(entry);
        if (record !== undefined) yield ok(record);
      }
      place = page.value.next;
    }
  }

  async #bounds({ from, to }: LogQuery): Promise<Result<Bounds>> {
    const size = this.#log.size();
    const first = from === undefined ? ok(0) : await this.#firstSince(from - clock_step_ms_max, size);
    if (!first.ok) return first;
    const end = to === undefined ? ok(size) : await this.#firstSince(to + clock_step_ms_max + 1, size);
    return end.ok ? ok({ from: first.value, to: end.value }) : end;
  }

  /** The first entry that is not older than a time, by halving. Archived entries are the oldest ones. */
  async #firstSince(time_ms: number, size: number): Promise<Result<number>> {
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const record = await this.#log.read(middle);
      if (!record.ok && record.failure.code !== 'AUDIT_ARCHIVED') return record;
      if (record.ok && record.value.time_ms >= time_ms) high = middle;
      else low = middle + 1;
    }
    return ok(low);
  }
}

function firstWidth(limit: number): number {
  return Math.min(Math.max(limit, window_entries_min), window_entries_max);
}

function wider(width: number): number {
  return Math.min(2 * width, window_entries_max);
}

interface Bounds {
  readonly from: number;
  readonly to: number;
}

function pageOf(entries: readonly LoggedEntry[], next: LogPlace | undefined): LogPage {
  return next === undefined ? { entries } : { entries, next };
}

/** Whether a filter makes sense. Fails with `LOG_FILTER_INVALID`. */
export function checkFilter({ from, to, limit }: LogFilter): Result<void> {
  const numbers = [from, to, limit].filter((value) => value !== undefined);
  if (numbers.every((value) => Number.isFinite(value) && value >= 0) && (limit === undefined || Number.isInteger(limit))) return ok(undefined);
  return fail('LOG_FILTER_INVALID', 'from and to are Unix milliseconds and limit is a whole number, none of them negative', { fix: 'for example { from: Date.now() - 3_600_000, limit: 100 }' });
}
