/**
 * The events of a `did:mesh`: who controls it, and what it means at present.
 *
 * Establishment events are hash-linked; each commits to the hashes of the next
 * keys, so that a stolen current key cannot rotate (KERI's pre-rotation,
 * did:webvh's `nextKeyHashes`), and may name witnesses who countersign the event
 * after it. A document event is signed by the keys of the newest establishment
 * event. Encoding: deterministic DAG-CBOR; this file knows shapes and bounds,
 * `did-record.ts` how events follow each other.
 */
import { concat, toBase32, toBase64url, utf8 } from './bytes.ts';
import { encodeCbor, hasShape, isWhole } from './canonical.ts';
import { isDid } from './did.ts';
import { digest_bytes, sha256 } from './hash.ts';
import { checkPublicKey, signature_bytes, type SigningKey } from './keys.ts';

/** Keys that control a DID, and signatures under one event. */
export const keys_max = 8;
/** Witnesses of one establishment event. */
export const witnesses_max = 8;
/** Keys in use, and again keys that were in use. */
export const methods_max = 8;
const services_max = 8;
/** Endpoints of one service. */
export const endpoints_max = 16;
const capabilities_max = 32;
/** UTF-16 units of one text in a record: a capability, a name, an endpoint. */
export const text_length_max = 256;
/** The last moment that a date can name. */
const time_ms_max = 8_640_000_000_000_000;

/** What kind of party a DID stands for. */
export type DidKind = 'human' | 'org' | 'agent' | 'node';

/** Who controls the DID from event `number` on. Times are Unix milliseconds. */
export interface Establishment {
  readonly type: 'establishment';
  readonly number: number;
  /** SHA-256 of the event before, `null` in the genesis event. */
  readonly previous: Uint8Array | null;
  readonly kind: DidKind;
  /** Ed25519 public keys of which `threshold` sign this event and its documents. */
  readonly keys: readonly Uint8Array[];
  readonly threshold: number;
  /** SHA-256 of each key that may sign the next establishment event (pre-rotation). */
  readonly next_keys: readonly Uint8Array[];
  readonly next_threshold: number;
  /** The DID that answers for this one; `null` only for humans, organisations and nodes. */
  readonly sponsor: string | null;
  /** In a rotation after a theft: what the keys before it signed from this time on is void. `null` in every other event. */
  readonly bad_since: number | null;
  /** Ed25519 public keys of those who countersign the next event, each only one of that number; the genesis event is countersigned by its own. */
  readonly witnesses: readonly Uint8Array[];
  /** How many of them must: more than half, and 0 where there are none. */
  readonly witness_threshold: number;
  readonly time: number;
}

/** What a verification method may be used for (DID Core section 5.3, and a node's keys for its log, for cosigning logs, and for countersigning establishment events). */
export type KeyUse = 'authentication' | 'assertionMethod' | 'capabilityInvocation' | 'capabilityDelegation' | 'log' | 'witness' | 'eventWitness';

/** A key in use. */
export interface VerificationMethod {
  /** The fragment of its DID URL. */
  readonly id: string;
  readonly key: Uint8Array;
  readonly uses: readonly KeyUse[];
}

/** A key that was in use. What it signed is believed where it is dated before `until`. */
export interface RetiredMethod extends VerificationMethod {
  /** Unix milliseconds, not after the document's own time. */
  readonly until: number;
}

/** Where the subject can be reached. */
export interface Service {
  readonly id: string;
  readonly type: 'MeshP2P' | 'A2AAgentCard' | 'MCPServer';
  readonly endpoints: readonly string[];
}

/** The current document, signed by the keys of the current establishment event. Times are Unix milliseconds. */
export interface DocumentEvent {
  readonly type: 'document';
  /** SHA-256 of the establishment event that it belongs to. */
  readonly establishment: Uint8Array;
  readonly sequence: number;
  readonly time: number;
  readonly expires: number;
  readonly methods: readonly VerificationMethod[];
  /** Keys of former days, for what they signed then. */
  readonly retired: readonly RetiredMethod[];
  readonly services: readonly Service[];
  /** What the subject says that it serves or needs; grants nothing. */
  readonly capabilities: readonly string[];
  readonly name: string;
  /** SHA-256 of the encoded list of the record's attestations, so that nobody who stores the record can strip or swap them. */
  readonly attestations: Uint8Array;
  /** SHA-256 of the encoded list of the record's witness signatures, for the same reason. */
  readonly witnessed: Uint8Array;
  /** The DID that takes this one's place. Holds when the successor's document names this one as its predecessor. */
  readonly successor: string | null;
  /** The DID whose place this one takes. */
  readonly predecessor: string | null;
  readonly deactivated: boolean;
}

/** What a document event says about the attestations that come with it. */
export function attestationsHash(attestations: readonly string[]): Uint8Array {
  return sha256(encodeCbor(attestations));
}

/** A witness's signature of one establishment event. */
export interface WitnessSignature {
  /** The number of the establishment event. */
  readonly number: number;
  /** The index of the witness in the list that names it. */
  readonly witness: number;
  readonly signature: Uint8Array;
}

/** What a document event says about the witness signatures that come with it. */
export function witnessedHash(signatures: readonly WitnessSignature[]): Uint8Array {
  return sha256(encodeCbor(signatures));
}

/** The bytes that a witness signs: a line that says what for, and the hash of the establishment event. */
export function witnessedBytes(event: Establishment): Uint8Array {
  return concat(utf8('agentmesh establishment event witness v1\n'), eventHash(event));
}

/** An event and signatures by the keys at these indices. */
export interface Signed<Event> {
  readonly event: Event;
  readonly signatures: readonly { readonly key: number; readonly signature: Uint8Array }[];
}

const kinds: readonly unknown[] = ['human', 'org', 'agent', 'node'] satisfies DidKind[];
const uses: readonly unknown[] = [
  'authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation', 'log', 'witness', 'eventWitness',
] satisfies KeyUse[];
const service_types: readonly unknown[] = ['MeshP2P', 'A2AAgentCard', 'MCPServer'] satisfies Service['type'][];

/** SHA-256 of an event: its name in the chain, and for the genesis event the DID's digest. */
export function eventHash(event: Establishment | DocumentEvent): Uint8Array {
  return sha256(encodeCbor(event));
}

/** Signs an event with some of the keys of its establishment event. */
export function signEvent<Event extends Establishment | DocumentEvent>(
  event: Event,
  signers: readonly { readonly index: number; readonly key: SigningKey }[],
): Signed<Event> {
  const hash = eventHash(event);
  return { event, signatures: signers.map(({ index, key }) => ({ key: index, signature: key.sign(hash) })) };
}

/** The fragment under which a key stands in documents: 80 bits of its hash, so that no fragment ever means two keys. */
export function methodId(key: Uint8Array): string {
  return `key-${toBase32(sha256(key)).slice(0, 16)}`;
}

function isTime(value: unknown): value is number {
  return isWhole(value) && value <= time_ms_max;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= text_length_max;
}

function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}

/** Whether a value is a list of at most so many items of a kind. */
export function isList<T>(value: unknown, count_max: number, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= count_max && value.every(is);
}

/** Whether no byte string stands twice in a list: a key counted twice would meet a threshold of two alone. */
function areDistinct(list: readonly Uint8Array[]): boolean {
  return new Set(list.map(toBase64url)).size === list.length;
}

const isHash = (value: unknown): value is Uint8Array => isBytes(value, digest_bytes);
const isKey = (value: unknown): value is Uint8Array => value instanceof Uint8Array && checkPublicKey(value).ok;
const isEndpoint = isText;

function isWitnessing(witnesses: unknown, threshold: unknown): boolean {
  return isList(witnesses, witnesses_max, isKey) && areDistinct(witnesses)
    // More than half, or two histories could both have enough witnesses.
    && (witnesses.length === 0 ? threshold === 0 : isThreshold(threshold, witnesses) && threshold * 2 > witnesses.length);
}

function isThreshold(value: unknown, of: readonly unknown[]): value is number {
  return isWhole(value) && value >= 1 && value <= of.length;
}

/** Whether a value has the form of an establishment event. */
export function isEstablishment(value: unknown): value is Establishment {
  return hasShape(value, ['type', 'number', 'previous', 'kind', 'keys', 'threshold', 'next_keys', 'next_threshold', 'sponsor', 'bad_since', 'witnesses', 'witness_threshold', 'time'])
    && value['type'] === 'establishment' && isWhole(value['number']) && isTime(value['time'])
    && (value['previous'] === null || isHash(value['previous']))
    && kinds.includes(value['kind'])
    && isList(value['keys'], keys_max, isKey) && areDistinct(value['keys']) && isThreshold(value['threshold'], value['keys'])
    && isList(value['next_keys'], keys_max, isHash) && areDistinct(value['next_keys']) && isThreshold(value['next_threshold'], value['next_keys'])
    && (value['sponsor'] === null ? value['kind'] !== 'agent' : isDid(value['sponsor']))
    && (value['bad_since'] === null || (isTime(value['bad_since']) && value['bad_since'] <= value['time']))
    && isWitnessing(value['witnesses'], value['witness_threshold']);
}

function isMethodPart(id: unknown, key: unknown, method_uses: unknown): boolean {
  return isText(id) && /^[a-z0-9-]+$/.test(id) && isKey(key)
    && isList(method_uses, uses.length, (use): use is KeyUse => uses.includes(use));
}

function isMethod(value: unknown): value is VerificationMethod {
  return hasShape(value, ['id', 'key', 'uses']) && isMethodPart(value['id'], value['key'], value['uses']);
}

/** Whether a value has the form of a key that was in use. */
export function isRetired(value: unknown): value is RetiredMethod {
  return hasShape(value, ['id', 'key', 'uses', 'until']) && isMethodPart(value['id'], value['key'], value['uses']) && isTime(value['until']);
}

function isDidOrNull(value: unknown): value is string | null {
  return value === null || isDid(value);
}

function isService(value: unknown): value is Service {
  return hasShape(value, ['id', 'type', 'endpoints']) && isText(value['id'])
    && service_types.includes(value['type']) && isList(value['endpoints'], endpoints_max, isEndpoint);
}

/** Whether a value has the form of a document event. */
export function isDocument(value: unknown): value is DocumentEvent {
  return hasShape(value, [
    'type', 'establishment', 'sequence', 'time', 'expires', 'methods', 'retired', 'services', 'capabilities', 'name', 'attestations', 'witnessed',
    'successor', 'predecessor', 'deactivated',
  ])
    && value['type'] === 'document' && isHash(value['establishment'])
    && isWhole(value['sequence']) && isTime(value['time']) && isTime(value['expires'])
    && isList(value['methods'], methods_max, isMethod) && isList(value['retired'], methods_max, isRetired)
    && new Set([...value['methods'], ...value['retired']].map((method) => method.id)).size === value['methods'].length + value['retired'].length
    && isList(value['services'], services_max, isService)
    && isList(value['capabilities'], capabilities_max, isText)
    && isText(value['name']) && isHash(value['attestations']) && isHash(value['witnessed'])
    && isDidOrNull(value['successor']) && isDidOrNull(value['predecessor']) && typeof value['deactivated'] === 'boolean';
}

/** Whether a value is an event of this form with its signatures, none of which is checked yet. */
export function isSigned<Event>(value: unknown, isEvent: (event: unknown) => event is Event): value is Signed<Event> {
  return hasShape(value, ['event', 'signatures']) && isEvent(value['event'])
    && isList(value['signatures'], keys_max, (item): item is Signed<Event>['signatures'][number] =>
      hasShape(item, ['key', 'signature']) && isWhole(item['key']) && isBytes(item['signature'], signature_bytes));
}

/** Whether a value has the form of a witness signature. */
export function isWitnessSignature(value: unknown): value is WitnessSignature {
  return hasShape(value, ['number', 'witness', 'signature']) && isWhole(value['number']) && isWhole(value['witness']) && isBytes(value['signature'], signature_bytes);
}
