import * as assert from 'uvu/assert';
import { compileCondition } from '../../../../node/kernel/policy/compile.ts';
import { Scope, type PolicyRequest } from '../../../../node/kernel/policy/scope.ts';
import { Fault } from '../../../../node/kernel/policy/values.ts';
import { unwrap } from '../../../../crypto/result.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/policy/compile');

const request: PolicyRequest = {
  action: { type: 'export', resource: 'crm', n: 5, tags: ['a', 'b'], note: 'hello world' },
  agent: { id: 'x', trust_score: 500, role: 'analyst' },
  data: { amount: 12.5, nothing: null, empty: '', list: [], text: 'SELECT' },
};

function holds(text: string, strict = false, given: PolicyRequest = request): boolean | 'fault' {
  const value = unwrap(compileCondition(text, { strict })).test(new Scope(given));
  return value instanceof Fault ? 'fault' : value;
}

const table: readonly [string, boolean | 'fault', (boolean | 'fault')?][] = [
  ["action.type == 'export'", true],
  ["action == 'export'", true],
  ["action in ['export', 'send']", true],
  ["action.type not in ['export']", false],
  ["(action.type == 'x' or action.n >= 5) and agent.role != 'guest'", true],
  ["not data.missing", true, 'fault'],
  ['data.missing', false, 'fault'],
  ['data.missing < 5', false, 'fault'],
  ["data.missing == 'x'", false, 'fault'],
  ["data.missing != 'x'", true, 'fault'],
  ['data.missing in [1]', false, 'fault'],
  ['data.missing == null', true, 'fault'],
  ['data.nothing == null', true],
  ['has(data.amount) and not has(data.missing)', true],
  ['data.empty', false, 'fault'],
  ['data.list', false, 'fault'],
  ['action.tags', true, 'fault'],
  ['data.amount', true, 'fault'],
  ["'a' in action.tags", true],
  ["action.tags contains 'b'", true],
  ["action.note contains 'world'", true],
  ["action.note.startsWith('hello')", true],
  ["endsWith(action.note, 'hello')", false],
  ["action.note matches r'^h\\w+ w'", true],
  ['size(action.tags) == 2 and size(action.note) == 11', true],
  ['action.tags[1]', true, 'fault'],
  ["action['type'] == 'export'", true],
  ['action.n * 2 + 1 == 11 and action.n % 2 == 1 and -action.n < 0', true],
  ['action.n == 5.0', true],
  ["action.n == '5'", false],
  ["action.n < '6'", 'fault'],
  ['action.n / 0 > 1', 'fault'],
  ["action.n + 'x' == '5x'", 'fault'],
  ["action.type + '!' == 'export!'", true],
  ["action.n < '6' and false", false],
  ["false and action.n < '6'", false],
  ["action.n < '6' or true", true],
  ["action.n < '6' or false", 'fault'],
  ["not (action.n < '6')", 'fault'],
  ["action.n contains 'x'", 'fault'],
  ["action.constructor", false, 'fault'],
  ["action.__proto__ == null", true, 'fault'],
  ["action.tags.length", false, 'fault'],
  // A part with functions of CEL is absent with what it begins with; leaving out anything else hides nothing.
  ["data.missing.lowerAscii() contains 'secret'", false, 'fault'],
  ["(data.missing + action.note).lowerAscii() contains 'world'", 'fault'],
  ["[data.missing, action.note].join('/') contains 'world'", 'fault'],
  ["action.note.replace('x', data.missing) contains 'world'", 'fault'],
  ["action.note.replace('x', data.nothing) contains 'world'", 'fault'],
  ["'%s'.format([data.missing]) contains 'world'", 'fault'],
  ["(data.missing ? timestamp('2026-01-01T00:00:00Z') : timestamp('2027-01-01T00:00:00Z')) < timestamp('2028-01-01T00:00:00Z')", 'fault'],
  ["timestamp(data.missing) < timestamp('2028-01-01T00:00:00Z')", false, 'fault'],
  ["timestamp(data.missing) == timestamp('2028-01-01T00:00:00Z')", false, 'fault'],
  ["timestamp(data.missing) != timestamp('2028-01-01T00:00:00Z')", true, 'fault'],
  ["type(data.missing) != string", true, 'fault'],
  ["type(data.text) != string", false],
  // Giving null is no way around what forbids.
  ["data.nothing > 100", false, 'fault'],
  ["100 <= data.nothing", false, 'fault'],
  // Every comparison with what is no number would be false.
  ["double('nan') > 100", 'fault'],
  ["not (double('NaN') <= 100)", 'fault'],
  ["double('inf') > 100", 'fault'],
];
for (const [text, plain, strict] of table) {
  test(`${text} is ${plain}${strict === undefined ? '' : `, strictly ${strict}`}`, () => {
    assert.is(holds(text), plain);
    assert.is(holds(text, true), strict ?? plain);
  });
}

test('a trust score below one is read as a share of 1000 on both sides, with a warning', () => {
  const condition = unwrap(compileCondition('agent.trust_score >= 0.57', { strict: false }));
  assert.is(condition.text, 'agent.trust_score >= 570');
  assert.is(condition.warnings.length, 1);
  assert.is(holds('agent.trust_score >= 0.6'), false);
  assert.is(holds('0.5 <= agent.trust_score'), true);
  assert.is(holds('agent.trust_score >= 600', false, { agent: { trust_score: 0.7 } }), true);
  assert.is(holds('agent.trust_score >= 600', false, { agent: { trust_score: 1 } }), false, 'one is one, not everything');
  assert.equal(unwrap(compileCondition('data.share >= 0.6', { strict: false })).warnings, []);
});

test('personal data is looked for in the payload, whatever the payload says of itself', () => {
  assert.is(holds('data.contains_pii', false, { data: { text: 'write to alice@example.com', contains_pii: false } }), true);
  assert.is(holds("data['contains_pii']", false, { data: { deep: [{ mail: 'alice@example.com' }] } }), true);
  assert.is(holds('data.contains_pii', false, { data: { text: 'nothing', contains_pii: true } }), true);
  assert.is(holds('data.contains_pii', false, { action: { type: 'export', body: 'alice@example.com' } }), true);
  assert.is(holds('data.contains_pii', false, { data: 'nothing' }), false);
  assert.is(holds('data.contains_pii', true, {}), 'fault');
});

test('a payload too large to be looked at is a fault', () => {
  assert.is(holds('data.contains_pii', false, { data: 'x'.repeat(1_100_000) }), 'fault');
  assert.is(holds('sql.destructive', false, { data: Array.from({ length: 70_000 }, () => 1) }), 'fault');
});

test('sql and path facets come from the payload', () => {
  const data = { args: ['DROP TABLE users', { path: '/etc/passwd' }] };
  assert.is(holds("sql.destructive and sql.verb == 'DROP' and sql.statements == 1", false, { data }), true);
  assert.is(holds("path.present and not path.within('/workspace')", false, { data }), true);
  assert.is(holds("path.within('/etc', '/workspace')", false, { data }), true);
  assert.is(holds('sql.destructive', true, { data: 'an ordinary text' }), 'fault');
});

test.run();
