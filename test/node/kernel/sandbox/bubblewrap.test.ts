/** Bubblewrap that does not work, as stand-ins of it, and what a program is given by a process that has more than its own. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import * as assert from 'uvu/assert';
import { FailureError, unwrap } from '../../../../crypto/result.ts';
import { findExecutable, process_limits } from '../../../../node/kernel/sandbox/index.ts';
import { wrapperOf, type ProcessProgram } from '../../../../node/kernel/sandbox/wrapper.ts';
import { suite, type TestContext } from '../../../harness.ts';
import { launch } from '../../run-cli.ts';
import { sandboxWorld } from './sandbox-world.ts';

const test = suite('node/kernel/sandbox/bubblewrap');
const open_policy = 'version: "1.0"\nrules:\n  - { name: start, condition: "action.type == \'execute\'", action: allow }\n';

/** Puts a bubblewrap of our own first into the path. */
function standIn(context: TestContext, body: string): void {
  const bin = context.folder();
  const { PATH: path = '' } = process.env;
  context.after(() => { process.env['PATH'] = path; });
  writeFileSync(join(bin, 'bwrap'), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, 'bwrap'), 0o755);
  process.env['PATH'] = `${bin}${delimiter}${path}`;
}

/** What `SANDBOX_…` or `PROGRAM_…` a run under bubblewrap ends with. */
async function failureOf(context: TestContext, line: readonly string[]): Promise<string> {
  const ended = await (await sandboxWorld(context)).run(line, { tier: 'bwrap' });
  const cause: unknown = ended.ok ? undefined : ended.failure.cause;
  if (!(cause instanceof FailureError)) return `ok: ${JSON.stringify(ended)}`;
  const { code, reason, fix } = cause.failure;
  return `${code}: ${reason} / ${fix}`;
}

test('a bubblewrap that does not work on this host, or is too old, is no program that failed: it is said with its own words and what to do', async (context) => {
  standIn(context, 'echo "bwrap: setting up uid map: Permission denied" >&2; exit 1');
  const failure = await failureOf(context, ['true']);
  assert.match(failure, /^SANDBOX_UNAVAILABLE: bubblewrap does not work on this host: bwrap: setting up uid map: Permission denied \/ /);
  for (const word of ['0.6.0', 'unprivileged_userns_clone', 'AppArmor', '--sandbox process']) assert.match(failure, word);
  standIn(context, 'for word in "$@"; do if [ "$word" = --size ]; then echo "bwrap: Unknown option --size" >&2; exit 1; fi; done; exec true');
  assert.match(await failureOf(context, ['true']), /^SANDBOX_UNAVAILABLE: .*Unknown option --size.*0\.6\.0/);
});

test('a bubblewrap that works and does not get the program to run says what it may lack', async (context) => {
  standIn(context, 'for word in "$@"; do if [ "$word" = --json-status-fd ]; then echo "bwrap: execvp tool: No such file or directory" >&2; exit 1; fi; done; exit 0');
  assert.match(await failureOf(context, ['true']), /^PROGRAM_FAILED: .* --show/);
});

/** The command line for a program, or why there is none. */
function lineOf(workspace: string, program: Partial<ProcessProgram> = {}): string {
  const line = wrapperOf('bwrap', { command: 'sh', args: [], workspace, writable: true, network: false, environment: {}, ...program }, process_limits);
  return line.ok ? [line.value.command, ...line.value.args].join(' ') : `${line.failure.code}: ${line.failure.reason}`;
}

test('the home folder is not shown where the environment names it by a link, nor that of the system where the environment names another', (context) => {
  standIn(context, 'exit 0');
  const { HOME: home } = process.env;
  context.after(() => { process.env['HOME'] = home; });
  const [folder, elsewhere] = [context.folder(), context.folder()];
  symlinkSync(folder, join(elsewhere, 'link'));
  process.env['HOME'] = join(elsewhere, 'link');
  assert.match(lineOf(folder), /^WORKSPACE_FORBIDDEN: .* holds the home folder/);
  process.env['HOME'] = elsewhere;
  assert.match(lineOf(folder), / --chdir /);
  assert.match(lineOf(userInfo().homedir), /^WORKSPACE_FORBIDDEN: .* holds the home folder/);
});

test('commands that an earlier program left in the workspace stand before no later one, though the path leads there', (context) => {
  standIn(context, 'exit 0');
  const workspace = context.folder();
  const planted = join(workspace, 'node_modules/.bin');
  mkdirSync(planted, { recursive: true });
  for (const name of ['bwrap', 'prlimit']) writeFileSync(join(planted, name), '#!/bin/sh\n', { mode: 0o755 });
  const { PATH: path = '' } = process.env;
  for (const folder of [planted, 'node_modules/.bin']) {
    process.env['PATH'] = `${folder}${delimiter}${path}`;
    const line = lineOf(workspace);
    assert.match(line, ' --chdir ');
    assert.not.match(line, '.bin/');
  }
  process.env['PATH'] = planted;
  assert.match(lineOf(workspace, { command: '/bin/sh' }), /^SANDBOX_UNAVAILABLE/);
});

const closing = 'sockets of other programs that lie in what is shown are closed, and none is shown by its name, nor a pipe';
if (!existsSync('/proc/net/unix')) test.skip(closing, 'this system does not list its sockets');
else test(closing, async (context) => {
  standIn(context, 'exit 0');
  const folder = context.folder();
  const [socket, pipe, hidden] = [join(folder, 'a socket'), join(folder, 'pipe'), join(folder, 'data')];
  mkdirSync(hidden);
  for (const path of [socket, join(hidden, 'control.sock')]) {
    const server = createServer();
    context.after(() => void server.close());
    await once(server.listen(path), 'listening');
  }
  assert.match(lineOf(folder, { hidden: [hidden] }), ` --ro-bind /dev/null ${socket} --size 4096 --tmpfs ${hidden} `);
  spawnSync('mkfifo', [pipe]);
  for (const shown of [socket, pipe]) assert.match(lineOf(context.folder(), { shown: [shown] }), /^WORKSPACE_FORBIDDEN: .* neither a folder nor a file/);
});

const reaching = 'a socket of another program in the workspace answers nobody under bubblewrap, which would be past the kernel';
if (findExecutable('bwrap') === undefined) test.skip(reaching, 'bubblewrap is not installed on this host');
else test(reaching, async (context) => {
  const world = await sandboxWorld(context);
  const server = createServer((client) => client.end('answered'));
  context.after(() => void server.close());
  await once(server.listen(join(world.workspace, 'socket')), 'listening');
  const program = `require('node:net').connect('${world.workspace}/socket').on('data', (bytes) => console.log(bytes.toString())).on('error', ({ code }) => console.log(code))`;
  for (const writable of [true, false]) unwrap(await world.run([process.execPath, '-e', program], { tier: 'bwrap', program: { writable } }));
  assert.equal(world.printed, ['stdout: ECONNREFUSED\n', 'stdout: ECONNREFUSED\n']);
});

for (const tier of ['process', 'bwrap'] as const) {
  const name = `${tier}: a descriptor that our own process was started with is not the program's, and streams, exit code and interrupts pass, and it ends with us`;
  if (tier === 'bwrap' && findExecutable('bwrap') === undefined) {
    test.skip(name, 'bubblewrap is not installed on this host');
    continue;
  }
  test(name, async (context) => {
    const folder = context.folder();
    for (const [file, text] of [['open.yaml', open_policy], ['secret', 'a secret of whoever started us']] as const) writeFileSync(join(folder, file), text);
    const secret = openSync(join(folder, 'secret'), 'r');
    context.after(() => closeSync(secret));
    const line = (script: string): string[] => [launch, 'run', '--policy', join(folder, 'open.yaml'), '--sandbox', tier, '--workspace', context.folder(), '--', 'sh', '-c', script];
    const reading = spawn(process.execPath, line('cat; cat /proc/self/fd/40; exit 7'), { stdio: ['pipe', 'pipe', 'ignore', ...Array<'ignore'>(37).fill('ignore'), secret] });
    let said = '';
    reading.stdout?.on('data', (bytes: Buffer) => { said += bytes.toString(); });
    reading.stdin?.end('through');
    const [code] = await once(reading, 'close');
    assert.equal([said, code], ['through', 7]);
    const endless = spawn(process.execPath, line('echo on; while :; do sleep 0.1; done'), { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(endless.stdout, 'data');
    endless.kill('SIGINT');
    // The output is at its end only when nobody holds it any more.
    const [interrupted] = await once(endless, 'close');
    assert.is(interrupted, 1);
    const orphan = spawn(process.execPath, line('echo on; while :; do sleep 0.1; done'), { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(orphan.stdout, 'data');
    orphan.kill('SIGKILL');
    await once(orphan, 'close');
  });
}

test.run();
