import { toBase64url } from '../crypto/bytes.ts';
import { forkOf, type Fork } from '../crypto/did-duplicity.ts';
import { compareRecords, document_lifetime_ms_max, statedRecord, verifyRecord, type DidRecord } from '../crypto/did-record.ts';
import { didOf, parseDid } from '../crypto/did.ts';
import { sha256 } from '../crypto/hash.ts';
import type { Change, Store } from './store.ts';

const cached_records_max = 20_000;
/** Bytes of other people's records that lie on the disk. */
const stored_bytes_default: number = 64 * 1024 * 1024;
/** A deactivation or a rotation is remembered for as long as an attestation can live. */
const mark_kept_ms: number = 90 * 86_400_000;
/** How often records are dropped that have had their time. */
const prune_period_ms = 600_000;

/** What keeping records uses. */
export interface RecordStoreParts {
  readonly store: Store;
  /** Unix milliseconds. */
  now(): number;
  /** Bytes of other people's records that may lie on the disk; 64 MiB when absent. */
  readonly stored_bytes_max?: number;
}

/** What became of a record that was to be kept. */
export interface Kept {
  /** The record of this DID that holds now. */
  readonly record: DidRecord;
  /** Whether that is the one that was given, and it was not known before. */
  readonly is_news: boolean;
  /** Where the given record tells another history than the one that was known first, which holds then. */
  readonly fork?: Fork;
}

/**
 * The newest verified record of each DID that this host has met: its cache, and
 * the mark below which nothing is believed again. Records of others lie on the
 * disk within one budget of bytes, and no longer than they are of use.
 */
export interface RecordStore {
  /** The newest record in memory. */
  known(did: string): DidRecord | undefined;
  /** The newest record in memory if these are its bytes: it need not be verified again, only its expiry looked at. */
  same(bytes: Uint8Array): DidRecord | undefined;
  /** The newest record in memory or on disk, also when it has expired since. */
  newest(did: string): Promise<DidRecord | undefined>;
  /** Says that a DID is our own: its record is never dropped and takes no room from others. Before anything is kept. */
  claim(did: string): void;
  /** Whether a DID is our own. */
  isOwn(did: string): boolean;
  /** Whether the record, or the mark that it leaves, can be stored within the budget. */
  hasRoom(record: DidRecord): Promise<boolean>;
  /** Keeps a verified record unless a newer one is known, or one with another history: in memory, and on disk if there is room. */
  keep(record: DidRecord): Promise<Kept>;
  /** Goes up whenever the answer of {@link RecordStore.known} for any DID may have changed. */
  readonly changes: number;
}

/** How much room a stored record takes, and for how long. Times are Unix milliseconds. */
interface Stored {
  readonly bytes: number;
  /** When no older record of the DID can be valid any more. */
  readonly outlived_ms: number;
  /** When it is dropped at the latest. */
  readonly dropped_ms: number;
}

/** What is said of a record that does not replace the mark, if it does not. */
function outdone(mark: DidRecord | undefined, record: DidRecord): Kept | undefined {
  if (mark === undefined) return undefined;
  const fork = forkOf(mark, record);
  if (fork !== undefined) return { record: mark, is_news: false, fork };
  return compareRecords(mark, record) <= 0 ? { record: mark, is_news: false } : undefined;
}

function storedAs(bytes: Uint8Array, record: Pick<DidRecord, 'number' | 'document'> | undefined): Stored {
  if (record === undefined) return { bytes: bytes.length, outlived_ms: 0, dropped_ms: 0 };
  const { number, document: { time, expires, deactivated } } = record;
  // A sponsor's document may live longer than others; a deactivated one has no end that means anything.
  const outlived_ms = Math.max(time + document_lifetime_ms_max, deactivated ? 0 : expires);
  // Under these an older key could still sign something new.
  return { bytes: bytes.length, outlived_ms, dropped_ms: deactivated || number > 0 ? time + mark_kept_ms : outlived_ms };
}

class LevelRecords implements RecordStore {
  readonly #parts: RecordStoreParts;
  readonly #bytes_max: number;
  readonly #own = new Map<string, DidRecord | undefined>();
  readonly #others = new Map<string, DidRecord>();
  readonly #dids_by_hash = new Map<string, string>();
  /** What lies on the disk of others. */
  readonly #stored = new Map<string, Stored>();
  #stored_bytes_sum = 0;
  #is_counted = false;
  #pruned_ms = -Infinity;
  #turn: Promise<unknown> = Promise.resolve();
  changes = 0;

  constructor(parts: RecordStoreParts) {
    this.#parts = parts;
    this.#bytes_max = parts.stored_bytes_max ?? stored_bytes_default;
  }

  known(did: string): DidRecord | undefined {
    return this.#own.get(did) ?? this.#others.get(did);
  }

  same(bytes: Uint8Array): DidRecord | undefined {
    return this.known(this.#dids_by_hash.get(toBase64url(sha256(bytes))) ?? '');
  }

  async newest(did: string): Promise<DidRecord | undefined> {
    const known = this.known(did);
    if (known !== undefined) return known;
    const parsed = parseDid(did);
    const bytes = parsed.ok ? await this.#parts.store.get('record', parsed.value.digest) : undefined;
    const since = this.known(did);
    if (bytes === undefined || since !== undefined) return since;
    // An expired document is still the mark below which nothing is believed.
    const record = verifyRecord(bytes, { allow_expired: true });
    return record.ok && record.value.did === did ? this.#remember(record.value) : undefined;
  }

  claim(did: string): void {
    if (this.#own.has(did)) return;
    this.#own.set(did, this.#others.get(did));
    this.#others.delete(did);
    this.#discount(did);
  }

  isOwn(did: string): boolean {
    return this.#own.has(did);
  }

  hasRoom(record: DidRecord): Promise<boolean> {
    return this.#inTurn(async () => {
      await this.#prune();
      return this.#fits(record);
    });
  }

  async keep(record: DidRecord): Promise<Kept> {
    const known = outdone(this.known(record.did), record);
    if (known !== undefined) return known;
    return this.#inTurn(async () => {
      // A newer one may have come while this one waited.
      const mark = outdone(await this.newest(record.did), record);
      if (mark !== undefined) return mark;
      this.#remember(record);
      await this.#write(record);
      return { record, is_news: true };
    });
  }

  /** One after the other, so that what is written last is what is remembered. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #remember(record: DidRecord): DidRecord {
    const { did } = record;
    this.changes += 1;
    this.#forget(did);
    this.#dids_by_hash.set(toBase64url(record.hash), did);
    if (this.#own.has(did)) this.#own.set(did, record);
    else this.#others.set(did, record);
    const oldest = this.#others.size > cached_records_max ? this.#others.keys().next().value : undefined;
    if (oldest !== undefined) this.#forget(oldest);
    return record;
  }

  #forget(did: string): void {
    const record = this.known(did);
    if (record !== undefined) this.#dids_by_hash.delete(toBase64url(record.hash));
    this.#others.delete(did);
  }

  #fits({ did, bytes }: DidRecord): boolean {
    return this.#own.has(did) || this.#stored_bytes_sum - (this.#stored.get(did)?.bytes ?? 0) + bytes.length <= this.#bytes_max;
  }

  #discount(did: string): void {
    this.#stored_bytes_sum -= this.#stored.get(did)?.bytes ?? 0;
    this.#stored.delete(did);
  }

  #count(did: string, stored: Stored): void {
    this.#discount(did);
    this.#stored.set(did, stored);
    this.#stored_bytes_sum += stored.bytes;
  }

  async #write(record: DidRecord): Promise<void> {
    await this.#prune();
    const parsed = parseDid(record.did);
    if (!parsed.ok || !this.#fits(record)) return;
    // Unsynced: a mark that a power cut takes is learnt again with the next record.
    await this.#parts.store.batch([{ space: 'record', key: parsed.value.digest, value: record.bytes }], { sync: false });
    if (!this.#own.has(record.did)) this.#count(record.did, storedAs(record.bytes, record));
  }

  /** Counts once what an earlier run has stored, and drops every few minutes what has had its time. */
  async #prune(): Promise<void> {
    const { store } = this.#parts;
    if (!this.#is_counted) {
      for await (const [digest, bytes] of store.entries('record', {})) {
        const did = didOf(digest);
        if (!this.#own.has(did)) this.#count(did, storedAs(bytes, statedRecord(bytes)));
      }
      this.#is_counted = true;
    }
    const now_ms = this.#parts.now();
    if (now_ms >= this.#pruned_ms && now_ms - this.#pruned_ms < prune_period_ms) return;
    // Marks of records that nobody needs are kept only while they leave room for those of the living.
    const is_crowded = this.#stored_bytes_sum > this.#bytes_max / 2;
    const dropped = [...this.#stored].filter(([, { outlived_ms, dropped_ms }]) => (is_crowded ? outlived_ms : dropped_ms) <= now_ms).map(([did]) => did);
    const changes = dropped.flatMap((did): Change[] => {
      const parsed = parseDid(did);
      return parsed.ok ? [{ space: 'record', key: parsed.value.digest }] : [];
    });
    if (changes.length > 0) await store.batch(changes, { sync: false });
    for (const did of dropped) this.#discount(did);
    this.#pruned_ms = now_ms;
  }
}

/** Records over the store's space `record`. */
export function recordStore(parts: RecordStoreParts): RecordStore {
  return new LevelRecords(parts);
}
