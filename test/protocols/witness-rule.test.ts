import * as assert from 'uvu/assert';
import { concat, fromUtf8, toBase64, utf8 } from '../../crypto/bytes.ts';
import { checkpointBody, cosign, logOrigin, signCheckpoint, verifyCosignature, withLines } from '../../crypto/checkpoint.ts';
import { verifySameSizeEvidence } from '../../crypto/fork-evidence.ts';
import { sha256 } from '../../crypto/hash.ts';
import { signingKey } from '../../crypto/keys.ts';
import { consistencyProof, empty_root, Frontier, leafHash, type TreeNode } from '../../crypto/merkle.ts';
import { parseNote, parseVerifier, signature_type_log, signNote, verifierKey } from '../../crypto/note.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { ClockSense } from '../../protocols/witness/clock-sense.ts';
import { CheckpointWitness } from '../../protocols/witness/rule.ts';
import { stateKey } from '../../protocols/witness/state.ts';
import { decodeAnswer, encodeAnswer, encodeRequest, type WitnessAnswer } from '../../protocols/witness/wire.ts';
import { openStore } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { code, watched, type WatchedStore } from '../storage/audit-world.ts';

const test = suite('protocols/witness rule');

const log_key = signingKey(new Uint8Array(32).fill(1));
const witness_key = signingKey(new Uint8Array(32).fill(2));
const origin = logOrigin('did:mesh:blog', log_key.public_key);
const vkey = verifierKey(origin, signature_type_log, log_key.public_key);

/** A log that can show two histories: they part at the leaf `forked_at`. */
class Histories {
  readonly #leaves: readonly Uint8Array[];

  constructor(forked_at = Number.POSITIVE_INFINITY) {
    this.#leaves = Array.from({ length: 200 }, (_, index) => leafHash(utf8(`entry ${index}${index >= forked_at ? ' forked' : ''}`)));
  }

  root(start: number, end: number): Uint8Array {
    const frontier = new Frontier();
    for (const leaf of this.#leaves.slice(start, end)) frontier.append(leaf);
    return frontier.root();
  }

  note(size: number): Uint8Array {
    return signCheckpoint(log_key, { origin, size, root: this.root(0, size) });
  }

  proof(old_size: number, size: number): Uint8Array[] {
    const hashAt = ({ level, index }: TreeNode): Uint8Array => this.root(index * 2 ** level, (index + 1) * 2 ** level);
    return old_size === 0 || old_size > size ? [] : consistencyProof(old_size, size, hashAt);
  }

  request(old_size: number, size: number): Uint8Array {
    return encodeRequest(old_size, this.proof(old_size, size), this.note(size));
  }
}

const honest = new Histories();
const forked = new Histories(3);

interface World {
  readonly store: WatchedStore;
  readonly sense: ClockSense;
  readonly evidence: Uint8Array[];
  readonly facts: { readonly kind: string }[];
  now_ms: number;
  witness: CheckpointWitness;
  /** The same witness after a restart. */
  restart(): void;
}

async function world(): Promise<World> {
  const store = watched(unwrap(await openStore({ kind: 'memory' })));
  const evidence: Uint8Array[] = [];
  const facts: { readonly kind: string }[] = [];
  const clock = { now: (): number => made.now_ms, after: () => (): void => undefined };
  const sense = new ClockSense(clock);
  const make = (): CheckpointWitness => new CheckpointWitness({
    clock, store, sense, key: witness_key, did: 'did:mesh:bwitness',
    recorder: { record: (fact) => void facts.push(fact) },
    logKey: (asked) => Promise.resolve(asked === origin ? ok(vkey) : fail('DID_NOT_FOUND', 'nobody knows it')),
    keepEvidence: async (hash, change) => {
      assert.equal(sha256(change.value ?? new Uint8Array()), hash);
      evidence.push(change.value ?? new Uint8Array());
      await store.batch([change], { sync: true });
    },
  });
  const made: World = { store, sense, evidence, facts, now_ms: 1_700_000_000_000, witness: make(), restart: () => { made.witness = make(); } };
  return made;
}

function assertCosigned(witness: CheckpointWitness, answer: WitnessAnswer, size: number, history = honest): number {
  assert.is(answer.status, 200, answer.body);
  const verifier = unwrap(parseVerifier(witness.verifier_key));
  return unwrap(verifyCosignature(verifier, { origin, size, root: history.root(0, size) }, answer.body.slice(0, -1))).time_s;
}

async function knownSize(witness: CheckpointWitness): Promise<number> {
  const known = await witness.known(origin);
  return known.ok ? Number(fromUtf8(unwrap(parseNote(known.value)).text)?.split('\n')[1]) : -1;
}

test('a log that grows consistently is cosigned at every step', async () => {
  const { witness } = await world();
  let old_size = 0;
  for (const size of [1, 2, 7, 7, 8, 64, 100]) {
    assert.is(assertCosigned(witness, await witness.add(honest.request(old_size, size)), size), 1_700_000_000);
    old_size = size;
  }
  assert.is(await knownSize(witness), 100);
});

test('the whole table of refusals, and none of them changes what is remembered', async () => {
  const { witness } = await world();
  assertCosigned(witness, await witness.add(honest.request(0, 8)), 8);
  const good = fromUtf8(honest.request(8, 20)) ?? '';
  const proof = honest.proof(8, 20);
  const stranger = signingKey(new Uint8Array(32).fill(5));
  const strange_origin = logOrigin('did:mesh:bother', stranger.public_key);
  const forged_note = signCheckpoint(stranger, { origin, size: 20, root: honest.root(0, 20) });
  const extended = signNote(log_key, origin, concat(checkpointBody({ origin, size: 20, root: honest.root(0, 20) }), utf8('extension\n')));
  const cases: readonly [string, number, Uint8Array][] = [
    ['old size 0 of a log that is known', 409, honest.request(0, 20)],
    ['a smaller old size', 409, honest.request(5, 20)],
    ['a larger old size', 409, honest.request(9, 20)],
    ['a replay of the first request', 409, honest.request(0, 8)],
    ['an older head', 409, honest.request(0, 5)],
    ['an older head with itself as old', 409, honest.request(5, 5)],
    ['old larger than the head', 400, encodeRequest(8, [], honest.note(5))],
    ['another history', 422, encodeRequest(8, forked.proof(8, 20), forked.note(20))],
    ['another history with the honest proof', 422, encodeRequest(8, proof, forked.note(20))],
    ['no proof', 422, encodeRequest(8, [], honest.note(20))],
    ['a hash too few', 422, encodeRequest(8, proof.slice(1), honest.note(20))],
    ['a hash too many', 422, encodeRequest(8, [...proof, empty_root], honest.note(20))],
    ['garbage', 422, encodeRequest(8, proof.map((hash) => sha256(hash)), honest.note(20))],
    ['same size with a proof', 422, encodeRequest(8, [empty_root], honest.note(8))],
    ['64 hashes', 400, encodeRequest(8, Array.from({ length: 64 }, () => empty_root), honest.note(20))],
    ['an unknown origin', 404, encodeRequest(0, [], signCheckpoint(stranger, { origin: strange_origin, size: 1, root: empty_root }))],
    ['an origin that is no DID', 404, encodeRequest(0, [], signCheckpoint(log_key, { origin: 'example.com/log', size: 1, root: empty_root }))],
    ['a known origin signed under another name', 404, encodeRequest(8, proof, signNote(log_key, 'other', checkpointBody({ origin, size: 20, root: honest.root(0, 20) })))],
    ['a known origin signed by a stranger', 403, encodeRequest(8, proof, forged_note)],
    ['an extension line', 400, encodeRequest(8, proof, extended)],
    ['CRLF', 400, utf8(good.replaceAll('\n', '\r\n'))],
    ['a leading zero', 400, utf8(good.replace('old 8', 'old 08'))],
    ['a plus', 400, utf8(good.replace('old 8', 'old +8'))],
    ['no blank line', 400, utf8(good.replaceAll('\n\n', '\n'))],
    ['a short hash', 400, utf8(good.replace(toBase64(proof[0] ?? empty_root), 'AAAA'))],
    ['nothing', 400, new Uint8Array()],
    ['bytes that are no text', 400, new Uint8Array(100).fill(255)],
    ['far too much', 400, new Uint8Array(10_000_000)],
  ];
  for (const [what, status, request] of cases) {
    const answer = await witness.add(request);
    assert.is(answer.status, status, `${what}: ${answer.body}`);
    if (status === 409) assert.is(answer.body, '8\n', what);
    assert.is(await knownSize(witness), 8, what);
  }
  assertCosigned(witness, await witness.add(honest.request(8, 20)), 20);
});

test('a log of size 0 has one root and needs no proof', async () => {
  const { witness } = await world();
  const at_zero = (root: Uint8Array): Uint8Array => encodeRequest(0, [], signCheckpoint(log_key, { origin, size: 0, root }));
  assert.is((await witness.add(at_zero(leafHash(utf8('x'))))).status, 422);
  assert.is((await witness.add(at_zero(empty_root))).status, 200);
  assert.is((await witness.add(encodeRequest(0, [empty_root], honest.note(4)))).status, 422);
  assertCosigned(witness, await witness.add(honest.request(0, 4)), 4);
});

test('two roots at one size become evidence, and the log is never cosigned again', async () => {
  for (const [old_size, status] of [[8, 422], [0, 409]] as const) {
    const made = await world();
    assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
    assert.is((await made.witness.add(encodeRequest(old_size, [], forked.note(8)))).status, status);
    assert.is(made.evidence.length, 1);
    assert.is(unwrap(verifySameSizeEvidence(made.evidence[0] ?? new Uint8Array())).origin, origin);
    assert.ok(made.facts.some(({ kind }) => kind === 'audit.fork-evidence'));
    made.restart();
    assert.is((await made.witness.add(honest.request(8, 20))).status, 403);
    assert.is((await made.witness.add(encodeRequest(8, [], forked.note(8)))).status, 403);
    assert.is(made.evidence.length, 1, 'once is enough');
    assert.is(await knownSize(made.witness), 8, 'what was seen can still be asked for');
  }
});

test('of a hundred requests at once one wins, and nothing is rolled back', async () => {
  const { witness } = await world();
  const first = await Promise.all(Array.from({ length: 100 }, (_, index) => witness.add(honest.request(0, index + 1))));
  assert.is(first.filter(({ status }) => status === 200).length, 1);
  assert.is(first.filter(({ status }) => status === 409).length, 99);
  const at = await knownSize(witness);
  const second = await Promise.all([at + 5, at + 1, at + 3].map((size) => witness.add(honest.request(at, size))));
  assert.equal(second.map(({ status }) => status), [200, 409, 409]);
  assert.is(await knownSize(witness), at + 5);
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

test('a clock that went back, or that differs from most others, signs nothing', async () => {
  const made = await world();
  assertCosigned(made.witness, await made.witness.add(honest.request(0, 8)), 8);
  made.now_ms -= 2000;
  assert.is((await made.witness.add(honest.request(8, 9))).status, 503);
  made.now_ms += 2000;
  const now_s = made.now_ms / 1000;
  for (const time_s of [now_s + 3600, now_s + 3600]) made.sense.heard(time_s);
  assertCosigned(made.witness, await made.witness.add(honest.request(8, 9)), 9);
  made.sense.heard(now_s + 3600);
  const refused = await made.witness.add(honest.request(9, 10));
  assert.is(refused.status, 503);
  assert.match(refused.body, /clock .* differs .* 3600 s/);
  for (let sample = 0; sample < 4; sample += 1) made.sense.heard(now_s);
  assertCosigned(made.witness, await made.witness.add(honest.request(9, 10)), 10);
});

test("lines that others forged in the witness's name do not enter its memory", async () => {
  const { witness } = await world();
  const body = { origin, size: 8, root: honest.root(0, 8) };
  const forged = cosign(signingKey(new Uint8Array(32).fill(6)), witness.name, body, 4_000_000_000);
  assertCosigned(witness, await witness.add(encodeRequest(0, [], withLines(honest.note(8), [forged]))), 8);
  const known = unwrap(parseNote(unwrap(await witness.known(origin))));
  assert.equal(known.signatures.map(({ name }) => name), [origin, witness.name]);
  assert.not(known.signatures.some(({ line }) => line === forged));
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
