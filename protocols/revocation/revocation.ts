import { toBase64url } from '../../crypto/bytes.ts';
import type { Delegation } from '../../crypto/chain.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { controllerOf, isoTime, type TokenSigner } from '../../crypto/jwt.ts';
import { ok, type Failure, type Result } from '../../crypto/result.ts';
import { signRevocation, type Revocation, type RevocationTarget, type TargetKind } from '../../crypto/statement.ts';
import { accountable_levels_max } from '../limits.ts';
import { unixSeconds } from '../time.ts';
import type { RevocationParts, RevocationService, Standing } from './index.ts';
import { operatorOf, unsponsored, type SponsorshipEvidence } from './sponsorship.ts';

const target_words: { readonly [kind in TargetKind]: string } = {
  delegation: 'the delegation', token: 'the token', key: 'the key', did: 'the DID', agent: 'the agent', sponsorship: 'the sponsorship of',
};

function failureOf(revocation: Revocation): Failure {
  const { target, iss, nbf, why, hash } = revocation;
  return {
    code: 'REVOKED',
    reason: `${target_words[target.kind]} ${target.id} was revoked by ${iss} at ${isoTime(nbf)}${why === '' ? '' : `: ${why}`}`,
    fix: 'a revocation is final: ask for a new delegation, key or identity',
    detail: { kind: target.kind, id: target.id, by: iss, statement: hash },
  };
}

/** Whether a target is a link, or what a link cannot be without. */
function isNamed(link: Delegation, { kind, id }: RevocationTarget): boolean {
  switch (kind) {
    case 'delegation': return toBase64url(link.token.hash) === id;
    case 'token': return link.jti === id;
    case 'key': return link.token.key_id === id;
    case 'did': case 'agent': return link.iss === id || link.aud === id;
    case 'sponsorship': return false;
  }
}

/**
 * {@link RevocationService} over the index of a statement store.
 *
 * A revocation carries no proof that its issuer stands above its target. Whoever
 * uses a chain shows the whole chain, and whoever acts is known by a record that
 * names its sponsor, so the ancestry is at hand exactly where the question comes
 * up, and nobody else's word for it is needed.
 */
export class Revocations implements RevocationService {
  readonly #parts: RevocationParts;

  constructor(parts: RevocationParts) {
    this.#parts = parts;
  }

  async revoke(signer: TokenSigner, target: RevocationTarget, why: string): Promise<Result<Revocation>> {
    const { clock, store, statements } = this.#parts;
    const issuer = controllerOf(signer.key_id);
    const text = await signRevocation(signer, {
      target, why, seq: store.nextSequence(issuer), nbf: unixSeconds(clock),
    });
    if (!text.ok) return text;
    const published = await statements.publish(text.value);
    if (!published.ok) return published;
    if (published.value.kind !== 'revocation') throw new Error('broken invariant: a signed revocation is a revocation');
    return ok(published.value);
  }

  #find(kinds: readonly TargetKind[], id: string, authorities: Iterable<string>): Failure | undefined {
    for (const authority of authorities) {
      for (const kind of kinds) {
        const revocation = this.#parts.store.revocation(kind, id, authority);
        if (revocation !== undefined) return failureOf(revocation);
      }
    }
    return undefined;
  }

  answerable(did: string): readonly string[] {
    const over = [did];
    let sponsor = this.#parts.identity.known(did)?.sponsor ?? null;
    while (sponsor !== null && over.length < accountable_levels_max) {
      over.push(sponsor);
      sponsor = this.#parts.identity.known(sponsor)?.sponsor ?? null;
    }
    return over;
  }

  /** Who may end a link: everybody who stands above it, and those who answer for them. */
  #overLink(link: Delegation, above: readonly Delegation[]): ReadonlySet<string> {
    return new Set([link.sub, ...above.map((earlier) => earlier.iss), link.iss].flatMap((did) => this.answerable(did)));
  }

  revoked(link: Delegation, above: readonly Delegation[]): Failure | undefined {
    const authorities = this.#overLink(link, above);
    return this.#find(['delegation'], toBase64url(link.token.hash), authorities)
      ?? this.#find(['token'], link.jti, authorities)
      ?? this.#find(['key'], link.token.key_id, authorities)
      ?? this.#find(['did', 'agent'], link.iss, authorities)
      ?? this.#find(['did', 'agent'], link.aud, new Set([...authorities, ...this.answerable(link.aud)]));
  }

  revokedDid(did: string): Failure | undefined {
    return this.#find(['did', 'agent'], did, this.answerable(did));
  }

  revokedKey(key_id: string): Failure | undefined {
    return this.#find(['key'], key_id, this.answerable(controllerOf(key_id)));
  }

  ended(did: string): Failure | undefined {
    const over = this.answerable(did);
    for (const [level, each] of over.entries()) {
      const found = this.#find(['did', 'agent'], each, over.slice(level)) ?? this.#find(['sponsorship'], each, over.slice(level + 1));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  unsponsored(record: DidRecord, now_s: number = unixSeconds(this.#parts.clock)): Failure | undefined {
    return unsponsored(record, this.#evidence(now_s));
  }

  operator(node: DidRecord): string | undefined {
    return operatorOf(node, this.#evidence(unixSeconds(this.#parts.clock)));
  }

  #evidence(now_s: number): SponsorshipEvidence {
    const { store, identity } = this.#parts;
    return {
      now_s,
      record: (did) => identity.known(did),
      revocation: (kind, id, issuer) => store.revocation(kind, id, issuer),
    };
  }

  barred(record: DidRecord): Failure | undefined {
    // The more telling code first: a sponsor that withdrew is said so, though what it withdrew is revoked as well.
    return this.#duplicity(record) ?? this.revokedDid(record.did) ?? this.unsponsored(record) ?? this.ended(record.did);
  }

  /** Two histories of the DID, or of who answers for it, whose attestation then means nothing. */
  #duplicity({ did, sponsor }: DidRecord): Failure | undefined {
    // By what this very record says of its sponsor, whether or not it is the record that is known here.
    for (const each of [did, ...(sponsor === null ? [] : this.answerable(sponsor))]) {
      const found = this.#parts.duplicity?.(each);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  standing({ iss, target }: Pick<Revocation, 'iss' | 'target'>, chains: Iterable<readonly Delegation[]>): Standing {
    const { kind, id } = target;
    const over_links = this.#standingOverLinks(iss, target, chains);
    if (kind === 'delegation' || kind === 'token' || over_links === 'in force') return over_links;
    const over = this.answerable(kind === 'key' ? controllerOf(id) : id);
    if ((kind === 'sponsorship' ? over.slice(1) : over).includes(iss)) return 'in force';
    const [last = id] = over.slice(-1);
    // Above somebody whose record is not at hand there may be the issuer.
    const is_complete = over.length >= accountable_levels_max || this.#parts.identity.known(last)?.sponsor === null;
    return is_complete ? 'without authority' : 'pending';
  }

  supposing(revocation: Revocation): RevocationService {
    const { store } = this.#parts;
    const { kind, id } = revocation.target;
    return new Revocations({
      ...this.#parts,
      store: {
        nextSequence: (issuer) => store.nextSequence(issuer),
        revocation: (of, target, issuer) => of === kind && target === id && issuer === revocation.iss ? revocation : store.revocation(of, target, issuer),
      },
    });
  }

  /** What it does to the links that it names, themselves or by their key or the DID at either end: who stands above one may end it there. */
  #standingOverLinks(iss: string, target: RevocationTarget, chains: Iterable<readonly Delegation[]>): Standing {
    let is_known = false;
    for (const links of chains) {
      for (const [index, link] of links.entries()) {
        if (!isNamed(link, target)) continue;
        if (this.#overLink(link, links.slice(0, index)).has(iss)) return 'in force';
        is_known = true;
      }
    }
    return is_known ? 'without authority' : 'pending';
  }
}
