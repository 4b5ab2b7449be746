import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import * as assert from 'uvu/assert';
import { isFields } from '../../crypto/canonical.ts';
import { lineTaken } from '../../node/cli/context.ts';
import { suite, type TestContext } from '../harness.ts';
import { inside } from './run-cli.ts';

const test = suite('node/cli-policy-check');

const sound = `version: "1.0"
name: reports
rules:
  - name: readers
    condition: "action.type == 'read' and agent.trust_score >= 600"
    action: allow
  - name: no-export
    condition: "data.contains_pii"
    action: deny
  - name: slowly
    condition: "action.type == 'read'"
    limit: 10/minute
`;

function files(context: TestContext, texts: { readonly [name: string]: string }): (name: string) => string {
  const folder = context.folder();
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
  return (name) => join(folder, name);
}

function parsed(text: string): { readonly [name: string]: unknown } {
  const value: unknown = JSON.parse(text);
  return isFields(value) ? value : {};
}

test('check of a sound file finds nothing and ends with 0', async (context) => {
  const path = files(context, { 'a.yaml': sound });
  assert.equal(await inside(['policy', 'check', path('a.yaml')]), { code: 0, stdout: `${path('a.yaml')}: 3 rules, nothing found\n`, stderr: '' });
});

test('check looks through a folder and leaves tests to those who run them', async (context) => {
  const folder = context.folder();
  writeFileSync(join(folder, 'sound.yaml'), sound);
  writeFileSync(join(folder, 'sound_test.yaml'), 'policy: sound.yaml\ntests: []\n');
  const ended = await inside(['policy', 'check', folder]);
  assert.equal([ended.code, ended.stdout.split('\n').length - 1, ended.stderr], [0, 1, '1 file of tests left out: agentmesh policy test\n']);
  const alone = await inside(['policy', 'check', join(folder, 'sound_test.yaml')]);
  assert.is(alone.code, 1);
  assert.match(alone.stderr, /^error POLICY_MISSING: [^\n]*\nfix: these are tests of policies: agentmesh policy test /);
});

test('a reader that went away ends what is written to it', async () => {
  const screen = new PassThrough({ highWaterMark: 8 });
  const waiting = lineTaken(screen, 'a line that is too long to be taken at once');
  screen.destroy();
  assert.is(await waiting, false);
  assert.is(await lineTaken(screen, 'another'), false);
  const read = new PassThrough({ highWaterMark: 8 });
  const held = lineTaken(read, 'a line that is too long to be taken at once');
  read.resume();
  assert.is(await held, true);
  assert.equal(['drain', 'close', 'error'].map((event) => read.listenerCount(event)), [0, 0, 0]);
});

test('check names file, line and column, what is wrong and what to write; errors end with 1, warnings only with --strict', async (context) => {
  const path = files(context, {
    'dead.yaml': sound.replace('data.contains_pii', "action.type == 'a' and action.type == 'b'"),
    'loose.yaml': sound.replace('>= 600', '>= 0.6'),
    'broken.yaml': sound.replace('action: deny', 'action: forbid'),
  });
  const dead = await inside(['policy', 'check', path('dead.yaml')]);
  assert.is(dead.code, 1);
  assert.is(dead.stdout, `${path('dead.yaml')}:7:5: error RULE_NEVER_MATCHES rule no-export never matches: action.type == 'a' and action.type == 'b' contradict each other\n  fix: mend the condition, or remove the rule\n`);
  const loose = await inside(['policy', 'check', path('loose.yaml')]);
  assert.is(loose.code, 0);
  assert.match(loose.stdout, /loose\.yaml:4:5: warning POLICY_REMARK .*600.*0 to 1000\n {2}fix: /);
  assert.is((await inside(['policy', 'check', path('loose.yaml'), '--strict'])).code, 1);
  const both = await inside(['policy', 'check', path('broken.yaml'), path('loose.yaml')]);
  assert.is(both.code, 1);
  assert.match(both.stdout, /broken\.yaml:9:\d+: error POLICY_INVALID (?!.*broken\.yaml).*forbid.*\n {2}fix: use one of allow, deny/);
  assert.match(both.stdout, /loose\.yaml/);
});

test('check --json holds the same, with a request that shows it', async (context) => {
  const path = files(context, { 'a.yaml': sound.replace('data.contains_pii', 'agent.trust_score > 5 and agent.trust_score < 3') });
  const { code, stdout } = await inside(['policy', 'check', path('a.yaml'), '--json']);
  assert.is(code, 1);
  const { files: checked } = parsed(stdout);
  assert.ok(Array.isArray(checked));
  const [file] = checked;
  assert.ok(isFields(file) && Array.isArray(file['findings']));
  const [finding] = file['findings'];
  assert.ok(isFields(finding));
  assert.equal([file['policy'], file['rules'], finding['code'], finding['severity'], finding['rule'], finding['line'], finding['column']], ['reports', 3, 'RULE_NEVER_MATCHES', 'error', 'no-export', 7, 5]);
  const shown = await inside(['policy', 'eval', '--policy', path('a.yaml'), '--inputs', files(context, { 'in.jsonl': JSON.stringify(finding['request']) })('in.jsonl'), '--json']);
  assert.equal([parsed(shown.stdout)['effect'] ?? parsed(shown.stdout)['verdict'], parsed(shown.stdout)['rule']], ['deny', 'no-export']);
});

test('check --narrows proves that a child allows no more than its parent, or shows what it does', async (context) => {
  const path = files(context, {
    'parent.yaml': sound,
    'child.yaml': sound.replace('>= 600', '>= 700').replace('10/minute', '5/minute'),
    'wider.yaml': sound.replace('>= 600', '>= 500'),
    'faster.yaml': sound.replace('10/minute', '20/minute'),
    'broken.yaml': 'version: "1.0"\nrules: 7\n',
  });
  const proven = await inside(['policy', 'check', path('child.yaml'), '--narrows', path('parent.yaml')]);
  assert.equal([proven.code, proven.stdout.split('\n')[1]], [0, `${path('child.yaml')}: proven: it allows nothing that ${path('parent.yaml')} does not`]);
  const wider = await inside(['policy', 'check', path('wider.yaml'), '--narrows', path('parent.yaml')]);
  assert.is(wider.code, 1);
  assert.match(wider.stdout, /widens: it allows what/);
  assert.match(wider.stdout, /deny → allow limited to 10 per 1 min\n {2}request {2}\{.*"trust_score":500/);
  const faster = await inside(['policy', 'check', path('faster.yaml'), '--narrows', path('parent.yaml'), '--json']);
  assert.is(faster.code, 1);
  assert.match(faster.stdout, /"answer": "widens"/);
  const unusable = await inside(['policy', 'check', path('child.yaml'), '--narrows', path('broken.yaml')]);
  assert.equal([unusable.code, unusable.stdout], [1, '']);
  assert.match(unusable.stderr, /^error POLICY_INVALID: .*broken\.yaml:2:/);
});

test('diff prints a request for which the versions differ, which both files really decide so; its exit code says which it is', async (context) => {
  const path = files(context, {
    'old.yaml': sound,
    'same.yaml': sound.replace("action.type == 'read' and agent.trust_score >= 600", "not (agent.trust_score < 600 or action.type != 'read') and has(agent.trust_score)").replace('reports', 'renamed'),
    'new.yaml': sound.replace('>= 600', '>= 601').replace('10/minute', '5/minute'),
    'open.yaml': sound.replace('data.contains_pii', "matches(action.resource, '(a|b)+c')"),
    'open2.yaml': sound.replace('data.contains_pii', "matches(action.resource, '(b|a)+c')"),
  });
  assert.equal(await inside(['policy', 'diff', path('old.yaml'), path('same.yaml')]), { code: 0, stdout: 'equal: both decide the same about every request\n', stderr: '' });
  const differs = await inside(['policy', 'diff', path('old.yaml'), path('new.yaml')]);
  assert.is(differs.code, 1);
  assert.match(differs.stdout, /^allow limited to 10 per 1 min → deny\n {2}request {2}\{"action":\{"type":"read"\},"agent":\{"trust_score":600[^}]*\}\}\n {2}old {6}allow, by rule readers: .*\n {2}new {6}deny, by no rule: .*\n {2}try {6}agentmesh policy explain --policy \S+ --input '/);
  assert.match(differs.stdout, /\nallow limited to 10 per 1 min → allow limited to 5 per 1 min\n/);
  const json = parsed((await inside(['policy', 'diff', path('old.yaml'), path('new.yaml'), '--json'])).stdout);
  assert.ok(json['answer'] === 'different' && json['complete'] === true && Array.isArray(json['differences']));
  const [first]: unknown[] = json['differences'];
  assert.ok(isFields(first) && isFields(first['old']) && isFields(first['new']));
  for (const [name, side] of [['old.yaml', first['old']], ['new.yaml', first['new']]] as const) {
    const input = files(context, { 'in.jsonl': JSON.stringify(first['request']) })('in.jsonl');
    const decided = parsed((await inside(['policy', 'eval', '--policy', path(name), '--inputs', input, '--json'])).stdout);
    assert.is(decided['effect'] ?? decided['verdict'], side['effect']);
  }
  const open = await inside(['policy', 'diff', path('open.yaml'), path('open2.yaml')]);
  assert.is(open.code, 2);
  assert.match(open.stdout, /^not proven: there may be differences that could not be decided/);
  const unusable = await inside(['policy', 'diff', path('old.yaml'), path('none.yaml')]);
  assert.equal([unusable.code, unusable.stdout], [2, '']);
  assert.match(unusable.stderr, /^error FILE_UNREADABLE: .*\nfix: /);
});

test('diff tells settings apart that decide about no single request', async (context) => {
  const path = files(context, { 'a.yaml': sound, 'b.yaml': sound.replace('rules:', 'mode: shadow\nrules:') });
  const { code, stdout } = await inside(['policy', 'diff', path('a.yaml'), path('b.yaml')]);
  assert.equal([code, stdout], [1, 'mode: "enforce" → "shadow"\n']);
});

test('what a file says cannot move the cursor', async (context) => {
  const path = files(context, { 'a.yaml': sound.replace('name: no-export', 'name: "no\\e[2J"').replace('data.contains_pii', 'false') });
  const { stdout } = await inside(['policy', 'check', path('a.yaml')]);
  assert.match(stdout, /no\\u001b\[2J never matches/);
  assert.not.ok(stdout.includes('\u001b'));
});

test.run();
