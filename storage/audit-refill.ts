/**
 * The entries of a damaged log, put together from what is intact and from
 * copies. What counts in the end is one thing alone: the root that was signed.
 * Tiles and the other copies only tell which of several candidates to try first.
 */
import { equal } from '../crypto/bytes.ts';
import { digest_bytes } from '../crypto/hash.ts';
import { Frontier, leafHash } from '../crypto/merkle.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { tile_width } from '../crypto/tlog-tiles.ts';
import type { Copies } from './audit-copies.ts';
import { log_keys } from './audit-group.ts';
import { entriesOfBundle, LogTree, tile_bytes } from './audit-tree.ts';
import { remainsOf, walkGroups } from './audit-walk.ts';
import type { Store } from './store.ts';

/** The most bundles that a failure names. */
const named_max = 20;

/** Whom to believe first: own records, also what can be read of damaged ones; own records that a tile confirms; or a copy alone. */
interface Choice {
  readonly own: 'remains' | 'intact' | 'confirmed' | 'none';
  readonly copy?: number;
}

/** A tree that the entries have to lead to. */
export interface RefillTarget {
  readonly size: number;
  /** Roots that the tree has to have on the way, by size; that of `size` among them. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
}

/** Entries that were put together and have the right root; they can be had again, range by range. */
export interface Composition {
  readonly target: RefillTarget;
  /** The first entry of them; the tree before it comes from stored tiles. */
  readonly start: number;
  entries(): AsyncIterable<readonly Uint8Array[]>;
}

type Known = Uint8Array | undefined;

function isWhole(entries: readonly Known[]): entries is readonly Uint8Array[] {
  return entries.every((entry) => entry !== undefined);
}

function rootOf(entries: readonly Uint8Array[]): Uint8Array {
  const frontier = new Frontier();
  for (const entry of entries) frontier.append(leafHash(entry));
  return frontier.root();
}

async function stored(store: Store, key: Uint8Array): Promise<Known> {
  try {
    return await store.get('log', key);
  } catch {
    return undefined;
  }
}

/** Puts entries together. */
export class Refill {
  readonly #store: Store;
  readonly #copies: Copies;
  /** The first entry that the store has groups and bundles of. */
  readonly #kept_from: number;

  constructor(store: Store, copies: Copies, kept_from: number) {
    this.#store = store;
    this.#copies = copies;
    this.#kept_from = kept_from;
  }

  /** Tries until the entries have the right roots. Fails with `AUDIT_UNRECOVERABLE`, saying what is missing. */
  async compose(target: RefillTarget): Promise<Result<Composition>> {
    const copies = Array.from({ length: this.#copies.count }, (_, copy) => copy);
    const choices: readonly Choice[] = [
      { own: 'remains' }, { own: 'intact' }, ...copies.map((copy) => ({ own: 'confirmed', copy }) as const), ...copies.map((copy) => ({ own: 'none', copy }) as const),
    ];
    let failed: Result<never> = fail('AUDIT_UNRECOVERABLE', 'the log has no entries');
    for (const start of new Set([Math.min(this.#kept_from, target.size - target.size % tile_width), 0])) {
      for (const choice of choices) {
        const composed = await this.#attempt(target, start, choice);
        if (composed.ok) return composed;
        failed = composed;
      }
    }
    return failed;
  }

  async #attempt(target: RefillTarget, start: number, choice: Choice): Promise<Result<Composition>> {
    const resumed = await LogTree.resume(this.#store, start);
    if (!resumed.ok) return fail('AUDIT_UNRECOVERABLE', resumed.failure.reason);
    const tree = resumed.value;
    const missing: number[] = [];
    // 32 bytes for 256 entries: what is read a second time must be the same.
    const roots: Uint8Array[] = [];
    for await (const { number, entries } of this.#ranges(start, target.size, choice)) {
      if (entries === undefined) missing.push(number);
      if (entries === undefined || missing.length > 0) continue;
      roots.push(rootOf(entries));
      for (const entry of entries) {
        tree.append(leafHash(entry), entry);
        const root = target.roots.get(tree.size);
        if (root !== undefined && !equal(root, tree.root())) {
          return fail('AUDIT_UNRECOVERABLE', `the entries that could be put together do not have the root that was signed for ${tree.size} entries`, { fix: 'name more copies with --from, or begin a successor: agentmesh audit succeed --yes' });
        }
      }
    }
    if (missing.length > 0) return missingFailure(missing);
    return ok({ target, start, entries: () => this.#again(start, target.size, choice, roots) });
  }

  async *#again(start: number, size: number, choice: Choice, roots: readonly Uint8Array[]): AsyncIterable<readonly Uint8Array[]> {
    let at = 0;
    for await (const { entries } of this.#ranges(start, size, choice)) {
      const expected = roots[at];
      if (entries === undefined || expected === undefined || !equal(rootOf(entries), expected)) throw new Error('a copy of the log gave other entries when it was asked again');
      yield entries;
      at += 1;
    }
  }

  /** The entries of each bundle's range, or nothing where they cannot be had. */
  async *#ranges(start: number, size: number, choice: Choice): AsyncIterable<{ readonly number: number; readonly entries: readonly Uint8Array[] | undefined }> {
    let known: Known[] = [];
    let number = start / tile_width;
    const width = (): number => Math.min(tile_width, size - number * tile_width);
    for await (const entry of this.#own(start, size, choice.own === 'remains')) {
      known.push(entry);
      if (known.length < width()) continue;
      yield { number, entries: await this.#range(number, known, choice) };
      known = [];
      number += 1;
    }
  }

  async *#own(start: number, size: number, remains: boolean): AsyncIterable<Known> {
    let index = start;
    for (; index < Math.min(this.#kept_from, size); index += 1) yield undefined;
    if (index >= size) return;
    for await (const stretch of walkGroups(this.#store, index, Infinity, size)) {
      if (stretch.kind === 'stray') continue;
      const entries = stretch.kind === 'intact' ? stretch.entries : remains ? remainsOf(stretch) : [];
      for (; index < Math.min(stretch.next, size); index += 1) yield entries[index - stretch.first];
      if (index >= size) return;
    }
  }

  async #range(number: number, known: readonly Known[], choice: Choice): Promise<readonly Uint8Array[] | undefined> {
    const tile = choice.own === 'none' ? undefined : await stored(this.#store, log_keys.tile(0, number));
    const leaves = tile?.length === tile_bytes ? tile : undefined;
    const isConfirmed = (entries: readonly Uint8Array[]): boolean => leaves !== undefined
      && entries.every((entry, at) => equal(leafHash(entry), leaves.subarray(at * digest_bytes, (at + 1) * digest_bytes)));
    const own = isWhole(known) ? known : undefined;
    const believed = choice.own === 'remains' || choice.own === 'intact';
    if (own !== undefined && choice.own !== 'none' && ((believed && leaves === undefined) || isConfirmed(own))) return own;
    let best = believed ? own : undefined;
    for await (const bundle of this.#bundles(number, known.length, choice)) {
      const merged = known.map((entry, at) => entry ?? bundle[at]);
      const candidates = (choice.own === 'none' ? [bundle] : [merged, bundle]).filter(isWhole);
      const confirmed = candidates.find(isConfirmed);
      if (confirmed !== undefined) return confirmed;
      best ??= believed ? candidates[0] : bundle;
      if (leaves === undefined) break;
    }
    return best ?? own;
  }

  async *#bundles(number: number, width: number, { own, copy }: Choice): AsyncIterable<readonly Uint8Array[]> {
    const first = copy === undefined ? undefined : await this.#copies.bundle(copy, number, width);
    if (first !== undefined) yield first;
    const bytes = own === 'none' ? undefined : await stored(this.#store, log_keys.bundle(number));
    const stored_bundle = bytes === undefined ? undefined : entriesOfBundle(bytes);
    if (stored_bundle !== undefined && stored_bundle.length >= width) yield stored_bundle.slice(0, width);
    for (let other = 0; other < this.#copies.count; other += 1) {
      const bundle = other === copy ? undefined : await this.#copies.bundle(other, number, width);
      if (bundle !== undefined) yield bundle;
    }
  }
}

function missingFailure(missing: readonly number[]): Result<never> {
  const names = missing.slice(0, named_max).map((number) => `${number * tile_width}..${(number + 1) * tile_width - 1}`).join(', ');
  return fail('AUDIT_UNRECOVERABLE', `no copy has all the entries in ${names}${missing.length > named_max ? ` and ${missing.length - named_max} more ranges` : ''}`, {
    fix: 'name more copies with --from, or begin a successor: agentmesh audit succeed --yes',
    detail: { bundles: missing.slice(0, named_max) },
  });
}
