/** A log as plain files in the layout of C2SP tlog-tiles, so that anybody's tools can check it. */
import { mkdir, readdir } from 'node:fs/promises';
import { equal } from '../crypto/bytes.ts';
import { parseCheckpoint, type Checkpoint } from '../crypto/checkpoint.ts';
import { parseNote } from '../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import type { AuditLog } from './audit-log.ts';
import { LogTree } from './audit-tree.ts';
import { TileFolder, writeTiles, type Progress } from './tile-folder.ts';

/** What was exported. */
export interface Exported {
  readonly folder: string;
  /** Entries. */
  readonly size: number;
  readonly files: number;
}

/** A head of the log with the note that signs it. */
export interface NotedHead extends Checkpoint {
  readonly note: Uint8Array;
}

/** The newest cosigned checkpoint of a log, or else its newest signed one. Fails with `AUDIT_NO_CHECKPOINT` or `AUDIT_DAMAGED`. */
export async function newestHead(log: AuditLog): Promise<Result<NotedHead>> {
  const cosigned = await log.cosigned();
  const note = cosigned.ok ? cosigned.value : log.latest()?.note;
  if (note === undefined) return cosigned.ok ? fail('AUDIT_NO_CHECKPOINT', 'the log has signed no checkpoint yet') : cosigned;
  const parsed = parseNote(note);
  const checkpoint = parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
  return checkpoint.ok ? ok({ ...checkpoint.value, note }) : checkpoint;
}

/**
 * Writes the log as of its newest cosigned checkpoint, or its newest signed one,
 * into an empty or new folder, however far the log grows meanwhile. The
 * checkpoint is written last: a folder without one is not whole.
 *
 * Fails with `EXPORT_FOLDER`, `AUDIT_DAMAGED`, `ABORTED`, or with what the log fails with,
 * as `AUDIT_ARCHIVED` when the folder that keeps old entries is away.
 */
export async function exportLog(log: AuditLog, path: string, options: { readonly progress?: (progress: Progress) => void; readonly signal?: AbortSignal } = {}): Promise<Result<Exported>> {
  const head = await newestHead(log);
  if (!head.ok) return head;
  const { size, root, note } = head.value;
  try {
    await mkdir(path, { recursive: true });
    if ((await readdir(path)).length > 0) return fail('EXPORT_FOLDER', `${path} is not empty`, { fix: 'name a new folder' });
    const folder = new TileFolder(path);
    const tree = new LogTree();
    const written = await writeTiles(folder, { tree, size, bundle: (number, width) => log.bundle(number, width), ...options });
    if (!written.ok) return written;
    if (!equal(tree.root(), root)) return fail('AUDIT_DAMAGED', `the first ${size} entries do not have the root of the signed head`, { fix: 'run agentmesh audit fsck' });
    await folder.seal('checkpoint', note);
    return ok({ folder: path, size, files: folder.files });
  } catch (error) {
    return fail('EXPORT_FOLDER', `${path} cannot be written: ${messageOf(error)}`, { fix: 'name a folder that you may write to', cause: error });
  }
}
