import { note_bytes_max } from '../../crypto/note.ts';
import { tlog_proof_bytes_max } from '../../crypto/tlog-proof.ts';
import type { ProtocolLimits } from '../ports.ts';

/** Asking a witness for its cosignature. */
export const witness_protocol = '/agentmesh/witness/1';
/** Asking a host for its head, a proof, or what it saw of another host's log. */
export const audit_protocol = '/agentmesh/audit/1';

/** How often a head is signed and cosigned, if there is news. */
export const checkpoint_ms_default = 10_000;
/** How often the heads that were witnessed go into the own log. */
export const anchor_ms_default = 60_000;
/** How often a head is cosigned anew although there is no news, so that silence and absence differ. */
export const heartbeat_ms = 600_000;
/** How many witnesses must cosign. */
export const quorum_default = 2;
/** The most witnesses that are asked: their lines and the log's own fit into a note. */
export const witnesses_asked_max = 15;
/** Requests to one witness for one head: unknown size, told size, and once more if it moved. */
export const attempts_max = 3;
/** The most logs that one host witnesses. */
export const witnessed_logs_max = 4_096;
/** Further ones, of hosts that this one has met and of logs that its owner named: strangers without number must not keep them out. */
export const wanted_logs_max = 1_024;
/** The most requests for one log that wait for their turn. */
export const waiting_per_log_max = 128;
/** How far the own clock may be from the median of other witnesses' before it signs nothing. */
export const clock_difference_s_max = 300;
/** How many other witnesses' times are remembered, and of how many they are needed to judge the own clock. */
export const clock_samples_max = 15;
/** See {@link clock_samples_max}. */
export const clock_samples_min = 3;
/** Questions about logs that one peer gets answered within a minute. */
export const questions_per_window_max = 600;
/** How many questions one for a page of heads counts as: all logs are looked through for it. */
export const heads_question_cost = 4;
/** How long such a time says something about the own clock: longer than the heartbeat. */
export const clock_sample_ms_max: number = 2 * heartbeat_ms;
/** How long witnesses may still answer once enough have. */
export const late_ms_max = 1_000;
/** Logs that are none of the mesh and may be cosigned all the same. */
export const foreign_logs_max = 64;
/** The longest reason that is taken over from a peer. */
export const reason_length_max = 300;

/** Bounds of a cosignature request: 63 proof lines and a note; the answer is a few lines. */
export const witness_limits: ProtocolLimits = {
  request_bytes_max: note_bytes_max + 4_096,
  response_bytes_max: 8_192,
  exchanges_per_peer_max: 16,
  exchange_ms_max: 10_000,
};

/** Bounds of a question about a log. */
export const audit_limits: ProtocolLimits = {
  request_bytes_max: 4_096,
  response_bytes_max: tlog_proof_bytes_max,
  exchanges_per_peer_max: 16,
  exchange_ms_max: 10_000,
};
