/** `agentmesh audit erase`: payloads made unreadable for good. */
import { FailureError } from '../../../crypto/result.ts';
import { printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import { confirmed } from '../confirm.ts';
import type { Context } from '../context.ts';
import { details } from '../view/table.ts';
import { count, visible } from '../view/text.ts';

/** Flags of `audit erase`. */
export interface EraseFlags extends CommonFlags {
  readonly subject?: string | undefined;
  readonly entry?: number | undefined;
  readonly basis: string;
  readonly yes: boolean;
}

/** Erases the payloads of a subject, or of one entry, after a confirmation. */
export async function erase(context: Context, flags: EraseFlags): Promise<Outcome> {
  const { subject, entry, basis, yes } = flags;
  if ((subject === undefined) === (entry === undefined)) {
    return new FailureError({ code: 'USAGE_INVALID', reason: 'an erasure is of a subject or of one entry', fix: 'give either --subject or --entry' });
  }
  const what = subject === undefined ? `erase the payload of entry ${entry}` : `erase every payload of ${visible(subject)}`;
  const sure = yes ? undefined : await confirmed(context, what);
  if (sure?.ok === false) return new FailureError(sure.failure);
  const target = subject === undefined ? { index: entry ?? 0 } : { subject };
  return show(context, flags, 'audit.erase', { ...target, basis }, (erased) => {
    context.print(context.paint('green', `erased: ${count(erased.payloads, 'payload')} ${erased.payloads === 1 ? 'is' : 'are'} unreadable for good`));
    printLines(context, details([
      ['subject', erased.subject ?? undefined],
      ['written down', erased.entry === null ? 'nowhere: the audit log is frozen and takes no entry' : `as entry ${erased.entry} of the log`],
    ]));
    context.talk('backups of the file "vault" still hold the key: destroy those made before now; copies of payloads outside the log are not touched');
  });
}
