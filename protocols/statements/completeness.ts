import type { StatementStore } from '../../storage/statements.ts';
import type { Network, Peer, PeerId } from '../ports.ts';
import { peers_remembered_max } from './constants.ts';

/**
 * As of when everything was known here that peers knew. One peer alone may be
 * behind or lie by silence, so two must agree where there are two: only peers
 * count that we are connected with and have reconciled with before, so that a
 * stranger who never finishes holds nobody up.
 */
export class Completeness {
  readonly #parts: { readonly store: Pick<StatementStore, 'complete_as_of_ms' | 'noteComplete'>; readonly network: Pick<Network, 'peers'> };
  readonly #complete_ms = new Map<PeerId, number>();
  readonly #began_ms = new Map<PeerId, number>();

  constructor(parts: { readonly store: Pick<StatementStore, 'complete_as_of_ms' | 'noteComplete'>; readonly network: Pick<Network, 'peers'> }) {
    this.#parts = parts;
  }

  /** Unix milliseconds; 0 for never. */
  get as_of_ms(): number {
    return this.#parts.store.complete_as_of_ms;
  }

  /** As of when everything of a peer was known. */
  of(peer: PeerId): number | undefined {
    return this.#complete_ms.get(peer);
  }

  /** A sync with a peer begins. */
  began(peer: PeerId, now_ms: number): void {
    remember(this.#began_ms, peer, now_ms);
  }

  /**
   * The peer whose turn it is: who waits longest since its last sync began, or since
   * it is connected, so that coming again and again puts nobody in front.
   */
  nextInTurn(peers: readonly Pick<Peer, 'id' | 'since'>[]): PeerId | undefined {
    const waitsSince = ({ id, since }: Pick<Peer, 'id' | 'since'>): number => Math.max(since, this.#began_ms.get(id) ?? 0);
    return [...peers].sort((a, b) => waitsSince(a) - waitsSince(b))[0]?.id;
  }

  /** Everything that a peer knew at a time is known here. */
  note(peer: PeerId, as_of_ms: number): Promise<void> {
    remember(this.#complete_ms, peer, as_of_ms);
    const connected = this.#parts.network.peers().flatMap(({ id }) => this.#complete_ms.get(id) ?? []).sort((a, b) => b - a);
    return this.#parts.store.noteComplete(connected[1] ?? connected[0] ?? as_of_ms);
  }
}

function remember(times: Map<PeerId, number>, peer: PeerId, time_ms: number): void {
  times.delete(peer);
  const oldest = times.size >= peers_remembered_max ? times.keys().next() : undefined;
  if (oldest?.done === false) times.delete(oldest.value);
  times.set(peer, time_ms);
}
