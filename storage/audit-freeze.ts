/** Why a log was frozen, as its file says it: what is damaged can be mended, a history that was signed twice cannot. */
import { concat, fromUtf8, utf8 } from '../crypto/bytes.ts';
import type { Verifier } from '../crypto/note.ts';
import { messageOf, type Failure } from '../crypto/result.ts';
import { signedHead, type SignedHead } from './audit-heads.ts';
import type { Files } from './files.ts';

/** The file that keeps why a log was frozen. */
export const frozen_file = 'frozen';

/**
 * `damage`: the store is not what was written, and may be refilled from copies.
 * `history`: somebody holds a head of this log that it does not know, so that only a successor can go on.
 */
export type FreezeCause = 'damage' | 'history';

/** Why a log is read-only. */
export interface Freeze {
  readonly cause: FreezeCause;
  readonly reason: string;
  /** The largest checkpoint of the log that others showed, with the log's own signature alone. */
  readonly note?: Uint8Array;
}

const damage_mark = 'damage: ';
const history_mark = 'history: ';

/** The bytes of the file: the cause, a colon and the reason in words on one line, and the checkpoint that others showed, if any. */
export function encodeFreeze({ cause, reason, note }: Freeze): Uint8Array {
  const line = utf8(`${cause === 'damage' ? damage_mark : history_mark}${reason.replaceAll(/\s*\n\s*/g, ' ')}`);
  return note === undefined ? line : concat(line, utf8('\n'), note);
}

/** Reads the file. What does not name a cause counts as the worse one; the signature of the checkpoint is for the reader to verify. */
export function decodeFreeze(bytes: Uint8Array): Freeze {
  const text = fromUtf8(bytes);
  if (text === undefined) return { cause: 'history', reason: 'it was frozen before, for a reason that cannot be read' };
  const [line = ''] = text.split('\n', 1);
  const note = line.length < text.length ? { note: utf8(text.slice(line.length + 1)) } : {};
  if (line.startsWith(damage_mark)) return { cause: 'damage', reason: line.slice(damage_mark.length), ...note };
  return { cause: 'history', reason: line.startsWith(history_mark) ? line.slice(history_mark.length) : line, ...note };
}

/** Why a log was frozen before, if it was. */
export async function earlierFreeze(files: Files): Promise<Freeze | undefined> {
  try {
    const bytes = await files.read(frozen_file);
    return bytes === undefined ? undefined : decodeFreeze(bytes);
  } catch (error) {
    return { cause: 'history', reason: `it cannot be read whether the log was frozen before: ${messageOf(error)}` };
  }
}

/** The checkpoint that was kept with a freeze, where it is one that the log signed. */
export function shownIn(freeze: Freeze | undefined, verifier: Verifier): SignedHead | undefined {
  return freeze?.note === undefined ? undefined : signedHead(freeze.note, verifier);
}

/** What a frozen log answers to everything that writes. */
export function frozenFailure({ cause, reason }: Freeze): Failure {
  return { code: 'AUDIT_FROZEN', reason: `the audit log is frozen: ${reason}`, fix: 'agentmesh doctor', detail: { cause } };
}
