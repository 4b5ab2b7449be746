import * as assert from 'uvu/assert';
import { fail, unwrap } from '../../crypto/result.ts';
import { memoryFiles, type Files } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import type { Vault } from '../../storage/vault.ts';
import { VfsTrees, type VfsTree } from '../../storage/vfs.ts';
import { suite } from '../harness.ts';
import { breakableFiles } from './audit-world.ts';
import { at, audit, bytes, codeOf, freshVault, openedVault, plain, recordsOf, reopened, slowStore, textOf, vaultWith, world } from './vfs-world.ts';

const test = suite('storage/vfs-erase');

async function filled(tree: VfsTree): Promise<void> {
  unwrap(await tree.write(at('/mem/removed'), bytes('removed long ago'), plain));
  unwrap(await tree.snapshot('me', 'with what is removed'));
  unwrap(await tree.remove(at('/mem/removed')));
  unwrap(await tree.write(at('/mem/long'), new Uint8Array(150_000).fill(7), plain));
  unwrap(await tree.write(at('/mem/same'), new Uint8Array(150_000).fill(7), { ...plain, writer: 'other', labels: ['web'] }));
  unwrap(await tree.write(at('/mem/fact'), bytes('a fact'), plain));
}

async function copyOf(store: Store): Promise<Store> {
  const copy = unwrap(await openStore({ kind: 'memory' }));
  for await (const [key, value] of store.entries('vfs', {})) await copy.batch([{ space: 'vfs', key, value }], { sync: false });
  return copy;
}

async function filesCopy(files: Files): Promise<Files> {
  const copy = memoryFiles();
  await copy.write('vault', await files.read('vault') ?? new Uint8Array());
  return copy;
}

test('what is erased is gone with its snapshots, also for who kept all of the store and has the vault of now; the agent goes on', async () => {
  const { tree, store, vault } = await world();
  await filled(tree);
  const before = await copyOf(store);
  assert.is((await recordsOf(before, vault)).objects.length > 5, true);
  assert.equal(unwrap(await tree.erase()), { inodes: 4, bytes: 300_006, snapshots: 1 });
  assert.is(codeOf(await tree.read(at('/mem/fact'))), 'VFS_MISSING');
  assert.equal(unwrap(await tree.snapshots()), []);
  assert.is((await audit(store, vault)).objects, 1, 'the empty folder alone is left');
  // The store of before, with every byte of it, opens no more.
  const [handle] = await handles(before);
  assert.not.ok(vault.holds(handle ?? new Uint8Array(), { realm: 0xffff, index: 2 ** 48 - 1 }));
  assert.is(codeOf(await reopened({ store: before, vault }).read(at('/mem/fact'))), 'VFS_MISSING');
  unwrap(await tree.write(at('/mem/fact'), bytes('another one'), plain));
  assert.is(textOf(unwrap(await reopened({ store, vault }).read(at('/mem/fact'))).bytes), 'another one');
  await audit(store, vault);
  assert.equal(unwrap(await tree.erase()), { inodes: 2, bytes: 11, snapshots: 0 }, 'as often as it is asked for');
  await audit(store, vault);
});

async function handles(store: Store): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  for await (const [key] of store.entries('vfs', { gte: bytes('t'), lt: bytes('u') })) found.push(key.slice(1));
  return found;
}

test('what nobody wrote into is erased without a trace', async () => {
  const { tree, store, vault } = await world();
  assert.equal(unwrap(await tree.erase()), { inodes: 0, bytes: 0, snapshots: 0 });
  assert.equal([await handles(store), vault.handleOf('agent')], [[], undefined]);
});

test('who keeps a tree busy keeps nobody from erasing it', async () => {
  const { tree } = await world();
  await filled(tree);
  const busy = Array.from({ length: 1100 }, () => tree.read(at('/mem/fact')));
  assert.is(codeOf(await tree.read(at('/mem/fact'))), 'VFS_BUSY');
  const erasing = tree.erase();
  assert.is(unwrap(await erasing).inodes, 4);
  await Promise.all(busy);
  assert.is(codeOf(await tree.read(at('/mem/fact'))), 'VFS_MISSING');
});

test('where the disk has lost the head of a tree, its key is destroyed all the same, so that no copy from before opens', async () => {
  const { tree, store, vault } = await world();
  await filled(tree);
  const before = await copyOf(store);
  const [handle = new Uint8Array()] = await handles(store);
  await store.batch([{ space: 'vfs', key: Buffer.concat([bytes('t'), handle]) }], { sync: true });
  const again = reopened({ store, vault });
  unwrap(await again.erase());
  assert.is(codeOf(await reopened({ store: before, vault }).read(at('/mem/fact'))), 'VFS_MISSING');
  unwrap(await again.write(at('/mem/fact'), bytes('anew'), plain));
  await audit(store, vault);
});

test('files that are kept stay as they are, under a key of their own, and snapshots go', async () => {
  const { tree, store, vault } = await world();
  await filled(tree);
  const stat = unwrap(await tree.stat(at('/mem/same')));
  const old = (await recordsOf(store, vault)).objects.find(({ ref }) => ref.startsWith('l'));
  assert.equal(unwrap(await tree.erase(({ writer }) => writer === 'other')), { inodes: 2, bytes: 150_006, snapshots: 1 });
  assert.equal(unwrap(await tree.stat(at('/mem/same'))), stat);
  assert.equal(unwrap(await reopened({ store, vault }).read(at('/mem/same'))).bytes, new Uint8Array(150_000).fill(7));
  assert.equal(unwrap(await tree.list(at('/mem'), { limit: 9 })).map(({ path }) => path), ['/mem/same']);
  const { bytes: stored } = await audit(store, vault);
  assert.is(unwrap(await tree.usage()).stored_bytes, stored);
  const young = (await recordsOf(store, vault)).objects.find(({ ref }) => ref === old?.ref);
  assert.ok(young !== undefined && old !== undefined);
  assert.not.equal(young.sealed, old.sealed);
  assert.not.equal(young.key, old.key);
});

test('what cannot be read is not kept, and a tree whose head is damaged can be erased', async () => {
  const { tree, store, vault } = await world();
  await filled(tree);
  for (const { ref, key } of (await recordsOf(store, vault)).objects) if (ref.startsWith('l')) await store.batch([{ space: 'vfs', key }], { sync: true });
  const damaged = reopened({ store, vault });
  unwrap(await damaged.erase(() => true));
  assert.equal(unwrap(await damaged.list(at('/mem'), { limit: 9 })).map(({ path }) => path), ['/mem/fact']);
  await audit(store, vault);
  for await (const [key, value] of store.entries('vfs', { gte: bytes('t'), lt: bytes('u') })) await store.batch([{ space: 'vfs', key, value: value.slice(0, -1) }], { sync: true });
  const headless = reopened({ store, vault });
  assert.is(codeOf(await headless.read(at('/mem/fact'))), 'VFS_DAMAGED');
  assert.is(codeOf(await headless.erase(() => true)), 'VFS_DAMAGED', 'what is to be kept cannot be told');
  const [handle = new Uint8Array()] = await handles(store);
  unwrap(await headless.erase());
  for (const generation of [0, 1, 2]) assert.not.ok(vault.holds(handle, { realm: 0xffff, index: 2 ** 48 - 1 - generation }), `the key of generation ${generation} is destroyed`);
  unwrap(await headless.write(at('/mem/fact'), bytes('anew'), plain));
  await audit(store, vault);
});

test('a crash at any point of an erasure leaves all of it, or none once the next start has ended it', async () => {
  for (const keep of [undefined, ({ writer }: { readonly writer: string }) => writer === 'other']) {
    const files = memoryFiles();
    const { tree, store, batches } = await world({ vault: await freshVault(files) });
    await filled(tree);
    const [start, vault_before] = [await copyOf(store), await filesCopy(files)];
    batches.length = 0;
    unwrap(await tree.erase(keep));
    // The head, with what is kept, is one batch; then the vault forgets; then the old objects go.
    assert.ok(batches.length >= 2);
    for (let done = 0; done <= batches.length; done += 1) {
      for (const forgotten of done === 0 ? [false] : done === 1 ? [false, true] : [true]) {
        const survived = await copyOf(start);
        for (const batch of batches.slice(0, done)) await survived.batch(batch, { sync: false });
        const left = await openedVault(await filesCopy(forgotten ? files : vault_before));
        const trees = new VfsTrees({ store: survived, vault: left, now: () => 0 });
        const again = unwrap(trees.tree('agent'));
        assert.is(codeOf(await again.read(at('/mem/fact'))), done === 0 ? 'ok' : 'VFS_MISSING');
        unwrap(await trees.finish());
        assert.is(codeOf(await again.read(at('/mem/fact'))), done === 0 ? 'ok' : 'VFS_MISSING');
        assert.is(codeOf(await again.read(at('/mem/same'))), done === 0 || keep !== undefined ? 'ok' : 'VFS_MISSING');
        await audit(survived, left);
        if (done > 0) assert.is(codeOf(await reopened({ store: await copyOf(start), vault: left }).read(at('/mem/fact'))), 'VFS_MISSING', 'the key of before is destroyed');
      }
    }
  }
});

test('a vault that cannot be written fails the erasure, and the next one, or the next start, ends it', async () => {
  const files = breakableFiles();
  const { tree, trees, store, vault } = await world({ vault: await freshVault(files) });
  await filled(tree);
  const before = await copyOf(store);
  files.broken = true;
  assert.is(codeOf(await tree.erase()), 'VAULT_UNWRITABLE');
  assert.is(codeOf(await trees.finish()), 'VAULT_UNWRITABLE');
  files.broken = false;
  unwrap(await trees.finish());
  await audit(store, vault);
  assert.is(codeOf(await reopened({ store: before, vault }).read(at('/mem/fact'))), 'VFS_MISSING');
});

test('a vault that has no room to forget refuses, and nothing is lost', async () => {
  const vault = await freshVault();
  const { tree, store } = await world({ vault: vaultWith(vault, { admits: () => fail('VAULT_FULL', 'for the test') }) });
  await filled(tree);
  assert.is(codeOf(await tree.erase()), 'VAULT_FULL');
  assert.is(textOf(unwrap(await tree.read(at('/mem/fact'))).bytes), 'a fact');
  await audit(store, vault);
});

test('erasing again and again costs the vault no more than erasing once', async () => {
  const files = memoryFiles();
  const { tree } = await world({ vault: await freshVault(files) });
  const sizes: number[] = [];
  for (let round = 0; round < 60; round += 1) {
    unwrap(await tree.write(at('/a'), bytes(`round ${round}`), plain));
    unwrap(await tree.erase());
    sizes.push((await files.read('vault'))?.length ?? 0);
  }
  assert.ok(Math.max(...sizes) < 4096, `${Math.max(...sizes)} bytes`);
});

test('what has expired goes with an erasure that keeps the rest', async () => {
  const made = await world();
  unwrap(await made.tree.write(at('/ipc/short'), bytes('short'), { ...plain, expires_ms: made.now_ms + 1000 }));
  unwrap(await made.tree.write(at('/ipc/long'), bytes('long'), plain));
  made.now_ms += 1000;
  assert.equal(unwrap(await made.tree.erase(() => true)), { inodes: 1, bytes: 5, snapshots: 0 });
  assert.is((await audit(made.store, made.vault)).objects, 3);
});

test('whoever erases a subject in the vault takes its memory along at once; what it writes then has nothing to do with what was', async () => {
  const { tree, trees, store, vault } = await world();
  await filled(tree);
  unwrap(await unwrap(trees.tree('other')).write(at('/a'), bytes('of another'), plain));
  const handle = vault.handleOf('agent') ?? new Uint8Array();
  unwrap(await vault.forget({ handle }));
  assert.is(codeOf(await tree.read(at('/mem/fact'))), 'VFS_MISSING');
  assert.equal(await trees.names(), ['other']);
  unwrap(await tree.write(at('/mem/fact'), bytes('a new life'), plain));
  unwrap(await trees.discard('agent', handle));
  assert.is(textOf(unwrap(await reopened({ store, vault }).read(at('/mem/fact'))).bytes), 'a new life');
  assert.is(textOf(unwrap(await unwrap(trees.tree('other')).read(at('/a'))).bytes), 'of another');
  for await (const [key] of store.entries('vfs', {})) assert.not.ok(Buffer.from(key).includes(Buffer.from(handle)), 'nothing is left under the old name');
});

test('what was on its way when a subject was erased comes to nothing', async () => {
  const { tree, trees, store, vault } = await world({ store: slowStore(unwrap(await openStore({ kind: 'memory' }))) });
  await filled(tree);
  const handle = vault.handleOf('agent') ?? new Uint8Array();
  const writing = Array.from({ length: 20 }, (_, index) => tree.write(at(`/mem/${index}`), bytes(`late ${index}`), plain));
  // The first is on its way to the disk then, and the others wait behind it.
  await new Promise((resolve) => setTimeout(resolve, 5));
  unwrap(await vault.forget({ handle }));
  await trees.discard('agent', handle);
  await Promise.all(writing);
  const texts = await Promise.all(Array.from({ length: 20 }, (_, index) => reopened({ store, vault }).read(at(`/mem/${index}`))));
  for (const read of texts) assert.ok(read.ok ? textOf(read.value.bytes).startsWith('late') : read.failure.code === 'VFS_MISSING');
  assert.is(codeOf(await tree.read(at('/mem/fact'))), 'VFS_MISSING');
  for await (const [key] of store.entries('vfs', {})) assert.not.ok(Buffer.from(key).includes(Buffer.from(handle)));
});

test('nothing stays of a memory whose very first write was on its way when its subject was erased', async () => {
  const { tree, trees, store, vault } = await world({ store: slowStore(unwrap(await openStore({ kind: 'memory' }))) });
  const writing = tree.write(at('/a'), bytes('first'), plain);
  while (vault.handleOf('agent') === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  await new Promise((resolve) => setTimeout(resolve, 1));
  const handle = vault.handleOf('agent') ?? new Uint8Array();
  unwrap(await vault.forget({ handle }));
  unwrap(await trees.discard('agent', handle));
  await writing;
  assert.equal(await handles(store), []);
});

test('no key seals two contents, also where an old copy of the folder is written on', async () => {
  const files = memoryFiles();
  const { tree, store, vault, batches } = await world({ vault: await freshVault(files) });
  await filled(tree);
  const [old_store, old_vault] = [await copyOf(store), await openedVault(await filesCopy(files))];
  const restored = await world({ store: old_store, vault: old_vault });
  // The same and other things happen on both sides, at the same times.
  for (const side of [tree, restored.tree]) {
    for (let step = 0; step < 12; step += 1) unwrap(await side.write(at(`/mem/${step % 4}`), bytes(side === tree ? `text ${step % 5}` : `text ${step % 3}`), { ...plain, mode: step % 4 === 3 ? 'append' : 'replace' }));
    unwrap(await side.snapshot('me', ''));
  }
  const objects = new Map<string, string>();
  const salts: string[] = [];
  const places = new Set<string>();
  const { objects: records } = await recordsOf(store, vault);
  for (const { key } of records) places.add(Buffer.from(key).toString('hex'));
  for (const { key, value } of [...batches, ...restored.batches].flat()) {
    if (value === undefined) continue;
    const [name, sealed] = [Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex')];
    if (key[0] === 't'.charCodeAt(0)) salts.push(sealed.slice(130, 194));
    // A count has its 32 random bytes in front, and four of its own.
    else if (value.length === 52 && !places.has(name)) salts.push(sealed.slice(0, 64));
    else assert.is(objects.get(name) ?? sealed, sealed, 'what is sealed at a place, under the key that this place alone has, is one content');
    if (value.length !== 52) objects.set(name, sealed);
  }
  assert.ok(salts.length > 30 && objects.size > 40, `${salts.length} ${objects.size}`);
  assert.is(new Set(salts).size, salts.length, 'what changes is sealed under fresh random bytes each time');
});

test('equal contents of two agents, or of one before and after an erasure, have nothing in common on the disk, and no name, path or hash is there in the clear', async () => {
  const { tree, trees, batches } = await world();
  const other = unwrap(trees.tree('other'));
  const secret = bytes('the very same words, long enough to be told from chance');
  for (const one of [tree, other]) unwrap(await one.write(at('/mem/semantic/plan-of-attack'), secret, { ...plain, tags: ['tag-of-it'] }));
  const root = unwrap(await tree.usage()).root;
  assert.is(unwrap(await other.usage()).root, root, 'users see one and the same hash');
  const { hash } = unwrap(await tree.read(at('/mem/semantic/plan-of-attack'))).stat;
  unwrap(await tree.snapshot('operator-name', 'note-of-it'));
  unwrap(await tree.erase());
  unwrap(await tree.write(at('/mem/semantic/plan-of-attack'), secret, { ...plain, tags: ['tag-of-it'] }));
  const values: string[] = [];
  const addresses: string[] = [];
  const all: Buffer[] = [];
  for (const { key, value } of batches.flat()) {
    all.push(Buffer.from(key));
    if (value === undefined) continue;
    all.push(Buffer.from(value));
    if (key[0] !== 'o'.charCodeAt(0)) continue;
    values.push(Buffer.from(value).toString('hex'));
    addresses.push(Buffer.from(key.slice(-32)).toString('hex'));
  }
  assert.is(new Set(values).size, values.length);
  assert.is(new Set(addresses).size, addresses.length);
  const words = ['agent', 'other', 'semantic', 'plan-of-attack', 'the very same', 'tag-of-it', 'writer', 'operator-name', 'note-of-it', 'call-1', root, hash];
  const forms = [...words.map((word) => Buffer.from(word)), ...words.map((word) => Buffer.from(word, 'utf16le')), Buffer.from(root, 'hex'), Buffer.from(hash, 'hex')];
  for (const form of forms) assert.not.ok(all.some((part) => part.includes(form)), form.toString());
});

test('what comes and goes between two writes of the disk is never written', async () => {
  const { tree, store, vault, batches } = await world({ store: slowStore(unwrap(await openStore({ kind: 'memory' }))) });
  unwrap(await tree.write(at('/mem/a'), bytes('first'), plain));
  batches.length = 0;
  await Promise.all(Array.from({ length: 100 }, (_, index) => tree.write(at('/mem/a'), bytes(`version ${index}`), plain)));
  const changes = batches.reduce((sum, batch) => sum + batch.length, 0);
  assert.ok(batches.length < 10 && changes <= 9 * batches.length, `${changes} changes in ${batches.length} batches`);
  assert.is(textOf(unwrap(await reopened({ store, vault }).read(at('/mem/a'))).bytes), 'version 99');
  await audit(store, vault);
});

test('what is on the disk and goes, comes back and goes again while it waits, is gone from the disk', async () => {
  const { tree, store, vault } = await world({ store: slowStore(unwrap(await openStore({ kind: 'memory' }))) });
  unwrap(await tree.write(at('/a'), bytes('on the disk'), plain));
  const texts = ['another', 'on the disk', 'a third'];
  await Promise.all([tree.write(at('/b'), bytes('occupies the disk'), plain), ...texts.map((text) => tree.write(at('/a'), bytes(text), plain))]);
  await audit(store, vault);
  assert.is(textOf(unwrap(await reopened({ store, vault }).read(at('/a'))).bytes), 'a third');
});

function held(vault: Vault): boolean {
  return vault.handleOf('agent') !== undefined;
}

test('a look into a memory that does not exist makes no key for it', async () => {
  const { tree, vault } = await world();
  assert.is(codeOf(await tree.read(at('/a'))), 'VFS_MISSING');
  assert.equal(unwrap(await tree.list(at('/'), { limit: 1 })), []);
  assert.not.ok(held(vault));
  assert.is(codeOf(await tree.remove(at('/a'))), 'VFS_MISSING');
  assert.is(codeOf(await tree.write(at('/a'), bytes('x'), { ...plain, if_hash: '0'.repeat(64) })), 'VFS_CONFLICT');
  unwrap(await tree.sweep());
  assert.not.ok(held(vault), 'also where a sweep comes right behind an erasure: the name that was erased does not come back');
  unwrap(await tree.write(at('/a'), bytes('x'), plain));
  assert.ok(held(vault));
});

test.run();
