import type { AbstractLevel } from 'abstract-level';
import { Level } from 'level';
import { MemoryLevel } from 'memory-level';
import { concat, fromUtf8, utf8 } from '../crypto/bytes.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';

/** The layout version of what is stored; an older folder is migrated, a newer one refused. */
export const store_schema_version = 1;

/** One change of a batch: `value` absent means the key is deleted. */
export interface Change {
  /** The part of the store that the key belongs to. */
  readonly space: Space;
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
}

/** Which keys of a space to walk, in order; bounds are compared as bytes. */
export interface Range {
  readonly gte?: Uint8Array;
  readonly gt?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** The named parts of the store, one letter each on disk. */
export const spaces = {
  meta: 'm',
  log: 'l',
  witness: 'w',
  record: 'r',
  statement: 's',
  interaction: 'i',
  receipt: 'n',
  delegation: 'd',
  use: 'u',
  agent: 'a',
  identity_event: 'e',
  contact: 'c',
  peer: 'p',
} as const;

/** The name of a part of the store. */
export type Space = keyof typeof spaces;

/**
 * The node's one embedded database: ordered byte keys in named spaces, and
 * batches that are applied whole or not at all.
 */
export interface Store {
  get(space: Space, key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Applies all changes or none. With `sync` the promise resolves after the data is on the disk. */
  batch(changes: readonly Change[], options: { readonly sync: boolean }): Promise<void>;
  /** The entries of a range in key order. */
  entries(space: Space, range: Range): AsyncIterable<readonly [Uint8Array, Uint8Array]>;
  close(): Promise<void>;
}

/** Where the data lives: a folder of this host, or memory that is gone at the end. */
export type StorePlace =
  | { readonly kind: 'disk'; readonly folder: string; readonly create: boolean }
  | { readonly kind: 'memory' };

const view = 'view';

function prefixed(space: Space, key: Uint8Array): Uint8Array {
  return concat(utf8(spaces[space]), key);
}

/** Plain bytes that nobody else holds: the memory back end would share its own, the disk one gives Buffers. */
function copied(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

function after(prefix: string): Uint8Array {
  return Uint8Array.of(prefix.charCodeAt(0) + 1);
}

type Operation =
  | { readonly type: 'del'; readonly key: Uint8Array }
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array };

/** What differs between the back ends: only the disk has something to sync. */
interface BackEnd {
  readonly level: AbstractLevel<string | Buffer | Uint8Array, Uint8Array, Uint8Array>;
  write(operations: Operation[], sync: boolean): Promise<void>;
}

function backEnd(place: StorePlace): BackEnd {
  const encodings = { keyEncoding: view, valueEncoding: view } as const;
  if (place.kind === 'memory') {
    const level = new MemoryLevel<Uint8Array, Uint8Array>(encodings);
    return { level, write: (operations) => level.batch(operations) };
  }
  // Compression is off: hashes and sealed payloads do not compress, and a damaged byte stays one byte.
  const level = new Level<Uint8Array, Uint8Array>(place.folder, { ...encodings, createIfMissing: place.create, compression: false });
  return { level, write: (operations, sync) => level.batch(operations, { sync }) };
}

class LevelStore implements Store {
  readonly #level: BackEnd['level'];
  readonly #write: BackEnd['write'];

  constructor(back_end: BackEnd) {
    this.#level = back_end.level;
    this.#write = back_end.write;
  }

  async get(space: Space, key: Uint8Array): Promise<Uint8Array | undefined> {
    // A small read on this thread costs a tenth of the way to another thread and back.
    const value = this.#level.getSync(prefixed(space, key));
    return value === undefined ? undefined : copied(value);
  }

  async batch(changes: readonly Change[], options: { readonly sync: boolean }): Promise<void> {
    const operations = changes.map((change): Operation => change.value === undefined
      ? { type: 'del', key: prefixed(change.space, change.key) }
      : { type: 'put', key: prefixed(change.space, change.key), value: copied(change.value) });
    await this.#write(operations, options.sync);
  }

  async *entries(space: Space, range: Range): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    const prefix = spaces[space];
    const lower = range.gt === undefined
      ? { gte: prefixed(space, range.gte ?? new Uint8Array()) }
      : { gt: prefixed(space, range.gt) };
    const upper = range.lte !== undefined
      ? { lte: prefixed(space, range.lte) }
      : { lt: range.lt === undefined ? after(prefix) : prefixed(space, range.lt) };
    const iterator = this.#level.iterator({
      ...lower,
      ...upper,
      reverse: range.reverse ?? false,
      limit: range.limit ?? -1,
    });
    for await (const [key, value] of iterator) yield [copied(key.subarray(1)), copied(value)];
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

/** The stable code of an error of the store's library, so that callers can name the fix. */
function openFailure(error: unknown, place: StorePlace): Result<never> {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const folder = place.kind === 'disk' ? place.folder : 'memory';
  if (code === 'LEVEL_LOCKED') {
    return fail('STORE_LOCKED', `another process has the store in ${folder} open`, {
      fix: 'stop that node, or start this one with another --data folder',
      cause: error,
    });
  }
  return fail('STORE_UNREADABLE', `the store in ${folder} cannot be opened: ${messageOf(cause)}`, {
    fix: 'run agentmesh doctor, and restore the folder from a backup if it is damaged',
    cause: error,
  });
}

const version_key = utf8('schema-version');

async function isEmpty(level: BackEnd['level']): Promise<boolean> {
  return (await level.keys({ limit: 1 }).all()).length === 0;
}

function versionFailure(stored: Uint8Array | undefined): Result<never> {
  const version = stored === undefined ? 'no layout version' : `layout version ${JSON.stringify(fromUtf8(stored) ?? 'unreadable')}`;
  return fail('STORE_VERSION', `the store has ${version}, this program knows ${store_schema_version}`, {
    fix: 'start the folder with the program version that wrote it',
  });
}

/**
 * Opens the store. `create: false` insists that there is one already: LevelDB
 * would otherwise open a deleted store as an empty one without a word.
 *
 * Fails with `STORE_LOCKED`, `STORE_UNREADABLE` or `STORE_VERSION`.
 */
export async function openStore(place: StorePlace): Promise<Result<Store>> {
  const back_end = backEnd(place);
  const { level } = back_end;
  try {
    await level.open();
    const store = new LevelStore(back_end);
    const stored = await store.get('meta', version_key);
    if (stored === undefined && await isEmpty(level)) {
      await store.batch([{ space: 'meta', key: version_key, value: utf8(String(store_schema_version)) }], { sync: true });
    } else if (stored === undefined || fromUtf8(stored) !== String(store_schema_version)) {
      await level.close();
      return versionFailure(stored);
    }
    return ok(store);
  } catch (error) {
    await level.close().catch(() => undefined);
    return openFailure(error, place);
  }
}
