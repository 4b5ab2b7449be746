import type { ProtocolLimits } from '../ports.ts';

/** Asking a node to countersign an establishment event. */
export const identity_witness_protocol = '/agentmesh/identity-witness/1';

/** Bounds of a request: the whole event chain of a DID. The answer is a signature. */
export const identity_witness_limits: ProtocolLimits = {
  request_bytes_max: 16_384,
  response_bytes_max: 4_096,
  exchanges_per_peer_max: 8,
  exchange_ms_max: 10_000,
};

/** DIDs that one node witnesses. */
export const witnessed_dids_max = 20_000;
/** DIDs that one peer may bring to a node. */
export const witnessed_dids_per_peer_max = 64;
/** How far ahead of the witness's clock an event may be dated. */
export const event_ahead_ms_max = 300_000;
