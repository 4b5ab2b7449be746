import * as assert from 'uvu/assert';
import { decodeCbor, encodeCbor, hasShape } from '../../crypto/canonical.ts';
import { witnessedBytes, type Establishment, type Signed, type WitnessSignature } from '../../crypto/did-events.ts';
import { verifyRecord } from '../../crypto/did-record.ts';
import { verifySignature } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { heldKeys } from '../../node/identity-keys.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { currentEvent, genesisEvent, nextEvent, signAs, soleControl } from '../../protocols/identity/index.ts';
import { event_ahead_ms_max, identity_witness_limits, identity_witness_protocol, witnessed_dids_per_peer_max } from '../../protocols/identity-witness/constants.ts';
import type { Network } from '../../protocols/ports.ts';
import { peerFailure } from '../../protocols/reply.ts';
import { suite } from '../harness.ts';
import { keyNamed } from '../people.ts';
import { codeOf, failureOf, hostWorld, type HostWorld } from '../simulated-hosts.ts';

const test = suite('protocols/identity-witness');
const never = new AbortController().signal;

function nodeOf(world: HostWorld, index: number): string {
  return world.at(index).host.identities.node.did;
}

function witnessKey(world: HostWorld, index: number): Uint8Array {
  const key = world.at(index).host.parts.keystore.key('event-witness');
  if (key === undefined) throw new Error('a node has a key for witnessing');
  return key.public_key;
}

/** A host with a sponsor whom the nodes of hosts 1, 2 and 3 witness, two of whom must. */
async function witnessedWorld(context: Parameters<typeof hostWorld>[0]): Promise<{ world: HostWorld; alice: LocalIdentity }> {
  const world = await hostWorld(context, { count: 4 });
  const nodes = [1, 2, 3].map((index) => nodeOf(world, index));
  return { world, alice: await world.get(world.at(0).actions.createSponsor('alice', 'human', { nodes, threshold: 2 })) };
}

/** Asks a host to witness the newest event of a chain, and gives its signature or the code of its refusal. */
async function asked(world: HostWorld, network: Network, index: number, chain: unknown, witness_signatures: readonly WitnessSignature[] = []): Promise<Uint8Array | string> {
  const request = encodeCbor({ version: 1, establishments: chain, witness_signatures });
  const answer = await world.get(network.request(world.at(index).peer, identity_witness_protocol, request, { limits: identity_witness_limits, signal: never }));
  const decoded = unwrap(decodeCbor(answer));
  const signature = hasShape(decoded, ['signature']) ? decoded['signature'] : undefined;
  return signature instanceof Uint8Array ? signature : peerFailure(answer)?.code ?? 'neither';
}

/** A genesis event that names witnesses. */
function genesis(name: string, witnesses: readonly Uint8Array[], time_ms: number): Signed<Establishment> {
  const key = keyNamed(`${name}, update`);
  const event = genesisEvent({ kind: 'human', sponsor: null }, soleControl({ update: key, next: keyNamed(`${name}, next`) }, witnesses, 1), time_ms);
  return signAs(event, event, [key]);
}

test('a sponsor with witnesses is made and rotated with their signatures, and everybody verifies them', async (context) => {
  const { world, alice } = await witnessedWorld(context);
  assert.is(alice.witness_signatures.length, 2, 'as many as are needed');
  const { identity } = await world.get(world.at(0).host.identities.rotate('alice'));
  assert.equal(identity.witness_signatures.map(({ number }) => number), [0, 0, 1, 1]);
  assert.equal(currentEvent(identity).witnesses, currentEvent(alice).witnesses, 'kept for the next event');
  await world.pass(10_000);
  assert.is((await world.get(world.at(3).host.identity.resolve(alice.did, { fresh: true }))).number, 1);
  const changed = await world.get(world.at(0).host.identities.rotate('alice', { witnesses: { nodes: [nodeOf(world, 1)], threshold: 1 } }));
  assert.equal(currentEvent(changed.identity).witnesses, [witnessKey(world, 1)]);
  const last = await world.get(world.at(0).host.identities.rotate('alice', { witnesses: { nodes: [], threshold: 0 } }));
  assert.is(last.identity.witness_signatures.filter(({ number }) => number === 3).length, 1, 'by the witness that the event before named');
  const free = await world.get(world.at(0).host.identities.rotate('alice'));
  assert.is(free.identity.witness_signatures.filter(({ number }) => number === 4).length, 0);
});

test('two of three witnesses suffice; with fewer nothing is made, and a rotation goes on later with the same event', async (context) => {
  const { world, alice } = await witnessedWorld(context);
  const cutOff = (...indices: readonly number[]): void => world.wire.partition(indices.map((index) => world.at(index).peer), world.hosts.filter((_, index) => !indices.includes(index)).map(({ peer }) => peer));
  cutOff(3);
  const one_away = await world.get(world.at(0).host.identities.rotate('alice'));
  assert.is(currentEvent(one_away.identity).number, 1);
  world.wire.heal();
  cutOff(2, 3);
  const failure = failureOf(await world.finish(world.at(0).host.identities.rotate('alice')));
  assert.is(failure.code, 'WITNESSES_TOO_FEW');
  assert.match(failure.reason, /1 witnesses signed, 2 must/);
  const pending = world.at(0).host.identities.find('alice')?.pending?.establishment;
  assert.ok(pending !== undefined);
  assert.is(world.at(0).host.identities.find('alice')?.signer.key_id, one_away.identity.signer.key_id, 'nothing changed yet');
  assert.is(codeOf(await world.finish(world.at(0).actions.createSponsor('bob', 'human', { nodes: [nodeOf(world, 2), nodeOf(world, 3)], threshold: 2 }))), 'WITNESSES_TOO_FEW');
  assert.is(world.at(0).host.identities.find('bob'), undefined);
  world.wire.heal();
  const restarted = await world.restart(0);
  const { identity } = await world.get(restarted.host.identities.rotate('alice'));
  assert.equal(identity.establishments.at(-1), pending, 'the event that a witness may have signed');
  assert.is(identity.pending, null);
  assert.ok((identity.retired[0]?.until ?? 0) > pending.event.time, 'the key was in use until the witnesses had signed');
  assert.is(identity.did, alice.did);
  cutOff(2, 3);
  assert.is(codeOf(await world.finish(restarted.host.identities.rotate('alice'))), 'WITNESSES_TOO_FEW');
  world.wire.heal();
  const urgent = await world.get(restarted.host.identities.rotate('alice', { emergency: true }));
  assert.equal(urgent.identity.retired, [], 'a planned rotation that waited becomes an emergency');
});

test('two witnesses of three sign only one event of a number: a second one finds no quorum, even with every key', async (context) => {
  const { world, alice } = await witnessedWorld(context);
  const keys = heldKeys(world.at(0).host.parts.keystore, alice.label, 0);
  if (keys === undefined) throw new Error('the host holds the keys');
  await world.get(world.at(0).host.identities.rotate('alice'));
  await world.pass(10_000);
  const thief = await world.stranger('thief', world.at(1));
  for (const index of [2, 3]) unwrap(await world.finish(thief.dial(`/simulated/${world.at(index).peer}`, { signal: never })));
  const second = nextEvent(currentEvent(alice), soleControl({ update: keys.next, next: keyNamed('thief') }), { now_ms: Math.floor(world.simulator.now_ms), bad_since: null });
  const chain = [...alice.establishments, signAs(second, second, [keys.next])];
  const answers: (Uint8Array | string)[] = [];
  for (const index of [1, 2, 3]) answers.push(await asked(world, thief, index, chain, alice.witness_signatures));
  assert.equal(answers, ['WITNESS_CONFLICT', 'WITNESS_CONFLICT', 'WITNESS_CONFLICT']);
  for (const index of [1, 2, 3]) assert.ok(world.at(index).facts.some(({ kind, did }) => kind === 'identity-witness.conflict' && did === alice.did));
  await world.crash(1);
  const again = await world.stranger('thief again', world.at(1));
  assert.is(await asked(world, again, 1, chain, alice.witness_signatures), 'WITNESS_CONFLICT', 'also after a crash');
});

test('a witness that joined a history late signs none that parts from it earlier', async (context) => {
  const { world, alice } = await witnessedWorld(context);
  const key = heldKeys(world.at(0).host.parts.keystore, alice.label, 0)?.next;
  if (key === undefined) throw new Error('the host holds the keys');
  world.wire.partition([world.at(3).peer], [0, 1, 2].map((index) => world.at(index).peer));
  await world.get(world.at(0).host.identities.rotate('alice'));
  world.wire.heal();
  await world.pass(20_000);
  await world.get(world.at(0).host.identities.rotate('alice'));
  assert.ok(!world.at(3).facts.some(({ kind }) => kind === 'identity-witness.refused'));
  const other = nextEvent(currentEvent(alice), soleControl({ update: key, next: keyNamed('thief') }), { now_ms: Math.floor(world.simulator.now_ms), bad_since: null });
  const thief = await world.stranger('thief', world.at(3));
  assert.is(await asked(world, thief, 3, [...alice.establishments, signAs(other, other, [key])], alice.witness_signatures), 'WITNESS_CONFLICT');
});

test('a witness gives the same signature again, and none for events that it is not named for, that are not good, or that are of tomorrow', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const now_ms = Math.floor(world.simulator.now_ms);
  const peer = await world.stranger('peer', world.at(0));
  const own = witnessKey(world, 0);
  const good = genesis('carol', [own], now_ms);
  const first = await asked(world, peer, 0, [good]);
  assert.ok(first instanceof Uint8Array && verifySignature(own, witnessedBytes(good.event), first));
  assert.equal(await asked(world, peer, 0, [good]), first);
  assert.is(await asked(world, peer, 0, [genesis('dave', [witnessKey(world, 1)], now_ms)]), 'WITNESS_NOT_NAMED');
  assert.is(await asked(world, peer, 0, [genesis('dave', [own], now_ms + event_ahead_ms_max + 5000)]), 'WITNESS_TIME');
  const unsigned = { ...good, signatures: [] };
  const others: readonly unknown[] = [[], [unsigned], [{ ...good, more: 1 }], 'chain', [{ ...good, event: { ...good.event, time: now_ms + 1 } }]];
  for (const [index, chain] of others.entries()) {
    const hostile = await world.stranger(`hostile-${index}`, world.at(0));
    assert.ok(['WITNESS_REQUEST', 'RECORD_INVALID'].includes(String(await asked(world, hostile, 0, chain))), String(index));
  }
});

test('a witness does not sign on a history whose earlier events lack their witnesses', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const now_ms = Math.floor(world.simulator.now_ms);
  const peer = await world.stranger('peer', world.at(0));
  const first = genesis('carol', [witnessKey(world, 0)], now_ms);
  const next = nextEvent(first.event, soleControl({ update: keyNamed('carol, next'), next: keyNamed('carol, after') }, [witnessKey(world, 0)], 1), { now_ms, bad_since: null });
  const chain = [first, signAs(next, next, [keyNamed('carol, next')])];
  assert.is(await asked(world, peer, 0, chain), 'RECORD_INVALID');
  const signature = await asked(world, peer, 0, [first]);
  if (typeof signature === 'string') throw new Error(signature);
  assert.ok(await asked(world, peer, 0, chain, [{ number: 0, witness: 0, signature }]) instanceof Uint8Array);
});

test('a peer brings a bounded number of DIDs, also across a restart, and those that were taken on are served to their end', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const now_ms = Math.floor(world.simulator.now_ms);
  const own = witnessKey(world, 0);
  let peer = await world.stranger('many', world.at(0));
  let last = await asked(world, peer, 0, [genesis('number 0', [own], now_ms)]);
  const first = last;
  for (let count = 1; count < witnessed_dids_per_peer_max; count += 1) last = await asked(world, peer, 0, [genesis(`number ${count}`, [own], now_ms)]);
  assert.ok(last instanceof Uint8Array);
  assert.is(await asked(world, peer, 0, [genesis('too many', [own], now_ms)]), 'WITNESS_QUOTA');
  await world.restart(0);
  unwrap(await world.finish(peer.dial(`/simulated/${world.at(0).peer}`, { signal: never })));
  assert.is(await asked(world, peer, 0, [genesis('too many', [own], now_ms)]), 'WITNESS_QUOTA');
  assert.equal(await asked(world, peer, 0, [genesis('number 0', [own], now_ms)]), first);
  peer = await world.stranger('another', world.at(0));
  assert.ok(await asked(world, peer, 0, [genesis('too many', [own], now_ms)]) instanceof Uint8Array);
});

test('what is on the disk comes before the signature', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const now_ms = Math.floor(world.simulator.now_ms);
  const peer = await world.stranger('peer', world.at(0));
  const { store } = world.at(0);
  const event = genesis('carol', [witnessKey(world, 0)], now_ms);
  const order: string[] = [];
  const batch = store.batch.bind(store);
  store.batch = async (changes, options) => {
    if (changes.some(({ space }) => space === 'identity_event')) order.push(options.sync ? 'synced' : 'unsynced');
    return batch(changes, options);
  };
  const signature = await asked(world, peer, 0, [event]);
  assert.ok(signature instanceof Uint8Array);
  assert.equal(order, ['synced']);
  store.batch = () => Promise.reject(new Error('no space left on the device'));
  const request = encodeCbor({ version: 1, establishments: [genesis('dave', [witnessKey(world, 0)], now_ms)], witness_signatures: [] });
  const refused = await world.finish(peer.request(world.at(0).peer, identity_witness_protocol, request, { limits: identity_witness_limits, signal: never }));
  assert.is(refused.ok, false, 'no memory, no signature');
  store.batch = batch;
});

test('witnesses are different nodes, at most eight, of which more than half must sign', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [own, other] = [nodeOf(world, 0), nodeOf(world, 1)];
  const { actions } = world.at(0);
  const alice = await world.get(actions.createSponsor('alice', 'human', { nodes: [own, other], threshold: 2 }));
  unwrap(verifyRecord((await world.get(world.at(0).host.identity.resolve(alice.did))).bytes, { now_ms: world.simulator.now_ms }));
  const wrong = [
    [[own, own], 1, 'WITNESS_THRESHOLD'], [[own], 0, 'WITNESS_THRESHOLD'], [[own], 2, 'WITNESS_THRESHOLD'], [[], 1, 'WITNESS_THRESHOLD'], [[own, other], 1, 'WITNESS_THRESHOLD'],
    [[alice.did], 1, 'WITNESS_UNKNOWN'], [[own, other, own.slice(0, -1)], 2, 'DID_INVALID'],
  ] as const;
  for (const [nodes, threshold, code] of wrong) assert.is(codeOf(await world.finish(actions.createSponsor('bob', 'human', { nodes, threshold }))), code, `${nodes.length} ${threshold}`);
});

test.run();
