/**
 * The desk at which a host answers for its log, `/agentmesh/audit/1`: questions
 * and answers that anybody may ask, and the asking side.
 */
import { decodeCbor, encodeCbor, hasShape, isWhole } from '../../crypto/canonical.ts';
import { parseCheckpoint } from '../../crypto/checkpoint.ts';
import { parseNote } from '../../crypto/note.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import { formatProof } from '../../crypto/tlog-proof.ts';
import { encodeDisclosure } from '../../storage/audit-entry.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import type { Clock, Network, PeerId } from '../ports.ts';
import { encodeFailure, unlessFailure } from '../reply.ts';
import { deadline } from '../time.ts';
import { audit_limits, audit_protocol } from './constants.ts';

/** A question about a log, in deterministic CBOR on the wire. */
export type AuditQuestion =
  /** The proof file of an entry at the newest cosigned checkpoint of the host that is asked. */
  | { readonly kind: 'proof'; readonly index: number }
  /** The newest cosigned checkpoint of the host that is asked. */
  | { readonly kind: 'head' }
  /** The newest checkpoint that the host that is asked has cosigned for a log. */
  | { readonly kind: 'known'; readonly origin: string };

function parseQuestion(bytes: Uint8Array): Result<AuditQuestion> {
  const decoded = bytes.length > audit_limits.request_bytes_max ? undefined : decodeCbor(bytes);
  const value = decoded?.ok === true ? decoded.value : undefined;
  if (hasShape(value, ['kind']) && value['kind'] === 'head') return ok({ kind: 'head' });
  if (hasShape(value, ['kind', 'index']) && value['kind'] === 'proof' && isWhole(value['index'])) return ok({ kind: 'proof', index: value['index'] });
  if (hasShape(value, ['kind', 'origin']) && value['kind'] === 'known' && typeof value['origin'] === 'string') {
    return ok({ kind: 'known', origin: value['origin'] });
  }
  return fail('AUDIT_QUESTION_INVALID', 'a question is {kind: "head"}, {kind: "proof", index} or {kind: "known", origin} in deterministic CBOR');
}

/**
 * The proof file of an entry at the newest cosigned checkpoint; its `extra`
 * data discloses the entry, never the payload. Fails with `AUDIT_NOT_ANCHORED`,
 * `AUDIT_NO_CHECKPOINT`, `AUDIT_DAMAGED` or `AUDIT_FROZEN`.
 */
export async function proofOf(log: AuditLog, index: number): Promise<Result<Uint8Array>> {
  const note = await log.cosigned();
  if (!note.ok) return note;
  const parsed = parseNote(note.value);
  if (!parsed.ok) return parsed;
  const checkpoint = parseCheckpoint(parsed.value.text);
  if (!checkpoint.ok) return checkpoint;
  const { size } = checkpoint.value;
  if (index >= size) {
    return fail('AUDIT_NOT_ANCHORED', `the newest cosigned checkpoint has ${size} entries, none with index ${index}`, { fix: 'ask again after the next checkpoint' });
  }
  const hashes = await log.inclusion(index, size);
  if (!hashes.ok) return hashes;
  const record = await log.read(index);
  if (!record.ok) return record;
  const extra = encodeDisclosure({ entry: record.value.entry });
  return ok(formatProof({ extra, index, hashes: hashes.value, checkpoint: note.value }));
}

/** Answers one question. `known` gives what this host holds as a witness; `malformed` hears of what is no question. Never throws. */
export async function answerQuestion(
  log: AuditLog, known: (origin: string) => Promise<Result<Uint8Array>>, request: Uint8Array, malformed: (failure: Failure) => void,
): Promise<Uint8Array> {
  const question = parseQuestion(request);
  if (!question.ok) malformed(question.failure);
  const answer = question.ok ? await find(log, known, question.value) : question;
  return answer.ok ? answer.value : encodeFailure(answer.failure);
}

function find(log: AuditLog, known: (origin: string) => Promise<Result<Uint8Array>>, question: AuditQuestion): Promise<Result<Uint8Array>> {
  switch (question.kind) {
    case 'head': return log.cosigned();
    case 'proof': return proofOf(log, question.index);
    case 'known': return known(question.origin);
  }
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
