import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '../protocols/ports.ts';

/** The time of this host. */
export const system_clock: Clock = {
  now: () => Date.now(),
  after(delay_ms, run) {
    const timer = setTimeout(run, delay_ms);
    // A timer alone must not keep a stopping process alive.
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** The randomness of this host's kernel. */
export const system_random: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
