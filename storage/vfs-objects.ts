/**
 * The objects of one tree of the memory file system: bytes that are named by
 * their hash and counted by how often others name them. A change is settled
 * into one atomic batch: what is named for the first time is written, what is
 * named by nobody any more is deleted, and nothing else is touched.
 */
import { assert } from '../crypto/assert.ts';
import { bigEndian, concat, fromBigEndian, fromHex, toHex, utf8 } from '../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { RecentMap } from '../crypto/recent.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import type { Change, Store } from './store.ts';
import { childrenOf, decodeNode, encodeNode, type Node, type Ref } from './vfs-node.ts';
import type { WriteQueue } from './write-queue.ts';

const count_bytes = 4;
const nodes_kept_max = 512;
const counts_kept_max = 4096;

interface Made {
  readonly bytes: Uint8Array;
  readonly children: readonly Ref[];
}

/** Something on its way to the disk: a value, or that there is none. */
interface Flying {
  readonly value: Uint8Array | undefined;
}

/** How often an object is named, and its length; zeros for one that does not exist. */
interface Counted {
  readonly names: number;
  readonly bytes: number;
}

/** What a settled change writes, and by how much it changes the bytes that are stored. */
export interface Settlement {
  readonly changes: readonly Change[];
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

/** The objects of one tree. */
export class TreeObjects {
  readonly #store: Pick<Store, 'get'>;
  readonly #writes: WriteQueue;
  readonly #tree: Uint8Array;
  readonly #flying = new Map<string, Flying>();
  readonly #nodes = new RecentMap<Ref, Node>(nodes_kept_max);
  /** Of objects that were changed lately. What they say is written, or will be before anything that rests on it. */
  readonly #counts = new RecentMap<Ref, Counted>(counts_kept_max);

  /** `tree` is the prefix of its keys. */
  constructor(store: Pick<Store, 'get'>, writes: WriteQueue, tree: Uint8Array) {
    this.#store = store;
    this.#writes = writes;
    this.#tree = tree;
  }

  /** The key of an object, and with a capital letter of the count of its names. */
  #key(ref: Ref): Uint8Array {
    return concat(utf8(ref.slice(0, 1)), this.#tree, digestOf(ref));
  }

  /** What a key holds, what is on its way to the disk included. */
  async #get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const flying = this.#flying.get(toHex(key));
    return flying === undefined ? await this.#store.get('vfs', key) : flying.value;
  }

  /** An object whose bytes have the hash that it is named by. Fails with `VFS_DAMAGED`. */
  async read(ref: Ref): Promise<Result<Uint8Array>> {
    const bytes = await this.#get(this.#key(ref));
    if (bytes === undefined) return damaged(ref, 'is missing');
    return toHex(sha256(bytes)) === ref.slice(1) ? ok(bytes) : damaged(ref, 'is not what was written');
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
    const bytes = await this.#get(this.#key(ref));
    if (bytes === undefined) return { names: 0, bytes: 0 };
    const count = await this.#get(this.#key(ref.slice(0, 1).toUpperCase() + ref.slice(1)));
    return { names: count === undefined ? 1 : fromBigEndian(count) ?? 1, bytes: bytes.length };
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
    const changes: Change[] = [];
    const counts = new Map<Ref, Counted>();
    let bytes = 0;
    for (const [ref, delta] of deltas) {
      const made = born.get(ref);
      if (delta === 0 && made === undefined) continue;
      const old = made === undefined ? await this.#count(ref) : { names: 0, bytes: made.bytes.length };
      // A new object may stand for one that the disk has lost, and that a dying folder still named.
      const names = made === undefined ? old.names + delta : Math.max(1, delta);
      const counted = { space: 'vfs', key: this.#key(ref.slice(0, 1).toUpperCase() + ref.slice(1)) } as const;
      if (made !== undefined) changes.push({ space: 'vfs', key: this.#key(ref), value: made.bytes });
      else if (dead.has(ref)) changes.push({ space: 'vfs', key: this.#key(ref) });
      if (names > 1) changes.push({ ...counted, value: bigEndian(names, count_bytes) });
      else if (old.names > 1) changes.push(counted);
      bytes += made === undefined ? -(dead.get(ref) ?? 0) : made.bytes.length;
      counts.set(ref, names > 0 ? { names, bytes: old.bytes } : { names: 0, bytes: 0 });
    }
    return { changes, counts, bytes };
  }

  /** Writes what was settled, and the head that names it, behind all earlier ones. Reads see them at once; the promise resolves when they are on the disk. */
  async write(settled: Settlement, head: Change): Promise<void> {
    for (const [ref, counted] of settled.counts) this.#counts.set(ref, counted);
    const changes = [...settled.changes, head];
    const flying = changes.map(({ key, value }) => [toHex(key), { value }] as const);
    for (const [name, change] of flying) this.#flying.set(name, change);
    await this.#writes.write(changes);
    for (const [name, change] of flying) if (this.#flying.get(name) === change) this.#flying.delete(name);
  }
}

function damaged(ref: Ref, why: string): Result<never> {
  const what = { c: 'a piece of the file', l: 'the list of its pieces', n: 'a folder' }[ref.slice(0, 1)] ?? 'an object';
  return fail('VFS_DAMAGED', `${what} ${why}`, { fix: 'restore a snapshot from before, or write it anew; agentmesh doctor looks at the disk', detail: { object: ref.slice(1) } });
}
