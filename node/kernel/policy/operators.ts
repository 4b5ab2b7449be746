/** Operators of the policy language: JSON values, doubles, and absent attributes that equal null. */
import type { Json } from '../../../crypto/canonical.ts';
import type { BinaryOperator } from './ast.ts';
import { built_characters_max, built_items_max } from './bounds.ts';
import type { Evaluator } from './compile.ts';
import { Comparison, Fault, isList, isRecord, kindOf, sameValue, truthOf, type Payer, type Value } from './values.ts';

// A fault beside an operand that decides alone does not matter, on whichever side it
// stands: so the order of operands, and an index that skips some, never change a verdict.
/** `and` and `or`: the operand that is `deciding` decides, on whichever side it stands. */
export function junction(deciding: boolean, left: Evaluator, right: Evaluator, strict: boolean, payer?: Payer): Evaluator {
  return (scope) => {
    const a = truthOf(left(scope), strict, payer);
    if (a === deciding) return deciding;
    const b = truthOf(right(scope), strict, payer);
    if (b === deciding) return deciding;
    return a instanceof Fault ? a : b;
  };
}

/** An operator as a function of its operands. */
export type Operation = (a: Json | undefined, b: Json | undefined, payer: Payer | undefined) => Value;

/** The operators but `and` and `or`; an absent attribute is in no order with anything. In a loop, a payer pays for what is large. */
export const operations: { readonly [operator in Exclude<BinaryOperator, 'and' | 'or'>]: Operation } = {
  '==': (a, b, payer) => sizeCharge(payer, a, b) ?? sameValue(a, b, payer),
  '!=': (a, b, payer) => {
    const same = sizeCharge(payer, a, b) ?? sameValue(a, b, payer);
    return same instanceof Fault ? same : !same;
  },
  '<': ordering((order) => order < 0),
  '<=': ordering((order) => order <= 0),
  '>': ordering((order) => order > 0),
  '>=': ordering((order) => order >= 0),
  in: (a, b, payer) => {
    if (isList(b)) return among(a, b, payer);
    if (b === undefined || b === null) return false;
    if (isRecord(b)) return typeof a === 'string' && Object.hasOwn(b, a);
    if (typeof b !== 'string') return new Fault(`nothing is in ${kindOf(b)}`);
    return typeof a === 'string' && (sizeCharge(payer, a, b) ?? b.includes(a));
  },
  '+': (a, b, payer) => {
    if (typeof a === 'string' && typeof b === 'string') return sizeCharge(payer, a, b) ?? tooLong(a.length + b.length, built_characters_max) ?? a + b;
    if (isList(a) && isList(b)) return sizeCharge(payer, a, b) ?? tooLong(a.length + b.length, built_items_max) ?? [...a, ...b];
    return arithmetic('+', a, b, (x, y) => x + y);
  },
  '-': (a, b) => arithmetic('-', a, b, (x, y) => x - y),
  '*': (a, b) => arithmetic('*', a, b, (x, y) => x * y),
  '/': (a, b) => arithmetic('/', a, b, (x, y) => x / y),
  '%': (a, b) => arithmetic('%', a, b, (x, y) => x % y),
};

const characters_per_step = 16;

/** Pays for looking through two values, once each. */
export function sizeCharge(payer: Payer | undefined, a: Json | undefined, b: Json | undefined): Fault | undefined {
  return payer === undefined ? undefined : payer.charge(sizeOf(a) + sizeOf(b));
}

function sizeOf(value: Json | undefined): number {
  if (typeof value === 'string') return value.length / characters_per_step;
  return isList(value) ? value.length : isRecord(value) ? Object.keys(value).length : 0;
}

function tooLong(length: number, most: number): Fault | undefined {
  return length > most ? new Fault(`a value of ${length} parts is too long, ${most} are allowed`) : undefined;
}

/** Whether a list has an item. */
export function among(item: Json | undefined, list: readonly Json[], payer: Payer | undefined): boolean | Fault {
  const cost = sizeCharge(payer, list, undefined);
  if (cost !== undefined) return cost;
  const comparison = payer ?? new Comparison();
  for (const other of list) {
    const same = sameValue(item, other, comparison);
    if (same !== false) return same;
  }
  return false;
}

function ordering(holds: (order: number) => boolean): Operation {
  return (a, b, payer) => {
    if (a === undefined || a === null || b === undefined || b === null) return false;
    if (typeof a === 'number' && typeof b === 'number') return holds(a - b);
    if (typeof a === 'string' && typeof b === 'string') return sizeCharge(payer, a, b) ?? holds(a < b ? -1 : a > b ? 1 : 0);
    return new Fault(`${kindOf(a)} has no order with ${kindOf(b)}`);
  };
}

const orders: ReadonlySet<BinaryOperator> = new Set(['<', '<=', '>', '>=']);

/** Whether an operator asks for an order. */
export function isOrder(operator: BinaryOperator): boolean {
  return orders.has(operator);
}

/** An order in strict mode: a null is as little in it as an absent attribute, or giving one would make a denial false. */
export function strictly(order: Operation): Operation {
  return (a, b, payer) => (a === null || b === null ? new Fault('null has no order') : order(a, b, payer));
}

function arithmetic(name: string, a: Json | undefined, b: Json | undefined, apply: (x: number, y: number) => number): Value {
  if (typeof a !== 'number' || typeof b !== 'number') return new Fault(`${kindOf(a)} ${name} ${kindOf(b)} has no value`);
  const result = apply(a, b);
  return Number.isFinite(result) ? result : new Fault(`${a} ${name} ${b} has no value`);
}
