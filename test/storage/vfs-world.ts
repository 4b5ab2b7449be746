/** Trees of the memory file system for tests: over a store that remembers its batches, and an auditor that knows only the format on the disk. */
import { createDecipheriv, createHash, randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { memoryFiles, type Files } from '../../storage/files.ts';
import { openStore, type Change, type Store } from '../../storage/store.ts';
import { openVault, type Vault } from '../../storage/vault.ts';
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

/** The vault in some files; an empty one where there is none. */
export async function openedVault(files: Files): Promise<Vault> {
  return unwrap(await openVault({ files, random: (length) => new Uint8Array(randomBytes(length)), create: true }));
}

/** A vault with nothing in it, in memory where no files are given. */
export function freshVault(files: Files = memoryFiles()): Promise<Vault> {
  return openedVault(files);
}

/** A store whose disk takes its time. */
export function slowStore(inner: Store): Store {
  return {
    get: inner.get.bind(inner), entries: inner.entries.bind(inner), close: inner.close.bind(inner),
    batch: async (...given) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await inner.batch(...given);
    },
  };
}

/** A vault that does some things otherwise. */
export function vaultWith(vault: Vault, otherwise: Partial<Vault>): Vault {
  return {
    prepare: vault.prepare.bind(vault), random: vault.random.bind(vault), handleOf: vault.handleOf.bind(vault), holds: vault.holds.bind(vault),
    seal: vault.seal.bind(vault), open: vault.open.bind(vault), admits: vault.admits.bind(vault), forget: vault.forget.bind(vault), ...otherwise,
  };
}

/** A tree whose clock the test sets. */
export interface World {
  readonly store: Store;
  readonly vault: Vault;
  readonly trees: VfsTrees;
  readonly tree: VfsTree;
  /** Every batch that was written, in order. */
  readonly batches: (readonly Change[])[];
  now_ms: number;
}

/** Opens a tree named `agent` over a store, in memory where none is given. */
export async function world(given: { readonly store?: Store; readonly vault?: Vault; readonly limits?: VfsLimits } = {}): Promise<World> {
  const vault = given.vault ?? await freshVault();
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
  const made = { store, vault, batches, now_ms: 1_800_000_000_000 };
  const trees = new VfsTrees({ store, vault, now: () => made.now_ms, ...(limits === undefined ? {} : { limits: () => limits }) });
  return Object.assign(made, { trees, tree: unwrap(trees.tree('agent')) });
}

/** The code of a failure, or `ok`. */
export function codeOf(result: { readonly ok: boolean; readonly failure?: { readonly code: string } }): string {
  return result.failure?.code ?? 'ok';
}

/** The tree `agent` as whoever opens the store and the vault next has it. */
export function reopened({ store, vault }: Pick<World, 'store' | 'vault'>, now: () => number = () => 0): VfsTree {
  return unwrap(new VfsTrees({ store, vault, now }).tree('agent'));
}

const letters = { tree: 't', object: 'o' } as const;

function opened(secret: Uint8Array, sealed: Uint8Array, belongs_to?: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', secret, new Uint8Array(12));
  if (belongs_to !== undefined) decipher.setAAD(belongs_to);
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

/** What the key of a tree gives for a kind of record and 32 bytes: where it lies, and what seals it. */
function derived(tree_key: Uint8Array, kind: string, name: Uint8Array): { readonly address: Buffer; readonly secret: Buffer } {
  const both = createHash('sha512').update(tree_key).update(kind, 'latin1').update(name).digest();
  return { address: both.subarray(0, 32), secret: both.subarray(32) };
}

/** A record of a tree on the disk, opened by its format alone. */
export interface OpenedRecord {
  readonly ref: string;
  readonly key: Uint8Array;
  readonly sealed: Uint8Array;
  readonly content: Uint8Array;
}

/** The names in the bytes of an object, whatever its form: what looks like one is one, the texts of the tests hold none. */
function namesIn(ref: string, content: Uint8Array): readonly string[] {
  if (ref.startsWith('c')) return [];
  if (ref.startsWith('l')) return (Buffer.from(content).toString('hex').match(/.{64}/g) ?? []).map((hash) => `c${hash}`);
  return textOf(content).match(/(?<=")[cln][0-9a-f]{64}(?=")/g) ?? [];
}

/** Every record of the one tree of a store that its head leads to, and those that nothing leads to. */
export async function recordsOf(store: Store, vault: Vault): Promise<{ readonly objects: readonly OpenedRecord[]; readonly counts: ReadonlyMap<string, number>; readonly roots: readonly string[]; readonly strays: number }> {
  const found = new Map<string, { readonly key: Uint8Array; readonly value: Uint8Array }>();
  let tree: { readonly prefix: string; readonly tree_key: Uint8Array; readonly roots: readonly string[] } | undefined;
  for await (const [key, value] of store.entries('vfs', {})) {
    if (String.fromCharCode(key[0] ?? 0) !== letters.tree) {
      found.set(Buffer.from(key).toString('hex'), { key, value });
      continue;
    }
    assert.is(tree, undefined, 'there is one tree');
    assert.is(value[0], 1);
    const generation = Buffer.from(value).readUInt32BE(1);
    const handle = key.slice(1);
    const { bytes: tree_key } = unwrap(vault.open({ handle, leaf: { realm: 0xffff, index: 2 ** 48 - 1 - generation }, context: bytes('memory') }, value.slice(5, 65)));
    const head: unknown = JSON.parse(opened(derived(tree_key, 's', value.subarray(65, 97)).secret, value.subarray(97), key).toString());
    assert.ok(typeof head === 'object' && head !== null && 'root' in head && 'snapshots' in head && Array.isArray(head.snapshots));
    const prefix = Buffer.concat([Buffer.from(letters.object), handle, value.subarray(1, 5)]).toString('hex');
    tree = { prefix, tree_key, roots: [...(typeof head.root === 'string' ? [head.root] : []), ...head.snapshots.map((snapshot: { readonly root: string }) => `n${snapshot.root}`)] };
  }
  const objects = new Map<string, OpenedRecord>();
  const counts = new Map<string, number>();
  const { prefix = '', tree_key = new Uint8Array(), roots = [] } = tree ?? {};
  for (const open = [...roots]; open.length > 0;) {
    const ref = open.pop() ?? '';
    const name = Buffer.from(ref.slice(1), 'hex');
    const place = derived(tree_key, ref.slice(0, 1), name);
    const record = found.get(prefix + place.address.toString('hex'));
    if (objects.has(ref) || record === undefined) continue;
    const content = opened(place.secret, record.value);
    objects.set(ref, { ref, key: record.key, sealed: record.value, content });
    open.push(...namesIn(ref, content));
    const counted = found.get(prefix + derived(tree_key, ref.slice(0, 1).toUpperCase(), name).address.toString('hex'));
    if (counted !== undefined) counts.set(ref, opened(derived(tree_key, 's', counted.value.subarray(0, 32)).secret, counted.value.subarray(32), counted.key).readUInt32BE());
  }
  return { objects: [...objects.values()], counts, roots, strays: found.size - objects.size - counts.size };
}

/** Asserts of a store with one tree: every object is sealed for the hash that names it, is named from a root, and is counted as often as it is named, and there is nothing else. */
export async function audit(store: Store, vault: Vault): Promise<{ readonly objects: number; readonly bytes: number }> {
  const { objects, counts, roots, strays } = await recordsOf(store, vault);
  const named = new Map<string, number>();
  for (const root of roots) named.set(root, (named.get(root) ?? 0) + 1);
  for (const { ref, content } of objects) {
    assert.is(createHash('sha256').update(content).digest('hex'), ref.slice(1));
    for (const name of namesIn(ref, content)) named.set(name, (named.get(name) ?? 0) + 1);
  }
  assert.is(strays, 0, 'what is stored is what is named');
  assert.equal(objects.map(({ ref }) => ref).sort(), [...named.keys()].sort(), 'what is named is stored');
  for (const [ref, times] of named) assert.is(counts.get(ref) ?? 1, times, `${ref} is counted as often as it is named`);
  for (const count of counts.values()) assert.ok(count > 1, 'only what is named several times has a count');
  return { objects: objects.length, bytes: objects.reduce((sum, { content }) => sum + content.length, 0) };
}
