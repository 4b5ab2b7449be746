/** Has the own head cosigned, as often as there is news: signs nothing before witnesses were asked what they saw. */
import { openCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { parseNote, parseVerifier } from '../../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import { receiptBody } from '../../storage/audit-entry.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import type { ClockSense } from './clock-sense.ts';
import { Collector, quorumFailure } from './collector.ts';
import { heartbeat_ms, quorum_default } from './constants.ts';
import { askQuestion } from './desk.ts';
import type { Anchored, WitnessInit, WitnessParts } from './parts.ts';
import { absentWitnesses, didOfWitness, operatorQuorum, policyQuorum, type Quorum, type WitnessContact } from './quorum.ts';
import type { WitnessReport } from './witness.ts';

/** Publishes the heads of the own log. */
export class HeadPublisher {
  readonly #parts: WitnessParts;
  readonly #collector: Collector;
  readonly #quorum: Quorum;
  readonly #policy: WitnessInit['policy'];
  readonly #signal: AbortSignal;
  #turn: Promise<unknown> = Promise.resolve();
  // Nothing is signed after an opening before a quorum of witnesses has said what it saw.
  #compared = false;
  // Whether a head may be signed: witnesses were compared, or none ever saw this log.
  #signs = false;
  #was_cosigned: Promise<boolean> | undefined;
  #anchored: { readonly size: number; readonly at_ms: number; readonly cosigners: readonly WitnessContact[] } | undefined;
  #last_failure = '';

  constructor(init: WitnessInit, parts: WitnessParts, sense: ClockSense, signal: AbortSignal) {
    const { clock, network, log, recorder } = parts;
    this.#parts = parts;
    this.#signal = signal;
    this.#policy = init.policy;
    this.#quorum = init.policy === undefined ? operatorQuorum(init.quorum ?? quorum_default, () => parts.sponsor?.()) : policyQuorum(init.policy);
    this.#collector = new Collector({
      clock, network, log, sense,
      known: (peer, origin, asking) => askQuestion(parts, peer, { kind: 'known', origin }, asking),
      refused: (refusal) => recorder.record({ kind: 'audit.witness-refused', ...refusal }),
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  /** Signs the present head and has it cosigned now. */
  anchor(): Promise<Result<Anchored>> {
    const done = this.#turn.then(() => this.#anchorNow());
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #anchorNow(): Promise<Result<Anchored>> {
    const { log, recorder } = this.#parts;
    const before = log.frozen?.code;
    const anchored = await this.#anchorHead(this.#signal);
    const { frozen } = log;
    if (before === undefined && frozen !== undefined) recorder.record({ kind: 'audit.frozen', reason: frozen.reason });
    if (anchored.ok) recorder.record({ kind: 'audit.anchored', size: anchored.value.size, cosignatures: anchored.value.cosignatures });
    return anchored;
  }

  async #anchorHead(signal: AbortSignal): Promise<Result<Anchored>> {
    const { log, clock } = this.#parts;
    if (signal.aborted) return fail('AUDIT_CLOSED', 'the witness service is stopped');
    const contacts = this.#contacts();
    const compared = await this.#compare(contacts, signal);
    if (!compared.ok) return compared;
    this.#signs = true;
    const note = await log.checkpoint();
    if (!note.ok) return note;
    const opened = this.#opened(note.value);
    if (!opened.ok) return opened;
    const { checkpoint } = opened.value;
    const collected = await this.#collector.collect(note.value, checkpoint, contacts, this.#quorum, signal);
    if (log.frozen !== undefined) return { ok: false, failure: log.frozen };
    const { cosigners } = collected;
    const asked = cosigners.map(({ contact }) => contact);
    if (!this.#quorum.met(asked)) return quorumFailure(this.#quorum, collected);
    const kept = await log.addCosignature(checkpoint.size, ...cosigners.map(({ cosignature }) => cosignature.line));
    if (!kept.ok) return kept;
    const cosigned = await log.cosigned(checkpoint.size);
    if (!cosigned.ok) return cosigned;
    this.#anchored = { size: checkpoint.size, at_ms: clock.now(), cosigners: asked };
    this.#parts.published?.(cosigned.value);
    const receipt = await log.appendRecord('receipt', receiptBody(checkpoint.size, sha256(cosigned.value)), { durable: false });
    return receipt.ok ? ok({ note: cosigned.value, size: checkpoint.size, cosignatures: cosigners.length }) : receipt;
  }

  // A host that was put back to an older copy must hear of it before it signs, or it forks its own log.
  async #compare(contacts: readonly WitnessContact[], signal: AbortSignal): Promise<Result<void>> {
    const { log } = this.#parts;
    if (this.#compared || log.frozen !== undefined) return ok(undefined);
    const answered = await this.#collector.compare(contacts, signal);
    // One who came later, or who lies, would say that it never saw anything newer: as many must answer as must cosign.
    this.#compared = answered.length > 0 && this.#quorum.met(answered);
    if (this.#compared || !await wasCosigned(log)) return ok(undefined);
    const refusals = contacts.filter((contact) => !answered.includes(contact)).map(({ peer }) => ({ peer, code: 'PEER_UNREACHABLE', reason: 'it could not be asked what it saw of this log' }));
    return quorumFailure(this.#quorum, { cosigners: [], refusals });
  }

  #opened(note: Uint8Array): ReturnType<typeof openCheckpoint> {
    const verifier = parseVerifier(this.#parts.log.verifier_key);
    return verifier.ok ? openCheckpoint(note, verifier.value) : verifier;
  }

  /**
   * Why this host must not cosign for others, if so. What it remembers of them is
   * as old as its own log: put back to an older copy, it would cosign a smaller
   * tree after a larger one, and look guilty.
   */
  async staleness(): Promise<string | undefined> {
    const { log } = this.#parts;
    if (log.frozen !== undefined) return 'the audit log of this host is frozen, so what it remembers of other logs is in doubt as well';
    if (this.#signs) return undefined;
    this.#was_cosigned ??= wasCosigned(log);
    return await this.#was_cosigned ? 'this host has not heard yet from its witnesses that its data is no older copy' : undefined;
  }

  /** Publishes the head if there is news. Anchors and receipts are none, or two hosts would publish heads about each other's heads for ever. */
  async publish(): Promise<void> {
    const { log, clock, recorder } = this.#parts;
    const latest = log.latest();
    // A clock that went back must not make the log silent for as long.
    const silent_ms = clock.now() - (this.#anchored?.at_ms ?? 0);
    const due = log.news() > 0 || this.#anchored === undefined || this.#anchored.size !== latest?.size || silent_ms >= heartbeat_ms || silent_ms < 0;
    if (!due || log.frozen !== undefined) return;
    try {
      const anchored = await this.anchor();
      const failure = anchored.ok ? '' : `${anchored.failure.code}: ${anchored.failure.reason}`;
      // The same trouble every few seconds is one fact.
      if (failure !== '' && failure !== this.#last_failure) recorder.record({ kind: 'audit.unanchored', reason: failure });
      this.#last_failure = failure;
    } catch (error) {
      recorder.record({ kind: 'audit.unanchored', reason: messageOf(error) });
    }
  }

  /** The checkpoint that may be shown. Fails with `AUDIT_NO_CHECKPOINT` or `AUDIT_DAMAGED`. */
  async checkpoint(): Promise<Result<Uint8Array>> {
    const note = await this.#parts.log.cosigned();
    if (!note.ok || this.#signs || isCosigned(note.value)) return note;
    return fail('AUDIT_NO_CHECKPOINT', 'no checkpoint of this log is cosigned, and no witness was asked yet what it saw of the log', { fix: 'agentmesh audit anchor' });
  }

  /** Who is asked and how they answered. */
  report(): Pick<WitnessReport, 'quorum' | 'witnesses' | 'absent'> {
    const contacts = this.#contacts();
    const { size = 0, at_ms = 0, cosigners } = this.#anchored ?? {};
    return {
      quorum: {
        needed: this.#quorum.words,
        is_policy: this.#policy !== undefined,
        anchored: cosigners === undefined ? undefined : { size, at_ms, cosigners: cosigners.length },
        failure: this.#last_failure === '' ? undefined : this.#last_failure,
        weakness: cosigners === undefined ? undefined : this.#quorum.weakness(cosigners),
      },
      witnesses: contacts.map((contact) => ({ contact, did: didOfWitness(contact), ...this.#collector.experience(contact) })),
      absent: absentWitnesses(this.#policy, contacts).map(({ text }) => text),
    };
  }

  #contacts(): readonly WitnessContact[] {
    return this.#quorum.order(this.#parts.witnesses().filter((contact) => this.#parts.exposed?.(didOfWitness(contact)) !== true));
  }
}

async function wasCosigned(log: AuditLog): Promise<boolean> {
  const note = await log.cosigned();
  return note.ok && isCosigned(note.value);
}

function isCosigned(note: Uint8Array): boolean {
  const parsed = parseNote(note);
  return parsed.ok && parsed.value.signatures.length > 1;
}
