import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { bigEndian, concat } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import { decodeGroup, encodeGroup, type Group } from '../../storage/audit-group.ts';
import { suite } from '../harness.ts';
import { code } from './audit-world.ts';

const test = suite('storage/audit-group');

const bytes = (max: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: max }).map((found) => Uint8Array.from(found));
const group: fc.Arbitrary<Group> = fc.array(bytes(60), { minLength: 1, maxLength: 12 }).chain((entries) => fc.record({
  entries: fc.constant(entries),
  boxes: fc.array(fc.record({
    handle: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((found) => Uint8Array.from(found)),
    leaf: fc.record({ realm: fc.nat(0xffff), index: fc.nat() }, { noNullPrototype: true }),
    positions: fc.uniqueArray(fc.nat(entries.length - 1), { minLength: 1 }).map((found) => found.toSorted((a, b) => a - b)),
    sealed: bytes(90),
  }, { noNullPrototype: true }), { maxLength: 4 }),
}, { noNullPrototype: true }));

/** Bytes with the digest that makes them look written. */
const digested = (body: Uint8Array): Uint8Array => concat(body, sha256(body));

function plain({ entries, boxes }: Group): unknown {
  return { entries: entries.map((entry) => [...entry]), boxes: boxes.map(({ handle, leaf, positions, sealed }) => ({ handle: [...handle], leaf, positions, sealed: [...sealed] })) };
}

test('a group comes back from its bytes', () => {
  fc.assert(fc.property(group, (given) => assert.equal(plain(unwrap(decodeGroup(encodeGroup(given)))), plain(given))));
});

test('any changed byte and any cut is noticed', () => {
  fc.assert(fc.property(group, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, where, flip) => {
    const good = Uint8Array.from(encodeGroup(given));
    const at = where % good.length;
    assert.is(code(decodeGroup(good.subarray(0, at))), 'AUDIT_DAMAGED');
    good[at] = (good[at] ?? 0) ^ flip;
    assert.is(code(decodeGroup(good)), 'AUDIT_DAMAGED');
  }));
});

test('whatever stands under a right digest, it is parsed or refused, and what is parsed is a group', () => {
  fc.assert(fc.property(bytes(120), (body) => {
    const decoded = decodeGroup(digested(body));
    if (decoded.ok) assert.equal(encodeGroup(decoded.value), Buffer.from(digested(body)));
  }), { numRuns: 300 });
});

test('boxes that name no entry of the group, or one twice, are refused', () => {
  const with_positions = (...positions: number[]): Uint8Array => encodeGroup({
    entries: [new Uint8Array(3), new Uint8Array(3)], boxes: [{ handle: new Uint8Array(16), leaf: { realm: 0, index: 1 }, positions, sealed: new Uint8Array(40) }],
  });
  assert.is(code(decodeGroup(with_positions(0, 1))), 'ok');
  for (const positions of [[], [2], [0, 0], [1, 0], [0, 65_535]]) assert.is(code(decodeGroup(with_positions(...positions))), 'AUDIT_DAMAGED');
  for (const body of [bigEndian(0, 4), concat(bigEndian(0, 4), bigEndian(0, 4)), concat(bigEndian(0xffff_ffff, 4), bigEndian(0, 4)), new Uint8Array()]) assert.is(code(decodeGroup(digested(body))), 'AUDIT_DAMAGED');
});

test.run();
