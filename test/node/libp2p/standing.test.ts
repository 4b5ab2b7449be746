import * as assert from 'uvu/assert';
import { fail, ok, type Result } from '../../../crypto/result.ts';
import { misdeed_half_life_ms, misdeeds_max, refused_ms, Standing } from '../../../node/libp2p/standing.ts';
import { Redialer } from '../../../node/libp2p/redial.ts';
import type { PeerId } from '../../../protocols/ports.ts';
import { Simulator } from '../../../simulator/kernel.ts';
import { suite } from '../../harness.ts';

const test = suite('node/libp2p/standing');

test('misdeeds add up to a refusal that ends after ten minutes', async () => {
  const simulator = new Simulator('standing');
  const standing = new Standing(simulator.clock('test'));
  const told = Array.from({ length: misdeeds_max }, () => standing.penalise('peer'));
  assert.equal(told, [...Array.from({ length: misdeeds_max - 1 }, () => false), true]);
  assert.is(standing.penalise('peer'), false, 'it is told once');
  assert.is(standing.refused('other'), false);
  const until_ms = simulator.now_ms + refused_ms;
  await simulator.run(until_ms - 1);
  assert.is(standing.refused('peer'), true);
  await simulator.run(until_ms);
  assert.is(standing.refused('peer'), false);
});

test('misdeeds fade: a peer that errs rarely is never refused', async () => {
  const simulator = new Simulator('fading');
  const standing = new Standing(simulator.clock('test'));
  for (let misdeed = 0; misdeed < 100; misdeed += 1) {
    assert.is(standing.penalise('peer'), false);
    await simulator.run(simulator.now_ms + misdeed_half_life_ms / 5);
  }
  assert.is(standing.refused('peer'), false);
});

test('what is remembered of peers is bounded', () => {
  const standing = new Standing(new Simulator('bound').clock('test'));
  for (let misdeed = 0; misdeed < misdeeds_max; misdeed += 1) standing.penalise('first');
  for (let peer = 0; peer < 4096; peer += 1) standing.penalise(`peer ${peer}`);
  assert.is(standing.refused('first'), false);
});

test('a lost connection is dialled again, ever more slowly up to a minute, and no more after a stop', async () => {
  const simulator = new Simulator('redial');
  const dialled_ms: number[] = [];
  let answer: Result<PeerId> = fail('PEER_UNREACHABLE', 'away');
  let connected = false;
  const redialer = new Redialer({
    clock: simulator.clock('test'),
    random: simulator.random('test'),
    dial: () => {
      dialled_ms.push(simulator.now_ms);
      return Promise.resolve(answer);
    },
    connected: () => connected,
  });
  redialer.keep('address', 'peer');
  await simulator.run(simulator.now_ms + 10_000);
  assert.is(dialled_ms.length, 0, 'it is connected');
  redialer.lost('stranger');
  redialer.lost('peer');
  redialer.lost('peer');
  await simulator.run(simulator.now_ms + 600_000);
  const waits_ms = dialled_ms.map((at_ms, index) => at_ms - (dialled_ms[index - 1] ?? at_ms)).slice(1);
  assert.ok(waits_ms.length > 10 && waits_ms.length < 30, `${waits_ms.length} attempts in ten minutes`);
  assert.ok(waits_ms.every((wait_ms) => wait_ms <= 60_000));
  assert.ok(waits_ms.slice(-5).every((wait_ms) => wait_ms >= 30_000));
  assert.ok(new Set(waits_ms.slice(-5)).size > 1, 'with jitter');
  answer = ok('peer');
  await simulator.run(simulator.now_ms + 60_000);
  connected = true;
  const so_far = dialled_ms.length;
  redialer.lost('peer');
  await simulator.run(simulator.now_ms + 60_000);
  assert.is(dialled_ms.length, so_far, 'the peer came by itself');
  connected = false;
  redialer.lost('peer');
  redialer.stop();
  await simulator.run(simulator.now_ms + 600_000);
  assert.is(dialled_ms.length, so_far);
});

test.run();
