import type { Clock, PeerId } from '../ports.ts';
import { window_ms } from './constants.ts';

const peers_max = 4096;

/** How much of something each peer may use within a window of time. */
export class Budget {
  readonly #clock: Clock;
  readonly #per_window_max: number;
  readonly #windows = new Map<PeerId, { readonly from_ms: number; spent: number }>();

  constructor(clock: Clock, per_window_max: number) {
    this.#clock = clock;
    this.#per_window_max = per_window_max;
  }

  /** Uses an amount; false when that is more than the peer has left. */
  spend(peer: PeerId, amount: number): boolean {
    const window = this.#window(peer);
    window.spent += amount;
    return window.spent <= this.#per_window_max;
  }

  /** Whether the peer has nothing left. */
  isSpent(peer: PeerId): boolean {
    return this.#window(peer).spent >= this.#per_window_max;
  }

  #window(peer: PeerId): { spent: number } {
    const now_ms = this.#clock.now();
    const known = this.#windows.get(peer);
    if (known !== undefined && now_ms >= known.from_ms && now_ms - known.from_ms < window_ms) return known;
    // Windows outlive connections, so that coming back gives nothing; the oldest one makes room.
    this.#windows.delete(peer);
    const oldest = this.#windows.size >= peers_max ? this.#windows.keys().next() : undefined;
    if (oldest?.done === false) this.#windows.delete(oldest.value);
    const window = { from_ms: now_ms, spent: 0 };
    this.#windows.set(peer, window);
    return window;
  }
}
