import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { grownLog, inject, straceMissing, type Injection } from './strace.ts';

const test = suite('faults/strace');
const missing = await straceMissing();
const name = 'a system call that fails or kills breaks no promise of the log: a few of the sweep of npm run faults -- strace';

const injections: readonly Injection[] = [
  { call: 'fdatasync', fault: 'error=EIO', nth: 12, start: 'created' },
  { call: 'rename', fault: 'error=EIO', nth: 4, start: 'created' },
  { call: 'write', fault: 'signal=SIGKILL', nth: 14, start: 'created' },
  { call: 'fdatasync', fault: 'signal=SIGKILL', nth: 9, start: 'grown' },
  { call: 'rename', fault: 'signal=SIGKILL', nth: 2, start: 'grown' },
  { call: 'openat', fault: 'error=EIO', nth: 14, start: 'grown' },
  { call: 'fdatasync', fault: 'error=EIO', nth: 3, start: 'open' },
  { call: 'write', fault: 'error=ENOSPC', nth: 2, start: 'open' },
  { call: 'write', fault: 'error=EIO', nth: 7, start: 'open' },
  // While the vault and the signed head are replaced.
  { call: 'openat', fault: 'signal=SIGKILL', nth: 1, start: 'open' },
  { call: 'openat', fault: 'signal=SIGKILL', nth: 3, start: 'open' },
];

if (missing !== undefined) test.skip(name, missing);
else {
  test(name, async ({ folder }) => {
    const home = join(folder(), 'grown');
    const grown = { folder: home, told: await grownLog(home) };
    assert.ok(grown.told.heads.size > 0 && grown.told.acknowledged.length > 0);
    const seen: string[] = [];
    for (const injection of injections) {
      const { hit, outcome, problems } = await inject(folder(), injection, grown);
      const what = `${injection.fault} at ${injection.call} ${injection.nth} of a log ${injection.start}`;
      assert.equal(problems, [], what);
      if (hit) seen.push(outcome);
    }
    assert.ok(seen.length > injections.length / 2, `most faults were reached: ${seen.join()}`);
    assert.ok(seen.includes('whole'), seen.join());
  }, { ms: 60_000 });

  test('where no sync works, nothing is acknowledged as durable', async ({ folder }) => {
    const home = join(folder(), 'grown');
    const grown = { folder: home, told: await grownLog(home) };
    const { hit, durable, problems } = await inject(folder(), { call: 'fdatasync', fault: 'error=EIO', nth: 1, lasting: true, start: 'open' }, grown);
    assert.ok(hit);
    assert.is(durable, 0);
    assert.equal(problems, []);
  });
}

test.run();
