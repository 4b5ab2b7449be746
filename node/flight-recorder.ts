import { fromUtf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import { ok, type Result } from '../crypto/result.ts';
import type { Change } from '../protocols/ports.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { FlightRecorder } from './kernel/recorder.ts';

/** What a call may hand through the kernel to its decision's record: changes for the same atomic batch. */
export class Attachment {
  readonly changes: readonly Change[];

  constructor(changes: readonly Change[]) {
    this.changes = changes;
  }
}

/**
 * The flight recorder of a node: decisions and outcomes as payloads of the
 * audit log, sealed under the agent they are about.
 *
 * A durable decision is on the disk before its effect. An outcome is written
 * before it is acknowledged, so that the end of the process cannot take it, and
 * reaches the disk with the next synced commit: a power cut may leave a decision
 * without its outcome, never an effect without its decision.
 */
export function auditRecorder(log: AuditLog): FlightRecorder {
  const append = async (subject: string, record: object, options: { readonly durable: boolean; readonly with: readonly Change[] }): Promise<Result<{ readonly index: number }>> => {
    const appended = await log.append({ subject, payload: canonicalJsonBytes(record) }, options);
    return appended.ok ? ok({ index: appended.value.index }) : appended;
  };
  return {
    unavailable: () => log.frozen,
    decision: (record, attach) => append(record.agent, record, {
      durable: record.audit === 'durable',
      with: attach instanceof Attachment ? attach.changes : [],
    }),
    outcome: (record) => append(record.agent, record, { durable: false, with: [] }),
  };
}

/** A payload of the log as a JSON value; text that is no JSON comes back as it is. */
export function readPayload(payload: Uint8Array): unknown {
  const text = fromUtf8(payload);
  if (text === undefined) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
