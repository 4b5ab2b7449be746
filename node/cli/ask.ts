/** Asking the running node on behalf of a command, and showing its answer. */
import { resolve } from 'node:path';
import { FailureError, type Result } from '../../crypto/result.ts';
import type { ControlApi, ControlMethod } from '../control/api.ts';
import { controlClient } from '../control/client.ts';
import { controlSocketPath } from '../control/socket.ts';
import { defaultDataFolder } from '../data-folder.ts';
import type { Context, Environment } from './context.ts';

/** The longest that a command waits for its node, which itself may wait for peers. */
const answer_ms_max = 60_000;
/** The same for what reads or writes a whole log: tens of millions of entries take minutes. */
const whole_log_answer_ms_max = 3_600_000;
const whole_log_methods: ReadonlySet<ControlMethod> = new Set(['audit.export', 'audit.erase', 'audit.recover']);

/** The same for what may wait for a human on this host, up to 15 minutes, before it goes on. */
const approved_answer_ms_max = 960_000;
const approved_methods: ReadonlySet<ControlMethod> = new Set(['call', 'run.begin', 'run.call']);

/** How long a command waits for the answer of a method, in milliseconds. */
export function answerLimit(method: ControlMethod): number {
  if (whole_log_methods.has(method)) return whole_log_answer_ms_max;
  return approved_methods.has(method) ? approved_answer_ms_max : answer_ms_max;
}

/** The flags that every command has. */
export interface CommonFlags {
  readonly data?: string | undefined;
  readonly json: boolean;
}

/** What a command returns: nothing, or the failure to print. */
export type Outcome = FailureError | void;

/** The data folder as an absolute path: the flag, else what the environment says. */
export function dataFolder(flag: string | undefined, environment: Environment): string {
  return resolve(flag ?? defaultDataFolder(environment));
}

/** Calls a method of the node that runs on the data folder; the node is told when the caller gives up. */
export function ask<Method extends ControlMethod>(
  context: Context,
  flags: CommonFlags,
  method: Method,
  params: ControlApi[Method]['params'],
  given_up?: AbortSignal,
): Promise<Result<ControlApi[Method]['value']>> {
  const client = controlClient(controlSocketPath(dataFolder(flags.data, context.process.env)));
  const limit = AbortSignal.timeout(answerLimit(method));
  return client.call(method, params, { signal: given_up === undefined ? limit : AbortSignal.any([limit, given_up]) });
}

/** Calls a method and prints its answer: as JSON when asked for, else through the view. */
export async function show<Method extends ControlMethod>(
  context: Context,
  flags: CommonFlags,
  method: Method,
  params: ControlApi[Method]['params'],
  view: (value: ControlApi[Method]['value']) => void,
): Promise<Outcome> {
  const answer = await ask(context, flags, method, params);
  if (!answer.ok) return new FailureError(answer.failure);
  if (flags.json) context.printJson(answer.value);
  else view(answer.value);
}

/** Prints lines. */
export function printLines(context: Context, lines: readonly string[]): void {
  for (const line of lines) context.print(line);
}
