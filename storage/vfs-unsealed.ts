/**
 * The memory of agents as stores of layout 2 kept it: in the clear, each object
 * under a letter for its kind, the hash of the tree's name and its own hash. A
 * start brings it under seal, tree by tree, and removes what lay open.
 */
import { concat, fromHex, fromUtf8, toHex, utf8 } from '../crypto/bytes.ts';
import { sha256Text } from '../crypto/hash.ts';
import type { Change, Store } from './store.ts';
import { decodeHead, type Head } from './vfs-head.ts';
import { childrenOf, decodeNode, type Ref } from './vfs-node.ts';
import { chunksIn, type Draft } from './vfs-objects.ts';

const head_letter = 'h';
const object_letters = ['c', 'l', 'n', 'C', 'L', 'N'];
const tree_bytes = 16;
const hash_characters = 64;
const removals_max = 1024;

/** A tree that lies in the clear. */
export interface UnsealedTree {
  /** What the keys of its records have behind their letter. */
  readonly id: Uint8Array;
  /** Absent where it is not what was written. */
  readonly head: Head | undefined;
}

/** What the keys of a tree that lies in the clear have behind their letter. */
export function unsealedId(name: string): Uint8Array {
  return sha256Text(name).subarray(0, tree_bytes);
}

/** Every tree of a store that lies in the clear. */
export async function unsealedTrees(store: Pick<Store, 'entries'>): Promise<readonly UnsealedTree[]> {
  const trees: UnsealedTree[] = [];
  for await (const [key, bytes] of store.entries('vfs', { gte: utf8(head_letter), lt: utf8('i') })) {
    const text = fromUtf8(bytes) ?? '';
    const body = text.slice(hash_characters);
    const is_whole = text.slice(0, hash_characters) === toHex(sha256Text(body)) && key.length === 1 + tree_bytes;
    trees.push({ id: key.slice(1), head: is_whole ? decodeHead(utf8(body)) : undefined });
  }
  return trees;
}

/** Takes everything that some roots lead to into a draft, as far as it can be read. */
export async function takeIn(store: Pick<Store, 'get'>, { id }: UnsealedTree, draft: Draft, roots: readonly Ref[]): Promise<void> {
  const seen = new Set<Ref>();
  for (const open = [...roots]; open.length > 0;) {
    const ref = open.pop() ?? '';
    if (seen.has(ref)) continue;
    // By the name that leads there: what is not what was written may lead to itself.
    seen.add(ref);
    const key = concat(utf8(ref.slice(0, 1)), id, fromHex(ref.slice(1)) ?? new Uint8Array());
    const bytes = await store.get('vfs', key);
    if (bytes === undefined) continue;
    // A draft names by the hash, so what is not what was written gets another name, and nothing leads to it.
    const chunks = ref.startsWith('l') ? chunksIn(bytes) : undefined;
    const node = ref.startsWith('n') ? decodeNode(bytes) : undefined;
    if (ref.startsWith('c')) draft.chunk(bytes);
    else if (chunks !== undefined) draft.list(chunks);
    else if (node !== undefined) draft.node(node);
    open.push(...chunks ?? [], ...node === undefined ? [] : childrenOf(node));
  }
}

/** Removes a tree that lies in the clear: its head last, so that what is interrupted is done again. Tells how many records there were. */
export async function removeUnsealed(store: Pick<Store, 'entries' | 'batch'>, { id }: Pick<UnsealedTree, 'id'>): Promise<number> {
  let removed = 0;
  for (const letter of [...object_letters, head_letter]) {
    const from = concat(utf8(letter), id);
    let changes: Change[] = [];
    for await (const [key] of store.entries('vfs', { gte: from, lt: concat(from, new Uint8Array(33).fill(0xff)) })) {
      changes.push({ space: 'vfs', key });
      removed += 1;
      if (changes.length < removals_max) continue;
      await store.batch(changes, { sync: false });
      changes = [];
    }
    if (changes.length > 0) await store.batch(changes, { sync: true });
  }
  return removed;
}
