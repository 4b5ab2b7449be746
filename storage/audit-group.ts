/**
 * How the log lies in the store: the keys of its space, and the bytes of the
 * two values that every commit writes, the group of entries and the state of
 * the tree after it. Both end in a digest, so that a changed byte is noticed
 * also where the tree does not look, as in sealed payloads.
 */
import { hash } from 'node:crypto';
import { assert } from '../crypto/assert.ts';
import { bigEndian, concat, equal, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { Frontier, frontierLength } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { decodeLeaf, encodeLeaf, leaf_bytes, type Leaf } from './puncturable-key.ts';
import { handle_bytes } from './vault.ts';

/** Keys of the store's space `log`, one letter a table. */
export const log_keys = {
  /** `a`: what is archived, and where. */
  archived: (): Uint8Array => utf8('a'),
  /** `f`: up to which entry payloads were erased because of their age. */
  forgotten: (): Uint8Array => utf8('f'),
  /** `r`: what a recovery did, until the log itself says it. */
  recovered: (): Uint8Array => utf8('r'),
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
  /** `e` u64be index of the erasure entry: what the vault has still to forget for it. */
  erasure: (index: number): Uint8Array => concat(utf8('e'), bigEndian(index, 8)),
  /** `k` u64be size, SHA-256 of the witness's name: a cosignature line. */
  cosignature: (size: number, witness: string): Uint8Array => concat(utf8('k'), bigEndian(size, 8), sha256(utf8(witness))),
} as const;

/** Payloads of one subject in a group, sealed together. */
export interface SealedBox {
  /** Under which key of the vault. */
  readonly handle: Uint8Array;
  readonly leaf: Leaf;
  /** To which entries of the group the payloads belong, ascending from 0. */
  readonly positions: readonly number[];
  readonly sealed: Uint8Array;
}

/** The entries of a commit and the payloads that they commit to. */
export interface Group {
  readonly entries: readonly Uint8Array[];
  readonly boxes: readonly SealedBox[];
}

const box_head_bytes = handle_bytes + leaf_bytes + 2 + 4;

function groupLength({ entries, boxes }: Group): number {
  let length = 4 + 4 + digest_bytes;
  for (const entry of entries) length += 2 + entry.length;
  for (const { positions, sealed } of boxes) length += box_head_bytes + 2 * positions.length + sealed.length;
  return length;
}

/**
 * The bytes of a group: `u32be n | n x (u16be length, entry) | u32be n | n x (handle (16), leaf (8),
 * u16be n, n x u16be position, u32be length, sealed) | SHA-256 of all that`.
 */
export function encodeGroup(group: Group): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(groupLength(group));
  let at = bytes.writeUInt32BE(group.entries.length);
  for (const entry of group.entries) {
    at = bytes.writeUInt16BE(entry.length, at);
    bytes.set(entry, at);
    at += entry.length;
  }
  at = bytes.writeUInt32BE(group.boxes.length, at);
  for (const { handle, leaf, positions, sealed } of group.boxes) {
    bytes.set(handle, at);
    bytes.set(encodeLeaf(leaf), at + handle_bytes);
    at = bytes.writeUInt16BE(positions.length, at + handle_bytes + leaf_bytes);
    for (const position of positions) at = bytes.writeUInt16BE(position, at);
    at = bytes.writeUInt32BE(sealed.length, at);
    bytes.set(sealed, at);
    at += sealed.length;
  }
  bytes.write(hash('sha256', bytes.subarray(0, at), 'binary'), at, digest_bytes, 'latin1');
  return bytes;
}

function damaged(what: string): Result<never> {
  return fail('AUDIT_DAMAGED', what);
}

/** Reads the fields of a body one after the other; what lies beyond its end is read as nothing, and then `at` is past the end. */
class Fields {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(length: number): Uint8Array {
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  number(length: number): number {
    return fromBigEndian(this.take(length)) ?? 0;
  }

  /** So many items, as long as there are bytes. */
  list<T>(count: number, item: () => T): T[] {
    const items: T[] = [];
    while (items.length < count && this.at < this.#bytes.length) items.push(item());
    return items;
  }
}

/** Parses a group. Fails with `AUDIT_DAMAGED`. */
export function decodeGroup(bytes: Uint8Array): Result<Group> {
  const body = bytes.subarray(0, -digest_bytes);
  if (bytes.length < digest_bytes || !equal(sha256(body), bytes.subarray(-digest_bytes))) return damaged('its bytes were changed');
  const fields = new Fields(body);
  const entry_count = fields.number(4);
  const entries = fields.list(entry_count, () => fields.take(fields.number(2)));
  const box_count = fields.number(4);
  const boxes = fields.list(box_count, () => {
    const [handle, leaf] = [fields.take(handle_bytes), decodeLeaf(fields.take(leaf_bytes))];
    const count = fields.number(2);
    const positions = fields.list(count, () => fields.number(2));
    return { handle, leaf, positions, sealed: fields.take(fields.number(4)) };
  });
  const whole = fields.at === body.length && entry_count > 0 && entries.length === entry_count && boxes.length === box_count;
  const ascending = (positions: readonly number[]): boolean => positions.every((position, at) => position < entry_count && position > (positions[at - 1] ?? -1));
  return whole && boxes.every(({ positions }) => positions.length > 0 && ascending(positions)) ? ok({ entries, boxes }) : damaged('its lengths do not add up');
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
