import * as assert from 'uvu/assert';
import { unwrap } from '../../../../crypto/result.ts';
import { compileCondition, type CompileOptions } from '../../../../node/kernel/policy/compile.ts';
import { Scope, type PolicyRequest } from '../../../../node/kernel/policy/scope.ts';
import { Fault } from '../../../../node/kernel/policy/values.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/policy/cel');

const policy: CompileOptions = { strict: false };
const strict: CompileOptions = { strict: true };
const cel: CompileOptions = { strict: false, mode: 'cel' };

const request: PolicyRequest = {
  action: { type: 'export', at: '2026-11-22T23:30:00Z', n: 5, path: '/srv/Data', tags: ['prod', 'eu'], items: [{ name: 'a', n: 1 }, { name: 'b', n: 20 }] },
  agent: { trust_score: 500 },
  data: { nothing: null, table: { x: 1, y: 2 }, text: 'SELECT' },
};

function outcome(text: string, options: CompileOptions, given: PolicyRequest = request): boolean | string {
  const value = unwrap(compileCondition(text, options)).test(new Scope(given));
  return value instanceof Fault ? 'fault' : value;
}

/** Conditions of the policy language that only CEL's grammar and functions can say: outcome, and strictly where it differs. */
const in_policy: readonly [string, boolean | 'fault', (boolean | 'fault')?][] = [
  ["action.tags.exists(t, t == 'prod')", true],
  ["action.items.all(i, i.n < 10 or i.name == 'b')", true],
  ["action.items.exists_one(i, i.n > 10)", true],
  ["'b' in action.items.filter(i, i.n > 10).map(i, i.name)", true],
  ["data.table.exists(key, value, key == 'y' and value == 2)", true],
  ["size(data.table.transformMap(key, value, value > 1, value)) == 1", true],
  ["action.items.exists(i, i.missing == 'x')", false, 'fault'],
  ["data.missing.exists(t, t == 'prod')", false, 'fault'],
  ["data.missing.all(t, t == 'prod')", true, 'fault'],
  ["data.text.exists(t, true)", 'fault'],
  ["action.items.exists(i, i.n < 'x' or i.n == 20)", true],
  ["action.items.exists(i, i.n < 'x')", 'fault'],
  ["(action.n > 3 ? 'high' : 'low') == 'high'", true],
  ["action.path.lowerAscii().startsWith('/srv/data')", true],
  ["data.missing.lowerAscii() == 'x'", false, 'fault'],
  ["not (data.missing.lowerAscii() == 'x')", true, 'fault'],
  ["data.nothing.lowerAscii() == 'x'", false, 'fault'],
  ["action.n.lowerAscii() == 'x'", 'fault'],
  ["timestamp(action.at).getHours('+02:00') == 1", true],
  ["timestamp(action.at).getHours('Europe/Berlin') == 0", true],
  ["timestamp(action.at) < timestamp('2026-11-23T00:00:00Z')", true],
  ["timestamp(action.at) + duration('1h') > timestamp('2026-11-23T00:00:00Z')", true],
  ["timestamp(data.missing) < timestamp('2026-11-23T00:00:00Z')", false, 'fault'],
  ["timestamp(data.text) < timestamp('2026-11-23T00:00:00Z')", 'fault'],
  ["action.path.split('/')[1] == 'srv'", true],
  ["int(action.n) % 2 == 1 and math.greatest(action.n, 3) == 5", true],
  ["data.?missing.orValue('none') == 'none'", true],
  ["action.?type.orValue('none') == 'export'", true],
  ["data.?missing == null", true],
  ["has({'a': 1}.a)", true],
  ["cel.bind(first, action.tags[0], first == 'prod' and first.size() == 4)", true],
  ["action.tags.exists(action, action == 'eu')", true],
  ["action.items.exists(agent, agent.n >= 0.5 and agent.n <= 1)", true],
  ["type(action.n) == double and type(action.tags) == list", true],
  ["b'abc' == bytes('abc')", true],
  ["'é😀'.size() == 2 and size('é😀') == 2", true],
  ["[1, 2, 3].exists(x, x == action.n - 3)", true],
  ["{'x': action.n} == {'x': 5}", true],
];
for (const [text, plain, strictly] of in_policy) {
  test(`${text} is ${plain}${strictly === undefined ? '' : `, strictly ${strictly}`}`, () => {
    assert.is(outcome(text, policy), plain);
    assert.is(outcome(text, strict), strictly ?? plain);
  });
}

/** Conditions with CEL's own meaning, where that is not the policy language's. */
const in_cel: readonly [string, boolean | 'fault'][] = [
  ["action.type == 'export'", true],
  ["action == 'export'", false],
  ['agent.trust_score >= 0.6', true],
  ["data.missing == 'x'", 'fault'],
  ["data.missing == 'x' || action.n == 5.0", true],
  ["action.n == 5.0 || data.missing == 'x'", true],
  ["data.missing == 'x' && action.n == 6.0", false],
  ['data.text', 'fault'],
  ['action.n + 1 == 6', 'fault'],
  ['action.n == 5', true],
  ['9223372036854775807 + 1 > 0', 'fault'],
  ['1 / 0 == 0', 'fault'],
  ['1.0 / 0.0 > 0.0', true],
  ['action.missing.exists(x, true)', 'fault'],
  ["data.nothing == null && has(data.nothing) && !has(data.missing)", true],
  ["action.constructor == 1", 'fault'],
  ["has(action.__proto__)", false],
  ["['a'] in [['a']] && {'a': [1u]} == {'a': [1.0]}", true],
  ["path.within('/srv')", true],
  ["duration('90m').getHours() == 1", true],
  ["duration('90m').getHours('+02:00') == 1", 'fault'],
  ["data.contains_pii", false],
];
for (const [text, expected] of in_cel) {
  test(`as CEL, ${text} is ${expected}`, () => assert.is(outcome(text, cel), expected));
}

const long_list = Array.from({ length: 1_000_000 }, (_, index) => index);
const long_text = 'a'.repeat(1_000_000);
const many = Array.from({ length: 20_000 }, () => long_text);
const doubling = (start: string, last: string): string => {
  const names = Array.from({ length: 60 }, (_, index) => `n${index}`);
  return names.reduceRight((inner, name, index) => `cel.bind(${name}, ${index === 0 ? start : `n${index - 1} + n${index - 1}`}, ${inner})`, last);
};
/** Conditions that would cost a host dearly if nobody counted. */
const costly: readonly [string, PolicyRequest][] = [
  ['data.list.all(x, x >= 0)', { data: { list: long_list } }],
  ['data.list.all(x, x >= 0) or true', { data: { list: long_list } }],
  ['size(data.list.map(x, x)) > 0', { data: { list: long_list } }],
  ['data.list.exists(x, data.list.exists(y, x + y < 0))', { data: { list: long_list.slice(0, 2_000) } }],
  ["data.list.exists(x, x.contains('ab'))", { data: { list: many } }],
  ["data.list.exists(x, x.matches('(a+)+b'))", { data: { list: many.map((text) => text.slice(0, 16_000)) } }],
  ["data.list.exists(x, x == data.text)", { data: { list: many, text: `${long_text.slice(1)}b` } }],
  ["data.list.exists(x, x.replace('a', data.text) == '')", { data: { list: ['aaaa'], text: long_text } }],
  ["data.text.replace('a', data.text) == ''", { data: { text: long_text } }],
  ["data.list.join(data.text) == ''", { data: { list: Array.from({ length: 50 }, () => 'x'), text: long_text } }],
  ["lists.range(1000000000000) == []", {}],
  ["'%s%s%s'.format([data.text, data.text, data.text]) == ''", { data: { text: long_text } }],
  [`${Array.from({ length: 300 }, () => 'data.text').join(' + ')} == ''`, { data: { text: long_text.repeat(3) } }],
  [`${Array.from({ length: 300 }, () => 'data.list').join(' + ')} == []`, { data: { list: long_list.slice(0, 50_000) } }],
  [doubling("'aaaaaaaa'", "n59 == 'x'"), {}],
  [doubling('[1, 2]', 'n59 == []'), {}],
  [doubling('[1, 2]', "'%s'.format([n59]) == ''"), {}],
];
for (const [text, given] of costly) {
  test(`${text.slice(0, 60)} ends in a fault at once`, () => {
    for (const options of [policy, cel]) {
      const condition = unwrap(compileCondition(text, options));
      const started = process.hrtime.bigint();
      const value = condition.test(new Scope(given));
      assert.instance(value, Fault);
      assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 3_000);
    }
  });
}

test('a value that is built of itself twice, sixty times, is small and never compared in whole', () => {
  const twice = `${Array.from({ length: 60 }, (_, index) => `cel.bind(n${index}, ${index === 0 ? '[1]' : `[n${index - 1}, n${index - 1}]`}, cel.bind(m${index}, ${index === 0 ? '[1]' : `[m${index - 1}, m${index - 1}]`}, `).join('')}n59 == m59${')'.repeat(120)}`;
  // So deep a condition is refused; half of it is enough to never end.
  assert.is(compileCondition(twice, policy).ok, false);
  const half = `${Array.from({ length: 29 }, (_, index) => `cel.bind(n${index}, ${index === 0 ? '[1]' : `[n${index - 1}, n${index - 1}]`}, cel.bind(m${index}, ${index === 0 ? '[1]' : `[m${index - 1}, m${index - 1}]`}, `).join('')}n28 == m28${')'.repeat(58)}`;
  for (const options of [policy, cel]) assert.is(outcome(half, options), 'fault');
});

test('a condition that spent its budget has a whole one for the next request', () => {
  for (const options of [policy, cel]) {
    const condition = unwrap(compileCondition('data.list.all(x, x >= 0)', options));
    assert.instance(condition.test(new Scope({ data: { list: long_list } })), Fault);
    assert.is(condition.test(new Scope({ data: { list: [1, 2] } })), true);
  }
});

test('one variable does not leak into the next evaluation', () => {
  const condition = unwrap(compileCondition("action.tags.exists(t, t == 'prod')", policy));
  assert.is(condition.test(new Scope(request)), true);
  assert.is(condition.test(new Scope({ action: { tags: [] } })), false);
  assert.is(condition.test(new Scope({ action: { tags: ['eu'] } })), false);
});

test.run();
