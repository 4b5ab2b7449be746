/**
 * A map of bounded size that forgets what was not used lately: for what is
 * cheap to find again. It keeps two halves; when the younger one is full the
 * elder one goes as a whole, which costs nothing a call.
 */
export class RecentMap<Key, Value> {
  readonly #half_max: number;
  #younger = new Map<Key, Value>();
  #elder = new Map<Key, Value>();

  /** `entries_max` is at least 2. At least half as many of the latest entries are remembered. */
  constructor(entries_max: number) {
    this.#half_max = Math.floor(entries_max / 2);
  }

  /** The value of a key that is still remembered. */
  get(key: Key): Value | undefined {
    const value = this.#younger.get(key);
    if (value !== undefined) return value;
    const elder = this.#elder.get(key);
    if (elder !== undefined) this.set(key, elder);
    return elder;
  }

  /** Remembers a value. */
  set(key: Key, value: Value): void {
    if (this.#younger.size >= this.#half_max && !this.#younger.has(key)) {
      this.#elder = this.#younger;
      this.#younger = new Map();
    }
    this.#younger.set(key, value);
  }
}
