/** The sidecar: a local HTTP API with which programs in any language act as agents of this host. */
import type { Server } from 'node:http';
import { canonicalJsonBytes } from '../../crypto/canonical.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { Actions } from '../actions.ts';
import { listenOnSocket, prepareSocket } from '../control/socket.ts';
import { gatewayUrl, type GatewayAddress } from '../gateway/address.ts';
import type { Host } from '../host.ts';
import { Meter } from '../kernel/policy/limit.ts';
import type { Tool } from '../kernel/tools/descriptor.ts';
import { packageVersion } from '../version.ts';
import type { Caller } from './caller.ts';
import { OpenCalls } from './calls.ts';
import { SignalFeeds } from './feeds.ts';
import { wrong_tokens } from './limits.ts';
import { openApiDocument } from './openapi.ts';
import { sidecar_routes } from './routes.ts';
import { SidecarServer } from './server.ts';
import { ToolFeeds } from './tool-feeds.ts';
import type { Introduction } from './services.ts';
import type { SidecarTokens } from './tokens.ts';

/** What the sidecar uses. */
export interface SidecarParts {
  readonly host: Host;
  readonly actions: Pick<Actions, 'call'>;
  readonly tokens: SidecarTokens;
  readonly socket_path: string;
  /** On the loopback interface, besides the socket. */
  readonly address?: GatewayAddress;
}

/** A program that has introduced itself since the sidecar was opened. */
export interface Introduced extends Introduction {
  readonly did: string;
  /** Unix milliseconds. */
  readonly time_ms: number;
}

/** A sidecar that listens. */
export interface Sidecar {
  readonly socket_path: string;
  /** Without a slash at the end; `undefined` where there is only the socket. */
  readonly url: string | undefined;
  /** Who has introduced itself, calls without an outcome, streams of signals and of tool calls, requests. */
  state(): { readonly programs: readonly Introduced[]; readonly open_calls: number; readonly streams: number; readonly tool_streams: number; readonly requests: number };
  /** Ends the streams of an agent whose token has changed. */
  cutOff(did: string): void;
  /** Takes nothing new, gives up open calls, and ends within a second. */
  close(): Promise<void>;
}

/** Names of programs that are remembered. */
const introduced_max = 1_024;

/** The OpenAPI 3.1 document of this version. */
export function sidecarDocument(): ReturnType<typeof openApiDocument> {
  return openApiDocument(sidecar_routes, packageVersion());
}

/** Who may speak, and who has. */
class Door {
  readonly #parts: SidecarParts;
  readonly #wrong: Meter;
  readonly introduced = new Map<string, Introduced>();

  constructor(parts: SidecarParts) {
    this.#parts = parts;
    this.#wrong = new Meter(() => parts.host.parts.clock.now());
  }

  /** See `SidecarServerParts.callerOf`. */
  async callerOf(authorization: string | undefined, operation: string): Promise<Result<Caller>> {
    const { host, tokens } = this.#parts;
    const token = /^Bearer ([\w-]{1,128})$/i.exec(authorization ?? '')?.[1];
    if (authorization === undefined) return fail('TOKEN_MISSING', 'the request has no token', { fix: 'Authorization: Bearer TOKEN, with what agentmesh sidecar token AGENT prints' });
    const speaker = token === undefined ? undefined : host.runs.speaker(token);
    const did = token === undefined ? undefined : speaker?.agent.identity.did ?? tokens.holderOf(token);
    if (did === undefined) return this.#wrongToken();
    const identity = host.identities.find(did);
    if (identity === undefined || identity.deactivated) return fail('IDENTITY_DEACTIVATED', 'the agent of this token is there no more', { fix: 'make a new agent' });
    const agent = host.agents.get(did);
    if (agent === undefined) return fail('AGENT_UNUSABLE', `${identity.name} cannot work at present`, { fix: 'agentmesh doctor' });
    const { kernel } = agent;
    if (kernel.stateOf(did) === 'killed') {
      // The kernel refuses, and records what was tried: once for many.
      const refused = await kernel.run({ agent: did, action: { type: 'sidecar', operation }, effect: () => Promise.resolve(null) });
      return refused.ok ? fail('AGENT_KILLED', 'the agent was killed') : refused;
    }
    // In another kernel its run has no scope: nothing would bind the program.
    if (speaker !== undefined && speaker.agent.kernel !== kernel) return fail('TOKEN_WRONG', 'the run of this token has ended: its agent has another kernel', { fix: 'start the program again: agentmesh run' });
    // What this host has started itself it knows the sandbox of, and whose calls lie within its run.
    if (speaker !== undefined) return ok({ agent, tier: speaker.tier, over: speaker.over, act: (work) => speaker.within.runInAsyncScope(work) });
    return ok({ agent, tier: 'none', act: (work) => kernel.scoped(identity.capabilities, work) });
  }

  /** A token that is none: the first of a minute are on record, more are only refused. A right one is never kept waiting by them. */
  async #wrongToken(): Promise<Result<never>> {
    const { log, identities, parts: { clock } } = this.#parts.host;
    const wait_ms = this.#wrong.wait('', wrong_tokens);
    if (wait_ms > 0) return fail('TOKENS_GUESSED', 'too many tokens were none', { detail: { retry_after_ms: wait_ms } });
    this.#wrong.charge('', wrong_tokens);
    await log.append({ subject: identities.node.did, payload: canonicalJsonBytes({ kind: 'sidecar-rejected', code: 'TOKEN_WRONG', time_ms: clock.now() }) }, { durable: false });
    return fail('TOKEN_WRONG', 'the token is none of this host\'s', { fix: 'agentmesh sidecar token AGENT issues one; an earlier one of that agent ends then' });
  }

  /** See `SidecarServices.introduced`. */
  async introduce(did: string, introduction: Introduction): Promise<{ readonly index: number } | undefined> {
    const { log, parts: { clock } } = this.#parts.host;
    const time_ms = clock.now();
    this.introduced.delete(did);
    const [oldest] = this.introduced.keys();
    if (oldest !== undefined && this.introduced.size >= introduced_max) this.introduced.delete(oldest);
    this.introduced.set(did, { did, ...introduction, time_ms });
    const written = await log.append({ subject: did, payload: canonicalJsonBytes({ kind: 'sidecar-registered', agent: did, ...introduction, time_ms }) }, { durable: false });
    return written.ok ? { index: written.value.index } : undefined;
  }

  /** See `ToolFeedsParts.note`. */
  serves(did: string, tools: readonly Tool[]): Promise<unknown> {
    const { log, parts: { clock } } = this.#parts.host;
    const served = tools.map(({ name, version, digest }) => ({ name, version, digest }));
    return log.append({ subject: did, payload: canonicalJsonBytes({ kind: 'sidecar-serving', agent: did, tools: served, time_ms: clock.now() }) }, { durable: false });
  }
}

function listen(server: Server, { host, port }: GatewayAddress): Promise<Result<string>> {
  return new Promise((resolve) => {
    server.once('error', (error) => resolve('code' in error && error.code === 'EADDRINUSE'
      ? fail('SIDECAR_IN_USE', `something else listens on ${host} port ${port}`, { fix: 'name another port; 0 takes a free one' })
      : fail('SIDECAR_UNUSABLE', `the sidecar cannot listen on ${host} port ${port}: ${messageOf(error)}`, { fix: 'name a port of the loopback interface' })));
    server.listen(port, host, () => {
      const bound = server.address();
      resolve(ok(gatewayUrl({ host, port: typeof bound === 'object' && bound !== null ? bound.port : port })));
    });
  });
}

/** Opens the sidecar. Fails with a `CONTROL_…` code for its socket, `SIDECAR_IN_USE`, `SIDECAR_UNUSABLE` or `SIDECAR_TOKENS_UNREADABLE`. */
export async function serveSidecar(parts: SidecarParts): Promise<Result<Sidecar>> {
  const { host, socket_path, address, tokens } = parts;
  const { clock, random, recorder } = host.parts;
  const loaded = await tokens.load();
  if (!loaded.ok) return loaded;
  const place = await prepareSocket(socket_path);
  if (!place.ok) return place;
  const calls = new OpenCalls({ clock, onPending: (listener) => host.approvals.onPending(listener) });
  const feeds = new SignalFeeds({ clock, random });
  const door = new Door(parts);
  const tool_feeds = new ToolFeeds({ clock, tools: host.tools, housed: (did) => host.agents.get(did), note: (did, tools) => door.serves(did, tools) });
  const server = new SidecarServer({
    clock, recorder, routes: sidecar_routes,
    services: { host, actions: parts.actions, calls, feeds, tool_feeds, version: packageVersion(), introduced: (did, introduction) => door.introduce(did, introduction), openapi: sidecarDocument },
    async callerOf(authorization, operation) {
      const caller = await door.callerOf(authorization, operation);
      // From the first word of a program on its signals are held, so that none falls between that and its stream, which says where that failed.
      if (caller.ok) feeds.follow(caller.value.agent);
      return caller;
    },
  });
  const close = async (): Promise<void> => {
    calls.close();
    feeds.close();
    tool_feeds.end();
    await server.close();
  };
  const listening = await listenOnSocket(server.server('socket'), socket_path);
  if (!listening.ok) return listening;
  let url: string | undefined;
  if (address !== undefined) {
    const opened = await listen(server.server('loopback'), address);
    if (!opened.ok) {
      await close();
      return opened;
    }
    url = opened.value;
  }
  return ok({
    socket_path, url, close,
    state: () => ({ programs: [...door.introduced.values()], open_calls: calls.open, streams: feeds.open, tool_streams: tool_feeds.open, requests: server.busy }),
    cutOff(did) {
      feeds.end(did);
      tool_feeds.end(did);
    },
  });
}
