/**
 * `npm test`: all test files in batches, each a process of its own, two at a time. One process for all would drag along
 * the memory of everything before; one for each file would load the sources two hundred times. Which files share a
 * process is always the same. What a batch says is shown whole, once it has ended. `node test/run.ts kernel/` runs only
 * the files with that in their path, `node test/node/host.test.ts` one file by itself.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parse } from 'uvu/parse';
import { run } from 'uvu/run';

const program = fileURLToPath(import.meta.url);
const folder = fileURLToPath(new URL('.', import.meta.url));
const batch_flag = '--batch';
const files_per_batch = 28;
// Also on a single core: some tests wait for real time to pass.
const processes = 2;
/** Longer than any test may take. A batch that says nothing for so long waits for something that its tests left open. */
const silent_ms_max = 240_000;

/** In the process of a batch: runs its files, with uvu's own words on standard output. */
async function runBatch(names: readonly string[]): Promise<void> {
  await run(names.map((name) => ({ name, file: folder + name })), { bail: false });
  const queue: unknown = Reflect.get(globalThis, 'UVU_QUEUE');
  for (const [index, name] of names.entries()) {
    const suites: unknown = Array.isArray(queue) ? queue[index] : undefined;
    if (Array.isArray(suites) && suites.length > 0) continue;
    console.log(`  FAIL  ${name} runs no test`);
    process.exitCode = 1;
  }
}

interface Counts {
  readonly total: number;
  readonly passed: number;
  readonly skipped: number;
}

/** What uvu counted in a batch; nothing where it broke off. */
function countsIn(said: string): Counts {
  const count = (name: string): number => Number(new RegExp(`^ +${name}: +(\\d+)$`, 'm').exec(said)?.[1] ?? 0);
  return { total: count('Total'), passed: count('Passed'), skipped: count('Skipped') };
}

/** Runs a batch in a process of its own, shows what it said, and tells whether it held. */
async function startBatch(names: readonly string[]): Promise<Counts & { readonly held: boolean }> {
  const child = spawn(process.execPath, [program, batch_flag, ...names], { stdio: ['ignore', 'pipe', 'pipe'] });
  const silence = setTimeout(() => child.kill('SIGKILL'), silent_ms_max);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      silence.refresh();
    });
  }
  const [code, signal] = await once(child, 'close');
  clearTimeout(silence);
  process.stdout.write(said);
  if (code !== 0) console.log(`  FAIL  a batch ended with ${signal ?? code}; its files: ${names.join(' ')}`);
  const counts = countsIn(said);
  return { ...counts, held: code === 0 && counts.total > 0 && counts.passed === counts.total };
}

/** Runs all files with this text in their path, and tells whether every batch held. */
async function runAll(wanted: string): Promise<boolean> {
  const began_ms = performance.now();
  const { suites } = await parse(folder, String.raw`\.test\.ts$`);
  const names = suites.map(({ name }) => name).filter((name) => name.includes(wanted));
  const count = Math.ceil(names.length / files_per_batch);
  // Neighbours are alike, also in what they cost: each batch gets some of every folder.
  const waiting = Array.from({ length: count }, (_, batch) => names.filter((_, index) => index % count === batch)).values();
  const results: Awaited<ReturnType<typeof startBatch>>[] = [];
  await Promise.all(Array.from({ length: processes }, async () => {
    for (const batch of waiting) results.push(await startBatch(batch));
  }));
  const sum = (name: keyof Counts): number => results.reduce((all, counts) => all + counts[name], 0);
  const took_s = Math.round((performance.now() - began_ms) / 1000);
  console.log(`${sum('passed')} of ${sum('total')} tests hold, ${sum('skipped')} were skipped; ${names.length} files in ${took_s} s`);
  return results.length > 0 && results.every(({ held }) => held);
}

const [first = '', ...rest] = process.argv.slice(2);
if (first === batch_flag) await runBatch(rest);
else if (!await runAll(first)) process.exitCode = 1;
