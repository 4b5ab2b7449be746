/** Looks at the stored checkpoints of a log and their cosignatures. */
import { equal, fromBigEndian, fromUtf8, toHex, utf8 } from '../crypto/bytes.ts';
import { isKeyOfName, openCheckpoint, verifyCosignature, type Checkpoint } from '../crypto/checkpoint.ts';
import { parseSignatureLine, parseVerifier, type Verifier } from '../crypto/note.ts';
import { messageOf } from '../crypto/result.ts';
import { decodeState, log_keys } from './audit-group.ts';
import type { Report, TileCheck } from './audit-tile-check.ts';
import type { Change, Store } from './store.ts';

/** What checkpoints are held against. */
export interface CheckpointParts {
  readonly store: Store;
  /** The log's own key. */
  readonly verifier: Verifier;
  /** The vkey of a witness, where it is known; lines of others are checked for their form alone. */
  readonly witnessKey?: (name: string) => Promise<string | undefined>;
}

/** The stored checkpoints with their cosignatures, looked at in the order of their sizes while the tree grows. */
export class CheckpointCheck {
  readonly #parts: CheckpointParts;
  readonly #report: Report;
  // The next one; before the first look, and at the end, without a note.
  #size = -1;
  #note: Uint8Array | undefined;

  constructor(parts: CheckpointParts, report: Report) {
    this.#parts = parts;
    this.#report = report;
  }

  /** Whether there may be a checkpoint to look at when the tree has this size. */
  due(size: number): boolean {
    return size >= this.#size;
  }

  /** Looks at the checkpoints up to the present size of the tree. */
  async reach(tree: TileCheck): Promise<void> {
    if (this.#size < 0) await this.#find(0);
    while (this.#note !== undefined && this.#size <= tree.size) {
      await this.#check(this.#size, this.#note, tree);
      await this.#find(this.#size + 1);
    }
  }

  /** Looks at what is left when the tree has ended: of entries that are not there no head was signed. */
  async rest(): Promise<void> {
    if (this.#size < 0) await this.#find(0);
    while (this.#note !== undefined) {
      await this.#check(this.#size, this.#note);
      await this.#find(this.#size + 1);
    }
  }

  async #find(from: number): Promise<void> {
    this.#size = Infinity;
    this.#note = undefined;
    try {
      for await (const [key, note] of this.#parts.store.entries('log', { gte: log_keys.checkpoint(from), lt: utf8('d'), limit: 1 })) {
        this.#size = fromBigEndian(key.subarray(1)) ?? from;
        this.#note = note;
      }
    } catch (error) {
      this.#report(`checkpoints from size ${from}`, `the store could not read them: ${messageOf(error)}`);
    }
  }

  async #check(size: number, note: Uint8Array, tree?: TileCheck): Promise<void> {
    const opened = openCheckpoint(note, this.#parts.verifier);
    const name = `checkpoint of size ${size}`;
    const drop: Change = { space: 'log', key: log_keys.checkpoint(size) };
    if (!opened.ok) return this.#report(name, opened.failure.reason, drop);
    const { checkpoint } = opened.value;
    if (checkpoint.size !== size) return this.#report(name, `it is that of size ${checkpoint.size}`, drop);
    if (tree?.size === size) tree.hold(checkpoint.root, name, 'the entries have another root');
    const end = tree === undefined ? await this.#end() : undefined;
    if (end !== undefined && size > end) this.#report(name, `the log ends at ${end} entries`);
    await this.#cosignatures(checkpoint);
  }

  /** How many entries the log has by now, as it may have grown; `undefined` where that cannot be known. */
  async #end(): Promise<number | undefined> {
    const bytes = await this.#parts.store.get('log', log_keys.state()).catch(() => undefined);
    const state = bytes === undefined ? undefined : decodeState(bytes);
    return state?.ok === true ? state.value.size : undefined;
  }

  async #cosignatures(checkpoint: Checkpoint): Promise<void> {
    const { size } = checkpoint;
    const [gte, lt] = [size, size + 1].map((at) => log_keys.cosignature(at, '').subarray(0, 9));
    if (gte === undefined || lt === undefined) return;
    try {
      for await (const [key, value] of this.#parts.store.entries('log', { gte, lt })) {
        const wrong = await this.#faultOf(checkpoint, key, fromUtf8(value) ?? '');
        if (wrong !== undefined) this.#report(`cosignature ${toHex(key.subarray(9, 17))} for size ${size}`, wrong, { space: 'log', key });
      }
    } catch (error) {
      this.#report(`cosignatures for size ${size}`, `the store could not read them: ${messageOf(error)}`);
    }
  }

  async #faultOf(checkpoint: Checkpoint, key: Uint8Array, line: string): Promise<string | undefined> {
    const parsed = parseSignatureLine(line);
    if (!parsed.ok) return parsed.failure.reason;
    const { name } = parsed.value;
    if (!equal(key, log_keys.cosignature(checkpoint.size, name))) return `it is that of ${name}`;
    const text = await this.#parts.witnessKey?.(name);
    const verifier = text === undefined ? undefined : parseVerifier(text);
    // Where a witness has another key by now, its record says nothing about the one in its name.
    if (verifier?.ok !== true || verifier.value.name !== name || !isKeyOfName(name, verifier.value.public_key)) return undefined;
    const verified = verifyCosignature(verifier.value, checkpoint, line);
    return verified.ok ? undefined : verified.failure.reason;
  }
}
