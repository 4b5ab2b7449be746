/** The nodes that we are connected to: who they are, proven by a handshake, and what our being connected sets off. */
import type { Handshake, Session } from '../protocols/handshake/index.ts';
import type { Clock, Network, Peer, PeerId, Recorder } from '../protocols/ports.ts';
import type { Identities } from './identities.ts';

const settle_ms = 300;
const retry_ms_min = 1000;
const retry_ms_max = 60_000;

/** What knowing the neighbours uses. */
export interface NeighboursParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly identities: Identities;
  readonly recorder: Recorder;
  /** Given later than the constructor runs, because the handshake also tells us of its sessions. */
  handshake(): Handshake;
}

/** The nodes of our peers. */
export class Neighbours {
  readonly #parts: NeighboursParts;
  readonly #nodes = new Map<PeerId, string>();
  #stopped = false;
  #cancel_publishing = (): void => undefined;

  constructor(parts: NeighboursParts) {
    this.#parts = parts;
  }

  /** Greets every peer that we connect to. Before the network starts. */
  start(): void {
    this.#parts.network.watch((peer, state) => {
      if (state === 'gone') {
        this.#nodes.delete(peer.id);
        return;
      }
      this.#publishIn(settle_ms, retry_ms_min);
      // The side that dialled greets, so that two nodes do not greet each other twice.
      if (peer.direction === 'outbound') this.#greet(peer, retry_ms_min);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel_publishing();
  }

  /** The DID of a peer's node, once it has proven it. */
  did(peer: PeerId): string | undefined {
    return this.#nodes.get(peer);
  }

  /** Every peer whose node is known. */
  nodes(): Iterable<readonly [PeerId, string]> {
    return this.#nodes;
  }

  /** A handshake ended well: if it was between nodes, we know who the peer is. */
  met(session: Session): void {
    if (session.local === this.#parts.identities.node.did) this.#nodes.set(session.peer, session.remote);
  }

  /** Shakes hands with the node of a peer, again and again for as long as it is connected and unknown. */
  #greet(peer: Peer, retry_ms: number): void {
    void this.#parts.handshake().open('', '', peer.id).then((session) => {
      if (session.ok) return;
      this.#parts.recorder.record({ kind: 'neighbour.unknown', peer: peer.id, code: session.failure.code, reason: session.failure.reason });
      this.#parts.clock.after(retry_ms, () => {
        const is_connected = this.#parts.network.peers().some(({ id, since }) => id === peer.id && since === peer.since);
        if (is_connected && !this.#stopped && !this.#nodes.has(peer.id)) this.#greet(peer, Math.min(2 * retry_ms, retry_ms_max));
      });
    });
  }

  /** Our records go to the peers nearest to them, who change when we connect; until somebody takes them we try again. */
  #publishIn(delay_ms: number, retry_ms: number): void {
    if (this.#stopped) return;
    this.#cancel_publishing();
    this.#cancel_publishing = this.#parts.clock.after(delay_ms, () => {
      void this.#parts.identities.publishAll().then((fewest) => {
        if (fewest === 0 && this.#parts.network.peers().length > 0) this.#publishIn(retry_ms, Math.min(2 * retry_ms, retry_ms_max));
      });
    });
  }
}
