/** What of a tree of the memory file system is no object: which root is the present one, and which earlier ones are kept. */
import { fromUtf8, utf8 } from '../crypto/bytes.ts';
import { isFields, isWhole } from '../crypto/canonical.ts';
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

/** The bytes of a head. */
export function encodeHead(head: Head): Uint8Array {
  return utf8(JSON.stringify(head));
}

/** Reads a head; `undefined` for bytes that are none. */
export function decodeHead(bytes: Uint8Array): Head | undefined {
  const text = fromUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isHead(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
