/**
 * One sync: brings what a peer has and we have not. What takes something away
 * comes first. Each topic is compared by days; of days of which much is missing
 * parts are streamed, then the tries are walked; then it is compared again, until
 * nothing is missing or a limit is reached. Every statement passes the same
 * admission as a pushed one before it is kept.
 */
import { compare, equal, toBase64url, toHex, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Statement } from '../../crypto/statement.ts';
import { statement_topics, type StatementDay, type StatementStore, type StatementTopic } from '../../storage/statements.ts';
import type { Clock, Network, PeerId, Random } from '../ports.ts';
import { unlessFailure } from '../reply.ts';
import { verdictOn, type Source } from './admission.ts';
import type { Budget } from './budget.ts';
import {
  admissions_at_once_max, day_pages_max, days_per_page_max, passes_max, sync_limits, sync_protocol, undelivered_from,
} from './constants.ts';
import { SyncLookUps } from './look-ups.ts';
import type { Refusals } from './refusals.ts';
import type { SnapshotPart, Snapshots } from './snapshots.ts';
import { daysOf, snapshotOf, tokensOf, unpacked, type SyncRequest } from './sync-wire.ts';
import { Walk, type Missing, type WalkTally } from './walk.ts';

/** What a sync uses. */
export interface SyncParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly random: Random;
  readonly store: StatementStore;
  readonly refusals: Refusals;
  readonly snapshots: Snapshots;
  /** The hashes that syncs are fetching from peers. */
  readonly fetching: Set<string>;
  /** Bytes that may be taken from each peer. */
  readonly taken: Budget;
  admit(text: string, source: Source): Promise<Result<Statement>>;
  /** Told when nothing of a topic is missing that the peer had at a time, in Unix milliseconds. */
  completed(topic: StatementTopic, as_of_ms: number): Promise<void>;
}

/** How a sync ended. */
export interface Synced {
  /** Statements that were new here. */
  readonly admitted: number;
  /** Whether nothing that the peer has is missing now, except what we have a reason not to keep. */
  readonly complete: boolean;
  readonly rounds: number;
  readonly bytes: number;
  /** Statements that the peer listed and did not have. */
  readonly undelivered: number;
  /** Statements for whose issuers the next sync has to look. */
  readonly pending: number;
}

function lie(reason: string): ReturnType<typeof fail> {
  return fail('SYNC_LIE', reason);
}

/** A sync with one peer. */
export class Sync {
  readonly #parts: SyncParts;
  readonly #peer: PeerId;
  readonly #signal: AbortSignal;
  readonly #tally: WalkTally = { rounds: 0, changed: 0, missing: 0, is_cut: false };
  readonly #lookups = new SyncLookUps();
  /** Statements whose issuers have not been looked up, since so many others could not be found. */
  readonly #pending = new Set<string>();
  #admitted = 0;
  #bytes = 0;
  #asked = 0;
  #undelivered = 0;

  constructor(parts: SyncParts, peer: PeerId, signal: AbortSignal) {
    this.#parts = parts;
    this.#peer = peer;
    this.#signal = signal;
  }

  /**
   * Runs it, within bounds of bytes, rounds and time. Fails with `SYNC_LIE` where
   * the peer broke the protocol or offered what no honest peer keeps, with
   * `SYNC_STOPPED`, `SYNC_BUDGET`, a code that the peer gave, or the network's.
   */
  async run(): Promise<Result<Synced>> {
    let complete = true;
    for (const topic of statement_topics) {
      const synced = await this.#syncTopic(topic);
      if (!synced.ok) return synced;
      complete &&= synced.value;
    }
    return ok({ admitted: this.#admitted, complete, rounds: this.#tally.rounds, bytes: this.#bytes, undelivered: this.#undelivered, pending: this.#pending.size });
  }

  /** How many statements were new, also of a sync that failed. */
  get admitted(): number {
    return this.#admitted;
  }

  async #syncTopic(topic: StatementTopic): Promise<Result<boolean>> {
    for (let pass = 0; pass < passes_max; pass += 1) {
      const as_of_ms = this.#parts.clock.now();
      const before = { changed: this.#tally.changed, missing: this.#tally.missing };
      this.#tally.is_cut = false;
      const days = await this.#differing(topic);
      if (!days.ok) return days;
      const streamed = pass === 0 ? await this.#stream(topic, days.value) : ok(false);
      if (!streamed.ok) return streamed;
      const walked = await this.#walk(topic, days.value);
      if (!walked.ok) return walked;
      const { is_cut, changed, missing } = this.#tally;
      if (!is_cut && changed === before.changed && missing === before.missing && !streamed.value) {
        await this.#parts.completed(topic, as_of_ms);
        return ok(true);
      }
      if (is_cut) return ok(false);
    }
    return ok(false);
  }

  async #ask(request: SyncRequest): Promise<Result<unknown>> {
    if (this.#signal.aborted) return fail('SYNC_STOPPED', 'the sync took too long, or this host stops');
    if (this.#parts.taken.isSpent(this.#peer)) return fail('SYNC_BUDGET', 'the peer has sent as much as is taken from one peer in a minute');
    const answer = unlessFailure(await this.#parts.network.request(this.#peer, sync_protocol, encodeCbor(request), { limits: sync_limits, signal: this.#signal }));
    if (!answer.ok) return this.#signal.aborted ? fail('SYNC_STOPPED', 'the sync took too long, or this host stops') : answer;
    this.#bytes += answer.value.length;
    this.#parts.taken.spend(this.#peer, answer.value.length);
    const decoded = decodeCbor(answer.value);
    return decoded.ok ? decoded : lie(`the answer is not understood: ${decoded.failure.reason}`);
  }

  /** The peer's days that are not over and differ from ours. */
  async #differing(topic: StatementTopic): Promise<Result<readonly StatementDay[]>> {
    const own = new Map(this.#parts.store.days(topic).map((day) => [day.day, day.root]));
    const today = Math.floor(this.#parts.clock.now() / 86_400_000);
    const differing: StatementDay[] = [];
    let after: number | null = null;
    for (let page = 0; page < day_pages_max; page += 1) {
      const answer: Result<unknown> = await this.#ask({ kind: 'days', topic, after });
      const days: Result<readonly StatementDay[]> = answer.ok ? daysOf(answer.value, after) : answer;
      if (!days.ok) return days;
      for (const day of days.value) {
        const root = own.get(day.day);
        if (day.day >= today && (root === undefined || !equal(root, day.root))) differing.push(day);
      }
      after = days.value.at(-1)?.day ?? after;
      if (days.value.length < days_per_page_max) return ok(differing);
    }
    return lie('it lists more days than statements can last');
  }

  async #walk(topic: StatementTopic, days: readonly StatementDay[]): Promise<Result<void>> {
    const { store, refusals, snapshots } = this.#parts;
    const walk = new Walk({
      store,
      ask: (request) => this.#ask(request),
      fetch: (missing) => this.#fetch(topic, missing),
      isRefused: (hash) => refusals.has(hash) || this.#pending.has(hash),
      isTaken: (day, prefix) => snapshots.isTaken(topic, day, prefix),
    }, topic, this.#tally);
    return walk.run(days);
  }

  /** Fetches what no other sync is fetching. What takes something away is fetched all the same: a peer that stalls must not keep it from us. */
  async #fetch(topic: StatementTopic, missing: readonly Missing[]): Promise<Result<void>> {
    const { fetching } = this.#parts;
    const free = topic === 'revocations' ? missing : missing.filter(({ id }) => !fetching.has(toBase64url(id)));
    if (free.length < missing.length) this.#tally.is_cut = true;
    if (free.length === 0) return ok(undefined);
    const hashes = free.map(({ id }) => toBase64url(id));
    for (const hash of hashes) fetching.add(hash);
    try {
      return await this.#fetchAll(topic, free);
    } finally {
      for (const hash of hashes) fetching.delete(hash);
    }
  }

  async #fetchAll(topic: StatementTopic, missing: readonly Missing[]): Promise<Result<void>> {
    const answer = await this.#ask({ kind: 'statements', ids: missing.map(({ id }) => id) });
    const texts = answer.ok ? tokensOf(answer.value, missing.length) : answer;
    if (!texts.ok) return texts;
    const wanted = new Map(missing.map(({ id, day }) => [toBase64url(id), day]));
    const listed: { readonly text: string; readonly hash: string; readonly day: number }[] = [];
    for (const text of texts.value) {
      const hash = toBase64url(sha256(utf8(text)));
      const day = wanted.get(hash);
      if (day === undefined || !wanted.delete(hash)) return lie('a statement was not asked for');
      listed.push({ text, hash, day });
    }
    this.#asked += missing.length;
    this.#undelivered += wanted.size;
    if (this.#asked >= undelivered_from && this.#undelivered * 2 > this.#asked) return lie('it has not the statements that it lists');
    return this.#admit(topic, listed);
  }

  async #admit(topic: StatementTopic, listed: readonly { readonly text: string; readonly hash: string; readonly day: number }[]): Promise<Result<void>> {
    for (let start = 0; start < listed.length; start += admissions_at_once_max) {
      if (this.#signal.aborted) return fail('SYNC_STOPPED', 'the sync took too long, or this host stops');
      const some = listed.slice(start, start + admissions_at_once_max);
      const admissions = await Promise.all(some.map(({ text, day }) => this.#parts.admit(text, { peer: this.#peer, listed: { topic, day }, lookups: this.#lookups })));
      for (const [index, admission] of admissions.entries()) {
        if (admission.ok) {
          this.#admitted += 1;
          continue;
        }
        const { failure } = admission;
        if (verdictOn(admission) === 'reject') return lie(failure.reason);
        const hash = some[index]?.hash ?? '';
        if (failure.detail?.['looked_up'] === false) this.#pending.add(hash);
        else if (failure.code !== 'STATEMENT_KNOWN') this.#parts.refusals.note(hash, failure);
      }
    }
    return ok(undefined);
  }

  /** Streams what nobody else streams of the days of which much is missing; whether anything was streamed. */
  async #stream(topic: StatementTopic, days: readonly StatementDay[]): Promise<Result<boolean>> {
    const { store, snapshots, random } = this.#parts;
    let streamed = false;
    for (const theirs of days) {
      for (const part of snapshots.wanted(topic, theirs, store.day(topic, theirs.day)?.size ?? 0, random.fraction())) {
        if (!snapshots.take(part)) continue;
        streamed = true;
        let is_done = false;
        try {
          const ended = await this.#streamPart(part);
          if (!ended.ok) return ended;
          is_done = true;
        } finally {
          snapshots.release(part, is_done);
        }
      }
    }
    return ok(streamed);
  }

  async #streamPart(part: SnapshotPart): Promise<Result<void>> {
    const { snapshots } = this.#parts;
    for (;;) {
      const after = snapshots.reached(part);
      const answer = await this.#ask({ kind: 'snapshot', ...part, after });
      const page = answer.ok ? snapshotOf(answer.value) : answer;
      if (!page.ok) return page;
      const texts = unpacked(page.value.tokens);
      if (!texts.ok) return texts;
      const listed = texts.value.map((text) => ({ text, id: sha256(utf8(text)) }));
      for (const [index, { id }] of listed.entries()) {
        const before = listed[index - 1]?.id ?? after;
        if (before !== null && compare(before, id) >= 0) return lie('the snapshot is not in ascending order, each statement once');
        if (!toHex(id).startsWith(part.prefix)) return lie('the snapshot holds what belongs to another part');
      }
      const missing = listed.map(({ text, id }) => ({ text, hash: toBase64url(id), day: part.day })).filter(({ hash }) => !this.#parts.store.has(hash));
      const admitted = await this.#admit(part.topic, missing);
      if (!admitted.ok) return admitted;
      const last = listed.at(-1)?.id;
      if (last !== undefined) snapshots.advance(part, last);
      if (!page.value.more) return ok(undefined);
      if (last === undefined) return lie('an empty page promises more');
    }
  }
}
