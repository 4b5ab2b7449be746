/** What peers have seen of logs: given to those who missed it, and taken from them after a connection and now and then. */
import { messageOf } from '../../crypto/result.ts';
import type { Clock, Network, PeerId, Random, Recorder, Verdict } from '../ports.ts';
import { SyncLookUps, type LookUps } from '../statements/look-ups.ts';
import { deadline, every } from '../time.ts';
import { askHeads, type HeadsAnswer } from '../witness/questions.ts';
import { heads_page_bytes_max, heads_pages_max, heads_per_page_max, heads_period_ms, heads_settle_ms, heads_take_ms_max } from './constants.ts';
import type { FollowedLogs } from './followed-logs.ts';

/** The page of checkpoints whose origins come after a text; `own` is the own newest cosigned one. Those that wait for a proof are among them: they are what others must see. */
export function pageOf(logs: FollowedLogs, own: { readonly origin: string; readonly note: Uint8Array } | undefined, after: string): HeadsAnswer {
  const followed = logs.all().map(({ held, open }) => ({ origin: held.origin, notes: [held.bytes, ...open.map(({ note }) => note.bytes)] }));
  const all = own === undefined ? followed : [...followed, { origin: own.origin, notes: [own.note] }];
  const wanted = all.filter(({ origin }) => origin > after).toSorted((a, b) => (a.origin < b.origin ? -1 : 1));
  const notes: Uint8Array[] = [];
  let bytes = 0;
  let last: string | null = null;
  for (const each of wanted) {
    const length = each.notes.reduce((sum, note) => sum + note.length, 0);
    if (notes.length > 0 && (notes.length + each.notes.length > heads_per_page_max || bytes + length > heads_page_bytes_max)) return { notes, after: last };
    notes.push(...each.notes);
    bytes += length;
    last = each.origin;
  }
  return { notes, after: null };
}

/** What taking heads from peers uses. */
export interface HeadsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly recorder: Recorder;
  /** Looks at a note that a peer holds. */
  judge(note: Uint8Array, lookups: LookUps): Promise<Verdict>;
}

/** Takes what peers have seen, from one peer at a time. */
export class Heads {
  readonly #parts: HeadsParts;
  readonly #stopping = new AbortController();
  readonly #waiting = new Set<PeerId>();
  #turn: Promise<void> = Promise.resolve();
  #cancel = (): void => undefined;

  constructor(parts: HeadsParts) {
    this.#parts = parts;
  }

  /** Begins to ask. Before the network starts. */
  start(): void {
    const { clock, random, network, recorder } = this.#parts;
    network.watch((peer, state) => {
      if (state === 'connected') clock.after(heads_settle_ms * (1 + random.fraction()), () => this.#take(peer.id));
    });
    this.#cancel = every(clock, () => heads_period_ms * (0.8 + 0.4 * random.fraction()), async () => {
      const peers = network.peers();
      const peer = peers[Math.floor(random.fraction() * peers.length)];
      if (peer !== undefined) this.#take(peer.id);
    }, (error) => recorder.record({ kind: 'audit.monitor.failed', reason: messageOf(error) }));
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#cancel();
    this.#stopping.abort();
    await this.#turn;
  }

  #take(peer: PeerId): void {
    if (this.#waiting.has(peer) || this.#stopping.signal.aborted) return;
    this.#waiting.add(peer);
    this.#turn = this.#turn.then(() => this.#takeAll(peer))
      .catch((error: unknown) => this.#parts.recorder.record({ kind: 'audit.monitor.failed', reason: messageOf(error) }))
      .finally(() => this.#waiting.delete(peer));
  }

  async #takeAll(peer: PeerId): Promise<void> {
    const limit = deadline(this.#parts.clock, heads_take_ms_max, this.#stopping.signal);
    await this.#takePages(peer, limit.signal).finally(() => limit.done());
  }

  async #takePages(peer: PeerId, signal: AbortSignal): Promise<void> {
    const { network, recorder } = this.#parts;
    const lookups = new SyncLookUps();
    let after: string | null = '';
    for (let page = 0; page < heads_pages_max && after !== null; page += 1) {
      if (signal.aborted || !network.peers().some(({ id }) => id === peer)) return;
      const answer = await askHeads(this.#parts, peer, after, signal);
      if (!answer.ok) {
        recorder.record({ kind: 'audit.heads.failed', peer, code: answer.failure.code, reason: answer.failure.reason });
        return;
      }
      for (const note of answer.value.notes.slice(0, heads_per_page_max)) {
        if (signal.aborted) return;
        if (await this.#parts.judge(note, lookups) === 'reject') return network.penalise(peer, 'holds a note that its log did not sign');
      }
      after = answer.value.after;
    }
  }
}
