/** The chains that a host keeps. What others offer has bounds of its own, so that it never takes the place of what is issued here. */
import { assert } from '../../crypto/assert.ts';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, isStrings } from '../../crypto/canonical.ts';
import { parseChain, type Delegation } from '../../crypto/chain.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { Change, Clock, Store } from '../ports.ts';
import { delegations_max, delegations_of_foreign_root_max, delegations_of_holder_max } from './constants.ts';

/** A chain that one of our identities issued or holds. */
export interface HeldDelegation {
  /** SHA-256 of the last link, base64url. */
  readonly id: string;
  readonly chain: readonly string[];
  readonly links: readonly Delegation[];
  /** The sponsor whose authority it is. */
  readonly root: string;
  /** Who signed the last link, and to whom it was given. */
  readonly issuer: string;
  readonly holder: string;
  /** When the first link expires, Unix seconds. */
  readonly exp: number;
}

/** What {@link KeptDelegations} use. */
export interface KeptParts {
  readonly clock: Pick<Clock, 'now'>;
  readonly store: Store;
  /** Whether a DID is of this host. */
  own(did: string): object | undefined;
  /** The sponsors whose delegations somebody on this host honours. */
  honoured(): ReadonlySet<string>;
}

/** So many chains of one sort. */
interface Bound {
  readonly chains_max: number;
  readonly whose: string;
  counts(other: HeldDelegation): boolean;
}

function heldOf(links: readonly Delegation[]): HeldDelegation {
  const [first] = links;
  const last = links.at(-1);
  assert(first !== undefined && last !== undefined, 'a chain has links');
  return {
    id: toBase64url(last.token.hash), chain: links.map((link) => link.token.text), links,
    root: first.sub, issuer: last.iss, holder: last.aud, exp: Math.min(...links.map((link) => link.exp)),
  };
}

/** The chains that were issued here, and those that others offered, in memory and in the store. */
export class KeptDelegations {
  readonly #parts: KeptParts;
  readonly #kept = new Map<string, HeldDelegation>();

  constructor(parts: KeptParts) {
    this.#parts = parts;
  }

  /** Loads what is stored. */
  async load(): Promise<void> {
    for await (const [, value] of this.#parts.store.entries('delegation', {})) {
      const decoded = decodeCbor(value);
      const links = decoded.ok && isStrings(decoded.value) ? parseChain(decoded.value) : undefined;
      if (links?.ok !== true) continue;
      const held = heldOf(links.value);
      this.#kept.set(held.id, held);
    }
  }

  /** The chain of this id. */
  get(id: string): HeldDelegation | undefined {
    return this.#kept.get(id);
  }

  /** Every chain that is kept. */
  list(): readonly HeldDelegation[] {
    return [...this.#kept.values()];
  }

  /**
   * Keeps a verified chain. Where a bound is reached, expired chains go, and
   * for one that somebody here honours the oldest that nobody does. Fails with
   * `DELEGATIONS_FULL`.
   */
  async keep(links: readonly Delegation[]): Promise<Result<HeldDelegation>> {
    const held = heldOf(links);
    const honoured = this.#parts.honoured();
    const isForeign = (other: HeldDelegation): boolean => !this.#isIssued(other) && !honoured.has(other.root);
    const dropped = new Set<HeldDelegation>();
    for (const { chains_max, whose, counts } of this.#boundsOf(held, isForeign(held))) {
      const crowd = this.list().filter((other) => !dropped.has(other) && counts(other));
      if (crowd.length < chains_max) continue;
      const expired = crowd.filter((other) => other.exp <= this.#parts.clock.now() / 1000);
      const yielding = expired.length > 0 || isForeign(held) ? expired : crowd.filter(isForeign).slice(0, 1);
      if (yielding.length === 0) return fail('DELEGATIONS_FULL', `this host keeps at most ${chains_max} delegations ${whose}`, { fix: 'wait until one of them expires' });
      for (const other of yielding) dropped.add(other);
    }
    const changes: Change[] = [...dropped].map(({ id }) => ({ space: 'delegation', key: utf8(id) }));
    for (const { id } of dropped) this.#kept.delete(id);
    this.#kept.set(held.id, held);
    await this.#parts.store.batch([...changes, { space: 'delegation', key: utf8(held.id), value: encodeCbor(held.chain) }], { sync: true });
    return ok(held);
  }

  #isIssued({ issuer }: HeldDelegation): boolean {
    return this.#parts.own(issuer) !== undefined;
  }

  #boundsOf(held: HeldDelegation, is_foreign: boolean): readonly Bound[] {
    const issued: Bound = { chains_max: delegations_max, whose: 'that were issued here', counts: (other) => this.#isIssued(other) };
    if (this.#isIssued(held)) return [issued];
    const isOffered = (other: HeldDelegation): boolean => !this.#isIssued(other);
    const of_root: Bound = { chains_max: delegations_of_foreign_root_max, whose: `of ${held.root}, whom nobody here answers to`, counts: (other) => other.root === held.root && isOffered(other) };
    return [
      ...(is_foreign ? [of_root] : []),
      { chains_max: delegations_of_holder_max, whose: `that others gave to ${held.holder}`, counts: (other) => other.holder === held.holder && isOffered(other) },
      { chains_max: delegations_max, whose: 'that others gave', counts: isOffered },
    ];
  }
}
