import { compareRecords, verifyRecord, type DidRecord } from '../crypto/did-record.ts';
import { parseDid } from '../crypto/did.ts';
import type { Store } from './store.ts';

const cached_records_max = 20_000;

/** The newest verified record of each DID that this host has met: its cache, and the mark below which nothing is believed again. */
export interface RecordStore {
  /** The newest record in memory. */
  known(did: string): DidRecord | undefined;
  /** The newest record in memory or on disk, also when it has expired since. */
  newest(did: string): Promise<DidRecord | undefined>;
  /** Keeps a verified record unless a newer one is known, and says which one holds. */
  keep(record: DidRecord): Promise<DidRecord>;
}

/** Records over the store's space `record`. */
export function recordStore(store: Store): RecordStore {
  const cache = new Map<string, DidRecord>();

  const remember = (record: DidRecord): DidRecord => {
    cache.delete(record.did);
    cache.set(record.did, record);
    if (cache.size > cached_records_max) {
      const oldest = cache.keys().next();
      if (oldest.done !== true) cache.delete(oldest.value);
    }
    return record;
  };

  const newest = async (did: string): Promise<DidRecord | undefined> => {
    const cached = cache.get(did);
    if (cached !== undefined) return cached;
    const parsed = parseDid(did);
    const bytes = parsed.ok ? await store.get('record', parsed.value.digest) : undefined;
    if (bytes === undefined) return undefined;
    // An expired document is still the mark below which nothing is believed.
    const record = verifyRecord(bytes, { allow_expired: true });
    return record.ok && record.value.did === did ? remember(record.value) : undefined;
  };

  return {
    known: (did) => cache.get(did),
    newest,
    async keep(record) {
      const mark = await newest(record.did);
      if (mark !== undefined && compareRecords(mark, record) <= 0) return mark;
      const parsed = parseDid(record.did);
      // Unsynced: a mark that a power cut takes is learnt again with the next record.
      if (parsed.ok) await store.batch([{ space: 'record', key: parsed.value.digest, value: record.bytes }], { sync: false });
      return remember(record);
    },
  };
}
