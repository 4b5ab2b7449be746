import { createHash, createHmac, createSecretKey, hash } from 'node:crypto';

/** Length of a SHA-256 digest. */
export const digest_bytes = 32;

const scratch = Buffer.alloc(digest_bytes);

// The one-shot string form of node:crypto is four times faster than the one that allocates a Buffer.
// A digest whose own buffer nobody touches stays on the heap, which spares an allocation outside of it.
function oneShot(data: Uint8Array | string): Uint8Array {
  scratch.write(hash('sha256', data, 'binary'), 'latin1');
  const digest = new Uint8Array(digest_bytes);
  digest.set(scratch);
  return digest;
}

/** SHA-256 (FIPS 180-4) of the parts joined. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return oneShot(first);
  const hasher = createHash('sha256');
  for (const part of parts) hasher.update(part);
  const digest = new Uint8Array(digest_bytes);
  digest.set(hasher.digest());
  return digest;
}

/** SHA-256 of the UTF-8 bytes of a text. */
export function sha256Text(text: string): Uint8Array {
  return oneShot(text);
}

/** SHA-256 of bytes, or of the UTF-8 bytes of a text, in hex. */
export function sha256Hex(data: Uint8Array | string): string {
  return hash('sha256', data, 'hex');
}

const block_bytes = 64;
// Longer messages are hashed piece by piece, where the cost of a call no longer counts.
const hmac_message_bytes_max = 8_192;
const inner = Buffer.alloc(block_bytes + hmac_message_bytes_max, 0x36);
const outer = Buffer.alloc(block_bytes + digest_bytes, 0x5c);
// Behind a key as long as the last one both blocks are padding already.
let last_key_bytes = 0;

/** HMAC-SHA-256 (RFC 2104). Short ones are two one-shot hashes, which cost a third of the library's object for it. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  let end = block_bytes;
  for (const part of parts) end += part.length;
  if (key.length > block_bytes || end > inner.length) return longHmac(key, parts);
  for (let at = 0; at < key.length; at += 1) {
    const byte = key[at] ?? 0;
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  }
  if (key.length < last_key_bytes) {
    inner.fill(0x36, key.length, last_key_bytes);
    outer.fill(0x5c, key.length, last_key_bytes);
  }
  last_key_bytes = key.length;
  end = block_bytes;
  for (const part of parts) {
    inner.set(part, end);
    end += part.length;
  }
  outer.write(hash('sha256', inner.subarray(0, end), 'binary'), block_bytes, digest_bytes, 'latin1');
  return oneShot(outer);
}

function longHmac(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  // A key object costs a quarter of what raw key bytes cost a call.
  const mac = createHmac('sha256', createSecretKey(key));
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}
