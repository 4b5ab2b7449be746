import { equal, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import { leafHash } from '../crypto/merkle.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { archivedGroups } from './archive-groups.ts';
import { archivedLine } from './archive-record.ts';
import { openBox, type OpenedBox } from './audit-box.ts';
import { commitment, decodeEntry, type EntryKind } from './audit-entry.ts';
import { decodeGroup, log_keys, type Group, type SealedBox } from './audit-group.ts';
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
  /** Only entries whose payload is sealed under this subject; the others are passed over unopened. */
  readonly subject?: string;
}

function unreadable(index: number, reason: string, cause?: unknown): Result<never> {
  return fail('AUDIT_DAMAGED', `entry ${index} cannot be read: ${reason}`, { fix: 'run agentmesh doctor', cause });
}

/** A group as it lies in the store. */
export interface StoredGroup {
  readonly first_index: number;
  readonly group: Group;
}

/** Reads entries back and opens their payloads. */
export class AuditReader {
  readonly #store: Store;
  readonly #vault: Vault;
  readonly #log_number: number;

  constructor(parts: { readonly store: Store; readonly vault: Vault; readonly log_number: number }) {
    this.#store = parts.store;
    this.#vault = parts.vault;
    this.#log_number = parts.log_number;
  }

  /** One entry. Fails with `AUDIT_DAMAGED`. */
  async read(index: number): Promise<Result<AuditRecord>> {
    for await (const record of this.records(index, index + 1)) return record;
    return unreadable(index, 'it is missing');
  }

  /** The entries of a range in order; a failure ends the walk. */
  async *records(from: number, to: number, subject?: string): AsyncIterable<Result<AuditRecord>> {
    const handle = subject === undefined ? undefined : this.#vault.handleOf(subject);
    if (subject !== undefined && handle === undefined) return;
    for await (const stored of this.groups(from, to)) {
      if (!stored.ok) return yield stored;
      const { first_index, group } = stored.value;
      const last = Math.min(to, first_index + group.entries.length);
      const boxes = new Map<SealedBox, Result<OpenedBox>>();
      const wanted = handle === undefined ? undefined : new Set(group.boxes.filter((box) => equal(box.handle, handle)).flatMap(({ positions }) => positions));
      for (let index = Math.max(from, first_index); index < last; index += 1) {
        if (wanted?.has(index - first_index) === false) continue;
        const record = this.#record(index, stored.value, boxes);
        yield record;
        if (!record.ok) return;
      }
    }
  }

  /** The bytes of the entries of a range in order, without their payloads; a failure ends the walk. */
  async *bareEntries(from: number, to: number): AsyncIterable<Result<Uint8Array>> {
    for await (const stored of this.groups(from, to)) {
      if (!stored.ok) return yield stored;
      const { first_index, group } = stored.value;
      for (const entry of group.entries.slice(Math.max(0, from - first_index), to - first_index)) yield ok(entry);
    }
  }

  /** The groups that hold the entries of a range, in order; a failure ends the walk. */
  async *groups(from: number, to: number): AsyncIterable<Result<StoredGroup>> {
    let next = from;
    const line = await archivedLine(this.#store);
    const movedSince = async (): Promise<boolean> => await archivedLine(this.#store) > Math.max(line, next);
    for await (const archived of archivedGroups(this.#store, from, to)) {
      yield archived;
      if (!archived.ok) return;
      next = archived.value.first_index + archived.value.group.entries.length;
    }
    if (next >= to) return;
    try {
      for await (const [key, value] of this.#store.entries('log', { gte: await this.#groupOf(next), lt: log_keys.group(to) })) {
        const group = decodeGroup(value);
        const first_index = fromBigEndian(key.subarray(1)) ?? to;
        // Archived since the walk began.
        if (group.ok && first_index > next && await movedSince()) return yield* this.groups(next, to);
        if (!group.ok || first_index > next) return yield unreadable(next, group.ok ? 'it is missing' : group.failure.reason);
        yield ok({ first_index, group: group.value });
        next = Math.max(next, first_index + group.value.entries.length);
      }
      if (next < to && await movedSince()) return yield* this.groups(next, to);
    } catch (error) {
      return yield unreadable(next, messageOf(error), error);
    }
    if (next < to) yield unreadable(next, 'it is missing');
  }

  // A group is found by its first entry: the last one that does not begin after the index.
  async #groupOf(index: number): Promise<Uint8Array> {
    const range = { gte: utf8('g'), lte: log_keys.group(index), reverse: true, limit: 1 };
    for await (const [key] of this.#store.entries('log', range)) return key;
    return log_keys.group(index);
  }

  #record(index: number, { first_index, group }: StoredGroup, boxes: Map<SealedBox, Result<OpenedBox>>): Result<AuditRecord> {
    const position = index - first_index;
    const entry = group.entries[position] ?? new Uint8Array();
    const decoded = decodeEntry(entry);
    if (!decoded.ok) return unreadable(index, decoded.failure.reason);
    const { kind, time_ms, body } = decoded.value;
    const record = { index, kind, time_ms, entry, leaf_hash: leafHash(entry) };
    const box = group.boxes.find(({ positions }) => positions.includes(position));
    if (kind !== 'event' || box === undefined) return ok(record);
    const opened = boxes.get(box) ?? openBox(this.#vault, { log_number: this.#log_number, first_index }, box);
    boxes.set(box, opened);
    if (!opened.ok) return opened.failure.code === 'VAULT_ERASED' ? ok(record) : unreadable(index, opened.failure.reason);
    const { subject, members } = opened.value;
    const member = members.find((member) => member.position === position);
    if (member === undefined || !equal(commitment(member.salt, member.payload), body)) return unreadable(index, 'its payload is not the one that it commits to');
    return ok({ ...record, subject, payload: member.payload, salt: member.salt });
  }
}
