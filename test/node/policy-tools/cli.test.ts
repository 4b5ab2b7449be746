import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { isFields } from '../../../crypto/canonical.ts';
import { unwrap } from '../../../crypto/result.ts';
import { AgentIdentity, createNode, KernelSpace } from '../../../node/index.ts';
import { compilePolicy } from '../../../node/kernel/policy/load.ts';
import { hashOf } from '../../../node/kernel/snapshot.ts';
import { suite, type TestContext } from '../../harness.ts';
import { cli, inside } from '../run-cli.ts';

const test = suite('node/policy-tools/cli');

const policy = `version: "1.0"
name: analyst
rules:
  - name: trusted
    condition: "agent.trust_score >= 600"
    action: allow
  - name: no-export
    condition: "action.type == 'export' and data.contains_pii"
    action: deny
    message: personal data stays
  - name: rate
    condition: "action.type == 'api_call'"
    limit: 2/hour
`;

function file(context: TestContext, name: string, text: string): string {
  const path = join(context.folder(), name);
  writeFileSync(path, text);
  return path;
}

function lines(text: string): readonly unknown[] {
  return text.trimEnd().split('\n').map((line): unknown => JSON.parse(line));
}

function fields(value: unknown, ...names: readonly string[]): readonly unknown[] {
  return isFields(value) ? names.map((name) => value[name]) : [];
}

test('eval answers each line with one line, denies what is no request, and ends with 1 for it', async (context) => {
  const path = file(context, 'p.yaml', policy);
  const requests = [
    '{"time_ms": 0, "id": "a", "action": {"type": "export"}, "data": {"text": "ada@example.com"}, "agent": {"trust_score": 0.9}}',
    '{"time_ms": 0, "action": "export", "data": {"text": "nothing"}, "agent": {"trust_score": 900}}',
    '',
    '{"action": ',
    '[]',
    '{"action": "api_call", "agent": {"trust_score": 900}, "time_ms": 0}',
    '{"action": "api_call", "agent": {"trust_score": 900}, "time_ms": 0}',
    '{"action": "api_call", "agent": {"trust_score": 900}, "time_ms": 0}',
    '{"action": "api_call", "agent": {"trust_score": 900}, "time_ms": 1800000}',
    '{"action": "read", "agent": {"trust_score": 100}}',
  ];
  const inputs = file(context, 'in.jsonl', `${requests.join('\n')}\n`);
  const { code, stdout, stderr } = await inside(['policy', 'eval', '--policy', path, '--inputs', inputs, '--json']);
  assert.is(code, 1);
  assert.match(stderr, /2 of the lines were no request/);
  assert.equal(lines(stdout).map((line) => fields(line, 'line', 'id', 'verdict', 'rule', 'error', 'limited')), [
    [1, 'a', 'deny', 'no-export', undefined, undefined],
    [2, undefined, 'allow', 'trusted', undefined, undefined],
    [4, undefined, 'deny', null, 'REQUEST_INVALID', undefined],
    [5, undefined, 'deny', null, 'REQUEST_INVALID', undefined],
    [6, undefined, 'allow', 'trusted', undefined, undefined],
    [7, undefined, 'allow', 'trusted', undefined, undefined],
    [8, undefined, 'deny', 'rate', undefined, true],
    [9, undefined, 'allow', 'trusted', undefined, undefined],
    [10, undefined, 'deny', null, undefined, undefined],
  ]);
  const good = file(context, 'good.jsonl', `${requests[1] ?? ''}\n`);
  assert.equal(await inside(['policy', 'eval', '--policy', path, '--inputs', good]), { code: 0, stdout: '1: allow trusted: rule trusted allows because agent.trust_score >= 600\n', stderr: '' });
});

test('eval as a process reads standard input, answers before the input ends, and is not fooled by what the terminal would obey', async (context) => {
  const path = file(context, 'p.yaml', policy);
  const { code, stdout } = await cli(['policy', 'eval', '--policy', path, '--inputs', '-'], { input: '{"action": "x\\u001b[31m", "agent": {"trust_score": 1}}\nno\n' });
  assert.is(code, 1);
  assert.is(stdout.split('\n').length, 3);
  assert.not(stdout.includes('\u001b'));
});

test('a hostile line costs itself alone', async (context) => {
  const path = file(context, 'p.yaml', policy);
  const inputs = join(context.folder(), 'bad.jsonl');
  writeFileSync(inputs, Buffer.concat([
    Buffer.from(`{"action": ${'['.repeat(100_000)}${']'.repeat(100_000)}}\n`), Buffer.from(`{"action": "x", "data": "${'a'.repeat(600_000)}"}\n`), Buffer.from([0xff, 0xfe, 0x0a]),
    Buffer.from('{"__proto__": {"trust_score": 900}, "action": "read"}\n'), Buffer.from('{"action": "read", "agent": {"trust_score": "900"}}\n'), Buffer.from('{"action": "read", "agent": {"trust_score": 900}, "time_ms": -1e300}'),
  ]));
  const { code, stdout } = await inside(['policy', 'eval', '--policy', path, '--inputs', inputs, '--json']);
  assert.is(code, 1);
  assert.equal(lines(stdout).map((line) => fields(line, 'line', 'verdict', 'error')), [
    [1, 'deny', 'REQUEST_INVALID'], [2, 'deny', 'REQUEST_INVALID'], [3, 'deny', 'REQUEST_INVALID'], [4, 'deny', undefined], [5, 'deny', undefined], [6, 'allow', undefined],
  ]);
});

test('several policies of eval decide together, strict counts silence against the caller, and a bad policy ends it', async (context) => {
  const path = file(context, 'p.yaml', policy);
  const guard = file(context, 'g.yaml', 'version: "1.0"\nname: g\nkind: guard\nrules:\n  - {name: no-x, condition: "action.type == \'x\'", action: deny}\n');
  const inputs = file(context, 'in.jsonl', '{"action": "x", "agent": {"trust_score": 900}}\n{"action": "export", "agent": {"trust_score": 900}}\n');
  const both = await inside(['policy', 'eval', '--policy', path, '--policy', guard, '--inputs', inputs, '--json']);
  assert.equal(lines(both.stdout).map((line) => fields(line, 'verdict', 'rule')), [['deny', 'no-x'], ['allow', 'trusted']]);
  const strict = await inside(['policy', 'eval', '--policy', path, '--inputs', inputs, '--strict', '--json']);
  assert.equal(lines(strict.stdout).map((line) => fields(line, 'verdict', 'rule')), [['allow', 'trusted'], ['deny', 'no-export']]);
  const bad = file(context, 'bad.yaml', 'version: "1.0"\nrules:\n  - {name: a, condition: "x ==", action: deny}\n');
  const ended = await inside(['policy', 'eval', '--policy', bad, '--inputs', inputs]);
  assert.equal([ended.code, ended.stdout], [1, '']);
  assert.match(ended.stderr, /^error POLICY_INVALID: .*bad\.yaml:3:\d+: .*\nfix: /);
  assert.match((await inside(['policy', 'eval', '--policy', join(context.folder(), 'none.yaml'), '--inputs', inputs])).stderr, /^error FILE_UNREADABLE/);
});

test('explain shows the rule, the parts of its condition with what they found, and the nearest miss', async (context) => {
  const path = file(context, 'p.yaml', policy);
  const denied = await inside(['policy', 'explain', '--policy', path, '--input', '{"action": "export", "data": {"to": "ada@example.com"}, "agent": {"trust_score": 900}}']);
  assert.is(denied.code, 0);
  assert.match(denied.stdout, /^verdict +deny\nrule +no-export\n/);
  assert.match(denied.stdout, /yes no-export \(deny\) analyst:7\n {4}yes action\.type == 'export'.*\n {4}yes data\.contains_pii/);
  assert.match(denied.stdout, /yes trusted \(allow\)/);
  assert.not.match(denied.stdout, /rate/);
  const request = file(context, 'r.json', '{"action": "read", "agent": {"trust_score": 500}}');
  const missed = await inside(['policy', 'explain', '--policy', path, '--input', request, '--all']);
  assert.match(missed.stdout, /would allow +rule trusted would allow if agent\.trust_score >= 600, it is 500/);
  assert.match(missed.stdout, /no {2}rate \(limit\)/);
  const json: unknown = JSON.parse((await inside(['policy', 'explain', '--policy', path, '--input', request, '--json'])).stdout);
  assert.is(isFields(json) && Array.isArray(json['rules']) ? json['rules'].length : 0, 3);
  assert.match((await inside(['policy', 'explain', '--policy', path, '--input', '{"action"'])).stderr, /REQUEST_INVALID: the input is neither a file nor JSON/);
});

test('test runs every file of a folder, prints failures with what was decided, and fails below the coverage asked for', async (context) => {
  const folder = context.folder();
  writeFileSync(join(folder, 'p.yaml'), policy);
  writeFileSync(join(folder, 'p_test.yaml'), 'policy: p.yaml\ncases:\n  - {name: reads, request: {action: read, agent: {trust_score: 900}}, expect: allow}\n');
  const good = await inside(['policy', 'test', folder]);
  assert.equal([good.code, good.stderr], [0, '']);
  assert.match(good.stdout, /p_test\.yaml: 1 case, passed, coverage \d+(?:\.\d)? %\n1 case in 1 file, none failed\n$/);
  const bare = await inside(['policy', 'test', folder, '--coverage-min', '90']);
  assert.is(bare.code, 1);
  assert.match(bare.stdout, /analyst: no-export never held\n.*analyst: no-export: action\.type == 'export' was never true/);
  assert.match(bare.stderr, /1 file below --coverage-min 90/);
  appendFileSync(join(folder, 'p_test.yaml'), '  - {name: wrong, request: {action: read, agent: {trust_score: 1}}, expect: allow, rule: trusted}\n');
  writeFileSync(join(folder, 'q_test.yaml'), 'cases: []\n');
  const failed = await inside(['policy', 'test', folder]);
  assert.is(failed.code, 1);
  assert.match(failed.stdout, /failed .*p_test\.yaml:4: wrong\n {2}expected allow by trusted\n {2}decided {2}deny by no rule: no rule of analyst allows it/);
  assert.match(failed.stdout, /unusable .*q_test\.yaml: .*which policy is on trial/);
  const json: unknown = JSON.parse((await inside(['policy', 'test', folder, '--json'])).stdout);
  assert.equal(fields(json, 'passed', 'failed'), [false, 1]);
  assert.match((await inside(['policy', 'test', context.folder()])).stderr, /^$|POLICY_TESTS_MISSING|unusable/);
});

test('what is exported as version 1.0 decides as the template that it was made of', async (context) => {
  const template = file(context, 't.yaml', [
    'kernel: {version: "1.0", mode: strict, template: t}', 'policies:', '  - name: keys', '    deny:', "      - patterns: ['sk-[a-z]{4}', '\\bDROP\\s']", '    action: SIGKILL', '    message: "a \\"key\\""',
    '  - name: calls', '    limits: [{action: llm_call, max_per_minute: 2}]',
  ].join('\n'));
  const requests = file(context, 'in.jsonl', ['{"action": "say", "data": {"a": ["sk-abcd"]}}', '{"action": "say", "data": {"a": "drop"}}', '{"action": "say", "data": {"a": "DROP it"}}', ...Array.from({ length: 3 }, () => '{"action": "llm_call", "time_ms": 5}')].join('\n'));
  const verdicts = async (path: string): Promise<readonly unknown[]> => lines((await inside(['policy', 'eval', '--policy', path, '--inputs', requests, '--json'])).stdout).map((line) => fields(line, 'verdict', 'rule', 'signal', 'reason'));
  const before = await verdicts(template);
  assert.equal(before.map((line) => Array.isArray(line) ? line.slice(0, 3) : line), [
    ['deny', 'keys-pattern-1', 'SIGKILL'], ['allow', null, undefined], ['deny', 'keys-pattern-2', 'SIGKILL'], ['allow', null, undefined], ['allow', null, undefined], ['deny', 'calls-llm_call-max_per_minute', undefined],
  ]);
  for (const to of ['json', 'yaml']) {
    const exported = await inside(['policy', 'export', template, '--to', to]);
    assert.is(exported.code, 0, exported.stderr);
    assert.equal(await verdicts(file(context, `out.${to}`, exported.stdout)), before, to);
  }
  const cel = await inside(['policy', 'export', file(context, 'p.yaml', policy), '--to', 'cel', '--json']);
  const rules: unknown = JSON.parse(cel.stdout);
  assert.ok(Array.isArray(rules) && rules.length === 3 && rules.every((rule) => isFields(rule) && typeof rule['cel'] === 'string'));
});

function record(fields_of: object): string {
  return JSON.stringify({ kind: 'decision', agent: 'a', action: { type: 'read' }, args_hash: hashOf('x'), verdict: 'allow', code: null, rule: 'old', time_ms: 1_000, trust_score: 700, sandbox: 'none', taint: [], ...fields_of });
}

test('replay reports what a file of records would become, by rule, and what cannot be known', async (context) => {
  const path = file(context, 'p.yaml', policy);
  const records = file(context, 'events.jsonl', [
    record({}),
    JSON.stringify({ specversion: '1.0', index: '41', data: JSON.parse(record({ trust_score: 100 })) }),
    record({ action: { type: 'export' } }),
    record({ verdict: 'deny', code: 'AGENT_KILLED' }),
    record({ verdict: 'deny', code: 'KERNEL_DENIED', rule: null }),
    JSON.stringify({ kind: 'outcome' }),
    record({ agent: 'b', time_ms: 5_000 }),
  ].join('\n'));
  const { code, stdout } = await inside(['policy', 'replay', '--policy', path, '--records', records]);
  assert.is(code, 0);
  assert.match(stdout, /decisions +5\nsame +2\nlooser +1\nstricter +1\nnot known +1 \(20 %\): they hang on the payload/);
  assert.match(stdout, /not by policy +1/);
  assert.match(stdout, /looser +1 +deny +allow: trusted +5 read\n/);
  assert.match(stdout, /stricter +1 +allow: old +deny +41 read\n/);
  assert.match(stdout, /unknown +1 +allow: old +depends on: no-export +3 export\n/);
  const json: unknown = JSON.parse((await inside(['policy', 'replay', '--policy', path, '--records', records, '--json', '--agent', 'b'])).stdout);
  assert.equal(fields(json, 'decisions', 'same', 'unknown_percent'), [1, 1, 0]);
  for (const [what, exit] of [['looser', 1], ['stricter', 1], ['change', 1]] as const) assert.is((await inside(['policy', 'replay', '--policy', path, '--records', records, '--fail-on', what])).code, exit);
  assert.is((await inside(['policy', 'replay', '--policy', path, '--records', records, '--agent', 'b', '--fail-on', 'change'])).code, 0);
  assert.is((await inside(['policy', 'replay', '--policy', path, '--records', records, '--limit', '1', '--fail-on', 'change'])).code, 0);
  assert.match((await inside(['policy', 'replay', '--policy', path, '--records', file(context, 'bad.jsonl', 'x\n')])).stderr, /RECORD_INVALID: line 1/);
});

test('replay and shadow read the log of a running node, and of the same node when it is stopped', async (context) => {
  const data = join(context.folder(), 'data');
  const node = unwrap(await createNode({ data, name: 'h' }));
  context.after(() => node.stop());
  unwrap(await node.actions.createSponsor('alice', 'human'));
  const running = unwrap(compilePolicy({ version: '1.0', name: 'running', rules: [{ name: 'work', condition: "action.type in ['read', 'list']", action: 'allow' }] }));
  const candidate = unwrap(compilePolicy({ version: '1.0', name: 'candidate', mode: 'shadow', rules: [{ name: 'secrets', condition: "data.text == 'secret'", action: 'deny' }] }));
  const kernel = new KernelSpace({ policies: [running, candidate] });
  const agent = await AgentIdentity.create({ node, name: 'worker', sponsor: 'alice', capabilities: ['read:**', 'list:**'], kernel });
  const act = (type: string, text: string): Promise<unknown> => kernel.run({ agent: agent.did, action: { type, resource: 'files' }, data: { text }, effect: () => Promise.resolve(type) });
  for (const [type, text] of [['read', 'a'], ['read', 'secret'], ['list', 'b'], ['delete', 'c']] as const) await act(type, text);
  const next = file(context, 'next.yaml', 'version: "1.0"\nname: next\nrules:\n  - {name: read, condition: "action.type == \'read\'", action: allow}\n  - {name: delete, condition: "action.type == \'delete\'", action: require_approval}\n');
  const ask = async (...words: readonly string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await inside(['policy', ...words, '--data', data, '--json']);
    assert.is(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const counts = ['decisions', 'same', 'looser', 'stricter', 'unknown'];
  for (const state of ['running', 'stopped']) {
    if (state === 'stopped') await node.stop();
    const report = await ask('replay', '--policy', next, '--agent', agent.did);
    assert.equal(fields(report, ...counts), [4, 2, 1, 1, 0], state);
    const shadows = await ask('shadow');
    const [only] = Array.isArray(shadows) ? shadows : [];
    assert.equal(fields(only, 'policy', 'stricter', 'looser'), ['candidate', 1, 0], state);
  }
  assert.match((await inside(['policy', 'replay', '--policy', next, '--data', context.folder()])).stderr, /^error NODE_NOT_RUNNING/);
}, { ms: 60_000 });

test('what the help of policy test shows is a test file that can be used', async (context) => {
  const { stdout } = await inside(['policy', 'test', '--help']);
  const shown = stdout.split('\n').filter((line) => /^ {2}(?: {2}|policy:|strict:|cases:)/.test(line) && !line.includes('agentmesh') && !line.includes('--'));
  const folder = context.folder();
  writeFileSync(join(folder, 'analyst.yaml'), policy.replace('no-export', 'no-pii-export').replace('personal data stays', 'personal data').replace('2/hour', '100/hour'));
  writeFileSync(join(folder, 'shown_test.yaml'), shown.slice(shown.findIndex((line) => line.includes('policy:'))).join('\n'));
  assert.ok(existsSync(join(folder, 'shown_test.yaml')));
  const ended = await inside(['policy', 'test', folder]);
  assert.is(ended.code, 0, `${ended.stdout}\n${readFileSync(join(folder, 'shown_test.yaml'), 'utf8')}`);
  assert.match(ended.stdout, /2 cases in 1 file, none failed/);
});

test('the policies of the examples can be tried from the command line', async () => {
  const folder = fileURLToPath(new URL('../../../examples/policies/', import.meta.url));
  const ended = await inside(['policy', 'test', folder, '--coverage-min', '100']);
  assert.is(ended.code, 0, ended.stdout);
});

test.run();
