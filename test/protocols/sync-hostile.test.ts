import { gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { concat, toHex, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, isFields, type Fields } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { PrefixTrie } from '../../crypto/prefix-trie.ts';
import { leaf_ids_max, leafNodeHash, node_hash_bytes, type TrieNode } from '../../crypto/trie-node.ts';
import { ok, unwrap } from '../../crypto/result.ts';
import { signEquivocation, signRevocation } from '../../crypto/statement.ts';
import { sleep } from '../../protocols/time.ts';
import { answerSync } from '../../protocols/statements/answer.ts';
import { given_bytes_per_window_max, nodes_per_request_max, rounds_max, snapshot_bytes_max, statements_topic, sync_limits, sync_lookups_at_once_max, sync_period_ms, sync_protocol, unresolved_per_sync_max } from '../../protocols/statements/constants.ts';
import { wireNode } from '../../protocols/statements/sync-wire.ts';
import { Walk, type WalkTally } from '../../protocols/statements/walk.ts';
import { dayOf, type StatementStore } from '../../storage/statements.ts';
import { suite, type TestContext } from '../harness.ts';
import { keyNamed, person, start_s, type Person } from '../people.ts';
import { alice, at, bob, endorsement, endorsements, hashOf, keep, kinds, rogue, world, type Host } from './statement-world.ts';

const test = suite('protocols/sync-hostile');
const today = dayOf(start_s);
const last_day = dayOf(start_s + 86_400);
const never = new AbortController().signal;

type Answer = (request: Fields, store: StatementStore) => unknown;

function decoded(bytes: Uint8Array): Fields {
  const value = unwrap(decodeCbor(bytes));
  return isFields(value) ? value : {};
}

/** A peer that answers requests of one kind as it likes, after what it heard, and all others honestly. */
function liar(kind: string, answer: Answer): ReturnType<typeof rogue> {
  return rogue(async (request, store) => {
    const fields = decoded(request);
    return fields['kind'] === kind ? encodeCbor(await answer(fields, store)) : answerSync(store, request);
  });
}

/** How the sync ends at a host that meets such a peer, which keeps 12 statements. */
async function meet(context: TestContext, peer: ReturnType<typeof rogue>, ms: number = 5000): Promise<Host> {
  const { hosts, connect, pass } = await world(context, 2, peer);
  for (const text of await endorsements(12)) await keep(at(hosts, 0), text);
  await connect(1, 0);
  await pass(ms);
  return at(hosts, 1);
}

/** The lie is found, named with the peer, and held against it; nothing was kept. */
function assertLie(host: Host, reason: RegExp, what: string): void {
  const failed = kinds(host, 'sync.failed')[0];
  assert.is(failed?.['code'], 'SYNC_LIE', what);
  assert.match(String(failed?.['reason']), reason, what);
  assert.is(failed?.['peer'], 'host-0', what);
  assert.ok(kinds(host, 'network.peer.penalised').length >= 1, what);
}

/** A peer with a trie of its own making, and the statements of the honest store. */
function forest(trie: PrefixTrie): ReturnType<typeof rogue> {
  return rogue(async (request, store) => {
    const { kind, topic, nodes } = decoded(request);
    if (topic === 'revocations' || kind === 'statements' || kind === 'snapshot') return answerSync(store, request);
    if (kind === 'days') return encodeCbor({ days: [{ day: last_day, count: 1, root: trie.root() }] });
    const asked: readonly unknown[] = Array.isArray(nodes) ? nodes : [];
    return encodeCbor({
      nodes: asked.map((name): unknown => {
        const node = isFields(name) && typeof name['prefix'] === 'string' ? trie.node(name['prefix']) : undefined;
        return node === undefined ? null : wireNode(node);
      }),
    });
  });
}

const leaf = (...ids: readonly Uint8Array[]): unknown => ({ nodes: [wireNode({ kind: 'leaf', ids: concat(...ids) } satisfies TrieNode)] });
const low = new Uint8Array(32).fill(1);
const high = new Uint8Array(32).fill(2);

test('answers that are not of the form are lies', async (context) => {
  const hash = new Uint8Array(node_hash_bytes);
  const day = (number: number): unknown => ({ day: number, count: 1, root: hash });
  for (const [kind, answer, reason] of [
    ['days', { days: 5 }, /no list of days/], ['days', [], /no list of days/],
    ['days', { days: [day(today + 1), day(today + 1)] }, /not in ascending order/], ['days', { days: [day(today + 2), day(today + 1)] }, /not in ascending order/],
    ['days', { days: [{ day: today, count: 0, root: hash }] }, /no list of days/], ['days', { days: [{ day: today, count: 1, root: low }] }, /no list of days/],
    ['nodes', { nodes: [] }, /not hold the nodes/], ['nodes', { nodes: [{}] }, /leaf or a branch/],
    ['nodes', { nodes: [{ ids: new Uint8Array(0) }] }, /1 to 32 ids/], ['nodes', { nodes: [{ ids: new Uint8Array(33 * 32) }] }, /1 to 32 ids/],
    ['nodes', { nodes: [{ ids: new Uint8Array(31) }] }, /1 to 32 ids/], ['nodes', leaf(low, low), /ascending order/], ['nodes', leaf(high, low), /ascending order/],
    ['nodes', { nodes: [{ map: 0, hashes: new Uint8Array(0) }] }, /map of its children/], ['nodes', { nodes: [{ map: 3, hashes: hash }] }, /map of its children/],
    ['nodes', { nodes: [{ map: 0x1_0001, hashes: concat(hash, hash) }] }, /map of its children/],
    ['statements', { statements: 'all' }, /no list of statements/], ['statements', { statements: [5] }, /no list of statements/],
  ] as const) assertLie(await meet(context, liar(kind, () => answer)), reason, JSON.stringify(answer));
  const rubbish = await meet(context, rogue(async () => utf8('rubbish')));
  assertLie(rubbish, /not understood/, 'rubbish');
});

test('children or ids that do not hash to what was shown before are a lie', async (context) => {
  assertLie(await meet(context, liar('nodes', () => leaf(low))), /ids of a leaf do not hash/, 'a leaf');
  assertLie(await meet(context, liar('nodes', () => ({ nodes: [{ map: 1, hashes: low.subarray(0, node_hash_bytes) }] }))), /children of a branch do not hash/, 'a branch');
});

test('a leaf with ids of another prefix is a lie, also where the hash fits', async (context) => {
  // The branch is made by hand: its only child is a leaf that belongs elsewhere.
  const wrong = leafNodeHash(low);
  const root = sha256(concat(Uint8Array.of(1, 0x80, 0), wrong)).subarray(0, node_hash_bytes);
  const peer = rogue(async (request, store) => {
    const { kind, topic, nodes } = decoded(request);
    if (topic === 'revocations') return answerSync(store, request);
    if (kind === 'days') return encodeCbor({ days: [{ day: last_day, count: 1, root }] });
    const [name]: readonly unknown[] = Array.isArray(nodes) ? nodes : [];
    return encodeCbor(isFields(name) && name['prefix'] === '' ? { nodes: [{ map: 0x8000, hashes: wrong }] } : leaf(low));
  });
  assertLie(await meet(context, peer), /another prefix/, 'prefix');
});

test('an endless tree ends at the depth that no tree of hashes has', async (context) => {
  const trie = new PrefixTrie();
  for (let index = 0; index < 100; index += 1) trie.add(concat(new Uint8Array(31).fill(0xab), Uint8Array.of(index)));
  assertLie(await meet(context, forest(trie)), /deeper than any tree/, 'depth');
});

test('a tree of ids without statements costs one request for statements', async (context) => {
  const trie = new PrefixTrie();
  for (let index = 0; index < 20_000; index += 1) trie.add(sha256(utf8(`nothing ${index}`)));
  const host = await meet(context, forest(trie));
  assertLie(host, /has not the statements that it lists/, 'no statements');
});

test('a few listed statements that never come make a sync incomplete, and cost nobody anything', async (context) => {
  const [gone = ''] = await endorsements(1);
  const peer = liar('statements', async (request, store) => {
    const { statements } = decoded(await answerSync(store, encodeCbor(request)));
    return { statements: Array.isArray(statements) ? statements.filter((text) => text !== gone) : [] };
  });
  const host = await meet(context, peer);
  const done = kinds(host, 'sync.done')[0];
  assert.is(done?.['complete'], false);
  assert.ok(Number(done?.['undelivered']) >= 1);
  assert.is(host.applied.length, 11);
  assert.is(kinds(host, 'network.peer.penalised').length, 0);
});

test('statements that were not asked for, too many, twice, forged or listed under another day are lies', async (context) => {
  const extra = await endorsement(bob);
  const forged = await endorsement({ ...alice, signer: { key_id: alice.signer.key_id, key: keyNamed('thief') } });
  const honest = async (request: Fields, store: StatementStore): Promise<readonly unknown[]> => {
    const { statements } = decoded(await answerSync(store, encodeCbor(request)));
    return Array.isArray(statements) ? statements : [];
  };
  assertLie(await meet(context, liar('statements', () => ({ statements: [extra] }))), /not asked for/, 'another');
  assertLie(await meet(context, liar('statements', async (request, store) => ({ statements: [...(await honest(request, store)).slice(1), extra] }))), /not asked for/, 'one among many');
  assertLie(await meet(context, liar('statements', async (request, store) => ({ statements: [...await honest(request, store), extra] }))), /more statements/, 'more');
  const twice = liar('statements', async (request, store) => {
    const [first, , ...rest] = await honest(request, store);
    return { statements: [first, first, ...rest] };
  });
  assertLie(await meet(context, twice), /not asked for/, 'twice');
  const single = (text: string): ReturnType<typeof rogue> => {
    const trie = new PrefixTrie();
    trie.add(sha256(utf8(text)));
    const tree = forest(trie);
    return (host, index) => {
      if (index === 0) host.store.get = async () => text;
      return tree(host, index);
    };
  };
  const bad = await meet(context, single(forged));
  assertLie(bad, /signature/, 'forged');
  assert.is(bad.applied.length, 0);
  assertLie(await meet(context, single(await endorsement(alice, { exp: start_s + 3 * 86_400 }))), /another topic or day/, 'day');
  const revocation = unwrap(await signRevocation(alice.signer, { target: { kind: 'did', id: bob.did }, seq: 1, nbf: start_s, why: '' }));
  assertLie(await meet(context, single(revocation)), /another topic or day/, 'topic');
});

test('days that are over are not looked at, whatever they hold', async (context) => {
  const host = await meet(context, liar('days', () => ({ days: [{ day: today - 1, count: 1_000_000, root: low.subarray(0, node_hash_bytes) }] })));
  assert.equal(kinds(host, 'sync.done').map(({ complete, rounds }) => ({ complete, rounds })), [{ complete: true, rounds: 0 }]);
});

test('a peer whose tree always changes is left after a few passes, without blame and without being complete', async (context) => {
  const host = await meet(context, liar('nodes', ({ nodes }) => ({ nodes: Array.isArray(nodes) ? nodes.map(() => null) : [] })));
  assert.equal(kinds(host, 'sync.done').map(({ complete }) => complete), [false]);
  assert.ok(Number(kinds(host, 'sync.done')[0]?.['rounds']) <= 4);
  assert.is(kinds(host, 'network.peer.penalised').length, 0);
});

test('whatever a peer shows, a walk has an end: rounds are bounded', async () => {
  // Narrow, deep trees on many days: consistent, and more levels than any sync visits.
  const trie = new PrefixTrie();
  for (let index = 0; index < 40; index += 1) trie.add(concat(new Uint8Array(7).fill(0xcd), sha256(utf8(`deep ${index}`)).subarray(7)));
  const days = Array.from({ length: 4096 }, (_, index) => ({ day: today + index, count: trie.size, root: trie.root() }));
  const theirs = { days: () => days, day: () => trie, get: () => Promise.resolve(undefined) };
  const tally: WalkTally = { rounds: 0, changed: 0, missing: 0, is_cut: false };
  let asked = 0;
  const walk = new Walk({
    store: { day: () => undefined }, isRefused: () => true, isTaken: () => false, fetch: async () => ok(undefined),
    ask: async (request) => {
      asked += 1;
      return decodeCbor(await answerSync(theirs, encodeCbor(request)));
    },
  }, 'others', tally);
  assert.ok((await walk.run(days)).ok);
  assert.is(asked, rounds_max);
  assert.ok(tally.is_cut, 'and it does not call itself complete');
});

test('a peer that stalls is given up and penalised, and keeps nobody else waiting', async (context) => {
  const { hosts, connect, pass } = await world(context, 3, rogue(() => new Promise<Uint8Array>(() => undefined)));
  const honest = at(hosts, 2);
  for (const text of await endorsements(5)) await keep(honest, text);
  const host = at(hosts, 1);
  await connect(1, 0);
  await connect(1, 2);
  await pass(2000);
  assert.is(host.applied.length, 5, 'from the honest one');
  assert.is(kinds(host, 'sync.failed').length, 0, 'the other still stalls');
  await pass(20_000);
  assert.equal(kinds(host, 'sync.failed').map(({ code, peer }) => [code, peer]), [['PEER_TIMEOUT', 'host-0']]);
  assert.equal([...new Set(kinds(host, 'network.peer.penalised').map(({ peer }) => peer))], ['host-0']);
});

/** Issuers whom some hosts know and others do not. */
const strangers = (name: string, count: number): Promise<readonly Person[]> => Promise.all(Array.from({ length: count }, (_, index) => person(`${name} ${index}`)));

async function end(by: Person, seq: number = 1): Promise<string> {
  return unwrap(await signRevocation(by.signer, { target: { kind: 'did', id: bob.did }, seq, nbf: start_s, why: '' }));
}

test('peers that stall and come again and again do not keep out the one that waits', async (context) => {
  const stalling = Array.from({ length: 70 }, (_, index) => index);
  const { hosts, connect, pass, simulator, wire } = await world(context, 72, rogue(async (request, store) => {
    await sleep(simulator.clock('stall'), 9500);
    return decoded(request)['kind'] === 'nodes' ? encodeCbor({ nodes: [null] }) : answerSync(store, request);
  }, stalling));
  const [honest, host] = [at(hosts, 70), at(hosts, 71)];
  const [said = ''] = await endorsements(1);
  for (const index of stalling) await keep(at(hosts, index), said);
  await connect(71, 70);
  await pass(2000);
  const news = await end(alice);
  await keep(honest, news);
  for (let second = 0; second < 300 && !host.store.has(hashOf(news)); second += 1) {
    const index = second % stalling.length;
    wire.unlink(`host-${index}`, 'host-71');
    await connect(index, 71);
    await pass(second < 20 ? 10 : 1000);
  }
  assert.ok(host.store.has(hashOf(news)), 'its turn comes');
}, { ms: 60_000 });

test('look-ups that one peer causes do not keep those of another waiting', async (context) => {
  const [unknown, quiet] = [await strangers('unknown', 100), await strangers('quiet', 1)];
  const { hosts, connect, pass } = await world(context, 3, rogue((request, store) => answerSync(store, request)));
  const [flooder, honest, host] = [at(hosts, 0), at(hosts, 1), at(hosts, 2)];
  for (const stranger of unknown) host.slow.set(stranger.did, 10_000);
  for (const { did, record } of quiet) {
    honest.records.set(did, record);
    host.found.set(did, record);
  }
  await connect(2, 0);
  await pass(2000);
  for (const stranger of unknown) void flooder.network.publish(statements_topic, utf8(await end(stranger)));
  await pass(100);
  for (const issuer of quiet) await keep(honest, await end(issuer));
  await connect(2, 1);
  await pass(5000);
  assert.is(host.store.size, 1, 'the honest one is there');
  await pass(60_000);
  assert.ok(host.resolved.length < 10, `${host.resolved.length} look-ups`);
});

test('what was forged in the name of somebody whose record nobody had is found when the record comes, and held against who brought it', async (context) => {
  const victim = await person('victim');
  const thief = { ...victim, signer: { key_id: victim.signer.key_id, key: keyNamed('thief') } };
  const { hosts, connect, pass, finish } = await world(context, 2);
  const [liar, host] = [at(hosts, 0), at(hosts, 1)];
  for (let index = 0; index < 50; index += 1) await keep(liar, await end(thief, index));
  await connect(1, 0);
  await pass(3000);
  assert.is(kinds(host, 'network.peer.penalised').length, 0, 'nobody can know yet');
  host.records.set(victim.did, victim.record);
  await finish(host.exchange.reconsider([victim.did]));
  assert.is(host.store.size, 0);
  assert.equal(kinds(host, 'network.peer.penalised').map(({ peer }) => peer), ['host-0']);
  await finish(host.exchange.reconsider([victim.did]));
  assert.is(kinds(host, 'network.peer.penalised').length, 1, 'and nothing waits any more');
});

test('proofs against DIDs that nobody knows cost no more look-ups than statements by them', async (context) => {
  const unknown = await strangers('accused', 60);
  const { hosts, connect, pass } = await world(context, 2);
  const [sender, host] = [at(hosts, 0), at(hosts, 1)];
  for (const accused of unknown) {
    const statements = [await endorsement(accused, { weight: 1 }), await endorsement(accused, { weight: 2 })] as const;
    await keep(sender, unwrap(await signEquivocation(alice.signer, { sub: accused.did, nbf: start_s, statements })));
  }
  await connect(1, 0);
  await pass(5000);
  const asked = new Set(host.resolved.filter((did) => unknown.some((accused) => did.includes(accused.did))));
  assert.ok(asked.size <= unresolved_per_sync_max + sync_lookups_at_once_max, `${asked.size} look-ups`);
  assert.is(kinds(host, 'network.peer.penalised').length, 0);
});

test('peers that stream revocations slowly, one after the other, do not keep them from us', async (context) => {
  const slow = [0, 1, 2];
  const { hosts, connect, pass, simulator } = await world(context, 5, rogue(async (request, store) => {
    const { kind, topic, after, day } = decoded(request);
    if (kind === 'days' && topic === 'revocations') return encodeCbor({ days: store.days('revocations').map((each) => ({ day: each.day, count: 4000, root: each.root })) });
    if (kind !== 'snapshot') return answerSync(store, request);
    await sleep(simulator.clock('slow'), 9000);
    const [id = low] = store.day('revocations', Number(day))?.ids('', after instanceof Uint8Array ? after : null) ?? [];
    return encodeCbor({ tokens: gzipSync(utf8(await store.get(id) ?? '')), more: true });
  }, slow));
  const [honest, host] = [at(hosts, 3), at(hosts, 4)];
  const all = await Promise.all(Array.from({ length: 60 }, (_, index) => end(alice, index)));
  for (const text of all) for (const index of [0, 1, 2]) await keep(at(hosts, index), text);
  const news = await end(alice, 99);
  await keep(honest, news);
  for (const index of slow) await connect(4, index);
  await pass(1500);
  await connect(4, 3);
  for (let round = 0; round < 12 && !host.store.has(hashOf(news)); round += 1) await pass(15_000);
  assert.ok(host.store.has(hashOf(news)));
}, { ms: 60_000 });

test('a peer that drips is left when the time of a sync is over, and what it brought is kept', async (context) => {
  const { hosts, connect, pass, simulator } = await world(context, 2, rogue(async (request, store) => {
    await sleep(simulator_clock(), 9000);
    return answerSync(store, request);
  }));
  const simulator_clock = (): ReturnType<typeof simulator.clock> => simulator.clock('drip');
  for (const text of await endorsements(1000)) await keep(at(hosts, 0), text);
  await connect(1, 0);
  await pass(65_000);
  const host = at(hosts, 1);
  assert.ok(host.applied.length > 0);
  assert.ok(kinds(host, 'sync.failed').every(({ code }) => code === 'SYNC_STOPPED'));
  assert.is(kinds(host, 'network.peer.penalised').length, 0);
});

test('answers beyond the size of the protocol are refused', async (context) => {
  const host = await meet(context, rogue(() => Promise.resolve(new Uint8Array(sync_limits.response_bytes_max + 1))));
  assert.equal(kinds(host, 'sync.failed').map(({ code }) => code), ['RESPONSE_TOO_LARGE']);
  assert.ok(kinds(host, 'network.peer.penalised').length >= 1);
});

test('a snapshot that is no gzip, unpacks beyond the bound, is out of order, repeats, belongs elsewhere or promises without end is a lie', async (context) => {
  const texts = (await endorsements(300)).sort((a, b) => (toHex(sha256(utf8(a))) < toHex(sha256(utf8(b))) ? -1 : 1));
  const page = (lines: readonly string[], more: boolean = false): unknown => ({ tokens: gzipSync(utf8(lines.join('\n'))), more });
  const stream = async (answer: Answer): Promise<Host> => {
    const { hosts, connect, pass } = await world(context, 2, liar('snapshot', answer));
    for (const text of texts) await keep(at(hosts, 0), text);
    await connect(1, 0);
    await pass(5000);
    return at(hosts, 1);
  };
  const [first = '', second = ''] = texts;
  for (const [what, answer, reason] of [
    ['no gzip', () => ({ tokens: utf8('x'), more: false }), /not gzip/],
    ['a bomb', () => ({ tokens: gzipSync(new Uint8Array(snapshot_bytes_max + 1)), more: false }), /not gzip of the size/],
    ['line ends', () => ({ tokens: gzipSync('\n'.repeat(snapshot_bytes_max)), more: false }), /more statements than any/],
    ['no text', () => ({ tokens: gzipSync(Uint8Array.of(0xff)), more: false }), /not text/],
    ['order', () => page([second, first]), /ascending order/],
    ['twice', () => page([first, first]), /ascending order/],
    ['the same page for ever', () => page([first], true), /ascending order/],
    ['nothing for ever', () => page([], true), /promises more/],
    ['rubbish', () => page(['rubbish']), /three parts/],
    ['shape', () => ({ tokens: 'x', more: false }), /no page/],
  ] as const) assertLie(await stream(answer), reason, what);
  const honest = await stream((request, store) => answerSync(store, encodeCbor(request)).then(decoded));
  assert.is(honest.applied.length, 300, 'and an honest one is not');
});

test('a peer that asks for more than any sync takes is refused and penalised, others are not', async (context) => {
  const { hosts, connect, finish } = await world(context, 3, (_, index) => index !== 1);
  await connect(0, 1);
  await connect(2, 1);
  const [greedy, host, modest] = [at(hosts, 0), at(hosts, 1), at(hosts, 2)];
  for (const text of await endorsements(leaf_ids_max)) await keep(host, text);
  const [{ day, root } = { day: 0, root: low }] = host.store.days('others');
  const large = { kind: 'nodes', topic: 'others', nodes: Array.from({ length: nodes_per_request_max }, () => ({ day, prefix: '', hash: root })) };
  const ask = async ({ network }: Host, request: unknown): Promise<Fields> =>
    decoded(unwrap(await finish(network.request(host.network.id, sync_protocol, encodeCbor(request), { limits: sync_limits, signal: never }))));
  const answer_bytes = encodeCbor(await ask(greedy, large)).length;
  assert.ok(answer_bytes > 0.9 * sync_limits.response_bytes_max && answer_bytes <= sync_limits.response_bytes_max, 'the largest answer of nodes has room');
  for (let bytes = answer_bytes; bytes < given_bytes_per_window_max; bytes += answer_bytes) await ask(greedy, large);
  const refused = (await ask(greedy, large))['failure'];
  assert.is(isFields(refused) && refused['code'], 'SYNC_BUSY');
  assert.ok(kinds(host, 'sync.refused').length > 0);
  assert.ok(kinds(host, 'sync.refused').every(({ peer, code }) => peer === 'host-0' && code === 'SYNC_BUSY'));
  assert.ok(kinds(host, 'network.peer.penalised').some(({ peer }) => peer === 'host-0'));
  assert.ok('nodes' in await ask(modest, large));
});

test('what cannot be kept for good reasons is fetched once, and the sync is complete', async (context) => {
  let fetched = 0;
  const { hosts, connect, pass } = await world(context, 2, liar('statements', async (request, store) => {
    fetched += Array.isArray(request['ids']) ? request['ids'].length : 0;
    return decoded(await answerSync(store, encodeCbor(request)));
  }));
  const [sender, host] = [at(hosts, 0), at(hosts, 1)];
  for (const text of await endorsements(10)) await keep(sender, text);
  for (let index = 0; index < 10; index += 1) await keep(host, await endorsement(alice, { scope: `s${index}`, seq: 2 }));
  await connect(1, 0);
  await pass(4 * sync_period_ms);
  assert.is(fetched, 10, 'each once');
  assert.ok(kinds(host, 'sync.done').length >= 3);
  assert.ok(kinds(host, 'sync.done').every(({ complete }) => complete === true));
  assert.is(kinds(host, 'network.peer.penalised').length, 0);
});

test('what takes something away comes before all else', async (context) => {
  const { hosts, connect, pass } = await world(context, 2);
  const [sender, host] = [at(hosts, 0), at(hosts, 1)];
  for (const text of await endorsements(400)) await keep(sender, text);
  const end = unwrap(await signRevocation(alice.signer, { target: { kind: 'did', id: bob.did }, seq: 1, nbf: start_s, why: '' }));
  await keep(sender, end);
  await connect(1, 0);
  await pass(5000);
  assert.is(host.applied.length, 401);
  assert.is(host.applied[0], hashOf(end));
});

test('one who comes late gets five thousand statements from two peers, about half from each and hardly one twice', async (context) => {
  const writers = await Promise.all(Array.from({ length: 5 }, (_, index) => person(`writer ${index}`)));
  const { hosts, connect, pass } = await world(context, 4);
  const [one, two, late, alone] = [at(hosts, 0), at(hosts, 1), at(hosts, 2), at(hosts, 3)];
  for (const writer of writers) {
    for (const host of [late, alone]) host.records.set(writer.did, writer.record);
    for (const text of await endorsements(1000, writer)) for (const host of [one, two]) await keep(host, text);
  }
  await connect(2, 0);
  await connect(2, 1);
  await connect(3, 0);
  await pass(20_000);
  assert.is(late.applied.length, 5000);
  assert.is(late.store.size, 5000);
  assert.equal(late.store.days('others'), one.store.days('others'));
  const bytes = (host: Host, peer: string): number => kinds(host, 'sync.done').filter((fact) => fact['peer'] === peer).reduce((sum, fact) => sum + Number(fact['bytes']), 0);
  const shares = [bytes(late, 'host-0'), bytes(late, 'host-1')] as const;
  const total = shares[0] + shares[1];
  assert.ok(Math.min(...shares) > 0.2 * total, `${shares.join(' and ')} bytes`);
  assert.ok(total < 1.3 * bytes(alone, 'host-0'), `${total} bytes from two, ${bytes(alone, 'host-0')} from one`);
  assert.ok(late.exchange.completeAsOf() > 0);
}, { ms: 60_000 });

test('a stream that breaks off goes on with another peer where it stopped', async (context) => {
  const writers = await Promise.all(Array.from({ length: 3 }, (_, index) => person(`scribe ${index}`)));
  let pages = 0;
  const afters: unknown[] = [];
  const { hosts, connect, pass } = await world(context, 3, (host, index) => rogue(async (request, store) => {
    const fields = decoded(request);
    if (fields['kind'] === 'snapshot') {
      pages += 1;
      if (index === 0 && pages > 1) return new Promise<Uint8Array>(() => undefined);
      if (index === 1) afters.push(fields['after']);
    }
    return answerSync(store, request);
  }, [0, 1])(host, index));
  const [one, two, late] = [at(hosts, 0), at(hosts, 1), at(hosts, 2)];
  for (const writer of writers) {
    late.records.set(writer.did, writer.record);
    for (const text of await endorsements(1000, writer)) for (const host of [one, two]) await keep(host, text);
  }
  await connect(2, 0);
  await pass(15_000);
  const reached = late.applied.length;
  assert.ok(reached > 0 && reached < 3000, `${reached} from the first`);
  await connect(2, 1);
  await pass(15_000);
  assert.is(late.applied.length, 3000);
  assert.ok(afters[0] instanceof Uint8Array, 'it did not begin anew');
}, { ms: 60_000 });

test.run();
