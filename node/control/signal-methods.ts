/** The control methods about signals. The local user may send any to the agents of this host; elsewhere an agent of ours sends them under a delegation. */
import { isFields } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Actions } from '../actions.ts';
import type { HousedAgent } from '../agent-house.ts';
import type { Host } from '../host.ts';
import type { LocalIdentity } from '../identities.ts';
import { parseSignal, type SignalName } from '../kernel/index.ts';
import { signalCapability, signal_reason_characters_max } from '../remote-signals.ts';
import type { ControlMethods } from './api.ts';
import { housedAgent } from './housed-agent.ts';
import type { AgentSignalsView, SignalControlApi, SignalView } from './signal-api.ts';

type Params = SignalControlApi['signal']['params'];

/** Who signals over the control socket. */
const local_user = 'local user';

/** The control methods about signals. */
export function signalMethods(host: Host, actions: Actions): Pick<ControlMethods, keyof SignalControlApi> {
  return {
    'signal': (params, abort) => signal(host, actions, params, abort),
    'signal.show': ({ agent }) => {
      const housed = signallable(host, agent);
      return Promise.resolve(housed.ok ? ok(signalsView(housed.value)) : housed);
    },
  };
}

async function signal(host: Host, actions: Actions, params: Params, abort: AbortSignal): Promise<Result<SignalView>> {
  const { from, reason = '' } = params;
  const name = parseSignal(params.signal);
  if (!name.ok) return name;
  if (reason.length > signal_reason_characters_max) return fail('PARAMS_INVALID', `the reason has more than ${signal_reason_characters_max} characters`);
  const sender = from === undefined ? undefined : actions.own(from);
  if (sender?.ok === false) return sender;
  if (sender?.value.kind === 'agent') return sentBy(host, actions, sender.value, name.value, params, abort);
  const housed = signallable(host, params.agent);
  if (!housed.ok) return housed;
  return signalledHere(host, housed.value, name.value, sender?.value, params);
}

function signallable(host: Host, who: string): Result<HousedAgent> {
  const did = host.identities.didOf(who);
  return did.ok && host.identities.find(did.value) === undefined
    ? fail('SIGNAL_ELSEWHERE', `${who} lives on another host`, { fix: 'name an agent of yours with a delegation of the signal: --from AGENT; its sponsor can end it: agentmesh revoke agent' })
    : housedAgent(host, who);
}

async function signalledHere(host: Host, { identity, kernel }: HousedAgent, name: SignalName, sponsor: LocalIdentity | undefined, { reason, reset = false }: Params): Promise<Result<SignalView>> {
  const { did } = identity;
  if (sponsor !== undefined && !host.revocation.answerable(did).includes(sponsor.did)) {
    return fail('SIGNAL_UNAUTHORISED', `${sponsor.name} does not answer for ${identity.name}`, { fix: 'leave --from out: whoever runs this host may signal its agents' });
  }
  if (reset) {
    kernel.resetSpending(did);
    kernel.taints.clear(did);
  }
  const why = reset ? `${reason ?? 'no reason given'}; its budget was given anew, its labels were taken off` : reason;
  const delivered = await kernel.signal(did, name, { by: sponsor?.did ?? local_user, ...(why === undefined ? {} : { reason: why }) });
  return delivered.ok ? ok({ ...delivered.value, agent: did, receipt: null }) : delivered;
}

/** An agent of ours sends it: through its own kernel, and under a delegation through the executor's. */
async function sentBy(host: Host, actions: Actions, sender: LocalIdentity, name: SignalName, params: Params, abort: AbortSignal): Promise<Result<SignalView>> {
  const { agent, reason, delegation, reset } = params;
  if (reset === true) return fail('PARAMS_INVALID', 'only the local user of its host can give an agent its budget anew', { fix: 'leave --from out, on the host of the agent' });
  const did = host.identities.didOf(agent);
  if (!did.ok) return did;
  const capability = signalCapability(name, did.value);
  if (!capability.ok) return capability;
  const answered = await actions.call({
    from: sender.did, to: did.value, command: capability.value.text, arguments: { reason: reason ?? 'no reason given' }, signal: abort,
    ...(delegation === undefined ? {} : { delegation }),
  });
  if (!answered.ok) return answered;
  const { receipt, receipt_token, result } = answered.value;
  if (receipt.verdict !== 'allow') return fail(receipt.code ?? 'SIGNAL_REFUSED', receipt.reason);
  const { outcome, state, detail = null } = isFields(result) ? result : {};
  return ok({ agent: did.value, signal: name, outcome: textOf(outcome), state: textOf(state), detail, index: receipt.log?.index ?? null, receipt: receipt_token });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'unknown';
}

function signalsView({ identity, kernel }: HousedAgent): AgentSignalsView {
  const { did, name } = identity;
  const { past, pending } = kernel.signalsOf(did);
  const { state, reason } = kernel.standingOf(did);
  return {
    agent: did, name, state, reason, spending: kernel.spending(did), taint: kernel.taints.labels(did),
    signals: [
      ...past.map(({ signal: each, by, reason: why, time_ms, outcome }) => ({ signal: each, by, reason: why, time_ms, outcome })),
      ...pending.map(({ signal: each, by, reason: why, time_ms }) => ({ signal: each, by, reason: why, time_ms, outcome: 'pending' })),
    ],
  };
}
