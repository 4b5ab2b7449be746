import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import type { Fact } from '../../protocols/ports.ts';
import { control_params } from '../../node/control/api.ts';
import { controlClient } from '../../node/control/client.ts';
import { isShallow, json_depth_max, nearNames } from '../../node/control/params.ts';
import { request_bytes_max, requests_max, serveControl, type ControlServer } from '../../node/control/server.ts';
import { controlSocketPath } from '../../node/control/socket.ts';
import { suite, type TestContext } from '../harness.ts';
import { fakeMethods, values, type Answers } from './fake-methods.ts';

const test = suite('node/control');

interface Served {
  readonly server: ControlServer;
  readonly socket_path: string;
  readonly asked: { method: string; params: unknown }[];
  readonly facts: Fact[];
}

async function served(context: TestContext, answers: Answers = {}, options: { read_ms_max?: number } = {}): Promise<Served> {
  const socket_path = controlSocketPath(context.folder());
  const { methods, asked } = fakeMethods(answers);
  const facts: Fact[] = [];
  const server = unwrap(await serveControl({ socket_path, methods, recorder: { record: (fact) => void facts.push(fact) }, ...options }));
  context.after(() => server.close());
  return { server, socket_path, asked, facts };
}

/** Writes bytes and returns everything that comes back until the other side closes. */
function raw(socket_path: string, ...parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const socket: Socket = createConnection(socket_path);
    socket.on('data', (chunk) => { received += chunk.toString('utf8'); });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(received));
    for (const part of parts) socket.write(part);
  });
}

function post(method: string, body: string, headers = ''): string {
  return `POST /v1/${method} HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
}

function failureIn(received: string): { code: string; reason: string; fix?: string; detail?: { field?: string } } {
  const parsed = JSON.parse(received.slice(received.indexOf('\r\n\r\n') + 4));
  assert.is(parsed.ok, false);
  return parsed.failure;
}

test('a method answers with its value, and gets its parameters', async (context) => {
  const { socket_path, asked } = await served(context);
  const client = controlClient(socket_path);
  assert.equal(await client.call('status', {}), ok(values.status));
  assert.equal(await client.call('trust.show', { subject: 'bob' }), ok(values['trust.show']));
  assert.equal(await client.call('stop', {}), ok(null));
  assert.equal(asked, [{ method: 'status', params: {} }, { method: 'trust.show', params: { subject: 'bob' } }, { method: 'stop', params: {} }]);
});

test('a failure arrives with code, reason, fix and detail, but never with its cause', async (context) => {
  const failing = fail('PEER_UNREACHABLE', 'nobody there', { fix: 'try later', detail: { peer: 'x' }, cause: new Error('secret path') });
  const { socket_path } = await served(context, { join: () => Promise.resolve(failing) });
  assert.not.match(await raw(socket_path, post('join', '{"address":"a"}', 'connection: close\r\n')), /secret/);
  assert.equal(await controlClient(socket_path).call('join', { address: 'a' }), fail('PEER_UNREACHABLE', 'nobody there', { fix: 'try later', detail: { peer: 'x' } }));
});

test('the socket opens for its owner alone, and the process keeps its umask', async (context) => {
  const before = process.umask(0o002);
  context.after(() => void process.umask(before));
  const { socket_path } = await served(context);
  assert.is(statSync(socket_path).mode & 0o777, 0o600);
  assert.is(process.umask(), 0o002);
});

test('a folder that others may enter is refused with its fix', async (context) => {
  const folder = join(context.folder(), 'open');
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const refused = await serveControl({ socket_path: controlSocketPath(folder), methods: fakeMethods().methods, recorder: { record: () => undefined } });
  assert.is(refused.ok ? '' : refused.failure.code, 'CONTROL_FOLDER_OPEN');
  assert.is(refused.ok ? '' : refused.failure.fix, `chmod 700 '${folder}'`);
  assert.not(existsSync(controlSocketPath(folder)));
});

test('a second server on a live socket is refused, and the first goes on', async (context) => {
  const { socket_path } = await served(context);
  const second = await serveControl({ socket_path, methods: fakeMethods().methods, recorder: { record: () => undefined } });
  assert.is(second.ok ? '' : second.failure.code, 'CONTROL_IN_USE');
  assert.ok((await controlClient(socket_path).call('status', {})).ok);
});

test('the socket of a killed process is replaced', async (context) => {
  const socket_path = controlSocketPath(context.folder());
  const child = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(socket_path)}, () => console.log('up'))`]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(existsSync(socket_path));
  const stale = await controlClient(socket_path).call('status', {});
  assert.is(stale.ok ? '' : stale.failure.code, 'NODE_NOT_RUNNING');
  const server = unwrap(await serveControl({ socket_path, methods: fakeMethods().methods, recorder: { record: () => undefined } }));
  context.after(() => server.close());
  assert.ok((await controlClient(socket_path).call('status', {})).ok);
});

test('what is no socket is left alone, and a path that the kernel cannot hold is refused', async (context) => {
  const folder = context.folder();
  const parts = { methods: fakeMethods().methods, recorder: { record: () => undefined } };
  writeFileSync(controlSocketPath(folder), 'mine');
  const taken = await serveControl({ ...parts, socket_path: controlSocketPath(folder) });
  assert.is(taken.ok ? '' : taken.failure.code, 'CONTROL_PATH_TAKEN');
  assert.is(readFileSync(controlSocketPath(folder), 'utf8'), 'mine');
  const long = controlSocketPath(join(folder, 'x'.repeat(100)));
  const too_long = await serveControl({ ...parts, socket_path: long });
  assert.is(too_long.ok ? '' : too_long.failure.code, 'CONTROL_PATH_TOO_LONG');
  const asked = await controlClient(long).call('status', {});
  assert.is(asked.ok ? '' : asked.failure.code, 'CONTROL_PATH_TOO_LONG');
});

test('what is not a well-formed request is refused with its reason, reaches no method, and costs the server nothing', async (context) => {
  const { socket_path, asked } = await served(context);
  const close = 'connection: close\r\n';
  const table: readonly (readonly [sent: string, status: number, code: string])[] = [
    [post('status', '{', close), 400, 'REQUEST_INVALID'],
    [post('status', '', close), 400, 'REQUEST_INVALID'],
    [post('status', '[]', close), 400, 'PARAMS_INVALID'],
    [post('status', 'null', close), 400, 'PARAMS_INVALID'],
    [post('status', `${'['.repeat(json_depth_max + 1)}${']'.repeat(json_depth_max + 1)}`, close), 400, 'REQUEST_INVALID'],
    [`GET /v1/status HTTP/1.1\r\nhost: x\r\n${close}\r\n`, 405, 'REQUEST_INVALID'],
    [`POST /v2/status HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n${close}\r\n{}`, 405, 'REQUEST_INVALID'],
    [post('__proto__', '{}', close), 404, 'METHOD_UNKNOWN'],
    [post('toString', '{}', close), 404, 'METHOD_UNKNOWN'],
    ['what is this\r\n\r\n', 400, 'REQUEST_INVALID'],
    [`POST /v1/status HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 400, 'REQUEST_INVALID'],
  ];
  for (const [sent, status, code] of table) {
    const received = await raw(socket_path, sent);
    assert.match(received, new RegExp(`^HTTP/1.1 ${status} `), sent.slice(0, 60));
    assert.is(failureIn(received).code, code, sent.slice(0, 60));
  }
  const invalid_utf8 = Buffer.concat([Buffer.from(`POST /v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n${close}\r\n"`), Buffer.from([0xff]), Buffer.from('"')]);
  assert.is(failureIn(await raw(socket_path, invalid_utf8)).reason, 'the body is not UTF-8');
  assert.equal(asked, []);
  assert.ok((await controlClient(socket_path).call('status', {})).ok);
});

test('a body over the bound is refused whether it is announced or sent in chunks', async (context) => {
  const { socket_path, asked } = await served(context);
  const announced = await raw(socket_path, `POST /v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: ${request_bytes_max + 1}\r\n\r\n`);
  assert.match(announced, /^HTTP\/1.1 413 /);
  assert.is(failureIn(announced).code, 'REQUEST_TOO_LARGE');
  const chunk = 'x'.repeat(65_536);
  const chunks = Array.from({ length: 20 }, () => `10000\r\n${chunk}\r\n`);
  const chunked = await raw(socket_path, 'POST /v1/status HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n', ...chunks);
  assert.is(failureIn(chunked).code, 'REQUEST_TOO_LARGE');
  const own = await controlClient(socket_path).call('join', { address: 'x'.repeat(request_bytes_max) });
  assert.is(own.ok ? '' : own.failure.code, 'REQUEST_TOO_LARGE');
  assert.equal(asked, []);
});

test('an unknown method names the nearest ones', async (context) => {
  const { socket_path } = await served(context);
  const failure = failureIn(await raw(socket_path, post('trust.shwo', '{}', 'connection: close\r\n')));
  assert.is(failure.code, 'METHOD_UNKNOWN');
  assert.match(failure.fix ?? '', /trust\.show/);
  assert.equal(nearNames('audit', Object.keys(control_params)).every((name) => name.startsWith('audit.')), true);
  assert.equal(nearNames('qqqqqqqqqqqqqqqqqqqq', Object.keys(control_params)), []);
});

test('parameters are checked against the table, and the field is named', async (context) => {
  const { socket_path, asked } = await served(context);
  const table: readonly (readonly [method: string, params: unknown, field: string])[] = [
    ['join', {}, 'address'],
    ['join', { address: 7 }, 'address'],
    ['join', { address: null }, 'address'],
    ['join', { address: 'a', adress: 'b' }, 'adress'],
    ['agent.create', { name: 'a', sponsor: 'b', capabilities: 'read:*' }, 'capabilities'],
    ['agent.create', { name: 'a', sponsor: 'b', capabilities: ['read:*', 7] }, 'capabilities'],
    ['agent.create', { name: 'a', sponsor: 'b', capabilities: [], required_trust: '5' }, 'required_trust'],
    ['did.resolve', { did: 'a', fresh: 'yes' }, 'fresh'],
    ['audit.prove', { index: '12' }, 'index'],
    ['status', { verbose: true }, 'verbose'],
  ];
  for (const [method, params, field] of table) {
    const failure = failureIn(await raw(socket_path, post(method, JSON.stringify(params), 'connection: close\r\n')));
    assert.is(failure.code, 'PARAMS_INVALID', JSON.stringify(params));
    assert.is(failure.detail?.field, field, JSON.stringify(params));
    assert.ok(failure.reason.includes(field), failure.reason);
  }
  const inherited = failureIn(await raw(socket_path, post('join', '{"__proto__":{"address":"a"}}', 'connection: close\r\n')));
  assert.is(inherited.code, 'PARAMS_INVALID');
  assert.equal(asked, []);
});

test('a method that throws, or answers what JSON cannot carry, becomes a failure and a fact', async (context) => {
  const circular: { self?: unknown } = {};
  circular.self = circular;
  const { socket_path, facts } = await served(context, {
    'peers': () => { throw new Error('thrown at once'); },
    'sponsor.list': () => Promise.reject(new Error('rejected')),
    'did.resolve': () => Promise.resolve(ok({ didDocument: circular, didDocumentMetadata: 10n, didResolutionMetadata: null })),
  });
  const client = controlClient(socket_path);
  for (const answer of [await client.call('peers', {}), await client.call('sponsor.list', {}), await client.call('did.resolve', { did: 'x' })]) {
    assert.is(answer.ok ? '' : answer.failure.code, 'NODE_FAULT');
  }
  assert.is(facts.filter(({ kind }) => kind === 'control.fault').length, 3);
  assert.ok((await client.call('status', {})).ok);
});

test('requests over the bound are told to come back', async (context) => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => { release = resolve; });
  let entered = 0;
  let full = (): void => undefined;
  const filled = new Promise<void>((resolve) => { full = resolve; });
  const { socket_path } = await served(context, {
    peers: async () => {
      entered += 1;
      if (entered === requests_max) full();
      await released;
      return ok([]);
    },
  });
  const client = controlClient(socket_path);
  const waiting = Array.from({ length: requests_max }, () => client.call('peers', {}));
  await filled;
  const refused = await client.call('status', {});
  assert.is(refused.ok ? '' : refused.failure.code, 'CONTROL_BUSY');
  release();
  assert.ok((await Promise.all(waiting)).every((answer) => answer.ok));
  assert.ok((await client.call('status', {})).ok);
});

test('who stalls in mid-request, or says nothing at all, is cut off', async (context) => {
  const { socket_path, asked } = await served(context, {}, { read_ms_max: 200 });
  const [stalled, headless, silent] = await Promise.all([
    raw(socket_path, 'POST /v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{'),
    raw(socket_path, 'POST /v1/status HTTP/1.1\r\nho'),
    raw(socket_path),
  ]);
  // Each of the three promises resolves only once the server has closed its connection.
  assert.match(stalled, /^HTTP\/1.1 408 /);
  assert.match(headless, /^HTTP\/1.1 408 /);
  assert.match(silent, /^HTTP\/1.1 408 /);
  assert.equal(asked, []);
  assert.ok((await controlClient(socket_path).call('status', {})).ok);
}, { ms: 5000 });

test('a client that goes away aborts its method', async (context) => {
  let aborted = (): void => undefined;
  const gone = new Promise<void>((resolve) => { aborted = resolve; });
  const { socket_path } = await served(context, {
    call: (_, signal) => new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        aborted();
        resolve(fail('ABORTED', 'gone'));
      });
    }),
  });
  const answer = await controlClient(socket_path).call('call', { from: 'a', to: 'b', command: 'c:d' }, { signal: AbortSignal.timeout(50) });
  assert.is(answer.ok ? '' : answer.failure.code, 'NODE_TIMEOUT');
  await gone;
}, { ms: 3000 });

test('close ends within a second even when a method never answers, and removes the socket', async (context) => {
  const { server, socket_path } = await served(context, { peers: () => new Promise(() => undefined) });
  const client = controlClient(socket_path);
  const hanging = client.call('peers', {});
  createConnection(socket_path).on('error', () => undefined);
  assert.ok((await client.call('status', {})).ok);
  const start_ms = performance.now();
  await server.close();
  assert.ok(performance.now() - start_ms < 1000);
  const answer = await hanging;
  assert.is(answer.ok ? '' : answer.failure.code, 'CONTROL_BROKEN');
  assert.not(existsSync(socket_path));
  const after = await client.call('status', {});
  assert.is(after.ok ? '' : after.failure.code, 'NODE_NOT_RUNNING');
  await server.close();
});

test('close lets the request that asked for it be answered', async (context) => {
  const closers: (() => Promise<void>)[] = [];
  const { server, socket_path } = await served(context, {
    stop: () => {
      closers.push(() => server.close());
      return Promise.resolve(ok(null));
    },
  });
  assert.equal(await controlClient(socket_path).call('stop', {}), ok(null));
  for (const close of closers) await close();
});

test('without a node the client says how to start one', async (context) => {
  const data = context.folder();
  const answer = await controlClient(controlSocketPath(data)).call('status', {});
  assert.equal(answer, fail('NODE_NOT_RUNNING', `no node runs on ${data}`, { fix: `agentmesh up --data ${data}` }));
});

test('a client never believes what is not an answer of a node', async (context) => {
  const body = '{"ok":true,"value":null}';
  const answers = [
    '', 'garbage', 'HTTP/1.1 200 OK\r\n\r\n', `HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n${body}`, `SSH-2.0-x\r\n\r\n${body}`,
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnot json!', 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull',
    'HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n{"ok":false,"failure":{}}', 'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"ok":true}',
  ];
  for (const [index, answer] of answers.entries()) {
    const socket_path = join(context.folder(), `${index}.sock`);
    const server = createServer((socket) => { socket.on('error', () => undefined).end(answer); }).listen(socket_path);
    context.after(() => void server.close());
    await once(server, 'listening');
    const result = await controlClient(socket_path).call('stop', {});
    assert.is(result.ok ? '' : result.failure.code, 'CONTROL_BROKEN', answer);
  }
});

if (process.getuid?.() === 0) {
  test('another user is denied', async (context) => {
    const { socket_path } = await served(context);
    const module_url = new URL('../../node/control/client.ts', import.meta.url).href;
    const script = `const { controlClient } = await import(${JSON.stringify(module_url)}); process.setuid(65534); console.log(JSON.stringify(await controlClient(${JSON.stringify(socket_path)}).call('status', {})));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString(); });
    await once(child, 'close');
    assert.is(JSON.parse(output).failure.code, 'CONTROL_DENIED');
  });
} else {
  test('a socket that may not be opened is a denial', async (context) => {
    const { socket_path } = await served(context);
    chmodSync(socket_path, 0o000);
    const answer = await controlClient(socket_path).call('status', {});
    assert.is(answer.ok ? '' : answer.failure.code, 'CONTROL_DENIED');
  });
}

test('the depth check agrees with the parsed value on any JSON', () => {
  const depthOf = (value: unknown): number => typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 8 }), fc.integer({ min: 0, max: 70 }), fc.boolean(), (value, wraps, spaced) => {
    let wrapped: unknown = value;
    for (let count = 0; count < wraps; count += 1) wrapped = count % 2 === 0 ? [wrapped] : { '"]}\\': wrapped };
    assert.is(isShallow(JSON.stringify(wrapped, null, spaced ? 1 : 0)), depthOf(wrapped) <= json_depth_max);
  }));
});

test.run();
