/** Which rules, and which parts of their conditions, a set of requests has tried. */
import type { Conjunct } from '../kernel/policy/compile.ts';
import type { CompiledPolicy, Rule } from '../kernel/policy/policy.ts';
import type { Scope } from '../kernel/policy/scope.ts';

/** A part of a condition that was not seen both ways. */
export interface ConjunctCoverage {
  readonly text: string;
  readonly seen_true: boolean;
  readonly seen_false: boolean;
}

/** What was tried of a rule. */
export interface RuleCoverage {
  readonly policy: string;
  readonly rule: string;
  /** That its condition held for some request. */
  readonly held: boolean;
  readonly conjuncts: readonly ConjunctCoverage[];
}

/** What was tried of all rules. */
export interface CoverageReport {
  readonly rules: readonly RuleCoverage[];
  /** What was seen: each rule once, each part of its condition once true and once false. */
  readonly seen: number;
  readonly points: number;
  /** `seen` of `points`, 0 to 100. */
  readonly percent: number;
}

interface Seen {
  readonly conjunct: Conjunct;
  seen_true: boolean;
  seen_false: boolean;
}

interface Tried {
  readonly policy: string;
  readonly rule: Rule;
  held: boolean;
  readonly conjuncts: readonly Seen[];
}

/** Counts what requests try of policies. */
export class Coverage {
  readonly #rules: readonly Tried[];

  constructor(policies: readonly CompiledPolicy[]) {
    this.#rules = policies.flatMap((policy) => policy.rules.map((rule) => ({
      policy: policy.name,
      rule,
      held: false,
      // What is always the same cannot be seen both ways.
      conjuncts: rule.condition.conjuncts.filter(({ expression }) => expression.kind !== 'literal').map((conjunct) => ({ conjunct, seen_true: false, seen_false: false })),
    })));
  }

  /** Notes a request. */
  note(scope: Scope): void {
    for (const tried of this.#rules) {
      tried.held ||= tried.rule.condition.test(scope) === true;
      for (const seen of tried.conjuncts) {
        const holds = seen.conjunct.test(scope);
        seen.seen_true ||= holds === true;
        seen.seen_false ||= holds === false;
      }
    }
  }

  /** What was tried so far. */
  report(): CoverageReport {
    const rules = this.#rules.map(({ policy, rule, held, conjuncts }) => ({
      policy,
      rule: rule.name,
      held,
      conjuncts: conjuncts.map(({ conjunct, seen_true, seen_false }) => ({ text: conjunct.text, seen_true, seen_false })),
    }));
    const seen = rules.reduce((sum, { held, conjuncts }) => sum + Number(held) + conjuncts.reduce((both, { seen_true, seen_false }) => both + Number(seen_true) + Number(seen_false), 0), 0);
    const points = rules.reduce((sum, { conjuncts }) => sum + 1 + 2 * conjuncts.length, 0);
    return { rules, seen, points, percent: points === 0 ? 100 : Math.floor((1000 * seen) / points) / 10 };
  }
}
