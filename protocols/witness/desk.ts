/** The desk at which a host answers for its log, `/agentmesh/audit/1`: questions that anybody may ask. */
import { equal } from '../../crypto/bytes.ts';
import { encodeCbor } from '../../crypto/canonical.ts';
import { openCheckpoint, parseCheckpoint, type Checkpoint } from '../../crypto/checkpoint.ts';
import { parseNote, parseVerifier } from '../../crypto/note.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import { formatProof } from '../../crypto/tlog-proof.ts';
import { encodeDisclosure } from '../../storage/audit-entry.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import type { Clock, PeerId } from '../ports.ts';
import { encodeFailure } from '../reply.ts';
import { Budget } from '../statements/budget.ts';
import { heads_question_cost, questions_per_window_max } from './constants.ts';
import { parseQuestion, type AuditQuestion, type ConsistencyAnswer, type HeadsAnswer } from './questions.ts';

export { askQuestion, type AuditQuestion } from './questions.ts';

/**
 * The proof file of an entry at the newest cosigned checkpoint; its `extra`
 * data discloses the entry, never the payload; or at the checkpoint given. Fails with `AUDIT_NOT_ANCHORED`,
 * `AUDIT_NO_CHECKPOINT`, `AUDIT_DAMAGED` or `AUDIT_FROZEN`.
 */
export async function proofOf(log: AuditLog, index: number, at?: Uint8Array): Promise<Result<Uint8Array>> {
  const note = at === undefined ? await log.cosigned() : ok(at);
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

/** A checkpoint that a log signed, and why it is not of the history that the log holds, if so. */
interface Held {
  readonly checkpoint: Checkpoint;
  readonly doubt?: string;
}

async function heldBy(log: Pick<AuditLog, 'verifier_key' | 'size' | 'rootAt' | 'latest'>, note: Uint8Array): Promise<Result<Held>> {
  const own = parseVerifier(log.verifier_key);
  if (!own.ok) return own;
  const opened = openCheckpoint(note, own.value);
  if (!opened.ok) return opened;
  const { checkpoint } = opened.value;
  const { size } = checkpoint;
  // Of a damaged log fewer entries hold than it is known to have signed: that is no second history.
  if (size > Math.max(log.size(), log.latest()?.size ?? 0)) return ok({ checkpoint, doubt: `with ${size} entries, this host only ${log.size()}` });
  const root = await log.rootAt(size);
  if (!root.ok) return root;
  return ok(equal(root.value, checkpoint.root) ? { checkpoint } : { checkpoint, doubt: `with another root at ${size} entries` });
}

/**
 * Holds a checkpoint note against the own log that is said to have signed it,
 * and freezes the log where it signed more or other than it holds now: the host
 * was put back to an older copy, and whatever it signs next would be a second
 * history. Fails with `AUDIT_FROZEN` then, with the codes of a note that is not
 * the log's own, and as reading the log does.
 */
export async function holdAgainst(
  log: Pick<AuditLog, 'verifier_key' | 'frozen' | 'size' | 'rootAt' | 'freeze' | 'latest'>, note: Uint8Array, from: string,
): Promise<Result<Checkpoint>> {
  const held = await heldBy(log, note);
  if (!held.ok) return held;
  const { checkpoint, doubt } = held.value;
  if (doubt !== undefined) await log.freeze(`${from} holds a checkpoint of this log ${doubt}`, 'history', note);
  return log.frozen === undefined ? ok(checkpoint) : { ok: false, failure: log.frozen };
}

/** What a desk uses. */
export interface DeskParts {
  readonly clock: Clock;
  readonly log: AuditLog;
  /** An earlier log of this host, by its origin. */
  past?(origin: string): Promise<Result<AuditLog>> | undefined;
  /** What this host holds as a witness of a log. */
  known(origin: string): Promise<Result<Uint8Array>>;
  /** What this host has seen of logs besides what it cosigned: the largest checkpoint of one, pages of those of all, and proofs that logs gave it. */
  readonly seen?: {
    largest(origin: string): Uint8Array | undefined;
    page(after: string): Promise<HeadsAnswer>;
    proof(old: Uint8Array, next: Uint8Array): ConsistencyAnswer | undefined;
  };
  /** Hears of what is no question. */
  malformed(from: PeerId, failure: Failure): void;
}

/** Answers questions, so many a minute for each peer. */
export class Desk {
  readonly #parts: DeskParts;
  readonly #questions: Budget;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.#questions = new Budget(parts.clock, questions_per_window_max);
  }

  /** Answers one question. Never throws for what it is asked. */
  async answer(request: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const question = parseQuestion(request);
    if (!question.ok) this.#parts.malformed(from, question.failure);
    const cost = question.ok && question.value.kind === 'heads' ? heads_question_cost : 1;
    const busy = this.#questions.spend(from, cost) ? undefined : fail('AUDIT_BUSY', 'this peer has asked more within a minute than is answered', { fix: 'ask again in a minute' });
    const answer = busy ?? (question.ok ? await this.#find(question.value, from) : question);
    return answer.ok ? answer.value : encodeFailure(answer.failure);
  }

  async #find(question: AuditQuestion, from: PeerId): Promise<Result<Uint8Array>> {
    const { log, seen } = this.#parts;
    switch (question.kind) {
      case 'head': return log.cosigned();
      case 'proof': return this.#proof(question.index, question.origin ?? log.origin);
      case 'known': return this.#known(question.origin);
      case 'consistency': return this.#consistency(question.old, question.next, from);
      case 'heads': return ok(encodeCbor(await seen?.page(question.after) ?? { notes: [], after: null }));
    }
  }

  async #proof(index: number, origin: string): Promise<Result<Uint8Array>> {
    const { log, past } = this.#parts;
    const asked = origin === log.origin ? ok(log) : await past?.(origin);
    if (asked === undefined) return fail('AUDIT_LOG_UNKNOWN', 'this host has no log of that origin');
    return asked.ok ? proofOf(asked.value, index) : asked;
  }

  /** The larger of what was cosigned and what was seen: a host that was put back to an older copy learns of its past from either. */
  async #known(origin: string): Promise<Result<Uint8Array>> {
    const cosigned = await this.#parts.known(origin);
    const seen = this.#parts.seen?.largest(origin);
    if (seen === undefined) return cosigned;
    return cosigned.ok && sizeOf(cosigned.value) >= sizeOf(seen) ? cosigned : ok(seen);
  }

  /**
   * Nothing is signed for a stranger that this log has not signed before: both
   * notes must carry its signature, and both must be of the history that it holds.
   */
  async #consistency(old_note: Uint8Array, next_note: Uint8Array, from: PeerId): Promise<Result<Uint8Array>> {
    const kept = this.#parts.seen?.proof(old_note, next_note);
    if (kept !== undefined) return ok(encodeCbor({ old: kept.old, next: kept.next, proof: kept.proof }));
    const asked = await this.#logOf(old_note);
    if (!asked.ok) return asked;
    const log = asked.value;
    const old = await this.#held(log, old_note, from);
    if (!old.ok) return old;
    const next = await this.#held(log, next_note, from);
    if (!next.ok) return next;
    const [old_size, size] = [old.value.size, next.value.size];
    if (old_size === 0 || old_size > size) return fail('AUDIT_QUESTION_INVALID', 'the older checkpoint has entries, and no more than the newer one');
    const proof = await log.consistency(old_size, size);
    if (!proof.ok) return proof;
    const signed = await log.signedAt(old_size);
    if (!signed.ok) return signed;
    const signed_next = await log.signedAt(size);
    return signed_next.ok ? ok(encodeCbor({ old: signed.value, next: signed_next.value, proof: proof.value })) : signed_next;
  }

  /** The log that a note is of; of those before the newest one too is asked what it signed. */
  async #logOf(note: Uint8Array): Promise<Result<AuditLog>> {
    const { log, past } = this.#parts;
    const checkpoint = checkpointOf(note);
    const asked = checkpoint.ok && checkpoint.value.origin !== log.origin ? await past?.(checkpoint.value.origin) : undefined;
    return asked ?? ok(log);
  }

  async #held(log: AuditLog, note: Uint8Array, from: PeerId): Promise<Result<Checkpoint>> {
    if (log === this.#parts.log) return holdAgainst(log, note, `the peer ${from}`);
    const held = await heldBy(log, note);
    if (!held.ok) return held;
    const { checkpoint, doubt } = held.value;
    // A log that is closed signs nothing new, so there is nothing to stop.
    return doubt === undefined ? ok(checkpoint) : fail('AUDIT_NOT_HELD', `the peer ${from} holds a checkpoint of an earlier log of this host ${doubt}`);
  }
}

function checkpointOf(note: Uint8Array): Result<Checkpoint> {
  const parsed = parseNote(note);
  return parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
}

function sizeOf(note: Uint8Array): number {
  const checkpoint = checkpointOf(note);
  return checkpoint.ok ? checkpoint.value.size : -1;
}
