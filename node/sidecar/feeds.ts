/**
 * Signals as server-sent events (WHATWG HTML, section 9.2). Every event has an
 * id; a reader that comes back with the last one it has seen gets what it has
 * missed, and is told where that is not known any more.
 */
import type { ServerResponse } from 'node:http';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { Clock, Random } from '../../protocols/ports.ts';
import type { HousedAgent } from '../agent-house.ts';
import { signals, type KernelSpace, type SignalName, type SignalOutcome } from '../kernel/index.ts';
import type { Caller } from './caller.ts';
import { eventText, openStream, type EventStream } from './event-stream.ts';
import { signals_held_max, stream_bytes_max, streams_max, streams_per_agent_max } from './limits.ts';

/** What feeds use. */
export interface SignalFeedsParts {
  readonly clock: Clock;
  readonly random: Random;
}

interface Told {
  readonly signal: SignalName;
  readonly by: string;
  readonly reason: string;
  readonly time_ms: number;
}

interface Held {
  readonly number: number;
  readonly text: string;
  readonly is_last: boolean;
}

interface Feed {
  readonly kernel: KernelSpace;
  readonly held: Held[];
  readonly streams: Set<(held: Held) => void>;
  next: number;
  stop(): void;
}

/** The signals of the agents of this host, for their programs. */
export class SignalFeeds {
  readonly #parts: SignalFeedsParts;
  readonly #feeds = new Map<string, Feed>();
  readonly #open = new Map<EventStream, string>();
  /** Tells the ids of this run of the node from those of an earlier one. */
  readonly #epoch: string;

  constructor(parts: SignalFeedsParts) {
    this.#parts = parts;
    this.#epoch = toHex(parts.random.bytes(4));
  }

  /** How many streams are open. */
  get open(): number {
    return this.#open.size;
  }

  /** Begins to hold the signals of an agent. Fails with `KERNEL_OVERLOADED`. */
  follow({ identity: { did }, kernel }: HousedAgent): Result<void> {
    const known = this.#feeds.get(did);
    if (known?.kernel === kernel) return ok(undefined);
    known?.stop();
    const feed: Feed = { kernel, held: known?.held ?? [], streams: known?.streams ?? new Set(), next: known?.next ?? 1, stop: () => undefined };
    if (known === undefined) for (const past of kernel.signalsOf(did).past) this.#hold(feed, past, past.outcome);
    const observing = kernel.observeSignals((info, outcome) => {
      if (info.agent !== did) return;
      const held = this.#hold(feed, info, outcome);
      for (const tell of feed.streams) tell(held);
    });
    if (!observing.ok) return observing;
    feed.stop = observing.value;
    this.#feeds.set(did, feed);
    return ok(undefined);
  }

  /** Opens a stream; `last_id` is what the reader has seen last. Fails with `STREAMS_OVERLOADED` or `KERNEL_OVERLOADED`. */
  stream({ agent, over }: Pick<Caller, 'agent' | 'over'>, last_id: string | undefined, response: ServerResponse): Result<void> {
    const { did } = agent.identity;
    const following = this.follow(agent);
    if (!following.ok) return following;
    const feed = this.#feeds.get(did);
    const of_agent = [...this.#open.values()].filter((one) => one === did).length;
    if (feed === undefined || of_agent >= streams_per_agent_max || this.#open.size >= streams_max) {
      return fail('STREAMS_OVERLOADED', `${of_agent} streams of this agent are open`, { fix: 'close one of them' });
    }
    const stream = openStream(this.#parts.clock, response, { bytes_max: stream_bytes_max, over });
    this.#open.set(stream, did);
    const tell = ({ text, is_last }: Held): void => {
      stream.write(text);
      if (is_last) stream.finish();
    };
    const { state, reason } = feed.kernel.standingOf(did);
    stream.write(eventText('standing', { state, reason }));
    if (last_id !== undefined) this.#replay(feed, last_id, (text) => void stream.write(text));
    feed.streams.add(tell);
    response.once('close', () => {
      // The kernel of an agent may have been replaced meanwhile, and its feed with it: they share their streams.
      feed.streams.delete(tell);
      this.#open.delete(stream);
    });
    return ok(undefined);
  }

  /** Ends the streams of an agent, or all. */
  end(did?: string): void {
    for (const [stream, agent] of this.#open) if (did === undefined || did === agent) stream.finish();
  }

  /** Ends everything. */
  close(): void {
    this.end();
    for (const feed of this.#feeds.values()) feed.stop();
    this.#feeds.clear();
  }

  #replay(feed: Feed, last_id: string, write: (text: string) => void): void {
    const [epoch, digits = ''] = last_id.split('-');
    const last = epoch === this.#epoch && /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
    const oldest = feed.held[0]?.number ?? feed.next;
    if (last === undefined || last < oldest - 1 || last >= feed.next) write(eventText('gap', { reason: 'signals may have come that are not held any more' }));
    for (const { number, text } of feed.held) if (last === undefined || last >= feed.next || number > last) write(text);
  }

  #hold(feed: Feed, { signal, by, reason, time_ms }: Told, outcome: SignalOutcome): Held {
    const number = feed.next;
    feed.next += 1;
    const held = { number, is_last: outcome === 'killed', text: eventText(signal, { signal, number: signals[signal], by, reason, time_ms, outcome }, `${this.#epoch}-${number}`) };
    feed.held.push(held);
    if (feed.held.length > signals_held_max) feed.held.shift();
    return held;
  }
}
