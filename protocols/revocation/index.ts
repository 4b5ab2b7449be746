import type { Delegation } from '../../crypto/chain.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import type { TokenSigner } from '../../crypto/jwt.ts';
import type { Failure, Result } from '../../crypto/result.ts';
import type { Revocation, RevocationTarget } from '../../crypto/statement.ts';
import type { StatementStore } from '../../storage/statements.ts';
import type { Clock } from '../ports.ts';
import type { Identities, Statements } from '../statements/index.ts';
import { Revocations } from './revocation.ts';

export { attestSponsorship, unsponsored } from './sponsorship.ts';

/** What revocation uses. */
export interface RevocationParts {
  readonly clock: Clock;
  readonly store: Pick<StatementStore, 'revocation' | 'nextSequence'>;
  readonly identity: Pick<Identities, 'known'>;
  readonly statements: Pick<Statements, 'publish'>;
}

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
   * the root authority, by the DID itself, or by its sponsor. Code `REVOKED`.
   */
  revoked(link: Delegation, above: readonly Delegation[]): Failure | undefined;
  /** Why a DID must not act: it was revoked by itself or by its sponsor. Code `REVOKED`. */
  revokedDid(did: string): Failure | undefined;
  /** Why a DID must not sign with this key: it was revoked by its DID or the sponsor. Code `REVOKED`. */
  revokedKey(key_id: string): Failure | undefined;
  /** Why nobody answers for an agent, now or at `now_s`. Codes `SPONSOR_…`. */
  unsponsored(record: DidRecord, now_s?: number): Failure | undefined;
  /** Why a DID may not act at all: revoked, or an agent for which nobody answers. */
  barred(record: DidRecord): Failure | undefined;
}

/** Revocation over the statements of a node. */
export const revocation = (parts: RevocationParts): RevocationService => new Revocations(parts);
