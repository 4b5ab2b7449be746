import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { unwrap } from '../../../crypto/result.ts';
import { readPolicy } from '../../../node/cli/policy-files.ts';
import { readTests } from '../../../node/policy-tools/test-file.ts';
import { runTests, type TestReport } from '../../../node/policy-tools/test-run.ts';
import { suite } from '../../harness.ts';

const test = suite('node/policy-tools/test-run');

const policy = `version: "1.0"
name: p
rules:
  - name: read
    condition: "action.type == 'read' and agent.trust_score >= 500"
    action: allow
  - name: no-export
    condition: "action.type == 'export' or data.secret"
    action: deny
  - name: rate
    condition: "action.type == 'read'"
    limit: 3/minute
`;

async function run(folder: string, cases: string): Promise<TestReport> {
  writeFileSync(join(folder, 'p.yaml'), policy);
  return unwrap(await runTests(join(folder, 'p_test.yaml'), `policy: p.yaml\ncases:\n${cases}`, readPolicy));
}

const trusted = 'request: {action: read, agent: {trust_score: 900}}';

test('cases pass when verdict, rule and reason are as expected, and say what was decided when not', async ({ folder }) => {
  const { cases } = await run(folder(), [
    `  - {name: reads, ${trusted}, expect: allow, rule: read}`,
    '  - {name: exports, request: {action: export}, expect: deny, rule: no-export, reason: export}',
    '  - {name: silence, request: {action: other}, expect: deny, rule: null}',
    `  - {name: wrong verdict, ${trusted}, expect: deny}`,
    '  - {name: wrong rule, request: {action: export}, expect: deny, rule: read}',
    '  - {name: a rule where none decides, request: {action: other}, expect: deny, rule: no-export}',
    '  - {name: no rule where one decides, request: {action: export}, expect: deny, rule: null}',
    '  - {name: wrong reason, request: {action: export}, expect: deny, reason: weather}',
  ].join('\n'));
  assert.equal(cases.map(({ passed }) => passed), [true, true, true, false, false, false, false, false]);
  assert.equal(cases.map(({ line }) => line), [3, 4, 5, 6, 7, 8, 9, 10]);
  assert.equal([cases[3]?.verdict, cases[3]?.rule], ['allow', 'read']);
  assert.match(cases[4]?.reason ?? '', /rule no-export denies/);
});

test('repeat, after and at count from nothing in every case', async ({ folder }) => {
  const { cases } = await run(folder(), [
    `  - {name: three pass, ${trusted}, repeat: 3, expect: allow}`,
    `  - {name: three pass again, ${trusted}, repeat: 3, expect: allow}`,
    `  - {name: four do not, ${trusted}, repeat: 4, expect: allow}`,
    `  - {name: the fourth waits, ${trusted}, after: 3, expect: deny, rule: rate}`,
    `  - {name: not long enough, ${trusted}, after: 3, at: 19s, expect: deny, rule: rate}`,
    `  - {name: long enough, ${trusted}, after: 3, at: 20s, expect: allow}`,
  ].join('\n'));
  assert.equal(cases.map(({ passed }) => passed), [true, true, false, true, true, true]);
  assert.is(cases[2]?.request, 4);
});

test('coverage counts rules that held and both sides of each part', async ({ folder }) => {
  const one = (await run(folder(), `  - {name: a, ${trusted}, expect: allow}`)).coverage;
  assert.equal(one.rules.map(({ rule, held }) => [rule, held]), [['read', true], ['no-export', false], ['rate', true]]);
  // Three rules and four parts: 11 points. Seen: two rules; both parts of read true, the whole of no-export false, that of rate true.
  assert.equal([one.seen, one.points, one.percent], [6, 11, 54.5]);
  const all = (await run(folder(), [
    `  - {name: a, ${trusted}, expect: allow}`,
    '  - {name: b, request: {action: export, agent: {trust_score: 1}}, expect: deny}',
  ].join('\n'))).coverage;
  assert.equal([all.seen, all.percent], [11, 100]);
});

const bad: readonly [string, string, number, RegExp][] = [
  ['no mapping', '- a\n', 1, /a mapping/],
  ['no YAML', 'policy: "p\n', 2, /not YAML/],
  ['no policy', 'cases:\n  - {name: a, request: {}, expect: deny}\n', 1, /which policy/],
  ['no cases', 'policy: p.yaml\n', 1, /no list of cases/],
  ['empty cases', 'policy: p.yaml\ncases: []\n', 2, /no list of cases/],
  ['an unknown key', 'policy: p.yaml\nmode: x\ncases: []\n', 2, /"mode" has no meaning/],
  ['an unknown key of a case', 'policy: p.yaml\ncases:\n  - name: a\n    request: {}\n    expect: deny\n    expects: allow\n', 6, /"expects" has no meaning/],
  ['no name', 'policy: p.yaml\ncases:\n  - {request: {}, expect: deny}\n', 3, /no name/],
  ['no expectation', 'policy: p.yaml\ncases:\n  - {name: a, request: {}}\n', 3, /missing/],
  ['another expectation', 'policy: p.yaml\ncases:\n  - name: a\n    request: {}\n    expect: maybe\n', 5, /"maybe"/],
  ['no request', 'policy: p.yaml\ncases:\n  - {name: a, expect: deny}\n', 3, /no request|a mapping/],
  ['too often', 'policy: p.yaml\ncases:\n  - {name: a, request: {}, expect: deny, repeat: 100001}\n', 3, /after, repeat or at/],
  ['not at all', 'policy: p.yaml\ncases:\n  - {name: a, request: {}, expect: deny, repeat: 0}\n', 3, /after, repeat or at/],
  ['a time without unit', 'policy: p.yaml\ncases:\n  - {name: a, request: {}, expect: deny, at: 3}\n', 3, /after, repeat or at/],
  ['strict in words', 'policy: p.yaml\nstrict: very\ncases:\n  - {name: a, request: {}, expect: deny}\n', 2, /strict is not a boolean/],
];
for (const [name, text, line, reason] of bad) {
  test(`a test file is refused with its place: ${name}`, async () => {
    const read = await readTests(text, 'p_test.yaml');
    assert.not(read.ok);
    if (read.ok) return;
    assert.is(read.failure.code, 'POLICY_TEST_INVALID');
    assert.match(read.failure.reason, reason);
    assert.match(read.failure.reason, new RegExp(`^p_test\\.yaml:${line}:\\d+: `));
    assert.ok(read.failure.fix);
  });
}

test('no text makes the reader throw', async () => {
  await fc.assert(fc.asyncProperty(fc.oneof(fc.string(), fc.jsonValue().map((value) => JSON.stringify({ policy: 'p', cases: value })), fc.jsonValue().map((value) => JSON.stringify({ policy: 'p', cases: [value] }))), async (text) => {
    const read = await readTests(text, 'x');
    if (!read.ok) assert.is(read.failure.code, 'POLICY_TEST_INVALID');
  }), { numRuns: 300 });
});

test('a policy in shadow mode is tried as if it were enforced', async ({ folder }) => {
  const at = folder();
  writeFileSync(join(at, 'p.yaml'), policy.replace('name: p', 'name: p\nmode: shadow'));
  const report = unwrap(await runTests(join(at, 'p_test.yaml'), `policy: p.yaml\ncases:\n  - {name: a, ${trusted}, expect: allow, rule: read}\n`, readPolicy));
  assert.equal(report.cases.map(({ passed }) => passed), [true]);
});

test('a policy that cannot be loaded is the failure of its tests', async ({ folder }) => {
  const at = folder();
  writeFileSync(join(at, 'p.yaml'), 'version: "1.0"\nrules:\n  - {name: a, condition: "x ==", action: deny}\n');
  const report = await runTests(join(at, 'p_test.yaml'), 'policy: p.yaml\ncases:\n  - {name: a, request: {}, expect: deny}\n', readPolicy);
  assert.match(report.ok ? '' : report.failure.reason, /p\.yaml:3:\d+: rule "a"/);
});

test.run();
