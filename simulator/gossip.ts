import { assert } from '../crypto/assert.ts';
import { toHex } from '../crypto/bytes.ts';
import { messageOf } from '../crypto/result.ts';
import { checkGossip, messageId } from '../node/libp2p/checks.ts';
import type { Clock, Network, PeerId, Recorder, Verdict } from '../protocols/ports.ts';
import type { Station, Wire } from './wire.ts';

/** How long a message is known as a duplicate: the time that gossipsub keeps. */
const seen_ms = 120_000;

interface Topic {
  readonly verify: Parameters<Network['subscribe']>[1];
  readonly deliver: Parameters<Network['subscribe']>[2];
}

/** What {@link SimulatedGossip} asks for. */
export interface GossipParts {
  readonly wire: Wire;
  readonly station: Station;
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** Holds a misdeed against a peer. */
  penalise(peer: PeerId, why: string): void;
}

/** Gossip in the simulated world: every node passes a new message on to its subscribed peers, once it is verified. */
export class SimulatedGossip {
  readonly #parts: GossipParts;
  readonly #topics = new Map<string, Topic>();
  readonly #seen = new Map<string, number>();

  constructor(parts: GossipParts) {
    this.#parts = parts;
  }

  /** Registers a topic, before the start. */
  subscribe(name: string, topic: Topic): void {
    assert(!this.#topics.has(name), 'a topic has one subscription');
    this.#topics.set(name, topic);
  }

  /** Whether the topic was registered. */
  subscribes(name: string): boolean {
    return this.#topics.has(name);
  }

  /** Gives an own message to the peers, the first time. */
  publish(name: string, message: Uint8Array): void {
    assert(this.#topics.has(name), 'who publishes in a topic subscribes to it');
    if (this.#firstSeen(name, message)) this.#spread(name, message, this.#parts.station.id);
  }

  /** Takes a message of a peer: verified, delivered and passed on, the first time. */
  hear(name: string, message: Uint8Array, from: PeerId): void {
    const topic = this.#topics.get(name);
    if (topic !== undefined && this.#firstSeen(name, message)) void this.#take(name, topic, message, from);
  }

  async #take(name: string, topic: Topic, message: Uint8Array, from: PeerId): Promise<void> {
    let verdict: Verdict = 'reject';
    try {
      if (checkGossip(message).ok) verdict = await topic.verify(message, from);
    } catch (error) {
      this.#parts.recorder.record({ kind: 'network.verify.failed', topic: name, reason: messageOf(error) });
      verdict = 'ignore';
    }
    if (verdict === 'reject') this.#parts.penalise(from, `sent an unacceptable message in ${name}`);
    if (verdict !== 'accept') return;
    try {
      topic.deliver(message);
    } catch (error) {
      this.#parts.recorder.record({ kind: 'network.deliver.failed', topic: name, reason: messageOf(error) });
    }
    this.#spread(name, message, from);
  }

  #spread(name: string, message: Uint8Array, from: PeerId): void {
    const { wire, station } = this.#parts;
    for (const { id } of station.peers()) {
      if (id === from || wire.reach(station.id, id)?.subscribes(name) !== true) continue;
      wire.carry(station.id, id, `gossip ${name}`, (peer) => peer.hear(name, message, station.id), { gossip: true });
    }
  }

  #firstSeen(name: string, message: Uint8Array): boolean {
    const now_ms = this.#parts.clock.now();
    for (const [id, at_ms] of this.#seen) {
      if (now_ms - at_ms <= seen_ms) break;
      this.#seen.delete(id);
    }
    const id = toHex(messageId(name, message));
    if (this.#seen.has(id)) return false;
    this.#seen.set(id, now_ms);
    return true;
  }
}
