/** One tree of the memory file system: every change is one atomic batch that leads from one root to the next. */
import { assert } from '../crypto/assert.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { appended, readContent } from './vfs-content.ts';
import { differences, entriesOf, entryAt, isExpired, missing, newFolder, overDraft, replaceAt, withoutExpired, type VfsDifference } from './vfs-folder.ts';
import { decodeHead, encodeHead, type Head, type VfsSnapshot } from './vfs-head.ts';
import { empty_node, totalsOf, type Node, type Ref } from './vfs-node.ts';
import { Draft, type TreeObjects } from './vfs-objects.ts';
import { vfsPathText, type VfsPath } from './vfs-path.ts';
import {
  conflictOf, notFile, quota, sizeOf, statOf, unavailable, unknownSnapshot, unwritable, vfs_differences_max, vfs_waiting_max, written,
  type VfsLimits, type VfsStat, type VfsUsage, type VfsWrite,
} from './vfs-rules.ts';

/** What a tree is built from. */
export interface TreeParts {
  readonly name: string;
  readonly objects: TreeObjects;
  readonly head_key: Uint8Array;
  readonly limits: VfsLimits;
  now(): number;
  /** The bytes of the head that is stored. */
  stored(): Promise<Uint8Array | undefined>;
}

interface Changed<T> {
  readonly root: Node;
  readonly value: T;
  readonly snapshots?: readonly VfsSnapshot[];
  /** Roots that are kept from now on, and that are kept no more. */
  readonly kept?: readonly Ref[];
  readonly dropped?: readonly Ref[];
}

/** One tree. Its operations happen one after the other. */
export class VfsTree {
  readonly #parts: TreeParts;
  #head: Head | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #failed: string | undefined;

  constructor(parts: TreeParts) {
    this.#parts = parts;
  }

  /** What is at a path. Fails with `VFS_MISSING`, `VFS_NOT_FOLDER` or `VFS_DAMAGED`. */
  stat(path: VfsPath): Promise<Result<VfsStat>> {
    return this.#reading(async (root) => {
      if (path.length === 0) return ok({ kind: 'folder', path: '/', ...sizeOf(root), labels: totalsOf(root).labels });
      const found = await entryAt(this.#parts.objects, root, path, this.#parts.now());
      if (!found.ok) return found;
      return found.value === undefined ? missing(path) : ok(statOf(path, found.value));
    });
  }

  /** What is in a folder, by name, behind `after`, at most `limit`. Fails with `VFS_MISSING`, `VFS_NOT_FOLDER` or `VFS_DAMAGED`. */
  list(path: VfsPath, { after = '', limit }: { readonly after?: string; readonly limit: number }): Promise<Result<readonly VfsStat[]>> {
    return this.#reading(async (root) => {
      const folder = await this.#folder(root, path);
      if (!folder.ok) return folder;
      const entries = await entriesOf(this.#parts.objects, folder.value);
      if (!entries.ok) return entries;
      const now_ms = this.#parts.now();
      return ok(entries.value
        .filter((entry) => entry.name > after && !isExpired(entry, now_ms))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .slice(0, limit)
        .map((entry) => statOf([...path, entry.name], entry)));
    });
  }

  /** A part of a file, verified against the hashes that lead to it. Fails with `VFS_MISSING`, `VFS_NOT_FILE`, `VFS_NOT_FOLDER` or `VFS_DAMAGED`. */
  read(path: VfsPath, { offset = 0, length = Number.MAX_SAFE_INTEGER }: { readonly offset?: number; readonly length?: number } = {}): Promise<Result<{ readonly stat: VfsStat & { kind: 'file' }; readonly bytes: Uint8Array }>> {
    return this.#reading(async (root) => {
      const found = await entryAt(this.#parts.objects, root, path, this.#parts.now());
      if (!found.ok) return found;
      if (found.value === undefined) return path.length === 0 ? notFile(path) : missing(path);
      if (found.value.kind === 'folder') return notFile(path);
      const bytes = await readContent(this.#parts.objects, found.value, offset, length);
      if (!bytes.ok) return bytes;
      const stat = statOf(path, found.value);
      assert(stat.kind === 'file', 'a file is described as one');
      return ok({ stat, bytes: bytes.value });
    });
  }

  /** Writes a file. Fails with `VFS_EXISTS`, `VFS_CONFLICT`, `VFS_NOT_FILE`, `VFS_NOT_FOLDER`, `VFS_QUOTA`, `VFS_BUSY`, `VFS_UNAVAILABLE` or `VFS_DAMAGED`. */
  write(path: VfsPath, bytes: Uint8Array, how: VfsWrite): Promise<Result<VfsStat>> {
    return this.#changing(async (root, draft) => {
      const { objects, now } = this.#parts;
      const nodes = overDraft(objects, draft);
      const found = await entryAt(nodes, root, path, now());
      if (!found.ok) return found;
      const refused = unwritable(path, found.value, how);
      if (refused !== undefined) return refused;
      const before = found.value?.kind === 'file' ? found.value : undefined;
      const total = bytes.length + (how.mode === 'append' ? before?.bytes ?? 0 : 0);
      const { file_bytes_max } = this.#parts.limits;
      if (total > file_bytes_max) return quota(`a file has at most ${file_bytes_max} bytes, this one would have ${total}`, 'split it into several');
      const content = await appended(objects, draft, how.mode === 'append' ? before : undefined, bytes);
      if (!content.ok) return content;
      const entry = written(path, content.value, how, how.mode === 'append' ? before : undefined, now());
      const after = await replaceAt(nodes, draft, root, path, () => ok(entry), this.#parts.limits);
      return after.ok ? ok({ root: after.value, value: statOf(path, entry) }) : after;
    });
  }

  /** Makes a folder, those above it too; one that exists already is left as it is. Fails with `VFS_READ_ONLY` where folders are never empty, and as `write` does. */
  mkdir(path: VfsPath): Promise<Result<void>> {
    return this.#changing(async (root, draft) => {
      const { objects, now } = this.#parts;
      if (path.length === 0) return ok({ root, value: undefined });
      if (this.#parts.limits.only_filled_folders === true) return fail('VFS_READ_ONLY', 'there are no empty folders here', { fix: 'write a file: the folders above it are made' });
      const after = await replaceAt(overDraft(objects, draft), draft, root, path, (existing) => {
        if (existing === undefined || isExpired(existing, now())) return ok(newFolder(draft, path.at(-1) ?? ''));
        return existing.kind === 'folder' ? ok(existing) : fail('VFS_EXISTS', `${vfsPathText(path)} is a file`, { fix: 'remove it first' });
      }, this.#parts.limits);
      return after.ok ? ok({ root: after.value, value: undefined }) : after;
    });
  }

  /** Removes a file or folder. Fails with `VFS_MISSING`, `VFS_NOT_EMPTY`, `VFS_CONFLICT`, and as `write` does. */
  remove(path: VfsPath, { recursive = false, if_hash }: { readonly recursive?: boolean; readonly if_hash?: string } = {}): Promise<Result<void>> {
    return this.#changing(async (root, draft) => {
      const { objects, now } = this.#parts;
      if (path.length === 0) return fail('VFS_PATH_INVALID', 'the root is not removed', { fix: 'name what is in it' });
      const after = await replaceAt(overDraft(objects, draft), draft, root, path, (existing) => {
        if (existing === undefined || isExpired(existing, now())) return missing(path);
        if (existing.kind === 'folder' && existing.inodes > 0 && !recursive) return fail('VFS_NOT_EMPTY', `${vfsPathText(path)} holds ${existing.inodes} files and folders`, { fix: 'remove it with all that is in it: recursive' });
        return conflictOf(path, existing, if_hash) ?? ok(undefined);
      }, this.#parts.limits);
      return after.ok ? ok({ root: after.value, value: undefined }) : after;
    });
  }

  /** Keeps the present state. Fails with `VFS_QUOTA`, `VFS_BUSY`, `VFS_UNAVAILABLE` or `VFS_DAMAGED`. */
  snapshot(by: string, note: string): Promise<Result<VfsSnapshot>> {
    return this.#changing((root, draft, head) => {
      const { snapshots_max } = this.#parts.limits;
      if (head.snapshots.length >= snapshots_max) return quota(`${snapshots_max} snapshots are kept already`, 'drop one of them first');
      const ref = draft.node(root);
      const taken: VfsSnapshot = { root: ref.slice(1), taken_ms: this.#parts.now(), by, note, ...sizeOf(root) };
      return ok({ root, value: taken, snapshots: [...head.snapshots, taken], kept: [ref] });
    });
  }

  /** The states that are kept, oldest first. Fails with `VFS_DAMAGED`. */
  snapshots(): Promise<Result<readonly VfsSnapshot[]>> {
    return this.#reading((_root, head) => ok(head.snapshots));
  }

  /** Keeps a state no more. Fails with `VFS_SNAPSHOT_UNKNOWN`, and as `snapshot` does. */
  drop(root_hash: string): Promise<Result<void>> {
    return this.#changing((root, _draft, head) => {
      const at = head.snapshots.findIndex((one) => one.root === root_hash);
      if (at < 0) return unknownSnapshot(root_hash);
      return ok({ root, value: undefined, snapshots: head.snapshots.toSpliced(at, 1), dropped: [`n${root_hash}`] });
    });
  }

  /** Brings the tree, or what is at a path, back to a state that is kept, in one step; what came since is gone unless another snapshot keeps it. Fails with `VFS_SNAPSHOT_UNKNOWN`, and as `write` does. */
  restore(root_hash: string, path: VfsPath = []): Promise<Result<void>> {
    return this.#changing(async (root, draft, head) => {
      const { objects } = this.#parts;
      const kept = await this.#kept(head, root_hash);
      if (!kept.ok) return kept;
      if (path.length === 0) return ok({ root: kept.value, value: undefined });
      const then = await entryAt(objects, kept.value, path, this.#parts.now());
      if (!then.ok) return then;
      const after = await replaceAt(overDraft(objects, draft), draft, root, path, (existing) => (then.value === undefined && existing === undefined ? missing(path) : ok(then.value)), this.#parts.limits);
      return after.ok ? ok({ root: after.value, value: undefined }) : after;
    }, path.length === 0);
  }

  /** The files in which two states differ; without a second one, a kept state and the present. Fails with `VFS_SNAPSHOT_UNKNOWN` or `VFS_DAMAGED`. */
  diff(from: string, to?: string): Promise<Result<readonly VfsDifference[]>> {
    return this.#reading(async (root, head) => {
      const before = await this.#kept(head, from);
      const after = to === undefined ? ok(root) : await this.#kept(head, to);
      if (!before.ok) return before;
      return after.ok ? differences(this.#parts.objects, before.value, after.value, vfs_differences_max) : after;
    });
  }

  /** How full it is. Fails with `VFS_DAMAGED`. */
  usage(): Promise<Result<VfsUsage>> {
    return this.#reading((root, head) => ok({ root: new Draft().node(root).slice(1), ...sizeOf(root), stored_bytes: head.stored_bytes, snapshots: head.snapshots.length }));
  }

  /** Removes what has expired, as every change does. Fails with `VFS_BUSY`, `VFS_UNAVAILABLE` or `VFS_DAMAGED`. */
  sweep(): Promise<Result<void>> {
    return this.#changing((root) => ok({ root, value: undefined }));
  }

  async #kept(head: Head, root_hash: string): Promise<Result<Node>> {
    return head.snapshots.some((one) => one.root === root_hash) ? this.#parts.objects.node(`n${root_hash}`) : unknownSnapshot(root_hash);
  }

  async #folder(root: Node, path: VfsPath): Promise<Result<Node>> {
    if (path.length === 0) return ok(root);
    const found = await entryAt(this.#parts.objects, root, path, this.#parts.now());
    if (!found.ok) return found;
    if (found.value === undefined) return missing(path);
    return found.value.kind === 'folder' ? this.#parts.objects.node(found.value.node) : fail('VFS_NOT_FOLDER', `${vfsPathText(path)} is a file`, { fix: 'read it' });
  }

  async #loaded(): Promise<Result<Head>> {
    if (this.#head !== undefined) return ok(this.#head);
    const bytes = await this.#parts.stored();
    const head = bytes === undefined ? ok({ name: this.#parts.name, root: null, stored_bytes: 0, snapshots: [] }) : decodeHead(bytes);
    if (head.ok) this.#head = head.value;
    return head;
  }

  /** One after the other; what is behind more than {@link vfs_waiting_max} others is refused. */
  async #inTurn<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    if (this.#waiting >= vfs_waiting_max) return fail('VFS_BUSY', `${vfs_waiting_max} operations of this tree wait already`, { fix: 'await some of them first' });
    this.#waiting += 1;
    const done = this.#turn.then(work).finally(() => { this.#waiting -= 1; });
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #root({ root }: Head): Promise<Result<Node>> {
    return root === null ? Promise.resolve(ok(empty_node)) : this.#parts.objects.node(root);
  }

  #reading<T>(work: (root: Node, head: Head) => Result<T> | Promise<Result<T>>): Promise<Result<T>> {
    return this.#inTurn(async () => {
      const head = await this.#loaded();
      if (!head.ok) return head;
      const root = await this.#root(head.value);
      return root.ok ? work(root.value, head.value) : root;
    });
  }

  /** The next operation begins as soon as it is known what this one writes; this one ends when it is on the disk. */
  async #changing<T>(work: (root: Node, draft: Draft, head: Head) => Result<Changed<T>> | Promise<Result<Changed<T>>>, over_damage: boolean = false): Promise<Result<T>> {
    const begun = await this.#inTurn(async (): Promise<Result<{ readonly value: T; readonly written: Promise<Result<void>> }>> => {
      if (this.#failed !== undefined) return unavailable(this.#failed);
      const head = await this.#loaded();
      if (!head.ok) return head;
      const found = await this.#root(head.value);
      const root = !found.ok && over_damage ? ok(empty_node) : found;
      if (!root.ok) return root;
      const draft = new Draft();
      // What has expired takes no room from what is written; where that cannot be found out it stays for the present.
      const swept = await withoutExpired(this.#parts.objects, draft, root.value, this.#parts.now(), this.#parts.limits);
      const changed = await work(swept.ok ? swept.value : root.value, draft, head.value);
      if (!changed.ok) return changed;
      const next = await this.#next(head.value, root.value, draft, changed.value);
      return next.ok ? ok({ value: changed.value.value, written: next.value }) : next;
    });
    if (!begun.ok) return begun;
    const written = await begun.value.written;
    return written.ok ? ok(begun.value.value) : written;
  }

  async #next(head: Head, before: Node, draft: Draft, changed: Changed<unknown>): Promise<Result<Promise<Result<void>>>> {
    const { limits, objects, head_key } = this.#parts;
    const { inodes, bytes } = totalsOf(changed.root);
    const old = totalsOf(before);
    if (inodes > limits.inodes_max && inodes > old.inodes) return quota(`there are ${limits.inodes_max} files and folders already`, 'remove some');
    if (bytes > limits.bytes_max && bytes > old.bytes) return quota(`all files together have at most ${limits.bytes_max} bytes`, 'remove some');
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
    this.#head = { ...head, root, stored_bytes, snapshots: changed.snapshots ?? head.snapshots };
    const written = objects.write(settled, { space: 'vfs', key: head_key, value: encodeHead(this.#head) });
    return ok(written.then(() => ok(undefined), (error: unknown) => {
      this.#failed ??= messageOf(error);
      return unavailable(this.#failed);
    }));
  }
}
