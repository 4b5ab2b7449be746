/**
 * Logs from elsewhere, taken into the audit log once each. What was taken is
 * marked in the same atomic batch as its entry, so that neither a second sync nor
 * a crash makes a second entry. A mark is made under a key that lies in the log
 * itself, sealed under the same subject: once the subject is erased, its marks say
 * nothing about what was taken.
 */
import { bigEndian, concat, fromBase64url, fromBigEndian, toBase64url, utf8 } from '../crypto/bytes.ts';
import { canonicalJson, canonicalJsonBytes, isFields } from '../crypto/canonical.ts';
import { hmacSha256 } from '../crypto/hash.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import type { Clock, Random, Store } from '../protocols/ports.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { AuditRecord } from '../storage/audit-reader.ts';
import type { ForeignLog } from './foreign-logs.ts';
import { readPayload } from './flight-recorder.ts';

/** Subjects under which entries from elsewhere may be sealed on one host, so that they never take the places of its own agents. */
export const import_subjects_max = 4096;
/** Entries that are on their way into the log at once: a full group commit, and the next one that gathers. */
export const import_batch_max = 512;
/** The longest name of the source. */
export const source_characters_max = 256;

// An entry stands at most this far after the size that the log had when it was sent: what may wait in the queue of appends, and the groups under way.
const distance_max = 8192;
const block_entries = 256;
const mark_key_bytes = 32;
const table_key = utf8('k');
const table_mark = utf8('d');

/** An entry to take. */
export interface Import {
  readonly log: ForeignLog;
  /** Under whose key it is sealed. */
  readonly subject: string;
  /** Where it comes from; `null` when nobody said. */
  readonly source: string | null;
}

/** Where an entry stands in the audit log: its receipt. */
export interface ImportReceipt {
  readonly state: 'added' | 'known';
  /** `null` for a known entry whose payload can no longer be opened. */
  readonly index: number | null;
  /** Base64url. */
  readonly leaf_hash: string | null;
}

/** What it works with. */
export interface ImportParts {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly store: Store;
  readonly log: AuditLog;
  /** Replaces {@link import_subjects_max}. */
  readonly subjects_max?: number;
}

/** The mark of an entry: whose, from where, what. */
function markOf(key: Uint8Array, { log, source }: Import): Uint8Array {
  return hmacSha256(key, canonicalJsonBytes([source, log.digest]));
}

function field(record: AuditRecord, kind: string, name: string): unknown {
  const payload = record.payload === undefined ? undefined : readPayload(record.payload);
  return isFields(payload) && payload['kind'] === kind ? payload[name] : undefined;
}

/** Finds entries that were taken earlier: of a batch that comes again, each part of the log is read once. */
class Located {
  readonly #log: AuditLog;
  readonly #receipts = new Map<string, ImportReceipt>();
  readonly #blocks = new Map<number, Promise<Result<void>>>();

  constructor(log: AuditLog) {
    this.#log = log;
  }

  /** The receipt of an entry that was sent when the log had a size. */
  async of({ log: { digest }, subject, source }: Import, since: number): Promise<Result<ImportReceipt>> {
    const name = nameOf(subject, source, digest);
    const end = Math.min(this.#log.size(), since + distance_max);
    for (let block = Math.floor(since / block_entries); block * block_entries < end; block += 1) {
      const reading = this.#blocks.get(block) ?? this.#read(block);
      this.#blocks.set(block, reading);
      const read = await reading;
      if (!read.ok) return read;
      const receipt = this.#receipts.get(name);
      if (receipt !== undefined) return ok(receipt);
    }
    return ok({ state: 'known', index: null, leaf_hash: null });
  }

  async #read(block: number): Promise<Result<void>> {
    for await (const record of this.#log.entries({ from: block * block_entries, to: (block + 1) * block_entries })) {
      if (!record.ok) return record;
      const { index, leaf_hash, subject } = record.value;
      const [digest, source] = [field(record.value, 'imported', 'digest'), field(record.value, 'imported', 'source')];
      if (typeof digest !== 'string' || subject === undefined) continue;
      this.#receipts.set(nameOf(subject, typeof source === 'string' ? source : null, digest), { state: 'known', index, leaf_hash: toBase64url(leaf_hash) });
    }
    return ok(undefined);
  }
}

function nameOf(subject: string, source: string | null, digest: string): string {
  return canonicalJson([subject, source, digest]);
}

/** Takes logs from elsewhere into a log. */
export class Imports {
  readonly #parts: ImportParts;
  #turn: Promise<unknown> = Promise.resolve();
  /** Index of the entry that holds the key of each subject. */
  #keys: Map<string, number> | undefined;

  constructor(parts: ImportParts) {
    this.#parts = parts;
  }

  /**
   * Takes a batch, at most {@link import_batch_max} entries, and gives the outcome of each in its
   * place. Durable when it resolves. An outcome fails with `IMPORT_SUBJECTS_FULL` or `IMPORT_STORE`, or as `AuditLog.append` does.
   */
  take(batch: readonly Import[]): Promise<readonly Result<ImportReceipt>[]> {
    // Two batches at once could each miss what the other takes.
    const taken = this.#turn.then(() => this.#take(batch));
    this.#turn = taken.catch(() => undefined);
    return taken;
  }

  async #take(batch: readonly Import[]): Promise<readonly Result<ImportReceipt>[]> {
    const { log } = this.#parts;
    const keys = new Map<string, Result<Uint8Array>>();
    const under_way = new Map<string, Promise<Result<ImportReceipt>>>();
    const found = new Located(log);
    const since = log.size();
    const outcomes: Promise<Result<ImportReceipt>>[] = [];
    for (const item of batch.slice(0, import_batch_max)) {
      const key = keys.get(item.subject) ?? await withStore(() => this.#markKey(item.subject));
      keys.set(item.subject, key);
      if (!key.ok) {
        outcomes.push(Promise.resolve(key));
        continue;
      }
      const mark = markOf(key.value, item);
      const name = toBase64url(mark);
      const twin = under_way.get(name);
      const outcome: Promise<Result<ImportReceipt>> = twin === undefined
        ? withStore(() => this.#one(item, mark, since, found))
        : twin.then((first) => first.ok ? ok({ ...first.value, state: 'known' }) : first);
      under_way.set(name, outcome);
      outcomes.push(outcome);
    }
    return Promise.all(outcomes);
  }

  async #one(item: Import, mark: Uint8Array, since: number, found: Located): Promise<Result<ImportReceipt>> {
    const { store, log, clock } = this.#parts;
    const key = concat(table_mark, mark);
    const earlier = await store.get('import', key);
    if (earlier !== undefined) return found.of(item, fromBigEndian(earlier) ?? 0);
    const { agent, happened_ms, record, digest } = item.log;
    const payload = canonicalJsonBytes({ kind: 'imported', agent, time_ms: clock.now(), happened_ms, source: item.source, digest, record });
    const appended = await log.append({ subject: item.subject, payload }, { with: [{ space: 'import', key, value: bigEndian(since, 8) }] });
    return appended.ok ? ok({ state: 'added', index: appended.value.index, leaf_hash: toBase64url(appended.value.leaf_hash) }) : appended;
  }

  /** The key under which marks of a subject are made, from the log; a new one for a new subject, and after an erasure. */
  async #markKey(subject: string): Promise<Result<Uint8Array>> {
    const { subjects_max = import_subjects_max } = this.#parts;
    const loaded = this.#keys === undefined ? await this.#load() : ok(this.#keys);
    if (!loaded.ok) return loaded;
    const keys = loaded.value;
    this.#keys = keys;
    const index = keys.get(subject);
    const kept = index === undefined ? ok(undefined) : await this.#keyAt(index);
    if (!kept.ok) return kept;
    if (kept.value !== undefined) return ok(kept.value.key);
    keys.delete(subject);
    if (keys.size >= subjects_max) {
      return fail('IMPORT_SUBJECTS_FULL', `entries from elsewhere are kept apart for at most ${subjects_max} agents`, { fix: 'import those of further agents under one subject: --subject <name>' });
    }
    return this.#newKey(subject, keys);
  }

  // Where keys stand is kept without whose they are: the name of an erased subject must not lie about, not even as a hash.
  async #newKey(subject: string, keys: Map<string, number>): Promise<Result<Uint8Array>> {
    const { store, log, random } = this.#parts;
    const key = random.bytes(mark_key_bytes);
    const appended = await log.append({ subject, payload: canonicalJsonBytes({ kind: 'import-key', key: toBase64url(key) }) });
    if (!appended.ok) return appended;
    const { index } = appended.value;
    // Not synced: a power cut that takes it takes every mark after it as well.
    await store.batch([{ space: 'import', key: concat(table_key, bigEndian(index, 8)), value: new Uint8Array() }], { sync: false });
    keys.set(subject, index);
    return ok(key);
  }

  /** Where the key of each subject stands, found again at the first use; places of erased keys are dropped. */
  async #load(): Promise<Result<Map<string, number>>> {
    const { store } = this.#parts;
    const keys = new Map<string, number>();
    const stale: Uint8Array[] = [];
    for await (const [place] of store.entries('import', { gte: table_key, lt: utf8('l') })) {
      const index = fromBigEndian(place.subarray(1)) ?? 0;
      const kept = await this.#keyAt(index);
      if (!kept.ok) return kept;
      if (kept.value === undefined) stale.push(place);
      else keys.set(kept.value.subject, index);
    }
    if (stale.length > 0) await store.batch(stale.map((key) => ({ space: 'import', key })), { sync: false });
    return ok(keys);
  }

  /** The key that an entry holds; nothing where it was erased, or is another entry. */
  async #keyAt(index: number): Promise<Result<{ readonly subject: string; readonly key: Uint8Array } | undefined>> {
    const record = await this.#parts.log.read(index);
    if (!record.ok) return record.failure.code === 'AUDIT_NO_ENTRY' ? ok(undefined) : record;
    const text = field(record.value, 'import-key', 'key');
    const key = typeof text === 'string' ? fromBase64url(text) : undefined;
    const { subject } = record.value;
    return ok(key?.length === mark_key_bytes && subject !== undefined ? { subject, key } : undefined);
  }
}

/** Work with a store that may fail: a full or broken disk is no fault of the program. */
async function withStore<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work();
  } catch (error) {
    return fail('IMPORT_STORE', `the store failed: ${messageOf(error)}`, { fix: 'agentmesh doctor; then sync again, which adds only what is not there', cause: error });
  }
}
