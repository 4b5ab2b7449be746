/** The writes of all trees: what comes while one is under way goes together into the next, and what comes and goes in between is never sealed nor written. */
import type { Change, Store } from './store.ts';

/** A record on its way to the disk. */
export interface TreeChange {
  /** Of what it is: of two changes of one record that wait, the last is written. */
  readonly name: string;
  /** Whether it puts a record where none is, so that removing it again while it waits leaves nothing to be written. */
  readonly is_new: boolean;
  readonly removes: boolean;
  /** Called once, when it is written. */
  change(): Change;
}

interface Waiting {
  readonly change: TreeChange;
  /** Whether the disk has no such record now. */
  readonly is_new: boolean;
}

/** Writes changes one batch after the other. */
export class TreeWrites {
  readonly #store: Pick<Store, 'batch'>;
  #waiting = new Map<string, Waiting>();
  #writing: Promise<unknown> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(store: Pick<Store, 'batch'>) {
    this.#store = store;
  }

  #queue(change: TreeChange): void {
    const is_new = this.#waiting.get(change.name)?.is_new ?? change.is_new;
    if (is_new && change.removes) this.#waiting.delete(change.name);
    else this.#waiting.set(change.name, { change, is_new });
  }

  /** Resolves when these changes, and all before them, are on the disk. */
  write(changes: readonly TreeChange[]): Promise<void> {
    for (const change of changes) this.#queue(change);
    this.#next ??= this.#writing.then(async () => {
      const waiting = [...this.#waiting.values()];
      this.#waiting = new Map();
      this.#next = undefined;
      const writing = this.#store.batch(waiting.map(({ change }) => change.change()), { sync: true });
      this.#writing = writing.catch(() => undefined);
      await writing;
    });
    return this.#next;
  }
}
