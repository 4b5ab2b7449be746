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
  trouble?: { readonly code: string; readonly reason: string };
}

class MirrorService implements Mirrors {
  readonly bytes_max: number;
  readonly #parts: MirrorParts;
  readonly #mirror_ms: number;
  readonly #followed = new Map<string, Followed>();
  readonly #stop = new AbortController();
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
    this.#cancel = every(clock, () => this.#mirror_ms * (0.9 + 0.2 * random.fraction()), () => this.#pullAll(), failed);
  }

  async stop(): Promise<void> {
    this.#cancel();
    this.#stop.abort();
    await this.#turn;
  }

  async follow(log: FollowedLog): Promise<Result<MirrorView>> {
    return this.#inTurn(async () => {
      if (!this.#followed.has(log.origin)) {
        if (this.#followed.size >= mirrors_max) return fail('MIRROR_LIMIT', `a host follows at most ${mirrors_max} logs`, { fix: 'drop one: agentmesh audit mirror WHO --drop' });
        const state: MirrorState = { ...log, size: 0, note: new Uint8Array(), bytes: 0, time_ms: 0 };
        await this.#parts.store.batch([{ space: 'witness', key: mirror_keys.state(log.origin), value: encodeMirror(state) }], { sync: true });
        this.#serve(state);
      }
      const followed = this.#followed.get(log.origin);
      if (followed === undefined) return fail('MIRROR_UNKNOWN', 'the log is not followed');
      const pulled = await this.#pull(followed);
      return pulled.ok ? ok(viewOf(followed)) : pulled;
    });
  }

  async drop(origin: string): Promise<Result<void>> {
    return this.#inTurn(async () => {
      const followed = this.#followed.get(origin);
      if (followed === undefined) return fail('MIRROR_UNKNOWN', `no log ${origin} is followed`, { fix: 'agentmesh audit mirror lists those that are' });
      followed.unserve();
      this.#followed.delete(origin);
      await followed.log.remove();
      return ok(undefined);
    });
  }

  list(): readonly MirrorView[] {
    return [...this.#followed.values()].map(viewOf);
  }

  #serve(state: MirrorState): void {
    const { clock, store, tiles } = this.#parts;
    const log = new MirrorLog({
      store,
      now: () => clock.now(),
      fetch: (path) => this.#fetch(state, path),
      witnessKey: (name) => this.#parts.witnessKey(name),
      hasRoom: (bytes) => this.#used() + bytes <= this.bytes_max,
    }, state);
    this.#followed.set(state.origin, { log, unserve: tiles.add(log) });
  }

  #used(): number {
    let used = 0;
    for (const { log } of this.#followed.values()) used += log.state.bytes;
    return used;
  }

  // The host itself first: others may have less of its log.
  async #fetch({ did, origin }: FollowedLog, path: string): Promise<Result<Uint8Array>> {
    const { network, tiles } = this.#parts;
    const { signal } = this.#stop;
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
    const done = this.#turn.then(() => (this.#stop.signal.aborted ? fail('MIRROR_STOPPED', 'this host is stopping') : work()));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #pullAll(): Promise<void> {
    for (const followed of this.#followed.values()) {
      await this.#inTurn(() => (this.#followed.get(followed.log.origin) === followed ? this.#pull(followed) : Promise.resolve(ok(0))));
    }
  }

  async #pull(followed: Followed): Promise<Result<number>> {
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

function viewOf({ log: { state }, trouble }: Followed): MirrorView {
  const { did, origin, size, bytes, time_ms } = state;
  return { did, origin, size, bytes, time_ms, ...(trouble === undefined ? {} : { trouble }) };
}
