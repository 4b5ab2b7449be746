import { Validator } from '@cfworker/json-schema';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Json } from '../../../crypto/canonical.ts';
import { unwrap } from '../../../crypto/result.ts';
import { compileSchema } from '../../../node/kernel/tools/schema.ts';
import { suite } from '../../harness.ts';

const test = suite('node/kernel/tool-schema');

function fits(schema: Json, value: Json): boolean {
  return unwrap(compileSchema(schema)).problem(value) === undefined;
}

test('each keyword accepts and refuses what the specification says', () => {
  const cases: readonly (readonly [Json, readonly Json[], readonly Json[]])[] = [
    [{ type: 'string' }, ['', 'a'], [1, null, {}, []]],
    [{ type: ['integer', 'null'] }, [1, 1.0, null, -3], [1.5, '1', false]],
    [{ enum: [1, 'a', { b: [2] }] }, [1, 'a', { b: [2] }], [2, 'b', { b: [3] }]],
    [{ const: null }, [null], [0, '', false]],
    [{ type: 'object', required: ['a'], properties: { a: { type: 'number' } }, additionalProperties: false }, [{ a: 1 }], [{}, { a: 'x' }, { a: 1, b: 2 }, { b: 1 }]],
    [{ properties: { a: { minimum: 3 } } }, [{ a: 3 }, {}, 'x', { b: 1 }], [{ a: 2 }]],
    [{ additionalProperties: { type: 'string' }, properties: { n: true } }, [{ n: 1, a: 'x' }], [{ a: 1 }]],
    [{ propertyNames: { pattern: '^[a-z]+$' } }, [{ abc: 1 }], [{ aBc: 1 }]],
    [{ pattern: '^a+$' }, ['aaa', 5], ['b', '']],
    [{ minLength: 2, maxLength: 3 }, ['ab', '\u{1f600}\u{1f600}\u{1f600}'], ['a', 'abcd', '\u{1f600}']],
    [{ multipleOf: 0.1 }, [0.3, 1], [0.35]],
    [{ exclusiveMinimum: 0, exclusiveMaximum: 1 }, [0.5], [0, 1]],
    [{ items: { type: 'number' }, minItems: 1, maxItems: 2, uniqueItems: true }, [[1], [1, 2], 'x'], [[], [1, 2, 3], [1, 1], ['a']]],
    [{ prefixItems: [{ type: 'number' }], items: { type: 'string' } }, [[1, 'a'], [1], []], [['a'], [1, 2]]],
    [{ items: [{ type: 'number' }], additionalItems: false }, [[1], []], [[1, 2], ['a']]],
    [{ contains: { const: 1 }, minContains: 2, maxContains: 3 }, [[1, 1], [1, 2, 1, 1]], [[1], [1, 1, 1, 1], []]],
    [{ anyOf: [{ type: 'string' }, { minimum: 5 }] }, ['a', 7, null], [3]],
    [{ oneOf: [{ minimum: 5 }, { maximum: 10 }] }, [3, 12], [7]],
    [{ allOf: [{ minimum: 5 }, { maximum: 10 }] }, [7], [3, 12]],
    [{ not: { type: 'string' } }, [1], ['a']],
    [JSON.parse('{"if": {"type": "number"}, "then": {"minimum": 5}, "else": {"type": "string"}}'), [5, 'a'], [4, null]],
    [{ dependentRequired: { a: ['b'] } }, [{}, { b: 1 }, { a: 1, b: 1 }], [{ a: 1 }]],
    [{ dependentSchemas: { a: { required: ['b'] } } }, [{}, { a: 1, b: 1 }], [{ a: 1 }]],
    [{ $ref: '#/$defs/x', $defs: { x: { type: 'number' } } }, [1], ['a']],
    [{ type: 'object', properties: { children: { type: 'array', items: { $ref: '#' } } }, additionalProperties: false }, [{ children: [{ children: [] }] }], [{ children: [{ other: 1 }] }]],
    [{ minProperties: 1, maxProperties: 1 }, [{ a: 1 }], [{}, { a: 1, b: 2 }]],
    [{ required: ['constructor', 'toString'] }, [{ constructor: 1, toString: 2 }], [{}]],
  ];
  for (const [schema, good, bad] of cases) {
    for (const value of good) assert.ok(fits(schema, value), `${JSON.stringify(schema)} takes ${JSON.stringify(value)}`);
    for (const value of bad) assert.not.ok(fits(schema, value), `${JSON.stringify(schema)} refuses ${JSON.stringify(value)}`);
  }
});

test('a problem says where it is and what would fit', () => {
  const schema = unwrap(compileSchema({ properties: { orders: { items: { properties: { id: { type: 'integer' } }, required: ['id'] } } } }));
  assert.is(schema.problem({ orders: [{ id: 1 }, { id: 'x' }] }), '/orders/1/id is string, not integer');
  assert.is(schema.problem({ orders: [{}] }), '/orders/0/id is missing');
});

test('a schema that is none, that narrows in a way not known here, or that leads elsewhere is refused', () => {
  const refused: readonly Json[] = [
    null, 5, 'x', [], { type: 'strnig' }, { type: [] }, { type: 5 }, { required: 'a' }, { properties: [] }, { anyOf: [] }, { anyOf: {} }, { enum: 5 }, { minimum: '3' }, { multipleOf: 0 }, { minContains: -1, contains: true }, { pattern: 5 },
    { unevaluatedProperties: false }, { patternProperties: { a: true } }, { $dynamicRef: '#x' }, { dependencies: {} }, { uniqueItems: 1 },
    { $ref: 'https://example.com/schema' }, { $ref: '#/$defs/none' }, { $ref: 'file:///etc/passwd' }, { $ref: '#/%E0%A4%A' }, { $ref: '#/constructor' }, { items: { $ref: 5 } },
    { pattern: '(a)\\1' }, { pattern: '(?=a)' }, { pattern: '(' }, { properties: { a: { pattern: '[' } } },
  ];
  for (const schema of refused) {
    const compiled = compileSchema(schema);
    assert.ok(!compiled.ok && compiled.failure.code === 'TOOL_SCHEMA_REFUSED' && compiled.failure.fix !== undefined, JSON.stringify(schema));
  }
});

test('a hostile schema, and a hostile value, end in time', () => {
  const began = process.cpuUsage();
  const deep = Array.from({ length: 40 }).reduce<Json>((inner) => ({ not: inner }), true);
  assert.not.ok(compileSchema(deep).ok);
  assert.not.ok(compileSchema({ anyOf: Array.from({ length: 3000 }, () => true) }).ok);
  // Four times as many ways at every level: 16 million.
  const levels = Object.fromEntries(Array.from({ length: 13 }, (_, level) => [`l${level}`, level === 12 ? false : { anyOf: Array.from({ length: 4 }, () => ({ $ref: `#/$defs/l${level + 1}` })) }]));
  assert.match(unwrap(compileSchema({ $ref: '#/$defs/l0', $defs: levels })).problem(1) ?? '', /too long/);
  assert.match(unwrap(compileSchema({ $ref: '#' })).problem(1) ?? '', /without end/);
  assert.match(unwrap(compileSchema({ allOf: [{ $ref: '#' }] })).problem(1) ?? '', /without end/);
  assert.match(unwrap(compileSchema({ items: { anyOf: Array.from({ length: 500 }, () => ({ const: 'x' })) } })).problem(Array.from({ length: 10_000 }, (_, index) => index)) ?? '', /./);
  // Exponential for a backtracking engine.
  assert.is(unwrap(compileSchema({ pattern: '^(a+)+$' })).problem(`${'a'.repeat(16_000)}b`), 'it does not match ^(a+)+$');
  unwrap(compileSchema({ uniqueItems: true })).problem(Array.from({ length: 60_000 }, (_, index) => index));
  const { user } = process.cpuUsage(began);
  assert.ok(user < 5_000_000, `${user} µs`);
});

test('no keyword reads a large value a thousand times over', () => {
  const text = 'x'.repeat(1_000_000);
  const wide = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`k${index}`, 1]));
  const long = Array.from({ length: 100_000 }, () => 1);
  const hostile: readonly (readonly [Json, Json])[] = [
    [{ uniqueItems: true }, [text]], [{ not: { enum: [text.slice(0, 10), 1] } }, [text]], [{ minLength: 600_000 }, text], [{ not: { maxLength: 600_000 } }, text], [{ pattern: '^x' }, text.slice(0, 16_000)],
    [{ propertyNames: { maxLength: 9 } }, wide], [{ additionalProperties: true }, wide], [{ minProperties: 1 }, wide], [{ items: true }, long], [{ contains: true }, long], [{ not: { const: 2 } }, wide],
  ];
  for (const [part, value] of hostile) {
    const schema = unwrap(compileSchema({ allOf: Array.from({ length: 1000 }, () => part) }));
    const began = process.cpuUsage();
    assert.match(schema.problem(value) ?? '', /too long/, JSON.stringify(part).slice(0, 80));
    const { user } = process.cpuUsage(began);
    assert.ok(user < 1_000_000, `${JSON.stringify(part).slice(0, 80)}: ${user} µs`);
  }
  const honest = unwrap(compileSchema({ type: 'object', required: ['text', 'rows'], properties: { text: { type: 'string', minLength: 1, maxLength: 2_000_000, not: { const: 'none' } }, rows: { minItems: 1, items: { type: 'integer' } } } }));
  assert.is(honest.problem({ text, rows: long.slice(0, 80_000) }), undefined, 'large and honest');
});

test('another implementation agrees, on random schemas and values', () => {
  const scalar = fc.constantFrom<Json>(null, true, 0, 1, 2.5, -3, '', 'a', 'bb');
  const value = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 })),
  })).value;
  const schema = fc.letrec<{ schema: Json; object: Json }>((tie) => ({
    schema: fc.oneof({ maxDepth: 3, depthSize: 'small' }, fc.boolean(), tie('object')),
    object: fc.record({
      type: fc.constantFrom<Json>('null', 'boolean', 'object', 'array', 'number', 'integer', 'string', ['string', 'number']),
      enum: fc.array(scalar, { minLength: 1, maxLength: 3 }), const: scalar, minimum: fc.integer({ min: -3, max: 3 }), exclusiveMaximum: fc.integer({ min: -3, max: 3 }), multipleOf: fc.constantFrom(1, 2, 0.5),
      minLength: fc.nat(2), maxLength: fc.nat(2), minItems: fc.nat(2), maxItems: fc.nat(2), uniqueItems: fc.boolean(), minProperties: fc.nat(2), maxProperties: fc.nat(2), pattern: fc.constantFrom('^a', 'b$', '.'),
      required: fc.subarray(['a', 'b']), properties: fc.dictionary(fc.constantFrom('a', 'b'), tie('schema'), { maxKeys: 2 }), additionalProperties: tie('schema'), propertyNames: fc.constantFrom<Json>({ maxLength: 1 }, { const: 'a' }, true),
      items: tie('schema'), contains: tie('schema'), anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }), oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }), allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
      not: tie('schema'), ...Object.fromEntries(['if', 'then', 'else'].map((keyword) => [keyword, tie('schema')])), dependentRequired: fc.constantFrom<Json>({ a: ['b'] }, {}),
    }, { requiredKeys: [] }).map((fields): Json => Object.fromEntries(Object.entries(fields).filter(([, given]) => given !== undefined))),
  })).schema;
  let refused = 0;
  fc.assert(fc.property(schema, fc.array(value, { minLength: 1, maxLength: 4 }), (made, values) => {
    const compiled = unwrap(compileSchema(made));
    const other = new Validator(typeof made === 'boolean' ? (made ? {} : { not: {} }) : JSON.parse(JSON.stringify(made)), '2020-12', false);
    for (const one of values) {
      const ours = compiled.problem(one) === undefined;
      if (!ours) refused += 1;
      assert.is(ours, other.validate(one).valid, `${JSON.stringify(made)} on ${JSON.stringify(one)}: ${compiled.problem(one) ?? 'fits'}`);
    }
  }), { numRuns: 1000 });
  assert.ok(refused > 200);
});

test.run();
