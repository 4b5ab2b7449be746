/** The same rules and requests in our engine, in hand-written closures, and in three libraries, each as it is meant to be used. */
import { preparsePolicySet, statefulIsAuthorized, type Context } from '@cedar-policy/cedar-wasm/nodejs';
import { parse } from '@marcbachmann/cel-js';
import { newEnforcer, newModelFromString } from 'casbin';
import { unwrap } from '../../crypto/result.ts';
import { containsPii } from '../../node/kernel/detect/pii.ts';
import { textsOf } from '../../node/kernel/detect/payload.ts';
import { compilePolicy } from '../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../node/kernel/policy/policy.ts';

/** Rule number i denies `type_i` from this trust score on, when the payload is marked. */
export interface Workload {
  /** The attribute that marks a payload: one that it states, or one that a detector finds in it. */
  readonly mark: 'data.marked' | 'data.contains_pii';
  readonly thresholds: readonly number[];
  readonly requests: readonly BenchRequest[];
}

/** One request of the workload. */
export type BenchRequest = {
  readonly action: { readonly type: string; readonly resource: string };
  readonly data: { readonly marked: boolean; readonly note: string; readonly order: number };
  readonly agent: { readonly id: string; readonly trust_score: number };
};

/** Whether a request is allowed, by its number. */
export type Engine = (index: number) => boolean;

const personal = ['please write to jane.doe@example.org about it', 'her social security number is 536-22-8726, keep it safe', 'call +49 30 901820 before noon'];
const harmless = ['the build of last night is green again', 'quarterly figures are up by four percent', 'deploy when the tests have passed'];

/** `rules` denials of types of their own and 1,024 requests of these types, from a seed. */
export function workload(rules: number, mark: Workload['mark'], seed: number): Workload {
  let state = seed;
  // Numerical Recipes' linear congruential generator: the same workload in every run.
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * bound);
  };
  const thresholds = Array.from({ length: rules }, () => 1 + below(999));
  const requests = Array.from({ length: 1_024 }, (_, order): BenchRequest => {
    const marked = below(2) === 1;
    return {
      action: { type: `type_${below(rules)}`, resource: `reports/${order}` },
      data: { marked, note: (marked ? personal : harmless)[below(3)] ?? '', order },
      agent: { id: `agent-${below(16)}`, trust_score: below(1_001) },
    };
  });
  return { mark, thresholds, requests };
}

/** The workload's rules as a policy of ours. */
export function policyOf({ thresholds, mark }: Workload): CompiledPolicy {
  const denials = thresholds.map((threshold, index) => ({
    name: `deny-${index}`, condition: `action.type == 'type_${index}' and ${mark} and agent.trust_score >= ${threshold}`, action: 'deny',
  }));
  return unwrap(compilePolicy({ version: '1.0', name: 'bench', rules: [...denials, { name: 'others', condition: 'true', action: 'allow' }] }));
}

/** What a request's mark is, computed where a detector has to. */
function isMarked({ mark }: Workload, { data }: BenchRequest): boolean {
  return mark === 'data.marked' ? data.marked : containsPii(textsOf(data) ?? []);
}

/** The limit: what one would write by hand for exactly these rules, an index by type over closures. */
export function closures(given: Workload): Engine {
  const by_type = new Map<string, ((request: BenchRequest) => boolean)[]>();
  for (const [index, threshold] of given.thresholds.entries()) {
    const type = `type_${index}`;
    by_type.set(type, [(request) => request.action.type === type && request.agent.trust_score >= threshold && isMarked(given, request)]);
  }
  return (index) => {
    const request = given.requests[index];
    if (request === undefined) return false;
    for (const denies of by_type.get(request.action.type) ?? []) if (denies(request)) return false;
    return true;
  };
}

type Reader = (request: BenchRequest) => string | number | boolean;
type Check = (request: BenchRequest) => boolean;

/** What any engine made of closures comes to when it checks nothing: one closure for each attribute, comparison and junction, behind the same index. */
export function composedClosures(given: Workload): Engine {
  const equals = (read: Reader, constant: string): Check => (request) => read(request) === constant;
  const atLeast = (read: Reader, constant: number): Check => (request) => {
    const value = read(request);
    return typeof value === 'number' && value >= constant;
  };
  const holds = (read: Reader): Check => (request) => read(request) === true;
  const both = (one: Check, other: Check): Check => (request) => one(request) && other(request);
  const type: Reader = (request) => request.action.type;
  const by_type = new Map<string, readonly Check[]>();
  for (const [index, threshold] of given.thresholds.entries()) {
    const marked = holds((request) => isMarked(given, request));
    by_type.set(`type_${index}`, [both(both(equals(type, `type_${index}`), atLeast((request) => request.agent.trust_score, threshold)), marked)]);
  }
  return (index) => {
    const request = given.requests[index];
    if (request === undefined) return false;
    for (const denies of by_type.get(String(type(request))) ?? []) if (denies(request)) return false;
    return true;
  };
}

/** Each rule one parsed expression, tried one after the other. */
function celJs({ thresholds, mark, requests }: Workload, marks: readonly boolean[]): Engine {
  const rules = thresholds.map((threshold, index) => parse(`action.type == 'type_${index}' && ${mark} && agent.trust_score >= ${threshold}`));
  const contexts = requests.map(({ action, agent }, index) => ({ action, agent, data: { [mark.slice('data.'.length)]: marks[index] } }));
  return (index) => {
    for (const rule of rules) if (rule(contexts[index]) === true) return false;
    return true;
  };
}

/** Policies parsed once; the context goes through WebAssembly on every call. */
function cedar({ thresholds, requests }: Workload, marks: readonly boolean[]): Engine {
  const forbids = thresholds.map((threshold, index) => `forbid(principal, action == Action::"type_${index}", resource) when { context.marked && context.trust_score >= ${threshold} };`);
  const id = `bench-${thresholds.length}`;
  const parsed = preparsePolicySet(id, { staticPolicies: `permit(principal, action, resource);\n${forbids.join('\n')}` });
  if (parsed.type !== 'success') throw new Error(`Cedar refuses the policies: ${parsed.errors[0]?.message ?? ''}`);
  const calls = requests.map(({ action, agent }, index) => {
    const context: Context = { marked: marks[index] === true, trust_score: agent.trust_score };
    return {
      principal: { type: 'Agent', id: agent.id }, action: { type: 'Action', id: action.type }, resource: { type: 'Resource', id: action.resource },
      context, entities: [], preparsedPolicySetId: id,
    };
  });
  return (index) => {
    const call = calls[index];
    const answer = call === undefined ? undefined : statefulIsAuthorized(call);
    return answer?.type === 'success' && answer.response.decision === 'allow';
  };
}

const casbin_model = `
[request_definition]
r = agent, trust, act, marked
[policy_definition]
p = act, threshold, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = p.act == "*" || (r.act == p.act && r.marked && r.trust >= p.threshold)`;

async function casbin({ thresholds, requests }: Workload, marks: readonly boolean[]): Promise<Engine> {
  const enforcer = await newEnforcer(newModelFromString(casbin_model));
  await enforcer.addPolicies([...thresholds.map((threshold, index) => [`type_${index}`, String(threshold), 'deny']), ['*', '0', 'allow']]);
  const calls = requests.map(({ action, agent }, index) => [agent.id, agent.trust_score, action.type, marks[index] === true]);
  return (index) => enforcer.enforceSync(...(calls[index] ?? []));
}

/** The other engines by name. What a detector would have to find is told them. */
export async function otherEngines(given: Workload): Promise<readonly (readonly [name: string, engine: Engine])[]> {
  const marks = given.requests.map((request) => isMarked(given, request));
  return [
    ['cedar-wasm, preparsed, stateful', cedar(given, marks)],
    ['@marcbachmann/cel-js, parse()', celJs(given, marks)],
    ['casbin, enforceSync', await casbin(given, marks)],
  ];
}
