/** How an effect ended. */
export type Settled<T> =
  | { readonly status: 'done'; readonly value: T }
  | { readonly status: 'failed' | 'aborted'; readonly error: unknown };

/** Awaits an effect no longer than its signal. `ended` is called when the effect itself is over, which an effect that ignores the signal delays. */
export function settle<T>(effect: (signal: AbortSignal) => Promise<T>, signal: AbortSignal, ended: () => void): Promise<Settled<T>> {
  return new Promise((resolve) => {
    const abort = (): void => resolve({ status: 'aborted', error: signal.reason });
    signal.addEventListener('abort', abort, { once: true });
    const finish = (settled: Settled<T>): void => {
      signal.removeEventListener('abort', abort);
      ended();
      resolve(settled);
    };
    const run = async (): Promise<T> => await effect(signal);
    run().then((value) => finish({ status: 'done', value }), (error: unknown) => finish({ status: 'failed', error }));
  });
}
