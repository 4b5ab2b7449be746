/** What `agentmesh run` does: a whole program under the kernel, that of a running node or one of its own. */
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Json } from '../../../crypto/canonical.ts';
import { fail, FailureError, messageOf, ok, type Failure, type Result } from '../../../crypto/result.ts';
import type { Action } from '../../kernel/index.ts';
import type { Sandboxed, SandboxEnd, SandboxLimits, SandboxPlan, SandboxPort } from '../../kernel/sandbox/index.ts';
import { ask, dataFolder, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { exitCodeOf } from '../exit.ts';
import { duration, visible } from '../view/text.ts';

/** Flags of `run`. */
export interface RunFlags extends CommonFlags {
  readonly sandbox?: SandboxPlan['tier'] | undefined;
  readonly agent?: string | undefined;
  readonly policy?: string | undefined;
  readonly workspace?: string | undefined;
  readonly write: boolean;
  readonly net: boolean;
  readonly show?: readonly string[] | undefined;
  readonly env?: readonly string[] | undefined;
  readonly memory?: number | undefined;
  readonly cpu?: number | undefined;
  readonly timeout?: number | undefined;
}

/** How a run ended, and where that is recorded. */
interface Ended {
  readonly result: Result<SandboxEnd>;
  /** In the node's log; `undefined` where none keeps it. */
  readonly index: number | undefined;
}

const handed_on = ['PATH', 'LANG', 'TERM'];
/** What shells say of a program that they cannot run or do not find. */
const not_found_codes: ReadonlySet<number> = new Set([126, 127]);
const local_agent = 'program';

function limitsOf({ memory, cpu, timeout }: RunFlags): Partial<SandboxLimits> {
  return {
    ...(memory === undefined ? {} : { memory_bytes: memory }),
    ...(cpu === undefined ? {} : { cpu_ms: cpu * 1000 }),
    ...(timeout === undefined ? {} : { wall_ms: timeout * 1000 }),
  };
}

/** A path without links; as it is where there is nothing. */
function withoutLinks(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

async function planOf(context: Context, flags: RunFlags, [command = '', ...args]: readonly string[], tier: SandboxPlan['tier']): Promise<Result<SandboxPlan>> {
  if (tier === 'quickjs') {
    if (args.length > 0) return fail('USAGE_INVALID', 'a QuickJS program takes no arguments', { fix: 'name the JavaScript file alone' });
    try {
      return ok({ tier, name: command, program: await readFile(command, 'utf8') });
    } catch (error) {
      return fail('FILE_UNREADABLE', `${command} cannot be read: ${messageOf(error)}`, { fix: 'name a JavaScript file that you may read' });
    }
  }
  const named = [...handed_on, ...flags.env ?? []];
  const environment = Object.fromEntries(named.flatMap((name) => {
    const value = context.process.env[name];
    return value === undefined ? [] : [[name, value]];
  }));
  const workspace = await withoutLinks(resolve(flags.workspace ?? '.'));
  const data = await withoutLinks(dataFolder(flags.data, context.process.env));
  const shown = await Promise.all((flags.show ?? []).map((path) => withoutLinks(resolve(path))));
  // With the control socket a program could grant its own approvals.
  const hidden = existsSync(data) ? [data] : [];
  return ok({ tier, command, args, workspace, shown, hidden, writable: flags.write, network: flags.net, environment, stdio: 'inherited' });
}

/** Who decides: the agent or the policy that is named, else the only agent of the running node. */
async function decider(context: Context, flags: RunFlags): Promise<Result<RunFlags>> {
  const fix = 'either --agent NAME, an agent of the running node, or --policy FILE';
  if (flags.agent !== undefined && flags.policy !== undefined) return fail('USAGE_INVALID', 'both an agent and a policy are to decide about the program', { fix });
  if (flags.agent !== undefined || flags.policy !== undefined) return ok(flags);
  const listed = await ask(context, flags, 'agent.list', {});
  const agents = listed.ok ? listed.value : [];
  const [only] = agents;
  if (only !== undefined && agents.length === 1) return ok({ ...flags, agent: only.name });
  return fail('USAGE_INVALID', only === undefined ? 'nobody would decide about the program' : `the node has ${agents.length} agents, and the program is to be of one`, { fix });
}

/** `agentmesh run`. */
export async function run(context: Context, given: RunFlags, ...line: string[]): Promise<Outcome> {
  const decided = await decider(context, given);
  if (!decided.ok) return new FailureError(decided.failure);
  const flags = decided.value;
  const { findExecutable } = await import('../../kernel/sandbox/index.ts');
  const tier = flags.sandbox ?? (findExecutable('bwrap') === undefined ? 'process' : 'bwrap');
  const plan = await planOf(context, flags, line, tier);
  if (!plan.ok) return new FailureError(plan.failure);
  const began = performance.now();
  const ended = flags.agent === undefined ? await runLocally(context, flags, plan.value, flags.policy ?? '') : await runAsAgent(context, flags, plan.value, flags.agent);
  const spent_ms = performance.now() - began;
  report(context, flags, plan.value, ended, spent_ms);
  if (!ended.result.ok) return new FailureError(ended.result.failure);
  context.process.exitCode = ended.result.value.exit_code;
}

function report(context: Context, flags: RunFlags, plan: SandboxPlan, { result, index }: Ended, spent_ms: number): void {
  const { tier } = plan;
  const verdict = result.ok ? 'ran' : exitCodeOf(result.failure) === 4 ? 'denied' : 'failed';
  if (flags.json) {
    return context.printJson({ sandbox: tier, verdict, code: result.ok ? null : result.failure.code, duration_ms: Math.round(spent_ms), index: index ?? null, ...(result.ok ? result.value : {}) });
  }
  if (result.ok && result.value.result !== null) context.print(JSON.stringify(result.value.result));
  const recorded = index !== undefined ? `recorded as entry ${index}` : flags.agent === undefined ? 'recorded nowhere: name an --agent of a running node' : 'no entry of its own';
  const held = tier === 'bwrap' && plan.network ? `${tier} with the network` : tier;
  context.talk(`sandbox ${held}: ${verdict} after ${duration(spent_ms)}; ${recorded}`);
  if (tier === 'bwrap' && result.ok && not_found_codes.has(result.value.exit_code)) {
    context.talk('something that it needs may lie outside of what bwrap shows it: agentmesh run --show FOLDER shows more, read-only');
  }
}

/** Where a denial stands in the log. */
function indexOf({ detail }: Failure): number | undefined {
  const index = detail?.['index'];
  return typeof index === 'number' ? index : undefined;
}

/** Ctrl-C and the end of the terminal end the program, not only us. */
function interruptible(): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const abort = (name: string): void => controller.abort(new Error(`interrupted by ${name}`));
  for (const name of names) process.on(name, abort);
  return { signal: controller.signal, stop: () => { for (const name of names) process.off(name, abort); } };
}

function printer(context: Context): SandboxPort['output'] {
  return (stream, text) => void context.process[stream].write(stream === 'stderr' ? text : text.split('\n').map(visible).join('\n'));
}

/** A kernel of our own: it decides and holds, and what it records ends with us. */
async function runLocally(context: Context, flags: RunFlags, plan: SandboxPlan, policy_file: string): Promise<Ended> {
  const { KernelSpace, Policy } = await import('../../kernel/index.ts');
  const { runSandboxed } = await import('../../kernel/sandbox/index.ts');
  const policy = await Policy.load(policy_file);
  if (!policy.ok) return { result: policy, index: undefined };
  const interrupt = interruptible();
  try {
    const outcome = await runSandboxed({
      kernel: new KernelSpace({ policies: [policy.value] }), agent: local_agent, plan, limits: limitsOf(flags), output: printer(context), signal: interrupt.signal,
    });
    return { result: outcome.ok ? ok(outcome.value.value) : unwrapped(outcome), index: undefined };
  } finally {
    interrupt.stop();
  }
}

/** What went wrong in the sandbox, rather than that something did. */
function unwrapped(outcome: Result<unknown>): Result<never> {
  if (outcome.ok) throw new Error('broken invariant: an outcome is no failure');
  const { cause } = outcome.failure;
  return { ok: false, failure: cause instanceof FailureError ? cause.failure : outcome.failure };
}

/** The program with its way to the sidecar, where that is open: a socket, and a token that ends with it. */
function speaking(plan: SandboxPlan, sidecar: { readonly socket: string; readonly token: string } | null): SandboxPlan {
  if (sidecar === null || plan.tier === 'quickjs') return plan;
  return { ...plan, sockets: [sidecar.socket], environment: { ...plan.environment, AGENTMESH_SIDECAR: sidecar.socket, AGENTMESH_TOKEN: sidecar.token } };
}

/** Under the kernel of the running node: it decides and records, we hold. */
async function runAsAgent(context: Context, flags: RunFlags, plan: SandboxPlan, agent: string): Promise<Ended> {
  const { executeAction, recordedTier, startSandboxed } = await import('../../kernel/sandbox/index.ts');
  const { action, data } = executeAction(plan);
  const begun = await ask(context, flags, 'run.begin', { agent, tier: recordedTier(plan), action, data });
  if (!begun.ok) return { result: begun, index: indexOf(begun.failure) };
  const { id, sidecar } = begun.value;
  const call = (asked: Action, payload: Json): Promise<Result<Json>> => ask(context, flags, 'run.call', { id, action: asked, data: payload });
  const started = startSandboxed(speaking(plan, sidecar), { call, output: printer(context) }, limitsOf(flags));
  const interrupt = interruptible();
  const result = started.ok ? await watched(context, flags, id, started.value, interrupt.signal) : started;
  interrupt.stop();
  const told = await ask(context, flags, 'run.end', { id, ...(result.ok ? { exit_code: result.value.exit_code } : { code: result.failure.code, reason: result.failure.reason.slice(0, 1000) }) });
  return { result, index: told.ok ? told.value.index : undefined };
}

/** Does what the node says until the program has ended; a node that cannot be asked any more ends it. */
async function watched(context: Context, flags: RunFlags, id: string, run: Sandboxed, interrupted: AbortSignal): Promise<Result<SandboxEnd>> {
  const state = { over: false };
  interrupted.addEventListener('abort', () => run.kill({ code: 'SANDBOX_KILLED', reason: messageOf(interrupted.reason) }), { once: true });
  const follow = async (): Promise<void> => {
    while (!state.over) {
      const event = await ask(context, flags, 'run.next', { id });
      if (!event.ok) return run.kill({ code: 'SANDBOX_KILLED', reason: `the node that governs the program cannot be asked any more: ${event.failure.reason}` });
      if (event.value.kind === 'stop') run.pause();
      else if (event.value.kind === 'continue') run.resume();
      else if (event.value.kind === 'kill') return run.kill({ code: 'SANDBOX_KILLED', reason: event.value.reason });
    }
  };
  const following = follow();
  const result = await run.done;
  state.over = true;
  // The question that is open is answered soon; nobody waits for it.
  void following.catch(() => undefined);
  return result;
}
