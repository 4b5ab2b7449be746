/** Programs that `agentmesh run` has started, with the sidecar at hand: what holds them is this host's own knowledge. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unwrap } from '../../../crypto/result.ts';
import { KernelSpace } from '../../../node/kernel/index.ts';
import { findExecutable } from '../../../node/kernel/sandbox/index.ts';
import { suite, type TestContext } from '../../harness.ts';
import { until } from '../node-process.ts';
import { cli, inside, launch } from '../run-cli.ts';
import { sidecarWorld } from './sidecar-world.ts';

const test = suite('node/sidecar/run');

// Tells what it may do, reads and remembers, and leaves its token behind.
const program = `
import { request } from 'node:http';
import { writeFileSync } from 'node:fs';
const { AGENTMESH_SIDECAR: socketPath, AGENTMESH_TOKEN: token } = process.env;
const ask = (method, path, body) => new Promise((resolve, reject) => {
  const asked = request({ socketPath, method, path, headers: { authorization: 'Bearer ' + token, 'content-type': 'application/json' } }, async (response) => {
    let text = '';
    for await (const piece of response) text += piece;
    resolve(JSON.parse(text));
  });
  asked.on('error', reject);
  asked.end(body === undefined ? undefined : JSON.stringify(body));
});
const me = await ask('POST', '/v1/register', { name: 'program' });
const { call_id } = await ask('POST', '/v1/decide', { action: { type: 'read', resource: 'x' }, reserve: true });
const recorded = await ask('POST', '/v1/record', { call_id, status: 'done' });
await ask('PUT', '/v1/memory?path=/mem/working/note', { content: 'from inside' });
writeFileSync('said.json', JSON.stringify({ token, sandbox: me.sandbox, enforcement: me.enforcement, status: recorded.status }));
`;

async function runIn(context: TestContext, tier: 'process' | 'bwrap', enforcement: string): Promise<void> {
  const world = await sidecarWorld(context, { control: true });
  const workspace = context.folder();
  writeFileSync(join(workspace, 'program.mjs'), program);
  const ran = await inside(['run', '--agent', 'analyst', '--sandbox', tier, '--workspace', workspace, '--write', '--memory', '4G', '--data', world.node.data, '--', process.execPath, join(workspace, 'program.mjs')]);
  assert.is(ran.code, 0, ran.stderr);
  const said: { readonly token: string } = JSON.parse(readFileSync(join(workspace, 'said.json'), 'utf8'));
  assert.equal(said, { token: said.token, sandbox: tier, enforcement, status: 'done' });
  const decisions = (await world.logged('decision')).map(({ action, sandbox, enforcement: held }) => [JSON.stringify(action).match(/"type":"([\w.]+)"/)?.[1], sandbox, held]);
  assert.equal(decisions, ['execute', 'read', 'vfs.write'].map((type) => [type, tier, enforcement]));
  assert.equal(await world.refusal('GET', '/v1/tools', { token: said.token }), [401, 'TOKEN_WRONG'], 'a token of a run ends with it');
}

test('a program in a sandbox speaks with a token of its run, and every decision says what held it', (context) => runIn(context, 'process', 'cooperative'));

if (findExecutable('bwrap') === undefined) test.skip('under bubblewrap it has the socket and nothing else, and is isolated', 'bubblewrap is not installed here');
else test('under bubblewrap it has the socket and nothing else, and is isolated', (context) => runIn(context, 'bwrap', 'isolated'));

test('what a program of a run has opened ends with the run: its stream, and its calls without an outcome', async (context) => {
  const world = await sidecarWorld(context);
  const { host, sidecar } = world.node;
  const agent = host.agents.get(world.did);
  if (agent === undefined) throw new Error('there is no analyst');
  const { id, token } = unwrap(await host.runs.begin(agent, { tier: 'process', action: { type: 'execute', resource: 'x' }, data: null }));
  const stream = await world.begin('GET', '/v1/signals', { token });
  const closed = once(stream.resume(), 'close');
  const tool = await world.get('POST', '/v1/tools', { token, body: { descriptor: { name: 'echo', inputSchema: { type: 'object' } } } });
  const serving = await world.begin('GET', `/v1/tools/serve?digests=${String(tool['digest'])}`, { token });
  const serving_over = once(serving, 'close');
  let told = '';
  serving.on('data', (bytes: Buffer) => { told += bytes.toString(); });
  const calling = world.ask('POST', '/v1/tools/call', { token: world.tokens['other'] ?? '', body: { tool: 'echo' } });
  await until('the call has come', () => Promise.resolve(told.includes('event: call') ? true : undefined));
  const serves = (await world.logged('decision')).at(-1);
  assert.match(JSON.stringify(serves?.['action']), /"type":"tool.serve"/);
  assert.equal([serves?.['sandbox'], serves?.['enforcement']], ['process', 'cooperative']);
  const { json: { call_id } } = await world.ask('POST', '/v1/decide', { token, body: { action: { type: 'read', resource: 'x' }, reserve: true } });
  unwrap(await host.runs.end(id, { exit_code: 0, failure: null }));
  await closed;
  await serving_over;
  assert.is((await calling).json['code'], 'TOOL_UNAVAILABLE');
  await until('its call has ended', () => Promise.resolve(sidecar?.state().open_calls === 0 ? true : undefined));
  const { json: { state, reason } } = await world.ask('GET', `/v1/calls/${String(call_id)}`);
  assert.is(state, 'failed');
  assert.match(String(reason), /the run of the program has ended/);
  assert.equal(await world.refusal('POST', '/v1/record', { body: { call_id, status: 'done' } }), [409, 'CALL_RECORDED']);
});

test('the token of a run is worth nothing once a program has given its agent another kernel, in which the run has no scope', async (context) => {
  const world = await sidecarWorld(context);
  const { host } = world.node;
  const agent = host.agents.get(host.identities.find('narrow')?.did ?? '');
  if (agent === undefined) throw new Error('there is no agent of narrow scope');
  const { token } = unwrap(await host.runs.begin(agent, { tier: 'process', action: { type: 'read', resource: 'reports' }, data: null }));
  const beyond = { token, body: { action: { type: 'read', resource: 'ledger' } } };
  assert.is((await world.get('POST', '/v1/decide', beyond))['code'], 'SCOPE_EXCEEDED');
  unwrap(host.agents.adopt(agent.identity, new KernelSpace({ clock: host.parts.clock, random: host.parts.random })));
  assert.equal(await world.refusal('POST', '/v1/decide', beyond), [401, 'TOKEN_WRONG']);
});

test('up --sidecar opens the socket, with a port the loopback interface too, and says where; tokens are issued by the command', async (context) => {
  const data = join(context.folder(), 'data');
  const child = spawn(process.execPath, [launch, 'up', '--data', data, '--listen', '/ip4/127.0.0.1/tcp/0', '--sidecar', '0', '--json'], { stdio: ['ignore', 'pipe', 'ignore'] });
  context.after(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => { said += bytes.toString(); });
  const line = await until('it is up', () => Promise.resolve(said.split('\n').find((one) => one.includes('"kind":"up"'))));
  const { sidecar }: { readonly sidecar: { readonly socket: string; readonly url: string } } = JSON.parse(line);
  assert.is(sidecar.socket, join(data, 'sidecar.sock'));
  assert.match(sidecar.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  await inside(['sponsor', 'create', 'alice', '--data', data]);
  await inside(['agent', 'create', 'analyst', '--sponsor', 'alice', '--capability', 'read:**', '--data', data]);
  const issued = await inside(['sidecar', 'token', 'analyst', '--data', data]);
  assert.match(issued.stdout, /^[\w-]{43}\n$/);
  assert.match(issued.stderr, new RegExp(`acts as analyst.*\nuse it on ${sidecar.url}`));
  const answer = await fetch(`${sidecar.url}/v1/tools`, { headers: { authorization: `Bearer ${issued.stdout.trim()}` } });
  assert.equal([answer.status, await answer.json()], [200, { tools: [] }]);
  assert.equal((await inside(['sidecar', 'token', 'alice', '--data', data])).stderr, 'error AGENT_UNKNOWN: alice is no agent of this host\nfix: agentmesh agent list\n');
  assert.is((await inside(['sidecar', 'token', 'analyst', '--revoke', '--data', data])).stdout, 'revoked  analyst\n');
  const refused = await fetch(`${sidecar.url}/v1/tools`, { headers: { authorization: `Bearer ${issued.stdout.trim()}` } });
  assert.is(refused.status, 401);
  await refused.text();
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  assert.equal(await ended, [0, null]);
  const [plain, wrong] = await Promise.all([
    cli(['up', '--data', join(context.folder(), 'data'), '--listen', 'nowhere', '--sidecar']),
    cli(['up', '--data', join(context.folder(), 'data'), '--sidecar', '0.0.0.0:8081']),
  ]);
  assert.match(plain.stderr, /^error ADDRESS_INVALID/, 'the flag needs no value');
  assert.equal([wrong.code, wrong.stderr.split(':')[0]], [2, 'error SIDECAR_INVALID']);
});

test.run();
