/** Kernels on a clock that a test turns, with everything that they record. */
import type { Result } from '../../../crypto/result.ts';
import { ok } from '../../../crypto/result.ts';
import { Denied, KernelSpace, type Call, type DecisionRecord, type FlightRecorder, type KernelInit, type OutcomeRecord } from '../../../node/kernel/index.ts';
import type { Clock } from '../../../protocols/ports.ts';
import { policyOf } from './policy/samples.ts';

/** Allows everything. */
export const allow_all: ReturnType<typeof policyOf> = policyOf([{ name: 'all', condition: 'true', action: 'allow' }]);

/** Time that passes when the test says so. */
export class TurnedClock implements Clock {
  #now_ms = 1_000_000;
  readonly #timers = new Set<{ readonly at_ms: number; readonly run: () => void }>();

  now(): number {
    return this.#now_ms;
  }

  after(delay_ms: number, run: () => void): () => void {
    const timer = { at_ms: this.#now_ms + delay_ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Lets time pass, and what is due happen in its order. */
  pass(ms: number): void {
    const end_ms = this.#now_ms + ms;
    for (;;) {
      const [due] = [...this.#timers].filter(({ at_ms }) => at_ms <= end_ms).sort((a, b) => a.at_ms - b.at_ms);
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now_ms = Math.max(this.#now_ms, due.at_ms);
      due.run();
    }
    this.#now_ms = end_ms;
  }

  /** Timers that have not run. */
  get timers(): number {
    return this.#timers.size;
  }
}

/** A kernel and what it has recorded. */
export interface Space {
  readonly kernel: KernelSpace;
  readonly clock: TurnedClock;
  readonly records: (DecisionRecord | OutcomeRecord)[];
  /** The decisions among the records. */
  decisions(): readonly DecisionRecord[];
  /** The signals among the records, as `SIGSTOP stopped`. */
  signals(): readonly string[];
}

/** A kernel that allows everything, unless said otherwise. */
export function space(init: KernelInit = {}): Space {
  const clock = new TurnedClock();
  const records: (DecisionRecord | OutcomeRecord)[] = [];
  const add = (record: DecisionRecord | OutcomeRecord): Promise<Result<{ readonly index: number }>> => {
    records.push(record);
    return Promise.resolve(ok({ index: records.length - 1 }));
  };
  const flight_recorder: FlightRecorder = { unavailable: () => undefined, decision: add, outcome: add };
  const decisions = (): readonly DecisionRecord[] => records.filter((record) => record.kind === 'decision');
  return {
    kernel: new KernelSpace({ policies: [allow_all], flight_recorder, clock, ...init }),
    clock, records, decisions,
    signals: () => decisions().flatMap(({ action }) => {
      const { type, signal, outcome } = Object(action);
      return type === 'signal' ? [`${signal} ${outcome}`] : [];
    }),
  };
}

/** A call of agent `a`. */
export function call<T>(effect: (signal: AbortSignal) => Promise<T>, more: Partial<Call<T>> = {}): Call<T> {
  return { agent: 'a', action: { type: 'read', resource: 'x' }, effect, ...more };
}

/** A call that does nothing. */
export function idle(more: Partial<Call<void>> = {}): Call<void> {
  return call(() => Promise.resolve(), more);
}

/** The code of a failure, or `ok`. */
export function code(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.failure.code;
}

/** What a governed function throws when it is denied. */
export async function thrown(promise: Promise<unknown>): Promise<Denied> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Denied) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** An effect that a test ends. */
export function pending(): { readonly effect: () => Promise<void>; readonly end: () => void } {
  let end = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { effect: () => done, end: () => end() };
}

/** Lets what is under way go on as far as it can without time. */
export async function turn(times: number = 3): Promise<void> {
  for (let each = 0; each < times; each += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
