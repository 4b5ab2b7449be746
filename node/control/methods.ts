/** The control methods over a running node: parameters in, views out; everything else happens in the actions. */
import { toBase64url } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../crypto/result.ts';
import type { Answered } from '../../protocols/message/index.ts';
import type { Peer } from '../../protocols/ports.ts';
import { jsonResult } from '../../protocols/message/index.ts';
import type { Host } from '../host.ts';
import type { LocalIdentity } from '../identities.ts';
import type { Node } from '../node.ts';
import { packageVersion } from '../version.ts';
import type { ControlApi, ControlMethods } from './api.ts';
import type { AgentView, CallView, NodeStatus, PeerView } from './views.ts';
import { approvalMethods } from './approval-methods.ts';
import { auditEntryMethods } from './audit-entry-methods.ts';
import { auditEvidenceMethods } from './audit-evidence-methods.ts';
import { auditMethods, headOf } from './audit-methods.ts';
import { auditRetentionMethods } from './audit-retention-methods.ts';
import { auditKeeperMethods } from './audit-keeper-methods.ts';
import { auditWitnessMethods } from './audit-witness-methods.ts';
import { delegationMethods } from './delegation-methods.ts';
import { didMethods } from './did-methods.ts';
import { revocationMethods } from './revocation-methods.ts';
import { runMethods } from './run-methods.ts';
import { diagnose } from './diagnose.ts';
import { policyMethods, policyStatus } from './policy-methods.ts';
import { sidecarMethods } from './sidecar-methods.ts';
import { signalMethods } from './signal-methods.ts';
import { attestedUntil, sponsorMethods } from './sponsor-methods.ts';
import { toolMethods } from './tool-methods.ts';
import { vfsMethods } from './vfs-methods.ts';

function optional<T, Name extends string>(name: Name, value: T | undefined): { [key in Name]?: T } {
  const made: { [key in Name]?: T } = {};
  if (value !== undefined) made[name] = value;
  return made;
}

function frozenView(failure: Failure | undefined): NodeStatus['audit']['frozen'] {
  return failure === undefined ? null : { code: failure.code, reason: failure.reason, ...optional('fix', failure.fix) };
}

async function statusOf(node: Node, started_ms: number): Promise<NodeStatus> {
  const { identities, log, statement_store, freshness, parts } = node.host;
  const head = await log.cosigned();
  const { quorum } = await node.host.witness.report();
  const cosigned = head.ok ? headOf(head.value) : undefined;
  return {
    did: node.did,
    name: identities.node.name,
    peer_id: node.peer_id,
    addresses: node.addresses,
    data: node.data,
    version: packageVersion(),
    process_id: process.pid,
    started_ms,
    peers: parts.network.peers().length,
    agents: identities.list('agent').length,
    statements: statement_store.size,
    revocations: { complete_as_of_ms: freshness.completeAsOf() || null, max_age_ms: freshness.age_ms_max },
    audit: {
      origin: log.origin,
      past: node.host.past_logs.origins,
      size: log.size(),
      cosigned_size: cosigned?.ok === true ? cosigned.value.size : 0,
      cosignatures: cosigned?.ok === true ? cosigned.value.cosignatures.length : 0,
      checked_ms: node.host.keeper.round.ended_ms ?? null,
      quorum_doubt: quorum.failure ?? quorum.weakness ?? null,
      frozen: frozenView(log.frozen),
    },
    policies: policyStatus(node.host),
    memory_bytes: process.memoryUsage.rss(),
    troubles: node.counters.troubles(),
  };
}

function agentView(host: Host, identity: LocalIdentity): AgentView {
  const { agent } = identity;
  const state = host.agents.get(identity.did)?.kernel.stateOf(identity.did);
  const ended = host.revocation.ended(identity.did);
  return {
    name: identity.name,
    did: identity.did,
    sponsor: identity.sponsor ?? '',
    capabilities: identity.capabilities,
    required_trust: agent?.required_trust ?? 0,
    handler: agent?.handler ?? null,
    policy: agent?.policy ?? null,
    authority: agent?.authority ?? 'delegated',
    roots: agent?.roots ?? [],
    attested_until: attestedUntil(identity),
    state: ended === undefined ? state ?? 'stopped' : 'killed',
    ended: ended?.reason ?? null,
  };
}

function peerView(host: Host, peer: Peer): PeerView {
  const did = host.neighbours.did(peer.id);
  const record = did === undefined ? undefined : host.identity.known(did);
  return {
    peer_id: peer.id, did: did ?? null, name: record?.document.name ?? null, address: peer.address, direction: peer.direction, since_ms: peer.since,
  };
}

function callView(answered: Answered, duration_ms: number): CallView {
  const { receipt } = answered;
  return {
    verdict: receipt.verdict,
    code: receipt.code,
    rule: receipt.rule,
    reason: receipt.reason,
    result: answered.result ?? null,
    invocation: answered.invocation,
    receipt: answered.receipt_token,
    receipt_hash: toBase64url(answered.receipt_hash),
    executor: receipt.iss,
    audit: receipt.log,
    duration_ms,
  };
}

function json(value: unknown): Result<Json> {
  const parsed = jsonResult(value);
  return parsed.ok ? parsed : fail('PARAMS_INVALID', 'the arguments are not JSON');
}

async function joined(host: Host, address: string, signal: AbortSignal): Promise<Result<PeerView>> {
  const { network } = host.parts;
  const dialled = await network.dial(address, { signal });
  if (!dialled.ok) return dialled;
  const peer = network.peers().find((candidate) => candidate.id === dialled.value);
  return peer === undefined ? fail('PEER_UNREACHABLE', 'the peer hung up at once') : ok(peerView(host, peer));
}

function isAuthority(authority: string): authority is 'delegated' | 'open' {
  return authority === 'delegated' || authority === 'open';
}

async function createAgent(node: Node, params: ControlApi['agent.create']['params']): Promise<Result<AgentView>> {
  const { authority = 'delegated' } = params;
  if (!isAuthority(authority)) return fail('PARAMS_INVALID', 'authority is delegated or open');
  const created = await node.actions.createAgent({ ...params, authority });
  return created.ok ? ok(agentView(node.host, created.value)) : created;
}

async function call(node: Node, params: ControlApi['call']['params'], signal: AbortSignal): Promise<Result<CallView>> {
  const given = json(params.arguments ?? null);
  if (!given.ok) return given;
  const { clock } = node.host.parts;
  const since_ms = clock.now();
  const answered = await node.actions.call({ ...params, arguments: given.value, signal });
  return answered.ok ? ok(callView(answered.value, clock.now() - since_ms)) : answered;
}

async function resolveDid(node: Node, params: ControlApi['did.resolve']['params']): Promise<Result<ControlApi['did.resolve']['value']>> {
  // A DID of another method, or a broken one, has its W3C result too.
  const did = params.did.startsWith('did:') ? ok(params.did) : node.host.identities.didOf(params.did);
  return did.ok ? ok(await node.host.identity.resolution(did.value, { fresh: params.fresh ?? false })) : did;
}

/** The control methods of a node. */
export function controlMethods(node: Node): ControlMethods {
  const { host, actions } = node;
  const started_ms = host.parts.clock.now();
  return {
    'status': async () => ok(await statusOf(node, started_ms)),
    'stop': () => {
      // After the answer is out: the server that carries it is stopped too.
      host.parts.clock.after(50, () => {
        node.stop().catch((error: unknown) => host.parts.recorder.record({ kind: 'node.stop.failed', reason: messageOf(error) }));
      });
      return Promise.resolve(ok(null));
    },
    ...sponsorMethods(node),
    ...signalMethods(host, actions),
    ...vfsMethods(host),
    ...toolMethods(host),
    ...sidecarMethods(node),
    'agent.create': (params) => createAgent(node, params),
    'agent.list': () => Promise.resolve(ok(host.identities.list('agent').map((identity) => agentView(host, identity)))),
    'did.resolve': (params) => resolveDid(node, params),
    'peers': () => Promise.resolve(ok(host.parts.network.peers().map((peer) => peerView(host, peer)))),
    'join': ({ address }, signal) => joined(host, address, signal),
    'verify-peer': async ({ from, peer, required_trust = 0 }) => {
      const verified = await actions.verifyPeer(from, peer, required_trust);
      return verified.ok ? ok({ verified: true, score: verified.value.score, session: verified.value.session.id }) : verified;
    },
    'call': (params, signal) => call(node, params, signal),
    ...delegationMethods(host, actions),
    'endorse': async ({ from, subject, weight = 1000, why = '' }) => {
      const endorsed = await actions.endorse(from, subject, weight, why);
      return endorsed.ok ? ok({ statement: endorsed.value.hash }) : endorsed;
    },
    ...revocationMethods(host, actions),
    'trust.show': async ({ subject, observer }) => {
      return actions.score(subject, observer);
    },
    ...auditMethods(host),
    ...auditWitnessMethods(host),
    ...auditKeeperMethods(host),
    ...auditRetentionMethods(host),
    ...approvalMethods(host, node.approvals_page),
    ...policyMethods(host, actions),
    ...runMethods(host, () => node.sidecar?.socket_path),
    ...auditEntryMethods(host),
    ...auditEvidenceMethods(host),
    ...didMethods(host),
    'doctor': async () => ok(await diagnose(node)),
  };
}

