import type { DidRecord } from '../../crypto/did-record.ts';
import type { Result } from '../../crypto/result.ts';
import type { Endorsement, Revocation, Statement } from '../../crypto/statement.ts';
import type { StatementStore } from '../../storage/statements.ts';
import type { Clock, Network, Random, Recorder } from '../ports.ts';
import { StatementExchange } from './statements.ts';

/** Where the records of DIDs come from. */
export interface Identities {
  /** The verified record of a DID, looked up where needed. */
  resolve(did: string): Promise<Result<DidRecord>>;
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
}

/** Who is told about each statement, once, after it is durable. */
export interface StatementListeners {
  readonly endorsement?: (endorsement: Endorsement) => void;
  readonly revocation?: (revocation: Revocation) => void;
}

/** Statements pushed by gossip and pulled from peers, each verified before it is kept or passed on. */
export interface Statements {
  /** Registers topic, protocol and periodic pulls. Before the network starts. */
  start(): void;
  /** Ends the pulls under way and starts no more. */
  stop(): Promise<void>;
  /**
   * Verifies and keeps a statement as if it had come from a peer, and gives it
   * to the peers. Publishing what is known already succeeds. Fails with a
   * `TOKEN_…` code, `STATEMENT_MALFORMED`, `STATEMENT_STALE`,
   * `STATEMENT_EQUIVOCATION`, `STATEMENT_QUOTA`, `STATEMENT_ISSUER_UNKNOWN`,
   * `STATEMENT_KEY_UNKNOWN` or `STATEMENT_FORGED`.
   */
  publish(text: string): Promise<Result<Statement>>;
}

/** The exchange of statements. */
export const statements = (listeners: StatementListeners = {}) => (parts: StatementsParts): Statements =>
  new StatementExchange(parts, listeners);
