/** A part of a log in an archive folder: how it is written, and read back before anything relies on it. */
import { createHash } from 'node:crypto';
import { equal, fromBigEndian, fromUtf8, utf8 } from '../crypto/bytes.ts';
import { sha256 } from '../crypto/hash.ts';
import { leafHash } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { tile_width, tilePath } from '../crypto/tlog-tiles.ts';
import { decodeGroups, encodeGroups, groupsPath, type RawGroup } from './archive-groups.ts';
import type { ArchivePart, ArchiveRecord } from './archive-record.ts';
import type { NotedHead } from './audit-export.ts';
import { log_keys } from './audit-group.ts';
import type { AuditLog } from './audit-log.ts';
import { entriesOfBundle, LogTree } from './audit-tree.ts';
import type { Store } from './store.ts';
import { TileFolder, writeTiles, type Progress } from './tile-folder.ts';

const origin_file = 'origin';

/** Whose entries are moved, where to, and in whose name it is written down. */
export interface ArchiveWork {
  readonly store: Store;
  readonly log: AuditLog;
  /** An absolute path. */
  readonly folder: string;
  /** Under whom the entry about it is sealed: the DID of the host. */
  readonly subject: string;
  readonly progress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

async function claim(folder: TileFolder, origin: string): Promise<Result<void>> {
  const text = utf8(`${origin}\n`);
  const found = await folder.read(origin_file);
  if (found !== undefined && !equal(found, text)) return fail('ARCHIVE_FOLDER', `${folder.path} holds the archive of another log: ${fromUtf8(found)?.trim() ?? 'an unreadable one'}`, { fix: 'name another folder' });
  if (found === undefined && await folder.isUsed()) return fail('ARCHIVE_FOLDER', `${folder.path} holds something else than an archive`, { fix: 'name a new folder' });
  await folder.write(origin_file, text);
  return ok(undefined);
}

/** The full tiles of the entries before `size`, for a folder that does not hold them from an earlier time. */
async function copyTiles(folder: TileFolder, log: AuditLog, size: number): Promise<Result<void>> {
  for (let level = 0, count = size / tile_width; count >= 1; level += 1, count = Math.floor(count / tile_width)) {
    for (let number = 0; number < count; number += 1) {
      const tile = await log.tile(level, number, tile_width);
      if (!tile.ok) return tile;
      await folder.write(tilePath({ level, number, width: tile_width }), tile.value);
    }
  }
  return ok(undefined);
}

async function copyGroups(folder: TileFolder, store: Store, first: number, next: number): Promise<void> {
  for (let number = first / tile_width; number < next / tile_width; number += 1) {
    const groups: [number, Uint8Array][] = [];
    const range = { gte: log_keys.group(number * tile_width), lt: log_keys.group((number + 1) * tile_width) };
    for await (const [key, value] of store.entries('log', range)) groups.push([fromBigEndian(key.subarray(1)) ?? 0, value]);
    await folder.write(groupsPath(number), encodeGroups(groups));
  }
}

/** Is given each bundle of a part with the groups that begin in its range. */
export type Visit = (files: { readonly number: number; readonly groups: readonly RawGroup[]; readonly bundle: Uint8Array }) => Promise<void>;

/** What was found in a folder. */
export interface ReadBack {
  readonly root: Uint8Array;
  readonly digest: Uint8Array;
}

function invalid(path: string, what: string): Result<never> {
  return fail('AUDIT_ARCHIVE_INVALID', `the archive in ${path} is not usable: ${what}`, { fix: 'archive into another folder, or bring this one back from a backup' });
}

/**
 * Reads a part as it is in the folder: the root of its entries behind those of
 * `tree`, and its digest. `visit` gets every group and bundle.
 * Fails with `AUDIT_ARCHIVE_INVALID`.
 */
export async function readBack(folder: TileFolder, tree: LogTree, next: number, visit: Visit): Promise<Result<ReadBack>> {
  const digest = createHash('sha256');
  // Groups reach into the next bundles: entries of theirs that no bundle was held against yet.
  const ahead = new Map<number, Uint8Array>();
  // What comes before the first group is the end of the last one of the part before.
  let covered = tree.size === 0 ? 0 : undefined;
  while (tree.size < next) {
    const number = tree.size / tile_width;
    const bundle = await folder.read(tilePath({ level: 'entries', number, width: tile_width }));
    const groups_bytes = await folder.read(groupsPath(number));
    const entries = entriesOfBundle(bundle ?? new Uint8Array());
    if (bundle === undefined || groups_bytes === undefined || entries?.length !== tile_width) return invalid(folder.path, `bundle ${number} or its groups are missing or damaged`);
    const groups = decodeGroups(groups_bytes, number);
    if (!groups.ok) return groups;
    digest.update(sha256(bundle)).update(sha256(groups_bytes));
    for (const { first_index, group } of groups.value) {
      if (covered !== undefined && first_index !== covered) return invalid(folder.path, `entry ${covered} is in no group`);
      for (const [position, entry] of group.entries.entries()) ahead.set(first_index + position, entry);
      covered = first_index + group.entries.length;
    }
    for (const entry of entries) {
      const sealed = ahead.get(tree.size);
      if (sealed !== undefined && !equal(sealed, entry)) return invalid(folder.path, `entry ${tree.size} is not the same in bundle and group`);
      ahead.delete(tree.size);
      tree.append(leafHash(entry), entry);
    }
    await visit({ number, groups: groups.value, bundle });
  }
  return covered === undefined || covered < next ? invalid(folder.path, `entry ${covered ?? next} is in no group`) : ok({ root: tree.root(), digest: new Uint8Array(digest.digest()) });
}

/** The tree of the entries before the line. Fails with `AUDIT_DAMAGED`. */
export async function treeBefore(store: Store, record: Pick<ArchiveRecord, 'line' | 'root'>): Promise<Result<LogTree>> {
  const tree = await LogTree.resume(store, record.line);
  if (!tree.ok || equal(tree.value.root(), record.root)) return tree;
  return fail('AUDIT_DAMAGED', 'the stored tiles of the archived entries do not have their root', { fix: 'run agentmesh audit fsck' });
}

/**
 * Writes the entries from the line up to `next` into the folder, and reads them back.
 * Fails with `ARCHIVE_FOLDER`, `AUDIT_ARCHIVE_INVALID`, `AUDIT_DAMAGED`, `ABORTED`, or with what the log fails with.
 */
export async function writePart(work: ArchiveWork, record: ArchiveRecord, head: NotedHead, next: number): Promise<Result<{ readonly part: ArchivePart; readonly root: Uint8Array }>> {
  const { store, log, signal, progress } = work;
  const folder = new TileFolder(work.folder);
  const claimed = await claim(folder, log.origin);
  if (!claimed.ok) return claimed;
  const tree = await treeBefore(store, record);
  if (!tree.ok) return tree;
  const copied = record.parts.at(-1)?.folder === work.folder ? ok(undefined) : await copyTiles(folder, log, record.line);
  if (!copied.ok) return copied;
  const bundle = (number: number, width: number): Promise<Result<Uint8Array>> => log.bundle(number, width);
  const written = await writeTiles(folder, { tree: tree.value, size: head.size, bundle, ...(signal === undefined ? {} : { signal }), ...(progress === undefined ? {} : { progress }) });
  if (!written.ok) return written;
  if (!equal(tree.value.root(), head.root)) return fail('AUDIT_DAMAGED', `the first ${head.size} entries do not have the root of the signed head`, { fix: 'run agentmesh audit fsck' });
  await copyGroups(folder, store, record.line, next);
  await folder.seal('checkpoint', head.note);
  const again = await treeBefore(store, record);
  const found = again.ok ? await readBack(folder, again.value, next, () => Promise.resolve()) : again;
  if (!found.ok) return found;
  const root = await log.rootAt(next);
  if (!root.ok) return root;
  if (!equal(found.value.root, root.value)) return invalid(work.folder, 'what was read back is not what was written');
  return ok({ part: { first: record.line, next, folder: work.folder, digest: found.value.digest }, root: root.value });
}
