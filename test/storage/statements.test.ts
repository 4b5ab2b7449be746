import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { fromBase64url, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import {
  endorsement_lifetime_s_max, head_lifetime_s_max, parseStatement, signDuplicity, signEndorsement, signEquivocation, signHead, signRevocation, type EndorsementPlan,
  type HeadPlan, type RevocationTarget, type Statement,
} from '../../crypto/statement.ts';
import { dayOf, openStatements, statement_topics, statements_per_issuer_max, topicOf, type PutOutcome, type StatementStore } from '../../storage/statements.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { person, start_ms, start_s, type Person } from '../people.ts';

const test = suite('storage/statements');
const alice = await person('alice');
const bob = await person('bob');
const carol = await person('carol');

interface Said {
  readonly statement: Statement;
  readonly text: string;
}

function said(text: string): Said {
  return { statement: unwrap(parseStatement(text)).statement, text };
}

async function endorsed(by: Person, of: Person, changes: Partial<EndorsementPlan> = {}): Promise<Said> {
  return said(unwrap(await signEndorsement(by.signer, { sub: of.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + 3600, weight: 500, why: '', ...changes })));
}

async function revoked(by: Person, target: RevocationTarget, seq: number = 1): Promise<Said> {
  return said(unwrap(await signRevocation(by.signer, { target, seq, nbf: start_s, why: '' })));
}

async function memory(): Promise<Store> {
  return unwrap(await openStore({ kind: 'memory' }));
}

function put(statements: StatementStore, { statement, text }: Said): Promise<PutOutcome> {
  return statements.put(statement, text);
}

/** What is offered to peers. */
function hashes(statements: StatementStore): string[] {
  return statement_topics.flatMap((topic) => statements.days(topic).flatMap(({ day }) => [...statements.day(topic, day)?.ids() ?? []].map(toBase64url))).sort();
}

/** Everything that peers compare, as text. */
function compared(statements: StatementStore): string {
  return JSON.stringify(statement_topics.map((topic) => statements.days(topic).map(({ day, count, root }) => [day, count, toBase64url(root)])));
}

async function headed(by: Person, changes: Partial<HeadPlan> = {}): Promise<Said> {
  return said(unwrap(await signHead(by.signer, { number: 0, sequence: 1, record: toBase64url(new Uint8Array(32)), nbf: start_s, exp: start_s + 3600, ...changes })));
}

test('a statement is kept once, found by subject, issuer and hash, and is there after opening again', async ({ folder }) => {
  const place = { kind: 'disk', folder: folder(), create: true } as const;
  const now = (): number => start_ms;
  let store = unwrap(await openStore(place));
  let statements = await openStatements({ store, now });
  const word = await endorsed(alice, bob);
  const end = await revoked(alice, { kind: 'agent', id: carol.did });
  assert.is(await put(statements, word), 'new');
  assert.is(await put(statements, word), 'known');
  assert.is(await put(statements, end), 'new');
  await store.close();
  store = unwrap(await openStore(place));
  statements = await openStatements({ store, now });
  assert.equal(statements.endorsements(bob.did), [word.statement]);
  assert.equal(statements.endorsementsBy(alice.did), [word.statement]);
  assert.equal(statements.endorsers(), [alice.did]);
  assert.equal(statements.revocation('agent', carol.did, alice.did), end.statement);
  assert.is(statements.revocation('agent', carol.did, bob.did), undefined, 'another issuer has not revoked it');
  assert.is(statements.revocation('did', carol.did, alice.did), undefined, 'another kind is another target');
  assert.is(await statements.get(fromBase64url(word.statement.hash) ?? new Uint8Array()), word.text);
  assert.is(await statements.get(new Uint8Array(32)), undefined);
  assert.is(await put(statements, end), 'known');
  await store.close();
});

test('the higher seq takes the place of the lower, in the store as well', async () => {
  const store = await memory();
  const statements = await openStatements({ store, now: () => start_ms });
  const older = await endorsed(alice, bob, { seq: 1 });
  const newer = await endorsed(alice, bob, { seq: 2, weight: 0 });
  assert.is(await put(statements, older), 'new');
  assert.is(await put(statements, newer), 'new');
  assert.is(await put(statements, older), 'stale');
  assert.equal(hashes(statements), [newer.statement.hash]);
  assert.equal(hashes(await openStatements({ store, now: () => start_ms })), [newer.statement.hash]);
  assert.is(await put(statements, await endorsed(alice, bob, { scope: 'read', seq: 1 })), 'new', 'another scope is another place');
});

test('whatever the order, repetition or partition, the same set is kept', async () => {
  const all: Said[] = [];
  for (const by of [alice, bob]) {
    for (const seq of [1, 2, 3]) for (const weight of [100, 900]) all.push(await endorsed(by, carol, { seq, weight }));
    all.push(await revoked(by, { kind: 'did', id: carol.did }), await revoked(by, { kind: 'did', id: carol.did }, 2));
  }
  const keep = async (order: readonly Said[]): Promise<string[]> => {
    const statements = await openStatements({ store: await memory(), now: () => start_ms });
    for (const each of order) await put(statements, each);
    return hashes(statements);
  };
  const expected = await keep(all);
  assert.is(expected.length, 2 + 4, 'one endorsement an issuer, every revocation');
  await fc.assert(fc.asyncProperty(fc.shuffledSubarray(all, { minLength: all.length }), fc.array(fc.constantFrom(...all), { maxLength: 10 }), async (order, repeated) => {
    assert.equal(await keep([...repeated, ...order, ...repeated]), expected);
  }), { numRuns: 40 });
});

test('two payloads under one seq are told, and the smaller hash stays', async () => {
  const pair = [await endorsed(alice, bob, { weight: 1 }), await endorsed(alice, bob, { weight: 2 })];
  const [first, second] = [...pair].sort((a, b) => (a.statement.hash < b.statement.hash ? -1 : 1));
  if (first === undefined || second === undefined) throw new Error('there are two');
  for (const order of [[first, second], [second, first]] as const) {
    const statements = await openStatements({ store: await memory(), now: () => start_ms });
    assert.is(await put(statements, order[0]), 'new');
    assert.is(await put(statements, order[1]), 'equivocation');
    assert.equal(hashes(statements), [first.statement.hash]);
  }
});

test('a revocation is never undone: not by another, not by time short of its end', async () => {
  let now_ms = start_ms;
  const statements = await openStatements({ store: await memory(), now: () => now_ms });
  const target: RevocationTarget = { kind: 'did', id: bob.did };
  for (const seq of [5, 1, 9]) assert.is(await put(statements, await revoked(alice, target, seq)), 'new');
  now_ms += 90 * 366 * 86_400_000;
  await statements.prune();
  assert.ok(statements.revocation('did', bob.did, alice.did));
});

test('an ended endorsement no longer counts, but still bars an older one until that must have ended too', async () => {
  let now_ms = start_ms;
  const store = await memory();
  const statements = await openStatements({ store, now: () => now_ms });
  const older = await endorsed(alice, bob, { seq: 1, exp: start_s + endorsement_lifetime_s_max });
  await put(statements, await endorsed(alice, bob, { seq: 2, exp: start_s + 10 }));
  now_ms += 11_000;
  assert.equal(statements.endorsements(bob.did), []);
  assert.equal(statements.endorsementsBy(alice.did), []);
  assert.is(hashes(statements).length, 1, 'until its day is over it is compared with peers');
  now_ms = start_ms + 86_400_000;
  assert.equal(hashes(statements), []);
  assert.is(await statements.prune(), 0);
  assert.is(await put(statements, older), 'stale');
  now_ms = start_ms + endorsement_lifetime_s_max * 1000;
  assert.is(await statements.prune(), 0, 'not before the day is over');
  now_ms += 86_400_000;
  assert.is(await statements.prune(), 1);
  assert.is((await openStatements({ store, now: () => now_ms })).endorsers().length, 0);
});

test('an issuer has its quota, and what it replaces counts once', async () => {
  const statements = await openStatements({ store: await memory(), now: () => start_ms });
  const { text } = await endorsed(alice, bob);
  // Only the number of places matters here, so the statements are put in their parsed form under hashes of their own text.
  const numbered = (index: number, kind: 'endorsement' | 'revocation'): Said => {
    const own = `${text}${kind}${index}`;
    const hash = toBase64url(sha256(utf8(own)));
    const base = { iss: alice.did, seq: 1, nbf: start_s, exp: start_s + 3600, why: '', hash };
    return {
      text: own,
      statement: kind === 'endorsement'
        ? { kind, ...base, sub: bob.did, scope: `s${index}`, weight: 1 }
        : { kind, ...base, target: { kind: 'token', id: String(index) } },
    };
  };
  for (const kind of ['endorsement', 'revocation'] as const) {
    const count = statements_per_issuer_max[kind];
    const outcomes = await Promise.all(Array.from({ length: count }, (_, index) => put(statements, numbered(index, kind))));
    assert.equal(new Set(outcomes), new Set(['new']));
    assert.is(statements.judge(numbered(count, kind).statement), 'over-quota');
    assert.is(await put(statements, numbered(count, kind)), 'over-quota');
  }
  const { statement: again } = numbered(0, 'endorsement');
  assert.is(again.kind === 'endorsement' && statements.judge({ ...again, seq: 2, hash: 'another' }), 'new', 'a newer one in its own place');
  assert.is(await put(statements, await endorsed(bob, alice)), 'new', 'other issuers have their own');
});

test('what peers compare follows from what is kept, whatever the order, and a day leaves as a whole', async () => {
  let now_ms = start_ms;
  const all: Said[] = [];
  for (let index = 0; index < 60; index += 1) all.push(await endorsed(alice, bob, { scope: `s${index}`, exp: start_s + 86_400 * (1 + index % 3) - 1 - index }));
  for (const seq of [1, 2]) all.push(await revoked(alice, { kind: 'did', id: carol.did }, seq), await headed(bob, { sequence: seq }));
  const open = async (order: readonly Said[]): Promise<StatementStore> => {
    const statements = await openStatements({ store: await memory(), now: () => now_ms });
    await Promise.all(order.map((each) => put(statements, each)));
    return statements;
  };
  const [left, right] = [await open(all), await open([...all].reverse())];
  assert.is(compared(left), compared(right));
  assert.equal(left.days('others').map(({ day, count }) => [day - dayOf(start_s), count]), [[0, 21], [1, 20], [2, 20]]);
  for (const { statement } of all) if (left.has(statement.hash)) assert.ok(left.day(topicOf(statement), dayOf(statement.exp))?.has(fromBase64url(statement.hash) ?? new Uint8Array()));
  now_ms += 86_400_000;
  await left.prune();
  assert.is(compared(left), compared(right), 'the same is compared whether or not it was dropped already');
  assert.equal(left.days('others').map(({ day }) => day - dayOf(start_s)), [1, 2]);
  assert.is(left.day('others', dayOf(start_s)), undefined);
  const ended = all.find(({ statement }) => dayOf(statement.exp) === dayOf(start_s) && statement.kind === 'head');
  assert.is(ended === undefined ? '' : (await open([])).judge(ended.statement), 'ended');
});

test('the newest head of a DID holds, and counts while it is in force', async () => {
  let now_ms = start_ms;
  const statements = await openStatements({ store: await memory(), now: () => now_ms });
  const second = await headed(alice, { number: 1, sequence: 1 });
  assert.is(await put(statements, await headed(alice, { number: 0, sequence: 9 })), 'new');
  assert.is(await put(statements, second), 'new');
  assert.is(await put(statements, await headed(alice, { number: 0, sequence: 10 })), 'stale');
  const renewed = await headed(alice, { number: 1, sequence: 1, exp: start_s + 7200 });
  assert.is(await put(statements, renewed), 'new', 'the same, for longer');
  assert.is(await put(statements, second), 'stale');
  assert.equal(statements.head(alice.did), renewed.statement);
  assert.is(statements.head(bob.did), undefined);
  assert.is(statements.size, 1);
  const ladder = await Promise.all([[0, 9], [1, 1], [1, 2], [1, 3], [2, 0], [2, 1]].map(([number = 0, sequence = 0]) => headed(bob, { number, sequence, exp: start_s + 9000 - number * 100 - sequence })));
  for (const order of [ladder, [...ladder].reverse()]) {
    const others = await openStatements({ store: await memory(), now: () => start_ms });
    for (const each of order) await put(others, each);
    assert.equal(others.head(bob.did), ladder.at(-1)?.statement);
    assert.is(others.size, 1);
  }
  now_ms += 7_200_000;
  assert.is(statements.head(alice.did), undefined);
  now_ms += head_lifetime_s_max * 1000 + 86_400_000;
  assert.is(await statements.prune(), 1);
});

test('of proofs against one DID one is kept, the same one in any order, and it is found by the accused', async () => {
  const pair = [await endorsed(carol, bob, { weight: 1 }), await endorsed(carol, bob, { weight: 2 })] as const;
  const event = (byte: number): Uint8Array => new Uint8Array(40).fill(byte);
  const said_by = async (by: Person): Promise<readonly [Said, Said]> => [
    said(unwrap(await signEquivocation(by.signer, { sub: carol.did, nbf: start_s, statements: [pair[0].text, pair[1].text] }))),
    said(unwrap(await signDuplicity(by.signer, { did: carol.did, number: 1, nbf: start_s, events: [event(1), event(2)] }))),
  ];
  const reports = [...await said_by(alice), ...await said_by(bob)];
  const kept: string[] = [];
  for (const order of [reports, [...reports].reverse()]) {
    const statements = await openStatements({ store: await memory(), now: () => start_ms });
    for (const each of order) await put(statements, each);
    const [equivocation, duplicity] = [statements.equivocation(carol.did), statements.duplicity(carol.did)];
    kept.push(`${equivocation?.hash} ${duplicity?.hash}`);
    assert.is(statements.size, 2);
    assert.equal(statements.days('revocations').map(({ count }) => count), [2]);
    assert.is(statements.equivocation(alice.did), undefined);
  }
  assert.is(kept[0], kept[1]);
});

test('what is put at one time is written at once, and what cannot be written is not kept', async () => {
  const base = await memory();
  const batches: number[] = [];
  let broken = false;
  const store: Store = {
    get: (space, key) => base.get(space, key), entries: (space, range) => base.entries(space, range), close: () => base.close(),
    batch(changes, options) {
      if (broken) return Promise.reject(new Error('the disk is full'));
      batches.push(changes.length);
      assert.ok(options.sync);
      return base.batch(changes, options);
    },
  };
  const statements = await openStatements({ store, now: () => start_ms });
  const all = await Promise.all(Array.from({ length: 100 }, (_, index) => endorsed(alice, bob, { scope: `s${index}` })));
  await Promise.all(all.map((each) => put(statements, each)));
  assert.ok(batches.length <= 2, `${batches.length} writes`);
  assert.is(batches.reduce((sum, count) => sum + count, 0), 100);
  assert.is((await openStatements({ store: base, now: () => start_ms })).size, 100);
  broken = true;
  const late = [await endorsed(bob, carol), await revoked(bob, { kind: 'did', id: bob.did })];
  const ends = await Promise.allSettled(late.map((each) => put(statements, each)));
  assert.ok(ends.every(({ status }) => status === 'rejected'));
  for (const { statement } of late) assert.not.ok(statements.has(statement.hash));
  broken = false;
  for (const each of late) assert.is(await put(statements, each), 'new');
});

test('the time of the last complete reconciliation only goes forward, survives, and is void when something was damaged', async () => {
  const store = await memory();
  const statements = await openStatements({ store, now: () => start_ms });
  assert.is(statements.complete_as_of_ms, 0);
  await statements.noteComplete(start_ms);
  await statements.noteComplete(start_ms - 1);
  assert.is(statements.complete_as_of_ms, start_ms);
  assert.is((await openStatements({ store, now: () => start_ms })).complete_as_of_ms, start_ms);
  await store.batch([{ space: 'statement', key: new Uint8Array(32), value: utf8('not what it was') }], { sync: false });
  assert.is((await openStatements({ store, now: () => start_ms })).complete_as_of_ms, 0);
});

test('a time of a clock that was ahead does not stand in the way of later ones', async () => {
  let now_ms = start_ms + 86_400_000;
  const statements = await openStatements({ store: await memory(), now: () => now_ms });
  await statements.noteComplete(now_ms);
  now_ms = start_ms;
  await statements.noteComplete(start_ms + 1);
  assert.is(statements.complete_as_of_ms, start_ms + 86_400_000, 'nor does it take one from the future');
  await statements.noteComplete(start_ms - 1000);
  assert.is(statements.complete_as_of_ms, start_ms - 1000);
});

test('a few who take all places lose what they have too much, and neither who says little nor who is depended on is kept out', async () => {
  const store = await memory();
  const depended = new Set([bob.did]);
  const parts = { store, now: () => start_ms, depended: () => depended, places: { endorsement: 8, revocation: 64, head: 8, duplicity: 8, equivocation: 8, 'audit-evidence': 8, 'policy-bundle': 8 } };
  const statements = await openStatements(parts);
  const revoke = async (by: Person, index: number): Promise<PutOutcome> => put(statements, await revoked(by, { kind: 'did', id: carol.did }, index));
  const count = (by: Person): number => statements.revocations().filter(({ iss }) => iss === by.did).length;
  for (let index = 0; index < 10; index += 1) assert.is(await revoke(bob, index), 'new');
  const outcomes: PutOutcome[] = [];
  for (let index = 0; index < 200; index += 1) outcomes.push(await revoke(alice, index));
  assert.ok(outcomes.includes('over-quota'), 'she has her share and no more');
  assert.ok(count(alice) > 0 && count(alice) < 54);
  const others = await Promise.all(Array.from({ length: 30 }, (_, index) => person(`other ${index}`)));
  for (const other of others) assert.is(await revoke(other, 0), 'new', 'who says little');
  for (let index = 10; index < 100; index += 1) assert.is(await revoke(bob, index), 'new', 'who is depended on');
  for (const other of others) assert.is(count(other), 1);
  assert.is(count(bob), 100);
  assert.is(hashes(await openStatements(parts)).length, statements.size, 'what went is gone from the disk as well');
  assert.equal(hashes(await openStatements(parts)), hashes(statements));
});

test('when everybody has one and all places are taken, only what is said by or against somebody who matters here comes in', async () => {
  const strangers = await Promise.all(Array.from({ length: 6 }, (_, index) => person(`stranger ${index}`)));
  const statements = await openStatements({
    store: await memory(), now: () => start_ms, depended: () => new Set([alice.did]), places: { endorsement: 4, revocation: 4, head: 4, duplicity: 4, equivocation: 2, 'audit-evidence': 2, 'policy-bundle': 2 },
  });
  for (const [index, stranger] of strangers.entries()) assert.is(await put(statements, await headed(stranger)), index < 4 ? 'new' : 'over-quota');
  assert.is(await put(statements, await headed(alice)), 'new');
  const report = async (of: Person): Promise<Said> => {
    const texts = [(await endorsed(of, carol)).text, (await endorsed(of, carol, { weight: 1 })).text] as const;
    return said(unwrap(await signEquivocation(bob.signer, { sub: of.did, nbf: start_s, statements: texts })));
  };
  for (const [index, stranger] of strangers.entries()) if (index < 3) await put(statements, await report(stranger));
  assert.is(await put(statements, await report(carol)), 'over-quota', 'the reporter has told enough');
  assert.is(await put(statements, await report(alice)), 'new');
});

test('a sequence number is never given twice, not even when the clock goes back', async () => {
  let now_ms = start_ms;
  const statements = await openStatements({ store: await memory(), now: () => now_ms });
  const first = statements.nextSequence(alice.did);
  assert.is(statements.nextSequence(alice.did), first + 1);
  now_ms -= 60_000;
  assert.is(statements.nextSequence(alice.did), first + 2);
  await put(statements, await endorsed(bob, carol, { seq: start_ms + 5000 }));
  assert.is(statements.nextSequence(bob.did), start_ms + 5001);
});

test('a damaged entry is counted and left out', async () => {
  const store = await memory();
  const statements = await openStatements({ store, now: () => start_ms });
  const word = await endorsed(alice, bob);
  await put(statements, word);
  const id = fromBase64url(word.statement.hash) ?? new Uint8Array();
  await store.batch([
    { space: 'statement', key: id, value: utf8(word.text.replace('.', 'x')) },
    { space: 'statement', key: new Uint8Array(32), value: utf8(word.text) },
    { space: 'statement', key: new Uint8Array(3), value: Uint8Array.of(0xff) },
  ], { sync: false });
  const reopened = await openStatements({ store, now: () => start_ms });
  assert.is(reopened.damaged, 3);
  assert.is(await put(reopened, word), 'new', 'it can come back from a peer');
});

test('what could not be written is not kept', async () => {
  const store = await memory();
  let broken = true;
  const failing: Store = { ...store, get: (space, key) => store.get(space, key), entries: (space, range) => store.entries(space, range), close: () => store.close(),
    batch: (changes, options) => (broken ? Promise.reject(new Error('disk full')) : store.batch(changes, options)) };
  const statements = await openStatements({ store: failing, now: () => start_ms });
  const word = await endorsed(alice, bob);
  let thrown = '';
  await put(statements, word).catch((error: unknown) => {
    thrown = String(error);
  });
  assert.match(thrown, 'disk full');
  assert.is(statements.has(word.statement.hash), false);
  broken = false;
  assert.is(await put(statements, word), 'new');
});

test.run();
