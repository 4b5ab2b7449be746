import type { Change, Store } from './store.ts';

/** Writes to a store one after the other. What comes while one is under way goes together into the next: a thousand changes at once cost one sync. */
export class WriteQueue {
  readonly #store: Pick<Store, 'batch'>;
  readonly #nameOf: ((change: Change) => string) | undefined;
  #queued = new Map<string | number, Change>();
  #writing: Promise<unknown> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** With `nameOf`, which says what a change is of, only the last change of each thing is written. */
  constructor(store: Pick<Store, 'batch'>, nameOf?: (change: Change) => string) {
    this.#store = store;
    this.#nameOf = nameOf;
  }

  /** Resolves when these changes are on the disk. */
  write(changes: readonly Change[]): Promise<void> {
    for (const change of changes) this.#queued.set(this.#nameOf?.(change) ?? this.#queued.size, change);
    this.#next ??= this.#writing.then(async () => {
      const queued = [...this.#queued.values()];
      this.#queued = new Map();
      this.#next = undefined;
      const writing = this.#store.batch(queued, { sync: true });
      this.#writing = writing.catch(() => undefined);
      await writing;
    });
    return this.#next;
  }
}
