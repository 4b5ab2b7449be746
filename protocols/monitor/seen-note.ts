import { didOfOrigin, parseCheckpoint, type Checkpoint } from '../../crypto/checkpoint.ts';
import { parseNote, type NoteSignature } from '../../crypto/note.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { pushed_note_bytes_max } from './constants.ts';

/** A checkpoint note taken apart; whether its signatures hold is another question. */
export interface SeenNote extends Checkpoint {
  /** The DID in its origin. */
  readonly did: string;
  /** The note as it came, cosignatures included. */
  readonly bytes: Uint8Array;
  readonly signatures: readonly NoteSignature[];
}

/**
 * Takes a note apart: size first, then shape. It is a checkpoint of at least one
 * entry, named after a DID, with a line of its own log. Fails with
 * `NOTE_TOO_LARGE`, `NOTE_INVALID` or `CHECKPOINT_INVALID`.
 */
export function seenNote(bytes: Uint8Array): Result<SeenNote> {
  if (bytes.length > pushed_note_bytes_max) return fail('NOTE_TOO_LARGE', `a checkpoint that is passed on has at most ${pushed_note_bytes_max} bytes, this one has ${bytes.length}`);
  const note = parseNote(bytes);
  if (!note.ok) return note;
  const checkpoint = parseCheckpoint(note.value.text);
  if (!checkpoint.ok) return checkpoint;
  const { signatures } = note.value;
  const { origin, size } = checkpoint.value;
  const did = didOfOrigin(origin);
  if (did === undefined || size === 0 || !signatures.some(({ name }) => name === origin)) {
    return fail('CHECKPOINT_INVALID', 'a checkpoint that is passed on has entries, is named after a DID and carries the line of its own log');
  }
  return ok({ ...checkpoint.value, did, bytes, signatures });
}
