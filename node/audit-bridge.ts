/** Logs from elsewhere into the tamper-evident log of a node, for programs. */
import { FailureError, unwrap } from '../crypto/result.ts';
import { syncEntries, type SyncOptions, type SyncOutcome } from './log-sync.ts';
import { onlyNode, type Node } from './node.ts';

/** Entries whose outcomes `syncLogs` collects; for more there is `sync`, which keeps nothing. */
export const collected_entries_max = 1_000_000;

/** What became of all entries. */
export interface SyncReport {
  /** Entries that are in the log now and were not before. */
  readonly added: number;
  /** Entries that were there already. */
  readonly known: number;
  readonly refused: number;
  /** One for each entry, in order. */
  readonly outcomes: readonly SyncOutcome[];
  /** Every checkpoint of this log of at least this size covers them all. */
  readonly checkpoint: { readonly origin: string; readonly size: number };
}

/** How a bridge is made. */
export interface AuditBridgeInit extends SyncOptions {
  /** The node whose log it is: the one of this process when absent. */
  readonly node?: Node;
}

/**
 * Takes logs from elsewhere into the audit log of a node, each entry once: those of
 * another flight recorder, OpenTelemetry logs or spans as JSON, any objects that
 * name an agent and a time. Each is sealed under its agent, so it can be erased, and
 * gets a receipt for its proof.
 */
export class AuditBridge {
  readonly #init: AuditBridgeInit;

  constructor(init: AuditBridgeInit = {}) {
    this.#init = init;
  }

  /** The node whose log it is. Throws a `FailureError` where none or several run in this process and none was named. */
  get node(): Node {
    return this.#init.node ?? unwrap(onlyNode());
  }

  /**
   * Takes entries and says of each what became of it as soon as it is durable: for streams of any length.
   * What cannot be taken is refused one by one, with the reason.
   */
  sync(logs: Iterable<unknown> | AsyncIterable<unknown>, options: SyncOptions = {}): AsyncGenerator<SyncOutcome, void, undefined> {
    return syncEntries(this.node.host, logs, { ...this.#init, ...options });
  }

  /** Takes entries and reports on all of them. A second sync of the same ones adds nothing. Throws a `FailureError` beyond {@link collected_entries_max} entries. */
  async syncLogs(logs: Iterable<unknown> | AsyncIterable<unknown> | Promise<Iterable<unknown>>, options: SyncOptions = {}): Promise<SyncReport> {
    const { log } = this.node.host;
    const outcomes: SyncOutcome[] = [];
    const counts = { added: 0, known: 0, refused: 0 };
    for await (const outcome of this.sync(await logs, options)) {
      if (outcomes.length >= collected_entries_max) {
        throw new FailureError({ code: 'IMPORT_TOO_MANY', reason: `a report has at most ${collected_entries_max} entries; those before are in the log`, fix: 'go on with those that are left, or use bridge.sync' });
      }
      counts[outcome.state] += 1;
      outcomes.push(outcome);
    }
    const size = outcomes.reduce((most, outcome) => outcome.state === 'refused' || outcome.index === null ? most : Math.max(most, outcome.index + 1), 0);
    return { ...counts, outcomes, checkpoint: { origin: log.origin, size } };
  }
}
