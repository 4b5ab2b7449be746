import { assert } from '../crypto/assert.ts';
import { concat, equal, toHex, utf8 } from '../crypto/bytes.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { checkRecord } from '../node/libp2p/checks.ts';
import { open_ms_max, record_holders, records_held_max } from '../node/libp2p/limits.ts';
import type { Clock, PeerId, RecordAnswer, RecordRules } from '../protocols/ports.ts';
import { deadline } from '../protocols/time.ts';
import type { Station, Wire } from './wire.ts';

/** What {@link SimulatedRecords} asks for. */
export interface RecordParts {
  readonly wire: Wire;
  readonly id: PeerId;
  readonly clock: Clock;
}

/** The DHT of the simulated world: each record lies at the nodes nearest to its key, each of which checks it for itself. */
export class SimulatedRecords {
  readonly #parts: RecordParts;
  readonly #rules = new Map<string, RecordRules>();
  readonly #held = new Map<string, Uint8Array>();

  constructor(parts: RecordParts) {
    this.#parts = parts;
  }

  /** Sets the rules of a namespace. */
  set(namespace: string, rules: RecordRules): void {
    this.#rules.set(namespace, rules);
  }

  /** The record held here. */
  held(namespace: string, key: Uint8Array): Uint8Array | undefined {
    return this.#held.get(name(namespace, key));
  }

  /** Takes a record from a peer when it is valid and no worse than the one that is held. */
  async store(namespace: string, key: Uint8Array, value: Uint8Array): Promise<boolean> {
    return (await this.#keep(namespace, key, value)).ok;
  }

  /** As the network port's `put`. */
  async put(namespace: string, key: Uint8Array, value: Uint8Array, signal: AbortSignal): Promise<Result<number>> {
    const kept = await this.#keep(namespace, key, value);
    if (!kept.ok) return kept;
    let holders = 0;
    await this.#askNearest(namespace, key, signal, `put ${namespace}`, (station) => station.store(namespace, key, value), (stored) => {
      if (stored) holders += 1;
      return false;
    });
    return ok(holders);
  }

  /** As the network port's `get`. */
  async get(namespace: string, key: Uint8Array, options: { readonly answers: number; readonly signal: AbortSignal }): Promise<Result<readonly RecordAnswer[]>> {
    assert(this.#rules.has(namespace), `the namespace ${namespace} has rules`);
    const own = this.held(namespace, key);
    const answers: RecordAnswer[] = own === undefined ? [] : [{ from: this.#parts.id, value: own }];
    let values = answers.length;
    const fetch = (station: Station): Promise<Uint8Array | undefined> => Promise.resolve(station.held(namespace, key));
    if (values < options.answers) {
      await this.#askNearest(namespace, key, options.signal, `get ${namespace}`, fetch, (value, from) => {
        answers.push(value === undefined ? { from } : { from, value });
        if (value !== undefined) values += 1;
        return values >= options.answers;
      });
    }
    return values > 0 ? ok(answers) : fail('RECORD_NOT_FOUND', `none of the ${answers.length} peers that answered holds the record`, { detail: { asked: answers.length } });
  }

  async #keep(namespace: string, key: Uint8Array, value: Uint8Array): Promise<Result<void>> {
    const rules = this.#rules.get(namespace);
    if (rules === undefined) return fail('RECORD_REFUSED', 'records of this namespace are not kept');
    const checked = await checkRecord(rules, key, value);
    if (!checked.ok) return checked;
    const held = this.held(namespace, key);
    if (held !== undefined && !equal(held, value) && rules.select(key, [held, value]) === 0) {
      return fail('RECORD_REFUSED', 'a better record is held under this key');
    }
    this.#held.delete(name(namespace, key));
    this.#held.set(name(namespace, key), Uint8Array.from(value));
    const [oldest] = this.#held.keys();
    if (this.#held.size > records_held_max && oldest !== undefined) this.#held.delete(oldest);
    return ok(undefined);
  }

  /** Asks every nearest node but ourselves, until `enough` says so, all have answered, or the time is up. */
  #askNearest<T>(namespace: string, key: Uint8Array, signal: AbortSignal, what: string, ask: (station: Station) => Promise<T>, enough: (answer: T, from: PeerId) => boolean): Promise<void> {
    const { wire, id, clock } = this.#parts;
    const targets = wire.nearest(id, concat(utf8(`/${namespace}/`), key), record_holders).filter((target) => target !== id);
    const limit = deadline(clock, open_ms_max, signal);
    return new Promise<void>((resolve) => {
      let left = targets.length;
      if (left === 0 || limit.signal.aborted) resolve();
      limit.signal.addEventListener('abort', () => resolve(), { once: true });
      const answered = (answer: T, from: PeerId): void => {
        left -= 1;
        if (limit.signal.aborted) return;
        if (enough(answer, from) || left === 0) resolve();
      };
      for (const target of targets) {
        wire.carry(id, target, what, (station) => {
          void ask(station).then((answer) => wire.carry(target, id, `${what} answer`, () => answered(answer, target)));
        });
      }
    }).finally(() => limit.done());
  }
}

function name(namespace: string, key: Uint8Array): string {
  return `${namespace} ${toHex(key)}`;
}
