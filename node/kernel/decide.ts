/** The pure part of the pipeline: from a call to a decision, nothing written and nothing run. */
import type { Json } from '../../crypto/canonical.ts';
import { contains, parseCapabilities, parseCapability, type Capability } from '../../crypto/capability.ts';
import type { Failure, Result } from '../../crypto/result.ts';
import type { Action, CallContext, Decision, WantedApproval } from './call.ts';
import type { Policy } from './guards.ts';
import { evaluateLayers } from './policy/evaluate.ts';
import type { Meter } from './policy/limit.ts';
import type { Verdict } from './policy/policy.ts';
import { Scope, type PolicyRequest } from './policy/scope.ts';
import { isRecord, memberOf } from './policy/values.ts';
import { enforcementOf, type DecisionRecord, type SandboxTier } from './recorder.ts';
import { action_bounds, hashedSnapshot, hashOf, snapshot } from './snapshot.ts';

/** A call with everything copied that the decision rests on. */
export interface Prepared {
  readonly agent: string;
  readonly request: PolicyRequest;
  readonly context: CallContext;
  readonly scopes: readonly (readonly Capability[])[];
  readonly args_hash: string | null;
  /** Why the call cannot be decided about, if so. */
  readonly problem: Failure | undefined;
  /** That it must be approved whatever the policies say. */
  readonly approval?: WantedApproval | undefined;
  /** The part of the decision's record that is known before the decision. */
  readonly record: Pick<DecisionRecord, 'agent' | 'action' | 'scope' | 'trust_score' | 'sponsor' | 'peer' | 'delegation' | 'sandbox' | 'enforcement' | 'taint'>;
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
  /** Why the call is not to be decided about, where its bringer knows already. */
  readonly problem?: Failure | undefined;
  readonly approval?: WantedApproval | undefined;
}

const no_labels: readonly string[] = Object.freeze([]);
const no_scopes: readonly (readonly string[])[] = Object.freeze([]);
const no_arguments_hash = hashOf(null);
const unreadable_action: Json = Object.freeze({ type: 'unreadable' });
const at_home: Json = Object.freeze({ remote: false });
const untainted: Json = { labels: [], tainted: false };
const sandbox_roots: { readonly [Tier in SandboxTier]: Json } = {
  none: { tier: 'none', level: 0 }, quickjs: { tier: 'quickjs', level: 1 }, process: { tier: 'process', level: 2 }, bwrap: { tier: 'bwrap', level: 3 },
};

/** Copies and checks what a call brings. */
export function prepare(call: Brought): Prepared {
  const { agent, context } = call;
  const action = snapshot(call.action, action_bounds);
  const data = call.data === undefined ? undefined : hashedSnapshot(call.data);
  const delegated = call.delegated === undefined ? undefined : parseCapabilities(call.delegated);
  const scopes = delegated?.ok === true ? [...call.scopes, delegated.value] : call.scopes;
  // Whole, so that a score below one can never be taken for a share of one.
  const trust_score = call.trust_score === undefined || !Number.isFinite(call.trust_score) ? undefined : Math.floor(call.trust_score);
  const problem = call.problem ?? problemOf(agent, action) ?? unreadable(data) ?? unreadable(delegated);
  const shown = action.ok ? action.value : unreadable_action;
  const { sponsor, peer, delegation, sandbox = 'none', taint = no_labels } = context;
  return {
    agent,
    context,
    scopes,
    args_hash: data === undefined ? no_arguments_hash : data.ok ? data.value.hash : null,
    problem,
    approval: call.approval,
    request: {
      action: shown,
      data: data?.ok === true ? data.value.value : undefined,
      agent: agentOf(agent, context, trust_score),
      context: contextOf(context),
      sandbox: sandbox_roots[sandbox],
      taint: taint.length === 0 ? untainted : { labels: taint, tainted: true },
    },
    record: {
      agent,
      action: shown,
      scope: scopes.length === 0 ? no_scopes : scopes.map((scope) => scope.map(({ text }) => text)),
      trust_score: trust_score ?? null,
      sponsor: sponsor ?? null,
      peer: peer ?? null,
      delegation: delegation ?? null,
      sandbox,
      enforcement: enforcementOf(sandbox),
      taint,
    },
  };
}

function problemOf(agent: string, action: Result<Json>): Failure | undefined {
  if (agent === '') return { code: 'CALL_INVALID', reason: 'the call names no agent' };
  if (!action.ok) return unreadable(action);
  const type = memberOf(action.value, 'type');
  return typeof type === 'string' && type !== '' ? undefined : { code: 'CALL_INVALID', reason: 'the action has no type', fix: "give action.type, e.g. 'read'" };
}

function unreadable(part: Result<unknown> | undefined): Failure | undefined {
  return part === undefined || part.ok ? undefined : { ...part.failure, code: 'CALL_INVALID' };
}

function agentOf(agent: string, context: CallContext, trust_score: number | undefined): Json {
  const known: { [name: string]: Json } = trust_score === undefined ? { id: agent } : { id: agent, trust_score };
  if (agent.startsWith('did:')) known['did'] = agent;
  if (context.agent_name !== undefined) known['name'] = context.agent_name;
  if (context.sponsor !== undefined) known['sponsor'] = context.sponsor;
  return known;
}

function contextOf({ peer, delegation }: CallContext): Json {
  if (peer === undefined && delegation === undefined) return at_home;
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
  /** That a grant is there for what wants approval. */
  readonly approved?: boolean;
}

/** Decides about a call: its form, the agent's signals, the scopes, the policies. */
export function decideCall(call: Prepared, around: Circumstances): Decision {
  const { layers, digests } = inForce(around.layers, call);
  const policies = digests.slice();
  const { args_hash } = call;
  if (around.refusal !== undefined) return { stage: 'signals', ...refused(around.refusal), policies, args_hash };
  if (call.problem !== undefined) return { stage: 'call', ...refused(call.problem), policies, args_hash };
  const exceeded = around.entering ? undefined : beyondScope(call);
  if (exceeded !== undefined) return { stage: 'scope', ...refused(exceeded), policies, args_hash };
  // A call that waits for approval whatever the policies say is charged once: when it has it.
  const { approved = false } = around;
  const charge = around.charge && (call.approval === undefined || approved);
  const judged = evaluateLayers(layers, new Scope(call.request, around.folder), around.meter, { charge, approved });
  const verdict: Verdict = judged.effect === 'allow' && call.approval !== undefined ? { ...judged, ...call.approval, effect: 'require_approval' } : judged;
  return { stage: 'policy', verdict, code: codeOf(verdict), policies, args_hash };
}

/** What is the same for every call under the same layers. */
interface Known {
  readonly layers: Circumstances['layers'];
  /** That each of the policies is for every agent. */
  readonly for_all: boolean;
  /** Of the enforced policies; copied into each decision, which a program may hold. */
  readonly digests: readonly string[];
}

const known = new WeakMap<Circumstances['layers'], Known>();

function knownOf(layers: Circumstances['layers']): Known {
  const kept = known.get(layers);
  if (kept !== undefined) return kept;
  const policies = layers.flat();
  const found: Known = {
    layers,
    for_all: policies.every(({ agent }) => agent === undefined),
    digests: policies.filter(({ mode }) => mode === 'enforce').map(({ digest }) => digest),
  };
  known.set(layers, found);
  return found;
}

/** The policies that are for the agent: mostly all of them, and then the layers as they are. */
function inForce(layers: Circumstances['layers'], call: Prepared): Known {
  const all = knownOf(layers);
  if (all.for_all || layers.every((layer) => layer.every((policy) => isFor(policy, call)))) return all;
  return knownOf(layers.map((layer) => layer.filter((policy) => isFor(policy, call))));
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
  return { code: 'SCOPE_EXCEEDED', reason: `${text} is outside the scope ${granted === '' ? 'of nothing' : granted}`, fix: `a scope that covers ${text}: an agent gets its own when it is made (--capability ${text}), a delegation gives one across hosts` };
}
