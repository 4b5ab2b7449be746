import * as assert from 'uvu/assert';
import { fromBase64url } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { endorsement_lifetime_s_max, signEndorsement } from '../../crypto/statement.ts';
import { suite } from '../harness.ts';
import { hostWorld, type SimulatedHost } from '../simulated-hosts.ts';

const test = suite('node/sweeps');
const hour_ms = 3_600_000;

/** The record of somebody as the host knows it. */
function recordOf({ host }: SimulatedHost, did: string): Uint8Array {
  const record = host.identity.known(did);
  if (record === undefined) throw new Error(`the record of ${did} is known`);
  return record.bytes;
}

test('a kill that nobody could place ends its agent within 31 s of the record that shows its authority, though nobody uses the agent', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [home, away] = [world.at(0), world.at(1)];
  world.wire.partition([home.peer], [away.peer]);
  await world.until('they are apart', () => away.host.parts.network.peers().length === 0);
  const org = await world.get(home.actions.createSponsor('company', 'org'));
  const human = await world.get(home.actions.createSponsor('alice', 'human', undefined, 'company'));
  const agent = await world.get(away.actions.createAgent({ name: 'agent', sponsor: human.did, capabilities: ['read:**'], authority: 'open' }));
  world.employ(1, agent);
  const state = (): string | undefined => away.host.agents.get(agent.did)?.kernel.stateOf(agent.did);
  const { hash } = await world.get(home.actions.revoke('company', 'agent', agent.did, 'the end'));
  const text = await home.host.statement_store.get(fromBase64url(hash) ?? new Uint8Array()) ?? '';
  // By hand across the cut: the issuer's record, so that the kill can be verified, and not yet that of the human between the two.
  unwrap(await world.finish(away.host.identity.offer([recordOf(home, org.did)])));
  await world.get(away.host.statements.publish(text));
  await world.pass(65_000);
  assert.is(state(), 'running', 'whose it is nobody here can know');
  unwrap(await world.finish(away.host.identity.offer([recordOf(home, human.did)])));
  const since_ms = world.simulator.now_ms;
  await world.until('it has ended', () => state() === 'killed', 31_000);
  assert.ok(world.simulator.now_ms > since_ms);
  assert.equal(away.facts.filter(({ kind }) => kind === 'agent.killed').map(({ did, by }) => [did, by]), [[agent.did, org.did]]);
});

test('what ended is out of the memory of a running host an hour after its day', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { host, actions } = world.at(0);
  const { signer } = await world.get(actions.createSponsor('alice', 'human'));
  const agent = await world.hire(0, 'agent');
  await world.pass(2000);
  const now_s = Math.floor(world.simulator.now_ms / 1000);
  const before = host.statement_store.size;
  const hashes: string[] = [];
  // Endorsed long ago: whatever an issuer could have said before has ended when these end, so that they need bar nothing any more.
  const times = { nbf: now_s + 3600 - endorsement_lifetime_s_max, exp: now_s + 3600 };
  for (const scope of ['read', 'write', 'general']) {
    const text = unwrap(await signEndorsement(signer, { sub: agent.did, scope, seq: 1, ...times, weight: 500, why: 'good work' }));
    hashes.push((await world.get(host.statements.publish(text))).hash);
  }
  assert.is(host.statement_store.size, before + hashes.length);
  await world.pass(23 * hour_ms);
  assert.ok(hashes.every((hash) => host.statement_store.has(hash)), 'until their day is over they bar older ones');
  const full = host.statement_store.size;
  await world.pass(2 * hour_ms);
  assert.ok(hashes.every((hash) => !host.statement_store.has(hash)));
  assert.is(host.statement_store.size, full - hashes.length);
});

test.run();
