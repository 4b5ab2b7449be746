/**
 * Getting the own head cosigned, and learning from the witnesses what they saw
 * of the own log: a host that was rolled back finds out here, before it signs
 * a second history.
 */
import { equal } from '../../crypto/bytes.ts';
import { openCheckpoint, parseDecimal, verifyCosignature, type Checkpoint, type Cosignature } from '../../crypto/checkpoint.ts';
import { parseVerifier, type Verifier } from '../../crypto/note.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import type { Clock, Network, PeerId } from '../ports.ts';
import { deadline } from '../time.ts';
import type { ClockSense } from './clock-sense.ts';
import { attempts_max, reason_length_max, witness_limits, witness_protocol, witnesses_asked_max } from './constants.ts';
import { decodeAnswer, encodeRequest, type WitnessAnswer } from './wire.ts';

/** A witness that may be asked. */
export interface WitnessContact {
  readonly peer: PeerId;
  /** The vkey of its witness key. */
  readonly verifier_key: string;
  /** Who answers for that host, where known: witnesses of one sponsor count as one opinion and are asked last. */
  readonly sponsor?: string;
}

/** A witness that did not cosign, and why. */
export interface Refusal {
  readonly peer: PeerId;
  readonly code: string;
  readonly reason: string;
}

/** What a collector uses. */
export interface CollectorParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly log: AuditLog;
  readonly sense: ClockSense;
  /** What a peer holds, as witness, of a log. */
  known(peer: PeerId, origin: string, signal: AbortSignal): Promise<Result<Uint8Array>>;
  refused(refusal: Refusal): void;
}

/** The witnesses in the order of asking: one of every sponsor first, at most {@link witnesses_asked_max}. */
export function inOrderOfAsking(contacts: readonly WitnessContact[]): readonly WitnessContact[] {
  const sponsors = new Set<string>();
  const ranks: [WitnessContact[], WitnessContact[], WitnessContact[]] = [[], [], []];
  for (const contact of contacts) {
    const { sponsor } = contact;
    ranks[sponsor === undefined ? 1 : sponsors.has(sponsor) ? 2 : 0].push(contact);
    if (sponsor !== undefined) sponsors.add(sponsor);
  }
  return ranks.flat().slice(0, witnesses_asked_max);
}

/** Asks witnesses about the own log. */
export class Collector {
  readonly #parts: CollectorParts;
  // The size that each witness cosigned last, so that mostly one request is enough.
  #sizes = new Map<string, number>();

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /**
   * Asks all witnesses what they saw of the own log and holds it against the
   * log, which freezes if they saw more or other. Gives how many answered.
   */
  async compare(contacts: readonly WitnessContact[], signal: AbortSignal): Promise<number> {
    const views = await Promise.all(contacts.map((contact) => this.#compareWith(contact, signal)));
    return views.filter((answered) => answered).length;
  }

  /** Asks in waves until `quorum` witnesses have cosigned or nobody is left. Ends early when the log freezes. */
  async collect(note: Uint8Array, checkpoint: Checkpoint, contacts: readonly WitnessContact[], quorum: number, signal: AbortSignal): Promise<{
    readonly cosignatures: readonly Cosignature[];
    readonly refusals: readonly Refusal[];
  }> {
    this.#sizes = new Map([...this.#sizes].filter(([vkey]) => contacts.some(({ verifier_key }) => verifier_key === vkey)));
    const cosignatures: Cosignature[] = [];
    const refusals: Refusal[] = [];
    let left = contacts;
    while (cosignatures.length < quorum && left.length > 0 && this.#parts.log.frozen === undefined) {
      const wave = left.slice(0, quorum - cosignatures.length);
      left = left.slice(wave.length);
      const answers = await Promise.all(wave.map((contact) => this.#ask(contact, note, checkpoint, signal)));
      for (const [index, answer] of answers.entries()) {
        if (answer.ok) cosignatures.push(answer.value);
        else refusals.push(this.#refusal(wave[index]?.peer ?? '', answer.failure));
      }
    }
    return { cosignatures, refusals };
  }

  #refusal(peer: PeerId, { code, reason }: Failure): Refusal {
    const refusal = { peer, code, reason };
    this.#parts.refused(refusal);
    return refusal;
  }

  async #ask(contact: WitnessContact, note: Uint8Array, checkpoint: Checkpoint, signal: AbortSignal): Promise<Result<Cosignature>> {
    const verifier = parseVerifier(contact.verifier_key);
    if (!verifier.ok) return verifier;
    let old_size = this.#sizes.get(contact.verifier_key) ?? 0;
    for (let attempt = 0; attempt < attempts_max; attempt += 1) {
      const proof = await this.#parts.log.consistency(old_size, checkpoint.size);
      if (!proof.ok) return proof;
      const answer = await this.#request(contact.peer, encodeRequest(old_size, proof.value, note), signal);
      if (!answer.ok) return answer;
      const { status, body } = answer.value;
      if (status === 200) return this.#cosignature(verifier.value, checkpoint, body);
      const told = status === 409 && body.endsWith('\n') ? parseDecimal(body.slice(0, -1)) : undefined;
      if (told === undefined || told > checkpoint.size || told === old_size) {
        await this.#compareWith(contact, signal);
        return fail('WITNESS_REFUSED', refusalText(answer.value));
      }
      old_size = told;
    }
    return fail('WITNESS_REFUSED', `the witness named another size ${attempts_max} times`);
  }

  #cosignature(verifier: Verifier, checkpoint: Checkpoint, body: string): Result<Cosignature> {
    // A witness may send lines of other keys too; those are not ours to judge.
    for (const line of body.split('\n')) {
      const cosignature = verifyCosignature(verifier, checkpoint, line);
      if (!cosignature.ok) continue;
      this.#sizes.set(verifier.text, checkpoint.size);
      this.#parts.sense.heard(cosignature.value.time_s);
      return cosignature;
    }
    return fail('COSIGNATURE_INVALID', `the answer holds no cosignature of ${verifier.name} for this checkpoint`);
  }

  async #request(peer: PeerId, request: Uint8Array, signal: AbortSignal): Promise<Result<WitnessAnswer>> {
    const limit = deadline(this.#parts.clock, witness_limits.exchange_ms_max, signal);
    try {
      const answer = await this.#parts.network.request(peer, witness_protocol, request, { limits: witness_limits, signal: limit.signal });
      return answer.ok ? decodeAnswer(answer.value) : answer;
    } finally {
      limit.done();
    }
  }

  // Only a checkpoint that this log's own key signed can freeze it: a witness's word alone cannot.
  async #compareWith({ peer }: WitnessContact, signal: AbortSignal): Promise<boolean> {
    const { log } = this.#parts;
    const own = parseVerifier(log.verifier_key);
    const note = await this.#parts.known(peer, log.origin, signal);
    if (!note.ok) return note.failure.code === 'WITNESS_LOG_UNKNOWN';
    const seen = own.ok ? openCheckpoint(note.value, own.value) : own;
    if (!seen.ok) return false;
    const { size, root } = seen.value.checkpoint;
    if (size > log.size()) {
      await log.freeze(`the witness ${peer} holds a checkpoint of this log with ${size} entries, this host only ${log.size()}`);
      return true;
    }
    const own_root = await log.rootAt(size);
    if (own_root.ok && !equal(own_root.value, root)) {
      await log.freeze(`the witness ${peer} holds a checkpoint of this log with another root at ${size} entries`);
    }
    return true;
  }
}

function refusalText({ status, body }: WitnessAnswer): string {
  const words = body.replaceAll(/[^\x20-\x7e]+/g, ' ').trim().slice(0, reason_length_max);
  return `the witness answered ${status}: ${words}`;
}

/** How a quorum was missed, in words and for programs. Code `AUDIT_QUORUM`. */
export function quorumFailure(quorum: number, cosigned: number, refusals: readonly Refusal[]): Result<never> {
  const who = refusals.map(({ peer, reason }) => `${peer}: ${reason}`).join('; ');
  return fail('AUDIT_QUORUM', `${cosigned} of the ${quorum} witnesses that are needed have cosigned${who === '' ? ', and nobody else can be asked' : ` (${who})`}`, {
    fix: `connect to at least ${quorum} other hosts that witness`,
    detail: { quorum, cosigned, refusals },
  });
}

/** A quorum's cosignatures. */
export function enough(quorum: number, collected: { readonly cosignatures: readonly Cosignature[]; readonly refusals: readonly Refusal[] }): Result<readonly Cosignature[]> {
  const { cosignatures, refusals } = collected;
  return cosignatures.length >= quorum ? ok(cosignatures) : quorumFailure(quorum, cosignatures.length, refusals);
}
