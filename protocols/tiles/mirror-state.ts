import { bigEndian, concat, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isWhole } from '../../crypto/canonical.ts';
import { digest_bytes, sha256 } from '../../crypto/hash.ts';
import type { TileName } from '../../crypto/tlog-tiles.ts';

/** A log that is followed. */
export interface FollowedLog {
  readonly did: string;
  readonly origin: string;
  /** The vkey of the log. */
  readonly verifier_key: string;
}

/** What is kept of a followed log: everything up to `size`, which `note` covers; at size 0 there is no note yet. */
export interface MirrorState extends FollowedLog {
  readonly size: number;
  readonly note: Uint8Array;
  /** What its tiles and bundles take in the store. */
  readonly bytes: number;
  /** Unix milliseconds of the last head that was kept. */
  readonly time_ms: number;
}

const entries_level = 255;

/** Keys of mirrors in the store's space `witness`. */
export const mirror_keys = {
  /** `f` SHA-256 of the origin: the state. */
  state: (origin: string): Uint8Array => concat(utf8('f'), sha256(utf8(origin))),
  /** `t` SHA-256 of the origin, u8 level (255 for entries), u64be number: a tile or bundle, at the right edge a partial one. */
  tile: (origin: string, { level, number }: Pick<TileName, 'level' | 'number'>): Uint8Array =>
    concat(utf8('t'), sha256(utf8(origin)), Uint8Array.of(level === 'entries' ? entries_level : level), bigEndian(number, 8)),
} as const;

/** The keys of all tiles of a log. */
export function tileRange(origin: string): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  const prefix = concat(utf8('t'), sha256(utf8(origin)));
  return { gte: prefix, lt: concat(prefix, new Uint8Array(1 + 8 + digest_bytes).fill(255)) };
}

/** The bytes of a state. */
export function encodeMirror({ did, origin, verifier_key, size, note, bytes, time_ms }: MirrorState): Uint8Array {
  return encodeCbor({ did, origin, verifier_key, size, note, bytes, time_ms });
}

/** The state that was stored, or `undefined` when its bytes are none. */
export function decodeMirror(stored: Uint8Array): MirrorState | undefined {
  const decoded = decodeCbor(stored);
  if (!decoded.ok || !hasShape(decoded.value, ['did', 'origin', 'verifier_key', 'size', 'note', 'bytes', 'time_ms'])) return undefined;
  const { did, origin, verifier_key, size, note, bytes, time_ms } = decoded.value;
  if (typeof did !== 'string' || typeof origin !== 'string' || typeof verifier_key !== 'string') return undefined;
  if (!isWhole(size) || !isWhole(bytes) || !isWhole(time_ms) || !(note instanceof Uint8Array)) return undefined;
  return { did, origin, verifier_key, size, note, bytes, time_ms };
}
