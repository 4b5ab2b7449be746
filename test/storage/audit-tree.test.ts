import * as assert from 'uvu/assert';
import { toHex, utf8 } from '../../crypto/bytes.ts';
import { Frontier, inclusionNodes, foldNodes, leafHash, rootNodes, verifyInclusion } from '../../crypto/merkle.ts';
import { unwrap } from '../../crypto/result.ts';
import { tile_width } from '../../crypto/tlog-tiles.ts';
import { log_keys } from '../../storage/audit-group.ts';
import { bundleOf, entriesOfBundle, LogTree } from '../../storage/audit-tree.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { code } from './audit-world.ts';

const test = suite('storage/audit-tree');

const entryAt = (index: number): Uint8Array => utf8(`entry ${index}`);

async function grow(store: Store, tree: LogTree, to: number): Promise<void> {
  while (tree.size < to) await store.batch(tree.append(leafHash(entryAt(tree.size)), entryAt(tree.size)), { sync: false });
}

const sizes = [256, 512, 65_280, 65_536, 65_792, 66_048];

test('a tree that is resumed from its tiles goes on exactly as the one that was never closed', async () => {
  const [whole, store] = [unwrap(await openStore({ kind: 'memory' })), unwrap(await openStore({ kind: 'memory' }))];
  const never_closed = new LogTree();
  const judge = new Frontier();
  let tree = new LogTree();
  for (const size of sizes) {
    await grow(whole, never_closed, size);
    await grow(store, tree, size);
    while (judge.size < size) judge.append(leafHash(entryAt(judge.size)));
    tree = unwrap(await LogTree.resume(store, size));
    assert.is(tree.size, size);
    assert.is(toHex(tree.root()), toHex(judge.root()), `root at ${size}`);
    assert.equal(tree.frontier.map(toHex), never_closed.frontier.map(toHex));
    for (const level of [0, 1, 2]) assert.is(toHex(tree.partialTile(level)), toHex(never_closed.partialTile(level)), `level ${level} at ${size}`);
  }
  await grow(whole, never_closed, 66_310);
  await grow(store, tree, 66_310);
  for (const key of [log_keys.tile(0, 258), log_keys.tile(1, 0), log_keys.bundle(258)]) {
    assert.is(toHex(await store.get('log', key) ?? new Uint8Array()), toHex(await whole.get('log', key) ?? Uint8Array.of(1)));
  }
  assert.is(toHex(tree.partialBundle()), toHex(never_closed.partialBundle()));
  for (const index of [0, 255, 256, 65_535, 65_536, 66_309]) {
    const parts = inclusionNodes(index, tree.size);
    const hashAt = unwrap(await tree.load(store, parts.flat()));
    const root = foldNodes(rootNodes(tree.size), unwrap(await tree.load(store, rootNodes(tree.size))));
    const proof = parts.map((nodes) => foldNodes(nodes, hashAt));
    assert.is(code(verifyInclusion({ index, size: tree.size, leaf_hash: leafHash(entryAt(index)), proof, root })), 'ok', `entry ${index}`);
  }
});

test('a tree is not resumed without one of the tiles at its edge', async () => {
  const store = unwrap(await openStore({ kind: 'memory' }));
  await grow(store, new LogTree(), 3 * tile_width);
  await store.batch([{ space: 'log', key: log_keys.tile(0, 1) }], { sync: false });
  assert.is(code(await LogTree.resume(store, 3 * tile_width)), 'AUDIT_DAMAGED');
  await store.batch([{ space: 'log', key: log_keys.tile(0, 1), value: new Uint8Array(31) }], { sync: false });
  assert.is(code(await LogTree.resume(store, 3 * tile_width)), 'AUDIT_DAMAGED');
});

test('a bundle gives back its entries, and bytes that are none give nothing', () => {
  const entries = [new Uint8Array(), utf8('a'), new Uint8Array(65_535).fill(7)];
  assert.equal(entriesOfBundle(bundleOf(entries))?.map(toHex), entries.map(toHex));
  for (const bytes of [Uint8Array.of(0), Uint8Array.of(0, 2, 1), bundleOf(Array.from({ length: 257 }, () => utf8('x')))]) assert.is(entriesOfBundle(bytes), undefined);
});

test.run();
