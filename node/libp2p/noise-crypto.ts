/**
 * The cipher of libp2p's Noise with its keys prepared once. The library hands raw bytes to the engine for every message,
 * which takes longer to find out that they are a key than to encrypt a kilobyte with it.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { ICryptoInterface } from '@chainsafe/libp2p-noise';
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto';

const cipher_name = 'chacha20-poly1305';
const tag_bytes = 16;
/** Below this the library's own way is as quick. */
const prepared_bytes_min = 512;

type Bytes = Parameters<ICryptoInterface['chaCha20Poly1305Encrypt']>[0];

const prepared = new WeakMap<Uint8Array, KeyObject>();

/** A connection keeps its two keys, as the very arrays that they began as, until it ends. */
function keyOf(bytes: Uint8Array): KeyObject {
  const known = prepared.get(bytes);
  if (known !== undefined) return known;
  const key = createSecretKey(bytes);
  prepared.set(bytes, key);
  return key;
}

function partsOf(bytes: Bytes): Iterable<Uint8Array> {
  return bytes instanceof Uint8Array ? [bytes] : bytes;
}

function encrypt(plaintext: Bytes, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv(cipher_name, keyOf(key), nonce, { authTagLength: tag_bytes });
  cipher.setAAD(ad, { plaintextLength: plaintext.byteLength });
  const parts = Array.from(partsOf(plaintext), (part) => cipher.update(part));
  parts.push(cipher.final(), cipher.getAuthTag());
  return Buffer.concat(parts, plaintext.byteLength + tag_bytes);
}

/** Throws where the tag is not that of these bytes, which ends the connection. */
function decrypt(ciphertext: Bytes, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array): Uint8Array {
  const length = ciphertext.byteLength - tag_bytes;
  const decipher = createDecipheriv(cipher_name, keyOf(key), nonce, { authTagLength: tag_bytes });
  decipher.setAAD(ad, { plaintextLength: length });
  decipher.setAuthTag(ciphertext.subarray(length));
  const text = ciphertext instanceof Uint8Array ? ciphertext.subarray(0, length) : ciphertext.sublist(0, length);
  const parts = Array.from(partsOf(text), (part) => decipher.update(part));
  const last = decipher.final();
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat([...parts, last], length);
}

/** What Noise encrypts with: ChaCha20-Poly1305 (RFC 8439), everything else as the library has it. */
export const noise_crypto: ICryptoInterface = {
  ...defaultCrypto,
  chaCha20Poly1305Encrypt: (plaintext, nonce, ad, key) => (plaintext.byteLength < prepared_bytes_min
    ? defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key)
    : encrypt(plaintext, nonce, ad, key)),
  chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, key, into) => (ciphertext.byteLength < prepared_bytes_min
    ? defaultCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, into)
    : decrypt(ciphertext, nonce, ad, key)),
};
