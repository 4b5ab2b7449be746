/**
 * How old one's knowledge of revocations may be. Nobody can reach a host that is
 * cut off, so harm is bounded there: what cannot be undone is refused after
 * minutes without a complete reconciliation, what changes something after an
 * hour, reading after a day.
 */
import { isoTime } from '../../crypto/jwt.ts';
import { fail, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Clock, Recorder } from '../ports.ts';

/** How much a command can do: what only looks, what changes something, what cannot be taken back. */
export type VerbClass = 'read' | 'write' | 'delete';

/** The greatest age of what is known about revocations for each class of commands, in milliseconds. */
export type RevocationAges = { readonly [verb_class in VerbClass]: number };

/** The ages in force where nobody says otherwise: a day to read, an hour to write, five minutes to delete. */
export const revocation_age_ms_max: RevocationAges = { read: 86_400_000, write: 3_600_000, delete: 300_000 };

const age_ms_min = 1000;
/** By so much a running clock may be corrected backwards. */
const clock_correction_ms_max = 60_000;
const age_ms_max: number = 366 * 86_400_000;
const reading: ReadonlySet<string> = new Set(['read', 'list', 'get', 'search', 'query', 'describe']);
const irreversible: ReadonlySet<string> = new Set([
  'delete', 'drop', 'remove', 'erase', 'purge', 'destroy', 'truncate', 'wipe', 'rm', 'unlink', 'terminate', 'pay', 'payment', 'payout', 'transfer', 'refund',
  'withdraw', 'revoke', 'kill',
]);

/**
 * The class of a command's verb. One word of a verb of several (`execute-payment`) is
 * enough to make it irreversible; only a verb that is nothing but reading is reading.
 */
export function verbClass(verb: string): VerbClass {
  if (reading.has(verb)) return 'read';
  return verb.split(/[^a-z]+/).some((word) => irreversible.has(word)) ? 'delete' : 'write';
}

/** Ages with the defaults where none is given. Fails with `REVOCATION_AGE_INVALID` outside of 1 s to 366 days, or where reading would be held to more than writing, or writing to more than deleting. */
export function revocationAges(given: Partial<RevocationAges> = {}): Result<RevocationAges> {
  const ages: RevocationAges = { ...revocation_age_ms_max, ...given };
  const is_valid = Object.values(ages).every((age) => Number.isInteger(age) && age >= age_ms_min && age <= age_ms_max)
    && ages.delete <= ages.write && ages.write <= ages.read;
  return is_valid ? ok(ages) : fail('REVOCATION_AGE_INVALID', 'the greatest ages of revocations are 1 s to 366 days each, for delete no more than for write, for write no more than for read', {
    fix: 'for example delete 5 min, write 1 h, read 24 h',
  });
}

/** What the rule is judged by. */
export interface FreshnessParts {
  readonly clock: Pick<Clock, 'now'>;
  readonly recorder: Recorder;
  readonly age_ms_max: RevocationAges;
  /** Unix milliseconds by which we had reconciled with enough peers; 0 for never. */
  completeAsOf(): number;
  /** Everybody who could have revoked a party: itself and those who answer for it. */
  answerable(did: string): readonly string[];
  /** Whether the key of a DID is on this host, so that no revocation of it is made elsewhere. */
  isLocal(did: string): boolean;
}

/** The rule that stale knowledge allows less and less. */
export interface Freshness {
  readonly age_ms_max: RevocationAges;
  /** Unix milliseconds by which everything that peers knew was known here; 0 for never. */
  completeAsOf(): number;
  /**
   * Why a command with this verb must wait for a reconciliation, if so: we know of
   * revocations only as of too long ago, and one of the parties (everybody who signed
   * for the command), or somebody who answers for one, has its key elsewhere. Code `REVOCATION_STALE`.
   */
  stale(verb: string, parties: Iterable<string>): Failure | undefined;
}

function durationText(length_ms: number): string {
  const length_s = Math.floor(length_ms / 1000);
  if (length_s < 120) return `${length_s} s`;
  return length_s < 7200 ? `${Math.floor(length_s / 60)} min` : `${Math.floor(length_s / 3600)} h`;
}

function staleness(verb_class: VerbClass, as_of_ms: number, age_ms: number, ages: RevocationAges): Failure {
  const allowed = (['read', 'write'] as const).filter((each) => as_of_ms > 0 && age_ms <= ages[each]);
  const now = allowed.length === 0 ? '' : `; until then what only ${allowed.map((each) => `${each}s`).join(' or ')} is allowed`;
  return {
    code: 'REVOCATION_STALE',
    reason: as_of_ms === 0
      ? 'this host has not reconciled revocations with its peers yet, so it cannot know whether this is still allowed'
      : `this host knows of revocations as of ${isoTime(Math.floor(as_of_ms / 1000))}, ${durationText(age_ms)} ago, and ${verb_class} commands need ${durationText(ages[verb_class])} or less`,
    fix: `connect this host to its peers, which reconcile within a minute, and repeat the command${now}`,
    detail: { verb_class, as_of_ms, age_ms, age_ms_max: ages[verb_class] },
  };
}

/** The freshness rule over its parts. */
export function freshness(parts: FreshnessParts): Freshness {
  const { clock, recorder, age_ms_max: ages } = parts;
  return {
    age_ms_max: ages,
    completeAsOf: () => parts.completeAsOf(),
    stale(verb, parties) {
      const verb_class = verbClass(verb);
      const now_ms = clock.now();
      const reconciled_ms = parts.completeAsOf();
      // A clock that was set back must not make old knowledge young.
      const as_of_ms = reconciled_ms <= now_ms + clock_correction_ms_max ? reconciled_ms : 0;
      const age_ms = Math.max(0, now_ms - as_of_ms);
      if (as_of_ms > 0 && age_ms <= ages[verb_class]) return undefined;
      const concerned = new Set([...parties].flatMap((did) => parts.answerable(did)));
      if ([...concerned].every((did) => parts.isLocal(did))) return undefined;
      const failure = staleness(verb_class, as_of_ms, age_ms, ages);
      recorder.record({ kind: 'revocation.stale-refused', verb_class, as_of_ms, age_ms_max: ages[verb_class] });
      return failure;
    },
  };
}
