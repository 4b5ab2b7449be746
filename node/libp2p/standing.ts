import type { Clock, PeerId } from '../../protocols/ports.ts';

/** Misdeeds at which a peer is disconnected and refused, with what has decayed taken off. */
export const misdeeds_max = 10;
/** Time in which a misdeed loses half its weight. */
export const misdeed_half_life_ms = 300_000;
/** How long a peer is refused. */
export const refused_ms = 600_000;
/** Peers that are remembered; the one longest without a misdeed goes first. */
const peers_max = 4_096;

interface Record {
  weight: number;
  at_ms: number;
  refused_until_ms: number;
}

/** What is held against peers on the level of the network. It fades with time; trust between agents is another matter. */
export class Standing {
  readonly #clock: Clock;
  readonly #records = new Map<PeerId, Record>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Holds a misdeed against a peer; true when that makes us refuse it from now on. */
  penalise(peer: PeerId): boolean {
    const now_ms = this.#clock.now();
    const record = this.#records.get(peer) ?? { weight: 0, at_ms: now_ms, refused_until_ms: 0 };
    record.weight = record.weight * 0.5 ** ((now_ms - record.at_ms) / misdeed_half_life_ms) + 1;
    record.at_ms = now_ms;
    const refused_before = now_ms < record.refused_until_ms;
    if (record.weight >= misdeeds_max) record.refused_until_ms = now_ms + refused_ms;
    this.#remember(peer, record);
    return !refused_before && now_ms < record.refused_until_ms;
  }

  /** Whether the peer is refused now. */
  refused(peer: PeerId): boolean {
    return this.#clock.now() < (this.#records.get(peer)?.refused_until_ms ?? 0);
  }

  #remember(peer: PeerId, record: Record): void {
    this.#records.delete(peer);
    this.#records.set(peer, record);
    if (this.#records.size <= peers_max) return;
    const oldest = this.#records.keys().next();
    if (oldest.done !== true) this.#records.delete(oldest.value);
  }
}
