import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { openCheckpoint } from '../../crypto/checkpoint.ts';
import { parseVerifier } from '../../crypto/note.ts';
import { ok, unwrap, type Result } from '../../crypto/result.ts';
import { createNode, type Node } from '../../node/node.ts';
import { log_keys } from '../../storage/audit-group.ts';
import { followsFrom } from '../../storage/log-succession.ts';
import { openStore } from '../../storage/store.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf, copyOf, failureOf, hostWorld, type HostWorld, type SimulatedHost } from '../simulated-hosts.ts';
import { values } from './fake-methods.ts';
import { host, inside } from './run-cli.ts';

const test = suite('node/audit-keeper');

async function fill({ host: { log } }: SimulatedHost, world: HostWorld, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await world.get(log.append({ subject: 'agent', payload: utf8(`payload ${index}`) }));
}

/** Starts a host of the world from what is left of it, connected to the others. */
async function startFrom(context: TestContext, world: HostWorld, of: SimulatedHost, remains: Parameters<HostWorld['start']>[1]): Promise<SimulatedHost> {
  const started = unwrap(await world.start(of.name, remains));
  context.after(() => world.finish(started.host.stop()));
  for (const other of world.hosts) if (other !== of) await world.connect(started, other);
  await world.pass(3_000);
  return started;
}

async function kindsOf(world: HostWorld, { host: { log } }: SimulatedHost): Promise<readonly string[]> {
  const kinds: string[] = [];
  await world.finish((async () => {
    for await (const entry of log.entries()) {
      const { payload } = unwrap(entry);
      const text = new TextDecoder().decode(payload);
      const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : undefined;
      if (typeof parsed === 'object' && parsed !== null && 'kind' in parsed) kinds.push(String(parsed.kind));
    }
  })());
  return kinds;
}

test('a record that rots while the host runs is found in the background, freezes the log by its name, and is mended', async (context) => {
  const world = await hostWorld(context, { count: 1, settings: { keeper: { fsck_period_ms: 60_000 } } });
  const first = world.at(0);
  await fill(first, world, 600);
  unwrap(await world.finish(first.host.log.checkpoint()));
  await world.pass(120_000);
  assert.is(first.host.log.frozen, undefined);
  assert.ok(first.host.keeper.round.ended_ms !== undefined, 'a round has ended');
  await first.store.batch([{ space: 'log', key: log_keys.tile(0, 1) }], { sync: true });
  await world.until('it is frozen', () => first.host.log.frozen !== undefined);
  assert.match(first.host.log.frozen?.reason ?? '', /tile 0\/1 is damaged: it is missing/);
  const dry = await world.get(first.host.keeper.recover([], true));
  assert.is(dry.derived, 1);
  assert.equal(await world.get(first.host.keeper.recover([], false)), dry);
  const again = await world.restart(0);
  assert.is(again.host.log.frozen, undefined);
  assert.equal((await kindsOf(world, again)).filter((kind) => kind === 'recovered'), ['recovered'], 'the log says what was done');
  assert.equal((await kindsOf(world, await world.restart(0))).filter((kind) => kind === 'recovered').length, 1, 'once');
  assert.is(codeOf(await world.finish(world.at(0).host.keeper.recover([], false))), 'AUDIT_RECOVERY_NEEDLESS');
});

test('what is gone comes back from a peer that mirrors the log', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const [owner, mirror] = [world.at(0), world.at(1)];
  await fill(owner, world, 400);
  await world.get(owner.host.witness.anchor());
  await world.get(mirror.host.mirrors.follow({ did: owner.host.identities.node.did, origin: owner.host.log.origin, verifier_key: owner.host.log.verifier_key }));
  const size = owner.host.log.latest()?.size ?? 0;
  await world.until('it is mirrored', () => mirror.host.mirrors.list().some((log) => log.size >= size), 600_000);
  for (const table of ['g', 'b']) {
    const lost: Uint8Array[] = [];
    for await (const [key] of owner.store.entries('log', { gte: utf8(table), lt: utf8(String.fromCharCode(table.charCodeAt(0) + 1)) })) lost.push(key);
    await owner.store.batch(lost.slice(0, -1).map((key) => ({ space: 'log', key })), { sync: true });
  }
  owner.host.keeper.fsck();
  await world.until('it is frozen', () => owner.host.log.frozen !== undefined);
  const recovered = await world.get(owner.host.keeper.recover([], false));
  assert.ok(recovered.refilled > 100, JSON.stringify(recovered));
  const again = await world.restart(0);
  assert.is(again.host.log.frozen, undefined);
  assert.ok(again.host.log.size() >= size);
});

test('a host that was put back to an older copy freezes, cannot be mended, and goes on with a successor that its peers witness', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const [first, second] = [world.at(0), world.at(1)];
  await fill(first, world, 5);
  await world.get(first.host.witness.anchor());
  const copy = await copyOf(first);
  await fill(first, world, 5);
  await world.get(first.host.witness.anchor());
  const lost = first.host.log.latest();
  await world.finish(first.host.stop());
  const back = await startFrom(context, world, first, copy);
  await world.until('a witness says that it has seen more', () => back.host.log.frozen !== undefined, 900_000);
  assert.equal(back.host.log.frozen?.detail?.['cause'], 'history');
  const refused = failureOf(await world.finish(back.host.keeper.recover([], false)));
  assert.equal([refused.code, refused.fix], ['AUDIT_HISTORY', 'begin a successor: agentmesh audit succeed --yes']);
  const prepared = await world.get(back.host.keeper.succeed());
  assert.equal(await world.get(back.host.keeper.succeed()), prepared, 'asked again it says the same');
  await world.finish(back.host.stop());
  const on = await startFrom(context, world, first, back);
  assert.equal([on.host.log.origin, on.host.log.frozen], [prepared.origin, undefined]);
  await fill(on, world, 3);
  const anchored = await world.get(on.host.witness.anchor());
  assert.match(new TextDecoder().decode(anchored.note), new RegExp(`^${prepared.origin}\n`));
  const old_origin = back.host.log.origin;
  assert.is(await world.get(second.host.logKey(prepared.origin)), prepared.verifier_key);
  assert.is(await world.get(second.host.logKey(old_origin)), back.host.log.verifier_key, 'the key of the old log is retired, and known');
  const { entry } = await world.get(on.host.log.read(0));
  const held = { note: lost?.note ?? new Uint8Array(), verifier: unwrap(parseVerifier(back.host.log.verifier_key)) };
  assert.ok(unwrap(followsFrom(entry, prepared.origin, held)).entries_lost > 0, 'an auditor sees what was lost');
  const checkpoint = await world.get(second.host.tiles.fetch(on.host.parts.network.id, old_origin, 'checkpoint', new AbortController().signal));
  assert.is(unwrap(openCheckpoint(checkpoint, held.verifier)).checkpoint.origin, old_origin, 'the old log is served');
});

test('a sound log is closed by its successor, and the host governs on after a restart', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  await world.hire(0, 'alice');
  await world.hire(1, 'bob');
  const { host: { log, keeper } } = world.at(0);
  await world.get(log.checkpoint());
  const both = [keeper.succeed(), keeper.succeed()] as const;
  const { origin, verifier_key } = await world.get(both[0]);
  assert.is((await world.get(both[1])).origin, origin);
  assert.is(codeOf(await world.finish(log.append({ subject: 'x', payload: utf8('late') }))), 'AUDIT_CLOSED');
  const again = await world.restart(0);
  assert.is(again.host.log.origin, origin);
  assert.equal([again.host.past_logs.count, again.host.past_logs.origins], [1, [log.origin]]);
  const past = await world.get(again.host.past_logs.log(0));
  const last = await world.get(past.read(past.size() - 1));
  assert.is(last.kind, 'genesis');
  assert.equal(Buffer.from(last.entry.subarray(12)).toString(), `${verifier_key}\n`);
  assert.is(codeOf(await world.finish(past.inclusion(0, past.size()))), 'ok');
  const twice = await world.get(again.host.keeper.succeed());
  const third = await world.restart(0);
  assert.is(third.host.log.origin, twice.origin);
  assert.is(third.host.past_logs.count, 2);
  const alice = third.host.identities.find('alice');
  assert.ok(alice !== undefined);
  assert.is(codeOf(await world.finish(third.host.log.append({ subject: 'alice', payload: utf8('{}') }))), 'ok');
});

async function up(context: TestContext, data: string): Promise<Node> {
  const node = unwrap(await createNode({ name: 'test', data }));
  context.after(() => node.stop());
  return node;
}

async function damage(data: string, change: (key: Uint8Array) => boolean): Promise<number> {
  const store = unwrap(await openStore({ kind: 'disk', folder: join(data, 'store'), create: false }));
  const gone: Uint8Array[] = [];
  for await (const [key] of store.entries('log', {})) if (change(key)) gone.push(key);
  await store.batch(gone.map((key) => ({ space: 'log', key })), { sync: true });
  await store.close();
  return gone.length;
}

test('on a folder without a running node the commands check and mend the log; with one they ask it', async (context) => {
  const data = join(context.folder(), 'data');
  const run = (...inputs: string[]): ReturnType<typeof inside> => inside(['audit', ...inputs, '--data', data]);
  assert.is((await run('fsck')).code, 3, 'there is nothing there');
  const node = await up(context, data);
  for (let index = 0; index < 300; index += 1) unwrap(await node.host.log.append({ subject: 'agent', payload: utf8(`payload ${index}`) }));
  unwrap(await node.host.log.checkpoint());
  const sound = await run('fsck');
  assert.equal([sound.code, sound.stderr], [0, '']);
  assert.match(sound.stdout, /^nothing is damaged: \d+ entries/);
  assert.is(failureOf(await node.host.keeper.recover([], false)).code, 'AUDIT_RECOVERY_NEEDLESS');
  await node.stop();
  assert.match((await run('fsck')).stdout, /^nothing is damaged/);
  assert.ok(await damage(data, (key) => key[0] === log_keys.tile(0, 0)[0] || key[0] === log_keys.bundle(0)[0]) >= 2);
  const found = await run('fsck');
  assert.is(found.code, 5);
  assert.match(found.stdout, /^DAMAGED +WHAT IS WRONG\ntile 0\/0 +it is missing\nbundle 0 +it is missing\n/);
  const json: unknown = JSON.parse((await run('fsck', '--json')).stdout);
  assert.ok(typeof json === 'object' && json !== null && 'damaged_count' in json && json.damaged_count === 2);
  assert.match((await run('recover', '--dry-run')).stdout, /nothing was written\n[^]*derived again +2 tiles and bundles/);
  assert.is((await run('fsck')).code, 5);
  const recovered = await run('recover');
  assert.is(recovered.code, 0, recovered.stderr);
  assert.match(recovered.stdout, /^the log is whole again\n[^]*payloads lost +none\n/);
  assert.is((await run('fsck')).code, 0);
  const again = await up(context, data);
  assert.is(again.frozen, undefined);
  assert.equal(unwrap(await again.host.log.read(200)).payload?.length, 'payload 100'.length);
  unwrap(await again.host.keeper.succeed());
  await again.stop();
  const successor = await up(context, data);
  for (let index = 0; index < 5; index += 1) unwrap(await successor.host.log.append({ subject: 'agent', payload: utf8('x') }));
  await successor.stop();
  assert.is((await run('fsck')).code, 0);
  rmSync(join(data, 'head-1'));
  assert.match((await run('fsck')).stdout, /signed head +it is missing/, 'it is the newest log that is looked at');
  const refused = await run('recover');
  assert.equal([refused.code, /AUDIT_HEAD_DAMAGED/.test(refused.stderr)], [5, true]);
  const frozen = await up(context, data);
  assert.match(frozen.frozen?.reason ?? '', /signed head is missing/);
});

test('the commands show what a node answers', async (context) => {
  const { run, asked } = await host(context);
  const found = await run('audit', 'fsck');
  assert.is(found.code, 5);
  assert.match(found.stdout, /tile 0\/2 +it is missing\nand 1 more\n/);
  const recovered = await run('audit', 'recover', '--from', '/one', '--from', '/two', '--dry-run');
  assert.match(recovered.stdout, /this is what would happen[^]*payloads lost +3:[^]*lost after the signed head +4 entries\n/);
  assert.equal(asked.at(-1), { method: 'audit.recover', params: { from: ['/one', '/two'], dry_run: true } });
  assert.equal(JSON.parse((await run('audit', 'recover', '--json')).stdout), values['audit.recover']);
  assert.is((await run('audit', 'succeed')).code, 2, 'nobody is there to confirm it');
  const progress: Result<typeof values['audit.fsck']>[] = [ok({ ...values['audit.fsck'], running: true, damaged: [], damaged_count: 0 }), ok({ ...values['audit.fsck'], damaged: [], damaged_count: 0 })];
  const slow = await host(context, { 'audit.fsck': () => Promise.resolve(progress.shift() ?? ok(values['audit.fsck'])) });
  assert.match((await slow.run('audit', 'fsck')).stdout, /^nothing is damaged: 900 entries/);
});

test.run();
