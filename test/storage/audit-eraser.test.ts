import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { bigEndian, concat, toHex, utf8 } from '../../crypto/bytes.ts';
import { verifyInclusion } from '../../crypto/merkle.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { groupLeaf } from '../../storage/audit-box.ts';
import { decodeEntry, erasureBody, parseErasure } from '../../storage/audit-entry.ts';
import { log_keys } from '../../storage/audit-group.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { diskFiles, memoryFiles, type Files } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { openVault, type Vault } from '../../storage/vault.ts';
import { suite } from '../harness.ts';
import { auditWorld, code, did, log_key, random, type AuditWorld } from './audit-world.ts';

const test = suite('storage/audit-eraser');

/** Appends events that share one commit: subject and payload each. */
async function together(log: AuditLog, events: readonly (readonly [subject: string, payload: string])[]): Promise<number[]> {
  const placed = await Promise.all(events.map(([subject, payload]) => log.append({ subject, payload: utf8(payload) })));
  return placed.map((result) => unwrap(result).index);
}

/** What can still be read: payload by index. */
async function readable(log: AuditLog): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for await (const record of log.entries()) {
    const { index, payload } = unwrap(record);
    if (payload !== undefined) found.set(index, Buffer.from(payload).toString());
  }
  return found;
}

/** One group of four (1 to 4) after the genesis, and one of two (5, 6). */
async function smallWorld(): Promise<AuditWorld> {
  const world = await auditWorld();
  for (const subject of ['alice', 'bob']) unwrap(await world.vault.prepare(subject));
  assert.equal(await together(world.log, [['alice', 'a1'], ['bob', 'b2'], ['alice', 'a3'], ['alice', 'a4']]), [1, 2, 3, 4]);
  assert.equal(await together(world.log, [['alice', 'a5'], ['bob', 'b6']]), [5, 6]);
  assert.is(world.store.batches.length, 2);
  return world;
}

async function bodyOf(log: AuditLog, index: number): Promise<ReturnType<typeof parseErasure>> {
  const { kind, body } = unwrap(decodeEntry(unwrap(await log.read(index)).entry));
  assert.is(kind, 'erasure');
  return parseErasure(body);
}

/** The host starts again: a vault and a log over the same store and files. */
async function restarted({ store, files }: { readonly store: Store; readonly files: Files }): Promise<AuditLog> {
  const vault = unwrap(await openVault({ files, random, create: false }));
  return unwrap(await openAuditLog({ store, files, vault, now: () => 1, key: log_key, did, create: false }));
}

test('one entry is erased, the others of its box and all proofs stay, and the log says so', async () => {
  const world = await smallWorld();
  const { log } = world;
  unwrap(await log.checkpoint());
  const { root = new Uint8Array(), size = 0 } = log.latest() ?? {};
  const proof = unwrap(await log.inclusion(3, size));
  const { entry, leaf_hash } = unwrap(await log.read(3));
  assert.equal(unwrap(await log.erase({ index: 3 }, 'consent')), { index: 7, entries: 1 });
  for (const present of [log, await restarted(world)]) {
    assert.equal([...await readable(present)], [[1, 'a1'], [2, 'b2'], [4, 'a4'], [5, 'a5'], [6, 'b6']]);
    const record = unwrap(await present.read(3));
    assert.equal([record.entry, record.salt, record.subject], [entry, undefined, undefined]);
    unwrap(verifyInclusion({ index: 3, size, leaf_hash, proof, root }));
    assert.equal(unwrap(await present.inclusion(3, size)), proof);
    assert.equal(unwrap(await bodyOf(present, 7)), { part: { index: 3 }, basis: 'consent' });
    assert.is(present.frozen, undefined);
  }
});

test('entries of one box are erased one after the other until it is empty', async () => {
  const world = await smallWorld();
  for (const index of [4, 1, 3]) assert.is(unwrap(await world.log.erase({ index }, 'mistake')).entries, 1);
  for (const present of [world.log, await restarted(world)]) assert.equal([...await readable(present)], [[2, 'b2'], [5, 'a5'], [6, 'b6']]);
});

test('a subject is erased as a whole, and has a new handle when it comes back', async () => {
  const world = await smallWorld();
  const handle = world.vault.handleOf('alice') ?? new Uint8Array();
  unwrap(await world.log.erase({ index: 5 }, 'order'));
  assert.equal(unwrap(await world.log.erase({ subject: 'alice' }, 'art17')), { index: 8, entries: 3 });
  assert.equal(unwrap(await bodyOf(world.log, 8)), { part: { handle }, basis: 'art17' });
  const again = unwrap(await world.log.append({ subject: 'alice', payload: utf8('anew') })).index;
  assert.not.equal(world.vault.handleOf('alice'), handle);
  for (const present of [world.log, await restarted(world)]) assert.equal([...await readable(present)], [[2, 'b2'], [6, 'b6'], [again, 'anew']]);
});

test('everything before an entry is erased, in the middle of a group too, also what was sealed again', async () => {
  const world = await smallWorld();
  unwrap(await world.log.erase({ index: 1 }, 'mistake'));
  assert.equal(unwrap(await world.log.erase({ before: 4 }, 'retention')), { index: 8, entries: 2 });
  assert.equal(unwrap(await bodyOf(world.log, 8)), { part: { before: 4 }, basis: 'retention' });
  assert.equal([...await readable(world.log)], [[4, 'a4'], [5, 'a5'], [6, 'b6']]);
  assert.is(code(await world.log.erase({ before: 4 }, 'retention')), 'AUDIT_ERASED');
  assert.is(unwrap(await world.log.erase({ before: 6 }, 'retention')).entries, 2);
  const later = unwrap(await world.log.append({ subject: 'bob', payload: utf8('later') })).index;
  for (const present of [world.log, await restarted(world)]) assert.equal([...await readable(present)], [[6, 'b6'], [later, 'later']]);
});

test('an erasure that the vault has no room for is refused before anything says that it was done', async () => {
  const world = await smallWorld();
  const { vault } = world;
  const full: Vault = {
    prepare: (subject) => vault.prepare(subject), random: (length) => vault.random(length), handleOf: (subject) => vault.handleOf(subject),
    holds: (handle, leaf) => vault.holds(handle, leaf), seal: (place, bytes) => vault.seal(place, bytes), open: (place, sealed) => vault.open(place, sealed),
    admits: ({ boxes = [] }) => (boxes.length > 0 ? fail('VAULT_FULL', 'no room') : ok(undefined)), forget: (what) => vault.forget(what),
  };
  const log = unwrap(await openAuditLog({ store: world.store, files: world.files, vault: full, now: () => 1, key: log_key, did, create: false }));
  const batches = world.store.batches.length;
  assert.is(code(await log.erase({ index: 3 }, 'art17')), 'VAULT_FULL');
  assert.is(world.store.batches.length, batches);
  assert.is(unwrap(await log.erase({ subject: 'alice' }, 'art17')).entries, 4);
  assert.is((await restarted(world)).frozen, undefined);
});

test('appends do not wait while the log is read for an erasure', async () => {
  const world = await smallWorld();
  const { entries } = world.store;
  let appended = 0;
  world.store.entries = async function* slow(space, range) {
    for await (const entry of entries(space, range)) {
      unwrap(await world.log.append({ subject: 'bob', payload: utf8('meanwhile') }));
      appended += 1;
      yield entry;
    }
  };
  unwrap(await world.log.erase({ before: 6 }, 'retention'));
  world.store.entries = entries;
  assert.ok(appended > 0);
  assert.equal([...await readable(world.log)].map(([index]) => index), [6, ...Array.from({ length: appended }, (_, at) => 7 + at)]);
});

test('a log that lost its end takes payloads at indices whose keys it has forgotten', async () => {
  const world = await smallWorld();
  unwrap(await world.vault.forget({ boxes: [{ handle: world.vault.handleOf('alice') ?? new Uint8Array(), leaf: groupLeaf(0, 7) }] }));
  assert.equal(await together(world.log, [['alice', 'a7'], ['bob', 'b8']]), [7, 8]);
  assert.equal([...await readable(await restarted(world))].slice(-2), [[7, 'a7'], [8, 'b8']]);
  assert.is(unwrap(await world.log.erase({ before: 9 }, 'retention')).entries, 8);
  assert.is((await readable(await restarted(world))).size, 0);
});

test('a past log forgets too, without an entry', async () => {
  const world = await smallWorld();
  await world.log.close();
  const past = unwrap(await openAuditLog({ store: world.store, files: world.files, vault: world.vault, now: () => 1, key: log_key, did, create: false, past: true }));
  await past.close();
  assert.equal(unwrap(await past.erase({ before: 4 }, 'retention')), { index: undefined, entries: 3 });
  assert.equal([...await readable(past)], [[4, 'a4'], [5, 'a5'], [6, 'b6']]);
  assert.is(past.size(), 7);
});

test('what cannot be erased is refused by name, and nothing is written', async () => {
  const world = await smallWorld();
  unwrap(await world.log.erase({ index: 2 }, 'art17'));
  const batches = world.store.batches.length;
  for (const [target, expected] of [
    [{ index: 2 }, 'AUDIT_ERASED'], [{ index: 0 }, 'AUDIT_NO_PAYLOAD'], [{ index: 7 }, 'AUDIT_NO_PAYLOAD'], [{ index: 8 }, 'AUDIT_NO_ENTRY'],
    [{ index: -1 }, 'AUDIT_NO_ENTRY'], [{ index: 1.5 }, 'AUDIT_NO_ENTRY'], [{ before: 9 }, 'AUDIT_NO_ENTRY'], [{ before: 0 }, 'AUDIT_ERASED'], [{ subject: 'carol' }, 'AUDIT_SUBJECT_UNKNOWN'],
  ] as const) assert.is(code(await world.log.erase(target, 'art17')), expected, JSON.stringify(target));
  unwrap(await world.log.erase({ subject: 'bob' }, 'art17'));
  assert.is(code(await world.log.erase({ subject: 'bob' }, 'art17')), 'AUDIT_SUBJECT_UNKNOWN');
  assert.is(code(await world.log.erase({ index: 6 }, 'art17')), 'AUDIT_ERASED', 'the subject was erased');
  assert.is(world.store.batches.length, batches + 2);
  await world.log.close();
  assert.is(code(await world.log.erase({ index: 1 }, 'art17')), 'AUDIT_CLOSED');
});

test('the entry and the mark are in one synced batch, before the vault forgets; then the mark goes', async () => {
  const world = await smallWorld();
  const steps: string[] = [];
  const { write } = world.files;
  world.files.write = (name, bytes) => {
    steps.push(`file ${name}`);
    return write(name, bytes);
  };
  world.store.intercept = (run) => {
    const { changes, sync } = world.store.batches.at(-1) ?? { changes: [], sync: false };
    steps.push(`${sync ? 'synced' : 'unsynced'} ${changes.map(({ key, value }) => `${value === undefined ? '-' : '+'}${String.fromCharCode(key[0] ?? 0)}`).join(' ')}`);
    return run();
  };
  unwrap(await world.log.erase({ index: 3 }, 'art17'));
  assert.equal(steps, ['synced +g +e +g +s', 'file vault', 'unsynced -e']);
});

test('a crash after the entry was written ends in the erasure at the next start', async () => {
  for (const target of [{ subject: 'alice' }, { index: 3 }, { before: 5 }]) {
    const world = await smallWorld();
    world.files.broken = true;
    assert.is(code(await world.log.erase(target, 'art17')), 'VAULT_UNWRITABLE');
    assert.is(world.log.size(), 8, 'the erasure is in the log');
    assert.ok(await world.store.get('log', log_keys.erasure(7)) !== undefined);
    const vault = unwrap(await openVault({ files: world.files, random, create: false }));
    const parts = { store: world.store, files: world.files, vault, now: () => 1, key: log_key, did, create: false };
    assert.is(code(await openAuditLog(parts)), 'VAULT_UNWRITABLE', 'no start with a payload that should be gone');
    world.files.broken = false;
    const again = await restarted(world);
    assert.equal([...await readable(again)].map(([index]) => index), 'index' in target ? [1, 2, 4, 5, 6] : 'before' in target ? [5, 6] : [2, 6]);
    assert.is(await world.store.get('log', log_keys.erasure(7)), undefined);
    assert.is(again.frozen, undefined);
  }
});

test('an erasure whose entry could not be written has erased nothing', async () => {
  const world = await smallWorld();
  world.store.intercept = () => Promise.reject(new Error('no space left'));
  assert.is(code(await world.log.erase({ index: 3 }, 'art17')), 'AUDIT_FROZEN');
  world.store.intercept = (write) => write();
  assert.is((await readable(await restarted(world))).size, 6);
});

test('a mark that was changed freezes the log, and says what is wrong', async () => {
  const world = await smallWorld();
  world.files.broken = true;
  await world.log.erase({ index: 3 }, 'art17');
  world.files.broken = false;
  const mark = await world.store.get('log', log_keys.erasure(7)) ?? new Uint8Array();
  for (let at = 0; at < mark.length; at += 1) {
    await world.store.batch([{ space: 'log', key: log_keys.erasure(7), value: Uint8Array.from(mark, (byte, index) => (index === at ? byte ^ 1 : byte)) }], { sync: true });
    assert.match((await restarted(world)).frozen?.reason ?? '', /mark of an erasure is damaged/);
  }
});

test('a frozen log still forgets, and says that it could write no entry', async () => {
  const world = await smallWorld();
  await world.log.freeze('a witness has seen more');
  assert.equal(unwrap(await world.log.erase({ index: 3 }, 'art17')), { index: undefined, entries: 1 });
  assert.equal(unwrap(await world.log.erase({ index: 1 }, 'art17')), { index: undefined, entries: 1 });
  assert.equal(unwrap(await world.log.erase({ subject: 'bob' }, 'art17')), { index: undefined, entries: 2 });
  assert.is(world.log.size(), 7);
  for (const present of [world.log, await restarted(world)]) {
    assert.equal([...await readable(present)], [[4, 'a4'], [5, 'a5']]);
    assert.match(present.frozen?.reason ?? '', /witness has seen more/);
  }
});

test('appends and erasures at once keep every payload that was not erased', async () => {
  const world = await auditWorld();
  const kept = new Map<number, string>();
  const erased = new Set<number>();
  await Promise.all(Array.from({ length: 40 }, async (_, caller) => {
    for (let turn = 0; turn < 12; turn += 1) {
      const payload = `caller ${caller} turn ${turn}`;
      const { index } = unwrap(await world.log.append({ subject: `subject ${caller % 3}`, payload: utf8(payload) }, { durable: turn % 2 === 0 }));
      kept.set(index, payload);
      if ((caller + turn) % 5 === 0) {
        unwrap(await world.log.erase({ index }, 'mistake'));
        erased.add(index);
      }
    }
  }));
  for (const index of erased) kept.delete(index);
  const expected = [...kept].toSorted(([a], [b]) => a - b);
  assert.is(expected.length, 480 - erased.size);
  for (const present of [world.log, await restarted(world)]) assert.equal([...await readable(present)], expected);
});

test('logs of one host with different numbers do not forget for each other', async () => {
  const files = memoryFiles();
  const vault = unwrap(await openVault({ files, random, create: true }));
  const open = async (number: number): Promise<AuditLog> => {
    const store = unwrap(await openStore({ kind: 'memory' }));
    return unwrap(await openAuditLog({ store, files: memoryFiles(), vault, now: () => 1, key: log_key, did, number, create: true }));
  };
  const [first, second] = [await open(0), await open(1)];
  for (const log of [first, second]) await together(log, [['alice', 'one'], ['alice', 'two']]);
  unwrap(await first.erase({ before: 3 }, 'retention'));
  assert.is((await readable(first)).size, 0);
  assert.equal([...await readable(second)], [[1, 'one'], [2, 'two']]);
});

test('after an erasure neither payload nor salt nor key is anywhere in the folder', async ({ folder }) => {
  const place = folder();
  const store = unwrap(await openStore({ kind: 'disk', folder: join(place, 'db'), create: true }));
  const files = diskFiles(place);
  const vault = unwrap(await openVault({ files, random, create: true }));
  const log = unwrap(await openAuditLog({ store, files, vault, now: () => 1, key: log_key, did, create: true }));
  const [alone, beside, whole] = [toHex(random(16)), toHex(random(16)), toHex(random(16))];
  const [index = 0, neighbour = 0] = await together(log, [['bob', alone], ['bob', beside], ['bob', 'c'], ['alice', whole]]);
  const salts: Uint8Array[] = [];
  for (const each of [index, index + 3]) salts.push(unwrap(await log.read(each)).salt ?? new Uint8Array());
  const secrets = readFileSync(join(place, 'vault'));
  const alice_at = secrets.indexOf('alice') + 'alice'.length;
  const alice_seed = secrets.subarray(alice_at + 16 + 4 + 9, alice_at + 16 + 4 + 9 + 32);
  const bob_at = secrets.indexOf('bob') + 'bob'.length;
  const bob_seed = secrets.subarray(bob_at + 16 + 4 + 9, bob_at + 16 + 4 + 9 + 32);
  const onDisk = (needle: Uint8Array | string): boolean => readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile()).some((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(Buffer.from(needle)));
  assert.ok(onDisk(alice_seed) && onDisk(bob_seed) && onDisk('alice'), 'the search would find them');
  unwrap(await log.erase({ index }, 'art17'));
  unwrap(await log.erase({ subject: 'alice' }, 'art17'));
  await log.close();
  await store.close();
  for (const needle of [alone, whole, ...salts, alice_seed, bob_seed, 'alice']) assert.not.ok(onDisk(needle), String(needle));
  const reopened = unwrap(await openStore({ kind: 'disk', folder: join(place, 'db'), create: false }));
  const again = await restarted({ store: reopened, files });
  assert.equal([...await readable(again)], [[neighbour, beside], [neighbour + 1, 'c']]);
  await reopened.close();
});

test('the bodies of erasure entries come back from their bytes, and others are refused', () => {
  const handle = random(16);
  for (const basis of ['art17', 'consent', 'retention', 'order', 'mistake'] as const) {
    for (const part of [{ index: 2 ** 40 }, { before: 7 }, { handle }]) assert.equal(unwrap(parseErasure(erasureBody(part, basis))), { part, basis });
  }
  assert.equal(erasureBody({ index: 258 }, 'art17'), concat(bigEndian(258, 8), Uint8Array.of(1)));
  assert.equal(erasureBody({ handle }, 'mistake'), concat(Uint8Array.of(5), handle));
  assert.is(unwrap(parseErasure(concat(bigEndian(1, 8), Uint8Array.of(77)))).basis, 77);
  for (const length of [0, 8, 11, 16, 18]) assert.is(code(parseErasure(new Uint8Array(length))), 'AUDIT_ENTRY_INVALID');
});

test.run();
