/**
 * The memory file system: a tree of files for each name, which is an agent's or
 * that of what agents share. A change is on the disk when it is acknowledged,
 * and never touches what a snapshot keeps. Everything is sealed under a key of
 * its tree, which the vault keeps. Who may do what is decided by the kernel above.
 */
import { fail, ok, type Result } from '../crypto/result.ts';
import { hasEarlierLayout, raiseVersion, type Store } from './store.ts';
import { TreeKeys, type TreeKeysParts } from './vfs-keys.ts';
import { TreeObjects } from './vfs-objects.ts';
import { vfs_limits, type VfsLimits } from './vfs-rules.ts';
import { TreeState } from './vfs-state.ts';
import { VfsTree } from './vfs-tree.ts';
import { removeUnsealed, takeIn, unsealedId, unsealedTrees } from './vfs-unsealed.ts';
import { TreeWrites } from './vfs-writes.ts';

export type { VfsDifference } from './vfs-folder.ts';
export type { VfsSnapshot } from './vfs-head.ts';
export { parseVfsPath, vfsPathText, type VfsPath } from './vfs-path.ts';
export { vfs_limits, type VfsErased, type VfsLimits, type VfsStat, type VfsUsage, type VfsWrite } from './vfs-rules.ts';
export type { VfsTree } from './vfs-tree.ts';

/** Trees that are open at once. */
export const vfs_trees_max = 65_536;

/** What trees are kept in. */
export interface TreesParts {
  readonly store: Store;
  /** Seals the keys of trees. */
  readonly vault: TreeKeysParts['vault'];
  readonly now: () => number;
  /** What a tree may hold; {@link vfs_limits} when absent. */
  readonly limits?: (name: string) => VfsLimits;
  /** The subject of the vault whose erasure takes a tree along, another one for each; the name itself when absent. */
  readonly subject?: (name: string) => string;
}

/** Every tree of a store, of which it is the only writer. */
export class VfsTrees {
  readonly #parts: TreesParts;
  readonly #keys: TreeKeys;
  readonly #writes: TreeWrites;
  readonly #open = new Map<string, VfsTree>();

  constructor(parts: TreesParts) {
    this.#parts = parts;
    this.#keys = new TreeKeys(parts);
    this.#writes = new TreeWrites(parts.store);
  }

  /** The tree of a name, empty as long as nothing was written. Fails with `VFS_BUSY`. */
  tree(name: string): Result<VfsTree> {
    const known = this.#open.get(name);
    if (known !== undefined) return ok(known);
    if (this.#open.size >= vfs_trees_max) return fail('VFS_BUSY', `${vfs_trees_max} trees are open`, { fix: 'use fewer agents on one host' });
    const { store, vault, now, limits: limitsOf = () => vfs_limits, subject = (one) => one } = this.#parts;
    const limits = limitsOf(name);
    const state = new TreeState({
      name, limits, now, keys: this.#keys,
      subject: subject(name),
      objects: ({ seal }) => new TreeObjects({ store, seal, writes: this.#writes, random: (length) => vault.random(length) }),
      written: () => this.#writes.write([]),
    });
    const tree = new VfsTree({ state, limits, now });
    this.#open.set(name, tree);
    return ok(tree);
  }

  /** The names of all trees that hold something; those whose head is damaged are left out. */
  names(): Promise<readonly string[]> {
    return this.#keys.names();
  }

  /** Removes the files of every tree whose time is over. A tree that is damaged is left as it is. */
  async sweep(): Promise<void> {
    for (const name of await this.names()) {
      const tree = this.tree(name);
      if (tree.ok) await tree.value.sweep();
    }
  }

  /** Whether anything is kept under the name of a subject in the vault. */
  has(handle: Uint8Array): Promise<boolean> {
    return this.#keys.has(handle);
  }

  /** Removes what a tree has sealed under a key of the vault that is destroyed: `handle` is what its subject was called. Fails with `VFS_BUSY` or `VFS_UNAVAILABLE`. */
  async discard(name: string, handle: Uint8Array): Promise<Result<void>> {
    const tree = this.tree(name);
    return tree.ok ? tree.value.discard(handle) : tree;
  }

  /**
   * Brings what a store of an older layout kept in the clear under seal, and clears it from the disk; done again it goes on
   * where it was interrupted. To be called before anything is changed. A tree whose head is damaged is left as it is. Tells how many were sealed and left.
   * Fails with `VFS_DAMAGED`, `VFS_UNAVAILABLE` or a `VAULT_` code.
   */
  async seal(): Promise<Result<{ readonly sealed: number; readonly left: number }>> {
    const { store } = this.#parts;
    if (!await hasEarlierLayout(store)) return ok({ sealed: 0, left: 0 });
    const open = await unsealedTrees(store);
    let sealed = 0;
    await raiseVersion(store, 'begun');
    for (const unsealed of open) {
      if (unsealed.head === undefined) continue;
      const tree = this.tree(unsealed.head.name);
      const adopted = tree.ok ? await tree.value.adopt(unsealed.head, (draft, roots) => takeIn(store, unsealed, draft, roots)) : tree;
      if (!adopted.ok) return adopted;
      await removeUnsealed(store, unsealed);
      sealed += 1;
    }
    // What was deleted, also by a start that was cut off then, stays in the files of the database until they are written anew.
    await store.compact?.('vfs');
    await raiseVersion(store, 'done');
    return ok({ sealed, left: open.length - sealed });
  }

  /** Removes what {@link seal} left of a tree in the clear since its head was damaged, and clears it from the disk. */
  async removeLeft(name: string): Promise<void> {
    const { store } = this.#parts;
    if (await removeUnsealed(store, { id: unsealedId(name) }) > 0) await store.compact?.('vfs');
  }

  /** Ends erasures that a crash interrupted. Fails with `VAULT_UNWRITABLE`. */
  async finish(): Promise<Result<void>> {
    for (const name of await this.names()) {
      const tree = this.tree(name);
      const finished = tree.ok ? await tree.value.finish() : tree;
      if (!finished.ok && finished.failure.code === 'VAULT_UNWRITABLE') return finished;
    }
    return ok(undefined);
  }
}
