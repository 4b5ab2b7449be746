/**
 * Moving old entries out of the store into a folder, and back. The folder is a
 * C2SP tlog-tiles log that anybody's tools can check, with the sealed payloads
 * beside it; their keys stay in the vault, so what was erased is unreadable in
 * archives too. Nothing leaves the store before it is durable in the folder,
 * was read back and has the root of the tree.
 */
import { equal, fromBigEndian, toBase64url } from '../crypto/bytes.ts';
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { tile_width } from '../crypto/tlog-tiles.ts';
import { readGroups, type RawGroup } from './archive-groups.ts';
import { readBack, treeBefore, writePart, type ArchiveWork, type Visit } from './archive-part.ts';
import { archive_parts_max, archiveRecordChange, readArchiveRecord, type ArchivePart, type ArchiveRecord } from './archive-record.ts';
import { newestHead } from './audit-export.ts';
import { log_keys } from './audit-group.ts';
import type { Change, Store } from './store.ts';
import { TileFolder } from './tile-folder.ts';

const batch_bytes_max = 4_194_304;
const batch_changes_max = 4_096;

/** What was moved. */
export interface Archived {
  readonly folder: string;
  readonly first: number;
  /** The index after the last. */
  readonly next: number;
  /** The entry that says so. */
  readonly index: number;
}

function nothing(line: number): Result<never> {
  return fail('AUDIT_NOTHING_TO_ARCHIVE', `no ${tile_width} entries from ${line} on are old enough and under a checkpoint`, { fix: 'archive fewer entries from the end, or wait for the next checkpoint' });
}

/**
 * Moves the entries before `to` into the folder, as many as fill whole bundles
 * and lie under the newest checkpoint, then writes an entry about it. A crash
 * leaves them in the store, in the folder, or in both, never in neither.
 *
 * Fails with `AUDIT_NOTHING_TO_ARCHIVE`, `AUDIT_ARCHIVE_FULL`, `ARCHIVE_FOLDER`, `AUDIT_ARCHIVE_INVALID`,
 * `ABORTED`, or with what the log fails with.
 */
export async function archiveLog(work: ArchiveWork, to: number): Promise<Result<Archived>> {
  const { store, log, folder, subject } = work;
  if (log.frozen !== undefined) return { ok: false, failure: log.frozen };
  const record = await readArchiveRecord(store);
  if (!record.ok) return record;
  const head = await newestHead(log);
  if (!head.ok) return head;
  const { line, parts } = record.value;
  const next = Math.floor(Math.min(to, head.value.size) / tile_width) * tile_width;
  if (next <= line) return nothing(line);
  if (parts.length >= archive_parts_max) return fail('AUDIT_ARCHIVE_FULL', `the entries of a log can be archived ${archive_parts_max} times`, { fix: 'restore an archive, or begin a new log: agentmesh audit succeed' });
  try {
    await sweepArchived(work);
    const written = await writePart(work, record.value, head.value, next);
    if (!written.ok) return written;
    const { part, root } = written.value;
    // From this commit on the entries count as archived; what is left of them in the store is swept out after it.
    const event = { kind: 'archived', first: part.first, next, digest: toBase64url(part.digest) };
    const appended = await log.append({ subject, payload: canonicalJsonBytes(event) }, { with: [archiveRecordChange({ root, parts: [...parts, part] })] });
    if (!appended.ok) return appended;
    await sweepArchived(work);
    return ok({ folder, first: part.first, next, index: appended.value.index });
  } catch (error) {
    return fail('ARCHIVE_FOLDER', `the entries could not be archived to ${folder}: ${messageOf(error)}`, { fix: 'name a folder that you may write to, with enough free space', cause: error });
  }
}

/** Collects changes and writes them in batches of a bounded size. */
class Batches {
  readonly #store: Store;
  readonly #sync: boolean;
  #changes: Change[] = [];
  #bytes = 0;

  constructor(store: Store, options: { readonly sync: boolean }) {
    this.#store = store;
    this.#sync = options.sync;
  }

  async add(change: Change): Promise<void> {
    this.#changes.push(change);
    this.#bytes += change.key.length + (change.value?.length ?? 0);
    if (this.#bytes >= batch_bytes_max || this.#changes.length >= batch_changes_max) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#changes.length > 0) await this.#store.batch(this.#changes, { sync: this.#sync });
    this.#changes = [];
    this.#bytes = 0;
  }
}

/** The key of the group that holds an entry: the last one that does not begin after it. */
async function groupKeyOf(store: Store, index: number): Promise<Uint8Array> {
  for await (const [key] of store.entries('log', { gte: log_keys.group(0), lte: log_keys.group(index), reverse: true, limit: 1 })) return key;
  return log_keys.group(index);
}

/** The archived groups before the line that the store still has as they were archived; those that it has otherwise, or whose archive is away, stay. */
async function* leftGroups(store: Store, { line, parts }: ArchiveRecord): AsyncIterable<Uint8Array> {
  const end = await groupKeyOf(store, line);
  let number = -1;
  let archived: readonly RawGroup[] = [];
  for await (const [key, value] of store.entries('log', { gte: log_keys.group(0), lt: end })) {
    const first_index = fromBigEndian(key.subarray(1)) ?? 0;
    if (Math.floor(first_index / tile_width) !== number) {
      number = Math.floor(first_index / tile_width);
      const groups = await readGroups(parts, number, first_index);
      archived = groups.ok ? groups.value : [];
    }
    if (archived.some((raw) => raw.first_index === first_index && equal(raw.value, value))) yield key;
  }
}

/**
 * Removes from the store what is left there of archived groups and bundles, as
 * after a crash between the commit that archived them and their removal.
 * Fails with `AUDIT_DAMAGED`. Rejects with what the store fails with.
 */
export function sweepArchived({ store, log }: Pick<ArchiveWork, 'store' | 'log'>): Promise<Result<{ readonly swept: number }>> {
  return log.holdErasures(() => sweep(store));
}

async function sweep(store: Store): Promise<Result<{ readonly swept: number }>> {
  const record = await readArchiveRecord(store);
  if (!record.ok || record.value.line === 0) return record.ok ? ok({ swept: 0 }) : record;
  // What a crash brings back is swept out the next time.
  const batches = new Batches(store, { sync: false });
  let swept = 0;
  for await (const key of leftGroups(store, record.value)) {
    await batches.add({ space: 'log', key });
    swept += 1;
  }
  for await (const [key] of store.entries('log', { gte: log_keys.bundle(0), lt: log_keys.bundle(record.value.line / tile_width) })) {
    await batches.add({ space: 'log', key });
    swept += 1;
  }
  await batches.flush();
  return ok({ swept });
}

/** Puts the groups and bundles of a part back into the store, below the line still. Fails with `AUDIT_ARCHIVE_INVALID` or `AUDIT_DAMAGED`. */
async function refill({ store, folder, progress }: ArchiveWork, part: ArchivePart, before: Pick<ArchiveRecord, 'line' | 'root'>, root: Uint8Array): Promise<Result<void>> {
  const batches = new Batches(store, { sync: true });
  const check: Visit = () => Promise.resolve();
  const fill: Visit = async ({ number, groups, bundle }) => {
    for (const { first_index, value } of groups) {
      // A group at the line never left the store, and may have changed there since.
      if (await store.get('log', log_keys.group(first_index)) === undefined) await batches.add({ space: 'log', key: log_keys.group(first_index), value });
    }
    await batches.add({ space: 'log', key: log_keys.bundle(number), value: bundle });
    progress?.({ done: (number + 1) * tile_width - part.first, total: part.next - part.first });
  };
  for (const visit of [check, fill]) {
    const tree = await treeBefore(store, before);
    const found = tree.ok ? await readBack(new TileFolder(folder), tree.value, part.next, visit) : tree;
    if (!found.ok) return found;
    if (!equal(found.value.root, root) || !equal(found.value.digest, part.digest)) {
      return fail('AUDIT_ARCHIVE_INVALID', `${folder} does not hold the entries ${part.first} to ${part.next - 1} as they were archived`, { fix: 'name the folder that they were archived to, or an unchanged copy of it' });
    }
  }
  await batches.flush();
  return ok(undefined);
}

/**
 * Brings the entries that were archived last back from their folder, or from a
 * copy of it, and writes an entry about it. The folder stays as it is.
 *
 * Fails with `AUDIT_NOTHING_ARCHIVED`, `AUDIT_ARCHIVE_INVALID`, `AUDIT_DAMAGED`, `ARCHIVE_FOLDER`, or with what the log fails with.
 */
export async function restoreArchive(work: ArchiveWork): Promise<Result<Archived>> {
  const { store, log, folder, subject } = work;
  if (log.frozen !== undefined) return { ok: false, failure: log.frozen };
  const record = await readArchiveRecord(store);
  if (!record.ok) return record;
  const parts = record.value.parts.slice(0, -1);
  const part = record.value.parts.at(-1);
  if (part === undefined) return fail('AUDIT_NOTHING_ARCHIVED', 'no entry of this log is archived');
  try {
    const root = await log.rootAt(part.first);
    if (!root.ok) return root;
    const filled = await log.holdErasures(() => refill(work, part, { line: part.first, root: root.value }, record.value.root));
    if (!filled.ok) return filled;
    const event = { kind: 'restored', first: part.first, next: part.next };
    const appended = await log.append({ subject, payload: canonicalJsonBytes(event) }, { with: [archiveRecordChange({ root: root.value, parts })] });
    return appended.ok ? ok({ folder, first: part.first, next: part.next, index: appended.value.index }) : appended;
  } catch (error) {
    return fail('ARCHIVE_FOLDER', `the entries could not be brought back from ${folder}: ${messageOf(error)}`, { fix: 'name a folder that you may read', cause: error });
  }
}
