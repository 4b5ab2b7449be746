/** Folders under change: each function takes a node and gives the one that would replace it, made in a draft. Nothing that exists is touched. */
import { fail, ok, type Result } from '../crypto/result.ts';
import {
  countOf, empty_node, entryOf, leaf_entries_max, shardOf, sharded, totalsOf, withEntry, type Entry, type FileEntry, type FolderEntry, type Node, type Ref, type Shard,
} from './vfs-node.ts';
import type { Draft, TreeObjects } from './vfs-objects.ts';
import { vfsPathText, type VfsPath } from './vfs-path.ts';

/** Where folders are read from. */
export type Nodes = Pick<TreeObjects, 'node' | 'known'>;

// The moment at which nothing has expired.
const before_all = Number.NEGATIVE_INFINITY;

/** Every entry of a folder, in no order. Fails with `VFS_DAMAGED`. */
export async function entriesOf(nodes: Nodes, node: Node): Promise<Result<readonly Entry[]>> {
  if (node.kind === 'leaf') return ok(node.entries);
  const entries: Entry[] = [];
  for (const shard of node.shards) {
    if (shard === null) continue;
    const inner = await nodes.node(shard.node);
    if (!inner.ok) return inner;
    const below = await entriesOf(nodes, inner.value);
    if (!below.ok) return below;
    entries.push(...below.value);
  }
  return ok(entries);
}

function shardFor(draft: Draft, node: Node): Shard | null {
  const count = countOf(node);
  return count === 0 ? null : { node: draft.node(node), count, ...totalsOf(node) };
}

/** A folder of these sorted entries in its one form. */
export function folded(draft: Draft, entries: readonly Entry[], level: number): Node {
  if (entries.length <= leaf_entries_max) return { kind: 'leaf', entries };
  return { kind: 'branch', shards: sharded(entries, level).map((part) => shardFor(draft, folded(draft, part, level + 1))) };
}

/** The folder with one entry set, or without it. Fails with `VFS_DAMAGED`. */
async function changed(nodes: Nodes, draft: Draft, node: Node, name: string, entry: Entry | undefined, level: number = 0): Promise<Result<Node>> {
  if (node.kind === 'leaf') return ok(folded(draft, withEntry(node.entries, name, entry), level));
  const at = shardOf(name, level);
  const shard = node.shards[at] ?? null;
  const inner = shard === null ? ok(empty_node) : await nodes.node(shard.node);
  if (!inner.ok) return inner;
  const after = await changed(nodes, draft, inner.value, name, entry, level + 1);
  if (!after.ok) return after;
  const next: Node = { kind: 'branch', shards: node.shards.with(at, shardFor(draft, after.value)) };
  if (countOf(next) > leaf_entries_max) return ok(next);
  const entries = await entriesOf(overDraft(nodes, draft), next);
  return entries.ok ? ok({ kind: 'leaf', entries: entries.value.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }) : entries;
}

/** Folders as they are in a draft, and where it has none of that name as they are. */
export function overDraft(nodes: Nodes, draft: Draft): Nodes {
  return {
    known: (ref) => draft.nodes.get(ref) ?? nodes.known(ref),
    node(ref) {
      const made = draft.nodes.get(ref);
      return made === undefined ? nodes.node(ref) : Promise.resolve(ok(made));
    },
  };
}

/** A folder as its parent knows it. */
export function folderEntry(draft: Draft, name: string, node: Node): FolderEntry {
  return { kind: 'folder', name, node: draft.node(node), ...totalsOf(node) };
}

/** The failure of a path that leads nowhere. */
export function missing(path: VfsPath): Result<never> {
  return fail('VFS_MISSING', `there is nothing at ${vfsPathText(path)}`, { fix: 'agentmesh vfs ls AGENT:FOLDER shows what there is' });
}

function notFolder(path: VfsPath): Result<never> {
  return fail('VFS_NOT_FOLDER', `${vfsPathText(path)} is a file`, { fix: 'choose another name' });
}

/** Whether a file's time is over. */
export function isExpired(entry: Entry, now_ms: number): boolean {
  return entry.kind === 'file' && entry.expires_ms !== null && entry.expires_ms <= now_ms;
}

/** The entry at a path below a folder; `undefined` where nothing is or its time is over. Waits only for folders that are not at hand. Fails with `VFS_NOT_FOLDER` or `VFS_DAMAGED`. */
export async function entryAt(nodes: Nodes, root: Node, path: VfsPath, now_ms: number): Promise<Result<Entry | undefined>> {
  let part = root;
  for (let depth = 0, level = 0; ;) {
    const name = path[depth] ?? '';
    const found = part.kind === 'branch' ? part.shards[shardOf(name, level)] ?? undefined : entryOf(part.entries, name);
    if (found === undefined) return ok(undefined);
    let below: Ref;
    if (!('kind' in found)) {
      below = found.node;
      level += 1;
    } else {
      if (isExpired(found, now_ms)) return ok(undefined);
      if (depth >= path.length - 1) return ok(found);
      if (found.kind === 'file') return notFolder(path.slice(0, depth + 1));
      below = found.node;
      level = 0;
      depth += 1;
    }
    const known = nodes.known(below);
    const inner = known === undefined ? await nodes.node(below) : undefined;
    if (inner?.ok === false) return inner;
    part = known ?? inner?.value ?? empty_node;
  }
}

/** What stands at a path before a change, and what is to stand there after it; `undefined` for nothing. */
export type Replace = (existing: Entry | undefined) => Result<FileEntry | FolderEntry | undefined>;

/** Whether folders without entries go. */
export interface FolderTerms {
  readonly only_filled_folders?: true;
}

/**
 * The folder with the entry at a path replaced. Folders on the way that are
 * missing are made where something is put. Fails with `VFS_NOT_FOLDER`, `VFS_DAMAGED`, or what `replace` fails with.
 */
export async function replaceAt(nodes: Nodes, draft: Draft, root: Node, path: VfsPath, replace: Replace, terms: FolderTerms, at: number = 0): Promise<Result<Node>> {
  const name = path[at] ?? '';
  const found = await entryAt(nodes, root, [name], before_all);
  if (!found.ok) return found;
  const existing = found.value;
  if (at === path.length - 1) {
    const entry = replace(existing);
    return entry.ok ? changed(nodes, draft, root, name, entry.value) : entry;
  }
  if (existing?.kind === 'file') return notFolder(path.slice(0, at + 1));
  const inner = existing === undefined ? ok(empty_node) : await nodes.node(existing.node);
  if (!inner.ok) return inner;
  const after = await replaceAt(nodes, draft, inner.value, path, replace, terms, at + 1);
  if (!after.ok) return after;
  const is_gone = terms.only_filled_folders === true && countOf(after.value) === 0;
  return changed(nodes, draft, root, name, is_gone ? undefined : folderEntry(draft, name, after.value));
}

/** An empty folder, for its parent. */
export function newFolder(draft: Draft, name: string): FolderEntry {
  return folderEntry(draft, name, empty_node);
}

/** The folder without the files whose time is over. Looks only where there are any. Fails with `VFS_DAMAGED`. */
export async function withoutExpired(nodes: Nodes, draft: Draft, node: Node, now_ms: number, terms: FolderTerms): Promise<Result<Node>> {
  const { soonest_ms } = totalsOf(node);
  if (soonest_ms === null || soonest_ms > now_ms) return ok(node);
  const entries = await entriesOf(nodes, node);
  if (!entries.ok) return entries;
  const kept: Entry[] = [];
  for (const entry of entries.value.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isExpired(entry, now_ms)) continue;
    if (entry.kind === 'file') {
      kept.push(entry);
      continue;
    }
    const inner = await nodes.node(entry.node);
    if (!inner.ok) return inner;
    const after = await withoutExpired(nodes, draft, inner.value, now_ms, terms);
    if (!after.ok) return after;
    if (terms.only_filled_folders !== true || countOf(after.value) > 0) kept.push(after.value === inner.value ? entry : folderEntry(draft, entry.name, after.value));
  }
  return ok(folded(draft, kept, 0));
}

/** What differs between two trees. */
export interface VfsDifference {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed';
}

/** The files that differ between two folders, at most `limit` of them, by path. Equal folders are not looked into. Fails with `VFS_DAMAGED`. */
export async function differences(nodes: Nodes, before: Node, after: Node, limit: number, path: VfsPath = []): Promise<Result<readonly VfsDifference[]>> {
  const [old, young] = [await entriesOf(nodes, before), await entriesOf(nodes, after)];
  if (!old.ok) return old;
  if (!young.ok) return young;
  const [from, to] = [new Map(old.value.map((entry) => [entry.name, entry])), new Map(young.value.map((entry) => [entry.name, entry]))];
  const found: VfsDifference[] = [];
  for (const name of [...new Set([...from.keys(), ...to.keys()])].toSorted()) {
    if (found.length >= limit) break;
    const below = await difference(nodes, from.get(name), to.get(name), limit - found.length, [...path, name]);
    if (!below.ok) return below;
    found.push(...below.value);
  }
  return ok(found);
}

async function difference(nodes: Nodes, from: Entry | undefined, to: Entry | undefined, limit: number, path: VfsPath): Promise<Result<readonly VfsDifference[]>> {
  const is_folder = from?.kind === 'folder' || to?.kind === 'folder';
  if (!is_folder) {
    const same = from?.kind === 'file' && to?.kind === 'file' && JSON.stringify(from) === JSON.stringify(to);
    return ok(same ? [] : [{ path: vfsPathText(path), change: from === undefined ? 'added' : to === undefined ? 'removed' : 'changed' }]);
  }
  if (from?.kind === 'folder' && to?.kind === 'folder' && from.node === to.node) return ok([]);
  const [before, after] = [await nodeOf(nodes, from), await nodeOf(nodes, to)];
  if (!before.ok) return before;
  if (!after.ok) return after;
  const own: readonly VfsDifference[] = from?.kind === to?.kind ? [] : [{ path: vfsPathText(path), change: from === undefined ? 'added' : to === undefined ? 'removed' : 'changed' }];
  const below = await differences(nodes, before.value, after.value, limit - own.length, path);
  return below.ok ? ok([...own, ...below.value]) : below;
}

function nodeOf(nodes: Nodes, entry: Entry | undefined): Promise<Result<Node>> {
  return entry?.kind === 'folder' ? nodes.node(entry.node) : Promise.resolve(ok(empty_node));
}
