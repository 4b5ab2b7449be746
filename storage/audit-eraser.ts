/**
 * Makes payloads unreadable for good. What shares a box with an erased payload
 * is sealed again under a fresh key first; then the vault forgets the old one.
 * A mark in the store says what is still to be forgotten, so that a crash in
 * between ends in the erasure and not in half of one.
 */
import { bigEndian, concat, equal, fromBigEndian } from '../crypto/bytes.ts';
import { digest_bytes, sha256 } from '../crypto/hash.ts';
import { fail, ok, type Result } from '../crypto/result.ts';
import { entryLeaf, groupLeaf, openBox, resealedLeaf, sealBox } from './audit-box.ts';
import { decodeEntry, type ErasedPart } from './audit-entry.ts';
import { encodeGroup, log_keys, type SealedBox } from './audit-group.ts';
import type { AuditReader, StoredGroup } from './audit-reader.ts';
import { decodeLeaf, encodeLeaf, leaf_bytes, type Leaf } from './puncturable-key.ts';
import type { Change, Store } from './store.ts';
import { handle_bytes, type Forgetting, type Vault } from './vault.ts';

/**
 * Whose or which payloads to erase: all of a subject, that of one entry, or those of all entries before one. What is sealed beside
 * the log for them goes too; `beside` names the entry that it was sealed for, where that is not the erased one but an earlier one of the same subject.
 */
export type ErasureTarget = { readonly subject: string } | { readonly index: number; readonly beside?: number } | { readonly before: number };

/** What was erased. */
export interface Erased {
  /** Index of the erasure entry; `undefined` when the log is frozen, so that none could be written. */
  readonly index: number | undefined;
  /** How many payloads could be read before and cannot any more. */
  readonly entries: number;
}

/** An erasure that was worked out and not done. */
export interface ErasurePlan {
  readonly part: ErasedPart;
  readonly forgetting: Forgetting;
  /** The groups with what is kept in them sealed again. */
  readonly changes: readonly Change[];
  readonly entries: number;
}

/** What an erasure of everything before an entry concerns. */
export interface Survey {
  readonly before: number;
  /** The boxes that are not forgotten with the groups before the line. */
  readonly boxes: readonly SealedBox[];
  readonly entries: number;
  /** The group that goes on behind the line, with its boxes that begin before it. */
  readonly cut: { readonly stored: StoredGroup; readonly held: readonly SealedBox[] } | undefined;
}

function isWithin(number: number, size: number): boolean {
  return Number.isSafeInteger(number) && number >= 0 && number < size;
}

function noEntry(number: number, size: number): Result<never> {
  return fail('AUDIT_NO_ENTRY', `the log has ${size} entries, none with index ${number}`);
}

/** The bytes of a mark: `u8 1 and handle, or u8 0 | u8 1 and leaf, or u8 0 | u32be n | n x (handle, leaf) | SHA-256 of all that`. */
export function encodeMark({ handle, below, boxes = [] }: Forgetting): Uint8Array {
  const [given, nothing] = [Uint8Array.of(1), Uint8Array.of(0)];
  const body = Buffer.concat([
    ...(handle === undefined ? [nothing] : [given, handle]),
    ...(below === undefined ? [nothing] : [given, encodeLeaf(below)]),
    bigEndian(boxes.length, 4), Buffer.concat(boxes.flatMap((box) => [box.handle, encodeLeaf(box.leaf)])),
  ]);
  return concat(body, sha256(body));
}

/** Parses a mark. Fails with `AUDIT_DAMAGED`. */
export function decodeMark(bytes: Uint8Array): Result<Forgetting> {
  const body = bytes.subarray(0, -digest_bytes);
  let at = 0;
  const take = (length: number): Uint8Array => {
    at += length;
    return body.subarray(at - length, at);
  };
  const handle = take(1)[0] === 1 ? take(handle_bytes) : undefined;
  const below = take(1)[0] === 1 ? decodeLeaf(take(leaf_bytes)) : undefined;
  const count = fromBigEndian(take(4)) ?? 0;
  const whole = bytes.length > digest_bytes && equal(sha256(body), bytes.subarray(-digest_bytes)) && body.length === at + count * (handle_bytes + leaf_bytes);
  if (!whole) return fail('AUDIT_DAMAGED', 'a mark of an erasure is damaged', { fix: 'run agentmesh doctor' });
  const boxes = Array.from({ length: count }, () => ({ handle: take(handle_bytes), leaf: decodeLeaf(take(leaf_bytes)) }));
  return ok({ boxes, ...(handle === undefined ? {} : { handle }), ...(below === undefined ? {} : { below }) });
}

/**
 * What changes the payloads of one log, one after the other, however often the log is opened: two
 * erasures that read the same group at once would each write back what the other took.
 */
export class ErasureQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs work when what came before it has ended; settles as it does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** Works out erasures and ends those that a crash interrupted. Whoever asks waits for his turn between commits. */
export class AuditEraser {
  readonly #store: Store;
  readonly #vault: Vault;
  readonly #reader: AuditReader;
  readonly #log_number: number;

  constructor(parts: { readonly store: Store; readonly vault: Vault; readonly reader: AuditReader; readonly log_number: number }) {
    this.#store = parts.store;
    this.#vault = parts.vault;
    this.#reader = parts.reader;
    this.#log_number = parts.log_number;
  }

  /** How many payloads of a subject can be read in a range of entries; what is damaged counts for nothing. */
  async tally(subject: string, from: number, to: number): Promise<number> {
    const handle = this.#vault.handleOf(subject);
    let entries = 0;
    if (handle === undefined) return entries;
    for await (const stored of this.#reader.groups(from, to)) {
      if (!stored.ok) break;
      const { first_index, group } = stored.value;
      for (const box of group.boxes) if (equal(box.handle, handle)) entries += box.positions.filter((position) => first_index + position >= from).length;
    }
    return entries;
  }

  /**
   * Reads what an erasure of everything before an entry concerns, which takes as long as the log is; nothing
   * of it changes but by another erasure. Nothing for other targets. Fails as {@link plan} does.
   */
  async survey(target: ErasureTarget, size: number): Promise<Result<Survey | undefined>> {
    if (!('before' in target)) return ok(undefined);
    return isWithin(target.before, size + 1) ? this.#survey(target.before) : noEntry(target.before, size);
  }

  /**
   * Works out what an erasure takes. `fresh_index` is one under which no box was sealed again before.
   * Fails with `AUDIT_SUBJECT_UNKNOWN`, `AUDIT_NO_ENTRY`, `AUDIT_NO_PAYLOAD`, `AUDIT_ERASED`, `AUDIT_DAMAGED` or `VAULT_FULL`.
   */
  async plan(target: ErasureTarget, survey: Survey | undefined, size: number, fresh_index: number): Promise<Result<ErasurePlan>> {
    const fresh = resealedLeaf(this.#log_number, fresh_index);
    const planned = 'subject' in target ? this.#planSubject(target.subject)
      : survey !== undefined ? this.#planBefore(survey, fresh)
      : 'index' in target && isWithin(target.index, size) ? await this.#planEntry(target, fresh) : noEntry('index' in target ? target.index : target.before, size);
    const admitted = planned.ok ? this.#vault.admits(planned.value.forgetting) : planned;
    return admitted.ok ? planned : admitted;
  }

  #planSubject(subject: string): Result<ErasurePlan> {
    const handle = this.#vault.handleOf(subject);
    if (handle === undefined) {
      return fail('AUDIT_SUBJECT_UNKNOWN', 'no payload is kept for this subject: there was none, or it was erased before', { fix: 'name the subject as its entries do' });
    }
    return ok({ part: { handle }, forgetting: { handle }, changes: [], entries: 0 });
  }

  async #planEntry({ index, beside = index }: { readonly index: number; readonly beside?: number }, fresh: Leaf): Promise<Result<ErasurePlan>> {
    for await (const stored of this.#reader.groups(index, index + 1)) {
      if (!stored.ok) return stored;
      const position = index - stored.value.first_index;
      const decoded = decodeEntry(stored.value.group.entries[position] ?? new Uint8Array());
      if (decoded.ok && decoded.value.kind !== 'event') return fail('AUDIT_NO_PAYLOAD', `entry ${index} is of the kind ${decoded.value.kind}, which has no payload`);
      const box = stored.value.group.boxes.find(({ positions }) => positions.includes(position));
      if (box === undefined || !this.#vault.holds(box.handle, box.leaf)) return fail('AUDIT_ERASED', `the payload of entry ${index} was erased before`);
      const changes = this.#resealed(stored.value, [box], (other) => other !== position, fresh);
      const kept_beside = { handle: box.handle, leaf: entryLeaf(this.#log_number, beside) };
      return changes.ok ? ok({ part: { index }, forgetting: { boxes: [box, kept_beside] }, changes: changes.value, entries: 1 }) : changes;
    }
    return fail('AUDIT_DAMAGED', `entry ${index} is missing`, { fix: 'run agentmesh doctor' });
  }

  // Whole groups need only be forgotten; the one that goes on behind the line is sealed again from there.
  async #survey(before: number): Promise<Result<Survey>> {
    const boxes: SealedBox[] = [];
    let entries = 0;
    let cut: Survey['cut'];
    for await (const stored of this.#reader.groups(0, before)) {
      if (!stored.ok) return stored;
      const { first_index, group } = stored.value;
      const is_whole = first_index + group.entries.length <= before;
      const held = group.boxes.filter(({ handle, leaf, positions: [first = 0] }) => first_index + first < before && this.#vault.holds(handle, leaf));
      for (const { positions } of held) entries += positions.filter((position) => first_index + position < before).length;
      const own = groupLeaf(this.#log_number, first_index);
      boxes.push(...held.filter(({ leaf }) => !is_whole || leaf.realm !== own.realm));
      if (!is_whole) cut = { stored: stored.value, held };
    }
    return entries === 0 ? fail('AUDIT_ERASED', `no entry before ${before} has a payload that is not erased yet`) : ok({ before, boxes, entries, cut });
  }

  #planBefore({ before, boxes, entries, cut }: Survey, fresh: Leaf): Result<ErasurePlan> {
    const first_index = cut?.stored.first_index ?? before;
    const changes = cut === undefined ? ok([]) : this.#resealed(cut.stored, cut.held, (position) => first_index + position >= before, fresh);
    if (!changes.ok) return changes;
    const kept_beside = (cut?.held ?? []).flatMap(({ handle, positions }) => positions.map((position) => first_index + position)
      .filter((index) => index < before).map((index) => ({ handle, leaf: entryLeaf(this.#log_number, index) })));
    return ok({ part: { before }, forgetting: { boxes: [...boxes, ...kept_beside], below: groupLeaf(this.#log_number, first_index) }, changes: changes.value, entries });
  }

  #resealed({ first_index, group }: StoredGroup, boxes: readonly SealedBox[], keep: (position: number) => boolean, leaf: Leaf): Result<Change[]> {
    const place = { log_number: this.#log_number, first_index };
    const kept: SealedBox[] = group.boxes.filter((box) => !boxes.includes(box));
    for (const box of boxes) {
      const opened = openBox(this.#vault, place, box);
      if (!opened.ok) return fail('AUDIT_DAMAGED', `the payloads beside it cannot be read: ${opened.failure.reason}`, { fix: 'run agentmesh doctor' });
      const members = opened.value.members.filter(({ position }) => keep(position));
      if (members.length === 0) continue;
      const sealed = sealBox(this.#vault, place, { handle: box.handle, leaf }, members);
      if (!sealed.ok) return sealed;
      kept.push(sealed.value);
    }
    return ok([{ space: 'log', key: log_keys.group(first_index), value: encodeGroup({ entries: group.entries, boxes: kept }) }]);
  }

  /** The change that keeps what is to be forgotten until it is. */
  mark(index: number, plan: ErasurePlan): Change {
    return { space: 'log', key: log_keys.erasure(index), value: encodeMark(plan.forgetting) };
  }

  /** Forgets, and then takes the mark away. Fails with a `VAULT_` code. */
  async finish(index: number, forgetting: Forgetting): Promise<Result<void>> {
    const forgotten = await this.#vault.forget(forgetting);
    // A mark that stays is no harm: to forget once more changes nothing.
    if (forgotten.ok) await this.#store.batch([{ space: 'log', key: log_keys.erasure(index) }], { sync: false }).catch(() => undefined);
    return forgotten;
  }

  /** Ends what was interrupted. Fails with `AUDIT_DAMAGED` or a `VAULT_` code. */
  async resume(): Promise<Result<void>> {
    const marks: [number, Uint8Array][] = [];
    for await (const [key, value] of this.#store.entries('log', { gte: log_keys.erasure(0), lte: log_keys.erasure(Number.MAX_SAFE_INTEGER) })) {
      marks.push([fromBigEndian(key.subarray(1)) ?? 0, value]);
    }
    for (const [index, value] of marks) {
      const forgetting = decodeMark(value);
      const done = forgetting.ok ? await this.finish(index, forgetting.value) : forgetting;
      if (!done.ok) return done;
    }
    return ok(undefined);
  }
}
