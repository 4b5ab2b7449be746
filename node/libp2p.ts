import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import type { Connection, PeerId as LibraryPeerId, PrivateKey, Stream } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import type { Libp2p } from 'libp2p';
import { assert } from '../crypto/assert.ts';
import { key_bytes } from '../crypto/keys.ts';
import { messageOf, ok, type Result } from '../crypto/result.ts';
import type { Clock, Network, Peer, PeerId, ProtocolLimits, Random, RecordAnswer, Recorder, RecordRules, RequestHandler } from '../protocols/ports.ts';
import { deadline, sleep } from '../protocols/time.ts';
import { system_random } from './clock.ts';
import { Answerer } from './libp2p/answerer.ts';
import { byteStream } from './libp2p/byte-stream.ts';
import { Callers, stopped, type RequestOptions } from './libp2p/caller.ts';
import { Gossip } from './libp2p/gossip.ts';
import { buildHost, openFailure, parseAddress, startFailure, type Services } from './libp2p/host.ts';
import { addresses_per_peer_max, connections_max, open_ms_max, stop_ms_max, streams_per_protocol_max } from './libp2p/limits.ts';
import { Records } from './libp2p/records.ts';
import { Redialer } from './libp2p/redial.ts';
import { Standing } from './libp2p/standing.ts';
import type { ByteStream } from './libp2p/streams.ts';

/** How a node takes part in the network. */
export interface Libp2pInit {
  /** The 32-byte Ed25519 seed of the peer key, which decides the peer id. */
  readonly seed: Uint8Array;
  /** Multiaddrs to listen on; a free loopback port when absent. */
  readonly listen?: readonly string[];
  /** Multiaddrs of nodes to join, kept connected. */
  readonly bootstrap?: readonly string[];
  /** Looks for nodes by multicast in the local network. Off when absent: multicasts tell everyone there about us. */
  readonly mdns?: boolean;
  /** IP addresses behind which many honest nodes may be, like that of an office. Loopback always is one. */
  readonly colocation_whitelist?: readonly string[];
  readonly clock: Clock;
  readonly random?: Random;
  readonly recorder: Recorder;
}

/** The network port over libp2p: TCP, Noise, yamux, gossipsub and a Kademlia DHT. */
export async function libp2pNetwork(init: Libp2pInit): Promise<Network> {
  assert(init.seed.length === key_bytes, 'a peer key seed has 32 bytes');
  return new Libp2pNetwork(init, await generateKeyPairFromSeed('Ed25519', init.seed));
}

class Libp2pNetwork implements Network {
  readonly id: PeerId;
  readonly #init: Libp2pInit;
  readonly #private_key: PrivateKey;
  readonly #records = new Records();
  readonly #gossip: Gossip;
  readonly #standing: Standing;
  readonly #callers: Callers;
  readonly #redialer: Redialer;
  readonly #answerers = new Map<string, Answerer>();
  readonly #peers = new Map<PeerId, Peer>();
  readonly #watchers: ((peer: Peer, state: 'connected' | 'gone') => void)[] = [];
  #host: Libp2p<Services> | undefined;
  #stopped = false;

  constructor(init: Libp2pInit, private_key: PrivateKey) {
    this.id = peerIdFromPrivateKey(private_key).toString();
    this.#init = init;
    this.#private_key = private_key;
    this.#standing = new Standing(init.clock);
    this.#gossip = new Gossip({ recorder: init.recorder, penalise: (peer, why) => this.penalise(peer, why) });
    this.#callers = new Callers({ clock: init.clock, open: (peer, protocol) => this.#open(peer, protocol) });
    this.#redialer = new Redialer({
      clock: init.clock,
      random: init.random ?? system_random,
      dial: (address, options) => this.#connect(address, options.signal),
      connected: (peer) => this.#peers.has(peer),
    });
  }

  async start(): Promise<Result<void>> {
    assert(this.#host === undefined && !this.#stopped, 'a network starts once');
    const listen = this.#init.listen ?? ['/ip4/127.0.0.1/tcp/0'];
    const join = this.#init.bootstrap ?? [];
    for (const address of [...listen, ...join]) {
      const parsed = parseAddress(address);
      if (!parsed.ok) return parsed;
    }
    try {
      const host = await buildHost({
        private_key: this.#private_key,
        listen,
        bootstrap: join,
        mdns: this.#init.mdns ?? false,
        datastore: this.#records.datastore,
        pubsub: this.#gossip.options(this.#init.colocation_whitelist ?? []),
        records: this.#records.options(),
        refused: (peer) => this.#standing.refused(peer),
      });
      this.#host = host;
      this.#listenTo(host);
      for (const [protocol, answerer] of this.#answerers) await this.#serve(host, protocol, answerer);
      await host.start();
      this.#gossip.attach(host.services.pubsub);
    } catch (error) {
      await this.stop();
      return startFailure(error, listen);
    }
    for (const address of join) this.#redialer.keep(address);
    return ok(undefined);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#redialer.stop();
    this.#callers.stop();
    for (const answerer of this.#answerers.values()) answerer.stop();
    const host = this.#host;
    if (host === undefined) return;
    const closed = Promise.resolve(host.stop()).catch((error: unknown) => this.#fact('network.stop.failed', { reason: messageOf(error) }));
    await Promise.race([closed, sleep(this.#init.clock, stop_ms_max)]);
    for (const connection of host.getConnections()) connection.abort(new Error('the network was stopped'));
    this.#peers.clear();
  }

  addresses(): readonly string[] {
    return this.#host?.getMultiaddrs().map((address) => address.toString()) ?? [];
  }

  async dial(address: string, { signal }: { readonly signal: AbortSignal }): Promise<Result<PeerId>> {
    const dialled = await this.#connect(address, signal);
    if (dialled.ok) this.#redialer.keep(address, dialled.value);
    return dialled;
  }

  handle(protocol: string, limits: ProtocolLimits, handler: RequestHandler): void {
    assert(!this.#answerers.has(protocol), 'a protocol has one handler');
    const parts = { clock: this.#init.clock, recorder: this.#init.recorder, penalise: (peer: PeerId, why: string) => this.penalise(peer, why) };
    const answerer = new Answerer(parts, protocol, limits, handler);
    this.#answerers.set(protocol, answerer);
    if (this.#host === undefined) return;
    this.#serve(this.#host, protocol, answerer)
      .catch((error: unknown) => this.#fact('network.handle.failed', { protocol, reason: messageOf(error) }));
  }

  request(peer: PeerId, protocol: string, request: Uint8Array, options: RequestOptions): Promise<Result<Uint8Array>> {
    return this.#callers.request(peer, protocol, request, options);
  }

  async learn(peer: PeerId, addresses: readonly string[]): Promise<void> {
    // Asked with every call; whoever is connected need not be looked for.
    if (this.#peers.has(peer)) return;
    const parsed = addresses.slice(0, addresses_per_peer_max).map(parseAddress);
    try {
      await this.#host?.peerStore.merge(peerIdFromString(peer), { multiaddrs: parsed.flatMap((address) => address.ok ? [address.value] : []) });
    } catch (error) {
      this.#fact('network.learn.failed', { peer, reason: messageOf(error) });
    }
  }

  async publish(topic: string, message: Uint8Array): Promise<Result<void>> {
    const host = this.#running();
    return host.ok ? this.#gossip.publish(host.value.services.pubsub, topic, message) : host;
  }

  subscribe(topic: string, verify: Parameters<Network['subscribe']>[1], deliver: Parameters<Network['subscribe']>[2]): void {
    assert(this.#host === undefined, 'topics are subscribed before the start');
    this.#gossip.subscribe(topic, { verify, deliver });
  }

  records(namespace: string, rules: RecordRules): void {
    assert(this.#host === undefined, 'record rules are set before the start');
    this.#records.set(namespace, rules);
  }

  async put(namespace: string, key: Uint8Array, value: Uint8Array, { signal }: { readonly signal: AbortSignal }): Promise<Result<number>> {
    const host = this.#running();
    return host.ok ? this.#records.put(host.value.services.dht, namespace, key, value, signal) : host;
  }

  async get(namespace: string, key: Uint8Array, options: { readonly answers: number; readonly signal: AbortSignal }): Promise<Result<readonly RecordAnswer[]>> {
    const host = this.#running();
    return host.ok ? this.#records.get(host.value.services.dht, this.id, namespace, key, options) : host;
  }

  peers(): readonly Peer[] {
    return [...this.#peers.values()];
  }

  watch(changed: (peer: Peer, state: 'connected' | 'gone') => void): void {
    this.#watchers.push(changed);
  }

  penalise(peer: PeerId, why: string): void {
    this.#fact('network.peer.penalised', { peer, why });
    if (!this.#standing.penalise(peer)) return;
    this.#fact('network.peer.refused', { peer, why });
    for (const connection of this.#host?.getConnections() ?? []) {
      if (connection.remotePeer.toString() === peer) connection.abort(new Error('the peer is refused for its misdeeds'));
    }
  }

  #running(): Result<Libp2p<Services>> {
    return this.#host === undefined || this.#stopped ? { ok: false, failure: stopped } : ok(this.#host);
  }

  #fact(kind: string, fields: { readonly [field: string]: unknown }): void {
    this.#init.recorder.record({ kind, ...fields });
  }

  async #serve(host: Libp2p<Services>, protocol: string, answerer: Answerer): Promise<void> {
    const accept = (stream: Stream, { remotePeer }: Connection): void => answerer.accept(byteStream(stream), remotePeer.toString());
    await host.handle(protocol, accept, { maxInboundStreams: streams_per_protocol_max, maxOutboundStreams: streams_per_protocol_max });
  }

  async #connect(address: string, signal: AbortSignal): Promise<Result<PeerId>> {
    const [host, parsed] = [this.#running(), parseAddress(address)];
    if (!host.ok) return host;
    if (!parsed.ok) return parsed;
    try {
      const connection = await host.value.dial(parsed.value, { signal });
      return ok(connection.remotePeer.toString());
    } catch (error) {
      return openFailure(error, signal.aborted);
    }
  }

  async #open(peer: PeerId, protocol: string): Promise<Result<ByteStream>> {
    const host = this.#running();
    if (!host.ok) return host;
    const limit = deadline(this.#init.clock, open_ms_max);
    try {
      const connection = await host.value.dial(peerIdFromString(peer), { signal: limit.signal });
      return ok(byteStream(await connection.newStream(protocol, { signal: limit.signal, maxOutboundStreams: streams_per_protocol_max })));
    } catch (error) {
      return openFailure(error, limit.signal.aborted);
    } finally {
      limit.done();
    }
  }

  #listenTo(host: Libp2p<Services>): void {
    host.addEventListener('peer:connect', ({ detail }) => this.#connected(host, detail));
    host.addEventListener('peer:disconnect', ({ detail }) => this.#gone(detail.toString()));
    if (this.#init.mdns !== true) return;
    host.addEventListener('peer:discovery', ({ detail }) => {
      if (this.#peers.size >= connections_max / 2 || this.#peers.has(detail.id.toString())) return;
      host.dial(detail.id).catch((error: unknown) => this.#fact('network.discovery.failed', { reason: messageOf(error) }));
    });
  }

  #connected(host: Libp2p<Services>, id: LibraryPeerId): void {
    const [connection] = host.getConnections(id);
    if (connection === undefined) return;
    const peer: Peer = {
      id: id.toString(),
      address: connection.remoteAddr.toString(),
      direction: connection.direction,
      since: this.#init.clock.now(),
    };
    this.#peers.set(peer.id, peer);
    this.#tell(peer, 'connected');
  }

  #gone(id: PeerId): void {
    const peer = this.#peers.get(id);
    if (peer === undefined || !this.#peers.delete(id)) return;
    this.#tell(peer, 'gone');
    this.#redialer.lost(id);
  }

  #tell(peer: Peer, state: 'connected' | 'gone'): void {
    this.#fact(`network.peer.${state}`, { peer: peer.id, direction: peer.direction });
    for (const watcher of this.#watchers) {
      try {
        watcher(peer, state);
      } catch (error) {
        this.#fact('network.watcher.failed', { reason: messageOf(error) });
      }
    }
  }
}
