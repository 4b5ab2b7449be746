/** A folder that holds a log as plain files in the layout of C2SP tlog-tiles, and beside them what only its owner can read. */
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { equal } from '../crypto/bytes.ts';
import { leafHash } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { edgeTiles, tile_width, tilePath } from '../crypto/tlog-tiles.ts';
import { entriesOfBundle, type LogTree } from './audit-tree.ts';

/** How far a long work is, in entries. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** Whether a system call failed with this code. */
function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Files below one folder, by their paths with slashes. Every method rejects with what the file system fails with. */
export class TileFolder {
  readonly path: string;
  /** Files that were written. */
  files = 0;
  readonly #touched = new Set<string>();

  constructor(path: string) {
    this.path = path;
  }

  /** The bytes of a file, or `undefined` when there is none. */
  async read(name: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(join(this.path, name)));
    } catch (error) {
      if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  /** Whether there is anything in the folder. */
  async isUsed(): Promise<boolean> {
    try {
      return (await readdir(this.path)).length > 0;
    } catch (error) {
      if (isCode(error, 'ENOENT')) return false;
      throw error;
    }
  }

  /** Writes a file and its bytes to the disk; its name is there after {@link sync}. A file that is already these bytes stays. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    this.files += 1;
    const path = join(this.path, name);
    const parent = dirname(path);
    if (!this.#touched.has(parent)) {
      await mkdir(parent, { recursive: true, mode: 0o700 });
      for (let folder = parent; folder.length >= this.path.length; folder = dirname(folder)) this.#touched.add(folder);
    }
    const file = await open(path, 'a+', 0o600);
    try {
      const { size } = await file.stat();
      if (size !== bytes.length || !equal(await file.readFile(), bytes)) {
        await file.truncate(0);
        await file.writeFile(bytes);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** Makes the names of what was written durable. */
  async sync(): Promise<void> {
    for (const folder of [...this.#touched, dirname(this.path)]) {
      const handle = await open(folder, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
    this.#touched.clear();
  }

  /** Replaces a file as a whole, after everything else is durable: what says that the folder is complete. */
  async seal(name: string, bytes: Uint8Array): Promise<void> {
    await this.sync();
    await this.write(`${name}.tmp`, bytes);
    await rename(join(this.path, `${name}.tmp`), join(this.path, name));
    this.#touched.add(this.path);
    await this.sync();
  }
}

/** Gives a bundle of a log; `width` is 256 but for the last one. */
export type BundleSource = (number: number, width: number) => Promise<Result<Uint8Array>>;

/** The range of entries that tiles are written for, and how. */
export interface TileRun {
  /** The tree of the entries before; it grows with the run. */
  readonly tree: LogTree;
  readonly size: number;
  readonly bundle: BundleSource;
  readonly progress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Writes the bundles and tiles of the entries from the size of `tree`, a
 * multiple of 256, up to `size`, the last ones as partial tiles. The tiles are
 * made of the bundles, so what they hash to is what was written.
 *
 * Fails with `AUDIT_DAMAGED`, `ABORTED`, or what the bundles fail with.
 */
export async function writeTiles(folder: TileFolder, { tree, size, bundle, progress, signal }: TileRun): Promise<Result<void>> {
  while (tree.size < size) {
    if (signal?.aborted === true) return fail('ABORTED', 'the work was stopped', { fix: 'start it again' });
    const number = tree.size / tile_width;
    const width = Math.min(tile_width, size - tree.size);
    const bytes = await bundle(number, width);
    if (!bytes.ok) return bytes;
    const entries = entriesOfBundle(bytes.value);
    if (entries?.length !== width) return fail('AUDIT_DAMAGED', `entry bundle ${number} is damaged`, { fix: 'run agentmesh audit fsck' });
    await folder.write(tilePath({ level: 'entries', number, width }), bytes.value);
    for (const entry of entries) {
      const filled = tree.append(leafHash(entry), entry);
      for (const [level, { value }] of filled.slice(0, -1).entries()) {
        await folder.write(tilePath({ level, number: tree.size / tile_width ** (level + 1) - 1, width: tile_width }), value ?? new Uint8Array());
      }
    }
    progress?.({ done: tree.size, total: size });
  }
  for (const tile of edgeTiles(size)) await folder.write(tilePath(tile), tree.partialTile(tile.level));
  return ok(undefined);
}
