/** Waiting at the terminal for a human on another host: the call comes again by itself, and Ctrl-C stops that. */
import { pendingRequestOf, type PendingRequest } from '../../crypto/approval.ts';
import { fail, type Result } from '../../crypto/result.ts';
import type { ControlApi } from '../control/api.ts';
import type { CallView } from '../control/views.ts';
import { ask, type CommonFlags } from './ask.ts';
import type { Context } from './context.ts';
import { distanceTo, shellWord, visible } from './view/text.ts';

/** The longest wait, in seconds. */
export const wait_s_max: number = 15 * 60;
/** How often a terminal is told how long is left; elsewhere it is told once. */
const progress_ms = 10_000;
/** What a shell says of a process that Ctrl-C ended. */
const interrupted_exit_code = 130;

/** The request that a call goes on waiting under, where a human has yet to approve it. */
export function pendingIn({ verdict, code, result }: Pick<CallView, 'verdict' | 'code' | 'result'>): PendingRequest | undefined {
  // Another host chose it, and it goes to the terminal as a word of a command.
  return verdict === 'deny' && code === 'APPROVAL_PENDING' ? pendingRequestOf(result) : undefined;
}

/** How long a call may yet wait under a request, as `--wait` takes it; nothing where that is over. Another host named the end. */
export function waitWord(expires_ms: number, now_ms: number): string | undefined {
  const left_s = Math.min(wait_s_max, Math.floor((expires_ms - now_ms) / 1000));
  if (left_s < 1) return undefined;
  return left_s < 60 ? `${left_s}s` : `${Math.floor(left_s / 60)}m`;
}

/** Calls, and with `--wait` again until a human has answered. Nothing comes back where Ctrl-C stopped the waiting. Fails with `USAGE_INVALID`, or as the call does. */
export async function askPatiently(context: Context, flags: CommonFlags & { readonly wait?: number | undefined }, params: ControlApi['call']['params']): Promise<Result<CallView> | undefined> {
  const { wait } = flags;
  if (wait === undefined) return ask(context, flags, 'call', params);
  if (wait > wait_s_max) return fail('USAGE_INVALID', 'a call waits for 15 minutes at most', { fix: '--wait 15m, and then the same again with --approval' });
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  try {
    const answer = await askUntil(context, flags, { params, wait_ms: wait * 1000 }, stop.signal);
    if (!stop.signal.aborted) return answer;
    context.process.exitCode = interrupted_exit_code;
    return undefined;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

async function askUntil(context: Context, flags: CommonFlags, { params, wait_ms }: { readonly params: ControlApi['call']['params']; readonly wait_ms: number }, signal: AbortSignal): Promise<Result<CallView>> {
  const began_ms = context.now_ms();
  const first = await ask(context, flags, 'call', params, signal);
  const pending = first.ok ? pendingIn(first.value) : undefined;
  const left_ms = Math.min(wait_ms, wait_ms - (context.now_ms() - began_ms));
  if (pending === undefined || signal.aborted || left_ms <= 0) return first;
  // `invocation` named the first one; those that follow are made anew.
  const { invocation: _, ...anew } = params;
  const ends = (): string => `the request ends ${distanceTo(pending.expires_ms, context.now_ms())}`;
  context.talk(`a human on the other host has to approve it; waiting, and Ctrl-C stops that: request ${visible(pending.request)}, ${ends()}`);
  const progress = context.process.stderr.isTTY === true ? setInterval(() => context.talk(`still waiting; ${ends()}`), progress_ms) : undefined;
  try {
    return await ask(context, flags, 'call', { ...anew, approval: pending.request, wait_ms: left_ms }, signal);
  } finally {
    clearInterval(progress);
    if (signal.aborted) context.talk(`stopped waiting; to take it up: the same command with --approval ${shellWord(pending.request)}`);
  }
}
