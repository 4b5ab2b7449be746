/** What policies decide, as formulas over their conditions: the same rules as in the evaluation, once more as logic. */
import { containsPath, parseCapability, type Capability } from '../../../../crypto/capability.ts';
import { evaluateLayers, type Layer } from '../evaluate.ts';
import { Meter } from '../limit.ts';
import type { CompiledPolicy, Obligation, Rule, Verdict } from '../policy.ts';
import { Scope, type PolicyRequest } from '../scope.ts';
import { isRecord, memberOf } from '../values.ts';
import { outcomeOf } from './attributes.ts';
import { Model, type AskedAtom, type Language, type Meant } from './model.ts';
import { faults, holds, outcomesOf, type Formula } from './formula.ts';
import { narrowed, search, type Answer, type Demand, type Effort } from './search.ts';
import { attributesOf, without } from './requests.ts';

/** What can be decided. */
export type Effect = Verdict['effect'];

/** A rule with the policy that it stands in. */
export interface PlacedRule {
  readonly policy: CompiledPolicy;
  readonly rule: Rule;
}

/** Whether something is so, with a request that shows it where one was found. */
export interface Found {
  readonly answer: Answer;
  readonly request?: PolicyRequest;
}

/** Steps that one analysis may take in all: some seconds. */
const analysis_steps_max = 100_000_000;

/** The policies of an analysis as formulas over one model. */
export class Analysis {
  readonly model: Model;
  readonly effort: Effort = { steps: analysis_steps_max };
  /** Questions that stayed open. */
  open_questions = 0;
  readonly #matches = new Map<Rule, Formula>();

  /** All the policies that will be asked about, of both sides where two are compared. */
  constructor(policies: readonly CompiledPolicy[]) {
    const conditions = policies.flatMap((policy) => policy.rules.map(({ condition }): Meant => ({ condition, language: languageOf(policy) })));
    const capabilities = policies.flatMap((policy) => capabilitiesOf(policy));
    this.model = new Model(conditions, capabilities.length === 0 ? [] : [resource_is_named, ...capabilities.flatMap(capabilityAtoms)]);
    for (const child of capabilities) {
      for (const parent of capabilities) {
        if (parent === child || !containsPath(parent.path, child.path)) continue;
        this.model.axioms.push(this.model.formulas.any([this.model.formulas.not(this.#path(child)), this.#path(parent)]));
      }
    }
  }

  /** Whether a rule counts for the verdict: a fault counts unless the rule allows. */
  matches({ rule }: PlacedRule): Formula {
    const known = this.#matches.get(rule);
    if (known !== undefined) return known;
    const made = this.model.formulas.sure(this.condition(rule), rule.effect !== 'allow');
    this.#matches.set(rule, made);
    return made;
  }

  /** Whether the condition of a rule is true: what cannot be evaluated asks for approval, and opens nothing by that. */
  holds({ rule }: PlacedRule): Formula {
    return this.model.formulas.sure(this.condition(rule), false);
  }

  /** The condition of a rule, in three values. */
  condition({ condition }: Rule): Formula {
    return this.model.formulaOf(condition);
  }

  /** That these layers decide so. */
  decides(layers: readonly Layer[], effect: Effect): Formula {
    const { formulas } = this.model;
    const deny = formulas.any(layers.map((layer) => this.#denies(layer)));
    if (effect === 'deny') return deny;
    const approval = formulas.any(layers.flatMap((layer) => this.#of(layer, 'require_approval')));
    return formulas.all([formulas.not(deny), effect === 'allow' ? formulas.not(approval) : approval]);
  }

  /** That any of the rules with this effect counts. */
  #of(layer: Layer, effect: Rule['effect']): readonly Formula[] {
    return rulesOf(layer).filter(({ rule }) => rule.effect === effect).map((placed) => this.matches(placed));
  }

  #denies(layer: Layer): Formula {
    const { formulas } = this.model;
    const outside = layer.flatMap((policy) => (policy.capabilities === undefined ? [] : [this.uncovered(policy)]));
    const guards = layer.every(({ kind }) => kind === 'guard');
    const silent = guards ? formulas.never : formulas.not(formulas.any([...this.#of(layer, 'allow'), ...rulesOf(layer).filter(({ rule }) => rule.effect === 'require_approval').map((placed) => this.holds(placed))]));
    return formulas.any([...this.#of(layer, 'deny'), ...outside, silent]);
  }

  /** That an action names a resource which the policy's capabilities do not cover. */
  uncovered(policy: CompiledPolicy): Formula {
    const { formulas } = this.model;
    if (policy.capabilities === undefined) return formulas.never;
    const covered = capabilitiesOf(policy).map((capability) => formulas.all([this.#verb(capability), this.#path(capability)]));
    return formulas.all([this.model.askedAtom(resource_is_named.text), formulas.not(formulas.any(covered))]);
  }

  /** That an obligation is added by a rule other than the one left out. */
  obliges(layers: readonly Layer[], obligation: Obligation, except?: Rule): Formula {
    const rules = layers.flatMap((layer) => rulesOf(layer)).filter(({ rule }) => rule !== except && rule.obligations.includes(obligation));
    return this.model.formulas.any(rules.map((placed) => this.matches(placed)));
  }

  /** Whether it is proven that no request makes all formulas hold. */
  isImpossible(formulas: readonly Formula[]): boolean {
    return search(this.#demands(formulas), this.model.start(), this.effort, (_possible, final) => final) === 'none';
  }

  /** The rules that evidently match whatever a rule matches, and those that might. */
  followers(placed: PlacedRule, others: readonly PlacedRule[]): { readonly certain: readonly PlacedRule[]; readonly possible: readonly PlacedRule[] } {
    const left = narrowed(this.#demands([this.matches(placed)]), this.model.start());
    const outcomes = others.map((other) => (left === undefined ? holds : outcomesOf(this.matches(other), left, { steps: 0 })));
    return { certain: others.filter((_, index) => outcomes[index] === holds), possible: others.filter((_, index) => ((outcomes[index] ?? holds) & holds) !== 0) };
  }

  #demands(formulas: readonly Formula[]): readonly Demand[] {
    return [...formulas, ...this.model.axioms].map((formula) => ({ formula, outcomes: holds }));
  }

  /** Searches for a request for which all formulas hold and which `verify` confirms; the request is as small as it can be. */
  find(formulas: readonly Formula[], verify: (request: PolicyRequest) => boolean): Found {
    let request: PolicyRequest | undefined;
    const answer = search(this.#demands(formulas), this.model.start(), this.effort, (possible, final) => {
      for (const candidate of this.model.attributes.requests(possible, final)) {
        if (!verify(candidate)) continue;
        request = candidate;
        return true;
      }
      return false;
    });
    if (answer === 'unknown') this.open_questions += 1;
    return request === undefined ? { answer } : { answer, request: smallest(request, verify) };
  }

  #verb({ verb }: Capability): Formula {
    return this.model.askedAtom(`verb ${verb}`);
  }

  #path({ path }: Capability): Formula {
    return this.model.askedAtom(`resource ${path.join('/')}`);
  }
}

/** How the conditions of a policy are read. */
export function languageOf({ strict, conditions }: CompiledPolicy): Language {
  return { strict, mode: conditions };
}

/** The rules of a layer with their policies. */
export function rulesOf(layer: Layer): readonly PlacedRule[] {
  return layer.flatMap((policy) => policy.rules.map((rule) => ({ policy, rule })));
}

/** Whether the condition of a rule is true of a request in truth. */
export function reallyHolds({ rule }: PlacedRule, request: PolicyRequest): boolean {
  return outcomeOf(rule.condition.test(new Scope(request))) === holds;
}

/** Whether a rule counts for a request in truth. */
export function reallyMatches({ rule }: PlacedRule, request: PolicyRequest): boolean {
  const outcome = outcomeOf(rule.condition.test(new Scope(request)));
  return outcome === holds || (outcome === faults && rule.effect !== 'allow');
}

/** What the layers really decide about a request, with all rate limits unused. Shadow policies decide as if they were enforced. */
export function verdictOf(layers: readonly Layer[], request: PolicyRequest): Verdict {
  const enforced = layers.map((layer) => layer.map((policy): CompiledPolicy => (policy.mode === 'enforce' ? policy : { ...policy, mode: 'enforce' })));
  return evaluateLayers(enforced, request, new Meter(() => 0), { charge: false });
}

/** Leaves out every attribute that is not needed. */
function smallest(request: PolicyRequest, verify: (request: PolicyRequest) => boolean): PolicyRequest {
  let least = request;
  for (const path of attributesOf(request)) {
    // An action without a type is no call that a kernel would take.
    if (path.join('.') === 'action.type' || path.join('.') === 'action') continue;
    const smaller = without(least, path);
    if (verify(smaller)) least = smaller;
  }
  if (memberOf(least.action, 'type') !== undefined) return least;
  const typed = { ...least, action: { ...(isRecord(least.action) ? least.action : {}), type: 'call' } };
  return verify(typed) ? typed : least;
}

function capabilitiesOf({ capabilities = [] }: CompiledPolicy): readonly Capability[] {
  return capabilities.flatMap((text) => {
    const parsed = parseCapability(text);
    return parsed.ok ? [parsed.value] : [];
  });
}

const resource_is_named: AskedAtom = {
  text: 'the action names a resource',
  path: ['action', 'resource'],
  test: (scope) => (memberOf(scope.root('action'), 'resource') ?? null) !== null,
  question: 'comparison',
  mentions: [],
};

function capabilityAtoms({ verb, path }: Capability): readonly AskedAtom[] {
  const wanted = (scope: Scope, part: 'type' | 'resource'): string => {
    const value = memberOf(scope.root('action'), part);
    return typeof value === 'string' ? value : '';
  };
  return [
    {
      text: `verb ${verb}`,
      path: ['action', 'type'],
      test: (scope) => {
        const parsed = parseCapability(`${wanted(scope, 'type')}:x`);
        return parsed.ok && (verb === '*' || parsed.value.verb === verb);
      },
      question: verb === '*' ? 'open' : 'comparison',
      mentions: [verb],
    },
    {
      text: `resource ${path.join('/')}`,
      path: ['action', 'resource'],
      test: (scope) => {
        const parsed = parseCapability(`x:${wanted(scope, 'resource')}`);
        return parsed.ok && containsPath(path, parsed.value.path);
      },
      question: path.some((segment) => segment.startsWith('*')) ? 'open' : 'comparison',
      mentions: [path.map((segment) => (segment.startsWith('*') ? 'x' : segment)).join('/')],
    },
  ];
}
