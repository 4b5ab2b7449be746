/**
 * Tools whose work a program does over the sidecar: as long as it holds a stream open it serves the tools
 * that it has named, gets every call as a server-sent event (WHATWG HTML, section 9.2), and says what came
 * of it, once. A stream is not taken up again: whoever opens one serves from then on.
 */
import type { ServerResponse } from 'node:http';
import type { Json } from '../../crypto/canonical.ts';
import { fail, FailureError, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { Clock } from '../../protocols/ports.ts';
import type { AgentTools } from '../agent-tools.ts';
import type { HousedAgent } from '../agent-house.ts';
import type { Tool } from '../kernel/tools/descriptor.ts';
import type { Serving } from '../kernel/tools/services.ts';
import type { ServedCall } from '../tool-serving.ts';
import type { Caller } from './caller.ts';
import { eventText, openStream, type EventStream } from './event-stream.ts';
import { served_calls_max, served_calls_per_stream_max, served_over_max, tool_stream_bytes_max, tool_streams_max, tool_streams_per_agent_max } from './limits.ts';

/** What serving tools uses. */
export interface ToolFeedsParts {
  readonly clock: Clock;
  readonly tools: Pick<AgentTools, 'serve'>;
  housed(did: string): HousedAgent | undefined;
  /** Writes down which tools a program serves as an agent. */
  note(did: string, tools: readonly Tool[]): Promise<unknown>;
}

/** What a program wants to serve. */
export interface ServiceAsked {
  /** Of the descriptors whose work it does. */
  readonly digests: readonly string[];
  /** After so long without an answer a call has failed. */
  readonly timeout_ms: number;
}

/** What came of a served call, as its program says. */
export interface ServedReport {
  readonly status: 'done' | 'failed';
  readonly value: Json;
  readonly reason: string;
}

interface OpenService {
  readonly caller: Caller;
  readonly timeout_ms: number;
  readonly stream: EventStream;
  readonly serving: Map<string, Serving>;
  /** Calls that wait for the program. */
  readonly waiting: Set<Waiting>;
}

interface Waiting {
  readonly agent: string;
  readonly tool: Tool;
  readonly settling: PromiseWithResolvers<Json>;
}

function unavailable(name: string, why: string): FailureError {
  return new FailureError({ code: 'TOOL_UNAVAILABLE', reason: `the tool ${name} cannot be called: ${why}`, fix: 'try again when its program serves it' });
}

/** The programs that serve tools over the sidecar. */
export class ToolFeeds {
  readonly #parts: ToolFeedsParts;
  readonly #open = new Set<OpenService>();
  readonly #waiting = new Map<string, Waiting>();
  /** Whose calls are over, so that a late or second answer is told from a wrong one. */
  readonly #over = new Map<string, string>();

  constructor(parts: ToolFeedsParts) {
    this.#parts = parts;
  }

  /** How many streams are open. */
  get open(): number {
    return this.#open.size;
  }

  /** Begins to serve tools over a stream; of an agent that is stopped too, whose calls are refused until it goes on. Fails with `STREAMS_OVERLOADED`, `KERNEL_OVERLOADED`, or as {@link AgentTools.serve} does. */
  stream(caller: Caller, { digests, timeout_ms }: ServiceAsked, response: ServerResponse): Result<void> {
    const { identity: { did }, kernel } = caller.agent;
    // A program that has spoken to an earlier kernel serves nothing more, and must not keep its agent from serving.
    for (const one of this.#open) if (one.caller.agent.identity.did === did && one.caller.agent.kernel !== kernel) this.#finish(one);
    const of_agent = [...this.#open].filter(({ caller: { agent } }) => agent.identity.did === did).length;
    if (of_agent >= tool_streams_per_agent_max || this.#open.size >= tool_streams_max) return fail('STREAMS_OVERLOADED', `${of_agent} programs of this agent serve tools`, { fix: 'close one of their streams' });
    const serving = new Map<string, Serving>();
    const release = (): void => serving.forEach((one) => one.release());
    const place: { service: OpenService | undefined } = { service: undefined };
    for (const digest of new Set(digests)) {
      const served = this.#parts.tools.serve(did, () => this.#server(place.service), {
        digest,
        work: (call) => this.#work(place.service, serving.get(digest)?.tool, call),
        ended: (reason) => this.#lost(place.service, digest, reason),
      });
      if (!served.ok) {
        release();
        return served;
      }
      serving.set(digest, served.value);
    }
    const observing = kernel.observeSignals((info, outcome) => {
      if (info.agent === did && outcome === 'killed') this.#finish(place.service);
    });
    if (!observing.ok) {
      release();
      return observing;
    }
    const tools = [...serving.values()].map(({ tool }) => tool);
    const stream = openStream(this.#parts.clock, response, { bytes_max: tool_stream_bytes_max });
    const over = (): void => this.#finish(place.service);
    const service: OpenService = { caller, timeout_ms, stream, serving, waiting: new Set() };
    place.service = service;
    this.#open.add(service);
    response.once('close', () => {
      observing.value();
      caller.over?.removeEventListener('abort', over);
      this.#finish(service);
      this.#open.delete(service);
    });
    stream.write(eventText('serving', { tools: tools.map(({ name, version, digest }) => ({ name, version, digest })), timeout_ms }));
    caller.over?.addEventListener('abort', over, { once: true });
    if (caller.over?.aborted === true) over();
    void this.#parts.note(did, tools);
    return ok(undefined);
  }

  /** Takes what came of a call from the agent that serves it, once. Fails with `CALL_UNKNOWN`, `CALL_RECORDED`, or `RESULT_INVALID`, which ends the call too. */
  answer({ agent: { identity: { did } } }: Caller, call_id: string, { status, value, reason }: ServedReport): Result<{ readonly call_id: string; readonly status: 'done' | 'failed' }> {
    const waiting = this.#waiting.get(call_id);
    if (waiting?.agent !== did) {
      return this.#over.get(call_id) === did
        ? fail('CALL_RECORDED', 'this call is over: it was answered, cancelled, or took too long', { fix: 'wait for the next one' })
        : fail('CALL_UNKNOWN', 'this agent was given no such call', { fix: 'answer with the call_id of an event' });
    }
    const { tool, settling } = waiting;
    this.#ended(call_id, waiting);
    const problem = status === 'done' ? tool.output?.problem(value) : undefined;
    if (problem !== undefined) {
      const reason = `what came back does not fit the schema: ${problem}`;
      settling.reject(new FailureError({ code: 'TOOL_OUTPUT_INVALID', reason, fix: 'the descriptor says what fits' }));
      return fail('RESULT_INVALID', `${reason}; the call has failed`, { fix: 'the outputSchema of the descriptor says what fits' });
    }
    if (status === 'done') settling.resolve(value);
    else settling.reject(new Error(reason));
    return ok({ call_id, status });
  }

  /** Ends the streams of an agent, or all. */
  end(did?: string): void {
    for (const service of this.#open) if (did === undefined || did === service.caller.agent.identity.did) this.#finish(service);
  }

  /** Somebody else may serve the tools at once, however long the stream takes to close. */
  #finish(service: OpenService | undefined): void {
    if (service === undefined) return;
    for (const serving of service.serving.values()) serving.release();
    for (const { tool, settling } of service.waiting) settling.reject(unavailable(tool.name, 'the program that serves it is gone'));
    service.stream.finish();
  }

  /** The program, as long as its agent is the one that it has spoken for. */
  #server(service: OpenService | undefined): Caller {
    if (service === undefined) throw unavailable('', 'its program has only just come');
    const { caller } = service;
    if (this.#parts.housed(caller.agent.identity.did)?.kernel === caller.agent.kernel) return caller;
    this.#finish(service);
    throw unavailable([...service.serving.values()].map(({ tool }) => tool.name).join(', '), 'its agent has another kernel than its program has spoken to');
  }

  async #work(service: OpenService | undefined, tool: Tool | undefined, call: ServedCall): Promise<Json> {
    if (service === undefined || tool === undefined) throw unavailable(call.tool, 'its program is gone');
    if (service.waiting.size >= served_calls_per_stream_max || this.#waiting.size >= served_calls_max) throw unavailable(tool.name, `${service.waiting.size} calls wait for its program`);
    const { clock } = this.#parts;
    const { stream, timeout_ms, caller: { agent } } = service;
    const { call_id, signal } = call;
    const settling = Promise.withResolvers<Json>();
    const waiting: Waiting = { agent: agent.identity.did, tool, settling };
    const given_up = (reason: string): void => void stream.write(eventText('cancel', { call_id, reason }));
    const cancel = clock.after(timeout_ms, () => {
      given_up('it took too long');
      settling.reject(new FailureError({ code: 'TOOL_TIMEOUT', reason: `the program that serves the tool ${tool.name} has not answered within ${timeout_ms} ms`, fix: 'it says with timeout_ms how long it needs' }));
    });
    const aborted = (): void => {
      given_up(messageOf(signal.reason));
      settling.reject(signal.reason);
    };
    this.#waiting.set(call_id, waiting);
    service.waiting.add(waiting);
    signal.addEventListener('abort', aborted, { once: true });
    if (!stream.write(eventText('call', { call_id, tool: tool.name, digest: tool.digest, input: call.input, caller: call.caller, expires_ms: clock.now() + timeout_ms }))) settling.reject(unavailable(tool.name, 'its program does not read'));
    try {
      return await settling.promise;
    } finally {
      cancel();
      signal.removeEventListener('abort', aborted);
      service.waiting.delete(waiting);
      this.#ended(call_id, waiting);
    }
  }

  #ended(call_id: string, waiting: Waiting): void {
    if (this.#waiting.get(call_id) !== waiting) return;
    this.#waiting.delete(call_id);
    const [oldest] = this.#over.keys();
    if (oldest !== undefined && this.#over.size >= served_over_max) this.#over.delete(oldest);
    this.#over.set(call_id, waiting.agent);
  }

  /** Something else has ended the service of a tool: of the last one the stream too. */
  #lost(service: OpenService | undefined, digest: string, reason: string): void {
    const tool = service?.serving.get(digest)?.tool;
    if (service === undefined || tool === undefined) return;
    service.serving.delete(digest);
    service.stream.write(eventText('ended', { tool: tool.name, digest, reason }));
    if (service.serving.size === 0) this.#finish(service);
  }
}
