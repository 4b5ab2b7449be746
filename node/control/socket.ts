/**
 * Where the control socket lies and how its place is made safe: the data folder,
 * which only the user of the node may enter.
 */
import { chmodSync, lstatSync, mkdirSync, unlinkSync, type Stats } from 'node:fs';
import { createConnection, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';

/** The longest path of a socket: the kernel keeps 108 bytes on Linux and 104 on macOS, with a final zero. */
export const socket_path_bytes_max = 100;

/** The control socket of a data folder. */
export function controlSocketPath(data: string): string {
  return join(data, 'control.sock');
}

/** The data folder of a control socket made by {@link controlSocketPath}. */
export function dataFolderOf(socket_path: string): string {
  return dirname(socket_path);
}

/** Checks that the kernel can name the socket. Fails with `CONTROL_PATH_TOO_LONG`. */
export function checkSocketPath(socket_path: string): Result<void> {
  const length = Buffer.byteLength(socket_path);
  if (length <= socket_path_bytes_max) return ok(undefined);
  return fail('CONTROL_PATH_TOO_LONG', `the path of a socket has at most ${socket_path_bytes_max} bytes, ${socket_path} has ${length}`, {
    fix: 'choose a shorter folder with --data',
  });
}

/** The `code` of a system error, e.g. `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** How a connection attempt ended: `answers`, or the system's error code. */
function probe(socket_path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(socket_path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('answers');
    });
    socket.once('error', (error) => resolve(systemCode(error) ?? 'EIO'));
  });
}

function prepareFolder(folder: string): Result<void> {
  let stats: Stats;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    stats = lstatSync(folder);
  } catch (error) {
    return fail('CONTROL_DENIED', `the folder ${folder} cannot be made: ${messageOf(error)}`, { fix: 'choose a folder of your own with --data', cause: error });
  }
  const own = process.getuid === undefined || stats.uid === process.getuid();
  // Not mended silently: a folder that others could enter may hold what they put there.
  if (!stats.isDirectory() || !own || (stats.mode & 0o077) !== 0) {
    return fail('CONTROL_FOLDER_OPEN', `${folder} must be a folder that only its owner may enter, and yours`, { fix: `chmod 700 '${folder}'` });
  }
  return ok(undefined);
}

/**
 * Makes the place ready for a server: the folder exists with mode 0700, and the
 * socket that a dead process left is removed. Two starters could both find it
 * dead; the lock on the node's store, taken before, lets only one come here.
 *
 * Fails with `CONTROL_PATH_TOO_LONG`, `CONTROL_FOLDER_OPEN`, `CONTROL_DENIED`,
 * `CONTROL_IN_USE`, or `CONTROL_PATH_TAKEN` when something else lies there.
 */
export async function prepareSocket(socket_path: string): Promise<Result<void>> {
  const path = checkSocketPath(socket_path);
  if (!path.ok) return path;
  const folder = prepareFolder(dirname(socket_path));
  if (!folder.ok) return folder;
  const stats = lstatSync(socket_path, { throwIfNoEntry: false });
  if (stats === undefined) return ok(undefined);
  if (!stats.isSocket()) return fail('CONTROL_PATH_TAKEN', `${socket_path} exists and is no socket`, { fix: 'move that file away' });
  const state = await probe(socket_path);
  if (state === 'ECONNREFUSED') unlinkSync(socket_path);
  else if (state !== 'ENOENT') {
    return fail('CONTROL_IN_USE', `another process answers on ${socket_path}`, { fix: 'stop that node, or start this one with another --data folder' });
  }
  return ok(undefined);
}

/** Listens on a socket whose place is ready. Fails with `CONTROL_DENIED`. */
export function listenOnSocket(server: Server, socket_path: string): Promise<Result<void>> {
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(fail('CONTROL_DENIED', `cannot listen on ${socket_path}: ${error.message}`, {
      fix: 'choose a folder of your own with --data', cause: error,
    })));
    // The socket is made within `listen`, so that nobody else can open it even before its mode is set.
    const mask = process.umask(0o077);
    server.listen(socket_path, () => {
      chmodSync(socket_path, 0o600);
      resolve(ok(undefined));
    });
    process.umask(mask);
  });
}
