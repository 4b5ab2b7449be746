/** The control methods about the health of the own audit log: checking it, filling it again, beginning a successor. */
import { fail, ok } from '../../crypto/result.ts';
import type { Host } from '../host.ts';
import type { ControlMethods } from './api.ts';
import type { CheckView, FsckView } from './views.ts';

type KeeperMethods = Pick<ControlMethods, 'audit.fsck' | 'audit.recover' | 'audit.succeed'>;

function fsckView(host: Host): FsckView {
  const { running, done, total, damaged, damaged_count, ended_ms } = host.keeper.round;
  return { running, done, total, damaged: damaged.map(({ name, reason }) => ({ name, reason })), damaged_count, ended_ms: ended_ms ?? null };
}

/** The methods about the health of the log. */
export function auditKeeperMethods(host: Host): KeeperMethods {
  return {
    'audit.fsck': ({ begin = false }) => {
      if (begin) host.keeper.fsck();
      return Promise.resolve(ok(fsckView(host)));
    },
    'audit.recover': ({ from = [], dry_run = false }) => host.keeper.recover(from, dry_run),
    'audit.succeed': ({ yes }) => (yes ? host.keeper.succeed() : Promise.resolve(fail('CONFIRMATION_NEEDED', 'a log that has a successor never takes an entry again', { fix: 'the same command with --yes' }))),
  };
}

/** What the diagnosis says of the log and of the check in the background. */
export function logChecks(host: Host): readonly CheckView[] {
  const { log, keeper, past_logs, parts } = host;
  const { running, done, total, ended_ms } = keeper.round;
  const round = running ? `a check of every record is at ${done} of ${total}`
    : ended_ms === undefined ? 'checked at start' : `every record was last checked ${Math.max(0, Math.round((parts.clock.now() - ended_ms) / 60_000))} min ago`;
  const before = past_logs.count === 0 ? '' : `, the successor of ${past_logs.count === 1 ? 'another log' : `${past_logs.count} other logs`}`;
  if (keeper.successor !== undefined) return [{ name: 'audit log', state: 'warning', text: `it has ended; its successor ${keeper.successor.origin} begins when the node starts again`, fix: 'agentmesh stop, then agentmesh up' }];
  if (log.frozen === undefined) return [{ name: 'audit log', state: 'ok', text: `${log.size()} ${log.size() === 1 ? 'entry' : 'entries'}${before}, ${round}` }];
  const fix = log.frozen.detail?.['cause'] === 'damage'
    ? 'agentmesh audit fsck names what is damaged, agentmesh audit recover fills it again'
    : 'keep the data folder as evidence; agentmesh audit succeed begins a new log';
  return [{ name: 'audit log', state: 'failed', text: log.frozen.reason, fix }];
}
