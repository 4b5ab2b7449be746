/**
 * The bytes of a `did:mesh` record, as they are stored and gossiped. What an
 * establishment event must repeat of the one before stands there only once, so
 * that a DID that was rotated often still fits.
 */
import { decodeCbor, encodeCbor, hasShape, type Fields } from './canonical.ts';
import {
  eventHash, isDocument, isEstablishment, isList, isSigned, isWitnessSignature, keys_max,
  type DocumentEvent, type Establishment, type Signed, type WitnessSignature,
} from './did-events.ts';
import { fail, ok, type Result } from './result.ts';

/** The largest record, the same as IPNS allows. */
export const record_bytes_max = 10_240;
/** Establishment events in one record; after that a successor DID takes over. */
export const establishments_max = 25;
const attestations_max = 2;

/** What a record is made of. */
export interface RecordParts {
  readonly establishments: readonly Signed<Establishment>[];
  readonly document: Signed<DocumentEvent>;
  readonly attestations: readonly string[];
  /** In the order of event and witness. */
  readonly witness_signatures: readonly WitnessSignature[];
}

/** An event after the genesis event, without what it repeats. */
function shortened({ event, signatures }: Signed<Establishment>, index: number): unknown {
  if (index === 0) return { event, signatures };
  const { type: _type, number: _number, previous: _previous, kind: _kind, sponsor: _sponsor, ...own } = event;
  return { event: own, signatures };
}

/** The whole event, from its own part and the event before. `undefined` for what has not the form of one. */
function restored(value: unknown, before: Establishment | undefined): Signed<Establishment> | undefined {
  if (!hasShape(value, ['event', 'signatures'])) return undefined;
  const { event, signatures } = value;
  if (before === undefined) return isEvent(value) ? value : undefined;
  if (!hasShape(event, ['keys', 'threshold', 'next_keys', 'next_threshold', 'bad_since', 'witnesses', 'witness_threshold', 'time'])) return undefined;
  const { kind, sponsor, number } = before;
  const whole = { event: { ...event, type: 'establishment', number: number + 1, previous: eventHash(before), kind, sponsor }, signatures };
  return isEvent(whole) ? whole : undefined;
}

const isEvent = (value: unknown): value is Signed<Establishment> => isSigned(value, isEstablishment);
const isAnything = (value: unknown): value is unknown => value !== undefined;

function restoredChain(values: unknown): readonly Signed<Establishment>[] | undefined {
  if (!isList(values, establishments_max, isAnything)) return undefined;
  const chain: Signed<Establishment>[] = [];
  for (const value of values) {
    const signed = restored(value, chain.at(-1)?.event);
    if (signed === undefined) return undefined;
    chain.push(signed);
  }
  return chain;
}

/** The bytes of a record. */
export function encodeRecord({ establishments, document, attestations, witness_signatures }: RecordParts): Uint8Array {
  return encodeCbor({ version: 1, establishments: establishments.map(shortened), document, attestations, witness_signatures });
}

/**
 * The parts of a record's bytes: size, deterministic CBOR and shape are checked,
 * nothing more. Fails with `RECORD_TOO_LARGE` or `RECORD_INVALID`.
 */
export function parseRecord(bytes: Uint8Array): Result<RecordParts> {
  const invalid = (reason: string): ReturnType<typeof fail> => fail('RECORD_INVALID', reason);
  if (bytes.length > record_bytes_max) return fail('RECORD_TOO_LARGE', `a record has at most ${record_bytes_max} bytes, this one ${bytes.length}`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return fail('RECORD_INVALID', decoded.failure.reason, { cause: decoded.failure });
  const fields: unknown = decoded.value;
  if (!hasShape(fields, ['version', 'establishments', 'document', 'attestations', 'witness_signatures']) || fields['version'] !== 1) return invalid('not a version 1 record');
  const { document, attestations, witness_signatures }: Fields = fields;
  const establishments = restoredChain(fields['establishments']);
  if (establishments === undefined) return invalid('the establishment events are malformed');
  if (!isSigned(document, isDocument)) return invalid('the document event is malformed');
  const isToken = (value: unknown): value is string => typeof value === 'string';
  if (!isList(attestations, attestations_max, isToken)) return invalid('the attestations are malformed');
  if (!isList(witness_signatures, establishments_max * keys_max, isWitnessSignature)) return invalid('the witness signatures are malformed');
  return ok({ establishments, document, attestations, witness_signatures });
}
