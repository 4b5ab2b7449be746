/** The hashes of an RFC 6962 tree, and the right edge that it grows at. */
import { hash } from 'node:crypto';
import { assert } from './assert.ts';
import { digest_bytes, sha256 } from './hash.ts';

/** The most leaves a tree may have: sizes and indices are plain numbers. */
export const tree_size_max: number = Number.MAX_SAFE_INTEGER;

/** Root of the tree without leaves: the hash of nothing (RFC 6962 section 2.1). */
export const empty_root: Uint8Array = sha256(new Uint8Array());

// Hashing is synchronous, so one input buffer serves all leaves of a length, which most often is the same, and one every inner node.
let leaf_input = Buffer.alloc(1);
const left_at = 1;
const right_at = left_at + digest_bytes;

function nodeInput(): Buffer {
  const input = Buffer.alloc(right_at + digest_bytes);
  input[0] = 0x01;
  return input;
}

const node_input = nodeInput();

/** Hash of a leaf: SHA-256(0x00 || entry) (RFC 6962 section 2.1). */
export function leafHash(entry: Uint8Array): Uint8Array {
  if (leaf_input.length !== 1 + entry.length) leaf_input = Buffer.alloc(1 + entry.length);
  leaf_input.set(entry, 1);
  return sha256(leaf_input);
}

/** Hash of an inner node: SHA-256(0x01 || left || right) (RFC 6962 section 2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  assert(left.length === digest_bytes && right.length === digest_bytes, 'tree nodes are SHA-256 digests');
  node_input.set(left, left_at);
  node_input.set(right, right_at);
  return sha256(node_input);
}

/** The hash that the roots of perfect subtrees, left to right, fold into; that of the empty tree for none. */
export function foldPerfect(perfect: readonly Uint8Array[]): Uint8Array {
  let root: Uint8Array | undefined;
  for (let at = perfect.length - 1; at >= 0; at -= 1) {
    const left = perfect[at];
    assert(left !== undefined, 'every perfect subtree has a hash');
    root = root === undefined ? left : nodeHash(left, root);
  }
  return root ?? empty_root;
}

/** How many perfect subtrees a tree of this size falls into: its binary ones. */
export function frontierLength(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}

/**
 * The right edge of a growing tree: the roots of its perfect subtrees, largest
 * first. Enough to append and to know the root, whatever the size.
 */
export class Frontier {
  #size: number;
  // For each level the hash input of a node above it: the left half is the perfect subtree of
  // the edge, where the size has that bit; the right half is the one that was completed last.
  readonly #levels: Buffer[] = [];

  constructor(size = 0, hashes: readonly Uint8Array[] = []) {
    assert(hashes.length === frontierLength(size), 'a frontier has one hash for each binary one of the size');
    this.#size = size;
    let at = hashes.length;
    for (let rest = size, level = 0; rest > 0; rest = Math.floor(rest / 2), level += 1) {
      if (rest % 2 === 0) continue;
      at -= 1;
      this.#level(level).set(hashes[at] ?? empty_root, left_at);
    }
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  /** Roots of the perfect subtrees, largest first. */
  get hashes(): readonly Uint8Array[] {
    const hashes: Uint8Array[] = [];
    for (let rest = this.#size, level = 0; rest > 0; rest = Math.floor(rest / 2), level += 1) {
      if (rest % 2 === 1) hashes.push(Uint8Array.from(this.#level(level).subarray(left_at, right_at)));
    }
    return hashes.reverse();
  }

  /** Adds one leaf hash on the right. */
  append(leaf_hash: Uint8Array): void {
    assert(this.#size < tree_size_max, 'a tree has fewer than 2^53 leaves');
    assert(leaf_hash.length === digest_bytes, 'tree nodes are SHA-256 digests');
    let level = 0;
    let edge = this.#level(0);
    edge.set(leaf_hash, right_at);
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const digest = hash('sha256', edge, 'binary');
      level += 1;
      edge = this.#level(level);
      edge.write(digest, right_at, 'latin1');
    }
    edge.copyWithin(left_at, right_at);
    this.#size += 1;
  }

  /** The perfect subtree of 2^level leaves at the very right, its own bytes; only the append that completes one may be followed by this. */
  completed(level: number): Uint8Array {
    assert(this.#size > 0 && this.#size % 2 ** level === 0, 'a perfect subtree was just completed at this level');
    return Uint8Array.from(this.#level(level).subarray(right_at));
  }

  /** Root of the tree as it stands. */
  root(): Uint8Array {
    return foldPerfect(this.hashes);
  }

  #level(level: number): Buffer {
    const found = this.#levels[level];
    if (found !== undefined) return found;
    // Levels come into use from the bottom up, one at a time, but for a frontier that is given.
    for (let next = this.#levels.length; next <= level; next += 1) this.#levels.push(nodeInput());
    return this.#level(level);
  }
}
