import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape } from '../../crypto/canonical.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken } from '../../crypto/jwt.ts';
import { fail, ok, unwrap } from '../../crypto/result.ts';
import { parseStatement, signEndorsement, signRevocation, type EndorsementPlan, type Statement } from '../../crypto/statement.ts';
import type { Fact, Network } from '../../protocols/ports.ts';
import { pull_period_ms, pushes_per_window_max, statements_per_request_max, statements_topic, sync_limits, sync_protocol, unresolved_per_pull_max } from '../../protocols/statements/constants.ts';
import { statements, type Statements } from '../../protocols/statements/index.ts';
import { answerSync } from '../../protocols/statements/sync.ts';
import { Simulator } from '../../simulator/kernel.ts';
import { simulatedNetwork } from '../../simulator/network.ts';
import { Wire } from '../../simulator/wire.ts';
import { openStatements, type StatementStore } from '../../storage/statements.ts';
import { openStore } from '../../storage/store.ts';
import { suite, type TestContext } from '../harness.ts';
import { keyNamed, person, start_ms, start_s, type Person } from '../people.ts';

const test = suite('protocols/statements');
const alice = await person('alice');
const bob = await person('bob');
const mute = await person('mute', { uses: ['authentication'] });
const everybody = [alice, bob, mute];
const never = new AbortController().signal;

interface Host {
  readonly network: Network;
  readonly store: StatementStore;
  readonly exchange: Statements;
  readonly facts: Fact[];
  /** The hashes of statements in the order in which listeners were told. */
  readonly applied: string[];
  readonly records: Map<string, DidRecord>;
  /** The DIDs that were looked up, in order. */
  readonly resolved: string[];
}

interface World {
  readonly simulator: Simulator;
  readonly hosts: readonly Host[];
  pass(ms: number): Promise<void>;
  finish<T>(work: Promise<T>): Promise<T>;
  connect(a: number, b: number): Promise<void>;
}

async function host(wire: Wire, index: number): Promise<Host> {
  const { simulator } = wire;
  const clock = simulator.clock(`host-${index}`);
  const facts: Fact[] = [];
  const applied: string[] = [];
  const resolved: string[] = [];
  const recorder = { record: (fact: Fact) => void facts.push(fact) };
  const network = simulatedNetwork(wire, { id: `host-${index}`, clock, recorder });
  const store = await openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now: clock.now });
  const records = new Map(everybody.map(({ did, record }) => [did, record]));
  const told = (statement: Statement): void => void applied.push(statement.hash);
  const exchange = statements({ endorsement: told, revocation: told })({
    clock, network, store, recorder, random: simulator.random(`host-${index}`),
    identity: {
      known: (did) => records.get(did),
      resolve: async (did) => {
        resolved.push(did);
        const record = records.get(did);
        return record === undefined ? fail('DID_NOT_FOUND', 'nobody has it') : ok(record);
      },
    },
  });
  return { network, store, exchange, facts, applied, records, resolved };
}

/** Hosts that are not connected yet. `prepare` replaces the exchange of a host, for hosts that misbehave. */
async function world({ after }: TestContext, count: number, prepare: (host: Host, index: number) => boolean = () => false): Promise<World> {
  const simulator = new Simulator('statements');
  const wire = new Wire({ simulator });
  const hosts: Host[] = [];
  for (let index = 0; index < count; index += 1) {
    const made = await host(wire, index);
    if (!prepare(made, index)) made.exchange.start();
    unwrap(await made.network.start());
    hosts.push(made);
  }
  after(async () => {
    for (const { exchange, network } of hosts) {
      await simulator.finish(exchange.stop());
      await network.stop();
    }
  });
  return {
    simulator, hosts,
    pass: (ms) => simulator.run(simulator.now_ms + ms),
    finish: (work) => simulator.finish(work),
    connect: async (a, b) => void unwrap(await simulator.finish(at(hosts, a).network.dial(at(hosts, b).network.addresses()[0] ?? '', { signal: never }))),
  };
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no item ${index}`);
  return item;
}

async function endorsement(by: Person = alice, changes: Partial<EndorsementPlan> = {}): Promise<string> {
  return unwrap(await signEndorsement(by.signer, { sub: bob.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + 86_400, weight: 500, why: '', ...changes }));
}

function endorsements(count: number, by: Person = alice): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => endorsement(by, { scope: `s${index}` })));
}

const hashOf = (text: string): string => toBase64url(sha256(utf8(text)));

async function keep({ store }: Host, text: string): Promise<void> {
  assert.is(await store.put(unwrap(parseStatement(text)).statement, text), 'new');
}

function kinds({ facts }: Host, kind: string): readonly Fact[] {
  return facts.filter((fact) => fact.kind === kind);
}

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
});

test('after a while connected hosts pull again, and what was missed without a push arrives', async (context) => {
  const { hosts, connect, pass } = await world(context, 2);
  await connect(1, 0);
  await pass(1000);
  const text = await endorsement();
  await keep(at(hosts, 0), text);
  await pass(1.3 * pull_period_ms);
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

/** A host without an exchange of its own, that takes part in the topic and answers as it likes. */
function rogue(answer: (request: Uint8Array, store: StatementStore) => Promise<Uint8Array>): (host: Host, index: number) => boolean {
  return ({ network, store }, index) => {
    if (index !== 0) return false;
    network.subscribe(statements_topic, () => Promise.resolve('accept'), () => undefined);
    network.handle(sync_protocol, sync_limits, (request) => answer(request, store));
    return true;
  };
}

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

/** How a pull from a peer that answers like this ends at the other host. */
async function pullFrom(context: TestContext, answer: Parameters<typeof rogue>[0], ms: number = 5000): Promise<Host> {
  const { hosts, connect, pass } = await world(context, 2, rogue(answer));
  for (const text of await endorsements(3)) await keep(at(hosts, 0), text);
  await connect(1, 0);
  await pass(ms);
  return at(hosts, 1);
}

function requestKind(request: Uint8Array): unknown {
  const decoded = decodeCbor(request);
  return decoded.ok && hasShape(decoded.value, ['kind'], ['after', 'ids']) ? decoded.value['kind'] : undefined;
}

const low = new Uint8Array(32).fill(1);
const high = new Uint8Array(32).fill(2);

test('a peer that lies in a pull is found out, penalised, and changes nothing', async (context) => {
  const forged = await endorsement({ ...alice, signer: { key_id: alice.signer.key_id, key: keyNamed('thief') } });
  const endless = encodeCbor({ ids: Array.from({ length: 5000 }, (_, index) => sha256(Uint8Array.of(index >> 8, index & 255))) });
  const list = (...ids: readonly Uint8Array[]) => (): Promise<Uint8Array> => Promise.resolve(encodeCbor({ ids }));
  const then = (statements: unknown, ids: readonly Uint8Array[] = [low]) => (request: Uint8Array): Promise<Uint8Array> =>
    Promise.resolve(encodeCbor(requestKind(request) === 'ids' ? { ids } : { statements }));
  for (const [what, reason, answer] of [
    ['no CBOR', /not understood/, () => Promise.resolve(utf8('nonsense'))],
    ['another shape', /no list of hashes/, () => Promise.resolve(encodeCbor({ ids: [], more: 1 }))],
    ['short hashes', /no list of hashes/, list(new Uint8Array(31))],
    ['hashes out of order', /ascending/, list(high, low)],
    ['a hash twice', /ascending/, list(low, low)],
    ['more hashes than a page has', /no list of hashes/, () => Promise.resolve(endless)],
    ['no statements', /none of the statements/, then([])],
    ['statements that nobody asked for', /not asked for/, then([await endorsement()])],
    ['more statements than asked for', /more statements/, then([forged, forged])],
    ['no text', /no list of statements/, then([5])],
    ['a forged one', /signature/, then([forged], [sha256(utf8(forged))])],
    ['too many bytes', /larger than the protocol/, () => Promise.resolve(new Uint8Array(sync_limits.response_bytes_max + 1))],
  ] as const) {
    const receiver = await pullFrom(context, answer);
    assert.match(String(at(kinds(receiver, 'sync.failed'), 0)['reason']), reason, what);
    assert.ok(kinds(receiver, 'network.peer.penalised').length >= 1, what);
    assert.is(receiver.applied.length, 0, what);
  }
});

test('a peer that stalls is given up and penalised', async (context) => {
  const receiver = await pullFrom(context, () => new Promise<Uint8Array>(() => undefined), 25_000);
  assert.equal(kinds(receiver, 'sync.failed').map(({ code }) => code), ['PEER_TIMEOUT']);
  assert.ok(kinds(receiver, 'network.peer.penalised').length >= 1);
});

test('a peer that speaks no sync is no culprit', async (context) => {
  const { hosts, connect, pass } = await world(context, 2, (_, index) => index === 0);
  await connect(1, 0);
  await pass(5000);
  assert.equal(kinds(at(hosts, 1), 'sync.failed').map(({ code }) => code), ['PEER_REFUSED']);
  assert.is(kinds(at(hosts, 1), 'network.peer.penalised').length, 0);
});

test('statements of issuers that nobody knows end a pull early, without blame', async (context) => {
  const { hosts, connect, pass } = await world(context, 2, rogue((request, store) => answerSync(store, request)));
  for (const text of await endorsements(60)) await keep(at(hosts, 0), text);
  const receiver = at(hosts, 1);
  receiver.records.delete(alice.did);
  await connect(1, 0);
  await pass(5000);
  assert.equal(kinds(receiver, 'sync.done').map(({ admitted, complete }) => ({ admitted, complete })), [{ admitted: 0, complete: false }]);
  assert.is(kinds(receiver, 'network.peer.penalised').length, 0);
  assert.is(receiver.resolved.length, unresolved_per_pull_max);
  receiver.records.set(alice.did, alice.record);
  await pass(1.3 * pull_period_ms);
  assert.is(receiver.applied.length, 60, 'later they are known');
});

test('requests that break the form are answered with a failure, never with an error', async () => {
  const store = await openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now: () => start_ms });
  const code = async (request: Uint8Array): Promise<unknown> => {
    const decoded = unwrap(decodeCbor(await answerSync(store, request)));
    return hasShape(decoded, ['failure']) && hasShape(decoded['failure'], ['code', 'reason']) ? decoded['failure']['code'] : 'answered';
  };
  assert.is(await code(utf8('nonsense')), 'SYNC_MALFORMED');
  assert.is(await code(encodeCbor({ kind: 'ids', after: 'x' })), 'SYNC_MALFORMED');
  assert.is(await code(encodeCbor({ kind: 'statements', ids: [new Uint8Array(3)] })), 'SYNC_MALFORMED');
  assert.is(await code(encodeCbor({ kind: 'statements', ids: Array.from({ length: statements_per_request_max + 1 }, () => low) })), 'SYNC_MALFORMED');
  assert.is(await code(encodeCbor({ kind: 'trie', prefix: low })), 'SYNC_KIND_UNKNOWN');
  assert.is(await code(encodeCbor([])), 'SYNC_KIND_UNKNOWN');
  assert.is(await code(encodeCbor({ kind: 'statements', ids: [low] })), 'answered');
});

test.run();
