/**
 * The keys of payloads, in one file beside the store. LevelDB cannot be made to
 * forget, so a payload is erased by destroying its key here: the log then keeps
 * only bytes that nobody can read or guess. Each subject has a key of its own
 * that can also forget single boxes (see puncturable-key.ts). A box needs a key
 * that is common to all subjects besides, so that what is old is forgotten at
 * the same cost for one subject as for many.
 */
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { concat, toHex, utf8 } from '../crypto/bytes.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import type { Files } from './files.ts';
import { encodeLeaf, PuncturableKey, seed_bytes, type Leaf } from './puncturable-key.ts';
import { decodeKeys, encodeKeys } from './vault-file.ts';
import { boxSecret, handle_bytes, seedsOf, wipeBut, without, type Forgetting, type SubjectKey, type VaultKeys } from './vault-keys.ts';

export { handle_bytes, type Forgetting } from './vault-keys.ts';

/** The most subjects whose payloads are kept apart. */
export const vault_subjects_max = 65_536;
/** The longest subject name. */
export const subject_bytes_max = 512;
/** The most seeds of all subjects together before boxes are forgotten alone, each of which adds up to {@link box_seeds_max}. */
export const vault_seeds_max = 1_048_576;
/** The most seeds that forgetting one box adds. */
const box_seeds_max = 63;

const file_name = 'vault';
const nonce_bytes = 12;
const tag_bytes = 16;
const cipher = 'aes-256-gcm';
// Random bytes are drawn so many at once: each call costs more than the bytes do.
const random_pool_bytes = 4_096;
// Subjects whose last path of seeds is kept at hand; a path has 2 KiB.
const warm_keys_max = 256;

/** How many bytes sealing adds to a box. */
export const sealing_bytes: number = nonce_bytes + tag_bytes;

/** Under which key a box is sealed, and the bytes around it that it belongs to. */
export interface SealPlace {
  readonly handle: Uint8Array;
  readonly leaf: Leaf;
  readonly context: Uint8Array;
}

/** Keeps subject keys and does all sealing with them; keys never leave it. */
export interface Vault {
  /** Makes sure that the subject has a key on the disk. Fails with `VAULT_FULL`, `VAULT_SUBJECT_INVALID` or `VAULT_UNWRITABLE`. */
  prepare(subject: string): Promise<Result<void>>;
  /** Fresh random bytes, as for the salts inside of what is sealed. */
  random(length: number): Uint8Array;
  /** The handle of a subject that has a durable key. */
  handleOf(subject: string): Uint8Array | undefined;
  /** Whether a box can still be opened, as far as keys go. */
  holds(handle: Uint8Array, leaf: Leaf): boolean;
  /** Seals bytes: nonce (12) | ciphertext | tag (16). Fails with `VAULT_ERASED` when the key was destroyed. */
  seal(place: SealPlace, bytes: Uint8Array): Result<Uint8Array>;
  /** Opens what was sealed. Fails with `VAULT_ERASED` when its key was destroyed, `VAULT_SEAL_BROKEN` when its bytes or place changed. */
  open(place: SealPlace, sealed: Uint8Array): Result<{ readonly subject: string; readonly bytes: Uint8Array }>;
  /** Whether there is room to forget this; asked before anything says that it is forgotten. Fails with `VAULT_FULL`. */
  admits(what: Forgetting): Result<void>;
  /** Destroys keys, for good and once it resolves; never for want of room. What is not there is forgotten already. Fails with `VAULT_UNWRITABLE`. */
  forget(what: Forgetting): Promise<Result<void>>;
}

class FileVault implements Vault {
  readonly #files: Files;
  readonly #random: (length: number) => Uint8Array;
  #common: PuncturableKey;
  #by_subject = new Map<string, SubjectKey>();
  #by_handle = new Map<string, SubjectKey>();
  readonly #warm = new Set<PuncturableKey>();
  #pool: Uint8Array = new Uint8Array();
  #writing: Promise<unknown> = Promise.resolve();
  readonly #wanted = new Set<string>();
  #preparing: Promise<Result<void>> | undefined;

  constructor(files: Files, random: (length: number) => Uint8Array, keys: VaultKeys) {
    this.#files = files;
    this.#random = random;
    this.#common = keys.common;
    this.#keep(keys);
  }

  #keep({ common, subjects }: VaultKeys): void {
    this.#common = common;
    this.#by_subject = new Map(subjects.map((key) => [key.subject, key]));
    this.#by_handle = new Map(subjects.map((key) => [toHex(key.handle), key]));
    this.#warm.clear();
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

  #write(keys: VaultKeys): Promise<void> {
    return this.#files.write(file_name, encodeKeys(keys));
  }

  admits(what: Forgetting): Result<void> {
    const held = { common: this.#common, subjects: [...this.#by_subject.values()] };
    const seeds = seedsOf(held);
    if (seeds + (what.boxes?.length ?? 0) * box_seeds_max <= vault_seeds_max) return ok(undefined);
    // The bound is reached, so it is worth finding out.
    const after = without(held, what) ?? held;
    const needed = seedsOf(after);
    wipeBut(after, held);
    if (needed <= Math.max(seeds, vault_seeds_max)) return ok(undefined);
    return fail('VAULT_FULL', `the vault keeps at most ${vault_seeds_max} seeds, this would be ${needed}`, { fix: 'erase whole subjects instead of single entries' });
  }

  async prepare(subject: string): Promise<Result<void>> {
    if (this.#by_subject.has(subject)) return ok(undefined);
    if (subject === '' || utf8(subject).length > subject_bytes_max) {
      return fail('VAULT_SUBJECT_INVALID', `a subject name has 1 to ${subject_bytes_max} bytes`);
    }
    if (!this.#wanted.has(subject) && this.#by_subject.size + this.#wanted.size >= vault_subjects_max) {
      return fullOfSubjects();
    }
    this.#wanted.add(subject);
    // Who comes while a write is under way shares the next one.
    this.#preparing ??= this.#exclusive(() => this.#prepareWanted());
    return this.#preparing;
  }

  async #prepareWanted(): Promise<Result<void>> {
    const fresh = [...this.#wanted].filter((subject) => !this.#by_subject.has(subject))
      .map((subject) => ({ subject, handle: this.#random(handle_bytes), key: PuncturableKey.fresh(this.#random(seed_bytes)) }));
    this.#wanted.clear();
    this.#preparing = undefined;
    if (this.#by_subject.size + fresh.length > vault_subjects_max) return fullOfSubjects();
    await this.#write({ common: this.#common, subjects: [...this.#by_subject.values(), ...fresh] });
    for (const key of fresh) {
      this.#by_subject.set(key.subject, key);
      this.#by_handle.set(toHex(key.handle), key);
    }
    return ok(undefined);
  }

  random(length: number): Uint8Array {
    if (length > random_pool_bytes) return this.#random(length);
    if (this.#pool.length < length) this.#pool = this.#random(random_pool_bytes);
    const bytes = this.#pool.subarray(0, length);
    this.#pool = this.#pool.subarray(length);
    return bytes;
  }

  handleOf(subject: string): Uint8Array | undefined {
    return this.#by_subject.get(subject)?.handle;
  }

  holds(handle: Uint8Array, leaf: Leaf): boolean {
    return this.#common.knows(leaf) && (this.#by_handle.get(toHex(handle))?.key.knows(leaf) ?? false);
  }

  seal(place: SealPlace, bytes: Uint8Array): Result<Uint8Array> {
    const key = this.#keyOf(place);
    if (key === undefined) return erased;
    // A random nonce, since a leaf is used again when a write was lost before it was acknowledged.
    const nonce = this.random(nonce_bytes);
    const encryption = createCipheriv(cipher, createSecretKey(key.secret), nonce);
    encryption.setAAD(additionalData(place));
    return ok(concat(nonce, encryption.update(bytes), encryption.final(), encryption.getAuthTag()));
  }

  open(place: SealPlace, sealed: Uint8Array): Result<{ readonly subject: string; readonly bytes: Uint8Array }> {
    const key = this.#keyOf(place);
    if (key === undefined) return erased;
    if (sealed.length < sealing_bytes) return broken;
    const decryption = createDecipheriv(cipher, createSecretKey(key.secret), sealed.subarray(0, nonce_bytes));
    decryption.setAAD(additionalData(place));
    decryption.setAuthTag(sealed.subarray(-tag_bytes));
    try {
      return ok({ subject: key.subject, bytes: concat(decryption.update(sealed.subarray(nonce_bytes, -tag_bytes)), decryption.final()) });
    } catch {
      return broken;
    }
  }

  #keyOf({ handle, leaf }: SealPlace): { readonly subject: string; readonly secret: Uint8Array } | undefined {
    const found = this.#by_handle.get(toHex(handle));
    const [own, common] = [found?.key.key(leaf), this.#common.key(leaf)];
    if (found === undefined || own === undefined || common === undefined) return undefined;
    const secret = boxSecret(own, common);
    this.#warm.delete(found.key);
    this.#warm.add(found.key);
    const [coldest] = this.#warm;
    if (this.#warm.size > warm_keys_max && coldest !== undefined) {
      this.#warm.delete(coldest);
      coldest.rest();
    }
    return { subject: found.subject, secret };
  }

  forget(what: Forgetting): Promise<Result<void>> {
    return this.#exclusive(async () => {
      const before: VaultKeys = { common: this.#common, subjects: [...this.#by_subject.values()] };
      const after = without(before, what);
      if (after === undefined) return ok(undefined);
      await this.#write(after);
      wipeBut(before, after);
      this.#keep(after);
      return ok(undefined);
    });
  }
}

function fullOfSubjects(): Result<never> {
  return fail('VAULT_FULL', `the vault keeps at most ${vault_subjects_max} subjects`);
}

/** What opening and sealing fail with where the key is gone. */
export const erased: Result<never> = fail('VAULT_ERASED', 'the payload was erased: its key is destroyed');
const broken = fail('VAULT_SEAL_BROKEN', 'the sealed bytes are not what was written', { fix: 'run agentmesh doctor' });

function additionalData({ handle, leaf, context }: SealPlace): Uint8Array {
  return concat(handle, encodeLeaf(leaf), context);
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
      const fresh: VaultKeys = { common: PuncturableKey.fresh(random(seed_bytes)), subjects: [] };
      await files.write(file_name, encodeKeys(fresh));
      return ok(new FileVault(files, random, fresh));
    }
    const keys = decodeKeys(bytes);
    if (keys !== undefined) return ok(new FileVault(files, random, keys));
    return fail('VAULT_UNREADABLE', 'the vault with the payload keys is damaged', { fix: 'restore the file "vault" from the latest backup' });
  } catch (error) {
    return fail('VAULT_UNREADABLE', `the vault could not be opened: ${messageOf(error)}`, { fix: 'check the rights of the data folder', cause: error });
  }
}
