/** Control methods without a node: fixed answers, and a list of what was asked. */
import type { Result } from '../../crypto/result.ts';
import { ok } from '../../crypto/result.ts';
import type { ControlApi, ControlMethod, ControlMethods } from '../../node/control/api.ts';

export const did = 'did:mesh:bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
const receipt_hash = 'q1Yv0kqkX2m8v1m4yq4oQm9nQd7sT1a2b3c4d5e6f7g';

const preview: ControlApi['revocation.preview']['value'] = {
  kind: 'agent', target: did, target_name: 'analyst', by: did, state: 'in force', ends_count: 2,
  ends: [{ kind: 'agent', id: did, name: 'analyst', holder: null }, { kind: 'delegation', id: 'delegation-1', name: 'analyst', holder: did }],
};

const identity: ControlApi['did.list']['value'][number] = {
  name: 'alice', kind: 'human', did, number: 2, sequence: 7, expires_ms: 1_900_000_000_000, state: 'active',
  keys: [{ id: `${did}#key-aaaaaaaaaaaaaaaa`, uses: ['authentication'] }], retired: [{ id: `${did}#key-bbbbbbbbbbbbbbbb`, until_ms: 1_700_000_000_000 }],
  witnesses: 3, witness_threshold: 2, successor: null, predecessor: null,
};

const sponsor_request = { agent: did, name: 'analyst', kind: 'agent', capabilities: ['read:reports'], sponsor: did, role: 'owner', lifetime_s: 2_592_000 };

const file = {
  kind: 'file', path: '/mem/working/notes.md', bytes: 5, inodes: null, hash: '2cf24dba', modified_ms: 1_700_000_000_000, expires_ms: null, writer: did, call_id: 'call-1', tags: ['note'], labels: ['web'],
} as const;
const snapshot = { root: 'ab12', taken_ms: 1_700_000_000_000, by: 'operator', note: 'before\u001b[2J the change', inodes: 3, bytes: 5 };

const waiting = {
  id: 'aWRlbnRpZmllcm9mYXJlcQ', host: did, agent: did, agent_name: 'analyst', action: { type: 'delete', resource: 'records' }, data: { row: 7 }, args_hash: 'a'.repeat(64),
  policies: ['b'.repeat(64)], policy: 'strict', rule: 'ask-first', reason: 'rule ask-first asks for approval', peer: null, taint: ['web'], approvers: [did], expires_ms: 1_900_000_000_000,
};
const answered = { id: waiting.id, agent: did, verdict: 'grant', by: did, why: 'ticket 7' } as const;

const organisation = {
  did, name: 'acme', follows: true, by: 'named', required: false, since_ms: 1_700_000_000_000, barred: null,
  bundles: [{
    name: 'default', version: 2, digest: 'ZGlnZXN0', state: 'in force', expires_ms: 1_900_000_000_000, accepted_ms: 1_700_000_000_000, policies: [{ name: 'analyst', digest: 'ab12' }],
    refused: { version: 3, code: 'POLICY_INVALID', reason: 'default@3/analyst.yaml:3:1: no', fix: 'mend it' },
  }],
} as const;
const reloaded = { layer: 'host', agent: null, agent_name: null, file: 'host.yaml', state: 'refused', refused: { code: 'POLICY_INVALID', reason: 'host.yaml:2:1: no', fix: 'mend it' }, digests: ['ab12'] } as const;

const tool = {
  name: 'search', version: '1.0', description: 'Searches', digest: 'ab12cd34ef56ab12cd34', publisher: did, owner: 'operator', side_effects: 'read', risk: 0.1, requires_approval: true, capabilities: ['read:reports'], open_world: true,
  agents: null, state: 'changed', offered: 'ef56',
} as const;

const log_entry = { index: 12, kind: 'event', time_ms: 1_700_000_000_000, leaf_hash: 'bGVhZg', state: 'open', subject: did, about: null, payload: null } as const;

/** The values of every method. */
export const values: { readonly [Method in ControlMethod]: ControlApi[Method]['value'] } = {
  'status': {
    did, name: 'host-a', peer_id: '12D3KooWAbCdEfGh', addresses: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWAbCdEfGh'], data: '/data', version: '0.1.0',
    process_id: 4242, started_ms: 1_700_000_000_000, peers: 3, agents: 2, statements: 5,
    revocations: { complete_as_of_ms: 1_700_000_000_000, max_age_ms: { read: 86_400_000, write: 3_600_000, delete: 300_000 } },
    audit: { origin: `${did}/log/1`, past: [], size: 1, cosigned_size: 1, cosignatures: 2, checked_ms: 1_700_000_000_000, quorum_doubt: 'only 1 of the 2 operators', frozen: null },
    policies: [{ organisation: 'acme', bundle: 'default', version: 2, state: 'in force' }, { organisation: 'other', bundle: null, version: null, state: 'not yet' }],
    memory_bytes: 52_428_800, troubles: [{ what: 'message.refused CHAIN_WIDENED', count: 3 }],
  },
  'stop': null,
  'sponsor.create': { name: 'alice', did, kind: 'human', deactivated: false, organisation: null, attested_until: null },
  'sponsor.list': [{ name: 'alice', did, kind: 'human', deactivated: false, organisation: did, attested_until: 1_900_000_000 }],
  'sponsor.host': { agent: did, name: 'host-a', sponsor: did, role: 'operator', until: 1_900_000_000, evidence: null },
  'sponsor.renew': { agent: did, name: 'analyst', sponsor: did, role: 'owner', until: 1_900_000_000, evidence: null },
  'sponsor.withdraw': { statement: 'statement-4', agent: did, sponsor: did },
  'sponsor.show': {
    did, answered: true,
    levels: [
      { did, name: 'analyst', kind: 'agent', sponsor: did, role: 'owner', until: 1_900_000_000, evidence: null, code: null, reason: null, fix: null },
      { did, name: 'alice', kind: 'human', sponsor: null, role: null, until: null, evidence: null, code: null, reason: null, fix: null },
    ],
  },
  'sponsor.request': { ...sponsor_request, file: '{}\n' },
  'sponsor.read': sponsor_request,
  'sponsor.sign': { ...sponsor_request, file: '{}\n' },
  'sponsor.import': { agent: did, name: 'analyst', sponsor: did, role: 'owner', until: 1_900_000_000, evidence: null },
  'vfs.list': { files: [{ ...file, kind: 'folder', path: '/mem/working', inodes: 1, hash: null, modified_ms: null, writer: null, call_id: null, labels: [] }, file], next: null },
  'vfs.read': { file, offset: 0, content: 'aGVsbG8=', more: false },
  'vfs.write': file,
  'vfs.remove': { path: '/mem/working/notes.md' },
  'vfs.snapshot': snapshot,
  'vfs.snapshots': [snapshot],
  'vfs.restore': { root: 'ab12', path: '/mem' },
  'vfs.drop': { root: 'ab12' },
  'vfs.erase': { agent: did, entry: 45, inodes: 3, bytes: 5, snapshots: 1, shared: 2 },
  'vfs.diff': [{ path: '/mem/a', change: 'changed' }, { path: '/mem/b', change: 'removed' }],
  'run.begin': { id: 'run-1', sidecar: null },
  'run.next': { kind: 'nothing' },
  'run.call': null,
  'run.end': { index: 12 },
  'approval.list': [waiting],
  'approval.show': { ...waiting, file: '{}\n' },
  'approval.answer': answered,
  'approval.sign': { token: 'token' },
  'approval.import': answered,
  'approval.page': { url: 'http://127.0.0.1:4317/#link', expires_ms: 1_900_000_000_000, was_open: false },
  'policy.publish': { organisation: did, name: 'default', version: 3, digest: 'ZGlnZXN0', bytes: 700, unchanged: false, warnings: [] },
  'policy.bundle': { organisation: did, name: 'default', version: 2, policies: [{ file: 'analyst.yaml', text: 'version: "1.0"\nrules: [{ name: reads, condition: "action.type == \'read\'", action: allow }]\n' }] },
  'policy.bundles': { organisations: [organisation], foreign: [{ did, organisation_name: 'other', name: 'default', version: 7, code: 'BUNDLE_FOREIGN' }], files: [reloaded] },
  'policy.follow': organisation,
  'policy.unfollow': { ...organisation, follows: false },
  'policy.reload': [{ ...reloaded, agent: did, agent_name: 'analyst', state: 'changed', refused: null }, reloaded],
  'tool.list': [tool, { ...tool, name: 'pay', state: 'known', publisher: null, offered: null }],
  'tool.show': { ...tool, descriptor: { name: 'search' }, offered_descriptor: { name: 'search', description: 'x\u001b[2J' }, differs_in: ['description'] },
  'tool.register': tool,
  'tool.sign': { name: 'search', digest: 'ab12cd34ef56ab12cd34', publisher: did, token: 'token' },
  'tool.accept': tool,
  'tool.remove': { name: 'search' },
  'sidecar.token': { agent: 'analyst', did, token: 'tok-en', socket: '/data/sidecar.sock', url: null },
  'sidecar.status': {
    socket: '/data/sidecar.sock', url: 'http://127.0.0.1:8081', open_calls: 1, streams: 2, tool_streams: 1, tokens: [{ agent: 'analyst', did, issued_ms: 1_900_000_000_000 }],
    programs: [{ agent: 'analyst', name: 'crawler\u001b[2J', framework: null, version: '2', time_ms: 1_900_000_000_000 }],
  },
  'agent.create': { name: 'analyst', did, sponsor: did, capabilities: ['read:reports'], roots: [did], required_trust: 500, handler: null, policy: null, authority: 'delegated', attested_until: 1_900_000_000, state: 'running', ended: null },
  'signal': { agent: did, signal: 'SIGSTOP', outcome: 'stopped', state: 'stopped', detail: null, index: 7, receipt: null },
  'signal.show': {
    agent: did, name: 'analyst', state: 'stopped', reason: 'wait', spending: { calls: 3, tokens: 1_200, cost: 0.5, wall_time_ms: 800 }, taint: ['web'],
    signals: [{ signal: 'SIGSTOP', by: 'local user', reason: 'wait\u001b[2J', time_ms: 1_700_000_000_000, outcome: 'stopped' }],
  },
  'agent.list': [{ name: 'analyst', did, sponsor: did, capabilities: ['read:reports'], roots: [did], required_trust: 500, handler: null, policy: null, authority: 'delegated', attested_until: 1_900_000_000, state: 'running', ended: null }],
  'did.resolve': { didDocument: { id: did }, didDocumentMetadata: { versionId: '3' }, didResolutionMetadata: { contentType: 'application/did' } },
  'did.list': [identity],
  'did.rotate': { ...identity, number: 3, storers: 2, voided: [{ id: 'delegation-1', holder: did, capabilities: ['read:reports'], exp: 1_900_000_000 }], attested_again: ['analyst'] },
  'did.deactivate': { ...identity, state: 'deactivated', keys: [], retired: [], storers: 2 },
  'did.succeed': { old: { ...identity, successor: did, storers: 1 }, successor: { ...identity, name: 'alice-2', predecessor: did, storers: 1 } },
  'peers': [{ peer_id: '12D3KooWPeer', did, name: null, address: '/ip4/192.0.2.7/tcp/4001', direction: 'outbound', since_ms: 1_700_000_000_000 }],
  'join': { peer_id: '12D3KooWPeer', did: null, name: null, address: '/ip4/192.0.2.7/tcp/4001', direction: 'outbound', since_ms: 1_700_000_000_000 },
  'verify-peer': { verified: true, score: { observer: did, subject: did, score: 640, confidence: 0.5, tier: 'standard', items: [] }, session: 'session-1' },
  'call': {
    verdict: 'allow', code: null, rule: 'allow-read', reason: 'rule allow-read matches', result: { rows: 3 }, invocation: 'token', receipt: 'token', receipt_hash, executor: did,
    audit: { origin: `${did}/log/1`, index: 12 }, duration_ms: 7.4,
  },
  'delegate': { id: 'delegation-1', root: did, issuer: did, holder: did, capabilities: ['read:reports'], depth: 1, exp: 1_900_000_000, chain: ['token'], caveats: { rate: [10, 60], max_depth: 0 }, delivered: false, state: 'holds' },
  'delegation.list': [{ id: 'delegation-1', root: did, issuer: did, holder: did, capabilities: ['read:reports'], depth: 1, exp: 1_900_000_000, chain: ['token'], caveats: {}, delivered: true, state: 'REVOKED' }],
  'delegation.inspect': {
    id: 'delegation-2', root: did, holder: did, exp: 1_900_000_000, chain: ['token-1', 'token-2'],
    links: [
      { id: 'delegation-1', issuer: did, holder: 'holder-1', capabilities: ['read:**'], caveats: { trust: 600, win: [['mon-fri', '08:00', '18:00', 'UTC']] }, nbf: 1_800_000_000, exp: 1_900_000_000, jti: 'a', state: 'holds', reason: null },
      { id: 'delegation-2', issuer: did, holder: 'holder-2', capabilities: ['read:reports'], caveats: {}, nbf: 1_800_000_000, exp: 1_900_000_000, jti: 'b', state: 'REVOKED', reason: 'revoked by\u001b[31m somebody' },
    ],
  },
  'delegation.verify': {
    holds: false, code: 'CHAIN_WIDENED', link: 1, reason: 'link 1: write:x is not contained', fix: 'any of read:**', views: null,
    steps: [
      { step: 9, name: 'times', state: 'ok', text: null }, { step: 10, name: 'narrowing', state: 'failed', text: null },
      { step: 11, name: 'revocations', state: 'unreached', text: null }, { step: 14, name: 'the command', state: 'unasked', text: null },
    ],
  },
  'endorse': { statement: 'statement-1' },
  'revoke': { ...preview, statement: 'statement-2', told_peers: 3 },
  'revocation.preview': preview,
  'revocations': {
    total: 2,
    revocations: [
      { statement: 'statement-2', time_ms: 1_700_000_000_000, kind: 'agent', target: did, target_name: 'analyst', by: did, by_name: 'alice', why: 'stolen', state: 'in force', expires_ms: 4_855_760_000_000 },
      { statement: 'statement-3', time_ms: 1_600_000_000_000, kind: 'delegation', target: 'delegation-9', target_name: null, by: did, by_name: null, why: 'over', state: 'pending', expires_ms: 1_731_708_800_000 },
    ],
  },
  'trust.show': {
    observer: did, subject: did, score: 720, confidence: 0.82, tier: 'trusted',
    items: [{ kind: 'direct', effect: 140, text: '12 calls went well' }, { kind: 'endorsement', effect: -20, text: 'endorsed', from: did, statement: 's' }],
  },
  'audit.head': { origin: `${did}/log/1`, size: 42, root: 'cm9vdA==', note: 'origin\n42\ncm9vdA==\n\n— origin sig\n', cosignatures: ['witness-b', 'witness-c'] },
  'audit.anchor': { origin: `${did}/log/1`, size: 43, root: 'cm9vdA==', note: 'origin\n43\ncm9vdA==\n\n— origin sig\n', cosignatures: ['witness-b'] },
  'audit.witnesses': {
    needed: '2 witnesses of different operators', policy: false, anchored: { size: 42, at_ms: 1_700_000_000_000, cosigners: 2 },
    failure: null, weakness: 'only 1 of the 2 operators', clock_doubt: 'the clock is\u001b[2J wrong',
    witnesses: [
      { peer_id: 'peer-b', did, name: 'host-b', sponsor: did, sponsor_name: 'alice@company.com', cosigned: { size: 42, time_ms: 1_700_000_000_000 }, refused: null },
      { peer_id: 'peer-c', did, name: null, sponsor: null, sponsor_name: null, cosigned: null, refused: { code: 'WITNESS_REFUSED', reason: 'it answered 503', at_ms: 1_700_000_000_000 } },
    ],
    absent: ['did:mesh:babsent/wit/1'],
    witnessed: [{ origin: `${did}/log/1`, did, name: 'host-d', size: 7, time_ms: 1_700_000_000_000, exposed: false, anchored: true }, { origin: 'example.com/log', did: null, name: null, size: 9, time_ms: 1_700_000_000_000, exposed: true, anchored: false }],
  },
  'audit.mirrors': [{ did, name: 'host-b', origin: `${did}/log/1`, size: 70_000, bytes: 20_000_000, time_ms: 1_700_000_000_000, trouble: null }, { did, name: null, origin: `${did}/log/2`, size: 0, bytes: 0, time_ms: 0, trouble: { code: 'MIRROR_FULL', reason: 'no room' } }],
  'audit.mirror': { did, name: 'host-b', origin: `${did}/log/1`, size: 70_000, bytes: 20_000_000, time_ms: 1_700_000_000_000, trouble: null },
  'audit.retention': {
    entries: 42_000, archived: 1_024, parts: [{ first: 0, next: 1_024, folder: '/archive', present: false }], oldest_ms: 1_700_000_000_000,
    level: 'near', audit_bytes: 90_000_000, audit_bytes_max: 100_000_000, free_bytes: 5_000_000_000, free_bytes_min: null,
    rules: { payload_days: 365, checkpoint_days: null, witness_days: null }, due: { payloads_before: 2_000, checkpoints: 0, witnessed: 0 },
    next_run_ms: 1_700_000_060_000, work: null,
  },
  'audit.archive': { state: 'done', folder: '/archive', done: 1_024, total: 1_024, first: 0, next: 1_024, entry: 42_000 },
  'audit.mirror.drop': { dropped: 1 },
  'audit.logs': [{ number: 0, origin: `${did}/log/0`, newest: false, size: 900, damaged_count: 2, frozen: null }, { number: 1, origin: `${did}/log/1`, newest: true, size: 42, damaged_count: 0, frozen: null }],
  'audit.fsck': { running: false, done: 900, total: 900, damaged: [{ log: null, name: 'tile 0/2', reason: 'it is missing' }], damaged_count: 2, ended_ms: 1_700_000_000_000 },
  'audit.recover': { size: 900, refilled: 256, payloads_lost: 3, derived: 1, lost_after_head: 4, damaged: 2, dropped: 0 },
  'audit.succeed': { origin: `${did}/log/2`, verifier_key: `${did}/log/2+00000000+AQAA` },
  'audit.prove': { index: 12, proof: 'c2sp.org/tlog-proof@v1\nindex 12\n\nnote\n', policy: 'log vkey\nquorum none\n', leaf_hash: 'bGVhZg==' },
  'audit.verify': { origin: `${did}/log/1`, index: 12, size: 42, leaf_hash: 'bGVhZg', cosignatures: 2, kind: 'event', time_ms: 1_700_000_000_000, payload: null },
  'audit.export': { folder: '/export', size: 42, files: 7 },
  'audit.entries': {
    origin: `${did}/log/1`, size: 44, next: null,
    entries: [
      { ...log_entry, payload: { kind: 'decision', verdict: 'deny', agent: did, rule: 'no-export', action: { type: 'export', resource: 'data' } } },
      { ...log_entry, index: 13, state: 'erased', subject: null },
      { ...log_entry, index: 14, kind: 'anchor', state: 'bare', subject: null, about: '3 heads of other logs that this host witnessed' },
      { ...log_entry, index: 15, payload: { kind: 'imported', agent: 'bot\u001b[2J', record: { text: 'hi' } } },
    ],
  },
  'audit.show': { ...log_entry, origin: `${did}/log/1`, payload: { kind: 'decision', verdict: 'deny' }, checkpoint: { origin: `${did}/log/1`, size: 42, root: 'cm9vdA==', note: '', cosignatures: ['witness-b', 'witness-c'] } },
  'audit.erase': { entry: 44, payloads: 3, past_payloads: 0, subject: did, memory: { inodes: 3, bytes: 5, snapshots: 0, shared: 0 } },
  'audit.import': { origin: `${did}/log/1`, outcomes: [{ at: 0, state: 'added', index: 44, leaf_hash: 'bGVhZg' }] },
  'audit.evidence': {
    exposed: [{ did, did_name: 'host-b', name: `${did}/log/1`, kind: 'same-size', misdeed: 'its audit log signed two different trees of one size', since_ms: 1_700_000_000_000, by: did, by_name: 'host-c', statement: 'statement-5', own: false }],
    suspected: [{ did, did_name: null, origin: `${did}/log/2`, since_ms: 1_600_000_000_000, reason: 'it does not answer' }],
    succeeded: [{ did, did_name: 'host-b', origin: `${did}/log/3`, after: `${did}/log/1`, follows: true, entries_lost: 44 }, { did, did_name: null, origin: `${did}/log/4`, after: `${did}/log/3`, follows: null, entries_lost: null }],
  },
  'audit.evidence.file': { kind: 'same-size', did, name: `${did}/log/1`, role: 'log', verifier_key: 'vkey', origin: `${did}/log/1`, sizes: [4, 4], reason: 'the log signed\u001b[2J two', file: 'bWVzaA==', by: did, since_ms: 1_700_000_000_000 },
  'audit.evidence.report': { kind: 'cosigner-split', did, name: `${did}/wit/1`, role: 'witness', verifier_key: 'vkey', origin: `${did}/log/1`, sizes: [4, 4], reason: 'the witness cosigned two' },
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
      'sponsor.renew': answer('sponsor.renew'), 'sponsor.host': answer('sponsor.host'), 'sponsor.withdraw': answer('sponsor.withdraw'), 'sponsor.show': answer('sponsor.show'), 'sponsor.request': answer('sponsor.request'),
      'sponsor.read': answer('sponsor.read'), 'sponsor.sign': answer('sponsor.sign'), 'sponsor.import': answer('sponsor.import'),
      'run.begin': answer('run.begin'), 'run.next': answer('run.next'), 'run.call': answer('run.call'), 'run.end': answer('run.end'),
      'policy.publish': answer('policy.publish'), 'policy.bundle': answer('policy.bundle'), 'policy.bundles': answer('policy.bundles'), 'policy.follow': answer('policy.follow'), 'policy.unfollow': answer('policy.unfollow'), 'policy.reload': answer('policy.reload'),
      'approval.list': answer('approval.list'), 'approval.show': answer('approval.show'), 'approval.answer': answer('approval.answer'), 'approval.sign': answer('approval.sign'), 'approval.import': answer('approval.import'), 'approval.page': answer('approval.page'),
      'vfs.list': answer('vfs.list'), 'vfs.read': answer('vfs.read'), 'vfs.write': answer('vfs.write'), 'vfs.remove': answer('vfs.remove'), 'vfs.snapshot': answer('vfs.snapshot'),
      'vfs.snapshots': answer('vfs.snapshots'), 'vfs.restore': answer('vfs.restore'), 'vfs.drop': answer('vfs.drop'), 'vfs.diff': answer('vfs.diff'), 'vfs.erase': answer('vfs.erase'),
      'sidecar.token': answer('sidecar.token'), 'sidecar.status': answer('sidecar.status'),
      'tool.list': answer('tool.list'), 'tool.show': answer('tool.show'), 'tool.register': answer('tool.register'), 'tool.sign': answer('tool.sign'), 'tool.accept': answer('tool.accept'), 'tool.remove': answer('tool.remove'),
      'agent.create': answer('agent.create'), 'agent.list': answer('agent.list'), 'signal': answer('signal'), 'signal.show': answer('signal.show'), 'did.resolve': answer('did.resolve'),
      'did.list': answer('did.list'), 'did.rotate': answer('did.rotate'), 'did.deactivate': answer('did.deactivate'), 'did.succeed': answer('did.succeed'), 'peers': answer('peers'),
      'join': answer('join'), 'verify-peer': answer('verify-peer'), 'call': answer('call'), 'delegate': answer('delegate'),
      'delegation.list': answer('delegation.list'), 'delegation.inspect': answer('delegation.inspect'), 'delegation.verify': answer('delegation.verify'), 'endorse': answer('endorse'), 'revoke': answer('revoke'), 'revocation.preview': answer('revocation.preview'), 'revocations': answer('revocations'), 'trust.show': answer('trust.show'),
      'audit.head': answer('audit.head'), 'audit.anchor': answer('audit.anchor'), 'audit.witnesses': answer('audit.witnesses'), 'audit.mirrors': answer('audit.mirrors'), 'audit.mirror': answer('audit.mirror'), 'audit.mirror.drop': answer('audit.mirror.drop'), 'audit.logs': answer('audit.logs'), 'audit.fsck': answer('audit.fsck'), 'audit.recover': answer('audit.recover'), 'audit.succeed': answer('audit.succeed'), 'audit.prove': answer('audit.prove'), 'audit.verify': answer('audit.verify'), 'audit.retention': answer('audit.retention'), 'audit.archive': answer('audit.archive'),
      'audit.export': answer('audit.export'), 'audit.entries': answer('audit.entries'), 'audit.show': answer('audit.show'), 'audit.erase': answer('audit.erase'), 'audit.import': answer('audit.import'),
      'audit.evidence': answer('audit.evidence'), 'audit.evidence.file': answer('audit.evidence.file'), 'audit.evidence.report': answer('audit.evidence.report'), 'doctor': answer('doctor'),
    },
  };
}
