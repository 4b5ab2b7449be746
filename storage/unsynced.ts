import type { Change } from './store.ts';

/** The most changes that may be written without a sync behind them. */
export const unsynced_changes_max = 64;
/** The most bytes that may be written without a sync behind them. */
export const unsynced_bytes_max = 262_144;

/**
 * What was written since the last sync. LevelDB goes on in a new file when one
 * is full and does not sync the old one, and a disk may keep pages in any order:
 * after a loss of power a later batch may be there and an earlier unsynced one
 * not, which would be a gap in the log. Hence each batch carries again what was
 * not synced before it, and there are few of those between two syncs.
 */
export class UnsyncedChanges {
  #changes: Change[] = [];
  #bytes = 0;

  /** In the order in which they were written. */
  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** Whether everything is synced. */
  get empty(): boolean {
    return this.#changes.length === 0;
  }

  /** Whether these changes may go unsynced too. */
  admits(changes: readonly Change[]): boolean {
    return this.#changes.length + changes.length <= unsynced_changes_max && this.#bytes + sizeOf(changes) <= unsynced_bytes_max;
  }

  /** Takes note of changes that were written and not synced. */
  add(changes: readonly Change[]): void {
    this.#changes.push(...changes);
    this.#bytes += sizeOf(changes);
  }

  /** Everything was synced. */
  clear(): void {
    this.#changes = [];
    this.#bytes = 0;
  }
}

function sizeOf(changes: readonly Change[]): number {
  return changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
}
