/** The filter of system calls, run by an interpreter of its own kind of program: so both processors are tested on either. */
import { existsSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { systemCallFilter } from '../../../../node/kernel/sandbox/system-calls.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/sandbox/system-calls');
const kinds = { x64: 0xc000003e, arm64: 0xc00000b7, i386: 0x40000003 } as const;
type Processor = 'x64' | 'arm64';

/** What the kernel does with a call: classic BPF over `struct seccomp_data`. Source: bpf(4), seccomp(2). */
function verdictOf(filter: Uint8Array, kind: number, number: number, ...args: readonly number[]): string {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, kind, true);
  for (const [i, arg] of args.entries()) data.setBigUint64(16 + 8 * i, BigInt.asUintN(64, BigInt(arg)), true);
  const code = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  let accumulator = 0;
  for (let at = 0; at < filter.length; at += 8) {
    const [operation, if_true, if_false, value] = [code.getUint16(at, true), code.getUint8(at + 2), code.getUint8(at + 3), code.getUint32(at + 4, true)];
    const jump = (holds: boolean): void => { at += 8 * (holds ? if_true : if_false); };
    if (operation === 0x20) accumulator = data.getUint32(value, true);
    else if (operation === 0x15) jump(accumulator === value);
    else if (operation === 0x35) jump(accumulator >= value);
    else if (operation === 0x45) jump((accumulator & value) !== 0);
    else if (operation === 0x06) return value === 0x7fff0000 ? 'allow' : value === 0x80000000 ? 'kill' : `errno ${value - 0x50000}`;
    else throw new Error(`no such instruction: ${operation}`);
  }
  throw new Error('the filter has no end');
}

function filterFor(processor: Processor): (number: number, ...args: readonly number[]) => string {
  const filter = systemCallFilter(processor);
  if (filter === undefined) throw new Error(`no filter for ${processor}`);
  return (number, ...args) => verdictOf(filter, kinds[processor], number, ...args);
}

// Of seccomp(2), clone(2), ioctl_tty(2), open(2) and the tables of numbers of Linux.
const numbers = {
  x64: { read: 0, ptrace: 101, mount: 165, unshare: 272, clone: 56, clone3: 435, bpf: 321, keyctl: 250, userfaultfd: 323, perf_event_open: 298, io_uring_setup: 425, ioctl: 16, socket: 41, openat: 257, openat2: 437, fchmodat: 268, exit_group: 231 },
  arm64: { read: 63, ptrace: 117, mount: 40, unshare: 97, clone: 220, clone3: 435, bpf: 280, keyctl: 219, userfaultfd: 282, perf_event_open: 241, io_uring_setup: 425, ioctl: 29, socket: 198, openat: 56, openat2: 437, fchmodat: 53, exit_group: 94 },
} as const;

for (const processor of ['x64', 'arm64'] as const) {
  test(`${processor}: what reaches other processes, mounts, namespaces and the kernel is refused, the work of every program is not`, () => {
    const call = filterFor(processor);
    const at = numbers[processor];
    for (const name of ['ptrace', 'mount', 'bpf', 'keyctl', 'userfaultfd', 'perf_event_open', 'io_uring_setup'] as const) assert.is(call(at[name]), 'errno 1', name);
    for (const name of ['clone3', 'openat2'] as const) assert.is(call(at[name]), 'errno 38', name);
    for (const name of ['read', 'exit_group'] as const) assert.is(call(at[name], -1, -1, -1), 'allow', name);
    assert.equal([0x10000000, 0x20000, 0x40000000, 0x80, 0x10000011].map((flags) => call(at.unshare, flags)), Array(5).fill('errno 1'));
    assert.equal([0x200, 0x400].map((flags) => call(at.unshare, flags)), ['allow', 'allow'], 'files and folders of its own threads are nobody else\'s');
    // What fork and a thread of the C library pass, and a child in a user namespace of its own.
    assert.equal([0x01200011, 0x003d0f00, 0x10000011].map((flags) => call(at.clone, flags)), ['allow', 'allow', 'errno 1']);
    assert.equal([0x5412, 0x541c, 0x5401, 0x5413].map((request) => call(at.ioctl, 0, request)), ['errno 1', 'errno 1', 'allow', 'allow']);
    assert.is(call(at.ioctl, 0, 0x700005412), 'errno 1', 'the kernel reads the lower half alone');
    assert.equal([1, 2, 10, 16, 17, 38, 40].map((family) => call(at.socket, family)), ['allow', 'allow', 'allow', 'allow', 'errno 97', 'errno 97', 'errno 97']);
    assert.equal([[0o101, 0o644], [0o101, 0o4755], [0o101, 0o2755], [0o20200002, 0o4700], [0, 0o6777]].map(([flags = 0, mode = 0]) => call(at.openat, -100, 0, flags, mode)), ['allow', 'errno 1', 'errno 1', 'errno 1', 'allow']);
    assert.equal([0o755, 0o1777, 0o4755].map((mode) => call(at.fchmodat, -100, 0, mode)), ['allow', 'allow', 'errno 1']);
  });
}

test('another processor\'s numbers are no way around: of i386 the program ends, those of x32 are not there; an unknown processor has no filter', () => {
  const filter = systemCallFilter('x64') ?? new Uint8Array();
  assert.is(verdictOf(filter, kinds.i386, 26), 'kill');
  assert.is(verdictOf(systemCallFilter('arm64') ?? new Uint8Array(), kinds.x64, 101), 'kill');
  assert.is(verdictOf(filter, kinds.x64, 0x40000000 + 521), 'errno 38');
  assert.is(systemCallFilter('riscv64'), undefined);
});

// The tables of this system, where its headers are installed: every call is refused by its own number, and no other is.
const tables = { x64: '/usr/include/x86_64-linux-gnu/asm/unistd_64.h', arm64: '/usr/include/asm-generic/unistd.h' } as const;
const always = [
  'ptrace', 'process_vm_readv', 'process_vm_writev', 'kcmp', 'pidfd_getfd', 'mount', 'umount2', 'pivot_root', 'chroot', 'open_tree', 'move_mount', 'fsopen', 'fsconfig', 'fsmount', 'fspick', 'mount_setattr', 'open_tree_attr',
  'setns', 'clone3', 'open_by_handle_at', 'keyctl', 'add_key', 'request_key', 'bpf', 'perf_event_open', 'userfaultfd', 'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'kexec_load', 'kexec_file_load', 'init_module', 'finit_module',
  'delete_module', 'syslog', 'openat2',
];

for (const processor of ['x64', 'arm64'] as const) {
  const table = tables[processor];
  const name = `${processor}: the numbers are those of the headers of this system`;
  if (!existsSync(table)) {
    test.skip(name, `there is no ${table}`);
    continue;
  }
  test(name, () => {
    const call = filterFor(processor);
    const named = [...readFileSync(table, 'utf8').matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm)].map(([, title = '', number]) => [title, Number(number)] as const);
    assert.ok(named.length > 300);
    const refused = named.filter(([, number]) => call(number) !== 'allow').map(([title]) => title);
    const known = new Set(named.map(([title]) => title));
    assert.equal(refused.toSorted(), [...always.filter((title) => known.has(title)), 'socket'].toSorted(), 'AF_UNSPEC is no family that it may use');
  });
}

test.run();
