/**
 * Statements that take something away and cannot be verified, because nobody
 * had the record of somebody in them. They wait here for that record: when it
 * comes along with a command, what was said before is looked at first.
 */
import type { PeerId } from '../ports.ts';
import { waiting_bytes_max } from './constants.ts';

/** A statement that waits. */
export interface Waiter {
  readonly hash: string;
  readonly text: string;
  /** The DID whose record is missing. */
  readonly did: string;
  /** Who brought it. */
  readonly peer: PeerId;
}

/** What waits, by who brought it and for whom. */
export class Waiting {
  readonly #by_peer = new Map<PeerId, Map<string, Waiter>>();
  readonly #by_did = new Map<string, Set<Waiter>>();
  readonly #peer_bytes = new Map<PeerId, number>();
  #bytes = 0;

  /** Keeps a statement. Where there is no room, the peer that brought most loses its oldest. */
  keep(waiter: Waiter): void {
    const { peer, did, hash, text } = waiter;
    const brought = this.#by_peer.get(peer) ?? new Map<string, Waiter>();
    if (brought.has(hash)) return;
    this.#by_peer.set(peer, brought.set(hash, waiter));
    this.#by_did.set(did, (this.#by_did.get(did) ?? new Set()).add(waiter));
    this.#count(peer, text.length);
    while (this.#bytes > waiting_bytes_max) {
      const [most] = [...this.#peer_bytes].reduce((a, b) => (b[1] > a[1] ? b : a));
      const oldest = this.#by_peer.get(most)?.values().next();
      if (oldest?.done !== false) return;
      this.#remove(oldest.value);
    }
  }

  /** Whether something waits for the record of a DID. */
  has(did: string): boolean {
    return this.#by_did.has(did);
  }

  /** What waited for the record of a DID; it waits no more. */
  take(did: string): readonly Waiter[] {
    const taken = [...this.#by_did.get(did) ?? []];
    for (const waiter of taken) this.#remove(waiter);
    return taken;
  }

  #remove(waiter: Waiter): void {
    const { peer, did, hash, text } = waiter;
    const brought = this.#by_peer.get(peer);
    brought?.delete(hash);
    if (brought?.size === 0) this.#by_peer.delete(peer);
    const awaiting = this.#by_did.get(did);
    awaiting?.delete(waiter);
    if (awaiting?.size === 0) this.#by_did.delete(did);
    this.#count(peer, -text.length);
  }

  #count(peer: PeerId, change: number): void {
    this.#bytes += change;
    const bytes = (this.#peer_bytes.get(peer) ?? 0) + change;
    if (bytes === 0) this.#peer_bytes.delete(peer);
    else this.#peer_bytes.set(peer, bytes);
  }
}
