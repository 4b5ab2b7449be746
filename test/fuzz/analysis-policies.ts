/** Random policies over a small world, and every request of it: shapes for which claims about policies are easily wrong. */
import * as fc from 'fast-check';
import type { Json } from '../../crypto/canonical.ts';
import type { PolicyRequest } from '../../node/kernel/policy/scope.ts';

const values: readonly (Json | undefined)[] = [
  undefined, null, '', 'a', 'b', 'ab', 'ba', 'A', '10', 'é', '\u{1F600}', '\uFFFF', '1h', '2026-01-01T00:00:00Z', 0, -1, 1, 2.5, 500, 1e15, true, false,
  [], ['a'], ['a', 'b'], ['b', 'a'], [1], [null], [['a']], {}, { a: 1 }, { a: null }, { a: 'b' }, { b: 1 },
];
const others: readonly (Json | undefined)[] = [undefined, null, 'a', 1, ['a'], { a: 1 }];

function record(fields: { readonly [name: string]: Json | undefined }): { readonly [name: string]: Json } {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Every request of the world; some have no action or payload, or one that is no object. */
export const requests: readonly PolicyRequest[] = [
  ...values.flatMap((x) => others.map((y): PolicyRequest => ({ action: { type: 'read' }, data: record({ x, y }) }))),
  ...values.map((x): PolicyRequest => ({ action: record({ type: 'read', x, resource: x }), data: { x: { a: x ?? null } } })),
  ...['text', ['a'], null].map((data): PolicyRequest => ({ action: { type: 'read' }, data })),
  { action: { type: 'read' } }, {}, { action: {} }, { action: null }, { action: 'read' },
];

const policy_atoms: readonly string[] = [
  "data.x == 'a'", "data.x != 'a'", 'data.x == null', 'data.x != null', 'data.x', 'not data.x', 'has(data.x)', 'data.y', "data.y == 'a'", 'data', "data == 'text'",
  "data.x < 'b'", "data.x <= 'a'", "data.x > ''", "data.x >= 'ab'", "data.x < 'é'", "data.x > '\u{1F600}'", "data.x >= '\uFFFF'",
  'data.x > 1', 'data.x < 2.5', 'data.x >= 0', 'data.x == 0', 'data.x == true', 'data.x == 1e15', 'data.x < 9007199254740993', '-data.x < 0', 'data.x + 1 > 2', 'data.x % 2 == 0',
  "data.x in ['a', 1, null]", 'data.x in []', "data.x in 'abc'", 'data.x in data.y', "'a' in data.x", '1 in data.x', 'null in data.x', "'' in data.x",
  "contains(data.x, 'a')", "contains(data.x, '')", 'contains(data.x, 1)', "startsWith(data.x, 'a')", "startsWith(data.x, '')", "endsWith(data.x, 'b')", "data.x matches '^a'",
  'data.x == []', "data.x == ['a']", "[data.x] == ['a']", 'data.x == {}', "data.x == {'a': 1}", 'size(data.x) == 0', 'size(data.x) > 1', "data.x[0] == 'a'",
  'data.x.a == 1', 'data.x.a', 'has(data.x.a)', 'data.x == data.y', 'data.x != data.y', 'data.x > data.y', "(data.x ? data.y : data.x == 'b')", "(data.x == 'a' ? true : data.y)",
  "data.x.lowerAscii() == 'a'", "data.x.lowerAscii() != 'a'", "timestamp(data.x) != timestamp('2026-01-01T00:00:00Z')", "duration(data.x) > duration('1m')",
  'type(data.x) != string', 'double(data.x) > 1', "data.x.exists(i, i == 'a')", "data.x.all(i, i == 'a')", "data.?x.orValue('a') == 'a'",
  'data.contains_pii', 'agent.trust_score > 0.5', "action == 'read'", "action.x == 'a'", "path.within('/w')", 'true', 'false',
];
const cel_atoms: readonly string[] = [
  "data.x == 'a'", "data.x != 'a'", 'data.x == null', 'has(data.x)', "data.x < 'b'", "data.x > '\u{1F600}'", "data.x < '\uFFFF'", "data.x >= '\uFFFF'", 'data.x > 1', 'data.x == 1u', 'data.x == -1',
  "data.x in ['a', 1]", "'a' in data.x", "data.x.startsWith('a')", "data.x.contains('')", 'data.x.size() == 1', 'data.x.a == 1', 'has(data.x.a)', 'data.x == data.y', '(data.x ? true : false)',
  "data.?x.orValue('a') == 'a'", 'type(data.x) == string', "data.x.exists(i, i == 'a')", 'data.x < true', '-data.x < 0.0', "data.x < b'a'", 'data.contains_pii', 'true',
];

function conditionOf(atoms: readonly string[]): fc.Arbitrary<string> {
  return fc.array(fc.tuple(fc.constantFrom(...atoms), fc.boolean(), fc.constantFrom('&&', '||')), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.map(([atom, negated, junction], index) => `${index === 0 ? '' : ` ${junction} `}${negated ? '!' : ''}(${atom})`).join(''));
}

/** A policy of a few rules as a document. */
export interface PolicyDocument {
  readonly version: string;
  readonly name: string;
  readonly rules: readonly { readonly name: string; readonly condition: string; readonly action: string }[];
}

function documentsOf(atoms: readonly string[], language: fc.Arbitrary<object>): fc.Arbitrary<PolicyDocument> {
  const rule = fc.record({ condition: conditionOf(atoms), action: fc.constantFrom('allow', 'allow', 'deny', 'require_approval', 'log'), audit: fc.constantFrom(true, false, false) });
  const rules = fc.array(rule, { minLength: 1, maxLength: 4 }).map((each) => each.map((one, index) => ({ name: `rule-${index}`, ...one })));
  const capabilities = fc.constantFrom<object>({}, {}, { capabilities: ['read:a'] }, { capabilities: ['read:a', 'read:b/*'] }, { capabilities: ['*:**'] });
  return fc.tuple(language, rules, capabilities).map(([spoken, written, granted]) => Object.assign({ version: '1.0', name: 'sample', rules: written }, spoken, granted));
}

/** Policies in the policy language, strictly or not, and in CEL. */
export const document: fc.Arbitrary<PolicyDocument> = fc.oneof(
  documentsOf(policy_atoms, fc.constantFrom({}, { strict: true })),
  documentsOf(cel_atoms, fc.constant({ conditions: 'cel' })),
);
