/**
 * The whole outside world of a protocol. Protocol code sees time, chance, the
 * network, durable state and the stream of facts only through these five ports,
 * so that the same code runs on a real host and in the simulator, where a seed
 * decides everything.
 */
import type { Result } from '../crypto/result.ts';

export type { Change, Store } from '../storage/store.ts';

/** Time. */
export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
  /** Runs once, `delay_ms` from now; the returned function cancels it. A pending timer keeps nothing alive. */
  after(delay_ms: number, run: () => void): () => void;
}

/** Chance. */
export interface Random {
  /** Unpredictable bytes: for keys and nonces. */
  bytes(length: number): Uint8Array;
  /** A number from 0 up to, not including, 1: for jitter and choice. */
  fraction(): number;
}

/** What happened, for the log, metrics, tracing and the simulator's checkers. Never awaited, never secret. */
export interface Fact {
  /** Dotted lower-case name, e.g. `handshake.refused`. */
  readonly kind: string;
  /** JSON values. */
  readonly [field: string]: unknown;
}

/** The one stream that every fact goes to. */
export interface Recorder {
  record(fact: Fact): void;
}

/** A network peer, named by its authenticated key. */
export type PeerId = string;

/** A peer that we are connected to. */
export interface Peer {
  readonly id: PeerId;
  readonly address: string;
  readonly direction: 'inbound' | 'outbound';
  /** Unix milliseconds. */
  readonly since: number;
}

/** The bounds of one request protocol. */
export interface ProtocolLimits {
  readonly request_bytes_max: number;
  readonly response_bytes_max: number;
  /** Exchanges of this protocol that may be under way from one peer. */
  readonly exchanges_per_peer_max: number;
  /** Time from the first byte to the last, after which the exchange is aborted. */
  readonly exchange_ms_max: number;
}

/** Answers one request of a peer. Its id is proven by the channel. */
export type RequestHandler = (request: Uint8Array, from: PeerId, signal: AbortSignal) => Promise<Uint8Array>;

/** What a topic's validator says: pass on, drop silently, or drop and hold it against the sender. */
export type Verdict = 'accept' | 'ignore' | 'reject';

/** How records of one DHT namespace are checked. */
export interface RecordRules {
  /** Whether a value may be stored or believed under the key. May consult durable state. */
  validate(key: Uint8Array, value: Uint8Array): Promise<Result<void>>;
  /** The index of the best of several valid values. */
  select(key: Uint8Array, values: readonly Uint8Array[]): number;
}

/**
 * The network: authenticated requests between two peers, signed-by-content
 * gossip, and a distributed hash table. Failures: `PEER_UNREACHABLE`,
 * `PEER_TIMEOUT`, `PEER_REFUSED` (no such protocol, or over a limit),
 * `REQUEST_TOO_LARGE`, `RESPONSE_TOO_LARGE`, `ADDRESS_INVALID`, `ADDRESS_IN_USE`,
 * `RECORD_REFUSED`, `RECORD_NOT_FOUND`, `NETWORK_STOPPED`.
 */
export interface Network {
  readonly id: PeerId;
  /** Listens. Handlers and topics are registered before. */
  start(): Promise<Result<void>>;
  /** Closes every connection and stops every timer. */
  stop(): Promise<void>;
  /** Addresses at which others can dial us, complete with our id. */
  addresses(): readonly string[];
  /** Connects to an address and says who answered. */
  dial(address: string, options: { readonly signal: AbortSignal }): Promise<Result<PeerId>>;
  /** Answers requests of a protocol. One handler a protocol. */
  handle(protocol: string, limits: ProtocolLimits, handler: RequestHandler): void;
  /** Sends a request and awaits the whole answer. Connects first where an address is known. */
  request(peer: PeerId, protocol: string, request: Uint8Array, options: {
    readonly limits: ProtocolLimits;
    readonly signal: AbortSignal;
  }): Promise<Result<Uint8Array>>;
  /** Remembers where a peer can be dialled. */
  learn(peer: PeerId, addresses: readonly string[]): Promise<void>;
  /** Gives a message to every peer that subscribes to a topic of ours; our own `deliver` does not see it. Fails with `REQUEST_TOO_LARGE`. */
  publish(topic: string, message: Uint8Array): Promise<Result<void>>;
  /** Receives a topic: `verify` runs before the message is passed on to others, `deliver` once a message. */
  subscribe(topic: string, verify: (message: Uint8Array, from: PeerId) => Promise<Verdict>, deliver: (message: Uint8Array) => void): void;
  /** Sets the rules of a DHT namespace. Before `start`. */
  records(namespace: string, rules: RecordRules): void;
  /** Stores a record at ourselves and the peers nearest to the key, and says how many took it, ourselves aside. Fails with `RECORD_REFUSED`. */
  put(namespace: string, key: Uint8Array, value: Uint8Array, options: { readonly signal: AbortSignal }): Promise<Result<number>>;
  /** The records that peers hold under the key, each answer separately, ours with them, until `answers` values came or nobody is left to ask. To be verified by the caller. Fails with `RECORD_NOT_FOUND` when none holds a value. */
  get(namespace: string, key: Uint8Array, options: { readonly answers: number; readonly signal: AbortSignal }): Promise<Result<readonly RecordAnswer[]>>;
  /** The peers that we are connected to. */
  peers(): readonly Peer[];
  /** Tells when a peer connects or is gone. */
  watch(changed: (peer: Peer, state: 'connected' | 'gone') => void): void;
  /** Holds a misdeed against a peer; enough of them and it is disconnected and refused for a while. */
  penalise(peer: PeerId, why: string): void;
}

/** One peer's answer to a record look-up; `value` is absent when it holds none. */
export interface RecordAnswer {
  readonly from: PeerId;
  readonly value?: Uint8Array;
}
