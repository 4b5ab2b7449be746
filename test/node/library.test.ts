import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { FailureError, unwrap } from '../../crypto/result.ts';
import { AgentIdentity, createNode, Denied, KernelSpace, Policy, TrustBridge, type DelegatedTask, type Node } from '../../node/index.ts';
import { suite, type TestContext } from '../harness.ts';

const test = suite('node/library');

async function up(context: TestContext, config: { readonly bootstrap?: readonly string[] } = {}): Promise<Node> {
  const node = unwrap(await createNode({ data: join(context.folder(), 'data'), name: 'library', control: false, ...config }));
  context.after(() => node.stop());
  return node;
}

/** The code of what was thrown, or `nothing`. */
async function thrown(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'nothing';
  } catch (error) {
    return error instanceof FailureError ? error.code : String(error);
  }
}

function kernel(): KernelSpace {
  return new KernelSpace({ policies: [Policy.noDestructiveSql()] });
}

interface Pair {
  readonly first: Node;
  readonly second: Node;
  readonly worker: AgentIdentity;
  readonly boss: AgentIdentity;
}

/** A worker of alice on the first node, and a boss of bob on the second, which knows where to find it. */
async function pair(context: TestContext): Promise<Pair> {
  const first = await up(context);
  const second = await up(context, { bootstrap: first.addresses });
  unwrap(await first.actions.createSponsor('alice', 'human'));
  unwrap(await second.actions.createSponsor('bob', 'human'));
  const worker = await AgentIdentity.create({ node: first, name: 'worker', sponsor: 'alice', capabilities: ['read:data', 'write:reports'], kernel: kernel() });
  const boss = await AgentIdentity.create({ node: second, name: 'boss', sponsor: 'bob', capabilities: ['read:**', 'write:**'], kernel: kernel() });
  const bridge = new TrustBridge(boss);
  for (let round = 0; round < 100 && !(await bridge.verifyPeer(worker.did)).verified; round += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  return { first, second, worker, boss };
}

test('an agent names its sponsor and its limits, and is there again under its name', async (context) => {
  const node = await up(context);
  const alice = unwrap(await node.actions.createSponsor('alice@company.com', 'human'));
  const parent = await AgentIdentity.create({ name: 'parent', sponsor: 'alice@company.com', capabilities: ['read:data'], kernel: kernel() });
  assert.is(parent.node, node, 'the one node of the process is meant where none is named');
  assert.equal([parent.name, parent.sponsor, parent.capabilities], ['parent', alice.did, ['read:data']]);
  assert.is(AgentIdentity.open({ name: 'parent' }).did, parent.did);
  const child = await AgentIdentity.create({ name: 'child', sponsor: alice.did, capabilities: ['read:data'], parentAgent: parent.did });
  assert.is(child.sponsor, alice.did);
  assert.is(await thrown(() => AgentIdentity.create({ name: 'greedy', sponsor: alice.did, capabilities: ['write:data'], parentAgent: 'parent' })), 'PARENT_EXCEEDED');
  assert.is(await thrown(() => AgentIdentity.create({ name: 'orphan', sponsor: 'nobody' })), 'SPONSOR_UNKNOWN');
  assert.is(await thrown(() => AgentIdentity.open({ name: 'nobody' })), 'NAME_UNKNOWN');
  const shared = kernel();
  await AgentIdentity.create({ name: 'one', sponsor: 'alice@company.com', kernel: shared });
  assert.is(await thrown(() => AgentIdentity.create({ name: 'two', sponsor: 'alice@company.com', kernel: shared })), 'KERNEL_TAKEN');
});

test('without a node, or with several, an agent must say where it lives', async (context) => {
  assert.is(await thrown(() => AgentIdentity.open({ name: 'a' })), 'NODE_MISSING');
  await up(context);
  await up(context);
  assert.is(await thrown(() => AgentIdentity.open({ name: 'a' })), 'NODE_AMBIGUOUS');
});

test('a peer is verified by proof and by our own score, and nothing that it is or does throws', async (context) => {
  const { worker, boss } = await pair(context);
  const bridge = new TrustBridge(boss);
  const verified = await bridge.verifyPeer(worker.did, { requiredTrustScore: 500 });
  assert.equal([verified.verified, verified.trustScore, verified.tier, verified.code, verified.reason], [true, 500, 'standard', '', '']);
  const distrusted = await bridge.verifyPeer(worker.did, { requiredTrustScore: 900 });
  assert.equal([distrusted.verified, distrusted.trustScore, distrusted.code], [false, 500, 'TRUST_TOO_LOW']);
  for (const [peer, code] of [['did:web:example.org', 'NAME_UNKNOWN'], ['nobody', 'NAME_UNKNOWN'], [`did:mesh:b${'a'.repeat(52)}`, 'DID_NOT_FOUND']] as const) {
    const answer = await bridge.verifyPeer(peer);
    assert.equal([answer.verified, answer.code], [false, code], peer);
    assert.ok(answer.reason.length > 10);
  }
});

test('delegated work is done within its scope, reported, and refused without a delegation', async (context) => {
  const { first, second, worker, boss } = await pair(context);
  const bridge = new TrustBridge(worker);
  const tasks: DelegatedTask[] = [];
  const own = kernel();
  const write = own.tool({ name: 'writer', action: () => ({ type: 'write', resource: 'reports' }), run: () => 'written' });
  bridge.onDelegation(async (task) => {
    tasks.push(task);
    assert.is(await bridge.verifyDelegation(task), true);
    assert.is(await thrown(() => own.scoped(task.scope, () => write({}))), 'SCOPE_EXCEEDED');
    await bridge.reportCompletion(task.id, 'done');
    return 'done';
  });
  const { delegation } = unwrap(await first.actions.delegate({ from: 'alice', to: boss.did, capabilities: ['read:data'] }));
  const asking = new TrustBridge(boss);
  const reply = await asking.sendMessage(worker.did, { command: 'read:data', arguments: { sql: 'SELECT 1' }, delegation: delegation.id });
  assert.equal([reply.allowed, reply.result, reply.code], [true, 'done', null]);
  assert.equal([tasks[0]?.caller, tasks[0]?.command, tasks[0]?.scope, tasks[0]?.id], [boss.did, 'read:data', ['read:data'], delegation.id]);
  assert.ok(reply.audit !== null && reply.receipt.split('.').length === 3);
  const denied = await asking.sendMessage(worker.did, { command: 'read:data', arguments: 'DROP TABLE data', delegation: delegation.id }).catch((error: unknown) => error);
  assert.ok(denied instanceof FailureError && denied.code === 'KERNEL_DENIED', 'the boss\'s own kernel does not let it out');
  const beyond = await asking.sendMessage(worker.did, { command: 'write:reports', delegation: delegation.id }).catch((error: unknown) => error);
  assert.ok(beyond instanceof FailureError && beyond.code === 'SCOPE_EXCEEDED', String(beyond));
  assert.is(await thrown(() => asking.sendMessage(worker.did, { command: 'read:data', delegation: 'unknown' })), 'DELEGATION_UNKNOWN');
  const stranger = await AgentIdentity.create({ node: second, name: 'stranger', sponsor: 'bob', capabilities: ['read:**'], kernel: kernel() });
  const refused = await new TrustBridge(stranger).sendMessage(worker.did, { command: 'read:data' });
  assert.equal([refused.allowed, refused.code, refused.result], [false, 'DELEGATION_REQUIRED', null]);
  assert.is(tasks.length, 1);
});

test('a delegation is passed on with less, never with more, and no longer holds when it is revoked', async (context) => {
  const { first, second, worker, boss } = await pair(context);
  const { delegation } = unwrap(await first.actions.delegate({ from: 'alice', to: boss.did, capabilities: ['read:**'] }));
  const bridge = new TrustBridge(boss);
  const clerk = await AgentIdentity.create({ node: second, name: 'clerk', sponsor: 'bob', capabilities: ['read:**'], kernel: kernel() });
  const passed = await bridge.delegate(clerk.did, ['read:data'], delegation.id);
  assert.is(passed.delivered, true);
  assert.is(await thrown(() => bridge.delegate(clerk.did, ['write:data'], delegation.id)), 'CHAIN_WIDENED');
  const chain = second.host.delegations.get(passed.id)?.chain ?? [];
  assert.is(await bridge.verifyDelegation({ chain }), true);
  worker.serve(() => 'served');
  assert.is((await new TrustBridge(clerk).sendMessage(worker.did, { command: 'read:data', delegation: passed.id })).result, 'served');
  for (const broken of [[], ['garbage'], chain.slice(1), chain.toReversed(), chain.map((token) => `${token.slice(0, -4)}AAAA`)]) {
    assert.is(await bridge.verifyDelegation({ chain: broken }), false);
  }
  const explained = await bridge.explainDelegation({ chain: chain.slice(1) });
  assert.equal(explained.ok ? null : explained.failure.detail, { step: 6, link: 0 });
  unwrap(await first.actions.revoke('alice', 'delegation', delegation.id, 'enough'));
  for (let round = 0; round < 100 && await bridge.verifyDelegation({ chain }); round += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  const revoked = await bridge.explainDelegation({ chain });
  assert.is(revoked.ok ? 'ok' : revoked.failure.code, 'REVOKED');
  assert.is((await new TrustBridge(clerk).sendMessage(worker.did, { command: 'read:data', delegation: passed.id })).code, 'REVOKED');
});

test('what an agent does by itself is governed and recorded in the log of its host', async (context) => {
  const node = await up(context);
  unwrap(await node.actions.createSponsor('alice', 'human'));
  const own = kernel();
  const agent = await AgentIdentity.create({ name: 'clerk', sponsor: 'alice', capabilities: ['read:**'], kernel: own });
  const query = own.tool({ name: 'sql', run: ({ sql }: { readonly sql: string }) => `rows of ${sql}` });
  const before = node.host.log.size();
  assert.is(await query({ sql: 'SELECT 1' }), 'rows of SELECT 1');
  const refusal = await query({ sql: 'DROP TABLE x' }).catch((error: unknown) => error);
  assert.ok(refusal instanceof Denied && refusal.rule === 'no-destructive-sql');
  const records: unknown[] = [];
  for await (const entry of node.host.log.entries({ from: before })) {
    const { payload } = unwrap(entry);
    if (payload !== undefined) records.push(JSON.parse(new TextDecoder().decode(payload)));
  }
  assert.is(records.length, 3, 'decision, outcome, decision');
  assert.ok(records.every((record) => JSON.stringify(record).includes(agent.did)));
});

test.run();
