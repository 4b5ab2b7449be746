import type { Result } from '../../crypto/result.ts';
import type { PeerId } from '../ports.ts';
import { pushed_lookups_at_once_max, sync_lookups_at_once_max, unresolved_per_sync_max } from './constants.ts';
import { Gate } from './gate.ts';

/** How records are looked up for the statements of one source, so that no peer causes look-ups without end, or keeps those of others waiting. */
export interface LookUps {
  /** What asking for the record of a DID gives, or `undefined` where it may not be asked for. */
  ask<T>(did: string, ask: () => Promise<Result<T>>): Promise<Result<T> | undefined>;
}

/** The look-ups of one sync: a few at once, the others wait for their turn, and after so many in vain there are no more. */
export class SyncLookUps implements LookUps {
  readonly #gate = new Gate(sync_lookups_at_once_max);
  readonly #in_vain = new Set<string>();

  async ask<T>(did: string, ask: () => Promise<Result<T>>): Promise<Result<T> | undefined> {
    return this.#gate.run(async () => {
      if (this.#in_vain.size >= unresolved_per_sync_max || this.#in_vain.has(did)) return undefined;
      const asked = await ask();
      if (!asked.ok) this.#in_vain.add(did);
      return asked;
    });
  }
}

/** The look-ups for what is pushed: one at once for each peer, and a few for all. Nothing waits: what is left out comes with a sync. */
export class PushedLookUps {
  readonly #busy = new Set<PeerId>();

  /** The look-ups for what one peer pushes. */
  by(peer: PeerId): LookUps {
    return {
      ask: async (_did, ask) => {
        if (this.#busy.has(peer) || this.#busy.size >= pushed_lookups_at_once_max) return undefined;
        this.#busy.add(peer);
        return ask().finally(() => this.#busy.delete(peer));
      },
    };
  }
}
