/**
 * DIDs of the methods that a node understands (W3C DID Core 1.0).
 *
 * `did:mesh:b<base32(SHA-256(genesis event))>` is self-certifying: whoever has
 * the record can check that it belongs to the DID, without asking anybody.
 * `did:key` (Ed25519 only) names short-lived agents by their key.
 */
import { fromBase32, toBase32 } from './bytes.ts';
import { digest_bytes } from './hash.ts';
import { fail, ok, type Result } from './result.ts';

/** `did:mesh:b` and 52 base32 digits. */
export const did_mesh_length = 62;

/** The text of a `did:mesh`. */
export type DidText = `did:mesh:b${string}`;

/** A parsed `did:mesh`. */
export interface MeshDid {
  readonly did: string;
  /** SHA-256 of the genesis event: the DHT key of the record. */
  readonly digest: Uint8Array;
}

const prefix = 'did:mesh:b';
// Of the last digit only one bit belongs to the 256 of the digest; the others are zero in the one canonical text.
const did_mesh_pattern = /^did:mesh:b[a-z2-7]{51}[aq]$/;

/** The DID of a genesis event's digest. */
export function didOf(digest: Uint8Array): string {
  return `${prefix}${toBase32(digest)}`;
}

/**
 * Parses a `did:mesh`. Fails with `DID_METHOD_UNSUPPORTED` for other methods
 * and with `DID_INVALID` for anything that is not a DID of ours.
 */
export function parseDid(did: string): Result<MeshDid> {
  if (!did.startsWith('did:mesh:')) {
    return /^did:[a-z0-9]+:.+/.test(did)
      ? fail('DID_METHOD_UNSUPPORTED', `${did.slice(0, 80)} is not a did:mesh`)
      : fail('DID_INVALID', `${JSON.stringify(did.slice(0, 80))} is not a DID`, { fix: 'give did:mesh:b… or the name of a local agent or contact' });
  }
  const digest = did.startsWith(prefix) && did.length === did_mesh_length ? fromBase32(did.slice(prefix.length)) : undefined;
  if (digest === undefined || digest.length !== digest_bytes) {
    return fail('DID_INVALID', 'a did:mesh is did:mesh:b followed by 52 lower-case base32 digits', {
      fix: 'copy the whole DID',
    });
  }
  return ok({ did, digest });
}

/** Whether a value is the text of a `did:mesh`. */
export function isDid(value: unknown): value is DidText {
  return typeof value === 'string' && did_mesh_pattern.test(value);
}
