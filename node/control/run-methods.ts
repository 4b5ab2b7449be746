/** The control methods about programs that run as agents of this host. */
import { fail, ok } from '../../crypto/result.ts';
import type { Host } from '../host.ts';
import { isAction } from '../kernel/call.ts';
import { sandbox_tiers } from '../kernel/policy/policy.ts';
import { snapshot } from '../kernel/snapshot.ts';
import type { ControlMethods } from './api.ts';
import { housedAgent } from './housed-agent.ts';
import type { RunControlApi } from './run-api.ts';

/** The control methods about runs; `sidecar` is the path of the sidecar's socket. */
export function runMethods(host: Host, sidecar: () => string | undefined = () => undefined): Pick<ControlMethods, keyof RunControlApi> {
  const { runs } = host;
  return {
    'run.begin': async ({ agent, tier, action, data }) => {
      const housed = housedAgent(host, agent);
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
