/**
 * Deny-overrides. The verdict does not depend on the order of rules or policies:
 * deny > require_approval > limit exceeded > allow > default deny.
 */
import { contains, parseCapability } from '../../../crypto/capability.ts';
import { becauseOf, nearestMiss } from './explain.ts';
import type { Meter } from './limit.ts';
import type { CompiledPolicy, Obligation, PolicyError, Rule, Verdict } from './policy.ts';
import { Scope, type PolicyRequest } from './scope.ts';
import { memberOf } from './values.ts';

/** One layer: policies that decide together. */
export type Layer = readonly CompiledPolicy[];

/** Whether rate limits are charged: a question of what would happen charges nothing. */
export interface EvaluateOptions {
  readonly charge: boolean;
}

interface Match {
  readonly policy: CompiledPolicy;
  readonly rule: Rule;
  /** Why the rule could not be evaluated and yet counts. */
  readonly fault?: string;
}

interface Judgement {
  readonly policies: Layer;
  deny?: Match;
  approval?: Match;
  allow?: Match;
  /** The policy whose capabilities do not cover the action, and the capability wanted. */
  uncovered?: { readonly policy: CompiledPolicy; readonly wanted: string };
  readonly limits: Match[];
  readonly obligations: Set<Obligation>;
  readonly errors: PolicyError[];
}

/** What one policy says about a request. */
export function evaluate(policy: CompiledPolicy, request: PolicyRequest | Scope, meter: Meter, options: EvaluateOptions): Verdict {
  return evaluateLayers([[policy]], request, meter, options);
}

/**
 * What all layers say: each layer that has a policy must allow, so that a lower
 * layer can only narrow; no policy at all is a denial. Rate limits of all layers
 * are charged together, and only when everything else allows.
 */
export function evaluateLayers(layers: readonly Layer[], request: PolicyRequest | Scope, meter: Meter, options: EvaluateOptions): Verdict {
  const scope = request instanceof Scope ? request : new Scope(request);
  const judged = layers.filter((layer) => layer.length > 0).map((layer) => judge(layer, scope));
  const common = {
    obligations: [...new Set(judged.flatMap(({ obligations }) => [...obligations]))].sort(),
    errors: judged.flatMap(({ errors }) => errors).sort((a, b) => (`${a.policy}\0${a.rule}` < `${b.policy}\0${b.rule}` ? -1 : 1)),
    batched: false,
  };
  if (judged.length === 0) return { effect: 'deny', rule: null, policy: '', reason: 'no policy is in force, and what no policy allows is denied', ...common };
  const refused = denial(judged, scope) ?? approval(judged, scope) ?? exceeded(judged, scope, meter);
  if (refused !== undefined) return { ...refused, ...common };
  if (options.charge) {
    for (const [key, { rule }] of counters(judged, scope)) if (rule.limit !== undefined) meter.charge(key, rule.limit);
  }
  return { ...permission(judged, scope), ...common, batched: judged.every(({ allow }) => allow?.rule.batched === true) };
}

function judge(policies: Layer, scope: Scope): Judgement {
  const judgement: Judgement = { policies, limits: [], obligations: new Set(), errors: [] };
  for (const policy of policies) {
    const wanted = policy.capabilities === undefined ? undefined : uncovered(policy.capabilities, scope);
    if (wanted !== undefined) judgement.uncovered = first(judgement.uncovered, { policy, wanted });
    for (const rule of policy.candidates(scope)) {
      const holds = rule.condition.test(scope);
      if (holds === false) continue;
      if (holds === true) {
        note(judgement, { policy, rule });
        continue;
      }
      judgement.errors.push({ policy: policy.name, rule: rule.name, reason: holds.reason });
      // A fault never favours the caller: what forbids, holds; what allows, does not.
      if (rule.effect !== 'allow') note(judgement, { policy, rule, fault: holds.reason });
    }
  }
  return judgement;
}

function note(judgement: Judgement, match: Match): void {
  const { rule } = match;
  for (const obligation of rule.obligations) judgement.obligations.add(obligation);
  if (rule.effect === 'deny') judgement.deny = reported(judgement.deny, match);
  if (rule.effect === 'require_approval') judgement.approval = reported(judgement.approval, match);
  if (rule.effect === 'allow') judgement.allow = reported(judgement.allow, match);
  if (rule.limit !== undefined) judgement.limits.push(match);
}

function nameOf({ policy, rule }: Match): string {
  return `${policy.name}\0${rule.name}\0${policy.digest}`;
}

/** Of two rules that decide alike the one to report, whatever their order in the file. */
function reported(a: Match | undefined, b: Match): Match {
  if (a === undefined) return b;
  if (a.rule.priority !== b.rule.priority) return a.rule.priority > b.rule.priority ? a : b;
  return nameOf(a) <= nameOf(b) ? a : b;
}

function first(a: Judgement['uncovered'], b: NonNullable<Judgement['uncovered']>): NonNullable<Judgement['uncovered']> {
  return a === undefined || b.policy.digest < a.policy.digest ? b : a;
}

/** The capability that an action on a resource needs and the list does not cover. */
function uncovered(capabilities: readonly string[], scope: Scope): string | undefined {
  const resource = memberOf(scope.request.action, 'resource');
  if (typeof resource !== 'string') return undefined;
  const text = `${scope.actionType()}:${resource}`;
  const wanted = parseCapability(text);
  const covered = wanted.ok && capabilities.some((granted) => {
    const parsed = parseCapability(granted);
    return parsed.ok && contains(parsed.value, wanted.value);
  });
  return covered ? undefined : text;
}

type Decided = Pick<Verdict, 'effect' | 'rule' | 'policy' | 'reason' | 'would_allow' | 'limited' | 'retry_after_ms'>;

function decided(effect: Verdict['effect'], match: Match, verb: string, scope: Scope): Decided {
  const { policy, rule, fault } = match;
  const why = fault === undefined ? `because ${becauseOf(rule, scope)}` : `because it cannot be evaluated (${fault}), which never favours the caller`;
  const reason = `rule ${rule.name} ${verb} ${why}`;
  return { effect, rule: rule.name, policy: policy.name, reason: rule.message === undefined ? reason : `${rule.message}: ${reason}` };
}

function denial(judged: readonly Judgement[], scope: Scope): Decided | undefined {
  const deny = judged.reduce<Match | undefined>((best, { deny }) => (deny === undefined ? best : reported(best, deny)), undefined);
  if (deny !== undefined) return decided('deny', deny, 'denies', scope);
  const outside = judged.find((one) => one.uncovered !== undefined)?.uncovered;
  if (outside !== undefined) {
    const { policy, wanted } = outside;
    return { effect: 'deny', rule: null, policy: policy.name, reason: `the capabilities of policy ${policy.name} do not cover ${wanted}`, would_allow: `capabilities: ["${wanted}"]` };
  }
  const silent = judged.find((one) => one.allow === undefined && one.approval === undefined && !onlyGuards(one));
  if (silent === undefined) return undefined;
  const policy = silent.policies.map(({ name }) => name).sort().join(', ');
  const would_allow = nearestMiss(silent.policies, scope);
  const reason = `no rule of ${policy} allows it${would_allow === undefined ? '' : `; ${would_allow}`}`;
  return { effect: 'deny', rule: null, policy, reason, ...(would_allow === undefined ? {} : { would_allow }) };
}

function onlyGuards({ policies }: Judgement): boolean {
  return policies.every(({ kind }) => kind === 'guard');
}

function approval(judged: readonly Judgement[], scope: Scope): Decided | undefined {
  const asks = judged.reduce<Match | undefined>((best, { approval }) => (approval === undefined ? best : reported(best, approval)), undefined);
  return asks === undefined ? undefined : decided('require_approval', asks, 'asks for approval', scope);
}

/** The counters that a request charges, once each, however many rules share one. */
function counters(judged: readonly Judgement[], scope: Scope): ReadonlyMap<string, Match> {
  const matches = judged.flatMap(({ limits }) => limits);
  return new Map(matches.map((match) => [`${scope.agentKey()}\0${match.policy.digest}\0${match.rule.name}`, match]));
}

function exceeded(judged: readonly Judgement[], scope: Scope, meter: Meter): Decided | undefined {
  let over: Match | undefined;
  let retry_after_ms = 0;
  for (const [key, match] of counters(judged, scope)) {
    const wait_ms = match.rule.limit === undefined ? 0 : meter.wait(key, match.rule.limit);
    if (wait_ms === 0) continue;
    over = reported(over, match);
    retry_after_ms = Math.max(retry_after_ms, wait_ms);
  }
  if (over?.rule.limit === undefined) return undefined;
  const { count, period_ms } = over.rule.limit;
  const known = Number.isFinite(retry_after_ms);
  return {
    effect: 'deny',
    rule: over.rule.name,
    policy: over.policy.name,
    reason: known
      ? `rule ${over.rule.name} allows ${count} in ${period_ms} ms; the next one passes in ${retry_after_ms} ms`
      : `rule ${over.rule.name} cannot count: too many agents are being counted`,
    limited: true,
    ...(known ? { retry_after_ms } : {}),
  };
}

function permission(judged: readonly Judgement[], scope: Scope): Decided {
  const allow = judged.reduce<Match | undefined>((last, { allow }) => allow ?? last, undefined);
  if (allow !== undefined) return decided('allow', allow, 'allows', scope);
  const policy = judged.flatMap(({ policies }) => policies.map(({ name }) => name)).sort().join(', ');
  return { effect: 'allow', rule: null, policy, reason: 'only guards are in force, and none denies it' };
}

