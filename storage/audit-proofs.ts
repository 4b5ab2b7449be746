/** What a log shows of its tree: proofs, roots, and the tiles and bundles of C2SP tlog-tiles. */
import { bigEndian, concat, fromBigEndian } from '../crypto/bytes.ts';
import { consistencyNodes, foldNodes, inclusionNodes, rootNodes, type HashAt, type TreeNode } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { tile_width } from '../crypto/tlog-tiles.ts';
import { log_keys } from './audit-group.ts';
import type { AuditReader } from './audit-reader.ts';
import { tile_height, type LogTree } from './audit-tree.ts';
import type { Store } from './store.ts';

// Above this level one tile would span more entries than a tree may have.
const tile_level_max = 6;

function noSuch(index: number, size: number): Result<never> {
  return fail('AUDIT_NO_ENTRY', `there is no entry or size ${index} in a tree of ${size} entries`);
}

function noTile(what: string, size: number): Result<never> {
  return fail('AUDIT_NO_TILE', `there is no ${what} in a tree of ${size} entries`, { fix: `ask for tiles of width 1 to ${tile_width} inside the tree` });
}

/** Answers about the committed tree. Whoever asks waits for his turn between commits, so that the tree is exactly what is in the store. */
export class AuditProofs {
  readonly #store: Store;
  readonly #tree: LogTree;
  readonly #reader: AuditReader;

  constructor(parts: { readonly store: Store; readonly tree: LogTree; readonly reader: AuditReader }) {
    this.#store = parts.store;
    this.#tree = parts.tree;
    this.#reader = parts.reader;
  }

  /** Inclusion proof. Fails with `AUDIT_NO_ENTRY` or `AUDIT_DAMAGED`. */
  async inclusion(index: number, size: number): Promise<Result<Uint8Array[]>> {
    return index >= 0 && index < size ? this.#hashes(size, () => inclusionNodes(index, size)) : noSuch(index, size);
  }

  /** Consistency proof. Fails with `AUDIT_NO_ENTRY` or `AUDIT_DAMAGED`. */
  async consistency(old_size: number, size: number): Promise<Result<Uint8Array[]>> {
    if (old_size < 0 || old_size > size) return noSuch(old_size, size);
    return this.#hashes(size, () => (old_size === 0 ? [] : consistencyNodes(old_size, size)));
  }

  /** Root of the first `size` entries. Fails with `AUDIT_NO_ENTRY` or `AUDIT_DAMAGED`. */
  async rootAt(size: number): Promise<Result<Uint8Array>> {
    const roots = await this.#hashes(size, () => [rootNodes(size)]);
    const [root] = roots.ok ? roots.value : [];
    return roots.ok && root !== undefined ? ok(root) : roots.ok ? noSuch(size, this.#tree.size) : roots;
  }

  /** The first `width` hashes of a tile. Fails with `AUDIT_NO_TILE` or `AUDIT_DAMAGED`. */
  async tile(level: number, number: number, width: number): Promise<Result<Uint8Array>> {
    const { size } = this.#tree;
    const whole = [level, number, width].every((value) => Number.isSafeInteger(value) && value >= 0) && level <= tile_level_max;
    if (!whole || width < 1 || width > tile_width || (number * tile_width + width) * tile_width ** level > size) {
      return noTile(`tile ${level}/${number} of width ${width}`, size);
    }
    const nodes = Array.from({ length: width }, (_, at) => ({ level: level * tile_height, index: number * tile_width + at }));
    const hashAt = await this.#load(nodes);
    return hashAt.ok ? ok(concat(...nodes.map(hashAt.value))) : hashAt;
  }

  /** The first `width` entries of a bundle. Fails with `AUDIT_NO_TILE` or `AUDIT_DAMAGED`. */
  async bundle(number: number, width: number): Promise<Result<Uint8Array>> {
    const { size } = this.#tree;
    const first = number * tile_width;
    if (!Number.isSafeInteger(number) || number < 0 || !Number.isSafeInteger(width) || width < 1 || width > tile_width || first + width > size) {
      return noTile(`entry bundle ${number} of width ${width}`, size);
    }
    const stored = await this.#store.get('log', log_keys.bundle(number));
    if (stored !== undefined) return ok(cutBundle(stored, width));
    const parts: Uint8Array[] = [];
    for await (const entry of this.#reader.bareEntries(first, first + width)) {
      if (!entry.ok) return entry;
      parts.push(bigEndian(entry.value.length, 2), entry.value);
    }
    return ok(concat(...parts));
  }

  async #hashes(size: number, wanted: () => readonly (readonly TreeNode[])[]): Promise<Result<Uint8Array[]>> {
    if (!Number.isSafeInteger(size) || size < 0 || size > this.#tree.size) return noSuch(size, this.#tree.size);
    const parts = wanted();
    const hashAt = await this.#load(parts.flat());
    return hashAt.ok ? ok(parts.map((nodes) => foldNodes(nodes, hashAt.value))) : hashAt;
  }

  #load(nodes: readonly TreeNode[]): Promise<Result<HashAt>> {
    return this.#tree.load(this.#store, nodes);
  }
}

function cutBundle(bundle: Uint8Array, width: number): Uint8Array {
  let at = 0;
  for (let entry = 0; entry < width; entry += 1) at += 2 + (fromBigEndian(bundle.subarray(at, at + 2)) ?? 0);
  return bundle.subarray(0, at);
}
