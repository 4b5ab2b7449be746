/**
 * The rate limits of long periods, kept over a restart and a crash: each counter in the atomic batch of the
 * decision that it has counted. Those of short periods are as good as empty by the time a host is up again.
 */
import { fromUtf8, toHex, utf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes, isFields } from '../crypto/canonical.ts';
import { sha256 } from '../crypto/hash.ts';
import type { Change, Clock, Store } from '../protocols/ports.ts';
import type { Counter } from './kernel/policy/limit.ts';
import { limit_keys_max } from './kernel/policy/bounds.ts';

/** What keeping them uses. */
export interface KeptLimitsParts {
  readonly clock: Clock;
  readonly store: Pick<Store, 'entries' | 'batch'>;
}

function prefixOf(did: string): string {
  return `limit ${did} `;
}

function storeKey(did: string, { key }: Counter): Uint8Array {
  return utf8(`${prefixOf(did)}${toHex(sha256(utf8(key))).slice(0, 32)}`);
}

function counterIn(bytes: Uint8Array): Counter | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes) ?? '');
    if (!isFields(value)) return undefined;
    const { key, empty_at_ms } = value;
    return typeof key === 'string' && typeof empty_at_ms === 'number' && Number.isFinite(empty_at_ms) ? { key, empty_at_ms } : undefined;
  } catch {
    return undefined;
  }
}

/** The counters of this host's agents. */
export class KeptLimits {
  readonly #parts: KeptLimitsParts;
  readonly #agents = new Map<string, Map<string, Counter>>();

  constructor(parts: KeptLimitsParts) {
    this.#parts = parts;
  }

  /** Reads what an earlier run has kept of an agent, and forgets what is empty again. */
  async load(did: string): Promise<void> {
    const { store, clock } = this.#parts;
    const counters = new Map<string, Counter>();
    const empty: Change[] = [];
    const prefix = prefixOf(did);
    for await (const [key, bytes] of store.entries('meta', { gte: utf8(prefix), lt: utf8(`${prefix}g`) })) {
      const counter = counterIn(bytes);
      if (counter !== undefined && counter.empty_at_ms > clock.now() && counters.size < limit_keys_max) counters.set(counter.key, counter);
      else empty.push({ space: 'meta', key });
    }
    if (empty.length > 0) await store.batch(empty, { sync: false });
    this.#agents.set(did, counters);
  }

  /** What a kernel begins with. */
  of(did: string): Iterable<Counter> {
    return this.#agents.get(did)?.values() ?? [];
  }

  /** The changes that keep counters, for the same atomic batch as the record of what they have counted. */
  changes(did: string, counted: readonly Counter[]): readonly Change[] {
    if (counted.length === 0) return [];
    const counters = this.#agents.get(did) ?? new Map<string, Counter>();
    this.#agents.set(did, counters);
    // Looking through a full table for each decision would cost more than the decision.
    const news = counted.filter(({ key }) => !counters.has(key)).length;
    const forgotten = news > 0 && counters.size + news > limit_keys_max ? this.#emptied(did, counters) : [];
    for (const counter of counted) counters.set(counter.key, counter);
    return [...forgotten, ...counted.map((counter) => ({ space: 'meta', key: storeKey(did, counter), value: canonicalJsonBytes({ ...counter }) }) as const)];
  }

  #emptied(did: string, counters: Map<string, Counter>): readonly Change[] {
    const now_ms = this.#parts.clock.now();
    const empty = [...counters.values()].filter(({ empty_at_ms }) => empty_at_ms <= now_ms);
    for (const { key } of empty) counters.delete(key);
    return empty.map((counter) => ({ space: 'meta', key: storeKey(did, counter) }) as const);
  }
}
