/**
 * The groups of archived entries, still sealed, as files: one for each bundle,
 * with the groups that begin in its range. A group that goes on beyond the
 * archived entries, or was sealed again after it was archived because one of
 * its payloads was erased, is there and in the store; the one in the store counts.
 */
import { existsSync } from 'node:fs';
import { bigEndian, concat, equal, fromBigEndian } from '../crypto/bytes.ts';
import { digest_bytes } from '../crypto/hash.ts';
import { leafHash } from '../crypto/merkle.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { tilePath, tile_width } from '../crypto/tlog-tiles.ts';
import { readArchiveRecord, type ArchivePart } from './archive-record.ts';
import { decodeGroup, log_keys } from './audit-group.ts';
import type { StoredGroup } from './audit-reader.ts';
import type { Store } from './store.ts';
import { TileFolder } from './tile-folder.ts';

/** A group with its bytes as they lie in the store. */
export interface RawGroup extends StoredGroup {
  readonly value: Uint8Array;
}

/** The path of the file with the groups that begin in the range of a bundle. */
export function groupsPath(number: number): string {
  return tilePath({ level: 'entries', number, width: tile_width }).replace('tile/entries', 'groups');
}

/** The bytes of such a file: `u64be first index | u32be length | group` each. */
export function encodeGroups(groups: readonly (readonly [first_index: number, value: Uint8Array])[]): Uint8Array {
  return concat(...groups.flatMap(([first_index, value]) => [bigEndian(first_index, 8), bigEndian(value.length, 4), value]));
}

/** Parses the file of a bundle's range. Fails with `AUDIT_ARCHIVE_INVALID`. */
export function decodeGroups(bytes: Uint8Array, number: number): Result<readonly RawGroup[]> {
  const groups: RawGroup[] = [];
  const invalid = (what: string): Result<never> => fail('AUDIT_ARCHIVE_INVALID', `${groupsPath(number)} is damaged: ${what}`, { fix: 'bring back the folder from a backup' });
  let next = number * tile_width;
  for (let at = 0; at < bytes.length;) {
    const first_index = fromBigEndian(bytes.subarray(at, at + 8));
    const length = fromBigEndian(bytes.subarray(at + 8, at + 12)) ?? 0;
    const value = bytes.subarray(at + 12, at + 12 + length);
    if (first_index === undefined || first_index < next || first_index >= (number + 1) * tile_width || value.length !== length) return invalid('its groups are not in order');
    const group = decodeGroup(value);
    if (!group.ok) return invalid(group.failure.reason);
    groups.push({ first_index, group: group.value, value });
    next = first_index + group.value.entries.length;
    at += 12 + length;
  }
  return ok(groups);
}

function away({ folder }: ArchivePart, index: number, what: string): Result<never> {
  return fail('AUDIT_ARCHIVED', `entry ${index} was archived to ${folder}, ${what}`, {
    fix: 'make that folder available again, or bring its entries back from a copy: agentmesh audit archive --restore --dir FOLDER',
  });
}

/**
 * The groups that begin in the range of a bundle, as archived.
 * Fails with `AUDIT_ARCHIVED` for the entry at `index` when the folder is away, or `AUDIT_ARCHIVE_INVALID`.
 */
export async function readGroups(parts: readonly ArchivePart[], number: number, index: number): Promise<Result<readonly RawGroup[]>> {
  const part = parts.find((candidate) => number * tile_width < candidate.next);
  if (part === undefined) return ok([]);
  try {
    const bytes = await new TileFolder(part.folder).read(groupsPath(number));
    if (bytes !== undefined) return decodeGroups(bytes, number);
    return away(part, index, existsSync(part.folder) ? `where ${groupsPath(number)} is missing` : 'which is not there');
  } catch (error) {
    return away(part, index, `which cannot be read: ${messageOf(error)}`);
  }
}

/** In which file the group that holds an entry begins: that of the entry's own bundle, or the one before. */
async function fileWith(parts: readonly ArchivePart[], index: number): Promise<Result<number>> {
  const number = Math.floor(index / tile_width);
  const groups = await readGroups(parts, number, index);
  if (!groups.ok) return groups;
  return ok((groups.value[0]?.first_index ?? Infinity) <= index ? number : Math.max(0, number - 1));
}

/** Holds entries against the hash tiles in the store, which the archive does not change. */
class LeafJudge {
  readonly #store: Store;
  #number: number | undefined;
  #tile: Uint8Array | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The index of the first entry of a group that the tree does not hold there. */
  async stranger({ first_index, group }: StoredGroup): Promise<number | undefined> {
    for (const [position, entry] of group.entries.entries()) {
      if (!await this.#isLeaf(first_index + position, entry)) return first_index + position;
    }
    return undefined;
  }

  async #isLeaf(index: number, entry: Uint8Array): Promise<boolean> {
    const number = Math.floor(index / tile_width);
    if (number !== this.#number) this.#tile = await this.#store.get('log', log_keys.tile(0, number));
    this.#number = number;
    const at = (index % tile_width) * digest_bytes;
    return this.#tile !== undefined && equal(this.#tile.subarray(at, at + digest_bytes), leafHash(entry));
  }
}

// A group whose payloads were sealed again after it was archived is in the store, and counts before the archived one.
async function changedSince(store: Store, raw: RawGroup): Promise<RawGroup> {
  const value = await store.get('log', log_keys.group(raw.first_index));
  const group = value === undefined || equal(value, raw.value) ? undefined : decodeGroup(value);
  return value !== undefined && group?.ok === true ? { first_index: raw.first_index, group: group.value, value } : raw;
}

/**
 * The archived groups that hold entries of a range, in order, each entry held
 * against its hash in the tree; ends where the store has the entries itself.
 * A failure, `AUDIT_ARCHIVED` when the folder is away, `AUDIT_ARCHIVE_INVALID`
 * or `AUDIT_DAMAGED`, ends the walk.
 */
export async function* archivedGroups(store: Store, from: number, to: number): AsyncIterable<Result<RawGroup>> {
  const record = await readArchiveRecord(store);
  if (!record.ok) return yield record;
  const { line, parts } = record.value;
  const end = Math.min(to, line);
  const judge = new LeafJudge(store);
  const start = from < end ? await fileWith(parts, from) : ok(Infinity);
  if (!start.ok) return yield start;
  for (let number = start.value; number * tile_width < end; number += 1) {
    const groups = await readGroups(parts, number, Math.max(from, number * tile_width));
    if (!groups.ok) return yield groups;
    for (const raw of groups.value) {
      const next = raw.first_index + raw.group.entries.length;
      if (next <= from) continue;
      if (next > line || raw.first_index >= end) return;
      const held = await changedSince(store, raw);
      const stranger = await judge.stranger(held);
      if (stranger !== undefined) return yield fail('AUDIT_ARCHIVE_INVALID', `archived entry ${stranger} is not the one that the tree holds`, { fix: 'bring back its folder from a backup' });
      yield ok(held);
    }
  }
}
