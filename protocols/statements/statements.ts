import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { token_bytes_max } from '../../crypto/jwt.ts';
import { messageOf, type Result, ok } from '../../crypto/result.ts';
import { parseStatement, type Statement } from '../../crypto/statement.ts';
import type { PeerId, Verdict } from '../ports.ts';
import { encodeFailure } from '../reply.ts';
import { deadline, every } from '../time.ts';
import { Admission, verdictOn } from './admission.ts';
import { answerSync } from './answer.ts';
import { Budget } from './budget.ts';
import {
  admissions_max, given_bytes_per_window_max, prune_period_ms, pushes_per_window_max, random_peers_per_period, request_cost_bytes, settle_ms, statements_topic,
  sync_jitter, sync_limits, sync_ms_max, sync_period_ms, sync_protocol, syncs_max, taken_bytes_per_window_max, turn_syncs_max,
} from './constants.ts';
import { Completeness } from './completeness.ts';
import type { StatementListeners, Statements, StatementsParts } from './index.ts';
import { PushedLookUps } from './look-ups.ts';
import { Refusals } from './refusals.ts';
import { Snapshots } from './snapshots.ts';
import { Sync } from './sync.ts';

// What no honest peer causes. The others end a sync without blame.
const misdeeds: ReadonlySet<string> = new Set(['SYNC_LIE', 'PEER_TIMEOUT', 'RESPONSE_TOO_LARGE']);

/** {@link Statements} over the ports. */
export class StatementExchange implements Statements {
  readonly #parts: StatementsParts;
  readonly #admission: Admission;
  readonly #refusals: Refusals;
  readonly #snapshots: Snapshots;
  readonly #completeness: Completeness;
  readonly #pushes: Budget;
  readonly #given: Budget;
  readonly #taken: Budget;
  readonly #pushed_lookups = new PushedLookUps();
  readonly #fetching = new Set<string>();
  readonly #syncs = new Map<PeerId, Promise<void>>();
  readonly #stopping = new AbortController();
  #timers: readonly (() => void)[] = [];

  constructor(parts: StatementsParts, listeners: StatementListeners) {
    const { clock, network, store } = parts;
    this.#parts = parts;
    this.#admission = new Admission(parts, listeners);
    this.#refusals = new Refusals(parts);
    this.#snapshots = new Snapshots(clock);
    this.#completeness = new Completeness({ store, network });
    this.#pushes = new Budget(clock, pushes_per_window_max);
    this.#given = new Budget(clock, given_bytes_per_window_max);
    this.#taken = new Budget(clock, taken_bytes_per_window_max);
  }

  start(): void {
    const { network, store, clock, random } = this.#parts;
    network.subscribe(statements_topic, (message, from) => this.#pushed(message, from), () => undefined);
    network.handle(sync_protocol, sync_limits, (request, from) => this.#answer(request, from));
    network.watch((peer, state) => {
      if (state === 'connected') clock.after(settle_ms, () => this.#sync(peer.id));
    });
    const period_ms = (): number => sync_period_ms * (1 + sync_jitter * (2 * random.fraction() - 1));
    this.#timers = [
      every(clock, period_ms, async () => this.#syncWithSome(), this.#failed('sync.failed')),
      every(clock, () => prune_period_ms, async () => void await store.prune(), this.#failed('statement.prune.failed')),
    ];
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const cancel of this.#timers) cancel();
    await Promise.allSettled(this.#syncs.values());
    await this.#admission.idle();
  }

  async publish(text: string): Promise<Result<Statement>> {
    const { network, recorder } = this.#parts;
    const parsed = parseStatement(text);
    if (!parsed.ok) return parsed;
    const admission = await this.#admission.admit(text);
    if (!admission.ok && admission.failure.code !== 'STATEMENT_KNOWN') return admission;
    const sent = await network.publish(statements_topic, utf8(text));
    // Nobody to tell is no failure: peers bring what they miss when they connect.
    if (!sent.ok) recorder.record({ kind: 'statement.unsent', hash: parsed.value.statement.hash, code: sent.failure.code });
    return ok(parsed.value.statement);
  }

  async reconsider(dids: Iterable<string>): Promise<void> {
    const liars = await this.#admission.reconsider(dids);
    for (const peer of liars) this.#parts.network.penalise(peer, 'statements: no honest peer keeps what it brought');
  }

  completeAsOf(): number {
    return this.#completeness.as_of_ms;
  }

  lastComplete(peer: PeerId): number | undefined {
    return this.#completeness.of(peer);
  }

  #failed(kind: string): (error: unknown) => void {
    return (error) => this.#parts.recorder.record({ kind, reason: messageOf(error) });
  }

  async #pushed(message: Uint8Array, from: PeerId): Promise<Verdict> {
    const text = message.length <= token_bytes_max ? fromUtf8(message) : undefined;
    if (text === undefined) {
      this.#parts.recorder.record({ kind: 'statement.refused', peer: from, code: 'TOKEN_MALFORMED' });
      return 'reject';
    }
    if (this.#stopping.signal.aborted || !this.#pushes.spend(from, 1) || this.#admission.running_count >= admissions_max) return 'ignore';
    const admission = await this.#admission.admit(text, { peer: from, lookups: this.#pushed_lookups.by(from) });
    if (!admission.ok && admission.failure.code !== 'STATEMENT_KNOWN') {
      this.#parts.recorder.record({ kind: 'statement.refused', peer: from, code: admission.failure.code });
    }
    return verdictOn(admission);
  }

  async #answer(request: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const { network, store, recorder } = this.#parts;
    const refuse = (code: string, reason: string): void => {
      recorder.record({ kind: 'sync.refused', peer: from, code, reason });
      network.penalise(from, `sync: ${reason}`);
    };
    if (!this.#given.spend(from, request_cost_bytes)) {
      const reason = 'the peer has asked for more in a minute than any sync takes';
      refuse('SYNC_BUSY', reason);
      return encodeFailure({ code: 'SYNC_BUSY', reason });
    }
    const answer = await answerSync(store, request, (reason) => refuse('SYNC_MALFORMED', reason));
    this.#given.spend(from, answer.length);
    return answer;
  }

  /** Those whose turn it is, so that nobody is left out, and a few peers at random, so that news spreads. */
  #syncWithSome(): void {
    const { network, random } = this.#parts;
    const idle = network.peers().filter(({ id }) => !this.#syncs.has(id));
    // Who was complete before is honest enough to have a turn of its own: strangers may be many, and slow on purpose.
    const proven = idle.filter(({ id }) => this.#completeness.of(id) !== undefined);
    for (const waiting of [proven, idle]) {
      const next = this.#completeness.nextInTurn(waiting);
      if (next !== undefined) this.#sync(next, syncs_max + turn_syncs_max);
    }
    const others = idle.map(({ id }) => id);
    for (let index = 0; index < random_peers_per_period && others.length > 0; index += 1) {
      const [peer] = others.splice(Math.floor(random.fraction() * others.length), 1);
      if (peer !== undefined) this.#sync(peer);
    }
  }

  #sync(peer: PeerId, at_once_max: number = syncs_max): void {
    if (this.#stopping.signal.aborted || this.#syncs.has(peer) || this.#syncs.size >= at_once_max) return;
    const syncing = this.#syncWith(peer).catch(this.#failed('sync.failed')).finally(() => this.#syncs.delete(peer));
    this.#syncs.set(peer, syncing);
  }

  /** One sync after the other, as long as each brings something and is not complete, and nobody needs its place. */
  async #syncWith(peer: PeerId): Promise<void> {
    const { clock } = this.#parts;
    this.#completeness.began(peer, clock.now());
    for (let goes_on = true; goes_on;) {
      const limit = deadline(clock, sync_ms_max, this.#stopping.signal);
      goes_on = await this.#syncOnce(peer, limit.signal).finally(() => limit.done()) && this.#syncs.size < syncs_max;
    }
  }

  async #syncOnce(peer: PeerId, signal: AbortSignal): Promise<boolean> {
    const { clock, network, random, store, recorder } = this.#parts;
    const sync = new Sync({
      clock, network, random, store, refusals: this.#refusals, snapshots: this.#snapshots, fetching: this.#fetching, taken: this.#taken,
      admit: (text, source) => this.#admission.admit(text, source),
      // What is said in praise may wait: decisions ask how old the knowledge is of what was taken away.
      completed: async (topic, as_of_ms) => {
        if (topic === 'revocations') await this.#completeness.note(peer, as_of_ms);
      },
    }, peer, signal);
    const synced = await sync.run();
    if (this.#stopping.signal.aborted) return false;
    if (synced.ok) {
      recorder.record({ kind: 'sync.done', peer, ...synced.value });
      return (!synced.value.complete || synced.value.pending > 0) && sync.admitted > 0;
    }
    const { code, reason } = synced.failure;
    recorder.record({ kind: 'sync.failed', peer, code, reason, admitted: sync.admitted });
    if (misdeeds.has(code)) network.penalise(peer, `sync: ${reason}`);
    return code === 'SYNC_STOPPED' && sync.admitted > 0;
  }
}
