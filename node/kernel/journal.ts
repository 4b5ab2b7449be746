import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Clock } from '../../protocols/ports.ts';
import type { Decision } from './call.ts';
import type { Prepared } from './decide.ts';
import { recordedText, type DecisionRecord, type FlightRecorder } from './recorder.ts';
import type { Settled } from './settle.ts';
import type { SignalName } from './signals/gate.ts';
import { hashedSnapshot } from './snapshot.ts';

/** Where a record stands, or why it is nowhere. */
export type Recorded = Result<{ readonly index: number }>;

/** The record of a decision. */
export function decisionRecord(prepared: Prepared, decision: Decision, facts: Pick<DecisionRecord, 'call_id' | 'audit' | 'time_ms'>): DecisionRecord {
  const { verdict, args_hash, code, policies } = decision;
  const { agent, action, delegation, enforcement, peer, sandbox, scope, sponsor, taint, trust_score } = prepared.record;
  const { audit, call_id, time_ms } = facts;
  const { effect, errors, obligations, policy, reason, rule, shadow } = verdict;
  // In the order of RFC 8785, so that nothing has to be sorted when it is written.
  const record: DecisionRecord = {
    action, agent, args_hash, audit, call_id, code, delegation, enforcement, errors: own(errors), kind: 'decision', obligations: own(obligations), peer, policies,
    policy: policy === '' ? null : policy, reason: recordedText(reason), rule, sandbox, scope: own(scope), sponsor, taint: own(taint), time_ms, trust_score, verdict: effect,
  };
  return shadow === undefined ? record : { ...record, shadow };
}

/** Empty lists are frozen where many share them, and a record with a frozen one in it takes the engine half as long again to write. */
function own<T>(items: readonly T[]): readonly T[] {
  return items.length === 0 ? [] : items;
}

/** Writes to a flight recorder that may fail or throw. Every method fails with `AUDIT_UNAVAILABLE` alone. */
export class Journal {
  readonly #clock: Clock;
  readonly #recorder: FlightRecorder;

  constructor(clock: Clock, recorder: FlightRecorder) {
    this.#clock = clock;
    this.#recorder = recorder;
  }

  /** Whether a record that is on its way can be expected to arrive. */
  expected(): Result<void> {
    const failure = this.#recorder.unavailable();
    return failure === undefined ? ok(undefined) : { ok: false, failure: unavailable('decision', failure, false) };
  }

  /** Writes a decision, before its effect. */
  async decision(record: DecisionRecord, attach: unknown): Promise<Recorded> {
    const recorded = await attempt(() => this.#recorder.decision(record, attach));
    return recorded.ok ? recorded : { ok: false, failure: unavailable('decision', recorded.failure, false) };
  }

  /** Writes what became of the effect. */
  async outcome({ call_id, agent, audit, time_ms: decided_ms }: DecisionRecord, decision: number, settled: Settled<unknown>, attach?: unknown): Promise<Recorded> {
    const time_ms = this.#clock.now();
    const copied = settled.status === 'done' ? hashedSnapshot(settled.value) : undefined;
    const recorded = await attempt(() => this.#recorder.outcome({
      agent,
      audit,
      call_id,
      decision,
      duration_ms: Math.max(0, time_ms - decided_ms),
      kind: 'outcome',
      reason: settled.status === 'done' ? null : recordedText(messageOf(settled.error)),
      result_hash: copied?.ok === true ? copied.value.hash : null,
      status: settled.status,
      time_ms,
    }, attach));
    return recorded.ok ? recorded : { ok: false, failure: unavailable('outcome', recorded.failure, true) };
  }
}

async function attempt(write: () => Promise<Recorded>): Promise<Recorded> {
  try {
    return await write();
  } catch (error) {
    return fail('RECORDER_BROKEN', messageOf(error), { cause: error });
  }
}

function unavailable(what: string, cause: Failure, effect_ran: boolean): Failure {
  return fail('AUDIT_UNAVAILABLE', `the ${what} could not be recorded: ${cause.reason}`, {
    fix: cause.fix ?? 'agentmesh doctor',
    cause,
    detail: { effect_ran },
  }).failure;
}

/** The failure of a call that was refused: the code, the reason, and in `detail` the stage, rule, policy and where it is recorded. */
export function denied(decision: Decision, record: DecisionRecord, recorded: Recorded): Result<never> {
  const { verdict, stage } = decision;
  // The reason of a default denial ends with the nearest miss already.
  const fix = verdict.fix ?? (verdict.would_allow === undefined || verdict.reason.includes(verdict.would_allow) ? undefined : verdict.would_allow);
  return fail(decision.code ?? 'KERNEL_DENIED', verdict.reason, {
    ...(fix === undefined ? {} : { fix }),
    detail: {
      stage,
      rule: verdict.rule,
      policy: verdict.policy,
      effect: verdict.effect,
      obligations: verdict.obligations,
      call_id: record.call_id,
      index: recorded.ok ? recorded.value.index : null,
      ...(verdict.limited === true ? { limited: true, retry_after_ms: verdict.retry_after_ms ?? null } : {}),
    },
  });
}

/** A signal as a decision, so that it stands in the same record. */
export function signalDecision(signal: SignalName, reason: string, args_hash: string | null): Decision {
  const verdict = { effect: 'allow', rule: null, policy: '', reason: `${signal}: ${reason}`, obligations: [], errors: [], batched: false } as const;
  return { stage: 'signals', verdict, code: null, policies: [], args_hash };
}
