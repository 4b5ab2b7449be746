/** A live node's log, exported through the command line and judged by a program that shares no code with it. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { bigEndian } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { createNode } from '../../node/node.ts';
import { suite } from '../harness.ts';
import { vectorText, withVectors } from '../vectors.ts';
import { cli } from './run-cli.ts';

const test = suite('node/audit-export');
const entries_min = 70_000;
const in_flight = 2_000;

/** The independent checker, as a process of its own. */
function check(folder: string, ...vkey: readonly string[]): { readonly ok: boolean; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('../audit-checker.ts', import.meta.url)), folder, ...vkey], { encoding: 'utf8' });
  return { ok: status === 0, said: stdout + stderr };
}

test(`a live node's log of ${entries_min} entries recomputes from its export with an independent checker, which sees any flipped bit`, async (context) => {
  const data = context.folder();
  const node = unwrap(await createNode({ name: 'archive', data, listen: ['/ip4/127.0.0.1/tcp/0'] }));
  context.after(() => node.stop());
  const { log } = node.host;
  for (let index = 0; index < entries_min; index += in_flight) {
    await Promise.all(Array.from({ length: in_flight }, async (_, at) => unwrap(await log.append({ subject: node.did, payload: bigEndian(index + at, 8) }))));
  }
  unwrap(await log.checkpoint());
  const folder = join(context.folder(), 'export');
  const exported = await cli(['audit', 'export', '--dir', folder, '--data', data, '--json']);
  assert.is(exported.code, 0, exported.stderr);
  const said: { readonly size: number } = JSON.parse(exported.stdout);
  assert.ok(said.size > entries_min, `${said.size} entries`);

  const whole = check(folder, log.verifier_key);
  assert.ok(whole.ok, whole.said);
  assert.match(whole.said, `OK ${said.size} entries`);
  assert.ok(whole.said.includes(Buffer.from(unwrap(await log.rootAt(said.size))).toString('base64')), 'the root that the log itself gives');

  const checkpoint = readFileSync(join(folder, 'checkpoint'), 'utf8');
  const partial = readdirSync(join(folder, 'tile/entries'), { recursive: true, encoding: 'utf8' }).find((name) => name.includes('.p/')) ?? '';
  const flips: readonly (readonly [file: string, at: number])[] = [
    ['tile/0/200', 8191], ['tile/2/000.p/1', 31], ['tile/entries/123', 2 + 43], [`tile/entries/${partial}`, 20],
    // The size, the root and the signature.
    ['checkpoint', checkpoint.indexOf('\n') + 1], ['checkpoint', checkpoint.split('\n', 2).join('\n').length + 9], ['checkpoint', checkpoint.indexOf(' ', checkpoint.indexOf('—') + 3) + 20],
  ];
  for (const [file, at] of flips) {
    const path = join(folder, file);
    const good = readFileSync(path);
    writeFileSync(path, good.map((byte, index) => (index === at ? byte ^ 1 : byte)));
    assert.not(check(folder, log.verifier_key).ok, `byte ${at} of ${file}`);
    writeFileSync(path, good);
  }
  assert.ok(check(folder, log.verifier_key).ok, 'put back, it holds again');
}, { ms: 60_000 });

withVectors(test, 'audit/tessera-log', "the checker accepts another implementation's log under its key, and not under a changed one", ({ folder }) => {
  const vkey = vectorText('audit/tessera-log/log.vkey').trim();
  const log = fileURLToPath(new URL('../../../shared/vectors/audit/tessera-log/testdata/log', import.meta.url));
  assert.match(check(log, vkey).said, 'OK 15 entries');
  assert.not(check(log, `${vkey.slice(0, -1)}y`).ok);
  assert.not(check(folder(), vkey).ok, 'an empty folder is no log');
});

test.run();
