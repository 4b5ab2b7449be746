/**
 * Rate limits by the generic cell rate algorithm (ITU-T I.371): one number per
 * counter, the time at which it will be empty again, so that no window has a
 * border at which twice the limit fits.
 */
import { fail, ok, type Result } from '../../../crypto/result.ts';
import { limit_keys_max } from './bounds.ts';

/** At most `count` at once, refilled evenly over `period_ms`. */
export interface RateLimit {
  readonly count: number;
  readonly period_ms: number;
}

/** A counter that outlives its kernel. */
export interface Counter {
  readonly key: string;
  /** When it will be empty again, Unix milliseconds. */
  readonly empty_at_ms: number;
}

/** Counters of shorter periods are not kept: a restart takes about as long as they do. */
export const limit_kept_period_ms_min = 60_000;

const unit_ms: ReadonlyMap<string, number> = new Map([
  ['ms', 1], ['s', 1_000], ['sec', 1_000], ['second', 1_000], ['m', 60_000], ['min', 60_000], ['minute', 60_000],
  ['h', 3_600_000], ['hour', 3_600_000], ['d', 86_400_000], ['day', 86_400_000],
]);
const count_max = 1_000_000_000;
const period_ms_max = 366 * 86_400_000;

/** Reads `100/hour`, `100/1m`, `5/30s`. Fails with `LIMIT_INVALID`. */
export function parseLimit(text: string): Result<RateLimit> {
  const match = /^\s*(\d{1,10})\s*(?:\/|per)\s*(\d{1,6})?\s*([a-z]+)\s*$/i.exec(text);
  const unit = (match?.[3] ?? '').toLowerCase();
  const ms = unit_ms.get(unit) ?? unit_ms.get(unit.replace(/s$/, ''));
  const count = Number(match?.[1] ?? 0);
  const period_ms = Number(match?.[2] ?? 1) * (ms ?? 0);
  if (match === null || ms === undefined || count < 1 || count > count_max || period_ms < 1 || period_ms > period_ms_max) {
    return fail('LIMIT_INVALID', `${JSON.stringify(text.slice(0, 40))} is not a rate limit`, { fix: 'write "100/hour", "100/1m" or "5/30s"' });
  }
  return ok({ count, period_ms });
}

/** The counters of one kernel. A counter that is empty again may be forgotten; more than `keys_max` at once are refused. */
export class Meter {
  readonly #now: () => number;
  readonly #keys_max: number;
  readonly #empty_at = new Map<string, number>();
  #next_sweep = 0;
  /** Counters that are to be kept and have changed since they were last asked for; absent where nobody keeps them. */
  #counted: Map<string, number> | undefined;

  constructor(now: () => number, keys_max: number = limit_keys_max) {
    this.#now = now;
    this.#keys_max = keys_max;
  }

  /** How many counters are kept. */
  get size(): number {
    return this.#empty_at.size;
  }

  /** The milliseconds to wait before one more would pass; 0 when it passes now, `Infinity` when no counter is free. */
  wait(key: string, limit: RateLimit): number {
    const now = this.#now();
    const known = this.#known(key, limit, now);
    if (known === undefined && !this.#hasRoom(now)) return Infinity;
    const interval_ms = limit.period_ms / limit.count;
    const full_in = Math.max(known ?? now, now) - now + interval_ms - limit.period_ms;
    // Intervals that are no whole milliseconds add up with an error; less than one more must never pass by it.
    return full_in > Math.min(interval_ms / 2, 1) ? Math.ceil(full_in) : 0;
  }

  /** Counts one. Only after {@link wait} said 0. */
  charge(key: string, limit: RateLimit): void {
    const now = this.#now();
    const empty_at = Math.max(this.#empty_at.get(key) ?? now, now) + limit.period_ms / limit.count;
    this.#empty_at.set(key, empty_at);
    if (limit.period_ms >= limit_kept_period_ms_min) this.#counted?.set(key, empty_at);
  }

  /** Goes on counting where an earlier kernel has ended; from now on {@link counted} says what is to be kept. */
  keep(counters: Iterable<Counter>): void {
    this.#counted ??= new Map();
    for (const { key, empty_at_ms } of counters) this.#empty_at.set(key, Math.max(this.#empty_at.get(key) ?? 0, empty_at_ms));
  }

  /** The counters that have changed since this was last asked. */
  counted(): readonly Counter[] {
    if (this.#counted === undefined || this.#counted.size === 0) return [];
    const counted = [...this.#counted].map(([key, empty_at_ms]) => ({ key, empty_at_ms }));
    this.#counted.clear();
    return counted;
  }

  /** No counter is more than full: one that seems to be was counted by a clock that was ahead, and would hold its agent for as long. */
  #known(key: string, { period_ms }: RateLimit, now: number): number | undefined {
    const known = this.#empty_at.get(key);
    if (known === undefined || known <= now + period_ms) return known;
    this.#empty_at.set(key, now + period_ms);
    return now + period_ms;
  }

  #hasRoom(now: number): boolean {
    if (this.#empty_at.size < this.#keys_max) return true;
    // Sweeping before anything can be empty would cost each refused call the whole table.
    if (now < this.#next_sweep) return false;
    let next_sweep = Infinity;
    for (const [key, empty_at] of this.#empty_at) {
      if (empty_at <= now) this.#empty_at.delete(key);
      else next_sweep = Math.min(next_sweep, empty_at);
    }
    this.#next_sweep = next_sweep;
    return this.#empty_at.size < this.#keys_max;
  }
}
