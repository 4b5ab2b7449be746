/** The commands about delegations: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { Window } from '../../../crypto/week.ts';
import type { CommonFlags } from '../ask.ts';
import type { DelegateFlags, InspectFlags, VerifyChainFlags } from '../commands/delegation.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, lifetime, neededFlag, neededRepeatedFlag, numberFlag, repeatedFlag, textFlag } from '../flags.ts';

const who = 'A DID, or the local name of an agent, sponsor or contact';
const target = argument('target', 'Id of a delegation here, a token, a file with a chain (a JSON list of tokens, or one a line), or - for standard input');

/** A rate such as `100/60s`: how many uses in how long. */
function rate(text: string): readonly [number, number] {
  const [, count, window] = /^(\d{1,5})\/(.+)$/.exec(text) ?? [];
  if (count === undefined || window === undefined) throw new Error('expected a count and a time, e.g. 100/60s or 1000/1d');
  return [Number(count), lifetime(window)];
}

/** A weekly window such as `mon-fri 08:00-18:00 UTC`. */
function window(text: string): Window {
  const [, days, from, to, zone = 'UTC'] = /^(\S+) (\d\d:\d\d)-(\d\d:\d\d)(?: (\S+))?$/.exec(text) ?? [];
  if (days === undefined || from === undefined || to === undefined) throw new Error('expected days, times and a zone, e.g. "mon-fri 08:00-18:00 UTC" or "sat,sun 22:00-06:00 +01:00"');
  return [days, from, to, zone];
}

function issuing(words: string): Command<Context> {
  return buildCommand<DelegateFlags, [string], Context>({
    loader: lazily(async () => (await import('../commands/delegation.ts')).delegate),
    parameters: {
      flags: {
        ...common_flags,
        from: neededFlag('who', 'Sponsor or agent of this host that delegates'),
        capability: neededRepeatedFlag('verb:resource', 'What is delegated, repeatable; it must be less than the delegator holds'),
        parent: textFlag('id', 'Delegation that this one is taken from; a sponsor needs none'),
        lifetime: numberFlag('time', 'How long it holds, e.g. 30m, 12h, 7d', lifetime),
        maxDepth: numberFlag('count', 'How many times it may be delegated further'),
        trust: numberFlag('score', 'Trust score from 0 to 1000 that a holder needs'),
        rate: { kind: 'parsed', parse: rate, optional: true, placeholder: 'count/time', brief: 'How often it may be used at one executor, e.g. 100/60s' },
        window: {
          kind: 'parsed', parse: window, optional: true, variadic: true, placeholder: 'days times zone',
          brief: 'When it may be used, repeatable; the zone is UTC or an offset such as +01:00, since hosts could disagree about named zones',
        },
        resource: repeatedFlag('path', 'Resources that it is for, repeatable, e.g. tenant/acme/**'),
        tool: repeatedFlag('provider:name', 'Tools that it is for, repeatable, e.g. mcp:files.read or mcp:*; commands that name no tool (tool:mcp/files.read) are refused then'),
      },
      positional: { kind: 'tuple', parameters: [argument('to', who)] },
    },
    docs: docs('Delegate some of one\'s authority', 'Issues a signed delegation that is narrower than what it comes from, and hands it to the holder\'s host. Every caveat of every link holds at the executor.', [
      `${words} analyst --from alice@company.com --capability read:* --capability write:reports --lifetime 12h`,
      `${words} did:mesh:<id> --from analyst --parent <id> --capability read:public-data --max-depth 0`,
      `${words} analyst --from alice@company.com --capability read:** --rate 100/60s --window "mon-fri 08:00-18:00 UTC" --resource 'tenant/acme/**'`,
    ]),
  });
}

const inspect: Command<Context> = buildCommand<InspectFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/delegation.ts')).inspect),
  parameters: {
    flags: { ...common_flags, out: textFlag('file', 'Write the chain to this file, as a JSON list of its tokens') },
    positional: { kind: 'tuple', parameters: [target] },
  },
  docs: docs('Draw a chain of delegations', 'Shows who gave what to whom, with which caveats, until when, and whether each link holds. Without a running node the tokens alone are shown.', [
    'delegation inspect <id>', 'delegation inspect chain.json --json', 'delegation inspect <id> --out chain.json',
  ]),
});

const verify: Command<Context> = buildCommand<VerifyChainFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/delegation.ts')).verifyChain),
  parameters: {
    flags: {
      ...common_flags,
      command: textFlag('verb:resource', 'Also whether it permits this command now'),
      as: { kind: 'enum', values: ['act', 'delegation_chain'], optional: true, brief: 'Print a chain that holds, and nothing of one that does not, in the words of RFC 8693 (act) or of draft-liu-oauth-chain-delegation (delegation_chain), as JSON' },
    },
    positional: { kind: 'tuple', parameters: [target] },
  },
  docs: docs('Verify a chain of delegations', 'Takes the sixteen steps as an executor does, those about a command in part, and prints what came of each. Trust, rates, audience, arguments and newness are for the executor to say. Exit code 4 when the chain does not hold.', [
    'delegation verify <id>', 'delegation verify chain.json --command read:reports', 'delegation verify <id> --as act',
  ]),
});

const list: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/delegation.ts')).delegationList),
  parameters: { flags: common_flags },
  docs: docs('List delegations', 'Lists the delegations that were issued or received here, with whether each holds.', ['delegation list', 'delegation list --json']),
});

/** `agentmesh delegate`. */
export const delegate_route: Command<Context> = issuing('delegate');
/** `agentmesh delegation`. */
export const delegation_routes: RouteMap<Context> = buildRouteMap({ routes: { create: issuing('delegation create'), inspect, verify, list }, docs: { brief: 'Delegations: create, inspect, verify, list' } });
