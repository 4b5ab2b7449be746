import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { unwrap } from '../../../crypto/result.ts';
import type { Json } from '../../../crypto/canonical.ts';
import { compilePolicy } from '../../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../../node/kernel/policy/policy.ts';
import { KernelSpace } from '../../../node/kernel/kernel.ts';
import { memoryRecorder } from '../../../node/kernel/recorder.ts';
import { hashOf } from '../../../node/kernel/snapshot.ts';
import { Divergence } from '../../../node/policy-tools/divergence.ts';
import { recordedDecision, type RecordedDecision } from '../../../node/policy-tools/recorded.ts';
import { decidedByPolicy, Replay } from '../../../node/policy-tools/replay.ts';
import { Trial } from '../../../node/policy-tools/trial.ts';
import { suite } from '../../harness.ts';
import { policyOf, rules } from '../kernel/policy/samples.ts';

const test = suite('node/policy-tools/replay');

function record(fields: { readonly [name: string]: unknown } = {}): RecordedDecision {
  const decision = recordedDecision({
    kind: 'decision', agent: 'a', action: { type: 'read' }, args_hash: hashOf('something'), verdict: 'allow', code: null, rule: 'old', time_ms: 0, trust_score: 700, sandbox: 'none', taint: [], ...fields,
  }, 7);
  if (decision === undefined) throw new Error('this is no decision');
  return decision;
}

function replayed(policies: readonly CompiledPolicy[], one: RecordedDecision): readonly [string, string | null] {
  const { verdict, rule } = unwrap(Replay.of(policies)).decide(one);
  return [verdict, rule];
}

test('what a record knows is decided, and what hangs on the payload is not known', () => {
  const policy = policyOf([
    { name: 'read', condition: "action.type == 'read' and agent.trust_score >= 500", action: 'allow' },
    { name: 'pii', condition: "action.type == 'export' and data.contains_pii", action: 'deny' },
    { name: 'export', condition: "action.type == 'export'", action: 'allow' },
    { name: 'sql', condition: "action.type == 'query' and not sql.destructive", action: 'allow' },
  ]);
  assert.equal(replayed([policy], record()), ['allow', 'read']);
  assert.equal(replayed([policy], record({ trust_score: 400 })), ['deny', null]);
  assert.equal(replayed([policy], record({ action: { type: 'export' } })), ['unknown', 'pii']);
  assert.equal(replayed([policy], record({ action: { type: 'query' } })), ['unknown', 'sql']);
  assert.equal(replayed([policy], record({ action: { type: 'other' } })), ['deny', null]);
});

test('a condition in CEL keeps the meaning of CEL: a missing attribute is an error, which never allows', () => {
  const policy = unwrap(compilePolicy({ version: '1.0', conditions: 'cel', kind: 'guard', rules: [{ name: 'd', condition: 'action.missing == "x" && data.x == 1', action: 'deny' }] }));
  assert.equal(replayed([policy], record()), ['unknown', 'd'], 'denied where data.x is 1, which nobody knows');
  const simple = unwrap(compilePolicy({ version: '1.0', conditions: 'cel', kind: 'guard', rules: [{ name: 'd', condition: 'action.missing == "x" && (data.x == 1 || true)', action: 'deny' }] }));
  assert.equal(replayed([simple], record()), ['deny', 'd']);
});

test('a payload that the record holds, or whose hash gives it away, is known', () => {
  const policy = policyOf([
    { name: 'pii', condition: 'data.contains_pii', action: 'deny' },
    { name: 'all', condition: 'true', action: 'allow' },
  ]);
  assert.equal(replayed([policy], record()), ['unknown', 'pii']);
  assert.equal(replayed([policy], record({ data: { text: 'ada@example.com' } })), ['deny', 'pii']);
  assert.equal(replayed([policy], record({ data: { text: 'nothing' } })), ['allow', 'all']);
  for (const empty of [null, [], {}]) assert.equal(replayed([policy], record({ args_hash: hashOf(empty) })), ['allow', 'all']);
  assert.equal(replayed([policy], record({ args_hash: null })), ['unknown', 'pii']);
});

test('the name that the agent goes by here is not recorded either', () => {
  const policy = policyOf([{ name: 'n', condition: "agent.name == 'analyst'", action: 'allow' }, { name: 'd', condition: "agent.id == 'a'", action: 'allow' }]);
  assert.equal(replayed([policy], record()), ['allow', 'd']);
  assert.equal(replayed([policy], record({ agent: 'b' })), ['unknown', 'n']);
});

test('rates are replayed in the time of the records, and one that may be used up is not guessed', () => {
  const policy = policyOf([
    { name: 'all', condition: 'true', action: 'allow' },
    { name: 'two', condition: 'true', limit: '2/minute' },
    { name: 'pii', condition: "action.type == 'export' and data.contains_pii", action: 'deny' },
  ]);
  const replay = unwrap(Replay.of([policy]));
  const ask = (time_ms: number, type: string = 'read'): string => replay.decide(record({ time_ms, action: { type } })).verdict;
  assert.equal([ask(0), ask(0), ask(0), ask(29_000), ask(30_000)], ['allow', 'allow', 'deny', 'deny', 'allow']);
  // The export may have been charged, or denied before.
  const other = unwrap(Replay.of([policy]));
  const then = (type: string): string => other.decide(record({ action: { type } })).verdict;
  assert.equal([then('export'), then('read'), then('read'), then('read')], ['unknown', 'allow', 'unknown', 'unknown']);
});

test('capabilities of a policy are looked at as in a decision', () => {
  const policy = policyOf([{ name: 'all', condition: 'true', action: 'allow' }], { capabilities: ['read:reports'] });
  assert.is(replayed([policy], record({ action: { type: 'read', resource: 'reports' } }))[0], 'allow');
  assert.is(replayed([policy], record({ action: { type: 'read', resource: 'secrets' } }))[0], 'deny');
});

const payloads: readonly (Json | undefined)[] = [undefined, {}, { contains_pii: true }, { contains_pii: false, n: 3, m: 1 }, { n: 1, m: 0 }, { n: 0, m: 2, contains_pii: true }];

test('whatever is said for sure is what every possible payload gives', () => {
  const known = fc.record({
    action: fc.record({ type: fc.constantFrom('read', 'export', 'write'), resource: fc.constantFrom('a', 'b', 7) }, { requiredKeys: ['type'] }),
    trust_score: fc.constantFrom(null, 0, 299, 300, 500, 900),
  });
  let sure = 0;
  let unsure = 0;
  fc.assert(fc.property(rules, known, fc.boolean(), fc.constantFrom('file', 'guard'), (written, { action, trust_score }, strict, kind) => {
    const policy = policyOf(written, { strict, kind });
    const one = record({ action, trust_score });
    const { verdict, rule } = unwrap(Replay.of([policy])).decide(one);
    if (verdict === 'unknown') return void (unsure += 1);
    sure += 1;
    for (const data of payloads) {
      const real = new Trial([policy]).decide({ ...one.request, ...(data === undefined ? {} : { data }) }, 0);
      assert.is(real.effect, verdict, `${JSON.stringify(written)} ${JSON.stringify(data)}: ${real.reason}`);
    }
    assert.ok(rule === null || written.some(({ name }) => name === rule));
  }), { numRuns: 1_500, seed: 3 });
  assert.ok(sure > 300 && unsure > 100, `${sure} sure, ${unsure} not`);
});

test('with the payload a replay gives the verdict and the rule of a decision', () => {
  const known = fc.record({ action: fc.record({ type: fc.constantFrom('read', 'export', 'write') }), trust_score: fc.constantFrom(299, 500), data: fc.constantFrom(...payloads.slice(1)) });
  fc.assert(fc.property(rules, known, fc.boolean(), (written, { action, trust_score, data }, strict) => {
    const policy = policyOf(written, { strict });
    const one = record({ action, trust_score, data });
    const real = new Trial([policy]).decide(one.request, 0);
    assert.equal(replayed([policy], one), [real.effect, real.rule]);
  }), { numRuns: 500, seed: 4 });
});

test('what the kernel records can be replayed: the same policy gives the same, another one says how it differs', async () => {
  const old = unwrap(compilePolicy({ version: '1.0', name: 'old', rules: [{ name: 'read', condition: "action.type in ['read', 'list']", action: 'allow' }] }));
  const recorder = memoryRecorder();
  const kernel = new KernelSpace({ policies: [old], flight_recorder: recorder });
  for (const type of ['read', 'list', 'list', 'delete']) {
    const done = await kernel.run({ agent: 'a', action: { type }, data: { some: 'argument' }, effect: () => Promise.resolve(type) });
    assert.is(done.ok, type !== 'delete');
  }
  const decisions = recorder.getLogs().flatMap((one, index) => recordedDecision(one, index) ?? []);
  assert.is(decisions.length, 4);
  const same = new Divergence();
  const replay = unwrap(Replay.of([old]));
  for (const one of decisions) same.note(one, replay.decide(one));
  assert.equal([same.report().same, same.report().changes], [4, []]);
  const next = unwrap(compilePolicy({ version: '1.0', name: 'new', rules: [
    { name: 'most', condition: "action.type in ['read', 'delete']", action: 'allow' }, { name: 'ask', condition: "action.type == 'list'", action: 'require_approval' },
  ] }));
  const changed = new Divergence();
  const again = unwrap(Replay.of([next]));
  for (const one of decisions) changed.note(one, again.decide(one));
  const { decisions: count, looser, stricter, unknown, changes } = changed.report();
  assert.equal([count, looser, stricter, unknown], [4, 1, 2, 0]);
  assert.equal(changes.map(({ direction, from, to, from_rule, to_rule, count: many }) => [direction, from, from_rule, to, to_rule, many]), [
    ['looser', 'deny', null, 'allow', 'most', 1], ['stricter', 'allow', 'read', 'require_approval', 'ask', 2],
  ]);
  assert.is(changes[1]?.examples.length, 2);
});

test('a record that stands for many refusals counts as many, and what no policy decided is set aside', () => {
  const divergence = new Divergence();
  divergence.note(record({ verdict: 'deny', code: 'KERNEL_DENIED', repeated: 40 }), { verdict: 'allow', rule: 'x' });
  assert.is(divergence.report().looser, 40);
  assert.ok(decidedByPolicy(record({ verdict: 'deny', code: 'APPROVAL_REQUIRED' })));
  assert.not(decidedByPolicy(record({ approval: { id: 'i', by: 'did:mesh:b' } })));
  assert.not(decidedByPolicy(record({ verdict: 'deny', code: 'AGENT_KILLED' })));
  assert.not(decidedByPolicy(record({ verdict: 'deny', code: 'SCOPE_EXCEEDED' })));
  assert.not(decidedByPolicy(record({ action: { type: 'signal', signal: 'SIGSTOP' }, policies: [], policy: null, rule: null })), 'a signal is nobody\'s call');
  assert.not(decidedByPolicy(record({ action: { type: 'vfs.write', by: 'operator' }, policies: ['f00d'], policy: 'operator', rule: 'operator' })));
  assert.ok(decidedByPolicy(record({ action: { type: 'signal', direction: 'in' }, policies: ['f00d'], policy: 'p' })), 'a command to signal is one');
  assert.ok(decidedByPolicy(record({ action: { type: 'read', by: 'operator' }, policies: ['f00d'], policy: 'p' })), 'whoever calls himself the operator is judged');
});

test('the verdicts of policies in shadow mode are read from the record', () => {
  const one = record({ shadow: [{ policy: 'candidate', digest: 'd', effect: 'deny', rule: 'no' }, { policy: 'broken' }, 7] });
  assert.equal(one.shadow, [{ policy: 'candidate', effect: 'deny', rule: 'no' }]);
});

test('what is no decision is not taken for one, whatever it is', () => {
  for (const value of [null, 7, 'x', [], {}, { kind: 'outcome' }, { kind: 'decision' }, { kind: 'decision', agent: 'a', action: {}, verdict: 'maybe' }, { kind: 'decision', agent: 7, action: {}, verdict: 'allow' }]) {
    assert.is(recordedDecision(value, 0), undefined);
  }
  fc.assert(fc.property(fc.dictionary(fc.constantFrom('agent', 'action', 'verdict', 'shadow', 'taint', 'delegation', 'sandbox', 'time_ms', 'args_hash', 'repeated'), fc.jsonValue()), (fields) => {
    const read = recordedDecision({ kind: 'decision', agent: 'a', action: { type: 'x' }, verdict: 'allow', ...fields }, 0);
    if (read !== undefined) replayed([policyOf([{ name: 'a', condition: 'agent.trust_score > 5', action: 'allow' }])], read);
  }), { numRuns: 300 });
});

test.run();
