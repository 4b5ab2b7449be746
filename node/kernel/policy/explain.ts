import { pathOf, type Expression } from './ast.ts';
import { Attribute } from './attribute.ts';
import { nearest_rules_max } from './bounds.ts';
import type { Conjunct } from './compile.ts';
import type { CompiledPolicy, Rule, RuleEffect } from './policy.ts';
import type { Candidate } from './rule-index.ts';
import type { Scope } from './scope.ts';
import { Fault, type Value } from './values.ts';

const shown_characters_max = 80;
const failing_max = 4;
const shown_roots: ReadonlySet<string> = new Set(['action', 'agent', 'context', 'sandbox', 'taint']);

const verbs: { readonly [effect in RuleEffect]: string } = { allow: 'allows', deny: 'denies', require_approval: 'asks for approval', limit: 'limits', observe: 'watches' };

/** What a rule does and why, in words, with the author's own before it. */
export function reasonOf({ name, effect, message }: Rule, why: string): string {
  const reason = `rule ${name} ${verbs[effect]} because ${why}`;
  return message === undefined ? reason : `${message}: ${reason}`;
}

/** Why a rule decided: its condition, with what the detectors found. */
export function becauseOf({ reason, findings }: Candidate, scope: Scope): string {
  if (findings.length === 0) return reason;
  const found = new Set(findings.flatMap((finding) => finding(scope)));
  return found.size === 0 ? reason : `${reason} (${[...found].join('; ')})`;
}

/**
 * Which allowing rule came nearest and what it lacked, e.g. `rule trusted would
 * allow if agent.trust_score >= 600, it is 500`; `undefined` when no rule allows anything.
 */
export function nearestMiss(policies: readonly CompiledPolicy[], scope: Scope): string | undefined {
  let nearest: { readonly rule: Rule; readonly failing: readonly Conjunct[] } | undefined;
  for (const rule of allowingOf(policies)) {
    const failing = rule.condition.conjuncts.filter((conjunct) => conjunct.test(scope) !== true);
    const order = nearest === undefined ? -1 : failing.length - nearest.failing.length;
    if (nearest === undefined || order < 0 || (order === 0 && rule.name < nearest.rule.name)) nearest = { rule, failing };
  }
  if (nearest === undefined) return undefined;
  const lacking = nearest.failing.slice(0, failing_max).map(({ text, expression }) => `${text}${actual(expression, scope)}`);
  return `rule ${nearest.rule.name} would allow if ${lacking.join(' and ')}`;
}

/** The first allowing rules of the policies, not more than are worth the search. */
function allowingOf(policies: readonly CompiledPolicy[]): readonly Rule[] {
  const [only] = policies;
  if (policies.length === 1 && only !== undefined) return only.candidates.allowing;
  return policies.filter(({ mode }) => mode === 'enforce').flatMap(({ candidates }) => candidates.allowing).slice(0, nearest_rules_max);
}

function actual(expression: Expression, scope: Scope): string {
  const value = valueOf(expression, scope);
  return value === undefined ? '' : `, it is ${value}`;
}

/** The value, as text, that the attribute of a comparison really has. Never of the payload, which may be secret. */
export function valueOf(expression: Expression, scope: Scope): string | undefined {
  if (expression.kind !== 'binary') return undefined;
  const path = pathOf(expression.left) ?? pathOf(expression.right);
  if (path === undefined || !shown_roots.has(path[0] ?? '')) return undefined;
  const value = new Attribute(path).read(scope);
  return value === undefined ? 'not known' : shown(value);
}

function shown(value: Value): string {
  const text = value instanceof Fault ? value.reason : JSON.stringify(value);
  return text.length > shown_characters_max ? `${text.slice(0, shown_characters_max)}…` : text;
}
