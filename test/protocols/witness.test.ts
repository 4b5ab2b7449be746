import * as assert from 'uvu/assert';
import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { encodeCbor } from '../../crypto/canonical.ts';
import { logOrigin, openCheckpoint, signCheckpoint, witnessName } from '../../crypto/checkpoint.ts';
import { signingKey } from '../../crypto/keys.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { parseVerifier, signature_type_witness, verifierKey } from '../../crypto/note.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import { parseLogPolicy } from '../../crypto/tlog-policy.ts';
import { parseProof, verifyProof } from '../../crypto/tlog-proof.ts';
import { encodeFailure, unlessFailure } from '../../protocols/reply.ts';
import { audit_limits, audit_protocol, witness_limits, witness_protocol } from '../../protocols/witness/constants.ts';
import type { WitnessParts } from '../../protocols/witness/parts.ts';
import { operatorQuorum, type WitnessContact } from '../../protocols/witness/quorum.ts';
import { stateKey } from '../../protocols/witness/state.ts';
import { decodeAnswer, encodeAnswer, encodeRequest } from '../../protocols/witness/wire.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { decodeDisclosure } from '../../storage/audit-entry.ts';
import { memoryFiles } from '../../storage/files.ts';
import { openStore } from '../../storage/store.ts';
import { witnessContract } from '../contract/witness.ts';
import { suite } from '../harness.ts';
import { code } from '../storage/audit-world.ts';
import { append, contactOf, host, makeWorld, type Host, type Saved, type World } from './witness-world.ts';

const test = suite('protocols/witness');
const never = new AbortController().signal;

/** The text of a policy that trusts one host's log under any two of the other hosts. */
function policyText(world: World, of: Host): Uint8Array {
  const others = world.hosts.filter((each) => each !== of);
  const lines = [
    `log ${of.log.verifier_key}`,
    ...others.map(({ name, witness: { verifier_key } }) => `witness ${name} ${verifier_key}`),
    `group others 2 ${others.map(({ name }) => name).join(' ')}`,
    'quorum others',
  ];
  return utf8(`${lines.join('\n')}\n`);
}

test('a head is cosigned by a quorum, and a third party verifies an entry with the policy text alone', async () => {
  const world = await makeWorld(4);
  const [a, auditor] = [host(world, 0), host(world, 3)];
  const index = await append(a, 'transfer approved');
  const anchored = unwrap(await world.simulator.finish(a.witness.anchor()));
  assert.is(anchored.size, 2);
  assert.is(anchored.cosignatures, 3, 'three are asked where two are needed');
  const bytes = unwrap(await world.simulator.finish(auditor.witness.askProof(a.name, index)));
  const disclosed = unwrap(decodeDisclosure(unwrap(parseProof(bytes)).extra ?? new Uint8Array()));
  const verified = unwrap(verifyProof(bytes, leafHash(disclosed.entry), unwrap(parseLogPolicy(policyText(world, a)))));
  assert.is(verified.index, index);
  assert.is(disclosed.parsed.kind, 'event');
  assert.not(fromUtf8(bytes)?.includes('transfer'), 'the payload is not shown');
  assert.equal(unwrap(await world.simulator.finish(auditor.witness.askHead(a.name))), anchored.note);
});

test('the second head costs each witness one request', async () => {
  const world = await makeWorld(3);
  const [a, b] = [host(world, 0), host(world, 1)];
  for (const text of ['one', 'two', 'three']) {
    await append(a, text);
    unwrap(await world.simulator.finish(a.witness.anchor()));
  }
  assert.equal(b.facts.map(({ kind }) => kind).filter((kind) => kind.startsWith('audit.')), ['audit.witnessed', 'audit.witnessed', 'audit.witnessed']);
});

test('a peer makes a witness look up one stranger at a time, and the logs of hosts that are known wait for none of that', async () => {
  let asked = 0;
  const answers = Promise.withResolvers<Result<string>>();
  const parts = (known: string): Partial<WitnessParts> => ({
    isNear: (did) => did === known,
    logKey: (origin) => {
      if (origin.startsWith(known)) return Promise.resolve(ok(host(world, 0).log.verifier_key));
      asked += 1;
      return answers.promise;
    },
  });
  const world: World = await makeWorld(3, [], (index) => (index === 1 ? { parts: parts('did:mesh:bhost0') } : {}));
  const [a, b, c] = [host(world, 0), host(world, 1), host(world, 2)];
  const key = signingKey(new Uint8Array(32).fill(9));
  const strangers = Array.from({ length: 10 }, (_, at) => encodeRequest(0, [], signCheckpoint(key, { origin: logOrigin(`did:mesh:bstranger${at}`, key.public_key), size: 1, root: new Uint8Array(32) })));
  const flood = Promise.all(strangers.map((request) => c.network.request(b.name, witness_protocol, request, { limits: witness_limits, signal: never })));
  await append(a, 'x');
  assert.is(unwrap(await world.simulator.finish(a.witness.anchor())).cosignatures, 2);
  assert.is(asked, 1);
  answers.resolve(fail('DID_NOT_FOUND', 'nobody knows it'));
  const statuses = (await world.simulator.finish(flood)).map((answer) => unwrap(decodeAnswer(unwrap(answer))).status);
  assert.equal(statuses.toSorted((one, other) => one - other), [404, ...Array.from({ length: 9 }, () => 503)]);
});

test('a witness that lost its memory takes it back from what it has seen, and a log costs it one request more', async () => {
  let seen: Uint8Array | undefined;
  const refused: Uint8Array[] = [];
  const parts = {
    seen: { largest: () => seen, page: () => Promise.resolve({ notes: [], after: null }), proof: () => undefined },
    refused: (note: Uint8Array) => void refused.push(note),
  };
  const world = await makeWorld(3, [], (index) => (index === 1 ? { parts } : {}));
  const [a, b] = [host(world, 0), host(world, 1)];
  await append(a, 'one');
  seen = unwrap(await world.simulator.finish(a.witness.anchor())).note;
  await b.store.batch([{ space: 'witness', key: stateKey(a.log.origin) }], { sync: true });
  const smaller = signCheckpoint(a.key, { origin: a.log.origin, size: 1, root: unwrap(await a.log.rootAt(1)) });
  assert.is((await b.witness.cosign(encodeRequest(0, [], smaller))).status, 409);
  assert.equal(refused, [smaller]);
  assert.ok(b.facts.some(({ kind, remembered }) => kind === 'audit.witness-recalled' && remembered === null));
  await append(a, 'two');
  assert.is(unwrap(await world.simulator.finish(a.witness.anchor())).cosignatures, 2);
});

test('what a peer saw of a host can be asked when that host is gone', async () => {
  const world = await makeWorld(4);
  const [a, b, auditor] = [host(world, 0), host(world, 1), host(world, 3)];
  await append(a, 'x');
  const { size } = unwrap(await world.simulator.finish(a.witness.anchor()));
  await a.network.stop();
  const known = unwrap(await world.simulator.finish(auditor.witness.askKnown(b.name, a.log.origin)));
  const opened = unwrap(openCheckpoint(known, unwrap(parseVerifier(a.log.verifier_key)), [unwrap(parseVerifier(b.witness.verifier_key))]));
  assert.is(opened.checkpoint.size, size);
  assert.is(opened.cosignatures.length, 1);
  assert.is(code(await world.simulator.finish(auditor.witness.askKnown(b.name, auditor.log.origin))), 'WITNESS_LOG_UNKNOWN');
});

test('without a quorum the failure says who refused and why', async () => {
  const world = await makeWorld(3);
  const [a, b, c] = [host(world, 0), host(world, 1), host(world, 2)];
  const stranger = signingKey(new Uint8Array(32).fill(33)).public_key;
  const strange_name = witnessName('did:mesh:bstranger', stranger);
  const strange_key = verifierKey(strange_name, signature_type_witness, stranger);
  world.contacts.set(a.name, [contactOf(b), { peer: c.name, verifier_key: strange_key }, { peer: 'nobody', verifier_key: c.witness.verifier_key }]);
  await append(a, 'x');
  const missed = await world.simulator.finish(a.witness.anchor());
  assert.is(code(missed), 'AUDIT_QUORUM');
  if (missed.ok) return;
  for (const part of [/^1 of the 2 witnesses /, /host-2: .*no cosignature/, /nobody: /]) assert.match(missed.failure.reason, part);
  assert.equal(a.facts.filter(({ kind }) => kind === 'audit.witness-refused').map(({ peer }) => String(peer)).toSorted(), [c.name, 'nobody']);
  world.contacts.set(a.name, []);
  assert.is(code(await world.simulator.finish(a.witness.anchor())), 'AUDIT_QUORUM');
  world.contacts.delete(a.name);
  assert.ok((await world.simulator.finish(a.witness.anchor())).ok, 'and later it works');
});

test('running hosts publish when there is news, anchor each other, and then fall silent', async () => {
  const world = await makeWorld(3);
  const { simulator, hosts } = world;
  for (const { witness: service } of hosts) service.start();
  await append(host(world, 0), 'news');
  await simulator.run(simulator.now_ms + 180_000);
  const anchored = (of: Host): number => of.facts.filter(({ kind }) => kind === 'audit.anchored').length;
  assert.equal(hosts.map(anchored), [1, 1, 1]);
  for (const { log } of hosts) {
    const kinds: string[] = [];
    for await (const entry of log.entries()) kinds.push(unwrap(entry).kind);
    assert.ok(kinds.includes('anchor'), 'heads of others are in the own log');
    assert.ok(kinds.includes('receipt'));
  }
  const sizes = hosts.map(({ log }) => log.size());
  await simulator.run(simulator.now_ms + 300_000);
  assert.equal(hosts.map(({ log }) => log.size()), sizes, 'anchors of anchors do not go on for ever');
  await append(host(world, 1), 'more');
  await simulator.run(simulator.now_ms + 30_000);
  assert.equal(hosts.map(anchored), [1, 2, 1]);
  await simulator.run(simulator.now_ms + 700_000);
  assert.ok(hosts.every((each) => anchored(each) >= 2), 'a heartbeat after ten silent minutes');
  for (const { witness: service } of hosts) await simulator.finish(service.stop());
  const before = { events: simulator.events, anchored: hosts.map(anchored) };
  await append(host(world, 0), 'after the end');
  await simulator.run(simulator.now_ms + 100_000);
  assert.ok(simulator.events - before.events < 20, 'no timer is left');
  assert.equal(hosts.map(anchored), before.anchored);
});

/** A copy of what a host has stored. */
async function copyOf({ store, files, vault }: Host): Promise<Saved> {
  const copy = unwrap(await openStore({ kind: 'memory' }));
  const changes = [];
  for (const space of ['log', 'witness'] as const) {
    for await (const [key, value] of store.entries(space, {})) changes.push({ space, key, value } as const);
  }
  await copy.batch(changes, { sync: true });
  const kept = memoryFiles();
  for (const name of ['head', 'vault']) await kept.write(name, await files.read(name) ?? new Uint8Array());
  return { store: copy, files: kept, vault };
}

async function rolledBack(texts: { readonly lost: readonly string[]; readonly instead: readonly string[] }): Promise<{ world: World; a: Host; before: Uint8Array | undefined }> {
  const past = await makeWorld(3);
  await append(host(past, 0), 'kept');
  unwrap(await past.simulator.finish(host(past, 0).witness.anchor()));
  const old_copy = await copyOf(host(past, 0));
  for (const text of texts.lost) await append(host(past, 0), text);
  unwrap(await past.simulator.finish(host(past, 0).witness.anchor()));
  const others = await Promise.all([1, 2].map((index) => copyOf(host(past, index))));
  const world = await makeWorld(3, [old_copy, ...others]);
  const a = host(world, 0);
  assert.is(a.log.frozen, undefined, 'nothing on its own disk tells it');
  for (const text of texts.instead) await append(a, text);
  return { world, a, before: a.log.latest()?.note };
}

test('a host that was put back to an older copy freezes before it signs', async () => {
  const { world, a, before } = await rolledBack({ lost: ['x', 'y', 'z'], instead: ['other'] });
  const result = await world.simulator.finish(a.witness.anchor());
  assert.is(code(result), 'AUDIT_FROZEN');
  assert.match(a.log.frozen?.reason ?? '', /holds a checkpoint of this log with 6 entries, this host only 4/);
  assert.equal(a.log.latest()?.note, before, 'no second history was signed');
  assert.ok(a.facts.some(({ kind }) => kind === 'audit.frozen'));
});

test('also when it has grown past what the witnesses saw', async () => {
  const { world, a, before } = await rolledBack({ lost: ['x'], instead: ['p', 'q', 'r', 's'] });
  assert.is(code(await world.simulator.finish(a.witness.anchor())), 'AUDIT_FROZEN');
  assert.match(a.log.frozen?.reason ?? '', /another root at 4 entries/);
  assert.equal(a.log.latest()?.note, before);
});

test('a host that was witnessed before signs nothing while it can ask nobody', async () => {
  const { world, a, before } = await rolledBack({ lost: ['x'], instead: ['p'] });
  world.contacts.set(a.name, []);
  assert.is(code(await world.simulator.finish(a.witness.anchor())), 'AUDIT_QUORUM');
  assert.equal(a.log.latest()?.note, before);
});

test('one peer that knows nothing of a log, or pretends to, does not make an older copy of it sign', async () => {
  const { world, a, before } = await rolledBack({ lost: ['x'], instead: ['p'] });
  const newcomer = await addLiar(world, '0\n', encodeFailure({ code: 'WITNESS_LOG_UNKNOWN', reason: 'never heard of it' }));
  world.contacts.set(a.name, [newcomer]);
  assert.is(code(await world.simulator.finish(a.witness.anchor())), 'AUDIT_QUORUM');
  assert.equal(a.log.latest()?.note, before, 'no second history was signed');
  world.contacts.set(a.name, [newcomer, contactOf(host(world, 2))]);
  assert.is(code(await world.simulator.finish(a.witness.anchor())), 'AUDIT_FROZEN');
});

/** Puts a network in the world that answers as a witness however the test wants. */
async function addLiar(world: World, answer: string, known: Uint8Array): Promise<WitnessContact> {
  const network = simulatedNetwork(world.wire, { id: 'liar', clock: world.simulator.clock('liar'), recorder: { record: () => undefined } });
  network.handle(witness_protocol, witness_limits, () => Promise.resolve(encodeAnswer({ status: 409, body: answer })));
  network.handle(audit_protocol, audit_limits, () => Promise.resolve(known));
  unwrap(await network.start());
  unwrap(await world.simulator.finish(network.dial(host(world, 0).network.addresses()[0] ?? '', { signal: never })));
  return { peer: 'liar', verifier_key: host(world, 1).witness.verifier_key };
}

test("a witness's word alone cannot freeze a log", async () => {
  const world = await makeWorld(3);
  const a = host(world, 0);
  const forged = signCheckpoint(signingKey(new Uint8Array(32).fill(99)), { origin: a.log.origin, size: 1000, root: leafHash(utf8('x')) });
  const liar = await addLiar(world, '1000\n', forged);
  world.contacts.set(a.name, [liar, ...world.hosts.slice(1).map(contactOf)]);
  await append(a, 'x');
  const anchored = await world.simulator.finish(a.witness.anchor());
  assert.ok(anchored.ok, 'the honest ones are enough');
  assert.is(a.log.frozen, undefined);
  assert.ok(a.facts.some(({ kind, reason }) => kind === 'audit.witness-refused' && String(reason).includes('409: 1000')));
});

test('a witness that keeps naming other sizes is left after three requests', async () => {
  const world = await makeWorld(2);
  const a = host(world, 0);
  let asked = 0;
  const network = simulatedNetwork(world.wire, { id: 'mill', clock: world.simulator.clock('mill'), recorder: { record: () => undefined } });
  network.handle(witness_protocol, witness_limits, () => {
    asked += 1;
    return Promise.resolve(encodeAnswer({ status: 409, body: `${asked}\n` }));
  });
  unwrap(await network.start());
  unwrap(await world.simulator.finish(network.dial(a.network.addresses()[0] ?? '', { signal: never })));
  for (let index = 0; index < 6; index += 1) await append(a, String(index));
  world.contacts.set(a.name, [{ peer: 'mill', verifier_key: host(world, 1).witness.verifier_key }]);
  assert.is(code(await world.simulator.finish(a.witness.anchor())), 'AUDIT_QUORUM');
  assert.is(asked, 3);
});

test('a fork shown to a witness becomes an entry in its own log', async () => {
  const world = await makeWorld(3);
  const [a, b] = [host(world, 0), host(world, 1)];
  await append(a, 'x');
  unwrap(await world.simulator.finish(a.witness.anchor()));
  const fork = signCheckpoint(a.key, { origin: a.log.origin, size: 2, root: leafHash(utf8('another history')) });
  unwrap(await world.simulator.finish(a.network.request(b.name, witness_protocol, encodeRequest(2, [], fork), { limits: witness_limits, signal: never })));
  const kinds: string[] = [];
  for await (const entry of b.log.entries()) kinds.push(unwrap(entry).kind);
  assert.ok(kinds.includes('evidence'));
  assert.ok(b.log.news() > 0, 'and it is news');
});

test('a frozen log shows its head but proves nothing', async () => {
  const world = await makeWorld(4);
  const [a, auditor] = [host(world, 0), host(world, 3)];
  await append(a, 'x');
  const { note } = unwrap(await world.simulator.finish(a.witness.anchor()));
  await a.log.freeze('test');
  assert.equal(unwrap(await world.simulator.finish(auditor.witness.askHead(a.name))), note);
  assert.is(code(await world.simulator.finish(auditor.witness.askProof(a.name, 1))), 'AUDIT_FROZEN');
  assert.is(code(await world.simulator.finish(a.witness.anchor())), 'AUDIT_FROZEN');
});

test('questions that are none, and entries that are not anchored yet, get a reason', async () => {
  const world = await makeWorld(3);
  const [a, b] = [host(world, 0), host(world, 1)];
  await append(a, 'x');
  unwrap(await world.simulator.finish(a.witness.anchor()));
  const late = await append(a, 'y');
  assert.is(code(await world.simulator.finish(b.witness.askProof(a.name, late))), 'AUDIT_NOT_ANCHORED');
  const bad = [new Uint8Array(), utf8('head'), encodeCbor({ kind: 'all' }), encodeCbor({ kind: 'proof' }), encodeCbor({ kind: 'proof', index: -1 }), encodeCbor({ kind: 'head', more: 1 }), encodeCbor({ kind: 'known', origin: 7 })];
  for (const question of bad) {
    const answer = await world.simulator.finish(b.network.request(a.name, audit_protocol, question, { limits: audit_limits, signal: never }));
    assert.is(code(unlessFailure(answer)), 'AUDIT_QUESTION_INVALID');
  }
});

test('a peer that sends malformed requests is held to it', async () => {
  const world = await makeWorld(2);
  const [a, b] = [host(world, 0), host(world, 1)];
  let refused = false;
  for (let count = 0; count < 200 && !refused; count += 1) {
    const answer = await world.simulator.finish(b.network.request(a.name, witness_protocol, utf8('rubbish'), { limits: witness_limits, signal: never }));
    refused = !answer.ok;
  }
  assert.ok(refused, 'in the end it is turned away');
});

test('witnesses of different sponsors are asked first', () => {
  const contact = (peer: string, sponsor?: string): WitnessContact => ({ peer, verifier_key: peer, ...(sponsor === undefined ? {} : { sponsor }) });
  const { order } = operatorQuorum(2, () => undefined);
  const ordered = order([contact('a1', 'a'), contact('a2', 'a'), contact('x'), contact('b1', 'b'), contact('b2', 'b')]);
  assert.equal(ordered.map(({ peer }) => peer), ['a1', 'b1', 'a2', 'b2', 'x']);
  assert.is(order(Array.from({ length: 100 }, (_, index) => contact(String(index)))).length, 15);
});

witnessContract(test, 'the mesh', async (_context, { witness: rule }) => {
  const simulator = new Simulator('contract');
  const wire = new Wire({ simulator });
  const [server, client] = ['witness', 'log'].map((id) => simulatedNetwork(wire, { id, clock: simulator.clock(id), recorder: { record: () => undefined } }));
  if (server === undefined || client === undefined) throw new Error('two networks were made');
  server.handle(witness_protocol, witness_limits, async (request) => encodeAnswer(await rule.add(request)));
  for (const each of [server, client]) unwrap(await each.start());
  unwrap(await simulator.finish(client.dial('/simulated/witness', { signal: never })));
  return async (request) => {
    const answer = await simulator.finish(client.request('witness', witness_protocol, request, { limits: witness_limits, signal: never }));
    // What is too long is not even sent.
    return answer.ok ? unwrap(decodeAnswer(answer.value)) : { status: answer.failure.code === 'REQUEST_TOO_LARGE' ? 413 : 0, body: answer.failure.reason };
  };
}, witness_limits.exchanges_per_peer_max);

test.run();
