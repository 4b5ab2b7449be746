/** What the owner of a data folder does to its keys while no node runs on it. */
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { equal } from '../crypto/bytes.ts';
import { methodId } from '../crypto/did-events.ts';
import { verifyRecord } from '../crypto/did-record.ts';
import { sha256 } from '../crypto/hash.ts';
import { signingKey } from '../crypto/keys.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { currentEvent } from '../protocols/identity/index.ts';
import { agents_max } from '../protocols/limits.ts';
import { diskFiles, writeNewFile } from '../storage/files.ts';
import { keepIdentity, loadIdentities, type StoredIdentity } from '../storage/identities.ts';
import { keyPrefix, openBundle, sealBundle, type KeyBundle } from '../storage/key-bundle.ts';
import { keystore_file, openKeystore, type Keystore } from '../storage/keystore.ts';
import { recordStore } from '../storage/records.ts';
import { system_clock, system_random } from './clock.ts';
import { marker_file } from './data-folder.ts';
import { holdFolder, type HeldFolder } from './held-folder.ts';
import { checkName } from './identities.ts';
import { heldKeys } from './identity-keys.ts';

const random = (length: number): Uint8Array => system_random.bytes(length);

/** A data folder, and what opens its keys. */
export interface KeyFolder {
  readonly data: string;
  readonly passphrase: string | undefined;
}

/** A key, by everything about it that is no secret. */
export interface KeyView {
  readonly name: string;
  /** Derived from the public key; for a key in daily use the fragment of its DID URL. */
  readonly fingerprint: string;
  /** The name of the identity that it belongs to; `null` where that cannot be told. */
  readonly owner: string | null;
}

/** The keys of a folder. */
export interface KeyList {
  readonly protected: boolean;
  /** Not while a node runs there, which alone reads what belongs to whom. */
  readonly owners_known: boolean;
  readonly keys: readonly KeyView[];
}

/** An identity that was exported or imported. */
export interface MovedIdentity {
  readonly name: string;
  readonly did: string;
  readonly kind: StoredIdentity['kind'];
  readonly keys: number;
  /** Paths on the host that exported it; what is at the handler's runs when a node starts here. */
  readonly handler: string | null;
  readonly policy: string | null;
}

function checkThere({ data }: KeyFolder): Result<void> {
  try {
    accessSync(data, constants.R_OK | constants.X_OK);
  } catch (error) {
    // A folder that is another user's may well hold a node.
    if (existsSync(data)) return fail('DATA_UNUSABLE', `${data} cannot be opened: ${messageOf(error)}`, { fix: 'run this as the user whose folder it is, or choose another one with --data' });
  }
  return existsSync(join(data, marker_file)) && existsSync(join(data, keystore_file))
    ? ok(undefined)
    : fail('DATA_MISSING', `${data} holds no node yet`, { fix: `agentmesh up --data ${data} makes one` });
}

function openKeys(folder: KeyFolder): Promise<Result<Keystore>> {
  const { data, passphrase } = folder;
  return openKeystore({ files: diskFiles(data), random, ...(passphrase === undefined ? {} : { passphrase }), keep_open: true });
}

/** Does work on a folder with its keys and its store, which nobody else has open meanwhile. Fails with a `DATA_…`, `FILE_…`, `STORE_…` or `KEYSTORE_…` code, or as the work does. */
export async function withinFolder<T>(folder: KeyFolder, work: (held: HeldFolder, keystore: Keystore) => Promise<Result<T>>): Promise<Result<T>> {
  const there = checkThere(folder);
  if (!there.ok) return there;
  const held = await holdFolder(folder.data);
  if (!held.ok) return held;
  try {
    const keystore = await openKeys(folder);
    return keystore.ok ? await work(held.value, keystore.value) : keystore;
  } catch (error) {
    return fail('DATA_UNUSABLE', `${folder.data} cannot be used: ${messageOf(error)}`, { fix: 'look at the rights of its files and whether the disk is full, then do it again', cause: error });
  } finally {
    await held.value.close();
  }
}

/**
 * Seals the keys of a folder with another passphrase, or with none. The file is
 * replaced as a whole, so that one of the two passphrases always opens it.
 *
 * Fails with a `DATA_…`, `FILE_…`, `STORE_…` or `KEYSTORE_…` code.
 */
export function changePassphrase(folder: KeyFolder, next: string | undefined): Promise<Result<void>> {
  return withinFolder(folder, async (_, keystore) => {
    try {
      await keystore.reseal(next);
      return ok(undefined);
    } catch (error) {
      return fail('KEYSTORE_UNWRITABLE', `${keystore_file} cannot be written: ${messageOf(error)}`, { fix: 'make room on the disk; the keys are as they were', cause: error });
    }
  });
}

/** The keys of a folder, without a secret. While a node runs there, whose they are is not said. Fails with a `DATA_…`, `FILE_…`, `STORE_…` or `KEYSTORE_…` code. */
export async function listKeys(folder: KeyFolder): Promise<Result<KeyList>> {
  const listed = await withinFolder(folder, async ({ store }, keystore) => ok(keyList(keystore, (await loadIdentities(store)).identities, true)));
  if (listed.ok || listed.failure.code !== 'DATA_LOCKED') return listed;
  const keystore = await openKeys(folder);
  return keystore.ok ? ok(keyList(keystore.value, [], false)) : keystore;
}

function keyList(keystore: Keystore, identities: readonly StoredIdentity[], owners_known: boolean): KeyList {
  const keys = keystore.names('').flatMap((name): KeyView[] => {
    const key = keystore.key(name);
    const owner = identities.find(({ label }) => name.startsWith(keyPrefix(label)));
    return key === undefined ? [] : [{ name, fingerprint: methodId(key.public_key), owner: owner?.name ?? null }];
  });
  return { protected: keystore.protected, owners_known, keys };
}

/** The sponsor or agent with this DID or name; a name that was freed by a deactivation belongs to who has it now. */
export function named(identities: readonly StoredIdentity[], who: string): StoredIdentity | undefined {
  const found = identities.filter(({ did, name, kind }) => kind !== 'node' && (did === who || name === who));
  return found.find(({ did, deactivated }) => did === who || !deactivated) ?? found[0];
}

/**
 * Writes one identity with its keys into a sealed file. It stays in this folder
 * too; it must be used in one of them only.
 *
 * Fails with `NAME_UNKNOWN`, `KEYS_OF_NODE`, `IDENTITY_KEYS_MISSING`, `FILE_EXISTS`, `FILE_UNWRITABLE` or as {@link listKeys} does.
 */
export function exportIdentity(folder: KeyFolder, who: string, out: string, bundle_passphrase: string, cost?: number): Promise<Result<MovedIdentity>> {
  return withinFolder(folder, async ({ store }, keystore) => {
    const { identities } = await loadIdentities(store);
    const identity = named(identities, who) ?? identities.find(({ did, name, kind }) => kind === 'node' && (did === who || name === who || who === 'node'));
    if (identity === undefined) return fail('NAME_UNKNOWN', `no ${JSON.stringify(who.slice(0, 80))} has its keys in this folder`, { fix: 'agentmesh keys list' });
    if (identity.kind === 'node') return fail('KEYS_OF_NODE', 'a node belongs to its folder, with its log', { fix: 'stop it and copy the whole folder' });
    const seeds = new Map(keystore.names(keyPrefix(identity.label)).flatMap((name): [string, Uint8Array][] => {
      const key = keystore.key(name);
      return key === undefined ? [] : [[name, key.seed]];
    }));
    if (seeds.size === 0) return fail('IDENTITY_KEYS_MISSING', `the keys of ${identity.name} are not in ${keystore_file}`, { fix: 'restore it from a backup' });
    const record = await recordStore({ store, now: () => system_clock.now() }).newest(identity.did);
    const written = await writeNewFile(out, sealBundle({ identity, seeds, record: record?.bytes ?? null }, bundle_passphrase, random, cost));
    return written.ok ? ok(movedOf(identity, seeds)) : written;
  });
}

function movedOf({ name, did, kind, agent }: StoredIdentity, seeds: ReadonlyMap<string, Uint8Array>): MovedIdentity {
  return { name, did, kind, keys: seeds.size, handler: agent?.handler ?? null, policy: agent?.policy ?? null };
}

/** Whether a node can be started with an identity and these keys: one that lacks a key would keep every later start from working. */
function isComplete({ identity, seeds }: KeyBundle): boolean {
  const keys = heldKeys({
    key: (name) => {
      const seed = seeds.get(name);
      return seed === undefined ? undefined : signingKey(seed);
    },
  }, identity.label, identity.establishments.length - 1);
  const { keys: controlling, next_keys } = currentEvent(identity);
  return keys !== undefined && controlling.some((key) => equal(key, keys.update.public_key)) && next_keys.some((hash) => equal(hash, sha256(keys.next.public_key)));
}

/** Why an identity cannot come into a folder, if so. */
function clash(identity: StoredIdentity, present: readonly StoredIdentity[]): Result<void> {
  // One whose name is the DID of somebody else would be found in that one's place.
  const name = checkName(identity.name);
  if (!name.ok) return name;
  if (present.some(({ did }) => did === identity.did)) return fail('IDENTITY_EXISTS', `${identity.name} (${identity.did}) is in this folder already`, { fix: 'nothing is left to do' });
  if (present.some((other) => other.name === identity.name && other.kind !== 'node')) {
    return fail('NAME_TAKEN', `there is another ${JSON.stringify(identity.name)} in this folder`, { fix: 'import it into another data folder' });
  }
  if (present.some(({ label }) => label === identity.label)) return fail('KEYS_EXIST', 'the keys of another identity in this folder have the same names', { fix: 'import it into another data folder' });
  return present.length < agents_max ? ok(undefined) : fail('AGENTS_FULL', `a host has at most ${agents_max} identities`);
}

/**
 * Takes an identity out of a sealed file into a folder. Keys first, then the
 * identity: cut off in between, it can be done again.
 *
 * Fails with a `BUNDLE_…` code, `NAME_INVALID`, `IDENTITY_EXISTS`, `NAME_TAKEN`, `KEYS_EXIST`, `AGENTS_FULL`
 * or as {@link listKeys} does; then nothing was written.
 */
export async function importIdentity(folder: KeyFolder, bytes: Uint8Array, bundle_passphrase: string, cost?: number): Promise<Result<MovedIdentity>> {
  const opened = openBundle(bytes, bundle_passphrase, cost);
  if (!opened.ok) return opened;
  const { identity, seeds, record } = opened.value;
  if (!isComplete(opened.value)) return fail('BUNDLE_DAMAGED', 'the bundle cannot be used: keys are missing that control the identity', { fix: 'export the identity again (agentmesh keys export)' });
  return withinFolder(folder, async ({ store }, keystore) => {
    const free = clash(identity, (await loadIdentities(store)).identities);
    if (!free.ok) return free;
    const missing = missingSeeds(opened.value, keystore);
    if (!missing.ok) return missing;
    await keystore.add(missing.value);
    await keepIdentity(store, identity);
    const verified = record === null ? undefined : verifyRecord(record, { allow_expired: true });
    if (verified?.ok === true) {
      const records = recordStore({ store, now: () => system_clock.now() });
      records.claim(identity.did);
      await records.keep(verified.value);
    }
    return ok(movedOf(identity, seeds));
  });
}

/** The seeds that are not in the keystore yet. An import that was cut off may have brought some. */
function missingSeeds({ seeds }: KeyBundle, keystore: Keystore): Result<ReadonlyMap<string, Uint8Array>> {
  const missing = new Map<string, Uint8Array>();
  for (const [name, seed] of seeds) {
    const present = keystore.key(name);
    if (present === undefined) missing.set(name, seed);
    else if (!equal(present.seed, seed)) return fail('KEYS_EXIST', `there is another key ${name} in this folder`, { fix: 'import it into another data folder' });
  }
  return ok(missing);
}
