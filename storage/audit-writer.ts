import { equal, utf8 } from '../crypto/bytes.ts';
import { consistencyNodes, foldNodes, inclusionNodes, leafHash, rootNodes, type TreeNode } from '../crypto/merkle.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../crypto/result.ts';
import { isNews } from './audit-check.ts';
import { commitment, encodeEntry, isBodyOf, type EntryKind } from './audit-entry.ts';
import { decodeState, encodeGroup, encodeState, log_keys, type GroupMember } from './audit-group.ts';
import type { SignedHead, SignedHeads } from './audit-heads.ts';
import { AppendQueue, payload_bytes_max, type Appended, type AppendOptions, type Pending } from './audit-queue.ts';
import { AuditReader, type AuditRecord, type RecordRange } from './audit-reader.ts';
import type { LogTree } from './audit-tree.ts';
import type { Files } from './files.ts';
import type { Change, Store } from './store.ts';
import type { Vault } from './vault.ts';

/** The file that keeps why a log was frozen. */
export const frozen_file = 'frozen';

// Callers that were just acknowledged get this many microtasks to come back and share the next commit.
const gather_turns = 8;

/** What a frozen log answers to everything that writes or proves. */
export function frozenFailure(reason: string): Failure {
  return { code: 'AUDIT_FROZEN', reason: `the audit log is frozen: ${reason}`, fix: 'agentmesh doctor' };
}

/** The one writer of a log: it commits in groups, one after the other, and signs between them. */
export class AuditWriter {
  readonly origin: string;
  readonly verifier_key: string;
  frozen: Failure | undefined;
  readonly #store: Store;
  readonly #files: Files;
  readonly #vault: Vault;
  readonly #now: () => number;
  readonly #heads: SignedHeads;
  readonly #tree: LogTree;
  readonly #reader: AuditReader;
  #generation: number;
  #news: number;
  #size: number;
  #unsynced = false;
  #closed = false;
  readonly #queue = new AppendQueue();
  #scheduled = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: {
    readonly store: Store; readonly files: Files; readonly vault: Vault; readonly now: () => number; readonly heads: SignedHeads;
    readonly tree: LogTree; readonly generation: number; readonly news: number; readonly origin: string; readonly verifier_key: string;
  }) {
    this.origin = parts.origin;
    this.verifier_key = parts.verifier_key;
    this.#store = parts.store;
    this.#files = parts.files;
    this.#vault = parts.vault;
    this.#now = parts.now;
    this.#heads = parts.heads;
    this.#tree = parts.tree;
    this.#reader = new AuditReader(parts);
    this.#generation = parts.generation;
    this.#news = parts.news;
    this.#size = parts.tree.size;
  }

  size(): number {
    return this.#size;
  }

  news(): number {
    return this.#news;
  }

  latest(): SignedHead | undefined {
    return this.#heads.latest();
  }

  async append(event: { readonly subject: string; readonly payload: Uint8Array }, options: AppendOptions = {}): Promise<Result<Appended>> {
    const { subject, payload } = event;
    if (payload.length > payload_bytes_max) {
      return fail('AUDIT_PAYLOAD_TOO_LARGE', `a payload has at most ${payload_bytes_max} bytes, this one has ${payload.length}`);
    }
    const refused = this.#refusal();
    if (refused !== undefined) return refused;
    const prepared = await this.#vault.prepare(subject);
    return prepared.ok ? this.#enqueue('event', payload, subject, options) : prepared;
  }

  appendRecord(kind: Exclude<EntryKind, 'event'>, body: Uint8Array, options: AppendOptions = {}): Promise<Result<Appended>> {
    if (isBodyOf(kind, body)) return this.#enqueue(kind, body, '', options);
    return Promise.resolve(fail('AUDIT_ENTRY_INVALID', `these ${body.length} bytes are no body of the kind ${kind}`));
  }

  #refusal(): Result<never> | undefined {
    if (this.frozen !== undefined) return { ok: false, failure: this.frozen };
    return this.#closed ? fail('AUDIT_CLOSED', 'the audit log is closed') : undefined;
  }

  #enqueue(kind: EntryKind, content: Uint8Array, subject: string, options: AppendOptions): Promise<Result<Appended>> {
    const refused = this.#refusal();
    if (refused !== undefined) return Promise.resolve(refused);
    const admitted = this.#queue.admit(content.length);
    if (!admitted.ok) return Promise.resolve(admitted);
    return new Promise((settle) => {
      this.#queue.push({ kind, content, subject, options, settle });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    void this.#exclusive(() => this.#commitGroup());
  }

  // Commits, signing and proofs take turns, so each sees the tree exactly as it is in the store.
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #commitGroup(): Promise<void> {
    for (let turn = 0; turn < gather_turns; turn += 1) await Promise.resolve();
    const group = this.#queue.take();
    this.#scheduled = false;
    try {
      if (this.frozen === undefined) await this.#commit(group);
    } catch (error) {
      this.#doubt(`a write failed and it is not known what reached the disk: ${messageOf(error)}`);
    }
    // Whoever was not acknowledged by now is refused; settling twice changes nothing.
    if (this.frozen !== undefined) for (const { settle } of group) settle({ ok: false, failure: this.frozen });
    this.#schedule();
  }

  async #commit(group: readonly Pending[]): Promise<void> {
    const first_index = this.#tree.size;
    const members: GroupMember[] = [];
    const changes: Change[] = [];
    const acknowledgements: (() => void)[] = [];
    let news = 0;
    let sync = false;
    for (const pending of group) {
      const index = this.#tree.size;
      const member = this.#member(pending, index);
      if (!member.ok) {
        pending.settle(member);
        continue;
      }
      const leaf_hash = leafHash(member.value.entry);
      changes.push(...this.#tree.append(leaf_hash, member.value.entry), ...(pending.options.with ?? []));
      members.push(member.value);
      news += isNews(pending.kind) ? 1 : 0;
      sync ||= pending.options.durable ?? true;
      acknowledgements.push(() => pending.settle(ok({ index, leaf_hash })));
    }
    if (members.length === 0) return;
    changes.push({ space: 'log', key: log_keys.group(first_index), value: encodeGroup(members) }, this.#stateChange());
    await this.#store.batch(changes, { sync });
    this.#unsynced = !sync;
    this.#size = this.#tree.size;
    this.#news += news;
    for (const acknowledge of acknowledgements) acknowledge();
  }

  #member({ kind, content, subject }: Pending, index: number): Result<GroupMember> {
    const time_ms = this.#now();
    if (kind !== 'event') return ok({ entry: encodeEntry({ kind, time_ms, body: content }), sealed: new Uint8Array() });
    const sealed = this.#vault.seal(subject, index, content);
    if (!sealed.ok) return sealed;
    const body = commitment(sealed.value.salt, content);
    return ok({ entry: encodeEntry({ kind, time_ms, body }), sealed: sealed.value.sealed });
  }

  #stateChange(): Change {
    this.#generation += 1;
    const { size, frontier } = this.#tree;
    return { space: 'log', key: log_keys.state(), value: encodeState({ size, root: this.#tree.root(), frontier, generation: this.#generation }) };
  }

  // In memory only: opening the log again finds out what the disk holds.
  #doubt(reason: string): void {
    this.frozen ??= frozenFailure(reason);
  }

  checkpoint(): Promise<Result<Uint8Array>> {
    return this.#exclusive(async () => {
      const refused = this.#refusal();
      if (refused !== undefined) return refused;
      const latest = this.#heads.latest();
      if (latest?.size === this.#size) return ok(latest.note);
      try {
        const stored = await this.#store.get('log', log_keys.state());
        const state = decodeState(stored ?? new Uint8Array());
        const root = this.#tree.root();
        if (!state.ok || state.value.size !== this.#size || !equal(state.value.root, root)) {
          return await this.#frozenFor(state.ok ? 'the stored tree state is not the one that was written' : state.failure.reason);
        }
        // A head may never say more than what is on the disk.
        if (this.#unsynced) await this.#store.batch([this.#stateChange()], { sync: true });
        this.#unsynced = false;
        const signed = await this.#heads.sign({ origin: this.origin, size: this.#size, root });
        if (signed.ok) this.#news = 0;
        return signed;
      } catch (error) {
        return this.#frozenFor(`the store failed while a head was signed: ${messageOf(error)}`);
      }
    });
  }

  async #frozenFor(reason: string): Promise<Result<never>> {
    await this.freeze(reason);
    return { ok: false, failure: this.frozen ?? frozenFailure(reason) };
  }

  async freeze(reason: string): Promise<void> {
    this.#doubt(reason);
    try {
      await this.#files.write(frozen_file, utf8(reason));
    } catch (error) {
      this.frozen = frozenFailure(`${reason}; and that could not be written down: ${messageOf(error)}`);
    }
  }

  cosigned(size?: number): Promise<Result<Uint8Array>> {
    return this.#guarded(() => this.#heads.cosigned(size));
  }

  addCosignature(size: number, ...lines: readonly string[]): Promise<Result<void>> {
    const refused = this.#refusal();
    return refused === undefined ? this.#guarded(() => this.#heads.addCosignatures(size, lines)) : Promise.resolve(refused);
  }

  async read(index: number): Promise<Result<AuditRecord>> {
    if (Number.isSafeInteger(index) && index >= 0 && index < this.#size) return this.#reader.read(index);
    return fail('AUDIT_NO_ENTRY', `the log has ${this.#size} entries, none with index ${index}`);
  }

  entries({ from = 0, to = this.#size }: RecordRange = {}): AsyncIterable<Result<AuditRecord>> {
    return this.#reader.records(Math.max(0, from), Math.min(to, this.#size));
  }

  async inclusion(index: number, size: number): Promise<Result<Uint8Array[]>> {
    return index < size && index >= 0 ? this.#hashes(size, () => inclusionNodes(index, size)) : noSuch(index, size);
  }

  async consistency(old_size: number, size: number): Promise<Result<Uint8Array[]>> {
    if (old_size < 0 || old_size > size) return noSuch(old_size, size);
    return this.#hashes(size, () => (old_size === 0 ? [] : consistencyNodes(old_size, size)));
  }

  async rootAt(size: number): Promise<Result<Uint8Array>> {
    const roots = await this.#hashes(size, () => [rootNodes(size)]);
    const [root] = roots.ok ? roots.value : [];
    return roots.ok && root !== undefined ? ok(root) : roots.ok ? noSuch(0, size) : roots;
  }

  #hashes(size: number, wanted: () => readonly (readonly TreeNode[])[]): Promise<Result<Uint8Array[]>> {
    return this.#exclusive(() => this.#guarded(async () => {
      if (this.frozen !== undefined) return { ok: false, failure: this.frozen };
      if (!Number.isSafeInteger(size) || size > this.#size) return noSuch(size, this.#size);
      const parts = wanted();
      const hashAt = await this.#tree.load(this.#store, parts.flat());
      return hashAt.ok ? ok(parts.map((nodes) => foldNodes(nodes, hashAt.value))) : hashAt;
    }));
  }

  async #guarded<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    try {
      return await work();
    } catch (error) {
      return fail('AUDIT_DAMAGED', `the store failed: ${messageOf(error)}`, { fix: 'run agentmesh doctor', cause: error });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#queue.length > 0 || this.#scheduled) await this.#turn;
    await this.#turn;
  }
}

function noSuch(index: number, size: number): Result<never> {
  return fail('AUDIT_NO_ENTRY', `there is no entry or size ${index} in a tree of ${size} entries`);
}
