import { openCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import { parseNote, parseVerifier } from '../../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import { anchor_heads_max, anchorBody, receiptBody } from '../../storage/audit-entry.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import type { Change, Clock, Network, PeerId, Random, Recorder, Store } from '../ports.ts';
import { every } from '../time.ts';
import { ClockSense } from './clock-sense.ts';
import { Collector, enough, inOrderOfAsking, quorumFailure, type WitnessContact } from './collector.ts';
import {
  anchor_ms_default, audit_limits, audit_protocol, checkpoint_ms_default, heartbeat_ms, quorum_default, witness_limits, witness_protocol,
} from './constants.ts';
import { answerQuestion, askQuestion } from './desk.ts';
import { CheckpointWitness } from './rule.ts';
import { encodeAnswer } from './wire.ts';

/** How a host has its log witnessed. */
export interface WitnessInit {
  /** How often the head is signed and cosigned if there is news. */
  readonly checkpoint_ms?: number;
  /** How often the heads witnessed for others go into the own log. */
  readonly anchor_ms?: number;
  /** How many witnesses must cosign. */
  readonly quorum?: number;
}

/** What the service uses. */
export interface WitnessParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly log: AuditLog;
  readonly witness_key: SigningKey;
  readonly did: string;
  readonly recorder: Recorder;
  /** Whom to ask for cosignatures, at present. */
  witnesses(): readonly WitnessContact[];
  /** The vkey of a log, found by resolving the DID in its origin. */
  logKey(origin: string): Promise<Result<string>>;
}

/** A head that a quorum cosigned. */
export interface Anchored {
  readonly note: Uint8Array;
  readonly size: number;
  /** How many witnesses cosigned. */
  readonly cosignatures: number;
}

/**
 * Both sides of witnessing: has the own log cosigned, cosigns the logs of
 * others, and answers questions about either.
 */
export interface Witness {
  /** The vkey under which this host's cosignatures verify. */
  readonly verifier_key: string;
  /** Begins to publish heads. */
  start(): void;
  /** Ends it, also what is under way. */
  stop(): Promise<void>;
  /** Signs the present head and has it cosigned now. Fails with `AUDIT_QUORUM`, `AUDIT_FROZEN`, `AUDIT_CLOSED` or `AUDIT_HEAD_UNWRITTEN`. */
  anchor(): Promise<Result<Anchored>>;
  /** The proof file of another host's entry, unverified. */
  askProof(peer: PeerId, index: number): Promise<Result<Uint8Array>>;
  /** The newest cosigned checkpoint of another host, unverified. */
  askHead(peer: PeerId): Promise<Result<Uint8Array>>;
  /** The newest checkpoint of a log that a peer has cosigned, unverified. */
  askKnown(peer: PeerId, origin: string): Promise<Result<Uint8Array>>;
}

/** The witness service of a host. Register it before the network starts. */
export function witness(init: WitnessInit = {}): (parts: WitnessParts) => Witness {
  return (parts) => new WitnessService(init, parts);
}

class WitnessService implements Witness {
  readonly verifier_key: string;
  readonly #parts: WitnessParts;
  readonly #rule: CheckpointWitness;
  readonly #collector: Collector;
  readonly #quorum: number;
  readonly #checkpoint_ms: number;
  readonly #anchor_ms: number;
  readonly #stop = new AbortController();
  readonly #timers: (() => void)[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  // Nothing is signed after an opening before a witness has said what it saw.
  #compared = false;
  #anchored: { readonly size: number; readonly at_ms: number } | undefined;
  #last_failure = '';

  constructor(init: WitnessInit, parts: WitnessParts) {
    this.#parts = parts;
    this.#quorum = init.quorum ?? quorum_default;
    this.#checkpoint_ms = init.checkpoint_ms ?? checkpoint_ms_default;
    this.#anchor_ms = init.anchor_ms ?? anchor_ms_default;
    const { clock, network, store, log, recorder, did, witness_key: key } = parts;
    const sense = new ClockSense(clock);
    const logKey = (origin: string): Promise<Result<string>> => parts.logKey(origin);
    const keepEvidence = (hash: Uint8Array, change: Change): Promise<void> => this.#keepEvidence(hash, change);
    this.#rule = new CheckpointWitness({ clock, store, recorder, key, did, sense, logKey, keepEvidence });
    this.#collector = new Collector({
      clock, network, log, sense,
      known: (peer, origin, signal) => askQuestion(parts, peer, { kind: 'known', origin }, signal),
      refused: (refusal) => recorder.record({ kind: 'audit.witness-refused', ...refusal }),
    });
    this.verifier_key = this.#rule.verifier_key;
    network.handle(witness_protocol, witness_limits, (request, from) => this.#cosign(request, from));
    network.handle(audit_protocol, audit_limits, (request, from) => answerQuestion(log, (origin) => this.#rule.known(origin), request, ({ code, reason }) => {
      recorder.record({ kind: 'audit.question.refused', peer: from, code, reason });
      network.penalise(from, 'malformed question about a log');
    }));
  }

  start(): void {
    const { clock, random, recorder } = this.#parts;
    const failed = (error: unknown): void => recorder.record({ kind: 'audit.witness.failed', reason: messageOf(error) });
    const around = (period_ms: number) => (): number => period_ms * (0.9 + 0.2 * random.fraction());
    this.#timers.push(
      every(clock, around(this.#checkpoint_ms), () => this.#publish(), failed),
      every(clock, around(this.#anchor_ms), () => this.#anchorOthers(), failed),
    );
  }

  async stop(): Promise<void> {
    for (const cancel of this.#timers.splice(0)) cancel();
    this.#stop.abort();
    await this.#turn;
  }

  anchor(): Promise<Result<Anchored>> {
    const done = this.#turn.then(() => this.#anchorNow());
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #anchorNow(): Promise<Result<Anchored>> {
    const { log, recorder } = this.#parts;
    const { signal } = this.#stop;
    const before = log.frozen?.code;
    const anchored = await this.#anchorHead(signal);
    const { frozen } = log;
    if (before === undefined && frozen !== undefined) recorder.record({ kind: 'audit.frozen', reason: frozen.reason });
    if (anchored.ok) recorder.record({ kind: 'audit.anchored', size: anchored.value.size, cosignatures: anchored.value.cosignatures });
    return anchored;
  }

  async #anchorHead(signal: AbortSignal): Promise<Result<Anchored>> {
    const { log, clock } = this.#parts;
    if (signal.aborted) return fail('AUDIT_CLOSED', 'the witness service is stopped');
    const contacts = inOrderOfAsking(this.#parts.witnesses());
    const compared = await this.#compare(contacts, signal);
    if (!compared.ok) return compared;
    const note = await log.checkpoint();
    if (!note.ok) return note;
    const opened = this.#opened(note.value);
    if (!opened.ok) return opened;
    const { checkpoint } = opened.value;
    const collected = await this.#collector.collect(note.value, checkpoint, contacts, this.#quorum, signal);
    if (log.frozen !== undefined) return { ok: false, failure: log.frozen };
    const cosignatures = enough(this.#quorum, collected);
    if (!cosignatures.ok) return cosignatures;
    const kept = await log.addCosignature(checkpoint.size, ...cosignatures.value.map(({ line }) => line));
    if (!kept.ok) return kept;
    const cosigned = await log.cosigned(checkpoint.size);
    if (!cosigned.ok) return cosigned;
    this.#anchored = { size: checkpoint.size, at_ms: clock.now() };
    const receipt = await log.appendRecord('receipt', receiptBody(checkpoint.size, sha256(cosigned.value)), { durable: false });
    return receipt.ok ? ok({ note: cosigned.value, size: checkpoint.size, cosignatures: cosignatures.value.length }) : receipt;
  }

  // A host that was put back to an older copy must hear of it before it signs, or it forks its own log.
  async #compare(contacts: readonly WitnessContact[], signal: AbortSignal): Promise<Result<void>> {
    const { log } = this.#parts;
    if (this.#compared || log.frozen !== undefined) return ok(undefined);
    const answered = await this.#collector.compare(contacts, signal);
    this.#compared = answered > 0;
    if (this.#compared || !await wasCosigned(log)) return ok(undefined);
    return quorumFailure(this.#quorum, 0, contacts.map(({ peer }) => ({ peer, code: 'PEER_UNREACHABLE', reason: 'it could not be asked what it saw of this log' })));
  }

  #opened(note: Uint8Array): ReturnType<typeof openCheckpoint> {
    const verifier = parseVerifier(this.#parts.log.verifier_key);
    return verifier.ok ? openCheckpoint(note, verifier.value) : verifier;
  }

  // Anchors and receipts are no news, or two hosts would publish heads about each other's heads for ever.
  async #publish(): Promise<void> {
    const { log, clock, recorder } = this.#parts;
    const latest = log.latest();
    const silent_ms = clock.now() - (this.#anchored?.at_ms ?? 0);
    const due = log.news() > 0 || this.#anchored === undefined || this.#anchored.size !== latest?.size || silent_ms >= heartbeat_ms;
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

  async #anchorOthers(): Promise<void> {
    const heads = this.#rule.takeAnchors(anchor_heads_max);
    if (heads.length > 0) await this.#parts.log.appendRecord('anchor', anchorBody(heads), { durable: false });
  }

  async #keepEvidence(hash: Uint8Array, change: Change): Promise<void> {
    const kept = await this.#parts.log.appendRecord('evidence', hash, { with: [change] });
    // A frozen log takes no entry, but the evidence against another must not be lost for that.
    if (!kept.ok) await this.#parts.store.batch([change], { sync: true });
  }

  async #cosign(request: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const answer = await this.#rule.add(request);
    if (answer.status === 400) this.#parts.network.penalise(from, 'malformed request for a cosignature');
    return encodeAnswer(answer);
  }

  askProof(peer: PeerId, index: number): Promise<Result<Uint8Array>> {
    return askQuestion(this.#parts, peer, { kind: 'proof', index }, this.#stop.signal);
  }

  askHead(peer: PeerId): Promise<Result<Uint8Array>> {
    return askQuestion(this.#parts, peer, { kind: 'head' }, this.#stop.signal);
  }

  askKnown(peer: PeerId, origin: string): Promise<Result<Uint8Array>> {
    return askQuestion(this.#parts, peer, { kind: 'known', origin }, this.#stop.signal);
  }
}

async function wasCosigned(log: AuditLog): Promise<boolean> {
  const note = await log.cosigned();
  const parsed = note.ok ? parseNote(note.value) : note;
  return parsed.ok && parsed.value.signatures.length > 1;
}
