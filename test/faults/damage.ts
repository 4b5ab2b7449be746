/**
 * Rotten disks: every way in which the files of a small log can be cut, zeroed,
 * flipped or lost while nobody looks. Each ends in the same log, or in one that
 * is frozen or does not open and says what is damaged; never in a log that is
 * shorter than its signed head. `node test/faults/damage.ts [every]` tries each
 * damage, or every n-th.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toHex } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { appendNumber, headOf, judge, linesOf, nothingTold, openTrial, snapshot, toldHead, toldLine, type Told, type Verdict } from './log-trial.ts';

/** A log on disk, file by file, with what was told of it. */
export interface Specimen {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly told: Told;
}

/** One damage: the bytes that a file has in place of its own; none when it is gone. */
export interface Damage {
  readonly what: string;
  readonly file: string;
  readonly bytes: Buffer | undefined;
}

/** Makes a log of some entries that is signed once halfway and once near its end. With `settled` LevelDB has moved it into a table file. */
export async function specimen(folder: string, numbers: readonly number[], settled: boolean): Promise<Specimen> {
  const told = nothingTold();
  const { log, close } = unwrap(await openTrial(folder, true));
  for (const [at, number] of numbers.entries()) {
    const { index, leaf_hash } = unwrap(await appendNumber(log, number));
    told.acknowledged.push({ number, index, leaf_hash: toHex(leaf_hash), durable: true });
    if (at !== Math.floor(numbers.length / 2) && at !== numbers.length - 2) continue;
    const { size, root } = headOf(unwrap(await log.checkpoint()));
    toldHead(told, size, root);
  }
  await close();
  if (settled) await unwrap(await openTrial(folder, false)).close();
  return { files: filesIn(folder), told };
}

function filesIn(folder: string): ReadonlyMap<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile());
  return new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
}

/** Every damage of a file that cuts it, and of one that fills the rest of it with zeros. */
function* shortened(file: string, bytes: Buffer, every: number): Generator<Damage> {
  for (let length = 0; length < bytes.length; length += every) {
    yield { what: `cut after ${length} bytes`, file, bytes: bytes.subarray(0, length) };
    yield { what: `zeros after ${length} bytes`, file, bytes: Buffer.concat([bytes.subarray(0, length), Buffer.alloc(bytes.length - length)]) };
  }
}

/** Every flipped bit of a file. */
function* flipped(file: string, bytes: Buffer, every: number): Generator<Damage> {
  for (let bit = 0; bit < bytes.length * 8; bit += every) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    yield { what: `bit ${bit & 7} of byte ${bit >> 3} flipped`, file, bytes: changed };
  }
}

/** Every 4 KB block of a file filled with zeros, as a disk gives back what it cannot read. */
function* zeroed(file: string, bytes: Buffer): Generator<Damage> {
  for (let start = 0; start < bytes.length; start += 4096) yield { what: `zeros from ${start} to ${start + 4096}`, file, bytes: Buffer.from(bytes).fill(0, start, Math.min(bytes.length, start + 4096)) };
}

/** The damages of a specimen, every so many bytes; bits are tried so much more seldom as there are more of them. */
export function* damages({ files }: Specimen, every: number): Generator<Damage> {
  for (const [file, bytes] of files) {
    const name = file.replace('store/', '');
    if (name === 'LOG' || name === 'LOG.old' || name === 'LOCK') continue;
    yield { what: 'gone', file, bytes: undefined };
    yield { what: 'empty', file, bytes: Buffer.alloc(0) };
    const step = Math.max(every, Math.floor(bytes.length / 4096) * every);
    yield* shortened(file, bytes, step);
    // Bits are looked at one by one in small files; a prime number of them apart meets all eight places.
    yield* flipped(file, bytes, step === 1 ? 1 : step * 8 + 5);
    if (bytes.length > 4096) yield* zeroed(file, bytes);
  }
}

/** Puts a specimen with one damage on the disk, opens it, and holds it against what was told. */
export async function examine(folder: string, { files, told }: Specimen, damage: Damage): Promise<Verdict> {
  for (const [file, bytes] of files) {
    const put = file === damage.file ? damage.bytes : bytes;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    if (put !== undefined) writeFileSync(join(folder, file), put);
  }
  const now = snapshot(told);
  const signed = Math.max(...told.heads.keys());
  // What the head does not cover may be cut off with the end of a file: nobody was given a proof of it.
  const covered = { ...now, acknowledged: now.acknowledged.filter(({ index }) => index < signed) };
  const verdict = await judge(folder, covered);
  rmSync(folder, { recursive: true });
  const named = verdict.outcome === 'whole' || verdict.reason.length > 20 ? [] : ['nothing is named as the reason'];
  const short = verdict.outcome === 'whole' && verdict.size <= signed ? [`${verdict.size} entries, the signed head has ${signed}`] : [];
  return { ...verdict, problems: [...verdict.problems, ...named, ...short] };
}

/** How a damage ended: as a verdict says, or with the death of the process, for LevelDB aborts on some bytes that it cannot make sense of. */
type Outcome = Verdict['outcome'] | 'aborted';

/** What a trial of many damages came to: how often which outcome for each kind of file, and every broken promise. */
export interface DamageReport {
  readonly outcomes: Map<string, { [outcome in Outcome]: number }>;
  readonly problems: string[];
}

/** The logs that are damaged: one in LevelDB's write-ahead log, one in its table file, and one that spans many blocks. */
export const specimens: readonly { readonly name: string; readonly numbers: readonly number[]; readonly settled: boolean }[] = [
  { name: 'a log of six entries in the write-ahead log', numbers: [1, 2, 3, 5, 6], settled: false },
  { name: 'a log of six entries in a table file', numbers: [1, 2, 3, 5, 6], settled: true },
  { name: 'a log of 40 entries over many blocks of the write-ahead log', numbers: Array.from({ length: 40 }, (_, at) => 11 * (at + 1)), settled: false },
];

/** Reads a specimen that another process has made. */
function readSpecimen(home: string): Specimen {
  const told = nothingTold();
  for (const line of readFileSync(join(home, 'told'), 'utf8').split('\n')) toldLine(told, line);
  return { files: filesIn(join(home, 'good')), told };
}

/** The work of an examining process: every damage from the first on, one line before and one after each. */
async function work(home: string, every: number, first: number): Promise<void> {
  const sample = readSpecimen(home);
  let at = -1;
  for (const damage of damages(sample, every)) {
    at += 1;
    if (at < first) continue;
    writeSync(1, `${JSON.stringify({ at, file: damage.file, what: damage.what })}\n`);
    const { outcome, reason, problems } = await examine(join(home, 'damaged'), sample, damage);
    writeSync(1, `${JSON.stringify({ at, outcome, problems: problems.map((problem) => `${problem} ${reason}`) })}\n`);
  }
}

/** Examines every damage of a log of these entries, in processes of their own. */
export async function examineAll(home: string, numbers: readonly number[], settled: boolean, every: number): Promise<DamageReport> {
  const report: DamageReport = { outcomes: new Map(), problems: [] };
  const { told } = await specimen(join(home, 'good'), numbers, settled);
  writeFileSync(join(home, 'told'), linesOf(told).join('\n'));
  for (let first = 0, done = false; !done;) {
    const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), 'work', home, String(every), String(first)], { encoding: 'utf8', maxBuffer: 2 ** 30 });
    const lines = stdout.split('\n').filter((line) => line !== '').map((line): { at: number; file?: string; what?: string; outcome?: Outcome; problems?: string[] } => JSON.parse(line));
    for (const [index, { at, file, what }] of lines.entries()) {
      if (file === undefined) continue;
      const { outcome = 'aborted', problems = [] } = lines[index + 1] ?? {};
      const kind = file.replace(/\d+/, '*');
      const counts = report.outcomes.get(kind) ?? { whole: 0, frozen: 0, refused: 0, aborted: 0 };
      report.outcomes.set(kind, counts);
      counts[outcome] += 1;
      if (outcome === 'aborted' && !stderr.includes('Assertion')) problems.push(`the process ended with ${status}: ${stderr}`);
      report.problems.push(...problems.map((problem) => `${file}, ${what}: ${outcome}: ${problem}`));
      first = at + 1;
    }
    rmSync(join(home, 'damaged'), { recursive: true, force: true });
    done = status === 0;
    if (lines.length === 0 && !done) throw new Error(stderr);
  }
  return report;
}

async function main(every: number): Promise<void> {
  for (const { name, numbers, settled } of specimens) {
    const home = mkdtempSync(join(tmpdir(), 'agentmesh-damage-'));
    try {
      const { outcomes, problems } = await examineAll(home, numbers, settled, every);
      console.log(name);
      for (const [file, { whole, frozen, refused, aborted }] of outcomes) console.log(`  ${file}: ${whole} whole, ${frozen} frozen, ${refused} refused, ${aborted} in which LevelDB ended the process`);
      for (const problem of problems) console.log(`  BROKEN ${problem}`);
      if (problems.length > 0) process.exitCode = 1;
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }
}

const [, script, ...args] = process.argv;
if (script === fileURLToPath(import.meta.url)) await (args[0] === 'work' ? work(args[1] ?? '', Number(args[2]), Number(args[3])) : main(Number(args[0] ?? 1)));
