/** One tree of the memory file system: what can be done with its files and folders. */
import { assert } from '../crypto/assert.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { appended, readContent } from './vfs-content.ts';
import { differences, entriesOf, entryAt, isExpired, missing, newFolder, overDraft, replaceAt, type VfsDifference } from './vfs-folder.ts';
import type { Head, VfsSnapshot } from './vfs-head.ts';
import { totalsOf, type FileEntry, type Node, type Ref } from './vfs-node.ts';
import { Draft } from './vfs-objects.ts';
import { vfsPathText, type VfsPath } from './vfs-path.ts';
import {
  conflictOf, notFile, quota, sizeOf, statOf, unknownSnapshot, unwritable, vfs_differences_max, written, type VfsErased, type VfsLimits, type VfsStat, type VfsUsage, type VfsWrite,
} from './vfs-rules.ts';
import type { Present, TreeState } from './vfs-state.ts';

/** What a tree is built from. */
export interface TreeParts {
  readonly state: TreeState;
  readonly limits: VfsLimits;
  now(): number;
}

/** One tree. Its operations happen one after the other. */
export class VfsTree {
  readonly #state: TreeState;
  readonly #limits: VfsLimits;
  readonly #now: () => number;

  constructor({ state, limits, now }: TreeParts) {
    this.#state = state;
    this.#limits = limits;
    this.#now = now;
  }

  /** What is at a path. Fails with `VFS_MISSING`, `VFS_NOT_FOLDER` or `VFS_DAMAGED`. */
  stat(path: VfsPath): Promise<Result<VfsStat>> {
    return this.#state.reading(async ({ root, objects }) => {
      if (path.length === 0) return ok({ kind: 'folder', path: '/', ...sizeOf(root), labels: totalsOf(root).labels });
      const found = await entryAt(objects, root, path, this.#now());
      if (!found.ok) return found;
      return found.value === undefined ? missing(path) : ok(statOf(path, found.value));
    });
  }

  /** What is in a folder, by name, behind `after`, at most `limit`. Fails with `VFS_MISSING`, `VFS_NOT_FOLDER` or `VFS_DAMAGED`. */
  list(path: VfsPath, { after = '', limit }: { readonly after?: string; readonly limit: number }): Promise<Result<readonly VfsStat[]>> {
    return this.#state.reading(async (present) => {
      const { objects } = present;
      const folder = await this.#folder(present, path);
      if (!folder.ok) return folder;
      const entries = await entriesOf(objects, folder.value);
      if (!entries.ok) return entries;
      const now_ms = this.#now();
      return ok(entries.value
        .filter((entry) => entry.name > after && !isExpired(entry, now_ms))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .slice(0, limit)
        .map((entry) => statOf([...path, entry.name], entry)));
    });
  }

  /** A part of a file, verified against the hashes that lead to it. Fails with `VFS_MISSING`, `VFS_NOT_FILE`, `VFS_NOT_FOLDER` or `VFS_DAMAGED`. */
  read(path: VfsPath, { offset = 0, length = Number.MAX_SAFE_INTEGER }: { readonly offset?: number; readonly length?: number } = {}): Promise<Result<{ readonly stat: VfsStat & { kind: 'file' }; readonly bytes: Uint8Array }>> {
    return this.#state.reading(async ({ root, objects }) => {
      const found = await entryAt(objects, root, path, this.#now());
      if (!found.ok) return found;
      if (found.value === undefined) return path.length === 0 ? notFile(path) : missing(path);
      if (found.value.kind === 'folder') return notFile(path);
      const bytes = await readContent(objects, found.value, offset, length);
      if (!bytes.ok) return bytes;
      const stat = statOf(path, found.value);
      assert(stat.kind === 'file', 'a file is described as one');
      return ok({ stat, bytes: bytes.value });
    });
  }

  /** Writes a file. Fails with `VFS_EXISTS`, `VFS_CONFLICT`, `VFS_NOT_FILE`, `VFS_NOT_FOLDER`, `VFS_QUOTA`, `VFS_BUSY`, `VFS_UNAVAILABLE` or `VFS_DAMAGED`. */
  write(path: VfsPath, bytes: Uint8Array, how: VfsWrite): Promise<Result<VfsStat>> {
    return this.#state.changing(async ({ root, objects }, draft) => {
      const nodes = overDraft(objects, draft);
      const found = await entryAt(nodes, root, path, this.#now());
      if (!found.ok) return found;
      const refused = unwritable(path, found.value, how);
      if (refused !== undefined) return refused;
      const before = found.value?.kind === 'file' ? found.value : undefined;
      const total = bytes.length + (how.mode === 'append' ? before?.bytes ?? 0 : 0);
      const { file_bytes_max } = this.#limits;
      if (total > file_bytes_max) return quota(`a file has at most ${file_bytes_max} bytes, this one would have ${total}`, 'split it into several');
      const content = await appended(objects, draft, how.mode === 'append' ? before : undefined, bytes);
      if (!content.ok) return content;
      const entry = written(path, content.value, how, how.mode === 'append' ? before : undefined, this.#now());
      const after = await replaceAt(nodes, draft, root, path, () => ok(entry), this.#limits);
      return after.ok ? ok({ root: after.value, value: statOf(path, entry) }) : after;
    });
  }

  /** Makes a folder, those above it too; one that exists already is left as it is. Fails with `VFS_READ_ONLY` where folders are never empty, and as `write` does. */
  mkdir(path: VfsPath): Promise<Result<void>> {
    return this.#state.changing(async ({ root, objects }, draft) => {
      if (path.length === 0) return ok({ root, value: undefined });
      if (this.#limits.only_filled_folders === true) return fail('VFS_READ_ONLY', 'there are no empty folders here', { fix: 'write a file: the folders above it are made' });
      const after = await replaceAt(overDraft(objects, draft), draft, root, path, (existing) => {
        if (existing === undefined || isExpired(existing, this.#now())) return ok(newFolder(draft, path.at(-1) ?? ''));
        return existing.kind === 'folder' ? ok(existing) : fail('VFS_EXISTS', `${vfsPathText(path)} is a file`, { fix: 'remove it first' });
      }, this.#limits);
      return after.ok ? ok({ root: after.value, value: undefined }) : after;
    });
  }

  /** Removes a file or folder. Fails with `VFS_MISSING`, `VFS_NOT_EMPTY`, `VFS_CONFLICT`, and as `write` does. */
  remove(path: VfsPath, { recursive = false, if_hash }: { readonly recursive?: boolean; readonly if_hash?: string } = {}): Promise<Result<void>> {
    return this.#state.changing(async ({ root, objects }, draft) => {
      if (path.length === 0) return fail('VFS_PATH_INVALID', 'the root is not removed', { fix: 'name what is in it' });
      const after = await replaceAt(overDraft(objects, draft), draft, root, path, (existing) => {
        if (existing === undefined || isExpired(existing, this.#now())) return missing(path);
        if (existing.kind === 'folder' && existing.inodes > 0 && !recursive) return fail('VFS_NOT_EMPTY', `${vfsPathText(path)} holds ${existing.inodes} files and folders`, { fix: 'remove it with all that is in it: recursive' });
        return conflictOf(path, existing, if_hash) ?? ok(undefined);
      }, this.#limits);
      return after.ok ? ok({ root: after.value, value: undefined }) : after;
    });
  }

  /** Keeps the present state. Fails with `VFS_QUOTA`, `VFS_BUSY`, `VFS_UNAVAILABLE` or `VFS_DAMAGED`. */
  snapshot(by: string, note: string): Promise<Result<VfsSnapshot>> {
    return this.#state.changing(({ root, head }, draft) => {
      const { snapshots_max } = this.#limits;
      if (head.snapshots.length >= snapshots_max) return quota(`${snapshots_max} snapshots are kept already`, 'drop one of them first');
      const ref = draft.node(root);
      const taken: VfsSnapshot = { root: ref.slice(1), taken_ms: this.#now(), by, note, ...sizeOf(root) };
      return ok({ root, value: taken, snapshots: [...head.snapshots, taken], kept: [ref] });
    });
  }

  /** The states that are kept, oldest first. Fails with `VFS_DAMAGED`. */
  snapshots(): Promise<Result<readonly VfsSnapshot[]>> {
    return this.#state.reading(({ head }) => ok(head.snapshots));
  }

  /** Keeps a state no more. Fails with `VFS_SNAPSHOT_UNKNOWN`, and as `snapshot` does. */
  drop(root_hash: string): Promise<Result<void>> {
    return this.#state.changing(({ root, head }) => {
      const at = head.snapshots.findIndex((one) => one.root === root_hash);
      if (at < 0) return unknownSnapshot(root_hash);
      return ok({ root, value: undefined, snapshots: head.snapshots.toSpliced(at, 1), dropped: [`n${root_hash}`] });
    });
  }

  /** Brings the tree, or what is at a path, back to a state that is kept, in one step; what came since is gone unless another snapshot keeps it. Fails with `VFS_SNAPSHOT_UNKNOWN`, and as `write` does. */
  restore(root_hash: string, path: VfsPath = []): Promise<Result<void>> {
    return this.#state.changing(async (present, draft) => {
      const { root, objects } = present;
      const kept = await keptRoot(present, root_hash);
      if (!kept.ok) return kept;
      if (path.length === 0) return ok({ root: kept.value, value: undefined });
      const then = await entryAt(objects, kept.value, path, this.#now());
      if (!then.ok) return then;
      const after = await replaceAt(overDraft(objects, draft), draft, root, path, (existing) => (then.value === undefined && existing === undefined ? missing(path) : ok(then.value)), this.#limits);
      return after.ok ? ok({ root: after.value, value: undefined }) : after;
    }, path.length === 0);
  }

  /** The files in which two states differ; without a second one, a kept state and the present. Fails with `VFS_SNAPSHOT_UNKNOWN` or `VFS_DAMAGED`. */
  diff(from: string, to?: string): Promise<Result<readonly VfsDifference[]>> {
    return this.#state.reading(async (present) => {
      const before = await keptRoot(present, from);
      const after = to === undefined ? ok(present.root) : await keptRoot(present, to);
      if (!before.ok) return before;
      return after.ok ? differences(present.objects, before.value, after.value, vfs_differences_max) : after;
    });
  }

  /** How full it is. Fails with `VFS_DAMAGED`. */
  usage(): Promise<Result<VfsUsage>> {
    return this.#state.reading(({ root, head }) => ok({ root: new Draft().node(root).slice(1), ...sizeOf(root), stored_bytes: head.stored_bytes, snapshots: head.snapshots.length }));
  }

  /** Removes what has expired, as every change does. Fails with `VFS_BUSY`, `VFS_UNAVAILABLE` or `VFS_DAMAGED`. */
  sweep(): Promise<Result<void>> {
    return this.#state.changing(({ root }) => ok({ root, value: undefined }));
  }

  /** Makes all that was ever written here unreadable for good, but the files that are kept; snapshots go. Fails with `VFS_UNAVAILABLE` or a `VAULT_` code; where something is to be kept also with `VFS_DAMAGED`. */
  erase(keep?: (file: FileEntry) => boolean): Promise<Result<VfsErased>> {
    return this.#state.erase(keep);
  }

  /** Takes over a tree from elsewhere, where there is none yet. Fails as {@link TreeState.adopt} does. */
  adopt(head: Head, take: (draft: Draft, roots: readonly Ref[]) => Promise<void>): Promise<Result<void>> {
    return this.#state.adopt(head, take);
  }

  /** Ends an erasure that a crash interrupted. Fails with `VFS_DAMAGED` or `VAULT_UNWRITABLE`. */
  finish(): Promise<Result<void>> {
    return this.#state.finish();
  }

  /** Removes what was sealed under a key of the vault that is destroyed and was called so. Fails with `VFS_UNAVAILABLE`. */
  discard(handle: Uint8Array): Promise<Result<void>> {
    return this.#state.discard(handle);
  }

  async #folder({ root, objects }: Present, path: VfsPath): Promise<Result<Node>> {
    if (path.length === 0) return ok(root);
    const found = await entryAt(objects, root, path, this.#now());
    if (!found.ok) return found;
    if (found.value === undefined) return missing(path);
    return found.value.kind === 'folder' ? objects.node(found.value.node) : fail('VFS_NOT_FOLDER', `${vfsPathText(path)} is a file`, { fix: 'read it' });
  }
}

async function keptRoot({ head, objects }: Present, root_hash: string): Promise<Result<Node>> {
  return head.snapshots.some((one) => one.root === root_hash) ? objects.node(`n${root_hash}`) : unknownSnapshot(root_hash);
}
