import { createHash, type Hash } from 'node:crypto';
import { assert } from '../crypto/assert.ts';
import type { Clock, Random } from '../protocols/ports.ts';
import { seededRandom } from './random.ts';

/** Virtual time starts here: 2026-01-01T00:00:00Z, so that dates in documents look like dates. */
export const start_ms = 1_767_225_600_000;
/** Events that one run may take before it is called endless. */
const events_max = 100_000_000;
/** Turns of the event loop in which nothing is scheduled and the awaited work still does not end. */
const stuck_turns_max = 10_000;

interface Event {
  readonly at_ms: number;
  readonly order: number;
  readonly what: string;
  run: (() => void) | undefined;
}

/** Events in order of time, and of scheduling where the times are equal: a binary heap. */
class EventHeap {
  readonly #events: Event[] = [];

  get first(): Event | undefined {
    return this.#events[0];
  }

  push(event: Event): void {
    const events = this.#events;
    let index = events.length;
    events.push(event);
    while (index > 0) {
      const parent_index = (index - 1) >> 1;
      const parent = events[parent_index];
      if (parent === undefined || before(parent, event)) break;
      events[index] = parent;
      index = parent_index;
    }
    events[index] = event;
  }

  pop(): Event | undefined {
    const events = this.#events;
    const [first] = events;
    const last = events.pop();
    if (first === undefined || last === undefined || events.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = events[2 * index + 1];
      const right = events[2 * index + 2];
      const child_index = right !== undefined && left !== undefined && before(right, left) ? 2 * index + 2 : 2 * index + 1;
      const child = events[child_index];
      if (child === undefined || before(last, child)) break;
      events[index] = child;
      index = child_index;
    }
    events[index] = last;
    return first;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.order < b.order);
}

/** A macrotask: everything that the event before has set off in promises is done when it comes. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * The world's engine: a heap of events, virtual time that jumps from one to the
 * next, and chance from one seed. One event is one macrotask, so a run depends
 * on nothing but the seed, and {@link trace} is the same for the same seed.
 */
export class Simulator {
  /** What decides the run. */
  readonly seed: string;
  readonly #heap = new EventHeap();
  readonly #trace: Hash = createHash('sha256');
  #now_ms = start_ms;
  #scheduled = 0;
  #events = 0;

  constructor(seed: string) {
    this.seed = seed;
  }

  /** Virtual Unix time in milliseconds. */
  get now_ms(): number {
    return this.#now_ms;
  }

  /** How many events have run. */
  get events(): number {
    return this.#events;
  }

  /** SHA-256, in hexadecimal, over the time and description of every event so far. */
  get trace(): string {
    return this.#trace.copy().digest('hex');
  }

  /** Runs something later; the returned function cancels it. The description enters the trace. */
  schedule(delay_ms: number, what: string, run: () => void): () => void {
    assert(delay_ms >= 0, 'an event is in the future');
    const event: Event = { at_ms: this.#now_ms + delay_ms, order: this.#scheduled, what, run };
    this.#scheduled += 1;
    this.#heap.push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** The clock of a node, ahead of true time by `skew_ms` (negative: behind). */
  clock(name: string, options: { readonly skew_ms?: number } = {}): Clock {
    const skew_ms = options.skew_ms ?? 0;
    return {
      now: () => Math.floor(this.#now_ms + skew_ms),
      after: (delay_ms, run) => this.schedule(Math.max(0, delay_ms), `timer ${name}`, run),
    };
  }

  /** A stream of chance of its own for each name. */
  random(name: string): Random {
    return seededRandom(this.seed, name);
  }

  /** Adds something to the trace, for what happens without an event of its own. */
  note(what: string): void {
    this.#trace.update(`${this.#now_ms} ${what}\n`);
  }

  /** Runs the next event and all that follows from it at once; false when there is none until `until_ms`. */
  async step(until_ms: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    await turn();
    while (this.#heap.first !== undefined && this.#heap.first.run === undefined) this.#heap.pop();
    const { first } = this.#heap;
    if (first?.run === undefined || first.at_ms > until_ms) return false;
    this.#heap.pop();
    assert(this.#events < events_max, 'a run comes to an end');
    this.#events += 1;
    this.#now_ms = first.at_ms;
    this.note(first.what);
    first.run();
    await turn();
    return true;
  }

  /** Runs until nothing is scheduled before this time, which then is now; without a time, until nothing is scheduled at all. */
  async run(until_ms: number = Number.POSITIVE_INFINITY): Promise<void> {
    while (await this.step(until_ms));
    if (Number.isFinite(until_ms)) this.#now_ms = Math.max(this.#now_ms, until_ms);
  }

  /** Runs until the work is done, and gives its value. Throws when nothing is scheduled that could end it. */
  async finish<T>(work: Promise<T>): Promise<T> {
    const state = { over: false };
    const mark = (): void => {
      state.over = true;
    };
    work.then(mark, mark);
    let stuck_turns = 0;
    // Work that is done without any event must not let time jump to the next one.
    await turn();
    while (!state.over) {
      stuck_turns = await this.step() ? 0 : stuck_turns + 1;
      if (stuck_turns > stuck_turns_max) throw new Error('the work waits for something that is not scheduled');
    }
    return work;
  }
}
