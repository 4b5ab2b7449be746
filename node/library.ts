/**
 * The library as programs use it: identities with an accountable sponsor, and a
 * bridge of trust to agents elsewhere. Where a program asks for something that
 * cannot be had, these throw a `FailureError` with code, reason and fix.
 */
import type { Json } from '../crypto/canonical.ts';
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import { sha256 } from '../crypto/hash.ts';
import { FailureError, unwrap, type Result } from '../crypto/result.ts';
import type { Chain } from '../crypto/chain.ts';
import { jsonResult } from '../protocols/message/index.ts';
import type { AgentToolbox } from './agent-tools.ts';
import type { AgentCall, AgentHandler } from './agents.ts';
import type { LocalIdentity } from './identities.ts';
import type { KernelSpace } from './kernel/index.ts';
import type { Vfs } from './kernel/memory/vfs.ts';
import { onlyNode, type Node } from './node.ts';

/** An agent to create. */
export interface AgentIdentityInit {
  readonly name: string;
  /** The human or organisation that answers for it: a DID, or a name such as `alice@company.com` that this node knows. */
  readonly sponsor: string;
  /** What it may do and what it serves, as `verb:resource`. */
  readonly capabilities?: readonly string[];
  /** The agent that it is made for, here or elsewhere: it gets no capability that its parent lacks. */
  readonly parentAgent?: string;
  /** The kernel that governs it; without one, a kernel that only knows the node's policy. */
  readonly kernel?: KernelSpace;
  /** `open` agents take commands without a delegation, as far as their policy allows. */
  readonly authority?: 'delegated' | 'open';
  /** Sponsors besides its own whose delegations it honours. */
  readonly roots?: readonly string[];
  /** The trust score that callers need, 0..1000. */
  readonly requiredTrustScore?: number;
  /** The node that it lives on: the one of this process when absent. */
  readonly node?: Node;
}

/** An agent of this process. */
export class AgentIdentity {
  readonly node: Node;
  readonly #identity: LocalIdentity;

  private constructor(node: Node, identity: LocalIdentity) {
    this.node = node;
    this.#identity = identity;
  }

  /** Makes an agent with new keys, attested by its sponsor and published to the mesh. Throws a `FailureError`. */
  static async create(init: AgentIdentityInit): Promise<AgentIdentity> {
    const node = init.node ?? unwrap(onlyNode());
    const created = unwrap(await node.actions.createAgent({
      name: init.name,
      sponsor: init.sponsor,
      capabilities: init.capabilities ?? [],
      ...(init.parentAgent === undefined ? {} : { parent: init.parentAgent }),
      ...(init.authority === undefined ? {} : { authority: init.authority }),
      ...(init.roots === undefined ? {} : { roots: init.roots }),
      ...(init.requiredTrustScore === undefined ? {} : { required_trust: init.requiredTrustScore }),
    }));
    return AgentIdentity.#on(node, created, init.kernel);
  }

  /** The agent of this name that an earlier run has made. Throws a `FailureError`. */
  static open(init: { readonly name: string; readonly kernel?: KernelSpace; readonly node?: Node }): AgentIdentity {
    const node = init.node ?? unwrap(onlyNode());
    return AgentIdentity.#on(node, unwrap(node.actions.own(init.name)), init.kernel);
  }

  static #on(node: Node, identity: LocalIdentity, kernel: KernelSpace | undefined): AgentIdentity {
    if (kernel !== undefined) unwrap(node.host.agents.adopt(identity, kernel));
    return new AgentIdentity(node, identity);
  }

  get did(): string {
    return this.#identity.did;
  }

  get name(): string {
    return this.#identity.name;
  }

  /** The DID of who answers for it. */
  get sponsor(): string | null {
    return this.#identity.sponsor;
  }

  get capabilities(): readonly string[] {
    return this.#identity.capabilities;
  }

  /** What it remembers: its own files and those that agents share. Every access is decided by its kernel and recorded. Throws a `FailureError`. */
  get files(): Vfs {
    return unwrap(this.node.host.files.of(this.did));
  }

  /** The tools that it may call: each call checked against the schema, decided by its kernel and recorded. Throws a `FailureError`. */
  get tools(): AgentToolbox {
    return unwrap(this.node.host.tools.of(this.did));
  }

  /** Serves the commands of other agents: each one verified, allowed and recorded before the handler sees it. */
  serve(handler: AgentHandler): void {
    const agent = this.node.host.agents.get(this.did);
    if (agent === undefined) throw new FailureError({ code: 'AGENT_UNUSABLE', reason: `${this.name} is not ready on this host`, fix: 'agentmesh doctor' });
    agent.handler = handler;
  }
}

/** Whether a peer is who it says and trusted enough, and why. */
export interface PeerVerification {
  readonly verified: boolean;
  /** 0..1000: our own score, never the peer's claim. */
  readonly trustScore: number;
  readonly tier: string;
  /** Empty when verified. */
  readonly code: string;
  readonly reason: string;
}

/** A command for another agent. */
export interface OutgoingMessage {
  /** `verb:resource`. */
  readonly command: string;
  readonly arguments?: Json;
  /** The id of the delegation that it rests on, or `none`; the best one held of a sponsor whom either side answers to when absent. */
  readonly delegation?: string;
  /** The request for approval that the same message began earlier: a reply `APPROVAL_PENDING` has named it. */
  readonly approval?: string;
  /** How long it comes again, in milliseconds, while a human on the other host has yet to approve it: fifteen minutes at most, once only where absent. */
  readonly wait_ms?: number;
}

/** The executor's verified answer. */
export interface Reply {
  readonly allowed: boolean;
  readonly result: Json;
  readonly rule: string | null;
  readonly code: string | null;
  readonly reason: string;
  /** The signed receipt. */
  readonly receipt: string;
  /** Where the decision stands in the executor's audit log. */
  readonly audit: { readonly origin: string; readonly index: number } | null;
}

/** Work that another agent asks for under a verified delegation. */
export interface DelegatedTask {
  readonly id: string;
  /** What may be done under it, for `kernel.scoped`. */
  readonly scope: readonly string[];
  readonly task: Json;
  readonly command: string;
  readonly caller: string;
  /** The tokens, root first. */
  readonly chain: readonly string[];
  readonly signal: AbortSignal;
}

/** Trust between an agent of this process and agents elsewhere. */
export class TrustBridge {
  readonly #identity: AgentIdentity;

  constructor(identity: AgentIdentity) {
    this.#identity = identity;
  }

  /** Contacts a peer, proves both identities over the channel, and compares our score of it. Never throws for what the peer is or does. */
  async verifyPeer(peerId: string, options: { readonly requiredTrustScore?: number } = {}): Promise<PeerVerification> {
    const { actions, host } = this.#identity.node;
    const verified = await actions.verifyPeer(this.#identity.did, peerId, options.requiredTrustScore ?? 0);
    if (verified.ok) return { verified: true, trustScore: verified.value.score.score, tier: verified.value.score.tier, code: '', reason: '' };
    const { score, tier } = host.trust.score(this.#identity.did, peerId);
    return { verified: false, trustScore: score, tier, code: verified.failure.code, reason: verified.failure.reason };
  }

  /** Sends a command and verifies the receipt. A denial is a reply; that there is none throws a `FailureError`. */
  async sendMessage(peerId: string, message: OutgoingMessage): Promise<Reply> {
    const answered = unwrap(await this.#identity.node.actions.call({ from: this.#identity.did, to: peerId, ...message }));
    const { receipt, receipt_token, result } = answered;
    return {
      allowed: receipt.verdict === 'allow', result: result ?? null, rule: receipt.rule, code: receipt.code, reason: receipt.reason, receipt: receipt_token, audit: receipt.log,
    };
  }

  /** Whether a delegation holds now: every link, signature, time and revocation. */
  async verifyDelegation(delegation: { readonly chain: readonly string[] }): Promise<boolean> {
    return (await this.explainDelegation(delegation)).ok;
  }

  /** The verified chain, or the step and link at which it fails. */
  explainDelegation(delegation: { readonly chain: readonly string[] }): Promise<Result<Chain>> {
    return this.#identity.node.host.delegations.verify(delegation.chain);
  }

  /** Delegates part of a held delegation to another agent and hands it over; the id names it from then on. Throws a `FailureError`. */
  async delegate(peerId: string, capabilities: readonly string[], parent: string): Promise<{ readonly id: string; readonly delivered: boolean }> {
    const issued = unwrap(await this.#identity.node.actions.delegate({ from: this.#identity.did, to: peerId, capabilities, parent }));
    return { id: issued.delegation.id, delivered: issued.delivered };
  }

  /** Serves work that comes with a delegation; a command without one is refused. */
  onDelegation(handler: (delegation: DelegatedTask) => unknown): void {
    this.#identity.serve((call: AgentCall) => {
      if (call.delegation === undefined) throw new Error('this agent only works under a delegation');
      const { id, scope, chain } = call.delegation;
      return handler({ id, scope, chain, task: call.arguments, command: call.command, caller: call.caller, signal: call.signal });
    });
  }

  /** Tells the issuer of a delegation that the work is done, signed. Throws a `FailureError`. */
  async reportCompletion(delegationId: string, result: unknown): Promise<void> {
    const value = unwrap(jsonResult(result));
    unwrap(await this.#identity.node.host.delegations.reportCompletion(delegationId, this.#identity.did, sha256(canonicalJsonBytes(value))));
  }
}
