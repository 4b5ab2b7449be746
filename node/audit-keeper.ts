/**
 * Keeps watch over the own audit log: looks at every record again and again,
 * freezes the log when one is damaged, and knows the two ways out: filling it
 * again from copies, and beginning a successor.
 */
import { logOrigin } from '../crypto/checkpoint.ts';
import { key_bytes } from '../crypto/keys.ts';
import { parseVerifier, signature_type_log, verifierKey } from '../crypto/note.ts';
import { fail, messageOf, ok, unwrap, type Result } from '../crypto/result.ts';
import type { Clock, Network, Random, Recorder, Store } from '../protocols/ports.ts';
import type { Tiles } from '../protocols/tiles/index.ts';
import { every, sleep } from '../protocols/time.ts';
import { readArchiveRecord } from '../storage/archive-record.ts';
import { folderCopy, type LogCopy } from '../storage/audit-copies.ts';
import { earlierFreeze } from '../storage/audit-freeze.ts';
import { fsckOutcome, type FsckProgress } from '../storage/audit-fsck.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import { recoverLog, type Recovered } from '../storage/audit-recovery.ts';
import type { Files } from '../storage/files.ts';
import type { Keystore } from '../storage/keystore.ts';
import { closeLog, reportPastRecoveries } from '../storage/log-chain.ts';
import { log_number_max } from '../storage/log-view.ts';
import type { Vault } from '../storage/vault.ts';
import { checked, joined, nothing_found, type LogsProgress, type StoredLog } from './log-check.ts';
import { endedChange, logKeyName, type PastLogs } from './own-logs.ts';

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
  readonly past_logs: PastLogs;
  readonly did: string;
  tiles(): Tiles;
  witnessKey(name: string): Promise<string | undefined>;
}

/** How the last or present round stands. */
export interface Round extends LogsProgress {
  readonly running: boolean;
  /** When the last round ended, Unix milliseconds; `undefined` before the first. */
  readonly ended_ms: number | undefined;
}

/** A successor that was prepared. */
export interface Prepared {
  readonly origin: string;
  readonly verifier_key: string;
}

/** Keeps the newest log, and those before it. */
export class AuditKeeper {
  readonly #parts: KeeperParts;
  readonly #period_ms: number;
  readonly #newest: StoredLog;
  readonly #stopping = new AbortController();
  #stop_rounds = (): void => undefined;
  #progress = nothing_found;
  // What the last check found in each log before the newest.
  readonly #past_found = new Map<number, FsckProgress>();
  #ended_ms: number | undefined;
  #round: Promise<void> | undefined;
  // Somebody waits for the present round, so it takes no rest.
  #hurried = false;
  #successor: Prepared | undefined;
  // Who asks meanwhile is told of the same one.
  #succeeding: Promise<Result<Prepared>> | undefined;
  // One after the other: each writes the store anew.
  #recovery: Promise<unknown> = Promise.resolve();

  constructor(parts: KeeperParts, init: KeeperInit = {}) {
    this.#parts = parts;
    this.#period_ms = init.fsck_period_ms ?? fsck_period_ms_default;
    this.#newest = { number: parts.number, store: parts.store, files: parts.files, verifier: unwrap(parseVerifier(parts.log.verifier_key)) };
  }

  /** Begins the rounds in the background; where there are earlier logs, which were not checked at the start, the first at once. */
  start(): void {
    const { clock, past_logs } = this.#parts;
    if (past_logs.count > 0) this.#beginRound();
    this.#stop_rounds = every(clock, () => this.#period_ms, () => this.#begun(), (error) => this.#failed(error));
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
    this.#beginRound();
  }

  /** What the last check found in a log before the newest. */
  pastDamage(number: number): FsckProgress | undefined {
    return this.#past_found.get(number);
  }

  #beginRound(): void {
    this.#begun().catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#parts.recorder.record({ kind: 'audit.fsck.failed', reason: messageOf(error) });
  }

  #begun(): Promise<void> {
    this.#round ??= this.#run().finally(() => {
      this.#round = undefined;
      this.#hurried = false;
    });
    return this.#round;
  }

  async #run(): Promise<void> {
    const { clock, recorder, number, past_logs } = this.#parts;
    await past_logs.endErasures().catch((error: unknown) => this.#failed(error));
    let before = nothing_found;
    for (let at = number; at >= 0; at -= 1) {
      const is_newest = at === number;
      const found = await this.#look(is_newest ? this.#newest : past_logs.stored(at), is_newest ? null : at, before);
      if (found === undefined) return;
      before = joined(before, found, is_newest ? null : at);
      this.#progress = before;
      if (is_newest) await this.#judge(found);
      else await this.#judgePast(at, found);
    }
    this.#ended_ms = clock.now();
    recorder.record({ kind: 'audit.fsck.ended', entries: before.done, damaged: before.damaged_count });
  }

  async #judge({ damaged: [first], damaged_count }: FsckProgress): Promise<void> {
    const { log, recorder } = this.#parts;
    if (first === undefined || log.frozen !== undefined) return;
    await log.freeze(`${first.name} is damaged: ${first.reason}${damaged_count > 1 ? `; and ${damaged_count - 1} more records` : ''}`, 'damage');
    recorder.record({ kind: 'audit.frozen', reason: first.name });
  }

  /** Damage in an earlier log is no reason to stop the newest; opened again it proves nothing more. */
  async #judgePast(number: number, found: FsckProgress): Promise<void> {
    const known = (this.#past_found.get(number)?.damaged_count ?? 0) > 0;
    this.#past_found.set(number, found);
    if (found.damaged_count === 0 || known) return;
    await this.#parts.past_logs.reopen(number);
    this.#parts.recorder.record({ kind: 'audit.past-log.damaged', log: number, reason: found.damaged[0]?.name ?? '' });
  }

  #look(stored: StoredLog, number: number | null, before: LogsProgress): Promise<FsckProgress | undefined> {
    const { clock } = this.#parts;
    const { signal } = this.#stopping;
    let since_ms = clock.now();
    return checked(stored, number === null, {
      witnessKey: (name) => this.#parts.witnessKey(name),
      told: async (progress) => {
        this.#progress = joined(before, progress, number);
        if (signal.aborted) return false;
        const took_ms = Math.max(0, clock.now() - since_ms);
        // Also in a hurry others get their turn.
        await sleep(clock, this.#hurried ? 0 : Math.max(rest_ms_min, took_ms * rest_factor), signal);
        since_ms = clock.now();
        return !signal.aborted;
      },
    });
  }

  /**
   * Fills the frozen log, or a damaged one before it, again from what is intact, from folders, archives, and
   * connected hosts that have a copy. The node has to be restarted afterwards where it was the newest.
   *
   * Fails with `AUDIT_RECOVERY_NEEDLESS`, or as {@link recoverLog} does.
   */
  async recover(folders: readonly string[], dry_run: boolean, number: number = this.#parts.number): Promise<Result<Recovered>> {
    const { past_logs, recorder } = this.#parts;
    const is_newest = number === this.#parts.number;
    const needless = is_newest ? this.#needless() : await this.#pastNeedless(number);
    if (needless !== undefined) return needless;
    this.#hurried = this.#round !== undefined;
    await this.#round;
    const recovery = this.#recovery.then(() => (is_newest ? this.#fill(this.#newest, folders, dry_run) : this.#fillPast(number, folders, dry_run)));
    this.#recovery = recovery.catch(() => undefined);
    const recovered = await recovery;
    recorder.record({ kind: 'audit.recover', log: number, dry_run, code: recovered.ok ? null : recovered.failure.code });
    if (is_newest || dry_run || !recovered.ok) return recovered;
    this.#past_found.delete(number);
    await past_logs.reopen(number);
    // A round that ran meanwhile may have seen it half mended.
    await this.#round;
    this.fsck();
    return recovered;
  }

  #needless(): Result<never> | undefined {
    const { frozen } = this.#parts.log;
    const [damaged] = [...this.#past_found].find(([, { damaged_count }]) => damaged_count > 0) ?? [];
    const fix = damaged === undefined ? 'agentmesh audit fsck looks at every record' : `log ${damaged} is damaged: agentmesh audit recover --log ${damaged}`;
    if (frozen === undefined) return fail('AUDIT_RECOVERY_NEEDLESS', 'the audit log is not frozen: there is nothing to recover', { fix });
    return frozen.detail?.['cause'] === 'history' ? fail('AUDIT_HISTORY', `the log was not frozen for damage: ${frozen.reason}`, { fix: 'begin a successor: agentmesh audit succeed --yes' }) : undefined;
  }

  async #pastNeedless(number: number): Promise<Result<never> | undefined> {
    const stored = this.#parts.past_logs.stored(number);
    const { damaged_count } = await fsckOutcome({ ...stored, is_past: true });
    if (damaged_count > 0 || (await earlierFreeze(stored.files))?.cause === 'damage') return undefined;
    return fail('AUDIT_RECOVERY_NEEDLESS', `log ${number} is not damaged: there is nothing to recover`, { fix: 'agentmesh audit fsck looks at every record' });
  }

  async #fill(stored: StoredLog, folders: readonly string[], dry_run: boolean): Promise<Result<Recovered>> {
    const archived = await readArchiveRecord(stored.store).catch(() => undefined);
    const archives = archived?.ok === true ? archived.value.parts.map(({ folder }) => folder) : [];
    const copies = [...new Set([...folders, ...archives])].map(folderCopy);
    return recoverLog({
      ...stored, vault: this.#parts.vault, log_number: stored.number, dry_run, is_past: stored.number < this.#parts.number,
      copies: [...copies, ...this.#peers(stored.verifier.name)],
      witnessKey: (name) => this.#parts.witnessKey(name),
    });
  }

  async #fillPast(number: number, folders: readonly string[], dry_run: boolean): Promise<Result<Recovered>> {
    const { past_logs, log, host_store, did } = this.#parts;
    const opened = await past_logs.log(number);
    const fill = (): Promise<Result<Recovered>> => this.#fill(past_logs.stored(number), folders, dry_run);
    const filled = opened.ok ? await opened.value.holdErasures(fill) : await fill();
    if (filled.ok && !dry_run) await reportPastRecoveries(log, host_store, did, past_logs.origins);
    return filled;
  }

  /** Connected hosts, each of which may mirror a log. */
  #peers(origin: string): readonly LogCopy[] {
    const { network } = this.#parts;
    return network.peers().filter(({ id }) => id !== network.id).map(({ id }) => ({
      name: id,
      read: async (path) => {
        const bytes = await this.#parts.tiles().fetch(id, origin, path, this.#stopping.signal);
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
  succeed(): Promise<Result<Prepared>> {
    this.#succeeding ??= this.#succeed().finally(() => { this.#succeeding = undefined; });
    return this.#succeeding;
  }

  async #succeed(): Promise<Result<Prepared>> {
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
