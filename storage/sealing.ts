/** Sealing with a passphrase: scrypt (RFC 7914) for the key, AES-256-GCM for the bytes. */
import { createCipheriv, createDecipheriv, scryptSync } from 'node:crypto';
import { fromBase64url, toBase64url } from '../crypto/bytes.ts';
import { hasShape, type Fields } from '../crypto/canonical.ts';

/** What the files say of how they are sealed. */
export const sealing_name = 'scrypt+aes-256-gcm';
/** For a file that is opened at every start: 32 MiB and some 60 ms here, dear for who guesses. */
export const start_cost: number = 2 ** 15;
/** For a file that travels, opened once: 128 MiB and some 250 ms. */
export const travel_cost: number = 2 ** 17;
const memory_bytes_max = 256 * 1024 * 1024;
const salt_bytes = 16;
const nonce_bytes = 12;
const tag_bytes = 16;

/** A key that came out of a passphrase, and the salt that went in. */
export interface SealingKey {
  readonly salt: Uint8Array;
  readonly key: Uint8Array;
}

/** Sealed bytes with what it takes to open them, each part in base64url. */
export interface Sealed {
  readonly salt: string;
  readonly nonce: string;
  readonly sealed: string;
}

/** Random bytes of a length. */
export type RandomBytes = (length: number) => Uint8Array;

function derive(passphrase: string, salt: Uint8Array, cost: number): Uint8Array {
  return scryptSync(passphrase.normalize('NFKC'), salt, 32, { N: cost, r: 8, p: 1, maxmem: memory_bytes_max });
}

/** Makes a key of a passphrase and a new salt, to seal with again and again. */
export function sealingKey(passphrase: string, random: RandomBytes, cost: number): SealingKey {
  const salt = random(salt_bytes);
  return { salt, key: derive(passphrase, salt, cost) };
}

/** Seals bytes under a nonce of their own. */
export function seal(plain: Uint8Array, sealing_key: SealingKey, random: RandomBytes): Sealed {
  const nonce = random(nonce_bytes);
  const cipher = createCipheriv('aes-256-gcm', sealing_key.key, nonce);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { salt: toBase64url(sealing_key.salt), nonce: toBase64url(nonce), sealed: toBase64url(sealed) };
}

/** Whether these are the members of {@link Sealed}, with parts that can be opened if the passphrase is right. */
export function isSealed(fields: Fields): fields is Fields & Sealed {
  if (!hasShape(fields, ['salt', 'nonce', 'sealed'])) return false;
  const [salt, nonce, sealed] = ['salt', 'nonce', 'sealed'].map((name) => {
    const text = fields[name];
    return typeof text === 'string' ? fromBase64url(text) : undefined;
  });
  return salt?.length === salt_bytes && nonce?.length === nonce_bytes && sealed !== undefined && sealed.length >= tag_bytes;
}

/** The key with which bytes were sealed if the passphrase is right; what is sealed with it next opens with the same one. */
export function openingKey(parts: Sealed, passphrase: string, cost: number): SealingKey {
  const salt = fromBase64url(parts.salt) ?? new Uint8Array();
  return { salt, key: derive(passphrase, salt, cost) };
}

/** The sealed bytes, or `undefined` when the passphrase was wrong or a byte was changed: nothing tells these apart. */
export function unseal(parts: Sealed, { key }: SealingKey): Uint8Array | undefined {
  const [nonce, sealed] = [parts.nonce, parts.sealed].map(fromBase64url);
  if (nonce === undefined || sealed === undefined) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce);
    decipher.setAuthTag(sealed.subarray(sealed.length - tag_bytes));
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tag_bytes)), decipher.final()]));
  } catch {
    return undefined;
  }
}
