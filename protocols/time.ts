import type { Clock } from './ports.ts';

/** The time of a clock in whole Unix seconds, as tokens have it. */
export function unixSeconds(clock: Pick<Clock, 'now'>): number {
  return Math.floor(clock.now() / 1000);
}

/** Waits, or returns early when the signal aborts. */
export function sleep(clock: Clock, delay_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(delay_ms, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** A signal that aborts after a time, or with its parent; `done` must be called when the work ends. */
export function deadline(clock: Clock, limit_ms: number, parent?: AbortSignal): { readonly signal: AbortSignal; done(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new Error('aborted'));
  const cancel = clock.after(limit_ms, () => controller.abort(new Error(`no answer within ${limit_ms} ms`)));
  if (parent?.aborted === true) abort();
  parent?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    done: () => {
      cancel();
      parent?.removeEventListener('abort', abort);
    },
  };
}

/** Runs again and again, each time `period_ms` after the run before has ended, until stopped. A run that throws is told to `failed`, and the next one comes all the same. */
export function every(clock: Clock, period_ms: () => number, run: () => Promise<void>, failed: (error: unknown) => void): () => void {
  let stopped = false;
  let cancel = (): void => undefined;
  const turn = async (): Promise<void> => {
    try {
      await run();
    } catch (error) {
      failed(error);
    }
    next();
  };
  const next = (): void => {
    if (stopped) return;
    cancel = clock.after(period_ms(), () => void turn());
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
