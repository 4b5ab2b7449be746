/** The part of the control API about signals. */
import type { ParamSpec, Who } from './api.ts';

/** What came of a signal. */
export interface SignalView {
  /** DID. */
  readonly agent: string;
  readonly signal: string;
  /** Such as `stopped`, `killed`, `pending`, `handled`. */
  readonly outcome: string;
  /** How far the agent may act now: `running`, `stopped` or `killed`. */
  readonly state: string;
  /** The diagnosis of SIGUSR1, the snapshot of SIGUSR2, the budget that stops the agent again after SIGCONT. */
  readonly detail: unknown;
  /** Of the record in the audit log of the agent's host. */
  readonly index: number | null;
  /** The signed receipt, where it went to another host or was sent by an agent. */
  readonly receipt: string | null;
}

/** A signal of the past, or one that waits. Times are Unix milliseconds. */
export interface PastSignalView {
  readonly signal: string;
  readonly by: string;
  readonly reason: string;
  readonly time_ms: number;
  /** `pending` for one that waits. */
  readonly outcome: string;
}

/** An agent of this host and its signals. */
export interface AgentSignalsView {
  readonly agent: string;
  readonly name: string;
  readonly state: string;
  /** Why it does not run. */
  readonly reason: string | null;
  readonly spending: { readonly calls: number; readonly tokens: number; readonly cost: number; readonly wall_time_ms: number };
  /** What it has read that nobody vouches for. */
  readonly taint: readonly string[];
  /** Oldest first. */
  readonly signals: readonly PastSignalView[];
}

/** The methods about signals, with their parameters and answers. */
export interface SignalControlApi {
  /** `from`: the agent that sends it under a delegation, or the sponsor in whose name; the local user where absent. `reset`: gives the whole budget anew and forgets what the agent has read. */
  'signal': { params: { agent: Who; signal: string; reason?: string; from?: Who; delegation?: string; reset?: boolean }; value: SignalView };
  'signal.show': { params: { agent: Who }; value: AgentSignalsView };
}

const text = { type: 'string' } as const;
const text_optional = { type: 'string', optional: true } as const;

/** The parameters of the methods about signals. */
export const signal_params: { readonly [Method in keyof SignalControlApi]: { readonly [Name in keyof SignalControlApi[Method]['params']]: ParamSpec } } = {
  'signal': { agent: text, signal: text, reason: text_optional, from: text_optional, delegation: text_optional, reset: { type: 'boolean', optional: true } },
  'signal.show': { agent: text },
};
