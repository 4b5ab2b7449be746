/** What the commands about archives and retention do. */
import { resolve } from 'node:path';
import { FailureError } from '../../../crypto/result.ts';
import type { ArchiveWorkView, RetentionView } from '../../control/audit-views.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { bytesText, count, moment, visible } from '../view/text.ts';

/** Flags of `audit archive`. */
export interface ArchiveFlags extends CommonFlags {
  readonly dir: string;
  readonly before?: number | undefined;
  readonly keep?: number | undefined;
  readonly restore: boolean;
}

function printMoved(context: Context, { folder, first, next, entry }: ArchiveWorkView, restore: boolean): void {
  const moved = count((next ?? 0) - (first ?? 0), 'entry', 'entries');
  context.print(context.paint('green', restore ? `restored: ${moved} from ${visible(folder)}` : `archived: ${moved} to ${visible(folder)}`));
  printLines(context, details([['entries', `${first ?? 0} to ${(next ?? 1) - 1}`], ['written down', `as entry ${entry ?? '-'} of the log`]]));
  if (!restore) context.talk('keep the folder where it is: these entries are read from it; proofs do not need it');
}

/** `agentmesh audit archive`: asks again until the work is done, however long it takes. */
export async function archive(context: Context, flags: ArchiveFlags): Promise<Outcome> {
  const { before, keep, restore } = flags;
  if ([before !== undefined, keep !== undefined, restore].filter(Boolean).length !== 1) {
    return new FailureError({ code: 'USAGE_INVALID', reason: 'it is not said which entries to move', fix: 'give one of --before, --keep and --restore' });
  }
  const params = {
    folder: resolve(flags.dir),
    ...(before === undefined ? {} : { before_ms: before }), ...(keep === undefined ? {} : { keep }), ...(restore ? { restore } : {}),
  };
  for (;;) {
    const answer = await ask(context, flags, 'audit.archive', params);
    if (!answer.ok) return new FailureError(answer.failure);
    if (answer.value.state === 'done') return flags.json ? context.printJson(answer.value) : printMoved(context, answer.value, restore);
    context.talk(`${answer.value.done} of ${answer.value.total} entries`);
  }
}

function limited(bytes: number | null, limit: number | null, word: string): string | undefined {
  if (bytes === null) return undefined;
  return limit === null ? bytesText(bytes) : `${bytesText(bytes)}, ${word} ${bytesText(limit)}`;
}

function ruleLines({ rules, due }: RetentionView): readonly (readonly [string, string])[] {
  const { payload_days, checkpoint_days, witness_days } = rules;
  const { payloads_before, checkpoints, witnessed } = due;
  return [
    ['payloads', payload_days === null ? 'kept until they are erased' : `erased after ${count(payload_days, 'day')}; ${payloads_before === null ? 'none is due' : `due: those before entry ${payloads_before}`}`],
    ['checkpoints', checkpoint_days === null ? 'kept' : `those that nobody cosigned dropped after ${count(checkpoint_days, 'day')}; due: ${checkpoints}`],
    ['witnessed logs', witness_days === null ? 'remembered' : `forgotten when not seen for ${count(witness_days, 'day')}; due: ${witnessed}`],
  ];
}

function printRetention(context: Context, view: RetentionView): void {
  const { entries, archived, parts, oldest_ms, level, audit_bytes, audit_bytes_max, free_bytes, free_bytes_min, work } = view;
  const [payloads, ...others] = ruleLines(view);
  printLines(context, details([
    ['entries', `${entries}, of which ${archived} are archived`],
    ['oldest kept', oldest_ms === null ? undefined : moment(oldest_ms)],
    ['disk', limited(audit_bytes, audit_bytes_max, 'of at most')],
    ['free', limited(free_bytes, free_bytes_min, 'to stay above')],
    ...(payloads === undefined ? [] : [payloads]), ...others,
    ['next round', moment(view.next_run_ms)],
    ['at work', work === null ? undefined : `${work.restore ? 'restoring from' : 'archiving to'} ${work.folder}: ${work.done} of ${work.total}`],
  ]));
  if (level !== 'ok') {
    context.print(context.paint(level === 'full' ? 'red' : 'yellow', level === 'full' ? 'the log has no room left: governed actions are refused' : 'the log takes more than four fifths of its room'));
    context.print('fix: agentmesh audit archive --dir FOLDER --keep 100000');
  }
  if (parts.length === 0) return;
  context.print();
  const rows = parts.map(({ first, next, folder, present }) => [String(first), String(next - 1), present ? 'there' : 'not there', folder]);
  printLines(context, table([{ title: 'FIRST', right: true }, { title: 'LAST', right: true }, { title: 'STATE' }, { title: 'ARCHIVE' }], rows, context.width));
}

/** `agentmesh audit retention`. */
export function retention(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'audit.retention', {}, (view) => printRetention(context, view));
}
