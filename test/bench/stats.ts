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

/** How often `work` can be done in a second of this process's processor time, after a tenth as many that are not counted, with the indexes after the counted ones. */
export async function perCpuSecond(count: number, work: (index: number) => unknown): Promise<number> {
  for (let index = 0; index < count / 10; index += 1) await work(count + index);
  const since = process.cpuUsage();
  for (let index = 0; index < count; index += 1) {
    const done = work(index);
    if (done instanceof Promise) await done;
  }
  const { user, system } = process.cpuUsage(since);
  return count / ((user + system) / 1e6);
}

/** Times of {@link perCpuSecondInTurns} that are not counted, enough for the code to be compiled. */
export const turns_warm_up = 2000;

/** {@link perCpuSecond} of several works, one round of each after the other, so that all meet the same machine. */
export async function perCpuSecondInTurns(count: number, works: readonly ((index: number) => unknown)[]): Promise<number[]> {
  const spent_us = works.map(() => 0);
  const at_once = 25;
  for (let from = 0; from < count + turns_warm_up; from += at_once) {
    for (const [which, work] of works.entries()) {
      const since = process.cpuUsage();
      for (let index = from; index < from + at_once; index += 1) await work(index);
      const { user, system } = process.cpuUsage(since);
      if (from >= turns_warm_up) spent_us[which] = (spent_us[which] ?? 0) + user + system;
    }
  }
  return spent_us.map((spent) => count / (spent / 1e6));
}
