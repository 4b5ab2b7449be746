/** The commands about tools: their flags and help; what they do is loaded when one runs. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { AcceptFlags, RegisterFlags, SignFlags, ToolsFlags } from '../commands/tools.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, neededFlag, repeatedFlag, textFlag } from '../flags.ts';

const name = argument('name', 'Name of the tool');
const file = argument('file', 'JSON file with the descriptor, or - for standard input');

const list: Command<Context> = buildCommand<ToolsFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/tools.ts')).list),
  parameters: { flags: { ...common_flags, agent: textFlag('who', 'Only those that this agent may call now') } },
  docs: docs('List the tools that agents may call', 'Shows each tool with the digest of the descriptor that was accepted, and whether a program does its work at present or another descriptor waits to be accepted.', ['tools list', 'tools list --agent analyst --json']),
});

const show: Command<Context> = buildCommand<CommonFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/tools.ts')).show),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [name] } },
  docs: docs('Show a tool and its descriptor', 'Also shows another descriptor that was offered under its name, and in what it differs.', ['tools show search']),
});

const register: Command<Context> = buildCommand<RegisterFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/tools.ts')).register),
  parameters: {
    flags: { ...common_flags, token: textFlag('token', 'The publisher\'s signature (agentmesh tools sign)'), agent: repeatedFlag('who', 'Only this agent may know of it, repeatable (default: all)') },
    positional: { kind: 'tuple', parameters: [file] },
  },
  docs: docs('Register a tool', 'Takes a descriptor of the Model Context Protocol, with side_effects, risk, requires_approval, capabilities and data_classes beside. From then on exactly this descriptor is accepted under its name. What it does is served by a program that starts the node itself (createNode, node.tools.register), by the handler module of an agent (export const tools), or by an agent in any language over the sidecar (GET /v1/tools/serve); until one of them does, it cannot be called.', ['tools register search.json', 'tools register pay.json --agent analyst --token <token>']),
});

const sign: Command<Context> = buildCommand<SignFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/tools.ts')).sign),
  parameters: { flags: { ...common_flags, from: neededFlag('who', 'Identity of this host that publishes the tool') }, positional: { kind: 'tuple', parameters: [file] } },
  docs: docs('Sign a tool as its publisher', 'Prints a token over the name, the version and the digest of the descriptor.', ['tools sign search.json --from "Company"']),
});

const accept: Command<Context> = buildCommand<AcceptFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/tools.ts')).accept),
  parameters: { flags: { ...common_flags, digest: neededFlag('hash', 'Digest of what was offered (agentmesh tools show)') }, positional: { kind: 'tuple', parameters: [name] } },
  docs: docs('Accept a tool that has changed', 'Until then its calls are refused. The digest says which descriptor you have looked at.', ['tools accept search --digest <hash>']),
});

const remove: Command<Context> = buildCommand<CommonFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/tools.ts')).remove),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [name] } },
  docs: docs('Forget a tool', 'Its calls are refused from then on, and its name is free.', ['tools remove search']),
});

/** `agentmesh tools …`. */
export const tools_routes: RouteMap<Context> = buildRouteMap<string, Context>({
  routes: { list, show, register, sign, accept, remove },
  docs: { brief: 'Say which tools agents may call' },
});
