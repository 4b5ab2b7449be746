/** Who operates a host that witnesses: the word of its owner counts, and only for that host, as long as it stands. */
import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import { auditWitnessMethods, witnessChecks } from '../../node/control/audit-witness-methods.ts';
import { Sponsoring } from '../../node/sponsoring.ts';
import { suite } from '../harness.ts';
import { codeOf, hostWorld, type HostWorld } from '../simulated-hosts.ts';

const test = suite('node/operators of hosts');

async function own(world: HostWorld, index: number, name: string): Promise<string> {
  const { host, actions } = world.at(index);
  const owner = await world.get(actions.createSponsor(name, 'human'));
  await world.get(new Sponsoring(host).host(name, {}));
  return owner.did;
}

/** The sponsors of the witnesses that a host knows, by the host's name. */
function sponsorsSeen(world: HostWorld, index: number): Readonly<Record<string, string | undefined>> {
  const { host } = world.at(index);
  const named = (peer: string): string => world.hosts.find((each) => each.peer === peer)?.name ?? peer;
  return Object.fromEntries(host.witnesses().map(({ peer, sponsor }) => [named(peer), sponsor]));
}

test('the owner\'s word is seen by others, is asked first, and a withdrawn one counts no more', async (context) => {
  const world = await hostWorld(context, { count: 4 });
  const observer = world.at(0).host;
  assert.equal(sponsorsSeen(world, 0), { 'host-1': undefined, 'host-2': undefined, 'host-3': undefined });
  await world.until('an anchor', () => observer.log.latest() !== undefined && world.at(0).facts.some(({ kind }) => kind === 'audit.anchored'));
  const weak = (await witnessChecks(observer)).find(({ name }) => name === 'quorum of witnesses');
  assert.is(weak?.state, 'warning');
  assert.match(weak?.text ?? '', /none of the 2 operators/);
  assert.match(weak?.fix ?? '', /agentmesh sponsor host/);
  const [bob, carol] = [await own(world, 1, 'bob'), await own(world, 2, 'carol')];
  // A renewed record reaches others when they resolve it again.
  for (const index of [1, 2]) await world.get(observer.identity.resolve(world.at(index).host.identities.node.did, { fresh: true }));
  await world.until('the owners are known', () => sponsorsSeen(world, 0)['host-1'] === bob && sponsorsSeen(world, 0)['host-2'] === carol, 60_000);
  await world.get(observer.log.append({ subject: 'agent', payload: new Uint8Array(3) }));
  await world.get(observer.witness.anchor());
  const { quorum, witnesses } = await observer.witness.report();
  assert.is(quorum.weakness, undefined);
  const shown = await world.get(auditWitnessMethods(observer)['audit.witnesses']({}, new AbortController().signal));
  assert.equal(shown.witnesses.slice(0, 2).map(({ sponsor, sponsor_name }) => [sponsor, sponsor_name]), [[bob, null], [carol, null]], 'a human has no name in the mesh, not an empty one');
  assert.equal(witnesses.map(({ contact }) => contact.sponsor), [bob, carol, undefined]);
  assert.is((await witnessChecks(observer)).find(({ name }) => name === 'quorum of witnesses')?.state, 'ok');
  const { host } = world.at(1);
  await world.get(new Sponsoring(host).withdraw(host.identities.node.did, 'sold'));
  await world.until('it is withdrawn everywhere', () => sponsorsSeen(world, 0)['host-1'] === undefined, 60_000);
});

test('a host that nobody cosigned for is told so, and one with cosigners how many they are', async (context) => {
  const alone = (await hostWorld(context, { count: 1, seed: 'alone' })).at(0).host;
  unwrap(await alone.log.checkpoint());
  const [lonely] = await witnessChecks(alone);
  assert.equal([lonely?.name, lonely?.state, lonely?.text], ['witnesses', 'warning', 'no checkpoint is cosigned yet']);
  const world = await hostWorld(context, { count: 3 });
  const { size } = await world.get(world.at(0).host.witness.anchor());
  const [seen] = await witnessChecks(world.at(0).host);
  assert.equal([seen?.name, seen?.state], ['witnesses', 'ok']);
  assert.match(seen?.text ?? '', new RegExp(`^a checkpoint of ${size} of \\d+ entries is cosigned by 2$`));
});

test('two hosts of one owner are one operator', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const observer = world.at(0).host;
  const bob = await own(world, 1, 'bob');
  // The owner's other host: its word comes from the device that has the key.
  const { host } = world.at(1);
  const owner = host.identities.find('bob');
  const second = world.at(2).host;
  if (owner === undefined) throw new Error('bob was made');
  const word = await host.identities.attesting.attest(owner, second.identities.node.did, { role: 'operator' });
  await world.finish(second.identities.publish(await world.finish(second.identities.attesting.accept(second.identities.node, word))));
  for (const index of [1, 2]) await world.get(observer.identity.resolve(world.at(index).host.identities.node.did, { fresh: true }));
  await world.until('the owner is known', () => sponsorsSeen(world, 0)['host-1'] === bob && sponsorsSeen(world, 0)['host-2'] === bob, 60_000);
  await world.get(observer.log.append({ subject: 'agent', payload: new Uint8Array(3) }));
  assert.is(codeOf(await world.finish(observer.witness.anchor())), 'AUDIT_QUORUM');
});

test('a host that shows the owner of another host as its own is not believed', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const observer = world.at(0).host;
  const bob = await own(world, 1, 'bob');
  const thief = world.at(2).host;
  const stolen = world.at(1).host.identities.node.attestations;
  assert.is(stolen.length, 1);
  await world.finish(thief.identities.publish(await world.finish(thief.identities.attesting.accept(thief.identities.node, stolen[0] ?? ''))));
  for (const index of [1, 2]) await world.get(observer.identity.resolve(world.at(index).host.identities.node.did, { fresh: true }));
  await world.until('the owner is known', () => sponsorsSeen(world, 0)['host-1'] === bob, 60_000);
  await world.pass(5000);
  assert.is(sponsorsSeen(world, 0)['host-2'], undefined);
});

test('the word of an owner whose key is here is renewed before it ends', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { host } = world.at(0);
  await world.get(world.at(0).actions.createSponsor('bob', 'human'));
  await world.get(new Sponsoring(host).host('bob', { lifetime_s: 30 * 3600 }));
  const [first] = host.identities.node.attestations;
  // Records are published every twelve hours, and a word is renewed in its last third.
  await world.pass(26 * 3_600_000);
  const [renewed] = host.identities.node.attestations;
  assert.is.not(renewed, first);
  const record = host.identity.known(host.identities.node.did);
  assert.ok(record !== undefined && host.revocation.operator(record) === host.identities.find('bob')?.did);
});

test('who may answer for a host', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { host } = world.at(0);
  const agent = await world.hire(0, 'worker');
  const sponsoring = new Sponsoring(host);
  assert.is(codeOf(await sponsoring.host('nobody', {})), 'NAME_UNKNOWN');
  assert.is(codeOf(await sponsoring.host('', {})), 'NAME_UNKNOWN');
  assert.is(codeOf(await sponsoring.host(agent.name, {})), 'SPONSOR_KIND');
  assert.is(codeOf(await sponsoring.host('sponsor-0', { lifetime_s: 10 ** 9 })), 'SPONSOR_LIFETIME');
  const attested = unwrap(await world.finish(sponsoring.host('sponsor-0', {})));
  assert.is(attested.did, host.identities.node.did);
  assert.is(attested.attestations.length, 1);
});

test.run();
