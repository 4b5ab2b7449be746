/** The commands that stand before a sandboxed program: limits of the system, and bubblewrap. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, relative, sep } from 'node:path';
import { fail, ok, type Result } from '../../../crypto/result.ts';
import type { SandboxLimits } from './limits.ts';

/** A program to run as a process. */
export interface ProcessProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** The only folder of the user that bubblewrap shows it, and where it starts. */
  readonly workspace: string;
  /** Whether it may write there. */
  readonly writable: boolean;
  /** Whether bubblewrap leaves it the network. */
  readonly network: boolean;
  /** Sockets that bubblewrap shows it besides. */
  readonly sockets?: readonly string[];
  /** Folders that bubblewrap shows as empty where they lie in the workspace: a node's keys and its control socket. */
  readonly hidden?: readonly string[];
  /** Its whole environment. */
  readonly environment: { readonly [name: string]: string };
}

/** A command line. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
}

/** What of the system a program sees under bubblewrap, read-only, as far as it is there. */
const system_folders = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc/alternatives', '/etc/ld.so.cache', '/etc/ssl', '/etc/ca-certificates', '/etc/resolv.conf', '/etc/passwd', '/etc/group', '/etc/localtime', '/opt'];

/** The path of an executable, looked for as a shell does. */
export function findExecutable(name: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  const candidates = name.includes('/') ? [name] : path.split(delimiter).filter((folder) => folder !== '').map((folder) => join(folder, name));
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

/** `prlimit` with the limits of a process. Linux counts private writable memory as `data`; address space would not do, of which JavaScript engines reserve far more than they use. */
function limited(limits: SandboxLimits, inner: readonly string[]): readonly string[] {
  const prlimit = findExecutable('prlimit');
  if (prlimit === undefined) return inner;
  return [
    prlimit, `--data=${limits.memory_bytes}`, `--cpu=${Math.ceil(limits.cpu_ms / 1000)}`, `--nofile=${limits.open_files}`, `--fsize=${limits.file_bytes}`,
    `--nproc=${limits.processes}`, '--core=0', '--', ...inner,
  ];
}

/** `setpriv` ends the program when our process ends, however that happens. */
function bound(inner: readonly string[]): readonly string[] {
  const setpriv = findExecutable('setpriv');
  return setpriv === undefined ? inner : [setpriv, '--pdeathsig', 'KILL', '--', ...inner];
}

/** Whether a path is a folder or lies in it. Both are absolute and without links. */
export function isInside(path: string, folder: string): boolean {
  const from = relative(folder, path);
  return from !== '..' && !from.startsWith(`..${sep}`) && !isAbsolute(from);
}

function confined(bwrap: string, { workspace, writable, network, sockets = [], hidden = [] }: ProcessProgram, inner: readonly string[]): readonly string[] {
  return [
    bwrap, '--unshare-all', ...(network ? ['--share-net'] : []), '--die-with-parent', '--new-session', '--cap-drop', 'ALL',
    ...system_folders.filter((folder) => existsSync(folder)).flatMap((folder) => ['--ro-bind', folder, folder]),
    '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp',
    writable ? '--bind' : '--ro-bind', workspace, workspace, '--chdir', workspace,
    ...hidden.filter((folder) => isInside(folder, workspace)).flatMap((folder) => ['--tmpfs', folder]),
    ...sockets.flatMap((socket) => ['--ro-bind', socket, socket]),
    // The environment is inherited, which holds nothing else: in the command line everybody could read it.
    '--', ...inner,
  ];
}

/**
 * The command line that holds a program in a tier; `none` holds it by nothing but the signals of its group. Fails with `SANDBOX_UNAVAILABLE`
 * where bubblewrap is missing, and `PROGRAM_UNKNOWN` where the program is.
 */
export function wrapperOf(tier: 'none' | 'process' | 'bwrap', program: ProcessProgram, limits: SandboxLimits): Result<CommandLine> {
  const found = findExecutable(program.command);
  if (found === undefined) return fail('PROGRAM_UNKNOWN', `there is no program ${program.command}`, { fix: 'check its name and the PATH' });
  if (tier === 'none') return ok({ command: found, args: program.args });
  const bwrap = tier === 'bwrap' ? findExecutable('bwrap') : undefined;
  if (tier === 'bwrap' && bwrap === undefined) {
    return fail('SANDBOX_UNAVAILABLE', 'bubblewrap (bwrap) is not installed on this host', { fix: 'install the package bubblewrap, or choose --sandbox process, which holds less' });
  }
  const inner = [found, ...program.args];
  const [command = found, ...args] = bound(limited(limits, bwrap === undefined ? inner : confined(bwrap, program, inner)));
  return ok({ command, args });
}
