/** Everything that decides about one call, and nothing that runs it: policies, budgets, loops, approvals. */
import { fail, messageOf, type Failure, type Result } from '../../crypto/result.ts';
import type { Json } from '../../crypto/canonical.ts';
import type { Clock } from '../../protocols/ports.ts';
import type { Spendings, Usage } from './budgets.ts';
import type { CallContext, Decision, LaterApproval, Question } from './call.ts';
import { decideCall, prepare, type Prepared } from './decide.ts';
import type { Frames } from './frames.ts';
import { isMeantFor, type PolicyLayers, type Terms } from './layers.ts';
import { fingerprintOf, type Loops } from './loops.ts';
import type { Meter } from './policy/limit.ts';
import { leastBudgets } from './budgets.ts';
import type { Budgets, LoopTerms } from './policy/policy.ts';
import { Scope } from './policy/scope.ts';
import { explainDecision, type Explanation } from './policy/trace.ts';
import type { Policy } from './guards.ts';
import type { ApprovalRecord, DecisionRecord } from './recorder.ts';
import type { Taints } from './taint.ts';

/** A call that a policy wants approved, as who approves is asked. */
export interface ApprovalQuestion {
  readonly call_id: string;
  readonly agent: string;
  readonly action: Json;
  /** What the grant is bound to, besides agent and action: SHA-256 of the RFC 8785 form of the payload, in hex. */
  readonly args_hash: string | null;
  /** The payload, for who approves to see. */
  readonly data: Json;
  /** Digests of the policies in force. */
  readonly policies: readonly string[];
  readonly policy: string | null;
  readonly rule: string | null;
  readonly reason: string;
  /** The peer at whose command the agent acts, if at one's. */
  readonly peer: string | null;
  /** Labels of what the agent has read. */
  readonly taint: readonly string[];
  /** How whoever sent it may take it up later; null where the call itself waits. */
  readonly later: LaterApproval | null;
  /** Unix milliseconds. */
  readonly time_ms: number;
}

/** That a call is approved: who says so, and under which name that stands. */
export type ApprovalGrant = ApprovalRecord;

/** Who is asked where a policy wants approval. */
export interface Approvals {
  /** Waits for a grant of exactly this call. Fails with a code of `APPROVAL_`, such as `APPROVAL_REFUSED` or `APPROVAL_TIMEOUT`. */
  decide(question: ApprovalQuestion, signal: AbortSignal): Promise<Result<ApprovalGrant>>;
}

/** A decision with its reasons. */
export interface Explained extends Pick<Explanation, 'rules' | 'nearest_miss'> {
  readonly decision: Decision;
}

/** What deciding uses. */
export interface ArbiterParts {
  readonly clock: Clock;
  readonly frames: Frames;
  readonly layers: PolicyLayers;
  readonly meter: Meter;
  readonly spendings: Spendings;
  readonly loops: Loops;
  readonly taints: Taints;
  readonly folder: string;
  /** Besides what policies say. */
  readonly budgets: Budgets;
  /** Where no policy says otherwise; `undefined` where nothing is a loop then. */
  readonly loop_terms: LoopTerms | undefined;
  approvals(): Approvals | undefined;
  /** What is known of an agent, before what its call brings. */
  contextOf(agent: string): CallContext | undefined;
  trustScore(agent: string): number | undefined;
}

/** How a call is asked about. */
export interface Asked {
  readonly entering: boolean;
  /** Whether limits, budgets and loops count it. */
  readonly charge: boolean;
  readonly expected: Usage;
  /** Why the agent may not act at all, if so. */
  readonly refusal: Failure | undefined;
  /** The grant that was given, and the decision that had asked for it. */
  readonly approved?: { readonly grant: ApprovalGrant; readonly asked: Decision };
}

/** A decision that refuses for a reason of the kernel's own. */
export function refusedDecision(stage: Decision['stage'], failure: Failure, { policies, args_hash }: Pick<Decision, 'policies' | 'args_hash'>): Decision {
  const { code, reason, fix } = failure;
  return {
    stage, code, policies, args_hash,
    verdict: { effect: 'deny', rule: null, policy: '', reason, ...(fix === undefined ? {} : { would_allow: fix }), obligations: [], errors: [], batched: false },
  };
}

/** Who decides. */
export class Arbiter {
  readonly #parts: ArbiterParts;

  constructor(parts: ArbiterParts) {
    this.#parts = parts;
  }

  /** Copies a call with everything that it inherits from where it is made. */
  prepare(question: Omit<Question, 'data'>, data: unknown): Prepared {
    const { frames, taints } = this.#parts;
    const { agent, unauthorised, problem = unauthorised, approval } = question;
    const frame = frames.here();
    const inherited = frame.agent === agent ? frame.context : undefined;
    // An agent that another calls knows what that one has read.
    const of_caller = frame.call === undefined || frame.call.agent === agent ? no_labels : taints.labels(frame.call.agent);
    const taint = labelsOf(taints.labels(agent), of_caller, frame.call?.labels ?? no_labels, question.context?.taint ?? no_labels);
    const context: CallContext = { ...this.#parts.contextOf(agent), ...inherited, ...question.context, taint };
    const trust_score = context.trust_score ?? this.#parts.trustScore(agent);
    // What the enclosing call was delegated is among its scopes already.
    const delegated = question.context?.delegation?.capabilities;
    return prepare({ agent, action: question.action, data, context, trust_score, scopes: frame.scopes, delegated, problem, approval });
  }

  /** A call that has waited, as its agent is now: what that has read meanwhile and how far it is trusted count. What has changed in the call itself is its problem. */
  renewed(prepared: Prepared, question: Omit<Question, 'data'>, data: unknown): Prepared {
    const now = this.prepare(question, data);
    const is_same = now.args_hash === prepared.args_hash && JSON.stringify(now.request.action) === JSON.stringify(prepared.request.action);
    return is_same ? now : { ...prepared, problem: { code: 'CALL_CHANGED', reason: 'the call was changed while it waited for approval', fix: 'leave it alone until it is over' } };
  }

  /** The layers of an agent, highest first. */
  layers(agent: string): readonly (readonly Policy[])[] {
    return this.#parts.layers.of(agent);
  }

  /** Every rule in force for a call, and why it holds or not. */
  rules({ agent, context, request }: Prepared): Omit<Explained, 'decision'> {
    const { layers, folder, meter } = this.#parts;
    const in_force = layers.of(agent).map((layer) => layer.filter((policy) => isMeantFor(policy, agent, context.agent_name)));
    const { rules, nearest_miss } = explainDecision(in_force, new Scope(request, folder), meter);
    return { rules, nearest_miss };
  }

  /** What an agent may use up now, and what counts as a loop of it. */
  terms({ agent, context }: Pick<Prepared, 'agent' | 'context'>): Terms {
    const { layers, budgets, loop_terms } = this.#parts;
    const said = layers.terms(agent, context.agent_name);
    return { budgets: leastBudgets([said.budgets, budgets]), loops: said.loops ?? loop_terms };
  }

  /** The budget that the next call of an agent would go beyond, if so: `BUDGET_EXCEEDED`. */
  overspent(agent: string): Failure | undefined {
    return this.#parts.spendings.refusal(agent, {}, this.terms({ agent, context: this.#parts.contextOf(agent) ?? {} }).budgets);
  }

  /** Decides. What is allowed is counted, unless the question is only what would happen. */
  decide(prepared: Prepared, terms: Terms, { entering, charge, expected, refusal, approved }: Asked): Decision {
    const { layers, meter, folder, spendings } = this.#parts;
    const judged = decideCall(prepared, { layers: layers.of(prepared.agent), meter, refusal, folder, entering, charge, approved: approved !== undefined });
    const decision = approved === undefined ? judged : withGrant(judged, approved);
    if (decision.code !== null) return decision;
    const over = spendings.refusal(prepared.agent, expected, terms.budgets);
    if (over !== undefined) return refusedDecision('budget', over, decision);
    const loop = charge ? this.#loop(prepared, terms.loops) : undefined;
    return loop === undefined ? decision : refusedDecision('loop', loop, decision);
  }

  /** Asks for approval, where somebody can be asked. Fails with a code of `APPROVAL_`, or `CALL_ABORTED`. */
  approval({ record, data, later, signal }: { readonly record: DecisionRecord; readonly data: Json; readonly later: LaterApproval | undefined; readonly signal: AbortSignal }): (() => Promise<Result<ApprovalGrant>>) | undefined {
    const approvals = this.#parts.approvals();
    if (approvals === undefined) return undefined;
    const { call_id, agent, action, args_hash, policies, policy, rule, reason, peer, taint, time_ms } = record;
    return () => new Promise((resolve) => {
      const given_up = (): void => resolve(fail('CALL_ABORTED', `the call was given up: ${messageOf(signal.reason)}`));
      if (signal.aborted) return given_up();
      signal.addEventListener('abort', given_up, { once: true });
      const ask = async (): Promise<Result<ApprovalGrant>> => await approvals.decide({ call_id, agent, action, args_hash, data, policies, policy, rule, reason, peer, taint, later: later ?? null, time_ms }, signal);
      ask()
        .catch((error: unknown) => fail('APPROVAL_UNAVAILABLE', `approval cannot be asked for: ${messageOf(error)}`, { cause: error }))
        .finally(() => signal.removeEventListener('abort', given_up))
        .then(resolve, () => undefined);
    });
  }

  #loop({ agent, args_hash, context, request }: Prepared, terms: LoopTerms | undefined): Failure | undefined {
    const { loops, clock, frames } = this.#parts;
    // How often others ask is theirs to answer for, and limits are there for it.
    if (terms === undefined || (context.peer !== undefined && frames.here().call === undefined)) return undefined;
    const found = loops.note(agent, fingerprintOf(request.action ?? null, args_hash), clock.now(), terms);
    return found === undefined ? undefined : { code: 'LOOP_DETECTED', reason: `${agent} goes round in circles: ${found}`, fix: 'SIGCONT lets it go on; loops of a policy, or of the kernel, say what counts as one' };
  }
}

const no_labels: readonly string[] = [];

function labelsOf(own: readonly string[], ...brought: readonly (readonly string[])[]): readonly string[] {
  return brought.every(({ length }) => length === 0) ? own : [...new Set([...own, ...brought.flat()])];
}

/** A grant lets pass what was asked about under the very policies that it was asked under, and no other rule that wants approval meanwhile. */
function withGrant(decision: Decision, { grant, asked }: NonNullable<Asked['approved']>): Decision {
  const { verdict, policies } = decision;
  const is_asked = verdict.effect === 'require_approval' && verdict.rule === asked.verdict.rule && verdict.policy === asked.verdict.policy;
  if (!is_asked || policies.join() !== asked.policies.join()) return decision;
  return { ...decision, code: null, verdict: { ...verdict, effect: 'allow', reason: `approved by ${grant.by}: ${verdict.reason}` } };
}
