import { existsSync, readdirSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { checkPolicy } from '../../../../../node/kernel/policy/analysis/check.ts';
import { comparePolicies, narrows } from '../../../../../node/kernel/policy/analysis/compare.ts';
import type { Finding } from '../../../../../node/kernel/policy/analysis/finding.ts';
import { reallyMatches } from '../../../../../node/kernel/policy/analysis/outcome.ts';
import { loadPolicy } from '../../../../../node/kernel/policy/load.ts';
import { suite } from '../../../../harness.ts';
import { policyOf } from './world.ts';

const test = suite('node/kernel/policy/analysis/check');
const open = { name: 'open', condition: "action.type == 'read' or agent.trust_score >= 10", action: 'allow' };

function found(rules: readonly object[], more: object = {}): readonly Finding[] {
  return checkPolicy(policyOf(rules, more));
}

function codes(findings: readonly Finding[], rule?: string): readonly string[] {
  return findings.filter((finding) => finding.rule === rule).map(({ code }) => code);
}

test('a condition whose parts contradict each other never matches, and the parts are named', () => {
  const cases: readonly (readonly [condition: string, remark: RegExp])[] = [
    ["agent.trust_score >= 10 and action.type == 'a' and action.type == 'b'", /action\.type == 'a' and action\.type == 'b' contradict/],
    ["agent.trust_score > 700 and action.type == 'a' and agent.trust_score < 300", /agent\.trust_score > 700 and agent\.trust_score < 300 contradict/],
    ["action.type == 'a' and not (action.type in ['a', 'b'])", /contradict/],
    ["'a' in agent.roles and agent.roles == []", /contradict/],
    ['data.contains_pii and false', /false is never true/],
    ["action.type == 'a' and action.type == 'b' and action.type == 'c'", /'a' and action\.type == 'b' contradict/],
    ["(action.type == 'a' or action.type == 'b') and action.type == 'c'", /contradict/],
  ];
  for (const [condition, remark] of cases) {
    const finding = found([open, { name: 'dead', condition, action: 'deny' }]).find(({ rule }) => rule === 'dead');
    assert.is(finding?.code, 'RULE_NEVER_MATCHES', condition);
    assert.is(finding?.severity, 'error');
    assert.match(finding?.remark ?? '', remark);
  }
});

test('a condition that can hold is not said to contradict itself', () => {
  for (const condition of ['data.n < -5', 'data.n > 5', 'data.n > 5 and data.n < 6', "action.type == 'a' or action.type == 'b'", 'agent.trust_score > 300 and agent.trust_score < 301', "agent.roles != [] and not ('a' in agent.roles)", "startsWith(action.resource, '/a') and endsWith(action.resource, 'b')", 'agent.a == agent.b and agent.a != agent.c', "matches(action.resource, '^x+$') and action.type == 'a'", 'data and data.n == 5', 'data.n.m == 7 and data.n']) {
    assert.equal(codes(found([open, { name: 'live', condition, action: 'deny' }]), 'live'), [], condition);
  }
});

test('null is no absent attribute where that makes a difference', () => {
  assert.equal(codes(found([{ name: 'a', condition: 'data.n == null', action: 'allow' }], { strict: true }), 'a'), []);
});

test('texts are reasoned about to the letter', () => {
  for (const condition of ["startsWith(action.tool, '/a/b') and not startsWith(action.tool, '/a')", "action.tool == 'abc' and not contains(action.tool, 'b')", "endsWith(action.tool, 'x') and action.tool == 'y'", "action.tool < 'b' and action.tool > 'c'"]) {
    const finding = found([open, { name: 'dead', condition, action: 'deny' }]).find(({ rule }) => rule === 'dead');
    assert.is(finding?.code, 'RULE_NEVER_MATCHES', condition);
    // Of a tool that is no text some of them say nothing, and what cannot be evaluated is denied.
    const policy = policyOf([{ name: 'dead', condition, action: 'deny' }]);
    for (const rule of policy.rules) if (finding?.request !== undefined) assert.ok(reallyMatches({ policy, rule }, finding.request));
  }
});

test('more texts than can be told apart are left open, and nothing is claimed about them', () => {
  const rules = Array.from({ length: 30 }, (_, index) => ({ name: `r${index}`, condition: `startsWith(action.resource, '/p${index}/')`, action: 'deny' }));
  assert.equal(found([open, ...rules]).filter(({ severity }) => severity !== 'note'), []);
});

test('a rule that another one decides for is shadowed, of two that say the same the later one is a duplicate', () => {
  const findings = found([
    open,
    { name: 'special', condition: "action.type == 'export' and agent.trust_score < 300", action: 'deny' },
    { name: 'general', condition: "action.type in ['export', 'send']", action: 'deny' },
    { name: 'twin', condition: "action.type in ['export', 'send']", action: 'deny' },
    { name: 'half', condition: "action.type == 'export' and data.contains_pii", action: 'require_approval' },
    { name: 'other', condition: "action.type == 'delete'", action: 'deny' },
  ]);
  assert.equal(codes(findings, 'special'), ['RULE_SHADOWED']);
  assert.equal(findings.find(({ rule }) => rule === 'special')?.others, ['general']);
  assert.equal(codes(findings, 'twin'), ['RULE_DUPLICATE']);
  assert.equal(codes(findings, 'general'), []);
  assert.equal(codes(findings, 'half'), ['RULE_WITHOUT_EFFECT']);
  assert.equal(codes(findings, 'other'), []);
});

test('two rules together can shadow a third', () => {
  const findings = found([open, { name: 'a', condition: 'agent.trust_score < 500', action: 'deny' }, { name: 'b', condition: 'agent.trust_score >= 500', action: 'deny' }, { name: 'c', condition: "agent.trust_score > 100 and action.type == 'x'", action: 'deny' }]);
  assert.equal(codes(findings, 'c'), ['RULE_SHADOWED']);
  assert.match(findings.find(({ rule }) => rule === 'c')?.remark ?? '', /other rules together/);
});

test('an allow rule that is always denied has no effect; a denial is never shadowed by an allow rule', () => {
  const findings = found([open, { name: 'no', condition: "action.type == 'delete'", action: 'deny' }, { name: 'yes', condition: "action.type == 'delete' and agent.trust_score == 5", action: 'allow' }, { name: 'all', condition: 'true', action: 'allow' }]);
  assert.equal(codes(findings, 'yes'), ['RULE_WITHOUT_EFFECT']);
  assert.match(findings.find(({ rule }) => rule === 'yes')?.remark ?? '', /never allows: rule no denies/);
  assert.equal(codes(findings, 'no'), []);
});

test('a rule that adds an obligation, or that raises a signal, makes a difference', () => {
  const shadowed = { name: 'b', condition: "action.type == 'x' and data.contains_pii", action: 'deny' };
  const general = { name: 'a', condition: "action.type == 'x'", action: 'deny' };
  assert.equal(codes(found([open, general, shadowed]), 'b'), ['RULE_SHADOWED']);
  assert.equal(codes(found([open, general, { ...shadowed, audit: true }]), 'b'), []);
  assert.equal(codes(found([open, { ...general, audit: true }, { ...shadowed, audit: true }]), 'b'), ['RULE_SHADOWED']);
  assert.equal(codes(found([open, general, { ...shadowed, signal: 'SIGKILL' }]), 'b'), []);
});

test('a limit that no allowed request meets counts nothing, one beside a tighter one is shadowed', () => {
  const findings = found([
    { name: 'reads', condition: "action.type == 'read'", action: 'allow' },
    { name: 'lost', condition: "action.type == 'write'", limit: '5/s' },
    { name: 'tight', condition: "action.type in ['read', 'list']", limit: '5/s' },
    { name: 'loose', condition: "action.type == 'read'", limit: '50/s' },
    { name: 'slow', condition: "action.type == 'read'", limit: '2/hour' },
  ]);
  assert.equal([codes(findings, 'lost'), codes(findings, 'tight'), codes(findings, 'loose'), codes(findings, 'slow')], [['LIMIT_UNREACHED'], [], ['RULE_SHADOWED'], []]);
});

test('a policy that denies or allows everything is told, and so is a rule that allows everything', () => {
  assert.equal(codes(found([{ name: 'a', condition: 'data.contains_pii', action: 'deny' }])), ['DENIES_EVERYTHING']);
  assert.match(found([{ name: 'a', condition: 'data.contains_pii', action: 'deny' }])[0]?.fix ?? '', /kind: guard; .* in the same layer: the bundles of an organisation are a layer of their own/);
  const nothing = found([{ name: 'a', condition: 'data.contains_pii', action: 'allow' }, { name: 'b', condition: 'data.contains_pii or agent.x', action: 'deny' }, { name: 'c', condition: 'not data.contains_pii', action: 'deny' }]);
  assert.equal([codes(nothing), nothing.at(-1)?.severity], [['DENIES_EVERYTHING'], 'error']);
  const everything = found([{ name: 'a', condition: "action.type == 'x' or action.type != 'x'", action: 'allow' }]);
  assert.equal([codes(everything, 'a'), codes(everything)], [['ALLOWS_EVERYTHING'], ['ALLOWS_EVERYTHING']]);
  assert.equal(codes(found([{ name: 'a', condition: 'true', action: 'allow' }, { name: 'b', condition: 'data.contains_pii', action: 'deny' }])), []);
  // Strict, the same condition is a fault for an action without a type, and a fault allows nothing.
  assert.equal(codes(found([{ name: 'a', condition: "action.type == 'x' or action.type != 'x'", action: 'allow' }], { strict: true }), 'a'), []);
});

test('mistakes of scale, of kind and in names are told with what to write', () => {
  const cases: readonly (readonly [condition: string, code: string, severity: string, remark: RegExp])[] = [
    ['agent.trust_score >= 0.6', 'POLICY_REMARK', 'warning', /is read as agent\.trust_score >= 600/],
    ['agent.trust_score > 1000', 'SCALE_MISTAKEN', 'error', /never true: agent\.trust_score goes from 0 to 1000/],
    ['agent.trust_score >= 5000', 'SCALE_MISTAKEN', 'error', /never true/],
    ['2000 > agent.trust_score', 'SCALE_MISTAKEN', 'warning', /always true/],
    ['agent.trust_score >= 0', 'SCALE_MISTAKEN', 'warning', /always true/],
    ['agent.trust_score == -1', 'SCALE_MISTAKEN', 'error', /never true/],
    ['sandbox.level > 3', 'SCALE_MISTAKEN', 'error', /goes from 0 to 3/],
    ["sandbox.tier == 'docker'", 'VALUE_UNKNOWN', 'error', /never 'docker'/],
    ["agent.trust_score == 'high'", 'KIND_MISTAKEN', 'error', /which is a number, with a text/],
    ["data.contains_pii == 'yes'", 'KIND_MISTAKEN', 'error', /which is true or false, with a text/],
    ["action.type in ['a', 7]", 'KIND_MISTAKEN', 'error', /with a number/],
    ['agent.trustscore >= 600', 'ATTRIBUTE_UNKNOWN', 'warning', /agent\.trust_score is one/],
    ['agent.trust_scroe >= 600', 'ATTRIBUTE_UNKNOWN', 'warning', /agent\.trust_score is one/],
    ['trust_score >= 600', 'ATTRIBUTE_UNKNOWN', 'warning', /agent\.trust_score is one/],
    ['agnet.trust_score >= 600', 'ATTRIBUTE_UNKNOWN', 'warning', /agent\.trust_score is one/],
    ["action.tpye == 'x'", 'ATTRIBUTE_UNKNOWN', 'warning', /action\.type is one/],
    ['data.contain_pii', 'ATTRIBUTE_UNKNOWN', 'warning', /data\.contains_pii is one/],
    ['sql.destructve', 'ATTRIBUTE_UNKNOWN', 'warning', /sql\.destructive is one/],
    ["action.type == 'x' and action.type == 'x'", 'CONDITION_REPEATED', 'warning', /twice/],
  ];
  for (const [condition, code, severity, remark] of cases) {
    const finding = found([open, { name: 'rule', condition, action: 'deny' }]).find((one) => one.code === code);
    assert.is(finding?.severity, severity, condition);
    assert.match(finding?.remark ?? '', remark);
    assert.ok((finding?.fix ?? '').length > 0);
  }
});

test('what stays open is not claimed, and said to be open', () => {
  const findings = found([{ name: 'a', condition: 'data.a == data.b or [data.a] != [data.b]', action: 'allow' }]);
  assert.equal([codes(findings, 'a'), codes(findings), findings.at(-1)?.severity], [[], ['ANALYSIS_INCOMPLETE'], 'note']);
});

test('a condition that does not do what it says is not reasoned about', () => {
  const policy = policyOf([open, { name: 'liar', condition: "action.type == 'a' and action.type == 'b'", action: 'deny' }]);
  const [first, liar] = policy.rules;
  assert.ok(first !== undefined && liar !== undefined);
  const lying = { ...policy, rules: [first, { ...liar, condition: { ...liar.condition, test: () => true } }] };
  assert.equal([codes(checkPolicy(policy), 'liar'), codes(checkPolicy(lying), 'liar')], [['RULE_NEVER_MATCHES'], []]);
});

test('in the meaning of CEL nothing is rescaled, so a share of one is told to be one', () => {
  const [finding] = found([{ name: 'rule', condition: 'agent.trust_score >= 0.6', action: 'allow' }], { conditions: 'cel' });
  assert.equal([finding?.code, finding?.severity, finding?.fix], ['SCALE_MISTAKEN', 'warning', 'write 600 for the share 0.6']);
});

test('names of one\'s own and comparisons on the scale are no mistakes', () => {
  for (const condition of ['agent.trust_score >= 600', 'agent.trust_score < 1000', "agent.team == 'x'", 'data.amount > 5000', "action.path == 'x'", 'data.type == 7', "context.tenant == 'a'", 'sandbox.level >= 2', "sandbox.tier == 'bwrap'", 'context.delegation.depth > 2', 'secret.present', "'email' in pii.types", "agent.name == 'analyst'", 'agent.id == agent.did']) {
    assert.equal(codes(found([open, { name: 'rule', condition, action: 'deny' }]), 'rule'), [], condition);
  }
});

test('what detectors compute can also be impossible to compute, which only a denial counts', () => {
  const findings = found([open, { name: 'a', condition: 'sql.destructive', action: 'deny' }, { name: 'b', condition: 'sql.destructive == true', action: 'deny' }, { name: 'c', condition: 'sql.destructive or not sql.destructive', action: 'allow' }]);
  assert.equal([codes(findings, 'b'), codes(findings, 'c')], [['RULE_SHADOWED'], []]);
  assert.equal(codes(found([{ name: 'a', condition: 'data.contains_pii or not data.contains_pii', action: 'allow' }]), 'a'), []);
});

test('in the meaning of CEL an absent attribute is a fault, and has() guards against it', () => {
  const findings = found([{ name: 'open', condition: "action.type == 'read'", action: 'allow' }, { name: 'a', condition: "has(agent.role) && agent.role == 'x'", action: 'deny' }, { name: 'b', condition: "agent.role == 'x'", action: 'deny' }], { conditions: 'cel' });
  assert.equal([codes(findings, 'a'), codes(findings, 'b')], [['RULE_SHADOWED'], []]);
});

test('a hundred rules take well under a second of work, a thousand come to an end', () => {
  const rules = (count: number): readonly object[] => [{ name: 'open', condition: 'true', action: 'allow' }, ...Array.from({ length: count }, (_, index) => ({
    name: `r${index}`, action: index % 3 === 0 ? 'allow' : 'deny',
    condition: `action.tool == 'tool_${index % (count / 2)}' and (agent.trust_score >= ${index % 900} or data.n == ${index}) and not startsWith(action.resource, '/p${index % 20}')`,
  }))];
  const before = process.cpuUsage();
  checkPolicy(policyOf(rules(100)));
  assert.ok(process.cpuUsage(before).user < 3_000_000, 'a hundred rules took longer than 3 s of computing');
  assert.ok(checkPolicy(policyOf(rules(1000))).length > 0);
}, { ms: 60_000 });

test('a question that takes too long is given up, which is said and claims nothing', () => {
  // Eight pigeons do not fit into seven holes, which takes resolution an exponential number of steps (Haken 1985).
  const [pigeons, holes] = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 3, 4, 5, 6, 7, 8]];
  const housed = pigeons.map((pigeon) => `(${holes.map((hole) => `data.p${pigeon}h${hole}`).join(' or ')})`);
  const alone = holes.flatMap((hole) => pigeons.flatMap((one) => pigeons.slice(one + 1).map((other) => `not (data.p${one}h${hole} and data.p${other}h${hole})`)));
  const rules = [...housed, ...alone].map((condition, index) => ({ name: `r${index}`, condition: `not (${condition})`, action: 'deny' }));
  const findings = found([{ name: 'open', condition: 'true', action: 'allow' }, ...rules]);
  assert.equal(codes(findings), ['ANALYSIS_INCOMPLETE']);
});

const fixtures = new URL('../../../../../../shared/fixtures/policy/', import.meta.url);

if (existsSync(fixtures)) {
  test('every policy of the fixtures that loads can be checked, equals itself and narrows itself', async () => {
    let loaded = 0;
    for (const folder of ['seed', 'agent-mesh-examples', 'agt-production', 'agent-os-templates', 'agt-policy-templates']) {
      for (const file of readdirSync(new URL(folder, fixtures)).filter((name) => name.endsWith('.yaml'))) {
        const policy = await loadPolicy(readFileSync(new URL(`${folder}/${file}`, fixtures), 'utf8'), file);
        if (!policy.ok) continue;
        loaded += 1;
        const copy = { ...policy.value, digest: 'another' };
        assert.ok(checkPolicy(policy.value).every(({ fix }) => fix !== ''), file);
        assert.is(comparePolicies(policy.value, copy).answer, 'equal', file);
        assert.is(narrows(copy, policy.value).answer, 'narrows', file);
      }
    }
    assert.ok(loaded >= 10, `${loaded} policies loaded`);
  });
} else test.skip('the policies of the fixtures', 'the shared fixtures are not here');

test.run();
