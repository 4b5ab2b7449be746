/** Requests as people write them: for the evaluation, the explanation and the tests of policies. */
import { isFields, type Fields, type Json } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { PolicyRequest } from '../kernel/policy/scope.ts';
import { snapshot } from '../kernel/snapshot.ts';

const envelopes = ['request', 'ctx', 'input'] as const;
const roots: ReadonlySet<string> = new Set(['action', 'data', 'agent', 'context', 'sandbox', 'taint', 'session', 'environment']);

function isObject(value: Json): value is Fields & { readonly [name: string]: Json } {
  return isFields(value);
}
const own_context: ReadonlySet<string> = new Set(['remote', 'peer', 'delegation']);

/**
 * A request: a mapping of `action`, `data`, `agent`, `context` …, which may stand
 * under `request`, `ctx` or `input`. An action in words is its type, and other
 * names at the top (`tool_name`, `token_count`, `output`), like those in the context that no
 * kernel gives, are fields of the payload too, where the detectors and the
 * conditions on `data` find them. Fails with `REQUEST_INVALID`.
 */
export function requestOf(value: unknown): Result<PolicyRequest> {
  const copied = snapshot(value);
  if (!copied.ok) return fail('REQUEST_INVALID', `this is no request: ${copied.failure.reason}`, { fix: 'give JSON such as {"action": {"type": "export"}, "data": {}}' });
  const whole = copied.value;
  const inner = isObject(whole) && whole['action'] === undefined ? envelopes.map((name) => whole[name]).find((part) => part !== undefined && isObject(part)) : undefined;
  const request = inner ?? whole;
  if (!isObject(request)) return fail('REQUEST_INVALID', 'a request is a mapping', { fix: 'give JSON such as {"action": {"type": "export"}, "data": {}}' });
  return ok(shaped(request));
}

function shaped(request: { readonly [name: string]: Json }): PolicyRequest {
  const loose = [...Object.entries(request).filter(([name]) => !roots.has(name)), ...circumstances(request['context'])];
  const { data, context, delegation_depth } = request;
  const carried = loose.length === 0 || (data !== undefined && !isObject(data)) ? data : { ...Object.fromEntries(loose), ...data };
  const depth = typeof delegation_depth === 'number' && context === undefined ? { delegation: { depth: delegation_depth } } : context;
  return { ...request, ...given('action', actionOf(request)), ...given('data', carried), ...given('agent', agentOf(request)), ...given('context', depth) };
}

/** What another system says under `context` is something that the action carries. */
function circumstances(context: Json | undefined): readonly (readonly [string, Json])[] {
  if (context === undefined || !isObject(context)) return [];
  const carried = Object.entries(context).filter(([name]) => !own_context.has(name));
  return carried.length === 0 ? [] : [['context', Object.fromEntries(carried)]];
}

function given(name: string, value: Json | undefined): PolicyRequest {
  return value === undefined ? {} : { [name]: value };
}

function actionOf({ action, tool_name }: { readonly [name: string]: Json }): Json | undefined {
  const type = typeof action === 'string' ? action : action === undefined && tool_name !== undefined ? 'tool' : undefined;
  const acts = type === undefined ? action : { type };
  return typeof tool_name === 'string' && acts !== undefined && isObject(acts) && acts['tool'] === undefined ? { ...acts, tool: tool_name } : acts;
}

function agentOf({ agent, agent_did, agent_id, trust_score }: { readonly [name: string]: Json }): Json | undefined {
  if (typeof agent === 'string') return { id: agent, ...(trust_score === undefined ? {} : { trust_score }) };
  if (agent !== undefined) return agent;
  const id = agent_did ?? agent_id;
  return id === undefined && trust_score === undefined ? undefined
    : { ...(id === undefined ? {} : { id }), ...(agent_did === undefined ? {} : { did: agent_did }), ...(trust_score === undefined ? {} : { trust_score }) };
}
