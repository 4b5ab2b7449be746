/** What an agent may ask of the memory file system, and the bounds of it. */
import { fail, ok, type Result } from '../../../crypto/result.ts';
import { vfs_limits, type VfsLimits } from '../../../storage/vfs.ts';

/** What is written by one decision: as much as detectors look at. Longer contents are decided about piece by piece. */
export const vfs_piece_bytes_max = 983_040;
/** Tags of a file. */
export const vfs_tags_max = 16;
/** Length of a tag. */
export const vfs_tag_characters_max = 64;
/** The longest life that can be given to a file. */
export const vfs_ttl_ms_max = 315_360_000_000;
/** How long a shared file lives that says nothing: what one agent leaves behind is no burden to all others for ever. */
export const shared_ttl_ms_default = 3_600_000;
/** How long a shared file lives at the most. */
export const shared_ttl_ms_max = 86_400_000;
/** Length of a note. */
export const vfs_note_characters_max = 256;
/** Entries of one page of a list. */
export const vfs_page_entries_max = 1000;

/** The limits of what all agents share. */
export const shared_limits: VfsLimits = { inodes_max: 16_384, bytes_max: 67_108_864, file_bytes_max: 1_048_576, stored_bytes_max: 134_217_728, snapshots_max: 4, only_filled_folders: true };

/** How a file is written. */
export interface WriteOptions {
  /** `replace` is the default. */
  readonly mode?: 'replace' | 'append' | 'create';
  /** The hash that the content must have at present: for a writer that has read it. */
  readonly if_hash?: string;
  /** After so long it is gone. */
  readonly ttl_ms?: number;
  readonly tags?: readonly string[];
}

/** Checks a write of so many bytes before anything looks into them. Fails with `VFS_OPTIONS_INVALID` or `VFS_QUOTA`. */
export function checkWrite({ mode = 'replace', if_hash, ttl_ms, tags = [] }: WriteOptions, bytes: number): Result<void> {
  if (bytes > vfs_limits.file_bytes_max) return fail('VFS_QUOTA', `a file has at most ${vfs_limits.file_bytes_max} bytes, this one would have ${bytes}`, { fix: 'split it into several' });
  const refuse = (why: string, fix: string): Result<never> => fail('VFS_OPTIONS_INVALID', why, { fix });
  if (mode !== 'replace' && mode !== 'append' && mode !== 'create') return refuse('there is no such way to write', 'replace, append or create');
  if (if_hash !== undefined && !/^[0-9a-f]{64}$/.test(if_hash)) return refuse('if_hash is no hash', 'give the hash that stat, list or read has told, 64 hex digits');
  if (ttl_ms !== undefined && !(Number.isSafeInteger(ttl_ms) && ttl_ms > 0 && ttl_ms <= vfs_ttl_ms_max)) return refuse('ttl_ms is no length of time', `a whole number of milliseconds, 1 to ${vfs_ttl_ms_max}`);
  const fits = tags.length <= vfs_tags_max && tags.every((tag) => tag.length > 0 && tag.length <= vfs_tag_characters_max && tag.isWellFormed());
  return fits ? ok(undefined) : refuse('the tags are too many or too long', `at most ${vfs_tags_max} of 1 to ${vfs_tag_characters_max} characters`);
}
