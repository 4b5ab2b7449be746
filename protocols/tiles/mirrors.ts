/** The logs of others that this host follows: copied after each newer cosigned checkpoint, and served like the own one. */
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { Clock, Network, PeerId, Random, Recorder, Store } from '../ports.ts';
import { every } from '../time.ts';
import { mirror_bytes_max_default, mirror_ms_default, mirrors_max } from './constants.ts';
import { MirrorLog } from './mirror.ts';
import { decodeMirror, encodeMirror, mirror_keys, type FollowedLog, type MirrorState } from './mirror-state.ts';
import type { Tiles } from './tiles.ts';

/** How logs of others are followed. */
export interface MirrorInit {
  /** How often newer checkpoints are looked for. */
  readonly mirror_ms?: number;
  /** What all mirrors together may take of the disk. */
  readonly mirror_bytes_max?: number;
}

/** What following uses. */
export interface MirrorParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly recorder: Recorder;
  readonly tiles: Tiles;
  /** Hears of every checkpoint of a log that contradicts what is mirrored of it, and of that. */
  contradicted?(note: Uint8Array): void;
  /** The log that goes on after a log of its host, if one is known to. */
  successor?(origin: string): FollowedLog | undefined;
  /** The peer on which a DID lives. */
  place(did: string): Promise<Result<PeerId>>;
  /** The vkey of the witness of a name, if it can be known. */
  witnessKey(name: string): Promise<string | undefined>;
}

/** A followed log, as its owner sees it. */
export interface MirrorView extends Pick<MirrorState, 'did' | 'origin' | 'size' | 'bytes' | 'time_ms'> {
  /** Why the last attempt brought nothing, if so. */
  readonly trouble?: { readonly code: string; readonly reason: string };
}

/** The mirrors of a host. */
export interface Mirrors {
  /** Serves what is mirrored, and begins to look for news. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Follows a log and copies it. Fails with `MIRROR_LIMIT`, and with what the first copying fails with; it is followed all the same. */
  follow(log: FollowedLog): Promise<Result<MirrorView>>;
  /** Follows it no longer and removes the copy. Fails with `MIRROR_UNKNOWN`. */
  drop(origin: string): Promise<Result<void>>;
  list(): readonly MirrorView[];
  /** What all mirrors may take of the disk, in bytes. */
  readonly bytes_max: number;
}

/** The mirrors of a host. */
export function mirrors(init: MirrorInit = {}): (parts: MirrorParts) => Mirrors {
  return (parts) => new MirrorService(init, parts);
}

interface Followed {
  readonly log: MirrorLog;
  readonly unserve: () => void;
  /** Ends what is under way for it. */
  readonly stop: AbortController;
  /** The copying that is under way: each log has its own, so that a host that answers slowly holds up no other. */
  pulling?: Promise<Result<number>>;
  trouble?: { readonly code: string; readonly reason: string };
  /** Whether it was recorded that the log after it finds no place. */
  is_last?: boolean;
}

class MirrorService implements Mirrors {
  readonly bytes_max: number;
  readonly #parts: MirrorParts;
  readonly #mirror_ms: number;
  readonly #followed = new Map<string, Followed>();
  #stopped = false;
  #cancel = (): void => undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(init: MirrorInit, parts: MirrorParts) {
    this.#parts = parts;
    this.bytes_max = init.mirror_bytes_max ?? mirror_bytes_max_default;
    this.#mirror_ms = init.mirror_ms ?? mirror_ms_default;
  }

  async start(): Promise<void> {
    const { clock, random, recorder, store } = this.#parts;
    for await (const [key, value] of store.entries('witness', { gte: Uint8Array.of(0x66), lt: Uint8Array.of(0x67), limit: mirrors_max })) {
      const state = decodeMirror(value);
      if (state === undefined) recorder.record({ kind: 'mirror.damaged', key_bytes: key.length });
      else this.#serve(state);
    }
    const failed = (error: unknown): void => recorder.record({ kind: 'mirror.failed', reason: messageOf(error) });
    this.#cancel = every(clock, () => this.#mirror_ms * (0.9 + 0.2 * random.fraction()), async () => this.#pullAll(failed), failed);
  }

  async stop(): Promise<void> {
    this.#cancel();
    this.#stopped = true;
    for (const { stop } of this.#followed.values()) stop.abort();
    await this.#turn;
    await Promise.allSettled([...this.#followed.values()].map(async ({ pulling }) => pulling));
  }

  async follow(log: FollowedLog): Promise<Result<MirrorView>> {
    const followed = await this.#inTurn(() => this.#begin(log));
    if (!followed.ok) return followed;
    // What is under way may have begun before the newest head.
    await followed.value.pulling?.catch(() => undefined);
    const pulled = await this.#pull(followed.value);
    return pulled.ok ? ok(viewOf(followed.value)) : pulled;
  }

  async #begin(log: FollowedLog): Promise<Result<Followed>> {
    const known = this.#followed.get(log.origin);
    if (known !== undefined) return ok(known);
    if (this.#followed.size >= mirrors_max) return fail('MIRROR_LIMIT', `a host follows at most ${mirrors_max} logs`, { fix: 'drop one: agentmesh audit mirror WHO --drop' });
    const state: MirrorState = { ...log, size: 0, note: new Uint8Array(), bytes: 0, time_ms: 0 };
    await this.#parts.store.batch([{ space: 'witness', key: mirror_keys.state(log.origin), value: encodeMirror(state) }], { sync: true });
    return ok(this.#serve(state));
  }

  async drop(origin: string): Promise<Result<void>> {
    return this.#inTurn(async () => {
      const followed = this.#followed.get(origin);
      if (followed === undefined) return fail('MIRROR_UNKNOWN', `no log ${origin} is followed`, { fix: 'agentmesh audit mirror lists those that are' });
      followed.unserve();
      this.#followed.delete(origin);
      followed.stop.abort();
      await followed.pulling?.catch(() => undefined);
      await followed.log.remove();
      return ok(undefined);
    });
  }

  list(): readonly MirrorView[] {
    return [...this.#followed.values()].map(viewOf);
  }

  #serve(state: MirrorState): Followed {
    const { clock, store, tiles } = this.#parts;
    const stop = new AbortController();
    const log = new MirrorLog({
      store,
      now: () => clock.now(),
      fetch: (path) => this.#fetch(state, path, stop.signal),
      witnessKey: (name) => this.#parts.witnessKey(name),
      contradicted: (note) => this.#parts.contradicted?.(note),
      hasRoom: (bytes) => this.#used() + bytes <= this.bytes_max,
    }, state);
    const followed: Followed = { log, unserve: tiles.add(log), stop };
    this.#followed.set(state.origin, followed);
    return followed;
  }

  #used(): number {
    let used = 0;
    for (const { log } of this.#followed.values()) used += log.state.bytes;
    return used;
  }

  // The host itself first: others may have less of its log.
  async #fetch({ did, origin }: FollowedLog, path: string, signal: AbortSignal): Promise<Result<Uint8Array>> {
    const { network, tiles } = this.#parts;
    if (signal.aborted) return stopped;
    const place = await this.#parts.place(did);
    const first = place.ok ? await tiles.fetch(place.value, origin, path, signal) : place;
    if (first.ok) return first;
    for (const { id } of network.peers()) {
      if (signal.aborted || (place.ok && id === place.value)) continue;
      const answer = await tiles.fetch(id, origin, path, signal);
      if (answer.ok) return answer;
    }
    return first;
  }

  #inTurn<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    const done = this.#turn.then(() => (this.#stopped ? stopped : work()));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #pullAll(failed: (error: unknown) => void): void {
    for (const followed of this.#followed.values()) {
      if (followed.pulling === undefined) this.#pull(followed).catch(failed);
      this.#goOn(followed).catch(failed);
    }
  }

  /** Follows the log after a followed one too, which stays as it is. */
  async #goOn(followed: Followed): Promise<void> {
    const { origin } = followed.log;
    const next = this.#parts.successor?.(origin);
    if (next === undefined || this.#followed.has(next.origin)) return;
    // Who dropped it meanwhile wants no more of that host.
    const begun = await this.#inTurn(async () => (this.#followed.get(origin) === followed ? this.#begin(next) : stopped));
    const { recorder } = this.#parts;
    if (!begun.ok) {
      const { code, reason } = begun.failure;
      if (code !== 'MIRROR_LIMIT' || followed.is_last === true) return;
      followed.is_last = true;
      recorder.record({ kind: 'mirror.refused', origin: next.origin, code, reason });
      return;
    }
    if (this.#stopped) return;
    recorder.record({ kind: 'mirror.succeeded', origin: next.origin, after: origin });
    await this.#pull(begun.value);
  }

  /** Copies what is new of a log, once at a time. */
  #pull(followed: Followed): Promise<Result<number>> {
    followed.pulling ??= this.#pullNow(followed).finally(() => { delete followed.pulling; });
    return followed.pulling;
  }

  async #pullNow(followed: Followed): Promise<Result<number>> {
    const { recorder } = this.#parts;
    const { origin } = followed.log;
    const pulled = await followed.log.pull();
    if (pulled.ok) {
      delete followed.trouble;
      if (pulled.value > 0) recorder.record({ kind: 'mirror.pulled', origin, entries: pulled.value, size: followed.log.state.size });
      return pulled;
    }
    const { code, reason } = pulled.failure;
    // The same trouble every minute is one fact.
    if (followed.trouble?.code !== code) recorder.record({ kind: 'mirror.refused', origin, code, reason });
    followed.trouble = { code, reason };
    return pulled;
  }
}

const stopped = fail('MIRROR_STOPPED', 'the log is followed no longer, or this host is stopping');

function viewOf({ log: { state }, trouble }: Followed): MirrorView {
  const { did, origin, size, bytes, time_ms } = state;
  return { did, origin, size, bytes, time_ms, ...(trouble === undefined ? {} : { trouble }) };
}
