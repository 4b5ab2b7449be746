/** `agentmesh policy replay` and `policy shadow`: recorded decisions under other policies. */
import { FailureError, type Result } from '../../../crypto/result.ts';
import { Divergence, type Change, type DivergenceReport } from '../../policy-tools/divergence.ts';
import type { RecordedDecision } from '../../policy-tools/recorded.ts';
import { decidedByPolicy, Replay } from '../../policy-tools/replay.ts';
import { printLines, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { decisionsOf, type SourceFlags } from '../decision-source.ts';
import { exit_codes } from '../exit.ts';
import { readPolicies } from '../policy-files.ts';
import { details, table } from '../view/table.ts';
import { count, shortId, visible } from '../view/text.ts';

const progress_ms = 2_000;

/** Flags of `policy replay`. */
export interface ReplayFlags extends SourceFlags {
  readonly policy: readonly string[];
  readonly strict: boolean;
  readonly failOn?: 'looser' | 'stricter' | 'change' | undefined;
}

/** Flags of `policy shadow`. */
export interface ShadowFlags extends SourceFlags {
  readonly policy?: string | undefined;
}

/** Walks the decisions and counts them, and says now and then how far it is. */
async function walk(context: Context, flags: SourceFlags, divergence: Divergence, note: (decision: RecordedDecision) => void): Promise<Result<void>> {
  let told_ms = context.now_ms();
  let decisions = 0;
  return decisionsOf(context, flags, (decision) => {
    if (decision === undefined) divergence.pass();
    else {
      note(decision);
      decisions += 1;
    }
    if (context.now_ms() - told_ms >= progress_ms) {
      told_ms = context.now_ms();
      context.talk(`${count(divergence.looked_at, 'record')} looked at`);
    }
    return decisions < (flags.limit ?? Infinity);
  });
}

function byWhom(verdict: string, rule: string | null): string {
  return rule === null ? verdict : `${verdict}: ${rule}`;
}

function exampleText({ examples }: Change): string {
  return examples.map(({ index, action }) => {
    const type = typeof action === 'object' && action !== null && 'type' in action ? String(action.type) : '';
    return `${index} ${type}`.trim();
  }).join(', ');
}

function printReport(context: Context, report: DivergenceReport): void {
  const { decisions, same, looser, stricter, unknown, unknown_percent, outside, passed_over, changes, changes_left_out } = report;
  printLines(context, details([
    ['decisions', String(decisions)],
    ['same', String(same)],
    ['looser', String(looser)],
    ['stricter', String(stricter)],
    ['not known', `${unknown} (${unknown_percent} %)${unknown === 0 ? '' : ': they hang on the payload, of which a record has the hash'}`],
    ['not by policy', outside === 0 ? undefined : `${outside}: by a signal, a scope, the form of the call, an approval or the operator`],
    ['passed over', passed_over === 0 ? undefined : String(passed_over)],
  ]));
  if (changes.length === 0) return;
  context.print();
  printLines(context, table(
    [{ title: 'CHANGE' }, { title: 'COUNT', right: true }, { title: 'WAS' }, { title: 'WOULD BE' }, { title: 'FIRST' }],
    changes.map((change) => [change.direction, String(change.count), byWhom(change.from, change.from_rule), byWhom(change.to === 'unknown' ? 'depends on' : change.to, change.to_rule), exampleText(change)]),
    context.width,
  ));
  if (changes_left_out > 0) context.print(`and ${changes_left_out} decisions that changed in other ways`);
}

/** Decides what was recorded again by other policies. */
export async function replay(context: Context, flags: ReplayFlags): Promise<Outcome> {
  const policies = await readPolicies(flags.policy, flags.strict);
  if (!policies.ok) return new FailureError(policies.failure);
  const prepared = Replay.of(policies.value);
  if (!prepared.ok) return new FailureError(prepared.failure);
  const divergence = new Divergence();
  const bound = policies.value.find(({ agent }) => agent !== undefined)?.agent;
  if (bound !== undefined && flags.agent === undefined) context.talk(`the policy is for ${visible(bound)}: --agent selects its decisions`);
  const walked = await walk(context, flags, divergence, (decision) => {
    if (!decidedByPolicy(decision)) divergence.outside(decision);
    else divergence.note(decision, prepared.value.decide(decision));
  });
  if (!walked.ok) return new FailureError(walked.failure);
  const report = divergence.report();
  const { looser, stricter } = report;
  const fails = { looser: looser > 0, stricter: stricter > 0, change: looser + stricter > 0 };
  if (flags.failOn !== undefined && fails[flags.failOn]) context.process.exitCode = exit_codes.failed;
  if (flags.json) return context.printJson(report);
  printReport(context, report);
  if (report.decisions + report.outside === 0) context.talk(flags.agent === undefined ? 'no decision matches; agentmesh audit tail --kind decision shows what is recorded' : 'no decision matches: an agent is named by its DID where no node runs, and agentmesh audit tail --kind decision shows some');
}

/** Reports what policies in shadow mode would have changed. */
export async function shadow(context: Context, flags: ShadowFlags): Promise<Outcome> {
  const by_policy = new Map<string, Divergence>();
  const all = new Divergence();
  const walked = await walk(context, flags, all, (decision) => {
    if (decision.shadow.length === 0) return all.pass();
    for (const { policy, effect, rule } of decision.shadow) {
      if (flags.policy !== undefined && flags.policy !== policy) continue;
      const divergence = by_policy.get(policy) ?? new Divergence();
      by_policy.set(policy, divergence);
      divergence.note(decision, { verdict: effect, rule });
    }
  });
  if (!walked.ok) return new FailureError(walked.failure);
  const reports = Array.from(by_policy, ([policy, divergence]) => Object.assign({ policy }, divergence.report()));
  if (flags.json) return context.printJson(reports);
  if (reports.length === 0) return context.talk(flags.policy === undefined ? 'no policy in shadow mode is recorded; one is made with mode: shadow at the top of its file' : `no decision of ${visible(shortId(flags.policy))} in shadow mode is recorded`);
  for (const [index, report] of reports.entries()) {
    if (index > 0) context.print();
    context.print(context.paint('bold', visible(report.policy)));
    printReport(context, report);
  }
}
