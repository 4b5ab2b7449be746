/**
 * How the log lies in the store: the keys of its space, and the bytes of the
 * two values that every commit writes, the group of entries and the state of
 * the tree after it. Both end in a digest, so that a changed byte is noticed
 * also where the tree does not look, as in sealed payloads.
 */
import { assert } from '../crypto/assert.ts';
import { bigEndian, concat, equal, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { Frontier, frontierLength } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';

/** Keys of the store's space `log`, one letter a table. */
export const log_keys = {
  /** `g` u64be index of the first entry: a group of entries. */
  group: (first_index: number): Uint8Array => concat(utf8('g'), bigEndian(first_index, 8)),
  /** `t` u8 level, u64be number: a full tile of C2SP tlog-tiles. */
  tile: (level: number, number: number): Uint8Array => concat(utf8('t'), Uint8Array.of(level), bigEndian(number, 8)),
  /** `b` u64be number: a full entry bundle of C2SP tlog-tiles. */
  bundle: (number: number): Uint8Array => concat(utf8('b'), bigEndian(number, 8)),
  /** `s`: the state of the tree. */
  state: (): Uint8Array => utf8('s'),
  /** `c` u64be size: an own signed checkpoint. */
  checkpoint: (size: number): Uint8Array => concat(utf8('c'), bigEndian(size, 8)),
  /** `k` u64be size, SHA-256 of the witness's name: a cosignature line. */
  cosignature: (size: number, witness: string): Uint8Array => concat(utf8('k'), bigEndian(size, 8), sha256(utf8(witness))),
} as const;

/** An entry with its sealed payload; kinds without payload have an empty one. */
export interface GroupMember {
  readonly entry: Uint8Array;
  readonly sealed: Uint8Array;
}

/** The bytes of a group: `u32be n | n x (u16be length, entry, u32be length, sealed) | SHA-256 of all that`. */
export function encodeGroup(members: readonly GroupMember[]): Uint8Array {
  const parts = [bigEndian(members.length, 4)];
  for (const { entry, sealed } of members) parts.push(bigEndian(entry.length, 2), entry, bigEndian(sealed.length, 4), sealed);
  const body = concat(...parts);
  return concat(body, sha256(body));
}

function damaged(what: string): Result<never> {
  return fail('AUDIT_DAMAGED', what);
}

/** Parses a group. Fails with `AUDIT_DAMAGED`. */
export function decodeGroup(bytes: Uint8Array): Result<readonly GroupMember[]> {
  const body = bytes.subarray(0, -digest_bytes);
  if (bytes.length < digest_bytes || !equal(sha256(body), bytes.subarray(-digest_bytes))) return damaged('its bytes were changed');
  let at = 0;
  const take = (length: number): Uint8Array => {
    at += length;
    return body.subarray(at - length, at);
  };
  const count = fromBigEndian(take(4)) ?? 0;
  const members: GroupMember[] = [];
  while (at < body.length && members.length < count) {
    const entry = take(fromBigEndian(take(2)) ?? 0);
    const sealed = take(fromBigEndian(take(4)) ?? 0);
    members.push({ entry, sealed });
  }
  return at === body.length && members.length === count && count > 0 ? ok(members) : damaged('its lengths do not add up');
}

/** The tree after a commit. */
export interface TreeState {
  readonly size: number;
  readonly root: Uint8Array;
  /** Roots of the perfect subtrees, largest first. */
  readonly frontier: readonly Uint8Array[];
  /** How many commits there were. */
  readonly generation: number;
}

/** The bytes of a state: `u64be size | root | frontier | u64be generation | SHA-256 of all that`. */
export function encodeState({ size, root, frontier, generation }: TreeState): Uint8Array {
  assert(frontier.length === frontierLength(size), 'a state has the frontier of its size');
  const body = concat(bigEndian(size, 8), root, ...frontier, bigEndian(generation, 8));
  return concat(body, sha256(body));
}

/** Parses a state and checks that its frontier has its root. Fails with `AUDIT_DAMAGED`. */
export function decodeState(bytes: Uint8Array): Result<TreeState> {
  const body = bytes.subarray(0, -digest_bytes);
  const size = fromBigEndian(body.subarray(0, 8));
  const generation = fromBigEndian(body.subarray(-8));
  if (bytes.length < digest_bytes || !equal(sha256(body), bytes.subarray(-digest_bytes)) || size === undefined || generation === undefined) {
    return damaged('the bytes of the tree state were changed');
  }
  const root = body.subarray(8, 8 + digest_bytes);
  const hashes = body.subarray(8 + digest_bytes, -8);
  if (hashes.length !== frontierLength(size) * digest_bytes) return damaged('the tree state has not the length of its size');
  const frontier: Uint8Array[] = [];
  for (let at = 0; at < hashes.length; at += digest_bytes) frontier.push(hashes.subarray(at, at + digest_bytes));
  if (!equal(new Frontier(size, frontier).root(), root)) return damaged('the frontier of the tree state has another root');
  return ok({ size, root, frontier, generation });
}
