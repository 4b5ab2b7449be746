/** Lets so much work through at once; the rest waits for its turn. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(at_once_max: number) {
    this.#free = at_once_max;
  }

  /** Runs the work when its turn comes. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
