import { equal, fromBigEndian, fromUtf8, utf8 } from '../crypto/bytes.ts';
import { openCheckpoint, signCheckpoint, withLines, type Checkpoint } from '../crypto/checkpoint.ts';
import type { SigningKey } from '../crypto/keys.ts';
import { note_signatures_max, parseSignatureLine, type Verifier } from '../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { log_keys } from './audit-group.ts';
import type { Files } from './files.ts';
import type { Store } from './store.ts';

/** The file with the newest signed head. */
export const head_file = 'head';

/** A head that was signed. `note` carries the log's signature alone. */
export interface SignedHead {
  readonly note: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * The head in the head file, or `undefined` where there is none.
 * Fails with `AUDIT_DAMAGED` when it is not the log's own signed checkpoint.
 */
export async function readHead(files: Files, verifier: Verifier): Promise<Result<SignedHead | undefined>> {
  let note: Uint8Array | undefined;
  try {
    note = await files.read(head_file);
  } catch (error) {
    return fail('AUDIT_DAMAGED', `the signed head cannot be read: ${messageOf(error)}`, { cause: error });
  }
  if (note === undefined) return ok(undefined);
  const opened = openCheckpoint(note, verifier);
  if (!opened.ok || !equal(opened.value.bare, note)) {
    return fail('AUDIT_DAMAGED', `the signed head is damaged: ${opened.ok ? 'it has more than the log\'s signature' : opened.failure.reason}`);
  }
  const { size, root } = opened.value.checkpoint;
  return ok({ note, size, root });
}

/**
 * The newest head that a log is known to have signed: that of the file, or a larger
 * one in the store, as where an older file was put back. Fails as {@link readHead} does.
 */
export async function newestSigned(files: Files, store: Store, verifier: Verifier): Promise<Result<SignedHead | undefined>> {
  const head = await readHead(files, verifier);
  if (!head.ok || head.value === undefined) return head;
  try {
    for await (const [, note] of store.entries('log', { gt: log_keys.checkpoint(head.value.size), lt: utf8('d'), reverse: true })) {
      const signed = signedHead(note, verifier);
      if (signed !== undefined && signed.size > head.value.size) return ok(signed);
    }
  } catch {
    // Whoever reads the store next is told what it fails with.
  }
  return head;
}

/** The head that a note of the log signs, without cosignatures; `undefined` where it is none. */
export function signedHead(note: Uint8Array, verifier: Verifier): SignedHead | undefined {
  const opened = openCheckpoint(note, verifier);
  return opened.ok ? { note: opened.value.bare, size: opened.value.checkpoint.size, root: opened.value.checkpoint.root } : undefined;
}

/**
 * The heads that a log signed and the cosignatures that it got for them. The
 * newest is also in a file of its own, written before anybody sees it: it is
 * what the store is held against when the log is opened again.
 */
export class SignedHeads {
  readonly #store: Store;
  readonly #files: Files;
  readonly #key: SigningKey;
  readonly #verifier: Verifier;
  #latest: SignedHead | undefined;

  constructor(parts: { readonly store: Store; readonly files: Files; readonly key: SigningKey; readonly verifier: Verifier }) {
    this.#store = parts.store;
    this.#files = parts.files;
    this.#key = parts.key;
    this.#verifier = parts.verifier;
  }

  /** Finds the newest head. Fails with `AUDIT_DAMAGED` when the head file is not this log's own signed checkpoint. */
  async load(): Promise<Result<SignedHead | undefined>> {
    const head = await newestSigned(this.#files, this.#store, this.#verifier);
    if (head.ok) this.#latest = head.value;
    return head;
  }

  /** The newest signed head. */
  latest(): SignedHead | undefined {
    return this.#latest;
  }

  /** Signs a head whose entries are durable, and keeps it before giving it away. Fails with `AUDIT_HEAD_UNWRITTEN`. */
  async sign(checkpoint: Checkpoint): Promise<Result<Uint8Array>> {
    const { size, root } = checkpoint;
    const note = signCheckpoint(this.#key, checkpoint);
    try {
      await this.#files.write(head_file, note);
      await this.#store.batch([{ space: 'log', key: log_keys.checkpoint(size), value: note }], { sync: false });
    } catch (error) {
      return fail('AUDIT_HEAD_UNWRITTEN', `the signed head could not be written: ${messageOf(error)}`, { fix: 'check the free space and the rights of the data folder', cause: error });
    }
    this.#latest = { note, size, root };
    return ok(note);
  }

  /** Keeps cosignature lines of verified witnesses. Fails with `NOTE_INVALID`, `AUDIT_NO_CHECKPOINT` or `AUDIT_DAMAGED`. */
  async addCosignatures(size: number, lines: readonly string[]): Promise<Result<void>> {
    const note = await this.#own(size);
    if (!note.ok) return note;
    const changes = [];
    for (const line of lines) {
      const parsed = parseSignatureLine(line);
      if (!parsed.ok) return parsed;
      changes.push({ space: 'log', key: log_keys.cosignature(size, parsed.value.name), value: utf8(line) } as const);
    }
    await this.#store.batch(changes, { sync: true });
    return ok(undefined);
  }

  /**
   * The checkpoint of a size, or the newest cosigned one, or else the newest,
   * with all cosignatures kept for it. Fails with `AUDIT_NO_CHECKPOINT` or `AUDIT_DAMAGED`.
   */
  async cosigned(size?: number): Promise<Result<Uint8Array>> {
    const wanted = size ?? await this.#newestCosigned() ?? this.#latest?.size;
    if (wanted === undefined) return fail('AUDIT_NO_CHECKPOINT', 'the log has signed no checkpoint yet');
    const note = await this.#own(wanted);
    if (!note.ok) return note;
    const prefix = log_keys.cosignature(wanted, '').subarray(0, 9);
    const lines: string[] = [];
    const range = { gte: prefix, lt: log_keys.cosignature(wanted + 1, '').subarray(0, 9), limit: note_signatures_max - 1 };
    for await (const [, value] of this.#store.entries('log', range)) {
      const line = fromUtf8(value) ?? '';
      if (!parseSignatureLine(line).ok) return fail('AUDIT_DAMAGED', `a cosignature for size ${wanted} is damaged`, { fix: 'run agentmesh doctor' });
      lines.push(line);
    }
    return ok(withLines(note.value, lines));
  }

  async #newestCosigned(): Promise<number | undefined> {
    const range = { gte: utf8('k'), lt: utf8('l'), reverse: true, limit: 1 };
    for await (const [key] of this.#store.entries('log', range)) return fromBigEndian(key.subarray(1, 9));
    return undefined;
  }

  async #own(size: number): Promise<Result<Uint8Array>> {
    if (this.#latest?.size === size) return ok(this.#latest.note);
    const note = await this.#store.get('log', log_keys.checkpoint(size));
    if (note === undefined) return fail('AUDIT_NO_CHECKPOINT', `the log signed no checkpoint at size ${size}`);
    const opened = openCheckpoint(note, this.#verifier);
    if (opened.ok && opened.value.checkpoint.size === size) return ok(note);
    return fail('AUDIT_DAMAGED', `the stored checkpoint of size ${size} is damaged`, { fix: 'run agentmesh doctor' });
  }
}
