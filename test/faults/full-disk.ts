/**
 * A disk that was full for a moment: `full-disk.ts <folder>` writes to a store
 * until a write fails for want of space, then gets space again and writes on.
 * It prints the number of every write that the store took. The parent starts it
 * with a bound on the size of files, which stands for the size of the disk.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { bigEndian } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { openStore } from '../../storage/store.ts';

const value_bytes = 1_000;
const writes_max = 400;

const [, , folder = ''] = process.argv;
const store = unwrap(await openStore({ kind: 'disk', folder: join(folder, 'store'), create: true }));
let is_full = false;
for (let number = 0; number < writes_max; number += 1) {
  try {
    await store.batch([{ space: 'peer', key: bigEndian(number, 8), value: new Uint8Array(value_bytes).fill(number) }], { sync: number % 2 === 0 });
    console.log(number);
  } catch {
    if (is_full) continue;
    is_full = true;
    console.log('full');
    spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited']);
  }
}
// As a process that is killed: nothing is put in order.
process.kill(process.pid, 'SIGKILL');
