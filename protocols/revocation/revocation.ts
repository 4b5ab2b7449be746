import { toBase64url } from '../../crypto/bytes.ts';
import type { Delegation } from '../../crypto/chain.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { controllerOf, isoTime, type TokenSigner } from '../../crypto/jwt.ts';
import { ok, type Failure, type Result } from '../../crypto/result.ts';
import { signRevocation, type Revocation, type RevocationTarget, type TargetKind } from '../../crypto/statement.ts';
import type { RevocationParts, RevocationService } from './index.ts';
import { unsponsored } from './sponsorship.ts';

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

/** {@link RevocationService} over the index of a statement store. */
export class Revocations implements RevocationService {
  readonly #parts: RevocationParts;

  constructor(parts: RevocationParts) {
    this.#parts = parts;
  }

  async revoke(signer: TokenSigner, target: RevocationTarget, why: string): Promise<Result<Revocation>> {
    const { clock, store, statements } = this.#parts;
    const issuer = controllerOf(signer.key_id);
    const text = await signRevocation(signer, {
      target, why, seq: store.nextSequence(issuer), nbf: Math.floor(clock.now() / 1000),
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

  /** The DID itself and the sponsor in its record, as far as the record is known. */
  #overDid(did: string): readonly string[] {
    const sponsor = this.#parts.identity.known(did)?.sponsor;
    return sponsor === undefined || sponsor === null ? [did] : [did, sponsor];
  }

  revoked(link: Delegation, above: readonly Delegation[]): Failure | undefined {
    const authorities = new Set([link.sub, ...above.map((earlier) => earlier.iss), link.iss]);
    return this.#find(['delegation'], toBase64url(link.token.hash), authorities)
      ?? this.#find(['token'], link.jti, authorities)
      ?? this.#find(['key'], link.token.key_id, new Set([...authorities, ...this.#overDid(link.iss)]))
      ?? this.#find(['did', 'agent'], link.iss, new Set([...authorities, ...this.#overDid(link.iss)]))
      ?? this.#find(['did', 'agent'], link.aud, new Set([...authorities, ...this.#overDid(link.aud)]));
  }

  revokedDid(did: string): Failure | undefined {
    return this.#find(['did', 'agent'], did, this.#overDid(did));
  }

  revokedKey(key_id: string): Failure | undefined {
    return this.#find(['key'], key_id, this.#overDid(controllerOf(key_id)));
  }

  unsponsored(record: DidRecord, now_s: number = Math.floor(this.#parts.clock.now() / 1000)): Failure | undefined {
    const { store, identity } = this.#parts;
    return unsponsored(record, {
      now_s,
      record: (did) => identity.known(did),
      revocation: (kind, id, issuer) => store.revocation(kind, id, issuer),
    });
  }

  barred(record: DidRecord): Failure | undefined {
    return this.revokedDid(record.did) ?? this.unsponsored(record);
  }
}
