import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { verifyRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { Composition } from '../../node/composition.ts';
import type { HeldDelegation } from '../../protocols/delegation/index.ts';
import type { Receipt } from '../../protocols/message/index.ts';
import type { Network } from '../../protocols/ports.ts';
import { suite } from '../harness.ts';
import { codeOf, hostWorld, interposed } from '../simulated-hosts.ts';

const test = suite('node/authority');

test('a revoked agent is stopped on its own host, for good', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'asker');
  const worker = await world.hire(1, 'worker', { authority: 'open' });
  const state = (): string | undefined => world.at(1).host.agents.get(worker.did)?.kernel.stateOf(worker.did);
  assert.is(state(), 'running');
  await world.get(world.at(1).actions.revoke('sponsor-1', 'agent', worker.did, 'misbehaved'));
  await world.pass(1000);
  assert.is(state(), 'killed', 'its kernel was told, not asked');
  const out = (): Promise<unknown> => world.finish(world.at(1).actions.call({ from: worker.did, to: worker.did, command: 'read:x' })).then(codeOf);
  assert.is(await out(), 'REVOKED');
  await world.restart(1);
  world.employ(1, worker);
  assert.is(await out(), 'REVOKED', 'a restart gives nothing back');
  assert.is(codeOf(await world.finish(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:x' }))), 'REVOKED');
});

test('a revocation by somebody without authority ends no session and stops nobody', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const asker = await world.hire(0, 'asker');
  const worker = await world.hire(1, 'worker', { authority: 'open' });
  await world.hire(2, 'envious');
  const call = async (): Promise<string> => (await world.get(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:x' }))).receipt.verdict;
  assert.is(await call(), 'allow');
  const { handshake } = world.at(1).host;
  const before = handshake.between(worker.did, asker.did, world.at(0).peer);
  await world.get(world.at(2).actions.revoke('sponsor-2', 'agent', asker.did, 'envy'));
  await world.get(world.at(2).actions.revoke('sponsor-2', 'agent', worker.did, 'envy'));
  await world.pass(2000);
  assert.ok(world.at(1).host.statement_store.size >= 2, 'the statements arrived');
  assert.is(handshake.between(worker.did, asker.did, world.at(0).peer)?.id, before?.id);
  assert.is(world.at(1).host.agents.get(worker.did)?.kernel.stateOf(worker.did), 'running');
  assert.is(await call(), 'allow');
});

test('no kind of DID gets around the trust that is demanded, and only agents give commands', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'asker');
  const worker = await world.hire(1, 'worker', { authority: 'open' });
  const { actions, host } = world.at(0);
  assert.is(codeOf(await world.finish(actions.verifyPeer('asker', world.at(1).host.identities.node.did, 900))), 'TRUST_TOO_LOW');
  const answered = await world.get(host.message.send({ from: world.sponsor(0), to: worker.did, command: 'read:x', arguments: null }));
  assert.equal([answered.receipt.verdict, answered.receipt.code], ['deny', 'INVOCATION_KIND']);
});

test('interactions that are stored together all count after a restart, whatever came last', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const asker = await world.hire(0, 'asker');
  const worker = await world.hire(1, 'worker');
  const receipt: Receipt = { iss: worker.did, aud: asker.did, inv: '', cmd: 'read:x', verdict: 'allow', code: null, rule: null, reason: '', res_h: null, log: null, iat: 0 };
  const note = (name: string): Promise<void> => world.at(0).host.books.settled(asker.did, worker.did, receipt, sha256(utf8(name)), []);
  const score = async (): Promise<number> => (await world.get(world.at(0).actions.score(worker.did, asker.did))).score;
  const first = await score();
  await note('a');
  await world.pass(500);
  const second = await score();
  await note('b');
  await note('a');
  await world.pass(500);
  const third = await score();
  assert.ok(first < second && second < third, `${first}, ${second}, ${third}`);
  await world.restart(0);
  assert.is(await score(), third);
});

test('an agent\'s own policy file stands above the kernel that a program brings', async (context) => {
  const policy = join(context.folder(), 'policy.yaml');
  writeFileSync(policy, 'version: "1.0"\nrules:\n  - name: writes\n    condition: "action.type == \'write\'"\n    action: allow\n');
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'asker');
  const worker = await world.hire(1, 'worker', { authority: 'open', policy });
  const call = async (command: string): Promise<string> => (await world.get(world.at(0).actions.call({ from: 'asker', to: worker.did, command }))).receipt.verdict;
  assert.is(await call('write:x'), 'allow');
  assert.is(await call('read:x'), 'deny');
});

test('a revocation that came while nobody had its issuer\'s record counts for the very command that brings the record', async (context) => {
  // The executor neither holds nor finds the records of humans.
  const isHidden = (value: Uint8Array): boolean => {
    const record = verifyRecord(value, { allow_expired: true });
    return record.ok && record.value.kind === 'human';
  };
  const forgetful = (network: Network): Network => interposed(network, {
    records: (namespace, rules) => network.records(namespace, {
      ...rules, validate: async (key, value) => (isHidden(value) ? fail('RECORD_REFUSED', 'not here') : rules.validate(key, value)),
    }),
    get: async (...asked) => {
      const answered = await network.get(...asked);
      return answered.ok ? ok(answered.value.filter(({ value }) => value === undefined || !isHidden(value))) : answered;
    },
  });
  const world = await hostWorld(context, { count: 2, interpose: (network, name) => (name === 'host-1' ? forgetful(network) : network) });
  const asker = await world.hire(0, 'asker');
  const worker = await world.hire(1, 'worker', { authority: 'open' });
  const [sender, executor] = [world.at(0).host, world.at(1).host];
  const boss = world.sponsor(0);
  const issued = async (): Promise<HeldDelegation> => world.get(sender.delegations.issue({ from: boss, to: asker.did, capabilities: ['read:*'] }));
  const [revoked, valid] = [await issued(), await issued()];
  unwrap(await world.finish(sender.revocation.revoke(boss.signer, { kind: 'delegation', id: revoked.id }, '')));
  await world.pass(60_000);
  assert.is(executor.identity.known(boss.did), undefined);
  assert.is(executor.statement_store.revocation('delegation', revoked.id, boss.did), undefined);
  const answer = async ({ chain }: HeldDelegation): Promise<readonly unknown[]> => {
    const { receipt } = await world.get(sender.message.send({ from: asker, to: worker.did, command: 'read:x', arguments: null, chain }));
    return [receipt.verdict, receipt.code];
  };
  assert.equal(await answer(revoked), ['deny', 'REVOKED']);
  assert.equal(await answer(valid), ['allow', null]);
});

test('whose statements matter on a host: its own identities, the roots that they honour, and who answers for them', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [one, other] = [world.at(0).host, world.at(1).host];
  assert.ok(one instanceof Composition);
  await world.hire(0, 'own');
  const depended = one.authority.depended();
  for (const { did } of one.identities.list('human', 'org', 'agent', 'node')) assert.ok(depended.has(did));
  for (const { did } of other.identities.list('human', 'org', 'agent', 'node')) assert.not.ok(depended.has(did));
});

test.run();
