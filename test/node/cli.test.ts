import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { isFields } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { waitWord } from '../../node/cli/patience.ts';
import { suite } from '../harness.ts';
import { did, values } from './fake-methods.ts';
import { cli, host, inside, routes, type Ended } from './run-cli.ts';

const test = suite('node/cli');
interface Example {
  readonly inputs: readonly string[];
  readonly method: keyof typeof values;
  readonly params: unknown;
  readonly shows: readonly RegExp[];
  readonly exit_code?: number;
}

const tool_folder = mkdtempSync(join(tmpdir(), 'agentmesh-test-'));
process.once('exit', () => rmSync(tool_folder, { recursive: true, force: true }));
const tool_file = join(tool_folder, 'tool.json');
writeFileSync(tool_file, '{"name": "search"}');

const examples: readonly Example[] = [
  { inputs: ['status'], method: 'status', params: {}, shows: [/host-a/, new RegExp(did), /1 entry, 1 under a head with 2 cosignatures/, /TIMES +REFUSED OR FAILED\n {4}3 +message\.refused CHAIN_WIDENED/, /50 MiB/, /policies +acme: default, version 2, in force\n +other: no bundle yet\n/, /complete as of 837 d 13 h ago; may be as old as: delete 5 min, write 1 h, read 1 d/] },
  { inputs: ['peers'], method: 'peers', params: {}, shows: [/^NAME +DID +PEER ID +ADDRESS/, /did:mesh:bafkre…52zy/, /outbound/] },
  { inputs: ['join', '/ip4/192.0.2.7/tcp/4001'], method: 'join', params: { address: '/ip4/192.0.2.7/tcp/4001' }, shows: [/^joined {3}12D3KooWPeer/] },
  { inputs: ['sponsor', 'create', 'alice'], method: 'sponsor.create', params: { name: 'alice', kind: 'human' }, shows: [new RegExp(`did {6}${did}`)] },
  { inputs: ['sponsor', 'create', 'Company', '--kind', 'org'], method: 'sponsor.create', params: { name: 'Company', kind: 'org' }, shows: [/sponsor/] },
  { inputs: ['sponsor', 'list'], method: 'sponsor.list', params: {}, shows: [/^NAME +KIND +STATE +DID/, /alice +human +active/] },
  { inputs: ['sponsor', 'renew', 'analyst', '--lifetime', '30d', '--role', 'owner'], method: 'sponsor.renew', params: { agent: 'analyst', lifetime_s: 2_592_000, role: 'owner' }, shows: [/^attested\n/, /role +owner/, /until +2030-03-17 17:46:40Z, in 1477 d 5 h/] },
  { inputs: ['sponsor', 'withdraw', 'analyst', '--why', 'over'], method: 'sponsor.withdraw', params: { agent: 'analyst', why: 'over' }, shows: [/^withdrawn: statement statement-4\n/] },
  { inputs: ['sponsor', 'show', 'analyst'], method: 'sponsor.show', params: { who: 'analyst' }, shows: [/^analyst {2}agent {2}answered for\n/, /alice {2}human {2}answers for itself\n/] },
  {
    inputs: ['agent', 'create', 'analyst', '--sponsor', 'alice', '--capability', 'read:reports', '--capability', 'write:x', '--required-trust', '500', '--authority', 'open', '--handler', '/h.mjs', '--root', 'bob'],
    method: 'agent.create',
    params: { name: 'analyst', sponsor: 'alice', capabilities: ['read:reports', 'write:x'], handler: '/h.mjs', required_trust: 500, authority: 'open', roots: ['bob'] },
    shows: [/^agent {9}analyst/, /may {11}read:reports/],
  },
  { inputs: ['agent', 'list'], method: 'agent.list', params: {}, shows: [/analyst +running +500/] },
  { inputs: ['did', 'resolve', 'analyst', '--fresh'], method: 'did.resolve', params: { did: 'analyst', fresh: true }, shows: [new RegExp(`"id": "${did}"`)] },
  { inputs: ['did', 'list'], method: 'did.list', params: {}, shows: [/alice +human +active +2/] },
  { inputs: ['did', 'rotate', 'alice'], method: 'did.rotate', params: { who: 'alice' }, shows: [/rotations +3/, /attested again: analyst/, /delegation-1/, /former keys/] },
  {
    inputs: ['did', 'rotate', 'alice', '--emergency', '--bad-since', '2026-03-01T12:00:00Z', '--witness', 'w1', '--witness', 'w2', '--witness-threshold', '1'], method: 'did.rotate',
    params: { who: 'alice', emergency: true, bad_since_ms: Date.UTC(2026, 2, 1, 12), witnesses: ['w1', 'w2'], witness_threshold: 1 }, shows: [/witnesses +2 of 3/],
  },
  { inputs: ['did', 'rotate', 'alice', '--no-witnesses'], method: 'did.rotate', params: { who: 'alice', witnesses: [] }, shows: [/rotations/] },
  { inputs: ['did', 'deactivate', 'alice', '--yes'], method: 'did.deactivate', params: { who: 'alice', yes: true }, shows: [/deactivated/] },
  { inputs: ['did', 'succeed', 'alice', '--with', 'alice-2'], method: 'did.succeed', params: { old: 'alice', successor: 'alice-2' }, shows: [/successor/, /alice-2/] },
  { inputs: ['sponsor', 'create', 'alice', '--witness', 'w1'], method: 'sponsor.create', params: { name: 'alice', kind: 'human', witnesses: ['w1'] }, shows: [/alice/] },
  {
    inputs: ['call', 'summarizer', 'read:reports', '--from', 'analyst', '--arguments', '{"id": [7]}', '--delegation', 'd1'],
    method: 'call', params: { from: 'analyst', to: 'summarizer', command: 'read:reports', arguments: { id: [7] }, delegation: 'd1' },
    shows: [/^verdict: allow/, /rule +allow-read/, /reason +rule allow-read matches/, /audit +entry 12 of/, /receipt +q1Yv0/, /result: \{\n {2}"rows": 3/],
  },
  { inputs: ['verify-peer', 'bob', '--from', 'analyst', '--required-trust', '600'], method: 'verify-peer', params: { from: 'analyst', peer: 'bob', required_trust: 600 }, shows: [/^verified\n640 of 1000/] },
  {
    inputs: [
      'delegate', 'bob', '--from', 'alice', '--capability', 'read:*', '--lifetime', '12h', '--max-depth', '0', '--trust', '300', '--parent', 'p',
      '--rate', '100/60s', '--window', 'mon-fri 08:00-18:00 +01:00', '--window', 'sat 10:00-12:00', '--resource', 'tenant/**', '--tool', 'mcp:read', '--tool', 'mcp:list',
    ],
    method: 'delegate',
    params: {
      from: 'alice', to: 'bob', capabilities: ['read:*'], parent: 'p', lifetime_s: 43_200,
      caveats: { max_depth: 0, trust: 300, rate: [100, 60], win: [['mon-fri', '08:00', '18:00', '+01:00'], ['sat', '10:00', '12:00', 'UTC']], res: ['tenant/**'], tools: ['mcp:read', 'mcp:list'] },
    },
    shows: [/^delegation {2}delegation-1/, /only +no further delegation; at most 10 uses in 60 s/, /delivered {3}not yet/, /2030-03-17 17:46:40Z/],
  },
  { inputs: ['delegation', 'create', 'bob', '--from', 'alice', '--capability', 'read:*'], method: 'delegate', params: { from: 'alice', to: 'bob', capabilities: ['read:*'], caveats: {} }, shows: [/^delegation {2}delegation-1/] },
  { inputs: ['delegation', 'list'], method: 'delegation.list', params: {}, shows: [/delegation-1 .*read:reports +1 +in .* revoked/] },
  {
    inputs: ['delegation', 'inspect', 'delegation-2'], method: 'delegation.inspect', params: { id: 'delegation-2' },
    shows: [/^did:mesh:\S+ {2}the root/, /\n└─ holder-1 {2}holds\n/, /\n {3}│ {2}only {2}trust of at least 600; at mon-fri 08:00-18:00 UTC\n/, /\n {3}└─ holder-2 {2}revoked\n/, /why {3}revoked by\\u001b\[31m somebody/],
  },
  {
    inputs: ['delegation', 'verify', 'delegation-2', '--command', 'read:x'], method: 'delegation.verify', params: { id: 'delegation-2', command: 'read:x' }, exit_code: 4,
    shows: [/ 9 {2}times: ok\n10 {2}narrowing: failed at link 1\n11 {2}revocations: not reached\n14 {2}the command: not asked\n/, /does not hold: CHAIN_WIDENED\nwhy +link 1: write:x is not contained\nwhat would pass {2}any of read:\*\*/],
  },
  { inputs: ['signal', 'analyst', 'SIGSTOP', '--reason', 'wait', '--from', 'alice', '--delegation', 'd1', '--reset'], method: 'signal', params: { agent: 'analyst', signal: 'SIGSTOP', reason: 'wait', from: 'alice', delegation: 'd1', reset: true }, shows: [/signal +SIGSTOP\nagent +did:mesh/, /outcome +stopped\nstate +stopped\nrecorded +entry 7/] },
  { inputs: ['signal', 'analyst'], method: 'signal.show', params: { agent: 'analyst' }, shows: [/state +stopped\nreason +wait\nused +3 calls, 1200 tokens, cost 0.5, 800 ms\ntaint +web\n/, /2023-11-14 22:13:20Z +SIGSTOP +stopped +local user +wait/] },
  { inputs: ['endorse', 'bob', '--from', 'alice', '--weight', '0.8', '--why', 'good work'], method: 'endorse', params: { from: 'alice', subject: 'bob', weight: 0.8, why: 'good work' }, shows: [/^endorsed: statement statement-1\n$/] },
  { inputs: ['revoke', 'agent', 'bob', '--from', 'alice', '--why', 'stolen'], method: 'revoke', params: { from: 'alice', kind: 'agent', target: 'bob', why: 'stolen' }, shows: [/^revoked: statement statement-2\nagent {2}analyst {2}did:mesh/, /it is {2}in force/, /2 things on this host ended, for good:\nWHAT +NAME OR HOLDER +ID\nagent +analyst +did:mesh:bafkre…52zy\ndelegation +analyst +delegation-1\n/, /3 connected peers were told/] },
  { inputs: ['revoke', 'agent', 'bob', '--from', 'alice', '--why', 'stolen', '--dry-run'], method: 'revocation.preview', params: { from: 'alice', kind: 'agent', target: 'bob' }, shows: [/would end, for good/] },
  { inputs: ['revocations', '--by', 'alice', '--of', 'bob', '--pending', '--limit', '9'], method: 'revocations', params: { by: 'alice', of: 'bob', pending: true, limit: 9 }, shows: [/^TIME +KIND +TARGET +BY +STATE +WHY\n2023-11-14 22:13:20Z +agent +analyst +alice +in force +stolen\n2020-09-13 12:26:40Z +delegation +delegation-9 +did:mesh:bafkre…52zy +pending +over\n$/] },
  { inputs: ['revocations'], method: 'revocations', params: {}, shows: [/stolen/] },
  { inputs: ['trust', 'show', 'bob', '--observer', 'analyst'], method: 'trust.show', params: { subject: 'bob', observer: 'analyst' }, shows: [/^720 of 1000 {2}trusted/, /82 %/, /\+140\.0 +direct/, / -20\.0 +endorsement +did:mesh:bafkre…52zy/] },
  { inputs: ['audit', 'head', '--did', 'bob'], method: 'audit.head', params: { did: 'bob' }, shows: [/witness-b\n +witness-c/, /— origin sig/] },
  { inputs: ['audit', 'anchor'], method: 'audit.anchor', params: {}, shows: [/size +43/] },
  {
    inputs: ['audit', 'witnesses'], method: 'audit.witnesses', params: {},
    shows: [
      /^needed +2 witnesses of different operators \(no witness policy is given\)\nnewest +42 entries at 2023-11-14 22:13:20Z, cosigned by 2\nnot asked +did:mesh:babsent\/wit\/1\n/, /weak: only 1 of/, /cosigns nothing: the clock is\\u001b\[2J wrong/,
      /host-b +alice@company\.com +42 at 2023-11-14 22:13:20Z +-\n/, /nobody +- +2023-11-14 22:13:20Z it answered 503/, /host-d +7 +2023-11-14 22:13:20Z +written into the own log\n/, /exposed, never again/,
    ],
  },
  { inputs: ['audit', 'logs'], method: 'audit.logs', params: {}, shows: [/^NUMBER +LOG +ENTRIES +STATE\n +0 +did:mesh:.*\/log\/0 +900 +2 records damaged\n +1 +did:mesh:.*\/log\/1 +42 +takes entries\n$/] },
  { inputs: ['audit', 'head', '--log', '0'], method: 'audit.head', params: { log: '0' }, shows: [/witness-b/] },
  { inputs: ['audit', 'prove', '12', '--log', '0'], method: 'audit.prove', params: { index: 12, log: '0' }, shows: [/^c2sp\.org/] },
  { inputs: ['audit', 'export', '--dir', '/export', '--log', '0'], method: 'audit.export', params: { folder: '/export', log: '0' }, shows: [/entries {2}42/] },
  { inputs: ['audit', 'show', '12', '--log', '0'], method: 'audit.show', params: { index: 12, log: '0' }, shows: [/^entry +12 of did:mesh:/] },
  { inputs: ['audit', 'tail', '--log', '0'], method: 'audit.entries', params: { limit: 20, log: '0' }, shows: [/deny export:data/] },
  { inputs: ['audit', 'erase', '--entry', '12', '--log', '0', '--basis', 'mistake', '--yes'], method: 'audit.erase', params: { index: 12, basis: 'mistake', log: '0' }, shows: [/^erased/] },
  { inputs: ['audit', 'succeed', '--yes'], method: 'audit.succeed', params: { yes: true }, shows: [/^successor +did:mesh:bafkrei.*\/log\/2\nits key +did:mesh:/] },
  { inputs: ['audit', 'mirror'], method: 'audit.mirrors', params: {}, shows: [/host-b +70000 +[0-9.]+ MiB +2023-11-14 22:13:20Z +-\n/, / 0 +0 (?:B|bytes) +- +no room/] },
  { inputs: ['audit', 'mirror', 'bob'], method: 'audit.mirror', params: { who: 'bob' }, shows: [/host-b +70000/] },
  { inputs: ['audit', 'mirror', 'bob', '--drop'], method: 'audit.mirror.drop', params: { who: 'bob' }, shows: [/its copy is removed/] },
  { inputs: ['approvals', 'list'], method: 'approval.list', params: {}, shows: [/^ID +AGENT +ACTION +RULE +ENDS/, /analyst +delete records +ask-first/] },
  { inputs: ['approvals', 'show', 'x'], method: 'approval.show', params: { id: 'x' }, shows: [/^id +aWRlbnRpZmllcm9mYXJlcQ/, /arguments +\{"row":7\}/, /has read +web/, /approvers/] },
  { inputs: ['approvals', 'grant', 'x', '--as', 'alice', '--why', 'ticket 7'], method: 'approval.answer', params: { id: 'x', verdict: 'grant', as: 'alice', why: 'ticket 7' }, shows: [/^granted\nagent/, /why +ticket 7/] },
  { inputs: ['approvals', 'page', '--port', '4317'], method: 'approval.page', params: { port: 4317 }, shows: [/^http:\/\/127\.0\.0\.1:4317\/#link\n$/] },
  { inputs: ['approvals', 'refuse', 'x'], method: 'approval.answer', params: { id: 'x', verdict: 'refuse' }, shows: [/by +did:mesh/] },
  { inputs: ['policy', 'bundles'], method: 'policy.bundles', params: {}, shows: [/^ORGANISATION +BUNDLE +VERSION +STATE +ENDS +POLICIES\nacme +default +2 +in force +in .* analyst\n/, /followed by name\n/, /version 3 is not in force: POLICY_INVALID: default@3\/analyst\.yaml:3:1: no\nfix: mend it\n/, /not obeyed \(BUNDLE_FOREIGN\):\nORGANISATION +BUNDLE +VERSION\nother .* 7\n/, /refused {2}this host {2}host\.yaml\n/] },
  { inputs: ['policy', 'follow', 'acme', '--required'], method: 'policy.follow', params: { organisation: 'acme', required: true }, shows: [/^organisation +acme/, /followed by name\n/] },
  { inputs: ['policy', 'unfollow', 'acme'], method: 'policy.unfollow', params: { organisation: 'acme' }, shows: [/followed no more\n/] },
  { inputs: ['policy', 'reload'], method: 'policy.reload', params: {}, exit_code: 1, shows: [/^changed {2}analyst {2}host\.yaml\nrefused {2}this host {2}host\.yaml\n {2}host\.yaml:2:1: no: what was in force stays\n {2}fix: mend it\n$/] },
  { inputs: ['sponsor', 'host', 'alice', '--lifetime', '30d'], method: 'sponsor.host', params: { sponsor: 'alice', lifetime_s: 2_592_000 }, shows: [/^attested\nname +host-a/, /role +operator/] },
  { inputs: ['audit', 'prove', '12'], method: 'audit.prove', params: { index: 12 }, shows: [/^c2sp\.org\/tlog-proof@v1\nindex 12\n\nnote\n$/] },
  { inputs: ['audit', 'export', '--dir', '/export'], method: 'audit.export', params: { folder: '/export' }, shows: [/entries {2}42/] },
  { inputs: ['audit', 'prove', '12', '--open'], method: 'audit.prove', params: { index: 12, open: true }, shows: [/^c2sp\.org/] },
  {
    inputs: ['audit', 'tail', '-n', '5', '--agent', 'analyst', '--verdict', 'deny', '--kind', 'decision', '--since', '2026-03-01T12:00:00Z'], method: 'audit.entries',
    params: { limit: 5, agent: 'analyst', verdict: 'deny', kind: 'decision', since_ms: Date.UTC(2026, 2, 1, 12) },
    shows: [/^INDEX {2}TIME +KIND +WHAT\n {3}12 {2}2023-11-14 22:13:20Z {2}decision {2}deny export:data for did:mesh:bafkre…52zy, rule no-export\n/, /\n {3}13 .* event +erased\n/, /\n {3}14 .* anchor +3 heads of other logs/, /\n {3}15 .* imported +of bot\\u001b\[2J: \{ "text": "hi" \}\n$/],
  },
  { inputs: ['audit', 'show', '12'], method: 'audit.show', params: { index: 12 }, shows: [/^entry +12 of did:mesh:/, /leaf hash +bGVhZg\n/, /payload +sealed, and opened/, /checkpoint +of 42 entries, root cm9vdA==\ncosigned by +witness-b\n +witness-c\n\n\{\n {2}"kind": "decision"/] },
  { inputs: ['audit', 'erase', '--subject', 'analyst', '--basis', 'art17', '--yes'], method: 'audit.erase', params: { subject: 'analyst', basis: 'art17' }, shows: [/^erased: 3 payloads are unreadable for good\n/, /memory +3 entries of 5 B, 0 kept states\n/, /as entry 44 of the log/] },
  { inputs: ['audit', 'erase', '--entry', '12', '--basis', 'mistake', '--yes'], method: 'audit.erase', params: { index: 12, basis: 'mistake' }, shows: [/^erased/] },
  { inputs: ['audit', 'archive', '--dir', '/archive', '--keep', '1000'], method: 'audit.archive', params: { folder: '/archive', keep: 1000 }, shows: [/^archived: 1024 entries to \/archive\n/, /entries +0 to 1023\n/, /as entry 42000 of the log/] },
  { inputs: ['audit', 'archive', '--dir', '/archive', '--restore'], method: 'audit.archive', params: { folder: '/archive', restore: true }, shows: [/^restored: 1024 entries from \/archive\n/] },
  { inputs: ['audit', 'retention'], method: 'audit.retention', params: {}, shows: [/entries +42000, of which 1024 are archived\n/, /disk +86 MiB, of at most 95 MiB\n/, /payloads +erased after 365 days; due: those before entry 2000\n/, /four fifths/, /0 +1023 +not there +\/archive\n/] },
  { inputs: ['audit', 'evidence'], method: 'audit.evidence', params: {}, shows: [/^SINCE +HOST +DID +KIND +REPORTED BY +WHAT\n2023-11-14 22:13:20Z +host-b +did:mesh:bafkre…52zy +same-size +host-c +its audit log signed/, /\n\nSUSPECTED SINCE[^\n]*\n2020-09-13 12:26:40Z +- +did:mesh:bafkre…52zy +it does not answer\n\n/, /\nNEW LOG +HOST +DID +ENTRIES LOST +HOW\n3 +host-b +did:mesh:bafkre…52zy +44 +goes on after 1\n4 +- +did:mesh:bafkre…52zy +\? +its first entry was not read yet\n$/] },
  { inputs: ['audit', 'evidence', 'list'], method: 'audit.evidence', params: {}, shows: [/same-size/] },
  { inputs: ['audit', 'evidence', 'show', 'bob'], method: 'audit.evidence.file', params: { who: 'bob' }, shows: [/^proven +the log signed\\u001b\[2J two\n/, /\nkey +vkey\n/, /since +2023-11-14/] },
  { inputs: ['vfs', 'ls', 'analyst:/mem'], method: 'vfs.list', params: { agent: 'analyst', path: '/mem' }, shows: [/^ *SIZE +CHANGED +EXPIRES +WRITER +TAINT +PATH\n1 entry +- +- +- +- +\/mem\/working\/\n +5 B +2023-11-14 22:13:20Z +- +did:mesh:bafkre…52zy +web +\/mem\/working\/notes\.md\n$/] },
  { inputs: ['vfs', 'cat', '/mem/working/notes.md'], method: 'vfs.read', params: { path: '/mem/working/notes.md' }, shows: [/^hello$/] },
  {
    inputs: ['vfs', 'put', `${did}:/state/a`, '--file', '/dev/null', '--append', '--if-hash', '2cf24dba', '--ttl', '10m', '--tag', 'a', '--tag', 'b'], method: 'vfs.write',
    params: { agent: did, path: '/state/a', content: '', mode: 'append', ttl_ms: 600_000, tags: ['a', 'b'], if_hash: '2cf24dba' }, shows: [/^written {2}\/mem\/working\/notes\.md\nsize +5 B\nhash +2cf24dba\n$/],
  },
  { inputs: ['vfs', 'put', 'analyst:/state/a', '--file', '/dev/null', '--create'], method: 'vfs.write', params: { agent: 'analyst', path: '/state/a', content: '', mode: 'create' }, shows: [/^written/] },
  { inputs: ['vfs', 'rm', 'analyst:/mem/a', '--recursive'], method: 'vfs.remove', params: { agent: 'analyst', path: '/mem/a', recursive: true }, shows: [/^removed {2}\/mem/] },
  { inputs: ['vfs', 'snapshot', 'analyst', '--note', 'x'], method: 'vfs.snapshot', params: { agent: 'analyst', note: 'x' }, shows: [/^snapshot {2}ab12\n/, /note +before\\u001b\[2J the change\n/, /holds +3 entries, 5 B\n/] },
  { inputs: ['vfs', 'snapshots'], method: 'vfs.snapshots', params: {}, shows: [/^TAKEN +BY +ENTRIES +SIZE +NOTE +ROOT\n2023.* operator +3 +5 B .* ab12\n$/] },
  { inputs: ['vfs', 'restore', 'analyst:/mem', '--root', 'ab12'], method: 'vfs.restore', params: { agent: 'analyst', path: '/mem', root: 'ab12' }, shows: [/^restored +\/mem\nas it was in +ab12\n$/] },
  { inputs: ['vfs', 'drop', 'analyst', '--root', 'ab12'], method: 'vfs.drop', params: { agent: 'analyst', root: 'ab12' }, shows: [/^dropped {2}ab12\n$/] },
  { inputs: ['vfs', 'erase', 'analyst', '--basis', 'art17', '--yes'], method: 'vfs.erase', params: { agent: 'analyst', basis: 'art17' }, shows: [/^erased: 3 entries of 5 B, 1 kept state, 2 files in \/ipc: unreadable for good\nagent +did:mesh:/, /as entry 45 of the log\n/] },
  { inputs: ['vfs', 'diff', 'analyst', '--from', 'ab12', '--to', 'cd34'], method: 'vfs.diff', params: { agent: 'analyst', from: 'ab12', to: 'cd34' }, shows: [/^CHANGE +PATH\nchanged +\/mem\/a\nremoved +\/mem\/b\n$/] },
  { inputs: ['tools', 'list', '--agent', 'analyst'], method: 'tool.list', params: { agent: 'analyst' }, shows: [/^NAME +VERSION +STATE +EFFECTS +RISK +PUBLISHER +DIGEST\nsearch +1\.0 +changed +read +0\.1 +did:mesh:bafkre…52zy +ab12cd34ef56ab12\npay +1\.0 +known +read +0\.1 +- +ab12/] },
  { inputs: ['tools', 'show', 'search'], method: 'tool.show', params: { name: 'search' }, shows: [/^tool +search {2}1\.0\n/, /side effects +read, risk 0\.1, only with approval, what comes back taints its caller\n/, /needs +read:reports\n/, /offered under its name, different in description:\n\{\n {2}"name": "search",\n {2}"description": "x\\u001b\[2J"\n\}\n$/] },
  { inputs: ['tools', 'register', tool_file, '--agent', 'analyst', '--token', 't'], method: 'tool.register', params: { descriptor: { name: 'search' }, token: 't', agents: ['analyst'] }, shows: [/^tool +search/, /registered by +operator\n/] },
  { inputs: ['tools', 'sign', tool_file, '--from', 'alice'], method: 'tool.sign', params: { descriptor: { name: 'search' }, from: 'alice' }, shows: [/^token\n$/] },
  { inputs: ['tools', 'accept', 'search', '--digest', 'ef56'], method: 'tool.accept', params: { name: 'search', digest: 'ef56' }, shows: [/^tool +search/] },
  { inputs: ['sidecar', 'token', 'analyst'], method: 'sidecar.token', params: { agent: 'analyst' }, shows: [/^tok-en\n$/] },
  { inputs: ['sidecar', 'status'], method: 'sidecar.status', params: {}, shows: [/^socket +\/data\/sidecar\.sock\nloopback +http:\/\/127\.0\.0\.1:8081\nunder way +1 open call, 2 streams of signals, 1 stream of tool calls\n/, /analyst +did:mesh:bafkre…52zy +2030-03-17 17:46:40Z/, /analyst +crawler\\u001b\[2J +- +2 +2030/] },
  { inputs: ['tools', 'remove', 'search'], method: 'tool.remove', params: { name: 'search' }, shows: [/^removed {2}search\n$/] },
  { inputs: ['stop'], method: 'stop', params: {}, shows: [/^stopping/] },
];

test('every command sends what was asked for and shows the answer', async (context) => {
  const { run, asked } = await host(context);
  for (const { inputs, method, params, shows, exit_code = 0 } of examples) {
    asked.length = 0;
    const ended = await run(...inputs);
    assert.is(ended.code, exit_code, `${inputs.join(' ')}: ${ended.stderr}`);
    assert.equal(asked, [{ method, params }], inputs.join(' '));
    for (const pattern of shows) assert.match(ended.stdout, pattern, inputs.join(' '));
  }
});

test('delegation verify says what it leaves to the executor, and prints no chain that does not hold in the words of others', async (context) => {
  const broken = await host(context);
  for (const words of ['act', 'delegation_chain']) {
    const ended = await broken.run('delegation', 'verify', 'delegation-2', '--as', words);
    assert.equal(ended, { code: 4, stdout: '', stderr: 'error CHAIN_WIDENED: link 1: write:x is not contained\nfix: any of read:**\n' });
  }
  const act = { sub: 'root', act: { sub: 'holder' }, scope: 'read:x', nbf: 1, exp: 2 };
  const views = { act, delegation_chain: { ...act, delegation_chain: [] } };
  const whole = await host(context, {
    'delegation.verify': () => Promise.resolve(ok({
      holds: true, code: null, link: null, reason: null, fix: null, views,
      steps: [{ step: 13, name: 'signatures', state: 'ok', text: null }, { step: 14, name: 'the command', state: 'in part', text: 'trust is for the executor' }],
    })),
  });
  const { code, stdout } = await whole.run('delegation', 'verify', 'delegation-2', '--command', 'read:x');
  assert.equal([code, stdout], [0, '13  signatures: ok\n14  the command: in part: trust is for the executor\n\nthe chain holds; trust, rates and newness are for the executor to say\n']);
  assert.equal(JSON.parse((await whole.run('delegation', 'verify', 'delegation-2', '--as', 'act')).stdout), views.act);
});

test('a target that is neither a file nor known to the node is said to be neither', async (context) => {
  const { run } = await host(context, { 'delegation.inspect': () => Promise.resolve(fail('DELEGATION_UNKNOWN', 'this host holds no delegation nofile.json', { fix: 'agentmesh delegation list' })) });
  const ended = await run('delegation', 'inspect', 'nofile.json');
  assert.equal([ended.code, ended.stdout], [1, '']);
  assert.match(ended.stderr, /^error DELEGATION_UNKNOWN: nofile\.json is no file, and this host holds no delegation nofile\.json\nfix: give a file .*: agentmesh delegation list\n$/);
});

test('every command prints one JSON document with --json, the value as it came', async (context) => {
  const { run } = await host(context);
  for (const { inputs, method } of examples) {
    const ended = await run(...inputs, '--json');
    assert.equal(JSON.parse(ended.stdout), values[method], inputs.join(' '));
  }
});

test('every command without a node ends with code 3, nothing on stdout, and the line that starts one', async (context) => {
  const data = context.folder();
  for (const { inputs } of examples) {
    const ended = await inside([...inputs, '--data', data]);
    const [reason, fix] = [`no node runs on ${data}`, `agentmesh up --data ${data}`];
    const is_chain = inputs[0] === 'delegation' && (inputs[1] === 'inspect' || inputs[1] === 'verify');
    const stderr = is_chain
      ? `error NODE_NOT_RUNNING: ${inputs[2] ?? ''} is no file, and ${reason} that could know a delegation of this id\nfix: give a file with the tokens of the chain, or the id of a delegation that the node keeps: ${fix}\n`
      : `error NODE_NOT_RUNNING: ${reason}\nfix: ${fix}\n`;
    assert.equal(ended, { code: 3, stdout: '', stderr }, inputs.join(' '));
  }
});

test('the help of every command has examples, and each of them is that command', async () => {
  const all = routes();
  const shown = (words: readonly string[]): boolean => examples.some(({ inputs }) => words.every((word, index) => inputs[index] === word));
  // Those that ask no node, or work on files; they have tests of their own.
  assert.equal(new Set(all.filter((words) => !shown(words)).map((words) => words.join(' '))), new Set([
    'up', 'doctor', 'audit verify', 'audit fsck', 'audit recover', 'audit evidence verify', 'audit evidence report', 'audit import', 'help environment', 'help exit-codes', 'keys list', 'keys passphrase', 'keys export', 'keys import',
    'sponsor request', 'sponsor sign', 'sponsor import', 'ucan inspect', 'approvals request', 'approvals sign', 'approvals answer', 'run', 'sidecar openapi',
    'policy check', 'policy diff', 'policy eval', 'policy explain', 'policy test', 'policy export', 'policy replay', 'policy shadow', 'policy publish',
  ]));
  for (const words of all) {
    const { code, stdout } = await inside([...words, '--help']);
    assert.is(code, 0);
    const lines = stdout.split('EXAMPLES\n')[1]?.split('\n\n')[0]?.split('\n') ?? [];
    assert.ok(lines.length > 0, `${words.join(' ')} has no example`);
    for (const line of lines) assert.ok(`${line} `.startsWith(`  agentmesh ${words.join(' ')} `), line);
  }
});

test('a process of its own prints and ends in the same way', async (context) => {
  const { data } = await host(context);
  const status = await cli(['status', '--json', '--data', data]);
  assert.equal([status.code, JSON.parse(status.stdout), status.stderr], [0, values.status, '']);
  const alone = await cli(['status'], { env: { AGENTMESH_DATA: context.folder() } });
  assert.equal([alone.code, alone.stdout], [3, '']);
  const wrong = await cli(['stauts']);
  assert.equal([wrong.code, wrong.stdout], [2, '']);
});

test('colour and width are for terminals, and NO_COLOR is respected', async (context) => {
  const { data } = await host(context);
  const env = { AGENTMESH_DATA: data };
  const kept = { NO_COLOR: process.env['NO_COLOR'], FORCE_COLOR: process.env['FORCE_COLOR'], TERM: process.env['TERM'], CI: process.env['CI'] };
  context.after(() => {
    for (const [name, value] of Object.entries(kept)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  delete process.env['NO_COLOR'];
  delete process.env['FORCE_COLOR'];
  delete process.env['CI'];
  process.env['TERM'] = 'xterm-256color';
  const inputs = ['call', 'a', 'b:c', '--from', 'x'];
  assert.ok((await inside(inputs, env, { columns: 80 })).stdout.startsWith('\u001b[32mverdict: allow\u001b[39m\n'));
  assert.ok((await inside(inputs, env)).stdout.startsWith('verdict: allow\n'));
  process.env['NO_COLOR'] = '1';
  assert.ok((await inside(inputs, env, { columns: 80 })).stdout.startsWith('verdict: allow\n'));
  for (const line of (await inside(['agent', 'list'], env, { columns: 70 })).stdout.split('\n')) assert.ok(line.length <= 70, line);
});

test('what is not a command, a flag or a value is wrong usage: code 2, the reason, the fix, and no request', async (context) => {
  const { run, asked } = await host(context);
  const table_of_errors: readonly (readonly [inputs: readonly string[], reason: RegExp, fix: string])[] = [
    [['stauts'], /there is no command stauts, did you mean `status`\?/, 'agentmesh --help'],
    [['audit', 'prvoe'], /there is no command prvoe, did you mean `prove`/, 'agentmesh --help'],
    [['status', '--verbos'], /--verbos/, 'agentmesh status --help'],
    [['status', 'extra'], /extra/, 'agentmesh status --help'],
    [['join'], /address/, 'agentmesh join --help'],
    [['join', ''], /not empty/, 'agentmesh join --help'],
    [['call', 'a', 'read:x'], /--from/, 'agentmesh call --help'],
    [['call', 'a', 'read:x', '--from', 'b', '--arguments', '{'], /expected JSON/, 'agentmesh call --help'],
    [['delegate', 'a', '--from', 'b', '--capability', 'read:x', '--lifetime', '3 weeks'], /90s, 30m, 12h or 7d/, 'agentmesh delegate --help'],
    [['delegate', 'a', '--from', 'b'], /--capability/, 'agentmesh delegate --help'],
    [['endorse', 'a', '--from', 'b', '--weight', '80'], /from 0 to 1/, 'agentmesh endorse --help'],
    [['audit', 'prove', '1e3'], /whole number/, 'agentmesh audit prove --help'],
    [['audit', 'prove', '-1'], /./, 'agentmesh audit prove --help'],
    [['sponsor', 'create', 'x', '--kind', 'robot'], /human/, 'agentmesh sponsor create --help'],
    [['up', '--listen'], /--listen/, 'agentmesh up --help'],
  ];
  for (const [inputs, reason, fix] of table_of_errors) {
    const ended = await run(...inputs);
    assert.is(ended.code, 2, `${inputs.join(' ')}: ${ended.stderr}`);
    assert.is(ended.stdout, '', inputs.join(' '));
    assert.match(ended.stderr, /^error USAGE_INVALID: /);
    assert.match(ended.stderr, reason);
    assert.ok(ended.stderr.endsWith(`\nfix: ${fix}\n`), ended.stderr);
    assert.not.match(ended.stderr, /\n\s+at /);
  }
  assert.equal(asked, []);
});

test('a failure of the node is printed with its code and fix, and its kind decides the exit code', async (context) => {
  const failures: readonly (readonly [code: string, exit: number])[] = [
    ['PEER_UNREACHABLE', 1], ['SPONSORED', 1], ['PARAMS_INVALID', 2], ['CONFIRMATION_NEEDED', 2], ['PASSPHRASE_NEEDED', 2], ['SPONSOR_LIFETIME', 2], ['SPONSOR_ROLE', 2],
    ['SPONSOR_UNKNOWN', 4], ['SPONSOR_KIND', 4], ['SPONSOR_OTHER', 4], ['SPONSOR_REQUEST_TAMPERED', 4], ['UCAN_FORGED', 4], ['TRUST_TOO_LOW', 4], ['CHAIN_WIDENED', 4], ['REVOKED', 4], ['KERNEL_DENIED', 4], ['AUDIT_FROZEN', 5], ['KEYSTORE_DAMAGED', 5],
  ];
  let next: Result<never> = fail('NONE', '');
  const { run } = await host(context, { delegate: () => Promise.resolve(next) });
  for (const [code, exit] of failures) {
    next = fail(code, 'this is why', { fix: 'do that' });
    const ended = await run('delegate', 'bob', '--from', 'alice', '--capability', 'read:x', '--json');
    assert.equal(ended, { code: exit, stdout: '', stderr: `error ${code}: this is why\nfix: do that\n` }, code);
  }
});

test('a DID that does not resolve is a failure with its reason, and with --json has its W3C result as well', async (context) => {
  const result = {
    didDocument: null, didDocumentMetadata: {},
    didResolutionMetadata: { error: 'notFound', code: 'DID_NOT_FOUND', message: 'no peer has it', errorObject: { type: 'https://www.w3.org/ns/did#NOT_FOUND', detail: 'no peer has it (join \u001b[31m a mesh)' } },
  };
  const { run } = await host(context, { 'did.resolve': () => Promise.resolve(ok(result)) });
  const stderr = 'error DID_NOT_FOUND: no peer has it (join \\u001b[31m a mesh)\n';
  assert.equal(await run('did', 'resolve', 'did:mesh:x'), { code: 1, stdout: '', stderr });
  const json = await run('did', 'resolve', 'did:mesh:x', '--json');
  assert.equal({ ...json, stdout: JSON.parse(json.stdout) }, { code: 1, stdout: result, stderr });
});

test('a DID that was revoked is denied with the reason, and with --json has its W3C result as well', async (context) => {
  const result = {
    didDocument: null, didDocumentMetadata: { deactivated: true, mesh: { revoked: { by: 'did:mesh:y', why: 'it was revoked: \u001b[31m stolen', statement: 'hash' } } },
    didResolutionMetadata: { contentType: 'application/did+ld+json' },
  };
  const { run } = await host(context, { 'did.resolve': () => Promise.resolve(ok(result)) });
  const stderr = 'error REVOKED: it was revoked: \\u001b[31m stolen\n';
  assert.equal(await run('did', 'resolve', 'did:mesh:x'), { code: 4, stdout: '', stderr });
  const json = await run('did', 'resolve', 'did:mesh:x', '--json');
  assert.equal({ ...json, stdout: JSON.parse(json.stdout) }, { code: 4, stdout: result, stderr });
});

test('flags that contradict each other change nothing', async (context) => {
  const { run, asked } = await host(context);
  const ended = await run('did', 'rotate', 'alice', '--witness', 'node', '--no-witnesses');
  assert.equal([ended.code, ended.stdout, asked], [2, '', []]);
  assert.match(ended.stderr, /^error USAGE_INVALID: .*\nfix: give --witness or --no-witnesses\n$/);
});

test('a denied call is a result on stdout with exit code 4, a failed one with 1', async (context) => {
  let verdict: 'deny' | 'error' = 'deny';
  const { run } = await host(context, { call: () => Promise.resolve(ok({ ...values.call, verdict, code: 'KERNEL_DENIED', rule: 'no-export', reason: 'rule no-export matches', result: null })) });
  const inputs = ['call', 'bob', 'export:data', '--from', 'alice'];
  const denied = await run(...inputs);
  assert.is(denied.code, 4);
  assert.match(denied.stdout, /^verdict: deny\ncode +KERNEL_DENIED\nrule +no-export\nreason +rule no-export matches\n/);
  assert.not.match(denied.stdout, /result:/);
  const as_json = await run(...inputs, '--json');
  assert.is(as_json.code, 4);
  assert.is(JSON.parse(as_json.stdout).verdict, 'deny');
  verdict = 'error';
  assert.is((await run(...inputs)).code, 1);
});

test('signal names the command that comes next, as it was sent, and where the past stands', async (context) => {
  let answer = { ...values.signal };
  const { run } = await host(context, {
    'signal': () => Promise.resolve(ok(answer)),
    'signal.show': () => Promise.resolve(ok({ ...values['signal.show'], signals: [] })),
  });
  assert.is((await run('signal', 'analyst', 'SIGSTOP')).stderr, 'to let it go on: agentmesh signal analyst SIGCONT\n');
  assert.is((await run('signal', 'did:mesh:far', 'SIGSTOP', '--from', 'night watch', '--delegation', 'd1')).stderr, "to let it go on: agentmesh signal did:mesh:far SIGCONT --from 'night watch' --delegation d1\n");
  answer = { ...answer, outcome: 'continued', state: 'running' };
  assert.is((await run('signal', 'analyst', 'SIGCONT')).stderr, '');
  answer = { ...answer, detail: { code: 'BUDGET_EXCEEDED', fix: 'agentmesh signal analyst SIGCONT --reset\u001b[2J' } };
  assert.is((await run('signal', 'analyst', 'SIGCONT')).stderr, 'its budget is used up, and its next call stops it again; agentmesh signal analyst SIGCONT --reset\\u001b[2J\n');
  answer = { ...answer, receipt: 'token' };
  assert.match((await run('signal', 'did:mesh:far', 'SIGCONT', '--from', 'watchdog')).stderr, /stops it again; on its host: agentmesh signal analyst SIGCONT --reset/);
  assert.is((await run('signal', 'analyst')).stderr, 'it has had no signal since its host started; earlier ones: agentmesh audit tail --agent analyst\n');
});

test('a peer that is not trusted enough ends verify-peer with code 4', async (context) => {
  const { run } = await host(context, { 'verify-peer': () => Promise.resolve(ok({ ...values['verify-peer'], verified: false })) });
  const ended = await run('verify-peer', 'bob', '--from', 'alice');
  assert.is(ended.code, 4);
  assert.match(ended.stdout, /^not verified\n/);
});

test('call takes its arguments from a file or standard input', async (context) => {
  const { data, asked, run } = await host(context);
  const path = join(data, 'arguments.json');
  writeFileSync(path, '{"from":"file"}');
  const inputs = ['call', 'bob', 'read:x', '--from', 'alice', '--arguments-file'];
  assert.is((await run(...inputs, path)).code, 0);
  assert.is((await cli([...inputs, '-'], { env: { AGENTMESH_DATA: data }, input: '[1]' })).code, 0);
  assert.is((await cli([...inputs, '-'], { env: { AGENTMESH_DATA: data }, input: 'null' })).code, 0);
  assert.equal(asked.map(({ params }) => params), [{ from: 'file' }, [1], null].map((given) => ({ from: 'alice', to: 'bob', command: 'read:x', arguments: given })));
  const bad = await cli([...inputs, '-'], { env: { AGENTMESH_DATA: data }, input: 'x'.repeat(2_000_000) });
  assert.match(bad.stderr, /error FILE_TOO_LARGE/);
  const missing = await run(...inputs, join(data, 'none.json'));
  assert.is(missing.code, 1);
  assert.match(missing.stderr, /^error FILE_UNREADABLE: .*\nfix: /);
});

test('relative paths mean the folder of the caller, not of the node', async (context) => {
  const { run, asked } = await host(context);
  await run('agent', 'create', 'a', '--sponsor', 's', '--capability', 'read:x', '--policy', 'p.yaml', '--handler', './h.mjs');
  assert.equal(asked[0]?.params, { name: 'a', sponsor: 's', capabilities: ['read:x'], policy: join(process.cwd(), 'p.yaml'), handler: join(process.cwd(), 'h.mjs') });
});

test('what a peer wrote never moves the cursor of the terminal', async (context) => {
  const evil = 'x\u001b[2Jy\u009b31m\u202ez\nfake line\u0007';
  const [peer] = values.peers;
  assert.ok(peer);
  const { run } = await host(context, {
    'peers': () => Promise.resolve(ok(peer === undefined ? [] : [{ ...peer, name: evil }])),
    'trust.show': () => Promise.resolve(ok({ ...values['trust.show'], tier: evil, items: [{ kind: evil, effect: 1, text: evil }] })),
    'call': () => Promise.resolve(ok({ ...values.call, reason: evil, result: { text: evil } })),
    'did.resolve': () => Promise.resolve(ok({ didDocument: { id: evil }, didDocumentMetadata: { [evil]: evil }, didResolutionMetadata: {} })),
    'join': () => Promise.resolve(fail('PEER_REFUSED', evil, { fix: evil })),
    'audit.head': () => Promise.resolve(ok({ ...values['audit.head'], note: evil })),
  });
  const pending = await host(context, {
    call: () => Promise.resolve(ok({ ...values.call, verdict: 'deny' as const, code: 'APPROVAL_PENDING', result: { approval: { request: evil, expires_ms: 1 } } })),
  });
  for (const wait of [[], ['--wait', '1m']]) {
    const { stdout, stderr } = await pending.run('call', 'a', 'b:c', '--from', 'x', ...wait);
    for (const character of ['\u001b', '\u009b', '\u202e', '\u0007']) assert.not((stdout + stderr).includes(character), 'the request that another host names');
  }
  assert.is(pending.asked.length, 2, 'what is no request is not taken up');
  const commands = [['peers'], ['trust', 'show', 'x'], ['call', 'a', 'b:c', '--from', 'x'], ['did', 'resolve', 'x'], ['join', 'x'], ['audit', 'head'], ['peers', '--json'], ['call', 'a', 'b:c', '--from', 'x', '--json']];
  for (const inputs of commands) {
    const { stdout, stderr } = await run(...inputs);
    for (const character of ['\u001b', '\u009b', '\u202e', '\u0007']) assert.not((stdout + stderr).includes(character), inputs.join(' '));
  }
  const [shown] = JSON.parse((await run('peers', '--json')).stdout);
  assert.is(shown.name, evil);
});

test('who waits for a human elsewhere does so for the time that they said, and is offered no longer one than the request lives', async (context) => {
  const began_ms = 1_000_000;
  let now_ms = began_ms;
  const request = 'A'.repeat(22);
  const { data, asked } = await host(context, {
    call: () => {
      now_ms += 2_000;
      return Promise.resolve(ok({ ...values.call, verdict: 'deny' as const, code: 'APPROVAL_PENDING', result: { approval: { request, expires_ms: began_ms + 300_000 } } }));
    },
  });
  const call = async (...more: readonly string[]): Promise<string> => {
    now_ms = began_ms;
    asked.length = 0;
    return (await inside(['call', 'a', 'b:c', '--from', 'x', ...more], { AGENTMESH_DATA: data }, { now_ms: () => now_ms })).stderr;
  };
  const waits = (): readonly unknown[] => asked.map(({ params }) => (isFields(params) ? [params['approval'], params['wait_ms']] : params));
  assert.match(await call(), `--approval ${request}; with --wait 4m as well`);
  await call('--wait', '5s');
  assert.equal(waits(), [[undefined, undefined], [request, 3_000]]);
  await call('--wait', '1s');
  assert.equal(waits(), [[undefined, undefined]], 'the first took that long');
  assert.equal([59_999, 60_000, 3_600_000, 1_000].map((left_ms) => waitWord(began_ms + left_ms, began_ms)), ['59s', '1m', '15m', '1s']);
  assert.is(waitWord(began_ms, began_ms), undefined);
});

test('prove writes proof and policy to files, and says how to verify them', async (context) => {
  const { data, run } = await host(context);
  const [proof, policy] = [join(data, 'a proof'), join(data, 'policy')];
  const ended = await run('audit', 'prove', '12', '--proof', proof, '--policy', policy);
  assert.is(ended.stdout, '');
  assert.is(readFileSync(proof, 'utf8'), values['audit.prove'].proof);
  assert.is(readFileSync(policy, 'utf8'), values['audit.prove'].policy);
  assert.ok(ended.stderr.includes(`agentmesh audit verify --proof '${proof}' --policy ${policy}\n`), ended.stderr);
  const unwritable = await run('audit', 'prove', '12', '--proof', join(data, 'none', 'proof'));
  assert.is(unwritable.code, 1);
  assert.match(unwritable.stderr, /^error FILE_UNWRITABLE: .*\nfix: /);
});

test('an empty list says what to do next', async (context) => {
  const { run } = await host(context, { 'peers': () => Promise.resolve(ok([])), 'agent.list': () => Promise.resolve(ok([])) });
  assert.match((await run('peers')).stderr, /agentmesh join <address>/);
  assert.match((await run('agent', 'list')).stderr, /agentmesh agent create/);
  assert.is((await run('peers', '--json')).stdout, '[]\n');
});

test('a frozen log stands in the status with its reason', async (context) => {
  const frozen = { code: 'AUDIT_FROZEN', reason: 'entry 7 was changed', fix: 'agentmesh doctor' };
  const { run } = await host(context, { status: () => Promise.resolve(ok({ ...values.status, audit: { ...values.status.audit, frozen } })) });
  assert.match((await run('status')).stdout, /\naudit log frozen: AUDIT_FROZEN: entry 7 was changed\nfix: agentmesh doctor\n$/);
});

test('doctor works without a node, and finds open folders, open keys, damage and a frozen log', async (context) => {
  const data = context.folder();
  const run = (...more: string[]): Promise<Ended> => inside(['doctor', '--data', data, ...more]);
  const healthy = await run();
  assert.is(healthy.code, 0, healthy.stdout);
  assert.match(healthy.stdout, /^√ program: Node /);
  assert.ok(healthy.stdout.endsWith(`‼ node: no node runs on ${data}\n    fix: agentmesh up --data ${data}\n`));
  writeFileSync(join(data, 'keys.json'), JSON.stringify({ version: 1, protection: 'none', keys: {} }), { mode: 0o600 });
  assert.match((await run()).stdout, /‼ keys: not protected by a passphrase/);
  chmodSync(join(data, 'keys.json'), 0o644);
  const exposed = await run();
  assert.is(exposed.code, 1);
  assert.match(exposed.stdout, /× keys: others may read .*\n {4}fix: chmod 600 /);
  chmodSync(join(data, 'keys.json'), 0o600);
  writeFileSync(join(data, 'keys.json'), '{');
  assert.is((await run()).code, 5);
  writeFileSync(join(data, 'keys.json'), JSON.stringify({ version: 1, protection: 'scrypt+aes-256-gcm' }));
  assert.match((await run()).stdout, /√ keys: sealed/);
  writeFileSync(join(data, 'frozen'), 'entry 7 was changed');
  const frozen = await run('--json');
  assert.is(frozen.code, 5);
  assert.equal(JSON.parse(frozen.stdout).filter((check: { state: string }) => check.state === 'failed').map((check: { text: string }) => check.text), ['frozen: entry 7 was changed']);
  chmodSync(data, 0o755);
  assert.match((await run()).stdout, /× data folder: others may enter .*\n {4}fix: chmod 700 /);
});

test('doctor asks the running node, too', async (context) => {
  const { run } = await host(context);
  const { code, stdout } = await run('doctor');
  assert.is(code, 0);
  assert.match(stdout, /√ node: a node runs on .*\n√ peers: 3 connected\n‼ clock: 9 s off\n {4}fix: set the clock\n$/);
});

test('doctor lets the running node speak for what both see, unless it looks broken from outside', async (context) => {
  const { data, run } = await host(context, { doctor: () => Promise.resolve(ok([{ name: 'keys', state: 'ok', text: 'as the node sees them' }])) });
  const lines = async (): Promise<readonly string[]> => (await run('doctor')).stdout.split('\n').filter((line) => line.includes(' keys: '));
  assert.equal(await lines(), ['√ keys: as the node sees them']);
  writeFileSync(join(data, 'keys.json'), '{', { mode: 0o600 });
  assert.equal(await lines(), [`× keys: ${join(data, 'keys.json')} is damaged`, '√ keys: as the node sees them']);
});

test('doctor of a node with a frozen log ends with the code of damaged data', async (context) => {
  const frozen = { code: 'AUDIT_FROZEN', reason: 'entry 7 was changed' };
  const { run } = await host(context, {
    doctor: () => Promise.resolve(ok([{ name: 'audit log', state: 'failed', text: 'frozen' }])),
    status: () => Promise.resolve(ok({ ...values.status, audit: { ...values.status.audit, frozen } })),
  });
  assert.is((await run('doctor')).code, 5);
});

test('before a command runs, nothing heavy is loaded', async (context) => {
  const { data } = await host(context);
  const hook = 'import { registerHooks } from "node:module"; registerHooks({ load(url, context, next) { process.stderr.write(`loaded ${url}\\n`); return next(url, context); } });';
  const node_flags = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`];
  for (const inputs of [['--help'], ['status'], ['up', '--help']]) {
    const { stderr, code } = await cli(inputs, { env: { AGENTMESH_DATA: data }, node_flags });
    assert.is(code, 0);
    const packages = new Set([...stderr.matchAll(/^loaded .*\/node_modules\/((?:@[^/]+\/)?[^/]+)/gm)].map(([, name]) => name));
    assert.equal([...packages], ['@stricli/core']);
    assert.not.match(stderr, /^loaded node:http$/m);
  }
});

test('the help topics and the version', async () => {
  assert.match((await cli(['help', 'exit-codes'])).stdout, /^0 {2}it worked\n[\s\S]*\n5 {2}data is damaged/);
  assert.match((await cli(['help', 'environment'])).stdout, /^AGENTMESH_DATA /);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.is((await cli(['--version'])).stdout, `${version}\n`);
  const help = await cli(['--help']);
  assert.is(help.code, 0);
  assert.ok(help.stdout.endsWith('\n'));
});

test.run();
