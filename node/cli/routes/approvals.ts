/** The commands about calls that wait for approval: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { AnswerFlags, PageFlags, RequestFlags, SignFlags } from '../commands/approvals.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, neededFlag, numberFlag, textFlag } from '../flags.ts';

const id = argument('id', 'Id of the request, from: agentmesh approvals list');
const why = textFlag('text', 'Why, up to 200 characters; it is signed and recorded');
const answer_flags = { ...common_flags, as: textFlag('who', 'Who answers: a sponsor or organisation whose key is on this host (default: the agent\'s sponsor)'), why };

const list: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/approvals.ts')).approvalsList),
  parameters: { flags: common_flags },
  docs: docs('List the calls that wait for approval', 'Lists the calls that a policy wants approved, the oldest first. A call that nobody answers is denied after five minutes.', ['approvals list', 'approvals list --json']),
});

const show: Command<Context> = buildCommand<CommonFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/approvals.ts')).approvalsShow),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [id] } },
  docs: docs('Show a call that waits', 'Shows who wants to do what with which arguments, and the rule that wants it approved.', ['approvals show ID']),
});

const answering = (verdict: 'grant' | 'refuse', brief: string, text: string): Command<Context> => buildCommand<AnswerFlags, [string], Context>({
  loader: lazily(async () => {
    const { approvalsGrant, approvalsRefuse } = await import('../commands/approvals.ts');
    return verdict === 'grant' ? approvalsGrant : approvalsRefuse;
  }),
  parameters: { flags: answer_flags, positional: { kind: 'tuple', parameters: [id] } },
  docs: docs(brief, text, [`approvals ${verdict} ID`, `approvals ${verdict} ID --as alice@company.com --why "ticket 4711"`]),
});

const request: Command<Context> = buildCommand<RequestFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/approvals.ts')).approvalsRequest),
  parameters: { flags: { ...common_flags, out: neededFlag('file', 'File to write; it must not exist') }, positional: { kind: 'tuple', parameters: [id] } },
  docs: docs('Ask an approver on another device', 'Writes what is asked into a file that the approver signs where the key is. It holds the arguments of the call.', ['approvals request ID --out request.json']),
});

const sign: Command<Context> = buildCommand<SignFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/approvals.ts')).approvalsSign),
  parameters: {
    flags: {
      ...common_flags,
      as: neededFlag('who', 'Who answers: a sponsor or organisation whose key is on this device'),
      refuse: { kind: 'boolean', default: false, withNegated: false, brief: 'Refuse instead of granting' },
      why,
      out: textFlag('file', 'File to write, which must not exist; without it the request is only shown'),
      passphraseFile: textFlag('file', 'File with the passphrase of the data folder, where no node runs on it (or set AGENTMESH_PASSPHRASE)'),
    },
    positional: { kind: 'tuple', parameters: [argument('file', 'File that approvals request has written')] },
  },
  docs: docs('Sign an answer where the key is', 'Shows what a request asks, and with --out signs the answer. Works with and without a running node.', [
    'approvals sign request.json --as alice@company.com', 'approvals sign request.json --as alice@company.com --out answer.jwt', 'approvals sign request.json --as alice@company.com --refuse --why "not today" --out answer.jwt',
  ]),
});

const answer: Command<Context> = buildCommand<CommonFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/approvals.ts')).approvalsAnswer),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [argument('file', 'File that approvals sign has written, or - for standard input')] } },
  docs: docs('Take in a signed answer', 'Checks the answer and lets the call pass or ends it. An answer counts once.', ['approvals answer answer.jwt']),
});

const page: Command<Context> = buildCommand<PageFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/approvals.ts')).approvalsPage),
  parameters: {
    flags: { ...common_flags, port: numberFlag('port', 'Port of 127.0.0.1 to serve the page on (default: a free one)'), close: { kind: 'boolean', default: false, withNegated: false, brief: 'Close the page and end its sessions' } },
  },
  docs: docs('Answer in a browser', 'Serves a page on 127.0.0.1 that lists the calls that wait as they come, and prints a link that opens it once. From another device: ssh -L 8090:127.0.0.1:8090 HOST.', [
    'approvals page', 'approvals page --port 8090', 'approvals page --close',
  ]),
});

/** `agentmesh approvals`. */
export const approvals_routes: RouteMap<Context> = buildRouteMap({
  routes: {
    list, show,
    grant: answering('grant', 'Let a call pass', 'Signs, with a sponsor\'s key on this host, that this one call may run with exactly these arguments.'),
    refuse: answering('refuse', 'Refuse a call', 'Signs, with a sponsor\'s key on this host, that this call must not run.'),
    request, sign, answer, page,
  },
  docs: { brief: 'Calls that wait for a human' },
});
