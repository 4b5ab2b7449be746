import { hkdfSync } from 'node:crypto';
import * as assert from 'uvu/assert';
import { bigEndian, concat, toHex, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor } from '../../crypto/canonical.ts';
import { unwrap } from '../../crypto/result.ts';
import { memoryFiles, type Files } from '../../storage/files.ts';
import { openVault, sealing_bytes, subject_bytes_max, type Vault } from '../../storage/vault.ts';
import { suite } from '../harness.ts';
import { breakableFiles, code, random } from './audit-world.ts';

const test = suite('storage/vault');

const payload = utf8('the tool was called');

async function vaultIn(files: Files, create = true): Promise<Vault> {
  return unwrap(await openVault({ files, random, create }));
}

async function stored(files: Files): Promise<Uint8Array> {
  return await files.read('vault') ?? new Uint8Array();
}

test('a payload comes back to its subject, also after the vault is opened again', async () => {
  const files = memoryFiles();
  const vault = await vaultIn(files);
  unwrap(await vault.prepare('alice'));
  const { sealed, salt } = unwrap(vault.seal('alice', 5, payload));
  assert.is(sealed.length, payload.length + sealing_bytes);
  assert.equal(unwrap(vault.open(5, sealed)), { subject: 'alice', salt, payload });
  assert.equal(unwrap((await vaultIn(files, false)).open(5, sealed)), { subject: 'alice', salt, payload });
});

test('salts are HKDF of the subject key and the index', async () => {
  const files = memoryFiles();
  const vault = await vaultIn(files);
  unwrap(await vault.prepare('alice'));
  const decoded: unknown = unwrap(decodeCbor((await stored(files)).subarray(1, -32)));
  const [key]: { secret: Uint8Array }[] = Array.isArray(decoded) ? decoded : [];
  const expected = hkdfSync('sha256', key?.secret ?? new Uint8Array(), new Uint8Array(), concat(utf8('salt'), bigEndian(9, 8)), 32);
  assert.is(toHex(unwrap(vault.seal('alice', 9, payload)).salt), Buffer.from(expected).toString('hex'));
});

test('sealing the same payload at the same index twice shows no likeness', async () => {
  const vault = await vaultIn(memoryFiles());
  unwrap(await vault.prepare('alice'));
  const [one, two] = [unwrap(vault.seal('alice', 0, payload)), unwrap(vault.seal('alice', 0, payload))];
  assert.not.equal(one.sealed.subarray(16), two.sealed.subarray(16));
  assert.equal(one.salt, two.salt);
});

test('a changed byte, another index or a cut is noticed', async () => {
  const vault = await vaultIn(memoryFiles());
  unwrap(await vault.prepare('alice'));
  const { sealed } = unwrap(vault.seal('alice', 3, payload));
  assert.is(code(vault.open(4, sealed)), 'VAULT_SEAL_BROKEN');
  assert.is(code(vault.open(3, sealed.subarray(0, -1))), 'VAULT_SEAL_BROKEN');
  assert.is(code(vault.open(3, sealed.subarray(0, 20))), 'VAULT_SEAL_BROKEN');
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.is(code(vault.open(3, changed)), at < 16 ? 'VAULT_ERASED' : 'VAULT_SEAL_BROKEN');
  }
});

test('destroying a subject makes its payloads unreadable and leaves no key in the file', async () => {
  const files = memoryFiles();
  const vault = await vaultIn(files);
  for (const subject of ['alice', 'bob']) unwrap(await vault.prepare(subject));
  const [alice, bob] = [unwrap(vault.seal('alice', 0, payload)).sealed, unwrap(vault.seal('bob', 1, payload)).sealed];
  assert.ok(toHex(await stored(files)).includes(toHex(utf8('alice'))));
  unwrap(await vault.destroy('alice'));
  for (const present of [vault, await vaultIn(files, false)]) {
    assert.is(code(present.open(0, alice)), 'VAULT_ERASED');
    assert.ok(present.open(1, bob).ok);
  }
  assert.not(toHex(await stored(files)).includes(toHex(utf8('alice'))));
  assert.is(code(vault.seal('alice', 2, payload)), 'VAULT_SUBJECT_UNKNOWN');
  unwrap(await vault.prepare('alice'));
  assert.is(code(vault.open(0, alice)), 'VAULT_ERASED', 'a new key opens nothing old');
});

test('no payload is sealed with a key that is not on the disk', async () => {
  const files = breakableFiles();
  const vault = await vaultIn(files);
  files.broken = true;
  assert.is(code(await vault.prepare('alice')), 'VAULT_UNWRITABLE');
  assert.is(code(vault.seal('alice', 0, payload)), 'VAULT_SUBJECT_UNKNOWN');
  files.broken = false;
  unwrap(await vault.prepare('alice'));
  files.broken = true;
  assert.is(code(await vault.destroy('alice')), 'VAULT_UNWRITABLE');
  assert.ok(vault.seal('alice', 0, payload).ok, 'a key that could not be destroyed is still known to exist');
});

test('many callers prepare one subject, or many, and all keys survive', async () => {
  const files = memoryFiles();
  const vault = await vaultIn(files);
  const subjects = Array.from({ length: 50 }, (_, index) => `subject ${index % 25}`);
  for (const prepared of await Promise.all(subjects.map((subject) => vault.prepare(subject)))) unwrap(prepared);
  const sealed = subjects.map((subject, index) => unwrap(vault.seal(subject, index, payload)).sealed);
  const again = await vaultIn(files, false);
  for (const [index, bytes] of sealed.entries()) assert.is(unwrap(again.open(index, bytes)).subject, subjects[index]);
});

test('a missing, cut or changed file is never taken for an empty vault', async () => {
  const files = memoryFiles();
  assert.is(code(await openVault({ files, random, create: false })), 'VAULT_MISSING');
  unwrap(await (await vaultIn(files)).prepare('alice'));
  const good = await stored(files);
  for (let at = 0; at < good.length; at += 1) {
    const changed = Uint8Array.from(good);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    for (const bytes of [changed, good.subarray(0, at)]) {
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
