/** The monitor of a host, with what it asks of the host's other parts. */
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Identity } from '../protocols/identity/index.ts';
import { monitor, type Monitor, type MonitorParts } from '../protocols/monitor/index.ts';
import { locate } from '../protocols/place.ts';
import type { PeerId } from '../protocols/ports.ts';
import type { Neighbours } from './neighbours.ts';
import { namedKey } from './recorded-keys.ts';

/** What {@link monitoring} uses. */
export interface MonitoringParts extends Pick<MonitorParts, 'clock' | 'random' | 'network' | 'store' | 'recorder' | 'log' | 'logKey' | 'accuse' | 'exposed'> {
  readonly identity: Pick<Identity, 'known' | 'resolve'>;
  readonly neighbours: Pick<Neighbours, 'nodes'>;
}

function peerOf(neighbours: Pick<Neighbours, 'nodes'>, did: string): PeerId | undefined {
  for (const [peer, of] of neighbours.nodes()) if (of === did) return peer;
  return undefined;
}

/** The vkey of a witness by its name, from the record of the DID in it: that of now, or a former one, for what it cosigned stays said. Fails with `AUDIT_WITNESS_UNKNOWN`, or as resolving does. */
async function witnessKey(identity: Pick<Identity, 'resolve'>, name: string): Promise<Result<string>> {
  const [did = ''] = name.split('/wit/');
  const record = await identity.resolve(did);
  if (!record.ok) return record;
  const key = namedKey(record.value, 'witness', name);
  return key === undefined ? fail('AUDIT_WITNESS_UNKNOWN', `the record of ${did} names no such witness`) : ok(key);
}

/** Makes the monitor. A host is asked where the handshake found it, or else where its record says that it is. */
export function monitoring(parts: MonitoringParts): Monitor {
  const { identity, neighbours, network } = parts;
  return monitor({
    ...parts,
    witnessKey: (name) => witnessKey(identity, name),
    isNear: (did) => identity.known(did) !== undefined,
    isMet: (did) => peerOf(neighbours, did) !== undefined,
    async locate(did) {
      const peer = peerOf(neighbours, did);
      if (peer !== undefined) return ok(peer);
      const record = await identity.resolve(did);
      return record.ok ? locate(network, record.value) : record;
    },
  });
}
