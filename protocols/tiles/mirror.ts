/**
 * A copy of one log of another host. Nothing is kept before its hashes were
 * recomputed and lead to the root of a checkpoint that the log signed: first the
 * right edge, then each tile against the one above it, each bundle against its tile.
 */
import { concat, equal } from '../../crypto/bytes.ts';
import { openCheckpoint, withLines, type Checkpoint } from '../../crypto/checkpoint.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { parseNote, parseVerifier, type Verifier } from '../../crypto/note.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { decodeTile, edgeTiles, tile_width, rootOfEdge, tilePath, tileRoot, type TileName } from '../../crypto/tlog-tiles.ts';
import { bundleOf, entriesOfBundle } from '../../storage/audit-tree.ts';
import type { Change, Store } from '../ports.ts';
import { mirror_cosigners_max } from './constants.ts';
import { encodeMirror, mirror_keys, tileRange, type MirrorState } from './mirror-state.ts';
import { NewTree, type HashTile } from './new-tree.ts';
import type { TileSource } from './tiles.ts';

/** What a mirror uses. */
export interface MirrorLogParts {
  readonly store: Store;
  now(): number;
  /** A path of the log, unverified, from whoever has it. */
  fetch(path: string): Promise<Result<Uint8Array>>;
  /** The vkey of the witness of a name, if it can be known. */
  witnessKey(name: string): Promise<string | undefined>;
  /** Hears of every checkpoint that the log signed and that the copy does not continue to. */
  contradicted?(note: Uint8Array): void;
  /** Whether there is room for so many more bytes. */
  hasRoom(bytes: number): boolean;
}

interface Head {
  readonly note: Uint8Array;
  readonly checkpoint: Checkpoint;
}

const removed_at_once = 256;

/** One mirrored log. */
export class MirrorLog implements TileSource {
  readonly #parts: MirrorLogParts;
  #state: MirrorState;

  constructor(parts: MirrorLogParts, state: MirrorState) {
    this.#parts = parts;
    this.#state = state;
  }

  get origin(): string {
    return this.#state.origin;
  }

  /** What is kept. */
  get state(): MirrorState {
    return this.#state;
  }

  checkpoint(): Promise<Result<Uint8Array>> {
    const { size, note } = this.#state;
    return Promise.resolve(size > 0 ? ok(note) : fail('AUDIT_NO_CHECKPOINT', 'nothing of this log is mirrored yet'));
  }

  async tile(level: number, number: number, width: number): Promise<Result<Uint8Array>> {
    const stored = await this.#stored({ level, number });
    const bytes = width * digest_bytes;
    return stored !== undefined && stored.length >= bytes ? ok(stored.subarray(0, bytes)) : missing({ level, number, width });
  }

  async bundle(number: number, width: number): Promise<Result<Uint8Array>> {
    const stored = await this.#stored({ level: 'entries', number });
    const entries = stored === undefined ? undefined : entriesOfBundle(stored);
    return entries !== undefined && entries.length >= width ? ok(bundleOf(entries.slice(0, width))) : missing({ level: 'entries', number, width });
  }

  /**
   * Copies what the log's newest cosigned checkpoint covers, and gives how many
   * entries are new. What was copied before a failure is kept.
   *
   * Fails with `MIRROR_UNCOSIGNED`, `MIRROR_OLDER`, `MIRROR_FORKED`, `MIRROR_MISMATCH`, `MIRROR_FULL`, and with what asking fails with.
   */
  async pull(): Promise<Result<number>> {
    const head = await this.#head();
    if (!head.ok) return head;
    const { checkpoint, note } = head.value;
    const { size: old_size } = this.#state;
    if (checkpoint.size < old_size) return fail('MIRROR_OLDER', `the log shows ${checkpoint.size} entries, and it has shown ${old_size}`);
    const edge = await this.#edge(checkpoint);
    if (!edge.ok) return edge;
    const tree = new NewTree(checkpoint.size, edge.value);
    const continued = await this.#continues(tree);
    if (!continued.ok) {
      if (continued.failure.code === 'MIRROR_FORKED') this.#showBoth(note);
      return continued;
    }
    const top = edgeTiles(checkpoint.size).at(-1)?.level ?? 0;
    for (let level = top; level >= 0; level -= 1) {
      const pulled = await this.#pullLevel(level, checkpoint.size, tree);
      if (!pulled.ok) return pulled;
    }
    const kept = await this.#keepEdge(checkpoint.size, edge.value, note);
    return kept.ok ? ok(checkpoint.size - old_size) : kept;
  }

  /** Removes all of it from the store. */
  async remove(): Promise<void> {
    const { store } = this.#parts;
    const { origin } = this.#state;
    // From here on it is a mirror that holds nothing, wherever a crash stops it.
    await this.#write([], 0, { size: 0, note: new Uint8Array() });
    let removed = removed_at_once;
    while (removed === removed_at_once) {
      const changes: Change[] = [];
      for await (const [key] of store.entries('witness', { ...tileRange(origin), limit: removed_at_once })) changes.push({ space: 'witness', key });
      await store.batch(changes, { sync: false });
      removed = changes.length;
    }
    await store.batch([{ space: 'witness', key: mirror_keys.state(origin) }], { sync: true });
  }

  async #head(): Promise<Result<Head>> {
    const log = parseVerifier(this.#state.verifier_key);
    if (!log.ok) return log;
    const note = await this.#parts.fetch('checkpoint');
    if (!note.ok) return note;
    const plain = openCheckpoint(note.value, log.value);
    if (!plain.ok) return plain;
    // Lines of witnesses that nobody here can check are not passed on.
    const opened = openCheckpoint(note.value, log.value, await this.#cosigners(note.value));
    if (!opened.ok) return opened;
    const { bare, checkpoint, cosignatures } = opened.value;
    if (cosignatures.length === 0) return fail('MIRROR_UNCOSIGNED', 'the log\'s newest checkpoint is cosigned by no witness that is known here');
    return ok({ note: withLines(bare, cosignatures.map(({ line }) => line)), checkpoint });
  }

  async #cosigners(note: Uint8Array): Promise<Verifier[]> {
    const parsed = parseNote(note);
    const names = parsed.ok ? parsed.value.signatures.map(({ name }) => name).filter((name) => name !== this.origin) : [];
    const keys = await Promise.all([...new Set(names)].slice(0, mirror_cosigners_max).map((name) => this.#parts.witnessKey(name)));
    return keys.flatMap((key) => {
      const verifier = key === undefined ? undefined : parseVerifier(key);
      return verifier?.ok === true ? [verifier.value] : [];
    });
  }

  async #edge({ size, root }: Checkpoint): Promise<Result<readonly (readonly Uint8Array[])[]>> {
    const edge: Uint8Array[][] = [];
    for (const tile of edgeTiles(size)) {
      const bytes = await this.#parts.fetch(tilePath(tile));
      const hashes = bytes.ok ? decodeTile(bytes.value, tile.width) : bytes;
      if (!hashes.ok) return hashes;
      edge.push(hashes.value);
    }
    return equal(rootOfEdge(size, edge), root) ? ok(edge) : fail('MIRROR_MISMATCH', `the tiles at the right edge do not have the root of the checkpoint of ${size} entries`);
  }

  /** Two checkpoints that the log signed and that are of two histories: whoever follows logs makes it prove otherwise. */
  #showBoth(note: Uint8Array): void {
    for (const each of [this.#state.note, note]) this.#parts.contradicted?.(each);
  }

  // The old edge must stand where it stood: then the new tree begins with the old one.
  async #continues(tree: NewTree): Promise<Result<void>> {
    const { size: old_size } = this.#state;
    for (const tile of edgeTiles(old_size).toReversed()) {
      const stored = await this.#stored(tile);
      const known = stored?.subarray(0, tile.width * digest_bytes);
      const found = await this.#verified(tile, tree);
      if (!found.ok) return found;
      if (known === undefined || !equal(concat(...found.value.slice(0, tile.width)), known)) {
        return fail('MIRROR_FORKED', `the log's newest checkpoint does not continue the one of ${old_size} entries that is mirrored here`);
      }
    }
    return ok(undefined);
  }

  /** A tile of the new tree, checked against the one above it; full ones are kept. */
  async #verified({ level, number }: HashTile, tree: NewTree): Promise<Result<readonly Uint8Array[]>> {
    const known = tree.known({ level, number });
    if (known !== undefined) return ok(known);
    const expected = await this.#expected({ level, number }, tree);
    if (!expected.ok) return expected;
    const name = { level, number, width: tile_width };
    const stored = await this.#stored(name);
    const own = stored === undefined ? undefined : decodeTile(stored, tile_width);
    const is_kept = own?.ok === true && equal(tileRoot(own.value), expected.value);
    const bytes = is_kept ? ok(stored ?? new Uint8Array()) : await this.#parts.fetch(tilePath(name));
    const hashes = bytes.ok ? decodeTile(bytes.value, tile_width) : bytes;
    if (!hashes.ok) return hashes;
    if (!equal(tileRoot(hashes.value), expected.value)) return mismatch(name);
    // Level 0 is kept together with its bundle.
    const kept = is_kept || level === 0 ? ok(undefined) : await this.#keep([[name, concat(...hashes.value)]]);
    if (kept.ok) tree.verified(name, hashes.value);
    return kept.ok ? hashes : kept;
  }

  /** What a full tile must hash to: a hash of the tile above it. */
  async #expected({ level, number }: HashTile, tree: NewTree): Promise<Result<Uint8Array>> {
    const above = await this.#verified({ level: level + 1, number: Math.floor(number / tile_width) }, tree);
    if (!above.ok) return above;
    const hash = above.value[number % tile_width];
    return hash === undefined ? mismatch({ level, number, width: tile_width }) : ok(hash);
  }

  async #pullLevel(level: number, size: number, tree: NewTree): Promise<Result<void>> {
    const { size: old_size } = this.#state;
    const span = tile_width ** (level + 1);
    for (let number = Math.floor(old_size / span); number < Math.floor(size / span); number += 1) {
      const pulled = level > 0 ? await this.#verified({ level, number }, tree) : await this.#pullBundle(number, tree);
      if (!pulled.ok) return pulled;
    }
    return ok(undefined);
  }

  async #pullBundle(number: number, tree: NewTree): Promise<Result<void>> {
    const expected = await this.#expected({ level: 0, number }, tree);
    if (!expected.ok) return expected;
    const name: TileName = { level: 'entries', number, width: tile_width };
    const stored = await this.#stored(name);
    if (stored !== undefined && leadsTo(expected.value, leavesOf(stored, tile_width))) return ok(undefined);
    const bundle = await this.#parts.fetch(tilePath(name));
    if (!bundle.ok) return bundle;
    const hashes = leavesOf(bundle.value, tile_width);
    if (hashes === undefined || !leadsTo(expected.value, hashes)) return mismatch(name);
    return this.#keep([[{ ...name, level: 0 }, concat(...hashes)], [name, bundle.value]]);
  }

  // The edge, its entries and the new head become true together.
  async #keepEdge(size: number, edge: readonly (readonly Uint8Array[])[], note: Uint8Array): Promise<Result<void>> {
    const tiles: [TileName, Uint8Array][] = edgeTiles(size).map((tile, at) => [tile, concat(...edge[at] ?? [])]);
    const [last] = edgeTiles(size);
    if (last?.level === 0) {
      const name: TileName = { ...last, level: 'entries' };
      const bundle = await this.#parts.fetch(tilePath(name));
      if (!bundle.ok) return bundle;
      const hashes = leavesOf(bundle.value, last.width);
      if (hashes === undefined || !equal(concat(...hashes), concat(...edge[0] ?? []))) return mismatch(name);
      tiles.push([name, bundle.value]);
    }
    return this.#keep(tiles, { size, note, time_ms: this.#parts.now() });
  }

  async #keep(tiles: readonly (readonly [TileName, Uint8Array])[], head: Partial<MirrorState> = {}): Promise<Result<void>> {
    let more = 0;
    const changes: Change[] = [];
    for (const [tile, value] of tiles) {
      const key = mirror_keys.tile(this.origin, tile);
      const before = await this.#parts.store.get('witness', key);
      more += value.length - (before?.length ?? 0);
      changes.push({ space: 'witness', key, value });
    }
    if (!this.#parts.hasRoom(more)) return fail('MIRROR_FULL', 'the disk budget of mirrors is used up', { fix: 'drop a mirror with agentmesh audit mirror WHO --drop, or give mirrors more' });
    await this.#write(changes, this.#state.bytes + more, head);
    return ok(undefined);
  }

  async #write(changes: readonly Change[], bytes: number, head: Partial<MirrorState>): Promise<void> {
    const before = this.#state;
    const state = { ...before, ...head, bytes };
    // Counted at once, so that all mirrors together keep to their budget.
    this.#state = { ...before, bytes };
    try {
      await this.#parts.store.batch([...changes, { space: 'witness', key: mirror_keys.state(this.origin), value: encodeMirror(state) }], { sync: head.size !== undefined });
      this.#state = state;
    } catch (error) {
      this.#state = before;
      throw error;
    }
  }

  #stored(tile: Pick<TileName, 'level' | 'number'>): Promise<Uint8Array | undefined> {
    return this.#parts.store.get('witness', mirror_keys.tile(this.origin, tile));
  }
}

function missing(tile: TileName): Result<never> {
  return fail('AUDIT_NO_TILE', `${tilePath(tile)} is not mirrored here`);
}

function mismatch(tile: TileName): Result<never> {
  return fail('MIRROR_MISMATCH', `${tilePath(tile)} does not lead to the root of the checkpoint`);
}

function leadsTo(expected: Uint8Array, hashes: readonly Uint8Array[] | undefined): boolean {
  return hashes !== undefined && equal(tileRoot(hashes), expected);
}

function leavesOf(bundle: Uint8Array, width: number): Uint8Array[] | undefined {
  const entries = entriesOfBundle(bundle);
  return entries?.length === width ? entries.map(leafHash) : undefined;
}
