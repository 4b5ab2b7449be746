import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { diskFiles, memoryFiles, type Files } from '../../storage/files.ts';
import { suite, type TestContext } from '../harness.ts';

const test = suite('storage/files');

const kinds: readonly (readonly [name: string, make: (context: TestContext) => Files])[] = [
  ['disk', (context) => diskFiles(context.folder())],
  ['memory', () => memoryFiles()],
];

for (const [kind, make] of kinds) {
  test(`${kind}: a file is absent, written, replaced as a whole, empty, and removed`, async (context) => {
    const files = make(context);
    assert.is(await files.read('head'), undefined);
    await files.write('head', utf8('a long first version'));
    await files.write('head', utf8('short'));
    assert.equal(await files.read('head'), utf8('short'));
    await files.write('head', new Uint8Array());
    assert.equal(await files.read('head'), new Uint8Array());
    await files.remove('head');
    await files.remove('head');
    assert.is(await files.read('head'), undefined);
  });

  test(`${kind}: names with folders are apart from each other`, async (context) => {
    const files = make(context);
    await files.write('keys/a', utf8('1'));
    await files.write('keys/b', utf8('2'));
    assert.equal(await files.read('keys/a'), utf8('1'));
    await files.remove('keys/a');
    assert.equal(await files.read('keys/b'), utf8('2'));
  });

  test(`${kind}: what the caller does to its bytes afterwards changes nothing that is stored`, async (context) => {
    const files = make(context);
    const bytes = utf8('kept');
    await files.write('head', bytes);
    bytes.fill(0);
    const read = await files.read('head');
    assert.equal(read, utf8('kept'));
    read?.fill(0);
    assert.equal(await files.read('head'), utf8('kept'));
  });

  test(`${kind}: of writes of one name that run side by side the last called is there whole`, async (context) => {
    const files = make(context);
    const versions = Array.from({ length: 20 }, (_, index) => new Uint8Array(10_000).fill(index));
    await Promise.all(versions.map((version) => files.write('head', version)));
    const read = await files.read('head');
    assert.equal(read, versions.at(-1));
  });
}

test('disk: a file is its owner\'s alone, and no draft stays behind', async (context) => {
  const folder = context.folder();
  const files = diskFiles(folder);
  await files.write('keys/secret', utf8('s'));
  assert.is(statSync(join(folder, 'keys', 'secret')).mode & 0o777, 0o600);
  assert.is(statSync(join(folder, 'keys')).mode & 0o777, 0o700);
  assert.equal(readdirSync(join(folder, 'keys')), ['secret']);
});

test('disk: the draft of a write that a crash cut off is neither read nor in the way', async (context) => {
  const folder = context.folder();
  const files = diskFiles(folder);
  await files.write('head', utf8('old'));
  writeFileSync(join(folder, 'head.tmp'), 'half of the n', { mode: 0o644 });
  assert.equal(await files.read('head'), utf8('old'));
  await files.write('head', utf8('new'));
  assert.equal(await files.read('head'), utf8('new'));
  assert.is(statSync(join(folder, 'head')).mode & 0o777, 0o600);
  assert.is(existsSync(join(folder, 'head.tmp')), false);
});

test.run();
