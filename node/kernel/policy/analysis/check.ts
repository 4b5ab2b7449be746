/** What can be said about one policy without a request. */
import type { CompiledPolicy, Rule } from '../policy.ts';
import type { PolicyRequest } from '../scope.ts';
import type { Finding } from './finding.ts';
import { lintRule } from './lint.ts';
import { Analysis, languageOf, reallyMatches, verdictOf, type PlacedRule } from './outcome.ts';
import { redundantRules } from './redundant.ts';

const contradicting_parts_max = 24;

/** Everything that is found out about a policy, by rule and in the order of the file; what is about the whole policy comes last. */
export function checkPolicy(policy: CompiledPolicy): readonly Finding[] {
  const analysis = new Analysis([policy]);
  const lints = policy.rules.flatMap((rule) => lintRule(rule));
  const dead = policy.rules.flatMap((rule) => deadRule(analysis, { policy, rule }) ?? []);
  const names = new Set(dead.map(({ rule }) => rule));
  const living = policy.rules.filter(({ name }) => !names.has(name));
  const findings = [
    ...policy.warnings.map(({ rule, remark }): Finding => ({ code: 'POLICY_REMARK', severity: 'warning', rule, remark, fix: 'write it as it is read, so that nobody takes it otherwise' })),
    ...lints,
    // What a lint explains needs no second explanation.
    ...dead.filter(({ rule }) => !lints.some((lint) => lint.rule === rule && lint.severity === 'error')),
    ...redundantRules(analysis, policy, living),
    ...living.flatMap((rule) => unconditional(analysis, { policy, rule }) ?? []),
  ];
  const order = new Map(policy.rules.map(({ name }, index) => [name, index]));
  const sorted = findings.toSorted((a, b) => (order.get(a.rule ?? '') ?? order.size) - (order.get(b.rule ?? '') ?? order.size));
  return [...sorted, ...wholePolicy(analysis, policy), ...(analysis.open_questions === 0 ? [] : [incomplete(analysis.open_questions)])];
}

function incomplete(questions: number): Finding {
  return {
    code: 'ANALYSIS_INCOMPLETE', severity: 'note',
    remark: `${questions} ${questions === 1 ? 'question' : 'questions'} could not be decided: there may be more to find`,
    fix: 'compare attributes with literals instead of with each other or by patterns, or split the policy',
  };
}

/** That the condition of a rule is never true: it may still count where it cannot be evaluated. */
function deadRule(analysis: Analysis, placed: PlacedRule): Finding | undefined {
  const { rule } = placed;
  const { formulas } = analysis.model;
  const condition = analysis.condition(rule);
  if (analysis.find([formulas.sure(condition, false)], (request) => isTrue(placed, request)).answer !== 'none') return undefined;
  const parts = contradiction(analysis, placed);
  const why = parts.length === 1 ? `${parts[0] ?? ''} is never true` : `${parts.join(' and ')} contradict each other`;
  const fault = rule.effect === 'allow' ? undefined : analysis.find([formulas.sure(condition, true)], (request) => reallyMatches(placed, request));
  const counts = fault?.answer === 'found';
  return {
    code: 'RULE_NEVER_MATCHES', severity: 'error', rule: rule.name,
    remark: `rule ${rule.name} never matches${counts ? ', but counts where it cannot be evaluated' : ''}: ${why}`, fix: 'mend the condition, or remove the rule',
    ...(fault?.request === undefined ? {} : { request: fault.request }),
  };
}

function isTrue(placed: PlacedRule, request: PolicyRequest): boolean {
  return reallyMatches({ ...placed, rule: { ...placed.rule, effect: 'allow' } }, request);
}

/** The fewest parts of a condition that already cannot hold together: one, two, or all. */
function contradiction(analysis: Analysis, placed: PlacedRule): readonly string[] {
  const { formulas } = analysis.model;
  const parts = placed.rule.condition.conjuncts.slice(0, contradicting_parts_max)
    .map(({ text, expression }) => ({ text, formula: formulas.sure(analysis.model.partOf(expression, languageOf(placed.policy)), false) }));
  const impossible = (...some: typeof parts): boolean => analysis.isImpossible(some.map(({ formula }) => formula));
  const alone = parts.find((part) => impossible(part));
  if (alone !== undefined) return [alone.text];
  for (const [index, part] of parts.entries()) {
    const other = parts.slice(index + 1).find((one) => impossible(part, one));
    if (other !== undefined) return [part.text, other.text];
  }
  return placed.rule.condition.conjuncts.map(({ text }) => text);
}

/** That a rule allows whatever comes. */
function unconditional(analysis: Analysis, placed: PlacedRule): Finding | undefined {
  const { rule } = placed;
  if (rule.effect !== 'allow') return undefined;
  const { formulas } = analysis.model;
  const refused = analysis.find([formulas.not(analysis.matches(placed))], (request) => !reallyMatches(placed, request));
  if (refused.answer !== 'none') return undefined;
  const written = rule.condition.expression.kind === 'literal';
  return {
    code: 'ALLOWS_EVERYTHING', severity: written ? 'note' : 'warning', rule: rule.name,
    remark: `rule ${rule.name} allows every request that no other rule refuses`, fix: 'name what is to be allowed, e.g. by action.type',
  };
}

function wholePolicy(analysis: Analysis, policy: CompiledPolicy): readonly Finding[] {
  if (policy.kind === 'guard') return [];
  const layers = [[policy]];
  const allowing = (effect: Rule['effect']): boolean => policy.rules.some((rule) => rule.effect === effect);
  if (!allowing('allow') && !allowing('require_approval')) {
    return [{
      code: 'DENIES_EVERYTHING', severity: 'warning', remark: 'no rule allows anything: alone, this policy denies every request',
      fix: 'add a rule with action: allow; or, if it only forbids, write kind: guard; or use it beside a policy that allows in the same layer: the bundles of an organisation are a layer of their own',
    }];
  }
  const possible = (effect: 'allow' | 'require_approval' | 'deny'): boolean => analysis.find([analysis.decides(layers, effect)], (request) => verdictOf(layers, request).effect === effect).answer !== 'none';
  if (!possible('allow') && !possible('require_approval')) {
    return [{ code: 'DENIES_EVERYTHING', severity: 'error', remark: 'the policy denies every request, although rules allow some', fix: 'look for a rule that denies more than is meant' }];
  }
  if (possible('deny') || possible('require_approval')) return [];
  return [{ code: 'ALLOWS_EVERYTHING', severity: 'warning', remark: 'the policy allows every request', fix: 'name what is to be allowed, and leave the rest to the default, which is deny' }];
}
