/** Trees as stores of the layout before kept them, by their format alone. */
import { createHash } from 'node:crypto';
import { store_schema_version_before, type Change, type Store } from '../../storage/store.ts';
import { bytes } from './vfs-world.ts';

/** SHA-256 in hex. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A tree of the layout before. */
export interface OldTree {
  readonly changes: readonly Change[];
  /** Hashes of its present state and of the one that is kept. */
  readonly root: string;
  readonly kept: string;
}

/** Two files of one content, a long one, and a kept state with a file that is removed. */
export function oldTree(name: string): OldTree {
  const id = createHash('sha256').update(name).digest().subarray(0, 16);
  const changes: Change[] = [];
  const put = (letter: string, hash: string, value: Uint8Array): void => void changes.push({ space: 'vfs', key: Buffer.concat([Buffer.from(letter), id, Buffer.from(hash, 'hex')]), value });
  const object = (letter: 'c' | 'l' | 'n', value: Uint8Array): string => {
    put(letter, sha256(value), value);
    return letter + sha256(value);
  };
  const entry = (file: string, content: string, chunks: number, length: number): readonly unknown[] => [0, file, content, chunks, length, 1000, null, 'writer', 'call', ['tag'], ['web']];
  const short = object('c', bytes('in the clear'));
  put('C', short.slice(1), Uint8Array.of(0, 0, 0, 3));
  const pieces = [new Uint8Array(65_536).fill(1), new Uint8Array(10).fill(2)].map((piece) => object('c', piece));
  const list = object('l', Buffer.concat(pieces.map((piece) => Buffer.from(piece.slice(1), 'hex'))));
  const kept = object('n', bytes(JSON.stringify([entry('a', short, 1, 12), entry('removed', object('c', bytes('removed in the clear')), 1, 20)])));
  const root = object('n', bytes(JSON.stringify([entry('a', short, 1, 12), entry('b', short, 1, 12), entry('long', list, 2, 65_546)])));
  const head = JSON.stringify({ name, root, stored_bytes: 66_000, snapshots: [{ root: kept.slice(1), taken_ms: 5, by: 'me', note: 'kept', inodes: 2, bytes: 32 }] });
  changes.push({ space: 'vfs', key: Buffer.concat([Buffer.from('h'), id]), value: bytes(sha256(head) + head) });
  return { changes, root: root.slice(1), kept: kept.slice(1) };
}

/** Makes a store one of the layout before, with these records. */
export async function oldLayout(store: Store, changes: readonly Change[]): Promise<void> {
  await store.batch([...changes, { space: 'meta', key: bytes('schema-version'), value: bytes(String(store_schema_version_before)) }], { sync: true });
}
