import { leafHash } from '../crypto/merkle.ts';
import { messageOf, ok, type Failure, type Result } from '../crypto/result.ts';
import { isNews } from './audit-check.ts';
import { composeGroup, type ComposeParts } from './audit-compose.ts';
import { encodeGroup, encodeState, log_keys } from './audit-group.ts';
import { AppendQueue, group_entries_max, type Appended, type Pending } from './audit-queue.ts';
import type { LogTree } from './audit-tree.ts';
import type { Change, Store } from './store.ts';
import { UnsyncedChanges } from './unsynced.ts';

// Callers that were just acknowledged get this many microtasks to come back and share the next commit.
const gather_turns_max = 32;
// So many appends that wait are made ready while the disk is busy with those before them; fewer wait for company.
const overlapped_entries_min = 128;

/** A group that is in the tree and not yet in the store. */
interface Ready {
  readonly admitted: readonly Pending[];
  readonly first_index: number;
  readonly leaf_hashes: readonly Uint8Array[];
  readonly changes: Change[];
  readonly news: number;
  readonly sync: boolean;
}

/** What commits need of a log. `doubt` is told when it is not known what a write left on the disk. */
export interface CommitterParts extends ComposeParts {
  readonly store: Store;
  readonly tree: LogTree;
  readonly generation: number;
  readonly news: number;
  readonly frozen: () => Failure | undefined;
  readonly doubt: (reason: string) => void;
}

/** Commits appends in groups, one after the other, and gives everybody else who needs the tree a turn between them. */
export class AuditCommitter {
  readonly #parts: CommitterParts;
  readonly #queue = new AppendQueue();
  readonly #unsynced = new UnsyncedChanges();
  #generation: number;
  /** Entries since the newest checkpoint that are a reason for another. */
  news: number;
  #size: number;
  #scheduled = false;
  // How many appends are likely to share the next commit.
  #expected = 1;
  #turn: Promise<unknown> = Promise.resolve();
  #turns_waiting = 0;

  constructor(parts: CommitterParts) {
    this.#parts = parts;
    this.#generation = parts.generation;
    this.news = parts.news;
    this.#size = parts.tree.size;
  }

  /** How many entries are committed. */
  get size(): number {
    return this.#size;
  }

  /** Whether everything that is committed is also synced. */
  get synced(): boolean {
    return this.#unsynced.empty;
  }

  /** Takes an append into the next commit. Fails with `AUDIT_OVERLOADED`. */
  enqueue(append: Omit<Pending, 'settle'>): Promise<Result<Appended>> {
    const admitted = this.#queue.admit(append.content.length);
    if (!admitted.ok) return Promise.resolve(admitted);
    const { kind, content, subject, options } = append;
    return new Promise((settle) => {
      this.#queue.push({ kind, content, subject, options, settle });
      this.#schedule();
    });
  }

  /** Runs work when no commit is under way: the tree is then exactly what is in the store. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.#turns_waiting += 1;
    const done = this.#turn.then(() => {
      this.#turns_waiting -= 1;
      return work();
    });
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Commits one entry at once; only for who has the turn. */
  commit(append: Omit<Pending, 'settle'>): Promise<Result<Appended>> {
    return new Promise((settle) => {
      const ready = this.#compose([{ ...append, settle }]);
      if (ready !== undefined) void this.#finish(ready, this.#start(ready));
    });
  }

  /** Syncs what is not yet; only for who has the turn. */
  sync(): Promise<void> {
    return this.#write([], true);
  }

  /** Resolves when everything that was taken is committed. */
  async idle(): Promise<void> {
    while (this.#queue.length > 0 || this.#scheduled) await this.#turn;
    await this.#turn;
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    void this.exclusive(() => this.#commitGroups());
  }

  async #commitGroups(): Promise<void> {
    await this.#gather();
    let ready = this.#compose(this.#queue.take());
    while (ready !== undefined && this.#parts.frozen() === undefined) {
      const writing = this.#start(ready);
      await this.#gather(group_entries_max);
      const overlapped = this.#turns_waiting === 0 && this.#queue.length >= overlapped_entries_min;
      const next = overlapped ? this.#compose(this.#queue.take()) : undefined;
      await this.#finish(ready, writing);
      ready = next;
    }
    if (ready !== undefined) this.#refuse(ready.admitted);
    this.#scheduled = false;
    this.#schedule();
  }

  async #gather(enough: number = this.#expected): Promise<void> {
    for (let turn = 0; turn < gather_turns_max && this.#queue.length < enough; turn += 1) await Promise.resolve();
  }

  // Puts a group into the tree, or settles all of it.
  #compose(group: readonly Pending[]): Ready | undefined {
    if (this.#parts.frozen() === undefined) {
      try {
        return this.#composed(group);
      } catch (error) {
        this.#parts.doubt(`a group could not be made: ${messageOf(error)}; the tree in memory may have a part of it`);
      }
    }
    this.#refuse(group);
    return undefined;
  }

  #composed(group: readonly Pending[]): Ready | undefined {
    const { tree } = this.#parts;
    const first_index = tree.size;
    const composed = composeGroup(this.#parts, first_index, group);
    if (!composed.ok) {
      for (const { settle } of group) settle(composed);
      return undefined;
    }
    const { admitted, entries } = composed.value;
    if (entries.length === 0) return undefined;
    const changes: Change[] = [];
    const leaf_hashes: Uint8Array[] = [];
    let news = 0;
    let sync = false;
    for (const [position, { kind, options }] of admitted.entries()) {
      const entry = entries[position] ?? new Uint8Array();
      const leaf_hash = leafHash(entry);
      leaf_hashes.push(leaf_hash);
      for (const change of tree.append(leaf_hash, entry)) changes.push(change);
      if (options.with !== undefined) changes.push(...options.with);
      news += isNews(kind) ? 1 : 0;
      sync ||= options.durable ?? true;
    }
    changes.push({ space: 'log', key: log_keys.group(first_index), value: encodeGroup(composed.value) });
    return { admitted, first_index, leaf_hashes, changes, news, sync };
  }

  // The write's promise is awaited later, so that its failure is kept as a value.
  #start(ready: Ready): Promise<unknown> {
    return this.#write(ready.changes, ready.sync).then(() => undefined, (error: unknown) => error ?? 'unknown');
  }

  async #finish({ admitted, first_index, leaf_hashes, news }: Ready, writing: Promise<unknown>): Promise<void> {
    const error = await writing;
    if (error !== undefined) {
      this.#parts.doubt(`a write failed and it is not known what reached the disk: ${messageOf(error)}`);
      return this.#refuse(admitted);
    }
    this.#size = first_index + admitted.length;
    this.news += news;
    this.#expected = Math.min(group_entries_max, this.#queue.length + admitted.length);
    for (const [position, leaf_hash] of leaf_hashes.entries()) admitted[position]?.settle(ok({ index: first_index + position, leaf_hash }));
  }

  // Whoever was settled before stays as he was.
  #refuse(group: readonly Pending[]): void {
    const failure = this.#parts.frozen();
    if (failure !== undefined) for (const { settle } of group) settle({ ok: false, failure });
  }

  // Every change of the log goes through here, so that nothing ever lies behind a gap.
  async #write(changes: readonly Change[], sync: boolean): Promise<void> {
    const { store, tree } = this.#parts;
    this.#generation += 1;
    const { size, frontier } = tree;
    const state = { space: 'log', key: log_keys.state(), value: encodeState({ size, root: tree.root(), frontier, generation: this.#generation }) } as const;
    const must_sync = sync || !this.#unsynced.admits(changes);
    const carried = this.#unsynced.changes;
    await store.batch([...carried.some(({ space }) => space !== 'log') ? await this.#asTheyAre(carried) : carried, ...changes, state], { sync: must_sync });
    if (must_sync) this.#unsynced.clear();
    else this.#unsynced.add(changes);
  }

  // What came with an entry belongs to other parts, which may have written it anew since: carried is what is there now.
  #asTheyAre(changes: readonly Change[]): Promise<Change[]> {
    return Promise.all(changes.map(async (change): Promise<Change> => {
      const { space, key } = change;
      if (space === 'log') return change;
      const value = await this.#parts.store.get(space, key);
      return value === undefined ? { space, key } : { space, key, value };
    }));
  }
}
