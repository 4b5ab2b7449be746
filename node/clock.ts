import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '../protocols/ports.ts';

/** The longest delay of the engine's timers: 25 days. What is longer they take for no delay at all. */
const timer_ms_max = 2 ** 31 - 1;

/** The time of this host. */
export const system_clock: Clock = {
  now: () => Date.now(),
  after(delay_ms, run) {
    const last = delay_ms <= timer_ms_max;
    let cancel = (): void => clearTimeout(timer);
    const next = (): void => {
      cancel = system_clock.after(delay_ms - timer_ms_max, run);
    };
    const timer = setTimeout(last ? run : next, Math.min(delay_ms, timer_ms_max));
    // A timer alone must not keep a stopping process alive.
    timer.unref();
    return () => cancel();
  },
};

/** The randomness of this host's kernel. */
export const system_random: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
