import { fromUtf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes, type Json } from '../crypto/canonical.ts';
import { ok, type Failure, type Result } from '../crypto/result.ts';
import type { Change } from '../protocols/ports.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { DecisionRecord, FlightRecorder, OutcomeRecord } from './kernel/recorder.ts';

/** A recorded decision and where it stands. */
export interface Decided {
  readonly decision: DecisionRecord;
  readonly index: number;
}

/** What a call may hand through the kernel to its records. */
export class Attachment {
  /** Go into the same atomic batch as the decision. */
  readonly changes: readonly Change[];
  /** Makes changes that go into the same atomic batch as the outcome of an effect that was done. */
  readonly conclude: (decided: Decided) => Promise<readonly Change[]>;
  /** The decision, once it is recorded. */
  decided: Decided | undefined;

  constructor(changes: readonly Change[], conclude: (decided: Decided) => Promise<readonly Change[]>) {
    this.changes = changes;
    this.conclude = conclude;
  }
}

/**
 * The flight recorder of a node: decisions and outcomes as payloads of the
 * audit log, sealed under the agent they are about.
 *
 * A durable decision is on the disk before its effect. An outcome is written
 * before it is acknowledged, so that the end of the process cannot take it, and
 * reaches the disk with the next synced commit: a power cut may leave a decision
 * without its outcome, never an effect without its decision. `refusal` may say
 * that no decision is to be recorded, and so no effect to happen, as when the
 * log has no room left; outcomes of effects that were allowed still are. `besides`
 * gives what else goes into the same atomic batch as a record, asked when the log takes that up.
 */
export function auditRecorder(
  log: AuditLog,
  refusal: () => Failure | undefined = () => undefined,
  besides: (record: DecisionRecord | OutcomeRecord) => readonly Change[] = () => [],
): FlightRecorder {
  const append = async (subject: string, record: object, options: { readonly durable: boolean; readonly with: readonly Change[] }): Promise<Result<{ readonly index: number }>> => {
    const appended = await log.append({ subject, payload: canonicalJsonBytes(record) }, options);
    return appended.ok ? ok({ index: appended.value.index }) : appended;
  };
  return {
    unavailable: () => log.frozen ?? refusal(),
    async decision(decision, attach) {
      const refused = refusal();
      if (refused !== undefined) return { ok: false, failure: refused };
      const attached = attach instanceof Attachment ? attach : undefined;
      const recorded = await append(decision.agent, decision, { durable: decision.audit === 'durable', with: [...(attached?.changes ?? []), ...besides(decision)] });
      if (recorded.ok && attached !== undefined) attached.decided = { decision, index: recorded.value.index };
      return recorded;
    },
    async outcome(outcome, attach) {
      const concluded = attach instanceof Attachment && outcome.status === 'done' && attach.decided !== undefined
        ? await attach.conclude(attach.decided)
        : [];
      return append(outcome.agent, outcome, { durable: false, with: [...concluded, ...besides(outcome)] });
    },
  };
}

/** A payload of the log as a JSON value; text that is no JSON comes back as it is. */
export function readPayload(payload: Uint8Array): Json {
  const text = fromUtf8(payload);
  if (text === undefined) return null;
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}
