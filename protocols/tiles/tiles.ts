/**
 * Logs as anybody may read them, `/agentmesh/tile/1`: a request is a path of C2SP
 * tlog-tiles, an answer its bytes. The gateway gives the same over HTTP.
 */
import { fromUtf8, toHex, utf8 } from '../../crypto/bytes.ts';
import { parseCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { parseNote } from '../../crypto/note.ts';
import { fail, messageOf, type Result } from '../../crypto/result.ts';
import { hasTile, parseTilePath, tilePath, type TileName } from '../../crypto/tlog-tiles.ts';
import type { Clock, Network, PeerId, Recorder } from '../ports.ts';
import { encodeFailure, unlessFailure } from '../reply.ts';
import { Budget } from '../statements/budget.ts';
import { deadline } from '../time.ts';
import { tile_answer_bytes_max, tile_bytes_per_peer_max, tile_cost_bytes_min, tile_limits, tile_protocol } from './constants.ts';

/** A log that can be read: the own one, an older one of ours, or a mirrored one. */
export interface TileSource {
  readonly origin: string;
  /** The checkpoint that may be shown. Fails where there is none. */
  checkpoint(): Promise<Result<Uint8Array>>;
  /** The hashes of a tile, as its bytes. Fails where it is not at hand. */
  tile(level: number, number: number, width: number): Promise<Result<Uint8Array>>;
  /** The entries of a bundle, as its bytes. Fails where it is not at hand. */
  bundle(number: number, width: number): Promise<Result<Uint8Array>>;
}

/** What serving and asking for tiles uses. */
export interface TileParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly recorder: Recorder;
  /** The log that is read where no origin is named. */
  readonly own: TileSource;
}

/** Serves logs, and asks others for theirs. */
export interface Tiles {
  /** Serves one more log, under the hash of its origin, until the returned function is called. */
  add(source: TileSource): () => void;
  /** The bytes of a path: `checkpoint`, `tile/…`, or either after the hash of an origin in hex. Fails with `TILE_PATH_INVALID`, `TILE_LOG_UNKNOWN`, `AUDIT_NO_TILE`, or what the log fails with. */
  read(path: string): Promise<Result<Uint8Array>>;
  /** A path of a peer's own log, or of any log that it has, unverified. */
  fetch(peer: PeerId, origin: string | undefined, path: string, signal: AbortSignal): Promise<Result<Uint8Array>>;
}

/** The hash under which a log is named in paths: SHA-256 of its origin, hex. */
export function originHash(origin: string): string {
  return toHex(sha256(utf8(origin)));
}

/** The service that answers for the logs of a host. Make it before the network starts. */
export function tiles(): (parts: TileParts) => Tiles {
  return (parts) => new TileService(parts);
}

const hashed_path = /^(?<hash>[0-9a-f]{64})\/(?<rest>.*)$/s;

class TileService implements Tiles {
  readonly #parts: TileParts;
  readonly #sources = new Map<string, TileSource>();
  readonly #budget: Budget;
  // How large the tree of each log was at the last checkpoint that was shown: it only grows.
  readonly #sizes = new WeakMap<TileSource, number>();

  constructor(parts: TileParts) {
    this.#parts = parts;
    this.#budget = new Budget(parts.clock, tile_bytes_per_peer_max);
    this.#sources.set(originHash(parts.own.origin), parts.own);
    parts.network.handle(tile_protocol, tile_limits, (request, from) => this.#answer(request, from));
  }

  add(source: TileSource): () => void {
    const name = originHash(source.origin);
    this.#sources.set(name, source);
    return () => {
      if (this.#sources.get(name) === source) this.#sources.delete(name);
    };
  }

  async read(path: string): Promise<Result<Uint8Array>> {
    const groups = hashed_path.exec(path)?.groups;
    const resource = parseTilePath(groups?.['rest'] ?? path);
    if (!resource.ok) return resource;
    const source = groups === undefined ? this.#parts.own : this.#sources.get(groups['hash'] ?? '');
    if (source === undefined) return fail('TILE_LOG_UNKNOWN', 'this host has no log of that origin');
    if (resource.value.kind === 'checkpoint') return source.checkpoint();
    return this.#tile(source, resource.value);
  }

  // Only what a checkpoint that may be shown covers: everything else can still change in a recovery.
  async #tile(source: TileSource, tile: TileName): Promise<Result<Uint8Array>> {
    if (!hasTile(this.#sizes.get(source) ?? 0, tile)) {
      const size = await sizeOf(source);
      if (!size.ok) return size;
      this.#sizes.set(source, size.value);
      if (!hasTile(size.value, tile)) return fail('AUDIT_NO_TILE', `the log has no ${tilePath(tile)} at its ${size.value} entries`, { fix: 'read its checkpoint again' });
    }
    const { level, number, width } = tile;
    return level === 'entries' ? source.bundle(number, width) : source.tile(level, number, width);
  }

  async #answer(request: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const { network, recorder } = this.#parts;
    if (this.#budget.isSpent(from)) return encodeFailure(fail('TILE_BUDGET', `a peer is given at most ${tile_bytes_per_peer_max} bytes of logs a minute`, { fix: 'ask again in a minute' }).failure);
    const answer = await this.#read(fromUtf8(request) ?? '');
    this.#budget.spend(from, Math.max(tile_cost_bytes_min, answer.ok ? answer.value.length : 0));
    if (answer.ok) return answer.value;
    if (answer.failure.code === 'TILE_PATH_INVALID') {
      recorder.record({ kind: 'tile.refused', peer: from, code: answer.failure.code });
      network.penalise(from, 'malformed path of a tile');
    }
    return encodeFailure(answer.failure);
  }

  async #read(path: string): Promise<Result<Uint8Array>> {
    try {
      const read = await this.read(path);
      if (read.ok && read.value.length > tile_answer_bytes_max) return fail('TILE_TOO_LARGE', `the answer has ${read.value.length} bytes, at most ${tile_answer_bytes_max} are sent`);
      return read;
    } catch (error) {
      return fail('TILE_UNREADABLE', `the log could not be read: ${messageOf(error)}`);
    }
  }

  async fetch(peer: PeerId, origin: string | undefined, path: string, signal: AbortSignal): Promise<Result<Uint8Array>> {
    const limit = deadline(this.#parts.clock, tile_limits.exchange_ms_max, signal);
    try {
      const request = utf8(origin === undefined ? path : `${originHash(origin)}/${path}`);
      return unlessFailure(await this.#parts.network.request(peer, tile_protocol, request, { limits: tile_limits, signal: limit.signal }));
    } finally {
      limit.done();
    }
  }
}

async function sizeOf(source: TileSource): Promise<Result<number>> {
  const note = await source.checkpoint();
  const parsed = note.ok ? parseNote(note.value) : note;
  const checkpoint = parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
  return checkpoint.ok ? { ok: true, value: checkpoint.value.size } : checkpoint;
}
