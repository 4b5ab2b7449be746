/** The monitor of a host, with what it asks of the host's other parts. */
import { ok, type Result } from '../crypto/result.ts';
import type { Identity } from '../protocols/identity/index.ts';
import { monitor, type Monitor, type MonitorParts } from '../protocols/monitor/index.ts';
import type { PeerId } from '../protocols/ports.ts';
import type { Neighbours } from './neighbours.ts';

/** What {@link monitoring} uses. */
export interface MonitoringParts extends Pick<MonitorParts, 'clock' | 'random' | 'network' | 'store' | 'recorder' | 'log' | 'logKey' | 'witnessKey' | 'accuse' | 'exposed'> {
  readonly identity: Pick<Identity, 'known'>;
  readonly neighbours: Pick<Neighbours, 'nodes'>;
  /** Where the record of a host says that it is. */
  place(did: string): Promise<Result<PeerId>>;
}

function peerOf(neighbours: Pick<Neighbours, 'nodes'>, did: string): PeerId | undefined {
  for (const [peer, of] of neighbours.nodes()) if (of === did) return peer;
  return undefined;
}

/** Makes the monitor. A host is asked where the handshake found it, or else where its record says that it is. */
export function monitoring(parts: MonitoringParts): Monitor {
  const { identity, neighbours } = parts;
  return monitor({
    ...parts,
    isNear: (did) => identity.known(did) !== undefined,
    isMet: (did) => peerOf(neighbours, did) !== undefined,
    async locate(did) {
      const peer = peerOf(neighbours, did);
      return peer === undefined ? parts.place(did) : ok(peer);
    },
  });
}
