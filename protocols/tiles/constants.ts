import { tile_path_length_max } from '../../crypto/tlog-tiles.ts';
import type { ProtocolLimits } from '../ports.ts';

/** Reading a log, tile by tile. */
export const tile_protocol = '/agentmesh/tile/1';

/** The longest answer: a bundle of 256 anchors of 255 heads each, which is what the largest logs of witnesses hold. */
export const tile_answer_bytes_max: number = 5 * 1_048_576;

/** Bounds of a request: the hash of an origin, a slash and a path. */
export const tile_limits: ProtocolLimits = {
  request_bytes_max: 64 + 1 + tile_path_length_max,
  response_bytes_max: tile_answer_bytes_max,
  exchanges_per_peer_max: 8,
  exchange_ms_max: 20_000,
};

/** Bytes that one peer is given within a minute; a full round of a large log takes many of them. */
export const tile_bytes_per_peer_max: number = 64 * 1_048_576;
/** What a request costs at least, so that empty answers are not free. */
export const tile_cost_bytes_min = 4_096;

/** The most logs of others that are followed. */
export const mirrors_max = 64;
/** How often a mirror looks for a newer head. */
export const mirror_ms_default = 60_000;
/** What all mirrors together may take of the disk, if nobody says. */
export const mirror_bytes_max_default: number = 1_073_741_824;
/** The most cosigners of a head that are looked up. */
export const mirror_cosigners_max = 15;
