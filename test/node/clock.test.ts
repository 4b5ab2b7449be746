import * as assert from 'uvu/assert';
import { system_clock } from '../../node/clock.ts';
import { suite } from '../harness.ts';

const test = suite('node/clock');

test('a delay of months is not taken for none, and can be cancelled', async () => {
  const ran: string[] = [];
  const cancels = [system_clock.after(2 ** 31, () => void ran.push('months')), system_clock.after(Infinity, () => void ran.push('never'))];
  await new Promise<void>((resolve) => {
    system_clock.after(30, resolve);
  });
  for (const cancel of cancels) cancel();
  assert.equal(ran, []);
});

test.run();
