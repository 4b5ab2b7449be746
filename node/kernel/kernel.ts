/**
 * The kernel of a host: every call of a governed agent walks through
 * {@link KernelSpace.run}, in this order: signals, scope, policies, record of
 * the decision, effect, record of the outcome. An error on the way is a denial.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { toHex } from '../../crypto/bytes.ts';
import { parseCapabilities, type Capability } from '../../crypto/capability.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Clock, Random } from '../../protocols/ports.ts';
import { system_clock, system_random } from '../clock.ts';
import { Denied, type Action, type Call, type CallContext, type Decision, type Outcome, type Question } from './call.ts';
import { decideCall, prepare, type Prepared } from './decide.ts';
import type { Policy } from './guards.ts';
import { decisionRecord, denied, Journal, signalDecision, type Recorded } from './journal.ts';
import { Meter } from './policy/limit.ts';
import { presetPolicies, type Preset } from './presets.ts';
import { memoryRecorder, type DecisionRecord, type FlightRecorder } from './recorder.ts';
import { settle, type Settled } from './settle.ts';
import { Gate, type SignalName } from './signals.ts';

/** What a kernel is built from. Without policies it denies everything. */
export interface KernelInit {
  /** The host's policies, or a preset. */
  readonly policies?: readonly Policy[] | Preset;
  /** The same, for one policy or a preset. */
  readonly policy?: Policy | Preset;
  /** The organisation's policies, above the host's. */
  readonly organisation?: readonly Policy[];
  /** Policies of single agents, below the host's. */
  readonly agents?: { readonly [agent: string]: readonly Policy[] };
  /** The folder that presets confine files to and relative paths start from; the working directory by default. */
  readonly workspace?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** In memory by default. */
  readonly flight_recorder?: FlightRecorder;
  /** This host's score of an agent, 0 to 1000, where a call does not bring one. */
  readonly trustScore?: (agent: string) => number | undefined;
  readonly calls_per_agent_max?: number;
}

/** How a function is governed. */
export interface GovernOptions<Arguments extends readonly unknown[]> {
  /** Who acts; by default the agent of the enclosing call, or the kernel's own. */
  readonly agent?: string;
  /** What the arguments mean; by default `{type: 'call', name}`. */
  readonly action?: (...args: Arguments) => Action;
}

/** A tool to be governed. */
export interface ToolInit<Input, Output> {
  readonly name: string;
  /** What the input means; by default `{type: 'tool', tool: name}`. */
  readonly action?: (input: Input) => Action;
  readonly run: (input: Input, signal: AbortSignal) => Output | Promise<Output>;
  readonly agent?: string;
}

/** The governed call that code runs in. */
export interface CurrentCall {
  readonly agent: string;
  readonly call_id: string;
  /** Aborts when the call must end. */
  readonly signal: AbortSignal;
}

interface Frame {
  readonly agent?: string;
  readonly context?: CallContext;
  readonly scopes: readonly (readonly Capability[])[];
  readonly call?: CurrentCall;
}

interface Governed<T> {
  readonly agent: string | undefined;
  readonly action: () => Action;
  readonly data: unknown;
  readonly effect: (signal: AbortSignal) => Promise<T>;
  /** That the call only enters a governed function. */
  readonly entering: boolean;
}

const outside: Frame = { scopes: [] };
const default_agent = 'local';

/** A governed execution environment. */
export class KernelSpace {
  readonly #init: KernelInit;
  readonly #host: readonly Policy[];
  readonly #clock: Clock;
  #above: readonly (readonly Policy[])[] = [];
  #journal: Journal;
  readonly #meter: Meter;
  readonly #gate: Gate;
  readonly #frames = new AsyncLocalStorage<Frame>();
  readonly #call_prefix: string;
  #calls = 0;
  #agent: { readonly agent: string; readonly context: () => CallContext } | undefined;

  constructor(init: KernelInit = {}) {
    this.#init = init;
    this.#clock = init.clock ?? system_clock;
    this.#journal = new Journal(this.#clock, init.flight_recorder ?? memoryRecorder());
    this.#meter = new Meter(() => this.#clock.now());
    this.#gate = new Gate(init.calls_per_agent_max);
    this.#call_prefix = toHex((init.random ?? system_random).bytes(8));
    const workspace = init.workspace ?? process.cwd();
    this.#host = [init.policies ?? [], init.policy ?? []].flatMap((given) => (typeof given === 'string' ? presetPolicies(given, workspace) : given));
  }

  /** The governed call that runs here, `undefined` outside of any. */
  current(): CurrentCall | undefined {
    return this.#frames.getStore()?.call;
  }

  /**
   * Makes an agent the one that acts where nobody else is named. A host that
   * takes the kernel over brings its flight recorder, where everything from now
   * on is recorded, and layers of policies, which stand above the kernel's own. Fails
   * with `KERNEL_TAKEN` when another agent already is the one.
   */
  attach(agent: string, context: () => CallContext = () => ({}), host: { readonly flight_recorder?: FlightRecorder; readonly layers?: readonly (readonly Policy[])[] } = {}): Result<void> {
    if (this.#agent !== undefined && this.#agent.agent !== agent) {
      return fail('KERNEL_TAKEN', `this kernel acts for ${this.#agent.agent}`, { fix: 'name the agent when governing: kernel.govern(fn, { agent })' });
    }
    this.#agent = { agent, context };
    if (host.flight_recorder !== undefined) this.#journal = new Journal(this.#clock, host.flight_recorder);
    this.#above = host.layers ?? [];
    return ok(undefined);
  }

  /**
   * A function with the same parameters, every call of which goes through
   * {@link run}. It throws {@link Denied} where the kernel refuses, and what the
   * function throws otherwise. Entering it needs no capability of its own, so
   * that it can be called in any scope; what it does inside does.
   */
  govern<Arguments extends readonly unknown[], Value>(
    fn: (...args: Arguments) => Value,
    options: GovernOptions<Arguments> = {},
  ): (...args: Arguments) => Promise<Awaited<Value>> {
    const entering: Action = { type: 'call', name: fn.name };
    return (...args) => this.#governed<Awaited<Value>>({
      agent: options.agent,
      action: () => options.action?.(...args) ?? entering,
      data: { args },
      effect: async (): Promise<Awaited<Value>> => await fn(...args),
      entering: options.action === undefined,
    });
  }

  /** A governed tool. Throws like a function of {@link govern}. */
  tool<Input, Output>(init: ToolInit<Input, Output>): (input: Input) => Promise<Output> {
    return (input) => this.#governed<Output>({
      agent: init.agent,
      action: () => ({ tool: init.name, ...(init.action?.(input) ?? { type: 'tool' }) }),
      data: input,
      effect: async (signal) => await init.run(input, signal),
      entering: false,
    });
  }

  async #governed<T>(given: Governed<T>): Promise<T> {
    const agent = given.agent ?? this.#frames.getStore()?.agent ?? this.#agent?.agent ?? default_agent;
    const result = await this.#run({ agent, action: given.action(), effect: given.effect }, given.data, given.entering);
    if (result.ok) return result.value.value;
    if (result.failure.code === 'EFFECT_FAILED') throw result.failure.cause;
    throw new Denied(result.failure);
  }

  /**
   * Runs code in which agents may do only what the capabilities permit. Scopes
   * nest by intersection. Throws {@link Denied} with `CAPABILITY_MALFORMED`.
   */
  scoped<T>(scope: readonly string[], fn: () => T): T {
    const capabilities = parseCapabilities(scope);
    if (!capabilities.ok) throw new Denied(capabilities.failure);
    const frame = this.#frames.getStore() ?? outside;
    return this.#frames.run({ ...frame, scopes: [...frame.scopes, capabilities.value] }, fn);
  }

  /** What would be decided now. Records nothing, charges nothing, runs nothing. */
  decide(question: Question): Decision {
    return this.#decide(this.#prepare(question, question.data), false, false);
  }

  /**
   * The pipeline. Fails with `KERNEL_DENIED`, `APPROVAL_REQUIRED`, `SCOPE_EXCEEDED`,
   * `AGENT_STOPPED`, `AGENT_KILLED`, `KERNEL_STOPPED`, `CALL_INVALID`, `KERNEL_OVERLOADED`
   * (these before any effect), `AUDIT_UNAVAILABLE` (`detail.effect_ran` says on which side),
   * `CALL_ABORTED`, or `EFFECT_FAILED` with what was thrown as its cause. Never throws.
   */
  run<T>(call: Call<T>): Promise<Result<Outcome<T>>> {
    return this.#run(call, call.data, false);
  }

  /**
   * Signals an agent. The gate acts at once; the record follows.
   * Fails with `AGENT_KILLED`, `KERNEL_OVERLOADED`, or `AUDIT_UNAVAILABLE` when it acted but could not record.
   */
  async signal(agent: string, signal: SignalName, why: { readonly by?: string; readonly reason?: string } = {}): Promise<Result<void>> {
    const reason = why.reason ?? 'no reason given';
    const delivered = this.#gate.deliver(agent, signal, reason);
    if (!delivered.ok) return delivered;
    const prepared = this.#prepare({ agent, action: { type: 'signal', signal, by: why.by ?? default_agent } }, null);
    const decision = signalDecision(signal, reason, prepared.args_hash);
    const recorded = await this.#journal.decision(decisionRecord(prepared, decision, { call_id: this.#nextCall(), audit: 'durable', time_ms: this.#clock.now() }), undefined);
    return recorded.ok ? ok(undefined) : recorded;
  }

  /** The policies that it was built with. */
  get policies(): readonly Policy[] {
    return this.#host;
  }

  /** Whether an agent may act, as its signals and the kernel's end leave it. */
  stateOf(agent: string): 'running' | 'stopped' | 'killed' {
    const refusal = this.#gate.refusal(agent);
    if (refusal === undefined) return 'running';
    return refusal.code === 'AGENT_KILLED' ? 'killed' : 'stopped';
  }

  /** Ends every running call and refuses all that follow. */
  stop(reason = 'the kernel has stopped'): void {
    this.#gate.close(reason);
  }

  #nextCall(): string {
    this.#calls += 1;
    return `${this.#call_prefix}-${this.#calls}`;
  }

  #prepare(question: Question, data: unknown): Prepared {
    const frame = this.#frames.getStore() ?? outside;
    const inherited = frame.agent === question.agent ? frame.context : undefined;
    const own = this.#agent?.agent === question.agent ? this.#agent.context() : undefined;
    const context = { ...own, ...inherited, ...question.context };
    const trust_score = context.trust_score ?? this.#init.trustScore?.(question.agent);
    // What the enclosing call was delegated is among its scopes already.
    const delegated = question.context?.delegation?.capabilities;
    return prepare({ agent: question.agent, action: question.action, data, context, trust_score, scopes: frame.scopes, delegated });
  }

  #decide(prepared: Prepared, entering: boolean, charge: boolean): Decision {
    const { agents = {}, organisation = [] } = this.#init;
    const own = Object.hasOwn(agents, prepared.agent) ? (agents[prepared.agent] ?? []) : [];
    return decideCall(prepared, {
      layers: [organisation, ...this.#above, this.#host, own],
      meter: this.#meter,
      refusal: this.#gate.refusal(prepared.agent) ?? abortion(this.#frames.getStore()?.call?.signal),
      folder: this.#init.workspace ?? process.cwd(),
      entering,
      charge,
    });
  }

  async #run<T>(call: Call<T>, data: unknown, entering: boolean): Promise<Result<Outcome<T>>> {
    const admission = this.#gate.admit(call.agent);
    if (!admission.ok) return admission;
    let handed_over = false;
    try {
      const prepared = this.#prepare(call, data);
      const decision = this.#decide(prepared, entering, true);
      const { verdict } = decision;
      const batched = (call.audit === 'batched' || verdict.batched) && !verdict.obligations.includes('audit');
      const record = decisionRecord(prepared, decision, { call_id: this.#nextCall(), audit: batched ? 'batched' : 'durable', time_ms: this.#clock.now() });
      const recording = this.#journal.decision(record, call.attach);
      if (decision.code !== null) return denied(decision, record, await recording);
      // A durable decision is on the disk before its effect; a batched one only has to be on its way there,
      // unless the caller's own data ride with it: those are written first, whatever the policy says.
      const recorded = isAwaited(record, call.attach) ? await recording : this.#journal.expected();
      if (!recorded.ok) return recorded;
      const enclosing = this.#frames.getStore()?.call?.signal;
      const signal = AbortSignal.any([admission.value.signal, call.signal, enclosing].filter((one) => one !== undefined));
      // Asked again, because the agent may have been stopped while the decision was written.
      const refusal = admission.value.refusal() ?? abortion(signal);
      if (refusal !== undefined) return await this.#aborted(record, recording, refusal);
      handed_over = true;
      const settled = await this.#frames.run(this.#frame(prepared, record.call_id, signal), () => settle(call.effect, signal, admission.value.release));
      return await this.#settled(settled, decision, record, recording, call.attach);
    } catch (error) {
      return fail('KERNEL_DENIED', `the kernel could not decide: ${messageOf(error)}`, { cause: error });
    } finally {
      if (!handed_over) admission.value.release();
    }
  }

  #frame({ agent, context, scopes }: Prepared, call_id: string, signal: AbortSignal): Frame {
    return { agent, context, scopes, call: { agent, call_id, signal } };
  }

  async #settled<T>(settled: Settled<T>, decision: Decision, record: DecisionRecord, recording: Promise<Recorded>, attach: unknown): Promise<Result<Outcome<T>>> {
    const recorded = await recording;
    if (!recorded.ok) return fail(recorded.failure.code, recorded.failure.reason, { ...recorded.failure, detail: { effect_ran: true } });
    const { index } = recorded.value;
    const recorded_outcome = this.#journal.outcome(record, index, settled, attach);
    const outcome = isAwaited(record, attach) ? await recorded_outcome : ok(undefined);
    if (settled.status !== 'done') {
      const code = settled.status === 'aborted' ? 'CALL_ABORTED' : 'EFFECT_FAILED';
      return fail(code, messageOf(settled.error), { cause: settled.error, detail: { call_id: record.call_id, index } });
    }
    if (!outcome.ok) return outcome;
    return ok({ value: settled.value, decision, call_id: record.call_id, index });
  }

  async #aborted(record: DecisionRecord, recording: Promise<Recorded>, refusal: Failure): Promise<Result<never>> {
    const recorded = await recording;
    if (!recorded.ok) return recorded;
    const { index } = recorded.value;
    await this.#journal.outcome(record, index, { status: 'aborted', error: refusal.reason });
    return { ok: false, failure: { ...refusal, detail: { ...refusal.detail, call_id: record.call_id, index } } };
  }
}

/** Whether a call waits for its records to be written. */
function isAwaited(record: DecisionRecord, attach: unknown): boolean {
  return record.audit === 'durable' || attach !== undefined;
}

function abortion(signal: AbortSignal | undefined): Failure | undefined {
  return signal?.aborted === true ? { code: 'CALL_ABORTED', reason: `the call was given up: ${messageOf(signal.reason)}` } : undefined;
}
