/**
 * The walk of every governed call, in this order: signals, form, scope, policies,
 * budget, loop, approval, record of the decision, effect, rules about what came
 * back, record of the outcome. An error on the way is a denial.
 */
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Clock } from '../../protocols/ports.ts';
import type { Charged, Spendings, Usage } from './budgets.ts';
import type { Call, Decision, Outcome, OutputTerms, Question } from './call.ts';
import type { Prepared } from './decide.ts';
import { Denials, Repetitions, type DenialTerms } from './floods.ts';
import type { Frames } from './frames.ts';
import { decisionRecord, denied, type Journal, type Recorded } from './journal.ts';
import { refusedDecision, type Arbiter } from './arbiter.ts';
import { checkOutput, redacted, redactedError, saidBy, taintsOf } from './output.ts';
import { isMeantFor } from './layers.ts';
import { abortion, anyOf, fieldsOf, genuine, givenOn, isAwaited, nameOf, saidOf, unrecorded, usageOf, type Passage } from './passage.ts';
import type { Budgets } from './policy/policy.ts';
import type { DecisionRecord } from './recorder.ts';
import { settle, type Settled } from './settle.ts';
import type { Admission, Gate, SignalName } from './signals/gate.ts';
import { peer_label, type Taints } from './taint.ts';

/** What the walk uses. */
export interface PipelineParts {
  readonly clock: Clock;
  readonly gate: Gate;
  readonly frames: Frames;
  readonly arbiter: Arbiter;
  readonly spendings: Spendings;
  readonly taints: Taints;
  readonly folder: string;
  readonly denials: DenialTerms | undefined;
  journal(): Journal;
  nextCall(): string;
  /** Sends a signal of the kernel's own. */
  raise(agent: string, signal: SignalName, reason: string): void;
}

interface Decided {
  readonly prepared: Prepared;
  readonly decision: Decision;
  readonly record: DecisionRecord;
  /** Counted as soon as it is decided: what is decided meanwhile must see it. */
  readonly charged: Charged | undefined;
}

/** Of a call that has not run. */
const unused: Usage = { tokens: 0, cost: 0 };

/** The walk. */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #denials: Denials;
  readonly #repetitions: Repetitions;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#denials = new Denials(parts.denials);
    this.#repetitions = new Repetitions(parts.clock, (agent, failure, repeated) => this.#recordRepeated(agent, failure, repeated));
  }

  /** Walks. Never throws. */
  async run<T, Data>(call: Passage<T, Data>): Promise<Result<Outcome<T>>> {
    const place: { admission: Admission | undefined } = { admission: undefined };
    try {
      const early = this.refusal(call);
      // What a caller's own data ride with is recorded by itself: a receipt names its record.
      if (early !== undefined && call.attach === undefined && this.#repetitions.repeats(call.agent, early)) return unrecorded(early);
      if (early !== undefined) this.#repetitions.recorded(call.agent, early);
      const admission = this.#parts.gate.admit(call.agent, this.#parts.frames.here().admission);
      if (!admission.ok) return await this.#overloaded(call.agent, admission.failure);
      place.admission = admission.value;
      return await this.#walk(call, admission.value, place, early);
    } catch (error) {
      return fail('KERNEL_DENIED', `the kernel could not decide: ${messageOf(error)}`, { cause: error });
    } finally {
      place.admission?.release();
    }
  }

  /** An agent was let go on: what it was refused before counts no more. */
  forgive(agent: string): void {
    this.#denials.forget(agent);
  }

  /** Records what was only counted so far. */
  end(): void {
    this.#repetitions.end();
  }

  async #walk<T, Data>(call: Passage<T, Data>, admission: Admission, place: { admission: Admission | undefined }, early: Failure | undefined): Promise<Result<Outcome<T>>> {
    const { arbiter, frames } = this.#parts;
    const caller = frames.here().call;
    if (caller !== undefined) this.#parts.taints.inherit(caller.agent, call.agent);
    const decided = await this.#decide(call, genuine(arbiter.prepare(call, call.data)), admission, early);
    const { decision, record, prepared } = decided;
    const recording = this.#parts.journal().decision(record, call.attach);
    if (decision.code !== null) return this.#refuse(decided, await recording);
    // A durable decision is on the disk before its effect; a batched one only has to be on its way there,
    // unless the caller's own data ride with it: those are written first, whatever the policy says.
    const recorded = isAwaited(record, call.attach) ? await recording : this.#parts.journal().expected();
    if (!recorded.ok) {
      decided.charged?.settle(unused);
      return recorded;
    }
    const enclosing = frames.here().call?.signal;
    const signal = anyOf(admission.signal, call.signal, enclosing);
    // Asked again, because the agent may have been stopped while the decision was written.
    const refusal = admission.refusal() ?? abortion(signal);
    if (refusal !== undefined) return this.#aborted(decided, recording, refusal, call.attach);
    const data = givenOn(call.data, prepared, decision);
    if (!data.ok) return this.#aborted(decided, recording, data.failure, call.attach);
    // From here on it is given back when the effect ends.
    place.admission = undefined;
    const settled = await this.#effect(call, data.value, decided, admission, signal);
    return this.#settled(call, decided, settled, recording);
  }

  /** Decides, and where a policy wants the call approved waits for that and decides again: much may have changed meanwhile. */
  async #decide<T, Data>(call: Passage<T, Data>, prepared: Prepared, admission: Admission, early: Failure | undefined): Promise<Decided> {
    const { arbiter, journal, clock, nextCall, spendings, frames } = this.#parts;
    const call_id = nextCall();
    const ask = { entering: call.entering, charge: true, expected: call.expected ?? {} };
    const decidedAs = (prepared: Prepared, decision: Decision, budgets?: Budgets): Decided => {
      const batched = (call.audit === 'batched' || decision.verdict.batched) && !decision.verdict.obligations.includes('audit');
      const record = decisionRecord(prepared, decision, { call_id, audit: batched ? 'batched' : 'durable', time_ms: clock.now() });
      return { prepared, decision, record, charged: decision.code === null && budgets !== undefined ? spendings.charge(prepared.agent, ask.expected, budgets) : undefined };
    };
    const terms = arbiter.terms(prepared);
    const first = decidedAs(prepared, arbiter.decide(prepared, terms, { ...ask, refusal: early }), terms.budgets);
    const { decision, record } = first;
    const wanted = decision.code === 'APPROVAL_REQUIRED' ? arbiter.approval({ record, data: prepared.request.data ?? null, later: call.later, signal: anyOf(admission.signal, call.signal, frames.here().call?.signal) }) : undefined;
    // A request that cannot be recorded is nobody's to grant.
    if (wanted === undefined || !(await journal().decision(record, undefined)).ok) return first;
    const granted = await wanted();
    if (!granted.ok) return decidedAs(prepared, refusedDecision('approval', granted.failure, decision));
    const renewed = arbiter.renewed(prepared, call, call.data);
    const now = arbiter.terms(renewed);
    const again = decidedAs(renewed, arbiter.decide(renewed, now, { ...ask, refusal: this.refusal(call), approved: { grant: granted.value, asked: decision } }), now.budgets);
    return { ...again, record: { ...again.record, approval: granted.value } };
  }

  /** A denial: counted, recorded, and with the signal that it raises. */
  #refuse({ prepared, decision, record }: Decided, recorded: Recorded): Result<never> {
    const { clock, raise, frames } = this.#parts;
    const { agent } = prepared;
    const { stage, verdict } = decision;
    if (stage !== 'signals') {
      const { peer } = prepared.context;
      const flood = this.#denials.note(peer === undefined ? agent : `${agent} ${peer}`, clock.now());
      // What a peer makes it try is no reason to stop the agent: the peer is refused for a while.
      if (flood !== undefined && peer === undefined) raise(agent, 'SIGSTOP', flood);
    }
    // A command that a peer sends is not the agent's deed: it is denied, and nobody can have it killed by sending one.
    const is_own = prepared.context.peer === undefined || frames.here().call !== undefined;
    if (verdict.signal !== undefined && is_own) raise(agent, verdict.signal, verdict.reason);
    if (stage === 'budget') raise(agent, 'SIGBUDGET', verdict.reason);
    if (stage === 'loop') raise(agent, 'SIGLOOP', verdict.reason);
    return denied(decision, record, recorded);
  }

  #effect<T, Data>(call: Passage<T, Data>, data: Data, { prepared, record, charged }: Decided, admission: Admission, signal: AbortSignal): Promise<Settled<T>> {
    const { frames, gate, raise } = this.#parts;
    const { agent, context, scopes } = prepared;
    charged?.begin((failure) => {
      raise(agent, 'SIGBUDGET', failure.reason);
      gate.abort(agent, failure.reason);
    });
    const around = frames.here().call?.labels ?? [];
    const labels = context.peer === undefined || around.includes(peer_label) ? around : [...around, peer_label];
    const frame = { agent, context, scopes, call: { agent, call_id: record.call_id, signal, labels }, admission };
    return frames.run(frame, () => settle((inner) => call.effect(inner, data), signal, () => {
      charged?.end();
      admission.release();
    }));
  }

  async #settled<T, Data>(call: Passage<T, Data>, decided: Decided, settled: Settled<T>, recording: Promise<Recorded>): Promise<Result<Outcome<T>>> {
    const { prepared, decision, record } = decided;
    // An error can say as much as an answer.
    for (const label of taintsOf(call.taints ?? [], settled.status === 'done' ? settled.value : settled.error)) this.#parts.taints.add(prepared.agent, label, nameOf(prepared.request.action));
    const over = decided.charged?.settle(usageOf(call, settled));
    if (over !== undefined) this.#parts.raise(prepared.agent, 'SIGBUDGET', over.reason);
    const recorded = await recording;
    if (!recorded.ok) return fail(recorded.failure.code, recorded.failure.reason, { ...recorded.failure, detail: { effect_ran: true } });
    const { index } = recorded.value;
    const given = await this.#given(call.output, decided, settled);
    const kept = given.ok ? given.value : settled.status === 'done' ? settled : { status: settled.status, error: given.failure.reason };
    const recorded_outcome = this.#parts.journal().outcome(record, index, kept, given.ok ? call.attach : undefined);
    const outcome = isAwaited(record, call.attach) ? await recorded_outcome : ok(undefined);
    if (!given.ok) return { ok: false, failure: { ...given.failure, detail: { ...given.failure.detail, call_id: record.call_id, index, effect_ran: true } } };
    if (kept.status !== 'done') {
      const code = kept.status === 'aborted' ? 'CALL_ABORTED' : 'EFFECT_FAILED';
      return fail(code, messageOf(kept.error), { cause: kept.error, detail: { call_id: record.call_id, index } });
    }
    if (!outcome.ok) return outcome;
    return ok({ value: kept.value, decision, call_id: record.call_id, index });
  }

  /** What may be given on of how an effect ended; an error can say as much as an answer. Fails with `OUTPUT_DENIED` or `REDACTION_IMPOSSIBLE`. */
  async #given<T>(output: OutputTerms<T> | undefined, decided: Decided, settled: Settled<T>): Promise<Result<Settled<T>>> {
    if (settled.status === 'aborted') return ok(settled);
    try {
      if (settled.status !== 'done') {
        const redact = await this.#looked(output, decided, saidBy(settled.error));
        return redact.ok ? ok(redact.value ? { status: 'failed', error: redactedError(settled.error) } : settled) : redact;
      }
      const { value } = settled;
      const redact = await this.#looked(output, decided, output?.look === undefined ? value : output.look(value));
      if (!redact.ok) return redact;
      const kept = !redact.value ? ok(value) : output?.mend === undefined ? redacted(value) : output.mend(value, redacted);
      if (!kept.ok) return kept;
      output?.given?.(kept.value);
      return ok({ status: 'done', value: kept.value });
    } catch (error) {
      return fail('OUTPUT_DENIED', `what came back cannot be looked at: ${messageOf(error)}`);
    }
  }

  /** Asks the rules about what came back, and whether it is to be redacted. Fails with `OUTPUT_DENIED`. */
  async #looked(output: Pick<OutputTerms<unknown>, 'type'> | undefined, { prepared, decision, record }: Decided, value: unknown): Promise<Result<boolean>> {
    const { arbiter, folder, clock, journal } = this.#parts;
    const by_call = decision.verdict.obligations.includes('redact');
    if (output === undefined) return ok(by_call);
    const verdict = checkOutput({
      layers: arbiter.layers(prepared.agent), request: prepared.request, type: output.type, value, folder,
      isFor: (policy) => isMeantFor(policy, prepared.agent, prepared.context.agent_name),
    });
    if (verdict === undefined) return ok(by_call);
    const about = { ...prepared, record: { ...prepared.record, action: { ...fieldsOf(prepared.request.action), type: verdict.type } } };
    const said = { ...decision, stage: 'output', verdict: saidOf(verdict), code: verdict.failure?.code ?? null } as const;
    const recorded = await journal().decision(decisionRecord(about, said, { call_id: record.call_id, audit: record.audit, time_ms: clock.now() }), undefined);
    if (!recorded.ok) return fail(recorded.failure.code, recorded.failure.reason, { ...recorded.failure, detail: { effect_ran: true } });
    return verdict.failure === undefined ? ok(by_call || verdict.redact) : { ok: false, failure: verdict.failure };
  }

  async #aborted({ record, charged }: Decided, recording: Promise<Recorded>, refusal: Failure, attach: unknown): Promise<Result<never>> {
    charged?.settle(unused);
    const recorded = await recording;
    if (!recorded.ok) return recorded;
    const { index } = recorded.value;
    await this.#parts.journal().outcome(record, index, { status: 'aborted', error: refusal.reason }, attach);
    return { ok: false, failure: { ...refusal, detail: { ...refusal.detail, call_id: record.call_id, index } } };
  }

  /** Why the agent may not act at all, or not at the word of this peer. Who has no authority learns no more than that, and nothing of the agent. */
  refusal({ agent, context, unauthorised }: Pick<Call<unknown>, 'agent' | 'context' | 'unauthorised'>): Failure | undefined {
    const { gate, frames, clock } = this.#parts;
    const { call, admission, context: inherited } = frames.here();
    const peer = context?.peer ?? inherited?.peer;
    return (unauthorised === undefined ? gate.refusal(agent, admission) : undefined) ?? abortion(call?.signal) ?? (peer === undefined ? undefined : this.#denials.refusal(`${agent} ${peer}`, clock.now()));
  }

  /** Too many calls are under way: recorded once, and then together, since whoever floods would fill the record. */
  async #overloaded(agent: string, failure: Failure): Promise<Result<never>> {
    if (this.#repetitions.repeats(agent, failure)) return unrecorded(failure);
    this.#repetitions.recorded(agent, failure);
    const { decision, record } = this.#bare(agent, failure);
    return denied(decision, record, await this.#parts.journal().decision(record, undefined));
  }

  #recordRepeated(agent: string, failure: Failure, repeated: number): void {
    const write = async (): Promise<void> => {
      const { record } = this.#bare(agent, failure);
      await this.#parts.journal().decision({ ...record, repeated }, undefined);
    };
    // Nobody waits for it: a recorder that fails shows at the next call.
    write().catch(() => undefined);
  }

  /** A refusal without the call: nothing of what a flood carries is looked at. */
  #bare(agent: string, failure: Failure): { readonly decision: Decision; readonly record: DecisionRecord } {
    const { arbiter, clock, nextCall } = this.#parts;
    const question: Question = { agent, action: { type: 'refused' } };
    const prepared = arbiter.prepare(question, undefined);
    const decision = refusedDecision('signals', failure, { policies: [], args_hash: null });
    return { decision, record: decisionRecord(prepared, decision, { call_id: nextCall(), audit: 'batched', time_ms: clock.now() }) };
  }
}
