/**
 * Look-ups in the DHT: our own quorum GET. Each answer is verified, and the best
 * one is ours to choose. Where answers differ, or one of them is a lie, every
 * storer is asked, so that liars change nothing while one of them is honest.
 */
import { compareRecords, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { forkOf, type Fork } from '../../crypto/did-duplicity.ts';
import { didOf } from '../../crypto/did.ts';
import type { Clock, Network, PeerId, RecordAnswer, Recorder } from '../ports.ts';
import { deadline } from '../time.ts';
import { lookup_ms_max, record_namespace, record_quorum, record_storers_max, repair_rest_ms, repaired_max, stale_storers_max } from './constants.ts';
import type { StaleStorer, Version } from './index.ts';
import { remember } from './remember.ts';

/** What a look-up asks for. */
export interface Question {
  readonly did: string;
  /** The DHT key. */
  readonly digest: Uint8Array;
  /** The newest record that is known already. */
  readonly known: DidRecord | undefined;
  /** The version that the DID itself says to be its newest, if it said so. */
  readonly head: Version | undefined;
}

/** What came of a look-up. */
export interface Found {
  /** The best record of those that were answered and the one that was known. */
  readonly best: DidRecord | undefined;
  /** Other peers that answered with a valid record. */
  readonly answers: number;
  /** Whether somebody holds a record that was valid once. */
  readonly expired: boolean;
  /** Whether somebody answered with what never was a record of the DID. */
  readonly lied: boolean;
  /** Whether anybody else answered, if only that it has no record. */
  readonly heard: boolean;
  /** Whether the time ended before everybody had answered. */
  readonly timed_out: boolean;
  /** Where two of the histories part that were met. */
  readonly fork: Fork | undefined;
}

/** What looking up uses. */
export interface LookUpParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly recorder: Recorder;
}

/** A look-up under way. */
interface LookUp {
  readonly question: Question;
  best: DidRecord | undefined;
  expired: boolean;
  fork: Fork | undefined;
  /** Everybody whose answer was looked at. */
  readonly judged: Set<PeerId>;
  /** The valid records that were answered, our own store's among them. */
  readonly valid: Map<PeerId, DidRecord>;
}

/** Whether a version is older than another. */
export function isOlder(version: Version, than: Version): boolean {
  return version.number < than.number || version.number === than.number && version.sequence < than.sequence;
}

/** The version of a record. */
export function versionOf(record: DidRecord): Version {
  return { number: record.number, sequence: record.document.sequence };
}

/** How a version is written. */
export function versionText({ number, sequence }: Version): string {
  return `${number}-${sequence}`;
}

/** Asks the DHT, names who answers with what is out of date, and gives them the newest record. */
export class LookUps {
  readonly #parts: LookUpParts;
  readonly #stale = new Map<string, StaleStorer>();
  /** When a record was last put back, Unix milliseconds. */
  readonly #repaired_ms = new Map<string, number>();

  constructor(parts: LookUpParts) {
    this.#parts = parts;
  }

  /** Looks a DID up. The record that is found is verified, and not kept yet. */
  async find(question: Question): Promise<Found> {
    const { clock, network } = this.#parts;
    const look: LookUp = { question, best: question.known, expired: question.known !== undefined, fork: undefined, judged: new Set(), valid: new Map() };
    const limit = deadline(clock, lookup_ms_max);
    let [heard, lied] = [false, false];
    try {
      for (const answers of [record_quorum, record_storers_max]) {
        const answered = await network.get(record_namespace, question.digest, { answers, signal: limit.signal });
        heard ||= answered.ok ? answered.value.some(({ from }) => from !== network.id) : Number(answered.failure.detail?.['asked'] ?? 0) > 0;
        const lies = this.#judge(look, answered.ok ? answered.value : []);
        lied ||= lies > 0;
        if (lies === 0 && !this.#isDoubtful(look)) break;
      }
    } finally {
      limit.done();
    }
    this.#nameStale(look);
    // What a stranger has stored here confirms nothing.
    const answers = look.valid.size - Number(look.valid.has(network.id));
    return { best: look.best, answers, expired: look.expired, lied, heard, timed_out: limit.signal.aborted, fork: look.fork };
  }

  /** Who answered with an older record than was known, the latest last. */
  staleStorers(): readonly StaleStorer[] {
    return [...this.#stale.values()];
  }

  /** Whether somebody may know better: the answers differ, or the DID itself says that there is something newer. */
  #isDoubtful({ best, valid, question: { head } }: LookUp): boolean {
    if (best === undefined) return false;
    return head !== undefined && isOlder(versionOf(best), head) || [...valid.values()].some((record) => compareRecords(best, record) < 0);
  }

  /** Takes the best of the answers into a look-up, and says how many were lies. */
  #judge(look: LookUp, answers: readonly RecordAnswer[]): number {
    const { clock, network } = this.#parts;
    let lies = 0;
    for (const { from, value } of answers) {
      if (value === undefined || look.judged.has(from)) continue;
      look.judged.add(from);
      const record = verifyRecord(value, { now_ms: clock.now() });
      if (record.ok && record.value.did === look.question.did) {
        look.valid.set(from, record.value);
        this.#weigh(look, record.value);
      } else if (record.ok || isLie(look.question.digest, value)) {
        lies += 1;
        network.penalise(from, 'stored an invalid DID record');
      } else if (record.failure.code === 'RECORD_EXPIRED') {
        look.expired = true;
      }
    }
    return lies;
  }

  /** The first of two histories stays; of one history the newest record. */
  #weigh(look: LookUp, record: DidRecord): void {
    const fork = look.best === undefined ? undefined : forkOf(look.best, record);
    look.fork ??= fork;
    if (fork === undefined && (look.best === undefined || compareRecords(look.best, record) >= 0)) look.best = record;
  }

  /** Names who holds an older record than is known now. That may be for want of news, so it is no misdeed: they are given the newest. */
  #nameStale({ best, valid, question: { did, digest } }: LookUp): void {
    const { clock, network, recorder } = this.#parts;
    let is_repair_due = false;
    for (const [peer, record] of valid) {
      if (best === undefined || compareRecords(best, record) >= 0) continue;
      is_repair_due = true;
      if (peer === network.id) continue;
      const [served, newest] = [versionText(versionOf(record)), versionText(versionOf(best))];
      const name = `${peer} ${did}`;
      const times = (this.#stale.get(name)?.times ?? 0) + 1;
      remember(this.#stale, name, { peer, did, served, newest, times, last_ms: clock.now() }, stale_storers_max);
      recorder.record({ kind: 'identity.stale-answer', did, peer, served, newest });
    }
    if (is_repair_due && best !== undefined) this.#repair(best, digest);
  }

  /** Puts the newest record back to its storers, not more often than every few minutes a DID. Nobody waits for it. */
  #repair(record: DidRecord, digest: Uint8Array): void {
    const { clock, network, recorder } = this.#parts;
    const { did, bytes, document } = record;
    const now_ms = clock.now();
    if (now_ms - (this.#repaired_ms.get(did) ?? -Infinity) < repair_rest_ms || !document.deactivated && document.expires <= now_ms) return;
    remember(this.#repaired_ms, did, now_ms, repaired_max);
    const limit = deadline(clock, lookup_ms_max);
    void network.put(record_namespace, digest, bytes, { signal: limit.signal }).then(
      (put) => recorder.record(put.ok ? { kind: 'identity.repaired', did, holders: put.value } : { kind: 'identity.repair-failed', did, code: put.failure.code }),
      () => recorder.record({ kind: 'identity.repair-failed', did }),
    ).finally(() => limit.done());
  }
}

/** Whether a record was never valid under its key. One that has expired, or is not valid yet by our clock, is no misdeed of who holds it. */
function isLie(digest: Uint8Array, value: Uint8Array): boolean {
  const record = verifyRecord(value, { allow_expired: true });
  return !record.ok || record.value.did !== didOf(digest);
}
