import { toBase64url } from '../../crypto/bytes.ts';
import { contains, parseCapabilities, parseCapability, type Capability } from '../../crypto/capability.ts';
import { decodeCbor, encodeCbor, hasShape, type Fields } from '../../crypto/canonical.ts';
import { parseChain, verifyChain, type Caveats, type Chain, type Evidence, type Invocation } from '../../crypto/chain.ts';
import { permits } from '../../crypto/invocation.ts';
import { createToken } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { RecentMap } from '../../crypto/recent.ts';
import { refuseAs } from '../../crypto/steps.ts';
import type { Identity, OwnIdentity } from '../identity/index.ts';
import { locate } from '../place.ts';
import type { Change, Clock, Network, PeerId, Random, Recorder, Store } from '../ports.ts';
import { encodeFailure, unlessFailure } from '../reply.ts';
import { deadline, unixSeconds } from '../time.ts';
import { Completions, type Completion } from './completion.ts';
import { delegation_lifetime_s, delegation_limits, delegation_protocol, served_max } from './constants.ts';
import { KeptDelegations, type HeldDelegation } from './kept.ts';
import { parseOffer } from './wire.ts';

/** What the delegation service uses. */
export interface DelegationParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly identity: Identity;
  readonly recorder: Recorder;
  /** The identity of a local sponsor or agent. */
  own(did: string): OwnIdentity | undefined;
  /** The sponsors whose delegations somebody on this host honours. */
  honoured(): ReadonlySet<string>;
  evidence(): Evidence;
  /** An agent reported that work under a delegation of ours is done: its holder, or whom the holder asked. Recorded atomically with its mark; fails when it is not. */
  completed(completion: Completion, mark: Change): Promise<Result<void>>;
}

/** A delegation to issue. */
export interface Issuing {
  readonly from: OwnIdentity;
  /** The DID that receives it. */
  readonly to: string;
  readonly capabilities: readonly string[];
  /** The chain that `from` holds and narrows; absent for a sponsor's own, first link. */
  readonly parent?: readonly string[];
  readonly lifetime_s?: number;
  readonly caveats?: Caveats;
}

/** Issuing, handing over and keeping delegation chains. */
export interface Delegations {
  /** Loads what is stored and answers peers. Before the network starts. */
  start(): Promise<void>;
  /** Signs a further link; it is checked like a stranger's would be. Fails with a `CHAIN_…` or `CAPABILITY_…` code. */
  issue(issuing: Issuing): Promise<Result<HeldDelegation>>;
  /** Gives a chain to the host of its holder. Fails with a network code, `SERVICE_MISSING`, or what the holder's host says. */
  deliver(delegation: HeldDelegation): Promise<Result<void>>;
  /**
   * Verifies a chain now; with a command also whether the chain permits it now, as far as one can say without
   * the executor, who scores trust and counts rates. Fails with a `CHAIN_…`, `TOKEN_…`, `SPONSOR_…` or `INVOCATION_…` code, `REVOKED` or `REVOCATION_STALE`.
   */
  verify(chain: readonly string[], command?: Capability): Promise<Result<Chain>>;
  /** The chain of this id. */
  get(id: string): HeldDelegation | undefined;
  /**
   * A chain under which the holder may give the command now: from the first of
   * these roots that there is one of, the most direct, then the longest-lived.
   * Chains of other roots are never chosen, since anybody can offer one.
   */
  covering(holder: string, command: string, roots: readonly string[]): Promise<HeldDelegation | undefined>;
  /** Every chain that is kept. */
  list(): readonly HeldDelegation[];
  /** Notes that a local agent was given a command under a chain and may run it, so that it may report its completion. */
  served(chain: Chain, invocation: Invocation): void;
  /** A local agent tells the issuer of a chain that its work is done. Fails with `DELEGATION_UNKNOWN`, a network code or what the issuer's host says. */
  reportCompletion(id: string, worker: string, result_hash: Uint8Array): Promise<Result<void>>;
}

function servedName(id: string, worker: string): string {
  return `${id} ${worker}`;
}

class MeshDelegations implements Delegations {
  readonly #parts: DelegationParts;
  readonly #kept: KeptDelegations;
  readonly #completions: Completions;
  /** Who issued the chains under which agents here were lately given commands, and the command that proves it, by chain and worker. */
  readonly #served = new RecentMap<string, { readonly issuer: string; readonly invocation: Invocation }>(served_max);

  constructor(parts: DelegationParts) {
    this.#parts = parts;
    this.#kept = new KeptDelegations(parts);
    this.#completions = new Completions({ ...parts, held: (id) => this.get(id), verify: (chain) => this.verify(chain) });
  }

  async start(): Promise<void> {
    await this.#kept.load();
    this.#parts.network.handle(delegation_protocol, delegation_limits, async (request, from) => {
      const answered = await this.#answer(request, from);
      if (answered.ok) return encodeCbor({ version: 1 });
      const { code, reason } = answered.failure;
      this.#parts.recorder.record({ kind: 'delegation.refused', peer: from, code, reason });
      return encodeFailure(answered.failure);
    });
  }

  #now_s(): number {
    return unixSeconds(this.#parts.clock);
  }

  async issue(issuing: Issuing): Promise<Result<HeldDelegation>> {
    const capabilities = parseCapabilities(issuing.capabilities);
    if (!capabilities.ok) return capabilities;
    const above = issuing.parent === undefined ? ok([]) : parseChain(issuing.parent);
    if (!above.ok) return above;
    const parent = above.value.at(-1);
    if (parent !== undefined && parent.aud !== issuing.from.did) {
      return fail('CHAIN_SPLICED', `the parent delegation was given to ${parent.aud}, not to ${issuing.from.did}`);
    }
    const now_s = this.#now_s();
    const nbf = Math.max(now_s, parent?.nbf ?? 0);
    const exp = Math.min(now_s + (issuing.lifetime_s ?? delegation_lifetime_s), parent?.exp ?? Infinity);
    const token = await createToken('mesh-dlg+jwt', issuing.from.signer, {
      aud: issuing.to,
      sub: parent?.sub ?? issuing.from.did,
      cap: [...new Set(capabilities.value.map((capability) => capability.text))].sort(),
      cav: issuing.caveats ?? {},
      prf: parent === undefined ? null : toBase64url(parent.token.hash),
      dpt: parent === undefined ? 0 : parent.dpt + 1,
      nbf,
      exp,
      jti: toBase64url(this.#parts.random.bytes(16)),
      v: 1,
    });
    const chain = [...(issuing.parent ?? []), token];
    const verified = await this.verify(chain);
    return verified.ok ? this.#kept.keep(verified.value.links) : verified;
  }

  async verify(chain: readonly string[], command?: Capability): Promise<Result<Chain>> {
    const links = parseChain(chain);
    if (!links.ok) return links;
    await this.#parts.identity.gather(links.value.flatMap((link) => [link.iss, link.aud]));
    const evidence = this.#parts.evidence();
    const verified = verifyChain(links.value, evidence);
    if (!verified.ok || command === undefined) return verified;
    const permitted = permits(verified.value, command, evidence.now_s);
    if (!permitted.ok) return permitted;
    const stale = evidence.fresh(command.verb, [...new Set([...links.value.map(({ iss }) => iss), verified.value.holder])]);
    return stale === undefined ? verified : refuseAs(15, null, stale, 'the same after the next complete exchange with peers');
  }

  get(id: string): HeldDelegation | undefined {
    return this.#kept.get(id);
  }

  list(): readonly HeldDelegation[] {
    return this.#kept.list();
  }

  async covering(holder: string, command: string, roots: readonly string[]): Promise<HeldDelegation | undefined> {
    const wanted = parseCapability(command);
    if (!wanted.ok) return undefined;
    const candidates = this.list()
      .filter((held) => held.holder === holder && roots.includes(held.root)
        && held.links.at(-1)?.capabilities.some((capability) => contains(capability, wanted.value)) === true)
      .sort((a, b) => roots.indexOf(a.root) - roots.indexOf(b.root) || a.links.length - b.links.length || b.exp - a.exp);
    for (const held of candidates) if (held.exp > this.#now_s() && (await this.verify(held.chain)).ok) return held;
    return undefined;
  }

  async #ask(did: string, request: Fields): Promise<Result<void>> {
    const { identity, network, clock } = this.#parts;
    const record = await identity.resolve(did);
    if (!record.ok) return record;
    const peer = await locate(network, record.value);
    if (!peer.ok) return peer;
    const limit = deadline(clock, delegation_limits.exchange_ms_max);
    const answered = unlessFailure(await network.request(peer.value, delegation_protocol, encodeCbor({ version: 1, ...request }), { limits: delegation_limits, signal: limit.signal }));
    limit.done();
    return answered.ok ? ok(undefined) : answered;
  }

  async deliver(held: HeldDelegation): Promise<Result<void>> {
    const last = held.links.at(-1);
    if (last === undefined) return fail('CHAIN_EMPTY', 'there is no link');
    const { identity } = this.#parts;
    const records = identity.accountable(held.links.map((link) => link.iss));
    return this.#ask(last.aud, { kind: 'offer', chain: held.chain, records });
  }

  served(chain: Chain, invocation: Invocation): void {
    const last = chain.links.at(-1);
    if (last === undefined) return;
    this.#served.set(servedName(toBase64url(chain.hash), invocation.aud), { issuer: last.iss, invocation });
  }

  async reportCompletion(id: string, worker: string, result_hash: Uint8Array): Promise<Result<void>> {
    const served = this.#served.get(servedName(id, worker));
    const held = this.get(id);
    const issuer = served?.issuer ?? (held?.holder === worker ? held.issuer : undefined);
    const own = this.#parts.own(worker);
    if (issuer === undefined || own === undefined) return fail('DELEGATION_UNKNOWN', `${worker} has not worked here under the delegation ${id.slice(0, 80)}`);
    const token = await createToken('mesh-done+jwt', own.signer, { aud: issuer, dlg: id, res_h: toBase64url(result_hash), iat: this.#now_s(), v: 1 });
    return this.#ask(issuer, { kind: 'completion', token, invocation: served?.invocation.token.text ?? null });
  }

  async #answer(bytes: Uint8Array, from: PeerId): Promise<Result<void>> {
    const decoded = decodeCbor(bytes);
    const value = decoded.ok ? decoded.value : undefined;
    if (hasShape(value, ['version', 'kind', 'chain', 'records']) && value['kind'] === 'offer') return this.#take(value);
    if (hasShape(value, ['version', 'kind', 'token', 'invocation']) && value['kind'] === 'completion') return this.#completions.take(value);
    this.#parts.network.penalise(from, 'malformed delegation message');
    return fail('DELEGATION_MALFORMED', 'neither an offer nor a completion');
  }

  async #take(offer: Fields): Promise<Result<void>> {
    const parsed = parseOffer(offer);
    if (!parsed.ok) return parsed;
    const { chain, links, records } = parsed.value;
    const last = links.at(-1);
    if (last === undefined || this.#parts.own(last.aud) === undefined) return fail('AGENT_UNKNOWN', `${last?.aud ?? 'the holder'} does not live here`);
    if (this.#kept.get(toBase64url(last.token.hash)) !== undefined) return ok(undefined);
    const offered = await this.#parts.identity.offer(records);
    if (!offered.ok) return offered;
    const verified = await this.verify(chain);
    if (!verified.ok) return verified;
    const kept = await this.#kept.keep(verified.value.links);
    if (!kept.ok) return kept;
    this.#parts.recorder.record({ kind: 'delegation.received', holder: last.aud, issuer: last.iss, id: kept.value.id });
    return ok(undefined);
  }
}

/** The delegation service over its parts. */
export function delegation(parts: DelegationParts): Delegations {
  return new MeshDelegations(parts);
}
