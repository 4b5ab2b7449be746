/** What `audit fsck`, `audit recover` and `audit succeed` do. */
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FailureError, ok, type Result } from '../../../crypto/result.ts';
import { controlClient } from '../../control/client.ts';
import { controlSocketPath } from '../../control/socket.ts';
import type { OwnLogView } from '../../control/audit-entry-views.ts';
import type { FsckView, RecoveredView } from '../../control/audit-views.ts';
import { ask, dataFolder, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import { confirmed } from '../confirm.ts';
import type { Context } from '../context.ts';
import { exit_codes } from '../exit.ts';
import { details, table } from '../view/table.ts';
import { count, visible } from '../view/text.ts';
import { logParam, type LogFlags } from './audit.ts';

const poll_ms = 200;
const progress_ms = 2_000;
/** The longest that filling a log again may take. */
const recover_ms_max = 6 * 3_600_000;

/** Flags of `audit recover`. */
export interface RecoverFlags extends LogFlags {
  readonly from?: readonly string[] | undefined;
  readonly dryRun: boolean;
}

/** Flags of `audit succeed`. */
export interface SucceedFlags extends CommonFlags {
  readonly yes: boolean;
}

type Counted = Pick<FsckView, 'done' | 'total' | 'damaged_count'>;

/** Says how far it is, now and then. */
function teller(context: Context): (progress: Counted) => void {
  let told_ms = context.now_ms();
  return ({ done, total, damaged_count }) => {
    if (context.now_ms() - told_ms < progress_ms) return;
    told_ms = context.now_ms();
    context.talk(`${done} of ${total} entries looked at, ${damaged_count === 0 ? 'nothing' : count(damaged_count, 'record')} damaged so far`);
  };
}

async function checked(context: Context, flags: CommonFlags): Promise<Result<FsckView>> {
  const tell = teller(context);
  let answer = await ask(context, flags, 'audit.fsck', { begin: true });
  if (!answer.ok && answer.failure.code === 'NODE_NOT_RUNNING') {
    const { fsckFolder } = await import('../../audit-offline.ts');
    const stored = await fsckFolder(dataFolder(flags.data, context.process.env), tell);
    if (!stored.ok) return stored;
    return ok({ ...stored.value, running: false, ended_ms: context.now_ms() });
  }
  while (answer.ok && answer.value.running) {
    tell(answer.value);
    await wait(poll_ms);
    answer = await ask(context, flags, 'audit.fsck', {});
  }
  return answer;
}

/** `agentmesh audit fsck`. */
export async function fsck(context: Context, flags: CommonFlags): Promise<Outcome> {
  const answer = await checked(context, flags);
  if (!answer.ok) return new FailureError(answer.failure);
  const { done, damaged, damaged_count } = answer.value;
  if (damaged_count > 0) context.process.exitCode = exit_codes.damaged;
  if (flags.json) return context.printJson(answer.value);
  if (damaged_count === 0) return context.print(context.paint('green', `nothing is damaged: ${count(done, 'entry', 'entries')} with tiles, bundles, heads and cosignatures`));
  printLines(context, table([{ title: 'DAMAGED' }, { title: 'WHAT IS WRONG' }], damaged.map(({ log, name, reason }) => [log === null ? name : `log ${log}: ${name}`, reason]), context.width));
  if (damaged_count > damaged.length) context.print(`and ${damaged_count - damaged.length} more`);
  const newest = damaged.some(({ log }) => log === null);
  const past = damaged.find(({ log }) => log !== null)?.log ?? 0;
  context.talk(newest ? 'the log takes no entry until it is mended\nfix: agentmesh audit recover --dry-run says what can be had again'
    : `the newest log is sound and goes on\nfix: agentmesh audit recover --log ${past} --dry-run says what of log ${past} can be had again`);
}

function printRecovered(context: Context, value: RecoveredView, dry_run: boolean): void {
  context.print(context.paint('green', dry_run ? 'this is what would happen; nothing was written' : 'the log is whole again'));
  printLines(context, details([
    ['entries', String(value.size)],
    ['written anew', count(value.refilled, 'entry', 'entries')],
    ['derived again', count(value.derived, 'tile or bundle', 'tiles and bundles')],
    ['payloads lost', value.payloads_lost === 0 ? 'none' : `${value.payloads_lost}: their entries stay, what they said cannot be had`],
    ['lost after the signed head', value.lost_after_head === 0 ? 'none' : count(value.lost_after_head, 'entry', 'entries')],
    ['dropped', value.dropped === 0 ? 'nothing' : count(value.dropped, 'damaged checkpoint, cosignature or evidence', 'damaged checkpoints, cosignatures and evidence')],
  ]));
}

/** `agentmesh audit recover`. */
export async function recover(context: Context, flags: RecoverFlags): Promise<Outcome> {
  const from = (flags.from ?? []).map((folder) => resolve(folder));
  const data = dataFolder(flags.data, context.process.env);
  const client = controlClient(controlSocketPath(data));
  let answer: Result<RecoveredView> = await client.call('audit.recover', { from, dry_run: flags.dryRun, ...logParam(flags) }, { signal: AbortSignal.timeout(recover_ms_max) });
  const stopped = !answer.ok && answer.failure.code === 'NODE_NOT_RUNNING';
  if (stopped) {
    const { recoverFolder } = await import('../../audit-offline.ts');
    answer = await recoverFolder(data, from, flags.dryRun, flags.log);
  }
  if (!answer.ok) return new FailureError(answer.failure);
  if (flags.json) context.printJson(answer.value);
  else printRecovered(context, answer.value, flags.dryRun);
  if (!flags.dryRun && flags.log !== undefined && !stopped) context.talk('an earlier log is in use again, and the newest says what was done; where it is the newest, restart the node: agentmesh stop, then agentmesh up');
  else if (!flags.dryRun) context.talk(stopped ? 'start the node: its log says what was done' : 'restart the node: agentmesh stop, then agentmesh up; its log then says what was done');
}

/** `agentmesh audit logs`. */
export function logs(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'audit.logs', {}, (found) => {
    const state = ({ newest, damaged_count, frozen }: OwnLogView): string => (frozen !== null ? visible(frozen) : damaged_count > 0 ? `${count(damaged_count, 'record')} damaged` : newest ? 'takes entries' : 'closed');
    printLines(context, table([{ title: 'NUMBER', right: true }, { title: 'LOG' }, { title: 'ENTRIES', right: true }, { title: 'STATE' }], found.map((log) => [String(log.number), log.origin, String(log.size ?? '-'), state(log)]), context.width));
  });
}

/** `agentmesh audit succeed`. */
export async function succeed(context: Context, flags: SucceedFlags): Promise<Outcome> {
  const sure = flags.yes ? undefined : await confirmed(context, 'end the audit log of this node and begin a successor');
  if (sure?.ok === false) return new FailureError(sure.failure);
  const shown = await show(context, flags, 'audit.succeed', { yes: true }, ({ origin, verifier_key }) => printLines(context, details([['successor', visible(origin)], ['its key', visible(verifier_key)]])));
  if (shown === undefined) context.talk('restart the node: agentmesh stop, then agentmesh up; governed actions are refused until then');
  return shown;
}
