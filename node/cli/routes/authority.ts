/** The commands about calls and trust: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CallFlags, EndorseFlags, TrustFlags, VerifyFlags } from '../commands/authority.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, fraction, jsonValue, lazily, lifetime, neededFlag, numberFlag, textFlag } from '../flags.ts';

const who = 'A DID, or the local name of an agent, sponsor or contact';

const call: Command<Context> = buildCommand<CallFlags, [string, string], Context>({
  loader: lazily(async () => (await import('../commands/authority.ts')).call),
  parameters: {
    flags: {
      ...common_flags,
      from: neededFlag('who', 'Agent of this host that calls'),
      arguments: { kind: 'parsed', parse: jsonValue, optional: true, placeholder: 'json', brief: 'Arguments of the call, as JSON' },
      argumentsFile: textFlag('file', 'File with the arguments as JSON, - for standard input'),
      delegation: textFlag('id', 'Delegation to call under (see `agentmesh delegation list`), or none; by default the best one of a sponsor whom either side answers to'),
      invocation: textFlag('token', 'Send this earlier invocation again; it has no second effect'),
      wait: numberFlag('time', 'How long to wait where a human on the other host has to approve it, e.g. 5m, which is how long a host keeps a request unless it is set otherwise; 15m at most', lifetime),
      approval: textFlag('request', 'The request that an answer APPROVAL_PENDING has named: takes the approval up, for exactly the same call'),
    },
    positional: { kind: 'tuple', parameters: [argument('to', who), argument('command', 'Verb and resource, e.g. read:reports')] },
  },
  docs: docs('Have one agent call another', 'Sends a signed request and prints the verdict of the other host with its signed receipt. Exit code 4 when it was denied, or when a human has yet to approve it: with --wait it comes again until that is done; Ctrl-C stops waiting, and the request goes on.', [
    'call did:mesh:<id> read:reports --from analyst',
    'call summarizer write:reports/q3 --from analyst --arguments \'{"title": "Q3"}\' --delegation <id>',
    'call summarizer delete:reports/q2 --from analyst --wait 5m',
  ]),
});

const verifyPeer: Command<Context> = buildCommand<VerifyFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/authority.ts')).verifyPeer),
  parameters: {
    flags: { ...common_flags, from: neededFlag('who', 'Agent of this host that asks'), requiredTrust: numberFlag('score', 'Trust score from 0 to 1000 that the peer must have') },
    positional: { kind: 'tuple', parameters: [argument('peer', who)] },
  },
  docs: docs('Shake hands with an agent and check its trust', 'Proves both identities to each other and compares the trust score with the one required.', ['verify-peer did:mesh:<id> --from analyst --required-trust 500']),
});

const endorse: Command<Context> = buildCommand<EndorseFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/authority.ts')).endorse),
  parameters: {
    flags: {
      ...common_flags,
      from: neededFlag('who', 'Agent or sponsor of this host that vouches'),
      weight: numberFlag('0..1', 'How strongly, from 0 to 1', fraction),
      why: textFlag('text', 'The reason, readable by everyone'),
    },
    positional: { kind: 'tuple', parameters: [argument('subject', who)] },
  },
  docs: docs('Vouch for an agent', 'Signs an endorsement and spreads it over the mesh.', ['endorse did:mesh:<id> --from analyst --weight 0.8 --why "reliable reports"']),
});

const trustShow: Command<Context> = buildCommand<TrustFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/authority.ts')).trustShow),
  parameters: { flags: { ...common_flags, observer: textFlag('who', 'Whose view (default: this node\'s)') }, positional: { kind: 'tuple', parameters: [argument('subject', who)] } },
  docs: docs('Show a trust score and what it is made of', 'Prints score, tier and confidence, and the exact share of every item.', ['trust show did:mesh:<id>', 'trust show analyst --observer summarizer --json']),
});

/** The commands of one word. */
export const authority_routes: Readonly<Record<'call' | 'verify-peer' | 'endorse', Command<Context>>> = { call, 'verify-peer': verifyPeer, endorse };
/** `agentmesh trust`. */
export const trust_routes: RouteMap<Context> = buildRouteMap({ routes: { show: trustShow }, docs: { brief: 'Trust scores' } });
