/**
 * The state of one tree of the memory file system and the turns in which it is
 * used: reads and changes one after the other, each change one atomic batch that
 * leads from one root to the next, and the step into a new generation, after
 * which nothing that was written before can be read.
 */
import { assert } from '../crypto/assert.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { isExpired, withoutExpired } from './vfs-folder.ts';
import type { Head, VfsSnapshot } from './vfs-head.ts';
import { keptOf } from './vfs-kept.ts';
import type { StoredTree, TreeKey, TreeKeys } from './vfs-keys.ts';
import { empty_node, totalsOf, type FileEntry, type Node, type Ref } from './vfs-node.ts';
import { Draft, type TreeObjects } from './vfs-objects.ts';
import { quota, sizeOf, unavailable, vfs_waiting_max, type VfsErased, type VfsLimits } from './vfs-rules.ts';

/** What the state of a tree is built from. */
export interface StateParts {
  readonly name: string;
  /** Under whose key of the vault it is sealed. */
  readonly subject: string;
  readonly keys: TreeKeys;
  readonly limits: VfsLimits;
  now(): number;
  /** The objects under a key. */
  objects(key: TreeKey): TreeObjects;
  /** Resolves when all earlier writes are on the disk. */
  written(): Promise<void>;
}

/** A tree as an operation finds it. */
export interface Present {
  readonly root: Node;
  readonly head: Head;
  readonly objects: TreeObjects;
}

/** What an operation makes of a tree. */
export interface Changed<T> {
  readonly root: Node;
  readonly value: T;
  readonly snapshots?: readonly VfsSnapshot[];
  /** Roots that are kept from now on, and that are kept no more. */
  readonly kept?: readonly Ref[];
  readonly dropped?: readonly Ref[];
}

interface Held extends StoredTree {
  readonly objects: TreeObjects;
}

const nothing_erased: VfsErased = { inodes: 0, bytes: 0, snapshots: 0 };

/** The state of one tree. */
export class TreeState {
  readonly #parts: StateParts;
  #held: Held | undefined;
  /** Ends with the last operation. */
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #failed: string | undefined;

  constructor(parts: StateParts) {
    this.#parts = parts;
  }

  #with(tree: StoredTree): Held {
    return { ...tree, objects: this.#parts.objects(tree.key) };
  }

  #empty(key: TreeKey): Held {
    return this.#with({ key, head: { name: this.#parts.name, root: null, stored_bytes: 0, snapshots: [] } });
  }

  /** What is there, as far as the vault still has its key. */
  async #present(): Promise<Result<Held | undefined>> {
    const { keys, subject, name } = this.#parts;
    if (this.#held !== undefined && keys.holds(this.#held.key)) return ok(this.#held);
    this.#held = undefined;
    const stored = await keys.load(subject);
    if (!stored.ok) return stored;
    if (stored.value !== undefined) {
      assert(stored.value.head.name === name, 'each tree has a subject of its own');
      this.#held = this.#with(stored.value);
    }
    return ok(this.#held);
  }

  /** One after the other; what is behind more than {@link vfs_waiting_max} others is refused, but for what no agent asks for. */
  async #inTurn<T>(work: () => Promise<Result<T>>, is_owner: boolean = false): Promise<Result<T>> {
    if (!is_owner && this.#waiting >= vfs_waiting_max) return fail('VFS_BUSY', `${vfs_waiting_max} operations of this tree wait already`, { fix: 'await some of them first' });
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    this.#waiting += 1;
    try {
      if (this.#waiting > 1) await before;
      return await work();
    } finally {
      this.#waiting -= 1;
      resolve();
    }
  }

  async #root({ head: { root }, objects }: Held): Promise<Result<Node>> {
    return root === null ? ok(empty_node) : objects.node(root);
  }

  /** Reads in turn. Fails as the work does, or with `VFS_DAMAGED` or `VFS_BUSY`. */
  reading<T>(work: (present: Present) => Result<T> | Promise<Result<T>>): Promise<Result<T>> {
    return this.#inTurn(async () => {
      const found = await this.#present();
      if (!found.ok) return found;
      const held = found.value ?? this.#empty(this.#parts.keys.passing());
      const root = await this.#root(held);
      return root.ok ? work({ ...held, root: root.value }) : root;
    });
  }

  /** Changes in turn: the next operation begins as soon as it is known what this one writes; this one ends when it is on the disk. Fails as the work does, or with `VFS_DAMAGED`, `VFS_QUOTA`, `VFS_BUSY`, `VFS_UNAVAILABLE` or a `VAULT_` code. */
  async changing<T>(work: (present: Present, draft: Draft) => Result<Changed<T>> | Promise<Result<Changed<T>>>, over_damage: boolean = false): Promise<Result<T>> {
    const begun = await this.#inTurn(async (): Promise<Result<{ readonly value: T; readonly written: Promise<Result<void>> }>> => {
      if (this.#failed !== undefined) return unavailable(this.#failed);
      const present = await this.#present();
      if (!present.ok) return present;
      const { limits, now, keys } = this.#parts;
      const held = present.value ?? this.#empty(keys.passing());
      const { head, objects } = held;
      const found = await this.#root(held);
      const root = !found.ok && over_damage ? ok(empty_node) : found;
      if (!root.ok) return root;
      const draft = new Draft();
      // What has expired takes no room from what is written; where that cannot be found out it stays for the present.
      const swept = await withoutExpired(objects, draft, root.value, now(), limits);
      const changed = await work({ head, objects, root: swept.ok ? swept.value : root.value }, draft);
      if (!changed.ok) return changed;
      const next = await this.#next(present.value, root.value, draft, changed.value);
      return next.ok ? ok({ value: changed.value.value, written: next.value }) : next;
    });
    if (!begun.ok) return begun;
    const written = await begun.value.written;
    return written.ok ? ok(begun.value.value) : written;
  }

  async #begun(): Promise<Result<Held>> {
    const { keys, subject } = this.#parts;
    const key = await keys.fresh(subject);
    return key.ok ? ok(this.#empty(key.value)) : key;
  }

  async #next(present: Held | undefined, before: Node, draft: Draft, changed: Changed<unknown>): Promise<Result<Promise<Result<void>>>> {
    const { limits, keys } = this.#parts;
    const { inodes, bytes } = totalsOf(changed.root);
    const old = totalsOf(before);
    if (inodes > limits.inodes_max && inodes > old.inodes) return quota(`there are ${limits.inodes_max} files and folders already`, 'remove some');
    if (bytes > limits.bytes_max && bytes > old.bytes) return quota(`all files together have at most ${limits.bytes_max} bytes`, 'remove some');
    // Nobody gets a key for nothing, least of all one that was erased.
    if (present === undefined && inodes === 0 && changed.kept === undefined) return ok(Promise.resolve(ok(undefined)));
    const begun = present === undefined ? await this.#begun() : ok(present);
    if (!begun.ok) return begun;
    const { head, objects, key } = begun.value;
    const root = draft.node(changed.root);
    const moved = root !== head.root;
    const settled = await objects.settle(
      draft,
      [...(moved ? [root] : []), ...(changed.kept ?? [])],
      [...(moved && head.root !== null ? [head.root] : []), ...(changed.dropped ?? [])],
    );
    if (settled.changes.length === 0) return ok(Promise.resolve(ok(undefined)));
    const stored_bytes = Math.max(0, head.stored_bytes + settled.bytes);
    if (stored_bytes > limits.stored_bytes_max && settled.bytes > 0) return quota(`with its snapshots the tree has at most ${limits.stored_bytes_max} bytes`, 'drop a snapshot');
    const next: Head = { ...head, root, stored_bytes, snapshots: changed.snapshots ?? head.snapshots };
    this.#held = { ...begun.value, head: next };
    return ok(this.#told(objects.write(settled, keys.headChange(key, next))));
  }

  #told(writing: Promise<void>): Promise<Result<void>> {
    return writing.then(() => ok(undefined), (error: unknown) => {
      this.#failed ??= messageOf(error);
      return unavailable(this.#failed);
    });
  }

  /**
   * Makes all that was ever written unreadable for good, but the files that are
   * kept, which are sealed again under a new key; snapshots go. Once the new head
   * is on the disk a start ends what was interrupted. Fails with `VFS_UNAVAILABLE`
   * or a `VAULT_` code; where something is to be kept also with `VFS_DAMAGED`.
   */
  erase(keep?: (file: FileEntry) => boolean): Promise<Result<VfsErased>> {
    return this.#inTurn(async () => {
      if (this.#failed !== undefined) return unavailable(this.#failed);
      const { keys, subject } = this.#parts;
      const found = await this.#present();
      if (!found.ok && keep !== undefined) return found;
      // Where there is a key but no head, the disk may have lost it, and a copy of the disk may have it.
      if (found.ok && found.value === undefined && !keys.isKnown(subject)) return ok(nothing_erased);
      const old = found.ok ? found.value : undefined;
      const key = await keys.fresh(subject, old?.key ?? 'unreadable');
      if (!key.ok) return key;
      const admitted = keys.admits(key.value);
      if (!admitted.ok) return admitted;
      const erased = await this.#renewed(this.#empty(key.value), old, keep);
      const ended = erased.ok ? await keys.endEarlier(key.value) : erased;
      return ended.ok ? erased : ended;
    }, true);
  }

  async #renewed(fresh: Held, old: Held | undefined, keep: ((file: FileEntry) => boolean) | undefined): Promise<Result<VfsErased>> {
    const { keys, limits, now } = this.#parts;
    const before = old === undefined ? ok(empty_node) : await this.#root(old);
    if (!before.ok && keep !== undefined) return before;
    const draft = new Draft();
    const now_ms = now();
    const kept = old === undefined || !before.ok || keep === undefined ? empty_node
      : await keptOf(old.objects, draft, before.value, (file) => !isExpired(file, now_ms) && keep(file), limits);
    const root = draft.node(kept);
    const settled = await fresh.objects.settle(draft, [root], []);
    this.#held = { ...fresh, head: { ...fresh.head, root, stored_bytes: settled.bytes } };
    const written = await this.#told(fresh.objects.write(settled, keys.headChange(fresh.key, this.#held.head)));
    const [was, is] = [sizeOf(before.ok ? before.value : empty_node), sizeOf(kept)];
    return written.ok ? ok({ inodes: was.inodes - is.inodes, bytes: was.bytes - is.bytes, snapshots: old?.head.snapshots.length ?? 0 }) : written;
  }

  /** Takes over a tree from elsewhere with its kept states, where there is none yet: `take` brings what its roots lead to into a draft. Fails with `VFS_DAMAGED`, `VFS_UNAVAILABLE` or a `VAULT_` code. */
  adopt(head: Head, take: (draft: Draft, roots: readonly Ref[]) => Promise<void>): Promise<Result<void>> {
    return this.#inTurn(async () => {
      const { keys, subject } = this.#parts;
      const found = await this.#present();
      if (!found.ok) return found;
      const key = found.value === undefined ? await keys.fresh(subject) : undefined;
      if (key?.ok !== true) return key ?? ok(undefined);
      const fresh = this.#empty(key.value);
      const draft = new Draft();
      const roots = [...(head.root === null ? [] : [head.root]), ...head.snapshots.map(({ root }) => `n${root}`)];
      await take(draft, roots);
      const settled = await fresh.objects.settle(draft, roots, []);
      this.#held = { ...fresh, head: { ...head, stored_bytes: settled.bytes } };
      return this.#told(fresh.objects.write(settled, keys.headChange(fresh.key, this.#held.head)));
    }, true);
  }

  /** Ends an erasure that a crash interrupted. Fails with `VFS_DAMAGED` or `VAULT_UNWRITABLE`. */
  finish(): Promise<Result<void>> {
    return this.#inTurn(async () => {
      const found = await this.#present();
      if (!found.ok) return found;
      return found.value === undefined ? ok(undefined) : this.#parts.keys.endEarlier(found.value.key);
    }, true);
  }

  /** Removes what was sealed under a key of the vault that is destroyed: `handle` is what it was called. Fails with `VFS_UNAVAILABLE`. */
  discard(handle: Uint8Array): Promise<Result<void>> {
    return this.#inTurn(async () => {
      // What is on its way under that key comes first.
      const written = await this.#told(this.#parts.written());
      if (written.ok) await this.#parts.keys.discard(handle);
      return written;
    }, true);
  }
}
