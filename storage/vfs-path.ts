/** Paths of the memory file system: one spelling each, checked once, and from then on lists of segments. */
import { utf8 } from '../crypto/bytes.ts';
import { fail, ok, type Result } from '../crypto/result.ts';

/** Length of a path in UTF-8. */
export const vfs_path_bytes_max = 1024;
/** Length of one segment in UTF-8. */
export const vfs_segment_bytes_max = 255;
/** Segments of a path. */
export const vfs_depth_max = 16;

const shown_characters_max = 120;
// Controls, format characters (bidirectional overrides, zero widths), line and paragraph separators, lone surrogates.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** The segments of a path; none for the root. */
export type VfsPath = readonly string[];

function refuse(text: string, why: string, fix?: string): Result<never> {
  return fail('VFS_PATH_INVALID', `${JSON.stringify(text.slice(0, shown_characters_max))}: ${why}`, { fix: fix ?? 'an absolute path such as /mem/working/notes.md' });
}

function problemOf(segment: string): string | undefined {
  if (segment === '') return 'it has an empty segment';
  if (segment === '.' || segment === '..') return `${segment} is no name here, and nothing is resolved relative to anything`;
  if (unprintable.test(segment)) return 'it holds a control, format or separator character, or half of one';
  if (segment.includes('\\')) return 'a backslash separates nothing here and is no part of a name';
  return utf8(segment).length > vfs_segment_bytes_max ? `a segment has at most ${vfs_segment_bytes_max} bytes` : undefined;
}

/**
 * Takes a path apart: absolute, in Unicode NFC (other forms are brought into
 * it), no empty segment, no `.` and `..`, nothing that cannot be seen, at most
 * 16 segments and 1,024 bytes. Nothing is decoded: `%2e` is three characters of
 * a name. Fails with `VFS_PATH_INVALID`.
 */
export function parseVfsPath(text: string): Result<VfsPath> {
  if (text.length > vfs_path_bytes_max) return refuse(text, `it is longer than ${vfs_path_bytes_max} bytes`);
  const whole = text.normalize('NFC');
  if (!whole.startsWith('/')) return refuse(text, 'it does not begin with /');
  if (whole === '/') return ok([]);
  if (utf8(whole).length > vfs_path_bytes_max) return refuse(text, `it is longer than ${vfs_path_bytes_max} bytes`);
  const segments = whole.slice(1).split('/');
  if (segments.length > vfs_depth_max) return refuse(text, `it has more than ${vfs_depth_max} segments`);
  for (const segment of segments) {
    const problem = problemOf(segment);
    if (problem !== undefined) return refuse(text, problem);
  }
  return ok(segments);
}

/** A path as text. */
export function vfsPathText(path: VfsPath): string {
  return `/${path.join('/')}`;
}

/** Whether a path is another one or lies below it, by whole segments. */
export function isWithin(path: VfsPath, folder: VfsPath): boolean {
  return folder.every((segment, index) => path[index] === segment);
}
