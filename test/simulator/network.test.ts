import * as assert from 'uvu/assert';
import { unwrap } from '../../crypto/result.ts';
import type { Network } from '../../protocols/ports.ts';
import { sleep } from '../../protocols/time.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire, type WireInit } from '../../simulator/wire.ts';
import { networkContract } from '../contract/network.ts';
import type { NetworkWorld } from '../contract/network-world.ts';
import { suite } from '../harness.ts';

const test = suite('simulator/network');
const recorder = { record: (): void => undefined };
const never = new AbortController().signal;

interface SimulatedWorld extends NetworkWorld {
  readonly simulator: Simulator;
  readonly wire: Wire;
}

async function make(seed: string, count: number, prepare: (network: Network, index: number) => void, options: Omit<WireInit, 'simulator'> = {}): Promise<SimulatedWorld> {
  const simulator = new Simulator(seed);
  const wire = new Wire({ simulator, ...options });
  const networks = Array.from({ length: count }, (_, index) => simulatedNetwork(wire, { id: `node-${index}`, clock: simulator.clock(`node-${index}`), recorder }));
  networks.forEach(prepare);
  for (const network of networks) unwrap(await network.start());
  for (const [index, network] of networks.entries()) {
    for (const earlier of networks.slice(0, index)) unwrap(await simulator.finish(network.dial(earlier.addresses()[0] ?? '', { signal: never })));
  }
  return {
    simulator,
    wire,
    networks,
    finish: (work) => simulator.finish(work),
    pass: (ms) => simulator.run(simulator.now_ms + ms),
    close: async () => {
      for (const network of networks) await network.stop();
    },
  };
}

networkContract(test, (count, prepare) => make('contract', count, prepare));

const limits = { request_bytes_max: 1000, response_bytes_max: 1000, exchanges_per_peer_max: 8, exchange_ms_max: 3000 };

/** A busy minute: requests, gossip and records over bad wires. */
async function busyRun(seed: string): Promise<{ trace: string; events: number; answered: number; delivered: number }> {
  let delivered = 0;
  const world = await make(seed, 6, (network) => {
    network.handle('/test/1', limits, (request) => Promise.resolve(request));
    network.subscribe('/topic/1', () => Promise.resolve('accept'), () => {
      delivered += 1;
    });
  }, { loss: 0.05, duplication: 0.1 });
  let answered = 0;
  const { simulator } = world;
  const random = simulator.random('load');
  const live = world.networks.map(async (network, index) => {
    for (let round = 0; round < 20; round += 1) {
      await sleep(simulator.clock('load'), random.fraction() * 1000);
      const peer = world.networks[(index + 1 + round) % 6]?.id ?? '';
      const answer = await network.request(peer, '/test/1', random.bytes(16), { limits, signal: never });
      if (answer.ok) answered += 1;
      await network.publish('/topic/1', Uint8Array.of(index, round));
    }
  });
  await simulator.finish(Promise.all(live));
  await world.close();
  await simulator.run();
  return { trace: simulator.trace, events: simulator.events, answered, delivered };
}

test('one seed gives one run, another seed another', async () => {
  const first = await busyRun('42');
  assert.equal(await busyRun('42'), first);
  assert.is.not((await busyRun('43')).trace, first.trace);
  assert.ok(first.answered > 60 && first.answered < 120, `loss shows: ${first.answered} of 120 answered`);
  assert.ok(first.delivered > 500, `gossip gets around the loss: ${first.delivered} of 600 delivered`);
});

test('a partition cuts connections, requests and gossip, and after it heals the nodes find each other again', async () => {
  const heard: string[] = [];
  const { simulator, wire, networks } = await make('partition', 4, (network, index) => {
    network.handle('/test/1', limits, (request) => Promise.resolve(request));
    network.subscribe('/topic/1', () => Promise.resolve('accept'), (message) => void heard.push(`${index}:${message[0]}`));
  });
  const [a, b, c, d] = networks;
  assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
  wire.partition([a.id, b.id], [c.id, d.id]);
  assert.equal(a.peers().map(({ id }) => id), [b.id]);
  await a.publish('/topic/1', Uint8Array.of(1));
  const across = await simulator.finish(d.request(a.id, '/test/1', Uint8Array.of(1), { limits, signal: never }));
  assert.is(across.ok, false);
  await simulator.run(simulator.now_ms + 30_000);
  assert.equal(a.peers().map(({ id }) => id), [b.id], 'redialling does not get through');
  await a.publish('/topic/1', Uint8Array.of(3));
  await simulator.run(simulator.now_ms + 1000);
  assert.equal(heard, ['1:1', '1:3']);
  wire.heal();
  await simulator.run(simulator.now_ms + 120_000);
  assert.is(a.peers().length, 3);
  await a.publish('/topic/1', Uint8Array.of(2));
  await simulator.run(simulator.now_ms + 1000);
  assert.equal(heard.filter((entry) => entry.endsWith(':2')).sort(), ['1:2', '2:2', '3:2']);
  assert.is((await simulator.finish(d.request(a.id, '/test/1', Uint8Array.of(1), { limits, signal: never }))).ok, true);
});

test('events run in order of time and of scheduling, cancelled ones never, and clocks may be askew', async () => {
  const simulator = new Simulator('kernel');
  const ran: string[] = [];
  const clock = simulator.clock('fast', { skew_ms: 5000 });
  const true_clock = simulator.clock('true');
  assert.is(clock.now() - true_clock.now(), 5000);
  for (const [delay_ms, name] of [[30, 'c'], [10, 'a'], [20, 'b1'], [20, 'b2'], [0, 'now']] as const) simulator.schedule(delay_ms, name, () => void ran.push(name));
  clock.after(15, () => void ran.push('cancelled'))();
  await simulator.run(simulator.now_ms + 20);
  assert.equal(ran, ['now', 'a', 'b1', 'b2']);
  await simulator.run();
  assert.equal(ran, ['now', 'a', 'b1', 'b2', 'c']);
});

test('the heap keeps its order under any load', async () => {
  const simulator = new Simulator('heap');
  const random = simulator.random('delays');
  const times: number[] = [];
  for (let index = 0; index < 2000; index += 1) {
    simulator.schedule(Math.floor(random.fraction() * 500), 'tick', () => {
      times.push(simulator.now_ms);
      if (random.fraction() < 0.3) simulator.schedule(random.fraction() * 100, 'tock', () => times.push(simulator.now_ms));
    });
  }
  await simulator.run();
  assert.ok(times.length > 2400);
  assert.equal(times, times.toSorted((x, y) => x - y));
});

test('work that waits for nothing scheduled is an error, not a hang', async () => {
  const simulator = new Simulator('stuck');
  try {
    await simulator.finish(new Promise(() => undefined));
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), 'not scheduled');
  }
});

test('streams of chance are fair, repeat for their name, and differ between names and seeds', () => {
  const draw = (seed: string, name: string): number[] => {
    const random = new Simulator(seed).random(name);
    return Array.from({ length: 1000 }, () => random.fraction());
  };
  assert.equal(draw('1', 'a'), draw('1', 'a'));
  assert.not.equal(draw('1', 'a'), draw('1', 'b'));
  assert.not.equal(draw('1', 'a'), draw('2', 'a'));
  const mean = draw('1', 'a').reduce((sum, value) => sum + value, 0) / 1000;
  assert.ok(mean > 0.45 && mean < 0.55);
  assert.ok(draw('1', 'a').every((value) => value >= 0 && value < 1));
});

test.run();
