/** The control methods about what of the audit log is kept, archived and dropped, and what it takes of the disk. */
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';
import { readArchiveRecord } from '../../storage/archive-record.ts';
import { timeOf } from '../../storage/retention.ts';
import type { ArchiveOrder, Work } from '../audit-retention.ts';
import type { Host } from '../host.ts';
import type { ControlApi, ControlMethods } from './api.ts';
import type { ArchiveWorkView, RetentionView } from './audit-views.ts';
import type { CheckView } from './views.ts';

type RetentionMethods = Pick<ControlMethods, 'audit.retention' | 'audit.archive'>;
type ArchiveParams = ControlApi['audit.archive']['params'];

/** How long an answer waits for a work to end before it says how far it is. */
const work_wait_ms = 20_000;

function orderOf({ folder, before_ms, keep, restore = false }: ArchiveParams): Result<ArchiveOrder> {
  if (!isAbsolute(folder)) return fail('PARAMS_INVALID', 'the folder of an archive is an absolute path');
  if ([before_ms, keep].some((value) => value !== undefined && (!Number.isSafeInteger(value) || value < 0))) return fail('PARAMS_INVALID', 'a moment or a count is a whole number from 0');
  if (restore && before_ms === undefined && keep === undefined) return ok({ kind: 'restore', folder });
  if (!restore && keep !== undefined && before_ms === undefined) return ok({ kind: 'archive', folder, keep });
  if (!restore && before_ms !== undefined && keep === undefined) return ok({ kind: 'archive', folder, before_ms });
  return fail('PARAMS_INVALID', 'an archive takes what is older than a moment, or all but so many entries; to restore takes neither', { fix: 'give one of before_ms and keep, or restore' });
}

/** Resolves when the work ended, or when an answer is due before. */
async function waited(host: Host, work: Work): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = host.parts.clock.after(work_wait_ms, () => resolve(false));
    void work.ended.catch(() => undefined).then(() => {
      cancel();
      resolve(true);
    });
  });
}

async function archive(host: Host, params: ArchiveParams): Promise<Result<ArchiveWorkView>> {
  const order = orderOf(params);
  if (!order.ok) return order;
  const begun = host.retention.begin(order.value);
  if (!begun.ok) return begun;
  const work = begun.value;
  if (!await waited(host, work)) return ok({ state: 'running', folder: params.folder, ...work.progress, first: null, next: null, entry: null });
  host.retention.told(work);
  try {
    const ended = await work.ended;
    if (!ended.ok) return ended;
    const { folder, first, next, index } = ended.value;
    return ok({ state: 'done', folder, done: next - first, total: next - first, first, next, entry: index });
  } catch (error) {
    return fail('ARCHIVE_FOLDER', `the work on the archive failed: ${messageOf(error)}`, { cause: error });
  }
}

async function retention(host: Host): Promise<Result<RetentionView>> {
  const { log, retention: kept } = host;
  await kept.measure();
  const record = await readArchiveRecord(kept.log_store);
  if (!record.ok) return record;
  const due = await kept.due();
  if (!due.ok) return due;
  const oldest = log.size() > record.value.line ? await timeOf(log, record.value.line) : undefined;
  const { audit_bytes, free_bytes } = kept.use();
  const { payload_days, checkpoint_days, witness_days, audit_disk_bytes_max, free_disk_bytes_min } = kept.policy;
  return ok({
    entries: log.size(),
    archived: record.value.line,
    parts: record.value.parts.map(({ first, next, folder }) => ({ first, next, folder, present: existsSync(folder) })),
    oldest_ms: oldest?.ok === true ? oldest.value : null,
    level: kept.level(),
    audit_bytes: audit_bytes ?? null,
    audit_bytes_max: audit_disk_bytes_max ?? null,
    free_bytes: free_bytes ?? null,
    free_bytes_min: free_disk_bytes_min ?? null,
    rules: { payload_days: payload_days ?? null, checkpoint_days: checkpoint_days ?? null, witness_days: witness_days ?? null },
    due: { payloads_before: due.value.payloads_before ?? null, checkpoints: due.value.checkpoints.length, witnessed: due.value.witnessed.length },
    next_run_ms: kept.next_run_ms,
    work: kept.work === undefined ? null : { folder: kept.work.order.folder, restore: kept.work.order.kind === 'restore', ...kept.work.progress },
  });
}

/** What the doctor says of the room that the log has, and of archives that are away. */
export async function retentionChecks({ retention: kept }: Host): Promise<readonly CheckView[]> {
  const checks: CheckView[] = [];
  await kept.measure();
  const refusal = kept.refusal();
  const { audit_bytes, free_bytes } = kept.use();
  const taken = audit_bytes === undefined ? 'not measured' : `the audit log takes ${Math.ceil(audit_bytes / 1e6)} MB, ${Math.floor((free_bytes ?? 0) / 1e6)} MB are free`;
  if (refusal !== undefined) checks.push({ name: 'disk', state: 'failed', text: `${refusal.reason}: governed actions are refused`, fix: refusal.fix ?? 'agentmesh audit archive --dir FOLDER' });
  else if (kept.level() === 'near') checks.push({ name: 'disk', state: 'warning', text: `${taken}: four fifths of what it may take`, fix: 'agentmesh audit archive --dir FOLDER --keep 100000' });
  else checks.push({ name: 'disk', state: 'ok', text: taken });
  const record = await readArchiveRecord(kept.log_store);
  const away = record.ok ? record.value.parts.find(({ folder }) => !existsSync(folder)) : undefined;
  if (away !== undefined) checks.push({ name: 'archive', state: 'warning', text: `entries ${away.first} to ${away.next - 1} cannot be read: ${away.folder} is not there`, fix: 'make that folder available again, or agentmesh audit archive --restore --dir FOLDER with a copy of it' });
  return checks;
}

/** The methods about retention of a host. */
export function auditRetentionMethods(host: Host): RetentionMethods {
  return {
    'audit.retention': () => retention(host),
    'audit.archive': (params) => archive(host, params),
  };
}
