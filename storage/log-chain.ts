/**
 * The logs of a host one after the other. The newest is the one that is written
 * to; those before it are closed, and stay readable and provable. A successor
 * whose making was cut off is finished when it is opened.
 */
import { assert } from '../crypto/assert.ts';
import { utf8 } from '../crypto/bytes.ts';
import { logOrigin } from '../crypto/checkpoint.ts';
import type { SigningKey } from '../crypto/keys.ts';
import { parseVerifier, signature_type_log, verifierKey } from '../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { decodeEntry } from './audit-entry.ts';
import { ErasureQueue } from './audit-eraser.ts';
import { earlierFreeze, shownIn } from './audit-freeze.ts';
import { head_file, signedHead, type SignedHead } from './audit-heads.ts';
import { openAuditLog, type AuditLog } from './audit-log.ts';
import { unreportedRecovery } from './audit-recovery.ts';
import type { Files } from './files.ts';
import { closeBody, parseGenesis, successorBody } from './log-succession.ts';
import { logFiles, logStore } from './log-view.ts';
import type { Store } from './store.ts';
import type { Vault } from './vault.ts';

/** What the logs of a host are made of. */
export interface LogChainParts {
  readonly store: Store;
  readonly files: Files;
  readonly vault: Vault;
  readonly now: () => number;
  /** The keys of the logs, the first log's first. */
  readonly keys: readonly SigningKey[];
  readonly did: string;
}

function vkeyOf(did: string, key: SigningKey): string {
  return verifierKey(logOrigin(did, key.public_key), signature_type_log, key.public_key);
}

/** One log of the chain. */
async function openNumber(parts: LogChainParts, number: number, how: { readonly create: boolean; readonly genesis?: Uint8Array; readonly past?: boolean; readonly erasures?: ErasureQueue }): Promise<Result<AuditLog>> {
  const { store, files, vault, now, keys, did } = parts;
  const key = keys[number];
  assert(key !== undefined, 'a log has a key');
  return openAuditLog({ store: logStore(store, number), files: logFiles(files, number), vault, now, key, did, number, ...how });
}

/** What the last entry of a log names as its successor, if it is closed. */
async function successorOf(log: AuditLog): Promise<string | undefined> {
  const last = log.size() > 1 ? await log.read(log.size() - 1) : undefined;
  if (last?.ok !== true || last.value.kind !== 'genesis') return undefined;
  const entry = decodeEntry(last.value.entry);
  const genesis = entry.ok ? parseGenesis(entry.value.body) : entry;
  return genesis.ok && genesis.value.kind === 'close' ? genesis.value.successor.text : undefined;
}

/** Ends a log: its last entry names its successor, its last checkpoint covers that. A frozen log is left as it is. Fails as appending and signing do. */
export async function closeLog(log: AuditLog, successor_verifier_key: string): Promise<Result<void>> {
  if (log.frozen === undefined) {
    // Where it was cut off between the two, the last entry has no checkpoint yet.
    const ended = await successorOf(log) === undefined ? await log.end(closeBody(successor_verifier_key)) : await log.checkpoint();
    if (!ended.ok) return ended;
  }
  await log.close();
  return ok(undefined);
}

/** With what the genesis entry of a successor begins: the largest checkpoint that the log is known to have signed, others' word for it included. Nothing where none is left. */
async function genesisAfter(parts: LogChainParts, log: AuditLog, number: number): Promise<Uint8Array> {
  const verifier = parseVerifier(log.verifier_key);
  const shown = verifier.ok ? shownIn(await earlierFreeze(logFiles(parts.files, number)), verifier.value) : undefined;
  const kept = await lastKept(parts, log, number);
  // Beyond its own last head a log that others have seen more of may hold entries of another history.
  if (shown !== undefined && shown.size > (kept?.size ?? 0)) return successorBody(shown, Math.min(kept?.size ?? 0, log.size()));
  return kept === undefined ? new Uint8Array() : successorBody(kept, log.size());
}

/** The last checkpoint of a log that this host has kept itself. */
async function lastKept(parts: LogChainParts, log: AuditLog, number: number): Promise<SignedHead | undefined> {
  const latest = log.latest();
  if (latest !== undefined) return latest;
  const verifier = parseVerifier(log.verifier_key);
  const range = { gte: utf8('c'), lt: utf8('d'), reverse: true };
  for await (const [, note] of logStore(parts.store, number).entries('log', range)) {
    const signed = verifier.ok ? signedHead(note, verifier.value) : undefined;
    if (signed !== undefined) return signed;
  }
  return undefined;
}

async function begin(parts: LogChainParts, number: number): Promise<Result<AuditLog>> {
  const before = await openNumber(parts, number - 1, { create: false });
  const key = parts.keys[number];
  if (!before.ok || key === undefined) return before;
  const closed = await closeLog(before.value, vkeyOf(parts.did, key));
  if (!closed.ok) return closed;
  return openNumber(parts, number, { create: true, genesis: await genesisAfter(parts, before.value, number - 1) });
}

/** Whether a log has been begun: its head is signed right after its first entry. */
async function isBegun(parts: LogChainParts, number: number): Promise<boolean> {
  return number === 0 || await logFiles(parts.files, number).read(head_file) !== undefined;
}

/**
 * Opens the newest log, and makes it where its key is all that there is. What a
 * recovery did is written into the log before anything else; where that fails
 * it is frozen again.
 *
 * Fails as {@link openAuditLog} does, and with `IDENTITY_KEYS_MISSING` where the log was closed for a successor whose key is gone.
 */
export async function openNewestLog(parts: LogChainParts & { readonly create: boolean }): Promise<Result<AuditLog>> {
  const number = parts.keys.length - 1;
  const begun = await isBegun(parts, number);
  let opened = begun ? await openNumber(parts, number, { create: number === 0 && parts.create }) : await begin(parts, number);
  // Begun and then robbed of its head: it comes up frozen, and says so.
  if (!begun && !opened.ok && opened.failure.code === 'AUDIT_EXISTS') opened = await openNumber(parts, number, { create: false });
  if (!opened.ok) return opened;
  const log = opened.value;
  const successor = log.frozen === undefined ? await successorOf(log) : undefined;
  if (successor !== undefined) {
    return fail('IDENTITY_KEYS_MISSING', `the log was closed for its successor ${successor}, whose key is not in keys.json`, { fix: 'restore keys.json from a backup' });
  }
  if (log.frozen === undefined) await report(log, logStore(parts.store, number), parts.did);
  await reportPastRecoveries(log, parts.store, parts.did, parts.keys.slice(0, -1).map(({ public_key }) => logOrigin(parts.did, public_key)));
  return ok(log);
}

async function report(log: AuditLog, store: Store, did: string): Promise<void> {
  try {
    const unreported = await unreportedRecovery(store);
    if (unreported === undefined) return;
    const payload = utf8(JSON.stringify({ kind: 'recovered', ...unreported.recovered }));
    const written = await log.append({ subject: did, payload }, { with: [unreported.reported] });
    if (!written.ok) await log.freeze(`what its recovery did could not be written down: ${written.failure.reason}`, 'damage');
  } catch (error) {
    await log.freeze(`what its recovery did could not be written down: ${messageOf(error)}`, 'damage');
  }
}

/**
 * Writes into the newest log what recoveries of the logs before it did, which take no entry themselves;
 * `origins` are theirs, the first log's first. What cannot be written down now is at the next start;
 * a crash may make it be said twice.
 */
export async function reportPastRecoveries(log: AuditLog, store: Store, did: string, origins: readonly string[]): Promise<void> {
  for (const [number, origin] of origins.entries()) {
    if (log.frozen !== undefined) return;
    const past_store = logStore(store, number);
    const unreported = await unreportedRecovery(past_store).catch(() => undefined);
    if (unreported === undefined) continue;
    const payload = utf8(JSON.stringify({ kind: 'recovered', origin, ...unreported.recovered }));
    const written = await log.append({ subject: did, payload });
    if (written.ok) await past_store.batch([unreported.reported], { sync: true }).catch(() => undefined);
  }
}

/** Opens a log that came before the newest: closed, so that it only reads, proves and erases. Who opens it again gives the same queue. Fails as {@link openAuditLog} does. */
export async function openPastLog(parts: LogChainParts, number: number, erasures: ErasureQueue = new ErasureQueue()): Promise<Result<AuditLog>> {
  assert(number >= 0 && number < parts.keys.length - 1, 'a past log has a successor');
  const opened = await openNumber(parts, number, { create: false, past: true, erasures });
  if (opened.ok) await opened.value.close();
  return opened;
}
