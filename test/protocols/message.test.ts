import * as assert from 'uvu/assert';
import { bigEndian, concat, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { canonicalJsonBytes, encodeCbor, isFields, type Json } from '../../crypto/canonical.ts';
import { didOf } from '../../crypto/did.ts';
import { keyFor } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken, decodeToken, verifyToken, type TokenSigner } from '../../crypto/jwt.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { compilePolicy } from '../../node/kernel/policy/load.ts';
import { misdeeds_max } from '../../node/libp2p/standing.ts';
import { session_ms } from '../../protocols/handshake/constants.ts';
import { arguments_bytes_max, invocation_lifetime_s, message_limits, message_protocol, receipt_kept_s, result_bytes_max } from '../../protocols/message/constants.ts';
import { decodeAnswer, encodeAnswer, encodeRequest, signReceipt, verifyReceipt, type MessageRequest, type Receipt } from '../../protocols/message/receipt.ts';
import type { Network } from '../../protocols/ports.ts';
import { unlessFailure } from '../../protocols/reply.ts';
import { sleep } from '../../protocols/time.ts';
import { suite, type TestContext } from '../harness.ts';
import { keyNamed } from '../people.ts';
import { codeOf, failureOf, hostWorld, interposed, type HostWorld, type WorldInit } from '../simulated-hosts.ts';

const test = suite('protocols/message');
const never = new AbortController().signal;

interface Pair {
  readonly world: HostWorld;
  readonly asker: LocalIdentity;
  /** Takes commands without a delegation. */
  readonly worker: LocalIdentity;
  /** What the worker's handler was given, in order. */
  readonly served: Json[];
}

/** An asker on host 0 and a worker on host 1. */
async function pair(context: TestContext, init: Partial<WorldInit> = {}): Promise<Pair> {
  const world = await hostWorld(context, { count: 2, ...init });
  const served: Json[] = [];
  const asker = await world.hire(0, 'asker');
  const worker = await world.hire(1, 'worker', {
    authority: 'open',
    serve: ({ arguments: given }) => {
      served.push(given);
      return given;
    },
  });
  return { world, asker, worker, served };
}

/** What may differ from an honest request. */
interface Changes {
  readonly claims?: { readonly [name: string]: Json };
  readonly arguments?: Uint8Array;
  readonly request?: Partial<MessageRequest>;
  readonly signer?: LocalIdentity;
  readonly via?: number;
}

/** A request as the asker would make it, changed. */
async function requestOf({ world, asker, worker }: Pair, changes: Changes = {}): Promise<MessageRequest> {
  const session = await world.get(world.at(0).host.handshake.open(asker.did, worker.did, world.at(1).peer));
  const now_s = Math.floor(world.simulator.now_ms / 1000);
  const given = canonicalJsonBytes('hello');
  const invocation = await createToken('mesh-inv+jwt', (changes.signer ?? asker).signer, {
    aud: worker.did, sub: asker.did, cmd: 'read:reports', args_h: toBase64url(sha256(given)), prf: null,
    nonce: toBase64url(world.simulator.random('nonces').bytes(16)), iat: now_s, exp: now_s + invocation_lifetime_s, chl: session.id, v: 1, ...changes.claims,
  });
  return { invocation, chain: [], records: [], arguments: changes.arguments ?? given, ...changes.request };
}

/** Sends bytes to the worker's host as they are. */
async function deliver({ world }: Pair, bytes: Uint8Array, from: Network = world.at(0).host.parts.network): Promise<Result<Uint8Array>> {
  return unlessFailure(await world.finish(from.request(world.at(1).peer, message_protocol, bytes, { limits: message_limits, signal: never })));
}

/** The verified receipt for a request, as an honest caller sees it. */
async function receiptFor(given: Pair, request: MessageRequest): Promise<Receipt> {
  const answer = unwrap(decodeAnswer(unwrap(await deliver(given, encodeRequest(request)))));
  const record = given.world.at(0).host.identity.known(given.worker.did);
  assert.ok(record !== undefined);
  return unwrap(verifyReceipt(answer, request.invocation, record));
}

async function refusalOf(given: Pair, changes: Changes): Promise<string | null> {
  const { verdict, code, res_h } = await receiptFor(given, await requestOf(given, changes));
  assert.is(verdict, 'deny');
  assert.is(res_h, null);
  return code;
}

async function count(world: HostWorld, index: number): Promise<number> {
  let receipts = 0;
  for await (const _ of world.at(index).store.entries('receipt', {})) receipts += 1;
  return receipts;
}

/** Bad conduct of one agent as another sees it. */
async function misbehave(world: HostWorld, observer: LocalIdentity, subject: LocalIdentity): Promise<void> {
  const { host, store } = world.at(1);
  const noted = host.trust.interaction(observer.did, subject.did, {
    outcome: { kind: 'violation', severity: 'critical' }, dimension: 'security_posture', receipt_hash: sha256(utf8('misdeed')), time_ms: Math.floor(world.simulator.now_ms),
  });
  await store.batch(noted.changes, { sync: false });
  noted.applied();
}

test('what is allowed comes back with a receipt that names the decision in the executor\'s log', async (context) => {
  const given = await pair(context);
  const { world, asker, worker, served } = given;
  const answered = await world.get(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:reports', arguments: { quarter: 3 } }));
  assert.equal(answered.result, { quarter: 3 });
  assert.equal(served, [{ quarter: 3 }]);
  const { receipt } = answered;
  assert.equal([receipt.iss, receipt.aud, receipt.cmd, receipt.verdict, receipt.code], [worker.did, asker.did, 'read:reports', 'allow', null]);
  const { log } = world.at(1).host;
  assert.is(receipt.log?.origin, log.origin);
  const entry = unwrap(await log.read(receipt.log?.index ?? -1));
  assert.match(new TextDecoder().decode(entry.payload), asker.did);
  const token = unwrap(decodeToken(answered.receipt_token, 'mesh-rcpt+jwt'));
  const key = keyFor(unwrap(await world.finish(world.at(0).host.identity.resolve(worker.did))), token.key_id, 'assertionMethod');
  assert.ok(key !== undefined && verifyToken(token, key), 'anybody can verify it with the executor\'s record');
});

test('a denial by the policy has its receipt too, with the rule, and nothing runs', async (context) => {
  const given = await pair(context);
  const { world, worker, served } = given;
  const answered = await world.get(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:reports', arguments: 'read' }));
  assert.is(answered.receipt.verdict, 'allow');
  // The asker's own kernel would not let it out, so the request is made by hand.
  const sql = canonicalJsonBytes('DROP TABLE reports');
  const receipt = await receiptFor(given, await requestOf(given, { claims: { args_h: toBase64url(sha256(sql)) }, arguments: sql }));
  assert.equal([receipt.verdict, receipt.code, receipt.rule], ['deny', 'KERNEL_DENIED', 'no-destructive-sql']);
  assert.ok(receipt.log !== null && receipt.reason.length > 10);
  assert.equal(served, ['read']);
});

test('a handler that throws ends in an error whose inside stays inside, and one that is missing says so', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'asker');
  const call = async (name: string): Promise<Receipt> => {
    const { did } = unwrap(world.at(1).actions.own(name));
    return (await world.get(world.at(0).actions.call({ from: 'asker', to: did, command: 'read:reports' }))).receipt;
  };
  await world.hire(1, 'broken', { authority: 'open', serve: () => Promise.reject(new Error('the database password is hunter2')) });
  const broken = await call('broken');
  assert.equal([broken.verdict, broken.code, broken.res_h], ['error', 'EFFECT_FAILED', null]);
  assert.not.match(JSON.stringify(broken), 'hunter2');
  assert.match(broken.reason, 'log has the reason');
  await world.hire(1, 'odd', { authority: 'open', serve: () => 2n });
  assert.equal([(await call('odd')).verdict, (await call('odd')).code], ['error', 'EFFECT_FAILED']);
  await world.hire(1, 'large', { authority: 'open', serve: () => 'x'.repeat(result_bytes_max) });
  const large = await call('large');
  assert.equal([large.verdict, large.code, large.res_h], ['error', 'RESULT_TOO_LARGE', null]);
  assert.ok(large.log !== null, 'it ran, and the log says so');
  const idle = await world.hire(1, 'idle', { authority: 'open' });
  const housed = world.at(1).host.agents.get(idle.did);
  assert.ok(housed !== undefined);
  housed.handler = undefined;
  const missing = await call('idle');
  assert.equal([missing.verdict, missing.code], ['deny', 'HANDLER_MISSING']);
});

test('the caller does not take a receipt that is forged, about something else, or missing', async (context) => {
  let tamper: (answer: Uint8Array) => Uint8Array | Promise<Uint8Array> = (answer) => answer;
  const given = await pair(context, {
    interpose: (network) => interposed(network, {
      handle: (protocol, limits, handler) => network.handle(protocol, limits, async (...asked) => {
        const answer = await handler(...asked);
        return protocol === message_protocol ? tamper(answer) : answer;
      }),
    }),
  });
  const { world, asker, worker } = given;
  const call = async (): Promise<string> => codeOf(await world.finish(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:reports' })));
  assert.is(await call(), 'ok');
  const parts = (answer: Uint8Array): { receipt: string; result: Uint8Array | null } => unwrap(decodeAnswer(answer));
  const resign = (changes: { readonly inv?: string; readonly aud?: string; readonly cmd?: string }, signer: TokenSigner = worker.signer) => async (answer: Uint8Array): Promise<Uint8Array> =>
    encodeAnswer(await createToken('mesh-rcpt+jwt', signer, { ...unwrap(decodeToken(parts(answer).receipt)).claims, ...changes }), parts(answer).result);
  for (const [what, change, code] of [
    ['another result', (answer: Uint8Array) => encodeAnswer(parts(answer).receipt, utf8('"forged"')), 'RECEIPT_MISMATCH'],
    ['no result', (answer: Uint8Array) => encodeAnswer(parts(answer).receipt, null), 'RECEIPT_MISMATCH'],
    ['another invocation', resign({ inv: toBase64url(sha256(utf8('another'))) }), 'RECEIPT_MISMATCH'],
    ['another caller', resign({ aud: worker.did }), 'RECEIPT_MISMATCH'],
    ['another command', resign({ cmd: 'read:report' }), 'RECEIPT_MISMATCH'],
    ['another signer', resign({}, asker.signer), 'RECEIPT_FORGED'],
    ['another key of the same name', resign({}, { key_id: worker.signer.key_id, key: asker.signer.key }), 'RECEIPT_FORGED'],
    ['no receipt', () => encodeCbor({ result: null }), 'RECEIPT_MALFORMED'],
    ['garbage', () => utf8('garbage'), 'RECEIPT_MALFORMED'],
    ['a token of another kind', () => encodeAnswer('a.b.c', null), 'RECEIPT_MALFORMED'],
    ['a failure in another form', () => encodeCbor({ failure: { code: 'lower case', reason: 'x' } }), 'RECEIPT_MALFORMED'],
    ['a failure', () => encodeCbor({ failure: { code: 'AGENT_UNKNOWN', reason: 'x' } }), 'AGENT_UNKNOWN'],
  ] as const) {
    tamper = change;
    assert.is(await call(), code, what);
  }
});

test('repeated at once or later, a command has one effect and one receipt', async (context) => {
  const given = await pair(context);
  const { world, worker, served } = given;
  world.employ(1, worker, async ({ arguments: said }) => {
    served.push(said);
    await sleep(world.simulator.clock('work'), 500);
    return 'done';
  });
  const bytes = encodeRequest(await requestOf(given));
  const network = world.at(0).host.parts.network;
  const at_once = await world.finish(Promise.all(Array.from({ length: 10 }, () => network.request(world.at(1).peer, message_protocol, bytes, { limits: message_limits, signal: never }))));
  const first = unwrap(at_once[0] ?? { ok: false, failure: { code: 'NOTHING', reason: '' } });
  assert.ok(at_once.every((answer) => answer.ok && Buffer.compare(answer.value, first) === 0), 'ten at once get one receipt');
  assert.equal(unwrap(await deliver(given, bytes)), first, 'and so does a later one');
  await world.pass((invocation_lifetime_s + 60) * 1000);
  assert.equal(unwrap(await deliver(given, bytes)), first, 'also when its time is over');
  assert.equal(served, ['hello']);
});

test('repeated after a restart of the executor, a command gets its old receipt and has no second effect', async (context) => {
  const given = await pair(context);
  const { world, asker, worker, served } = given;
  const { actions } = world.at(0);
  const first = await world.get(actions.call({ from: 'asker', to: worker.did, command: 'read:reports' }));
  await world.restart(1);
  world.employ(1, unwrap(world.at(1).actions.own('worker')), () => served.push('again'));
  await world.get(world.at(0).host.identity.resolve(worker.did, { fresh: true }));
  const again = await world.get(actions.call({ from: asker.did, to: worker.did, command: 'read:reports', invocation: first.invocation }));
  assert.is(again.receipt_token, first.receipt_token);
  assert.equal(served, [null]);
});

test('a command that named a session from before a restart is sent again under the one that was made since', async (context) => {
  const held: (() => void)[] = [];
  let holds = false;
  const given = await pair(context, { interpose: (network, name) => (name !== 'host-0' ? network : interposed(network, {
    async request(peer, protocol, request, options) {
      if (protocol === message_protocol && holds) {
        holds = false;
        await new Promise<void>((resolve) => { held.push(resolve); });
      }
      return network.request(peer, protocol, request, options);
    },
  })) });
  const { world, asker, worker, served } = given;
  const call = (text: string): Promise<Result<{ readonly receipt: Receipt }>> => world.at(0).actions.call({ from: asker.did, to: worker.did, command: 'read:reports', arguments: text });
  await world.get(call('first'));
  world.at(1).host.handshake.close(asker.did);
  holds = true;
  const slow = call('slow');
  await world.until('it is on its way', () => held.length > 0);
  await world.get(call('quick'));
  held[0]?.();
  assert.is((await world.get(slow)).receipt.verdict, 'allow');
  assert.equal(served, ['first', 'quick', 'slow']);
});

test('an invocation is repeated only as what it is: nothing else is governed in its place', async (context) => {
  const given = await pair(context);
  const { world, asker, worker, served } = given;
  const { actions } = world.at(0);
  const other = await world.hire(0, 'other', { authority: 'open' });
  const { delegation } = await world.get(actions.delegate({ from: 'sponsor-0', to: asker.did, capabilities: ['read:**'] }));
  const call = { from: asker.did, to: worker.did, command: 'read:reports', arguments: 'hello', delegation: delegation.id };
  const first = await world.get(actions.call(call));
  const { invocation } = first;
  const decisions = (): number => world.at(0).host.log.size();
  const before = decisions();
  for (const [what, changes] of [
    ['another agent', { from: other.did }], ['another executor', { to: other.did }], ['another command', { command: 'read:other' }],
    ['other arguments', { arguments: 'hello!' }], ['another delegation', { delegation: toBase64url(sha256(utf8('another'))) }], ['none', { delegation: 'none' }],
  ] as const) {
    const failure = failureOf(await world.finish(actions.call({ ...call, ...changes, invocation })));
    assert.is(failure.code, 'INVOCATION_MISMATCH', what);
    assert.match(failure.reason, `read:reports from ${asker.did} to ${worker.did}`);
  }
  assert.is(codeOf(await world.finish(actions.call({ ...call, invocation: 'a.b.c' }))), 'TOKEN_MALFORMED');
  assert.is(decisions(), before, 'nothing was decided about what was not sent');
  assert.is((await world.get(actions.call({ ...call, invocation }))).receipt_token, first.receipt_token);
  const { from, to, command } = call;
  assert.is((await world.get(actions.call({ from, to, command, arguments: 'hello', invocation }))).receipt_token, first.receipt_token, 'it names its delegation by itself');
  const roots: Json[] = [];
  for await (const entry of world.at(0).host.log.entries({ from: before })) {
    const { payload } = unwrap(entry);
    const record: { readonly kind?: string; readonly delegation?: { readonly root: string } | null } = payload === undefined ? {} : JSON.parse(new TextDecoder().decode(payload));
    if (record.kind === 'decision') roots.push(record.delegation?.root ?? null);
  }
  assert.equal(roots, [world.sponsor(0).did, world.sponsor(0).did], 'and is governed as resting on it');
  assert.equal(served, ['hello']);
});

test('a receipt can be read however long its words are', async () => {
  const key = keyNamed('executor');
  const did = didOf(sha256(utf8('executor')));
  const cmd = `${'a'.repeat(63)}:${Array.from({ length: 16 }, () => 'b'.repeat(63)).join('/')}`;
  for (const words of ['x', '策', '\u0001', '"', '😀', '\ud800'].map((character) => character.repeat(1000))) {
    const token = await signReceipt({ key_id: `${did}#use`, key }, {
      aud: did, inv: toBase64url(sha256(utf8('invocation'))), cmd, verdict: 'error', code: words, rule: words, reason: `x${words}`, res_h: toBase64url(sha256(utf8('result'))),
      log: { origin: 'x'.repeat(255), index: Number.MAX_SAFE_INTEGER }, iat: Number.MAX_SAFE_INTEGER,
    });
    const { reason, rule, code } = unwrap(decodeToken(token, 'mesh-rcpt+jwt')).claims;
    assert.ok([reason, rule, code].every((word) => typeof word === 'string' && word.length > 0 && word.isWellFormed()));
  }
});

test('a command during which the executor crashed is not run again, and its outcome is said to be unknown', async (context) => {
  const given = await pair(context);
  const { world, asker, worker, served } = given;
  world.employ(1, worker, () => new Promise(() => served.push('begun')));
  const { invocation } = await requestOf(given);
  const call = { from: asker.did, to: worker.did, command: 'read:reports', arguments: 'hello', invocation };
  const cut = world.at(0).actions.call(call);
  await world.until('the handler runs', () => served.length === 1);
  await world.crash(1);
  assert.is(codeOf(await world.finish(cut)), 'PEER_UNREACHABLE');
  world.employ(1, unwrap(world.at(1).actions.own('worker')), () => served.push('again'));
  await world.get(world.at(0).host.identity.resolve(worker.did, { fresh: true }));
  const again = await world.get(world.at(0).actions.call(call));
  assert.equal([again.receipt.verdict, again.receipt.code], ['error', 'OUTCOME_UNKNOWN']);
  assert.equal(served, ['begun']);
});

test('an invocation that does not fit is refused, each with its code', async (context) => {
  const given = await pair(context);
  const { world, asker, worker, served } = given;
  const other = await world.hire(0, 'other');
  const now_s = Math.floor(world.simulator.now_ms / 1000);
  const forger = { ...asker, signer: { key_id: asker.signer.key_id, key: other.signer.key } };
  for (const [what, changes, code] of [
    ['expired', { claims: { iat: now_s - 300, exp: now_s - 240 } }, 'INVOCATION_EXPIRED'],
    ['from the future', { claims: { iat: now_s + 300, exp: now_s + 360 } }, 'INVOCATION_EXPIRED'],
    ['longer than it may live', { claims: { exp: now_s + 3600 } }, 'INVOCATION_LIFETIME'],
    ['with an end beyond all time', { claims: { exp: Number.MAX_SAFE_INTEGER } }, 'INVOCATION_LIFETIME'],
    ['with changed arguments', { arguments: canonicalJsonBytes('changed') }, 'INVOCATION_ARGUMENTS'],
    ['with arguments in another spelling', { arguments: utf8(' "hello"') }, 'MESSAGE_MALFORMED'],
    ['for another session', { claims: { chl: 'x'.repeat(22) } }, 'INVOCATION_SESSION'],
    ['in another name', { claims: { sub: worker.did } }, 'INVOCATION_CHAIN'],
    ['under a chain that did not come along', { claims: { prf: toBase64url(sha256(utf8('chain'))) } }, 'INVOCATION_CHAIN'],
    ['signed with another key', { signer: forger }, 'CHAIN_FORGED'],
    ['with a record that is none', { request: { records: [utf8('garbage')] } }, 'RECORD_INVALID'],
    ['with a chain that is none', { request: { chain: ['a.b.c'] } }, 'TOKEN_MALFORMED'],
  ] as const) {
    assert.is(await refusalOf(given, changes), code, what);
  }
  assert.equal(served, []);
  const counted = world.at(1).facts.filter(({ kind }) => kind === 'message.refused').map(({ code }) => code);
  assert.ok(counted.includes('CHAIN_FORGED') && counted.includes('INVOCATION_EXPIRED') && counted.length === 12, `each is counted: ${counted.join(', ')}`);
  assert.is((await receiptFor(given, await requestOf(given))).verdict, 'allow', 'and with nothing wrong it runs');
});

test('what comes without a session of its sender gets no receipt and no effect', async (context) => {
  const given = await pair(context);
  const { world, asker, worker, served } = given;
  const other = await world.hire(0, 'other');
  const codeFor = async (changes: Changes, from?: Network): Promise<string> => codeOf(await deliver(given, encodeRequest(await requestOf(given, changes)), from));
  assert.is(await codeFor({ signer: other, claims: { sub: other.did } }), 'SESSION_UNKNOWN', 'another agent over the session of the asker');
  assert.is(await codeFor({ claims: { aud: other.did } }), 'AGENT_UNKNOWN', 'for an agent that lives elsewhere');
  assert.is(await codeFor({ claims: { aud: world.sponsor(1).did } }), 'AGENT_UNKNOWN', 'for a sponsor, who takes no commands');
  assert.is(await codeFor({ claims: { aud: world.at(1).host.identities.node.did } }), 'AGENT_UNKNOWN', 'for the node');
  const thief = await world.stranger('thief', world.at(1));
  assert.is(await codeFor({}, thief), 'SESSION_UNKNOWN', 'a stolen request over another channel');
  const request = await requestOf(given);
  await world.pass(session_ms);
  assert.is(codeOf(await deliver(given, encodeRequest(request))), 'SESSION_UNKNOWN', 'after the session\'s end');
  assert.equal(served, []);
  const { reason, fix } = failureOf(await deliver(given, encodeRequest(request)));
  assert.match(`${reason} ${fix ?? ''}`, 'shake hands again');
  assert.is(codeOf(await world.finish(world.at(0).actions.call({ from: asker.did, to: worker.did, command: 'read:reports' }))), 'ok', 'the honest caller does that by itself');
});

test('a policy that batches its records takes nothing from the receipt: one a command, and the mark of it before the effect', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'asker');
  const marks: number[] = [];
  const { store } = world.at(1).host.parts;
  const batched = unwrap(compilePolicy({ version: '1.0', rules: [{ name: 'reads', condition: "action.type == 'read'", action: 'allow', audit: 'batched' }] }));
  const worker = await world.hire(1, 'worker', {
    authority: 'open',
    policies: [batched],
    serve: async () => {
      let count = 0;
      for await (const _ of store.entries('receipt', {})) count += 1;
      return marks.push(count);
    },
  });
  const plan = { from: 'asker', to: worker.did, command: 'read:x' };
  const first = await world.get(world.at(0).actions.call(plan));
  assert.equal(marks, [1], 'the mark was there when the effect began');
  await world.pass(1000);
  const again = await world.get(world.at(0).actions.call({ ...plan, invocation: first.invocation }));
  assert.is(again.receipt_token, first.receipt_token);
  assert.equal(marks, [1], 'the repetition had no effect');
});

test('a refused command stands in the executor\'s audit log, and a flood of them cannot fill it', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'asker');
  const bound = await world.hire(1, 'bound');
  const { log } = world.at(1).host;
  const call = async (): Promise<Receipt> => (await world.get(world.at(0).actions.call({ from: 'asker', to: bound.did, command: 'read:reports' }))).receipt;
  const receipt = await call();
  const entry = unwrap(await log.read(receipt.log?.index ?? -1));
  const record: unknown = JSON.parse(Buffer.from(entry.payload ?? new Uint8Array()).toString());
  assert.ok(isFields(record));
  assert.equal([record['kind'], record['agent'], record['command'], record['code']], ['refusal', bound.did, 'read:reports', 'DELEGATION_REQUIRED']);
  const size_before = log.size();
  let unrecorded = 0;
  for (let round = 0; round < 200; round += 1) unrecorded += (await call()).log === null ? 1 : 0;
  assert.ok(unrecorded > 0, 'beyond the burst they are only counted');
  assert.is(log.size() - size_before, 200 - unrecorded);
});

test('an agent that acts only on a delegation refuses commands without one, and with one from a sponsor that it does not answer to', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const asker = await world.hire(0, 'asker');
  const bound = await world.hire(1, 'bound');
  const call = async (more: { readonly delegation?: string } = {}): Promise<Receipt> =>
    (await world.get(world.at(0).actions.call({ from: 'asker', to: bound.did, command: 'read:reports', ...more }))).receipt;
  const without = await call();
  assert.equal([without.verdict, without.code], ['deny', 'DELEGATION_REQUIRED']);
  assert.match(without.reason, world.sponsor(1).did);
  const foreign = await world.get(world.at(0).actions.delegate({ from: 'sponsor-0', to: asker.did, capabilities: ['read:**'] }));
  const under_foreign = await call({ delegation: foreign.delegation.id });
  assert.equal([under_foreign.verdict, under_foreign.code], ['deny', 'CHAIN_ROOT_FOREIGN']);
  assert.match(under_foreign.reason, world.sponsor(1).did, 'it says whose delegation would pass');
  const right = await world.get(world.at(1).actions.delegate({ from: 'sponsor-1', to: asker.did, capabilities: ['read:**'] }));
  assert.is((await call({ delegation: right.delegation.id })).verdict, 'allow');
  const wary = await world.get(world.at(1).actions.delegate({ from: 'sponsor-1', to: asker.did, capabilities: ['read:reports'], caveats: { trust: 900 } }));
  const distrusted = await call({ delegation: wary.delegation.id });
  assert.equal([distrusted.verdict, distrusted.code], ['deny', 'TRUST_TOO_LOW']);
});

test('trust that is lost after the handshake counts at the next command', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const asker = await world.hire(0, 'asker');
  const choosy = await world.hire(1, 'choosy', { authority: 'open', required_trust: 600 });
  const call = async (): Promise<string | null> => {
    const answered = await world.finish(world.at(0).actions.call({ from: 'asker', to: choosy.did, command: 'read:reports' }));
    return answered.ok ? answered.value.receipt.code : answered.failure.code;
  };
  assert.is(await call(), 'TRUST_TOO_LOW');
  await world.get(world.at(1).actions.endorse('sponsor-1', asker.did, 1000, 'a year of good work'));
  assert.is(await call(), null);
  // Withdrawn, and bad conduct on top, for the good call has raised the score by itself.
  await world.get(world.at(1).actions.endorse('sponsor-1', asker.did, 0, 'no longer'));
  await misbehave(world, choosy, asker);
  const { receipt } = await world.get(world.at(0).actions.call({ from: 'asker', to: choosy.did, command: 'read:reports' }));
  assert.equal([receipt.verdict, receipt.code], ['deny', 'TRUST_TOO_LOW']);
});

test('bytes that are no message, or too many, are refused with a code, counted, and cost nothing', async (context) => {
  const given = await pair(context);
  const { world } = given;
  const host = world.at(1);
  const good = await requestOf(given);
  const malformed: readonly Uint8Array[] = [
    new Uint8Array(), utf8('garbage'), new Uint8Array(100_000).fill(0x81), encodeCbor({ version: 2, ...good }), encodeCbor({ version: 1, ...good, extra: 1 }),
    encodeRequest({ ...good, arguments: new Uint8Array(arguments_bytes_max + 1) }), encodeRequest({ ...good, chain: Array.from({ length: 9 }, () => 'x') }),
    encodeRequest({ ...good, invocation: 'x'.repeat(5000) }), encodeRequest({ ...good, invocation: 'a.b.c' }),
    encodeRequest(await requestOf(given, { claims: { cmd: 'read:**' } })), encodeRequest(await requestOf(given, { claims: { nonce: 'short' } })),
  ];
  for (const [index, bytes] of malformed.entries()) {
    const garbler = await world.stranger(`garbler-${index}`, host);
    assert.match(codeOf(await deliver(given, bytes, garbler)), /^(?:MESSAGE|TOKEN|INVOCATION)_/, `malformed ${index}`);
    assert.is(host.facts.filter(({ kind, peer }) => kind === 'network.peer.penalised' && peer === garbler.id).length, 1, `malformed ${index}`);
  }
  assert.is(host.facts.filter(({ kind }) => kind === 'message.refused').length, malformed.length);
  assert.is(codeOf(await deliver(given, new Uint8Array(message_limits.request_bytes_max + 1))), 'REQUEST_TOO_LARGE');
  assert.is((await receiptFor(given, good)).verdict, 'allow');
});

test('a flood of bad requests gets its senders refused, leaves nothing behind, and others are answered meanwhile', async (context) => {
  const given = await pair(context);
  const { world, worker } = given;
  const floods = await Promise.all(Array.from({ length: 5 }, (_, index) => world.stranger(`flood-${index}`, world.at(1))));
  const large = utf8('x'.repeat(500_000));
  const codes: string[] = [];
  const flooding = floods.map(async (flood) => {
    for (let round = 0; round < 100; round += 1) {
      codes.push(codeOf(await flood.request(world.at(1).peer, message_protocol, large, { limits: message_limits, signal: never })));
    }
  });
  const calls: string[] = [];
  const calling = (async () => {
    for (let round = 0; round < 10; round += 1) calls.push(codeOf(await world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:reports' })));
  })();
  await world.finish(Promise.all([...flooding, calling]));
  assert.ok(calls.every((code) => code === 'ok'));
  const refused = world.at(1).facts.filter(({ kind }) => kind === 'network.peer.refused').map(({ peer }) => String(peer));
  assert.equal(refused.toSorted((a, b) => a < b ? -1 : 1), floods.map(({ id }) => id));
  assert.ok(codes.filter((code) => code === 'ok').length <= 5 * misdeeds_max, 'after that they are not even heard');
  assert.is(await count(world, 1), 10, 'only the receipts of the honest are kept');
});

test('receipts are kept for as long as they can be asked for, however many they are', async (context) => {
  const given = await pair(context);
  const { world, worker } = given;
  const { store } = world.at(1);
  const old_s = Math.floor(world.simulator.now_ms / 1000);
  const many = Array.from({ length: 25_000 }, (_, index) => ({ space: 'receipt', key: concat(bigEndian(old_s, 6), sha256(bigEndian(index, 4))), value: utf8('old') } as const));
  await store.batch(many, { sync: false });
  await world.pass(receipt_kept_s * 1000);
  await world.get(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:reports' }));
  await world.pass(receipt_kept_s * 1000 + 5000);
  assert.is(await count(world, 1), 1);
});

test.run();
