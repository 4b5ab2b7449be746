import { assert } from '../crypto/assert.ts';
import { digest_bytes } from '../crypto/hash.ts';
import { Frontier, type HashAt, type TreeNode } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { tile_width } from '../crypto/tlog-tiles.ts';
import { log_keys } from './audit-group.ts';
import type { Change, Store } from './store.ts';

/** Tree levels that one tile spans. */
export const tile_height = 8;
/** The length of a full tile. */
export const tile_bytes: number = tile_width * digest_bytes;

function rootOf(hashes: Uint8Array): Uint8Array {
  const frontier = new Frontier();
  for (let at = 0; at < hashes.length; at += digest_bytes) frontier.append(hashes.subarray(at, at + digest_bytes));
  return frontier.root();
}

interface TilePlace {
  readonly level: number;
  readonly number: number;
  /** Where in the tile the subtree's hashes begin, and how many they are. */
  readonly start: number;
  readonly count: number;
}

function placeOf({ level, index }: TreeNode): TilePlace {
  const count = 2 ** (level % tile_height);
  const first = index * count;
  return { level: Math.floor(level / tile_height), number: Math.floor(first / tile_width), start: first % tile_width, count };
}

/** The entries in the form of a C2SP tlog-tiles bundle: `u16be length | entry` each. */
export function bundleOf(entries: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const entry of entries) length += 2 + entry.length;
  const bundle = new Uint8Array(length);
  let at = 0;
  for (const entry of entries) {
    bundle[at] = entry.length >>> 8;
    bundle[at + 1] = entry.length & 0xff;
    bundle.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bundle;
}

/** The entries of a bundle, or `undefined` when its bytes are none. */
export function entriesOfBundle(bundle: Uint8Array): Uint8Array[] | undefined {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at + 2 <= bundle.length && entries.length < tile_width) {
    const length = (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0);
    at += 2 + length;
    entries.push(bundle.subarray(at - length, at));
  }
  return at === bundle.length ? entries : undefined;
}

/**
 * The tree of a log: its right edge in memory, its full tiles in the store.
 * A tile is written once, in the same batch as the entry that fills it.
 */
export class LogTree {
  #frontier = new Frontier();
  // For each tile level the tile that is being filled.
  readonly #rows: Uint8Array[] = [];
  #entries: Uint8Array[] = [];

  /**
   * The tree of the first `size` entries, a multiple of {@link tile_width}, from its stored
   * tiles; whether it has the right root is for the caller to see.
   * Fails with `AUDIT_DAMAGED` when one of them is missing or misshapen.
   */
  static async resume(store: Store, size: number): Promise<Result<LogTree>> {
    assert(size % tile_width === 0, 'only full tiles are stored');
    const tree = new LogTree();
    const edge: Uint8Array[] = [];
    for (let level = 1, below = tile_width; below <= size; level += 1, below *= tile_width) {
      const count = Math.floor(size / below);
      const row = new Frontier();
      for (let number = count - count % tile_width; number < count; number += 1) {
        const tile = await storedTile(store, level - 1, number);
        if (tile === undefined) return damagedTile(level - 1, number);
        const hash = rootOf(tile);
        row.append(hash);
        tree.#row(level).set(hash, (number % tile_width) * digest_bytes);
      }
      edge.unshift(...row.hashes);
    }
    tree.#frontier = new Frontier(size, edge);
    return ok(tree);
  }

  /** Number of leaves. */
  get size(): number {
    return this.#frontier.size;
  }

  /** Roots of the perfect subtrees, largest first. */
  get frontier(): readonly Uint8Array[] {
    return this.#frontier.hashes;
  }

  /** Root of the tree as it stands. */
  root(): Uint8Array {
    return this.#frontier.root();
  }

  /** The hashes of the tile that is being filled at a tile level. */
  partialTile(level: number): Uint8Array {
    const count = Math.floor(this.size / tile_width ** level) % tile_width;
    return count === 0 ? new Uint8Array() : this.#row(level).slice(0, count * digest_bytes);
  }

  /** The bundle that is being filled. */
  partialBundle(): Uint8Array {
    return bundleOf(this.#entries);
  }

  /** Adds an entry with its leaf hash, and gives the tiles that became full, from level 0 upwards, and behind them the bundle. */
  append(leaf_hash: Uint8Array, entry: Uint8Array): Change[] {
    const at = this.size % tile_width;
    this.#frontier.append(leaf_hash);
    this.#row(0).set(leaf_hash, at * digest_bytes);
    this.#entries.push(entry);
    return at === tile_width - 1 ? this.#filled() : [];
  }

  #row(level: number): Uint8Array {
    const row = this.#rows[level] ?? new Uint8Array(tile_bytes);
    this.#rows[level] = row;
    return row;
  }

  #filled(): Change[] {
    const changes: Change[] = [];
    let number = this.size / tile_width - 1;
    const bundle: Change = { space: 'log', key: log_keys.bundle(number), value: bundleOf(this.#entries) };
    this.#entries = [];
    for (let level = 0; ; level += 1) {
      changes.push({ space: 'log', key: log_keys.tile(level, number), value: this.#row(level) });
      // The batch holds on to the full tile, so the next one is another buffer.
      this.#rows[level] = new Uint8Array(tile_bytes);
      const at = number % tile_width;
      this.#row(level + 1).set(this.#frontier.completed((level + 1) * tile_height), at * digest_bytes);
      if (at < tile_width - 1) return [...changes, bundle];
      number = (number + 1) / tile_width - 1;
    }
  }

  /**
   * Reads what is needed to know the hashes of some subtrees of the committed
   * tree. Fails with `AUDIT_DAMAGED` when a full tile is missing or misshapen.
   */
  async load(store: Store, nodes: readonly TreeNode[]): Promise<Result<HashAt>> {
    const tiles = new Map<string, Uint8Array>();
    for (const { level, number } of nodes.map(placeOf)) {
      const name = `${level}/${number}`;
      if (tiles.has(name)) continue;
      const full = (number + 1) * tile_width ** (level + 1) <= this.size;
      const hashes = full ? await storedTile(store, level, number) : this.partialTile(level);
      if (hashes === undefined) return damagedTile(level, number);
      tiles.set(name, hashes);
    }
    return ok((node) => {
      const { level, number, start, count } = placeOf(node);
      const hashes = tiles.get(`${level}/${number}`)?.subarray(start * digest_bytes, (start + count) * digest_bytes);
      assert(hashes?.length === count * digest_bytes, 'a subtree that is asked for lies inside the tree');
      return rootOf(hashes);
    });
  }
}

function damagedTile(level: number, number: number): Result<never> {
  return fail('AUDIT_DAMAGED', `tile ${level}/${number} is missing or misshapen`, { fix: 'run agentmesh doctor' });
}

async function storedTile(store: Store, level: number, number: number): Promise<Uint8Array | undefined> {
  const bytes = await store.get('log', log_keys.tile(level, number));
  return bytes?.length === tile_bytes ? bytes : undefined;
}
