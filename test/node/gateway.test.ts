import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import { parseTilePath } from '../../crypto/tlog-tiles.ts';
import { system_clock } from '../../node/clock.ts';
import { gatewayUrl, isHostAllowed, limitKey, parseGateway } from '../../node/gateway/address.ts';
import { Answers } from '../../node/gateway/answers.ts';
import { connections_per_address_max, cosignings_at_once_max, requests_per_address_max } from '../../node/gateway/constants.ts';
import { serveGateway, type Gateway, type GatewayParts } from '../../node/gateway/index.ts';
import type { WitnessAnswer } from '../../protocols/witness/index.ts';
import { witness_limits } from '../../protocols/witness/constants.ts';
import { witnessContract } from '../contract/witness.ts';
import { suite, type TestContext } from '../harness.ts';

const test = suite('node/gateway');
const hash = 'ab'.repeat(32);

function parts(own: Partial<GatewayParts> = {}): GatewayParts {
  const files = new Map<string, Uint8Array>([
    ['checkpoint', utf8('the note\n')], ['tile/0/000', new Uint8Array(8192).fill(7)], ['tile/entries/001.p/44', utf8('entries')], [`${hash}/checkpoint`, utf8('a mirror\n')],
  ]);
  const read = (path: string): Promise<Result<Uint8Array>> => {
    const resource = parseTilePath(path.replace(`${hash}/`, ''));
    if (!resource.ok) return Promise.resolve(resource);
    const bytes = files.get(path);
    return Promise.resolve(bytes === undefined ? fail('AUDIT_NO_TILE', 'not at this size') : ok(bytes));
  };
  return {
    clock: system_clock, recorder: { record: () => undefined }, read,
    cosign: () => Promise.resolve({ status: 200, body: '— witness AAAA\n' }),
    cosigned: (origin_hash) => Promise.resolve(origin_hash === hash ? ok(utf8('cosigned\n')) : fail('WITNESS_LOG_UNKNOWN', 'never seen')),
    ...own,
  };
}

async function open(context: TestContext, own: Partial<GatewayParts> = {}): Promise<Gateway> {
  const gateway = unwrap(await serveGateway({ host: '127.0.0.1', port: 0 }, parts(own)));
  context.after(() => gateway.close());
  return gateway;
}

function portOf({ url }: Gateway): number {
  return Number(new URL(url).port);
}

/** Sends bytes and gives all that comes back until the other side hangs up, or a while has passed. */
async function raw(gateway: Gateway, text: string, limit_ms = 1500): Promise<string> {
  const socket = connect(portOf(gateway), '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk: Buffer) => { heard += chunk.toString('latin1'); });
  socket.on('error', () => undefined);
  socket.write(text);
  await Promise.race([new Promise((resolve) => { socket.once('close', resolve); }), sleep(limit_ms)]);
  socket.destroy();
  return heard;
}

test('tiles and heads are served as C2SP tlog-tiles says, and HEAD the same without a body', async (context) => {
  const gateway = await open(context);
  const cases = [
    ['/checkpoint', 'text/plain; charset=utf-8', 'no-cache', 'the note\n'],
    ['/tile/0/000', 'application/octet-stream', 'public, max-age=31536000, immutable', '\u0007'.repeat(8192)],
    ['/tile/entries/001.p/44', 'application/octet-stream', 'public, max-age=31536000, immutable', 'entries'],
    [`/${hash}/checkpoint`, 'text/plain; charset=utf-8', 'no-cache', 'a mirror\n'],
    [`/witness/${hash}/checkpoint`, 'text/plain; charset=utf-8', 'no-cache', 'cosigned\n'],
  ] as const;
  for (const [path, type, cache, body] of cases) {
    for (const method of ['GET', 'HEAD'] as const) {
      const response = await fetch(`${gateway.url}${path}`, { method });
      assert.is(response.status, 200, path);
      assert.is(response.headers.get('content-type'), type, path);
      assert.is(response.headers.get('cache-control'), cache, path);
      assert.is(response.headers.get('content-length'), String(body.length), path);
      assert.is(response.headers.get('x-content-type-options'), 'nosniff');
      assert.is(await response.text(), method === 'GET' ? body : '', path);
    }
  }
});

test('nothing else is readable, and no other method does anything', async (context) => {
  const asked: string[] = [];
  const own = parts();
  const gateway = await open(context, { read: (path) => { asked.push(path); return own.read(path); } });
  const targets = [
    '/', '/checkpoint/', '/checkpoint?x=1', '//checkpoint', '/./checkpoint', '/tile/../checkpoint', '/tile/../../etc/passwd', '/tile/%2e%2e/checkpoint', '/%63heckpoint', '/Checkpoint',
    '/tile/0/0', '/tile/0/000.p/0', '/tile/0/000.p/256', '/tile/00/000', '/tile/0/x000/000', '/tile/data/000', '/tile', '/keys.json', '/store', '/metrics', '/add-checkpoint/', '/witness/checkpoint',
    `/witness/${'cd'.repeat(32)}/checkpoint`, `/${hash.toUpperCase()}/checkpoint`, `/${hash}/${hash}/checkpoint`, '/tile/0/001', '*', 'http://127.0.0.1/checkpoint',
  ];
  for (const target of targets) {
    const heard = await raw(gateway, `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    assert.match(heard, /^HTTP\/1\.1 404 /, target);
    assert.not(/passwd|root:/.test(heard));
  }
  assert.ok(asked.every((path) => path.startsWith('tile/') || path.startsWith(hash)), asked.join(' '));
  for (const [method, path, allow] of [['POST', '/checkpoint', 'GET, HEAD'], ['PUT', '/tile/0/000', 'GET, HEAD'], ['DELETE', '/checkpoint', 'GET, HEAD'], ['OPTIONS', '/checkpoint', 'GET, HEAD'], ['GET', '/add-checkpoint', 'POST']] as const) {
    const response = await fetch(`${gateway.url}${path}`, { method });
    assert.is(response.status, 405, `${method} ${path}`);
    assert.is(response.headers.get('allow'), allow);
    await response.text();
  }
});

test('what is damaged or fails is said to be unavailable, with nothing of the inside', async (context) => {
  const facts: string[] = [];
  const gateway = await open(context, {
    recorder: { record: ({ kind }) => void facts.push(kind) },
    read: (path) => (path === 'checkpoint' ? Promise.resolve(fail('AUDIT_DAMAGED', 'tile 0/17 is missing')) : Promise.reject(new Error('/secret/path is broken'))),
  });
  const damaged = await fetch(`${gateway.url}/checkpoint`);
  assert.is(damaged.status, 503);
  assert.ok(Number(damaged.headers.get('retry-after')) > 0);
  const broken = await fetch(`${gateway.url}/tile/0/000`);
  assert.is(broken.status, 503);
  assert.not((await broken.text()).includes('secret'));
  assert.equal(facts, ['gateway.failed']);
});

test('requests that are too long, malformed or for another name are refused, each with its status', async (context) => {
  const gateway = await open(context);
  const close = 'Connection: close\r\n\r\n';
  const cases: readonly (readonly [string, RegExp])[] = [
    [`GET /${'a'.repeat(300)} HTTP/1.1\r\nHost: 127.0.0.1\r\n${close}`, /^HTTP\/1\.1 414 /],
    [`GET /checkpoint HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'a'.repeat(9000)}\r\n${close}`, /^HTTP\/1\.1 431 /],
    [`GET /checkpoint HTTP/1.1\r\n${close}`, /^HTTP\/1\.1 400 /],
    [`GET /checkpoint HTTP/1.1\r\nHost: evil.example\r\n${close}`, /^HTTP\/1\.1 421 /],
    [`GET /checkpoint HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n${close}`, /^HTTP\/1\.1 421 /],
    [`GET /checkpoint HTTP/1.1\r\nHost: 127.evil.example\r\n${close}`, /^HTTP\/1\.1 421 /],
    [`GET /checkpoint HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n${close}`, /^HTTP\/1\.1 400 /],
    ['rubbish\r\n\r\n', /^HTTP\/1\.1 400 /],
    [`POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${witness_limits.request_bytes_max + 1}\r\n\r\n`, /^HTTP\/1\.1 413 /],
    [`POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${`fff\r\n${'x'.repeat(4095)}\r\n`.repeat(30)}`, /^HTTP\/1\.1 413 /],
    [`POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, /^HTTP\/1\.1 400 /],
    [`GET /checkpoint HTTP/1.1\r\nHost: localhost\r\nExpect: the-unexpected\r\n${close}`, /^HTTP\/1\.1 417 /],
  ];
  for (const [request, status] of cases) assert.match(await raw(gateway, request), status, request.slice(0, 60));
  const body = await raw(gateway, `GET /checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n`);
  assert.match(body, /^HTTP\/1\.1 200 [\s\S]*connection: close/i, 'a body that nobody reads ends the connection');
});

test('statuses and types of add-checkpoint are those of C2SP tlog-witness', async (context) => {
  let answer: Awaited<ReturnType<GatewayParts['cosign']>> = { status: 200, body: '— witness AAAA\n' };
  let heard = new Uint8Array();
  const gateway = await open(context, { cosign: (request) => { heard = Uint8Array.from(request); return Promise.resolve(answer); } });
  for (const [status, type, body, shown] of [
    [200, 'text/plain; charset=utf-8', '— witness AAAA\n', '— witness AAAA\n'], [409, 'text/x.tlog.size', '42\n', '42\n'],
    [400, 'text/plain; charset=utf-8', 'why', 'why\n'], [403, 'text/plain; charset=utf-8', 'why', 'why\n'], [404, 'text/plain; charset=utf-8', 'why', 'why\n'],
    [422, 'text/plain; charset=utf-8', 'why', 'why\n'], [503, 'text/plain; charset=utf-8', 'why', 'why\n'],
  ] as const) {
    answer = { status, body };
    const response = await fetch(`${gateway.url}/add-checkpoint`, { method: 'POST', body: `old ${status}\n` });
    assert.is(response.status, status);
    assert.is(response.headers.get('content-type'), type);
    assert.is(response.headers.get('cache-control'), 'no-store');
    assert.is(await response.text(), shown);
    assert.equal(heard, utf8(`old ${status}\n`), 'exactly the body');
  }
});

test('one address has so many requests a minute, so many connections, and all together so many cosignings', async (context) => {
  const gateway = await open(context);
  let refused = 0;
  for (let count = 0; count < requests_per_address_max + 50; count += 50) {
    const answers = await Promise.all(Array.from({ length: 25 }, () => raw(gateway, 'GET /checkpoint HTTP/1.1\r\nHost: localhost\r\n\r\nGET /checkpoint HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')));
    refused += answers.filter((answer) => answer.includes('HTTP/1.1 429 ')).length;
    if (refused > 0) break;
  }
  assert.ok(refused > 0);
  const another = await open(context);
  const sockets: Socket[] = [];
  let closed = 0;
  for (let count = 0; count < connections_per_address_max + 5; count += 1) {
    const socket = connect(portOf(another), '127.0.0.1');
    socket.on('close', () => { closed += 1; });
    socket.on('error', () => undefined);
    sockets.push(socket);
  }
  await sleep(300);
  assert.is(closed, 5);
  for (const socket of sockets) socket.destroy();
  const gate = Promise.withResolvers<WitnessAnswer>();
  const answers = new Answers(parts({ cosign: () => gate.promise }));
  const waiting = Array.from({ length: cosignings_at_once_max }, () => answers.addCheckpoint(new Uint8Array()));
  assert.is((await answers.addCheckpoint(new Uint8Array())).status, 503);
  gate.resolve({ status: 200, body: 'x\n' });
  assert.ok((await Promise.all(waiting)).every(({ status }) => status === 200));
  assert.is((await answers.addCheckpoint(new Uint8Array())).status, 200);
});

test('it closes within two seconds, also while somebody keeps a connection, a half request and a slow answer', async () => {
  const gateway = unwrap(await serveGateway({ host: '127.0.0.1', port: 0 }, parts({ read: () => new Promise(() => undefined) })));
  const sockets = ['', 'GET /checkpoint HTTP/1.1\r\nHost: loc', 'GET /checkpoint HTTP/1.1\r\nHost: localhost\r\n\r\n', 'POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nold'].map((text) => {
    const socket = connect(portOf(gateway), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(text);
    return socket;
  });
  await sleep(200);
  const since = performance.now();
  await gateway.close();
  assert.ok(performance.now() - since < 2000, `${performance.now() - since} ms`);
  await sleep(50);
  assert.ok(sockets.every(({ closed }) => closed));
});

test('addresses: what is accepted, what is loopback, and what counts as one subscriber', () => {
  assert.equal(unwrap(parseGateway('8080')), { host: '127.0.0.1', port: 8080 });
  assert.equal(unwrap(parseGateway(':0')), { host: '127.0.0.1', port: 0 });
  assert.equal(unwrap(parseGateway('0.0.0.0:80')), { host: '0.0.0.0', port: 80 });
  assert.equal(unwrap(parseGateway('[::1]:80')), { host: '::1', port: 80 });
  assert.is(gatewayUrl({ host: '::1', port: 80 }), 'http://[::1]:80');
  for (const bad of ['', 'x', '1.2.3:80', 'example.com:80', '127.0.0.1:65536', '127.0.0.1:', '127.0.0.1:8o', '::1:80', '[127.0.0.1]:80', 'http://127.0.0.1:80', '127.0.0.1:80/x', '127.0.0.1:-1']) {
    const parsed = parseGateway(bad);
    assert.ok(!parsed.ok && parsed.failure.code === 'GATEWAY_INVALID', bad);
  }
  for (const [header, bound, allowed] of [
    ['127.0.0.1:8080', '127.0.0.1', true], ['localhost', '127.0.0.1', true], ['LocalHost:80', '127.0.0.1', true], ['[::1]:1', '::1', true], ['example.com', '127.0.0.1', false], [undefined, '127.0.0.1', false],
    ['localhost.evil.com', '127.0.0.1', false], ['a b', '0.0.0.0', false], ['log.example.com:443', '0.0.0.0', true], ['', '0.0.0.0', false],
  ] as const) assert.is(isHostAllowed(header, bound), allowed, `${header} on ${bound}`);
  assert.is(limitKey('::ffff:192.0.2.1'), limitKey('192.0.2.1'));
  assert.is(limitKey('2001:db8:1:2:3:4:5:6'), limitKey('2001:db8:1:2::1'));
  assert.is.not(limitKey('2001:db8:1:2::1'), limitKey('2001:db8:1:3::1'));
});

test('a port that is taken is said', async (context) => {
  const gateway = await open(context);
  const second = await serveGateway({ host: '127.0.0.1', port: portOf(gateway) }, parts());
  assert.ok(!second.ok && second.failure.code === 'GATEWAY_IN_USE');
  const nowhere = await serveGateway({ host: '192.0.2.1', port: 0 }, parts());
  assert.ok(!nowhere.ok && nowhere.failure.code === 'GATEWAY_UNUSABLE');
});

witnessContract(test, 'HTTP', async (context, { witness }) => {
  const gateway = await open(context, { cosign: (request) => witness.add(request) });
  return async (request) => {
    const response = await fetch(`${gateway.url}/add-checkpoint`, { method: 'POST', body: Buffer.from(request) });
    return { status: response.status, body: await response.text() };
  };
}, connections_per_address_max);

test.run();
