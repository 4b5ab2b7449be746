/** A sandboxed program under the kernel: its start is a governed decision, and so is everything that it asks for. */
import { AsyncResource } from 'node:async_hooks';
import type { Json } from '../../../crypto/canonical.ts';
import { fail, FailureError, messageOf, type Failure, type Result } from '../../../crypto/result.ts';
import type { Action, Outcome } from '../call.ts';
import type { KernelSpace } from '../kernel.ts';
import type { SandboxTier } from '../recorder.ts';
import type { Sandboxed, SandboxEnd, SandboxPort } from './index.ts';

/** What is run, by whom, and what its calls do once they are allowed. */
export interface GovernedProgram {
  readonly kernel: Pick<KernelSpace, 'run' | 'observeSignals'>;
  readonly agent: string;
  readonly tier: SandboxTier;
  /** What the decision about the start is about. */
  readonly action: Action;
  /** The arguments of the start, recorded by their hash. */
  readonly data: Json;
  /** Does what the program wants, after the kernel has allowed it. */
  readonly serve: (action: Action, data: Json, signal: AbortSignal) => Promise<Json>;
  readonly output: SandboxPort['output'];
  /** The caller's own way to end it. */
  readonly signal?: AbortSignal;
  /** Starts it in its sandbox, once that is allowed. */
  readonly start: (port: SandboxPort) => Result<Sandboxed>;
}

/** How a governed program ended. */
export type SandboxedOutcome = Outcome<SandboxEnd>;

/**
 * Runs a program to its end. SIGSTOP holds it, SIGCONT lets it go on, SIGKILL
 * and whatever else ends its agent ends it. Fails as {@link KernelSpace.run} does;
 * what went wrong in the sandbox is the cause of `EFFECT_FAILED`.
 */
export function governSandboxed(program: GovernedProgram): Promise<Result<SandboxedOutcome>> {
  const { kernel, agent, tier, action, data, signal } = program;
  return kernel.run<SandboxEnd>({
    agent, action, data,
    context: { sandbox: tier },
    ...(signal === undefined ? {} : { signal }),
    effect: (effect_signal) => held(program, effect_signal),
  });
}

async function held(program: GovernedProgram, signal: AbortSignal): Promise<SandboxEnd> {
  const { kernel, agent, tier, serve } = program;
  // What the program asks for later comes from a thread or a pipe and has to act within this very call.
  const within = new AsyncResource('agentmesh.sandbox');
  const call: SandboxPort['call'] = async (action, data) => {
    const made = await within.runInAsyncScope(() => kernel.run<Json>({
      agent, action, data,
      context: { sandbox: tier },
      effect: (inner, given) => serve(action, given ?? null, inner),
      output: { type: 'tool_result' },
    }));
    return made.ok ? { ok: true, value: made.value.value } : made;
  };
  const started = program.start({ call, output: program.output });
  if (!started.ok) throw new FailureError(started.failure);
  const run = started.value;
  const observing = kernel.observeSignals((info, outcome) => {
    if (info.agent !== agent) return;
    if (outcome === 'stopped') run.pause();
    if (outcome === 'continued') run.resume();
  });
  // What could not be stopped must not run.
  if (!observing.ok) run.kill(observing.failure);
  const kill = (): void => run.kill(killed(signal));
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill, { once: true });
  try {
    const ended = await run.done;
    if (!ended.ok) throw new FailureError(ended.failure);
    return ended.value;
  } finally {
    signal.removeEventListener('abort', kill);
    if (observing.ok) observing.value();
    within.emitDestroy();
  }
}

function killed(signal: AbortSignal): Failure {
  return fail('SANDBOX_KILLED', `the program was ended: ${messageOf(signal.reason)}`).failure;
}
