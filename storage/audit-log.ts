/**
 * The host's audit log: an append-only RFC 6962 tree over entries that commit
 * to sealed payloads, durable before it is acknowledged, signed only after it
 * was checked, and frozen at the first doubt.
 */
import { logOrigin, type Checkpoint } from '../crypto/checkpoint.ts';
import type { SigningKey } from '../crypto/keys.ts';
import { parseVerifier, signature_type_log, verifierKey } from '../crypto/note.ts';
import { fail, ok, type Failure, type Result } from '../crypto/result.ts';
import { fromUtf8 } from '../crypto/bytes.ts';
import { replay } from './audit-check.ts';
import type { EntryKind } from './audit-entry.ts';
import { SignedHeads, type SignedHead } from './audit-heads.ts';
import type { Appended, AppendOptions } from './audit-queue.ts';
import type { AuditRecord, RecordRange } from './audit-reader.ts';
import { AuditWriter, frozen_file, frozenFailure } from './audit-writer.ts';
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
  /** Makes the log read-only for good, as when a witness has seen another history. Survives a restart. */
  freeze(reason: string): Promise<void>;
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
}

// A log that was set up but crashed before its first head was signed: nothing of it was acknowledged.
const unfinished_genesis_entries_max = 1;

/**
 * Opens the log and checks all of it. Damage does not fail the opening: the log
 * comes back frozen, and `frozen` names the first damaged record.
 *
 * Fails with `AUDIT_EXISTS` when a log is to be created over another.
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
  const writer = new AuditWriter({ store, files, vault, now, heads, tree, generation, news, origin, verifier_key: verifier.value.text });
  if (create) {
    const fresh = head.ok && head.value === undefined && damage === undefined && tree.size <= unfinished_genesis_entries_max;
    if (!fresh) return fail('AUDIT_EXISTS', 'there is a log already', { fix: 'open it, or set up the host in an empty folder' });
    const begun = await begin(writer);
    return begun.ok ? ok(writer) : begun;
  }
  const doubt = await earlierFreeze(files) ?? (head.ok ? damage : head.failure.reason);
  if (doubt !== undefined) writer.frozen = frozenFailure(doubt);
  else if (checkpoint === undefined) writer.frozen = frozenFailure('the signed head is missing');
  return ok(writer);
}

async function begin(log: AuditLog): Promise<Result<unknown>> {
  const genesis = log.size() > 0 ? ok(undefined) : await log.appendRecord('genesis', new Uint8Array());
  return genesis.ok ? log.checkpoint() : genesis;
}

async function earlierFreeze(files: Files): Promise<string | undefined> {
  try {
    const bytes = await files.read(frozen_file);
    return bytes === undefined ? undefined : fromUtf8(bytes) ?? 'it was frozen before, for a reason that cannot be read';
  } catch {
    return 'it cannot be read whether the log was frozen before';
  }
}
