/** Folders of the memory file system whose files are made when they are asked for: what an agent may call, and what holds it. */
import { toHex } from '../../../crypto/bytes.ts';
import { sha256 } from '../../../crypto/hash.ts';
import { fail, ok, type Result } from '../../../crypto/result.ts';
import { vfsPathText, type VfsStat } from '../../../storage/vfs.ts';
import type { Place } from './mounts.ts';

/** A folder whose files are made when they are asked for: each by its name, and its content when that is read. */
export type ReadOnlyFolder = () => ReadonlyMap<string, () => Uint8Array>;

/** A folder without files. */
export const no_files: ReadOnlyFolder = () => new Map();

/** A file that was read. */
export interface ReadFile {
  readonly stat: VfsStat & { readonly kind: 'file' };
  readonly bytes: Uint8Array;
}

/** A file of such a folder. Fails with `VFS_MISSING` or `VFS_NOT_FILE`. */
export function madeFile(made: ReadOnlyFolder, { path, entry }: Place, now_ms: number): Result<ReadFile> {
  const at = vfsPathText(path);
  if (entry === '') return fail('VFS_NOT_FILE', `${at} is a folder`, { fix: 'list it' });
  const bytes = made().get(entry)?.();
  return bytes === undefined ? fail('VFS_MISSING', `there is nothing at ${at}`, { fix: 'agentmesh vfs ls AGENT:FOLDER shows what there is' }) : ok(fileOf(at, bytes, now_ms));
}

function fileOf(path: string, bytes: Uint8Array, now_ms: number): ReadFile {
  return { stat: { kind: 'file', path, hash: toHex(sha256(bytes)), bytes: bytes.length, modified_ms: now_ms, expires_ms: null, writer: 'kernel', call_id: '', tags: [], labels: [] }, bytes };
}

/** What is known of such a folder or of a file in it. Fails with `VFS_MISSING`. */
export function madeStat(made: ReadOnlyFolder, place: Place, now_ms: number): Result<VfsStat> {
  if (place.entry === '') return ok({ kind: 'folder', path: vfsPathText(place.path), inodes: made().size, bytes: 0, labels: [] });
  const file = madeFile(made, place, now_ms);
  return file.ok ? ok(file.value.stat) : file;
}

/** A page of such a folder. Fails with `VFS_NOT_FOLDER`. */
export function madeList(made: ReadOnlyFolder, place: Place, { after, limit }: { readonly after: string; readonly limit: number }, now_ms: number): Result<readonly VfsStat[]> {
  if (place.entry !== '') return fail('VFS_NOT_FOLDER', `${vfsPathText(place.path)} is no folder`, { fix: 'read it' });
  const files = [...made()].filter(([name]) => name > after).toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit);
  return ok(files.map(([name, read]) => fileOf(vfsPathText([...place.path, name]), read(), now_ms).stat));
}
