import { equal } from '../crypto/bytes.ts';
import { signCheckpoint } from '../crypto/checkpoint.ts';
import type { SigningKey } from '../crypto/keys.ts';
import { parseVerifier } from '../crypto/note.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../crypto/result.ts';
import { unrecordedIndex } from './audit-box.ts';
import { AuditCommitter } from './audit-committer.ts';
import { erasureBody, isBodyOf, type EntryKind, type ErasureBasis } from './audit-entry.ts';
import { AuditEraser, type Erased, type ErasureQueue, type ErasureTarget, type Survey } from './audit-eraser.ts';
import { encodeFreeze, frozen_file, frozenFailure, type FreezeCause } from './audit-freeze.ts';
import { decodeState, log_keys } from './audit-group.ts';
import { signedHead, type SignedHead, type SignedHeads } from './audit-heads.ts';
import { AuditProofs } from './audit-proofs.ts';
import { payload_bytes_max, type Appended, type AppendOptions } from './audit-queue.ts';
import { AuditReader, type AuditRecord, type RecordRange } from './audit-reader.ts';
import type { LogTree } from './audit-tree.ts';
import type { Files } from './files.ts';
import type { Store } from './store.ts';
import type { Vault } from './vault.ts';

/** The one writer of a log: it commits in groups, one after the other, and signs between them. */
export class AuditWriter {
  readonly origin: string;
  readonly verifier_key: string;
  frozen: Failure | undefined;
  /** Entries of the largest checkpoint that others showed and that is kept with the freeze for another history, 0 where none was shown; -1 where no such freeze is kept. */
  shown = -1;
  readonly #store: Store;
  readonly #files: Files;
  readonly #vault: Vault;
  readonly #key: SigningKey;
  readonly #heads: SignedHeads;
  readonly #tree: LogTree;
  readonly #committer: AuditCommitter;
  readonly #reader: AuditReader;
  readonly #proofs: AuditProofs;
  readonly #eraser: AuditEraser;
  readonly #past: boolean;
  readonly #erasures: ErasureQueue;
  #closed = false;

  constructor(parts: {
    readonly store: Store; readonly files: Files; readonly vault: Vault; readonly now: () => number; readonly key: SigningKey; readonly heads: SignedHeads;
    readonly tree: LogTree; readonly generation: number; readonly news: number; readonly origin: string; readonly verifier_key: string; readonly log_number: number; readonly past: boolean;
    readonly erasures: ErasureQueue;
  }) {
    this.origin = parts.origin;
    this.verifier_key = parts.verifier_key;
    this.#store = parts.store;
    this.#files = parts.files;
    this.#vault = parts.vault;
    this.#key = parts.key;
    this.#heads = parts.heads;
    this.#tree = parts.tree;
    this.#past = parts.past;
    this.#erasures = parts.erasures;
    this.#reader = new AuditReader(parts);
    this.#proofs = new AuditProofs({ ...parts, reader: this.#reader });
    this.#eraser = new AuditEraser({ ...parts, reader: this.#reader });
    this.#committer = new AuditCommitter({ ...parts, frozen: () => this.frozen, doubt: (reason) => this.#doubt(reason) });
  }

  size(): number {
    return this.#committer.size;
  }

  news(): number {
    return this.#committer.news;
  }

  latest(): SignedHead | undefined {
    return this.#heads.latest();
  }

  append(event: { readonly subject: string; readonly payload: Uint8Array }, options: AppendOptions = {}): Promise<Result<Appended>> {
    const { subject, payload } = event;
    if (payload.length > payload_bytes_max) {
      return Promise.resolve(fail('AUDIT_PAYLOAD_TOO_LARGE', `a payload has at most ${payload_bytes_max} bytes, this one has ${payload.length}`));
    }
    if (this.#vault.handleOf(subject) !== undefined) return this.#enqueue('event', payload, subject, options);
    const refused = this.#refusal();
    if (refused !== undefined) return Promise.resolve(refused);
    return this.#vault.prepare(subject).then((prepared) => (prepared.ok ? this.#enqueue('event', payload, subject, options) : prepared));
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
    return refused === undefined ? this.#committer.enqueue({ kind, content, subject, options }) : Promise.resolve(refused);
  }

  // In memory only: opening the log again finds out what the disk holds.
  #doubt(reason: string, cause: FreezeCause = 'damage'): void {
    this.frozen ??= frozenFailure({ cause, reason });
  }

  checkpoint(): Promise<Result<Uint8Array>> {
    return this.#committer.exclusive(async () => {
      const signed = this.#refusal() ?? await this.#signHead();
      if (signed.ok) this.#committer.news = 0;
      return signed;
    });
  }

  async #signHead(): Promise<Result<Uint8Array>> {
    if (this.frozen !== undefined) return { ok: false, failure: this.frozen };
    const latest = this.#heads.latest();
    if (latest?.size === this.#committer.size) return ok(latest.note);
    try {
      const stored = await this.#store.get('log', log_keys.state());
      const state = decodeState(stored ?? new Uint8Array());
      const root = this.#tree.root();
      if (!state.ok || state.value.size !== this.#committer.size || !equal(state.value.root, root)) {
        return await this.#frozenFor(state.ok ? 'the stored tree state is not the one that was written' : state.failure.reason);
      }
      // A head may never say more than what is on the disk.
      if (!this.#committer.synced) await this.#committer.sync();
      return await this.#heads.sign({ origin: this.origin, size: this.#committer.size, root });
    } catch (error) {
      // In memory only, as after an append: a write that failed once is no lasting doubt.
      const reason = `the store failed while a head was signed: ${messageOf(error)}`;
      this.#doubt(reason);
      return { ok: false, failure: this.frozen ?? frozenFailure({ cause: 'damage', reason }) };
    }
  }

  signedAt(size: number): Promise<Result<Uint8Array>> {
    return this.#committer.exclusive(() => this.#guarded(async () => {
      if (this.frozen !== undefined) return { ok: false, failure: this.frozen };
      const root = await this.#proofs.rootAt(size);
      if (!root.ok) return root;
      // What is signed must be a beginning of the kept head: only that is held against the store at the next start.
      const head = size > (this.#heads.latest()?.size ?? 0) ? this.#refusal() ?? await this.#signHead() : ok(undefined);
      return head.ok ? ok(signCheckpoint(this.#key, { origin: this.origin, size, root: root.value })) : head;
    }));
  }

  holdErasures<T>(work: () => Promise<T>): Promise<T> {
    return this.#erasures.run(work);
  }

  erase(target: ErasureTarget, basis: ErasureBasis): Promise<Result<Erased>> {
    return this.holdErasures(() => this.#guarded(async () => {
      // Reading the log takes long, so it is done beside the commits: what was read changes by erasures alone.
      const size = this.#committer.size;
      const found = 'subject' in target ? await this.#eraser.tally(target.subject, 0, size) : 0;
      const survey = await this.#eraser.survey(target, size);
      return survey.ok ? this.#committer.exclusive(() => this.#guarded(() => this.#erase(target, basis, { found, counted: size, survey: survey.value }))) : survey;
    }));
  }

  async #erase(target: ErasureTarget, basis: ErasureBasis, { found, counted, survey }: { readonly found: number; readonly counted: number; readonly survey: Survey | undefined }): Promise<Result<Erased>> {
    const is_frozen = this.frozen !== undefined || this.#closed;
    if (this.#closed && !this.#past) return fail('AUDIT_CLOSED', 'the audit log is closed');
    const index = is_frozen ? unrecordedIndex(this.#vault) : this.#committer.size;
    const planned = await this.#eraser.plan(target, survey, this.#committer.size, index);
    if (!planned.ok) return planned;
    const { part, forgetting, changes } = planned.value;
    const entries = planned.value.entries + found + ('subject' in target ? await this.#eraser.tally(target.subject, counted, this.#committer.size) : 0);
    const durable = [...changes, this.#eraser.mark(index, planned.value)];
    if (is_frozen) {
      // The law does not wait for a log that cannot write: the vault forgets all the same.
      if (changes.length > 0) await this.#store.batch(durable, { sync: true });
    } else {
      const recorded = await this.#committer.commit({ kind: 'erasure', content: erasureBody(part, basis), subject: '', options: { with: durable } });
      if (!recorded.ok) return recorded;
    }
    const forgotten = await this.#eraser.finish(index, forgetting);
    return forgotten.ok ? ok({ index: is_frozen ? undefined : index, entries }) : forgotten;
  }

  /** Ends erasures that a crash interrupted. Fails with `AUDIT_DAMAGED` or a `VAULT_` code. */
  resume(): Promise<Result<void>> {
    return this.#committer.exclusive(() => this.#guarded(() => this.#eraser.resume()));
  }

  async #frozenFor(reason: string): Promise<Result<never>> {
    await this.freeze(reason, 'damage');
    return { ok: false, failure: this.frozen ?? frozenFailure({ cause: 'damage', reason }) };
  }

  async freeze(reason: string, cause: FreezeCause = 'history', note?: Uint8Array): Promise<void> {
    const verifier = parseVerifier(this.verifier_key);
    const shown = note !== undefined && verifier.ok ? signedHead(note, verifier.value) : undefined;
    // Damage can be mended, a second history cannot: the worse cause stays, with the largest checkpoint that proves it.
    if (this.frozen?.detail?.['cause'] === 'history' && (cause === 'damage' || (shown?.size ?? 0) <= this.shown)) return;
    if (cause === 'history') this.frozen = frozenFailure({ cause, reason });
    this.#doubt(reason, cause);
    const kept = this.shown;
    this.shown = cause === 'history' ? shown?.size ?? 0 : -1;
    try {
      await this.#files.write(frozen_file, encodeFreeze({ cause, reason, ...(shown === undefined ? {} : { note: shown.note }) }));
    } catch (error) {
      // What could not be kept is kept when it is shown again; the file has what it had before.
      this.shown = kept;
      this.frozen = frozenFailure({ cause, reason: `${reason}; and that could not be written down: ${messageOf(error)}` });
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
    if (Number.isSafeInteger(index) && index >= 0 && index < this.#committer.size) return this.#reader.read(index);
    return fail('AUDIT_NO_ENTRY', `the log has ${this.#committer.size} entries, none with index ${index}`);
  }

  entries({ from = 0, to = this.#committer.size, subject }: RecordRange = {}): AsyncIterable<Result<AuditRecord>> {
    return this.#reader.records(Math.max(0, from), Math.min(to, this.#committer.size), subject);
  }

  inclusion(index: number, size: number): Promise<Result<Uint8Array[]>> {
    return this.#proven(() => this.#proofs.inclusion(index, size));
  }

  consistency(old_size: number, size: number): Promise<Result<Uint8Array[]>> {
    return this.#proven(() => this.#proofs.consistency(old_size, size));
  }

  rootAt(size: number): Promise<Result<Uint8Array>> {
    return this.#proven(() => this.#proofs.rootAt(size));
  }

  tile(level: number, number: number, width: number): Promise<Result<Uint8Array>> {
    return this.#proven(() => this.#proofs.tile(level, number, width));
  }

  bundle(number: number, width: number): Promise<Result<Uint8Array>> {
    return this.#proven(() => this.#proofs.bundle(number, width));
  }

  #proven<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    return this.#committer.exclusive(() => this.#guarded(async () => (this.frozen === undefined ? work() : { ok: false, failure: this.frozen })));
  }

  async #guarded<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    try {
      return await work();
    } catch (error) {
      return fail('AUDIT_DAMAGED', `the store failed: ${messageOf(error)}`, { fix: 'run agentmesh doctor', cause: error });
    }
  }

  async end(body: Uint8Array): Promise<Result<void>> {
    const refused = this.#refusal();
    if (refused !== undefined) return refused;
    // Nothing may come behind the last entry.
    this.#closed = true;
    await this.#committer.idle();
    return this.#committer.exclusive(async () => {
      const ended = await this.#committer.commit({ kind: 'genesis', content: body, subject: '', options: {} });
      const signed = ended.ok ? await this.#signHead() : ended;
      return signed.ok ? ok(undefined) : signed;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#committer.idle();
    await this.#committer.exclusive(async () => {
      if (this.frozen !== undefined || this.#committer.synced) return;
      await this.#committer.sync().catch((error: unknown) => this.#doubt(`the last entries may not be on the disk: ${messageOf(error)}`));
    });
  }
}
