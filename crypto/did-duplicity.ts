/**
 * Duplicity: a controller who signed two different establishment events of one
 * number, and so tells different histories to different people (KERI's term).
 * Two such events prove it to everybody who has the record up to there.
 */
import { equal } from './bytes.ts';
import { eventHash, type Establishment, type Signed } from './did-events.ts';
import { checkEstablishments, witnessesOf, type DidRecord } from './did-record.ts';
import { fail, ok, type Result } from './result.ts';

/** Where two histories of one DID part. */
export interface Fork {
  /** Number of the first establishment events that differ. */
  readonly number: number;
  /** The event of the record that was known first. */
  readonly first: Signed<Establishment>;
  readonly second: Signed<Establishment>;
}

/** Where two valid records of one DID part, if they do: that one goes on where the other ends is no fork. */
export function forkOf(first: DidRecord, second: DidRecord): Fork | undefined {
  if (first.did !== second.did || equal(first.hash, second.hash)) return undefined;
  const shared = Math.min(first.number, second.number);
  // The DID is the hash of the genesis event, which therefore is the same.
  for (let number = 1; number <= shared; number += 1) {
    const [a, b] = [first.establishments[number], second.establishments[number]];
    if (a === undefined || b === undefined) return undefined;
    if (!equal(eventHash(a.event), eventHash(b.event))) return { number, first: a, second: b };
  }
  return undefined;
}

/**
 * Whether two signed establishment events prove the duplicity of a record's DID:
 * they differ, have the same number, and each follows the record's event before
 * it, signed by keys that this event committed to.
 *
 * Where witnesses must countersign, two signatures of the controller prove
 * nothing: one of the events may be that of a thief whom the witnesses refused,
 * and the proof would do what they prevented.
 *
 * Fails with `DUPLICITY_UNDECIDED` when the record ends before that number, with
 * `DUPLICITY_WITNESSED`, or with `DUPLICITY_INVALID`.
 */
export function verifyDuplicity(record: DidRecord, number: number, a: Signed<Establishment>, b: Signed<Establishment>): Result<void> {
  const invalid = (reason: string): ReturnType<typeof fail> => fail('DUPLICITY_INVALID', reason);
  if (!Number.isSafeInteger(number) || number < 1) return invalid('a DID has one genesis event: only a later event can have a double');
  const before = record.establishments[number - 1];
  if (before === undefined) {
    return fail('DUPLICITY_UNDECIDED', `the record of ${record.did} that is known ends with event ${record.number}`, { fix: 'resolve it afresh' });
  }
  if (a.event.number !== number || b.event.number !== number) return invalid(`the events are not both number ${number}`);
  if (equal(eventHash(a.event), eventHash(b.event))) return invalid('the two events are the same');
  const previous = eventHash(before.event);
  if (![a, b].every(({ event }) => event.previous !== null && equal(event.previous, previous))) return invalid('the events do not both follow the event that is known');
  if (witnessesOf(a.event, before.event).witness_threshold > 0) {
    return fail('DUPLICITY_WITNESSED', 'this event needs witnesses, who countersign only one: the signatures of the controller alone prove nothing');
  }
  const shared = record.establishments.slice(0, number);
  for (const signed of [a, b]) {
    const checked = checkEstablishments([...shared, signed]);
    if (!checked.ok) return invalid(checked.failure.reason);
  }
  return ok(undefined);
}
