/** How other policies, or policies in shadow mode, would have decided: counted, by rule, with examples. */
import type { Verdict } from '../kernel/policy/policy.ts';
import type { RecordedDecision } from './recorded.ts';
import type { Replayed } from './replay.ts';

/** How many examples of each change are kept. */
export const examples_max = 3;
/** How many different changes are told apart; what is beyond is counted. */
export const changes_max = 1_000;

/** What became of a decision. */
export type Direction = 'same' | 'looser' | 'stricter' | 'unknown';

/** Decisions that changed alike. */
export interface Change {
  readonly direction: Direction;
  readonly from: Verdict['effect'];
  readonly from_rule: string | null;
  readonly to: Replayed['verdict'];
  readonly to_rule: string | null;
  readonly count: number;
  /** The first of them. */
  readonly examples: readonly { readonly index: number; readonly time_ms: number; readonly agent: string; readonly action: unknown }[];
}

/** The whole report. */
export interface DivergenceReport {
  /** Decisions that were decided again. */
  readonly decisions: number;
  readonly same: number;
  readonly looser: number;
  readonly stricter: number;
  /** Decisions that hang on what their records do not hold. */
  readonly unknown: number;
  /** `unknown` of `decisions`, 0 to 100. */
  readonly unknown_percent: number;
  /** Decisions that no policy made: of the kernel before any policy. */
  readonly outside: number;
  /** Records that are no decisions, or about agents that the policy is not for. */
  readonly passed_over: number;
  /** Looser ones first, then by count. */
  readonly changes: readonly Change[];
  /** Changes that were counted and not told apart. */
  readonly changes_left_out: number;
}

interface Counting {
  readonly change: Omit<Change, 'count' | 'examples'>;
  count: number;
  readonly examples: Change['examples'][number][];
}

const rank: { readonly [effect in Verdict['effect']]: number } = { allow: 0, require_approval: 1, deny: 2 };
const order: readonly Direction[] = ['looser', 'stricter', 'unknown', 'same'];

/** Whether one verdict permits more than another. */
export function directionOf(from: Verdict['effect'], to: Replayed['verdict']): Direction {
  if (to === 'unknown') return 'unknown';
  return rank[to] === rank[from] ? 'same' : rank[to] < rank[from] ? 'looser' : 'stricter';
}

/** Counts divergences. */
export class Divergence {
  readonly #changes = new Map<string, Counting>();
  readonly #counts: { [direction in Direction]: number } = { same: 0, looser: 0, stricter: 0, unknown: 0 };
  #outside = 0;
  #passed_over = 0;
  #left_out = 0;

  /** How many records were looked at. */
  get looked_at(): number {
    const { same, looser, stricter, unknown } = this.#counts;
    return same + looser + stricter + unknown + this.#outside + this.#passed_over;
  }

  /** Notes a decision that no policy made. */
  outside({ weight }: RecordedDecision): void {
    this.#outside += weight;
  }

  /** Notes a record that is passed over. */
  pass(): void {
    this.#passed_over += 1;
  }

  /** Notes what a decision would be. */
  note(record: RecordedDecision, to: Replayed): void {
    const direction = directionOf(record.verdict, to.verdict);
    this.#counts[direction] += record.weight;
    if (direction === 'same') return;
    const change = { direction, from: record.verdict, from_rule: record.rule, to: to.verdict, to_rule: to.rule };
    const key = JSON.stringify(change);
    const counting = this.#changes.get(key) ?? { change, count: 0, examples: [] };
    if (!this.#changes.has(key) && this.#changes.size >= changes_max) {
      this.#left_out += record.weight;
      return;
    }
    this.#changes.set(key, counting);
    counting.count += record.weight;
    if (counting.examples.length < examples_max) counting.examples.push({ index: record.index, time_ms: record.time_ms, agent: record.agent, action: record.request.action });
  }

  /** What was counted so far. */
  report(): DivergenceReport {
    const { same, looser, stricter, unknown } = this.#counts;
    const decisions = same + looser + stricter + unknown;
    const changes = Array.from(this.#changes.values(), ({ change: { direction, from, from_rule, to, to_rule }, count, examples }): Change => ({ direction, from, from_rule, to, to_rule, count, examples }));
    changes.sort((a, b) => order.indexOf(a.direction) - order.indexOf(b.direction) || b.count - a.count);
    return {
      decisions, same, looser, stricter, unknown,
      unknown_percent: decisions === 0 ? 0 : Math.round((1000 * unknown) / decisions) / 10,
      outside: this.#outside,
      passed_over: this.#passed_over,
      changes,
      changes_left_out: this.#left_out,
    };
  }
}
