/** Whole hosts whose logs are cut by a rollback and a successor, or honestly ended: their peers tell how many entries were lost. */
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, hasShape } from '../../crypto/canonical.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { auditWitnessMethods } from '../../node/control/audit-witness-methods.ts';
import { monitorChecks } from '../../node/control/monitor-checks.ts';
import type { FollowedLog } from '../../protocols/monitor/index.ts';
import type { Network } from '../../protocols/ports.ts';
import { originHash } from '../../protocols/tiles/tiles.ts';
import { audit_protocol } from '../../protocols/witness/constants.ts';
import { suite, type TestContext } from '../harness.ts';
import { copyOf, hostWorld, interposed, type HostWorld, type SimulatedHost } from '../simulated-hosts.ts';

const test = suite('node/succession');

async function grow(world: HostWorld, { host }: SimulatedHost, count: number): Promise<number> {
  for (let index = 0; index < count; index += 1) await world.get(host.log.append({ subject: 'agent', payload: utf8(`payload ${index}`) }));
  await world.get(host.witness.anchor());
  return host.log.latest()?.size ?? 0;
}

/** Starts a host of the world from what is left of it, connected to the others. */
async function startFrom(context: TestContext, world: HostWorld, of: SimulatedHost, remains: Parameters<HostWorld['start']>[1], settings: Parameters<HostWorld['start']>[2] = {}): Promise<SimulatedHost> {
  const started = unwrap(await world.start(of.name, remains, settings));
  context.after(() => world.finish(started.host.stop()));
  for (const other of world.hosts) if (other !== of) await world.connect(started, other);
  await world.pass(3_000);
  return started;
}

function seen({ host }: SimulatedHost, origin: string): FollowedLog | undefined {
  return host.monitor.logs().find((log) => log.origin === origin);
}

function told({ facts }: SimulatedHost): readonly unknown[] {
  return facts.filter(({ kind, after }) => kind === 'audit.succeeded' && after !== undefined).map(({ follows, entries_lost }) => [follows, entries_lost]);
}

function warnings({ host }: SimulatedHost): readonly string[] {
  return monitorChecks(host).filter(({ name }) => name === 'succeeded logs').map(({ text }) => text);
}

/** A host that was put back to an older copy, froze, and prepared its successor. */
async function rolledBack(context: TestContext, interpose?: (network: Network, name: string) => Network): Promise<{ readonly world: HostWorld; readonly first: SimulatedHost; readonly back: SimulatedHost; readonly kept: number; readonly had: number }> {
  const world = await hostWorld(context, { count: 3, ...(interpose === undefined ? {} : { interpose }) });
  const first = world.at(0);
  await grow(world, first, 5);
  const copy = await copyOf(first);
  const kept = first.host.log.latest()?.size ?? 0;
  const had = await grow(world, first, 20);
  await world.until('everybody has seen it', () => world.hosts.slice(1).every((peer) => seen(peer, first.host.log.origin)?.size === had));
  await world.finish(first.host.stop());
  const back = await startFrom(context, world, first, copy);
  await world.until('it is frozen', () => back.host.log.frozen !== undefined, 900_000);
  await world.get(back.host.keeper.succeed());
  await world.finish(back.host.stop());
  return { world, first, back, kept, had };
}

test('after a rollback, a freeze and a successor every peer tells how many entries were lost, and remembers it', async (context) => {
  const { world, first, back, kept, had } = await rolledBack(context);
  const on = await startFrom(context, world, first, back);
  await grow(world, on, 1);
  const { origin } = on.host.log;
  const [one, two] = [world.at(1), world.at(2)];
  await world.until('both have told it', () => [one, two].every((peer) => seen(peer, origin)?.follows !== undefined), 300_000);
  for (const peer of [one, two]) {
    const { after, follows, entries_lost } = seen(peer, origin) ?? {};
    assert.equal([after, follows, entries_lost], [back.host.log.origin, true, had - kept]);
    assert.equal(told(peer), [[true, had - kept]], 'once');
    assert.equal(warnings(peer), [`host-0 has lost ${had - kept} entries of the log before its new one`]);
  }
  await world.finish(one.host.stop());
  const again = unwrap(await world.start(one.name, one));
  context.after(() => world.finish(again.host.stop()));
  await world.connect(again, on);
  assert.equal([seen(again, origin)?.follows, seen(again, origin)?.entries_lost], [true, had - kept]);
  await world.pass(60_000);
  assert.equal(told(again), [], 'it was told before');
});

test('an honest succession lost nothing, for those who saw it and for one who comes later', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const first = world.at(0);
  await grow(world, first, 5);
  await world.get(first.host.log.append({ subject: 'agent', payload: utf8('under no checkpoint yet') }));
  await world.get(first.host.keeper.succeed());
  const on = await world.restart(0);
  await grow(world, on, 1);
  const late = await world.add('late');
  for (const other of world.hosts) if (other !== late) await world.connect(late, other);
  const peers = [world.at(1), world.at(2), late];
  await world.until('all know it', () => peers.every((peer) => seen(peer, on.host.log.origin)?.follows !== undefined), 600_000);
  await world.pass(120_000);
  for (const peer of peers) {
    const { after, follows, entries_lost } = seen(peer, on.host.log.origin) ?? {};
    assert.equal([after, follows, entries_lost], [first.host.log.origin, true, 0]);
    assert.equal([told(peer), warnings(peer)], [[[true, 0]], []]);
    const old = seen(peer, first.host.log.origin);
    assert.equal([old?.after, old?.state], [undefined, 'trusted'], 'the first log follows none, and owes nothing');
  }
});

test('a log between two others that nobody has heard of is looked for, and links them', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const first = world.at(0);
  await grow(world, first, 5);
  await world.pass(10_000);
  await world.get(first.host.keeper.succeed());
  await world.finish(first.host.stop());
  const second = unwrap(await world.start(first.name, first));
  await world.get(second.host.keeper.succeed());
  await world.finish(second.host.stop());
  const third = await startFrom(context, world, first, second);
  const peer = world.at(1);
  assert.is(seen(peer, second.host.log.origin), undefined, 'it has no checkpoint that anybody saw');
  await grow(world, third, 1);
  await world.until('it links them', () => [second, third].every(({ host }) => seen(peer, host.log.origin)?.follows !== undefined), 900_000);
  for (const [older, newer] of [[first, second], [second, third]] as const) {
    const { after, follows, entries_lost } = seen(peer, newer.host.log.origin) ?? {};
    assert.equal([after, follows, entries_lost], [older.host.log.origin, true, 0]);
  }
  assert.equal([seen(peer, first.host.log.origin)?.after, warnings(peer)], [undefined, []]);
  assert.equal(told(peer), [[true, 0], [true, 0]], 'nothing else was told on the way');
});

test('a new log that does not name the old one is told as such', async (context) => {
  const { world, first, back, had } = await rolledBack(context);
  const lost: Uint8Array[] = [];
  for await (const [key] of back.store.entries('log', { gte: utf8('c'), lt: utf8('d') })) lost.push(key);
  await back.store.batch(lost.map((key) => ({ space: 'log', key })), { sync: true });
  for (const name of ['head', 'frozen']) await back.files.remove(name);
  const on = await startFrom(context, world, first, back);
  await grow(world, on, 1);
  const { origin } = on.host.log;
  const peer = world.at(1);
  await world.until('it is told', () => seen(peer, origin)?.follows !== undefined, 600_000);
  assert.equal([seen(peer, origin)?.after, seen(peer, origin)?.follows, seen(peer, origin)?.entries_lost], [back.host.log.origin, false, had]);
  assert.equal(told(peer), [[false, had]]);
  assert.equal(warnings(peer), [`the new log of host-0 is not shown to follow the one before, of which ${had} entries are lost`]);
});

test('a mirror goes on to the log that follows, keeps the older one, and is dropped as a whole', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const [first, mirror] = [world.at(0), world.at(1)];
  const size = await grow(world, first, 300);
  const { did } = first.host.identities.node;
  const { origin, verifier_key } = first.host.log;
  await world.get(mirror.host.mirrors.follow({ did, origin, verifier_key }));
  await world.get(first.host.keeper.succeed());
  const on = await world.restart(0);
  const new_size = await grow(world, on, 3);
  const kept = (): readonly unknown[] => mirror.host.mirrors.list().map((each) => [each.origin, each.size]);
  await world.until('it mirrors both', () => mirror.host.mirrors.list().some((each) => each.origin === on.host.log.origin && each.size >= new_size), 600_000);
  assert.equal(kept(), [[origin, size], [on.host.log.origin, new_size]]);
  assert.equal(mirror.facts.filter(({ kind }) => kind === 'mirror.succeeded').map(({ origin: to, after }) => [to, after]), [[on.host.log.origin, origin]]);
  const bundle = await world.get(mirror.host.tiles.read(`${originHash(origin)}/tile/entries/000`));
  assert.equal(bundle, await world.get((await world.get(on.host.past_logs.log(0))).bundle(0, 256)), 'the older copy is still served');
  const { 'audit.mirror.drop': drop } = auditWitnessMethods(mirror.host);
  assert.equal(await world.get(drop({ who: did }, new AbortController().signal)), { dropped: 2 });
  await world.pass(300_000);
  assert.equal(kept(), [], 'and nothing comes back');
});

test('a first entry that is not given or not proven is asked for again, and meanwhile it is told that it is not known', async (context) => {
  const state = { answer: 'none' };
  const interpose = (network: Network, name: string): Network => (name !== 'host-1' ? network : interposed(network, {
    async request(peer, protocol, bytes, options) {
      const question = protocol === audit_protocol ? decodeCbor(bytes) : undefined;
      const is_proof = question?.ok === true && hasShape(question.value, ['kind', 'index', 'origin']);
      if (is_proof && state.answer === 'none') return fail('PEER_UNREACHABLE', 'it does not answer');
      const answer = await network.request(peer, protocol, bytes, options);
      // Another time in the entry.
      return is_proof && state.answer === 'forged' && answer.ok ? ok(utf8(new TextDecoder().decode(answer.value).replace(/^extra .{12}/m, (head) => `${head.slice(0, -4)}BBBB`))) : answer;
    },
  }));
  const { world, first, back, kept, had } = await rolledBack(context, interpose);
  const on = await startFrom(context, world, first, back);
  await grow(world, on, 1);
  const peer = world.at(1);
  const shown = (): unknown => {
    const { after, follows, entries_lost } = seen(peer, on.host.log.origin) ?? {};
    return [after, follows, entries_lost];
  };
  for (const answer of ['none', 'forged']) {
    state.answer = answer;
    await world.pass(1_300_000);
    assert.equal(shown(), [back.host.log.origin, undefined, undefined], answer);
    assert.equal(warnings(peer), ['host-0 has not shown how its new log goes on after the one before'], answer);
  }
  state.answer = 'true';
  await world.until('it is told', () => seen(peer, on.host.log.origin)?.follows !== undefined, 800_000);
  assert.equal(shown(), [back.host.log.origin, true, had - kept]);
});

test.run();
