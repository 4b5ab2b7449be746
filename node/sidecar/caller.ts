/** Who speaks over the sidecar: an agent at work, and what holds the program that speaks for it. */
import type { HousedAgent } from '../agent-house.ts';
import type { SandboxTier } from '../kernel/index.ts';

/** A program that acts as an agent. */
export interface Caller {
  readonly agent: HousedAgent;
  /** `none` unless this host itself has put the program into a sandbox: nobody's own word counts. */
  readonly tier: SandboxTier;
  /** Aborts when what the program speaks with is worth nothing any more, where that ends with a run. */
  readonly over?: AbortSignal;
  /** Does something as the agent: within its capabilities, and within the run that the program belongs to. */
  act<T>(work: () => T): T;
}
