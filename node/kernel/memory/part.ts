/** Files of the memory file system in part, as rules see them: with what stands around, so that nothing is cut in two before their eyes. */
import type { Json } from '../../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../../crypto/result.ts';
import type { ReadFile } from './made.ts';
import { vfs_piece_bytes_max } from './options.ts';

const around_bytes = 4096;
const lossy = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** Bytes as rules see them. */
export function decoded(bytes: Uint8Array): string {
  return lossy.decode(bytes);
}

/** A part of a file, in bytes: all of it where nothing is said. */
export interface Part {
  readonly offset?: number;
  readonly length?: number;
}

/** Checks which part of a file is asked for. Fails with `VFS_OPTIONS_INVALID`. */
export function checkPart({ offset = 0, length = 0 }: Part): Result<void> {
  const fits = Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length) && length >= 0;
  return fits ? ok(undefined) : fail('VFS_OPTIONS_INVALID', 'there is no such part of a file', { fix: 'offset and length are whole numbers from 0' });
}

/** A part with what stands around it. */
export function widened({ offset, length }: Required<Part>): Required<Part> {
  const from = Math.max(0, offset - around_bytes);
  return { offset: from, length: offset - from + length + around_bytes };
}

/** A piece of what is written, with some of the one before. */
export function pieceOf(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(Math.max(0, index * vfs_piece_bytes_max - around_bytes), (index + 1) * vfs_piece_bytes_max);
}

/** What policies may know of a file before it is read: its labels and who wrote it. */
export type Origin = { readonly [name: string]: Json };

/** Where a file is from. */
export function originOf({ labels, writer }: ReadFile['stat']): Origin {
  return { labels: [...labels], tainted: labels.length > 0, writer };
}

/** The failure of a file that was decided about as another one. */
export function changedMeanwhile(path: string): Result<never> {
  return fail('VFS_CONFLICT', `${path} was changed while it was decided about`, { fix: 'read it again' });
}

/** A part as it is, where nothing in it or across its ends had to be redacted. Fails with `REDACTION_IMPOSSIBLE`. */
export function unchanged<T>(value: T, redacted: Result<string>, around: string): Result<T> {
  if (!redacted.ok) return redacted;
  return redacted.value === around ? ok(value) : fail('REDACTION_IMPOSSIBLE', 'a rule has the content redacted, which is done for a whole file only', { fix: 'read all of it' });
}

/** The content in a payload. */
export function contentIn(data: Json | undefined): string | undefined {
  return typeof data === 'object' && data !== null && 'content' in data && typeof data.content === 'string' ? data.content : undefined;
}

/** The failure of a content whose pieces would have to be redacted. */
export function unredactable(): Result<never> {
  return fail('REDACTION_IMPOSSIBLE', 'a rule has the content redacted, which is done for one piece only', { fix: `write at most ${vfs_piece_bytes_max} bytes at once` });
}
