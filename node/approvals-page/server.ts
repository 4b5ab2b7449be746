/** The HTTP server of the page for approvals, on the loopback interface alone: its files, a session for a link, the calls that wait, and answers to them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { utf8 } from '../../crypto/bytes.ts';
import { approval_why_length_max } from '../../crypto/approval.ts';
import { hasShape } from '../../crypto/canonical.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Clock, Recorder } from '../../protocols/ports.ts';
import type { ApprovalDesk } from '../approvals.ts';
import { isHostAllowed } from '../gateway/address.ts';
import { hasUnreadBody, jsonBody, readBody } from '../http/body.ts';
import { Meter } from '../kernel/policy/limit.ts';
import { problemOf } from '../sidecar/problem.ts';
import type { PageAsset } from './assets.ts';
import type { PageFeed } from './feed.ts';
import { answer_ms_max, connections_max, header_bytes_max, rate, request_bytes_max, request_ms_max, target_length_max, wrong_tokens } from './limits.ts';
import type { PageSessions } from './sessions.ts';
import { callView, type PageHost } from './view.ts';

/** What the server uses. */
export interface PageServerParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly approvals: Pick<ApprovalDesk, 'get' | 'answerAs'>;
  readonly host: PageHost;
  readonly sessions: PageSessions;
  readonly feed: PageFeed;
  /** The files of the page, by the paths that they are asked for under. */
  readonly assets: ReadonlyMap<string, PageAsset>;
  /** Writes down a link or a session that was none. */
  wrong(code: string): Promise<unknown>;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
}

/** What every answer says: no other page may show, frame, read or script this one, and nothing of it is kept or told on. */
const headers: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

function json(value: object): Reply {
  return { status: 200, type: 'application/json', body: utf8(JSON.stringify(value)) };
}

function refused(failure: Failure): Reply {
  const problem = problemOf(failure);
  return { status: problem.status, type: 'application/problem+json', body: utf8(JSON.stringify(problem)) };
}

interface Answer {
  readonly id: string;
  readonly verdict: 'grant' | 'refuse';
  readonly as: string;
  readonly why: string;
  readonly action_hash: string;
}

function answerOf(value: unknown): Answer | undefined {
  if (!hasShape(value, ['id', 'verdict', 'as', 'why', 'action_hash'])) return undefined;
  const { id, verdict, as, why, action_hash } = value;
  if (typeof id !== 'string' || (verdict !== 'grant' && verdict !== 'refuse') || typeof as !== 'string' || as === '' || typeof why !== 'string' || typeof action_hash !== 'string') return undefined;
  return why.length <= approval_why_length_max && why.isWellFormed() ? { id, verdict, as, why, action_hash } : undefined;
}

/** What answers the page's requests. */
export class PageServer {
  readonly #parts: PageServerParts;
  readonly #rates: Meter;
  readonly #wrong: Meter;
  readonly server: Server;

  constructor(parts: PageServerParts) {
    this.#parts = parts;
    this.#rates = new Meter(() => parts.clock.now());
    this.#wrong = new Meter(() => parts.clock.now());
    this.server = createServer({
      maxHeaderSize: header_bytes_max, headersTimeout: request_ms_max, requestTimeout: request_ms_max, connectionsCheckingInterval: 1_000, noDelay: true,
    }, (request, response) => void this.#serve(request, response));
    this.server.maxConnections = connections_max;
    this.server.on('clientError', (_, socket) => socket.destroy());
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => response.destroy());
    try {
      const reply = await this.#reply(request, response);
      if (reply !== undefined) this.#send(request, response, reply);
    } catch (error) {
      this.#parts.recorder.record({ kind: 'approvals-page.fault', reason: messageOf(error) });
      if (response.headersSent) response.destroy();
      else this.#send(request, response, refused({ code: 'NODE_FAULT', reason: 'the node failed in an unforeseen way', fix: 'agentmesh doctor' }));
    }
  }

  async #reply(request: IncomingMessage, response: ServerResponse): Promise<Reply | undefined> {
    const problem = foreign(request);
    if (problem !== undefined) return refused(problem);
    const { method = '', url = '' } = request;
    const is_reading = url === '/events' || url.startsWith('/calls/');
    const is_private = is_reading || url === '/answers' || url === '/end';
    const session = is_private ? await this.#holder(request) : undefined;
    // Who has no session cannot use up what those have who have one, nor what an agent makes a page fetch what is left for answers.
    const limited = this.#limited(session?.ok === true ? `${session.value} ${method}` : '');
    if (limited !== undefined) return refused(limited);
    if (session === undefined) return this.#open(request);
    if (!session.ok) return refused(session.failure);
    const allowed = is_reading ? 'GET' : 'POST';
    if (method !== allowed) return refused(methodRefused(allowed));
    if (url === '/events') {
      const opened = this.#parts.feed.stream(response, headers, () => !this.#parts.sessions.holds(session.value));
      return opened.ok ? undefined : refused(opened.failure);
    }
    if (url === '/end') {
      this.#parts.sessions.end(session.value);
      return json({});
    }
    return url === '/answers' ? this.#answer(request) : this.#call(url.slice('/calls/'.length));
  }

  /** What anybody may ask for: the files, which show nothing by themselves, and a session for a link. */
  async #open(request: IncomingMessage): Promise<Reply> {
    const { method = '', url = '' } = request;
    const asset = this.#parts.assets.get(url);
    if (asset !== undefined) return method === 'GET' ? { status: 200, ...asset } : refused(methodRefused('GET'));
    if (url === '/session') return method === 'POST' ? this.#session(request) : refused(methodRefused('POST'));
    return refused({ code: 'ROUTE_UNKNOWN', reason: 'there is nothing here', fix: 'the link that agentmesh approvals page prints' });
  }

  #limited(key: string): Failure | undefined {
    if (this.#rates.wait(key, rate) > 0) return { code: 'RATE_LIMITED', reason: `more than ${rate.count} requests in ${rate.period_ms} ms`, fix: 'slow down' };
    this.#rates.charge(key, rate);
    return undefined;
  }

  async #session(request: IncomingMessage): Promise<Reply> {
    const body = await bodyOf(request);
    if (!body.ok) return refused(body.failure);
    if (!hasShape(body.value, ['link']) || typeof body.value['link'] !== 'string') return refused({ code: 'REQUEST_INVALID', reason: 'a session is asked for with {"link": …}' });
    const opened = this.#parts.sessions.open(body.value['link']);
    if (opened.ok) return json({ session: opened.value.token, expires_ms: opened.value.expires_ms });
    return refused(await this.#wrongToken({ ...opened.failure, code: 'TOKEN_WRONG' }));
  }

  /** The session that a request proves. Fails with `TOKEN_MISSING`, `TOKEN_WRONG` or `TOKENS_GUESSED`. */
  async #holder({ headers: { authorization } }: IncomingMessage): Promise<Result<string>> {
    if (authorization === undefined) return fail('TOKEN_MISSING', 'the request has no session', { fix: 'open the link that agentmesh approvals page prints' });
    const session = /^Bearer ([\w-]{1,128})$/.exec(authorization)?.[1];
    if (session !== undefined && this.#parts.sessions.holds(session)) return ok(session);
    return { ok: false, failure: await this.#wrongToken({ code: 'TOKEN_WRONG', reason: 'this session has ended', fix: 'agentmesh approvals page prints a new link' }) };
  }

  /** The first of a minute are on record, more are only refused. A right one is never kept waiting by them. */
  async #wrongToken(failure: Failure): Promise<Failure> {
    const wait_ms = this.#wrong.wait('', wrong_tokens);
    if (wait_ms > 0) return { code: 'TOKENS_GUESSED', reason: 'too many links and sessions were none', detail: { retry_after_ms: wait_ms } };
    this.#wrong.charge('', wrong_tokens);
    await this.#parts.wrong(failure.code);
    return failure;
  }

  #call(id: string): Reply {
    const pending = this.#parts.approvals.get(id);
    return pending.ok ? json(callView(this.#parts.host, pending.value)) : refused(pending.failure);
  }

  /** Signs and takes an answer: to what the page has shown, by who was chosen there. */
  async #answer(request: IncomingMessage): Promise<Reply> {
    const { approvals, host } = this.#parts;
    const body = await bodyOf(request);
    if (!body.ok) return refused(body.failure);
    const answer = answerOf(body.value);
    if (answer === undefined) return refused({ code: 'REQUEST_INVALID', reason: `an answer has id, verdict, as, why of up to ${approval_why_length_max} characters, and action_hash` });
    const pending = approvals.get(answer.id);
    if (!pending.ok) return refused(pending.failure);
    const shown = callView(host, pending.value);
    if (answer.action_hash !== shown.action_hash) return refused({ code: 'APPROVAL_ACTION', reason: 'this is not the call that the page has shown', fix: 'look at it again' });
    if (answer.verdict === 'grant' && !shown.is_whole) return refused({ code: 'APPROVAL_NOT_SHOWN', reason: 'the page cannot show this call to its end, so it cannot be granted here', fix: `agentmesh approvals show ${answer.id} --json, and then grant it there` });
    const signer = shown.signers.find(({ did }) => did === answer.as);
    if (signer?.is_here !== true) return refused({ code: 'APPROVAL_ELSEWHERE', reason: 'the key of this approver is not on this host', fix: `agentmesh approvals request ${answer.id} --out FILE, and have it signed where the key is` });
    const taken = await approvals.answerAs(answer.id, answer.verdict, { as: answer.as, why: answer.why });
    this.#parts.recorder.record({ kind: 'approvals-page.answered', verdict: answer.verdict, code: taken.ok ? null : taken.failure.code });
    return taken.ok ? json(taken.value) : refused(taken.failure);
  }

  #send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Reply): void {
    if (response.destroyed) return;
    const cancel = this.#parts.clock.after(answer_ms_max, () => request.socket.destroy());
    response.once('close', cancel);
    response.writeHead(status, { ...headers, 'content-type': type, 'content-length': String(body.length), ...(hasUnreadBody(request) ? { connection: 'close' } : {}) });
    response.end(body);
  }
}

function methodRefused(allowed: string): Failure {
  return { code: 'METHOD_REFUSED', reason: `this takes ${allowed}`, fix: allowed };
}

/** Why a request is not the page's own, if so: a name that was bound to this address anew (DNS rebinding), or another page's request. */
function foreign({ headers: { host, origin, ...fields }, headersDistinct, method, url = '' }: IncomingMessage): Failure | undefined {
  if ((headersDistinct['host']?.length ?? 0) > 1) return { code: 'REQUEST_INVALID', reason: 'a request has one Host field' };
  if (!isHostAllowed(host, '127.0.0.1')) return { code: 'HOST_REFUSED', reason: 'the page is not known under that name', fix: 'http://127.0.0.1, with the port' };
  if (url.length > target_length_max) return { code: 'TARGET_TOO_LONG', reason: `a target has at most ${target_length_max} characters` };
  const site = fields['sec-fetch-site'];
  // A link may be followed from anywhere: the page by itself shows nothing.
  const is_visit = method === 'GET' && url === '/' && fields['sec-fetch-mode'] === 'navigate';
  const is_own = (origin === undefined ? method === 'GET' : origin === `http://${host ?? ''}`) && (site === undefined || site === 'same-origin' || is_visit);
  return is_own ? undefined : { code: 'ORIGIN_REFUSED', reason: 'other pages have no access', fix: 'the link that agentmesh approvals page prints' };
}

async function bodyOf(request: IncomingMessage): Promise<Result<unknown>> {
  if (request.headers['content-type'] !== 'application/json') return fail('MEDIA_TYPE_REFUSED', 'the body is not JSON', { fix: 'content-type: application/json' });
  const bytes = await readBody(request, request_bytes_max);
  if (bytes === 'too large') return fail('REQUEST_TOO_LARGE', `a body has at most ${request_bytes_max} bytes`);
  return bytes === 'cut off' ? fail('REQUEST_INVALID', 'the request was cut off') : jsonBody(bytes);
}
