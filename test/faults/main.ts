/** `npm run faults`: the trials that take too long for `npm test`, each in a process of its own. `-- <trial>` runs one; README.md has them all. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const trials = ['crash', 'strace', 'damage', 'hammer', 'late-joiner'] as const;
const [wanted, ...args] = process.argv.slice(2);

if (wanted !== undefined && !trials.some((name) => name === wanted)) {
  console.error(`there is no trial ${JSON.stringify(wanted)}; there are: ${trials.join(', ')}`);
  process.exit(2);
}
for (const name of trials) {
  if (wanted !== undefined && wanted !== name) continue;
  console.log(name);
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${name}.ts`, import.meta.url)), ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
