import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { bigEndian, concat, equal, toHex, utf8 } from '../../crypto/bytes.ts';
import { cosign, openCheckpoint, signCheckpoint, witnessName } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { Frontier, leafHash, verifyConsistency, verifyInclusion } from '../../crypto/merkle.ts';
import { parseVerifier, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { unwrap } from '../../crypto/result.ts';
import { decodeDisclosure, decodeEntry, encodeDisclosure } from '../../storage/audit-entry.ts';
import { earlierFreeze } from '../../storage/audit-freeze.ts';
import { decodeGroup, encodeGroup, log_keys } from '../../storage/audit-group.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { payload_bytes_max, queue_entries_max } from '../../storage/audit-queue.ts';
import type { AuditRecord } from '../../storage/audit-reader.ts';
import { diskFiles } from '../../storage/files.ts';
import { openStore } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { suite } from '../harness.ts';
import { appendEvents, auditWorld, code, did, log_key, random } from './audit-world.ts';

const test = suite('storage/audit-log');

async function all(log: AuditLog, range?: { from?: number; to?: number }): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for await (const record of log.entries(range)) records.push(unwrap(record));
  return records;
}

function headOf(log: AuditLog, note: Uint8Array): { size: number; root: Uint8Array } {
  return unwrap(openCheckpoint(note, unwrap(parseVerifier(log.verifier_key)))).checkpoint;
}

test('a new log begins with a genesis entry under a signed head', async () => {
  const { log } = await auditWorld();
  assert.is(log.size(), 1);
  assert.is(unwrap(await log.read(0)).kind, 'genesis');
  assert.is(headOf(log, log.latest()?.note ?? new Uint8Array()).size, 1);
  assert.is(log.news(), 0);
});

test('a payload comes back, and its entry is 44 bytes of header and commitment', async () => {
  const { log } = await auditWorld();
  const payload = utf8('{"tool":"search"}');
  const { index, leaf_hash } = unwrap(await log.append({ subject: 'agent', payload }));
  const record = unwrap(await log.read(index));
  assert.equal(record.payload, payload);
  assert.is(record.subject, 'agent');
  assert.is(record.time_ms, 1_700_000_000_000);
  const mac = createHmac('sha256', record.salt ?? '').update('mesh-audit-commit/v1\0').update(payload).digest();
  assert.equal(record.entry, concat(Uint8Array.of(1, 1), bigEndian(1_700_000_000_000, 8), Uint8Array.of(0, 0), mac));
  assert.is(record.entry.length, 44);
  assert.equal(leaf_hash, leafHash(record.entry));
});

test('an append alone costs exactly one synced batch', async () => {
  const { log, store } = await auditWorld();
  await appendEvents(log, 10);
  assert.is(store.batches.length, 10);
  assert.ok(store.batches.every(({ sync }) => sync));
});

test('appends in flight share commits, keep their order, and every index is given once', async () => {
  const { log, store } = await auditWorld();
  let issued = 0;
  const indices: number[] = [];
  await Promise.all(Array.from({ length: 64 }, async () => {
    while (issued < 1000) {
      issued += 1;
      indices.push(unwrap(await log.append({ subject: 'agent', payload: utf8(String(issued)) })).index);
    }
  }));
  assert.equal(indices.toSorted((a, b) => a - b), Array.from({ length: issued }, (_, index) => index + 1));
  assert.ok(store.batches.length <= issued / 16, `${store.batches.length} batches for ${issued} appends`);
  const records = await all(log);
  assert.equal(records.map(({ index }) => index), Array.from({ length: issued + 1 }, (_, index) => index));
  const burst = Array.from({ length: 20 }, (_, index) => log.append({ subject: 'agent', payload: utf8(`burst ${index}`) }));
  const placed = (await Promise.all(burst)).map((result) => unwrap(result).index);
  assert.equal(placed, placed.toSorted((a, b) => a - b), 'in the order of the calls');
});

test('changes that come with an entry are in its batch', async () => {
  const { log, store } = await auditWorld();
  const change = { space: 'receipt', key: utf8('k'), value: utf8('v') } as const;
  unwrap(await log.append({ subject: 'agent', payload: utf8('p') }, { with: [change] }));
  assert.is(store.batches.length, 1);
  assert.ok(store.batches[0]?.changes.includes(change));
  assert.equal(await store.get('receipt', utf8('k')), utf8('v'));
});

test('a batched append is not synced, and the head that covers it is signed only after a sync', async () => {
  const { log, store } = await auditWorld();
  unwrap(await log.append({ subject: 'agent', payload: utf8('p') }, { durable: false }));
  assert.equal(store.batches.map(({ sync }) => sync), [false]);
  unwrap(await log.checkpoint());
  assert.equal(store.batches.map(({ sync }) => sync), [false, true, false], 'entry, sync, copy of the head');
});

test('opening again finds the same entries, root and news', async () => {
  const world = await auditWorld();
  await appendEvents(world.log, 20);
  unwrap(await world.log.checkpoint());
  await appendEvents(world.log, 3);
  unwrap(await world.log.appendRecord('anchor', concat(Uint8Array.of(1), new Uint8Array(72))));
  const again = await world.reopen();
  assert.is(again.frozen, undefined);
  assert.is(again.size(), 25);
  assert.is(again.news(), 3, 'anchors are no news');
  assert.equal(await all(again), await all(world.log));
  assert.equal(unwrap(await again.checkpoint()), unwrap(await world.log.checkpoint()));
});

test('every head is signed once: the same size gives the same note', async () => {
  const { log, store } = await auditWorld();
  await appendEvents(log, 2);
  const notes = await Promise.all([log.checkpoint(), log.checkpoint()]);
  assert.equal(unwrap(notes[0]), unwrap(notes[1]));
  assert.is(headOf(log, unwrap(notes[0])).size, 3);
  assert.is(store.batches.length, 3, 'two entries and one head');
});

test('all proofs verify, within and across tiles', async () => {
  const { log } = await auditWorld();
  const roots: Uint8Array[] = [];
  const frontier = new Frontier();
  await Promise.all(Array.from({ length: 600 }, () => log.appendRecord('evidence', random(32), { durable: false })));
  const records = await all(log);
  for (const { leaf_hash } of records) {
    roots.push(frontier.root());
    frontier.append(leaf_hash);
  }
  roots.push(frontier.root());
  const rootAt = (size: number): Uint8Array => roots[size] ?? new Uint8Array();
  for (const size of [1, 2, 255, 256, 257, 511, 512, 513, 601]) {
    assert.equal(unwrap(await log.rootAt(size)), rootAt(size));
    for (const index of [0, 1, 254, 255, 256, 300, 511, 512, 600].filter((index) => index < size)) {
      const proof = unwrap(await log.inclusion(index, size));
      unwrap(verifyInclusion({ index, size, leaf_hash: records[index]?.leaf_hash ?? new Uint8Array(), proof, root: rootAt(size) }));
    }
    for (const old_size of [1, 100, 255, 256, 257, 512, 601].filter((old_size) => old_size <= size)) {
      const proof = unwrap(await log.consistency(old_size, size));
      unwrap(verifyConsistency({ old_size, old_root: rootAt(old_size), size, root: rootAt(size), proof }));
    }
  }
  assert.equal(unwrap(await log.consistency(0, 5)), []);
  for (const result of [await log.inclusion(601, 601), await log.inclusion(-1, 5), await log.inclusion(0, 602), await log.consistency(5, 602), await log.consistency(6, 5)]) {
    assert.is(code(result), 'AUDIT_NO_ENTRY');
  }
});

test('a log beyond a full tile of tiles still proves its first and last entry', async () => {
  const { log, reopen } = await auditWorld();
  const size = 65_800;
  while (log.size() < size) {
    const count = Math.min(4096, size - log.size());
    await Promise.all(Array.from({ length: count }, () => log.appendRecord('evidence', random(32), { durable: false })));
  }
  const root = headOf(log, unwrap(await log.checkpoint())).root;
  for (const index of [0, 65_535, 65_536, size - 1]) {
    const { leaf_hash } = unwrap(await log.read(index));
    unwrap(verifyInclusion({ index, size, leaf_hash, proof: unwrap(await log.inclusion(index, size)), root }));
  }
  assert.is((await reopen()).frozen, undefined);
});

test('an erased subject is unreadable, others are not, and all proofs still hold', async ({ folder }) => {
  const place = folder();
  const store = unwrap(await openStore({ kind: 'disk', folder: join(place, 'db'), create: true }));
  const files = diskFiles(place);
  const vault = unwrap(await openVault({ files, random, create: true }));
  const parts = { store, files, vault, now: () => 1, key: log_key, did };
  const log = unwrap(await openAuditLog({ ...parts, create: true }));
  const marker = toHex(random(16));
  const { index } = unwrap(await log.append({ subject: 'alice', payload: utf8(marker) }));
  const other = unwrap(await log.append({ subject: 'bob', payload: utf8('kept') }));
  const salt = unwrap(await log.read(index)).salt ?? new Uint8Array();
  const head = headOf(log, unwrap(await log.checkpoint()));
  const proof = unwrap(await log.inclusion(index, head.size));
  assert.equal(unwrap(await log.erase({ subject: 'alice' }, 'art17')), { index: 3, entries: 1 });
  const record = unwrap(await log.read(index));
  assert.equal([record.payload, record.subject, record.salt], [undefined, undefined, undefined]);
  assert.equal(unwrap(await log.read(other.index)).payload, utf8('kept'));
  unwrap(verifyInclusion({ index, size: head.size, leaf_hash: record.leaf_hash, proof, root: head.root }));
  const reopened = unwrap(await openAuditLog({ ...parts, create: false }));
  assert.is(reopened.frozen, undefined, 'an erasure is no damage');
  await store.close();
  const on_disk = readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  assert.ok(on_disk.length > 3);
  assert.not(on_disk.some((bytes) => bytes.includes(marker) || bytes.includes(Buffer.from(salt)) || bytes.includes('alice')));
});

test('tiles and bundles are those of C2SP tlog-tiles, full and partial, and none lies beyond the tree', async () => {
  const { log } = await auditWorld();
  await Promise.all(Array.from({ length: 599 }, () => log.appendRecord('evidence', random(32), { durable: false })));
  const records = await all(log);
  const leaves = records.map(({ leaf_hash }) => leaf_hash);
  const bundled = (from: number, to: number): Uint8Array => concat(...records.slice(from, to).flatMap(({ entry }) => [bigEndian(entry.length, 2), entry]));
  for (const [number, width] of [[0, 256], [0, 1], [0, 255], [1, 256], [2, 88], [2, 1]] as const) {
    assert.equal(unwrap(await log.tile(0, number, width)), concat(...leaves.slice(number * 256, number * 256 + width)));
    assert.equal(unwrap(await log.bundle(number, width)), bundled(number * 256, number * 256 + width));
  }
  const roots = [0, 1].map((number) => {
    const frontier = new Frontier();
    for (const leaf of leaves.slice(number * 256, number * 256 + 256)) frontier.append(leaf);
    return frontier.root();
  });
  assert.equal(unwrap(await log.tile(1, 0, 2)), concat(...roots));
  assert.equal(unwrap(await log.tile(1, 0, 1)), roots[0]);
  for (const [level, number, width] of [[0, 2, 89], [0, 3, 1], [1, 0, 3], [2, 0, 1], [7, 0, 1], [0, 0, 0], [0, 0, 257], [-1, 0, 1], [0, -1, 1], [0, 0.5, 1], [0, 0, Number.NaN]] as const) {
    assert.is(code(await log.tile(level, number, width)), 'AUDIT_NO_TILE', `tile ${level}/${number} of ${width}`);
  }
  for (const [number, width] of [[2, 89], [3, 1], [0, 0], [0, 257], [-1, 1], [0.5, 1]] as const) assert.is(code(await log.bundle(number, width)), 'AUDIT_NO_TILE');
  await log.freeze('doubt');
  for (const result of [await log.tile(0, 0, 1), await log.bundle(0, 1), await log.signedAt(1)]) assert.is(code(result), 'AUDIT_FROZEN');
});

test('the log signs any of its sizes, and never beyond the head that it keeps', async () => {
  const world = await auditWorld();
  const { log } = world;
  await appendEvents(log, 5);
  const kept = unwrap(await log.checkpoint());
  assert.equal(unwrap(await log.signedAt(6)), kept, 'the same bytes');
  for (const size of [0, 1, 3]) assert.equal(headOf(log, unwrap(await log.signedAt(size))), { origin: log.origin, size, root: unwrap(await log.rootAt(size)) });
  assert.is(log.latest()?.size, 6);
  await appendEvents(log, 3);
  assert.equal(unwrap(await log.signedAt(6)), kept);
  assert.is(log.latest()?.size, 6, 'an older size leaves the head alone');
  assert.is(headOf(log, unwrap(await log.signedAt(8))).size, 8);
  assert.is(headOf(log, await world.files.read('head') ?? new Uint8Array()).size, 9, 'the head was kept before');
  assert.is(log.news(), 3, 'it is still to be published');
  for (const size of [10, -1, 1.5]) assert.is(code(await log.signedAt(size)), 'AUDIT_NO_ENTRY');
  world.files.broken = true;
  await appendEvents(log, 1);
  assert.is(code(await log.signedAt(10)), 'AUDIT_HEAD_UNWRITTEN');
  assert.is(code(await log.signedAt(9)), 'ok');
});

test('payloads of a commit are sealed in one box a subject, with salts that nothing derives', async () => {
  const { log, store, vault } = await auditWorld();
  for (const subject of ['alice', 'bob']) unwrap(await vault.prepare(subject));
  const payload = utf8('the same payload');
  const events = Array.from({ length: 9 }, (_, at) => log.append({ subject: at % 3 === 0 ? 'alice' : 'bob', payload }));
  const receipt = log.appendRecord('evidence', new Uint8Array(32));
  for (const result of [...await Promise.all(events), await receipt]) unwrap(result);
  assert.is(store.batches.length, 1);
  const { entries, boxes } = unwrap(decodeGroup(await store.get('log', log_keys.group(1)) ?? new Uint8Array()));
  assert.is(entries.length, 10);
  assert.equal(boxes.map(({ handle, leaf, positions }) => ({ handle, leaf, positions })), [
    { handle: vault.handleOf('alice'), leaf: { realm: 0, index: 2 }, positions: [0, 3, 6] },
    { handle: vault.handleOf('bob'), leaf: { realm: 0, index: 2 }, positions: [1, 2, 4, 5, 7, 8] },
  ]);
  const salts = (await all(log)).flatMap(({ salt }) => (salt === undefined ? [] : [toHex(salt)]));
  assert.is(new Set(salts).size, 9);
  assert.is(new Set(entries.slice(0, 9).map(toHex)).size, 9, 'equal payloads look different');
});

test('a box opens only where it was sealed', async () => {
  const world = await auditWorld();
  for (const name of ['one', 'two']) unwrap(await world.log.append({ subject: 'alice', payload: utf8(name) }));
  const groups = [];
  for (const first of [1, 2]) groups.push(unwrap(decodeGroup(await world.store.get('log', log_keys.group(first)) ?? new Uint8Array())));
  const [one, two] = groups;
  await world.store.batch([{ space: 'log', key: log_keys.group(2), value: encodeGroup({ entries: two?.entries ?? [], boxes: one?.boxes ?? [] }) }], { sync: true });
  const moved = await world.log.read(2);
  assert.match(moved.ok ? 'it opened' : moved.failure.reason, /the sealed bytes are not what was written/);
});

test('as many as fit into a commit share it, and what waits beyond that is made ready while the disk is busy', async () => {
  const { log, store, vault } = await auditWorld();
  unwrap(await vault.prepare('agent'));
  let under_way = 0;
  store.intercept = async (write) => {
    under_way += 1;
    assert.is(under_way, 1, 'one write at a time');
    await new Promise((resolve) => setImmediate(resolve));
    await write();
    under_way -= 1;
  };
  let next = 1;
  for (const [in_flight, commits] of [[1, 64], [16, 16], [256, 16], [500, 16]] as const) {
    let left = in_flight * commits;
    const indices: number[] = [];
    store.batches.length = 0;
    await Promise.all(Array.from({ length: in_flight }, async (_, caller) => {
      for (; left > 0;) {
        left -= 1;
        indices.push(unwrap(await log.append({ subject: 'agent', payload: utf8(String(left)) })).index);
        // Callers have some work of their own before they come back.
        for (let turn = 0; turn < caller % 16; turn += 1) await Promise.resolve();
      }
    }));
    assert.equal(indices.toSorted((a, b) => a - b), Array.from({ length: in_flight * commits }, (_, at) => next + at));
    next += indices.length;
    const per_commit = indices.length / store.batches.length;
    assert.ok(per_commit >= Math.min(in_flight, 256) * 0.9, `${in_flight} in flight: ${per_commit} a commit`);
  }
});

test('when a write fails, neither its group nor the one made ready behind it is acknowledged', async () => {
  const world = await auditWorld();
  unwrap(await world.log.append({ subject: 'agent', payload: utf8('first') }));
  let writes = 0;
  world.store.intercept = async (write) => {
    writes += 1;
    await new Promise((resolve) => setImmediate(resolve));
    if (writes === 1) throw new Error('no space left');
    await write();
  };
  const results = await Promise.all(Array.from({ length: 400 }, () => world.log.append({ subject: 'agent', payload: utf8('p') })));
  assert.ok(results.every((result) => code(result) === 'AUDIT_FROZEN'));
  assert.is(world.log.size(), 2);
  assert.is(writes, 1, 'what was made ready behind it is not written');
  const again = await world.reopen();
  assert.is(again.frozen, undefined);
  assert.is(again.size(), 2);
});

test('who waits for a turn gets one although appends never cease', async () => {
  const { log, store, vault } = await auditWorld();
  unwrap(await vault.prepare('agent'));
  // A disk takes its time; without that the test itself would never get a turn.
  store.intercept = async (write) => {
    await new Promise((resolve) => setImmediate(resolve));
    await write();
  };
  const end = new AbortController();
  const callers = Array.from({ length: 600 }, async () => {
    while (!end.signal.aborted) unwrap(await log.append({ subject: 'agent', payload: utf8('p') }));
  });
  const sizes: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) sizes.push(headOf(log, unwrap(await log.checkpoint())).size);
  const proof = await log.inclusion(0, 2);
  end.abort();
  await Promise.all(callers);
  assert.ok(proof.ok);
  assert.equal(sizes, [...new Set(sizes)].toSorted((a, b) => a - b));
  assert.ok((sizes[0] ?? 0) > 1, 'appends go on in between');
});

test('an append whose subject is erased while it waits is refused, and nothing of it is kept', async () => {
  const { log, store, reopen } = await auditWorld();
  unwrap(await log.append({ subject: 'alice', payload: utf8('old') }));
  unwrap(await log.append({ subject: 'bob', payload: utf8('old') }));
  const erased = log.erase({ subject: 'alice' }, 'art17');
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  store.intercept = async (write) => {
    await held;
    await write();
  };
  await new Promise((resolve) => setImmediate(resolve));
  const waiting = [log.append({ subject: 'alice', payload: utf8('late') }), log.append({ subject: 'bob', payload: utf8('kept') })];
  release();
  assert.is(unwrap(await erased).entries, 1);
  assert.equal((await Promise.all(waiting)).map(code), ['VAULT_SUBJECT_UNKNOWN', 'ok']);
  const payloads = (await all(await reopen())).flatMap(({ payload }) => (payload === undefined ? [] : [Buffer.from(payload).toString()]));
  assert.equal(payloads, ['old', 'kept']);
});

test('a disclosure shows entry and payload only when they belong together', async () => {
  const { log } = await auditWorld();
  const { index } = unwrap(await log.append({ subject: 'agent', payload: utf8('shown') }));
  const { entry, salt = new Uint8Array(), payload = new Uint8Array() } = unwrap(await log.read(index));
  assert.equal(unwrap(decodeDisclosure(encodeDisclosure({ entry }))).opened, undefined);
  assert.equal(unwrap(decodeDisclosure(encodeDisclosure({ entry, opened: { salt, payload } }))).opened?.payload, utf8('shown'));
  const lie = encodeDisclosure({ entry, opened: { salt, payload: utf8('Shown') } });
  assert.is(code(decodeDisclosure(lie)), 'DISCLOSURE_INVALID');
  for (const bad of [new Uint8Array(), Uint8Array.of(0), Uint8Array.of(0, 9, 1), concat(encodeDisclosure({ entry }), new Uint8Array(31))]) {
    assert.is(code(decodeDisclosure(bad)), 'DISCLOSURE_INVALID');
  }
});

test('entries of unknown version, kind, flags or length are refused', async () => {
  const { log } = await auditWorld();
  const { entry } = unwrap(await log.read(unwrap(await log.append({ subject: 'a', payload: utf8('x') })).index));
  assert.ok(decodeEntry(entry).ok);
  for (const [at, value] of [[0, 2], [1, 0], [1, 7], [2, 255], [10, 1], [11, 1]] as const) {
    const changed = Uint8Array.from(entry);
    changed[at] = value;
    assert.is(code(decodeEntry(changed)), 'AUDIT_ENTRY_INVALID');
  }
  assert.is(code(decodeEntry(entry.subarray(0, 43))), 'AUDIT_ENTRY_INVALID');
  assert.is(code(await log.appendRecord('receipt', new Uint8Array(3))), 'AUDIT_ENTRY_INVALID');
  assert.is(code(await log.appendRecord('anchor', Uint8Array.of(2, ...new Uint8Array(72)))), 'AUDIT_ENTRY_INVALID');
});

test('a range starts and ends where it is asked to, in the middle of groups too', async () => {
  const { log } = await auditWorld();
  await Promise.all(Array.from({ length: 30 }, (_, index) => log.append({ subject: 'a', payload: utf8(String(index)) })));
  assert.equal((await all(log, { from: 7, to: 12 })).map(({ index }) => index), [7, 8, 9, 10, 11]);
  assert.equal((await all(log, { from: 29, to: 99 })).map(({ index }) => index), [29, 30]);
  assert.equal(await all(log, { from: 40 }), []);
  for (const index of [-1, 31, 1.5, Number.NaN]) assert.is(code(await log.read(index)), 'AUDIT_NO_ENTRY');
});

test('too much at once is refused, and what was accepted is kept', async () => {
  const { log, store } = await auditWorld();
  assert.is(code(await log.append({ subject: 'a', payload: new Uint8Array(payload_bytes_max + 1) })), 'AUDIT_PAYLOAD_TOO_LARGE');
  const gate = Promise.withResolvers<void>();
  store.intercept = async (write) => {
    await gate.promise;
    return write();
  };
  const waiting = Array.from({ length: queue_entries_max + 300 }, () => log.appendRecord('evidence', new Uint8Array(32)));
  gate.resolve();
  const codes = (await Promise.all(waiting)).map(code);
  const accepted = codes.filter((each) => each === 'ok').length;
  assert.is(accepted, queue_entries_max);
  assert.ok(codes.every((each) => each === 'ok' || each === 'AUDIT_OVERLOADED'));
  assert.is(log.size(), 1 + accepted);
});

test('a failed write stops the log, loses nothing acknowledged and never forks, whether it reached the disk or not', async () => {
  for (const persisted of [true, false]) {
    const world = await auditWorld();
    await appendEvents(world.log, 3);
    const before = unwrap(await world.log.checkpoint());
    world.store.intercept = async (write) => {
      if (persisted) await write();
      throw new Error('disk error');
    };
    const results = await Promise.all([world.log.append({ subject: 'a', payload: utf8('x') }), world.log.append({ subject: 'a', payload: utf8('y') })]);
    assert.equal(results.map(code), ['AUDIT_FROZEN', 'AUDIT_FROZEN']);
    assert.is(code(await world.log.checkpoint()), 'AUDIT_FROZEN');
    world.store.intercept = (write) => write();
    assert.is(code(await world.log.append({ subject: 'a', payload: utf8('z') })), 'AUDIT_FROZEN');
    assert.is(unwrap(await world.log.read(3)).index, 3, 'what is there can be read');
    const again = await world.reopen();
    assert.is(again.frozen, undefined);
    assert.is(again.size(), persisted ? 6 : 4);
    assert.equal(again.latest()?.note, before);
    assert.ok((await again.append({ subject: 'a', payload: utf8('z') })).ok);
  }
});

test('a head that cannot be written is not given away, and the next attempt is', async () => {
  const { log, files, reopen } = await auditWorld();
  await appendEvents(log, 2);
  files.broken = true;
  assert.is(code(await log.checkpoint()), 'AUDIT_HEAD_UNWRITTEN');
  assert.is(log.latest()?.size, 1);
  assert.is((await reopen()).frozen, undefined);
  files.broken = false;
  assert.is(headOf(log, unwrap(await log.checkpoint())).size, 3);
});

test('cosignatures are kept with their checkpoint', async () => {
  const { log, reopen } = await auditWorld();
  await appendEvents(log, 2);
  const checkpoint = { origin: log.origin, ...headOf(log, unwrap(await log.checkpoint())) };
  const witnesses = [11, 12].map((seed) => {
    const key = signingKey(new Uint8Array(32).fill(seed));
    const name = witnessName(`did:mesh:b${seed}`, key.public_key);
    return { line: cosign(key, name, checkpoint, 1_700_000_000), verifier: unwrap(parseVerifier(verifierKey(name, signature_type_witness, key.public_key))) };
  });
  unwrap(await log.addCosignature(3, ...witnesses.map(({ line }) => line)));
  await appendEvents(log, 1);
  unwrap(await log.checkpoint());
  for (const present of [log, await reopen()]) {
    const opened = unwrap(openCheckpoint(unwrap(await present.cosigned()), unwrap(parseVerifier(log.verifier_key)), witnesses.map(({ verifier }) => verifier)));
    assert.is(opened.checkpoint.size, 3, 'the newest that is cosigned');
    assert.is(opened.cosignatures.length, 2);
    assert.is(headOf(log, unwrap(await present.cosigned(4))).size, 4);
  }
  assert.is(code(await log.addCosignature(2, witnesses[0]?.line ?? '')), 'AUDIT_NO_CHECKPOINT');
  assert.is(code(await log.addCosignature(3, 'not a line')), 'NOTE_INVALID');
  assert.is(code(await log.cosigned(2)), 'AUDIT_NO_CHECKPOINT');
});

test('a log that a witness froze stays frozen, and can still be read', async () => {
  const world = await auditWorld();
  await appendEvents(world.log, 2);
  await world.log.freeze('a witness has seen more');
  for (const log of [world.log, await world.reopen()]) {
    assert.match(log.frozen?.reason ?? '', /a witness has seen more/);
    assert.is(log.frozen?.fix, 'agentmesh doctor');
    for (const result of [await log.append({ subject: 'a', payload: utf8('x') }), await log.checkpoint(), await log.inclusion(0, 1), await log.addCosignature(1)]) {
      assert.is(code(result), 'AUDIT_FROZEN');
    }
    assert.is((await all(log)).length, 3);
  }
});

test('closing commits what is queued and refuses the rest', async () => {
  const { log, reopen } = await auditWorld();
  const queued = Array.from({ length: 10 }, () => log.appendRecord('evidence', new Uint8Array(32)));
  await log.close();
  assert.ok((await Promise.all(queued)).every((result) => result.ok));
  assert.is(code(await log.append({ subject: 'a', payload: utf8('x') })), 'AUDIT_CLOSED');
  assert.is(code(await log.checkpoint()), 'AUDIT_CLOSED');
  assert.is((await reopen()).size(), 11);
});

test('a log is never created over another, and an unfinished beginning is taken up', async () => {
  const { store, files, vault } = await auditWorld();
  const parts = { store, files, vault, now: () => 1, key: log_key, did };
  assert.is(code(await openAuditLog({ ...parts, create: true })), 'AUDIT_EXISTS');
  await files.remove('head');
  const taken_up = unwrap(await openAuditLog({ ...parts, create: true }));
  assert.is(taken_up.size(), 1);
  assert.ok(equal(taken_up.latest()?.root ?? new Uint8Array(), unwrap(await taken_up.read(0)).leaf_hash));
});

test('a freeze that cannot be written down takes nothing from the one that was', async () => {
  const { log, files, reopen } = await auditWorld();
  const note = (size: number): Uint8Array => signCheckpoint(log_key, { origin: log.origin, size, root: sha256(utf8(`${size}`)) });
  const kept = async (): Promise<unknown> => {
    const freeze = await earlierFreeze(files);
    return [freeze?.cause, freeze?.note];
  };
  await log.freeze('a witness holds 20', 'history', note(20));
  files.broken = true;
  await log.freeze('a witness holds 30', 'history', note(30));
  files.broken = false;
  await log.freeze('a tile', 'damage');
  assert.equal(await kept(), ['history', note(20)], 'damage can be mended, a second history cannot');
  await log.freeze('a peer holds 10', 'history', note(10));
  assert.equal(await kept(), ['history', note(20)], 'the largest stays');
  await log.freeze('a witness holds 30', 'history', note(30));
  assert.equal(await kept(), ['history', note(30)], 'what could not be kept is kept when it is shown again');
  assert.is((await reopen()).frozen?.detail?.['cause'], 'history');
});

test('a freeze that could not be written down is when it comes again', async () => {
  const { log, files, reopen } = await auditWorld();
  files.broken = true;
  await log.freeze('a witness holds another history');
  files.broken = false;
  await log.freeze('a witness holds another history');
  assert.is((await reopen()).frozen?.detail?.['cause'], 'history');
});

test.run();
