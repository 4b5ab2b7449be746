import type { SigningKey } from '../../crypto/keys.ts';
import type { Verifier } from '../../crypto/note.ts';
import type { Result } from '../../crypto/result.ts';
import type { LogPolicy } from '../../crypto/tlog-policy.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import type { Clock, Network, Random, Recorder, Store } from '../ports.ts';
import type { DeskParts } from './desk.ts';
import type { WitnessContact } from './quorum.ts';

/** How a host has its log witnessed, and witnesses others. */
export interface WitnessInit {
  /** How often the head is signed and cosigned if there is news. */
  readonly checkpoint_ms?: number;
  /** How often the heads witnessed for others go into the own log. */
  readonly anchor_ms?: number;
  /** Witnesses of how many operators must cosign, where no policy says. */
  readonly quorum?: number;
  /** Names the witnesses that are asked, and those that are enough. */
  readonly policy?: LogPolicy;
  /** Keys of logs that are none of the mesh and are cosigned too. */
  readonly witnessed_logs?: readonly Verifier[];
}

/** What the service uses. */
export interface WitnessParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly log: AuditLog;
  readonly witness_key: SigningKey;
  readonly did: string;
  readonly recorder: Recorder;
  /** Whom to ask for cosignatures, at present. */
  witnesses(): readonly WitnessContact[];
  /** The vkey of a log, found by resolving the DID in its origin. */
  logKey(origin: string): Promise<Result<string>>;
  /** What this host has seen of logs besides what it cosigned. */
  readonly seen?: NonNullable<DeskParts['seen']>;
  /** An earlier log of this host, by its origin. */
  past?(origin: string): Promise<Result<AuditLog>> | undefined;
  /** Hears of every own note that a quorum cosigned. */
  published?(note: Uint8Array): void;
  /** Hears of every checkpoint of another log that its log signed and that was not cosigned here. */
  refused?(note: Uint8Array): void;
  /** Takes an evidence file: verifies it, keeps it and tells others. Where it is absent or fails, the witness keeps the file itself. */
  accuse?(evidence: Uint8Array): Promise<Result<void>>;
  /** Whether the record of a DID is at hand, so that resolving it costs nobody anything. */
  isNear?(did: string): boolean;
  /** Whether a host has proven to this one who it is: strangers never take the last places among the logs that are cosigned. */
  met?(did: string): boolean;
  /** Whether evidence against a host is known: it is never asked, and its log never cosigned. */
  exposed?(did: string): boolean;
  /** Who answers for this host, if anybody does. */
  sponsor?(): string | undefined;
}

/** A head that a quorum cosigned. */
export interface Anchored {
  readonly note: Uint8Array;
  readonly size: number;
  /** How many witnesses cosigned. */
  readonly cosignatures: number;
}
