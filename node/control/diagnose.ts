/** What a running node finds wrong with itself, each line with what mends it. */
import { resumption } from '../kernel/index.ts';
import type { Node } from '../node.ts';
import { retentionChecks } from './audit-retention-methods.ts';
import { logChecks } from './audit-keeper-methods.ts';
import { witnessChecks } from './audit-witness-methods.ts';
import type { CheckView } from './views.ts';
import { accusationChecks } from './audit-evidence-methods.ts';
import { monitorChecks } from './monitor-checks.ts';
import { policyChecks } from './policy-methods.ts';
import { sponsorshipChecks } from './sponsor-checks.ts';

/** How far the knowledge of revocations reaches, and what its age holds up. */
function revocationCheck({ host: { freshness, parts } }: Node, peers: number): readonly [state: CheckView['state'], text: string, fix?: string] {
  const { age_ms_max } = freshness;
  const as_of_ms = freshness.completeAsOf();
  if (as_of_ms === 0) return ['warning', 'never reconciled with peers: commands with a part in other hosts are refused', peers > 0 ? 'wait a minute, then agentmesh doctor' : 'agentmesh join ADDRESS'];
  const age_ms = Math.max(0, parts.clock.now() - as_of_ms);
  const held_up = (['read', 'write', 'delete'] as const).filter((verb_class) => age_ms > age_ms_max[verb_class]);
  const text = `complete as of ${Math.round(age_ms / 1000)} s ago`;
  return held_up.length === 0 ? ['ok', text] : ['warning', `${text}: commands that ${held_up.join(' or ')} are refused until then`, 'connect to the peers of this node: agentmesh peers, agentmesh join ADDRESS'];
}

/** Who answered with records of DIDs that were out of date. */
function storersCheck({ host }: Node): readonly [state: CheckView['state'], text: string, fix?: string] {
  const storers = host.identity.staleStorers();
  const last = storers.at(-1);
  if (last === undefined) return ['ok', 'nobody was seen to serve records that are out of date'];
  const { peer, did, served, newest, times } = last;
  return [
    'warning',
    `${storers.length === 1 ? 'one out-of-date record was' : `${storers.length} out-of-date records were`} served, the last by peer ${peer}: version ${served} of ${did} instead of ${newest}, ${times === 1 ? 'once' : `${times} times`}`,
    'it was not believed, and the peer was given the newest; where it goes on, leave that peer',
  ];
}

/** The node's own checks, in the order in which they matter. */
export async function diagnose(node: Node): Promise<readonly CheckView[]> {
  const { host } = node;
  const checks: CheckView[] = [];
  const add = (name: string, state: CheckView['state'], text: string, fix?: string): void =>
    void checks.push({ name, state, text, ...(fix === undefined ? {} : { fix }) });
  checks.push(...logChecks(host), ...await witnessChecks(host), ...await retentionChecks(host));
  const peers = host.parts.network.peers().length;
  if (peers > 0) add('peers', 'ok', `connected to ${peers}`);
  else add('peers', 'warning', 'connected to nobody', 'agentmesh join ADDRESS');
  add('revocations', ...revocationCheck(node, peers));
  const record = host.identity.known(node.did);
  const fresh = record !== undefined && record.document.expires > host.parts.clock.now();
  add('identity', fresh ? 'ok' : 'failed', fresh ? 'the node\'s record is valid' : 'the node\'s record has expired', ...(fresh ? [] : ['restart the node']));
  add('storers', ...storersCheck(node));
  if (node.keys_protected) add('keys', 'ok', 'sealed with a passphrase');
  else add('keys', 'warning', 'protected by file permissions alone', 'stop it, then agentmesh keys passphrase --new-passphrase-file FILE');
  checks.push(...accusationChecks(host), ...monitorChecks(host), ...sponsorshipChecks(host), ...await policyChecks(host));
  for (const identity of host.identities.list('agent')) {
    const agent = host.agents.get(identity.did);
    const standing = agent?.kernel.standingOf(identity.did);
    const ended = host.revocation.ended(identity.did);
    if (ended !== undefined) add(`agent ${identity.name}`, 'warning', `killed for good: ${ended.reason}`, 'create a new agent');
    else if (agent === undefined) add(`agent ${identity.name}`, 'failed', 'its policy or handler cannot be loaded', 'check the files that agentmesh agent list shows, then agentmesh policy reload, or restart where it is the handler');
    else if (standing?.state === 'killed') add(`agent ${identity.name}`, 'warning', `killed for good: ${standing.reason ?? 'by a signal'}`, 'create a new agent');
    else if (standing?.state === 'stopped') add(`agent ${identity.name}`, 'warning', `stopped: ${standing.reason ?? 'by a signal'}`, resumption(identity.name, standing.reason ?? ''));
    else if (agent.handler === undefined) add(`agent ${identity.name}`, 'ok', 'ready; without a handler it takes no commands from others');
    else add(`agent ${identity.name}`, 'ok', 'ready');
  }
  return checks;
}
