import { existsSync } from 'node:fs';
import { cp, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { hasEarlierLayout, openStore, raiseVersion, store_schema_version, store_schema_version_before, type Store } from '../../storage/store.ts';
import { storeContract } from '../contract/store.ts';
import { suite, type Test } from '../harness.ts';

const test = suite('storage/store');
const durable = { sync: true };

/** The same tests under the name of a back end. */
function named(name: string): Test {
  const declare: Test = (title, body, options) => test(`${name}: ${title}`, body, options);
  declare.skip = test.skip;
  declare.run = test.run;
  return declare;
}

storeContract(named('memory'), async (context) => {
  const store = unwrap(await openStore({ kind: 'memory' }));
  context.after(() => store.close());
  return store;
});

storeContract(named('disk'), async (context) => {
  const store = unwrap(await openStore({ kind: 'disk', folder: context.folder(), create: true }));
  context.after(() => store.close());
  return store;
});

function open(folder: string, create: boolean): Promise<Result<Store>> {
  return openStore({ kind: 'disk', folder, create });
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.failure.code;
}

test('what was written is there after the store was closed and opened again', async (context) => {
  const folder = context.folder();
  const store = unwrap(await open(folder, true));
  await store.batch([{ space: 'record', key: Uint8Array.of(1), value: Uint8Array.of(2) }], durable);
  await store.batch([{ space: 'agent', key: Uint8Array.of(1), value: Uint8Array.of(3) }], { sync: false });
  await store.close();
  const again = unwrap(await open(folder, false));
  context.after(() => again.close());
  assert.equal(await again.get('record', Uint8Array.of(1)), Uint8Array.of(2));
  assert.equal(await again.get('agent', Uint8Array.of(1)), Uint8Array.of(3));
});

test('a store that is open already is locked, and is free again after a close', async (context) => {
  const folder = context.folder();
  const store = unwrap(await open(folder, true));
  const second = await open(folder, false);
  assert.is(codeOf(second), 'STORE_LOCKED');
  assert.ok(!second.ok && second.failure.fix !== undefined && second.failure.reason.includes(folder));
  await store.close();
  const third = unwrap(await open(folder, false));
  await third.close();
});

test('what a batch was given may change once the call returned', async (context) => {
  for (const store of [unwrap(await open(context.folder(), true)), unwrap(await openStore({ kind: 'memory' }))]) {
    const [key, value] = [new Uint8Array(4), new Uint8Array(100_000).fill(1)];
    const written = store.batch([{ space: 'log', key, value }], durable);
    key.fill(9);
    value.fill(9);
    await written;
    assert.equal(await store.get('log', new Uint8Array(4)), new Uint8Array(100_000).fill(1));
    await store.close();
  }
});

test('a store that must exist is not made out of nothing', async (context) => {
  const folder = context.folder();
  assert.is(codeOf(await open(folder, false)), 'STORE_UNREADABLE');
  assert.is(codeOf(await open(join(folder, 'missing', 'deep'), false)), 'STORE_UNREADABLE');
  assert.is(existsSync(join(folder, 'CURRENT')), false);
});

test('a folder that holds something else, or a damaged store, is unreadable and says so', async (context) => {
  const folder = context.folder();
  const store = unwrap(await open(folder, true));
  await store.close();
  const manifest = (await readdir(folder)).find((name) => name.startsWith('MANIFEST')) ?? '';
  const bytes = await readFile(join(folder, manifest));
  await writeFile(join(folder, manifest), bytes.fill(0x55));
  const damaged = await open(folder, false);
  assert.is(codeOf(damaged), 'STORE_UNREADABLE');
  assert.ok(!damaged.ok && damaged.failure.fix !== undefined);
  const file = join(context.folder(), 'file');
  await writeFile(file, 'not a folder');
  assert.is(codeOf(await open(file, true)), 'STORE_UNREADABLE');
});

test('a store of a newer layout, or of none that we know, is refused and left as it is', async (context) => {
  for (const version of [String(store_schema_version + 1), String(store_schema_version_before - 1), '0', '', 'x', '\u00ff']) {
    const folder = context.folder();
    const store = unwrap(await open(folder, true));
    const stored = version === '\u00ff' ? Uint8Array.of(0xff) : utf8(version);
    await store.batch([{ space: 'meta', key: utf8('schema-version'), value: stored }], durable);
    await store.close();
    for (const create of [false, true]) assert.is(codeOf(await open(folder, create)), 'STORE_VERSION', `version ${version}`);
  }
});

test('a store of the layout before is opened, and has the present one once somebody says so', async (context) => {
  const folder = context.folder();
  const store = unwrap(await open(folder, true));
  assert.not.ok(await hasEarlierLayout(store));
  await store.batch([{ space: 'meta', key: utf8('schema-version'), value: utf8(String(store_schema_version_before)) }], durable);
  await store.close();
  const again = unwrap(await open(folder, false));
  assert.ok(await hasEarlierLayout(again));
  await raiseVersion(again, 'begun');
  assert.ok(await hasEarlierLayout(again), 'it is begun, and a program that knows the one before alone refuses it');
  assert.not.equal(await again.get('meta', utf8('schema-version')), utf8(String(store_schema_version_before)));
  await again.close();
  const third = unwrap(await open(folder, false));
  await raiseVersion(third, 'done');
  assert.not.ok(await hasEarlierLayout(third));
  await third.close();
});

test('an existing database that is not one of ours is refused', async (context) => {
  const folder = context.folder();
  const store = unwrap(await open(folder, true));
  await store.batch([{ space: 'meta', key: utf8('schema-version') }, { space: 'record', key: Uint8Array.of(1), value: Uint8Array.of(1) }], durable);
  await store.close();
  assert.is(codeOf(await open(folder, false)), 'STORE_VERSION');
});

async function newestWriteAheadLog(folder: string): Promise<string> {
  const [name = ''] = (await readdir(folder)).filter((each) => each.endsWith('.log')).toSorted().toReversed();
  return join(folder, name);
}

test('what LevelDB left out at an opening because it could not read it is told, and a torn end is no such thing', async (context) => {
  const folder = context.folder();
  const store = unwrap(await open(folder, true));
  for (let index = 0; index < 64; index += 1) {
    await store.batch([{ space: 'record', key: Uint8Array.of(index), value: new Uint8Array(2048).fill(index) }], durable);
  }
  await store.close();
  const path = await newestWriteAheadLog(folder);
  const whole = await readFile(path);
  const reopened = async (bytes: Uint8Array): Promise<{ readonly left_out: string | undefined; readonly count: number }> => {
    const copy = context.folder();
    await cp(folder, copy, { recursive: true });
    await writeFile(await newestWriteAheadLog(copy), bytes);
    const again = unwrap(await open(copy, false));
    let count = 0;
    for await (const [key] of again.entries('record', {})) count += key.length;
    await again.close();
    return { left_out: again.left_out, count };
  };
  assert.equal(await reopened(whole), { left_out: undefined, count: 64 });
  const torn = await reopened(whole.subarray(0, -1000));
  assert.equal(torn, { left_out: undefined, count: 63 }, 'a write that was under way');
  const flipped = Uint8Array.from(whole);
  flipped[whole.length >> 1] = (flipped[whole.length >> 1] ?? 0) ^ 1;
  const damaged = await reopened(flipped);
  assert.ok(damaged.count < 64, 'it opens without them');
  assert.match(damaged.left_out ?? '', /ignoring error.*dropping \d+ bytes/);
});

test.run();
