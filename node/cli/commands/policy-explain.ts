/** `agentmesh policy explain`: one decision, and what it hung on. */
import { existsSync } from 'node:fs';
import { FailureError, fail, messageOf, type Result } from '../../../crypto/result.ts';
import { explainDecision, type ConjunctTrace, type Explanation, type Holds, type RuleTrace } from '../../kernel/policy/trace.ts';
import { requestOf } from '../../policy-tools/request.ts';
import { Trial } from '../../policy-tools/trial.ts';
import type { PolicyRequest } from '../../kernel/policy/scope.ts';
import { printLines, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readText } from '../input.ts';
import { readPolicies } from '../policy-files.ts';
import { details } from '../view/table.ts';
import { visible } from '../view/text.ts';
import { tellWarnings, type PolicyFlags } from './policy-eval.ts';

/** Flags of `policy explain`. */
export interface ExplainFlags extends PolicyFlags {
  readonly input: string;
  readonly all: boolean;
}

/** A request from a file, from standard input, or from the command line itself. */
async function readRequest(input: string): Promise<Result<PolicyRequest>> {
  const inline = input !== '-' && !existsSync(input);
  const text = inline ? input : await readText(input);
  if (typeof text !== 'string' && !text.ok) return text;
  const json = typeof text === 'string' ? text : text.value;
  try {
    return requestOf(JSON.parse(json));
  } catch (error) {
    return fail('REQUEST_INVALID', `the input is ${inline ? 'neither a file nor JSON' : 'not JSON'}: ${messageOf(error)}`, { fix: 'give JSON such as \'{"action": {"type": "export"}}\', or a file with it' });
  }
}

function sign(context: Context, holds: Holds): string {
  if (holds === true) return context.paint('green', 'yes');
  return holds === false ? context.paint('red', 'no ') : context.paint('yellow', '?  ');
}

function conjunctLine(context: Context, { text, holds, value }: ConjunctTrace): string {
  const why = typeof holds === 'object' ? `: ${holds.fault}` : value === undefined ? '' : `, it is ${value}`;
  return `    ${sign(context, holds)} ${visible(text + why)}`;
}

function ruleLines(context: Context, rule: RuleTrace): readonly string[] {
  const { policy, line, effect, conjuncts, findings, mode } = rule;
  const where = `${visible(policy)}${line === undefined ? '' : `:${line}`}${mode === 'shadow' ? ', in shadow mode' : ''}`;
  return [
    `${sign(context, rule.holds)} ${context.paint('bold', visible(rule.rule))} (${effect}) ${context.paint('dim', where)}`,
    ...conjuncts.map((conjunct) => conjunctLine(context, conjunct)),
    ...findings.map((finding) => `    found: ${visible(finding)}`),
  ];
}

function printExplanation(context: Context, { verdict, rules, nearest_miss }: Explanation, all: boolean): void {
  const colour = verdict.effect === 'allow' ? 'green' : verdict.effect === 'deny' ? 'red' : 'yellow';
  printLines(context, details([
    ['verdict', verdict.effect],
    ['rule', verdict.rule ?? 'none'],
    ['policy', verdict.policy === '' ? undefined : verdict.policy],
    ['reason', verdict.reason],
    ['would allow', nearest_miss ?? verdict.would_allow],
    ['besides', verdict.obligations.length === 0 ? undefined : verdict.obligations.join(', ')],
    ['signal', verdict.signal],
  ]).map((line, index) => (index === 0 ? context.paint(colour, line) : line)));
  const shown = all ? rules : rules.filter(({ holds, rule, policy }) => holds !== false || (rule === verdict.rule && policy === verdict.policy));
  if (shown.length > 0) context.print();
  for (const rule of shown) printLines(context, ruleLines(context, rule));
  const left_out = rules.length - shown.length;
  if (left_out > 0) context.talk(`${left_out} other ${left_out === 1 ? 'rule does' : 'rules do'} not hold; --all shows them`);
}

/** Explains one decision. */
export async function explain(context: Context, flags: ExplainFlags): Promise<Outcome> {
  const request = await readRequest(flags.input);
  if (!request.ok) return new FailureError(request.failure);
  const policies = await readPolicies(flags.policy, flags.strict);
  if (!policies.ok) return new FailureError(policies.failure);
  tellWarnings(context, flags, policies.value);
  const explanation = explainDecision([new Trial(policies.value).policies], request.value);
  if (flags.json) context.printJson(explanation);
  else printExplanation(context, explanation, flags.all);
}
