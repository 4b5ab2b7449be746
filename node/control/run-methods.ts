/** The control methods about programs that run as agents of this host. */
import { isFields } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { HousedAgent } from '../agent-house.ts';
import type { Host } from '../host.ts';
import type { Action } from '../kernel/index.ts';
import { sandbox_tiers } from '../kernel/policy/policy.ts';
import { snapshot } from '../kernel/snapshot.ts';
import type { ControlMethods } from './api.ts';
import type { RunControlApi } from './run-api.ts';

function agentOf(host: Host, who: string): Result<HousedAgent> {
  const did = host.identities.didOf(who);
  if (!did.ok) return did;
  const agent = host.agents.get(did.value);
  return agent === undefined ? fail('AGENT_UNKNOWN', `${who} is no agent that is ready on this host`, { fix: 'agentmesh agent list' }) : ok(agent);
}

function isAction(value: unknown): value is Action {
  return isFields(value) && typeof value['type'] === 'string';
}

/** The control methods about runs; `sidecar` is the path of the sidecar's socket. */
export function runMethods(host: Host, sidecar: () => string | undefined = () => undefined): Pick<ControlMethods, keyof RunControlApi> {
  const { runs } = host;
  return {
    'run.begin': async ({ agent, tier, action, data }) => {
      const housed = agentOf(host, agent);
      if (!housed.ok) return housed;
      const named = sandbox_tiers.find((one) => one === tier);
      if (named === undefined) return fail('PARAMS_INVALID', `a sandbox is one of ${sandbox_tiers.join(', ')}`);
      const copied = snapshot(data);
      if (!copied.ok) return copied;
      if (!isAction(action) || action.type !== 'execute') return fail('CALL_INVALID', 'a run begins with an action of type execute');
      const begun = await runs.begin(housed.value, { tier: named, action, data: copied.value });
      const socket = sidecar();
      return begun.ok ? ok({ id: begun.value.id, sidecar: socket === undefined ? null : { socket, token: begun.value.token } }) : begun;
    },
    'run.next': ({ id }, signal) => runs.next(id, signal),
    'run.call': async ({ id, action, data = null }) => {
      const copied = snapshot(data);
      if (!copied.ok) return copied;
      return isAction(action) ? runs.call(id, action, copied.value) : fail('CALL_INVALID', 'the action has no type', { fix: "give action.type, e.g. 'read'" });
    },
    'run.end': ({ id, exit_code = null, code, reason = '' }) => runs.end(id, { exit_code, failure: code === undefined ? null : { code, reason } }),
  };
}
