/**
 * The record of a `did:mesh`: what a DID means, provable from the DID alone.
 *
 * It is a hash-linked chain of establishment events (who controls the DID, each
 * committing to the hashes of the next keys, so that a stolen current key
 * cannot rotate), one document event (keys in use, services, expiry) and the
 * sponsor's attestations. Modelled on KERI's pre-rotation and did:webvh's
 * `nextKeyHashes`. Encoding: deterministic DAG-CBOR.
 */
import { compare, equal, toBase64url } from './bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isWhole, type Fields } from './canonical.ts';
import { didOf, isDid } from './did.ts';
import { digest_bytes, sha256 } from './hash.ts';
import { checkPublicKey, signature_bytes, verifySignature, type SigningKey } from './keys.ts';
import { fail, ok, type Result } from './result.ts';

/** The largest record, the same as IPNS allows. */
export const record_bytes_max = 10_240;
/** Establishment events in one record; after that a successor DID takes over. */
export const establishments_max = 25;
/** How long a document is believed without being published again. */
export const document_lifetime_ms_max: number = 48 * 3_600_000;
const keys_max = 8;
const methods_max = 8;
const services_max = 8;
/** Endpoints of one service. */
export const endpoints_max = 16;
const capabilities_max = 32;
const attestations_max = 2;
/** UTF-16 units of one text in a record: a capability, a name, an endpoint. */
export const text_length_max = 256;
const clock_skew_ms = 300_000;
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
  readonly time: number;
}

/** What a verification method may be used for (DID Core section 5.3, and our log and witness keys). */
export type KeyUse = 'authentication' | 'assertionMethod' | 'capabilityInvocation' | 'capabilityDelegation' | 'log' | 'witness';

/** A key in use. */
export interface VerificationMethod {
  /** The fragment of its DID URL. */
  readonly id: string;
  readonly key: Uint8Array;
  readonly uses: readonly KeyUse[];
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
  readonly services: readonly Service[];
  /** What the subject says that it serves or needs; grants nothing. */
  readonly capabilities: readonly string[];
  readonly name: string;
  /** SHA-256 of the encoded list of the record's attestations, so that nobody who stores the record can strip or swap them. */
  readonly attestations: Uint8Array;
  readonly deactivated: boolean;
}

/** What a document event says about the attestations that come with it. */
export function attestationsHash(attestations: readonly string[]): Uint8Array {
  return sha256(encodeCbor(attestations));
}

/** An event and signatures by the keys at these indices. */
export interface Signed<Event> {
  readonly event: Event;
  readonly signatures: readonly { readonly key: number; readonly signature: Uint8Array }[];
}

/** A record whose whole event chain has been verified. */
export interface DidRecord {
  readonly did: string;
  readonly kind: DidKind;
  readonly sponsor: string | null;
  /** Number of the current establishment event. */
  readonly number: number;
  readonly current: Establishment;
  readonly document: DocumentEvent;
  /** Sponsor attestations as tokens; checked by the resolver, who can ask for the sponsor's record. */
  readonly attestations: readonly string[];
  readonly created_ms: number;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

const kinds: readonly unknown[] = ['human', 'org', 'agent', 'node'] satisfies DidKind[];
const uses: readonly unknown[] = [
  'authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation', 'log', 'witness',
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

/** The bytes of a record, as they are stored and gossiped. */
export function encodeRecord(record: {
  readonly establishments: readonly Signed<Establishment>[];
  readonly document: Signed<DocumentEvent>;
  readonly attestations: readonly string[];
}): Uint8Array {
  return encodeCbor({ version: 1, ...record });
}

function invalid(reason: string): ReturnType<typeof fail> {
  return fail('RECORD_INVALID', reason);
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

function isList<T>(value: unknown, count_max: number, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= count_max && value.every(is);
}

/** Whether no byte string stands twice in a list: a key counted twice would meet a threshold of two alone. */
function areDistinct(list: readonly Uint8Array[]): boolean {
  return new Set(list.map(toBase64url)).size === list.length;
}

const isHash = (value: unknown): value is Uint8Array => isBytes(value, digest_bytes);
const isKey = (value: unknown): value is Uint8Array => value instanceof Uint8Array && checkPublicKey(value).ok;
const isEndpoint = isText;

function isThreshold(value: unknown, of: readonly unknown[]): value is number {
  return isWhole(value) && value >= 1 && value <= of.length;
}

function isEstablishment(value: unknown): value is Establishment {
  return hasShape(value, ['type', 'number', 'previous', 'kind', 'keys', 'threshold', 'next_keys', 'next_threshold', 'sponsor', 'time'])
    && value['type'] === 'establishment' && isWhole(value['number']) && isTime(value['time'])
    && (value['previous'] === null || isHash(value['previous']))
    && kinds.includes(value['kind'])
    && isList(value['keys'], keys_max, isKey) && areDistinct(value['keys']) && isThreshold(value['threshold'], value['keys'])
    && isList(value['next_keys'], keys_max, isHash) && areDistinct(value['next_keys']) && isThreshold(value['next_threshold'], value['next_keys'])
    && (value['sponsor'] === null ? value['kind'] !== 'agent' : isDid(value['sponsor']));
}

function isMethod(value: unknown): value is VerificationMethod {
  return hasShape(value, ['id', 'key', 'uses']) && isText(value['id']) && /^[a-z0-9-]+$/.test(value['id'])
    && isKey(value['key']) && isList(value['uses'], uses.length, (use): use is KeyUse => uses.includes(use));
}

function isService(value: unknown): value is Service {
  return hasShape(value, ['id', 'type', 'endpoints']) && isText(value['id'])
    && service_types.includes(value['type']) && isList(value['endpoints'], endpoints_max, isEndpoint);
}

function isDocument(value: unknown): value is DocumentEvent {
  return hasShape(value, ['type', 'establishment', 'sequence', 'time', 'expires', 'methods', 'services', 'capabilities', 'name', 'attestations', 'deactivated'])
    && value['type'] === 'document' && isHash(value['establishment'])
    && isWhole(value['sequence']) && isTime(value['time']) && isTime(value['expires'])
    && isList(value['methods'], methods_max, isMethod)
    && new Set(value['methods'].map((method) => method.id)).size === value['methods'].length
    && isList(value['services'], services_max, isService)
    && isList(value['capabilities'], capabilities_max, isText)
    && isText(value['name']) && isHash(value['attestations']) && typeof value['deactivated'] === 'boolean';
}

function isSigned<Event>(value: unknown, isEvent: (event: unknown) => event is Event): value is Signed<Event> {
  return hasShape(value, ['event', 'signatures']) && isEvent(value['event'])
    && isList(value['signatures'], keys_max, (item): item is Signed<Event>['signatures'][number] =>
      hasShape(item, ['key', 'signature']) && isWhole(item['key']) && isBytes(item['signature'], signature_bytes));
}

/**
 * How many keys of the establishment event signed. One wrong, repeated or
 * misplaced signature spoils the list: otherwise anybody could vary the bytes
 * of somebody else's record.
 */
function signatureCount(signed: Signed<Establishment | DocumentEvent>, keys: readonly Uint8Array[]): number {
  const hash = eventHash(signed.event);
  let last = -1;
  for (const { key, signature } of signed.signatures) {
    const public_key = keys[key];
    if (public_key === undefined || key <= last || !verifySignature(public_key, hash, signature)) return 0;
    last = key;
  }
  return signed.signatures.length;
}

function follows(event: Establishment, before: Establishment, index: number): Result<void> {
  if (event.number !== index || event.previous === null || !equal(event.previous, eventHash(before))) {
    return invalid(`establishment event ${index} does not follow the one before`);
  }
  // Another sponsor would undo what the first one revoked: who changes it needs a new DID.
  if (event.kind !== before.kind || event.sponsor !== before.sponsor || event.time < before.time) {
    return invalid(`establishment event ${index} changes the kind or the sponsor, or goes back in time`);
  }
  const committed = (key: Uint8Array): boolean => before.next_keys.some((hash) => equal(hash, sha256(key)));
  if (!event.keys.every(committed) || event.keys.length < before.next_threshold) {
    return invalid(`establishment event ${index} uses keys that the event before did not commit to`);
  }
  return ok(undefined);
}

function checkEstablishments(chain: readonly Signed<Establishment>[]): Result<Establishment> {
  let before: Establishment | undefined;
  for (const [index, signed] of chain.entries()) {
    const { event } = signed;
    if (before === undefined) {
      if (event.number !== 0 || event.previous !== null) return invalid('the first event is not a genesis event');
    } else {
      const order = follows(event, before, index);
      if (!order.ok) return order;
    }
    const needed = Math.max(event.threshold, before?.next_threshold ?? 0);
    if (signatureCount(signed, event.keys) < needed) return invalid(`establishment event ${index} lacks valid signatures`);
    before = event;
  }
  return before === undefined ? invalid('the record has no events') : ok(before);
}

/** When a record is looked at: a time in Unix milliseconds, or any time, for what was verified before. */
export type RecordTime = { readonly now_ms: number } | { readonly allow_expired: true };

function checkDocument(signed: Signed<DocumentEvent>, current: Establishment, time: RecordTime): Result<void> {
  const { event } = signed;
  if (!equal(event.establishment, eventHash(current))) return invalid('the document belongs to another establishment event');
  if (signatureCount(signed, current.keys) < current.threshold) return invalid('the document lacks valid signatures');
  if (!event.deactivated && event.expires - event.time > document_lifetime_ms_max) return invalid('the document claims a longer life than 48 hours');
  if ('allow_expired' in time) return ok(undefined);
  // No establishment event is later than the last one.
  if (Math.max(event.time, current.time) > time.now_ms + clock_skew_ms) return invalid('the record is dated in the future');
  if (!event.deactivated && event.expires <= time.now_ms) {
    return fail('RECORD_EXPIRED', `the document expired at ${new Date(event.expires).toISOString()}`, {
      fix: 'its owner must publish it again',
    });
  }
  return ok(undefined);
}

/** The raw parts of a record's bytes: size, deterministic CBOR and shape, nothing more. */
function parseRecord(bytes: Uint8Array): Result<{ establishments: readonly Signed<Establishment>[]; document: Signed<DocumentEvent>; attestations: readonly string[] }> {
  if (bytes.length > record_bytes_max) return fail('RECORD_TOO_LARGE', `a record has at most ${record_bytes_max} bytes, this one ${bytes.length}`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return fail('RECORD_INVALID', decoded.failure.reason, { cause: decoded.failure });
  const fields: unknown = decoded.value;
  if (!hasShape(fields, ['version', 'establishments', 'document', 'attestations']) || fields['version'] !== 1) return invalid('not a version 1 record');
  const { establishments, document, attestations }: Fields = fields;
  const isEvent = (value: unknown): value is Signed<Establishment> => isSigned(value, isEstablishment);
  if (!isList(establishments, establishments_max, isEvent)) return invalid('the establishment events are malformed');
  if (!isSigned(document, isDocument)) return invalid('the document event is malformed');
  const isToken = (value: unknown): value is string => typeof value === 'string';
  if (!isList(attestations, attestations_max, isToken)) return invalid('the attestations are malformed');
  return ok({ establishments, document, attestations });
}

/**
 * Verifies a record from its bytes alone: size, encoding, the whole event
 * chain with pre-rotation, every signature, weak keys, times. The sponsor's
 * attestation and the reader's high-water mark are the resolver's to check.
 *
 * Fails with `RECORD_TOO_LARGE`, `RECORD_INVALID` or `RECORD_EXPIRED`.
 */
export function verifyRecord(bytes: Uint8Array, time: RecordTime): Result<DidRecord> {
  const parsed = parseRecord(bytes);
  if (!parsed.ok) return parsed;
  const { establishments, document, attestations } = parsed.value;
  const current = checkEstablishments(establishments);
  if (!current.ok) return current;
  const checked = checkDocument(document, current.value, time);
  if (!checked.ok) return checked;
  if (!equal(document.event.attestations, attestationsHash(attestations))) return invalid('the attestations are not the ones that the document names');
  const genesis = establishments[0]?.event ?? current.value;
  return ok({
    did: didOf(eventHash(genesis)),
    kind: genesis.kind,
    sponsor: current.value.sponsor,
    number: current.value.number,
    current: current.value,
    document: document.event,
    attestations,
    created_ms: genesis.time,
    bytes,
    hash: sha256(bytes),
  });
}

/**
 * What a record says about itself, unverified: for bytes that were verified
 * before they were stored. `undefined` when they are not those of a record.
 */
export function statedRecord(bytes: Uint8Array): Pick<DidRecord, 'number' | 'document'> | undefined {
  const parsed = parseRecord(bytes);
  const current = parsed.ok ? parsed.value.establishments.at(-1)?.event : undefined;
  return parsed.ok && current !== undefined ? { number: current.number, document: parsed.value.document.event } : undefined;
}

/**
 * Which of two valid records of one DID holds: negative when `a` does.
 * The higher rotation comes first, so that a key that was rotated away decides
 * nothing; under one rotation a deactivation is final; then the higher sequence,
 * the later expiry, and the smaller hash, so that everybody picks the same.
 */
export function compareRecords(a: DidRecord, b: DidRecord): number {
  return b.number - a.number
    || Number(b.document.deactivated) - Number(a.document.deactivated)
    || b.document.sequence - a.document.sequence
    || b.document.expires - a.document.expires
    || compare(a.hash, b.hash);
}

/** The public key of a verification method (a DID URL of this record) if it may be used so. */
export function keyFor(record: DidRecord, key_id: string, use: KeyUse): Uint8Array | undefined {
  if (record.document.deactivated) return undefined;
  const method = record.document.methods.find((candidate) => `${record.did}#${candidate.id}` === key_id);
  return method?.uses.includes(use) === true ? method.key : undefined;
}

/** The DID Core 1.0 document of a record, as JSON-LD. */
export function didDocument(record: DidRecord): { readonly [name: string]: unknown } {
  const url = (id: string): string => `${record.did}#${id}`;
  const withUse = (...wanted: readonly KeyUse[]): readonly string[] => record.document.methods
    .filter((method) => wanted.some((use) => method.uses.includes(use)))
    .map((method) => url(method.id));
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/suites/jws-2020/v1'],
    id: record.did,
    verificationMethod: record.document.methods.map((method) => ({
      id: url(method.id),
      type: 'JsonWebKey2020',
      controller: record.did,
      publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: toBase64url(method.key) },
    })),
    authentication: withUse('authentication'),
    assertionMethod: withUse('assertionMethod', 'log', 'witness'),
    capabilityInvocation: withUse('capabilityInvocation'),
    capabilityDelegation: withUse('capabilityDelegation'),
    service: record.document.services.map((service) => ({
      id: url(service.id),
      type: service.type,
      serviceEndpoint: service.endpoints,
    })),
  };
}
