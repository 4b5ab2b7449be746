/** What comes back from an effect: rules may refuse or redact it before it is given on. */
import { isFields } from '../../crypto/canonical.ts';
import { fail, FailureError, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import { redactValue, type Finding } from './detect/finding.ts';
import { injectionIn } from './detect/injection.ts';
import { textsOf } from './detect/payload.ts';
import { findPii } from './detect/pii.ts';
import { findSecrets } from './detect/secret.ts';
import type { Policy } from './guards.ts';
import type { Rule } from './policy/policy.ts';
import { Scope, type PolicyRequest } from './policy/scope.ts';
import { snapshot } from './snapshot.ts';

/** The `action.type` under which rules see what came back: of a tool, a model, a message that was sent, a command that was served. */
export const output_types = ['tool_result', 'model_output', 'message_reply', 'command_result'] as const;

/** The `action.type` of something that came back. */
export type OutputType = (typeof output_types)[number];

/** What the rules say about something that came back. */
export interface OutputVerdict {
  readonly type: OutputType;
  /** Why it must not be given on; absent when it may. */
  readonly failure?: Failure;
  /** The rule that refuses it, or the first of those that have it redacted. */
  readonly rule: string | null;
  readonly policy: string | null;
  readonly reason: string;
  readonly redact: boolean;
}

interface OutputRule {
  readonly policy: Policy;
  readonly rule: Rule;
}

const kept = new WeakMap<readonly (readonly Policy[])[], readonly OutputRule[]>();

/**
 * The rules that look at what comes back: those whose condition names one of
 * the {@link output_types}. All others are about what goes in, and a policy that
 * says nothing about what comes back does not deny it.
 */
function outputRules(layers: readonly (readonly Policy[])[]): readonly OutputRule[] {
  const known = kept.get(layers);
  if (known !== undefined) return known;
  const rules = layers.flat().filter(({ mode }) => mode === 'enforce').flatMap((policy) => policy.rules
    .filter(({ condition }) => output_types.some((type) => condition.text.includes(type)))
    .map((rule) => ({ policy, rule })));
  kept.set(layers, rules);
  return rules;
}

/** What a check of something that came back looks at. */
export interface OutputCheck {
  readonly layers: readonly (readonly Policy[])[];
  /** The request that it is the answer to. */
  readonly request: PolicyRequest;
  readonly type: OutputType;
  readonly value: unknown;
  readonly folder: string;
  isFor(policy: Policy): boolean;
}

/** Asks the rules about something that came back; `undefined` where none of them looks at it. A rule that cannot be evaluated counts against it. */
export function checkOutput({ layers, request, type, value, folder, isFor }: OutputCheck): OutputVerdict | undefined {
  const rules = outputRules(layers).filter(({ policy }) => isFor(policy));
  if (rules.length === 0) return undefined;
  const copied = snapshot(value);
  if (!copied.ok) return refusal({ type, rule: null, policy: null }, `what came back cannot be looked at: ${copied.failure.reason}`);
  const scope = new Scope({ ...request, action: { ...(isFields(request.action) ? request.action : {}), type }, data: copied.value }, folder);
  const holding = rules.filter(({ rule }) => rule.condition.test(scope) !== false);
  const denying = holding.filter(({ rule }) => rule.effect === 'deny' || rule.effect === 'require_approval').sort(byPriority)[0];
  if (denying !== undefined) {
    const { rule, policy } = denying;
    return refusal({ type, rule: rule.name, policy: policy.name }, `${rule.message === undefined ? '' : `${rule.message}: `}rule ${rule.name} refuses what came back`);
  }
  const redacting = holding.filter(({ rule }) => rule.obligations.includes('redact')).sort(byPriority)[0];
  if (redacting === undefined) return undefined;
  return { type, rule: redacting.rule.name, policy: redacting.policy.name, reason: `rule ${redacting.rule.name} has what came back redacted`, redact: true };
}

function byPriority(a: OutputRule, b: OutputRule): number {
  return b.rule.priority - a.rule.priority || (a.rule.name < b.rule.name ? -1 : 1);
}

function refusal(by: Pick<OutputVerdict, 'type' | 'rule' | 'policy'>, reason: string): OutputVerdict {
  return { ...by, reason, redact: false, failure: fail('OUTPUT_DENIED', reason, { fix: 'ask for less', detail: { effect_ran: true, stage: 'output', rule: by.rule, policy: by.policy } }).failure };
}

function findings(text: string, field: string): readonly Finding[] {
  return [...findPii(text, { field }), ...findSecrets(text, field)];
}

/**
 * A copy with every personal datum and secret replaced by a mark of its type.
 * Fails with `REDACTION_IMPOSSIBLE` for what is no plain data, or too large to be
 * looked at: it is not given on as it is.
 */
export function redacted<T>(value: T): Result<T> {
  const copied = snapshot(value);
  if (!copied.ok) return { ok: false, failure: { ...copied.failure, code: 'REDACTION_IMPOSSIBLE' } };
  const { value: mended } = redactValue(copied.value, findings);
  return isLike(mended, value) ? ok(mended) : fail('REDACTION_IMPOSSIBLE', 'what a rule has redacted is no plain data', { fix: 'pass and return texts, arrays and plain objects' });
}

/** Whether a redacted copy can stand for the original: both are arrays, plain objects, or of the same primitive type. */
function isLike<T>(copy: unknown, original: T): copy is T {
  if (original === undefined) return copy === null;
  if (typeof copy !== typeof original || Array.isArray(copy) !== Array.isArray(original)) return false;
  if (typeof original !== 'object' || original === null || Array.isArray(original)) return (copy === null) === (original === null);
  const prototype: unknown = Object.getPrototypeOf(original);
  return prototype === null || prototype === Object.prototype;
}

/** What an error says, for rules to look at: its text and whatever it carries. */
export function saidBy(error: unknown): unknown {
  return error instanceof Error ? { ...Object.fromEntries(Object.entries(error)), name: error.name, message: error.message, cause: error.cause } : error;
}

/** An error without personal data and secrets: itself where it has none, else its code and its text without them. */
export function redactedError(error: unknown): unknown {
  const said = snapshot(saidBy(error));
  if (said.ok && JSON.stringify(redactValue(said.value, findings).value) === JSON.stringify(said.value)) return error;
  const text = redacted(error instanceof FailureError ? error.failure.reason : messageOf(error));
  const reason = text.ok ? text.value : 'what went wrong cannot be said without what a rule has redacted';
  return error instanceof FailureError ? new FailureError({ code: error.code, reason }) : new Error(reason);
}

/** From this score on what came back is taken to carry instructions for whoever reads it. */
const injection_score_min = 0.5;

/** The labels of who has read something that came back: those that its source has, and `injection` where it looks like instructions. */
export function taintsOf(labels: readonly string[], value: unknown): readonly string[] {
  if (labels.length === 0) return labels;
  const copied = snapshot(value);
  const texts = copied.ok ? textsOf(copied.value) : undefined;
  return texts !== undefined && injectionIn(texts).score >= injection_score_min ? [...labels, 'injection'] : labels;
}
