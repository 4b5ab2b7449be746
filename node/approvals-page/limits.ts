/** What the page for approvals holds and waits for at the most. */

/** How long a link opens the page: once. */
export const link_ms_max: number = 10 * 60_000;
/** Links that are good at a time; a further one ends the oldest. */
export const links_max = 16;
/** How long a session lives, whatever is done in it. */
export const session_ms_max: number = 8 * 3_600_000;
/** Sessions at a time; a further one ends the oldest. */
export const sessions_max = 8;
/** Streams of events, of all sessions. */
export const streams_max = 16;
/** What a stream holds for a reader that does not read, before it is cut off. */
export const stream_bytes_max: number = 256 * 1024;
/** Time between two signs of life on a stream. */
export const heartbeat_ms = 10_000;
/** Characters of an action and of arguments that are shown; what is longer cannot be granted here. */
export const shown_characters_max: number = 128 * 1024;
/** Answers that the page remembers. */
export const history_max = 100;
/** The body of a request. */
export const request_bytes_max = 4_096;
/** The header fields of a request together. */
export const header_bytes_max = 8_192;
/** The path of a request. */
export const target_length_max = 256;
/** Time in which a whole request must have come. */
export const request_ms_max = 5_000;
/** Time in which an answer must have been read. */
export const answer_ms_max = 30_000;
/** Connections at a time. */
export const connections_max = 64;
/** Requests of one session, those that read and those that answer apart, and of all who have none. */
export const rate: { readonly count: number; readonly period_ms: number } = { count: 400, period_ms: 10_000 };
/** Wrong links and sessions that are recorded; beyond them they are only refused. */
export const wrong_tokens: { readonly count: number; readonly period_ms: number } = { count: 10, period_ms: 60_000 };
