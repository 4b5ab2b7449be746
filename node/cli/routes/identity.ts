/** The commands about agents: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { AgentCreateFlags } from '../commands/identity.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, neededFlag, neededRepeatedFlag, numberFlag, repeatedFlag, textFlag } from '../flags.ts';

const agentCreate: Command<Context> = buildCommand<AgentCreateFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/identity.ts')).agentCreate),
  parameters: {
    flags: {
      ...common_flags,
      sponsor: neededFlag('who', 'Sponsor that answers for the agent: its name or DID'),
      capability: neededRepeatedFlag('verb:resource', 'What the agent may do, repeatable'),
      parent: textFlag('who', 'Agent that this one is a part of'),
      policy: textFlag('file', 'Policy of the agent, in YAML; it can only narrow that of the host'),
      handler: textFlag('file', 'Module that answers the agent\'s calls'),
      requiredTrust: numberFlag('score', 'Trust score from 0 to 1000 that a caller needs'),
      authority: { kind: 'enum', values: ['delegated', 'open'], optional: true, brief: 'Whether a caller must bring a delegation (delegated) or policy alone decides (open)' },
      root: repeatedFlag('who', 'Another sponsor whose delegations the agent honours, repeatable'),
    },
    positional: { kind: 'tuple', parameters: [argument('name', 'Local name of the agent')] },
  },
  docs: docs('Create an agent on this host', 'Creates the DID and key of an agent, with a sponsor that answers for it, and publishes its document.', [
    'agent create analyst --sponsor alice@company.com --capability read:customer-data --capability write:reports',
    'agent create echo --sponsor alice@company.com --capability read:* --handler ./echo.mjs --policy agent.yaml',
  ]),
});

const agentList: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/identity.ts')).agentList),
  parameters: { flags: common_flags },
  docs: docs('List the agents of this host', 'Lists the agents that live on this host.', ['agent list', 'agent list --json']),
});

/** `agentmesh agent`. */
export const agent_routes: RouteMap<Context> = buildRouteMap({ routes: { create: agentCreate, list: agentList }, docs: { brief: 'Agents that live on this host' } });
