/**
 * The system calls that a program under bubblewrap is refused: those that look into or change other processes, mounts,
 * namespaces and the kernel itself, whose faults have opened sandboxes before, and files that would run as their owner.
 * A filter of classic BPF. Source: seccomp(2), bpf(4); the numbers are those of asm/unistd_64.h and asm-generic/unistd.h of Linux.
 */

/** What an argument must be like for a call to be refused; of each the lower half alone counts, which is what the kernel reads of these. */
type Condition = { readonly argument: number } & ({ readonly has_any: number } | { readonly is: number } | { readonly is_none_of: readonly number[] });

interface Refusal {
  readonly name: string;
  readonly x64?: number;
  readonly arm64?: number;
  /** All of them must hold; none means always. */
  readonly when?: readonly Condition[];
  /** What the program is told: EPERM where nothing stands. */
  readonly errno?: number;
}

/** EPERM. */
const not_permitted = 1;
/** ENOSYS: the C library does the same in another way then, which can be looked into. */
const not_there = 38;
/** EAFNOSUPPORT. */
const family_unknown = 97;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const new_namespaces = 0x7e020000;
/** CLONE_NEWTIME, which clone does not take. */
const new_time = 0x80;
/** S_ISUID and S_ISGID. */
const as_owner = 0o6000;
/** O_CREAT and O_TMPFILE, without which the mode means nothing. */
const creating = 0o20000100;
/** AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK: of others, such as AF_VSOCK, not all stay within the network's namespace. */
const families = [1, 2, 10, 16];
/** TIOCSTI and TIOCLINUX type into a terminal. */
const typing = [0x5412, 0x541c];

const refusals: readonly Refusal[] = [
  // Other processes.
  { name: 'ptrace', x64: 101, arm64: 117 },
  { name: 'process_vm_readv', x64: 310, arm64: 270 },
  { name: 'process_vm_writev', x64: 311, arm64: 271 },
  { name: 'kcmp', x64: 312, arm64: 272 },
  { name: 'pidfd_getfd', x64: 438, arm64: 438 },
  // Mounts and namespaces.
  { name: 'mount', x64: 165, arm64: 40 },
  { name: 'umount2', x64: 166, arm64: 39 },
  { name: 'pivot_root', x64: 155, arm64: 41 },
  { name: 'chroot', x64: 161, arm64: 51 },
  { name: 'open_tree', x64: 428, arm64: 428 },
  { name: 'move_mount', x64: 429, arm64: 429 },
  { name: 'fsopen', x64: 430, arm64: 430 },
  { name: 'fsconfig', x64: 431, arm64: 431 },
  { name: 'fsmount', x64: 432, arm64: 432 },
  { name: 'fspick', x64: 433, arm64: 433 },
  { name: 'mount_setattr', x64: 442, arm64: 442 },
  { name: 'open_tree_attr', x64: 467, arm64: 467 },
  { name: 'setns', x64: 308, arm64: 268 },
  { name: 'unshare', x64: 272, arm64: 97, when: [{ argument: 0, has_any: new_namespaces | new_time }] },
  { name: 'clone', x64: 56, arm64: 220, when: [{ argument: 0, has_any: new_namespaces }] },
  { name: 'clone3', x64: 435, arm64: 435, errno: not_there },
  { name: 'open_by_handle_at', x64: 304, arm64: 265 },
  // The kernel.
  { name: 'keyctl', x64: 250, arm64: 219 },
  { name: 'add_key', x64: 248, arm64: 217 },
  { name: 'request_key', x64: 249, arm64: 218 },
  { name: 'bpf', x64: 321, arm64: 280 },
  { name: 'perf_event_open', x64: 298, arm64: 241 },
  { name: 'userfaultfd', x64: 323, arm64: 282 },
  { name: 'io_uring_setup', x64: 425, arm64: 425 },
  { name: 'io_uring_enter', x64: 426, arm64: 426 },
  { name: 'io_uring_register', x64: 427, arm64: 427 },
  { name: 'kexec_load', x64: 246, arm64: 104 },
  { name: 'kexec_file_load', x64: 320, arm64: 294 },
  { name: 'init_module', x64: 175, arm64: 105 },
  { name: 'finit_module', x64: 313, arm64: 273 },
  { name: 'delete_module', x64: 176, arm64: 106 },
  { name: 'syslog', x64: 103, arm64: 116 },
  // The terminal and the network.
  ...typing.map((request) => ({ name: 'ioctl', x64: 16, arm64: 29, when: [{ argument: 1, is: request }] })),
  { name: 'socket', x64: 41, arm64: 198, when: [{ argument: 0, is_none_of: families }], errno: family_unknown },
  // Files that run as their owner.
  { name: 'chmod', x64: 90, when: [{ argument: 1, has_any: as_owner }] },
  { name: 'fchmod', x64: 91, arm64: 52, when: [{ argument: 1, has_any: as_owner }] },
  { name: 'fchmodat', x64: 268, arm64: 53, when: [{ argument: 2, has_any: as_owner }] },
  { name: 'fchmodat2', x64: 452, arm64: 452, when: [{ argument: 2, has_any: as_owner }] },
  { name: 'creat', x64: 85, when: [{ argument: 1, has_any: as_owner }] },
  { name: 'open', x64: 2, when: [{ argument: 1, has_any: creating }, { argument: 2, has_any: as_owner }] },
  { name: 'openat', x64: 257, arm64: 56, when: [{ argument: 2, has_any: creating }, { argument: 3, has_any: as_owner }] },
  { name: 'openat2', x64: 437, arm64: 437, errno: not_there },
  { name: 'mknod', x64: 133, when: [{ argument: 1, has_any: as_owner }] },
  { name: 'mknodat', x64: 259, arm64: 33, when: [{ argument: 2, has_any: as_owner }] },
];

type Instruction = readonly [code: number, if_true: number, if_false: number, value: number];
/** What follows, or how many instructions are left out: `BPF_JMP` with `BPF_JEQ`, `BPF_JGE` or `BPF_JSET`. */
const [load, jump_equal, jump_at_least, jump_any, answer] = [0x20, 0x15, 0x35, 0x45, 0x06];
/** SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO and SECCOMP_RET_KILL_PROCESS. */
const [allow, refuse, kill] = [0x7fff0000, 0x00050000, 0x80000000];
/** Where `struct seccomp_data` has the number of the call, the processor's kind, and the arguments. */
const [number_at, kind_at, arguments_at] = [0, 4, 16];
/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64. */
const kinds = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
/** From here on x86-64 counts the same calls once more, with addresses of 32 bits. */
const x32_from = 0x40000000;

/** Tests one condition; where it does not hold, `rest` instructions after the test are left out. */
function testOf(condition: Condition, rest: number): readonly Instruction[] {
  const loaded: Instruction = [load, 0, 0, arguments_at + 8 * condition.argument];
  if ('is' in condition) return [loaded, [jump_equal, 0, rest, condition.is]];
  if ('has_any' in condition) return [loaded, [jump_any, 0, rest, condition.has_any]];
  const { is_none_of: others } = condition;
  return [loaded, ...others.map((other, i): Instruction => [jump_equal, others.length - 1 - i + rest, 0, other])];
}

/** Refuses one call, and goes on with its number loaded. */
function refusalOf(number: number, { when = [], errno = not_permitted }: Refusal): readonly Instruction[] {
  const refused: Instruction = [answer, 0, 0, refuse | errno];
  if (when.length === 0) return [[jump_equal, 0, 1, number], refused];
  const body: Instruction[] = [refused];
  for (const condition of when.toReversed()) body.unshift(...testOf(condition, body.length));
  return [[jump_equal, 0, body.length + 1, number], ...body, [load, 0, 0, number_at]];
}

/** The filter as `--seccomp` of bubblewrap takes it; `undefined` for a processor whose numbers are not known here. */
export function systemCallFilter(processor: string = process.arch): Uint8Array | undefined {
  if (processor !== 'x64' && processor !== 'arm64') return undefined;
  const instructions: readonly Instruction[] = [
    // What speaks with another processor's numbers would pass by the whole list.
    [load, 0, 0, kind_at], [jump_equal, 1, 0, kinds[processor]], [answer, 0, 0, kill],
    [load, 0, 0, number_at],
    ...(processor === 'x64' ? [[jump_at_least, 0, 1, x32_from], [answer, 0, 0, refuse | not_there]] as const : []),
    ...refusals.flatMap((refusal) => {
      const number = refusal[processor];
      return number === undefined ? [] : refusalOf(number, refusal);
    }),
    [answer, 0, 0, allow],
  ];
  const bytes = Buffer.alloc(8 * instructions.length);
  for (const [i, [code, if_true, if_false, value]] of instructions.entries()) {
    bytes.writeUInt16LE(code, 8 * i);
    bytes.writeUInt8(if_true, 8 * i + 2);
    bytes.writeUInt8(if_false, 8 * i + 3);
    bytes.writeUInt32LE(value, 8 * i + 4);
  }
  return bytes;
}
