import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { signEvent } from '../../crypto/did-events.ts';
import { encodeRecord, keyIds } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import { signHead, signRevocation, type RevocationTarget } from '../../crypto/statement.ts';
import { document_lifetime_ms } from '../../protocols/identity/constants.ts';
import { statements_topic } from '../../protocols/statements/constants.ts';
import { rotatedRecord } from '../forks.ts';
import { suite } from '../harness.ts';
import { agentOf, keyNamed, person, start_ms, start_s } from '../people.ts';
import { codeOf, hostWorld } from '../simulated-hosts.ts';

const test = suite('node/doubts');
const alice = await person('alice');
const [left, right] = [rotatedRecord(alice, 'alice', 'left'), rotatedRecord(alice, 'alice', 'right')];
const rotated = { ...alice, signer: { key_id: keyIds(left, 'assertionMethod')[0] ?? '', key: keyNamed('alice, left, use') } };
const scout = await agentOf(rotated, 'scout');

function aliceAt(sequence: number): Uint8Array {
  const document = signEvent({ ...alice.document, sequence, expires: start_ms + document_lifetime_ms }, [{ index: 0, key: keyNamed('alice, update') }]);
  return encodeRecord({ establishments: [alice.establishment], document, attestations: [], witness_signatures: [] });
}

test('who meets two histories of a DID tells everybody, and nobody deals with it or its agents again, also after a restart', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  unwrap(await world.finish(world.at(0).host.identity.publish(left.bytes)));
  for (const { host } of world.hosts) {
    unwrap(await world.finish(host.identity.resolve(alice.did)));
    unwrap(await world.finish(host.identity.offer([scout.record.bytes])));
    assert.is(host.revocation.barred(scout.record), undefined);
  }
  unwrap(await world.finish(world.at(1).host.identity.offer([right.bytes])));
  assert.is(world.at(1).host.revocation.barred(left)?.code, 'DID_DUPLICITY', 'at once where it was met');
  await world.until('everybody was told', () => world.hosts.every(({ host }) => host.statement_store.duplicity(alice.did) !== undefined));
  for (const { host } of world.hosts) {
    assert.is(host.revocation.barred(left)?.code, 'DID_DUPLICITY');
    assert.is(host.revocation.barred(scout.record)?.code, 'DID_DUPLICITY', 'its attestation means nothing any more');
    assert.is(codeOf(await world.finish(host.identity.resolve(alice.did))), 'DID_DUPLICITY');
  }
  const reports = world.hosts.flatMap(({ facts }) => facts).filter(({ kind }) => kind === 'identity.duplicity');
  assert.is(reports.length, 1, 'one host met both, the others were told');
  const again = await world.restart(2);
  assert.is(again.host.identity.duplicity(alice.did)?.code, 'DID_DUPLICITY');
});

test('a DID\'s own statement of a newer version has hosts look it up again, and one of a version that they know does not', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [publisher, reader] = [world.at(0).host, world.at(1).host];
  unwrap(await world.finish(publisher.identity.publish(aliceAt(2))));
  assert.is(unwrap(await world.finish(reader.identity.resolve(alice.did))).document.sequence, 2);
  const say = async (sequence: number): Promise<void> => {
    const head = unwrap(await signHead(alice.signer, { number: 0, sequence, record: toBase64url(sha256(aliceAt(sequence))), nbf: start_s, exp: start_s + 3600 }));
    unwrap(await world.finish(publisher.parts.network.publish(statements_topic, utf8(head))));
    await world.until('the statement has come', () => reader.statement_store.head(alice.did)?.sequence === sequence);
  };
  for (const sequence of [1, 2]) {
    await say(sequence);
    assert.is(reader.identity.current(alice.did)?.document.sequence, 2, 'nothing newer');
  }
  await say(3);
  assert.is(reader.identity.current(alice.did), undefined);
  assert.is(unwrap(await world.finish(reader.identity.resolve(alice.did))).document.sequence, 2, 'who has no newer one serves what there is');
  assert.is(reader.identity.current(alice.did)?.document.sequence, 2);
});

test('a revocation with authority has hosts look the DID up again, and one by anybody else does not', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [publisher, reader] = [world.at(0).host, world.at(1).host];
  const mallory = await person('mallory');
  const agent = await agentOf(alice, 'agent');
  for (const { record } of [alice, agent, mallory]) unwrap(await world.finish(publisher.identity.publish(record.bytes)));
  let seq = start_s;
  const revoke = async (by: typeof alice, target: RevocationTarget): Promise<boolean> => {
    const did = target.id.split('#')[0] ?? '';
    unwrap(await world.finish(reader.identity.resolve(did)));
    assert.ok(reader.identity.current(did));
    seq += 1;
    await world.get(publisher.statements.publish(unwrap(await signRevocation(by.signer, { target, seq, nbf: start_s, why: '' }))));
    await world.until('the revocation has come', () => reader.statement_store.revocation(target.kind, target.id, by.did) !== undefined);
    return reader.identity.current(did) === undefined;
  };
  for (const target of [
    { kind: 'sponsorship', id: agent.did }, { kind: 'agent', id: agent.did }, { kind: 'key', id: agent.signer.key_id }, { kind: 'did', id: alice.did },
  ] as const) {
    assert.is(await revoke(mallory, target), false, `a stranger, ${target.kind}`);
    assert.is(await revoke(alice, target), true, target.kind);
  }
});

test.run();
