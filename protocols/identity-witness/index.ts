import type { WitnessSignature } from '../../crypto/did-events.ts';
import type { SigningKey } from '../../crypto/keys.ts';
import type { Result } from '../../crypto/result.ts';
import type { History, Identity } from '../identity/index.ts';
import type { Clock, Network, Recorder, Store } from '../ports.ts';

export { identityWitnesses } from './witnesses.ts';

/** What witnessing establishment events uses. */
export interface IdentityWitnessParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly store: Store;
  readonly identity: Identity;
  readonly recorder: Recorder;
  /** The node's key for this and nothing else. */
  readonly key: SigningKey;
}

/**
 * Witnesses of establishment events. Each countersigns one event of a number of
 * a DID, so that a quorum of them cannot stand under two different ones.
 */
export interface IdentityWitnesses {
  /** Answers peers from now on, as a witness. Before the network starts. */
  start(): Promise<void>;
  /**
   * The witness keys of nodes, in their order, of which `threshold` must sign: more than half.
   * Fails with `WITNESS_THRESHOLD`, `WITNESS_UNKNOWN`, or as resolving a DID does.
   */
  keysOf(nodes: readonly string[], threshold: number): Promise<Result<readonly Uint8Array[]>>;
  /**
   * The signatures of the newest event of a chain by as many witnesses as it
   * needs; `nodes` are the DIDs behind their keys. Fails with `WITNESSES_TOO_FEW`.
   */
  collect(history: History, nodes: readonly string[]): Promise<Result<readonly WitnessSignature[]>>;
}
