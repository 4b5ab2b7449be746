import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { canonicalJson, cbor_depth_max, cbor_values_max, decodeCbor, encodeCbor, hasShape, isWhole, json_depth_max, json_values_max, parseCanonicalJson } from '../../crypto/canonical.ts';
import { suite } from '../harness.ts';
import { vector, vectorFiles, vectorText, withVectors } from '../vectors.ts';

const test = suite('crypto/canonical');

function codeOf(text: string): string {
  const parsed = parseCanonicalJson(utf8(text));
  return parsed.ok ? 'accepted' : parsed.failure.code;
}

withVectors(test, 'identity/jcs/testdata', 'the published inputs of RFC 8785 give the published outputs, and only those are accepted', () => {
  const inputs = vectorFiles('identity/jcs/testdata').filter((path) => path.includes('/input/') && path.endsWith('.json'));
  assert.is(inputs.length, 6);
  for (const path of inputs) {
    const output = path.replace('/input/', '/output/');
    assert.is(canonicalJson(JSON.parse(vectorText(path))), fromUtf8(vector(output)), path);
    assert.is(codeOf(vectorText(output)), 'accepted', path);
  }
});

test('every JSON value that we write is accepted again as the same value', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = canonicalJson(value);
    const parsed = parseCanonicalJson(utf8(text));
    assert.ok(parsed.ok);
    if (parsed.ok) assert.is(canonicalJson(parsed.value), text);
  }));
});

test('what JSON cannot carry has no canonical form, wherever it stands', () => {
  for (const value of [Number.NaN, Infinity, '\ud800']) {
    for (const nested of [value, [value], { a: value }, { b: [{ a: value }], a: 1 }]) assert.throws(() => canonicalJson(nested));
  }
  assert.throws(() => canonicalJson(undefined));
  assert.is(canonicalJson({ b: { d: undefined, c: [undefined] }, a: '\\ud800' }), '{"a":"\\\\ud800","b":{"c":[null]}}');
});

test('other spellings of one value are refused', () => {
  for (const text of ['{"b":1,"a":2}', '{"a":1,"a":1}', '{ "a":1}', '{"a":1.0}', '{"a":1e0}', '-0', '"\\u0041"', '"\\/"', '[1,]', '\ufeff{}', '1e400', '"\\ud800"', '{"a":1}\n', 'NaN']) {
    assert.not.equal(codeOf(text), 'accepted', text);
  }
  assert.is(codeOf('{"a":1,"a":1}'), 'JSON_NOT_CANONICAL');
  assert.is(codeOf('{'), 'JSON_INVALID');
  const no_text = parseCanonicalJson(Uint8Array.of(0x22, 0xff, 0x22));
  assert.is(no_text.ok ? '' : no_text.failure.code, 'JSON_INVALID');
});

test('nesting without end is refused, not thrown', () => {
  const depth = 200_000;
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
  assert.is(codeOf(nested(depth)), 'JSON_INVALID');
  assert.is(codeOf(nested(json_depth_max + 1)), 'JSON_INVALID');
  assert.is(codeOf(nested(json_depth_max)), 'accepted');
  const decoded = decodeCbor(new Uint8Array(depth).fill(0x81));
  assert.is(decoded.ok ? '' : decoded.failure.code, 'CBOR_INVALID');
});

test('many tiny values are refused before they are parsed, and as many as are allowed are not', () => {
  const numbers = (count: number): string => `[${Array.from({ length: count }, () => '1').join(',')}]`;
  assert.is(codeOf(numbers(json_values_max)), 'accepted');
  assert.is(codeOf(numbers(json_values_max + 1)), 'JSON_INVALID');
  assert.is(codeOf(JSON.stringify(',:[{\\"'.repeat(json_values_max))), 'accepted', 'marks in a text are no values');
  const list = encodeCbor(Array.from({ length: cbor_values_max - 1 }, () => Uint8Array.of(1)));
  assert.is(decodeCbor(list).ok, true);
  const longer = decodeCbor(encodeCbor(Array.from({ length: cbor_values_max }, () => Uint8Array.of(1))));
  assert.is(longer.ok ? '' : longer.failure.reason, `more than ${cbor_values_max} values`);
  const nested = (levels: number): Uint8Array => Uint8Array.from({ length: levels + 1 }, (_, index) => (index === levels ? 0x80 : 0x81));
  assert.is(decodeCbor(nested(cbor_depth_max)).ok, true);
  assert.is(decodeCbor(nested(cbor_depth_max + 1)).ok, false);
  // A list beside a deep one is not deeper for it.
  assert.is(decodeCbor(encodeCbor(Array.from({ length: 200 }, () => [[[1]]]))).ok, true);
});

test('names that are numbers, and what looks like a lone surrogate, have their RFC 8785 form too', () => {
  for (const text of ['{"1":1,"10":2,"2":3}', '{"":1,"0":2,"a":3}', '{"a":"\\\\ud800"}', '{"_":{"10":1,"9":2}}']) assert.is(codeOf(text), 'accepted', text);
  for (const text of ['{"1":1,"2":3,"10":2}', '{"a":3,"0":2}', '{"a":"\\ud800"}', '{"b":1,"a":{"0":1}}', '[{"b":1,"a":1}]']) assert.is(codeOf(text), 'JSON_NOT_CANONICAL', text);
});

test('CBOR comes back, and everything but its deterministic form is refused', () => {
  const bytes = encodeCbor({ b: [1, null, true], a: Uint8Array.of(1) });
  assert.equal(decodeCbor(bytes), { ok: true, value: { b: [1, null, true], a: Uint8Array.of(1) } });
  const refused: readonly (readonly [string, readonly number[]])[] = [
    ['a number longer than needed', [0x18, 0x01]],
    ['keys out of order', [0xa2, 0x61, 0x62, 0x01, 0x61, 0x61, 0x02]],
    ['a key twice', [0xa2, 0x61, 0x61, 0x01, 0x61, 0x61, 0x02]],
    ['indefinite length', [0x9f, 0x01, 0xff]],
    ['a float in 16 bits', [0xf9, 0x3c, 0x00]],
    ['undefined', [0xf7]],
    ['bytes left over', [0x01, 0x01]],
    ['bytes missing', [0x42, 0x01]],
    ['nothing', []],
  ];
  for (const [what, encoded] of refused) assert.not.ok(decodeCbor(Uint8Array.from(encoded)).ok, what);
});

test('hostile bytes never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    const decoded = decodeCbor(bytes);
    if (decoded.ok) assert.equal(encodeCbor(decoded.value), new Uint8Array(bytes));
    parseCanonicalJson(bytes);
  }), { numRuns: 1000 });
});

test('a shape has all its fields and no others, inherited ones not counted', () => {
  assert.is(hasShape({ a: 1 }, ['a']), true);
  assert.is(hasShape({ a: 1, b: 2 }, ['a']), false);
  assert.is(hasShape({ a: 1, b: 2 }, ['a'], ['b']), true);
  assert.is(hasShape({}, ['a']), false);
  assert.is(hasShape({}, ['toString']), false);
  assert.is(hasShape(JSON.parse('{"__proto__":1,"a":1}'), ['a']), false);
  for (const value of [null, [], 'a', 1, new Uint8Array(1), undefined]) assert.is(hasShape(value, []), false);
  for (const value of [-1, 0.5, 2 ** 53, Number.NaN, '1', null]) assert.is(isWhole(value), false);
  assert.is(isWhole(2 ** 53 - 1), true);
});

test.run();
