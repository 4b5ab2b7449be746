import { assert } from '../crypto/assert.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { Answerer } from '../node/libp2p/answerer.ts';
import { Callers, stopped, type RequestOptions } from '../node/libp2p/caller.ts';
import { checkGossip } from '../node/libp2p/checks.ts';
import { addresses_per_peer_max } from '../node/libp2p/limits.ts';
import { Redialer } from '../node/libp2p/redial.ts';
import { Standing } from '../node/libp2p/standing.ts';
import type { ByteStream } from '../node/libp2p/streams.ts';
import type { Clock, Network, Peer, PeerId, ProtocolLimits, RecordAnswer, Recorder, RecordRules, RequestHandler } from '../protocols/ports.ts';
import { SimulatedGossip } from './gossip.ts';
import { SimulatedRecords } from './records.ts';
import { WireStream, type Station, type Wire } from './wire.ts';

/** A node of the simulated network. */
export interface SimulatedInit {
  readonly id: PeerId;
  /** Addresses of nodes to join, kept connected. */
  readonly bootstrap?: readonly string[];
  readonly clock: Clock;
  readonly recorder: Recorder;
}

const address_prefix = '/simulated/';

/** The network port in a simulated world: the exchanges, limits, penalties and redialling of the real one, over the wires of the simulator. */
export function simulatedNetwork(wire: Wire, init: SimulatedInit): Network {
  const network = new SimulatedNetwork(wire, init);
  wire.add(network);
  return network;
}

function parseAddress(address: string): Result<PeerId> {
  const id = address.slice(address_prefix.length);
  return address.startsWith(address_prefix) && id.length > 0
    ? ok(id)
    : fail('ADDRESS_INVALID', `not an address of the simulated network: ${address}`, { fix: `write it like ${address_prefix}<peer id>` });
}

class SimulatedNetwork implements Network, Station {
  readonly id: PeerId;
  readonly #wire: Wire;
  readonly #init: SimulatedInit;
  readonly #standing: Standing;
  readonly #callers: Callers;
  readonly #redialer: Redialer;
  readonly #gossip: SimulatedGossip;
  readonly #records: SimulatedRecords;
  readonly #answerers = new Map<string, Answerer>();
  readonly #addresses = new Map<PeerId, readonly string[]>();
  readonly #links = new Map<PeerId, { readonly peer: Peer; readonly streams: Set<WireStream> }>();
  readonly #watchers: ((peer: Peer, state: 'connected' | 'gone') => void)[] = [];
  #state: 'new' | 'running' | 'stopped' = 'new';

  constructor(wire: Wire, init: SimulatedInit) {
    this.id = init.id;
    this.#wire = wire;
    this.#init = init;
    this.#standing = new Standing(init.clock);
    const penalise = (peer: PeerId, why: string): void => this.penalise(peer, why);
    this.#gossip = new SimulatedGossip({ wire, station: this, clock: init.clock, recorder: init.recorder, penalise });
    this.#records = new SimulatedRecords({ wire, id: init.id, clock: init.clock });
    this.#callers = new Callers({ clock: init.clock, open: (peer, protocol) => this.#open(peer, protocol) });
    this.#redialer = new Redialer({
      clock: init.clock,
      random: wire.simulator.random(`redial ${init.id}`),
      dial: (address) => this.#connect(address),
      connected: (peer) => this.#links.has(peer),
    });
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  start(): Promise<Result<void>> {
    assert(this.#state === 'new', 'a network starts once');
    const join = this.#init.bootstrap ?? [];
    for (const address of join) {
      const parsed = parseAddress(address);
      if (!parsed.ok) return Promise.resolve(parsed);
    }
    this.#state = 'running';
    for (const address of join) this.#redialer.keep(address);
    return Promise.resolve(ok(undefined));
  }

  stop(): Promise<void> {
    if (this.#state !== 'stopped') {
      this.#redialer.stop();
      this.#callers.stop();
      for (const answerer of this.#answerers.values()) answerer.stop();
      for (const peer of this.#links.keys()) this.#wire.unlink(this.id, peer);
      this.#state = 'stopped';
    }
    return Promise.resolve();
  }

  addresses(): readonly string[] {
    return this.running ? [address_prefix + this.id] : [];
  }

  async dial(address: string, { signal }: { readonly signal: AbortSignal }): Promise<Result<PeerId>> {
    if (signal.aborted) return fail('PEER_TIMEOUT', 'the peer could not be reached before the deadline');
    const dialled = await this.#connect(address);
    if (dialled.ok) this.#redialer.keep(address, dialled.value);
    return dialled;
  }

  handle(protocol: string, limits: ProtocolLimits, handler: RequestHandler): void {
    assert(!this.#answerers.has(protocol), 'a protocol has one handler');
    const parts = { clock: this.#init.clock, recorder: this.#init.recorder, penalise: (peer: PeerId, why: string) => this.penalise(peer, why) };
    this.#answerers.set(protocol, new Answerer(parts, protocol, limits, handler));
  }

  request(peer: PeerId, protocol: string, request: Uint8Array, options: RequestOptions): Promise<Result<Uint8Array>> {
    return this.#callers.request(peer, protocol, request, options);
  }

  learn(peer: PeerId, addresses: readonly string[]): Promise<void> {
    this.#addresses.set(peer, addresses.slice(0, addresses_per_peer_max));
    return Promise.resolve();
  }

  publish(topic: string, message: Uint8Array): Promise<Result<void>> {
    if (!this.running) return Promise.resolve({ ok: false, failure: stopped });
    const checked = checkGossip(message);
    if (checked.ok) this.#gossip.publish(topic, message);
    return Promise.resolve(checked);
  }

  subscribe(topic: string, verify: Parameters<Network['subscribe']>[1], deliver: Parameters<Network['subscribe']>[2]): void {
    assert(this.#state === 'new', 'topics are subscribed before the start');
    this.#gossip.subscribe(topic, { verify, deliver });
  }

  records(namespace: string, rules: RecordRules): void {
    assert(this.#state === 'new', 'record rules are set before the start');
    this.#records.set(namespace, rules);
  }

  async put(namespace: string, key: Uint8Array, value: Uint8Array, { signal }: { readonly signal: AbortSignal }): Promise<Result<number>> {
    return this.running ? this.#records.put(namespace, key, value, signal) : { ok: false, failure: stopped };
  }

  async get(namespace: string, key: Uint8Array, options: { readonly answers: number; readonly signal: AbortSignal }): Promise<Result<readonly RecordAnswer[]>> {
    return this.running ? this.#records.get(namespace, key, options) : { ok: false, failure: stopped };
  }

  peers(): readonly Peer[] {
    return [...this.#links.values()].map(({ peer }) => peer);
  }

  watch(changed: (peer: Peer, state: 'connected' | 'gone') => void): void {
    this.#watchers.push(changed);
  }

  penalise(peer: PeerId, why: string): void {
    this.#init.recorder.record({ kind: 'network.peer.penalised', peer, why });
    if (!this.#standing.penalise(peer)) return;
    this.#init.recorder.record({ kind: 'network.peer.refused', peer, why });
    this.#wire.unlink(this.id, peer);
  }

  refuses(peer: PeerId): boolean {
    return this.#standing.refused(peer);
  }

  linked(id: PeerId, direction: Peer['direction']): void {
    if (this.#links.has(id)) return;
    const peer: Peer = { id, address: address_prefix + id, direction, since: this.#init.clock.now() };
    this.#links.set(id, { peer, streams: new Set() });
    this.#tell(peer, 'connected');
  }

  unlinked(id: PeerId): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    this.#links.delete(id);
    for (const stream of link.streams) stream.lose('the connection is gone');
    this.#tell(link.peer, 'gone');
    this.#redialer.lost(id);
  }

  accept(protocol: string, stream: WireStream, from: PeerId): boolean {
    const answerer = this.#answerers.get(protocol);
    const link = this.#links.get(from);
    if (answerer === undefined || link === undefined) return false;
    this.#track(link.streams, stream);
    answerer.accept(stream, from);
    return true;
  }

  subscribes(topic: string): boolean {
    return this.#gossip.subscribes(topic);
  }

  hear(topic: string, message: Uint8Array, from: PeerId): void {
    if (this.#links.has(from)) this.#gossip.hear(topic, message, from);
  }

  store(namespace: string, key: Uint8Array, value: Uint8Array): Promise<boolean> {
    return this.#records.store(namespace, key, value);
  }

  held(namespace: string, key: Uint8Array): Uint8Array | undefined {
    return this.#records.held(namespace, key);
  }

  #track(streams: Set<WireStream>, added: WireStream): void {
    for (const stream of streams) if (stream.closed) streams.delete(stream);
    streams.add(added);
  }

  #tell(peer: Peer, state: 'connected' | 'gone'): void {
    this.#init.recorder.record({ kind: `network.peer.${state}`, peer: peer.id, direction: peer.direction });
    for (const watcher of this.#watchers) {
      try {
        watcher(peer, state);
      } catch (error) {
        this.#init.recorder.record({ kind: 'network.watcher.failed', reason: messageOf(error) });
      }
    }
  }

  async #connect(address: string): Promise<Result<PeerId>> {
    const parsed = parseAddress(address);
    if (!this.running) return { ok: false, failure: stopped };
    if (!parsed.ok || this.#links.has(parsed.value)) return parsed;
    if (this.refuses(parsed.value)) return fail('PEER_REFUSED', 'the peer is refused for its misdeeds, for ten minutes');
    await this.#travel('dial', parsed.value);
    const linked = parsed.value !== this.id && this.#wire.link(this.id, parsed.value);
    return linked ? parsed : fail('PEER_UNREACHABLE', `nobody answers at ${address}`);
  }

  async #open(peer: PeerId, protocol: string): Promise<Result<ByteStream>> {
    if (!this.#links.has(peer)) {
      const [address] = this.#addresses.get(peer) ?? [];
      if (address === undefined) return fail('PEER_UNREACHABLE', 'no address of the peer is known');
      const connected = await this.#connect(address);
      if (!connected.ok) return connected;
    }
    await this.#travel(`open ${protocol}`, peer);
    const link = this.#links.get(peer);
    if (link === undefined) return fail('PEER_UNREACHABLE', 'the connection to the peer was lost');
    const [here, there] = WireStream.pair(this.#wire, this.id, peer, protocol);
    if (this.#wire.reach(this.id, peer)?.accept(protocol, there, this.id) !== true) return fail('PEER_REFUSED', 'the peer does not speak this protocol');
    this.#track(link.streams, here);
    return ok(here);
  }

  /** Waits as long as the way to the peer and back takes. */
  #travel(what: string, peer: PeerId): Promise<void> {
    return new Promise((resolve) => {
      this.#wire.travel(this.id, peer, what, resolve);
    });
  }
}
