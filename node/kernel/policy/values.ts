import type { Json } from '../../../crypto/canonical.ts';

/** Why an expression has no value: an unknown attribute in strict mode, an operand of the wrong kind. */
export class Fault {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
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
 * empty do not. In strict mode only true and false are conditions.
 */
export function truthOf(value: Value, strict: boolean): boolean | Fault {
  if (typeof value === 'boolean' || value instanceof Fault) return value;
  if (strict) return new Fault(`${kindOf(value)} is used as a condition`);
  if (value === undefined || value === null) return false;
  if (isList(value)) return value.length > 0;
  if (typeof value === 'object') return Object.keys(value).length > 0;
  return value !== 0 && value !== '';
}

/** Whether two values are the same JSON value; an absent attribute equals null. */
export function sameValue(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || a === null || b === undefined || b === null) return (a ?? null) === (b ?? null);
  if (isList(a) || isList(b)) {
    return isList(a) && isList(b) && a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  }
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length
    && names.every((name) => Object.hasOwn(b, name) && sameValue(memberOf(a, name), memberOf(b, name)));
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
