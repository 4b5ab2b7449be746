/** Statements that accuse somebody carry their proof, which every receiver checks for itself. */
import { fromBase64url } from '../../crypto/bytes.ts';
import { decodeCbor } from '../../crypto/canonical.ts';
import { verifyDuplicity } from '../../crypto/did-duplicity.ts';
import { isEstablishment, isSigned, type Establishment, type Signed } from '../../crypto/did-events.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { verifyEquivocation, type DuplicityProof, type Statement } from '../../crypto/statement.ts';
import type { Identities } from './index.ts';

function eventOf(text: string): Signed<Establishment> | undefined {
  const bytes = fromBase64url(text);
  const decoded = bytes === undefined ? undefined : decodeCbor(bytes);
  return decoded?.ok === true && isSigned(decoded.value, isEstablishment) ? decoded.value : undefined;
}

function checkDuplicity(record: DidRecord, { number, events }: DuplicityProof): Result<void> {
  const [a, b] = events.map(eventOf);
  if (a === undefined || b === undefined) return fail('STATEMENT_UNPROVEN', 'an event of the proof is no signed establishment event');
  const verified = verifyDuplicity(record, number, a, b);
  // Whoever knows another history of the DID may be convinced by what does not fit ours: that is nobody's misdeed.
  return verified.ok ? verified : fail('STATEMENT_UNDECIDED', verified.failure.reason, { cause: verified.failure });
}

/**
 * Whether a statement that accuses a DID proves what it says; other statements
 * need no proof. Fails with `STATEMENT_UNPROVEN`, with `STATEMENT_KEY_UNKNOWN`
 * or `STATEMENT_UNDECIDED` where the record at hand does not go far enough, and
 * with `STATEMENT_ISSUER_UNKNOWN` where the record of the accused cannot be had.
 */
export async function checkProof(identity: Pick<Identities, 'resolve' | 'known'>, statement: Statement): Promise<Result<void>> {
  if (statement.kind !== 'duplicity' && statement.kind !== 'equivocation') return ok(undefined);
  const accused = statement.kind === 'duplicity' ? statement.did : statement.sub;
  const check = (record: DidRecord): Result<void> =>
    statement.kind === 'duplicity' ? checkDuplicity(record, statement) : verifyEquivocation(record, statement);
  const resolved = await identity.resolve(accused);
  const known = resolved.ok ? undefined : identity.known(accused);
  const first = resolved.ok ? check(resolved.value) : known === undefined ? resolved : check(known);
  if (first.ok || first === resolved || first.failure.code === 'STATEMENT_UNPROVEN') return first;
  const fresh = await identity.resolve(accused, { fresh: true });
  return fresh.ok ? check(fresh.value) : first;
}
