import * as assert from 'uvu/assert';
import { concat, toHex, utf8 } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { memoryFiles, type Files } from '../../storage/files.ts';
import { PuncturableKey, seed_record_bytes, type Leaf } from '../../storage/puncturable-key.ts';
import { encodeKeys } from '../../storage/vault-file.ts';
import { openVault, sealing_bytes, subject_bytes_max, vault_seeds_max, vault_subjects_max, type SealPlace, type Vault } from '../../storage/vault.ts';
import { suite } from '../harness.ts';
import { breakableFiles, code, random } from './audit-world.ts';

const test = suite('storage/vault');

const payload = utf8('the tool was called');
const context = utf8('where it belongs');

async function vaultIn(files: Files, create = true): Promise<Vault> {
  return unwrap(await openVault({ files, random, create }));
}

async function stored(files: Files): Promise<Uint8Array> {
  return await files.read('vault') ?? new Uint8Array();
}

function placeOf(vault: Vault, subject: string, index: number, realm = 0): SealPlace {
  return { handle: vault.handleOf(subject) ?? new Uint8Array(16), leaf: { realm, index }, context };
}

test('a payload comes back to its subject, also after the vault is opened again', async () => {
  const files = memoryFiles();
  const vault = await vaultIn(files);
  unwrap(await vault.prepare('alice'));
  const place = placeOf(vault, 'alice', 5);
  const sealed = unwrap(vault.seal(place, payload));
  assert.is(sealed.length, payload.length + sealing_bytes);
  for (const present of [vault, await vaultIn(files, false)]) assert.equal(unwrap(present.open(place, sealed)), { subject: 'alice', bytes: payload });
});

test('sealing the same bytes at the same place twice shows no likeness', async () => {
  const vault = await vaultIn(memoryFiles());
  unwrap(await vault.prepare('alice'));
  const place = placeOf(vault, 'alice', 0);
  const [one, two] = [unwrap(vault.seal(place, payload)), unwrap(vault.seal(place, payload))];
  for (let at = 0; at < one.length; at += 8) assert.not.equal(one.subarray(at, at + 8), two.subarray(at, at + 8));
});

test('a changed byte, another place or a cut is noticed', async () => {
  const vault = await vaultIn(memoryFiles());
  for (const subject of ['alice', 'bob']) unwrap(await vault.prepare(subject));
  const place = placeOf(vault, 'alice', 3);
  const sealed = unwrap(vault.seal(place, payload));
  const wrong: SealPlace[] = [{ ...place, leaf: { realm: 0, index: 4 } }, { ...place, leaf: { realm: 1, index: 3 } }, { ...place, context: utf8('elsewhere') }, placeOf(vault, 'bob', 3)];
  for (const other of wrong) assert.is(code(vault.open(other, sealed)), 'VAULT_SEAL_BROKEN');
  assert.is(code(vault.open({ ...place, handle: random(16) }, sealed)), 'VAULT_ERASED');
  for (const cut of [0, 1, sealing_bytes - 1, sealed.length - 1]) assert.is(code(vault.open(place, sealed.subarray(0, cut))), 'VAULT_SEAL_BROKEN');
  for (let at = 0; at < sealed.length; at += 1) {
    assert.is(code(vault.open(place, Uint8Array.from(sealed, (byte, index) => (index === at ? byte ^ 1 : byte)))), 'VAULT_SEAL_BROKEN');
  }
});

test('forgetting a subject makes its payloads unreadable and leaves no key in the file', async () => {
  const files = memoryFiles();
  const vault = await vaultIn(files);
  for (const subject of ['alice', 'bob']) unwrap(await vault.prepare(subject));
  const places = [placeOf(vault, 'alice', 0), placeOf(vault, 'bob', 1)] as const;
  const [alice, bob] = [unwrap(vault.seal(places[0], payload)), unwrap(vault.seal(places[1], payload))];
  assert.ok(toHex(await stored(files)).includes(toHex(utf8('alice'))));
  unwrap(await vault.forget({ handle: places[0].handle }));
  for (const present of [vault, await vaultIn(files, false)]) {
    assert.is(code(present.open(places[0], alice)), 'VAULT_ERASED');
    assert.is(present.handleOf('alice'), undefined);
    assert.is(present.holds(places[0].handle, places[0].leaf), false);
    assert.ok(present.open(places[1], bob).ok);
  }
  assert.not(toHex(await stored(files)).includes(toHex(utf8('alice'))));
  assert.is(code(vault.seal(places[0], payload)), 'VAULT_ERASED');
  unwrap(await vault.prepare('alice'));
  assert.is(code(vault.open(places[0], alice)), 'VAULT_ERASED', 'a new key opens nothing old');
  assert.not.equal(vault.handleOf('alice'), places[0].handle, 'a subject that comes back has a new handle');
});

test('a forgotten box is gone for good, and those beside it are not', async () => {
  const files = memoryFiles();
  const vault = await vaultIn(files);
  for (const subject of ['alice', 'bob']) unwrap(await vault.prepare(subject));
  const boxes = ['alice', 'bob'].flatMap((subject) => Array.from({ length: 10 }, (_, index) => {
    const place = placeOf(vault, subject, index * 256);
    return { subject, index, place, sealed: unwrap(vault.seal(place, payload)) };
  }));
  const gone = boxes.filter(({ subject, index }) => subject === 'alice' && index % 3 === 0);
  unwrap(await vault.forget({ boxes: gone.map(({ place }) => place) }));
  // Forgetting twice changes nothing.
  unwrap(await vault.forget({ boxes: gone.map(({ place }) => place) }));
  const again = await vaultIn(files, false);
  for (const present of [vault, again]) {
    for (const box of boxes) assert.is(code(present.open(box.place, box.sealed)), gone.includes(box) ? 'VAULT_ERASED' : 'ok');
  }
  const line: Leaf = { realm: 0, index: 5 * 256 };
  unwrap(await again.forget({ below: line }));
  for (const box of boxes) assert.is(code(again.open(box.place, box.sealed)), gone.includes(box) || box.index < 5 ? 'VAULT_ERASED' : 'ok');
});

test('nothing is sealed with a key that is not on the disk, and nothing is forgotten that is still there', async () => {
  const files = breakableFiles();
  const vault = await vaultIn(files);
  files.broken = true;
  assert.is(code(await vault.prepare('alice')), 'VAULT_UNWRITABLE');
  assert.is(vault.handleOf('alice'), undefined);
  files.broken = false;
  unwrap(await vault.prepare('alice'));
  const place = placeOf(vault, 'alice', 0);
  const sealed = unwrap(vault.seal(place, payload));
  files.broken = true;
  for (const what of [{ handle: place.handle }, { boxes: [place] }, { below: { realm: 0, index: 9 } }]) {
    assert.is(code(await vault.forget(what)), 'VAULT_UNWRITABLE');
    assert.ok(vault.open(place, sealed).ok, 'a key that could not be destroyed is still known to exist');
  }
});

test('many callers prepare one subject, or many, in few writes, and all keys survive', async () => {
  const files = memoryFiles();
  let writes = 0;
  const vault = await vaultIn({ ...files, write: (name, bytes) => {
    writes += 1;
    return files.write(name, bytes);
  } });
  const subjects = Array.from({ length: 50 }, (_, index) => `subject ${index % 25}`);
  for (const prepared of await Promise.all(subjects.map((subject) => vault.prepare(subject)))) unwrap(prepared);
  assert.ok(writes <= 3, `${writes} writes`);
  const sealed = subjects.map((subject, index) => unwrap(vault.seal(placeOf(vault, subject, index), payload)));
  const again = await vaultIn(files, false);
  for (const [index, subject] of subjects.entries()) assert.is(unwrap(again.open(placeOf(vault, subject, index), sealed[index] ?? payload)).subject, subject);
});

test('a full vault takes no further subject, can be opened again, and has room after a subject is forgotten', async () => {
  const files = memoryFiles();
  const vault = await vaultIn(files);
  const results = await Promise.all(Array.from({ length: vault_subjects_max + 1 }, (_, index) => vault.prepare(`subject ${index}`)));
  assert.is(results.filter((result) => result.ok).length, vault_subjects_max);
  assert.is(code(results.at(-1) ?? results[0] ?? await vault.prepare('x')), 'VAULT_FULL');
  const again = await vaultIn(files, false);
  assert.ok(again.handleOf('subject 0') !== undefined && again.handleOf(`subject ${vault_subjects_max - 1}`) !== undefined);
  assert.is(code(await again.prepare('one more')), 'VAULT_FULL');
  unwrap(await again.forget({ handle: again.handleOf('subject 0') ?? new Uint8Array() }));
  unwrap(await again.prepare('one more'));
});

test('forgetting what is old costs the same for many subjects as for one', async () => {
  const files = memoryFiles();
  const vault = await vaultIn(files);
  await Promise.all(Array.from({ length: 5_000 }, (_, index) => vault.prepare(`subject ${index}`)));
  const [old, kept] = [placeOf(vault, 'subject 77', 999), placeOf(vault, 'subject 77', 1_000)];
  const [sealed_old, sealed_kept] = [unwrap(vault.seal(old, payload)), unwrap(vault.seal(kept, payload))];
  const before = (await stored(files)).length;
  unwrap(await vault.forget({ below: { realm: 0, index: 1_000 } }));
  assert.ok((await stored(files)).length < before + 64 * 41, 'one path of seeds for all');
  for (const present of [vault, await vaultIn(files, false)]) {
    assert.equal([code(present.open(old, sealed_old)), code(present.open(kept, sealed_kept)), present.holds(old.handle, old.leaf)], ['VAULT_ERASED', 'ok', false]);
  }
});

test('a vault without room for more seeds says so beforehand, and forgets all the same', async () => {
  const files = memoryFiles();
  const bytes = Buffer.alloc(vault_seeds_max * seed_record_bytes, 7);
  for (let index = 0; index < vault_seeds_max; index += 1) bytes.writeUInt32BE(2 * index, bytes.writeUInt32BE(0, bytes.writeUInt8(64, index * seed_record_bytes)));
  const handle = random(16);
  const [full, bob] = [PuncturableKey.decode(bytes), { subject: 'bob', handle: random(16), key: PuncturableKey.fresh(random(32)) }];
  assert.ok(full !== undefined);
  await files.write('vault', encodeKeys({ common: PuncturableKey.fresh(random(32)), subjects: [{ subject: 'alice', handle, key: full }, bob] }));
  const vault = await vaultIn(files, false);
  const boxes = [{ handle: bob.handle, leaf: { realm: 0, index: 5 } }];
  assert.is(code(vault.admits({ boxes })), 'VAULT_FULL');
  for (const what of [{ handle }, { below: { realm: 0, index: 9 } }, { boxes: [{ handle, leaf: { realm: 0, index: 4 } }] }]) assert.is(code(vault.admits(what)), 'ok');
  unwrap(await vault.forget({ boxes }));
  assert.is((await vaultIn(files, false)).holds(bob.handle, { realm: 0, index: 5 }), false, 'a mark of an erasure can always be ended');
  unwrap(await vault.forget({ handle }));
  assert.is(code(vault.admits({ boxes: [{ handle: bob.handle, leaf: { realm: 0, index: 6 } }] })), 'ok');
});

test('a missing, cut or changed file is never taken for an empty vault', async () => {
  const files = memoryFiles();
  assert.is(code(await openVault({ files, random, create: false })), 'VAULT_MISSING');
  const vault = await vaultIn(files);
  unwrap(await vault.prepare('alice'));
  unwrap(await vault.forget({ boxes: [placeOf(vault, 'alice', 7)] }));
  const good = await stored(files);
  for (let at = 0; at < good.length; at += 7) {
    for (const bytes of [Uint8Array.from(good, (byte, index) => (index === at ? byte ^ 0x10 : byte)), good.subarray(0, at), concat(good, good.subarray(0, 1 + at))]) {
      await files.write('vault', bytes);
      assert.is(code(await openVault({ files, random, create: true })), 'VAULT_UNREADABLE', `byte ${at}`);
    }
  }
});

test('subject names are bounded', async () => {
  const vault = await vaultIn(memoryFiles());
  for (const subject of ['', 'x'.repeat(subject_bytes_max + 1)]) assert.is(code(await vault.prepare(subject)), 'VAULT_SUBJECT_INVALID');
  assert.ok((await vault.prepare('x'.repeat(subject_bytes_max))).ok);
});

test.run();
