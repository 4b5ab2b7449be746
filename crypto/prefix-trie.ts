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
import { digest_bytes } from './hash.ts';
import { IdPool } from './id-pool.ts';
import { branchNodeHash, fan_out, leaf_ids_max, leafNodeHash, type TrieNode } from './trie-node.ts';

const no_place = -1;

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
