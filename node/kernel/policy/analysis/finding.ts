import type { PolicyRequest } from '../scope.ts';

/** Codes of findings. They are stable. */
export type FindingCode =
  | 'RULE_NEVER_MATCHES' | 'RULE_SHADOWED' | 'RULE_DUPLICATE' | 'RULE_WITHOUT_EFFECT' | 'LIMIT_UNREACHED'
  | 'ALLOWS_EVERYTHING' | 'DENIES_EVERYTHING' | 'SCALE_MISTAKEN' | 'KIND_MISTAKEN' | 'VALUE_UNKNOWN' | 'ATTRIBUTE_UNKNOWN' | 'CONDITION_REPEATED' | 'POLICY_REMARK' | 'ANALYSIS_INCOMPLETE';

/** What was found out about a policy. */
export interface Finding {
  readonly code: FindingCode;
  /** An error is a mistake for certain; a warning is one unless it is meant; a note is good to know. */
  readonly severity: 'error' | 'warning' | 'note';
  /** The rule that it is about; absent for the whole policy. */
  readonly rule?: string;
  /** The other rules that explain it. */
  readonly others?: readonly string[];
  readonly remark: string;
  readonly fix: string;
  /** A request that shows it. */
  readonly request?: PolicyRequest;
}
