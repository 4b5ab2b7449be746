import type { ProtocolLimits } from '../ports.ts';

/** The wire name of governed messages. */
export const message_protocol = '/agentmesh/message/1';
/** The arguments of one command, in their RFC 8785 form. */
export const arguments_bytes_max: number = 256 * 1024;
/** The result of one command, in its RFC 8785 form. */
export const result_bytes_max: number = 256 * 1024;
/** The life that we give an invocation: long enough to be sent again, short enough to be worthless when stolen. */
export const invocation_lifetime_s = 60;
/** How long a receipt is kept for the invocation's repetition; longer than any invocation lives. */
export const receipt_kept_s = 600;
/** Receipts that are dropped in one batch. */
export const pruned_at_once_max = 10_000;
/** Uses of delegations with a rate that are remembered: under roots that an agent here honours, and under all others together. */
export const uses_max = 200_000;
export const foreign_uses_max = 20_000;
/** The longest words in a receipt, as JSON: with the longest command they fit into a token. */
export const reason_bytes_max = 800;
export const rule_bytes_max = 200;
export const code_bytes_max = 64;

/** Bounds of one exchange. */
export const message_limits: ProtocolLimits = {
  request_bytes_max: 512 * 1024,
  response_bytes_max: 512 * 1024,
  exchanges_per_peer_max: 256,
  exchange_ms_max: 60_000,
};
