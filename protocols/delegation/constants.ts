import type { ProtocolLimits } from '../ports.ts';

/** The wire name of handing over delegations and reporting their completion. */
export const delegation_protocol = '/agentmesh/delegation/1';
/** The life of a delegation that says nothing else. */
export const delegation_lifetime_s = 3600;
/** Delegations that this host keeps for its agents, issued and held. */
export const delegations_max = 10_000;

/** Chains under which agents of this host were given commands that are remembered, for the report of their completion. */
export const served_max = 10_000;

/** Bounds of one exchange: a chain and the records of its issuers. */
export const delegation_limits: ProtocolLimits = {
  request_bytes_max: 256 * 1024,
  response_bytes_max: 4096,
  exchanges_per_peer_max: 16,
  exchange_ms_max: 15_000,
};
