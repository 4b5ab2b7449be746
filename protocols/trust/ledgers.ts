/** The ledgers of all pairs of observer and subject: in memory, and one entry a pair in the store. */
import { bigEndian, concat, fromBigEndian, fromHex, toHex, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape, isWhole, type Fields } from '../../crypto/canonical.ts';
import { digest_bytes, sha256 } from '../../crypto/hash.ts';
import type { Change, Recorder, Store } from '../ports.ts';
import { pairs_dropped_at_once, pairs_max, receipts_per_pair_max } from './constants.ts';
import { add, decay, dimensions, empty_ledger, evidence, type Dimension, type Ledger, type Outcome } from './ledger.ts';

/** One interaction for which both sides hold a receipt. */
export interface Interaction {
  readonly outcome: Outcome;
  readonly dimension: Dimension;
  /** SHA-256 of the receipt: each counts once. */
  readonly receipt_hash: Uint8Array;
  /** Unix milliseconds. */
  readonly time_ms: number;
}

/** What an interaction changes in the store, and the call that makes it count once that is durable. */
export interface Recorded {
  /** Whether it is a new one; a receipt that was counted before changes nothing. */
  readonly counts: boolean;
  /** Pairs that were forgotten to make room. */
  readonly dropped: readonly Change[];
  /** What is dropped, and the pair's sums, made when asked for with everything noted by then: of several interactions of one pair only the last one's sums need be stored. */
  readonly changes: readonly Change[];
  applied(): void;
}

interface ReceiptMark {
  readonly time_ms: number;
  readonly hash: string;
}

interface Pair {
  readonly observer: string;
  readonly subject: string;
  readonly key: Uint8Array;
  /** With every interaction that was handed out. */
  latest: Ledger;
  latest_version: number;
  /** With the durable ones alone. */
  durable: Ledger;
  durable_version: number;
  /** The newest receipts, oldest first. */
  receipts: readonly ReceiptMark[];
}

const mark_time_bytes = 8;
const mark_bytes: number = mark_time_bytes + digest_bytes;

const nothing: Recorded = { counts: false, dropped: [], changes: [], applied: () => undefined };

const nameOf = (observer: string, subject: string): string => `${observer} ${subject}`;

function encodePair(pair: Pair): Uint8Array {
  const { observer, subject, latest, receipts } = pair;
  return encodeCbor({
    observer, subject, time_ms: latest.time_ms, good: latest.good, bad: latest.bad,
    // One byte string of times and hashes: this is written with every interaction.
    receipts: concat(...receipts.flatMap(({ time_ms, hash }) => [bigEndian(time_ms, mark_time_bytes), fromHex(hash) ?? new Uint8Array()])),
  });
}

function isEvidence(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length === dimensions.length
    && value.every((part) => typeof part === 'number' && Number.isFinite(part) && part >= 0);
}

function decodeMarks(bytes: Uint8Array): readonly ReceiptMark[] | undefined {
  if (bytes.length % mark_bytes !== 0 || bytes.length > receipts_per_pair_max * mark_bytes) return undefined;
  const marks: ReceiptMark[] = [];
  for (let offset = 0; offset < bytes.length; offset += mark_bytes) {
    const time_ms = fromBigEndian(bytes.subarray(offset, offset + mark_time_bytes));
    if (time_ms === undefined) return undefined;
    marks.push({ time_ms, hash: toHex(bytes.subarray(offset + mark_time_bytes, offset + mark_bytes)) });
  }
  return marks;
}

function decodePair(key: Uint8Array, bytes: Uint8Array): Pair | undefined {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !hasShape(decoded.value, ['observer', 'subject', 'time_ms', 'good', 'bad', 'receipts'])) return undefined;
  const { observer, subject, time_ms, good, bad, receipts }: Fields = decoded.value;
  if (typeof observer !== 'string' || typeof subject !== 'string' || !isWhole(time_ms) || !isEvidence(good) || !isEvidence(bad)
    || !(receipts instanceof Uint8Array)) return undefined;
  const marks = decodeMarks(receipts);
  if (marks === undefined) return undefined;
  const ledger: Ledger = { time_ms, good, bad };
  return { observer, subject, key, latest: ledger, latest_version: 0, durable: ledger, durable_version: 0, receipts: marks };
}

/** What observers on this host have seen of others. */
export class Ledgers {
  readonly #pairs = new Map<string, Pair>();

  /** Loads every pair from the store. An unreadable entry is reported and left out. */
  async load(store: Store, recorder: Recorder): Promise<void> {
    for await (const [key, value] of store.entries('interaction', { limit: pairs_max })) {
      const pair = decodePair(key, value);
      if (pair === undefined) recorder.record({ kind: 'trust.entry-unreadable', key: toHex(key) });
      else this.#pairs.set(nameOf(pair.observer, pair.subject), pair);
    }
  }

  /** The durable evidence of an observer about a subject, as it stands at a time. */
  ledger(observer: string, subject: string, now_ms: number): Ledger {
    return decay(this.#pairs.get(nameOf(observer, subject))?.durable ?? empty_ledger, now_ms);
  }

  /**
   * Notes an interaction. The changes are running sums: hand them to the store
   * in the order in which they came. A receipt that was counted before, or that
   * is older than all that are remembered, changes nothing.
   */
  record(observer: string, subject: string, interaction: Interaction): Recorded {
    const hash = toHex(interaction.receipt_hash);
    const known = this.#pairs.get(nameOf(observer, subject));
    const receipts = known?.receipts ?? [];
    const oldest = receipts.length >= receipts_per_pair_max ? receipts[0] : undefined;
    if (receipts.some((mark) => mark.hash === hash) || (oldest !== undefined && interaction.time_ms < oldest.time_ms)) return nothing;
    const dropped = known === undefined ? this.#makeRoom(interaction.time_ms) : [];
    const pair = known ?? this.#open(observer, subject);
    pair.latest = add(pair.latest, interaction);
    pair.latest_version += 1;
    pair.receipts = [...receipts, { time_ms: interaction.time_ms, hash }].sort((a, b) => a.time_ms - b.time_ms).slice(-receipts_per_pair_max);
    const { latest, latest_version } = pair;
    return {
      counts: true,
      dropped,
      get changes() {
        return [...dropped, { space: 'interaction' as const, key: pair.key, value: encodePair(pair) }];
      },
      applied: () => {
        if (latest_version <= pair.durable_version) return;
        pair.durable = latest;
        pair.durable_version = latest_version;
      },
    };
  }

  #open(observer: string, subject: string): Pair {
    const name = nameOf(observer, subject);
    const pair: Pair = {
      observer, subject, key: sha256(utf8(name)), latest: empty_ledger, latest_version: 0, durable: empty_ledger, durable_version: 0, receipts: [],
    };
    this.#pairs.set(name, pair);
    return pair;
  }

  /** Forgets the pairs with the least evidence when there are too many: strangers by the thousand cannot push out what somebody did. */
  #makeRoom(now_ms: number): readonly Change[] {
    if (this.#pairs.size < pairs_max) return [];
    const weigh = (pair: Pair): number => {
      const { r, q } = evidence(decay(pair.latest, now_ms));
      return r + q;
    };
    const weakest = [...this.#pairs].map(([name, pair]) => ({ name, pair, weight: weigh(pair) }))
      .sort((a, b) => a.weight - b.weight).slice(0, pairs_dropped_at_once);
    for (const { name } of weakest) this.#pairs.delete(name);
    return weakest.map(({ pair }) => ({ space: 'interaction', key: pair.key }));
  }
}
