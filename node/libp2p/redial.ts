import type { Result } from '../../crypto/result.ts';
import type { Clock, PeerId, Random } from '../../protocols/ports.ts';
import { deadline } from '../../protocols/time.ts';
import { open_ms_max } from './limits.ts';

const first_delay_ms = 500;
const delay_ms_max = 60_000;
/** Addresses that are kept connected; the oldest goes first. */
const kept_max = 64;

/** What a {@link Redialer} asks for. */
export interface RedialerParts {
  readonly clock: Clock;
  readonly random: Random;
  dial(address: string, options: { readonly signal: AbortSignal }): Promise<Result<PeerId>>;
  connected(peer: PeerId): boolean;
}

interface Kept {
  readonly address: string;
  peer: PeerId | undefined;
  failures: number;
  cancelTimer: (() => void) | undefined;
}

/** Keeps connections that we asked for: dials again when one is lost, ever more slowly, with jitter so that nodes do not come in step. */
export class Redialer {
  readonly #parts: RedialerParts;
  readonly #kept = new Map<string, Kept>();
  readonly #stop = new AbortController();

  constructor(parts: RedialerParts) {
    this.#parts = parts;
  }

  /** Keeps an address connected. Where the peer is not known yet, it is dialled now. */
  keep(address: string, peer?: PeerId): void {
    const kept = this.#kept.get(address);
    if (kept !== undefined) {
      kept.peer = peer ?? kept.peer;
      return;
    }
    const added: Kept = { address, peer, failures: 0, cancelTimer: undefined };
    this.#kept.set(address, added);
    const [oldest] = this.#kept.values();
    if (this.#kept.size > kept_max && oldest !== undefined) this.#forget(oldest);
    if (peer === undefined) void this.#dial(added);
  }

  /** Tells that a peer is gone. */
  lost(peer: PeerId): void {
    for (const kept of this.#kept.values()) if (kept.peer === peer) this.#schedule(kept);
  }

  /** Dials no more. */
  stop(): void {
    this.#stop.abort();
    for (const kept of this.#kept.values()) this.#forget(kept);
  }

  #forget(kept: Kept): void {
    kept.cancelTimer?.();
    this.#kept.delete(kept.address);
  }

  #schedule(kept: Kept): void {
    if (this.#kept.get(kept.address) !== kept || kept.cancelTimer !== undefined) return;
    const delay_ms = Math.min(delay_ms_max, first_delay_ms * 2 ** kept.failures) * (0.5 + this.#parts.random.fraction() / 2);
    kept.cancelTimer = this.#parts.clock.after(Math.ceil(delay_ms), () => {
      kept.cancelTimer = undefined;
      void this.#dial(kept);
    });
  }

  async #dial(kept: Kept): Promise<void> {
    if (kept.peer !== undefined && this.#parts.connected(kept.peer)) return;
    const limit = deadline(this.#parts.clock, open_ms_max, this.#stop.signal);
    const dialled = await this.#parts.dial(kept.address, { signal: limit.signal });
    limit.done();
    if (dialled.ok) {
      kept.peer = dialled.value;
      kept.failures = 0;
    } else {
      kept.failures += 1;
      this.#schedule(kept);
    }
  }
}
