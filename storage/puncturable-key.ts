/**
 * Keys that can forget. A pseudorandom function from 64-bit leaves to keys,
 * built as a binary tree of seeds (Goldreich, Goldwasser, Micali, "How to
 * construct random functions", 1986): each seed hashes to its two children, and
 * a leaf's seed is its key. Puncturing a leaf replaces the seed above it by the
 * seeds beside its path (constrained keys: Boneh and Waters, "Constrained
 * pseudorandom functions and their applications", 2013): every other leaf keeps
 * its key, and that one can never be computed again.
 */
import { hash } from 'node:crypto';
import { assert } from '../crypto/assert.ts';
import { bigEndian, concat, fromBigEndian } from '../crypto/bytes.ts';

/** Length of a seed and of a leaf's key. */
export const seed_bytes = 32;
/** Length of a leaf's name: u16be realm, u48be index. */
export const leaf_bytes = 8;
/** The greatest index of a leaf in its realm. */
export const leaf_index_max: number = 2 ** 48 - 1;

/** The name of a key. The realm keeps series of indices apart. */
export interface Leaf {
  readonly realm: number;
  readonly index: number;
}

/** The bytes of a leaf's name, which sort as leaves do. */
export function encodeLeaf({ realm, index }: Leaf): Uint8Array {
  assert(realm >= 0 && realm <= 0xffff && index >= 0 && index <= leaf_index_max, 'a leaf has a 16-bit realm and a 48-bit index');
  return concat(bigEndian(realm, 2), bigEndian(index, 6));
}

/** The leaf that 8 bytes name. */
export function decodeLeaf(bytes: Uint8Array): Leaf {
  return { realm: fromBigEndian(bytes.subarray(0, 2)) ?? 0, index: fromBigEndian(bytes.subarray(2, leaf_bytes)) ?? 0 };
}

const depth_max = 64;
/** Length of an encoded seed. */
export const seed_record_bytes: number = 1 + leaf_bytes + seed_bytes;

/** The seed of all leaves that begin with the first `depth` bits of `high | low`. */
interface Seed {
  readonly depth: number;
  readonly high: number;
  readonly low: number;
  readonly secret: Uint8Array;
}

// Seeds are walked from the root through both words of a leaf, the higher one first.
function words({ realm, index }: Leaf): { readonly high: number; readonly low: number } {
  return { high: (realm * 0x1_0000 + Math.floor(index / 0x1_0000_0000)) >>> 0, low: index >>> 0 };
}

function bitAt(high: number, low: number, depth: number): number {
  return depth < 32 ? (high >>> (31 - depth)) & 1 : (low >>> (depth_max - 1 - depth)) & 1;
}

/** How many leading bits two positions share. */
function sharedBits(high: number, low: number, other_high: number, other_low: number): number {
  const difference = high ^ other_high;
  return difference === 0 ? 32 + Math.clz32(low ^ other_low) : Math.clz32(difference);
}

// One input buffer serves all: hashing is synchronous.
const input = Buffer.alloc(seed_bytes + 1);

function child(secret: Uint8Array, bit: number, into: Buffer = Buffer.alloc(seed_bytes)): Buffer {
  input.set(secret);
  input[seed_bytes] = bit;
  into.write(hash('sha256', input, 'binary'), 0, seed_bytes, 'latin1');
  return into;
}

function sibling(depth: number, high: number, low: number, secret: Uint8Array): Seed {
  const bit = 1 - bitAt(high, low, depth);
  const flipped_high = depth < 32 ? (high ^ (1 << (31 - depth))) >>> 0 : high;
  const flipped_low = depth < 32 ? low : (low ^ (1 << (depth_max - 1 - depth))) >>> 0;
  return cut({ depth: depth + 1, high: flipped_high, low: flipped_low, secret: child(secret, bit) });
}

// Bits below a seed's depth are zero, so that a seed has one name.
function cut({ depth, high, low, secret }: Seed): Seed {
  if (depth >= 32) return { depth, high, low: depth === depth_max ? low : (depth === 32 ? 0 : (low >>> (depth_max - depth) << (depth_max - depth)) >>> 0), secret };
  return { depth, high: depth === 0 ? 0 : (high >>> (32 - depth) << (32 - depth)) >>> 0, low: 0, secret };
}

/** The first leaf behind those of a seed; its words may be beyond all leaves. */
function behind({ depth, high, low }: Seed): { readonly high: number; readonly low: number } {
  if (depth <= 32) return { high: high + 2 ** (32 - depth), low: 0 };
  const next = low + 2 ** (depth_max - depth);
  return next < 2 ** 32 ? { high, low: next } : { high: high + 1, low: 0 };
}

/** A key that gives one key a leaf and can forget any of them. */
export class PuncturableKey {
  #seeds: Seed[];
  // The seeds from the covering one down to the leaf that was computed last: the next leaf shares most of them.
  #path: (Buffer | undefined)[] = [];
  #path_from = 0;
  #path_high = 0;
  #path_low = 0;

  private constructor(seeds: Seed[]) {
    this.#seeds = seeds;
  }

  /** A key that has forgotten nothing, out of 32 random bytes. */
  static fresh(secret: Uint8Array): PuncturableKey {
    assert(secret.length === seed_bytes, 'a seed has 32 bytes');
    return new PuncturableKey([{ depth: 0, high: 0, low: 0, secret: Uint8Array.from(secret) }]);
  }

  /** The key of encoded seeds, or `undefined` when they are no set of seeds in order. */
  static decode(bytes: Uint8Array): PuncturableKey | undefined {
    const seeds: Seed[] = [];
    if (bytes.length % seed_record_bytes !== 0) return undefined;
    const fields = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let next = { high: 0, low: 0 };
    for (let at = 0; at < bytes.length; at += seed_record_bytes) {
      const secret = bytes.slice(at + 1 + leaf_bytes, at + seed_record_bytes);
      const seed: Seed = { depth: fields.getUint8(at), high: fields.getUint32(at + 1), low: fields.getUint32(at + 5), secret };
      if (seed.depth > depth_max || seed.high < next.high || (seed.high === next.high && seed.low < next.low)) return undefined;
      const { high, low } = cut(seed);
      if (high !== seed.high || low !== seed.low) return undefined;
      next = behind(seed);
      seeds.push(seed);
    }
    return new PuncturableKey(seeds);
  }

  /** All seeds: `u8 depth | u64be first leaf | seed`, in the order of leaves. */
  encode(): Uint8Array {
    const bytes = Buffer.alloc(this.#seeds.length * seed_record_bytes);
    this.encodeInto(bytes, 0);
    return bytes;
  }

  /** Writes what {@link encode} gives at a place; gives the place behind it. */
  encodeInto(bytes: Buffer, at: number): number {
    let next = at;
    for (const { depth, high, low, secret } of this.#seeds) {
      next = bytes.writeUInt32BE(low, bytes.writeUInt32BE(high, bytes.writeUInt8(depth, next)));
      bytes.set(secret, next);
      next += seed_bytes;
    }
    return next;
  }

  /** Another key with the same seeds. */
  copy(): PuncturableKey {
    return new PuncturableKey(this.#seeds.map((seed) => ({ ...seed, secret: Uint8Array.from(seed.secret) })));
  }

  /** Overwrites all seeds in memory. */
  wipe(): void {
    this.rest();
    for (const { secret } of this.#seeds) secret.fill(0);
    this.#seeds = [];
  }

  /** Whether the key of a leaf was not forgotten. */
  knows(leaf: Leaf): boolean {
    const { high, low } = words(leaf);
    return this.#covering(high, low) !== undefined;
  }

  /** How many seeds there are: what forgetting costs in space. */
  get seeds(): number {
    return this.#seeds.length;
  }

  /** The key of a leaf, valid until the next call, or `undefined` when it was forgotten. */
  key(leaf: Leaf): Uint8Array | undefined {
    const { high, low } = words(leaf);
    const found = this.#covering(high, low);
    if (found === undefined) return undefined;
    const shared = this.#path.length === 0 ? 0 : sharedBits(high, low, this.#path_high, this.#path_low);
    let depth = found.depth;
    if (this.#path_from === found.depth && shared >= found.depth && this.#path.length > 0) {
      depth = shared;
    } else {
      this.rest();
      this.#path_from = found.depth;
      this.#path[found.depth] = Buffer.from(found.secret);
    }
    for (; depth < depth_max; depth += 1) {
      const above = this.#path[depth];
      assert(above !== undefined, 'a path of seeds has no gap');
      this.#path[depth + 1] = child(above, bitAt(high, low, depth), this.#path[depth + 1]);
    }
    this.#path_high = high;
    this.#path_low = low;
    return this.#path[depth_max];
  }

  /** Forgets one leaf for good. Says whether it was still known. */
  puncture(leaf: Leaf): boolean {
    const { high, low } = words(leaf);
    const found = this.#covering(high, low);
    if (found === undefined) return false;
    const { before, after, last } = beside(found, high, low);
    this.#replace(found, [...before, ...after]);
    last.fill(0);
    return true;
  }

  /** Forgets every leaf of a realm whose index is below that of the given one. */
  puncturePrefix({ realm, index }: Leaf): void {
    if (index === 0) return;
    const from = words({ realm, index: 0 });
    const to = words({ realm, index });
    const at_or_after = (seed: Seed, { high, low }: { high: number; low: number }): boolean => seed.high > high || (seed.high === high && seed.low >= low);
    // Splitting at both ends leaves seeds that lie wholly inside or wholly outside of the range.
    this.#split(from.high, from.low);
    this.#split(to.high, to.low);
    const kept: Seed[] = [];
    for (const seed of this.#seeds) {
      if (at_or_after(seed, from) && !at_or_after(seed, to)) seed.secret.fill(0);
      else kept.push(seed);
    }
    this.#seeds = kept;
    this.rest();
  }

  /** Drops what was only kept to be fast. */
  rest(): void {
    for (const secret of this.#path) secret?.fill(0);
    this.#path = [];
  }

  // Makes the leaf the first one of its seed.
  #split(high: number, low: number): void {
    const found = this.#covering(high, low);
    if (found === undefined || (found.high === high && found.low === low)) return;
    const { before, after, last } = beside(found, high, low);
    const whole: Seed = { depth: depth_max, high, low, secret: last };
    this.#replace(found, [...before, whole, ...after]);
  }

  #replace(seed: Seed, others: readonly Seed[]): void {
    const at = this.#seeds.indexOf(seed);
    this.#seeds.splice(at, 1, ...others);
    seed.secret.fill(0);
    this.rest();
  }

  // The last seed that does not begin after the leaf, if its subtree reaches that far.
  #covering(high: number, low: number): Seed | undefined {
    let from = 0;
    let to = this.#seeds.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const seed = this.#seeds[middle];
      assert(seed !== undefined, 'a search stays inside its list');
      if (seed.high < high || (seed.high === high && seed.low <= low)) from = middle + 1;
      else to = middle;
    }
    const seed = this.#seeds[from - 1];
    return seed !== undefined && sharedBits(high, low, seed.high, seed.low) >= seed.depth ? seed : undefined;
  }
}

/** The seeds beside the path from a seed down to one of its leaves, in order, and the leaf's own. */
function beside(seed: Seed, high: number, low: number): { readonly before: readonly Seed[]; readonly after: readonly Seed[]; readonly last: Uint8Array } {
  const before: Seed[] = [];
  const after: Seed[] = [];
  let { secret } = seed;
  for (let { depth } = seed; depth < depth_max; depth += 1) {
    const bit = bitAt(high, low, depth);
    (bit === 1 ? before : after).push(sibling(depth, high, low, secret));
    const next = child(secret, bit);
    if (secret !== seed.secret) secret.fill(0);
    secret = next;
  }
  return { before, after: after.reverse(), last: secret === seed.secret ? Uint8Array.from(secret) : secret };
}
