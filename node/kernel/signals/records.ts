/** Signals in the flight recorder, and what a record of one says about the agent afterwards. */
import { canonicalJson, isFields, type Json } from '../../../crypto/canonical.ts';
import type { Result } from '../../../crypto/result.ts';
import type { Clock } from '../../../protocols/ports.ts';
import type { Arbiter } from '../arbiter.ts';
import type { Spendings } from '../budgets.ts';
import type { SignalOutcome, SignalWhy } from './delivery.ts';
import type { SignalInfo } from './dispositions.ts';
import type { Frames } from '../frames.ts';
import { decisionRecord, signalDecision, type Journal } from '../journal.ts';
import type { DecisionRecord } from '../recorder.ts';
import type { Gate, Standing } from './gate.ts';
import type { Taints } from '../taint.ts';

/** What the records of signals are made from. */
export interface SignalRecordsParts {
  readonly clock: Clock;
  readonly frames: Frames;
  readonly gate: Gate;
  readonly arbiter: Arbiter;
  readonly spendings: Spendings;
  readonly taints: Taints;
  journal(): Journal;
  nextCall(): string;
}

/** Writes signals. */
export class SignalRecords {
  readonly #parts: SignalRecordsParts;

  constructor(parts: SignalRecordsParts) {
    this.#parts = parts;
  }

  /** Writes a signal and what came of it; what the sender attached rides with it as with a call. Fails with `AUDIT_UNAVAILABLE`. */
  async record(info: SignalInfo, outcome: SignalOutcome, detail: Json, { context, attach }: SignalWhy): Promise<Result<{ readonly index: number }>> {
    const { frames, arbiter, gate, clock, journal, nextCall } = this.#parts;
    const { agent, signal, number, by, reason, count } = info;
    const standing = gate.lasting(agent);
    const action = {
      type: 'signal', signal, number, by, outcome, state: standing.state,
      ...(count > 1 ? { count } : {}), ...(standing.reason === null ? {} : { why: standing.reason }), ...(detail === null ? {} : { detail }),
    };
    // Who sends it may stand in a call of its own, of which the receiver inherits nothing.
    const prepared = frames.outside(() => arbiter.prepare({ agent, action, ...(context === undefined ? {} : { context }) }, null));
    const record = decisionRecord(prepared, signalDecision(signal, reason, prepared.args_hash), { call_id: nextCall(), audit: 'durable', time_ms: clock.now() });
    const recorded = await journal().decision(record, attach);
    if (!recorded.ok || attach === undefined) return recorded;
    const concluded = await journal().outcome(record, recorded.value.index, { status: 'done', value: outcome }, attach);
    return concluded.ok ? recorded : concluded;
  }

  /** What is known of an agent: how far it may act, what runs, what it has used up and read, which policies are in force. */
  diagnosis(agent: string): Json {
    const { gate, spendings, taints, arbiter } = this.#parts;
    const { state, reason } = gate.standing(agent);
    return {
      state, reason, running: gate.running(agent), spending: { ...spendings.of(agent) }, taint: taints.labels(agent),
      policies: arbiter.layers(agent).flat().map(({ name, digest }) => ({ name, digest })),
    };
  }
}

/** How far an agent may act after a signal, as the record of it says, for whoever keeps that over a restart; `undefined` for any other record. */
export function standingAfter({ action, verdict, policies }: Pick<DecisionRecord, 'action' | 'verdict' | 'policies'>): Standing | undefined {
  // What an agent wants, and calls a signal, rests on policies or is refused; a signal does neither.
  if (verdict !== 'allow' || policies.length > 0 || !isFields(action) || action['type'] !== 'signal' || typeof action['outcome'] !== 'string') return undefined;
  const { state, why } = action;
  const reason = typeof why === 'string' ? why : null;
  return state === 'stopped' || state === 'killed' || state === 'running' ? { state, reason } : undefined;
}

/** The kept form of a standing. */
export function standingText(standing: Standing): string {
  return canonicalJson({ state: standing.state, reason: standing.reason });
}

/** A standing from its kept form; one that cannot be read has stopped the agent. */
export function parseStanding(text: string): Standing {
  const unreadable: Standing = { state: 'stopped', reason: 'what was kept of its state cannot be read' };
  try {
    const value: unknown = JSON.parse(text);
    if (!isFields(value)) return unreadable;
    const { state, reason } = value;
    return state === 'stopped' || state === 'killed' || state === 'running' ? { state, reason: typeof reason === 'string' ? reason : null } : unreadable;
  } catch {
    return unreadable;
  }
}
