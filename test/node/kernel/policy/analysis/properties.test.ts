import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isFields } from '../../../../../crypto/canonical.ts';
import { checkPolicy } from '../../../../../node/kernel/policy/analysis/check.ts';
import { behaviourOf, comparePolicies, narrows, type Behaviour } from '../../../../../node/kernel/policy/analysis/compare.ts';
import { reallyMatches } from '../../../../../node/kernel/policy/analysis/outcome.ts';
import type { CompiledPolicy } from '../../../../../node/kernel/policy/policy.ts';
import { fuzzAnalysis } from '../../../../fuzz/analysis.ts';
import { suite } from '../../../../harness.ts';
import { any_document, compiled, finite_document, requests } from './world.ts';

const test = suite('node/kernel/policy/analysis/properties');
const removable = new Set(['RULE_SHADOWED', 'RULE_DUPLICATE', 'RULE_WITHOUT_EFFECT', 'LIMIT_UNREACHED']);

function without(document: object, names: ReadonlySet<string | undefined>): object {
  const rules: unknown = isFields(document) ? document['rules'] : [];
  return { ...document, rules: Array.isArray(rules) ? rules.filter((rule) => isFields(rule) && !names.has(String(rule['name']))) : [] };
}

function plain({ effect, limits, obligations, signal }: Behaviour): string {
  return JSON.stringify({ effect, limits, obligations, signal });
}

function differing(a: CompiledPolicy, b: CompiledPolicy): number {
  return requests.findIndex((request) => plain(behaviourOf(a, request)) !== plain(behaviourOf(b, request)));
}

test('what is said never to match matches no request of a small world, and what shows a finding shows it', () => {
  fc.assert(fc.property(any_document, (document) => {
    const policy = compiled(document);
    for (const { code, rule: name, request } of checkPolicy(policy)) {
      const rule = policy.rules.find((one) => one.name === name);
      if (rule === undefined) continue;
      if (code === 'RULE_NEVER_MATCHES') {
        assert.is(requests.some((one) => reallyMatches({ policy, rule: { ...rule, effect: 'allow' } }, one)), false);
        // Without a request that shows the contrary it does not even count by a fault.
        if (request === undefined) assert.is(requests.some((one) => reallyMatches({ policy, rule }, one)), false);
        else assert.ok(reallyMatches({ policy, rule }, request));
      }
      if (code === 'ALLOWS_EVERYTHING') assert.ok(requests.every((one) => reallyMatches({ policy, rule }, one)));
    }
  }), { numRuns: 40 });
});

test('without all the rules that are said to make no difference, every request of a small world is decided the same', () => {
  let removed = 0;
  fc.assert(fc.property(any_document, (document) => {
    const policy = compiled(document);
    const names = new Set(checkPolicy(policy).filter(({ code }) => removable.has(code)).map(({ rule }) => rule));
    removed += names.size;
    const rest = compiled(without(document, names));
    for (const request of requests) {
      const [before, after] = [behaviourOf(policy, request), behaviourOf(rest, request)];
      assert.equal({ effect: after.effect, obligations: after.obligations }, { effect: before.effect, obligations: before.obligations }, JSON.stringify({ document, request }));
    }
  }), { numRuns: 40 });
  assert.ok(removed > 0, `only ${removed} rules were removed`);
});

test('a policy that is said to decide always the same does so for every request of a small world', () => {
  fc.assert(fc.property(any_document, (document) => {
    const policy = compiled(document);
    const whole = new Set(checkPolicy(policy).filter(({ rule }) => rule === undefined).map(({ code }) => code));
    if (whole.has('DENIES_EVERYTHING')) assert.ok(requests.every((request) => behaviourOf(policy, request).effect === 'deny'));
    if (whole.has('ALLOWS_EVERYTHING')) assert.ok(requests.every((request) => behaviourOf(policy, request).effect === 'allow'));
  }), { numRuns: 40 });
});

test('policies that are said to be equal are equal in a small world, every difference shown is real, and finite policies are always decided', () => {
  const answers = new Map<string, number>();
  const property = (decidable: boolean) => (one: object, other: object, same_rules: boolean): void => {
    const [a, b] = [compiled(one), compiled(same_rules && isFields(one) ? { ...one, strict: one['strict'] !== true } : other)];
    const { answer, complete, differences, settings, counters } = comparePolicies(a, b);
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
    const at = differing(a, b);
    if (answer === 'equal') assert.is(at, -1, JSON.stringify({ one, other, request: requests[at] }));
    if (answer === 'different') assert.ok(differences.length + settings.length + counters.length > 0);
    if (decidable) assert.ok(complete, JSON.stringify({ one, other }));
    for (const { request, old, new: next } of differences) {
      assert.equal([behaviourOf(a, request), behaviourOf(b, request)], [old, next]);
      assert.is.not(plain(old), plain(next));
    }
  };
  fc.assert(fc.property(finite_document, finite_document, fc.boolean(), property(true)), { numRuns: 50 });
  fc.assert(fc.property(any_document, any_document, fc.boolean(), property(false)), { numRuns: 40 });
  assert.ok((answers.get('equal') ?? 0) > 0 && (answers.get('different') ?? 0) > 0, JSON.stringify([...answers]));
});

test('a child that is proven to narrow its parent allows no request of a small world that the parent does not, and a widening is real', () => {
  const rank = { deny: 0, require_approval: 1, allow: 2 };
  const answers = new Map<string, number>();
  fc.assert(fc.property(any_document, any_document, fc.boolean(), (one, other, part) => {
    const parent = compiled(one);
    const child = compiled(part ? without(one, new Set(['rule-0'])) : other);
    const { answer, widenings } = narrows(child, parent);
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
    if (answer === 'narrows') {
      for (const request of requests) assert.ok(rank[behaviourOf(child, request).effect] <= rank[behaviourOf(parent, request).effect], JSON.stringify({ one, other, request }));
    }
    for (const { about, request, old, new: next } of widenings) {
      assert.equal([behaviourOf(parent, request), behaviourOf(child, request)], [old, next]);
      if (about === 'effect') assert.ok(rank[next.effect] > rank[old.effect]);
    }
  }), { numRuns: 80 });
  assert.ok((answers.get('narrows') ?? 0) > 5 && (answers.get('widens') ?? 0) > 5, JSON.stringify([...answers]));
});

test('what is claimed about policies of many other shapes is so for every request of another small world, and a wrong claim would be found', () => {
  const seed = 20_261_122;
  assert.is(fuzzAnalysis({ runs: 60, seed }).difference, undefined);
  const claims = { checkPolicy, comparePolicies, narrows };
  const gullible = fuzzAnalysis({ runs: 60, seed }, { ...claims, narrows: () => ({ answer: 'narrows', widenings: [] }) });
  assert.match(gullible.difference ?? '', 'said to narrow: not for {');
  const careless = fuzzAnalysis({ runs: 60, seed }, { ...claims, comparePolicies: () => ({ answer: 'equal', complete: true, differences: [], settings: [], counters: [] }) });
  assert.match(careless.difference ?? '', 'said to be equal: not for {');
});

test.run();
