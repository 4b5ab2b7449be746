import { fail, ok, type Result } from '../crypto/result.ts';
import type { Network, PeerId, ProtocolLimits, RequestHandler } from '../protocols/ports.ts';
import { messageOf } from '../crypto/result.ts';

/**
 * A network that also reaches ourselves: two agents of one host talk through
 * the same protocols as two of different hosts, only without a wire.
 */
export function withLoopback(network: Network): Network {
  const handlers = new Map<string, RequestHandler>();

  const requestSelf = async (protocol: string, request: Uint8Array, limits: ProtocolLimits, signal: AbortSignal): Promise<Result<Uint8Array>> => {
    const handler = handlers.get(protocol);
    if (handler === undefined) return fail('PEER_REFUSED', `this host does not speak ${protocol}`);
    if (request.length > limits.request_bytes_max) return fail('REQUEST_TOO_LARGE', `at most ${limits.request_bytes_max} bytes`);
    try {
      return ok(await handler(request, network.id, signal));
    } catch (error) {
      return fail('PEER_REFUSED', `the handler failed: ${messageOf(error)}`);
    }
  };

  return {
    id: network.id,
    start: () => network.start(),
    stop: () => network.stop(),
    addresses: () => network.addresses(),
    dial: (address, options) => network.dial(address, options),
    handle(protocol, limits, handler) {
      handlers.set(protocol, handler);
      network.handle(protocol, limits, handler);
    },
    request: (peer: PeerId, protocol, request, options) => peer === network.id
      ? requestSelf(protocol, request, options.limits, options.signal)
      : network.request(peer, protocol, request, options),
    learn: (peer, addresses) => peer === network.id ? Promise.resolve() : network.learn(peer, addresses),
    publish: (topic, message) => network.publish(topic, message),
    subscribe: (topic, verify, deliver) => network.subscribe(topic, verify, deliver),
    records: (namespace, rules) => network.records(namespace, rules),
    put: (namespace, key, value, options) => network.put(namespace, key, value, options),
    get: (namespace, key, options) => network.get(namespace, key, options),
    peers: () => network.peers(),
    watch: (changed) => network.watch(changed),
    penalise: (peer, why) => peer === network.id ? undefined : network.penalise(peer, why),
  };
}
