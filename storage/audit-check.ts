import { equal, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import type { Checkpoint } from '../crypto/checkpoint.ts';
import { leafHash } from '../crypto/merkle.ts';
import { messageOf } from '../crypto/result.ts';
import { decodeEntry, type EntryKind } from './audit-entry.ts';
import { decodeGroup, decodeState, log_keys } from './audit-group.ts';
import { readArchiveRecord } from './archive-record.ts';
import { LogTree } from './audit-tree.ts';
import { firstGroupKey } from './audit-walk.ts';
import type { Change, Store } from './store.ts';

/** Whether an entry of this kind is a reason to publish a new checkpoint; anchors of anchors would never end. */
export function isNews(kind: EntryKind): boolean {
  return kind !== 'anchor' && kind !== 'receipt';
}

/** What a replay of the stored log found. `tree` holds the entries up to the first damage. */
export interface Replay {
  readonly tree: LogTree;
  readonly generation: number;
  /** Entries after the signed head that are a reason for a new one. */
  readonly news: number;
  /** The first thing that is wrong, in words. */
  readonly damage: string | undefined;
}

class Replayer {
  tree = new LogTree();
  news = 0;
  generation = 0;
  #begun = false;
  readonly #store: Store;
  readonly #head: Checkpoint | undefined;

  constructor(store: Store, head: Checkpoint | undefined) {
    this.#store = store;
    this.#head = head;
  }

  /** Reads everything and stops at the first damage, which it returns. */
  async run(): Promise<string | undefined> {
    const archived = await readArchiveRecord(this.#store);
    const resumed = archived.ok ? await LogTree.resume(this.#store, archived.value.line) : archived;
    if (!resumed.ok) return resumed.failure.reason;
    this.tree = resumed.value;
    if (archived.ok && !equal(this.tree.root(), archived.value.root)) return `the tiles of the ${this.tree.size} archived entries do not have their root`;
    const { size: line } = this.tree;
    // Entries are archived under a signed head, so an older one was put back.
    if (line > 0 && this.#head !== undefined && this.#head.size <= line && !(this.#head.size === line && equal(this.#head.root, this.tree.root()))) {
      return `the signed head has ${this.#head.size} entries, or another root, where ${line} entries were archived under a newer one`;
    }
    for await (const [key, value] of this.#store.entries('log', { gte: await firstGroupKey(this.#store, this.tree.size), lt: utf8('h') })) {
      const damage = await this.#group(key, value);
      if (damage !== undefined) return damage;
    }
    if (this.#head !== undefined && this.#head.size > this.tree.size) {
      return `the signed head has ${this.#head.size} entries, the store only ${this.tree.size}: entry ${this.tree.size} is missing`;
    }
    return this.#state();
  }

  async #group(key: Uint8Array, value: Uint8Array): Promise<string | undefined> {
    const first_index = fromBigEndian(key.subarray(1));
    // The group in which the archived entries end is kept whole.
    const skipped = this.#begun ? 0 : this.tree.size - (first_index ?? 0);
    this.#begun = true;
    if (key.length !== 9 || first_index === undefined || skipped < 0 || first_index + skipped !== this.tree.size) {
      return `entry ${this.tree.size} is missing: the next stored group begins at ${first_index ?? 'no index'}`;
    }
    const members = decodeGroup(value);
    if (!members.ok) return `the group that begins at entry ${first_index} is damaged: ${members.failure.reason}`;
    for (const entry of members.value.entries.slice(skipped)) {
      const damage = await this.#entry(entry);
      if (damage !== undefined) return damage;
    }
    return undefined;
  }

  async #entry(bytes: Uint8Array): Promise<string | undefined> {
    const index = this.tree.size;
    const entry = decodeEntry(bytes);
    if (!entry.ok) return `entry ${index} is damaged: ${entry.failure.reason}`;
    for (const change of this.tree.append(leafHash(bytes), bytes)) {
      const damage = await this.#derived(change, index);
      if (damage !== undefined) return damage;
    }
    const head = this.#head;
    if (head === undefined || index >= head.size) this.news += isNews(entry.value.kind) ? 1 : 0;
    if (head?.size === index + 1 && !equal(head.root, this.tree.root())) {
      return `the entries up to ${index} do not have the root of the signed head`;
    }
    return undefined;
  }

  // Tiles and bundles follow from the entries, so the stored ones must be these bytes.
  async #derived({ space, key, value }: Change, index: number): Promise<string | undefined> {
    const stored = await this.#store.get(space, key);
    if (stored !== undefined && value !== undefined && equal(stored, value)) return undefined;
    const table = key[0] === log_keys.bundle(0)[0] ? 'bundle' : 'tile';
    return `the ${table} that entry ${index} fills is ${stored === undefined ? 'missing' : 'damaged'}`;
  }

  async #state(): Promise<string | undefined> {
    const stored = await this.#store.get('log', log_keys.state());
    if (stored === undefined) return this.tree.size === 0 ? undefined : 'the tree state is missing';
    const state = decodeState(stored);
    if (!state.ok) return state.failure.reason;
    this.generation = state.value.generation;
    if (state.value.size === this.tree.size && equal(state.value.root, this.tree.root())) return undefined;
    return `the tree state is that of ${state.value.size} entries, the store holds ${this.tree.size}`;
  }
}

/**
 * Reads the whole stored log and holds it against itself and the signed head:
 * no gap, every byte as it was hashed, the root that was signed. Errors of the
 * store while reading are damage too, since LevelDB reports rot that way.
 */
export async function replay(store: Store, head: Checkpoint | undefined): Promise<Replay> {
  const replayer = new Replayer(store, head);
  let damage: string | undefined;
  try {
    damage = await replayer.run();
  } catch (error) {
    damage = `the store could not be read after entry ${replayer.tree.size}: ${messageOf(error)}`;
  }
  return { tree: replayer.tree, generation: replayer.generation, news: replayer.news, damage };
}
