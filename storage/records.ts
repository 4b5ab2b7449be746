import { toBase64url } from '../crypto/bytes.ts';
import { compareRecords, verifyRecord, type DidRecord } from '../crypto/did-record.ts';
import { parseDid } from '../crypto/did.ts';
import { sha256 } from '../crypto/hash.ts';
import type { Store } from './store.ts';

const cached_records_max = 20_000;

/** The newest verified record of each DID that this host has met: its cache, and the mark below which nothing is believed again. */
export interface RecordStore {
  /** The newest record in memory. */
  known(did: string): DidRecord | undefined;
  /** The newest record in memory if these are its bytes: it need not be verified again, only its expiry looked at. */
  same(bytes: Uint8Array): DidRecord | undefined;
  /** The newest record in memory or on disk, also when it has expired since. */
  newest(did: string): Promise<DidRecord | undefined>;
  /** Keeps a verified record unless a newer one is known, and says which one holds. */
  keep(record: DidRecord): Promise<DidRecord>;
}

/** Records over the store's space `record`. */
export function recordStore(store: Store): RecordStore {
  const cache = new Map<string, DidRecord>();
  const dids_by_hash = new Map<string, string>();

  const forget = (did: string): void => {
    const record = cache.get(did);
    if (record !== undefined) dids_by_hash.delete(toBase64url(record.hash));
    cache.delete(did);
  };

  const remember = (record: DidRecord): DidRecord => {
    forget(record.did);
    cache.set(record.did, record);
    dids_by_hash.set(toBase64url(record.hash), record.did);
    const oldest = cache.size > cached_records_max ? cache.keys().next().value : undefined;
    if (oldest !== undefined) forget(oldest);
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
    same: (bytes) => cache.get(dids_by_hash.get(toBase64url(sha256(bytes))) ?? ''),
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
