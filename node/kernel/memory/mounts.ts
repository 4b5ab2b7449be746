/** Which part of the memory file system a path belongs to, and whose tree that is. */
import { toHex } from '../../../crypto/bytes.ts';
import { isWord } from '../../../crypto/capability.ts';
import { sha256Text } from '../../../crypto/hash.ts';
import { fail, ok, type Result } from '../../../crypto/result.ts';
import { isWithin, vfsPathText, type VfsPath } from '../../../storage/vfs-path.ts';
import type { VfsStat } from '../../../storage/vfs.ts';

/** The mounts: what an agent remembers, its state, what it may call, what holds it, and what it shares with others. */
export const vfs_mounts = ['/mem/working', '/mem/episodic', '/mem/semantic', '/mem/procedural', '/state', '/tools', '/policy', '/ipc'] as const;

/** A mount. */
export type VfsMount = (typeof vfs_mounts)[number];

/** The name of the tree that all agents share. */
export const shared_tree = 'shared';

/** The name of an agent's own tree, which no name of an agent makes the shared one. */
export function treeOf(agent: string): string {
  return `agent ${agent}`;
}

const own_prefix = treeOf('');

/** The subject of the vault under which a tree is sealed: of an agent's own the agent, so that erasing it takes its memory along. */
export function subjectOf(tree: string): string {
  return tree.startsWith(own_prefix) ? tree.slice(own_prefix.length) : `${tree} memory`;
}

/** The tree that is sealed under a subject of the vault, where there is one: what {@link subjectOf} is asked, turned around. */
export function treeOfSubject(subject: string): string {
  return subject === subjectOf(shared_tree) ? shared_tree : treeOf(subject);
}

const mount_paths: readonly { readonly mount: VfsMount; readonly path: VfsPath }[] = vfs_mounts.map((mount) => ({ mount, path: mount.slice(1).split('/') }));
const read_only: ReadonlySet<VfsMount> = new Set(['/tools', '/policy']);

/** Where a path leads. */
export interface Place {
  readonly path: VfsPath;
  /** Null for what lies above the mounts: `/` and `/mem`. */
  readonly mount: VfsMount | null;
  /** The name below a mount that is read-only; empty for the mount itself. */
  readonly entry: string;
}

/** The mount that a path lies in. Fails with `VFS_PATH_OUTSIDE` for one that lies in none. */
export function placeOf(path: VfsPath): Result<Place> {
  const found = mount_paths.find((one) => isWithin(path, one.path));
  if (found !== undefined) return ok({ path, mount: found.mount, entry: path.slice(found.path.length).join('/') });
  if (mount_paths.some((one) => isWithin(one.path, path))) return ok({ path, mount: null, entry: '' });
  return fail('VFS_PATH_OUTSIDE', `${vfsPathText(path)} lies in no mount`, { fix: `one of ${vfs_mounts.join(', ')}` });
}

/** What a mount, or what lies above the mounts, is as long as nothing is in it. */
export function emptyFolder(path: VfsPath): VfsStat {
  return { kind: 'folder', path: vfsPathText(path), inodes: 0, bytes: 0, labels: [] };
}

/** The labels of who sees what is told of a file or folder: names and tags are text of their writers, but for those of the mounts. */
export function labelsOf({ kind, path, labels }: VfsStat): readonly string[] {
  return kind === 'folder' && mount_paths.some((mount) => vfsPathText(mount.path).startsWith(path)) ? [] : labels;
}

/** Why nothing may be changed at a place, if so: `VFS_READ_ONLY`. The mounts themselves stay; what is in them may go. */
export function unchangeable({ path, mount, entry }: Place): Result<never> | undefined {
  if (mount !== null && !read_only.has(mount) && entry !== '') return undefined;
  const why = mount !== null && read_only.has(mount) ? `${mount} is read-only` : `${vfsPathText(path)} is part of every file system`;
  return fail('VFS_READ_ONLY', why, { fix: 'write below /mem/working, /mem/episodic, /mem/semantic, /mem/procedural, /state or /ipc' });
}

/** What lies directly below a path above the mounts. */
export function mountsBelow(path: VfsPath): readonly VfsPath[] {
  const below = mount_paths.filter((one) => isWithin(one.path, path)).map((one) => one.path.slice(0, path.length + 1));
  return below.filter((one, index) => below.findIndex((other) => other.join('/') === one.join('/')) === index);
}

const hashed_prefix = 'sha256-';
const hash_characters = 48;

/**
 * A path as the resource of a capability, whose segments are lower-case words.
 * A name that is none stands there as its hash, so that a scope on its folder
 * covers it and no two names are confused.
 */
export function resourceOf(path: VfsPath): string {
  const words = path.map((name) => (isWord(name) && !name.startsWith(hashed_prefix) ? name : hashed_prefix + toHex(sha256Text(name)).slice(0, hash_characters)));
  return words.length === 0 ? '**' : words.join('/');
}
