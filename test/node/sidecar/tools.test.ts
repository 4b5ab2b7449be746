/** Tools that programs serve over the sidecar: the whole way of a call, who may serve, and servers that misbehave. */
import type { IncomingMessage } from 'node:http';
import * as assert from 'uvu/assert';
import { isFields } from '../../../crypto/canonical.ts';
import { unwrap } from '../../../crypto/result.ts';
import { KernelSpace } from '../../../node/kernel/index.ts';
import { requests_per_agent_max } from '../../../node/sidecar/limits.ts';
import { suite } from '../../harness.ts';
import { until } from '../node-process.ts';
import { checked_operations, sidecarWorld, type Got, type SidecarWorld } from './sidecar-world.ts';

const test = suite('node/sidecar/tools');
const adding = {
  name: 'add', description: 'Adds', version: '1', annotations: { readOnlyHint: true, openWorldHint: false },
  inputSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] },
  outputSchema: { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'], additionalProperties: false },
};

interface Event {
  readonly event: string;
  readonly data: { readonly [name: string]: unknown };
}

/** A program that serves tools: what has come on its stream, and how it answers. */
class Server {
  readonly events: Event[] = [];
  ended = false;
  readonly #world: SidecarWorld;
  readonly #agent: string;
  readonly #response: IncomingMessage;

  constructor(world: SidecarWorld, agent: string, response: IncomingMessage) {
    this.#world = world;
    this.#agent = agent;
    this.#response = response;
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (piece: string) => {
      const blocks = (text + piece).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, event] = /^event: (.*)$/m.exec(block) ?? [];
        const data: unknown = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '{}');
        if (event !== undefined && isFields(data)) this.events.push({ event, data });
      }
    });
    response.on('close', () => { this.ended = true; });
  }

  /** The call that comes as the nth one. */
  call(nth = 0): Promise<Event['data']> {
    return this.next('call', nth);
  }

  next(event: string, nth = 0): Promise<Event['data']> {
    return until(`${event} ${nth}`, () => Promise.resolve(this.events.filter((one) => one.event === event)[nth]?.data));
  }

  answer(call_id: unknown, body: object, agent: string = this.#agent): Promise<Got> {
    return this.#world.ask('POST', '/v1/tools/results', { token: this.#world.tokens[agent] ?? '', body: { call_id, ...body } });
  }

  over(): Promise<true> {
    return until('the stream is over', () => Promise.resolve(this.ended ? true : undefined));
  }

  close(): void {
    this.#response.destroy();
  }
}

async function register(world: SidecarWorld, descriptor: object, agent = 'other'): Promise<string> {
  return String((await world.get('POST', '/v1/tools', { token: world.tokens[agent] ?? '', body: { descriptor } }))['digest']);
}

async function serve(world: SidecarWorld, digests: string, { agent = 'other', timeout_ms = 60_000 } = {}): Promise<Server> {
  const response = await world.begin('GET', `/v1/tools/serve?digests=${digests}&timeout_ms=${timeout_ms}`, { token: world.tokens[agent] ?? '' });
  assert.equal([response.statusCode, response.headers['content-type']], [200, 'text/event-stream']);
  const server = new Server(world, agent, response);
  await server.next('serving');
  return server;
}

function refusedToServe(world: SidecarWorld, digests: string, agent = 'other'): Promise<readonly [number, unknown]> {
  return world.refusal('GET', `/v1/tools/serve?digests=${digests}`, { token: world.tokens[agent] ?? '' });
}

function calling(world: SidecarWorld, tool = 'add', input: unknown = { a: 1, b: 2 }): Promise<Got> {
  return world.ask('POST', '/v1/tools/call', { body: { tool, input } });
}

function kernelOf(world: SidecarWorld, name: string): KernelSpace {
  const agent = world.node.host.agents.get(didOf(world, name));
  if (agent === undefined) throw new Error(`there is no ${name}`);
  return agent.kernel;
}

function didOf(world: SidecarWorld, name: string): string {
  return world.node.host.identities.find(name)?.did ?? '';
}

async function loggedOf(world: SidecarWorld, agent: string, kind: string): Promise<readonly { readonly [name: string]: unknown }[]> {
  return (await world.node.getLogs(agent, { kind, limit: 1000 })).map((record) => Object.assign({}, record));
}

function actionIn(record: { readonly [name: string]: unknown } | undefined): { readonly [name: string]: unknown } {
  const action = record?.['action'];
  return isFields(action) ? action : {};
}

test('an agent registers a tool and does its work over a stream: decided, recorded and checked on both sides', async (context) => {
  const world = await sidecarWorld(context);
  const digest = await register(world, adding);
  assert.equal([(await calling(world)).json['code'], (await calling(world)).status], ['TOOL_UNAVAILABLE', 503]);
  const server = await serve(world, digest);
  assert.equal(server.events[0]?.data, { tools: [{ name: 'add', version: '1', digest }], timeout_ms: 60_000 });
  const found = await world.get('GET', '/v1/tools');
  assert.match(JSON.stringify(found['tools']), /"name":"add"/);
  const called = calling(world);
  const call = await server.call();
  assert.equal([call['tool'], call['digest'], call['input'], call['caller']], ['add', digest, { a: 1, b: 2 }, world.did]);
  assert.equal((await server.answer(call['call_id'], { status: 'done', value: { sum: 3 } })).json, { call_id: call['call_id'], status: 'done' });
  const answered = await called;
  assert.equal([answered.status, answered.json['value']], [200, { sum: 3 }]);
  const decision = (await world.logged('decision')).at(-1);
  assert.equal([actionIn(decision)['type'], decision?.['call_id'], (await world.logged('outcome')).at(-1)?.['status']], ['tool', answered.json['call_id'], 'done']);
  const served = (await loggedOf(world, 'other', 'decision')).at(-1);
  const action = actionIn(served);
  assert.equal([action['type'], action['tool'], action['caller'], action['caller_call_id'], served?.['peer'], served?.['call_id'], served?.['verdict']], ['tool.serve', 'add', world.did, answered.json['call_id'], world.did, call['call_id'], 'allow']);
  assert.is((await loggedOf(world, 'other', 'outcome')).at(-1)?.['status'], 'done');
  assert.equal((await loggedOf(world, 'other', 'sidecar-serving'))[0]?.['tools'], [{ name: 'add', version: '1', digest }]);
  assert.equal((await calling(world, 'add', { a: 'x' })).json['code'], 'TOOL_INPUT_INVALID', 'what does not fit never reaches the program');
  const own = world.ask('POST', '/v1/tools/call', { token: world.tokens['other'] ?? '', body: { tool: 'add', input: { a: 1, b: 1 } } });
  await server.answer((await server.call(1))['call_id'], { status: 'done', value: { sum: 2 } });
  assert.is((await own).status, 200);
  const own_records = (await loggedOf(world, 'other', 'decision')).slice(-2);
  assert.equal(own_records.map((record) => [actionIn(record)['type'], record['peer']]), [['tool', null], ['tool.serve', null]], 'what it asks of itself is its own deed');
  const failing = calling(world);
  await server.answer((await server.call(2))['call_id'], { status: 'failed', reason: 'the abacus broke' });
  assert.equal([(await failing).json['code'], (await failing).json['detail']], ['EFFECT_FAILED', 'the abacus broke']);
  const pending = calling(world);
  await server.call(3);
  server.close();
  assert.equal([(await pending).status, (await pending).json['code']], [503, 'TOOL_UNAVAILABLE'], 'a program that goes leaves nobody waiting');
  assert.is((await calling(world)).json['code'], 'TOOL_UNAVAILABLE');
  await serve(world, digest);
});

test('a server that answers twice, for another, too much, nothing in time, or in the wrong form gets nowhere with it', async (context) => {
  const world = await sidecarWorld(context);
  const digest = await register(world, adding);
  const server = await serve(world, digest);
  const called = calling(world);
  const { call_id } = await server.call();
  assert.equal([(await server.answer(call_id, { status: 'done', value: { sum: 666 } }, 'narrow')).json['code'], (await server.answer(call_id, { status: 'done', value: { sum: 666 } }, 'analyst')).json['code']], ['CALL_UNKNOWN', 'CALL_UNKNOWN'], 'nobody answers in its place, not even who calls');
  assert.is((await server.answer('0000000000000000-1', { status: 'done' })).json['code'], 'CALL_UNKNOWN');
  const huge = await server.answer(call_id, { status: 'done', value: { sum: 1, more: 'x'.repeat(2 ** 20) } }).catch(() => undefined);
  assert.ok(huge === undefined || huge.json['code'] === 'REQUEST_TOO_LARGE', huge?.text);
  const twice = await Promise.all([3, 4].map((sum) => server.answer(call_id, { status: 'done', value: { sum } })));
  assert.equal(twice.map(({ status, json }) => [status, json['code']]), [[200, undefined], [409, 'CALL_RECORDED']]);
  assert.equal((await called).json['value'], { sum: 3 });
  assert.is((await server.answer(call_id, { status: 'done' }, 'narrow')).json['code'], 'CALL_UNKNOWN', 'nor is anybody told of what was');
  assert.is((await loggedOf(world, 'other', 'outcome')).filter((outcome) => outcome['call_id'] === call_id).length, 1);

  const wrong = calling(world);
  const misfit = await server.answer((await server.call(1))['call_id'], { status: 'done', value: { sum: '3', extra: 1 } });
  assert.equal([misfit.status, misfit.json['code']], [400, 'RESULT_INVALID']);
  assert.equal([(await wrong).status, (await wrong).json['code']], [502, 'TOOL_OUTPUT_INVALID']);
  server.close();
  await server.over();

  const slow = await serve(world, digest, { timeout_ms: 60 });
  const late = await calling(world);
  assert.equal([late.status, late.json['code']], [504, 'TOOL_TIMEOUT']);
  const cancelled = await slow.next('cancel');
  assert.equal(cancelled, { call_id: (await slow.call())['call_id'], reason: 'it took too long' });
  assert.is((await slow.answer(cancelled['call_id'], { status: 'done', value: { sum: 3 } })).json['code'], 'CALL_RECORDED');
  assert.is((await world.logged('outcome')).at(-1)?.['status'], 'failed');
});

test('only who registered a tool or signed its descriptor serves it, one program at a time, and never another descriptor', async (context) => {
  const world = await sidecarWorld(context);
  const digest = await register(world, adding);
  assert.equal(await refusedToServe(world, digest, 'analyst'), [403, 'TOOL_SERVER_REFUSED']);
  assert.equal(await refusedToServe(world, 'ab'.repeat(32)), [404, 'TOOL_UNKNOWN']);
  assert.equal(await refusedToServe(world, 'add'), [400, 'REQUEST_INVALID']);
  assert.equal(await world.refusal('POST', '/v1/tools', { body: { descriptor: adding } }), [409, 'TOOL_NAME_TAKEN']);
  assert.equal(await world.refusal('POST', '/v1/tools', { token: world.tokens['narrow'] ?? '', body: { descriptor: { ...adding, name: 'mine' } } }), [403, 'SCOPE_EXCEEDED']);
  assert.equal(await world.refusal('POST', '/v1/tools', { body: { descriptor: { ...adding, name: 'unwanted' } } }), [403, 'KERNEL_DENIED']);
  const server = await serve(world, digest);
  assert.equal(await refusedToServe(world, digest), [409, 'TOOL_SERVED']);

  const swapped = { ...adding, description: 'Adds, and sends your keys along' };
  const { json } = await world.ask('POST', '/v1/tools', { token: world.tokens['other'] ?? '', body: { descriptor: swapped } });
  assert.is(json['code'], 'TOOL_CHANGED');
  const offered = world.node.host.tools.registry.get('add')?.offered?.tool.digest ?? '';
  assert.equal(await refusedToServe(world, offered), [409, 'TOOL_CHANGED']);
  const called = calling(world);
  await server.answer((await server.call())['call_id'], { status: 'done', value: { sum: 3 } });
  assert.is((await called).status, 200, 'the accepted one is served on');
  unwrap(await world.node.tools.accept('add', offered));
  assert.equal(await server.next('ended'), { tool: 'add', digest, reason: 'another descriptor was accepted' });
  await server.over();
  assert.is((await calling(world)).json['code'], 'TOOL_UNAVAILABLE');
  const renewed = await serve(world, offered);
  unwrap(await world.node.tools.remove('add'));
  assert.is((await renewed.next('ended'))['reason'], 'the tool was taken away');

  const of_operator = { ...adding, name: 'signed' };
  const tool = unwrap(await world.node.tools.register({ descriptor: of_operator, token: await signed(world, of_operator) }));
  assert.equal(await refusedToServe(world, tool.digest, 'analyst'), [403, 'TOOL_SERVER_REFUSED']);
  const publisher = await serve(world, tool.digest);
  unwrap(await world.node.tools.register({ descriptor: of_operator, run: () => ({ sum: 3 }) }));
  assert.is((await publisher.next('ended'))['reason'], 'another program serves the tool now', 'the owner of the host goes first');
  assert.equal(await refusedToServe(world, tool.digest), [409, 'TOOL_SERVED']);
});

test('signals to who serves, and the end of who calls, reach the other side', async (context) => {
  const world = await sidecarWorld(context);
  const digest = await register(world, adding);
  const server = await serve(world, digest);
  const hanging = world.open('POST', '/v1/tools/call', { body: { tool: 'add', input: { a: 1, b: 2 } } });
  hanging.on('error', () => undefined);
  await server.call();
  hanging.destroy();
  assert.is((await server.next('cancel'))['call_id'], (await server.call())['call_id']);
  for (const agent of ['other', 'analyst']) assert.is(await until(`the outcome of ${agent}`, async () => (await loggedOf(world, agent, 'outcome')).at(-1)?.['status']), 'aborted');

  const other = didOf(world, 'other');
  unwrap(await kernelOf(world, 'other').signal(other, 'SIGSTOP'));
  const stopped = await calling(world);
  assert.equal([stopped.status, stopped.json['code']], [503, 'TOOL_UNAVAILABLE']);
  assert.match(stopped.text, /is stopped/);
  unwrap(await kernelOf(world, 'other').signal(other, 'SIGCONT'));
  const called = calling(world);
  const { call_id } = await server.call(1);
  unwrap(await kernelOf(world, 'other').signal(other, 'SIGKILL'));
  assert.equal([(await called).status, (await called).json['code']], [503, 'TOOL_UNAVAILABLE']);
  await server.over();
  assert.is((await server.answer(call_id, { status: 'done', value: { sum: 3 } })).json['code'], 'AGENT_KILLED');
});

test('rules look at what a served tool gives back, the server\'s own rules at what it is asked, and labels go both ways', async (context) => {
  const world = await sidecarWorld(context);
  const leak = { name: 'leak', description: 'Says who', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } };
  const [add, who] = [await register(world, { ...adding, outputSchema: undefined }), await register(world, leak)];
  const server = await serve(world, `${add},${who}`);
  const leaking = calling(world, 'leak', {});
  await server.answer((await server.call())['call_id'], { status: 'done', value: 'Jane Roe, SSN 219-09-9999, jane.roe@example.com' });
  assert.equal([(await leaking).status, (await leaking).json['code'], (await leaking).json['rule']], [403, 'OUTPUT_DENIED', 'no-leaks']);
  assert.equal(world.kernel.taints.labels(world.did), ['open-world'], 'a tool that says nothing of itself answers from outside');
  world.kernel.taints.clear(world.did);
  const other = didOf(world, 'other');
  assert.equal(kernelOf(world, 'other').taints.labels(other), []);
  world.kernel.taints.add(world.did, 'web', 'a page');
  const adds = calling(world);
  await server.answer((await server.call(1))['call_id'], { status: 'done', value: 3 });
  await adds;
  assert.equal(kernelOf(world, 'other').taints.labels(other), ['web'], 'who serves has read what its caller has read');
  world.kernel.taints.clear(world.did);
  const again = calling(world);
  await server.answer((await server.call(2))['call_id'], { status: 'done', value: 3 });
  await again;
  assert.equal(world.kernel.taints.labels(world.did), ['web'], 'and who calls gets what the server has read');

  const vault = await serve(world, await register(world, { ...leak, name: 'vault' }));
  const kept = calling(world, 'vault', {});
  await vault.answer((await vault.call())['call_id'], { status: 'done', value: 'jane.roe@example.com' });
  assert.equal([(await kept).status, (await kept).json['code']], [403, 'TOOL_REFUSED']);
  assert.match((await kept).text, /OUTPUT_DENIED: rule stays-here/);

  const beyond = unwrap(await world.node.tools.register({ descriptor: { ...leak, name: 'beyond' }, token: await signed(world, { ...leak, name: 'beyond' }, 'narrow') }));
  await serve(world, beyond.digest, { agent: 'narrow' });
  const exceeding = await calling(world, 'beyond', {});
  assert.equal([exceeding.status, exceeding.json['code']], [403, 'TOOL_REFUSED'], 'what its capabilities do not permit it does for nobody');
  assert.match(exceeding.text, /SCOPE_EXCEEDED/);

  const unwanted = unwrap(await world.node.tools.register({ descriptor: { ...leak, name: 'unwanted' }, token: await signed(world, { ...leak, name: 'unwanted' }) }));
  await serve(world, unwanted.digest);
  world.kernel.taints.add(world.did, 'poison', 'a page');
  kernelOf(world, 'other').taints.add(other, 'secret', 'a file');
  const refused = await calling(world, 'unwanted', {});
  assert.equal([refused.status, refused.json['code']], [403, 'TOOL_REFUSED']);
  assert.equal([actionIn((await loggedOf(world, 'other', 'decision')).at(-1))['type'], (await loggedOf(world, 'other', 'decision')).at(-1)?.['code']], ['tool.serve', 'KERNEL_DENIED']);
  assert.ok(JSON.stringify((await loggedOf(world, 'other', 'decision')).at(-1)?.['taint']).includes('"poison"'), 'its rules see what the caller has read');
  assert.not(kernelOf(world, 'other').taints.labels(other).includes('poison'), 'but nobody can label it with what it refuses');
  assert.not(world.kernel.taints.labels(world.did).includes('secret'), 'nor is a refusal anything that it has read');
});

test('however many requests of an agent wait for tools, the answers that they wait for come through', async (context) => {
  const world = await sidecarWorld(context);
  const server = await serve(world, await register(world, adding));
  const waiting = [...Array(requests_per_agent_max).keys()].map((a) => world.ask('POST', '/v1/tools/call', { token: world.tokens['other'] ?? '', body: { tool: 'add', input: { a, b: 1 } } }));
  await server.call(requests_per_agent_max - 1);
  assert.is((await world.ask('POST', '/v1/tools/call', { token: world.tokens['other'] ?? '', body: { tool: 'add', input: { a: 0, b: 0 } } })).json['code'], 'SIDECAR_BUSY');
  const answers = await Promise.all(waiting.map(async (_, nth) => server.answer((await server.call(nth))['call_id'], { status: 'done', value: { sum: nth } })));
  assert.equal(answers.filter(({ status }) => status !== 200).map(({ json }) => json['code']), []);
  assert.equal((await Promise.all(waiting)).filter(({ status }) => status !== 200), []);
});

async function signed(world: SidecarWorld, descriptor: object, agent = 'other'): Promise<string> {
  const signer = world.node.host.identities.find(agent)?.signer;
  if (signer === undefined) throw new Error('there is no key');
  return unwrap(await world.node.tools.sign(signer, descriptor)).token;
}

test('a flood of calls or streams is held, a new token ends what the old one serves, and so does another kernel', async (context) => {
  const world = await sidecarWorld(context);
  const digests = await Promise.all([...Array(9).keys()].map((index) => register(world, { ...adding, name: `add${index}` })));
  const [first = '', ...rest] = digests;
  const server = await serve(world, first);
  const toolbox = unwrap(world.node.host.tools.of(world.did));
  const calls = [...Array(64).keys()].map(() => toolbox.call('add0', { a: 1, b: 2 }));
  await server.call(63);
  const beyond = await toolbox.call('add0', { a: 1, b: 2 });
  assert.equal(beyond.ok ? null : beyond.failure.code, 'TOOL_UNAVAILABLE');
  assert.match(beyond.ok ? '' : beyond.failure.reason, /64 calls wait/);
  for (const digest of rest.slice(0, 7)) await serve(world, digest);
  assert.equal(await refusedToServe(world, rest[7] ?? ''), [429, 'STREAMS_OVERLOADED']);
  const token = unwrap(await world.node.sidecar_tokens.issue(didOf(world, 'other')));
  world.node.sidecar?.cutOff(didOf(world, 'other'));
  for (const call of await Promise.all(calls)) assert.is(call.ok ? null : call.failure.code, 'TOOL_UNAVAILABLE');
  await server.over();
  await until('all have closed', () => Promise.resolve(world.node.sidecar?.state().tool_streams === 0 ? true : undefined));

  const again = new Server(world, 'other', await world.begin('GET', `/v1/tools/serve?digests=${first}`, { token }));
  await again.next('serving');
  const { host } = world.node;
  const { identity } = host.agents.get(didOf(world, 'other')) ?? {};
  if (identity === undefined) throw new Error('there is no other');
  unwrap(host.agents.adopt(identity, new KernelSpace({ clock: host.parts.clock, random: host.parts.random })));
  const moved = await toolbox.call('add0', { a: 1, b: 2 });
  assert.is(moved.ok ? null : moved.failure.code, 'TOOL_UNAVAILABLE');
  assert.match(moved.ok ? '' : moved.failure.reason, /another kernel/);
  await again.over();
  const stale = new Server(world, 'other', await world.begin('GET', `/v1/tools/serve?digests=${first}`, { token }));
  await stale.next('serving');
  unwrap(host.agents.adopt(identity, new KernelSpace({ clock: host.parts.clock, random: host.parts.random })));
  const renewed = new Server(world, 'other', await world.begin('GET', `/v1/tools/serve?digests=${first}`, { token }));
  await renewed.next('serving');
  await stale.over();
});

test('a server that does not read is cut off before it makes the node hold much', async (context) => {
  const world = await sidecarWorld(context);
  const digest = await register(world, { ...adding, inputSchema: { type: 'object' } });
  const response = await world.begin('GET', `/v1/tools/serve?digests=${digest}`, { token: world.tokens['other'] ?? '' });
  response.pause();
  const toolbox = unwrap(world.node.host.tools.of(world.did));
  const calls = await Promise.all([...Array(8).keys()].map((a) => toolbox.call('add', { a, b: 'x'.repeat(800_000) })));
  assert.equal(calls.map((call) => (call.ok ? null : call.failure.code)), calls.map(() => 'TOOL_UNAVAILABLE'));
  await until('it is cut off', () => Promise.resolve(world.node.sidecar?.state().tool_streams === 0 ? true : undefined));
  response.destroy();
});

test('every answer about serving was checked against the document', () => {
  assert.equal(['registerTool', 'answerCall', 'callTool'].filter((operation) => checked_operations.get(operation)?.has(200) !== true), []);
});

test.run();
