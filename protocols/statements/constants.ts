import type { ProtocolLimits } from '../ports.ts';

/** The topic on which statements are pushed. */
export const statements_topic = '/agentmesh/statements/1';
/** The protocol by which two peers find what one has and the other has not. */
export const sync_protocol = '/agentmesh/sync/1';

/** Days in one answer. */
export const days_per_page_max = 4096;
/** Answers with days in one pass: enough for the hundred years that a revocation can live. */
export const day_pages_max = 10;
/** Nodes of tries in one request, so that an answer of full leaves stays below its limit. */
export const nodes_per_request_max = 960;
/** Requests for nodes in one sync. */
export const rounds_max = 64;
/** Nodes that wait to be asked for in one sync. */
export const frontier_max = 65_536;
/** Statements in one request, so that the answer stays below its limit with each at its longest. */
export const statements_per_request_max = 248;
/** How often the days are compared anew in one sync, because the peer's statements changed or more came. */
export const passes_max = 4;
/** Statements of one answer that are checked at once. */
export const admissions_at_once_max = 64;
/** Unknown issuers that are looked up at once for one sync. */
export const sync_lookups_at_once_max = 4;
/** Peers for whose pushed statements an unknown issuer is looked up at once. */
export const pushed_lookups_at_once_max = 8;
/** Bytes of statements that wait for the record of their issuer. */
export const waiting_bytes_max = 16_777_216;
/** Different issuers that were looked up in vain in one sync, after which it looks up no more. */
export const unresolved_per_sync_max = 16;
/** Asked for so many statements, a peer that had fewer than half of those that it listed is a liar; one or two may have been replaced meanwhile. */
export const undelivered_from = 8;

/** Statements of a day from which on a peer that lacks many of them streams all. */
export const snapshot_from = 256;
/** Which part of a day's statements must be here to walk to the missing ones instead. */
export const snapshot_below = 0.75;
/** Statements of a day from which on each peer streams sixteenths. */
export const snapshot_parts_from = 4096;
/** Bytes of the tokens in one page of a snapshot, before compression. */
export const snapshot_bytes_max = 917_504;
/** Tokens in one page of a snapshot. */
export const snapshot_tokens_max = 4096;
/** How long parts of a day of revocations that are being streamed are left out of syncs with others: a peer that streams slowly must not keep them from us. */
export const snapshot_trusted_ms = 60_000;
/** How long after a part was streamed nobody is asked to stream it again. */
export const snapshot_again_ms = 3_600_000;
/** Parts of snapshots whose progress is remembered. */
export const snapshot_parts_max = 4096;

/** Time from a connection to the first sync over it: before, the records of issuers cannot be looked up there. */
export const settle_ms = 1000;
/** Time from the start of a sync to its end. */
export const sync_ms_max = 60_000;
/** Syncs under way at once. */
export const syncs_max = 8;
/** Further ones with those whose turn it is, so that peers that are slow on purpose keep nobody out. */
export const turn_syncs_max = 6;
/** Mean time between two rounds of syncs. */
export const sync_period_ms = 30_000;
/** How far a single wait strays from the mean, as a part of it. */
export const sync_jitter = 0.2;
/** Random peers in a round of syncs, besides the one that was longest unseen. */
export const random_peers_per_period = 3;
/** Time between two looks at what has run out. */
export const prune_period_ms = 3_600_000;
/** Peers of which we remember when a sync with them was complete. */
export const peers_remembered_max = 1024;

/** The length of the windows over which bytes and pushes of a peer are counted. */
export const window_ms = 60_000;
/** Bytes that we take from one peer within {@link window_ms}. */
export const taken_bytes_per_window_max: number = 48 * 1_048_576;
/** Bytes that we give to one peer within {@link window_ms}: more than an honest peer takes in two. */
export const given_bytes_per_window_max: number = 128 * 1_048_576;
/** What a request costs the peer of its bytes besides those of the answer. */
export const request_cost_bytes = 16_384;
/** Pushed statements that are looked at from one peer within {@link window_ms}. */
export const pushes_per_window_max = 600;
/** Statements being checked at once, above which pushed ones are left to the next sync. */
export const admissions_max = 1024;

/** Refused statements that are remembered, not to be fetched again. */
export const refusals_max = 131_072;
/** How long a refusal is remembered at first that time or a better record may change; each time twice as long. */
export const first_refusal_ms = 20_000;
/** And how long at most. */
export const refusal_ms_max = 1_280_000;
/** How long it is for a statement that lost its place for good. */
export const lasting_refusal_ms = 86_400_000;

/** Bounds of one exchange of the sync protocol. */
export const sync_limits: ProtocolLimits = {
  request_bytes_max: 65_536,
  response_bytes_max: 1_048_576,
  exchanges_per_peer_max: 4,
  exchange_ms_max: 10_000,
};
