import * as assert from 'uvu/assert';
import { signEvent, type DocumentEvent } from '../../crypto/did-events.ts';
import { encodeRecord, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { parseDid } from '../../crypto/did.ts';
import { unwrap } from '../../crypto/result.ts';
import { recordStore, type RecordStore } from '../../storage/records.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { rotatedRecord } from '../forks.ts';
import { suite } from '../harness.ts';
import { keyNamed, person, start_ms } from '../people.ts';

const test = suite('storage/records');
const alice = await person('alice');
const bob = await person('bob');

function aliceAt(sequence: number, changes: Partial<DocumentEvent> = {}): DidRecord {
  const document = signEvent({ ...alice.document, sequence, ...changes }, [{ index: 0, key: keyNamed('alice, update') }]);
  return unwrap(verifyRecord(encodeRecord({ establishments: [alice.establishment], document, attestations: [], witness_signatures: [] }), { now_ms: start_ms }));
}

async function memory(): Promise<Store> {
  return unwrap(await openStore({ kind: 'memory' }));
}

function keeping(store: Store, options: { readonly now?: () => number; readonly stored_bytes_max?: number } = {}): RecordStore {
  return recordStore({ store, now: () => start_ms, ...options });
}

function digestOf(did: string): Uint8Array {
  return unwrap(parseDid(did)).digest;
}

test('the newest record stays, in whatever order they come, and a deactivated one for ever', async () => {
  for (const order of [[1, 2, 3], [3, 2, 1], [2, 3, 1]]) {
    const records = keeping(await memory());
    for (const sequence of order) await records.keep(aliceAt(sequence));
    assert.is(records.known(alice.did)?.document.sequence, 3, order.join());
  }
  const records = keeping(await memory());
  await records.keep(aliceAt(1, { deactivated: true }));
  const mark = await records.keep(aliceAt(9));
  assert.is(mark.record.document.deactivated, true, 'it says which one holds');
});

test('what is kept survives a restart, also when it has expired since', async () => {
  const store = await memory();
  await keeping(store).keep(aliceAt(5));
  const again = keeping(store);
  assert.is(again.known(alice.did), undefined, 'memory is empty');
  assert.is((await again.newest(alice.did))?.document.sequence, 5);
  assert.is(again.known(alice.did)?.document.sequence, 5, 'and then it is known');
  assert.is((await again.keep(aliceAt(4))).record.document.sequence, 5);
  assert.is((await keeping(store).keep(aliceAt(4))).record.document.sequence, 5, 'also where the disk alone remembers it');
  assert.is(await again.newest(bob.did), undefined);
  assert.is(await again.newest('did:web:bob'), undefined);
});

test('of two histories the first stays, also when the disk alone remembers it, and both are told', async () => {
  const [left, right] = [rotatedRecord(alice, 'alice', 'left'), rotatedRecord(alice, 'alice', 'right', { sequence: 9 })];
  const store = await memory();
  const records = keeping(store);
  await records.keep(aliceAt(1));
  assert.is((await records.keep(left)).is_news, true, 'one that goes on is no other history');
  for (const one of [records, keeping(store)]) {
    const { record, is_news, fork } = await one.keep(right);
    assert.equal(record.bytes, left.bytes);
    assert.is(is_news, false);
    assert.equal(fork, { number: 1, first: left.establishments[1], second: right.establishments[1] });
  }
  const fresh = keeping(await memory());
  const [first, second] = await Promise.all([fresh.keep(left), fresh.keep(right)]);
  assert.is(first.fork, undefined);
  assert.is(second.fork?.number, 1, 'also when both come at once');
});

test('a stored record that is damaged, or another DID\'s, is as if there were none', async () => {
  const store = await memory();
  await keeping(store).keep(aliceAt(5));
  const bytes = Uint8Array.from(aliceAt(5).bytes);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  for (const value of [bytes, bob.record.bytes, new Uint8Array()]) {
    await store.batch([{ space: 'record', key: digestOf(alice.did), value }], { sync: false });
    const records = keeping(store);
    assert.is((await records.newest(alice.did))?.did, undefined);
    assert.is((await records.keep(aliceAt(2))).record.document.sequence, 2);
  }
});

test('a record is recognised by its bytes, until a newer one takes its place', async () => {
  const records = keeping(await memory());
  const [old, young] = [aliceAt(1), aliceAt(2)];
  assert.is(records.same(old.bytes)?.did, undefined);
  await records.keep(old);
  assert.is(records.same(Uint8Array.from(old.bytes))?.document.sequence, 1);
  await records.keep(young);
  assert.is(records.same(old.bytes)?.did, undefined);
  assert.is(records.same(young.bytes)?.document.sequence, 2);
});

/** A store that takes a turn to read and to write, and many turns for the first time. */
function slow(store: Store): Store {
  let [reads, writes] = [0, 0];
  return {
    get: async (...given) => {
      reads += 1;
      await turns(reads === 1 ? 10 : 1);
      return store.get(...given);
    },
    entries: (...given) => store.entries(...given),
    close: () => store.close(),
    batch: async (...given) => {
      writes += 1;
      await turns(writes === 1 ? 10 : 1);
      return store.batch(...given);
    },
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
}

async function storedIn(store: Store): Promise<number> {
  const keys: Uint8Array[] = [];
  for await (const [key] of store.entries('record', {})) keys.push(key);
  return keys.length;
}

test('of records that come at once the newest holds, in memory and on disk', async () => {
  for (const order of [[1, 2, 3], [3, 2, 1], [2, 3, 1]]) {
    const store = await memory();
    const records = keeping(slow(store));
    const kept = await Promise.all([...order.map((sequence) => records.keep(aliceAt(sequence))), records.newest(alice.did)]);
    assert.is(kept.length, 4);
    assert.is(records.known(alice.did)?.document.sequence, 3, order.join());
    assert.is((await keeping(store).newest(alice.did))?.document.sequence, 3, `${order.join()} on disk`);
  }
  const store = await memory();
  await keeping(store).keep(aliceAt(1));
  const records = keeping(slow(store));
  const reading = records.newest(alice.did);
  await records.keep(aliceAt(2));
  await reading;
  assert.is(records.known(alice.did)?.document.sequence, 2, 'what is read does not replace what came since');
});

test('keeping says whether the record was news', async () => {
  const records = keeping(await memory());
  assert.is((await records.keep(aliceAt(2))).is_news, true);
  assert.is((await records.keep(aliceAt(2))).is_news, false, 'it is known');
  assert.is((await records.keep(aliceAt(1))).is_news, false, 'a newer one is');
  assert.is((await records.keep(aliceAt(3))).is_news, true);
});

test('records of others take a bounded place on the disk, also after a restart, and one of ours always finds room', async () => {
  const store = await memory();
  const crowd = await Promise.all(Array.from({ length: 10 }, (_, index) => person(`stranger ${index}`)));
  const stored_bytes_max = 3.5 * alice.record.bytes.length;
  const records = keeping(store, { stored_bytes_max });
  for (const { record } of crowd) await records.keep(record);
  assert.is(await storedIn(store), 3);
  assert.is(crowd.filter(({ did }) => records.known(did) !== undefined).length, 10, 'the others are in memory');
  assert.is(await records.hasRoom(bob.record), false);
  const again = keeping(store, { stored_bytes_max });
  await again.keep(bob.record);
  assert.is(await storedIn(store), 3, 'what lay there before counts');
  again.claim(alice.did);
  assert.is(await again.hasRoom(alice.record), true);
  await again.keep(alice.record);
  assert.is(await storedIn(store), 4);
  assert.is(await again.hasRoom(bob.record), false, 'and takes nothing from the others, nor gives them any');
});

test('what has had its time leaves the disk: the record of another with its expiry, one that ended or rotated after 90 days, our own never', async () => {
  const store = await memory();
  let now_ms = start_ms;
  const open = (): RecordStore => {
    const records = keeping(store, { now: () => now_ms });
    records.claim(alice.did);
    return records;
  };
  const ended = await person('ended', { deactivated: true });
  const records = open();
  for (const record of [alice.record, bob.record, ended.record]) await records.keep(record);
  assert.is(await storedIn(store), 3);
  const after = async (time_ms: number, held: RecordStore): Promise<number> => {
    now_ms = start_ms + time_ms;
    await held.hasRoom(bob.record);
    return storedIn(store);
  };
  assert.is(await after(47 * 3_600_000, records), 3);
  assert.is(await after(48 * 3_600_000, open()), 2, 'as it opens');
  await records.keep((await person('carol', { now_ms })).record);
  assert.is(await after(97 * 3_600_000, records), 2, 'and as it goes on');
  assert.is((await open().newest(ended.did))?.document.deactivated, true);
  assert.is(await after(90 * 86_400_000, records), 1);
  assert.is((await open().newest(alice.did))?.did, alice.did);
});

test('a sponsor\'s record, which may live for 30 days, stays as long', async () => {
  let now_ms = start_ms;
  const store = await memory();
  const records = keeping(store, { now: () => now_ms });
  await records.keep(aliceAt(1, { expires: start_ms + 30 * 86_400_000 }));
  for (const [days, stays] of [[29, true], [31, false]] as const) {
    now_ms = start_ms + days * 86_400_000;
    const { record } = await person('another', { now_ms });
    await records.keep(record);
    assert.is(await store.get('record', digestOf(alice.did)) !== undefined, stays, `after ${days} days`);
  }
});

test('marks of the dead make room for the living', async () => {
  const store = await memory();
  let now_ms = start_ms;
  const records = keeping(store, { now: () => now_ms, stored_bytes_max: 3.5 * alice.record.bytes.length });
  for (const name of ['first', 'second', 'third']) await records.keep((await person(name, { deactivated: true })).record);
  assert.is(await records.hasRoom(bob.record), false);
  now_ms += 3 * 86_400_000;
  assert.is(await records.hasRoom(bob.record), true);
});

test.run();
