/** What an atom asks about its attribute, and with that whether a cell settles it. */
import type { Json } from '../../../../crypto/canonical.ts';
import { childrenOf, pathOf, type Expression } from '../ast.ts';
import { isIsland } from '../island.ts';
import type { Cell, Mentioned } from './cells.ts';
import { textMatching } from './patterns.ts';

/**
 * `comparison`: with literals. `text`: about the inside of a text. `element`: whether something is in it.
 * `open`: anything else, of which only single values settle the outcome.
 */
export type Question = 'comparison' | 'text' | 'element' | 'open';

/** The attributes that an expression reads; `undefined` where that cannot be told. */
export function pathsOf(expression: Expression): readonly (readonly string[])[] | undefined {
  const path = pathOf(expression);
  if (path !== undefined) return [path];
  if (expression.kind === 'macro' || expression.kind === 'message') return undefined;
  const paths = new Map<string, readonly string[]>();
  for (const child of childrenOf(expression)) {
    const inner = pathsOf(child);
    if (inner === undefined) return undefined;
    for (const one of inner) paths.set(one.join('\0'), one);
  }
  return [...paths.values()];
}

/** The value of an expression that is written out, wrapped. */
export function literalOf(expression: Expression): { readonly value: Json } | undefined {
  if (expression.kind === 'literal') {
    const exact = expression.integer === undefined || Number.isSafeInteger(expression.value);
    return exact ? { value: expression.value } : undefined;
  }
  if (expression.kind === 'unary' && expression.operator === '-') {
    const operand = literalOf(expression.operand);
    return typeof operand?.value === 'number' ? { value: -operand.value } : undefined;
  }
  if (expression.kind !== 'list' || expression.optional !== undefined) return undefined;
  const items = expression.items.map(literalOf);
  const values = items.flatMap((item) => (item === undefined ? [] : [item.value]));
  return values.length === items.length ? { value: values } : undefined;
}

/** What an expression about one attribute asks; adds what it mentions to that attribute. */
export function questionOf(expression: Expression, mentioned: Mentioned): Question {
  if (pathOf(expression) !== undefined) return 'comparison';
  if (expression.kind === 'call') return questionOfCall(expression, mentioned);
  if (expression.kind !== 'binary') return 'open';
  const { operator, left, right } = expression;
  const on_left = pathOf(left) !== undefined;
  const literal = literalOf(on_left ? right : left);
  mentionSizes(expression, mentioned);
  if (literal === undefined || (!on_left && pathOf(right) === undefined)) return 'open';
  if (operator === 'in') return on_left ? questionOfMembership(literal.value, mentioned) : elementQuestion(literal.value, mentioned);
  if (operator === '==' || operator === '!=') {
    mention(literal.value, mentioned);
    return 'comparison';
  }
  if (operator !== '<' && operator !== '<=' && operator !== '>' && operator !== '>=') return 'open';
  mention(literal.value, mentioned);
  if (typeof literal.value !== 'string') return 'comparison';
  addPredicate('order', literal.value, mentioned);
  return 'text';
}

function questionOfMembership(value: Json, mentioned: Mentioned): Question {
  if (!Array.isArray(value)) return 'open';
  for (const item of value) mention(item, mentioned);
  return 'comparison';
}

function elementQuestion(value: Json, mentioned: Mentioned): Question {
  mentioned.elements.set(JSON.stringify(value), value);
  if (typeof value === 'string') addPredicate('contains', value, mentioned);
  return 'element';
}

function questionOfCall({ name, arguments: given }: Expression & { kind: 'call' }, mentioned: Mentioned): Question {
  const [subject, argument] = given;
  if (subject === undefined || pathOf(subject) === undefined) return 'open';
  if (name === 'has' && given.length === 1) return 'comparison';
  const literal = argument === undefined || given.length !== 2 ? undefined : literalOf(argument);
  if (literal === undefined) return 'open';
  if (name === 'contains') return elementQuestion(literal.value, mentioned);
  if (name === 'matches' && typeof literal.value === 'string') mention(textMatching(literal.value) ?? '', mentioned);
  if ((name !== 'startsWith' && name !== 'endsWith') || typeof literal.value !== 'string') return 'open';
  addPredicate(name, literal.value, mentioned);
  return 'text';
}

function mention(value: Json, { numbers, texts, lists }: Mentioned): void {
  if (typeof value === 'number') numbers.add(value);
  else if (typeof value === 'string') texts.add(value);
  else if (Array.isArray(value)) lists.add(JSON.stringify(value));
}

const size_max = 32;

/** For a comparison of a size: lists and texts that are as long, shorter by one and longer by one. */
function mentionSizes({ left, right }: Expression & { kind: 'binary' }, { lists, texts }: Mentioned): void {
  const call = left.kind === 'call' ? left : right;
  const size = literalOf(left.kind === 'call' ? right : left)?.value;
  if (call.kind !== 'call' || call.name !== 'size' || typeof size !== 'number' || !(size >= 0 && size <= size_max)) return;
  for (const length of [size - 1, size, size + 1].map(Math.floor).filter((one) => one >= 0)) {
    lists.add(JSON.stringify(Array.from({ length }, (_, index) => index)));
    texts.add('x'.repeat(length));
  }
}

function addPredicate(kind: 'startsWith' | 'endsWith' | 'contains' | 'order', text: string, { predicates }: Mentioned): void {
  predicates.set(`${kind} ${text}`, { kind, text });
}

/** Whether all values of a cell give the same answer to a question. */
export function settles(cell: Cell, question: Question): boolean {
  if (cell.point) return true;
  if (question === 'open') return false;
  if (question === 'comparison') return true;
  if (cell.kind === 'text') return cell.settled;
  return question === 'text' || cell.settled;
}

/** Whether evaluating an expression pays steps that a payload can multiply. */
export function pays(expression: Expression, mode: 'policy' | 'cel'): boolean {
  if (expression.kind === 'macro') return true;
  if (mode === 'policy') {
    if (isIsland(expression) || (expression.kind === 'call' && expression.name === 'matches')) return true;
  } else if (expression.kind === 'call') {
    if (expression.name !== 'has') return true;
  } else if (expression.kind === 'binary' && expression.operator !== 'and' && expression.operator !== 'or') {
    const literals = expression.operator === 'in' ? [expression.right] : [expression.left, expression.right];
    if (!literals.some((side) => literalOf(side) !== undefined)) return true;
  }
  return childrenOf(expression).some((child) => pays(child, mode));
}

/** Whether the expression asks where paths lead, which no attribute of the request says. */
export function asksForPaths(expression: Expression): boolean {
  return (expression.kind === 'call' && expression.name === 'within') || childrenOf(expression).some(asksForPaths);
}

/** The folders that an expression confines paths to. */
export function foldersOf(expression: Expression): readonly string[] {
  const own = expression.kind === 'call' && expression.name === 'within'
    ? expression.arguments.flatMap((item) => (item.kind === 'literal' && typeof item.value === 'string' ? [item.value] : []))
    : [];
  return [...own, ...childrenOf(expression).flatMap(foldersOf)];
}
