/** Who may do what on this host: the questions that protocols ask, answered from identities, revocations and trust. */
import type { Evidence } from '../crypto/chain.ts';
import { keyIds, type DidRecord } from '../crypto/did-record.ts';
import type { Failure } from '../crypto/result.ts';
import type { LocalParty } from '../protocols/handshake/index.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { Executor } from '../protocols/message/index.ts';
import type { Clock, PeerId } from '../protocols/ports.ts';
import type { Freshness, RevocationService } from '../protocols/revocation/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import type { Trust } from '../protocols/trust/index.ts';
import type { Identities } from './identities.ts';

/** What authority is judged by. */
export interface AuthorityParts {
  readonly clock: Clock;
  readonly identities: Identities;
  readonly identity: Identity;
  readonly revocation: RevocationService;
  readonly freshness: Freshness;
  /** The trust score that callers need at every agent of this host, 0..1000. */
  readonly required_trust: number;
  /** Given later than the constructor runs, because trust asks for the roots. */
  trust(): Trust;
  policyDigest(did: string): Uint8Array;
  /** The DID of the node at a peer, once it has proven it. */
  nodeAt(peer: PeerId): string | undefined;
  /** Whether a host was proven to have contradicted itself. */
  exposed(did: string): boolean;
  /** Goes up with every record, statement or fork that becomes known. */
  changes(): number;
}

/** The authority of local and remote identities on this host. */
export class Authority {
  readonly #parts: AuthorityParts;
  /** What is known, as an object that is replaced with every change. */
  #state: { readonly changes: number } = { changes: -1 };

  constructor(parts: AuthorityParts) {
    this.#parts = parts;
  }

  /** Sponsors whose delegations and whose word an agent of ours honours. */
  roots(did: string): readonly string[] {
    const local = this.#parts.identities.find(did);
    if (local === undefined) return [];
    const own = local.sponsor === null ? [] : [local.sponsor];
    return [...own, ...(local.agent?.roots ?? [])];
  }

  /** A local identity as it takes part in handshakes. */
  party(did: string): LocalParty | undefined {
    const local = this.#parts.identities.find(did);
    if (local === undefined) return undefined;
    return {
      identity: local,
      capabilities: local.capabilities,
      required_trust_score: this.requiredTrust(local.did),
      policy_digest: this.#parts.policyDigest(local.did),
      records: () => this.#parts.identity.accountable([local.did]),
    };
  }

  /** The trust score that callers need at a local identity. */
  requiredTrust(did: string): number {
    const local = this.#parts.identities.find(did);
    return local === undefined || local.kind === 'node' ? 0 : Math.max(this.#parts.required_trust, local.agent?.required_trust ?? 0);
  }

  /** Why a subject has too little of our trust, if so. A score costs more than anything else in a call, and nobody falls short of nothing. */
  distrusted(observer: string, subject: string, required: number): Failure | undefined {
    return required === 0 ? undefined : this.#parts.trust().distrusted(observer, subject, required);
  }

  /**
   * Trust is a question between agents; nodes only have to be who they say and
   * not be revoked. Nodes go on talking with one whose log was proven to lie, for
   * what it says about others; its agents are not dealt with.
   */
  inadmissible(local: string, remote: DidRecord, required: number, peer: PeerId): Failure | undefined {
    const barred = this.barred(remote);
    // The kind in a record is its owner's own word, so it is our side alone that decides whether trust matters.
    if (barred !== undefined || local === this.#parts.identities.node.did) return barred;
    return this.#exposedHost(remote.did, peer) ?? this.distrusted(local, remote.did, required);
  }

  #exposedHost(did: string, peer: PeerId): Failure | undefined {
    const node = [did, this.#parts.nodeAt(peer)].find((each) => each !== undefined && this.#parts.exposed(each));
    if (node === undefined) return undefined;
    return { code: 'HOST_EXPOSED', reason: `the host ${node} was proven to have contradicted itself`, fix: 'an agent on a host whose log and witness told one story', detail: { host: node } };
  }

  /** What is known for a decision about a chain or an invocation, now. */
  evidence(): Evidence {
    const changes = this.#parts.changes();
    if (this.#state.changes !== changes) this.#state = { changes };
    const now_s = unixSeconds(this.#parts.clock);
    return {
      now_s,
      state: this.#state,
      record: (did) => this.#validRecord(did, now_s),
      revoked: (link, above) => this.#parts.revocation.revoked(link, above),
      revokedKey: (key_id) => this.#parts.revocation.revokedKey(key_id),
      unsponsored: (record) => this.barred(record),
      fresh: (verb, parties) => this.#parts.freshness.stale(verb, parties),
    };
  }

  /** The record of a DID, unless it has expired: its host must have come back within two days. */
  #validRecord(did: string, now_s: number): DidRecord | undefined {
    const record = this.#parts.identity.known(did);
    // Whole seconds, rounded against the record: a verdict is remembered for the second that it was given in.
    return record?.document.deactivated === true || (record?.document.expires ?? 0) >= (now_s + 1) * 1000 ? record : undefined;
  }

  /** Why a DID must not act: it, every daily key of it or its sponsorship is revoked, or nobody answers for it. */
  barred(record: DidRecord): Failure | undefined {
    const barred = this.#parts.revocation.barred(record);
    if (barred !== undefined) return barred;
    if (record.document.deactivated) return { code: 'DID_DEACTIVATED', reason: `${record.did} is deactivated`, fix: 'deal with its successor, if it has one' };
    const daily = keyIds(record, 'authentication').map((key_id) => this.#parts.revocation.revokedKey(key_id));
    return daily.every((revoked) => revoked !== undefined) ? daily[0] : undefined;
  }

  /** A local agent as it takes commands. */
  executor(did: string): Executor | undefined {
    const local = this.#parts.identities.find(did);
    if (local?.agent === null || local === undefined) return undefined;
    return { identity: local, authority: local.agent.authority, roots: this.roots(did) };
  }

  /** Whether a sponsor of ours still answers for an agent: nothing may bar it but the end of its attestation, or that of the key that signed it. */
  mayBeAttested(agent_did: string): boolean {
    const record = this.#parts.identity.known(agent_did);
    const barred = record === undefined ? undefined : this.barred(record);
    return record !== undefined && (barred === undefined || barred.code === 'SPONSOR_EXPIRED' || barred.code === 'SPONSOR_FORGED');
  }

  /** The roots that any identity of this host honours. */
  honoured(): ReadonlySet<string> {
    const { identities } = this.#parts;
    return new Set([...identities.list('human', 'org').map(({ did }) => did), ...identities.list('agent').flatMap(({ did }) => this.roots(did))]);
  }

  /** Whose statements matter here whatever else is said in the world: our own identities, the roots that they honour, and who answers for these. */
  depended(): ReadonlySet<string> {
    const { identities, revocation } = this.#parts;
    const own = identities.list('human', 'org', 'agent', 'node').map(({ did }) => did);
    return new Set([...own, ...this.honoured()].flatMap((did) => revocation.answerable(did)));
  }

  /** Why a DID must not act, as far as its record is known. */
  barredDid(did: string): Failure | undefined {
    const record = this.#parts.identity.known(did);
    return record === undefined ? undefined : this.barred(record);
  }
}
