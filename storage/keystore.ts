import { createCipheriv, createDecipheriv, scryptSync } from 'node:crypto';
import { fromBase64url, fromUtf8, toBase64url, utf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes, hasShape, isFields, type Fields } from '../crypto/canonical.ts';
import { key_bytes, signingKey, type SigningKey } from '../crypto/keys.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import type { Files } from './files.ts';

/** The file that holds every secret key of this host. */
export const keystore_file = 'keys.json';

// scrypt at N=2^15, r=8, p=1 takes 32 MiB and some 60 ms here: once at start, dear for who guesses.
const scrypt_cost = 2 ** 15;
const scrypt_memory_bytes_max = 64 * 1024 * 1024;
const file_version = 1;
const salt_bytes = 16;
const nonce_bytes = 12;
const tag_bytes = 16;

/** The secret keys of this host: in memory while it runs, sealed on disk. */
export interface Keystore {
  /** Whether a passphrase seals the file; otherwise its permissions alone protect it. */
  readonly protected: boolean;
  /** The key of this name, if there is one. */
  key(name: string): SigningKey | undefined;
  /** Adds keys; they are on the disk when the promise resolves. Names that exist already are an error of the caller. */
  add(seeds: ReadonlyMap<string, Uint8Array>): Promise<void>;
}

/** What a keystore needs from outside. */
export interface KeystoreParts {
  readonly files: Files;
  readonly random: (length: number) => Uint8Array;
  /** Seals the file; without it the keys lie in a file that only its owner can read. */
  readonly passphrase?: string;
}

function derive(passphrase: string, salt: Uint8Array): Uint8Array {
  return scryptSync(passphrase.normalize('NFKC'), salt, 32, { N: scrypt_cost, r: 8, p: 1, maxmem: scrypt_memory_bytes_max });
}

function seal(plain: Uint8Array, sealing_key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', sealing_key, nonce);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function unseal(sealed: Uint8Array, sealing_key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const decipher = createDecipheriv('aes-256-gcm', sealing_key, nonce);
  decipher.setAuthTag(sealed.subarray(sealed.length - tag_bytes));
  return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tag_bytes)), decipher.final()]);
}

function damaged(cause?: unknown): ReturnType<typeof fail> {
  return fail('KEYSTORE_DAMAGED', `${keystore_file} cannot be read`, {
    fix: 'restore it from a backup; the identities of this host cannot be used without it',
    cause,
  });
}

function parseSeeds(parsed: unknown): Result<Map<string, Uint8Array>> {
  const seeds = new Map<string, Uint8Array>();
  if (!isFields(parsed)) return damaged();
  for (const [name, value] of Object.entries(parsed)) {
    const seed = typeof value === 'string' ? fromBase64url(value) : undefined;
    if (seed === undefined || seed.length !== key_bytes) return damaged();
    seeds.set(name, seed);
  }
  return ok(seeds);
}

/** Opens the seeds of a stored file, and says how it was sealed. */
function unlock(file: Fields, passphrase: string | undefined): Result<Map<string, Uint8Array>> {
  if (hasShape(file, ['version', 'protection', 'keys']) && file['version'] === file_version && file['protection'] === 'none') {
    return parseSeeds(file['keys']);
  }
  if (!hasShape(file, ['version', 'protection', 'salt', 'nonce', 'sealed']) || file['version'] !== file_version || file['protection'] !== 'scrypt+aes-256-gcm') return damaged();
  if (passphrase === undefined) {
    return fail('KEYSTORE_LOCKED', 'the keys of this folder are sealed with a passphrase', {
      fix: 'set AGENTMESH_PASSPHRASE or give --passphrase-file',
    });
  }
  const [salt, nonce, sealed] = [file['salt'], file['nonce'], file['sealed']].map((part) => typeof part === 'string' ? fromBase64url(part) : undefined);
  if (salt === undefined || nonce?.length !== nonce_bytes || sealed === undefined || sealed.length < tag_bytes) return damaged();
  try {
    return parseSeeds(JSON.parse(fromUtf8(unseal(sealed, derive(passphrase, salt), nonce)) ?? ''));
  } catch {
    return fail('KEYSTORE_PASSPHRASE', 'the passphrase does not open the keys of this folder', { fix: 'give the passphrase with which the folder was made' });
  }
}

function encode(seeds: ReadonlyMap<string, Uint8Array>, sealing: { readonly key: Uint8Array; readonly salt: Uint8Array; readonly nonce: Uint8Array } | undefined): Uint8Array {
  const keys = Object.fromEntries([...seeds].map(([name, seed]) => [name, toBase64url(seed)]));
  if (sealing === undefined) return utf8(`${JSON.stringify({ version: file_version, protection: 'none', keys }, null, 2)}\n`);
  return utf8(`${JSON.stringify({
    version: file_version,
    protection: 'scrypt+aes-256-gcm',
    salt: toBase64url(sealing.salt),
    nonce: toBase64url(sealing.nonce),
    sealed: toBase64url(seal(canonicalJsonBytes(keys), sealing.key, sealing.nonce)),
  }, null, 2)}\n`);
}

/**
 * Opens the host's keys, or an empty keystore where there is none yet.
 *
 * A file that lay open is sealed
 * when there is a passphrase now.
 *
 * Fails with `KEYSTORE_DAMAGED`, `KEYSTORE_VERSION`, `KEYSTORE_LOCKED` or `KEYSTORE_PASSPHRASE`.
 */
export async function openKeystore(parts: KeystoreParts): Promise<Result<Keystore>> {
  const { files, passphrase } = parts;
  const stored = await files.read(keystore_file);
  let seeds = new Map<string, Uint8Array>();
  let lay_open = false;
  if (stored !== undefined) {
    let file: unknown;
    try {
      file = JSON.parse(fromUtf8(stored) ?? '');
    } catch (error) {
      return damaged(messageOf(error));
    }
    if (!isFields(file)) return damaged();
    if (typeof file['version'] === 'number' && file['version'] > file_version) {
      return fail('KEYSTORE_VERSION', `${keystore_file} has version ${file['version']}, this program knows ${file_version}`, { fix: 'start the folder with the program version that wrote it' });
    }
    const unlocked = unlock(file, passphrase);
    if (!unlocked.ok) return unlocked;
    seeds = unlocked.value;
    lay_open = file['protection'] === 'none';
  }
  const salt = parts.random(salt_bytes);
  const sealing_key = passphrase === undefined ? undefined : derive(passphrase, salt);
  const keys = new Map([...seeds].map(([name, seed]) => [name, signingKey(seed)]));
  const write = (): Promise<void> => files.write(keystore_file, encode(
    seeds,
    sealing_key === undefined ? undefined : { key: sealing_key, salt, nonce: parts.random(nonce_bytes) },
  ));
  if (lay_open && sealing_key !== undefined) await write();
  let writing: Promise<void> = Promise.resolve();
  return ok({
    protected: passphrase !== undefined,
    key: (name) => keys.get(name),
    add(added) {
      for (const [name, seed] of added) {
        if (seeds.has(name)) throw new Error(`broken invariant: there is a key ${name} already`);
        seeds.set(name, seed);
        keys.set(name, signingKey(seed));
      }
      // A write that failed, as on a full disk, must not keep the next one from happening.
      writing = writing.catch(() => undefined).then(write);
      return writing;
    },
  });
}
