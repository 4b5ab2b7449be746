import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { canonicalJson } from '../../../crypto/canonical.ts';
import { sha256Hex } from '../../../crypto/hash.ts';
import { unwrap } from '../../../crypto/result.ts';
import { decideCall, prepare, type Brought, type Circumstances } from '../../../node/kernel/decide.ts';
import { decisionRecord } from '../../../node/kernel/journal.ts';
import { Meter } from '../../../node/kernel/policy/limit.ts';
import { compilePolicy } from '../../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../../node/kernel/policy/policy.ts';
import type { DecisionRecord } from '../../../node/kernel/recorder.ts';
import { suite } from '../../harness.ts';

const test = suite('node/kernel/decide');

function policy(name: string, rules: readonly object[], more: object = {}): CompiledPolicy {
  return unwrap(compilePolicy({ version: '1.0', name, rules, ...more }));
}

const everything = policy('everything', [{ name: 'all', condition: 'true', action: 'allow' }]);

function recordOf(call: Partial<Brought>, around: Partial<Circumstances> = {}): DecisionRecord {
  const prepared = prepare({ agent: 'a', action: { type: 'read' }, data: undefined, context: {}, trust_score: undefined, scopes: [], delegated: undefined, ...call });
  const decision = decideCall(prepared, { layers: [[everything]], meter: new Meter(() => 0), refusal: undefined, folder: '/', entering: false, charge: true, ...around });
  return decisionRecord(prepared, decision, { call_id: 'c-1', audit: 'durable', time_ms: 5 });
}

test('a record is JSON with every field, in the order in which it is written', () => {
  const full: Partial<Brought> = {
    agent: 'did:mesh:a', data: { b: 1, a: [undefined, 2] }, trust_score: 700.9,
    context: { agent_name: 'a', sponsor: 's', peer: 'p', delegation: { root: 'r', depth: 1, capabilities: ['read:x'] }, taint: ['web'], sandbox: 'quickjs' },
  };
  for (const call of [{}, full, { action: { type: '' } }, { agent: '' }]) {
    const record = recordOf(call);
    assert.equal(JSON.parse(JSON.stringify(record)), record);
    assert.equal(Object.keys(record), Object.keys(record).sort());
    assert.not.match(JSON.stringify(record), /undefined/);
  }
  const { args_hash, trust_score, sandbox, enforcement, taint, peer, sponsor, policies } = recordOf(full);
  assert.is(args_hash, sha256Hex('{"a":[null,2],"b":1}'));
  assert.equal([trust_score, sandbox, enforcement, taint, peer, sponsor, policies], [700, 'quickjs', 'isolated', ['web'], 'p', 's', [everything.digest]]);
});

test('a call without arguments has the hash of null, unreadable ones have none and are denied', () => {
  assert.is(recordOf({}).args_hash, sha256Hex('null'));
  assert.is(recordOf({ data: null }).args_hash, sha256Hex('null'));
  const record = recordOf({ data: 'x'.repeat(2_000_000) });
  assert.equal([record.args_hash, record.verdict, record.code], [null, 'deny', 'CALL_INVALID']);
});

test('what was decided about cannot change afterwards, and is what was hashed', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (data) => {
    const prepared = prepare({ agent: 'a', action: { type: 'read' }, data, context: {}, trust_score: undefined, scopes: [], delegated: undefined });
    for (const name of Object.keys(data)) Reflect.deleteProperty(data, name);
    assert.is(prepared.args_hash, sha256Hex(canonicalJson(prepared.request.data)));
  }), { numRuns: 300 });
});

test('arguments of 100 MB are refused before they are hashed, at once', () => {
  const since = process.cpuUsage();
  for (const data of ['x'.repeat(100_000_000), Buffer.alloc(100_000_000), Array.from({ length: 100 }, () => 'x'.repeat(1_000_000)), { deep: ['x'.repeat(100_000_000)] }]) {
    assert.is(recordOf({ data }).code, 'CALL_INVALID');
  }
  assert.ok(process.cpuUsage(since).user < 2_000_000);
});

test('policies for other agents are not in force, and those in shadow mode are only tried', () => {
  const denial = [{ name: 'no', condition: 'true', action: 'deny' }];
  const other = policy('other', denial, { agent: 'b' });
  const shadow = policy('shadow', denial, { mode: 'shadow' });
  const record = recordOf({}, { layers: [[other, everything], [shadow]] });
  assert.is(record.verdict, 'allow');
  assert.equal(record.policies, [everything.digest]);
  assert.equal(record.shadow, [{ policy: 'shadow', digest: shadow.digest, effect: 'deny', rule: 'no' }]);
  assert.is(recordOf({ agent: 'b' }, { layers: [[other, everything]] }).rule, 'no');
  assert.is(recordOf({ context: { agent_name: 'b' } }, { layers: [[other, everything]] }).rule, 'no');
  assert.is('shadow' in recordOf({}), false);
});

test('what holds the agent and what it has read are attributes that policies can ask for', () => {
  const careful = policy('careful', [
    { name: 'isolated', condition: 'sandbox.level >= 1', action: 'allow' },
    { name: 'clean', condition: "taint.tainted and 'web' in taint.labels", action: 'deny' },
  ]);
  const rule = (context: Brought['context']): string | null => recordOf({ context }, { layers: [[careful]] }).rule;
  assert.is(rule({}), null);
  assert.is(rule({ sandbox: 'process' }), 'isolated');
  assert.is(rule({ sandbox: 'process', taint: ['web'] }), 'clean');
});

test.run();
