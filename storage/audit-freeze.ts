/** Why a log was frozen, as its file says it: what is damaged can be mended, a history that was signed twice cannot. */
import { fromUtf8, utf8 } from '../crypto/bytes.ts';
import { messageOf, type Failure } from '../crypto/result.ts';
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
}

const damage_mark = 'damage: ';
const history_mark = 'history: ';

/** The bytes of the file: the cause, a colon, and the reason in words. */
export function encodeFreeze({ cause, reason }: Freeze): Uint8Array {
  return utf8(`${cause === 'damage' ? damage_mark : history_mark}${reason}`);
}

/** Reads the file. What does not name a cause counts as the worse one. */
export function decodeFreeze(bytes: Uint8Array): Freeze {
  const text = fromUtf8(bytes);
  if (text === undefined) return { cause: 'history', reason: 'it was frozen before, for a reason that cannot be read' };
  if (text.startsWith(damage_mark)) return { cause: 'damage', reason: text.slice(damage_mark.length) };
  return { cause: 'history', reason: text.startsWith(history_mark) ? text.slice(history_mark.length) : text };
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

/** What a frozen log answers to everything that writes. */
export function frozenFailure({ cause, reason }: Freeze): Failure {
  return { code: 'AUDIT_FROZEN', reason: `the audit log is frozen: ${reason}`, fix: 'agentmesh doctor', detail: { cause } };
}
