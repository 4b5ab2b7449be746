/**
 * The lock of a data folder: one process at a time works on it. The database
 * has a lock of its own, which the system gives back when its process ends;
 * this one covers the files beside it, and says who holds it.
 */
import { linkSync, lstatSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';

/** The file that says which process works on a folder. */
export const lock_file = 'lock';
const lock_version = 1;
/** Attempts to take a lock that others take and leave at the same time. */
const attempts_max = 5;

/** Who holds a lock. */
interface Holder {
  readonly process_id: number;
  /** When the process began, in the system's own count; `null` where it does not tell. Process ids come again, this does not. */
  readonly started: string | null;
}

/** A lock that this process holds. */
export interface FolderLock {
  /** The process that died with the lock in its hands, where there was one. */
  readonly taken_from: number | undefined;
  /** Gives the folder back; the second call does nothing. */
  release(): void;
}

/** A process as the system describes it. */
interface Process {
  /** Its start time in clock ticks since the boot, and the boot. */
  readonly started: string;
  /** Whether it has ended and is only kept until its parent asks how: a parent that never does keeps it for ever. */
  readonly ended: boolean;
}

/** What the system shows of a process (proc(5)); `undefined` on other systems than Linux, and where it shows nothing. */
function processOf(process_id: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${process_id}/stat`, 'utf8');
    // The second field is the program's name in parentheses, which may hold anything; the third is the state, the 22nd the start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields[0], fields[19]];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return ticks === undefined ? undefined : { started: `${boot}/${ticks}`, ended: state === 'Z' || state === 'X' };
  } catch {
    return undefined;
  }
}

function isRunning(process_id: number): boolean {
  try {
    process.kill(process_id, 0);
    return true;
  } catch (error) {
    // A process of another user cannot be signalled, but it is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function isAlive({ process_id, started }: Holder): boolean {
  if (!isRunning(process_id)) return false;
  const seen = processOf(process_id);
  // One that the system hides, as that of another user, is there all the same.
  return seen === undefined || (!seen.ended && (started === null || seen.started === started));
}

function readHolder(path: string): { readonly text: string; readonly holder: Holder | undefined } | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('process_id' in parsed) || !('started' in parsed)) return { text, holder: undefined };
    const { process_id, started } = parsed;
    const is_holder = Number.isSafeInteger(process_id) && typeof process_id === 'number' && process_id > 0 && (started === null || typeof started === 'string');
    return { text, holder: is_holder ? { process_id, started } : undefined };
  } catch {
    return { text, holder: undefined };
  }
}

/** Whether an exclusive step went through; that the file is there already is the one expected reason why not. */
function exclusively(step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a lock that was left out of the way. Says `false` when it was another one by then, which is put back. */
function removeLeft(path: string, text: string): boolean {
  const aside = `${path}.${process.pid}.left`;
  try {
    renameSync(path, aside);
  } catch {
    return true;
  }
  const is_left = readHolder(aside)?.text === text;
  // Between the two steps a third process could take the folder too; the lock of the database stops it then.
  if (!is_left) exclusively(() => linkSync(aside, path));
  rmSync(aside, { force: true });
  return is_left;
}

/**
 * Takes the lock of a data folder. A lock of a process that is gone, killed or
 * crashed, is taken over.
 *
 * Fails with `DATA_LOCKED`, whose `detail.process_id` is who holds it, or `DATA_UNUSABLE`.
 */
export function lockFolder(folder: string): Result<FolderLock> {
  try {
    return takeLock(folder);
  } catch (error) {
    return fail('DATA_UNUSABLE', `${folder} cannot be locked: ${messageOf(error)}`, { fix: 'give a folder on a disk that you may write to with --data', cause: error });
  }
}

function takeLock(folder: string): Result<FolderLock> {
  const path = join(folder, lock_file);
  const draft = `${path}.${process.pid}.draft`;
  // Written whole before it gets its name, so that no lock is ever seen half: linking fails where the name is taken, as O_EXCL does.
  rmSync(draft, { force: true });
  writeFileSync(draft, `${JSON.stringify({ agentmesh: lock_version, process_id: process.pid, started: processOf(process.pid)?.started ?? null })}\n`, { mode: 0o600, flag: 'wx' });
  let taken_from: number | undefined;
  try {
    for (let attempt = 0; attempt < attempts_max; attempt += 1) {
      if (exclusively(() => linkSync(draft, path))) return ok({ taken_from, release: releaseOnce(path, readFileSync(draft, 'utf8')) });
      if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) {
        return fail('DATA_UNUSABLE', `${path} is no file, and no lock of a node`, { fix: 'look what it is, and move it away' });
      }
      const found = readHolder(path);
      if (found === undefined) continue;
      const { holder, text } = found;
      if (holder !== undefined && isAlive(holder)) return lockedBy(folder, holder.process_id);
      if (removeLeft(path, text)) taken_from = holder?.process_id;
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return lockedBy(folder, 0);
}

function lockedBy(folder: string, process_id: number): Result<never> {
  return fail('DATA_LOCKED', `${process_id === 0 ? 'another process' : `process ${process_id}`} works on ${folder}`, {
    fix: 'stop the node first (agentmesh stop), or choose another folder with --data', detail: { process_id },
  });
}

function releaseOnce(path: string, text: string): () => void {
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    if (readHolder(path)?.text === text) unlinkSync(path);
  };
}
