/** What of a tree of the memory file system is no object: which root is the present one, and which earlier ones are kept. */
import { fromUtf8, toHex, utf8 } from '../crypto/bytes.ts';
import { isFields, isWhole } from '../crypto/canonical.ts';
import { sha256Text } from '../crypto/hash.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Ref } from './vfs-node.ts';

/** An earlier state of a tree that is kept. */
export interface VfsSnapshot {
  /** SHA-256 of the root node in hex: names the whole tree. */
  readonly root: string;
  /** Unix milliseconds. */
  readonly taken_ms: number;
  readonly by: string;
  readonly note: string;
  readonly inodes: number;
  readonly bytes: number;
}

/** The present state of a tree. */
export interface Head {
  /** Whose tree it is. */
  readonly name: string;
  /** Absent as long as there is nothing in it. */
  readonly root: Ref | null;
  /** Bytes of all its objects, those of snapshots included. */
  readonly stored_bytes: number;
  /** Oldest first. */
  readonly snapshots: readonly VfsSnapshot[];
}

const root_form = /^n[0-9a-f]{64}$/;

function isSnapshot(value: unknown): value is VfsSnapshot {
  return isFields(value) && typeof value['root'] === 'string' && root_form.test(`n${value['root']}`) && isWhole(value['taken_ms'])
    && typeof value['by'] === 'string' && typeof value['note'] === 'string' && isWhole(value['inodes']) && isWhole(value['bytes']);
}

function isHead(value: unknown): value is Head {
  return isFields(value) && typeof value['name'] === 'string' && isWhole(value['stored_bytes'])
    && (value['root'] === null || (typeof value['root'] === 'string' && root_form.test(value['root'])))
    && Array.isArray(value['snapshots']) && value['snapshots'].every(isSnapshot);
}

/** The bytes of a head, behind the hash of them. */
export function encodeHead(head: Head): Uint8Array {
  const text = JSON.stringify(head);
  return utf8(toHex(sha256Text(text)) + text);
}

/** Reads a head. Fails with `VFS_DAMAGED`. */
export function decodeHead(bytes: Uint8Array): Result<Head> {
  const text = fromUtf8(bytes) ?? '';
  const body = text.slice(64);
  if (text.slice(0, 64) === toHex(sha256Text(body))) {
    const value: unknown = JSON.parse(body);
    if (isHead(value)) return ok(value);
  }
  return fail('VFS_DAMAGED', 'what names the root of the tree is not what was written', { fix: 'restore the data folder from a backup' });
}
