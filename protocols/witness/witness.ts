/**
 * Both sides of witnessing in one service: has the own log cosigned, cosigns the
 * logs of others, and answers questions about either.
 */
import { concat, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { messageOf, type Result } from '../../crypto/result.ts';
import { anchor_heads_max, anchorBody } from '../../storage/audit-entry.ts';
import type { Change, PeerId } from '../ports.ts';
import { PushedLookUps, type LookUps } from '../statements/look-ups.ts';
import { every } from '../time.ts';
import { ClockSense } from './clock-sense.ts';
import type { Experience } from './collector.ts';
import {
  anchor_ms_default, audit_limits, audit_protocol, checkpoint_ms_default, wanted_logs_max, witness_limits, witness_protocol, witnessed_logs_max,
} from './constants.ts';
import { askQuestion, Desk } from './desk.ts';
import type { Anchored, WitnessInit, WitnessParts } from './parts.ts';
import { HeadPublisher } from './publisher.ts';
import type { WitnessContact } from './quorum.ts';
import { CheckpointWitness, type WitnessedLog } from './rule.ts';
import { encodeAnswer, type WitnessAnswer } from './wire.ts';

/** The state of both sides. Times are Unix milliseconds, those in cosignatures Unix seconds. */
export interface WitnessReport {
  readonly quorum: {
    /** What is needed, in words. */
    readonly needed: string;
    readonly is_policy: boolean;
    /** The newest head that was enough, since the start of this host. */
    readonly anchored: { readonly size: number; readonly at_ms: number; readonly cosigners: number } | undefined;
    /** Why the last attempt failed, if it did. */
    readonly failure: string | undefined;
    /** Why those who cosigned are worth less than they seem, if so. */
    readonly weakness: string | undefined;
  };
  /** Who is asked, in the order of asking. */
  readonly witnesses: readonly (Experience & { readonly contact: WitnessContact; readonly did: string })[];
  /** The vkeys of witnesses that the policy names and that cannot be asked at present. */
  readonly absent: readonly string[];
  /** Why this host's clock should not be trusted, if so: it cosigns nothing then. */
  readonly clock_doubt: string | undefined;
  readonly witnessed: readonly WitnessedLog[];
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
  /** The own checkpoint that may be shown: the newest cosigned one, or one that was signed after witnesses were asked what they saw. Fails with `AUDIT_NO_CHECKPOINT` or `AUDIT_DAMAGED`. */
  checkpoint(): Promise<Result<Uint8Array>>;
  /** Who is asked, how they answered, and whom this host witnesses. */
  report(): Promise<WitnessReport>;
  /** Answers an add-checkpoint request of C2SP tlog-witness, from whichever network it came. Never throws. */
  cosign(request: Uint8Array): Promise<WitnessAnswer>;
  /** The newest checkpoint that this host cosigned for the log whose origin has this SHA-256. Fails with `WITNESS_LOG_UNKNOWN` or `WITNESS_STATE_DAMAGED`. */
  cosigned(origin_hash: Uint8Array): Promise<Result<Uint8Array>>;
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
  readonly #publisher: HeadPublisher;
  readonly #lookups = new PushedLookUps();
  readonly #sense: ClockSense;
  readonly #checkpoint_ms: number;
  readonly #anchor_ms: number;
  readonly #stop = new AbortController();
  readonly #timers: (() => void)[] = [];

  constructor(init: WitnessInit, parts: WitnessParts) {
    this.#parts = parts;
    this.#checkpoint_ms = init.checkpoint_ms ?? checkpoint_ms_default;
    this.#anchor_ms = init.anchor_ms ?? anchor_ms_default;
    const { clock, network, store, log, recorder, did, witness_key: key } = parts;
    const sense = new ClockSense(clock);
    this.#sense = sense;
    const logKey = (origin: string): Promise<Result<string>> => parts.logKey(origin);
    const keepEvidence = (hash: Uint8Array, change: Change): Promise<void> => this.#keepEvidence(hash, change);
    this.#rule = new CheckpointWitness({
      clock, store, recorder, key, did, sense, logKey, keepEvidence,
      foreign: new Map((init.witnessed_logs ?? []).map((verifier) => [verifier.name, verifier])),
      seen: (origin) => parts.seen?.largest(origin),
      refused: (note) => parts.refused?.(note),
      isNear: (did) => parts.isNear?.(did) !== false,
      met: (did) => parts.met?.(did) === true,
      exposed: (accused) => parts.exposed?.(accused) === true,
      accuse: (evidence) => this.#accuse(evidence),
    });
    this.#publisher = new HeadPublisher(init, parts, sense, this.#stop.signal);
    this.verifier_key = this.#rule.verifier_key;
    network.handle(witness_protocol, witness_limits, (request, from) => this.#answer(request, from));
    const desk = new Desk({
      clock, log,
      ...(parts.seen === undefined ? {} : { seen: parts.seen }),
      past: (origin) => parts.past?.(origin),
      known: (origin) => this.#rule.known(origin),
      malformed: (from, { code, reason }) => {
        recorder.record({ kind: 'audit.question.refused', peer: from, code, reason });
        network.penalise(from, 'malformed question about a log');
      },
    });
    network.handle(audit_protocol, audit_limits, (request, from) => desk.answer(request, from));
  }

  start(): void {
    const { clock, random, recorder } = this.#parts;
    const failed = (error: unknown): void => recorder.record({ kind: 'audit.witness.failed', reason: messageOf(error) });
    const around = (period_ms: number) => (): number => period_ms * (0.9 + 0.2 * random.fraction());
    this.#timers.push(
      every(clock, around(this.#checkpoint_ms), () => this.#publisher.publish(), failed),
      every(clock, around(this.#anchor_ms), () => this.#anchorOthers(), failed),
    );
  }

  async stop(): Promise<void> {
    for (const cancel of this.#timers.splice(0)) cancel();
    this.#stop.abort();
    await this.#publisher.idle();
  }

  anchor(): Promise<Result<Anchored>> {
    return this.#publisher.anchor();
  }

  async #anchorOthers(): Promise<void> {
    const { log } = this.#parts;
    for (;;) {
      const heads = this.#rule.takeAnchors(anchor_heads_max);
      if (heads.length === 0) return;
      const anchored = await log.appendRecord('anchor', anchorBody(heads), { durable: false });
      if (!anchored.ok) return this.#rule.returnAnchors(heads);
    }
  }

  async #keepEvidence(hash: Uint8Array, change: Change): Promise<void> {
    const kept = await this.#parts.log.appendRecord('evidence', hash, { with: [change] });
    // A frozen log takes no entry, but the evidence against another must not be lost for that.
    if (!kept.ok) await this.#parts.store.batch([change], { sync: true });
  }

  async #accuse(evidence: Uint8Array): Promise<void> {
    let told: Result<void> | undefined;
    try {
      told = await this.#parts.accuse?.(evidence);
    } catch (error) {
      this.#parts.recorder.record({ kind: 'audit.accusing.failed', reason: messageOf(error) });
    }
    if (told?.ok === true) return;
    const hash = sha256(evidence);
    await this.#keepEvidence(hash, { space: 'witness', key: concat(utf8('x'), hash), value: evidence });
  }

  async report(): Promise<WitnessReport> {
    return { ...this.#publisher.report(), clock_doubt: this.#sense.doubt(), witnessed: await this.#rule.list(witnessed_logs_max + wanted_logs_max) };
  }

  cosign(request: Uint8Array): Promise<WitnessAnswer> {
    return this.#add(request);
  }

  async #add(request: Uint8Array, lookups?: LookUps): Promise<WitnessAnswer> {
    const reason = await this.#publisher.staleness();
    if (reason === undefined) return this.#rule.add(request, lookups);
    this.#parts.recorder.record({ kind: 'audit.refused', origin: null, size: null, status: 503, reason });
    return { status: 503, body: reason };
  }

  cosigned(origin_hash: Uint8Array): Promise<Result<Uint8Array>> {
    return this.#rule.knownByHash(origin_hash);
  }

  async #answer(request: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const answer = await this.#add(request, this.#lookups.by(from));
    if (answer.status === 400) this.#parts.network.penalise(from, 'malformed request for a cosignature');
    return encodeAnswer(answer);
  }

  checkpoint(): Promise<Result<Uint8Array>> {
    return this.#publisher.checkpoint();
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
