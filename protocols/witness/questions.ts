/** Questions about logs on `/agentmesh/audit/1`: their bytes, and the asking side. */
import { decodeCbor, encodeCbor, hasShape, isWhole } from '../../crypto/canonical.ts';
import { origin_bytes_max } from '../../crypto/checkpoint.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { proof_hashes_max } from '../../crypto/merkle.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Clock, Network, PeerId } from '../ports.ts';
import { unlessFailure } from '../reply.ts';
import { deadline } from '../time.ts';
import { audit_limits, audit_protocol } from './constants.ts';

/** A question about a log, in deterministic CBOR on the wire. */
export type AuditQuestion =
  /** The proof file of an entry at the newest cosigned checkpoint of the host that is asked, or of the one of its logs that is named. */
  | { readonly kind: 'proof'; readonly index: number; readonly origin?: string }
  /** The newest cosigned checkpoint of the host that is asked. */
  | { readonly kind: 'head' }
  /** The largest checkpoint of a log that the host that is asked has cosigned or seen. */
  | { readonly kind: 'known'; readonly origin: string }
  /** The proof that two checkpoint notes are of one history, and their log's signatures at both sizes; a {@link ConsistencyAnswer}. Other hosts may have it from the log. */
  | { readonly kind: 'consistency'; readonly old: Uint8Array; readonly next: Uint8Array }
  /** Checkpoints of all logs that the host that is asked follows, those whose origins come after a text; a {@link HeadsAnswer}. */
  | { readonly kind: 'heads'; readonly after: string };

/** The answer to a question about two checkpoints: notes that the log signed at their sizes, and the consistency proof between them. */
export interface ConsistencyAnswer {
  readonly old: Uint8Array;
  readonly next: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** A page of checkpoint notes, and after which origin the next one begins; `null` at the end. */
export interface HeadsAnswer {
  readonly notes: readonly Uint8Array[];
  readonly after: string | null;
}

/** Parses a question. Fails with `AUDIT_QUESTION_INVALID`. */
export function parseQuestion(bytes: Uint8Array): Result<AuditQuestion> {
  const decoded = bytes.length > audit_limits.request_bytes_max ? undefined : decodeCbor(bytes);
  const value = decoded?.ok === true ? decoded.value : undefined;
  if (hasShape(value, ['kind']) && value['kind'] === 'head') return ok({ kind: 'head' });
  if (hasShape(value, ['kind', 'index'], ['origin']) && value['kind'] === 'proof' && isWhole(value['index'])) {
    const { index, origin } = value;
    if (origin === undefined) return ok({ kind: 'proof', index });
    if (isOrigin(origin)) return ok({ kind: 'proof', index, origin });
  }
  if (hasShape(value, ['kind', 'origin']) && value['kind'] === 'known' && typeof value['origin'] === 'string') {
    return ok({ kind: 'known', origin: value['origin'] });
  }
  if (hasShape(value, ['kind', 'old', 'next']) && value['kind'] === 'consistency' && value['old'] instanceof Uint8Array && value['next'] instanceof Uint8Array) {
    return ok({ kind: 'consistency', old: value['old'], next: value['next'] });
  }
  if (hasShape(value, ['kind', 'after']) && value['kind'] === 'heads' && isOrigin(value['after'])) return ok({ kind: 'heads', after: value['after'] });
  return fail('AUDIT_QUESTION_INVALID', 'a question is {kind: "head"}, {kind: "proof", index[, origin]}, {kind: "known", origin}, {kind: "consistency", old, next} or {kind: "heads", after} in deterministic CBOR');
}

function isOrigin(value: unknown): value is string {
  return typeof value === 'string' && value.length <= origin_bytes_max;
}

function isHash(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === digest_bytes;
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function invalid(reason: string): Result<never> {
  return fail('AUDIT_ANSWER_INVALID', reason);
}

/** Asks a peer a question. The answer is unverified; failures are the network's or the peer's own. */
export async function askQuestion(parts: { readonly clock: Clock; readonly network: Network }, peer: PeerId, question: AuditQuestion, signal?: AbortSignal): Promise<Result<Uint8Array>> {
  const limit = deadline(parts.clock, audit_limits.exchange_ms_max, signal);
  try {
    const answer = await parts.network.request(peer, audit_protocol, encodeCbor(question), { limits: audit_limits, signal: limit.signal });
    return unlessFailure(answer);
  } finally {
    limit.done();
  }
}

/** Parses the answer to a question about two checkpoints; nothing in it is verified. Fails with `AUDIT_ANSWER_INVALID` or a code of CBOR. */
export function parseConsistencyAnswer(bytes: Uint8Array): Result<ConsistencyAnswer> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!hasShape(decoded.value, ['old', 'next', 'proof'])) return invalid('the answer is not {old, next, proof}');
  const { old, next, proof } = decoded.value;
  if (!isBytes(old) || !isBytes(next) || !Array.isArray(proof) || proof.length > proof_hashes_max) return invalid('the answer is not two notes and a proof');
  const hashes = proof.filter(isHash);
  return hashes.length === proof.length ? ok({ old, next, proof: hashes }) : invalid('a proof consists of hashes');
}

/** Parses a page of checkpoints that follows an origin; nothing in it is verified. Fails with `AUDIT_ANSWER_INVALID` or a code of CBOR. */
export function parseHeadsAnswer(bytes: Uint8Array, after: string): Result<HeadsAnswer> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!hasShape(decoded.value, ['notes', 'after'])) return invalid('the answer is not {notes, after}');
  const { notes, after: next } = decoded.value;
  if (!Array.isArray(notes) || !(next === null || (isOrigin(next) && next > after))) return invalid('a page is a list of notes, and where the next one begins');
  const list = notes.filter(isBytes);
  return list.length === notes.length ? ok({ notes: list, after: next }) : invalid('a page is a list of notes');
}

/** Asks a log about two checkpoints of it. The answer is unverified. Fails as {@link askQuestion} and {@link parseConsistencyAnswer}. */
export async function askConsistency(
  parts: { readonly clock: Clock; readonly network: Network }, peer: PeerId, notes: { readonly old: Uint8Array; readonly next: Uint8Array }, signal: AbortSignal,
): Promise<Result<ConsistencyAnswer>> {
  const answer = await askQuestion(parts, peer, { kind: 'consistency', ...notes }, signal);
  return answer.ok ? parseConsistencyAnswer(answer.value) : answer;
}

/** Asks a peer for a page of the checkpoints that it holds. The answer is unverified. Fails as {@link askQuestion} and {@link parseHeadsAnswer}. */
export async function askHeads(parts: { readonly clock: Clock; readonly network: Network }, peer: PeerId, after: string, signal: AbortSignal): Promise<Result<HeadsAnswer>> {
  const answer = await askQuestion(parts, peer, { kind: 'heads', after }, signal);
  return answer.ok ? parseHeadsAnswer(answer.value, after) : answer;
}
