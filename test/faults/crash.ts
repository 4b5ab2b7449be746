/**
 * Sudden death: a process that appends and signs is killed at random moments,
 * again and again, and each time everything that it acknowledged must be there
 * under the heads that it signed. `node test/faults/crash.ts [seeds]`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../../simulator/random.ts';
import { judge, nothingTold, toldLine, type Told } from './log-trial.ts';

const writer = fileURLToPath(new URL('log-writer.ts', import.meta.url));
const lives = 4;
// A life is measured in what it told, so that it is as long on a slow machine; the moment within a write is then left to chance.
const life_lines_max = 900;
const opening_ms_max = 60;
const endless_rounds = 1_000_000;

/** One life: the writer runs until it has told so many lines, or is so long at opening its log, and is killed. */
async function live(folder: string, seed: string, first: number, end: { readonly lines: number } | { readonly opening_ms: number }, told: Told): Promise<void> {
  const child = spawn(process.execPath, [writer, folder, seed, String(endless_rounds), String(first)], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write('open\nwrite\n');
  let lines = 0;
  for await (const line of createInterface(child.stdout)) {
    toldLine(told, line);
    lines += 1;
    if ('lines' in end ? lines === end.lines : lines === 1) {
      if ('opening_ms' in end) await sleep(end.opening_ms);
      child.kill('SIGKILL');
    }
  }
}

/** What one seed came to. */
export interface CrashReport {
  readonly acknowledged: number;
  readonly heads: number;
  readonly erased: number;
  readonly kills: number;
  /** Broken promises: none. */
  readonly problems: readonly string[];
}

/** Kills a writer several times at moments that the seed decides. */
export async function crash(folder: string, seed: string): Promise<CrashReport> {
  const told = nothingTold();
  const chance = seededRandom(seed, 'crash');
  const problems: string[] = [];
  for (let life = 0; life < lives; life += 1) {
    // The first may die only once its log is there; the others also while they open it.
    const end = life === 0 || chance.fraction() < 0.7 ? { lines: 3 + Math.floor(chance.fraction() * life_lines_max) } : { opening_ms: chance.fraction() * opening_ms_max };
    await live(folder, `${seed}/${life}`, life * endless_rounds, end, told);
    const verdict = await judge(folder, told);
    problems.push(...verdict.problems, ...told.refused.splice(0));
    if (verdict.outcome !== 'whole') problems.push(`after life ${life} the log was ${verdict.outcome}: ${verdict.reason}`);
  }
  return { acknowledged: told.acknowledged.length, heads: told.heads.size, erased: told.erased.size, kills: lives, problems };
}

async function main(seeds: number): Promise<void> {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const folder = mkdtempSync(join(tmpdir(), 'agentmesh-crash-'));
    try {
      const { acknowledged, heads, erased, kills, problems } = await crash(folder, String(seed));
      console.log(`seed ${seed}: killed ${kills} times, ${acknowledged} entries acknowledged, ${heads} heads signed and ${erased} subjects erased, ${problems.length === 0 ? 'all there' : problems.join('\n  ')}`);
      if (problems.length > 0) process.exitCode = 1;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(Number(process.argv[2] ?? 10));
