import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { unwrap } from '../../../../crypto/result.ts';
import { effectOfLayers, evaluate, evaluateLayers } from '../../../../node/kernel/policy/evaluate.ts';
import { compilePolicy } from '../../../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../../../node/kernel/policy/policy.ts';
import { indexRules, unindexed, type Candidate, type RuleIndex } from '../../../../node/kernel/policy/rule-index.ts';
import { Scope, type PolicyRequest } from '../../../../node/kernel/policy/scope.ts';
import { suite } from '../../../harness.ts';
import { meter, policyOf } from './samples.ts';

const test = suite('node/kernel/policy/rule-index');
const charge = { charge: true };

/** The names of the rules that the index gives to be tried. */
function tried(policy: CompiledPolicy, request: PolicyRequest): readonly string[] {
  const scope = new Scope(request);
  const found = (index: RuleIndex): readonly string[] => [
    ...namesFrom(index.always),
    ...index.attributes.flatMap(({ attribute, by_value, absent }) => {
      const value = attribute.read(scope);
      const next = value === undefined ? absent : by_value.get(value);
      return next === undefined ? [] : found(next);
    }),
  ];
  return found(policy.candidates);
}

function namesFrom(candidate: Candidate | undefined): readonly string[] {
  return candidate === undefined ? [] : [candidate.rule.name, ...namesFrom(candidate.next)];
}

function denying(...conditions: readonly string[]): readonly object[] {
  return conditions.map((condition, index) => ({ name: `rule-${index}`, condition, action: 'deny' }));
}

test('of a thousand rules only those are tried that can hold', () => {
  const conditions = Array.from({ length: 1_000 }, (_, index) => `action.type == 'type-${index}' and data.contains_pii`);
  assert.equal(tried(policyOf(denying(...conditions)), { action: { type: 'type-7' } }), ['rule-7']);
  assert.equal(tried(policyOf(denying(...conditions)), { action: { type: 'other' } }), []);
  assert.equal(tried(policyOf(denying(...conditions)), {}), []);
});

test('rules are filed under texts, numbers, booleans, lists and alternatives, whichever side they stand on', () => {
  const policy = policyOf(denying(
    "action.kind == 'a'", 'action.kind == 1', 'action.kind == true', "'a' == action.kind", "action.kind in ['a', 'b']",
    "action.kind == 'b' or action.kind == 1", "(action.kind == 'c' and agent.x) or (agent.y and action.kind in ['d', 'a'])", "action.kind == '1'",
  ));
  const names = (kind: string | number | boolean): string => tried(policy, { action: { kind } }).map((name) => name.slice('rule-'.length)).sort().join('');
  assert.is(names('a'), '0346');
  assert.is(names('b'), '45');
  assert.is(names(1), '15');
  assert.is(names('1'), '7');
  assert.is(names(true), '2');
  assert.is(names('c'), '6');
  assert.is(names('e'), '');
});

test('what may hold without the constant is always tried', () => {
  const conditions = ["action.type != 'a'", "not action.type == 'a'", "action.type == 'a' or agent.x", 'action.type == null', 'action.type == agent.name', "data.contains_pii == true"];
  assert.is(tried(policyOf(denying(...conditions)), { action: { type: 'b' } }).length, conditions.length);
});

test('many rules on one value are filed again by what else they ask for', () => {
  const conditions = Array.from({ length: 40 }, (_, index) => `action.type in ['read', 'write'] and action.resource == 'r${index % 20}' and agent.trust_score > ${index}`);
  assert.is(tried(policyOf(denying(...conditions)), { action: { type: 'read', resource: 'r3' } }).length, 2);
  const by_agent = Array.from({ length: 100 }, (_, index) => `action.type == 'read' and agent.name == 'a${index}'`);
  assert.is(tried(policyOf([...denying(...by_agent)]), { action: { type: 'read' }, agent: { name: 'a7' } }).length, 1);
});

test('an attribute that a request lacks may be a fault, and then every rule that asks for it is tried', () => {
  const written = denying("agent.role == 'a'", "agent.role == 'b' and action.type == 'read'");
  assert.equal(tried(policyOf(written), { action: { type: 'read' } }), []);
  assert.equal(tried(policyOf(written, { strict: true }), { action: { type: 'read' } }).toSorted(), ['rule-0', 'rule-1']);
  assert.is(evaluate(policyOf(written, { strict: true }), { action: { type: 'read' } }, meter(), charge).errors.length, 2);
  const { rules } = policyOf(written);
  assert.equal(tried({ ...policyOf(written), candidates: indexRules(rules) }, {}).length, 2);
});

const values = ["'a'", "'b'", '1', '2.5', 'true', 'null', '-1'] as const;
const attributes = ['action.type', 'action.kind', 'agent.role', 'context.remote', 'data.kind', 'action.in.deep'] as const;
const atom = fc.oneof(
  fc.tuple(fc.constantFrom(...attributes), fc.constantFrom('==', '!=', '<', '>=', '>', '<='), fc.constantFrom(...values)).map(([path, operator, value]) => `${path} ${operator} ${value}`),
  fc.tuple(fc.constantFrom(...values), fc.constantFrom(...attributes)).map(([value, path]) => `${value} == ${path}`),
  fc.tuple(fc.constantFrom(...attributes), fc.uniqueArray(fc.constantFrom(...values), { maxLength: 3 })).map(([path, items]) => `${path} in [${items.join(', ')}]`),
  fc.tuple(fc.constantFrom(...attributes), fc.constantFrom(...attributes)).map(([one, other]) => `${one} == ${other}`),
  fc.constantFrom(...attributes, 'data.contains_pii', "contains(action.type, 'a')", 'not context.remote'),
);
const condition = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof({ depthSize: 'small', maxDepth: 4 }, atom,
    fc.tuple(tie('node'), fc.constantFrom('and', 'or', 'and'), tie('node')).map(([one, junction, other]) => `(${one} ${junction} ${other})`),
    tie('node').map((inner) => `not (${inner})`)),
})).node;
const written_rules = fc.array(fc.record({
  condition, action: fc.constantFrom('allow', 'deny', 'require_approval', 'log'), priority: fc.nat(2), audit: fc.boolean(),
}), { maxLength: 30 }).map((list) => list.map((rule, index) => ({ name: `rule-${index}`, ...rule })));
const value = fc.constantFrom('a', 'b', 1, 2.5, true, false, null, -1, ['a'], { a: 1 });
const request: fc.Arbitrary<PolicyRequest> = fc.record({
  action: fc.record({ type: value, kind: value, in: fc.oneof(value, fc.record({ deep: value })) }, { requiredKeys: [] }),
  agent: fc.record({ role: value }, { requiredKeys: [] }),
  context: fc.record({ remote: value }, { requiredKeys: [] }),
  data: fc.record({ kind: value, contains_pii: fc.boolean() }, { requiredKeys: [] }),
}, { requiredKeys: [] });

test('what is compared on the spot gives what the condition gives, for every operator and every kind of value', () => {
  const operators = ['==', '!=', '<', '<=', '>', '>='].flatMap((operator) => values.map((constant) => `data.kind ${operator} ${constant}`));
  for (const text of [...operators, 'data.kind', 'not data.kind', "data.kind in ['a', 'c']", 'data.kind in [1, 2]']) {
    // Behind another comparison, because the index itself answers one that stands alone.
    const policy = policyOf(denying(`action.type == 'x' and ${text}`));
    const plain = { ...policy, candidates: unindexed(policy.rules) };
    for (const kind of ['a', 'b', '', 0, 1, 2, 2.5, 3, -1, true, false, null, ['a'], { a: 1 }]) {
      const asked = { action: { type: 'x' }, data: { kind } };
      assert.equal(evaluate(policy, asked, meter(), charge), evaluate(plain, asked, meter(), charge), `${text}, it is ${JSON.stringify(kind)}`);
    }
  }
});

for (const mode of ['seed', 'strict', 'cel'] as const) {
  test(`the index changes nothing of a verdict: ${mode}`, () => {
    const more = mode === 'strict' ? { strict: true } : {};
    let compiled = 0;
    fc.assert(fc.property(written_rules, request, (written, asked) => {
      const rules = mode === 'cel' ? written.map((rule) => ({ ...rule, condition: celOf(rule.condition) })) : written;
      const made = compilePolicy({ version: '1.0', name: 'sample', rules, ...more, ...(mode === 'cel' ? { conditions: 'cel' } : {}) });
      if (!made.ok) return;
      compiled += 1;
      const policy = made.value;
      const plain = { ...policy, candidates: unindexed(policy.rules) };
      const verdict = evaluate(policy, asked, meter(), charge);
      assert.equal(verdict, evaluate(plain, asked, meter(), charge));
      assert.is(effectOfLayers([[policy]], asked, meter(), charge), verdict.effect);
    }), { numRuns: 700 });
    assert.ok(compiled > 300, `${compiled} compiled`);
  });
}

/** The same condition in CEL's own words. */
function celOf(text: string): string {
  return text.replaceAll(' and ', ' && ').replaceAll(' or ', ' || ').replaceAll('not ', '!').replace(/contains\(action\.type, 'a'\)/g, "action.type.contains('a')").replace(/!context\.remote/g, '!(context.remote)');
}

test('whatever the code of this process adds to every object is no attribute of a request', () => {
  const policy = unwrap(compilePolicy({ version: '1.0', name: 'p', rules: [
    { name: 'trusted', condition: 'agent.trust_score >= 500', action: 'allow' },
    { name: 'typed', condition: "action.type == 'read'", action: 'allow' },
    { name: 'roled', condition: "agent.role == 'admin'", action: 'allow' },
    { name: 'marked', condition: 'data.safe', action: 'allow' },
  ] }));
  const strict = unwrap(compilePolicy({ version: '1.0', name: 's', strict: true, rules: [
    { name: 'barred', condition: "data.role == 'guest'", action: 'deny' },
    { name: 'others', condition: 'true', action: 'allow' },
  ] }));
  const names = { trust_score: 900, type: 'read', role: 'admin', safe: true, action: { type: 'read' }, agent: { trust_score: 900 }, data: { safe: true } };
  const inherited_by_all: object = Object.getPrototypeOf({});
  const refuses = (what: string): void => {
    for (const asked of [{}, { action: {}, agent: {}, data: {} }]) assert.is(evaluateLayers([[policy]], asked, meter(), charge).effect, 'deny', what);
  };
  try {
    for (const [name, inherited] of Object.entries(names)) {
      // Each alone, too: as a value, and as code that gives another object each time.
      Object.defineProperty(inherited_by_all, name, { value: inherited, configurable: true, enumerable: false, writable: true });
      refuses(name);
      Object.defineProperty(inherited_by_all, name, { get: () => (typeof inherited === 'object' ? { ...inherited } : inherited), configurable: true });
      refuses(`${name}, computed`);
      Reflect.deleteProperty(inherited_by_all, name);
    }
    Object.defineProperty(inherited_by_all, 'role', { get: () => [1], configurable: true });
    assert.is(evaluateLayers([[strict]], { data: {} }, meter(), charge).effect, 'deny', 'nor what is another list each time: the attribute is absent');
    for (const [name, inherited] of Object.entries(names)) Object.defineProperty(inherited_by_all, name, { value: inherited, configurable: true, enumerable: false, writable: true });
    refuses('all of them');
    assert.is(evaluateLayers([[policy]], { action: { type: 'read' } }, meter(), charge).rule, 'typed');
    assert.is(evaluateLayers([[policy]], { agent: { trust_score: 900 } }, meter(), charge).rule, 'trusted');
  } finally {
    for (const name of Object.keys(names)) Reflect.deleteProperty(inherited_by_all, name);
  }
});

test.run();
