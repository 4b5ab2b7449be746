/** The example in Python, with its standard library alone, against a real node. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { fail, unwrap } from '../../../crypto/result.ts';
import { suite } from '../../harness.ts';
import { until } from '../node-process.ts';
import { sidecarWorld } from './sidecar-world.ts';

const test = suite('node/sidecar/python');
const program = fileURLToPath(new URL('../../../examples/python/agent.py', import.meta.url));
const adding = { name: 'add', description: 'Adds', version: '1', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true, openWorldHint: false } };

function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const server = fileURLToPath(new URL('../../../examples/python/tool_server.py', import.meta.url));

test('the example that serves a tool has at most 60 lines and imports the standard library alone', () => {
  const lines = readFileSync(server, 'utf8').trimEnd().split('\n');
  assert.ok(lines.length <= 60, String(lines.length));
  assert.equal(lines.filter((line) => /^\s*(?:import|from)\b/.test(line)), ['import http.client, json, os, socket, sys']);
});

test('the example has at most 40 lines and imports the standard library alone', () => {
  const lines = readFileSync(program, 'utf8').trimEnd().split('\n');
  assert.ok(lines.length <= 40, String(lines.length));
  assert.equal(lines.filter((line) => /^\s*(?:import|from)\b/.test(line)), ['import http.client, json, os, socket, sys']);
});

if (hasPython()) {
  test('it registers, asks, records, calls a tool, remembers, and hears of its end', async (context) => {
    const world = await sidecarWorld(context);
    unwrap(await world.node.tools.register({ descriptor: adding, run: () => 3 }));
    const env = { ...process.env, AGENTMESH_SIDECAR: world.node.sidecar?.socket_path ?? '', AGENTMESH_TOKEN: world.tokens['analyst'] ?? '' };
    const child = spawn('python3', [program], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    context.after(() => void child.kill('SIGKILL'));
    const said = { out: '', err: '' };
    child.stdout.on('data', (bytes: Buffer) => { said.out += bytes.toString(); });
    child.stderr.on('data', (bytes: Buffer) => { said.err += bytes.toString(); });
    const ended = once(child, 'close');
    await until('it waits for signals', () => (child.exitCode === null ? Promise.resolve(said.out.includes('signal standing') ? true : undefined) : Promise.reject(new Error(said.err))));
    unwrap(await world.kernel.signal(world.did, 'SIGUSR1'));
    unwrap(await world.kernel.signal(world.did, 'SIGKILL', { reason: 'enough' }));
    assert.equal(await ended, [0, null], said.err);
    assert.match(said.out, /^I am analyst, running, under \['desk'\]\nread:reports is open: .*reads.*\nerase:reports is deny\nthe tool says 3\nI remember three rows\nsignal standing\nsignal SIGUSR1\nsignal SIGKILL\n$/);
    const outcomes = await world.logged('outcome');
    assert.is(outcomes[0]?.['status'], 'done');
    const again = spawn('python3', [program], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let refused = '';
    again.stderr.on('data', (bytes: Buffer) => { refused += bytes.toString(); });
    assert.equal(await once(again, 'close'), [1, null]);
    assert.match(refused, /^AGENT_KILLED: /);
  });

  test('a tool in Python is served to another agent, and ends with its agent', async (context) => {
    const world = await sidecarWorld(context);
    const env = { ...process.env, AGENTMESH_SIDECAR: world.node.sidecar?.socket_path ?? '', AGENTMESH_TOKEN: world.tokens['other'] ?? '' };
    const child = spawn('python3', [server], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    context.after(() => void child.kill('SIGKILL'));
    const said = { out: '', err: '' };
    child.stdout.on('data', (bytes: Buffer) => { said.out += bytes.toString(); });
    child.stderr.on('data', (bytes: Buffer) => { said.err += bytes.toString(); });
    const ended = once(child, 'close');
    await until('it serves', () => (child.exitCode === null ? Promise.resolve(said.out.includes('serving add') ? true : undefined) : Promise.reject(new Error(said.err))));
    const { value } = await world.get('POST', '/v1/tools/call', { body: { tool: 'add', input: { a: 2, b: 3 } } });
    assert.is(value, 5);
    assert.equal(await world.refusal('POST', '/v1/tools/call', { body: { tool: 'add', input: { a: 2 } } }), [400, 'TOOL_INPUT_INVALID']);
    const other = world.node.host.identities.find('other')?.did ?? '';
    unwrap(await world.node.host.agents.get(other)?.kernel.signal(other, 'SIGKILL') ?? fail('AGENT_UNKNOWN', 'it is not here'));
    assert.equal(await ended, [0, null], said.err);
    assert.is(said.out, "serving add\n{'a': 2, 'b': 3} is 5\n");
    assert.equal(await world.refusal('POST', '/v1/tools/call', { body: { tool: 'add', input: { a: 2, b: 3 } } }), [503, 'TOOL_UNAVAILABLE']);
  });
} else test.skip('it registers, asks, records, calls a tool, remembers, and hears of its end', 'there is no python3 here');

test.run();
