import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { fail, unwrap, type Failure, type Result } from '../../crypto/result.ts';
import { lock_file, lockFolder } from '../../node/folder-lock.ts';
import { suite, type TestContext } from '../harness.ts';

const test = suite('node/folder-lock');

function failureOf(result: Result<unknown>): Failure {
  return result.ok ? fail('NONE', 'it did not fail').failure : result.failure;
}

/** A process of its own that tries to take the lock, and its first word. */
async function holder(context: TestContext, folder: string): Promise<{ readonly child: ChildProcess; readonly word: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./lock-holder.ts', import.meta.url)), folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  context.after(() => void child.kill('SIGKILL'));
  const [chunk]: unknown[] = await once(child.stdout, 'data');
  return { child, word: String(chunk).trim() };
}

test('a folder is held by one at a time, and free when that one lets go', (context) => {
  const folder = context.folder();
  const first = unwrap(lockFolder(folder));
  assert.is(first.taken_from, undefined);
  assert.is(statSync(join(folder, lock_file)).mode & 0o777, 0o600);
  const refused = failureOf(lockFolder(folder));
  assert.equal([refused.code, refused.detail], ['DATA_LOCKED', { process_id: process.pid }]);
  assert.match(refused.fix ?? '', 'agentmesh stop');
  first.release();
  assert.equal(readdirSync(folder), [], 'nothing is left behind');
  const second = unwrap(lockFolder(folder));
  first.release();
  assert.is(failureOf(lockFolder(folder)).code, 'DATA_LOCKED', 'who let go once cannot let go for another');
  second.release();
});

test('a process that holds a folder keeps others out, and killed it leaves the folder usable', async (context) => {
  const folder = context.folder();
  const { child, word } = await holder(context, folder);
  assert.is(word, 'held');
  assert.is(failureOf(lockFolder(folder)).detail?.['process_id'], child.pid);
  assert.is((await holder(context, folder)).word, 'DATA_LOCKED');
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  assert.ok(readdirSync(folder).includes(lock_file), 'a killed process cannot clean up');
  const taken = unwrap(lockFolder(folder));
  assert.is(taken.taken_from, child.pid);
  taken.release();
  assert.equal(readdirSync(folder), []);
});

const zombies = 'a process that was killed and that nobody has waited for keeps no folder';
if (process.platform !== 'linux') test.skip(zombies, 'this system does not say that a process is one');
else test(zombies, async (context) => {
  const folder = context.folder();
  const program = fileURLToPath(new URL('./lock-holder.ts', import.meta.url));
  // The shell becomes a program that never asks how its child ended, so that the child stays a zombie.
  const parent = spawn('sh', ['-c', '"$0" "$1" "$2" & exec sleep 60', process.execPath, program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  context.after(() => void parent.kill('SIGKILL'));
  await once(parent.stdout, 'data');
  const { process_id }: { process_id: number } = JSON.parse(readFileSync(join(folder, lock_file), 'utf8'));
  process.kill(process_id, 'SIGKILL');
  while (!/\) Z /.test(readFileSync(`/proc/${process_id}/stat`, 'utf8'))) await new Promise((resolve) => setTimeout(resolve, 5));
  const taken = unwrap(lockFolder(folder));
  assert.is(taken.taken_from, process_id);
  taken.release();
});

test('what stands in the place of the lock and is no file is named, not followed and not waited for', (context) => {
  const makers: readonly ((path: string) => void)[] = [
    (path) => mkdirSync(path),
    (path) => symlinkSync('/nowhere/at/all', path),
    (path) => symlinkSync(process.execPath, path),
    (path) => void execFileSync('sh', ['-c', 'mkfifo "$0"', path]),
  ];
  for (const make of makers) {
    const folder = context.folder();
    make(join(folder, lock_file));
    const refused = failureOf(lockFolder(folder));
    assert.is(refused.code, 'DATA_UNUSABLE');
    assert.match(refused.reason, join(folder, lock_file));
    assert.equal(readdirSync(folder), [lock_file]);
  }
});

test('many processes at one left lock: one of them gets it', async (context) => {
  const folder = context.folder();
  writeFileSync(join(folder, lock_file), JSON.stringify({ agentmesh: 1, process_id: 2 ** 22 + 1, started: null }));
  const words = await Promise.all(Array.from({ length: 4 }, async () => (await holder(context, folder)).word));
  assert.equal(words.toSorted(), ['DATA_LOCKED', 'DATA_LOCKED', 'DATA_LOCKED', 'held']);
});

test('a process id that came again is not the process that held the lock', (context) => {
  const folder = context.folder();
  unwrap(lockFolder(folder));
  const path = join(folder, lock_file);
  const text = readFileSync(path, 'utf8');
  assert.ok(process.platform !== 'linux' || text.includes('"started":"'), 'the system tells when a process began');
  writeFileSync(path, text.replace(/"started":[^}]*/, '"started":"an earlier boot/7"'));
  const taken = unwrap(lockFolder(folder));
  assert.is(taken.taken_from, process.pid);
  taken.release();
});

test('a lock that a power cut left empty or broken is taken over', (context) => {
  for (const text of ['', '{', 'null', '{"process_id":0,"started":null}', '{"process_id":"1","started":null}', '[]']) {
    const folder = context.folder();
    writeFileSync(join(folder, lock_file), text);
    unwrap(lockFolder(folder)).release();
    assert.equal(readdirSync(folder), [], text);
  }
});

test('where no lock can be written, it says so', (context) => {
  const failure = failureOf(lockFolder(join(context.folder(), 'missing')));
  assert.is(failure.code, 'DATA_UNUSABLE');
  assert.match(failure.fix ?? '', '--data');
});

test.run();
