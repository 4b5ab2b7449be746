/** Functions on lists, optionals and bytes: CEL's lists, sets, optional and encoders extensions. */
import { value_depth_max } from '../bounds.ts';
import type { StepBudget } from '../budget.ts';
import { Fault, tooDeep } from '../values.ts';
import { takes, type CelFunction, type CelFunctions } from './function.ts';
import { contained } from './operators.ts';
import {
  celOrder, Duration, isCelList, isCelMap, noOverload, Optional, sizeOfMap, Timestamp, Uint, type CelResult, type CelValue,
} from './values.ts';

const base64_pattern = /^[A-Za-z0-9+/]*={0,2}$/;

function list(name: string, use: (items: readonly CelValue[], budget: StepBudget) => CelResult): CelFunction {
  return takes(1, ([value = null], budget) => (isCelList(value) ? budget.charge(1 + value.length) ?? use(value, budget) : noOverload(name, value)));
}

function flattened(items: readonly CelValue[], depth: number, budget: StepBudget, level: number = 0): readonly CelValue[] | Fault {
  if (level > value_depth_max) return tooDeep();
  const flat: CelValue[] = [];
  for (const item of items) {
    const inner = isCelList(item) && depth > 0 ? flattened(item, depth - 1, budget, level + 1) : [item];
    if (inner instanceof Fault) return inner;
    const cost = budget.charge(1 + inner.length);
    if (cost !== undefined) return cost;
    for (const value of inner) flat.push(value);
  }
  return flat;
}

function distinct(items: readonly CelValue[], budget: StepBudget): CelResult {
  const kept: CelValue[] = [];
  for (const item of items) {
    const known = contained(item, kept, budget);
    if (known instanceof Fault) return known;
    if (known === false) kept.push(item);
  }
  return kept;
}

/** Items in the order of their keys, which must be of one type that has an order. */
export function sortedBy(items: readonly CelValue[], keys: readonly CelValue[], budget: StepBudget): CelResult {
  const weight = keys.reduce((sum: number, key) => sum + 1 + (typeof key === 'string' ? key.length / 64 : 0), 0);
  const cost = budget.charge(weight * (1 + Math.log2(items.length + 1)));
  if (cost !== undefined) return cost;
  let fault: Fault | undefined;
  const places = items.map((_, index) => index).sort((a, b) => {
    const order = celOrder(keys[a] ?? null, keys[b] ?? null);
    if (order instanceof Fault) fault = order;
    return order instanceof Fault || Number.isNaN(order) ? 0 : order;
  });
  if (fault === undefined && items.length === 1) {
    const order = celOrder(keys[0] ?? null, keys[0] ?? null);
    if (order instanceof Fault) return order;
  }
  return fault ?? places.map((place) => items[place] ?? null);
}

const slice: CelFunction = takes(3, ([items = null, from = null, to = null], budget) => {
  if (!isCelList(items) || typeof from !== 'bigint' || typeof to !== 'bigint') return noOverload('slice', items, from, to);
  if (from < 0n || to < from || to > BigInt(items.length)) return new Fault(`the range ${from} to ${to} is out of range`);
  return budget.charge(Number(to - from)) ?? items.slice(Number(from), Number(to));
});

const range: CelFunction = takes(1, ([count = null], budget) => {
  if (typeof count !== 'bigint') return noOverload('lists.range', count);
  return budget.charge(Number(count)) ?? Array.from({ length: Math.max(0, Number(count)) }, (_, index) => BigInt(index));
});

/** Whether a value is the empty one of its type. */
function isZero(value: CelValue, budget: StepBudget): boolean | Fault {
  if (value === null || value === false || value === 0 || value === 0n || value === '') return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Uint8Array || isCelList(value)) return value.length === 0;
  if (value instanceof Timestamp || value instanceof Duration) return value.nanoseconds === 0n;
  if (value instanceof Optional) return value.value === undefined;
  if (!isCelMap(value)) return false;
  const size = sizeOfMap(value);
  return budget.charge(size) ?? size === 0;
}

function optional(name: string, use: (value: Optional) => CelResult): CelFunction {
  return takes(1, ([value = null]) => (value instanceof Optional ? use(value) : noOverload(name, value)));
}

function sets(name: string, holds: (a: readonly CelValue[], b: readonly CelValue[], budget: StepBudget) => CelResult): CelFunction {
  return takes(2, ([a = null, b = null], budget) => (isCelList(a) && isCelList(b) ? holds(a, b, budget) : noOverload(name, a, b)));
}

function containsAll(whole: readonly CelValue[], part: readonly CelValue[], budget: StepBudget): boolean | Fault {
  for (const item of part) {
    const known = contained(item, whole, budget);
    if (known !== true) return known instanceof Fault ? known : false;
  }
  return true;
}

/** The functions on lists, sets, optionals and base64 texts. */
export const collections: CelFunctions = {
  '.slice': slice,
  'lists.range': range,
  '.flatten': takes(1, ([items = null, depth = 1n], budget) => {
    if (!isCelList(items) || typeof depth !== 'bigint') return noOverload('flatten', items, depth);
    return depth < 0n ? new Fault('flatten does not take a negative depth') : flattened(items, Number(depth), budget);
  }, 2),
  '.distinct': list('distinct', distinct),
  '.reverse': takes(1, ([value = null], budget) => {
    if (typeof value === 'string') return budget.chargeCharacters(value.length) ?? Array.from(value).reverse().join('');
    return isCelList(value) ? budget.charge(value.length) ?? [...value].reverse() : noOverload('reverse', value);
  }),
  '.sort': list('sort', (items, budget) => sortedBy(items, items, budget)),
  '.first': list('first', (items) => new Optional(items[0])),
  '.last': list('last', (items) => new Optional(items.at(-1))),
  'sets.contains': sets('sets.contains', containsAll),
  'sets.equivalent': sets('sets.equivalent', (a, b, budget) => {
    const one = containsAll(a, b, budget);
    return one === true ? containsAll(b, a, budget) : one;
  }),
  'sets.intersects': sets('sets.intersects', (a, b, budget) => {
    for (const item of a) {
      const known = contained(item, b, budget);
      if (known !== false) return known;
    }
    return false;
  }),
  'optional.of': takes(1, ([value = null]) => new Optional(value)),
  'optional.none': takes(0, () => new Optional()),
  'optional.ofNonZeroValue': takes(1, ([value = null], budget) => {
    const zero = isZero(value, budget);
    return zero instanceof Fault ? zero : new Optional(zero ? undefined : value);
  }),
  '.hasValue': optional('hasValue', (value) => value.value !== undefined),
  '.value': optional('value', (value) => (value.value === undefined ? new Fault('the optional has no value') : value.value)),
  '.orValue': takes(2, ([value = null, otherwise = null]) => {
    if (!(value instanceof Optional)) return noOverload('orValue', value);
    return value.value === undefined ? otherwise : value.value;
  }),
  '.or': takes(2, ([value = null, otherwise = null]) => {
    if (!(value instanceof Optional) || !(otherwise instanceof Optional)) return noOverload('or', value, otherwise);
    return value.value === undefined ? otherwise : value;
  }),
  'base64.encode': takes(1, ([value = null], budget) => (value instanceof Uint8Array
    ? budget.chargeText(value.length * 2) ?? Buffer.from(value).toString('base64')
    : noOverload('base64.encode', value))),
  'base64.decode': takes(1, ([value = null], budget) => {
    if (typeof value !== 'string') return noOverload('base64.decode', value);
    const cost = budget.chargeText(value.length);
    if (cost !== undefined) return cost;
    return base64_pattern.test(value) ? new Uint8Array(Buffer.from(value, 'base64')) : new Fault('the text is not base64');
  }),
};
