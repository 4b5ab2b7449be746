/** What the sidecar holds and waits for at the most. */

/** The body of a request that is JSON. */
export const request_bytes_max: number = 1024 * 1024;
/** The body of a request that writes memory. */
export const memory_bytes_max: number = 4 * 1024 * 1024;
/** What is read of a file at once. */
export const read_bytes_max: number = 4 * 1024 * 1024;
/** An answer. */
export const answer_bytes_max: number = 16 * 1024 * 1024;
/** The header fields of a request together. */
export const header_bytes_max = 8_192;
/** The path of a request with its query. */
export const target_length_max = 4_096;
/** Time in which the header fields of a request must have come. */
export const header_ms_max = 2_000;
/** Time in which a whole request must have come. */
export const request_ms_max = 5_000;
/** Time after which an answer that is not read to its end is cut off. */
export const answer_ms_max = 30_000;
/** How long a connection without a request stays open. */
export const idle_ms_max = 15_000;
/** Connections at a time. */
export const connections_max = 256;
/** Requests under way at once, of all and of one agent; streams are counted by themselves, and so are answers that others wait for. */
export const requests_max = 128;
/** See {@link requests_max}. */
export const requests_per_agent_max = 32;
/** Requests of one agent, and of all who say no agent. */
export const rate_per_agent: { readonly count: number; readonly period_ms: number } = { count: 3_000, period_ms: 10_000 };
/** Wrong tokens that are recorded; beyond them they are only refused. */
export const wrong_tokens: { readonly count: number; readonly period_ms: number } = { count: 10, period_ms: 60_000 };
/** Decided calls of one agent whose outcome is not recorded yet. */
export const open_calls_per_agent_max = 64;
/** The same of all agents: each may hold its arguments. */
export const open_calls_max = 512;
/** Calls that are remembered, those that are over included. */
export const calls_max = 4_096;
/** How long a decided call waits for its outcome. */
export const outcome_ms_max = 900_000;
/** Signals that are held of one agent, so that a stream can be taken up again. */
export const signals_held_max = 256;
/** Streams of signals of one agent. */
export const streams_per_agent_max = 4;
/** Streams of signals. */
export const streams_max = 64;
/** Streams of calls of one agent that serves tools. */
export const tool_streams_per_agent_max = 8;
/** Streams of calls. */
export const tool_streams_max = 64;
/** Tools that are served over one stream. */
export const served_tools_max = 32;
/** Calls that wait for the program of one stream. */
export const served_calls_per_stream_max = 64;
/** The same of all programs. */
export const served_calls_max = 512;
/** Served calls that are over and remembered, so that a second answer is told so. */
export const served_over_max = 4_096;
/** How long a served call waits for its program where that says nothing. */
export const served_ms_default = 60_000;
/** What a stream of calls holds for a program that does not read, before it is cut off. */
export const tool_stream_bytes_max: number = 2 * 1024 * 1024;
/** Time between two signs of life on a stream. */
export const heartbeat_ms = 15_000;
/** What a stream holds for a reader that does not read, before it is cut off. */
export const stream_bytes_max: number = 256 * 1024;
/** How long requests that are under way may go on after the sidecar was told to close. */
export const closing_ms_max = 700;
