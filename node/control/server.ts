/**
 * The control server: HTTP/1.1 over a Unix domain socket, `POST /v1/<method>`
 * with one JSON object, answered by `{ok: true, value}` or `{ok: false, failure}`.
 * The file system is the login: the socket opens for its owner alone.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Clock, Recorder } from '../../protocols/ports.ts';
import { sleep } from '../../protocols/time.ts';
import { system_clock } from '../clock.ts';
import type { ControlApi, ControlMethod, ControlMethods } from './api.ts';
import { jsonBody, readBody } from '../http/body.ts';
import { checkParams, findMethod } from './params.ts';
import { listenOnSocket, prepareSocket } from './socket.ts';

/** The largest request body. */
export const request_bytes_max: number = 1024 * 1024;
/** The largest answer. */
export const answer_bytes_max: number = 16 * 1024 * 1024;
/** Requests under way at once; more are told to come back. */
export const requests_max = 64;
/** Open connections; more are dropped. */
export const connections_max = 128;
/** Time for a request to arrive whole. */
export const read_ms_max = 5000;
/** Time that `close` leaves to the requests under way. */
export const drain_ms_max = 700;

/** What the server needs. */
export interface ControlServerParts {
  readonly socket_path: string;
  readonly methods: ControlMethods;
  readonly recorder: Recorder;
  readonly clock?: Clock;
  /** Replaces {@link read_ms_max}. */
  readonly read_ms_max?: number;
}

/** A control server that listens. */
export interface ControlServer {
  readonly socket_path: string;
  /** Stops listening, aborts what is under way and removes the socket, within a second. */
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly result: Result<unknown>;
}

const path_prefix = '/v1/';

/** What of a failure leaves the process: never its cause. */
function outward({ code, reason, fix, detail }: Failure): Failure {
  return { code, reason, ...(fix === undefined ? {} : { fix }), ...(detail === undefined ? {} : { detail }) };
}

function encode(result: Result<unknown>): string {
  return JSON.stringify(result.ok ? { ok: true, value: result.value ?? null } : { ok: false, failure: outward(result.failure) });
}

function refuse(status: number, code: string, reason: string, fix?: string): Reply {
  return { status, result: fail(code, reason, fix === undefined ? {} : { fix }) };
}

// A function of its own, because only a type parameter keeps method and parameters together.
function call<Method extends ControlMethod>(methods: ControlMethods, method: Method, params: ControlApi[Method]['params'], signal: AbortSignal): Promise<Result<unknown>> {
  return methods[method](params, signal);
}

/** Turns requests into calls of the methods; owns the bound on how many are under way. */
class ControlDesk {
  readonly #methods: ControlMethods;
  readonly #recorder: Recorder;
  readonly #under_way = new Map<AbortController, Promise<void>>();
  #closing = false;

  constructor(parts: ControlServerParts) {
    this.#methods = parts.methods;
    this.#recorder = parts.recorder;
  }

  /** Answers one request; never rejects. */
  serve(request: IncomingMessage, response: ServerResponse): void {
    const controller = new AbortController();
    response.once('close', () => controller.abort());
    response.on('error', () => controller.abort());
    const work = this.#answer(request, controller.signal)
      .catch((error: unknown) => this.#fault(request.url ?? '', error))
      .then((reply) => this.#send(request, response, reply))
      .finally(() => this.#under_way.delete(controller));
    this.#under_way.set(controller, work);
  }

  /** Aborts the requests under way and resolves when the last one has been answered. */
  async drain(): Promise<void> {
    this.#closing = true;
    for (const controller of this.#under_way.keys()) controller.abort();
    await Promise.all(this.#under_way.values());
  }

  async #answer(request: IncomingMessage, signal: AbortSignal): Promise<Reply> {
    if (this.#closing) return refuse(503, 'CONTROL_CLOSING', 'the node is stopping');
    if (this.#under_way.size >= requests_max) {
      return refuse(503, 'CONTROL_BUSY', `${requests_max} requests are under way`, 'try again in a moment');
    }
    const url = request.url ?? '';
    if (request.method !== 'POST' || !url.startsWith(path_prefix)) {
      return refuse(405, 'REQUEST_INVALID', `a request reads POST ${path_prefix}<method>`);
    }
    const method = findMethod(url.slice(path_prefix.length));
    if (!method.ok) return { status: 404, result: method };
    const bytes = await readBody(request, request_bytes_max);
    if (bytes === 'too large') return refuse(413, 'REQUEST_TOO_LARGE', `a request has at most ${request_bytes_max} bytes`);
    if (bytes === 'cut off') return refuse(400, 'REQUEST_INVALID', 'the request was cut off');
    const body = jsonBody(bytes);
    return body.ok ? this.#run(method.value, body.value, signal) : { status: 400, result: body };
  }

  async #run(method: ControlMethod, given: unknown, signal: AbortSignal): Promise<Reply> {
    const params = checkParams(method, given);
    if (!params.ok) return { status: 400, result: params };
    const result = await call(this.#methods, method, params.value, signal);
    this.#recorder.record({ kind: 'control.answered', method, code: result.ok ? null : result.failure.code });
    return { status: 200, result };
  }

  #fault(url: string, error: unknown): Reply {
    const reason = messageOf(error);
    this.#recorder.record({ kind: 'control.fault', url, reason });
    return refuse(500, 'NODE_FAULT', `the node failed in an unforeseen way: ${reason}`, 'report it with the output of agentmesh doctor');
  }

  #send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    let { status } = reply;
    let text: string;
    try {
      text = encode(reply.result);
    } catch (error) {
      const fault = this.#fault(request.url ?? '', error);
      ({ status } = fault);
      text = encode(fault.result);
    }
    if (Buffer.byteLength(text) > answer_bytes_max) {
      text = encode(fail('ANSWER_TOO_LARGE', `an answer has at most ${answer_bytes_max} bytes`, { fix: 'ask for less at once' }));
    }
    if (status !== 200) this.#recorder.record({ kind: 'control.refused', status, code: reply.result.ok ? null : reply.result.failure.code });
    if (response.destroyed) return;
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), 'connection': 'close' });
    response.end(text);
  }
}

function answerBroken(error: Error, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const timed_out = 'code' in error && error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const text = encode(fail('REQUEST_INVALID', timed_out ? 'the request did not arrive in time' : 'this is not an HTTP/1.1 request'));
  socket.end(`HTTP/1.1 ${timed_out ? '408 Request Timeout' : '400 Bad Request'}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`);
}

/**
 * Listens on the control socket.
 *
 * Fails with `CONTROL_IN_USE`, `CONTROL_PATH_TOO_LONG`, `CONTROL_PATH_TAKEN`,
 * `CONTROL_FOLDER_OPEN` or `CONTROL_DENIED`.
 */
export async function serveControl(parts: ControlServerParts): Promise<Result<ControlServer>> {
  const { socket_path, clock = system_clock } = parts;
  const place = await prepareSocket(socket_path);
  if (!place.ok) return place;
  const desk = new ControlDesk(parts);
  const arrival_ms = parts.read_ms_max ?? read_ms_max;
  const server = createServer(
    { requestTimeout: arrival_ms, headersTimeout: arrival_ms, connectionsCheckingInterval: Math.ceil(arrival_ms / 4) },
    (request, response) => desk.serve(request, response),
  );
  server.maxConnections = connections_max;
  server.on('clientError', answerBroken);
  const listening = await listenOnSocket(server, socket_path);
  if (!listening.ok) return listening;
  server.on('error', (error) => parts.recorder.record({ kind: 'control.fault', reason: error.message }));
  const shut = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    server.closeIdleConnections();
    const drained = new AbortController();
    await Promise.race([desk.drain(), sleep(clock, drain_ms_max, drained.signal)]);
    drained.abort();
    server.closeAllConnections();
    await closed;
  };
  let closing: Promise<void> | undefined;
  return ok({
    socket_path,
    close() {
      closing ??= shut();
      return closing;
    },
  });
}
