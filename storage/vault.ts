/**
 * The keys of payloads, one a subject, in one file beside the store. LevelDB
 * cannot be made to forget, so a payload is erased by destroying its key here:
 * the log then keeps only bytes that nobody can read or guess.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { bigEndian, concat, equal, toHex, utf8 } from '../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape } from '../crypto/canonical.ts';
import { digest_bytes, hmacSha256, sha256 } from '../crypto/hash.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import type { Files } from './files.ts';

/** The most subjects whose payloads are kept apart. */
export const vault_subjects_max = 65_536;
/** The longest subject name. */
export const subject_bytes_max = 512;

const file_name = 'vault';
const file_version = 1;
const key_bytes = 32;
const handle_bytes = 16;
const nonce_bytes = 12;
const tag_bytes = 16;
const cipher = 'aes-256-gcm';

/** How many bytes sealing adds to a payload. */
export const sealing_bytes: number = handle_bytes + nonce_bytes + tag_bytes;

interface SubjectKey {
  readonly subject: string;
  /** Random name under which sealed payloads refer to the key; says nothing about the subject. */
  readonly handle: Uint8Array;
  readonly secret: Uint8Array;
  /** HKDF-Extract of the secret (RFC 5869 section 2.2), kept because it is the same for every payload. */
  readonly extracted: Uint8Array;
  /** The one key of the subject's payloads, set apart by random nonces. Making a key object for each payload would cost more than sealing it. */
  readonly encryption: KeyObject;
}

/** A payload that was sealed. `salt` blinds its commitment and is as secret as the payload. */
export interface SealedPayload {
  readonly salt: Uint8Array;
  /** handle (16) | nonce (12) | ciphertext | tag (16). */
  readonly sealed: Uint8Array;
}

/** A sealed payload that was opened. */
export interface OpenedPayload {
  readonly subject: string;
  readonly salt: Uint8Array;
  readonly payload: Uint8Array;
}

/** Keeps subject keys and does all sealing with them; keys never leave it. */
export interface Vault {
  /** Makes sure that the subject has a key on the disk. Fails with `VAULT_FULL`, `VAULT_SUBJECT_INVALID` or `VAULT_UNWRITABLE`. */
  prepare(subject: string): Promise<Result<void>>;
  /** Seals a payload for the entry at `index`. Fails with `VAULT_SUBJECT_UNKNOWN` when the subject has no durable key. */
  seal(subject: string, index: number, payload: Uint8Array): Result<SealedPayload>;
  /** Opens a sealed payload. Fails with `VAULT_ERASED` when its key was destroyed, `VAULT_SEAL_BROKEN` when its bytes or index changed. */
  open(index: number, sealed: Uint8Array): Result<OpenedPayload>;
  /** Destroys the key of a subject: its payloads are unreadable from then on. Fails with `VAULT_UNWRITABLE`. */
  destroy(subject: string): Promise<Result<void>>;
}

function subjectKey(subject: string, handle: Uint8Array, secret: Uint8Array): SubjectKey {
  const extracted = hmacSha256(new Uint8Array(digest_bytes), secret);
  return { subject, handle, secret, extracted, encryption: createSecretKey(hmacSha256(extracted, utf8('key'), Uint8Array.of(1))) };
}

// HKDF-Expand to one block (RFC 5869 section 2.3).
function saltOf({ extracted }: SubjectKey, index: number): Uint8Array {
  return hmacSha256(extracted, utf8('salt'), bigEndian(index, 8), Uint8Array.of(1));
}

function encodeKeys(keys: Iterable<SubjectKey>): Uint8Array {
  const list = [...keys].map(({ subject, handle, secret }) => ({ subject, handle, secret }));
  const body = concat(Uint8Array.of(file_version), encodeCbor(list));
  return concat(body, sha256(body));
}

function decodeKeys(bytes: Uint8Array): SubjectKey[] | undefined {
  const body = bytes.subarray(0, -digest_bytes);
  if (bytes.length <= digest_bytes || !equal(sha256(body), bytes.subarray(-digest_bytes)) || body[0] !== file_version) return undefined;
  const decoded = decodeCbor(body.subarray(1));
  if (!decoded.ok || !Array.isArray(decoded.value)) return undefined;
  const keys: SubjectKey[] = [];
  for (const item of decoded.value) {
    if (!hasShape(item, ['subject', 'handle', 'secret'])) return undefined;
    const { subject, handle, secret } = item;
    if (typeof subject !== 'string' || !(handle instanceof Uint8Array) || !(secret instanceof Uint8Array)) return undefined;
    if (handle.length !== handle_bytes || secret.length !== key_bytes) return undefined;
    keys.push(subjectKey(subject, handle, secret));
  }
  return keys;
}

class FileVault implements Vault {
  readonly #files: Files;
  readonly #random: (length: number) => Uint8Array;
  readonly #by_subject: Map<string, SubjectKey>;
  readonly #by_handle: Map<string, SubjectKey>;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(files: Files, random: (length: number) => Uint8Array, keys: readonly SubjectKey[]) {
    this.#files = files;
    this.#random = random;
    this.#by_subject = new Map(keys.map((key) => [key.subject, key]));
    this.#by_handle = new Map(keys.map((key) => [toHex(key.handle), key]));
  }

  // One file write at a time; memory changes only after the file did.
  #exclusive(work: () => Promise<Result<void>>): Promise<Result<void>> {
    const done = this.#writing.then(async () => {
      try {
        return await work();
      } catch (error) {
        return fail('VAULT_UNWRITABLE', `the vault file could not be written: ${messageOf(error)}`, { fix: 'check the free space and the rights of the data folder', cause: error });
      }
    });
    this.#writing = done;
    return done;
  }

  async prepare(subject: string): Promise<Result<void>> {
    if (this.#by_subject.has(subject)) return ok(undefined);
    if (subject === '' || utf8(subject).length > subject_bytes_max) {
      return fail('VAULT_SUBJECT_INVALID', `a subject name has 1 to ${subject_bytes_max} bytes`);
    }
    return this.#exclusive(async () => {
      if (this.#by_subject.has(subject)) return ok(undefined);
      if (this.#by_subject.size >= vault_subjects_max) return fail('VAULT_FULL', `the vault keeps at most ${vault_subjects_max} subjects`);
      const key = subjectKey(subject, this.#random(handle_bytes), this.#random(key_bytes));
      await this.#files.write(file_name, encodeKeys([...this.#by_subject.values(), key]));
      this.#by_subject.set(subject, key);
      this.#by_handle.set(toHex(key.handle), key);
      return ok(undefined);
    });
  }

  seal(subject: string, index: number, payload: Uint8Array): Result<SealedPayload> {
    const key = this.#by_subject.get(subject);
    if (key === undefined) return fail('VAULT_SUBJECT_UNKNOWN', 'the subject has no key, or it was destroyed a moment ago');
    // A random nonce and not the index: an index is used again when a write was lost before it was acknowledged.
    const nonce = this.#random(nonce_bytes);
    const encryption = createCipheriv(cipher, key.encryption, nonce);
    encryption.setAAD(concat(key.handle, bigEndian(index, 8)));
    const sealed = concat(key.handle, nonce, encryption.update(payload), encryption.final(), encryption.getAuthTag());
    return ok({ salt: saltOf(key, index), sealed });
  }

  open(index: number, sealed: Uint8Array): Result<OpenedPayload> {
    const handle = sealed.subarray(0, handle_bytes);
    const key = this.#by_handle.get(toHex(handle));
    if (key === undefined) return fail('VAULT_ERASED', `the payload of entry ${index} was erased: its key is destroyed`);
    const broken = fail('VAULT_SEAL_BROKEN', `the sealed payload of entry ${index} is not what was written`, { fix: 'run agentmesh doctor' });
    if (sealed.length < sealing_bytes) return broken;
    const decryption = createDecipheriv(cipher, key.encryption, sealed.subarray(handle_bytes, handle_bytes + nonce_bytes));
    decryption.setAAD(concat(handle, bigEndian(index, 8)));
    decryption.setAuthTag(sealed.subarray(-tag_bytes));
    try {
      const payload = concat(decryption.update(sealed.subarray(handle_bytes + nonce_bytes, -tag_bytes)), decryption.final());
      return ok({ subject: key.subject, salt: saltOf(key, index), payload });
    } catch {
      return broken;
    }
  }

  destroy(subject: string): Promise<Result<void>> {
    return this.#exclusive(async () => {
      const key = this.#by_subject.get(subject);
      if (key === undefined) return ok(undefined);
      await this.#files.write(file_name, encodeKeys([...this.#by_subject.values()].filter((other) => other !== key)));
      this.#by_subject.delete(subject);
      this.#by_handle.delete(toHex(key.handle));
      return ok(undefined);
    });
  }
}

/**
 * Opens the vault. `create: false` insists that there is one: an empty vault in
 * place of a lost one would make every payload unreadable without a word.
 *
 * Fails with `VAULT_MISSING` or `VAULT_UNREADABLE`.
 */
export async function openVault(parts: {
  readonly files: Files;
  readonly random: (length: number) => Uint8Array;
  readonly create: boolean;
}): Promise<Result<Vault>> {
  const { files, random, create } = parts;
  try {
    const bytes = await files.read(file_name);
    if (bytes === undefined) {
      if (!create) return fail('VAULT_MISSING', 'the vault with the payload keys is missing', { fix: 'restore the file "vault" from the latest backup' });
      await files.write(file_name, encodeKeys([]));
      return ok(new FileVault(files, random, []));
    }
    const keys = decodeKeys(bytes);
    if (keys !== undefined) return ok(new FileVault(files, random, keys));
    return fail('VAULT_UNREADABLE', 'the vault with the payload keys is damaged', { fix: 'restore the file "vault" from the latest backup' });
  } catch (error) {
    return fail('VAULT_UNREADABLE', `the vault could not be opened: ${messageOf(error)}`, { fix: 'check the rights of the data folder', cause: error });
  }
}
