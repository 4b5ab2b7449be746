/** Programs in sandboxes, as other code of this project and programs start them. */
import { basename } from 'node:path';
import type { Json } from '../../../crypto/canonical.ts';
import { fail, type Result } from '../../../crypto/result.ts';
import type { Clock } from '../../../protocols/ports.ts';
import { system_clock } from '../../clock.ts';
import type { Action } from '../call.ts';
import { governSandboxed, type GovernedProgram, type SandboxedOutcome } from './governed.ts';
import type { Sandboxed, SandboxPort } from './index.ts';
import { process_limits, quickjs_limits, type SandboxLimits } from './limits.ts';
import { startProcess, type ProcessPlan } from './process.ts';
import { startQuickJs } from './quickjs.ts';

/** What is to be run, and in which tier. */
export type SandboxPlan =
  | { readonly tier: 'quickjs'; readonly name: string; readonly program: string }
  | (ProcessPlan & { readonly tier: 'none' | 'process' | 'bwrap' });

/** How a sandboxed program is run under a kernel. */
export interface SandboxInit {
  readonly kernel: GovernedProgram['kernel'];
  readonly agent: string;
  readonly plan: SandboxPlan;
  /** Does what the program asks for, after the kernel has allowed it; by default nothing: the answer only says that it may. */
  readonly serve?: GovernedProgram['serve'];
  /** Takes what the program prints. */
  readonly output?: SandboxPort['output'];
  readonly limits?: Partial<SandboxLimits>;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** The last part of a path in the letters of a capability, so that `execute:python3` covers it. */
function resourceOf(program: string): string {
  const name = basename(program).toLowerCase().replaceAll(/[^a-z0-9._-]/g, '-');
  return name === '' ? 'program' : name;
}

/** The tier that records name. The host's network is a way to other programs of the host, past the kernel: with it bubblewrap holds no more than `process` claims. */
export function recordedTier(plan: SandboxPlan): SandboxPlan['tier'] {
  return plan.tier === 'bwrap' && plan.network ? 'process' : plan.tier;
}

/**
 * The action that the start of a program is: `execute`, with the name of the program as its resource, its path as `action.program`,
 * and under bubblewrap what it is given as `action.network` and `action.writable`.
 */
export function executeAction(plan: SandboxPlan): { readonly action: Action; readonly data: Json } {
  if (plan.tier === 'quickjs') return { action: { type: 'execute', resource: resourceOf(plan.name), program: plan.name }, data: { program: plan.program } };
  const { tier, command, args, workspace, writable, network, shown = [] } = plan;
  return {
    action: { type: 'execute', resource: resourceOf(command), program: command, ...(tier === 'bwrap' ? { network, writable } : {}) },
    data: { arguments: args, workspace, writable, network, shown },
  };
}

/** Starts a program in its tier, ungoverned but for what it asks of the port. Fails with `PROGRAM_TOO_LARGE`, and as {@link startProcess} does. */
export function startSandboxed(plan: SandboxPlan, port: SandboxPort, limits: Partial<SandboxLimits> = {}, clock: Clock = system_clock): Result<Sandboxed> {
  if (plan.tier !== 'quickjs') return startProcess(plan, { clock, port, limits: { ...process_limits, ...limits } });
  const all = { ...quickjs_limits, ...limits };
  if (plan.program.length > all.message_bytes) return fail('PROGRAM_TOO_LARGE', `a program has at most ${all.message_bytes} characters, this one ${plan.program.length}`);
  return { ok: true, value: startQuickJs(plan.program, { clock, port, limits: all }) };
}

/**
 * Runs a program in a sandbox, governed from its start to its end: the start is
 * an action `execute`, everything that it asks for is an action of its agent, and
 * every record names the tier. SIGSTOP, SIGCONT and SIGKILL of the agent reach it.
 *
 * Fails as {@link KernelSpace.run} does; what went wrong in the sandbox is the cause of `EFFECT_FAILED`.
 */
export function runSandboxed(init: SandboxInit): Promise<Result<SandboxedOutcome>> {
  const { kernel, agent, plan, serve = async () => null, output = () => undefined, limits, signal, clock } = init;
  return governSandboxed({
    kernel, agent, tier: recordedTier(plan), ...executeAction(plan), serve, output,
    ...(signal === undefined ? {} : { signal }),
    start: (port) => startSandboxed(plan, port, limits, clock),
  });
}
