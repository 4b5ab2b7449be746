/** What a kernel is built from, and what a host brings that takes one over. */
import type { Clock, Random } from '../../protocols/ports.ts';
import type { Approvals } from './arbiter.ts';
import type { SpendingKeeper } from './budgets.ts';
import type { Checkpoint } from './signals/delivery.ts';
import type { DenialTerms } from './floods.ts';
import type { Policy } from './guards.ts';
import type { HostLayers } from './layers.ts';
import type { Counter } from './policy/limit.ts';
import type { Budgets, LoopTerms } from './policy/policy.ts';
import type { Preset } from './presets.ts';
import type { FlightRecorder } from './recorder.ts';

/** What a kernel is built from. Without policies it denies everything. */
export interface KernelInit {
  /** The host's policies, or a preset. */
  readonly policies?: readonly Policy[] | Preset;
  /** The same, for one policy or a preset. */
  readonly policy?: Policy | Preset;
  /** The organisation's policies, above the host's. */
  readonly organisation?: readonly Policy[];
  /** Policies of single agents, below the host's. */
  readonly agents?: { readonly [agent: string]: readonly Policy[] };
  /** The folder that presets confine files to and relative paths start from; the working directory by default. */
  readonly workspace?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** In memory by default. */
  readonly flight_recorder?: FlightRecorder;
  /** This host's score of an agent, 0 to 1000, where a call does not bring one. */
  readonly trustScore?: (agent: string) => number | undefined;
  readonly calls_per_agent_max?: number;
  /** What each agent may use up, besides what policies say: the least holds. */
  readonly budgets?: Budgets;
  /** What counts as a loop where no policy says; a hundred times a second for ten seconds by default. */
  readonly loops?: LoopTerms | 'none';
  /** How many refusals are borne before the agent is stopped; 1,000 a minute by default. */
  readonly denials?: DenialTerms;
  /** Who is asked where a policy wants approval; without it such a call is denied. */
  readonly approvals?: Approvals;
  /** Keeps the state of an agent on SIGUSR2 and gives the name of the snapshot. */
  readonly checkpoint?: Checkpoint;
  /** Time from SIGTERM to SIGKILL for an agent that does not end; five seconds by default. */
  readonly term_grace_ms?: number;
}

/** What a host brings when it takes a kernel over. */
export interface TakeOver {
  /** Where everything is recorded from now on. */
  readonly flight_recorder?: FlightRecorder;
  /** Stand above the kernel's own policies. */
  readonly layers?: HostLayers;
  /** Are asked where a policy wants approval, in place of the kernel's own. */
  readonly approvals?: Approvals;
  /** Keeps the state of an agent on SIGUSR2. */
  readonly checkpoint?: Checkpoint;
  /** Has what agents use up outlive the kernel. */
  readonly spendings?: SpendingKeeper;
  /** Rate limits go on counting from here, and are kept: see `KernelSpace.countedLimits`. */
  readonly limits?: Iterable<Counter>;
}
