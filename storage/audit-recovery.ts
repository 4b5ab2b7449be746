/**
 * The way out of a freeze for a log whose store was damaged: it is filled again
 * from what is intact and from copies, until it has the root that was signed.
 * What cannot be had is said to be lost, and nothing is ever invented. A log
 * that signed what it does not know any more cannot be mended so.
 */
import { decodeCbor, encodeCbor, hasShape, isWhole } from '../crypto/canonical.ts';
import { equal } from '../crypto/bytes.ts';
import type { Verifier } from '../crypto/note.ts';
import { fail, messageOf, ok, type Result } from '../crypto/result.ts';
import { readArchiveRecord } from './archive-record.ts';
import { Copies, type LogCopy } from './audit-copies.ts';
import { earlierFreeze, frozen_file } from './audit-freeze.ts';
import { fsckOutcome, type DamagedRecord, type FsckProgress } from './audit-fsck.ts';
import { decodeState, log_keys, type TreeState } from './audit-group.ts';
import { head_file, newestSigned, type SignedHead } from './audit-heads.ts';
import { Refill, type Composition, type RefillTarget } from './audit-refill.ts';
import { Restore, type Restored } from './audit-restore.ts';
import type { Files } from './files.ts';
import type { Change, Store } from './store.ts';
import type { Vault } from './vault.ts';

const report_key = log_keys.recovered();
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
  /** Whether the log has a successor already, so that copies are the only way. */
  readonly is_past?: boolean;
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
const only_copies = { fix: 'only a copy helps: agentmesh audit recover --log N --from FOLDER with an export or an archive of it, or connect to hosts that mirror it; the newest log is not concerned' };

/** A history that the log signed beside the one that the store has, and so what no copy can mend. */
function forked(reason: string): Result<never> {
  return fail('AUDIT_HISTORY', reason, no_head);
}

/** The newest head that the store knows to have been signed. */
async function headOf({ files, store, verifier }: RecoveryParts): Promise<Result<SignedHead>> {
  const freeze = await earlierFreeze(files);
  if (freeze?.cause === 'history') return forked(`the log was not frozen for damage: ${freeze.reason}`);
  const head = await newestSigned(files, store, verifier);
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

/** The larger of what this host and the holders of copies know to be signed: a log that ended before it would sign another root for its size. */
async function newestOf(known: SignedHead, copies: Copies, verifier: Verifier): Promise<Result<SignedHead>> {
  let newest = known;
  for (const head of await copies.heads(verifier)) {
    if (head.size === newest.size && !equal(head.root, newest.root)) return forked(`a copy has another signed root for ${head.size} entries`);
    if (head.size > newest.size) newest = head;
  }
  return ok(newest);
}

/** First the whole tree as the store says it was, and where that cannot be had, the tree that was signed. */
function targetsOf(known: SignedHead, newest: SignedHead, state: TreeState | undefined): readonly RefillTarget[] {
  const roots = new Map([known, newest].map(({ size, root }) => [size, root]));
  const signed: RefillTarget = { size: newest.size, roots };
  if (state === undefined || state.size <= newest.size) return [signed];
  return [{ size: state.size, roots: new Map([...roots, [state.size, state.root]]) }, signed];
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
  try {
    const recovered = head.ok ? await recover(parts, head.value) : head;
    if (recovered.ok || parts.is_past !== true) return recovered;
    return { ok: false, failure: { ...recovered.failure, ...only_copies } };
  } catch (error) {
    return fail('AUDIT_RECOVERY_FAILED', `the log could not be filled again: ${messageOf(error)}`, { fix: 'check the disk and its free space, then try again', cause: error });
  }
}

async function recover(parts: RecoveryParts, known: SignedHead): Promise<Result<Recovered>> {
  const { store, verifier, dry_run } = parts;
  const copies = new Copies(parts.copies);
  const newest = await newestOf(known, copies, verifier);
  if (!newest.ok) return newest;
  const head = newest.value;
  const before = await fsckOutcome(parts);
  const archived = await readArchiveRecord(store);
  const kept_from = archived.ok ? archived.value.line : 0;
  const state = await storedState(store);
  const composed = await compose(new Refill(store, copies, kept_from), targetsOf(known, head, state));
  if (!composed.ok) return composed;
  // Of a recovery that no start has written down since.
  const earlier = (await unreportedRecovery(store))?.recovered;
  const told: Change[] = archived.ok ? [] : [{ space: 'log', key: log_keys.archived() }];
  let recovered = summary(before, head.size, state, before.damaged.filter(({ drop }) => drop !== undefined).length);
  const restored = await new Restore({ ...parts, kept_from, generation: (state?.generation ?? 0) + 1 }, composed.value).run((done) => {
    recovered = { ...recovered, ...done, lost_after_head: Math.max(done.lost_after_head, (state?.size ?? 0) - done.size) };
    return [...told, { space: 'log', key: log_keys.checkpoint(head.size), value: head.note }, reportChange(recovered, earlier)];
  });
  if (dry_run) return ok({ ...recovered, size: restored.size });
  return lift(parts, head, recovered, earlier);
}

function summary(before: FsckProgress, size: number, state: TreeState | undefined, dropped: number): Recovered {
  return { size, refilled: 0, payloads_lost: 0, derived: 0, lost_after_head: Math.max(0, (state?.size ?? 0) - size), damaged: before.damaged_count, dropped };
}

/** Takes away what is damaged and not needed, makes sure that nothing else is, and lifts the freeze. */
async function lift(parts: RecoveryParts, head: SignedHead, recovered: Recovered, earlier: Recovered | undefined): Promise<Result<Recovered>> {
  const { store, files } = parts;
  let dropped = 0;
  let left: readonly DamagedRecord[] = [];
  for (let round = 0; round < drop_rounds_max; round += 1) {
    left = (await fsckOutcome(parts)).damaged;
    const drops = left.flatMap(({ drop }) => (drop === undefined ? [] : [drop]));
    if (drops.length === 0) break;
    dropped += drops.length;
    await store.batch([...drops, reportChange({ ...recovered, dropped }, earlier)], { sync: true });
  }
  const [first] = left;
  if (first !== undefined) return fail('AUDIT_UNRECOVERABLE', `${first.name} is damaged still: ${first.reason}`, no_head);
  await files.write(head_file, head.note);
  await files.remove(frozen_file);
  return ok({ ...recovered, dropped });
}

/** Recoveries that the log does not say yet add up. */
function reportChange(recovered: Recovered, earlier: Recovered | undefined): Change {
  const { size, refilled, payloads_lost, derived, lost_after_head, damaged, dropped } = recovered;
  const all: Recovered = earlier === undefined ? recovered : {
    size, refilled: refilled + earlier.refilled, payloads_lost: payloads_lost + earlier.payloads_lost, derived: derived + earlier.derived,
    lost_after_head: lost_after_head + earlier.lost_after_head, damaged: damaged + earlier.damaged, dropped: dropped + earlier.dropped,
  };
  return { space: 'log', key: report_key, value: encodeCbor({ ...all }) };
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
