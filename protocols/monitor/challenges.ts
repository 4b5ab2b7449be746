/**
 * Asks logs to prove that their checkpoints are of one history. The answer to a
 * question about two checkpoints is signed at both sizes: it is a proof, or it
 * is evidence, or it is no answer.
 */
import { equal, toHex } from '../../crypto/bytes.ts';
import { openCheckpoint } from '../../crypto/checkpoint.ts';
import { verifyConsistency } from '../../crypto/merkle.ts';
import type { Verifier } from '../../crypto/note.ts';
import { RecentMap } from '../../crypto/recent.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { Clock, Network, PeerId, Random, Recorder } from '../ports.ts';
import { Gate } from '../statements/gate.ts';
import { askConsistency, type ConsistencyAnswer } from '../witness/questions.ts';
import { asked_at_once_max, counted_gap_ms_max, first_ask_ms, others_asked_max, proofs_kept_max, retry_ms_max, retry_ms_min, tries_min, unanswered_ms_max } from './constants.ts';
import type { FollowedLogs } from './followed-logs.ts';
import { seenNote, type SeenNote } from './seen-note.ts';
import type { OpenChallenge } from './state.ts';

/** What asking uses. */
export interface ChallengesParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly recorder: Recorder;
  readonly logs: FollowedLogs;
  /** The key of a log. */
  verifier(origin: string): Promise<Result<Verifier>>;
  /** The peer on which a host runs. */
  locate(did: string): Promise<Result<PeerId>>;
  /** Whether the host of a log has proven to this one who it is. */
  isMet(did: string): boolean;
  /** Whether a host needs no more asking, because there is evidence. */
  exposed(did: string): boolean;
  /** Two checkpoints of one size with two roots. */
  forked(verifier: Verifier, one: SeenNote, other: SeenNote): Promise<void>;
}

/** Two checkpoints of a log, the smaller one first. */
interface Pair {
  readonly old: SeenNote;
  readonly next: SeenNote;
}

function nameOf(old: SeenNote, next: SeenNote): string {
  return `${old.origin} ${old.size} ${toHex(old.root)} ${next.origin} ${next.size} ${toHex(next.root)}`;
}

interface Unanswered {
  readonly challenge: OpenChallenge;
  readonly reason: string;
}

interface Asking {
  retry_ms: number;
  /** When the last question in vain ended; the first one counts from when it could have been asked. */
  last_ms: number;
}

/** The questions that are open, a few logs at once, each log again and again until it answers. */
export class Challenges {
  readonly #parts: ChallengesParts;
  readonly #asking = new Map<string, Asking>();
  // For peers that cannot reach the log; all hosts go from one checkpoint to the next in the same steps.
  readonly #proofs = new RecentMap<string, ConsistencyAnswer>(proofs_kept_max);
  // Strangers' logs that let questions time out, however many, delay none to those whose hosts are near.
  readonly #gates = { met: new Gate(asked_at_once_max), strange: new Gate(asked_at_once_max) };
  readonly #stopping = new AbortController();
  readonly #cancels = new Set<() => void>();
  readonly #running = new Set<Promise<void>>();

  constructor(parts: ChallengesParts) {
    this.#parts = parts;
  }

  /** Asks a log soon for what is open about it. */
  begin(origin: string): void {
    const { clock, random } = this.#parts;
    if (this.#asking.has(origin) || this.#stopping.signal.aborted) return;
    this.#asking.set(origin, { retry_ms: retry_ms_min, last_ms: clock.now() });
    this.#in(origin, first_ask_ms * 2 * random.fraction());
  }

  /** Ends what is under way and asks no more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const cancel of this.#cancels) cancel();
    await Promise.all(this.#running);
  }

  #in(origin: string, delay_ms: number): void {
    if (this.#stopping.signal.aborted) return;
    const cancel = this.#parts.clock.after(delay_ms, () => {
      this.#cancels.delete(cancel);
      const did = this.#parts.logs.get(origin)?.held.did ?? '';
      const gate = this.#parts.isMet(did) ? this.#gates.met : this.#gates.strange;
      const round = gate.run(() => this.#round(origin)).finally(() => this.#running.delete(round));
      this.#running.add(round);
    });
    this.#cancels.add(cancel);
  }

  async #round(origin: string): Promise<void> {
    const { logs, exposed } = this.#parts;
    const asking = this.#asking.get(origin);
    const did = logs.get(origin)?.held.did;
    if (asking === undefined || did === undefined || this.#stopping.signal.aborted) return;
    const host = await this.#find(did);
    const failed: Unanswered[] = [];
    for (const challenge of logs.get(origin)?.open ?? []) {
      const answer = await this.#ask(challenge.note, host)
        .catch((error: unknown): Result<void> => fail('MONITOR_FAILED', messageOf(error), { cause: error }));
      if (!answer.ok) failed.push({ challenge, reason: answer.failure.reason });
      if (this.#stopping.signal.aborted) return;
    }
    if (exposed(did) || logs.get(origin)?.open.length === 0) {
      this.#asking.delete(origin);
      return;
    }
    if (failed.length > 0) this.#count(asking, failed.filter(({ challenge }) => !this.#isAway(host, challenge)));
    else asking.retry_ms = retry_ms_min;
    this.#in(origin, asking.retry_ms * (0.8 + 0.4 * this.#parts.random.fraction()));
    asking.retry_ms = Math.min(2 * asking.retry_ms, retry_ms_max);
  }

  #find(did: string): Promise<Result<PeerId>> {
    return this.#parts.locate(did).catch((error: unknown) => fail('MONITOR_FAILED', messageOf(error), { cause: error }));
  }

  /** Whether a host is gone, and only an old checkpoint that somebody else shows around is asked about: it has told nothing new since, and cannot hear the question. */
  #isAway(host: Result<PeerId>, { note, since_ms }: OpenChallenge): boolean {
    const followed = this.#parts.logs.get(note.origin);
    const is_connected = host.ok && this.#parts.network.peers().some(({ id }) => id === host.value);
    return followed !== undefined && !is_connected && note.size < followed.held.size && followed.news_ms <= since_ms;
  }

  /** A question that nobody could hear because this host is connected to nobody counts against nobody. */
  #count(asking: Asking, failed: readonly Unanswered[]): void {
    const { clock, network, logs, recorder } = this.#parts;
    const now_ms = clock.now();
    const counted_ms = Math.round(Math.max(0, Math.min(now_ms - asking.last_ms, counted_gap_ms_max)));
    asking.last_ms = now_ms;
    if (network.peers().length === 0) return;
    for (const { challenge: { note }, reason } of failed) {
      const counted = logs.unanswered(note, counted_ms);
      const is_late = counted !== undefined && counted.unanswered_ms > unanswered_ms_max && counted.tries >= tries_min;
      if (!is_late || logs.get(note.origin)?.suspected_ms !== null) continue;
      logs.suspect(note.origin);
      recorder.record({ kind: 'audit.suspected', origin: note.origin, did: note.did, size: note.size, reason });
    }
  }

  /** The proof between two checkpoints of a log that this host was given. */
  proof(old: SeenNote, next: SeenNote): ConsistencyAnswer | undefined {
    return this.#proofs.get(nameOf(old, next));
  }

  /** Asks for the proof between a checkpoint and the largest one that holds: the log itself, then some who may have it from the log. Fails where no answer is one. */
  async #ask(note: SeenNote, host: Result<PeerId>): Promise<Result<void>> {
    const { logs, network, random } = this.#parts;
    const held = logs.get(note.origin)?.held;
    if (held === undefined) return ok(undefined);
    const verifier = await this.#parts.verifier(note.origin);
    if (!verifier.ok) return verifier;
    const pair = note.size < held.size ? { old: note, next: held } : { old: held, next: note };
    const first = host.ok ? await this.#askPeer(host.value, verifier.value, pair) : host;
    const others = network.peers().map(({ id }) => id).filter((id) => !host.ok || id !== host.value);
    let answer: Result<void> = first;
    for (let asked = 0; asked < others_asked_max && !answer.ok && others.length > 0; asked += 1) {
      const [peer] = others.splice(Math.floor(random.fraction() * others.length), 1);
      if (peer !== undefined) answer = await this.#askPeer(peer, verifier.value, pair);
    }
    if (!answer.ok) return first;
    if (this.#parts.exposed(note.did)) return answer;
    this.#explained(note);
    return answer;
  }

  #explained(note: SeenNote): void {
    const { logs, recorder } = this.#parts;
    const was_suspected = logs.get(note.origin)?.suspected_ms !== null;
    logs.explained(note);
    if (was_suspected && logs.get(note.origin)?.suspected_ms === null) recorder.record({ kind: 'audit.cleared', origin: note.origin, did: note.did });
  }

  /** Succeeds with a proof that holds, or with evidence that was reported. What others than the log say counts for nothing but what the log signed in it. */
  async #askPeer(peer: PeerId, verifier: Verifier, { old, next }: Pair): Promise<Result<void>> {
    const { clock, network } = this.#parts;
    const [old_bare, next_bare] = [openCheckpoint(old.bytes, verifier), openCheckpoint(next.bytes, verifier)];
    if (!old_bare.ok) return old_bare;
    if (!next_bare.ok) return next_bare;
    const answer = await askConsistency({ clock, network }, peer, { old: old_bare.value.bare, next: next_bare.value.bare }, this.#stopping.signal);
    if (!answer.ok) return answer;
    for (const [asked, bytes] of [[old, answer.value.old], [next, answer.value.next]] as const) {
      const signed = seenNote(bytes);
      if (!signed.ok || signed.value.size !== asked.size || !openCheckpoint(bytes, verifier).ok) {
        return fail('AUDIT_ANSWER_INVALID', 'the answer is not signed by the log at the sizes that were asked for');
      }
      if (equal(signed.value.root, asked.root)) continue;
      await this.#parts.forked(verifier, asked, signed.value);
      return this.#parts.exposed(asked.did) ? ok(undefined) : fail('AUDIT_FORKED', `the log has signed two trees of ${asked.size} entries, and that could not be reported`);
    }
    const proven = verifyConsistency({ old_size: old.size, old_root: old.root, size: next.size, root: next.root, proof: answer.value.proof });
    if (proven.ok) this.#proofs.set(nameOf(old, next), { old: old_bare.value.bare, next: next_bare.value.bare, proof: answer.value.proof });
    return proven;
  }
}
