import { toBase64url } from '../../crypto/bytes.ts';
import { keyFor, keyIds, type DidRecord } from '../../crypto/did-record.ts';
import { verifySignature } from '../../crypto/keys.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Identity, OwnIdentity } from '../identity/index.ts';
import type { Clock, Network, PeerId, Random, Recorder } from '../ports.ts';
import { encodeFailure, unlessFailure } from '../reply.ts';
import { deadline } from '../time.ts';
import { handshake_limits, handshake_protocol, pending_max, pending_ms_max, pending_per_peer_max, session_ms } from './constants.ts';
import { Sessions, type Session } from './sessions.ts';
import { decodeAnswer, decodeRequest, encodeStep, signedBytes, transcriptHash, type Introduction, type Opening, type Party, type Proof } from './transcript.ts';

/** One of our identities, as it takes part in handshakes. */
export interface LocalParty {
  readonly identity: OwnIdentity;
  readonly capabilities: readonly string[];
  /** The trust score that a peer must have with us. */
  readonly required_trust_score: number;
  readonly policy_digest: Uint8Array;
  /** Our record and our sponsor's, newest. */
  records(): readonly Uint8Array[];
}

/** What the handshake uses. */
export interface HandshakeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly identity: Identity;
  readonly recorder: Recorder;
  /** The local identity of this DID, or of the node itself for an empty string. */
  party(did: string): LocalParty | undefined;
  /** Why a proven party at a peer is not admitted: too little trust, revoked, no sponsor, a host that was proven to lie. Scores are our own, never the peer's claim. */
  inadmissible(local: string, remote: DidRecord, required_trust_score: number, peer: PeerId): Failure | undefined;
  /** Hears of every new session, on both sides. */
  met(session: Session): void;
}

/** Mutual proof of identity between two DIDs, bound to the channel that it runs over. */
export interface Handshake {
  /** Answers handshakes of peers. Before the network starts. */
  start(): void;
  /**
   * Proves one of our identities to a peer's and the other way round, or
   * returns the session that still lives. Fails with `HANDSHAKE_…`, `TRUST_TOO_LOW`,
   * `REVOKED`, `SPONSOR_…`, or a network code.
   */
  open(local: string, remote: string, peer: PeerId, options?: { readonly required_trust_score?: number; readonly signal?: AbortSignal }): Promise<Result<Session>>;
  /** The session of a local identity with this id, if it lives and belongs to this peer. */
  session(id: string, local: string, peer: PeerId): Session | undefined;
  /** Any live session between these two at this peer: enough to be given a stored receipt again, not to give a command. */
  between(local: string, remote: string, peer: PeerId): Session | undefined;
  /** Ends every session with a DID, e.g. after its revocation. */
  close(remote: string): void;
  /** Ends every session at a peer but those of one identity of ours. */
  closeAt(peer: PeerId, kept_local: string): void;
}

interface Pending {
  readonly peer: PeerId;
  readonly local: LocalParty;
  readonly initiator: Party;
  readonly transcript: Uint8Array;
  readonly records: readonly Uint8Array[];
  readonly expires_ms: number;
  readonly since_ms: number;
}

function sessionId(transcript: Uint8Array): string {
  return toBase64url(transcript.subarray(0, 16));
}

class MeshHandshake implements Handshake {
  readonly #parts: HandshakeParts;
  readonly #pending = new Map<string, Pending>();
  readonly #sessions: Sessions;
  readonly #opening = new Map<string, Promise<Result<Session>>>();

  constructor(parts: HandshakeParts) {
    this.#parts = parts;
    this.#sessions = new Sessions(parts.clock);
  }

  start(): void {
    this.#parts.network.handle(handshake_protocol, handshake_limits, async (request, from) => {
      const answer = await this.#answer(request, from);
      if (answer.ok) return answer.value;
      this.#parts.recorder.record({ kind: 'handshake.refused', peer: from, code: answer.failure.code, reason: answer.failure.reason });
      return encodeFailure(answer.failure);
    });
  }

  #introduce(local: LocalParty): Introduction {
    return {
      agent_did: local.identity.did,
      nonce: this.#parts.random.bytes(32),
      capabilities: local.capabilities,
      required_trust_score: local.required_trust_score,
      policy_digest: local.policy_digest,
      records: local.records(),
    };
  }

  async open(local_did: string, remote: string, peer: PeerId, options: { readonly required_trust_score?: number; readonly signal?: AbortSignal } = {}): Promise<Result<Session>> {
    const local = this.#parts.party(local_did);
    if (local === undefined) return fail('AGENT_UNKNOWN', `${local_did} does not live on this host`, { fix: 'agentmesh agent list shows who does' });
    const required = Math.max(local.required_trust_score, options.required_trust_score ?? 0);
    const live = this.#sessions.between(local.identity.did, remote, peer);
    // Without the record nobody can say whether the remote side is still admitted, so it has to show it again.
    const record = live === undefined ? undefined : this.#parts.identity.known(remote);
    if (live !== undefined && record !== undefined) {
      const refusal = this.#parts.inadmissible(local.identity.did, record, required, peer);
      return refusal === undefined ? ok(live) : { ok: false, failure: refusal };
    }
    // Only who demands the same trust may share an answer.
    const flight = `${local.identity.did} ${remote} ${peer} ${required}`;
    const running = this.#opening.get(flight);
    if (running !== undefined) return running;
    const limit = deadline(this.#parts.clock, handshake_limits.exchange_ms_max, options.signal);
    const opening = this.#initiate(local, remote, peer, required, limit.signal).finally(() => {
      limit.done();
      this.#opening.delete(flight);
    });
    this.#opening.set(flight, opening);
    return opening;
  }

  async #initiate(local: LocalParty, to: string, peer: PeerId, required: number, signal: AbortSignal): Promise<Result<Session>> {
    const { network, clock } = this.#parts;
    const introduction = this.#introduce(local);
    const ask = async (bytes: Uint8Array): Promise<Result<Uint8Array>> =>
      unlessFailure(await network.request(peer, handshake_protocol, bytes, { limits: handshake_limits, signal }));
    const answered = await ask(encodeStep({ step: 1, to, ...introduction }));
    if (!answered.ok) return answered;
    const answer = decodeAnswer(answered.value);
    if (!answer.ok) return answer;
    if (to !== '' && answer.value.agent_did !== to) return fail('HANDSHAKE_WRONG_PARTY', `${answer.value.agent_did} answered for ${to}`);
    if (answer.value.expires > clock.now() + 2 * session_ms) return fail('HANDSHAKE_MALFORMED', 'the peer offers a session that is too long');
    const initiator = asParty(introduction, network.id);
    const responder = asParty(answer.value, peer);
    const transcript = transcriptHash(initiator, responder, answer.value.expires);
    const record = await this.#proven(responder, 'responder', transcript, answer.value.signature, answer.value.records);
    if (!record.ok) return record;
    const refusal = this.#parts.inadmissible(local.identity.did, record.value, required, peer);
    if (refusal !== undefined) return { ok: false, failure: refusal };
    const signature = local.identity.keys.use.sign(signedBytes('initiator', transcript));
    const accepted = await ask(encodeStep({ step: 3, session: transcript.subarray(0, 16), signature }));
    if (!accepted.ok) return accepted;
    return ok(this.#keep(local.identity.did, responder, peer, transcript, answer.value.expires));
  }

  /** The newest record of a party whose signature over the transcript is good by it. Records that came along are kept once the proof has shown that somebody stands behind them. */
  async #proven(party: Party, role: 'initiator' | 'responder', transcript: Uint8Array, signature: Uint8Array, records: readonly Uint8Array[]): Promise<Result<DidRecord>> {
    const { identity } = this.#parts;
    const inspected = identity.inspect(records);
    if (!inspected.ok) return fail('HANDSHAKE_RECORD', `the record that came along: ${inspected.failure.reason}`, { cause: inspected.failure });
    const isProven = (record: DidRecord): boolean => {
      if (record.did !== party.agent_did) return false;
      const keys = keyIds(record, 'authentication').flatMap((key_id) => keyFor(record, key_id, 'authentication') ?? []);
      return keys.some((key) => verifySignature(key, signedBytes(role, transcript), signature));
    };
    const forged = fail('HANDSHAKE_FORGED', `the ${role} did not prove that it is ${party.agent_did}`);
    const brought = inspected.value.find(({ did }) => did === party.agent_did);
    if (brought !== undefined && !isProven(brought)) return forged;
    if (brought !== undefined) await identity.keep(inspected.value);
    await identity.gather([party.agent_did]);
    const record = await identity.resolve(party.agent_did);
    if (!record.ok) return fail('HANDSHAKE_RECORD', `there is no valid record of ${party.agent_did}: ${record.failure.reason}`, { cause: record.failure });
    // The key of the record that came along may have been replaced since.
    if (!isProven(record.value)) return forged;
    if (brought === undefined) await identity.keep(inspected.value);
    return record;
  }

  async #answer(request: Uint8Array, from: PeerId): Promise<Result<Uint8Array>> {
    const message = decodeRequest(request);
    if (!message.ok) {
      this.#parts.network.penalise(from, 'malformed handshake');
      return message;
    }
    return message.value.step === 1 ? this.#respond(message.value, from) : this.#confirm(message.value, from);
  }

  #respond(opening: Opening, from: PeerId): Result<Uint8Array> {
    const { clock, network } = this.#parts;
    const local = this.#parts.party(opening.to);
    if (local === undefined) return fail('AGENT_UNKNOWN', `${opening.to} does not live here`, { fix: 'resolve the DID again' });
    const room = this.#makeRoom(from);
    if (!room.ok) return room;
    const introduction = this.#introduce(local);
    const initiator = asParty(opening, from);
    const expires = clock.now() + session_ms;
    const transcript = transcriptHash(initiator, asParty(introduction, network.id), expires);
    this.#pending.set(sessionId(transcript), {
      peer: from, local, initiator, transcript, records: opening.records, expires_ms: expires, since_ms: clock.now(),
    });
    const signature = local.identity.keys.use.sign(signedBytes('responder', transcript));
    return ok(encodeStep({ step: 2, expires, signature, ...introduction }));
  }

  /** Forgets openings that were never proven, refuses a peer that leaves too many, and lets the oldest go where many peers do. */
  #makeRoom(from: PeerId): Result<void> {
    const oldest_ms = this.#parts.clock.now() - pending_ms_max;
    let of_peer = 0;
    for (const [id, pending] of this.#pending) {
      if (pending.since_ms < oldest_ms) this.#pending.delete(id);
      else if (pending.peer === from) of_peer += 1;
    }
    if (of_peer >= pending_per_peer_max) {
      return fail('HANDSHAKE_OVERLOADED', 'too many handshakes are waiting for their proof', { fix: 'finish them, or try again in half a minute' });
    }
    const oldest = this.#pending.size >= pending_max ? this.#pending.keys().next().value : undefined;
    if (oldest !== undefined) this.#pending.delete(oldest);
    return ok(undefined);
  }

  async #confirm(proof: Proof, from: PeerId): Promise<Result<Uint8Array>> {
    const id = toBase64url(proof.session);
    const pending = this.#pending.get(id);
    const is_late = pending !== undefined && this.#parts.clock.now() - pending.since_ms > pending_ms_max;
    if (pending === undefined || is_late || pending.peer !== from) {
      return fail('HANDSHAKE_UNKNOWN', `there is no handshake of yours with this id; a proof is awaited for ${pending_ms_max / 1000} s`, { fix: 'start again' });
    }
    this.#pending.delete(id);
    const record = await this.#proven(pending.initiator, 'initiator', pending.transcript, proof.signature, pending.records);
    if (!record.ok) {
      if (record.failure.code === 'HANDSHAKE_FORGED') this.#parts.network.penalise(from, 'forged handshake proof');
      return record;
    }
    const { local } = pending;
    const refusal = this.#parts.inadmissible(local.identity.did, record.value, local.required_trust_score, from);
    if (refusal !== undefined) return { ok: false, failure: refusal };
    this.#keep(local.identity.did, pending.initiator, from, pending.transcript, pending.expires_ms);
    return ok(encodeStep({ step: 4 }));
  }

  #keep(local: string, remote: Party, peer: PeerId, transcript: Uint8Array, expires_ms: number): Session {
    const session: Session = {
      id: sessionId(transcript), local, remote: remote.agent_did, peer, capabilities: remote.capabilities, expires_ms,
    };
    this.#sessions.keep(session);
    this.#parts.recorder.record({ kind: 'handshake.done', local, remote: session.remote, peer });
    this.#parts.met(session);
    return session;
  }

  session(id: string, local: string, peer: PeerId): Session | undefined {
    return this.#sessions.find(id, local, peer);
  }

  between(local: string, remote: string, peer: PeerId): Session | undefined {
    return this.#sessions.between(local, remote, peer);
  }

  close(remote: string): void {
    this.#sessions.close(remote);
  }

  closeAt(peer: PeerId, kept_local: string): void {
    this.#sessions.closeAt(peer, kept_local);
  }
}

function asParty(introduction: Introduction, peer_id: PeerId): Party {
  const { agent_did, nonce, capabilities, required_trust_score, policy_digest } = introduction;
  return { agent_did, peer_id, nonce, capabilities, required_trust_score, policy_digest };
}

/** The handshake service over its parts. */
export function handshake(parts: HandshakeParts): Handshake {
  return new MeshHandshake(parts);
}
