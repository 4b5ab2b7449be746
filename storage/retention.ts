/**
 * What a host may forget, and when. By default it keeps everything; nothing is
 * ever dropped without a rule that says so, and what runs out of room is
 * refused, not evicted.
 */
import { setImmediate } from 'node:timers/promises';
import { bigEndian, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import { hasShape } from '../crypto/canonical.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { tile_width } from '../crypto/tlog-tiles.ts';
import { decodeEntry } from './audit-entry.ts';
import { log_keys } from './audit-group.ts';
import type { AuditLog } from './audit-log.ts';
import { entriesOfBundle } from './audit-tree.ts';
import type { Change, Store } from './store.ts';

/** The smallest disk budget: less than LevelDB itself needs to work. */
export const audit_disk_bytes_min = 67_108_864;
/** A witness that forgets a log sooner could be made to cosign another history of it. */
export const witness_days_min = 365;
/** Of what a log may take of the disk, how much it takes when its host begins to warn. */
export const budget_warning_share = 0.8;

const day_ms = 86_400_000;
const days_max = 36_500;

/** What may be dropped when, and what the audit log may take of the disk. What is absent is kept, or unlimited. */
export interface RetentionPolicy {
  /** Payloads of entries older than so many days are erased, which is itself an entry. */
  readonly payload_days?: number;
  /** Own checkpoints older than so many days that nobody cosigned are dropped. */
  readonly checkpoint_days?: number;
  /** What this host remembers as a witness of logs that it has not seen for so many days is dropped. */
  readonly witness_days?: number;
  /** What the log may take of the disk: governed actions are refused beyond it. */
  readonly audit_disk_bytes_max?: number;
  /** How much of the disk must be free for governed actions. */
  readonly free_disk_bytes_min?: number;
}

const limits: { readonly [Name in keyof RetentionPolicy]-?: readonly [min: number, max: number, unit: string] } = {
  payload_days: [1, days_max, 'days'],
  checkpoint_days: [1, days_max, 'days'],
  witness_days: [witness_days_min, days_max, 'days'],
  audit_disk_bytes_max: [audit_disk_bytes_min, Number.MAX_SAFE_INTEGER, 'bytes'],
  free_disk_bytes_min: [0, Number.MAX_SAFE_INTEGER, 'bytes'],
};

function invalid(reason: string): Result<never> {
  return fail('RETENTION_INVALID', reason, { fix: 'for example {"payload_days": 730, "audit_disk_bytes_max": 10737418240}' });
}

/** Checks a policy. Fails with `RETENTION_INVALID`. */
export function checkRetention(policy: unknown): Result<RetentionPolicy> {
  const names = ['payload_days', 'checkpoint_days', 'witness_days', 'audit_disk_bytes_max', 'free_disk_bytes_min'] as const;
  if (!hasShape(policy, [], names)) return invalid(`a retention policy has the fields ${names.join(', ')}, all optional`);
  const checked: { -readonly [Name in keyof RetentionPolicy]: RetentionPolicy[Name] } = {};
  for (const name of names) {
    const value = policy[name];
    const [min, max, unit] = limits[name];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) return invalid(`${name} is a whole number of ${unit} from ${min} to ${max}`);
    checked[name] = value;
  }
  return ok(checked);
}

/** Parses a policy in JSON. Fails with `RETENTION_INVALID`. */
export function parseRetention(text: string): Result<RetentionPolicy> {
  try {
    return checkRetention(JSON.parse(text));
  } catch (error) {
    return invalid(`a retention policy is JSON: ${messageOf(error)}`);
  }
}

/** The moment before which something of so many days counts as old. */
export function cutoff(now_ms: number, days: number): number {
  return now_ms - days * day_ms;
}

/** What the log takes of the disk and what is left of it; `undefined` where it cannot be known, as in memory. */
export interface DiskUse {
  readonly audit_bytes: number | undefined;
  readonly free_bytes: number | undefined;
}

/** How the use of the disk stands to the budget. */
export type BudgetLevel = 'ok' | 'near' | 'full';

/** Judges the use of the disk. The free space is near its floor at five quarters of it. */
export function budgetLevel({ audit_bytes = 0, free_bytes = Infinity }: DiskUse, { audit_disk_bytes_max = Infinity, free_disk_bytes_min = 0 }: RetentionPolicy): BudgetLevel {
  if (audit_bytes >= audit_disk_bytes_max || free_bytes < free_disk_bytes_min) return 'full';
  return audit_bytes >= audit_disk_bytes_max * budget_warning_share || free_bytes * budget_warning_share < free_disk_bytes_min ? 'near' : 'ok';
}

const mark_key = log_keys.forgotten();

/** Up to which entry payloads were erased because of their age, as far as that is remembered. */
export async function erasedBefore(store: Store): Promise<number> {
  return fromBigEndian(await store.get('log', mark_key) ?? new Uint8Array()) ?? 0;
}

/** The change that remembers it. A lost one costs reading the entries again. */
export function erasedBeforeChange(index: number): Change {
  return { space: 'log', key: mark_key, value: bigEndian(index, 8) };
}

/**
 * The first entry from `from` on that is not older than a moment: all before it
 * are. Times are those of the host's clock, which may have been set back, so
 * they are read one by one. Fails with what the log fails with.
 */
export async function firstSince(log: AuditLog, since_ms: number, from = 0): Promise<Result<number>> {
  const size = log.size();
  let index = from;
  for await (const time_ms of log.frozen === undefined ? timesOf(log, index, size) : frozenTimes(log, index)) {
    if (!time_ms.ok) return time_ms;
    if (time_ms.value >= since_ms) return ok(index);
    index += 1;
  }
  return ok(size);
}

async function* timesOf(log: AuditLog, from: number, size: number): AsyncIterable<Result<number>> {
  for (let index = from; index < size;) {
    const number = Math.floor(index / tile_width);
    // Small reads of the store end at once: without this nobody else would get a turn before the last one.
    await setImmediate();
    const bundle = await log.bundle(number, Math.min(tile_width, size - number * tile_width));
    if (!bundle.ok) return yield bundle;
    for (const bytes of entriesOfBundle(bundle.value)?.slice(index % tile_width) ?? []) {
      const entry = decodeEntry(bytes);
      yield entry.ok ? ok(entry.value.time_ms) : entry;
      index += 1;
    }
  }
}

/** A frozen log gives no bundles, but what it holds still grows old. */
async function* frozenTimes(log: AuditLog, from: number): AsyncIterable<Result<number>> {
  for await (const record of log.entries({ from })) yield record.ok ? ok(record.value.time_ms) : record;
}

/** When an entry was made, Unix milliseconds. Fails with what the log fails with. */
export async function timeOf(log: AuditLog, index: number): Promise<Result<number>> {
  const bundle = await log.bundle(Math.floor(index / tile_width), index % tile_width + 1);
  const entry = bundle.ok ? decodeEntry(entriesOfBundle(bundle.value)?.at(-1) ?? new Uint8Array()) : bundle;
  return entry.ok ? ok(entry.value.time_ms) : entry;
}

/**
 * The sizes of own checkpoints that nobody cosigned and that were signed over
 * entries older than a moment; the newest is not among them.
 * Fails with what the log fails with.
 */
export async function lonelyCheckpoints(store: Store, log: AuditLog, before_ms: number): Promise<Result<readonly number[]>> {
  const cosigned = new Set<number | undefined>([log.latest()?.size]);
  for await (const [key] of store.entries('log', { gte: utf8('k'), lt: utf8('l') })) cosigned.add(fromBigEndian(key.subarray(1, 9)));
  const sizes: number[] = [];
  for await (const [key] of store.entries('log', { gte: log_keys.checkpoint(0), lt: utf8('d') })) {
    const size = fromBigEndian(key.subarray(1)) ?? 0;
    if (cosigned.has(size) || size === 0) continue;
    const time_ms = await timeOf(log, size - 1);
    if (!time_ms.ok) return time_ms;
    if (time_ms.value >= before_ms) break;
    sizes.push(size);
  }
  return ok(sizes);
}

/** The change that drops an own checkpoint. */
export function checkpointDrop(size: number): Change {
  return { space: 'log', key: log_keys.checkpoint(size) };
}
