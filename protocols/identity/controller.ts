/** Making and renewing the records of identities whose keys we hold. */
import {
  attestationsHash, eventHash, methodId, methods_max, signEvent, witnessedHash,
  type DidKind, type DocumentEvent, type Establishment, type KeyUse, type RetiredMethod, type Service, type Signed, type VerificationMethod, type WitnessSignature,
} from '../../crypto/did-events.ts';
import { encodeRecord, type DidRecord } from '../../crypto/did-record.ts';
import { equal } from '../../crypto/bytes.ts';
import { didOf } from '../../crypto/did.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import type { TokenSigner } from '../../crypto/jwt.ts';
import { document_lifetime_ms } from './constants.ts';

/** How long a retired key stays in documents: longer than any delegation, endorsement or attestation lives that it signed. Revocations live longer, and are signed again. */
export const retired_kept_ms: number = 366 * 86_400_000;

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

/** Who controls an identity from an event on, and what the next event will need. Keys are public. */
export type Control = Pick<Establishment, 'keys' | 'threshold' | 'next_keys' | 'next_threshold' | 'witnesses' | 'witness_threshold'>;

/** The event chain of an identity with the signatures of its witnesses. */
export interface History {
  /** From the genesis event on. */
  readonly establishments: readonly Signed<Establishment>[];
  readonly witness_signatures: readonly WitnessSignature[];
}

/** What an identity's documents say besides its keys in use. */
export interface Standing {
  /** Newest first. */
  readonly retired: readonly RetiredMethod[];
  readonly successor: string | null;
  readonly predecessor: string | null;
  readonly deactivated: boolean;
}

/** An identity whose keys are held here. */
export interface OwnIdentity extends IdentityPlan, History, Standing {
  readonly did: string;
  readonly keys: IdentityKeys;
  /** Signs tokens with the key in daily use. */
  readonly signer: TokenSigner;
}

const daily_uses: readonly KeyUse[] = ['authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation'];
/** What a key that is no longer in use can still be believed for: words that last. */
const lasting_uses: readonly KeyUse[] = ['assertionMethod', 'capabilityDelegation'];

/** The standing of a new identity. */
export const new_standing: Standing = { retired: [], successor: null, predecessor: null, deactivated: false };

/** Control by one key now and one key next; witnesses where some are named. */
export function soleControl(keys: Pick<IdentityKeys, 'update' | 'next'>, witnesses: readonly Uint8Array[] = [], witness_threshold = 0): Control {
  return { keys: [keys.update.public_key], threshold: 1, next_keys: [sha256(keys.next.public_key)], next_threshold: 1, witnesses, witness_threshold };
}

/** The genesis event of a new identity, unsigned. */
export function genesisEvent({ kind, sponsor }: Pick<IdentityPlan, 'kind' | 'sponsor'>, control: Control, now_ms: number): Establishment {
  return { type: 'establishment', number: 0, previous: null, kind, ...control, sponsor, bad_since: null, time: now_ms };
}

/** The event after another, unsigned. `bad_since` in Unix milliseconds where keys were stolen. */
export function nextEvent(before: Establishment, control: Control, plan: { readonly now_ms: number; readonly bad_since: number | null }): Establishment {
  const { kind, sponsor } = before;
  return {
    type: 'establishment', number: before.number + 1, previous: eventHash(before), kind, ...control, sponsor, bad_since: plan.bad_since,
    time: Math.max(plan.now_ms, before.time),
  };
}

/** Signs an event with those of our keys that control the DID under an establishment event; the event may be that one itself. */
export function signAs<Event extends Establishment | DocumentEvent>(current: Establishment, event: Event, keys: readonly SigningKey[]): Signed<Event> {
  const signers = current.keys.flatMap((public_key, index) => {
    const key = keys.find((candidate) => equal(candidate.public_key, public_key));
    return key === undefined ? [] : [{ index, key }];
  });
  return signEvent(event, signers);
}

/** An event with the signatures that several holders of its keys made, each on a device of their own. */
export function joined<Event extends Establishment | DocumentEvent>(...parts: readonly [Signed<Event>, ...Signed<Event>[]]): Signed<Event> {
  const by_key = new Map(parts.flatMap(({ signatures }) => signatures.map((item) => [item.key, item] as const)));
  return { event: parts[0].event, signatures: [...by_key.values()].sort((a, b) => a.key - b.key) };
}

/** The identity of a plan, its keys, and the events so far. */
export function ownIdentity(plan: IdentityPlan, keys: IdentityKeys, history: History, standing: Standing = new_standing): OwnIdentity {
  const genesis = history.establishments[0];
  if (genesis === undefined) throw new Error('broken invariant: an identity has a genesis event');
  const did = didOf(eventHash(genesis.event));
  const { kind, name, sponsor, capabilities } = plan;
  const { establishments, witness_signatures } = history;
  const { retired, successor, predecessor, deactivated } = standing;
  return {
    did, kind, name, sponsor, capabilities, establishments, witness_signatures, retired, successor, predecessor, deactivated, keys,
    signer: { key_id: `${did}#${methodId(keys.use.public_key)}`, key: keys.use },
  };
}

/** The newest establishment event of an identity. */
export function currentEvent({ establishments }: Pick<History, 'establishments'>): Establishment {
  const current = establishments.at(-1);
  if (current === undefined) throw new Error('broken invariant: an identity has a genesis event');
  return current.event;
}

/** Whether a key of an identity holds for something lasting that is dated so, in Unix seconds: the key in use, or a retired one before its end. */
export function signsFor({ did, signer, retired, deactivated }: Pick<OwnIdentity, 'did' | 'signer' | 'retired' | 'deactivated'>, key_id: string, dated_s: number): boolean {
  return (!deactivated && key_id === signer.key_id) || retired.some(({ id, until }) => `${did}#${id}` === key_id && dated_s * 1000 < until);
}

/**
 * The keys that documents name as retired once the daily key is replaced, each
 * believed until `until_ms` at the latest. A key that came into use only after
 * that is left out: nothing that it signed can be older, whatever date it bears.
 */
export function retiring(identity: Pick<OwnIdentity, 'establishments' | 'retired' | 'keys'>, times: { readonly now_ms: number; readonly until_ms: number }): readonly RetiredMethod[] {
  const { establishments, retired, keys: { use } } = identity;
  const since = (until: number): number => Math.max(0, ...establishments.map(({ event }) => event.time).filter((time) => time < until));
  const last: RetiredMethod = { id: methodId(use.public_key), key: use.public_key, uses: lasting_uses, until: times.now_ms };
  return [last, ...retired]
    .filter(({ until }) => since(until) < times.until_ms)
    .map(({ id, key, uses, until }) => ({ id, key, uses, until: Math.min(until, times.until_ms) }))
    .filter(({ until }) => until > times.now_ms - retired_kept_ms)
    .slice(0, methods_max);
}

/** The record's changing part. */
export interface RecordPlan {
  /** Increases with every publication under one establishment event. */
  readonly sequence: number;
  readonly now_ms: number;
  /** 48 hours when absent. */
  readonly lifetime_ms?: number;
  readonly services: readonly Service[];
  /** Keys besides the one in daily use: a node's log and witness keys. */
  readonly methods: readonly VerificationMethod[];
  readonly attestations: readonly string[];
}

/** The sequence of an identity's next document: it counts anew under each establishment event, so that whoever signed the highest one with stolen keys cannot stop the owner. */
export function nextSequence(identity: Pick<History, 'establishments'>, newest: DidRecord | undefined): number {
  const last = newest?.number === currentEvent(identity).number ? newest.document.sequence : -1;
  return Math.min(last + 1, Number.MAX_SAFE_INTEGER);
}

/** The document of an identity as it is now, unsigned. One that is deactivated has neither keys in use nor places; its former keys stay, so that what it revoked stays revoked for whoever comes later. */
export function documentOf(identity: Omit<OwnIdentity, 'signer'>, plan: RecordPlan): DocumentEvent {
  const { keys: { use }, retired, successor, predecessor, deactivated } = identity;
  const methods: readonly VerificationMethod[] = [{ id: methodId(use.public_key), key: use.public_key, uses: daily_uses }, ...plan.methods];
  return {
    type: 'document',
    establishment: eventHash(currentEvent(identity)),
    sequence: plan.sequence,
    time: plan.now_ms,
    expires: plan.now_ms + (plan.lifetime_ms ?? document_lifetime_ms),
    methods: deactivated ? [] : methods,
    retired,
    services: deactivated ? [] : plan.services,
    capabilities: deactivated ? [] : identity.capabilities,
    // A person's name, often an e-mail address, is for the host that knows them: what is in the mesh cannot be erased.
    name: identity.kind === 'human' ? '' : identity.name,
    attestations: attestationsHash(plan.attestations),
    witnessed: witnessedHash(identity.witness_signatures),
    successor,
    predecessor,
    deactivated,
  };
}

/** The signed record of an identity as it is now; `signers` where more than its own update key must sign. */
export function buildRecord(identity: OwnIdentity, plan: RecordPlan, signers: readonly SigningKey[] = [identity.keys.update]): Uint8Array {
  const { establishments, witness_signatures } = identity;
  const document = signAs(currentEvent(identity), documentOf(identity, plan), signers);
  return encodeRecord({ establishments, document, attestations: plan.attestations, witness_signatures });
}
