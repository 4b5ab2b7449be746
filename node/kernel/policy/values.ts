import type { Json } from '../../../crypto/canonical.ts';
import { compared_values_max, value_depth_max } from './bounds.ts';

/** Why an expression has no value: an unknown attribute in strict mode, an operand of the wrong kind. */
export class Fault {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** The fault of asking for an attribute that the request does not have. */
export class Absence extends Fault {}

/** A fault that no longer passes for an absent attribute: where one part of several is missing, the whole is not absent but unknown. */
export function firm(fault: Fault): Fault {
  return fault instanceof Absence ? new Fault(fault.reason) : fault;
}

/** What an expression gives; `undefined` is an attribute that the request does not have. */
export type Value = Json | undefined | Fault;

/** Whether a value is a list of JSON values. */
export function isList(value: Value): value is readonly Json[] {
  return Array.isArray(value);
}

/** Whether a value is a plain object. */
export function isRecord(value: Value): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Fault);
}

/**
 * Whether a value holds as a condition: false, null, absent, 0, '' and what is
 * empty do not. In strict mode only true and false are conditions. In a loop a
 * payer pays for looking into an object.
 */
export function truthOf(value: Value, strict: boolean, payer?: Payer): boolean | Fault {
  if (typeof value === 'boolean' || value instanceof Fault) return value;
  if (strict) return new Fault(`${kindOf(value)} is used as a condition`);
  if (value === undefined || value === null) return false;
  if (isList(value)) return value.length > 0;
  if (typeof value === 'object') {
    const { length } = Object.keys(value);
    return payer?.charge(length) ?? length > 0;
  }
  return value !== 0 && value !== '';
}

/** What pays for work that grows with its data: a fault when the steps are not left. */
export interface Payer {
  charge(steps: number): Fault | undefined;
}

/** Pays for the comparisons of one operator that nobody else pays for: a value built of itself is small and yet endless to compare. */
export class Comparison implements Payer {
  #left = compared_values_max;

  charge(steps: number): Fault | undefined {
    this.#left -= steps;
    return this.#left < 0 ? new Fault(`a comparison looks at no more than ${compared_values_max} values`) : undefined;
  }
}

/** Whether two values are the same JSON value; an absent attribute equals null. A fault where that cannot be paid for. */
export function sameValue(a: Json | undefined, b: Json | undefined, payer?: Payer, depth: number = 0): boolean | Fault {
  if (a === b) return true;
  if (a === undefined || a === null || b === undefined || b === null) return (a ?? null) === (b ?? null);
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  return depth > value_depth_max ? tooDeep() : sameContents(a, b, payer ?? new Comparison(), depth + 1);
}

/** The fault of a value that nests deeper than 256. */
export function tooDeep(): Fault {
  return new Fault(`a value nests deeper than ${value_depth_max}`);
}

function sameContents(a: Json & object, b: Json & object, payer: Payer, depth: number): boolean | Fault {
  const [names, others] = [Object.keys(a), Object.keys(b)];
  const cost = payer.charge(1 + names.length + others.length);
  if (cost !== undefined) return cost;
  if (isList(a) !== isList(b) || names.length !== others.length) return false;
  for (const name of names) {
    if (!Object.hasOwn(b, name)) return false;
    const same = sameValue(itemOf(a, name), itemOf(b, name), payer, depth);
    if (same !== true) return same;
  }
  return true;
}

function itemOf(value: Json & object, name: string): Json | undefined {
  return isList(value) ? value[Number(name)] : memberOf(value, name);
}

/** A field of an object, never one that it inherits; absent on anything that is no object. */
export function memberOf(value: Value, name: string): Json | undefined {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The kind of a value in words, for reasons. */
export function kindOf(value: Value): string {
  if (value === undefined) return 'an absent attribute';
  if (value === null) return 'null';
  if (isList(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
