/** The commands about sponsors: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { SponsorCreateFlags, SponsorHostFlags, SponsorRenewFlags, SponsorRequestFlags, SponsorSignFlags, SponsorWithdrawFlags } from '../commands/sponsor.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, lifetime, neededFlag, numberFlag, repeatedFlag, textFlag } from '../flags.ts';

const agent = argument('agent', 'Name or DID of an agent, or of a human under an organisation');
const terms = {
  role: textFlag('text', 'In what capacity the sponsor answers (default: sponsor)'),
  lifetime: numberFlag('time', 'How long the attestation lives, at most 90d (default: 90d)', lifetime),
};
const evidence = textFlag('file', 'Document that the sponsor goes by; only its hash leaves this host');

const create: Command<Context> = buildCommand<SponsorCreateFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/sponsor.ts')).sponsorCreate),
  parameters: {
    flags: {
      ...common_flags,
      kind: { kind: 'enum', values: ['human', 'org'], default: 'human', brief: 'Whether a person or an organisation answers' },
      organisation: textFlag('who', 'Organisation that answers for a human: its name or DID'),
      witness: repeatedFlag('node', 'DID of a node that countersigns creation and rotations, repeatable'),
      witnessThreshold: numberFlag('count', 'How many of the witnesses must sign, more than half (default: all)'),
    },
    positional: { kind: 'tuple', parameters: [argument('name', 'Name; that of a human, e.g. an e-mail address, stays on this host, that of an organisation stands in its public record')] },
  },
  docs: docs('Create a sponsor', 'Creates the DID and key of a human or organisation that answers for agents.', [
    'sponsor create alice@company.com', 'sponsor create "Company Ltd" --kind org', 'sponsor create bob@company.com --organisation "Company Ltd"',
  ]),
});

const list: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/sponsor.ts')).sponsorList),
  parameters: { flags: common_flags },
  docs: docs('List the sponsors', 'Lists the sponsors whose keys this node holds.', ['sponsor list', 'sponsor list --json']),
});

const renew: Command<Context> = buildCommand<SponsorRenewFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/sponsor.ts')).sponsorRenew),
  parameters: { flags: { ...common_flags, ...terms, evidence }, positional: { kind: 'tuple', parameters: [agent] } },
  docs: docs('Attest an agent again', 'Signs a new attestation with the sponsor\'s key, which must be on this host, and publishes it.', [
    'sponsor renew analyst', 'sponsor renew analyst --lifetime 30d --role owner --evidence contract.pdf',
  ]),
});

const withdraw: Command<Context> = buildCommand<SponsorWithdrawFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/sponsor.ts')).sponsorWithdraw),
  parameters: { flags: { ...common_flags, why: neededFlag('text', 'Why, up to 200 characters; everybody can read it') }, positional: { kind: 'tuple', parameters: [agent] } },
  docs: docs('Withdraw a sponsorship for good', 'Revokes the sponsor\'s word for an agent. The agent stops on its host, and everything that was passed on through it ends.', [
    'sponsor withdraw analyst --why "the project is over"',
  ]),
});

const show: Command<Context> = buildCommand<CommonFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/sponsor.ts')).sponsorShow),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [argument('who', 'Name or DID')] } },
  docs: docs('Show who answers for an agent', 'Shows the chain of those who answer, up to a human or an organisation, with states and ends. Exit code 4 when nobody answers.', [
    'sponsor show analyst', 'sponsor show did:mesh:<id> --json',
  ]),
});

const request: Command<Context> = buildCommand<SponsorRequestFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/sponsor.ts')).sponsorRequest),
  parameters: { flags: { ...common_flags, ...terms, out: neededFlag('file', 'File to write; it must not exist') }, positional: { kind: 'tuple', parameters: [agent] } },
  docs: docs('Ask a sponsor on another device', 'Writes a file that the sponsor can sign on another device, which need not be connected to anything. Nothing in it is secret.', [
    'sponsor request analyst --out request.json', 'sponsor request analyst --lifetime 30d --out request.json',
  ]),
});

const sign: Command<Context> = buildCommand<SponsorSignFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/sponsor.ts')).sponsorSign),
  parameters: {
    flags: {
      ...common_flags,
      as: neededFlag('sponsor', 'Name or DID of the sponsor whose key is on this device'),
      out: textFlag('file', 'File to write, which must not exist; without it the request is only shown'),
      evidence,
      passphraseFile: textFlag('file', 'File with the passphrase of the data folder, where no node runs on it (or set AGENTMESH_PASSPHRASE)'),
    },
    positional: { kind: 'tuple', parameters: [argument('file', 'File that sponsor request has written')] },
  },
  docs: docs('Sign a request as a sponsor', 'Shows what a request asks, and with --out signs it. Works with and without a running node.', [
    'sponsor sign request.json --as alice@company.com', 'sponsor sign request.json --as alice@company.com --out response.json',
  ]),
});

const imported: Command<Context> = buildCommand<CommonFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/sponsor.ts')).sponsorImport),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [argument('file', 'File that sponsor sign has written')] } },
  docs: docs('Take in what a sponsor has signed', 'Checks the response to the newest request, keeps the attestation and publishes it.', ['sponsor import response.json']),
});

const host: Command<Context> = buildCommand<SponsorHostFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/sponsor.ts')).sponsorHost),
  parameters: { flags: { ...common_flags, lifetime: terms.lifetime }, positional: { kind: 'tuple', parameters: [argument('sponsor', 'Name or DID of a human or an organisation whose key is on this host')] } },
  docs: docs('Say who operates this host', [
    'A human or an organisation answers for this host as a witness of audit logs.',
    'Witnesses of one sponsor count once: logs ask hosts of different sponsors first, and hosts that nobody answers for after them.',
  ].join(' '), ['sponsor host alice@company.com']),
});

/** `agentmesh sponsor`. */
export const sponsor_routes: RouteMap<Context> = buildRouteMap({
  routes: { create, list, show, host, renew, withdraw, request, sign, import: imported },
  docs: { brief: 'Humans and organisations that answer for agents' },
});
