/** The pure part of the pipeline: from a call to a decision, nothing written and nothing run. */
import type { Json } from '../../crypto/canonical.ts';
import { contains, parseCapabilities, parseCapability, type Capability } from '../../crypto/capability.ts';
import type { Failure } from '../../crypto/result.ts';
import type { Action, CallContext, Decision } from './call.ts';
import type { Policy } from './guards.ts';
import { evaluateLayers } from './policy/evaluate.ts';
import type { Meter } from './policy/limit.ts';
import type { Verdict } from './policy/policy.ts';
import { Scope, type PolicyRequest } from './policy/scope.ts';
import { isRecord } from './policy/values.ts';
import type { DecisionRecord } from './recorder.ts';
import { hashOf, snapshot } from './snapshot.ts';

/** A call with everything copied that the decision rests on. */
export interface Prepared {
  readonly agent: string;
  readonly request: PolicyRequest;
  readonly context: CallContext;
  readonly scopes: readonly (readonly Capability[])[];
  readonly args_hash: string | null;
  /** Why the call cannot be decided about, if so. */
  readonly problem?: Failure;
  /** The part of the decision's record that is known before the decision. */
  readonly record: Pick<DecisionRecord, 'agent' | 'action' | 'scope' | 'trust_score' | 'sponsor' | 'peer' | 'delegation'>;
}

/** What a call brings. */
export interface Brought {
  readonly agent: string;
  readonly action: Action;
  readonly data: unknown;
  readonly context: CallContext;
  readonly trust_score: number | undefined;
  readonly scopes: readonly (readonly Capability[])[];
  /** What a delegation of this very call permits, on top of the scopes. */
  readonly delegated: readonly string[] | undefined;
}

/** Copies and checks what a call brings. */
export function prepare(call: Brought): Prepared {
  const { agent, context } = call;
  const action = snapshot(call.action);
  const data = call.data === undefined ? undefined : snapshot(call.data);
  const delegated = call.delegated === undefined ? undefined : parseCapabilities(call.delegated);
  const scopes = delegated?.ok === true ? [...call.scopes, delegated.value] : call.scopes;
  // Whole, so that a score below one can never be taken for a share of one.
  const trust_score = call.trust_score === undefined || !Number.isFinite(call.trust_score) ? undefined : Math.floor(call.trust_score);
  const problem = problemOf(agent, [action, data, delegated].flatMap((part) => (part === undefined || part.ok ? [] : [part.failure])), action.ok ? action.value : null);
  const shown: Json = action.ok ? action.value : { type: 'unreadable' };
  const { sponsor, peer, delegation } = context;
  return {
    agent,
    context,
    scopes,
    args_hash: data?.ok === false ? null : hashOf(data?.value ?? null),
    ...(problem === undefined ? {} : { problem }),
    request: {
      action: shown,
      ...(data?.ok === true ? { data: data.value } : {}),
      agent: agentOf(agent, context, trust_score),
      context: contextOf(context),
    },
    record: {
      agent,
      action: shown,
      scope: scopes.map((scope) => scope.map(({ text }) => text)),
      trust_score: trust_score ?? null,
      sponsor: sponsor ?? null,
      peer: peer ?? null,
      delegation: delegation ?? null,
    },
  };
}

function problemOf(agent: string, failures: readonly Failure[], action: Json): Failure | undefined {
  if (agent === '') return { code: 'CALL_INVALID', reason: 'the call names no agent' };
  const [failure] = failures;
  if (failure !== undefined) return { ...failure, code: 'CALL_INVALID' };
  const typed = isRecord(action) && typeof action['type'] === 'string' && action['type'] !== '';
  return typed ? undefined : { code: 'CALL_INVALID', reason: 'the action has no type', fix: "give action.type, e.g. 'read'" };
}

function agentOf(agent: string, context: CallContext, trust_score: number | undefined): Json {
  return {
    id: agent,
    ...(agent.startsWith('did:') ? { did: agent } : {}),
    ...(context.agent_name === undefined ? {} : { name: context.agent_name }),
    ...(trust_score === undefined ? {} : { trust_score }),
    ...(context.sponsor === undefined ? {} : { sponsor: context.sponsor }),
  };
}

function contextOf({ peer, delegation }: CallContext): Json {
  return {
    remote: peer !== undefined,
    ...(peer === undefined ? {} : { peer }),
    ...(delegation === undefined ? {} : { delegation: { root: delegation.root, depth: delegation.depth, capabilities: delegation.capabilities } }),
  };
}

/** What the decision depends on besides the call. */
export interface Circumstances {
  /** Highest first. */
  readonly layers: readonly (readonly Policy[])[];
  readonly meter: Meter;
  /** Why the agent may not act at all. */
  readonly refusal: Failure | undefined;
  readonly folder: string;
  /** That the call only enters a governed function, which needs no capability. */
  readonly entering: boolean;
  /** Whether rate limits are charged. */
  readonly charge: boolean;
}

/** Decides about a call: its form, the agent's signals, the scopes, the policies. */
export function decideCall(call: Prepared, around: Circumstances): Decision {
  const in_force = around.layers.map((layer) => layer.filter((policy) => isFor(policy, call)));
  const policies = in_force.flat().map(({ digest }) => digest);
  const common = { policies, args_hash: call.args_hash };
  if (around.refusal !== undefined) return { stage: 'signals', ...refused(around.refusal), ...common };
  if (call.problem !== undefined) return { stage: 'call', ...refused(call.problem), ...common };
  const exceeded = around.entering ? undefined : beyondScope(call);
  if (exceeded !== undefined) return { stage: 'scope', ...refused(exceeded), ...common };
  const verdict = evaluateLayers(in_force, new Scope(call.request, around.folder), around.meter, { charge: around.charge });
  return { stage: 'policy', verdict, code: codeOf(verdict), ...common };
}

function codeOf(verdict: Verdict): string | null {
  if (verdict.effect === 'allow') return null;
  return verdict.effect === 'deny' ? 'KERNEL_DENIED' : 'APPROVAL_REQUIRED';
}

function refused(failure: Failure): { readonly verdict: Verdict; readonly code: string } {
  const { code, reason, fix } = failure;
  return {
    code,
    verdict: { effect: 'deny', rule: null, policy: '', reason, ...(fix === undefined ? {} : { would_allow: fix }), obligations: [], errors: [], batched: false },
  };
}

function isFor(policy: Policy, { agent, context }: Prepared): boolean {
  return policy.agent === undefined || policy.agent === agent || policy.agent === context.agent_name;
}

/** An action that names no resource and no tool claims all resources of its type. */
function beyondScope({ request, scopes }: Prepared): Failure | undefined {
  if (scopes.length === 0) return undefined;
  const { action } = request;
  const { type, resource, tool } = isRecord(action) ? action : {};
  const object = resource ?? tool ?? '**';
  const text = typeof type === 'string' && typeof object === 'string' ? `${type}:${object}` : 'this action';
  const wanted = parseCapability(text);
  if (!wanted.ok) return { code: 'SCOPE_EXCEEDED', reason: `${text.slice(0, 80)} is no capability, so no scope can cover it`, fix: 'give the action a type and a resource in lower case' };
  const narrow = scopes.find((scope) => !scope.some((granted) => contains(granted, wanted.value)));
  if (narrow === undefined) return undefined;
  const granted = narrow.map((capability) => capability.text).join(', ');
  return { code: 'SCOPE_EXCEEDED', reason: `${text} is outside the scope ${granted === '' ? 'of nothing' : granted}`, fix: `delegate ${text}` };
}
