import * as assert from 'uvu/assert';
import { forkOf, verifyDuplicity } from '../../crypto/did-duplicity.ts';
import { eventHash, signEvent, type Establishment, type Signed } from '../../crypto/did-events.ts';
import { sha256 } from '../../crypto/hash.ts';
import { rotatedRecord, secondEvent } from '../forks.ts';
import { suite } from '../harness.ts';
import { keyNamed, person, start_ms } from '../people.ts';

const test = suite('crypto/did-duplicity');
const alice = await person('alice');
const bob = await person('bob');
const left = secondEvent(alice, 'alice', 'left');
const right = secondEvent(alice, 'alice', 'right');

function verdict(number: number, a: Signed<Establishment>, b: Signed<Establishment>, record = alice.record): string {
  const verified = verifyDuplicity(record, number, a, b);
  return verified.ok ? 'proven' : verified.failure.code;
}

test('two signed events of one number prove duplicity, whichever of them the known record has, or neither', () => {
  assert.is(verdict(1, left, right), 'proven');
  assert.is(verdict(1, right, left), 'proven');
  assert.is(verdict(1, left, right, rotatedRecord(alice, 'alice', 'left')), 'proven');
  assert.is(verdict(1, left, right, rotatedRecord(alice, 'alice', 'third')), 'proven');
});

test('what does not follow the known record, is one event twice, or is not signed by committed keys, proves nothing', () => {
  const thief = keyNamed('thief');
  const stolen = signEvent<Establishment>({ ...right.event, keys: [thief.public_key] }, [{ index: 0, key: thief }]);
  const current = signEvent<Establishment>({ ...right.event, keys: alice.establishment.event.keys }, [{ index: 0, key: keyNamed('alice, update') }]);
  const unsigned = { event: right.event, signatures: [] };
  const flipped = { event: right.event, signatures: left.signatures };
  const later = secondEvent(alice, 'alice', 'right', { number: 2 });
  const elsewhere = secondEvent(alice, 'alice', 'right', { previous: sha256(eventHash(left.event)) });
  for (const [what, event] of Object.entries({ same: left, stolen, current, unsigned, flipped, later, elsewhere, genesis: alice.establishment, stranger: secondEvent(bob, 'bob', 'left') })) {
    assert.is(verdict(1, left, event), 'DUPLICITY_INVALID', what);
    assert.is(verdict(1, event, left), 'DUPLICITY_INVALID', what);
  }
  assert.is(verdict(0, alice.establishment, alice.establishment), 'DUPLICITY_INVALID');
  assert.is(verdict(1.5, left, right), 'DUPLICITY_INVALID');
  assert.is(verdict(2, left, right), 'DUPLICITY_UNDECIDED', 'a record that ends before cannot tell');
});

test('where witnesses must countersign, the controller\'s signatures alone prove nothing', async () => {
  const witness = keyNamed('witness').public_key;
  const genesis = signEvent<Establishment>({ ...alice.establishment.event, witnesses: [witness], witness_threshold: 1 }, [{ index: 0, key: keyNamed('alice, update') }]);
  const watched = { ...alice, establishment: genesis };
  const record = { ...alice.record, establishments: [genesis] };
  assert.is(verdict(1, secondEvent(watched, 'alice', 'left'), secondEvent(watched, 'alice', 'right'), record), 'DUPLICITY_WITNESSED');
});

test('records part where their events first differ; one that goes on is no fork', () => {
  const [one, other] = [rotatedRecord(alice, 'alice', 'left'), rotatedRecord(alice, 'alice', 'right')];
  const fork = forkOf(one, other);
  assert.is(fork?.number, 1);
  assert.equal(fork?.first, left);
  assert.equal(fork?.second, right);
  assert.is(forkOf(alice.record, one), undefined);
  assert.is(forkOf(one, alice.record), undefined);
  assert.is(forkOf(one, one), undefined);
  assert.is(forkOf(one, rotatedRecord(alice, 'alice', 'left', { sequence: 9, time: start_ms + 1 })), undefined, 'documents may differ');
  assert.is(forkOf(alice.record, bob.record), undefined);
});

test.run();
