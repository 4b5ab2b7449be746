/**
 * The client of the control socket. It speaks the little HTTP that the server
 * needs over node:net: importing node:http alone takes longer than a whole
 * command of the CLI may.
 */
import { createConnection } from 'node:net';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { ControlApi, ControlMethod } from './api.ts';
import { checkSocketPath, dataFolderOf, systemCode } from './socket.ts';

/** The largest request that the server takes. */
export const sent_bytes_max: number = 1024 * 1024;
/** The largest answer that is read: the server's bound and room for its head. */
export const received_bytes_max: number = 17 * 1024 * 1024;

/** Asks the node that runs on a data folder. */
export interface ControlClient {
  /**
   * Calls one method.
   *
   * Fails with `NODE_NOT_RUNNING`, `CONTROL_DENIED`, `CONTROL_BROKEN`,
   * `CONTROL_PATH_TOO_LONG`, `REQUEST_TOO_LARGE`, `NODE_TIMEOUT` when the signal
   * aborts, and with whatever the method fails with.
   */
  call<Method extends ControlMethod>(
    method: Method,
    params: ControlApi[Method]['params'],
    options?: { readonly signal?: AbortSignal },
  ): Promise<Result<ControlApi[Method]['value']>>;
}

function unreachable(socket_path: string, error: unknown): ReturnType<typeof fail> {
  const data = dataFolderOf(socket_path);
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') {
    return fail('NODE_NOT_RUNNING', `no node runs on ${data}`, { fix: `agentmesh up --data ${data}` });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return fail('CONTROL_DENIED', `only the user who started the node on ${data} may ask it`, { fix: 'run this as that user, or choose your own folder with --data' });
  }
  return broken(messageOf(error));
}

function broken(why: string): ReturnType<typeof fail> {
  return fail('CONTROL_BROKEN', `the node did not answer: ${why}`, { fix: 'agentmesh doctor' });
}

/** Sends bytes, and collects what comes back until the other side closes. */
function exchange(socket_path: string, message: string, signal: AbortSignal | undefined): Promise<Result<Buffer>> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const socket = createConnection(socket_path);
    const finish = (result: Result<Buffer>): void => {
      signal?.removeEventListener('abort', abort);
      socket.destroy();
      resolve(result);
    };
    const abort = (): void => finish(fail('NODE_TIMEOUT', 'the node did not answer in time', { fix: 'agentmesh doctor' }));
    socket.on('data', (chunk) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > received_bytes_max) finish(broken(`its answer is longer than ${received_bytes_max} bytes`));
    });
    socket.once('end', () => finish(ok(Buffer.concat(chunks))));
    // A server that refuses early closes while we still write: what it said counts.
    socket.once('error', (error) => finish(length > 0 ? ok(Buffer.concat(chunks)) : unreachable(socket_path, error)));
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted === true) return abort();
    socket.write(message);
  });
}

function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string' && 'reason' in value && typeof value.reason === 'string'
    && (!('fix' in value) || typeof value.fix === 'string');
}

/**
 * Whether the envelope of an answer is right. The value inside is taken at the
 * method's word: the socket belongs to a process of the same user.
 */
function isAnswer<Value>(answer: unknown): answer is Result<Value> {
  if (typeof answer !== 'object' || answer === null || !('ok' in answer)) return false;
  return answer.ok === true ? 'value' in answer : answer.ok === false && 'failure' in answer && isFailure(answer.failure);
}

function parseAnswer<Value>(received: Buffer): Result<Value> {
  const head_end = received.indexOf('\r\n\r\n');
  if (head_end < 0) return broken('it closed the connection');
  const head = received.subarray(0, head_end).toString('latin1');
  const body = received.subarray(head_end + 4);
  if (!/^HTTP\/1\.1 \d{3} /.test(head)) return broken('what listens there is not a node');
  if (Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]) !== body.length) return broken('its answer was cut off');
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'));
    return isAnswer<Value>(answer) ? answer : broken('its answer has the wrong form');
  } catch (error) {
    return broken(`its answer is not JSON: ${messageOf(error)}`);
  }
}

/** A client of the node behind a control socket; connects anew for every call. */
export function controlClient(socket_path: string): ControlClient {
  return {
    async call(method, params, options = {}) {
      const path = checkSocketPath(socket_path);
      if (!path.ok) return path;
      const body = JSON.stringify(params);
      const length = Buffer.byteLength(body);
      if (length > sent_bytes_max) return fail('REQUEST_TOO_LARGE', `a request has at most ${sent_bytes_max} bytes, this one ${length}`);
      const head = `POST /v1/${method} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n`;
      const received = await exchange(socket_path, head + body, options.signal);
      return received.ok ? parseAnswer(received.value) : received;
    },
  };
}
