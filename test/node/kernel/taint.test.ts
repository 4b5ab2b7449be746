import * as assert from 'uvu/assert';
import { unwrap } from '../../../crypto/result.ts';
import { Policy } from '../../../node/kernel/guards.ts';
import { KernelSpace } from '../../../node/kernel/kernel.ts';
import { Taints, taint_labels_per_agent_max, taint_source_characters_max } from '../../../node/kernel/taint.ts';
import { suite } from '../../harness.ts';
import { policyOf } from './policy/samples.ts';
import { space } from './spaces.ts';

const test = suite('node/kernel/taint');

test('labels stay in order, with their first source and time, until they are cleared', () => {
  let now = 1;
  const taints = new Taints(() => now);
  taints.add('a', 'web', 'https://x');
  now = 2;
  taints.add('a', 'web', 'https://y');
  taints.add('a', 'injection', 'mail');
  assert.equal(taints.labels('a'), ['web', 'injection']);
  assert.equal(taints.entries('a')[0], { label: 'web', source: 'https://x', time_ms: 1 });
  assert.equal(taints.labels('b'), []);
  taints.clear('a');
  assert.equal(taints.labels('a'), []);
});

test('who is called by a tainted agent is tainted, and not the other way round', () => {
  const taints = new Taints(() => 0);
  taints.add('a', 'web', 's');
  taints.inherit('a', 'b');
  taints.add('b', 'mail', 't');
  assert.equal(taints.labels('b'), ['web', 'mail']);
  assert.equal(taints.labels('a'), ['web']);
  taints.inherit('a', 'a');
  assert.equal(taints.labels('a'), ['web']);
});

test('neither many labels nor many agents nor odd names make anybody look clean', () => {
  const taints = new Taints(() => 0, 2);
  for (let index = 0; index < 1_000; index += 1) taints.add('a', `label-${index}`, 'x'.repeat(10_000));
  assert.is(taints.labels('a').length, taint_labels_per_agent_max);
  assert.ok(taints.labels('a').includes('overflow'));
  assert.ok(taints.entries('a').every(({ source }) => source.length <= taint_source_characters_max));
  taints.add('b', 'NOT a label\n', 's');
  assert.equal(taints.labels('b'), ['malformed']);
  taints.add('c', 'web', 's');
  assert.equal(taints.labels('c'), ['overflow']);
  assert.equal(taints.labels('d'), ['overflow']);
  assert.not(taints.labels('b').includes('overflow'));
});

test('a rule holds what a tainted agent may do, whatever the text made it want', () => {
  const policy = `version: "1.0"
name: information-flow
rules:
  - {name: all, condition: "true", action: allow}
  - {name: tainted-egress, condition: "taint.tainted and action.type in ['file.write', 'send_email', 'http_request']", action: require_approval}
`;
  return (async () => {
    const kernel = new KernelSpace({ policies: [unwrap(await Policy.parse(policy, 'flow.yaml'))] });
    const ask = (type: string, taint: readonly string[]): string | null => kernel.decide({ agent: 'a', action: { type }, data: {}, context: { taint } }).code;
    assert.is(ask('send_email', []), null);
    assert.is(ask('send_email', ['web']), 'APPROVAL_REQUIRED');
    assert.is(ask('file.read', ['web']), null);
  })();
});

test('what is done at the command of a peer carries the label peer until it is done, and nothing beside or after it does', async () => {
  const { kernel, decisions } = space({ policies: [policyOf([
    { name: 'all', condition: 'true', action: 'allow' },
    { name: 'no-tainted-export', condition: "taint.tainted and action.type == 'export'", action: 'deny' },
  ])] });
  const exported = (agent: string): Promise<string> => kernel.run({ agent, action: { type: 'export' }, effect: async () => 'sent' }).then((done) => (done.ok ? done.value.value : done.failure.code));
  const asked = (type: string, effect: () => Promise<unknown>): Promise<unknown> => kernel.run({ agent: 'a', action: { type }, context: { peer: 'did:mesh:p' }, effect }).then((done) => (done.ok ? done.value.value : done.failure.code));
  const beside = new Promise<string>((resolve) => setImmediate(() => resolve(exported('a'))));
  const inside = asked('summarise', async () => [await exported('a'), await exported('b'), await beside]);
  assert.equal(await inside, ['KERNEL_DENIED', 'KERNEL_DENIED', 'sent'], 'the agent itself, whom it calls, and what it does of its own accord meanwhile');
  assert.is(await asked('export', async () => 'sent'), 'sent', 'about the command itself rules speak by context.remote');
  assert.is(await asked('delegate', () => asked('export', async () => 'sent')), 'KERNEL_DENIED');
  assert.equal([await exported('a'), await exported('b'), kernel.taints.labels('a'), kernel.taints.labels('b')], ['sent', 'sent', [], []]);
  assert.equal(decisions().filter(({ agent, verdict }) => agent === 'b' && verdict === 'deny').map(({ taint }) => taint), [['peer']]);
});

test('a question about another agent taints nobody', async () => {
  const { kernel } = space({ policies: [policyOf([
    { name: 'all', condition: 'true', action: 'allow' },
    { name: 'no-tainted-export', condition: "taint.tainted and action.type == 'export'", action: 'deny' },
  ])] });
  kernel.taints.add('a', 'web', 's');
  const seen = await kernel.run({ agent: 'a', action: { type: 'read' }, effect: async () => kernel.decide({ agent: 'b', action: { type: 'export' } }).code });
  assert.equal([seen.ok && seen.value.value, kernel.taints.labels('b')], ['KERNEL_DENIED', []], 'what would be decided about a call, which would taint it');
  await kernel.run({ agent: 'a', action: { type: 'read' }, effect: () => kernel.run({ agent: 'b', action: { type: 'read' }, effect: async () => null }) });
  assert.equal(kernel.taints.labels('b'), ['web'], 'a call does');
});

test.run();
