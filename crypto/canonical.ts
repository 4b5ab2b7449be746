import * as cbor from '@ipld/dag-cbor';
import canonicalize from 'canonicalize';
import { equal, fromUtf8, utf8 } from './bytes.ts';
import { fail, messageOf, ok, type Result } from './result.ts';

/** A value that JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** That a value is not plain JSON, so that its form is the library's to find. */
const not_plain: unique symbol = Symbol('not plain');

/**
 * The value with the names of every object in the order of RFC 8785, in which the
 * engine writes them; whatever is in order is not copied. Most of what is written
 * is, but for a small object here and there.
 */
function inOrder(value: unknown, depth_left: number): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : not_plain;
  if (typeof value !== 'object' || depth_left === 0) return not_plain;
  if (Array.isArray(value)) return itemsInOrder(value, depth_left - 1);
  return isFields(value) && Object.getPrototypeOf(value) === Object.prototype ? fieldsInOrder(value, depth_left - 1) : not_plain;
}

function itemsInOrder(items: readonly unknown[], depth_left: number): unknown {
  let copy: unknown[] | undefined;
  for (const [index, item] of items.entries()) {
    const inner = inOrder(item, depth_left);
    if (inner === not_plain) return not_plain;
    if (inner !== item) (copy ??= [...items])[index] = inner;
  }
  return copy ?? items;
}

function fieldsInOrder(fields: Fields, depth_left: number): unknown {
  const names = Object.keys(fields);
  let before = '';
  let is_sorted = true;
  let copy: { [name: string]: unknown } | undefined;
  for (const name of names) {
    const first = name.charCodeAt(0);
    // Names that are numbers are not kept in the order in which they are set, and one name is not set at all.
    if ((first >= 0x30 && first <= 0x39) || name === '__proto__') return not_plain;
    const inner = inOrder(fields[name], depth_left);
    if (inner === not_plain) return not_plain;
    if (inner !== fields[name]) (copy ??= { ...fields })[name] = inner;
    if (name < before) is_sorted = false;
    before = name;
  }
  const found = copy ?? fields;
  if (is_sorted) return found;
  const sorted: { [name: string]: unknown } = {};
  for (const name of names.sort()) sorted[name] = found[name];
  return sorted;
}

/** RFC 8785 (JCS) text of a value. Throws on what JSON cannot carry, which only our own code can cause. */
export function canonicalJson(value: unknown): string {
  const ordered = inOrder(value, json_depth_max);
  if (ordered !== not_plain) {
    const text = JSON.stringify(ordered);
    // A lone surrogate, which has no canonical form, is escaped.
    if (!text.includes('\\ud')) return text;
  }
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
/** Values and names in one JSON text from outside, those within others included: what bounds the work on a text of many tiny values. */
export const json_values_max = 32_768;

/** Whether a JSON text has more than {@link json_values_max} values and names, by the marks that open or separate them; asked before it is parsed. */
export function isCrowded(text: string): boolean {
  // Every value takes a character and what separates it from the next another one.
  if (text.length <= json_values_max) return false;
  let marks = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) {
      for (at += 1; at < text.length && text.charCodeAt(at) !== 0x22; at += 1) if (text.charCodeAt(at) === 0x5c) at += 1;
    } else if (unit === 0x2c || unit === 0x3a || unit === 0x5b || unit === 0x7b) {
      marks += 1;
      if (marks > json_values_max) return true;
    }
  }
  return false;
}

/** Whether no list or object lies deeper than this. */
function isNestedWithin(value: Json, depth_left: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth_left > 0 && Object.values(value).every((inner: Json) => isNestedWithin(inner, depth_left - 1));
}

/** Whether the names of every object stand in the order of RFC 8785 and are none that the parser moves: it sorts names that are numbers by their value. */
function isOrdered(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isOrdered);
  let before = '';
  for (const [name, inner] of Object.entries(value)) {
    const first = name.charCodeAt(0);
    if (name < before || (first >= 0x30 && first <= 0x39) || !isOrdered(inner)) return false;
    before = name;
  }
  return true;
}

/**
 * Whether the text is the RFC 8785 form of the value that it was parsed to.
 * Numbers and strings have the form that JSON.stringify gives them, all but
 * lone surrogates; so most texts are decided without sorting.
 */
function isCanonical(text: string, value: Json): boolean {
  if (JSON.stringify(value) === text && isOrdered(value) && !text.includes('\\ud')) return true;
  try {
    return canonicalJson(value) === text;
  } catch {
    return false;
  }
}

/**
 * Parses JSON that must already be in its RFC 8785 form, which rules out
 * duplicate keys, number tricks and every other second spelling. At most
 * {@link json_depth_max} levels deep and {@link json_values_max} values long.
 *
 * Fails with `JSON_INVALID` or `JSON_NOT_CANONICAL`.
 */
export function parseCanonicalJson(bytes: Uint8Array): Result<Json> {
  const text = fromUtf8(bytes);
  if (text === undefined) return fail('JSON_INVALID', 'the bytes are not UTF-8');
  if (isCrowded(text)) return fail('JSON_INVALID', `more than ${json_values_max} values`);
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail('JSON_INVALID', `not JSON: ${messageOf(error)}`);
  }
  if (!isNestedWithin(value, json_depth_max)) return fail('JSON_INVALID', `nested deeper than ${json_depth_max} levels`);
  if (!isCanonical(text, value)) {
    return fail('JSON_NOT_CANONICAL', 'the JSON is not in its RFC 8785 form', { fix: 'serialise with JCS before signing' });
  }
  return ok(value);
}

/** Deterministic DAG-CBOR bytes (the one encoding of everything binary that we sign or store). */
export function encodeCbor(value: unknown): Uint8Array {
  return cbor.encode(value);
}

/** Lists and maps within each other in CBOR from outside. */
export const cbor_depth_max = 64;
/** Values in one CBOR item from outside, those within others included. A field of a map counts three times, because it costs as much. */
export const cbor_values_max = 49_152;

/** The argument of a CBOR head (RFC 8949 section 3) and where it ends, or `undefined` where there is none that DAG-CBOR knows. */
function cborArgument(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
  const info = (bytes[at] ?? 0) & 31;
  if (info < 24) return { value: info, end: at + 1 };
  if (info > 27) return undefined;
  const end = at + 1 + 2 ** (info - 24);
  let value = 0;
  for (const byte of bytes.subarray(at + 1, end)) value = value * 256 + byte;
  return { value, end };
}

/**
 * Why the bytes are not worth decoding: more values or more depth than any
 * message of ours has. Reads the heads alone and stops at the bound; what is
 * malformed is the decoder's to say.
 */
function cborExcess(bytes: Uint8Array): string | undefined {
  /** Values that are still to come in each open list and map. */
  const open: number[] = [];
  let values = 0;
  for (let at = 0; at < bytes.length;) {
    const head = cborArgument(bytes, at);
    if (head === undefined) return undefined;
    const major = (bytes[at] ?? 0) >>> 5;
    at = head.end + (major === 2 || major === 3 ? head.value : 0);
    values += major === 5 ? 1 + head.value : 1;
    if (values > cbor_values_max) return `more than ${cbor_values_max} values`;
    const inner = major === 4 ? head.value : major === 5 ? head.value * 2 : major === 6 ? 1 : 0;
    if (inner > 0) open.push(inner);
    else {
      let left = (open.pop() ?? 1) - 1;
      while (left === 0 && open.length > 0) left = (open.pop() ?? 1) - 1;
      if (left > 0) open.push(left);
      if (open.length === 0) return undefined;
    }
    if (open.length > cbor_depth_max) return `nested deeper than ${cbor_depth_max} levels`;
  }
  return undefined;
}

/**
 * Decodes DAG-CBOR and insists that the bytes are its deterministic form, with
 * at most {@link cbor_values_max} values, {@link cbor_depth_max} levels deep.
 * Fails with `CBOR_INVALID` or `CBOR_NOT_CANONICAL`.
 */
export function decodeCbor(bytes: Uint8Array): Result<unknown> {
  const excess = cborExcess(bytes);
  if (excess !== undefined) return fail('CBOR_INVALID', excess);
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
