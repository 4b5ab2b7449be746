/** What `revoke` and `revocations` do. */
import type { RevocationPreview, RevocationView } from '../../control/views.ts';
import { printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { count, distanceTo, moment, shellWord, shortId, visible } from '../view/text.ts';

/** Flags of `revoke`. */
export interface RevokeFlags extends CommonFlags {
  readonly from: string;
  readonly why: string;
  readonly dryRun: boolean;
}

/** Flags of `revocations`. */
export interface RevocationsFlags extends CommonFlags {
  readonly by?: string | undefined;
  readonly of?: string | undefined;
  readonly pending: boolean;
  readonly limit?: number | undefined;
}

const state_words: { readonly [state in RevocationPreview['state']]: string } = {
  'in force': 'in force',
  'pending': 'pending: its target, or who answers for it, is not known here yet',
  'without authority': 'without authority: as far as is known here it ends nothing',
};
const state_styles = { 'in force': 'green', 'pending': 'yellow', 'without authority': 'red' } as const;

function printEndings(context: Context, { ends, ends_count }: RevocationPreview, would: string): void {
  if (ends_count === 0) {
    context.print(`nothing on this host ${would}`);
    return;
  }
  context.print(`${count(ends_count, 'thing')} on this host ${would}:`);
  const columns = [{ title: 'WHAT' }, { title: 'NAME OR HOLDER' }, { title: 'ID' }];
  printLines(context, table(columns, ends.map(({ kind, id, name, holder }) => [kind, name ?? (holder === null ? '-' : shortId(holder)), kind === 'agent' ? shortId(id) : id]), context.width));
  if (ends.length < ends_count) context.print(`… and ${ends_count - ends.length} more`);
}

function printPreview(context: Context, preview: RevocationPreview, state_name: string): void {
  const { kind, target, target_name, by, state } = preview;
  printLines(context, details([[kind, target_name === null ? target : `${target_name}  ${target}`], ['by', by]]));
  context.print(`${state_name}  ${context.paint(state_styles[state], state_words[state])}`);
}

/** `agentmesh revoke`. */
export function revoke(context: Context, flags: RevokeFlags, kind: string, target: string): Promise<Outcome> {
  const { from, why, dryRun } = flags;
  if (dryRun) {
    return show(context, flags, 'revocation.preview', { from, kind, target }, (preview) => {
      printPreview(context, preview, 'it would be');
      printEndings(context, preview, 'would end, for good');
      context.talk(`to do it: agentmesh revoke ${shellWord(kind)} ${shellWord(target)} --from ${shellWord(from)} --why ${shellWord(why)}`);
    });
  }
  return show(context, flags, 'revoke', { from, kind, target, why }, (revoked) => {
    context.print(`revoked: statement ${visible(revoked.statement)}`);
    printPreview(context, revoked, 'it is');
    printEndings(context, revoked, 'ended, for good');
    context.print(revoked.told_peers === 0
      ? 'nobody was told yet: no peer is connected; peers learn of it when they connect'
      : `${count(revoked.told_peers, 'connected peer')} ${revoked.told_peers === 1 ? 'was' : 'were'} told; the others learn of it from them`);
  });
}

function rowOf(revocation: RevocationView): readonly string[] {
  const { time_ms, kind, target, target_name, by, by_name, state, why } = revocation;
  const is_token = kind === 'delegation' || kind === 'token';
  return [moment(time_ms), kind, target_name ?? (is_token ? target : shortId(target)), by_name ?? shortId(by), state, why];
}

/** `agentmesh revocations`. */
export function revocations(context: Context, flags: RevocationsFlags): Promise<Outcome> {
  const { by, of, pending, limit } = flags;
  const params = { ...(by === undefined ? {} : { by }), ...(of === undefined ? {} : { of }), ...(pending ? { pending } : {}), ...(limit === undefined ? {} : { limit }) };
  return show(context, flags, 'revocations', params, ({ revocations: known, total }) => {
    const [newest] = known;
    if (newest === undefined) return context.talk('no such revocation is known here');
    const columns = [{ title: 'TIME' }, { title: 'KIND' }, { title: 'TARGET' }, { title: 'BY' }, { title: 'STATE' }, { title: 'WHY' }];
    printLines(context, table(columns, known.map(rowOf), context.width));
    context.talk(`${known.length === total ? count(total, 'revocation') : `the newest ${known.length} of ${total} revocations`}, the newest ${distanceTo(newest.time_ms, context.now_ms())}; --json has them in full`);
  });
}
