/** One governed call on its way, and what is asked about it from its decision to its outcome. */
import { isFields, type Fields, type Json } from '../../crypto/canonical.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Usage } from './budgets.ts';
import type { Call, Decision } from './call.ts';
import type { Prepared } from './decide.ts';
import { redacted, type OutputVerdict } from './output.ts';
import type { Verdict } from './policy/policy.ts';
import type { DecisionRecord } from './recorder.ts';
import type { Settled } from './settle.ts';
import { hashedSnapshot } from './snapshot.ts';

/** A call on its way, with what it carries as its bringer has it. */
export interface Passage<T, Data> extends Omit<Call<T>, 'data' | 'effect'> {
  readonly data: Data;
  readonly effect: (signal: AbortSignal, data: Data) => Promise<T>;
  /** That it only enters a governed function. */
  readonly entering: boolean;
}

/** A call as it is decided about. What passes itself off as the record of a signal is refused: that is the kernel's to write. */
export function genuine(prepared: Prepared): Prepared {
  const { type, outcome } = fieldsOf(prepared.request.action);
  if (type !== 'signal' || outcome === undefined) return prepared;
  return { ...prepared, problem: { code: 'CALL_INVALID', reason: 'only the kernel says what came of a signal', fix: 'agentmesh signal AGENT SIGNAL sends one' } };
}

/**
 * What the effect gets: the payload that was decided about, without what a policy
 * has redacted. Fails with `CALL_CHANGED` when it is not the same any more, and
 * with `REDACTION_IMPOSSIBLE`.
 */
export function givenOn<Data>(data: Data, { args_hash }: Prepared, { verdict }: Decision): Result<Data> {
  if (typeof data === 'object' && data !== null) {
    const now = hashedSnapshot(data);
    if (!now.ok || now.value.hash !== args_hash) return fail('CALL_CHANGED', 'the arguments were changed while they were being decided about', { fix: 'leave them alone until the call is over' });
  }
  return verdict.obligations.includes('redact') ? redacted(data) : ok(data);
}

/** Whether a call waits for its records to be written. */
export function isAwaited(record: DecisionRecord, attach: unknown): boolean {
  return record.audit === 'durable' || attach !== undefined;
}

/** A refusal that stands in the record of an earlier one. */
export function unrecorded(failure: Failure): Result<never> {
  return { ok: false, failure: { ...failure, detail: { ...failure.detail, stage: 'signals', index: null } } };
}

/** Aborts with the first of them. */
export function anyOf(first: AbortSignal, ...others: readonly (AbortSignal | undefined)[]): AbortSignal {
  const given = others.filter((signal) => signal !== undefined);
  return given.length === 0 ? first : AbortSignal.any([first, ...given]);
}

/** Why a call must not go on: `CALL_ABORTED`. */
export function abortion(signal: AbortSignal | undefined): Failure | undefined {
  return signal?.aborted === true ? { code: 'CALL_ABORTED', reason: `the call was given up: ${messageOf(signal.reason)}` } : undefined;
}

/** What a call says that it has used. */
export function usageOf<T>({ usage }: Pick<Call<T>, 'usage'>, settled: Settled<T>): Usage | undefined {
  try {
    return settled.status === 'done' ? usage?.(settled.value) : undefined;
  } catch {
    // A bill that cannot be read uses the budget up.
    return { tokens: Infinity, cost: Infinity };
  }
}

/** The fields of an action. */
export function fieldsOf(action: Json | undefined): Fields {
  return isFields(action) ? action : {};
}

/** What a label that an agent gets by an action is from. */
export function nameOf(action: Json | undefined): string {
  const { tool, to, model, type } = fieldsOf(action);
  return [tool, to, model, type].find((name) => typeof name === 'string') ?? 'a call';
}

/** What the rules say about something that came back, as a verdict for its record. */
export function saidOf({ failure, rule, policy, reason, redact }: OutputVerdict): Verdict {
  return { effect: failure === undefined ? 'allow' : 'deny', rule, policy: policy ?? '', reason, obligations: redact ? ['redact'] : [], errors: [], batched: false };
}
