import { concat, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isWhole } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { parseVerifier, type Verifier } from '../../crypto/note.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { open_challenges_max } from './constants.ts';
import { seenNote, type SeenNote } from './seen-note.ts';
import type { Succession } from './succession.ts';

/** A checkpoint that the log signed and that nobody has shown yet to belong to the same history. */
export interface OpenChallenge {
  readonly note: SeenNote;
  /** Since when it is open, Unix milliseconds. */
  readonly since_ms: number;
  /** How long it was left unanswered while this host could ask. */
  readonly unanswered_ms: number;
  /** How often it was asked in vain. */
  readonly tries: number;
}

/** What a monitor remembers of a log. */
export interface Followed {
  /** The key of the log, as the record of its host gave it: who has told two stories may take it out of there. */
  readonly verifier: Verifier;
  /** The largest checkpoint that is proven to continue every one before it that was seen here. */
  readonly held: SeenNote;
  /** When the log was first heard of, and when it last grew; Unix milliseconds. */
  readonly since_ms: number;
  readonly news_ms: number;
  readonly open: readonly OpenChallenge[];
  /** Since when it is suspected; `null` where it is not. */
  readonly suspected_ms: number | null;
  /** How it goes on after another log of its host, once its first entry was read. */
  readonly succession?: Succession;
}

/** Where the state of a log lies in the store's space `witness`: `m` and the SHA-256 of its origin. */
export function followedKey(origin: string): Uint8Array {
  return concat(utf8('m'), sha256(utf8(origin)));
}

/** The bytes of a state. */
export function encodeFollowed({ verifier, held, since_ms, news_ms, open, suspected_ms, succession }: Followed): Uint8Array {
  return encodeCbor({
    verifier_key: verifier.text, held: held.bytes, since_ms, news_ms, suspected_ms,
    open: open.map((challenge) => ({ note: challenge.note.bytes, since_ms: challenge.since_ms, unanswered_ms: challenge.unanswered_ms, tries: challenge.tries })),
    ...(succession === undefined ? {} : { succession: { ...succession } }),
  });
}

function challengeOf(value: unknown): OpenChallenge | undefined {
  if (!hasShape(value, ['note', 'since_ms', 'unanswered_ms', 'tries'])) return undefined;
  const { since_ms, unanswered_ms, tries } = value;
  const note = value['note'] instanceof Uint8Array ? seenNote(value['note']) : undefined;
  return note?.ok === true && isWhole(since_ms) && isWhole(unanswered_ms) && isWhole(tries) ? { note: note.value, since_ms, unanswered_ms, tries } : undefined;
}

function successionOf(value: unknown): Succession | undefined {
  if (!hasShape(value, ['entry', 'after', 'code', 'entries_lost'])) return undefined;
  const { entry, after, code, entries_lost } = value;
  const is_text = (after === null || typeof after === 'string') && (code === null || typeof code === 'string');
  return is_text && entry instanceof Uint8Array && isWhole(entries_lost) ? { entry, after, code, entries_lost } : undefined;
}

/** Parses a state read from the store. Fails with `MONITOR_STATE_DAMAGED`. */
export function decodeFollowed(bytes: Uint8Array): Result<Followed> {
  const decoded = decodeCbor(bytes);
  const damaged = fail('MONITOR_STATE_DAMAGED', 'what this host remembers of a log that it follows is damaged');
  if (!decoded.ok || !hasShape(decoded.value, ['verifier_key', 'held', 'since_ms', 'news_ms', 'open', 'suspected_ms'], ['succession'])) return damaged;
  const { verifier_key, since_ms, news_ms, open, suspected_ms } = decoded.value;
  const verifier = typeof verifier_key === 'string' ? parseVerifier(verifier_key) : undefined;
  const held = decoded.value['held'] instanceof Uint8Array ? seenNote(decoded.value['held']) : undefined;
  if (held?.ok !== true || verifier?.ok !== true || verifier.value.name !== held.value.origin) return damaged;
  if (!isWhole(since_ms) || !isWhole(news_ms) || !(suspected_ms === null || isWhole(suspected_ms))) return damaged;
  if (!Array.isArray(open) || open.length > open_challenges_max) return damaged;
  const challenges = open.flatMap((each) => challengeOf(each) ?? []);
  const is_whole = challenges.length === open.length && challenges.every(({ note }) => note.origin === held.value.origin);
  const succession = successionOf(decoded.value['succession']);
  if (!is_whole || (succession === undefined && decoded.value['succession'] !== undefined)) return damaged;
  return ok({ verifier: verifier.value, held: held.value, since_ms, news_ms, open: challenges, suspected_ms, ...(succession === undefined ? {} : { succession }) });
}
