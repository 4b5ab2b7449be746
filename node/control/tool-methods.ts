/** The control methods about tools. */
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Host } from '../host.ts';
import { changedMembers, type Tool } from '../kernel/tools/descriptor.ts';
import type { Shelved } from '../kernel/tools/shelf.ts';
import type { ControlMethods } from './api.ts';
import type { ToolControlApi, ToolView } from './tool-api.ts';

function toolView(host: Host, { pinned, offered, owner, agents }: Shelved): ToolView {
  const { name, version, description, digest, side_effects, risk, requires_approval, capabilities, open_world } = pinned.tool;
  return {
    name, version, description, digest, side_effects, risk, requires_approval, capabilities, open_world, owner, agents, publisher: pinned.publisher,
    state: offered !== null ? 'changed' : host.tools.registry.isServed(name) ? 'served' : 'known',
    offered: offered?.tool.digest ?? null,
  };
}

function known(host: Host, name: string): Result<Shelved> {
  const shelved = host.tools.registry.get(name);
  return shelved === undefined ? fail('TOOL_UNKNOWN', `there is no tool ${JSON.stringify(name.slice(0, 128))}`, { fix: 'agentmesh tools list' }) : ok(shelved);
}

function viewOf(host: Host, tool: Result<Tool>): Result<ToolView> {
  const shelved = tool.ok ? known(host, tool.value.name) : tool;
  return shelved.ok ? ok(toolView(host, shelved.value)) : shelved;
}

function list(host: Host, agent: string | undefined): Result<readonly ToolView[]> {
  const all = host.tools.registry.all();
  if (agent === undefined) return ok(all.map((shelved) => toolView(host, shelved)));
  const did = host.identities.didOf(agent);
  const toolbox = did.ok ? host.tools.of(did.value) : did;
  if (!toolbox.ok) return toolbox;
  const names = new Set(toolbox.value.list().map(({ name }) => name));
  return ok(all.filter(({ pinned }) => names.has(pinned.tool.name)).map((shelved) => toolView(host, shelved)));
}

async function register(host: Host, { descriptor, token, agents = [] }: ToolControlApi['tool.register']['params']): Promise<Result<ToolView>> {
  const dids: string[] = [];
  for (const agent of agents) {
    const did = host.identities.didOf(agent);
    if (!did.ok) return did;
    dids.push(did.value);
  }
  return viewOf(host, await host.tools.register({ descriptor, ...(token === undefined ? {} : { token }), ...(dids.length === 0 ? {} : { agents: dids }) }));
}

async function sign(host: Host, { descriptor, from }: ToolControlApi['tool.sign']['params']): Promise<Result<ToolControlApi['tool.sign']['value']>> {
  const identity = host.identities.find(from);
  if (identity === undefined || identity.deactivated) return fail('IDENTITY_UNKNOWN', `no key of ${from} is held here`, { fix: 'agentmesh did list' });
  const signed = await host.tools.sign(identity.signer, descriptor);
  if (!signed.ok) return signed;
  const { tool, token } = signed.value;
  return ok({ name: tool.name, digest: tool.digest, publisher: identity.did, token });
}

/** The methods about tools. */
export function toolMethods(host: Host): Pick<ControlMethods, keyof ToolControlApi> {
  return {
    'tool.list': ({ agent }) => Promise.resolve(list(host, agent)),
    'tool.show': ({ name }) => {
      const shelved = known(host, name);
      if (!shelved.ok) return Promise.resolve(shelved);
      const { pinned, offered } = shelved.value;
      return Promise.resolve(ok({
        ...toolView(host, shelved.value), descriptor: pinned.tool.document, offered_descriptor: offered?.tool.document ?? null,
        differs_in: offered === null ? [] : changedMembers(pinned.tool.document, offered.tool.document),
      }));
    },
    'tool.register': (params) => register(host, params),
    'tool.sign': (params) => sign(host, params),
    'tool.accept': async ({ name, digest }) => viewOf(host, await host.tools.accept(name, digest)),
    'tool.remove': async ({ name }) => {
      const removed = await host.tools.remove(name);
      return removed.ok ? ok({ name }) : removed;
    },
  };
}
