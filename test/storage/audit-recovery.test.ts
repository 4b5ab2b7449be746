import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { toHex, utf8 } from '../../crypto/bytes.ts';
import { signCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { parseTilePath } from '../../crypto/tlog-tiles.ts';
import { archiveLog } from '../../storage/audit-archive.ts';
import { bundle_bytes_max, folderCopy, type LogCopy } from '../../storage/audit-copies.ts';
import { encodeFreeze, frozen_file } from '../../storage/audit-freeze.ts';
import { fsckOutcome } from '../../storage/audit-fsck.ts';
import { decodeGroup, encodeGroup, log_keys } from '../../storage/audit-group.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { recoverLog, unreportedRecovery, type Recovered, type RecoveryParts } from '../../storage/audit-recovery.ts';
import { bundleOf } from '../../storage/audit-tree.ts';
import type { Store } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { exportLog } from '../../storage/audit-export.ts';
import { suite } from '../harness.ts';
import { appendEvents, auditWorld, code, did, log_key, random } from './audit-world.ts';
import { checkpointOf, entryAt, flip, origin, storedIn, storedLog, witness_name, type StoredLog } from './stored-log.ts';

const test = suite('storage/audit-recovery');
const stranger_key = signingKey(new Uint8Array(32).fill(3));

async function parts(log: StoredLog, copies: readonly LogCopy[] = [], dry_run = false): Promise<RecoveryParts> {
  return { ...log.parts, vault: unwrap(await openVault({ files: log.files, random, create: await log.files.read('vault') === undefined })), log_number: 0, copies, dry_run };
}

async function recovered(log: StoredLog, copies: readonly LogCopy[] = []): Promise<Recovered> {
  return unwrap(await recoverLog(await parts(log, copies)));
}

/** A copy that has `size` entries, right ones but for those that `entry` gives otherwise. */
function copyOf(size: number, entry: (index: number) => Uint8Array = entryAt, name = 'copy'): LogCopy {
  return {
    name,
    read: (path) => {
      if (path === 'checkpoint') return Promise.resolve(signCheckpoint(stranger_key, { origin, size, root: sha256(utf8('any')) }));
      const parsed = parseTilePath(path);
      if (!parsed.ok || parsed.value.kind === 'checkpoint' || parsed.value.level !== 'entries') return Promise.resolve(undefined);
      const { number, width } = parsed.value;
      const there = Math.min(256, size - number * 256);
      return Promise.resolve(there === width ? bundleOf(Array.from({ length: width }, (_, at) => entry(number * 256 + at))) : undefined);
    },
  };
}

/** Everything in a store, to see that nothing changed. */
async function contents(store: Store): Promise<string> {
  const all: string[] = [];
  for await (const [key, value] of store.entries('log', {})) all.push(`${toHex(key)}=${toHex(sha256(value))}`);
  return all.join();
}

async function reopened(log: StoredLog): Promise<AuditLog> {
  const { vault } = await parts(log);
  return unwrap(await openAuditLog({ store: log.store, files: log.files, vault, now: () => 1, key: log_key, did, create: false }));
}

/** Nothing is damaged, the log opens, and it has these entries. */
async function assertWhole(log: StoredLog, size: number): Promise<void> {
  assert.equal((await fsckOutcome(log.parts)).damaged, []);
  const again = await reopened(log);
  assert.is(again.frozen, undefined);
  assert.is(again.size(), size);
  let index = 0;
  for await (const entry of again.entries()) {
    assert.equal(unwrap(entry).entry, entryAt(index), `entry ${index}`);
    index += 1;
  }
  assert.is(index, size);
}

test('every single damaged record is mended from what is left, without any copy', async () => {
  const plan = { count: 700, group: 100, heads: [200, 500, 700] };
  const records = [
    log_keys.group(0), log_keys.group(100), log_keys.group(300), log_keys.tile(0, 0), log_keys.tile(0, 1), log_keys.bundle(0), log_keys.bundle(1),
    log_keys.state(), log_keys.checkpoint(200), log_keys.checkpoint(700), log_keys.cosignature(500, witness_name),
  ];
  for (const key of records) {
    for (const gone of [false, true]) {
      const log = await storedLog(plan);
      if (gone) await log.put(key, undefined);
      else await flip(log, key, 21);
      await log.files.write(frozen_file, encodeFreeze({ cause: 'damage', reason: 'found' }));
      const done = await recovered(log);
      assert.is(done.lost_after_head, 0, toHex(key));
      assert.is(done.size, 700);
      await assertWhole(log, 700);
      assert.is(await log.files.read(frozen_file), undefined, 'the freeze is lifted');
    }
  }
});

test('all tiles, bundles and the state are derived again, also those of higher levels', async () => {
  const log = await storedLog({ count: 66_000, group: 256 });
  for (const table of ['t', 'b', 's']) {
    for await (const [key] of log.store.entries('log', { gte: utf8(table), lt: utf8(String.fromCharCode(table.charCodeAt(0) + 1)) })) await log.put(key, undefined);
  }
  const done = await recovered(log);
  assert.is(done.derived, 257 + 1 + 257, 'tiles of two levels, bundles');
  assert.is(done.refilled, 0);
  assert.equal((await log.fsck()).damaged, []);
});

test('entries that are nowhere in the store come from a copy, a whole one or an older one', async () => {
  const lose = async (log: StoredLog): Promise<void> => {
    for (const first of [100, 200, 600]) await log.put(log_keys.group(first), undefined);
    await log.put(log_keys.bundle(0), undefined);
  };
  const log = await storedLog({ count: 700, group: 100 });
  await lose(log);
  assert.is(code(await recoverLog(await parts(log))), 'AUDIT_UNRECOVERABLE');
  assert.is(code(await recoverLog(await parts(log, [copyOf(300)]))), 'AUDIT_UNRECOVERABLE', 'it does not reach far enough');
  const done = await recovered(log, [copyOf(700)]);
  assert.is(done.refilled, 300);
  assert.is(done.payloads_lost, 300, 'a copy has no payloads');
  await assertWhole(log, 700);
  const two = await storedLog({ count: 700, group: 100 });
  await lose(two);
  await recovered(two, [copyOf(690), copyOf(800)]);
  await assertWhole(two, 700);
});

test('an exported folder is a copy', async ({ folder }) => {
  const world = await auditWorld();
  await appendEvents(world.log, 300);
  unwrap(await world.log.checkpoint());
  const exported = join(folder(), 'export');
  unwrap(await exportLog(world.log, exported));
  const log = storedIn(world.store, world.files);
  for await (const [key] of world.store.entries('log', { gte: log_keys.group(290), lt: utf8('h') })) await log.put(key, undefined);
  const done = await recovered(log, [folderCopy(exported)]);
  assert.is(done.size, 301);
  const again = await world.reopen();
  assert.is(again.frozen, undefined);
  assert.is(unwrap(await again.read(299)).payload, undefined, 'readable as an entry, without its payload');
  assert.equal(unwrap(await again.read(100)).payload, utf8('payload 99'));
  assert.is(code(await again.append({ subject: 'agent', payload: utf8('on') })), 'ok');
  writeFileSync(join(exported, 'long'), new Uint8Array(bundle_bytes_max + 1));
  for (const path of ['none', 'tile/entries', 'long']) assert.is(await folderCopy(exported).read(path), undefined, path);
});

test('a copy that lies is not believed, whichever comes first, and an honest one beside it is found', async () => {
  const lie = (index: number): Uint8Array => (index === 150 || index === 650 ? entryAt(index + 1) : entryAt(index));
  const damaged = async (): Promise<StoredLog> => {
    const log = await storedLog({ count: 700, group: 100 });
    for (const first of [100, 600]) await log.put(log_keys.group(first), undefined);
    for (const key of [log_keys.bundle(0), log_keys.tile(0, 0)]) await log.put(key, undefined);
    return log;
  };
  const log = await damaged();
  const before = await contents(log.store);
  for (const copies of [[copyOf(700, lie)], [copyOf(700, lie), copyOf(700, lie)], [copyOf(700, () => utf8('junk'))]]) {
    const refused = await recoverLog(await parts(log, copies));
    assert.is(code(refused), 'AUDIT_UNRECOVERABLE');
    assert.is(await contents(log.store), before, 'nothing was written');
  }
  await recovered(log, [copyOf(700, lie), copyOf(700), copyOf(700, lie)]);
  await assertWhole(log, 700);
  const hostile: LogCopy = { name: 'hostile', read: (path) => (path.length % 2 === 0 ? Promise.reject(new Error('no')) : Promise.resolve(new Uint8Array(20_000_000))) };
  const second = await damaged();
  await recovered(second, [hostile, copyOf(700)]);
  await assertWhole(second, 700);
});

test('a copy that answers otherwise when it is asked again spoils nothing', async () => {
  const log = await storedLog({ count: 300, group: 100 });
  await log.put(log_keys.group(200), undefined);
  await log.put(log_keys.bundle(0), undefined);
  await log.files.write(frozen_file, encodeFreeze({ cause: 'damage', reason: 'found' }));
  let asked = 0;
  const honest = copyOf(300);
  const fickle: LogCopy = { name: 'fickle', read: (path) => ((asked += path.includes('/001') ? 1 : 0) > 2 ? copyOf(300, () => entryAt(1)).read(path) : honest.read(path)) };
  assert.is(code(await recoverLog(await parts(log, [fickle]))), 'AUDIT_RECOVERY_FAILED');
  assert.ok(await log.files.read(frozen_file) !== undefined, 'still frozen');
  await recovered(log, [honest]);
  await assertWhole(log, 300);
});

test('an entry that was rewritten with all digests right is put back from the bundle', async () => {
  const log = await storedLog({ count: 600, group: 100 });
  const group = unwrap(decodeGroup(await log.get(log_keys.group(300))));
  await log.put(log_keys.group(300), encodeGroup({ ...group, entries: group.entries.map((entry, at) => (at === 7 ? entryAt(9) : entry)) }));
  const done = await recovered(log);
  assert.is(done.refilled, 100);
  await assertWhole(log, 600);
});

test('behind the signed head entries are kept up to the first gap, and the rest is counted as lost', async () => {
  for (const damage of ['state too', 'group alone'] as const) {
    const log = await storedLog({ count: 1000, group: 100, heads: [400] });
    await log.put(log_keys.group(900), undefined);
    if (damage === 'state too') await log.put(log_keys.state(), undefined);
    const done = await recovered(log);
    assert.equal([done.size, done.lost_after_head], [900, damage === 'state too' ? 0 : 100], damage);
    await assertWhole(log, 900);
  }
  const gap = await storedLog({ count: 1000, group: 100, heads: [400] });
  await gap.put(log_keys.group(500), undefined);
  await gap.put(log_keys.bundle(1), undefined);
  const done = await recovered(gap);
  assert.equal([done.size, done.lost_after_head], [500, 500]);
  await assertWhole(gap, 500);
  const filled = await storedLog({ count: 1000, group: 100, heads: [400] });
  await filled.put(log_keys.group(500), undefined);
  assert.equal([(await recovered(filled)).size, (await recovered(filled)).lost_after_head], [1000, 0], 'the own bundles reach behind the head');
  await assertWhole(filled, 1000);
});

test('a log that was frozen for a second history, or has no head, is not mended', async () => {
  const log = await storedLog({ count: 300, group: 100 });
  await log.put(log_keys.group(100), undefined);
  for (const bytes of [encodeFreeze({ cause: 'history', reason: 'a witness saw more' }), utf8('the witness holds more'), Uint8Array.of(0xff)]) {
    await log.files.write(frozen_file, bytes);
    const refused = await recoverLog(await parts(log));
    assert.is(code(refused), 'AUDIT_HISTORY');
    assert.match(refused.ok ? '' : refused.failure.fix ?? '', /audit succeed/);
  }
  await log.files.remove(frozen_file);
  const head = await log.files.read('head') ?? new Uint8Array();
  for (const bytes of [undefined, utf8('junk'), head.subarray(0, -2)]) {
    await (bytes === undefined ? log.files.remove('head') : log.files.write('head', bytes));
    assert.is(code(await recoverLog(await parts(log))), 'AUDIT_HEAD_DAMAGED');
  }
  await log.files.write('head', checkpointOf(300, sha256(utf8('other'))));
  assert.is(code(await recoverLog(await parts(log))), 'AUDIT_UNRECOVERABLE', 'a head that the log does not lead to');
});

test('with an older head put back, a log is never cut below what it signed, as far as its store or a copy shows that', async () => {
  const cut = async (): Promise<StoredLog> => {
    const log = await storedLog({ count: 1000, group: 100, heads: [300, 700] });
    await log.files.write('head', await log.get(log_keys.checkpoint(300)));
    for (const key of [log_keys.group(500), log_keys.bundle(1), log_keys.bundle(2), log_keys.tile(0, 2)]) await log.put(key, undefined);
    await log.files.write(frozen_file, encodeFreeze({ cause: 'damage', reason: 'found' }));
    return log;
  };
  const log = await cut();
  assert.is(code(await recoverLog(await parts(log))), 'AUDIT_UNRECOVERABLE', 'its store has a head of 700 entries');
  assert.ok(await log.files.read(frozen_file) !== undefined);
  await recovered(log, [copyOf(1000)]);
  assert.equal(await log.files.read('head'), await log.get(log_keys.checkpoint(700)));
  await assertWhole(log, 1000);
  const elsewhere = await cut();
  const note = await elsewhere.get(log_keys.checkpoint(700));
  await elsewhere.put(log_keys.checkpoint(700), undefined);
  const mirror: LogCopy = { name: 'mirror', read: (path) => Promise.resolve(path === 'checkpoint' ? note : undefined) };
  assert.is(code(await recoverLog(await parts(elsewhere, [mirror]))), 'AUDIT_UNRECOVERABLE', 'a copy shows a head of 700 entries');
  const rival: LogCopy = { name: 'rival', read: (path) => Promise.resolve(path === 'checkpoint' ? checkpointOf(300, sha256(utf8('other'))) : undefined) };
  assert.is(code(await recoverLog(await parts(elsewhere, [rival]))), 'AUDIT_HISTORY', 'another root of the size of the head');
  assert.ok(await elsewhere.files.read(frozen_file) !== undefined);
});

test('a log whose end is gone and whose head file is older does not open for writing', async () => {
  const log = await storedLog({ count: 300, group: 100, heads: [100, 200, 300] });
  const older = await storedLog({ count: 200, group: 100, heads: [200] });
  await log.files.write('head', await log.get(log_keys.checkpoint(200)));
  assert.is((await reopened(log)).latest()?.size, 300, 'the store knows the newer one');
  await log.put(log_keys.group(200), undefined);
  await log.put(log_keys.bundle(0), undefined);
  await log.put(log_keys.tile(0, 0), undefined);
  await log.put(log_keys.state(), await older.get(log_keys.state()));
  assert.match((await reopened(log)).frozen?.reason ?? '', /300 entries, the store only 200/);
  assert.equal(await log.names(), ['checkpoint of size 300']);
});

test('a log is not mended as damaged once a second history was heard of, whatever was found before or after', async () => {
  const world = await auditWorld();
  for (const [reason, cause] of [['a tile', 'damage'], ['a witness holds more', 'history'], ['a bundle', 'damage']] as const) await world.log.freeze(reason, cause);
  assert.is(world.log.frozen?.detail?.['cause'], 'history');
  assert.is(code(await recoverLog(await parts(storedIn(world.store, world.files)))), 'AUDIT_HISTORY');
  assert.match((await world.reopen()).frozen?.reason ?? '', /a witness holds more/);
});

test('a damaged mark of an erasure is named, and no recovery goes over it', async () => {
  const log = await storedLog({ count: 300, group: 100 });
  await log.put(log_keys.erasure(250), utf8('junk'));
  assert.equal(await log.names(), ['mark of erasure 250']);
  const refused = await recoverLog(await parts(log));
  assert.match(refused.ok ? '' : refused.failure.reason, /mark of erasure 250 is damaged still/);
});

test('a dry run says the same and writes nothing', async () => {
  const log = await storedLog({ count: 700, group: 100, heads: [300, 500] });
  await log.put(log_keys.group(200), undefined);
  await log.put(log_keys.group(600), undefined);
  await flip(log, log_keys.checkpoint(300), 5);
  await log.files.write(frozen_file, encodeFreeze({ cause: 'damage', reason: 'found' }));
  const before = await contents(log.store);
  const dry = unwrap(await recoverLog(await parts(log, [], true)));
  assert.is(await contents(log.store), before);
  assert.ok(await log.files.read(frozen_file) !== undefined);
  assert.equal(dry, { size: 600, refilled: 100, payloads_lost: 100, derived: 0, lost_after_head: 100, damaged: 3, dropped: 1 });
  assert.equal(await recovered(log), dry);
  assert.equal((await unreportedRecovery(log.store))?.recovered, dry, 'what was done is kept until the log says it');
});

test('a second recovery before the log says anything adds to what the first did', async () => {
  const log = await storedLog({ count: 300, group: 50, heads: [300] });
  const entries_lost = [log_keys.group(50), log_keys.group(100)];
  let first: Recovered | undefined;
  for (const [at, key] of entries_lost.entries()) {
    await log.store.batch([{ space: 'log', key }], { sync: true });
    const done = await recovered(log);
    assert.is(done.refilled, 50);
    const told = (await unreportedRecovery(log.store))?.recovered;
    assert.equal(told, first === undefined ? done : { ...first, size: done.size, refilled: first.refilled + done.refilled, payloads_lost: first.payloads_lost + done.payloads_lost, derived: first.derived + done.derived, damaged: first.damaged + done.damaged }, `recovery ${at}`);
    first ??= done;
  }
  assert.equal((await unreportedRecovery(log.store))?.recovered.refilled, 100);
});

test('of a damaged group every payload that still opens is kept', async () => {
  const world = await auditWorld();
  for (const subject of ['alice', 'bob']) unwrap(await world.vault.prepare(subject));
  await Promise.all(Array.from({ length: 255 }, (_, index) => world.log.append({ subject: index % 2 === 0 ? 'alice' : 'bob', payload: utf8(`payload ${index}`) })));
  unwrap(await world.log.checkpoint());
  const log = storedIn(world.store, world.files);
  const bytes = await log.get(log_keys.group(1));
  const group = unwrap(decodeGroup(bytes));
  assert.is(group.boxes.length, 2);
  await flip(log, log_keys.group(1), bytes.length - 40);
  const lost = group.boxes[1]?.positions ?? [];
  assert.is((await recovered(log)).payloads_lost, lost.length, 'one of two subjects, and the entries are still there to be read');
  const again = await world.reopen();
  assert.is(again.frozen, undefined);
  for (const at of group.boxes[0]?.positions ?? []) assert.equal(unwrap(await again.read(1 + at)).payload, utf8(`payload ${at}`));
  for (const at of lost) assert.is(unwrap(await again.read(1 + at)).payload, undefined);
  await log.put(log_keys.group(1), bytes.subarray(0, 60));
  assert.is((await recovered(log)).payloads_lost, group.entries.length, 'with nothing left of the group, its entries come from the bundle');
});

test('broken off at any write, a recovery is done again to the same end', async () => {
  for (let cut = 0; cut < 20; cut += 1) {
    const log = await storedLog({ count: 1000, group: 10, heads: [500] });
    for (let first = 100; first < 500; first += 50) await log.put(log_keys.group(first), undefined);
    for (const number of [0, 2]) await log.put(log_keys.tile(0, number), undefined);
    await log.put(log_keys.group(950), undefined);
    await log.files.write(frozen_file, encodeFreeze({ cause: 'damage', reason: 'found' }));
    let left = cut;
    const failing: Store = {
      get: (space, key) => log.store.get(space, key), entries: (space, range) => log.store.entries(space, range), close: () => log.store.close(),
      batch: (changes, options) => ((left -= 1) < 0 ? Promise.reject(new Error('killed')) : log.store.batch(changes, options)),
    };
    const first: Result<Recovered> = await recoverLog({ ...await parts(log), store: failing });
    if (!first.ok) {
      assert.is(first.failure.code, 'AUDIT_RECOVERY_FAILED');
      assert.ok(await log.files.read(frozen_file) !== undefined);
      await recovered(log);
    }
    await assertWhole(log, 950);
    if (first.ok) break;
    assert.ok(cut < 19, 'it ends');
  }
});

test('an archived log is checked from where the archive ends, and mended from what the archive holds', async ({ folder }) => {
  const world = await auditWorld();
  await appendEvents(world.log, 1200);
  unwrap(await world.log.checkpoint());
  const archive = join(folder(), 'archive');
  unwrap(await archiveLog({ store: world.store, log: world.log, folder: archive, subject: did }, 700));
  unwrap(await world.log.checkpoint());
  const log = storedIn(world.store, world.files);
  assert.equal(await log.names(), []);
  assert.is((await world.reopen()).frozen, undefined);
  const size = world.log.size();
  const bundle = await log.get(log_keys.bundle(3));
  await log.put(log_keys.tile(0, 0), undefined);
  await flip(log, log_keys.group(800), 60);
  await log.put(log_keys.bundle(3), undefined);
  assert.equal([...await log.names()].toSorted(), ['bundle 3', 'group of entries 800..800', 'tile 0/0']);
  assert.is(code(await recoverLog(await parts(log))), 'AUDIT_UNRECOVERABLE');
  const done = await recovered(log, [folderCopy(archive), { name: 'peer', read: (path) => Promise.resolve(path === 'tile/entries/003' ? bundle : undefined) }]);
  assert.equal([done.size, done.refilled, done.derived], [size, 1, 2]);
  assert.equal(await log.names(), []);
  const again = await world.reopen();
  assert.is(again.frozen, undefined);
  assert.is(code(await again.inclusion(100, size)), 'ok', 'old proofs are made from the tiles that were derived again');
});

test.run();
