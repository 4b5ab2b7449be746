/** Which statement holds against another in its place, and for how long it is remembered. */
import { bundle_lifetime_s_max } from '../crypto/policy-bundle.ts';
import { endorsement_lifetime_s_max, head_lifetime_s_max, type Statement } from '../crypto/statement.ts';

/**
 * Until when a statement is remembered, in Unix seconds. What can be replaced
 * stays past its own end until everything that its issuer could have said before
 * has ended as well: dropped earlier, an older one with a later end could come
 * back from a peer.
 */
export function keptUntil(statement: Statement): number {
  switch (statement.kind) {
    case 'endorsement': return statement.nbf + endorsement_lifetime_s_max;
    case 'head': return statement.nbf + head_lifetime_s_max;
    case 'policy-bundle': return statement.nbf + bundle_lifetime_s_max;
    default: return statement.exp;
  }
}

/** Whether a statement holds against the one in its place, whatever the order in which they came: negative when it does. */
export function compareRivals(a: Statement, b: Statement): number {
  const by_hash = a.hash < b.hash ? -1 : Number(a.hash > b.hash);
  if (a.kind === 'endorsement' && b.kind === 'endorsement') return b.seq - a.seq || by_hash;
  if (a.kind === 'policy-bundle' && b.kind === 'policy-bundle') {
    // What is in force first: of two bundles that contradict each other the same one holds everywhere, however long either lives.
    const by_digest = a.digest < b.digest ? -1 : Number(a.digest > b.digest);
    return b.seq - a.seq || by_digest || a.bytes - b.bytes || b.exp - a.exp || by_hash;
  }
  if (a.kind === 'head' && b.kind === 'head') return b.number - a.number || b.sequence - a.sequence || b.exp - a.exp || by_hash;
  return by_hash;
}

/** Whom a proof accuses. */
export function accusedOf(statement: Statement): string | undefined {
  switch (statement.kind) {
    case 'duplicity': return statement.did;
    case 'equivocation': case 'audit-evidence': return statement.sub;
    default: return undefined;
  }
}
