import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { bigEndian, concat, utf8 } from '../../crypto/bytes.ts';
import { logOrigin, signCheckpoint } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { parseVerifier } from '../../crypto/note.ts';
import { unwrap } from '../../crypto/result.ts';
import { decodeGroup, encodeGroup, log_keys } from '../../storage/audit-group.ts';
import { fsckOutcome } from '../../storage/audit-fsck.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import { examine, examineAll, specimen, specimens } from '../faults/damage.ts';
import { suite } from '../harness.ts';
import { appendEvents, auditWorld, code, did, log_key, random, type AuditWorld } from './audit-world.ts';

const test = suite('storage/audit-damage');

/** A log of 1 + 5 + 3 entries whose head covers the first six. */
async function smallWorld(): Promise<AuditWorld> {
  const world = await auditWorld();
  unwrap(await world.vault.prepare('agent'));
  await Promise.all(Array.from({ length: 5 }, (_, index) => world.log.append({ subject: 'agent', payload: utf8(`payload ${index}`) })));
  unwrap(await world.log.checkpoint());
  await appendEvents(world.log, 3);
  return world;
}

async function put(world: AuditWorld, key: Uint8Array, value: Uint8Array | undefined): Promise<void> {
  await world.store.batch([{ space: 'log', key, ...(value === undefined ? {} : { value }) }], { sync: true });
}

async function assertFrozen(log: AuditLog, what: string, reason?: RegExp): Promise<void> {
  assert.is(log.frozen?.code, 'AUDIT_FROZEN', what);
  if (reason !== undefined) assert.match(log.frozen?.reason ?? '', reason, what);
  assert.is(code(await log.append({ subject: 'agent', payload: utf8('x') })), 'AUDIT_FROZEN', what);
  assert.is(code(await log.checkpoint()), 'AUDIT_FROZEN', what);
}

/** What the check of every record names as damaged. */
async function named(world: AuditWorld): Promise<readonly string[]> {
  const verifier = unwrap(parseVerifier(world.log.verifier_key));
  return (await fsckOutcome({ store: world.store, files: world.files, verifier })).damaged.map(({ name }) => name);
}

async function assertEveryFlipFreezes(world: AuditWorld, key: Uint8Array, reason: RegExp, record: string, step = 1): Promise<void> {
  const good = Uint8Array.from(await world.store.get('log', key) ?? new Uint8Array());
  assert.ok(good.length > 0, 'there is something to damage');
  for (let at = 0; at < good.length; at += step) {
    const changed = Uint8Array.from(good);
    changed[at] = (changed[at] ?? 0) ^ 0x20;
    await put(world, key, changed);
    await assertFrozen(await world.reopen(), `byte ${at}`, reason);
    assert.ok((await named(world)).includes(record), `byte ${at}: ${(await named(world)).join()}`);
  }
  await put(world, key, good);
  assert.is((await world.reopen()).frozen, undefined, 'put back, it opens again');
  assert.equal(await named(world), []);
}

test('a flipped byte anywhere in a stored group freezes the log, sealed payloads included, and names the group', async () => {
  const world = await smallWorld();
  await assertEveryFlipFreezes(world, log_keys.group(1), /group that begins at entry 1 is damaged/, 'group of entries 1..5');
  await assertEveryFlipFreezes(world, log_keys.group(8), /group that begins at entry 8 is damaged/, 'group of entries 8..8');
});

test('a group rewritten with all its digests right does not have the signed root', async () => {
  const world = await smallWorld();
  const { entries, boxes } = unwrap(decodeGroup(await world.store.get('log', log_keys.group(1)) ?? new Uint8Array()));
  const forged = entries.map((entry, index) => (index === 2 ? Uint8Array.from(entry, (byte, at) => (at === 20 ? byte ^ 1 : byte)) : entry));
  await put(world, log_keys.group(1), encodeGroup({ entries: forged, boxes }));
  await assertFrozen(await world.reopen(), 'forged', /do not have the root of the signed head/);
});

test('a forged entry after the signed head contradicts the tree state', async () => {
  const world = await smallWorld();
  const { entries, boxes } = unwrap(decodeGroup(await world.store.get('log', log_keys.group(8)) ?? new Uint8Array()));
  const forged = entries.map((entry) => Uint8Array.from(entry, (byte, at) => (at === 20 ? byte ^ 1 : byte)));
  await put(world, log_keys.group(8), encodeGroup({ entries: forged, boxes }));
  await assertFrozen(await world.reopen(), 'forged', /tree state/);
});

test('a flipped byte of the tree state freezes the log at the next start, and at the next head', async () => {
  const world = await smallWorld();
  await assertEveryFlipFreezes(world, log_keys.state(), /tree state/, 'tree state');
  await put(world, log_keys.state(), Uint8Array.from(await world.store.get('log', log_keys.state()) ?? [], (byte, at) => (at === 9 ? byte ^ 1 : byte)));
  assert.is(code(await world.log.checkpoint()), 'AUDIT_FROZEN', 'while running');
});

test('a flipped byte of a tile or a bundle freezes the log', async () => {
  const world = await auditWorld();
  await Promise.all(Array.from({ length: 300 }, () => world.log.appendRecord('evidence', random(32))));
  await assertEveryFlipFreezes(world, log_keys.tile(0, 0), /tile that entry 255 fills is damaged/, 'tile 0/0', 911);
  await assertEveryFlipFreezes(world, log_keys.bundle(0), /bundle that entry 255 fills is damaged/, 'bundle 0', 1511);
  await put(world, log_keys.tile(0, 0), undefined);
  await assertFrozen(await world.reopen(), 'missing', /tile that entry 255 fills is missing/);
});

test('a flipped byte of the signed head freezes the log', async () => {
  const world = await smallWorld();
  const good = await world.files.read('head') ?? new Uint8Array();
  for (let at = 0; at < good.length; at += 1) {
    await world.files.write('head', Uint8Array.from(good, (byte, index) => (index === at ? byte ^ 1 : byte)));
    await assertFrozen(await world.reopen(), `byte ${at}`, /signed head is damaged/);
    assert.equal(await named(world), ['signed head'], `byte ${at}`);
  }
  await world.files.write('head', good);
  assert.is((await world.reopen()).frozen, undefined);
});

test('missing records freeze the log: in the middle, at the end, all of them, and the head', async () => {
  const cases: readonly [string, readonly Uint8Array[], RegExp][] = [
    ['middle', [log_keys.group(1)], /entry 1 is missing: the next stored group begins at 6/],
    ['end', [log_keys.group(8)], /tree state is that of 9 entries, the store holds 8/],
    ['state', [log_keys.state()], /tree state is missing/],
    ['tail with its state', [log_keys.group(1), log_keys.group(6), log_keys.group(7), log_keys.group(8), log_keys.state()], /signed head has 6 entries, the store only 1: entry 1 is missing/],
    ['everything', [0, 1, 6, 7, 8].map(log_keys.group).concat(log_keys.state()), /signed head has 6 entries, the store only 0/],
  ];
  for (const [what, keys, reason] of cases) {
    const world = await smallWorld();
    for (const key of keys) await put(world, key, undefined);
    await assertFrozen(await world.reopen(), what, reason);
  }
  const world = await smallWorld();
  await world.files.remove('head');
  await assertFrozen(await world.reopen(), 'no head', /signed head is missing/);
});

test('a head of another key or of another root freezes the log', async () => {
  const world = await smallWorld();
  const stranger = signingKey(new Uint8Array(32).fill(9));
  const origin = logOrigin(did, log_key.public_key);
  await world.files.write('head', signCheckpoint(stranger, { origin, size: 6, root: sha256(utf8('x')) }));
  await assertFrozen(await world.reopen(), 'stranger', /signed head is damaged/);
  await world.files.write('head', signCheckpoint(log_key, { origin, size: 6, root: sha256(utf8('x')) }));
  await assertFrozen(await world.reopen(), 'another root', /entries up to 5 do not have the root/);
});

test('a store that fails while it is read freezes the log and does not crash the start', async () => {
  for (const entries_read of [0, 1, 3]) {
    const world = await smallWorld();
    const entries = world.store.entries.bind(world.store);
    world.store.entries = async function* failing(space, range) {
      let left = entries_read;
      for await (const entry of entries(space, range)) {
        if (left === 0) throw new Error('LEVEL_CORRUPTION: checksum mismatch');
        left -= 1;
        yield entry;
      }
    };
    await assertFrozen(await world.reopen(), 'iterator', /could not be read after entry \d: LEVEL_CORRUPTION/);
  }
  const world = await smallWorld();
  world.store.get = () => Promise.reject(new Error('LEVEL_CORRUPTION'));
  await assertFrozen(await world.reopen(), 'get', /could not be read after entry \d: LEVEL_CORRUPTION/);
});

test('stray records in the log freeze it', async () => {
  for (const key of [concat(utf8('g'), bigEndian(9, 7)), log_keys.group(4), log_keys.group(100)]) {
    const world = await smallWorld();
    await put(world, key, encodeGroup({ entries: [new Uint8Array(44)], boxes: [] }));
    await assertFrozen(await world.reopen(), String(key));
  }
});

test('a frozen log still gives what holds and says where it ends', async () => {
  const world = await smallWorld();
  await put(world, log_keys.group(7), undefined);
  const log = await world.reopen();
  assert.is(log.size(), 7);
  assert.equal(unwrap(await log.read(3)).payload, utf8('payload 2'));
  const damaged = Uint8Array.from(await world.store.get('log', log_keys.group(1)) ?? [], (byte, at) => (at === 70 ? byte ^ 1 : byte));
  await put(world, log_keys.group(1), damaged);
  assert.is(code(await world.log.read(3)), 'AUDIT_DAMAGED', 'rot while running is reported by the read');
});

for (const { name, numbers, settled } of specimens) {
  test(`${name}: files cut, zeroed, flipped and lost never shorten it in silence (some of npm run faults -- damage)`, async ({ folder }) => {
    const { outcomes, problems } = await examineAll(folder(), numbers, settled, 97);
    assert.equal(problems, []);
    const ending = settled ? '.ldb' : '.log';
    const found = [...outcomes].find(([file]) => file.endsWith(ending))?.[1];
    assert.ok(found !== undefined && found.whole > 0 && found.frozen > 10, `${ending}: ${JSON.stringify(found)}`);
    for (const file of ['head', 'vault', 'store/CURRENT', 'store/MANIFEST-*']) assert.ok(outcomes.has(file), file);
  }, { ms: 60_000 });
}

test('a deleted write-ahead log, which LevelDB opens as an empty store, freezes the log', async ({ folder }) => {
  const home = folder();
  const sample = await specimen(join(home, 'good'), [1, 2, 3], false);
  const file = [...sample.files.keys()].find((name) => name.endsWith('.log')) ?? '';
  const { outcome, reason } = await examine(join(home, 'damaged'), sample, { what: 'gone', file, bytes: undefined });
  assert.is(outcome, 'frozen');
  assert.match(reason, /the signed head has \d entries, the store only 0: entry 0 is missing/);
});

test.run();
