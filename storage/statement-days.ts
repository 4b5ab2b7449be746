/**
 * The ids of live statements by topic and by the day on which they end, as
 * tries that peers compare. A whole day leaves at once when it is over, at
 * every peer alike, so that two peers' sets do not differ by what has run out.
 */
import { IdPool } from '../crypto/id-pool.ts';
import { PrefixTrie } from '../crypto/prefix-trie.ts';
import type { Statement } from '../crypto/statement.ts';

const day_s = 86_400;

/** What is compared apart: what takes something away, which must get through first, and all the rest. */
export const statement_topics = ['revocations', 'others'] as const;

/** A part of the statements that is compared on its own. */
export type StatementTopic = typeof statement_topics[number];

/** The ids of one day. */
export interface StatementDay {
  /** Days since 1970-01-01 UTC. */
  readonly day: number;
  readonly count: number;
  /** The hash over them. */
  readonly root: Uint8Array;
}

/** The ids of one day as a trie that is not changed. */
export type DayTrie = Pick<PrefixTrie, 'size' | 'root' | 'has' | 'node' | 'hash' | 'count' | 'ids'>;

/** The day of a time in Unix seconds. */
export function dayOf(time_s: number): number {
  return Math.floor(time_s / day_s);
}

/** The topic under which a statement is compared. */
export function topicOf({ kind }: Statement): StatementTopic {
  return kind === 'endorsement' || kind === 'head' || kind === 'policy-bundle' ? 'others' : 'revocations';
}

/** Tries of all topics and days. */
export class StatementDays {
  readonly #pool = new IdPool();
  readonly #tries: { readonly [topic in StatementTopic]: Map<number, PrefixTrie> } = { revocations: new Map(), others: new Map() };

  /** Adds the id of a statement. */
  add(statement: Statement, id: Uint8Array): void {
    const tries = this.#tries[topicOf(statement)];
    const day = dayOf(statement.exp);
    const trie = tries.get(day) ?? new PrefixTrie(this.#pool);
    tries.set(day, trie);
    trie.add(id);
  }

  /** Removes the id of a statement. */
  delete(statement: Statement, id: Uint8Array): void {
    const tries = this.#tries[topicOf(statement)];
    const day = dayOf(statement.exp);
    const trie = tries.get(day);
    trie?.delete(id);
    if (trie?.size === 0) tries.delete(day);
  }

  /** The ids of a day. */
  trie(topic: StatementTopic, day: number): DayTrie | undefined {
    return this.#tries[topic].get(day);
  }

  /** The days of a topic from one day on, in order. */
  list(topic: StatementTopic, from_day: number): readonly StatementDay[] {
    return [...this.#tries[topic]]
      .filter(([day]) => day >= from_day)
      .sort(([a], [b]) => a - b)
      .map(([day, trie]) => ({ day, count: trie.size, root: trie.root() }));
  }

  /** Drops every day before one. */
  dropBefore(first_day: number): void {
    for (const topic of statement_topics) {
      for (const [day, trie] of this.#tries[topic]) {
        if (day >= first_day) continue;
        trie.clear();
        this.#tries[topic].delete(day);
      }
    }
  }
}
