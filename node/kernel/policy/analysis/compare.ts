/** Two versions of a policy, or a child and its parent: for which requests they decide differently. */
import type { CompiledPolicy, Obligation, Rule, Verdict } from '../policy.ts';
import type { PolicyRequest } from '../scope.ts';
import type { Formula } from './formula.ts';
import { Analysis, reallyMatches, rulesOf, verdictOf, type Effect, type PlacedRule } from './outcome.ts';
import { isAtLeastAsTight } from './redundant.ts';

/** What a policy does with a request, without the words. */
export interface Behaviour {
  readonly effect: Effect;
  /** The rule that decides; null when it is the absence of one. */
  readonly rule: string | null;
  readonly reason: string;
  /** For what is allowed: the rates that it counts against, as `count/period in ms`, sorted. */
  readonly limits: readonly string[];
  readonly obligations: readonly Obligation[];
  readonly signal: Verdict['signal'] | null;
}

/** A request about which two policies differ, with what each does, found by deciding about it. */
export interface Difference {
  /** What differs: the verdict, the rates, an obligation or a signal. */
  readonly about: 'effect' | 'limit' | 'obligation' | 'signal';
  readonly request: PolicyRequest;
  readonly old: Behaviour;
  readonly new: Behaviour;
}

/** The comparison of two versions. `equal` is a proof. */
export interface Comparison {
  readonly answer: 'equal' | 'different' | 'unknown';
  /** That there are no kinds of differences besides those listed. */
  readonly complete: boolean;
  readonly differences: readonly Difference[];
  /** What differs besides decisions about requests, such as budgets. */
  readonly settings: readonly { readonly name: string; readonly old: unknown; readonly new: unknown }[];
  /** Limits that count together what no limit of the other version counts together, though each request meets the same rate. */
  readonly counters: readonly string[];
}

/** Whether a child allows only what its parent allows, as strictly limited. */
export interface Narrowing {
  readonly answer: 'narrows' | 'widens' | 'unknown';
  /** Where it does not: `old` is the parent, `new` the child. */
  readonly widenings: readonly Difference[];
}

const differences_per_change_max = 4;
const milder: readonly (readonly [from: Effect, to: Effect])[] = [['deny', 'allow'], ['require_approval', 'allow'], ['deny', 'require_approval']];
const changes: readonly (readonly [from: Effect, to: Effect])[] = [...milder, ['allow', 'deny'], ['allow', 'require_approval'], ['require_approval', 'deny']];

/** Everything about which two versions differ, a request for each kind of change and pair of deciding rules. */
export function comparePolicies(old: CompiledPolicy, next: CompiledPolicy): Comparison {
  const settings = settingsOf(old, next);
  if (old.digest === next.digest) return { answer: settings.length === 0 ? 'equal' : 'different', complete: true, differences: [], settings, counters: [] };
  const pair = new Pair(old, next);
  const differences = [
    ...changes.flatMap(([from, to]) => pair.effects(from, to)),
    ...pair.limits(),
    ...pair.obligations(),
    ...pair.signals(),
  ];
  const counters = differences.some(({ about }) => about === 'effect' || about === 'limit') ? [] : pair.counters();
  const different = differences.length + settings.length + counters.length > 0;
  return { answer: different ? 'different' : pair.undecided ? 'unknown' : 'equal', complete: !pair.undecided, differences, settings, counters };
}

/** Proves that a child allows nothing that its parent does not, nor more often; or shows a request that only the child lets pass. */
export function narrows(child: CompiledPolicy, parent: CompiledPolicy): Narrowing {
  const pair = new Pair(parent, child);
  const widenings = [...milder.flatMap(([from, to]) => pair.effects(from, to)), ...pair.looserLimits()];
  return { answer: widenings.length > 0 ? 'widens' : pair.undecided ? 'unknown' : 'narrows', widenings };
}

/** What a policy does with a request in truth. */
export function behaviourOf(policy: CompiledPolicy, request: PolicyRequest): Behaviour {
  const { effect, rule, reason, obligations, signal = null } = verdictOf([[policy]], request);
  const limits = effect === 'allow' ? rulesOf([policy]).filter((placed) => placed.rule.limit !== undefined && reallyMatches(placed, request)).map(({ rule: { limit } }) => rateOf(limit)) : [];
  return { effect, rule, reason, limits: [...new Set(limits)].sort(), obligations, signal };
}

function rateOf(limit: Rule['limit']): string {
  return limit === undefined ? '' : `${limit.count}/${limit.period_ms} ms`;
}

function settingsOf(old: CompiledPolicy, next: CompiledPolicy): Comparison['settings'] {
  const names = ['kind', 'mode', 'agent', 'sponsor', 'budgets', 'loops', 'delegation', 'frameworks'] as const;
  return names.filter((name) => JSON.stringify(old[name]) !== JSON.stringify(next[name])).map((name) => ({ name, old: old[name] ?? null, new: next[name] ?? null }));
}

/** Two policies over one model. */
class Pair {
  readonly #old: CompiledPolicy;
  readonly #new: CompiledPolicy;
  readonly #analysis: Analysis;
  /** That a question stayed open. */
  undecided = false;

  constructor(old: CompiledPolicy, next: CompiledPolicy) {
    this.#old = old;
    this.#new = next;
    this.#analysis = new Analysis([old, next]);
  }

  /** Requests that the old one decides `from` and the new one `to`, each by another pair of rules. */
  effects(from: Effect, to: Effect): readonly Difference[] {
    const analysis = this.#analysis;
    const wanted = [analysis.decides([[this.#old]], from), analysis.decides([[this.#new]], to)];
    const found: Difference[] = [];
    while (found.length < differences_per_change_max) {
      const difference = this.#find('effect', wanted, (before, after) => before.effect === from && after.effect === to
        && !found.some((known) => known.old.rule === before.rule && known.new.rule === after.rule));
      if (difference === undefined) break;
      found.push(difference);
      wanted.push(analysis.model.formulas.not(analysis.model.formulas.all([
        ...this.#named(this.#old, difference.old.rule), ...this.#named(this.#new, difference.new.rule),
      ])));
    }
    return found;
  }

  /** Requests that both allow and that only one of them counts against a rate. */
  limits(): readonly Difference[] {
    const rates = new Set([this.#old, this.#new].flatMap((policy) => limiting(policy).map(({ rule }) => rateOf(rule.limit))));
    return [...rates].flatMap((rate) => this.#eitherWay('limit', (policy) => this.#any(limiting(policy).filter(({ rule }) => rateOf(rule.limit) === rate)), ({ limits }) => limits.includes(rate), this.#bothAllow()));
  }

  /** Requests for which only one of them adds an obligation. */
  obligations(): readonly Difference[] {
    const obligations = new Set([this.#old, this.#new].flatMap(({ rules }) => rules.flatMap((rule) => rule.obligations)));
    return [...obligations].flatMap((obligation) => this.#eitherWay('obligation', (policy) => this.#any(rulesOf([policy]).filter(({ rule }) => rule.obligations.includes(obligation))), (behaviour) => behaviour.obligations.includes(obligation), []));
  }

  /** Requests for which only one of them raises a signal. */
  signals(): readonly Difference[] {
    const { formulas } = this.#analysis.model;
    const raising = (policy: CompiledPolicy, signal: string): Formula => formulas.any(
      rulesOf([policy]).filter(({ rule }) => rule.signal === signal).map((placed) => formulas.sure(this.#analysis.condition(placed.rule), false)),
    );
    const signals = new Set([this.#old, this.#new].flatMap(({ rules }) => rules.flatMap((rule) => rule.signal ?? [])));
    return [...signals].flatMap((signal) => this.#eitherWay('signal', (policy) => raising(policy, signal), (behaviour) => behaviour.signal === signal, []));
  }

  /** Limits without a limit on the other side that counts exactly the same requests. */
  counters(): readonly string[] {
    const both = this.#bothAllow();
    const alone = (policy: CompiledPolicy, other: CompiledPolicy): readonly string[] => limiting(policy)
      .filter((placed) => !limiting(other).some((twin) => rateOf(twin.rule.limit) === rateOf(placed.rule.limit) && this.#always(placed, twin, both) && this.#always(twin, placed, both)))
      .filter((placed) => this.#analysis.find([this.#analysis.matches(placed), ...both], (request) => reallyMatches(placed, request)).answer !== 'none')
      .map(({ rule }) => rule.name);
    return [...new Set([...alone(this.#old, this.#new), ...alone(this.#new, this.#old)])];
  }

  /** Requests that the new one allows without counting them as strictly as the old one does. */
  looserLimits(): readonly Difference[] {
    const allowed = [this.#analysis.decides([[this.#new]], 'allow')];
    return limiting(this.#old).flatMap((placed): readonly Difference[] => {
      const tighter = limiting(this.#new).filter(({ rule }) => rule.limit !== undefined && placed.rule.limit !== undefined && isAtLeastAsTight(rule.limit, placed.rule.limit));
      if (tighter.some((other) => this.#always(placed, other, allowed))) return [];
      const not_counted = tighter.length === 1 ? [this.#analysis.model.formulas.not(this.#any(tighter))] : [];
      const difference = this.#find('limit', [this.#analysis.matches(placed), ...allowed, ...not_counted], (_before, after, request) => after.effect === 'allow' && reallyMatches(placed, request) && !(tighter.length === 1 && tighter.some((other) => reallyMatches(other, request))));
      return difference === undefined ? [] : [difference];
    });
  }

  #always(rule: PlacedRule, other: PlacedRule, where: readonly Formula[]): boolean {
    const analysis = this.#analysis;
    return analysis.find([analysis.matches(rule), analysis.model.formulas.not(analysis.matches(other)), ...where], (request) => reallyMatches(rule, request) && !reallyMatches(other, request)).answer === 'none';
  }

  #bothAllow(): readonly Formula[] {
    return [this.#analysis.decides([[this.#old]], 'allow'), this.#analysis.decides([[this.#new]], 'allow')];
  }

  #any(rules: readonly PlacedRule[]): Formula {
    return this.#analysis.model.formulas.any(rules.map((placed) => this.#analysis.matches(placed)));
  }

  #named(policy: CompiledPolicy, name: string | null): readonly Formula[] {
    return rulesOf([policy]).filter(({ rule }) => rule.name === name).map((placed) => this.#analysis.matches(placed));
  }

  #eitherWay(
    about: Difference['about'],
    formulaFor: (policy: CompiledPolicy) => Formula,
    has: (behaviour: Behaviour) => boolean,
    where: readonly Formula[],
  ): readonly Difference[] {
    const { formulas } = this.#analysis.model;
    const before = formulaFor(this.#old);
    const after = formulaFor(this.#new);
    const same_effect = (one: Behaviour, other: Behaviour): boolean => where.length === 0 || (one.effect === 'allow' && other.effect === 'allow');
    return [
      this.#find(about, [before, formulas.not(after), ...where], (one, other) => same_effect(one, other) && has(one) && !has(other)),
      this.#find(about, [after, formulas.not(before), ...where], (one, other) => same_effect(one, other) && !has(one) && has(other)),
    ].flatMap((difference) => difference ?? []);
  }

  #find(about: Difference['about'], formulas: readonly Formula[], shows: (before: Behaviour, after: Behaviour, request: PolicyRequest) => boolean): Difference | undefined {
    const { answer, request } = this.#analysis.find(formulas, (candidate) => shows(behaviourOf(this.#old, candidate), behaviourOf(this.#new, candidate), candidate));
    if (answer === 'unknown') this.undecided = true;
    return request === undefined ? undefined : { about, request, old: behaviourOf(this.#old, request), new: behaviourOf(this.#new, request) };
  }
}

function limiting(policy: CompiledPolicy): readonly PlacedRule[] {
  return rulesOf([policy]).filter(({ rule }) => rule.limit !== undefined);
}
