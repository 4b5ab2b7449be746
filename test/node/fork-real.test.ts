/** Four real processes, one of which forks its log: the three others find out, trust it no more, and hand out the proof. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { verifyEvidence } from '../../crypto/fork-evidence.ts';
import { unwrap } from '../../crypto/result.ts';
import { suite, type TestContext } from '../harness.ts';
import { NodeProcess, start_ms_max, until } from './node-process.ts';
import { inside } from './run-cli.ts';

const test = suite('node/fork-real');
const program = fileURLToPath(new URL('./forking-node.ts', import.meta.url));

interface Forked {
  readonly did: string;
  readonly origin: string;
  readonly sizes: readonly [number, number];
}

function isForked(value: unknown): value is Forked {
  return typeof value === 'object' && value !== null && 'did' in value && 'origin' in value && 'sizes' in value;
}

async function fork(context: TestContext, folder: string, addresses: readonly [string, string]): Promise<Forked> {
  const child = spawn(process.execPath, [program, folder, ...addresses], { stdio: ['ignore', 'pipe', 'pipe'] });
  context.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString(); });
  const line = await until('the forker has told two histories', async () => {
    if (child.exitCode !== null) throw new Error(errors);
    return output.split('\n').find((each) => each.startsWith('{'));
  }, 2 * start_ms_max);
  const forked: unknown = JSON.parse(line);
  if (!isForked(forked)) throw new Error(`the forker says ${line}`);
  return forked;
}

test('a host that forks its log is exposed at three others, trusted by none, and the proof is a file that verifies offline', async (context) => {
  const home = context.folder();
  const nodes: NodeProcess[] = [];
  const addresses: string[] = [];
  for (const name of ['one', 'two', 'three']) {
    const [first] = addresses;
    const node = new NodeProcess({ name, folder: join(home, name), port: 0, ...(first === undefined ? {} : { join: first }) });
    context.after(() => node.stop());
    nodes.push(node);
    addresses.push(await node.started());
  }
  await until('the three know each other', async () => {
    const peers = await Promise.all(nodes.map((node) => node.get('peers', {})));
    return peers.every((known) => known.some(({ did }) => did !== null)) ? true : undefined;
  }, start_ms_max);
  const [first = '', , third = ''] = addresses;
  const forked = await fork(context, join(home, 'forker'), [first, third]);
  assert.is(forked.sizes[0], forked.sizes[1]);
  const told_ms = performance.now();
  for (const node of nodes) {
    const { exposed } = await until('the forker is exposed', async () => {
      const evidence = await node.get('audit.evidence', {});
      return evidence.exposed.some(({ did }) => did === forked.did) ? evidence : undefined;
    }, start_ms_max);
    assert.equal(exposed.map(({ did, name, kind }) => [did, name, kind]), [[forked.did, forked.origin, 'same-size']]);
    assert.is((await node.get('trust.show', { subject: forked.did })).score, 0);
    const checks = await node.get('doctor', {});
    assert.match(checks.find(({ name }) => name === 'other logs')?.text ?? '', /1 exposed and refused for good/);
  }
  console.log(`fork of a real host: exposed at all three within ${Math.round(performance.now() - told_ms)} ms of its telling the second history`);
  const file = join(home, 'fork.evidence');
  const shown = await inside(['audit', 'evidence', 'show', forked.did, '--file', file], { AGENTMESH_DATA: join(home, 'two') });
  assert.is(shown.code, 0, shown.stderr);
  assert.is(unwrap(verifyEvidence(new Uint8Array(readFileSync(file)))).accused.name, forked.origin);
  for (const node of nodes) await node.stop();
  const offline = await inside(['audit', 'evidence', 'verify', '--file', file, '--json'], { AGENTMESH_DATA: join(home, 'nowhere') });
  assert.is(offline.code, 0, offline.stderr);
  assert.match(offline.stdout, /"kind": ?"same-size"/);
}, { ms: 120_000 });

test.run();
