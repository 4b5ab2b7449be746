import type { createLibp2p } from 'libp2p';

/** The key-value store that libp2p keeps its peers, DHT records and providers in. */
export type Datastore = NonNullable<NonNullable<Parameters<typeof createLibp2p>[0]>['datastore']>;
type Key = Parameters<Datastore['get']>[0];
interface Pair {
  readonly key: Key;
  readonly value: Uint8Array;
}

/** How many entries may be held under a prefix of the key, and what must hold before one is written. */
export interface Shelf {
  readonly prefix: string;
  readonly entries_max: number;
  /** Throws when the value must not replace the one that is held. */
  guard?(key: string, value: Uint8Array, held: Uint8Array | undefined): void;
}

/** The error by which libp2p recognises an absent entry. */
function absent(key: Key): Error {
  return Object.assign(new Error(`nothing is held under ${key.toString()}`), { name: 'NotFoundError' });
}

function* matching<T>(items: readonly T[], query: {
  filters?: ((item: T) => boolean)[];
  orders?: ((a: T, b: T) => -1 | 0 | 1)[];
  offset?: number;
  limit?: number;
}): Generator<T> {
  let chosen = items.filter((item) => query.filters?.every((filter) => filter(item)) ?? true);
  for (const order of query.orders ?? []) chosen = chosen.toSorted(order);
  const offset = query.offset ?? 0;
  yield* chosen.slice(offset, offset + (query.limit ?? chosen.length));
}

/**
 * A datastore in memory with a bound on each kind of entry, the oldest going
 * first. The one that libp2p brings grows without end, and remote peers write
 * into it: addresses, records and providers.
 */
export class BoundedDatastore implements Datastore {
  readonly #shelves: readonly Shelf[];
  readonly #entries: readonly Map<string, Pair>[];

  /** An entry belongs to the first shelf whose prefix its key has; the last one must have the empty prefix. */
  constructor(shelves: readonly Shelf[]) {
    this.#shelves = shelves;
    this.#entries = shelves.map(() => new Map<string, Pair>());
  }

  /** The value under a key, or `undefined`. */
  peek(key: string): Uint8Array | undefined {
    return this.#shelf(key).entries.get(key)?.value;
  }

  has(key: Key): boolean {
    return this.peek(key.toString()) !== undefined;
  }

  get(key: Key): Uint8Array {
    const value = this.peek(key.toString());
    if (value === undefined) throw absent(key);
    return value;
  }

  put(key: Key, value: Uint8Array): Key {
    const name = key.toString();
    const { shelf, entries } = this.#shelf(name);
    shelf.guard?.(name, value, entries.get(name)?.value);
    entries.delete(name);
    entries.set(name, { key, value });
    const [oldest] = entries.keys();
    if (entries.size > shelf.entries_max && oldest !== undefined) entries.delete(oldest);
    return key;
  }

  delete(key: Key): void {
    const name = key.toString();
    this.#shelf(name).entries.delete(name);
  }

  async *putMany(source: Iterable<Pair> | AsyncIterable<Pair>): AsyncGenerator<Key> {
    for await (const { key, value } of source) yield this.put(key, value);
  }

  async *getMany(source: Iterable<Key> | AsyncIterable<Key>): AsyncGenerator<Pair> {
    for await (const key of source) yield { key, value: this.get(key) };
  }

  async *deleteMany(source: Iterable<Key> | AsyncIterable<Key>): AsyncGenerator<Key> {
    for await (const key of source) {
      this.delete(key);
      yield key;
    }
  }

  batch(): ReturnType<Datastore['batch']> {
    const steps: (() => void)[] = [];
    return {
      put: (key, value) => void steps.push(() => void this.put(key, value)),
      delete: (key) => void steps.push(() => this.delete(key)),
      commit: () => {
        for (const step of steps.splice(0)) step();
        return Promise.resolve();
      },
    };
  }

  query(query: Parameters<Datastore['query']>[0]): Generator<Pair> {
    return matching(this.#under(query.prefix), query);
  }

  queryKeys(query: Parameters<Datastore['queryKeys']>[0]): Generator<Key> {
    return matching(this.#under(query.prefix).map(({ key }) => key), query);
  }

  #under(prefix = ''): Pair[] {
    const found: Pair[] = [];
    for (const entries of this.#entries) {
      for (const [name, pair] of entries) if (name.startsWith(prefix)) found.push(pair);
    }
    return found;
  }

  #shelf(key: string): { readonly shelf: Shelf; readonly entries: Map<string, Pair> } {
    const index = this.#shelves.findIndex(({ prefix }) => key.startsWith(prefix));
    const shelf = this.#shelves[index];
    const entries = this.#entries[index];
    if (shelf === undefined || entries === undefined) throw new Error('broken invariant: the last shelf takes every key');
    return { shelf, entries };
  }
}
