/**
 * The identities of this host: the node itself, sponsors whose keys are held
 * here, and agents. Keys in the keystore, everything else in the store, their
 * records in the DHT.
 */
import { toHex } from '../crypto/bytes.ts';
import { parseCapabilities } from '../crypto/capability.ts';
import { text_length_max, type DidKind, type RetiredMethod, type VerificationMethod } from '../crypto/did-events.ts';
import { verifyRecord } from '../crypto/did-record.ts';
import { isDid } from '../crypto/did.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { IdentityWitnesses } from '../protocols/identity-witness/index.ts';
import { genesisEvent, new_standing, ownIdentity, signAs, soleControl, type Identity, type IdentityPlan, type OwnIdentity } from '../protocols/identity/index.ts';
import { agents_max, name_length_max } from '../protocols/limits.ts';
import type { Clock, Network, Random, Recorder, Store } from '../protocols/ports.ts';
import { keepIdentity, loadIdentities, type AgentSettings, type PendingRotation, type StoredIdentity } from '../storage/identities.ts';
import type { Keystore } from '../storage/keystore.ts';
import type { RecordStore } from '../storage/records.ts';
import { Attesting } from './attesting.ts';
import { IdentityChanges, type Changed, type RotationPlan } from './identity-changes.ts';
import { heldKeys, newKeys, storeKeys } from './identity-keys.ts';
import { Publishing, type Published } from './publishing.ts';

const name_pattern = /^[\p{L}\p{N}][\p{L}\p{N}@._+ -]*$/u;

/** What keeping identities uses. */
export interface IdentitiesParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly keystore: Keystore;
  readonly records: RecordStore;
  readonly identity: Identity;
  readonly witnesses: IdentityWitnesses;
  readonly recorder: Recorder;
  /** The node's keys that others verify, besides those of its identity. */
  readonly node_methods: readonly VerificationMethod[];
  /** The keys of its logs that have ended. */
  readonly node_retired: readonly RetiredMethod[];
}

/** An identity of this host. */
export interface LocalIdentity extends OwnIdentity {
  readonly agent: AgentSettings | null;
  readonly attestations: readonly string[];
  /** What its keys are called in the keystore. */
  readonly label: string;
  /** The nodes that witness its next event. */
  readonly witness_nodes: readonly string[];
  /** A rotation that waits for its witnesses. */
  readonly pending: PendingRotation | null;
}

/** Who countersigns the establishment events of an identity. */
export interface Witnessing {
  /** The DIDs of nodes. */
  readonly nodes: readonly string[];
  /** How many of them must. */
  readonly threshold: number;
}

/** An identity to make. */
export interface CreationPlan {
  readonly kind: DidKind;
  readonly name: string;
  /** Name or DID. */
  readonly sponsor?: string;
  readonly capabilities?: readonly string[];
  readonly agent?: AgentSettings;
  readonly witnesses?: Witnessing;
}

/** What the rest of a host has to do with its identities while it runs. */
export interface IdentityHooks {
  /** Whether an agent may be attested again. */
  mayAttest(agent_did: string): boolean;
  readonly published?: Published;
  /** An identity was deactivated. */
  deactivated(identity: LocalIdentity): void;
}

/** Whether this can be the name of an identity. Fails with `NAME_INVALID`. */
export function checkName(name: string): Result<string> {
  if (name.length > name_length_max || !name_pattern.test(name) || isDid(name)) {
    return fail('NAME_INVALID', `${JSON.stringify(name.slice(0, 80))} is not a name`, {
      fix: `use up to ${name_length_max} letters, digits and @ . _ + - with a letter or digit first`,
    });
  }
  return ok(name);
}

/** The capabilities as they are written into a document. */
function checkCapabilities(given: readonly string[]): Result<readonly string[]> {
  const capabilities = parseCapabilities(given);
  if (!capabilities.ok) return capabilities;
  const texts = capabilities.value.map(({ text }) => text);
  const too_long = texts.find((text) => text.length > text_length_max);
  return too_long === undefined ? ok(texts)
    : fail('CAPABILITY_TOO_LONG', `${JSON.stringify(too_long.slice(0, 80))}… has ${too_long.length} characters`, { fix: `use at most ${text_length_max}` });
}

/** The identities of this host. */
export class Identities {
  readonly #parts: IdentitiesParts;
  readonly #by_did = new Map<string, LocalIdentity>();
  readonly #by_name = new Map<string, LocalIdentity>();
  #node: LocalIdentity | undefined;
  /** Names of identities that are being made. */
  readonly #making = new Set<string>();
  readonly #changes: IdentityChanges;
  #deactivated: IdentityHooks['deactivated'] = () => undefined;
  /** Signs and spreads the records. */
  readonly publishing: Publishing;
  /** Signs sponsors' words for agents. */
  readonly attesting: Attesting;

  constructor(parts: IdentitiesParts) {
    this.#parts = parts;
    const find = (who: string): LocalIdentity | undefined => this.find(who);
    const keep = (identity: LocalIdentity): Promise<LocalIdentity> => this.#keep(identity);
    const all = (): Iterable<LocalIdentity> => this.#by_did.values();
    this.attesting = new Attesting({ ...parts, find, all, keep });
    this.publishing = new Publishing({ ...parts, find, all, renewed: (identity) => this.attesting.renewed(identity), carried: () => this.attesting.carried() });
    this.#changes = new IdentityChanges({ ...parts, find, all, keep, publishing: this.publishing });
  }

  /** Loads all identities; the node's own is made at genesis. Fails with `IDENTITY_KEYS_MISSING`. */
  async load(): Promise<Result<void>> {
    const { identities, unreadable } = await loadIdentities(this.#parts.store);
    if (unreadable > 0) this.#parts.recorder.record({ kind: 'identity.unreadable', count: unreadable });
    for (const stored of identities) {
      const keys = heldKeys(this.#parts.keystore, stored.label, stored.establishments.length - 1);
      if (keys === undefined) return fail('IDENTITY_KEYS_MISSING', `the keys of ${stored.name} (${stored.did}) are not in keys.json`, { fix: 'restore keys.json from a backup' });
      this.#remember({ ...stored, ...ownIdentity(stored, keys, stored, stored) });
    }
    return ok(undefined);
  }

  async #keep(identity: LocalIdentity): Promise<LocalIdentity> {
    await keepIdentity(this.#parts.store, storedOf(identity));
    const was_deactivated = this.#by_did.get(identity.did)?.deactivated === true;
    this.#remember(identity);
    if (identity.deactivated && !was_deactivated) this.#deactivated(identity);
    return identity;
  }

  #remember(identity: LocalIdentity): LocalIdentity {
    this.#parts.records.claim(identity.did);
    this.#by_did.set(identity.did, identity);
    if (identity.kind === 'node') this.#node = identity;
    else if (!this.#isTaken(identity.name, identity.did)) this.#by_name.set(identity.name, identity);
    return identity;
  }

  /** Whether an identity that is not deactivated, another than this one, has the name. */
  #isTaken(name: string, did?: string): boolean {
    const named = this.#by_name.get(name);
    return named !== undefined && named.did !== did && !named.deactivated;
  }

  /** The node's own identity. */
  get node(): LocalIdentity {
    if (this.#node === undefined) throw new Error('broken invariant: a node has an identity');
    return this.#node;
  }

  /** Whether there is a node identity yet. */
  get established(): boolean {
    return this.#node !== undefined;
  }

  /** The identity with this DID, or with this name; an empty string is the node's own. */
  find(who: string): LocalIdentity | undefined {
    if (who === '') return this.#node;
    return this.#by_did.get(who) ?? this.#by_name.get(who);
  }

  /** Every identity of these kinds. */
  list(...kinds: readonly DidKind[]): readonly LocalIdentity[] {
    return [...this.#by_did.values()].filter((identity) => kinds.includes(identity.kind));
  }

  /** The DID of a name, or the DID that was given. Fails with `NAME_UNKNOWN`. */
  didOf(who: string): Result<string> {
    if (isDid(who)) return ok(who);
    const found = this.find(who);
    if (found !== undefined) return ok(found.did);
    return fail('NAME_UNKNOWN', `there is no ${JSON.stringify(who.slice(0, 80))} on this host`, { fix: 'give a DID, or a name that agentmesh agent list or sponsor list shows' });
  }

  /** Makes an identity with new keys: keys first, then the identity, then its record to the DHT. Fails with `NAME_…`, `SPONSOR_…`, `WITNESS_…`, `CAPABILITY_MALFORMED`, `CAPABILITY_TOO_LONG`, `RECORD_TOO_LARGE` or `AGENTS_FULL`. */
  async create(plan: CreationPlan): Promise<Result<LocalIdentity>> {
    const name = checkName(plan.name);
    if (!name.ok) return name;
    if (plan.kind !== 'node' && (this.#isTaken(plan.name) || this.#making.has(plan.name))) return fail('NAME_TAKEN', `there is a ${JSON.stringify(plan.name)} on this host already`, { fix: 'choose another name' });
    if (this.#by_did.size >= agents_max) return fail('AGENTS_FULL', `a host has at most ${agents_max} identities`);
    const capabilities = checkCapabilities(plan.capabilities ?? []);
    if (!capabilities.ok) return capabilities;
    const sponsor = plan.sponsor === undefined ? ok(undefined) : this.attesting.sponsor(plan.sponsor, plan.kind);
    if (!sponsor.ok) return sponsor;
    this.#making.add(plan.name);
    const made = await this.#make({ kind: plan.kind, name: plan.name, sponsor: sponsor.value?.did ?? null, capabilities: capabilities.value }, sponsor.value?.local, plan)
      .finally(() => this.#making.delete(plan.name));
    // The node's own is made before there is a network, and published when the host starts.
    if (made.ok && plan.kind !== 'node') await this.publish(made.value);
    return made;
  }

  async #make(plan: IdentityPlan, sponsor: LocalIdentity | undefined, { agent, witnesses = { nodes: [], threshold: 0 } }: Pick<CreationPlan, 'agent' | 'witnesses'>): Promise<Result<LocalIdentity>> {
    const { random, clock } = this.#parts;
    const witness_keys = await this.#parts.witnesses.keysOf(witnesses.nodes, witnesses.threshold);
    if (!witness_keys.ok) return witness_keys;
    const { keys, seeds } = newKeys(random);
    const genesis = genesisEvent(plan, soleControl(keys, witness_keys.value, witnesses.threshold), clock.now());
    const establishments = [signAs(genesis, genesis, [keys.update])];
    const witness_signatures = witnesses.threshold === 0 ? ok([]) : await this.#parts.witnesses.collect({ establishments, witness_signatures: [] }, witnesses.nodes);
    if (!witness_signatures.ok) return witness_signatures;
    const own = ownIdentity(plan, keys, { establishments, witness_signatures: witness_signatures.value }, new_standing);
    const attestations = sponsor === undefined ? [] : [await this.attesting.attest(sponsor, own.did)];
    const made: LocalIdentity = { ...own, agent: agent ?? null, attestations, label: toHex(random.bytes(8)), witness_nodes: witnesses.nodes, pending: null };
    // Before it is stored: an identity whose record nobody takes would be one for ever.
    const verified = verifyRecord(this.publishing.sign(made, 0), { now_ms: clock.now() });
    if (!verified.ok) return verified;
    await storeKeys(this.#parts.keystore, made.label, seeds);
    return ok(await this.#keep(made));
  }

  /** See {@link IdentityChanges.rotate}; `node` is the node's own. */
  rotate(who: string, plan: RotationPlan = {}): Promise<Result<Changed>> {
    return this.#changes.rotate(who, plan);
  }

  /** See {@link IdentityChanges.deactivate}. */
  deactivate(who: string): Promise<Result<Changed>> {
    return this.#changes.deactivate(who);
  }

  /** See {@link IdentityChanges.succeed}. */
  succeed(who: string, successor: string): Promise<Result<{ readonly old: Changed; readonly successor: Changed }>> {
    return this.#changes.succeed(who, successor);
  }

  /** See {@link Publishing.hold}. */
  async hold(): Promise<void> {
    await this.attesting.load();
    await this.publishing.hold();
  }

  /** See {@link Publishing.publish}. */
  publish(identity: LocalIdentity): Promise<Result<number>> {
    return this.publishing.publish(identity);
  }

  /** See {@link Publishing.publishAll}. */
  publishAll(): Promise<number> {
    return this.publishing.publishAll();
  }

  /** Publishes all records now and every 12 hours, and attests agents again. */
  start(hooks: IdentityHooks): void {
    this.attesting.start((agent_did) => hooks.mayAttest(agent_did));
    this.#deactivated = (identity) => hooks.deactivated(identity);
    this.publishing.start((identity, record) => hooks.published?.(identity, record));
  }

  /** Publishes nothing from now on, and breaks off what is under way. */
  stop(): Promise<void> {
    return this.publishing.stop();
  }
}

/** What is stored of an identity: everything but its keys. */
export function storedOf(identity: LocalIdentity): StoredIdentity {
  const { keys: _keys, signer: _signer, ...stored } = identity;
  return stored;
}
