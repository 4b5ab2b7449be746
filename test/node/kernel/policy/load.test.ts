import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { unwrap } from '../../../../crypto/result.ts';
import { policy_bytes_max } from '../../../../node/kernel/policy/bounds.ts';
import { evaluate } from '../../../../node/kernel/policy/evaluate.ts';
import { Meter } from '../../../../node/kernel/policy/limit.ts';
import { compilePolicy, loadPolicy } from '../../../../node/kernel/policy/load.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/policy/load');
const seeds = new URL('../../../../../shared/fixtures/policy/seed/', import.meta.url);

function seed(name: string): string | undefined {
  try {
    return readFileSync(new URL(name, seeds), 'utf8');
  } catch {
    return undefined;
  }
}

const analyst = seed('analyst.yaml');
const shared = seed('shared.yaml');
if (analyst === undefined || shared === undefined) {
  test.skip('the policies of the seeds load', 'the shared fixtures are not here');
} else {
  test('the policies of the seeds load and say what they say', async () => {
    const one = unwrap(await loadPolicy(analyst, 'analyst.yaml'));
    assert.is(one.name, 'analyst.yaml');
    assert.is(one.agent, 'data-analyst-agent');
    assert.is(one.sponsor, 'alice@company.com');
    assert.equal(one.capabilities, ['read:customer-data', 'write:reports']);
    assert.equal(one.frameworks, ['hipaa', 'gdpr']);
    assert.equal(one.delegation, { allow: true, max_depth: 2, must_narrow: true });
    assert.equal(one.rules.map(({ name, effect }) => [name, effect]), [['require-high-trust', 'allow'], ['no-pii-export', 'deny'], ['rate-limit', 'limit']]);
    assert.equal(one.rules[1]?.obligations, ['audit']);
    assert.equal(one.rules[2]?.limit, { count: 100, period_ms: 3_600_000 });
    assert.is(one.warnings.length, 1);
    assert.match(one.warnings[0]?.remark ?? '', /trust_score >= 600/);
    const two = unwrap(await loadPolicy(shared, 'shared.yaml'));
    assert.equal(two.rules.map(({ name }) => name), ['no_pii_export', 'rate_limit_api']);
    assert.match(one.digest, /^[0-9a-f]{64}$/);
    assert.is.not(one.digest, two.digest);
  });
}

const rule = "  - name: a\n    condition: 'true'\n    action: deny\n";
const bad: readonly [string, string, number, number, RegExp][] = [
  ['no mapping', 'hello', 1, 1, /a policy is a mapping/],
  ['empty', '', 1, 1, /a policy is a mapping/],
  ['bad indentation', 'version: "1.0"\nrules:\n - name: a\n   condition: x\n  action: deny\n', 5, 1, /not YAML/],
  ['open quote', 'version: "1.0\nrules: []\n', 3, 1, /not YAML/],
  ['tab', 'version: "1.0"\nrules:\n\t- name: a\n', 3, 1, /not YAML/],
  ['same key twice', 'version: "1.0"\nname: a\nname: b\nrules: []\n', 3, 1, /not YAML/],
  ['alias', 'version: "1.0"\nname: &a x\nagent: *a\nrules: []\n', 1, 1, /not YAML/],
  ['two documents', 'version: "1.0"\n---\nversion: "1.0"\n', 2, 1, /not YAML/],
  ['unknown tag', 'version: !x "1.0"\nrules: []\n', 1, 10, /not YAML/],
  ['other version', 'version: "2.0"\nrules: []\n', 1, 10, /version is "2.0"/],
  ['version as a number', 'version: 1.0\nrules: []\n', 1, 10, /version is 1/],
  ['no version', 'rules: []\n', 1, 1, /version is missing/],
  ['unknown key', `version: "1.0"\nmodes: shadow\nrules:\n${rule}`, 2, 1, /"modes" has no meaning/],
  ['unknown mode', `version: "1.0"\nmode: watch\nrules:\n${rule}`, 2, 7, /mode is "watch"/],
  ['unknown language', `version: "1.0"\nconditions: rego\nrules:\n${rule}`, 2, 13, /conditions is "rego"/],
  ['unknown sandbox', `version: "1.0"\nsandbox: docker\nrules:\n${rule}`, 2, 10, /no sandbox "docker"/],
  ['bad budgets', `version: "1.0"\nbudgets: {calls: 0}\nrules:\n${rule}`, 2, 18, /calls is not a number above 0/],
  ['unknown budget', `version: "1.0"\nbudgets: {dollars: 3}\nrules:\n${rule}`, 2, 11, /"dollars" has no meaning/],
  ['bad loops', `version: "1.0"\nloops: {repeats: 1, window_ms: 5}\nrules:\n${rule}`, 2, 18, /repeats is not a whole number/],
  ['a signal without a denial', `version: "1.0"\nrules:\n  - name: a\n    condition: "true"\n    action: allow\n    signal: SIGKILL\n`, 6, 13, /only a rule that denies/],
  ['unknown signal', `version: "1.0"\nrules:\n  - name: a\n    condition: "true"\n    action: deny\n    signal: SIGHUP\n`, 6, 13, /signal is "SIGHUP"/],
  ['unknown strategy', `version: "1.0"\nstrategy: random\nrules:\n${rule}`, 2, 11, /strategy is "random"/],
  ['the name of the sandbox rule', `version: "1.0"\nsandbox: process\nrules:\n  - name: sandbox\n    condition: 'true'\n    action: deny\n`, 4, 11, /two rules are called "sandbox"/],
  ['unknown rule key', `version: "1.0"\nrules:\n${rule}    colour: red\n`, 6, 5, /"colour" has no meaning/],
  ['no rules', 'version: "1.0"\nname: x\n', 1, 1, /no list of rules/],
  ['rules and policies', 'version: "1.0"\nrules: []\npolicies: []\n', 3, 1, /both rules and policies/],
  ['rules of the wrong kind', 'version: "1.0"\nrules: all\n', 2, 8, /no list of rules/],
  ['a rule of the wrong kind', 'version: "1.0"\nrules:\n  - deny everything\n', 3, 5, /a rule is a mapping/],
  ['no name', 'version: "1.0"\nrules:\n  - condition: "true"\n    action: deny\n', 3, 5, /no name/],
  ['no condition', 'version: "1.0"\nrules:\n  - name: a\n    action: deny\n', 3, 5, /no condition/],
  ['condition of another dialect', 'version: "1.0"\nrules:\n  - name: a\n    condition: {field: x}\n    action: deny\n', 4, 16, /no operator missing/],
  ['condition of no kind', 'version: "1.0"\nrules:\n  - name: a\n    condition: 7\n    action: deny\n', 4, 16, /no condition in words/],
  ['no action', 'version: "1.0"\nrules:\n  - name: a\n    condition: "true"\n', 3, 5, /neither an action nor a limit/],
  ['unknown action', 'version: "1.0"\nrules:\n  - name: a\n    condition: "true"\n    action: permit\n', 5, 13, /no action "permit"/],
  ['action of Object', 'version: "1.0"\nrules:\n  - name: a\n    condition: "true"\n    action: constructor\n', 5, 13, /no action/],
  ['deny with a limit', 'version: "1.0"\nrules:\n  - name: a\n    condition: "true"\n    action: deny\n    limit: 1/s\n', 5, 13, /always deny/],
  ['bad limit', 'version: "1.0"\nrules:\n  - name: a\n    condition: "true"\n    limit: often\n', 5, 12, /not a rate limit/],
  ['same name twice', `version: "1.0"\nrules:\n${rule}${rule}`, 6, 11, /two rules are called/],
  ['condition with an error', 'version: "1.0"\nrules:\n  - name: a\n    condition: "action.type = \'x\'"\n    action: deny\n', 4, 29, /single =/],
  ['plain condition with an error', 'version: "1.0"\nrules:\n  - name: a\n    condition: action.type == \'x\' and\n    action: deny\n', 4, 38, /ends where a value/],
  ['pattern refused', 'version: "1.0"\nrules:\n  - name: a\n    condition: "data.x matches \'(a)(?=b)\'"\n    action: deny\n', 4, 32, /look-around/],
  ['default allow', `version: "1.0"\ndefault_action: allow\nrules:\n${rule}`, 2, 17, /no rule allows is denied/],
  ['bad capability', `version: "1.0"\ncapabilities:\n  - "Read Everything"\nrules:\n${rule}`, 3, 5, /no colon/],
  ['bad delegation', `version: "1.0"\ndelegation: {max_depth: 99}\nrules:\n${rule}`, 2, 25, /max_depth/],
  ['bad compliance', `version: "1.0"\ncompliance: [soc2]\nrules:\n${rule}`, 2, 13, /compliance is not a mapping/],
  ['bad strict', `version: "1.0"\nstrict: "yes"\nrules:\n${rule}`, 2, 9, /strict is not a boolean/],
  ['bad audit', `version: "1.0"\nrules:\n${rule}    audit: maybe\n`, 6, 12, /audit is neither/],
  ['too large', `# ${'x'.repeat(policy_bytes_max)}`, 1, 1, /more than/],
  ['deep nesting', `version: ${'['.repeat(20_000)}`, 1, 1, /not YAML|version/],
];
for (const [name, text, line, column, reason] of bad) {
  test(`refused with its place: ${name}`, async () => {
    const loaded = await loadPolicy(text, 'p.yaml');
    assert.not(loaded.ok);
    if (loaded.ok) return;
    const { code, detail, fix } = loaded.failure;
    assert.is(code, 'POLICY_INVALID');
    assert.match(loaded.failure.reason, reason);
    assert.ok(fix);
    assert.is(detail?.['file'], 'p.yaml');
    if (name !== 'deep nesting') assert.equal([detail?.['line'], detail?.['column']], [line, column]);
    assert.match(loaded.failure.reason, /^p\.yaml:\d+:\d+: /);
  });
}

test('no document makes the compiler throw', () => {
  const key = fc.constantFrom('version', 'name', 'rules', 'policies', 'agent', 'capabilities', 'delegation', 'compliance', 'strict', 'x');
  const rule_like = fc.dictionary(fc.constantFrom('name', 'condition', 'action', 'limit', 'audit', 'priority'), fc.oneof(fc.string(), fc.jsonValue()));
  fc.assert(fc.property(fc.dictionary(key, fc.oneof(fc.jsonValue(), fc.constant('1.0'), fc.array(rule_like))), (document) => {
    const compiled = compilePolicy({ version: '1.0', ...document });
    if (!compiled.ok) assert.is(compiled.failure.code, 'POLICY_INVALID');
  }), { numRuns: 1_000 });
});

test('the blocks beside the rules are kept as they are written', async () => {
  const policy = unwrap(await loadPolicy(`version: "1.0"\nkind: guard\nmode: shadow\nbudgets: {calls: 5, tokens: 6, cost: 0.5, wall_time_ms: 7}\nloops: {repeats: 3, window_ms: 9}\nsandbox: bwrap\nrules:\n${rule}    signal: SIGKILL\n`, 'p.yaml'));
  assert.equal([policy.kind, policy.mode, policy.budgets, policy.loops], ['guard', 'shadow', { calls: 5, tokens: 6, cost: 0.5, wall_time_ms: 7 }, { repeats: 3, window_ms: 9 }]);
  assert.equal(policy.rules.map(({ name, signal, line, place }) => [name, signal, line, place]), [['sandbox', undefined, 6, ['sandbox']], ['a', 'SIGKILL', 8, ['rules', 0]]]);
  const plain = unwrap(await loadPolicy(`version: "1.0"\nrules:\n${rule}`, 'p.yaml'));
  assert.equal([plain.kind, plain.mode, plain.conditions, plain.budgets, plain.loops], ['file', 'enforce', 'policy', undefined, undefined]);
});

test('conditions: cel gives conditions the meaning of CEL, and what the loader adds its own', async () => {
  const text = 'version: "1.0"\nconditions: cel\nsandbox: quickjs\nrules:\n  - name: a\n    condition: "7 / 2 == 3 && [1, 2].exists(x, x == 2)"\n    action: allow\n';
  const policy = unwrap(await loadPolicy(text, 'p.yaml'));
  const ask = (one: typeof policy, level: number): string => evaluate(one, { action: { type: 'x' }, sandbox: { level } }, new Meter(() => 0), { charge: false }).effect;
  assert.equal([ask(policy, 1), ask(policy, 0)], ['allow', 'deny']);
  // A half more, where numbers are doubles.
  assert.is(ask(unwrap(await loadPolicy(text.replace('conditions: cel\n', ''), 'p.yaml')), 1), 'deny');
  const wrong = await loadPolicy(text.replace('== 3', '== '), 'p.yaml');
  assert.match(wrong.ok ? '' : wrong.failure.reason, /^p\.yaml:6:\d+: rule "a"/);
  const mixed = await loadPolicy(text.replace('conditions', 'strategy: allow-overrides\nconditions'), 'p.yaml');
  assert.match(mixed.ok ? '' : mixed.failure.reason, /is for conditions of the policy language/);
});

test('the digest names the content and not its spelling', async () => {
  const one = unwrap(await loadPolicy(`version: "1.0"\nname: n\nrules:\n${rule}`, 'a'));
  const other = unwrap(await loadPolicy(JSON.stringify({ rules: [{ action: 'deny', condition: 'true', name: 'a' }], name: 'n', version: '1.0' }), 'b'));
  assert.is(one.digest, other.digest);
});

test.run();
