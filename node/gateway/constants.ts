/** The longest request target that is read: two hashes would fit. */
export const target_length_max = 256;
/** Header bytes of a request. */
export const header_bytes_max = 8_192;
/** Time in which the headers of a request must have come. */
export const header_ms_max = 5_000;
/** Time in which a whole request must have come. */
export const request_ms_max = 10_000;
/** Time after which an answer that is not read to its end is cut off. */
export const answer_ms_max = 30_000;
/** How long a connection without a request stays open. */
export const idle_ms_max = 15_000;
/** Connections at a time, of all and of one address. */
export const connections_max = 128;
/** See {@link connections_max}. */
export const connections_per_address_max = 32;
/** Requests that one connection may carry. */
export const requests_per_connection_max = 1_000;
/** Requests of one address (IPv6: of one /64) within a minute, and how many of them may ask for a cosignature. */
export const requests_per_address_max = 3_000;
/** See {@link requests_per_address_max}. */
export const cosignings_per_address_max = 240;
/** Requests for a cosignature that are under way at a time: an unknown log costs look-ups in the mesh. */
export const cosignings_at_once_max = 32;
/** How long requests that are under way may go on after the gateway was told to close. */
export const closing_ms_max = 1_500;
/** What full and partial tiles and bundles may be cached for: they never change (C2SP tlog-tiles). */
export const cache_forever = 'public, max-age=31536000, immutable';
