import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  bigEndian, compare, concat, equal, fromBase32, fromBase64, fromBase64url, fromBigEndian, fromHex, fromUtf8, toBase32, toBase64, toBase64url, toHex, utf8,
} from '../../crypto/bytes.ts';
import { suite } from '../harness.ts';

const test = suite('crypto/bytes');
const any_bytes = fc.uint8Array({ maxLength: 80 });

const codecs = [
  { name: 'hex', encode: toHex, decode: fromHex },
  { name: 'base64url', encode: toBase64url, decode: fromBase64url },
  { name: 'base64', encode: toBase64, decode: fromBase64 },
  { name: 'base32', encode: toBase32, decode: fromBase32 },
];

for (const { name, encode, decode } of codecs) {
  test(`${name}: what was encoded comes back`, () => {
    fc.assert(fc.property(any_bytes, (bytes) => {
      assert.equal(decode(encode(bytes)), new Uint8Array(bytes));
    }));
  });

  test(`${name}: each byte string has one accepted text`, () => {
    const characters = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789+/-_= \n'.split(''));
    fc.assert(fc.property(fc.string({ unit: characters, maxLength: 12 }), (text) => {
      const bytes = decode(text);
      if (bytes !== undefined) assert.is(encode(bytes), text);
    }), { numRuns: 2000 });
  });
}

test('the test vectors of RFC 4648 section 10 hold', () => {
  for (const [text, base64, base32] of [['', '', ''], ['f', 'Zg==', 'my'], ['fo', 'Zm8=', 'mzxq'], ['foo', 'Zm9v', 'mzxw6'], ['foob', 'Zm9vYg==', 'mzxw6yq'], ['foobar', 'Zm9vYmFy', 'mzxw6ytboi']] as const) {
    assert.is(toBase64(utf8(text)), base64);
    assert.is(toBase32(utf8(text)), base32);
  }
});

test('second spellings are refused: stray tail bits, padding, case, foreign characters', () => {
  assert.is(fromBase64url('Zh'), undefined, 'tail bits are not zero');
  assert.is(fromBase64url('Zg=='), undefined);
  assert.is(fromBase64url('Zm+v'), undefined);
  assert.is(fromBase64('Zg'), undefined);
  assert.is(fromBase32('mz'), undefined, 'tail bits are not zero');
  assert.is(fromBase32('MY'), undefined);
  assert.is(fromHex('AB'), undefined);
  assert.is(fromHex('abc'), undefined);
});

test('UTF-8 that is not well-formed is refused, and a byte order mark is not swallowed', () => {
  assert.is(fromUtf8(Uint8Array.of(0xff)), undefined);
  assert.is(fromUtf8(Uint8Array.of(0xc0, 0x80)), undefined, 'overlong');
  assert.is(fromUtf8(Uint8Array.of(0xed, 0xa0, 0x80)), undefined, 'a surrogate');
  assert.is(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf))?.length, 1);
});

test('big-endian numbers come back, and 2^53 is too much', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (value) => {
    assert.is(fromBigEndian(bigEndian(value, 8)), value);
  }));
  assert.is(fromBigEndian(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0)), undefined);
});

test('comparing is the order of bytes, joining keeps them, and a view is not its buffer', () => {
  fc.assert(fc.property(any_bytes, any_bytes, (a, b) => {
    assert.is(equal(a, b), compare(a, b) === 0);
    assert.is(Math.sign(compare(a, b)), -Math.sign(compare(b, a)) + 0);
    assert.is(toHex(concat(a, b)), toHex(a) + toHex(b));
  }));
  assert.is(toHex(Uint8Array.of(1, 2, 3, 4).subarray(1, 3)), '0203');
});

test.run();
