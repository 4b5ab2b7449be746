/** What agents have asked to happen when a signal comes: the default, nothing, a handler of theirs, or to wait. */
import { fail, ok, type Result } from '../../../crypto/result.ts';
import { agents_max, signals, type SignalName } from './gate.ts';

/** A signal as its handler sees it. */
export interface SignalInfo {
  readonly agent: string;
  readonly signal: SignalName;
  readonly number: number;
  /** Who sent it: a DID or name. */
  readonly by: string;
  readonly reason: string;
  /** Unix milliseconds. */
  readonly time_ms: number;
  /** How many alike it stands for: more than one when it has waited behind a mask. */
  readonly count: number;
}

/** An agent's own way to take a signal. */
export type SignalHandler = (info: SignalInfo) => void | Promise<void>;

/** What happens on a signal. `block` lets it wait until it is unmasked. */
export type Disposition = 'default' | 'ignore' | 'block' | SignalHandler;

/** Signals that no agent can mask, ignore or take over; a handler of its own only observes them, afterwards. */
export const uncatchable: ReadonlySet<SignalName> = new Set<SignalName>(['SIGSTOP', 'SIGKILL', 'SIGPOLICY', 'SIGTRUST']);

interface Wishes {
  readonly handlers: Map<SignalName, 'ignore' | SignalHandler>;
  readonly masked: Set<SignalName>;
  /** At most one of each name, so that the queue has as many places as there are signals. */
  readonly pending: Map<SignalName, SignalInfo>;
}

/** The dispositions of all agents. */
export class Dispositions {
  readonly #agents = new Map<string, Wishes>();

  /**
   * Sets what happens on a signal. SIGSTOP, SIGKILL, SIGPOLICY and SIGTRUST take a handler that observes, and no more.
   * Fails with `SIGNAL_UNMASKABLE` and `KERNEL_OVERLOADED`.
   */
  set(agent: string, signal: SignalName, disposition: Disposition): Result<void> {
    if (uncatchable.has(signal) && (disposition === 'ignore' || disposition === 'block')) {
      return fail('SIGNAL_UNMASKABLE', `${signal} can be neither masked nor ignored`, { fix: 'give a handler, which is told afterwards' });
    }
    const wishes = this.#wishes(agent);
    if (!wishes.ok) return wishes;
    const { handlers, masked } = wishes.value;
    if (disposition === 'block') {
      masked.add(signal);
      return ok(undefined);
    }
    masked.delete(signal);
    if (disposition === 'default') handlers.delete(signal);
    else handlers.set(signal, disposition);
    return ok(undefined);
  }

  /** Ends the mask of a signal, and gives it back where one has waited; whatever was wished for it before holds again. */
  unmask(agent: string, signal: SignalName): SignalInfo | undefined {
    const wishes = this.#agents.get(agent);
    wishes?.masked.delete(signal);
    const waiting = wishes?.pending.get(signal);
    wishes?.pending.delete(signal);
    return waiting;
  }

  /** What happens on a signal. */
  of(agent: string, signal: SignalName): Disposition {
    const wishes = this.#agents.get(agent);
    if (wishes?.masked.has(signal) === true) return 'block';
    return wishes?.handlers.get(signal) ?? 'default';
  }

  /** Lets a signal wait: one that waits already is counted, and keeps the newest sender and reason. */
  defer(info: SignalInfo): void {
    const wishes = this.#agents.get(info.agent);
    const before = wishes?.pending.get(info.signal);
    wishes?.pending.set(info.signal, { ...info, count: info.count + (before?.count ?? 0) });
  }

  /** The signals that wait, in the order of their numbers. */
  pending(agent: string): readonly SignalInfo[] {
    return [...this.#agents.get(agent)?.pending.values() ?? []].sort((a, b) => signals[a.signal] - signals[b.signal]);
  }

  /** Forgets what a dead agent wished. */
  forget(agent: string): void {
    this.#agents.delete(agent);
  }

  #wishes(agent: string): Result<Wishes> {
    const known = this.#agents.get(agent);
    if (known !== undefined) return ok(known);
    if (this.#agents.size >= agents_max) return fail('KERNEL_OVERLOADED', `more than ${agents_max} agents have dispositions`, { fix: 'set some back to default first' });
    const wishes: Wishes = { handlers: new Map(), masked: new Set(), pending: new Map() };
    this.#agents.set(agent, wishes);
    return ok(wishes);
  }
}
