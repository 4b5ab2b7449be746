/**
 * The objects of one generation of a tree of the memory file system: bytes that
 * are named by their hash, sealed for that name, and counted by how often others
 * name them. A change is settled into one atomic batch: what is named for the
 * first time is written, what is named by nobody any more is deleted, and
 * nothing else is touched.
 */
import { assert } from '../crypto/assert.ts';
import { bigEndian, concat, fromBigEndian, fromHex, toHex } from '../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { RecentMap } from '../crypto/recent.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Store } from './store.ts';
import { childrenOf, decodeNode, encodeNode, type Node, type Ref } from './vfs-node.ts';
import { object_seal_bytes, openObject, sealObject, type TreeSeal } from './vfs-seal.ts';
import type { TreeChange, TreeWrites } from './vfs-writes.ts';

const count_bytes = 4;
// A count that cannot be read: what it belongs to stays.
const names_unreadable = 0x4000_0000;
const nodes_kept_max = 1024;
const counts_kept_max = 4096;

interface Made {
  readonly bytes: Uint8Array;
  readonly children: readonly Ref[];
}

/** An object or a count on its way to the disk, or that it goes. */
interface Flying {
  readonly ref: Ref;
  readonly value: Uint8Array | undefined;
  readonly is_new: boolean;
}

/** How often an object is named, and its length; zeros for one that does not exist. */
interface Counted {
  readonly names: number;
  readonly bytes: number;
}

/** What a settled change writes, and by how much it changes the bytes that are stored. */
export interface Settlement {
  readonly changes: readonly Flying[];
  /** What of the objects that are touched holds afterwards. */
  readonly counts: ReadonlyMap<Ref, Counted>;
  readonly bytes: number;
}

/** What the objects of a list of chunks name. */
export function chunksIn(list: Uint8Array): readonly Ref[] | undefined {
  if (list.length % digest_bytes !== 0) return undefined;
  return Array.from({ length: list.length / digest_bytes }, (_, index) => `c${toHex(list.subarray(index * digest_bytes, (index + 1) * digest_bytes))}`);
}

/** Objects that a change makes. They are written only if what it ends with names them. */
export class Draft {
  readonly made: Map<Ref, Made> = new Map();
  readonly nodes: Map<Ref, Node> = new Map();

  #make(letter: 'c' | 'l' | 'n', bytes: Uint8Array, children: readonly Ref[]): Ref {
    const ref = letter + toHex(sha256(bytes));
    this.made.set(ref, { bytes, children });
    return ref;
  }

  /** A piece of a file. */
  chunk(bytes: Uint8Array): Ref {
    return this.#make('c', bytes, []);
  }

  /** The chunks of a file of several. */
  list(chunks: readonly Ref[]): Ref {
    return this.#make('l', concat(...chunks.map(digestOf)), chunks);
  }

  /** A folder, or a part of one. */
  node(node: Node): Ref {
    const ref = this.#make('n', encodeNode(node), childrenOf(node));
    this.nodes.set(ref, node);
    return ref;
  }
}

function digestOf(ref: Ref): Uint8Array {
  const digest = fromHex(ref.slice(1));
  assert(digest?.length === digest_bytes, 'an object is named by its hash');
  return digest;
}

/** The name under which the count of an object stands. */
function countRef(ref: Ref): Ref {
  return ref.slice(0, 1).toUpperCase() + ref.slice(1);
}

function isCount(ref: Ref): boolean {
  return ref.charCodeAt(0) < 97;
}

/** What objects are kept in. */
export interface ObjectsParts {
  readonly store: Pick<Store, 'get'>;
  readonly writes: TreeWrites;
  readonly seal: TreeSeal;
  random(length: number): Uint8Array;
}

/** The objects of one generation of a tree. */
export class TreeObjects {
  readonly #parts: ObjectsParts;
  readonly #flying = new Map<Ref, Flying>();
  readonly #nodes = new RecentMap<Ref, Node>(nodes_kept_max);
  /** Of objects that were changed lately. What they say is written, or will be before anything that rests on it. */
  readonly #counts = new RecentMap<Ref, Counted>(counts_kept_max);

  constructor(parts: ObjectsParts) {
    this.#parts = parts;
  }

  /** An object whose bytes were sealed for the hash that it is named by. Fails with `VFS_DAMAGED`. */
  async read(ref: Ref): Promise<Result<Uint8Array>> {
    const { store, seal } = this.#parts;
    const flying = this.#flying.get(ref);
    if (flying !== undefined) return flying.value === undefined ? damaged(ref, 'is missing') : ok(flying.value);
    const place = seal.place(ref);
    const sealed = await store.get('vfs', place.key);
    if (sealed === undefined) return damaged(ref, 'is missing');
    const bytes = openObject(place, sealed);
    return bytes === undefined ? damaged(ref, 'is not what was written') : ok(bytes);
  }

  /** A folder, or a part of one, that was used lately. */
  known(ref: Ref): Node | undefined {
    return this.#nodes.get(ref);
  }

  /** A folder, or a part of one. Fails with `VFS_DAMAGED`. */
  async node(ref: Ref): Promise<Result<Node>> {
    const known = this.#nodes.get(ref);
    if (known !== undefined) return ok(known);
    const bytes = await this.read(ref);
    if (!bytes.ok) return bytes;
    const node = decodeNode(bytes.value);
    if (node === undefined) return damaged(ref, 'is no folder');
    this.#nodes.set(ref, node);
    return ok(node);
  }

  async #count(ref: Ref): Promise<Counted> {
    const known = this.#counts.get(ref);
    if (known !== undefined) return known;
    const bytes = await this.#length(ref);
    return bytes === undefined ? { names: 0, bytes: 0 } : { names: await this.#names(countRef(ref)), bytes };
  }

  async #length(ref: Ref): Promise<number | undefined> {
    const { store, seal } = this.#parts;
    const flying = this.#flying.get(ref);
    if (flying !== undefined) return flying.value?.length;
    const sealed = await store.get('vfs', seal.place(ref).key);
    return sealed === undefined ? undefined : Math.max(0, sealed.length - object_seal_bytes);
  }

  async #names(ref: Ref): Promise<number> {
    const { store, seal } = this.#parts;
    const { key } = seal.place(ref);
    const flying = this.#flying.get(ref);
    const sealed = flying === undefined ? await store.get('vfs', key) : undefined;
    if (sealed === undefined && flying?.value === undefined) return 1;
    const count = sealed === undefined ? flying?.value : seal.openChanging(key, sealed);
    return count === undefined ? names_unreadable : fromBigEndian(count) ?? names_unreadable;
  }

  /** What the object names, as far as it can be read: what is damaged must be removable all the same. */
  async #children(ref: Ref): Promise<readonly Ref[]> {
    if (ref.startsWith('c')) return [];
    if (ref.startsWith('l')) {
      const bytes = await this.read(ref);
      return bytes.ok ? chunksIn(bytes.value) ?? [] : [];
    }
    const node = await this.node(ref);
    return node.ok ? childrenOf(node.value) : [];
  }

  /**
   * What has to be written so that `retained` are named once more each and
   * `released` once less. What a new object names is counted from then on, what
   * a dying one named is counted no more.
   */
  async settle(draft: Draft, retained: readonly Ref[], released: readonly Ref[]): Promise<Settlement> {
    const deltas = new Map<Ref, number>();
    const born = new Map<Ref, Made>();
    const add = (ref: Ref, step: number): void => void deltas.set(ref, (deltas.get(ref) ?? 0) + step);
    for (const open = [...retained]; open.length > 0;) {
      const ref = open.pop();
      if (ref === undefined) break;
      add(ref, 1);
      const made = draft.made.get(ref);
      if (made === undefined || born.has(ref) || (await this.#count(ref)).names > 0) continue;
      born.set(ref, made);
      const node = draft.nodes.get(ref);
      if (node !== undefined) this.#nodes.set(ref, node);
      open.push(...made.children);
    }
    const dead = new Map<Ref, number>();
    // All that is gained is known here, so what reaches zero stays there.
    for (let open = [...released]; open.length > 0;) {
      for (const ref of open) add(ref, -1);
      const next: Ref[] = [];
      for (const ref of new Set(open)) {
        const delta = deltas.get(ref) ?? 0;
        if (delta >= 0 || born.has(ref) || dead.has(ref)) continue;
        const { names, bytes } = await this.#count(ref);
        if (names + delta > 0) continue;
        dead.set(ref, bytes);
        next.push(...await this.#children(ref));
      }
      open = next;
    }
    return this.#settlement(deltas, born, dead);
  }

  async #settlement(deltas: ReadonlyMap<Ref, number>, born: ReadonlyMap<Ref, Made>, dead: ReadonlyMap<Ref, number>): Promise<Settlement> {
    const changes: Flying[] = [];
    const counts = new Map<Ref, Counted>();
    let bytes = 0;
    for (const [ref, delta] of deltas) {
      const made = born.get(ref);
      if (delta === 0 && made === undefined) continue;
      const old = made === undefined ? await this.#count(ref) : { names: 0, bytes: made.bytes.length };
      // A new object may stand for one that the disk has lost, and that a dying folder still named.
      const names = made === undefined ? old.names + delta : Math.max(1, delta);
      if (made !== undefined) changes.push({ ref, value: made.bytes, is_new: true });
      else if (dead.has(ref)) changes.push({ ref, value: undefined, is_new: false });
      if (names > 1) changes.push({ ref: countRef(ref), value: bigEndian(names, count_bytes), is_new: false });
      else if (old.names > 1) changes.push({ ref: countRef(ref), value: undefined, is_new: false });
      bytes += made === undefined ? -(dead.get(ref) ?? 0) : made.bytes.length;
      counts.set(ref, names > 0 ? { names, bytes: old.bytes } : { names: 0, bytes: 0 });
    }
    return { changes, counts, bytes };
  }

  /** Writes what was settled, and the head that names it, behind all earlier ones. Reads see them at once; the promise resolves when they are on the disk. */
  async write({ changes, counts }: Settlement, head: TreeChange): Promise<void> {
    for (const [ref, counted] of counts) this.#counts.set(ref, counted);
    for (const change of changes) this.#flying.set(change.ref, change);
    await this.#parts.writes.write([...changes.map((change) => this.#sealed(change)), head]);
    for (const change of changes) if (this.#flying.get(change.ref) === change) this.#flying.delete(change.ref);
  }

  // Sealed when it is written: of what many changes at once make anew, only the last is.
  #sealed({ ref, value, is_new }: Flying): TreeChange {
    const { seal, random } = this.#parts;
    return {
      name: seal.name + ref, is_new, removes: value === undefined,
      change: () => {
        const place = seal.place(ref);
        if (value === undefined) return { space: 'vfs', key: place.key };
        return { space: 'vfs', key: place.key, value: isCount(ref) ? seal.sealChanging(place.key, value, random) : sealObject(place, value) };
      },
    };
  }
}

function damaged(ref: Ref, why: string): Result<never> {
  const what = { c: 'a piece of the file', l: 'the list of its pieces', n: 'a folder' }[ref.slice(0, 1)] ?? 'an object';
  return fail('VFS_DAMAGED', `${what} ${why}`, { fix: 'restore a snapshot from before, or write it anew; agentmesh doctor looks at the disk', detail: { object: ref.slice(1) } });
}
