import { types } from 'node:util';
import { fromUtf8 } from '../../crypto/bytes.ts';
import { canonicalJson, type Fields, type Json } from '../../crypto/canonical.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import { payload_characters_max, payload_depth_max, payload_values_max } from './detect/payload.ts';

/** How much a {@link snapshot} may hold. */
export interface SnapshotBounds {
  readonly characters_max: number;
  readonly values_max: number;
}

const payload_bounds: SnapshotBounds = { characters_max: payload_characters_max, values_max: payload_values_max };
/** Of an action: unlike a payload it stands in the record itself, which has to have room for it however it is escaped. */
export const action_bounds: SnapshotBounds = { characters_max: 65_536, values_max: 4_096 };

/**
 * A copy of arguments as JSON, so that what was decided about cannot change
 * afterwards. What JSON cannot say is described: bytes as their text or hash,
 * functions by name, dates, maps and sets by content, other objects with a text
 * of their own by that too. Fails with `CALL_INVALID` beyond its bounds (1 MiB
 * of text and 65,536 values where none are given), 64 levels, or on a cycle.
 */
export function snapshot(value: unknown, bounds: SnapshotBounds = payload_bounds): Result<Json> {
  try {
    return ok(new Copier(bounds).copy(value, 0));
  } catch (error) {
    return unreadable(error);
  }
}

/** A {@link snapshot} with its {@link hashOf}. */
export interface HashedSnapshot {
  readonly value: Json;
  readonly hash: string;
}

/** Makes a {@link snapshot} and its hash, which costs less than one after the other. */
export function hashedSnapshot(value: unknown): Result<HashedSnapshot> {
  if (value === null || value === undefined) return nothing;
  try {
    const copier = new Copier(payload_bounds);
    const copied = copier.copy(value, 0);
    return ok({ value: copied, hash: copier.is_ordered ? sha256Hex(JSON.stringify(copied)) : hashOf(copied) });
  } catch (error) {
    return unreadable(error);
  }
}

function unreadable(error: unknown): Result<never> {
  return fail('CALL_INVALID', `the arguments cannot be looked at: ${messageOf(error)}`, { fix: 'pass plain data of less than 1 MiB' });
}

/** SHA-256 of the RFC 8785 form, in hex. */
export function hashOf(value: Json): string {
  return sha256Hex(canonicalJson(value));
}

const nothing = ok<HashedSnapshot>(Object.freeze({ value: null, hash: hashOf(null) }));

class Copier {
  /** Whether the names in the copy, as the engine keeps them, are in the order of RFC 8785. */
  is_ordered = true;
  readonly #bounds: SnapshotBounds;
  #characters = 0;
  #values = 0;

  constructor(bounds: SnapshotBounds) {
    this.#bounds = bounds;
  }

  copy(value: unknown, depth: number): Json {
    this.#values += 1;
    if (depth > payload_depth_max) throw new Error(`they nest deeper than ${payload_depth_max}, or contain a cycle`);
    if (this.#values > this.#bounds.values_max) throw new Error(`they hold more than ${this.#bounds.values_max} values`);
    if (typeof value === 'string') return this.#text(value);
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (typeof value === 'boolean' || value === null) return value;
    if (typeof value === 'object') return this.#contents(value, depth + 1);
    if (typeof value === 'undefined') return null;
    if (typeof value === 'bigint') return this.#text(value.toString());
    if (typeof value === 'symbol') return this.#text(`[symbol ${value.description ?? ''}]`);
    return this.#text(typeof value === 'function' ? `[function ${value.name}]` : '');
  }

  #count(characters: number): void {
    this.#characters += characters;
    if (this.#characters > this.#bounds.characters_max) throw new Error(`they hold more than ${this.#bounds.characters_max} characters`);
  }

  #text(text: string): string {
    this.#count(text.length);
    // A lone surrogate has no UTF-8 form and would have no hash.
    return text.isWellFormed() ? text : text.toWellFormed();
  }

  #contents(value: object, depth: number): Json {
    if (Array.isArray(value)) return Array.from(value, (item: unknown) => this.copy(item, depth));
    // Nothing else has this prototype, so most values need not be asked what they are.
    return Object.getPrototypeOf(value) === Object.prototype ? this.#fields(value, depth) : this.#special(value, depth);
  }

  #fields(value: object, depth: number): Json {
    // Copied in one step, which is many times faster; what is not plain is replaced in the copy.
    const copy: { [name: string]: Json } = { ...value };
    const characters = this.#characters;
    const values = this.#values;
    let before = '';
    // The loop that reads what it names at least cost; it would name what all objects inherit, too.
    for (const name in copy) {
      const item: unknown = copy[name];
      if (item === undefined || doObjectsInherit() || this.#text(name) !== name) {
        this.#characters = characters;
        this.#values = values;
        return this.#rebuilt(copy, Object.keys(copy), depth);
      }
      if (this.is_ordered && !isNext(name, before)) this.is_ordered = false;
      const copied = this.copy(item, depth);
      if (copied !== item) copy[name] = copied;
      before = name;
    }
    return copy;
  }

  #rebuilt(fields: Fields, names: readonly string[], depth: number): Json {
    const copy: { [name: string]: Json } = {};
    this.is_ordered = false;
    for (const name of names) {
      const item = fields[name];
      // Absent and undefined are the same to JSON.
      if (item === undefined) continue;
      const text = this.#text(name);
      const copied = this.copy(item, depth);
      // Assigned, this name would change what the copy inherits.
      if (text === '__proto__') Object.defineProperty(copy, text, { value: copied, enumerable: true, configurable: true, writable: true });
      else copy[text] = copied;
    }
    return copy;
  }

  #special(value: object, depth: number): Json {
    if (ArrayBuffer.isView(value)) return this.#bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return this.#bytes(Uint8Array.from(new Uint8Array(value)));
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof URL) return this.#text(value.href);
    if (value instanceof Error) return { name: this.#text(value.name), message: this.#text(value.message) };
    if (value instanceof Set) return Array.from(value, (item: unknown) => this.copy(item, depth));
    if (value instanceof Map) return Array.from(value, ([key, item]: [unknown, unknown]) => [this.copy(key, depth), this.copy(item, depth)]);
    if (types.isBoxedPrimitive(value)) return this.copy(value.valueOf(), depth);
    const fields = this.#fields(value, depth);
    // What a driver or a client makes of such an object is its text, which its fields need not show.
    const text = ownTextOf(value);
    return text === undefined ? fields : [fields, this.#text(text)];
  }

  #bytes(bytes: Uint8Array): Json {
    if (bytes.length > this.#bounds.characters_max) throw new Error(`they hold more than ${this.#bounds.characters_max} bytes`);
    const text = fromUtf8(bytes);
    return text === undefined ? { bytes: bytes.length, sha256: sha256Hex(bytes) } : this.#text(text);
  }
}

/** The text of an object that says itself what that is. */
function ownTextOf(value: object): string | undefined {
  const { toString }: { readonly toString?: unknown } = value;
  if (typeof toString !== 'function' || toString === Object.prototype.toString) return undefined;
  const text: unknown = Reflect.apply(toString, value, []);
  return typeof text === 'string' ? text : undefined;
}

const plain: object = {};

/** Whether the code of this process has added fields to all objects. */
function doObjectsInherit(): boolean {
  for (const name in plain) return !Object.hasOwn(plain, name);
  return false;
}

/** Whether a name comes after another in RFC 8785. Most differ in their first letter, which is quicker to compare. */
function isNext(name: string, before: string): boolean {
  return name.charCodeAt(0) > before.charCodeAt(0) || name >= before;
}
