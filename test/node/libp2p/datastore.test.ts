import * as assert from 'uvu/assert';
import { BoundedDatastore, type Datastore } from '../../../node/libp2p/datastore.ts';
import { suite } from '../../harness.ts';

const test = suite('node/libp2p/datastore');
type Key = Parameters<Datastore['get']>[0];
const one = Uint8Array.of(1);

/** As much of a key of the library as the datastore uses. */
function key(name: string): Key {
  return Object.assign(Object.create(null), { toString: () => name });
}

function store(): BoundedDatastore {
  return new BoundedDatastore([
    { prefix: '/a/', entries_max: 3, guard: (_name, value, held) => {
      if (held !== undefined && (value[0] ?? 0) < (held[0] ?? 0)) throw new Error('worse');
    } },
    { prefix: '', entries_max: 2 },
  ]);
}

test('each shelf has its own bound, and the entry written longest ago goes first', () => {
  const datastore = store();
  for (const name of ['/a/1', '/a/2', '/a/3', '/b/1', '/b/2']) datastore.put(key(name), one);
  datastore.put(key('/a/1'), one);
  datastore.put(key('/a/4'), one);
  datastore.put(key('/b/3'), one);
  const names = [...datastore.queryKeys({})].map(String);
  assert.equal(names, ['/a/3', '/a/1', '/a/4', '/b/2', '/b/3']);
});

test('a guard keeps a worse value from replacing a better one', () => {
  const datastore = store();
  datastore.put(key('/a/1'), Uint8Array.of(5));
  assert.throws(() => datastore.put(key('/a/1'), Uint8Array.of(4)), /worse/);
  assert.equal(datastore.get(key('/a/1')), Uint8Array.of(5));
  datastore.put(key('/a/1'), Uint8Array.of(6));
  assert.equal(datastore.peek('/a/1'), Uint8Array.of(6));
});

test('an absent entry is told by the name that the library looks for', () => {
  try {
    store().get(key('/a/1'));
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof Error ? error.name : '', 'NotFoundError');
  }
  assert.is(store().has(key('/a/1')), false);
});

test('queries filter by prefix and filter, order, and page; many and batch do what one does', async () => {
  const datastore = store();
  for await (const _ of datastore.putMany([{ key: key('/a/1'), value: one }, { key: key('/a/2'), value: Uint8Array.of(2) }]));
  const batch = datastore.batch();
  batch.put(key('/a/3'), Uint8Array.of(3));
  batch.delete(key('/a/1'));
  batch.put(key('/b/1'), one);
  assert.is(datastore.has(key('/a/3')), false, 'nothing before the commit');
  await batch.commit();
  const values = (query: Parameters<Datastore['query']>[0]): (number | undefined)[] => [...datastore.query(query)].map(({ value }) => value[0]);
  assert.equal(values({ prefix: '/a/' }), [2, 3]);
  assert.equal(values({ filters: [({ value }) => value[0] !== 2] }), [3, 1]);
  assert.equal(values({ orders: [(x, y) => (x.value[0] ?? 0) < (y.value[0] ?? 0) ? -1 : 1] }), [1, 2, 3]);
  assert.equal(values({ offset: 1, limit: 1 }), [3]);
  for await (const { value } of datastore.getMany([key('/a/2')])) assert.equal(value, Uint8Array.of(2));
  for await (const _ of datastore.deleteMany([key('/a/2'), key('/a/3')]));
  assert.equal([...datastore.queryKeys({})].map(String), ['/b/1']);
});

test.run();
