/** From policies and a request to a verdict in words. */
import { becauseOf, nearestMiss, reasonOf } from './explain.ts';
import { chargeLimits, effectOf, judge, wantedCapability, type Exceeded, type Judgement, type Layer, type Match } from './judge.ts';
import type { Meter } from './limit.ts';
import type { CompiledPolicy, Obligation, PolicyError, ShadowVerdict, Verdict } from './policy.ts';
import { Scope, type PolicyRequest } from './scope.ts';

export type { Layer } from './judge.ts';

/** How rate limits are asked about. */
export interface EvaluateOptions {
  /** Whether they are charged: a question of what would happen charges nothing. */
  readonly charge: boolean;
  /** That a grant is there for what wants approval, so that its rates bind it as they bind what is allowed. */
  readonly approved?: boolean;
}

/** What one policy says about a request. */
export function evaluate(policy: CompiledPolicy, request: PolicyRequest | Scope, meter: Meter, options: EvaluateOptions): Verdict {
  return evaluateLayers([[policy]], request, meter, options);
}

/** The effect of {@link evaluateLayers} alone, for those who need no reason. */
export function effectOfLayers(layers: readonly Layer[], request: PolicyRequest | Scope, meter: Meter, options: EvaluateOptions): Verdict['effect'] {
  const scope = request instanceof Scope ? request : new Scope(request);
  const judgement = judge(layers, scope);
  const effect = effectOf(judgement);
  return effect === 'allow' && chargeLimits(judgement, scope, meter, options.charge) !== undefined ? 'deny' : effect;
}

/**
 * What all layers say: each layer that has a policy must allow, so that a lower
 * layer can only narrow; no policy at all is a denial. Rate limits of all layers
 * are charged together, and only when everything else allows.
 */
export function evaluateLayers(layers: readonly Layer[], request: PolicyRequest | Scope, meter: Meter, options: EvaluateOptions): Verdict {
  const scope = request instanceof Scope ? request : new Scope(request);
  const judgement = judge(layers, scope);
  const verdict = verdictOf(judgement, layers, scope, meter, options);
  const shadow = shadowsOf(layers, scope, meter);
  return shadow === undefined ? verdict : { ...verdict, shadow };
}

const no_obligations: readonly Obligation[] = Object.freeze([]);
const no_errors: readonly PolicyError[] = Object.freeze([]);

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

function verdictOf(judgement: Judgement, layers: readonly Layer[], scope: Scope, meter: Meter, { charge, approved = false }: EvaluateOptions): Verdict {
  const effect = effectOf(judgement);
  const exceeded = effect === 'allow' || (effect === 'require_approval' && approved) ? chargeLimits(judgement, scope, meter, charge) : undefined;
  const verdict = exceeded === undefined ? said(effect, judgement, layers, scope) : overRate(exceeded);
  // Set one by one, because next to no verdict has any of them.
  if (judgement.obligations !== undefined) verdict.obligations = [...new Set(judgement.obligations)].sort();
  if (judgement.errors !== undefined) verdict.errors = judgement.errors.sort((a, b) => (`${a.policy}\0${a.rule}` < `${b.policy}\0${b.rule}` ? -1 : 1));
  if (judgement.signal !== undefined) verdict.signal = judgement.signal;
  return verdict;
}

function said(effect: Verdict['effect'], judgement: Judgement, layers: readonly Layer[], scope: Scope): Mutable<Verdict> {
  const { deny, approval, allow } = judgement;
  if (effect === 'deny') return deny === undefined ? withoutRule(judgement, scope) : attributed(byRule(effect, deny, scope, false), [deny.policy]);
  if (effect === 'require_approval' && approval !== undefined) return byRule(effect, approval, scope, false);
  if (allow !== undefined) return byRule(effect, allow, scope, judgement.batched);
  return verdict(effect, null, namesOf(layers.flat()), 'only guards are in force, and none denies it', false);
}

function verdict(effect: Verdict['effect'], rule: string | null, policy: string, reason: string, batched: boolean): Mutable<Verdict> {
  return { effect, rule, policy, reason, obligations: no_obligations, errors: no_errors, batched };
}

function byRule(effect: Verdict['effect'], { policy, candidate, fault }: Match, scope: Scope, batched: boolean): Mutable<Verdict> {
  const { rule } = candidate;
  const reason = fault === undefined ? becauseOf(candidate, scope) : reasonOf(rule, `it cannot be evaluated (${fault}), which never favours the caller`);
  return verdict(effect, rule.name, policy.name, reason, batched);
}

function withoutRule({ layers, uncovered, silent = [] }: Judgement, scope: Scope): Mutable<Verdict> {
  if (layers === 0) return verdict('deny', null, '', 'no policy is in force, and what no policy allows is denied', false);
  if (uncovered !== undefined) {
    const wanted = wantedCapability(scope) ?? '';
    return attributed({ ...verdict('deny', null, uncovered.name, `the capabilities of policy ${uncovered.name} do not cover ${wanted}`, false), would_allow: `capabilities: ["${wanted}"]` }, [uncovered]);
  }
  const policy = namesOf(silent);
  const would_allow = nearestMiss(silent, scope);
  if (would_allow === undefined) return attributed(verdict('deny', null, policy, `no rule of ${policy} allows it`, false), silent);
  return attributed({ ...verdict('deny', null, policy, `no rule of ${policy} allows it; ${would_allow}`, false), would_allow }, silent);
}

/** A denial by policies of an organisation says whose they are and what shows them: their names mean nothing to who has not written them. */
function attributed(denial: Mutable<Verdict>, policies: Layer): Mutable<Verdict> {
  let origins: string[] | undefined;
  for (const { mode, origin } of policies) if (mode === 'enforce' && origin !== undefined) (origins ??= []).push(origin());
  if (origins === undefined) return denial;
  denial.reason = `${[...new Set(origins)].join(', ')}: ${denial.reason}`;
  denial.fix = 'agentmesh policy bundles';
  return denial;
}

function namesOf(policies: Layer): string {
  return policies.filter(({ mode }) => mode === 'enforce').map(({ name }) => name).sort().join(', ');
}

function overRate({ match: { policy, candidate: { rule } }, wait_ms }: Exceeded): Mutable<Verdict> {
  const { count, period_ms } = rule.limit ?? { count: 0, period_ms: 0 };
  if (!Number.isFinite(wait_ms)) return attributed({ ...verdict('deny', rule.name, policy.name, `rule ${rule.name} cannot count: too many agents are being counted`, false), limited: true }, [policy]);
  const reason = `rule ${rule.name} allows ${count} in ${period_ms} ms; the next one passes in ${wait_ms} ms`;
  return attributed({ ...verdict('deny', rule.name, policy.name, reason, false), limited: true, retry_after_ms: wait_ms }, [policy]);
}

/** What each policy in shadow mode would change the verdict to. It charges no counter, so that it cannot use up what others need. */
function shadowsOf(layers: readonly Layer[], scope: Scope, meter: Meter): readonly ShadowVerdict[] | undefined {
  let shadows: ShadowVerdict[] | undefined;
  for (const layer of layers) {
    for (const policy of layer) {
      if (policy.mode !== 'shadow') continue;
      const { effect, rule } = verdictOf(judge(layers, scope, policy), layers, scope, meter, { charge: false });
      (shadows ??= []).push({ policy: policy.name, digest: policy.digest, effect, rule });
    }
  }
  return shadows;
}
