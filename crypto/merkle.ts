import { assert } from './assert.ts';
import { equal } from './bytes.ts';
import { foldPerfect, nodeHash, tree_size_max } from './frontier.ts';
import { digest_bytes } from './hash.ts';
import { fail, ok, type Result } from './result.ts';

export { empty_root, Frontier, frontierLength, leafHash, nodeHash, tree_size_max } from './frontier.ts';

/** The most hashes that a proof may carry, as in C2SP tlog-witness. */
export const proof_hashes_max = 63;

/** A perfect subtree: the `index`-th from the left among those with 2^level leaves. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/** Gives the hash of a perfect subtree that lies wholly inside the tree. */
export type HashAt = (node: TreeNode) => Uint8Array;

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

// The perfect subtrees that cover the leaves from start up to, not including, end.
function cover(start: number, end: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  let at = start;
  while (at < end) {
    let width = 1;
    let level = 0;
    while (at % (width * 2) === 0 && at + width * 2 <= end) {
      width *= 2;
      level += 1;
    }
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
}

/** The perfect subtrees whose hashes fold into the root of the first `size` leaves. */
export function rootNodes(size: number): readonly TreeNode[] {
  return cover(0, size);
}

/**
 * What an inclusion proof is made of (RFC 6962 section 2.1.1): for every hash of
 * the proof, leaf side first, the perfect subtrees that fold into it.
 */
export function inclusionNodes(index: number, size: number): readonly (readonly TreeNode[])[] {
  assert(index >= 0 && index < size && size <= tree_size_max, 'a proven leaf lies inside the tree');
  const siblings: TreeNode[][] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      siblings.push(cover(middle, end));
      end = middle;
    } else {
      siblings.push(cover(start, middle));
      start = middle;
    }
  }
  return siblings.reverse();
}

/**
 * What a consistency proof from `old_size` to `size` is made of (RFC 6962
 * section 2.1.2), in the form of {@link inclusionNodes}.
 */
export function consistencyNodes(old_size: number, size: number): readonly (readonly TreeNode[])[] {
  assert(old_size > 0 && old_size <= size && size <= tree_size_max, 'a tree is consistent with its non-empty past');
  const parts: TreeNode[][] = [];
  let start = 0;
  let end = size;
  while (end > old_size) {
    const middle = start + largestPowerBelow(end - start);
    if (old_size <= middle) {
      parts.push(cover(middle, end));
      end = middle;
    } else {
      parts.push(cover(start, middle));
      start = middle;
    }
  }
  // The old tree itself is known to the verifier unless it is only a part of a larger left side.
  if (start > 0) parts.push(cover(start, end));
  return parts.reverse();
}

/** The hash that some perfect subtrees, left to right, fold into. */
export function foldNodes(nodes: readonly TreeNode[], hashAt: HashAt): Uint8Array {
  return foldPerfect(nodes.map(hashAt));
}

/** Inclusion proof of the leaf at `index` in the tree of `size` leaves (RFC 6962 section 2.1.1). */
export function inclusionProof(index: number, size: number, hashAt: HashAt): Uint8Array[] {
  return inclusionNodes(index, size).map((nodes) => foldNodes(nodes, hashAt));
}

/** Proof that the tree of `size` leaves begins with that of `old_size` (RFC 6962 section 2.1.2). */
export function consistencyProof(old_size: number, size: number, hashAt: HashAt): Uint8Array[] {
  return consistencyNodes(old_size, size).map((nodes) => foldNodes(nodes, hashAt));
}

function shapeProblem(numbers: readonly number[], hashes: readonly Uint8Array[], proof: readonly Uint8Array[]): string | undefined {
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) return 'sizes and indices are whole numbers below 2^53';
  if (proof.length > proof_hashes_max) return `a proof has at most ${proof_hashes_max} hashes`;
  if (![...hashes, ...proof].every((hash) => hash.length === digest_bytes)) return `every hash has ${digest_bytes} bytes`;
  return undefined;
}

function invalid(reason: string): Result<never> {
  return fail('PROOF_INVALID', reason);
}

/** What is claimed when a leaf is said to be in a tree. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leaf_hash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/**
 * Goes from a node up to the root past the siblings of a proof, the common part
 * of RFC 9162 sections 2.1.3.2 and 2.1.4.2; says if they are too many or too few.
 */
function climb(from: number, last_at_level: number, siblings: readonly Uint8Array[], fold: (sibling: Uint8Array, is_left: boolean) => void): 'too many' | 'too few' | undefined {
  let node = from;
  let last = last_at_level;
  for (const sibling of siblings) {
    if (last === 0) return 'too many';
    const is_left = node % 2 === 1 || node === last;
    fold(sibling, is_left);
    if (is_left) {
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? undefined : 'too few';
}

/** Verifies an inclusion proof (RFC 9162 section 2.1.3.2). Fails with `PROOF_INVALID`. */
export function verifyInclusion({ index, size, leaf_hash, proof, root }: InclusionClaim): Result<void> {
  const problem = shapeProblem([index, size], [leaf_hash, root], proof);
  if (problem !== undefined) return invalid(problem);
  if (index >= size) return invalid(`leaf ${index} cannot be in a tree of ${size} leaves`);
  let hash = leaf_hash;
  const misfit = climb(index, size - 1, proof, (sibling, is_left) => {
    hash = is_left ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
  });
  if (misfit === 'too many') return invalid(`the proof has more hashes than a tree of ${size} leaves has levels`);
  if (misfit !== undefined) return invalid('the proof has too few hashes');
  return equal(hash, root) ? ok(undefined) : invalid('the leaf and the proof do not lead to this root');
}

/** What is claimed when a tree is said to begin with an older one. */
export interface ConsistencyClaim {
  readonly old_size: number;
  readonly old_root: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * Verifies a consistency proof (RFC 9162 section 2.1.4.2). Refuses the empty
 * tree, which proves nothing: who accepts it treats it before.
 * Fails with `PROOF_INVALID`.
 */
export function verifyConsistency({ old_size, old_root, size, root, proof }: ConsistencyClaim): Result<void> {
  const problem = shapeProblem([old_size, size], [old_root, root], proof);
  if (problem !== undefined) return invalid(problem);
  if (old_size === 0 || old_size > size) return invalid(`a tree of ${size} leaves has no consistency proof from ${old_size}`);
  if (old_size === size) {
    if (proof.length > 0) return invalid('trees of one size are compared without a proof');
    return equal(old_root, root) ? ok(undefined) : invalid('two different roots at one size');
  }
  const path = largestPowerBelow(old_size + 1) === old_size ? [old_root, ...proof] : proof;
  let node = old_size - 1;
  let last = size - 1;
  while (node % 2 === 1) {
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  const [first, ...rest] = path;
  if (first === undefined || proof.length === 0) return invalid('the proof is empty');
  let old_hash = first;
  let hash = first;
  const misfit = climb(node, last, rest, (sibling, is_left) => {
    if (is_left) old_hash = nodeHash(sibling, old_hash);
    hash = is_left ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
  });
  if (misfit !== undefined) return invalid(`the proof has ${misfit} hashes`);
  if (!equal(old_hash, old_root)) return invalid('the proof does not lead to the older root');
  return equal(hash, root) ? ok(undefined) : invalid('the proof does not lead to the newer root');
}
