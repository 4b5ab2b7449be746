/** Copies of a log elsewhere, all read alike: by the paths of C2SP tlog-tiles. Nothing that they hold is believed unchecked. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCheckpoint } from '../crypto/checkpoint.ts';
import { parseNote, type Verifier } from '../crypto/note.ts';
import { tile_width, tilePath } from '../crypto/tlog-tiles.ts';
import { entry_bytes_max } from './audit-entry.ts';
import { signedHead, type SignedHead } from './audit-heads.ts';
import { entriesOfBundle } from './audit-tree.ts';

/** The most copies that are asked. */
export const copies_max = 16;
/** The longest bundle. */
export const bundle_bytes_max: number = tile_width * (2 + entry_bytes_max);

/** A copy of a log: a folder, a mirror, a peer. */
export interface LogCopy {
  /** What it is called to the owner of the log. */
  readonly name: string;
  /** The bytes at a path, or `undefined` where it has none. May reject. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>;
}

/** An exported or archived log in a folder of this host. */
export function folderCopy(folder: string): LogCopy {
  return {
    name: folder,
    async read(path) {
      const file = join(folder, path);
      const stats = await stat(file).catch(() => undefined);
      if (stats?.isFile() !== true || stats.size > bundle_bytes_max) return undefined;
      return new Uint8Array(await readFile(file));
    },
  };
}

async function readFrom(copy: LogCopy, path: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await copy.read(path);
    return bytes === undefined || bytes.length > bundle_bytes_max ? undefined : bytes;
  } catch {
    // One copy that fails is one copy less.
    return undefined;
  }
}

/** The bundles of the copies. */
export class Copies {
  readonly #copies: readonly LogCopy[];
  // The size that each says it has, which decides what its partial bundle is called.
  readonly #sizes = new Map<LogCopy, number>();

  constructor(copies: readonly LogCopy[]) {
    this.#copies = copies.slice(0, copies_max);
  }

  /** How many there are. */
  get count(): number {
    return this.#copies.length;
  }

  /** The heads of the copies that the log signed. */
  async heads(verifier: Verifier): Promise<readonly SignedHead[]> {
    const heads: SignedHead[] = [];
    for (const copy of this.#copies) {
      const head = signedHead(await readFrom(copy, 'checkpoint') ?? new Uint8Array(), verifier);
      if (head !== undefined) heads.push(head);
    }
    return heads;
  }

  /** The first `width` entries of a bundle as copy number `index` has them. */
  async bundle(index: number, number: number, width: number): Promise<readonly Uint8Array[] | undefined> {
    const copy = this.#copies[index];
    if (copy === undefined) return undefined;
    const widths = new Set([tile_width, width, await this.#size(copy) - number * tile_width].filter((each) => each >= width && each <= tile_width));
    for (const each of widths) {
      const bytes = await readFrom(copy, tilePath({ level: 'entries', number, width: each }));
      const entries = bytes === undefined ? undefined : entriesOfBundle(bytes);
      if (entries !== undefined && entries.length >= width) return entries.slice(0, width);
    }
    return undefined;
  }

  async #size(copy: LogCopy): Promise<number> {
    const known = this.#sizes.get(copy);
    if (known !== undefined) return known;
    const note = parseNote(await readFrom(copy, 'checkpoint') ?? new Uint8Array());
    const checkpoint = note.ok ? parseCheckpoint(note.value.text) : note;
    const size = checkpoint.ok ? checkpoint.value.size : 0;
    this.#sizes.set(copy, size);
    return size;
  }
}
