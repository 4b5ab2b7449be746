import * as fc from 'fast-check';
import { compilePolicy } from '../../../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../../../node/kernel/policy/policy.ts';
import type { PolicyRequest } from '../../../../node/kernel/policy/scope.ts';
import { unwrap } from '../../../../crypto/result.ts';
import { Meter } from '../../../../node/kernel/policy/limit.ts';

const types = ['read', 'export', 'write'] as const;
const atoms = [
  "action.type == 'read'", "action.type == 'export'", "action.type in ['write', 'export']", 'agent.trust_score >= 500', 'agent.trust_score < 300',
  'data.contains_pii', "action.resource == 'a'", "'b' == action.resource", 'data.n / data.m > 1', 'missing.field', "missing.kind == 'x'", "data.n < 'text'",
] as const;
const condition = fc.array(fc.tuple(fc.constantFrom(...atoms), fc.boolean(), fc.constantFrom('and', 'or')), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.map(([atom, negated, junction], index) => `${index === 0 ? '' : ` ${junction} `}${negated ? `not (${atom})` : atom}`).join(''));

/** Rules of every effect over a small world, many of them faulty. */
export const rules: fc.Arbitrary<readonly WrittenRule[]> = fc.array(fc.record({
  condition,
  action: fc.constantFrom('allow', 'deny', 'require_approval', 'log', 'warn'),
  priority: fc.nat(3),
}), { minLength: 0, maxLength: 8 }).map((list) => list.map((rule, index) => ({ name: `rule-${index}`, ...rule })));

/** A rule as a document. */
export interface WrittenRule {
  readonly name: string;
  readonly condition: string;
  readonly action: string;
  readonly priority: number;
}

/** Requests in the same small world. */
export const request: fc.Arbitrary<PolicyRequest> = fc.record({
  action: fc.record({ type: fc.constantFrom(...types), resource: fc.constantFrom('a', 'b', 7) }, { requiredKeys: ['type'] }),
  agent: fc.record({ trust_score: fc.constantFrom(0, 299, 300, 500, 900, 'high') }, { requiredKeys: [] }),
  data: fc.record({ contains_pii: fc.boolean(), n: fc.nat(3), m: fc.nat(2) }, { requiredKeys: [] }),
}, { requiredKeys: ['action'] });

/** A policy of these rules. */
export function policyOf(written: readonly object[], more: object = {}): CompiledPolicy {
  return unwrap(compilePolicy({ version: '1.0', name: 'sample', rules: written, ...more }));
}

/** A meter at a time that stands still. */
export function meter(): Meter {
  return new Meter(() => 0);
}
