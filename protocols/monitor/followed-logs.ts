/** The logs that are followed: what is remembered of each, kept in the store, and where a checkpoint stands among those seen before. */
import { equal, utf8 } from '../../crypto/bytes.ts';
import type { Verifier } from '../../crypto/note.ts';
import { RecentMap } from '../../crypto/recent.ts';
import { messageOf } from '../../crypto/result.ts';
import type { Clock, Recorder, Store } from '../ports.ts';
import { explained_notes_max, followed_logs_max, linked_logs_max, met_logs_max, open_challenges_max, owing_ms_max, quiet_ms_max } from './constants.ts';
import type { SeenNote } from './seen-note.ts';
import { decodeFollowed, encodeFollowed, followedKey, type Followed, type OpenChallenge } from './state.ts';
import type { Succession } from './succession.ts';

/** What {@link FollowedLogs} uses. */
export interface FollowedLogsParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly recorder: Recorder;
  /** Whether a host has proven to this one who it is. */
  isMet(did: string): boolean;
  /** Whether there is evidence against a host: then nothing more has to be remembered of its log. */
  exposed(did: string): boolean;
}

function isSame(a: SeenNote, b: SeenNote): boolean {
  return a.size === b.size && equal(a.root, b.root);
}

/** Every log that is followed. */
export class FollowedLogs {
  readonly #parts: FollowedLogsParts;
  readonly #logs = new Map<string, Followed>();
  // The origins of the logs of each host.
  readonly #hosts = new Map<string, Set<string>>();
  // Checkpoints that were proven to belong to the same history as the largest one, by origin and size.
  readonly #explained = new RecentMap<string, SeenNote>(explained_notes_max);
  readonly #dirty = new Set<string>();
  #writing: Promise<void> | undefined;

  constructor(parts: FollowedLogsParts) {
    this.#parts = parts;
  }

  /** Reads what is remembered. What is damaged is forgotten: the log is then met anew. */
  async load(): Promise<void> {
    for await (const [, bytes] of this.#parts.store.entries('witness', { gte: utf8('m'), lt: utf8('n') })) {
      const followed = decodeFollowed(bytes);
      if (followed.ok) this.#put(followed.value.held.origin, followed.value);
      else this.#parts.recorder.record({ kind: 'audit.monitor.failed', reason: followed.failure.reason });
    }
  }

  /** What is remembered of a log. */
  get(origin: string): Followed | undefined {
    return this.#logs.get(origin);
  }

  /** The logs of one host; where it has too many to be held against each other, those that were followed last. */
  ofHost(did: string): readonly Followed[] {
    const logs = [...this.#hosts.get(did) ?? []].flatMap((origin) => this.#logs.get(origin) ?? []);
    return logs.length <= linked_logs_max ? logs : logs.toSorted((a, b) => a.since_ms - b.since_ms).slice(-linked_logs_max);
  }

  /** Every log. */
  all(): readonly Followed[] {
    return [...this.#logs.values()];
  }

  /** Whether exactly this checkpoint was seen before. */
  knows(note: SeenNote): boolean {
    return this.#seen(note).some((each) => isSame(each, note));
  }

  /** A checkpoint of the same log and size with another root. */
  rival(note: SeenNote): SeenNote | undefined {
    return this.#seen(note).find((each) => each.size === note.size && !equal(each.root, note.root));
  }

  #seen(note: SeenNote): readonly SeenNote[] {
    const followed = this.#logs.get(note.origin);
    const explained = this.#explained.get(`${note.origin} ${note.size}`);
    return [...followed === undefined ? [] : [followed.held, ...followed.open.map((each) => each.note)], ...explained === undefined ? [] : [explained]];
  }

  /** Begins to follow a log that has this key; false where there is no place for it. */
  begin(held: SeenNote, verifier: Verifier): boolean {
    const now_ms = this.#parts.clock.now();
    if (!this.#hasPlace(held.did, now_ms)) return false;
    this.#set(held.origin, { verifier, held, since_ms: now_ms, news_ms: now_ms, open: [], suspected_ms: null });
    return true;
  }

  /** Remembers a checkpoint that has to be proven; false where too many of that log are. */
  challenge(note: SeenNote): boolean {
    const followed = this.#logs.get(note.origin);
    if (followed === undefined || followed.open.length >= open_challenges_max) return false;
    const challenge: OpenChallenge = { note, since_ms: this.#parts.clock.now(), unanswered_ms: 0, tries: 0 };
    // In the order of their sizes, so that each proof leads to where the next begins.
    this.#set(note.origin, { ...followed, open: [...followed.open, challenge].toSorted((a, b) => a.note.size - b.note.size) });
    return true;
  }

  /** A checkpoint was proven to be of the same history as the largest one. */
  explained(note: SeenNote): void {
    const followed = this.#logs.get(note.origin);
    if (followed === undefined) return;
    const held = note.size > followed.held.size ? note : followed.held;
    for (const each of [note, followed.held]) this.#explained.set(`${each.origin} ${each.size}`, each);
    const open = followed.open.filter((each) => !isSame(each.note, note));
    const news_ms = held === note ? this.#parts.clock.now() : followed.news_ms;
    this.#set(note.origin, { ...followed, held, open, news_ms, suspected_ms: open.length === 0 ? null : followed.suspected_ms });
  }

  /** A challenge was left unanswered once more; this much time counts. */
  unanswered(note: SeenNote, counted_ms: number): OpenChallenge | undefined {
    const followed = this.#logs.get(note.origin);
    const challenge = followed?.open.find((each) => isSame(each.note, note));
    if (followed === undefined || challenge === undefined) return undefined;
    const counted = { ...challenge, tries: challenge.tries + 1, unanswered_ms: challenge.unanswered_ms + counted_ms };
    this.#set(note.origin, { ...followed, open: followed.open.map((each) => (each === challenge ? counted : each)) });
    return counted;
  }

  /** A log is suspected from now on. */
  suspect(origin: string): void {
    const followed = this.#logs.get(origin);
    if (followed !== undefined && followed.suspected_ms === null) this.#set(origin, { ...followed, suspected_ms: this.#parts.clock.now() });
  }

  /** It is known how a log goes on after another one. */
  succeeds(origin: string, succession: Succession): void {
    const followed = this.#logs.get(origin);
    if (followed !== undefined) this.#set(origin, { ...followed, succession });
  }

  /** Resolves when everything is in the store. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #set(origin: string, followed: Followed): void {
    this.#put(origin, followed);
    this.#write(origin);
  }

  #put(origin: string, followed: Followed): void {
    const { did } = followed.held;
    this.#logs.set(origin, followed);
    this.#hosts.set(did, (this.#hosts.get(did) ?? new Set()).add(origin));
  }

  #remove(origin: string): void {
    const did = this.#logs.get(origin)?.held.did ?? '';
    const origins = this.#hosts.get(did);
    origins?.delete(origin);
    if (origins?.size === 0) this.#hosts.delete(did);
    this.#logs.delete(origin);
  }

  #write(origin: string): void {
    this.#dirty.add(origin);
    this.#writing ??= this.#writeAll()
      .catch((error: unknown) => this.#parts.recorder.record({ kind: 'audit.monitor.failed', reason: messageOf(error) }))
      .finally(() => { this.#writing = undefined; });
  }

  async #writeAll(): Promise<void> {
    while (this.#dirty.size > 0) {
      const origins = [...this.#dirty];
      this.#dirty.clear();
      const changes = origins.map((origin) => {
        const followed = this.#logs.get(origin);
        const key = followedKey(origin);
        return followed === undefined ? { space: 'witness', key } as const : { space: 'witness', key, value: encodeFollowed(followed) } as const;
      });
      await this.#parts.store.batch(changes, { sync: false });
    }
  }

  /** Logs of hosts that were met have places of their own; a stranger's log takes that of one that is exposed, or has long been quiet. */
  #hasPlace(did: string, now_ms: number): boolean {
    const { isMet } = this.#parts;
    if (this.#logs.size < followed_logs_max) return true;
    if (isMet(did) && this.#logs.size < followed_logs_max + met_logs_max) return true;
    let least: { readonly origin: string; readonly left_ms: number } | undefined;
    for (const [origin, each] of this.#logs) {
      const left_ms = this.#keptUntil(each) - now_ms;
      if (left_ms < (least?.left_ms ?? 0) && !isMet(each.held.did)) least = { origin, left_ms };
    }
    if (least === undefined) return false;
    this.#remove(least.origin);
    this.#write(least.origin);
    return true;
  }

  /** Until when a stranger's log keeps its place although others wait for it. */
  #keptUntil({ held, news_ms, open }: Followed): number {
    if (this.#parts.exposed(held.did)) return 0;
    return news_ms + (open.length === 0 ? quiet_ms_max : owing_ms_max);
  }
}
