import type { Condition } from './compile.ts';
import type { RateLimit } from './limit.ts';
import type { Scope } from './scope.ts';

/** What a rule does when its condition holds. `observe` only adds obligations, `limit` denies beyond its rate. */
export type RuleEffect = 'allow' | 'deny' | 'require_approval' | 'limit' | 'observe';

/** What must happen besides. */
export type Obligation = 'warn' | 'log' | 'redact' | 'audit';

/** A compiled rule. */
export interface Rule {
  readonly name: string;
  readonly effect: RuleEffect;
  readonly condition: Condition;
  /** Which of several deciding rules is reported; it never changes the verdict. */
  readonly priority: number;
  readonly obligations: readonly Obligation[];
  /** The author's own words for the reason. */
  readonly message?: string;
  /** For effect `limit`, and for `allow` with a rate. */
  readonly limit?: RateLimit;
  /** That a decision by this rule may be acknowledged before it is durable. */
  readonly batched: boolean;
}

/** The `delegation` block. */
export interface DelegationTerms {
  readonly allow: boolean;
  readonly max_depth?: number;
  readonly must_narrow: boolean;
}

/** A policy ready to decide. */
export interface CompiledPolicy {
  readonly name: string;
  /** SHA-256 of the RFC 8785 form of the document, in hex: names exactly this policy in every record. */
  readonly digest: string;
  /** A guard only narrows: where nothing but guards is in force, what none of them denies is allowed. */
  readonly kind: 'file' | 'guard';
  readonly strict: boolean;
  /** The only agent that the policy is for, by DID or name. */
  readonly agent?: string;
  readonly sponsor?: string;
  /** What an action that names a resource must be covered by. */
  readonly capabilities?: readonly string[];
  readonly frameworks: readonly string[];
  readonly delegation?: DelegationTerms;
  readonly rules: readonly Rule[];
  /** What the author should know. */
  readonly warnings: readonly PolicyWarning[];
  /** The rules that can hold for the request: the others need not be tried. */
  candidates(scope: Scope): Iterable<Rule>;
}

/** A remark on a policy that loads. */
export interface PolicyWarning {
  readonly rule: string;
  readonly remark: string;
}

/** A rule that could not be evaluated, and was read against the caller. */
export interface PolicyError {
  readonly policy: string;
  readonly rule: string;
  readonly reason: string;
}

/** What the policies say about a request. */
export interface Verdict {
  readonly effect: 'allow' | 'deny' | 'require_approval';
  /** The rule that decided; null when it was the absence of one. */
  readonly rule: string | null;
  /** The name of the policy that decided; empty when there is none. */
  readonly policy: string;
  /** In words, with the part of the condition that decided. */
  readonly reason: string;
  /** For a default denial: the nearest miss. */
  readonly would_allow?: string;
  /** Sorted, without duplicates. */
  readonly obligations: readonly Obligation[];
  /** That a rate limit denied. */
  readonly limited?: true;
  /** When one more would pass. */
  readonly retry_after_ms?: number;
  /** That every layer's deciding rule lets the record wait for a batch. */
  readonly batched: boolean;
  readonly errors: readonly PolicyError[];
}
