/** A small world for the analysis: every request of it can be tried, so that no claim has to be believed. */
import * as fc from 'fast-check';
import type { Json } from '../../../../../crypto/canonical.ts';
import { unwrap } from '../../../../../crypto/result.ts';
import { compilePolicy } from '../../../../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../../../../node/kernel/policy/policy.ts';
import type { PolicyRequest } from '../../../../../node/kernel/policy/scope.ts';

const types: readonly (Json | undefined)[] = ['read', 'export', 'other', undefined];
const resources: readonly (Json | undefined)[] = [undefined, 'a', 'b', '/w/a', '/w', '/w/ab', 7, ''];
const scores: readonly (Json | undefined)[] = [undefined, 0, 299, 300, 500, 900, 'high', 0.5];
const numbers: readonly (Json | undefined)[] = [undefined, 0, 2, 'a', ['a'], ['a', 'b'], ['c'], null];

function record(fields: { readonly [name: string]: Json | undefined }): { [name: string]: Json } {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Every request of the world. */
export const requests: readonly PolicyRequest[] = types.flatMap((type) => resources.flatMap((resource) => scores.flatMap((trust_score) => numbers.flatMap((n, index): readonly PolicyRequest[] => {
  const contains_pii = index % 3 === 0 ? undefined : index % 3 === 1;
  const agent = record({ trust_score });
  const data = record({ n, contains_pii });
  return [{ action: record({ type, resource }), agent, ...(index === 1 ? {} : { data }) }];
}))));

/** Atoms whose outcome follows from the cell of one attribute. */
const finite_atoms = [
  "action.type == 'read'", "action.type == 'export'", "action.type in ['read', 'export']", "'export' != action.type", "action.resource == 'a'", "action.resource != 'b'",
  "startsWith(action.resource, '/w')", "startsWith(action.resource, '/w/a')", "endsWith(action.resource, 'a')", "contains(action.resource, 'w')", "action.resource < '/w/a'",
  'agent.trust_score >= 500', 'agent.trust_score < 300', 'agent.trust_score > 100', 'agent.trust_score == 300', '900 <= agent.trust_score', 'data.contains_pii',
  'agent.trust_score', 'has(agent.trust_score)', "'a' in data.n", "contains(data.n, 'b')", "data.n == ['a']", 'data.n < 1', 'data.n == null', 'true', 'false',
] as const;
/** Atoms that are left open, or that several attributes decide. */
const open_atoms = ['size(data.n) > 1', "matches(action.resource, 'a$')", 'data.n == action.resource', 'agent.trust_score > data.n', 'data.n + 1 > 2', "action.type == 'read' ? data.contains_pii : agent.trust_score > 300"] as const;

function conditionOf(atoms: readonly string[]): fc.Arbitrary<string> {
  return fc.array(fc.tuple(fc.constantFrom(...atoms), fc.boolean(), fc.constantFrom('and', 'and', 'or')), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.map(([atom, negated, junction], index) => `${index === 0 ? '' : ` ${junction} `}${negated ? `not (${atom})` : `(${atom})`}`).join(''));
}

function rulesOf(atoms: readonly string[]): fc.Arbitrary<readonly object[]> {
  const acting = fc.record({ condition: conditionOf(atoms), action: fc.constantFrom('allow', 'allow', 'deny', 'require_approval', 'log'), audit: fc.constantFrom(true, false, false) });
  const limiting = fc.record({ condition: conditionOf(atoms), limit: fc.constantFrom('1/s', '5/s', '100/hour') });
  return fc.array(fc.oneof({ arbitrary: acting, weight: 5 }, { arbitrary: limiting, weight: 1 }), { minLength: 1, maxLength: 6 }).map((rules) => rules.map((rule, index) => ({ name: `rule-${index}`, ...rule })));
}

function documentsOf(atoms: readonly string[], capabilities: readonly (readonly string[])[]): fc.Arbitrary<object> {
  return fc.record({
    version: fc.constant('1.0'), name: fc.constant('sample'), rules: rulesOf(atoms), strict: fc.constantFrom(false, false, true),
    capabilities: fc.constantFrom(...capabilities),
  }, { requiredKeys: ['version', 'name', 'rules'] });
}

/** Documents of policies that can be decided about for certain. */
export const finite_document: fc.Arbitrary<object> = documentsOf(finite_atoms, [['read:a'], ['read:a', 'export:b']]);
/** Documents of policies with atoms of every kind. */
export const any_document: fc.Arbitrary<object> = documentsOf([...finite_atoms, ...open_atoms], [['read:a'], ['*:a', 'read:b'], ['*:*']]);

/** The compiled policy. */
export function compiled(document: object): CompiledPolicy {
  return unwrap(compilePolicy(document));
}

/** A policy of these rules. */
export function policyOf(rules: readonly object[], more: object = {}): CompiledPolicy {
  return compiled({ version: '1.0', name: 'sample', rules, ...more });
}
