/** Checking and mending the audit logs of a data folder on which no node runs. No passphrase is needed: the keys of logs are public, and stand in the node's record. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromUtf8 } from '../crypto/bytes.ts';
import { logOrigin } from '../crypto/checkpoint.ts';
import { parseVerifier, signature_type_log, verifierKey } from '../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { readArchiveRecord } from '../storage/archive-record.ts';
import { folderCopy } from '../storage/audit-copies.ts';
import { fsck } from '../storage/audit-fsck.ts';
import { decodeState, log_keys } from '../storage/audit-group.ts';
import { head_file } from '../storage/audit-heads.ts';
import { AuditReader, type AuditRecord } from '../storage/audit-reader.ts';
import { recoverLog, type Recovered } from '../storage/audit-recovery.ts';
import { loadIdentities } from '../storage/identities.ts';
import { logFiles, logStore } from '../storage/log-view.ts';
import { recordStore } from '../storage/records.ts';
import { openVault } from '../storage/vault.ts';
import { system_clock, system_random } from './clock.ts';
import { marker_file } from './data-folder.ts';
import { holdFolder, type HeldFolder } from './held-folder.ts';
import { joined, nothing_found, type LogsProgress, type StoredLog } from './log-check.ts';

/** A log that lost its head has its state still, or the other way round. */
async function newestNumber({ store, files }: HeldFolder): Promise<number> {
  for (let number = 1; ; number += 1) {
    const head = await logFiles(files, number).read(head_file);
    if (head === undefined && await logStore(store, number).get('log', log_keys.state()) === undefined) return number - 1;
  }
}

/** The keys that the node's own record gives for its logs, the one in use first. */
async function recordedKeys({ store }: HeldFolder): Promise<Result<{ readonly did: string; readonly keys: readonly Uint8Array[] }>> {
  const { identities } = await loadIdentities(store);
  const did = identities.find(({ kind }) => kind === 'node')?.did;
  const record = did === undefined ? undefined : await recordStore({ store, now: () => system_clock.now() }).newest(did);
  if (did === undefined || record === undefined) return fail('IDENTITY_MISSING', 'the store holds no record of its node, and so no key of its log', { fix: 'start the node, then run the command again' });
  const keys = [...record.document.methods, ...record.document.retired].filter(({ uses }) => uses.includes('log')).map(({ key }) => key);
  return ok({ did, keys });
}

/** A log by its number, whose key is the one of its head, or else the one in its place in the record. */
async function storedLog(held: HeldFolder, number: number): Promise<Result<StoredLog>> {
  const recorded = await recordedKeys(held);
  if (!recorded.ok) return recorded;
  const files = logFiles(held.files, number);
  const [origin = ''] = (fromUtf8(await files.read(head_file).catch(() => undefined) ?? new Uint8Array()) ?? '').split('\n');
  const { did, keys } = recorded.value;
  // A head that cannot be read says nothing of whose it is; the key of the first log is the last of the record.
  const key = keys.find((candidate) => logOrigin(did, candidate) === origin) ?? keys.at(-1 - number) ?? keys[0];
  const verifier = key === undefined ? undefined : parseVerifier(verifierKey(logOrigin(did, key), signature_type_log, key));
  if (verifier?.ok !== true) return fail('AUDIT_LOG_UNKNOWN', 'the record of the node names no log', { fix: 'start the node, then run the command again' });
  return ok({ store: logStore(held.store, number), files, verifier: verifier.value, number });
}

/** All logs of a folder, the newest first. */
async function storedLogs(held: HeldFolder): Promise<Result<readonly StoredLog[]>> {
  const logs: StoredLog[] = [];
  for (let number = await newestNumber(held); number >= 0; number -= 1) {
    const log = await storedLog(held, number);
    if (!log.ok) return log;
    logs.push(log.value);
  }
  return ok(logs);
}

async function within<T>(data: string, work: (held: HeldFolder, logs: readonly StoredLog[]) => Promise<Result<T>>): Promise<Result<T>> {
  if (!existsSync(join(data, marker_file))) return fail('NODE_NOT_RUNNING', `no node runs on ${data}`, { fix: `agentmesh up --data ${data}` });
  const held = await holdFolder(data);
  if (!held.ok) return held;
  try {
    if (!held.value.folder.initialised) return fail('DATA_MISSING', `${data} holds no node yet`, { fix: `agentmesh up --data ${data} makes one` });
    const logs = await storedLogs(held.value);
    return logs.ok ? await work(held.value, logs.value) : logs;
  } catch (error) {
    return fail('DATA_UNUSABLE', `${data} cannot be used: ${messageOf(error)}`, { fix: 'look at the rights of its files and whether the disk is full', cause: error });
  } finally {
    await held.value.close();
  }
}

/**
 * Checks every record of every log. Fails with `NODE_NOT_RUNNING` where there is no node,
 * a `DATA_…`, `FILE_…` or `STORE_…` code, `IDENTITY_MISSING` or `AUDIT_LOG_UNKNOWN`.
 */
export function fsckFolder(data: string, told: (progress: LogsProgress) => void): Promise<Result<LogsProgress>> {
  return within(data, async (_, logs) => {
    let before = nothing_found;
    for (const [at, log] of logs.entries()) {
      let now = before;
      for await (const progress of fsck({ ...log, is_past: at > 0 })) {
        now = joined(before, progress, at > 0 ? log.number : null);
        told(now);
      }
      before = now;
    }
    return ok(before);
  });
}

/**
 * Fills a log again, from these folders and from where it was archived: the newest, or that of this number or origin.
 * Fails as {@link fsckFolder} and {@link recoverLog} do, or with a `VAULT_` code.
 */
export function recoverFolder(data: string, folders: readonly string[], dry_run: boolean, which?: string): Promise<Result<Recovered>> {
  return within(data, async (held, logs) => {
    const log = which === undefined ? logs[0] : logs.find(({ number, verifier }) => which === String(number) || which === verifier.name);
    if (log === undefined) return fail('AUDIT_LOG_UNKNOWN', `the folder holds no log ${which}: its logs have the numbers 0 to ${logs.length - 1}`);
    const vault = await openVault({ files: held.files, random: (length) => system_random.bytes(length), create: false });
    if (!vault.ok) return vault;
    const archived = await readArchiveRecord(log.store).catch(() => undefined);
    const archives = archived?.ok === true ? archived.value.parts.map(({ folder }) => folder) : [];
    const copies = [...new Set([...folders, ...archives])].map(folderCopy);
    return recoverLog({ ...log, vault: vault.value, log_number: log.number, is_past: log !== logs[0], copies, dry_run });
  });
}

/**
 * Reads the entries of a log in order: the newest, or that of this number or origin. Fails as
 * {@link fsckFolder} does, with a `VAULT_` code, or with `AUDIT_DAMAGED` where an entry cannot be read.
 */
export function readFolderLog(data: string, which: string | undefined, take: (record: AuditRecord) => void): Promise<Result<void>> {
  return within(data, async (held, logs) => {
    const log = which === undefined ? logs[0] : logs.find(({ number, verifier }) => which === String(number) || which === verifier.name);
    if (log === undefined) return fail('AUDIT_LOG_UNKNOWN', `the folder holds no log ${which}: its logs have the numbers 0 to ${logs.length - 1}`);
    const vault = await openVault({ files: held.files, random: (length) => system_random.bytes(length), create: false });
    if (!vault.ok) return vault;
    const bytes = await log.store.get('log', log_keys.state());
    const state = bytes === undefined ? undefined : decodeState(bytes);
    if (state?.ok === false) return state;
    const reader = new AuditReader({ store: log.store, vault: vault.value, log_number: log.number });
    for await (const record of reader.records(0, state?.value.size ?? 0)) {
      if (!record.ok) return record;
      take(record.value);
    }
    return ok(undefined);
  });
}
