/**
 * Holds the stored tiles and bundles of a log against its entries, also where
 * some entries are not known: then a tile is believed as far as the tile above
 * it has its hash.
 */
import { equal } from '../crypto/bytes.ts';
import { digest_bytes } from '../crypto/hash.ts';
import { foldPerfect, Frontier, leafHash } from '../crypto/frontier.ts';
import { messageOf } from '../crypto/result.ts';
import { tile_width } from '../crypto/tlog-tiles.ts';
import { log_keys } from './audit-group.ts';
import { bundleOf, entriesOfBundle, tile_bytes } from './audit-tree.ts';
import type { Change, Store } from './store.ts';

/** Hears of a damaged record: what it is called, what is wrong with it, and how to be rid of it where the log is whole without it. */
export type Report = (name: string, reason: string, drop?: Change) => void;

type Hash = Uint8Array | undefined;

/** What lies under a key, or why there is nothing to be had. */
interface Stored {
  readonly bytes: Uint8Array | undefined;
  readonly trouble: string;
}

/** A tile that is full. */
interface TilePlace {
  readonly level: number;
  readonly number: number;
  /** Its hashes as what lies below has them. */
  readonly row: readonly Hash[];
  /** The same from the bundle, where entries are damaged. */
  readonly filling: readonly Hash[] | undefined;
}

/** What is believed of a tile. */
interface Judged {
  readonly hashes: readonly Hash[];
  readonly root: Hash;
}

async function stored(store: Store, key: Uint8Array): Promise<Stored> {
  try {
    return { bytes: await store.get('log', key), trouble: 'it is missing' };
  } catch (error) {
    return { bytes: undefined, trouble: `the store could not read it: ${messageOf(error)}` };
  }
}

function hashAt(tile: Uint8Array, at: number): Uint8Array {
  return tile.subarray(at * digest_bytes, (at + 1) * digest_bytes);
}

/** The perfect subtrees that some hashes of one level fall into, or `undefined` when one is not known. */
function edgeOf(hashes: readonly Hash[]): readonly Uint8Array[] | undefined {
  const frontier = new Frontier();
  for (const hash of hashes) {
    if (hash === undefined) return undefined;
    frontier.append(hash);
  }
  return frontier.hashes;
}

function rootOf(hashes: readonly Hash[]): Hash {
  const edge = edgeOf(hashes);
  return edge === undefined ? undefined : foldPerfect(edge);
}

function hashesOf(tile: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: tile_width }, (_, at) => hashAt(tile, at));
}

/** The tree of the entries seen so far, of which some may be unknown. Keeps its right edge alone. */
export class TileCheck {
  readonly #store: Store;
  readonly #report: Report;
  /** Entries before it are not kept any more: their bundles are gone, their tiles are not. */
  readonly #kept_from: number;
  // For each tile level the hashes that do not fill a tile yet.
  readonly #rows: Hash[][] = [[]];
  #entries: (Uint8Array | undefined)[] = [];
  #size = 0;
  /** Tiles that fill in for damaged entries, with nothing above them yet that would confirm their hash. */
  #unconfirmed: string[] = [];
  #open = false;

  constructor(store: Store, report: Report, kept_from: number) {
    this.#store = store;
    this.#report = report;
    this.#kept_from = kept_from;
  }

  /** How many entries were added. */
  get size(): number {
    return this.#size;
  }

  /** The root of the entries so far, or `undefined` when it cannot be known. */
  root(): Uint8Array | undefined {
    const edge: Uint8Array[] = [];
    if (this.#open) return undefined;
    for (const row of this.#rows) {
      const perfect = edgeOf(row);
      if (perfect === undefined) return undefined;
      edge.unshift(...perfect);
    }
    return foldPerfect(edge);
  }

  /** Holds the root of the entries so far against one that it has to be, and says `name` where it is not. Knows nothing, and says nothing, where damage leaves the root open. */
  hold(expected: Uint8Array, name: string, reason: string, drop?: Change): void {
    const root = this.root();
    if (root === undefined || equal(root, expected)) return;
    if (this.#unconfirmed.length === 0) return this.#report(name, reason, drop);
    this.#open = true;
    for (const tile of this.#unconfirmed.splice(0)) this.#report(tile, `it stands in for entries that are damaged, and does not lead to the root of the ${name}`);
  }

  /** Adds the next entry, `undefined` for one that is damaged; looks at the tiles and the bundle that it fills. */
  async add(entry: Uint8Array | undefined): Promise<void> {
    this.#size += 1;
    this.#entries.push(entry);
    this.#rows[0]?.push(entry === undefined ? undefined : leafHash(entry));
    if (this.#entries.length < tile_width) return;
    const entries = this.#entries;
    this.#entries = [];
    const number = this.#size / tile_width - 1;
    const is_kept = this.#size > this.#kept_from;
    const bundle = is_kept ? await stored(this.#store, log_keys.bundle(number)) : undefined;
    const leaves = await this.#filled(0, number, fillingOf(bundle?.bytes, entries));
    if (bundle !== undefined) this.#bundle(number, bundle, entries, leaves);
  }

  /** Looks at a tile that is full now, and passes its hash on to the level above. Gives its hashes as far as they are known. */
  async #filled(level: number, number: number, filling?: readonly Hash[]): Promise<readonly Hash[]> {
    const row = this.#rows[level] ?? [];
    this.#rows[level] = [];
    const { hashes, root } = await this.#tile({ level, number, row, filling });
    const above = this.#rows[level + 1] ?? [];
    this.#rows[level + 1] = above;
    above.push(root);
    if (above.length === tile_width) await this.#filled(level + 1, (number + 1) / tile_width - 1);
    return hashes;
  }

  async #tile(place: TilePlace): Promise<Judged> {
    const { level, number, row } = place;
    const name = `tile ${level}/${number}`;
    const { bytes, trouble } = await stored(this.#store, log_keys.tile(level, number));
    const computed = rootOf(row);
    if (bytes?.length !== tile_bytes) {
      this.#report(name, bytes === undefined ? trouble : `it has ${bytes.length} bytes instead of ${tile_bytes}`);
      return { hashes: row, root: computed ?? await this.#above(level, number) };
    }
    const wrong = differsAt(row, bytes);
    if (wrong === undefined && computed !== undefined) return { hashes: row, root: computed };
    const above = await this.#above(level, number);
    const told = hashesOf(bytes);
    const root = rootOf(told);
    if (above !== undefined && root !== undefined && equal(above, root)) {
      const at = number * tile_width + (wrong ?? 0);
      if (wrong !== undefined) this.#report(level === 0 ? `entry ${at}` : `tile ${level - 1}/${at}`, `it is not what ${name} was made of`);
      return { hashes: told, root };
    }
    if (wrong === undefined && above === undefined) return this.#alone(name, place, bytes);
    this.#report(name, wrong === undefined ? 'the tile above it has another hash' : 'it is not what lies below it hashes to');
    return { hashes: row, root: computed ?? above };
  }

  /** A tile that stands in for damaged entries, with no tile above it yet: only the bundle of the same entries can speak for it. */
  #alone(name: string, { number, filling }: TilePlace, bytes: Uint8Array): Judged {
    const told = hashesOf(bytes);
    if (filling === undefined) {
      if (this.#unconfirmed.length < tile_width) this.#unconfirmed.push(name);
    } else if (differsAt(filling, bytes) !== undefined) {
      this.#report(`${name} or bundle ${number}`, 'they stand in for entries that are damaged, and contradict each other');
      return { hashes: told.map(() => undefined), root: undefined };
    }
    return { hashes: told, root: rootOf(told) };
  }

  /** The hash of a tile as the stored tile above it has it. */
  async #above(level: number, number: number): Promise<Hash> {
    const { bytes } = await stored(this.#store, log_keys.tile(level + 1, Math.floor(number / tile_width)));
    return bytes?.length === tile_bytes ? hashAt(bytes, number % tile_width) : undefined;
  }

  #bundle(number: number, { bytes, trouble }: Stored, entries: readonly (Uint8Array | undefined)[], leaves: readonly Hash[]): void {
    const name = `bundle ${number}`;
    if (bytes === undefined) return this.#report(name, trouble);
    const known = entries.filter((entry) => entry !== undefined);
    const held = known.length === tile_width ? undefined : entriesOfBundle(bytes);
    const right = known.length === tile_width
      ? equal(bytes, bundleOf(known))
      : held?.length === tile_width && held.every((entry, at) => isRight(entry, entries[at], leaves[at]));
    if (!right) this.#report(name, 'it does not hold the entries of the log');
  }
}

/** Hashes of a row that are damaged, as a bundle has them that holds all the others. */
function fillingOf(bundle: Hash, entries: readonly (Uint8Array | undefined)[]): readonly Hash[] | undefined {
  const held = bundle === undefined || entries.every((entry) => entry !== undefined) ? undefined : entriesOfBundle(bundle);
  const agrees = held?.length === tile_width && held.every((entry, at) => isRight(entry, entries[at], undefined));
  return agrees ? held.map((entry) => leafHash(entry)) : undefined;
}

/** Where a row first has another hash than a tile. */
function differsAt(row: readonly Hash[], tile: Uint8Array): number | undefined {
  const at = row.findIndex((hash, index) => hash !== undefined && !equal(hash, hashAt(tile, index)));
  return at < 0 ? undefined : at;
}

function isRight(entry: Uint8Array, known: Uint8Array | undefined, leaf: Hash): boolean {
  if (known !== undefined) return equal(entry, known);
  return leaf === undefined || equal(leafHash(entry), leaf);
}
