/**
 * Values of CEL (github.com/google/cel-spec, langdef.md, "Values"). JSON values of
 * a request are values as they are, so that nothing is converted before a condition
 * asks: numbers are doubles, objects are maps. Whole numbers are bigints.
 */
import type { Json } from '../../../../crypto/canonical.ts';
import { value_depth_max } from '../bounds.ts';
import type { StepBudget } from '../budget.ts';
import { Fault, tooDeep } from '../values.ts';

/** An unsigned 64-bit number. */
export class Uint {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** A point in time: nanoseconds since 1970 began. */
export class Timestamp {
  readonly nanoseconds: bigint;

  constructor(nanoseconds: bigint) {
    this.nanoseconds = nanoseconds;
  }
}

/** A length of time in nanoseconds. */
export class Duration {
  readonly nanoseconds: bigint;

  constructor(nanoseconds: bigint) {
    this.nanoseconds = nanoseconds;
  }
}

/** A value or none. */
export class Optional {
  readonly value: CelValue | undefined;

  constructor(value?: CelValue) {
    this.value = value;
  }
}

/** The type of a value, as `type()` gives it. */
export class TypeValue {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A map that a condition built; numbers of all types are one key when they are equal. */
export class CelMap {
  readonly #entries = new Map<string, { readonly key: CelValue; readonly value: CelValue }>();

  /** Adds an entry. `false` when the key is there, `undefined` when its type cannot be one. */
  add(key: CelValue, value: CelValue): boolean | undefined {
    const name = typeof key === 'number' ? undefined : keyName(key);
    if (name === undefined) return undefined;
    if (this.#entries.has(name)) return false;
    this.#entries.set(name, { key, value });
    return true;
  }

  /** The value of a key. */
  get(key: CelValue): CelValue | undefined {
    const name = keyName(key);
    return name === undefined ? undefined : this.#entries.get(name)?.value;
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): Iterable<{ readonly key: CelValue; readonly value: CelValue }> {
    return this.#entries.values();
  }
}

/** Any value of CEL. */
export type CelValue =
  | null | boolean | bigint | number | string | Uint | Uint8Array | Timestamp | Duration | Optional | TypeValue | CelMap
  | readonly CelValue[] | { readonly [name: string]: Json };
/** A value, or why there is none. */
export type CelResult = CelValue | Fault;

function keyName(key: CelValue): string | undefined {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'boolean') return `b${key}`;
  if (typeof key === 'bigint') return `n${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  return typeof key === 'number' && Number.isInteger(key) ? `n${BigInt(key)}` : undefined;
}

/** Whether a value is a list. */
export function isCelList(value: CelResult): value is readonly CelValue[] {
  return Array.isArray(value);
}

/** Whether a value is an object of the request. */
export function isObject(value: CelResult): value is { readonly [name: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const made = Object.getPrototypeOf(value);
  return made === Object.prototype || made === null;
}

/** Whether a value is a map of either kind. */
export function isCelMap(value: CelResult): value is CelMap | { readonly [name: string]: Json } {
  return value instanceof CelMap || isObject(value);
}

/** The value of a key of a map. */
export function entryOf(map: CelMap | { readonly [name: string]: Json }, key: CelValue): CelValue | undefined {
  if (map instanceof CelMap) return map.get(key);
  return typeof key === 'string' && Object.hasOwn(map, key) ? map[key] : undefined;
}

/** The entries of a map in the order in which they were written. */
export function entriesOf(map: CelMap | { readonly [name: string]: Json }): readonly (readonly [CelValue, CelValue])[] {
  return map instanceof CelMap ? Array.from(map.entries(), ({ key, value }) => [key, value] as const) : Object.entries(map);
}

/** The name of a value's type. */
export function typeName(value: CelValue): string {
  if (value === null) return 'null_type';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'double';
  if (typeof value === 'string') return 'string';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof Optional) return 'optional_type';
  if (value instanceof TypeValue) return 'type';
  return isCelList(value) ? 'list' : 'map';
}

/** The fault of a function or operator that does not take these types. */
export function noOverload(name: string, ...values: readonly CelValue[]): Fault {
  return new Fault(`${name} does not take ${values.map(typeName).join(' and ')}`);
}

/** A number of any type as JavaScript has it. */
export function numericOf(value: CelValue): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Uint ? value.value : undefined;
}

/** Texts up to this length are compared at no cost beyond the step itself. */
const short_characters = 64;

/** The order of two numbers: a whole one beside a double is compared as a double, as the conformance suite has it. */
function orderOfNumbers(a: bigint | number, b: bigint | number): number {
  const [x, y] = typeof a === typeof b ? [a, b] : [Number(a), Number(b)];
  return x < y ? -1 : x > y ? 1 : x <= y ? 0 : Number.NaN;
}

/** Whether two values are equal: numbers across types, everything else only within its type. */
export function celEquals(a: CelValue, b: CelValue, budget: StepBudget, depth: number = 0): boolean | Fault {
  if (typeof a === 'string' && typeof b === 'string') {
    if (a.length !== b.length) return false;
    return (a.length > short_characters ? budget.charge(a.length / short_characters) : undefined) ?? a === b;
  }
  if (a === b) return true;
  const [x, y] = [numericOf(a), numericOf(b)];
  if (x !== undefined || y !== undefined) return x !== undefined && y !== undefined && orderOfNumbers(x, y) === 0;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanoseconds === b.nanoseconds;
  if (a instanceof Duration) return b instanceof Duration && a.nanoseconds === b.nanoseconds;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (a instanceof Optional) {
    if (!(b instanceof Optional)) return false;
    return a.value === undefined || b.value === undefined ? a.value === b.value : celEquals(a.value, b.value, budget, depth);
  }
  if (isCelList(a)) return isCelList(b) && a.length === b.length ? everyEqual(a.map((item, index) => [item, b[index]]), budget, depth + 1) : false;
  if (!isCelMap(a) || !isCelMap(b)) return false;
  const entries = entriesOf(a);
  const size = sizeOfMap(b);
  const cost = budget.charge(2 * (entries.length + size));
  if (cost !== undefined) return cost;
  return entries.length === size ? everyEqual(entries.map(([key, value]) => [value, entryOf(b, key)]), budget, depth + 1) : false;
}

function everyEqual(pairs: readonly (readonly [CelValue, CelValue | undefined])[], budget: StepBudget, depth: number): boolean | Fault {
  const cost = depth > value_depth_max ? tooDeep() : budget.charge(pairs.length);
  if (cost !== undefined) return cost;
  for (const [one, other] of pairs) {
    const equal = other === undefined ? false : celEquals(one, other, budget, depth);
    if (equal !== true) return equal;
  }
  return true;
}

/** How many entries a map has. */
export function sizeOfMap(map: CelMap | { readonly [name: string]: Json }): number {
  return map instanceof CelMap ? map.size : Object.keys(map).length;
}

/**
 * Orders two values: negative, zero or positive; NaN when a number is none.
 * A fault where the types have no order.
 */
export function celOrder(a: CelValue, b: CelValue): number | Fault {
  const [x, y] = [numericOf(a), numericOf(b)];
  if (x !== undefined && y !== undefined) return orderOfNumbers(x, y);
  if (typeof a === 'string' && typeof b === 'string') return orderOfTexts(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  const times = (a instanceof Timestamp && b instanceof Timestamp) || (a instanceof Duration && b instanceof Duration);
  if (times) return a.nanoseconds < b.nanoseconds ? -1 : a.nanoseconds > b.nanoseconds ? 1 : 0;
  return noOverload('an ordering', a, b);
}

/** Orders texts by code points; JavaScript would order by UTF-16 units, which puts U+1F600 before U+FFFF. */
function orderOfTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const [x, y] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? rankOf(x) - rankOf(y) : x - y;
  }
  return a.length - b.length;
}

function rankOf(unit: number): number {
  return unit >= 0xe000 ? unit - 0x2000 : unit + 0x2000;
}
