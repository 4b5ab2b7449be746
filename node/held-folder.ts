/** A data folder in the hands of this process: locked, its store open. */
import { ok, type Result } from '../crypto/result.ts';
import { diskFiles, type Files } from '../storage/files.ts';
import { openStore, type Store } from '../storage/store.ts';
import { openDataFolder, type DataFolder } from './data-folder.ts';
import { lockFolder } from './folder-lock.ts';
import { stopEach } from './lifecycle.ts';

/** A folder that nobody else works on until it is closed. */
export interface HeldFolder {
  readonly folder: DataFolder;
  readonly store: Store;
  readonly files: Files;
  /** The process that died with the folder in its hands, where there was one. */
  readonly taken_from: number | undefined;
  /** Closes the store, then gives the folder back. */
  close(): Promise<void>;
}

/**
 * Takes a data folder, which is made where there is none.
 *
 * Fails with `DATA_FOREIGN`, `DATA_OPEN_TO_OTHERS`, `FILE_OPEN_TO_OTHERS`, `FILE_OF_OTHERS`, `DATA_UNUSABLE`,
 * `DATA_LOCKED`, `STORE_LOCKED`, `STORE_UNREADABLE` or `STORE_VERSION`; then the folder is free.
 */
export async function holdFolder(path: string): Promise<Result<HeldFolder>> {
  const found = openDataFolder(path);
  if (!found.ok) return found;
  const lock = lockFolder(found.value.path);
  if (!lock.ok) return lock;
  const { taken_from, release } = lock.value;
  let store: Result<Store> | undefined;
  try {
    // Again, now that nobody else can be making the node in it.
    const folder = openDataFolder(path);
    if (!folder.ok) return folder;
    store = await openStore({ kind: 'disk', folder: folder.value.store, create: !folder.value.initialised });
    if (!store.ok) return store;
    const { value } = store;
    return ok({ folder: folder.value, store: value, files: diskFiles(folder.value.path), taken_from, close: () => stopEach(() => value.close(), release) });
  } finally {
    if (store?.ok !== true) release();
  }
}
