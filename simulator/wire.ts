import { assert } from '../crypto/assert.ts';
import { compare, utf8 } from '../crypto/bytes.ts';
import { sha256 } from '../crypto/hash.ts';
import type { ByteStream } from '../node/libp2p/streams.ts';
import type { Peer, PeerId, Random } from '../protocols/ports.ts';
import type { Simulator } from './kernel.ts';

/** How the wires between nodes behave. */
export interface WireInit {
  readonly simulator: Simulator;
  /** Least and most time that something takes from node to node; 1 to 40 ms when absent. */
  readonly latency_ms?: readonly [least: number, most: number];
  /** Share of what is sent that never arrives. */
  readonly loss?: number;
  /** Share of gossiped messages that arrive twice. */
  readonly duplication?: number;
}

/** A node as the others meet it on the wire. */
export interface Station {
  readonly id: PeerId;
  readonly running: boolean;
  peers(): readonly Peer[];
  /** Whether it turns the peer away. */
  refuses(peer: PeerId): boolean;
  /** A connection to the peer is there. */
  linked(peer: PeerId, direction: Peer['direction']): void;
  /** The connection to the peer is gone. */
  unlinked(peer: PeerId): void;
  /** Takes a stream of a protocol, or says false when it does not speak it. */
  accept(protocol: string, stream: WireStream, from: PeerId): boolean;
  /** Whether it takes messages of the topic. */
  subscribes(topic: string): boolean;
  /** A gossiped message came. */
  hear(topic: string, message: Uint8Array, from: PeerId): void;
  /** Whether it took a record to hold. */
  store(namespace: string, key: Uint8Array, value: Uint8Array): Promise<boolean>;
  /** The record that it holds. */
  held(namespace: string, key: Uint8Array): Uint8Array | undefined;
}

/** All wires of a simulated world: who can reach whom, how long it takes, and what gets lost. The seed decides. */
export class Wire {
  readonly simulator: Simulator;
  readonly #latency_ms: readonly [number, number];
  readonly #loss: number;
  readonly #duplication: number;
  readonly #random: Random;
  readonly #stations = new Map<PeerId, Station>();
  readonly #places = new Map<PeerId, Uint8Array>();
  #cuts: readonly (readonly [ReadonlySet<PeerId>, ReadonlySet<PeerId>])[] = [];

  constructor(init: WireInit) {
    this.simulator = init.simulator;
    this.#latency_ms = init.latency_ms ?? [1, 40];
    this.#loss = init.loss ?? 0;
    this.#duplication = init.duplication ?? 0;
    this.#random = init.simulator.random('wire');
  }

  /** Adds a node. */
  add(station: Station): void {
    assert(!this.#stations.has(station.id), 'a peer id is one node');
    this.#stations.set(station.id, station);
    this.#places.set(station.id, sha256(utf8(station.id)));
  }

  /** The node, where it runs and nothing cuts it off. */
  reach(from: PeerId, to: PeerId): Station | undefined {
    const station = this.#stations.get(to);
    const [here, there] = [this.#stations.get(from), station];
    if (here?.running !== true || there?.running !== true) return undefined;
    const cut = this.#cuts.some(([a, b]) => (a.has(from) && b.has(to)) || (a.has(to) && b.has(from)));
    return cut ? undefined : station;
  }

  /** Cuts every wire between the two groups, with the connections on them. */
  partition(a: readonly PeerId[], b: readonly PeerId[]): void {
    this.#cuts = [...this.#cuts, [new Set(a), new Set(b)]];
    this.simulator.note(`partition ${a.join()} | ${b.join()}`);
    for (const from of a) for (const to of b) this.unlink(from, to);
  }

  /** Mends every cut. Nodes find each other again by dialling. */
  heal(): void {
    this.#cuts = [];
    this.simulator.note('heal');
  }

  /** Connects two nodes; false when the one cannot reach the other or is turned away. */
  link(from: PeerId, to: PeerId): boolean {
    const [here, there] = [this.#stations.get(from), this.reach(from, to)];
    if (here === undefined || there === undefined || here.refuses(to) || there.refuses(from)) return false;
    here.linked(to, 'outbound');
    there.linked(from, 'inbound');
    return true;
  }

  /** Ends the connection of two nodes. */
  unlink(a: PeerId, b: PeerId): void {
    this.#stations.get(a)?.unlinked(b);
    this.#stations.get(b)?.unlinked(a);
  }

  /** Carries something to another node, unless it is lost on the way. Returns the time after which it arrives. */
  carry(from: PeerId, to: PeerId, what: string, arrive: (station: Station) => void, options: { readonly not_before_ms?: number; readonly gossip?: boolean } = {}): number {
    const copies = options.gossip === true && this.#random.fraction() < this.#duplication ? 2 : 1;
    let delay_ms = 0;
    for (let copy = 0; copy < copies; copy += 1) {
      delay_ms = this.#delay(options.not_before_ms);
      const lost = this.#random.fraction() < this.#loss;
      this.simulator.schedule(delay_ms, `${lost ? 'lost ' : ''}${what} ${from} > ${to}`, () => {
        const station = this.reach(from, to);
        if (!lost && station !== undefined) arrive(station);
      });
    }
    return this.simulator.now_ms + delay_ms;
  }

  /** Takes as long as the way to another node and back, whether anybody is there or not. */
  travel(from: PeerId, to: PeerId, what: string, back: () => void): void {
    this.simulator.schedule(this.#delay() + this.#delay(), `${what} ${from} > ${to}`, back);
  }

  /** The nodes nearest to a key in the distance of Kademlia, out of those that are connected with `from` directly or through others. */
  nearest(from: PeerId, key: Uint8Array, count: number): readonly PeerId[] {
    const met = new Set<PeerId>([from]);
    for (const id of met) {
      for (const peer of this.#stations.get(id)?.peers() ?? []) if (this.reach(from, peer.id) !== undefined) met.add(peer.id);
    }
    const target = sha256(key);
    const distance = (id: PeerId): Uint8Array => (this.#places.get(id) ?? target).map((byte, index) => byte ^ (target[index] ?? 0));
    return [...met]
      .map((id) => ({ id, distance: distance(id) }))
      .toSorted((a, b) => compare(a.distance, b.distance))
      .slice(0, count)
      .map(({ id }) => id);
  }

  #delay(not_before_ms = 0): number {
    const [least, most] = this.#latency_ms;
    const delay_ms = least + this.#random.fraction() * (most - least);
    return Math.max(delay_ms, not_before_ms - this.simulator.now_ms);
  }
}

/** One end of a stream between two connected nodes. What is sent arrives in order; what is lost is lost as a whole. */
export class WireStream implements ByteStream {
  readonly #wire: Wire;
  readonly #from: PeerId;
  readonly #to: PeerId;
  readonly #what: string;
  #events: Parameters<ByteStream['listen']>[0] | undefined;
  #other: WireStream | undefined;
  #last_arrival_ms = 0;
  #closed = false;

  /** Both ends of a new stream: the first for `from`, the second for `to`. */
  static pair(wire: Wire, from: PeerId, to: PeerId, what: string): readonly [WireStream, WireStream] {
    const here = new WireStream(wire, from, to, what);
    const there = new WireStream(wire, to, from, what);
    here.#other = there;
    there.#other = here;
    return [here, there];
  }

  private constructor(wire: Wire, from: PeerId, to: PeerId, what: string) {
    this.#wire = wire;
    this.#from = from;
    this.#to = to;
    this.#what = what;
  }

  /** Whether this end is closed. */
  get closed(): boolean {
    return this.#closed;
  }

  unsentBytes(): number {
    return 0;
  }

  full(): boolean {
    return false;
  }

  send(bytes: Uint8Array): void {
    if (this.#closed) throw new Error('the stream is closed');
    this.#carry(`${bytes.length} bytes`, (other) => other.#events?.bytes(bytes));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#carry('close', (other) => other.lose('the peer closed the stream'));
  }

  abort(): void {
    this.close();
  }

  listen(events: Parameters<ByteStream['listen']>[0]): void {
    this.#events = events;
  }

  /** Ends this end, because the connection or the other end is gone. */
  lose(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events?.closed(reason);
  }

  #carry(what: string, arrive: (other: WireStream) => void): void {
    this.#last_arrival_ms = this.#wire.carry(this.#from, this.#to, `${this.#what} ${what}`, () => {
      if (this.#other !== undefined && !this.#other.#closed) arrive(this.#other);
    }, { not_before_ms: this.#last_arrival_ms });
  }
}
