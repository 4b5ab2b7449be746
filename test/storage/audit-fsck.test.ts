import * as assert from 'uvu/assert';
import { bigEndian, concat, toHex, utf8 } from '../../crypto/bytes.ts';
import { cosign } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import { encodeEntry, erasureBody } from '../../storage/audit-entry.ts';
import { damaged_records_max, fsck, fsckOutcome } from '../../storage/audit-fsck.ts';
import { decodeGroup, decodeState, encodeGroup, encodeState, log_keys } from '../../storage/audit-group.ts';
import type { Store } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { checkpointOf, entryAt, flip, origin, storedIn, storedLog, witness_key, witness_name } from './stored-log.ts';

const test = suite('storage/audit-fsck');

test('a sound log has nothing damaged, whatever its size and its groups', async () => {
  for (const [count, group] of [[1, 1], [5, 2], [255, 10], [256, 256], [257, 97], [700, 33], [1024, 256]] as const) {
    const log = await storedLog({ count, group });
    assert.equal(await log.fsck(), { done: count, total: count, damaged: [], damaged_count: 0 }, `${count} in groups of ${group}`);
  }
});

test('a flipped byte anywhere in a group, a tile, a bundle, the state, a checkpoint or a cosignature is named, and nothing else is', async () => {
  const log = await storedLog({ count: 700, heads: [200, 400, 600] });
  const records: readonly (readonly [Uint8Array, string])[] = [
    [log_keys.group(0), 'group of entries 0..96'],
    [log_keys.group(297), 'group of entries 297..393'],
    [log_keys.group(697), 'group of entries 697..699'],
    [log_keys.tile(0, 0), 'tile 0/0'],
    [log_keys.tile(0, 1), 'tile 0/1'],
    [log_keys.bundle(1), 'bundle 1'],
    [log_keys.state(), 'tree state'],
    [log_keys.checkpoint(400), 'checkpoint of size 400'],
    [log_keys.cosignature(400, witness_name), `cosignature ${toHex(sha256(utf8(witness_name)).subarray(0, 8))} for size 400`],
  ];
  for (const [key, name] of records) {
    const good = await log.get(key);
    assert.ok(good.length > 0, name);
    for (let at = 0; at < good.length; at += Math.max(1, Math.floor(good.length / 40))) {
      await flip(log, key, at);
      assert.equal(await log.names(), [name], `byte ${at} of ${name}`);
      await log.put(key, good);
    }
    if (name.startsWith('checkpoint') || name.startsWith('cosignature')) continue;
    await log.put(key, undefined);
    assert.equal(await log.names(), [name], `${name} is gone`);
    await log.put(key, good.subarray(0, -1));
    assert.equal(await log.names(), [name], `${name} is cut`);
    await log.put(key, good);
  }
  assert.equal(await log.names(), []);
});

test('every damaged record of several is named', async () => {
  const log = await storedLog({ count: 1500, group: 100 });
  await flip(log, log_keys.group(100), 50);
  await log.put(log_keys.group(200), undefined);
  await flip(log, log_keys.group(700), 9);
  await flip(log, log_keys.tile(0, 3), 32 * 100);
  await log.put(log_keys.bundle(4), undefined);
  await flip(log, log_keys.state(), 3);
  assert.equal([...await log.names()].toSorted(), [
    'bundle 4', 'group of entries 100..299', 'group of entries 700..799', 'tile 0/3', 'tree state',
  ], 'a damaged group says nothing of its length, so the missing one behind it is counted with it');
});

test('a tile that stands in for damaged entries and is damaged there itself is named, and not the head that it does not lead to', async () => {
  const log = await storedLog({ count: 1500, group: 100 });
  await flip(log, log_keys.group(700), 9);
  await flip(log, log_keys.tile(0, 3), 32 * 2);
  assert.equal(await log.names(), ['group of entries 700..799', 'tile 0/3 or bundle 3']);
  await log.put(log_keys.bundle(3), undefined);
  assert.equal(await log.names(), ['group of entries 700..799', 'bundle 3', 'tile 0/3'], 'with no bundle, the root of the head tells that the tile is damaged');
});

test('tiles of a higher level are checked against what lies below, and decide where entries are unknown', async () => {
  const log = await storedLog({ count: 65_536 + 300, group: 256 });
  assert.equal(await log.names(), []);
  await flip(log, log_keys.tile(1, 0), 32 * 200);
  assert.equal(await log.names(), ['tile 1/0']);
  await flip(log, log_keys.tile(1, 0), 32 * 200);
  await flip(log, log_keys.group(1024), 40);
  assert.equal(await log.names(), ['group of entries 1024..1279']);
  await flip(log, log_keys.tile(0, 4), 32 * 9);
  assert.equal(await log.names(), ['group of entries 1024..1279', 'tile 0/4'], 'the tile above has another hash for it');
});

test('an entry that was rewritten with all digests right is found by the tile that has its hash', async () => {
  const log = await storedLog({ count: 65_536, group: 256 });
  const group = unwrap(decodeGroup(await log.get(log_keys.group(512))));
  await log.put(log_keys.group(512), encodeGroup({ ...group, entries: group.entries.map((entry, at) => (at === 7 ? entryAt(99_999) : entry)) }));
  assert.equal(await log.names(), ['entry 519', 'bundle 2'].toSorted().toReversed());
});

test('heads that the entries do not have, or that have more, are named', async () => {
  const log = await storedLog({ count: 300, heads: [100, 300] });
  await log.put(log_keys.checkpoint(200), checkpointOf(200, sha256(utf8('other'))));
  await log.put(log_keys.checkpoint(220), checkpointOf(221, sha256(utf8('other'))));
  assert.equal(await log.names(), ['checkpoint of size 200', 'checkpoint of size 220'].slice(0, 2));
  await log.put(log_keys.checkpoint(200), undefined);
  await log.put(log_keys.checkpoint(220), undefined);
  await log.files.write('head', checkpointOf(300, sha256(utf8('other'))));
  assert.equal(await log.names(), ['signed head']);
  await log.files.write('head', checkpointOf(350, sha256(utf8('other'))));
  assert.equal(await log.names(), ['group of entries 300..349']);
  await log.files.write('head', utf8('nonsense'));
  assert.equal(await log.names(), ['signed head']);
  await log.files.remove('head');
  assert.equal(await log.names(), ['signed head']);
});

test('a state that is older than the groups, and groups where none can be, are named', async () => {
  const log = await storedLog({ count: 300, group: 100, heads: [100] });
  const group = await log.get(log_keys.group(100));
  await log.put(log_keys.group(150), group);
  await log.put(concat(utf8('g'), utf8('short')), group);
  assert.equal(await log.names(), [`record ${toHex(log_keys.group(150))}`, `record ${toHex(concat(utf8('g'), utf8('short')))}`]);
  await log.put(log_keys.group(150), undefined);
  await log.put(concat(utf8('g'), utf8('short')), undefined);
  const short = await storedLog({ count: 200, group: 100, heads: [100] });
  await log.put(log_keys.state(), await short.get(log_keys.state()));
  assert.equal(await log.names(), ['group of entries 200..']);
  const state = unwrap(decodeState(await short.get(log_keys.state())));
  const longer = await storedLog({ count: 300, group: 100, heads: [100] });
  await longer.put(log_keys.group(200), undefined);
  await longer.put(log_keys.state(), encodeState(state));
  assert.equal(await longer.names(), [], 'a log that ends earlier, head and all, is that of an earlier day: a witness sees it');
});

test('a cosignature over something else, and one under the name of another, are named', async () => {
  const log = await storedLog({ count: 50 });
  const key = log_keys.cosignature(50, witness_name);
  await log.put(key, utf8(cosign(witness_key, witness_name, { origin, size: 50, root: sha256(utf8('other')) }, 1_700_000_000)));
  assert.is((await log.names()).length, 1);
  await log.put(key, utf8(cosign(witness_key, `${witness_name.slice(0, -1)}0`, { origin, size: 50, root: sha256(utf8('other')) }, 1_700_000_000)));
  assert.is((await log.names()).length, 1);
});

test('evidence that is not what it is named after, and an erasure of a later entry, are named', async () => {
  const log = await storedLog({ count: 5, group: 5, heads: [] });
  const evidence = utf8('evidence');
  await log.store.batch([{ space: 'witness', key: concat(utf8('x'), sha256(evidence)), value: evidence }], { sync: false });
  await log.files.write('head', checkpointOf(4, sha256(utf8('x'))));
  assert.equal(await log.names(), ['signed head']);
  await log.store.batch([{ space: 'witness', key: concat(utf8('x'), sha256(evidence)), value: utf8('evidencE') }], { sync: false });
  assert.equal(await log.names(), ['signed head', `evidence ${toHex(sha256(evidence).subarray(0, 8))}`]);
  const bad = await storedLog({ count: 5, group: 5, heads: [] });
  const entries = [0, 1, 2, 3].map(entryAt);
  await bad.put(log_keys.group(0), encodeGroup({ entries: [...entries, encodeEntry({ kind: 'erasure', time_ms: 1, body: erasureBody({ index: 4 }, 'art17') })], boxes: [] }));
  assert.ok((await bad.names()).includes('entry 4'));
});

/** A store that cannot read some groups, as LevelDB fails where a block is damaged. */
function unreadable(store: Store, from: number, to: number): Store {
  const [low, high] = [toHex(log_keys.group(from)), toHex(log_keys.group(to))];
  return {
    get: (space, key) => store.get(space, key),
    batch: (changes, options) => store.batch(changes, options),
    close: () => store.close(),
    async *entries(space, range) {
      for await (const pair of store.entries(space, range)) {
        const key = toHex(pair[0]);
        if (space === 'log' && key >= low && key < high) throw new Error('block checksum mismatch');
        yield pair;
      }
    },
  };
}

test('where the store itself cannot read, the check goes on behind it', async () => {
  const log = await storedLog({ count: 2000, group: 100 });
  await flip(log, log_keys.group(1800), 20);
  const { damaged } = await storedIn(unreadable(log.store, 300, 600), log.files).fsck();
  assert.equal(damaged.map(({ name }) => name), ['group of entries 300..599', 'group of entries 1800..1899'], 'it begins again at the next tile, and finds the group behind that');
  assert.match(damaged[0]?.reason ?? '', /block checksum mismatch/);
});

test('a log that grows while it is checked is not taken for a damaged one', async () => {
  const log = await storedLog({ count: 3000, group: 50, heads: [50] });
  const longer = await storedLog({ count: 3500, group: 50, heads: [50] });
  let grown = false;
  for await (const { damaged } of fsck(log.parts)) {
    assert.equal(damaged, []);
    if (grown) continue;
    grown = true;
    for await (const [key, value] of longer.store.entries('log', {})) await log.put(key, value);
  }
  assert.ok(grown);
  assert.equal(await log.names(), []);
});

test('the list of damaged records is bounded, their count is not; who stops asking stops the check', async () => {
  const log = await storedLog({ count: 1200, group: 1, heads: [1] });
  for (let index = 1; index < 1200; index += 1) await log.put(log_keys.group(index), bigEndian(index, 8));
  const outcome = await log.fsck();
  assert.is(outcome.damaged.length, Math.min(damaged_records_max, outcome.damaged_count));
  assert.ok(outcome.damaged_count >= 1199, String(outcome.damaged_count));
  const stop = new AbortController();
  stop.abort();
  const stopped = await fsckOutcome((await storedLog({ count: 5000, group: 250 })).parts, stop.signal);
  assert.ok(stopped.done < 5000);
});

test.run();
