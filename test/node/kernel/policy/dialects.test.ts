import { readdirSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { unwrap } from '../../../../crypto/result.ts';
import { KernelSpace } from '../../../../node/kernel/kernel.ts';
import { checkOutput, output_types } from '../../../../node/kernel/output.ts';
import { compilePolicy, loadPolicy } from '../../../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../../../node/kernel/policy/policy.ts';
import type { PolicyRequest } from '../../../../node/kernel/policy/scope.ts';
import { Trial } from '../../../../node/policy-tools/trial.ts';
import { suite } from '../../../harness.ts';
import { TurnedClock } from '../spaces.ts';

const test = suite('node/kernel/policy/dialects');
const root = new URL('../../../../../shared/fixtures/policy/', import.meta.url);

function listed(): readonly string[] {
  try {
    return readdirSync(root, { recursive: true, encoding: 'utf8' }).toSorted();
  } catch {
    return [];
  }
}

function decide(policies: readonly CompiledPolicy[], request: PolicyRequest): readonly [string, string | null] {
  const { effect, rule } = new Trial(policies).decide(request, 0);
  return [effect, rule];
}

const manifest = /manifest of the Agent Control Specification/;
const no_yaml = /not YAML/;
/** What becomes of every policy file of the fixtures: the kind and number of rules, or line and reason of the refusal. */
const expected: { readonly [file: string]: readonly ['file' | 'guard', number] | readonly [number, RegExp] } = {
  'agent-mesh-examples/default.yaml': ['guard', 5],
  'agent-mesh-examples/enterprise.yaml': ['file', 33],
  'agent-mesh-examples/permissive.yaml': ['file', 3],
  'agent-mesh-examples/standard.yaml': ['file', 21],
  'agent-mesh-examples/strict.yaml': ['guard', 6],
  'agent-os-templates/api-gateway.yaml': [16, /"network" restricts/],
  'agent-os-templates/content-safety.yaml': ['guard', 52],
  'agent-os-templates/cost-controls.yaml': [16, /"rate_limits" restricts/],
  'agent-os-templates/data-protection.yaml': [36, no_yaml],
  'agent-os-templates/default.yaml': ['guard', 6],
  'agent-os-templates/development.yaml': ['guard', 5],
  'agent-os-templates/enterprise.yaml': [50, no_yaml],
  'agent-os-templates/gdpr.yaml': ['guard', 48],
  'agent-os-templates/hipaa.yaml': ['guard', 36],
  'agent-os-templates/multi-tenant.yaml': [140, no_yaml],
  'agent-os-templates/no-pii.yaml': ['guard', 5],
  'agent-os-templates/pci-dss.yaml': ['guard', 67],
  'agent-os-templates/production.yaml': ['guard', 55],
  'agent-os-templates/rate-limited-tools.yaml': ['file', 3],
  'agent-os-templates/rate-limiting.yaml': [28, /"global_limits" restricts/],
  'agent-os-templates/research.yaml': ['guard', 30],
  'agent-os-templates/secure-coding.yaml': [28, no_yaml],
  'agent-os-templates/sox-compliance.yaml': [123, /incompatible_roles/],
  'agent-os-templates/strict.yaml': ['file', 10],
  'agent-os-templates/trust-handoff.yaml': ['file', 3],
  'agt-policy-templates/conflict-resolution.yaml': [3, manifest],
  'agt-policy-templates/edu-k12.yaml': [3, manifest],
  'agt-policy-templates/federation-policy.yaml': [12, /registries to trust/],
  'agt-policy-templates/financial-services.yaml': [3, manifest],
  'agt-policy-templates/general-saas.yaml': [3, manifest],
  'agt-policy-templates/healthcare.yaml': [3, manifest],
  'agt-policy-templates/wire-protocol-rules.yaml': [3, manifest],
  'agt-production/enterprise.yaml': [3, manifest],
  'agt-production/financial.yaml': [3, manifest],
  'agt-production/healthcare.yaml': [3, manifest],
  'agt-production/minimal.yaml': [3, manifest],
  'agt-production/strict.yaml': [3, manifest],
  'seed/analyst.yaml': ['file', 3],
  'seed/shared.yaml': ['file', 2],
};

const files = listed().filter((file) => /\.(?:ya?ml|jsonl?)$/.test(file));
if (files.length === 0) {
  test.skip('every policy file of the fixtures loads or is refused with its place', 'the shared fixtures are not here');
} else {
  test('every policy file of the fixtures loads or is refused with its place', async () => {
    assert.equal(files.filter((file) => /\.ya?ml$/.test(file)), Object.keys(expected).toSorted());
    for (const file of files) {
      const loaded = await loadPolicy(readFileSync(new URL(file, root), 'utf8'), file);
      const outcome = expected[file];
      if (outcome !== undefined && typeof outcome[0] === 'string') {
        const policy = unwrap(loaded);
        assert.equal([policy.kind, policy.rules.length], [...outcome], file);
        assert.ok(policy.rules.every(({ line }) => line !== undefined && line > 1), file);
        continue;
      }
      // What is no policy at all, such as a set of cases, is refused too.
      assert.not(loaded.ok, file);
      if (loaded.ok) continue;
      const { code, reason, fix, detail } = loaded.failure;
      assert.is(code, 'POLICY_INVALID', file);
      assert.ok(fix, file);
      assert.ok(reason.startsWith(`${file}:${String(detail?.['line'])}:${String(detail?.['column'])}: `), reason);
      if (outcome === undefined) continue;
      assert.is(detail?.['line'], outcome[0], reason);
      assert.match(reason, outcome[1] instanceof RegExp ? outcome[1] : /never/);
    }
  });

  const template = async (file: string): Promise<CompiledPolicy> => unwrap(await loadPolicy(readFileSync(new URL(`agent-os-templates/${file}`, root), 'utf8'), file));

  test('a template forbids what its patterns say, raises its signal, and leaves the rest to others', async () => {
    const policy = await template('hipaa.yaml');
    const trial = new Trial([policy]);
    const denied = trial.decide({ action: { type: 'answer' }, data: { text: 'SSN 078-05-1120' } }, 0);
    assert.equal([denied.effect, denied.rule, denied.signal], ['deny', 'phi_ssn_detection-pattern-1', 'SIGKILL']);
    assert.equal(decide([policy], { action: { type: 'answer' }, data: { text: 'all is well' } }), ['allow', null]);
    assert.equal(decide([policy], { action: { type: 'database_read' }, data: { table: 'notes' } }), ['require_approval', 'phi_data_access_approval-approval-1']);
    const silent = unwrap(compilePolicy({ version: '1.0', name: 'silent', rules: [{ name: 'read', condition: "action.type == 'read'", action: 'allow' }] }));
    assert.equal(decide([policy, silent], { action: { type: 'answer' }, data: { text: 'all is well' } }), ['deny', null]);
    for (let call = 0; call < 5; call += 1) assert.is(trial.decide({ action: { type: 'database_query' }, data: {} }, 0).effect, 'allow');
    assert.is(trial.decide({ action: { type: 'database_query' }, data: {} }, 86_400_000).rule, 'session_tool_call_limit-database_query-max_per_session');
  });

  test('what a template forbids must not come back either', async () => {
    const kernel = new KernelSpace({ policies: [await template('hipaa.yaml'), await template('no-pii.yaml')] });
    for (const type of output_types) {
      const asked = (value: string): string => {
        const done = checkOutput({ layers: [kernel.policiesOf('a')], request: { action: { type: 'read' } }, type, value, folder: '/', isFor: () => true });
        return done?.failure?.code ?? 'given';
      };
      assert.equal([asked('the record says 078-05-1120'), asked('nothing is wrong')], ['OUTPUT_DENIED', 'given'], type);
    }
  });

  test('a region that nobody states is not outside the forbidden ones in a strict template', async () => {
    const policy = await template('gdpr.yaml');
    assert.is(decide([policy], { action: { type: 'http_request' }, data: { region: 'CN' } })[0], 'deny');
    assert.is(decide([policy], { action: { type: 'http_request' }, data: { region: 'US' } })[0], 'deny');
    assert.is(decide([policy], { action: { type: 'http_request' }, data: {} })[0], 'deny');
    assert.is(decide([policy], { action: { type: 'http_request' }, data: { region: 'EU' } })[0], 'allow');
    assert.is(decide([policy], { action: { type: 'data_deletion' }, data: {} })[0], 'require_approval');
  });

  test('policies made of fields decide about the attributes that their fields name', async () => {
    const strict = await template('strict.yaml');
    assert.equal(decide([strict], { action: { type: 'tool', tool: 'search' }, data: { token_count: 10 } }), ['allow', 'audit_all_tool_calls-permits']);
    assert.equal(decide([strict], { action: { type: 'tool', tool: 'run_shell' }, data: {} }), ['deny', 'block_shell']);
    assert.equal(decide([strict], { action: { type: 'run_shell' }, data: {} }), ['deny', 'block_shell']);
    assert.equal(decide([strict], { action: { type: 'tool', tool: 'search' }, data: { token_count: 2049 } }), ['deny', 'max_tokens']);
    const handoff = await template('trust-handoff.yaml');
    assert.equal([300, 800, 950].map((trust_score) => decide([handoff], { action: { type: 'handoff' }, agent: { trust_score } })[0]), ['deny', 'require_approval', 'allow']);
    const no_pii = await template('no-pii.yaml');
    assert.equal(decide([no_pii], { action: { type: 'post' }, data: { body: { lines: ['card 4111-1111-1111-1111'] } } }), ['deny', 'deny-credit-card']);
  });

  test('the tools of a proxy policy are told by the first rule that names them, and conditions deny', async () => {
    const policy = unwrap(await loadPolicy(readFileSync(new URL('agent-mesh-examples/enterprise.yaml', root), 'utf8'), 'enterprise.yaml'));
    const tool = (name: string, data: PolicyRequest['data'] = {}): readonly [string, string | null] => decide([policy], { action: { type: 'tool', tool: name }, data });
    assert.equal(tool('run_shell'), ['deny', '1-run_shell']);
    assert.equal(tool('read_file', { path: '/srv/notes.txt' }), ['allow', '5-read_file']);
    assert.equal(tool('read_file', { path: '/srv/.env' })[0], 'deny');
    assert.equal(tool('query_database', { sql: 'drop   table users' })[0], 'deny');
    assert.equal(tool('git_push'), ['allow', '11-git_*']);
    assert.equal(tool('anything'), ['allow', '12-*']);
    const trial = new Trial([policy]);
    for (let call = 0; call < 10; call += 1) assert.is(trial.decide({ action: { type: 'tool', tool: 'anything' } }, 0).effect, 'allow');
    assert.is(trial.decide({ action: { type: 'tool', tool: 'anything' } }, 0).rule, '12-*');
    // The rate of the rest is not that of a tool with a rule of its own.
    assert.is(trial.decide({ action: { type: 'tool', tool: 'git_pull' } }, 0).effect, 'allow');
  });
}

test('the first rule that names a tool decides, whatever the others say', () => {
  const named = fc.constantFrom('a', 'ab', 'abc', 'a*', 'ab*', 'b*', '*', 'b');
  const rule = fc.record({ tool: named, action: fc.constantFrom('allow', 'deny') });
  fc.assert(fc.property(fc.array(rule, { minLength: 1, maxLength: 6 }), fc.constantFrom('a', 'ab', 'abc', 'abcd', 'b', 'c'), (rules, tool) => {
    const policy = unwrap(compilePolicy({ version: '1.0', rules }));
    const first = rules.find((one) => (one.tool.endsWith('*') ? tool.startsWith(one.tool.slice(0, -1)) : one.tool === tool));
    assert.is(decide([policy], { action: { type: 'tool', tool } })[0], first?.action ?? 'deny', JSON.stringify(rules));
  }), { numRuns: 500, seed: 6 });
});

function toolkit(rules: string, top: string = ''): string {
  return `apiVersion: governance.toolkit/v1\nname: t\n${top}rules:\n${rules}`;
}

test('the toolkit\'s policies: every name of the action, priority, enabled, agents, and what permits while it watches', async () => {
  const policy = unwrap(await loadPolicy(toolkit([
    "  - {name: a, condition: \"action == 'read'\", ruleAction: allow, priority: 100}",
    "  - {name: b, condition: \"action == 'read' and agent.trust_score < 500\", effect: deny}",
    "  - {name: c, condition: \"action.type not in ['read', 'write']\", action: warn}",
    '  - {name: d, condition: "true", action: deny, enabled: false}',
    "  - {name: e, condition: \"action == 'write'\", action: require_approval, approvers: [boss]}",
  ].join('\n'), 'agents: ["did:mesh:x"]\n'), 't.yaml'));
  assert.is(policy.agent, 'did:mesh:x');
  assert.equal(policy.rules.map(({ name }) => name), ['a', 'b', 'c', 'c-permits', 'e']);
  assert.equal(decide([policy], { action: { type: 'read' }, agent: { trust_score: 900 } }), ['allow', 'a']);
  assert.equal(decide([policy], { action: { type: 'read' }, agent: { trust_score: 400 } }), ['deny', 'b']);
  assert.equal(decide([policy], { action: { type: 'list' } }), ['allow', 'c-permits']);
  assert.equal(decide([policy], { action: { type: 'write' } }), ['require_approval', 'e']);
  const remarks = policy.warnings.map(({ remark }) => remark).join('\n');
  assert.match(remarks, /a denial holds also where an allow has the higher priority/);
  assert.match(remarks, /approvers are not kept/);
  assert.match(remarks, /not enabled/);
});

test('in a strict template what a request does not say counts against it, in a permissive one it does not', () => {
  const asked = (mode: string): string => decide([unwrap(compilePolicy({
    kernel: { version: '1.0', mode, template: 't' }, policies: [{ name: 'abroad', deny: [{ action: 'send', regions_excluded: ['CN'] }] }],
  }))], { action: { type: 'send' }, data: {} })[0];
  assert.equal([asked('strict'), asked('permissive')], ['deny', 'allow']);
});

function templateOf(...policies: readonly object[]): CompiledPolicy {
  return unwrap(compilePolicy({ kernel: { version: '1.0', mode: 'strict', template: 't' }, policies: policies.map((one, index) => Object.assign({ name: `p${index}` }, one)) }));
}

test('the terms of a template: amounts, words, folders, roles, and what is allowed out of everything', () => {
  const amounts = templateOf({ requires_approval: [{ action: 'pay', threshold_usd: 100, approval_level: 'boss' }] });
  const pay = (data: PolicyRequest['data']): string => decide([amounts], { action: { type: 'pay' }, data: data ?? {} })[0];
  assert.equal([pay({ amount_usd: 100 }), pay({ amount_usd: 101 }), pay({}), pay({ amount_usd: 'little' })], ['allow', 'require_approval', 'require_approval', 'require_approval']);
  const loose = unwrap(compilePolicy({ kernel: { version: '1.0', mode: 'permissive' }, policies: [{ name: 'a', requires_approval: [{ action: 'pay', threshold_usd: 100 }] }] }));
  assert.is(decide([loose], { action: { type: 'pay' }, data: {} })[0], 'require_approval', 'an amount that nobody states is not small');
  const words = templateOf({ deny: [{ action: 'database_write', operations: ['DROP', 'DELETE'], tables: ['ledger'] }, { action: 'shell', commands: ['rm'] }] });
  const write = (statement: string): string => decide([words], { action: { type: 'database_write' }, data: { statement } })[0];
  assert.equal([write('drop table ledger'), write('DROP TABLE other'), write('SELECT dropped FROM ledger'), write('DELETE FROM "ledger"')], ['deny', 'allow', 'allow', 'deny']);
  const shell = (command: string): string => decide([words], { action: { type: 'shell' }, data: { command } })[0];
  assert.equal([shell('ls; rm -rf /'), shell('/bin/rm x'), shell('alarm form')], ['deny', 'deny', 'allow']);
  const folders = templateOf({ allow: [{ action: 'read_file', paths: ['/app/**'] }, { action: 'search' }], deny: [{ action: '*' }], action: 'SIGKILL' });
  const read = (path: string): string => decide([folders], { action: { type: 'read_file' }, data: { path } })[0];
  assert.equal([read('/app/x'), read('/app/../etc/passwd'), read('/application/x')], ['allow', 'deny', 'deny']);
  assert.equal([decide([folders], { action: { type: 'search' }, data: {} })[0], decide([folders], { action: { type: 'other' }, data: {} })[0]], ['allow', 'deny']);
  const roles = templateOf({ allow: [{ action: 'refund', roles: ['lead'] }], deny: [{ action: 'refund', roles: ['*'] }] });
  const refund = (agent: PolicyRequest['agent']): string => decide([roles], { action: { type: 'refund' }, agent: agent ?? {} })[0];
  assert.equal([refund({ role: 'lead' }), refund({ role: 'clerk' }), refund({})], ['allow', 'deny', 'deny']);
  const lone = templateOf({ allow: [{ action: 'run', languages: ['python'] }] });
  assert.equal(['python', 'perl'].map((language) => decide([lone], { action: { type: 'run' }, data: { language } })[0]), ['allow', 'deny']);
});

test('what a template denies until approved asks for approval, and what it demands and nobody can check is denied or approved', () => {
  const asking = templateOf({ deny: [{ action: 'deploy' }], action: 'SIGKILL', requires_approval: true });
  const verdict = new Trial([asking]).decide({ action: { type: 'deploy' } }, 0);
  assert.equal([verdict.effect, verdict.signal], ['require_approval', undefined]);
  const demanding = templateOf({ rules: [{ action: 'close', books: 'closed' }], action: 'SIGKILL' }, { rules: [{ action: 'erase', verify: true }], action: 'SIGSTOP' });
  const [close, erase] = ['close', 'erase'].map((type) => new Trial([demanding]).decide({ action: { type } }, 0));
  assert.equal([close?.effect, close?.signal, erase?.effect, erase?.signal], ['deny', 'SIGKILL', 'require_approval', undefined]);
});

test('operations that a template allows cannot be told from a text, and are refused', () => {
  for (const term of [{ operations: ['SELECT'] }, { commands: ['ls'] }, { paths: ['/app/*'] }, { threshold_usd: 3 }]) {
    const compiled = compilePolicy({ kernel: { version: '1.0', mode: 'strict' }, policies: [{ name: 'a', allow: [{ action: 'x', ...term }] }] });
    assert.is(compiled.ok ? 'taken' : compiled.failure.code, 'POLICY_INVALID', JSON.stringify(term));
  }
});

test('an allow with a rate switches off no denial, whatever the strategy', () => {
  for (const strategy of ['priority-first-match', 'allow-overrides']) {
    const policy = unwrap(compilePolicy({ version: '1.0', strategy, rules: [{ name: 'some', condition: 'true', action: 'allow', limit: '1/day', priority: 9 }, { name: 'no', condition: "action.type == 'x'", action: 'deny' }] }));
    assert.equal([decide([policy], { action: { type: 'x' } }), decide([policy], { action: { type: 'y' } })], [['deny', 'no'], ['allow', 'some']]);
  }
});

test('a toolkit policy may have the blocks of the seeds', () => {
  const policy = unwrap(compilePolicy({
    apiVersion: 'governance.toolkit/v1', sponsor: 'alice', capabilities: ['read:reports'], compliance: { frameworks: ['gdpr'] }, delegation: { allow: true }, rules: [{ name: 'all', condition: 'true', effect: 'allow' }],
  }));
  assert.equal([policy.sponsor, policy.frameworks, policy.delegation], ['alice', ['gdpr'], { allow: true, must_narrow: true }]);
  assert.is(decide([policy], { action: { type: 'read', resource: 'secrets' } })[0], 'deny');
});

test('a strategy is opt-in, warned about, and means what it says', async () => {
  const rules = [
    "  - {name: allow-admin, condition: \"agent.role == 'admin'\", action: allow, priority: 10}",
    "  - {name: no-delete, condition: \"action == 'delete'\", action: deny, priority: 5}",
    '  - {name: rest, condition: "true", action: allow}',
    "  - {name: late, condition: \"action == 'drop'\", action: deny, priority: -1}",
  ].join('\n');
  const ask = (policy: CompiledPolicy, type: string, role: string): string => decide([policy], { action: { type }, agent: { role } })[0];
  const plain = unwrap(await loadPolicy(toolkit(rules), 't.yaml'));
  assert.equal([ask(plain, 'delete', 'admin'), ask(plain, 'drop', 'user')], ['deny', 'deny']);
  const first = unwrap(await loadPolicy(toolkit(rules, 'strategy: priority-first-match\n'), 't.yaml'));
  assert.equal([ask(first, 'delete', 'admin'), ask(first, 'delete', 'user'), ask(first, 'drop', 'user'), ask(first, 'read', 'user')], ['allow', 'deny', 'allow', 'allow']);
  assert.match(first.warnings[0]?.remark ?? '', /can switch off one that denies/);
  const allowing = unwrap(await loadPolicy(toolkit(rules, 'strategy: allow-overrides\n'), 't.yaml'));
  assert.equal([ask(allowing, 'delete', 'user'), ask(allowing, 'drop', 'user')], ['allow', 'allow']);
});

test('first match in the order of priority is what the strategy of that name decides', () => {
  const conditions = ["action.type == 'a'", "action.type in ['a', 'b']", 'agent.trust_score >= 500', "not (agent.role == 'admin')", 'true'];
  const rule = fc.record({ condition: fc.constantFrom(...conditions), action: fc.constantFrom('allow', 'deny', 'require_approval'), priority: fc.integer({ min: 0, max: 3 }) });
  const request = fc.record({ action: fc.record({ type: fc.constantFrom('a', 'b', 'c') }), agent: fc.record({ trust_score: fc.constantFrom(100, 900), role: fc.constantFrom('admin', 'user') }) });
  fc.assert(fc.property(fc.array(rule, { maxLength: 6 }), request, (written, asked) => {
    const rules = written.map((one, index) => ({ ...one, name: `r${index}` }));
    const policy = unwrap(compilePolicy({ version: '1.0', name: 'p', strategy: 'priority-first-match', rules }));
    const ordered = rules.toSorted((a, b) => b.priority - a.priority);
    const first = ordered.find(({ condition }) => decide([unwrap(compilePolicy({ version: '1.0', name: 'one', rules: [{ name: 'x', condition, action: 'allow' }] }))], asked)[0] === 'allow');
    assert.is(decide([policy], asked)[0], first?.action ?? 'deny');
  }), { numRuns: 300, seed: 5 });
});

test('no strategy lets anything switch off the sandbox that a policy requires', () => {
  const policy = unwrap(compilePolicy({ version: '1.0', name: 'p', sandbox: 'process', strategy: 'allow-overrides', rules: [{ name: 'all', condition: 'true', action: 'allow' }] }));
  const at = (request: PolicyRequest): readonly [string, string | null] => decide([policy], { action: { type: 'x' }, ...request });
  assert.equal(at({ sandbox: { tier: 'bwrap', level: 3 } }), ['allow', 'all']);
  assert.equal(at({ sandbox: { tier: 'process', level: 2 } }), ['allow', 'all']);
  assert.equal(at({ sandbox: { tier: 'quickjs', level: 1 } }), ['deny', 'sandbox']);
  assert.equal(at({}), ['deny', 'sandbox']);
});

const kernel = 'kernel: {version: "1.0", mode: strict, template: t}\n';
const lenient = kernel.replace('strict', 'permissive');

test('what a template limits besides rates is held by budgets, by a sandbox, or must be stated', async () => {
  const policy = unwrap(await loadPolicy(`${lenient}policies:
  - name: spending
    limits:
      - {action: llm_call, max_cost_per_day_usd: 50, max_cost_per_session_usd: 20, max_tokens_per_day: 9000}
      - {action: total, max_cost_per_week_usd: 500}
  - name: resources
    limits: [{memory_mb: 512}, {max_tokens_per_call: 4000}]
`, 't.yaml'));
  assert.equal(policy.budgets, { cost: 20, tokens: 9000 });
  const held: PolicyRequest = { sandbox: { tier: 'process', level: 2 } };
  const asked = (type: string, data: PolicyRequest['data'], where = held): string | null => decide([policy], { action: { type }, data, ...where })[1];
  assert.equal([asked('read', {}), asked('read', {}, {}), asked('read', {}, { sandbox: { tier: 'quickjs', level: 1 } })], [null, 'resources-memory_mb', 'resources-memory_mb']);
  for (const type of ['llm_call', 'model_call']) {
    const verdicts = [{ max_tokens: 4000 }, { max_tokens: 4001 }, { max_tokens: 1, token_count: 5000 }, { max_tokens: '4' }, {}, 'a text'].map((data) => asked(type, data));
    assert.equal(verdicts, [null, ...Array.from({ length: 5 }, () => 'resources-llm_call-max_tokens_per_call')], type);
  }
  const clock = new TurnedClock();
  const kernel_space = new KernelSpace({ policies: [policy], clock });
  const spend = (cost: number): Promise<string> => kernel_space.run({ agent: 'a', action: { type: 'pay' }, context: { sandbox: 'process' }, expected: { cost }, effect: async () => null }).then((done) => (done.ok ? 'paid' : done.failure.code));
  assert.equal([await spend(15), await spend(6)], ['paid', 'BUDGET_EXCEEDED']);
});

test('a template means the actions of the kernel by its own names for them, and denies an attribute in whatever case', async () => {
  const policy = unwrap(await loadPolicy(`${lenient}policies:
  - name: still
    deny: [{action: file_write}, {action: delete_file}, {action: http_request, methods: [POST, DELETE]}, {action: ship, regions: [CN]}]
    limits: [{action: llm_call, max_per_minute: 1}]
`, 't.yaml'));
  const asked = (type: string, data: PolicyRequest['data'] = {}): string => decide([policy], { action: { type }, data })[0];
  assert.equal(['file_write', 'write_file', 'file.write', 'file.delete', 'file.read'].map((type) => asked(type)), ['deny', 'deny', 'deny', 'deny', 'allow']);
  assert.equal(['POST', 'post', 'Delete', 'GET', 'POSTAL'].map((method) => asked('http_request', { method })), ['deny', 'deny', 'deny', 'allow', 'allow']);
  assert.equal([asked('ship', { region: 'cn' }), asked('ship', { region: ['CN'] }), asked('ship', { region: 'de' })], ['deny', 'deny', 'allow']);
  const trial = new Trial([policy]);
  assert.equal(['model_call', 'llm_call'].map((type) => trial.decide({ action: { type } }, 0).effect), ['allow', 'deny']);
});

test('an exception at the end of a pattern of a template is left out, and what it excepted is denied', async () => {
  const policy = unwrap(await loadPolicy(`${lenient}policies:\n  - name: drops\n    deny: [{patterns: ['(?i)DROP TABLE (?!temp_)']}]\n`, 't.yaml'));
  assert.equal(['drop table temp_x', 'drop table x', 'select'].map((text) => decide([policy], { action: { type: 'sql' }, data: { text } })[0]), ['deny', 'deny', 'allow']);
  assert.ok(policy.warnings.some(({ remark }) => /exception at the end/.test(remark)));
});

const refused: readonly [string, string, number, RegExp][] = [
  ['an unknown operator', 'version: "1.0"\nrules:\n  - name: a\n    condition: {field: x, operator: like, value: y}\n    action: deny\n', 4, /no operator "like"/],
  ['a field that is an expression', 'version: "1.0"\nrules:\n  - name: a\n    condition: {field: "x) or (true", operator: eq, value: y}\n    action: deny\n', 4, /not the name of a field/],
  ['an unknown action of fields', 'version: "1.0"\nrules:\n  - name: a\n    condition: {field: x, operator: eq, value: y}\n    action: permit\n', 5, /no action "permit"/],
  ['a rate without a number', 'version: "1.0"\nrules:\n  - name: a\n    condition: {field: x, operator: eq, value: y}\n    action: rate_limit\n', 5, /says no rate/],
  ['both forms of a condition', 'version: "1.0"\nrules:\n  - name: a\n    condition: {field: x, operator: eq, value: y}\n    conditions: []\n    action: deny\n', 3, /not exactly one/],
  ['an unknown default', 'version: "1.0"\ndefaults: {min_trust: 3}\nrules: []\n', 2, /"min_trust" has no meaning/],
  ['another version of the toolkit', 'apiVersion: governance.toolkit/v2\nrules: []\n', 1, /apiVersion is "governance.toolkit\/v2"/],
  ['two actions in one rule', toolkit('  - {name: a, condition: "true", action: allow, effect: deny}\n'), 4, /says two actions/],
  ['an allow for one surface', toolkit('  - {name: a, condition: "true", action: allow, surfaces: [pre_tool]}\n'), 4, /cannot be kept/],
  ['a tenant', toolkit('  - {name: a, condition: "true", action: allow}\n', 'scope: tenant\n'), 3, /no tenants/],
  ['an agent that is not named', toolkit('  - {name: a, condition: "true", action: allow}\n', 'scope: agent\n'), 3, /none is named/],
  ['a strategy among too many rules', `version: "1.0"\nstrategy: priority-first-match\nrules:\n${Array.from({ length: 400 }, (_, index) => `  - {name: r${index}, condition: "action.type == 'a${index}'", action: ${index === 399 ? 'deny' : 'allow'}}\n`).join('')}`, 403, /"r399": with all the rules that the strategy/],
  ['several agents', toolkit('  - {name: a, condition: "true", action: allow}\n', 'agents: [a, b]\n'), 3, /one agent or for all/],
  ['a mistake in a condition of the toolkit', toolkit('  - {name: a, condition: "action ==", action: allow}\n'), 4, /ends where a value/],
  ['a tool that is an expression', 'version: "1.0"\nrules:\n  - {tool: "a\' or true", action: allow}\n', 3, /names no tool/],
  ['a denial with conditions', 'version: "1.0"\nrules:\n  - {tool: a, action: deny, conditions: [{path_not_contains: [x]}]}\n', 3, /neither conditions nor a rate/],
  ['an unknown condition of a tool', 'version: "1.0"\nrules:\n  - {tool: a, action: allow, conditions: [{host_is: x}]}\n', 3, /"host_is" has no meaning/],
  ['a template of another version', 'kernel: {version: "2.0", mode: strict}\npolicies: []\n', 1, /version is "2.0"/],
  ['an unknown block of a template', `${kernel}tenancy: {strict_isolation: true}\npolicies: []\n`, 2, /"tenancy" restricts/],
  ['an unknown key of a template', `${kernel}policies:\n  - name: a\n    quota: 3\n`, 4, /"quota" cannot be kept/],
  ['an unknown signal', `${kernel}policies:\n  - name: a\n    deny: [{action: x}]\n    action: SIGHUP\n`, 5, /the action is "SIGHUP"/],
  ['an allow under terms that nobody can tell', `${kernel}policies:\n  - name: a\n    allow: [{action: x, moon: full}]\n`, 4, /"moon" cannot be told/],
  ['a pattern with look-ahead', `${kernel}policies:\n  - name: a\n    deny:\n      - patterns:\n          - 'a(?!b)c'\n`, 6, /look-around/],
  ['a limit that nothing keeps', `${kernel}policies:\n  - name: a\n    limits:\n      - action: x\n        max_concurrent_requests: 3\n`, 6, /"max_concurrent_requests" cannot be kept/],
  ['tokens in a minute', `${kernel}policies:\n  - name: a\n    limits:\n      - action: llm_call\n        max_tokens_per_minute: 3\n`, 6, /"max_tokens_per_minute" cannot be kept/],
  ['a limit below zero', `${kernel}policies:\n  - name: a\n    limits: [{action: x, max_cost_per_day: -1}]\n`, 4, /max_cost_per_day is -1/],
  ['a rate of no action', `${kernel}policies:\n  - name: a\n    limits: [{max_per_minute: 3}]\n`, 4, /"max_per_minute" cannot be kept/],
  ['roles that exclude each other', `${kernel}policies:\n  - name: a\n    rules: [{name: b, incompatible_roles: [[payer, approver]]}]\n`, 4, /nothing here knows the roles/],
  ['a policy without substance', `${kernel}policies:\n  - name: a\n    severity: high\n`, 3, /nothing that can be kept/],
  ['a Rego module', 'package: x\ndefault: allow\n', 1, /Rego/],
];
for (const [name, text, line, reason] of refused) {
  test(`refused with its place: ${name}`, async () => {
    const loaded = await loadPolicy(text, 'p.yaml');
    assert.not(loaded.ok);
    if (loaded.ok) return;
    assert.match(loaded.failure.reason, reason);
    assert.is(loaded.failure.detail?.['line'], line, loaded.failure.reason);
    assert.ok(loaded.failure.fix);
  });
}

test('what is allowed by host is allowed by the whole URL and by nothing that looks like it', () => {
  const policy = unwrap(compilePolicy({
    kernel: { version: '1.0', mode: 'strict', template: 't' },
    policies: [{ name: 'net', allow: [{ action: 'http_request', domains: ['*.company.com', 'api.openai.com'] }], deny: [{ action: 'http_request', domains: ['*'] }], action: 'SIGKILL' }],
  }));
  const may = (url: string): boolean => decide([policy], { action: { type: 'http_request' }, data: { url } })[0] === 'allow';
  for (const url of ['https://api.openai.com/v1', 'https://x.company.com', 'HTTPS://A.B.COMPANY.COM:8443/?q', 'http://api.openai.com#x']) assert.ok(may(url), url);
  for (const url of [
    'https://api.openai.com.evil.org/', 'https://evil.org/api.openai.com', 'https://api.openai.com@evil.org', 'https://company.com', 'https://evilcompany.com', 'https://evil.org#.company.com',
    'https://evil.org\\@x.company.com', 'ftp://api.openai.com', '//api.openai.com', ' https://api.openai.com', 'https://evil.org/https://api.openai.com/', 'https://apixopenai.com', 'https://x.company.com\n.evil.org',
  ]) assert.not(may(url), url);
  assert.is(decide([policy], { action: { type: 'http_request' }, data: {} })[0], 'deny');
  assert.is(decide([policy], { action: { type: 'read' }, data: {} })[0], 'allow');
});

test('no document of any dialect makes the compiler throw, and none that it takes decides by throwing', () => {
  const word = fc.constantFrom('a', 'x', 'allow', 'deny', 'SIGKILL', 'true', '1.0', '*', "action == 'x'", '(', "'", '\\', '\b');
  const value: fc.Arbitrary<unknown> = fc.oneof(word, fc.integer({ min: -1, max: 2_000 }), fc.boolean(), fc.array(word, { maxLength: 3 }), fc.jsonValue());
  const condition = fc.record({ field: fc.oneof(word, fc.constant('content')), operator: fc.constantFrom('eq', 'ne', 'in', 'matches', 'contains', 'gt', 'x'), value });
  const item = fc.dictionary(fc.constantFrom('action', 'paths', 'operations', 'patterns', 'domains', 'tables', 'roles', 'threshold_usd'), value);
  const rule = fc.dictionary(fc.constantFrom('name', 'id', 'tool', 'action', 'effect', 'priority', 'limit', 'enabled', 'message', 'rate_limit'), value)
    .chain((base) => fc.record({ condition: fc.oneof(condition, word), deny: fc.array(item, { maxLength: 2 }), allow: fc.array(item, { maxLength: 2 }), limits: fc.array(item, { maxLength: 1 }) }, { requiredKeys: [] }).map((more) => Object.assign({}, base, more)));
  const named = fc.record({ name: fc.constantFrom('a', 'b', 'c'), action: fc.constantFrom('allow', 'deny', 'block', 'warn') });
  const by_fields = fc.record({ version: fc.constant('1.0'), rules: fc.array(fc.record({ base: named, condition }).map(({ base, condition: one }) => Object.assign({}, base, { condition: one })), { maxLength: 2 }), defaults: fc.constantFrom({}, { action: 'deny' }, { max_tokens: 3 }) });
  const by_template = fc.record({
    kernel: fc.constant({ version: '1.0', mode: 'strict', template: 't' }),
    policies: fc.array(fc.record({ name: fc.constantFrom('a', 'b'), deny: fc.array(item, { maxLength: 2 }), allow: fc.array(item, { maxLength: 2 }) }), { maxLength: 2 }),
  });
  const by_toolkit = fc.record({ apiVersion: fc.constant('governance.toolkit/v1'), rules: fc.array(fc.record({ base: named, condition: word }).map(({ base, condition: one }) => Object.assign({}, base, { condition: one })), { maxLength: 3 }) });
  const anything = fc.record({ version: fc.constant('1.0'), name: word, rules: fc.array(rule, { maxLength: 3 }), policies: fc.array(rule, { maxLength: 3 }), defaults: fc.dictionary(word, value) }, { requiredKeys: [] });
  const top = fc.oneof(by_fields, by_template, by_toolkit, anything);
  let taken = 0;
  fc.assert(fc.property(top, (document) => {
    const compiled = compilePolicy(document);
    if (!compiled.ok) return assert.is(compiled.failure.code, 'POLICY_INVALID');
    taken += 1;
    decide([compiled.value], { action: { type: 'x' }, data: { a: 'x' } });
  }), { numRuns: 2_000, seed: 9 });
  assert.ok(taken > 20, String(taken));
});

test.run();
