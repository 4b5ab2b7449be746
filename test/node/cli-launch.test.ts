import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { cli, launch } from './run-cli.ts';

const test = suite('node/cli/launch');

/** A Node in the PATH that is too old for the program, if there is one. */
function oldNode(): string | undefined {
  return (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node')).find((path) => {
    try {
      return existsSync(path) && statSync(path).isFile() && Number(execFileSync(path, ['--version']).toString().slice(1).split('.')[0]) < 22;
    } catch {
      return false;
    }
  });
}

const old_node = oldNode();
if (old_node === undefined) test.skip('an old Node hands over to the one that a clone brings', 'no old Node in the PATH');
else {
  test('an old Node hands over to the one that a clone brings, or says what to install', async (context) => {
    assert.match((await cli(['help', 'exit-codes'], { node: old_node })).stdout, /^0 {2}it worked/);
    assert.is((await cli(['stauts'], { node: old_node })).code, 2);
    const alone = join(context.folder(), 'node', 'cli');
    mkdirSync(alone, { recursive: true });
    writeFileSync(join(alone, 'package.json'), '{"type":"module"}');
    copyFileSync(launch, join(alone, 'launch.js'));
    const ended = await cli(['status'], { node: old_node, program: join(alone, 'launch.js') });
    assert.is(ended.code, 1);
    assert.match(ended.stderr, /^error NODE_TOO_OLD: agentmesh needs Node 22\.18 or newer, this is .*\nfix: install Node 24/);
  });
}

/** A package as it is published, whose program is `program`, with our own Node as the one that it brings. */
function publishedPackage(root: string, program: string): string {
  const bin = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
  for (const folder of [bin, join(root, 'node', 'cli'), join(root, 'dist', 'node', 'cli')]) mkdirSync(folder, { recursive: true });
  symlinkSync(process.execPath, join(bin, 'node'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  copyFileSync(launch, join(root, 'node', 'cli', 'launch.js'));
  writeFileSync(join(root, 'dist', 'node', 'cli', 'main.js'), program);
  return join(root, 'node', 'cli', 'launch.js');
}

if (old_node === undefined) test.skip('one press of Ctrl-C, which the terminal gives to both Nodes, ends a command once', 'no old Node in the PATH');
else {
  test('one press of Ctrl-C, which the terminal gives to both Nodes, ends a command once', async (context) => {
    const program = publishedPackage(context.folder(), `export function main() {
      const work = setInterval(() => undefined, 1000);
      process.once('SIGINT', () => setTimeout(() => { clearInterval(work); process.exitCode = 7; }, 30));
      console.log('ready');
    }`);
    const child = spawn(old_node, [program], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    await once(child.stdout, 'data');
    process.kill(-(child.pid ?? 0), 'SIGINT');
    assert.equal(await once(child, 'close'), [7, null]);
  });
}

if (old_node === undefined) test.skip('signals and the end pass through an old Node', 'no old Node in the PATH');
else {
  test('signals and the end pass through an old Node', async (context) => {
    const program = publishedPackage(context.folder(), `export function main([way]) {
      if (way === 'die') process.kill(process.pid, 'SIGKILL');
      const work = setInterval(() => undefined, 1000);
      setTimeout(() => process.exit(99), 15_000).unref();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => { console.log(signal); clearInterval(work); process.exitCode = 7; });
      console.log('ready');
    }`);
    await Promise.all((['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(async (signal) => {
      const child = spawn(old_node, [program, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output === 'ready\n') child.kill(signal);
      });
      const [code]: unknown[] = await once(child, 'close');
      assert.equal([code, output], [7, `ready\n${signal}\n`]);
    }));
    const [code, signal]: unknown[] = await once(spawn(old_node, [program, 'die']), 'close');
    assert.equal([code, signal], [null, 'SIGKILL']);
  });
}

test('without sources beside it, the launcher loads the built program', async (context) => {
  const program = publishedPackage(context.folder(), 'export function main(inputs, host) { console.log(JSON.stringify(inputs)); host.exitCode = 7; }');
  const ended = await cli(['a', '--b'], { program });
  assert.equal(ended, { code: 7, stdout: '["a","--b"]\n', stderr: '' });
});

test('a reader that goes away is no failure', async () => {
  const child = spawn('sh', ['-c', `'${process.execPath}' '${launch}' --help 2>&1 | true`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  const [code]: unknown[] = await once(child, 'close');
  assert.equal([code, output], [0, '']);
});

test.run();
