/** A log on stores and files that tests can watch, hold up and break. */
import { randomBytes } from 'node:crypto';
import { utf8 } from '../../crypto/bytes.ts';
import { signingKey, type SigningKey } from '../../crypto/keys.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { memoryFiles, type Files } from '../../storage/files.ts';
import { openStore, type Change, type Store } from '../../storage/store.ts';
import { openVault, type Vault } from '../../storage/vault.ts';

/** A store that counts its batches and does with each what the test says. */
export interface WatchedStore extends Store {
  readonly batches: { readonly changes: readonly Change[]; readonly sync: boolean }[];
  /** Runs in place of each batch; `write` does what the batch would have done. */
  intercept: (write: () => Promise<void>) => Promise<void>;
}

/** Watches a store. */
export function watched(store: Store): WatchedStore {
  const batches: { readonly changes: readonly Change[]; readonly sync: boolean }[] = [];
  const watching: WatchedStore = {
    batches,
    intercept: (write) => write(),
    get: (space, key) => store.get(space, key),
    entries: (space, range) => store.entries(space, range),
    close: () => store.close(),
    batch: (changes, { sync }) => {
      batches.push({ changes, sync });
      return watching.intercept(() => store.batch(changes, { sync }));
    },
  };
  return watching;
}

/** Files that can be told to fail. */
export interface BreakableFiles extends Files {
  broken: boolean;
}

/** Memory files that fail on demand. */
export function breakableFiles(): BreakableFiles {
  const files = memoryFiles();
  const breakable: BreakableFiles = {
    broken: false,
    read: (name) => files.read(name),
    remove: (name) => files.remove(name),
    write: (name, bytes) => (breakable.broken ? Promise.reject(new Error('no space left')) : files.write(name, bytes)),
  };
  return breakable;
}

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
export const log_key: SigningKey = signingKey(new Uint8Array(32).fill(7));
export const did = 'did:mesh:bhost';

export interface AuditWorld {
  readonly store: WatchedStore;
  readonly files: BreakableFiles;
  readonly vault: Vault;
  readonly log: AuditLog;
  /** Opens the same log again, as after a restart. */
  reopen(): Promise<AuditLog>;
}

/** A fresh log in memory; `now` is its clock. */
export async function auditWorld(now: () => number = () => 1_700_000_000_000): Promise<AuditWorld> {
  const store = watched(unwrap(await openStore({ kind: 'memory' })));
  const files = breakableFiles();
  const vault = unwrap(await openVault({ files, random, create: true }));
  const parts = { store, files, vault, now, key: log_key, did };
  const log = unwrap(await openAuditLog({ ...parts, create: true }));
  store.batches.length = 0;
  return { store, files, vault, log, reopen: async () => unwrap(await openAuditLog({ ...parts, create: false })) };
}

/** Appends so many events of one subject, one after the other. */
export async function appendEvents(log: AuditLog, count: number, subject = 'agent'): Promise<void> {
  for (let index = 0; index < count; index += 1) unwrap(await log.append({ subject, payload: utf8(`payload ${index}`) }));
}

/** The code of a result, `ok` for a success. */
export const code = (result: Result<unknown>): string => (result.ok ? 'ok' : result.failure.code);
