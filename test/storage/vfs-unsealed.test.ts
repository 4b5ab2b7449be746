import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { fail, unwrap } from '../../crypto/result.ts';
import { hasEarlierLayout, openStore, store_schema_version_before, type Change, type Store } from '../../storage/store.ts';
import type { Vault } from '../../storage/vault.ts';
import { VfsTrees } from '../../storage/vfs.ts';
import { suite } from '../harness.ts';
import { oldLayout, oldTree, sha256, type OldTree } from './vfs-old.ts';
import { at, audit, bytes, codeOf, freshVault, reopened, textOf, vaultWith } from './vfs-world.ts';

const test = suite('storage/vfs-unsealed');

async function assertWhole(store: Store, vault: Vault, { root, kept }: OldTree): Promise<void> {
  const tree = reopened({ store, vault });
  assert.is(textOf(unwrap(await tree.read(at('/b'))).bytes), 'in the clear');
  const long = unwrap(await tree.read(at('/long')));
  assert.equal([long.bytes.length, long.bytes[65_535], long.bytes[65_536], long.stat.tags, long.stat.labels], [65_546, 1, 2, ['tag'], ['web']]);
  const usage = unwrap(await tree.usage());
  assert.equal([usage.root, usage.snapshots], [root, 1]);
  assert.is(usage.stored_bytes, (await audit(store, vault)).bytes);
  unwrap(await tree.restore(kept));
  assert.is(textOf(unwrap(await tree.read(at('/removed'))).bytes), 'removed in the clear');
  await audit(store, vault);
}

test('what a store of the layout before kept is sealed at the first start, with its kept states, and is in no file of the folder afterwards', async (context) => {
  const folder = context.folder();
  const old = oldTree('agent');
  const vault = await freshVault();
  const first = unwrap(await openStore({ kind: 'disk', folder, create: true }));
  await oldLayout(first, old.changes);
  await first.close();
  const files = (): readonly Buffer[] => readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  const in_clear = (): boolean => ['in the clear', old.root, 'writer', 'removed'].some((word) => files().some((content) => content.includes(word)));
  assert.ok(in_clear());
  const store = unwrap(await openStore({ kind: 'disk', folder, create: false }));
  assert.equal(unwrap(await new VfsTrees({ store, vault, now: () => 0 }).seal()), { sealed: 1, left: 0 });
  assert.not.ok(in_clear());
  assert.not.ok(await hasEarlierLayout(store));
  await assertWhole(store, vault, old);
  assert.equal(unwrap(await new VfsTrees({ store, vault, now: () => 0 }).seal()), { sealed: 0, left: 0 });
  await store.close();
  assert.not.ok(in_clear());
});

test('a start that is cut off between removing and clearing the disk is ended by the next one', async (context) => {
  const folder = context.folder();
  const old = oldTree('agent');
  const vault = await freshVault();
  const first = unwrap(await openStore({ kind: 'disk', folder, create: true }));
  await oldLayout(first, old.changes);
  await first.close();
  const in_clear = (): boolean => readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes('in the clear'));
  const second = unwrap(await openStore({ kind: 'disk', folder, create: false }));
  const cut: Store = { get: second.get.bind(second), entries: second.entries.bind(second), batch: second.batch.bind(second), close: second.close.bind(second), compact: () => Promise.reject(new Error('killed')) };
  await new VfsTrees({ store: cut, vault, now: () => 0 }).seal().then(() => assert.unreachable(), () => undefined);
  assert.not.equal(await second.get('meta', bytes('schema-version')), bytes(String(store_schema_version_before)), 'the program before refuses what is half done: it would begin anew, and lose it at the next start of this one');
  assert.ok(await hasEarlierLayout(second));
  await second.close();
  assert.ok(in_clear());
  const store = unwrap(await openStore({ kind: 'disk', folder, create: false }));
  unwrap(await new VfsTrees({ store, vault, now: () => 0 }).seal());
  assert.not.ok(await hasEarlierLayout(store));
  assert.not.ok(in_clear());
  await assertWhole(store, vault, old);
  await store.close();
});

test('a folder that leads to itself, which no hash allows, holds up no start', async () => {
  const old = oldTree('agent');
  const store = unwrap(await openStore({ kind: 'memory' }));
  const own = `n${old.root.slice(-64)}`;
  const looping = bytes(JSON.stringify([[1, 'deeper', own, 1, 0, null, []]]));
  await oldLayout(store, old.changes.map(({ space, key, value }) => ({ space, key, value: (Buffer.from(key).toString('hex').endsWith(own.slice(1)) && key[0] === 'n'.charCodeAt(0)) || value === undefined ? looping : value })));
  const vault = await freshVault();
  assert.equal(unwrap(await new VfsTrees({ store, vault, now: () => 0 }).seal()), { sealed: 1, left: 0 });
  assert.is(codeOf(await reopened({ store, vault }).list(at('/'), { limit: 9 })), 'VFS_DAMAGED');
});

test('what was left in the clear since its head was damaged can be removed, and is in no file of the folder then', async (context) => {
  const folder = context.folder();
  const [old, other] = [oldTree('agent'), oldTree('other')];
  const first = unwrap(await openStore({ kind: 'disk', folder, create: true }));
  await oldLayout(first, [...old.changes, ...other.changes].map(({ space, key, value }) => ({ space, key, value: key[0] === 'h'.charCodeAt(0) || value === undefined ? bytes('nothing') : value })));
  await first.close();
  const store = unwrap(await openStore({ kind: 'disk', folder, create: false }));
  const trees = new VfsTrees({ store, vault: await freshVault(), now: () => 0 });
  assert.equal(unwrap(await trees.seal()), { sealed: 0, left: 2 });
  const left = async (): Promise<number> => {
    let found = 0;
    for await (const _entry of store.entries('vfs', {})) found += 1;
    return found;
  };
  const before = await left();
  await trees.removeLeft('agent');
  assert.is(await left(), before / 2);
  await trees.removeLeft('other');
  assert.is(await left(), 0);
  await store.close();
  assert.not.ok(readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes('in the clear')));
});

test('a crash at any point of it is no loss: the next start goes on', async () => {
  const old = oldTree('agent');
  const batches: (readonly Change[])[] = [];
  const vault = await freshVault();
  const recorded = async (): Promise<Store> => {
    const inner = unwrap(await openStore({ kind: 'memory' }));
    await oldLayout(inner, old.changes);
    return inner;
  };
  const whole = await recorded();
  const watching: Store = {
    get: whole.get.bind(whole), entries: whole.entries.bind(whole), close: whole.close.bind(whole),
    batch: (changes, options) => {
      batches.push(changes.map((change) => ({ ...change })));
      return whole.batch(changes, options);
    },
  };
  unwrap(await new VfsTrees({ store: watching, vault, now: () => 0 }).seal());
  assert.ok(batches.length > 5);
  for (let done = 0; done <= batches.length; done += 1) {
    const survived = await recorded();
    for (const batch of batches.slice(0, done)) await survived.batch(batch, { sync: false });
    unwrap(await new VfsTrees({ store: survived, vault, now: () => 0 }).seal());
    await assertWhole(survived, vault, old);
  }
});

test('a tree that is damaged is left as it is, and a piece that is lost or was changed is missed when it is read, as before', async () => {
  const [old, other] = [oldTree('agent'), oldTree('other')];
  const store = unwrap(await openStore({ kind: 'memory' }));
  const damaged = other.changes.map(({ space, key, value }) => ({ space, key, value: key[0] === 'h'.charCodeAt(0) || value === undefined ? bytes('nothing') : value }));
  const changed = old.changes.map(({ space, key, value }) => ({ space, key, value: Buffer.from(key).toString('hex').endsWith(sha256(new Uint8Array(10).fill(2))) || value === undefined ? bytes('something else') : value }));
  await oldLayout(store, [...changed.filter(({ key }) => !Buffer.from(key).toString('hex').endsWith(sha256('in the clear'))), ...damaged]);
  const vault = await freshVault();
  assert.equal(unwrap(await new VfsTrees({ store, vault, now: () => 0 }).seal()), { sealed: 1, left: 1 });
  const tree = reopened({ store, vault });
  assert.is(codeOf(await tree.read(at('/a'))), 'VFS_DAMAGED');
  assert.is(codeOf(await tree.read(at('/long'))), 'VFS_DAMAGED');
  assert.is(unwrap(await tree.read(at('/long'), { length: 65_536 })).bytes[0], 1);
  assert.equal(unwrap(await tree.list(at('/'), { limit: 9 })).map(({ path }) => path), ['/a', '/b', '/long']);
  let left = 0;
  for await (const [key] of store.entries('vfs', {})) if (!'ot'.includes(String.fromCharCode(key[0] ?? 0))) left += 1;
  assert.is(left, damaged.length);
});

test('in a store of the present layout nothing in the clear is taken for a tree', async () => {
  const old = oldTree('agent');
  const store = unwrap(await openStore({ kind: 'memory' }));
  await store.batch(old.changes, { sync: true });
  const vault = await freshVault();
  assert.equal(unwrap(await new VfsTrees({ store, vault, now: () => 0 }).seal()), { sealed: 0, left: 0 });
  assert.is(codeOf(await reopened({ store, vault }).read(at('/a'))), 'VFS_MISSING');
});

test('a vault that cannot be written seals nothing and loses nothing', async () => {
  const old = oldTree('agent');
  const store = unwrap(await openStore({ kind: 'memory' }));
  await oldLayout(store, old.changes);
  const vault = await freshVault();
  const broken = vaultWith(vault, { prepare: () => Promise.resolve(fail('VAULT_UNWRITABLE', 'for the test')) });
  assert.is(codeOf(await new VfsTrees({ store, vault: broken, now: () => 0 }).seal()), 'VAULT_UNWRITABLE');
  assert.ok(await hasEarlierLayout(store));
  unwrap(await new VfsTrees({ store, vault, now: () => 0 }).seal());
  await assertWhole(store, vault, old);
});

test.run();
