import * as assert from 'uvu/assert';
import { isFields } from '../../crypto/canonical.ts';
import { attestationsHash, signEvent, type DocumentEvent } from '../../crypto/did-events.ts';
import { encodeRecord, type DidRecord } from '../../crypto/did-record.ts';
import { didOf, parseDid } from '../../crypto/did.ts';
import { sha256 } from '../../crypto/hash.ts';
import { utf8 } from '../../crypto/bytes.ts';
import { ok, unwrap } from '../../crypto/result.ts';
import { absent_ms, cache_fresh_ms, document_lifetime_ms, fresh_rest_ms, offered_records_max, record_namespace, record_quorum, repair_rest_ms } from '../../protocols/identity/constants.ts';
import { identity, type Identity, type IdentityParts } from '../../protocols/identity/index.ts';
import type { Fact, Network, RecordAnswer, RecordRules } from '../../protocols/ports.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { recordStore } from '../../storage/records.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { rotatedRecord } from '../forks.ts';
import { suite, type TestContext } from '../harness.ts';
import { agentOf, keyNamed, person, start_ms, type Person } from '../people.ts';
import { codeOf, failureOf, interposed } from '../simulated-hosts.ts';

const test = suite('protocols/identity');
const never = new AbortController().signal;
const alice = await person('alice');
const scout = await agentOf(alice, 'scout');

interface Host {
  readonly network: Network;
  readonly identity: Identity;
  readonly store: Store;
  readonly facts: Fact[];
  /** Look-ups in the DHT so far. */
  readonly lookups: () => number;
}

interface World {
  readonly simulator: Simulator;
  readonly wire: Wire;
  readonly hosts: readonly Host[];
  finish<T>(work: Promise<T>): Promise<T>;
  pass(ms: number): Promise<void>;
  host(index: number): Host;
  /** Adds a host, connected with every other. */
  add(name: string, options?: {
    readonly store?: Store;
    readonly stored_bytes_max?: number;
    readonly parts?: Partial<IdentityParts>;
    /** Whether the network puts every answer of a look-up before the host's own rules, as a DHT may. */
    readonly validates_answers?: boolean;
  }): Promise<Host>;
  /** Adds a peer that stores whatever it is told to answer for a DID. */
  liar(name: string, did: string, answer: Uint8Array): Promise<Network>;
}

function countingGets(network: Network): { readonly counted: Network; readonly lookups: () => number } {
  let lookups = 0;
  const get: Network['get'] = (...given) => {
    lookups += 1;
    return network.get(...given);
  };
  return { counted: interposed(network, { get }), lookups: () => lookups };
}

function validating(network: Network): Network {
  let validate: RecordRules['validate'] | undefined;
  const records: Network['records'] = (namespace, rules) => {
    validate = (key, value) => rules.validate(key, value);
    network.records(namespace, rules);
  };
  const get: Network['get'] = async (namespace, key, options) => {
    const answered = await network.get(namespace, key, options);
    const believed: RecordAnswer[] = [];
    for (const answer of answered.ok ? answered.value : []) {
      const { value } = answer;
      if (value !== undefined && (await validate?.(key, value))?.ok === true) believed.push(answer);
    }
    return ok(believed);
  };
  return interposed(network, { get, records });
}

async function makeWorld(context: TestContext, count: number): Promise<World> {
  const simulator = new Simulator('identity');
  const wire = new Wire({ simulator });
  const hosts: Host[] = [];
  const networks: Network[] = [];
  const join = async (network: Network): Promise<void> => {
    unwrap(await network.start());
    for (const other of networks.filter((network) => network.addresses().length > 0)) unwrap(await simulator.finish(network.dial(other.addresses()[0] ?? '', { signal: never })));
    networks.push(network);
  };
  context.after(async () => {
    for (const network of networks) await network.stop();
  });
  const world: World = {
    simulator, wire, hosts,
    finish: (work) => simulator.finish(work),
    pass: (ms) => simulator.run(simulator.now_ms + ms),
    host(index) {
      const host = hosts[index];
      if (host === undefined) throw new Error(`no host ${index}`);
      return host;
    },
    async add(name, options = {}) {
      const facts: Fact[] = [];
      const recorder = { record: (fact: Fact) => void facts.push(fact) };
      const clock = simulator.clock(name);
      const wired = simulatedNetwork(wire, { id: name, clock, recorder });
      const { counted: network, lookups } = countingGets(options.validates_answers === true ? validating(wired) : wired);
      const store = options.store ?? unwrap(await openStore({ kind: 'memory' }));
      const { stored_bytes_max } = options;
      const records = recordStore({ store, now: () => clock.now(), ...(stored_bytes_max === undefined ? {} : { stored_bytes_max }) });
      const service = identity({ clock, network, records, recorder, ...options.parts });
      service.start();
      await join(network);
      const host: Host = { network, identity: service, store, facts, lookups };
      hosts.push(host);
      return host;
    },
    async liar(name, did, answer) {
      const network = simulatedNetwork(wire, { id: name, clock: simulator.clock(name), recorder: { record: () => undefined } });
      network.records(record_namespace, { validate: () => Promise.resolve(ok(undefined)), select: () => 0 });
      await join(network);
      await simulator.finish(network.put(record_namespace, digestOf(did), answer, { signal: never }));
      return network;
    },
  };
  for (let index = 0; index < count; index += 1) await world.add(`host-${index}`);
  return world;
}

function digestOf(did: string): Uint8Array {
  return unwrap(parseDid(did)).digest;
}

/** A later or different record of somebody, signed as it must be. */
function version(of: Person, name: string, changes: Partial<DocumentEvent>, attestations: readonly string[] = of.record.attestations): Uint8Array {
  const document = signEvent({ ...of.document, attestations: attestationsHash(attestations), ...changes }, [{ index: 0, key: keyNamed(`${name}, update`) }]);
  return encodeRecord({ establishments: [of.establishment], document, attestations, witness_signatures: [] });
}

function aliceAt(sequence: number, now_ms = start_ms, changes: Partial<DocumentEvent> = {}): Uint8Array {
  return version(alice, 'alice', { sequence, time: now_ms, expires: now_ms + document_lifetime_ms, ...changes });
}

function sequenceOf(record: DidRecord | undefined): number | undefined {
  return record?.document.sequence;
}

function kinds(host: Host, kind: string): readonly Fact[] {
  return host.facts.filter((fact) => fact.kind === kind);
}

test('what one host publishes another resolves, with the sponsor that the genesis event names', async (context) => {
  const { finish, host } = await makeWorld(context, 3);
  assert.is(unwrap(await finish(host(0).identity.publish(alice.record.bytes))), 2);
  assert.is(unwrap(await finish(host(0).identity.publish(scout.record.bytes))), 2);
  const record = unwrap(await finish(host(2).identity.resolve(scout.did)));
  assert.equal(record.bytes, scout.record.bytes);
  assert.is(record.sponsor, alice.did);
  const { didDocument, didDocumentMetadata, didResolutionMetadata } = await finish(host(2).identity.resolution(scout.did));
  assert.is(didDocument?.['id'], scout.did);
  assert.is(didDocumentMetadata['deactivated'], undefined);
  assert.is(didDocumentMetadata['versionId'], '0-1');
  assert.match(JSON.stringify(didDocumentMetadata['mesh']), `"sponsor":"${alice.did}"`);
  assert.equal(didResolutionMetadata, { contentType: 'application/did+ld+json' });
});

test('each way of not resolving has its W3C error and its reason', async (context) => {
  const { finish, host, pass } = await makeWorld(context, 3);
  await finish(host(0).identity.publish(aliceAt(1)));
  const errorOf = async (did: string): Promise<unknown> => {
    const { didDocument, didDocumentMetadata, didResolutionMetadata: { error, message } } = await finish(host(1).identity.resolution(did));
    assert.is(didDocument, null);
    assert.equal(didDocumentMetadata, {});
    assert.ok(typeof message === 'string' && message.length > 10, 'the reason is in words');
    return error;
  };
  assert.is(await errorOf('alice'), 'invalidDid');
  assert.is(await errorOf(`${alice.did.slice(0, -1)}1`), 'invalidDid');
  assert.is(await errorOf(alice.did.toUpperCase()), 'invalidDid');
  assert.is(await errorOf('did:web:example.org'), 'unsupportedDidMethod');
  assert.is(await errorOf(didOf(sha256(utf8('nobody')))), 'notFound');
  await pass(document_lifetime_ms + 1000);
  assert.is(await errorOf(alice.did), 'notFound');
});

test('a deactivated DID resolves to no document and says so, and nothing brings it back', async (context) => {
  const { finish, host } = await makeWorld(context, 3);
  unwrap(await finish(host(0).identity.publish(aliceAt(3, start_ms, { deactivated: true }))));
  const { didDocument, didDocumentMetadata } = await finish(host(1).identity.resolution(alice.did));
  assert.is(didDocument, null);
  assert.is(didDocumentMetadata['deactivated'], true);
  unwrap(await finish(host(1).identity.offer([aliceAt(99)])));
  assert.is(unwrap(await finish(host(1).identity.resolve(alice.did, { fresh: true }))).document.deactivated, true);
});

test('an older record neither replaces a newer one nor is believed, also after a restart', async (context) => {
  const { add, finish, host } = await makeWorld(context, 2);
  unwrap(await finish(host(1).identity.offer([aliceAt(5)])));
  await finish(host(0).identity.publish(aliceAt(4)));
  assert.is(kinds(host(1), 'identity.rollback-refused').length, 1, 'as a storer it refuses the older one');
  unwrap(await finish(host(1).identity.offer([aliceAt(3)])));
  assert.is(sequenceOf(unwrap(await finish(host(1).identity.resolve(alice.did, { fresh: true })))), 5, 'as a reader it keeps to the newer one');
  assert.ok(kinds(host(1), 'identity.stale-answer').length > 0, 'and says that it was offered an older one');
  await host(1).network.stop();
  const again = await add('host-1-again', { store: host(1).store });
  assert.is(sequenceOf(unwrap(await finish(again.identity.resolve(alice.did)))), 5, 'the mark is on the disk');
  unwrap(await finish(again.identity.offer([aliceAt(4)])));
  assert.is(sequenceOf(again.identity.known(alice.did)), 5);
});

test('a cached record is served at once; an aged one too, while a newer one is asked for, until it expires', async (context) => {
  const { add, finish, host, pass, simulator } = await makeWorld(context, 1);
  // It stores nothing for others, so that it hears of nothing unless it asks.
  const { identity: reader, lookups } = await add('reader', { stored_bytes_max: 1 });
  await finish(host(0).identity.publish(aliceAt(1)));
  assert.is(sequenceOf(unwrap(await finish(reader.resolve(alice.did)))), 1);
  assert.is(lookups(), 1);
  await pass(cache_fresh_ms / 2);
  assert.is(sequenceOf(unwrap(await finish(reader.resolve(alice.did)))), 1);
  assert.is(lookups(), 1, 'served from the cache');
  await finish(host(0).identity.publish(aliceAt(2, Math.floor(simulator.now_ms))));
  await pass(cache_fresh_ms / 2);
  assert.is(sequenceOf(reader.current(alice.did)), 1, 'the aged one at once');
  assert.is(sequenceOf(unwrap(await finish(reader.resolve(alice.did)))), 1);
  assert.is(lookups(), 2, 'and one look-up for both questions');
  await pass(1000);
  assert.is(sequenceOf(reader.current(alice.did)), 2);
  await host(0).network.stop();
  await pass(document_lifetime_ms - cache_fresh_ms);
  assert.is(sequenceOf(reader.current(alice.did)), 2);
  const asked = lookups();
  assert.is(sequenceOf(reader.current(alice.did)), 2);
  await pass(1000);
  assert.is(sequenceOf(reader.current(alice.did)), 2);
  assert.is(lookups(), asked, 'where nobody answers it is not asked for all the time');
  await pass(cache_fresh_ms);
  assert.is(reader.current(alice.did), undefined, 'it has expired');
  assert.is(codeOf(await finish(reader.resolve(alice.did))), 'RECORD_EXPIRED');
});

test('what a peer stored here is not served before it is confirmed', async (context) => {
  const { finish, host } = await makeWorld(context, 2);
  await finish(host(0).identity.publish(aliceAt(1)));
  const { identity: reader, lookups } = host(1);
  assert.is(sequenceOf(reader.known(alice.did)), 1);
  assert.is(reader.current(alice.did), undefined);
  unwrap(await finish(reader.resolve(alice.did)));
  assert.is(lookups(), 1);
  assert.is(sequenceOf(reader.current(alice.did)), 1);
});

test('how long ago a record was confirmed is said of the record that is shown, not of an older one', async (context) => {
  const { finish, host, pass } = await makeWorld(context, 2);
  const shown = async (): Promise<Readonly<Record<'version' | 'source' | 'answers' | 'age_ms', unknown>>> => {
    const { versionId, mesh } = (await finish(host(1).identity.resolution(alice.did))).didDocumentMetadata;
    if (!isFields(mesh)) throw new Error('the metadata of the mesh are there');
    return { version: versionId, source: mesh['source'], answers: mesh['answers'], age_ms: mesh['age_ms'] };
  };
  await finish(host(0).identity.publish(aliceAt(1)));
  assert.equal(await shown(), { version: '0-1', source: 'dht', answers: 1, age_ms: 0 });
  await pass(1000);
  const { age_ms, ...aged } = await shown();
  assert.equal([aged, Number(age_ms) >= 1000], [{ version: '0-1', source: 'cache', answers: 1 }, true]);
  unwrap(await finish(host(1).identity.offer([aliceAt(2)])));
  assert.equal(await shown(), { version: '0-2', source: 'cache', answers: 0, age_ms: null }, 'nobody has confirmed the newer one yet');
});

test('what lies in our own part of the DHT is no confirmation by others', async (context) => {
  const { finish, host, wire } = await makeWorld(context, 2);
  await finish(host(0).identity.publish(aliceAt(1)));
  wire.partition(['host-0'], ['host-1']);
  unwrap(await finish(host(1).identity.resolve(alice.did)));
  const { didDocumentMetadata } = await finish(host(1).identity.resolution(alice.did));
  assert.match(JSON.stringify(didDocumentMetadata), '"answers":0');
});

test('asking afresh is bounded, and a statement that there is something newer is not', async (context) => {
  const { finish, host, pass, simulator } = await makeWorld(context, 2);
  const { identity: reader, lookups } = host(1);
  await finish(host(0).identity.publish(aliceAt(1)));
  unwrap(await finish(reader.resolve(alice.did)));
  const asked = lookups();
  for (let round = 0; round < 20; round += 1) unwrap(await finish(reader.resolve(alice.did, { fresh: true })));
  assert.is(lookups(), asked + 1);
  await pass(fresh_rest_ms);
  unwrap(await finish(reader.resolve(alice.did, { fresh: true })));
  assert.is(lookups(), asked + 2);
  await finish(host(0).identity.publish(aliceAt(2, Math.floor(simulator.now_ms))));
  reader.invalidate(alice.did);
  assert.is(reader.current(alice.did), undefined);
  assert.is(sequenceOf(unwrap(await finish(reader.resolve(alice.did)))), 2);
  assert.is(lookups(), asked + 3);
  assert.is(sequenceOf(reader.current(alice.did)), 2);
});

test('a statement that comes while a look-up is under way has another one follow', async (context) => {
  const { finish, host } = await makeWorld(context, 2);
  const { identity: reader, lookups } = host(1);
  await finish(host(0).identity.publish(aliceAt(1)));
  const first = reader.resolve(alice.did);
  await Promise.resolve();
  await Promise.resolve();
  while (lookups() === 0) await new Promise((resolve) => { setImmediate(resolve); });
  reader.invalidate(alice.did);
  const [second, third] = [reader.resolve(alice.did), reader.resolve(alice.did)];
  await finish(Promise.all([first, second, third]));
  assert.is(lookups(), 2);
});

test('a storer that lies is penalised, and outvoted by one honest storer', async (context) => {
  const forged = aliceAt(7);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  for (const [what, answer] of [['a forged record', forged], ['the record of another DID', scout.record.bytes], ['garbage', utf8('garbage')]] as const) {
    const { add, finish, host, liar } = await makeWorld(context, 1);
    await finish(host(0).identity.publish(aliceAt(1)));
    await liar('liar', alice.did, answer);
    const reader = await add('reader');
    assert.is(sequenceOf(unwrap(await finish(reader.identity.resolve(alice.did)))), 1, what);
    const penalised = kinds(reader, 'network.peer.penalised').map(({ peer }) => String(peer));
    assert.equal(penalised, ['liar'], what);
  }
});

test('a storer that serves an older record is outvoted, named with both versions, and given the newest', async (context) => {
  const { add, finish, host, liar, pass, simulator, wire } = await makeWorld(context, 1);
  await finish(host(0).identity.publish(aliceAt(5)));
  await liar('liar', alice.did, aliceAt(4));
  const late = simulatedNetwork(wire, { id: 'late', clock: simulator.clock('late'), recorder: { record: () => undefined } });
  late.records(record_namespace, { validate: () => Promise.resolve(ok(undefined)), select: () => 1 });
  unwrap(await late.start());
  context.after(() => late.stop());
  unwrap(await finish(late.dial('/simulated/host-0', { signal: never })));
  await finish(late.put(record_namespace, digestOf(alice.did), aliceAt(3), { signal: never }));
  const reader = await add('reader');
  unwrap(await finish(reader.network.dial('/simulated/late', { signal: never })));
  assert.is(sequenceOf(unwrap(await finish(reader.identity.resolve(alice.did)))), 5);
  const named = kinds(reader, 'identity.stale-answer').map(({ did, peer, served, newest }) => `${String(did)} ${String(peer)} ${String(served)} ${String(newest)}`);
  assert.equal(named.sort(), [`${alice.did} late 0-3 0-5`, `${alice.did} liar 0-4 0-5`]);
  assert.equal(kinds(reader, 'network.peer.penalised'), [], 'they may only have missed the news');
  await pass(1000);
  assert.is(kinds(reader, 'identity.repaired').length, 1);
  const held = unwrap(await finish(late.get(record_namespace, digestOf(alice.did), { answers: 1, signal: never })));
  assert.equal(held[0]?.value, aliceAt(5), 'who was only late holds the newest now');
});

test('who goes on serving an older record is counted, and repaired only every few minutes', async (context) => {
  const { add, finish, host, pass, wire, simulator } = await makeWorld(context, 1);
  await finish(host(0).identity.publish(aliceAt(5)));
  const network = simulatedNetwork(wire, { id: 'liar', clock: simulator.clock('liar'), recorder: { record: () => undefined } });
  // It takes what it is given once, and nothing afterwards.
  let taken = 0;
  network.records(record_namespace, { validate: () => Promise.resolve((taken += 1) === 1 ? ok(undefined) : { ok: false, failure: { code: 'NO', reason: 'no' } }), select: () => 1 });
  unwrap(await network.start());
  context.after(() => network.stop());
  unwrap(await finish(network.dial('/simulated/host-0', { signal: never })));
  await finish(network.put(record_namespace, digestOf(alice.did), aliceAt(4), { signal: never }));
  const reader = await add('reader');
  for (let round = 0; round < 3; round += 1) {
    assert.is(sequenceOf(unwrap(await finish(reader.identity.resolve(alice.did, { fresh: true })))), 5);
    await pass(fresh_rest_ms);
  }
  assert.equal(reader.identity.staleStorers().map(({ peer, did, served, newest, times }) => ({ peer, did, served, newest, times })), [
    { peer: 'liar', did: alice.did, served: '0-4', newest: '0-5', times: 3 },
  ]);
  assert.is(kinds(reader, 'identity.repaired').length, 1);
  await pass(repair_rest_ms);
  unwrap(await finish(reader.identity.resolve(alice.did, { fresh: true })));
  await pass(1000);
  assert.is(kinds(reader, 'identity.repaired').length, 2);
});

test('one storer with the newest record is found among many with an older one, where answers differ or the DID\'s own statement names a newer version', async (context) => {
  const { add, finish, host, liar } = await makeWorld(context, 1);
  await finish(host(0).identity.publish(aliceAt(5)));
  for (let index = 0; index < 2 * record_quorum; index += 1) await liar(`liar-${index}`, alice.did, aliceAt(4));
  for (let index = 0; index < 4; index += 1) {
    const told = await add(`told-${index}`, { parts: { head: () => ({ number: 0, sequence: 5 }) } });
    assert.is(sequenceOf(unwrap(await finish(told.identity.resolve(alice.did)))), 5);
  }
});

test('two histories of one DID: the first stays, the second is refused, both are reported once, and the DID resolves no more', async (context) => {
  const [left, right] = [rotatedRecord(alice, 'alice', 'left'), rotatedRecord(alice, 'alice', 'right', { sequence: 9 })];
  const { add, finish, host } = await makeWorld(context, 1);
  const reported: unknown[] = [];
  const witness = await add('witness', { parts: { duplicity: (did, number, a, b) => void reported.push([did, number, a, b]) } });
  await finish(host(0).identity.publish(left.bytes));
  unwrap(await finish(witness.identity.resolve(alice.did)));
  const stranger = await add('stranger');
  await finish(stranger.identity.publish(right.bytes));
  assert.equal(witness.identity.known(alice.did)?.bytes, left.bytes, 'as a storer it keeps the first');
  assert.equal(reported, [[alice.did, 1, left.establishments[1], right.establishments[1]]]);
  unwrap(await finish(witness.identity.offer([right.bytes])));
  assert.is(reported.length, 1);
  assert.is(kinds(witness, 'identity.duplicity').length, 1);
  assert.is(codeOf(await finish(witness.identity.resolve(alice.did))), 'DID_DUPLICITY');
  assert.is(witness.identity.current(alice.did), undefined);
  assert.is(witness.identity.duplicity(alice.did)?.code, 'DID_DUPLICITY');
  const { didDocument, didDocumentMetadata, didResolutionMetadata } = await finish(witness.identity.resolution(alice.did));
  assert.is(didDocument, null);
  assert.equal(didDocumentMetadata, { mesh: { duplicity: true } });
  assert.is(didResolutionMetadata['error'], 'invalidDidDocument');
  const reader = await add('reader');
  assert.is(codeOf(await finish(reader.identity.resolve(alice.did))), 'DID_DUPLICITY', 'a reader who is answered with both believes none');
  const told = await add('told', { parts: { isDuplicitous: () => true } });
  assert.is(codeOf(await finish(told.identity.resolve(alice.did))), 'DID_DUPLICITY', 'who was told by a statement asks nobody');
  assert.is(told.lookups(), 0);
});

test('an ordinary rotation is no duplicity, in whatever order its records come', async (context) => {
  const left = rotatedRecord(alice, 'alice', 'left');
  const { finish, host } = await makeWorld(context, 2);
  await finish(host(0).identity.publish(left.bytes));
  unwrap(await finish(host(1).identity.offer([aliceAt(7), left.bytes, aliceAt(8)])));
  assert.equal(unwrap(await finish(host(1).identity.resolve(alice.did, { fresh: true }))).bytes, left.bytes);
  assert.equal([...kinds(host(0), 'identity.duplicity'), ...kinds(host(1), 'identity.duplicity')], []);
});

test('more liars than the quorum cannot make a reader overlook the honest storer', async (context) => {
  const { finish, add, liar } = await makeWorld(context, 0);
  for (let index = 0; index < 2 * record_quorum; index += 1) await liar(`liar-${index}`, alice.did, utf8('garbage'));
  const honest = await add('honest');
  await finish(honest.identity.publish(aliceAt(1)));
  for (let index = 0; index < 5; index += 1) {
    const reader = await add(`reader-${index}`);
    assert.is(codeOf(await finish(reader.identity.resolve(alice.did))), 'ok');
  }
});

test('a look-up to which nothing but lies were answered says so, and not that nobody has a record', async (context) => {
  for (const [what, answer] of [['garbage', utf8('garbage')], ['the record of another DID', scout.record.bytes]] as const) {
    const { finish, add, liar } = await makeWorld(context, 0);
    await liar('liar', alice.did, answer);
    const reader = await add('reader');
    assert.is(codeOf(await finish(reader.identity.resolve(alice.did))), 'RECORD_INVALID', what);
    assert.is(codeOf(await finish(reader.identity.resolve(alice.did))), 'RECORD_INVALID', `${what}, as remembered`);
    const { didDocument, didResolutionMetadata } = await finish(reader.identity.resolution(alice.did));
    assert.equal([didDocument, didResolutionMetadata['error']], [null, 'invalidDidDocument']);
    assert.is(codeOf(await finish(reader.identity.resolve(scout.did))), 'DID_NOT_FOUND', 'of this one nobody said anything');
  }
});

test('an expired record is not believed, and who still holds it has done nothing wrong', async (context) => {
  const { finish, host, pass, add } = await makeWorld(context, 3);
  await finish(host(0).identity.publish(aliceAt(1)));
  unwrap(await finish(host(1).identity.resolve(alice.did)));
  await pass(document_lifetime_ms + 1000);
  const stranger = await add('stranger');
  for (let round = 0; round < 12; round += 1) {
    assert.is(codeOf(await finish(host(1).identity.resolve(alice.did, { fresh: true }))), 'RECORD_EXPIRED', 'by who knew it');
    assert.is(codeOf(await finish(stranger.identity.resolve(alice.did, { fresh: true }))), 'RECORD_EXPIRED', 'by who did not');
  }
  assert.equal([...kinds(host(1), 'network.peer.penalised'), ...kinds(stranger, 'network.peer.penalised')], []);
  const asked = stranger.lookups();
  assert.is(codeOf(await finish(stranger.identity.resolve(alice.did))), 'RECORD_EXPIRED');
  assert.is(stranger.lookups(), asked, 'that it has expired is remembered for a while too');
  assert.is(codeOf(await finish(host(1).identity.offer([aliceAt(1)]))), 'RECORD_EXPIRED', 'nor when it comes along with a message');
});

test('a document from the future, as a wrong clock makes one, is not believed and not held against its storers', async (context) => {
  const { finish, host, simulator, wire } = await makeWorld(context, 2);
  const ahead = aliceAt(1, start_ms);
  await finish(host(0).identity.publish(ahead));
  const facts: Fact[] = [];
  const recorder = { record: (fact: Fact) => void facts.push(fact) };
  const clock = simulator.clock('slow', { skew_ms: -3_600_000 });
  const network = simulatedNetwork(wire, { id: 'slow', clock, recorder });
  const slow = identity({ clock, network, recorder, records: recordStore({ store: unwrap(await openStore({ kind: 'memory' })), now: () => clock.now() }) });
  slow.start();
  unwrap(await network.start());
  context.after(() => network.stop());
  unwrap(await finish(network.dial('/simulated/host-0', { signal: never })));
  assert.is(codeOf(await finish(slow.resolve(alice.did))), 'DID_NOT_FOUND');
  assert.equal(facts.filter(({ kind }) => kind === 'network.peer.penalised'), []);
});

test('fifty questions at once are one look-up', async (context) => {
  const { finish, host } = await makeWorld(context, 3);
  await finish(host(0).identity.publish(aliceAt(1)));
  const asked = host(2).lookups();
  const answers = await finish(Promise.all(Array.from({ length: 50 }, () => host(2).identity.resolve(alice.did, { fresh: true }))));
  assert.ok(answers.every((answer) => answer.ok));
  assert.is(host(2).lookups(), asked + 1);
});

test('a DID that nobody had is not looked up again for half a minute, unless asked afresh or its record comes along, which is asked about at once', async (context) => {
  const { finish, host, pass } = await makeWorld(context, 2);
  const { identity: reader, lookups } = host(1);
  assert.is(codeOf(await finish(reader.resolve(alice.did))), 'DID_NOT_FOUND');
  const asked = lookups();
  const failure = failureOf(await finish(reader.resolve(alice.did)));
  assert.is(failure.code, 'DID_NOT_FOUND');
  assert.match(failure.fix ?? '', 'again');
  assert.is(lookups(), asked);
  await finish(reader.resolve(alice.did, { fresh: true }));
  assert.is(lookups(), asked + 1);
  await pass(absent_ms);
  await finish(reader.resolve(alice.did));
  assert.is(lookups(), asked + 2);
  unwrap(await finish(reader.offer([alice.record.bytes])));
  assert.is(codeOf(await finish(reader.resolve(alice.did))), 'ok');
  assert.is(lookups(), asked + 3);
  assert.is(codeOf(await finish(reader.resolve(alice.did))), 'ok');
  assert.is(lookups(), asked + 3, 'nobody knows better, so it is served for a while');
});

test('who had nobody to ask does not remember that nobody had it', async (context) => {
  const { add, finish, host } = await makeWorld(context, 1);
  const { identity: reader, lookups } = host(0);
  for (const asked of [1, 2]) {
    assert.is(codeOf(await finish(reader.resolve(alice.did))), 'DID_NOT_FOUND');
    assert.is(lookups(), asked, 'asked each time');
  }
  await add('somebody');
  for (let time = 0; time < 2; time += 1) assert.is(codeOf(await finish(reader.resolve(alice.did))), 'DID_NOT_FOUND');
  assert.is(lookups(), 3, 'but the word of a peer is remembered');
});

test('records that come with a message are few, and all of them good', async (context) => {
  const { finish, host } = await makeWorld(context, 1);
  const { identity: reader } = host(0);
  assert.is(codeOf(await finish(reader.offer(Array.from({ length: offered_records_max + 1 }, () => alice.record.bytes)))), 'RECORD_TOO_MANY');
  assert.is(codeOf(await finish(reader.offer([utf8('garbage'), alice.record.bytes]))), 'RECORD_INVALID');
  assert.is(reader.known(alice.did), undefined, 'nothing after the first bad one is taken');
  const mixed = version(scout, 'alice', {});
  assert.is(codeOf(await finish(reader.offer([mixed]))), 'RECORD_INVALID', 'signed by another\'s key');
  assert.is(codeOf(await finish(reader.offer([new Uint8Array(20_000)]))), 'RECORD_TOO_LARGE');
  assert.is(unwrap(await finish(reader.offer([alice.record.bytes, scout.record.bytes]))).length, 2);
});

test('who decides about an agent has its sponsor\'s record too', async (context) => {
  const { finish, host } = await makeWorld(context, 2);
  await finish(host(0).identity.publish(alice.record.bytes));
  await finish(host(0).identity.publish(scout.record.bytes));
  await finish(host(1).identity.gather([scout.did, 'did:web:elsewhere', scout.did]));
  assert.is(host(1).identity.known(alice.did)?.did, alice.did);
});

test('strangers fill a bounded part of the host, for as long as their records live, and never the room of its own', async (context) => {
  const { add, finish, host, pass, simulator } = await makeWorld(context, 1);
  const large = ['x'.repeat(9000)];
  const full = await add('full', { stored_bytes_max: 30_000 });
  const crowd = await Promise.all(Array.from({ length: 5 }, (_, index) => person(`stranger ${index}`)));
  const publishAll = async (): Promise<number[]> => {
    const storers: number[] = [];
    for (const [index, stranger] of crowd.entries()) {
      const now_ms = Math.floor(simulator.now_ms);
      const bytes = version(stranger, `stranger ${index}`, { sequence: now_ms, time: now_ms, expires: now_ms + document_lifetime_ms }, large);
      storers.push(unwrap(await finish(host(0).identity.publish(bytes))));
    }
    return storers;
  };
  assert.equal(await publishAll(), [1, 1, 1, 0, 0], 'full after three of nine kilobytes');
  assert.equal(await publishAll(), [1, 1, 1, 0, 0], 'the same DIDs may renew theirs');
  assert.ok((await finish(full.identity.publish(aliceAt(1)))).ok, 'the host\'s own record finds room');
  assert.is(unwrap(await finish(full.identity.publish(aliceAt(2)))), 1, 'and is stored at others');
  await pass(document_lifetime_ms + 1);
  assert.equal((await publishAll()).filter((storers) => storers === 1).length, 3, 'there is room again when theirs have expired');
});

test('a record of ours that nobody would take is a failure, not the end', async (context) => {
  const { finish, host } = await makeWorld(context, 2);
  const { identity: own } = host(0);
  assert.is(codeOf(await finish(own.publish(version(alice, 'alice', { capabilities: [`read:${'x'.repeat(300)}`] })))), 'RECORD_INVALID');
  assert.is(codeOf(await finish(own.publish(version(alice, 'alice', {}, ['x'.repeat(11_000)])))), 'RECORD_TOO_LARGE');
  assert.is(own.known(alice.did), undefined);
  assert.is(codeOf(await finish(own.hold(aliceAt(1)))), 'ok');
  assert.is(sequenceOf(own.known(alice.did)), 1, 'known at once');
  assert.is(codeOf(await finish(host(1).identity.resolve(alice.did))), 'DID_NOT_FOUND', 'and nobody was told');
});

test('a host that strangers have filled still looks up whom it needs', async (context) => {
  const { finish, host, add } = await makeWorld(context, 1);
  const full = await add('full', { stored_bytes_max: 1, validates_answers: true });
  assert.is(unwrap(await finish(host(0).identity.publish(aliceAt(1)))), 0, 'it stores nothing for others');
  assert.is(sequenceOf(unwrap(await finish(full.identity.resolve(alice.did)))), 1);
});

test('a record under keys that were rotated away is not served to whoever is offered it first, where the mesh knows better', async (context) => {
  const { finish, host, add } = await makeWorld(context, 3);
  unwrap(await finish(host(0).identity.publish(rotatedRecord(alice, 'alice', 'left').bytes)));
  const newcomer = await add('newcomer');
  unwrap(await finish(newcomer.identity.offer([aliceAt(5000)])));
  assert.is(newcomer.identity.current(alice.did), undefined);
  assert.is(unwrap(await finish(newcomer.identity.resolve(alice.did))).number, 1);
});

test('who sends a record again that is known does not keep the host from looking for a newer one', async (context) => {
  const { finish, host, pass, simulator } = await makeWorld(context, 2);
  const old = aliceAt(1);
  unwrap(await finish(host(1).identity.offer([old])));
  await pass(cache_fresh_ms / 2);
  unwrap(await finish(host(1).identity.offer([old])));
  await pass(cache_fresh_ms / 2);
  await finish(host(0).identity.publish(aliceAt(2, Math.floor(simulator.now_ms))));
  unwrap(await finish(host(1).identity.offer([old])));
  const asked = host(1).lookups();
  assert.is(sequenceOf(unwrap(await finish(host(1).identity.resolve(alice.did)))), 2);
  assert.is(host(1).lookups(), asked + 1);
});

test('records that are only inspected leave nothing behind', async (context) => {
  const { finish, host } = await makeWorld(context, 1);
  const { identity: reader, store } = host(0);
  const inspected = unwrap(reader.inspect([alice.record.bytes, scout.record.bytes]));
  assert.equal(inspected.map(({ did }) => did), [alice.did, scout.did]);
  assert.is(codeOf(reader.inspect([utf8('garbage')])), 'RECORD_INVALID');
  assert.is(reader.known(alice.did), undefined);
  assert.is(await store.get('record', digestOf(alice.did)), undefined);
  assert.is((await finish(reader.keep(inspected))).length, 2);
  assert.is(reader.known(alice.did)?.did, alice.did);
});

test('a record whose dates are none is refused, and resolving it throws nothing', async (context) => {
  const { finish, host } = await makeWorld(context, 1);
  const dated = await person('dated', { deactivated: true });
  const document = signEvent({ ...dated.document, expires: 9e15 }, [{ index: 0, key: keyNamed('dated, update') }]);
  const bytes = encodeRecord({ establishments: [dated.establishment], document, attestations: [], witness_signatures: [] });
  assert.is(codeOf(await finish(host(0).identity.offer([bytes]))), 'RECORD_INVALID');
  const { didResolutionMetadata } = await finish(host(0).identity.resolution(dated.did));
  assert.is(didResolutionMetadata['error'], 'notFound');
});

test.run();
