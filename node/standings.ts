/** How far the agents of this host may act, kept over a restart: what a signal has stopped or killed stays so. */
import { fromUtf8, utf8 } from '../crypto/bytes.ts';
import type { Change, Store } from '../protocols/ports.ts';
import type { DecisionRecord, Standing } from './kernel/index.ts';
import { parseStanding, standingAfter, standingText } from './kernel/signals/records.ts';

function standingKey(did: string): Uint8Array {
  return utf8(`standing ${did}`);
}

/** The standings of this host's agents. */
export class Standings {
  readonly #store: Pick<Store, 'get'>;
  readonly #agents = new Map<string, Standing>();

  constructor(store: Pick<Store, 'get'>) {
    this.#store = store;
  }

  /** Reads what an earlier run has kept of an agent. */
  async load(did: string): Promise<void> {
    const kept = await this.#store.get('meta', standingKey(did));
    if (kept !== undefined) this.#agents.set(did, parseStanding(fromUtf8(kept) ?? ''));
  }

  /** How far an agent may act; `undefined` where no signal is in force. */
  of(did: string): Standing | undefined {
    return this.#agents.get(did);
  }

  /** The change that keeps what the record of a signal says about its agent, for the same atomic batch as the record; none for any other record. */
  changes(did: string, record: DecisionRecord): readonly Change[] {
    const standing = record.agent === did ? standingAfter(record) : undefined;
    if (standing === undefined) return [];
    if (standing.state === 'running') this.#agents.delete(did);
    else this.#agents.set(did, standing);
    return [{ space: 'meta', key: standingKey(did), ...(standing.state === 'running' ? {} : { value: utf8(standingText(standing)) }) }];
  }
}
