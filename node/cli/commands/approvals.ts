/** What the commands about calls that wait for approval do. */
import { isFields } from '../../../crypto/canonical.ts';
import { FailureError, ok, type Result } from '../../../crypto/result.ts';
import { checkNewFile, writeNewFile } from '../../../storage/files.ts';
import type { AnsweredApproval } from '../../approvals.ts';
import type { ApprovalView } from '../../control/approval-api.ts';
import { ask, dataFolder, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readText } from '../input.ts';
import { folderPassphrase } from '../passphrase.ts';
import { details, table } from '../view/table.ts';
import { distanceTo, shellWord, visible } from '../view/text.ts';

/** Characters of a payload that are shown to a person. */
const shown_characters_max = 4000;

/** Flags of `approvals grant` and `approvals refuse`. */
export interface AnswerFlags extends CommonFlags {
  readonly as?: string | undefined;
  readonly why?: string | undefined;
}

/** Flags of `approvals request`. */
export interface RequestFlags extends CommonFlags {
  readonly out: string;
}

/** Flags of `approvals sign`. */
export interface SignFlags extends CommonFlags {
  readonly as: string;
  readonly refuse: boolean;
  readonly why?: string | undefined;
  readonly out?: string | undefined;
  readonly passphraseFile?: string | undefined;
}

/** Flags of `approvals page`. */
export interface PageFlags extends CommonFlags {
  readonly port?: number | undefined;
  readonly close: boolean;
}

/** What is to be done, in two words. */
function actionWords({ action }: Pick<ApprovalView, 'action'>): string {
  const { type, resource, tool, to, model } = isFields(action) ? action : {};
  return [type, resource ?? tool ?? to ?? model].filter((word) => typeof word === 'string').join(' ');
}

/** `agentmesh approvals list`. */
export function approvalsList(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'approval.list', {}, (waiting) => {
    if (waiting.length === 0) return context.talk('no call waits for approval');
    const rows = waiting.map((one) => [one.id, one.agent_name, actionWords(one), one.rule ?? '', distanceTo(one.expires_ms, context.now_ms())]);
    printLines(context, table([{ title: 'ID' }, { title: 'AGENT' }, { title: 'ACTION' }, { title: 'RULE' }, { title: 'ENDS' }], rows, context.width));
    context.talk('agentmesh approvals show ID | grant ID | refuse ID');
  });
}

function shown(text: string): string {
  const hidden = text.length - shown_characters_max;
  return hidden <= 0 ? text : `${text.slice(0, shown_characters_max)} … and ${hidden} more characters, which --json shows`;
}

function requestLines(request: Omit<ApprovalView, 'approvers' | 'policies' | 'peer' | 'taint'>, now_ms: number): readonly string[] {
  const { id, agent_name, agent, host, data, args_hash, policy, rule, reason, expires_ms } = request;
  return details([
    ['id', id], ['agent', agent_name], ['did', agent], ['host', host], ['action', shown(JSON.stringify(request.action))], ['arguments', shown(JSON.stringify(data))], ['sha-256', args_hash ?? undefined],
    ['policy', policy ?? undefined], ['rule', rule ?? undefined], ['reason', reason], ['ends', distanceTo(expires_ms, now_ms)],
  ]);
}

/** `agentmesh approvals show`. */
export async function approvalsShow(context: Context, flags: CommonFlags, id: string): Promise<Outcome> {
  return show(context, flags, 'approval.show', { id }, (request) => {
    printLines(context, [...requestLines(request, context.now_ms()), ...details([['asked by', request.peer ?? undefined], ['has read', request.taint.length === 0 ? undefined : request.taint.join(', ')], ['approvers', request.approvers.join(', ')]])]);
    context.talk(`agentmesh approvals grant ${shellWord(id)} | refuse ${shellWord(id)}`);
  });
}

function printAnswered(context: Context, { verdict, by, agent, why }: AnsweredApproval): void {
  context.print(verdict === 'grant' ? context.paint('green', 'granted') : context.paint('red', 'refused'));
  printLines(context, details([['agent', agent], ['by', by], ['why', why === '' ? undefined : why]]));
}

function answerCall(context: Context, flags: AnswerFlags, id: string, verdict: 'grant' | 'refuse'): Promise<Outcome> {
  const { as, why } = flags;
  return show(context, flags, 'approval.answer', { id, verdict, ...(as === undefined ? {} : { as }), ...(why === undefined ? {} : { why }) }, (answered) => printAnswered(context, answered));
}

/** `agentmesh approvals grant`. */
export function approvalsGrant(context: Context, flags: AnswerFlags, id: string): Promise<Outcome> {
  return answerCall(context, flags, id, 'grant');
}

/** `agentmesh approvals refuse`. */
export function approvalsRefuse(context: Context, flags: AnswerFlags, id: string): Promise<Outcome> {
  return answerCall(context, flags, id, 'refuse');
}

/** `agentmesh approvals request`. */
export async function approvalsRequest(context: Context, flags: RequestFlags, id: string): Promise<Outcome> {
  const answer = await ask(context, flags, 'approval.show', { id });
  if (!answer.ok) return new FailureError(answer.failure);
  const written = await writeNewFile(flags.out, answer.value.file);
  if (!written.ok) return new FailureError(written.failure);
  const { file: _, ...request } = answer.value;
  if (flags.json) return context.printJson({ ...request, file: flags.out });
  context.print(`wrote ${visible(flags.out)}, which asks:`);
  printLines(context, requestLines(request, context.now_ms()));
  context.talk(`where the key is: agentmesh approvals sign ${shellWord(flags.out)} --as SPONSOR --out answer.jwt`);
}

function textOf(path: string): Promise<Result<string>> {
  return readText(path, 'name the file that agentmesh approvals request or sign has written');
}

/** The signed answer: by the running node, or by this process where none runs. */
async function signed(context: Context, flags: SignFlags, file: string): Promise<Result<string>> {
  const verdict = flags.refuse ? 'refuse' : 'grant';
  const { as, why = '' } = flags;
  const answer = await ask(context, flags, 'approval.sign', { file, as, verdict, why });
  if (answer.ok) return ok(answer.value.token);
  if (answer.failure.code !== 'NODE_NOT_RUNNING') return answer;
  const passphrase = folderPassphrase(flags.passphraseFile, context.process.env);
  if (!passphrase.ok) return passphrase;
  const { answerOffline, parseApprovalRequest } = await import('../../approval-request.ts');
  const request = parseApprovalRequest(file);
  return request.ok ? answerOffline({ data: dataFolder(flags.data, context.process.env), passphrase: passphrase.value }, request.value, as, { verdict, why }) : request;
}

/** `agentmesh approvals sign`. */
export async function approvalsSign(context: Context, flags: SignFlags, path: string): Promise<Outcome> {
  const free = flags.out === undefined ? ok(undefined) : await checkNewFile(flags.out);
  if (!free.ok) return new FailureError(free.failure);
  const file = await textOf(path);
  if (!file.ok) return new FailureError(file.failure);
  const { parseApprovalRequest } = await import('../../approval-request.ts');
  const request = parseApprovalRequest(file.value);
  if (!request.ok) return new FailureError(request.failure);
  if (flags.out !== undefined) {
    const token = await signed(context, flags, file.value);
    if (!token.ok) return new FailureError(token.failure);
    const written = await writeNewFile(flags.out, `${token.value}\n`);
    if (!written.ok) return new FailureError(written.failure);
  }
  if (flags.json) return context.printJson({ ...request.value, ...(flags.out === undefined ? {} : { file: flags.out }) });
  context.print(flags.out === undefined ? 'to be signed:' : `signed, in ${visible(flags.out)}:`);
  printLines(context, requestLines(request.value, context.now_ms()));
  context.talk(flags.out === undefined
    ? `to grant it: agentmesh approvals sign ${shellWord(path)} --as ${shellWord(flags.as)} --out answer.jwt`
    : `on the agent's host: agentmesh approvals answer ${shellWord(flags.out)}`);
}

/** `agentmesh approvals answer`. */
export async function approvalsAnswer(context: Context, flags: CommonFlags, path: string): Promise<Outcome> {
  const token = await textOf(path);
  if (!token.ok) return new FailureError(token.failure);
  return show(context, flags, 'approval.import', { token: token.value.trim() }, (answered) => printAnswered(context, answered));
}

/** `agentmesh approvals page`: prints a link and opens nothing by itself. */
export function approvalsPage(context: Context, flags: PageFlags): Promise<Outcome> {
  const { port, close } = flags;
  return show(context, flags, 'approval.page', { ...(port === undefined ? {} : { port }), ...(close ? { close } : {}) }, ({ url, expires_ms, was_open }) => {
    if (url === null || expires_ms === null) return context.talk(was_open ? 'the page is closed, and its sessions have ended' : 'the page was not open');
    context.print(visible(url));
    context.talk(`open it in a browser on this host; it works once, and ends ${distanceTo(expires_ms, context.now_ms())}`);
    context.talk('whoever opens it can answer for every sponsor whose key is here; agentmesh approvals page --close ends that');
  });
}
