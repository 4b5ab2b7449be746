/** What a person or a program asks a host to do: each action a walk through the parts, ending in a value or an explained failure. */
import { toBase64url } from '../crypto/bytes.ts';
import { canonicalJsonBytes, type Json } from '../crypto/canonical.ts';
import { parseCapability } from '../crypto/capability.ts';
import { parseInvocation, type Caveats } from '../crypto/chain.ts';
import { isDid } from '../crypto/did.ts';
import { calledIn, type DidRecord } from '../crypto/did-record.ts';
import { sha256 } from '../crypto/hash.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { isTarget, isTargetKind, type RevocationTarget } from '../crypto/statement.ts';
import type { HeldDelegation } from '../protocols/delegation/index.ts';
import type { Session } from '../protocols/handshake/index.ts';
import type { Answered } from '../protocols/message/index.ts';
import { locate } from '../protocols/place.ts';
import type { Score } from '../protocols/trust/index.ts';
import { checkRequiredTrust } from './config.ts';
import type { Host } from './host.ts';
import type { LocalIdentity, Witnessing } from './identities.ts';
import { checkPatience, sendPatiently } from './patience.ts';

/** Says in place of a delegation's id that a call rests on none. */
const no_delegation = 'none';
const target_forms = 'a delegation has 43 characters (agentmesh delegation list), a token 22 (its jti), a key is did:mesh:…#key-… (agentmesh did list --json)';
const endorsement_lifetime_ms: number = 90 * 86_400_000;

/** A DID, or the name of an identity of this host. */
export type Who = string;

/** An agent to create. */
export interface AgentPlan {
  readonly name: string;
  readonly sponsor: Who;
  /** What it may do and what it serves, as `verb:resource`. */
  readonly capabilities: readonly string[];
  /** The agent that it is made for, here or elsewhere: it gets no capability that its parent lacks. */
  readonly parent?: Who;
  /** Path of its policy file. */
  readonly policy?: string;
  /** Path of the module that serves its commands. */
  readonly handler?: string;
  readonly required_trust?: number;
  readonly authority?: 'delegated' | 'open';
  /** Sponsors besides its own whose delegations it honours. */
  readonly roots?: readonly Who[];
}

/** A command to give. */
export interface CallPlan {
  readonly from: Who;
  readonly to: Who;
  readonly command: string;
  readonly arguments?: Json;
  /**
   * The id of the delegation that it rests on, or `none` to act in its own name.
   * Where absent: the best one held of the executor's sponsor, or else of a
   * sponsor whom the caller answers to; for a repetition the one that it names.
   */
  readonly delegation?: string;
  /** An earlier invocation to repeat: from the same agent, to the same, the same command with the same arguments. */
  readonly invocation?: string;
  /** The request for approval that the same command began earlier: an answer `APPROVAL_PENDING` has named it. */
  readonly approval?: string;
  /** How long it comes again, in milliseconds, while a human on the other host has yet to approve it; {@link patience_ms_max} at most. Once only where absent. */
  readonly wait_ms?: number;
  readonly signal?: AbortSignal;
}

/** A delegation to issue and hand over. */
export interface DelegationPlan {
  readonly from: Who;
  readonly to: Who;
  readonly capabilities: readonly string[];
  /** The id of the held delegation to narrow. */
  readonly parent?: string;
  readonly lifetime_s?: number;
  readonly caveats?: Caveats;
}

/** The actions over a host. */
export class Actions {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** The local identity of a name or DID. Fails with `NAME_UNKNOWN`. */
  own(who: Who): Result<LocalIdentity> {
    const found = who === '' ? undefined : this.#host.identities.find(who);
    if (found === undefined) return fail('NAME_UNKNOWN', `no ${JSON.stringify(who.slice(0, 80))} has its key on this host`, { fix: 'agentmesh agent list, agentmesh sponsor list' });
    return found.deactivated ? fail('IDENTITY_DEACTIVATED', `${found.name} is deactivated, which is final`, { fix: 'make a new identity' }) : ok(found);
  }

  /** Makes a human or organisation whose key lies on this host; an organisation may answer for a human. */
  createSponsor(name: string, kind: 'human' | 'org', witnesses?: Witnessing, organisation?: Who): Promise<Result<LocalIdentity>> {
    return this.#host.identities.create({
      kind, name, ...(witnesses === undefined ? {} : { witnesses }), ...(organisation === undefined ? {} : { sponsor: organisation }),
    });
  }

  /** Makes an agent and readies its handler and policy. Fails with a code of `NAME_`, `SPONSOR_`, `CAPABILITY_`, `PARENT_`, `HANDLER_`, `POLICY_` or `TRUST_INVALID`. */
  async createAgent(plan: AgentPlan): Promise<Result<LocalIdentity>> {
    const { identities, agents } = this.#host;
    const required_trust = plan.required_trust ?? 0;
    const demanded = checkRequiredTrust(required_trust);
    if (!demanded.ok) return demanded;
    const narrowed = await this.#withinParent(plan);
    if (!narrowed.ok) return narrowed;
    const roots: string[] = [];
    for (const who of plan.roots ?? []) {
      const did = identities.didOf(who);
      if (!did.ok) return did;
      roots.push(did.value);
    }
    const settings = { handler: plan.handler ?? null, policy: plan.policy ?? null, required_trust, authority: plan.authority ?? 'delegated', roots };
    const equipment = await agents.equip(settings);
    if (!equipment.ok) return equipment;
    const created = await identities.create({ kind: 'agent', name: plan.name, sponsor: plan.sponsor, capabilities: plan.capabilities, agent: settings });
    if (!created.ok) return created;
    agents.admit(created.value, equipment.value);
    return created;
  }

  /** A parent elsewhere is held to what its record says that it may do. */
  async #withinParent(plan: AgentPlan): Promise<Result<void>> {
    if (plan.parent === undefined) return ok(undefined);
    const did = this.#host.identities.didOf(plan.parent);
    if (!did.ok) return did;
    const record = await this.#host.identity.resolve(did.value);
    if (!record.ok) return record;
    const { kind, document } = record.value;
    if (kind !== 'agent') return fail('PARENT_KIND', `${calledIn(record.value)} is not an agent`, { fix: 'leave --parent out, or name an agent' });
    return this.#host.agents.withinScope(document.capabilities, plan.capabilities, document.name);
  }

  /** Proves a local agent to another agent and the other way round, and says how far it is trusted. Fails with a code of the handshake or `TRUST_TOO_LOW`. */
  async verifyPeer(from: Who, peer: Who, required_trust_score: number): Promise<Result<{ readonly session: Session; readonly score: Score }>> {
    const { identities, identity, handshake, trust, parts } = this.#host;
    const local = this.own(from);
    if (!local.ok) return local;
    const did = identities.didOf(peer);
    if (!did.ok) return did;
    const record = await identity.resolve(did.value);
    if (!record.ok) return record;
    const place = await locate(parts.network, record.value);
    if (!place.ok) return place;
    const session = await handshake.open(local.value.did, did.value, place.value, { required_trust_score });
    return session.ok ? ok({ session: session.value, score: trust.score(local.value.did, did.value) }) : session;
  }

  /** Gives a command to another agent: governed here, verified and governed there. Fails with `INVOCATION_MISMATCH`, `DELEGATION_UNKNOWN`, or the kernel's or the message's codes. */
  async call(plan: CallPlan): Promise<Result<Answered>> {
    const { identities, identity, agents, message } = this.#host;
    const patient = checkPatience(plan);
    if (!patient.ok) return patient;
    const from = this.own(plan.from);
    if (!from.ok) return from;
    if (from.value.agent === null) return fail('AGENT_NEEDED', `${from.value.name} is not an agent; sponsors delegate, agents act`, { fix: 'give the name of an agent with --from' });
    const to = identities.didOf(plan.to);
    if (!to.ok) return to;
    const command = parseCapability(plan.command);
    if (!command.ok) return command;
    const executor = await identity.resolve(to.value);
    if (!executor.ok) return executor;
    const given = plan.arguments ?? null;
    const { delegation, invocation, approval, wait_ms = 0 } = plan;
    const held = invocation === undefined
      ? await this.#authority(plan, from.value, executor.value)
      : this.#repeated(invocation, { from: from.value.did, to: to.value, command: command.value.text, arguments: given, delegation });
    if (!held.ok) return held;
    const sending = {
      from: from.value, to: to.value, command: command.value.text, arguments: given,
      ...(held.value === undefined ? {} : { chain: held.value.chain }),
      ...(invocation === undefined ? {} : { invocation }), ...(approval === undefined ? {} : { approval }),
    };
    const { clock } = this.#host.parts;
    return agents.outgoing({
      from: from.value, to: to.value, command: command.value, arguments: sending.arguments,
      ...(held.value === undefined ? {} : { delegation: held.value }),
      ...(plan.signal === undefined ? {} : { signal: plan.signal }),
    }, (signal, given_on) => sendPatiently({ clock, message }, { ...sending, arguments: given_on, wait_ms, signal }));
  }

  /** The delegation under which a command is given, if any. A chain that a stranger has offered is used only by its id. */
  async #authority(plan: CallPlan, from: LocalIdentity, executor: DidRecord): Promise<Result<HeldDelegation | undefined>> {
    if (plan.delegation === no_delegation) return ok(undefined);
    if (plan.delegation !== undefined) return this.#held(plan.delegation);
    const roots = [executor.sponsor, from.sponsor, ...(from.agent?.roots ?? [])].filter((root) => root !== null);
    return ok(await this.#host.delegations.covering(from.did, plan.command, roots));
  }

  /** The delegation of an invocation to repeat, which must be for what is asked now, since that is what is governed. */
  #repeated(text: string, asked: { readonly from: string; readonly to: string; readonly command: string; readonly arguments: Json; readonly delegation: string | undefined }): Result<HeldDelegation | undefined> {
    const invocation = parseInvocation(text);
    if (!invocation.ok) return invocation;
    const { iss, aud, command, args_h, prf } = invocation.value;
    const is_same = iss === asked.from && aud === asked.to && command.text === asked.command && args_h === toBase64url(sha256(canonicalJsonBytes(asked.arguments)))
      && (asked.delegation === undefined || asked.delegation === (prf ?? no_delegation));
    if (!is_same) {
      return fail('INVOCATION_MISMATCH', `the invocation is not for what is asked, but for ${command.text} from ${iss} to ${aud}, with arguments and a delegation of its own`, { fix: 'repeat exactly what was asked then, or leave the invocation out' });
    }
    return prf === null ? ok(undefined) : this.#held(prf);
  }

  #held(id: string): Result<HeldDelegation> {
    const held = this.#host.delegations.get(id);
    return held === undefined ? fail('DELEGATION_UNKNOWN', `this host holds no delegation ${id.slice(0, 80)}`, { fix: 'agentmesh delegation list' }) : ok(held);
  }

  /** Issues a delegation and hands it to its holder's host. A holder that cannot be reached can be given the chain by hand. */
  async delegate(plan: DelegationPlan): Promise<Result<{ readonly delegation: HeldDelegation; readonly delivered: boolean }>> {
    const { identities, delegations } = this.#host;
    const from = this.own(plan.from);
    if (!from.ok) return from;
    const to = identities.didOf(plan.to);
    if (!to.ok) return to;
    const parent = plan.parent === undefined ? undefined : this.#held(plan.parent);
    if (parent?.ok === false) return parent;
    if (parent === undefined && from.value.kind === 'agent') {
      return fail('CHAIN_ROOT', `${from.value.name} is an agent: it can only pass on what it was given`, { fix: 'name the delegation to narrow with --parent (agentmesh delegation list)' });
    }
    const issued = await delegations.issue({
      from: from.value, to: to.value, capabilities: plan.capabilities,
      ...(parent === undefined ? {} : { parent: parent.value.chain }),
      ...(plan.lifetime_s === undefined ? {} : { lifetime_s: plan.lifetime_s }),
      ...(plan.caveats === undefined ? {} : { caveats: plan.caveats }),
    });
    if (!issued.ok) return issued;
    const delivered = identities.find(to.value) !== undefined || (await delegations.deliver(issued.value)).ok;
    return ok({ delegation: issued.value, delivered });
  }

  /** Signs and spreads an endorsement; `weight` 0..1000. Fails with `ENDORSEMENT_INVALID` or a `STATEMENT_…` code. */
  async endorse(from: Who, subject: Who, weight: number, why: string): Promise<Result<{ readonly hash: string }>> {
    const own = this.own(from);
    if (!own.ok) return own;
    const did = this.#host.identities.didOf(subject);
    if (!did.ok) return did;
    return this.#host.trust.endorse(own.value.signer, did.value, { weight: weight / 1000, why, lifetime_ms: endorsement_lifetime_ms });
  }

  /** Signs and spreads a revocation. Fails with `REVOCATION_TARGET` or a `STATEMENT_…` code. */
  async revoke(from: Who, kind: string, target: Who, why: string): Promise<Result<{ readonly hash: string }>> {
    const planned = this.revocationOf(from, kind, target);
    return planned.ok ? this.#host.revocation.revoke(planned.value.from.signer, planned.value.target, why) : planned;
  }

  /** Who would revoke what. Fails with `NAME_UNKNOWN` or `REVOCATION_TARGET`. */
  revocationOf(from: Who, kind: string, target: Who): Result<{ readonly from: LocalIdentity; readonly target: RevocationTarget }> {
    const own = this.own(from);
    if (!own.ok) return own;
    if (!isTargetKind(kind)) return fail('REVOCATION_TARGET', `${JSON.stringify(kind.slice(0, 40))} cannot be revoked`, { fix: 'delegation, token, key, did, agent or sponsorship' });
    const is_party = kind === 'did' || kind === 'agent' || kind === 'sponsorship';
    const id = is_party ? this.#host.identities.didOf(target) : ok(target);
    if (!id.ok) return id;
    const revoked = { kind, id: id.value };
    return isTarget(revoked) ? ok({ from: own.value, target: revoked })
      : fail('REVOCATION_TARGET', `${JSON.stringify(target.slice(0, 80))} is no id of a ${kind}`, { fix: target_forms });
  }

  /** How far a local identity, or else the node, trusts a DID. Its record is looked up first, so that its sponsor counts. */
  async score(subject: Who, observer: Who | undefined): Promise<Result<Score>> {
    const { identities, identity, trust } = this.#host;
    const did = identities.didOf(subject);
    if (!did.ok) return did;
    const watcher = observer === undefined ? ok(identities.node) : this.own(observer);
    if (!watcher.ok) return watcher;
    if (isDid(did.value)) await identity.gather([did.value]);
    return ok(trust.score(watcher.value.did, did.value));
  }
}
