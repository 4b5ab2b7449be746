/**
 * The record of a `did:mesh`: what a DID means, provable from the DID alone.
 *
 * It is the chain of its establishment events, its newest document event, the
 * sponsor's attestations and the witnesses' signatures. Here is how these must
 * fit together, and which of two records holds.
 */
import { compare, equal } from './bytes.ts';
import { parseRecord } from './did-encoding.ts';
import {
  attestationsHash, eventHash, witnessedBytes, witnessedHash,
  type DidKind, type DocumentEvent, type Establishment, type KeyUse, type Signed, type VerificationMethod, type WitnessSignature,
} from './did-events.ts';
import { didOf } from './did.ts';
import { sha256 } from './hash.ts';
import { verifySignature } from './keys.ts';
import { fail, ok, type Result } from './result.ts';

export { encodeRecord, establishments_max, record_bytes_max, type RecordParts } from './did-encoding.ts';

/** How long a document of an agent or a node is believed without being published again. */
export const document_lifetime_ms_max: number = 48 * 3_600_000;
/** The same for a human or an organisation, whose keys may lie on a device that is seldom online. */
export const sponsor_document_lifetime_ms_max: number = 30 * 86_400_000;
const clock_skew_ms = 300_000;

/** A record whose whole event chain has been verified. */
export interface DidRecord {
  readonly did: string;
  readonly kind: DidKind;
  readonly sponsor: string | null;
  /** Number of the current establishment event. */
  readonly number: number;
  readonly current: Establishment;
  /** Every establishment event from the genesis event on. */
  readonly establishments: readonly Signed<Establishment>[];
  readonly document: DocumentEvent;
  /** Sponsor attestations as tokens; checked by the resolver, who can ask for the sponsor's record. */
  readonly attestations: readonly string[];
  readonly created_ms: number;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

function invalid(reason: string): ReturnType<typeof fail> {
  return fail('RECORD_INVALID', reason);
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

/**
 * Whether each event is an heir of the one before, signed by keys that it
 * committed to. The signatures of witnesses are {@link checkWitnesses}' to check.
 * Fails with `RECORD_INVALID`.
 */
export function checkEstablishments(chain: readonly Signed<Establishment>[]): Result<Establishment> {
  let before: Establishment | undefined;
  for (const [index, signed] of chain.entries()) {
    const { event } = signed;
    if (before === undefined) {
      if (event.number !== 0 || event.previous !== null || event.bad_since !== null) return invalid('the first event is not a genesis event');
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

/** Who countersigns an event, and how many of them must: whoever the event before names, so that a thief of keys cannot name others. */
export function witnessesOf(event: Establishment, before: Establishment | undefined): Pick<Establishment, 'witnesses' | 'witness_threshold'> {
  return before ?? event;
}

/** Whether enough witnesses signed each event, and nobody else did: as with signatures of keys, one wrong one spoils the list. Fails with `RECORD_INVALID`. */
export function checkWitnesses(chain: readonly Signed<Establishment>[], signatures: readonly WitnessSignature[]): Result<void> {
  let next = 0;
  for (const [index, { event }] of chain.entries()) {
    const { witnesses, witness_threshold } = witnessesOf(event, chain[index - 1]?.event);
    let count = 0;
    for (let last = -1, item = signatures[next]; item?.number === index; next += 1, item = signatures[next]) {
      const key = witnesses[item.witness];
      if (key === undefined || item.witness <= last || !verifySignature(key, witnessedBytes(event), item.signature)) {
        return invalid(`a witness signature of establishment event ${index} is not good`);
      }
      last = item.witness;
      count += 1;
    }
    if (count < witness_threshold) return invalid(`establishment event ${index} was countersigned by ${count} witnesses of ${witness_threshold}`);
  }
  return next === signatures.length ? ok(undefined) : invalid('the witness signatures are not in the order of the events');
}

/** When a record is looked at: a time in Unix milliseconds, or any time, for what was verified before. */
export type RecordTime = { readonly now_ms: number } | { readonly allow_expired: true };

function checkDocument(signed: Signed<DocumentEvent>, current: Establishment, time: RecordTime): Result<void> {
  const { event } = signed;
  if (!equal(event.establishment, eventHash(current))) return invalid('the document belongs to another establishment event');
  if (signatureCount(signed, current.keys) < current.threshold) return invalid('the document lacks valid signatures');
  const lifetime_ms_max = current.kind === 'human' || current.kind === 'org' ? sponsor_document_lifetime_ms_max : document_lifetime_ms_max;
  if (!event.deactivated && event.expires - event.time > lifetime_ms_max) return invalid(`the document claims a longer life than ${lifetime_ms_max / 3_600_000} hours`);
  const believed_until = Math.min(event.time, current.bad_since ?? Infinity);
  if (event.retired.some(({ until }) => until > believed_until)) return invalid('a retired key is believed for longer than it was in use, or than it was safe');
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
  const { establishments, document, attestations, witness_signatures } = parsed.value;
  const current = checkEstablishments(establishments);
  if (!current.ok) return current;
  const witnessed = checkWitnesses(establishments, witness_signatures);
  if (!witnessed.ok) return witnessed;
  const checked = checkDocument(document, current.value, time);
  if (!checked.ok) return checked;
  if (!equal(document.event.attestations, attestationsHash(attestations))) return invalid('the attestations are not the ones that the document names');
  if (!equal(document.event.witnessed, witnessedHash(witness_signatures))) return invalid('the witness signatures are not the ones that the document names');
  const genesis = establishments[0]?.event ?? current.value;
  return ok({
    did: didOf(eventHash(genesis)),
    kind: genesis.kind,
    sponsor: current.value.sponsor,
    number: current.value.number,
    current: current.value,
    establishments,
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

/**
 * The public key of a verification method (a DID URL of this record) if it may
 * be used so. With `dated_s`, the time in Unix seconds that the signed thing
 * says of itself, a retired key counts for what is dated before its end.
 */
export function keyFor(record: DidRecord, key_id: string, use: KeyUse, dated_s?: number): Uint8Array | undefined {
  const { document, did } = record;
  const isNamed = (method: VerificationMethod): boolean => `${did}#${method.id}` === key_id && method.uses.includes(use);
  const current = document.deactivated ? undefined : document.methods.find(isNamed);
  if (current !== undefined || dated_s === undefined) return current?.key;
  return document.retired.find((method) => isNamed(method) && dated_s * 1000 < method.until)?.key;
}

/** What a record calls its subject: its name, or its DID where it has none. */
export function calledIn({ document, did }: Pick<DidRecord, 'document' | 'did'>): string {
  return document.name === '' ? did : document.name;
}

/** The DID URLs of the keys in use that may be used so. */
export function keyIds(record: DidRecord, use: KeyUse): readonly string[] {
  if (record.document.deactivated) return [];
  return record.document.methods.filter((method) => method.uses.includes(use)).map((method) => `${record.did}#${method.id}`);
}
