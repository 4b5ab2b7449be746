import type { PolicyBundle } from '../../crypto/policy-bundle.ts';
import type { Result } from '../../crypto/result.ts';
import type { Identity } from '../identity/index.ts';
import type { Clock, Network, Random, Recorder } from '../ports.ts';
import { PeerBundles } from './exchange.ts';

export { encodeBundle, parseBundle, type BundleContent, type BundledPolicy } from './content.ts';

/** What the exchange of bundles uses. */
export interface BundleExchangeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly identity: Pick<Identity, 'known'>;
  readonly recorder: Recorder;
  /** The bytes of a bundle that this host gives to whoever asks, by their SHA-256. */
  content(digest: Uint8Array): Promise<Uint8Array | undefined>;
}

/** A bundle to ask for, as its statement names it. */
export type WantedBundle = Pick<PolicyBundle, 'iss' | 'digest' | 'bytes'>;

/** Bundles of policies, asked of peers by their hash and given on. */
export interface BundleExchange {
  /** Registers the protocol. Before the network starts. */
  start(): void;
  /**
   * The bytes of a bundle, from the host of its organisation or else from any
   * peer; length and hash are checked. Fails with `BUNDLE_UNAVAILABLE`.
   */
  fetch(wanted: WantedBundle, signal: AbortSignal): Promise<Result<Uint8Array>>;
}

/** The exchange of bundles over its parts. */
export const bundleExchange = (parts: BundleExchangeParts): BundleExchange => new PeerBundles(parts);
