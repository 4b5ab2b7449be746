import { isFields, type Json } from '../../crypto/canonical.ts';
import { FailureError, type Failure, type Result } from '../../crypto/result.ts';
import type { Usage } from './budgets.ts';
import type { OutputType } from './output.ts';
import type { Verdict } from './policy/policy.ts';
import type { DelegationContext, SandboxTier } from './recorder.ts';

/** What an agent wants to do. `type` is what policies look at first; with `resource` it is the capability `type:resource`. */
export interface Action {
  readonly type: string;
  readonly resource?: string;
  readonly tool?: string;
  readonly [name: string]: Json | undefined;
}

/** Whether JSON of an agent is an action: fields with a type, which is all that every rule needs. */
export function isAction<T>(value: T): value is T & Action {
  return isFields(value) && typeof value['type'] === 'string';
}

/** What is known about who acts, from whoever verified it. Never the agent's own claim. */
export interface CallContext {
  /** 0 to 1000, as this host sees the agent. */
  readonly trust_score?: number;
  readonly sponsor?: string;
  readonly delegation?: DelegationContext;
  /** The network peer that the call came from. */
  readonly peer?: string;
  /** The name under which policies may speak of the agent. */
  readonly agent_name?: string;
  /** What holds the agent; `none` where absent. */
  readonly sandbox?: SandboxTier;
  /** Labels of what it has read. */
  readonly taint?: readonly string[];
}

/** A call without its effect: enough to ask what would be decided. */
export interface Question {
  /** DID or local name. */
  readonly agent: string;
  readonly action: Action;
  /** Arguments or payload. */
  readonly data?: Json;
  readonly context?: CallContext;
  /** What whoever brings the call already found wrong with it: a denial at stage `call` under its code, recorded like any other. */
  readonly problem?: Failure;
  /** Why who sends it has no authority for it: a problem that is told in whatever state the agent is, and nothing of that state. */
  readonly unauthorised?: Failure;
  /** Who wants it approved besides the policies, and why: what they allow waits for that then. */
  readonly approval?: WantedApproval;
}

/** That a call must be approved whatever the policies say, in the words of whoever wants it. */
export interface WantedApproval {
  readonly rule: string;
  readonly policy: string;
  readonly reason: string;
}

/** That whoever brings a call can bring it again. */
export interface LaterApproval {
  /** The request for approval that the same call began earlier; null where this one is the first. */
  readonly request: string | null;
}

/** What becomes of a value before it is given on. */
export interface OutputTerms<T> {
  /** The `action.type` under which rules look at it. */
  readonly type: OutputType;
  /** Told what is given on, redacted where a rule wants it so, before the outcome is recorded. */
  readonly given?: (value: T) => void;
  /** The part that rules look at; all of it by default. */
  readonly look?: (value: T) => unknown;
  /** Redacts that part where more than plain data comes back. */
  readonly mend?: (value: T, redact: <Part>(part: Part) => Result<Part>) => Result<T>;
}

/** A call to be governed. */
export interface Call<T> extends Question {
  /** Gets the payload too: as it was given, or as plain data without what a policy has redacted. */
  readonly effect: (signal: AbortSignal, data: Json | undefined) => Promise<T>;
  /** Whether and how rules look at what comes back. */
  readonly output?: OutputTerms<T>;
  /** What it is expected to use of the agent's budgets. */
  readonly expected?: Usage;
  /** What it has really used, from what came back. */
  readonly usage?: (value: T) => Usage | undefined;
  /** The labels that its agent carries after it, because of what it has read by it. */
  readonly taints?: readonly string[];
  /** Whether the decision must be durable before the effect; a policy may relax it too, and its audit obligation wins. */
  readonly audit?: 'durable' | 'batched';
  /** Handed to the flight recorder with the decision, and again with the outcome. */
  readonly attach?: unknown;
  /** Where it can be brought again, it is not held open while it waits for approval. */
  readonly later?: LaterApproval;
  /** The caller's own way to give up. */
  readonly signal?: AbortSignal;
}

/** What the kernel decided, and at which stage of the pipeline. */
export interface Decision {
  readonly stage: 'call' | 'signals' | 'scope' | 'policy' | 'budget' | 'loop' | 'approval' | 'output';
  readonly verdict: Verdict;
  /** The stable code of a denial; null when allowed. */
  readonly code: string | null;
  /** Digests of the policies that were in force. */
  readonly policies: readonly string[];
  readonly args_hash: string | null;
}

/** A call that was allowed and done. */
export interface Outcome<T> {
  readonly value: T;
  readonly decision: Decision;
  readonly call_id: string;
  /** Index of the decision's record. */
  readonly index: number;
}

/** Thrown by governed functions where the kernel refused: a {@link FailureError} that names the rule. */
export class Denied extends FailureError {
  constructor(failure: Failure) {
    super(failure);
    this.name = 'Denied';
  }

  /** The rule that denied, null when it was the absence of one. */
  get rule(): string | null {
    const rule = this.failure.detail?.['rule'];
    return typeof rule === 'string' ? rule : null;
  }

  /** Why, in words. */
  get reason(): string {
    return this.failure.reason;
  }
}
