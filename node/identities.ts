/**
 * The identities of this host: the node itself, sponsors whose keys are held
 * here, and agents. Keys in the keystore, everything else in the store, their
 * records in the DHT.
 */
import { toHex } from '../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isFields } from '../crypto/canonical.ts';
import { parseCapabilities } from '../crypto/capability.ts';
import { endpoints_max, text_length_max, verifyRecord, type DidKind, type Establishment, type Service, type Signed, type VerificationMethod } from '../crypto/did-record.ts';
import { isDid } from '../crypto/did.ts';
import { decodeLastingToken } from '../crypto/jwt.ts';
import { key_bytes, signingKey } from '../crypto/keys.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../crypto/result.ts';
import { buildRecord, establish, ownIdentity, type Identity, type IdentityKeys, type IdentityPlan, type OwnIdentity } from '../protocols/identity/index.ts';
import { attestation_renewal_s, republish_ms } from '../protocols/identity/constants.ts';
import { agents_max, name_length_max } from '../protocols/limits.ts';
import { attestSponsorship } from '../protocols/revocation/sponsorship.ts';
import type { Clock, Network, Random, Recorder, Store } from '../protocols/ports.ts';
import { every } from '../protocols/time.ts';
import { keepIdentity, loadIdentities, type AgentSettings, type StoredIdentity } from '../storage/identities.ts';
import type { Keystore } from '../storage/keystore.ts';
import type { RecordStore } from '../storage/records.ts';

const attestation_lifetime_s: number = 90 * 86_400;
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
  readonly recorder: Recorder;
  /** The node's keys that others verify: those of its log and of its witness. */
  readonly node_methods: readonly VerificationMethod[];
}

/** An identity of this host. */
export interface LocalIdentity extends OwnIdentity {
  readonly agent: AgentSettings | null;
  readonly attestations: readonly string[];
  /** What its keys are called in the keystore. */
  readonly label: string;
}

function keyName(label: string, role: keyof IdentityKeys): string {
  return `identity/${label}/${role}`;
}

function isSignedEstablishment(value: unknown): value is Signed<Establishment> {
  // Written by this program after it was signed; the record built from it is verified as a whole before it is published.
  return hasShape(value, ['event', 'signatures']) && isFields(value['event']) && Array.isArray(value['signatures']);
}

/** When an attestation ends, Unix seconds; what cannot be read has ended. */
function attestedUntil(text: string): number {
  const token = decodeLastingToken(text, 'mesh-sponsor+jwt');
  return token.ok && typeof token.value.claims['exp'] === 'number' ? token.value.claims['exp'] : 0;
}

/** Why this cannot be the name of an identity, if so. */
function checkName(name: string): Result<string> {
  if (name.length > name_length_max || !name_pattern.test(name) || isDid(name)) {
    return fail('NAME_INVALID', `${JSON.stringify(name.slice(0, 80))} is not a name`, {
      fix: `use up to ${name_length_max} letters, digits and @ . _ + - with a letter or digit first`,
    });
  }
  return ok(name);
}

/** The identities of this host. */
export class Identities {
  readonly #parts: IdentitiesParts;
  readonly #by_did = new Map<string, LocalIdentity>();
  readonly #by_name = new Map<string, LocalIdentity>();
  #node: LocalIdentity | undefined;
  #stop_republishing = (): void => undefined;
  #publishing: Promise<number> = Promise.resolve(0);
  readonly #publications = new Map<string, Promise<Result<number>>>();
  /** Names of identities that are being made. */
  readonly #making = new Set<string>();
  readonly #stopping = new AbortController();
  #mayAttest = (_agent_did: string): boolean => false;

  constructor(parts: IdentitiesParts) {
    this.#parts = parts;
  }

  /** Loads all identities; the node's own is made at genesis. Fails with `IDENTITY_KEYS_MISSING`. */
  async load(): Promise<Result<void>> {
    const { identities, unreadable } = await loadIdentities(this.#parts.store);
    if (unreadable > 0) this.#parts.recorder.record({ kind: 'identity.unreadable', count: unreadable });
    for (const stored of identities) {
      const loaded = this.#restore(stored);
      if (!loaded.ok) return loaded;
      this.#remember(loaded.value);
    }
    return ok(undefined);
  }

  #restore(stored: StoredIdentity): Result<LocalIdentity> {
    const decoded = decodeCbor(stored.establishment);
    const wrapped = decoded.ok ? decoded.value : undefined;
    if (!hasShape(wrapped, ['label', 'signed']) || typeof wrapped['label'] !== 'string' || !isSignedEstablishment(wrapped['signed'])) {
      return fail('IDENTITY_UNREADABLE', `the stored identity of ${stored.name} cannot be read`, { fix: 'restore the data folder from a backup' });
    }
    const { label } = wrapped;
    const [update, next, use] = (['update', 'next', 'use'] as const).map((role) => this.#parts.keystore.key(keyName(label, role)));
    if (update === undefined || next === undefined || use === undefined) {
      return fail('IDENTITY_KEYS_MISSING', `the keys of ${stored.name} (${stored.did}) are not in keys.json`, { fix: 'restore keys.json from a backup' });
    }
    const own = ownIdentity(planOf(stored), { update, next, use }, wrapped['signed']);
    return ok({ ...own, agent: stored.agent, attestations: stored.attestations, label });
  }

  #remember(identity: LocalIdentity): LocalIdentity {
    this.#parts.records.claim(identity.did);
    this.#by_did.set(identity.did, identity);
    if (identity.kind === 'node') this.#node = identity;
    else this.#by_name.set(identity.name, identity);
    return identity;
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

  /** Makes an identity with new keys: keys first, then the identity, then its record to the DHT. Fails with `NAME_…`, `SPONSOR_…`, `CAPABILITY_MALFORMED`, `CAPABILITY_TOO_LONG`, `RECORD_TOO_LARGE` or `AGENTS_FULL`. */
  async create(plan: { readonly kind: DidKind; readonly name: string; readonly sponsor?: string; readonly capabilities?: readonly string[]; readonly agent?: AgentSettings }): Promise<Result<LocalIdentity>> {
    const name = checkName(plan.name);
    if (!name.ok) return name;
    if (plan.kind !== 'node' && (this.#by_name.has(plan.name) || this.#making.has(plan.name))) return fail('NAME_TAKEN', `there is a ${JSON.stringify(plan.name)} on this host already`, { fix: 'choose another name' });
    if (this.#by_did.size >= agents_max) return fail('AGENTS_FULL', `a host has at most ${agents_max} identities`);
    const capabilities = parseCapabilities(plan.capabilities ?? []);
    if (!capabilities.ok) return capabilities;
    const too_long = capabilities.value.find(({ text }) => text.length > text_length_max);
    if (too_long !== undefined) return fail('CAPABILITY_TOO_LONG', `${JSON.stringify(too_long.text.slice(0, 80))}… has ${too_long.text.length} characters`, { fix: `use at most ${text_length_max}` });
    const sponsor = plan.sponsor === undefined ? ok(null) : this.#sponsor(plan.sponsor);
    if (!sponsor.ok) return sponsor;
    this.#making.add(plan.name);
    const made = await this.#make({
      kind: plan.kind, name: plan.name, sponsor: sponsor.value?.did ?? null, capabilities: capabilities.value.map((capability) => capability.text),
    }, sponsor.value, plan.agent ?? null).finally(() => this.#making.delete(plan.name));
    // The node's own is made before there is a network, and published when the host starts.
    if (made.ok && plan.kind !== 'node') await this.publish(made.value);
    return made;
  }

  #sponsor(who: string): Result<LocalIdentity> {
    const sponsor = this.find(who);
    if (sponsor === undefined) {
      return fail('SPONSOR_UNKNOWN', `no sponsor ${JSON.stringify(who.slice(0, 80))} has its key on this host`, { fix: `agentmesh sponsor create ${JSON.stringify(who)}` });
    }
    if (sponsor.kind !== 'human' && sponsor.kind !== 'org') return fail('SPONSOR_KIND', `${sponsor.name} is not a human or an organisation`, { fix: 'name an accountable sponsor' });
    return ok(sponsor);
  }

  async #make(plan: IdentityPlan, sponsor: LocalIdentity | null, agent: AgentSettings | null): Promise<Result<LocalIdentity>> {
    const { random, keystore, store, clock } = this.#parts;
    const label = toHex(random.bytes(8));
    const seeds = { update: random.bytes(key_bytes), next: random.bytes(key_bytes), use: random.bytes(key_bytes) };
    const keys: IdentityKeys = { update: signingKey(seeds.update), next: signingKey(seeds.next), use: signingKey(seeds.use) };
    const establishment = establish(plan, keys, clock.now());
    const own = ownIdentity(plan, keys, establishment);
    const attestations = sponsor === null ? [] : [await this.#attest(sponsor, own.did)];
    const made: LocalIdentity = { ...own, agent, attestations, label };
    // Before anything is stored: an identity whose record nobody takes would be one for ever.
    const verified = verifyRecord(this.#sign(made, 0), { now_ms: clock.now() });
    if (!verified.ok) return verified;
    await keystore.add(new Map([
      [keyName(label, 'update'), seeds.update], [keyName(label, 'next'), seeds.next], [keyName(label, 'use'), seeds.use],
    ]));
    await keepIdentity(store, storedOf(made));
    return ok(this.#remember(made));
  }

  #attest(sponsor: LocalIdentity, agent_did: string): Promise<string> {
    const { clock, random } = this.#parts;
    return attestSponsorship(sponsor.signer, agent_did, {
      role: 'sponsor', lifetime_s: attestation_lifetime_s, now_s: Math.floor(clock.now() / 1000), jti: random.bytes(16),
    });
  }

  /** The identity as it goes on: attested again where its attestation ends soon, its sponsor's key is here, and nothing speaks against it. */
  async #attested(identity: LocalIdentity): Promise<LocalIdentity> {
    const sponsor = this.#by_did.get(identity.sponsor ?? '');
    const lasting_s = this.#parts.clock.now() / 1000 + attestation_renewal_s;
    const is_lasting = identity.attestations.some((text) => attestedUntil(text) >= lasting_s);
    if (sponsor === undefined || is_lasting || !this.#mayAttest(identity.did)) return identity;
    const attested: LocalIdentity = { ...identity, attestations: [await this.#attest(sponsor, identity.did)] };
    await keepIdentity(this.#parts.store, storedOf(attested));
    this.#parts.recorder.record({ kind: 'identity.attested', did: identity.did, sponsor: sponsor.did });
    return this.#remember(attested);
  }

  /** The record of an identity as it is now. */
  #sign(identity: LocalIdentity, sequence: number): Uint8Array {
    const { network, clock, node_methods } = this.#parts;
    const endpoints = network.addresses().filter((address) => address.length <= text_length_max).slice(0, endpoints_max);
    const services: readonly Service[] = [{ id: 'mesh', type: 'MeshP2P', endpoints }];
    return buildRecord(identity, {
      sequence, now_ms: clock.now(), services, methods: identity.kind === 'node' ? node_methods : [], attestations: identity.attestations,
    });
  }

  async #signNext(identity: LocalIdentity): Promise<Uint8Array> {
    const newest = await this.#parts.records.newest(identity.did);
    return this.#sign(identity, (newest?.document.sequence ?? -1) + 1);
  }

  /** Puts every identity's record where the protocols of this host find it, and signs anew those that have expired. One that cannot be signed is told of and does not hold up the others. */
  async hold(): Promise<void> {
    const { records, identity: service, clock } = this.#parts;
    for (const identity of this.#by_did.values()) {
      const newest = await records.newest(identity.did);
      if (newest !== undefined && newest.document.expires > clock.now()) continue;
      const held = await service.hold(await this.#signNext(identity));
      if (!held.ok) this.#unpublished(identity, held.failure);
    }
  }

  #unpublished({ did, name }: LocalIdentity, { code, reason }: Failure): void {
    this.#parts.recorder.record({ kind: 'identity.publish.failed', did, name, code, reason });
  }

  /** Signs the identity's record as it is now, stores it at the peers nearest to it, and says how many took it. Never rejects; fails as {@link Identity.publish} does, with `NODE_STOPPED`, or with `RECORD_UNPUBLISHED` for what nobody foresaw. */
  publish(identity: LocalIdentity): Promise<Result<number>> {
    // One after the other: two records of one number would be two words of one DID about the same thing.
    const before = this.#publications.get(identity.did) ?? Promise.resolve();
    const publication = before.then(() => this.#publishNow(identity.did))
      .catch((error: unknown) => fail('RECORD_UNPUBLISHED', messageOf(error), { cause: error }))
      .then((published) => {
        if (this.#publications.get(identity.did) === publication) this.#publications.delete(identity.did);
        if (!published.ok && published.failure.code !== 'NODE_STOPPED') this.#unpublished(identity, published.failure);
        return published;
      });
    this.#publications.set(identity.did, publication);
    return publication;
  }

  async #publishNow(did: string): Promise<Result<number>> {
    const { signal } = this.#stopping;
    const current = this.#by_did.get(did);
    if (signal.aborted || current === undefined) return fail('NODE_STOPPED', 'the node is stopped');
    const identity = await this.#attested(current);
    const stored = await this.#parts.identity.publish(await this.#signNext(identity), { signal });
    if (stored.ok) this.#parts.recorder.record({ kind: 'identity.published', did, name: identity.name, storers: stored.value });
    return stored;
  }

  /** Publishes every identity, one after the other, and says how many peers took the one that fewest took. Those that fail are told of and left out. */
  publishAll(): Promise<number> {
    this.#publishing = this.#publishing.then(async () => {
      let fewest = Infinity;
      for (const identity of this.#by_did.values()) {
        if (this.#stopping.signal.aborted) break;
        const stored = await this.publish(identity);
        if (stored.ok) fewest = Math.min(fewest, stored.value);
      }
      return fewest;
    });
    return this.#publishing;
  }

  /** Publishes all records now and every 12 hours, and attests agents again that `mayAttest` does not object to. */
  start(mayAttest: (agent_did: string) => boolean): void {
    const { clock, recorder } = this.#parts;
    const failed = (error: unknown): void => recorder.record({ kind: 'identity.publish.failed', reason: messageOf(error) });
    this.#mayAttest = mayAttest;
    this.#stop_republishing = every(clock, () => republish_ms, async () => void await this.publishAll(), failed);
    this.publishAll().catch(failed);
  }

  /** Publishes nothing from now on, and breaks off what is under way. */
  async stop(): Promise<void> {
    this.#stop_republishing();
    this.#stopping.abort();
    await Promise.all(this.#publications.values());
  }
}

function planOf(stored: StoredIdentity): IdentityPlan {
  return { kind: stored.kind, name: stored.name, sponsor: stored.sponsor, capabilities: stored.capabilities };
}

function storedOf(identity: LocalIdentity): StoredIdentity {
  const { kind, name, sponsor, capabilities, did, attestations, agent, label, establishment } = identity;
  return { kind, name, sponsor, capabilities, did, attestations, agent, establishment: encodeCbor({ label, signed: establishment }) };
}
