/** `agentmesh doctor`: what can be seen from outside the node, then what the running node says. */
import { FailureError } from '../../../crypto/result.ts';
import type { CheckView } from '../../control/views.ts';
import { ask, dataFolder, printLines, type CommonFlags, type Outcome } from '../ask.ts';
import { checkHost } from '../checks.ts';
import type { Context } from '../context.ts';
import { exit_codes } from '../exit.ts';
import { visible } from '../view/text.ts';

const marks = { ok: ['√', 'green'], warning: ['‼', 'yellow'], failed: ['×', 'red'] } as const;

function linesOf(context: Context, check: CheckView): readonly string[] {
  const [mark, style] = marks[check.state];
  const line = `${context.paint(style, mark)} ${visible(check.name)}: ${visible(check.text)}`;
  return check.fix === undefined ? [line] : [line, `    fix: ${visible(check.fix)}`];
}

/** Whether the node runs, as one more line. */
function runningCheck(running: boolean, data: string): CheckView {
  return running
    ? { name: 'node', state: 'ok', text: `a node runs on ${data}` }
    : { name: 'node', state: 'warning', text: `no node runs on ${data}`, fix: `agentmesh up --data ${data}` };
}

/** Prints every check with its fix. Exit code 0 without a failed one, 5 when data is damaged, else 1. */
export async function doctor(context: Context, flags: CommonFlags): Promise<Outcome> {
  const data = dataFolder(flags.data, context.process.env);
  const host = checkHost(data);
  const answer = await ask(context, flags, 'doctor', {});
  const silent = !answer.ok && answer.failure.code === 'NODE_NOT_RUNNING';
  if (!answer.ok && !silent) {
    printLines(context, flags.json ? [] : host.checks.flatMap((check) => linesOf(context, check)));
    return new FailureError(answer.failure);
  }
  const told = answer.ok ? answer.value : [];
  // The node sees more than we do from outside, but a fault seen from outside stays one.
  const seen = host.checks.filter((check) => check.state === 'failed' || !told.some(({ name }) => name === check.name));
  const checks = [...seen, runningCheck(!silent, data), ...told];
  const status = answer.ok ? await ask(context, flags, 'status', {}) : answer;
  const frozen = status.ok && status.value.audit.frozen !== null;
  if (flags.json) context.printJson(checks);
  else printLines(context, checks.flatMap((check) => linesOf(context, check)));
  if (host.damaged || frozen) context.process.exitCode = exit_codes.damaged;
  else if (checks.some((check) => check.state === 'failed')) context.process.exitCode = exit_codes.failed;
}
