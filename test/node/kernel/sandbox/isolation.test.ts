/** Programs that try to get out of bubblewrap. What each of them reaches is said by itself, and looked at from outside. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { findExecutable, process_limits } from '../../../../node/kernel/sandbox/index.ts';
import { wrapperOf, type ProcessProgram } from '../../../../node/kernel/sandbox/wrapper.ts';
import { systemCallFilter } from '../../../../node/kernel/sandbox/system-calls.ts';
import { suite, type TestContext } from '../../../harness.ts';
import { codeOf } from '../../../simulated-hosts.ts';
import { agent, printedAtRest, sandboxWorld, type SandboxWorld } from './sandbox-world.ts';

const suite_test = suite('node/kernel/sandbox/isolation');
const python = '/usr/bin/python3';
const is_root = process.getuid?.() === 0;

/** A test that needs bubblewrap, and what else is named. */
function test(name: string, body: (context: TestContext) => Promise<void>, missing?: string): void {
  const why = findExecutable('bwrap') === undefined ? 'bubblewrap is not installed on this host' : missing;
  if (why === undefined) suite_test(name, body);
  else suite_test.skip(name, why);
}

/** Runs an attack under bubblewrap and gives what it printed. */
async function attack(world: SandboxWorld, line: readonly string[], program: Partial<ProcessProgram> = {}, limits = {}): Promise<string> {
  const ended = await world.run(line, { tier: 'bwrap', program, limits });
  if (!ended.ok) throw new Error(`${codeOf(ended)}: ${String(ended.failure.cause)} ${world.printed.join('')}`);
  return world.printed.splice(0).map((text) => text.replace(/^std(?:out|err): /, '')).join('');
}

/** The programs of this host in whose command line a word stands. */
function runningWith(word: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(word);
    } catch {
      return false;
    }
  });
}

async function gone(word: string): Promise<boolean> {
  for (let waits = 0; waits < 100 && runningWith(word).length > 0; waits += 1) await sleep(10);
  return runningWith(word).length === 0;
}

/** The address that a server listens on. */
function listening(context: TestContext, server: Server, at: string | number): Promise<unknown> {
  context.after(() => new Promise<void>((resolve) => { server.close(() => resolve()); }));
  const listened = once(server, 'listening');
  server.listen(typeof at === 'number' ? { port: at, host: '127.0.0.1' } : { path: at });
  return listened.then(() => server.address());
}

test('of the files of the host it sees the system and the workspace, and writes nowhere else, not even where it is root', async (context) => {
  const world = await sandboxWorld(context);
  const [secret, { workspace }] = [join(context.folder(), 'secret'), world];
  writeFileSync(secret, 'the key of the host');
  symlinkSync(secret, join(workspace, 'link'));
  const script = `
    ls -A / | tr '\\n' ' '; echo
    for file in ${secret} link /proc/1/root${secret} /proc/self/root${secret} /etc/shadow /proc/kcore /proc/1/mem /root/.profile; do cat $file > /dev/null 2>&1 && echo read $file; done
    for file in /new /usr/new /etc/new /dev/new /proc/new /bin/sh ${secret} /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/self/oom_score_adj; do (: >> $file) 2>/dev/null && echo wrote $file; done
    find /proc/sys /sys -type f -writable 2>/dev/null | head -3
    mkdir -p /tmp/x && : > /tmp/y && : > /dev/shm/z && : > made && echo wrote its own`;
  const said = (await attack(world, ['sh', '-c', script])).trim().split('\n');
  assert.equal(said.slice(1), ['wrote its own']);
  const roots = new Set(['bin', 'dev', 'etc', 'gnu', 'lib', 'lib32', 'lib64', 'nix', 'opt', 'proc', 'sbin', 'tmp', 'usr', workspace.split('/')[1] ?? '']);
  assert.equal((said[0] ?? '').trim().split(' ').filter((name) => !roots.has(name)), []);
  assert.ok(existsSync(join(workspace, 'made')));
  assert.not.ok(existsSync('/tmp/y'));
  const read_only = await attack(world, ['sh', '-c', '(: > made-too || : > /proc/self/cwd/made-too) 2>/dev/null || echo held'], { writable: false });
  assert.match(read_only, /held/);
});

test('of other processes it sees none, ends none, and has neither their environment nor their descriptors', async (context) => {
  const word = `4${process.pid}.25`;
  const bystander = spawn('sleep', [word]);
  context.after(() => void bystander.kill('SIGKILL'));
  const world = await sandboxWorld(context);
  const script = `
    kill -9 ${bystander.pid} 2>/dev/null && echo killed; kill -9 ${process.pid} 2>/dev/null && echo killed; grep -l ^sleep /proc/[0-9]*/cmdline 2>/dev/null
    echo processes $(ls -d /proc/[0-9]* | wc -l)
    cat /proc/*/environ | tr '\\0' '\\n' | cut -d= -f1 | sort -u | tr '\\n' ' '; echo
    for fd in /proc/self/fd/* /proc/1/fd/*; do readlink $fd; done | grep -v -E '^(/dev/null|pipe:|socket:|anon_inode:.eventfd.|/proc/.*)' ; kill -9 -1 2>/dev/null`;
  process.env['AGENTMESH_TEST_SECRET'] = 'secret of the host';
  context.after(() => { delete process.env['AGENTMESH_TEST_SECRET']; });
  const said = (await attack(world, ['sh', '-c', script], { command: 'sh' })).trim().split('\n');
  assert.match(said[0] ?? '', /^processes [2-6]$/, said.join('\n'));
  assert.equal((said[1] ?? '').trim().split(' ').filter((name) => name !== '_' && name !== 'OLDPWD'), ['AGENTMESH_CHANNEL', 'AGENTMESH_SANDBOX', 'HOME', 'PATH', 'PWD']);
  assert.is(said.length, 2, said.join('\n'));
  assert.ok(bystander.exitCode === null && bystander.signalCode === null, 'whoever is not in the sandbox lives');
});

test('it has no network: neither the loopback of the host nor abstract sockets, sockets of files that it does not see, names, or vsock', async (context) => {
  const world = await sandboxWorld(context);
  const visits: string[] = [];
  const serve = (name: string): Server => createServer((socket) => {
    visits.push(name);
    socket.end();
  });
  const abstract = `agentmesh-${process.pid}`;
  const file = join(context.folder(), 'socket');
  const address: unknown = await listening(context, serve('loopback'), 0);
  await listening(context, serve('abstract'), `\0${abstract}`);
  await listening(context, serve('file'), file);
  const port = Object(address).port;
  const program = `
    const { connect } = require('node:net'); const { lookup } = require('node:dns/promises'); const os = require('node:os');
    const reach = (options) => new Promise((resolve) => connect(options).on('connect', () => resolve('reached ' + JSON.stringify(options))).on('error', (error) => resolve(error.code)));
    (async () => {
      console.log(await reach({ host: '127.0.0.1', port: ${port} }), await reach({ path: '\\0${abstract}' }), await reach({ path: '${file}' }), process.argv[1] === 'names' ? await reach({ host: '192.0.2.1', port: 53 }) : '');
      if (process.argv[1] === 'names') console.log(await lookup('example.org').then(() => 'resolved', (error) => error.code), Object.keys(os.networkInterfaces()).filter((name) => name !== 'lo').length);
    })();`;
  const said = await attack(world, [process.execPath, '-e', program, 'names']);
  assert.match(said, /^ECONNREFUSED ECONNREFUSED ENOENT ENETUNREACH\n(EAI_AGAIN|ENOTFOUND) 0\n$/);
  assert.equal(visits, []);
  const with_network = await attack(world, [process.execPath, '-e', program], { network: true });
  assert.match(with_network, /^reached .* reached .* ENOENT/, 'the attack works where nothing holds it');
  assert.equal(world.decisions().map(({ sandbox, enforcement, action }) => [sandbox, enforcement, Object(action).network]), [['bwrap', 'isolated', false], ['process', 'cooperative', true]], 'and with the network no record calls it isolated');
});

test('it has no privileges and gets none: no capability, no set-user-id, no device, no mount', async (context) => {
  const world = await sandboxWorld(context);
  const script = `
    grep -E '^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '
    ls /dev | tr '\\n' ' '; echo
    mount -t tmpfs none /tmp 2>/dev/null && echo mounted; mount -o remount,rw /usr 2>/dev/null && echo remounted; umount /proc 2>/dev/null && echo unmounted
    mknod node c 1 1 2>/dev/null && echo node; unshare -Ur true 2>/dev/null && echo namespace; nsenter -t 1 -a true 2>/dev/null && echo entered
    cp /bin/sh mine && (chmod u+s mine || chmod g+s mine) 2>/dev/null && echo set-user-id; chroot . true 2>/dev/null && echo chroot; true`;
  const said = (await attack(world, ['sh', '-c', script])).trim().split('\n');
  const none = '0000000000000000';
  assert.equal(said.slice(0, 6), [`CapPrm: ${none}`, `CapEff: ${none}`, `CapBnd: ${none}`, `CapAmb: ${none}`, 'NoNewPrivs: 1', 'Seccomp: 2']);
  assert.equal((said[6] ?? '').trim().split(' '), ['core', 'fd', 'full', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty', 'urandom', 'zero']);
  assert.is(said.length, 7, said.join('\n'));
});

// Calls that need no capability, so that nothing but the filter refuses them; the terminal is one of its own, where typing would be allowed.
const calls = `
import ctypes, os, fcntl, platform, socket
c = ctypes.CDLL(None, use_errno=True)
x64 = platform.machine() == 'x86_64'
def call(name, *arguments):
    ctypes.set_errno(0)
    got = c.syscall(*arguments)
    print(name, 'worked' if got >= 0 else os.strerror(ctypes.get_errno()))
def tried(name, what):
    try:
        what()
        print(name, 'worked')
    except OSError as error:
        print(name, error.strerror)
call('ptrace', 101 if x64 else 117, 0, 0, 0, 0)
call('unshare', 272 if x64 else 97, 0x10000000)
call('keyctl', 250 if x64 else 219, 0, -3, 1)
call('userfaultfd', 323 if x64 else 282, 1)
call('perf_event_open', 298 if x64 else 241, 0, 0, 0, 0, 0)
call('bpf', 321 if x64 else 280, 0, 0, 0)
call('io_uring_setup', 425, 4, ctypes.create_string_buffer(120))
call('process_vm_readv', 310 if x64 else 270, os.getpid(), 0, 0, 0, 0, 0)
call('clone3', 435, 0, 0)
os.setsid() if os.getpid() != os.getsid(0) else None
main, side = os.openpty()
terminal = os.open(os.ttyname(side), os.O_RDWR)
tried('TIOCSTI', lambda: fcntl.ioctl(terminal, 0x5412, b'x'))
tried('/dev/tty of the host', lambda: os.open('/dev/tty', os.O_RDWR) if os.getsid(0) != os.getpid() else fcntl.ioctl(0, 0x5412, b'x'))
tried('AF_VSOCK', lambda: socket.socket(40, socket.SOCK_STREAM))
tried('AF_INET', lambda: socket.socket(2, socket.SOCK_STREAM))
`;

test('the filter refuses calls that nothing else does: of tracing, new namespaces, keys, programs for the kernel, typing into a terminal', async (context) => {
  const world = await sandboxWorld(context);
  const said = await attack(world, [python, '-c', calls]);
  const refused = ['ptrace', 'unshare', 'keyctl', 'userfaultfd', 'perf_event_open', 'bpf', 'io_uring_setup', 'process_vm_readv'].map((name) => `${name} Operation not permitted`);
  assert.equal(said.trim().split('\n').filter((line) => !line.startsWith('/dev/tty')), [...refused, 'clone3 Function not implemented', 'TIOCSTI Operation not permitted', 'AF_VSOCK Address family not supported by protocol', 'AF_INET worked']);
  assert.not.match(said, /^\/dev\/tty.*worked/m);
}, existsSync(python) && systemCallFilter() !== undefined ? undefined : `there is no ${python}`);

test('memory, files and disk are bounded: of folders for temporary files too', async (context) => {
  const world = await sandboxWorld(context);
  const script = `
    for folder in /tmp /dev/shm . /; do (head -c 9000000 /dev/zero > $folder/full) 2>/dev/null; stat -c %s $folder/full 2>/dev/null || echo -1; done
    ulimit -c; ulimit -n`;
  const said = (await attack(world, ['sh', '-c', script], {}, { temporary_bytes: 1 << 20, file_bytes: 4 << 20, open_files: 99 })).trim().split('\n');
  assert.equal(said.filter((line) => /^-?\d+$/.test(line)).map(Number), [1 << 20, 1 << 20, 4 << 20, -1, 0, 99]);
  const hog = await world.run([process.execPath, '-e', 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))'], { tier: 'bwrap' });
  assert.ok(!hog.ok || hog.value.value.exit_code !== 0, 'a process that takes memory without end does not end well');
});

test('who leaves its parents and its session ends with the run, is held by SIGSTOP and ended by SIGKILL', async (context) => {
  const world = await sandboxWorld(context);
  const leaving = (word: string): string => `setsid sh -c "sleep ${word} & sleep ${word} & setsid sleep ${word} & wait" & sleep 0.1`;
  const [first, second] = [`5${process.pid}.25`, `6${process.pid}.25`];
  await attack(world, ['sh', '-c', `${leaving(first)}; exit 0`]);
  assert.ok(await gone(first));
  const running = world.run(['sh', '-c', `${leaving(second)}; (setsid sh -c 'while :; do echo tick; sleep 0.01; done' &) ; sleep 100`], { tier: 'bwrap' });
  while (world.printed.length < 4) await sleep(5);
  await world.kernel.signal(agent, 'SIGSTOP');
  const while_stopped = await printedAtRest(world, 50);
  assert.ok(runningWith(second).length >= 3);
  for (const pid of runningWith(second)) assert.match(readFileSync(`/proc/${pid}/stat`, 'utf8'), /\) T /);
  await world.kernel.signal(agent, 'SIGCONT');
  while (world.printed.length === while_stopped) await sleep(5);
  await world.kernel.signal(agent, 'SIGKILL');
  assert.is(codeOf(await running), 'CALL_ABORTED');
  assert.ok(await gone(second));
});

// Every process of the chain lives for one step, in a session of its own.
const chain = `
import os, time
if os.fork() == 0:
    while True:
        if os.fork(): os._exit(0)
        os.setsid()
        os.write(1, b'.')
time.sleep(20)
`;

test('who starts others without pause is held all the same, or ended: what cannot be stopped must not run', async (context) => {
  const world = await sandboxWorld(context);
  const running = world.run([python, '-c', chain], { tier: 'bwrap' });
  while (world.printed.length < 4) await sleep(5);
  await world.kernel.signal(agent, 'SIGSTOP');
  await printedAtRest(world, 300);
  await world.kernel.signal(agent, 'SIGKILL');
  assert.not.ok((await running).ok);
}, existsSync(python) ? undefined : `there is no ${python}`);

test('another user than root is held as well, and his processes are counted', async (context) => {
  const workspace = context.folder();
  spawnSync('chown', ['65534:65534', workspace]);
  const script = `id -u; : > made && stat -c %u made; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '; (: > /proc/sys/kernel/hostname) 2>/dev/null && echo wrote
    i=0; while [ $i -lt 60 ]; do sleep 5 2>/dev/null & i=$((i+1)); done 2>/dev/null; echo full`;
  const line = wrapperOf('bwrap', { command: 'sh', args: ['-c', script], workspace, writable: true, network: false, environment: {} }, { ...process_limits, processes: 40 });
  if (!line.ok) throw new Error(line.failure.reason);
  const filter = join(context.folder(), 'filter');
  writeFileSync(filter, line.value.bubblewrap?.filter ?? new Uint8Array());
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const quoted = [...user, '--', line.value.command, ...line.value.args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const ran = spawnSync('sh', ['-c', `exec setpriv ${quoted} 3</dev/null 4<'${filter}' 5>/dev/null`], { encoding: 'utf8', cwd: '/', env: { PATH: process.env['PATH'] } });
  const said = ran.stdout.trim().split('\n');
  assert.equal(said.slice(0, 5), ['65534', '65534', 'CapEff: 0000000000000000', 'NoNewPrivs: 1', 'Seccomp: 2'], ran.stderr);
  assert.equal(said.slice(5), [], 'beyond its number of processes the shell gives up');
  assert.is(statSync(join(workspace, 'made')).uid, 65534);
}, is_root && findExecutable('setpriv') !== undefined ? undefined : 'only root becomes another user');

test('a program of its own place runs with the lib beside it, folders that are shown are read-only, and those of a node are empty', async (context) => {
  const world = await sandboxWorld(context);
  const place = context.folder();
  for (const folder of ['bin', 'lib', 'data', 'more', 'more/data']) mkdirSync(join(place, folder));
  writeFileSync(join(place, 'bin/tool'), '#!/bin/sh\n. "$(dirname "$0")/../lib/part.sh"\nshift\n"$@"\n', { mode: 0o755 });
  writeFileSync(join(place, 'lib/part.sh'), 'echo part\n');
  for (const file of ['secret', 'data/keys.json', 'more/data/keys.json', 'more/text']) writeFileSync(join(place, file), file);
  const tool = join(place, 'bin/tool');
  assert.is(await attack(world, [tool, 'x', 'ls', place], { hidden: [join(place, 'data')] }), 'part\nbin\nlib\n');
  const shown = { shown: [join(place, 'more')], hidden: [join(place, 'more/data')] };
  const looking = ['sh', '-c', `cat ${place}/more/text; (: > ${place}/more/text) 2>/dev/null || echo held; ls -A ${place}/more/data; (: > ${place}/more/data/new) 2>/dev/null || echo empty`];
  assert.is(await attack(world, looking, shown), 'more/textheld\nempty\n');
  assert.is(await attack(world, ['sh', '-c', `: > new && echo new; (: > ${place}/secret) 2>/dev/null || echo held`], { workspace: join(place, 'lib'), shown: [place] }), 'new\nheld\n', 'what lies within another folder counts');
  const socket = join(place, 'data/sidecar.sock');
  await listening(context, createServer((client) => client.end('answered\n')), socket);
  const asking = `require('node:net').connect('${socket}').on('data', (bytes) => console.log(bytes.toString() + require('node:fs').readdirSync('${place}/data')))`;
  const whole = { shown: [place], hidden: [join(place, 'data')], sockets: [socket] };
  assert.is(await attack(world, [process.execPath, '-e', asking], whole), 'answered\nsidecar.sock\n', 'of the data folder it has the socket alone');
  symlinkSync('/', join(place, 'root'));
  for (const [folder, why] of [[join(place, 'root'), /holds the home/], ['/', /holds the home/], ['/proc/1', /processes of this host/], ['/tmp', /holds \/tmp/], ['/run', /holds \/run/], [join(place, 'data'), /data folder of a node/], ['/nowhere/here', /there is no/]] as const) {
    for (const program of [{ workspace: folder }, { shown: [folder] }]) {
      const refused = wrapperOf('bwrap', { command: 'sh', args: [], workspace: place, writable: false, network: false, environment: {}, hidden: [join(place, 'data')], ...program }, process_limits);
      assert.match(refused.ok ? 'shown' : refused.failure.reason, why);
    }
  }
});

suite_test.run();
