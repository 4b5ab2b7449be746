/** Checking the logs of a host one after the other, each record of each, the newest log first. */
import type { Verifier } from '../crypto/note.ts';
import { damaged_records_max, fsck, type DamagedRecord, type FsckProgress } from '../storage/audit-fsck.ts';
import type { Files } from '../storage/files.ts';
import type { Store } from '../storage/store.ts';

/** One log of a host as it is stored. */
export interface StoredLog {
  /** 0 for the first. */
  readonly number: number;
  readonly store: Store;
  readonly files: Files;
  readonly verifier: Verifier;
}

/** A damaged record, and in which log it is. */
export interface FoundRecord extends Pick<DamagedRecord, 'name' | 'reason'> {
  /** The number of a log before the newest; `null` for the newest. */
  readonly log: number | null;
}

/** How far the check of all logs is. */
export interface LogsProgress extends Omit<FsckProgress, 'damaged'> {
  readonly damaged: readonly FoundRecord[];
}

/** What a check begins with. */
export const nothing_found: LogsProgress = { done: 0, total: 0, damaged: [], damaged_count: 0 };

/** The check of the logs so far and of one more; `number` is that of an earlier log. */
export function joined(before: LogsProgress, { done, total, damaged, damaged_count }: FsckProgress, number: number | null): LogsProgress {
  return {
    done: before.done + done, total: before.total + total, damaged_count: before.damaged_count + damaged_count,
    damaged: [...before.damaged, ...damaged.map(({ name, reason }) => ({ log: number, name, reason }))].slice(0, damaged_records_max),
  };
}

/** How a check is run. */
export interface LogCheck {
  witnessKey?(name: string): Promise<string | undefined>;
  /** Hears how far it is, and lets it go on when it resolves. */
  told(progress: FsckProgress): Promise<boolean>;
}

/** Checks one log; `undefined` where it was broken off. Evidence against others is of the host, and so looked at with the newest log. */
async function checkedOnce(log: StoredLog, is_newest: boolean, { witnessKey, told }: LogCheck): Promise<FsckProgress | undefined> {
  let last: FsckProgress = { done: 0, total: 0, damaged: [], damaged_count: 0 };
  for await (const progress of fsck({ ...log, is_past: !is_newest, ...(witnessKey === undefined ? {} : { witnessKey }) })) {
    last = progress;
    if (!await told(progress)) return undefined;
  }
  return last;
}

/** Checks a log that may be written to meanwhile: what is written while it is read may look damaged once; what is damaged looks so again. */
export async function checked(log: StoredLog, is_newest: boolean, how: LogCheck): Promise<FsckProgress | undefined> {
  const first = await checkedOnce(log, is_newest, how);
  if (first === undefined || first.damaged_count === 0) return first;
  const before = new Set(first.damaged.map(({ name }) => name));
  const second = await checkedOnce(log, is_newest, how);
  if (second === undefined) return undefined;
  const damaged = second.damaged.filter(({ name }) => before.has(name));
  return { ...second, damaged, damaged_count: second.damaged_count > damaged_records_max ? second.damaged_count : damaged.length };
}
