/** Making and renewing the records of identities whose keys we hold. */
import { attestationsHash, eventHash, encodeRecord, signEvent, type DidKind, type DocumentEvent, type Establishment, type KeyUse, type Service, type Signed, type VerificationMethod } from '../../crypto/did-record.ts';
import { didOf } from '../../crypto/did.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import type { TokenSigner } from '../../crypto/jwt.ts';
import { document_lifetime_ms } from './constants.ts';

/** The three keys of an identity: one signs its events, one is only committed to, one is in daily use. */
export interface IdentityKeys {
  readonly update: SigningKey;
  readonly next: SigningKey;
  readonly use: SigningKey;
}

/** What an identity is, apart from its keys. */
export interface IdentityPlan {
  readonly kind: DidKind;
  readonly name: string;
  readonly sponsor: string | null;
  readonly capabilities: readonly string[];
}

/** An identity whose keys are held here. */
export interface OwnIdentity extends IdentityPlan {
  readonly did: string;
  readonly keys: IdentityKeys;
  readonly establishment: Signed<Establishment>;
  /** Signs tokens with the key in daily use. */
  readonly signer: TokenSigner;
}

/** The fragment of the key in daily use. */
export const use_key_id = 'use';
const daily_uses: readonly KeyUse[] = ['authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation'];

/** The genesis event of a new identity. */
export function establish(plan: IdentityPlan, keys: IdentityKeys, now_ms: number): Signed<Establishment> {
  return signEvent({
    type: 'establishment',
    number: 0,
    previous: null,
    kind: plan.kind,
    keys: [keys.update.public_key],
    threshold: 1,
    next_keys: [sha256(keys.next.public_key)],
    next_threshold: 1,
    sponsor: plan.sponsor,
    time: now_ms,
  }, [{ index: 0, key: keys.update }]);
}

/** The identity of a plan, its keys and its genesis event. */
export function ownIdentity(plan: IdentityPlan, keys: IdentityKeys, establishment: Signed<Establishment>): OwnIdentity {
  const did = didOf(eventHash(establishment.event));
  return { ...plan, did, keys, establishment, signer: { key_id: `${did}#${use_key_id}`, key: keys.use } };
}

/** The record's changing part. */
export interface RecordPlan {
  /** Increases with every publication. */
  readonly sequence: number;
  readonly now_ms: number;
  readonly services: readonly Service[];
  /** Keys besides the one in daily use: a node's log and witness keys. */
  readonly methods: readonly VerificationMethod[];
  readonly attestations: readonly string[];
}

/** The signed record of an identity as it is now, valid for 48 hours. */
export function buildRecord(identity: OwnIdentity, plan: RecordPlan): Uint8Array {
  const document: DocumentEvent = {
    type: 'document',
    establishment: eventHash(identity.establishment.event),
    sequence: plan.sequence,
    time: plan.now_ms,
    expires: plan.now_ms + document_lifetime_ms,
    methods: [{ id: use_key_id, key: identity.keys.use.public_key, uses: daily_uses }, ...plan.methods],
    services: plan.services,
    capabilities: identity.capabilities,
    name: identity.name,
    attestations: attestationsHash(plan.attestations),
    deactivated: false,
  };
  return encodeRecord({
    establishments: [identity.establishment],
    document: signEvent(document, [{ index: 0, key: identity.keys.update }]),
    attestations: plan.attestations,
  });
}
