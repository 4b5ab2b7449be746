import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { isFields } from '../../../../crypto/canonical.ts';
import { unwrap } from '../../../../crypto/result.ts';
import { readPolicy } from '../../../../node/cli/policy-files.ts';
import { readText } from '../../../../node/cli/input.ts';
import { loadPolicy } from '../../../../node/kernel/policy/load.ts';
import { requestOf } from '../../../../node/policy-tools/request.ts';
import { runTests } from '../../../../node/policy-tools/test-run.ts';
import { Trial } from '../../../../node/policy-tools/trial.ts';
import { suite } from '../../../harness.ts';

const test = suite('node/kernel/policy/templates');
const fixtures = new URL('../../../../../shared/fixtures/policy/', import.meta.url);
const examples = new URL('../../../../examples/policies/', import.meta.url);

function fixture(path: string): unknown {
  try {
    return JSON.parse(readFileSync(new URL(path, fixtures), 'utf8'));
  } catch {
    return undefined;
  }
}

function published(path: string): readonly { readonly id: string; readonly input: unknown; readonly expected_verdict: string; readonly expected_rule: string | undefined }[] {
  const value = fixture(path);
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item) => {
    if (!isFields(item) || typeof item['id'] !== 'string' || typeof item['expected_verdict'] !== 'string') throw new Error(`${path} is not a set of cases`);
    const { id, input, expected_verdict, expected_rule } = item;
    return { id, input, expected_verdict, expected_rule: typeof expected_rule === 'string' ? expected_rule : undefined };
  });
}

const conflicts = ['allow_overrides', 'basic_deny', 'conflicting_rule', 'deny_overrides', 'most_specific_wins'].map((name) => `agt-fixtures/conflict-resolution/${name}.json`);
const sets: readonly (readonly [policy: string, cases: readonly string[], count: number])[] = [
  ['general-saas.yaml', ['agt-fixtures/general-saas-fixtures.json'], 15],
  ['sql-agent.yaml', ['agt-fixtures/sql-agent-fixtures.json'], 3],
  ['k8s-agent.yaml', ['agt-fixtures/k8s-agent-fixtures.json'], 3],
  ['conflict-resolution.yaml', conflicts, 5],
];

/** Of the general template: which rule must have denied, so that it is not the mere absence of an allow. */
const denying: { readonly [id: string]: string } = {
  'asi01-prompt-injection-blocked': 'prompt-injection', 'asi01-role-hijack-blocked': 'prompt-injection', 'asi02-shell-exec-blocked': 'shell', 'asi02-network-exfil-blocked': 'exfiltration',
  'asi03-privilege-escalation-blocked': 'privileges', 'asi05-code-exec-blocked': 'code', 'asi06-ssn-dashed-blocked': 'personal-data', 'asi06-ssn-dotted-should-deny': 'personal-data',
  'asi06-ssn-spaces-should-deny': 'personal-data', 'asi06-ssn-nodash-should-deny': 'personal-data', 'saas-cost-control-hit': 'token-ceiling', 'asi08-tool-call-limit-exceeded': 'tool-call-ceiling',
  'asi03-credentials-in-output-blocked': 'credentials', 'k8s-delete-prod-pod-blocked': 'protected-namespaces', 'k8s-grant-admin-blocked': 'privileges',
  'pg-staging-shell-blocked-001': 'destructive-sql', 'pg-staging-credential-leak-001': 'credentials', 'basic-deny-drop-table': 'deny-dangerous-ddl',
};

for (const [policy, cases, count] of sets) {
  const name = `every published case gives its verdict: ${policy}`;
  if (cases.some((path) => fixture(path) === undefined)) {
    test.skip(name, 'the shared fixtures are not here');
    continue;
  }
  test(name, async () => {
    const trial = new Trial([unwrap(await readPolicy(fileURLToPath(new URL(policy, examples)), false))]);
    const all = cases.flatMap(published);
    assert.is(all.length, count);
    for (const { id, input, expected_verdict, expected_rule } of all) {
      const verdict = trial.decide(unwrap(requestOf(input)), 0);
      assert.is(verdict.effect, expected_verdict, `${id}: ${verdict.reason}`);
      const rule = expected_rule ?? denying[id];
      if (rule !== undefined) assert.is(verdict.rule, rule, `${id}: ${verdict.reason}`);
    }
  });
}

const seed = fixture('seed/cases.json');
if (!isFields(seed) || !Array.isArray(seed['cases'])) {
  test.skip('the cases of the seeds are decided as they say', 'the shared fixtures are not here');
} else {
  const seed_cases: readonly unknown[] = seed['cases'];
  for (const strict of [false, true]) {
    test(`the cases of the seeds are decided as they say${strict ? ', in strict mode' : ''}`, async () => {
      const text = readFileSync(new URL('seed/analyst.yaml', fixtures), 'utf8');
      const trial = new Trial([unwrap(await loadPolicy(text, 'analyst.yaml', { strict }))]);
      assert.is(seed_cases.length, 11);
      for (const item of seed_cases) {
        if (!isFields(item)) throw new Error('a case is no mapping');
        const { after = 0, repeat = 1, expect, strict_expect, rule } = item;
        trial.reset();
        const request = unwrap(requestOf(item));
        for (let before = 0; before < Number(after); before += 1) assert.is(trial.decide(request, 0).effect, 'allow');
        for (let number = 0; number < Number(repeat); number += 1) {
          const verdict = trial.decide(request, 0);
          assert.is(verdict.effect, strict && strict_expect !== undefined ? strict_expect : expect, JSON.stringify(item));
          if (!strict) assert.is(verdict.rule, rule ?? null, JSON.stringify(item));
          if (item['rate_limited'] === true) assert.is(verdict.limited, true);
        }
      }
    });
  }
}

test('every example policy has tests that pass and see each part of it both ways', async () => {
  const names = readdirSync(examples).toSorted();
  const policies = names.filter((name) => name.endsWith('.yaml') && !name.endsWith('_test.yaml'));
  assert.ok(policies.length >= 4);
  assert.equal(names.filter((name) => name.endsWith('_test.yaml')), policies.map((name) => name.replace('.yaml', '_test.yaml')).toSorted());
  for (const policy of policies) {
    const path = fileURLToPath(new URL(policy.replace('.yaml', '_test.yaml'), examples));
    const { cases, coverage } = unwrap(await runTests(path, unwrap(await readText(path)), readPolicy));
    assert.equal(cases.filter(({ passed }) => !passed).map(({ name, reason }) => `${name}: ${reason}`), [], policy);
    assert.is(coverage.percent, 100, `${policy}: ${JSON.stringify(coverage.rules)}`);
  }
});

test.run();
