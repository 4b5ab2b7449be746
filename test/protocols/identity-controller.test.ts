import * as assert from 'uvu/assert';
import { methodId } from '../../crypto/did-events.ts';
import { keyFor, verifyRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import {
  buildRecord, currentEvent, documentOf, genesisEvent, joined, nextEvent, ownIdentity, retiring, signAs, signsFor, soleControl, type Control, type IdentityKeys, type IdentityPlan, type OwnIdentity,
} from '../../protocols/identity/index.ts';
import { retired_kept_ms } from '../../protocols/identity/controller.ts';
import { encodeRecord } from '../../crypto/did-record.ts';
import { suite } from '../harness.ts';
import { keyNamed, start_ms } from '../people.ts';

const test = suite('protocols/identity controller');
const minute_ms = 60_000;
const plan: IdentityPlan = { kind: 'org', name: 'board', sponsor: null, capabilities: [] };
const board = ['ann', 'ben', 'cy'].map(keyNamed);
const next_board = ['ann next', 'ben next', 'cy next'].map(keyNamed);
const keys: IdentityKeys = { update: keyNamed('ann'), next: keyNamed('ann next'), use: keyNamed('daily') };
const shared: Control = {
  keys: board.map(({ public_key }) => public_key), threshold: 2,
  next_keys: next_board.map(({ public_key }) => sha256(public_key)), next_threshold: 2, witnesses: [], witness_threshold: 0,
};
const record_plan = { sequence: 0, now_ms: start_ms, services: [], methods: [], attestations: [] };

function boardIdentity(signers: readonly number[]): OwnIdentity {
  const event = genesisEvent(plan, shared, start_ms);
  return ownIdentity(plan, keys, { establishments: [signAs(event, event, signers.map((index) => board[index] ?? keys.update))], witness_signatures: [] });
}

test('an organisation of three keys needs two: in one process, or each on a device of its own', () => {
  const [a, b, c] = board;
  if (a === undefined || b === undefined || c === undefined) throw new Error('the board has three');
  const together = buildRecord(boardIdentity([0, 2]), record_plan, [a, c]);
  const own = boardIdentity([0, 2]);
  assert.is(unwrap(verifyRecord(together, { now_ms: start_ms })).did, own.did);
  assert.is(verifyRecord(buildRecord(own, record_plan), { now_ms: start_ms }).ok, false, 'one signature under the document');
  assert.is(verifyRecord(buildRecord(boardIdentity([1]), record_plan, [a, c]), { now_ms: start_ms }).ok, false, 'one signature under the event');
  const current = currentEvent(own);
  const document = documentOf(own, record_plan);
  const apart = joined(signAs(current, document, [c]), signAs(current, document, [a]), signAs(current, document, [c]));
  assert.equal(encodeRecord({ establishments: own.establishments, document: apart, attestations: [], witness_signatures: [] }), together);
});

test('a rotation under a threshold needs as many of the keys that were committed to', () => {
  const first = boardIdentity([0, 1]);
  const after: Control = { ...shared, keys: next_board.map(({ public_key }) => public_key), next_keys: [sha256(keyNamed('later').public_key)], next_threshold: 1 };
  const event = nextEvent(currentEvent(first), after, { now_ms: start_ms + 1, bad_since: null });
  const rotated = (signers: readonly number[]): boolean => {
    const picked = signers.map((index) => next_board[index] ?? keys.update);
    const establishments = [...first.establishments, signAs(event, event, picked)];
    const own = ownIdentity(plan, { ...keys, update: keyNamed('ann next') }, { establishments, witness_signatures: [] });
    return verifyRecord(buildRecord(own, { ...record_plan, now_ms: start_ms + 1 }, picked), { now_ms: start_ms + 1 }).ok;
  };
  assert.ok(rotated([0, 1]));
  assert.ok(rotated([1, 2]));
  assert.not.ok(rotated([1]));
  const foreign = signAs(event, event, board);
  assert.equal(foreign.signatures, [], 'keys that do not control the DID sign nothing');
});

/** An identity after rotations, a minute apart. */
function rotatedIdentity(count: number): OwnIdentity {
  const key = (number: number, role: string): ReturnType<typeof keyNamed> => keyNamed(`${role} ${number}`);
  const keysAt = (number: number): IdentityKeys => ({ update: key(number, 'update'), next: key(number + 1, 'update'), use: key(number, 'use') });
  const genesis = genesisEvent(plan, soleControl(keysAt(0)), start_ms);
  let own = ownIdentity(plan, keysAt(0), { establishments: [signAs(genesis, genesis, [keysAt(0).update])], witness_signatures: [] });
  for (let number = 1; number <= count; number += 1) {
    const now_ms = start_ms + number * minute_ms;
    const event = nextEvent(currentEvent(own), soleControl(keysAt(number)), { now_ms, bad_since: null });
    const establishments = [...own.establishments, signAs(event, event, [keysAt(number).update])];
    own = ownIdentity(plan, keysAt(number), { establishments, witness_signatures: [] }, { ...own, retired: retiring(own, { now_ms, until_ms: now_ms }) });
  }
  return own;
}

test('former keys hold until they were replaced, the newest eight of them', () => {
  const own = rotatedIdentity(10);
  assert.equal(own.retired.map(({ until }) => (until - start_ms) / minute_ms), [10, 9, 8, 7, 6, 5, 4, 3]);
  assert.equal(own.retired.map(({ id }) => id), [9, 8, 7, 6, 5, 4, 3, 2].map((number) => methodId(keyNamed(`use ${number}`).public_key)));
  assert.ok(own.retired.every(({ uses }) => !uses.includes('authentication') && !uses.includes('capabilityInvocation')), 'never to act');
  const record = unwrap(verifyRecord(buildRecord(own, { ...record_plan, now_ms: start_ms + 10 * minute_ms }), { now_ms: start_ms + 10 * minute_ms }));
  const id = `${own.did}#${own.retired[0]?.id}`;
  const end_s = (start_ms + 10 * minute_ms) / 1000;
  for (const dated_s of [end_s - 1, end_s]) {
    assert.is(signsFor(own, id, dated_s), dated_s < end_s);
    assert.is(keyFor(record, id, 'assertionMethod', dated_s) !== undefined, dated_s < end_s, 'the holder of the keys and everybody else agree');
  }
  assert.ok(signsFor(own, own.signer.key_id, end_s + 1));
  assert.not.ok(signsFor({ ...own, deactivated: true }, own.signer.key_id, 0));
});

test('after a theft nothing is kept that is younger than the time from which keys are bad', () => {
  const own = rotatedIdentity(3);
  const now_ms = start_ms + 4 * minute_ms;
  const untils = (until_ms: number): readonly number[] => retiring(own, { now_ms, until_ms }).map(({ until }) => (until - start_ms) / minute_ms);
  assert.equal(untils(now_ms), [4, 3, 2, 1]);
  assert.equal(untils(start_ms + 2.5 * minute_ms), [2.5, 2, 1], 'the key of minute 3 came later');
  assert.equal(untils(start_ms + 2 * minute_ms), [2, 1], 'the key that came into use at that very time is out');
  assert.equal(untils(start_ms), []);
  assert.equal(untils(0), []);
  assert.equal(retiring(own, { now_ms: start_ms + 2 * minute_ms + retired_kept_ms, until_ms: start_ms + 2 * minute_ms + retired_kept_ms }).length, 2, 'a year later');
});

test('the name of a human does not leave the host, those of others stand in their records', () => {
  for (const kind of ['human', 'org', 'node'] as const) {
    const named: IdentityPlan = { ...plan, kind, name: 'alice@company.com' };
    const event = genesisEvent(named, soleControl(keys, [], 0), start_ms);
    const own = ownIdentity(named, keys, { establishments: [signAs(event, event, [keys.update])], witness_signatures: [] });
    const bytes = buildRecord(own, record_plan);
    assert.is(unwrap(verifyRecord(bytes, { now_ms: start_ms })).document.name, kind === 'human' ? '' : 'alice@company.com');
    assert.is(Buffer.from(bytes).includes('alice@company.com'), kind !== 'human');
  }
});

test('times never go back in a chain, whatever the clock says', () => {
  const own = rotatedIdentity(1);
  const event = nextEvent(currentEvent(own), soleControl(own.keys), { now_ms: 0, bad_since: null });
  assert.is(event.time, currentEvent(own).time);
});

test.run();
