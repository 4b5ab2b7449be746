/** Clients of the sidecar that mean no good: each is refused, bounded, and on record where that is promised. */
import { connect, type Socket } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unwrap } from '../../../crypto/result.ts';
import { sidecarMethods } from '../../../node/control/sidecar-methods.ts';
import { createNode } from '../../../node/node.ts';
import { header_bytes_max, memory_bytes_max, open_calls_per_agent_max, rate_per_agent, request_bytes_max, requests_per_agent_max, streams_per_agent_max, wrong_tokens } from '../../../node/sidecar/limits.ts';
import { tokens_file } from '../../../node/sidecar/tokens.ts';
import { suite } from '../../harness.ts';
import { until } from '../node-process.ts';
import { eventsOf, sidecarWorld, type SidecarWorld } from './sidecar-world.ts';

const test = suite('node/sidecar/hostile');
const mib = 1024 * 1024;

/** A connection that says what it is told to, and what comes back on it. */
function dial(world: SidecarWorld): { readonly socket: Socket; readonly heard: () => string; readonly closed: Promise<void> } {
  const socket = connect(world.node.sidecar?.socket_path ?? '');
  let heard = '';
  socket.on('data', (chunk: Buffer) => { heard += chunk.toString('latin1'); });
  socket.on('error', () => undefined);
  return { socket, heard: () => heard, closed: new Promise((resolve) => { socket.once('close', () => resolve()); }) };
}

test('a body of 100 MB is refused: announced without a byte of it being read, and unannounced as soon as it is too much', async (context) => {
  const world = await sidecarWorld(context);
  const token = world.tokens['analyst'] ?? '';
  const head = (more: string, authorization = `Bearer ${token}`): string => `POST /v1/decide HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;
  const announced = dial(world);
  announced.socket.write(head(`Content-Length: ${100 * mib}`));
  await announced.closed;
  assert.match(announced.heard(), /^HTTP\/1\.1 413 /);
  assert.match(announced.heard(), '"code":"REQUEST_TOO_LARGE"');
  const stranger = dial(world);
  stranger.socket.write(head(`Content-Length: ${100 * mib}`, 'Bearer x'));
  await stranger.closed;
  assert.match(stranger.heard(), /^HTTP\/1\.1 401 /);
  const before = process.memoryUsage.rss();
  const poured = dial(world);
  poured.socket.write(head('Transfer-Encoding: chunked'));
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 0x20), Buffer.from('\r\n')]);
  let sent = 0;
  while (sent < 100 * mib && !poured.socket.destroyed && poured.socket.writable) {
    sent += 65_536;
    if (!poured.socket.write(chunk)) await Promise.race([new Promise((resolve) => { poured.socket.once('drain', resolve); }), poured.closed]);
  }
  await poured.closed;
  assert.ok(sent < 20 * mib, `${sent} bytes went`);
  assert.ok(process.memoryUsage.rss() - before < 64 * mib);
  assert.equal(await world.refusal('PUT', '/v1/memory?path=/mem/working/big', { bytes: new Uint8Array(memory_bytes_max + 1) }), [413, 'REQUEST_TOO_LARGE']);
  assert.equal(await world.refusal('POST', '/v1/decide', { body: { action: { type: 'read' }, data: 'x'.repeat(request_bytes_max) } }), [413, 'REQUEST_TOO_LARGE']);
  assert.is((await world.ask('GET', '/v1/health')).status, 200, 'and the sidecar goes on');
});

test('a request that comes drop by drop, in its head or its body, is cut off', async (context) => {
  const world = await sidecarWorld(context);
  const slow = dial(world);
  const slow_body = dial(world);
  const timer = setInterval(() => {
    slow.socket.write('x');
    slow_body.socket.write(' ');
  }, 500);
  context.after(() => clearInterval(timer));
  slow.socket.write('GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
  slow_body.socket.write(`POST /v1/decide HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${world.tokens['analyst'] ?? ''}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`);
  await slow.closed;
  assert.match(slow.heard(), /^HTTP\/1\.1 408 /);
  await slow_body.closed;
  assert.match(slow_body.heard(), /^HTTP\/1\.1 408 /);
  await until('its place is free', () => Promise.resolve(world.node.sidecar?.state().requests === 0 ? true : undefined));
  assert.match(slow.heard(), '"status":408');
  const long = dial(world);
  long.socket.write(`GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(header_bytes_max)}\r\n\r\n`);
  await long.closed;
  assert.match(long.heard(), /^HTTP\/1\.1 4\d\d /);
  const nonsense = dial(world);
  nonsense.socket.write('\u0016\u0003\u0001 hello\r\n\r\n');
  await nonsense.closed;
  assert.match(nonsense.heard(), /^HTTP\/1\.1 400 /);
});

test('a web page has no access: not by its Origin, not under a name of its own, not by asking first', async (context) => {
  const world = await sidecarWorld(context);
  const over = 'loopback';
  assert.is((await world.ask('GET', '/v1/health', { over })).status, 200);
  for (const host of ['evil.example', 'evil.example:80', '192.168.0.1', '127.0.0.1.evil.example']) {
    assert.equal(await world.refusal('POST', '/v1/register', { over, headers: { host }, body: { name: 'x' } }), [421, 'HOST_REFUSED'], host);
  }
  for (const host of [`localhost:${world.port}`, '127.0.0.1', '[::1]:80']) assert.is((await world.ask('GET', '/v1/health', { over, headers: { host } })).status, 200, host);
  for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${world.port}`]) {
    assert.equal(await world.refusal('POST', '/v1/register', { over, headers: { origin }, body: { name: 'x' } }), [403, 'ORIGIN_REFUSED'], origin);
  }
  assert.equal(await world.refusal('GET', '/v1/health', { headers: { 'sec-fetch-site': 'cross-site' } }), [403, 'ORIGIN_REFUSED']);
  const preflight = await world.ask('OPTIONS', '/v1/decide', { over, token: null });
  assert.equal([preflight.status, preflight.json['code'], preflight.headers['allow']], [405, 'METHOD_REFUSED', 'POST']);
  assert.ok(Object.keys(preflight.headers).every((name) => !name.startsWith('access-control')));
  assert.equal(await world.refusal('POST', '/v1/register', { headers: { 'content-type': 'text/plain' }, body: { name: 'x' } }), [415, 'MEDIA_TYPE_REFUSED'], 'what a form can send is no JSON');
});

test('no token, a wrong one and somebody else\'s give nothing; guesses are on record, bounded, and keep no right token waiting', async (context) => {
  const world = await sidecarWorld(context);
  const missing = await world.ask('GET', '/v1/tools', { token: null });
  assert.equal([missing.status, missing.json['code'], missing.headers['www-authenticate']], [401, 'TOKEN_MISSING', 'Bearer realm="agentmesh"']);
  for (let guess = 0; guess < wrong_tokens.count; guess += 1) {
    assert.equal(await world.refusal('GET', '/v1/tools', { token: `${guess}`.padEnd(43, 'A') }), [401, 'TOKEN_WRONG']);
  }
  const guessed = await world.ask('GET', '/v1/tools', { token: 'B'.repeat(43) });
  assert.equal([guessed.status, guessed.json['code']], [429, 'TOKENS_GUESSED']);
  assert.ok(Number(guessed.headers['retry-after']) > 0);
  assert.is((await world.ask('GET', '/v1/tools')).status, 200);
  const rejected = await world.node.getLogs(world.node.did, { kind: 'sidecar-rejected' });
  assert.is(rejected.length, wrong_tokens.count);
  assert.not.match(JSON.stringify(rejected), 'AAAA', 'a token that was nearly right is kept nowhere');
  // Whoever streams with a token that is replaced hears no more.
  const spying = await world.begin('GET', '/v1/signals', { token: world.tokens['other'] ?? '' });
  unwrap(await sidecarMethods(world.node)['sidecar.token']({ agent: 'other' }, new AbortController().signal));
  assert.equal((await eventsOf(spying, 99)).map(({ event }) => event), ['standing']);
  assert.is((await world.refusal('GET', '/v1/tools', { token: world.tokens['other'] ?? '' }))[0], 429);
  // An open call of one agent is nothing to another.
  const open = await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'x' }, reserve: true } });
  const call_id = String(open['call_id']);
  const token = unwrap(await world.node.sidecar_tokens.issue(world.node.host.identities.find('other')?.did ?? ''));
  assert.equal(await world.refusal('GET', `/v1/calls/${call_id}`, { token }), [404, 'CALL_UNKNOWN']);
  assert.equal(await world.refusal('POST', '/v1/record', { token, body: { call_id, status: 'done' } }), [404, 'CALL_UNKNOWN']);
  await world.get('PUT', '/v1/memory?path=/mem/working/mine', { body: { content: 'mine' } });
  assert.equal(await world.refusal('GET', '/v1/memory?path=/mem/working/mine', { token }), [404, 'VFS_MISSING']);
  assert.is((await world.get('GET', `/v1/calls/${call_id}`))['state'], 'open');
});

test('an outcome is recorded once, however many say it at the same time', async (context) => {
  const world = await sidecarWorld(context);
  const { call_id } = await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: 'x' }, reserve: true } });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => world.ask('POST', '/v1/record', { body: { call_id, status: index % 2 === 0 ? 'done' : 'failed', result: index } })));
  assert.equal([200, 409].map((wanted) => answers.filter(({ status }) => status === wanted).length), [1, 19]);
  assert.is((await world.logged('outcome')).length, 1);
});

test('floods are held: open calls, requests at once, streams, and requests in a while', async (context) => {
  const world = await sidecarWorld(context);
  const reserve = { body: { action: { type: 'read', resource: 'x' }, reserve: true } };
  for (let count = 0; count < open_calls_per_agent_max; count += 1) await world.get('POST', '/v1/decide', { body: { action: { type: 'read', resource: `x${count}` }, reserve: true } });
  assert.equal(await world.refusal('POST', '/v1/decide', reserve), [429, 'CALLS_OVERLOADED']);
  assert.is((await world.get('POST', '/v1/decide', { ...reserve, token: world.tokens['other'] ?? '' }))['state'], 'open', 'another agent is not held up');
  const streams = await Promise.all(Array.from({ length: streams_per_agent_max }, () => world.begin('GET', '/v1/signals')));
  assert.equal(await world.refusal('GET', '/v1/signals'), [429, 'STREAMS_OVERLOADED']);
  for (const stream of streams) stream.destroy();
  await until('the streams are gone', () => Promise.resolve(world.node.sidecar?.state().streams === 0 ? true : undefined));
  // Requests that never send their bodies take up the places of their agent, not those of another.
  const head = `POST /v1/decide HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${world.tokens['analyst'] ?? ''}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n`;
  const holding = Array.from({ length: requests_per_agent_max }, () => dial(world));
  for (const { socket } of holding) socket.write(head);
  await until('they are under way', () => Promise.resolve(world.node.sidecar?.state().requests === requests_per_agent_max ? true : undefined));
  assert.equal(await world.refusal('GET', '/v1/tools'), [503, 'SIDECAR_BUSY']);
  assert.is((await world.ask('GET', '/v1/tools', { token: world.tokens['other'] ?? '' })).status, 200);
  for (const { socket } of holding) socket.destroy();
  await until('they are gone', () => Promise.resolve(world.node.sidecar?.state().requests === 0 ? true : undefined));
  const pipelined = dial(world);
  const asking = `GET /v1/calls/none HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${world.tokens['other'] ?? ''}\r\n\r\n`;
  pipelined.socket.write(asking.repeat(rate_per_agent.count + 400));
  await until('it is slowed down', () => Promise.resolve(pipelined.heard().includes('RATE_LIMITED') ? true : undefined));
  pipelined.socket.destroy();
  assert.match(pipelined.heard(), /HTTP\/1\.1 429 [^\n]+\r\nretry-after: [1-9]/);
});

test('a stream that is not read is cut off before it holds much, and nobody else waits for it', async (context) => {
  const world = await sidecarWorld(context);
  const deaf = dial(world);
  deaf.socket.pause();
  deaf.socket.write(`GET /v1/signals HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${world.tokens['analyst'] ?? ''}\r\n\r\n`);
  await until('it streams', () => Promise.resolve(world.node.sidecar?.state().streams === 1 ? true : undefined));
  for (let count = 0; count < 2000 && world.node.sidecar?.state().streams === 1; count += 1) unwrap(await world.kernel.signal(world.did, 'SIGUSR1', { reason: 'x'.repeat(2_000) }));
  await until('it is cut off', () => Promise.resolve(world.node.sidecar?.state().streams === 0 ? true : undefined));
  deaf.socket.destroy();
});

test('requests that fit no form are refused by what is wrong with them, and nothing of the inside is told', async (context) => {
  const world = await sidecarWorld(context);
  const deep = `{"action":{"type":"read"},"data":${'['.repeat(100)}${']'.repeat(100)}}`;
  const json = { 'content-type': 'application/json' };
  for (const [method, target, sent, code] of [
    ['GET', '/', {}, 'ROUTE_UNKNOWN'], ['GET', '/v1/decide/x', {}, 'ROUTE_UNKNOWN'], ['GET', '/v1/%2e%2e/keys.json', {}, 'ROUTE_UNKNOWN'], ['GET', '/v1/calls/%ff', {}, 'ROUTE_UNKNOWN'],
    ['GET', '/v1/decide', {}, 'METHOD_REFUSED'], ['GET', `/v1/memory?path=/${'x'.repeat(5000)}`, {}, 'TARGET_TOO_LONG'],
    ['POST', '/v1/decide', { bytes: Buffer.from('{'), headers: json }, 'REQUEST_INVALID'], ['POST', '/v1/decide', { bytes: Buffer.from([0xff]), headers: json }, 'REQUEST_INVALID'],
    ['POST', '/v1/decide', { bytes: Buffer.from(deep), headers: json }, 'REQUEST_INVALID'], ['POST', '/v1/decide', { body: [] }, 'REQUEST_INVALID'], ['POST', '/v1/decide', { body: {} }, 'REQUEST_INVALID'],
    ['POST', '/v1/decide', { body: { action: { type: '' } } }, 'REQUEST_INVALID'], ['POST', '/v1/decide', { body: { action: { type: 'read' }, tier: 'bwrap' } }, 'REQUEST_INVALID'],
    ['POST', '/v1/decide', { body: { action: { type: 'read' }, usage: { tokens: -1 } } }, 'REQUEST_INVALID'],
    ['GET', '/v1/memory', {}, 'REQUEST_INVALID'], ['GET', '/v1/memory?path=/mem&path=/policy', {}, 'REQUEST_INVALID'], ['GET', '/v1/memory?path=/mem&depth=1', {}, 'REQUEST_INVALID'],
    ['GET', '/v1/memory?path=/mem&offset=-1', {}, 'REQUEST_INVALID'], ['GET', '/v1/memory?path=/mem/../../etc/passwd', {}, 'VFS_PATH_INVALID'],
    ['PUT', '/v1/memory?path=/mem/x', { body: { content: '***', encoding: 'base64' } }, 'REQUEST_INVALID'], ['PUT', '/v1/memory?path=/policy/x', { body: { content: 'mine' } }, 'VFS_READ_ONLY'],
  ] as const) {
    const [status, got] = await world.refusal(method, target, sent);
    assert.is(got, code, `${method} ${target.slice(0, 60)}`);
    assert.ok(status >= 400 && status < 500);
  }
});

test('the sidecar listens on the loopback interface and nowhere else, and a list of tokens that was tampered with opens nothing', async (context) => {
  const data = join(context.folder(), 'data');
  for (const sidecar of ['0.0.0.0:8081', '192.0.2.7:80', '[::]:80', 'example.com:80', 'x', '127.0.0.1:99999']) {
    const started = await createNode({ data, sidecar, control: false });
    assert.is(started.ok ? 'started' : started.failure.code, 'SIDECAR_INVALID', sidecar);
  }
  const world = await sidecarWorld(context);
  await world.node.stop();
  const file = join(world.node.data, tokens_file);
  for (const text of ['{', '[]', '{"did:mesh:x":{"hash":"00","issued_ms":1}}', '{"did:mesh:x":"x"}']) {
    writeFileSync(file, text, { mode: 0o600 });
    const again = await createNode({ data: world.node.data, sidecar: true, control: false });
    assert.is(again.ok ? 'started' : again.failure.code, 'SIDECAR_TOKENS_UNREADABLE', text);
  }
});

test.run();
