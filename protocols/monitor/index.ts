import type { Result } from '../../crypto/result.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import type { Clock, Network, PeerId, Random, Recorder, Store } from '../ports.ts';
import type { ConsistencyAnswer, HeadsAnswer } from '../witness/questions.ts';
import { LogMonitor } from './monitor.ts';

export { checkpoint_topic } from './constants.ts';

/**
 * What is thought of a log: `trusted`; `suspected` while it leaves a question
 * about two of its own checkpoints unanswered; `exposed` for good once there is
 * evidence that it told two histories.
 */
export type LogState = 'trusted' | 'suspected' | 'exposed';

/** A log that is followed. */
export interface FollowedLog {
  readonly origin: string;
  readonly did: string;
  /** Entries of the largest checkpoint that continues all others seen here. */
  readonly size: number;
  readonly state: LogState;
  /** Since when it is suspected, or else followed; Unix milliseconds. */
  readonly since_ms: number;
  /** Why it is not trusted. */
  readonly reason?: string;
  /** The log of the same host that was followed before. */
  readonly after?: string;
  /** Whether it goes on where that one ended, by its first entry; absent while that is not known. */
  readonly follows?: boolean;
  /** Entries that the log before it is proven to have had, and that are gone or not followed. */
  readonly entries_lost?: number;
}

/** A log that can be read, and the key under which it verifies. */
export interface NamedLog {
  readonly did: string;
  readonly origin: string;
  readonly verifier_key: string;
}

/** What the monitor uses. */
export interface MonitorParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly recorder: Recorder;
  /** The own log: whoever has seen more or other of it stops it. */
  readonly log: Pick<AuditLog, 'origin' | 'verifier_key' | 'frozen' | 'size' | 'rootAt' | 'freeze' | 'latest' | 'cosigned'>;
  /** The vkey of a log, found by resolving the DID in its origin. */
  logKey(origin: string): Promise<Result<string>>;
  /** The vkey of a witness, found by resolving the DID in its name. */
  witnessKey(name: string): Promise<Result<string>>;
  /** Whether the record of a DID is at hand, so that resolving it costs nobody anything. */
  isNear(did: string): boolean;
  /** Whether the host of a DID has proven to this one who it is. */
  isMet(did: string): boolean;
  /** The peer on which a host runs. */
  locate(did: string): Promise<Result<PeerId>>;
  /** Takes an evidence file: verifies it, keeps it and tells others. */
  accuse(evidence: Uint8Array): Promise<Result<void>>;
  /** Whether evidence against a host is known. */
  exposed(did: string): boolean;
}

/** Follows every log that this host hears of, and asks for a proof whenever one of them shows something new. */
export interface Monitor {
  /** Loads what is remembered and registers the topic. Before the network starts. */
  start(): Promise<void>;
  /** Ends what is under way. */
  stop(): Promise<void>;
  /** Gives the own cosigned checkpoint to everybody. */
  publish(note: Uint8Array): void;
  /** Takes a checkpoint that another part of this host came upon, as if a peer had pushed it. */
  look(note: Uint8Array): void;
  /** What is thought of a log; `undefined` where it was never heard of. */
  state(origin: string): LogState | undefined;
  /** Every log that is followed, those that are not trusted first. */
  logs(): readonly FollowedLog[];
  /** The largest checkpoint of a log that continues all others seen here, with the cosignatures that came with it. */
  head(origin: string): Uint8Array | undefined;
  /** The largest checkpoint of a log that was seen with that log's signature, proven to continue the others or not. */
  largest(origin: string): Uint8Array | undefined;
  /** The log that says under the key of this one that it goes on after it. */
  successor(origin: string): NamedLog | undefined;
  /** Checkpoints of logs whose origins come after a text, for a peer that missed them, and after which origin to ask on; `null` at the end. */
  page(after: string): Promise<HeadsAnswer>;
  /** The proof between two checkpoint notes that their log gave to this host, for a peer that cannot reach the log. */
  proof(old: Uint8Array, next: Uint8Array): ConsistencyAnswer | undefined;
}

/** The monitor of a host over its parts. */
export const monitor = (parts: MonitorParts): Monitor => new LogMonitor(parts);
