import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { evaluateLayers } from '../../../../node/kernel/policy/evaluate.ts';
import { Meter } from '../../../../node/kernel/policy/limit.ts';
import { explainDecision } from '../../../../node/kernel/policy/trace.ts';
import { suite } from '../../../harness.ts';
import { meter, policyOf, request, rules } from './samples.ts';

const test = suite('node/kernel/policy/trace');

test('an explanation holds the verdict and every rule with each of its parts', () => {
  const policy = policyOf([
    { name: 'exports', condition: "action.type == 'export' and data.contains_pii", action: 'deny' },
    { name: 'trusted', condition: 'agent.trust_score >= 500 and action.size / action.parts > 1', action: 'allow' },
  ]);
  const { verdict, rules: traced, nearest_miss } = explainDecision([[policy]], {
    action: { type: 'export', size: 1, parts: 0 }, data: 'no such thing', agent: { trust_score: 400 },
  });
  assert.is(verdict.effect, 'deny');
  assert.is(nearest_miss, verdict.would_allow);
  assert.match(nearest_miss ?? '', /rule trusted would allow if agent.trust_score >= 500, it is 400/);
  assert.equal(traced.map(({ rule, effect, holds }) => [rule, effect, holds]), [['exports', 'deny', false], ['trusted', 'allow', false]]);
  assert.equal(traced[0]?.conjuncts, [
    { text: "action.type == 'export'", holds: true, value: '"export"' },
    { text: 'data.contains_pii', holds: false },
  ]);
  assert.equal(traced[1]?.conjuncts.map(({ holds }) => holds), [false, { fault: '1 / 0 has no value' }]);
});

test('it tells what detectors found and never repeats the payload', () => {
  const policy = policyOf([
    { name: 'sql', condition: 'sql.destructive', action: 'deny' },
    { name: 'secret-word', condition: "data.sql == 'expected'", action: 'deny' },
    { name: 'all', condition: 'true', action: 'allow' },
  ]);
  const explained = explainDecision([[policy]], { data: { sql: 'DROP TABLE hunter2' } });
  assert.is(explained.verdict.rule, 'sql');
  assert.ok((explained.rules[0]?.findings.length ?? 0) > 0);
  assert.is(explained.nearest_miss, null);
  assert.not.match(JSON.stringify(explained), /hunter2/);
});

test('it agrees with the verdict, names layers and shadows in their order, and charges nothing', () => {
  fc.assert(fc.property(rules, rules, request, (one, two, asked) => {
    const layers = [[policyOf(one)], [policyOf(two, { name: 'shadow', mode: 'shadow' })]];
    const { verdict, rules: traced } = explainDecision(layers, asked);
    assert.equal(verdict, evaluateLayers(layers, asked, meter(), { charge: false }));
    assert.equal(traced.map(({ policy, mode, rule }) => `${policy} ${mode} ${rule}`), [...one.map(({ name }) => `sample enforce ${name}`), ...two.map(({ name }) => `shadow shadow ${name}`)]);
    const holding = new Set(traced.filter(({ mode, holds }) => mode === 'enforce' && holds !== false).map(({ rule }) => rule));
    if (verdict.rule !== null) assert.ok(holding.has(verdict.rule));
  }), { numRuns: 300 });
  const limited = policyOf([{ name: 'all', condition: 'true', action: 'allow', limit: '1/hour' }]);
  const counter = new Meter(() => 0);
  for (let call = 0; call < 3; call += 1) assert.is(explainDecision([[limited]], {}, counter).verdict.effect, 'allow');
  evaluateLayers([[limited]], {}, counter, { charge: true });
  assert.is(explainDecision([[limited]], {}, counter).verdict.limited, true);
});

test.run();
