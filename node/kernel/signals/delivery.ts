/** How a signal reaches an agent: its disposition, the gate, the agent's own handler, the record, the history. */
import type { Json } from '../../../crypto/canonical.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../../crypto/result.ts';
import type { Clock } from '../../../protocols/ports.ts';
import type { CallContext } from '../call.ts';
import { uncatchable, type Dispositions, type SignalHandler, type SignalInfo } from './dispositions.ts';
import type { Frames } from '../frames.ts';
import { recordedText } from '../recorder.ts';
import { signals, type Gate, type SignalName, type Standing } from './gate.ts';

/** Time that an agent has to end after SIGTERM. */
export const term_grace_ms_default = 5_000;
/** Time that a handler has, after which the default happens all the same. */
export const handler_ms_max = 5_000;
/** Signals that are remembered of one agent. */
export const signal_history_max = 32;
/** Agents whose signals are remembered. */
export const signal_agents_max = 4_096;
/** Those who are told of every signal. */
export const observers_max = 256;
/** A signal that the kernel itself raises is not raised again within this time, where the agent takes it its own way. */
export const raise_interval_ms = 10_000;

/** What came of a signal. */
export type SignalOutcome =
  | 'stopped' | 'continued' | 'finishing' | 'terminating' | 'killed' | 'diagnosed' | 'checkpointed' | 'handled' | 'ignored' | 'pending' | 'failed';

/** A signal that was delivered. */
export interface Delivered {
  readonly signal: SignalName;
  readonly outcome: SignalOutcome;
  /** How far the agent may act now. */
  readonly state: Standing['state'];
  /** The diagnosis of SIGUSR1, the snapshot of SIGUSR2, the budget that stops an agent again after SIGCONT, why a handler failed; null otherwise. */
  readonly detail: Json;
  /** Index of its record. */
  readonly index: number;
}

/** Keeps the state of an agent, and gives the name of the snapshot. */
export type Checkpoint = (agent: string, reason: string) => Promise<Result<string>>;

/** A signal of the past. */
export interface PastSignal extends Pick<SignalInfo, 'agent' | 'signal' | 'by' | 'reason' | 'time_ms'> {
  readonly outcome: SignalOutcome;
}

/** Who sends a signal and why. */
export interface SignalWhy {
  /** A DID or name; the kernel's own agent by default. */
  readonly by?: string;
  readonly reason?: string;
  /** What is known of how it came: the peer, the delegation. */
  readonly context?: CallContext;
  /** Handed to the flight recorder with the record. */
  readonly attach?: unknown;
}

/** What a delivery uses. */
export interface DeliveryParts {
  readonly clock: Clock;
  readonly gate: Gate;
  readonly dispositions: Dispositions;
  readonly term_grace_ms: number;
  /** Writes a signal and what came of it. Fails with `AUDIT_UNAVAILABLE`. */
  record(info: SignalInfo, outcome: SignalOutcome, detail: Json, why: SignalWhy): Promise<Result<{ readonly index: number }>>;
  /** What is known of an agent, for SIGUSR1. */
  diagnose(agent: string): Json;
  /** Keeps the state of an agent, for SIGUSR2; gives the name of the snapshot. */
  checkpoint(): Checkpoint | undefined;
  /** The budget that the next call of an agent would go beyond, if so. */
  overspent(agent: string): Failure | undefined;
  /** An agent was let go on. */
  resumed(agent: string): void;
  readonly frames: Pick<Frames, 'outside'>;
}

/** Is told of signals. */
export type Observer = (info: SignalInfo, outcome: SignalOutcome) => void;

interface Acted {
  readonly outcome: SignalOutcome;
  readonly detail: Json;
}

const nothing_said = 'no reason given';

/** The signals of one kernel. */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #history = new Map<string, PastSignal[]>();
  readonly #observers = new Set<Observer>();
  readonly #raised = new Map<string, number>();

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /**
   * Delivers a signal. What the kernel does it does before this returns; the handler and the record follow.
   * Fails with `AGENT_KILLED`, `KERNEL_OVERLOADED`, or `AUDIT_UNAVAILABLE` when it acted but could not record.
   */
  deliver(agent: string, signal: SignalName, why: SignalWhy = {}): Promise<Result<Delivered>> {
    const { clock, gate } = this.#parts;
    const info: SignalInfo = { agent, signal, number: signals[signal], by: why.by ?? 'local', reason: recordedText(why.reason ?? nothing_said), time_ms: clock.now(), count: 1 };
    const { state, reason } = gate.standing(agent);
    if (state === 'killed' && signal !== 'SIGUSR1' && !isEnd(signal)) {
      return Promise.resolve(fail('AGENT_KILLED', `${agent} was killed: ${reason ?? nothing_said}`, { fix: 'a killed agent never acts again; create a new one' }));
    }
    return this.#take(info, why);
  }

  /** A signal of the kernel's own, which nobody waits for. */
  raise(agent: string, signal: SignalName, reason: string): void {
    const { clock, gate } = this.#parts;
    const now_ms = clock.now();
    const key = `${signal} ${agent}`;
    if (gate.standing(agent).state !== 'running' && !isEnd(signal)) return;
    if (now_ms - (this.#raised.get(key) ?? -Infinity) < raise_interval_ms && this.#parts.dispositions.of(agent, signal) !== 'default') return;
    if (this.#raised.size >= signal_agents_max) this.#raised.clear();
    this.#raised.set(key, now_ms);
    // What cannot be recorded has acted all the same, and every call after it meets the same recorder.
    void this.deliver(agent, signal, { by: 'kernel', reason });
  }

  /** Delivers what has waited behind the masks of these signals. Fails as {@link deliver} does, with the first failure. */
  async unmask(agent: string, names: readonly SignalName[]): Promise<Result<readonly Delivered[]>> {
    const waiting = names.map((name) => this.#parts.dispositions.unmask(agent, name)).filter((info) => info !== undefined);
    const delivered: Delivered[] = [];
    for (const info of waiting.sort((a, b) => a.number - b.number)) {
      const one = await this.#take(info, {});
      if (!one.ok) return one;
      delivered.push(one.value);
    }
    return ok(delivered);
  }

  /** Tells of every signal after it acted, until the returned function is called. Fails with `KERNEL_OVERLOADED`. */
  observe(observer: Observer): Result<() => void> {
    if (this.#observers.size >= observers_max) return fail('KERNEL_OVERLOADED', `more than ${observers_max} observe the signals`, { fix: 'end some of them first' });
    this.#observers.add(observer);
    return ok(() => void this.#observers.delete(observer));
  }

  /** The newest signals of an agent, oldest first. */
  history(agent: string): readonly PastSignal[] {
    return this.#history.get(agent) ?? [];
  }

  async #take(info: SignalInfo, why: SignalWhy): Promise<Result<Delivered>> {
    const { agent, signal } = info;
    const { dispositions, gate } = this.#parts;
    const disposition = dispositions.of(agent, signal);
    let acted: Result<Acted>;
    if (disposition === 'block') {
      dispositions.defer(info);
      acted = plain('pending');
    } else if (disposition === 'ignore') acted = plain('ignored');
    else if (disposition === 'default') acted = this.#act(info);
    else if (observesOnly(signal)) {
      acted = this.#act(info);
      void this.#handled(disposition, info);
    } else acted = await this.#handledOrActed(disposition, info);
    if (!acted.ok) return acted;
    const { outcome } = acted.value;
    const detail = outcome === 'checkpointed' ? await this.#checkpoint(info) : ok(acted.value.detail);
    const came: Acted = detail.ok ? { outcome, detail: detail.value } : { outcome: 'failed', detail: recordedText(detail.failure.reason) };
    if (outcome === 'continued') this.#parts.resumed(agent);
    this.#note(info, came.outcome);
    const recorded = await this.#recorded(info, came, why);
    if (gate.standing(agent).state === 'killed') dispositions.forget(agent);
    return recorded.ok ? ok({ signal, ...came, state: gate.standing(agent).state, index: recorded.value.index }) : recorded;
  }

  /** What the kernel does by default. */
  #act({ agent, signal, reason, by }: SignalInfo): Result<Acted> {
    const { gate } = this.#parts;
    const why = signal === 'SIGSTOP' ? reason : `${signal}: ${reason}`;
    const done = (changed: Result<void>, outcome: SignalOutcome): Result<Acted> => changed.ok ? plain(outcome) : changed;
    switch (signal) {
      case 'SIGCONT': {
        const changed = gate.resume(agent);
        return changed.ok ? ok({ outcome: 'continued', detail: told(this.#parts.overspent(agent)) }) : changed;
      }
      case 'SIGINT': {
        const changed = gate.finish(agent, why, false, () => void gate.stop(agent, why));
        return done(changed, gate.running(agent) > 0 ? 'finishing' : 'stopped');
      }
      case 'SIGTERM': return done(this.#terminate(agent, why, by), gate.standing(agent).state === 'killed' ? 'killed' : 'terminating');
      case 'SIGKILL': case 'SIGPOLICY': case 'SIGTRUST': return done(gate.kill(agent, why), 'killed');
      case 'SIGUSR1': return ok({ outcome: 'diagnosed', detail: this.#parts.diagnose(agent) });
      case 'SIGUSR2': return plain(this.#parts.checkpoint() === undefined ? 'ignored' : 'checkpointed');
      case 'SIGSTOP': case 'SIGBUDGET': case 'SIGLOOP': case 'SIGDRIFT': return done(gate.stop(agent, why), 'stopped');
    }
  }

  /** Whatever still runs at the end of the grace is aborted, and nothing undoes it before. */
  #terminate(agent: string, why: string, by: string): Result<void> {
    const { clock, gate, term_grace_ms } = this.#parts;
    let cancel = (): void => undefined;
    const end = (how: string): void => {
      cancel();
      if (gate.standing(agent).state !== 'killed') void this.deliver(agent, 'SIGKILL', { by, reason: `${why}; ${how}` });
    };
    cancel = clock.after(term_grace_ms, () => end(`it did not end within ${term_grace_ms} ms`));
    return gate.finish(agent, why, true, () => end('it ended in time'));
  }

  async #handledOrActed(handler: SignalHandler, info: SignalInfo): Promise<Result<Acted>> {
    const failed = await this.#handled(handler, info);
    if (failed === undefined) return plain('handled');
    const acted = this.#act(info);
    return acted.ok ? ok({ outcome: acted.value.outcome, detail: failed }) : acted;
  }

  /** Why a handler did not take the signal, if so. */
  #handled(handler: SignalHandler, info: SignalInfo): Promise<string | undefined> {
    const { clock, frames } = this.#parts;
    return new Promise((resolve) => {
      const cancel = clock.after(handler_ms_max, () => resolve(`the handler took longer than ${handler_ms_max} ms`));
      const end = (failed: string | undefined): void => {
        cancel();
        resolve(failed);
      };
      const run = async (): Promise<void> => await frames.outside(() => handler(info));
      run().then(() => end(undefined), (error: unknown) => end(recordedText(`the handler failed: ${messageOf(error)}`)));
    });
  }

  async #checkpoint({ agent, reason }: SignalInfo): Promise<Result<string>> {
    try {
      return await (this.#parts.checkpoint()?.(agent, reason) ?? fail('CHECKPOINT_MISSING', 'nothing keeps checkpoints here'));
    } catch (error) {
      return fail('CHECKPOINT_FAILED', messageOf(error), { cause: error });
    }
  }

  async #recorded(info: SignalInfo, { outcome, detail }: Acted, why: SignalWhy): Promise<Result<{ readonly index: number }>> {
    try {
      return await this.#parts.record(info, outcome, detail, why);
    } catch (error) {
      return fail('AUDIT_UNAVAILABLE', `the signal could not be recorded: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Whoever observes has no say: what it throws changes nothing. */
  #told(observer: Observer, info: SignalInfo, outcome: SignalOutcome): void {
    try {
      this.#parts.frames.outside(() => observer(info, outcome));
    } catch {
      this.#observers.delete(observer);
    }
  }

  #note(info: SignalInfo, outcome: SignalOutcome): void {
    const { agent, signal, by, reason, time_ms } = info;
    const past = this.#history.get(agent) ?? [];
    if (!this.#history.has(agent) && this.#history.size >= signal_agents_max) {
      const [oldest] = this.#history.keys();
      if (oldest !== undefined) this.#history.delete(oldest);
    }
    this.#history.set(agent, [...past, { agent, signal, by, reason, time_ms, outcome }].slice(-signal_history_max));
    for (const observer of this.#observers) this.#told(observer, info, outcome);
  }
}

function plain(outcome: SignalOutcome): Result<Acted> {
  return ok({ outcome, detail: null });
}

function told(failure: Failure | undefined): Json {
  return failure === undefined ? null : { code: failure.code, reason: failure.reason, fix: failure.fix ?? null };
}

/** Whether a signal ends an agent at once. */
function isEnd(signal: SignalName): boolean {
  return signal === 'SIGKILL' || signal === 'SIGPOLICY' || signal === 'SIGTRUST';
}

/** Nobody's handler stands in for what these do: SIGTERM's has the grace to act in. */
function observesOnly(signal: SignalName): boolean {
  return uncatchable.has(signal) || signal === 'SIGTERM';
}
