import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { unwrap } from '../../../crypto/result.ts';
import { hashOf, snapshot } from '../../../node/kernel/snapshot.ts';
import { suite } from '../../harness.ts';

const test = suite('node/kernel/snapshot');

test('JSON stays as it is, and is a copy', () => {
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: true }), (value) => {
    const copied = unwrap(snapshot(value));
    assert.equal(JSON.stringify(copied), JSON.stringify(value));
    if (typeof value === 'object' && value !== null) assert.is.not(copied, value);
  }));
});

test('anything else has a form that shows its text, or fails; it never throws', () => {
  assert.equal(unwrap(snapshot([undefined, 1n, NaN, Infinity, Symbol('s'), new Date(0), new URL('http://x/'), new Set([1]), new Map([['k', 1]]), new TypeError('t')])), [
    null, '1', 'NaN', 'Infinity', '[symbol s]', '1970-01-01T00:00:00.000Z', 'http://x/', [1], [['k', 1]], { name: 'TypeError', message: 't' },
  ]);
  assert.equal(unwrap(snapshot({ sql: Buffer.from('DROP TABLE t'), raw: Uint8Array.of(255) })), {
    sql: 'DROP TABLE t', raw: { bytes: 1, sha256: 'a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89' },
  });
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
