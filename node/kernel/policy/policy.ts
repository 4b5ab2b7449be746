import type { Capability } from '../../../crypto/capability.ts';
import type { Condition } from './compile.ts';
import type { RateLimit } from './limit.ts';
import type { PolicyIndex } from './rule-index.ts';

/** What a rule does when its condition holds. `observe` only adds obligations, `limit` denies beyond its rate. */
export type RuleEffect = 'allow' | 'deny' | 'require_approval' | 'limit' | 'observe';

/** What must happen besides. */
export type Obligation = 'warn' | 'log' | 'redact' | 'audit';

/** The execution tiers that hold an agent, weakest first: the place in the list is `sandbox.level`. */
export const sandbox_tiers = ['none', 'quickjs', 'process', 'bwrap'] as const;

/** What an agent may use up: calls, tokens, cost in the unit that its reports use, running time of its calls. */
export interface Budgets {
  readonly calls?: number;
  readonly tokens?: number;
  readonly cost?: number;
  readonly wall_time_ms?: number;
}

/** How often one action with the same arguments may come again within a time. */
export interface LoopTerms {
  readonly repeats: number;
  readonly window_ms: number;
}

/** A signal that a rule raises when it decides. */
export type RaisedSignal = 'SIGSTOP' | 'SIGKILL';

/** A compiled rule. */
export interface Rule {
  readonly name: string;
  /** Where it stands in the document: the keys from the top. */
  readonly place: readonly (string | number)[];
  /** Of the file it was read from, counted from 1. */
  readonly line?: number;
  /** What the kernel does to the agent besides denying. */
  readonly signal?: RaisedSignal;
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
  /** `shadow`: what it would decide is recorded, and changes nothing. */
  readonly mode: 'enforce' | 'shadow';
  /** The language of its conditions. */
  readonly conditions: 'policy' | 'cel';
  readonly strict: boolean;
  /** Beyond them the kernel raises SIGBUDGET. */
  readonly budgets?: Budgets;
  /** Beyond them the kernel raises SIGLOOP. */
  readonly loops?: LoopTerms;
  /** The only agent that the policy is for, by DID or name. */
  readonly agent?: string;
  readonly sponsor?: string;
  /** What an action that names a resource must be covered by. */
  readonly capabilities?: readonly string[];
  /** The same, parsed. */
  readonly granted?: readonly Capability[];
  readonly frameworks: readonly string[];
  readonly delegation?: DelegationTerms;
  readonly rules: readonly Rule[];
  /** What the author should know. */
  readonly warnings: readonly PolicyWarning[];
  /** Whose it is, in words; absent where it is the host's own. Asked only when it denies. */
  readonly origin?: () => string;
  /** Finds the rules that can hold for a request: the others need not be tried. */
  readonly candidates: PolicyIndex;
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
  /** For a denial by policies of an organisation: what shows them. */
  readonly fix?: string;
  /** Sorted, without duplicates. */
  readonly obligations: readonly Obligation[];
  /** That a rate limit denied. */
  readonly limited?: true;
  /** When one more would pass. */
  readonly retry_after_ms?: number;
  /** That every layer's deciding rule lets the record wait for a batch. */
  readonly batched: boolean;
  readonly errors: readonly PolicyError[];
  /** What a rule that denies does to the agent besides; the gravest where there are several. */
  readonly signal?: RaisedSignal;
  /** What the verdict would be if a policy in shadow mode were enforced; absent where there is none. */
  readonly shadow?: readonly ShadowVerdict[];
}

/** What a policy in shadow mode would change a verdict to, or leave it at. */
export interface ShadowVerdict {
  readonly policy: string;
  readonly digest: string;
  readonly effect: Verdict['effect'];
  /** The rule that would decide; null where it would be the absence of one. */
  readonly rule: string | null;
}
