import { equal, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import { leafHash } from '../crypto/merkle.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { commitment, decodeEntry, type EntryKind } from './audit-entry.ts';
import { decodeGroup, log_keys, type GroupMember } from './audit-group.ts';
import type { Store } from './store.ts';
import type { Vault } from './vault.ts';

/** An entry as the owner of the log reads it. */
export interface AuditRecord {
  readonly index: number;
  readonly kind: EntryKind;
  /** Unix milliseconds. */
  readonly time_ms: number;
  /** The bytes that the tree hashes. */
  readonly entry: Uint8Array;
  readonly leaf_hash: Uint8Array;
  /** Present while the subject's key exists: what was appended, for whom, and the salt that opens the commitment. */
  readonly subject?: string;
  readonly payload?: Uint8Array;
  readonly salt?: Uint8Array;
}

/** Which entries to walk: from `from` up to, not including, `to`. */
export interface RecordRange {
  readonly from?: number;
  readonly to?: number;
}

function unreadable(index: number, reason: string, cause?: unknown): Result<never> {
  return fail('AUDIT_DAMAGED', `entry ${index} cannot be read: ${reason}`, { fix: 'run agentmesh doctor', cause });
}

/** Reads entries back and opens their payloads. */
export class AuditReader {
  readonly #store: Store;
  readonly #vault: Vault;

  constructor(parts: { readonly store: Store; readonly vault: Vault }) {
    this.#store = parts.store;
    this.#vault = parts.vault;
  }

  /** One entry. Fails with `AUDIT_DAMAGED`. */
  async read(index: number): Promise<Result<AuditRecord>> {
    for await (const record of this.records(index, index + 1)) return record;
    return unreadable(index, 'it is missing');
  }

  /** The entries of a range in order; a failure ends the walk. */
  async *records(from: number, to: number): AsyncIterable<Result<AuditRecord>> {
    let next = from;
    try {
      for await (const [key, value] of this.#store.entries('log', { gte: await this.#groupOf(from), lt: log_keys.group(to) })) {
        const members = decodeGroup(value);
        const first_index = fromBigEndian(key.subarray(1)) ?? to;
        if (!members.ok || first_index > next) return yield unreadable(next, members.ok ? 'it is missing' : members.failure.reason);
        for (const member of members.value.slice(next - first_index, to - first_index)) {
          const record = this.#record(next, member);
          yield record;
          if (!record.ok) return;
          next += 1;
        }
      }
    } catch (error) {
      yield unreadable(next, messageOf(error), error);
    }
  }

  // A group is found by its first entry: the last one that does not begin after the index.
  async #groupOf(index: number): Promise<Uint8Array> {
    const range = { gte: utf8('g'), lte: log_keys.group(index), reverse: true, limit: 1 };
    for await (const [key] of this.#store.entries('log', range)) return key;
    return log_keys.group(index);
  }

  #record(index: number, { entry, sealed }: GroupMember): Result<AuditRecord> {
    const decoded = decodeEntry(entry);
    if (!decoded.ok) return unreadable(index, decoded.failure.reason);
    const { kind, time_ms, body } = decoded.value;
    const record = { index, kind, time_ms, entry, leaf_hash: leafHash(entry) };
    if (kind !== 'event') return ok(record);
    const opened = this.#vault.open(index, sealed);
    if (!opened.ok) return opened.failure.code === 'VAULT_ERASED' ? ok(record) : unreadable(index, opened.failure.reason);
    const { subject, payload, salt } = opened.value;
    if (!equal(commitment(salt, payload), body)) return unreadable(index, 'its payload is not the one that it commits to');
    return ok({ ...record, subject, payload, salt });
  }
}
