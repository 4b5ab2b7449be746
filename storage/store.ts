import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { AbstractLevel } from 'abstract-level';
import { Level } from 'level';
import { MemoryLevel } from 'memory-level';
import { fromUtf8, utf8 } from '../crypto/bytes.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';

/** The layout version of what is stored: since 3 the memory of agents is sealed. Any other is refused, but for {@link store_schema_version_before}. */
export const store_schema_version = 3;
/** The layout version that is brought to the present one by the parts of the host that own what differs. */
export const store_schema_version_before = 2;

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
  import: 'f',
  vfs: 'v',
  tool: 't',
  bundle: 'b',
} as const;

/** The name of a part of the store. */
export type Space = keyof typeof spaces;

/**
 * The node's one embedded database: ordered byte keys in named spaces, and
 * batches that are applied whole or not at all.
 */
export interface Store {
  get(space: Space, key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Applies all changes or none. With `sync` the promise resolves after the data is on the disk. After one that failed on a disk every other fails too. */
  batch(changes: readonly Change[], options: { readonly sync: boolean }): Promise<void>;
  /** What the database says that it could not read when it was opened and left out, if anything: it opens all the same. */
  readonly left_out?: string | undefined;
  /** The entries of a range in key order. */
  entries(space: Space, range: Range): AsyncIterable<readonly [Uint8Array, Uint8Array]>;
  /** About how many bytes a part takes of the disk, without reading it; absent where nothing is on a disk. */
  readonly diskBytes?: (space: Space) => Promise<number>;
  /** Gives back to the disk what was deleted from a part; absent where nothing is on a disk. */
  readonly compact?: (space: Space) => Promise<void>;
  close(): Promise<void>;
}

/** Where the data lives: a folder of this host, or memory that is gone at the end. */
export type StorePlace =
  | { readonly kind: 'disk'; readonly folder: string; readonly create: boolean }
  | { readonly kind: 'memory' };

const view = 'view';
// What LevelDB says at an opening stands at the beginning of its journal.
const journal_bytes_max = 262_144;
const reason_length_max = 300;
// LevelDB maps each file that it has open into memory, 2 MiB each: so many bound what a store of any size takes (it raises less to 74).
const open_files_max = 74;
// A walk over large values fetches so many bytes at once; with fewer it waits for another thread at every value.
const read_ahead = { highWaterMarkBytes: 262_144 } as const;

function prefixed(space: Space, key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + key.length);
  bytes[0] = spaces[space].charCodeAt(0);
  bytes.set(key, 1);
  return bytes;
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
  /** Only of the disk, for the keys of a range. */
  readonly disk?: {
    bytes(from: Uint8Array, to: Uint8Array): Promise<number>;
    compact(from: Uint8Array, to: Uint8Array): Promise<void>;
  };
}

/** What LevelDB can do beyond the common interface of the back ends. */
interface MeasuredLevel {
  approximateSize(from: Uint8Array, to: Uint8Array): Promise<number>;
  compactRange(from: Uint8Array, to: Uint8Array): Promise<void>;
}

function isMeasured(level: object): level is MeasuredLevel {
  return 'approximateSize' in level && 'compactRange' in level;
}

function backEnd(place: StorePlace): BackEnd {
  const encodings = { keyEncoding: view, valueEncoding: view } as const;
  if (place.kind === 'memory') {
    const level = new MemoryLevel<Uint8Array, Uint8Array>(encodings);
    return { level, write: (operations) => level.batch(operations.map((operation) => (operation.type === 'del' ? operation : { ...operation, value: copied(operation.value) }))) };
  }
  // A batch on disk is copied before the call returns, so values need no copy of their own.
  // Compression is off: hashes and sealed payloads do not compress, and a damaged byte stays one byte.
  const level = new Level<Uint8Array, Uint8Array>(place.folder, { ...encodings, createIfMissing: place.create, compression: false, maxOpenFiles: open_files_max });
  return {
    level,
    write: (operations, sync) => level.batch(operations, { sync }),
    ...(isMeasured(level) ? { disk: { bytes: (from, to) => level.approximateSize(from, to), compact: (from, to) => level.compactRange(from, to) } } : {}),
  };
}

class LevelStore implements Store {
  readonly diskBytes?: Store['diskBytes'] & object;
  readonly compact?: Store['compact'] & object;
  readonly left_out: string | undefined;
  readonly #level: BackEnd['level'];
  readonly #write: BackEnd['write'];
  // What the first write that failed has thrown.
  #failed: unknown;

  constructor(back_end: BackEnd, left_out: string | undefined) {
    this.left_out = left_out;
    this.#level = back_end.level;
    this.#write = back_end.write;
    const { disk } = back_end;
    if (disk === undefined) return;
    this.diskBytes = (space) => disk.bytes(utf8(spaces[space]), after(spaces[space]));
    this.compact = (space) => disk.compact(utf8(spaces[space]), after(spaces[space]));
  }

  async get(space: Space, key: Uint8Array): Promise<Uint8Array | undefined> {
    // A small read on this thread costs a tenth of the way to another thread and back.
    const value = this.#level.getSync(prefixed(space, key));
    return value === undefined ? undefined : copied(value);
  }

  async batch(changes: readonly Change[], options: { readonly sync: boolean }): Promise<void> {
    const operations = changes.map((change): Operation => change.value === undefined
      ? { type: 'del', key: prefixed(change.space, change.key) }
      : { type: 'put', key: prefixed(change.space, change.key), value: change.value });
    this.#refuseAfterFailure();
    try {
      await this.#write(operations, options.sync);
    } catch (error) {
      this.#failed ??= error;
      throw error;
    }
    // Another one failed while this was under way: it may lie before this one.
    this.#refuseAfterFailure();
  }

  // LevelDB goes on after a write that failed, but its file has a hole then, and at the next start it drops what lies behind.
  #refuseAfterFailure(): void {
    if (this.#failed !== undefined) throw new Error(`an earlier write of the store failed, and nothing is written until it is opened again: ${messageOf(this.#failed)}`, { cause: this.#failed });
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
      ...read_ahead,
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

// LevelDB goes on without a write-ahead log that it cannot read, and without the records of one that are damaged. Only its own journal, begun anew at each opening, says so.
async function leftOut(folder: string): Promise<string | undefined> {
  const journal = await open(join(folder, 'LOG'));
  try {
    const { buffer, bytesRead } = await journal.read(Buffer.alloc(journal_bytes_max), 0, journal_bytes_max, 0);
    const line = buffer.toString('latin1', 0, bytesRead).split('\n').find((text) => /ignoring error/i.test(text));
    return line?.replace(/^\S+ \S+ /, '').replaceAll(/[^\x20-\x7e]/g, '').slice(0, reason_length_max);
  } finally {
    await journal.close();
  }
}

const version_key = utf8('schema-version');
// While it is brought to the present layout no other program may open it: the one before would take what is done for lost.
const version_between = `${store_schema_version_before} to ${store_schema_version}`;
const versions_earlier: ReadonlySet<string> = new Set([String(store_schema_version_before), version_between]);

function isKnown(stored: Uint8Array | undefined): boolean {
  const version = stored === undefined ? '' : fromUtf8(stored) ?? '';
  return version === String(store_schema_version) || versions_earlier.has(version);
}

/** Whether what is stored has the layout before the present one, or is being brought to it. */
export async function hasEarlierLayout(store: Pick<Store, 'get'>): Promise<boolean> {
  const stored = await store.get('meta', version_key);
  return stored !== undefined && versions_earlier.has(fromUtf8(stored) ?? '');
}

/** Says that the store is being brought to the present layout, or, once nothing of the one before is left to be changed, that it has it. */
export function raiseVersion(store: Pick<Store, 'batch'>, state: 'begun' | 'done'): Promise<void> {
  return store.batch([{ space: 'meta', key: version_key, value: utf8(state === 'begun' ? version_between : String(store_schema_version)) }], { sync: true });
}

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
    const store = new LevelStore(back_end, place.kind === 'disk' ? await leftOut(place.folder) : undefined);
    const stored = await store.get('meta', version_key);
    if (stored === undefined && await isEmpty(level)) {
      await store.batch([{ space: 'meta', key: version_key, value: utf8(String(store_schema_version)) }], { sync: true });
    } else if (!isKnown(stored)) {
      await level.close();
      return versionFailure(stored);
    }
    return ok(store);
  } catch (error) {
    await level.close().catch(() => undefined);
    return openFailure(error, place);
  }
}
