import type { Json } from '../../crypto/canonical.ts';
import { FailureError, type Failure } from '../../crypto/result.ts';
import type { Verdict } from './policy/policy.ts';
import type { DelegationContext } from './recorder.ts';

/** What an agent wants to do. `type` is what policies look at first; with `resource` it is the capability `type:resource`. */
export interface Action {
  readonly type: string;
  readonly resource?: string;
  readonly tool?: string;
  readonly [name: string]: Json | undefined;
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
}

/** A call without its effect: enough to ask what would be decided. */
export interface Question {
  /** DID or local name. */
  readonly agent: string;
  readonly action: Action;
  /** Arguments or payload. */
  readonly data?: Json;
  readonly context?: CallContext;
}

/** A call to be governed. */
export interface Call<T> extends Question {
  readonly effect: (signal: AbortSignal) => Promise<T>;
  /** Whether the decision must be durable before the effect; a policy may relax it too, and its audit obligation wins. */
  readonly audit?: 'durable' | 'batched';
  /** Handed to the flight recorder with the decision, and again with the outcome. */
  readonly attach?: unknown;
  /** The caller's own way to give up. */
  readonly signal?: AbortSignal;
}

/** What the kernel decided, and at which stage of the pipeline. */
export interface Decision {
  readonly stage: 'call' | 'signals' | 'scope' | 'policy';
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
