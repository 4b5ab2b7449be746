import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape } from '../../crypto/canonical.ts';
import { createToken } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import { signEquivocation, signRevocation } from '../../crypto/statement.ts';
import type { Peer } from '../../protocols/ports.ts';
import { answerSync } from '../../protocols/statements/answer.ts';
import { Completeness } from '../../protocols/statements/completeness.ts';
import {
  nodes_per_request_max, pushes_per_window_max, statements_per_request_max, statements_topic, sync_limits, sync_lookups_at_once_max, sync_period_ms, sync_protocol, unresolved_per_sync_max,
} from '../../protocols/statements/constants.ts';
import { openStatements } from '../../storage/statements.ts';
import { openStore } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { keyNamed, person, start_ms, start_s, type Person } from '../people.ts';
import { alice, at, bob, endorsement, endorsements, hashOf, keep, kinds, mute, rogue, world } from './statement-world.ts';

const test = suite('protocols/statements');

test('a published statement reaches every host, over others, and is told once', async (context) => {
  const { hosts, connect, pass, finish } = await world(context, 4);
  for (const index of [1, 2, 3]) await connect(index, index - 1);
  await pass(1000);
  const texts = [await endorsement(), unwrap(await signRevocation(alice.signer, { target: { kind: 'agent', id: bob.did }, seq: 1, nbf: start_s, why: '' }))];
  for (const text of texts) unwrap(await finish(at(hosts, 0).exchange.publish(text)));
  await pass(2000);
  for (const text of texts) unwrap(await finish(at(hosts, 0).exchange.publish(text)));
  await pass(120_000);
  for (const { applied } of hosts) assert.equal([...applied].sort(), texts.map(hashOf).sort());
});

test('who was away gets what it missed when it connects, in both directions', async (context) => {
  const { hosts, connect, pass } = await world(context, 2);
  const [left, right] = [at(hosts, 0), at(hosts, 1)];
  const count = statements_per_request_max + 20;
  const texts = await endorsements(count);
  for (const text of texts) await keep(left, text);
  const [own = ''] = await endorsements(1, bob);
  await keep(right, own);
  await connect(1, 0);
  await pass(5000);
  assert.is(right.applied.length, count);
  assert.equal(left.applied, [hashOf(own)]);
  assert.equal(kinds(right, 'sync.done').map(({ admitted, complete }) => ({ admitted, complete })), [{ admitted: count, complete: true }]);
  assert.is(right.exchange.lastComplete(left.network.id) !== undefined, true);
});

test('after a while connected hosts pull again, and what was missed without a push arrives', async (context) => {
  const { hosts, connect, pass } = await world(context, 2);
  await connect(1, 0);
  await pass(1000);
  const text = await endorsement();
  await keep(at(hosts, 0), text);
  await pass(1.3 * sync_period_ms);
  assert.equal(at(hosts, 1).applied, [hashOf(text)]);
});

test('publishing checks like receiving, and says why not', async (context) => {
  const { hosts, finish } = await world(context, 1);
  const { exchange, records } = at(hosts, 0);
  const code = async (text: string): Promise<string> => {
    const result = await finish(exchange.publish(text));
    return result.ok ? 'published' : result.failure.code;
  };
  const stolen = { key_id: alice.signer.key_id, key: keyNamed('thief') };
  assert.is(await code('nonsense'), 'TOKEN_MALFORMED');
  assert.is(await code(await createToken('mesh-dlg+jwt', alice.signer, {})), 'TOKEN_TYPE');
  assert.is(await code(await createToken('mesh-endorse+jwt', alice.signer, {})), 'STATEMENT_MALFORMED');
  assert.is(await code(await endorsement(alice, { nbf: start_s - 7200, exp: start_s - 3600 })), 'TOKEN_EXPIRED');
  assert.is(await code(await endorsement(alice, { nbf: start_s + 3600 })), 'TOKEN_NOT_YET_VALID');
  assert.is(await code(await endorsement({ ...alice, signer: stolen })), 'STATEMENT_FORGED');
  assert.is(await code(await endorsement(mute)), 'STATEMENT_KEY_UNKNOWN');
  assert.is(await code(await endorsement({ ...alice, signer: { ...alice.signer, key_id: `${alice.did}#other` } })), 'STATEMENT_KEY_UNKNOWN');
  records.delete(alice.did);
  assert.is(await code(await endorsement()), 'STATEMENT_ISSUER_UNKNOWN');
  records.set(alice.did, alice.record);
  assert.is(await code(await endorsement(alice, { seq: 2 })), 'published');
  assert.is(await code(await endorsement(alice, { seq: 2 })), 'published', 'once more does no harm');
  assert.is(await code(await endorsement()), 'STATEMENT_STALE');
  assert.is(at(hosts, 0).applied.length, 1);
});

test('the same statement at once is checked and told once', async (context) => {
  const { hosts, finish } = await world(context, 1);
  const { exchange, applied, resolved } = at(hosts, 0);
  const text = await endorsement();
  const all = await finish(Promise.all(Array.from({ length: 10 }, () => exchange.publish(text))));
  assert.ok(all.every(({ ok }) => ok));
  assert.is(applied.length, 1);
  assert.is(resolved.length, 1);
});

test('two payloads under one seq are recorded, and all hosts keep the same one', async (context) => {
  const { hosts, connect, pass, finish } = await world(context, 3);
  await connect(1, 0);
  await connect(2, 1);
  await pass(1000);
  const pair = [await endorsement(alice, { weight: 1 }), await endorsement(alice, { weight: 2 })];
  await finish(Promise.all([at(hosts, 0).exchange.publish(at(pair, 0)), at(hosts, 2).exchange.publish(at(pair, 1))]));
  await pass(60_000);
  const kept = [...pair].map(hashOf).sort((a, b) => (a < b ? -1 : 1))[0];
  for (const { store } of hosts) assert.equal(store.endorsements(bob.did).map(({ hash }) => hash), [kept]);
  assert.ok(hosts.some((each) => kinds(each, 'statement.equivocation').length > 0));
});

test('pushed rubbish is dropped, not passed on, and costs the sender; what an honest peer might send costs nothing', async (context) => {
  const { hosts, connect, pass, finish } = await world(context, 3, rogue((request, store) => answerSync(store, request)));
  await connect(0, 1);
  await connect(1, 2);
  await pass(1000);
  const [sender, receiver, third] = [at(hosts, 0), at(hosts, 1), at(hosts, 2)];
  const penalties = (): number => kinds(receiver, 'network.peer.penalised').length;
  const stranger = await person('nobody here');
  for (const text of [await endorsement(stranger), await endorsement(alice, { nbf: start_s + 3600 }), await endorsement(mute)]) {
    unwrap(await finish(sender.network.publish(statements_topic, utf8(text))));
    await pass(1000);
  }
  assert.is(penalties(), 0);
  const forged = await endorsement({ ...alice, signer: { key_id: alice.signer.key_id, key: keyNamed('thief') } });
  const bad = [utf8('nonsense'), Uint8Array.of(0xff, 0xfe), utf8('x'.repeat(5000)), utf8(forged), utf8(await createToken('mesh-endorse+jwt', alice.signer, {}))];
  for (const message of bad) {
    await finish(sender.network.publish(statements_topic, message));
    await pass(1000);
  }
  assert.ok(penalties() >= bad.length, `${penalties()} penalties`);
  assert.is(receiver.applied.length, 0);
  assert.is(kinds(third, 'statement.refused').length, 0, 'nothing of it was passed on');
});

test('a flood from one peer is cut off within the window and takes nothing from others', async (context) => {
  const { hosts, connect, pass, finish } = await world(context, 3, rogue((request, store) => answerSync(store, request)));
  await connect(0, 1);
  await connect(2, 1);
  await pass(1000);
  const [sender, receiver, honest] = [at(hosts, 0), at(hosts, 1), at(hosts, 2)];
  const texts = await endorsements(pushes_per_window_max + 50);
  for (const text of texts) unwrap(await finish(sender.network.publish(statements_topic, utf8(text))));
  await pass(1000);
  assert.is(receiver.applied.length, pushes_per_window_max);
  const [word = ''] = await endorsements(1, bob);
  unwrap(await finish(honest.exchange.publish(word)));
  await pass(1000);
  assert.ok(receiver.store.has(hashOf(word)));
});

test('a peer that speaks no sync is no culprit', async (context) => {
  const { hosts, connect, pass } = await world(context, 2, (_, index) => index === 0);
  await connect(1, 0);
  await pass(5000);
  assert.equal(kinds(at(hosts, 1), 'sync.failed').map(({ code }) => code), ['PEER_REFUSED']);
  assert.is(kinds(at(hosts, 1), 'network.peer.penalised').length, 0);
});

test('statements of issuers that nobody knows cost few look-ups and no blame, and come in when the record does', async (context) => {
  const strangers = await Promise.all(Array.from({ length: 10 * unresolved_per_sync_max }, (_, index) => person(`stranger ${index}`)));
  const { hosts, connect, pass } = await world(context, 2);
  const [sender, receiver] = [at(hosts, 0), at(hosts, 1)];
  for (const stranger of strangers) for (const text of await endorsements(2, stranger)) await keep(sender, text);
  await connect(1, 0);
  await pass(5000);
  assert.equal(kinds(receiver, 'sync.done').map(({ admitted, complete }) => ({ admitted, complete })), [{ admitted: 0, complete: true }]);
  assert.is(kinds(receiver, 'network.peer.penalised').length, 0);
  const lookups_max = unresolved_per_sync_max + 2 * sync_lookups_at_once_max;
  assert.ok(new Set(receiver.resolved).size <= lookups_max, `${receiver.resolved.length} look-ups`);
  const looked_up = receiver.resolved.length;
  const [known = alice] = strangers;
  receiver.records.set(known.did, known.record);
  await pass(1.3 * sync_period_ms);
  assert.is(receiver.applied.length, 2, 'whose record is here now');
  assert.ok(new Set(receiver.resolved.slice(looked_up)).size <= 2 * lookups_max, `${receiver.resolved.length - looked_up} look-ups in one or two more syncs`);
});

for (const way of ['reconciled', 'pushed'] as const) {
  test(`a revocation that was ${way} while nobody had its issuer's record counts at the first command with that record`, async (context) => {
    const issuer = await person('late issuer');
    const { hosts, connect, pass, finish } = await world(context, 2);
    const [sender, receiver] = [at(hosts, 0), at(hosts, 1)];
    sender.records.set(issuer.did, issuer.record);
    const text = unwrap(await signRevocation(issuer.signer, { target: { kind: 'did', id: bob.did }, seq: 1, nbf: start_s, why: '' }));
    if (way === 'reconciled') await keep(sender, text);
    await connect(1, 0);
    await pass(3000);
    if (way === 'pushed') unwrap(await finish(sender.exchange.publish(text)));
    await pass(500);
    assert.is(receiver.store.size, 0);
    await finish(receiver.exchange.reconsider([issuer.did]));
    assert.is(receiver.store.size, 0, 'not without the record');
    receiver.records.set(issuer.did, issuer.record);
    await finish(receiver.exchange.reconsider([alice.did]));
    assert.is(receiver.store.size, 0, 'not for somebody else');
    await finish(receiver.exchange.reconsider([issuer.did]));
    assert.ok(receiver.store.revocation('did', bob.did, issuer.did) !== undefined);
    assert.equal(receiver.applied, [hashOf(text)]);
  });
}

test('what was signed with a key before it was retired counts, what is dated later does not', async (context) => {
  const { hosts, finish } = await world(context, 1);
  const { exchange, records } = at(hosts, 0);
  const { record } = alice;
  const old = record.document.methods.map((method) => ({ ...method, until: (start_s + 10) * 1000 }));
  records.set(alice.did, { ...record, document: { ...record.document, methods: [], retired: old } });
  const code = async (text: string): Promise<string> => {
    const result = await finish(exchange.publish(text));
    return result.ok ? 'published' : result.failure.code;
  };
  assert.is(await code(await endorsement(alice, { scope: 'read' })), 'published');
  assert.is(await code(await endorsement(alice, { scope: 'write', nbf: start_s + 10 })), 'STATEMENT_KEY_UNKNOWN');
});

test('an unknown key is looked up afresh, once', async (context) => {
  const { hosts, finish } = await world(context, 1);
  const { exchange, records, resolved } = at(hosts, 0);
  records.set(alice.did, { ...alice.record, document: { ...alice.record.document, methods: [] } });
  at(hosts, 0).fresh.set(alice.did, alice.record);
  assert.ok((await finish(exchange.publish(await endorsement()))).ok);
  assert.equal(resolved, [alice.did, `fresh ${alice.did}`]);
  const refused = await finish(exchange.publish(await endorsement(mute)));
  assert.is(refused.ok ? '' : refused.failure.code, 'STATEMENT_KEY_UNKNOWN');
  assert.equal(resolved.slice(2), [mute.did, `fresh ${mute.did}`]);
});

test('a key whose id is not made of it signs no statements: two records could mean two keys by it', async (context) => {
  const { hosts, finish } = await world(context, 1);
  const { exchange, records } = at(hosts, 0);
  const { record } = alice;
  const [method] = record.document.methods;
  if (method === undefined) throw new Error('alice has a key');
  records.set(alice.did, { ...record, document: { ...record.document, methods: [{ ...method, id: 'use' }] } });
  const refused = await finish(exchange.publish(await endorsement({ ...alice, signer: { ...alice.signer, key_id: `${alice.did}#use` } })));
  assert.is(refused.ok ? '' : refused.failure.code, 'STATEMENT_KEY_UNKNOWN');
});

async function contradiction(by: Person = alice): Promise<[string, string]> {
  return [await endorsement(by, { weight: 1 }), await endorsement(by, { weight: 2 })];
}

test('two payloads under one seq are given to the host to report, and the proof is believed only where it proves', async (context) => {
  const { hosts, finish } = await world(context, 1);
  const { exchange, store, equivocated } = at(hosts, 0);
  const pair = await contradiction();
  const results = [await finish(exchange.publish(pair[0])), await finish(exchange.publish(pair[1]))];
  assert.ok(results[0]?.ok);
  assert.equal(equivocated.map(({ issuer, tokens }) => [issuer, [...tokens].sort()]), [[alice.did, [...pair].sort()]]);
  const code = async (accused: string, statements: [string, string]): Promise<string> => {
    const result = await finish(exchange.publish(unwrap(await signEquivocation(bob.signer, { sub: accused, nbf: start_s, statements }))));
    return result.ok ? 'published' : result.failure.code;
  };
  const forged = { ...alice, signer: { key_id: alice.signer.key_id, key: keyNamed('thief') } };
  assert.is(await code(bob.did, pair), 'STATEMENT_UNPROVEN', 'of another than the accused');
  assert.is(await code(alice.did, await contradiction(forged)), 'STATEMENT_UNPROVEN', 'not signed by the accused');
  assert.is(await code(alice.did, [pair[0], await endorsement(alice, { weight: 2, seq: 2 })]), 'STATEMENT_UNPROVEN', 'another seq');
  assert.is(await code(alice.did, [pair[0], await endorsement(alice, { weight: 2, scope: 'read' })]), 'STATEMENT_UNPROVEN', 'another scope');
  assert.is(await code(alice.did, [pair[0], 'nonsense']), 'STATEMENT_UNPROVEN');
  assert.is(store.equivocation(alice.did), undefined);
  assert.is(await code(alice.did, pair), 'published');
  assert.is(store.equivocation(alice.did)?.iss, bob.did);
});

test('the time of completeness is that of the second best of the peers that are connected, and never goes back', async () => {
  const connected = ['a', 'b', 'c'];
  const kept: number[] = [];
  const store = { complete_as_of_ms: 0, noteComplete: async (ms: number) => void kept.push(ms) };
  const peers = (): Peer[] => connected.map((id) => ({ id, address: '', direction: 'outbound', since: 0 }));
  const completeness = new Completeness({ store, network: { peers } });
  for (const [peer, ms] of [['a', 100], ['b', 200], ['a', 300], ['c', 250], ['c', 400]] as const) await completeness.note(peer, ms);
  assert.equal(kept, [100, 100, 200, 250, 300]);
  connected.splice(0, 2);
  await completeness.note('c', 500);
  assert.is(kept.at(-1), 500, 'the only one that is left');
  completeness.began('a', 10);
  completeness.began('b', 5);
  const next = (...since: readonly (readonly [string, number])[]): string | undefined => completeness.nextInTurn(since.map(([id, ms]) => ({ id, since: ms })));
  assert.is(next(['a', 0], ['b', 0]), 'b');
  assert.is(next(['a', 0], ['b', 0], ['c', 1]), 'c', 'never seen, and waiting longest');
  assert.is(next(['a', 0], ['b', 0], ['c', 20]), 'b', 'a newcomer waits like the others');
  assert.is(next(['a', 20], ['b', 30]), 'a', 'and so does who comes again');
  assert.is(next(), undefined);
});

test('as of when all is known is told by two peers where there are two, and only goes forward', async (context) => {
  const { hosts, connect, pass, simulator } = await world(context, 4, ({ network }, index) => {
    if (index !== 3) return false;
    network.subscribe(statements_topic, () => Promise.resolve('accept'), () => undefined);
    network.handle(sync_protocol, sync_limits, async () => encodeCbor({ failure: { code: 'NO', reason: 'never' } }));
    return true;
  });
  const { exchange, network } = at(hosts, 0);
  assert.is(exchange.completeAsOf(), 0);
  await connect(0, 1);
  await pass(2000);
  const alone = exchange.completeAsOf();
  assert.ok(alone > start_ms - 1 && alone <= simulator.now_ms);
  await connect(0, 3);
  await pass(2 * sync_period_ms);
  assert.ok(simulator.now_ms - exchange.completeAsOf() <= 1.3 * sync_period_ms, 'a peer that never finishes holds nobody up');
  await connect(0, 2);
  await pass(2 * sync_period_ms);
  const [one = 0, two = 0] = [exchange.lastComplete('host-1'), exchange.lastComplete('host-2')];
  assert.ok(exchange.completeAsOf() <= Math.min(one, two), 'both had to agree');
  assert.ok(simulator.now_ms - exchange.completeAsOf() <= 1.3 * sync_period_ms);
  const last = exchange.completeAsOf();
  await network.stop();
  await pass(600_000);
  assert.is(exchange.completeAsOf(), last, 'whoever is cut off knows of nothing since');
});

test('requests that break the form are answered with a failure, never with an error', async () => {
  const store = await openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now: () => start_ms });
  const code = async (request: Uint8Array): Promise<unknown> => {
    const decoded = unwrap(decodeCbor(await answerSync(store, request)));
    return hasShape(decoded, ['failure']) && hasShape(decoded['failure'], ['code', 'reason']) ? decoded['failure']['code'] : 'answered';
  };
  const id = new Uint8Array(32);
  const node = { day: 1, prefix: 'ab', hash: new Uint8Array(16) };
  for (const malformed of [
    { kind: 'days', topic: 'others' }, { kind: 'days', topic: 'others', after: -1 }, { kind: 'days', topic: 'weather', after: null },
    { kind: 'nodes', topic: 'others', nodes: [{ ...node, prefix: 'AB' }] }, { kind: 'nodes', topic: 'others', nodes: [{ ...node, prefix: 'a'.repeat(17) }] },
    { kind: 'nodes', topic: 'others', nodes: [{ ...node, hash: id }] }, { kind: 'nodes', topic: 'others', nodes: Array.from({ length: nodes_per_request_max + 1 }, () => node) },
    { kind: 'statements', ids: [new Uint8Array(3)] }, { kind: 'statements', ids: Array.from({ length: statements_per_request_max + 1 }, () => id) },
    { kind: 'snapshot', topic: 'others', day: 0.5, prefix: '', after: null }, { kind: 'snapshot', topic: 'others', day: 1, prefix: '', after: 'x' },
    { kind: 'days', topic: 'others', after: null, nodes: [] },
  ]) assert.is(await code(encodeCbor(malformed)), 'SYNC_MALFORMED', JSON.stringify(malformed));
  assert.is(await code(utf8('nonsense')), 'SYNC_MALFORMED');
  assert.is(await code(encodeCbor({ kind: 'trie', prefix: '' })), 'SYNC_KIND_UNKNOWN');
  assert.is(await code(encodeCbor([])), 'SYNC_KIND_UNKNOWN');
  for (const good of [
    { kind: 'days', topic: 'others', after: 5 }, { kind: 'nodes', topic: 'revocations', nodes: [node] }, { kind: 'statements', ids: [id] },
    { kind: 'snapshot', topic: 'others', day: 1, prefix: 'a', after: id },
  ]) assert.is(await code(encodeCbor(good)), 'answered', JSON.stringify(good));
});

test.run();
