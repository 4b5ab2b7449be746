/** A node of the prefix trie as others see it, and its hash: what two hosts must agree on. */
import { concat } from './bytes.ts';
import { digest_bytes, sha256 } from './hash.ts';

/** Ids in one leaf. */
export const leaf_ids_max = 32;
/** Length of the hash of a node. */
export const node_hash_bytes = 16;
/** Hex digits of the longest prefix that is looked at: no 33 digests of anything share so many. */
export const prefix_digits_max = 16;
/** Children of a branch. */
export const fan_out = 16;

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
