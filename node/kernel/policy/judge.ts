/**
 * What the policies say about a request, before it is put into words. Deny
 * overrides, and nothing depends on the order of rules or policies:
 * deny > require_approval > limit exceeded > allow > default deny.
 */
import { contains, parseCapability } from '../../../crypto/capability.ts';
import type { Meter } from './limit.ts';
import type { CompiledPolicy, Obligation, PolicyError, Verdict } from './policy.ts';
import type { Candidate, RuleIndex } from './rule-index.ts';
import type { Scope } from './scope.ts';
import { allHold } from './shortcut.ts';
import { Fault, kindOf, memberOf } from './values.ts';

/** One layer: policies that decide together. */
export type Layer = readonly CompiledPolicy[];

/** A rule that holds, or that counts because it cannot be evaluated. */
export interface Match {
  readonly policy: CompiledPolicy;
  readonly candidate: Candidate;
  /** Why the rule could not be evaluated and yet counts. */
  readonly fault: string | undefined;
}

/** A rule's counter beyond its rate. `wait_ms` is `Infinity` where no counter is free. */
export interface Exceeded {
  readonly match: Match;
  readonly wait_ms: number;
}

/** Everything that holds for a request. Layers without an enforced policy say nothing. */
export class Judgement {
  /** How many layers decide. */
  layers = 0;
  /** Of all denying rules the one to report; so for approvals. */
  deny: Match | undefined = undefined;
  approval: Match | undefined = undefined;
  /** The rule to report by which the lowest layer that has one allows. */
  allow: Match | undefined = undefined;
  /** That each layer allows by a rule whose record may wait. */
  batched = true;
  /** The policy whose capabilities do not cover the action. */
  uncovered: CompiledPolicy | undefined = undefined;
  /** The first layer that does not allow. */
  silent: Layer | undefined = undefined;
  limits: Match[] | undefined = undefined;
  obligations: Obligation[] | undefined = undefined;
  errors: PolicyError[] | undefined = undefined;
  /** What a rule that denies does to the agent besides. */
  signal: Verdict['signal'] = undefined;
  /** Of the layer that is being judged. */
  layer_allow: Match | undefined = undefined;
  layer_asks = false;
}

/** Tries the policies of all layers, those in shadow mode aside; `as_enforced` is taken as if it were not in it. */
export function judge(layers: readonly Layer[], scope: Scope, as_enforced?: CompiledPolicy): Judgement {
  const judgement = new Judgement();
  for (const layer of layers) if (layer.length > 0) judgeLayer(judgement, layer, scope, as_enforced);
  return judgement;
}

function judgeLayer(judgement: Judgement, layer: Layer, scope: Scope, as_enforced: CompiledPolicy | undefined): void {
  let enforced = false;
  let only_guards = true;
  judgement.layer_allow = undefined;
  judgement.layer_asks = false;
  for (const policy of layer) {
    if (policy.mode === 'shadow' && policy !== as_enforced) continue;
    enforced = true;
    if (policy.kind !== 'guard') only_guards = false;
    if (policy.capabilities !== undefined && !covers(policy, scope)) {
      if (judgement.uncovered === undefined || policy.digest < judgement.uncovered.digest) judgement.uncovered = policy;
    }
    tryRules(judgement, policy, policy.candidates, scope);
  }
  if (enforced) conclude(judgement, layer, only_guards);
}

function conclude(judgement: Judgement, layer: Layer, only_guards: boolean): void {
  const { layer_allow, layer_asks } = judgement;
  judgement.layers += 1;
  if (layer_allow?.candidate.rule.batched !== true) judgement.batched = false;
  if (layer_allow !== undefined) judgement.allow = layer_allow;
  else if (!layer_asks && !only_guards) judgement.silent ??= layer;
}

function tryRules(judgement: Judgement, policy: CompiledPolicy, index: RuleIndex, scope: Scope): void {
  tryEach(judgement, policy, index.always, scope);
  for (const { attribute, by_value, absent } of index.attributes) {
    const value = attribute.read(scope);
    const found = value === undefined || value instanceof Fault ? absent : by_value.get(value);
    if (found === undefined) continue;
    if (found.attributes.length === 0) tryEach(judgement, policy, found.always, scope);
    else tryRules(judgement, policy, found, scope);
  }
}

function tryEach(judgement: Judgement, policy: CompiledPolicy, first: Candidate | undefined, scope: Scope): void {
  for (let candidate = first; candidate !== undefined; candidate = candidate.next) {
    const holds = candidate.checks === undefined || allHold(candidate.checks, scope);
    if (holds === true) note(judgement, { policy, candidate, fault: undefined });
    else if (holds !== false) noteFault(judgement, policy, candidate, holds, scope);
  }
}

function noteFault(judgement: Judgement, policy: CompiledPolicy, candidate: Candidate, found: Fault, scope: Scope): void {
  const { rule } = candidate;
  // Asked as it is written, so that the reason does not depend on the order in which its parts were tried.
  const as_written = rule.condition.test(scope);
  const fault = as_written instanceof Fault ? as_written.reason : found.reason;
  (judgement.errors ??= []).push({ policy: policy.name, rule: rule.name, reason: fault });
  // A fault never favours the caller: what forbids, holds; what allows, does not.
  if (rule.effect !== 'allow') note(judgement, { policy, candidate, fault });
}

function note(judgement: Judgement, match: Match): void {
  const { rule } = match.candidate;
  if (rule.obligations.length > 0) (judgement.obligations ??= []).push(...rule.obligations);
  if (rule.limit !== undefined) (judgement.limits ??= []).push(match);
  if (rule.effect === 'allow') judgement.layer_allow = reported(judgement.layer_allow, match);
  else if (rule.effect === 'deny') deny(judgement, match);
  else if (rule.effect === 'require_approval') {
    judgement.approval = reported(judgement.approval, match);
    // What cannot be evaluated asks about what is allowed; it opens nothing that no rule does.
    if (match.fault === undefined) judgement.layer_asks = true;
  }
}

function deny(judgement: Judgement, match: Match): void {
  judgement.deny = reported(judgement.deny, match);
  const { signal } = match.candidate.rule;
  // That a rule cannot be evaluated is enough to refuse a call, and too little to end an agent.
  if (signal !== undefined && match.fault === undefined && judgement.signal !== 'SIGKILL') judgement.signal = signal;
}

/** Of two rules that decide alike the one to report, whatever their order in the file. */
function reported(a: Match | undefined, b: Match): Match {
  return a === undefined ? b : firstToReport(a, b);
}

function firstToReport(a: Match, b: Match): Match {
  const [one, other] = [a.candidate.rule, b.candidate.rule];
  if (one.priority !== other.priority) return one.priority > other.priority ? a : b;
  if (a.policy.name !== b.policy.name) return a.policy.name < b.policy.name ? a : b;
  if (one.name !== other.name) return one.name < other.name ? a : b;
  return a.policy.digest <= b.policy.digest ? a : b;
}

/** The capability that an action on a resource needs; `undefined` when it names none. A resource that is no text has one that nothing covers. */
export function wantedCapability(scope: Scope): string | undefined {
  const resource = memberOf(scope.action, 'resource');
  if (resource === undefined || resource === null) return undefined;
  return `${scope.actionType()}:${typeof resource === 'string' ? resource : kindOf(resource)}`;
}

function covers({ granted = [] }: CompiledPolicy, scope: Scope): boolean {
  const text = wantedCapability(scope);
  if (text === undefined) return true;
  const wanted = parseCapability(text);
  return wanted.ok && granted.some((capability) => contains(capability, wanted.value));
}

/** The effect, limits aside. */
export function effectOf({ layers, deny, uncovered, silent, approval }: Judgement): Verdict['effect'] {
  if (layers === 0 || deny !== undefined || uncovered !== undefined || silent !== undefined) return 'deny';
  return approval === undefined ? 'allow' : 'require_approval';
}

/** The counters that a request charges, once each, however many rules share one. */
function countersOf({ limits }: Judgement, scope: Scope): ReadonlyMap<string, Match> {
  const counters = new Map<string, Match>();
  for (const match of limits ?? []) counters.set(`${scope.agentKey()}\0${match.policy.digest}\0${match.candidate.rule.name}`, match);
  return counters;
}

/** The rule to report whose rate is used up, and how long until every counter lets one pass. When there is none and `charge` is set, all are charged. */
export function chargeLimits(judgement: Judgement, scope: Scope, meter: Meter, charge: boolean): Exceeded | undefined {
  if (judgement.limits === undefined) return undefined;
  const counters = countersOf(judgement, scope);
  let exceeded: Exceeded | undefined;
  for (const [key, match] of counters) {
    const { limit } = match.candidate.rule;
    const wait_ms = limit === undefined ? 0 : meter.wait(key, limit);
    if (wait_ms === 0) continue;
    exceeded = { match: reported(exceeded?.match, match), wait_ms: Math.max(exceeded?.wait_ms ?? 0, wait_ms) };
  }
  if (exceeded !== undefined || !charge) return exceeded;
  for (const [key, { candidate }] of counters) if (candidate.rule.limit !== undefined) meter.charge(key, candidate.rule.limit);
  return undefined;
}
