/** Writes a log anew where it is damaged, once it is known which entries it has to hold. */
import { equal } from '../crypto/bytes.ts';
import { leafHash } from '../crypto/merkle.ts';
import { tile_width } from '../crypto/tlog-tiles.ts';
import { openBox } from './audit-box.ts';
import { commitment, decodeEntry } from './audit-entry.ts';
import { encodeGroup, encodeState, log_keys, type SealedBox } from './audit-group.ts';
import { group_entries_max } from './audit-queue.ts';
import type { Composition } from './audit-refill.ts';
import { LogTree } from './audit-tree.ts';
import { remainsOfGroup, walkGroups, type Stretch } from './audit-walk.ts';
import type { Change, Store } from './store.ts';
import type { Vault } from './vault.ts';

const changes_per_batch = 256;

/** What restoring uses. */
export interface RestoreParts {
  readonly store: Store;
  /** Opens what is left of payloads, so that only those are kept that are whole. */
  readonly vault: Vault;
  /** Which log of the host it is. */
  readonly log_number: number;
  /** The first entry that the store has groups and bundles of. */
  readonly kept_from: number;
  readonly generation: number;
  /** Whether nothing is written. */
  readonly dry_run: boolean;
}

/** What was written, or would be. */
export interface Restored {
  /** Entries of the log as it is now. */
  readonly size: number;
  /** Entries that were written anew. */
  readonly refilled: number;
  /** Payloads of those that cannot be had any more. */
  readonly payloads_lost: number;
  /** Tiles, bundles and states that were derived again. */
  readonly derived: number;
  /** Entries behind the signed head that cannot be had any more, as far as the store shows that there were some. */
  readonly lost_after_head: number;
}

/** Entries in order, taken in pieces. */
class EntryStream {
  readonly #ranges: AsyncIterator<readonly Uint8Array[]>;
  #ready: readonly Uint8Array[] = [];

  constructor(composition: Composition) {
    this.#ranges = composition.entries()[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<readonly Uint8Array[]> {
    while (this.#ready.length < count) {
      const range = await this.#ranges.next();
      if (range.done === true) throw new Error('broken invariant: a composition has as many entries as its target');
      this.#ready = [...this.#ready, ...range.value];
    }
    const taken = this.#ready.slice(0, count);
    this.#ready = this.#ready.slice(count);
    return taken;
  }
}

/** Writes one log anew. */
export class Restore {
  readonly #parts: RestoreParts;
  readonly #composition: Composition;
  #tree = new LogTree();
  #changes: Change[] = [];
  #refilled = 0;
  #payloads_lost = 0;
  #derived = 0;
  #lost = 0;
  #ended = false;

  constructor(parts: RestoreParts, composition: Composition) {
    this.#parts = parts;
    this.#composition = composition;
  }

  /** Writes groups, tiles, bundles and, last and synced, the state with these changes. */
  async run(last: (restored: Restored) => readonly Change[]): Promise<Restored> {
    const { store, kept_from, generation } = this.#parts;
    const { target, start } = this.#composition;
    const resumed = await LogTree.resume(store, start);
    if (!resumed.ok) throw new Error(`what was composed cannot be restored: ${resumed.failure.reason}`);
    this.#tree = resumed.value;
    const entries = new EntryStream(this.#composition);
    for (let left = Math.min(kept_from, target.size) - this.#tree.size; left > 0; left = Math.min(kept_from, target.size) - this.#tree.size) {
      await this.#append(await entries.take(Math.min(left, tile_width)));
    }
    for await (const stretch of walkGroups(store, this.#tree.size, Infinity, target.size)) {
      if (stretch.kind === 'stray') await this.#put({ space: 'log', key: stretch.key });
      else if (stretch.first >= target.size) await this.#behind(stretch);
      else await this.#stretch(stretch, entries, target.size);
    }
    const { size, frontier } = this.#tree;
    const restored = { size, refilled: this.#refilled, payloads_lost: this.#payloads_lost, derived: this.#derived, lost_after_head: this.#lost };
    this.#changes.push({ space: 'log', key: log_keys.state(), value: encodeState({ size, root: this.#tree.root(), frontier, generation }) }, ...last(restored));
    await this.#flush(true);
    return restored;
  }

  async #stretch(stretch: Exclude<Stretch, { kind: 'stray' }>, entries: EntryStream, size: number): Promise<void> {
    if (stretch.kind === 'intact') {
      const right = await entries.take(Math.min(stretch.next, size) - stretch.first);
      if (right.every((entry, at) => equal(entry, stretch.entries[at] ?? new Uint8Array()))) {
        await this.#append(right);
        if (stretch.next > size) await this.#append(stretch.entries.slice(right.length));
        return;
      }
      await this.#put({ space: 'log', key: stretch.key });
      return this.#write(stretch.first, right, []);
    }
    const { stored } = stretch;
    if (stored !== undefined) await this.#put({ space: 'log', key: stored.key });
    for (let first = stretch.first; first < Math.min(stretch.next, size);) {
      const right = await entries.take(Math.min(group_entries_max, Math.min(stretch.next, size) - first));
      const whole = stretch.next - stretch.first === right.length;
      await this.#write(first, right, whole && stored !== undefined && equal(stored.key, log_keys.group(first)) ? this.#boxesOf(stored.bytes, first, right) : []);
      first += right.length;
    }
    if (stretch.next > size) this.#end(stretch.next - size);
  }

  /** Behind the signed head nothing but the groups themselves says what there was: they are kept up to the first gap. */
  async #behind(stretch: Exclude<Stretch, { kind: 'stray' }>): Promise<void> {
    if (stretch.kind === 'intact' && !this.#ended) return this.#append(stretch.entries);
    const key = stretch.kind === 'intact' ? stretch.key : stretch.stored?.key;
    if (key !== undefined) await this.#put({ space: 'log', key });
    this.#end(stretch.next - stretch.first);
  }

  #end(lost: number): void {
    this.#ended = true;
    this.#lost += lost;
  }

  async #write(first: number, entries: readonly Uint8Array[], boxes: readonly SealedBox[]): Promise<void> {
    await this.#put({ space: 'log', key: log_keys.group(first), value: encodeGroup({ entries, boxes }) });
    const kept = new Set(boxes.flatMap(({ positions }) => positions));
    this.#refilled += entries.length;
    for (const [at, entry] of entries.entries()) {
      const parsed = decodeEntry(entry);
      if (parsed.ok && parsed.value.kind === 'event' && !kept.has(at)) this.#payloads_lost += 1;
    }
    await this.#append(entries);
  }

  /** The sealed boxes of a damaged group that still open to what its entries commit to. */
  #boxesOf(bytes: Uint8Array, first_index: number, entries: readonly Uint8Array[]): readonly SealedBox[] {
    const { vault, log_number } = this.#parts;
    return (remainsOfGroup(bytes)?.boxes ?? []).filter((box) => {
      const opened = openBox(vault, { log_number, first_index }, box);
      return opened.ok && opened.value.members.every(({ position, salt, payload }) => {
        const entry = decodeEntry(entries[position] ?? new Uint8Array());
        return entry.ok && entry.value.kind === 'event' && equal(entry.value.body, commitment(salt, payload));
      });
    });
  }

  async #append(entries: readonly Uint8Array[]): Promise<void> {
    for (const entry of entries) {
      for (const change of this.#tree.append(leafHash(entry), entry)) await this.#derive(change);
    }
  }

  async #derive(change: Change): Promise<void> {
    const is_bundle = change.key[0] === log_keys.bundle(0)[0];
    if (is_bundle && this.#tree.size <= this.#parts.kept_from) return;
    const found = await this.#parts.store.get('log', change.key).catch(() => undefined);
    if (found !== undefined && change.value !== undefined && equal(found, change.value)) return;
    this.#derived += 1;
    await this.#put(change);
  }

  async #put(change: Change): Promise<void> {
    this.#changes.push(change);
    if (this.#changes.length >= changes_per_batch) await this.#flush(false);
  }

  async #flush(sync: boolean): Promise<void> {
    const changes = this.#changes;
    this.#changes = [];
    if (!this.#parts.dry_run) await this.#parts.store.batch(changes, { sync });
  }
}
