/** Recorded decisions, decided again by other policies on what the record still knows. */
import { contains, parseCapability } from '../../crypto/capability.ts';
import { ok, type Result } from '../../crypto/result.ts';
import { Meter } from '../kernel/policy/limit.ts';
import type { CompiledPolicy, Rule, Verdict } from '../kernel/policy/policy.ts';
import { wantedCapability } from '../kernel/policy/judge.ts';
import { Scope } from '../kernel/policy/scope.ts';
import type { Fault } from '../kernel/policy/values.ts';
import type { RecordedDecision } from './recorded.ts';
import { ternaryOf, type Ternary, type TernaryTest } from './ternary.ts';

/** What the policies decide about a record: an effect and the rule that decides, or that nobody can know. */
export interface Replayed {
  readonly verdict: Verdict['effect'] | 'unknown';
  /** The rule that decides, or on which it hangs. */
  readonly rule: string | null;
}

interface Prepared {
  readonly policy: CompiledPolicy;
  readonly rule: Rule;
  readonly test: TernaryTest;
  /** Why it could not be evaluated, where it counts nevertheless. */
  readonly fault?: Fault;
}

type Found = { readonly [effect in 'deny' | 'require_approval' | 'allow' | 'limit']: { readonly sure: Prepared[]; readonly unsure: Prepared[] } };

/** Decides records again, in the order of time, for their rate limits. */
export class Replay {
  readonly #policies: readonly CompiledPolicy[];
  readonly #rules: readonly Prepared[];
  // What was surely charged, and what may have been: a decision that cannot be told may have charged too.
  readonly #least: Meter;
  readonly #most: Meter;
  #time_ms = 0;

  private constructor(policies: readonly CompiledPolicy[], rules: readonly Prepared[]) {
    this.#policies = policies;
    this.#rules = rules;
    this.#least = new Meter(() => this.#time_ms);
    this.#most = new Meter(() => this.#time_ms);
  }

  /** Prepares policies that decide together. Fails with `CONDITION_INVALID`. */
  static of(policies: readonly CompiledPolicy[]): Result<Replay> {
    const rules: Prepared[] = [];
    for (const policy of policies) {
      for (const rule of policy.rules) {
        const test = ternaryOf(rule, policy);
        if (!test.ok) return test;
        rules.push({ policy, rule, test: test.value });
      }
    }
    return ok(new Replay(policies, rules));
  }

  /** Decides about one record. */
  decide(record: RecordedDecision): Replayed {
    this.#time_ms = Math.max(this.#time_ms, record.time_ms);
    const scope = new Scope(record.request);
    const found = this.#find(scope, record.whole);
    const replayed = this.#withoutRates(found, scope);
    if (replayed.verdict === 'allow') return this.#limited(found, scope) ?? replayed;
    if (replayed.verdict === 'unknown') this.#charge(this.#most, [...found.limit.sure, ...found.limit.unsure], scope);
    return replayed;
  }

  #withoutRates({ deny, require_approval, allow }: Found, scope: Scope): Replayed {
    const outside = this.#policies.find((policy) => !covers(policy, scope));
    if (deny.sure.length > 0 || outside !== undefined) return { verdict: 'deny', rule: reported(deny.sure)?.rule.name ?? null };
    const guarded = this.#policies.every(({ kind }) => kind === 'guard');
    // An approval that cannot be evaluated asks, and opens nothing.
    const open = guarded || allow.sure.length > 0 || require_approval.sure.some(({ fault }) => fault === undefined);
    const may_pass = open || allow.unsure.length + require_approval.unsure.length > 0;
    if (!may_pass) return { verdict: 'deny', rule: null };
    if (deny.unsure.length > 0) return unknown(deny.unsure);
    if (!open) return unknown([...allow.unsure, ...require_approval.unsure]);
    if (require_approval.sure.length > 0) return { verdict: 'require_approval', rule: reported(require_approval.sure)?.rule.name ?? null };
    if (require_approval.unsure.length > 0) return unknown(require_approval.unsure);
    return { verdict: 'allow', rule: reported(allow.sure)?.rule.name ?? null };
  }

  #find(scope: Scope, whole: boolean): Found {
    const found: Found = { deny: { sure: [], unsure: [] }, require_approval: { sure: [], unsure: [] }, allow: { sure: [], unsure: [] }, limit: { sure: [], unsure: [] } };
    for (const prepared of this.#rules) {
      const { rule } = prepared;
      const holds: Ternary = whole ? rule.condition.test(scope) : prepared.test(scope);
      if (holds === false || rule.effect === 'observe') continue;
      // As in a decision, what cannot be evaluated never favours the caller.
      if (holds === 'unknown') found[rule.effect].unsure.push(prepared);
      else if (holds === true || rule.effect !== 'allow') found[rule.effect].sure.push(holds === true ? prepared : { ...prepared, fault: holds });
      if (rule.effect === 'allow' && rule.limit !== undefined && holds === true) found.limit.sure.push(prepared);
    }
    return found;
  }

  /** A rate that is used up, or that may be; otherwise all are charged. */
  #limited({ limit: { sure, unsure } }: Found, scope: Scope): Replayed | undefined {
    const over = (meter: Meter, rules: readonly Prepared[]): readonly Prepared[] => rules.filter((prepared) => prepared.rule.limit !== undefined && meter.wait(keyOf(prepared, scope), prepared.rule.limit) > 0);
    const surely = reported(over(this.#least, sure));
    if (surely !== undefined) return { verdict: 'deny', rule: surely.rule.name };
    const perhaps = over(this.#most, [...sure, ...unsure]);
    this.#charge(this.#most, [...sure, ...unsure], scope);
    if (perhaps.length > 0) return unknown(perhaps);
    this.#charge(this.#least, sure, scope);
    return undefined;
  }

  #charge(meter: Meter, rules: readonly Prepared[], scope: Scope): void {
    for (const prepared of rules) if (prepared.rule.limit !== undefined) meter.charge(keyOf(prepared, scope), prepared.rule.limit);
  }
}

function keyOf({ policy, rule }: Prepared, scope: Scope): string {
  return `${scope.agentKey()}\0${policy.digest}\0${rule.name}`;
}

function unknown(rules: readonly Prepared[]): Replayed {
  return { verdict: 'unknown', rule: reported(rules)?.rule.name ?? null };
}

/** Of rules that decide alike the one that a decision reports. */
function reported(rules: readonly Prepared[]): Prepared | undefined {
  return rules.toSorted((a, b) => b.rule.priority - a.rule.priority || compare(a.policy.name, b.policy.name) || compare(a.rule.name, b.rule.name))[0];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function covers({ capabilities }: CompiledPolicy, scope: Scope): boolean {
  const text = wantedCapability(scope);
  if (capabilities === undefined || text === undefined) return true;
  const wanted = parseCapability(text);
  return wanted.ok && capabilities.some((granted) => {
    const parsed = parseCapability(granted);
    return parsed.ok && contains(parsed.value, wanted.value);
  });
}

const policy_codes: ReadonlySet<string> = new Set(['KERNEL_DENIED', 'APPROVAL_REQUIRED', 'OUTPUT_DENIED']);

/** Whether policies decided it: other denials came before them, an approval after them, and the operator acts without them, so that other policies change nothing. */
export function decidedByPolicy({ code, approved, by_hand }: RecordedDecision): boolean {
  return !approved && !by_hand && (code === null || policy_codes.has(code));
}
