import type { Clock } from '../ports.ts';
import { clock_difference_s_max, clock_sample_ms_max, clock_samples_max, clock_samples_min } from './constants.ts';

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

/**
 * The times that differ too much from most others to be true, the own one
 * counting as one of them: a cosignature with such a time is a false statement.
 */
export function outliers(own_s: number, times_s: readonly number[]): ReadonlySet<number> {
  const median_s = medianOf([own_s, ...times_s]);
  return new Set(times_s.filter((time_s) => Math.abs(time_s - median_s) > clock_difference_s_max));
}

/** Compares the own clock with the times in other witnesses' cosignatures: a cosignature with a wrong time is a false statement. */
export class ClockSense {
  readonly #clock: Clock;
  // What each witness said last, so that none has more than one voice.
  readonly #heard = new Map<string, { readonly at_ms: number; readonly difference_s: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of the time in a verified, fresh cosignature of another witness, named by its vkey. */
  heard(witness: string, time_s: number): void {
    const at_ms = this.#clock.now();
    this.#heard.delete(witness);
    this.#heard.set(witness, { at_ms, difference_s: time_s - at_ms / 1000 });
    const [oldest] = this.#heard.keys();
    if (this.#heard.size > clock_samples_max && oldest !== undefined) this.#heard.delete(oldest);
  }

  /** Why the own clock should not be trusted, if so: half of the others would have to lie to make this wrong. */
  doubt(): string | undefined {
    const now_ms = this.#clock.now();
    // A time from before the own clock went back or jumped says nothing about it now.
    const recent = [...this.#heard.values()].filter(({ at_ms }) => at_ms <= now_ms && now_ms - at_ms <= clock_sample_ms_max);
    if (recent.length < clock_samples_min) return undefined;
    const median_s = medianOf(recent.map(({ difference_s }) => difference_s));
    if (Math.abs(median_s) <= clock_difference_s_max) return undefined;
    return `the clock of this witness differs from others by ${Math.round(median_s)} s, more than ${clock_difference_s_max} s`;
  }
}
