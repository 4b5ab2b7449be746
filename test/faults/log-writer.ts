/**
 * The writer of a log under trial, a process of its own: `log-writer.ts <folder>
 * <seed> <rounds> <first number>`. It waits for a line on its standard input
 * before it opens the log, and for another one before it writes. Then it appends bursts of durable and batched entries, signs heads
 * while they are on their way, and prints each promise as soon as it was given.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { toHex } from '../../crypto/bytes.ts';
import { messageOf } from '../../crypto/result.ts';
import { seededRandom } from '../../simulator/random.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import { appendNumber, guestOf, headOf, openTrial } from './log-trial.ts';

const [, , folder = '', seed = '', rounds = '0', first = '0'] = process.argv;
const orders = createInterface(process.stdin)[Symbol.asyncIterator]();
const burst_max = 40;
const chance = seededRandom(seed, 'log-writer');
const first_number = Number(first);
let number = first_number;
let erased = '';

/** A line that has reached the pipe when this returns. */
function tell(line: string): void {
  writeSync(1, `${line}\n`);
}

async function append(log: AuditLog): Promise<void> {
  const mine = number;
  number += 1;
  const durable = chance.fraction() < 0.5;
  const appended = await appendNumber(log, mine, { durable });
  if (appended.ok) tell(`acknowledged ${mine} ${appended.value.index} ${toHex(appended.value.leaf_hash)} ${durable ? 'durable' : 'batched'}`);
  else tell(`refused ${appended.failure.code} ${appended.failure.reason}`);
}

async function sign(log: AuditLog): Promise<void> {
  const signed = await log.checkpoint();
  if (!signed.ok) return tell(`refused ${signed.failure.code} ${signed.failure.reason}`);
  const { size, root } = headOf(signed.value);
  tell(`head ${size} ${root}`);
}

/** Erases whom no entry that is on its way belongs to. */
async function erase(log: AuditLog, subject: string): Promise<void> {
  tell(`erasing ${subject}`);
  const erased = await log.erase({ subject }, 'art17');
  tell(erased.ok ? `erased ${subject}` : `refused ${erased.failure.code} ${erased.failure.reason}`);
}

async function write(): Promise<void> {
  const opened = await openTrial(folder, number === 0);
  if (!opened.ok) return tell(`refused ${opened.failure.code} ${opened.failure.reason}`);
  const { log, close } = opened.value;
  if (log.frozen !== undefined) return tell(`refused ${log.frozen.code} ${log.frozen.reason}`);
  tell('open');
  await orders.next();
  for (let round = 0; round < Number(rounds); round += 1) {
    const burst = Array.from({ length: 1 + Math.floor(chance.fraction() * burst_max) }, () => append(log));
    const signing = chance.fraction() < 0.4 ? [sign(log)] : [];
    // Now and then a head is asked for only after the burst has settled.
    await Promise.all([...burst, ...signing]);
    if (chance.fraction() < 0.3) await sign(log);
    const guest = guestOf(number - 100);
    if (number - first_number >= 100 && guest !== erased) await erase(log, guest);
    erased = guest;
  }
  await close();
  tell('closed');
}

tell('ready');
await orders.next();
try {
  await write();
} catch (error) {
  tell(`refused THROWN ${messageOf(error)}`);
  process.exitCode = 1;
}
process.stdin.destroy();
