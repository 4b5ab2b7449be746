/**
 * Getting the own head cosigned, and learning from the witnesses what they saw
 * of the own log: a host that was rolled back finds out here, before it signs
 * a second history.
 */
import { parseDecimal, verifyCosignature, type Checkpoint, type Cosignature } from '../../crypto/checkpoint.ts';
import { parseVerifier, type Verifier } from '../../crypto/note.ts';
import { fail, type Failure, type Result } from '../../crypto/result.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import type { Clock, Network, PeerId } from '../ports.ts';
import { deadline, unixSeconds } from '../time.ts';
import { outliers, type ClockSense } from './clock-sense.ts';
import { attempts_max, clock_difference_s_max, late_ms_max, reason_length_max, witness_limits, witness_protocol } from './constants.ts';
import { holdAgainst } from './desk.ts';
import type { Quorum, WitnessContact } from './quorum.ts';
import { decodeAnswer, encodeRequest, type WitnessAnswer } from './wire.ts';

/** A witness that did not cosign, and why. */
export interface Refusal {
  readonly peer: PeerId;
  readonly code: string;
  readonly reason: string;
}

/** A witness that did. */
export interface Cosigner {
  readonly contact: WitnessContact;
  readonly cosignature: Cosignature;
}

/** Who cosigned a head, and who did not. */
export interface Collected {
  readonly cosigners: readonly Cosigner[];
  readonly refusals: readonly Refusal[];
}

/** How a witness answered last; times are Unix seconds of its clock, Unix milliseconds of ours. */
export interface Experience {
  readonly cosigned?: { readonly size: number; readonly time_s: number };
  readonly refused?: { readonly code: string; readonly reason: string; readonly at_ms: number };
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

/** Asks witnesses about the own log. */
export class Collector {
  readonly #parts: CollectorParts;
  // What each witness cosigned last, by its vkey: mostly one request is enough then.
  #experience = new Map<string, Experience>();

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /** How a witness answered last. */
  experience({ verifier_key }: WitnessContact): Experience {
    return this.#experience.get(verifier_key) ?? {};
  }

  /**
   * Asks all witnesses what they saw of the own log and holds it against the
   * log, which freezes if they saw more or other. Gives those who answered.
   */
  async compare(contacts: readonly WitnessContact[], signal: AbortSignal): Promise<readonly WitnessContact[]> {
    const views = await Promise.all(contacts.map((contact) => this.#compareWith(contact, signal)));
    return contacts.filter((_contact, index) => views[index] === true);
  }

  /** Asks in waves until those who cosigned are enough or nobody is left who could help. Ends early when the log freezes. */
  async collect(note: Uint8Array, checkpoint: Checkpoint, contacts: readonly WitnessContact[], quorum: Quorum, signal: AbortSignal): Promise<Collected> {
    this.#experience = new Map([...this.#experience].filter(([vkey]) => contacts.some(({ verifier_key }) => verifier_key === vkey)));
    const collected: { cosigners: Cosigner[]; refusals: Refusal[] } = { cosigners: [], refusals: [] };
    let left = contacts;
    while (this.#parts.log.frozen === undefined && !signal.aborted && !quorum.met(contactsOf(collected))) {
      const wave = quorum.next(left, contactsOf(collected));
      if (wave.length === 0) break;
      left = left.filter((contact) => !wave.includes(contact));
      await this.#askAll(wave, { note, checkpoint, quorum, collected }, signal);
      this.#ignoreOutliers(collected);
    }
    return collected;
  }

  // Those who are late are given up once enough have answered, but what they hold is not lost: the next head asks them again.
  async #askAll(wave: readonly WitnessContact[], task: {
    readonly note: Uint8Array; readonly checkpoint: Checkpoint; readonly quorum: Quorum; readonly collected: { readonly cosigners: Cosigner[]; readonly refusals: Refusal[] };
  }, signal: AbortSignal): Promise<void> {
    const { note, checkpoint, quorum, collected } = task;
    const late = new AbortController();
    const either = AbortSignal.any([signal, late.signal]);
    let cancel: (() => void) | undefined;
    await Promise.all(wave.map(async (contact) => {
      const answer = await this.#ask(contact, note, checkpoint, either);
      if (answer.ok) collected.cosigners.push({ contact, cosignature: answer.value });
      else if (!late.signal.aborted) collected.refusals.push(this.#refusal(contact, answer.failure));
      if (cancel === undefined && quorum.met(contactsOf(collected))) cancel = this.#parts.clock.after(late_ms_max, () => late.abort());
    }));
    cancel?.();
  }

  #ignoreOutliers(collected: { cosigners: Cosigner[]; readonly refusals: Refusal[] }): void {
    const wrong = outliers(unixSeconds(this.#parts.clock), collected.cosigners.map(({ cosignature }) => cosignature.time_s));
    for (const { contact, cosignature } of collected.cosigners.filter((each) => wrong.has(each.cosignature.time_s))) {
      collected.refusals.push(this.#refusal(contact, {
        code: 'COSIGNATURE_TIME', reason: `its time ${cosignature.time_s} differs from most others by more than ${clock_difference_s_max} s`,
      }));
    }
    collected.cosigners = collected.cosigners.filter(({ cosignature }) => !wrong.has(cosignature.time_s));
  }

  #refusal(contact: WitnessContact, { code, reason }: Failure): Refusal {
    const refusal = { peer: contact.peer, code, reason };
    const at_ms = this.#parts.clock.now();
    this.#experience.set(contact.verifier_key, { ...this.experience(contact), refused: { code, reason, at_ms } });
    this.#parts.refused(refusal);
    return refusal;
  }

  async #ask(contact: WitnessContact, note: Uint8Array, checkpoint: Checkpoint, signal: AbortSignal): Promise<Result<Cosignature>> {
    const verifier = parseVerifier(contact.verifier_key);
    if (!verifier.ok) return verifier;
    let old_size = this.experience(contact).cosigned?.size ?? 0;
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
      const { time_s } = cosignature.value;
      this.#experience.set(verifier.text, { cosigned: { size: checkpoint.size, time_s } });
      this.#parts.sense.heard(verifier.text, time_s);
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
    const note = await this.#parts.known(peer, log.origin, signal);
    if (!note.ok) return note.failure.code === 'WITNESS_LOG_UNKNOWN';
    const held = await holdAgainst(log, note.value, `the witness ${peer}`);
    return held.ok || held.failure.code === 'AUDIT_FROZEN' || held.failure.code === 'AUDIT_DAMAGED';
  }
}

function contactsOf({ cosigners }: Pick<Collected, 'cosigners'>): readonly WitnessContact[] {
  return cosigners.map(({ contact }) => contact);
}

function refusalText({ status, body }: WitnessAnswer): string {
  const words = body.replaceAll(/[^\x20-\x7e]+/g, ' ').trim().slice(0, reason_length_max);
  return `the witness answered ${status}: ${words}`;
}

/** How a quorum was missed, in words and for programs. Code `AUDIT_QUORUM`. */
export function quorumFailure(quorum: Quorum, { cosigners, refusals }: Collected): Result<never> {
  const who = refusals.map(({ peer, reason }) => `${peer}: ${reason}`).join('; ');
  return fail('AUDIT_QUORUM', `${quorum.shortfall(contactsOf({ cosigners }))}${who === '' ? ', and nobody else can be asked' : ` (${who})`}`, {
    fix: `connect to hosts that witness until there are ${quorum.words}`,
    detail: { needed: quorum.words, cosigned: cosigners.length, refusals },
  });
}
