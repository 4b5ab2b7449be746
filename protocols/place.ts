import type { DidRecord } from '../crypto/did-record.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Network, PeerId } from './ports.ts';

/** The peer at an address: the address ends with its id. */
function peerAt(address: string): PeerId {
  return address.split('/').at(-1) ?? '';
}

/**
 * The peer on which a DID lives, as its record says, with its addresses made
 * known to the network unless it is connected already. A record speaks for one
 * peer: addresses of others in it are left out.
 *
 * Fails with `SERVICE_MISSING`.
 */
export async function locate(network: Pick<Network, 'peers' | 'learn'>, record: DidRecord): Promise<Result<PeerId>> {
  const endpoints = record.document.services.find((service) => service.type === 'MeshP2P')?.endpoints ?? [];
  const peer = peerAt(endpoints[0] ?? '');
  if (peer === '') {
    return fail('SERVICE_MISSING', `the record of ${record.did} names no place in the mesh`, { fix: 'its host must be running to publish one' });
  }
  const is_connected = network.peers().some(({ id }) => id === peer);
  if (!is_connected) await network.learn(peer, endpoints.filter((endpoint) => peerAt(endpoint) === peer));
  return ok(peer);
}
