import type { DidRecord } from '../../crypto/did-record.ts';
import type { PolicyBundle } from '../../crypto/policy-bundle.ts';
import type { Result } from '../../crypto/result.ts';
import type { AuditEvidence, DuplicityProof, Endorsement, EquivocationProof, Head, Revocation, Statement } from '../../crypto/statement.ts';
import type { StatementStore } from '../../storage/statements.ts';
import type { Clock, Network, Random, Recorder } from '../ports.ts';
import { StatementExchange } from './statements.ts';

/** Where the records of DIDs come from. */
export interface Identities {
  /** The verified record of a DID, looked up where needed; `fresh` asks others first. */
  resolve(did: string, options?: { readonly fresh?: boolean }): Promise<Result<DidRecord>>;
  /** The verified record of a DID if it is at hand. */
  known(did: string): DidRecord | undefined;
}

/** What the exchange of statements uses. */
export interface StatementsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: StatementStore;
  readonly identity: Identities;
  readonly recorder: Recorder;
  /** Whether this host has seen the record of a DID name that log or witness, whatever the record says now. */
  wasListed?(name: string): boolean;
}

/** Who is told about each statement, once, after it is durable. */
export interface StatementListeners {
  readonly endorsement?: (endorsement: Endorsement) => void;
  readonly revocation?: (revocation: Revocation) => void;
  readonly head?: (head: Head) => void;
  readonly duplicity?: (proof: DuplicityProof) => void;
  readonly equivocation?: (proof: EquivocationProof) => void;
  readonly auditEvidence?: (evidence: AuditEvidence) => void;
  readonly policyBundle?: (bundle: PolicyBundle) => void;
  /** Two tokens of an issuer that contradict each other were met here, both verified: somebody should report it. */
  readonly equivocated?: (issuer: string, tokens: readonly [string, string]) => void;
}

/** Statements pushed by gossip and reconciled with peers, each verified before it is kept or passed on. */
export interface Statements {
  /** Registers topic, protocol and periodic syncs. Before the network starts. */
  start(): void;
  /** Ends the syncs under way and starts no more. */
  stop(): Promise<void>;
  /**
   * Verifies and keeps a statement as if it had come from a peer, and gives it
   * to the peers. Publishing what is known already succeeds. Fails with a
   * `TOKEN_…` code, `STATEMENT_MALFORMED`, `STATEMENT_STALE`,
   * `STATEMENT_EQUIVOCATION`, `STATEMENT_QUOTA`, `STATEMENT_ISSUER_UNKNOWN`,
   * `STATEMENT_KEY_UNKNOWN`, `STATEMENT_FORGED`, or for a proof `STATEMENT_UNPROVEN` or `STATEMENT_UNDECIDED`.
   */
  publish(text: string): Promise<Result<Statement>>;
  /**
   * Resolves when everything has been looked at that takes something away from these DIDs
   * or is said by them, and was waiting for their records, as far as these are at hand now.
   */
  reconsider(dids: Iterable<string>): Promise<void>;
  /**
   * Unix milliseconds of which every revocation and proof was known here that
   * min(2, peers that we are connected with and ever reconciled with) different
   * peers had; 0 for never. Kept over restarts.
   */
  completeAsOf(): number;
  /** Unix milliseconds of which all revocations and proofs of a peer were known here, since the start of this host. */
  lastComplete(peer: string): number | undefined;
}

/** The exchange of statements. */
export const statements = (listeners: StatementListeners = {}) => (parts: StatementsParts): Statements =>
  new StatementExchange(parts, listeners);
