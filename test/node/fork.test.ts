/** A forking log in a mesh of eight whole hosts, in virtual time: who finds out, how soon, and who is never blamed. */
import * as assert from 'uvu/assert';
import { verifyEvidence } from '../../crypto/fork-evidence.ts';
import { unwrap } from '../../crypto/result.ts';
import { monitorChecks } from '../../node/control/monitor-checks.ts';
import { suite } from '../harness.ts';
import { forkWorld, honestTrouble, timesToExposure, type ForkWorld } from './fork-world.ts';

const test = suite('node/fork');
/** Eight hosts on a busy machine take their time, virtual or not. */
const mesh_options = { ms: 90_000 };

function exposedBy(fork: ForkWorld): readonly (readonly string[])[] {
  return fork.honest.map(({ host }) => host.accusations.list().map(({ did }) => did).toSorted());
}

async function mustBeExposed(what: string, fork: ForkWorld, limit_ms?: number): Promise<void> {
  const { honest, did, origin } = fork;
  const times = await timesToExposure(fork, did, limit_ms);
  console.log(`${what}, ${honest.length} honest hosts, virtual ms:`, times);
  for (const { host } of honest) {
    assert.is(host.monitor.state(origin), 'exposed');
    const { file } = unwrap(host.accusations.file(did));
    assert.is(unwrap(verifyEvidence(file)).accused.name, origin);
    assert.is(host.trust.score(host.identities.node.did, did).score, 0);
  }
}

test('a log that shows two histories of one size is exposed at all honest hosts, and trusted by none', async (context) => {
  const fork = await forkWorld(context, { seed: 'fork' });
  await fork.grow([3, 3]);
  await mustBeExposed('fork of one size', fork);
  assert.equal(exposedBy(fork), fork.honest.map(() => [fork.did]), 'and nobody else is');
}, mesh_options);

test('a log with histories of two sizes is exposed as soon as it answers', async (context) => {
  const fork = await forkWorld(context, { seed: 'sizes', manner: 'answers' });
  await fork.grow([3, 5]);
  await mustBeExposed('fork of two sizes, answering', fork);
}, mesh_options);

test('a log with histories of two sizes that refuses to answer is suspected by all honest hosts', async (context) => {
  const fork = await forkWorld(context, { seed: 'refusing', manner: 'refuses' });
  await fork.grow([3, 5]);
  const start_ms = fork.world.simulator.now_ms;
  await fork.world.until('all suspect it', () => fork.honest.every(({ host }) => host.monitor.state(fork.origin) === 'suspected'), 720_000);
  console.log('fork of two sizes, refusing: suspected by all after virtual ms:', fork.world.simulator.now_ms - start_ms);
  assert.equal(exposedBy(fork), fork.honest.map(() => []), 'without evidence nobody is exposed');
  for (const { host } of fork.honest) {
    const [check] = monitorChecks(host);
    assert.is(check?.state, 'warning');
    assert.match(check?.text ?? '', /^1 of \d+ leaves unproven that it has one history: host-0$/);
  }
}, mesh_options);

for (const colluders of [1, 2, 3]) {
  test(`a forker that needs 2 cosigners and has ${colluders} on its side is exposed with them`, async (context) => {
    const fork = await forkWorld(context, { seed: `colluders ${colluders}`, colluders });
    await fork.grow([3, 3]);
    const heads = await Promise.all(fork.faces.map(async ({ host }) => new TextDecoder().decode(unwrap(await host.log.cosigned()))));
    // A few are asked, so not every one of many has put its name under both.
    const collude = fork.colluders.map(({ host }) => host.identities.node.did).filter((did) => heads.every((head) => head.includes(`${did}/wit/`)));
    assert.ok(collude.length >= Math.min(colluders, 2));
    await mustBeExposed(`fork with ${colluders} colluding`, fork);
    await fork.world.until('the colluders are exposed', () => fork.honest.every(({ host }) => collude.every((did) => host.accusations.exposed(did))));
    assert.equal(exposedBy(fork), fork.honest.map(() => [fork.did, ...collude].toSorted()));
  }, mesh_options);
}

test('a fork behind a partition is found when the partition heals', async (context) => {
  const fork = await forkWorld(context, { seed: 'apart', apart: true });
  const { world } = fork;
  await fork.grow([3, 3]);
  await world.pass(300_000);
  assert.equal(exposedBy(fork), fork.honest.map(() => []), 'nobody can see both');
  world.wire.heal();
  await mustBeExposed('fork behind a partition, from its healing', fork);
}, mesh_options);

test('honest logs under loss, duplication, reordering, restarts and crashes are never exposed, nor suspected in the end', async (context) => {
  for (const seed of ['honest 1', 'honest 2']) {
    const { world, states, blamed } = await honestTrouble(context, { seed, count: 5, rounds: 25, loss: 0.05, duplication: 0.2, latency_ms: [1, 400] });
    assert.equal(blamed, [], seed);
    assert.equal(new Set(states), new Set(['trusted']), seed);
    assert.is(states.length, 20, 'everybody follows everybody else');
    assert.equal(world.hosts.flatMap(({ host }) => host.log.frozen ?? []), []);
  }
}, mesh_options);

test.run();
