/** What a diagnosis says of the logs that this host follows. */
import type { Host } from '../host.ts';
import type { CheckView } from './views.ts';

const named_max = 3;

function named(host: Host, dids: readonly string[]): string {
  const names = dids.slice(0, named_max).map((did) => host.identity.known(did)?.document.name ?? did);
  return dids.length > named_max ? `${names.join(', ')} and ${dids.length - named_max} more` : names.join(', ');
}

/** How many logs are followed, and which of them are not trusted. An exposed host is dealt with already: everything of it is refused. */
export function monitorChecks(host: Host): readonly CheckView[] {
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
