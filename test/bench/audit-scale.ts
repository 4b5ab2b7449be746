/**
 * A log of a million entries and more: the memory that it takes above that of an
 * empty one while it grows, proves, is read through, exported and opened, and
 * how long the check at open takes. Runs in a process of its own, so that no
 * other benchmark's memory is counted, with the flag of V8 that `npm start` gives.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { system_random } from '../../node/clock.ts';
import { exportLog } from '../../storage/audit-export.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { diskFiles } from '../../storage/files.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { short } from './stats.ts';

const entries_default = 1_000_000;
const payload_bytes = 100;
const appends_at_once = 256;
const proofs = 2_000;
const sample_ms = 20;
const mebibyte = 2 ** 20;

interface Opened {
  readonly store: Store;
  readonly log: AuditLog;
}

async function open(folder: string, create: boolean): Promise<Opened> {
  const store = unwrap(await openStore({ kind: 'disk', folder: join(folder, 'store'), create }));
  const files = diskFiles(folder);
  const vault = unwrap(await openVault({ files, random: (length) => system_random.bytes(length), create }));
  const key = signingKey(new Uint8Array(32).fill(9));
  const log = unwrap(await openAuditLog({ store, files, vault, now: () => Date.now(), key, did: 'did:mesh:bench', create }));
  return { store, log };
}

interface Memory {
  /** Memory of the process's own. */
  readonly own_bytes: number;
  /** Pages of the store's files that are mapped into it, which the system takes back when it needs them. */
  readonly mapped_bytes: number;
}

/** What the process takes; where the system does not tell its own memory from mapped files, all of it counts as its own. */
function memory(): Memory {
  if (process.platform !== 'linux') return { own_bytes: process.memoryUsage.rss(), mapped_bytes: 0 };
  const status = readFileSync('/proc/self/status', 'utf8');
  const bytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
  return { own_bytes: bytes('RssAnon'), mapped_bytes: bytes('RssFile') };
}

/** Prints what a phase took: wall time, processor time and the most memory above that of the empty log. */
async function phase<T>(name: string, count: number, idle: Memory, work: () => Promise<T>): Promise<T> {
  const most = { ...memory() };
  const sample = (): void => {
    const { own_bytes, mapped_bytes } = memory();
    most.own_bytes = Math.max(most.own_bytes, own_bytes);
    most.mapped_bytes = Math.max(most.mapped_bytes, mapped_bytes);
  };
  const sampler = setInterval(sample, sample_ms);
  const since = performance.now();
  const spent = process.cpuUsage();
  try {
    return await work();
  } finally {
    const took_s = (performance.now() - since) / 1000;
    const { user, system } = process.cpuUsage(spent);
    clearInterval(sampler);
    sample();
    console.log([
      name.padEnd(34), `${short(took_s).padStart(6)} s`, `${short(count / took_s).padStart(9)}/s`, `${short(count / ((user + system) / 1e6)).padStart(9)}/CPU-s`,
      `at most ${short((most.own_bytes - idle.own_bytes) / mebibyte).padStart(5)} MiB above idle, and ${short((most.mapped_bytes - idle.mapped_bytes) / mebibyte)} MiB of mapped files`,
    ].join('   '));
  }
}

async function fill({ log }: Opened, to: number): Promise<void> {
  const payload = system_random.bytes(payload_bytes);
  let next = log.size();
  await Promise.all(Array.from({ length: appends_at_once }, async () => {
    while (next < to) {
      next += 1;
      unwrap(await log.append({ subject: `agent ${next % 8}`, payload }, { durable: false }));
    }
  }));
  unwrap(await log.append({ subject: 'agent 0', payload }));
}

async function main(folder: string, count: number): Promise<void> {
  const made = await open(folder, true);
  const idle = memory();
  const measured = <T>(name: string, times: number, work: () => Promise<T>): Promise<T> => phase(name, times, idle, work);
  await measured(`append ${short(count)} entries`, count, () => fill(made, count));
  unwrap(await made.log.checkpoint());
  const size = made.log.size();
  await measured('inclusion and consistency proofs', 2 * proofs, async () => {
    for (let at = 0; at < proofs; at += 1) {
      const index = Math.floor(at / proofs * size);
      unwrap(await made.log.inclusion(index, size));
      unwrap(await made.log.consistency(index + 1, size));
    }
  });
  await measured('read every entry', size, async () => {
    for await (const entry of made.log.entries()) unwrap(entry);
  });
  const free = statfsSync(folder);
  const exportable = size * 100 < free.bavail * free.bsize;
  if (exportable) await measured('export as tlog-tiles', size, async () => unwrap(await exportLog(made.log, join(folder, 'export'))));
  await made.log.close();
  await made.store.close();
  const opened = await measured('open, with the check of everything', size, () => open(folder, false));
  if (opened.log.frozen !== undefined) throw new Error(opened.log.frozen.reason);
  await opened.log.close();
  await opened.store.close();
}

/** Runs the benchmark and prints it; `--entries N` says how large the log is. */
export async function benchAuditScale(home: string, print: (text: string) => void): Promise<void> {
  const flag = process.argv.indexOf('--entries');
  const entries = flag < 0 ? entries_default : Number(process.argv[flag + 1]);
  const child = spawn(process.execPath, ['--max-semi-space-size=16', import.meta.filename, join(home, 'audit-scale'), String(entries)], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => { for (const printed of text.trimEnd().split('\n')) print(printed); });
  const [code]: unknown[] = await once(child, 'close');
  if (code !== 0) throw new Error(`the benchmark of large logs ended with ${String(code)}`);
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2] ?? '', Number(process.argv[3]));
