/**
 * The agents of this host at work: each with its kernel, its policies and its
 * handler. Commands of other agents come in here, commands to others go out
 * from here; either way through the kernel.
 */
import { fromHex, toBase64url, utf8 } from '../crypto/bytes.ts';
import type { Json } from '../crypto/canonical.ts';
import { firstWidened, parseCapabilities, type Capability } from '../crypto/capability.ts';
import type { Chain } from '../crypto/chain.ts';
import { sha256 } from '../crypto/hash.ts';
import { fail, ok, unwrap, type Failure, type Result } from '../crypto/result.ts';
import type { HeldDelegation } from '../protocols/delegation/index.ts';
import type { Answered, Execution, RemoteCall } from '../protocols/message/index.ts';
import type { Change, Clock, Random, Recorder, Store } from '../protocols/ports.ts';
import type { Trust } from '../protocols/trust/index.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { AgentSettings } from '../storage/identities.ts';
import { refused, reply } from './executions.ts';
import type { AgentTool } from './agent-tools.ts';
import { loadHandler, type AgentHandler } from './agents.ts';
import { auditRecorder } from './flight-recorder.ts';
import type { Identities, LocalIdentity } from './identities.ts';
import { KernelSpace, Policy, type Approvals, type CallContext, type DecisionRecord, type OutcomeRecord, type PolicyLayer } from './kernel/index.ts';
import { commanded, type RemoteCommandsParts } from './remote-commands.ts';
import { isSignalCommand, signalled } from './remote-signals.ts';
import { KeptLimits } from './kept-limits.ts';
import { KeptSpendings } from './kept-spendings.ts';
import { Standings } from './standings.ts';

/** What the agents' house uses. */
export interface AgentHouseParts extends RemoteCommandsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly log: AuditLog;
  readonly identities: Identities;
  readonly trust: Trust;
  readonly recorder: Recorder;
  /** Are asked where a policy wants a call approved. */
  readonly approvals: Approvals & RemoteCommandsParts['approvals'];
  /** Why an agent of ours must not act any more, if so: revoked, or its sponsor withdrew. */
  barred(did: string): Failure | undefined;
  /** Why no governed action can be recorded at present, if so. */
  unrecordable(): Failure | undefined;
  /** Keeps the state of an agent and names the snapshot. */
  checkpoint(did: string, reason: string): Promise<Result<string>>;
  /** An agent has a kernel, which is younger than the revocations that are known. */
  housed(agent: HousedAgent): void;
}

/** What an agent works with. */
export interface Equipment {
  /** The policies of its own file; a kernel that a program brought has further ones. */
  readonly policies: readonly Policy[];
  /** What serves its commands; absent as long as no program has given one. */
  handler: AgentHandler | undefined;
  /** The tools that its handler module brings: it registers and serves them. */
  readonly tools: readonly AgentTool[];
}

/** An agent of this host, ready to work. */
export interface HousedAgent extends Equipment {
  readonly identity: LocalIdentity;
  readonly kernel: KernelSpace;
}

/** A command of a local agent to another. */
export interface OutgoingCall {
  readonly from: LocalIdentity;
  readonly to: string;
  readonly command: Capability;
  readonly arguments: Json;
  readonly delegation?: HeldDelegation;
  readonly signal?: AbortSignal;
}

function digestOf(policy: Policy): Uint8Array {
  return fromHex(policy.digest) ?? utf8(policy.digest);
}

function depthOf(chain: Chain | HeldDelegation): number {
  return chain.links.length;
}

/** The agents of this host. */
export class AgentHouse {
  readonly #parts: AgentHouseParts;
  readonly #agents = new Map<string, HousedAgent>();
  readonly #standings: Standings;
  readonly #spendings: KeptSpendings;
  readonly #limits: KeptLimits;
  #organisations: readonly (readonly Policy[])[] = [];
  #host_policies: readonly Policy[] = [];

  constructor(parts: AgentHouseParts) {
    this.#parts = parts;
    this.#standings = new Standings(parts.store);
    this.#spendings = new KeptSpendings(parts);
    this.#limits = new KeptLimits(parts);
  }

  /** Loads the host's policy and readies every agent. Fails with a `POLICY_…` or `HANDLER_UNUSABLE` code. */
  async start(host_policy: string | undefined): Promise<Result<void>> {
    if (host_policy !== undefined) {
      const policy = await Policy.load(host_policy);
      if (!policy.ok) return policy;
      this.#host_policies = [policy.value];
    }
    for (const identity of this.#parts.identities.list('agent').filter(({ deactivated }) => !deactivated)) {
      const equipment = await this.equip(identity.agent);
      await this.#standings.load(identity.did);
      await this.#spendings.load(identity.did);
      await this.#limits.load(identity.did);
      // An agent that cannot work refuses its commands and says why; the others go on.
      if (equipment.ok) this.admit(identity, equipment.value);
      else this.#parts.recorder.record({ kind: 'agent.unusable', did: identity.did, name: identity.name, code: equipment.failure.code, reason: equipment.failure.reason });
    }
    return ok(undefined);
  }

  /** Ends every running call. */
  stop(): void {
    for (const agent of this.#agents.values()) agent.kernel.stop('the node is stopping');
  }

  /** Loads what an agent with these settings works with. Fails with a `POLICY_…` or `HANDLER_UNUSABLE` code. */
  async equip(settings: AgentSettings | null): Promise<Result<Equipment>> {
    const policy = settings === null || settings.policy === null ? undefined : await Policy.load(settings.policy);
    if (policy?.ok === false) return policy;
    const handler = settings === null || settings.handler === null ? undefined : await loadHandler(settings.handler);
    if (handler?.ok === false) return handler;
    return ok({ policies: policy === undefined ? [] : [policy.value], handler: handler?.value.handler, tools: handler?.value.tools ?? [] });
  }

  /** Readies an agent: gives it its equipment and a kernel of its own. */
  admit(identity: LocalIdentity, equipment: Equipment): HousedAgent {
    const kernel = new KernelSpace({ clock: this.#parts.clock, random: this.#parts.random });
    // A kernel that is made here has nobody else to act for.
    unwrap(this.#attach(identity, kernel, equipment.policies));
    return this.#house({ identity, kernel, ...equipment });
  }

  /** Gives an agent a kernel that a program has built. Its records go to this host's log from then on; the kernel before it ends. Fails with `KERNEL_TAKEN`. */
  adopt(identity: LocalIdentity, kernel: KernelSpace): Result<HousedAgent> {
    const { did } = identity;
    const { policies = [], handler, tools = [], kernel: before } = this.#agents.get(did) ?? {};
    const attached = this.#attach(identity, kernel, policies);
    if (!attached.ok) return attached;
    const housed = this.#house({ identity, kernel, policies, handler, tools });
    if (before === undefined || before === kernel) return ok(housed);
    // Signals reach the new one alone from now on, so nothing may go on in the old one.
    const restored = kernel.restore(did, before.standingOf(did));
    before.stop('a program has given its agent another kernel');
    return restored.ok ? ok(housed) : restored;
  }

  #attach(identity: LocalIdentity, kernel: KernelSpace, policies: readonly Policy[]): Result<void> {
    const { did } = identity;
    const attached = kernel.attach(did, () => this.#ownContext(identity), {
      flight_recorder: auditRecorder(this.#parts.log, () => this.#parts.unrecordable(), (record) => this.#besides(did, kernel, record)),
      spendings: this.#spendings.keeper(did, () => (this.#isCurrent(did, kernel) ? kernel.keptSpending(did) : undefined)), limits: this.#limits.of(did),
      layers: { organisations: this.#organisations, host: this.#host_policies, agent: policies },
      approvals: this.#parts.approvals, checkpoint: (agent, reason) => this.#parts.checkpoint(agent, reason),
    });
    if (!attached.ok) return attached;
    const standing = this.#standings.of(did);
    return standing === undefined ? attached : kernel.restore(did, standing);
  }

  /** What is kept of an agent together with a record. A kernel that another has replaced counts no more. */
  #besides(did: string, kernel: KernelSpace, record: DecisionRecord | OutcomeRecord): readonly Change[] {
    const is_current = record.agent === did && this.#isCurrent(did, kernel);
    return [
      ...(record.kind === 'decision' ? this.#standings.changes(did, record) : []),
      ...this.#spendings.changes(did, is_current ? kernel.keptSpending(did) : undefined),
      ...(is_current ? this.#limits.changes(did, kernel.countedLimits()) : []),
    ];
  }

  #isCurrent(did: string, kernel: KernelSpace): boolean {
    return this.#agents.get(did)?.kernel === kernel;
  }

  #house(agent: HousedAgent): HousedAgent {
    this.#agents.set(agent.identity.did, agent);
    this.#parts.housed(agent);
    return agent;
  }

  /**
   * Replaces the policies of the organisation or the host over all agents, or of one agent, between two decisions:
   * calls under way keep theirs. Fails with `AGENT_UNKNOWN` where the layer is an agent's and there is none such here.
   */
  replacePolicies(layer: PolicyLayer, policies: readonly Policy[], did?: string): Result<void> {
    if (layer === 'agent') {
      const agent = did === undefined ? undefined : this.#agents.get(did);
      if (agent === undefined) return fail('AGENT_UNKNOWN', `${did ?? 'nobody'} is no agent of this host`, { fix: 'agentmesh agent list' });
      this.#agents.set(agent.identity.did, { ...agent, policies });
      agent.kernel.replacePolicies(layer, policies);
      return ok(undefined);
    }
    if (layer === 'organisation') {
      this.replaceOrganisations([policies]);
      return ok(undefined);
    }
    this.#host_policies = policies;
    for (const { kernel } of this.#agents.values()) kernel.replacePolicies(layer, policies);
    return ok(undefined);
  }

  /** Replaces the layers of all organisations over all agents at once, between two decisions. */
  replaceOrganisations(organisations: readonly (readonly Policy[])[]): void {
    this.#organisations = organisations;
    for (const { kernel } of this.#agents.values()) kernel.replaceOrganisations(organisations);
  }

  /** The policies that stand over those of all agents, below those of organisations. */
  get hostPolicies(): readonly Policy[] {
    return this.#host_policies;
  }

  /** Every agent that is ready to work. */
  list(): Iterable<HousedAgent> {
    return this.#agents.values();
  }

  /** The agent with this DID. */
  get(did: string): HousedAgent | undefined {
    return this.#agents.get(did);
  }

  /** SHA-256 over what decides for an identity: told to peers, so that both sign what was in force. */
  policyDigest(did: string): Uint8Array {
    const agent = this.#agents.get(did);
    return sha256(...[...this.#organisations.flat(), ...this.#host_policies, ...(agent?.policies ?? []), ...(agent?.kernel.policies ?? [])].map(digestOf));
  }

  /** Whether capabilities stay within those of a parent. Fails with `CAPABILITY_MALFORMED` or `PARENT_EXCEEDED`. */
  withinScope(parent: readonly string[], child: readonly string[], parent_name: string): Result<void> {
    const [above, below] = [parseCapabilities(parent), parseCapabilities(child)];
    if (!above.ok) return above;
    if (!below.ok) return below;
    const widened = firstWidened(above.value, below.value);
    return widened === undefined ? ok(undefined) : fail('PARENT_EXCEEDED', `${widened.text} is more than ${parent_name} may do`, { fix: `any of ${parent.join(', ')} or less` });
  }

  #ownContext(identity: LocalIdentity): CallContext {
    const { score } = this.#parts.trust.score(this.#parts.identities.node.did, identity.did);
    return { agent_name: identity.name, trust_score: score, ...(identity.sponsor === null ? {} : { sponsor: identity.sponsor }) };
  }

  /** Walk 2 from the kernel on: a verified command of another agent. `agent.trust_score` in policies is our score of who asks. */
  async execute(call: RemoteCall, signal: AbortSignal): Promise<Execution> {
    const agent = this.#agents.get(call.executor);
    const barred = this.#parts.barred(call.executor);
    if (barred !== undefined) return refused(barred, null);
    if (agent === undefined) return refused({ code: 'AGENT_UNUSABLE', reason: 'this agent cannot work at present', fix: 'its host\'s log says why' }, null);
    const context = this.#remoteContext(agent.identity, call);
    return isSignalCommand(call.command) ? signalled(agent, call, context) : commanded(this.#parts, agent, call, context, signal);
  }

  #remoteContext({ name, sponsor }: LocalIdentity, { executor, caller, chain }: RemoteCall): CallContext {
    return {
      agent_name: name,
      trust_score: this.#parts.trust.score(executor, caller).score,
      peer: caller,
      ...(sponsor === null ? {} : { sponsor }),
      ...(chain === undefined ? {} : { delegation: { root: chain.root, depth: depthOf(chain), capabilities: chain.capabilities.map(({ text }) => text), chain: toBase64url(chain.hash) } }),
    };
  }

  /** A command of a local agent: governed here first. The peer's verified answer comes back, or why there is none. */
  async outgoing(call: OutgoingCall, send: (signal: AbortSignal, given: Json) => Promise<Result<Answered>>): Promise<Result<Answered>> {
    const { from, command, delegation } = call;
    const agent = this.#agents.get(from.did);
    const barred = this.#parts.barred(from.did);
    if (barred !== undefined) return { ok: false, failure: barred };
    if (agent === undefined) return fail('AGENT_UNUSABLE', `${from.name} cannot work at present`, { fix: 'agentmesh doctor' });
    const last = delegation?.links.at(-1);
    const outcome = await agent.kernel.scoped(from.capabilities, () => agent.kernel.run({
      agent: from.did,
      action: { type: command.verb, resource: command.path.join('/'), direction: 'out', to: call.to },
      data: call.arguments,
      context: {
        ...this.#ownContext(from),
        ...(delegation === undefined || last === undefined ? {} : {
          delegation: { root: last.sub, depth: depthOf(delegation), capabilities: last.capabilities.map(({ text }) => text), chain: delegation.id },
        }),
      },
      // Reading from another host changes nothing here, and the executor's durable decision and receipt prove it.
      audit: command.verb === 'read' ? 'batched' : 'durable',
      ...(call.signal === undefined ? {} : { signal: call.signal }),
      effect: (signal, given) => send(signal, given ?? null),
      output: reply,
    }));
    return outcome.ok ? outcome.value.value : outcome;
  }
}

