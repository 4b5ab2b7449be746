/** The HTTP server of the sidecar: bounds everything that a client can make it hold or wait for, and answers by the table of routes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { utf8 } from '../../crypto/bytes.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Clock, Recorder } from '../../protocols/ports.ts';
import { isHostAllowed } from '../gateway/address.ts';
import { hasUnreadBody, jsonBody, readBody } from '../http/body.ts';
import { Meter } from '../kernel/policy/limit.ts';
import { snapshot } from '../kernel/snapshot.ts';
import type { Caller } from './caller.ts';
import {
  answer_bytes_max, answer_ms_max, closing_ms_max, connections_max, header_bytes_max, header_ms_max, idle_ms_max, rate_per_agent, request_ms_max, requests_max, requests_per_agent_max, target_length_max,
} from './limits.ts';
import { problemOf } from './problem.ts';
import { BytesAnswer, type Asked, type Route } from './route.ts';
import { RouteTable, type Found } from './route-table.ts';
import type { SidecarServices } from './services.ts';

/** What the server uses. */
export interface SidecarServerParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly routes: readonly Route[];
  readonly services: SidecarServices;
  /** The agent that the request's token stands for. Fails with `TOKEN_MISSING`, `TOKEN_WRONG`, `TOKENS_GUESSED`, or why that agent must not act. */
  callerOf(authorization: string | undefined, operation: string): Promise<Result<Caller>>;
}

/** Where requests come from. */
type Transport = 'socket' | 'loopback';

/** An answer that is ready to be sent. */
interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

function problemReply(failure: Failure, headers: Readonly<Record<string, string>> = {}): Reply {
  const problem = problemOf(failure);
  const { status, retry_after_ms } = problem;
  return {
    status, type: 'application/problem+json', body: utf8(JSON.stringify(problem)),
    headers: {
      ...headers,
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="agentmesh"' } : {}),
      ...(status === 429 || status === 503 ? { 'retry-after': String(Math.max(1, Math.ceil((retry_after_ms ?? 1000) / 1000))) } : {}),
    },
  };
}

function answerReply(value: unknown): Reply {
  if (value instanceof BytesAnswer) return { status: 200, type: 'application/octet-stream', body: value.bytes, headers: value.headers };
  const body = utf8(JSON.stringify(value));
  return body.length <= answer_bytes_max
    ? { status: 200, type: 'application/json', body }
    : problemReply(fail('ANSWER_TOO_LARGE', `an answer has at most ${answer_bytes_max} bytes`, { fix: 'ask for less at once' }).failure);
}

/** What answers requests, over any number of listening sockets. */
export class SidecarServer {
  readonly #parts: SidecarServerParts;
  readonly #table: RouteTable;
  readonly #rates: Meter;
  readonly #under_way = new Map<AbortController, string>();
  /** Of routes that are awaited. */
  readonly #answering = new Map<AbortController, string>();
  readonly #servers: Server[] = [];
  #closing = false;

  constructor(parts: SidecarServerParts) {
    this.#parts = parts;
    this.#table = new RouteTable(parts.routes);
    this.#rates = new Meter(() => parts.clock.now());
  }

  /** How many requests are under way. */
  get busy(): number {
    return this.#under_way.size + this.#answering.size;
  }

  /** A server that answers as this one; whoever asked for it lets it listen. */
  server(transport: Transport): Server {
    const server = createServer({
      maxHeaderSize: header_bytes_max, headersTimeout: header_ms_max, requestTimeout: request_ms_max, connectionsCheckingInterval: 1_000, keepAliveTimeout: idle_ms_max, noDelay: true,
    }, (request, response) => void this.#serve(request, response, transport));
    server.maxConnections = connections_max;
    server.on('clientError', answerBroken);
    server.on('error', (error) => this.#parts.recorder.record({ kind: 'sidecar.fault', reason: messageOf(error) }));
    this.#servers.push(server);
    return server;
  }

  /** Takes nothing new, aborts what is under way, and cuts off what does not end soon. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const controller of [...this.#under_way.keys(), ...this.#answering.keys()]) controller.abort();
    await Promise.all(this.#servers.map((server) => new Promise<void>((resolve) => {
      if (!server.listening) return resolve();
      const cancel = this.#parts.clock.after(closing_ms_max, () => server.closeAllConnections());
      server.close(() => {
        cancel();
        resolve();
      });
      server.closeIdleConnections();
    })));
  }

  async #serve(request: IncomingMessage, response: ServerResponse, transport: Transport): Promise<void> {
    const controller = new AbortController();
    response.once('close', () => controller.abort());
    response.on('error', () => controller.abort());
    try {
      const reply = await this.#answer(request, response, transport, controller);
      if (reply !== undefined) this.#send(request, response, reply);
    } catch (error) {
      this.#parts.recorder.record({ kind: 'sidecar.fault', reason: messageOf(error) });
      if (response.headersSent) response.destroy();
      else this.#send(request, response, problemReply(fail('NODE_FAULT', 'the node failed in an unforeseen way', { fix: 'agentmesh doctor' }).failure));
    } finally {
      this.#under_way.delete(controller);
      this.#answering.delete(controller);
    }
  }

  /** The answer, or nothing where a stream was opened. */
  async #answer(request: IncomingMessage, response: ServerResponse, transport: Transport, controller: AbortController): Promise<Reply | undefined> {
    const refused = this.#refusal(request, transport);
    if (refused !== undefined) return problemReply(refused);
    const found = this.#table.find(request.method ?? '', request.url ?? '');
    if (!found.ok) return problemReply(found.failure, found.failure.code === 'METHOD_REFUSED' ? { allow: String(found.failure.fix) } : {});
    const { route } = found.value;
    if (route.access === 'open') return this.#spend('') ?? answerReply(route.answerTo(this.#parts.services));
    const caller = await this.#parts.callerOf(request.headers.authorization, route.operation);
    if (!caller.ok) return problemReply(caller.failure);
    const { did } = caller.value.agent.identity;
    const limited = this.#spend(did);
    if (limited !== undefined) return limited;
    if (route.access === 'stream') {
      // Whoever has hung up meanwhile would never be heard to close.
      if (response.destroyed) return undefined;
      const parameters = found.value.form.parameters(found.value.path, found.value.query);
      const opened = parameters.ok ? route.open(this.#parts.services, caller.value, { input: parameters.value, last_event_id: request.headersDistinct['last-event-id']?.[0] }, response) : parameters;
      return opened.ok ? undefined : problemReply(opened.failure);
    }
    const places = route.is_awaited === true ? this.#answering : this.#under_way;
    const of_agent = [...places.values()].filter((one) => one === did).length;
    if (places.size >= requests_max || of_agent >= requests_per_agent_max) return problemReply(fail('SIDECAR_BUSY', `${of_agent} requests of this agent are under way, ${places.size} of all`, { fix: 'await some of them first' }).failure);
    places.set(controller, did);
    const asked = await this.#asked(request, found.value, controller.signal);
    if (!asked.ok) return problemReply(asked.failure);
    const answered = await route.answerTo(this.#parts.services, caller.value, asked.value);
    this.#parts.recorder.record({ kind: 'sidecar.answered', operation: route.operation, code: answered.ok ? null : answered.failure.code });
    if (answered.ok) return answerReply(answered.value);
    // What it was in the midst of when it was killed is refused like everything after it.
    const is_end = answered.failure.code === 'CALL_ABORTED' && caller.value.agent.kernel.stateOf(did) === 'killed';
    return problemReply(is_end ? { ...answered.failure, code: 'AGENT_KILLED' } : answered.failure);
  }

  /** Why a request is not looked at: whoever sends it is no program of this host's own, as far as that can be seen. */
  #refusal({ headers, headersDistinct, url = '' }: IncomingMessage, transport: Transport): Failure | undefined {
    if (this.#closing) return { code: 'SIDECAR_CLOSING', reason: 'the node is stopping' };
    // RFC 9112 section 3.2: of two names, nobody can say which one counts. A web page whose name was bound to this address anew still says its own.
    if ((headersDistinct['host']?.length ?? 0) > 1) return { code: 'REQUEST_INVALID', reason: 'a request has one Host field' };
    if (transport === 'loopback' && !isHostAllowed(headers.host, '127.0.0.1')) return { code: 'HOST_REFUSED', reason: 'the sidecar is not known under that name', fix: 'http://127.0.0.1, with the port' };
    if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return { code: 'ORIGIN_REFUSED', reason: 'web pages have no access', fix: 'a program that is no web page sends no Origin' };
    return url.length > target_length_max ? { code: 'TARGET_TOO_LONG', reason: `a target has at most ${target_length_max} characters` } : undefined;
  }

  #spend(key: string): Reply | undefined {
    const wait_ms = this.#rates.wait(key, rate_per_agent);
    if (wait_ms > 0) return problemReply(fail('RATE_LIMITED', `more than ${rate_per_agent.count} requests in ${rate_per_agent.period_ms} ms`, { fix: 'slow down', detail: { retry_after_ms: Number.isFinite(wait_ms) ? wait_ms : 1000 } }).failure);
    this.#rates.charge(key, rate_per_agent);
    return undefined;
  }

  async #asked(request: IncomingMessage, { route, form, path, query }: Found, signal: AbortSignal): Promise<Result<Asked>> {
    const parameters = form.parameters(path, query);
    if (!parameters.ok) return parameters;
    const wants_bytes = request.headers.accept?.toLowerCase().startsWith('application/octet-stream') === true;
    const { body } = route;
    if (body === undefined) return ok({ input: parameters.value, bytes: undefined, wants_bytes, signal });
    const type = (request.headers['content-type'] ?? '').toLowerCase().split(';')[0]?.trim() ?? '';
    const is_bytes = type === 'application/octet-stream' && body.or_bytes === true;
    if (!is_bytes && type !== 'application/json') {
      return fail('MEDIA_TYPE_REFUSED', `the body is not ${body.or_bytes === true ? 'JSON or bytes' : 'JSON'}`, { fix: `content-type: application/json${body.or_bytes === true ? ' or application/octet-stream' : ''}` });
    }
    const bytes = await readBody(request, body.bytes_max);
    if (bytes === 'too large') return fail('REQUEST_TOO_LARGE', `the body of this request has at most ${body.bytes_max} bytes`, { fix: 'send less at once' });
    if (bytes === 'cut off') return fail('REQUEST_INVALID', 'the request was cut off');
    if (is_bytes) return ok({ input: parameters.value, bytes, wants_bytes, signal });
    const parsed = jsonBody(bytes);
    if (!parsed.ok) return parsed;
    const copied = snapshot(parsed.value);
    if (!copied.ok) return fail('REQUEST_INVALID', copied.failure.reason);
    const input = form.body(copied.value);
    return input.ok ? ok({ input: { ...input.value, ...parameters.value }, bytes: undefined, wants_bytes, signal }) : input;
  }

  #send(request: IncomingMessage, response: ServerResponse, { status, type, body, headers = {} }: Reply): void {
    if (status >= 400) this.#parts.recorder.record({ kind: 'sidecar.refused', status });
    if (response.destroyed) return;
    // A reader that takes its answer byte by byte would hold its connection for ever.
    const cancel = this.#parts.clock.after(answer_ms_max, () => request.socket.destroy());
    response.once('close', cancel);
    response.writeHead(status, {
      ...headers, 'content-type': type, 'content-length': String(body.length), 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
      ...(this.#closing || hasUnreadBody(request) ? { connection: 'close' } : {}),
    });
    response.end(body);
  }
}

function answerBroken(error: Error, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const timed_out = 'code' in error && error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const problem = JSON.stringify({ ...problemOf({ code: 'REQUEST_INVALID', reason: timed_out ? 'the request did not arrive in time' : 'this is not an HTTP/1.1 request' }), ...(timed_out ? { status: 408, title: 'Request Timeout' } : {}) });
  socket.end(`HTTP/1.1 ${timed_out ? '408 Request Timeout' : '400 Bad Request'}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(problem)}\r\nconnection: close\r\n\r\n${problem}`);
}
