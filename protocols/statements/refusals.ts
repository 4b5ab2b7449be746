import { RecentMap } from '../../crypto/recent.ts';
import type { Failure } from '../../crypto/result.ts';
import type { Clock } from '../ports.ts';
import { first_refusal_ms, lasting_refusal_ms, refusal_ms_max, refusals_max } from './constants.ts';
import type { Identities } from './index.ts';

interface Refusal {
  readonly until_ms: number;
  /** How often it was refused before. */
  readonly times: number;
  /** Whose record was missing. */
  readonly unknown_issuer?: string;
}

const durations_ms: { readonly [code: string]: number } = {
  STATEMENT_STALE: lasting_refusal_ms,
  STATEMENT_EQUIVOCATION: lasting_refusal_ms,
  TOKEN_EXPIRED: lasting_refusal_ms,
};

/**
 * Statements that peers have and this host has a reason not to keep: they are
 * not fetched again and again, and do not make a sync incomplete. One whose
 * issuer's record nobody has waits until somebody brings the record: before,
 * nothing in which the issuer has a part can be verified here either, so that
 * nothing is allowed which its revocation would forbid.
 */
export class Refusals {
  readonly #parts: { readonly clock: Clock; readonly identity: Pick<Identities, 'known'> };
  readonly #refusals = new RecentMap<string, Refusal>(refusals_max);

  constructor(parts: { readonly clock: Clock; readonly identity: Pick<Identities, 'known'> }) {
    this.#parts = parts;
  }

  /** Remembers why a statement of this hash (base64url) was not kept. */
  note(hash: string, failure: Failure): void {
    const times = (this.#refusals.get(hash)?.times ?? -1) + 1;
    // What time or a better record may change is tried again soon at first, and then ever more seldom.
    const until_ms = this.#parts.clock.now() + (durations_ms[failure.code] ?? Math.min(first_refusal_ms * 2 ** times, refusal_ms_max));
    const issuer = failure.code === 'STATEMENT_ISSUER_UNKNOWN' ? failure.detail?.['issuer'] : undefined;
    this.#refusals.set(hash, { until_ms, times, ...(typeof issuer === 'string' ? { unknown_issuer: issuer } : {}) });
  }

  /** Whether a statement of this hash need not be fetched. */
  has(hash: string): boolean {
    const refusal = this.#refusals.get(hash);
    if (refusal === undefined || refusal.until_ms <= this.#parts.clock.now()) return false;
    return refusal.unknown_issuer === undefined || this.#parts.identity.known(refusal.unknown_issuer) === undefined;
  }
}
