/**
 * What a host writes down about others: what receipts say of them, commands
 * that were refused, work that was reported done.
 */
import { toBase64url, utf8 } from '../crypto/bytes.ts';
import { canonicalJsonBytes } from '../crypto/canonical.ts';
import type { Invocation } from '../crypto/chain.ts';
import { sha256 } from '../crypto/hash.ts';
import { messageOf, ok, type Failure, type Result } from '../crypto/result.ts';
import type { Completion } from '../protocols/delegation/index.ts';
import type { Receipt } from '../protocols/message/index.ts';
import type { Change, Clock, Recorder, Store } from '../protocols/ports.ts';
import type { Interaction, Trust } from '../protocols/trust/index.ts';
import type { AuditLog } from '../storage/audit-log.ts';

/** Interactions wait this long, or for so many, to be stored together. */
const noted_ms_max = 100;
const noted_max = 1024;
/** Refusals that are recorded: one in this time on average, and so many at once. */
const refusal_ms = 100;
const refusals_burst = 100;

/** What the books are kept with. */
export interface BooksParts {
  readonly clock: Clock;
  readonly log: AuditLog;
  readonly trust: Trust;
  readonly store: Store;
  readonly recorder: Recorder;
}

/** The books of a host. */
export class Books {
  readonly #parts: BooksParts;
  /** When the next refusal's turn to be recorded comes, Unix milliseconds; in the past while there is room. */
  #refusals_due_ms = 0;
  readonly #noted = new Map<string, { readonly observer: string; readonly subject: string; readonly interaction: Interaction }>();

  constructor(parts: BooksParts) {
    this.#parts = parts;
  }

  /** Stores what was noted. */
  async stop(): Promise<void> {
    await this.#flush();
  }

  /**
   * Stores changes that a receipt rests on, and notes what the receipt says about
   * the other side: a moment later and together, since nobody waits for it. Only
   * receipts that both sides hold count.
   */
  async settled(observer: string, subject: string, receipt: Receipt, receipt_hash: Uint8Array, changes: readonly Change[]): Promise<void> {
    const interaction = interactionOf(observer, receipt, receipt_hash, this.#parts.clock.now());
    if (interaction !== undefined) this.#note(observer, subject, interaction);
    if (changes.length > 0) await this.#parts.store.batch(changes, { sync: false });
  }

  #note(observer: string, subject: string, interaction: Interaction): void {
    this.#noted.set(`${observer} ${subject} ${toBase64url(interaction.receipt_hash)}`, { observer, subject, interaction });
    if (this.#noted.size >= noted_max) void this.#flush();
    else if (this.#noted.size === 1) this.#parts.clock.after(noted_ms_max, () => void this.#flush());
  }

  /** Makes the noted interactions count and stores the sums, the last ones of each pair. */
  async #flush(): Promise<void> {
    try {
      await this.#store();
    } catch (error) {
      // The store is closed or broken: the receipts stay, only this node's sums do not learn of them.
      this.#parts.recorder.record({ kind: 'trust.notes-failed', reason: messageOf(error) });
    }
  }

  async #store(): Promise<void> {
    const noted = [...this.#noted.values()].map(({ observer, subject, interaction }) => ({
      pair: `${observer} ${subject}`, recorded: this.#parts.trust.interaction(observer, subject, interaction),
    }));
    this.#noted.clear();
    const last = new Map(noted.filter(({ recorded }) => recorded.counts).map(({ pair, recorded }) => [pair, recorded]));
    const changes = noted.flatMap(({ pair, recorded }) => last.get(pair) === recorded ? recorded.changes : recorded.dropped);
    if (changes.length > 0) await this.#parts.store.batch(changes, { sync: false });
    for (const { recorded } of noted) recorded.applied();
  }

  /**
   * Records a command that was refused for want of a proof, so that the attempt
   * can be shown later. So many a second and no more: whoever has a session
   * could otherwise fill the disk with refusals; the rest is only counted.
   */
  async recordRefusal(executor: string, invocation: Invocation, failure: Failure): Promise<number | null> {
    const time_ms = this.#parts.clock.now();
    this.#refusals_due_ms = Math.max(this.#refusals_due_ms, time_ms - refusals_burst * refusal_ms) + refusal_ms;
    if (this.#refusals_due_ms > time_ms) {
      this.#refusals_due_ms -= refusal_ms;
      return null;
    }
    const record = {
      kind: 'refusal', agent: executor, caller: invocation.iss, command: invocation.command.text, code: failure.code, reason: failure.reason,
      invocation: toBase64url(invocation.token.hash), time_ms,
    };
    const appended = await this.#parts.log.append({ subject: executor, payload: canonicalJsonBytes(record) }, { durable: false });
    return appended.ok ? appended.value.index : null;
  }

  /** Work under a delegation of ours is done: recorded in one batch with its mark, and then good for the worker's standing with the issuer. Fails as {@link AuditLog.append} does. */
  async completed({ delegation, worker, result_hash }: Completion, mark: Change): Promise<Result<void>> {
    const { clock, log } = this.#parts;
    const { id, holder, issuer } = delegation;
    const record = { kind: 'completion', delegation: id, holder, worker, issuer, result_hash, time_ms: clock.now() };
    // Sealed under the issuer, who lives here: strangers get no keys of their own in the vault.
    const appended = await log.append({ subject: issuer, payload: canonicalJsonBytes(record) }, { with: [mark] });
    if (!appended.ok) return appended;
    this.#note(issuer, worker, { outcome: { kind: 'compliant' }, dimension: 'collaboration_health', receipt_hash: sha256(utf8(`completion ${id}`)), time_ms: clock.now() });
    return ok(undefined);
  }
}

/** What a receipt says about the other side; nothing where it only tells that a proof was missing. */
function interactionOf(observer: string, receipt: Receipt, receipt_hash: Uint8Array, time_ms: number): Interaction | undefined {
  const executor_observes = receipt.iss === observer;
  const dimension = executor_observes ? 'policy_compliance' : 'collaboration_health';
  if (receipt.verdict === 'allow') return { outcome: { kind: 'compliant' }, dimension, receipt_hash, time_ms };
  const is_attempt = executor_observes && (receipt.code === 'KERNEL_DENIED' || receipt.code === 'SCOPE_EXCEEDED');
  const is_fault = !executor_observes && receipt.verdict === 'error';
  return is_attempt || is_fault ? { outcome: { kind: 'anomaly', degree: 0.5 }, dimension, receipt_hash, time_ms } : undefined;
}
