/** What one tree of the memory file system may hold, what is told of it, and why a change is refused. */
import { fail, type Result } from '../crypto/result.ts';
import { contentHash, type Content } from './vfs-content.ts';
import type { VfsSnapshot } from './vfs-head.ts';
import { totalsOf, type Entry, type FileEntry, type Node } from './vfs-node.ts';
import { vfsPathText, type VfsPath } from './vfs-path.ts';

/** What one tree may hold. */
export interface VfsLimits {
  /** Files and folders. */
  readonly inodes_max: number;
  /** Bytes of all files together. */
  readonly bytes_max: number;
  readonly file_bytes_max: number;
  /** Bytes of everything on the disk, snapshots included, what is the same counted once. */
  readonly stored_bytes_max: number;
  readonly snapshots_max: number;
  /** That a folder goes with the last file in it, so that nothing stays for ever where files do not. */
  readonly only_filled_folders?: true;
}

/** The limits of an agent's tree. */
export const vfs_limits: VfsLimits = { inodes_max: 16_384, bytes_max: 67_108_864, file_bytes_max: 16_777_216, stored_bytes_max: 268_435_456, snapshots_max: 32 };
/** Changes of one tree that wait for each other. */
export const vfs_waiting_max = 1024;
/** Differences that are told at once. */
export const vfs_differences_max = 1000;

/** What is known of a file or folder. */
export type VfsStat =
  | { readonly kind: 'folder'; readonly path: string; readonly inodes: number; readonly bytes: number; /** Of all files below. */ readonly labels: readonly string[] }
  | { readonly kind: 'file'; readonly path: string; readonly hash: string } & Omit<FileEntry, 'kind' | 'name' | 'content' | 'chunks'>;

/** How a file is written. */
export interface VfsWrite {
  /** `replace` what is there, `append` to it, or only `create` it. */
  readonly mode: 'replace' | 'append' | 'create';
  /** The hash that the present content must have. */
  readonly if_hash?: string;
  readonly writer: string;
  readonly call_id: string;
  readonly expires_ms?: number;
  readonly tags?: readonly string[];
  readonly labels: readonly string[];
}

/** How full a tree is. */
export interface VfsUsage extends Omit<VfsSnapshot, 'taken_ms' | 'by' | 'note'> {
  readonly stored_bytes: number;
  readonly snapshots: number;
}

/** What an erasure made unreadable, as far as it was still there to be seen. */
export interface VfsErased {
  /** Files and folders. */
  readonly inodes: number;
  readonly bytes: number;
  readonly snapshots: number;
}

/** A file or folder as it is told of. */
export function statOf(path: VfsPath, entry: Entry): VfsStat {
  if (entry.kind === 'folder') return { kind: 'folder', path: vfsPathText(path), inodes: entry.inodes, bytes: entry.bytes, labels: entry.labels };
  const { name: _name, content, chunks: _chunks, ...rest } = entry;
  return { ...rest, path: vfsPathText(path), hash: contentHash({ content }) };
}

/** The failure of what is too much. */
export function quota(what: string, fix: string): Result<never> {
  return fail('VFS_QUOTA', what, { fix });
}

/** What is in a tree, for what tells of it. */
export function sizeOf(root: Node): { readonly inodes: number; readonly bytes: number } {
  const { inodes, bytes } = totalsOf(root);
  return { inodes, bytes };
}

/** The failure of a store that takes nothing. */
export function unavailable(why: string): Result<never> {
  return fail('VFS_UNAVAILABLE', `the store does not take it: ${why}`, { fix: 'agentmesh doctor' });
}

/** The failure of a snapshot that is not kept. */
export function unknownSnapshot(root_hash: string): Result<never> {
  return fail('VFS_SNAPSHOT_UNKNOWN', `no snapshot ${root_hash.slice(0, 64)} is kept`, { fix: 'agentmesh vfs snapshots AGENT' });
}

/** The failure of a folder where a file is needed. */
export function notFile(path: VfsPath): Result<never> {
  return fail('VFS_NOT_FILE', `${vfsPathText(path)} is a folder`, { fix: 'list it' });
}

/** Why a file that must have a hash is not to be changed, if so: `VFS_CONFLICT`. */
export function conflictOf(path: VfsPath, existing: Entry | undefined, if_hash: string | undefined): Result<never> | undefined {
  const present = existing?.kind === 'file' ? contentHash(existing) : undefined;
  if (if_hash === undefined || if_hash === present) return undefined;
  return fail('VFS_CONFLICT', `${vfsPathText(path)} ${present === undefined ? 'is gone' : `has the hash ${present}`}, not ${if_hash.slice(0, 64)}`, { fix: 'read it again, and write with the hash that it has now', detail: { hash: present ?? null } });
}

/** Why a file is not to be written, if so: `VFS_NOT_FILE`, `VFS_EXISTS` or `VFS_CONFLICT`. */
export function unwritable(path: VfsPath, existing: Entry | undefined, how: VfsWrite): Result<never> | undefined {
  if (path.length === 0 || existing?.kind === 'folder') return notFile(path);
  if (how.mode === 'create' && existing !== undefined) return fail('VFS_EXISTS', `${vfsPathText(path)} exists`, { fix: 'replace it, or append to it' });
  return conflictOf(path, existing, how.if_hash);
}

/** The entry of a file that was written; what was appended to keeps its labels and, where none are given, its tags and its end. */
export function written(path: VfsPath, content: Content, how: VfsWrite, before: FileEntry | undefined, now_ms: number): FileEntry {
  return {
    kind: 'file',
    name: path.at(-1) ?? '',
    ...content,
    modified_ms: now_ms,
    expires_ms: how.expires_ms ?? before?.expires_ms ?? null,
    writer: how.writer,
    call_id: how.call_id,
    tags: how.tags ?? before?.tags ?? [],
    labels: [...new Set([...before?.labels ?? [], ...how.labels])].toSorted(),
  };
}
