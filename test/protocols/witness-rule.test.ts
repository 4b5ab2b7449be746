import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { cosign, signCheckpoint, withLines } from '../../crypto/checkpoint.ts';
import { verifyEvidence } from '../../crypto/fork-evidence.ts';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import type { Change } from '../../protocols/ports.ts';
import { wanted_logs_max, witnessed_logs_max } from '../../protocols/witness/constants.ts';
import { stateKey } from '../../protocols/witness/state.ts';
import { decodeAnswer, encodeAnswer, encodeRequest } from '../../protocols/witness/wire.ts';
import { assertCosigned, forked, honest, knownSize, origin, witness_key, witnessContract, witnessWorld as world } from '../contract/witness.ts';
import { suite } from '../harness.ts';
import { code } from '../storage/audit-world.ts';

const test = suite('protocols/witness rule');

witnessContract(test, 'the rule', (_context, made) => Promise.resolve((request) => made.witness.add(request)));

test('a log that grows consistently is cosigned at every step', async () => {
  const { witness } = await world();
  let old_size = 0;
  for (const size of [1, 2, 7, 7, 8, 64, 100]) {
    assert.is(assertCosigned(witness, await witness.add(honest.request(old_size, size)), size), 1_700_000_000);
    old_size = size;
  }
  assert.is(await knownSize(witness), 100);
});

test('two roots at one size become evidence, and the log is never cosigned again', async () => {
  for (const [old_size, status] of [[8, 422], [0, 409]] as const) {
    const made = await world();
    assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
    assert.is((await made.witness.add(encodeRequest(old_size, [], forked.note(8)))).status, status);
    assert.is(made.evidence.length, 1);
    assert.is(unwrap(verifyEvidence(made.evidence[0] ?? new Uint8Array())).origin, origin);
    assert.ok(made.facts.some(({ kind }) => kind === 'audit.fork-evidence'));
    made.restart();
    assert.is((await made.witness.add(honest.request(8, 20))).status, 403);
    assert.is((await made.witness.add(encodeRequest(8, [], forked.note(8)))).status, 403);
    assert.is(made.evidence.length, 1, 'once is enough');
    assert.is(await knownSize(made.witness), 8, 'what was seen can still be asked for');
  }
});

test('nothing is cosigned before the state is on the disk', async () => {
  const made = await world();
  made.store.intercept = () => Promise.reject(new Error('no space left'));
  assert.is((await made.witness.add(honest.request(0, 8))).status, 503);
  assert.is(await knownSize(made.witness), -1);
  const gate = Promise.withResolvers<void>();
  made.store.intercept = async (write) => {
    await gate.promise;
    return write();
  };
  let answered = false;
  const pending = made.witness.add(honest.request(0, 8)).then((answer) => {
    answered = true;
    return answer;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.not(answered);
  gate.resolve();
  assertCosigned(made.witness, await pending, 8);
  assert.ok(made.store.batches.every(({ sync }) => sync));
});

test('a restarted witness remembers', async () => {
  const made = await world();
  assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
  made.restart();
  assert.is((await made.witness.add(forked.request(0, 20))).status, 409);
  assertCosigned(made.witness, await made.witness.add(honest.request(8, 9)), 9);
});

test('a witness whose memory is damaged signs nothing instead of beginning anew', async () => {
  const made = await world();
  assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
  const good = await made.store.get('witness', stateKey(origin)) ?? new Uint8Array();
  for (const bad of [new Uint8Array(), good.subarray(1), Uint8Array.of(0xa0)]) {
    await made.store.batch([{ space: 'witness', key: stateKey(origin), value: bad }], { sync: true });
    assert.is((await made.witness.add(honest.request(0, 8))).status, 503);
    assert.is(code(await made.witness.known(origin)), 'WITNESS_STATE_DAMAGED');
  }
});

/** A note that the witness cosigned, as it went around in the mesh. */
function cosigned(name: string, size: number, time_s: number, history = honest): Uint8Array {
  return withLines(history.note(size), [cosign(witness_key, name, { origin, size, root: history.root(0, size) }, time_s)]);
}

test('less or other than what was seen of a log is not cosigned, whoever cosigned that', async () => {
  const made = await world();
  assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
  made.seen = honest.note(20);
  for (const size of [8, 9, 19, 21]) assert.equal(await made.witness.add(honest.request(8, size)), { status: 409, body: '20\n' }, `${size}`);
  assert.is((await made.witness.add(encodeRequest(20, forked.proof(20, 30), forked.note(30)))).status, 422);
  assert.is((await made.witness.add(encodeRequest(8, honest.proof(8, 20).slice(1), honest.note(20)))).status, 422);
  assert.is(await knownSize(made.witness), 8, 'what was only seen is not served as cosigned');
  assertCosigned(made.witness, await made.witness.add(honest.request(8, 20)), 20);
  assertCosigned(made.witness, await made.witness.add(honest.request(20, 21)), 21);
  made.seen = honest.note(25);
  assertCosigned(made.witness, await made.witness.add(honest.request(25, 30)), 30);
  assert.equal(made.evidence, []);
});

test('logs of strangers leave places for those of hosts that were met', async () => {
  const made = await world();
  const strangers = (from: number, count: number): Change[] => Array.from({ length: count }, (_, at) => ({ space: 'witness', key: stateKey(`${from + at}`), value: new Uint8Array() }));
  await made.store.batch(strangers(0, witnessed_logs_max), { sync: true });
  assert.is((await made.witness.add(honest.request(0, 8))).status, 403);
  made.met.add('did:mesh:blog');
  await made.store.batch(strangers(witnessed_logs_max, wanted_logs_max), { sync: true });
  made.restart();
  assert.is((await made.witness.add(honest.request(0, 8))).status, 403, 'these places have an end as well');
  await made.store.batch([{ space: 'witness', key: stateKey('0') }], { sync: true });
  made.restart();
  assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
  made.met.clear();
  assertCosigned(made.witness, await made.witness.add(honest.request(8, 20)), 20);
});

test('what a log signed and was not cosigned is shown to whoever follows logs, and nothing else', async () => {
  const made = await world();
  assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
  const stranger = signCheckpoint(signingKey(new Uint8Array(32).fill(6)), { origin, size: 30, root: honest.root(0, 30) });
  for (const request of [encodeRequest(8, [], stranger), utf8('old 8'), encodeRequest(9, [], honest.note(8))]) await made.witness.add(request);
  assert.equal(made.refused, []);
  assert.is((await made.witness.add(encodeRequest(8, forked.proof(8, 30), withLines(forked.note(30), ['— other AAAAAAA='])))).status, 422);
  assert.is((await made.witness.add(encodeRequest(3, forked.proof(3, 40), forked.note(40)))).status, 409);
  assert.equal(made.refused, [forked.note(30), forked.note(40)]);
});

test('another root at the size that was seen is evidence, and a log that was never cosigned stays without a state', async () => {
  for (const [old_size, status] of [[0, 409], [20, 422]] as const) {
    const made = await world();
    made.seen = honest.note(20);
    assert.is((await made.witness.add(encodeRequest(old_size, [], forked.note(20)))).status, status);
    assert.is(unwrap(verifyEvidence(made.evidence[0] ?? new Uint8Array())).origin, origin);
    assert.is(code(await made.witness.known(origin)), 'WITNESS_LOG_UNKNOWN');
  }
  const made = await world();
  assertCosigned(made.witness, await made.witness.add(honest.request(0, 20)), 20);
  made.seen = forked.note(20);
  assert.is((await made.witness.add(honest.request(20, 21))).status, 422, 'what was cosigned and what was seen contradict each other');
  assert.is(made.evidence.length, 1);
  made.seen = undefined;
  assert.is((await made.witness.add(honest.request(20, 21))).status, 403);
});

test('a witness that lost its memory takes its own cosignature back from what it sees', async () => {
  const made = await world();
  const { name } = made.witness;
  const now_s = made.now_ms / 1000;
  made.seen = cosigned(name, 20, now_s - 5);
  assert.equal(await made.witness.add(honest.request(0, 8)), { status: 409, body: '20\n' });
  assert.equal(unwrap(await made.witness.known(origin)), made.seen, 'at once, whatever the request was');
  made.seen = undefined;
  made.restart();
  assert.equal(await made.witness.add(honest.request(0, 8)), { status: 409, body: '20\n' });
  assertCosigned(made.witness, await made.witness.add(honest.request(20, 21)), 21);
  made.seen = cosigned(name, 21, now_s + 60);
  assert.match((await made.witness.add(honest.request(21, 22))).body, /clock has gone back/);
  made.seen = cosigned(name, 9, now_s + 90);
  made.now_ms += 80_000;
  assert.match((await made.witness.add(honest.request(21, 22))).body, /clock has gone back/, 'a smaller tree, at a later time');
  assert.is(await knownSize(made.witness), 21);
  made.now_ms += 10_000;
  assertCosigned(made.witness, await made.witness.add(honest.request(21, 22)), 22);
});

test('what is seen binds nobody when the log did not sign it, and lines that others forged in the own name hide none of the own', async () => {
  const made = await world();
  const { name } = made.witness;
  const stranger = signingKey(new Uint8Array(32).fill(6));
  made.seen = signCheckpoint(stranger, { origin, size: 50, root: honest.root(0, 50) });
  assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
  const own_s = made.now_ms / 1000 - 100;
  const root = honest.root(0, 20);
  const good = cosign(witness_key, name, { origin, size: 20, root }, own_s);
  // It names the own key, and is of another tree.
  const other = cosign(witness_key, name, { origin, size: 21, root }, own_s + 9_000);
  made.seen = withLines(honest.note(20), [other, good]);
  assert.equal(await made.witness.add(honest.request(8, 9)), { status: 409, body: '20\n' });
  assert.equal(unwrap(await made.witness.known(origin)), withLines(honest.note(20), [good]));
  made.now_ms -= 50_000;
  assert.match((await made.witness.add(honest.request(20, 21))).body, /clock has gone back/, 'an earlier time under a larger tree takes nothing back');
  made.now_ms += 50_000;
  made.seen = withLines(honest.note(22), [other]);
  assertCosigned(made.witness, await made.witness.add(honest.request(22, 23)), 23);
});

test('a clock that went back, or that differs from most others, signs nothing', async () => {
  const made = await world();
  assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
  made.now_ms -= 2000;
  assert.is((await made.witness.add(honest.request(8, 9))).status, 503);
  made.now_ms += 2000;
  const now_s = made.now_ms / 1000;
  for (const name of ['a', 'b']) made.sense.heard(name, now_s + 3600);
  made.sense.heard('a', now_s + 3600);
  assertCosigned(made.witness, await made.witness.add(honest.request(8, 9)), 9);
  made.sense.heard('c', now_s + 3600);
  const refused = await made.witness.add(honest.request(9, 10));
  assert.is(refused.status, 503);
  assert.match(refused.body, /clock .* differs .* 3600 s/);
  for (const name of ['b', 'c']) made.sense.heard(name, now_s);
  assertCosigned(made.witness, await made.witness.add(honest.request(9, 10)), 10);
});

test('every request is counted once', async () => {
  const made = await world();
  await made.witness.add(new Uint8Array());
  await made.witness.add(honest.request(0, 8));
  await made.witness.add(honest.request(0, 8));
  assert.equal(made.facts.map(({ kind }) => kind), ['audit.refused', 'audit.witnessed', 'audit.refused']);
});

test('answers are a known status and text', () => {
  const answer = { status: 409, body: '7\n' } as const;
  assert.equal(unwrap(decodeAnswer(encodeAnswer(answer))), answer);
  for (const bad of [[], [1], [0, 0], [1, 200, 0xff], [0xff, 0xff]]) assert.is(code(decodeAnswer(Uint8Array.from(bad))), 'WITNESS_ANSWER_INVALID');
});

test.run();
