/** Commands from other agents: a verified one goes through the kernel of the agent that it is for, and what that lets through to the agent's handler. */
import type { Json } from '../crypto/canonical.ts';
import type { Chain, Invocation } from '../crypto/chain.ts';
import { FailureError } from '../crypto/result.ts';
import { jsonResult, type Execution, type RemoteCall } from '../protocols/message/index.ts';
import type { HousedAgent } from './agent-house.ts';
import type { AgentCall } from './agents.ts';
import type { ApprovalDesk } from './approvals.ts';
import { delegationOf, handler_missing, indexIn, pendingExecution, refused } from './executions.ts';
import { Attachment, type Decided } from './flight-recorder.ts';
import type { CallContext } from './kernel/index.ts';

/** What commands from other agents use. */
export interface RemoteCommandsParts {
  readonly approvals: Pick<ApprovalDesk, 'keptFor'>;
  /** What a handler may use of its agent's. Throws a `FailureError` for an agent that is not at work. */
  belongings(did: string): Pick<AgentCall, 'files' | 'tools'>;
  /** Remembers under which delegation an agent was given a command. */
  served(chain: Chain, invocation: Invocation): void;
}

/** A command of another agent: decided by the kernel, done by the handler, and the execution tells what came of it. */
export async function commanded(parts: RemoteCommandsParts, agent: HousedAgent, call: RemoteCall, context: CallContext, signal: AbortSignal): Promise<Execution> {
  const { identity, kernel } = agent;
  const { command } = call;
  let served: Json = null;
  const done = ({ decision, index }: Decided): Execution => ({ verdict: 'allow', code: null, rule: decision.rule, reason: decision.reason, result: served, index });
  const outcome = await kernel.scoped(identity.capabilities, () => kernel.run<Json>({
    agent: call.executor,
    action: { type: command.verb, resource: command.path.join('/'), direction: 'in', caller: call.caller },
    data: call.arguments,
    context,
    attach: new Attachment(call.begun, (decided) => call.conclude(done(decided))),
    later: { request: call.approval ?? null },
    signal,
    effect: (effect_signal, given) => serve(parts, agent, call, given ?? null, effect_signal),
    output: {
      type: 'command_result',
      given: (value) => {
        served = value;
      },
    },
  }));
  if (!outcome.ok) {
    const { failure } = outcome;
    const unserved = failure.cause instanceof FailureError && failure.cause.failure === handler_missing;
    const pending = failure.code === 'APPROVAL_PENDING' ? parts.approvals.keptFor({ request: call.approval, call_id: failure.detail?.['call_id'] }) : undefined;
    return pending === undefined ? refused(unserved ? handler_missing : failure, indexIn(failure)) : pendingExecution(pending, indexIn(failure));
  }
  const { decision, index } = outcome.value;
  return { verdict: 'allow', code: null, rule: decision.verdict.rule, reason: decision.verdict.reason, result: served, index };
}

async function serve(parts: RemoteCommandsParts, agent: HousedAgent, call: RemoteCall, given: Json, signal: AbortSignal): Promise<Json> {
  if (agent.handler === undefined) throw new FailureError(handler_missing);
  // Only what was allowed counts as given, and the handler itself may report that it is done.
  if (call.chain !== undefined) parts.served(call.chain, call.invocation);
  const value: unknown = await agent.handler({
    command: call.command.text,
    arguments: given,
    caller: call.caller,
    signal,
    ...parts.belongings(call.executor),
    ...(call.chain === undefined ? {} : { delegation: delegationOf(call.chain) }),
  });
  const result = jsonResult(value);
  if (!result.ok) throw new Error(result.failure.reason);
  return result.value;
}
