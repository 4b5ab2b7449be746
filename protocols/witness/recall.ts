/**
 * What a witness was shown of a log besides what it remembers. A store that was
 * damaged or put back makes a witness forget what it cosigned; the notes that go
 * around in the mesh still say it.
 */
import { equal } from '../../crypto/bytes.ts';
import { openCheckpoint, parseCheckpoint, verifyCosignature, withLines, type Checkpoint, type Cosignature } from '../../crypto/checkpoint.ts';
import { cosignatureTime, parseNote, type Verifier } from '../../crypto/note.ts';
import type { WitnessState } from './state.ts';

/** A checkpoint, and a note of it that the log signed. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: Uint8Array;
}

/** A checkpoint that the log signed, and the own cosignature under it, if there is one. */
export interface ShownCheckpoint extends SignedCheckpoint {
  readonly own: Cosignature | undefined;
}

/** Whether two checkpoints of one log are of the same tree. */
function isSameTree(a: Checkpoint, b: Checkpoint): boolean {
  return a.size === b.size && equal(a.root, b.root);
}

/** Takes a note apart that the log is said to have signed. `undefined` where it did not, and where the note says nothing beyond the state. */
export function shownBeyond(state: WitnessState | undefined, bytes: Uint8Array, log: Verifier, own: Verifier): ShownCheckpoint | undefined {
  const parsed = parseNote(bytes);
  const checkpoint = parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
  if (!parsed.ok || !checkpoint.ok) return undefined;
  const lines = parsed.value.signatures.filter(({ name }) => name === own.name);
  const is_news = state === undefined || checkpoint.value.size > state.size
    || (checkpoint.value.size === state.size && !equal(checkpoint.value.root, state.root))
    || lines.some(({ signature }) => (cosignatureTime(signature) ?? 0) > state.time_s);
  // Signatures are checked only where they could change something.
  const opened = is_news ? openCheckpoint(bytes, log) : undefined;
  if (opened?.ok !== true) return undefined;
  // Anybody may have added a line in the own name, so each is judged for itself.
  const cosignatures = lines.flatMap(({ line }) => {
    const cosignature = verifyCosignature(own, checkpoint.value, line);
    return cosignature.ok ? [cosignature.value] : [];
  });
  const [newest] = cosignatures.toSorted((a, b) => b.time_s - a.time_s);
  return { ...checkpoint.value, note: opened.value.bare, own: newest };
}

/** The state of a witness that cosigned what it was shown, whatever it remembers: no smaller size, no smaller time. */
export function recalled(state: WitnessState | undefined, { origin, size, root, note, own }: ShownCheckpoint): WitnessState | undefined {
  if (own === undefined) return state;
  const time_s = Math.max(own.time_s, state?.time_s ?? 0);
  if (state === undefined || size > state.size) return { origin, size, root, note: withLines(note, [own.line]), time_s, exposed: false };
  return time_s > state.time_s ? { ...state, time_s } : state;
}

/** What the next checkpoint must continue: the tree that was cosigned, or a larger one that was seen, unless it is that very one. */
export function baseOf(next: Checkpoint, state: WitnessState | undefined, seen: ShownCheckpoint | undefined): SignedCheckpoint | undefined {
  return seen === undefined || seen.size <= (state?.size ?? 0) || isSameTree(next, seen) ? state : seen;
}

/** Two notes of one size with two roots, if there are such. */
export function rivalsAmong(checkpoints: readonly SignedCheckpoint[]): readonly [SignedCheckpoint, SignedCheckpoint] | undefined {
  for (const [at, one] of checkpoints.entries()) {
    const other = checkpoints.slice(at + 1).find((each) => each.size === one.size && !equal(each.root, one.root));
    if (other !== undefined) return [one, other];
  }
  return undefined;
}
