import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { exportLog } from '../../storage/audit-export.ts';
import { log_keys } from '../../storage/audit-group.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import { suite } from '../harness.ts';
import { auditWorld, code } from './audit-world.ts';

const test = suite('storage/audit-export');

async function fill(log: AuditLog, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count - log.size() }, async (_, at) => unwrap(await log.append({ subject: 'agent', payload: utf8(`${at}`) }))));
  unwrap(await log.checkpoint());
}

/** The 30 lines that share nothing with the program. */
function checker(folder: string, vkey: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('../audit-checker.ts', import.meta.url)), folder, vkey], { encoding: 'utf8' });
  return status === 0 ? 'ok' : stdout + stderr;
}

test('an export at the borders of tiles has exactly the tiles of that size, partial ones too', async (context) => {
  const { log } = await auditWorld();
  for (const size of [1, 2, 255, 256, 257, 512, 700]) {
    if (log.size() < size) await fill(log, size);
    const folder = join(context.folder(), String(size));
    const exported = unwrap(await exportLog(log, folder));
    assert.is(exported.size, size);
    assert.is(checker(folder, log.verifier_key), 'ok', `size ${size}`);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.is(files.length, exported.files, 'no file is left over');
  }
});

test('a log that grows while it is exported is exported as of one checkpoint', async (context) => {
  const { log } = await auditWorld();
  await fill(log, 2_000);
  const folder = join(context.folder(), 'export');
  const whole = new AbortController();
  const grown = (async () => {
    while (!whole.signal.aborted) {
      unwrap(await log.append({ subject: 'agent', payload: utf8('later') }));
      // A store in memory gives nobody else a turn.
      await setImmediate();
    }
  })();
  const told: number[] = [];
  const exported = unwrap(await exportLog(log, folder, { progress: ({ done, total }) => void told.push(done / total) }));
  whole.abort();
  await grown;
  assert.is(exported.size, 2_000);
  assert.ok(log.size() > 2_000, `${log.size()} entries`);
  assert.is(checker(folder, log.verifier_key), 'ok');
  assert.equal(told, Array.from({ length: 8 }, (_, at) => Math.min(1, (at + 1) * 256 / 2_000)));
});

test('an export that is stopped, or that meets damage, leaves no folder that looks whole', async (context) => {
  const { log, store } = await auditWorld();
  await fill(log, 900);
  const stopped = new AbortController();
  const folder = join(context.folder(), 'stopped');
  assert.is(code(await exportLog(log, folder, { signal: stopped.signal, progress: () => stopped.abort() })), 'ABORTED');
  assert.not.ok(existsSync(join(folder, 'checkpoint')));
  assert.ok(existsSync(join(folder, 'tile', '0', '000')), 'it had begun');
  const bundle = await store.get('log', log_keys.bundle(1)) ?? new Uint8Array();
  for (const at of [1, 20, bundle.length - 1]) {
    const changed = Uint8Array.from(bundle);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await store.batch([{ space: 'log', key: log_keys.bundle(1), value: changed }], { sync: false });
    const damaged = join(context.folder(), `damaged ${at}`);
    assert.is(code(await exportLog(log, damaged)), 'AUDIT_DAMAGED', `byte ${at}`);
    assert.not.ok(existsSync(join(damaged, 'checkpoint')));
  }
});

test('nothing is exported over anything', async (context) => {
  const { log } = await auditWorld();
  const folder = context.folder();
  writeFileSync(join(folder, 'mine'), 'x');
  assert.is(code(await exportLog(log, folder)), 'EXPORT_FOLDER');
  assert.is(readFileSync(join(folder, 'mine'), 'utf8'), 'x');
  assert.is(code(await exportLog(log, join(folder, 'mine'))), 'EXPORT_FOLDER');
  mkdirSync(join(folder, 'empty'));
  assert.is(code(await exportLog(log, join(folder, 'empty'))), 'ok');
});

test.run();
