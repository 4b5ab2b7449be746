import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { logOrigin } from '../../crypto/checkpoint.ts';
import { Frontier, leafHash } from '../../crypto/merkle.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import { edgeTiles, hasTile, parseTilePath, rootOfEdge, tilePath } from '../../crypto/tlog-tiles.ts';
import type { Fact, Network } from '../../protocols/ports.ts';
import { unlessFailure } from '../../protocols/reply.ts';
import { tile_bytes_per_peer_max, tile_limits, tile_protocol } from '../../protocols/tiles/constants.ts';
import { mirrors, tiles, type MirrorInit, type Mirrors, type Tiles } from '../../protocols/tiles/index.ts';
import { mirror_keys } from '../../protocols/tiles/mirror-state.ts';
import { originHash } from '../../protocols/tiles/tiles.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { code } from '../storage/audit-world.ts';
import { cosigner, LogInMemory } from './log-in-memory.ts';

const test = suite('protocols/tiles');
const never = new AbortController().signal;

interface World {
  readonly simulator: Simulator;
  readonly log: LogInMemory;
  readonly server: Network;
  readonly network: Network;
  readonly tiles: Tiles;
  readonly store: Store;
  readonly facts: Fact[];
  /** What the mirror believes to be told; the truth when it is not set. */
  tamper: (path: string, answer: Uint8Array) => Uint8Array;
  readonly asked: string[];
  /** Checkpoints that contradict each other. */
  readonly contradicted: Uint8Array[];
  /** From now on nobody answers for a log, until whoever asks gives up. */
  hold(origin: string): { held: number };
  mirrors(init?: MirrorInit): Promise<Mirrors>;
}

async function world(from: number | LogInMemory): Promise<World> {
  const simulator = new Simulator('tiles');
  const wire = new Wire({ simulator });
  const facts: Fact[] = [];
  const recorder = { record: (fact: Fact): void => void facts.push(fact) };
  const [server_clock, clock] = [simulator.clock('server'), simulator.clock('mirror')];
  const server = simulatedNetwork(wire, { id: 'server', clock: server_clock, recorder });
  const network = simulatedNetwork(wire, { id: 'mirror', clock, recorder });
  const log = typeof from === 'number' ? new LogInMemory(from) : from;
  tiles()({ clock: server_clock, network: server, recorder, own: log });
  const own = tiles()({ clock, network, recorder, own: new LogInMemory(1, 0) });
  const store = unwrap(await openStore({ kind: 'memory' }));
  for (const each of [server, network]) unwrap(await each.start());
  unwrap(await simulator.finish(network.dial('/simulated/server', { signal: never })));
  const asked: string[] = [];
  const held = new Map<string, { held: number }>();
  const made: World = {
    contradicted: [],
    hold: (origin) => {
      const counter = { held: 0 };
      held.set(origin, counter);
      return counter;
    },
    simulator, log, server, network, tiles: own, store, facts, asked,
    tamper: (_path, answer) => answer,
    mirrors: async (init = {}) => {
      const told: Tiles = {
        add: (source) => own.add(source),
        read: (path) => own.read(path),
        fetch: async (peer, origin, path, signal) => {
          asked.push(path);
          const counter = held.get(origin ?? '');
          if (counter !== undefined) {
            counter.held += 1;
            if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
            return fail('PEER_UNREACHABLE', 'it did not answer');
          }
          const answer = await own.fetch(peer, origin, path, signal);
          return answer.ok ? ok(made.tamper(path, answer.value)) : answer;
        },
      };
      const service = mirrors(init)({
        clock, random: simulator.random('mirror'), network, store, recorder, tiles: told,
        contradicted: (note) => void made.contradicted.push(note),
        place: () => Promise.resolve(ok('server')),
        witnessKey: (name) => Promise.resolve(name === cosigner.name ? cosigner.vkey : undefined),
      });
      await service.start();
      return service;
    },
  };
  return made;
}

function followed({ did, origin, vkey }: LogInMemory): { did: string; origin: string; verifier_key: string } {
  return { did, origin, verifier_key: vkey };
}

/** Holds everything that a mirror serves of a size against the log. */
async function assertServes({ tiles: served, log }: World, size: number): Promise<void> {
  const prefix = originHash(log.origin);
  for (const { level, number, width } of edgeTiles(size)) {
    const expected = unwrap(await log.tile(level, number, width));
    assert.equal(unwrap(await served.read(`${prefix}/${tilePath({ level, number, width })}`)), expected);
  }
  for (let level = 0; size >= 256 ** (level + 1); level += 1) {
    const count = Math.floor(size / 256 ** (level + 1));
    for (const number of new Set([0, Math.floor(count / 2), count - 1])) {
      assert.equal(unwrap(await served.read(`${prefix}/${tilePath({ level, number, width: 256 })}`)), unwrap(await log.tile(level, number, 256)));
      if (level === 0) assert.equal(unwrap(await served.read(`${prefix}/${tilePath({ level: 'entries', number, width: 256 })}`)), unwrap(await log.bundle(number, 256)));
    }
  }
  if (size % 256 > 0) {
    const number = Math.floor(size / 256);
    assert.equal(unwrap(await served.read(`${prefix}/${tilePath({ level: 'entries', number, width: size % 256 })}`)), unwrap(await log.bundle(number, size % 256)));
  }
}

test('a path has one spelling', () => {
  const good = ['checkpoint', 'tile/0/000', 'tile/0/x001/x234/067', 'tile/1/999.p/1', 'tile/entries/x001/000.p/255', 'tile/6/000'];
  for (const path of good) {
    const parsed = unwrap(parseTilePath(path));
    assert.is(parsed.kind === 'checkpoint' ? 'checkpoint' : tilePath(parsed), path);
  }
  assert.equal(unwrap(parseTilePath('tile/0/x001/x234/067')), { kind: 'tile', level: 0, number: 1_234_067, width: 256 });
  const bad = [
    '', '/checkpoint', 'checkpoint/', 'checkpoint?x', 'tile', 'tile/', 'tile/0', 'tile/0/', 'tile/0/0', 'tile/0/0000', 'tile/00/000', 'tile/-1/000', 'tile/+1/000', 'tile/7/000',
    'tile/64/000', 'tile/0/x000/000', 'tile/0/x000/x001/000', 'tile/0/001/000', 'tile/0/x001', 'tile/0/000.p', 'tile/0/000.p/', 'tile/0/000.p/0', 'tile/0/000.p/00', 'tile/0/000.p/01',
    'tile/0/000.p/256', 'tile/0/000.p/1/', 'tile/0/../0', 'tile/0/000 ', 'tile/0/%30%30%30', 'TILE/0/000', 'tile/Entries/000', 'tile/data/000', 'tile/0/x00a/000', 'tile/0/٠٠٠',
    'tile/0/x999/x999/x999/x999/x999/x999/999', `tile/0/${'x001/'.repeat(100)}000`, 'tile/0/000\n',
  ];
  for (const path of bad) assert.is(code(parseTilePath(path)), 'TILE_PATH_INVALID', JSON.stringify(path));
  fc.assert(fc.property(
    fc.oneof(fc.nat(6), fc.constant('entries' as const)), fc.maxSafeNat(), fc.integer({ min: 1, max: 256 }),
    (level, number, width) => assert.equal(unwrap(parseTilePath(tilePath({ level, number, width }))), { kind: 'tile', level, number, width }),
  ));
});

test('the right edge of a tree is as the specification counts it, and has the root', () => {
  assert.equal(edgeTiles(70_000), [{ level: 0, number: 273, width: 112 }, { level: 1, number: 1, width: 17 }, { level: 2, number: 0, width: 1 }]);
  assert.equal(edgeTiles(256), [{ level: 1, number: 0, width: 1 }]);
  assert.ok(hasTile(70_000, { level: 1, number: 0, width: 256 }));
  assert.not(hasTile(70_000, { level: 1, number: 1, width: 18 }));
  const log = new LogInMemory(70_000);
  for (const size of [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000]) {
    const edge = edgeTiles(size).map(({ level, number, width }) => Array.from({ length: width }, (_, at) => log.root((number * 256 + at) * 256 ** level, (number * 256 + at + 1) * 256 ** level)));
    assert.equal(rootOfEdge(size, edge), log.root(0, size), String(size));
  }
  const frontier = new Frontier();
  for (let index = 0; index < 300; index += 1) frontier.append(leafHash(utf8(`entry ${index}`)));
  assert.equal(frontier.root(), log.root(0, 300));
});

test('a peer reads a log tile by tile, and nothing beyond its checkpoint', async () => {
  const made = await world(300);
  const { simulator, log } = made;
  const get = (path: string, origin?: string): Promise<Result<Uint8Array>> => simulator.finish(made.tiles.fetch('server', origin, path, never));
  assert.equal(unwrap(await get('checkpoint')), unwrap(await log.checkpoint()));
  assert.equal(unwrap(await get('tile/0/000', log.origin)), unwrap(await log.tile(0, 0, 256)));
  assert.equal(unwrap(await get('tile/0/001.p/44')), unwrap(await log.tile(0, 1, 44)));
  assert.equal(unwrap(await get('tile/entries/001.p/3')), unwrap(await log.bundle(1, 3)), 'also as it was when it was smaller');
  log.grow(400);
  log.size = 300;
  for (const beyond of ['tile/0/001.p/45', 'tile/0/001', 'tile/entries/001.p/100', 'tile/2/000.p/1', 'tile/0/x009/x007/x199/x254/x740/000']) assert.is(code(await get(beyond)), 'AUDIT_NO_TILE', beyond);
  assert.is(code(await get('checkpoint', 'did:mesh:bother/log/0')), 'TILE_LOG_UNKNOWN');
  log.size = 400;
  assert.equal(unwrap(await get('tile/0/001.p/45')), unwrap(await log.tile(0, 1, 45)), 'and more once its checkpoint says so');
});

test('a peer that asks for what is no path is held to it, and one that asks for too much waits', async () => {
  const made = await world(new LogInMemory(256, Infinity, 15_000));
  const { simulator, network } = made;
  const bundle_bytes = unwrap(await made.log.bundle(0, 256)).length;
  let answer: Result<Uint8Array> = ok(new Uint8Array());
  for (let spent = 0; spent <= tile_bytes_per_peer_max + bundle_bytes && answer.ok; spent += bundle_bytes) {
    answer = unlessFailure(await simulator.finish(network.request('server', tile_protocol, utf8('tile/entries/000'), { limits: tile_limits, signal: never })));
  }
  assert.is(code(answer), 'TILE_BUDGET');
  await simulator.run(simulator.now_ms + 61_000);
  assert.ok(unlessFailure(await simulator.finish(network.request('server', tile_protocol, utf8('tile/0/000'), { limits: tile_limits, signal: never }))).ok);
  let refused = false;
  for (let count = 0; count < 200 && !refused; count += 1) {
    const told = await simulator.finish(network.request('server', tile_protocol, Uint8Array.of(0xff, count), { limits: tile_limits, signal: never }));
    refused = !told.ok;
    if (told.ok) assert.is(code(unlessFailure(told)), 'TILE_PATH_INVALID');
  }
  assert.ok(refused, 'in the end it is turned away');
});

test('a mirror follows a log through all levels and serves what the log serves', async () => {
  const made = await world(1);
  const service = await made.mirrors();
  for (const size of [1, 3, 256, 300, 65_535, 65_536, 70_000]) {
    made.log.grow(size);
    assert.is(unwrap(await made.simulator.finish(service.follow(followed(made.log)))).size, size);
    assert.equal(unwrap(await made.tiles.read(`${originHash(made.log.origin)}/checkpoint`)), unwrap(await made.log.checkpoint()));
    await assertServes(made, size);
  }
  assert.equal(unwrap(await made.tiles.read(`${originHash(made.log.origin)}/tile/0/273.p/5`)), unwrap(await made.log.tile(0, 273, 5)), 'a narrower partial tile too');
  let bytes = 0;
  for await (const [key, value] of made.store.entries('witness', {})) if (key[0] === 't'.charCodeAt(0)) bytes += value.length;
  assert.is(service.list()[0]?.bytes, bytes, 'it knows what it takes');
  await service.stop();
  const again = await made.mirrors();
  assert.is(again.list()[0]?.size, 70_000, 'after a restart it is all there');
  await assertServes(made, 70_000);
  made.asked.length = 0;
  made.log.grow(70_001);
  await made.simulator.run(made.simulator.now_ms + 120_000);
  assert.is(again.list()[0]?.size, 70_001, 'and it goes on by itself');
  assert.ok(made.asked.length < 20, `one more entry costs ${made.asked.length} requests`);
  await again.stop();
});

test('nothing is kept that does not lead to the signed root, whichever answer is changed', async () => {
  const probe = await world(70_000);
  await probe.simulator.finish((await probe.mirrors()).follow(followed(probe.log)));
  const paths = new Set(probe.asked);
  assert.ok(paths.has('tile/1/000') && paths.has('tile/2/000.p/1') && paths.has('tile/entries/272'));
  for (const path of ['checkpoint', 'tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1', 'tile/1/000', 'tile/entries/000', 'tile/entries/272', 'tile/entries/273.p/112']) {
    assert.ok(paths.has(path), path);
    const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === bytes.length - 5 ? byte ^ 1 : byte));
    const changes = path === 'tile/entries/000' ? [flipped, (bytes: Uint8Array): Uint8Array => bytes.subarray(0, -1), (): Uint8Array => new Uint8Array()] : [flipped];
    for (const change of changes) {
      const made = await world(probe.log);
      const service = await made.mirrors();
      made.tamper = (asked, answer) => (asked === path ? change(answer) : answer);
      assert.not(unwrap(ok(await made.simulator.finish(service.follow(followed(made.log))))).ok, path);
      assert.is(service.list()[0]?.size, 0);
      assert.ok(service.list()[0]?.trouble !== undefined);
      for await (const [key, value] of made.store.entries('witness', {})) {
        if (key[0] !== 't'.charCodeAt(0)) continue;
        const [level = 0, number] = [key[33], new DataView(key.buffer, key.byteOffset).getUint32(38)];
        assert.equal(value, unwrap(await (level === 255 ? made.log.bundle(number, 256) : made.log.tile(level, number, 256))), path);
      }
      made.tamper = (_path, answer) => answer;
      made.asked.length = 0;
      assert.ok((await made.simulator.finish(service.follow(followed(made.log)))).ok, 'the truth mends it');
      assert.is(made.asked.includes('tile/entries/000'), ['checkpoint', 'tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1', 'tile/1/000', 'tile/entries/000'].includes(path), 'what was kept is not asked for again');
      await service.stop();
    }
  }
}, { ms: 120_000 });

test('a log that does not continue, goes back, or is cosigned by nobody is not followed further', async () => {
  const made = await world(300);
  const service = await made.mirrors();
  made.log.cosigned = false;
  assert.is(code(await made.simulator.finish(service.follow(followed(made.log)))), 'MIRROR_UNCOSIGNED');
  made.log.cosigned = true;
  unwrap(await made.simulator.finish(service.follow(followed(made.log))));
  const before = unwrap(await made.tiles.read(`${originHash(made.log.origin)}/checkpoint`));
  made.log.size = 299;
  assert.is(code(await made.simulator.finish(service.follow(followed(made.log)))), 'MIRROR_OLDER');
  for (const [size, forked_at] of [[300, 299], [300, 0], [301, 299], [70_000, 290], [70_000, 3]] as const) {
    const fork = new LogInMemory(size, forked_at);
    made.log.grow(size);
    made.tamper = (path) => fork.answer(path);
    assert.is(code(await made.simulator.finish(service.follow(followed(made.log)))), 'MIRROR_FORKED', `${size} from ${forked_at}`);
    assert.equal(unwrap(await made.tiles.read(`${originHash(made.log.origin)}/checkpoint`)), before);
    assert.equal(made.contradicted.splice(0), [before, unwrap(await fork.checkpoint())], 'both are shown to whoever follows logs');
  }
  await service.stop();
}, { ms: 60_000 });

test('the disk budget is held, nothing is evicted, and the trouble is said', async () => {
  const made = await world(1000);
  const service = await made.mirrors({ mirror_bytes_max: 30_000 });
  assert.is(code(await made.simulator.finish(service.follow(followed(made.log)))), 'MIRROR_FULL');
  const [view] = service.list();
  assert.is(view?.trouble?.code, 'MIRROR_FULL');
  assert.ok((view?.bytes ?? 0) > 8192 && (view?.bytes ?? 0) <= 30_000);
  await made.simulator.run(made.simulator.now_ms + 300_000);
  assert.is(made.facts.filter(({ kind }) => kind === 'mirror.refused').length, 1, 'and once');
  await service.stop();
});

test('a dropped mirror leaves nothing behind', async () => {
  const made = await world(70_000);
  const service = await made.mirrors();
  unwrap(await made.simulator.finish(service.follow(followed(made.log))));
  unwrap(await made.simulator.finish(service.drop(made.log.origin)));
  assert.is(code(await service.drop(made.log.origin)), 'MIRROR_UNKNOWN');
  assert.is(code(await made.tiles.read(`${originHash(made.log.origin)}/checkpoint`)), 'TILE_LOG_UNKNOWN');
  for await (const [key] of made.store.entries('witness', {})) assert.unreachable(`left: ${key.length}`);
  await service.stop();
});

test('a host that answers slowly holds up neither another mirror nor its own end', async () => {
  const made = await world(300);
  const fetch = made.hold(made.log.origin);
  const service = await made.mirrors();
  const slow = service.follow(followed(made.log));
  await made.simulator.run(made.simulator.now_ms + 1000);
  assert.ok(fetch.held > 0, 'it is being asked');
  const quick = service.follow({ ...followed(made.log), origin: logOrigin('did:mesh:bother', made.log.key.public_key) });
  assert.not(unwrap(ok(await made.simulator.finish(quick))).ok, 'this one has no such log, and says so');
  unwrap(await made.simulator.finish(service.drop(made.log.origin)));
  assert.not((await slow).ok);
  for await (const [key] of made.store.entries('witness', { gte: utf8('t'), lt: utf8('u') })) assert.unreachable(`left: ${key.length}`);
  await service.stop();
});

test('a mirror whose stored state is damaged is said, not served', async () => {
  const made = await world(3);
  const service = await made.mirrors();
  unwrap(await made.simulator.finish(service.follow(followed(made.log))));
  await service.stop();
  await made.store.batch([{ space: 'witness', key: mirror_keys.state(made.log.origin), value: utf8('rubbish') }], { sync: true });
  const again = await made.mirrors();
  assert.equal(again.list(), []);
  assert.ok(made.facts.some(({ kind }) => kind === 'mirror.damaged'));
  await again.stop();
});

test.run();
