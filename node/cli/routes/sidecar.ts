/** The commands about the sidecar: their flags and help; what they do is loaded when one runs. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { TokenFlags } from '../commands/sidecar.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily } from '../flags.ts';

const token: Command<Context> = buildCommand<TokenFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/sidecar.ts')).token),
  parameters: {
    flags: { ...common_flags, revoke: { kind: 'boolean', default: false, withNegated: false, brief: 'Take the token back instead' } },
    positional: { kind: 'tuple', parameters: [argument('agent', 'Name or DID of an agent of this host')] },
  },
  docs: docs('Issue the token with which a program acts as an agent', 'Prints a new token once, on standard output alone; an earlier one of the agent is worth nothing from then on. Only its hash is kept.', [
    'sidecar token analyst', 'sidecar token analyst --revoke',
  ]),
});

const status: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/sidecar.ts')).status),
  parameters: { flags: common_flags },
  docs: docs('Show where the sidecar listens and who uses it', 'Shows its addresses, the agents that have a token, and the programs that have introduced themselves.', ['sidecar status', 'sidecar status --json']),
});

const openapi: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/sidecar.ts')).openapi),
  parameters: { flags: common_flags },
  docs: docs('Print the OpenAPI document of the sidecar', 'Prints the OpenAPI 3.1 document of this version; no node need run. A node that runs serves the same at /v1/openapi.json.', ['sidecar openapi']),
});

/** `agentmesh sidecar …`. */
export const sidecar_routes: RouteMap<Context> = buildRouteMap<string, Context>({
  routes: { token, status, openapi },
  docs: { brief: 'Let programs in any language act as agents over local HTTP' },
});
