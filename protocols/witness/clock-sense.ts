import type { Clock } from '../ports.ts';
import { clock_difference_s_max, clock_samples_max, clock_samples_min } from './constants.ts';

/** Compares the own clock with the times in other witnesses' cosignatures: a cosignature with a wrong time is a false statement. */
export class ClockSense {
  readonly #clock: Clock;
  #differences_s: readonly number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of the time in a verified, fresh cosignature of another witness. */
  heard(time_s: number): void {
    const difference_s = time_s - this.#clock.now() / 1000;
    this.#differences_s = [...this.#differences_s, difference_s].slice(-clock_samples_max);
  }

  /** Why the own clock should not be trusted, if so: half of the others would have to lie to make this wrong. */
  doubt(): string | undefined {
    if (this.#differences_s.length < clock_samples_min) return undefined;
    const sorted = [...this.#differences_s].sort((a, b) => a - b);
    const median_s = sorted[Math.floor(sorted.length / 2)] ?? 0;
    if (Math.abs(median_s) <= clock_difference_s_max) return undefined;
    return `the clock of this witness differs from others by ${Math.round(median_s)} s, more than ${clock_difference_s_max} s`;
  }
}
