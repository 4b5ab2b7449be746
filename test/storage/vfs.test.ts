import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { openStore } from '../../storage/store.ts';
import type { VfsTree } from '../../storage/vfs.ts';
import { suite } from '../harness.ts';
import { at, audit, bytes, codeOf, freshVault, plain, recordsOf, reopened, slowStore, textOf, world } from './vfs-world.ts';

const test = suite('storage/vfs');

async function content(tree: VfsTree, path: string): Promise<string> {
  return textOf(unwrap(await tree.read(at(path))).bytes);
}

async function names(tree: VfsTree, path: string): Promise<string[]> {
  return unwrap(await tree.list(at(path), { limit: 1000 })).map((stat) => stat.path);
}

test('a file is there after its write, with who wrote it, and its hash is that of its bytes', async () => {
  const { tree, store, vault } = await world();
  const written = unwrap(await tree.write(at('/mem/working/notes.md'), bytes('hello'), { ...plain, tags: ['note'], labels: ['web'] }));
  assert.equal(written, {
    kind: 'file', path: '/mem/working/notes.md', hash: createHash('sha256').update('hello').digest('hex'), bytes: 5, modified_ms: 1_800_000_000_000, expires_ms: null,
    writer: 'writer', call_id: 'call-1', tags: ['note'], labels: ['web'],
  });
  assert.equal(unwrap(await tree.stat(at('/mem/working/notes.md'))), written);
  assert.is(await content(tree, '/mem/working/notes.md'), 'hello');
  assert.equal(unwrap(await tree.stat(at('/mem'))), { kind: 'folder', path: '/mem', inodes: 2, bytes: 5, labels: ['web'] });
  assert.equal(await names(tree, '/mem'), ['/mem/working']);
  await audit(store, vault);
});

test('files of every length come back whole and in parts, also those that were appended to', async () => {
  const { tree, store, vault } = await world();
  const long = Uint8Array.from({ length: 200_001 }, (_, index) => index * 7 + (index >> 8));
  for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 200_001]) {
    unwrap(await tree.write(at('/f'), long.subarray(0, length), plain));
    assert.equal(unwrap(await tree.read(at('/f'))).bytes, long.slice(0, length));
  }
  for (const [offset, length] of [[0, 10], [65_530, 12], [65_536, 65_536], [131_000, 100_000], [200_000, 5], [200_001, 5], [999_999, 1]] as const) {
    assert.equal(unwrap(await tree.read(at('/f'), { offset, length })).bytes, long.slice(offset, offset + length));
  }
  let end = 0;
  for (const length of [0, 100, 65_436, 1, 65_535, 68_929]) {
    unwrap(await tree.write(at('/grown'), long.subarray(end, end + length), { ...plain, mode: 'append' }));
    end += length;
  }
  assert.equal(unwrap(await tree.read(at('/grown'))).bytes, long);
  assert.is(unwrap(await tree.stat(at('/grown'))).kind === 'file' && JSON.stringify(await tree.stat(at('/grown'))).includes(hashOf(await tree.stat(at('/f')))), true, 'the same bytes have the same hash however they came');
  // Both name the same pieces, which are stored once.
  assert.ok((await audit(store, vault)).bytes < 210_000);
});

function hashOf(stat: Awaited<ReturnType<VfsTree['stat']>>): string {
  return stat.ok && stat.value.kind === 'file' ? stat.value.hash : '';
}

test('a write says what it expects, and is refused where it is otherwise', async () => {
  const { tree } = await world();
  const first = unwrap(await tree.write(at('/a/f'), bytes('one'), { ...plain, mode: 'create' }));
  assert.is(codeOf(await tree.write(at('/a/f'), bytes('two'), { ...plain, mode: 'create' })), 'VFS_EXISTS');
  const hash = first.kind === 'file' ? first.hash : '';
  const both = await Promise.all([1, 2].map((writer) => tree.write(at('/a/f'), bytes(`from ${writer}`), { ...plain, if_hash: hash })));
  assert.equal(both.map(codeOf), ['ok', 'VFS_CONFLICT']);
  assert.is(await content(tree, '/a/f'), 'from 1');
  assert.is(codeOf(await tree.remove(at('/a/f'), { if_hash: hash })), 'VFS_CONFLICT');
  assert.is(codeOf(await tree.write(at('/a'), bytes('x'), plain)), 'VFS_NOT_FILE');
  assert.is(codeOf(await tree.write(at('/a/f/g'), bytes('x'), plain)), 'VFS_NOT_FOLDER');
  assert.is(codeOf(await tree.write(at('/'), bytes('x'), plain)), 'VFS_NOT_FILE');
  assert.is(codeOf(await tree.read(at('/a'))), 'VFS_NOT_FILE');
  assert.is(codeOf(await tree.read(at('/b'))), 'VFS_MISSING');
  assert.is(codeOf(await tree.list(at('/a/f'), { limit: 1 })), 'VFS_NOT_FOLDER');
  assert.is(codeOf(await tree.remove(at('/a'))), 'VFS_NOT_EMPTY');
  assert.is(codeOf(await tree.remove(at('/nowhere/f'))), 'VFS_MISSING');
  assert.is(codeOf(await tree.mkdir(at('/a/f'))), 'VFS_EXISTS');
  assert.is(codeOf(await tree.remove(at('/a'), { recursive: true })), 'ok');
  assert.equal(await names(tree, '/'), []);
});

test('whatever agents do, the tree holds what a list of files would, and the disk holds what the tree names', async () => {
  const path = fc.constantFrom('/a', '/b', '/d/a', '/d/b', '/d/e/a', '/d/e/f/g', '/x/1', '/x/2');
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.record({ what: fc.constantFrom('write' as const, 'append' as const), path, text: fc.constantFrom('', 'one', 'two', 'x'.repeat(70_000)) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('remove' as const), path, text: fc.constant('') }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('snapshot' as const, 'restore' as const, 'drop' as const), path: fc.constant(''), text: fc.constant('') }) },
  );
  await fc.assert(fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
    const made = await world();
    const { tree, store, vault } = made;
    interface Kept { readonly text: string; readonly expires_ms: number }
    let files = new Map<string, Kept>();
    const states: [string, Map<string, Kept>][] = [];
    const present = (where: string): Kept | undefined => {
      const file = files.get(where);
      return file === undefined || file.expires_ms <= made.now_ms ? undefined : file;
    };
    for (const { what, path: where, text } of operations) {
      made.now_ms += 1;
      if (what === 'write' || what === 'append') {
        // Some live for three operations.
        const expires_ms = text === 'two' ? made.now_ms + 3 : undefined;
        const done = await tree.write(at(where), bytes(text), { ...plain, mode: what === 'write' ? 'replace' : 'append', ...(expires_ms === undefined ? {} : { expires_ms }) });
        const before = what === 'append' ? present(where) : undefined;
        if (done.ok) files.set(where, { text: (before?.text ?? '') + text, expires_ms: expires_ms ?? before?.expires_ms ?? Infinity });
      } else if (what === 'remove') {
        const done = await tree.remove(at(where));
        assert.is(done.ok, present(where) !== undefined, 'what is there can be removed, and nothing else');
        files.delete(where);
      } else if (what === 'snapshot') states.push([unwrap(await tree.snapshot('me', 'note')).root, new Map(files)]);
      else if (what === 'restore' && states[0] !== undefined) {
        unwrap(await tree.restore(states[0][0]));
        files = new Map(states[0][1]);
      } else if (what === 'drop') {
        const [dropped] = states.splice(0, 1);
        if (dropped !== undefined) unwrap(await tree.drop(dropped[0]));
      }
    }
    unwrap(await tree.sweep());
    const left = [...files].filter(([, { expires_ms }]) => expires_ms > made.now_ms);
    for (const [where, { text }] of left) assert.is(await content(tree, where), text);
    const usage = unwrap(await tree.usage());
    assert.is(usage.bytes, left.reduce((sum, [, { text }]) => sum + text.length, 0));
    assert.is((await audit(store, vault)).bytes, usage.stored_bytes);
    // What was written is there for whoever opens the store next.
    const again = reopened(made, () => made.now_ms);
    for (const [where, { text }] of left) assert.is(await content(again, where), text);
    assert.equal(unwrap(await again.usage()), usage);
  }), { numRuns: 150 });
});

test('a folder of thousands has one form whatever the order in which they came, and is listed in pages', async () => {
  const numbers = Array.from({ length: 700 }, (_, index) => index);
  const roots: string[] = [];
  for (const order of [numbers, numbers.toReversed(), numbers.toSorted((a, b) => (a * 7919) % 701 - (b * 7919) % 701)]) {
    const { tree, store, vault } = await world();
    await Promise.all(order.map((number) => tree.write(at(`/many/${number}`), bytes(String(number % 10)), plain)));
    const all = await names(tree, '/many');
    assert.equal(all, numbers.map((number) => `/many/${number}`).toSorted());
    const page = unwrap(await tree.list(at('/many'), { after: '42', limit: 3 }));
    assert.equal(page.map((stat) => stat.path), ['/many/420', '/many/421', '/many/422']);
    roots.push(unwrap(await tree.usage()).root);
    await audit(store, vault);
    for (const number of order.slice(0, 690)) unwrap(await tree.remove(at(`/many/${number}`)));
    const { objects } = await audit(store, vault);
    assert.ok(objects <= 12, 'what is small again has the form of what was always small');
  }
  assert.is(new Set(roots).size, 1);
});

test('a folder of many in a folder of many is walked down to its files', async () => {
  const { tree, store, vault } = await world();
  const paths = Array.from({ length: 40 }, (_, index) => [`/many/${index}/one`, `/many/7/${index}`]).flat();
  await Promise.all(paths.map((path) => tree.write(at(path), bytes(path), plain)));
  for (const path of paths) assert.is(await content(tree, path), path);
  for (const path of paths) assert.is(await content(reopened({ store, vault }), path), path);
  assert.is(codeOf(await tree.read(at('/many/7/none'))), 'VFS_MISSING');
});

test('a snapshot keeps everything at the price of nothing, a restore is one step, and a difference is found without reading what is equal', async () => {
  const { tree, store, vault, batches } = await world();
  await Promise.all(Array.from({ length: 100 }, (_, index) => tree.write(at(`/mem/${index % 10}/${index}`), bytes(`v1 of ${index}`), plain)));
  const before = await audit(store, vault);
  const first = unwrap(await tree.snapshot('me', 'before the change'));
  assert.equal(await audit(store, vault), before, 'nothing is copied');
  assert.is(first.root, unwrap(await tree.usage()).root);
  unwrap(await tree.write(at('/mem/3/13'), bytes('changed'), plain));
  unwrap(await tree.remove(at('/mem/4'), { recursive: true }));
  unwrap(await tree.write(at('/new'), bytes('new'), plain));
  const difference = unwrap(await tree.diff(first.root));
  assert.equal(difference.filter(({ change }) => change !== 'removed'), [{ path: '/mem/3/13', change: 'changed' }, { path: '/new', change: 'added' }]);
  assert.is(difference.length, 13, 'the folder and its ten files went');
  batches.length = 0;
  unwrap(await tree.restore(first.root));
  assert.is(batches.length, 1);
  assert.is(unwrap(await tree.usage()).root, first.root);
  assert.equal(unwrap(await tree.diff(first.root)), []);
  assert.is(await content(tree, '/mem/3/13'), 'v1 of 13');
  assert.equal(unwrap(await tree.snapshots()).map(({ note }) => note), ['before the change']);
  await audit(store, vault);
  unwrap(await tree.drop(first.root));
  assert.equal(await audit(store, vault), before);
  assert.is(codeOf(await tree.restore(first.root)), 'VFS_SNAPSHOT_UNKNOWN');
  assert.is(codeOf(await tree.drop(first.root)), 'VFS_SNAPSHOT_UNKNOWN');
});

test('one folder can be brought back alone', async () => {
  const { tree, store, vault } = await world();
  unwrap(await tree.write(at('/mem/a'), bytes('old'), plain));
  unwrap(await tree.write(at('/state/s'), bytes('old'), plain));
  const { root } = unwrap(await tree.snapshot('me', ''));
  unwrap(await tree.write(at('/mem/a'), bytes('young'), plain));
  unwrap(await tree.write(at('/mem/b'), bytes('young'), plain));
  unwrap(await tree.write(at('/state/s'), bytes('young'), plain));
  unwrap(await tree.restore(root, at('/mem')));
  assert.equal(await names(tree, '/mem'), ['/mem/a']);
  assert.equal([await content(tree, '/mem/a'), await content(tree, '/state/s')], ['old', 'young']);
  assert.is(codeOf(await tree.restore(root, at('/nowhere'))), 'VFS_MISSING');
  await audit(store, vault);
});

test('what has expired is never served again, not even by a snapshot, and the sweeper removes it', async () => {
  const made = await world();
  const { tree, store, vault, trees } = made;
  unwrap(await tree.write(at('/mem/short'), bytes('soon gone'), { ...plain, expires_ms: made.now_ms + 1000 }));
  unwrap(await tree.write(at('/mem/long'), bytes('stays'), plain));
  const { root } = unwrap(await tree.snapshot('me', ''));
  await trees.sweep();
  assert.is(await content(tree, '/mem/short'), 'soon gone');
  made.now_ms += 1000;
  assert.is(codeOf(await tree.read(at('/mem/short'))), 'VFS_MISSING');
  assert.is(codeOf(await tree.stat(at('/mem/short'))), 'VFS_MISSING');
  assert.is(codeOf(await tree.remove(at('/mem/short'))), 'VFS_MISSING');
  assert.equal(await names(tree, '/mem'), ['/mem/long']);
  await trees.sweep();
  assert.is(unwrap(await tree.usage()).inodes, 2);
  for (let round = 0; round < 5; round += 1) {
    unwrap(await tree.write(at(`/mem/note-${round}`), bytes('x'), { ...plain, expires_ms: made.now_ms + 1000 }));
    made.now_ms += 1000;
  }
  unwrap(await tree.mkdir(at('/mem')));
  assert.is(unwrap(await tree.usage()).inodes, 2, 'a change takes along what has expired');
  unwrap(await tree.restore(root));
  assert.is(codeOf(await tree.read(at('/mem/short'))), 'VFS_MISSING');
  assert.is(codeOf(await tree.write(at('/mem/short'), bytes('again'), { ...plain, mode: 'create' })), 'ok');
  unwrap(await tree.drop(root));
  await audit(store, vault);
});

test('quotas hold for bytes, files, one file and what snapshots keep, and never against who frees room', async () => {
  const limits = { inodes_max: 4, bytes_max: 1000, file_bytes_max: 600, stored_bytes_max: 2600, snapshots_max: 2 };
  const { tree, store, vault } = await world({ limits });
  assert.is(codeOf(await tree.write(at('/f'), new Uint8Array(601), plain)), 'VFS_QUOTA');
  unwrap(await tree.write(at('/f'), new Uint8Array(600), plain));
  assert.is(codeOf(await tree.write(at('/f'), new Uint8Array(1), { ...plain, mode: 'append' })), 'VFS_QUOTA');
  assert.is(codeOf(await tree.write(at('/g'), new Uint8Array(401), plain)), 'VFS_QUOTA');
  unwrap(await tree.write(at('/g'), new Uint8Array(400), plain));
  unwrap(await tree.write(at('/g'), new Uint8Array(399), plain));
  unwrap(await tree.write(at('/a'), new Uint8Array(), plain));
  assert.is(codeOf(await tree.write(at('/d/e'), new Uint8Array(), plain)), 'VFS_QUOTA');
  unwrap(await tree.write(at('/b'), new Uint8Array(), plain));
  assert.is(codeOf(await tree.mkdir(at('/c'))), 'VFS_QUOTA');
  unwrap(await tree.snapshot('me', '1'));
  for (let round = 0; round < 3; round += 1) await tree.write(at('/f'), new Uint8Array(600).fill(round + 1), plain);
  unwrap(await tree.snapshot('me', '2'));
  assert.is(codeOf(await tree.snapshot('me', '3')), 'VFS_QUOTA');
  const usage = unwrap(await tree.usage());
  assert.ok(usage.stored_bytes > 1600 && usage.stored_bytes <= 2600, `${usage.stored_bytes}`);
  const refused = await tree.write(at('/f'), new Uint8Array(600).fill(9), plain);
  assert.is(codeOf(refused), 'VFS_QUOTA');
  assert.match(refused.ok ? '' : refused.failure.fix ?? '', /snapshot/);
  unwrap(await tree.drop(unwrap(await tree.snapshots())[0]?.root ?? ''));
  unwrap(await tree.remove(at('/f')));
  await audit(store, vault);
});

test('a byte that was changed on the disk is never served: the read fails, and the file can be written anew or brought back', async () => {
  const { tree, store, vault } = await world();
  unwrap(await tree.write(at('/mem/fact'), bytes('the bridge is safe'), plain));
  const { root } = unwrap(await tree.snapshot('me', ''));
  for (const { ref, key, sealed } of (await recordsOf(store, vault)).objects) {
    if (!ref.startsWith('c')) continue;
    // What a stream cipher alone would let pass: one letter for another.
    const changed = Uint8Array.from(sealed);
    for (let index = 0; index < 4; index += 1) changed[14 + index] = (changed[14 + index] ?? 0) ^ 'safe'.charCodeAt(index) ^ 'down'.charCodeAt(index);
    await store.batch([{ space: 'vfs', key, value: changed }], { sync: true });
  }
  const again = reopened({ store, vault });
  const read = await again.read(at('/mem/fact'));
  assert.is(codeOf(read), 'VFS_DAMAGED');
  assert.match(read.ok ? '' : read.failure.reason, /is not what was written/);
  unwrap(await again.write(at('/mem/fact'), bytes('another text'), plain));
  assert.is(await content(again, '/mem/fact'), 'another text');
  unwrap(await again.restore(root));
  assert.is(codeOf(await again.read(at('/mem/fact'))), 'VFS_DAMAGED');
});

test('a folder, a list of pieces and a head that were changed on the disk are refused as such', async () => {
  for (const letter of ['n', 'l', 't']) {
    const { tree, store, vault } = await world();
    unwrap(await tree.write(at('/mem/long'), new Uint8Array(70_000), plain));
    const kept = (await recordsOf(store, vault)).objects.filter(({ ref }) => ref.startsWith(letter)).map(({ key, sealed }) => [key, sealed] as const);
    for await (const [key, value] of store.entries('vfs', { gte: bytes('t'), lt: bytes('u') })) if (letter === 't') kept.push([key, value]);
    assert.ok(kept.length > 0);
    for (const [key, value] of kept) {
      const changed = Uint8Array.from(value);
      changed[changed.length - 5] = (changed[changed.length - 5] ?? 0) ^ 1;
      await store.batch([{ space: 'vfs', key, value: changed }], { sync: true });
    }
    const again = reopened({ store, vault });
    assert.is(codeOf(await again.read(at('/mem/long'))), 'VFS_DAMAGED', letter);
    if (letter !== 'l') assert.is(codeOf(await again.write(at('/mem/x'), bytes('x'), plain)), 'VFS_DAMAGED', 'nothing is written over what cannot be read');
  }
});

test('what is removed after a restart frees as much as it took', async () => {
  const { tree, store, vault } = await world();
  for (const name of ['/a', '/d/b', '/d/c']) unwrap(await tree.write(at(name), bytes(`the content of ${name}`), plain));
  const again = reopened({ store, vault });
  unwrap(await again.remove(at('/d'), { recursive: true }));
  assert.is(unwrap(await again.usage()).stored_bytes, (await audit(store, vault)).bytes);
});

test('a count that was changed on the disk takes nobody\'s file away', async () => {
  const { tree, store, vault } = await world();
  for (const name of ['/a', '/b']) unwrap(await tree.write(at(name), bytes('the same in both'), plain));
  const objects = new Set((await recordsOf(store, vault)).objects.map(({ key }) => Buffer.from(key).toString('hex')));
  let counts = 0;
  for await (const [key, value] of store.entries('vfs', { gte: bytes('o'), lt: bytes('p') })) {
    if (objects.has(Buffer.from(key).toString('hex'))) continue;
    counts += 1;
    await store.batch([{ space: 'vfs', key, value: value.with(value.length - 1, (value.at(-1) ?? 0) ^ 1) }], { sync: true });
  }
  assert.is(counts, 1);
  const again = reopened({ store, vault });
  unwrap(await again.remove(at('/a')));
  assert.is(await content(again, '/b'), 'the same in both');
});

test('a tree whose present state is lost comes back from a snapshot', async () => {
  const { tree, store, vault } = await world();
  unwrap(await tree.write(at('/a'), bytes('kept'), plain));
  const { root } = unwrap(await tree.snapshot('me', ''));
  unwrap(await tree.write(at('/a'), bytes('young'), plain));
  const lost = unwrap(await tree.usage()).root;
  for (const { ref, key } of (await recordsOf(store, vault)).objects) if (ref.slice(1) === lost) await store.batch([{ space: 'vfs', key }], { sync: true });
  const again = reopened({ store, vault });
  assert.is(codeOf(await again.stat(at('/a'))), 'VFS_DAMAGED');
  unwrap(await again.restore(root));
  assert.is(await content(again, '/a'), 'kept');
});

test('after a crash behind any batch the tree is whole: it is as it was after one of the changes', async () => {
  const { tree, vault, batches } = await world();
  const states = new Set<string>();
  const roots: string[] = [];
  for (let step = 0; step < 30; step += 1) {
    if (step % 7 === 3) roots.push(unwrap(await tree.snapshot('me', '')).root);
    else if (step % 11 === 10) await tree.restore(roots[0] ?? '');
    else if (step % 5 === 4) await tree.remove(at(`/d/${step % 3}`));
    else await tree.write(at(`/d/${step % 3}`), new Uint8Array(step * 4000).fill(step), plain);
    states.add(unwrap(await tree.usage()).root);
  }
  const store = unwrap(await openStore({ kind: 'memory' }));
  for (const batch of batches) {
    await store.batch(batch, { sync: false });
    await audit(store, vault);
    const survived = reopened({ store, vault });
    assert.ok(states.has(unwrap(await survived.usage()).root));
  }
  assert.ok(batches.length > 25);
});

test('changes that come at once reach the disk together, in their order, and every one is there', async () => {
  const inner = unwrap(await openStore({ kind: 'memory' }));
  const { tree, store, vault, batches } = await world({ store: slowStore(inner) });
  await Promise.all(Array.from({ length: 64 }, (_, index) => tree.write(at('/log'), bytes(`${index},`), { ...plain, mode: 'append' })));
  assert.is(await content(tree, '/log'), Array.from({ length: 64 }, (_, index) => `${index},`).join(''));
  assert.ok(batches.length < 10, `${batches.length} batches`);
  await audit(store, vault);
});

test('a store that takes nothing is said to, and no change is believed afterwards', async () => {
  const inner = unwrap(await openStore({ kind: 'memory' }));
  let broken = false;
  const store = { ...inner, get: inner.get.bind(inner), entries: inner.entries.bind(inner), close: inner.close.bind(inner), batch: (...given: Parameters<typeof inner.batch>) => (broken ? Promise.reject(new Error('disk full')) : inner.batch(...given)) };
  const vault = await freshVault();
  const tree = reopened({ store, vault });
  unwrap(await tree.write(at('/a'), bytes('1'), plain));
  broken = true;
  assert.is(codeOf(await tree.write(at('/a'), bytes('2'), plain)), 'VFS_UNAVAILABLE');
  broken = false;
  assert.is(codeOf(await tree.write(at('/a'), bytes('3'), plain)), 'VFS_UNAVAILABLE');
  const again = reopened({ store, vault });
  assert.is(await content(again, '/a'), '1');
});

test('trees of different names share nothing', async () => {
  const { trees, store } = await world();
  const [one, two] = [unwrap(trees.tree('one')), unwrap(trees.tree('two'))];
  unwrap(await one.write(at('/a'), bytes('same'), plain));
  unwrap(await two.write(at('/a'), bytes('same'), plain));
  unwrap(await one.remove(at('/a')));
  assert.is(await content(two, '/a'), 'same');
  assert.equal((await trees.names()).toSorted(), ['one', 'two']);
  await store.close();
});

test.run();
