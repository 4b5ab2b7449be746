import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { bigEndian } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { openStore } from '../../storage/store.ts';
import { suite } from '../harness.ts';

const test = suite('faults/full-disk');
const name = 'what the store took before and after the disk was full is there after a crash';

if (spawnSync('prlimit', ['--version']).status === 0) {
  test(name, async ({ folder }) => {
    const place = folder();
    const script = fileURLToPath(new URL('full-disk.ts', import.meta.url));
    const { stdout, stderr } = spawnSync('prlimit', ['--fsize=70000:unlimited', process.execPath, script, place], { encoding: 'utf8' });
    const lines = stdout.trim().split('\n');
    assert.ok(lines.includes('full') && lines.indexOf('full') > 10, stdout + stderr);
    const store = unwrap(await openStore({ kind: 'disk', folder: join(place, 'store'), create: false }));
    const lost: string[] = [];
    for (const number of lines.filter((line) => line !== 'full')) {
      if (await store.get('peer', bigEndian(Number(number), 8)) === undefined) lost.push(number);
    }
    await store.close();
    assert.is(lost.length, 0, `${lost.length} of ${lines.length - 1} were lost, the first is ${lost[0]}`);
  });
} else {
  test.skip(name, 'there is no prlimit here');
}

test.run();
