/**
 * Sandboxes: programs that are held by more than their good will. Whatever they
 * want of the host they ask for through one port, and the kernel decides.
 */
import type { Json } from '../../../crypto/canonical.ts';
import type { Failure, Result } from '../../../crypto/result.ts';
import type { Clock } from '../../../protocols/ports.ts';
import type { Action } from '../call.ts';
import type { SandboxTier } from '../recorder.ts';
import type { SandboxLimits } from './limits.ts';

export type { SandboxedOutcome } from './governed.ts';
export { process_limits, type SandboxLimits } from './limits.ts';
export { executeAction, recordedTier, runSandboxed, startSandboxed, type SandboxInit, type SandboxPlan } from './run.ts';
export { findExecutable } from './wrapper.ts';

/** The only way out of a sandbox. */
export interface SandboxPort {
  /** A call that the program wants made: its answer, or why not. */
  call(action: Action, data: Json): Promise<Result<Json>>;
  /** A piece of what the program prints. */
  output(stream: 'stdout' | 'stderr', text: string): void;
}

/** What every sandbox needs. */
export interface SandboxParts {
  readonly clock: Clock;
  readonly limits: SandboxLimits;
  readonly port: SandboxPort;
}

/** How a program ended. */
export interface SandboxEnd {
  /** What it handed in; null where it handed in nothing. */
  readonly result: Json;
  /** Of a process; 0 for a QuickJS program that returned. */
  readonly exit_code: number;
  /** Bytes of its output that were dropped. */
  readonly dropped_bytes: number;
}

/** A program at work in a sandbox. */
export interface Sandboxed {
  readonly tier: SandboxTier;
  /**
   * Its end. Fails with `SANDBOX_KILLED`, `SANDBOX_TIMEOUT`, `SANDBOX_UNAVAILABLE`, `PROGRAM_FAILED` for what the
   * program threw, or `SANDBOX_FAILED` where the sandbox itself gave way, as it does when memory runs out.
   */
  readonly done: Promise<Result<SandboxEnd>>;
  /** Holds every step of it until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Ends it at once, whatever it is doing. */
  kill(why: Failure): void;
}
