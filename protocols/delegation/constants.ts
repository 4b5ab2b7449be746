import type { ProtocolLimits } from '../ports.ts';

/** The wire name of handing over delegations and reporting their completion. */
export const delegation_protocol = '/agentmesh/delegation/1';
/** The life of a delegation that says nothing else. */
export const delegation_lifetime_s = 3600;
/** Delegations that this host keeps: of those that were issued here, and again of those that others gave. */
export const delegations_max = 10_000;
/** Of those that others gave: for one holder, and under one root that nobody on this host honours. */
export const delegations_of_holder_max = 1000;
export const delegations_of_foreign_root_max = 64;

/** Chains under which agents of this host were given commands that are remembered, for the report of their completion. */
export const served_max = 10_000;

/** How long after it was signed a completion is taken. */
export const completion_lifetime_s = 600;

/** Bounds of one exchange: a chain and the records of its issuers. */
export const delegation_limits: ProtocolLimits = {
  request_bytes_max: 256 * 1024,
  response_bytes_max: 4096,
  exchanges_per_peer_max: 16,
  exchange_ms_max: 15_000,
};
