/** What a running node finds wrong with itself, each line with what mends it. */
import type { Node } from '../node.ts';
import type { CheckView } from './api.ts';

/** The node's own checks, in the order in which they matter. */
export async function diagnose(node: Node): Promise<readonly CheckView[]> {
  const { host } = node;
  const checks: CheckView[] = [];
  const add = (name: string, state: CheckView['state'], text: string, fix?: string): void =>
    void checks.push({ name, state, text, ...(fix === undefined ? {} : { fix }) });
  const { log } = host;
  if (log.frozen === undefined) add('audit log', 'ok', `${log.size()} ${log.size() === 1 ? 'entry' : 'entries'}, checked at start`);
  else add('audit log', 'failed', log.frozen.reason, log.frozen.fix ?? 'restore the data folder from a backup');
  const cosigned = await log.cosigned();
  if (cosigned.ok) add('witnesses', 'ok', 'the newest checkpoint is cosigned');
  else add('witnesses', 'warning', 'no checkpoint is cosigned yet', 'connect to at least two other nodes, then agentmesh audit head');
  const peers = host.parts.network.peers().length;
  if (peers > 0) add('peers', 'ok', `connected to ${peers}`);
  else add('peers', 'warning', 'connected to nobody', 'agentmesh join ADDRESS');
  const record = host.identity.known(node.did);
  const fresh = record !== undefined && record.document.expires > host.parts.clock.now();
  add('identity', fresh ? 'ok' : 'failed', fresh ? 'the node\'s record is valid' : 'the node\'s record has expired', ...(fresh ? [] : ['restart the node']));
  if (node.keys_protected) add('keys', 'ok', 'sealed with a passphrase');
  else add('keys', 'warning', 'protected by file permissions alone', 'start a new node with --passphrase-file FILE');
  for (const identity of host.identities.list('agent')) {
    const agent = host.agents.get(identity.did);
    if (agent === undefined) add(`agent ${identity.name}`, 'failed', 'its policy or handler cannot be loaded', 'check the files that agentmesh agent list shows, then restart');
    else if (agent.handler === undefined) add(`agent ${identity.name}`, 'warning', 'no handler serves its commands', 'create it with --handler FILE, or register one in a program');
    else add(`agent ${identity.name}`, 'ok', 'ready');
  }
  return checks;
}
