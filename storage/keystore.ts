import { fromBase64url, fromUtf8, toBase64url, utf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes, hasShape, isFields, type Fields } from '../crypto/canonical.ts';
import { key_bytes, signingKey, type SigningKey } from '../crypto/keys.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import type { Files } from './files.ts';
import { isSealed, openingKey, seal, sealing_name, sealingKey, start_cost, unseal, type RandomBytes, type SealingKey } from './sealing.ts';

/** The file that holds every secret key of this host. */
export const keystore_file = 'keys.json';
const file_version = 1;

/** The secret keys of this host: in memory while it runs, sealed on disk. */
export interface Keystore {
  /** Whether a passphrase seals the file; otherwise its permissions alone protect it. */
  readonly protected: boolean;
  /** The key of this name, if there is one. */
  key(name: string): SigningKey | undefined;
  /** The names that begin so, in their order; every name for an empty text. */
  names(prefix: string): readonly string[];
  /** Adds keys; they are on the disk when the promise resolves. Names that exist already are an error of the caller. */
  add(seeds: ReadonlyMap<string, Uint8Array>): Promise<void>;
  /**
   * Seals the file with another passphrase, or with none; it is on the disk
   * when the promise resolves, and until then the file is the old one as a whole.
   */
  reseal(passphrase: string | undefined): Promise<void>;
}

/** What a keystore needs from outside. */
export interface KeystoreParts {
  readonly files: Files;
  readonly random: RandomBytes;
  /** Seals the file; without it the keys lie in a file that only its owner can read. */
  readonly passphrase?: string;
  /** Leaves a file open that lies open, even where a passphrase is given. */
  readonly keep_open?: true;
  /** What a passphrase costs to try, {@link start_cost} when absent; the file opens at the cost at which it was sealed alone. */
  readonly cost?: number;
}

function damaged(cause?: unknown): ReturnType<typeof fail> {
  return fail('KEYSTORE_DAMAGED', `${keystore_file} cannot be read`, {
    fix: 'restore it from a backup; the identities of this host cannot be used without it',
    cause,
  });
}

/** Seeds by name, from their names and base64url texts. `undefined` where anything else stands. */
export function parseSeeds(parsed: unknown): Map<string, Uint8Array> | undefined {
  const seeds = new Map<string, Uint8Array>();
  if (!isFields(parsed)) return undefined;
  for (const [name, value] of Object.entries(parsed)) {
    const seed = typeof value === 'string' ? fromBase64url(value) : undefined;
    if (seed === undefined || seed.length !== key_bytes) return undefined;
    seeds.set(name, seed);
  }
  return seeds;
}

/** What a stored file holds, and the key that seals it; `undefined` where it lies open. */
interface Unlocked {
  readonly seeds: Map<string, Uint8Array>;
  readonly sealing: SealingKey | undefined;
}

function unlocked(parsed: unknown, sealing?: SealingKey): Result<Unlocked> {
  const seeds = parseSeeds(parsed);
  return seeds === undefined ? damaged() : ok({ seeds, sealing });
}

/** Opens the seeds of a stored file. */
function unlock(file: Fields, { passphrase, cost = start_cost }: KeystoreParts): Result<Unlocked> {
  const { version, protection, keys, ...sealed } = file;
  if (version !== file_version) return damaged();
  if (protection === 'none' && hasShape(file, ['version', 'protection', 'keys'])) return unlocked(keys);
  if (protection !== sealing_name || keys !== undefined) return damaged();
  if (passphrase === undefined) {
    return fail('KEYSTORE_LOCKED', 'the keys of this folder are sealed with a passphrase', {
      fix: 'set AGENTMESH_PASSPHRASE or give --passphrase-file',
    });
  }
  if (!isSealed(sealed)) return damaged();
  const sealing = openingKey(sealed, passphrase, cost);
  const plain = unseal(sealed, sealing);
  if (plain === undefined) {
    return fail('KEYSTORE_PASSPHRASE', 'the passphrase does not open the keys of this folder', { fix: 'give the passphrase that seals them now: the one of the last agentmesh keys passphrase, else the one of the first start' });
  }
  try {
    return unlocked(JSON.parse(fromUtf8(plain) ?? ''), sealing);
  } catch (error) {
    return damaged(messageOf(error));
  }
}

function encode(seeds: ReadonlyMap<string, Uint8Array>, sealing: SealingKey | undefined, random: RandomBytes): Uint8Array {
  const keys = Object.fromEntries([...seeds].map(([name, seed]) => [name, toBase64url(seed)]));
  const protection = sealing === undefined
    ? { protection: 'none', keys }
    : { protection: sealing_name, ...seal(canonicalJsonBytes(keys), sealing, random) };
  return utf8(`${JSON.stringify({ version: file_version, ...protection }, null, 2)}\n`);
}

/** What a stored file says of itself, before a passphrase is asked for. Fails with `KEYSTORE_DAMAGED` or `KEYSTORE_VERSION`. */
function parseFile(stored: Uint8Array): Result<Fields> {
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
  return ok(file);
}

function newSealing({ random, cost = start_cost }: KeystoreParts, passphrase: string | undefined): SealingKey | undefined {
  return passphrase === undefined ? undefined : sealingKey(passphrase, random, cost);
}

class FileKeystore implements Keystore {
  readonly #parts: KeystoreParts;
  readonly #seeds: Map<string, Uint8Array>;
  readonly #keys: Map<string, SigningKey>;
  #sealing: SealingKey | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: KeystoreParts, { seeds, sealing }: Unlocked) {
    this.#parts = parts;
    this.#seeds = seeds;
    this.#keys = new Map([...seeds].map(([name, seed]) => [name, signingKey(seed)]));
    this.#sealing = sealing;
  }

  get protected(): boolean {
    return this.#sealing !== undefined;
  }

  key(name: string): SigningKey | undefined {
    return this.#keys.get(name);
  }

  names(prefix: string): readonly string[] {
    return [...this.#keys.keys()].filter((name) => name.startsWith(prefix)).toSorted();
  }

  add(added: ReadonlyMap<string, Uint8Array>): Promise<void> {
    for (const [name, seed] of added) {
      if (this.#seeds.has(name)) throw new Error(`broken invariant: there is a key ${name} already`);
      this.#seeds.set(name, seed);
      this.#keys.set(name, signingKey(seed));
    }
    return this.write();
  }

  async reseal(passphrase: string | undefined): Promise<void> {
    const before = this.#sealing;
    this.#sealing = newSealing(this.#parts, passphrase);
    try {
      await this.write();
    } catch (error) {
      // The file is still the old one, and whatever is written next must open as that does.
      this.#sealing = before;
      throw error;
    }
  }

  /** Brings everything to the disk. */
  write(): Promise<void> {
    const { files, random } = this.#parts;
    // A write that failed, as on a full disk, must not keep the next one from happening.
    this.#writing = this.#writing.catch(() => undefined).then(() => files.write(keystore_file, encode(this.#seeds, this.#sealing, random)));
    return this.#writing;
  }
}

/**
 * Opens the host's keys, or an empty keystore where there is none yet. A file
 * that lay open is sealed when there is a passphrase now.
 *
 * Fails with `KEYSTORE_DAMAGED`, `KEYSTORE_VERSION`, `KEYSTORE_LOCKED` or `KEYSTORE_PASSPHRASE`.
 */
export async function openKeystore(parts: KeystoreParts): Promise<Result<Keystore>> {
  const stored = await parts.files.read(keystore_file);
  if (stored === undefined) return ok(new FileKeystore(parts, { seeds: new Map(), sealing: newSealing(parts, parts.passphrase) }));
  const file = parseFile(stored);
  if (!file.ok) return file;
  const content = unlock(file.value, parts);
  if (!content.ok) return content;
  const { seeds, sealing } = content.value;
  if (sealing !== undefined || parts.passphrase === undefined || parts.keep_open === true) return ok(new FileKeystore(parts, content.value));
  const keystore = new FileKeystore(parts, { seeds, sealing: newSealing(parts, parts.passphrase) });
  await keystore.write();
  return ok(keystore);
}
