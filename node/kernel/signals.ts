import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';

/** Calls of one agent that may be under way. */
export const calls_per_agent_max = 256;
/** Agents that may have calls under way, or a signal in force. */
export const agents_max = 65_536;

/**
 * The signals that the gate enforces, by their numbers in the seeds. None of
 * them can be masked or caught: the kernel acts, the agent is not asked.
 */
export const signals = { SIGSTOP: 1, SIGCONT: 2, SIGKILL: 4, SIGPOLICY: 8, SIGTRUST: 9 } as const;

/** The name of a signal. */
export type SignalName = keyof typeof signals;

/** An admitted call. */
export interface Admission {
  /** Aborts when the agent is killed or the kernel stops. */
  readonly signal: AbortSignal;
  /** Why the agent may act no more, if so: asked again before the effect. */
  refusal(): Failure | undefined;
  /** Gives the place back; once the effect has really ended. */
  release(): void;
}

interface AgentState {
  stopped: string | undefined;
  killed: string | undefined;
  readonly running: Set<AbortController>;
}

/** Which agents may act, and the way to make them stop. */
export class Gate {
  readonly #calls_max: number;
  readonly #agents = new Map<string, AgentState>();
  #closed: string | undefined;

  constructor(calls_max: number = calls_per_agent_max) {
    this.#calls_max = calls_max;
  }

  /** Why an agent may not act: `AGENT_KILLED`, `AGENT_STOPPED` or `KERNEL_STOPPED`; `undefined` when it may. */
  refusal(agent: string): Failure | undefined {
    if (this.#closed !== undefined) return { code: 'KERNEL_STOPPED', reason: this.#closed };
    const state = this.#agents.get(agent);
    if (state?.killed !== undefined) return { code: 'AGENT_KILLED', reason: `${agent} was killed: ${state.killed}`, fix: 'a killed agent never acts again; create a new one' };
    if (state?.stopped !== undefined) return { code: 'AGENT_STOPPED', reason: `${agent} is stopped: ${state.stopped}`, fix: 'send it SIGCONT' };
    return undefined;
  }

  /** Takes a place for a call, whether or not the agent may act. Fails with `KERNEL_OVERLOADED`. */
  admit(agent: string): Result<Admission> {
    const state = this.#state(agent);
    if (state === undefined) return fail('KERNEL_OVERLOADED', `more than ${agents_max} agents are at work`, { fix: 'try again later' });
    if (state.running.size >= this.#calls_max) {
      return fail('KERNEL_OVERLOADED', `${agent} has ${this.#calls_max} calls under way`, { fix: 'await some of them first' });
    }
    const controller = new AbortController();
    state.running.add(controller);
    return ok({
      signal: controller.signal,
      refusal: () => this.refusal(agent),
      release: () => {
        state.running.delete(controller);
        this.#forget(agent, state);
      },
    });
  }

  /**
   * Delivers a signal. SIGSTOP refuses new calls until SIGCONT; SIGKILL, SIGPOLICY
   * and SIGTRUST abort what runs and refuse everything for ever.
   * Fails with `AGENT_KILLED` for SIGCONT after that, and `KERNEL_OVERLOADED`.
   */
  deliver(agent: string, signal: SignalName, why: string): Result<void> {
    const state = this.#state(agent);
    if (state === undefined) return fail('KERNEL_OVERLOADED', `more than ${agents_max} agents are at work`);
    if (signal === 'SIGCONT' && state.killed !== undefined) return fail('AGENT_KILLED', `${agent} was killed: ${state.killed}`);
    if (signal === 'SIGSTOP') state.stopped = why;
    else if (signal === 'SIGCONT') state.stopped = undefined;
    else {
      state.killed ??= `${signal}: ${why}`;
      abortAll(state, new Error(`${agent} was killed: ${state.killed}`));
    }
    this.#forget(agent, state);
    return ok(undefined);
  }

  /** Aborts every call and refuses all that follow. */
  close(why: string): void {
    this.#closed ??= why;
    for (const state of this.#agents.values()) abortAll(state, new Error(why));
  }

  #state(agent: string): AgentState | undefined {
    const known = this.#agents.get(agent);
    if (known !== undefined) return known;
    if (this.#agents.size >= agents_max) return undefined;
    const state: AgentState = { stopped: undefined, killed: undefined, running: new Set() };
    this.#agents.set(agent, state);
    return state;
  }

  #forget(agent: string, state: AgentState): void {
    const idle = state.running.size === 0 && state.stopped === undefined && state.killed === undefined;
    if (idle && this.#agents.get(agent) === state) this.#agents.delete(agent);
  }
}

function abortAll(state: AgentState, error: Error): void {
  for (const controller of state.running) controller.abort(error);
}
