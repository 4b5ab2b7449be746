/**
 * Calls that are decided here and done by a program of the agent: the governed
 * effect stays open from the decision on until the program reports what came of
 * it, once. What nobody reports in time has failed.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Json } from '../../crypto/canonical.ts';
import { fail, FailureError, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Clock } from '../../protocols/ports.ts';
import type { PendingApproval } from '../approvals.ts';
import { Attachment } from '../flight-recorder.ts';
import type { Action, Decision, Outcome, Usage } from '../kernel/index.ts';
import type { Caller } from './caller.ts';
import { calls_max, open_calls_max, open_calls_per_agent_max, outcome_ms_max } from './limits.ts';

/** What a program asks. */
export interface AskedCall {
  readonly action: Action;
  readonly data?: Json;
  /** What it expects to use. */
  readonly usage?: Usage;
}

/** What came of a call, as its program says. */
export interface Report {
  readonly status: 'done' | 'failed';
  readonly result?: Json;
  /** SHA-256 of a result that is not handed in, in hex. */
  readonly result_hash?: string;
  readonly usage?: Usage;
  readonly reason?: string;
}

/** How a call stands. */
export interface CallStatus {
  /** Null where nothing was recorded. */
  readonly call_id: string | null;
  readonly state: 'decided' | 'waiting' | 'open' | 'done' | 'failed' | 'aborted' | 'refused';
  readonly effect: 'allow' | 'deny' | 'require_approval';
  readonly stage: string;
  readonly code: string | null;
  readonly rule: string | null;
  readonly policy: string | null;
  readonly reason: string;
  readonly would_allow: string | null;
  readonly obligations: readonly string[];
  /** Where the decision stands in the audit log. */
  readonly index: number | null;
  /** What to use instead of the given data: not null where a policy has redacted them. */
  readonly data: Json;
  readonly approval: { readonly id: string; readonly approvers: readonly string[]; readonly expires_ms: number } | null;
}

/** What came of a report. */
export interface Recorded {
  readonly call_id: string;
  readonly index: number | null;
  readonly status: 'done' | 'failed';
  /** The result as policies let it be given on. */
  readonly result: Json;
}

/** What keeping calls uses. */
export interface OpenCallsParts {
  readonly clock: Clock;
  /** Tells of every call that begins to wait for approval. */
  onPending(listener: (pending: PendingApproval) => void): () => void;
}

/** What lasts no longer than the call: what it brings may be large, and many calls are remembered. */
interface Effect {
  readonly settling: PromiseWithResolvers<Json>;
  usage: Usage | undefined;
  outcome: Promise<Result<Outcome<Json>>>;
}

interface KeptCall {
  readonly agent: string;
  /** Resolves when there is something to tell. */
  readonly told: PromiseWithResolvers<void>;
  status: CallStatus;
  /** Absent once the call is over. */
  effect: Effect | undefined;
}

/** A call that the kernel has let begin. */
interface Begun {
  readonly call_id: string;
  readonly attach: Attachment | undefined;
  readonly signal: AbortSignal;
  readonly data: Json | undefined;
}

const undecided: CallStatus = {
  call_id: null, state: 'waiting', effect: 'require_approval', stage: 'call', code: null, rule: null, policy: null, reason: 'it is being decided', would_allow: null, obligations: [], index: null, data: null, approval: null,
};

/** A decision as it is told. */
export function decisionStatus({ stage, verdict, code }: Decision): CallStatus {
  const { effect, rule, policy, reason, would_allow, obligations } = verdict;
  return { ...undecided, state: 'decided', effect, stage, code, rule, policy: policy === '' ? null : policy, reason, would_allow: would_allow ?? null, obligations };
}

function textIn(detail: Failure['detail'], name: string): string | null {
  const value = detail?.[name];
  return typeof value === 'string' ? value : null;
}

function refusedStatus({ code, reason, fix, detail }: Failure, before: CallStatus): CallStatus {
  const index = detail?.['index'];
  return {
    ...before, state: 'refused', effect: 'deny', stage: textIn(detail, 'stage') ?? before.stage, code, reason, would_allow: fix ?? null,
    rule: textIn(detail, 'rule'), policy: textIn(detail, 'policy'), call_id: textIn(detail, 'call_id') ?? before.call_id, index: typeof index === 'number' ? index : before.index,
  };
}

/** The calls of the programs of this host. */
export class OpenCalls {
  readonly #parts: OpenCallsParts;
  readonly #calls = new Map<string, KeptCall>();
  readonly #asking = new AsyncLocalStorage<KeptCall>();
  readonly #open = new Set<KeptCall>();
  readonly #forget: () => void;

  constructor(parts: OpenCallsParts) {
    this.#parts = parts;
    // The desk tells it where the call is made, so no other call can be meant.
    this.#forget = parts.onPending((pending) => this.#waits(pending));
  }

  /** Calls whose outcome is not recorded yet. */
  get open(): number {
    return this.#open.size;
  }

  /** Gives up every call. */
  close(): void {
    this.#forget();
    for (const { effect } of this.#open) effect?.settling.reject(new Error('the sidecar was closed before the outcome was recorded'));
  }

  /**
   * Decides and records a call, and holds it open until {@link record}. A refusal is a status too.
   * Fails with `CALLS_OVERLOADED`, `AUDIT_UNAVAILABLE` or `AGENT_KILLED`.
   */
  async reserve(caller: Caller, asked: AskedCall): Promise<Result<CallStatus>> {
    const { identity: { did } } = caller.agent;
    const of_agent = [...this.#open].filter(({ agent }) => agent === did).length;
    if (of_agent >= open_calls_per_agent_max || this.#open.size >= open_calls_max || !this.#hasRoom()) return fail('CALLS_OVERLOADED', `${of_agent} calls of this agent, and ${this.#open.size} of all, have no outcome yet`, { fix: 'record the outcome of some of them' });
    const effect: Effect = { settling: Promise.withResolvers(), usage: asked.usage, outcome: Promise.resolve(fail('CALL_UNKNOWN', 'not decided')) };
    const call: KeptCall = { agent: did, told: Promise.withResolvers(), status: undecided, effect };
    // Whoever awaits the effect hears of it; before that nobody does.
    effect.settling.promise.catch(() => undefined);
    this.#open.add(call);
    effect.outcome = this.#run(caller, call, effect, asked);
    const ended = effect.outcome.then((outcome) => this.#ended(call, outcome));
    await Promise.race([call.told.promise, ended]);
    const outcome = call.status.state === 'refused' ? await effect.outcome : undefined;
    return outcome?.ok === false && (outcome.failure.code === 'AUDIT_UNAVAILABLE' || outcome.failure.code === 'AGENT_KILLED') ? outcome : ok(call.status);
  }

  /** How a call of an agent stands. Fails with `CALL_UNKNOWN`. */
  status(caller: Caller, call_id: string): Result<CallStatus> {
    const call = this.#calls.get(call_id);
    return call === undefined || call.agent !== caller.agent.identity.did ? unknown() : ok(call.status);
  }

  /** Takes what came of a call, once. Fails with `CALL_UNKNOWN`, `CALL_WAITING`, `CALL_RECORDED`, or as the kernel does for what must not be given on. */
  async record(caller: Caller, call_id: string, report: Report): Promise<Result<Recorded>> {
    const call = this.#calls.get(call_id);
    if (call === undefined || call.agent !== caller.agent.identity.did) return unknown();
    const { status: { state }, effect } = call;
    if (state === 'waiting') return fail('CALL_WAITING', 'the call is not approved yet', { fix: `GET /v1/calls/${call_id} until it is open` });
    if (state !== 'open' || effect === undefined) return fail('CALL_RECORDED', `the outcome of this call stands already: ${state}`, { fix: 'decide about a new call' });
    call.status = { ...call.status, state: report.status };
    effect.usage = report.usage ?? effect.usage;
    if (report.status === 'done') effect.settling.resolve(report.result_hash === undefined ? report.result ?? null : { sha256: report.result_hash });
    else effect.settling.reject(new Error(report.reason ?? 'the program gave no reason'));
    const outcome = await effect.outcome;
    if (outcome.ok) return ok({ call_id, index: outcome.value.index, status: 'done', result: outcome.value.value });
    if (outcome.failure.code !== 'EFFECT_FAILED') return outcome;
    return ok({ call_id, index: call.status.index, status: 'failed', result: null });
  }

  #run(caller: Caller, call: KeptCall, effect: Effect, asked: AskedCall): Promise<Result<Outcome<Json>>> {
    const { agent: { identity: { did }, kernel }, tier } = caller;
    // A stopped agent that goes on asking is recorded once for many; what has an attachment is recorded each time.
    const attach = kernel.stateOf(did) === 'running' ? new Attachment([], () => Promise.resolve([])) : undefined;
    // Within the caller's own context, which would replace this one.
    return caller.act(() => this.#asking.run(call, () => kernel.run<Json>({
      agent: did, action: asked.action, context: { sandbox: tier },
      ...(asked.data === undefined ? {} : { data: asked.data }),
      ...(asked.usage === undefined ? {} : { expected: asked.usage }),
      ...(attach === undefined ? {} : { attach }),
      usage: () => effect.usage,
      output: { type: 'tool_result' },
      effect: (signal, data) => this.#held(call, effect.settling, {
        call_id: kernel.current()?.call_id ?? '', attach, data,
        signal: caller.over === undefined ? signal : AbortSignal.any([signal, caller.over]),
      }),
    })));
  }

  async #held(call: KeptCall, settling: Effect['settling'], begun: Begun): Promise<Json> {
    const { call_id, attach, signal, data } = begun;
    const decision = attach?.decided?.decision;
    this.#keep(call_id, call);
    const redacted = decision?.obligations.includes('redact') === true;
    call.status = {
      ...undecided, call_id, state: 'open', effect: 'allow', stage: 'policy', rule: decision?.rule ?? null, policy: decision?.policy ?? null, reason: decision?.reason ?? 'allowed',
      obligations: decision?.obligations ?? [], index: attach?.decided?.index ?? null, data: redacted ? data ?? null : null, approval: call.status.approval,
    };
    call.told.resolve();
    const cancel = this.#parts.clock.after(outcome_ms_max, () => settling.reject(new Error(`nobody recorded its outcome within ${outcome_ms_max} ms`)));
    const aborted = (): void => settling.reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
    try {
      return await settling.promise;
    } finally {
      cancel();
      signal.removeEventListener('abort', aborted);
    }
  }

  #waits({ id, call_id, approvers, expires_ms, rule, policy, reason }: PendingApproval): void {
    const call = this.#asking.getStore();
    if (call === undefined || call.status !== undecided) return;
    call.status = { ...undecided, call_id, stage: 'policy', code: 'APPROVAL_REQUIRED', rule, policy, reason, approval: { id, approvers, expires_ms } };
    this.#keep(call_id, call);
    call.told.resolve();
  }

  #ended(call: KeptCall, outcome: Result<Outcome<Json>>): void {
    this.#open.delete(call);
    call.effect = undefined;
    const { state } = call.status;
    if (outcome.ok) call.status = { ...call.status, state: 'done', index: outcome.value.index };
    // Whatever its program has said of it: this is how it stands in the log.
    else if (state !== 'waiting') call.status = { ...call.status, state: outcome.failure.code === 'CALL_ABORTED' ? 'aborted' : 'failed', code: outcome.failure.code, reason: outcome.failure.reason };
    else {
      const cause = outcome.failure.cause instanceof FailureError ? outcome.failure.cause.failure : outcome.failure;
      call.status = refusedStatus(cause, call.status);
      if (call.status.call_id !== null) this.#keep(call.status.call_id, call);
    }
    call.status = { ...call.status, data: null };
  }

  #keep(call_id: string, call: KeptCall): void {
    this.#calls.set(call_id, call);
  }

  /** Makes room by forgetting the oldest call that is over. */
  #hasRoom(): boolean {
    if (this.#calls.size < calls_max) return true;
    for (const [call_id, call] of this.#calls) {
      if (this.#open.has(call)) continue;
      this.#calls.delete(call_id);
      return true;
    }
    return false;
  }
}

function unknown(): Result<never> {
  return fail('CALL_UNKNOWN', 'no call of this agent is kept under this id', { fix: 'POST /v1/decide with reserve: true, and use the call_id that comes back' });
}
