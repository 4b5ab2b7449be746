/** What is asked of the statements of a node. */
import type { AuditEvidence, DuplicityProof, Endorsement, EquivocationProof, Head, Revocation, Statement, TargetKind } from '../crypto/statement.ts';
import type { PolicyBundle } from '../crypto/policy-bundle.ts';
import type { DayTrie, StatementDay, StatementTopic } from './statement-days.ts';
import type { StatementPlaces } from './statement-index.ts';
import type { Store } from './store.ts';

/**
 * What became of a statement: `new` is kept; `known` was kept before; `stale`
 * has a better one in its place; `equivocation` has another payload under its
 * `seq` (the smaller hash is kept); `ended` is over; `over-quota` finds no room.
 */
export type PutOutcome = 'new' | 'known' | 'stale' | 'equivocation' | 'ended' | 'over-quota';

/** The statements of a node. */
export interface StatementStore {
  /** What {@link StatementStore.put} would say, without writing. */
  judge(statement: Statement): PutOutcome;
  /** Keeps a verified statement; resolves after it is on the disk. Those that are put at one time share one write. */
  put(statement: Statement, text: string): Promise<PutOutcome>;
  /** Whether a statement of this hash (base64url) is kept. */
  has(hash: string): boolean;
  /** The token of a hash. */
  get(hash: Uint8Array): Promise<string | undefined>;
  /** The hash of the statement whose place this one would take or fail to take. */
  rival(statement: Statement): string | undefined;
  /** The days of a topic that are not over, in order. */
  days(topic: StatementTopic): readonly StatementDay[];
  /** The hashes of a topic's statements that end on a day. */
  day(topic: StatementTopic, day: number): DayTrie | undefined;
  /** This issuer's revocation of this target. */
  revocation(kind: TargetKind, id: string, issuer: string): Revocation | undefined;
  /** Every revocation, in no order. */
  revocations(): readonly Revocation[];
  /** The live endorsements of a subject, ordered by hash. */
  endorsements(subject: string): readonly Endorsement[];
  /** The live endorsements by an issuer, ordered by hash. */
  endorsementsBy(issuer: string): readonly Endorsement[];
  /** Everybody who has an endorsement here, in order. */
  endorsers(): readonly string[];
  /** The newest head of a DID, if it is in force. */
  head(did: string): Head | undefined;
  /** The proof that the controller of a DID told two histories. */
  duplicity(did: string): DuplicityProof | undefined;
  /** The proof that a DID contradicted itself. */
  equivocation(did: string): EquivocationProof | undefined;
  /** The evidence that the audit log or the witness of a host contradicted itself. */
  auditEvidence(did: string): AuditEvidence | undefined;
  /** All such evidence, one of each host, ordered by host. */
  exposures(): readonly AuditEvidence[];
  /** The newest statement of one policy bundle; also where it ran out not long ago. */
  bundle(issuer: string, name: string): PolicyBundle | undefined;
  /** The newest statement of each policy bundle, by issuer and name; also of those that ran out not long ago. */
  bundles(): readonly PolicyBundle[];
  /** The next `seq` for an issuer whose key we hold: never the same twice. */
  nextSequence(issuer: string): number;
  /** Drops what has run out and says how many that were. */
  prune(): Promise<number>;
  /** Stored entries that could not be read when the store was opened: they are fetched again from peers. */
  readonly damaged: number;
  /** How many statements are kept. */
  readonly size: number;
  /** Goes up with every statement that is added or dropped. */
  readonly changes: number;
  /** Unix milliseconds of which all that enough peers took away was known here; 0 for never. Kept over restarts. */
  readonly complete_as_of_ms: number;
  /** Moves that time forward; an earlier one changes nothing, unless the kept one is of a clock that was ahead. */
  noteComplete(as_of_ms: number): Promise<void>;
}

/** What the statements of a node are kept with. */
export interface StatementStoreParts {
  readonly store: Store;
  /** Unix milliseconds. */
  now(): number;
  /** The DIDs that somebody here depends on: what they say has a place, however much strangers say. */
  depended?(): ReadonlySet<string>;
  /** How many statements of each kind are kept; 500,000 of most where it is not said. */
  readonly places?: StatementPlaces;
  /** Told now and then how many statements have been loaded, while a large store is opened. */
  loading?(count: number): void;
}
