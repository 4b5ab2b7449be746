/** Operators of CEL on values that have none of them failed. Numbers never mix types here, and never overflow silently. */
import type { BinaryOperator } from '../ast.ts';
import type { StepBudget } from '../budget.ts';
import { Fault } from '../values.ts';
import { durationOf, timestampOf } from './time.ts';
import {
  CelMap, celEquals, celOrder, Duration, entryOf, isCelList, isCelMap, noOverload, numericOf, Optional, Timestamp, Uint,
  type CelResult, type CelValue,
} from './values.ts';

const int64_max = (1n << 63n) - 1n;
const int64_min = -(1n << 63n);
const uint64_max = (1n << 64n) - 1n;

/** An int, or a fault when it does not fit 64 bits. */
export function intOf(value: bigint): bigint | Fault {
  return value <= int64_max && value >= int64_min ? value : new Fault('the int overflows 64 bits');
}

/** A uint, or a fault when it does not fit 64 bits. */
export function uintOf(value: bigint): Uint | Fault {
  return value >= 0n && value <= uint64_max ? new Uint(value) : new Fault('the uint overflows 64 bits');
}

/** An operator as a function of its operands. */
export type Operation = (a: CelValue, b: CelValue, budget: StepBudget) => CelResult;

type Arithmetic = '+' | '-' | '*' | '/' | '%';

function wholes(operator: Arithmetic, a: bigint, b: bigint): bigint | Fault {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b === 0n ? new Fault('nothing can be divided by zero') : a / b;
    case '%':
      return b === 0n ? new Fault('nothing has a remainder by zero') : a % b;
  }
}

function doubles(operator: Arithmetic, a: number, b: number): number | undefined {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return undefined;
  }
}

function numbers(operator: Arithmetic): Operation {
  return (a, b) => {
    if (typeof a === 'bigint' && typeof b === 'bigint') {
      const value = wholes(operator, a, b);
      return value instanceof Fault ? value : intOf(value);
    }
    if (typeof a === 'number' && typeof b === 'number') return doubles(operator, a, b) ?? noOverload(operator, a, b);
    if (a instanceof Uint && b instanceof Uint) {
      const value = wholes(operator, a.value, b.value);
      return value instanceof Fault ? value : uintOf(value);
    }
    return noOverload(operator, a, b);
  };
}

const sum = numbers('+');
const difference = numbers('-');

const add: Operation = (a, b, budget) => {
  if (typeof a === 'string' && typeof b === 'string') return budget.chargeText(a.length + b.length) ?? a + b;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return budget.chargeText(a.length + b.length) ?? new Uint8Array(Buffer.concat([a, b]));
  if (isCelList(a) && isCelList(b)) return budget.charge(a.length + b.length) ?? [...a, ...b];
  if (a instanceof Duration && b instanceof Duration) return durationOf(a.nanoseconds + b.nanoseconds);
  if (a instanceof Timestamp && b instanceof Duration) return timestampOf(a.nanoseconds + b.nanoseconds);
  if (a instanceof Duration && b instanceof Timestamp) return timestampOf(a.nanoseconds + b.nanoseconds);
  return sum(a, b, budget);
};

const subtract: Operation = (a, b, budget) => {
  if (a instanceof Timestamp && b instanceof Timestamp) return durationOf(a.nanoseconds - b.nanoseconds);
  if (a instanceof Timestamp && b instanceof Duration) return timestampOf(a.nanoseconds - b.nanoseconds);
  if (a instanceof Duration && b instanceof Duration) return durationOf(a.nanoseconds - b.nanoseconds);
  return difference(a, b, budget);
};

function ordered(holds: (order: number) => boolean): Operation {
  return (a, b, budget) => {
    const order = (typeof a === 'string' ? budget.charge(a.length / 64) : undefined) ?? celOrder(a, b);
    return order instanceof Fault ? order : holds(order);
  };
}

/** Whether a value is in a list, or a key in a map. */
export const contained: Operation = (a, b, budget) => {
  if (isCelMap(b)) return entryOf(b, a) !== undefined;
  if (!isCelList(b)) return noOverload('in', a, b);
  const cost = budget.charge(b.length);
  if (cost !== undefined) return cost;
  for (const item of b) {
    const equal = celEquals(a, item, budget);
    if (equal !== false) return equal;
  }
  return false;
};

/** The operators but `and` and `or`. */
export const operations: { readonly [operator in Exclude<BinaryOperator, 'and' | 'or'>]: Operation } = {
  '==': celEquals,
  '!=': (a, b, budget) => {
    const equal = celEquals(a, b, budget);
    return equal instanceof Fault ? equal : !equal;
  },
  '<': ordered((order) => order < 0),
  '<=': ordered((order) => order <= 0),
  '>': ordered((order) => order > 0),
  '>=': ordered((order) => order >= 0),
  in: contained,
  '+': add,
  '-': subtract,
  '*': numbers('*'),
  '/': numbers('/'),
  '%': numbers('%'),
};

/** The negative of a number. */
export function negative(value: CelValue): CelResult {
  if (typeof value === 'bigint') return intOf(-value);
  return typeof value === 'number' ? -value : noOverload('-', value);
}

/** What a list, map or optional of them holds at an index or key; `undefined` when there is nothing. */
export function lookup(object: CelValue, key: CelValue): CelResult | undefined {
  if (isCelMap(object)) return entryOf(object, key);
  if (!isCelList(object)) return noOverload('[]', object, key);
  const at = numericOf(key);
  if (at === undefined) return noOverload('[]', object, key);
  const index = Number(at);
  return Number.isInteger(index) && index >= 0 ? object[index] : undefined;
}

/** `object[key]`: a fault when there is nothing; of an optional, an optional. */
export function indexed(object: CelValue, key: CelValue): CelResult {
  if (object instanceof Optional) return optionallyIndexed(object, key);
  const found = lookup(object, key);
  return found === undefined ? new Fault(`there is no ${isCelList(object) ? 'item' : 'key'} ${shown(key)}`) : found;
}

/** `object[?key]`: an optional. */
export function optionallyIndexed(object: CelValue, key: CelValue): CelResult {
  const inner = object instanceof Optional ? object.value : object;
  if (inner === undefined) return new Optional();
  const found = lookup(inner, key);
  return found instanceof Fault ? found : new Optional(found);
}

/** `has(object.name)`. */
export function hasMember(object: CelValue, name: string): CelResult {
  const inner = object instanceof Optional ? object.value : object;
  if (inner === undefined) return false;
  return isCelMap(inner) ? entryOf(inner, name) !== undefined : noOverload('has', inner);
}

/** `object.name`. */
export function selected(object: CelValue, name: string): CelResult {
  if (object instanceof Optional || isCelMap(object)) return indexed(object, name);
  return noOverload(`.${name}`, object);
}

function shown(key: CelValue): string {
  return typeof key === 'string' ? JSON.stringify(key.slice(0, 40)) : key instanceof Uint ? `${key.value}u` : typeof key === 'object' ? 'of that type' : String(key);
}

/** A map of entries; a fault for a key twice or of a type that cannot be one. */
export function mapOf(entries: readonly (readonly [CelValue, CelValue])[]): CelResult {
  const map = new CelMap();
  for (const [key, value] of entries) {
    const added = map.add(key, value);
    if (added === undefined) return noOverload('a map key', key);
    if (!added) return new Fault(`the key ${shown(key)} stands twice in a map`);
  }
  return map;
}
