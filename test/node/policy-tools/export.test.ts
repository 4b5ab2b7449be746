import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { unwrap } from '../../../crypto/result.ts';
import { compilePolicy } from '../../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../../node/kernel/policy/policy.ts';
import { documentFormOf } from '../../../node/policy-tools/export.ts';
import { Trial } from '../../../node/policy-tools/trial.ts';
import { suite } from '../../harness.ts';
import { policyOf, request, rules } from '../kernel/policy/samples.ts';

const test = suite('node/policy-tools/export');

function again(policy: CompiledPolicy): CompiledPolicy {
  return unwrap(compilePolicy(documentFormOf(policy)));
}

test('the document of a policy decides as the policy, whatever strategy it was written in', () => {
  const more = fc.record({ strict: fc.boolean(), kind: fc.constantFrom('file', 'guard'), strategy: fc.constantFrom('deny-overrides', 'priority-first-match', 'allow-overrides') });
  fc.assert(fc.property(rules, request, more, (written, asked, how) => {
    const policy = policyOf(written, how);
    const [one, other] = [policy, again(policy)].map((version) => new Trial([version]).decide(asked, 0));
    assert.equal(other, one);
  }), { numRuns: 500, seed: 2 });
});

test('everything beside the conditions is kept', () => {
  const policy = policyOf([
    { name: 'a', condition: 'true', action: 'allow', limit: '90/5m', audit: true, message: 'why', priority: 3 },
    { name: 'b', condition: "action == 'x'", action: 'deny', signal: 'SIGKILL' },
    { name: 'c', condition: 'true', limit: '7/36h' },
    { name: 'd', condition: 'true', action: 'warn', limit: '7/250ms', audit: 'batched' },
    { name: 'e', condition: 'true', action: 'redact', audit: true },
    { name: 'f', condition: 'true', action: 'audit' },
  ], {
    agent: 'x', sponsor: 'y', capabilities: ['read:**'], mode: 'shadow', budgets: { calls: 3 }, loops: { repeats: 4, window_ms: 5 }, sandbox: 'process',
    delegation: { allow: true, max_depth: 2 }, compliance: { frameworks: ['gdpr'] },
  });
  const plain = ({ rules: all, digest: _digest, warnings: _warnings, candidates: _candidates, ...rest }: CompiledPolicy): unknown => ({
    ...rest, rules: all.map(({ name, effect, condition, priority, obligations, message, limit, batched, signal }) => ({ name, effect, text: condition.text, priority, obligations: obligations.toSorted(), message, limit, batched, signal })),
  });
  assert.equal(plain(again(policy)), plain(policy));
});

test.run();
