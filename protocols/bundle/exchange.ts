import { equal, fromBase64url } from '../../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../../crypto/hash.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import { locate } from '../place.ts';
import type { PeerId } from '../ports.ts';
import { encodeFailure, peerFailure } from '../reply.ts';
import { Budget } from '../statements/budget.ts';
import { deadline } from '../time.ts';
import { bundle_bytes_per_peer_max, bundle_cost_bytes_min, bundle_limits, bundle_peers_at_once, bundle_peers_max, bundle_protocol } from './constants.ts';
import type { BundleExchange, BundleExchangeParts, WantedBundle } from './index.ts';

/** {@link BundleExchange} over the ports. */
export class PeerBundles implements BundleExchange {
  readonly #parts: BundleExchangeParts;
  readonly #budget: Budget;

  constructor(parts: BundleExchangeParts) {
    this.#parts = parts;
    this.#budget = new Budget(parts.clock, bundle_bytes_per_peer_max);
  }

  start(): void {
    this.#parts.network.handle(bundle_protocol, bundle_limits, (request, from) => this.#answer(request, from));
  }

  async #answer(request: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const { network, recorder } = this.#parts;
    if (request.length !== digest_bytes) {
      recorder.record({ kind: 'bundle.request-malformed', peer: from, bytes: request.length });
      network.penalise(from, 'bundles: a request is the SHA-256 of a bundle');
      return encodeFailure({ code: 'BUNDLE_REQUEST_MALFORMED', reason: `a request is the ${digest_bytes} bytes of a SHA-256` });
    }
    if (!this.#budget.spend(from, bundle_cost_bytes_min)) {
      return encodeFailure({ code: 'BUNDLE_BUDGET', reason: `a peer is given at most ${bundle_bytes_per_peer_max} bytes of bundles a minute`, fix: 'ask again in a minute' });
    }
    const bytes = await this.#read(request);
    if (bytes === undefined) return encodeFailure({ code: 'BUNDLE_UNKNOWN', reason: 'this host does not have that bundle' });
    this.#budget.spend(from, bytes.length);
    return bytes;
  }

  async #read(digest: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return await this.#parts.content(digest);
    } catch (error) {
      this.#parts.recorder.record({ kind: 'bundle.unreadable', reason: messageOf(error) });
      return undefined;
    }
  }

  async fetch(wanted: WantedBundle, signal: AbortSignal): Promise<Result<Uint8Array>> {
    const digest = fromBase64url(wanted.digest);
    if (digest === undefined) return fail('BUNDLE_UNAVAILABLE', 'that is no digest of a bundle');
    const peers = await this.#peers(wanted.iss);
    const stop = new AbortController();
    const ended = AbortSignal.any([signal, stop.signal]);
    let found: Uint8Array | undefined;
    let last: Failure | undefined;
    const work = async (): Promise<void> => {
      for (let peer = peers.shift(); peer !== undefined && found === undefined && !ended.aborted; peer = peers.shift()) {
        const answer = await this.#ask(peer, digest, wanted.bytes, ended);
        if (found !== undefined) return;
        if (answer.ok) {
          found = answer.value;
          stop.abort();
        } else last = answer.failure;
      }
    };
    await Promise.all(Array.from({ length: bundle_peers_at_once }, work));
    if (found !== undefined) return ok(found);
    return fail('BUNDLE_UNAVAILABLE', `no peer gave the bundle${last === undefined ? ': nobody is connected' : `, the last one said: ${last.reason}`}`, { fix: 'connect to a host that follows this organisation: agentmesh join ADDRESS' });
  }

  /** The host of the organisation first, then whoever is connected, in an order that a peer cannot choose. */
  async #peers(did: string): Promise<PeerId[]> {
    const { network, identity, random } = this.#parts;
    const record = identity.known(did);
    const home = record === undefined ? undefined : await locate(network, record);
    const others = network.peers().map(({ id }) => ({ id, place: random.fraction() })).sort((a, b) => a.place - b.place).map(({ id }) => id);
    const asked = home?.ok === true && home.value !== network.id ? [home.value, ...others] : others;
    return [...new Set(asked)].slice(0, bundle_peers_max);
  }

  async #ask(peer: PeerId, digest: Uint8Array, bytes: number, signal: AbortSignal): Promise<Result<Uint8Array>> {
    const { clock, network, recorder } = this.#parts;
    const limit = deadline(clock, bundle_limits.exchange_ms_max, signal);
    try {
      const answer = await network.request(peer, bundle_protocol, digest, { limits: bundle_limits, signal: limit.signal });
      if (!answer.ok) {
        if (answer.failure.code === 'RESPONSE_TOO_LARGE') this.#blame(peer, 'the answer is larger than any bundle');
        return answer;
      }
      if (answer.value.length === bytes && equal(sha256(answer.value), digest)) return answer;
      const refused = peerFailure(answer.value);
      if (refused !== undefined) return { ok: false, failure: refused };
      this.#blame(peer, 'the bytes are not those of the bundle that was asked for');
      return fail('BUNDLE_TAMPERED', `peer ${peer} gave other bytes than the organisation has signed`);
    } catch (error) {
      recorder.record({ kind: 'bundle.fetch-failed', peer, reason: messageOf(error) });
      return fail('BUNDLE_UNAVAILABLE', messageOf(error));
    } finally {
      limit.done();
    }
  }

  #blame(peer: PeerId, why: string): void {
    this.#parts.recorder.record({ kind: 'bundle.tampered', peer, reason: why });
    this.#parts.network.penalise(peer, `bundles: ${why}`);
  }
}
