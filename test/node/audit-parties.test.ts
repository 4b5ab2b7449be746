import * as assert from 'uvu/assert';
import { witnessName } from '../../crypto/checkpoint.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { AuditParties } from '../../node/audit-parties.ts';
import { attestSponsorship } from '../../protocols/revocation/index.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { suite } from '../harness.ts';
import { keyNamed, person, start_s } from '../people.ts';
import { code } from '../storage/audit-world.ts';

const test = suite('node/audit-parties');

test('the key of a witness that was seen is remembered when its host takes it out of the record, and no other', async () => {
  const simulator = new Simulator('parties');
  const network = simulatedNetwork(new Wire({ simulator }), { id: 'me', clock: simulator.clock('me'), recorder: { record: () => undefined } });
  const { record } = await person('a witness', { kind: 'node' });
  const { public_key } = keyNamed('witness');
  const name = witnessName(record.did, public_key);
  const listing = (uses: 'methods' | 'retired' | 'nowhere'): DidRecord => ({
    ...record,
    document: {
      ...record.document,
      methods: uses === 'methods' ? [{ id: 'witness', key: public_key, uses: ['witness'] }] : [],
      retired: uses === 'retired' ? [{ id: 'witness', key: public_key, uses: ['witness'], until: start_s * 1000 }] : [],
    },
  });
  const partiesWith = (): { readonly parties: AuditParties; show(shown: DidRecord): void } => {
    let now = listing('nowhere');
    const parties = new AuditParties({
      clock: simulator.clock('me'), network, exposed: () => false,
      identity: { known: () => now, resolve: (did) => Promise.resolve(did === record.did ? ok(now) : fail('DID_NOT_FOUND', 'nobody')) },
      revocation: { operator: () => undefined },
      neighbours: { nodes: () => [['its peer', record.did]] },
    });
    return { parties, show: (shown) => { now = shown; } };
  };
  const { parties, show } = partiesWith();
  assert.equal([code(await parties.namedWitnessKey(name)), parties.hasSeenWitness(name)], ['AUDIT_WITNESS_UNKNOWN', false]);
  show(listing('methods'));
  const [contact] = parties.witnesses();
  show(listing('nowhere'));
  assert.equal([unwrap(await parties.namedWitnessKey(name)), parties.hasSeenWitness(name)], [contact?.verifier_key, true]);
  const thief = witnessName(record.did, keyNamed('a thief').public_key);
  assert.equal([code(await parties.namedWitnessKey(thief)), parties.hasSeenWitness(thief)], ['AUDIT_WITNESS_UNKNOWN', false]);
  const later = partiesWith();
  later.show(listing('retired'));
  assert.is(unwrap(await later.parties.namedWitnessKey(name)), contact?.verifier_key, 'one that is retired still counts');
});

test('the record of an operator that could not be had is asked for again after a while, not each time', async () => {
  const simulator = new Simulator('operators');
  const clock = { now_ms: 0, now: (): number => clock.now_ms };
  const network = simulatedNetwork(new Wire({ simulator }), { id: 'me', clock: simulator.clock('me'), recorder: { record: () => undefined } });
  const owner = await person('an owner');
  const { record } = await person('a host', { kind: 'node', attest: async (did) => [await attestSponsorship(owner.signer, did, { role: 'operator', lifetime_s: 1000, now_s: start_s, jti: new Uint8Array(16) })] });
  const asked: string[] = [];
  const parties = new AuditParties({
    clock, network, exposed: () => false,
    identity: {
      known: (did) => (did === record.did ? record : undefined),
      resolve: (did) => {
        asked.push(did);
        return Promise.resolve(fail('DID_NOT_FOUND', 'nobody answers yet'));
      },
    },
    revocation: { operator: () => undefined },
    neighbours: { nodes: () => [] },
  });
  for (const now_ms of [0, 1000, 299_999, 300_000, 310_000]) {
    clock.now_ms = now_ms;
    parties.operatorOf(record.did);
  }
  assert.equal(asked, [owner.did, owner.did]);
});

test.run();
