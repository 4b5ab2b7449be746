import type { DidRecord } from '../crypto/did-record.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Network, PeerId } from './ports.ts';

/**
 * The peer on which a DID lives, as its record says, with its addresses made
 * known to the network. An address ends with the id of its peer.
 *
 * Fails with `SERVICE_MISSING`.
 */
export async function locate(network: Network, record: DidRecord): Promise<Result<PeerId>> {
  const endpoints = record.document.services.find((service) => service.type === 'MeshP2P')?.endpoints ?? [];
  const peer = endpoints[0]?.split('/').at(-1);
  if (peer === undefined || peer === '') {
    return fail('SERVICE_MISSING', `the record of ${record.did} names no place in the mesh`, { fix: 'its host must be running to publish one' });
  }
  await network.learn(peer, endpoints);
  return ok(peer);
}
