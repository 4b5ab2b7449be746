import { fail, ok, type Result } from '../crypto/result.ts';
import type { EntryKind } from './audit-entry.ts';
import type { Change } from './store.ts';

/** The longest payload of an event. */
export const payload_bytes_max = 1_048_576;
/** The most appends that may wait for a commit. */
export const queue_entries_max = 4_096;
/** The most payload bytes that may wait for a commit. */
export const queue_bytes_max = 33_554_432;
/** The most entries of one commit. */
export const group_entries_max = 256;
/** A commit takes no further entry once its payloads have this many bytes. */
export const group_bytes_max = 4_194_304;

/** How an append is committed. */
export interface AppendOptions {
  /** Changes of other parts of the store that become durable together with the entry, or not at all. */
  readonly with?: readonly Change[];
  /** `false`: acknowledged once the store took it, durable with the next synced commit, which writes it and its `with` once more. Default `true`. */
  readonly durable?: boolean;
}

/** Where an entry stands. */
export interface Appended {
  readonly index: number;
  readonly leaf_hash: Uint8Array;
}

/** An append that waits for its commit. */
export interface Pending {
  readonly kind: EntryKind;
  /** The payload of an event, the body of any other kind. */
  readonly content: Uint8Array;
  /** Whose payload it is; empty for other kinds. */
  readonly subject: string;
  readonly options: AppendOptions;
  readonly settle: (result: Result<Appended>) => void;
}

/** The bounded line of appends that wait for a commit. */
export class AppendQueue {
  #waiting: Pending[] = [];
  #bytes = 0;

  /** How many wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Whether so many bytes more find a place. Fails with `AUDIT_OVERLOADED`. */
  admit(bytes: number): Result<void> {
    if (this.length < queue_entries_max && this.#bytes + bytes <= queue_bytes_max) return ok(undefined);
    return fail('AUDIT_OVERLOADED', `${this.length} entries already wait to be written, of at most ${queue_entries_max}`, {
      fix: 'try again in a moment',
    });
  }

  /** Adds an append that was admitted. */
  push(pending: Pending): void {
    this.#waiting.push(pending);
    this.#bytes += pending.content.length;
  }

  /** Takes the appends of the next commit. */
  take(): readonly Pending[] {
    let bytes = 0;
    let count = 0;
    for (const { content } of this.#waiting) {
      if (count >= group_entries_max || bytes >= group_bytes_max) break;
      bytes += content.length;
      count += 1;
    }
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#bytes -= bytes;
    return group;
  }
}
