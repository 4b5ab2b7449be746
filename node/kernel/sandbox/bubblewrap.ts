/** What a program sees under bubblewrap: the system and what it is shown, nothing else, and none of it may it change but the workspace. Source: bwrap(1). */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fail, ok, type Failure, type Result } from '../../../crypto/result.ts';
import type { ProcessProgram } from './wrapper.ts';

/** The descriptor from which bubblewrap reads the filter of system calls. */
export const filter_descriptor = 4;
/** The descriptor to which bubblewrap writes how the program fares; the program has neither. */
export const status_descriptor = 5;

/** How long bubblewrap may take to say whether it works at all. */
const check_ms_max = 2000;
/** Room in a folder that is there to be empty. */
const empty_bytes = 4096;

/** What of the system a program sees, as far as it is there; of the certificates not the folder with the host's own keys. */
const system_folders = [
  '/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/opt', '/nix/store', '/gnu/store',
  '/etc/alternatives', '/etc/ld.so.cache', '/etc/ssl/certs', '/etc/ssl/openssl.cnf', '/etc/ca-certificates', '/etc/pki/ca-trust', '/etc/pki/tls/certs', '/etc/pki/tls/openssl.cnf',
  '/etc/crypto-policies', '/etc/hosts', '/etc/nsswitch.conf', '/etc/resolv.conf', '/etc/passwd', '/etc/group', '/etc/localtime',
];

/** What nobody may be shown as a whole: what the sandbox has of its own, and where other programs have their sockets. */
const never_shown = ['/proc', '/dev', '/sys', '/run', '/tmp'];

/** Every socket in a folder that a program of this host has opened. Source: proc_net(5). */
const socket_table = '/proc/net/unix';

/** An absolute path without links; as it is where there is nothing. */
export function withoutLinks(path: string): string {
  return existsSync(path) ? realpathSync(path) : resolve(path);
}

/** Whether a path is a folder or lies in it. Both are absolute and without links. */
export function isInside(path: string, folder: string): boolean {
  const from = relative(folder, path);
  return from !== '..' && !from.startsWith(`..${sep}`) && !isAbsolute(from);
}

function isShown(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => isInside(path, folder));
}

/** Where a path, which has no links, is seen if these folders are, which may have some. */
function seenAs(path: string, folders: readonly string[]): readonly string[] {
  const places = folders.map((folder) => ({ folder, source: withoutLinks(folder) })).filter(({ source }) => isInside(path, source));
  return [...new Set(places.map(({ folder, source }) => join(folder, relative(source, path))))];
}

/** The sockets of other programs, as far as their paths are known: a network of its own keeps nobody from those that he sees. */
function openSockets(): readonly string[] {
  try {
    const paths = readFileSync(socket_table, 'utf8').split('\n').map((line) => line.trim().split(/\s+/).slice(7).join(' '));
    return [...new Set(paths.filter((path) => isAbsolute(path) && existsSync(path)).map((path) => realpathSync(path)))].filter((path) => statSync(path, { throwIfNoEntry: false })?.isSocket());
  } catch {
    return [];
  }
}

/** The home of this user, as the environment has it and as the system does. */
function homes(): readonly string[] {
  try {
    return [homedir(), userInfo().homedir].map(withoutLinks);
  } catch {
    // A user whom the system has no name for.
    return [withoutLinks(homedir())];
  }
}

/** The program where it is no part of the system: the file alone, or, where it is installed in a `bin`, that with the `lib` beside it. */
function installation(program: string): readonly string[] {
  const files = [...new Set([program, realpathSync(program)])].filter((file) => !isShown(file, system_folders));
  const paths = files.flatMap((file) => {
    const folder = dirname(file);
    const prefix = dirname(folder);
    return basename(folder) === 'bin' ? [folder, join(prefix, 'lib'), join(prefix, 'pyvenv.cfg')] : [file];
  });
  return paths.filter((path) => existsSync(path));
}

/** Why a folder cannot be shown. */
function unfit(folder: string, hidden: readonly string[]): Failure | undefined {
  const fix = 'choose a folder that holds nothing but what the program is to work with';
  const forbid = (why: string): Failure => ({ code: 'WORKSPACE_FORBIDDEN', reason: `${folder} ${why}`, fix });
  if (!existsSync(folder)) return { code: 'WORKSPACE_MISSING', reason: `there is no ${folder}`, fix: 'create it first' };
  if (isShown(folder, hidden)) return forbid('belongs to the data folder of a node, with its keys and its control socket');
  if (isInside(folder, '/proc')) return forbid('would show the processes of this host');
  const what = statSync(folder);
  if (!what.isDirectory() && !what.isFile()) return forbid('is neither a folder nor a file, and would lead to another program of this host');
  if (homes().some((home) => isInside(home, folder))) return forbid('holds the home folder of this user, with all keys that lie there');
  const inside = never_shown.find((each) => isInside(withoutLinks(each), folder));
  return inside === undefined ? undefined : forbid(`holds ${inside}, where other programs of this host can be reached`);
}

/**
 * The command line of bubblewrap before a program, given by its absolute path. Fails with `WORKSPACE_FORBIDDEN` or
 * `WORKSPACE_MISSING` for a folder that must not or cannot be shown.
 */
export function confined(bwrap: string, found: string, program: ProcessProgram, temporary_bytes: number): Result<readonly string[]> {
  const { args, writable, network, sockets = [] } = program;
  const workspace = withoutLinks(program.workspace);
  const shown = (program.shown ?? []).map(withoutLinks);
  const hidden = (program.hidden ?? []).map(withoutLinks);
  const wrong = [workspace, ...shown].map((folder) => unfit(folder, hidden)).find((failure) => failure !== undefined);
  if (wrong !== undefined) return { ok: false, failure: wrong };
  const binds = [
    ...[...system_folders.filter((folder) => existsSync(folder)), ...installation(found), ...shown].map((folder) => ({ how: '--ro-bind', folder })),
    { how: writable ? '--bind' : '--ro-bind', folder: workspace },
  ];
  // What lies in another comes after it, which would cover it; of the same folder twice the last counts.
  const ordered = binds.toSorted((a, b) => a.folder.split(sep).length - b.folder.split(sep).length);
  const folders = binds.map((bind) => bind.folder);
  const covered = hidden.flatMap((folder) => seenAs(folder, folders));
  const closed = openSockets().filter((socket) => !isShown(socket, hidden)).flatMap((socket) => seenAs(socket, folders));
  const room = ['--size', String(temporary_bytes), '--tmpfs'];
  return ok([
    bwrap, '--unshare-all', ...(network ? ['--share-net'] : []), '--die-with-parent', '--new-session', '--cap-drop', 'ALL',
    '--seccomp', String(filter_descriptor), '--json-status-fd', String(status_descriptor),
    // Root would have the settings of the kernel to write in its own /proc, and all memory to fill in folders that nobody has bounded.
    '--proc', '/proc', '--remount-ro', '/proc', '--dev', '/dev', ...room, '/dev/shm', '--remount-ro', '/dev', ...room, '/tmp',
    ...ordered.flatMap(({ how, folder }) => [how, folder, folder]),
    ...closed.flatMap((socket) => ['--ro-bind', '/dev/null', socket]),
    ...covered.flatMap((folder) => ['--size', String(empty_bytes), '--tmpfs', folder]),
    ...sockets.flatMap((socket) => ['--ro-bind', socket, socket]),
    ...[...covered, '/'].flatMap((folder) => ['--remount-ro', folder]),
    '--chdir', workspace,
    // The environment is inherited, which holds nothing else: in the command line everybody could read it.
    '--', found, ...args,
  ]);
}

/** Whether bubblewrap has said that the program ran: of one that it did not get to run it gives no exit code. */
export function hasRun(status: string): boolean {
  return status.includes('"exit-code"');
}

/** Why a program that bubblewrap was to run did not run: `SANDBOX_UNAVAILABLE` where bubblewrap does not work at all, else `PROGRAM_FAILED`. */
export function whyNotRun(bwrap: string): Promise<Result<never>> {
  const check = ['--unshare-all', '--die-with-parent', '--ro-bind', '/', '/', '--size', String(empty_bytes), '--tmpfs', '/tmp', '--', '/proc/self/exe', '--version'];
  return new Promise((resolve) => {
    execFile(bwrap, check, { timeout: check_ms_max, env: {} }, (error, _said, complaint) => resolve(error === null
      ? fail('PROGRAM_FAILED', 'bubblewrap did not get the program to run, and has printed why', { fix: 'show it with --show what it needs besides the system and the workspace: its interpreter, its libraries' })
      : fail('SANDBOX_UNAVAILABLE', `bubblewrap does not work on this host: ${complaint.trim().slice(0, 500) || error.message}`, {
        fix: 'it needs version 0.6.0 or later, and a system and container that let it make user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces; on Ubuntu a profile of AppArmor for bwrap); or choose --sandbox process, which holds less',
      })));
  });
}
