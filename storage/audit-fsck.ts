/**
 * Looks at every record of a stored log and names each that is damaged. The
 * open check stops at the first damage, for it only decides whether the log may
 * be written; this one goes on, so that the owner sees what is lost.
 */
import { equal, fromBigEndian, toHex, utf8 } from '../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { messageOf } from '../crypto/result.ts';
import { readArchiveRecord } from './archive-record.ts';
import { CheckpointCheck, type CheckpointParts } from './audit-checkpoint-check.ts';
import { decodeEntry } from './audit-entry.ts';
import { decodeMark } from './audit-eraser.ts';
import { decodeState, log_keys, type TreeState } from './audit-group.ts';
import { readHead, type SignedHead } from './audit-heads.ts';
import { TileCheck, type Report } from './audit-tile-check.ts';
import { walkGroups, type Stretch } from './audit-walk.ts';
import type { Files } from './files.ts';
import type { Change } from './store.ts';

/** The most damaged records that are named; more are counted. */
export const damaged_records_max = 1_000;
/** Entries between two words about the progress. */
export const progress_entries = 1_024;

const evidence_key_bytes = 1 + digest_bytes;

/** A record that is not what was written. */
export interface DamagedRecord {
  /** As in `group of entries 512..767`, `tile 0/17`, `bundle 3`, `tree state`, `signed head`, `checkpoint of size 900`. */
  readonly name: string;
  readonly reason: string;
  /** Takes it away, where the log is whole without it. */
  readonly drop?: Change;
}

/** How far a check is; the last word is the outcome. */
export interface FsckProgress {
  /** Entries looked at, of those that the log says it has. */
  readonly done: number;
  readonly total: number;
  /** The first {@link damaged_records_max}. */
  readonly damaged: readonly DamagedRecord[];
  readonly damaged_count: number;
}

/** What a check looks at. */
export interface FsckParts extends CheckpointParts {
  readonly files: Files;
  /** Whether the log has a successor: evidence against others, which the host has once, is looked at with the newest log. */
  readonly is_past?: boolean;
}

class Fsck {
  readonly #parts: FsckParts;
  readonly #damaged: DamagedRecord[] = [];
  #damaged_count = 0;
  #total = 0;

  constructor(parts: FsckParts) {
    this.#parts = parts;
  }

  async *run(): AsyncIterable<FsckProgress> {
    const { store } = this.#parts;
    // The head first: a log that grows meanwhile has at least that many entries.
    const head = await this.#head();
    const state = await this.#state();
    const archived = await readArchiveRecord(store);
    if (!archived.ok) this.#report('archive record', archived.failure.reason);
    const kept_from = archived.ok ? archived.value.line : 0;
    const report: Report = (...damaged) => this.#report(...damaged);
    const tree = new TileCheck(store, report, kept_from);
    this.#total = Math.max(state?.size ?? 0, head?.size ?? 0);
    const checkpoints = new CheckpointCheck(this.#parts, report);
    for await (const entry of this.#entries(kept_from, state, head)) {
      await tree.add(entry);
      if (tree.size === head?.size) tree.hold(head.root, 'signed head', `the first ${head.size} entries have another root`);
      if (checkpoints.due(tree.size)) await checkpoints.reach(tree);
      if (tree.size % progress_entries === 0) yield this.#progress(tree.size);
    }
    if (state !== undefined) await this.#end(tree, state, head?.size ?? 0);
    await checkpoints.rest();
    await this.#marks();
    if (this.#parts.is_past !== true) await this.#evidence();
    yield this.#progress(tree.size);
  }

  #progress(done: number): FsckProgress {
    return { done, total: Math.max(done, this.#total), damaged: [...this.#damaged], damaged_count: this.#damaged_count };
  }

  #report(name: string, reason: string, drop?: Change): void {
    this.#damaged_count += 1;
    if (this.#damaged.length < damaged_records_max) this.#damaged.push({ name, reason, ...(drop === undefined ? {} : { drop }) });
  }

  async #head(): Promise<SignedHead | undefined> {
    const head = await readHead(this.#parts.files, this.#parts.verifier);
    if (head.ok && head.value !== undefined) return head.value;
    this.#report('signed head', head.ok ? 'it is missing' : head.failure.reason);
    return undefined;
  }

  async #state(): Promise<TreeState | undefined> {
    try {
      const bytes = await this.#parts.store.get('log', log_keys.state());
      const state = bytes === undefined ? undefined : decodeState(bytes);
      if (state?.ok === true) return state.value;
      this.#report('tree state', state === undefined ? 'it is missing' : state.failure.reason);
    } catch (error) {
      this.#report('tree state', `the store could not read it: ${messageOf(error)}`);
    }
    return undefined;
  }

  /** Every entry in order; what is archived or damaged is not known. */
  async *#entries(kept_from: number, state: TreeState | undefined, head: SignedHead | undefined): AsyncIterable<Uint8Array | undefined> {
    for (let index = 0; index < kept_from; index += 1) yield undefined;
    for await (const stretch of walkGroups(this.#parts.store, kept_from, state?.size ?? Infinity, head?.size ?? 0)) yield* this.#entriesOf(stretch);
  }

  *#entriesOf(stretch: Stretch): Iterable<Uint8Array | undefined> {
    if (stretch.kind === 'stray') return this.#report(`record ${toHex(stretch.key)}`, 'it lies among the groups of entries, where none can be');
    const { first, next } = stretch;
    if (stretch.kind === 'damaged') {
      this.#report(`group of entries ${first}..${next - 1}`, stretch.reason);
      for (let index = first; index < next; index += 1) yield undefined;
      return;
    }
    for (const [at, entry] of stretch.entries.entries()) {
      const parsed = decodeEntry(entry);
      if (!parsed.ok) this.#report(`entry ${first + at}`, parsed.failure.reason);
      if (parsed.ok && parsed.value.kind === 'erasure' && namesLater(parsed.value.body, first + at)) this.#report(`entry ${first + at}`, 'it erases an entry that comes after it');
      yield entry;
    }
  }

  /** The state was read before the entries, and groups behind it are only in order when it has moved on since. */
  async #end(tree: TileCheck, state: TreeState, head_size: number): Promise<void> {
    if (head_size > state.size) this.#report(`group of entries ${state.size}..${head_size - 1}`, `the signed head has ${head_size} entries, the store only ${state.size}`);
    tree.hold(state.root, 'tree state', `the ${state.size} entries have another root`);
    const { store } = this.#parts;
    try {
      for await (const [key] of store.entries('log', { gte: log_keys.group(state.size), lt: utf8('h'), limit: 1 })) {
        const now = decodeState(await store.get('log', log_keys.state()) ?? new Uint8Array());
        const name = key.length === log_keys.group(0).length ? `group of entries ${fromBigEndian(key.subarray(1))}..` : `record ${toHex(key)}`;
        if (!now.ok || now.value.size <= state.size) this.#report(name, `the tree state says that the log ends at ${state.size} entries`);
      }
    } catch (error) {
      this.#report('end of the log', `the store could not read it: ${messageOf(error)}`);
    }
  }

  /** What an erasure that was cut off has still to forget: nobody can say what a damaged one meant. */
  async #marks(): Promise<void> {
    try {
      for await (const [key, bytes] of this.#parts.store.entries('log', { gte: log_keys.erasure(0), lte: log_keys.erasure(Number.MAX_SAFE_INTEGER) })) {
        const mark = decodeMark(bytes);
        if (!mark.ok) this.#report(`mark of erasure ${fromBigEndian(key.subarray(1)) ?? toHex(key)}`, mark.failure.reason);
      }
    } catch (error) {
      this.#report('marks of erasures', `the store could not read them: ${messageOf(error)}`);
    }
  }

  /** Evidence against others is kept under its own SHA-256. */
  async #evidence(): Promise<void> {
    try {
      for await (const [key, bytes] of this.#parts.store.entries('witness', { gte: utf8('x'), lt: utf8('y') })) {
        const named = key.length === evidence_key_bytes && equal(key.subarray(1), sha256(bytes));
        if (!named) this.#report(`evidence ${toHex(key.subarray(1, 9))}`, 'its bytes are not those that it is named after', { space: 'witness', key });
      }
    } catch (error) {
      this.#report('evidence', `the store could not read it: ${messageOf(error)}`);
    }
  }
}

/** Whether the body of an erasure entry names an entry that is not there yet, as one or as the end of a range; that of a subject names none. */
function namesLater(body: Uint8Array, index: number): boolean {
  const named = fromBigEndian(body.subarray(0, 8)) ?? Infinity;
  return body.length === 9 ? named >= index : body.length === 10 && named > index;
}

/**
 * Checks every record of a stored log and goes on behind damage; the last word
 * has all of it. It needs no more memory for a longer log, and may look at one
 * that grows meanwhile. Ends early when nobody asks for the next word.
 */
export function fsck(parts: FsckParts): AsyncIterable<FsckProgress> {
  return new Fsck(parts).run();
}

/** The outcome of a whole check. Gives up, with what it has by then, when the signal is aborted. */
export async function fsckOutcome(parts: FsckParts, signal?: AbortSignal): Promise<FsckProgress> {
  let last: FsckProgress = { done: 0, total: 0, damaged: [], damaged_count: 0 };
  for await (const progress of fsck(parts)) {
    last = progress;
    if (signal?.aborted === true) break;
  }
  return last;
}
