import * as cbor from '@ipld/dag-cbor';
import canonicalize from 'canonicalize';
import { equal, fromUtf8, utf8 } from './bytes.ts';
import { fail, messageOf, ok, type Result } from './result.ts';

/** A value that JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** RFC 8785 (JCS) text of a value. Throws on what JSON cannot carry, which only our own code can cause. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new Error('broken invariant: value has no JSON form');
  return text;
}

/** RFC 8785 (JCS) bytes of a value. */
export function canonicalJsonBytes(value: unknown): Uint8Array {
  return utf8(canonicalJson(value));
}

/** Objects and lists within each other in JSON from outside. */
export const json_depth_max = 64;

function isNestedWithin(value: Json, depth_left: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth_left > 0 && Object.values(value).every((inner: Json) => isNestedWithin(inner, depth_left - 1));
}

/**
 * Parses JSON that must already be in its RFC 8785 form, which rules out
 * duplicate keys, number tricks and every other second spelling. At most
 * {@link json_depth_max} levels deep.
 *
 * Fails with `JSON_INVALID` or `JSON_NOT_CANONICAL`.
 */
export function parseCanonicalJson(bytes: Uint8Array): Result<Json> {
  const text = fromUtf8(bytes);
  if (text === undefined) return fail('JSON_INVALID', 'the bytes are not UTF-8');
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail('JSON_INVALID', `not JSON: ${messageOf(error)}`);
  }
  if (!isNestedWithin(value, json_depth_max)) return fail('JSON_INVALID', `nested deeper than ${json_depth_max} levels`);
  try {
    if (canonicalJson(value) !== text) {
      return fail('JSON_NOT_CANONICAL', 'the JSON is not in its RFC 8785 form', {
        fix: 'serialise with JCS before signing',
      });
    }
  } catch (error) {
    return fail('JSON_NOT_CANONICAL', `the JSON has no RFC 8785 form: ${messageOf(error)}`);
  }
  return ok(value);
}

/** Deterministic DAG-CBOR bytes (the one encoding of everything binary that we sign or store). */
export function encodeCbor(value: unknown): Uint8Array {
  return cbor.encode(value);
}

/**
 * Decodes DAG-CBOR and insists that the bytes are its deterministic form.
 * Fails with `CBOR_INVALID` or `CBOR_NOT_CANONICAL`.
 */
export function decodeCbor(bytes: Uint8Array): Result<unknown> {
  let value: unknown;
  try {
    value = cbor.decode(bytes);
    if (!equal(cbor.encode(value), bytes)) {
      return fail('CBOR_NOT_CANONICAL', 'the CBOR is not in its deterministic form');
    }
  } catch (error) {
    return fail('CBOR_INVALID', `not DAG-CBOR: ${messageOf(error)}`);
  }
  return ok(value);
}

/** A plain object whose field values have not been looked at yet. */
export type Fields = { readonly [name: string]: unknown };

/** Whether a decoded value is an object (no array, no bytes) that has exactly the named fields, optional ones aside. */
export function hasShape(value: unknown, required: readonly string[], optional: readonly string[] = []): value is Fields {
  if (!isFields(value)) return false;
  const names = Object.keys(value);
  return required.every((name) => Object.hasOwn(value, name))
    && names.every((name) => required.includes(name) || optional.includes(name));
}

/** Whether a decoded value is a plain object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Whether a decoded value is a whole number from 0 to 2^53 - 1. */
export function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Whether a decoded value is a list of strings. */
export function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
