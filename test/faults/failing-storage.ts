/**
 * Storage that fails or loses power on demand. Every write of the log, to its
 * store and to its files, is one step, counted through both: one of them can
 * fail, having reached the disk or not, and what a power cut would leave of all
 * of them can be built again.
 */
import { memoryFiles, type Files } from '../../storage/files.ts';
import { unwrap } from '../../crypto/result.ts';
import { openStore, type Change, type Store } from '../../storage/store.ts';
import { snapshot, type Told } from './log-trial.ts';

/** What the n-th write gets: an error before anything was written, or after all of it was. */
export interface WriteFault {
  readonly nth: number;
  readonly mode: 'failed' | 'failed but persisted';
}

type Step =
  | { readonly kind: 'batch'; readonly changes: readonly Change[]; readonly sync: boolean }
  | { readonly kind: 'file'; readonly name: string; readonly bytes: Uint8Array | undefined };

/** A write, and what had been promised when it began. */
export type WrittenStep = Step & { readonly told: Told };

/** Storage of a log, wrapped. */
export interface FailingStorage {
  readonly store: Store;
  readonly files: Files;
  /** Every write that was done, in order. */
  readonly steps: WrittenStep[];
  /** Writes so far, done or failed. */
  writes: number;
  fault: WriteFault | undefined;
}

/** Wraps storage in memory: empty, or what an earlier trial left. */
export async function failingStorage(told: Told, remains?: { readonly store: Store; readonly files: Files }): Promise<FailingStorage> {
  const { store, files } = remains ?? { store: unwrap(await openStore({ kind: 'memory' })), files: memoryFiles() };
  const step = async (made: Step, write: () => Promise<void>): Promise<void> => {
    storage.writes += 1;
    const fault = storage.fault?.nth === storage.writes ? storage.fault.mode : undefined;
    if (fault === 'failed') throw new Error('injected: the write failed');
    storage.steps.push({ ...made, told: snapshot(told) });
    await write();
    if (fault !== undefined) throw new Error('injected: the write failed, it is said');
  };
  const storage: FailingStorage = {
    steps: [],
    writes: 0,
    fault: undefined,
    store: {
      get: (space, key) => store.get(space, key),
      entries: (space, range) => store.entries(space, range),
      close: () => store.close(),
      batch: (changes, { sync }) => step({ kind: 'batch', changes, sync }, () => store.batch(changes, { sync })),
    },
    files: {
      read: (name) => files.read(name),
      write: (name, bytes) => step({ kind: 'file', name, bytes: Uint8Array.from(bytes) }, () => files.write(name, bytes)),
      remove: (name) => step({ kind: 'file', name, bytes: undefined }, () => files.remove(name)),
    },
  };
  return storage;
}

/** What a power cut leaves: the storage, and what had been promised by then. */
export interface PowerCut {
  readonly store: Store;
  readonly files: Files;
  readonly told: Told;
  /**
   * Whether a later batch survived where an earlier one did not: `mended` where a
   * synced one came after the lost one, `torn` where neither was synced.
   */
  readonly gap: 'none' | 'mended' | 'torn';
}

/**
 * Every way in which the batches of a run can survive a power cut. LevelDB
 * appends them to a write-ahead log, and a synced one takes those before it in
 * the same file along; what is not synced may be lost from some point on. At a
 * rotation it goes on in a new file and does not sync the old one, so that the
 * end of the old file may be lost while all of the new one is there.
 */
function survivors(batches: readonly (Step & { kind: 'batch' })[]): boolean[][] {
  const kept = new Map<string, boolean[]>();
  for (let rotation = 0; rotation <= batches.length; rotation += 1) {
    const [old_synced, new_synced] = [batches.slice(0, rotation), batches].map((part) => part.findLastIndex(({ sync }) => sync) + 1);
    for (let old_end = old_synced ?? 0; old_end <= rotation; old_end += 1) {
      for (let new_end = Math.max(rotation, new_synced ?? 0); new_end <= batches.length; new_end += 1) {
        const survives = batches.map((_, at) => at < old_end || (at >= rotation && at < new_end));
        kept.set(survives.join(), survives);
      }
    }
  }
  return [...kept.values()];
}

function gapOf(batches: readonly { readonly sync: boolean }[], survives: readonly boolean[]): PowerCut['gap'] {
  const lost = survives.map((survived, at) => (survived ? -1 : at)).filter((at) => at >= 0 && at < survives.lastIndexOf(true));
  if (lost.length === 0) return 'none';
  return lost.every((at) => at < batches.findLastIndex(({ sync }) => sync)) ? 'mended' : 'torn';
}

/** Every state that a power cut between two writes of a run can leave. Files are replaced durably; batches survive as {@link survivors} says. */
export async function* powerCuts(steps: readonly WrittenStep[], told_at_end: Told): AsyncIterable<PowerCut> {
  for (let cut = 0; cut <= steps.length; cut += 1) {
    const done = steps.slice(0, cut);
    const batches = done.filter((step) => step.kind === 'batch');
    for (const survives of survivors(batches)) {
      const store = unwrap(await openStore({ kind: 'memory' }));
      const files = memoryFiles();
      for (const [at, { changes }] of batches.entries()) if (survives[at] === true) await store.batch(changes, { sync: true });
      for (const step of done) {
        if (step.kind !== 'file') continue;
        await (step.bytes === undefined ? files.remove(step.name) : files.write(step.name, step.bytes));
      }
      yield { store, files, told: snapshot(steps[cut]?.told ?? told_at_end), gap: gapOf(batches, survives) };
    }
  }
}

