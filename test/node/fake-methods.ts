/** Control methods without a node: fixed answers, and a list of what was asked. */
import type { Result } from '../../crypto/result.ts';
import { ok } from '../../crypto/result.ts';
import type { ControlApi, ControlMethod, ControlMethods } from '../../node/control/api.ts';

export const did = 'did:mesh:bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
const receipt_hash = 'q1Yv0kqkX2m8v1m4yq4oQm9nQd7sT1a2b3c4d5e6f7g';

/** The values of every method. */
export const values: { readonly [Method in ControlMethod]: ControlApi[Method]['value'] } = {
  'status': {
    did, name: 'host-a', peer_id: '12D3KooWAbCdEfGh', addresses: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWAbCdEfGh'], data: '/data', version: '0.1.0',
    process_id: 4242, started_ms: 1_700_000_000_000, peers: 3, agents: 2, statements: 5,
    audit: { origin: `${did}/log/1`, size: 1, cosigned_size: 1, cosignatures: 2, frozen: null },
    memory_bytes: 52_428_800, troubles: [{ what: 'message.refused CHAIN_WIDENED', count: 3 }],
  },
  'stop': null,
  'sponsor.create': { name: 'alice', did, kind: 'human' },
  'sponsor.list': [{ name: 'alice', did, kind: 'human' }],
  'agent.create': { name: 'analyst', did, sponsor: did, capabilities: ['read:reports'], roots: [did], required_trust: 500, handler: null, policy: null, authority: 'delegated', state: 'running' },
  'agent.list': [{ name: 'analyst', did, sponsor: did, capabilities: ['read:reports'], roots: [did], required_trust: 500, handler: null, policy: null, authority: 'delegated', state: 'running' }],
  'did.resolve': { didDocument: { id: did }, didDocumentMetadata: { versionId: '3' }, didResolutionMetadata: { contentType: 'application/did' } },
  'peers': [{ peer_id: '12D3KooWPeer', did, name: null, address: '/ip4/192.0.2.7/tcp/4001', direction: 'outbound', since_ms: 1_700_000_000_000 }],
  'join': { peer_id: '12D3KooWPeer', did: null, name: null, address: '/ip4/192.0.2.7/tcp/4001', direction: 'outbound', since_ms: 1_700_000_000_000 },
  'verify-peer': { verified: true, score: { observer: did, subject: did, score: 640, confidence: 0.5, tier: 'standard', items: [] }, session: 'session-1' },
  'call': {
    verdict: 'allow', code: null, rule: 'allow-read', reason: 'rule allow-read matches', result: { rows: 3 }, invocation: 'token', receipt: 'token', receipt_hash, executor: did,
    audit: { origin: `${did}/log/1`, index: 12 }, duration_ms: 7.4,
  },
  'delegate': { id: 'delegation-1', root: did, issuer: did, holder: did, capabilities: ['read:reports'], depth: 1, exp: 1_900_000_000, chain: ['token'], delivered: false },
  'delegation.list': [{ id: 'delegation-1', root: did, issuer: did, holder: did, capabilities: ['read:reports'], depth: 1, exp: 1_900_000_000, chain: ['token'], delivered: true }],
  'endorse': { statement: 'statement-1' },
  'revoke': { statement: 'statement-2' },
  'trust.show': {
    observer: did, subject: did, score: 720, confidence: 0.82, tier: 'trusted',
    items: [{ kind: 'direct', effect: 140, text: '12 calls went well' }, { kind: 'endorsement', effect: -20, text: 'endorsed', from: did, statement: 's' }],
  },
  'audit.head': { origin: `${did}/log/1`, size: 42, root: 'cm9vdA==', note: 'origin\n42\ncm9vdA==\n\n— origin sig\n', cosignatures: ['witness-b', 'witness-c'] },
  'audit.anchor': { origin: `${did}/log/1`, size: 43, root: 'cm9vdA==', note: 'origin\n43\ncm9vdA==\n\n— origin sig\n', cosignatures: ['witness-b'] },
  'audit.prove': { index: 12, proof: 'c2sp.org/tlog-proof@v1\nindex 12\n\nnote\n', policy: 'log vkey\nquorum none\n', leaf_hash: 'bGVhZg==' },
  'audit.verify': { origin: `${did}/log/1`, index: 12, size: 42, leaf_hash: 'bGVhZg==', cosignatures: 2 },
  'audit.export': { folder: '/export', size: 42, files: 7 },
  'audit.log': [{ index: 12, kind: 'event', time_ms: 1_700_000_000_000, payload: { verdict: 'allow' } }],
  'doctor': [{ name: 'peers', state: 'ok', text: '3 connected' }, { name: 'clock', state: 'warning', text: '9 s off', fix: 'set the clock' }],
};

/** What a test may answer instead. */
export type Answers = { [Method in ControlMethod]?: ControlMethods[Method] };

/** Methods that answer with {@link values}, with a test's own answers first, and the list of requests that reached them. */
export function fakeMethods(answers: Answers = {}): { readonly methods: ControlMethods; readonly asked: { method: string; params: unknown }[] } {
  const asked: { method: string; params: unknown }[] = [];
  const answer = <Method extends ControlMethod>(method: Method) => async (params: ControlApi[Method]['params'], signal: AbortSignal): Promise<Result<ControlApi[Method]['value']>> => {
    asked.push({ method, params });
    const own: Answers[Method] = answers[method];
    return own === undefined ? ok(values[method]) : own(params, signal);
  };
  return {
    asked,
    methods: {
      'status': answer('status'), 'stop': answer('stop'), 'sponsor.create': answer('sponsor.create'), 'sponsor.list': answer('sponsor.list'),
      'agent.create': answer('agent.create'), 'agent.list': answer('agent.list'), 'did.resolve': answer('did.resolve'), 'peers': answer('peers'),
      'join': answer('join'), 'verify-peer': answer('verify-peer'), 'call': answer('call'), 'delegate': answer('delegate'),
      'delegation.list': answer('delegation.list'), 'endorse': answer('endorse'), 'revoke': answer('revoke'), 'trust.show': answer('trust.show'),
      'audit.head': answer('audit.head'), 'audit.anchor': answer('audit.anchor'), 'audit.prove': answer('audit.prove'), 'audit.verify': answer('audit.verify'),
      'audit.export': answer('audit.export'), 'audit.log': answer('audit.log'), 'doctor': answer('doctor'),
    },
  };
}
