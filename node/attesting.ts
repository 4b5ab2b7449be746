/** Sponsorship of this host's agents, and of its humans by organisations: signed with sponsor keys that lie here, or brought from another device. */
import { fromBase64url } from '../crypto/bytes.ts';
import { isDid } from '../crypto/did.ts';
import type { DidKind } from '../crypto/did-events.ts';
import type { DidRecord } from '../crypto/did-record.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { attestation_renewal_s } from '../protocols/identity/constants.ts';
import { signsFor, type Identity } from '../protocols/identity/index.ts';
import { attestation_lifetime_s_max, attestation_renewal_divisor } from '../protocols/revocation/constants.ts';
import { attestSponsorship, mayAnswerFor, parseAttestation, type Attestation } from '../protocols/revocation/sponsorship.ts';
import type { Clock, Random, Recorder } from '../protocols/ports.ts';
import { unixSeconds } from '../protocols/time.ts';
import type { RecordStore } from '../storage/records.ts';
import type { LocalIdentity } from './identities.ts';

/** What attesting uses. */
export interface AttestingParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly recorder: Recorder;
  readonly records: RecordStore;
  readonly identity: Pick<Identity, 'known'>;
  /** The identity of this host with this DID or name. */
  find(who: string): LocalIdentity | undefined;
  /** Every identity of this host. */
  all(): Iterable<LocalIdentity>;
  /** Stores a changed identity, and gives back the one that holds from now on. */
  keep(identity: LocalIdentity): Promise<LocalIdentity>;
}

/** Who is to answer: a DID, and the identity where its key lies here. */
export interface ChosenSponsor {
  readonly did: string;
  readonly local: LocalIdentity | undefined;
}

/** What a sponsor attests; what is absent is as it usually is. */
export interface SponsorTerms {
  /** `sponsor` when absent. */
  readonly role?: string;
  /** 90 days when absent. */
  readonly lifetime_s?: number;
  /** SHA-256 of the sponsor's evidence. */
  readonly evidence?: Uint8Array;
  /** 16 bytes: the attestation's id; random ones when absent. */
  readonly jti?: Uint8Array;
}

/** Attests agents of this host, when they are made and before their attestations end. */
export class Attesting {
  readonly #parts: AttestingParts;
  #mayAttest = (_agent_did: string): boolean => false;

  constructor(parts: AttestingParts) {
    this.#parts = parts;
  }

  /** From now on attests again those agents that `mayAttest` does not object to. */
  start(mayAttest: (agent_did: string) => boolean): void {
    this.#mayAttest = mayAttest;
  }

  /** The sponsor of this name or DID for a new identity of a kind. One whose key is elsewhere is named by its DID. Fails with `SPONSOR_UNKNOWN`, `SPONSOR_KIND` or `SPONSOR_DEACTIVATED`. */
  sponsor(who: string, kind: DidKind): Result<ChosenSponsor> {
    const local = this.#parts.find(who);
    if (local === undefined && !isDid(who)) {
      return fail('SPONSOR_UNKNOWN', `no sponsor ${JSON.stringify(who.slice(0, 80))} has its key on this host`, {
        fix: `agentmesh sponsor create ${JSON.stringify(who)}, or give the DID of a sponsor on another device`,
      });
    }
    const did = local?.did ?? who;
    const record = this.#parts.identity.known(did);
    const sponsor_kind = local?.kind ?? record?.kind;
    if (sponsor_kind !== undefined && !mayAnswerFor(sponsor_kind, kind)) {
      return fail('SPONSOR_KIND', `${local?.name ?? did} is ${kind === 'human' ? 'not an organisation' : 'not a human or an organisation'}`, { fix: 'name an accountable sponsor: humans and organisations answer for agents, organisations for humans' });
    }
    if (local?.deactivated === true || record?.document.deactivated === true) return fail('SPONSOR_DEACTIVATED', `${local?.name ?? did} is deactivated`, { fix: 'name another sponsor' });
    return ok({ did, local });
  }

  /** A sponsor's token that it answers for an agent. */
  attest(sponsor: Pick<LocalIdentity, 'signer'>, agent_did: string, terms: SponsorTerms = {}): Promise<string> {
    const { clock, random } = this.#parts;
    const { role = 'sponsor', lifetime_s = attestation_lifetime_s_max, evidence, jti = random.bytes(16) } = terms;
    return attestSponsorship(sponsor.signer, agent_did, {
      role, lifetime_s, now_s: unixSeconds(clock), jti, ...(evidence === undefined ? {} : { evidence }),
    });
  }

  /** Keeps an attestation of an identity of this host in place of those that it had. */
  async accept(identity: LocalIdentity, attestation: string): Promise<LocalIdentity> {
    const attested = await this.#parts.keep({ ...identity, attestations: [attestation] });
    this.#parts.recorder.record({ kind: 'identity.attested', did: identity.did, sponsor: identity.sponsor });
    return attested;
  }

  /** Whether an attestation goes on long enough, under a key that its sponsor still stands by. */
  #isLasting({ exp, nbf, token: { key_id } }: Attestation, sponsor: LocalIdentity): boolean {
    // One that was meant to be short is not made long by renewing it a month ahead.
    const rest_s = Math.min(attestation_renewal_s, (exp - nbf) / attestation_renewal_divisor);
    return exp >= this.#parts.clock.now() / 1000 + rest_s && signsFor(sponsor, key_id, nbf);
  }

  /** The identity as it goes on: attested again on the same terms where its attestation ends soon or was signed by a voided key, its sponsor's key is here, and nothing speaks against it. */
  async renewed(identity: LocalIdentity): Promise<LocalIdentity> {
    // A node names no sponsor: who attested it last answers for it.
    const named = identity.kind === 'node' ? attestationsOf(identity)[0]?.iss ?? null : identity.sponsor;
    const sponsor = this.#parts.find(named ?? '');
    if (named === null || sponsor === undefined || sponsor.deactivated || identity.deactivated) return identity;
    const [last, ...others] = attestationsOf(identity).filter(({ iss }) => iss === sponsor.did);
    if (last === undefined || [last, ...others].some((each) => this.#isLasting(each, sponsor)) || !this.#mayAttest(identity.did)) return identity;
    const evidence = last.evd === undefined ? undefined : fromBase64url(last.evd);
    return this.accept(identity, await this.attest(sponsor, identity.did, { role: last.role, lifetime_s: last.exp - last.nbf, ...(evidence === undefined ? {} : { evidence }) }));
  }

  /** The DIDs that answer for identities of this host and whose keys are elsewhere. */
  *#remoteSponsors(): Iterable<string> {
    for (const { sponsor } of this.#parts.all()) {
      if (sponsor === null) continue;
      const above = this.#parts.identity.known(sponsor)?.sponsor ?? null;
      for (const did of [sponsor, above]) if (did !== null && this.#parts.find(did) === undefined) yield did;
    }
  }

  /** Brings the records of sponsors elsewhere from the disk to memory, where they are judged. */
  async load(): Promise<void> {
    // The second round finds the organisations that the records of the first one name.
    for (let round = 0; round < 2; round += 1) {
      for (const did of new Set(this.#remoteSponsors())) await this.#parts.records.newest(did);
    }
  }

  /** The records of sponsors elsewhere that are still valid: their own devices may seldom be online, so that this host keeps them in the mesh. */
  carried(): readonly DidRecord[] {
    const now_ms = this.#parts.clock.now();
    return [...new Set(this.#remoteSponsors())].flatMap((did) => {
      const record = this.#parts.identity.known(did);
      return record !== undefined && record.document.expires > now_ms ? [record] : [];
    });
  }
}

/** What the attestations of an identity say, those that can be read. */
export function attestationsOf({ attestations }: Pick<LocalIdentity, 'attestations'>): readonly Attestation[] {
  return attestations.flatMap((text) => {
    const parsed = parseAttestation(text);
    return parsed.ok ? [parsed.value] : [];
  });
}
