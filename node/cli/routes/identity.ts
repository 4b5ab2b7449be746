/** The commands about sponsors, agents and DIDs: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { AgentCreateFlags, ResolveFlags, SponsorCreateFlags } from '../commands/identity.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, neededFlag, neededRepeatedFlag, numberFlag, repeatedFlag, textFlag } from '../flags.ts';

const sponsorCreate: Command<Context> = buildCommand<SponsorCreateFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/identity.ts')).sponsorCreate),
  parameters: {
    flags: { ...common_flags, kind: { kind: 'enum', values: ['human', 'org'], default: 'human', brief: 'Whether a person or an organisation answers' } },
    positional: { kind: 'tuple', parameters: [argument('name', 'Local name, e.g. an e-mail address; it never leaves this host')] },
  },
  docs: docs('Create a sponsor', 'Creates the DID and key of a human or organisation that answers for agents.', [
    'sponsor create alice@company.com', 'sponsor create "Company Ltd" --kind org',
  ]),
});

const sponsorList: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/identity.ts')).sponsorList),
  parameters: { flags: common_flags },
  docs: docs('List the sponsors', 'Lists the sponsors whose keys this node holds.', ['sponsor list', 'sponsor list --json']),
});

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

const didResolve: Command<Context> = buildCommand<ResolveFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/identity.ts')).didResolve),
  parameters: {
    flags: { ...common_flags, fresh: { kind: 'boolean', default: false, withNegated: false, brief: 'Ask the mesh even when a record is cached' } },
    positional: { kind: 'tuple', parameters: [argument('did', 'A DID, or the local name of an agent, sponsor or contact')] },
  },
  docs: docs('Resolve a DID to its document', 'Prints the DID document as JSON, and what is known about it as talk. With --json: the whole W3C resolution result.', [
    'did resolve did:mesh:<id>', 'did resolve analyst --fresh --json',
  ]),
});

/** `agentmesh sponsor`. */
export const sponsor_routes: RouteMap<Context> = buildRouteMap({ routes: { create: sponsorCreate, list: sponsorList }, docs: { brief: 'Humans and organisations that answer for agents' } });
/** `agentmesh agent`. */
export const agent_routes: RouteMap<Context> = buildRouteMap({ routes: { create: agentCreate, list: agentList }, docs: { brief: 'Agents that live on this host' } });
/** `agentmesh did`. */
export const did_routes: RouteMap<Context> = buildRouteMap({ routes: { resolve: didResolve }, docs: { brief: 'Decentralised identifiers' } });
