import { createHash, createHmac, createSecretKey, hash } from 'node:crypto';

/** Length of a SHA-256 digest. */
export const digest_bytes = 32;

/**
 * SHA-256 (FIPS 180-4) of the parts joined.
 * The one-shot string form of node:crypto is four times faster than the one
 * that allocates a Buffer, so a single part takes that way.
 */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  const digest = new Uint8Array(digest_bytes);
  if (parts.length === 1 && first !== undefined) {
    Buffer.from(digest.buffer).write(hash('sha256', first, 'binary'), 'latin1');
    return digest;
  }
  const hasher = createHash('sha256');
  for (const part of parts) hasher.update(part);
  digest.set(hasher.digest());
  return digest;
}

/** HMAC-SHA-256 (RFC 2104). */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  // A key object costs a quarter of what raw key bytes cost a call.
  const mac = createHmac('sha256', createSecretKey(key));
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}
