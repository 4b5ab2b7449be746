/**
 * The memory file system: a tree of files for each name, which is an agent's or
 * that of what agents share. A change is on the disk when it is acknowledged,
 * and never touches what a snapshot keeps. Who may do what is decided by the
 * kernel above.
 */
import { concat, toHex, utf8 } from '../crypto/bytes.ts';
import { sha256Text } from '../crypto/hash.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Store } from './store.ts';
import { decodeHead } from './vfs-head.ts';
import { TreeObjects } from './vfs-objects.ts';
import { vfs_limits, type VfsLimits } from './vfs-rules.ts';
import { VfsTree } from './vfs-tree.ts';
import { WriteQueue } from './write-queue.ts';

export type { VfsDifference } from './vfs-folder.ts';
export type { VfsSnapshot } from './vfs-head.ts';
export { parseVfsPath, vfsPathText, type VfsPath } from './vfs-path.ts';
export { vfs_limits, type VfsLimits, type VfsStat, type VfsUsage, type VfsWrite } from './vfs-rules.ts';
export type { VfsTree } from './vfs-tree.ts';

/** Trees that are open at once. */
export const vfs_trees_max = 65_536;
const tree_bytes = 16;
const head_letter = 'h';

/** Every tree of a store, of which it is the only writer. */
export class VfsTrees {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #limits: (name: string) => VfsLimits;
  readonly #writes: WriteQueue;
  readonly #open = new Map<string, VfsTree>();

  /** `limits` says what a tree may hold, {@link vfs_limits} by default. */
  constructor(parts: { readonly store: Store; readonly now: () => number; readonly limits?: (name: string) => VfsLimits }) {
    this.#store = parts.store;
    this.#now = parts.now;
    this.#limits = parts.limits ?? (() => vfs_limits);
    // A folder that many writes at once change is written once.
    this.#writes = new WriteQueue(parts.store, ({ key }) => toHex(key));
  }

  /** The tree of a name, empty as long as nothing was written. Fails with `VFS_BUSY`. */
  tree(name: string): Result<VfsTree> {
    const known = this.#open.get(name);
    if (known !== undefined) return ok(known);
    if (this.#open.size >= vfs_trees_max) return fail('VFS_BUSY', `${vfs_trees_max} trees are open`, { fix: 'use fewer agents on one host' });
    const id = sha256Text(name).subarray(0, tree_bytes);
    const head_key = concat(utf8(head_letter), id);
    const tree = new VfsTree({
      name, head_key,
      limits: this.#limits(name),
      objects: new TreeObjects(this.#store, this.#writes, id),
      now: this.#now,
      stored: () => this.#store.get('vfs', head_key),
    });
    this.#open.set(name, tree);
    return ok(tree);
  }

  /** The names of all trees that hold something; those whose head is damaged are left out. */
  async names(): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const [, bytes] of this.#store.entries('vfs', { gte: utf8(head_letter), lt: utf8('i') })) {
      const head = decodeHead(bytes);
      if (head.ok) names.push(head.value.name);
    }
    return names;
  }

  /** Removes the files of every tree whose time is over. A tree that is damaged is left as it is. */
  async sweep(): Promise<void> {
    for (const name of await this.names()) {
      const tree = this.tree(name);
      if (tree.ok) await tree.value.sweep();
    }
  }
}
