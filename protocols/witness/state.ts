import { concat, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isWhole } from '../../crypto/canonical.ts';
import { digest_bytes, sha256 } from '../../crypto/hash.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';

/** What a witness remembers of a log. */
export interface WitnessState {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** The checkpoint with the log's signature and the own cosignature. */
  readonly note: Uint8Array;
  /** Unix seconds of the last cosignature. */
  readonly time_s: number;
  /** Whether the log was proven to have signed two histories. */
  readonly exposed: boolean;
}

/** Where the state of a log lies in the store's space `witness`: `w` and the SHA-256 of its origin. */
export function stateKey(origin: string): Uint8Array {
  return stateKeyOfHash(sha256(utf8(origin)));
}

/** As {@link stateKey}, from the SHA-256 of the origin. */
export function stateKeyOfHash(origin_hash: Uint8Array): Uint8Array {
  return concat(utf8('w'), origin_hash);
}

/** The origin that stored bytes name, if they are a state. */
export function originOfState(bytes: Uint8Array): string | undefined {
  const decoded = decodeCbor(bytes);
  const value = decoded.ok ? decoded.value : undefined;
  return hasShape(value, ['origin', 'size', 'root', 'note', 'time_s', 'exposed']) && typeof value['origin'] === 'string' ? value['origin'] : undefined;
}

/** The bytes of a state. */
export function encodeState({ origin, size, root, note, time_s, exposed }: WitnessState): Uint8Array {
  return encodeCbor({ origin, size, root, note, time_s, exposed });
}

/** Parses a state read from the store. Fails with `WITNESS_STATE_DAMAGED`: a witness that forgot may not begin anew. */
export function decodeState(bytes: Uint8Array, wanted_origin: string): Result<WitnessState> {
  const decoded = decodeCbor(bytes);
  const damaged = fail('WITNESS_STATE_DAMAGED', 'what this witness remembers of the log is damaged', { fix: 'run agentmesh doctor' });
  if (!decoded.ok || !hasShape(decoded.value, ['origin', 'size', 'root', 'note', 'time_s', 'exposed'])) return damaged;
  const { origin, size, root, note, time_s, exposed } = decoded.value;
  if (origin !== wanted_origin || !isWhole(size) || !isWhole(time_s) || typeof exposed !== 'boolean') return damaged;
  if (!(root instanceof Uint8Array) || root.length !== digest_bytes || !(note instanceof Uint8Array)) return damaged;
  return ok({ origin: wanted_origin, size, root, note, time_s, exposed });
}
