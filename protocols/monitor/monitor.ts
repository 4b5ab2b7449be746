import { didOfOrigin, didOfWitnessName, isKeyOfName, openCheckpoint } from '../../crypto/checkpoint.ts';
import { sameSizeEvidence } from '../../crypto/fork-evidence.ts';
import { parseVerifier, signature_type_log, type Verifier } from '../../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { PeerId, Verdict } from '../ports.ts';
import { Budget } from '../statements/budget.ts';
import { PushedLookUps, SyncLookUps, type LookUps } from '../statements/look-ups.ts';
import { holdAgainst } from '../witness/desk.ts';
import type { ConsistencyAnswer, HeadsAnswer } from '../witness/questions.ts';
import { Challenges } from './challenges.ts';
import { checkpoint_topic, notes_per_log_window_max, pushes_per_window_max, rivals_per_log_window_max, smaller_notes_per_log_window_max } from './constants.ts';
import { suspiciousCosigners, type CosignerSuspicion } from './cosigners.ts';
import { FollowedLogs } from './followed-logs.ts';
import { Heads, pageOf } from './heads.ts';
import type { FollowedLog, LogState, Monitor, MonitorParts, NamedLog } from './index.ts';
import { seenNote, type SeenNote } from './seen-note.ts';
import type { Followed } from './state.ts';
import { isLinked, largestOf, olderRivalsOf } from './succession.ts';
import { Successions } from './successions.ts';

const exposed_reason = 'there is evidence that its host told two histories';

/** {@link Monitor} over the ports. */
export class LogMonitor implements Monitor {
  readonly #parts: MonitorParts;
  readonly #logs: FollowedLogs;
  readonly #challenges: Challenges;
  readonly #successions: Successions;
  readonly #heads: Heads;
  readonly #lookups = new PushedLookUps();
  readonly #pushes: Budget;
  readonly #notes: Budget;
  readonly #smaller: Budget;
  readonly #rivals: Budget;
  readonly #working = new Set<Promise<void>>();
  #stopped = false;

  constructor(parts: MonitorParts) {
    const { clock, random, network, store, recorder } = parts;
    this.#parts = parts;
    this.#pushes = new Budget(clock, pushes_per_window_max);
    this.#notes = new Budget(clock, notes_per_log_window_max);
    this.#smaller = new Budget(clock, smaller_notes_per_log_window_max);
    this.#rivals = new Budget(clock, rivals_per_log_window_max);
    this.#logs = new FollowedLogs({ clock, store, recorder, isMet: (did) => parts.isMet(did), exposed: (did) => parts.exposed(did) });
    this.#challenges = new Challenges({
      clock, random, network, recorder, logs: this.#logs,
      verifier: (origin) => this.#verifier(origin),
      locate: (did) => parts.locate(did),
      isMet: (did) => parts.isMet(did),
      exposed: (did) => parts.exposed(did),
      forked: (verifier, one, other) => this.#forked(verifier, one, other),
    });
    this.#successions = new Successions({
      clock, random, network, recorder, logs: this.#logs,
      locate: (did) => parts.locate(did),
      isMet: (did) => parts.isMet(did),
      exposed: (did) => parts.exposed(did),
      look: (note) => this.look(note),
    });
    this.#heads = new Heads({ clock, random, network, recorder, judge: (note, lookups) => this.#judge(note, lookups) });
  }

  async start(): Promise<void> {
    await this.#logs.load();
    this.#parts.network.subscribe(checkpoint_topic, (message, from) => this.#pushed(message, from), () => undefined);
    this.#heads.start();
    for (const { held, open } of this.#logs.all()) {
      if (open.length > 0) this.#challenges.begin(held.origin);
      this.#successions.begin(held.did);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#heads.stop();
    await this.#challenges.stop();
    await this.#successions.stop();
    await Promise.all(this.#working);
    await this.#logs.written();
  }

  publish(note: Uint8Array): void {
    const { network, recorder } = this.#parts;
    this.#work(network.publish(checkpoint_topic, note).then((sent) => {
      // Nobody to tell is no failure: peers ask for what they miss when they connect.
      if (!sent.ok) recorder.record({ kind: 'audit.checkpoint.unsent', code: sent.failure.code });
    }));
  }

  look(note: Uint8Array): void {
    if (!this.#stopped) this.#work(this.#judge(note, new SyncLookUps()).then(() => undefined));
  }

  state(origin: string): LogState | undefined {
    const followed = this.#logs.get(origin);
    return followed === undefined ? undefined : this.#stateOf(followed);
  }

  logs(): readonly FollowedLog[] {
    const ranks = { exposed: 0, suspected: 1, trusted: 2 } as const;
    return this.#logs.all()
      .map((followed) => this.#view(followed))
      .toSorted((a, b) => ranks[a.state] - ranks[b.state] || (a.origin < b.origin ? -1 : 1));
  }

  head(origin: string): Uint8Array | undefined {
    return this.#logs.get(origin)?.held.bytes;
  }

  largest(origin: string): Uint8Array | undefined {
    const followed = this.#logs.get(origin);
    return followed === undefined ? undefined : largestOf(followed).bytes;
  }

  successor(origin: string): NamedLog | undefined {
    const logs = this.#logs.ofHost(didOfOrigin(origin) ?? '');
    const next = logs.find(({ succession }) => succession?.after === origin && isLinked(succession));
    return next === undefined ? undefined : { did: next.held.did, origin: next.held.origin, verifier_key: next.verifier.text };
  }

  async page(after: string): Promise<HeadsAnswer> {
    const { log } = this.#parts;
    const own = await log.cosigned();
    return pageOf(this.#logs, own.ok ? { origin: log.origin, note: own.value } : undefined, after);
  }

  proof(old: Uint8Array, next: Uint8Array): ConsistencyAnswer | undefined {
    const [from, to] = [seenNote(old), seenNote(next)];
    return from.ok && to.ok ? this.#challenges.proof(from.value, to.value) : undefined;
  }

  #stateOf({ held, suspected_ms }: Followed): LogState {
    if (this.#parts.exposed(held.did)) return 'exposed';
    return suspected_ms === null ? 'trusted' : 'suspected';
  }

  #view(followed: Followed): FollowedLog {
    const { held: { origin, did, size }, since_ms, suspected_ms, open } = followed;
    const state = this.#stateOf(followed);
    const sizes = open.map(({ note }) => note.size).join(' and ');
    const reason = state === 'exposed' ? exposed_reason : `it has not proven that its checkpoints of ${size} and ${sizes} entries are of one history`;
    return { origin, did, size, state, since_ms: suspected_ms ?? since_ms, ...(state === 'trusted' ? {} : { reason }), ...this.#succession(followed) };
  }

  #succession(followed: Followed): Pick<FollowedLog, 'after' | 'follows' | 'entries_lost'> {
    const { succession } = followed;
    const after = succession === undefined ? olderRivalsOf(followed, this.#logs.ofHost(followed.held.did))[0]?.held.origin : succession.after ?? undefined;
    if (after === undefined) return {};
    return succession === undefined || succession.code === null ? { after } : { after, follows: succession.code === 'ok', entries_lost: succession.entries_lost };
  }

  async #pushed(message: Uint8Array, from: PeerId): Promise<Verdict> {
    if (this.#stopped || !this.#pushes.spend(from, 1)) return 'ignore';
    return this.#judge(message, this.#lookups.by(from));
  }

  /** Size, shape, whose log, signature, in this order; what is known already costs no more than that. */
  async #judge(bytes: Uint8Array, lookups: LookUps): Promise<Verdict> {
    const parsed = seenNote(bytes);
    if (!parsed.ok) return 'reject';
    const note = parsed.value;
    const { log } = this.#parts;
    if (note.origin === log.origin) return this.#ownNote(note);
    // An earlier log of this host is not followed: nobody could answer for it but this host.
    if (note.did === didOfOrigin(log.origin)) return 'ignore';
    if (this.#parts.exposed(note.did)) return 'ignore';
    const held = this.#logs.get(note.origin)?.held;
    // Two notes of one size are looked at once it is known that the log signed both.
    const cosigners = held === undefined || held.size === note.size ? [] : suspiciousCosigners(held, note);
    if (this.#logs.knows(note) && cosigners.length === 0) return 'ignore';
    const verifier = held !== undefined || this.#parts.isNear(note.did) ? await this.#verifier(note.origin) : await lookups.ask(note.did, () => this.#verifier(note.origin));
    if (verifier?.ok !== true || this.#stopped) return 'ignore';
    if (!openCheckpoint(bytes, verifier.value).ok) return 'reject';
    if (cosigners.length > 0) this.#work(this.#accuseCosigners(cosigners));
    return this.#take(note, verifier.value);
  }

  /** Where a note that its log signed stands among those seen before. */
  #take(note: SeenNote, verifier: Verifier): Verdict {
    const held = this.#logs.get(note.origin)?.held;
    if (this.#logs.knows(note)) return 'ignore';
    const rival = this.#logs.rival(note);
    if (rival !== undefined) {
      if (!this.#rivals.spend(note.origin, 1)) return 'ignore';
      this.#work(this.#forked(verifier, rival, note).then(() => {
        // Where it cannot be made known now, the log owes an answer that it cannot give.
        if (!this.#parts.exposed(note.did)) this.#challenge(note);
      }));
      return 'accept';
    }
    // Old checkpoints are plenty, anybody can show them, and each costs their log an answer; a second history that lives grows past them.
    const budget = held !== undefined && note.size < held.size ? this.#smaller : this.#notes;
    if (!budget.spend(note.origin, 1)) return 'ignore';
    const is_taken = held === undefined ? this.#logs.begin(note, verifier) : this.#challenge(note);
    // A log that nobody has linked yet, or more of one that another goes on after.
    if (is_taken && (held === undefined || this.successor(note.origin) !== undefined)) this.#successions.begin(note.did);
    return is_taken ? 'accept' : 'ignore';
  }

  #challenge(note: SeenNote): boolean {
    if (this.#logs.knows(note) || !this.#logs.challenge(note)) return false;
    this.#challenges.begin(note.origin);
    return true;
  }

  /** Our own checkpoint, as somebody has it: where we know nothing of it, this host was put back to an older copy. */
  async #ownNote(note: SeenNote): Promise<Verdict> {
    const { log, recorder } = this.#parts;
    // Frozen already, it still keeps the largest that anybody has: its successor has to follow that.
    const was_frozen = log.frozen !== undefined;
    if (was_frozen && note.size <= log.size()) return 'ignore';
    const held = await holdAgainst(log, note.bytes, 'a peer');
    if (was_frozen) return 'ignore';
    if (!held.ok && held.failure.code === 'AUDIT_FROZEN') recorder.record({ kind: 'audit.frozen', reason: held.failure.reason });
    return !held.ok && (held.failure.code === 'NOTE_FORGED' || held.failure.code === 'NOTE_UNSIGNED') ? 'reject' : 'ignore';
  }

  async #verifier(origin: string): Promise<Result<Verifier>> {
    const followed = this.#logs.get(origin);
    if (followed !== undefined) return ok(followed.verifier);
    const vkey = await this.#parts.logKey(origin);
    const verifier = vkey.ok ? parseVerifier(vkey.value) : vkey;
    if (!verifier.ok) return verifier;
    const { name, type, public_key } = verifier.value;
    const is_own = name === origin && type === signature_type_log && isKeyOfName(origin, public_key);
    return is_own ? verifier : fail('AUDIT_LOG_UNKNOWN', `the record of its host names another log than ${origin}`);
  }

  async #forked(verifier: Verifier, one: SeenNote, other: SeenNote): Promise<void> {
    await this.#accuse(sameSizeEvidence(verifier.text, [one.bytes, other.bytes]));
    await this.#accuseCosigners(suspiciousCosigners(one, other));
  }

  async #accuseCosigners(suspicions: readonly CosignerSuspicion[]): Promise<void> {
    for (const { name, build } of suspicions) {
      // Whoever writes lines in the names of strangers makes nobody look them up.
      if (!this.#parts.isNear(didOfWitnessName(name))) continue;
      const vkey = await this.#parts.witnessKey(name);
      const evidence = vkey.ok ? build(vkey.value) : vkey;
      // A line that anybody wrote in the name of a witness is no evidence, and nobody's trouble.
      if (evidence.ok) await this.#accuse(evidence);
    }
  }

  async #accuse(evidence: Result<Uint8Array>): Promise<void> {
    const accused = evidence.ok ? await this.#parts.accuse(evidence.value) : evidence;
    if (!accused.ok) this.#parts.recorder.record({ kind: 'audit.accuse.failed', code: accused.failure.code, reason: accused.failure.reason });
  }

  #work(work: Promise<void>): void {
    const done = work
      .catch((error: unknown) => this.#parts.recorder.record({ kind: 'audit.monitor.failed', reason: messageOf(error) }))
      .finally(() => this.#working.delete(done));
    this.#working.add(done);
  }
}
