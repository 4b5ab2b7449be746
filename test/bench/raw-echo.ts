/** A bare libp2p node that echoes: what a call would cost with no identity, no policy, no record and no proof. */
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@libp2p/yamux';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';

const protocol = '/agentmesh-bench/echo/1';

async function bare(): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  });
}

/** Starts the echoing side and gives its address. */
export async function startEcho(): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const node = await bare();
  await node.handle(protocol, async (stream) => {
    try {
      for await (const chunk of stream) stream.send(chunk);
      await stream.close();
    } catch {
      stream.abort(new Error('echo failed'));
    }
  }, { maxInboundStreams: 1024 });
  const address = node.getMultiaddrs()[0]?.toString() ?? '';
  return { address, stop: async () => node.stop() };
}

/** The asking side: one new stream for each exchange, as a plain libp2p protocol does it. */
export async function connectEcho(address: string): Promise<{ exchange(bytes: Uint8Array): Promise<number>; stop(): Promise<void> }> {
  const node = await bare();
  const connection = await node.dial(multiaddr(address));
  return {
    async exchange(bytes) {
      const stream = await connection.newStream(protocol, { maxOutboundStreams: 1024 });
      stream.send(bytes);
      await stream.close();
      let received = 0;
      for await (const chunk of stream) received += chunk.byteLength;
      if (received !== bytes.length) throw new Error(`the echo has ${received} bytes`);
      return received;
    },
    stop: async () => node.stop(),
  };
}
