import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { defaultDataFolder, marker_file, openDataFolder } from '../../node/data-folder.ts';
import { suite } from '../harness.ts';
import { failureOf } from '../simulated-hosts.ts';

const test = suite('node/data-folder');

test('a folder is made, its owner\'s alone, and known again', (context) => {
  const path = join(context.folder(), 'deep', 'inside');
  const first = unwrap(openDataFolder(path));
  assert.is(first.initialised, false);
  assert.is(statSync(path).mode & 0o777, 0o700);
  assert.is(statSync(join(path, marker_file)).mode & 0o777, 0o600);
  assert.is(unwrap(openDataFolder(path)).initialised, false, 'as long as nobody says that the node in it was made');
  first.markInitialised();
  assert.is(unwrap(openDataFolder(path)).initialised, true);
  assert.equal(readdirSync(path), [marker_file], 'no draft is left');
});

test('a folder that holds something else is refused, and nothing in it is touched', (context) => {
  const foreign = context.folder();
  writeFileSync(join(foreign, 'thesis.txt'), 'years of work');
  chmodSync(foreign, 0o755);
  const failure = failureOf(openDataFolder(foreign));
  assert.is(failure.code, 'DATA_FOREIGN');
  assert.match(failure.fix ?? '', '--data');
  assert.equal(readdirSync(foreign), ['thesis.txt']);
  assert.is(statSync(foreign).mode & 0o777, 0o755);
  for (const marker of ['', '{}', '{"agentmesh":2,"initialised":true}', 'null', '[1]']) {
    const folder = context.folder();
    writeFileSync(join(folder, marker_file), marker);
    assert.is(failureOf(openDataFolder(folder)).code, 'DATA_FOREIGN', marker);
    assert.is(readFileSync(join(folder, marker_file), 'utf8'), marker);
  }
});

test('a node\'s folder that others may open is refused, with the command that mends it', (context) => {
  const path = join(context.folder(), 'data');
  unwrap(openDataFolder(path)).markInitialised();
  for (const mode of [0o755, 0o710, 0o701]) {
    chmodSync(path, mode);
    const failure = failureOf(openDataFolder(path));
    assert.is(failure.code, 'DATA_OPEN_TO_OTHERS', mode.toString(8));
    assert.is(failure.fix, `chmod 700 ${path}`);
  }
  chmodSync(path, 0o700);
  assert.is(unwrap(openDataFolder(path)).initialised, true);
});

test('what cannot be a folder says why', (context) => {
  const file = join(context.folder(), 'file');
  writeFileSync(file, 'x');
  for (const path of [file, join(file, 'below'), '/proc/nowhere']) {
    const failure = failureOf(openDataFolder(path));
    assert.is(failure.code, 'DATA_UNUSABLE');
    assert.match(failure.reason, path);
    assert.match(failure.fix ?? '', '--data');
  }
});

test('a start that was cut off while it wrote the marker leaves a folder that can still be used', (context) => {
  const fresh = context.folder();
  writeFileSync(join(fresh, `${marker_file}.tmp`), '{"agent');
  assert.is(unwrap(openDataFolder(fresh)).initialised, false);
  const made = join(context.folder(), 'data');
  unwrap(openDataFolder(made)).markInitialised();
  mkdirSync(join(made, 'store'));
  writeFileSync(join(made, `${marker_file}.tmp`), '');
  assert.is(unwrap(openDataFolder(made)).initialised, true);
  unwrap(openDataFolder(made)).markInitialised();
  assert.not.ok(existsSync(join(made, `${marker_file}.tmp`)));
});

test('the default place follows the environment', () => {
  assert.is(defaultDataFolder({ AGENTMESH_DATA: '/data/mesh', XDG_DATA_HOME: '/xdg' }), '/data/mesh');
  assert.is(defaultDataFolder({ XDG_DATA_HOME: '/xdg' }), '/xdg/agentmesh');
  for (const environment of [{}, { AGENTMESH_DATA: '' }, { XDG_DATA_HOME: 'relative' }]) {
    assert.is(defaultDataFolder(environment), join(homedir(), '.local', 'share', 'agentmesh'));
  }
});

test('keys that others may read, or that belong to somebody else, are refused with the command that mends it', (context) => {
  const path = join(context.folder(), 'data');
  unwrap(openDataFolder(path)).markInitialised();
  for (const name of ['keys.json', 'vault']) {
    const file = join(path, name);
    writeFileSync(file, '{}', { mode: 0o600 });
    assert.ok(openDataFolder(path).ok);
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(file, mode);
      const failure = failureOf(openDataFolder(path));
      assert.equal([failure.code, failure.fix], ['FILE_OPEN_TO_OTHERS', `chmod 600 ${file}`], mode.toString(8));
    }
    chmodSync(file, 0o600);
  }
  if (process.getuid?.() !== 0) return;
  chownSync(join(path, 'keys.json'), 4242, 4242);
  assert.is(failureOf(openDataFolder(path)).code, 'FILE_OF_OTHERS');
});

test.run();
