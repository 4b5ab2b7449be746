import { mkdirSync, existsSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

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

/** Files in a folder of this host, readable by its owner alone. */
export function diskFiles(folder: string): Files {
  return {
    async read(name) {
      const path = join(folder, name);
      return existsSync(path) ? new Uint8Array(await readFile(path)) : undefined;
    },
    async write(name, bytes) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const draft = `${path}.tmp`;
      const file = await open(draft, 'w', 0o600);
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
    },
    async remove(name) {
      await rm(join(folder, name), { force: true });
    },
  };
}

/** Files in memory, for tests and the simulator. */
export function memoryFiles(): Files {
  const contents = new Map<string, Uint8Array>();
  return {
    read: (name) => Promise.resolve(contents.get(name)),
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
