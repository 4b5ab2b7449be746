/** What the commands about calls and trust do. */
import { fromUtf8 } from '../../../crypto/bytes.ts';
import { fail, FailureError, ok, type Result } from '../../../crypto/result.ts';
import type { CallView, ScoreView } from '../../control/views.ts';
import { askPatiently, pendingIn, waitWord } from '../patience.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { exit_codes } from '../exit.ts';
import { readInput } from '../input.ts';
import { details, table } from '../view/table.ts';
import { duration, jsonText, shellWord, shortId, visible } from '../view/text.ts';

/** Flags of `call`. */
export interface CallFlags extends CommonFlags {
  readonly from: string;
  readonly arguments?: { readonly value: unknown } | undefined;
  readonly argumentsFile?: string | undefined;
  readonly delegation?: string | undefined;
  readonly invocation?: string | undefined;
  readonly approval?: string | undefined;
  /** Seconds. */
  readonly wait?: number | undefined;
}

/** Flags of `verify-peer`. */
export interface VerifyFlags extends CommonFlags {
  readonly from: string;
  readonly requiredTrust?: number | undefined;
}

/** Flags of `endorse`. */
export interface EndorseFlags extends CommonFlags {
  readonly from: string;
  readonly weight?: number | undefined;
  readonly why?: string | undefined;
}

/** Flags of `trust show`. */
export interface TrustFlags extends CommonFlags {
  readonly observer?: string | undefined;
}

const verdict_styles = { allow: 'green', deny: 'red', error: 'yellow' } as const;

function printCall(context: Context, call: CallView): void {
  context.print(context.paint(verdict_styles[call.verdict] ?? 'yellow', `verdict: ${visible(call.verdict)}`));
  printLines(context, details([
    ['code', call.code ?? undefined],
    ['rule', call.rule ?? undefined],
    ['reason', call.reason],
    ['executor', call.executor],
    ['audit', call.audit === null ? 'not recorded there' : `entry ${call.audit.index} of ${call.audit.origin}`],
    ['receipt', call.receipt_hash],
    ['took', duration(call.duration_ms)],
  ]));
  if (call.verdict === 'allow') context.print(`result: ${jsonText(call.result)}`);
}

async function callArguments(flags: CallFlags): Promise<Result<unknown>> {
  if (flags.argumentsFile === undefined) return ok(flags.arguments?.value);
  const bytes = await readInput(flags.argumentsFile);
  if (!bytes.ok) return bytes;
  try {
    return ok(JSON.parse(fromUtf8(bytes.value) ?? ''));
  } catch {
    return fail('USAGE_INVALID', `${flags.argumentsFile} is not JSON`, { fix: 'write one JSON value into it' });
  }
}

/** `agentmesh call`: a denial is a result, printed whole, with the exit code of a denial. */
export async function call(context: Context, flags: CallFlags, to: string, command: string): Promise<Outcome> {
  const given = await callArguments(flags);
  if (!given.ok) return new FailureError(given.failure);
  const answer = await askPatiently(context, flags, {
    from: flags.from,
    to,
    command,
    ...(given.value === undefined ? {} : { arguments: given.value }),
    ...(flags.delegation === undefined ? {} : { delegation: flags.delegation }),
    ...(flags.invocation === undefined ? {} : { invocation: flags.invocation }),
    ...(flags.approval === undefined ? {} : { approval: flags.approval }),
  });
  if (answer === undefined) return;
  if (!answer.ok) return new FailureError(answer.failure);
  if (flags.json) context.printJson(answer.value);
  else printCall(context, answer.value);
  const pending = pendingIn(answer.value);
  const wait = pending === undefined ? undefined : waitWord(pending.expires_ms, context.now_ms());
  if (pending !== undefined) context.talk(`when it is approved: the same command with --approval ${shellWord(pending.request)}${wait === undefined ? '' : `; with --wait ${wait} as well it waits for that`}`);
  if (answer.value.verdict === 'deny') context.process.exitCode = exit_codes.denied;
  else if (answer.value.verdict !== 'allow') context.process.exitCode = exit_codes.failed;
}

function printScore(context: Context, score: ScoreView): void {
  context.print(`${context.paint('bold', `${score.score} of 1000`)}  ${visible(score.tier)}`);
  printLines(context, details([
    ['subject', score.subject],
    ['seen by', score.observer],
    ['confidence', `${Math.round(score.confidence * 100)} %`],
  ]));
  if (score.items.length === 0) return;
  context.print();
  const columns = [{ title: 'EFFECT', right: true }, { title: 'KIND' }, { title: 'FROM' }, { title: 'WHAT' }];
  const rows = score.items.map((item) => [`${item.effect > 0 ? '+' : ''}${item.effect.toFixed(1)}`, item.kind, item.from === undefined ? '-' : shortId(item.from), item.text]);
  printLines(context, table(columns, rows, context.width));
}

/** `agentmesh verify-peer`: exit code 4 when the peer is not trusted enough. */
export async function verifyPeer(context: Context, flags: VerifyFlags, peer: string): Promise<Outcome> {
  const params = { from: flags.from, peer, ...(flags.requiredTrust === undefined ? {} : { required_trust: flags.requiredTrust }) };
  const answer = await ask(context, flags, 'verify-peer', params);
  if (!answer.ok) return new FailureError(answer.failure);
  const { verified, score } = answer.value;
  if (flags.json) context.printJson(answer.value);
  else {
    context.print(verified ? context.paint('green', 'verified') : context.paint('red', 'not verified'));
    printScore(context, score);
  }
  if (!verified) context.process.exitCode = exit_codes.denied;
}

/** `agentmesh endorse`. */
export function endorse(context: Context, flags: EndorseFlags, subject: string): Promise<Outcome> {
  const { from, weight, why } = flags;
  const params = { from, subject, ...(weight === undefined ? {} : { weight }), ...(why === undefined ? {} : { why }) };
  return show(context, flags, 'endorse', params, ({ statement }) => {
    context.print(`endorsed: statement ${visible(statement)}`);
    context.talk(`to see the effect: agentmesh trust show ${shellWord(subject)}`);
  });
}

/** `agentmesh trust show`. */
export function trustShow(context: Context, flags: TrustFlags, subject: string): Promise<Outcome> {
  const params = { subject, ...(flags.observer === undefined ? {} : { observer: flags.observer }) };
  return show(context, flags, 'trust.show', params, (value) => printScore(context, value));
}
