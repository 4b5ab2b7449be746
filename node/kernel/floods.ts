/** Agents that are refused and go on: how often, and how that stands in the record without filling it. */
import type { Failure } from '../../crypto/result.ts';
import type { Clock } from '../../protocols/ports.ts';

/** How many refusals of an agent are borne in a time. */
export interface DenialTerms {
  readonly max: number;
  readonly window_ms: number;
}

/** What holds where nobody says otherwise. */
export const denial_terms_default: DenialTerms = { max: 1_000, window_ms: 60_000 };
/** Agents, and peers of an agent, whose refusals are counted; of more the oldest count is forgotten. */
export const flood_keys_max = 65_536;
/** Refusals alike are recorded once at first, and then together, so often. */
export const repeated_interval_ms = 10_000;

interface Window {
  readonly since_ms: number;
  count: number;
}

/**
 * Counts the refusals of each agent, and apart from these what each peer makes it be refused. The counts are not
 * kept over a restart, which takes about as long as their window; an agent that was stopped for them stays so.
 */
export class Denials {
  readonly #terms: DenialTerms;
  readonly #windows = new Map<string, Window>();

  constructor(terms: DenialTerms = denial_terms_default) {
    this.#terms = terms;
  }

  /** Notes a refusal. Gives in words how many there were when they are more than is borne. */
  note(key: string, now_ms: number): string | undefined {
    const { max, window_ms } = this.#terms;
    const window = this.#window(key, now_ms);
    window.count += 1;
    return window.count > max ? `${window.count} refusals within ${window_ms} ms, ${max} are borne` : undefined;
  }

  /** Why nothing more is decided for a peer at present, if so: `KERNEL_OVERLOADED`. */
  refusal(key: string, now_ms: number): Failure | undefined {
    const { max, window_ms } = this.#terms;
    const window = this.#windows.get(key);
    if (window === undefined || now_ms - window.since_ms >= window_ms || window.count <= max) return undefined;
    return { code: 'KERNEL_OVERLOADED', reason: `this was refused ${window.count} times within ${window_ms} ms`, fix: `try again in ${window_ms - (now_ms - window.since_ms)} ms` };
  }

  /** Begins anew: the agent was let go on. */
  forget(key: string): void {
    this.#windows.delete(key);
  }

  #window(key: string, now_ms: number): Window {
    const known = this.#windows.get(key);
    if (known !== undefined && now_ms - known.since_ms < this.#terms.window_ms) return known;
    this.#windows.delete(key);
    if (this.#windows.size >= flood_keys_max) {
      const [oldest] = this.#windows.keys();
      if (oldest !== undefined) this.#windows.delete(oldest);
    }
    const window: Window = { since_ms: now_ms, count: 0 };
    this.#windows.set(key, window);
    return window;
  }
}

interface Repeated {
  readonly agent: string;
  readonly failure: Failure;
  count: number;
  cancel: () => void;
}

/**
 * Refusals that say the same of the same agent. The first is recorded by itself;
 * those that follow are counted, and recorded together every ten seconds as long
 * as there are any.
 */
export class Repetitions {
  readonly #clock: Clock;
  readonly #record: (agent: string, failure: Failure, repeated: number) => void;
  readonly #seen = new Map<string, Repeated>();

  constructor(clock: Clock, record: (agent: string, failure: Failure, repeated: number) => void) {
    this.#clock = clock;
    this.#record = record;
  }

  /** Whether a refusal only repeats one that was recorded; it is counted then. */
  repeats(agent: string, failure: Failure): boolean {
    const seen = this.#seen.get(`${failure.code} ${agent}`);
    if (seen === undefined) return false;
    seen.count += 1;
    return true;
  }

  /** A refusal is being recorded by itself: those alike that follow are counted. */
  recorded(agent: string, failure: Failure): void {
    const key = `${failure.code} ${agent}`;
    if (this.#seen.has(key) || this.#seen.size >= flood_keys_max) return;
    const repeated: Repeated = { agent, failure, count: 0, cancel: () => undefined };
    this.#seen.set(key, repeated);
    const flush = (): void => {
      if (repeated.count === 0) {
        this.#seen.delete(key);
        return;
      }
      this.#record(agent, failure, repeated.count);
      repeated.count = 0;
      repeated.cancel = this.#clock.after(repeated_interval_ms, flush);
    };
    repeated.cancel = this.#clock.after(repeated_interval_ms, flush);
  }

  /** Records what was only counted so far. */
  end(): void {
    for (const { agent, failure, count, cancel } of this.#seen.values()) {
      cancel();
      if (count > 0) this.#record(agent, failure, count);
    }
    this.#seen.clear();
  }
}
