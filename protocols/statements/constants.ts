import type { ProtocolLimits } from '../ports.ts';

/** The topic on which statements are pushed. */
export const statements_topic = '/agentmesh/statements/1';
/** The protocol by which statements are pulled. */
export const sync_protocol = '/agentmesh/sync/1';

/** Hashes in one answer to `ids`. */
export const ids_per_page_max = 4096;
/** Pages of hashes in one pull: enough for everything that a store may hold. */
export const pages_per_pull_max = 32;
/** Statements in one request, so that the answer stays below its limit with each at its longest. */
export const statements_per_request_max = 128;
/** Statements fetched in one pull; the next pull goes on with others. */
export const statements_per_pull_max = 2048;
/** Statements of unknown issuers in one pull, after which it ends: each may cost a look-up. */
export const unresolved_per_pull_max = 16;
/** Time from the start of a pull to its end. */
export const pull_ms_max = 60_000;
/** Pulls under way at once. */
export const pulls_max = 4;
/** Mean time between two pulls from a random peer. */
export const pull_period_ms = 30_000;
/** How far a single wait strays from the mean, as a part of it. */
export const pull_jitter = 0.2;
/** Time between two removals of what has run out. */
export const prune_period_ms = 3_600_000;

/** Pushed statements being checked at once; more are left to the next pull. */
export const admissions_max = 256;
/** Pushed statements that are looked at from one peer within {@link push_window_ms}. */
export const pushes_per_window_max = 600;
/** The length of the window over which pushes are counted. */
export const push_window_ms = 60_000;

/** Bounds of one exchange of the sync protocol. */
export const sync_limits: ProtocolLimits = {
  request_bytes_max: 16_384,
  response_bytes_max: 1_048_576,
  exchanges_per_peer_max: 4,
  exchange_ms_max: 10_000,
};
