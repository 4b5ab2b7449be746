/** The commands that stand before a sandboxed program: limits of the system, and bubblewrap. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { fail, ok, type Result } from '../../../crypto/result.ts';
import { confined, isInside, withoutLinks } from './bubblewrap.ts';
import type { SandboxLimits } from './limits.ts';
import { systemCallFilter } from './system-calls.ts';

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
  /** Files and folders that bubblewrap shows it besides, read-only. */
  readonly shown?: readonly string[];
  /** Sockets that bubblewrap shows it besides. */
  readonly sockets?: readonly string[];
  /** Folders that bubblewrap shows as empty where they lie in what it shows: a node's keys and its control socket. */
  readonly hidden?: readonly string[];
  /** Its whole environment. */
  readonly environment: { readonly [name: string]: string };
}

/** A command line. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  /** Under bubblewrap its path, and the filter that it reads from its descriptor. */
  readonly bubblewrap?: { readonly path: string; readonly filter: Uint8Array };
}

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

/** The folders of the path where no program that was held by bubblewrap can have put anything: not those of its workspace, nor those that are relative to one. */
function trustedPath(workspace: string): string {
  const untrusted = withoutLinks(workspace);
  return (process.env['PATH'] ?? '').split(delimiter).filter((folder) => isAbsolute(folder) && !isInside(withoutLinks(folder), untrusted)).join(delimiter);
}

/** Sets limits in a shell: memory in kibibytes, files in blocks of 512 bytes, as POSIX has them. What cannot be limited does not start. */
const limiting_shell = 'ulimit -c 0 && ulimit -d "$1" && ulimit -t "$2" && ulimit -n "$3" && ulimit -f "$4" && shift 4 && exec "$@"';

/**
 * `prlimit` with the limits of a process, or a shell where it is missing, of which not all count processes. Linux counts private writable
 * memory as `data`; address space would not do, of which JavaScript engines reserve far more than they use.
 */
function limited(limits: SandboxLimits, inner: readonly string[], search?: string): readonly string[] {
  const prlimit = findExecutable('prlimit', search);
  if (prlimit === undefined) {
    const values = [Math.ceil(limits.memory_bytes / 1024), Math.ceil(limits.cpu_ms / 1000), limits.open_files, Math.ceil(limits.file_bytes / 512)];
    return ['/bin/sh', '-c', limiting_shell, 'sh', ...values.map(String), ...inner];
  }
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

/** A program under bubblewrap. */
function inBubblewrap(found: string, program: ProcessProgram, limits: SandboxLimits): Result<CommandLine> {
  const search = trustedPath(program.workspace);
  const path = findExecutable('bwrap', search);
  const line = confined(path ?? 'bwrap', found, program, limits.temporary_bytes);
  if (!line.ok) return line;
  if (path === undefined) {
    return fail('SANDBOX_UNAVAILABLE', `bubblewrap (bwrap) is not installed on this host${findExecutable('bwrap') === undefined ? '' : ' but in the workspace, where it may be anybody\'s'}`, { fix: 'install the package bubblewrap, or choose --sandbox process, which holds less' });
  }
  const filter = systemCallFilter();
  if (filter === undefined) return fail('SANDBOX_UNAVAILABLE', `system calls can be filtered on x64 and arm64, and this is ${process.arch}`, { fix: 'choose --sandbox process, which holds less' });
  // It ends with our process by itself.
  const [command = path, ...args] = limited(limits, line.value, search);
  return ok({ command, args, bubblewrap: { path, filter } });
}

/**
 * The command line that holds a program in a tier; `none` holds it by nothing but the signals of its group. Fails with `SANDBOX_UNAVAILABLE`
 * where bubblewrap is missing, `PROGRAM_UNKNOWN` where the program is, and as {@link confined} does.
 */
export function wrapperOf(tier: 'none' | 'process' | 'bwrap', program: ProcessProgram, limits: SandboxLimits): Result<CommandLine> {
  const named = findExecutable(program.command);
  if (named === undefined) return fail('PROGRAM_UNKNOWN', `there is no program ${program.command}`, { fix: 'check its name and the PATH' });
  // It starts in the workspace, where a name relative to our own folder would mean another.
  const found = resolve(named);
  if (tier === 'bwrap') return inBubblewrap(found, program, limits);
  if (tier === 'none') return ok({ command: found, args: program.args });
  const [command = found, ...args] = bound(limited(limits, [found, ...program.args]));
  return ok({ command, args });
}
