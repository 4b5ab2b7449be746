/** What the audit log says of changes of the policies in force: who changed what, and by which digests it is named in decisions. */
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import type { Change, Recorder, Store } from '../protocols/ports.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { Policy } from './kernel/index.ts';

/** The policies of a layer were replaced. */
export interface PolicyChange {
  readonly kind: 'policy-change';
  readonly layer: 'organisation' | 'host' | 'agent';
  /** Who or what brought it about: a DID, `operator`, `SIGHUP` or `file`. */
  readonly by: string;
  /** DID of the organisation or the agent whose policies they are; null where they are the host's. */
  readonly of: string | null;
  /** Of a bundle. */
  readonly name: string | null;
  readonly version: number | null;
  /** The statement that said so, by its hash. */
  readonly statement: string | null;
  /** Digests of the policies, as decisions name them. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly time_ms: number;
}

/** Whom this host follows has changed. */
export interface FollowingChange {
  readonly kind: 'policy-following';
  readonly organisation: string;
  readonly by: string;
  readonly follows: boolean;
  readonly required: boolean;
  readonly time_ms: number;
}

/** Policies that were to come in force did not: those before stay. */
export interface PolicyRefusal {
  readonly kind: 'policy-refused';
  readonly layer: 'organisation' | 'host' | 'agent';
  readonly of: string | null;
  readonly name: string | null;
  readonly version: number | null;
  readonly statement: string | null;
  readonly code: string;
  readonly reason: string;
  readonly time_ms: number;
}

/** An organisation of this host has published a bundle. */
export interface BundlePublication {
  readonly kind: 'policy-bundle-published';
  readonly organisation: string;
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  readonly time_ms: number;
}

/** What is written down about policies. */
export type PolicyRecord = PolicyChange | FollowingChange | PolicyRefusal | BundlePublication;

/** Writes down what became of policies, durably and together with what keeps it. */
export type NotePolicy = (record: PolicyRecord, changes?: readonly Change[]) => Promise<void>;

/** The digests of policies. */
export function digestsOf(policies: readonly Policy[]): readonly string[] {
  return policies.map(({ digest }) => digest);
}

/** Notes in the audit log of a host. What a frozen log cannot take is kept all the same: policies that narrow must not be lost for that. */
export function policyNotes(parts: { readonly log: Pick<AuditLog, 'append'>; readonly store: Store; readonly recorder: Recorder; readonly did: string }): NotePolicy {
  const { log, store, recorder, did } = parts;
  return async (record, changes = []) => {
    recorder.record({ ...record, kind: record.kind.replace('-', '.') });
    const noted = await log.append({ subject: did, payload: canonicalJsonBytes(record) }, { durable: true, with: changes });
    if (noted.ok) return;
    recorder.record({ kind: 'policy.unrecorded', code: noted.failure.code, reason: noted.failure.reason });
    if (changes.length > 0) await store.batch(changes, { sync: true });
  };
}

