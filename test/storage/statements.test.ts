import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { fromBase64url, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { unwrap } from '../../crypto/result.ts';
import { endorsement_lifetime_s_max, parseStatement, signEndorsement, signRevocation, type EndorsementPlan, type RevocationTarget, type Statement } from '../../crypto/statement.ts';
import { endorsements_per_issuer_max, openStatements, revocations_per_issuer_max, type PutOutcome, type StatementStore } from '../../storage/statements.ts';
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

function hashes(statements: StatementStore): string[] {
  return statements.ids(null, 10_000).map(toBase64url);
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
  assert.equal(hashes(statements), [], 'it is not offered to peers any more');
  assert.is(await statements.prune(), 0);
  assert.is(await put(statements, older), 'stale');
  now_ms = start_ms + endorsement_lifetime_s_max * 1000;
  assert.is(await statements.prune(), 1);
  assert.is((await openStatements({ store, now: () => now_ms })).endorsers().length, 0);
});

test('an issuer has its quota, and what it replaces counts once', async () => {
  const statements = await openStatements({ store: await memory(), now: () => start_ms });
  const { text } = await endorsed(alice, bob);
  // Only the number of places matters here, so the statements are put in their parsed form under hashes of their own text.
  const numbered = (index: number, kind: Statement['kind']): Said => {
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
  for (let index = 0; index < endorsements_per_issuer_max; index += 1) assert.is(await put(statements, numbered(index, 'endorsement')), 'new');
  assert.is(statements.judge(numbered(endorsements_per_issuer_max, 'endorsement').statement), 'over-quota');
  assert.is(await put(statements, numbered(endorsements_per_issuer_max, 'endorsement')), 'over-quota');
  for (let index = 0; index < revocations_per_issuer_max; index += 1) assert.is(await put(statements, numbered(index, 'revocation')), 'new');
  assert.is(await put(statements, numbered(revocations_per_issuer_max, 'revocation')), 'over-quota');
  const again = numbered(0, 'endorsement');
  assert.is(statements.judge({ ...again.statement, seq: 2, hash: 'another' }), 'new', 'a newer one in its own place');
  assert.is(await put(statements, await endorsed(bob, alice)), 'new', 'other issuers have their own');
});

test('hashes come in pages, ascending and complete', async () => {
  const statements = await openStatements({ store: await memory(), now: () => start_ms });
  for (let index = 0; index < 25; index += 1) await put(statements, await endorsed(alice, bob, { scope: `s${index}` }));
  const seen: string[] = [];
  let after: Uint8Array | null = null;
  for (;;) {
    const page: readonly Uint8Array[] = statements.ids(after, 10);
    seen.push(...page.map((id) => Buffer.from(id).toString('hex')));
    if (page.length < 10) break;
    after = page.at(-1) ?? null;
  }
  assert.is(new Set(seen).size, 25);
  assert.equal(seen, [...seen].sort());
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
