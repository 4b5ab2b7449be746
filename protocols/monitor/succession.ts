/** How the logs of one host follow each other: each begins where the one before it ended, or it is told that it does not. */
import { didOfOrigin } from '../../crypto/checkpoint.ts';
import { decodeEntry } from '../../storage/audit-entry.ts';
import { followsFrom, parseGenesis } from '../../storage/log-succession.ts';
import type { SeenNote } from './seen-note.ts';
import type { Followed } from './state.ts';

/** How a log goes on after another one of its host, as its first entry says. */
export interface Succession {
  /** Entry 0 of the log, proven to be in it. */
  readonly entry: Uint8Array;
  /** The log of the same host that it was held against; `null` where it is the first one that is known here. */
  readonly after: string | null;
  /** `ok` where it follows that log, a code of {@link followsFrom} where it does not, `null` while that is not known. */
  readonly code: string | null;
  /** Entries that the log before it is proven to have had and that are gone, or not followed. */
  readonly entries_lost: number;
}

/** What the logs of a host show at present about how one of them begins. */
export interface Finding extends Succession {
  readonly code: string;
  /** Whether more may be known later. */
  readonly is_open: boolean;
  /** A checkpoint of the log before it that has to be looked at first. */
  readonly unseen?: Uint8Array;
}

/** The largest checkpoint of a log that was seen with its signature, proven to continue the others or not. */
export function largestOf({ held, open }: Followed): SeenNote {
  return open.map(({ note }) => note).reduce((a, b) => (b.size > a.size ? b : a), held);
}

// Whatever else is wrong, these are said under the key of the log before.
const linked_codes: ReadonlySet<string | null> = new Set(['ok', 'AUDIT_SUCCESSION_UNPROVEN', 'AUDIT_SUCCESSION_FORKED']);

/** Whether a log is shown under the key of the one before it to go on after that, entries lost or not. */
export function isLinked({ after, code }: Succession): boolean {
  return after !== null && linked_codes.has(code);
}

function descends(log: Followed, from: string, logs: readonly Followed[]): boolean {
  let at: Followed | undefined = log;
  for (let steps = 0; steps < logs.length && at?.succession !== undefined; steps += 1) {
    const { after }: Succession = at.succession;
    if (!isLinked(at.succession)) return false;
    if (after === from) return true;
    at = logs.find(({ held }) => held.origin === after);
  }
  return false;
}

/** The other logs of the host that do not follow this one, as far as is known: `logs` are all that are followed of it. */
export function rivalsOf(log: Followed, logs: readonly Followed[]): readonly Followed[] {
  return logs.filter((each) => each.held.origin !== log.held.origin && !descends(each, log.held.origin, logs));
}

/** Those of them that were followed earlier, the largest first: one of them it should follow. */
export function olderRivalsOf(log: Followed, logs: readonly Followed[]): readonly Followed[] {
  const isOlder = (each: Followed): boolean => each.since_ms < log.since_ms || (each.since_ms === log.since_ms && each.held.origin < log.held.origin);
  return rivalsOf(log, logs).filter(isOlder).toSorted((a, b) => largestOf(b).size - largestOf(a).size);
}

/** Where the first entry of a log stands among all logs that are followed of its host. */
export function findSuccession(log: Followed, entry: Uint8Array, logs: readonly Followed[]): Finding {
  const { origin, did } = log.held;
  const decoded = decodeEntry(entry);
  const genesis = decoded.ok && decoded.value.kind === 'genesis' ? parseGenesis(decoded.value.body) : undefined;
  if (genesis?.ok !== true || genesis.value.kind !== 'successor') return unnamed(log, entry, logs, 'AUDIT_GENESIS_INVALID');
  const { note, predecessor, kept } = genesis.value;
  const before = logs.find(({ held }) => held.origin === predecessor.origin && held.origin !== origin);
  if (before === undefined) {
    const finding = unnamed(log, entry, logs, 'AUDIT_NOT_SUCCESSOR');
    // A log between them that was never heard of here: following it shows the rest.
    return didOfOrigin(predecessor.origin) === did && predecessor.origin !== origin ? { ...finding, is_open: true, unseen: note } : finding;
  }
  const largest = largestOf(before);
  const followed = followsFrom(entry, origin, { note: (largest.size > predecessor.size ? largest : before.held).bytes, verifier: before.verifier });
  const after = before.held.origin;
  if (followed.ok) return { entry, after, code: 'ok', entries_lost: followed.value.entries_lost, is_open: false };
  const { code } = followed.failure;
  const entries_lost = linked_codes.has(code) ? Math.max(largest.size, predecessor.size) - kept : largest.size;
  // What is unproven may be explained, and a second root of one size is evidence: either way it is to be looked at.
  return { entry, after, code, entries_lost, is_open: code === 'AUDIT_SUCCESSION_UNPROVEN', ...(linked_codes.has(code) ? { unseen: note } : {}) };
}

/** A log that names none of those that are followed: it is the first one, or it says nothing of what was before. */
function unnamed(log: Followed, entry: Uint8Array, logs: readonly Followed[], code: string): Finding {
  const older = olderRivalsOf(log, logs);
  const [largest] = older;
  if (largest === undefined) return { entry, after: null, code: 'ok', entries_lost: 0, is_open: false };
  // One that was not read yet may turn out to follow this one.
  return { entry, after: largest.held.origin, code, entries_lost: largestOf(largest).size, is_open: older.some(({ succession }) => succession === undefined) };
}
