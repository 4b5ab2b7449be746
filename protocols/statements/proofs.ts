/** Statements that accuse somebody carry their proof, which every receiver checks for itself. */
import { fromBase64url } from '../../crypto/bytes.ts';
import { decodeCbor } from '../../crypto/canonical.ts';
import { verifyDuplicity } from '../../crypto/did-duplicity.ts';
import { isEstablishment, isSigned, type Establishment, type Signed } from '../../crypto/did-events.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { checkAccused, openAuditEvidence, verifyEquivocation, type DuplicityProof, type Statement } from '../../crypto/statement.ts';
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

/** What proofs are checked with. */
export interface ProofParts extends Pick<Identities, 'resolve' | 'known'> {
  /** Whether this host has seen the record of a DID name that log or witness, whatever the record says now. */
  wasListed?(name: string): boolean;
}

/** Checks a proof, given the record of the accused. */
type Check = (record: DidRecord) => Result<void>;

/** Whom a statement accuses, and how that is checked; `undefined` where it accuses nobody. A check that needs no record has none. */
function accusation({ wasListed }: ProofParts, statement: Statement): Result<{ readonly did: string; readonly check?: Check }> | undefined {
  switch (statement.kind) {
    case 'duplicity': return ok({ did: statement.did, check: (record) => checkDuplicity(record, statement) });
    case 'equivocation': return ok({ did: statement.sub, check: (record) => verifyEquivocation(record, statement) });
    case 'audit-evidence': {
      const opened = openAuditEvidence(statement);
      if (!opened.ok) return opened;
      // Who has told two stories may take the key out of his record; those who followed his log remember it.
      if (wasListed?.(opened.value.accused.name) === true) return ok({ did: statement.sub });
      return ok({ did: statement.sub, check: (record) => checkAccused(record, opened.value) });
    }
    default: return undefined;
  }
}

/**
 * Whether a statement that accuses a DID proves what it says; other statements
 * need no proof. Fails with `STATEMENT_UNPROVEN`, with `STATEMENT_KEY_UNKNOWN`
 * or `STATEMENT_UNDECIDED` where the record at hand does not go far enough, and
 * with `STATEMENT_ISSUER_UNKNOWN` where the record of the accused cannot be had.
 */
export async function checkProof(parts: ProofParts, statement: Statement): Promise<Result<void>> {
  const accused = accusation(parts, statement);
  if (accused?.ok === false) return accused;
  const { did, check } = accused?.value ?? {};
  if (did === undefined || check === undefined) return ok(undefined);
  const resolved = await parts.resolve(did);
  const known = resolved.ok ? undefined : parts.known(did);
  const first = resolved.ok ? check(resolved.value) : known === undefined ? resolved : check(known);
  if (first.ok || first === resolved || first.failure.code === 'STATEMENT_UNPROVEN') return first;
  const fresh = await parts.resolve(did, { fresh: true });
  return fresh.ok ? check(fresh.value) : first;
}
