import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { concat, equal, toHex } from '../../crypto/bytes.ts';
import { decodeLeaf, encodeLeaf, leaf_index_max, PuncturableKey, type Leaf } from '../../storage/puncturable-key.ts';
import { suite } from '../harness.ts';

const test = suite('storage/puncturable-key');

const secret = new Uint8Array(32).fill(9);

/** The key of a leaf as the definition says it: 64 hashes from the root, one a bit, nothing kept. */
function byDefinition(leaf: Leaf): string {
  const bits = [...encodeLeaf(leaf)].flatMap((byte) => Array.from({ length: 8 }, (_, at) => (byte >>> (7 - at)) & 1));
  let seed: Uint8Array = secret;
  for (const bit of bits) seed = createHash('sha256').update(concat(seed, Uint8Array.of(bit))).digest();
  return toHex(seed);
}

const keyAt = (key: PuncturableKey, leaf: Leaf): string | undefined => {
  const found = key.key(leaf);
  return found === undefined ? undefined : toHex(found);
};

// Near each other and near the ends, where paths part late or at once.
const index = fc.oneof(fc.nat(40), fc.integer({ min: 2 ** 32 - 20, max: 2 ** 32 + 20 }), fc.integer({ min: leaf_index_max - 20, max: leaf_index_max }), fc.maxSafeNat().map((n) => n % 2 ** 48));
const leaf = fc.record({ realm: fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xffff), index }, { noNullPrototype: true });

test('every leaf has the key that the tree of hashes gives, in whatever order they are asked for', () => {
  fc.assert(fc.property(fc.array(leaf, { maxLength: 12 }), (leaves) => {
    const key = PuncturableKey.fresh(secret);
    for (const each of leaves) assert.is(keyAt(key, each), byDefinition(each));
  }), { numRuns: 60 });
});

test('a punctured leaf has no key any more, and every other leaf keeps its own', () => {
  fc.assert(fc.property(fc.array(leaf, { minLength: 1, maxLength: 10 }), fc.array(leaf, { maxLength: 10 }), (punctured, others) => {
    const key = PuncturableKey.fresh(secret);
    const gone = new Set<string>();
    for (const each of punctured) {
      keyAt(key, each);
      const name = toHex(encodeLeaf(each));
      assert.is(key.puncture(each), !gone.has(name));
      gone.add(name);
      assert.is(key.knows(each), false);
    }
    for (const each of [...others, ...punctured]) {
      assert.is(keyAt(key, each), gone.has(toHex(encodeLeaf(each))) ? undefined : byDefinition(each));
    }
  }), { numRuns: 80 });
});

test('a punctured prefix takes every index below the line, in its realm alone', () => {
  fc.assert(fc.property(leaf, fc.array(leaf, { maxLength: 12 }), fc.array(leaf, { maxLength: 3 }), (line, asked, punctured) => {
    const key = PuncturableKey.fresh(secret);
    for (const each of punctured) key.puncture(each);
    key.puncturePrefix(line);
    const near = [line.index - 1, line.index, line.index + 1].filter((at) => at >= 0 && at <= leaf_index_max).map((at) => ({ realm: line.realm, index: at }));
    for (const each of [...asked, ...near, ...punctured]) {
      const gone = (each.realm === line.realm && each.index < line.index) || punctured.some((one) => equal(encodeLeaf(one), encodeLeaf(each)));
      assert.is(keyAt(key, each), gone ? undefined : byDefinition(each));
    }
  }), { numRuns: 80 });
});

test('no seed above a punctured leaf and no key of it is in what is kept', () => {
  const key = PuncturableKey.fresh(secret);
  const leaf = { realm: 3, index: 1_000_000 };
  const above: string[] = [toHex(secret)];
  let seed: Uint8Array = secret;
  for (const byte of encodeLeaf(leaf)) {
    for (let at = 7; at >= 0; at -= 1) {
      seed = createHash('sha256').update(concat(seed, Uint8Array.of((byte >>> at) & 1))).digest();
      above.push(toHex(seed));
    }
  }
  assert.ok(toHex(key.encode()).includes(toHex(secret)));
  key.puncture(leaf);
  const kept = toHex(key.encode());
  assert.is(above.length, 65);
  for (const each of above) assert.not.ok(kept.includes(each));
  assert.is(key.seeds, 64);
});

test('seeds come back from their bytes, copies are apart, and a wiped key knows nothing', () => {
  fc.assert(fc.property(fc.array(leaf, { maxLength: 6 }), leaf, (punctured, asked) => {
    const key = PuncturableKey.fresh(secret);
    for (const each of punctured) key.puncture(each);
    const again = PuncturableKey.decode(key.encode());
    const copy = key.copy();
    const expected = keyAt(key, asked);
    assert.is(again === undefined ? 'refused' : keyAt(again, asked), expected);
    copy.puncture(asked);
    assert.is(keyAt(key, asked), expected);
    key.wipe();
    assert.is(keyAt(key, asked), undefined);
  }), { numRuns: 50 });
});

test('bytes that are no set of seeds in order are refused', () => {
  const key = PuncturableKey.fresh(secret);
  key.puncture({ realm: 0, index: 5 });
  const good = key.encode();
  assert.ok(PuncturableKey.decode(good));
  const record = 41;
  const swapped = concat(good.subarray(record, 2 * record), good.subarray(0, record), good.subarray(2 * record));
  const deep = Uint8Array.from(good);
  deep[0] = 65;
  const crooked = Uint8Array.from(good);
  crooked[0] = 1;
  crooked[8] = 1;
  for (const bad of [good.subarray(1), good.subarray(0, -1), swapped, deep, crooked, concat(good, good)]) assert.is(PuncturableKey.decode(bad), undefined);
  assert.is(PuncturableKey.decode(new Uint8Array())?.seeds, 0);
});

test('neighbours in turn cost few hashes and few seeds', () => {
  const key = PuncturableKey.fresh(secret);
  for (let at = 0; at < 1000; at += 1) assert.ok(key.puncture({ realm: 0, index: at }));
  assert.ok(key.seeds <= 64, `${key.seeds} seeds`);
  for (let at = 2000; at < 4000; at += 2) key.puncture({ realm: 0, index: at });
  assert.ok(key.seeds <= 64 + 1000 + 64, `${key.seeds} seeds`);
});

test('the names of leaves sort as leaves do', () => {
  fc.assert(fc.property(leaf, leaf, (one, other) => {
    const order = Math.sign(Buffer.compare(encodeLeaf(one), encodeLeaf(other)));
    assert.is(order, Math.sign(one.realm - other.realm) || Math.sign(one.index - other.index));
    assert.equal(decodeLeaf(encodeLeaf(one)), one);
  }));
});

test.run();
