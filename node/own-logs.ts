/** The logs of this host: their keys, what the node's record says of them, and those that came before the newest. */
import { bigEndian, concat, fromBigEndian, utf8 } from '../crypto/bytes.ts';
import { logOrigin } from '../crypto/checkpoint.ts';
import type { RetiredMethod, VerificationMethod } from '../crypto/did-events.ts';
import type { SigningKey } from '../crypto/keys.ts';
import { ok, type Result } from '../crypto/result.ts';
import type { Store } from '../protocols/ports.ts';
import type { TileSource } from '../protocols/tiles/index.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { Keystore } from '../storage/keystore.ts';
import { openPastLog, type LogChainParts } from '../storage/log-chain.ts';
import type { Change } from '../storage/store.ts';
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

  constructor(parts: LogChainParts) {
    this.#parts = parts;
  }

  /** How many there are: the number of the newest log. */
  get count(): number {
    return this.#parts.keys.length - 1;
  }

  /** The origins, the first log's first. */
  get origins(): readonly string[] {
    return this.#parts.keys.slice(0, -1).map(({ public_key }) => logOrigin(this.#parts.did, public_key));
  }

  /** A log by its number. Fails as opening it does. */
  log(number: number): Promise<Result<AuditLog>> {
    const opening = this.#opened.get(number) ?? openPastLog(this.#parts, number);
    this.#opened.set(number, opening);
    return opening;
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
