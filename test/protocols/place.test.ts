import * as assert from 'uvu/assert';
import type { DidRecord } from '../../crypto/did-record.ts';
import { unwrap } from '../../crypto/result.ts';
import { locate } from '../../protocols/place.ts';
import type { Peer } from '../../protocols/ports.ts';
import { suite } from '../harness.ts';
import { person, start_ms } from '../people.ts';
import { codeOf } from '../simulated-hosts.ts';

const test = suite('protocols/place');
const { record } = await person('host');

/** The record of a host that says that it lives at these addresses. */
function at(...endpoints: readonly string[]): DidRecord {
  return { ...record, document: { ...record.document, services: [{ id: 'mesh', type: 'MeshP2P', endpoints }] } };
}

/** A network that tells what it was taught. */
function pupil(...connected: readonly string[]): Parameters<typeof locate>[0] & { readonly learned: [string, readonly string[]][] } {
  const learned: [string, readonly string[]][] = [];
  const peers = connected.map((id): Peer => ({ id, address: `/simulated/${id}`, direction: 'outbound', since: start_ms }));
  return {
    learned,
    peers: () => peers,
    learn: (peer, addresses) => Promise.resolve(void learned.push([peer, addresses])),
  };
}

test('a record teaches the addresses of its own peer and of nobody else', async () => {
  const network = pupil('other');
  const place = unwrap(await locate(network, at('/ip4/10.0.0.1/tcp/1/p2p/host', '/ip4/10.0.0.2/tcp/1/p2p/victim', '/ip4/10.0.0.3/tcp/1', '/ip6/::1/tcp/1/p2p/host')));
  assert.is(place, 'host');
  assert.equal(network.learned, [['host', ['/ip4/10.0.0.1/tcp/1/p2p/host', '/ip6/::1/tcp/1/p2p/host']]]);
});

test('a peer that is connected keeps the address that it is connected at', async () => {
  const network = pupil('other', 'host');
  assert.is(unwrap(await locate(network, at('/ip4/10.0.0.1/tcp/1/p2p/host'))), 'host');
  assert.equal(network.learned, []);
});

test('a record without a place says what is missing', async () => {
  assert.is(codeOf(await locate(pupil(), record)), 'SERVICE_MISSING');
  assert.is(codeOf(await locate(pupil(), at(''))), 'SERVICE_MISSING');
});

test.run();
