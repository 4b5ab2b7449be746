/** The routes of the sidecar about tools: to find and call them, and to serve one's own. */
import { isStrings } from '../../crypto/canonical.ts';
import { ok, type Result } from '../../crypto/result.ts';
import type { Tool } from '../kernel/tools/descriptor.ts';
import { outcome_ms_max, request_bytes_max, served_ms_default, served_tools_max } from './limits.ts';
import { objectOf, type AgentRoute, type Input, type JsonSchema, type Route, type StreamRoute } from './route.ts';
import { anything, shortText, text, tool_schema } from './schemas.ts';

const agents_max = 256;
const digest_characters = 64;
const digests: JsonSchema = {
  type: 'string', minLength: digest_characters, maxLength: served_tools_max * (digest_characters + 1) - 1, pattern: '^[0-9a-f]{64}(,[0-9a-f]{64})*$',
};

function textOf(input: Input, name: string): string {
  const value = input[name];
  return typeof value === 'string' ? value : '';
}

function toolView({ name, version, digest, requires_approval, document }: Tool): object {
  return { name, version, digest, requires_approval, descriptor: document };
}

const tools: AgentRoute = {
  access: 'agent', method: 'GET', path: '/v1/tools', operation: 'tools', summary: 'The tools that the agent may call now, or have approved',
  answer: objectOf({ tools: { type: 'array', items: tool_schema } }),
  answerTo({ host }, { agent, act }) {
    const toolbox = host.tools.of(agent.identity.did);
    if (!toolbox.ok) return Promise.resolve(toolbox);
    const list = act(() => toolbox.value.list());
    return Promise.resolve(ok({ tools: list.map(toolView) }));
  },
};

const call_tool: AgentRoute = {
  access: 'agent', method: 'POST', path: '/v1/tools/call', operation: 'callTool', summary: 'Have a tool called: decided, done and recorded by the host. Waits for approval where that is needed',
  body: { bytes_max: request_bytes_max, schema: objectOf({ tool: shortText(128), 'input?': anything }) },
  answer: objectOf({ value: anything, call_id: text, index: { type: 'integer' } }),
  async answerTo({ host }, { agent, act }, { input, signal }) {
    const toolbox = host.tools.of(agent.identity.did);
    if (!toolbox.ok) return toolbox;
    const called = await act(() => toolbox.value.call(textOf(input, 'tool'), input['input'] ?? {}, { signal }));
    if (!called.ok) return called;
    const { value, call_id, index } = called.value;
    return ok({ value: value ?? null, call_id, index });
  },
};

const register_tool: AgentRoute = {
  access: 'agent', method: 'POST', path: '/v1/tools', operation: 'registerTool', summary: 'Register a tool as the agent (action tool.register). The same descriptor again is welcome; another one under its name is refused until the operator has accepted it',
  body: {
    bytes_max: request_bytes_max,
    schema: objectOf({
      descriptor: { type: 'object', description: 'Of the Model Context Protocol: name, description, inputSchema, outputSchema, annotations' },
      'token?': { type: 'string', maxLength: 8192, description: 'The publisher\'s signature, where it has one' },
      'agents?': { type: 'array', items: shortText(256), maxItems: agents_max, description: 'The DIDs of the only agents that may know of it and call it' },
    }),
  },
  answer: tool_schema,
  async answerTo({ host }, caller, { input }) {
    const { descriptor, token, agents } = input;
    const registered = await host.tools.offer(caller.agent, caller.act, { descriptor, ...(typeof token === 'string' ? { token } : {}), ...(isStrings(agents) ? { agents } : {}) });
    return registered.ok ? ok(toolView(registered.value)) : registered;
  },
};

const serve_tools: StreamRoute = {
  access: 'stream', method: 'GET', path: '/v1/tools/serve', operation: 'serveTools',
  summary: 'Serve tools that the agent has registered, or whose descriptor it has signed, for as long as the stream is open: their calls come as server-sent events, and each is an action tool.serve of the agent',
  parameters: {
    digests: { in: 'query', required: true, description: `The digests of their descriptors, at most ${served_tools_max}, with commas between them`, schema: digests },
    timeout_ms: { in: 'query', description: `After so long without an answer a call has failed; ${served_ms_default} where absent`, schema: { type: 'integer', minimum: 1, maximum: outcome_ms_max } },
  },
  events: 'serving says which tools; data of call is a ServedCall; cancel says that nobody waits for a call_id any more; ended that something else has ended the service of a tool',
  open({ tool_feeds }, caller, { input }, response) {
    const { timeout_ms } = input;
    return tool_feeds.stream(caller, { digests: textOf(input, 'digests').split(','), timeout_ms: typeof timeout_ms === 'number' ? timeout_ms : served_ms_default }, response);
  },
};

const answer_call: AgentRoute = {
  access: 'agent', is_awaited: true, method: 'POST', path: '/v1/tools/results', operation: 'answerCall', summary: 'Say what came of a call of a tool that the agent serves, exactly once',
  body: { bytes_max: request_bytes_max, schema: objectOf({ call_id: shortText(128), status: { enum: ['done', 'failed'] }, 'value?': anything, 'reason?': { type: 'string', maxLength: 1000 } }) },
  answer: objectOf({ call_id: text, status: { enum: ['done', 'failed'] } }),
  answerTo({ tool_feeds }, caller, { input }): Promise<Result<object>> {
    const reason = textOf(input, 'reason');
    return Promise.resolve(tool_feeds.answer(caller, textOf(input, 'call_id'), {
      status: input['status'] === 'done' ? 'done' : 'failed', value: input['value'] ?? null, reason: reason === '' ? 'its program gave no reason' : reason,
    }));
  },
};

/** The routes about tools. */
export const tool_routes: readonly Route[] = [tools, call_tool, register_tool, serve_tools, answer_call];
