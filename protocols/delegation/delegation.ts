import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { contains, parseCapabilities, parseCapability } from '../../crypto/capability.ts';
import { decodeCbor, encodeCbor, hasShape, isStrings, isWhole, type Fields } from '../../crypto/canonical.ts';
import { chain_links_max, parseChain, parseInvocation, verifyChain, type Caveats, type Chain, type Delegation, type Evidence, type Invocation } from '../../crypto/chain.ts';
import { keyFor, type KeyUse } from '../../crypto/did-record.ts';
import { createToken, decodeToken, verifyToken, type Token } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Identity, OwnIdentity } from '../identity/index.ts';
import { locate } from '../place.ts';
import type { Clock, Network, PeerId, Random, Recorder, Store } from '../ports.ts';
import { encodeFailure, unlessFailure } from '../reply.ts';
import { deadline } from '../time.ts';
import { delegation_lifetime_s, delegation_limits, delegation_protocol, delegations_max, served_max } from './constants.ts';

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
  evidence(): Evidence;
  /** An agent reported that work under a delegation of ours is done: its holder, or whom the holder asked. */
  completed(delegation: Delegation, worker: string, result_hash: string): Promise<void>;
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

/** A chain that one of our identities issued or holds. */
export interface HeldDelegation {
  /** SHA-256 of the last link, base64url. */
  readonly id: string;
  readonly chain: readonly string[];
  readonly links: readonly Delegation[];
}

/** Issuing, handing over and keeping delegation chains. */
export interface Delegations {
  /** Loads what is stored and answers peers. Before the network starts. */
  start(): Promise<void>;
  /** Signs a further link; it is checked like a stranger's would be. Fails with a `CHAIN_…` or `CAPABILITY_…` code. */
  issue(issuing: Issuing): Promise<Result<HeldDelegation>>;
  /** Gives a chain to the host of its holder. Fails with a network code, `SERVICE_MISSING`, or what the holder's host says. */
  deliver(delegation: HeldDelegation): Promise<Result<void>>;
  /** Verifies a chain now. Fails with a `CHAIN_…` code. */
  verify(chain: readonly string[]): Promise<Result<Chain>>;
  /** The chain of this id. */
  get(id: string): HeldDelegation | undefined;
  /** A chain under which the holder may give the command, the longest-lived first. */
  covering(holder: string, command: string, root: string | null): HeldDelegation | undefined;
  /** Every chain that is kept. */
  list(): readonly HeldDelegation[];
  /** Notes that a local agent was given a command under a chain, so that it may report its completion. */
  served(chain: Chain, invocation: Invocation): void;
  /** Tells the issuer of a chain that the work is done. Fails with `DELEGATION_UNKNOWN`, a network code or what the issuer's host says. */
  reportCompletion(id: string, result_hash: Uint8Array): Promise<Result<void>>;
}

class MeshDelegations implements Delegations {
  readonly #parts: DelegationParts;
  readonly #kept = new Map<string, HeldDelegation>();
  /** Chains under which agents here were lately given commands, and the command that proves it. */
  readonly #served = new Map<string, { readonly last: Delegation; readonly invocation: Invocation }>();

  constructor(parts: DelegationParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    for await (const [, value] of this.#parts.store.entries('delegation', {})) {
      const decoded = decodeCbor(value);
      const links = decoded.ok && isStrings(decoded.value) ? parseChain(decoded.value) : undefined;
      if (links?.ok === true) this.#remember(links.value);
    }
    this.#parts.network.handle(delegation_protocol, delegation_limits, async (request, from) => {
      const answered = await this.#answer(request, from);
      return answered.ok ? encodeCbor({ version: 1 }) : encodeFailure(answered.failure);
    });
  }

  #now_s(): number {
    return Math.floor(this.#parts.clock.now() / 1000);
  }

  #remember(links: readonly Delegation[]): HeldDelegation {
    const id = toBase64url(links.at(-1)?.token.hash ?? new Uint8Array());
    const held: HeldDelegation = { id, links, chain: links.map((link) => link.token.text) };
    this.#kept.set(id, held);
    return held;
  }

  async #keep(links: readonly Delegation[]): Promise<Result<HeldDelegation>> {
    if (this.#kept.size >= delegations_max) await this.#dropExpired();
    if (this.#kept.size >= delegations_max) return fail('DELEGATIONS_FULL', `this host keeps at most ${delegations_max} delegations`);
    const held = this.#remember(links);
    await this.#parts.store.batch([{ space: 'delegation', key: utf8(held.id), value: encodeCbor(held.chain) }], { sync: true });
    return ok(held);
  }

  async #dropExpired(): Promise<void> {
    const now_s = this.#now_s();
    for (const held of this.#kept.values()) {
      if (held.links.every((link) => link.exp > now_s)) continue;
      this.#kept.delete(held.id);
      await this.#parts.store.batch([{ space: 'delegation', key: utf8(held.id) }], { sync: false });
    }
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
    return verified.ok ? this.#keep(verified.value.links) : verified;
  }

  async verify(chain: readonly string[]): Promise<Result<Chain>> {
    const links = parseChain(chain);
    if (!links.ok) return links;
    await this.#parts.identity.gather(links.value.flatMap((link) => [link.iss, link.aud]));
    return verifyChain(links.value, this.#parts.evidence());
  }

  get(id: string): HeldDelegation | undefined {
    return this.#kept.get(id);
  }

  list(): readonly HeldDelegation[] {
    return [...this.#kept.values()];
  }

  covering(holder: string, command: string, root: string | null): HeldDelegation | undefined {
    const wanted = parseCapability(command);
    if (!wanted.ok) return undefined;
    const now_s = this.#now_s();
    const expiry = (held: HeldDelegation): number => Math.min(...held.links.map((link) => link.exp));
    return this.list()
      .filter((held) => {
        const last = held.links.at(-1);
        return last?.aud === holder && expiry(held) > now_s && last.capabilities.some((capability) => contains(capability, wanted.value));
      })
      .sort((a, b) => Number(b.links[0]?.sub === root) - Number(a.links[0]?.sub === root) || expiry(b) - expiry(a))[0];
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
    const issuers = new Set(held.links.flatMap((link) => [link.iss, identity.known(link.iss)?.sponsor ?? '']));
    const records = [...issuers].flatMap((did) => identity.known(did)?.bytes ?? []);
    return this.#ask(last.aud, { kind: 'offer', chain: held.chain, records });
  }

  served(chain: Chain, invocation: Invocation): void {
    const last = chain.links.at(-1);
    if (last === undefined) return;
    const oldest = this.#served.size >= served_max ? this.#served.keys().next().value : undefined;
    if (oldest !== undefined) this.#served.delete(oldest);
    this.#served.set(toBase64url(chain.hash), { last, invocation });
  }

  async reportCompletion(id: string, result_hash: Uint8Array): Promise<Result<void>> {
    const served = this.#served.get(id);
    const last = served?.last ?? this.#kept.get(id)?.links.at(-1);
    const worker = this.#parts.own(served?.invocation.aud ?? last?.aud ?? '');
    if (last === undefined || worker === undefined) return fail('DELEGATION_UNKNOWN', `no agent here has worked under the delegation ${id.slice(0, 80)}`);
    const token = await createToken('mesh-done+jwt', worker.signer, { aud: last.iss, dlg: id, res_h: toBase64url(result_hash), iat: this.#now_s(), v: 1 });
    return this.#ask(last.iss, { kind: 'completion', token, invocation: served?.invocation.token.text ?? null });
  }

  async #answer(bytes: Uint8Array, from: PeerId): Promise<Result<void>> {
    const decoded = decodeCbor(bytes);
    const value = decoded.ok ? decoded.value : undefined;
    if (hasShape(value, ['version', 'kind', 'chain', 'records']) && value['kind'] === 'offer') return this.#take(value);
    if (hasShape(value, ['version', 'kind', 'token', 'invocation']) && value['kind'] === 'completion') return this.#complete(value);
    this.#parts.network.penalise(from, 'malformed delegation message');
    return fail('DELEGATION_MALFORMED', 'neither an offer nor a completion');
  }

  async #take(offer: Fields): Promise<Result<void>> {
    const { chain, records } = offer;
    const isBytes = (item: unknown): item is Uint8Array => item instanceof Uint8Array;
    if (!isStrings(chain) || chain.length > chain_links_max || !Array.isArray(records) || !records.every(isBytes)) return fail('DELEGATION_MALFORMED', 'a field has the wrong form');
    const links = parseChain(chain);
    if (!links.ok) return links;
    const last = links.value.at(-1);
    if (last === undefined || this.#parts.own(last.aud) === undefined) return fail('AGENT_UNKNOWN', `${last?.aud ?? 'the holder'} does not live here`);
    if (this.#kept.has(toBase64url(last.token.hash))) return ok(undefined);
    const offered = await this.#parts.identity.offer(records);
    if (!offered.ok) return offered;
    const verified = await this.verify(chain);
    if (!verified.ok) return verified;
    const kept = await this.#keep(verified.value.links);
    if (!kept.ok) return kept;
    this.#parts.recorder.record({ kind: 'delegation.received', holder: last.aud, issuer: last.iss, id: kept.value.id });
    return ok(undefined);
  }

  async #complete(completion: Fields): Promise<Result<void>> {
    const token = typeof completion['token'] === 'string' ? decodeToken(completion['token'], 'mesh-done+jwt') : fail('DELEGATION_MALFORMED', 'no token');
    if (!token.ok) return token;
    const { claims } = token.value;
    if (!hasShape(claims, ['iss', 'aud', 'dlg', 'res_h', 'iat', 'v']) || typeof claims['dlg'] !== 'string' || typeof claims['res_h'] !== 'string' || !isWhole(claims['iat'])) {
      return fail('DELEGATION_MALFORMED', 'the completion\'s claims have the wrong form');
    }
    const last = this.#kept.get(claims['dlg'])?.links.at(-1);
    if (last === undefined || last.iss !== claims['aud'] || this.#parts.own(last.iss) === undefined) {
      return fail('DELEGATION_UNKNOWN', 'nobody here issued that delegation');
    }
    const worker = String(claims['iss']);
    const authorised = worker === last.aud ? ok(undefined) : await this.#asked(completion['invocation'], last, worker);
    if (!authorised.ok) return authorised;
    const signed = await this.#isSigned(token.value, worker, 'assertionMethod');
    if (!signed.ok) return signed;
    await this.#parts.completed(last, worker, claims['res_h']);
    return ok(undefined);
  }

  /** Whether the holder of a delegation gave this worker a command under it. */
  async #asked(text: unknown, last: Delegation, worker: string): Promise<Result<void>> {
    const invocation = typeof text === 'string' ? parseInvocation(text) : fail('DELEGATION_UNKNOWN', 'the holder\'s command is missing');
    if (!invocation.ok) return invocation;
    const { iss, aud, prf, token } = invocation.value;
    if (iss !== last.aud || aud !== worker || prf !== toBase64url(last.token.hash)) return fail('DELEGATION_UNKNOWN', 'the holder of that delegation did not give you a command');
    return this.#isSigned(token, iss, 'capabilityInvocation');
  }

  async #isSigned(token: Token, issuer: string, use: KeyUse): Promise<Result<void>> {
    const record = await this.#parts.identity.resolve(issuer);
    if (!record.ok) return record;
    const key = keyFor(record.value, token.key_id, use);
    return key !== undefined && verifyToken(token, key) ? ok(undefined) : fail('DELEGATION_FORGED', `a token is not signed by ${issuer}`);
  }
}

/** The delegation service over its parts. */
export function delegation(parts: DelegationParts): Delegations {
  return new MeshDelegations(parts);
}
