/**
 * Signals from other agents: the command `signal:<name>/<id>`, where `<id>` is
 * the DID of the agent without `did:mesh:`. It needs a delegation from a sponsor
 * whom the agent honours, also where the agent takes other commands without one,
 * and is the kernel's to obey: neither the agent's handler nor its policies are asked.
 */
import { isFields, type Json } from '../crypto/canonical.ts';
import { parseCapability, type Capability } from '../crypto/capability.ts';
import { fail, ok, type Failure, type Result } from '../crypto/result.ts';
import type { Execution, RemoteCall } from '../protocols/message/index.ts';
import type { HousedAgent } from './agent-house.ts';
import { indexIn, refused } from './executions.ts';
import { Attachment, type Decided } from './flight-recorder.ts';
import type { LocalIdentity } from './identities.ts';
import { parseSignal, type CallContext, type Delivered, type SignalName } from './kernel/index.ts';

/** Characters of a reason that is given with a signal. */
export const signal_reason_characters_max = 300;

const did_prefix = 'did:mesh:';
const verb = 'signal';

/** The capability of one signal to one agent. Fails with `CAPABILITY_MALFORMED` for what is no did:mesh. */
export function signalCapability(signal: SignalName, did: string): Result<Capability> {
  return parseCapability(`${verb}:${signal.toLowerCase()}/${did.startsWith(did_prefix) ? did.slice(did_prefix.length) : did}`);
}

/** Whether a command is a signal. */
export function isSignalCommand(command: Capability): boolean {
  return command.verb === verb;
}

/** The signal that a verified command is, and why it is sent. Fails with `SIGNAL_UNKNOWN`, `SIGNAL_MISDIRECTED`, or `DELEGATION_REQUIRED` for who has no delegation of the agent's sponsors. */
function signalOf({ command, chain, executor }: RemoteCall, identity: LocalIdentity, given: Json): Result<{ readonly signal: SignalName; readonly reason: string }> {
  const [name = '', id] = command.path;
  const signal = parseSignal(name);
  if (!signal.ok) return signal;
  if (command.path.length !== 2 || `${did_prefix}${id ?? ''}` !== executor) {
    return fail('SIGNAL_MISDIRECTED', `${command.text} is not for ${executor}`, { fix: `${verb}:${name}/${executor.slice(did_prefix.length)}` });
  }
  const roots = [identity.sponsor, ...(identity.agent?.roots ?? [])];
  if (chain === undefined || !roots.includes(chain.root)) {
    return fail('DELEGATION_REQUIRED', `${signal.value} needs a delegation, of ${command.text} or wider, from a sponsor of the agent`, { fix: `ask ${identity.sponsor ?? 'its sponsor'} to delegate ${command.text}` });
  }
  const said = isFields(given) ? given['reason'] : undefined;
  return ok({ signal: signal.value, reason: typeof said === 'string' ? said.slice(0, signal_reason_characters_max) : 'no reason given' });
}

/** A signal of another agent: the kernel acts, whatever the agent and its policies would say, and the receipt tells what came of it. */
export async function signalled({ identity, kernel }: Pick<HousedAgent, 'identity' | 'kernel'>, call: RemoteCall, context: CallContext): Promise<Execution> {
  // A refusal stands in the record like that of any other command, and is told whatever has stopped the agent: a signal is not for it to take.
  const refuse = async (problem: Failure): Promise<Execution> => {
    const { executor: agent, caller, command, begun } = call;
    const denied = await kernel.run({
      agent, context, unauthorised: problem,
      action: { type: verb, resource: command.path.join('/'), direction: 'in', caller },
      data: call.arguments,
      attach: new Attachment(begun, () => Promise.resolve([])),
      effect: () => Promise.resolve(null),
    });
    return denied.ok ? refused(problem, null) : refused(denied.failure, indexIn(denied.failure));
  };
  const sent = signalOf(call, identity, call.arguments);
  if (!sent.ok) return refuse(sent.failure);
  const { signal, reason } = sent.value;
  const conclude = ({ decision, index }: Decided): Execution => {
    const { action } = decision;
    return { verdict: 'allow', code: null, rule: null, reason: decision.reason, result: isFields(action) ? pick(action, ['signal', 'outcome', 'state', 'detail']) : null, index };
  };
  const attach = new Attachment(call.begun, (decided) => call.conclude(conclude(decided)));
  const delivered: Result<Delivered> = await kernel.signal(call.executor, signal, { by: call.caller, reason, context, attach });
  if (!delivered.ok) return delivered.failure.code === 'AUDIT_UNAVAILABLE' ? refused(delivered.failure, null) : refuse(delivered.failure);
  return attach.decided === undefined ? refused({ code: 'AUDIT_UNAVAILABLE', reason: 'the signal could not be recorded' }, null) : conclude(attach.decided);
}

function pick(from: { readonly [name: string]: Json }, names: readonly string[]): Json {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name] ?? null]));
}
