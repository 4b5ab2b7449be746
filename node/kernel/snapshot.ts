import { fromUtf8 } from '../../crypto/bytes.ts';
import { canonicalJson, type Fields, type Json } from '../../crypto/canonical.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import { payload_characters_max, payload_depth_max, payload_values_max } from './detect/payload.ts';

/**
 * A copy of arguments as JSON, so that what was decided about cannot change
 * afterwards. What JSON cannot say is described: bytes as their text or hash,
 * functions by name, dates, maps and sets by content. Fails with `CALL_INVALID`
 * beyond 1 MiB of text, 65,536 values, 64 levels, or on a cycle.
 */
export function snapshot(value: unknown): Result<Json> {
  try {
    return ok(new Copier().copy(value, 0));
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
  try {
    const copier = new Copier();
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

class Copier {
  /** Whether the engine's own JSON of the copy has the order of RFC 8785. Names that are numbers stand where it puts them. */
  is_ordered = true;
  #characters = 0;
  #values = 0;

  copy(value: unknown, depth: number): Json {
    this.#values += 1;
    if (depth > payload_depth_max) throw new Error(`they nest deeper than ${payload_depth_max}, or contain a cycle`);
    if (this.#values > payload_values_max) throw new Error(`they hold more than ${payload_values_max} values`);
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
    if (this.#characters > payload_characters_max) throw new Error(`they hold more than ${payload_characters_max} characters`);
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
    const names = Object.keys(copy);
    if (names.length > payload_values_max) throw new Error(`they hold more than ${payload_values_max} values`);
    const characters = this.#characters;
    const values = this.#values;
    let before = '';
    for (const name of names) {
      const item: unknown = copy[name];
      if (item === undefined || this.#text(name) !== name) {
        this.#characters = characters;
        this.#values = values;
        return this.#rebuilt(copy, names, depth);
      }
      if (name < before || isDigit(name.charCodeAt(0))) this.is_ordered = false;
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
    if (value instanceof ArrayBuffer) return this.#bytes(new Uint8Array(value));
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof URL) return this.#text(value.href);
    if (value instanceof Error) return { name: this.#text(value.name), message: this.#text(value.message) };
    if (value instanceof Set) return Array.from(value, (item: unknown) => this.copy(item, depth));
    if (value instanceof Map) return Array.from(value, ([key, item]: [unknown, unknown]) => [this.copy(key, depth), this.copy(item, depth)]);
    return this.#fields(value, depth);
  }

  #bytes(bytes: Uint8Array): Json {
    if (bytes.length > payload_characters_max) throw new Error(`they hold more than ${payload_characters_max} bytes`);
    const text = fromUtf8(bytes);
    return text === undefined ? { bytes: bytes.length, sha256: sha256Hex(bytes) } : this.#text(text);
  }
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}
