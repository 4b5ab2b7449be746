/** A command that a human elsewhere has to approve: it comes again with its request until it is answered, or its own time is over. */
import { isApprovalRequest } from '../crypto/approval.ts';
import { fail, ok, type Failure, type Result } from '../crypto/result.ts';
import type { Answered, Message, Sending } from '../protocols/message/index.ts';
import type { Clock } from '../protocols/ports.ts';
import { sleep } from '../protocols/time.ts';
import { approvalIn } from './executions.ts';

/** The longest time that a command is repeated. */
export const patience_ms_max: number = 15 * 60_000;
/** The least time from one repetition to the next: an honest host keeps it waiting for longer. */
export const repetition_ms_min = 5_000;

/** A command and how long it may come again. */
export interface PatientSending extends Sending {
  readonly signal: AbortSignal;
  /** At most {@link patience_ms_max}; 0 comes once. */
  readonly wait_ms: number;
}

/** What sending with patience uses. */
export interface PatienceParts {
  readonly clock: Clock;
  readonly message: Pick<Message, 'send'>;
}

/** Checks what a caller asks for. Fails with `APPROVAL_UNKNOWN` or `WAIT_INVALID`. */
export function checkPatience({ approval, wait_ms = 0 }: { readonly approval?: string; readonly wait_ms?: number }): Result<void> {
  if (approval !== undefined && !isApprovalRequest(approval)) return fail('APPROVAL_UNKNOWN', 'that is no name of a request for approval', { fix: 'the 22 characters that an answer APPROVAL_PENDING has named' });
  return wait_ms >= 0 && wait_ms <= patience_ms_max ? ok(undefined) : fail('WAIT_INVALID', `a command comes again for at most ${patience_ms_max / 60_000} minutes`, { fix: `a wait of 0 to ${patience_ms_max} ms` });
}

/** What the other host says that has never seen the invocation that was lost: it is too old now, or names a session from before a restart. */
const unseen_codes = new Set(['INVOCATION_EXPIRED', 'INVOCATION_SESSION']);
const lost_codes = new Set(['PEER_UNREACHABLE', 'PEER_TIMEOUT', 'PEER_REFUSED']);

/** The invocation of a request whose answer was lost: it may have been done, so only the same one may come again. */
function lostInvocation({ code, detail }: Failure): string | undefined {
  const invocation = detail?.['invocation'];
  return lost_codes.has(code) && typeof invocation === 'string' ? invocation : undefined;
}

/**
 * Sends a command, and while the other host answers that a human has yet to approve it,
 * sends it again with the request that it names: each time proven anew. An answer that was
 * lost on the way is asked for with the same invocation, so that nothing is done twice.
 * Gives the last answer, also where that still is `APPROVAL_PENDING`. Fails as `Message.send` does.
 */
export async function sendPatiently({ clock, message }: PatienceParts, { wait_ms, ...sending }: PatientSending): Promise<Result<Answered>> {
  if (wait_ms <= 0) return message.send({ ...sending, wait_ms: 0 });
  let left_ms = Math.min(wait_ms, patience_ms_max);
  const ends_ms = clock.now() + left_ms;
  // Timers, because the clock may be set back meanwhile.
  const over = new AbortController();
  const end = (): void => over.abort();
  const cancel = clock.after(left_ms, end);
  sending.signal.addEventListener('abort', end, { once: true });
  try {
    let next: Sending = sending;
    for (;;) {
      const rested = sleep(clock, repetition_ms_min, over.signal);
      left_ms = over.signal.aborted ? 0 : Math.max(0, Math.min(left_ms, ends_ms - clock.now()));
      const answered = await message.send({ ...next, wait_ms: Math.ceil(left_ms) });
      const following = repetition(sending, next, answered);
      if (following === undefined || (over.signal.aborted && !sending.signal.aborted)) return answered;
      await rested;
      if (sending.signal.aborted) return fail('CALL_ABORTED', 'the call was given up while a human had yet to approve it');
      next = following;
    }
  } finally {
    cancel();
    sending.signal.removeEventListener('abort', end);
    end();
  }
}

/** What is to be sent next, if anything is. */
function repetition(first: Sending, last: Sending, answered: Result<Answered>): Sending | undefined {
  const { approval } = last;
  if (!answered.ok) {
    const invocation = approval === undefined ? undefined : lostInvocation(answered.failure);
    return invocation === undefined ? undefined : { ...last, invocation };
  }
  const pending = approvalIn(answered.value);
  const { invocation: _, ...anew } = first;
  if (pending !== undefined) return { ...anew, approval: pending.request };
  return unseen_codes.has(answered.value.receipt.code ?? '') && approval !== undefined && last.invocation !== undefined ? { ...anew, approval } : undefined;
}
