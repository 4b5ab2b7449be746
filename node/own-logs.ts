/** The logs of this host: their keys, what the node's record says of them, and those that came before the newest. */
import { bigEndian, concat, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import { logOrigin } from '../crypto/checkpoint.ts';
import type { RetiredMethod, VerificationMethod } from '../crypto/did-events.ts';
import type { SigningKey } from '../crypto/keys.ts';
import { parseVerifier, signature_type_log, verifierKey } from '../crypto/note.ts';
import { fail, ok, unwrap, type Result } from '../crypto/result.ts';
import type { Store } from '../protocols/ports.ts';
import type { TileSource } from '../protocols/tiles/index.ts';
import { ErasureQueue } from '../storage/audit-eraser.ts';
import { log_keys } from '../storage/audit-group.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { Keystore } from '../storage/keystore.ts';
import { openPastLog, type LogChainParts } from '../storage/log-chain.ts';
import { logFiles, logStore } from '../storage/log-view.ts';
import type { Change } from '../storage/store.ts';
import type { StoredLog } from './log-check.ts';
import { nodeKey } from './node-keys.ts';

/** What the key of log `number` is called in the keystore and in the node's record. */
export function logKeyName(number: number): string {
  return number === 0 ? 'log' : `log-${number}`;
}

/** The keys of all logs of this host, the first log's first. Fails with `IDENTITY_KEYS_MISSING`. */
export function logKeys(keystore: Keystore): Result<readonly SigningKey[]> {
  const first = nodeKey(keystore, 'log');
  if (!first.ok) return first;
  const keys = [first.value];
  for (;;) {
    const next = keystore.key(logKeyName(keys.length));
    if (next === undefined) return ok(keys);
    keys.push(next);
  }
}

function endedKey(number: number): Uint8Array {
  return concat(utf8('log-ended'), bigEndian(number, 4));
}

/** The change that keeps when a log was ended, in Unix milliseconds. */
export function endedChange(number: number, time_ms: number): Change {
  return { space: 'meta', key: endedKey(number), value: bigEndian(time_ms, 8) };
}

/** What the node's record says of its logs: the key in use, and those of the logs before, the last ended first. */
export async function logMethods(store: Store, keys: readonly SigningKey[]): Promise<{ readonly current: VerificationMethod; readonly retired: readonly RetiredMethod[] }> {
  const methods = keys.map(({ public_key }, number): VerificationMethod => ({ id: logKeyName(number), key: public_key, uses: ['log'] }));
  const retired: RetiredMethod[] = [];
  for (const [number, method] of methods.slice(0, -1).entries()) {
    const until = fromBigEndian(await store.get('meta', endedKey(number)) ?? new Uint8Array());
    if (until !== undefined) retired.unshift({ ...method, until });
  }
  return { current: methods.at(-1) ?? { id: logKeyName(0), key: new Uint8Array(), uses: ['log'] }, retired };
}

/** The logs before the newest, each opened when somebody asks for it. */
export class PastLogs {
  readonly #parts: LogChainParts;
  readonly #opened = new Map<number, Promise<Result<AuditLog>>>();
  // Who has a log from before it was opened anew may still erase in it.
  readonly #erasures: readonly ErasureQueue[];

  constructor(parts: LogChainParts) {
    this.#parts = parts;
    this.#erasures = parts.keys.map(() => new ErasureQueue());
  }

  /** How many there are: the number of the newest log. */
  get count(): number {
    return this.#parts.keys.length - 1;
  }

  /** The origins, the first log's first. */
  get origins(): readonly string[] {
    return this.#parts.keys.slice(0, -1).map(({ public_key }) => logOrigin(this.#parts.did, public_key));
  }

  /** A log as it is stored. */
  stored(number: number): StoredLog {
    const { store, files, keys, did } = this.#parts;
    const origin = logOrigin(did, keys[number]?.public_key ?? new Uint8Array());
    const verifier = unwrap(parseVerifier(verifierKey(origin, signature_type_log, keys[number]?.public_key ?? new Uint8Array())));
    return { number, store: logStore(store, number), files: logFiles(files, number), verifier };
  }

  /** Ends erasures in these logs that a crash interrupted, as opening a log does. */
  async endErasures(): Promise<void> {
    const marks = { gte: log_keys.erasure(0), lte: log_keys.erasure(Number.MAX_SAFE_INTEGER), limit: 1 };
    for (let number = 0; number < this.count; number += 1) {
      let is_marked = false;
      for await (const [key] of this.stored(number).store.entries('log', marks)) is_marked = key.length > 0;
      if (!is_marked) continue;
      await this.reopen(number);
      await this.log(number);
    }
  }

  /** How many payloads of a subject can be read in these logs; what is damaged counts for nothing. */
  async payloadsOf(subject: string): Promise<number> {
    let payloads = 0;
    for (let number = 0; number < this.count; number += 1) {
      const log = await this.log(number);
      if (!log.ok) continue;
      for await (const record of log.value.entries({ subject })) if (record.ok && record.value.payload !== undefined) payloads += 1;
    }
    return payloads;
  }

  /** A log by its number. Fails as opening it does. */
  log(number: number): Promise<Result<AuditLog>> {
    const opened = this.#opened.get(number);
    if (opened !== undefined) return opened;
    const opening = openPastLog(this.#parts, number, this.#erasures[number]);
    this.#opened.set(number, opening);
    const forget = (): void => {
      if (this.#opened.get(number) === opening) this.#opened.delete(number);
    };
    // What could not be opened is tried again.
    opening.then((log) => (log.ok ? undefined : forget()), forget);
    return opening;
  }

  /** A log that was opened since the start. */
  async opened(number: number): Promise<AuditLog | undefined> {
    const opened = await this.#opened.get(number);
    return opened?.ok === true ? opened.value : undefined;
  }

  /** Lets a log be opened anew, and so be checked anew, when it is asked for next; erasures that are under way are ended before. */
  async reopen(number: number): Promise<void> {
    const opened = await this.opened(number);
    if (opened !== undefined) await opened.holdErasures(() => Promise.resolve(this.#opened.delete(number)));
    else this.#opened.delete(number);
  }

  /** A log by its origin; `undefined` where it is none of these. Fails as opening it does. */
  named(origin: string): Promise<Result<AuditLog>> | undefined {
    const number = this.origins.indexOf(origin);
    return number < 0 ? undefined : this.log(number);
  }

  /** The logs as anybody may read them. */
  sources(): readonly TileSource[] {
    return this.origins.map((origin, number) => ({
      origin,
      checkpoint: () => this.#with(number, (log) => log.cosigned()),
      tile: (level, at, width) => this.#with(number, (log) => log.tile(level, at, width)),
      bundle: (at, width) => this.#with(number, (log) => log.bundle(at, width)),
    }));
  }

  async #with<T>(number: number, read: (log: AuditLog) => Promise<Result<T>>): Promise<Result<T>> {
    const log = await this.log(number);
    return log.ok ? read(log.value) : log;
  }
}

/** The logs of a host. */
export interface OwnLogs {
  readonly log: AuditLog;
  readonly past_logs: PastLogs;
}

/** Which of its logs is meant: the newest where nothing is said, else the one of this number, from 0 for the first, or of this origin. Fails with `AUDIT_LOG_UNKNOWN`. */
export function numberOfLog({ log, past_logs }: OwnLogs, which: string | undefined): Result<number> {
  const origins = [...past_logs.origins, log.origin];
  const number = which === undefined ? past_logs.count : /^\d{1,5}$/.test(which) ? Number(which) : origins.indexOf(which);
  if (number >= 0 && number < origins.length) return ok(number);
  return fail('AUDIT_LOG_UNKNOWN', `this host has no log ${which}: ${origins.length === 1 ? 'it has one, number 0' : `it has ${origins.length}, number 0 to ${past_logs.count}`}`, { fix: 'agentmesh audit logs lists them' });
}

/** The log that is meant, as {@link numberOfLog} says. Fails as that and as opening it does. */
export async function chosenLog(logs: OwnLogs, which: string | undefined): Promise<Result<AuditLog>> {
  const number = numberOfLog(logs, which);
  if (!number.ok) return number;
  return number.value === logs.past_logs.count ? ok(logs.log) : logs.past_logs.log(number.value);
}
