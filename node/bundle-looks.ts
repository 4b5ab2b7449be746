/** Looks at bundles, one at a time for each: what comes meanwhile makes it look again. */

interface Look {
  again: boolean;
  readonly done: Promise<void>;
}

/** The looks under way. */
export class BundleLooks {
  readonly #consider: (organisation: string, name: string) => Promise<void>;
  readonly #failed: (organisation: string, name: string, error: unknown) => void;
  readonly #under_way = new Map<string, Map<string, Look>>();
  #is_stopped = false;

  /** `consider` looks once at a bundle; `failed` is told of what it throws. */
  constructor(consider: (organisation: string, name: string) => Promise<void>, failed: (organisation: string, name: string, error: unknown) => void) {
    this.#consider = consider;
    this.#failed = failed;
  }

  /** Looks at a bundle, from the next turn on. */
  at(organisation: string, name: string): void {
    const looks = this.#under_way.get(organisation) ?? new Map<string, Look>();
    const running = looks.get(name);
    if (running !== undefined) running.again = true;
    if (running !== undefined || this.#is_stopped) return;
    this.#under_way.set(organisation, looks);
    const work = async (): Promise<void> => {
      try {
        do {
          look.again = false;
          await this.#consider(organisation, name);
        } while (look.again && !this.#is_stopped);
      } catch (error) {
        this.#failed(organisation, name, error);
      } finally {
        looks.delete(name);
        if (looks.size === 0) this.#under_way.delete(organisation);
      }
    };
    const look: Look = { again: false, done: Promise.resolve().then(work) };
    looks.set(name, look);
  }

  /** Resolves when the looks at an organisation's bundles that are under way have ended. */
  async over(organisation: string): Promise<void> {
    await Promise.all([...this.#under_way.get(organisation)?.values() ?? []].map(({ done }) => done));
  }

  /** Begins none any more, and waits for those under way. */
  async stop(): Promise<void> {
    this.#is_stopped = true;
    await Promise.all([...this.#under_way.keys()].map((organisation) => this.over(organisation)));
  }
}
