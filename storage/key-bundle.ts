/**
 * One identity on its way to another data folder: its keys of all generations,
 * its establishment events, its settings and its newest record, sealed with a
 * passphrase. The record comes along because peers refuse any sequence number
 * that is not above the one that they have seen.
 */
import { fromUtf8 } from '../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isFields } from '../crypto/canonical.ts';
import { eventHash } from '../crypto/did-events.ts';
import { checkEstablishments, verifyRecord } from '../crypto/did-record.ts';
import { didOf } from '../crypto/did.ts';
import { key_bytes } from '../crypto/keys.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { isStoredIdentity, type StoredIdentity } from './identities.ts';
import { isSealed, openingKey, seal, sealing_name, sealingKey, travel_cost, unseal, type RandomBytes } from './sealing.ts';

const bundle_kind = 'identity-bundle';
const bundle_version = 1;
// A label with a slash in it would reach into the names of another identity.
const label_pattern = /^[0-9a-f]{16}$/;
const key_pattern = /^(0|[1-9]\d?)\/(update|use)$/;
/** The largest bundle that is opened. */
export const bundle_bytes_max: number = 256 * 1024;

/** What a bundle carries. */
export interface KeyBundle {
  readonly identity: StoredIdentity;
  /** The seeds of its keys under the names that they have in a keystore. */
  readonly seeds: ReadonlyMap<string, Uint8Array>;
  /** The newest record that was published, `null` where there is none yet. */
  readonly record: Uint8Array | null;
}

/** What the names of an identity's keys begin with in a keystore. */
export function keyPrefix(label: string): string {
  return `identity/${label}/`;
}

/** The text of a file that carries a bundle, sealed under a salt and a nonce of its own; it opens at the same `cost` alone. */
export function sealBundle(bundle: KeyBundle, passphrase: string, random: RandomBytes, cost: number = travel_cost): string {
  const plain = encodeCbor({ identity: bundle.identity, seeds: Object.fromEntries(bundle.seeds), record: bundle.record });
  const sealed = seal(plain, sealingKey(passphrase, random, cost), random);
  return `${JSON.stringify({ agentmesh: bundle_kind, version: bundle_version, protection: sealing_name, ...sealed }, null, 2)}\n`;
}

function damaged(reason: string): ReturnType<typeof fail> {
  return fail('BUNDLE_DAMAGED', `the bundle cannot be used: ${reason}`, { fix: 'export the identity again (agentmesh keys export)' });
}

function isSeeds(value: unknown): value is { readonly [name: string]: Uint8Array } {
  return isFields(value) && Object.values(value).every((seed) => seed instanceof Uint8Array && seed.length === key_bytes);
}

/**
 * Whether an identity has a key of this name by now, be it for a rotation that
 * was begun. A key for a later one would be put in force as a new one, and who
 * made the bundle would know it for good.
 */
function isKeyName(name: string, { label, establishments }: StoredIdentity): boolean {
  const prefix = keyPrefix(label);
  const [, number, role] = key_pattern.exec(name.startsWith(prefix) ? name.slice(prefix.length) : '') ?? [];
  return number !== undefined && Number(number) <= establishments.length + (role === 'update' ? 1 : 0);
}

/** Whether everything in a bundle belongs to one identity. */
function checkBundle(bundle: KeyBundle): Result<KeyBundle> {
  const { identity, seeds, record } = bundle;
  const current = checkEstablishments(identity.establishments);
  if (!current.ok) return damaged(current.failure.reason);
  const [genesis] = identity.establishments;
  const { kind, sponsor } = current.value;
  if (genesis === undefined || didOf(eventHash(genesis.event)) !== identity.did || kind !== identity.kind || sponsor !== identity.sponsor) return damaged('its events are those of another identity');
  if (kind === 'node') return damaged('it carries a node, which stays in its folder');
  if (kind !== 'agent' && identity.agent !== null) return damaged('it has the settings of an agent, and is none');
  if (!label_pattern.test(identity.label)) return damaged('its keys have no proper names');
  if ([...seeds.keys()].some((name) => !isKeyName(name, identity))) return damaged('it carries keys that the identity does not have');
  if (record === null) return ok(bundle);
  const verified = verifyRecord(record, { allow_expired: true });
  return verified.ok && verified.value.did === identity.did ? ok(bundle) : damaged('its record is not that of the identity');
}

/**
 * Opens a bundle and checks all of it: the seal, the events, whose keys they are, the record.
 *
 * Fails with `BUNDLE_DAMAGED`, `BUNDLE_VERSION` or `BUNDLE_PASSPHRASE`.
 */
export function openBundle(bytes: Uint8Array, passphrase: string, cost: number = travel_cost): Result<KeyBundle> {
  if (bytes.length > bundle_bytes_max) return damaged(`it has more than ${bundle_bytes_max} bytes`);
  let file: unknown;
  try {
    file = JSON.parse(fromUtf8(bytes) ?? '');
  } catch {
    return damaged('it is not JSON');
  }
  if (!isFields(file) || file['agentmesh'] !== bundle_kind) return damaged('it is no bundle of an identity');
  const { agentmesh: _, version, protection, ...sealed } = file;
  if (typeof version === 'number' && version > bundle_version) {
    return fail('BUNDLE_VERSION', `the bundle has version ${version}, this program knows ${bundle_version}`, { fix: 'import it with the program version that exported it, or a later one' });
  }
  if (version !== bundle_version || protection !== sealing_name || !isSealed(sealed)) return damaged('its form is not that of version 1');
  const plain = unseal(sealed, openingKey(sealed, passphrase, cost));
  if (plain === undefined) return fail('BUNDLE_PASSPHRASE', 'the passphrase does not open the bundle, or the bundle was changed', { fix: 'give the passphrase with which it was exported' });
  return parseBundle(plain);
}

/** What lies under the seal: its form, the events, whose keys they are, the record. Fails with `BUNDLE_DAMAGED`. */
export function parseBundle(plain: Uint8Array): Result<KeyBundle> {
  const decoded = decodeCbor(plain);
  if (!decoded.ok || !hasShape(decoded.value, ['identity', 'seeds', 'record'])) return damaged('its content has another form');
  const { identity, seeds, record } = decoded.value;
  if (!isStoredIdentity(identity) || !isSeeds(seeds) || !(record === null || record instanceof Uint8Array)) return damaged('its content has another form');
  return checkBundle({ identity, seeds: new Map(Object.entries(seeds)), record });
}
