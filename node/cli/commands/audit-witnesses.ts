/** What the commands about witnesses and mirrors do. */
import { FailureError } from '../../../crypto/result.ts';
import type { MirroredLogView, WitnessedLogView, WitnessesView } from '../../control/audit-views.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { bytesText, count, moment, shortId, visible } from '../view/text.ts';

/** Flags of `audit mirror`. */
export interface MirrorFlags extends CommonFlags {
  readonly drop: boolean;
}

function named(name: string | null, id: string | null): string {
  return name ?? (id === null ? '-' : shortId(id));
}

function printQuorum(context: Context, view: WitnessesView): void {
  const { needed, policy, anchored, failure } = view;
  printLines(context, details([
    ['needed', `${needed}${policy ? '' : ' (no witness policy is given)'}`],
    ['newest', anchored === null ? 'none since the start of this host' : `${count(anchored.size, 'entry', 'entries')} at ${moment(anchored.at_ms)}, cosigned by ${anchored.cosigners}`],
    ['missed', failure === null ? undefined : visible(failure)],
    ['not asked', view.absent.length === 0 ? undefined : view.absent.join(', ')],
  ]));
  if (view.weakness !== null) {
    context.print(context.paint('yellow', `weak: ${visible(view.weakness)}`));
    context.print('fix: on the hosts that witness: agentmesh sponsor host NAME of their owner');
  }
  if (view.clock_doubt !== null) context.print(context.paint('red', `this host cosigns nothing: ${visible(view.clock_doubt)}`));
}

function printAsked(context: Context, asked: WitnessesView['witnesses']): void {
  context.print();
  if (asked.length === 0) {
    context.print('no witness can be asked: agentmesh join ADDRESS');
    return;
  }
  const rows = asked.map(({ did, name, sponsor, sponsor_name, cosigned, refused }) => [
    named(name, did), sponsor === null ? 'nobody' : named(sponsor_name, sponsor),
    cosigned === null ? '-' : `${cosigned.size} at ${moment(cosigned.time_ms)}`,
    refused === null ? '-' : `${moment(refused.at_ms)} ${refused.reason}`,
  ]);
  printLines(context, table([{ title: 'WITNESS' }, { title: 'SPONSOR' }, { title: 'LAST COSIGNED' }, { title: 'LAST REFUSED' }], rows, context.width));
}

function printWitnessed(context: Context, witnessed: readonly WitnessedLogView[]): void {
  context.print();
  if (witnessed.length === 0) {
    context.print('this host has witnessed no log yet');
    return;
  }
  const rows = witnessed.map(({ origin, name, size, time_ms, exposed, anchored }) => [
    name ?? shortId(origin), String(size), moment(time_ms), exposed ? 'exposed, never again' : anchored ? 'written into the own log' : 'waits for the next anchor',
  ]);
  printLines(context, table([{ title: 'WITNESSED LOG' }, { title: 'SIZE', right: true }, { title: 'COSIGNED' }, { title: 'STATE' }], rows, context.width));
}

/** `agentmesh audit witnesses`. */
export function witnesses(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'audit.witnesses', {}, (view) => {
    printQuorum(context, view);
    printAsked(context, view.witnesses);
    printWitnessed(context, view.witnessed);
  });
}

function printMirrors(context: Context, mirrors: readonly MirroredLogView[]): void {
  if (mirrors.length === 0) {
    context.print('no log of another host is mirrored here: agentmesh audit mirror WHO');
    return;
  }
  const rows = mirrors.map(({ did, name, size, bytes, time_ms, trouble }) => [
    named(name, did), String(size), bytesText(bytes), time_ms === 0 ? '-' : moment(time_ms), trouble === null ? '-' : trouble.reason,
  ]);
  printLines(context, table([{ title: 'HOST' }, { title: 'ENTRIES', right: true }, { title: 'DISK', right: true }, { title: 'NEWEST' }, { title: 'TROUBLE' }], rows, context.width));
}

/** `agentmesh audit mirror`. */
export async function mirror(context: Context, flags: MirrorFlags, who?: string): Promise<Outcome> {
  if (who === undefined && flags.drop) return new FailureError({ code: 'USAGE_INVALID', reason: '--drop needs the host whose copy is to go', fix: 'agentmesh audit mirror WHO --drop' });
  if (who === undefined) return show(context, flags, 'audit.mirrors', {}, (mirrors) => printMirrors(context, mirrors));
  if (flags.drop) return show(context, flags, 'audit.mirror.drop', { who }, () => context.print('the log is followed no longer, and its copy is removed'));
  const answer = await ask(context, flags, 'audit.mirror', { who });
  if (!answer.ok) return new FailureError(answer.failure);
  if (flags.json) context.printJson(answer.value);
  else printMirrors(context, [answer.value]);
}
