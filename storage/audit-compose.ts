/** Makes the group of a commit out of the appends that wait: their entries, and their payloads sealed by subject. */
import { ok, fail, type Result } from '../crypto/result.ts';
import { groupLeaf, resealedLeaf, sealBox, unrecordedIndex, type BoxMember } from './audit-box.ts';
import { commitment, commitment_salt_bytes, entryEncoder } from './audit-entry.ts';
import type { Group, SealedBox } from './audit-group.ts';
import type { Pending } from './audit-queue.ts';
import type { Vault } from './vault.ts';

/** A group, and the appends that are its entries. */
export interface ComposedGroup extends Group {
  readonly admitted: readonly Pending[];
}

/** What composing needs of a log. `now` gives Unix milliseconds. */
export interface ComposeParts {
  readonly vault: Vault;
  readonly now: () => number;
  readonly log_number: number;
}

interface SubjectBox {
  readonly handle: Uint8Array;
  readonly members: BoxMember[];
}

/**
 * The group that begins at `first_index`. An append whose subject has lost its
 * key since it was queued is refused and left out.
 *
 * Fails as {@link Vault.seal} does.
 */
export function composeGroup({ vault, now, log_number }: ComposeParts, first_index: number, waiting: readonly Pending[]): Result<ComposedGroup> {
  const subjects = new Map<string, SubjectBox>();
  const entries: Uint8Array[] = [];
  const admitted: Pending[] = [];
  const encode = entryEncoder(now());
  const salts = vault.random(waiting.length * commitment_salt_bytes);
  for (const pending of waiting) {
    const { kind, content, subject } = pending;
    if (kind === 'event') {
      const handle = vault.handleOf(subject);
      if (handle === undefined) {
        pending.settle(fail('VAULT_SUBJECT_UNKNOWN', 'the subject was erased a moment ago', { fix: 'append again to begin anew' }));
        continue;
      }
      const position = entries.length;
      const salt = salts.subarray(position * commitment_salt_bytes, (position + 1) * commitment_salt_bytes);
      const box = subjects.get(subject);
      if (box === undefined) subjects.set(subject, { handle, members: [{ position, salt, payload: content }] });
      else box.members.push({ position, salt, payload: content });
      entries.push(encode(kind, commitment(salt, content)));
    } else {
      entries.push(encode(kind, content));
    }
    admitted.push(pending);
  }
  const boxes: SealedBox[] = [];
  for (const { handle, members } of subjects.values()) {
    const place = { log_number, first_index };
    const sealed = sealBox(vault, place, { handle, leaf: groupLeaf(log_number, first_index) }, members);
    // A log that lost its end may have forgotten the key of an entry that had this index before.
    const box = sealed.ok ? sealed : sealBox(vault, place, { handle, leaf: resealedLeaf(log_number, unrecordedIndex(vault)) }, members);
    if (!box.ok) return box;
    boxes.push(box.value);
  }
  return ok({ entries, boxes, admitted });
}
