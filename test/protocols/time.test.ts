import * as assert from 'uvu/assert';
import { every } from '../../protocols/time.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { suite } from '../harness.ts';

const test = suite('protocols/time');

test('what runs again and again goes on after a run that throws, says so, and ends when it is stopped', async () => {
  const simulator = new Simulator('time');
  let runs = 0;
  const errors: unknown[] = [];
  const stop = every(simulator.clock('a'), () => 1000, async () => {
    runs += 1;
    await Promise.resolve();
    if (runs === 2) throw new Error('a full disk');
  }, (error) => void errors.push(error));
  await simulator.run(simulator.now_ms + 4500);
  assert.is(runs, 4);
  assert.is(errors.length, 1);
  assert.match(String(errors[0]), 'a full disk');
  stop();
  await simulator.run(simulator.now_ms + 10_000);
  assert.is(runs, 4);
});

test('a run that throws before it has begun to wait is no different', async () => {
  const simulator = new Simulator('time');
  let errors = 0;
  const stop = every(simulator.clock('a'), () => 1000, () => {
    throw new Error('at once');
  }, () => {
    errors += 1;
  });
  await simulator.run(simulator.now_ms + 3500);
  stop();
  assert.is(errors, 3);
});

test.run();
