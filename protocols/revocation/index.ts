import type { Delegation } from '../../crypto/chain.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import type { TokenSigner } from '../../crypto/jwt.ts';
import type { Failure, Result } from '../../crypto/result.ts';
import type { Revocation, RevocationTarget } from '../../crypto/statement.ts';
import type { StatementStore } from '../../storage/statements.ts';
import type { Clock } from '../ports.ts';
import type { Identities, Statements } from '../statements/index.ts';
import { Revocations } from './revocation.ts';

export { caughtUp } from './catch-up.ts';
export { freshness, revocationAges, revocation_age_ms_max, verbClass, type Freshness, type RevocationAges } from './freshness.ts';
export {
  checkResponse, isSponsorRequest, parseRequest, parseResponse, requestText, responseText,
  type CheckedRequest, type SponsorRequest,
} from './sponsor-request.ts';
export { accountability, attestSponsorship, claimedOperators, isRole, mayAnswerFor, parseAttestation, unsponsored, type Accountability, type SponsorshipEvidence } from './sponsorship.ts';

/** What revocation uses. */
export interface RevocationParts {
  readonly clock: Clock;
  readonly store: Pick<StatementStore, 'revocation' | 'nextSequence'>;
  readonly identity: Pick<Identities, 'known'>;
  readonly statements: Pick<Statements, 'publish'>;
  /** Why nothing of a DID can be believed: its controller told two histories. */
  duplicity?(did: string): Failure | undefined;
}

/**
 * What a revocation does here: it is `in force`; it is `pending` until its target or
 * those who answer for it are known; or, as far as is known, its issuer is
 * `without authority` and it ends nothing.
 */
export type Standing = 'in force' | 'pending' | 'without authority';

/**
 * Who has been deprived of what. Revocations are kept whether or not their
 * target is known; whether the issuer had the authority is judged here, at use,
 * from memory alone.
 */
export interface RevocationService {
  /** Signs and publishes a revocation. Fails as {@link Statements.publish} does. */
  revoke(signer: TokenSigner, target: RevocationTarget, why: string): Promise<Result<Revocation>>;
  /**
   * Why a link does not hold any more: the link, its token id, its key, or the
   * DID at either end was revoked by an issuer of this link or of one above, by
   * the root authority, by the DID itself, or by who answers for one of them. Code `REVOKED`.
   */
  revoked(link: Delegation, above: readonly Delegation[]): Failure | undefined;
  /** Why a DID must not act: it was revoked by itself or by who answers for it. Code `REVOKED`. */
  revokedDid(did: string): Failure | undefined;
  /** Why a DID must not sign with this key: it was revoked by its DID or by who answers for it. Code `REVOKED`. */
  revokedKey(key_id: string): Failure | undefined;
  /** The DID itself, the sponsor that its genesis names, and the organisation that the sponsor's names; as far as their records are known. */
  answerable(did: string): readonly string[];
  /** Why a DID has come to its end: it, its sponsorship, its sponsor or its sponsor's organisation was revoked by who had authority. Code `REVOKED`. */
  ended(did: string): Failure | undefined;
  /** Why nobody answers for an agent, now or at `now_s`. Codes `SPONSOR_…`. */
  unsponsored(record: DidRecord, now_s?: number): Failure | undefined;
  /** The human or organisation that answers for a node, by an attestation that holds now. */
  operator(node: DidRecord): string | undefined;
  /** Why a DID may not act at all: revoked, or an agent for which nobody answers. */
  barred(record: DidRecord): Failure | undefined;
  /** What a revocation does here, judged by the records that are known and the chains that are given. */
  standing(revocation: Pick<Revocation, 'iss' | 'target'>, chains: Iterable<readonly Delegation[]>): Standing;
  /** The service as it would be if this revocation had been made as well. */
  supposing(revocation: Revocation): RevocationService;
}

/** Revocation over the statements of a node. */
export const revocation = (parts: RevocationParts): RevocationService => new Revocations(parts);
