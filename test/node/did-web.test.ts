import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import type { Result } from '../../crypto/result.ts';
import { system_clock } from '../../node/clock.ts';
import { isPublicAddress, parseDidWeb, parseWebDocument, resolveWeb, web_document_bytes_max, type WebParts } from '../../node/did-web.ts';
import type { Clock } from '../../protocols/ports.ts';
import { suite, type TestContext } from '../harness.ts';
import { web_certificate, web_key } from './web-certificate.ts';

const test = suite('node/did-web');

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.failure.code;
}

/** A web server on this host, and the parts that find it under its name. */
async function serving(context: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ readonly did: string; readonly parts: WebParts; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer({ key: web_key, cert: web_certificate }, (request, response) => {
    asked.push(`${request.headers.host ?? ''}${request.url ?? ''}`);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return {
    did: `did:web:agents.example.com%3A${port}:scout`, asked,
    parts: { clock: system_clock, addresses: () => Promise.resolve(['127.0.0.1']), mayReach: () => true, authority: web_certificate },
  };
}

function documentOf(did: string): { readonly [name: string]: unknown } {
  return {
    '@context': ['https://www.w3.org/ns/did/v1'],
    id: did,
    verificationMethod: [{ id: `${did}#key`, type: 'JsonWebKey2020', controller: did, publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: 'A' } }],
    authentication: [`${did}#key`],
    assertionMethod: ['#key'],
  };
}

async function errorOf(did: string, parts: WebParts): Promise<{ readonly error: unknown; readonly code: unknown }> {
  const { didDocument, didResolutionMetadata: { error, code } } = await resolveWeb(did, {}, parts);
  assert.is(didDocument, null);
  return { error, code };
}

test('a did:web is fetched over https from its place', async (context) => {
  const { did, parts, asked } = await serving(context, (_request, response) => response.end(JSON.stringify(documentOf(did))));
  const { didDocument, didDocumentMetadata, didResolutionMetadata } = await resolveWeb(did, {}, parts);
  assert.equal(didDocument, documentOf(did));
  assert.equal(didDocumentMetadata, { mesh: { source: 'web' } });
  assert.equal(didResolutionMetadata, { contentType: 'application/did+ld+json' });
  assert.equal(asked, [`${did.slice('did:web:'.length).replace('%3A', ':').replace(':scout', '')}/scout/did.json`]);
});

test('a certificate that the system does not trust ends it', async (context) => {
  const { did, parts: { authority: _, ...parts }, asked } = await serving(context, (_request, response) => response.end('{}'));
  assert.equal(await errorOf(did, parts), { error: 'notFound', code: 'DID_NOT_FOUND' });
  assert.equal(asked, []);
});

test('a redirect is not followed, and other answers than 200 are none', async (context) => {
  for (const status of [301, 302, 307, 404, 500, 204]) {
    const { did, parts, asked } = await serving(context, (_request, response) => response.writeHead(status, { location: 'https://127.0.0.1/' }).end());
    assert.equal(await errorOf(did, parts), { error: 'notFound', code: 'DID_NOT_FOUND' }, String(status));
    assert.is(asked.length, 1);
  }
});

test('a document that is too large, cut off, of another DID or malformed is refused', async (context) => {
  const endless = await serving(context, (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384, ' ')));
    };
    response.on('drain', more);
    more();
  });
  assert.equal(await errorOf(endless.did, endless.parts), { error: 'invalidDidDocument', code: 'DOCUMENT_INVALID' });
  const cut = await serving(context, (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{');
    setTimeout(() => response.destroy(), 20);
  });
  assert.is((await errorOf(cut.did, cut.parts)).error, 'notFound');
  const foreign = await serving(context, (_request, response) => response.end(JSON.stringify(documentOf('did:web:agents.example.com'))));
  assert.equal(await errorOf(foreign.did, foreign.parts), { error: 'invalidDidDocument', code: 'DOCUMENT_INVALID' });
});

test('a server that says nothing is waited for five seconds of the clock', async (context) => {
  let expire = (): void => undefined;
  const clock: Clock = {
    now: () => 0,
    after(delay_ms, run) {
      assert.is(delay_ms, 5000);
      expire = run;
      return () => undefined;
    },
  };
  const { did, parts } = await serving(context, () => expire());
  assert.equal(await errorOf(did, { ...parts, clock }), { error: 'internalError', code: 'LOOKUP_TIMEOUT' });
  const silent = errorOf(did, { ...parts, clock, addresses: () => new Promise(() => undefined) });
  expire();
  assert.equal(await silent, { error: 'internalError', code: 'LOOKUP_TIMEOUT' });
});

test('nothing is asked at addresses that are not public, also where only one of several is not', async (context) => {
  const { did, parts: { mayReach: _, ...parts }, asked } = await serving(context, (_request, response) => response.end('{}'));
  for (const addresses of [['127.0.0.1'], ['::1'], ['10.0.0.1'], ['169.254.169.254'], ['93.184.216.34', '192.168.0.1']]) {
    assert.is((await errorOf(did, { ...parts, addresses: () => Promise.resolve(addresses) })).code, 'ADDRESS_PRIVATE', addresses.join());
  }
  assert.equal(await errorOf(did, { ...parts, addresses: () => Promise.reject(new Error('no such name')) }), { error: 'notFound', code: 'DID_NOT_FOUND' });
  assert.equal(asked, []);
});

test('the name is looked up once, and the request goes to that answer', async (context) => {
  let lookups = 0;
  const { did, parts } = await serving(context, (_request, response) => response.end(JSON.stringify(documentOf(did))));
  const { didDocument } = await resolveWeb(did, {}, { ...parts, addresses: () => Promise.resolve((lookups += 1) === 1 ? ['127.0.0.1'] : ['127.0.0.2']) });
  assert.is(didDocument?.['id'], did);
  assert.is(lookups, 1);
});

test('addresses of special purpose are not public', () => {
  for (const address of [
    '0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.168.1.1', '192.0.2.1', '198.18.0.1', '203.0.113.1', '224.0.0.1', '255.255.255.255',
    '::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '64:ff9b::7f00:1', 'fc00::1', 'fd12::1', 'fe80::1', 'fec0::1', 'ff02::1', '2001:db8::1', '2001::1', '2002:7f00:1::', '100::1', 'nonsense', '',
  ]) assert.is(isPublicAddress(address), false, address);
  for (const address of ['8.8.8.8', '93.184.216.34', '172.32.0.1', '2606:4700::1111', '2a00:1450::1']) assert.is(isPublicAddress(address), true, address);
});

test('only domain names have a place on the web', () => {
  assert.equal(parseDidWeb('did:web:Example.com'), { ok: true, value: { host: 'example.com', port: 443, path: '/.well-known/did.json' } });
  assert.equal(parseDidWeb('did:web:example.com%3A8443:users:a.b'), { ok: true, value: { host: 'example.com', port: 8443, path: '/users/a.b/did.json' } });
  for (const wrong of [
    'did:web:', 'did:web:127.0.0.1', 'did:web:2130706433', 'did:web:0x7f.1', 'did:web:localhost', 'did:web:[::1]', 'did:web:a..com', 'did:web:.com', 'did:web:example.com:..', 'did:web:example.com:.', 'did:web:example.com::x',
    'did:web:example.com/x', 'did:web:example.com%2Fx', 'did:web:example.com%3A0', 'did:web:example.com%3A65536', 'did:web:user@example.com', 'did:web:example.com:a%2F..', 'did:web:example.com#x', 'did:web:example.com?x', `did:web:${'a'.repeat(300)}.com`,
  ]) assert.is(codeOf(parseDidWeb(wrong)), 'DID_INVALID', wrong);
  assert.is(codeOf(parseDidWeb('did:mesh:b')), 'DID_METHOD_UNSUPPORTED');
});

test('a document whose parts do not fit is refused', () => {
  const did = 'did:web:example.com';
  const good = documentOf(did);
  const method = { id: `${did}#key`, type: 'JsonWebKey2020', controller: did };
  const code = (document: unknown): string => codeOf(parseWebDocument(utf8(typeof document === 'string' ? document : JSON.stringify(document)), did));
  assert.is(code(good), 'ok');
  assert.is(code({ id: did }), 'ok');
  assert.is(code({ id: did, authentication: [method] }), 'ok', 'an embedded method');
  for (const [what, wrong] of Object.entries({
    text: 'nonsense', list: [], nothing: null, 'another id': { ...good, id: 'did:web:example.org' }, 'no id': { ...good, id: undefined },
    'a method of another DID': { ...good, verificationMethod: [{ ...method, id: 'did:web:example.org#key' }] },
    'two of one id': { ...good, verificationMethod: [method, { ...method, id: '#key' }] },
    'a missing method': { ...good, authentication: ['#other'] }, 'no list': { ...good, authentication: '#key' },
    'too many': { ...good, authentication: Array.from({ length: 65 }, () => '#key') }, 'depth': '['.repeat(web_document_bytes_max),
  })) assert.is(code(wrong), 'DOCUMENT_INVALID', what);
  assert.is(codeOf(parseWebDocument(Uint8Array.of(0xff, 0xfe), did)), 'DOCUMENT_INVALID');
  fc.assert(fc.property(fc.json(), (text) => void code(text)));
});

test.run();
