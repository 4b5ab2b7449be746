/**
 * Keeps a host's audit log within what its owner decided: drops what a rule
 * says is old, refuses governed actions when the log has no room left, and
 * moves old entries to an archive when told to.
 */
import { utf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../crypto/result.ts';
import type { Clock, Recorder } from '../protocols/ports.ts';
import { decodeState, originOfState } from '../protocols/witness/state.ts';
import { archiveLog, restoreArchive, sweepArchived, type Archived } from '../storage/audit-archive.ts';
import { decodeState as decodeTreeState, log_keys } from '../storage/audit-group.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import { logStore } from '../storage/log-view.ts';
import { budgetLevel, checkpointDrop, cutoff, erasedBefore, erasedBeforeChange, firstSince, lonelyCheckpoints, type BudgetLevel, type DiskUse, type RetentionPolicy } from '../storage/retention.ts';
import type { Change, Store } from '../storage/store.ts';
import type { Progress } from '../storage/tile-folder.ts';
import type { PastLogs } from './own-logs.ts';

const measure_ms = 10_000;
const first_run_ms = 60_000;
const run_ms = 86_400_000;
const drops_max = 1_024;

/** Tells how much of the disk is free. */
export type FreeBytes = () => Promise<number>;

/** What a host's retention works with. */
export interface RetentionParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** The store of the host. */
  readonly store: Store;
  /** The store as the log sees it. */
  readonly log_store: Store;
  readonly log: AuditLog;
  readonly did: string;
  readonly policy: RetentionPolicy;
  readonly free_bytes?: FreeBytes;
  /** The logs that came before this one: what they hold grows old too. */
  readonly past_logs?: Pick<PastLogs, 'count' | 'log'>;
}

/** What a run drops, or would. */
export interface Due {
  /** Payloads of entries before this one, if there are any that were not erased for their age. */
  readonly payloads_before: number | undefined;
  readonly checkpoints: readonly number[];
  /** Origins of logs that were not seen for long. */
  readonly witnessed: readonly string[];
}

/** What to move, or to bring back. */
export type ArchiveOrder =
  | { readonly kind: 'archive'; readonly folder: string; readonly before_ms: number }
  | { readonly kind: 'archive'; readonly folder: string; readonly keep: number }
  | { readonly kind: 'restore'; readonly folder: string };

/** A work that goes on while nobody waits for it. */
export interface Work {
  readonly order: ArchiveOrder;
  progress: Progress;
  readonly ended: Promise<Result<Archived>>;
  is_over: boolean;
}

function readable(bytes: number): string {
  return bytes >= 10_000_000_000 ? `${(bytes / 1e9).toFixed(0)} GB` : `${(bytes / 1e6).toFixed(0)} MB`;
}

/** The retention of one log. */
export class AuditRetention {
  readonly policy: RetentionPolicy;
  /** The store as the log sees it. */
  readonly log_store: Store;
  /** When the next run is due, Unix milliseconds. */
  next_run_ms = 0;
  readonly #parts: RetentionParts;
  #use: DiskUse = { audit_bytes: undefined, free_bytes: undefined };
  #work: Work | undefined;
  #cancels: (() => void)[] = [];
  #running: Promise<unknown> = Promise.resolve();
  readonly #stopped = new AbortController();

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.policy = parts.policy;
    this.log_store = parts.log_store;
  }

  /** Measures the disk, so that the budget holds from the first action on, and begins the rounds. */
  async start(): Promise<void> {
    await this.measure();
    const { audit_disk_bytes_max, free_disk_bytes_min } = this.policy;
    if (audit_disk_bytes_max !== undefined || free_disk_bytes_min !== undefined) this.#again(measure_ms, () => this.measure());
    this.next_run_ms = this.#parts.clock.now() + first_run_ms;
    this.#again(first_run_ms, async () => {
      const done = await this.run();
      if (!done.ok) this.#parts.recorder.record({ kind: 'audit.retention.failed', code: done.failure.code, reason: done.failure.reason });
    }, run_ms);
    const swept = await sweepArchived({ store: this.#parts.log_store, log: this.#parts.log });
    if (swept.ok && swept.value.swept > 0) this.#parts.recorder.record({ kind: 'audit.archive.swept', records: swept.value.swept });
  }

  /** Ends the rounds and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
    await this.#running;
    await this.#work?.ended.catch(() => undefined);
  }

  #again(delay_ms: number, work: () => Promise<void>, then_ms = delay_ms): void {
    if (this.#stopped.signal.aborted) return;
    const cancel = this.#parts.clock.after(delay_ms, () => {
      this.#cancels = this.#cancels.filter((other) => other !== cancel);
      this.#running = this.#running.then(work).catch((error: unknown) => {
        this.#parts.recorder.record({ kind: 'audit.retention.failed', code: 'STORE_FAILED', reason: messageOf(error) });
      }).finally(() => this.#again(then_ms, work));
    });
    this.#cancels.push(cancel);
  }

  /** Measures what the log takes of the disk, and what is left of that. Rejects with what the store or the system fails with. */
  async measure(): Promise<void> {
    const { store, free_bytes } = this.#parts;
    const before = this.level();
    this.#use = { audit_bytes: await store.diskBytes?.('log'), free_bytes: await free_bytes?.() };
    if (this.level() !== before) this.#parts.recorder.record({ kind: 'audit.disk', level: this.level(), ...this.#use });
  }

  /** What the log takes of the disk, as last measured. */
  use(): DiskUse {
    return this.#use;
  }

  /** How that stands to the budget. */
  level(): BudgetLevel {
    return budgetLevel(this.#use, this.policy);
  }

  /** The failure `AUDIT_DISK_BUDGET` when the log has no room left for governed actions. */
  refusal(): Failure | undefined {
    if (this.level() !== 'full') return undefined;
    const { audit_bytes = 0, free_bytes = 0 } = this.#use;
    const { audit_disk_bytes_max = Infinity, free_disk_bytes_min = 0 } = this.policy;
    return {
      code: 'AUDIT_DISK_BUDGET',
      reason: audit_bytes >= audit_disk_bytes_max
        ? `the audit log takes ${readable(audit_bytes)} of the disk, and may take ${readable(audit_disk_bytes_max)}`
        : `the disk has ${readable(free_bytes)} left, and ${readable(free_disk_bytes_min)} are to stay free`,
      fix: 'move old entries to another disk: agentmesh audit archive --dir FOLDER --keep 100000',
    };
  }

  /** What the rules would drop now. Fails with what the log fails with. */
  async due(): Promise<Result<Due>> {
    const { clock, log, log_store, store } = this.#parts;
    const { payload_days, checkpoint_days, witness_days } = this.policy;
    const now_ms = clock.now();
    const mark = await erasedBefore(log_store);
    // A log that lost its end is shorter than it was then, and has other entries there by now.
    const from = mark > log.size() ? 0 : mark;
    const before = payload_days === undefined ? ok(from) : await firstSince(log, cutoff(now_ms, payload_days), from);
    if (!before.ok) return before;
    const checkpoints = checkpoint_days === undefined || log.frozen !== undefined ? ok([]) : await lonelyCheckpoints(log_store, log, cutoff(now_ms, checkpoint_days));
    if (!checkpoints.ok) return checkpoints;
    const witnessed = witness_days === undefined ? [] : await unseenLogs(store, cutoff(now_ms, witness_days));
    return ok({ payloads_before: before.value > from ? before.value : undefined, checkpoints: checkpoints.value, witnessed: witnessed.map(({ origin }) => origin) });
  }

  /** Drops what the rules say. Fails with what the log fails with. */
  async run(): Promise<Result<Due>> {
    const { clock, recorder, log, log_store, store } = this.#parts;
    this.next_run_ms = clock.now() + run_ms;
    const due = await this.due();
    if (!due.ok) return due;
    const { payloads_before, checkpoints, witnessed } = due.value;
    if (payloads_before !== undefined) {
      const erased = await log.erase({ before: payloads_before }, 'retention');
      // What has no payload any more is as good as erased.
      if (!erased.ok && erased.failure.code !== 'AUDIT_ERASED') return erased;
      await log_store.batch([erasedBeforeChange(payloads_before)], { sync: false });
    }
    const past = await this.#erasePast();
    if (!past.ok) return past;
    await inBatches(log_store, checkpoints.map(checkpointDrop));
    if (this.policy.witness_days !== undefined) {
      const unseen = await unseenLogs(store, cutoff(clock.now(), this.policy.witness_days));
      await inBatches(store, unseen.map(({ key }) => ({ space: 'witness', key })));
    }
    if (payloads_before !== undefined || checkpoints.length + witnessed.length > 0) {
      recorder.record({ kind: 'audit.retention', payloads_before, checkpoints: checkpoints.length, witnessed: witnessed.length });
    }
    return due;
  }

  /** The same in the logs before this one. They take no entry any more, so this one says it where it can. */
  async #erasePast(): Promise<Result<void>> {
    const { clock, log, did, store, past_logs } = this.#parts;
    const { payload_days } = this.policy;
    if (past_logs === undefined || payload_days === undefined) return ok(undefined);
    for (let number = 0; number < past_logs.count; number += 1) {
      const past_store = logStore(store, number);
      const from = await erasedBefore(past_store);
      // Opening a log reads all of it: not where nothing is left to be done.
      const state = decodeTreeState(await past_store.get('log', log_keys.state()) ?? new Uint8Array());
      if (state.ok && from >= state.value.size) continue;
      const past = await past_logs.log(number);
      const before = past.ok ? await firstSince(past.value, cutoff(clock.now(), payload_days), from) : past;
      if (!past.ok) return past;
      if (!before.ok) return before;
      if (before.value <= from) continue;
      const event = { kind: 'erased', origin: past.value.origin, before: before.value, basis: 'retention' };
      const told = log.frozen === undefined ? await log.append({ subject: did, payload: canonicalJsonBytes(event) }) : ok(undefined);
      const erased = told.ok ? await past.value.erase({ before: before.value }, 'retention') : told;
      if (!erased.ok && erased.failure.code !== 'AUDIT_ERASED') return erased;
      await past_store.batch([erasedBeforeChange(before.value)], { sync: true });
    }
    return ok(undefined);
  }

  /** The work on an archive that is under way, or that ended and was not asked after. */
  get work(): Work | undefined {
    return this.#work;
  }

  /**
   * Begins a work on an archive, or gives the one that is under way when it is
   * the same. Fails with `AUDIT_ARCHIVE_BUSY` when another one is.
   */
  begin(order: ArchiveOrder): Result<Work> {
    if (this.#work !== undefined) {
      const same = JSON.stringify(this.#work.order) === JSON.stringify(order);
      if (same) return ok(this.#work);
      if (!this.#work.is_over) return fail('AUDIT_ARCHIVE_BUSY', `entries are being moved to or from ${this.#work.order.folder}`, { fix: 'wait until that is done: agentmesh audit retention' });
    }
    const work: Work = {
      order, progress: { done: 0, total: 0 }, is_over: false,
      ended: this.#move(order, (progress) => { work.progress = progress; }).finally(() => { work.is_over = true; }),
    };
    this.#work = work;
    return ok(work);
  }

  /** Forgets a work whose end was told. */
  told(work: Work): void {
    if (this.#work === work) this.#work = undefined;
  }

  async #move(order: ArchiveOrder, progress: (progress: Progress) => void): Promise<Result<Archived>> {
    const { store, log_store, log, did, recorder } = this.#parts;
    // Not before the caller has the work in hand.
    await Promise.resolve();
    const work = { store: log_store, log, folder: order.folder, subject: did, progress, signal: this.#stopped.signal };
    const to = order.kind === 'restore' ? ok(0) : 'keep' in order ? ok(Math.max(0, log.size() - order.keep)) : await firstSince(log, order.before_ms);
    if (!to.ok) return to;
    const moved = order.kind === 'restore' ? await restoreArchive(work) : await archiveLog(work, to.value);
    if (moved.ok) {
      recorder.record({ kind: `audit.${order.kind}d`, first: moved.value.first, next: moved.value.next });
      await store.compact?.('log');
      await this.measure();
    }
    return moved;
  }
}

async function inBatches(store: Store, changes: readonly Change[]): Promise<void> {
  for (let at = 0; at < changes.length; at += drops_max) await store.batch(changes.slice(at, at + drops_max), { sync: false });
}

/** What this host remembers of logs that it cosigned last before a moment; one that was exposed is never forgotten. */
async function unseenLogs(store: Store, before_ms: number): Promise<readonly { readonly key: Uint8Array; readonly origin: string }[]> {
  const unseen: { readonly key: Uint8Array; readonly origin: string }[] = [];
  for await (const [key, value] of store.entries('witness', { gte: utf8('w'), lt: utf8('x') })) {
    const origin = originOfState(value);
    const state = origin === undefined ? undefined : decodeState(value, origin);
    if (state?.ok === true && !state.value.exposed && state.value.time_s * 1000 < before_ms) unseen.push({ key, origin: state.value.origin });
  }
  return unseen;
}
