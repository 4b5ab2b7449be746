/**
 * The way out of a freeze for a log whose store was damaged: it is filled again
 * from what is intact and from copies, until it has the root that was signed.
 * What cannot be had is said to be lost, and nothing is ever invented. A log
 * that signed what it does not know any more cannot be mended so.
 */
import { decodeCbor, encodeCbor, hasShape, isWhole } from '../crypto/canonical.ts';
import { utf8 } from '../crypto/bytes.ts';
import type { Verifier } from '../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { readArchiveRecord } from './archive-record.ts';
import { Copies, type LogCopy } from './audit-copies.ts';
import { earlierFreeze, frozen_file } from './audit-freeze.ts';
import { fsckOutcome, type DamagedRecord, type FsckProgress } from './audit-fsck.ts';
import { decodeState, log_keys, type TreeState } from './audit-group.ts';
import { readHead, type SignedHead } from './audit-heads.ts';
import { Refill, type Composition, type RefillTarget } from './audit-refill.ts';
import { Restore, type Restored } from './audit-restore.ts';
import type { Files } from './files.ts';
import type { Change, Store } from './store.ts';
import type { Vault } from './vault.ts';

/** `r`: what a recovery did, until the log itself says it. */
const report_key = utf8('r');
// More rounds than tables of records that can be dropped.
const drop_rounds_max = 64;

/** What recovering uses. */
export interface RecoveryParts {
  readonly store: Store;
  readonly files: Files;
  /** The log's own key. */
  readonly verifier: Verifier;
  readonly vault: Vault;
  readonly log_number: number;
  readonly copies: readonly LogCopy[];
  /** Whether to say what would happen, and write nothing. */
  readonly dry_run: boolean;
  readonly witnessKey?: (name: string) => Promise<string | undefined>;
}

/** What a recovery did, or would do. */
export interface Recovered extends Restored {
  /** Damaged records that were found before. */
  readonly damaged: number;
  /** Damaged checkpoints, cosignatures and evidence that the log is whole without: they are gone. */
  readonly dropped: number;
}

const no_head = { fix: 'begin a successor: agentmesh audit succeed --yes' };

/** The heads that a recovery leads to. */
async function headOf({ files, verifier }: RecoveryParts): Promise<Result<SignedHead>> {
  const freeze = await earlierFreeze(files);
  if (freeze?.cause === 'history') return fail('AUDIT_HISTORY', `the log was not frozen for damage: ${freeze.reason}`, no_head);
  const head = await readHead(files, verifier);
  if (!head.ok || head.value === undefined) {
    return fail('AUDIT_HEAD_DAMAGED', `there is no signed head to fill the log up to: ${head.ok ? 'it is missing' : head.failure.reason}`, no_head);
  }
  return ok(head.value);
}

async function storedState(store: Store): Promise<TreeState | undefined> {
  const bytes = await store.get('log', log_keys.state()).catch(() => undefined);
  const state = bytes === undefined ? undefined : decodeState(bytes);
  return state?.ok === true ? state.value : undefined;
}

/** First the whole tree as the store says it was, and where that cannot be had, the tree that was signed. */
function targetsOf(head: SignedHead, state: TreeState | undefined): readonly RefillTarget[] {
  const signed: RefillTarget = { size: head.size, roots: new Map([[head.size, head.root]]) };
  if (state === undefined || state.size <= head.size) return [signed];
  return [{ size: state.size, roots: new Map([[head.size, head.root], [state.size, state.root]]) }, signed];
}

async function compose(refill: Refill, targets: readonly RefillTarget[]): Promise<Result<Composition>> {
  let composed: Result<Composition> = fail('AUDIT_UNRECOVERABLE', 'there is no head to fill the log up to');
  for (const target of targets) {
    composed = await refill.compose(target);
    if (composed.ok) return composed;
  }
  return composed;
}

/**
 * Fills a damaged log again and lifts its freeze. The log must not be in use,
 * or be frozen; it is opened anew afterwards. Broken off, it is begun again.
 *
 * Fails with `AUDIT_HISTORY` where the log was not frozen for damage, `AUDIT_HEAD_DAMAGED`,
 * `AUDIT_UNRECOVERABLE`, or `AUDIT_RECOVERY_FAILED` when the store cannot be written.
 */
export async function recoverLog(parts: RecoveryParts): Promise<Result<Recovered>> {
  const head = await headOf(parts);
  if (!head.ok) return head;
  try {
    return await recover(parts, head.value);
  } catch (error) {
    return fail('AUDIT_RECOVERY_FAILED', `the log could not be filled again: ${messageOf(error)}`, { fix: 'check the disk and its free space, then try again', cause: error });
  }
}

async function recover(parts: RecoveryParts, head: SignedHead): Promise<Result<Recovered>> {
  const { store, dry_run } = parts;
  const before = await fsckOutcome(parts);
  const archived = await readArchiveRecord(store);
  const kept_from = archived.ok ? archived.value.line : 0;
  const state = await storedState(store);
  const composed = await compose(new Refill(store, new Copies(parts.copies), kept_from), targetsOf(head, state));
  if (!composed.ok) return composed;
  const told: Change[] = archived.ok ? [] : [{ space: 'log', key: utf8('a') }];
  let recovered = summary(before, head.size, state, before.damaged.filter(({ drop }) => drop !== undefined).length);
  const restored = await new Restore({ ...parts, kept_from, generation: (state?.generation ?? 0) + 1 }, composed.value).run((done) => {
    recovered = { ...recovered, ...done, lost_after_head: Math.max(done.lost_after_head, (state?.size ?? 0) - done.size) };
    return [...told, { space: 'log', key: log_keys.checkpoint(head.size), value: head.note }, reportChange(recovered)];
  });
  if (dry_run) return ok({ ...recovered, size: restored.size });
  return lift(parts, recovered);
}

function summary(before: FsckProgress, size: number, state: TreeState | undefined, dropped: number): Recovered {
  return { size, refilled: 0, payloads_lost: 0, derived: 0, lost_after_head: Math.max(0, (state?.size ?? 0) - size), damaged: before.damaged_count, dropped };
}

/** Takes away what is damaged and not needed, makes sure that nothing else is, and lifts the freeze. */
async function lift(parts: RecoveryParts, recovered: Recovered): Promise<Result<Recovered>> {
  const { store, files } = parts;
  let dropped = 0;
  let left: readonly DamagedRecord[] = [];
  for (let round = 0; round < drop_rounds_max; round += 1) {
    left = (await fsckOutcome(parts)).damaged;
    const drops = left.flatMap(({ drop }) => (drop === undefined ? [] : [drop]));
    if (drops.length === 0) break;
    dropped += drops.length;
    await store.batch([...drops, reportChange({ ...recovered, dropped })], { sync: true });
  }
  const [first] = left;
  if (first !== undefined) return fail('AUDIT_UNRECOVERABLE', `${first.name} is damaged still: ${first.reason}`, no_head);
  await files.remove(frozen_file);
  return ok({ ...recovered, dropped });
}

function reportChange(recovered: Recovered): Change {
  return { space: 'log', key: report_key, value: encodeCbor({ ...recovered }) };
}

/** What a recovery did that the log does not say yet, and the change that forgets it, to be committed with the entry that says it. */
export async function unreportedRecovery(store: Store): Promise<{ readonly recovered: Recovered; readonly reported: Change } | undefined> {
  const bytes = await store.get('log', report_key);
  const reported: Change = { space: 'log', key: report_key };
  const decoded = bytes === undefined ? undefined : decodeCbor(bytes);
  if (decoded?.ok !== true || !hasShape(decoded.value, ['size', 'refilled', 'payloads_lost', 'derived', 'lost_after_head', 'damaged', 'dropped'])) return undefined;
  const { size, refilled, payloads_lost, derived, lost_after_head, damaged, dropped } = decoded.value;
  if (!isWhole(size) || !isWhole(refilled) || !isWhole(payloads_lost) || !isWhole(derived) || !isWhole(lost_after_head) || !isWhole(damaged) || !isWhole(dropped)) return undefined;
  return { recovered: { size, refilled, payloads_lost, derived, lost_after_head, damaged, dropped }, reported };
}
