import type { ProtocolLimits } from '../ports.ts';

/** The wire name of the handshake. */
export const handshake_protocol = '/agentmesh/handshake/1';
/** What separates a handshake's signatures from any other. */
export const handshake_domain = 'agentmesh-handshake/1\0';
/** The life of a session. */
export const session_ms: number = 15 * 60_000;
/** The time between the responder's answer and the initiator's proof. */
export const pending_ms_max = 30_000;
/** Handshakes that have been answered but not proven, in all and of one peer. */
export const pending_max = 1024;
export const pending_per_peer_max = 32;
/** Sessions that a node remembers, in all and of one peer. */
export const sessions_max = 20_000;
export const sessions_per_peer_max = 256;
/** How often expired sessions are looked for. */
export const sessions_swept_ms = 60_000;
/** Capabilities that one side may name. */
export const capabilities_offered_max = 32;

/** Bounds of one exchange: two records and their sponsors' fit well. */
export const handshake_limits: ProtocolLimits = {
  request_bytes_max: 64 * 1024,
  response_bytes_max: 64 * 1024,
  exchanges_per_peer_max: 32,
  exchange_ms_max: 10_000,
};
