import type { Establishment, Signed } from '../../crypto/did-events.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import type { Failure, Result } from '../../crypto/result.ts';
import type { RecordStore } from '../../storage/records.ts';
import type { Clock, Network, PeerId, Recorder } from '../ports.ts';
import { MeshIdentity } from './identity.ts';

export { isOlder, versionOf } from './lookup.ts';
export { checkOptions, resolutionError } from './resolution.ts';
export {
  buildRecord, currentEvent, documentOf, genesisEvent, joined, new_standing, nextEvent, nextSequence, ownIdentity, retiring, signAs, signsFor, soleControl,
  type Control, type History, type IdentityKeys, type IdentityPlan, type OwnIdentity,
} from './controller.ts';

/** A version of a DID's record. */
export interface Version {
  /** Of the establishment event. */
  readonly number: number;
  /** Of the document event under it. */
  readonly sequence: number;
}

/** What the identity service uses. What is optional is asked of statements where a host has them. */
export interface IdentityParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly records: RecordStore;
  readonly recorder: Recorder;
  /** The newest version of a DID by its own statement. */
  head?(did: string): Version | undefined;
  /** Whether a statement proves that the controller of a DID told two histories. */
  isDuplicitous?(did: string): boolean;
  /** Told once of two establishment events of one number that prove duplicity. */
  duplicity?(did: string, number: number, a: Signed<Establishment>, b: Signed<Establishment>): void;
  /** Why nobody answers for an agent, if so. */
  unsponsored?(record: DidRecord): Failure | undefined;
  /** Why a DID must not act, where it was revoked; `by` and `statement` are in the detail. */
  revokedDid?(did: string): Failure | undefined;
  /** Why a DID must not sign with this key, where it was revoked. */
  revokedKey?(key_id: string): Failure | undefined;
}

/** What a caller of `resolution` may ask for: the options of DID Resolution section 4.1, and those that `did-resolver` adds. */
export interface ResolutionOptions {
  /** The media type of the document. */
  readonly accept?: string;
  /** Whether to ask the mesh although a record is cached. `cache: false` and `noCache: true` mean the same. */
  readonly fresh?: boolean;
  readonly [option: string]: unknown;
}

/** A W3C DID Resolution result. `error` is the draft's camel-case string, so that `did-resolver` understands it; `errorObject` is the problem details object of the newer text. */
export interface Resolution {
  readonly didDocument: { readonly [name: string]: unknown } | null;
  readonly didDocumentMetadata: { readonly [name: string]: unknown };
  readonly didResolutionMetadata: { readonly [name: string]: unknown };
}

/** A peer that answered look-ups with an older record than was known. Versions are `number-sequence`. */
export interface StaleStorer {
  readonly peer: PeerId;
  readonly did: string;
  readonly served: string;
  readonly newest: string;
  readonly times: number;
  /** Unix milliseconds. */
  readonly last_ms: number;
}

/** DIDs and what they mean: published to and resolved from the DHT, never taken on trust. */
export interface Identity {
  /** Registers the rules under which this host stores and believes records. Before the network starts. */
  start(): void;
  /** The newest record in memory, without asking anybody, whatever its age. */
  known(did: string): DidRecord | undefined;
  /** The record that `resolve` serves at once, if there is one: in force, confirmed in this run, and not called in question since. Has it refreshed in the background when that was more than 15 minutes ago. */
  current(did: string): DidRecord | undefined;
  /**
   * The record of a DID: a cached one in force at once, else from the DHT. `fresh`
   * asks the DHT first, at most every five seconds a DID. Fails with `DID_INVALID`,
   * `DID_METHOD_UNSUPPORTED`, `DID_NOT_FOUND`, `RECORD_INVALID` where nothing but invalid records
   * was answered, `RECORD_EXPIRED`, `DID_DUPLICITY` or `LOOKUP_TIMEOUT`.
   */
  resolve(did: string, options?: { readonly fresh?: boolean }): Promise<Result<DidRecord>>;
  /** Says that there may be a newer record of a DID than the cached one: the next `resolve` asks the DHT. */
  invalidate(did: string): void;
  /** Why nothing of a DID can be believed: its controller told two histories. Code `DID_DUPLICITY`. */
  duplicity(did: string): Failure | undefined;
  /** Goes up with every record and every fork that becomes known here, so that who remembers a verdict knows when to ask again. */
  readonly changes: number;
  /** The peers that answered look-ups with older records, for the operator. */
  staleStorers(): readonly StaleStorer[];
  /** Resolves DIDs and the sponsors in their records, so that a decision can be taken offline. Unknown ones stay unknown. */
  gather(dids: Iterable<string>): Promise<void>;
  /** The newest records in memory of DIDs, of the sponsors in them and of the sponsors' own, each once: to send along, so that a peer can decide offline. */
  accountable(dids: readonly string[]): readonly Uint8Array[];
  /** Verifies records that a peer sent along and keeps none of them. Fails at the first bad one, or with `RECORD_TOO_MANY`. */
  inspect(records: readonly Uint8Array[]): Result<readonly DidRecord[]>;
  /** Keeps verified records, each unless a newer one is known; returns the ones that hold. */
  keep(records: readonly DidRecord[]): Promise<readonly DidRecord[]>;
  /** Inspects records that a peer sent along, and keeps them if all are good. */
  offer(records: readonly Uint8Array[]): Promise<Result<readonly DidRecord[]>>;
  /** Keeps our own record and tells nobody. Fails as `verifyRecord` does, or with `RECORD_STALE` where one is known that outdoes it. */
  hold(record: Uint8Array): Promise<Result<DidRecord>>;
  /** Holds our own record and stores it at the peers nearest to it; says how many took it. Fails as `hold` does, or as the network's `put`. */
  publish(record: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result<number>>;
  /** Stores a record of somebody else, verified before, at the peers nearest to it; that makes it neither ours nor confirmed. Fails as the network's `put` does. */
  carry(did: string, record: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result<number>>;
  /**
   * The same as `resolve` in the form of W3C DID Resolution, for `did:key` too. Never
   * rejects for what it is asked. A DID that was revoked has no document, as if it were
   * deactivated, and keys that were revoked are not in the document.
   */
  resolution(did: string, options?: ResolutionOptions): Promise<Resolution>;
}

/** The identity service over its parts. */
export const identity = (parts: IdentityParts): Identity => new MeshIdentity(parts);
