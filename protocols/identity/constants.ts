/** The DHT namespace of DID records: keys are `/mesh/` and the 32-byte digest. */
export const record_namespace = 'mesh';
/** Answers to collect before a record is believed (of at most 20 storers). */
export const record_quorum = 3;
/** Storers of a record that are asked where one of the quorum lied: all of them. */
export const record_storers_max = 20;
/** The time that one look-up in the DHT may take. */
export const lookup_ms_max = 10_000;
/** A cached record is served without asking again for this long; an older one is served too, until it expires, and asked for meanwhile. */
export const cache_fresh_ms: number = 15 * 60_000;
/** Between two look-ups of one DID that are asked for although a record is cached: who sends names must not be able to drive look-ups (DID Resolution section 9, denial of service). */
export const fresh_rest_ms = 5000;
/** Between two look-ups of one DID in the background while nobody answers. */
export const retry_rest_ms = 30_000;
/** Between two times that the newest record of one DID is put back to storers who held an older one. */
export const repair_rest_ms: number = 10 * 60_000;
/** DIDs of which it is remembered when they were last put back. */
export const repaired_max = 1024;
/** Storers of older records that are remembered for the operator, each with the DID. */
export const stale_storers_max = 256;
/** DIDs of which it is remembered that their controller told two histories. */
export const forked_max = 4096;
/** A DID of which nobody had a valid record is not looked up again for this long. */
export const absent_ms = 30_000;
/** A sponsor whose key is here attests its agent again when the attestation has less than this left. */
export const attestation_renewal_s: number = 30 * 86_400;
/** Own records are published again this often, with a new expiry. */
export const republish_ms: number = 12 * 3_600_000;
/** The life of a published document; see decisions on 48 hours. */
export const document_lifetime_ms: number = 48 * 3_600_000;
/** Look-ups that may be remembered as absent. */
export const absent_max = 4096;
/** DIDs of which it is remembered when they were last seen, asked for afresh, or made doubtful by a statement. */
export const seen_max = 20_000;
/** Records that a peer may send along with a message. */
export const offered_records_max = 27;
