/** `agentmesh audit erase`: payloads made unreadable for good. */
import { FailureError } from '../../../crypto/result.ts';
import type { ErasureBasis } from '../../../storage/audit-entry.ts';
import { printLines, show, type Outcome } from '../ask.ts';
import { confirmed } from '../confirm.ts';
import type { Context } from '../context.ts';
import { details } from '../view/table.ts';
import { count, visible } from '../view/text.ts';
import { logParam, type LogFlags } from './audit.ts';
import { memoryText } from './vfs.ts';

/** Flags of `audit erase`. */
export interface EraseFlags extends LogFlags {
  readonly subject?: string | undefined;
  readonly entry?: number | undefined;
  readonly basis: ErasureBasis;
  readonly yes: boolean;
}

/** Erases the payloads of a subject with what it remembers, or the payload of one entry, after a confirmation. */
export async function erase(context: Context, flags: EraseFlags): Promise<Outcome> {
  const { subject, entry, basis, yes } = flags;
  if ((subject === undefined) === (entry === undefined)) {
    return new FailureError({ code: 'USAGE_INVALID', reason: 'an erasure is of a subject or of one entry', fix: 'give either --subject or --entry' });
  }
  const what = subject === undefined ? `erase the payload of entry ${entry}${flags.log === undefined ? '' : ` of log ${visible(flags.log)}`}` : `erase every payload of ${visible(subject)}, and all that it remembers where it is an agent of this host`;
  const sure = yes ? undefined : await confirmed(context, what);
  if (sure?.ok === false) return new FailureError(sure.failure);
  const target = subject === undefined ? { index: entry ?? 0 } : { subject };
  return show(context, flags, 'audit.erase', { ...target, basis, ...logParam(flags) }, (erased) => {
    context.print(context.paint('green', `erased: ${count(erased.payloads, 'payload')} ${erased.payloads === 1 ? 'is' : 'are'} unreadable for good`));
    printLines(context, details([
      ['subject', erased.subject ?? undefined],
      ['memory', erased.memory === null ? undefined : memoryText(erased.memory)],
      ['in earlier logs', erased.past_payloads === 0 ? undefined : `${erased.past_payloads} of them`],
      ['written down', erased.entry === null ? 'nowhere: the audit log is frozen and takes no entry' : `as entry ${erased.entry} of the ${erased.past_payloads === 0 ? 'log' : 'newest log: a closed one takes no entry'}`],
    ]));
    context.talk('backups of the file "vault" still hold the key: destroy those made before now; copies in exports and on other hosts are not touched');
  });
}
