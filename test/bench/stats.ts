/** Measuring: many times one after the other, or several at once, after a warm-up. */

/** A distribution of durations, in milliseconds, and the rate. */
export interface Sample {
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly per_s: number;
  readonly count: number;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Runs `work` `count` times with `at_once` of them under way, after a tenth as many that are not counted. */
export async function measure(count: number, at_once: number, work: (index: number) => Promise<unknown>): Promise<Sample> {
  const durations: number[] = [];
  const run = async (total: number, keep: boolean): Promise<number> => {
    let next = 0;
    const since = performance.now();
    await Promise.all(Array.from({ length: at_once }, async () => {
      while (next < total) {
        next += 1;
        const started = performance.now();
        await work(next);
        if (keep) durations.push(performance.now() - started);
      }
    }));
    return performance.now() - since;
  };
  await run(Math.max(at_once, Math.ceil(count / 10)), false);
  const took_ms = await run(count, true);
  durations.sort((a, b) => a - b);
  return { p50_ms: quantile(durations, 0.5), p99_ms: quantile(durations, 0.99), per_s: count / took_ms * 1000, count };
}

/** A number with three significant digits. */
export function short(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}

/** A line of a sample. */
export function line(name: string, sample: Sample): string {
  return `${name.padEnd(58)} p50 ${short(sample.p50_ms).padStart(7)} ms   p99 ${short(sample.p99_ms).padStart(7)} ms   ${short(sample.per_s).padStart(7)}/s`;
}
