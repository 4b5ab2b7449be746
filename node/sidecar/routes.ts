/** The routes of the sidecar: the one table that the server answers by and the OpenAPI document is made from. */
import { isFields } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { isAction } from '../kernel/call.ts';
import { enforcementOf, type Usage } from '../kernel/index.ts';
import { decisionStatus, type AskedCall } from './calls.ts';
import { patience_ms_max } from '../patience.ts';
import type { Caller } from './caller.ts';
import { request_bytes_max } from './limits.ts';
import { memory_routes } from './memory-routes.ts';
import { objectOf, type AgentRoute, type Input, type OpenRoute, type Route, type StreamRoute } from './route.ts';
import { tool_routes } from './tool-routes.ts';
import { action_schema, agent_schema, anything, call_schema, shortText, text, text_or_null, usage_schema, whole_or_null } from './schemas.ts';

/** The text of a member that was checked to be one, where it is there. */
function textIn(input: Input, name: string): string | undefined {
  const value = input[name];
  return typeof value === 'string' ? value : undefined;
}

function usageIn(input: Input): { readonly usage?: Usage } {
  const usage = input['usage'];
  if (!isFields(usage)) return {};
  const { tokens, cost } = usage;
  return { usage: { ...(typeof tokens === 'number' ? { tokens } : {}), ...(typeof cost === 'number' ? { cost } : {}) } };
}

function askedCall(input: Input): Result<AskedCall> {
  const { action, data } = input;
  if (!isAction(action)) return fail('CALL_INVALID', 'the action has no type', { fix: '{"action": {"type": "read", "resource": "reports"}}' });
  return ok({ action, ...(data === undefined ? {} : { data }), ...usageIn(input) });
}

const health: OpenRoute = {
  access: 'open', method: 'GET', path: '/v1/health', operation: 'health', summary: 'Whether the sidecar answers',
  answer: objectOf({ status: { const: 'ok' }, version: text }),
  answerTo: ({ version }) => ({ status: 'ok', version }),
};

const openapi: OpenRoute = {
  access: 'open', method: 'GET', path: '/v1/openapi.json', operation: 'openapi', summary: 'This document',
  answer: { type: 'object' },
  answerTo: (services) => services.openapi(),
};

const register: AgentRoute = {
  access: 'agent', method: 'POST', path: '/v1/register', operation: 'register', summary: 'Introduce the program, and learn as which agent it acts and under which policies',
  body: { bytes_max: request_bytes_max, schema: objectOf({ name: shortText(128), 'framework?': shortText(128), 'version?': shortText(64) }) },
  answer: agent_schema,
  async answerTo({ host, introduced }, { agent, tier }, { input }) {
    const { identity: { did, name, sponsor, capabilities }, kernel } = agent;
    const written = await introduced(did, { name: textIn(input, 'name') ?? '', framework: textIn(input, 'framework') ?? null, version: textIn(input, 'version') ?? null });
    return ok({
      did, name, host: host.identities.node.did, sponsor, capabilities, state: kernel.stateOf(did), sandbox: tier, enforcement: enforcementOf(tier),
      policies: kernel.policiesOf(did).map((policy) => ({ name: policy.name, digest: policy.digest })), index: written?.index ?? null,
    });
  },
};

const decide: AgentRoute = {
  access: 'agent', method: 'POST', path: '/v1/decide', operation: 'decide',
  summary: 'Ask what is decided about an action. With reserve the decision is recorded, and an allowed call stays open until its outcome is recorded',
  body: { bytes_max: request_bytes_max, schema: objectOf({ action: action_schema, 'data?': anything, 'usage?': usage_schema, 'reserve?': { type: 'boolean' } }) },
  answer: call_schema,
  async answerTo({ calls }, caller, { input }) {
    const asked = askedCall(input);
    if (!asked.ok) return asked;
    if (input['reserve'] === true) return calls.reserve(caller, asked.value);
    const { agent: { identity: { did }, kernel }, tier } = caller;
    const { action, data } = asked.value;
    return ok(decisionStatus(caller.act(() => kernel.decide({ agent: did, action, context: { sandbox: tier }, ...(data === undefined ? {} : { data }) }))));
  },
};

const status: AgentRoute = {
  access: 'agent', method: 'GET', path: '/v1/calls/{call_id}', operation: 'call', summary: 'How a reserved call stands: whether it still waits for approval, is open, or is over',
  parameters: { call_id: { in: 'path', required: true, description: 'From the answer to decide', schema: shortText(128) } },
  answer: call_schema,
  answerTo: ({ calls }, caller, { input }) => Promise.resolve(calls.status(caller, textIn(input, 'call_id') ?? '')),
};

const record: AgentRoute = {
  access: 'agent', method: 'POST', path: '/v1/record', operation: 'record', summary: 'Record what came of an open call, exactly once',
  body: {
    bytes_max: request_bytes_max,
    schema: objectOf({
      call_id: shortText(128), status: { enum: ['done', 'failed'] }, 'result?': anything,
      'result_hash?': { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of a result that is not handed in; rules cannot look at it then' },
      'usage?': usage_schema, 'reason?': { type: 'string', maxLength: 1000 },
    }),
  },
  answer: objectOf({ call_id: text, index: whole_or_null, status: { enum: ['done', 'failed'] }, result: { description: 'The result as policies let it be given on' } }),
  answerTo({ calls }, caller, { input }) {
    const { result } = input;
    const [result_hash, reason] = [textIn(input, 'result_hash'), textIn(input, 'reason')];
    return calls.record(caller, textIn(input, 'call_id') ?? '', {
      status: input['status'] === 'done' ? 'done' : 'failed', ...usageIn(input),
      ...(result === undefined ? {} : { result }), ...(result_hash === undefined ? {} : { result_hash }), ...(reason === undefined ? {} : { reason }),
    });
  },
};

const message: AgentRoute = {
  access: 'agent', method: 'POST', path: '/v1/messages', operation: 'message', summary: 'Give a command to another agent, here or on another host, and wait for its signed answer',
  body: { bytes_max: request_bytes_max, schema: objectOf({ to: shortText(256), command: shortText(512), 'arguments?': anything, 'delegation?': shortText(128),
    'approval?': { ...shortText(22), description: 'The request that an answer APPROVAL_PENDING has named in its result: takes the approval up, for exactly the same command' },
    'wait_ms?': { type: 'integer', minimum: 0, maximum: patience_ms_max, description: 'How long the command comes again while a human on the other host has yet to approve it; once where left out' },
  }) },
  answer: objectOf({
    verdict: { enum: ['allow', 'deny', 'error'] }, code: text_or_null, rule: text_or_null, reason: text, result: anything,
    executor: text, invocation: text, receipt: { type: 'string', description: 'Signed by the executor\'s host' },
  }),
  async answerTo({ actions }, caller: Caller, { input, signal }) {
    const [delegation, approval, wait_ms] = [textIn(input, 'delegation'), textIn(input, 'approval'), input['wait_ms']];
    const answered = await caller.act(() => actions.call({
      from: caller.agent.identity.did, to: textIn(input, 'to') ?? '', command: textIn(input, 'command') ?? '', arguments: input['arguments'] ?? null, signal,
      ...(delegation === undefined ? {} : { delegation }), ...(approval === undefined ? {} : { approval }), ...(typeof wait_ms === 'number' ? { wait_ms } : {}),
    }));
    if (!answered.ok) return answered;
    const { receipt, receipt_token, invocation, result } = answered.value;
    return ok({ verdict: receipt.verdict, code: receipt.code, rule: receipt.rule, reason: receipt.reason, result: result ?? null, executor: receipt.iss, invocation, receipt: receipt_token });
  },
};

const signals: StreamRoute = {
  access: 'stream', method: 'GET', path: '/v1/signals', operation: 'signals',
  summary: 'The agent\'s signals as server-sent events. The first event, standing, says how far it may act; Last-Event-ID takes a stream up again; the end of the agent ends it',
  events: 'Events; data of each but standing and gap is a Signal', resumed: true,
  open: ({ feeds }, caller, { last_event_id }, response) => feeds.stream(caller, last_event_id, response),
};

/** Every route of the sidecar. */
export const sidecar_routes: readonly Route[] = [health, openapi, register, decide, status, record, ...tool_routes, ...memory_routes, message, signals];
