import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import canonicalize from 'canonicalize';
import { toHex, utf8 } from '../../../crypto/bytes.ts';
import { sha256 } from '../../../crypto/hash.ts';
import { unwrap } from '../../../crypto/result.ts';
import { hashedSnapshot, hashOf, snapshot } from '../../../node/kernel/snapshot.ts';
import { suite } from '../../harness.ts';

const test = suite('node/kernel/snapshot');

test('JSON stays as it is, and is a copy', () => {
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: true }), (value) => {
    const copied = unwrap(snapshot(value));
    assert.equal(JSON.stringify(copied), JSON.stringify(value));
    const hashed = unwrap(hashedSnapshot(value));
    assert.equal(hashed.value, copied);
    assert.is(hashed.hash, toHex(sha256(utf8(canonicalize(value) ?? ''))));
    assert.is(hashOf(copied), hashed.hash);
    if (typeof value === 'object' && value !== null) assert.is.not(copied, value);
  }));
});

test('the hash is of the canonical form, in whatever order the names stand, and no name becomes a prototype', () => {
  const text = '{"10":0,"9":0,"A":null,"__proto__":{"admin":true},"z":{"a":2,"b":1}}';
  const { value, hash } = unwrap(hashedSnapshot(JSON.parse('{"z":{"b":1,"a":2},"__proto__":{"admin":true},"10":0,"9":0,"A":null}')));
  assert.is(hash, toHex(sha256(utf8(text))));
  assert.equal(Object.keys(value ?? {}), ['9', '10', 'z', '__proto__', 'A']);
  assert.is(Object.getPrototypeOf(value), Object.prototype);
  for (const [given, ordered] of [[{ ab: 1, aa: 2 }, '{"aa":2,"ab":1}'], [{ 9: 1, 10: 2 }, '{"10":2,"9":1}'], [{ a: 1, '': 2, 1: 3 }, '{"":2,"1":3,"a":1}']] as const) {
    assert.is(unwrap(hashedSnapshot(given)).hash, toHex(sha256(utf8(ordered))));
  }
  const [plain, absent] = [{ a: 1, b: { d: 2 } }, { b: { c: undefined, d: 2 }, a: 1, z: undefined }].map((given) => unwrap(hashedSnapshot(given)).hash);
  assert.is(absent, plain);
  assert.is(unwrap(hashedSnapshot({ '\ud800': '\ud800' })).hash, unwrap(hashedSnapshot({ '\ufffd': '\ufffd' })).hash);
  assert.is(unwrap(hashedSnapshot({ text: '\\ud800 "\n\u2028é😀' })).hash, toHex(sha256(utf8('{"text":"\\\\ud800 \\"\\n\u2028é😀"}'))));
});

test('what the code of this process adds to every object is in no copy', () => {
  const inherited_by_all: object = Object.getPrototypeOf({});
  const expected = [{}, { a: 1, c: { d: 2 } }].map((given) => unwrap(hashedSnapshot(given)));
  try {
    Object.defineProperty(inherited_by_all, 'b', { value: { x: 1 }, configurable: true, enumerable: true, writable: true });
    const found = [{}, { a: 1, c: { d: 2 } }].map((given) => unwrap(hashedSnapshot(given)));
    assert.equal(found.map(({ hash }) => hash), expected.map(({ hash }) => hash));
    assert.equal(found.map(({ value }) => Object.keys(value ?? {})), [[], ['a', 'c']]);
  } finally {
    Reflect.deleteProperty(inherited_by_all, 'b');
  }
});

test('a payload is refused at the same bounds in whatever order its names stand', () => {
  const wide = (first: object): object => ({ ...first, ...Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`name-${index}`, 1])) });
  for (const value of [wide({}), wide({ z: undefined }), { a: 'x'.repeat(600_000), b: undefined }, { b: 'x'.repeat(600_000), a: undefined }]) assert.ok(snapshot(value).ok);
});

test('anything else has a form that shows its text, or fails; it never throws', () => {
  assert.equal(unwrap(snapshot([undefined, 1n, NaN, Infinity, Symbol('s'), new Date(0), new URL('http://x/'), new Set([1]), new Map([['k', 1]]), new TypeError('t')])), [
    null, '1', 'NaN', 'Infinity', '[symbol s]', '1970-01-01T00:00:00.000Z', 'http://x/', [1], [['k', 1]], { name: 'TypeError', message: 't' },
  ]);
  assert.equal(unwrap(snapshot({ sql: Buffer.from('DROP TABLE t'), raw: Uint8Array.of(255) })), {
    sql: 'DROP TABLE t', raw: { bytes: 1, sha256: 'a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89' },
  });
  const shared_bytes = new SharedArrayBuffer(3);
  new Uint8Array(shared_bytes).set(Buffer.from('sql'));
  const boxed: readonly object[] = [Object('DROP TABLE t'), Object(1), Object(true)];
  assert.equal(unwrap(snapshot([...boxed, shared_bytes])), ['DROP TABLE t', 1, true, 'sql'], 'nothing hides in a box');
  class Statement {
    readonly text = 'x';
    toString(): string {
      return 'DROP TABLE t';
    }
  }
  assert.equal(unwrap(snapshot([new Statement(), new URLSearchParams({ a: '1' })])), [[{ text: 'x' }, 'DROP TABLE t'], [{}, 'a=1']], 'what an object says that it is counts too');
  assert.equal(unwrap(snapshot(function named() {})), '[function named]');
  assert.is(unwrap(snapshot('\ud800')), '\ufffd');
  fc.assert(fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withObjectString: true, withSparseArray: true, withNullPrototype: true }), (value) => {
    const copied = snapshot(value);
    if (copied.ok) assert.match(hashOf(copied.value), /^[0-9a-f]{64}$/);
    else assert.is(copied.failure.code, 'CALL_INVALID');
  }), { numRuns: 1_000 });
});

test('what is too large, too deep, cyclic or hostile fails', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  let deep: unknown = 1;
  for (let level = 0; level < 1_000; level += 1) deep = [deep];
  const hostile = { get x(): never {
    throw new Error('gotcha');
  } };
  for (const value of [cycle, deep, hostile, 'x'.repeat(1_100_000), Array.from({ length: 70_000 }, () => 0), Buffer.alloc(2_000_000), { ['k'.repeat(1_100_000)]: 1 }]) {
    const copied = snapshot(value);
    assert.is(copied.ok ? 'copied' : copied.failure.code, 'CALL_INVALID');
  }
  const shared = { a: 1 };
  assert.equal(unwrap(snapshot([shared, shared])), [shared, shared]);
});

test.run();
