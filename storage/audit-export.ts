/** A log as plain files in the layout of C2SP tlog-tiles, so that anybody's tools can check it. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bigEndian, concat } from '../crypto/bytes.ts';
import { nodeHash } from '../crypto/merkle.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { parseCheckpoint } from '../crypto/checkpoint.ts';
import { parseNote } from '../crypto/note.ts';
import type { AuditLog } from './audit-log.ts';

const tile_width = 256;

/** What was exported. */
export interface Exported {
  readonly folder: string;
  /** Entries. */
  readonly size: number;
  readonly files: number;
}

/** The path of a tile's number: `x001/x234/067`, three digits a part. */
function numberPath(number: number): string {
  const last = String(number % 1000).padStart(3, '0');
  let path = last;
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000)) path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  return path;
}

/** Collects hashes or entries of one level and writes each tile when it is full, or at the end. */
class TileWriter {
  readonly #folder: string;
  readonly #parts: Uint8Array[] = [];
  #number = 0;
  files = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add(part: Uint8Array): Promise<void> {
    this.#parts.push(part);
    if (this.#parts.length === tile_width) await this.#write(numberPath(this.#number));
  }

  async end(): Promise<void> {
    if (this.#parts.length > 0) await this.#write(`${numberPath(this.#number)}.p/${this.#parts.length}`);
  }

  async #write(name: string): Promise<void> {
    const path = join(this.#folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, concat(...this.#parts));
    this.#parts.length = 0;
    this.#number += 1;
    this.files += 1;
  }
}

/** The tiles of every level; a node of the level above is made of each full 256 nodes below. */
class TreeWriter {
  readonly #folder: string;
  readonly #levels: { readonly tiles: TileWriter; readonly pending: Uint8Array[] }[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  get files(): number {
    return this.#levels.reduce((sum, level) => sum + level.tiles.files, 0);
  }

  async add(hash: Uint8Array, level = 0): Promise<void> {
    const found = this.#levels[level] ?? { tiles: new TileWriter(join(this.#folder, 'tile', String(level))), pending: [] };
    this.#levels[level] = found;
    await found.tiles.add(hash);
    found.pending.push(hash);
    if (found.pending.length === tile_width) await this.add(rootOf(found.pending.splice(0)), level + 1);
  }

  async end(): Promise<void> {
    for (const level of this.#levels) await level.tiles.end();
  }
}

/** The root of a perfect tree over these hashes. */
function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes;
  while (level.length > 1) level = level.flatMap((hash, index) => index % 2 === 0 ? [nodeHash(hash, level[index + 1] ?? hash)] : []);
  return level[0] ?? new Uint8Array();
}

/**
 * Writes the log as of its newest cosigned checkpoint, or its newest signed one,
 * into an empty or new folder.
 *
 * Fails with `EXPORT_FOLDER`, or with what the log fails with.
 */
export async function exportLog(log: AuditLog, folder: string): Promise<Result<Exported>> {
  const cosigned = await log.cosigned();
  const latest = log.latest();
  const note = cosigned.ok ? cosigned.value : latest?.note;
  if (note === undefined) return cosigned.ok ? fail('AUDIT_NO_CHECKPOINT', 'the log has no signed head') : cosigned;
  const parsed = parseNote(note);
  const checkpoint = parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
  if (!checkpoint.ok) return checkpoint;
  const { size } = checkpoint.value;
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length > 0) return fail('EXPORT_FOLDER', `${folder} is not empty`, { fix: 'name a new folder' });
    const tree = new TreeWriter(folder);
    const bundles = new TileWriter(join(folder, 'tile', 'entries'));
    for await (const entry of log.entries({ from: 0, to: size })) {
      if (!entry.ok) return entry;
      await tree.add(entry.value.leaf_hash);
      await bundles.add(concat(bigEndian(entry.value.entry.length, 2), entry.value.entry));
    }
    await tree.end();
    await bundles.end();
    await writeFile(join(folder, 'checkpoint'), note);
    return ok({ folder, size, files: tree.files + bundles.files + 1 });
  } catch (error) {
    return fail('EXPORT_FOLDER', `${folder} cannot be written: ${messageOf(error)}`, { fix: 'name a folder that you may write to', cause: error });
  }
}
