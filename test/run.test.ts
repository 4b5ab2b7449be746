/** What `npm test` makes of test files that go wrong: a folder of its own with the runner and a few of them. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite, type TestContext } from './harness.ts';

const test = suite('run');
const good = "test('holds', () => undefined); test.skip('cannot', 'because'); test.run();";

/** Runs test files with these bodies. */
function ran({ folder }: TestContext, bodies: Readonly<Record<string, string>>, ...args: readonly string[]): { readonly code: number | null; readonly said: string } {
  const root = folder();
  mkdirSync(join(root, 'test'));
  symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), join(root, 'node_modules'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  for (const file of ['run.ts', 'harness.ts']) copyFileSync(new URL(file, import.meta.url), join(root, 'test', file));
  for (const [name, body] of Object.entries(bodies)) writeFileSync(join(root, 'test', `${name}.test.ts`), `import { suite } from './harness.ts';\nconst test = suite('${name}');\n${body}\n`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'test/run.ts'), ...args], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' } });
  return { code: status, said: stdout + stderr };
}

test('files that hold are counted, and those are chosen that were asked for', (context) => {
  const { code, said } = ran(context, { one: good, two: good, three: 'throw new Error("not asked for");' }, 'o');
  assert.is(code, 0, said);
  assert.match(said, /\n {2}Total: +2\n {2}Passed: +2\n {2}Skipped: +2\n/);
  assert.match(said, '2 of 2 tests hold, 2 were skipped; 2 files in');
});

test('a test that fails is shown whole, and the others are counted', (context) => {
  const { code, said } = ran(context, { one: good, two: "test('fails', () => { throw new Error('the reason'); }); test.run();" });
  assert.is(code, 1);
  assert.match(said, 'FAIL  two  "fails"\n    the reason\n');
  assert.match(said, '1 of 2 tests hold');
});

for (const [what, body, words] of [
  ['that ends its process', "test('x', () => { process.exit(0); }); test.run();", 'Exiting early before testing is finished'],
  ['that kills its process', "test('x', () => { process.kill(process.pid, 'SIGKILL'); return new Promise(() => undefined); }); test.run();", 'a batch ended with SIGKILL; its files: one.test.ts two.test.ts'],
  ['that throws when loaded', "throw new Error('no such thing');", 'no such thing'],
  ['that fails after its tests', "test('x', () => { setTimeout(() => { throw new Error('too late'); }, 20); }); test.run();", 'too late'],
  ['with tests that are never run', "test('x', () => undefined);", 'FAIL  two.test.ts runs no test'],
  ['with no test', 'test.run();', 'two has no test'],
] as const) {
  test(`a file ${what} fails the whole`, (context) => {
    const { code, said } = ran(context, { one: good, two: body });
    assert.is(code, 1);
    assert.match(said, words);
  });
}

test('where no file was asked for that exists, nothing was tested', (context) => {
  const { code, said } = ran(context, { one: good }, 'nothing');
  assert.is(code, 1);
  assert.match(said, '0 of 0 tests hold');
});

test.run();
