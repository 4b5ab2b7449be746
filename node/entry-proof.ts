/** What a proof file shows of the entry that it proves, held against a policy: with no node and no network. */
import { fromUtf8, toBase64, toBase64url } from '../crypto/bytes.ts';
import { leafHash } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { LogPolicy } from '../crypto/tlog-policy.ts';
import { parseProof, verifyProof } from '../crypto/tlog-proof.ts';
import { decodeDisclosure } from '../storage/audit-entry.ts';
import type { VerifiedView } from './control/audit-entry-views.ts';

/**
 * Verifies the proof of an entry. A payload that is shown with it is held against the commitment in
 * the entry first, so a payload in the answer is the one that was recorded.
 *
 * Fails with `PROOF_WITHOUT_ENTRY`, `DISCLOSURE_INVALID`, `AUDIT_ENTRY_INVALID`, `TLOG_PROOF_INVALID`, or as `verifyProof` does.
 */
export function verifyEntryProof(proof_bytes: Uint8Array, policy: LogPolicy): Result<VerifiedView> {
  const proof = parseProof(proof_bytes);
  if (!proof.ok) return proof;
  if (proof.value.extra === undefined) {
    return fail('PROOF_WITHOUT_ENTRY', 'the proof does not carry the entry that it proves', { fix: 'ask the owner of the log for agentmesh audit prove <index>' });
  }
  const disclosure = decodeDisclosure(proof.value.extra);
  if (!disclosure.ok) return disclosure;
  const { entry, parsed, opened } = disclosure.value;
  const leaf_hash = leafHash(entry);
  const verified = verifyProof(proof_bytes, leaf_hash, policy);
  if (!verified.ok) return verified;
  const { checkpoint, cosignatures, index } = verified.value;
  return ok({
    origin: checkpoint.origin,
    index,
    size: checkpoint.size,
    leaf_hash: toBase64url(leaf_hash),
    cosignatures: cosignatures.length,
    kind: parsed.kind,
    time_ms: parsed.time_ms,
    payload: opened === undefined ? null : fromUtf8(opened.payload) ?? toBase64(opened.payload),
  });
}
