import * as assert from 'uvu/assert';
import { bigEndian, concat, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { canonicalJsonBytes, decodeCbor, encodeCbor, hasShape, type Json } from '../../crypto/canonical.ts';
import { keyFor } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken, decodeToken, verifyToken } from '../../crypto/jwt.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { Policy } from '../../node/kernel/index.ts';
import { session_ms } from '../../protocols/handshake/constants.ts';
import { invocation_lifetime_s, message_limits, message_protocol, receipt_kept_s, result_bytes_max } from '../../protocols/message/constants.ts';
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, signReceipt, verifyReceipt, type MessageRequest, type Receipt } from '../../protocols/message/receipt.ts';
import type { Network } from '../../protocols/ports.ts';
import { unlessFailure } from '../../protocols/reply.ts';
import { sleep } from '../../protocols/time.ts';
import { suite, type TestContext } from '../harness.ts';
import { codeOf, failureOf, hostWorld, type HostWorld, type WorldInit } from '../simulated-hosts.ts';

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
  const given = await pair(context, { interpose: tampering((answer) => tamper(answer)) });
  const { world, asker, worker } = given;
  const call = async (): Promise<string> => codeOf(await world.finish(world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:reports' })));
  assert.is(await call(), 'ok');
  const parts = (answer: Uint8Array): { receipt: string; result: Uint8Array | null } => unwrap(decodeAnswer(answer));
  const resign = (changes: Partial<Receipt>, signer = worker.signer) => async (answer: Uint8Array): Promise<Uint8Array> => {
    const { iss: _iss, v: _v, ...claims } = unwrap(decodeToken(parts(answer).receipt)).claims;
    return encodeAnswer(await signReceipt(signer, { ...receiptOf(claims), ...changes }), parts(answer).result);
  };
  const [head, claims] = ['x', 'y'];
  assert.ok(head !== claims);
  for (const [what, change, code] of [
    ['another result', (answer: Uint8Array) => encodeAnswer(parts(answer).receipt, utf8('"forged"')), 'RECEIPT_MISMATCH'],
    ['no result', (answer: Uint8Array) => encodeAnswer(parts(answer).receipt, null), 'RECEIPT_MISMATCH'],
    ['another invocation', resign({ inv: toBase64url(sha256(utf8('another'))) }), 'RECEIPT_MISMATCH'],
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

test('a command that was cut off in the middle is not run again, and its outcome is said to be unknown', async (context) => {
  const given = await pair(context);
  const { world, asker, worker, served } = given;
  world.employ(1, worker, () => new Promise(() => served.push('begun')));
  const invocation = (await requestOf(given)).invocation;
  const cut = new AbortController();
  void world.at(0).actions.call({ from: 'asker', to: worker.did, command: 'read:reports', arguments: 'hello', invocation, signal: cut.signal });
  await world.until('the handler runs', () => served.length === 1);
  // What a killed process leaves behind: the decision with its mark, and no receipt.
  const { store, files } = world.at(1);
  const left = await copyOf(store);
  const marks = [...left.values()].filter(({ space, value }) => space === 'receipt' && Buffer.compare(value, utf8('begun')) === 0);
  assert.is(marks.length, 1, 'the mark is stored before the effect');
  cut.abort();
  await world.restart(1);
  await put(store, left, world.at(1).host.log.size());
  world.employ(1, unwrap(world.at(1).actions.own('worker')), () => served.push('again'));
  await world.get(world.at(0).host.identity.resolve(worker.did, { fresh: true }));
  const again = await world.get(world.at(0).actions.call({ from: asker.did, to: worker.did, command: 'read:reports', arguments: 'hello', invocation }));
  assert.equal([again.receipt.verdict, again.receipt.code], ['error', 'OUTCOME_UNKNOWN']);
  assert.equal(served, ['begun']);
  assert.ok(files !== undefined);
});

test.run();
