/** Revocations outlive the keys that signed them: after a rotation they are signed again, so that those who join later can verify them too. */
import { fromBase64url } from '../crypto/bytes.ts';
import { messageOf } from '../crypto/result.ts';
import { parseStatement } from '../crypto/statement.ts';
import { signsFor } from '../protocols/identity/index.ts';
import type { Recorder } from '../protocols/ports.ts';
import type { RevocationService } from '../protocols/revocation/index.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { LocalIdentity } from './identities.ts';

/** What reaffirming uses. */
export interface ReaffirmingParts {
  readonly recorder: Recorder;
  readonly statement_store: Pick<StatementStore, 'get' | 'revocation' | 'revocations'>;
  readonly revocation: Pick<RevocationService, 'revoke'>;
}

/**
 * Signs again what an identity of ours has revoked, where the key that signed it
 * counts for nothing any more: voided after a theft, or too long ago. Says how
 * many those were. One that cannot be signed is told of and does not hold up the others.
 */
export async function reaffirm({ recorder, statement_store, revocation }: ReaffirmingParts, identity: LocalIdentity): Promise<number> {
  let count = 0;
  for (const { iss, target, why, nbf, hash } of statement_store.revocations()) {
    // Of several of one target the one that lasts longest speaks for all.
    if (iss !== identity.did || statement_store.revocation(target.kind, target.id, iss)?.hash !== hash) continue;
    const text = await statement_store.get(fromBase64url(hash) ?? new Uint8Array());
    const parsed = text === undefined ? undefined : parseStatement(text);
    if (parsed?.ok === true && signsFor(identity, parsed.value.token.key_id, nbf)) continue;
    const revoked = await revocation.revoke(identity.signer, target, why);
    if (revoked.ok) count += 1;
    else recorder.record({ kind: 'revocation.reaffirm-failed', did: iss, statement: hash, code: revoked.failure.code });
  }
  return count;
}

/** Does so for every identity that was rotated: a host may have stopped between a rotation and what follows from it. */
export async function reaffirmAll(parts: ReaffirmingParts, identities: readonly LocalIdentity[]): Promise<void> {
  for (const identity of identities) {
    if (identity.establishments.length < 2 || identity.deactivated) continue;
    try {
      await reaffirm(parts, identity);
    } catch (error) {
      parts.recorder.record({ kind: 'revocation.reaffirm-failed', did: identity.did, reason: messageOf(error) });
    }
  }
}
