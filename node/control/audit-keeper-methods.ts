/** The control methods about the health of the own audit log: checking it, filling it again, beginning a successor. */
import { fail, ok, type Result } from '../../crypto/result.ts';
import { decodeState, log_keys } from '../../storage/audit-group.ts';
import type { Store } from '../../storage/store.ts';
import type { Host } from '../host.ts';
import { numberOfLog } from '../own-logs.ts';
import type { ControlApi, ControlMethods } from './api.ts';
import type { OwnLogView } from './audit-entry-views.ts';
import type { FsckView, RecoveredView } from './audit-views.ts';
import type { CheckView } from './views.ts';

type KeeperMethods = Pick<ControlMethods, 'audit.logs' | 'audit.fsck' | 'audit.recover' | 'audit.succeed'>;

function fsckView(host: Host): FsckView {
  const { running, done, total, damaged, damaged_count, ended_ms } = host.keeper.round;
  return { running, done, total, damaged, damaged_count, ended_ms: ended_ms ?? null };
}

/** Entries of a log as its store says it; opening one reads all of it. */
async function storedSize(store: Store): Promise<number | null> {
  const state = await store.get('log', log_keys.state()).then((bytes) => decodeState(bytes ?? new Uint8Array()), () => undefined);
  return state?.ok === true ? state.value.size : null;
}

async function ownLogs({ log, past_logs, keeper }: Host): Promise<readonly OwnLogView[]> {
  const past = past_logs.origins.map(async (origin, number) => ({
    number, origin, newest: false, size: await storedSize(past_logs.stored(number).store), damaged_count: keeper.pastDamage(number)?.damaged_count ?? 0,
    frozen: (await past_logs.opened(number))?.frozen?.reason ?? null,
  }));
  const damaged_count = keeper.round.damaged.filter((record) => record.log === null).length;
  return [...await Promise.all(past), { number: past_logs.count, origin: log.origin, newest: true, size: log.size(), damaged_count, frozen: log.frozen?.reason ?? null }];
}

function recover(host: Host, { from = [], dry_run = false, log }: ControlApi['audit.recover']['params']): Promise<Result<RecoveredView>> {
  const number = numberOfLog(host, log);
  return number.ok ? host.keeper.recover(from, dry_run, number.value) : Promise.resolve(number);
}

/** The methods about the health of the log. */
export function auditKeeperMethods(host: Host): KeeperMethods {
  return {
    'audit.fsck': ({ begin = false }) => {
      if (begin) host.keeper.fsck();
      return Promise.resolve(ok(fsckView(host)));
    },
    'audit.logs': async () => ok(await ownLogs(host)),
    'audit.recover': (params) => recover(host, params),
    'audit.succeed': ({ yes }) => (yes ? host.keeper.succeed() : Promise.resolve(fail('CONFIRMATION_NEEDED', 'a log that has a successor never takes an entry again', { fix: 'the same command with --yes' }))),
  };
}

/** Damage in the logs before the newest, which goes on. */
function pastLogChecks({ keeper, past_logs }: Host): readonly CheckView[] {
  return past_logs.origins.flatMap((_, number): readonly CheckView[] => {
    const { damaged: [first], damaged_count = 0 } = keeper.pastDamage(number) ?? { damaged: [] };
    if (first === undefined) return [];
    const more = damaged_count > 1 ? `; and ${damaged_count - 1} more` : '';
    return [{ name: `audit log ${number}`, state: 'failed', text: `this earlier log is damaged: ${first.name}: ${first.reason}${more}`, fix: `agentmesh audit recover --log ${number} fills it again where copies allow it` }];
  });
}

/** What the diagnosis says of the logs and of the check in the background. */
export function logChecks(host: Host): readonly CheckView[] {
  return [newestLogCheck(host), ...pastLogChecks(host)];
}

function newestLogCheck(host: Host): CheckView {
  const { log, keeper, past_logs, parts } = host;
  const { running, done, total, ended_ms } = keeper.round;
  const round = running ? `a check of every record is at ${done} of ${total}`
    : ended_ms === undefined ? 'checked at start' : `every record was last checked ${Math.max(0, Math.round((parts.clock.now() - ended_ms) / 60_000))} min ago`;
  const before = past_logs.count === 0 ? '' : `, the successor of ${past_logs.count === 1 ? 'another log' : `${past_logs.count} other logs`}`;
  if (keeper.successor !== undefined) return { name: 'audit log', state: 'warning', text: `it has ended; its successor ${keeper.successor.origin} begins when the node starts again`, fix: 'agentmesh stop, then agentmesh up' };
  if (log.frozen === undefined) return { name: 'audit log', state: 'ok', text: `${log.size()} ${log.size() === 1 ? 'entry' : 'entries'}${before}, ${round}` };
  const fix = log.frozen.detail?.['cause'] === 'damage'
    ? 'agentmesh audit fsck names what is damaged, agentmesh audit recover fills it again'
    : 'keep the data folder as evidence; agentmesh audit succeed begins a new log';
  return { name: 'audit log', state: 'failed', text: log.frozen.reason, fix };
}
