import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { Result } from '../../../../crypto/result.ts';
import { findExecutable, process_limits, type SandboxedOutcome } from '../../../../node/kernel/sandbox/index.ts';
import { wrapperOf } from '../../../../node/kernel/sandbox/wrapper.ts';
import { suite } from '../../../harness.ts';
import { codeOf } from '../../../simulated-hosts.ts';
import { agent, printedAtRest, sandboxWorld } from './sandbox-world.ts';

const test = suite('node/kernel/sandbox/process');
const node = process.execPath;

// The channel as a program in any language uses it: a line out, a line in.
const client = `
  const { Socket } = require('node:net');
  const channel = new Socket({ fd: Number(process.env.AGENTMESH_CHANNEL) });
  let rest = ''; const waiting = new Map(); let next = 1;
  channel.on('data', (bytes) => { const lines = (rest + bytes).split('\\n'); rest = lines.pop(); for (const line of lines) { const answer = JSON.parse(line); waiting.get(answer.id)(answer); } });
  const call = (action, data) => new Promise((resolve) => { waiting.set(next, resolve); channel.write(JSON.stringify({ id: next++, action, data }) + '\\n'); });
  const hand_in = (result) => channel.write(JSON.stringify({ result }) + '\\n');
`;

function causeOf(result: Result<SandboxedOutcome>): string {
  if (result.ok) return 'ok';
  const { cause } = result.failure;
  return cause instanceof Error ? cause.message : result.failure.code;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('a process asks over its channel, is refused what the policy forbids, and hands in a result; the tier stands in every record', async (context) => {
  const world = await sandboxWorld(context);
  const ended = await world.run([node, '-e', `${client}
    (async () => {
      const row = await call({ type: 'read', resource: 'rows' }, { id: 7 });
      const refused = await call({ type: 'delete', resource: 'rows' });
      console.log('done', process.env.HOME === undefined);
      hand_in({ row: row.value, refused: [refused.ok, refused.code, refused.rule] });
      process.exitCode = 3;
      channel.end();
    })();`]);
  if (!ended.ok) throw new Error(causeOf(ended));
  assert.equal(ended.value.value, { result: { row: { id: 7 }, refused: [false, 'KERNEL_DENIED', 'no-delete'] }, exit_code: 3, dropped_bytes: 0 });
  assert.equal(world.printed, ['stdout: done true\n']);
  assert.equal(world.decisions().map(({ verdict, sandbox, enforcement }) => [verdict, sandbox, enforcement]), [['allow', 'process', 'cooperative'], ['allow', 'process', 'cooperative'], ['deny', 'process', 'cooperative']]);
});

test('SIGKILL ends an infinite loop and everything that it has started', async (context) => {
  const world = await sandboxWorld(context);
  const looping = world.run(['sh', '-c', 'sh -c "while :; do :; done" & echo $!; while :; do :; done']);
  while (world.printed.length === 0) await sleep(5);
  const child = Number(world.printed[0]?.slice('stdout: '.length));
  assert.ok(alive(child));
  const began = performance.now();
  await world.kernel.signal(agent, 'SIGKILL', { reason: 'enough' });
  assert.is(codeOf(await looping), 'CALL_ABORTED');
  while (alive(child)) await sleep(1);
  console.log(`    an infinite loop and its child ended ${(performance.now() - began).toFixed(1)} ms after SIGKILL`);
});

test('SIGSTOP stops the whole group, work that was forked before cannot act, SIGCONT lets it go on', async (context) => {
  const world = await sandboxWorld(context);
  const running = world.run(['sh', '-c', '(while :; do echo child; sleep 0.01; done) & for i in $(seq 1 40); do echo parent; sleep 0.01; done; kill $!']);
  while (world.printed.length < 4) await sleep(5);
  await world.kernel.signal(agent, 'SIGSTOP');
  const while_stopped = await printedAtRest(world, 50);
  await world.kernel.signal(agent, 'SIGCONT');
  const ended = await running;
  assert.ok(ended.ok, causeOf(ended));
  assert.ok(world.printed.length > while_stopped);
});

test('SIGSTOP and SIGKILL reach who has left the group, as everything under bubblewrap does', async (context) => {
  const world = await sandboxWorld(context);
  const running = world.run(['sh', '-c', 'setsid -w sh -c "echo \\$\\$; while :; do echo tick; sleep 0.01; done"; true']);
  while (world.printed.length < 4) await sleep(5);
  const child = Number(world.printed.join('').split(/\s+/).find((word) => /^\d+$/.test(word)));
  assert.ok(alive(child));
  await world.kernel.signal(agent, 'SIGSTOP');
  const while_stopped = await printedAtRest(world, 50);
  await world.kernel.signal(agent, 'SIGCONT');
  while (world.printed.length === while_stopped) await sleep(5);
  await world.kernel.signal(agent, 'SIGKILL');
  assert.is(codeOf(await running), 'CALL_ABORTED');
  while (alive(child)) await sleep(1);
});

test('who forks twice and begins a session is found by its mark: SIGSTOP holds it, and the end of the program ends it', async (context) => {
  const world = await sandboxWorld(context);
  const running = world.run(['sh', '-c', "(setsid sh -c 'echo $$; while :; do echo tick; sleep 0.01; done' &); sleep 0.6"]);
  while (world.printed.length < 4) await sleep(5);
  const child = Number(world.printed.join('').split(/\s+/).find((word) => /^\d+$/.test(word)));
  assert.not.match(readFileSync(`/proc/${child}/stat`, 'utf8'), `) S ${process.pid} `);
  await world.kernel.signal(agent, 'SIGSTOP');
  const while_stopped = await printedAtRest(world, 50);
  await world.kernel.signal(agent, 'SIGCONT');
  while (world.printed.length === while_stopped) await sleep(5);
  assert.ok((await running).ok);
  while (alive(child)) await sleep(1);
});

test('time, output, memory and messages are bounded, and whoever leaves the group holds nobody up', async (context) => {
  const world = await sandboxWorld(context);
  assert.match(causeOf(await world.run(['sh', '-c', 'while :; do :; done'], { limits: { wall_ms: 150 } })), /longer than 150 ms/);
  const loud = await world.run(['sh', '-c', 'head -c 300000 /dev/zero | tr "\\0" x'], { limits: { output_bytes: 10_000 } });
  if (!loud.ok) throw new Error(causeOf(loud));
  assert.is(loud.value.value.dropped_bytes, 290_000);
  assert.match(causeOf(await world.run([node, '-e', `require('node:fs').writeSync(3, 'x'.repeat(2_000_000)); setTimeout(() => {}, 20_000)`], { limits: { message_bytes: 10_000 } })), /at most 10000/);
  assert.match(causeOf(await world.run([node, '-e', `require('node:fs').writeSync(3, 'no json\\n'); setTimeout(() => {}, 20_000)`])), /no JSON/);
  assert.match(causeOf(await world.run(['no-such-program-here'])), /there is no program no-such-program-here/);
  const left = await world.run(['sh', '-c', 'setsid sleep 5 & exit 7']);
  if (!left.ok) throw new Error(causeOf(left));
  assert.is(left.value.value.exit_code, 7);
  if (findExecutable('prlimit') === undefined) return console.log('    skipped: prlimit is not installed, so memory and processor time are not limited');
  const hog = await world.run([node, '-e', 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))'], { limits: { memory_bytes: 1024 * 1024 * 1024 } });
  assert.ok(!hog.ok || hog.value.value.exit_code !== 0, 'a process that takes memory without end does not end well');
});

test('where prlimit is missing, a shell sets the limits', async (context) => {
  const { PATH: path } = process.env;
  context.after(() => { process.env['PATH'] = path; });
  const bin = context.folder();
  for (const name of ['sh', 'head']) symlinkSync(findExecutable(name) ?? '', join(bin, name));
  process.env['PATH'] = bin;
  const world = await sandboxWorld(context);
  const ended = await world.run(['sh', '-c', 'ulimit -n; ulimit -t; ulimit -d; ulimit -c; (head -c 5000 /dev/zero > large) 2>/dev/null; echo $?'], { limits: { open_files: 77, cpu_ms: 9_000, file_bytes: 4096 } });
  assert.ok(ended.ok, causeOf(ended));
  const said = world.printed.join('').replaceAll('stdout: ', '').split('\n');
  assert.equal(said.slice(0, 4), ['77', '9', String(process_limits.memory_bytes / 1024), '0']);
  assert.is.not(said[4], '0');
  assert.is(statSync(join(world.workspace, 'large')).size, 4096);
});

test('a program that asks and asks and never reads the answers is not listened to any more', async (context) => {
  const world = await sandboxWorld(context);
  const asking = `const fs = require('node:fs'); const line = Buffer.from(JSON.stringify({ id: 1, action: { type: 'read' }, data: 'x'.repeat(4000) }) + '\\n');
    for (;;) { try { fs.writeSync(3, line); } catch (error) { if (error.code !== 'EAGAIN') throw error; } }`;
  assert.match(causeOf(await world.run([node, '-e', asking], { limits: { wall_ms: 1500 } })), /longer than/);
  assert.ok(world.served.length > 0 && world.served.length < 500, `${world.served.length} calls`);
});

test('bubblewrap: never a weaker tier in its place, and a command line that shows nothing but the system and the workspace', async (context) => {
  const program = { command: 'sh', args: ['-c', 'true'], workspace: context.folder(), writable: false, network: false, environment: { LANG: 'C' } };
  const { PATH: path } = process.env;
  context.after(() => { process.env['PATH'] = path; });
  const bin = context.folder();
  const sh = findExecutable('sh') ?? '';
  writeFileSync(join(bin, 'sh'), `#!${sh}\nexec ${sh} "$@"\n`);
  chmodSync(join(bin, 'sh'), 0o755);
  process.env['PATH'] = bin;
  const missing = wrapperOf('bwrap', program, process_limits);
  assert.is(codeOf(missing), 'SANDBOX_UNAVAILABLE');
  assert.match(missing.ok ? '' : missing.failure.fix ?? '', /install the package bubblewrap/);
  writeFileSync(join(bin, 'bwrap'), `#!${sh}\n# Runs what stands behind the second --, and says so, as bubblewrap does after its own work.\nwhile [ "$1" != -- ]; do shift; done\nshift\n"$@"\ncode=$?\necho "{ \\"exit-code\\": $code }" >&5\nexit $code\n`);
  chmodSync(join(bin, 'bwrap'), 0o755);
  const line = wrapperOf('bwrap', program, process_limits);
  if (!line.ok) throw new Error(line.failure.reason);
  const words = [line.value.command, ...line.value.args];
  for (const word of ['--unshare-all', '--die-with-parent', '--new-session', '--seccomp']) assert.ok(words.includes(word), word);
  assert.not.ok(words.includes('--share-net'));
  const text = words.join(' ');
  assert.match(text, new RegExp(`--ro-bind ${program.workspace} ${program.workspace} .*--remount-ro / --chdir ${program.workspace} -- ${bin}/sh -c true$`));
  assert.not.match(text, 'LANG', 'everybody may read a command line');
  assert.not.match(text, '--bind ');
  const { workspace } = program;
  const hiding = wrapperOf('bwrap', { ...program, hidden: [join(workspace, 'data'), `${workspace}-other`] }, process_limits);
  assert.match(hiding.ok ? hiding.value.args.join(' ') : hiding.failure.reason, `--tmpfs ${join(workspace, 'data')} --remount-ro ${join(workspace, 'data')} --remount-ro /`, 'what it must not see it does not see in its workspace either');
  const relative_line = wrapperOf('none', { ...program, command: relative(process.cwd(), join(bin, 'sh')) }, process_limits);
  assert.is(relative_line.ok ? relative_line.value.command : '', join(bin, 'sh'), 'it is looked for here, and starts in the workspace');
  const world = await sandboxWorld(context);
  const ended = await world.run(['sh', '-c', 'exit 5'], { tier: 'bwrap' });
  if (!ended.ok) throw new Error(causeOf(ended));
  assert.is(ended.value.value.exit_code, 5);
  assert.equal(world.decisions().map(({ sandbox, enforcement }) => [sandbox, enforcement]), [['bwrap', 'isolated']]);
});

test.run();
