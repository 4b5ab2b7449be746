/** What a diagnosis says of the logs that this host follows. */
import type { FollowedLog } from '../../protocols/monitor/index.ts';
import type { Host } from '../host.ts';
import type { CheckView } from './views.ts';

const named_max = 3;
/** How long the first entry of a new log may stay unread before that is told. */
const unread_ms_max = 600_000;

function named(host: Host, dids: readonly string[]): string {
  const names = dids.slice(0, named_max).map((did) => host.identity.known(did)?.document.name ?? did);
  return dids.length > named_max ? `${names.join(', ')} and ${dids.length - named_max} more` : names.join(', ');
}

/** How many logs are followed, and which of them are not trusted. An exposed host is dealt with already: everything of it is refused. */
export function monitorChecks(host: Host): readonly CheckView[] {
  return [...suspicionChecks(host), ...successionChecks(host)];
}

function whatHappened(host: Host, { did, follows, entries_lost = 0 }: FollowedLog): string {
  const who = named(host, [did]);
  if (follows === undefined) return `${who} has not shown how its new log goes on after the one before`;
  if (!follows) return `the new log of ${who} is not shown to follow the one before${entries_lost > 0 ? `, of which ${entries_lost} entries are lost` : ''}`;
  return `${who} has lost ${entries_lost} entries of the log before its new one`;
}

/** Histories that were cut. After a disk was lost that is honest, so it is no evidence; it is told all the same. */
function successionChecks(host: Host): readonly CheckView[] {
  const now_ms = host.parts.clock.now();
  const cut = host.monitor.logs().filter(({ after, follows, entries_lost = 0, since_ms, state }) => {
    const is_unread = follows === undefined && now_ms - since_ms > unread_ms_max;
    return after !== undefined && state !== 'exposed' && (follows === false || entries_lost > 0 || is_unread);
  });
  if (cut.length === 0) return [];
  const more = cut.length > named_max ? `; and ${cut.length - named_max} more` : '';
  return [{
    name: 'succeeded logs', state: 'warning',
    text: `${cut.slice(0, named_max).map((log) => whatHappened(host, log)).join('; ')}${more}`,
    fix: 'ask who runs that host what became of its log (agentmesh audit evidence list)',
  }];
}

function suspicionChecks(host: Host): readonly CheckView[] {
  const logs = host.monitor.logs();
  const of = (state: string): readonly string[] => logs.filter((log) => log.state === state).map(({ did }) => did);
  const [suspected, exposed] = [of('suspected'), of('exposed')];
  const refused = exposed.length === 0 ? '' : `; ${exposed.length} exposed and refused for good: ${named(host, exposed)}`;
  if (suspected.length === 0) return [{ name: 'other logs', state: 'ok', text: `follows ${logs.length} of other hosts, none under suspicion${refused}` }];
  return [{
    name: 'other logs', state: 'warning',
    text: `${suspected.length} of ${logs.length} ${suspected.length === 1 ? 'leaves' : 'leave'} unproven that it has one history: ${named(host, suspected)}${refused}`,
    fix: 'ask who runs that host whether it is reachable; it is cleared when it answers (agentmesh audit evidence list)',
  }];
}
