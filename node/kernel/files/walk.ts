/**
 * Walking to a file inside a folder so that nothing can lead out of it, whoever
 * renames or links meanwhile. Where the system has `/proc/self/fd` (Linux) each
 * folder on the way is opened in the one before, without following links, and
 * stays open: a folder that is swapped for a link afterwards is not the one
 * that we hold. Elsewhere the real path is compared before and after; between
 * the two an attacker who swaps folders twice can still win.
 */
import { constants, existsSync } from 'node:fs';
import { lstat, open, realpath, type FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { fail, messageOf, ok, type Result } from '../../../crypto/result.ts';
import { isFields } from '../../../crypto/canonical.ts';
import { isUnder } from '../detect/path.ts';

/** Folders between the root and a file. */
export const walk_depth_max = 128;

// Linux: names a file without opening it, so that no device or pipe notices. Node has no name for it.
const open_path_only = 0o10000000;
const tries_max = 3;

/** How a walk is secured. */
export type WalkMeans = 'descriptors' | 'real-paths';

/** The best means that this system has. */
export function walkMeans(): WalkMeans {
  return process.platform === 'linux' && existsSync('/proc/self/fd') ? 'descriptors' : 'real-paths';
}

/** A folder that is held open and never left. */
export class RootFolder {
  readonly #folder: FileHandle | undefined;
  readonly #real: string;

  private constructor(real: string, folder: FileHandle | undefined) {
    this.#real = real;
    this.#folder = folder;
  }

  /** Opens the folder; links on the way to it are the operator's and are followed. Fails with `FOLDER_UNAVAILABLE`. */
  static async open(path: string, means: WalkMeans = walkMeans()): Promise<Result<RootFolder>> {
    try {
      const real = await realpath(path);
      const status = await lstat(real);
      if (!status.isDirectory()) return fail('FOLDER_UNAVAILABLE', `${path} is no folder`, { fix: 'name a folder that exists' });
      return ok(new RootFolder(real, means === 'descriptors' ? await open(real, open_path_only | constants.O_DIRECTORY) : undefined));
    } catch (error) {
      return fail('FOLDER_UNAVAILABLE', `${path} cannot be opened: ${messageOf(error)}`, { fix: 'name a folder that exists' });
    }
  }

  /**
   * Does something to the name at the end of `names`, seen from a folder that is
   * certainly inside. `work` gets a path whose last part must not be followed if
   * it is a link. Fails with `PATH_ESCAPES`, `PATH_REFUSED` or what `work` fails with.
   */
  async at<T>(names: readonly string[], work: (path: string) => Promise<Result<T>>): Promise<Result<T>> {
    if (names.length > walk_depth_max) return fail('PATH_REFUSED', `a path has at most ${walk_depth_max} parts`);
    if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))) return fail('PATH_REFUSED', 'a part of the path is no name');
    return this.#folder === undefined ? this.#atReal(names, work) : this.#atHeld(this.#folder, names, work);
  }

  async #atHeld<T>(root: FileHandle, names: readonly string[], work: (path: string) => Promise<Result<T>>): Promise<Result<T>> {
    const held: FileHandle[] = [];
    try {
      let parent = root;
      for (const name of names.slice(0, -1)) {
        const next = await opened(`${descriptorPath(parent)}/${name}`, open_path_only | constants.O_DIRECTORY | constants.O_NOFOLLOW);
        if (!next.ok) return next;
        held.push(next.value);
        parent = next.value;
      }
      return await work(names.length === 0 ? `${descriptorPath(root)}/.` : `${descriptorPath(parent)}/${names.at(-1) ?? ''}`);
    } finally {
      for (const handle of held) await handle.close();
    }
  }

  async #atReal<T>(names: readonly string[], work: (path: string) => Promise<Result<T>>): Promise<Result<T>> {
    const path = join(this.#real, ...names);
    const check = async (): Promise<Result<void>> => {
      try {
        const parent = names.length === 0 ? path : dirname(path);
        return await realpath(parent) === parent && isUnder(parent, this.#real) ? ok(undefined) : fail('PATH_ESCAPES', 'a folder on the way is a link', { fix: 'give the path without links' });
      } catch (error) {
        return systemFailure(error);
      }
    };
    const before = await check();
    if (!before.ok) return before;
    const result = await work(path);
    const after = await check();
    return after.ok ? result : after;
  }

  /** Lets go of the folder. */
  async close(): Promise<void> {
    await this.#folder?.close();
  }
}

function descriptorPath(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}

/**
 * Opens what stands at a path of {@link RootFolder.at} as a plain file with one
 * name. Fails with `PATH_ESCAPES` for a link or a second hard link, `PATH_REFUSED`
 * for a device, pipe, socket or folder, `FILE_MISSING`, `FILE_EXISTS` or `FILE_UNAVAILABLE`.
 */
export async function openFile(path: string, use: 'read' | 'write'): Promise<Result<FileHandle>> {
  const flags = use === 'read' ? constants.O_RDONLY : constants.O_RDWR;
  // Another may create or remove the file between the two ways to open it.
  for (let tries = 0; tries < tries_max; tries += 1) {
    const existing = await openExisting(path, flags);
    if (existing.ok || existing.failure.code !== 'FILE_MISSING' || use === 'read') return existing;
    const created = await opened(path, flags | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW);
    if (created.ok || created.failure.code !== 'FILE_EXISTS') return created;
  }
  return fail('FILE_UNAVAILABLE', 'the file comes and goes too fast');
}

async function openExisting(path: string, flags: number): Promise<Result<FileHandle>> {
  if (!path.startsWith('/proc/self/fd/')) return openChecked(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const named = await opened(path, open_path_only | constants.O_NOFOLLOW);
  if (!named.ok) return named;
  try {
    const problem = fileProblem(await named.value.stat());
    // The descriptor's own path leads to the file that was looked at and to no other.
    return problem ?? await openChecked(descriptorPath(named.value), flags | constants.O_NONBLOCK);
  } finally {
    await named.value.close();
  }
}

async function openChecked(path: string, flags: number): Promise<Result<FileHandle>> {
  const handle = await opened(path, flags);
  if (!handle.ok) return handle;
  const problem = fileProblem(await handle.value.stat());
  if (problem === undefined) return handle;
  await handle.value.close();
  return problem;
}

function fileProblem(status: Stats): Result<never> | undefined {
  if (status.isSymbolicLink()) return fail('PATH_ESCAPES', 'the path ends in a link', { fix: 'give the path that the link leads to' });
  if (!status.isFile()) return fail('PATH_REFUSED', status.isDirectory() ? 'the path is a folder' : 'the path is a device, a pipe or a socket');
  if (status.nlink > 1) return fail('PATH_ESCAPES', 'the file has a second hard link, which may lie elsewhere', { fix: 'copy the file' });
  return undefined;
}

async function opened(path: string, flags: number): Promise<Result<FileHandle>> {
  try {
    return ok(await open(path, flags, 0o644));
  } catch (error) {
    return systemFailure(error);
  }
}

const codes: ReadonlyMap<unknown, readonly [code: string, reason: string]> = new Map([
  ['ENOENT', ['FILE_MISSING', 'there is no such file or folder']],
  ['EEXIST', ['FILE_EXISTS', 'there is such a file or folder already']],
  ['ELOOP', ['PATH_ESCAPES', 'a part of the path is a link']],
  ['ENOTDIR', ['PATH_ESCAPES', 'a part of the path is a link or a file, no folder']],
  ['ENOTEMPTY', ['FILE_EXISTS', 'the folder is not empty']],
  ['EISDIR', ['PATH_REFUSED', 'the path is a folder']],
  ['ENAMETOOLONG', ['PATH_REFUSED', 'a part of the path is too long']],
]);

/** What the system said, as a failure: `FILE_MISSING`, `FILE_EXISTS`, `PATH_ESCAPES`, `PATH_REFUSED` or `FILE_UNAVAILABLE`. */
export function systemFailure(error: unknown): Result<never> {
  const known = codes.get(isFields(error) ? error['code'] : undefined);
  return known === undefined ? fail('FILE_UNAVAILABLE', messageOf(error), { cause: error }) : fail(known[0], known[1], { cause: error });
}
