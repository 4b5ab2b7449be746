import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { toHex, utf8 } from '../../crypto/bytes.ts';
import { parseVerifier } from '../../crypto/note.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { leafHash, verifyInclusion } from '../../crypto/merkle.ts';
import { decodeGroups, encodeGroups } from '../../storage/archive-groups.ts';
import { archivedLine } from '../../storage/archive-record.ts';
import { archiveLog, restoreArchive, sweepArchived } from '../../storage/audit-archive.ts';
import { exportLog } from '../../storage/audit-export.ts';
import { fsckOutcome } from '../../storage/audit-fsck.ts';
import { encodeGroup, log_keys, type Group } from '../../storage/audit-group.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { diskFiles } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { suite, type TestContext } from '../harness.ts';
import { code, did, log_key, random, watched, type WatchedStore } from './audit-world.ts';

const test = suite('storage/audit-archive');

interface World {
  readonly store: WatchedStore;
  readonly log: AuditLog;
  close(): Promise<void>;
}

async function openWorld(folder: string, create: boolean): Promise<World> {
  const store = watched(unwrap(await openStore({ kind: 'disk', folder: join(folder, 'store'), create })));
  const files = diskFiles(folder);
  const vault = unwrap(await openVault({ files, random, create }));
  const log = unwrap(await openAuditLog({ store, files, vault, now: () => 1_700_000_000_000, key: log_key, did, create }));
  return { store, log, close: async () => { await log.close(); await store.close(); } };
}

const payloadOf = (index: number): Uint8Array => utf8(`payload of ${index}`);

/** Events 1 to count, in groups whose borders are on no multiple of 256. */
async function fill(log: AuditLog, count: number): Promise<void> {
  for (let index = log.size(); index < count;) {
    const together = Math.min(97, count - index);
    await Promise.all(Array.from({ length: together }, async (_, at) => unwrap(await log.append({ subject: `agent ${(index + at) % 3}`, payload: payloadOf(index + at) }))));
    index += together;
  }
  unwrap(await log.checkpoint());
}

async function allEntries(log: AuditLog, to: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const record of log.entries({ to })) {
    const { index, entry, payload } = unwrap(record);
    texts.push(`${index} ${toHex(entry)} ${payload === undefined ? '-' : toHex(payload)}`);
  }
  return texts;
}

async function keysOf(store: Store, letter: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of store.entries('log', { gte: utf8(letter), lt: utf8(String.fromCharCode(letter.charCodeAt(0) + 1)) })) keys.push(toHex(key));
  return keys;
}

async function provable(log: AuditLog, index: number): Promise<void> {
  const size = log.latest()?.size ?? 0;
  const { entry } = unwrap(await log.read(index));
  const proof = unwrap(await log.inclusion(index, size));
  assert.is(code(verifyInclusion({ index, size, leaf_hash: leafHash(entry), proof, root: unwrap(await log.rootAt(size)) })), 'ok', `entry ${index}`);
}

/** The 30 lines that share nothing with the program. */
function checker(folder: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('../audit-checker.ts', import.meta.url)), folder], { encoding: 'utf8' });
  return status === 0 ? 'ok' : stdout + stderr;
}

const archive = (world: World, folder: string, to: number): ReturnType<typeof archiveLog> => archiveLog({ ...world, folder, subject: did }, to);
const restore = (world: World, folder: string): ReturnType<typeof restoreArchive> => restoreArchive({ ...world, folder, subject: did });

interface Filled extends World {
  readonly data: string;
  readonly folder: string;
}

async function filled(context: TestContext, count = 1_500): Promise<Filled> {
  const data = context.folder();
  const world = await openWorld(join(data, 'host'), true);
  await fill(world.log, count);
  return { ...world, data, folder: join(data, 'archive') };
}

test('archived entries leave the store and are read, proven, exported and appended to as before, also after a restart', async (context) => {
  let world: World = await filled(context);
  const { data, folder } = world as Filled;
  const before = await allEntries(world.log, 1_500);
  const groups = await keysOf(world.store, 'g');
  const archived = unwrap(await archive(world, folder, 1_100));
  assert.equal([archived.first, archived.next], [0, 1_024]);
  assert.is(await archivedLine(world.store), 1_024);
  assert.equal(await keysOf(world.store, 'b'), [toHex(log_keys.bundle(4))]);
  const left = await keysOf(world.store, 'g');
  assert.ok(left.length < groups.length / 2, `${left.length} of ${groups.length} groups are left`);
  assert.is(checker(folder), 'ok');
  for (const again of [false, true]) {
    if (again) {
      await world.close();
      world = await openWorld(join(data, 'host'), false);
      assert.is(world.log.frozen, undefined);
    }
    assert.equal(await allEntries(world.log, 1_500), before);
    assert.equal((await fsckOutcome({ store: world.store, files: diskFiles(join(data, 'host')), verifier: unwrap(parseVerifier(world.log.verifier_key)) })).damaged, [], 'nothing archived counts as damaged');
    for (const index of [0, 1, 255, 256, 1_023, 1_024, 1_100, 1_499]) await provable(world.log, index);
    assert.is(code(await exportLog(world.log, join(data, `export ${again}`))), 'ok');
    assert.is(checker(join(data, `export ${again}`)), 'ok');
  }
  const event = unwrap(await world.log.read(archived.index));
  assert.match(Buffer.from(event.payload ?? new Uint8Array()).toString(), /^\{"digest":"[\w-]{43}","first":0,"kind":"archived","next":1024\}$/);
  await fill(world.log, 2_000);
  assert.is(unwrap(await archive(world, folder, 1_900)).next, 1_792);
  assert.is(checker(folder), 'ok');
  assert.equal((await allEntries(world.log, 1_500)), before);
  await world.close();
});

test('an archive in a second folder holds its own part, and each entry is read from where it is', async (context) => {
  const world = await filled(context);
  const before = await allEntries(world.log, 1_500);
  unwrap(await archive(world, world.folder, 512));
  unwrap(await archive(world, `${world.folder} 2`, 1_024));
  assert.equal(await allEntries(world.log, 1_500), before);
  renameSync(world.folder, `${world.folder} away`);
  const away = await world.log.read(300);
  assert.is(code(away), 'AUDIT_ARCHIVED');
  assert.ok(!away.ok && away.failure.reason.includes(world.folder), 'the folder is named');
  assert.is(code(await world.log.read(600)), 'ok');
  await provable(world.log, 700);
  assert.is(unwrap(await world.log.inclusion(300, 1_500)).length > 0, true, 'proofs need no archive');
  assert.is(code(await exportLog(world.log, join(world.data, 'export'))), 'AUDIT_ARCHIVED');
  assert.not.ok(existsSync(join(world.data, 'export', 'checkpoint')), 'a folder that is not whole does not look whole');
  await world.close();
});

test('a restored archive puts every byte back, from a copy of the folder too', async (context) => {
  const world = await filled(context);
  const before = await allEntries(world.log, 1_500);
  const [groups, bundles] = [await keysOf(world.store, 'g'), await keysOf(world.store, 'b')];
  unwrap(await archive(world, world.folder, 512));
  unwrap(await archive(world, world.folder, 1_024));
  cpSync(world.folder, `${world.folder} copy`, { recursive: true });
  rmSync(world.folder, { recursive: true });
  assert.is(code(await restore(world, world.folder)), 'AUDIT_ARCHIVE_INVALID');
  assert.equal([unwrap(await restore(world, `${world.folder} copy`)).first, await archivedLine(world.store)], [512, 512]);
  assert.equal([unwrap(await restore(world, `${world.folder} copy`)).first, await archivedLine(world.store)], [0, 0]);
  assert.is(code(await restore(world, `${world.folder} copy`)), 'AUDIT_NOTHING_ARCHIVED');
  assert.equal((await keysOf(world.store, 'g')).slice(0, groups.length), groups);
  assert.equal((await keysOf(world.store, 'b')).slice(0, bundles.length), bundles);
  assert.equal(await allEntries(world.log, 1_500), before);
  await world.close();
  const reopened = await openWorld(join(world.data, 'host'), false);
  assert.is(reopened.log.frozen, undefined);
  await reopened.close();
});

test('a changed archive is neither read nor restored', async (context) => {
  const world = await filled(context, 900);
  unwrap(await archive(world, world.folder, 512));
  const files = [join(world.folder, 'groups', '000'), join(world.folder, 'tile', 'entries', '001')];
  for (const file of files) {
    const bytes = readFileSync(file);
    for (const at of [13, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(file, changed);
      assert.is(code(await restore(world, world.folder)), 'AUDIT_ARCHIVE_INVALID', `${file} at ${at}`);
      if (file === files[0]) assert.is(code(await world.log.read(3)), 'AUDIT_ARCHIVE_INVALID');
    }
    writeFileSync(file, bytes);
  }
  assert.is(code(await restore(world, world.folder)), 'ok');
  await world.close();
});

test('a forged archive whose own checksums are right is neither read nor restored', async (context) => {
  const world = await filled(context, 900);
  unwrap(await archive(world, world.folder, 512));
  const file = join(world.folder, 'groups', '000');
  const bytes = readFileSync(file);
  const forge = (change: (group: Group) => Group): void => writeFileSync(file, encodeGroups(unwrap(decodeGroups(bytes, 0)).map(({ first_index, group, value }) =>
    [first_index, first_index > 0 && first_index < 100 ? encodeGroup(change(group)) : value] as const)));
  const flipped = (given: Uint8Array): Uint8Array => given.map((byte, at) => (at === given.length - 1 ? byte ^ 1 : byte));
  forge(({ entries, boxes }) => ({ entries: entries.map(flipped), boxes }));
  assert.is(code(await world.log.read(3)), 'AUDIT_ARCHIVE_INVALID');
  assert.is(code(await restore(world, world.folder)), 'AUDIT_ARCHIVE_INVALID');
  forge(({ entries, boxes }) => ({ entries, boxes: boxes.map((box) => ({ ...box, sealed: flipped(box.sealed) })) }));
  assert.not.ok((await world.log.read(3)).ok, 'the payload is not the sealed one');
  assert.is(code(await restore(world, world.folder)), 'AUDIT_ARCHIVE_INVALID');
  writeFileSync(file, bytes);
  assert.is(code(await restore(world, world.folder)), 'ok');
  await world.close();
});

test('nothing is archived into a folder of something else, beyond the checkpoint, or twice', async (context) => {
  const world = await filled(context, 600);
  const other = join(world.data, 'host');
  assert.is(code(await archive(world, other, 512)), 'ARCHIVE_FOLDER');
  assert.is(code(await archive(world, world.folder, 255)), 'AUDIT_NOTHING_TO_ARCHIVE');
  await Promise.all(Array.from({ length: 400 }, () => world.log.append({ subject: 'agent', payload: utf8('later') })));
  assert.is(unwrap(await archive(world, world.folder, 1_000)).next, 512);
  assert.is(code(await archive(world, world.folder, 512)), 'AUDIT_NOTHING_TO_ARCHIVE');
  writeFileSync(join(world.folder, 'origin'), 'did:mesh:other/log/00\n');
  unwrap(await world.log.checkpoint());
  assert.is(code(await archive(world, world.folder, 1_000)), 'ARCHIVE_FOLDER');
  await world.close();
});

test('one payload of an archived group can be erased, and the others of its group stay readable', async (context) => {
  const world = await filled(context, 700);
  unwrap(await archive(world, world.folder, 512));
  unwrap(await world.log.erase({ index: 100 }, 'art17'));
  assert.is(unwrap(await world.log.read(100)).payload, undefined);
  for (const index of [97, 103, 106]) assert.equal(unwrap(await world.log.read(index)).payload, payloadOf(index));
  unwrap(await sweepArchived(world));
  assert.equal(unwrap(await world.log.read(103)).payload, payloadOf(103));
  await world.close();
  const reopened = await openWorld(join(world.data, 'host'), false);
  assert.is(reopened.log.frozen, undefined);
  assert.equal(unwrap(await reopened.log.read(103)).payload, payloadOf(103));
  unwrap(await restore({ ...reopened }, world.folder));
  assert.equal(unwrap(await reopened.log.read(103)).payload, payloadOf(103));
  assert.is(unwrap(await reopened.log.read(100)).payload, undefined);
  await reopened.close();
});

test('an erasure while archived groups leave the store, or come back, loses no payload beside the erased one', async (context) => {
  const world = await filled(context, 700);
  for (const [way, index, letter] of [['archive', 100, 'g'], ['restore', 200, 'b']] as const) {
    let erased: Promise<Result<unknown>> | undefined;
    world.store.intercept = async (write) => {
      const { changes } = world.store.batches.at(-1) ?? { changes: [] };
      // Its way out or back is worked out and not written yet.
      if (changes.some(({ key, value }) => String.fromCharCode(key[0] ?? 0) === letter && (value === undefined) === (way === 'archive'))) {
        erased ??= world.log.erase({ index }, 'art17');
        await Promise.race([erased, new Promise((resolve) => { setTimeout(resolve, 50); })]);
      }
      return write();
    };
    unwrap(way === 'archive' ? await archive(world, world.folder, 512) : await restore(world, world.folder));
    world.store.intercept = (write) => write();
    unwrap(await (erased ?? world.log.erase({ index }, 'art17')));
    assert.is(unwrap(await world.log.read(index)).payload, undefined);
    for (const other of [index - 3, index + 3, index + 6]) assert.equal(unwrap(await world.log.read(other)).payload, payloadOf(other), `${way}: ${other}`);
  }
  await world.close();
});

test('a group at the line that is lost is damage, and no reading goes round for ever', async (context) => {
  const world = await filled(context, 700);
  unwrap(await archive(world, world.folder, 512));
  const keys = await keysOf(world.store, 'g');
  const first = Number.parseInt(keys[0]?.slice(2) ?? '', 16);
  assert.ok(first < 512, 'it begins before the line');
  await world.store.batch([{ space: 'log', key: log_keys.group(first) }], { sync: true });
  assert.is(code(await world.log.read(511)), 'AUDIT_DAMAGED');
  assert.is(code(await world.log.erase({ before: 600 }, 'retention')), 'AUDIT_DAMAGED');
  await world.close();
  assert.match((await openWorld(join(world.data, 'host'), false)).log.frozen?.reason ?? '', /entry 512 is missing/);
});

class Crash extends Error {}

/** Runs the work with a crash at the n-th batch, before or after it took effect; says whether there were that many. */
async function crashAt(world: World, at: number, written: boolean, work: () => Promise<Result<unknown>>): Promise<boolean> {
  let seen = 0;
  world.store.intercept = async (write) => {
    seen += 1;
    if (seen < at) return write();
    if (seen === at && written) await write();
    throw new Crash('power cut');
  };
  await work().catch(() => undefined);
  return seen >= at;
}

test('a crash at any batch of an archive or of its way back loses no entry', async (context) => {
  const source = await filled(context, 1_200);
  const before = await allEntries(source.log, 1_200);
  await source.close();
  let crashes = 0;
  for (const way of ['archive', 'restore'] as const) {
    for (let at = 1, more = true; more; at += 1) {
      for (const written of [false, true]) {
        const data = join(source.data, `${way} ${at} ${written}`);
        cpSync(join(source.data, 'host'), join(data, 'host'), { recursive: true });
        const folder = join(data, 'archive');
        const world = await openWorld(join(data, 'host'), false);
        if (way === 'restore') unwrap(await archive(world, folder, 1_024));
        more = await crashAt(world, at, written, () => (way === 'archive' ? archive(world, folder, 1_024) : restore(world, folder)));
        crashes += more ? 1 : 0;
        await world.store.close();
        const again = await openWorld(join(data, 'host'), false);
        assert.is(again.log.frozen, undefined, `${way}, batch ${at}`);
        assert.equal(await allEntries(again.log, 1_200), before, `${way}, batch ${at}`);
        unwrap(await sweepArchived(again));
        const line = await archivedLine(again.store);
        assert.is((await keysOf(again.store, 'b')).length, 4 - line / 256, `${way}, batch ${at}: line ${line}`);
        assert.equal(await allEntries(again.log, 1_200), before);
        // Whatever was begun can be begun again.
        unwrap(line === 0 ? await archive(again, folder, 1_024) : await restore(again, folder));
        assert.equal(await allEntries(again.log, 1_200), before);
        await again.close();
        rmSync(data, { recursive: true });
      }
    }
  }
  assert.ok(crashes >= 8, `${crashes} crashes`);
  assert.ok(readdirSync(source.data).includes('host'));
});

test.run();
