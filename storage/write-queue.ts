import type { Change, Store } from './store.ts';

/** Writes to a store one after the other. What comes while one is under way goes together into the next: a thousand changes at once cost one sync. */
export class WriteQueue {
  readonly #store: Pick<Store, 'batch'>;
  #queued: Change[] = [];
  #writing: Promise<unknown> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(store: Pick<Store, 'batch'>) {
    this.#store = store;
  }

  /** Resolves when these changes are on the disk. */
  write(changes: readonly Change[]): Promise<void> {
    for (const change of changes) this.#queued.push(change);
    this.#next ??= this.#writing.then(async () => {
      const queued = this.#queued;
      this.#queued = [];
      this.#next = undefined;
      const writing = this.#store.batch(queued, { sync: true });
      this.#writing = writing.catch(() => undefined);
      await writing;
    });
    return this.#next;
  }
}
