/**
 * How one log of a host follows another: the genesis entry of the successor is
 * the last checkpoint of the log before it, and that log ends, where it could
 * still be written, with an entry that names its successor.
 */
import { concat, equal, fromUtf8, utf8 } from '../crypto/bytes.ts';
import { didOfOrigin, openCheckpoint, parseCheckpoint, parseDecimal, type Checkpoint } from '../crypto/checkpoint.ts';
import { verifyConsistency } from '../crypto/merkle.ts';
import { parseNote, parseVerifier, signature_type_log, type Verifier } from '../crypto/note.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { decodeEntry } from './audit-entry.ts';

/** What a genesis entry says: nothing, what came before, or what comes after. */
export type Genesis =
  | { readonly kind: 'first' }
  /** The last checkpoint of the log before, as a note, whose signature is for the reader to verify; and how many of its entries the host still has. */
  | { readonly kind: 'successor'; readonly note: Uint8Array; readonly predecessor: Checkpoint; readonly kept: number }
  | { readonly kind: 'close'; readonly successor: Verifier };

/** The body of the last entry of a log that ends in good order: the vkey of its successor and a newline. */
export function closeBody(successor_verifier_key: string): Uint8Array {
  return utf8(`${successor_verifier_key}\n`);
}

/**
 * The body of the first entry of a successor: the largest checkpoint that the log
 * before it is known to have signed, and, where the host has not all of its
 * entries any more, a blank line and `kept`, a space and how many it has.
 */
export function successorBody(ended: { readonly note: Uint8Array; readonly size: number }, kept: number): Uint8Array {
  return kept < ended.size ? concat(ended.note, utf8(`\nkept ${kept}\n`)) : ended.note;
}

const kept_line = /^(?<note>.*\n)\nkept (?<kept>[0-9]{1,16})\n$/s;

/** Parses the body of a genesis entry. Fails with `AUDIT_GENESIS_INVALID`. */
export function parseGenesis(body: Uint8Array): Result<Genesis> {
  if (body.length === 0) return ok({ kind: 'first' });
  const text = fromUtf8(body);
  const successor = text?.endsWith('\n') === true ? parseVerifier(text.slice(0, -1)) : undefined;
  if (successor?.ok === true && successor.value.type === signature_type_log) return ok({ kind: 'close', successor: successor.value });
  const groups = kept_line.exec(text ?? '')?.groups;
  const bytes = groups?.['note'] === undefined ? body : utf8(groups['note']);
  const note = parseNote(bytes);
  const checkpoint = note.ok ? parseCheckpoint(note.value.text) : note;
  const size = checkpoint.ok ? checkpoint.value.size : 0;
  const kept = groups === undefined ? size : parseDecimal(groups['kept'] ?? '');
  const is_less = kept !== undefined && (groups === undefined || kept < size);
  if (checkpoint.ok && is_less) return ok({ kind: 'successor', note: bytes, predecessor: checkpoint.value, kept });
  return fail('AUDIT_GENESIS_INVALID', 'a genesis entry is empty, or holds a checkpoint of the log before it, or the vkey of the one after it');
}

/** A checkpoint of the older log that an auditor holds, and what it needs to judge it. */
export interface HeldCheckpoint {
  /** The checkpoint's note. */
  readonly note: Uint8Array;
  /** The key of the older log. */
  readonly verifier: Verifier;
  /** Consistency proof from the held checkpoint to the one in the genesis entry, where that is larger. */
  readonly proof?: readonly Uint8Array[];
}

/** How two logs are linked. */
export interface Succession {
  /** With what the older log ended, by the word of the newer one. */
  readonly ended: Checkpoint;
  /** Entries that the older log is proven to have had and its host has no more, or does not follow: 0 for an honest end. */
  readonly entries_lost: number;
}

/**
 * Whether a log goes on where another ended, seen from outside. `genesis_entry`
 * is entry 0 of the log `origin`, proven to be in it by the caller.
 *
 * Fails with `AUDIT_GENESIS_INVALID` where the entry names no log before it, `AUDIT_NOT_SUCCESSOR` where it names
 * another one or its checkpoint is not signed, a code of {@link openCheckpoint} for the held checkpoint,
 * `AUDIT_SUCCESSION_FORKED` where the older log signed two roots for one size, and `AUDIT_SUCCESSION_UNPROVEN` without the proof.
 */
export function followsFrom(genesis_entry: Uint8Array, origin: string, held: HeldCheckpoint): Result<Succession> {
  const entry = decodeEntry(genesis_entry);
  if (!entry.ok) return entry;
  const genesis = entry.value.kind === 'genesis' ? parseGenesis(entry.value.body) : fail('AUDIT_GENESIS_INVALID', 'the first entry of a log is its genesis entry');
  if (!genesis.ok) return genesis;
  if (genesis.value.kind !== 'successor') return fail('AUDIT_GENESIS_INVALID', 'the genesis entry names no log before it');
  const opened = openCheckpoint(held.note, held.verifier);
  if (!opened.ok) return opened;
  const ended = openCheckpoint(genesis.value.note, held.verifier);
  const one_host = didOfOrigin(origin) !== undefined && didOfOrigin(origin) === didOfOrigin(held.verifier.name);
  if (!ended.ok || !one_host || origin === held.verifier.name) {
    return fail('AUDIT_NOT_SUCCESSOR', `${origin} does not say under the key of ${held.verifier.name} that it follows that log`);
  }
  return linked(opened.value.checkpoint, { ended: ended.value.checkpoint, kept: genesis.value.kept }, held.proof ?? []);
}

function linked(held: Checkpoint, { ended, kept }: { readonly ended: Checkpoint; readonly kept: number }, proof: readonly Uint8Array[]): Result<Succession> {
  const entries_lost = Math.max(held.size, ended.size) - kept;
  if (held.size > ended.size) return ok({ ended, entries_lost });
  const was = { old_size: held.size, old_root: held.root };
  if (held.size === ended.size) {
    return equal(held.root, ended.root) ? ok({ ended, entries_lost })
      : fail('AUDIT_SUCCESSION_FORKED', `the log signed two roots for ${held.size} entries`, { fix: 'keep both checkpoints: they are evidence' });
  }
  if (held.size === 0 || verifyConsistency({ ...was, size: ended.size, root: ended.root, proof }).ok) return ok({ ended, entries_lost });
  return fail('AUDIT_SUCCESSION_UNPROVEN', `the checkpoint of ${held.size} entries is not shown to be a beginning of the ${ended.size} that the log is said to have ended with`, {
    fix: 'give a consistency proof between the two',
  });
}
