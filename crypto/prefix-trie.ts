/**
 * A set of 32-byte ids as a 16-ary Merkle prefix trie: two sets are equal where
 * their roots are, and where they are not, the difference is found by walking
 * down the children whose hashes differ (the idea of Merkle search trees and of
 * range-based set reconciliation, with fixed splits).
 *
 * The trie of a set does not depend on the order in which it was made: up to
 * {@link leaf_ids_max} ids of one prefix are a leaf, more are a branch by the
 * next four bits. A hash is the first 16 bytes of a SHA-256, of a leaf over its
 * ids in ascending order, of a branch over the map of its children and their
 * hashes. Two sets with one root would be a collision of 128 bits.
 */
import { assert } from './assert.ts';
import { concat, toHex } from './bytes.ts';
import { digest_bytes, sha256 } from './hash.ts';

/** Ids in one leaf. */
export const leaf_ids_max = 32;
/** Length of the hash of a node. */
export const node_hash_bytes = 16;
/** Hex digits of the longest prefix that is looked at: no 33 digests of anything share so many. */
export const prefix_digits_max = 16;
const fan_out = 16;
const slab_ids = 4096;
const no_place = -1;

/** A node as others see it: its ids in ascending order, or the hashes of its children for the bits that are set in the map (bit 0 for digit 0); both one after the other. */
export type TrieNode =
  | { readonly kind: 'leaf'; readonly ids: Uint8Array }
  | { readonly kind: 'branch'; readonly map: number; readonly hashes: Uint8Array };

/** The hash of a leaf with these ids, one after the other in ascending order. */
export function leafNodeHash(ids: Uint8Array): Uint8Array {
  return sha256(concat(Uint8Array.of(0), ids)).slice(0, node_hash_bytes);
}

/** The single ids of a leaf, as views. */
export function idsOf(ids: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: ids.length / digest_bytes }, (_, index) => ids.subarray(index * digest_bytes, (index + 1) * digest_bytes));
}

/** The hash of a branch with these children. */
export function branchNodeHash(map: number, hashes: Uint8Array): Uint8Array {
  return sha256(concat(Uint8Array.of(1, map >>> 8, map & 255), hashes)).slice(0, node_hash_bytes);
}

/** The hash of each child of a branch by its hex digit. The map and the hashes fit each other. */
export function childHashes(map: number, hashes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const children = new Map<string, Uint8Array>();
  for (let digit = 0; digit < fan_out; digit += 1) {
    if ((map & (1 << digit)) === 0) continue;
    const offset = children.size * node_hash_bytes;
    children.set(digit.toString(16), hashes.subarray(offset, offset + node_hash_bytes));
  }
  return children;
}

/** Where the ids of several tries lie: slabs of memory with places of 32 bytes, used again when they become free. */
export class IdPool {
  readonly #slabs: Buffer[] = [];
  readonly #free: number[] = [];
  #used = 0;

  /** Copies an id to a free place. */
  add(id: Uint8Array): number {
    const free = this.#free.pop();
    const place = free ?? this.#used;
    if (free === undefined) {
      if (place % slab_ids === 0) this.#slabs.push(Buffer.alloc(slab_ids * digest_bytes));
      this.#used += 1;
    }
    this.#slab(place).set(id, (place % slab_ids) * digest_bytes);
    return place;
  }

  /** Gives a place back. */
  release(place: number): void {
    this.#free.push(place);
  }

  /** The id at a place; its bytes hold until the place is given back. */
  at(place: number): Uint8Array {
    const offset = (place % slab_ids) * digest_bytes;
    return this.#slab(place).subarray(offset, offset + digest_bytes);
  }

  /** The order of an id and the one at a place. */
  compare(id: Uint8Array, place: number): number {
    const slab = this.#slab(place);
    const offset = (place % slab_ids) * digest_bytes;
    // Nearly all pairs differ in the first bytes, and a call into the runtime for the rest costs more than these.
    for (let index = 0; index < digest_bytes; index += 1) {
      const order = (id[index] ?? 0) - (slab[offset + index] ?? 0);
      if (order !== 0) return order;
    }
    return 0;
  }

  /** Copies the id at a place. */
  copy(place: number, target: Uint8Array, target_offset: number): void {
    const offset = (place % slab_ids) * digest_bytes;
    this.#slab(place).copy(target, target_offset, offset, offset + digest_bytes);
  }

  #slab(place: number): Buffer {
    const slab = this.#slabs[Math.floor(place / slab_ids)];
    assert(slab !== undefined, 'a place lies in a slab');
    return slab;
  }
}

interface Leaf {
  readonly kind: 'leaf';
  /** Places of the ids, in ascending order of these. */
  readonly places: number[];
  hash: Uint8Array | undefined;
}

interface Branch {
  readonly kind: 'branch';
  readonly children: (Node | undefined)[];
  count: number;
  hash: Uint8Array | undefined;
}

type Node = Leaf | Branch;

function digitAt(id: Uint8Array, depth: number): number {
  const byte = id[depth >>> 1] ?? 0;
  return (depth & 1) === 0 ? byte >>> 4 : byte & 15;
}

function countOf(node: Node): number {
  return node.kind === 'leaf' ? node.places.length : node.count;
}

/** The set. Tries that share a pool share its memory. */
export class PrefixTrie {
  readonly #pool: IdPool;
  #root: Node = { kind: 'leaf', places: [], hash: undefined };

  constructor(pool: IdPool = new IdPool()) {
    this.#pool = pool;
  }

  /** How many ids there are. */
  get size(): number {
    return countOf(this.#root);
  }

  /** The hash of the whole set. */
  root(): Uint8Array {
    return this.#hash(this.#root);
  }

  /** Whether an id is in the set. */
  has(id: Uint8Array): boolean {
    let node = this.#root;
    for (let depth = 0; node.kind === 'branch'; depth += 1) {
      const child = node.children[digitAt(id, depth)];
      if (child === undefined) return false;
      node = child;
    }
    return this.#find(node, id).found;
  }

  /** Adds an id of 32 bytes; false when it was there. */
  add(id: Uint8Array): boolean {
    assert(id.length === digest_bytes, 'an id has 32 bytes');
    const path: Branch[] = [];
    let node = this.#root;
    while (node.kind === 'branch') {
      path.push(node);
      const digit = digitAt(id, path.length - 1);
      let child: Node | undefined = node.children[digit];
      if (child === undefined) {
        child = { kind: 'leaf', places: [], hash: undefined };
        node.children[digit] = child;
      }
      node = child;
    }
    const { found, index } = this.#find(node, id);
    if (found) return false;
    node.places.splice(index, 0, this.#pool.add(id));
    node.hash = undefined;
    for (const branch of path) {
      branch.count += 1;
      branch.hash = undefined;
    }
    if (node.places.length > leaf_ids_max) this.#put(path.at(-1), digitAt(id, path.length - 1), this.#split(node, path.length));
    return true;
  }

  /** Removes an id; false when it was not there. */
  delete(id: Uint8Array): boolean {
    const path: Branch[] = [];
    let node = this.#root;
    while (node.kind === 'branch') {
      path.push(node);
      const child: Node | undefined = node.children[digitAt(id, path.length - 1)];
      if (child === undefined) return false;
      node = child;
    }
    const { found, index } = this.#find(node, id);
    if (!found) return false;
    for (const place of node.places.splice(index, 1)) this.#pool.release(place);
    node.hash = undefined;
    if (node.places.length === 0) this.#put(path.at(-1), digitAt(id, path.length - 1), undefined);
    for (const branch of path) {
      branch.count -= 1;
      branch.hash = undefined;
    }
    // The first branch that has become small takes all that is below it with it.
    const depth = path.findIndex((branch) => branch.count <= leaf_ids_max);
    const small = path[depth];
    if (small !== undefined) this.#put(path[depth - 1], digitAt(id, depth - 1), { kind: 'leaf', places: [...this.#placesOf(small)], hash: undefined });
    return true;
  }

  /** Empties the set and gives its places back. */
  clear(): void {
    for (const place of this.#placesOf(this.#root)) this.#pool.release(place);
    this.#root = { kind: 'leaf', places: [], hash: undefined };
  }

  /** The node of all ids with a prefix, in lower-case hex digits; `undefined` where there are none. */
  node(prefix: string): TrieNode | undefined {
    const node = this.#at(prefix);
    if (node === undefined || countOf(node) === 0) return undefined;
    if (node.kind === 'leaf') return { kind: 'leaf', ids: this.#idsOf(node) };
    return { kind: 'branch', map: mapOf(node), hashes: this.#hashesOf(node) };
  }

  /** The hash of the node of all ids with a prefix; `undefined` where there are none. */
  hash(prefix: string): Uint8Array | undefined {
    const node = this.#at(prefix);
    return node === undefined || countOf(node) === 0 ? undefined : this.#hash(node);
  }

  /** How many ids have a prefix. */
  count(prefix: string): number {
    const node = this.#at(prefix);
    return node === undefined ? 0 : countOf(node);
  }

  /** The ids with a prefix in ascending order, from the first one above `after`, which has the prefix; copies. The set must not change meanwhile. */
  *ids(prefix: string = '', after: Uint8Array | null = null): Generator<Uint8Array> {
    const node = this.#at(prefix);
    if (node === undefined) return;
    for (const place of this.#placesAbove(node, prefix.length, after)) yield Uint8Array.from(this.#pool.at(place));
  }

  #put(parent: Branch | undefined, digit: number, node: Node | undefined): void {
    if (parent === undefined) this.#root = node ?? { kind: 'leaf', places: [], hash: undefined };
    else parent.children[digit] = node;
  }

  /** Where an id is among those of a leaf, or would be. */
  #find({ places }: Leaf, id: Uint8Array): { readonly found: boolean; readonly index: number } {
    let low = 0;
    let high = places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#pool.compare(id, places[middle] ?? no_place);
      if (order === 0) return { found: true, index: middle };
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    return { found: false, index: low };
  }

  #split(leaf: Leaf, depth: number): Branch {
    assert(depth < 2 * digest_bytes, 'ids in one leaf differ');
    const children: (Node | undefined)[] = Array.from({ length: fan_out });
    for (const place of leaf.places) {
      const digit = digitAt(this.#pool.at(place), depth);
      const child = children[digit];
      if (child?.kind === 'leaf') child.places.push(place);
      else children[digit] = { kind: 'leaf', places: [place], hash: undefined };
    }
    const crowded = children.findIndex((child) => child !== undefined && countOf(child) > leaf_ids_max);
    const child = children[crowded];
    if (child?.kind === 'leaf') children[crowded] = this.#split(child, depth + 1);
    return { kind: 'branch', children, count: leaf.places.length, hash: undefined };
  }

  *#placesOf(node: Node): Generator<number> {
    if (node.kind === 'leaf') yield* node.places;
    else for (const child of node.children) if (child !== undefined) yield* this.#placesOf(child);
  }

  *#placesAbove(node: Node, depth: number, after: Uint8Array | null): Generator<number> {
    if (node.kind === 'leaf') {
      for (const place of node.places) if (after === null || this.#pool.compare(after, place) < 0) yield place;
      return;
    }
    const first = after === null ? 0 : digitAt(after, depth);
    for (const [digit, child] of node.children.entries()) {
      if (child !== undefined && digit >= first) yield* this.#placesAbove(child, depth + 1, digit === first ? after : null);
    }
  }

  /** The node at a prefix; below a leaf, the leaf that those of its ids would be that have the prefix. */
  #at(prefix: string): Node | undefined {
    let node = this.#root;
    for (let depth = 0; depth < prefix.length; depth += 1) {
      if (node.kind === 'leaf') {
        return { kind: 'leaf', places: node.places.filter((place) => toHex(this.#pool.at(place)).startsWith(prefix)), hash: undefined };
      }
      const child = node.children[Number.parseInt(prefix.charAt(depth), fan_out)];
      if (child === undefined) return undefined;
      node = child;
    }
    return node;
  }

  #hashesOf(branch: Branch): Uint8Array {
    return concat(...branch.children.flatMap((child) => (child === undefined ? [] : [this.#hash(child)])));
  }

  #hash(node: Node): Uint8Array {
    if (node.hash !== undefined) return node.hash;
    if (node.kind === 'branch') node.hash = branchNodeHash(mapOf(node), this.#hashesOf(node));
    else node.hash = leafNodeHash(this.#idsOf(node));
    return node.hash;
  }

  #idsOf({ places }: Leaf): Uint8Array {
    const ids = new Uint8Array(places.length * digest_bytes);
    for (const [index, place] of places.entries()) this.#pool.copy(place, ids, index * digest_bytes);
    return ids;
  }
}

function mapOf({ children }: Branch): number {
  return children.reduce((map, child, digit) => (child === undefined ? map : map | (1 << digit)), 0);
}
