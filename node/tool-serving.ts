/**
 * Tools whose work an agent does. To do it is an action of that agent (`tool.serve`), at the command of
 * whoever calls: decided by its own kernel, recorded in its name, and ended by its own signals.
 */
import type { Json } from '../crypto/canonical.ts';
import { FailureError, messageOf, type Failure } from '../crypto/result.ts';
import type { HousedAgent } from './agent-house.ts';
import type { SandboxTier } from './kernel/index.ts';
import { resourceOf } from './kernel/memory/mounts.ts';
import type { ToolCall, ToolRunner } from './kernel/tools/services.ts';

/** A call of a tool, as the agent that does its work sees it: everything in it was checked and allowed. */
export interface ServedCall {
  readonly tool: string;
  /** As the descriptor wants it. */
  readonly input: Json;
  /** Who calls. */
  readonly caller: string;
  /** The name of the serving in the record of the agent that serves. */
  readonly call_id: string;
  /** Aborts when nobody waits for the result any more, or the agent must end. */
  readonly signal: AbortSignal;
}

/** A program of an agent that does the work of tools. */
export interface ToolServer {
  readonly agent: HousedAgent;
  /** What holds its program. */
  readonly tier: SandboxTier;
}

/** How tools are served by agents. */
export interface ToolServingParts {
  /** The server as it is now. Throws a `FailureError` where the agent cannot work. */
  server(): ToolServer;
  /** The host's score of a caller, as the serving agent sees it. */
  trustScore(server: string, caller: string): number;
}

/** The runner of a tool whose work an agent does. It throws a `FailureError` with `TOOL_UNAVAILABLE` or `TOOL_REFUSED`, or whatever the work throws. */
export function servedBy(parts: ToolServingParts, work: (call: ServedCall) => Promise<unknown>): ToolRunner {
  return async (input, signal, call) => {
    const { agent: { identity: { did, capabilities }, kernel }, tier } = parts.server();
    const { agent: caller, labels, tool } = call;
    let has_begun = false;
    // Not within whatever its program is in the midst of: it acts at the command of another.
    const outcome = await kernel.scoped(capabilities, () => kernel.run<unknown>({
      agent: did,
      action: actionOf(call),
      data: input,
      // What others ask for is not the agent's own deed: see `CallContext.peer`.
      context: { sandbox: tier, taint: labels, ...(caller === did ? {} : { peer: caller, trust_score: parts.trustScore(did, caller) }) },
      signal,
      output: { type: 'command_result' },
      effect: (served_signal, given) => {
        has_begun = true;
        // What it is given it has read: otherwise a hostile text would become a clean one on its way through a tool.
        // Not before its rules let that in: nobody labels an agent by asking.
        for (const label of labels) kernel.taints.add(did, label, `tool ${tool.name}`);
        return work({ tool: tool.name, input: given ?? null, caller, call_id: kernel.current()?.call_id ?? '', signal: served_signal });
      },
    }));
    if (has_begun) call.taint(kernel.taints.labels(did));
    if (outcome.ok) return outcome.value.value;
    throw signal.aborted ? signal.reason : errorOf(tool.name, outcome.failure);
  };
}

function actionOf({ agent, call_id, tool: { name, version, digest } }: ToolCall): { readonly type: string; readonly [member: string]: Json } {
  return { type: 'tool.serve', direction: 'in', tool: name, resource: resourceOf(name.split('/')), version, digest, caller: agent, caller_call_id: call_id };
}

/** What the caller gets of a failure on the other side. */
function errorOf(name: string, failure: Failure): unknown {
  const { code, reason, cause } = failure;
  if (code === 'EFFECT_FAILED') return cause instanceof FailureError ? cause : new Error(messageOf(cause));
  const is_away = code === 'CALL_ABORTED' || code === 'AGENT_STOPPED' || code === 'AGENT_KILLED' || code === 'KERNEL_STOPPED' || code === 'KERNEL_OVERLOADED';
  if (is_away) return new FailureError({ code: 'TOOL_UNAVAILABLE', reason: `the agent that serves the tool ${name} cannot do it now: ${reason}`, fix: 'try again when it works again' });
  return new FailureError({ code: 'TOOL_REFUSED', reason: `the agent that serves the tool ${name} must not do this: ${code}: ${reason}`, fix: `its policies and capabilities must let it do tool.serve:${resourceOf(name.split('/'))}` });
}
