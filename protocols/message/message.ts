import type { Capability } from '../../crypto/capability.ts';
import { canonicalJson, type Json } from '../../crypto/canonical.ts';
import type { Chain, Evidence, Invocation } from '../../crypto/chain.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Handshake } from '../handshake/index.ts';
import type { Identity, OwnIdentity } from '../identity/index.ts';
import type { Change, Clock, Network, PeerId, Random, Recorder, Store } from '../ports.ts';
import type { EntrySeal } from '../../storage/entry-seal.ts';
import { MessageAnswering } from './answering.ts';
import type { Receipt } from './receipt.ts';
import { MessageSending } from './sending.ts';

/** A command of a remote agent whose every proof has been verified. */
export interface RemoteCall {
  readonly executor: string;
  readonly caller: string;
  readonly peer: PeerId;
  readonly command: Capability;
  readonly arguments: Json;
  /** The verified delegation that it rests on, absent where the caller acts in its own name. */
  readonly chain?: Chain;
  readonly invocation: Invocation;
  /** The request for approval that the same command began earlier. */
  readonly approval?: string;
  /** Go into the same atomic batch as the decision's record, so that a crash can neither make the command run twice nor forget that it was used. */
  readonly begun: readonly Change[];
  /** Signs the receipt of a command that was done, and gives the changes that keep it: they go into the same atomic batch as the outcome's record. */
  conclude(execution: Execution): Promise<readonly Change[]>;
}

/** What became of a call at the kernel. */
export interface Execution {
  readonly verdict: Receipt['verdict'];
  readonly code: string | null;
  readonly rule: string | null;
  readonly reason: string;
  readonly result?: Json;
  /** Index of the decision in our audit log. */
  readonly index: number | null;
}

/** Runs a verified call through the kernel. Never throws. */
export type Execute = (call: RemoteCall, signal: AbortSignal) => Promise<Execution>;

/** A local agent that takes messages. */
export interface Executor {
  readonly identity: OwnIdentity;
  /** `delegated` demands a chain from a root that the agent honours; `open` leaves it to the policy, which sees the chain if there is one. */
  readonly authority: 'delegated' | 'open';
  /** Sponsors whose delegations the agent honours. */
  readonly roots: readonly string[];
}

/** What the message service uses. */
export interface MessageParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: Store;
  readonly identity: Identity;
  readonly handshake: Handshake;
  readonly recorder: Recorder;
  readonly origin: string;
  executor(did: string): Executor | undefined;
  /** Resolves when this host is not just learning from its peers what was revoked while it was alone, nor what these parties revoked while nobody had their records. */
  caughtUp(parties: readonly string[]): Promise<void>;
  evidence(): Evidence;
  /** Why the caller has too little trust for what a chain's caveats or the executor itself demand, if so. */
  distrusted(observer: string, subject: string, required_trust_score: number): Failure | undefined;
  readonly execute: Execute;
  /** Waits for the answer to a request for approval, `wait_ms` at most and not beyond this host's own maximum. Gives what its caller is told where there is none yet; nothing where it may be decided now. */
  unanswered(approval: string, asked: { readonly executor: string; readonly caller: string; readonly wait_ms?: number }, signal: AbortSignal): Promise<Execution | undefined>;
  /** Seals what is kept of a call for its repetition, so that it is erased with the payloads of its executor, or with the records of the call. */
  readonly entry_seal: EntrySeal;
  /** Records that a caller with a session was refused before the kernel; gives the index in our audit log, or `null` where too many are. */
  refused(executor: string, invocation: Invocation, failure: Failure): Promise<number | null>;
  /** Notes an interaction whose receipt both sides can show, and stores these changes with it. */
  settled(observer: string, subject: string, receipt: Receipt, receipt_hash: Uint8Array, changes: readonly Change[]): Promise<void>;
}

/** A command to a remote agent. */
export interface Sending {
  readonly from: OwnIdentity;
  readonly to: string;
  readonly command: string;
  readonly arguments: Json;
  /** The chain that it rests on, root first. */
  readonly chain?: readonly string[];
  /** Sends this earlier invocation again instead of making a new one; it has no second effect. */
  readonly invocation?: string;
  /** The request for approval that the same command began earlier: an answer `APPROVAL_PENDING` has named it. */
  readonly approval?: string;
  /** How long the executor may wait for the answer to that request before it answers, in whole milliseconds; its own maximum where absent. */
  readonly wait_ms?: number;
  readonly signal?: AbortSignal;
}

/** The executor's verified word. */
export interface Answered {
  readonly receipt: Receipt;
  readonly receipt_token: string;
  readonly receipt_hash: Uint8Array;
  readonly invocation: string;
  readonly result: Json | undefined;
}

/** Governed messages between agents: every request ends in a signed receipt, and a repetition has one effect. */
export interface Message {
  /** Loads the uses of delegations that count, and answers messages of peers. Before the network starts. */
  start(): Promise<void>;
  stop(): void;
  /** Sends a command and verifies the receipt. Fails with a code of the network, the handshake, `MESSAGE_…`, `SERVICE_MISSING` or `RECEIPT_…`. */
  send(sending: Sending): Promise<Result<Answered>>;
}

/** A JSON value of whatever a handler returned, or why it is none. Fails with `RESULT_INVALID`. */
export function jsonResult(value: unknown): Result<Json> {
  try {
    const parsed: Json = JSON.parse(canonicalJson(value ?? null));
    return ok(parsed);
  } catch (error) {
    return fail('RESULT_INVALID', `the handler returned what JSON cannot carry: ${messageOf(error)}`);
  }
}

/** The message service over its parts. */
export function message(parts: MessageParts): Message {
  const answering = new MessageAnswering(parts);
  const sending = new MessageSending(parts);
  return {
    start: () => answering.start(),
    stop: () => answering.stop(),
    send: (command) => sending.send(command),
  };
}
