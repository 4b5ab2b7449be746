import type { Fact, Recorder } from '../../protocols/ports.ts';

const kinds_max = 512;
const trouble = /(?:refused|failed|too-large|penalised|stale-answer|rollback-refused|equivocation|duplicity|unreadable|unusable|fork-evidence|frozen|suspected|exposed)$/;

/** How often something happened. */
export interface Count {
  /** The fact's kind, and its code where it has one. */
  readonly what: string;
  readonly count: number;
}

/** A recorder that counts every kind of fact and passes it on. */
export class CountingRecorder implements Recorder {
  readonly #next: Recorder | undefined;
  readonly #counts = new Map<string, number>();

  constructor(next: Recorder | undefined) {
    this.#next = next;
  }

  record(fact: Fact): void {
    const { kind, code } = fact;
    const what = typeof code === 'string' ? `${kind} ${code}` : kind;
    // A code can come from a peer; new ones stop being told apart before they can fill anything.
    const counted = this.#counts.has(what) || this.#counts.size < kinds_max ? what : kind.slice(0, 64);
    if (this.#counts.has(counted) || this.#counts.size < 2 * kinds_max) this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
    this.#next?.record(fact);
  }

  /** What was refused or went wrong, the most frequent first. */
  troubles(): readonly Count[] {
    return [...this.#counts]
      .filter(([what]) => trouble.test(what.split(' ')[0] ?? ''))
      .map(([what, count]) => ({ what, count }))
      .sort((a, b) => b.count - a.count || (a.what < b.what ? -1 : 1));
  }
}
