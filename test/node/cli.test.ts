import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { WriteStream } from 'node:tty';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { concat, utf8 } from '../../crypto/bytes.ts';
import { cosign, logOrigin, signCheckpoint, witnessName } from '../../crypto/checkpoint.ts';
import { signingKey } from '../../crypto/keys.ts';
import { leafHash, nodeHash } from '../../crypto/merkle.ts';
import { signature_type_log, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import type { Screen } from '../../node/cli/context.ts';
import { application, main } from '../../node/cli/main.ts';
import { exitCodeOf } from '../../node/cli/exit.ts';
import { fraction, lifetime, wholeNumber } from '../../node/cli/flags.ts';
import { details, table } from '../../node/cli/view/table.ts';
import { bytesText, distanceTo, duration, jsonText, moment, shellWord, shortId, visible } from '../../node/cli/view/text.ts';
import { commitment, encodeDisclosure, encodeEntry } from '../../storage/audit-entry.ts';
import { formatProof } from '../../crypto/tlog-proof.ts';
import { serveControl } from '../../node/control/server.ts';
import { controlSocketPath } from '../../node/control/socket.ts';
import { suite, type TestContext } from '../harness.ts';
import { did, fakeMethods, values, type Answers } from './fake-methods.ts';

const test = suite('node/cli');
const launch = fileURLToPath(new URL('../../node/cli/launch.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly node?: string;
  readonly node_flags?: readonly string[];
  readonly program?: string;
}

async function cli(inputs: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { node = process.execPath, node_flags = [], program = launch, input = '' } = options;
  const child = spawn(node, [...node_flags, program, ...inputs], { env: { ...process.env, NO_COLOR: '1', ...options.env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); });
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code]: unknown[] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, stdout, stderr };
}

/** Runs the command line in this process, which saves the start of another one; `columns` makes stdout a terminal. */
async function inside(inputs: readonly string[], env: NodeJS.ProcessEnv = {}, columns?: number): Promise<Ended> {
  const texts = { stdout: '', stderr: '' };
  const screen = (name: 'stdout' | 'stderr'): Screen => {
    const stream = new PassThrough();
    stream.on('data', (chunk: Buffer) => { texts[name] += chunk.toString(); });
    return columns === undefined ? stream : Object.assign(stream, { isTTY: true, columns, getColorDepth: WriteStream.prototype.getColorDepth });
  };
  const host: Parameters<typeof main>[1] = { stdout: screen('stdout'), stderr: screen('stderr'), env };
  await main(inputs, host);
  return { code: Number(host.exitCode), ...texts };
}

/** The words of every command. */
function routes(): readonly (readonly string[])[] {
  const walk = (target: unknown, words: readonly string[]): readonly (readonly string[])[] => {
    if (typeof target !== 'object' || target === null || !('getAllEntries' in target) || typeof target.getAllEntries !== 'function') return [words];
    const entries: readonly { name: { original: string }; target: unknown }[] = target.getAllEntries();
    return entries.flatMap((entry) => walk(entry.target, [...words, entry.name.original]));
  };
  return walk(application().root, []);
}

/** Serves fake methods on a data folder of the test and returns how to run the command line against it. */
async function host(context: TestContext, answers: Answers = {}): Promise<{
  readonly data: string;
  readonly asked: { method: string; params: unknown }[];
  run(...inputs: string[]): Promise<Ended>;
}> {
  const data = context.folder();
  const { methods, asked } = fakeMethods(answers);
  const server = unwrap(await serveControl({ socket_path: controlSocketPath(data), methods, recorder: { record: () => undefined } }));
  context.after(() => server.close());
  return { data, asked, run: (...inputs) => inside(inputs, { AGENTMESH_DATA: data }) };
}

interface Example {
  readonly inputs: readonly string[];
  readonly method: keyof typeof values;
  readonly params: unknown;
  readonly shows: readonly RegExp[];
}

const examples: readonly Example[] = [
  { inputs: ['status'], method: 'status', params: {}, shows: [/host-a/, new RegExp(did), /1 entry, 1 under a head with 2 cosignatures/, /50 MiB/] },
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
  { inputs: ['trust', 'show', 'bob', '--observer', 'analyst'], method: 'trust.show', params: { subject: 'bob', observer: 'analyst' }, shows: [/^720 of 1000 {2}trusted/, /82 %/, / \+140 +direct/, / -20 +endorsement +did:mesh:bafkre…52zy/] },
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
  const kept = { NO_COLOR: process.env['NO_COLOR'], FORCE_COLOR: process.env['FORCE_COLOR'], TERM: process.env['TERM'] };
  context.after(() => {
    for (const [name, value] of Object.entries(kept)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  delete process.env['NO_COLOR'];
  delete process.env['FORCE_COLOR'];
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

test('exit codes of failures that differ by a hair', () => {
  assert.is(exitCodeOf({ code: 'POLICY_INVALID' }), 1);
  assert.is(exitCodeOf({ code: 'TRUST_INVALID' }), 1);
  assert.is(exitCodeOf({ code: 'SPONSOR_UNKNOWN' }), 1);
  assert.is(exitCodeOf({ code: 'SPONSOR_WITHDRAWN' }), 4);
  assert.is(exitCodeOf({ code: 'REVOKED' }), 4);
  assert.is(exitCodeOf({ code: 'STORE_LOCKED' }), 1);
  assert.is(exitCodeOf({ code: 'STORE_UNREADABLE' }), 5);
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

/** A log of three entries with its head cosigned by one witness: the proof of entry 1, and the policy that believes that witness. */
function provenLog(): { readonly proof: Uint8Array; readonly policy: string; readonly without_entry: Uint8Array; readonly other_entry: Uint8Array } {
  const log_key = signingKey(new Uint8Array(32).fill(1));
  const witness_key = signingKey(new Uint8Array(32).fill(2));
  const salt = new Uint8Array(32).fill(3);
  const payload = utf8('{"verdict":"allow"}');
  const entries = [0, 1, 2].map((index) => encodeEntry({ kind: 'event', time_ms: 1_700_000_000_000 + index, body: commitment(salt, payload) }));
  const [left, middle, right] = entries.map((entry) => leafHash(entry));
  if (left === undefined || middle === undefined || right === undefined) throw new Error('three leaves');
  const origin = logOrigin(did, log_key.public_key);
  const checkpoint = { origin, size: 3, root: nodeHash(nodeHash(left, middle), right) };
  const name = witnessName(did, witness_key.public_key);
  const note = concat(signCheckpoint(log_key, checkpoint), utf8(`${cosign(witness_key, name, checkpoint, 1_700_000_100)}\n`));
  const [first = new Uint8Array(), second = new Uint8Array()] = entries;
  const proofOf = (extra?: Uint8Array): Uint8Array => formatProof({ ...(extra === undefined ? {} : { extra }), index: 1, hashes: [left, right], checkpoint: note });
  return {
    proof: proofOf(encodeDisclosure({ entry: second, opened: { salt, payload } })),
    without_entry: proofOf(),
    other_entry: proofOf(encodeDisclosure({ entry: first })),
    policy: `log ${verifierKey(origin, signature_type_log, log_key.public_key)}\nwitness w ${verifierKey(name, signature_type_witness, witness_key.public_key)}\nquorum w\n`,
  };
}

test('verify holds a proof against a policy with no node running, and refuses every change', async (context) => {
  const folder = context.folder();
  const { proof, policy, without_entry, other_entry } = provenLog();
  const verify = (proof_bytes: Uint8Array, policy_text: string, ...more: string[]): Promise<Ended> => {
    writeFileSync(join(folder, 'proof'), proof_bytes);
    writeFileSync(join(folder, 'policy'), policy_text);
    return inside(['audit', 'verify', '--proof', join(folder, 'proof'), '--policy', join(folder, 'policy'), '--data', join(folder, 'none'), ...more]);
  };
  const verified = await verify(proof, policy);
  assert.is(verified.code, 0, verified.stderr);
  assert.match(verified.stdout, /^verified\nlog +did:mesh:.*\nentry +1 of 3\n.*\ncosignatures +1\nkind +event\ntime +2023-11-14 22:13:20Z\npayload +\{"verdict":"allow"\}\n$/);
  const { payload, index, size } = JSON.parse((await verify(proof, policy, '--json')).stdout);
  assert.equal([payload, index, size], ['{"verdict":"allow"}', 1, 3]);
  const other_witness = verifierKey('other', signature_type_witness, signingKey(new Uint8Array(32).fill(9)).public_key);
  const refusals: readonly (readonly [bytes: Uint8Array, policy: string, code: string])[] = [
    [other_entry, policy, 'PROOF_INVALID'],
    [without_entry, policy, 'PROOF_WITHOUT_ENTRY'],
    [proof, policy.replace(/^witness.*$/m, `witness w ${other_witness}`), 'QUORUM_MISSING'],
    [proof, policy.replace(/^log.*\n/, ''), 'LOG_UNKNOWN'],
    [proof, 'quorum\n', 'POLICY_INVALID'],
    [utf8('garbage'), policy, 'TLOG_PROOF_INVALID'],
  ];
  for (const [bytes, text, code] of refusals) {
    const refused = await verify(bytes, text);
    assert.equal([refused.code, refused.stdout], [1, ''], code);
    assert.match(refused.stderr, new RegExp(`^error ${code}: `));
  }
  for (let at = 0; at < proof.length; at += 7) {
    const changed = Uint8Array.from(proof);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.is.not((await verify(changed, policy)).code, 0, `byte ${at}`);
  }
});

test('verify without a policy asks the running node', async (context) => {
  const { data, run, asked } = await host(context);
  writeFileSync(join(data, 'proof'), 'the proof\n');
  const ended = await run('audit', 'verify', '--proof', join(data, 'proof'));
  assert.match(ended.stdout, /^verified\n.*\nentry +12 of 42\n/);
  assert.equal(asked, [{ method: 'audit.verify', params: { proof: 'the proof\n' } }]);
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

test('a reader that goes away is no failure', async () => {
  const child = spawn('sh', ['-c', `'${process.execPath}' '${launch}' --help 2>&1 | true`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  const [code]: unknown[] = await once(child, 'close');
  assert.equal([code, output], [0, '']);
});

interface Up {
  readonly ended: Promise<Ended & { signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when stdout matches. */
  seen(pattern: RegExp): Promise<void>;
}

function up(behaviour: string, options: { readonly flags?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {}): Up {
  const program = fileURLToPath(new URL('./fake-up.ts', import.meta.url));
  const child = spawn(process.execPath, [program, behaviour, ...options.flags ?? []], { env: { ...process.env, NO_COLOR: '1', ...options.env } });
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => ({ code: typeof code === 'number' ? code : null, signal: signal === null ? null : child.signalCode, stdout, stderr }));
  const waiting: (() => void)[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    for (const check of waiting) check();
  });
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    seen: (pattern) => new Promise((resolve) => {
      const check = (): void => { if (pattern.test(stdout)) resolve(); };
      waiting.push(check);
      check();
    }),
  };
}

test('up prints how to reach the node, and stops it at a signal', async () => {
  await Promise.all((['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(async (signal) => {
    const running = up('plain');
    await running.seen(/Ctrl-C/);
    running.kill(signal);
    const { code, stdout, stderr } = await running.ended;
    assert.equal([code, stderr], [0, '']);
    assert.match(stdout, /node +did:mesh:bexample\npeer id +12D3KooWExample\nlistening +\/ip4\/127\.0\.0\.1\/tcp\/4001\/p2p\/12D3KooWExample\ndata +\/data\n/);
    assert.match(stdout, /\n {2}agentmesh up --data <other folder> --listen \/ip4\/127\.0\.0\.1\/tcp\/0 --join \/ip4\/127\.0\.0\.1\/tcp\/4001\/p2p\/12D3KooWExample\n/);
    assert.match(stdout, /only this host can reach it.*\n {2}agentmesh up --listen \/ip4\/0\.0\.0\.0\/tcp\/4001\n/);
    assert.match(stdout, /not protected by a passphrase/);
    assert.ok(stdout.endsWith('\nstopped\n'));
  }));
});

test('up of a reachable, protected or frozen node says so', async () => {
  const [reachable, guarded, frozen] = await Promise.all(['reachable', 'protected', 'frozen'].map(async (behaviour) => {
    const running = up(behaviour);
    await running.seen(/Ctrl-C/);
    running.kill('SIGTERM');
    return (await running.ended).stdout;
  }));
  assert.match(reachable ?? '', /to join it from another host:\n {2}agentmesh up --join \/ip4\/192\.0\.2\.7\/tcp\/4001\/p2p\/12D3KooWExample\n/);
  assert.not.match(reachable ?? '', /only this host/);
  assert.not.match(guarded ?? '', /passphrase/);
  assert.match(frozen ?? '', /\nthe audit log is frozen: AUDIT_FROZEN: entry 7 was changed\\u001b\[2J\nfix: agentmesh doctor\n/);
});

test('up --json prints JSON lines alone', async () => {
  const running = up('frozen', { flags: ['--json'] });
  await running.seen(/\n/);
  running.kill('SIGTERM');
  const lines = (await running.ended).stdout.trim().split('\n').map((line): { kind: string; frozen?: { code: string } } => JSON.parse(line));
  assert.equal(lines.map(({ kind }) => kind), ['up', 'stopped']);
  assert.is(lines[0]?.frozen?.code, 'AUDIT_FROZEN');
});

test('one key press delivered twice stops cleanly; a later second one ends a stuck node at once', async () => {
  const twice = up('plain');
  await twice.seen(/Ctrl-C/);
  twice.kill('SIGINT');
  twice.kill('SIGINT');
  assert.is((await twice.ended).code, 0);
  const stuck = up('stuck');
  await stuck.seen(/Ctrl-C/);
  stuck.kill('SIGINT');
  await new Promise((resolve) => { setTimeout(resolve, 700); });
  stuck.kill('SIGINT');
  assert.is((await stuck.ended).code, 130);
});

test('a node that stops by itself ends up, and one that leaves something open is told on', async () => {
  const by_itself = await up('stops-itself').ended;
  assert.equal([by_itself.code, by_itself.stdout.endsWith('\nstopped\n')], [0, true]);
  const leaking = up('leaking');
  await leaking.seen(/Ctrl-C/);
  leaking.kill('SIGTERM');
  const { code, stderr } = await leaking.ended;
  assert.equal([code, stderr], [1, 'error HANDLE_LEFT: something was still open after the node had stopped\n']);
});

test('up hands over its configuration, and takes the passphrase out of the environment', async (context) => {
  const path = join(context.folder(), 'passphrase');
  writeFileSync(path, 'correct horse\n', { mode: 0o600 });
  const from_file = up('config', { env: { PASSPHRASE_FILE: path } });
  await from_file.seen(/Ctrl-C/);
  from_file.kill('SIGTERM');
  const config = JSON.parse((await from_file.ended).stdout.split('\n')[0] ?? '');
  assert.equal(config, { data: '/data', listen: ['/ip4/127.0.0.1/tcp/4001'], mdns: false, passphrase: 'correct horse', environment: null });
  const from_environment = up('config', { env: { AGENTMESH_PASSPHRASE: 'battery staple' } });
  await from_environment.seen(/Ctrl-C/);
  from_environment.kill('SIGTERM');
  const first_line = JSON.parse((await from_environment.ended).stdout.split('\n')[0] ?? '');
  assert.equal([first_line.passphrase, first_line.environment], ['battery staple', null]);
  chmodSync(path, 0o644);
  assert.match((await up('config', { env: { PASSPHRASE_FILE: path } }).ended).stdout, /"PASSPHRASE_EXPOSED","fix":"chmod 600 /);
  assert.is((await up('taken').ended).stdout, '{"code":"ADDRESS_IN_USE","fix":"agentmesh up --listen /ip4/127.0.0.1/tcp/0"}\n');
});

/** A Node in the PATH that is too old for the program, if there is one. */
function oldNode(): string | undefined {
  return (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node')).find((path) => {
    try {
      return existsSync(path) && statSync(path).isFile() && Number(execFileSync(path, ['--version']).toString().slice(1).split('.')[0]) < 22;
    } catch {
      return false;
    }
  });
}

const old_node = oldNode();
if (old_node === undefined) test.skip('an old Node hands over to the one that a clone brings', 'no old Node in the PATH');
else {
  test('an old Node hands over to the one that a clone brings, or says what to install', async (context) => {
    assert.match((await cli(['help', 'exit-codes'], { node: old_node })).stdout, /^0 {2}it worked/);
    assert.is((await cli(['stauts'], { node: old_node })).code, 2);
    const alone = join(context.folder(), 'node', 'cli');
    mkdirSync(alone, { recursive: true });
    writeFileSync(join(alone, 'package.json'), '{"type":"module"}');
    copyFileSync(launch, join(alone, 'launch.js'));
    const ended = await cli(['status'], { node: old_node, program: join(alone, 'launch.js') });
    assert.is(ended.code, 1);
    assert.match(ended.stderr, /^error NODE_TOO_OLD: agentmesh needs Node 22\.18 or newer, this is .*\nfix: install Node 24/);
  });
}

test('without sources beside it, the launcher loads the built program', async (context) => {
  const root = context.folder();
  mkdirSync(join(root, 'node', 'cli'), { recursive: true });
  mkdirSync(join(root, 'dist', 'node', 'cli'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  copyFileSync(launch, join(root, 'node', 'cli', 'launch.js'));
  writeFileSync(join(root, 'dist', 'node', 'cli', 'main.js'), 'export function main(inputs, host) { console.log(JSON.stringify(inputs)); host.exitCode = 7; }');
  const ended = await cli(['a', '--b'], { program: join(root, 'node', 'cli', 'launch.js') });
  assert.equal(ended, { code: 7, stdout: '["a","--b"]\n', stderr: '' });
});

test('values read well', () => {
  assert.equal([0, 840, 12_000, 65_000, 3_600_000, 7_500_000, 200_000_000].map(duration), ['0 ms', '840 ms', '12 s', '1 min 5 s', '1 h', '2 h 5 min', '2 d 7 h']);
  assert.equal([distanceTo(5000, 1000), distanceTo(1000, 5000)], ['in 4 s', '4 s ago']);
  assert.equal([moment(0), moment(Number.NaN)], ['1970-01-01 00:00:00Z', 'NaN']);
  assert.equal([0, 1023, 1536, 52_428_800].map(bytesText), ['0 B', '1023 B', '1.5 KiB', '50 MiB']);
  assert.equal([shortId(did), shortId('did:mesh:short'), shortId('12D3KooWAbCdEfGhIj')], ['did:mesh:bafkre…52zy', 'did:mesh:short', '12D3Ko…GhIj']);
  assert.equal([visible('a\tb\u2028'), jsonText('\u0085'), shellWord("it's")], ['a\\u0009b\\u2028', '"\\u0085"', `'it'\\''s'`]);
  assert.equal([lifetime('90s'), lifetime('7d'), fraction('0.8'), fraction('1'), wholeNumber('12')], [90, 604_800, 0.8, 1, 12]);
  for (const wrong of ['', '-1', '1.1', '0x1', 'Infinity', '1e1']) {
    assert.throws(() => fraction(wrong), /expected/);
    assert.throws(() => lifetime(wrong), /expected/);
    assert.throws(() => wholeNumber(wrong), /expected/);
  }
});

test('a table fits the width: cells are cut, and where that is not enough, rows become lists', () => {
  const columns = [{ title: 'NAME' }, { title: 'SIZE', right: true }, { title: 'TEXT' }];
  const rows = [['analyst', '7', 'a long text that goes on and on'], ['b', '1234', 'short']];
  assert.equal(table(columns, rows, Number.POSITIVE_INFINITY), ['NAME     SIZE  TEXT', 'analyst     7  a long text that goes on and on', 'b        1234  short']);
  for (let width = 26; width < 60; width += 1) {
    for (const line of table(columns, rows, width)) assert.ok(line.length <= width, `${width}: ${line}`);
  }
  assert.equal(table(columns, rows, 26), ['NAME     SIZE  TEXT', 'analyst     7  a long tex…', 'b        1234  short']);
  assert.equal(table(columns, [['b', '1234', 'short']], 10), ['name  b', 'size  1234', 'text  short']);
  assert.equal(details([['a', '1'], ['longer', undefined], ['bcd', '2']]), ['a    1', 'bcd  2']);
});

test.run();
