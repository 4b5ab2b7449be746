/**
 * The uses of delegations with a rate caveat, counted exactly: for each link
 * that has one, the moments at which commands under it came, by all holders
 * below it together. A use is stored in the same atomic batch as the decision
 * about it, so that neither a crash nor a restart forgets one.
 */
import { bigEndian, concat, fromBase64url, fromBigEndian, toBase64url } from '../../crypto/bytes.ts';
import type { Chain, Delegation, Invocation } from '../../crypto/chain.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { isoTime } from '../../crypto/jwt.ts';
import { ok, type Failure, type Result } from '../../crypto/result.ts';
import { refuse } from '../../crypto/steps.ts';
import type { Change, Clock, Store } from '../ports.ts';
import { foreign_uses_max, pruned_at_once_max, uses_max } from './constants.ts';

/** What {@link Rates} use. */
export interface RateParts {
  readonly clock: Pick<Clock, 'now'>;
  readonly store: Store;
}

const time_bytes = 6;

/** One use: when, and of which invocation. */
interface Use {
  readonly time_ms: number;
  readonly invocation: string;
  readonly is_foreign: boolean;
}

/** The uses under one link that still count, in the order of their times. */
interface Log {
  readonly window_ms: number;
  uses: Use[];
}

interface RatedLink {
  readonly name: string;
  readonly index: number;
  readonly hash: Uint8Array;
  readonly count: number;
  readonly window_ms: number;
}

function ratedLinks(chain: Chain): readonly RatedLink[] {
  return chain.links.flatMap(({ caveats: { rate }, token }: Delegation, index) => rate === undefined
    ? []
    : [{ name: toBase64url(token.hash), index, hash: token.hash, count: rate[0], window_ms: rate[1] * 1000 }]);
}

// A key begins with the time after which the use counts no more, so that a prefix of the space can be dropped.
function keyOf(link: RatedLink, use: Use): Uint8Array {
  return concat(bigEndian(use.time_ms + link.window_ms, time_bytes), link.hash, fromBase64url(use.invocation) ?? new Uint8Array());
}

function encodeUse({ time_ms, is_foreign }: Use): Uint8Array {
  return concat(bigEndian(time_ms, time_bytes), Uint8Array.of(is_foreign ? 1 : 0));
}

/** Sliding logs of uses, in memory and in the store. */
export class Rates {
  readonly #parts: RateParts;
  readonly #logs = new Map<string, Log>();
  #own = 0;
  #foreign = 0;

  constructor(parts: RateParts) {
    this.#parts = parts;
  }

  /** Loads the uses that still count. */
  async load(): Promise<void> {
    const now = bigEndian(this.#now_ms(), time_bytes);
    for await (const [key, value] of this.#parts.store.entries('use', { gte: now })) {
      const ends_ms = fromBigEndian(key.subarray(0, time_bytes));
      const time_ms = fromBigEndian(value.subarray(0, time_bytes));
      if (key.length !== time_bytes + 2 * digest_bytes || ends_ms === undefined || time_ms === undefined) continue;
      const name = toBase64url(key.subarray(time_bytes, time_bytes + digest_bytes));
      this.#add(name, ends_ms - time_ms, { time_ms, invocation: toBase64url(key.subarray(time_bytes + digest_bytes)), is_foreign: value.at(-1) === 1 });
    }
    for (const log of this.#logs.values()) log.uses.sort((a, b) => a.time_ms - b.time_ms);
  }

  #now_ms(): number {
    return Math.floor(this.#parts.clock.now());
  }

  #add(name: string, window_ms: number, use: Use): void {
    const log = this.#logs.get(name) ?? { window_ms, uses: [] };
    log.uses.push(use);
    this.#logs.set(name, log);
    if (use.is_foreign) this.#foreign += 1;
    else this.#own += 1;
  }

  /** Forgets the uses of a log that count no more, and the log with its last one. */
  #trim(name: string, log: Log): void {
    const kept = log.uses.findIndex((use) => use.time_ms > this.#now_ms() - log.window_ms);
    const dropped = kept < 0 ? log.uses : log.uses.slice(0, kept);
    if (dropped.length === 0) return;
    const foreign = dropped.filter(({ is_foreign }) => is_foreign).length;
    this.#foreign -= foreign;
    this.#own -= dropped.length - foreign;
    log.uses = kept < 0 ? [] : log.uses.slice(kept);
    if (log.uses.length === 0) this.#logs.delete(name);
  }

  /** Uses kept in memory. */
  get size(): number {
    return this.#own + this.#foreign;
  }

  /** Drops what counts no more, in memory and in the store. */
  async prune(): Promise<void> {
    for (const [name, log] of this.#logs) this.#trim(name, log);
    const before = bigEndian(this.#now_ms(), time_bytes);
    let expired: Change[];
    do {
      expired = [];
      for await (const [key] of this.#parts.store.entries('use', { lt: before, limit: pruned_at_once_max })) expired.push({ space: 'use', key });
      if (expired.length > 0) await this.#parts.store.batch(expired, { sync: false });
    } while (expired.length === pruned_at_once_max);
  }

  #isCounted(name: string, invocation: string): boolean {
    return this.#logs.get(name)?.uses.some((use) => use.invocation === invocation) === true;
  }

  /** The place of a use in every log of the chain, or the first that has none. */
  #refusal(links: readonly RatedLink[], invocation: string, is_foreign: boolean): Failure | undefined {
    for (const { name, index, count, window_ms } of links) {
      const log = this.#logs.get(name);
      if (log !== undefined) this.#trim(name, log);
      if (this.#isCounted(name, invocation)) continue;
      const oldest = log?.uses.at(-count);
      if (log === undefined || log.uses.length < count || oldest === undefined) continue;
      return refuse(14, index, {
        code: 'INVOCATION_RATE', reason: `the delegation permits ${count} uses in ${window_ms / 1000} s, and they are used up`,
        fix: `the same from ${isoTime(Math.ceil((oldest.time_ms + window_ms) / 1000))} on`,
      }).failure;
    }
    const is_full = is_foreign ? this.#foreign + links.length > foreign_uses_max : this.#own + links.length > uses_max;
    if (links.length === 0 || !is_full) return undefined;
    return refuse(14, null, { code: 'INVOCATION_RATE', reason: 'this host counts as many uses as it can remember', fix: 'the same later, or under a delegation without a rate' }).failure;
  }

  /**
   * Counts a use of a verified chain at every link that has a rate. Gives the
   * changes that keep it, or why it is one too many: `INVOCATION_RATE`. A
   * repetition of the same invocation counts once. Of chains whose root nobody
   * here honours fewer are remembered, so that strangers cannot fill the memory.
   */
  take(chain: Chain | undefined, invocation: Invocation, is_foreign: boolean): Result<readonly Change[]> {
    const links = chain === undefined ? [] : ratedLinks(chain);
    const name = toBase64url(invocation.token.hash);
    const refusal = this.#refusal(links, name, is_foreign);
    if (refusal !== undefined) return { ok: false, failure: refusal };
    const use: Use = { time_ms: this.#now_ms(), invocation: name, is_foreign };
    const uncounted = links.filter((link) => !this.#isCounted(link.name, name));
    for (const link of uncounted) this.#add(link.name, link.window_ms, use);
    return ok(uncounted.map((link): Change => ({ space: 'use', key: keyOf(link, use), value: encodeUse(use) })));
  }
}
