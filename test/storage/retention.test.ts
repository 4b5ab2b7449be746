import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { archiveLog } from '../../storage/audit-archive.ts';
import { openAuditLog, type AuditLog } from '../../storage/audit-log.ts';
import { diskFiles, memoryFiles } from '../../storage/files.ts';
import { log_keys } from '../../storage/audit-group.ts';
import {
  audit_disk_bytes_min, budgetLevel, checkpointDrop, checkRetention, cutoff, erasedBefore, erasedBeforeChange, firstSince, lonelyCheckpoints, parseRetention, timeOf, witness_days_min,
  type DiskUse, type RetentionPolicy,
} from '../../storage/retention.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { openVault } from '../../storage/vault.ts';
import { suite } from '../harness.ts';
import { code, did, log_key, random } from './audit-world.ts';

const test = suite('storage/retention');

/** A log in memory whose clock the test sets. */
async function clockedLog(): Promise<{ readonly store: Store; readonly log: AuditLog; readonly clock: { now_ms: number } }> {
  const clock = { now_ms: 1_000 };
  const store = unwrap(await openStore({ kind: 'memory' }));
  const files = memoryFiles();
  const vault = unwrap(await openVault({ files, random, create: true }));
  const log = unwrap(await openAuditLog({ store, files, vault, now: () => clock.now_ms, key: log_key, did, create: true }));
  return { store, log, clock };
}

test('a policy is taken as it is or refused with what would do', () => {
  const good: RetentionPolicy[] = [{}, { payload_days: 1 }, { checkpoint_days: 36_500, witness_days: witness_days_min }, { audit_disk_bytes_max: audit_disk_bytes_min, free_disk_bytes_min: 0 }];
  for (const policy of good) assert.equal(unwrap(checkRetention(policy)), policy);
  const bad: unknown[] = [
    null, [], 'all', { days: 3 }, { payload_days: 0 }, { payload_days: 1.5 }, { payload_days: '30' }, { payload_days: -1 }, { payload_days: 36_501 }, { payload_days: Number.NaN },
    { witness_days: witness_days_min - 1 }, { audit_disk_bytes_max: audit_disk_bytes_min - 1 }, { audit_disk_bytes_max: Infinity }, { free_disk_bytes_min: -1 }, { payload_days: null },
  ];
  for (const policy of bad) assert.is(code(checkRetention(policy)), 'RETENTION_INVALID', JSON.stringify(policy));
  assert.equal(unwrap(parseRetention('{"payload_days": 730}')), { payload_days: 730 });
  for (const text of ['', '{', '[]', 'payload_days: 3', '{"__proto__": 1}']) assert.is(code(parseRetention(text)), 'RETENTION_INVALID', text);
});

test('the budget warns at four fifths and is full at its end, and what cannot be measured is no reason to refuse', () => {
  const policy = { audit_disk_bytes_max: 1_000, free_disk_bytes_min: 400 };
  const levels: [DiskUse, string][] = [
    [{ audit_bytes: 799, free_bytes: 501 }, 'ok'], [{ audit_bytes: 800, free_bytes: 501 }, 'near'], [{ audit_bytes: 999, free_bytes: 501 }, 'near'], [{ audit_bytes: 1_000, free_bytes: 501 }, 'full'],
    [{ audit_bytes: 0, free_bytes: 499 }, 'near'], [{ audit_bytes: 0, free_bytes: 400 }, 'near'], [{ audit_bytes: 0, free_bytes: 399 }, 'full'],
    [{ audit_bytes: undefined, free_bytes: undefined }, 'ok'],
  ];
  for (const [use, level] of levels) assert.is(budgetLevel(use, policy), level, JSON.stringify(use));
  assert.is(budgetLevel({ audit_bytes: 1e15, free_bytes: 0 }, {}), 'ok', 'without a rule nothing is refused');
});

test('the first entry since a moment has only older ones before it, also where the clock was set back', async () => {
  const { log, clock } = await clockedLog();
  const times = [1_000];
  for (let index = 1; index < 700; index += 1) {
    clock.now_ms = index === 300 ? 250_000 : index < 300 ? index * 1_000 : 200_000 + index * 1_000;
    times.push(clock.now_ms);
    unwrap(await log.append({ subject: 'agent', payload: utf8(`${index}`) }));
  }
  const naive = (since_ms: number, from: number): number => {
    const found = times.findIndex((time_ms, index) => index >= from && time_ms >= since_ms);
    return found < 0 ? times.length : found;
  };
  for (const since_ms of [0, 1_000, 1_001, 249_000, 251_000, 299_000, 300_000, 512_000, 1e9]) {
    for (const from of [0, 1, 255, 256, 300, 301, 699, 700]) assert.is(unwrap(await firstSince(log, since_ms, from)), naive(since_ms, from), `since ${since_ms} from ${from}`);
  }
  for (const index of [0, 255, 256, 300, 699]) assert.is(unwrap(await timeOf(log, index)), times[index]);
  assert.is(cutoff(100 * 86_400_000, 30), 70 * 86_400_000);
});

test('checkpoints that nobody cosigned are found by their age, never a cosigned one or the newest', async () => {
  const { store, log, clock } = await clockedLog();
  for (let size = 2; size <= 6; size += 1) {
    clock.now_ms = size * 1_000;
    unwrap(await log.append({ subject: 'agent', payload: utf8('x') }));
    unwrap(await log.checkpoint());
  }
  await store.batch([{ space: 'log', key: log_keys.cosignature(3, 'witness'), value: utf8('a line') }], { sync: false });
  assert.equal(unwrap(await lonelyCheckpoints(store, log, 5_001)), [1, 2, 4, 5]);
  assert.equal(unwrap(await lonelyCheckpoints(store, log, 5_000)), [1, 2, 4]);
  assert.equal(unwrap(await lonelyCheckpoints(store, log, 1_000)), []);
  assert.equal(unwrap(await lonelyCheckpoints(store, log, 1e9)), [1, 2, 4, 5], 'the newest stays');
  await store.batch(unwrap(await lonelyCheckpoints(store, log, 1e9)).map(checkpointDrop), { sync: false });
  assert.is(code(await log.cosigned(2)), 'AUDIT_NO_CHECKPOINT');
  assert.equal(unwrap(await lonelyCheckpoints(store, log, 1e9)), []);
  assert.is(code(await log.checkpoint()), 'ok');
});

test('how far payloads were erased is remembered', async () => {
  const store = unwrap(await openStore({ kind: 'memory' }));
  assert.is(await erasedBefore(store), 0);
  await store.batch([erasedBeforeChange(70_000)], { sync: false });
  assert.is(await erasedBefore(store), 70_000);
});

test('what the log takes of the disk is known right after a restart, and is less after an archive', async (context) => {
  const folder = context.folder();
  const files = diskFiles(folder);
  const open = async (create: boolean): Promise<{ readonly store: Store; readonly log: AuditLog }> => {
    const store = unwrap(await openStore({ kind: 'disk', folder: join(folder, 'store'), create }));
    const vault = unwrap(await openVault({ files, random, create }));
    return { store, log: unwrap(await openAuditLog({ store, files, vault, now: () => 1_000, key: log_key, did, create })) };
  };
  const first = await open(true);
  const payload = random(20_000);
  for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 60 }, async () => unwrap(await first.log.append({ subject: 'agent', payload }))));
  unwrap(await first.log.checkpoint());
  await first.log.close();
  await first.store.close();
  const again = await open(false);
  const bytes = await again.store.diskBytes?.('log') ?? 0;
  assert.ok(bytes > 10_000_000 && bytes < 16_000_000, `${bytes} bytes of ${600 * 20_000}`);
  assert.ok((await again.store.diskBytes?.('peer') ?? -1) < 1_000_000);
  unwrap(await archiveLog({ ...again, folder: join(folder, 'archive'), subject: did }, 512));
  await again.store.compact?.('log');
  const left = await again.store.diskBytes?.('log') ?? 0;
  assert.ok(left < bytes / 3, `${left} of ${bytes} bytes are left`);
  await again.log.close();
  await again.store.close();
});

test.run();
