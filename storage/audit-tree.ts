import { assert } from '../crypto/assert.ts';
import { bigEndian, concat } from '../crypto/bytes.ts';
import { digest_bytes } from '../crypto/hash.ts';
import { Frontier, type HashAt, type TreeNode } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { log_keys } from './audit-group.ts';
import type { Change, Store } from './store.ts';

/** Hashes in a full tile, and entries in a full bundle (C2SP tlog-tiles). */
export const tile_width = 256;
/** Tree levels that one tile spans. */
export const tile_height = 8;

function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  const frontier = new Frontier();
  for (const hash of hashes) frontier.append(hash);
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

/**
 * The tree of a log: its right edge in memory, its full tiles in the store.
 * A tile is written once, in the same batch as the entry that fills it.
 */
export class LogTree {
  readonly #frontier = new Frontier();
  // For each tile level the hashes that do not fill a tile yet.
  readonly #rows: Uint8Array[][] = [];
  #entries: Uint8Array[] = [];

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

  /** Adds an entry with its leaf hash, and gives the tiles and the bundle that became full. */
  append(leaf_hash: Uint8Array, entry: Uint8Array): Change[] {
    const number = Math.floor(this.size / tile_width);
    this.#frontier.append(leaf_hash);
    this.#entries.push(entry);
    const changes = this.#push(0, leaf_hash);
    if (this.#entries.length === tile_width) {
      const bundle = concat(...this.#entries.flatMap((bytes) => [bigEndian(bytes.length, 2), bytes]));
      changes.push({ space: 'log', key: log_keys.bundle(number), value: bundle });
      this.#entries = [];
    }
    return changes;
  }

  #push(level: number, hash: Uint8Array): Change[] {
    const row = this.#rows[level] ?? [];
    this.#rows[level] = row;
    row.push(hash);
    if (row.length < tile_width) return [];
    const number = Math.floor(this.size / tile_width ** (level + 1)) - 1;
    const tile: Change = { space: 'log', key: log_keys.tile(level, number), value: concat(...row) };
    this.#rows[level] = [];
    return [tile, ...this.#push(level + 1, rootOf(row))];
  }

  /**
   * Reads what is needed to know the hashes of some subtrees of the committed
   * tree. Fails with `AUDIT_DAMAGED` when a full tile is missing or misshapen.
   */
  async load(store: Store, nodes: readonly TreeNode[]): Promise<Result<HashAt>> {
    const tiles = new Map<string, readonly Uint8Array[]>();
    for (const { level, number } of nodes.map(placeOf)) {
      const name = `${level}/${number}`;
      if (tiles.has(name)) continue;
      const full = (number + 1) * tile_width ** (level + 1) <= this.size;
      const hashes = full ? await storedTile(store, level, number) : this.#rows[level];
      if (hashes === undefined) return fail('AUDIT_DAMAGED', `tile ${name} is missing or misshapen`, { fix: 'run agentmesh doctor' });
      tiles.set(name, hashes);
    }
    return ok((node) => {
      const { level, number, start, count } = placeOf(node);
      const hashes = tiles.get(`${level}/${number}`)?.slice(start, start + count) ?? [];
      assert(hashes.length === count, 'a subtree that is asked for lies inside the tree');
      return rootOf(hashes);
    });
  }
}

async function storedTile(store: Store, level: number, number: number): Promise<Uint8Array[] | undefined> {
  const bytes = await store.get('log', log_keys.tile(level, number));
  if (bytes?.length !== tile_width * digest_bytes) return undefined;
  return Array.from({ length: tile_width }, (_, at) => bytes.subarray(at * digest_bytes, (at + 1) * digest_bytes));
}
