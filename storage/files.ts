import { mkdirSync, existsSync } from 'node:fs';
import { access, constants, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';

/**
 * The few small files that live beside the store (signed head, vault, keys):
 * what must survive even when the store is damaged. The simulator brings its own.
 */
export interface Files {
  /** The bytes of a file, or `undefined` when there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Replaces a file as a whole: after the promise resolves, a crash leaves the new bytes; before, the old ones. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Removes a file; nothing happens when there is none. */
  remove(name: string): Promise<void>;
}

/** Replaces one file: draft, sync, rename, sync of the folder. */
async function replace(path: string, bytes: Uint8Array): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.tmp`;
  // A draft that a crash left behind would keep its own mode.
  await rm(draft, { force: true });
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  // The new name is durable only once its folder is.
  const parent = await open(dirname(path), 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

/** Files in a folder of this host, readable by its owner alone. Writes take effect in the order of their calls. */
export function diskFiles(folder: string): Files {
  let last: Promise<void> = Promise.resolve();
  return {
    async read(name) {
      const path = join(folder, name);
      return existsSync(path) ? new Uint8Array(await readFile(path)) : undefined;
    },
    write(name, bytes) {
      const copy = Uint8Array.from(bytes);
      const written = last.then(() => replace(join(folder, name), copy));
      last = written.catch(() => undefined);
      return written;
    },
    async remove(name) {
      await last;
      await rm(join(folder, name), { force: true });
    },
  };
}

/** Files in memory, for tests and the simulator. */
export function memoryFiles(): Files {
  const contents = new Map<string, Uint8Array>();
  return {
    read: (name) => {
      const bytes = contents.get(name);
      return Promise.resolve(bytes === undefined ? undefined : Uint8Array.from(bytes));
    },
    write: (name, bytes) => {
      contents.set(name, Uint8Array.from(bytes));
      return Promise.resolve();
    },
    remove: (name) => {
      contents.delete(name);
      return Promise.resolve();
    },
  };
}

function notNew(path: string, error?: unknown): Result<never> {
  return error === undefined || (error instanceof Error && 'code' in error && error.code === 'EEXIST')
    ? fail('FILE_EXISTS', `${path} exists already`, { fix: 'name a file that does not exist' })
    : fail('FILE_UNWRITABLE', `${path} cannot be written: ${messageOf(error)}`, { fix: 'name a file in a folder that you may write to' });
}

/**
 * Whether a file that does not exist yet can be written, asked before anything
 * is done whose outcome is to be in it. Fails with `FILE_EXISTS` or `FILE_UNWRITABLE`.
 */
export async function checkNewFile(path: string): Promise<Result<void>> {
  if (existsSync(path)) return notNew(path);
  try {
    await access(dirname(path), constants.W_OK);
    return ok(undefined);
  } catch (error) {
    return notNew(path, error);
  }
}

/** Writes a new file that its owner alone may read. Fails with `FILE_EXISTS` or `FILE_UNWRITABLE`. */
export async function writeNewFile(path: string, text: string): Promise<Result<void>> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    return ok(undefined);
  } catch (error) {
    return notNew(path, error);
  }
}
