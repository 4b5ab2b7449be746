/** The sidecar of a real node: everything that a program of an agent does over it, and where that is recorded. */
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { toHex } from '../../../crypto/bytes.ts';
import { canonicalJsonBytes } from '../../../crypto/canonical.ts';
import { sha256 } from '../../../crypto/hash.ts';
import { unwrap } from '../../../crypto/result.ts';
import { sidecarMethods } from '../../../node/control/sidecar-methods.ts';
import { createNode } from '../../../node/node.ts';
import { sidecarDocument } from '../../../node/sidecar/index.ts';
import { sidecar_routes } from '../../../node/sidecar/routes.ts';
import { tokens_file } from '../../../node/sidecar/tokens.ts';
import { suite } from '../../harness.ts';
import { inside } from '../run-cli.ts';
import { until } from '../node-process.ts';
import { checked_operations, eventsOf, sidecarWorld } from './sidecar-world.ts';

const test = suite('node/sidecar');
const never = new AbortController().signal;
/** Are checked in tools.test.ts. */
const served_elsewhere = new Set(['registerTool', 'answerCall']);

test('a program introduces itself as the agent of its token, learns what binds it, and the audit log has it', async (context) => {
  const world = await sidecarWorld(context);
  assert.equal((await world.get('GET', '/v1/health', { token: null }))['status'], 'ok');
  const told = await world.get('POST', '/v1/register', { body: { name: 'crawler', framework: 'home-made', version: '2' } });
  assert.equal([told['did'], told['name'], told['host'], told['state'], told['sandbox'], told['enforcement'], told['capabilities']], [world.did, 'analyst', world.node.did, 'running', 'none', 'cooperative', ['*:**']]);
  assert.match(JSON.stringify(told['policies']), /^\[\{"name":"desk","digest":"[0-9a-f]{64}"\}\]$/);
  const [registered] = await world.logged('sidecar-registered');
  assert.equal([registered?.['name'], registered?.['framework'], registered?.['index']], ['crawler', 'home-made', told['index']]);
  const status = unwrap(await sidecarMethods(world.node)['sidecar.status']({}, never));
  assert.equal(status.programs.map(({ agent, name, version }) => [agent, name, version]), [['analyst', 'crawler', '2']]);
});

test('a question is answered without a record; a reserved call is recorded before it is done, and its outcome once', async (context) => {
  const world = await sidecarWorld(context);
  const asked = await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'reports' } } });
  assert.equal([asked['effect'], asked['state'], asked['rule'], asked['call_id'], asked['index']], ['allow', 'decided', 'reads', null, null]);
  const denied = await world.get('POST', '/v1/decide', { body: { action: { type: 'erase', resource: 'reports' } } });
  assert.equal([denied['effect'], denied['code']], ['deny', 'KERNEL_DENIED']);
  assert.ok(typeof denied['would_allow'] === 'string' && denied['would_allow'] !== '');
  assert.equal(await world.logged('decision'), []);

  const open = await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'reports' }, data: { id: 7 }, reserve: true } });
  assert.equal([open['effect'], open['state'], open['rule']], ['allow', 'open', 'reads']);
  const [decision] = await world.logged('decision');
  assert.equal([decision?.['index'], decision?.['call_id'], decision?.['verdict'], decision?.['enforcement'], decision?.['sandbox'], decision?.['audit']], [open['index'], open['call_id'], 'allow', 'cooperative', 'none', 'durable']);
  assert.equal(await world.logged('outcome'), [], 'it is not over before its program says so');
  const call_id = String(open['call_id']);
  const recorded = await world.get('POST', '/v1/record', { body: { call_id, status: 'done', result: { rows: 3 }, usage: { tokens: 120 } } });
  assert.equal(recorded, { call_id, index: open['index'], status: 'done', result: { rows: 3 } });
  const [outcome] = await world.logged('outcome');
  assert.equal([outcome?.['call_id'], outcome?.['decision'], outcome?.['status']], [call_id, open['index'], 'done']);
  assert.is(world.node.host.agents.get(world.did)?.kernel.spending(world.did).tokens, 120);
  assert.equal(await world.refusal('POST', '/v1/record', { body: { call_id, status: 'failed' } }), [409, 'CALL_RECORDED']);
  assert.is((await world.logged('outcome')).length, 1);
  assert.is((await world.get('GET', `/v1/calls/${call_id}`))['state'], 'done');

  const failing = await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'x' }, reserve: true } });
  const failed = await world.get('POST', '/v1/record', { body: { call_id: failing['call_id'], status: 'failed', reason: 'the disk is full' } });
  assert.equal([failed['status'], failed['index']], ['failed', failing['index']]);
  assert.is((await world.logged('outcome')).at(-1)?.['reason'], 'the disk is full');
  const hashed = await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'y' }, reserve: true } });
  const result_hash = 'ab'.repeat(32);
  assert.equal((await world.get('POST', '/v1/record', { body: { call_id: hashed['call_id'], status: 'done', result_hash } }))['result'], { sha256: result_hash });
  assert.is((await world.logged('outcome')).at(-1)?.['result_hash'], toHex(sha256(canonicalJsonBytes({ sha256: result_hash }))));
  const refused = await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'secrets' }, reserve: true } });
  assert.equal([refused['effect'], refused['state'], refused['rule'], refused['code']], ['deny', 'refused', 'no-secrets-file', 'KERNEL_DENIED']);
  assert.is((await world.logged('decision')).at(-1)?.['index'], refused['index']);
});

test('an agent does over the sidecar what its capabilities permit, whatever policies allow, and no way leads around them', async (context) => {
  const world = await sidecarWorld(context);
  const token = world.tokens['narrow'] ?? '';
  const ask = (resource: string, reserve: boolean): Promise<{ readonly [name: string]: unknown }> => world.get('POST', '/v1/decide', { token, body: { action: { type: 'read', resource }, reserve } });
  assert.equal([(await ask('reports', false))['effect'], (await ask('reports', true))['state']], ['allow', 'open']);
  assert.equal([(await ask('salaries', false))['code'], (await ask('salaries', true))['code']], ['SCOPE_EXCEEDED', 'SCOPE_EXCEEDED']);
  unwrap(await world.node.tools.register({ descriptor: { name: 'add', inputSchema: { type: 'object' } }, run: () => 3 }));
  for (const [method, target, sent] of [
    ['POST', '/v1/tools/call', { body: { tool: 'add' } }], ['GET', '/v1/memory?path=/mem/working/x', {}], ['PUT', '/v1/memory?path=/mem/working/x', { body: { content: '' } }],
    ['DELETE', '/v1/memory?path=/mem/working/x', {}], ['GET', '/v1/memory/list?path=/mem', {}], ['POST', '/v1/messages', { body: { to: 'other', command: 'greet:world' } }],
  ] as const) assert.equal(await world.refusal(method, target, { token, ...sent }), [403, 'SCOPE_EXCEEDED'], target);
  assert.equal(await world.get('GET', '/v1/tools', { token }), { tools: [] });
});

test('what a policy redacts comes back in the place of what was given', async (context) => {
  const world = await sidecarWorld(context);
  const open = await world.get('POST', '/v1/decide', { body: { action: { type: 'mail', resource: 'bob' }, data: { text: 'write to carol@example.com' }, reserve: true } });
  assert.equal([open['state'], open['obligations']], ['open', ['redact']]);
  assert.match(JSON.stringify(open['data']), /^\{"text":"write to (?!carol@)/);
  const plain = await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'bob' }, data: { text: 'x' }, reserve: true } });
  assert.is(plain['data'], null);
});

test('a call that a human must approve waits under its call_id until it is, and then is done like any other', async (context) => {
  const world = await sidecarWorld(context);
  const waiting = await world.get('POST', '/v1/decide', { body: { action: { type: 'pay', resource: 'invoice-7' }, reserve: true } });
  assert.equal([waiting['state'], waiting['effect'], waiting['rule'], waiting['code']], ['waiting', 'require_approval', 'payments', 'APPROVAL_REQUIRED']);
  const call_id = String(waiting['call_id']);
  assert.equal(await world.refusal('POST', '/v1/record', { body: { call_id, status: 'done' } }), [409, 'CALL_WAITING']);
  const [pending] = world.node.host.approvals.list();
  assert.is(pending?.call_id, call_id);
  unwrap(await world.node.host.approvals.answerAs(pending?.id ?? '', 'grant'));
  const open = await until('it is open', async () => {
    const now = await world.get('GET', `/v1/calls/${call_id}`);
    return now['state'] === 'open' ? now : undefined;
  });
  assert.equal([open['effect'], open['call_id']], ['allow', call_id]);
  await world.get('POST', '/v1/record', { body: { call_id, status: 'done' } });
  const second = await world.get('POST', '/v1/decide', { body: { action: { type: 'pay', resource: 'invoice-8' }, reserve: true } });
  unwrap(await world.node.host.approvals.answerAs(world.node.host.approvals.list()[0]?.id ?? '', 'refuse', { why: 'too much' }));
  const refused = await until('it is refused', async () => {
    const now = await world.get('GET', `/v1/calls/${String(second['call_id'])}`);
    return now['state'] === 'waiting' ? undefined : now;
  });
  assert.equal([refused['state'], refused['code']], ['refused', 'APPROVAL_REFUSED']);
  assert.match(String(refused['reason']), /too much/);
});

test('tools are found and called under the kernel; memory is written, read, listed and removed, as text and as bytes', async (context) => {
  const world = await sidecarWorld(context);
  const descriptor = { name: 'add', description: 'Adds', version: '1', inputSchema: { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }, annotations: { readOnlyHint: true, openWorldHint: false } };
  unwrap(await world.node.tools.register({ descriptor, run: (input) => ({ input, sum: 3 }) }));
  assert.match(JSON.stringify(await world.get('GET', '/v1/tools')), /"name":"add"/);
  const called = await world.get('POST', '/v1/tools/call', { body: { tool: 'add', input: { a: 1 } } });
  assert.equal(called['value'], { input: { a: 1 }, sum: 3 });
  assert.equal(await world.refusal('POST', '/v1/tools/call', { body: { tool: 'add', input: { a: 'x' } } }), [400, 'TOOL_INPUT_INVALID']);
  assert.equal(await world.refusal('POST', '/v1/tools/call', { body: { tool: 'gone' } }), [404, 'TOOL_UNKNOWN']);

  const path = '/v1/memory?path=/mem/working/notes.md';
  const written = await world.get('PUT', path, { body: { content: 'größer', tags: ['a'] } });
  assert.equal([written['bytes'], written['tags']], [8, ['a']]);
  const read = await world.get('GET', path);
  assert.equal([read['content'], read['encoding'], read['more']], ['größer', 'utf8', false]);
  await world.get('PUT', '/v1/memory?path=/mem/working/raw', { bytes: new Uint8Array([0, 255, 1]) });
  assert.equal((await world.get('GET', '/v1/memory?path=/mem/working/raw'))['content'], 'AP8B');
  assert.equal((await world.get('GET', '/v1/memory?path=/mem/working/raw&offset=1&length=1'))['more'], true);
  const raw = await world.ask('GET', '/v1/memory?path=/mem/working/raw', { headers: { accept: 'application/octet-stream' } });
  assert.equal([raw.headers['content-type'], raw.headers['content-length'], raw.headers['x-agentmesh-more']], ['application/octet-stream', '3', 'false']);
  await world.get('PUT', `${path}&mode=append`, { body: { content: 'IQ==', encoding: 'base64' } });
  assert.is((await world.get('GET', path))['content'], 'größer!');
  assert.equal(await world.refusal('PUT', `${path}&if_hash=${'0'.repeat(64)}`, { body: { content: '' } }), [409, 'VFS_CONFLICT']);
  const listed = await world.get('GET', '/v1/memory/list?path=/mem/working');
  assert.match(JSON.stringify(listed), /notes\.md.*\/mem\/working\/raw/);
  assert.equal(await world.get('DELETE', path), { path: '/mem/working/notes.md' });
  assert.equal(await world.refusal('GET', path), [404, 'VFS_MISSING']);
  const types = (await world.logged('decision')).map(({ action }) => JSON.stringify(action));
  assert.ok(types.some((text) => text.includes('vfs.write')) && types.some((text) => text.includes('"type":"tool"')));
});

test('a program gives commands to other agents, and gets their signed answers', async (context) => {
  const world = await sidecarWorld(context);
  const agent = world.node.host.agents.get(world.node.host.identities.find('other')?.did ?? '');
  if (agent !== undefined) agent.handler = ({ arguments: given }) => Promise.resolve({ hello: given });
  const answered = await world.get('POST', '/v1/messages', { body: { to: 'other', command: 'greet:world', arguments: 'bob' } });
  assert.equal([answered['verdict'], answered['result']], ['allow', { hello: 'bob' }]);
  assert.match(String(answered['receipt']), /^[\w-]+\.[\w-]+\.[\w-]+$/);
  const denied = await world.refusal('POST', '/v1/messages', { body: { to: 'other', command: 'erase:world' } });
  assert.equal(denied, [403, 'KERNEL_DENIED']);
  assert.equal(await world.refusal('POST', '/v1/messages', { body: { to: 'nobody', command: 'greet:world' } }), [404, 'NAME_UNKNOWN']);
});

test('signals come as events with ids, a stream is taken up again without a gap, and SIGKILL ends stream, open calls and everything', async (context) => {
  const world = await sidecarWorld(context);
  const { kernel } = world;
  const open = await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'x' }, reserve: true } });
  const first = await world.begin('GET', '/v1/signals');
  assert.is(first.headers['content-type'], 'text/event-stream');
  const reading = eventsOf(first, 2);
  await new Promise((resolve) => { setTimeout(resolve, 50); });
  unwrap(await kernel.signal(world.did, 'SIGUSR1', { reason: 'how are you' }));
  const [standing, told] = await reading;
  assert.equal([standing?.event, standing?.data['state'], told?.event, told?.data['reason']], ['standing', 'running', 'SIGUSR1', 'how are you']);
  // Nobody listens here.
  unwrap(await kernel.signal(world.did, 'SIGSTOP'));
  assert.equal(await world.refusal('POST', '/v1/tools/call', { body: { tool: 'add' } }), [403, 'AGENT_STOPPED']);
  unwrap(await kernel.signal(world.did, 'SIGCONT'));
  const second = await world.begin('GET', '/v1/signals', { headers: { 'last-event-id': told?.id ?? '' } });
  const resumed = await eventsOf(second, 3);
  assert.equal(resumed.map(({ event }) => event), ['standing', 'SIGSTOP', 'SIGCONT']);
  const strange = await eventsOf(await world.begin('GET', '/v1/signals', { headers: { 'last-event-id': 'ffffffff-9' } }), 5);
  assert.equal(strange.map(({ event }) => event), ['standing', 'gap', 'SIGUSR1', 'SIGSTOP', 'SIGCONT']);
  const last = eventsOf(await world.begin('GET', '/v1/signals'), 99);
  const started = Promise.withResolvers<void>();
  unwrap(await world.node.tools.register({
    descriptor: { name: 'endless', inputSchema: { type: 'object' } },
    run: () => {
      started.resolve();
      return new Promise(() => undefined);
    },
  }));
  const endless = world.refusal('POST', '/v1/tools/call', { body: { tool: 'endless' } });
  await started.promise;
  await until('the stream is open', () => Promise.resolve(world.node.sidecar?.state().streams === 1 ? true : undefined));
  unwrap(await kernel.signal(world.did, 'SIGKILL', { reason: 'enough' }));
  assert.equal((await last).map(({ event, data }) => [event, data['outcome']]).at(-1), ['SIGKILL', 'killed'], 'and the stream has ended');
  assert.equal(await endless, [403, 'AGENT_KILLED'], 'what it was in the midst of ends too');
  const call_id = String(open['call_id']);
  for (const [method, target, body] of [
    ['POST', '/v1/record', { call_id, status: 'done' }], ['POST', '/v1/decide', { action: { type: 'read' } }], ['POST', '/v1/register', { name: 'x' }], ['GET', `/v1/calls/${call_id}`, undefined],
    ['GET', '/v1/signals', undefined], ['GET', '/v1/memory?path=/mem', undefined], ['GET', '/v1/tools', undefined],
  ] as const) assert.equal(await world.refusal(method, target, body === undefined ? {} : { body }), [403, 'AGENT_KILLED'], target);
  const outcome = (await world.logged('outcome')).find((record) => record['call_id'] === call_id);
  assert.is(outcome?.['status'], 'aborted');
  assert.ok((await world.logged('decision')).some(({ code, action }) => code === 'AGENT_KILLED' && JSON.stringify(action).includes('"sidecar"')), 'that it tried is on record');
});

test('an open call ends with the node as a failed one, and a token outlives a restart as its hash alone', async (context) => {
  const world = await sidecarWorld(context);
  const token = world.tokens['analyst'] ?? '';
  const file = join(world.node.data, tokens_file);
  assert.not.match(readFileSync(file, 'utf8'), token);
  assert.is(lstatSync(file).mode & 0o777, 0o600);
  assert.is(lstatSync(world.node.sidecar?.socket_path ?? '').mode & 0o777, 0o600);
  await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'x' }, reserve: true } });
  const streaming = eventsOf(await world.begin('GET', '/v1/signals'), 99);
  const since = performance.now();
  await world.node.stop();
  assert.ok(performance.now() - since < 5000);
  assert.is((await streaming).length, 1);
  const again = unwrap(await createNode({ data: world.node.data, listen: ['/ip4/127.0.0.1/tcp/0'], control: false, sidecar: true }));
  context.after(() => again.stop());
  assert.is(again.sidecar?.url, undefined);
  const outcomes = await again.getLogs('analyst', { kind: 'outcome' });
  assert.equal(outcomes.map(({ status }) => status), ['failed']);
  assert.is(again.sidecar_tokens.holderOf(token), world.did);
  const methods = sidecarMethods(again);
  const issued = unwrap(await methods['sidecar.token']({ agent: 'analyst' }, never));
  assert.is(again.sidecar_tokens.holderOf(token), undefined, 'a new token ends the old one');
  assert.is(again.sidecar_tokens.holderOf(issued.token ?? ''), world.did);
  unwrap(await methods['sidecar.token']({ agent: 'analyst', revoke: true }, never));
  assert.is(again.sidecar_tokens.holderOf(issued.token ?? ''), undefined);
  const twice = await methods['sidecar.token']({ agent: 'analyst', revoke: true }, never);
  assert.is(twice.ok ? null : twice.failure.code, 'TOKEN_UNKNOWN');
});

test('the document lists every route, is served as the command prints it, and every answer of these tests was checked against it', async (context) => {
  const world = await sidecarWorld(context);
  const served = await world.get('GET', '/v1/openapi.json', { token: null });
  assert.equal(served, JSON.parse((await inside(['sidecar', 'openapi'])).stdout));
  assert.equal(served, sidecarDocument());
  assert.is(served['openapi'], '3.1.1');
  const listed = Object.entries(served['paths'] ?? {}).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  assert.equal(listed.toSorted(), sidecar_routes.map(({ method, path }) => `${method} ${path}`).toSorted());
  assert.equal(sidecar_routes.filter(({ access, operation }) => access !== 'stream' && !served_elsewhere.has(operation) && checked_operations.get(operation)?.has(200) !== true).map(({ operation }) => operation), [], 'each has succeeded once');
});

test.run();
