/**
 * The cipher of one generation of a tree of the memory file system. Out of its
 * key, the kind of a record and 32 bytes come, by one SHA-512 of a fixed length,
 * both where the record lies in the store and the key that seals it. For an
 * object the 32 bytes are the SHA-256 of its content, so no key ever seals two
 * contents, also where an old copy of the folder is written on; for what changes
 * they are random and stand in front. Hence the nonce of AES-256-GCM can stay
 * zero (keys derived for each message: Gueron and Lindell, "Better bounds for
 * block cipher modes of operation via nonce-based key derivation", 2017), and
 * equal contents of two agents have nothing in common on the disk.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hash } from 'node:crypto';
import { concat, toHex } from '../crypto/bytes.ts';
import { digest_bytes } from '../crypto/hash.ts';
import type { Ref } from './vfs-node.ts';

/** Length of the key of a tree. */
export const tree_key_bytes = 32;
const address_bytes = 32;
const salt_bytes = 32;
/** How many bytes sealing adds to an object. */
export const object_seal_bytes = 16;

const cipher = 'aes-256-gcm';
const nonce = new Uint8Array(12);
const salted_kind = 's';
// One input buffer serves all: hashing is synchronous.
const input = Buffer.alloc(tree_key_bytes + 1 + digest_bytes);

/** Where a record lies, and the key that seals it and nothing else. */
export interface SealedPlace {
  readonly key: Uint8Array;
  readonly secret: Uint8Array;
}

/** Seals and opens the records of one generation of a tree. */
export class TreeSeal {
  /** What no other generation of any tree is called. */
  readonly name: string;
  readonly #prefix: Uint8Array;
  readonly #tree_key: Uint8Array;

  /** `prefix` is what the keys of all its objects begin with. */
  constructor(tree_key: Uint8Array, prefix: Uint8Array) {
    this.#tree_key = Uint8Array.from(tree_key);
    this.#prefix = prefix;
    this.name = toHex(prefix);
  }

  #derived(): Buffer {
    input.set(this.#tree_key);
    return Buffer.from(hash('sha512', input, 'binary'), 'latin1');
  }

  /** The place of an object, or, by a name with a capital letter, of the count of its names. */
  place(ref: Ref): SealedPlace {
    input.write(ref, tree_key_bytes, 1, 'latin1');
    input.write(ref.slice(1), tree_key_bytes + 1, 'hex');
    const derived = this.#derived();
    const key = new Uint8Array(this.#prefix.length + address_bytes);
    key.set(this.#prefix);
    key.set(derived.subarray(0, address_bytes), this.#prefix.length);
    return { key, secret: derived.subarray(address_bytes) };
  }

  #saltedSecret(salt: Uint8Array): Uint8Array {
    input.write(salted_kind, tree_key_bytes, 1, 'latin1');
    input.set(salt, tree_key_bytes + 1);
    return this.#derived().subarray(address_bytes);
  }

  /** Seals what changes at a key of the store, under fresh random bytes: `salt (32) | ciphertext | tag (16)`. */
  sealChanging(key: Uint8Array, bytes: Uint8Array, random: (length: number) => Uint8Array): Uint8Array {
    const salt = random(salt_bytes);
    return concat(salt, sealed(this.#saltedSecret(salt), bytes, key));
  }

  /** Opens what was sealed for a key of the store; `undefined` where it was not. */
  openChanging(key: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length < salt_bytes + object_seal_bytes) return undefined;
    return opened(this.#saltedSecret(bytes.subarray(0, salt_bytes)), bytes.subarray(salt_bytes), key);
  }
}

function sealed(secret: Uint8Array, bytes: Uint8Array, belongs_to?: Uint8Array): Uint8Array {
  const encryption = createCipheriv(cipher, createSecretKey(secret), nonce);
  if (belongs_to !== undefined) encryption.setAAD(belongs_to);
  return concat(encryption.update(bytes), encryption.final(), encryption.getAuthTag());
}

function opened(secret: Uint8Array, bytes: Uint8Array, belongs_to?: Uint8Array): Uint8Array | undefined {
  const decryption = createDecipheriv(cipher, createSecretKey(secret), nonce);
  if (belongs_to !== undefined) decryption.setAAD(belongs_to);
  decryption.setAuthTag(bytes.subarray(-object_seal_bytes));
  try {
    const plain = decryption.update(bytes.subarray(0, -object_seal_bytes));
    decryption.final();
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
  } catch {
    return undefined;
  }
}

/** Seals an object under the key of its place: `ciphertext | tag (16)`. */
export function sealObject({ secret }: SealedPlace, bytes: Uint8Array): Uint8Array {
  return sealed(secret, bytes);
}

/** Opens an object; `undefined` where these bytes were not sealed for its place, which names their hash. */
export function openObject({ secret }: SealedPlace, bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length < object_seal_bytes ? undefined : opened(secret, bytes);
}
