/** Random conditions and requests over a small world, so that they meet. */
import * as fc from 'fast-check';
import type { Json } from '../../crypto/canonical.ts';
import type { PolicyRequest } from '../../node/kernel/policy/scope.ts';

/** The roots that random conditions ask for. */
export const roots: readonly string[] = ['action', 'data', 'agent', 'tool_name', 'item'];

const texts = fc.constantFrom('', 'a', 'b', 'ab', 'read', 'export', 'é', '10', "it's", 'nan', '1h', '2026-01-01T00:00:00Z');
const numbers = fc.constantFrom(0, 1, 2, 3, 5, 10, 0.5, 2.5, -1, 1e15, 500);
const leaf: fc.Arbitrary<Json> = fc.oneof(texts, numbers, fc.boolean(), fc.constant(null));
const value: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: leaf },
  { weight: 1, arbitrary: fc.array(leaf, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(fc.constantFrom('a', 'b', 'x', 'odd name'), leaf, { maxKeys: 2, noNullPrototype: true }) },
);
const fields = ['type', 'n', 'tags', 'x', 'text', 'list'] as const;
const object: fc.Arbitrary<Json> = fc.dictionary(fc.constantFrom(...fields), value, { maxKeys: 6, noNullPrototype: true });

/** A request whose attributes may be anything, or missing. */
export const request: fc.Arbitrary<PolicyRequest> = fc.record({
  action: fc.oneof({ weight: 8, arbitrary: object }, { weight: 1, arbitrary: leaf }),
  data: fc.oneof({ weight: 8, arbitrary: object }, { weight: 1, arbitrary: value }),
  agent: fc.record({ trust_score: fc.constantFrom<Json>(0, 300, 500, 900, 'high', null), role: texts }, { requiredKeys: [], noNullPrototype: true }),
  tool_name: value,
}, { requiredKeys: [], noNullPrototype: true });

const attribute = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('action', 'data'), fc.constantFrom(...fields, 'missing')).map(([root, field]) => `${root}.${field}`) },
  { weight: 1, arbitrary: fc.constantFrom('agent.trust_score', 'agent.role', 'tool_name', 'action.x.a', "data.x['odd name']", 'data.list[0]', 'data.tags[1]', 'data', 'nothing.here') },
);
const comparison = fc.constantFrom('==', '!=', '<', '>=');
const field = attribute.filter((text) => /^(?:action|data|agent)\.\w+$/.test(text));
const quoted = texts.map((text) => JSON.stringify(text));
const patterns = fc.constantFrom("'^a'", "'b$'", "r'\\d+'", "'(?i)READ'", "'[a-c]+'", "'a|b'");
const literal = fc.oneof(quoted, numbers.map(String), fc.constantFrom('true', 'false', 'null', '[]', "['a', 'read']", '[1, 2, null]', '{}', "{'a': 1}"));

/** A condition of the policy language, of any operators over any attributes. */
export const policyCondition: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => {
  const both = fc.tuple(tie('node'), tie('node'));
  return {
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof({ weight: 3, arbitrary: attribute }, { weight: 1, arbitrary: literal }, { weight: 1, arbitrary: fc.constant('item') }),
      fc.tuple(fc.constantFrom('and', 'or', '==', '!=', '<', '<=', '>', '>=', 'in', 'not in', '+', '-', '*', '/', '%', 'contains', 'startsWith', 'endsWith'), both)
        .map(([operator, [left, right]]) => `(${left} ${operator} ${right})`),
      tie('node').map((inner) => `(not ${inner})`),
      tie('node').map((inner) => `(-${inner})`),
      tie('node').map((inner) => `size(${inner})`),
      fc.tuple(tie('node'), patterns).map(([subject, pattern]) => `(${subject} matches ${pattern})`),
      field.map((text) => `has(${text})`),
      fc.tuple(tie('node'), both).map(([condition, [then, otherwise]]) => `(${condition} ? ${then} : ${otherwise})`),
      both.map(([whole, at]) => `(${whole})[${at}]`),
      fc.array(tie('node'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
      fc.tuple(tie('node'), fc.constantFrom('all', 'exists', 'exists_one', 'filter', 'map'), tie('node')).map(([range, macro, body]) => `(${range}).${macro}(item, ${body})`),
      fc.tuple(field, fc.constantFrom('lowerAscii()', 'upperAscii()', "split('a')", "replace('a', 'b')", "indexOf('b')", 'trim()'))
        .map(([subject, call]) => `${subject}.${call}`),
      // Parts that only CEL has, up to where they are JSON again.
      fc.tuple(fc.constantFrom('timestamp', 'type'), field, comparison, fc.constantFrom("timestamp('2026-01-01T00:00:00Z')", "duration('1h')", 'type(1)'))
        .map(([name, subject, operator, other]) => `(${name}(${subject}) ${operator} ${other})`),
      fc.tuple(field, field, fc.constantFrom('lowerAscii()', 'trim()')).map(([left, right, call]) => `(${left} + ${right}).${call}`),
      fc.tuple(field, field).map(([left, right]) => `[${left}, ${right}].join('/')`),
      fc.tuple(field, field).map(([subject, by]) => `${subject}.replace('a', ${by})`),
    ),
  };
}).node;

const cel_literal = fc.constantFrom(
  '0', '1', '2', '-3', '7', '9223372036854775807', '-9223372036854775808', '1u', '2u', '18446744073709551615u', '0.0', '1.0', '2.5', '-1e3', "'a'", "'ab'", "'12'", "'-7'", "'1.5'",
  "b'a'", 'true', 'false', 'null', '[]', '[1, 2, 3]', "['a', 'b']", '[1, 2.0, 3u]', '{}', "{'a': 1}", '{1: true, 2u: false}', "timestamp('2024-02-29T23:59:59.5Z')",
  "duration('90m')", "duration('-1.5s')", 'int', 'string', "double('1.5')", 'double(7)', 'double(2u)',
);
const cel_key = fc.constantFrom('1', '2u', '0', 'true', "'a'", "'b'");
const cel_functions = ['int', 'uint', 'string', 'bool', 'bytes', 'type', 'dyn', 'size', 'timestamp', 'duration'] as const;
const receivers = ['size()', 'getFullYear()', "getHours('+02:00')", 'getDayOfYear()', 'getMinutes()', 'getMilliseconds()', "contains('a')", "startsWith('a')", "matches('^[a-c]+$')"] as const;

/** A condition of CEL itself: well typed only by chance, so that errors meet errors too.
 *  Where the other engine departs from the specification nothing is made: a sign or `!`
 *  before another cancels it there, a truth is an index, a double a key, null no field,
 *  the double of a word not an error, and a number of seconds without bounds a timestamp. */
export const celCondition: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => {
  const both = fc.tuple(tie('node'), tie('node'));
  return {
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof({ weight: 3, arbitrary: cel_literal }, { weight: 1, arbitrary: attribute }, { weight: 1, arbitrary: fc.constant('item') }),
      fc.tuple(fc.constantFrom('&&', '||', '==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%'), both).map(([operator, [left, right]]) => `(${left} ${operator} ${right})`),
      tie('node').map((inner) => `!dyn(${inner})`),
      tie('node').map((inner) => `-dyn(${inner})`),
      fc.tuple(fc.constantFrom(...cel_functions), tie('node')).map(([name, argument]) => `${name}(${argument})`),
      fc.tuple(tie('node'), fc.constantFrom(...receivers)).map(([receiver, call]) => `(${receiver}).${call}`),
      fc.tuple(tie('node'), both).map(([condition, [then, otherwise]]) => `(${condition} ? ${then} : ${otherwise})`),
      fc.tuple(tie('node'), fc.constantFrom('0', '1', '-1', '1u', '1.0', '1.5', "'a'", "'x'")).map(([whole, at]) => `(${whole})[${at}]`),
      field.map((text) => `has(${text})`),
      fc.array(tie('node'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
      fc.tuple(cel_key, tie('node')).map(([key, inner]) => `{${key}: ${inner}}`),
      fc.tuple(cel_key, tie('node')).map(([key, inner]) => `(${key} in ${inner})`),
      fc.tuple(tie('node'), fc.constantFrom('all', 'exists', 'exists_one', 'filter', 'map'), tie('node')).map(([range, macro, body]) => `(${range}).${macro}(item, ${body})`),
    ),
  };
}).node.filter((text) => !/timestamp\([^')]*\d{15}/.test(text));
