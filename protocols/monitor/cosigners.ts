/** Witnesses whose cosignatures under two notes of one log contradict each other. */
import { equal } from '../../crypto/bytes.ts';
import { cosignerRollbackEvidence, cosignerSplitEvidence } from '../../crypto/fork-evidence.ts';
import { cosignatureTime, type NoteSignature } from '../../crypto/note.ts';
import type { Result } from '../../crypto/result.ts';
import type { SeenNote } from './seen-note.ts';

/** What two notes seem to prove about a witness; nothing of it is verified. */
export interface CosignerSuspicion {
  /** The name of the witness. */
  readonly name: string;
  /** Builds the evidence under the witness's vkey, and fails where there is none. */
  build(verifier_key: string): Result<Uint8Array>;
}

function timeOf({ signature }: NoteSignature): number {
  return cosignatureTime(signature) ?? 0;
}

/**
 * The witnesses with lines under both notes of one log where no honest one has
 * them: under two roots of one size, or under a smaller tree at a later time. It
 * costs no signature check, so that one is made only where there is a reason.
 */
export function suspiciousCosigners(one: SeenNote, other: SeenNote): readonly CosignerSuspicion[] {
  const is_split = one.size === other.size && !equal(one.root, other.root);
  if (one.origin !== other.origin || (one.size === other.size && !is_split)) return [];
  const [smaller, larger] = one.size < other.size ? [one, other] : [other, one];
  return larger.signatures.flatMap((line) => {
    const twin = line.name === one.origin ? undefined : smaller.signatures.find(({ name, key_id }) => name === line.name && equal(key_id, line.key_id));
    if (twin === undefined || (!is_split && timeOf(twin) <= timeOf(line))) return [];
    const build = is_split ? cosignerSplitEvidence : cosignerRollbackEvidence;
    return [{ name: line.name, build: (verifier_key) => build(verifier_key, [larger.bytes, smaller.bytes]) } satisfies CosignerSuspicion];
  });
}
