import { TopicValidatorResult, type GossipSub, type GossipsubOpts } from '@libp2p/gossipsub';
import { assert } from '../../crypto/assert.ts';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import type { Network, PeerId, Recorder, Verdict } from '../../protocols/ports.ts';
import { checkGossip, messageId } from './checks.ts';
import { gossip_message_bytes_max } from './limits.ts';

/** Bytes that gossipsub may put around messages in one packet: topic, ids, control. */
const packet_bytes_max = gossip_message_bytes_max * 4;
/** Messages of one packet. */
const messages_per_packet_max = 256;

const results = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const;

interface Topic {
  readonly verify: Parameters<Network['subscribe']>[1];
  readonly deliver: Parameters<Network['subscribe']>[2];
}

/** What {@link Gossip} asks for. */
export interface GossipParts {
  readonly recorder: Recorder;
  /** Holds a misdeed against a peer. */
  penalise(peer: PeerId, why: string): void;
}

/** Topics over gossipsub. Messages carry no signature of gossipsub's: their content is signed, and verified before it is passed on. */
export class Gossip {
  readonly #parts: GossipParts;
  readonly #topics = new Map<string, Topic>();

  constructor(parts: GossipParts) {
    this.#parts = parts;
  }

  /** Registers a topic, before the start. */
  subscribe(name: string, topic: Topic): void {
    assert(!this.#topics.has(name), 'a topic has one subscription');
    this.#topics.set(name, topic);
  }

  /** How gossipsub is to be set up. Peers behind the listed IP addresses may be many. */
  options(shared_addresses: readonly string[]): Partial<GossipsubOpts> {
    return {
      globalSignaturePolicy: 'StrictNoSign',
      msgIdFn: ({ topic, data }) => messageId(topic, data),
      floodPublish: true,
      doPX: false,
      emitSelf: false,
      allowPublishToZeroTopicPeers: true,
      ignoreDuplicatePublishError: true,
      allowedTopics: new Set(this.#topics.keys()),
      maxInboundDataLength: packet_bytes_max,
      decodeRpcLimits: {
        maxSubscriptions: 64,
        maxMessages: messages_per_packet_max,
        maxControlMessages: 64,
        maxIhaveMessageIDs: 512,
        maxIwantMessageIDs: 512,
        maxIdontwantMessageIDs: 512,
        maxPeerInfos: 0,
      },
      // The library's score counts the peers behind one IP address, which silences a whole office or test.
      scoreParams: { IPColocationFactorWhitelist: new Set(['127.0.0.1', '::1', ...shared_addresses]) },
    };
  }

  /** Connects the registered topics to a running gossipsub. */
  attach(pubsub: GossipSub): void {
    for (const [name, topic] of this.#topics) {
      pubsub.topicValidators.set(name, async (peer, { data }) => results[await this.#verify(name, topic, data, peer.toString())]);
      pubsub.subscribe(name);
    }
    pubsub.addEventListener('message', ({ detail }) => this.#deliver(detail.topic, detail.data));
  }

  /** Gives a message to the topic. Fails with `REQUEST_TOO_LARGE` or `PEER_UNREACHABLE`. */
  async publish(pubsub: GossipSub, topic: string, message: Uint8Array): Promise<Result<void>> {
    assert(this.#topics.has(topic), 'who publishes in a topic subscribes to it');
    const checked = checkGossip(message);
    if (!checked.ok) return checked;
    try {
      await pubsub.publish(topic, message);
      return ok(undefined);
    } catch (error) {
      return fail('PEER_UNREACHABLE', `the message could not be published: ${messageOf(error)}`, { cause: error });
    }
  }

  async #verify(name: string, topic: Topic, message: Uint8Array, from: PeerId): Promise<Verdict> {
    let verdict: Verdict = 'reject';
    try {
      if (checkGossip(message).ok) verdict = await topic.verify(message, from);
    } catch (error) {
      this.#parts.recorder.record({ kind: 'network.verify.failed', topic: name, reason: messageOf(error) });
      verdict = 'ignore';
    }
    if (verdict === 'reject') this.#parts.penalise(from, `sent an unacceptable message in ${name}`);
    return verdict;
  }

  #deliver(name: string, message: Uint8Array): void {
    try {
      this.#topics.get(name)?.deliver(message);
    } catch (error) {
      this.#parts.recorder.record({ kind: 'network.deliver.failed', topic: name, reason: messageOf(error) });
    }
  }
}
