/**
 * Folders of the memory file system as immutable nodes that are named by their
 * hash, so that the name of the root is a fingerprint of everything below
 * (Merkle 1987). A folder of few entries is one leaf; one of more is split by
 * the hash of the names into sixteen, so that a change writes some hundred
 * bytes a level however many entries there are. Which entries a folder has
 * decides its form, and so its hash, never the order in which they came.
 */
import { fromUtf8, utf8 } from '../crypto/bytes.ts';
import { isStrings, isWhole } from '../crypto/canonical.ts';
import { sha256Text } from '../crypto/hash.ts';

/** Entries that a folder holds before it is split. */
export const leaf_entries_max = 32;
const shards_count = 16;

/** The name of an object: a letter for its kind (`c` chunk, `l` list of chunks, `n` node), and its SHA-256 in hex. */
export type Ref = string;

const ref_form = /^[cln][0-9a-f]{64}$/;

/** A file. */
export interface FileEntry {
  readonly kind: 'file';
  readonly name: string;
  /** The one chunk, or the list of several; null when the file is empty. */
  readonly content: Ref | null;
  readonly chunks: number;
  readonly bytes: number;
  /** Unix milliseconds. */
  readonly modified_ms: number;
  /** From when on it is gone, Unix milliseconds. */
  readonly expires_ms: number | null;
  /** Who wrote it last. */
  readonly writer: string;
  /** The governed call that wrote it: its name in the audit log. */
  readonly call_id: string;
  readonly tags: readonly string[];
  /** The taint of whoever wrote it. */
  readonly labels: readonly string[];
}

/** A folder, as its parent knows it. */
export interface FolderEntry extends Totals {
  readonly kind: 'folder';
  readonly name: string;
  readonly node: Ref;
}

/** What is in a folder. */
export type Entry = FileEntry | FolderEntry;

/** Sums over everything below. */
export interface Totals {
  /** Files and folders. */
  readonly inodes: number;
  readonly bytes: number;
  /** When the first file below expires, Unix milliseconds. */
  readonly soonest_ms: number | null;
  /** The taint of whoever wrote a file below, sorted: names of folders are text of their writers too. */
  readonly labels: readonly string[];
}

/** A sixteenth of a large folder. */
export interface Shard extends Totals {
  readonly node: Ref;
  /** Entries of the folder itself. */
  readonly count: number;
}

/** A folder, or a part of a large one. */
export type Node =
  | { readonly kind: 'leaf'; readonly entries: readonly Entry[] }
  | { readonly kind: 'branch'; readonly shards: readonly (Shard | null)[] };

/** A folder without entries. */
export const empty_node: Node = { kind: 'leaf', entries: [] };

function soonest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}

const no_labels: readonly string[] = [];

function united(parts: readonly { readonly labels: readonly string[] }[]): readonly string[] {
  const labelled = parts.filter(({ labels }) => labels.length > 0);
  return labelled.length === 0 ? no_labels : [...new Set(labelled.flatMap(({ labels }) => labels))].toSorted();
}

/** The sums over a node. */
export function totalsOf(node: Node): Totals {
  if (node.kind === 'branch') {
    const shards = node.shards.filter((shard) => shard !== null);
    return {
      inodes: shards.reduce((sum, shard) => sum + shard.inodes, 0),
      bytes: shards.reduce((sum, shard) => sum + shard.bytes, 0),
      soonest_ms: soonest(shards.map((shard) => shard.soonest_ms)),
      labels: united(shards),
    };
  }
  return {
    inodes: node.entries.reduce((sum, entry) => sum + 1 + (entry.kind === 'folder' ? entry.inodes : 0), 0),
    bytes: node.entries.reduce((sum, entry) => sum + entry.bytes, 0),
    soonest_ms: soonest(node.entries.map((entry) => (entry.kind === 'folder' ? entry.soonest_ms : entry.expires_ms))),
    labels: united(node.entries),
  };
}

/** How many entries a node holds itself. */
export function countOf(node: Node): number {
  return node.kind === 'leaf' ? node.entries.length : node.shards.reduce((sum, shard) => sum + (shard?.count ?? 0), 0);
}

/** The objects that a node names, one for each time. */
export function childrenOf(node: Node): readonly Ref[] {
  if (node.kind === 'branch') return node.shards.flatMap((shard) => shard?.node ?? []);
  return node.entries.flatMap((entry) => (entry.kind === 'folder' ? entry.node : entry.content) ?? []);
}

/** Which sixteenth of a folder a name belongs to, so many splits down. */
export function shardOf(name: string, level: number): number {
  const byte = sha256Text(name)[level >> 1] ?? 0;
  return level % 2 === 0 ? byte >> 4 : byte & 15;
}

function packed(entry: Entry): readonly unknown[] {
  if (entry.kind === 'folder') return [1, entry.name, entry.node, entry.inodes, entry.bytes, entry.soonest_ms, entry.labels];
  const { name, content, chunks, bytes, modified_ms, expires_ms, writer, call_id, tags, labels } = entry;
  return [0, name, content, chunks, bytes, modified_ms, expires_ms, writer, call_id, tags, labels];
}

/** The bytes of a node: JSON lists of texts and whole numbers, which have one spelling. */
export function encodeNode(node: Node): Uint8Array {
  return utf8(JSON.stringify(node.kind === 'leaf'
    ? node.entries.map(packed)
    : { shards: node.shards.map((shard) => (shard === null ? null : [shard.node, shard.count, shard.inodes, shard.bytes, shard.soonest_ms, shard.labels])) }));
}

function isTime(value: unknown): value is number | null {
  return value === null || isWhole(value);
}

function isRef(value: unknown): value is Ref {
  return typeof value === 'string' && ref_form.test(value);
}

function entryIn(value: unknown): Entry | undefined {
  if (!Array.isArray(value)) return undefined;
  const [kind, name, target, a, b, c, d, writer, call_id, tags, labels]: readonly unknown[] = value;
  if (typeof name !== 'string' || !isWhole(a) || !isWhole(b)) return undefined;
  if (kind === 1) return isRef(target) && isTime(c) && isStrings(d) && value.length === 7 ? { kind: 'folder', name, node: target, inodes: a, bytes: b, soonest_ms: c, labels: d } : undefined;
  if (kind !== 0 || value.length !== 11 || !(target === null || isRef(target)) || !isWhole(c) || !isTime(d)) return undefined;
  if (typeof writer !== 'string' || typeof call_id !== 'string' || !isStrings(tags) || !isStrings(labels)) return undefined;
  return { kind: 'file', name, content: target, chunks: a, bytes: b, modified_ms: c, expires_ms: d, writer, call_id, tags, labels };
}

function shardIn(value: unknown): Shard | null | undefined {
  if (value === null) return null;
  if (!Array.isArray(value)) return undefined;
  const [node, count, inodes, bytes, soonest_ms, labels]: readonly unknown[] = value;
  return isRef(node) && isWhole(count) && isWhole(inodes) && isWhole(bytes) && isTime(soonest_ms) && isStrings(labels) ? { node, count, inodes, bytes, soonest_ms, labels } : undefined;
}

function nodeIn(value: unknown): Node | undefined {
  if (Array.isArray(value)) {
    const entries = value.map(entryIn);
    const whole = entries.filter((entry) => entry !== undefined);
    return whole.length === entries.length ? { kind: 'leaf', entries: whole } : undefined;
  }
  if (typeof value !== 'object' || value === null || !('shards' in value) || !Array.isArray(value.shards) || value.shards.length !== shards_count) return undefined;
  const shards = value.shards.map(shardIn);
  const whole = shards.filter((shard) => shard !== undefined);
  return whole.length === shards_count ? { kind: 'branch', shards: whole } : undefined;
}

/** Reads a node; `undefined` for bytes that are none. */
export function decodeNode(bytes: Uint8Array): Node | undefined {
  const text = fromUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    return nodeIn(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Where a name stands or would stand among the sorted entries of a leaf. */
function placeOf(entries: readonly Entry[], name: string): number {
  const at = entries.findIndex((entry) => entry.name >= name);
  return at < 0 ? entries.length : at;
}

/** The entry of a name in a leaf. */
export function entryOf(entries: readonly Entry[], name: string): Entry | undefined {
  const entry = entries[placeOf(entries, name)];
  return entry?.name === name ? entry : undefined;
}

/** The entries of a leaf with one set, or without it. */
export function withEntry(entries: readonly Entry[], name: string, entry: Entry | undefined): readonly Entry[] {
  const at = placeOf(entries, name);
  return entries.toSpliced(at, entries[at]?.name === name ? 1 : 0, ...(entry === undefined ? [] : [entry]));
}

/** Entries by the sixteenth that they belong to. */
export function sharded(entries: readonly Entry[], level: number): readonly (readonly Entry[])[] {
  return Array.from({ length: shards_count }, (_, shard) => entries.filter(({ name }) => shardOf(name, level) === shard));
}
