import { toBase64url } from '../../crypto/bytes.ts';
import { compareRecords, didDocument, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { didOf, parseDid } from '../../crypto/did.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Kept, RecordStore } from '../../storage/records.ts';
import type { Clock, Network, PeerId, RecordAnswer, Recorder } from '../ports.ts';
import { deadline } from '../time.ts';
import {
  absent_max, absent_ms, cache_fresh_ms, lookup_ms_max, offered_records_max, record_namespace, record_quorum, record_storers_max, seen_max,
} from './constants.ts';

/** What the identity service uses. */
export interface IdentityParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly records: RecordStore;
  readonly recorder: Recorder;
}

/** A W3C DID Resolution result. The error is the draft's camel-case string, so that `did-resolver` understands it. */
export interface Resolution {
  readonly didDocument: { readonly [name: string]: unknown } | null;
  readonly didDocumentMetadata: { readonly [name: string]: unknown };
  readonly didResolutionMetadata: { readonly [name: string]: unknown };
}

/** DIDs and what they mean: published to and resolved from the DHT, never taken on trust. */
export interface Identity {
  /** Registers the rules under which this host stores and believes records. Before the network starts. */
  start(): void;
  /** The newest record in memory, without asking anybody. */
  known(did: string): DidRecord | undefined;
  /** The record of a DID. Fails with `DID_INVALID`, `DID_METHOD_UNSUPPORTED`, `DID_NOT_FOUND` or `RECORD_EXPIRED`. */
  resolve(did: string, options?: { readonly fresh?: boolean }): Promise<Result<DidRecord>>;
  /** Resolves DIDs and the sponsors in their records, so that a decision can be taken offline. Unknown ones stay unknown. */
  gather(dids: Iterable<string>): Promise<void>;
  /** The newest records in memory of DIDs and of the sponsors in them, each once: to send along, so that a peer can decide offline. */
  accountable(dids: readonly string[]): readonly Uint8Array[];
  /** Verifies records that a peer sent along and keeps none of them. Fails at the first bad one, or with `RECORD_TOO_MANY`. */
  inspect(records: readonly Uint8Array[]): Result<readonly DidRecord[]>;
  /** Keeps verified records, each unless a newer one is known; returns the ones that hold. */
  keep(records: readonly DidRecord[]): Promise<readonly DidRecord[]>;
  /** Inspects records that a peer sent along, and keeps them if all are good. */
  offer(records: readonly Uint8Array[]): Promise<Result<readonly DidRecord[]>>;
  /** Keeps our own record and tells nobody. Fails as {@link verifyRecord} does. */
  hold(record: Uint8Array): Promise<Result<DidRecord>>;
  /** Holds our own record and stores it at the peers nearest to it; says how many took it. Fails as `hold` does, or as the network's `put`. */
  publish(record: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result<number>>;
  /** The same as `resolve` in the form of W3C DID Resolution. */
  resolution(did: string, options?: { readonly fresh?: boolean }): Promise<Resolution>;
}

/** Why a record does not fit a DHT key, if it does not. */
function misplaced(key: Uint8Array, record: DidRecord): Failure | undefined {
  return record.did === didOf(key) ? undefined : { code: 'RECORD_INVALID', reason: 'the record belongs to another DID' };
}

const w3c_errors: { readonly [code: string]: string } = {
  DID_INVALID: 'invalidDid',
  DID_METHOD_UNSUPPORTED: 'unsupportedDidMethod',
  DID_NOT_FOUND: 'notFound',
  RECORD_EXPIRED: 'notFound',
};

/** A look-up under way. */
interface LookUp {
  readonly did: string;
  readonly digest: Uint8Array;
  best: DidRecord | undefined;
  /** Whether somebody holds a record that was valid once. */
  expired: boolean;
  readonly judged: Set<PeerId>;
}

class MeshIdentity implements Identity {
  readonly #parts: IdentityParts;
  /** When a record was last looked up or received, Unix milliseconds. */
  readonly #seen_ms = new Map<string, number>();
  /** What the last look-up of a DID said, where it found nothing valid. */
  readonly #absent = new Map<string, { readonly at_ms: number; readonly failure: Failure }>();
  readonly #lookups = new Map<string, Promise<Result<DidRecord>>>();

  constructor(parts: IdentityParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#parts.network.records(record_namespace, {
      validate: (key, value) => this.#validate(key, value),
      select: (_key, values) => this.#select(values),
    });
  }

  /** A storer's check: the record itself, its place, and our own high-water mark, because the DHT library would let an older record replace a newer one. */
  async #validate(key: Uint8Array, value: Uint8Array): Promise<Result<void>> {
    const record = verifyRecord(value, { now_ms: this.#parts.clock.now() });
    if (!record.ok) return record;
    const wrong = misplaced(key, record.value);
    if (wrong !== undefined) return { ok: false, failure: wrong };
    // The DHT also asks here about the answers to our own look-ups, which must not fail for what strangers have stored.
    if (!this.#lookups.has(record.value.did) && !await this.#parts.records.hasRoom(record.value)) {
      return fail('RECORD_STORE_FULL', 'this host has no room left for other people\'s records');
    }
    const { record: mark } = await this.#keep(record.value);
    if (compareRecords(mark, record.value) < 0) {
      this.#parts.recorder.record({ kind: 'identity.rollback-refused', did: record.value.did });
      return fail('RECORD_STALE', 'a newer record of this DID is known');
    }
    return ok(undefined);
  }

  #select(values: readonly Uint8Array[]): number {
    let best: { readonly index: number; readonly record: DidRecord } | undefined;
    for (const [index, value] of values.entries()) {
      const record = verifyRecord(value, { allow_expired: true });
      if (record.ok && (best === undefined || compareRecords(record.value, best.record) < 0)) best = { index, record: record.value };
    }
    return best?.index ?? 0;
  }

  async #keep(record: DidRecord): Promise<Kept> {
    const kept = await this.#parts.records.keep(record);
    this.#absent.delete(record.did);
    return kept;
  }

  #saw(did: string): void {
    this.#seen_ms.delete(did);
    this.#seen_ms.set(did, this.#parts.clock.now());
    const [oldest] = this.#seen_ms.keys();
    if (this.#seen_ms.size > seen_max && oldest !== undefined) this.#seen_ms.delete(oldest);
  }

  known(did: string): DidRecord | undefined {
    return this.#parts.records.known(did);
  }

  async resolve(did: string, options: { readonly fresh?: boolean } = {}): Promise<Result<DidRecord>> {
    const parsed = parseDid(did);
    if (!parsed.ok) return parsed;
    const now_ms = this.#parts.clock.now();
    const cached = await this.#parts.records.newest(did);
    const age_ms = now_ms - (this.#seen_ms.get(did) ?? -Infinity);
    const usable = cached !== undefined && (cached.document.deactivated || cached.document.expires > now_ms);
    if (usable && options.fresh !== true && age_ms < cache_fresh_ms) return ok(cached);
    const absence = this.#absent.get(did);
    if (!usable && options.fresh !== true && absence !== undefined && now_ms - absence.at_ms < absent_ms) {
      return fail(absence.failure.code, `${absence.failure.reason}, as of a moment ago`, { fix: 'check the DID, or ask again in half a minute' });
    }
    const running = this.#lookups.get(did);
    if (running !== undefined) return running;
    const lookup = this.#lookUp(did, parsed.value.digest, cached).finally(() => this.#lookups.delete(did));
    this.#lookups.set(did, lookup);
    return lookup;
  }

  /** Our own quorum GET: each answer is verified and we select. Where one of the first lied, all are asked, so that liars change nothing as long as one storer is honest. */
  async #lookUp(did: string, digest: Uint8Array, cached: DidRecord | undefined): Promise<Result<DidRecord>> {
    const { clock, network } = this.#parts;
    const look: LookUp = { did, digest, best: cached, expired: cached !== undefined, judged: new Set() };
    const limit = deadline(clock, lookup_ms_max);
    try {
      for (const answers of [record_quorum, record_storers_max]) {
        const answered = await network.get(record_namespace, digest, { answers, signal: limit.signal });
        if (this.#judge(look, answered.ok ? answered.value : []) === 0) break;
      }
    } finally {
      limit.done();
    }
    const kept = look.best === undefined ? undefined : (await this.#keep(look.best)).record;
    if (kept !== undefined && (kept.document.deactivated || kept.document.expires > clock.now())) {
      this.#saw(did);
      return ok(kept);
    }
    return this.#rememberAbsent(did, look.expired
      ? fail('RECORD_EXPIRED', `the newest record of ${did} has expired`, { fix: 'its host must come back and publish it again' })
      : fail('DID_NOT_FOUND', `no peer has a record of ${did}`, { fix: 'connect to the mesh that it lives in (agentmesh join ADDRESS), or check the DID' }));
  }

  /** Takes the best of the answers into a look-up, and says how many were lies. */
  #judge(look: LookUp, answers: readonly RecordAnswer[]): number {
    const { clock, network, recorder } = this.#parts;
    let lies = 0;
    for (const { from, value } of answers) {
      if (value === undefined || look.judged.has(from)) continue;
      look.judged.add(from);
      const record = verifyRecord(value, { now_ms: clock.now() });
      if (record.ok && misplaced(look.digest, record.value) === undefined) {
        if (look.best === undefined || compareRecords(look.best, record.value) >= 0) look.best = record.value;
        else recorder.record({ kind: 'identity.stale-answer', did: look.did, peer: from });
      } else if (record.ok || this.#isLie(look.digest, value)) {
        lies += 1;
        network.penalise(from, 'stored an invalid DID record');
      } else if (record.failure.code === 'RECORD_EXPIRED') {
        look.expired = true;
      }
    }
    return lies;
  }

  /** Whether a record was never valid under its key. One that has expired, or is not valid yet by our clock, is no misdeed of who holds it. */
  #isLie(digest: Uint8Array, value: Uint8Array): boolean {
    const record = verifyRecord(value, { allow_expired: true });
    return !record.ok || misplaced(digest, record.value) !== undefined;
  }

  #rememberAbsent(did: string, absence: { readonly ok: false; readonly failure: Failure }): Result<never> {
    if (this.#absent.size >= absent_max) this.#absent.clear();
    this.#absent.set(did, { at_ms: this.#parts.clock.now(), failure: absence.failure });
    return absence;
  }

  async gather(dids: Iterable<string>): Promise<void> {
    const records = await Promise.all([...new Set(dids)].map((did) => this.resolve(did)));
    const sponsors = new Set<string>();
    for (const record of records) if (record.ok && record.value.sponsor !== null) sponsors.add(record.value.sponsor);
    await Promise.all([...sponsors].map((did) => this.resolve(did)));
  }

  accountable(dids: readonly string[]): readonly Uint8Array[] {
    const parties = new Set(dids.flatMap((did) => [did, this.known(did)?.sponsor ?? '']));
    return [...parties].flatMap((did) => this.known(did)?.bytes ?? []);
  }

  inspect(records: readonly Uint8Array[]): Result<readonly DidRecord[]> {
    if (records.length > offered_records_max) return fail('RECORD_TOO_MANY', `at most ${offered_records_max} records come with a message`);
    const now_ms = this.#parts.clock.now();
    const inspected: DidRecord[] = [];
    for (const bytes of records) {
      const same = this.#parts.records.same(bytes);
      const is_current = same !== undefined && (same.document.deactivated || same.document.expires > now_ms);
      const record = is_current ? ok(same) : verifyRecord(bytes, { now_ms });
      if (!record.ok) return record;
      inspected.push(record.value);
    }
    return ok(inspected);
  }

  async keep(records: readonly DidRecord[]): Promise<readonly DidRecord[]> {
    const holding: DidRecord[] = [];
    for (const record of records) {
      const kept = await this.#keep(record);
      // Who sends what we know already must not keep us from looking for something newer.
      if (kept.is_news) this.#saw(record.did);
      holding.push(kept.record);
    }
    return holding;
  }

  async offer(records: readonly Uint8Array[]): Promise<Result<readonly DidRecord[]>> {
    const inspected = this.inspect(records);
    return inspected.ok ? ok(await this.keep(inspected.value)) : inspected;
  }

  async hold(bytes: Uint8Array): Promise<Result<DidRecord>> {
    const record = verifyRecord(bytes, { now_ms: this.#parts.clock.now() });
    if (!record.ok) return record;
    this.#parts.records.claim(record.value.did);
    const kept = await this.#keep(record.value);
    this.#saw(record.value.did);
    return ok(kept.record);
  }

  async publish(bytes: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<Result<number>> {
    const held = await this.hold(bytes);
    if (!held.ok) return held;
    const parsed = parseDid(held.value.did);
    if (!parsed.ok) return parsed;
    const limit = deadline(this.#parts.clock, lookup_ms_max, options.signal);
    return this.#parts.network.put(record_namespace, parsed.value.digest, bytes, { signal: limit.signal }).finally(() => limit.done());
  }

  async resolution(did: string, options: { readonly fresh?: boolean } = {}): Promise<Resolution> {
    const record = await this.resolve(did, options);
    if (!record.ok) {
      return {
        didDocument: null,
        didDocumentMetadata: {},
        didResolutionMetadata: { error: w3c_errors[record.failure.code] ?? 'internalError', message: record.failure.reason },
      };
    }
    const { document, created_ms, number, hash, sponsor, kind } = record.value;
    return {
      didDocument: document.deactivated ? null : didDocument(record.value),
      didDocumentMetadata: {
        created: new Date(created_ms).toISOString(),
        updated: new Date(document.time).toISOString(),
        nextUpdate: new Date(document.expires).toISOString(),
        versionId: `${number}-${document.sequence}`,
        ...(document.deactivated ? { deactivated: true } : {}),
        mesh: { kind, name: document.name, sponsor, capabilities: document.capabilities, record: toBase64url(hash) },
      },
      didResolutionMetadata: { contentType: 'application/did+ld+json' },
    };
  }
}

/** The identity service over its parts. */
export function identity(parts: IdentityParts): Identity {
  return new MeshIdentity(parts);
}
