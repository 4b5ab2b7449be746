/** The keys of a vault and how they are forgotten. */
import { hash } from 'node:crypto';
import { equal, toHex } from '../crypto/bytes.ts';
import { seed_bytes, type Leaf, type PuncturableKey } from './puncturable-key.ts';

/** Length of the random name under which sealed boxes refer to a subject's key; it says nothing about the subject. */
export const handle_bytes = 16;

/** The key of a subject's payloads, under the handle by which sealed boxes name it. */
export interface SubjectKey {
  readonly subject: string;
  readonly handle: Uint8Array;
  readonly key: PuncturableKey;
}

/** All keys of a vault. */
export interface VaultKeys {
  /** Forgets, for all subjects at once, the boxes of a log before one. */
  readonly common: PuncturableKey;
  readonly subjects: readonly SubjectKey[];
}

/** What is to be forgotten in one write: the key of a subject, single boxes, and for all subjects the boxes of a realm below an index. */
export interface Forgetting {
  readonly handle?: Uint8Array;
  readonly boxes?: readonly { readonly handle: Uint8Array; readonly leaf: Leaf }[];
  readonly below?: Leaf;
}

/** The keys after a forgetting; those that it changes are copies. `undefined` when it changes none. */
export function without(keys: VaultKeys, { handle, boxes = [], below }: Forgetting): VaultKeys | undefined {
  const leaves = new Map<string, Leaf[]>();
  for (const box of boxes) {
    const name = toHex(box.handle);
    const others = leaves.get(name);
    if (others === undefined) leaves.set(name, [box.leaf]);
    else others.push(box.leaf);
  }
  let { common } = keys;
  if (below !== undefined) {
    common = common.copy();
    common.puncturePrefix(below);
  }
  let changed = below !== undefined;
  const subjects: SubjectKey[] = [];
  for (const subject of keys.subjects) {
    const punctured = leaves.get(toHex(subject.handle))?.filter((leaf) => subject.key.knows(leaf)) ?? [];
    const goes = handle !== undefined && equal(handle, subject.handle);
    changed ||= goes || punctured.length > 0;
    if (goes) continue;
    if (punctured.length === 0) {
      subjects.push(subject);
      continue;
    }
    const key = subject.key.copy();
    for (const leaf of punctured) key.puncture(leaf);
    subjects.push({ ...subject, key });
  }
  return changed ? { common, subjects } : undefined;
}

function keysOf({ common, subjects }: VaultKeys): readonly PuncturableKey[] {
  return [common, ...subjects.map(({ key }) => key)];
}

/** How many seeds the keys of the subjects have together. */
export function seedsOf({ subjects }: VaultKeys): number {
  return subjects.reduce((sum, { key }) => sum + key.seeds, 0);
}

/** Overwrites the keys that are not among others. */
export function wipeBut(keys: VaultKeys, others: VaultKeys): void {
  const kept = new Set(keysOf(others));
  for (const key of keysOf(keys)) if (!kept.has(key)) key.wipe();
}

// One input buffer serves all: hashing is synchronous.
const both_secrets = Buffer.alloc(2 * seed_bytes);

/** The secret of a box: out of that of its subject and that of all. */
export function boxSecret(own: Uint8Array, common: Uint8Array): Buffer {
  both_secrets.set(own);
  both_secrets.set(common, seed_bytes);
  return Buffer.from(hash('sha256', both_secrets, 'binary'), 'latin1');
}
