import type { Clock, Network } from '../ports.ts';
import { sleep } from '../time.ts';

/** So long after it has found peers again a host waits for what it missed, at most. */
export const catch_up_ms_max = 3000;
const look_ms = 25;

/** What is waited with. */
export interface CatchUpParts {
  readonly clock: Clock;
  readonly network: Pick<Network, 'peers'>;
  /** Unix milliseconds by which we had reconciled with enough peers; 0 for never. */
  completeAsOf(): number;
}

/**
 * Resolves when nothing is being missed: a host that was alone asks its peers
 * what was revoked as soon as it meets them, and the first commands come over the
 * same connections. They wait for that, for {@link catch_up_ms_max} after the first
 * peer came and no longer, so that a silent peer holds nobody up; the freshness
 * rule has the last word. A host with a connection over which it has reconciled waits for nothing.
 */
export async function caughtUp(parts: CatchUpParts): Promise<void> {
  const { clock, network } = parts;
  for (let waited_ms = 0; waited_ms < catch_up_ms_max; waited_ms += look_ms) {
    const met_ms = network.peers().reduce((first, { since }) => Math.min(first, since), Infinity);
    if (met_ms === Infinity || parts.completeAsOf() >= met_ms || clock.now() - met_ms >= catch_up_ms_max) return;
    await sleep(clock, look_ms);
  }
}
