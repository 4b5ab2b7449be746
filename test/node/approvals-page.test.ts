/** The page for approvals: who gets in, what they see, what they can answer; over plain HTTP, as a browser and as those who only pretend to be one. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { isFields, type Json } from '../../crypto/canonical.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { history_max, link_ms_max, rate, session_ms_max, shown_characters_max, wrong_tokens } from '../../node/approvals-page/limits.ts';
import { PageSessions } from '../../node/approvals-page/sessions.ts';
import { readPayload } from '../../node/flight-recorder.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { KernelSpace, Policy, type Outcome } from '../../node/kernel/index.ts';
import { createNode, type Node } from '../../node/node.ts';
import { suite, type TestContext } from '../harness.ts';
import { until } from './node-process.ts';

const test = suite('node/approvals-page');
const policy_text = "version: '1.0'\nname: careful\nrules:\n  - { name: ask-first, condition: \"action.type == 'delete'\", action: require_approval }\n";

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: { readonly [name: string]: unknown };
}

interface Office {
  readonly node: Node;
  readonly agent: LocalIdentity;
  readonly kernel: KernelSpace;
  readonly port: number;
  readonly link: string;
}

async function office(context: TestContext, organisation?: string): Promise<Office> {
  const node = unwrap(await createNode({ data: `${context.folder()}/data`, name: 'records-host', listen: ['/ip4/127.0.0.1/tcp/0'], control: false }));
  context.after(() => node.stop());
  if (organisation !== undefined) unwrap(await node.actions.createSponsor(organisation, 'org'));
  unwrap(await node.actions.createSponsor('alice', 'human', undefined, organisation));
  const agent = unwrap(await node.actions.createAgent({ name: 'clerk', sponsor: 'alice', capabilities: ['delete:**'] }));
  const kernel = new KernelSpace({ policies: [unwrap(await Policy.parse(policy_text, 'careful.yaml'))] });
  unwrap(node.host.agents.adopt(agent, kernel));
  const { url } = unwrap(await node.approvals_page.link());
  const { port, hash } = new URL(url);
  return { node, agent, kernel, port: Number(port), link: hash.slice(1) };
}

interface Sent {
  readonly method?: string;
  readonly session?: string;
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a request as the page itself does. */
function send({ port }: Pick<Office, 'port'>, path: string, { session, body, text = body === undefined ? undefined : JSON.stringify(body), method = text === undefined ? 'GET' : 'POST', headers = {} }: Sent = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({
      host: '127.0.0.1', port, path, method,
      headers: {
        'host': `127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin',
        ...(method === 'GET' ? {} : { 'origin': `http://127.0.0.1:${port}`, 'content-type': 'application/json' }),
        ...(session === undefined ? {} : { authorization: `Bearer ${session}` }),
        ...headers,
      },
    }, (response) => {
      let heard = '';
      response.setEncoding('utf8').on('data', (part: string) => { heard += part; });
      response.on('end', () => {
        const parsed: unknown = /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(heard) : {};
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: heard, json: isFields(parsed) ? parsed : {} });
      });
    });
    asked.on('error', reject);
    asked.end(text);
  });
}

async function enter(at: Office, link: string = at.link): Promise<string> {
  const { json, status } = await send(at, '/session', { body: { link } });
  assert.is(status, 200);
  return String(json['session']);
}

function erase({ kernel, agent }: Office, data: Json = { row: 7 }, resource = 'records'): Promise<Result<Outcome<string>>> {
  return kernel.run({ agent: agent.did, action: { type: 'delete', resource }, data, context: { taint: ['web'] }, effect: () => Promise.resolve('gone') });
}

async function waits({ node }: Office, count = 1): Promise<string> {
  const { approvals } = node.host;
  return until('a call waits', () => Promise.resolve(approvals.list().length >= count ? approvals.list().at(-1)?.id : undefined));
}

async function shown(at: Office, session: string, id: string): Promise<Got['json']> {
  return (await send(at, `/calls/${id}`, { session })).json;
}

async function recorded({ node }: Office): Promise<readonly { readonly [name: string]: unknown }[]> {
  const found: { readonly [name: string]: unknown }[] = [];
  for await (const entry of node.host.log.entries({})) {
    const payload = entry.ok && entry.value.payload !== undefined ? readPayload(entry.value.payload) : null;
    if (isFields(payload)) found.push(payload);
  }
  return found;
}

/** Reads the stream of events until it says what is looked for. */
function events({ port }: Office, session: string, context: TestContext): { readonly seen: readonly string[]; has(text: string): Promise<unknown>; readonly ended: Promise<void> } {
  const seen: string[] = [];
  const ended = Promise.withResolvers<void>();
  const asked = httpRequest({ host: '127.0.0.1', port, path: '/events', headers: { authorization: `Bearer ${session}` } }, (response) => {
    response.setEncoding('utf8').on('data', (part: string) => seen.push(part));
    response.on('close', () => ended.resolve());
  });
  asked.on('error', () => ended.resolve());
  asked.end();
  context.after(() => void asked.destroy());
  return { seen, ended: ended.promise, has: (text) => until(text, () => Promise.resolve(seen.join('').includes(text) ? true : undefined)) };
}

test('a link opens the page once; the session sees the call that waits, grants it, and the record has the signed word', async (context) => {
  const at = await office(context);
  const call = erase(at);
  const id = await waits(at);
  const session = await enter(at);
  const again = await send(at, '/session', { body: { link: at.link } });
  assert.equal([again.status, again.json['code']], [401, 'TOKEN_WRONG']);
  const view = await shown(at, session, id);
  const alice = at.node.host.identities.find('alice');
  assert.equal([view['what'], view['arguments'], view['rule'], view['policy'], view['taint'], view['peer']], ['delete records', '{\n  "row": 7\n}', 'ask-first', 'careful', ['web'], null]);
  assert.equal(view['agent'], { did: at.agent.did, name: 'clerk', is_named_here: true });
  assert.equal(view['sponsor'], { did: alice?.did, name: 'alice', is_named_here: true });
  assert.equal(view['host'], { did: at.node.did, name: 'records-host', is_named_here: true });
  assert.equal(view['signers'], [{ did: alice?.did, name: 'alice', is_named_here: true, is_here: true }]);
  const answer = { id, verdict: 'grant', as: alice?.did, why: 'ticket 7', action_hash: view['action_hash'] };
  const taken = await send(at, '/answers', { session, body: answer });
  assert.equal([taken.status, taken.json['verdict'], taken.json['by']], [200, 'grant', alice?.did]);
  assert.is(unwrap(await call).value, 'gone');
  const second = await send(at, '/answers', { session, body: answer });
  assert.is(second.json['code'], 'APPROVAL_UNKNOWN');
  const allowed = (await recorded(at)).find(({ verdict, rule }) => verdict === 'allow' && rule === 'ask-first');
  assert.ok(isFields(allowed?.['approval']) && allowed['approval']['id'] === id);
  assert.equal((await recorded(at)).filter(({ kind }) => kind === 'approval-rejected'), [], 'an answer that came too late is no guess');
});

test('a refusal ends the call with its reason; a changed call, a stranger as signer, a wrong shape and a long reason are not signed', async (context) => {
  const at = await office(context);
  const call = erase(at);
  const id = await waits(at);
  const session = await enter(at);
  const { action_hash } = await shown(at, session, id);
  const did = at.node.host.identities.find('alice')?.did;
  const good = { id, verdict: 'refuse', as: did, why: 'not today', action_hash };
  const wrong: readonly (readonly [string, object])[] = [
    ['APPROVAL_ACTION', { ...good, action_hash: 'A'.repeat(43) }], ['APPROVAL_ELSEWHERE', { ...good, as: at.agent.did }], ['APPROVAL_ELSEWHERE', { ...good, as: 'alice' }],
    ['REQUEST_INVALID', { ...good, verdict: 'maybe' }], ['REQUEST_INVALID', { ...good, why: 'x'.repeat(201) }], ['REQUEST_INVALID', { ...good, why: '\ud800' }], ['REQUEST_INVALID', { ...good, more: 1 }],
    ['REQUEST_INVALID', { ...good, as: '' }], ['APPROVAL_UNKNOWN', { ...good, id: 'A'.repeat(22) }],
  ];
  for (const [code, body] of wrong) assert.is((await send(at, '/answers', { session, body })).json['code'], code, JSON.stringify(body));
  assert.is((await send(at, '/answers', { session, body: good })).status, 200);
  const refused = await call;
  assert.match(refused.ok ? '' : `${refused.failure.code} ${refused.failure.reason}`, /^APPROVAL_REFUSED .*not today/);
});

test('who has no session sees nothing: no link, a guess, a session that ended; the first guesses are on record', async (context) => {
  const at = await office(context);
  void erase(at);
  const id = await waits(at);
  for (const path of ['/events', `/calls/${id}`]) assert.equal((await send(at, path)).json['code'], 'TOKEN_MISSING');
  assert.is((await send(at, '/answers', { body: {} })).json['code'], 'TOKEN_MISSING');
  const session = await enter(at);
  assert.is((await send(at, `/calls/${id}`, { session })).status, 200);
  assert.is((await send(at, '/end', { session, body: {} })).status, 200);
  assert.is((await send(at, `/calls/${id}`, { session })).status, 401);
  for (let guess = 0; guess < wrong_tokens.count + 5; guess += 1) await send(at, '/session', { body: { link: `guess-${guess}` } });
  const guessed = await send(at, '/session', { body: { link: 'one more' } });
  assert.equal([guessed.status, guessed.json['code']], [429, 'TOKENS_GUESSED']);
  assert.is((await recorded(at)).filter(({ kind }) => kind === 'approvals-page-rejected').length, wrong_tokens.count);
  const { url } = unwrap(await at.node.approvals_page.link());
  assert.ok(await enter(at, new URL(url).hash.slice(1)), 'a right link is not kept waiting');
});

test('who has no session cannot keep out who has one', async (context) => {
  const at = await office(context);
  const session = await enter(at);
  let status = 200;
  for (let round = 0; round < rate.count && status === 200; round += 1) {
    const flood = await Promise.all(Array.from({ length: 20 }, () => send(at, '/nothing')));
    status = flood.some((one) => one.status === 429) ? 429 : 200;
  }
  assert.is(status, 429);
  assert.is((await send(at, '/end', { session, body: {} })).status, 200);
});

test('an agent whose calls come and go faster than a page can fetch them does not keep anybody from answering', async (context) => {
  const at = await office(context);
  const session = await enter(at);
  let status = 404;
  for (let round = 0; round < rate.count && status !== 429; round += 1) {
    const fetched = await Promise.all(Array.from({ length: 20 }, () => send(at, `/calls/${'A'.repeat(22)}`, { session })));
    status = fetched.some((one) => one.status === 429) ? 429 : 404;
  }
  assert.is(status, 429);
  const body = { id: 'A'.repeat(22), verdict: 'refuse', as: 'x', why: '', action_hash: 'x' };
  assert.is((await send(at, '/answers', { session, body })).json['code'], 'APPROVAL_UNKNOWN');
});

test('another page, a name bound to this address anew, a form and a frame get nothing', async (context) => {
  const at = await office(context);
  const { port } = at;
  const session = await enter(at);
  const body = { link: 'x' };
  const attempts: readonly (readonly [string, string, string, Sent])[] = [
    ['another name', 'HOST_REFUSED', '/', { headers: { host: `evil.example:${port}` } }],
    ['another name with a session', 'HOST_REFUSED', '/events', { session, headers: { host: 'evil.example' } }],
    ['a page elsewhere', 'ORIGIN_REFUSED', '/session', { body, headers: { 'origin': 'http://evil.example', 'sec-fetch-site': 'cross-site' } }],
    ['a page of another local port', 'ORIGIN_REFUSED', '/session', { body, headers: { 'origin': 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' } }],
    ['a sandboxed frame', 'ORIGIN_REFUSED', '/session', { body, headers: { origin: 'null' } }],
    ['a script elsewhere', 'ORIGIN_REFUSED', '/model.js', { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' } }],
    ['events elsewhere', 'ORIGIN_REFUSED', '/events', { session, headers: { 'sec-fetch-site': 'same-site' } }],
    ['a form', 'MEDIA_TYPE_REFUSED', '/session', { body, headers: { 'content-type': 'text/plain' } }],
    ['a body that is too large', 'REQUEST_TOO_LARGE', '/session', { text: JSON.stringify({ link: 'x'.repeat(5_000) }) }],
    ['no JSON', 'REQUEST_INVALID', '/session', { text: '{' }],
    ['another shape', 'REQUEST_INVALID', '/session', { body: { link: 7 } }],
    ['a way out of the folder', 'ROUTE_UNKNOWN', '/../limits.ts', {}],
    ['a file that is none of the page', 'ROUTE_UNKNOWN', '/page.ts', {}],
    ['another method', 'METHOD_REFUSED', '/session', {}],
    ['a target that is too long', 'TARGET_TOO_LONG', `/${'x'.repeat(300)}`, {}],
  ];
  for (const [who, code, path, sent] of attempts) assert.is((await send(at, path, sent)).json['code'], code, who);
  const without_origin = await new Promise<number>((resolve, reject) => {
    const asked = httpRequest({ host: '127.0.0.1', port, path: '/session', method: 'POST', headers: { 'content-type': 'application/json' } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
  assert.is(without_origin, 403, 'what changes something says where it comes from');
  assert.is((await send(at, '/', { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } })).status, 200, 'a link may be followed from anywhere');
});

test('every answer forbids scripts of others, frames, referrers, guessing of types and keeping; the page loads nothing from elsewhere', async (context) => {
  const at = await office(context);
  for (const path of ['/', '/page.css', '/page.js', '/model.js', '/nothing']) {
    const { headers } = await send(at, path);
    const policy = String(headers['content-security-policy']);
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]) assert.match(policy, part);
    assert.not.match(policy, /unsafe|\*|https?:/);
    assert.equal([headers['x-content-type-options'], headers['referrer-policy'], headers['cache-control'], headers['x-frame-options']], ['nosniff', 'no-referrer', 'no-store', 'DENY']);
    assert.is(headers['access-control-allow-origin'], undefined);
  }
  const page = (await send(at, '/')).text;
  assert.not.match(page, /<script(?![^>]* src=)|\son\w+=|style="|https?:\/\//);
  const script = (await send(at, '/page.js')).text + (await send(at, '/model.js')).text;
  assert.not.match(script, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|https?:\/\//);
});

test('what an agent writes stays text, and controls and bidirectional marks are made visible', async (context) => {
  const at = await office(context);
  void erase(at, { note: '</pre><script>alert(1)</script>', bidi: 'delete \u202egnp', zero: 'a\u200bb', line: 'a\nAgent: alice' }, 'a/\u202e\u0007<b>');
  const session = await enter(at);
  const view = await shown(at, session, await waits(at));
  assert.is(view['what'], 'delete a/\\u202e\\u0007<b>');
  assert.is(view['arguments'], '{\n  "note": "</pre><script>alert(1)</script>",\n  "bidi": "delete \\u202egnp",\n  "zero": "a\\u200bb",\n  "line": "a\\nAgent: alice"\n}');
  assert.not.match(JSON.stringify(view), /[\u202e\u200b]/u);
});

test('what cannot be shown to its end can be refused here, and not granted', async (context) => {
  const at = await office(context);
  const call = erase(at, 'x'.repeat(shown_characters_max));
  const id = await waits(at);
  const session = await enter(at);
  const view = await shown(at, session, id);
  assert.is(view['is_whole'], false);
  const answer = { id, verdict: 'grant', as: at.node.host.identities.find('alice')?.did, why: '', action_hash: view['action_hash'] };
  assert.is((await send(at, '/answers', { session, body: answer })).json['code'], 'APPROVAL_NOT_SHOWN');
  assert.is((await send(at, '/answers', { session, body: { ...answer, verdict: 'refuse' } })).status, 200);
  assert.is((await call).ok, false);
});

test('an organisation above may answer too, and is chosen by its DID', async (context) => {
  const at = await office(context, 'company');
  const call = erase(at);
  const id = await waits(at);
  const session = await enter(at);
  const { signers, action_hash } = await shown(at, session, id);
  assert.equal(Array.isArray(signers) && signers.map((one: unknown) => (isFields(one) ? [one['name'], one['is_here']] : one)), [['alice', true], ['company', true]]);
  const company = at.node.host.identities.find('company')?.did;
  const taken = await send(at, '/answers', { session, body: { id, verdict: 'grant', as: company, why: '', action_hash } });
  assert.is(taken.json['by'], company);
  assert.is((await call).ok, true);
});

test('the stream tells at once what waits and what became of it, and what there was before; it ends with the page', async (context) => {
  const at = await office(context);
  const session = await enter(at);
  const stream = events(at, session, context);
  await stream.has('"ids":[]');
  const call = erase(at);
  const id = await waits(at);
  await stream.has(`"ids":["${id}"]`);
  unwrap(await at.node.host.approvals.answerAs(id, 'refuse', { why: 'no' }));
  await call;
  await stream.has('event: settled');
  assert.match(stream.seen.join(''), /"outcome":"refused","by":\{"did":"[^"]+","name":"alice","is_named_here":true\},"why":"no"/);
  const later = events(at, session, context);
  await later.has('event: history\ndata: {"settled":[{"id":');
  assert.ok(history_max >= 1);
  await at.node.approvals_page.shut();
  await stream.ended;
  assert.match(stream.seen.join(''), 'event: over');
  assert.is(at.node.approvals_page.is_open, false);
  const opened = unwrap(await at.node.approvals_page.link());
  const reopened = { ...at, port: Number(new URL(opened.url).port) };
  assert.is((await send(reopened, '/events', { session })).status, 401, 'sessions ended with the page');
});

test('a stream tells nothing more once its session has ended', async (context) => {
  const at = await office(context);
  const session = await enter(at);
  const stream = events(at, session, context);
  await stream.has('"ids":[]');
  await send(at, '/end', { session, body: {} });
  void erase(at);
  const id = await waits(at);
  await stream.ended;
  assert.match(stream.seen.join(''), 'event: over');
  assert.not.match(stream.seen.join(''), id);
});

test('the page is on the loopback interface alone, on one port at a time', async (context) => {
  const at = await office(context);
  // On Linux every address of 127.0.0.0/8 is this host's: who listens on all of them is reached there too.
  assert.is(await fetch(`http://127.0.0.2:${at.port}/`).then(() => 'reached', () => 'refused'), 'refused');
  assert.match(unwrap(await at.node.approvals_page.link()).url, new RegExp(`^http://127\\.0\\.0\\.1:${at.port}/#[\\w-]{43}$`));
  const other = await at.node.approvals_page.link(at.port === 65_535 ? 65_534 : at.port + 1);
  assert.is(other.ok ? '' : other.failure.code, 'APPROVALS_PAGE_OPEN');
  const busy = await office(context);
  await busy.node.approvals_page.shut();
  const taken = await busy.node.approvals_page.link(at.port);
  assert.is(taken.ok ? '' : taken.failure.code, 'APPROVALS_PAGE_IN_USE');
  assert.is((await busy.node.approvals_page.link(0)).ok, true, 'a failure can be mended');
  await busy.node.stop();
  assert.is((await busy.node.approvals_page.link()).ok, false);
});

test('links and sessions end by time and by number', () => {
  let now_ms = 1_000_000;
  let number = 0;
  const sessions = new PageSessions({
    clock: { now: () => now_ms, after: () => () => undefined },
    random: { bytes: (length) => new Uint8Array(length).fill(number += 1), fraction: () => 0 },
  });
  const { token: old } = sessions.link();
  now_ms += link_ms_max;
  assert.is(sessions.open(old).ok, false);
  const first = unwrap(sessions.open(sessions.link().token)).token;
  assert.is(sessions.holds(first), true);
  now_ms += session_ms_max;
  assert.is(sessions.holds(first), false);
  const second = unwrap(sessions.open(sessions.link().token)).token;
  for (let more = 0; more < 8; more += 1) unwrap(sessions.open(sessions.link().token));
  assert.is(sessions.holds(second), false, 'the oldest makes room');
});

test('the files of the page are there, and no others', async (context) => {
  const at = await office(context);
  for (const [path, name] of [['/', 'page.html'], ['/page.css', 'page.css'], ['/page.js', 'page.js'], ['/model.js', 'model.js']] as const) {
    const { text, headers } = await send(at, path);
    assert.is(text, readFileSync(new URL(`../../node/approvals-page/assets/${name}`, import.meta.url), 'utf8'));
    assert.match(String(headers['content-type']), /^text\/(?:html|css|javascript); charset=utf-8$/);
  }
});

test.run();
