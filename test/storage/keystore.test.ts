import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { toBase64url, toHex, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { diskFiles, memoryFiles, type Files } from '../../storage/files.ts';
import { keystore_file, openKeystore, type Keystore } from '../../storage/keystore.ts';
import { start_cost } from '../../storage/sealing.ts';
import { suite } from '../harness.ts';

const test = suite('storage/keystore');
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
// Scrypt at its true cost is proved once, below; the rest of the tests need not wait for it.
const cost = 2 ** 4;
const seed = sha256(utf8('a seed'));
const other_seed = sha256(utf8('another seed'));

function open(files: Files, passphrase?: string): Promise<Result<Keystore>> {
  return openKeystore({ files, random, cost, ...(passphrase === undefined ? {} : { passphrase }) });
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.failure.code;
}

test('keys are there again after a restart, in either mode, and sign as before', async () => {
  for (const passphrase of [undefined, 'pässwörd \u{1f511}']) {
    const files = memoryFiles();
    const first = unwrap(await open(files, passphrase));
    assert.is(first.protected, passphrase !== undefined);
    assert.is(first.key('peer'), undefined);
    await first.add(new Map([['peer', seed], ['log', other_seed]]));
    const again = unwrap(await open(files, passphrase));
    assert.equal(again.key('peer')?.public_key, signingKey(seed).public_key);
    assert.equal(again.key('log')?.sign(utf8('x')), signingKey(other_seed).sign(utf8('x')));
    await again.add(new Map([['witness', sha256(utf8('a third'))]]));
    assert.ok(unwrap(await open(files, passphrase)).key('witness') !== undefined);
  }
});

test('keys that are added at once are all on the disk at the end', async (context) => {
  const files = diskFiles(context.folder());
  const keystore = unwrap(await open(files));
  await Promise.all(Array.from({ length: 20 }, (_, index) => keystore.add(new Map([[`key-${index}`, sha256(utf8(`${index}`))]]))));
  const again = unwrap(await open(files));
  for (let index = 0; index < 20; index += 1) assert.ok(again.key(`key-${index}`) !== undefined, `key ${index}`);
});

test('a write that fails says so, and the next one brings everything to the disk', async () => {
  const files = memoryFiles();
  let full = true;
  const keystore = unwrap(await open({ ...files, write: (name, bytes) => full ? Promise.reject(new Error('no space left')) : files.write(name, bytes) }));
  const failed = await keystore.add(new Map([['peer', seed]])).then(() => 'written', String);
  assert.match(failed, 'no space left');
  full = false;
  await keystore.add(new Map([['log', other_seed]]));
  const again = unwrap(await open(files));
  assert.ok(again.key('peer') !== undefined && again.key('log') !== undefined);
});

test('the file is its owner\'s alone, and sealed it shows nothing of a key, not even its name', async (context) => {
  const folder = context.folder();
  const path = join(folder, keystore_file);
  await unwrap(await open(diskFiles(folder))).add(new Map([['identity/x/use', seed]]));
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.match(readFileSync(path, 'utf8'), toBase64url(seed), 'in the clear where no passphrase is given');
  const sealed_folder = context.folder();
  await unwrap(await open(diskFiles(sealed_folder), 'secret')).add(new Map([['identity/x/use', seed]]));
  const sealed_path = join(sealed_folder, keystore_file);
  assert.is(statSync(sealed_path).mode & 0o777, 0o600);
  const bytes = readFileSync(sealed_path);
  for (const shown of [toBase64url(seed), toHex(seed), 'identity', 'secret']) assert.not.ok(bytes.includes(shown), shown);
  assert.not.ok(bytes.includes(Buffer.from(seed)));
});

test('sealing the same keys twice shows two different files', async () => {
  const [one, two] = [memoryFiles(), memoryFiles()];
  for (const files of [one, two]) await unwrap(await open(files, 'secret')).add(new Map([['peer', seed]]));
  assert.not.equal(await one.read(keystore_file), await two.read(keystore_file));
  const before = await one.read(keystore_file);
  await unwrap(await open(one, 'secret')).add(new Map([['log', other_seed]]));
  const [nonce_before, nonce_after] = [before, await one.read(keystore_file)].map((bytes) => /"nonce": "([^"]+)"/.exec(new TextDecoder().decode(bytes))?.[1]);
  assert.is.not(nonce_before, nonce_after, 'no nonce is used twice');
});

test('a wrong passphrase and a missing one are told apart, and say what would pass', async () => {
  const files = memoryFiles();
  await unwrap(await open(files, 'secret')).add(new Map([['peer', seed]]));
  const missing = await open(files);
  assert.is(codeOf(missing), 'KEYSTORE_LOCKED');
  assert.match(missing.ok ? '' : missing.failure.fix ?? '', 'AGENTMESH_PASSPHRASE');
  const wrong = await open(files, 'Secret');
  assert.is(codeOf(wrong), 'KEYSTORE_PASSPHRASE');
  assert.match(wrong.ok ? '' : wrong.failure.fix ?? '', 'passphrase');
  assert.not.match(JSON.stringify(wrong), 'Secret');
  assert.is(codeOf(await open(files, 'secret')), 'ok');
});

test('what nobody asks to be cheap is sealed at the full cost', async () => {
  const files = memoryFiles();
  await unwrap(await openKeystore({ files, random, passphrase: 'secret' })).add(new Map([['peer', seed]]));
  assert.is(codeOf(await open(files, 'secret')), 'KEYSTORE_PASSPHRASE');
  assert.is(codeOf(await openKeystore({ files, random, passphrase: 'secret', cost: start_cost })), 'ok');
});

test('two spellings of one passphrase are one passphrase', async () => {
  const files = memoryFiles();
  await unwrap(await open(files, 'caf\u00e9')).add(new Map([['peer', seed]]));
  assert.is(codeOf(await open(files, 'cafe\u0301')), 'ok');
});

test('a passphrase that is given later seals the file at once', async () => {
  const files = memoryFiles();
  await unwrap(await open(files)).add(new Map([['peer', seed]]));
  const sealed = unwrap(await open(files, 'secret'));
  assert.is(sealed.protected, true);
  assert.ok(sealed.key('peer') !== undefined);
  assert.not.match(new TextDecoder().decode(await files.read(keystore_file)), toBase64url(seed));
  assert.is(codeOf(await open(files)), 'KEYSTORE_LOCKED');
  assert.equal(unwrap(await open(files, 'secret')).key('peer')?.seed, seed);
});

test('a damaged file is said to be damaged, and is left as it is', async (context) => {
  const key = toBase64url(seed);
  for (const text of [
    '', '{', 'null', '[]', '"keys"', '{"version":1}', `{"version":"1","protection":"none","keys":{"peer":"${key}"}}`, '{"version":1,"protection":"none","keys":{"peer":"AAAA"}}',
    '{"version":1,"protection":"none","keys":{"peer":7}}', '{"version":1,"protection":"none","keys":[]}', '{"version":1,"protection":"none","keys":{"peer":"\\ud800"}}',
    `{"version":1,"protection":"rot13","keys":{"peer":"${key}"}}`, '{"version":1,"protection":"scrypt+aes-256-gcm","salt":"AA","nonce":"AA","sealed":"AA"}',
    `{"version":1,"protection":"none","keys":{"peer":"${key}"},"more":1}`,
  ]) {
    const folder = context.folder();
    writeFileSync(join(folder, keystore_file), text);
    const opened = await open(diskFiles(folder), text.includes('scrypt') ? 'secret' : undefined);
    assert.is(codeOf(opened), 'KEYSTORE_DAMAGED', text);
    assert.match(opened.ok ? '' : opened.failure.fix ?? '', 'backup');
    assert.is(readFileSync(join(folder, keystore_file), 'utf8'), text);
  }
});

test('a file of a later program is left to that', async () => {
  const files = memoryFiles();
  await files.write(keystore_file, utf8('{"version":2,"anything":true}'));
  const opened = await open(files);
  assert.is(codeOf(opened), 'KEYSTORE_VERSION');
  assert.match(opened.ok ? '' : opened.failure.fix ?? '', 'version');
});

test('a sealed file of which one byte was changed does not open', async () => {
  const files = memoryFiles();
  await unwrap(await open(files, 'secret')).add(new Map([['peer', seed]]));
  const text = new TextDecoder().decode(await files.read(keystore_file));
  const changed = text.replace(/("sealed": ".{10})(.)/, (_, before: string, letter: string) => before + (letter === 'A' ? 'B' : 'A'));
  assert.is.not(changed, text);
  await files.write(keystore_file, utf8(changed));
  assert.is(codeOf(await open(files, 'secret')), 'KEYSTORE_PASSPHRASE');
});

test('a name is used once', async () => {
  const keystore = unwrap(await open(memoryFiles()));
  await keystore.add(new Map([['peer', seed]]));
  assert.throws(() => keystore.add(new Map([['peer', other_seed]])), /there is a key peer already/);
  assert.equal(keystore.key('peer')?.seed, seed);
});

test('names are listed by their beginning, in order', async () => {
  const keystore = unwrap(await open(memoryFiles()));
  await keystore.add(new Map([['identity/b/0/use', seed], ['identity/a/0/use', other_seed], ['peer', sha256(utf8('peer'))]]));
  assert.equal(keystore.names('identity/'), ['identity/a/0/use', 'identity/b/0/use']);
  assert.equal(keystore.names('identity/a/'), ['identity/a/0/use']);
  assert.equal(keystore.names(''), ['identity/a/0/use', 'identity/b/0/use', 'peer']);
});

test('another passphrase, or none, opens the file from then on, and the old one does no more', async () => {
  const files = memoryFiles();
  const keystore = unwrap(await open(files, 'old'));
  await keystore.add(new Map([['peer', seed]]));
  await keystore.reseal('new');
  assert.equal([codeOf(await open(files, 'old')), codeOf(await open(files, 'new')), codeOf(await open(files))], ['KEYSTORE_PASSPHRASE', 'ok', 'KEYSTORE_LOCKED']);
  await keystore.add(new Map([['log', other_seed]]));
  assert.equal(unwrap(await open(files, 'new')).names(''), ['log', 'peer'], 'what is added later is sealed with the new one');
  await keystore.reseal(undefined);
  assert.is(keystore.protected, false);
  assert.equal(unwrap(await open(files)).key('peer')?.seed, seed);
});

test('a change of passphrase that fails leaves the old file and the old passphrase', async () => {
  const files = memoryFiles();
  let full = false;
  const keystore = unwrap(await open({ ...files, write: (name, bytes) => full ? Promise.reject(new Error('no space left')) : files.write(name, bytes) }, 'old'));
  await keystore.add(new Map([['peer', seed]]));
  full = true;
  for (const next of ['new', undefined]) assert.match(await keystore.reseal(next).then(() => 'written', String), 'no space left');
  assert.is(codeOf(await open(files, 'old')), 'ok');
  full = false;
  await keystore.add(new Map([['log', other_seed]]));
  // Without a passphrase first: with one, a file that lay open would be sealed by opening it.
  assert.equal([codeOf(await open(files)), codeOf(await open(files, 'old'))], ['KEYSTORE_LOCKED', 'ok'], 'what is written next opens as before');
});

test('a file that lies open can be left so, whatever passphrase there is', async () => {
  const files = memoryFiles();
  await unwrap(await open(files)).add(new Map([['peer', seed]]));
  const before = await files.read(keystore_file);
  const keystore = unwrap(await openKeystore({ files, random, cost, passphrase: 'secret', keep_open: true }));
  assert.is(keystore.protected, false);
  assert.equal(await files.read(keystore_file), before);
  await keystore.add(new Map([['log', other_seed]]));
  assert.is(codeOf(await open(files)), 'ok');
});

test.run();
