/**
 * Conditions on what is only partly known. A record of a decision holds the hash
 * of its payload and not the payload, so what a condition reads of it is neither
 * true nor false; `and`, `or` and `not` go on as in Kleene's logic, and nothing
 * is guessed.
 */
import { ok, type Result } from '../../crypto/result.ts';
import { childrenOf, pathOf, printExpression, type Expression } from '../kernel/policy/ast.ts';
import { compileCondition, type CompileOptions } from '../kernel/policy/compile.ts';
import type { CompiledPolicy, Rule } from '../kernel/policy/policy.ts';
import { isComputed, type Scope } from '../kernel/policy/scope.ts';
import { Fault } from '../kernel/policy/values.ts';

/** What is known of a condition; a fault is an error of the condition itself. */
export type Ternary = boolean | Fault | 'unknown';

/** A condition that says when it cannot tell. */
export type TernaryTest = (scope: Scope) => Ternary;

/** Whether an expression reads what a record does not hold: the payload, what detectors find in it, the agent's other name. */
export function readsUnrecorded(expression: Expression): boolean {
  const path = pathOf(expression);
  if (path !== undefined) {
    const [root = '', name] = path;
    // The bare name of a root stands for all of it.
    return isComputed(root) || (root === 'agent' && (name === undefined || !recorded_of_agent.has(name)));
  }
  return childrenOf(expression).some(readsUnrecorded);
}

const recorded_of_agent: ReadonlySet<string> = new Set(['id', 'did', 'trust_score', 'sponsor']);

/** The condition of a rule on recorded decisions. Fails with `CONDITION_INVALID` where a part of it does not stand alone. */
export function ternaryOf(rule: Rule, { strict, conditions }: Pick<CompiledPolicy, 'strict' | 'conditions'>): Result<TernaryTest> {
  const { condition } = rule;
  if (!readsUnrecorded(condition.expression)) return ok(condition.test);
  return part(condition.expression, { strict, mode: conditions });
}

function part(expression: Expression, language: CompileOptions): Result<TernaryTest> {
  if (expression.kind === 'unary' && expression.operator === 'not') {
    const operand = part(expression.operand, language);
    return operand.ok ? ok((scope) => negated(operand.value(scope))) : operand;
  }
  if (expression.kind === 'binary' && (expression.operator === 'and' || expression.operator === 'or')) {
    const left = part(expression.left, language);
    const right = part(expression.right, language);
    if (!left.ok) return left;
    if (!right.ok) return right;
    const deciding = expression.operator === 'or';
    return ok((scope) => joined(deciding, left.value(scope), right.value(scope)));
  }
  if (readsUnrecorded(expression)) return ok(() => 'unknown');
  const condition = compileCondition(printExpression(expression), language);
  return condition.ok ? ok(condition.value.test) : condition;
}

function negated(value: Ternary): Ternary {
  return typeof value === 'boolean' ? !value : value;
}

function joined(deciding: boolean, a: Ternary, b: Ternary): Ternary {
  if (a === deciding || b === deciding) return deciding;
  if (a === 'unknown' || b === 'unknown') return 'unknown';
  return a instanceof Fault ? a : b;
}
