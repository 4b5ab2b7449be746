import { pathOf, type Expression } from './ast.ts';
import { nearest_rules_max } from './bounds.ts';
import type { CompiledPolicy, Rule } from './policy.ts';
import type { Scope } from './scope.ts';
import { Fault, isList, memberOf, type Value } from './values.ts';

const shown_characters_max = 80;
const failing_max = 4;

/** Why a rule decided: the parts of its condition, with what the detectors found. */
export function becauseOf(rule: Rule, scope: Scope): string {
  const findings = new Set(rule.condition.conjuncts.flatMap(({ expression }) => findingsOf(expression, scope)));
  const found = findings.size === 0 ? '' : ` (${[...findings].join('; ')})`;
  return `${rule.condition.text}${found}`;
}

/** What the detectors found that an expression asks about. */
function findingsOf(expression: Expression, scope: Scope): readonly string[] {
  switch (expression.kind) {
    case 'unary':
      return findingsOf(expression.operand, scope);
    case 'binary':
      return [...findingsOf(expression.left, scope), ...findingsOf(expression.right, scope)];
    case 'member': {
      const [root] = pathOf(expression) ?? [];
      const sql = root === 'sql' ? memberOf(scope.root('sql'), 'reasons') : undefined;
      return isList(sql) ? sql.map(String) : [];
    }
    case 'call': {
      const folders = expression.arguments.flatMap((item) => (item.kind === 'literal' && typeof item.value === 'string' ? [item.value] : []));
      const outside = expression.name === 'within' ? scope.pathOutside(folders) : undefined;
      return typeof outside === 'string' ? [outside] : outside instanceof Fault ? [outside.reason] : [];
    }
    default:
      return [];
  }
}

/**
 * Which allowing rule came nearest and what it lacked, e.g. `rule trusted would
 * allow if agent.trust_score >= 600, it is 500`; `undefined` when no rule allows anything.
 */
export function nearestMiss(policies: readonly CompiledPolicy[], scope: Scope): string | undefined {
  const allowing = policies.flatMap((policy) => policy.rules.filter((rule) => rule.effect === 'allow'));
  const misses = allowing.slice(0, nearest_rules_max).map((rule) => ({
    rule,
    failing: rule.condition.conjuncts.filter((conjunct) => conjunct.test(scope) !== true),
  }));
  const [nearest] = misses.toSorted((a, b) => a.failing.length - b.failing.length || (a.rule.name < b.rule.name ? -1 : 1));
  if (nearest === undefined) return undefined;
  const lacking = nearest.failing.slice(0, failing_max).map(({ text, expression }) => `${text}${actual(expression, scope)}`);
  return `rule ${nearest.rule.name} would allow if ${lacking.join(' and ')}`;
}

/** The value that an attribute of a comparison really has. Never of the payload, which may be secret. */
function actual(expression: Expression, scope: Scope): string {
  if (expression.kind !== 'binary') return '';
  const path = pathOf(expression.left) ?? pathOf(expression.right);
  if (path === undefined || !/^(?:action|agent|context)$/.test(path[0] ?? '')) return '';
  let value: Value = scope.root(path[0] ?? '');
  for (const name of path.slice(1)) value = memberOf(value, name);
  if (value === undefined) return ', it is not known';
  const text = JSON.stringify(value);
  return `, it is ${text.length > shown_characters_max ? `${text.slice(0, shown_characters_max)}…` : text}`;
}
