/** What `status`, `stop`, `peers` and `join` do. */
import type { NodeStatus, PeerView } from '../../control/views.ts';
import { printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { bytesText, count, distanceTo, duration, moment, shortId, visible } from '../view/text.ts';

function revocationsText({ complete_as_of_ms, max_age_ms }: NodeStatus['revocations'], now_ms: number): string {
  const allowed = (['delete', 'write', 'read'] as const).map((name) => `${name} ${duration(max_age_ms[name])}`).join(', ');
  return `${complete_as_of_ms === null ? 'never reconciled with peers' : `complete as of ${distanceTo(complete_as_of_ms, now_ms)}`}; may be as old as: ${allowed}`;
}

function policyText({ organisation, bundle, version, state }: NodeStatus['policies'][number]): string {
  if (bundle === null) return `${organisation}: no bundle yet`;
  return `${organisation}: ${bundle}${version === null ? '' : `, version ${version}`}, ${state}`;
}

function printStatus(context: Context, status: NodeStatus): void {
  const { audit } = status;
  const now_ms = context.now_ms();
  printLines(context, details([
    ['node', `${status.name}  ${status.did}`],
    ['peer id', status.peer_id],
    ...status.addresses.map((address, index) => [index === 0 ? 'listening' : '', address] as const),
    ['data', status.data],
    ['running', `${duration(now_ms - status.started_ms)}, since ${moment(status.started_ms)}`],
    ['process', `${status.process_id}, version ${status.version}, ${bytesText(status.memory_bytes)} of memory`],
    ['peers', String(status.peers)],
    ['agents', String(status.agents)],
    ['statements', String(status.statements)],
    ['revocations', revocationsText(status.revocations, now_ms)],
    ...status.policies.map((each, index) => [index === 0 ? 'policies' : '', policyText(each)] as const),
    ['audit log', `${count(audit.size, 'entry', 'entries')}, ${audit.cosigned_size} under a head with ${count(audit.cosignatures, 'cosignature')}; every record checked ${audit.checked_ms === null ? 'at start' : distanceTo(audit.checked_ms, now_ms)}`],
  ]));
  if (status.troubles.length > 0) {
    context.print();
    printLines(context, table([{ title: 'TIMES', right: true }, { title: 'REFUSED OR FAILED' }], status.troubles.map((trouble) => [String(trouble.count), trouble.what]), context.width));
  }
  if (audit.quorum_doubt !== null) context.print(context.paint('yellow', `witnesses: ${visible(audit.quorum_doubt)}; agentmesh audit witnesses says more`));
  if (audit.frozen === null) return;
  context.print();
  context.print(context.paint('red', `audit log frozen: ${visible(audit.frozen.code)}: ${visible(audit.frozen.reason)}`));
  if (audit.frozen.fix !== undefined) context.print(`fix: ${visible(audit.frozen.fix)}`);
}

function printPeers(context: Context, peers: readonly PeerView[]): void {
  if (peers.length === 0) {
    context.talk('no peer is connected; join one with: agentmesh join <address>');
    return;
  }
  const columns = [{ title: 'NAME' }, { title: 'DID' }, { title: 'PEER ID' }, { title: 'ADDRESS' }, { title: 'DIRECTION' }, { title: 'SINCE' }];
  const rows = peers.map((peer) => [
    peer.name ?? '-', peer.did === null ? '-' : shortId(peer.did), shortId(peer.peer_id), peer.address, peer.direction, distanceTo(peer.since_ms, context.now_ms()),
  ]);
  printLines(context, table(columns, rows, context.width));
}

/** `agentmesh status`. */
export function status(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'status', {}, (value) => printStatus(context, value));
}

/** `agentmesh stop`. */
export function stop(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'stop', {}, () => context.print('stopping'));
}

/** `agentmesh peers`. */
export function peers(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'peers', {}, (value) => printPeers(context, value));
}

/** `agentmesh join`. */
export function join(context: Context, flags: CommonFlags, address: string): Promise<Outcome> {
  return show(context, flags, 'join', { address }, (peer) => printLines(context, details([
    ['joined', peer.name ?? peer.peer_id],
    ['did', peer.did ?? undefined],
    ['peer id', peer.peer_id],
    ['address', peer.address],
  ])));
}
