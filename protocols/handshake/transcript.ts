/** The bytes of a handshake: what is sent, how it is read, what is signed. */
import { concat, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isStrings, isWhole } from '../../crypto/canonical.ts';
import { isDid } from '../../crypto/did.ts';
import { digest_bytes, sha256 } from '../../crypto/hash.ts';
import { signature_bytes } from '../../crypto/keys.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { capabilities_offered_max, handshake_domain } from './constants.ts';

/** One side of a handshake, as both sides sign it. Field names are those of IATP where it has them. */
export interface Party {
  readonly agent_did: string;
  /** The id that the channel proved. */
  readonly peer_id: string;
  readonly nonce: Uint8Array;
  readonly capabilities: readonly string[];
  readonly required_trust_score: number;
  /** SHA-256 of the policies in force. */
  readonly policy_digest: Uint8Array;
}

/** What a side says of itself on the wire; the peer id is taken from the channel, never from here. */
export type Introduction = Omit<Party, 'peer_id'> & { readonly records: readonly Uint8Array[] };

/** Message 1: who asks, and for whom. `to` is a DID, or empty for the node itself. */
export type Opening = { readonly step: 1; readonly to: string } & Introduction;
/** Message 2: the responder's introduction and proof. */
export type Answer = { readonly step: 2; readonly expires: number; readonly signature: Uint8Array } & Introduction;
/** Message 3: the initiator's proof. */
export interface Proof {
  readonly step: 3;
  readonly session: Uint8Array;
  readonly signature: Uint8Array;
}

const introduction_fields = ['agent_did', 'nonce', 'capabilities', 'required_trust_score', 'policy_digest', 'records'];

function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}

function isIntroduction(value: { readonly [name: string]: unknown }): boolean {
  const { records } = value;
  return isDid(value['agent_did']) && isBytes(value['nonce'], 32) && isBytes(value['policy_digest'], digest_bytes)
    && isStrings(value['capabilities']) && value['capabilities'].length <= capabilities_offered_max
    && value['capabilities'].every((capability) => capability.length <= 256)
    && isWhole(value['required_trust_score']) && value['required_trust_score'] <= 1000
    && Array.isArray(records) && records.every((record) => record instanceof Uint8Array);
}

function isOpening(value: unknown): value is Opening {
  return hasShape(value, ['version', 'step', 'to', ...introduction_fields]) && value['version'] === 1 && value['step'] === 1
    && isIntroduction(value) && (value['to'] === '' || isDid(value['to']));
}

function isAnswer(value: unknown): value is Answer {
  return hasShape(value, ['version', 'step', 'expires', 'signature', ...introduction_fields]) && value['version'] === 1 && value['step'] === 2
    && isIntroduction(value) && isWhole(value['expires']) && isBytes(value['signature'], signature_bytes);
}

function isProof(value: unknown): value is Proof {
  return hasShape(value, ['version', 'step', 'session', 'signature']) && value['version'] === 1 && value['step'] === 3
    && isBytes(value['session'], 16) && isBytes(value['signature'], signature_bytes);
}

/** The wire form of any message of the handshake. */
export function encodeStep(message: Opening | Answer | Proof | { readonly step: 4 }): Uint8Array {
  return encodeCbor({ version: 1, ...message });
}

/** Reads message 1 or 3. Fails with `HANDSHAKE_MALFORMED`. */
export function decodeRequest(bytes: Uint8Array): Result<Opening | Proof> {
  const decoded = decodeCbor(bytes);
  if (decoded.ok && isOpening(decoded.value)) return ok(decoded.value);
  if (decoded.ok && isProof(decoded.value)) return ok(decoded.value);
  return fail('HANDSHAKE_MALFORMED', decoded.ok ? 'neither an opening nor a proof' : decoded.failure.reason);
}

/** Reads message 2. Fails with `HANDSHAKE_MALFORMED`. */
export function decodeAnswer(bytes: Uint8Array): Result<Answer> {
  const decoded = decodeCbor(bytes);
  return decoded.ok && isAnswer(decoded.value) ? ok(decoded.value) : fail('HANDSHAKE_MALFORMED', 'the peer\'s answer has the wrong form');
}

/** SHA-256 over everything that both sides said, the two channel identities included. */
export function transcriptHash(initiator: Party, responder: Party, expires: number): Uint8Array {
  return sha256(utf8(handshake_domain), encodeCbor({ initiator, responder, expires }));
}

/** What a side signs: its role and the transcript, so that no signature fits the other role. */
export function signedBytes(role: 'initiator' | 'responder', transcript: Uint8Array): Uint8Array {
  return concat(utf8(`${handshake_domain}${role}\0`), transcript);
}
