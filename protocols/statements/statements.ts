import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { token_bytes_max } from '../../crypto/jwt.ts';
import { messageOf, ok, type Result } from '../../crypto/result.ts';
import { parseStatement, type Statement } from '../../crypto/statement.ts';
import type { PeerId, Verdict } from '../ports.ts';
import { deadline, every } from '../time.ts';
import { Admission, verdictOn } from './admission.ts';
import {
  admissions_max, prune_period_ms, pull_jitter, pull_ms_max, pull_period_ms, pulls_max, push_window_ms, pushes_per_window_max,
  statements_topic, sync_limits, sync_protocol,
} from './constants.ts';
import type { StatementListeners, Statements, StatementsParts } from './index.ts';
import { answerSync, pull } from './sync.ts';

/** {@link Statements} over the ports. */
export class StatementExchange implements Statements {
  readonly #parts: StatementsParts;
  readonly #admission: Admission;
  readonly #pulls = new Map<PeerId, Promise<void>>();
  readonly #pushes = new Map<PeerId, { readonly from_ms: number; count: number }>();
  readonly #stopping = new AbortController();
  #timers: readonly (() => void)[] = [];

  constructor(parts: StatementsParts, listeners: StatementListeners) {
    this.#parts = parts;
    this.#admission = new Admission(parts, listeners);
  }

  start(): void {
    const { network, store, clock, random, recorder } = this.#parts;
    const failed = (kind: string) => (error: unknown): void => recorder.record({ kind, reason: messageOf(error) });
    network.subscribe(statements_topic, (message, from) => this.#pushed(message, from), () => undefined);
    network.handle(sync_protocol, sync_limits, (request, from) => answerSync(store, request, (reason) => {
      this.#parts.recorder.record({ kind: 'sync.refused', peer: from, code: 'SYNC_MALFORMED', reason });
      network.penalise(from, 'malformed sync request');
    }));
    network.watch((peer, state) => {
      if (state === 'connected') this.#pull(peer.id).catch(failed('sync.failed'));
      else this.#pushes.delete(peer.id);
    });
    const period_ms = (): number => pull_period_ms * (1 + pull_jitter * (2 * random.fraction() - 1));
    this.#timers = [
      every(clock, period_ms, () => this.#pullFromSomebody(), failed('sync.failed')),
      every(clock, () => prune_period_ms, async () => void await store.prune(), failed('statement.prune.failed')),
    ];
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const cancel of this.#timers) cancel();
    await Promise.allSettled(this.#pulls.values());
    await this.#admission.idle();
  }

  async publish(text: string): Promise<Result<Statement>> {
    const { network, recorder } = this.#parts;
    const parsed = parseStatement(text);
    if (!parsed.ok) return parsed;
    const admission = await this.#admission.admit(text);
    if (!admission.ok && admission.failure.code !== 'STATEMENT_KNOWN') return admission;
    const sent = await network.publish(statements_topic, utf8(text));
    // Nobody to tell is no failure: peers pull what they miss when they connect.
    if (!sent.ok) recorder.record({ kind: 'statement.unsent', hash: parsed.value.statement.hash, code: sent.failure.code });
    return ok(parsed.value.statement);
  }

  async #pushed(message: Uint8Array, from: PeerId): Promise<Verdict> {
    const text = message.length <= token_bytes_max ? fromUtf8(message) : undefined;
    if (text === undefined) {
      this.#parts.recorder.record({ kind: 'statement.refused', peer: from, code: 'TOKEN_MALFORMED' });
      return 'reject';
    }
    if (this.#stopping.signal.aborted || !this.#hasRoom(from) || this.#admission.running_count >= admissions_max) return 'ignore';
    const admission = await this.#admission.admit(text);
    if (!admission.ok && admission.failure.code !== 'STATEMENT_KNOWN') {
      this.#parts.recorder.record({ kind: 'statement.refused', peer: from, code: admission.failure.code });
    }
    return verdictOn(admission);
  }

  #hasRoom(from: PeerId): boolean {
    const now_ms = this.#parts.clock.now();
    const window = this.#pushes.get(from);
    if (window === undefined || now_ms - window.from_ms >= push_window_ms || now_ms < window.from_ms) {
      this.#pushes.set(from, { from_ms: now_ms, count: 1 });
      return true;
    }
    window.count += 1;
    return window.count <= pushes_per_window_max;
  }

  async #pullFromSomebody(): Promise<void> {
    const peers = this.#parts.network.peers().filter((peer) => !this.#pulls.has(peer.id));
    const peer = peers[Math.floor(this.#parts.random.fraction() * peers.length)];
    if (peer !== undefined) await this.#pull(peer.id);
  }

  #pull(peer: PeerId): Promise<void> {
    const running = this.#pulls.get(peer);
    if (running !== undefined) return running;
    if (this.#stopping.signal.aborted || this.#pulls.size >= pulls_max) return Promise.resolve();
    const pulling = this.#pullFrom(peer).finally(() => this.#pulls.delete(peer));
    this.#pulls.set(peer, pulling);
    return pulling;
  }

  async #pullFrom(peer: PeerId): Promise<void> {
    const { clock, network, random, store, recorder } = this.#parts;
    const limit = deadline(clock, pull_ms_max, this.#stopping.signal);
    const admit = (text: string): Promise<Result<Statement>> => this.#admission.admit(text);
    const pulled = await pull({ network, random, store, admit }, peer, limit.signal).finally(() => limit.done());
    if (pulled.ok) {
      recorder.record({ kind: 'sync.done', peer, admitted: pulled.value.admitted, complete: pulled.value.complete });
      return;
    }
    if (this.#stopping.signal.aborted) return;
    const { code, reason } = pulled.failure;
    recorder.record({ kind: 'sync.failed', peer, code, reason });
    if (code === 'SYNC_LIE' || code === 'PEER_TIMEOUT' || code === 'RESPONSE_TOO_LARGE') network.penalise(peer, `sync: ${reason}`);
  }
}
