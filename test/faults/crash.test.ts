import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { crash } from './crash.ts';

const test = suite('faults/crash');

for (const seed of ['one', 'two']) {
  test(`whatever was acknowledged survives a process that is killed at any moment (seed ${seed})`, async ({ folder }) => {
    const { acknowledged, heads, erased, kills, problems } = await crash(folder(), seed);
    assert.equal(problems, []);
    assert.ok(kills > 1 && heads > kills && erased > 0 && acknowledged > 100, `${acknowledged} entries, ${heads} heads and ${erased} erasures in ${kills} lives`);
  });
}

test.run();
