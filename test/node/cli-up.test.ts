import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { staleAnswers } from '../../node/cli/stale-answers.ts';
import { suite } from '../harness.ts';
import type { Ended } from './run-cli.ts';

const test = suite('node/cli/up');

interface Up {
  readonly ended: Promise<Ended & { signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when stdout matches. */
  seen(pattern: RegExp): Promise<void>;
}

function up(behaviour: string, options: { readonly flags?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {}): Up {
  const program = fileURLToPath(new URL('./fake-up.ts', import.meta.url));
  const child = spawn(process.execPath, [program, behaviour, ...options.flags ?? []], { env: { ...process.env, NO_COLOR: '1', ...options.env } });
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => ({ code: typeof code === 'number' ? code : null, signal: signal === null ? null : child.signalCode, stdout, stderr }));
  const waiting: (() => void)[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    for (const check of waiting) check();
  });
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    seen: (pattern) => new Promise((resolve) => {
      const check = (): void => { if (pattern.test(stdout)) resolve(); };
      waiting.push(check);
      check();
    }),
  };
}

test('up prints how to reach the node, and stops it at a signal', async () => {
  await Promise.all((['SIGINT', 'SIGTERM'] as const).map(async (signal) => {
    const running = up('plain');
    await running.seen(/Ctrl-C/);
    running.kill(signal);
    const { code, stdout, stderr } = await running.ended;
    assert.equal([code, stderr], [0, '']);
    assert.match(stdout, /node +did:mesh:bexample\npeer id +12D3KooWExample\nlistening +\/ip4\/127\.0\.0\.1\/tcp\/4001\/p2p\/12D3KooWExample\ndata +\/data\n/);
    assert.match(stdout, /\n {2}agentmesh up --data <other folder> --listen \/ip4\/127\.0\.0\.1\/tcp\/0 --join \/ip4\/127\.0\.0\.1\/tcp\/4001\/p2p\/12D3KooWExample\n/);
    assert.match(stdout, /only this host can reach it.*\n {2}agentmesh up --listen \/ip4\/0\.0\.0\.0\/tcp\/4001\n/);
    assert.match(stdout, /not protected by a passphrase/);
    assert.ok(stdout.endsWith('\nstopped\n'));
  }));
});

test('SIGHUP has the policy files read again where there is no terminal, and the node goes on', async () => {
  const running = up('plain');
  await running.seen(/Ctrl-C/);
  running.kill('SIGHUP');
  await running.seen(/policy host\.yaml by SIGHUP: changed\npolicy analyst\.yaml: refused, what was in force stays: analyst\.yaml:3:1: no\n/);
  running.kill('SIGTERM');
  const { code, stdout } = await running.ended;
  assert.is(code, 0);
  assert.ok(stdout.endsWith('\nstopped\n'));
});

test('up of a reachable, protected or frozen node, or one with a gateway, says so', async () => {
  const [reachable, guarded, frozen, gateway] = await Promise.all(['reachable', 'protected', 'frozen', 'gateway'].map(async (behaviour) => {
    const running = up(behaviour);
    await running.seen(/Ctrl-C/);
    running.kill('SIGTERM');
    return (await running.ended).stdout;
  }));
  assert.match(reachable ?? '', /to join it from another host:\n {2}agentmesh up --join \/ip4\/192\.0\.2\.7\/tcp\/4001\/p2p\/12D3KooWExample\n/);
  assert.not.match(reachable ?? '', /only this host/);
  assert.not.match(guarded ?? '', /passphrase/);
  assert.match(frozen ?? '', /\nthe audit log is frozen: AUDIT_FROZEN: entry 7 was changed\\u001b\[2J\nfix: agentmesh doctor\n/);
  assert.match(gateway ?? '', /\ngateway +http:\/\/127\.0\.0\.1:8080\nsidecar +\/data\/sidecar\.sock\n +http:\/\/127\.0\.0\.1:8081\n/);
  assert.not.match(frozen ?? '', /gateway/);
});

test('up --json prints JSON lines alone', async () => {
  const running = up('frozen', { flags: ['--json'] });
  await running.seen(/\n/);
  running.kill('SIGTERM');
  const lines = (await running.ended).stdout.trim().split('\n').map((line): { kind: string; frozen?: { code: string } } => JSON.parse(line));
  assert.equal(lines.map(({ kind }) => kind), ['up', 'stopped']);
  assert.is(lines[0]?.frozen?.code, 'AUDIT_FROZEN');
});

test('up says which peer serves old records, as a line on stderr or as JSON lines', async () => {
  const [plain, json] = await Promise.all([[], ['--json']].map(async (flags) => {
    const running = up('stale', { flags });
    await running.seen(flags.length === 0 ? /Ctrl-C/ : /"kind":"up"/);
    running.kill('SIGTERM');
    return running.ended;
  }));
  const line = (peer: string): string => `warning: peer ${peer} served an old record of did:mesh:balice: version 0-1 instead of 1-2; it was not believed, agentmesh doctor says more\n`;
  assert.is(plain?.stderr, line('12D3KooWOld') + line('12D3KooWOther'));
  assert.not.match(plain?.stdout ?? '', 'stale');
  const facts = (json?.stdout ?? '').trim().split('\n').map((text): { readonly kind: string } => JSON.parse(text));
  assert.equal(facts[0], { kind: 'identity.stale-answer', peer: '12D3KooWOld', did: 'did:mesh:balice', served: '0-1', newest: '1-2' });
  assert.equal([facts.filter(({ kind }) => kind === 'identity.stale-answer').length, json?.stderr], [3, '']);
});

test('one peer that serves old records is named once a minute, and what it sends does not move the cursor', () => {
  const lines: string[] = [];
  let now_ms = 0;
  const { record } = staleAnswers((line) => void lines.push(line), () => now_ms);
  const counts = [0, 1, 59_999, 60_000, 119_999, 120_000].map((at_ms) => {
    now_ms = at_ms;
    record({ kind: 'identity.stale-answer', peer: 'peer', did: 'did:mesh:b\u001b[2J', served: '0-1', newest: '0-2' });
    return lines.length;
  });
  assert.equal(counts, [1, 1, 1, 2, 2, 3]);
  assert.ok(lines.every((line) => line.includes('did:mesh:b\\u001b[2J')));
});

test('one key press delivered twice stops cleanly; a later second one ends a stuck node at once', async () => {
  const twice = up('plain');
  await twice.seen(/Ctrl-C/);
  twice.kill('SIGINT');
  // Sent at once, the system would merge the two into one.
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  twice.kill('SIGINT');
  assert.is((await twice.ended).code, 0);
  const stuck = up('stuck');
  await stuck.seen(/Ctrl-C/);
  stuck.kill('SIGINT');
  await new Promise((resolve) => { setTimeout(resolve, 700); });
  stuck.kill('SIGINT');
  assert.is((await stuck.ended).code, 130);
});

test('a node that stops by itself ends up, and one that leaves something open is told on', async () => {
  const leaking = up('leaking');
  const by_itself = await up('stops-itself').ended;
  assert.equal([by_itself.code, by_itself.stdout.endsWith('\nstopped\n')], [0, true]);
  await leaking.seen(/Ctrl-C/);
  leaking.kill('SIGTERM');
  const { code, stderr } = await leaking.ended;
  assert.equal([code, stderr], [1, 'error HANDLE_LEFT: something was still open after the node had stopped\n']);
});

test('up hands over its configuration, and takes the passphrase out of the environment', async (context) => {
  const path = join(context.folder(), 'passphrase');
  writeFileSync(path, 'correct horse\n', { mode: 0o600 });
  const from_file = up('config', { env: { PASSPHRASE_FILE: path } });
  await from_file.seen(/Ctrl-C/);
  from_file.kill('SIGTERM');
  const config = JSON.parse((await from_file.ended).stdout.split('\n')[0] ?? '');
  assert.equal(config, { data: '/data', listen: ['/ip4/127.0.0.1/tcp/4001'], mdns: false, passphrase: 'correct horse', environment: null });
  const from_environment = up('config', { env: { AGENTMESH_PASSPHRASE: 'battery staple' } });
  await from_environment.seen(/Ctrl-C/);
  from_environment.kill('SIGTERM');
  const first_line = JSON.parse((await from_environment.ended).stdout.split('\n')[0] ?? '');
  assert.equal([first_line.passphrase, first_line.environment], ['battery staple', null]);
  chmodSync(path, 0o644);
  assert.match((await up('config', { env: { PASSPHRASE_FILE: path } }).ended).stdout, /"PASSPHRASE_EXPOSED","fix":"chmod 600 /);
  assert.is((await up('taken').ended).stdout, '{"code":"ADDRESS_IN_USE","fix":"agentmesh up --listen /ip4/127.0.0.1/tcp/0 takes a free port"}\n');
});

test.run();
