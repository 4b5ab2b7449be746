import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { signEvent } from '../../../crypto/did-events.ts';
import { encodeRecord } from '../../../crypto/did-record.ts';
import { parseDid } from '../../../crypto/did.ts';
import { ok, unwrap } from '../../../crypto/result.ts';
import { system_clock } from '../../../node/clock.ts';
import { diagnose } from '../../../node/control/diagnose.ts';
import { libp2pNetwork } from '../../../node/libp2p.ts';
import { createNode, type Node } from '../../../node/index.ts';
import { document_lifetime_ms, record_namespace } from '../../../protocols/identity/constants.ts';
import { identity, type Identity } from '../../../protocols/identity/index.ts';
import type { Fact, Network } from '../../../protocols/ports.ts';
import { recordStore } from '../../../storage/records.ts';
import { openStore } from '../../../storage/store.ts';
import { suite, type TestContext } from '../../harness.ts';
import { keyNamed, person } from '../../people.ts';

const test = suite('node/libp2p/stale-records');
const never = new AbortController().signal;
const now_ms = Date.now();
const alice = await person('alice', { now_ms });

function aliceAt(sequence: number): Uint8Array {
  const document = signEvent({ ...alice.document, sequence, expires: now_ms + document_lifetime_ms }, [{ index: 0, key: keyNamed('alice, update') }]);
  return encodeRecord({ establishments: [alice.establishment], document, attestations: [], witness_signatures: [] });
}

function digest(): Uint8Array {
  return unwrap(parseDid(alice.did)).digest;
}

function network(facts: Fact[]): Promise<Network> {
  return libp2pNetwork({ seed: new Uint8Array(randomBytes(32)), clock: system_clock, recorder: { record: (fact) => void facts.push(fact) } });
}

async function join(context: TestContext, one: Network, others: readonly Network[]): Promise<void> {
  unwrap(await one.start());
  context.after(() => one.stop());
  for (const other of others) unwrap(await one.dial(other.addresses()[0] ?? '', { signal: never }));
}

async function host(): Promise<{ readonly wire: Network; readonly service: Identity; readonly facts: Fact[] }> {
  const facts: Fact[] = [];
  const wire = await network(facts);
  const records = recordStore({ store: unwrap(await openStore({ kind: 'memory' })), now: () => system_clock.now() });
  const service = identity({ clock: system_clock, network: wire, records, recorder: { record: (fact) => void facts.push(fact) } });
  service.start();
  return { wire, service, facts };
}

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let round = 0; round < 200; round += 1) {
    if (await holds()) return;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error(`not within 10 s: ${what}`);
}

test('over real connections a hostile storer that serves old records is outvoted and named', async (context) => {
  const hostile = await network([]);
  hostile.records(record_namespace, { validate: () => Promise.resolve(ok(undefined)), select: () => 0 });
  await join(context, hostile, []);
  unwrap(await hostile.put(record_namespace, digest(), aliceAt(1), { signal: never }));
  const honest = await host();
  await join(context, honest.wire, [hostile]);
  await until('the newest record is published', async () => (await honest.service.publish(aliceAt(2))).ok);
  const reader = await host();
  await join(context, reader.wire, [hostile, honest.wire]);
  await until('both have answered', async () => {
    reader.service.invalidate(alice.did);
    const resolved = await reader.service.resolve(alice.did);
    if (resolved.ok && reader.service.staleStorers().length > 0) assert.is(resolved.value.document.sequence, 2);
    return resolved.ok && reader.service.staleStorers().length > 0;
  });
  const [storer] = reader.service.staleStorers();
  assert.equal([storer?.peer, storer?.did, storer?.served, storer?.newest], [hostile.id, alice.did, '0-1', '0-2']);
  assert.ok(reader.facts.some(({ kind, peer }) => kind === 'identity.stale-answer' && peer === hostile.id));
  assert.is(unwrap(await reader.service.resolve(alice.did, { fresh: true })).document.sequence, 2);
  assert.is(reader.service.current(alice.did)?.document.sequence, 2);
});

test('over real connections a storer of forged records is outvoted and penalised, and its records are not taken in', async (context) => {
  const hostile = await network([]);
  hostile.records(record_namespace, { validate: () => Promise.resolve(ok(undefined)), select: () => 0 });
  await join(context, hostile, []);
  const forged = aliceAt(9);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  unwrap(await hostile.put(record_namespace, digest(), forged, { signal: never }));
  const honest = await host();
  await join(context, honest.wire, [hostile]);
  await until('the record is published', async () => (await honest.service.publish(aliceAt(2))).ok);
  const reader = await host();
  await join(context, reader.wire, [hostile, honest.wire]);
  await until('the forger is penalised', async () => {
    reader.service.invalidate(alice.did);
    const looking = reader.service.resolve(alice.did);
    // While the reader asks, the forger also sends what it was not asked for.
    await hostile.put(record_namespace, digest(), forged, { signal: never });
    const resolved = await looking;
    if (resolved.ok) assert.is(resolved.value.document.sequence, 2);
    return reader.facts.some(({ kind, peer }) => kind === 'network.peer.penalised' && peer === hostile.id);
  });
  const held = await reader.wire.get(record_namespace, digest(), { answers: 20, signal: never });
  const own = held.ok ? held.value.find(({ from }) => from === reader.wire.id)?.value : undefined;
  assert.ok(own === undefined || Buffer.compare(own, forged) !== 0);
  assert.is(unwrap(await reader.service.resolve(alice.did)).document.sequence, 2);
});

test('over real connections an honest storer refuses an older record, whoever sends it', async (context) => {
  const storer = await host();
  await join(context, storer.wire, []);
  unwrap(await storer.service.hold(aliceAt(2)));
  const sender = await network([]);
  sender.records(record_namespace, { validate: () => Promise.resolve(ok(undefined)), select: () => 0 });
  await join(context, sender, [storer.wire]);
  await until('the older record has reached the storer', async () => {
    assert.is(unwrap(await sender.put(record_namespace, digest(), aliceAt(1), { signal: never })), 0);
    return storer.facts.some(({ kind }) => kind === 'identity.rollback-refused');
  });
  assert.is(storer.service.known(alice.did)?.document.sequence, 2);
});

test('the node of an operator names the peer that serves old records, in its counters and to doctor', async (context) => {
  const start = async (name: string): Promise<Node> => {
    const node = unwrap(await createNode({ data: context.folder(), name, control: false, listen: ['/ip4/127.0.0.1/tcp/0'] }));
    context.after(() => node.stop());
    return node;
  };
  const [honest, reader] = [await start('honest'), await start('reader')];
  const old = honest.host.identity.known(honest.did)?.bytes ?? new Uint8Array();
  const hostile = await network([]);
  hostile.records(record_namespace, { validate: () => Promise.resolve(ok(undefined)), select: () => 0 });
  await join(context, hostile, []);
  const key = unwrap(parseDid(honest.did)).digest;
  unwrap(await hostile.put(record_namespace, key, old, { signal: never }));
  for (const address of [hostile.addresses()[0], honest.addresses[0]]) unwrap(await reader.host.parts.network.dial(address ?? '', { signal: never }));
  await until('the reader was served the old record after a newer one', async () => {
    reader.host.identity.invalidate(honest.did);
    await reader.host.identity.resolve(honest.did);
    return reader.host.identity.staleStorers().length > 0;
  });
  const named = (await diagnose(reader)).find(({ name }) => name === 'storers');
  assert.is(named?.state, 'warning');
  assert.match(named?.text ?? '', hostile.id);
  assert.match(named?.text ?? '', honest.did);
  assert.ok(reader.counters.troubles().some(({ what, count }) => what === 'identity.stale-answer' && count > 0));
  assert.is((await diagnose(honest)).find(({ name }) => name === 'storers')?.state, 'ok');
});

test.run();
