import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { suite } from '../harness.ts';
import { did, values } from './fake-methods.ts';
import { cli, host, inside, routes, type Ended } from './run-cli.ts';

const test = suite('node/cli');
interface Example {
  readonly inputs: readonly string[];
  readonly method: keyof typeof values;
  readonly params: unknown;
  readonly shows: readonly RegExp[];
}

const examples: readonly Example[] = [
  { inputs: ['status'], method: 'status', params: {}, shows: [/host-a/, new RegExp(did), /1 entry, 1 under a head with 2 cosignatures/, /TIMES +REFUSED OR FAILED\n {4}3 +message\.refused CHAIN_WIDENED/, /50 MiB/] },
  { inputs: ['peers'], method: 'peers', params: {}, shows: [/^NAME +DID +PEER ID +ADDRESS/, /did:mesh:bafkre…52zy/, /outbound/] },
  { inputs: ['join', '/ip4/192.0.2.7/tcp/4001'], method: 'join', params: { address: '/ip4/192.0.2.7/tcp/4001' }, shows: [/^joined {3}12D3KooWPeer/] },
  { inputs: ['sponsor', 'create', 'alice'], method: 'sponsor.create', params: { name: 'alice', kind: 'human' }, shows: [new RegExp(`did {6}${did}`)] },
  { inputs: ['sponsor', 'create', 'Company', '--kind', 'org'], method: 'sponsor.create', params: { name: 'Company', kind: 'org' }, shows: [/sponsor/] },
  { inputs: ['sponsor', 'list'], method: 'sponsor.list', params: {}, shows: [/^NAME +KIND +DID/, /alice +human/] },
  {
    inputs: ['agent', 'create', 'analyst', '--sponsor', 'alice', '--capability', 'read:reports', '--capability', 'write:x', '--required-trust', '500', '--authority', 'open', '--handler', '/h.mjs', '--root', 'bob'],
    method: 'agent.create',
    params: { name: 'analyst', sponsor: 'alice', capabilities: ['read:reports', 'write:x'], handler: '/h.mjs', required_trust: 500, authority: 'open', roots: ['bob'] },
    shows: [/^agent {9}analyst/, /may {11}read:reports/],
  },
  { inputs: ['agent', 'list'], method: 'agent.list', params: {}, shows: [/analyst +running +500/] },
  { inputs: ['did', 'resolve', 'analyst', '--fresh'], method: 'did.resolve', params: { did: 'analyst', fresh: true }, shows: [new RegExp(`"id": "${did}"`)] },
  {
    inputs: ['call', 'summarizer', 'read:reports', '--from', 'analyst', '--arguments', '{"id": [7]}', '--delegation', 'd1'],
    method: 'call', params: { from: 'analyst', to: 'summarizer', command: 'read:reports', arguments: { id: [7] }, delegation: 'd1' },
    shows: [/^verdict: allow/, /rule +allow-read/, /reason +rule allow-read matches/, /audit +entry 12 of/, /receipt +q1Yv0/, /result: \{\n {2}"rows": 3/],
  },
  { inputs: ['verify-peer', 'bob', '--from', 'analyst', '--required-trust', '600'], method: 'verify-peer', params: { from: 'analyst', peer: 'bob', required_trust: 600 }, shows: [/^verified\n640 of 1000/] },
  {
    inputs: ['delegate', 'bob', '--from', 'alice', '--capability', 'read:*', '--lifetime', '12h', '--max-depth', '0', '--trust', '300', '--parent', 'p'],
    method: 'delegate', params: { from: 'alice', to: 'bob', capabilities: ['read:*'], parent: 'p', lifetime_s: 43_200, max_depth: 0, trust: 300 },
    shows: [/^delegation {2}delegation-1/, /delivered {3}not yet/, /2030-03-17 17:46:40Z/],
  },
  { inputs: ['delegation', 'list'], method: 'delegation.list', params: {}, shows: [/delegation-1 .*read:reports +1 +in /] },
  { inputs: ['endorse', 'bob', '--from', 'alice', '--weight', '0.8', '--why', 'good work'], method: 'endorse', params: { from: 'alice', subject: 'bob', weight: 0.8, why: 'good work' }, shows: [/^endorsed: statement statement-1\n$/] },
  { inputs: ['revoke', 'agent', 'bob', '--from', 'alice', '--why', 'stolen'], method: 'revoke', params: { from: 'alice', kind: 'agent', target: 'bob', why: 'stolen' }, shows: [/^revoked: statement statement-2\n$/] },
  { inputs: ['trust', 'show', 'bob', '--observer', 'analyst'], method: 'trust.show', params: { subject: 'bob', observer: 'analyst' }, shows: [/^720 of 1000 {2}trusted/, /82 %/, /\+140\.0 +direct/, / -20\.0 +endorsement +did:mesh:bafkre…52zy/] },
  { inputs: ['audit', 'head', '--did', 'bob'], method: 'audit.head', params: { did: 'bob' }, shows: [/witness-b\n +witness-c/, /— origin sig/] },
  { inputs: ['audit', 'anchor'], method: 'audit.anchor', params: {}, shows: [/size +43/] },
  { inputs: ['audit', 'prove', '12'], method: 'audit.prove', params: { index: 12 }, shows: [/^c2sp\.org\/tlog-proof@v1\nindex 12\n\nnote\n$/] },
  { inputs: ['audit', 'export', '--dir', '/export'], method: 'audit.export', params: { folder: '/export' }, shows: [/entries {2}42/] },
  { inputs: ['audit', 'log', '--from', '10', '--limit', '5'], method: 'audit.log', params: { from: 10, limit: 5 }, shows: [/12 {2}2023-11-14 22:13:20Z {2}event {2}\{ "verdict": "allow" \}/] },
  { inputs: ['stop'], method: 'stop', params: {}, shows: [/^stopping/] },
];

test('every command sends what was asked for and shows the answer', async (context) => {
  const { run, asked } = await host(context);
  for (const { inputs, method, params, shows } of examples) {
    asked.length = 0;
    const ended = await run(...inputs);
    assert.is(ended.code, 0, `${inputs.join(' ')}: ${ended.stderr}`);
    assert.equal(asked, [{ method, params }], inputs.join(' '));
    for (const pattern of shows) assert.match(ended.stdout, pattern, inputs.join(' '));
  }
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
    assert.equal(ended, { code: 3, stdout: '', stderr: `error NODE_NOT_RUNNING: no node runs on ${data}\nfix: agentmesh up --data ${data}\n` }, inputs.join(' '));
  }
});

test('the help of every command has examples, and each of them is that command', async () => {
  const all = routes();
  // Everything but `up`, `doctor`, `audit verify` and the two help topics, and `sponsor create` twice.
  assert.is(all.length, examples.length - 1 + 5);
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
  assert.ok((await inside(inputs, env, 80)).stdout.startsWith('\u001b[32mverdict: allow\u001b[39m\n'));
  assert.ok((await inside(inputs, env)).stdout.startsWith('verdict: allow\n'));
  process.env['NO_COLOR'] = '1';
  assert.ok((await inside(inputs, env, 80)).stdout.startsWith('verdict: allow\n'));
  for (const line of (await inside(['agent', 'list'], env, 70)).stdout.split('\n')) assert.ok(line.length <= 70, line);
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
    ['PEER_UNREACHABLE', 1], ['PARAMS_INVALID', 2], ['TRUST_TOO_LOW', 4], ['CHAIN_WIDENED', 4], ['REVOKED', 4], ['KERNEL_DENIED', 4], ['AUDIT_FROZEN', 5], ['KEYSTORE_DAMAGED', 5],
  ];
  let next: Result<never> = fail('NONE', '');
  const { run } = await host(context, { delegate: () => Promise.resolve(next) });
  for (const [code, exit] of failures) {
    next = fail(code, 'this is why', { fix: 'do that' });
    const ended = await run('delegate', 'bob', '--from', 'alice', '--capability', 'read:x', '--json');
    assert.equal(ended, { code: exit, stdout: '', stderr: `error ${code}: this is why\nfix: do that\n` });
  }
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
  const commands = [['peers'], ['trust', 'show', 'x'], ['call', 'a', 'b:c', '--from', 'x'], ['did', 'resolve', 'x'], ['join', 'x'], ['audit', 'head'], ['peers', '--json'], ['call', 'a', 'b:c', '--from', 'x', '--json']];
  for (const inputs of commands) {
    const { stdout, stderr } = await run(...inputs);
    for (const character of ['\u001b', '\u009b', '\u202e', '\u0007']) assert.not((stdout + stderr).includes(character), inputs.join(' '));
  }
  const [shown] = JSON.parse((await run('peers', '--json')).stdout);
  assert.is(shown.name, evil);
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
