/**
 * What the store keeps of entries that were moved to an archive: up to where,
 * and in which folders they are. Their hash tiles stay in the store, so that
 * every proof still can be made.
 */
import { concat, equal } from '../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape } from '../crypto/canonical.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { empty_root } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { tile_width } from '../crypto/tlog-tiles.ts';
import { log_keys } from './audit-group.ts';
import type { Change, Store } from './store.ts';

/** The most times that entries of one log can be archived. */
export const archive_parts_max = 1_024;

const record_key = log_keys.archived();

/** Entries that were archived in one go. */
export interface ArchivePart {
  readonly first: number;
  /** The index after the last. */
  readonly next: number;
  /** The folder of this host that they were written to. */
  readonly folder: string;
  /** SHA-256 over the digests of the part's bundles and group files. */
  readonly digest: Uint8Array;
}

/** What of a log is archived. */
export interface ArchiveRecord {
  /** The first entry that is not archived, a multiple of 256. */
  readonly line: number;
  /** Root of the entries before the line. */
  readonly root: Uint8Array;
  /** The archived parts, from entry 0 up to the line without a gap. */
  readonly parts: readonly ArchivePart[];
}

function damaged(): Result<never> {
  return fail('AUDIT_DAMAGED', 'the record of what was archived is damaged', { fix: 'run agentmesh audit fsck' });
}

function isIndex(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value % tile_width === 0;
}

function asPart(item: unknown, first: number): ArchivePart | undefined {
  if (!hasShape(item, ['first', 'next', 'folder', 'digest']) || !isIndex(item['next']) || typeof item['folder'] !== 'string') return undefined;
  const { next, folder, digest } = item;
  if (item['first'] !== first || next <= first || !(digest instanceof Uint8Array) || digest.length !== digest_bytes) return undefined;
  return { first, next, folder, digest };
}

function decode(bytes: Uint8Array): Result<ArchiveRecord> {
  const body = bytes.subarray(0, -digest_bytes);
  if (bytes.length <= digest_bytes || !equal(sha256(body), bytes.subarray(-digest_bytes))) return damaged();
  const decoded = decodeCbor(body);
  if (!decoded.ok || !hasShape(decoded.value, ['root', 'parts'])) return damaged();
  const { root, parts: items } = decoded.value;
  if (!(root instanceof Uint8Array) || root.length !== digest_bytes || !Array.isArray(items) || items.length > archive_parts_max) return damaged();
  const parts: ArchivePart[] = [];
  for (const item of items) {
    const part = asPart(item, parts.at(-1)?.next ?? 0);
    if (part === undefined) return damaged();
    parts.push(part);
  }
  return ok({ line: parts.at(-1)?.next ?? 0, root: Uint8Array.from(root), parts });
}

/** What of a log is archived; of one that never was, nothing. Fails with `AUDIT_DAMAGED`. */
export async function readArchiveRecord(store: Store): Promise<Result<ArchiveRecord>> {
  const bytes = await store.get('log', record_key);
  return bytes === undefined ? ok({ line: 0, root: empty_root, parts: [] }) : decode(bytes);
}

/** The first entry that is not archived; 0 where the record is damaged, which whoever reads it is told. */
export async function archivedLine(store: Store): Promise<number> {
  const record = await readArchiveRecord(store);
  return record.ok ? record.value.line : 0;
}

/** The change that keeps a record: `CBOR {root, parts} | SHA-256 of that`, or removes it when nothing is archived. */
export function archiveRecordChange({ root, parts }: Omit<ArchiveRecord, 'line'>): Change {
  if (parts.length === 0) return { space: 'log', key: record_key };
  const body = encodeCbor({ root, parts: parts.map(({ first, next, folder, digest }) => ({ first, next, folder, digest })) });
  return { space: 'log', key: record_key, value: concat(body, sha256(body)) };
}
