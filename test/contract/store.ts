/** What every back end of the store does alike. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { compare, utf8 } from '../../crypto/bytes.ts';
import { spaces, type Change, type Range, type Space, type Store } from '../../storage/store.ts';
import type { Test, TestContext } from '../harness.ts';

/** Opens an empty store that the test closes by itself at its end. */
export type MakeStore = (context: TestContext) => Promise<Store>;

const durable = { sync: true };

function put(key: Uint8Array, value: Uint8Array, space: Space = 'record'): Change {
  return { space, key, value };
}

async function all(store: Store, range: Range = {}, space: Space = 'record'): Promise<(readonly [number[], number[]])[]> {
  const found: (readonly [number[], number[]])[] = [];
  for await (const [key, value] of store.entries(space, range)) found.push([[...key], [...value]]);
  return found;
}

async function keys(store: Store, range: Range = {}, space: Space = 'record'): Promise<number[][]> {
  return (await all(store, range, space)).map(([key]) => key);
}

function inRange(key: Uint8Array, range: Range): boolean {
  return (range.gte === undefined || range.gt !== undefined || compare(key, range.gte) >= 0)
    && (range.gt === undefined || compare(key, range.gt) > 0)
    && (range.lte === undefined || compare(key, range.lte) <= 0)
    && (range.lt === undefined || range.lte !== undefined || compare(key, range.lt) < 0);
}

function declareValues(test: Test, make: MakeStore): void {
  test('what was written is read, what was deleted is not, and empty keys and values are values', async (context) => {
    const store = await make(context);
    const [empty, one, two] = [new Uint8Array(), Uint8Array.of(1), Uint8Array.of(2)];
    await store.batch([put(empty, one), put(one, empty), put(two, two)], durable);
    assert.equal(await store.get('record', empty), one);
    assert.equal(await store.get('record', one), empty);
    assert.is(await store.get('record', Uint8Array.of(9)), undefined);
    await store.batch([{ space: 'record', key: two }, { space: 'record', key: Uint8Array.of(9) }], { sync: false });
    assert.is(await store.get('record', two), undefined);
    assert.equal(await keys(store), [[], [1]]);
  });

  test('in one batch the last change of a key holds', async (context) => {
    const store = await make(context);
    const key = Uint8Array.of(1);
    await store.batch([put(key, Uint8Array.of(1)), { space: 'record', key }, put(key, Uint8Array.of(3))], durable);
    assert.equal(await store.get('record', key), Uint8Array.of(3));
    await store.batch([put(key, Uint8Array.of(4)), { space: 'record', key }], durable);
    assert.is(await store.get('record', key), undefined);
    await store.batch([], durable);
  });

  test('what the caller does to its bytes afterwards changes nothing that is stored', async (context) => {
    const store = await make(context);
    const [key, value] = [Uint8Array.of(1, 2), Uint8Array.of(3, 4)];
    await store.batch([put(key, value)], durable);
    key.fill(0);
    value.fill(0);
    const read = await store.get('record', Uint8Array.of(1, 2));
    assert.equal(read, Uint8Array.of(3, 4));
    read?.fill(0);
    assert.equal(await store.get('record', Uint8Array.of(1, 2)), Uint8Array.of(3, 4));
  });

  test('a batch that runs beside others is there whole', async (context) => {
    const store = await make(context);
    const batches = Array.from({ length: 50 }, (_, batch) => store.batch(
      Array.from({ length: 20 }, (_unused, index) => put(Uint8Array.of(index), Uint8Array.of(batch))), { sync: batch % 10 === 0 },
    ));
    await Promise.all(batches);
    const values = new Set((await all(store)).map(([, [value]]) => value));
    assert.is(values.size, 1);
  });

  test('a batch with one impossible change changes nothing', async (context) => {
    const store = await make(context);
    const key = Uint8Array.of(1);
    await store.batch([put(key, Uint8Array.of(1))], durable);
    const impossible: Change = { space: 'record', get key(): Uint8Array { throw new Error('impossible'); }, value: key };
    let failed = false;
    await store.batch([put(key, Uint8Array.of(2)), put(Uint8Array.of(3), key), impossible], durable).catch(() => {
      failed = true;
    });
    assert.ok(failed);
    assert.equal(await all(store), [[[1], [1]]]);
  });
}

function declareRanges(test: Test, make: MakeStore): void {
  test('keys come in the order of unsigned bytes, shorter first', async (context) => {
    const store = await make(context);
    const written = [[255], [0], [127], [128], [1, 0], [1], [1, 255], [255, 255], [0, 0]];
    await store.batch(written.map((key) => put(Uint8Array.from(key), utf8('v'))), durable);
    assert.equal(await keys(store), [[0], [0, 0], [1], [1, 0], [1, 255], [127], [128], [255], [255, 255]]);
    assert.equal((await keys(store, { reverse: true, limit: 3 })), [[255, 255], [255], [128]]);
  });

  test('a range gives what a filter of all keys would give, with every kind of bound, both ways', async (context) => {
    const store = await make(context);
    const key = fc.uint8Array({ maxLength: 3, max: 4 }).map((bytes) => bytes.map((byte) => byte === 4 ? 255 : byte));
    const bound = fc.option(key, { nil: undefined });
    const range = fc.record({ gte: bound, gt: bound, lt: bound, lte: bound, reverse: fc.boolean(), limit: fc.option(fc.nat(5), { nil: undefined }) });
    const written = new Map<string, Uint8Array>();
    await fc.assert(fc.asyncProperty(fc.array(key, { maxLength: 4 }), range, async (added, bounds) => {
      await store.batch(added.map((one) => put(one, one)), { sync: false });
      for (const one of added) written.set(String(one), one);
      const given: Range = Object.fromEntries(Object.entries(bounds).filter(([, value]) => value !== undefined));
      const expected = [...written.values()].filter((one) => inRange(one, given)).toSorted(compare);
      if (bounds.reverse) expected.reverse();
      assert.equal(await keys(store, given), expected.slice(0, bounds.limit ?? expected.length).map((one) => Array.from(one)));
    }), { numRuns: 200 });
  });

  test('spaces do not leak into each other, at either end', async (context) => {
    const store = await make(context);
    const names = Object.keys(spaces).filter((name): name is Space => Object.hasOwn(spaces, name) && name !== 'meta');
    const edges = [new Uint8Array(), Uint8Array.of(0), Uint8Array.of(255, 255, 255)];
    await store.batch(names.flatMap((space, index) => edges.map((key) => put(key, Uint8Array.of(index), space))), durable);
    for (const [index, space] of names.entries()) {
      assert.equal(await all(store, {}, space), edges.map((key) => [[...key], [index]]));
      assert.equal(await keys(store, { gt: Uint8Array.of(255, 255, 255) }, space), []);
      assert.equal(await keys(store, { lt: new Uint8Array() }, space), []);
      assert.equal(await keys(store, { lte: Uint8Array.of(255, 255, 255), reverse: true }, space), edges.toReversed().map((key) => Array.from(key)));
    }
    await store.batch(edges.map((key) => ({ space: 'record', key })), durable);
    assert.is((await keys(store, {}, 'receipt')).length, 3);
  });

  test('a walk sees the store as it was when the walk began, and may be left early', async (context) => {
    const store = await make(context);
    await store.batch([1, 2, 3].map((byte) => put(Uint8Array.of(byte), Uint8Array.of(byte))), durable);
    const seen: number[] = [];
    for await (const [key] of store.entries('record', {})) {
      seen.push(key[0] ?? 0);
      if (seen.length === 1) await store.batch([put(Uint8Array.of(4), utf8('late')), { space: 'record', key: Uint8Array.of(3) }], durable);
    }
    assert.equal(seen, [1, 2, 3]);
    for await (const [key] of store.entries('record', {})) {
      if (key[0] === 1) break;
    }
    assert.equal(await keys(store), [[1], [2], [4]]);
  });
}

/** Declares the whole contract for one back end. */
export function storeContract(test: Test, make: MakeStore): void {
  declareValues(test, make);
  declareRanges(test, make);
}
