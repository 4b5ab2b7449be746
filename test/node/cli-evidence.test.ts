import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { toBase64, utf8 } from '../../crypto/bytes.ts';
import { leafConflictEvidence } from '../../crypto/fork-evidence.ts';
import { ok, unwrap } from '../../crypto/result.ts';
import { TestLog, treeOf } from '../crypto/fork-evidence-world.ts';
import { suite } from '../harness.ts';
import { keyNamed } from '../people.ts';
import { did, values } from './fake-methods.ts';
import { host, inside } from './run-cli.ts';

const test = suite('node/cli/evidence');

const log = new TestLog(did, keyNamed('log'));
const file = unwrap(leafConflictEvidence(log.verifier_key, [log.leaf(treeOf(5, 'a'), 2), log.leaf(treeOf(6, 'b'), 2)]));

test('verify says what a file proves about whom, with no node running, and refuses every other file', async (context) => {
  const folder = context.folder();
  const path = join(folder, 'fork.evidence');
  const verify = async (bytes: Uint8Array, ...more: string[]): ReturnType<typeof inside> => {
    writeFileSync(path, bytes);
    return inside(['audit', 'evidence', 'verify', '--file', path, '--data', join(folder, 'none'), ...more]);
  };
  const verified = await verify(file);
  assert.is(verified.code, 0, verified.stderr);
  assert.match(verified.stdout, /^verified\nproven +the log did:mesh:\S+ proved two different entries in one place: index 2 in the trees of [56] and [56] entries\nkind +leaf-conflict\nhost +did:mesh:\S+\nlog +did:mesh:\S+\/log\/[0-9a-f]{32}\nkey +did:mesh:\S+\n$/);
  const said: unknown = JSON.parse((await verify(file, '--json')).stdout);
  assert.equal(said, {
    kind: 'leaf-conflict', did, name: log.origin, role: 'log', verifier_key: log.verifier_key, origin: log.origin,
    sizes: verified.stdout.includes('of 5 and 6') ? [5, 6] : [6, 5], reason: `the log ${log.origin} ${(/proved .*/.exec(verified.stdout) ?? [''])[0]}`,
  });
  const changed = Uint8Array.from(file);
  changed[file.length - 2] = (changed[file.length - 2] ?? 0) ^ 1;
  const refused = await verify(changed);
  assert.equal([refused.code, refused.stdout], [1, '']);
  assert.match(refused.stderr, /^error EVIDENCE_INVALID: /);
  assert.match((await verify(utf8('nonsense'))).stderr, /^error EVIDENCE_INVALID: /);
});

test('show writes the very bytes, and report hands them to the node', async (context) => {
  const folder = context.folder();
  const path = join(folder, 'fork.evidence');
  const { run, asked } = await host(context, { 'audit.evidence.file': () => Promise.resolve(ok({ ...values['audit.evidence.file'], file: toBase64(file) })) });
  const shown = await run('audit', 'evidence', 'show', 'bob', '--file', path);
  assert.is(shown.code, 0, shown.stderr);
  assert.equal(new Uint8Array(readFileSync(path)), file);
  asked.length = 0;
  const reported = await run('audit', 'evidence', 'report', '--file', path);
  assert.equal(asked, [{ method: 'audit.evidence.report', params: { file: toBase64(file) } }]);
  assert.match(reported.stdout, /^kept, and told to the other hosts\nproven +the witness cosigned two\n/);
});

test.run();
