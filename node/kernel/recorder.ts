import type { Json } from '../../crypto/canonical.ts';
import { ok, type Failure, type Result } from '../../crypto/result.ts';
import type { PolicyError, sandbox_tiers, ShadowVerdict, Verdict } from './policy/policy.ts';

/** The delegation under which a call acts, as the verifier of the chain found it. */
export interface DelegationContext {
  /** The sponsor at the root of the chain. */
  readonly root: string;
  /** Links in the chain. */
  readonly depth: number;
  /** What the last link permits. */
  readonly capabilities: readonly string[];
  /** SHA-256 of the last link's token, base64url: the name of the whole chain. Absent where a program states a delegation without one. */
  readonly chain?: string;
}

/** What holds an agent that does not cooperate. */
export type SandboxTier = (typeof sandbox_tiers)[number];

/**
 * Whether an agent could act around the kernel. `isolated`: it has no way to the
 * host but the calls that the kernel governs. `cooperative`: the same process, or
 * one that is limited in time and memory alone, can open files and sockets of its own.
 */
export function enforcementOf(tier: SandboxTier): DecisionRecord['enforcement'] {
  return tier === 'quickjs' || tier === 'bwrap' ? 'isolated' : 'cooperative';
}

/** Characters of a reason in a record. */
export const record_reason_characters_max = 2_000;

/** A text as it can stand in a record, whoever wrote it: bounded, and with a UTF-8 form. */
export function recordedText(text: string): string {
  return text.length <= record_reason_characters_max && text.isWellFormed() ? text : text.slice(0, record_reason_characters_max).toWellFormed();
}

/** Who let a call pass that a policy wanted approved. */
export interface ApprovalRecord {
  /** Of the grant, so that it can be found and cannot be used twice. */
  readonly id: string;
  /** DID of who granted it. */
  readonly by: string;
  /** The signed word itself, where it was given with one. */
  readonly token?: string;
}

/** What is written before the effect of a call. JSON values only, nothing undefined. */
export interface DecisionRecord {
  readonly kind: 'decision';
  readonly call_id: string;
  readonly agent: string;
  readonly action: Json;
  /** SHA-256 of the RFC 8785 form of the payload, in hex; null when the payload could not be read. */
  readonly args_hash: string | null;
  /** Digests of the policies that were in force. */
  readonly policies: readonly string[];
  readonly verdict: Verdict['effect'];
  /** The stable code of a denial. */
  readonly code: string | null;
  readonly rule: string | null;
  readonly policy: string | null;
  readonly reason: string;
  readonly obligations: readonly string[];
  readonly errors: readonly PolicyError[];
  /** The scopes that the call ran in, outermost first; empty when it was in none. */
  readonly scope: readonly (readonly string[])[];
  /** 0 to 1000. */
  readonly trust_score: number | null;
  readonly sponsor: string | null;
  readonly peer: string | null;
  readonly delegation: DelegationContext | null;
  /** Unix milliseconds. */
  readonly time_ms: number;
  /** What holds the agent if it does not cooperate. */
  readonly sandbox: SandboxTier;
  readonly enforcement: 'cooperative' | 'isolated';
  /** The labels of what the agent has read, in the order in which they were put on. */
  readonly taint: readonly string[];
  /** The grant under which a call was let pass that a policy wanted approved. */
  readonly approval?: ApprovalRecord;
  /** What the verdict would have been with each policy in shadow mode enforced; absent where there was none. */
  readonly shadow?: readonly ShadowVerdict[];
  /** That the record stands for so many refusals alike, which were not recorded one by one. */
  readonly repeated?: number;
  /** Whether the record was durable before the effect, or waited for the next batch. */
  readonly audit: 'durable' | 'batched';
}

/** What is written after the effect of a call. JSON values only, nothing undefined. */
export interface OutcomeRecord {
  readonly kind: 'outcome';
  readonly call_id: string;
  readonly agent: string;
  /** Index of the decision's record. */
  readonly decision: number;
  readonly status: 'done' | 'failed' | 'aborted';
  /** Why it did not get done. */
  readonly reason: string | null;
  /** SHA-256 of the RFC 8785 form of what came back, in hex; null when there is no such form. */
  readonly result_hash: string | null;
  /** Unix milliseconds. */
  readonly time_ms: number;
  readonly duration_ms: number;
  readonly audit: 'durable' | 'batched';
}

/**
 * Keeps every decision before its effect and every outcome after it. `attach`
 * is the caller's own data, for a recorder that stores it in the same batch.
 */
export interface FlightRecorder {
  /** Why nothing can be recorded at present, if so: asked before an effect whose decision is not waited for. */
  unavailable(): Failure | undefined;
  decision(record: DecisionRecord, attach?: unknown): Promise<Result<{ readonly index: number }>>;
  outcome(record: OutcomeRecord, attach?: unknown): Promise<Result<{ readonly index: number }>>;
}

/** Which records to give: between two times (Unix milliseconds, inclusive), of one verdict or kind, and how many of the newest. */
export interface LogFilter {
  readonly from?: number;
  readonly to?: number;
  readonly verdict?: Verdict['effect'];
  readonly kind?: string;
  readonly limit?: number;
}

/** What can give its records back: those in memory at once, those of a node's log a moment later; both can be awaited. */
export interface RecordedLogs {
  /** The newest records of an agent, or of all, oldest first. A verdict selects decisions. */
  getLogs(agent?: string, filter?: LogFilter): readonly object[] | Promise<readonly object[]>;
}

/** A flight recorder in memory. */
export interface MemoryRecorder extends FlightRecorder, RecordedLogs {
  /** The records of an agent that are still held, oldest first. A verdict selects decisions. */
  getLogs(agent?: string, filter?: LogFilter): readonly (DecisionRecord | OutcomeRecord)[];
}

/** Records that a recorder in memory holds; the oldest are dropped first. */
export const memory_records_max = 65_536;

/** A flight recorder for development without a node: nothing survives the process. */
export function memoryRecorder(records_max: number = memory_records_max): MemoryRecorder {
  const records: (DecisionRecord | OutcomeRecord)[] = [];
  let next = 0;
  const add = (record: DecisionRecord | OutcomeRecord): Promise<Result<{ index: number }>> => {
    records[next % records_max] = record;
    next += 1;
    return Promise.resolve(ok({ index: next - 1 }));
  };
  return {
    unavailable: () => undefined,
    decision: add,
    outcome: add,
    getLogs(agent, filter = {}) {
      const { from = -Infinity, to = Infinity, verdict, kind, limit = records_max } = filter;
      const start = next % records_max;
      const ordered = next <= records_max ? records : [...records.slice(start), ...records.slice(0, start)];
      const matching = ordered.filter((record) => (agent === undefined || record.agent === agent)
        && record.time_ms >= from && record.time_ms <= to
        && (kind === undefined || record.kind === kind)
        && (verdict === undefined || (record.kind === 'decision' && record.verdict === verdict)));
      return limit === 0 ? [] : matching.slice(-limit);
    },
  };
}
