/** Trees of the memory file system for tests: over a store that remembers its batches, and an auditor that knows only the format on the disk. */
import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { openStore, type Change, type Store } from '../../storage/store.ts';
import { parseVfsPath, VfsTrees, type VfsLimits, type VfsPath, type VfsTree, type VfsWrite } from '../../storage/vfs.ts';

/** A path that is known to be good. */
export function at(text: string): VfsPath {
  return unwrap(parseVfsPath(text));
}

/** The bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text of bytes. */
export function textOf(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}

/** How tests write unless they say otherwise. */
export const plain: VfsWrite = { mode: 'replace', writer: 'writer', call_id: 'call-1', labels: [] };

/** A tree whose clock the test sets. */
export interface World {
  readonly store: Store;
  readonly trees: VfsTrees;
  readonly tree: VfsTree;
  /** Every batch that was written, in order. */
  readonly batches: (readonly Change[])[];
  now_ms: number;
}

/** Opens a tree named `agent` over a store, in memory where none is given. */
export async function world(given: { readonly store?: Store; readonly limits?: VfsLimits } = {}): Promise<World> {
  const inner = given.store ?? unwrap(await openStore({ kind: 'memory' }));
  const batches: (readonly Change[])[] = [];
  const store: Store = {
    get: (space, key) => inner.get(space, key),
    entries: (space, range) => inner.entries(space, range),
    batch: async (changes, options) => {
      batches.push(changes.map((change) => ({ ...change })));
      await inner.batch(changes, options);
    },
    close: () => inner.close(),
  };
  const { limits } = given;
  const made = { store, batches, now_ms: 1_800_000_000_000 };
  const trees = new VfsTrees({ store, now: () => made.now_ms, ...(limits === undefined ? {} : { limits: () => limits }) });
  return Object.assign(made, { trees, tree: unwrap(trees.tree('agent')) });
}

/** The code of a failure, or `ok`. */
export function codeOf(result: { readonly ok: boolean; readonly failure?: { readonly code: string } }): string {
  return result.failure?.code ?? 'ok';
}

interface Found {
  readonly objects: Map<string, Uint8Array>;
  readonly counts: Map<string, number>;
  readonly roots: string[];
}

async function stored(store: Store): Promise<Found> {
  const found: Found = { objects: new Map(), counts: new Map(), roots: [] };
  for await (const [key, value] of store.entries('vfs', {})) {
    const letter = String.fromCharCode(key[0] ?? 0);
    const name = Buffer.from(key.subarray(17)).toString('hex');
    if (letter === 'h') {
      const head: unknown = JSON.parse(textOf(value).slice(64));
      assert.ok(typeof head === 'object' && head !== null && 'root' in head && 'snapshots' in head && Array.isArray(head.snapshots));
      if (typeof head.root === 'string') found.roots.push(head.root);
      for (const snapshot of head.snapshots) found.roots.push(`n${String(snapshot.root)}`);
    } else if (letter === letter.toUpperCase()) found.counts.set(letter.toLowerCase() + name, Buffer.from(value).readUInt32BE());
    else found.objects.set(letter + name, value);
  }
  return found;
}

/** The names in the bytes of an object, whatever its form: what looks like one is one, the texts of the tests hold none. */
function namesIn(ref: string, content: Uint8Array): readonly string[] {
  if (ref.startsWith('c')) return [];
  if (ref.startsWith('l')) return (Buffer.from(content).toString('hex').match(/.{64}/g) ?? []).map((hash) => `c${hash}`);
  return textOf(content).match(/(?<=")[cln][0-9a-f]{64}(?=")/g) ?? [];
}

/** Asserts of a store with one tree: every object has the hash that names it, is named from a root, and is counted as often as it is named. */
export async function audit(store: Store): Promise<{ readonly objects: number; readonly bytes: number }> {
  const { objects, counts, roots } = await stored(store);
  const named = new Map<string, number>();
  for (const root of roots) named.set(root, (named.get(root) ?? 0) + 1);
  for (const [ref, content] of objects) {
    assert.is(createHash('sha256').update(content).digest('hex'), ref.slice(1));
    for (const name of namesIn(ref, content)) named.set(name, (named.get(name) ?? 0) + 1);
  }
  assert.equal([...objects.keys()].sort(), [...named.keys()].sort(), 'what is stored is what is named');
  for (const [ref, times] of named) assert.is(counts.get(ref) ?? 1, times, `${ref} is counted as often as it is named`);
  for (const [ref, count] of counts) assert.ok(count > 1 && objects.has(ref), 'only what is named several times has a count');
  return { objects: objects.size, bytes: [...objects.values()].reduce((sum, content) => sum + content.length, 0) };
}
