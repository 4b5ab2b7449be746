/** DIDs for tests: humans, organisations, nodes and agents with real keys, records and attestations, always the same for a name. */
import { utf8 } from '../crypto/bytes.ts';
import { attestationsHash, eventHash, signEvent, type DidKind, type DocumentEvent, type Establishment, type KeyUse, type Signed, methodId, witnessedHash } from '../crypto/did-events.ts';
import { encodeRecord, verifyRecord, type DidRecord } from '../crypto/did-record.ts';
import { didOf } from '../crypto/did.ts';
import { sha256 } from '../crypto/hash.ts';
import type { TokenSigner } from '../crypto/jwt.ts';
import { signingKey, type SigningKey } from '../crypto/keys.ts';
import { unwrap } from '../crypto/result.ts';
import { attestSponsorship } from '../protocols/revocation/index.ts';

/** 2026-01-01T00:00:00Z, where virtual time starts. */
export const start_ms = 1_767_225_600_000;
/** The same in seconds. */
export const start_s: number = start_ms / 1000;

const all_uses: readonly KeyUse[] = ['authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation'];

/** Somebody with a DID. */
export interface Person {
  readonly did: string;
  readonly record: DidRecord;
  /** Signs with the key in daily use. */
  readonly signer: TokenSigner;
  readonly establishment: Signed<Establishment>;
  readonly document: DocumentEvent;
}

/** A key that depends on a name alone. */
export function keyNamed(name: string): SigningKey {
  return signingKey(sha256(utf8(`key of ${name}`)));
}

/** What differs from person to person. */
export interface PersonPlan {
  readonly kind?: DidKind;
  readonly sponsor?: string | null;
  readonly uses?: readonly KeyUse[];
  readonly deactivated?: boolean;
  /** Attestations, made when the DID is known. */
  readonly attest?: (did: string) => Promise<readonly string[]>;
  readonly now_ms?: number;
}

/** Makes somebody. */
export async function person(name: string, plan: PersonPlan = {}): Promise<Person> {
  const { kind = 'human', sponsor = null, uses = all_uses, now_ms = start_ms } = plan;
  const update = keyNamed(`${name}, update`);
  const use = keyNamed(`${name}, use`);
  const establishment = signEvent<Establishment>({
    type: 'establishment', number: 0, previous: null, kind, keys: [update.public_key], threshold: 1,
    next_keys: [sha256(keyNamed(`${name}, next`).public_key)], next_threshold: 1, sponsor, bad_since: null, witnesses: [], witness_threshold: 0, time: now_ms,
  }, [{ index: 0, key: update }]);
  const did = didOf(eventHash(establishment.event));
  const attestations = await plan.attest?.(did) ?? [];
  const document: DocumentEvent = {
    type: 'document', establishment: eventHash(establishment.event), sequence: 1, time: now_ms, expires: now_ms + 48 * 3_600_000,
    methods: [{ id: methodId(use.public_key), key: use.public_key, uses }], retired: [], services: [], capabilities: [], name, attestations: attestationsHash(attestations),
    witnessed: witnessedHash([]), successor: null, predecessor: null, deactivated: plan.deactivated ?? false,
  };
  const bytes = encodeRecord({ establishments: [establishment], document: signEvent(document, [{ index: 0, key: update }]), attestations, witness_signatures: [] });
  return { did, record: unwrap(verifyRecord(bytes, { now_ms })), signer: { key_id: `${did}#${methodId(use.public_key)}`, key: use }, establishment, document };
}

/** Makes an agent for which a sponsor answers. */
export function agentOf(sponsor: Person, name: string, plan: PersonPlan = {}): Promise<Person> {
  return person(name, {
    kind: 'agent',
    sponsor: sponsor.did,
    attest: async (did) => [await attestSponsorship(sponsor.signer, did, {
      role: 'sponsor', lifetime_s: 90 * 86_400, now_s: start_s, jti: sha256(utf8(name)).subarray(0, 16),
    })],
    ...plan,
  });
}

/** Where a part looks DIDs up: the people that it is told of. */
export function directory(people: readonly Person[]): { known(did: string): DidRecord | undefined } {
  const records = new Map(people.map(({ did, record }) => [did, record]));
  return { known: (did) => records.get(did) };
}
