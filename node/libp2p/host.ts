import { noise } from '@chainsafe/libp2p-noise';
import { bootstrap } from '@libp2p/bootstrap';
import { gossipsub, type GossipSub, type GossipsubOpts } from '@libp2p/gossipsub';
import { identify, type Identify } from '@libp2p/identify';
import type { PeerId as LibraryPeerId, PrivateKey } from '@libp2p/interface';
import { kadDHT, passthroughMapper, type KadDHT, type KadDHTInit } from '@libp2p/kad-dht';
import { mdns } from '@libp2p/mdns';
import { ping, type Ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { PeerId } from '../../protocols/ports.ts';
import type { Datastore } from './datastore.ts';
import { connections_max, inbound_connections_per_second_max, inbound_handshakes_max, open_ms_max, record_holders } from './limits.ts';
import { noise_crypto } from './noise-crypto.ts';

/** The DHT of AgentMesh, apart from the public one. */
const dht_protocol = '/agentmesh/kad/1.0.0';

/** The libp2p services of a node. */
export type Services = { identify: Identify; ping: Ping; pubsub: GossipSub; dht: KadDHT };

/** What the libp2p node of this host is made of. */
export interface HostParts {
  readonly private_key: PrivateKey;
  readonly listen: readonly string[];
  readonly bootstrap: readonly string[];
  readonly mdns: boolean;
  readonly datastore: Datastore;
  readonly pubsub: Partial<GossipsubOpts>;
  readonly records: Pick<KadDHTInit, 'validators' | 'selectors'>;
  /** Whether a peer is turned away. */
  refused(peer: PeerId): boolean;
}

/** Reads a multiaddr. Fails with `ADDRESS_INVALID`. */
export function parseAddress(address: string): Result<Multiaddr> {
  try {
    const parsed = multiaddr(address);
    if (parsed.getComponents().some(({ name }) => name === 'tcp')) return ok(parsed);
  } catch {
    // Said below, with an example.
  }
  return fail('ADDRESS_INVALID', `not a TCP multiaddr: ${address.slice(0, 256)}`, { fix: 'write it like /ip4/192.0.2.7/tcp/4100/p2p/<peer id>' });
}

function namesPeer(address: string): boolean {
  return address.includes('/p2p/');
}

/** Builds the libp2p node without starting it. Throws where the library cannot make sense of what it is given. */
export function buildHost(parts: HostParts): Promise<Libp2p<Services>> {
  const refuses = (peer: LibraryPeerId): boolean => parts.refused(peer.toString());
  const known = parts.bootstrap.filter(namesPeer);
  return createLibp2p<Services>({
    start: false,
    privateKey: parts.private_key,
    nodeInfo: { name: 'agentmesh', version: '1', userAgent: 'agentmesh/1' },
    addresses: { listen: [...parts.listen] },
    datastore: parts.datastore,
    transports: [tcp()],
    connectionEncrypters: [noise({ crypto: noise_crypto })],
    streamMuxers: [yamux()],
    peerDiscovery: [
      ...(known.length > 0 ? [bootstrap({ list: known, timeout: 0 })] : []),
      ...(parts.mdns ? [mdns()] : []),
    ],
    connectionManager: {
      maxConnections: connections_max,
      inboundConnectionThreshold: inbound_connections_per_second_max,
      maxIncomingPendingConnections: inbound_handshakes_max,
      dialTimeout: open_ms_max,
      // Our own redialling has jitter and no end.
      reconnectRetries: 0,
    },
    connectionGater: {
      denyDialPeer: refuses,
      denyInboundEncryptedConnection: refuses,
      denyOutboundEncryptedConnection: refuses,
    },
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gossipsub(parts.pubsub),
      dht: kadDHT({
        protocol: dht_protocol,
        clientMode: false,
        kBucketSize: record_holders,
        // A mesh may live on loopback or a private network, and a look-up with nobody there yet is an empty one.
        peerInfoMapper: passthroughMapper,
        allowQueryWithZeroPeers: true,
        ...parts.records,
      }),
    },
  });
}

/** Why a start failed. */
export function startFailure(error: unknown, listen: readonly string[]): Result<never> {
  const message = messageOf(error);
  const where = listen.join(', ');
  if (message.includes('EADDRINUSE')) {
    return fail('ADDRESS_IN_USE', `another program listens on ${where} already`, {
      fix: 'stop that program, or listen on another port (port 0 takes a free one)',
      cause: error,
    });
  }
  return fail('ADDRESS_INVALID', `cannot listen on ${where}`, {
    fix: 'listen on an address of this host and a port above 1023, like /ip4/127.0.0.1/tcp/4100',
    cause: error,
  });
}

/** Why a peer was not reached. */
export function openFailure(error: unknown, aborted: boolean): Result<never> {
  if (aborted) return fail('PEER_TIMEOUT', 'the peer could not be reached before the deadline', { cause: error });
  const name = error instanceof Error ? error.name : '';
  if (name === 'UnsupportedProtocolError') return fail('PEER_REFUSED', 'the peer does not speak this protocol', { cause: error });
  if (name === 'TooManyOutboundProtocolStreamsError') return fail('PEER_REFUSED', 'too many streams to this peer are open', { cause: error });
  if (name === 'DialDeniedError' || name === 'ConnectionInterceptedError') {
    return fail('PEER_REFUSED', 'the peer is refused for its misdeeds, for ten minutes', { cause: error });
  }
  return fail('PEER_UNREACHABLE', `the peer cannot be reached: ${messageOf(error).slice(0, 512)}`, { cause: error });
}
