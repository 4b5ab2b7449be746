/**
 * The kernel of a host: every call of a governed agent walks through
 * {@link KernelSpace.run}; what it walks through is in pipeline.ts.
 */
import { toHex } from '../../crypto/bytes.ts';
import { parseCapabilities } from '../../crypto/capability.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Clock, Random } from '../../protocols/ports.ts';
import { system_clock, system_random } from '../clock.ts';
import { Arbiter, type Approvals, type Explained } from './arbiter.ts';
import { Spendings, type KeptSpending, type Spending, type Usage } from './budgets.ts';
import { Denied, type Call, type CallContext, type Decision, type Outcome, type Question } from './call.ts';
import { Delivery, term_grace_ms_default, type Checkpoint, type Delivered, type Observer, type PastSignal, type SignalWhy } from './signals/delivery.ts';
import { Dispositions, type Disposition, type SignalInfo } from './signals/dispositions.ts';
import { functionCall, messageCall, modelCall, toolCall, type Formed, type GovernOptions, type MessageInit, type ModelInit, type ToolInit } from './forms.ts';
import { Frames, type CurrentCall } from './frames.ts';
import type { Policy } from './guards.ts';
import { Journal } from './journal.ts';
import type { KernelInit, TakeOver } from './kernel-init.ts';
import { PolicyLayers, type PolicyLayer } from './layers.ts';
import { Loops, loop_terms_default } from './loops.ts';
import { Pipeline } from './pipeline.ts';
import { Meter, type Counter } from './policy/limit.ts';
import { presetPolicies } from './presets.ts';
import { memoryRecorder } from './recorder.ts';
import { SignalRecords } from './signals/records.ts';
import { Gate, type SignalName, type Standing } from './signals/gate.ts';
import { Taints } from './taint.ts';

const default_agent = 'local';

/** A governed execution environment. */
export class KernelSpace {
  /** What agents have read that nobody vouches for. */
  readonly taints: Taints;
  readonly #clock: Clock;
  readonly #layers: PolicyLayers;
  readonly #frames: Frames = new Frames();
  readonly #gate: Gate;
  readonly #spendings: Spendings;
  readonly #meter: Meter;
  readonly #loops: Loops = new Loops();
  readonly #dispositions: Dispositions = new Dispositions();
  readonly #arbiter: Arbiter;
  readonly #pipeline: Pipeline;
  readonly #delivery: Delivery;
  readonly #random: Random;
  // Drawn at the first call: a kernel that never decides takes nothing of the host's randomness.
  #call_prefix: string | undefined;
  #approvals: Approvals | undefined;
  #checkpoint: Checkpoint | undefined;
  #journal: Journal;
  #calls = 0;
  #agent: { readonly agent: string; readonly context: () => CallContext } | undefined;

  constructor(init: KernelInit = {}) {
    const clock = init.clock ?? system_clock;
    const folder = init.workspace ?? process.cwd();
    const host = [init.policies ?? [], init.policy ?? []].flatMap((given) => (typeof given === 'string' ? presetPolicies(given, folder) : given));
    this.#clock = clock;
    this.#approvals = init.approvals;
    this.#checkpoint = init.checkpoint;
    this.#journal = new Journal(clock, init.flight_recorder ?? memoryRecorder());
    this.#random = init.random ?? system_random;
    this.#layers = new PolicyLayers({ organisation: init.organisation ?? [], host, agents: init.agents ?? {} });
    const contextOf = (agent: string): CallContext | undefined => (this.#agent?.agent === agent ? this.#agent.context() : undefined);
    const nameOf = (agent: string): string => contextOf(agent)?.agent_name ?? agent;
    this.#gate = new Gate(init.calls_per_agent_max, nameOf);
    this.#spendings = new Spendings(clock, nameOf);
    this.#meter = new Meter(() => clock.now());
    this.taints = new Taints(() => clock.now());
    const shared = { clock, folder, frames: this.#frames, spendings: this.#spendings, taints: this.taints, gate: this.#gate };
    this.#arbiter = new Arbiter({
      ...shared, layers: this.#layers, loops: this.#loops, meter: this.#meter, budgets: init.budgets ?? {}, approvals: () => this.#approvals,
      loop_terms: init.loops === 'none' ? undefined : init.loops ?? loop_terms_default,
      contextOf, trustScore: (agent) => init.trustScore?.(agent),
    });
    const nextCall = (): string => this.#nextCall();
    this.#pipeline = new Pipeline({
      ...shared, arbiter: this.#arbiter, denials: init.denials, nextCall,
      journal: () => this.#journal,
      raise: (agent, signal, reason) => this.#delivery.raise(agent, signal, reason),
    });
    const records = new SignalRecords({ ...shared, arbiter: this.#arbiter, nextCall, journal: () => this.#journal });
    this.#delivery = new Delivery({
      ...shared, dispositions: this.#dispositions, checkpoint: () => this.#checkpoint, term_grace_ms: init.term_grace_ms ?? term_grace_ms_default,
      record: (info, outcome, detail, why) => records.record(info, outcome, detail, why),
      diagnose: (agent) => records.diagnosis(agent),
      overspent: (agent) => this.#arbiter.overspent(agent),
      resumed: (agent) => {
        this.#loops.forget(agent);
        this.#pipeline.forgive(agent);
      },
    });
  }

  /** The governed call that runs here, `undefined` outside of any. */
  current(): CurrentCall | undefined {
    return this.#frames.here().call;
  }

  /**
   * Makes an agent the one that acts where nobody else is named, for a host that
   * takes the kernel over. Fails with `KERNEL_TAKEN` when another agent already is the one.
   */
  attach(agent: string, context: () => CallContext = () => ({}), host: TakeOver = {}): Result<void> {
    if (this.#agent !== undefined && this.#agent.agent !== agent) {
      return fail('KERNEL_TAKEN', `this kernel acts for ${this.#agent.agent}`, { fix: 'name the agent when governing: kernel.govern(fn, { agent })' });
    }
    this.#agent = { agent, context };
    if (host.flight_recorder !== undefined) this.#journal = new Journal(this.#clock, host.flight_recorder);
    if (host.layers !== undefined) this.#layers.takeOver(host.layers);
    if (host.approvals !== undefined) this.#approvals = host.approvals;
    if (host.checkpoint !== undefined) this.#checkpoint = host.checkpoint;
    if (host.spendings !== undefined) this.#spendings.keepIn(host.spendings);
    if (host.limits !== undefined) this.#meter.keep(host.limits);
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
    return (...args) => this.#governed(functionCall(fn, options, args));
  }

  /** A governed tool. Throws like a function of {@link govern}. */
  tool<Input, Output>(init: ToolInit<Input, Output>): (input: Input) => Promise<Output> {
    return (input) => this.#governed(toolCall(init, input));
  }

  /** A governed way to send messages to one receiver. Throws like a function of {@link govern}. */
  message<Content, Reply>(init: MessageInit<Content, Reply>): (content: Content) => Promise<Reply> {
    return (content) => this.#governed(messageCall(init, content));
  }

  /** A governed model, whose tokens and cost are charged to the agent. Throws like a function of {@link govern}. */
  model<Prompt, Answer>(init: ModelInit<Prompt, Answer>): (prompt: Prompt) => Promise<Answer> {
    return (prompt) => this.#governed(modelCall(init, prompt));
  }

  async #governed<Input, Output>({ action, agent, ...call }: Formed<Input, Output>): Promise<Output> {
    const acting = agent ?? this.#frames.here().agent ?? this.#agent?.agent ?? default_agent;
    const result = await this.#pipeline.run({ ...call, agent: acting, action: action() });
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
    const frame = this.#frames.here();
    return this.#frames.run({ ...frame, scopes: [...frame.scopes, capabilities.value] }, fn);
  }

  /** What would be decided now. Records nothing, charges nothing, runs nothing. */
  decide(question: Question): Decision {
    const prepared = this.#arbiter.prepare(question, question.data);
    const refusal = this.#pipeline.refusal(question);
    return this.#arbiter.decide(prepared, this.#arbiter.terms(prepared), { entering: false, charge: false, expected: {}, refusal });
  }

  /** The same, with every rule that has a say: whether it holds, and which part of it does not. */
  explain(question: Question): Explained {
    const prepared = this.#arbiter.prepare(question, question.data);
    return { decision: this.decide(question), ...this.#arbiter.rules(prepared) };
  }

  /**
   * The pipeline. Fails with `KERNEL_DENIED`, `APPROVAL_REQUIRED` or another `APPROVAL_` code, `SCOPE_EXCEEDED`,
   * `AGENT_STOPPED`, `AGENT_KILLED`, `KERNEL_STOPPED`, `CALL_INVALID`, `KERNEL_OVERLOADED`, `BUDGET_EXCEEDED`,
   * `LOOP_DETECTED` (these before any effect), `AUDIT_UNAVAILABLE` (`detail.effect_ran` says on which side),
   * `CALL_ABORTED`, `EFFECT_FAILED` with what was thrown as its cause, or `OUTPUT_DENIED` and
   * `REDACTION_IMPOSSIBLE` for what must not be given on. Never throws.
   */
  run<T>(call: Call<T>): Promise<Result<Outcome<T>>> {
    return this.#pipeline.run({ ...call, data: call.data, entering: false });
  }

  /**
   * Signals an agent, with the authority of the host: whoever lets others signal asks for their capability first.
   * What the kernel does it does at once; a handler of the agent and the record follow.
   * Fails with `AGENT_KILLED`, `KERNEL_OVERLOADED`, or `AUDIT_UNAVAILABLE` when it acted but could not record.
   */
  signal(agent: string, signal: SignalName, why: SignalWhy = {}): Promise<Result<Delivered>> {
    return this.#delivery.deliver(agent, signal, why);
  }

  /** Sets what happens when an agent gets a signal. Fails with `SIGNAL_UNMASKABLE` and `KERNEL_OVERLOADED`. */
  onSignal(agent: string, signal: SignalName, disposition: Disposition): Result<void> {
    return this.#dispositions.set(agent, signal, disposition);
  }

  /** Ends the block of signals and delivers those that have waited. Fails as {@link signal} does. */
  unblock(agent: string, names: readonly SignalName[]): Promise<Result<readonly Delivered[]>> {
    return this.#delivery.unmask(agent, names);
  }

  /** Tells of every signal to any agent, until the returned function is called. Fails with `KERNEL_OVERLOADED`. */
  observeSignals(observer: Observer): Result<() => void> {
    return this.#delivery.observe(observer);
  }

  /** The newest signals of an agent, and those that wait behind its masks. */
  signalsOf(agent: string): { readonly past: readonly PastSignal[]; readonly pending: readonly SignalInfo[] } {
    return { past: this.#delivery.history(agent), pending: this.#dispositions.pending(agent) };
  }

  /** Adds to what an agent has used up, where that is known outside of its calls. Beyond its budget it gets SIGBUDGET. */
  spent(agent: string, usage: Usage): void {
    const over = this.#spendings.add(agent, usage, this.#arbiter.terms({ agent, context: {} }).budgets);
    if (over !== undefined) this.#delivery.raise(agent, 'SIGBUDGET', over.reason);
  }

  /** What an agent has used up. */
  spending(agent: string): Spending {
    return this.#spendings.of(agent);
  }

  /** The same, as it is to outlive this kernel; `undefined` where no budget was in force. */
  keptSpending(agent: string): KeptSpending | undefined {
    return this.#spendings.kept(agent);
  }

  /** The counters of rate limits that have changed since this was last asked, to outlive this kernel; those of short periods are left out. */
  countedLimits(): readonly Counter[] {
    return this.#meter.counted();
  }

  /** Gives an agent its whole budget anew. */
  resetSpending(agent: string): void {
    this.#spendings.reset(agent);
  }

  /** The policies of the host that it was built with. */
  get policies(): readonly Policy[] {
    return this.#layers.host;
  }

  /** Every policy that an agent is under at present, those of the highest layer first. */
  policiesOf(agent: string): readonly Policy[] {
    return this.#layers.of(agent).flat();
  }

  /**
   * Replaces a layer between two decisions: calls under way keep theirs, and each record names the policies
   * that it rests on. Of a kernel that a host has taken over it is the host's layer; `agent` says whose
   * policies the layer `agent` holds in any other.
   */
  replacePolicies(layer: PolicyLayer, policies: readonly Policy[], agent: string = default_agent): void {
    this.#layers.replace(layer, policies, agent);
  }

  /** The same for the layers of the organisations that a host follows, which has taken this kernel over. */
  replaceOrganisations(organisations: readonly (readonly Policy[])[]): void {
    this.#layers.replaceOrganisations(organisations);
  }

  /** Whether an agent may act, as its signals and the kernel's end leave it. */
  stateOf(agent: string): Standing['state'] {
    return this.#gate.standing(agent).state;
  }

  /** The same, with the reason. */
  standingOf(agent: string): Standing {
    return this.#gate.standing(agent);
  }

  /** Puts an agent back where signals of an earlier run have left it. Fails with `KERNEL_OVERLOADED`. */
  restore(agent: string, { state, reason }: Standing): Result<void> {
    if (state === 'running') return ok(undefined);
    const why = reason ?? 'as it was before';
    return state === 'killed' ? this.#gate.kill(agent, why) : this.#gate.stop(agent, why);
  }

  /** Ends every running call and refuses all that follow. */
  stop(reason = 'the kernel has stopped'): void {
    this.#gate.close(reason);
    this.#pipeline.end();
  }

  #nextCall(): string {
    this.#calls += 1;
    this.#call_prefix ??= toHex(this.#random.bytes(8));
    return `${this.#call_prefix}-${this.#calls}`;
  }
}
