import * as assert from 'uvu/assert';
import { toBase64url } from '../../crypto/bytes.ts';
import { signEvent, type Establishment, type Signed } from '../../crypto/did-events.ts';
import { keyFor, verifyRecord, type DidRecord } from '../../crypto/did-record.ts';
import { parseDid } from '../../crypto/did.ts';
import { unwrap } from '../../crypto/result.ts';
import { didMethods } from '../../node/control/did-methods.ts';
import { heldKeys } from '../../node/identity-keys.ts';
import type { Host } from '../../node/host.ts';
import type { LocalIdentity } from '../../node/identities.ts';
import { buildRecord, currentEvent, nextEvent, ownIdentity, signAs, soleControl, type History, type IdentityKeys } from '../../protocols/identity/index.ts';
import { record_namespace } from '../../protocols/identity/constants.ts';
import type { Files } from '../../storage/files.ts';
import { keystore_file } from '../../storage/keystore.ts';
import { suite } from '../harness.ts';
import { keyNamed } from '../people.ts';
import { codeOf, copyOf, failureOf, hostWorld, type HostWorld, type Remains } from '../simulated-hosts.ts';

const test = suite('node/identities');
const never = new AbortController().signal;
const hour_ms = 3_600_000;
const minute_ms = 60_000;

/** The DID as another host sees it when it asks the mesh. */
async function seen(world: HostWorld, index: number, did: string): Promise<DidRecord> {
  await world.pass(10_000);
  return world.get(world.at(index).host.identity.resolve(did, { fresh: true }));
}

function digestOf(did: string): Uint8Array {
  return unwrap(parseDid(did)).digest;
}

function keysOf(world: HostWorld, index: number, identity: LocalIdentity): IdentityKeys {
  const keys = heldKeys(world.at(index).host.parts.keystore, identity.label, currentEvent(identity).number);
  if (keys === undefined) throw new Error('the host holds the keys');
  return keys;
}

/** A record of somebody who holds stolen keys, over events of his choice. */
function forged(identity: LocalIdentity, keys: IdentityKeys, establishments: readonly Signed<Establishment>[], changes: { readonly deactivated?: boolean; readonly sequence?: number; readonly lifetime_ms?: number } = {}, now_ms: number = 0): Uint8Array {
  const history: History = { establishments, witness_signatures: identity.witness_signatures };
  const own = ownIdentity(identity, keys, history, { retired: [], successor: null, predecessor: null, deactivated: changes.deactivated ?? false });
  return buildRecord(own, { sequence: changes.sequence ?? 1000, now_ms, lifetime_ms: changes.lifetime_ms ?? 48 * hour_ms, services: [], methods: [], attestations: identity.attestations });
}

/** Gives a record to every host as the DHT does, and says what each answers. */
async function offered(world: HostWorld, did: string, record: Uint8Array): Promise<number> {
  const thief = await world.stranger(`thief-${world.simulator.now_ms}`, world.at(0), (network) => {
    network.records(record_namespace, { validate: async () => ({ ok: true, value: undefined }), select: () => 0 });
  });
  const stored = await world.finish(thief.put(record_namespace, digestOf(did), record, { signal: never }));
  await world.finish(thief.stop());
  return stored.ok ? stored.value : 0;
}

test('a rotation on one host gives the others a new key, and the former one holds for what it signed before', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const before = await world.hire(0, 'a');
  const known = await seen(world, 1, before.did);
  await world.pass(minute_ms);
  const rotated_s = world.simulator.now_ms / 1000;
  const { identity, storers } = await world.get(world.at(0).host.identities.rotate('a'));
  assert.is(identity.did, before.did);
  assert.is(storers, 2);
  assert.is.not(identity.signer.key_id, before.signer.key_id);
  const after = await seen(world, 1, before.did);
  assert.is(known.number, 0);
  assert.is(after.number, 1);
  assert.equal(keyFor(after, identity.signer.key_id, 'authentication'), identity.signer.key.public_key);
  assert.is(keyFor(after, before.signer.key_id, 'capabilityInvocation', rotated_s - 1), undefined, 'acts in nobody\'s name any more');
  assert.equal(keyFor(after, before.signer.key_id, 'capabilityDelegation', Math.floor(rotated_s) - 1), before.signer.key.public_key);
  assert.is(keyFor(after, before.signer.key_id, 'capabilityDelegation', Math.ceil(rotated_s) + 1), undefined);
});

test('a rotated agent calls, is called and is verified at once by hosts that knew its old record', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const [a, b] = [await world.hire(0, 'a'), await world.hire(1, 'b', { authority: 'open' })];
  await world.get(world.at(0).actions.verifyPeer('a', b.did, 0));
  await world.get(world.at(0).actions.call({ from: 'a', to: b.did, command: 'read:x', arguments: 1 }));
  await world.get(world.at(0).host.identities.rotate('a'));
  const called = await world.get(world.at(0).actions.call({ from: 'a', to: b.did, command: 'read:x', arguments: 2 }));
  assert.is(called.receipt.verdict, 'allow', called.receipt.reason);
  await world.get(world.at(0).actions.verifyPeer('a', b.did, 0));
  await world.get(world.at(1).host.identities.rotate('b'));
  const again = await world.get(world.at(0).actions.call({ from: 'a', to: b.did, command: 'read:x', arguments: 3 }));
  assert.is(again.receipt.verdict, 'allow', again.receipt.reason);
  await world.get(world.at(1).actions.verifyPeer('b', a.did, 0));
  await world.get(world.at(0).host.identities.rotate('sponsor-0'));
  const delegated = await world.get(world.at(0).actions.delegate({ from: 'sponsor-0', to: b.did, capabilities: ['read:x'] }));
  assert.ok(delegated.delivered);
});

test('whoever knew the old record hears of the new one at once, without asking', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  const a = await world.hire(0, 'a');
  const { identity } = world.at(2).host;
  await world.get(identity.resolve(a.did));
  await world.pass(10_000);
  assert.is(identity.known(a.did)?.number, 0);
  await world.get(world.at(0).host.identities.rotate('a'));
  await world.pass(5000);
  assert.is((await world.get(identity.resolve(a.did))).number, 1);
  const head = world.at(2).host.statement_store.head(a.did);
  assert.is(head?.number, 1);
  assert.is(head?.record, toBase64url((await world.get(identity.resolve(a.did))).hash));
  assert.equal(world.hosts.flatMap(({ facts }) => facts.filter(({ kind }) => kind === 'identity.announce.failed')), []);
});

test('the control methods list, rotate, deactivate and name successors, and say what is void', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'a');
  await world.hire(0, 'helper');
  const b = await world.hire(1, 'b');
  const methods = didMethods(world.at(0).host);
  const { delegation } = await world.get(world.at(0).actions.delegate({ from: 'sponsor-0', to: b.did, capabilities: ['read:x'] }));
  await world.pass(minute_ms);
  const planned = await world.get(methods['did.rotate']({ who: 'sponsor-0' }, never));
  assert.equal([planned.number, planned.voided, planned.attested_again], [1, [], []]);
  assert.equal(planned.retired.map(({ id }) => id).length, 1);
  const emergency = await world.get(methods['did.rotate']({ who: 'sponsor-0', emergency: true }, never));
  assert.equal(emergency.voided.map(({ id }) => id), [delegation.id]);
  assert.equal(emergency.attested_again.toSorted((x, y) => (x < y ? -1 : 1)), ['a', 'helper']);
  assert.equal(emergency.retired, []);
  const listed = await world.get(methods['did.list']({}, never));
  assert.equal(listed.map(({ name, kind, number, state }) => [name, kind, number, state].join()).toSorted((x, y) => (x < y ? -1 : 1)), [
    'a,agent,0,active', 'helper,agent,0,active', 'host-0,node,0,active', 'sponsor-0,human,2,active',
  ]);
  assert.is(codeOf(await world.finish(methods['did.deactivate']({ who: 'a', yes: false }, never))), 'CONFIRMATION_NEEDED');
  assert.is((await world.get(methods['did.deactivate']({ who: 'a', yes: true }, never))).state, 'deactivated');
  await world.get(world.at(0).actions.createSponsor('heir', 'human'));
  const { old, successor } = await world.get(methods['did.succeed']({ old: 'sponsor-0', successor: 'heir' }, never));
  assert.equal([old.successor, successor.predecessor], [successor.did, old.did]);
  assert.is(codeOf(await world.finish(methods['did.rotate']({ who: 'heir', witness_threshold: 1 }, never))), 'WITNESS_THRESHOLD');
});

test('the node itself is rotated under its name node, and its log and witness keys stay', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const { did } = world.at(0).host.identities.node;
  const before = await seen(world, 1, did);
  const { identity } = await world.get(world.at(0).host.identities.rotate('node'));
  const after = await seen(world, 1, did);
  assert.is(after.number, 1);
  assert.is(identity.did, world.at(0).host.identities.node.did);
  assert.equal(after.document.methods.slice(1), before.document.methods.slice(1));
  assert.equal(after.document.methods.slice(1).map(({ id, uses }) => `${id}: ${uses.join()}`), ['log: log', 'witness: witness', 'event-witness: eventWitness']);
});

test('a planned rotation of a sponsor keeps its word, a late joiner believes it as well; after an emergency it is given anew', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const a = await world.hire(0, 'a');
  const sponsor = world.sponsor(0);
  const b = await world.hire(1, 'b');
  await world.pass(minute_ms);
  const chain = (await world.get(world.at(0).actions.delegate({ from: 'sponsor-0', to: b.did, capabilities: ['read:x'] }))).delegation.chain;
  await world.pass(minute_ms);
  const word = await world.get(world.at(0).actions.endorse('sponsor-0', b.did, 800, 'known for years'));
  await world.pass(minute_ms);
  await world.get(world.at(0).host.identities.rotate('sponsor-0'));
  const attestations = world.at(0).host.identities.find('a')?.attestations;
  assert.equal(attestations, a.attestations, 'not attested again');
  const late = await world.add('late');
  for (const other of world.hosts) if (other !== late) await world.connect(late, other);
  await world.pass(5000);
  unwrap(await world.finish(late.host.delegations.verify(chain)));
  await world.until('the late joiner believes the sponsor\'s word', () => late.host.statement_store.has(word.hash));
  const unsponsored = async (host: Host): Promise<string> => {
    const record = await world.get(host.identity.resolve(a.did, { fresh: true }));
    await world.finish(host.identity.resolve(sponsor.did, { fresh: true }));
    return host.revocation.barred(record)?.code ?? 'ok';
  };
  assert.is(await unsponsored(late.host), 'ok');
  await world.pass(minute_ms);
  await world.get(world.at(0).host.identities.rotate('sponsor-0', { emergency: true }));
  await world.pass(60_000);
  assert.is.not(world.at(0).host.identities.find('a')?.attestations[0], a.attestations[0], 'attested again');
  assert.is(await unsponsored(late.host), 'ok');
  assert.not.ok((await world.finish(late.host.delegations.verify(chain))).ok, 'what the stolen key signed is void');
  const latest = await world.add('latest');
  for (const other of world.hosts) if (other !== latest) await world.connect(latest, other);
  await world.pass(3 * minute_ms);
  assert.is((await world.get(latest.host.identity.resolve(sponsor.did))).number, 2);
  assert.not.ok(latest.host.statement_store.has(word.hash), 'nor does anybody who comes then believe its word');
});

test('after a theft, what was signed before the named time holds and what came later does not', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'a');
  const b = await world.hire(1, 'b');
  const early = (await world.get(world.at(0).actions.delegate({ from: 'sponsor-0', to: b.did, capabilities: ['read:x'] }))).delegation.chain;
  await world.pass(minute_ms);
  const bad_since_ms = Math.floor(world.simulator.now_ms);
  await world.pass(minute_ms);
  const late = (await world.get(world.at(0).actions.delegate({ from: 'sponsor-0', to: b.did, capabilities: ['read:x'] }))).delegation.chain;
  const { identities } = world.at(0).host;
  assert.is(codeOf(await world.finish(identities.rotate('sponsor-0', { bad_since_ms }))), 'BAD_SINCE_INVALID');
  assert.is(codeOf(await world.finish(identities.rotate('sponsor-0', { emergency: true, bad_since_ms: bad_since_ms + 2 * minute_ms }))), 'BAD_SINCE_INVALID');
  const { identity } = await world.get(identities.rotate('sponsor-0', { emergency: true, bad_since_ms }));
  assert.is(currentEvent(identity).bad_since, bad_since_ms);
  await seen(world, 1, world.sponsor(0).did);
  unwrap(await world.finish(world.at(1).host.delegations.verify(early)));
  assert.not.ok((await world.finish(world.at(1).host.delegations.verify(late))).ok);
  await world.pass(minute_ms);
  await world.get(identities.rotate('sponsor-0', { emergency: true, bad_since_ms: bad_since_ms - 2 * minute_ms }));
  assert.equal(world.sponsor(0).retired, [], 'a key that came into use only after that time signed nothing before it');
  const planned = await world.get(identities.rotate('sponsor-0'));
  assert.is(currentEvent(planned.identity).bad_since, null);
  const all = await world.get(identities.rotate('sponsor-0', { emergency: true }));
  assert.equal([currentEvent(all.identity).bad_since, all.identity.retired], [0, []]);
});

test('who holds the stolen keys in use cannot rotate: neither storers nor readers believe it', async (context) => {
  const world = await hostWorld(context, { count: 4 });
  await world.hire(0, 'a');
  const victim = world.sponsor(0);
  await seen(world, 1, victim.did);
  const keys = keysOf(world, 0, victim);
  const thief: IdentityKeys = { update: keys.update, next: keyNamed('thief, next'), use: keyNamed('thief, use') };
  const now_ms = Math.floor(world.simulator.now_ms);
  const own = nextEvent(currentEvent(victim), soleControl(thief), { now_ms, bad_since: null });
  const others = nextEvent(currentEvent(victim), soleControl({ update: keyNamed('thief, update'), next: keyNamed('thief, next') }), { now_ms, bad_since: null });
  for (const record of [
    forged(victim, thief, [...victim.establishments, signAs(own, own, [keys.update])], {}, now_ms),
    forged(victim, { ...thief, update: keyNamed('thief, update') }, [...victim.establishments, signEvent(others, [{ index: 0, key: keys.update }])], {}, now_ms),
    forged(victim, { ...thief, update: keyNamed('thief, update') }, [...victim.establishments, signAs(others, others, [keyNamed('thief, update')])], {}, now_ms),
  ]) {
    assert.is(verifyRecord(record, { now_ms }).ok, false);
    assert.is(await offered(world, victim.did, record), 0, 'nobody stores it');
    assert.is((await seen(world, 2, victim.did)).number, 0);
  }
});

test('a thief can deactivate with the stolen keys, and the owner\'s rotation beats it everywhere', async (context) => {
  const world = await hostWorld(context, { count: 4 });
  await world.hire(0, 'a');
  const victim = world.sponsor(0);
  await seen(world, 1, victim.did);
  const record = forged(victim, keysOf(world, 0, victim), victim.establishments, { deactivated: true }, Math.floor(world.simulator.now_ms));
  assert.ok(await offered(world, victim.did, record) > 0);
  assert.ok((await seen(world, 2, victim.did)).document.deactivated, 'so far he holds it');
  assert.match(failureOf(await world.finish(world.at(0).host.identities.publish(victim))).fix ?? '', /did rotate --emergency/, 'and the owner is told');
  await world.get(world.at(0).host.identities.rotate('sponsor-0', { emergency: true }));
  for (const index of [1, 2, 3]) {
    const now = await seen(world, index, victim.did);
    assert.is(now.number, 1);
    assert.not.ok(now.document.deactivated);
  }
  assert.is(await offered(world, victim.did, record), 0, 'and it does not come back');
  const owner = world.sponsor(0);
  assert.is((await seen(world, 3, victim.did)).document.methods[0]?.id, owner.signer.key_id.split('#')[1]);
});

test('a thief with the stolen keys cannot keep the owner from rotating, by the highest sequence number or an end that no document may have', async (context) => {
  for (const changes of [{ sequence: Number.MAX_SAFE_INTEGER }, { deactivated: true, lifetime_ms: 1000 * 8760 * hour_ms }]) {
    const world = await hostWorld(context, { count: 3 });
    await world.hire(0, 'a');
    const victim = world.sponsor(0);
    const record = forged(victim, keysOf(world, 0, victim), victim.establishments, changes, Math.floor(world.simulator.now_ms));
    assert.ok(await offered(world, victim.did, record) > 0);
    assert.is(world.at(0).host.identity.known(victim.did)?.document.sequence, changes.sequence ?? 1000, 'the owner\'s host believes it as well');
    await world.get(world.at(0).host.identities.rotate('sponsor-0', { emergency: true }));
    const now = await seen(world, 2, victim.did);
    assert.is(now.number, 1);
    assert.not.ok(now.document.deactivated);
    assert.is(now.document.methods[0]?.id, world.sponsor(0).signer.key_id.split('#')[1]);
    assert.ok(now.document.sequence < 10, 'which counts anew');
  }
});

test('a deactivated identity is a tombstone for everybody, ends its agents, and does nothing more', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const a = await world.hire(0, 'a');
  const sponsor = world.sponsor(0);
  const b = await world.hire(1, 'b', { authority: 'open' });
  await world.get(world.at(0).actions.call({ from: 'a', to: b.did, command: 'read:x', arguments: 1 }));
  const { identities } = world.at(0).host;
  assert.is(codeOf(await world.finish(identities.deactivate('node'))), 'NODE_NEEDED');
  assert.is(codeOf(await world.finish(identities.deactivate('nobody'))), 'NAME_UNKNOWN');
  await world.get(identities.deactivate('a'));
  await world.pass(1000);
  const tombstone = await seen(world, 1, a.did);
  assert.ok(tombstone.document.deactivated);
  assert.equal([tombstone.document.methods, tombstone.document.services], [[], []]);
  assert.is(codeOf(await world.finish(world.at(0).actions.call({ from: 'a', to: b.did, command: 'read:x', arguments: 2 }))), 'IDENTITY_DEACTIVATED');
  assert.is(codeOf(await world.finish(identities.rotate('a'))), 'IDENTITY_DEACTIVATED');
  assert.is(codeOf(await world.finish(identities.deactivate(a.did))), 'IDENTITY_DEACTIVATED');
  assert.is(world.at(0).host.agents.get(a.did)?.kernel.stateOf(a.did), 'killed');
  const other = await world.hire(0, 'a', { sponsor: 'sponsor-0' });
  assert.is.not(other.did, a.did, 'the name is free again');
  await world.get(identities.deactivate('sponsor-0'));
  await world.pass(1000);
  assert.is(world.at(0).host.agents.get(other.did)?.kernel.stateOf(other.did), 'killed', 'nobody answers for it');
  const again = await world.restart(0);
  assert.is(again.host.identities.find('a')?.did, other.did);
  assert.is(again.host.agents.get(a.did), undefined, 'also after a restart');
  assert.ok((await seen(world, 1, sponsor.did)).document.deactivated);
});

test('what a DID revoked before its deactivation stays revoked for a late joiner', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const a = await world.hire(0, 'a');
  const revoked = await world.get(world.at(0).actions.revoke('sponsor-0', 'agent', a.did, 'misused'));
  await world.pass(2000);
  await world.get(world.at(0).host.identities.deactivate('sponsor-0'));
  await world.pass(2000);
  const late = await world.add('late');
  for (const other of world.hosts) if (other !== late) await world.connect(late, other);
  await world.until('the late joiner has the revocation', () => late.host.statement_store.has(revoked.hash));
  await world.finish(late.host.identity.gather([a.did]));
  assert.is(late.host.revocation.revokedDid(a.did)?.code, 'REVOKED');
});

test('with an organisation end the agents of its humans', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { host, actions } = world.at(0);
  await world.get(actions.createSponsor('acme', 'org'));
  await world.get(host.identities.create({ kind: 'human', name: 'bob', sponsor: 'acme' }));
  const agent = await world.hire(0, 'a', { sponsor: 'bob' });
  await world.get(host.identities.deactivate('acme'));
  await world.pass(1000);
  assert.is([...host.agents.list()][0]?.kernel.stateOf(agent.did), 'killed');
});

test('the record of a sponsor elsewhere is kept in the mesh, and stays another\'s', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(1, 'far');
  const { host, actions } = world.at(0);
  await world.pass(1000);
  await world.get(actions.createAgent({ name: 'near', sponsor: world.sponsor(1).did, capabilities: [] }));
  await world.get(host.identity.resolve(world.sponsor(1).did));
  assert.is(host.identities.attesting.carried().length, 1);
  await world.finish(host.identities.publishAll());
  assert.match(JSON.stringify((await world.finish(host.identity.resolution(world.sponsor(1).did))).didDocumentMetadata), /"source":"(cache|dht)"/);
});

test('a round of publishing that breaks does not end all that follow', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  const { attesting } = world.at(0).host.identities;
  const carried = attesting.carried.bind(attesting);
  attesting.carried = () => { throw new Error('broken'); };
  const failed = await world.finish(world.at(0).host.identities.publishAll().catch((error: unknown) => error));
  assert.instance(failed, Error);
  attesting.carried = carried;
  assert.is(await world.finish(world.at(0).host.identities.publishAll()), 1);
});

test('a tombstone goes on being published', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { identities, identity } = world.at(0).host;
  const { did } = await world.get(world.at(0).actions.createSponsor('alice', 'human'));
  await world.get(identities.deactivate('alice'));
  const first = identity.known(did)?.document;
  await world.pass(13 * hour_ms);
  const later = identity.known(did)?.document;
  assert.ok(first?.deactivated === true && later?.deactivated === true && later.sequence > first.sequence);
});

test('one identity takes the place of another when both documents say so', async (context) => {
  const world = await hostWorld(context, { count: 2 });
  await world.hire(0, 'a');
  const { identities } = world.at(0).host;
  const [old, heir, third] = [world.sponsor(0), await world.get(world.at(0).actions.createSponsor('heir', 'human')), await world.get(world.at(0).actions.createSponsor('third', 'human'))];
  await world.get(world.at(0).actions.createSponsor('firm', 'org'));
  for (const [from, to] of [['sponsor-0', 'sponsor-0'], ['sponsor-0', 'firm'], ['sponsor-0', 'a']] as const) {
    assert.is(codeOf(await world.finish(identities.succeed(from, to))), 'SUCCESSOR_INVALID', to);
  }
  await world.get(identities.succeed('sponsor-0', 'heir'));
  assert.is((await seen(world, 1, old.did)).document.successor, heir.did);
  assert.is((await seen(world, 1, heir.did)).document.predecessor, old.did);
  await world.get(identities.succeed('sponsor-0', 'heir'));
  assert.is(codeOf(await world.finish(identities.succeed('sponsor-0', 'third'))), 'SUCCESSOR_INVALID', 'it has one');
  assert.is(codeOf(await world.finish(identities.succeed('third', 'heir'))), 'SUCCESSOR_INVALID', 'whose place is taken');
  assert.is(codeOf(await world.finish(identities.succeed('heir', old.did))), 'SUCCESSOR_INVALID', 'in a circle');
  assert.is(third.successor, null);
  await world.get(identities.deactivate('sponsor-0'));
  assert.is((await seen(world, 1, old.did)).document.successor, heir.did, 'a tombstone names the heir');
});

test('of two successors named at once one takes the place', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { host: { identities }, actions } = world.at(0);
  for (const name of ['old', 'one', 'two']) await world.get(actions.createSponsor(name, 'human'));
  const named = await world.finish(Promise.all([identities.succeed('old', 'one'), identities.succeed('old', 'two')]));
  assert.equal(named.map(codeOf), ['ok', 'SUCCESSOR_INVALID']);
  assert.is(identities.find('two')?.predecessor, null);
});

test('the 25th key is the last: then a successor takes over', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  await world.get(world.at(0).actions.createSponsor('alice', 'human'));
  const { identities } = world.at(0).host;
  for (let count = 1; count <= 24; count += 1) {
    await world.pass(1000);
    await world.get(identities.rotate('alice'));
  }
  const failure = failureOf(await world.finish(identities.rotate('alice')));
  assert.is(failure.code, 'ROTATIONS_EXHAUSTED');
  assert.match(failure.fix ?? '', /did succeed/);
  const alice = identities.find('alice');
  assert.is(alice?.retired.length, 8, 'the last eight former keys');
  const untils = alice?.retired.map(({ until }) => until) ?? [];
  assert.equal(untils, untils.toSorted((a, b) => b - a));
});

test('former keys older than a year are left out', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  await world.get(world.at(0).actions.createSponsor('alice', 'human'));
  const { identities } = world.at(0).host;
  await world.get(identities.rotate('alice'));
  assert.is(identities.find('alice')?.retired.length, 1);
  await world.finish(world.at(0).host.stop());
  await world.pass(367 * 24 * hour_ms);
  const again = unwrap(await world.start('again', world.at(0)));
  await world.get(again.host.identities.rotate('alice'));
  const retired = again.host.identities.find('alice')?.retired ?? [];
  assert.is(retired.length, 1, 'only the one of today');
  await world.finish(again.host.stop());
});

test('an old copy of a data folder does not rotate again what was rotated already', async (context) => {
  const world = await hostWorld(context, { count: 3 });
  await world.get(world.at(0).actions.createSponsor('alice', 'human'));
  const remains = await copyOf(world.at(0));
  const { identity } = await world.get(world.at(0).host.identities.rotate('alice'));
  await world.finish(world.at(0).host.stop());
  const old = unwrap(await world.start('old copy', remains));
  await world.connect(old, world.at(1));
  await world.pass(5000);
  assert.is(old.host.identities.find('alice')?.establishments.length, 1);
  assert.is(codeOf(await world.finish(old.host.identities.rotate('alice'))), 'IDENTITY_BEHIND');
  assert.is((await seen(world, 1, identity.did)).number, 1);
  await world.finish(old.host.stop());
});

/** What of a host is left, on a disk that refuses the write of this number and all after it. */
function failing({ store, files }: Remains, count: number): Remains {
  let writes = 0;
  const full = (): void => {
    writes += 1;
    if (writes > count) throw new Error('no space left on the device');
  };
  return {
    store: {
      get: (space, key) => store.get(space, key),
      entries: (space, range) => store.entries(space, range),
      close: () => store.close(),
      batch: async (changes, options) => {
        if (changes.some(({ space }) => space === 'agent')) full();
        return store.batch(changes, options);
      },
    },
    files: {
      read: (name) => files.read(name),
      remove: (name) => files.remove(name),
      write: async (name, bytes) => {
        if (name === keystore_file) full();
        return files.write(name, bytes);
      },
    },
  };
}

test('whichever write a rotation fails at, the identity and all its keys are there, and the next rotation is good', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { did } = await world.get(world.at(0).actions.createSponsor('alice', 'human'));
  const outcomes: string[] = [];
  for (const count of [0, 1, 2]) {
    const remains = await copyOf(world.at(0));
    const crashing = unwrap(await world.start(`crashing-${count}`, failing(remains, count)));
    const outcome = await world.finish(crashing.host.identities.rotate('alice').then(codeOf, () => 'crashed'));
    outcomes.push(outcome);
    if (outcome === 'crashed') {
      // The process goes on after a full disk, and tries again on a disk that has room.
      assert.is(crashing.host.identities.find('alice')?.establishments.length, 1, 'what failed did not happen');
    }
    await world.finish(crashing.host.stop());
    const again = unwrap(await world.start(`again-${count}`, remains));
    const { identity } = await world.get(again.host.identities.rotate('alice'));
    assert.is(identity.did, did);
    assert.is(currentEvent(identity).number, outcome === 'crashed' ? 1 : 2);
    const stored = await again.host.identity.resolve(did);
    assert.is(unwrap(stored).number, currentEvent(identity).number);
    await world.finish(again.host.stop());
    const last = unwrap(await world.start(`last-${count}`, remains));
    assert.equal(last.host.identities.find('alice')?.signer.key_id, identity.signer.key_id, 'its keys are on the disk');
    await world.finish(last.host.stop());
  }
  assert.equal(outcomes, ['crashed', 'crashed', 'ok'], 'each write was tried');
});

test('a host that crashed before it could publish a rotation stands by it from its next start on', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  const { did } = await world.get(world.at(0).actions.createSponsor('alice', 'human'));
  const { store } = world.at(0);
  const batch = store.batch.bind(store);
  let remains: Promise<Remains> | undefined;
  store.batch = async (changes, options) => {
    await batch(changes, options);
    if (changes.some(({ space }) => space === 'agent')) remains ??= copyOf(world.at(0));
    await remains;
  };
  await world.get(world.at(0).host.identities.rotate('alice'));
  store.batch = batch;
  if (remains === undefined) throw new Error('the rotation was stored');
  const again = unwrap(await world.start('again', await remains));
  assert.is(again.host.identity.known(did)?.number, 1);
  await world.finish(again.host.stop());
});

test('after a full disk the same process rotates when there is room, with keys that are on the disk', async (context) => {
  const world = await hostWorld(context, { count: 1 });
  await world.get(world.at(0).actions.createSponsor('alice', 'human'));
  const remains = await copyOf(world.at(0));
  let is_full = true;
  const files: Files = {
    read: (name) => remains.files.read(name),
    remove: (name) => remains.files.remove(name),
    write: async (name, bytes) => {
      if (is_full && name === keystore_file) throw new Error('no space left on the device');
      return remains.files.write(name, bytes);
    },
  };
  const host = unwrap(await world.start('full', { store: remains.store, files }));
  assert.is(await world.finish(host.host.identities.rotate('alice').then(codeOf, () => 'crashed')), 'crashed');
  is_full = false;
  const { identity } = await world.get(host.host.identities.rotate('alice'));
  await world.finish(host.host.stop());
  const again = unwrap(await world.start('again', remains));
  assert.is(again.host.identities.find('alice')?.signer.key_id, identity.signer.key_id);
  await world.finish(again.host.stop());
});

test.run();
