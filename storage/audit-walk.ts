/** Walks the stored groups of a log and goes on behind whatever is damaged, which the open check does not. */
import { concat, equal, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { messageOf } from '../crypto/result.ts';
import { tile_width } from '../crypto/tlog-tiles.ts';
import { decodeGroup, log_keys, type Group } from './audit-group.ts';
import type { Store } from './store.ts';

/** What is read at once: an iterator that stays open would keep the store from tidying up. */
const groups_read_max = 64;
const group_bytes_read_max = 4_194_304;

/** A stretch of entries as the store holds it. Stretches follow each other without a gap, but for `stray` ones. */
export type Stretch =
  | { readonly kind: 'intact'; readonly key: Uint8Array; readonly first: number; readonly next: number; readonly entries: readonly Uint8Array[] }
  /** Damaged or missing; `next` may be a guess at the end of the log. */
  | { readonly kind: 'damaged'; readonly first: number; readonly next: number; readonly reason: string; readonly stored?: { readonly key: Uint8Array; readonly bytes: Uint8Array } }
  /** A value among the groups where no group can be. */
  | { readonly kind: 'stray'; readonly key: Uint8Array };

/** What can be read of a damaged group although its digest is wrong: good for nothing before it is checked. */
export function remainsOfGroup(bytes: Uint8Array): Group | undefined {
  const body = bytes.subarray(0, -digest_bytes);
  const group = bytes.length < digest_bytes ? undefined : decodeGroup(concat(body, sha256(body)));
  return group?.ok === true ? group.value : undefined;
}

/** The entries that can be read of a damaged stretch, if they are as many as it has. */
export function remainsOf({ first, next, stored }: Extract<Stretch, { kind: 'damaged' }>): readonly Uint8Array[] {
  const entries = stored === undefined || !equal(stored.key, log_keys.group(first)) ? [] : remainsOfGroup(stored.bytes)?.entries ?? [];
  return entries.length === next - first ? entries : [];
}

interface StoredGroup {
  readonly key: Uint8Array;
  readonly first: number | undefined;
  readonly bytes: Uint8Array;
}

interface Read {
  readonly groups: readonly StoredGroup[];
  /** Whether there may be more behind them. */
  readonly more: boolean;
  /** What the store failed with after those. */
  readonly failed: string | undefined;
}

const end_of_groups = utf8('h');

async function read(store: Store, from: Uint8Array, to: number): Promise<Read> {
  const groups: StoredGroup[] = [];
  let length = 0;
  const end = to === Infinity ? end_of_groups : log_keys.group(to);
  try {
    for await (const [key, bytes] of store.entries('log', { gte: from, lt: end, limit: groups_read_max })) {
      groups.push({ key, first: key.length === 9 ? fromBigEndian(key.subarray(1)) : undefined, bytes });
      length += bytes.length;
      if (length > group_bytes_read_max) break;
    }
    return { groups, more: groups.length === groups_read_max || length > group_bytes_read_max, failed: undefined };
  } catch (error) {
    return { groups, more: true, failed: `the store could not read it: ${messageOf(error)}` };
  }
}

/** The smallest key behind another. */
function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

class Walk {
  /** The index of the next entry. */
  next: number;
  #begun = false;
  #damaged: Pick<Extract<Stretch, { kind: 'damaged' }>, 'reason' | 'stored'> | undefined;

  constructor(from: number) {
    this.next = from;
  }

  *take({ key, first, bytes }: StoredGroup): Iterable<Stretch> {
    const skipped = this.#begun || first === undefined ? 0 : Math.max(0, this.next - first);
    this.#begun = true;
    if (first === undefined || first + skipped < this.next || (this.#damaged !== undefined && first === this.next)) return yield { kind: 'stray', key };
    if (first > this.next) yield this.missing(first);
    const group = decodeGroup(bytes);
    if (!group.ok) {
      this.#damaged = { reason: group.failure.reason, stored: { key, bytes } };
      return;
    }
    const entries = group.value.entries.slice(skipped);
    yield { kind: 'intact', key, first: this.next, next: this.next + entries.length, entries };
    this.next += entries.length;
  }

  /** What was expected and is not there, or is damaged, up to `next`. */
  missing(next: number): Stretch {
    const stretch = { kind: 'damaged', first: this.next, next, ...this.#damaged ?? { reason: 'it is missing' } } as const;
    this.next = next;
    this.#damaged = undefined;
    return stretch;
  }

  unreadable(reason: string): void {
    this.#damaged ??= { reason };
  }

  get unfinished(): boolean {
    return this.#damaged !== undefined;
  }
}

/** The key of the group that holds the first entry after those that are archived: it may begin before it, for groups are kept whole. */
export async function firstGroupKey(store: Store, from: number): Promise<Uint8Array> {
  if (from === 0) return utf8('g');
  try {
    const range = { gte: log_keys.group(0), lte: log_keys.group(from), reverse: true, limit: 1 };
    for await (const [key] of store.entries('log', range)) return key;
  } catch {
    // Whoever reads on from there is told what the store fails with.
  }
  return log_keys.group(from);
}

/**
 * The entries from `from` up to `to` in order, in stretches. Without knowing
 * where the log ends (`to` Infinity), it ends with the last stored group, or at
 * `at_least` where that is later.
 */
export async function* walkGroups(store: Store, from: number, to: number, at_least = 0): AsyncIterable<Stretch> {
  const walk = new Walk(from);
  const known_end = to === Infinity ? at_least : to;
  let cursor = await firstGroupKey(store, from);
  for (let probe = from; ;) {
    const { groups, more, failed } = await read(store, cursor, to);
    for (const group of groups) yield* walk.take(group);
    const last = groups.at(-1);
    if (last !== undefined) cursor = behind(last.key);
    if (failed !== undefined) {
      walk.unreadable(failed);
      // Behind the part that cannot be read: the next place where a tile begins.
      probe = (Math.floor(Math.max(probe, walk.next) / tile_width) + 1) * tile_width;
      if (probe >= known_end) break;
      cursor = log_keys.group(probe);
    } else if (!more) break;
  }
  const end = to === Infinity ? Math.max(at_least, walk.next + (walk.unfinished ? 1 : 0)) : to;
  if (walk.next < end) yield walk.missing(end);
}
