/** The whole of a decision, for people: every rule and every part of it. Never on the way of a call. */
import type { Conjunct } from './compile.ts';
import { evaluateLayers, type Layer } from './evaluate.ts';
import { valueOf } from './explain.ts';
import { findingsOf } from './findings.ts';
import { Meter } from './limit.ts';
import type { CompiledPolicy, Rule, RuleEffect, Verdict } from './policy.ts';
import { Scope, type PolicyRequest } from './scope.ts';
import { Fault } from './values.ts';

/** Whether something holds, or why that cannot be said. */
export type Holds = boolean | { readonly fault: string };

/** One part of a rule's condition and whether it holds; `value` is what the attribute that it compares really is, but for the payload. */
export interface ConjunctTrace {
  readonly text: string;
  readonly holds: Holds;
  readonly value?: string;
}

/** One rule and why it holds or not. */
export interface RuleTrace {
  readonly policy: string;
  readonly mode: CompiledPolicy['mode'];
  readonly rule: string;
  readonly effect: RuleEffect;
  readonly line?: number;
  readonly condition: string;
  readonly holds: Holds;
  readonly conjuncts: readonly ConjunctTrace[];
  /** What detectors found that the rule asks about. */
  readonly findings: readonly string[];
}

/** A verdict with every rule that had a say, in the order of layers, policies and rules. */
export interface Explanation {
  readonly verdict: Verdict;
  readonly rules: readonly RuleTrace[];
  /** Where no rule allows: which came nearest, and what it lacked. */
  readonly nearest_miss: string | null;
}

/** Decides and says for every rule of every policy whether it holds and which parts of it do. Charges nothing; a rate counts as unused but for the meter given. */
export function explainDecision(layers: readonly Layer[], request: PolicyRequest | Scope, meter: Meter = new Meter(() => 0)): Explanation {
  const scope = request instanceof Scope ? request : new Scope(request);
  const verdict = evaluateLayers(layers, scope, meter, { charge: false });
  const rules = layers.flat().flatMap((policy) => policy.rules.map((rule) => traceOf(policy, rule, scope)));
  return { verdict, rules, nearest_miss: verdict.effect === 'deny' && verdict.rule === null ? verdict.would_allow ?? null : null };
}

function traceOf(policy: CompiledPolicy, rule: Rule, scope: Scope): RuleTrace {
  const { condition, line } = rule;
  const findings = findingsOf(condition.conjuncts).flatMap((finding) => finding(scope));
  return {
    policy: policy.name,
    mode: policy.mode,
    rule: rule.name,
    effect: rule.effect,
    ...(line === undefined ? {} : { line }),
    condition: condition.text,
    holds: holdsOf(condition.test(scope)),
    conjuncts: condition.conjuncts.map((conjunct) => partOf(conjunct, scope)),
    findings: [...new Set(findings)],
  };
}

function partOf({ text, expression, test }: Conjunct, scope: Scope): ConjunctTrace {
  const value = valueOf(expression, scope);
  const holds = holdsOf(test(scope));
  return value === undefined ? { text, holds } : { text, holds, value };
}

function holdsOf(value: boolean | Fault): Holds {
  return value instanceof Fault ? { fault: value.reason } : value;
}
