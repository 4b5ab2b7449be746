import type { TokenSigner } from '../../crypto/jwt.ts';
import type { Failure, Result } from '../../crypto/result.ts';
import type { Endorsement } from '../../crypto/statement.ts';
import type { StatementStore } from '../../storage/statements.ts';
import type { Clock, Recorder, Store } from '../ports.ts';
import type { RevocationService } from '../revocation/index.ts';
import type { Identities, Statements } from '../statements/index.ts';
import type { tiers } from './constants.ts';
import type { Interaction, Recorded } from './ledgers.ts';
import { TrustScores } from './trust.ts';

export type { Outcome } from './ledger.ts';
export type { Interaction } from './ledgers.ts';

/** The name of a tier of scores. */
export type Tier = typeof tiers[number]['name'];

/** One reason for a score. */
export interface ScoreItem {
  readonly kind: 'direct' | 'endorsement' | 'sponsor-prior' | 'rule';
  /** The DID whose word or deed it is, where it is another's than the observer's. */
  readonly from?: string;
  /** Points by which the score would be different without it, not rounded. */
  readonly effect: number;
  /** The reason in words. */
  readonly text: string;
  /** The hash of the statement behind it, so that another node can check. */
  readonly statement?: string;
}

/** How far an observer trusts a subject, and why. */
export interface Score {
  readonly observer: string;
  readonly subject: string;
  /** 0..1000, whole. */
  readonly score: number;
  /** 0..1: how much of the score rests on evidence and not on the prior. */
  readonly confidence: number;
  readonly tier: Tier;
  readonly items: readonly ScoreItem[];
}

/** What an endorser says. */
export interface EndorsementInput {
  /** 0 (which withdraws an earlier endorsement) to 1, in thousandths. */
  readonly weight: number;
  /** `general`, or the one verb that it is limited to; `general` when absent. */
  readonly scope?: string;
  /** At most 200 printable characters. */
  readonly why: string;
  /** At most 90 days. */
  readonly lifetime_ms: number;
}

/** What trust uses. */
export interface TrustParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly statements: Pick<StatementStore, 'endorsements' | 'endorsementsBy' | 'endorsers' | 'nextSequence' | 'revocation' | 'equivocation' | 'duplicity' | 'auditEvidence'>;
  readonly exchange: Pick<Statements, 'publish'>;
  readonly identity: Pick<Identities, 'known'>;
  readonly revocation: Pick<RevocationService, 'revokedDid' | 'unsponsored'>;
  readonly recorder: Recorder;
}

/** What trust is told by its host. */
export interface TrustInit {
  /** The sponsors whose word an observer takes in full, besides its own. */
  roots(observer: string): readonly string[];
}

/** Scores that each observer forms from its own evidence and from what others signed. */
export interface Trust {
  /** Loads the evidence of earlier runs. Scores are those of strangers before. */
  start(): Promise<void>;
  /** How far an observer trusts a subject; with a scope, endorsements for that verb count too. From memory alone. */
  score(observer: string, subject: string, scope?: string): Score;
  /** Why a subject falls short of a score that is demanded, if so. Code `TRUST_TOO_LOW`, the score in `detail`. */
  distrusted(observer: string, subject: string, required_score: number): Failure | undefined;
  /**
   * Notes an interaction. The caller stores the changes in its own batch and
   * then calls `applied`, from which moment it counts. The sums are running
   * sums: hand them to the store in the order in which they came.
   */
  interaction(observer: string, subject: string, interaction: Interaction): Recorded;
  /** Signs and publishes an endorsement. Fails with `ENDORSEMENT_INVALID` or as {@link Statements.publish} does. */
  endorse(signer: TokenSigner, subject: string, input: EndorsementInput): Promise<Result<Endorsement>>;
}

/** Trust over the evidence and the statements of a node. */
export const trust = (init: TrustInit) => (parts: TrustParts): Trust => new TrustScores(init, parts);
