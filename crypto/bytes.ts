/**
 * Byte strings and their text forms. Every decoder is strict: one byte string
 * has exactly one accepted text, so that hashes over text cannot be varied by
 * a third party (RFC 4648 section 3.5 on canonical encoding).
 */
import { isUtf8 } from 'node:buffer';

const text_encoder = new TextEncoder();
const text_decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return text_encoder.encode(text);
}

/** The string of UTF-8 bytes, or `undefined` when they are not valid UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    // Asked first, for what is thrown takes a hundred times as long.
    return isUtf8(bytes) ? text_decoder.decode(bytes) : undefined;
  } catch {
    return undefined;
  }
}

/** One byte string out of several. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Whether two byte strings are equal. Not constant-time: never for secrets. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Lexicographic order: negative, zero or positive. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return view(bytes).toString('hex');
}

/** Bytes of lower-case hexadecimal text, or `undefined`. */
export function fromHex(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-f]{2})*$/.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : undefined;
}

/** Base64url without padding (RFC 4648 section 5). */
export function toBase64url(bytes: Uint8Array): string {
  return view(bytes).toString('base64url');
}

/** {@link fromBase64url} without a copy of its own: for bytes that are read at once and not kept. */
export function base64urlView(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** Bytes of unpadded base64url text, or `undefined` when the text is not its canonical form. */
export function fromBase64url(text: string): Uint8Array | undefined {
  const bytes = base64urlView(text);
  return bytes === undefined ? undefined : new Uint8Array(bytes);
}

/** Base64 with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString('base64');
}

/** Bytes of padded base64 text, or `undefined` when the text is not its canonical form. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined;
}

const base32_alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** Lower-case base32 without padding (RFC 4648 section 6, as multibase `b`). */
export function toBase32(bytes: Uint8Array): string {
  let text = '';
  let pending = 0;
  let pending_bits = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    pending_bits += 8;
    while (pending_bits >= 5) {
      pending_bits -= 5;
      text += base32_alphabet.charAt((pending >>> pending_bits) & 31);
    }
    pending &= (1 << pending_bits) - 1;
  }
  if (pending_bits > 0) text += base32_alphabet.charAt((pending << (5 - pending_bits)) & 31);
  return text;
}

/** Bytes of lower-case base32 text, or `undefined` when the text is not its canonical form. */
export function fromBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let pending = 0;
  let pending_bits = 0;
  for (const character of text) {
    const digit = base32_alphabet.indexOf(character);
    if (digit < 0) return undefined;
    pending = (pending << 5) | digit;
    pending_bits += 5;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      bytes.push((pending >>> pending_bits) & 255);
    }
    pending &= (1 << pending_bits) - 1;
  }
  const decoded = Uint8Array.from(bytes);
  return toBase32(decoded) === text ? decoded : undefined;
}

/** Big-endian bytes of a whole number below 2^53, in `length` bytes. */
export function bigEndian(value: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let index = length - 1; index >= 0; index -= 1) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

/** The whole number of big-endian bytes, or `undefined` at 2^53 and above. */
export function fromBigEndian(bytes: Uint8Array): number | undefined {
  let value = 0;
  for (const byte of bytes) {
    value = value * 256 + byte;
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return value;
}
