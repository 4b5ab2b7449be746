/**
 * Keeps watch over the own audit log: looks at every record again and again,
 * freezes the log when one is damaged, and knows the two ways out: filling it
 * again from copies, and beginning a successor.
 */
import { logOrigin } from '../crypto/checkpoint.ts';
import { key_bytes } from '../crypto/keys.ts';
import { parseVerifier, signature_type_log, verifierKey, type Verifier } from '../crypto/note.ts';
import { fail, messageOf, ok, unwrap, type Result } from '../crypto/result.ts';
import type { Clock, Network, Random, Recorder, Store } from '../protocols/ports.ts';
import type { Tiles } from '../protocols/tiles/index.ts';
import { every, sleep } from '../protocols/time.ts';
import { readArchiveRecord } from '../storage/archive-record.ts';
import { folderCopy, type LogCopy } from '../storage/audit-copies.ts';
import { damaged_records_max, fsck, type FsckProgress } from '../storage/audit-fsck.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import { recoverLog, type Recovered } from '../storage/audit-recovery.ts';
import type { Files } from '../storage/files.ts';
import type { Keystore } from '../storage/keystore.ts';
import { closeLog } from '../storage/log-chain.ts';
import { log_number_max } from '../storage/log-view.ts';
import type { Vault } from '../storage/vault.ts';
import { endedChange, logKeyName } from './own-logs.ts';

/** From the end of one round in the background to the beginning of the next. */
export const fsck_period_ms_default = 3_600_000;
/** Rests after each stretch of a round in the background: this many times as long as the stretch took, and at least so long. */
export const rest_factor = 24;
/** See {@link rest_factor}. */
export const rest_ms_min = 20;

/** What can be set. */
export interface KeeperInit {
  /** Replaces {@link fsck_period_ms_default}. */
  readonly fsck_period_ms?: number;
}

/** What a keeper uses. Store and files are those of the log that is written to. */
export interface KeeperParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly recorder: Recorder;
  readonly keystore: Keystore;
  readonly vault: Vault;
  /** Of the whole host. */
  readonly host_store: Store;
  readonly store: Store;
  readonly files: Files;
  readonly log: AuditLog;
  readonly number: number;
  readonly did: string;
  tiles(): Tiles;
  witnessKey(name: string): Promise<string | undefined>;
}

/** How the last or present round stands. */
export interface Round extends FsckProgress {
  readonly running: boolean;
  /** When the last round ended, Unix milliseconds; `undefined` before the first. */
  readonly ended_ms: number | undefined;
}

/** A successor that was prepared. */
export interface Prepared {
  readonly origin: string;
  readonly verifier_key: string;
}

const nothing: FsckProgress = { done: 0, total: 0, damaged: [], damaged_count: 0 };

/** Keeps one log. */
export class AuditKeeper {
  readonly #parts: KeeperParts;
  readonly #period_ms: number;
  readonly #verifier: Verifier;
  readonly #stopping = new AbortController();
  #stop_rounds = (): void => undefined;
  #progress = nothing;
  #ended_ms: number | undefined;
  #round: Promise<void> | undefined;
  // Somebody waits for the present round, so it takes no rest.
  #hurried = false;
  #successor: Prepared | undefined;

  constructor(parts: KeeperParts, init: KeeperInit = {}) {
    this.#parts = parts;
    this.#period_ms = init.fsck_period_ms ?? fsck_period_ms_default;
    this.#verifier = unwrap(parseVerifier(parts.log.verifier_key));
  }

  /** Begins the rounds in the background. */
  start(): void {
    const { clock, recorder } = this.#parts;
    this.#stop_rounds = every(clock, () => this.#period_ms, () => this.#begun(), (error) => recorder.record({ kind: 'audit.fsck.failed', reason: messageOf(error) }));
  }

  /** Ends the rounds; resolves when the store is not read any more. */
  async stop(): Promise<void> {
    this.#stop_rounds();
    this.#stopping.abort();
    await this.#round;
  }

  /** How the last or present round stands. */
  get round(): Round {
    return { ...this.#progress, running: this.#round !== undefined, ended_ms: this.#ended_ms };
  }

  /** The successor that begins at the next start, once one was prepared. */
  get successor(): Prepared | undefined {
    return this.#successor;
  }

  /** Begins a round now, or hurries the one under way; does not wait for its end. */
  fsck(): void {
    this.#hurried = true;
    this.#begun().catch((error: unknown) => this.#parts.recorder.record({ kind: 'audit.fsck.failed', reason: messageOf(error) }));
  }

  #begun(): Promise<void> {
    this.#round ??= this.#run().finally(() => {
      this.#round = undefined;
      this.#hurried = false;
    });
    return this.#round;
  }

  async #run(): Promise<void> {
    const { clock, log, recorder } = this.#parts;
    await this.#look();
    // What is written while it is read may look damaged once; what is damaged looks so again.
    const before = new Set(this.#progress.damaged.map(({ name }) => name));
    if (before.size > 0 && !this.#stopping.signal.aborted) {
      await this.#look();
      const damaged = this.#progress.damaged.filter(({ name }) => before.has(name));
      this.#progress = { ...this.#progress, damaged, damaged_count: this.#progress.damaged_count > damaged_records_max ? this.#progress.damaged_count : damaged.length };
    }
    if (this.#stopping.signal.aborted) return;
    this.#ended_ms = clock.now();
    const { done, damaged, damaged_count } = this.#progress;
    recorder.record({ kind: 'audit.fsck.ended', entries: done, damaged: damaged_count });
    const [first] = damaged;
    if (first === undefined || log.frozen !== undefined) return;
    await log.freeze(`${first.name} is damaged: ${first.reason}${damaged_count > 1 ? `; and ${damaged_count - 1} more records` : ''}`, 'damage');
    recorder.record({ kind: 'audit.frozen', reason: first.name });
  }

  async #look(): Promise<void> {
    const { clock, store, files } = this.#parts;
    const { signal } = this.#stopping;
    let since_ms = clock.now();
    this.#progress = nothing;
    for await (const progress of fsck({ store, files, verifier: this.#verifier, witnessKey: (name) => this.#parts.witnessKey(name) })) {
      this.#progress = progress;
      if (signal.aborted) return;
      const took_ms = Math.max(0, clock.now() - since_ms);
      // Also in a hurry others get their turn.
      await sleep(clock, this.#hurried ? 0 : Math.max(rest_ms_min, took_ms * rest_factor), signal);
      since_ms = clock.now();
    }
  }

  /**
   * Fills the frozen log again from what is intact, from folders, from where it
   * was archived, and from connected hosts that have a copy. The node has to be
   * restarted afterwards.
   *
   * Fails with `AUDIT_RECOVERY_NEEDLESS`, or as {@link recoverLog} does.
   */
  async recover(folders: readonly string[], dry_run: boolean): Promise<Result<Recovered>> {
    const { log, store, files, vault, number, recorder } = this.#parts;
    if (log.frozen === undefined) return fail('AUDIT_RECOVERY_NEEDLESS', 'the audit log is not frozen: there is nothing to recover', { fix: 'agentmesh audit fsck looks at every record' });
    await this.#round;
    const archived = await readArchiveRecord(store).catch(() => undefined);
    const archives = archived?.ok === true ? archived.value.parts.map(({ folder }) => folder) : [];
    const copies = [...new Set([...folders, ...archives])].map(folderCopy);
    const recovered = await recoverLog({
      store, files, vault, verifier: this.#verifier, log_number: number, dry_run,
      copies: [...copies, ...this.#peers()],
      witnessKey: (name) => this.#parts.witnessKey(name),
    });
    recorder.record({ kind: 'audit.recover', dry_run, code: recovered.ok ? null : recovered.failure.code });
    return recovered;
  }

  /** Connected hosts, each of which may mirror the log. */
  #peers(): readonly LogCopy[] {
    const { network, log } = this.#parts;
    return network.peers().filter(({ id }) => id !== network.id).map(({ id }) => ({
      name: id,
      read: async (path) => {
        const bytes = await this.#parts.tiles().fetch(id, log.origin, path, this.#stopping.signal);
        return bytes.ok ? bytes.value : undefined;
      },
    }));
  }

  /**
   * Ends the log for good and makes the key of its successor, which begins when
   * the node starts again. Done twice, the second time tells of the first.
   *
   * Fails with `AUDIT_LOGS_FULL`, or as appending and signing do; then the next start ends the log.
   */
  async succeed(): Promise<Result<Prepared>> {
    const { random, keystore, host_store, clock, did, log, number, recorder } = this.#parts;
    if (this.#successor !== undefined) return ok(this.#successor);
    if (number >= log_number_max) return fail('AUDIT_LOGS_FULL', `a host has at most ${log_number_max + 1} logs`);
    const name = logKeyName(number + 1);
    await host_store.batch([endedChange(number, clock.now())], { sync: true });
    await keystore.add(new Map([[name, random.bytes(key_bytes)]]));
    const key = keystore.key(name);
    if (key === undefined) throw new Error('broken invariant: a key that was added is there');
    const origin = logOrigin(did, key.public_key);
    this.#successor = { origin, verifier_key: verifierKey(origin, signature_type_log, key.public_key) };
    recorder.record({ kind: 'audit.succeeded', origin });
    const closed = await closeLog(log, this.#successor.verifier_key);
    return closed.ok ? ok(this.#successor) : closed;
  }
}
