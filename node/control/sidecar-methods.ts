/** The control methods about the sidecar: who may speak over it, and how it stands. */
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Node } from '../node.ts';
import type { ControlMethods } from './api.ts';
import type { SidecarControlApi, SidecarView } from './sidecar-api.ts';

type SidecarNode = Pick<Node, 'host' | 'sidecar' | 'sidecar_tokens'>;

async function token(node: SidecarNode, { agent, revoke = false }: SidecarControlApi['sidecar.token']['params']): Promise<Result<SidecarControlApi['sidecar.token']['value']>> {
  const identity = node.host.identities.find(agent);
  if (identity === undefined || identity.agent === null) return fail('AGENT_UNKNOWN', `${agent} is no agent of this host`, { fix: 'agentmesh agent list' });
  const { did, name } = identity;
  if (!revoke && identity.deactivated) return fail('IDENTITY_DEACTIVATED', `${name} is deactivated, which is final`, { fix: 'make a new agent' });
  const issued = revoke ? await node.sidecar_tokens.revoke(did) : await node.sidecar_tokens.issue(did);
  if (!issued.ok) return issued;
  node.sidecar?.cutOff(did);
  return ok({ agent: name, did, token: issued.value ?? null, socket: node.sidecar?.socket_path ?? null, url: node.sidecar?.url ?? null });
}

async function status({ host, sidecar, sidecar_tokens }: SidecarNode): Promise<Result<SidecarView>> {
  const loaded = await sidecar_tokens.load();
  if (!loaded.ok) return loaded;
  const nameOf = (did: string): string => host.identities.find(did)?.name ?? did;
  const { programs, open_calls, streams, tool_streams } = sidecar?.state() ?? { programs: [], open_calls: 0, streams: 0, tool_streams: 0 };
  return ok({
    socket: sidecar?.socket_path ?? null, url: sidecar?.url ?? null, open_calls, streams, tool_streams,
    tokens: sidecar_tokens.list().map(({ did, issued_ms }) => ({ agent: nameOf(did), did, issued_ms })),
    programs: programs.map(({ did, name, framework, version, time_ms }) => ({ agent: nameOf(did), name, framework, version, time_ms })),
  });
}

/** The methods about the sidecar. */
export function sidecarMethods(node: SidecarNode): Pick<ControlMethods, keyof SidecarControlApi> {
  return {
    'sidecar.token': (params) => token(node, params),
    'sidecar.status': () => status(node),
  };
}
