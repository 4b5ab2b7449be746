import { equal } from '../../crypto/bytes.ts';
import { verifyDuplicity, type Fork } from '../../crypto/did-duplicity.ts';
import { compareRecords, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { didOf, parseDid } from '../../crypto/did.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Kept } from '../../storage/records.ts';
import { accountable_levels_max } from '../limits.ts';
import { deadline } from '../time.ts';
import { absent_max, absent_ms, cache_fresh_ms, forked_max, fresh_rest_ms, lookup_ms_max, offered_records_max, record_namespace, retry_rest_ms, seen_max } from './constants.ts';
import type { Identity, IdentityParts, Resolution, ResolutionOptions, StaleStorer } from './index.ts';
import { LookUps, type Found } from './lookup.ts';
import { remember } from './remember.ts';
import { resolution, type Provenance } from './resolution.ts';

/** When the record of this hash was last confirmed, in Unix milliseconds, and by how many answers. A newer one that came since is unconfirmed. */
interface Sighting {
  readonly hash: Uint8Array;
  readonly at_ms: number;
  readonly answers: number;
}

/** {@link Identity} over the record store and the DHT. */
export class MeshIdentity implements Identity {
  readonly #parts: IdentityParts;
  readonly #lookups: LookUps;
  readonly #seen = new Map<string, Sighting>();
  /** When a DID was last asked for afresh, Unix milliseconds. */
  readonly #fresh_ms = new Map<string, number>();
  /** DIDs of which a statement says that there is something newer. */
  readonly #doubted = new Map<string, true>();
  /** What the last look-up of a DID said, where it found nothing valid. */
  readonly #absent = new Map<string, { readonly at_ms: number; readonly failure: Failure }>();
  readonly #running = new Map<string, Promise<Result<DidRecord>>>();
  /** DIDs whose two histories this host has met itself. */
  readonly #forked = new Map<string, true>();
  /** How many forks became known so far. */
  #fork_count = 0;

  constructor(parts: IdentityParts) {
    this.#parts = parts;
    this.#lookups = new LookUps(parts);
  }

  start(): void {
    this.#parts.network.records(record_namespace, {
      validate: (key, value) => this.#validate(key, value),
      select: (_key, values) => this.#select(values),
    });
  }

  /** A storer's check: the record itself, its place, and our own high-water mark, because the DHT library would let an older record replace a newer one. */
  async #validate(key: Uint8Array, value: Uint8Array): Promise<Result<void>> {
    const { clock, records, recorder } = this.#parts;
    const record = verifyRecord(value, { now_ms: clock.now() });
    if (!record.ok) return record;
    const { did } = record.value;
    if (did !== didOf(key)) return fail('RECORD_INVALID', 'the record belongs to another DID');
    // The DHT also asks here about the answers to our own look-ups, which must not fail for what strangers have stored.
    if (!this.#running.has(did) && !await records.hasRoom(record.value)) {
      return fail('RECORD_STORE_FULL', 'this host has no room left for other people\'s records');
    }
    const { record: mark, fork } = await this.#keep(record.value);
    if (fork !== undefined) return { ok: false, failure: duplicityOf(did) };
    if (compareRecords(mark, record.value) < 0) {
      // The look-up names who answers so.
      if (!this.#running.has(did)) recorder.record({ kind: 'identity.rollback-refused', did });
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
    if (kept.fork !== undefined) this.#forks(kept.record, kept.fork);
    return kept;
  }

  /** Remembers that a controller told two histories, and has it told to others where that can be proven to them. */
  #forks(known: DidRecord, { number, first, second }: Fork): void {
    const { did } = known;
    if (this.#forked.has(did)) return;
    remember(this.#forked, did, true, forked_max);
    this.#fork_count += 1;
    this.#parts.recorder.record({ kind: 'identity.duplicity', did, number });
    if (verifyDuplicity(known, number, first, second).ok) this.#parts.duplicity?.(did, number, first, second);
  }

  get changes(): number {
    return this.#parts.records.changes + this.#fork_count;
  }

  duplicity(did: string): Failure | undefined {
    return this.#forked.has(did) || this.#parts.isDuplicitous?.(did) === true ? duplicityOf(did) : undefined;
  }

  known(did: string): DidRecord | undefined {
    return this.#parts.records.known(did);
  }

  current(did: string): DidRecord | undefined {
    const record = this.#parts.records.known(did);
    return record !== undefined && this.#isServed(record) ? record : undefined;
  }

  #isInForce(record: DidRecord): boolean {
    return record.document.deactivated || record.document.expires > this.#parts.clock.now();
  }

  /** Whether a record needs no look-up first. One that nobody has confirmed does, because any peer may have stored it here, and it may be long out of date. */
  #isServed(record: DidRecord): boolean {
    const { did } = record;
    const seen = this.#seen.get(did);
    if (seen === undefined || !this.#isInForce(record) || this.#doubted.has(did) || this.duplicity(did) !== undefined) return false;
    if (this.#parts.clock.now() - seen.at_ms >= cache_fresh_ms) this.#refresh(record);
    return true;
  }

  /** Asks for a newer record in the background. */
  #refresh(record: DidRecord): void {
    const parsed = parseDid(record.did);
    if (!parsed.ok || this.#running.has(record.did)) return;
    this.#ask(record.did, parsed.value.digest, record).catch((error: unknown) => {
      this.#parts.recorder.record({ kind: 'identity.refresh-failed', did: record.did, reason: messageOf(error) });
    });
  }

  invalidate(did: string): void {
    remember(this.#doubted, did, true, seen_max);
    this.#absent.delete(did);
  }

  staleStorers(): readonly StaleStorer[] {
    return this.#lookups.staleStorers();
  }

  async resolve(did: string, options: { readonly fresh?: boolean } = {}): Promise<Result<DidRecord>> {
    const is_fresh = options.fresh === true && this.#mayAskAfresh(did);
    const current = is_fresh ? undefined : this.current(did);
    if (current !== undefined) return ok(current);
    const parsed = parseDid(did);
    if (!parsed.ok) return parsed;
    const cached = await this.#parts.records.newest(did);
    const duplicity = this.duplicity(did);
    if (duplicity !== undefined) return { ok: false, failure: duplicity };
    const now_ms = this.#parts.clock.now();
    if (!is_fresh && !this.#doubted.has(did)) {
      if (cached !== undefined && this.#isServed(cached)) return ok(cached);
      const absence = this.#absent.get(did);
      if (absence !== undefined && now_ms - absence.at_ms < absent_ms) {
        return fail(absence.failure.code, `${absence.failure.reason}, as of a moment ago`, { fix: 'check the DID, or ask again in half a minute' });
      }
    }
    const running = this.#running.get(did);
    // What is under way since before the doubt may have been answered before the news.
    if (running !== undefined) return this.#doubted.has(did) ? running.then(() => this.resolve(did)) : running;
    if (is_fresh) remember(this.#fresh_ms, did, now_ms, seen_max);
    return this.#ask(did, parsed.value.digest, cached);
  }

  #mayAskAfresh(did: string): boolean {
    return this.#parts.clock.now() - (this.#fresh_ms.get(did) ?? -Infinity) >= fresh_rest_ms;
  }

  /** One look-up of a DID at a time. */
  #ask(did: string, digest: Uint8Array, cached: DidRecord | undefined): Promise<Result<DidRecord>> {
    this.#doubted.delete(did);
    const asked = this.#lookUp(did, digest, cached).finally(() => this.#running.delete(did));
    this.#running.set(did, asked);
    return asked;
  }

  async #lookUp(did: string, digest: Uint8Array, cached: DidRecord | undefined): Promise<Result<DidRecord>> {
    const found = await this.#lookups.find({ did, digest, known: cached, head: this.#parts.head?.(did) });
    const kept = found.best === undefined ? undefined : (await this.#keep(found.best)).record;
    if (kept !== undefined && found.fork !== undefined) this.#forks(kept, found.fork);
    const duplicity = this.duplicity(did);
    if (duplicity !== undefined) return { ok: false, failure: duplicity };
    if (kept !== undefined && this.#isInForce(kept)) {
      this.#saw(kept, found.answers);
      return ok(kept);
    }
    const absence = absenceOf(did, found);
    // Where nobody could be asked, the first peer that comes may know.
    if (found.heard || found.timed_out) remember(this.#absent, did, { at_ms: this.#parts.clock.now(), failure: absence.failure }, absent_max);
    return absence;
  }

  /** A record was confirmed; where nobody confirmed it, it is asked for again soon. */
  #saw({ did, hash }: DidRecord, answers: number): void {
    const now_ms = this.#parts.clock.now();
    const at_ms = answers > 0 || this.#parts.records.isOwn(did) ? now_ms : now_ms - cache_fresh_ms + retry_rest_ms;
    remember(this.#seen, did, { hash, at_ms, answers }, seen_max);
  }

  async gather(dids: Iterable<string>): Promise<void> {
    let wanted = new Set(dids);
    // The agents, the humans who answer for them, the organisations that answer for these.
    for (let level = 0; level < accountable_levels_max && wanted.size > 0; level += 1) {
      const records = await Promise.all([...wanted].map((did) => this.resolve(did)));
      wanted = new Set(records.flatMap((record) => record.ok && record.value.sponsor !== null ? [record.value.sponsor] : []));
    }
  }

  accountable(dids: readonly string[]): readonly Uint8Array[] {
    const parties = new Set<string>();
    let level: readonly string[] = dids;
    for (let depth = 0; depth < accountable_levels_max; depth += 1) {
      for (const did of level) parties.add(did);
      level = level.flatMap((did) => this.known(did)?.sponsor ?? []);
    }
    return [...parties].flatMap((did) => this.known(did)?.bytes ?? []);
  }

  inspect(records: readonly Uint8Array[]): Result<readonly DidRecord[]> {
    if (records.length > offered_records_max) return fail('RECORD_TOO_MANY', `at most ${offered_records_max} records come with a message`);
    const now_ms = this.#parts.clock.now();
    const inspected: DidRecord[] = [];
    for (const bytes of records) {
      const same = this.#parts.records.same(bytes);
      const record = same !== undefined && this.#isInForce(same) ? ok(same) : verifyRecord(bytes, { now_ms });
      if (!record.ok) return record;
      inspected.push(record.value);
    }
    return ok(inspected);
  }

  async keep(records: readonly DidRecord[]): Promise<readonly DidRecord[]> {
    const holding: DidRecord[] = [];
    // They do not count as confirmed: who offers one may be a thief of keys that have long been rotated away.
    for (const record of records) holding.push((await this.#keep(record)).record);
    return holding;
  }

  async offer(records: readonly Uint8Array[]): Promise<Result<readonly DidRecord[]>> {
    const inspected = this.inspect(records);
    return inspected.ok ? ok(await this.keep(inspected.value)) : inspected;
  }

  async hold(bytes: Uint8Array): Promise<Result<DidRecord>> {
    const record = verifyRecord(bytes, { now_ms: this.#parts.clock.now() });
    if (!record.ok) return record;
    const { did, hash } = record.value;
    this.#parts.records.claim(did);
    const kept = await this.#keep(record.value);
    this.#saw(kept.record, 0);
    if (equal(kept.record.hash, hash)) return ok(kept.record);
    return fail('RECORD_STALE', `a record of ${did} is known that outdoes ours, and this host has not made it`, {
      fix: 'if its keys were stolen: agentmesh did rotate --emergency; if this data folder is an old copy: go on with the newer one',
    });
  }

  async publish(bytes: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<Result<number>> {
    const held = await this.hold(bytes);
    return held.ok ? this.carry(held.value.did, bytes, options) : held;
  }

  async carry(did: string, bytes: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<Result<number>> {
    const parsed = parseDid(did);
    if (!parsed.ok) return parsed;
    const limit = deadline(this.#parts.clock, lookup_ms_max, options.signal);
    return this.#parts.network.put(record_namespace, parsed.value.digest, bytes, { signal: limit.signal }).finally(() => limit.done());
  }

  resolution(did: string, options: ResolutionOptions = {}): Promise<Resolution> {
    return resolution(did, options, { ...this.#parts, resolve: (asked, fresh) => this.#traced(asked, fresh) });
  }

  /** Resolves, and says where the record came from. */
  async #traced(did: string, fresh: boolean): Promise<Result<Provenance>> {
    const before = this.#seen.get(did);
    const record = await this.resolve(did, { fresh });
    if (!record.ok) return record;
    const last = this.#seen.get(did);
    const seen = last !== undefined && equal(last.hash, record.value.hash) ? last : undefined;
    const source = this.#parts.records.isOwn(did) ? 'own' : seen === undefined || seen === before || seen.answers === 0 ? 'cache' : 'dht';
    return ok({ record: record.value, source, answers: seen?.answers ?? 0, age_ms: seen === undefined ? null : this.#parts.clock.now() - seen.at_ms });
  }
}

function duplicityOf(did: string): Failure {
  return { code: 'DID_DUPLICITY', reason: `the keys of ${did} signed two different histories of it`, fix: 'nothing that it signs counts any more: its owner needs a new DID' };
}

function absenceOf(did: string, { expired, timed_out, lied }: Found): ReturnType<typeof fail> {
  if (expired) return fail('RECORD_EXPIRED', `the newest record of ${did} has expired`, { fix: 'its host must come back and publish it again' });
  if (timed_out) return fail('LOOKUP_TIMEOUT', `nobody answered about ${did} within ${lookup_ms_max / 1000} s`, { fix: 'ask again, or connect to more peers: agentmesh join ADDRESS' });
  if (lied) return fail('RECORD_INVALID', `every record of ${did} that peers answered with is invalid`, { fix: 'connect to more peers (agentmesh join ADDRESS), or check the DID' });
  return fail('DID_NOT_FOUND', `no peer has a record of ${did}`, { fix: 'connect to the mesh that it lives in (agentmesh join ADDRESS), or check the DID' });
}
