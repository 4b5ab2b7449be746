/** The HTTP server of the gateway: bounds everything that a client can make it hold or wait for. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { Clock, Recorder } from '../../protocols/ports.ts';
import { Budget } from '../../protocols/statements/budget.ts';
import { witness_limits } from '../../protocols/witness/constants.ts';
import { hasUnreadBody, readBody } from '../http/body.ts';
import { gatewayUrl, isHostAllowed, limitKey, type GatewayAddress } from './address.ts';
import { add_checkpoint_target, Answers, methodsOf, textAnswer, type GatewayServices, type HttpAnswer } from './answers.ts';
import {
  answer_ms_max, closing_ms_max, connections_max, connections_per_address_max, cosignings_per_address_max, header_bytes_max, header_ms_max,
  idle_ms_max, request_ms_max, requests_per_address_max, requests_per_connection_max, target_length_max,
} from './constants.ts';

/** What a gateway uses. */
export interface GatewayParts extends GatewayServices {
  readonly clock: Clock;
  readonly recorder: Recorder;
}

/** A gateway that listens. */
export interface Gateway {
  /** Where it is reached, without a slash at the end: the prefix of C2SP tlog-tiles and the submission prefix of C2SP tlog-witness. */
  readonly url: string;
  /** Takes nothing new, lets what is under way end for at most 1.5 s, and cuts off the rest. */
  close(): Promise<void>;
}

/** Listens. Fails with `GATEWAY_IN_USE` or `GATEWAY_UNUSABLE`. */
export async function serveGateway(address: GatewayAddress, parts: GatewayParts): Promise<Result<Gateway>> {
  const server = new GatewayServer(address.host, parts);
  return server.listen(address);
}

class GatewayServer {
  readonly #parts: GatewayParts;
  readonly #bound: string;
  readonly #server: Server;
  readonly #answers: Answers;
  readonly #requests: Budget;
  readonly #cosignings: Budget;
  readonly #connections = new Map<string, number>();

  constructor(bound: string, parts: GatewayParts) {
    this.#parts = parts;
    this.#bound = bound;
    this.#answers = new Answers(parts);
    this.#requests = new Budget(parts.clock, requests_per_address_max);
    this.#cosignings = new Budget(parts.clock, cosignings_per_address_max);
    this.#server = createServer({
      maxHeaderSize: header_bytes_max, headersTimeout: header_ms_max, requestTimeout: request_ms_max, connectionsCheckingInterval: 1_000,
      keepAliveTimeout: idle_ms_max, noDelay: true,
    }, (request, response) => void this.#serve(request, response));
    this.#server.maxConnections = connections_max;
    this.#server.maxRequestsPerSocket = requests_per_connection_max;
    this.#server.timeout = answer_ms_max;
    this.#server.on('connection', (socket) => this.#admit(socket));
  }

  listen({ host, port }: GatewayAddress): Promise<Result<Gateway>> {
    return new Promise((resolve) => {
      const refused = (error: unknown): void => {
        const is_in_use = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
        resolve(is_in_use
          ? fail('GATEWAY_IN_USE', `something else listens on ${host} port ${port}`, { fix: 'name another port; 0 takes a free one' })
          : fail('GATEWAY_UNUSABLE', `the gateway cannot listen on ${host} port ${port}: ${messageOf(error)}`, { fix: 'name an address of this host' }));
      };
      this.#server.once('error', refused);
      this.#server.listen(port, host, () => {
        this.#server.off('error', refused);
        this.#server.on('error', (error) => this.#parts.recorder.record({ kind: 'gateway.failed', reason: messageOf(error) }));
        const bound = this.#server.address();
        const bound_port = typeof bound === 'object' && bound !== null ? bound.port : port;
        resolve(ok({ url: gatewayUrl({ host, port: bound_port }), close: () => this.#close() }));
      });
    });
  }

  #close(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(closing_ms_max, () => this.#server.closeAllConnections());
      this.#server.close(() => {
        cancel();
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  #admit(socket: Socket): void {
    const key = limitKey(socket.remoteAddress);
    const open = this.#connections.get(key) ?? 0;
    if (open >= connections_per_address_max) {
      socket.destroy();
      return;
    }
    this.#connections.set(key, open + 1);
    socket.once('close', () => {
      const left = (this.#connections.get(key) ?? 1) - 1;
      if (left > 0) this.#connections.set(key, left);
      else this.#connections.delete(key);
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A reader that takes its answer byte by byte would hold its connection for ever.
    const cancel = this.#parts.clock.after(answer_ms_max, () => request.socket.destroy());
    response.once('close', cancel);
    try {
      const answer = await this.#answer(request);
      if (answer !== undefined) send(request, response, answer);
    } catch (error) {
      this.#parts.recorder.record({ kind: 'gateway.failed', reason: messageOf(error) });
      if (response.headersSent) request.socket.destroy();
      else send(request, response, textAnswer(503, 'the answer could not be made'));
    }
  }

  async #answer(request: IncomingMessage): Promise<HttpAnswer | undefined> {
    const { method = '', url: target = '' } = request;
    const key = limitKey(request.socket.remoteAddress);
    if (!this.#requests.spend(key, 1)) return textAnswer(429, 'too many requests from this address', { 'retry-after': '60' });
    // RFC 9112 section 3.2: of two names, nobody can say which one counts.
    if ((request.headersDistinct['host']?.length ?? 0) > 1) return textAnswer(400, 'a request has one Host field');
    if (!isHostAllowed(request.headers.host, this.#bound)) return textAnswer(421, 'this gateway is not known under that name');
    if (target.length > target_length_max) return textAnswer(414, `a target has at most ${target_length_max} characters`);
    const methods = methodsOf(target);
    if (methods === undefined) return textAnswer(404, 'nothing is served here');
    if (!methods.includes(method)) return textAnswer(405, `this target answers ${methods.join(', ')}`, { allow: methods.join(', ') });
    if (target !== add_checkpoint_target) return this.#answers.get(target);
    if (!this.#cosignings.spend(key, 1)) return textAnswer(429, 'too many checkpoints from this address', { 'retry-after': '60' });
    const body = await readBody(request, witness_limits.request_bytes_max);
    if (body === 'too large') return textAnswer(413, `a request has at most ${witness_limits.request_bytes_max} bytes`, { connection: 'close' });
    return body === 'cut off' ? undefined : this.#answers.addCheckpoint(body);
  }
}

function send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  response.writeHead(status, {
    ...headers,
    'content-length': String(body.length),
    'x-content-type-options': 'nosniff',
    ...(hasUnreadBody(request) ? { connection: 'close' } : {}),
  });
  if (request.method === 'HEAD') response.end();
  else response.end(body);
}
