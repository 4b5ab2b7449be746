/**
 * Failing system calls: a writer of a log gets an error, or dies, at the n-th
 * call of one kind, for each kind and each n, while it creates its log or opens
 * one that is there. `node test/faults/strace.ts [stride]` runs the sweep; it
 * needs strace and the right to trace processes, and says so where it has not.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { judge, nothingTold, snapshot, toldLine, type Told, type Verdict } from './log-trial.ts';

const writer = fileURLToPath(new URL('log-writer.ts', import.meta.url));
const rounds = 5;
const grown_from = 10_000;
const attach_ms_max = 5_000;
const run_ms_max = 30_000;
const file_numbers_max = 40;

/** One fault: what the n-th such call of a thread gets. */
export interface Injection {
  readonly call: 'fdatasync' | 'fsync' | 'write' | 'rename' | 'openat';
  readonly fault: 'error=EIO' | 'error=ENOSPC' | 'signal=SIGKILL';
  readonly nth: number;
  /** Whether every later one gets it too. */
  readonly lasting?: boolean;
  /** Whether the log is created under the fault, opened under it, or open before calls are counted. */
  readonly start: 'created' | 'grown' | 'open';
}

/** What came of it. */
export interface Injected extends Verdict {
  /** Whether the fault was reached. */
  readonly hit: boolean;
  readonly acknowledged: number;
  /** How many of these as durable. */
  readonly durable: number;
}

/** Whether every thread of a process is traced. */
function isTraced(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.every((thread) => !readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8').includes('TracerPid:\t0\n'));
  } catch {
    return false;
  }
}

/** The files that a log writes, as filters: a write to a pipe, or to wake another thread, is none of its own. */
function writtenFiles(folder: string): string[] {
  const numbers = Array.from({ length: file_numbers_max }, (_, number) => String(number).padStart(6, '0'));
  const names = ['head.tmp', 'vault.tmp', ...numbers.flatMap((number) => [`store/${number}.log`, `store/${number}.ldb`, `store/${number}.dbtmp`, `store/MANIFEST-${number}`])];
  return names.flatMap((name) => ['-P', join(folder, name)]);
}

async function attached(pid: number, ...args: readonly string[]): Promise<ChildProcess | undefined> {
  const tracer = spawn('strace', ['-f', '-qq', ...args, '-p', String(pid)], { stdio: 'ignore' });
  tracer.once('error', () => undefined);
  for (const end = performance.now() + attach_ms_max; performance.now() < end && tracer.exitCode === null; await sleep(5)) {
    if (isTraced(pid)) return tracer;
  }
  tracer.kill();
  return undefined;
}

/** Why no faults can be injected here, if so. */
export async function straceMissing(): Promise<string | undefined> {
  if (spawnSync('strace', ['-V'], { stdio: 'ignore' }).status !== 0) return 'strace is not installed';
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const tracer = await attached(child.pid ?? 0, '-o', '/dev/null', '-e', 'trace=fdatasync');
  child.kill('SIGKILL');
  return tracer === undefined ? 'this host does not let processes be traced' : undefined;
}

/** Runs a writer to its end, its death or its failure; `trace` is given the process before it opens the log, or before it writes. */
async function run(folder: string, seed: string, first: number, told: Told, traced_from: 'ready' | 'open', trace: (pid: number) => Promise<ChildProcess | undefined>): Promise<void> {
  const child = spawn(process.execPath, [writer, folder, seed, String(rounds), String(first)], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // Calls are counted per thread: with more than one the n-th would be a matter of chance.
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), run_ms_max);
  child.stdin.on('error', () => undefined);
  let tracer: ChildProcess | undefined;
  for await (const line of createInterface(child.stdout)) {
    toldLine(told, line);
    if (line === traced_from) tracer = await trace(child.pid ?? 0);
    if (line === 'ready' || line === 'open') child.stdin.write('go\n');
  }
  if (tracer !== undefined && tracer.exitCode === null) await once(tracer, 'exit');
  clearTimeout(timer);
}

/** Makes a log that later runs start from, and what was told of it. */
export async function grownLog(folder: string): Promise<Told> {
  const told = nothingTold();
  await run(folder, 'grown', 0, told, 'ready', () => Promise.resolve(undefined));
  return told;
}

/** Injects one fault into a run in an empty folder, and judges what is left. `grown` is the log to start from. */
export async function inject(place: string, { call, fault, nth, start, lasting = false }: Injection, grown: { readonly folder: string; readonly told: Told }): Promise<Injected> {
  const folder = join(place, 'log');
  const trace_file = join(place, 'trace');
  const told = start === 'created' ? nothingTold() : snapshot(grown.told);
  if (start !== 'created') cpSync(grown.folder, folder, { recursive: true });
  const before = told.acknowledged.length;
  const filter = call === 'write' ? writtenFiles(folder) : [];
  const rule = `inject=${call}:${fault}:when=${nth}${lasting ? '+' : ''}`;
  await run(folder, 'strace', start === 'created' ? 0 : grown_from, told, start === 'open' ? 'open' : 'ready', (pid) => attached(pid, '-o', trace_file, '-e', `trace=${call}`, '-e', rule, ...filter));
  const acknowledged = told.acknowledged.slice(before);
  const hit = /INJECTED|killed by SIGKILL/.test(readFileSync(trace_file, 'utf8'));
  const verdict = await judge(folder, told);
  return { ...verdict, hit, acknowledged: acknowledged.length, durable: acknowledged.filter(({ durable }) => durable).length, problems: [...verdict.problems, ...unexcused(verdict, told)] };
}

/** A log that promised something opens, and is frozen only where the fault itself, or what LevelDB lost by it, is the reason. */
function unexcused({ outcome, reason }: Verdict, told: Told): string[] {
  if (outcome === 'whole' || (told.acknowledged.length === 0 && told.heads.size === 0)) return [];
  if (outcome === 'refused') return [`what was promised cannot be opened: ${reason}`];
  // LevelDB leaves out, and then deletes, a write-ahead log that it cannot open at its start.
  const is_true = /EIO|ENOSPC|Input\/output error|No space left|the signed head has \d+ entries, the store only \d+/i.test(reason);
  return is_true ? [] : [`frozen without a true reason: ${reason}`];
}

/** Every kind of fault of the sweep. Nothing here writes with pwrite64. */
export const fault_kinds: readonly Omit<Injection, 'nth'>[] = (['fdatasync', 'fsync', 'write', 'rename', 'openat'] as const).flatMap((call) =>
  (['error=EIO', 'error=ENOSPC', 'signal=SIGKILL'] as const).flatMap((fault) => (['created', 'grown', 'open'] as const).map((start) => ({ call, fault, start }))));

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'agentmesh-strace-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function sweep(stride: number): Promise<void> {
  await inFolder(async (home) => {
    const grown = { folder: join(home, 'grown'), told: await grownLog(join(home, 'grown')) };
    for (const kind of fault_kinds) {
      const outcomes: { [outcome: string]: number } = {};
      for (let nth = 1; ; nth += stride) {
        const { hit, outcome, problems } = await inFolder((place) => inject(place, { ...kind, nth }, grown));
        for (const problem of problems) console.log(`  ${kind.call} ${nth}: ${problem}`);
        if (problems.length > 0) process.exitCode = 1;
        if (!hit) break;
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
      console.log(`${kind.fault} at each ${kind.call} of a log ${kind.start}: ${Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`).join(', ') || 'none made'}`);
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = await straceMissing();
  if (missing === undefined) await sweep(Number(process.argv[2] ?? 1));
  else console.log(`skipped: ${missing}`);
}
