/** Rules without which a policy would decide the same. */
import type { CompiledPolicy, Rule } from '../policy.ts';
import type { Finding } from './finding.ts';
import type { Formula } from './formula.ts';
import { reallyHolds, reallyMatches, verdictOf, type Analysis, type PlacedRule } from './outcome.ts';

const explaining_rules_max = 16;

/**
 * The rules that never make a difference, found from the last to the first, each
 * beside those that are left: without all of them every verdict stays the same.
 */
export function redundantRules(analysis: Analysis, policy: CompiledPolicy, rules: readonly Rule[]): readonly Finding[] {
  const findings: Finding[] = [];
  let kept = rules.map((rule): PlacedRule => ({ policy, rule }));
  const allows = rules.some(({ effect }) => effect === 'allow' || effect === 'require_approval');
  for (const placed of [...kept].reverse()) {
    // A rule that raises a signal does more than decide.
    if (placed.rule.signal !== undefined) continue;
    const others = kept.filter((other) => other !== placed);
    const finding = redundancy(analysis, placed, others, allows);
    if (finding === undefined) continue;
    findings.push(finding);
    kept = others;
  }
  return findings.reverse();
}

function redundancy(analysis: Analysis, placed: PlacedRule, others: readonly PlacedRule[], allows: boolean): Finding | undefined {
  const { rule } = placed;
  const twin = others.find(({ rule: other }) => sameRule(rule, other));
  if (twin !== undefined) {
    return {
      code: 'RULE_DUPLICATE', severity: 'warning', rule: rule.name, others: [twin.rule.name],
      remark: `rule ${rule.name} says what rule ${twin.rule.name} says`, fix: `remove one of them, or mend the condition of ${rule.name}`,
    };
  }
  if (rule.effect === 'limit') return allows ? limitRedundancy(analysis, placed, others) : undefined;
  return makesDifference(analysis, placed, others) ? undefined : explained(analysis, placed, others);
}

function sameRule(a: Rule, b: Rule): boolean {
  return a.effect === b.effect && a.condition.text === b.condition.text && a.batched === b.batched && a.signal === b.signal
    && JSON.stringify([a.limit, a.obligations]) === JSON.stringify([b.limit, b.obligations]);
}

/** Whether some request needs the rule: for its verdict, or for an obligation that nothing else adds. Undecided counts as yes. */
function makesDifference(analysis: Analysis, placed: PlacedRule, others: readonly PlacedRule[]): boolean {
  const { formulas } = analysis.model;
  // Those that evidently never match together with it need not be asked about again and again.
  const stronger = analysis.followers(placed, others.filter((other) => isStronger(other.rule, placed.rule))).possible;
  const obliging = placed.rule.obligations.map((obligation) => others.filter(({ rule }) => rule.obligations.includes(obligation)));
  const none = (rules: readonly PlacedRule[]): Formula => formulas.not(formulas.any(rules.map((other) => analysis.matches(other))));
  // That nothing else opens the way: an approval opens it only where it is true, and asks even where it cannot be evaluated.
  const opening = (other: PlacedRule): boolean => other.rule.effect === 'require_approval';
  const opens = formulas.all([analysis.holds(placed), formulas.not(formulas.any(stronger.map((other) => (opening(other) ? analysis.holds(other) : analysis.matches(other)))))]);
  const decides = placed.rule.effect === 'observe' ? formulas.never : formulas.any([none(stronger), placed.rule.effect === 'deny' ? formulas.never : opens]);
  const needed = formulas.any([decides, ...obliging.map(none)]);
  return analysis.find([analysis.matches(placed), needed], (request) => {
    if (!reallyMatches(placed, request)) return false;
    const silent = (rules: readonly PlacedRule[]): boolean => !rules.some((other) => reallyMatches(other, request));
    const opened = placed.rule.effect === 'deny' || !reallyHolds(placed, request) || stronger.some((other) => (opening(other) ? reallyHolds : reallyMatches)(other, request));
    return (placed.rule.effect !== 'observe' && (silent(stronger) || !opened)) || obliging.some(silent);
  }).answer !== 'none';
}

/** Whether a rule decides in place of another wherever both match. */
function isStronger(other: Rule, rule: Rule): boolean {
  if (other.effect === 'deny') return true;
  if (rule.effect === 'deny') return false;
  if (other.effect === 'require_approval') return true;
  return rule.effect === 'allow' && other.effect === 'allow' && rule.limit === undefined && (!other.batched || rule.batched);
}

function explained(analysis: Analysis, placed: PlacedRule, others: readonly PlacedRule[]): Finding {
  const { rule } = placed;
  const candidates = others.filter((other) => isStronger(other.rule, rule) || (rule.effect === 'observe' && rule.obligations.every((obligation) => other.rule.obligations.includes(obligation))))
    .toSorted((a, b) => effects_by_strength.indexOf(a.rule.effect) - effects_by_strength.indexOf(b.rule.effect));
  const one = follower(analysis, placed, candidates);
  const names = one === undefined ? [] : [one.rule.name];
  const by = one === undefined ? 'other rules together' : `rule ${one.rule.name}`;
  if (one !== undefined && one.rule.effect !== rule.effect) {
    return {
      code: 'RULE_WITHOUT_EFFECT', severity: 'warning', rule: rule.name, others: names,
      remark: `rule ${rule.name} never ${verbs[rule.effect]}: ${by} ${verbs[one.rule.effect]} whenever it matches`,
      fix: `narrow ${one.rule.name}, or remove ${rule.name}`,
    };
  }
  return {
    code: 'RULE_SHADOWED', severity: 'warning', rule: rule.name, ...(names.length === 0 ? {} : { others: names }),
    remark: `rule ${rule.name} is shadowed: whatever it matches, ${by} ${one === undefined ? 'decide' : 'decides'} the same without it`,
    fix: `remove ${rule.name}, or check whether its condition says what is meant`,
  };
}

const effects_by_strength: readonly Rule['effect'][] = ['deny', 'require_approval', 'allow', 'limit', 'observe'];
const verbs: { readonly [effect in Rule['effect']]: string } = {
  allow: 'allows', deny: 'denies', require_approval: 'asks for approval', limit: 'limits', observe: 'adds anything',
};

/** The first rule that matches whatever another one matches; of those that take a search only a few are tried. */
function follower(analysis: Analysis, placed: PlacedRule, candidates: readonly PlacedRule[]): PlacedRule | undefined {
  const { certain, possible } = analysis.followers(placed, candidates);
  const [first] = certain;
  return first ?? possible.slice(0, explaining_rules_max).find((other) => implies(analysis, placed, other));
}

function implies(analysis: Analysis, rule: PlacedRule, other: PlacedRule): boolean {
  const { formulas } = analysis.model;
  return analysis.find(
    [analysis.matches(rule), formulas.not(analysis.matches(other))],
    (request) => reallyMatches(rule, request) && !reallyMatches(other, request),
  ).answer === 'none';
}

function limitRedundancy(analysis: Analysis, placed: PlacedRule, others: readonly PlacedRule[]): Finding | undefined {
  const { rule, policy } = placed;
  const layers = [[policy]];
  const reached = analysis.find([analysis.matches(placed), analysis.decides(layers, 'allow')], (request) => reallyMatches(placed, request) && verdictOf(layers, request).effect === 'allow');
  if (reached.answer === 'none') {
    return {
      code: 'LIMIT_UNREACHED', severity: 'warning', rule: rule.name,
      remark: `the limit of rule ${rule.name} counts nothing: no request that it matches is allowed`, fix: 'allow what it is to limit, or remove it',
    };
  }
  if (rule.obligations.length > 0) return undefined;
  const tighter = others.filter(({ rule: other }) => other.limit !== undefined && rule.limit !== undefined && isAtLeastAsTight(other.limit, rule.limit));
  const one = follower(analysis, placed, tighter);
  return one === undefined ? undefined : {
    code: 'RULE_SHADOWED', severity: 'warning', rule: rule.name, others: [one.rule.name],
    remark: `rule ${rule.name} is shadowed: rule ${one.rule.name} counts whatever it matches under a limit that is as tight`, fix: `remove ${rule.name}, or tighten it`,
  };
}

/** Whether whatever passes one limit passes the other: no larger burst and no faster rate. */
export function isAtLeastAsTight(limit: NonNullable<Rule['limit']>, other: NonNullable<Rule['limit']>): boolean {
  return limit.count <= other.count && limit.count * other.period_ms <= other.count * limit.period_ms;
}
