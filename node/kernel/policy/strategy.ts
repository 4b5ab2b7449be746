/**
 * Other ways to settle rules that contradict each other, put into the conditions
 * themselves: a rule that another may switch off holds only where that one does
 * not. So there is one evaluator, and its verdict stays free of order.
 */
import type { RuleDocument, Strategy } from './document.ts';

const rank: { readonly [action: string]: number } = { allow: 1, require_approval: 2, deny: 3 };

function rankOf(rule: RuleDocument): number {
  return rank[rule.action ?? ''] ?? 0;
}

/**
 * The rules whose conditions a rule must not find true: with `priority-first-match`
 * milder rules of a higher priority (or of the same, but further up), with
 * `allow-overrides` all rules that allow.
 */
export function overriders(rules: readonly RuleDocument[], index: number, strategy: Strategy): readonly RuleDocument[] {
  const rule = rules[index];
  if (strategy === 'deny-overrides' || rule === undefined || rule.absolute === true) return [];
  return rules.filter((other, at) => {
    if (rankOf(other) === 0 || rankOf(other) >= rankOf(rule) || other.limit !== undefined) return false;
    if (strategy === 'allow-overrides') return other.action === 'allow';
    return other.priority > rule.priority || (other.priority === rule.priority && at < index);
  });
}

/** The condition of a rule with what switches it off. */
export function overridden(rule: RuleDocument, by: readonly RuleDocument[]): string {
  const own = `(${rule.condition})`;
  return by.length === 0 ? rule.condition : `${own} and not (${by.map(({ condition }) => `(${condition})`).join(' or ')})`;
}
