/** The agent of this host that a control method names. */
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { HousedAgent } from '../agent-house.ts';
import type { Host } from '../host.ts';

/** An agent at work on this host, by name or DID. Fails with `IDENTITY_UNKNOWN`, `AGENT_UNKNOWN` for what is no agent of this host, `AGENT_UNUSABLE` for one that cannot work at present. */
export function housedAgent(host: Host, who: string): Result<HousedAgent> {
  const did = host.identities.didOf(who);
  if (!did.ok) return did;
  const housed = host.agents.get(did.value);
  if (housed !== undefined) return ok(housed);
  const identity = host.identities.find(did.value);
  return identity === undefined || identity.agent === null
    ? fail('AGENT_UNKNOWN', `${who} is no agent of this host`, { fix: 'agentmesh agent list' })
    : fail('AGENT_UNUSABLE', `${who} is no agent that is ready on this host`, { fix: 'agentmesh agent list, agentmesh doctor' });
}
