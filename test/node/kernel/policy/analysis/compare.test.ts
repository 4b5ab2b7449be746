import * as assert from 'uvu/assert';
import { behaviourOf, comparePolicies, narrows, type Difference } from '../../../../../node/kernel/policy/analysis/compare.ts';
import type { CompiledPolicy } from '../../../../../node/kernel/policy/policy.ts';
import { memberOf } from '../../../../../node/kernel/policy/values.ts';
import { suite } from '../../../../harness.ts';
import { policyOf } from './world.ts';

const test = suite('node/kernel/policy/analysis/compare');
const open = { name: 'open', condition: 'true', action: 'allow' };
const deny = (condition: string, name: string = 'no'): object => ({ name, condition, action: 'deny' });
const limit = (condition: string, rate: string, name: string = 'rate'): object => ({ name, condition, limit: rate });

function change({ old, new: next }: Difference): string {
  return `${old.effect} → ${next.effect}`;
}

test('conditions that say the same in other words are equal', () => {
  const same: readonly (readonly [string, string])[] = [
    ["action.type == 'a' and not data.contains_pii", "not (action.type != 'a' or data.contains_pii)"],
    ["action.type in ['a', 'b']", "action.type == 'b' or action.type == 'a'"],
    ['agent.trust_score >= 500', 'not (agent.trust_score < 500) and has(agent.trust_score)'],
    ["startsWith(action.resource, '/a') and startsWith(action.resource, '/a/b')", "startsWith(action.resource, '/a/b')"],
    ["data.a == data.b or action.type == 'x'", "'x' == action.type or data.b == data.a"],
    ['sql.destructive', 'sql.destructive == true'],
    ["action.type == 'x' ? data.contains_pii : false", "action.type == 'x' and data.contains_pii"],
    ["'a' in agent.roles or 'b' in agent.roles", "not (not ('b' in agent.roles) and not ('a' in agent.roles))"],
  ];
  for (const [one, other] of same) {
    const { answer, differences } = comparePolicies(policyOf([{ name: 'a', condition: one, action: 'allow' }]), policyOf([{ name: 'b', condition: other, action: 'allow' }]));
    assert.equal([answer, differences], ['equal', []], `${one} | ${other}`);
  }
});

test('conditions that differ for a single kind of value are told apart', () => {
  const different: readonly (readonly [string, string])[] = [
    ['data.n < -5', 'data.n < -6'], ['data.n == 5', 'data.n == 6'], ['data.n > 5', 'data.n >= 5'], ['data.n < 5', 'data.n < 5.5'], ['data.n', 'data.n == true'],
    ['data.n == 0', 'not data.n'], ["data.n == ''", 'not data.n'], ['data.n == []', 'not data.n'], ['data.n != 1', 'data.n < 1 or data.n > 1'], ["data.n < 'a'", "data.n < 'b'"],
  ];
  for (const [one, other] of different) {
    const { answer, complete } = comparePolicies(policyOf([open, deny(one)]), policyOf([open, deny(other)]));
    assert.equal([answer, complete], ['different', true], `${one} | ${other}`);
  }
});

test('each kind of change is shown by the smallest request that shows it', () => {
  const old = policyOf([{ name: 'a', condition: "action.type in ['read', 'list', 'ask']", action: 'allow' }, { name: 'ask', condition: "action.type == 'ask'", action: 'require_approval' }]);
  const next = policyOf([{ name: 'a', condition: "action.type in ['read', 'ask', 'write']", action: 'allow' }]);
  const { answer, complete, differences } = comparePolicies(old, next);
  assert.equal([answer, complete], ['different', true]);
  assert.equal(differences.map((one) => [change(one), memberOf(one.request.action, 'type')]), [['deny → allow', 'write'], ['require_approval → allow', 'ask'], ['allow → deny', 'list']]);
  assert.ok(differences.every(({ request }) => JSON.stringify(Object.keys(request)) === '["action"]'));
  assert.equal(comparePolicies(policyOf([open]), policyOf([open, deny('not data.contains_pii')])).differences.map(({ request }) => request), [{ action: { type: 'call' } }]);
});

test('one kind of change by several rules is shown once for each of them', () => {
  const { differences } = comparePolicies(policyOf([open]), policyOf([open, deny("action.type == 'a'", 'one'), deny("action.type == 'b'", 'two'), deny('data.contains_pii', 'three')]));
  assert.equal(new Set(differences.map((one) => one.new.rule)), new Set(['one', 'three', 'two']));
});

test('rates, obligations and counters are behaviour too', () => {
  const rates = comparePolicies(policyOf([open, limit("action.type == 'a'", '10/s')]), policyOf([open, limit("action.type == 'a'", '20/s')]));
  assert.equal(rates.differences.map(({ about, old, new: next }) => [about, old.limits, next.limits]), [['limit', ['10/1000 ms'], ['20/1000 ms']], ['limit', ['10/1000 ms'], ['20/1000 ms']]]);
  const audited = comparePolicies(policyOf([open]), policyOf([open, { name: 'log', condition: "action.type == 'a'", action: 'log' }]));
  assert.equal(audited.differences.map(({ about, new: next }) => [about, next.obligations]), [['obligation', ['log']]]);
  const whole = policyOf([open, limit("action.type in ['a', 'b']", '10/s')]);
  const split = comparePolicies(whole, policyOf([open, limit("action.type == 'a'", '10/s', 'one'), limit("action.type == 'b'", '10/s', 'two')]));
  assert.equal([split.answer, split.differences, split.counters], ['different', [], ['rate', 'one', 'two']]);
  assert.is(comparePolicies(whole, policyOf([open, limit("action.type == 'b' or action.type == 'a'", '10/s', 'renamed')])).answer, 'equal');
});

test('a signal that a denial raises is behaviour too', () => {
  const killing = { name: 'no', condition: 'data.contains_pii', action: 'deny', signal: 'SIGKILL' };
  const { differences } = comparePolicies(policyOf([open, deny('data.contains_pii')]), policyOf([open, killing]));
  assert.equal(differences.map(({ about, old, new: next }) => [about, old.signal, next.signal]), [['signal', null, 'SIGKILL']]);
});

test('settings beside the rules differ too', () => {
  assert.equal(comparePolicies(policyOf([open]), policyOf([open], { mode: 'shadow' })).settings, [{ name: 'mode', old: 'enforce', new: 'shadow' }]);
  assert.equal(comparePolicies(policyOf([open]), policyOf([open], { agent: 'analyst' })).settings, [{ name: 'agent', old: null, new: 'analyst' }]);
});

test('strictness changes what is decided, and where is shown', () => {
  const rules = [open, deny('agent.role == 7')];
  const { differences } = comparePolicies(policyOf(rules), policyOf(rules, { strict: true }));
  assert.equal(differences.map((one) => [change(one), one.request]), [['allow → deny', { action: { type: 'call' } }]]);
  // Without a payload its facets are faults and its attributes absent, together.
  const payload = [{ name: 'a', condition: "data.n == ['a'] or data.contains_pii", action: 'allow' }];
  assert.is(comparePolicies(policyOf(payload), policyOf(payload, { strict: true })).complete, true);
});

test('a condition whose parts spend one budget together is not proven to be what its parts say', () => {
  const [cheap, costly] = ['data.l.exists(x, x == 59999)', "data.l.exists(x, x == 'a' and x == 'a')"];
  const request = { action: { type: 'call' }, data: { l: Array.from({ length: 60_000 }, (_, index) => index) } };
  const allowing = (condition: string, more: object = {}): CompiledPolicy => policyOf([{ name: 'a', condition, action: 'allow' }], more);
  for (const [wide, narrow] of [[`${costly} or ${cheap}`, cheap], [`${costly} or true`, 'true'], [`not (not (${costly}) and action.type != 'call')`, "action.type == 'call'"]] as const) {
    const [parent, child] = [allowing(wide), allowing(narrow)];
    assert.equal([behaviourOf(parent, request).effect, behaviourOf(child, request).effect], ['deny', 'allow']);
    assert.is.not(narrows(child, parent).answer, 'narrows', wide);
    assert.is.not(comparePolicies(parent, child).answer, 'equal', wide);
    assert.is(narrows(allowing(wide), allowing(wide, { description: 'another' })).answer, 'narrows');
  }
  // What is left to the last part, nothing can hide.
  assert.is(narrows(allowing(`action.type == 'call' and ${cheap}`), allowing("action.type == 'call'")).answer, 'narrows');
});

test('a child narrows its parent when it allows less, asks more, or limits more tightly', () => {
  const parent = policyOf([{ name: 'a', condition: 'agent.trust_score >= 500', action: 'allow' }, limit('true', '10/s')]);
  const trusted = (score: number): object => ({ name: 'a', condition: `agent.trust_score >= ${score}`, action: 'allow' });
  const cases: readonly (readonly [rules: readonly object[], answer: string])[] = [
    [[trusted(600), limit('true', '10/s')], 'narrows'],
    [[trusted(500), limit('true', '10/s'), deny('data.contains_pii')], 'narrows'],
    // Of a score that is a text nothing can be said: neither opens anything for it.
    [[{ name: 'a', condition: 'agent.trust_score >= 500', action: 'require_approval' }], 'narrows'],
    [[{ name: 'a', condition: 'not (agent.trust_score < 500)', action: 'require_approval' }], 'widens'],
    [[trusted(499), limit('true', '10/s')], 'widens'],
    [[trusted(500)], 'widens'],
    [[trusted(500), limit('true', '11/s')], 'widens'],
    [[trusted(500), limit('true', '600/minute')], 'widens'],
    // Each of two counters lets through what the parent's one lets through in all.
    [[trusted(500), limit('data.contains_pii', '10/s', 'one'), limit('not data.contains_pii', '10/s', 'two')], 'widens'],
    [[{ name: 'a', condition: 'not (agent.trust_score < 500)', action: 'allow' }, limit('true', '10/s')], 'widens'],
    [[trusted(500), limit("has(agent.trust_score)", '5/s')], 'narrows'],
  ];
  for (const [rules, answer] of cases) {
    const narrowing = narrows(policyOf(rules), parent);
    assert.is(narrowing.answer, answer, JSON.stringify(rules));
    assert.is(narrowing.widenings.length > 0, answer === 'widens');
  }
  const ask = { name: 'a', condition: 'true', action: 'require_approval' };
  assert.equal([narrows(policyOf([ask]), policyOf([open])).answer, narrows(policyOf([open]), policyOf([ask])).answer], ['narrows', 'widens']);
});

test('capabilities are part of what a child may do', () => {
  const holding = (...capabilities: readonly string[]): ReturnType<typeof policyOf> => policyOf([open], { capabilities });
  const cases: readonly (readonly [child: readonly string[], parent: readonly string[], answer: string])[] = [
    [['read:reports/a'], ['read:reports/*'], 'narrows'],
    [['read:reports/*'], ['read:**'], 'narrows'],
    [['read:a', 'write:b'], ['read:a'], 'widens'],
    [['read:**'], ['read:reports/**'], 'widens'],
    [['*:a'], ['read:a'], 'widens'],
    [['read:a'], ['*:a'], 'narrows'],
  ];
  for (const [child, parent, answer] of cases) assert.is(narrows(holding(...child), holding(...parent)).answer, answer, JSON.stringify({ child, parent }));
});

test('what can only be tried is found by trying, or left open; it is never claimed', () => {
  const pair = (one: string, other: string): string => comparePolicies(policyOf([open, deny(one)]), policyOf([open, deny(other)])).answer;
  assert.is(pair('data.a == data.b', 'data.a != data.b'), 'different');
  assert.is(pair("path.within('/a')", "path.within('/a', '/b')"), 'different');
  assert.is(pair('data.n > data.m', 'data.n >= data.m'), 'different');
  assert.is(pair('size(data.items) > 2', 'size(data.items) > 3'), 'different');
  assert.is(pair("matches(data.x, '^[a-f]{4}-[0-9]+$')", "matches(data.x, '^[a-f]{3}-[0-9]+$')"), 'different');
  const allowing = (condition: string): ReturnType<typeof policyOf> => policyOf([{ name: 'a', condition, action: 'allow' }]);
  assert.is(narrows(allowing("matches(data.x, '(a|b)c')"), allowing("matches(data.x, '(b|a)c')")).answer, 'unknown');
  assert.is(pair("matches(data.x, '(a|b)c')", "matches(data.x, '(b|a)c')"), 'unknown');
});

test('a thousand rules with one comparison changed give the one request that shows it', () => {
  const rules = (changed: string): readonly object[] => [open, ...Array.from({ length: 1000 }, (_, index) => deny(`action.type == 'type_${index}' and data.contains_pii and agent.trust_score ${index === 617 ? changed : '>='} 300`, `r${index}`))];
  const { answer, complete, differences } = comparePolicies(policyOf(rules('>=')), policyOf(rules('>')));
  assert.equal([answer, complete], ['different', true]);
  assert.equal(differences.map((one) => [change(one), one.request]), [['deny → allow', { action: { type: 'type_617' }, data: { contains_pii: true }, agent: { trust_score: 300 } }]]);
});

test.run();
