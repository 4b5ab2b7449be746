/** The nodes that we are connected to: who they are, proven by a handshake, and what our being connected sets off. */
import { fail, messageOf, type Result } from '../crypto/result.ts';
import type { Handshake, Session } from '../protocols/handshake/index.ts';
import type { Clock, Network, Peer, PeerId, Recorder } from '../protocols/ports.ts';
import type { Identities } from './identities.ts';

const settle_ms = 300;
/** Between the end of one publication and the begin of the next. */
const publish_rest_ms = 5000;
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
  /** When the one publication that waits begins, Unix milliseconds. */
  #due_ms = Infinity;
  #rested_ms = -Infinity;
  #is_publishing = false;
  /** Whether somebody connected while a publication was under way. */
  #has_changed = false;

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
    const greeting = this.#parts.handshake().open('', '', peer.id)
      .catch((error: unknown): Result<Session> => fail('NEIGHBOUR_FAILED', messageOf(error), { cause: error }));
    void greeting.then((session) => {
      if (session.ok || this.#stopped) return;
      this.#parts.recorder.record({ kind: 'neighbour.unknown', peer: peer.id, code: session.failure.code, reason: session.failure.reason });
      this.#parts.clock.after(retry_ms, () => {
        const is_connected = this.#parts.network.peers().some(({ id, since }) => id === peer.id && since === peer.since);
        if (is_connected && !this.#stopped && !this.#nodes.has(peer.id)) this.#greet(peer, Math.min(2 * retry_ms, retry_ms_max));
      });
    });
  }

  /** Our records go to the peers nearest to them, who change when we connect; until somebody takes them we try again. However many connect, one publication waits at a time, none before the last one has rested, and nobody who connects puts it off. */
  #publishIn(delay_ms: number, retry_ms: number): void {
    if (this.#stopped) return;
    if (this.#is_publishing) {
      this.#has_changed = true;
      return;
    }
    const now_ms = this.#parts.clock.now();
    const due_ms = now_ms + Math.max(delay_ms, Math.min(publish_rest_ms, this.#rested_ms - now_ms));
    if (due_ms >= this.#due_ms) return;
    this.#cancel_publishing();
    this.#due_ms = due_ms;
    this.#cancel_publishing = this.#parts.clock.after(due_ms - now_ms, () => void this.#publish(retry_ms));
  }

  async #publish(retry_ms: number): Promise<void> {
    const { identities, network, clock, recorder } = this.#parts;
    this.#is_publishing = true;
    this.#has_changed = false;
    let fewest = 0;
    try {
      fewest = await identities.publishAll();
    } catch (error) {
      recorder.record({ kind: 'identity.publish.failed', reason: messageOf(error) });
    }
    this.#is_publishing = false;
    this.#due_ms = Infinity;
    this.#rested_ms = clock.now() + publish_rest_ms;
    if (this.#has_changed) this.#publishIn(settle_ms, retry_ms_min);
    else if (fewest === 0 && network.peers().length > 0) this.#publishIn(retry_ms, Math.min(2 * retry_ms, retry_ms_max));
  }
}
