/**
 * The keys of the trees of the memory file system, each sealed by the vault
 * under its subject: erasing the subject makes its memory unreadable too. A tree
 * has one generation after the other; each has a key of its own, under a leaf
 * that the vault can forget alone, so that all that was ever written in the
 * generations before can be made unreadable while the subject goes on.
 */
import { bigEndian, concat, fromBigEndian, toHex, utf8 } from '../crypto/bytes.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { leaf_index_max, type Leaf } from './puncturable-key.ts';
import type { Change, Store } from './store.ts';
import { handle_bytes, sealing_bytes, type Vault } from './vault.ts';
import { decodeHead, encodeHead, type Head } from './vfs-head.ts';
import { tree_key_bytes, TreeSeal } from './vfs-seal.ts';
import type { TreeChange } from './vfs-writes.ts';

const head_letter = 't';
const object_letter = 'o';
const record_version = 1;
const generation_bytes = 4;
const wrapped_bytes: number = tree_key_bytes + sealing_bytes;
const head_at: number = 1 + generation_bytes + wrapped_bytes;
const wrap_context = utf8('memory');
const removals_max = 1024;
// The last realm counts down from its end, where no box of a log ever comes.
const memory_realm = 0xffff;

/** Under which key of the vault the key of a generation is sealed. */
function leafOf(generation: number): Leaf {
  return { realm: memory_realm, index: leaf_index_max - generation };
}

/** The key of a generation of a tree. */
export interface TreeKey {
  /** The random name of its subject in the vault. */
  readonly handle: Uint8Array;
  readonly generation: number;
  /** As the vault sealed it. */
  readonly wrapped: Uint8Array;
  readonly seal: TreeSeal;
}

/** A tree as the store has it. */
export interface StoredTree {
  readonly key: TreeKey;
  readonly head: Head;
}

/** What keys are kept in and sealed by. */
export interface TreeKeysParts {
  readonly store: Pick<Store, 'get' | 'batch' | 'entries'>;
  readonly vault: Pick<Vault, 'prepare' | 'random' | 'handleOf' | 'holds' | 'seal' | 'open' | 'admits' | 'forget'>;
}

function headKey(handle: Uint8Array): Uint8Array {
  return concat(utf8(head_letter), handle);
}

function objectPrefix(handle: Uint8Array, generation: number): Uint8Array {
  return concat(utf8(object_letter), handle, bigEndian(generation, generation_bytes));
}

const damaged: Result<never> = fail('VFS_DAMAGED', 'what names the root of the tree is not what was written', { fix: 'restore the data folder from a backup' });

/** The keys of all trees of a store. */
export class TreeKeys {
  readonly #store: TreeKeysParts['store'];
  readonly #vault: TreeKeysParts['vault'];

  constructor({ store, vault }: TreeKeysParts) {
    this.#store = store;
    this.#vault = vault;
  }

  /** Whether what is sealed under a key can still be opened. */
  holds({ handle, generation }: Pick<TreeKey, 'handle' | 'generation'>): boolean {
    return this.#vault.holds(handle, leafOf(generation));
  }

  /** Whether a subject has a key in the vault. */
  isKnown(subject: string): boolean {
    return this.#vault.handleOf(subject) !== undefined;
  }

  /** The tree of a subject; `undefined` where nothing was written, or its key was destroyed. Fails with `VFS_DAMAGED`. */
  async load(subject: string): Promise<Result<StoredTree | undefined>> {
    const handle = this.#vault.handleOf(subject);
    const bytes = handle === undefined ? undefined : await this.#store.get('vfs', headKey(handle));
    return handle === undefined || bytes === undefined ? ok(undefined) : this.#opened(handle, bytes);
  }

  #opened(handle: Uint8Array, bytes: Uint8Array): Result<StoredTree | undefined> {
    if (bytes[0] !== record_version || bytes.length < head_at) return damaged;
    const generation = fromBigEndian(bytes.subarray(1, 1 + generation_bytes)) ?? 0;
    const wrapped = bytes.slice(1 + generation_bytes, head_at);
    const tree_key = this.#vault.open({ handle, leaf: leafOf(generation), context: wrap_context }, wrapped);
    if (!tree_key.ok) return tree_key.failure.code === 'VAULT_ERASED' ? ok(undefined) : damaged;
    const seal = new TreeSeal(tree_key.value.bytes, objectPrefix(handle, generation));
    const text = seal.openChanging(headKey(handle), bytes.subarray(head_at));
    const head = text === undefined ? undefined : decodeHead(text);
    return head === undefined ? damaged : ok({ key: { handle, generation, wrapped, seal }, head });
  }

  /** A key for the generation behind another, or behind those whose head cannot be read, or for the first. Fails as preparing a subject does. */
  async fresh(subject: string, before?: TreeKey | 'unreadable'): Promise<Result<TreeKey>> {
    const prepared = await this.#vault.prepare(subject);
    const handle = prepared.ok ? this.#vault.handleOf(subject) : undefined;
    if (!prepared.ok) return prepared;
    if (handle === undefined) return fail('VAULT_ERASED', 'the subject was erased meanwhile');
    const generation = this.#nextGeneration(handle, before);
    const tree_key = this.#vault.random(tree_key_bytes);
    const wrapped = this.#vault.seal({ handle, leaf: leafOf(generation), context: wrap_context }, tree_key);
    if (!wrapped.ok) return wrapped;
    return ok({ handle, generation, wrapped: wrapped.value, seal: new TreeSeal(tree_key, objectPrefix(handle, generation)) });
  }

  // Generations end in their order, so those whose keys are gone come first.
  #nextGeneration(handle: Uint8Array, before: TreeKey | 'unreadable' | undefined): number {
    if (before !== undefined && before !== 'unreadable') return before.generation + 1;
    let generation = 0;
    while (!this.holds({ handle, generation })) generation += 1;
    // An interrupted end leaves two that are held, and the later one in force.
    return before === undefined ? generation : generation + 2;
  }

  /** A key for what is not kept. */
  passing(): TreeKey {
    const handle = new Uint8Array(handle_bytes);
    return { handle, generation: 0, wrapped: new Uint8Array(), seal: new TreeSeal(this.#vault.random(tree_key_bytes), objectPrefix(handle, 0)) };
  }

  /** The change that makes a head the present one: `u8 version | u32be generation | the key as the vault sealed it (60) | the head, sealed`. */
  headChange({ handle, generation, wrapped, seal }: TreeKey, head: Head): TreeChange {
    const key = headKey(handle);
    return {
      name: `head ${toHex(handle)}`, is_new: false, removes: false,
      change: () => ({
        space: 'vfs', key,
        value: concat(Uint8Array.of(record_version), bigEndian(generation, generation_bytes), wrapped, seal.sealChanging(key, encodeHead(head), (length) => this.#vault.random(length))),
      }),
    };
  }

  #before({ handle, generation }: TreeKey): readonly { readonly handle: Uint8Array; readonly leaf: Leaf }[] {
    const boxes: { handle: Uint8Array; leaf: Leaf }[] = [];
    for (let earlier = generation - 1; earlier >= 0 && this.holds({ handle, generation: earlier }); earlier -= 1) boxes.push({ handle, leaf: leafOf(earlier) });
    return boxes;
  }

  /** Whether there is room to forget what came before a generation. Fails with `VAULT_FULL`. */
  admits(key: TreeKey): Result<void> {
    return this.#vault.admits({ boxes: this.#before(key) });
  }

  /** Destroys the keys of all generations before one, then removes what they sealed. Done again it ends what was interrupted. Fails with `VAULT_UNWRITABLE`. */
  async endEarlier(key: TreeKey): Promise<Result<void>> {
    const boxes = this.#before(key);
    const forgotten = boxes.length === 0 ? ok(undefined) : await this.#vault.forget({ boxes });
    if (forgotten.ok) await this.#remove(objectPrefix(key.handle, 0), objectPrefix(key.handle, key.generation));
    return forgotten;
  }

  /** Whether there is a tree of a subject, whether or not it can be opened. */
  async has(handle: Uint8Array): Promise<boolean> {
    return await this.#store.get('vfs', headKey(handle)) !== undefined;
  }

  /** Removes everything of a subject whose key was destroyed. */
  async discard(handle: Uint8Array): Promise<void> {
    await this.#store.batch([{ space: 'vfs', key: headKey(handle) }], { sync: true });
    await this.#remove(objectPrefix(handle, 0), concat(objectPrefix(handle, 0xffff_ffff), Uint8Array.of(0xff)));
  }

  async #remove(from: Uint8Array, to: Uint8Array): Promise<void> {
    let changes: Change[] = [];
    for await (const [key] of this.#store.entries('vfs', { gte: from, lt: to })) {
      changes.push({ space: 'vfs', key });
      if (changes.length < removals_max) continue;
      await this.#store.batch(changes, { sync: false });
      changes = [];
    }
    if (changes.length > 0) await this.#store.batch(changes, { sync: false });
  }

  /** The names of all trees that can be opened. */
  async names(): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const [key, bytes] of this.#store.entries('vfs', { gte: utf8(head_letter), lt: utf8('u') })) {
      const tree = this.#opened(key.subarray(1), bytes);
      if (tree.ok && tree.value !== undefined) names.push(tree.value.head.name);
    }
    return names;
  }
}
