/**
 * Quick ways to test a condition. Most conditions compare an attribute with a
 * constant; where both are of the kind that is expected, the comparison is done
 * on the spot, and in every other case the condition itself is asked. So a
 * shortcut never has a meaning of its own.
 */
import { childrenOf, pathOf, type BinaryOperator, type Expression } from './ast.ts';
import { Attribute, type Attributes } from './attribute.ts';
import type { Conjunct } from './compile.ts';
import { isComputed, type Scope } from './scope.ts';
import type { Fault } from './values.ts';

/** Whether something holds for a request. */
export type Test = (scope: Scope) => boolean | Fault;

/** What is done on the spot; `none` asks the condition. */
const comparisons = { none: 0, is_true: 1, is_false: 2, text: 3, number: 4, at_least: 5, above: 6, at_most: 7, below: 8, among: 9 } as const;
type Comparison = (typeof comparisons)[keyof typeof comparisons];

const orders: ReadonlyMap<BinaryOperator, Comparison> = new Map([
  ['>=', comparisons.at_least], ['>', comparisons.above], ['<=', comparisons.at_most], ['<', comparisons.below],
]);

/** The quick way to test an expression. */
interface Shortcut {
  readonly comparison: Comparison;
  readonly attribute: Attribute;
  readonly constant: string | number;
  readonly texts: ReadonlySet<unknown> | undefined;
}

/** A conjunct with the quick way to test it. */
export interface Part {
  readonly conjunct: Conjunct;
  readonly shortcut: Shortcut;
}

/** A part of a condition as it is tested, with those that follow it. */
export class Check {
  readonly next: Check | undefined;
  readonly #comparison: Comparison;
  readonly #attribute: Attribute;
  readonly #constant: string | number;
  readonly #texts: ReadonlySet<unknown> | undefined;
  readonly #test: Test;

  constructor(test: Test, { comparison, attribute, constant, texts }: Shortcut = no_shortcut, next?: Check) {
    this.next = next;
    this.#comparison = comparison;
    this.#attribute = attribute;
    this.#constant = constant;
    this.#texts = texts;
    this.#test = test;
  }

  /** Whether this part holds. */
  holds(scope: Scope): boolean | Fault {
    const comparison = this.#comparison;
    if (comparison === comparisons.none) return this.#test(scope);
    const value = this.#attribute.read(scope);
    const constant = this.#constant;
    if (typeof value === 'boolean') {
      if (comparison === comparisons.is_true) return value;
      if (comparison === comparisons.is_false) return !value;
    } else if (typeof value === 'string') {
      if (comparison === comparisons.text) return value === constant;
      if (comparison === comparisons.among && this.#texts !== undefined) return this.#texts.has(value);
    } else if (typeof value === 'number' && typeof constant === 'number') {
      if (comparison === comparisons.at_least) return value >= constant;
      if (comparison === comparisons.above) return value > constant;
      if (comparison === comparisons.at_most) return value <= constant;
      if (comparison === comparisons.below) return value < constant;
      if (comparison === comparisons.number) return value === constant;
    }
    return this.#test(scope);
  }
}

/** The parts of a condition, the cheap ones first. */
export function partsOf(conjuncts: readonly Conjunct[], attributes: Attributes): readonly Part[] {
  return conjuncts.map((conjunct) => ({ conjunct, cost: costOf(conjunct.expression), shortcut: shortcutOf(conjunct.expression, attributes) }))
    .sort((a, b) => a.cost - b.cost);
}

/** The checks of parts, in their order; `undefined` where there is nothing to be checked. */
export function checksOf(parts: readonly Part[]): Check | undefined {
  return parts.filter(({ conjunct }) => !isAlwaysTrue(conjunct.expression))
    .reduceRight<Check | undefined>((next, { conjunct, shortcut }) => new Check(conjunct.test, shortcut, next), undefined);
}

/** Whether all checks hold. Which of several faults it gives is not determined. */
export function allHold(first: Check | undefined, scope: Scope): boolean | Fault {
  let holds: boolean | Fault = true;
  for (let check = first; check !== undefined; check = check.next) {
    const one = check.holds(scope);
    // A false operand decides, beside a fault too.
    if (one === false) return false;
    if (one !== true) holds = one;
  }
  return holds;
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

function isAlwaysTrue(expression: Expression): boolean {
  return expression.kind === 'literal' && expression.value === true;
}

const nowhere = new Attribute([]);
const no_shortcut: Shortcut = { comparison: comparisons.none, attribute: nowhere, constant: 0, texts: undefined };

function shortcutOf(expression: Expression, attributes: Attributes): Shortcut {
  const compared = (side: Expression, comparison: Comparison, constant: string | number = 0, texts?: ReadonlySet<unknown>): Shortcut => {
    const path = pathOf(side);
    return path === undefined || !isField(path) ? no_shortcut : { comparison, attribute: attributes.of(path), constant, texts };
  };
  if (expression.kind === 'unary') return expression.operator === 'not' ? compared(expression.operand, comparisons.is_false) : no_shortcut;
  if (expression.kind !== 'binary') return compared(expression, comparisons.is_true);
  const { operator, left, right } = expression;
  if (operator === 'in') {
    const texts = textsOf(right);
    return texts === undefined ? no_shortcut : compared(left, comparisons.among, 0, texts);
  }
  const constant = constantOf(right);
  if (typeof constant === 'number') {
    const order = operator === '==' ? comparisons.number : orders.get(operator);
    return order === undefined ? no_shortcut : compared(left, order, constant);
  }
  if (operator !== '==' || constant === undefined) return no_shortcut;
  if (typeof constant === 'string') return compared(left, comparisons.text, constant);
  return compared(left, constant ? comparisons.is_true : comparisons.is_false);
}

/** The items of a list of nothing but texts. */
function textsOf(list: Expression): ReadonlySet<unknown> | undefined {
  const constants = list.kind === 'list' && list.optional === undefined ? list.items.map(constantOf) : [];
  return constants.length > 0 && constants.every((constant) => typeof constant === 'string') ? new Set(constants) : undefined;
}
