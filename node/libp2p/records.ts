import { Record as DhtRecord, type KadDHT, type KadDHTInit } from '@libp2p/kad-dht';
import { assert } from '../../crypto/assert.ts';
import { concat, equal, toBase32, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { RecentMap } from '../../crypto/recent.ts';
import { fail, FailureError, ok, type Result } from '../../crypto/result.ts';
import type { PeerId, RecordAnswer, RecordRules } from '../../protocols/ports.ts';
import { checkRecord } from './checks.ts';
import { BoundedDatastore } from './datastore.ts';
import { records_held_max } from './limits.ts';

const record_prefix = '/dht/record/';
const provider_prefix = '/dht/provider';
/** Provider announcements have no use here, yet any peer may send them. */
const providers_held_max = 64;
/** Values of which it is remembered what the rules said. */
const verdicts_max = 1024;
/** Peers whose addresses and protocols are remembered. */
const peers_held_max = 8_192;

function dhtKey(namespace: string, key: Uint8Array): Uint8Array {
  return concat(utf8(`/${namespace}/`), key);
}

function refuse(): never {
  throw new Error('records of this namespace are not kept');
}

/** What a value under a key is known by. */
function nameOf(key: Uint8Array, value: Uint8Array): string {
  return toBase32(sha256(concat(sha256(key), value)));
}

/**
 * The records of the DHT under our rules. Three things the library leaves open
 * are closed here: it writes a record over a better one, its look-up fails as a
 * whole when one holder lies, and it swallows the answers that break the rules,
 * so that nobody could be named for them.
 */
export class Records {
  readonly #rules = new Map<string, RecordRules>();
  /** Keys that are being looked up, and how often: their answers are the asker's to judge. */
  readonly #asked = new Map<string, number>();
  /** Whether values kept the rules when they were last checked. */
  readonly #verdicts = new RecentMap<string, boolean>(verdicts_max);
  /** Where libp2p keeps what it is sent; nothing worse than what is held gets in. */
  readonly datastore: BoundedDatastore = new BoundedDatastore([
    { prefix: record_prefix, entries_max: records_held_max, guard: (_name, value, held) => this.#guard(value, held) },
    { prefix: provider_prefix, entries_max: providers_held_max },
    { prefix: '', entries_max: peers_held_max },
  ]);

  /** Sets the rules of a namespace: lower-case letters, digits and hyphens. */
  set(namespace: string, rules: RecordRules): void {
    assert(/^[a-z][a-z0-9-]*$/.test(namespace) && namespace !== 'pk', 'a namespace is lower-case letters, digits and hyphens');
    this.#rules.set(namespace, rules);
  }

  /** The rules as the library wants them; everything without rules is refused. */
  options(): Required<Pick<KadDHTInit, 'validators' | 'selectors'>> {
    const validators: Required<KadDHTInit>['validators'] = { pk: refuse };
    const selectors: Required<KadDHTInit>['selectors'] = { pk: refuse };
    for (const [namespace, rules] of this.#rules) {
      const prefix_bytes = dhtKey(namespace, new Uint8Array()).length;
      validators[namespace] = async (key, value) => {
        const checked = await this.#check(rules, key, key.subarray(prefix_bytes), value);
        // A record of a peer and an answer to our own question look the same here; the guard of the datastore tells them apart.
        if (!checked.ok && !this.#asked.has(toBase32(key))) throw new FailureError(checked.failure);
      };
      selectors[namespace] = (key, values) => rules.select(key.subarray(prefix_bytes), values);
    }
    return { validators, selectors };
  }

  async #check(rules: RecordRules, dht_key: Uint8Array, key: Uint8Array, value: Uint8Array): Promise<Result<void>> {
    const checked = await checkRecord(rules, key, value);
    this.#verdicts.set(nameOf(dht_key, value), checked.ok);
    return checked;
  }

  /** Stores a record at the nearest peers and says how many took it. Fails with `RECORD_REFUSED`. */
  async put(dht: KadDHT, namespace: string, key: Uint8Array, value: Uint8Array, signal: AbortSignal): Promise<Result<number>> {
    const rules = this.#rules.get(namespace);
    assert(rules !== undefined, `the namespace ${namespace} has rules`);
    const checked = await this.#check(rules, dhtKey(namespace, key), key, value);
    if (!checked.ok) return checked;
    const holders = new Set<PeerId>();
    try {
      for await (const event of dht.put(dhtKey(namespace, key), value, { signal })) {
        const stored = event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE'
          && event.record !== undefined && equal(event.record.value, value);
        if (stored) holders.add(event.from.toString());
      }
    } catch (error) {
      if (error instanceof FailureError) return { ok: false, failure: error.failure };
      // The peers that took it before the deadline or the loss of the rest still hold it.
    }
    return ok(holders.size);
  }

  /** Asks our own store and the nearest peers. Fails with `RECORD_NOT_FOUND` when none of them holds a value. */
  async get(dht: KadDHT, own: PeerId, namespace: string, key: Uint8Array, options: {
    readonly answers: number;
    readonly signal: AbortSignal;
  }): Promise<Result<readonly RecordAnswer[]>> {
    assert(this.#rules.has(namespace), `the namespace ${namespace} has rules`);
    const answers = new Map<PeerId, RecordAnswer>();
    const held = this.#held(dhtKey(namespace, key));
    if (held !== undefined) answers.set(own, { from: own, value: held });
    let values = answers.size;
    const name = toBase32(dhtKey(namespace, key));
    this.#asked.set(name, (this.#asked.get(name) ?? 0) + 1);
    try {
      for await (const event of values < options.answers ? dht.get(dhtKey(namespace, key), { signal: options.signal }) : []) {
        if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'GET_VALUE') continue;
        const from = event.from.toString();
        if (answers.has(from)) continue;
        answers.set(from, event.record === undefined ? { from } : { from, value: Uint8Array.from(event.record.value) });
        if (event.record !== undefined) values += 1;
        if (values >= options.answers) break;
      }
    } catch {
      // The deadline, or a holder that refuses to be corrected: what was answered stands.
    } finally {
      const others = (this.#asked.get(name) ?? 0) - 1;
      if (others > 0) this.#asked.set(name, others);
      else this.#asked.delete(name);
    }
    if (values > 0) return ok([...answers.values()]);
    return fail('RECORD_NOT_FOUND', `none of the ${answers.size} peers that answered holds the record`, { detail: { asked: answers.size } });
  }

  #held(key: Uint8Array): Uint8Array | undefined {
    const bytes = this.datastore.peek(record_prefix + toBase32(key));
    return bytes === undefined ? undefined : DhtRecord.deserialize(bytes).value;
  }

  #guard(value: Uint8Array, held: Uint8Array | undefined): void {
    const new_record = DhtRecord.deserialize(value);
    const old_record = held === undefined ? undefined : DhtRecord.deserialize(held);
    if (old_record !== undefined && equal(new_record.value, old_record.value)) return;
    if (this.#verdicts.get(nameOf(new_record.key, new_record.value)) !== true) {
      throw new FailureError({ code: 'RECORD_REFUSED', reason: 'the record was not found to keep the rules' });
    }
    if (old_record === undefined) return;
    for (const [namespace, rules] of this.#rules) {
      const prefix = dhtKey(namespace, new Uint8Array());
      if (!equal(new_record.key.subarray(0, prefix.length), prefix)) continue;
      const best = rules.select(new_record.key.subarray(prefix.length), [old_record.value, new_record.value]);
      if (best === 0) throw new FailureError({ code: 'RECORD_REFUSED', reason: 'a better record is held under this key' });
    }
  }
}
