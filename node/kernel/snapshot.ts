import { fromUtf8, toHex } from '../../crypto/bytes.ts';
import { canonicalJsonBytes, type Json } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
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
    return fail('CALL_INVALID', `the arguments cannot be looked at: ${messageOf(error)}`, { fix: 'pass plain data of less than 1 MiB' });
  }
}

/** SHA-256 of the RFC 8785 form, in hex. */
export function hashOf(value: Json): string {
  return toHex(sha256(canonicalJsonBytes(value)));
}

class Copier {
  #characters = 0;
  #values = 0;

  copy(value: unknown, depth: number): Json {
    this.#values += 1;
    if (depth > payload_depth_max) throw new Error(`they nest deeper than ${payload_depth_max}, or contain a cycle`);
    if (this.#values > payload_values_max) throw new Error(`they hold more than ${payload_values_max} values`);
    if (typeof value === 'string') return this.#text(value);
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (typeof value === 'boolean' || value === null) return value;
    if (typeof value === 'undefined') return null;
    if (typeof value === 'bigint') return this.#text(value.toString());
    if (typeof value === 'function') return this.#text(`[function ${value.name}]`);
    if (typeof value === 'symbol') return this.#text(`[symbol ${value.description ?? ''}]`);
    return this.#contents(value, depth + 1);
  }

  #text(text: string): string {
    this.#characters += text.length;
    if (this.#characters > payload_characters_max) throw new Error(`they hold more than ${payload_characters_max} characters`);
    // A lone surrogate has no UTF-8 form and would have no hash.
    return text.isWellFormed() ? text : text.toWellFormed();
  }

  #contents(value: object, depth: number): Json {
    if (ArrayBuffer.isView(value)) return this.#bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    if (value instanceof ArrayBuffer) return this.#bytes(new Uint8Array(value));
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof URL) return this.#text(value.href);
    if (value instanceof Error) return { name: this.#text(value.name), message: this.#text(value.message) };
    if (Array.isArray(value) || value instanceof Set) return Array.from(value, (item: unknown) => this.copy(item, depth));
    if (value instanceof Map) return Array.from(value, ([key, item]: [unknown, unknown]) => [this.copy(key, depth), this.copy(item, depth)]);
    const entries: [string, Json][] = [];
    for (const [name, item] of Object.entries(value)) {
      // Absent and undefined are the same to JSON.
      if (item !== undefined) entries.push([this.#text(name), this.copy(item, depth)]);
    }
    return Object.fromEntries(entries);
  }

  #bytes(bytes: Uint8Array): Json {
    if (bytes.length > payload_characters_max) throw new Error(`they hold more than ${payload_characters_max} bytes`);
    const text = fromUtf8(bytes);
    return text === undefined ? { bytes: bytes.length, sha256: toHex(sha256(bytes)) } : this.#text(text);
  }
}
