import * as fc from 'fast-check';
import { reserved_words, type BinaryOperator, type Expression } from '../../../../node/kernel/policy/ast.ts';
import { compilePolicy } from '../../../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../../../node/kernel/policy/policy.ts';
import type { PolicyRequest } from '../../../../node/kernel/policy/scope.ts';
import { unwrap } from '../../../../crypto/result.ts';
import { Meter } from '../../../../node/kernel/policy/limit.ts';

const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,6}$/).filter((text) => !reserved_words.has(text) && text !== 'r');
const operators: readonly BinaryOperator[] = ['or', 'and', '==', '!=', '<', '<=', '>', '>=', 'in', '+', '-', '*', '/', '%'];

/** Any expression that the grammar can say. */
export const expression: fc.Arbitrary<Expression> = fc.letrec<{ node: Expression }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(fc.constantFrom(null, true, false), fc.string({ maxLength: 6 }), fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), fc.nat())
      // A negative zero is written with a sign, which is another expression.
      .map((value): Expression => ({ kind: 'literal', value: Object.is(value, -0) ? 0 : value, at: 0 })),
    name.map((text): Expression => ({ kind: 'name', name: text, at: 0 })),
    fc.tuple(tie('node'), fc.oneof(name, fc.string({ maxLength: 4 }))).map(([object, text]): Expression => ({ kind: 'member', object, name: text, at: 0 })),
    fc.tuple(tie('node'), fc.nat(9)).map(([object, index]): Expression => ({ kind: 'index', object, index: { kind: 'literal', value: index, at: 0 }, at: 0 })),
    fc.array(tie('node'), { maxLength: 3 }).map((items): Expression => ({ kind: 'list', items, at: 0 })),
    fc.tuple(fc.constantFrom('contains', 'startsWith', 'size', 'f'), fc.array(tie('node'), { maxLength: 3 }))
      .map(([called, args]): Expression => ({ kind: 'call', name: called, arguments: args, at: 0 })),
    fc.tuple(fc.constantFrom('not' as const, '-' as const), tie('node')).map(([operator, operand]): Expression => ({ kind: 'unary', operator, operand, at: 0 })),
    fc.tuple(fc.constantFrom(...operators), tie('node'), tie('node')).map(([operator, left, right]): Expression => ({ kind: 'binary', operator, left, right, at: 0 })),
  ),
})).node;

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
