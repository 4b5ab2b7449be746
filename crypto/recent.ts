/** A map of bounded size that forgets what was added first: for what is cheap to find again. */
export class RecentMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #entries_max: number;

  constructor(entries_max: number) {
    this.#entries_max = entries_max;
  }

  /** The value of a key that is still remembered. */
  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  /** Remembers a value, in the place of the oldest one where there is no room. */
  set(key: Key, value: Value): void {
    if (!this.#entries.has(key) && this.#entries.size >= this.#entries_max) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, value);
  }
}
