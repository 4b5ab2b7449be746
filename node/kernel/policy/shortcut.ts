/**
 * Quick ways to test a condition. Most conditions compare an attribute with a
 * constant; where both are of the kind that is expected, the comparison is done
 * on the spot, and in every other case the condition itself is asked. So a
 * shortcut never has a meaning of its own.
 */
import type { Json } from '../../../crypto/canonical.ts';
import { childrenOf, pathOf, type Expression } from './ast.ts';
import type { Conjunct } from './compile.ts';
import { fieldOf, isComputed, type Scope } from './scope.ts';
import { memberOf, type Fault, type Value } from './values.ts';

/** Whether something holds for a request. */
export type Test = (scope: Scope) => boolean | Fault;

/** A conjunct with the quick way to test it. */
export interface Part {
  readonly conjunct: Conjunct;
  readonly test: Test;
}

/** The parts of a condition, the cheap ones first. */
export function partsOf(conjuncts: readonly Conjunct[]): readonly Part[] {
  return conjuncts.map((conjunct) => ({ conjunct, cost: costOf(conjunct.expression), test: quickly(conjunct.expression, conjunct.test) }))
    .sort((a, b) => a.cost - b.cost);
}

/** A test that is true when all parts are, tried in their order. Which of several faults it gives is not determined. */
export function testOf(parts: readonly Part[]): Test {
  const tests = parts.map(({ test }) => test);
  const [first, second, third] = tests;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (third === undefined) return both(first, second);
  return all(tests);
}

/** A false operand decides, beside a fault too. */
function both(first: Test, second: Test): Test {
  return (scope) => {
    const a = first(scope);
    if (a === false) return false;
    const b = second(scope);
    return b === false || a === true ? b : a;
  };
}

function all(tests: readonly Test[]): Test {
  return (scope) => {
    let holds: boolean | Fault = true;
    for (const test of tests) {
      const one = test(scope);
      if (one === false) return false;
      if (one !== true) holds = one;
    }
    return holds;
  };
}

/** How dear an expression is: 0 for plain attributes, 1 where it calls a function, 2 where a detector is asked. */
function costOf(expression: Expression): 0 | 1 | 2 {
  const path = pathOf(expression);
  if (path !== undefined) return isComputed(path[0] ?? '') && (path[0] !== 'data' || path[1] === 'contains_pii') ? 2 : 0;
  if (expression.kind === 'call' && expression.name === 'within') return 2;
  let cost: 0 | 1 | 2 = expression.kind === 'call' || expression.kind === 'macro' ? 1 : 0;
  for (const child of childrenOf(expression)) {
    const inner = costOf(child);
    if (inner > cost) cost = inner;
  }
  return cost;
}

/** How an attribute is read, the ones that most rules ask for without a search. */
export function readerOf(path: readonly string[]): (scope: Scope) => Value {
  const [root = '', name = '', ...more] = path;
  if (path.length === 2 && root === 'action') return name === 'type' ? (scope) => scope.action_type : (scope) => fieldOf(scope.action, name);
  if (path.length === 2 && root === 'agent') return name === 'trust_score' ? (scope) => scope.trust_score : (scope) => fieldOf(scope.agent, name);
  if (path.length === 2 && root === 'data') return (scope) => fieldOf(scope.data, name);
  if (path.length === 1) return (scope) => scope.root(root);
  return (scope) => more.reduce((value: Value, inner) => memberOf(value, inner), memberOf(scope.root(root), name));
}

function quickly(expression: Expression, test: Test): Test {
  if (expression.kind === 'literal') return expression.value === true ? () => true : test;
  if (expression.kind === 'unary') return expression.operator === 'not' ? truth(expression.operand, true, test) : test;
  if (expression.kind !== 'binary') return truth(expression, false, test);
  const { operator, left, right } = expression;
  const path = pathOf(left);
  if (path === undefined || !isField(path)) return test;
  const read = readerOf(path);
  if (operator === 'in') return membership(read, right, test);
  const constant = constantOf(right);
  if (operator === '==' && constant !== undefined) return equality(read, constant, test);
  return typeof constant === 'number' ? order(operator, read, constant, test) : test;
}

/** Whether an attribute is a field of the request, and not what a detector computes under that name. */
export function isField(path: readonly string[]): boolean {
  return path[0] === 'data' ? path[1] !== 'contains_pii' : !isComputed(path[0] ?? '');
}

/** A constant whose comparison with a JSON value is the same in every mode: whole numbers only as far as they are exact. */
export function constantOf(expression: Expression): string | number | boolean | undefined {
  if (expression.kind !== 'literal' || expression.value === null) return undefined;
  const { value, integer } = expression;
  return typeof value === 'number' && integer !== undefined && !Number.isSafeInteger(value) ? undefined : value;
}

function truth(expression: Expression, negated: boolean, test: Test): Test {
  const path = pathOf(expression);
  if (path === undefined || !isField(path)) return test;
  const read = readerOf(path);
  return (scope) => {
    const value = read(scope);
    return typeof value === 'boolean' ? value !== negated : test(scope);
  };
}

function equality(read: (scope: Scope) => Value, constant: string | number | boolean, test: Test): Test {
  const kind = typeof constant;
  return (scope) => {
    const value = read(scope);
    return typeof value === kind ? value === constant : test(scope);
  };
}

function membership(read: (scope: Scope) => Value, list: Expression, test: Test): Test {
  const constants = list.kind === 'list' && list.optional === undefined ? list.items.map(constantOf) : [];
  if (constants.length === 0 || !constants.every((item) => typeof item === 'string')) return test;
  const among: ReadonlySet<Json> = new Set(constants);
  return (scope) => {
    const value = read(scope);
    return typeof value === 'string' ? among.has(value) : test(scope);
  };
}

function order(operator: string, read: (scope: Scope) => Value, constant: number, test: Test): Test {
  const compared = (holds: (value: number) => boolean): Test => (scope) => {
    const value = read(scope);
    return typeof value === 'number' ? holds(value) : test(scope);
  };
  switch (operator) {
    case '>=':
      return compared((value) => value >= constant);
    case '>':
      return compared((value) => value > constant);
    case '<=':
      return compared((value) => value <= constant);
    case '<':
      return compared((value) => value < constant);
    default:
      return test;
  }
}
