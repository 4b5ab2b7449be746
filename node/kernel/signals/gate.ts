/** The signals, and the gate that makes them hold: the kernel asks it before every effect, the agent is not asked. */
import { fail, ok, type Failure, type Result } from '../../../crypto/result.ts';

/** Calls of one agent that may be under way. */
export const calls_per_agent_max = 256;
/** Agents that may have calls under way, or a signal in force. */
export const agents_max = 65_536;

/** The signals by their numbers in the seeds. */
export const signals = {
  SIGSTOP: 1, SIGCONT: 2, SIGINT: 3, SIGKILL: 4, SIGTERM: 5, SIGUSR1: 6, SIGUSR2: 7, SIGPOLICY: 8, SIGTRUST: 9, SIGBUDGET: 10, SIGLOOP: 11, SIGDRIFT: 12,
} as const;

/** The name of a signal. */
export type SignalName = keyof typeof signals;

/** The names in the order of their numbers. */
export const signal_names: readonly SignalName[] = [
  'SIGSTOP', 'SIGCONT', 'SIGINT', 'SIGKILL', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGPOLICY', 'SIGTRUST', 'SIGBUDGET', 'SIGLOOP', 'SIGDRIFT',
];

/** The signal of a name in either case, with or without `SIG`, or of a number. Fails with `SIGNAL_UNKNOWN`. */
export function parseSignal(text: string): Result<SignalName> {
  const wanted = text.toUpperCase();
  const name = signal_names.find((each) => each === wanted || each === `SIG${wanted}` || String(signals[each]) === wanted);
  return name === undefined ? fail('SIGNAL_UNKNOWN', `there is no signal ${JSON.stringify(text.slice(0, 40))}`, { fix: signal_names.join(', ') }) : ok(name);
}

/** The command that lets an agent go on which was stopped for `why`; what its used-up budget has stopped goes on with a new one only. */
export function resumption(name: string, why: string): string {
  return `agentmesh signal ${name.includes(' ') ? `'${name}'` : name} SIGCONT${/^SIGBUDGET\b/.test(why) ? ' --reset' : ''}`;
}

/** How far an agent may act. */
export interface Standing {
  readonly state: 'running' | 'stopped' | 'killed';
  /** Why it is not running; null when it is. */
  readonly reason: string | null;
}

/** An admitted call. */
export interface Admission {
  /** Aborts when the agent is killed or the kernel stops. */
  readonly signal: AbortSignal;
  /** Whether the effect has not ended yet. */
  readonly active: boolean;
  /** Why the agent may act no more, if so: asked again before the effect. */
  refusal(): Failure | undefined;
  /** Gives the place back; once the effect has really ended. */
  release(): void;
}

interface AgentState {
  stopped: string | undefined;
  killed: string | undefined;
  /** It may end what it does, and then stops, or is killed where that is final. */
  finishing: { readonly why: string; readonly final: boolean; readonly ended: () => void } | undefined;
  readonly running: Set<AbortController>;
}

/** Which agents may act, and the way to make them stop. */
export class Gate {
  readonly #calls_max: number;
  readonly #nameOf: (agent: string) => string;
  readonly #agents = new Map<string, AgentState>();
  #closed: string | undefined;

  /** `nameOf`: what the operator calls an agent. */
  constructor(calls_max: number = calls_per_agent_max, nameOf: (agent: string) => string = (agent) => agent) {
    this.#calls_max = calls_max;
    this.#nameOf = nameOf;
  }

  /**
   * Why an agent may not act: `AGENT_KILLED`, `AGENT_STOPPED` or `KERNEL_STOPPED`; `undefined` when it may.
   * While it finishes, what an admitted call that has not ended calls itself may still be done.
   */
  refusal(agent: string, enclosing?: Admission): Failure | undefined {
    if (this.#closed !== undefined) return { code: 'KERNEL_STOPPED', reason: this.#closed };
    const state = this.#agents.get(agent);
    if (state?.killed !== undefined) return { code: 'AGENT_KILLED', reason: `${agent} was killed: ${state.killed}`, fix: 'a killed agent never acts again; create a new one' };
    if (state?.stopped !== undefined) return { code: 'AGENT_STOPPED', reason: `${agent} is stopped: ${state.stopped}`, fix: resumption(this.#nameOf(agent), state.stopped) };
    if (state?.finishing === undefined || enclosing?.active === true) return undefined;
    return { code: 'AGENT_STOPPED', reason: `${agent} begins nothing new: ${state.finishing.why}`, fix: `${resumption(this.#nameOf(agent), state.finishing.why)}, unless it was told to end` };
  }

  /** How far an agent may act. */
  standing(agent: string): Standing {
    const state = this.#agents.get(agent);
    if (state?.killed !== undefined) return { state: 'killed', reason: state.killed };
    const reason = state?.stopped ?? state?.finishing?.why ?? this.#closed;
    return reason === undefined ? { state: 'running', reason: null } : { state: 'stopped', reason };
  }

  /** How far an agent may act after a restart: who was told to end has ended. */
  lasting(agent: string): Standing {
    const { finishing, killed } = this.#agents.get(agent) ?? {};
    return finishing?.final === true && killed === undefined ? { state: 'killed', reason: finishing.why } : this.standing(agent);
  }

  /** Calls of an agent whose effects have not ended. */
  running(agent: string): number {
    return this.#agents.get(agent)?.running.size ?? 0;
  }

  /** Takes a place for a call, whether or not the agent may act. Fails with `KERNEL_OVERLOADED`. */
  admit(agent: string, enclosing?: Admission): Result<Admission> {
    const state = this.#state(agent);
    if (!state.ok) return state;
    const { running } = state.value;
    if (running.size >= this.#calls_max) return fail('KERNEL_OVERLOADED', `${agent} has ${this.#calls_max} calls under way`, { fix: 'await some of them first' });
    const controller = new AbortController();
    running.add(controller);
    return ok({
      signal: controller.signal,
      get active() {
        return running.has(controller);
      },
      refusal: () => this.refusal(agent, enclosing),
      release: () => {
        running.delete(controller);
        this.#ended(agent, state.value);
      },
    });
  }

  /** Refuses everything until {@link resume}. Fails with `KERNEL_OVERLOADED`. */
  stop(agent: string, why: string): Result<void> {
    return this.#change(agent, (state) => {
      state.stopped = why;
    });
  }

  /** Ends a stop. Fails with `AGENT_KILLED` after the end, and for an agent that was told to end. */
  resume(agent: string): Result<void> {
    const state = this.#agents.get(agent);
    if (state === undefined) return ok(undefined);
    const end = state.killed ?? (state.finishing?.final === true ? state.finishing.why : undefined);
    if (end !== undefined) return fail('AGENT_KILLED', `${agent} was killed: ${end}`, { fix: 'a killed agent never acts again; create a new one' });
    state.stopped = undefined;
    state.finishing = undefined;
    this.#ended(agent, state);
    return ok(undefined);
  }

  /** Lets an agent end what it does, refuses everything new, and calls `ended` when nothing is under way. What is final stays so. Fails with `KERNEL_OVERLOADED`. */
  finish(agent: string, why: string, final: boolean, ended: () => void): Result<void> {
    return this.#change(agent, (state) => {
      if (state.finishing?.final !== true) state.finishing = { why, final, ended };
    });
  }

  /** Aborts what runs and refuses everything for ever; the first reason stays. Fails with `KERNEL_OVERLOADED`. */
  kill(agent: string, why: string): Result<void> {
    return this.#change(agent, (state) => {
      state.killed ??= why;
      abortAll(state, new Error(`${agent} was killed: ${state.killed}`));
    });
  }

  /** Aborts what runs and changes nothing else. */
  abort(agent: string, why: string): void {
    const state = this.#agents.get(agent);
    if (state !== undefined) abortAll(state, new Error(why));
  }

  /** Aborts every call and refuses all that follow. */
  close(why: string): void {
    this.#closed ??= why;
    for (const state of this.#agents.values()) abortAll(state, new Error(why));
  }

  #change(agent: string, change: (state: AgentState) => void): Result<void> {
    const state = this.#state(agent);
    if (!state.ok) return state;
    change(state.value);
    this.#ended(agent, state.value);
    return ok(undefined);
  }

  #state(agent: string): Result<AgentState> {
    const known = this.#agents.get(agent);
    if (known !== undefined) return ok(known);
    if (this.#agents.size >= agents_max) return fail('KERNEL_OVERLOADED', `more than ${agents_max} agents are at work`, { fix: 'try again later' });
    const state: AgentState = { stopped: undefined, killed: undefined, finishing: undefined, running: new Set() };
    this.#agents.set(agent, state);
    return ok(state);
  }

  #ended(agent: string, state: AgentState): void {
    if (state.running.size > 0) return;
    const { finishing } = state;
    if (finishing !== undefined && state.killed === undefined) {
      state.finishing = undefined;
      finishing.ended();
    }
    const idle = state.stopped === undefined && state.killed === undefined && state.finishing === undefined;
    if (idle && state.running.size === 0 && this.#agents.get(agent) === state) this.#agents.delete(agent);
  }
}

function abortAll(state: AgentState, error: Error): void {
  for (const controller of state.running) controller.abort(error);
}
