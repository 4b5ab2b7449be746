/**
 * The host's audit log: an append-only RFC 6962 tree over entries that commit
 * to sealed payloads, durable before it is acknowledged, signed only after it
 * was checked, and frozen at the first doubt.
 */
import { assert } from '../crypto/assert.ts';
import { logOrigin, type Checkpoint } from '../crypto/checkpoint.ts';
import type { SigningKey } from '../crypto/keys.ts';
import { parseVerifier, signature_type_log, verifierKey } from '../crypto/note.ts';
import { fail, ok, type Failure, type Result } from '../crypto/result.ts';
import { log_numbers_max } from './audit-box.ts';
import { replay } from './audit-check.ts';
import type { EntryKind, ErasureBasis } from './audit-entry.ts';
import { ErasureQueue, type Erased, type ErasureTarget } from './audit-eraser.ts';
import { earlierFreeze, frozenFailure, shownIn, type FreezeCause } from './audit-freeze.ts';
import { SignedHeads, type SignedHead } from './audit-heads.ts';
import type { Appended, AppendOptions } from './audit-queue.ts';
import type { AuditRecord, RecordRange } from './audit-reader.ts';
import { AuditWriter } from './audit-writer.ts';
import type { Files } from './files.ts';
import type { Store } from './store.ts';
import type { Vault } from './vault.ts';

/**
 * The log. Every method that writes or proves fails with `AUDIT_FROZEN` once
 * the log is frozen, and with `AUDIT_CLOSED` after `close`.
 */
export interface AuditLog {
  /** `<did>/log/<fingerprint of the log's key>`. */
  readonly origin: string;
  /** The vkey under which checkpoints of this log verify. */
  readonly verifier_key: string;
  /** Why the log is read-only, if it is. */
  readonly frozen: Failure | undefined;
  /** How many entries are committed; of a frozen log, how many hold. */
  size(): number;
  /** How many entries since the newest checkpoint are a reason for another: all but anchors and receipts. */
  news(): number;
  /** Appends an event. Fails with `AUDIT_PAYLOAD_TOO_LARGE`, `AUDIT_OVERLOADED` or a `VAULT_` code. */
  append(event: { readonly subject: string; readonly payload: Uint8Array }, options?: AppendOptions): Promise<Result<Appended>>;
  /** Appends an entry without payload; its body has the shape of its kind. Fails with `AUDIT_ENTRY_INVALID` or `AUDIT_OVERLOADED`. */
  appendRecord(kind: Exclude<EntryKind, 'event'>, body: Uint8Array, options?: AppendOptions): Promise<Result<Appended>>;
  /** One entry with its payload, if that was not erased. Fails with `AUDIT_NO_ENTRY` or `AUDIT_DAMAGED`. */
  read(index: number): Promise<Result<AuditRecord>>;
  /** The committed entries of a range in order; a failure ends the walk. */
  entries(range?: RecordRange): AsyncIterable<Result<AuditRecord>>;
  /** Signs the present head and keeps it before returning it; at an unchanged size the same note. Fails with `AUDIT_HEAD_UNWRITTEN`. */
  checkpoint(): Promise<Result<Uint8Array>>;
  /** The newest signed head. */
  latest(): SignedHead | undefined;
  /** The checkpoint of a size, or the newest cosigned one, with its cosignatures. Fails with `AUDIT_NO_CHECKPOINT` or `AUDIT_DAMAGED`. */
  cosigned(size?: number): Promise<Result<Uint8Array>>;
  /** Keeps cosignature lines that the caller has verified, all at once. Fails with `NOTE_INVALID` or `AUDIT_NO_CHECKPOINT`. */
  addCosignature(size: number, ...lines: readonly string[]): Promise<Result<void>>;
  /** Inclusion proof of an entry in the tree of a size. Fails with `AUDIT_NO_ENTRY` or `AUDIT_DAMAGED`. */
  inclusion(index: number, size: number): Promise<Result<Uint8Array[]>>;
  /** Consistency proof between two sizes; from size 0 it is empty. Fails with `AUDIT_NO_ENTRY` or `AUDIT_DAMAGED`. */
  consistency(old_size: number, size: number): Promise<Result<Uint8Array[]>>;
  /** Root of the first `size` entries. Fails with `AUDIT_NO_ENTRY` or `AUDIT_DAMAGED`. */
  rootAt(size: number): Promise<Result<Uint8Array>>;
  /** The first `width` hashes of a tile (256: a full one), as C2SP tlog-tiles. Fails with `AUDIT_NO_TILE` beyond the committed tree, or `AUDIT_DAMAGED`. */
  tile(level: number, number: number, width: number): Promise<Result<Uint8Array>>;
  /** The first `width` entries of an entry bundle, as C2SP tlog-tiles. Fails with `AUDIT_NO_TILE` beyond the committed tree, or `AUDIT_DAMAGED`. */
  bundle(number: number, width: number): Promise<Result<Uint8Array>>;
  /** The log's own bare checkpoint of a size, signed with its key. A size beyond the newest head is signed only after that head was. Fails as `rootAt` and `checkpoint` do. */
  signedAt(size: number): Promise<Result<Uint8Array>>;
  /**
   * Makes payloads unreadable for good and writes down that it was done; proofs stay valid. A frozen log
   * erases too, and so does a past one, without an entry. Fails with `AUDIT_SUBJECT_UNKNOWN`, `AUDIT_NO_ENTRY`, `AUDIT_NO_PAYLOAD`,
   * `AUDIT_ERASED`, `AUDIT_DAMAGED` or a `VAULT_` code; after `VAULT_UNWRITABLE` the log ends the erasure when it is opened again.
   */
  erase(target: ErasureTarget, basis: ErasureBasis): Promise<Result<Erased>>;
  /** Runs work that moves payloads: no erasure is under way meanwhile, which would change them too. Settles as the work does. */
  holdErasures<T>(work: () => Promise<T>): Promise<T>;
  /** Makes the log read-only for good, as when a witness has seen another history (the default cause). Survives a restart, and so does the largest checkpoint of this log that was shown as the reason. */
  freeze(reason: string, cause?: FreezeCause, note?: Uint8Array): Promise<void>;
  /** Writes a last entry of the kind `genesis` behind what is queued, signs a head over it, and refuses everything after. Fails as {@link append} and {@link checkpoint} do. */
  end(body: Uint8Array): Promise<Result<void>>;
  /** Commits what is queued and refuses everything after. */
  close(): Promise<void>;
}

/** What a log is made of. `now` gives Unix milliseconds; `create` is true once, when the host is set up. */
export interface AuditLogParts {
  readonly store: Store;
  readonly files: Files;
  readonly vault: Vault;
  readonly now: () => number;
  readonly key: SigningKey;
  readonly did: string;
  readonly create: boolean;
  /** Whether it has a successor: then a second history is no reason to prove nothing any more. */
  readonly past?: boolean;
  /** The body of the genesis entry of a log that is created: nothing (the default), or what a successor begins with. */
  readonly genesis?: Uint8Array;
  /** Which log of the host it is: 0 (the default) for the first, a successor has the next. Payload keys are apart by it. */
  readonly number?: number;
  /** Shared by all who have this log open at once; its own by default. */
  readonly erasures?: ErasureQueue;
}

// A log that was set up but crashed before its first head was signed: nothing of it was acknowledged.
const unfinished_genesis_entries_max = 1;

/**
 * Opens the log, checks all of it, and ends erasures that were interrupted.
 * Damage does not fail the opening: the log comes back frozen, and `frozen`
 * names the first damaged record.
 *
 * Fails with `AUDIT_EXISTS` when a log is to be created over another, and as the
 * vault does where an erasure cannot be ended.
 */
export async function openAuditLog(parts: AuditLogParts): Promise<Result<AuditLog>> {
  const { store, files, vault, now, key, did, create } = parts;
  const origin = logOrigin(did, key.public_key);
  const verifier = parseVerifier(verifierKey(origin, signature_type_log, key.public_key));
  if (!verifier.ok) return verifier;
  const heads = new SignedHeads({ store, files, key, verifier: verifier.value });
  const head = await heads.load();
  const checkpoint: Checkpoint | undefined = head.ok && head.value !== undefined ? { origin, ...head.value } : undefined;
  const { tree, generation, news, damage } = await replay(store, checkpoint);
  const log_number = parts.number ?? 0;
  assert(Number.isSafeInteger(log_number) && log_number >= 0 && log_number < log_numbers_max, 'a host has at most 32,768 logs');
  const writer = new AuditWriter({ store, files, vault, now, key, heads, log_number, tree, generation, news, origin, verifier_key: verifier.value.text, past: parts.past ?? false, erasures: parts.erasures ?? new ErasureQueue() });
  if (create) {
    const fresh = head.ok && head.value === undefined && damage === undefined && tree.size <= unfinished_genesis_entries_max;
    if (!fresh) return fail('AUDIT_EXISTS', 'there is a log already', { fix: 'open it, or set up the host in an empty folder' });
    const begun = await begin(writer, parts.genesis ?? new Uint8Array());
    return begun.ok ? ok(writer) : begun;
  }
  const resumed = await writer.resume();
  if (!resumed.ok && resumed.failure.code !== 'AUDIT_DAMAGED') return resumed;
  const missing = head.ok && checkpoint === undefined ? 'the signed head is missing' : undefined;
  const found = [head, resumed].map((result) => (result.ok ? damage ?? missing : result.failure.reason)).find((reason) => reason !== undefined);
  const earlier = await earlierFreeze(files);
  const doubt = (parts.past === true && earlier?.cause === 'history' ? undefined : earlier) ?? (found === undefined ? undefined : { cause: 'damage', reason: found } as const);
  if (doubt !== undefined) writer.frozen = frozenFailure(doubt);
  writer.shown = earlier?.cause === 'history' ? shownIn(earlier, verifier.value)?.size ?? 0 : -1;
  return ok(writer);
}

async function begin(log: AuditLog, body: Uint8Array): Promise<Result<unknown>> {
  const genesis = log.size() > 0 ? ok(undefined) : await log.appendRecord('genesis', body);
  return genesis.ok ? log.checkpoint() : genesis;
}
