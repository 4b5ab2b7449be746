/**
 * What the agents of this host have used up, kept over a restart and a crash: in the atomic batch of each
 * decision and outcome, so that a budget is never younger than the log. Only agents under a budget are kept.
 */
import { fromUtf8, utf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes, isFields } from '../crypto/canonical.ts';
import { messageOf } from '../crypto/result.ts';
import type { Change, Clock, Recorder, Store } from '../protocols/ports.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import type { KeptSpending, SpendingKeeper, Usage } from './kernel/budgets.ts';

/** What keeping them uses. */
export interface KeptSpendingsParts {
  readonly clock: Clock;
  readonly store: Pick<Store, 'get' | 'batch'>;
  readonly log: Pick<AuditLog, 'append'>;
  readonly recorder: Recorder;
}

/** Running time that was kept between two records. */
interface KeptTime {
  readonly epoch: number;
  readonly wall_time_ms: number;
}

/** What cannot be read is used up: an agent gains nothing by damage. */
const used_up: KeptSpending = { calls: Number.MAX_SAFE_INTEGER, tokens: Number.MAX_SAFE_INTEGER, cost: Number.MAX_SAFE_INTEGER, wall_time_ms: Number.MAX_SAFE_INTEGER, epoch: 0, open: 0 };

function spendingKey(did: string): Uint8Array {
  return utf8(`spending ${did}`);
}

function timeKey(did: string): Uint8Array {
  return utf8(`spending-time ${did}`);
}

function amountsIn<Name extends string>(bytes: Uint8Array, names: readonly Name[]): Readonly<Record<Name, number>> | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes) ?? '');
    if (!isFields(value)) return undefined;
    const amounts = Object.fromEntries(names.map((name) => [name, value[name]]));
    return isAmounts(amounts, names) ? amounts : undefined;
  } catch {
    return undefined;
  }
}

function isAmounts<Name extends string>(value: { readonly [name: string]: unknown }, names: readonly Name[]): value is Readonly<Record<Name, number>> {
  return names.every((name) => {
    const amount = value[name];
    return typeof amount === 'number' && Number.isFinite(amount) && amount >= 0;
  });
}

/** The spendings of this host's agents. */
export class KeptSpendings {
  readonly #parts: KeptSpendingsParts;
  readonly #agents = new Map<string, KeptSpending>();
  /** Agents whose running time is being written. */
  readonly #writing = new Set<string>();

  constructor(parts: KeptSpendingsParts) {
    this.#parts = parts;
  }

  /** Reads what an earlier run has kept of an agent. */
  async load(did: string): Promise<void> {
    const { store } = this.#parts;
    const [counted, passed] = await Promise.all([store.get('meta', spendingKey(did)), store.get('meta', timeKey(did))]);
    if (counted === undefined) return;
    const kept = amountsIn(counted, ['calls', 'cost', 'epoch', 'open', 'tokens', 'wall_time_ms']) ?? used_up;
    const time: KeptTime | undefined = passed === undefined ? undefined : amountsIn(passed, ['epoch', 'wall_time_ms']) ?? { epoch: kept.epoch, wall_time_ms: used_up.wall_time_ms };
    // Time of before the budget was given anew counts no more.
    this.#agents.set(did, time?.epoch === kept.epoch ? { ...kept, wall_time_ms: Math.max(kept.wall_time_ms, time.wall_time_ms) } : kept);
  }

  /** The change that keeps what an agent has used up by now, for the same atomic batch as a record of it; none where nothing has changed, or nothing is kept. */
  changes(did: string, kept: KeptSpending | undefined): readonly Change[] {
    const before = this.#agents.get(did);
    if (kept === undefined || (before !== undefined && isSame(before, kept))) return [];
    this.#agents.set(did, kept);
    return [{ space: 'meta', key: spendingKey(did), value: canonicalJsonBytes({ ...kept }) }];
  }

  /** Keeps one agent for its kernel. `now` says what that has counted; nothing once another has taken its place. */
  keeper(did: string, now: () => KeptSpending | undefined): SpendingKeeper {
    return {
      of: (agent) => (agent === did ? this.#agents.get(did) : undefined),
      passed: (agent, kept) => {
        if (agent === did) void this.#passed(did, kept);
      },
      spent: (agent, usage) => {
        if (agent === did) void this.#spent(did, usage, now());
      },
    };
  }

  /** Beside the log, so under a key of its own: a record that is on its way must not be overtaken. */
  async #passed(did: string, { epoch, wall_time_ms }: KeptTime): Promise<void> {
    if (this.#writing.has(did)) return;
    this.#writing.add(did);
    const { store, recorder } = this.#parts;
    try {
      await store.batch([{ space: 'meta', key: timeKey(did), value: canonicalJsonBytes({ epoch, wall_time_ms }) }], { sync: false });
    } catch (error) {
      // The next decision will not be recorded either, and so nothing more be used.
      recorder.record({ kind: 'spending.unkept', did, reason: messageOf(error) });
    } finally {
      this.#writing.delete(did);
    }
  }

  async #spent(did: string, { tokens = 0, cost = 0 }: Usage, kept: KeptSpending | undefined): Promise<void> {
    const { log, clock, recorder } = this.#parts;
    const payload = canonicalJsonBytes({ kind: 'spending', agent: did, tokens: bounded(tokens), cost: bounded(cost), time_ms: clock.now() });
    const written = await log.append({ subject: did, payload }, { durable: false, with: this.changes(did, kept) });
    if (!written.ok) recorder.record({ kind: 'spending.unkept', did, reason: written.failure.reason });
  }
}

/** An amount as JSON can hold it, whoever named it. */
function bounded(amount: number): number {
  return Number.isFinite(amount) ? amount : Number.MAX_SAFE_INTEGER;
}

function isSame(a: KeptSpending, b: KeptSpending): boolean {
  return a.calls === b.calls && a.tokens === b.tokens && a.cost === b.cost && a.wall_time_ms === b.wall_time_ms && a.epoch === b.epoch && a.open === b.open;
}
