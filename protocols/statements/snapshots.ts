/**
 * Which parts of which days are being streamed from which peer, so that two
 * peers share the work for one who comes late, and how far each part has come,
 * so that it can go on with another peer.
 */
import { RecentMap } from '../../crypto/recent.ts';
import type { StatementDay, StatementTopic } from '../../storage/statements.ts';
import type { Clock } from '../ports.ts';
import { snapshot_again_ms, snapshot_below, snapshot_from, snapshot_parts_from, snapshot_parts_max, snapshot_trusted_ms } from './constants.ts';

/** A part of a day's statements. */
export interface SnapshotPart {
  readonly topic: StatementTopic;
  readonly day: number;
  /** Nothing, or one hex digit. */
  readonly prefix: string;
}

const all_parts: readonly string[] = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

const nameOf = ({ topic, day, prefix }: SnapshotPart): string => `${topic} ${day} ${prefix}`;

/** The snapshots of a host. */
export class Snapshots {
  readonly #clock: Clock;
  readonly #taken = new Set<string>();
  /** When a part of the revocations was first taken, in vain as yet. */
  readonly #first_taken_ms = new RecentMap<string, number>(snapshot_parts_max);
  readonly #reached = new RecentMap<string, Uint8Array | null>(snapshot_parts_max);
  readonly #done_ms = new RecentMap<string, number>(snapshot_parts_max);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The parts of a day to stream, where so much is missing that a walk would cost more; in an order that begins at a random place. */
  wanted(topic: StatementTopic, theirs: StatementDay, own_count: number, start: number): readonly SnapshotPart[] {
    if (theirs.count < snapshot_from || own_count >= theirs.count * snapshot_below) return [];
    const prefixes = theirs.count < snapshot_parts_from ? [''] : all_parts;
    const first = Math.floor(start * prefixes.length);
    return [...prefixes.slice(first), ...prefixes.slice(0, first)].map((prefix) => ({ topic, day: theirs.day, prefix }));
  }

  /** Takes a part, unless somebody has it or it was streamed not long ago. */
  take(part: SnapshotPart): boolean {
    const name = nameOf(part);
    const done_ms = this.#done_ms.get(name);
    const is_done = done_ms !== undefined && this.#clock.now() - done_ms < snapshot_again_ms;
    if (is_done || this.#taken.has(name) || this.isTaken(part.topic, part.day, part.prefix)) return false;
    this.#taken.add(name);
    const first_ms = this.#first_taken_ms.get(name);
    if (first_ms === undefined || this.#clock.now() - first_ms >= snapshot_again_ms) this.#first_taken_ms.set(name, this.#clock.now());
    return true;
  }

  /** Whether somebody streams statements under this prefix. Revocations are left to whoever streams them for a short time only. */
  isTaken(topic: StatementTopic, day: number, prefix: string): boolean {
    if (this.#taken.size === 0) return false;
    return [...new Set(['', prefix.slice(0, 1)])].some((each) => {
      const name = nameOf({ topic, day, prefix: each });
      return this.#taken.has(name) && (topic !== 'revocations' || this.#clock.now() - (this.#first_taken_ms.get(name) ?? 0) < snapshot_trusted_ms);
    });
  }

  /** How far the part has come. */
  reached(part: SnapshotPart): Uint8Array | null {
    return this.#reached.get(nameOf(part)) ?? null;
  }

  /** Says how far it has come. */
  advance(part: SnapshotPart, last: Uint8Array): void {
    this.#reached.set(nameOf(part), last);
  }

  /** Gives the part back: done, or to be gone on with. */
  release(part: SnapshotPart, is_done: boolean): void {
    const name = nameOf(part);
    this.#taken.delete(name);
    if (!is_done) return;
    this.#done_ms.set(name, this.#clock.now());
    this.#reached.set(name, null);
  }
}
