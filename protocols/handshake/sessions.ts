import type { Clock, PeerId } from '../ports.ts';
import { sessions_max, sessions_per_peer_max, sessions_swept_ms } from './constants.ts';

/** A proven, mutual session between one of our identities and one of a peer's. */
export interface Session {
  /** 16 bytes of the transcript hash, base64url: both sides know it, nobody else can make it. */
  readonly id: string;
  readonly local: string;
  readonly remote: string;
  readonly peer: PeerId;
  /** What the remote side offered; grants nothing. */
  readonly capabilities: readonly string[];
  /** Unix milliseconds. */
  readonly expires_ms: number;
}

// Both ends of a session may live on one host, so its id alone does not name an end.
function endOf(session: { readonly id: string; readonly local: string }): string {
  return `${session.id} ${session.local}`;
}

function partiesOf({ local, remote, peer }: { readonly local: string; readonly remote: string; readonly peer: PeerId }): string {
  return `${local} ${remote} ${peer}`;
}

/** The live sessions of a node, so many of one peer and so many in all; the oldest make room. */
export class Sessions {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #by_end = new Map<string, Session>();
  readonly #by_parties = new Map<string, Session>();
  readonly #by_peer = new Map<PeerId, Set<Session>>();
  #swept_ms = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#by_end.size;
  }

  /** Remembers a session as the newest of its parties. */
  keep(session: Session): void {
    this.#sweep();
    const same = this.#by_end.get(endOf(session));
    if (same !== undefined) this.#drop(same);
    const of_peer = this.#by_peer.get(session.peer) ?? new Set<Session>();
    if (of_peer.size >= sessions_per_peer_max) this.#dropFirst(of_peer);
    if (this.#by_end.size >= sessions_max) this.#dropFirst(this.#by_end.values());
    this.#by_end.set(endOf(session), session);
    this.#by_parties.set(partiesOf(session), session);
    this.#by_peer.set(session.peer, of_peer.add(session));
  }

  /** The session of a local identity with this id, if it lives and belongs to this peer. */
  find(id: string, local: string, peer: PeerId): Session | undefined {
    const session = this.#by_end.get(endOf({ id, local }));
    return session?.peer === peer ? this.#living(session) : undefined;
  }

  /** The newest session between these two at this peer, if it lives. */
  between(local: string, remote: string, peer: PeerId): Session | undefined {
    return this.#living(this.#by_parties.get(partiesOf({ local, remote, peer })));
  }

  /** Forgets every session that a DID takes part in. */
  close(did: string): void {
    for (const session of this.#by_end.values()) if (session.remote === did || session.local === did) this.#drop(session);
  }

  /** Forgets every session at a peer but those of one local identity. */
  closeAt(peer: PeerId, kept_local: string): void {
    for (const session of this.#by_peer.get(peer) ?? []) if (session.local !== kept_local) this.#drop(session);
  }

  #living(session: Session | undefined): Session | undefined {
    if (session === undefined || session.expires_ms > this.#clock.now()) return session;
    this.#drop(session);
    return undefined;
  }

  /** Forgets what has expired, not with every session, because that would cost a walk through all. */
  #sweep(): void {
    const now_ms = this.#clock.now();
    if (now_ms - this.#swept_ms < sessions_swept_ms) return;
    this.#swept_ms = now_ms;
    for (const session of this.#by_end.values()) this.#living(session);
  }

  #dropFirst(sessions: Iterable<Session>): void {
    const [oldest] = sessions;
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(session: Session): void {
    this.#by_end.delete(endOf(session));
    const parties = partiesOf(session);
    if (this.#by_parties.get(parties)?.id === session.id) this.#by_parties.delete(parties);
    const of_peer = this.#by_peer.get(session.peer);
    of_peer?.delete(session);
    if (of_peer?.size === 0) this.#by_peer.delete(session.peer);
  }
}
