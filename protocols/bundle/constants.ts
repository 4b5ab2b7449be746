import { bundle_bytes_max } from '../../crypto/policy-bundle.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import type { ProtocolLimits } from '../ports.ts';

/** Asking a peer for a bundle of policies by its hash. */
export const bundle_protocol = '/agentmesh/bundle/1';

/** Bounds of one exchange. */
export const bundle_limits: ProtocolLimits = {
  request_bytes_max: digest_bytes,
  response_bytes_max: bundle_bytes_max,
  exchanges_per_peer_max: 4,
  exchange_ms_max: 10_000,
};

/** Policies in one bundle. */
export const bundle_policies_max = 64;
/** The longest name of a file in a bundle. */
export const bundle_file_length_max = 128;

/** Peers that are asked for one bundle before it is given up until later. */
export const bundle_peers_max = 24;
/** Peers that are asked at once, so that those who never answer hold up nobody. */
export const bundle_peers_at_once = 3;
/** Bytes of bundles that one peer is given within a minute. */
export const bundle_bytes_per_peer_max: number = 16 * bundle_bytes_max;
/** What a request costs a peer of them at least. */
export const bundle_cost_bytes_min = 4_096;
