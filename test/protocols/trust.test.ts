import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { ok, unwrap } from '../../crypto/result.ts';
import { parseStatement, signEndorsement, signRevocation, type EndorsementPlan, type Statement } from '../../crypto/statement.ts';
import type { Fact } from '../../protocols/ports.ts';
import { revocation, type RevocationService } from '../../protocols/revocation/index.ts';
import { bad_half_life_ms, good_evidence_max, good_half_life_ms, pairs_dropped_at_once, pairs_max } from '../../protocols/trust/constants.ts';
import { trust, type Interaction, type Outcome, type Score, type Trust } from '../../protocols/trust/index.ts';
import { add, decay, dimensions, empty_ledger, evidence, expectation, type Ledger } from '../../protocols/trust/ledger.ts';
import { openStatements, type StatementStore } from '../../storage/statements.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { agentOf, person, start_ms, start_s, type Person } from '../people.ts';

const test = suite('protocols/trust');
const day_ms = 86_400_000;

const sponsor = await person('sponsor');
const root = await person('root');
const far = await person('far sponsor');
const observer = await agentOf(sponsor, 'observer');
const subject = await agentOf(far, 'subject');
const sibling = await agentOf(far, 'sibling');
const friends = await Promise.all(Array.from({ length: 6 }, (_, index) => agentOf(root, `friend ${index}`)));
const [friend = observer] = friends;
const stranger = await person('stranger');
const everybody = [sponsor, root, far, observer, subject, sibling, ...friends, stranger];

interface World {
  now_ms: number;
  readonly trust: Trust;
  readonly store: Store;
  readonly statements: StatementStore;
  readonly revocation: RevocationService;
  readonly facts: Fact[];
  readonly records: Map<string, DidRecord>;
  keep(text: string): Promise<void>;
  score(of?: Person, scope?: string): Score;
}

async function world(roots: readonly Person[] = [], store?: Store): Promise<World> {
  const base = store ?? unwrap(await openStore({ kind: 'memory' }));
  const facts: Fact[] = [];
  const records = new Map(everybody.map(({ did, record }) => [did, record]));
  const time = { now_ms: start_ms };
  const clock = { now: () => time.now_ms, after: () => () => undefined };
  const statements = await openStatements({ store: base, now: clock.now });
  const keep = async (text: string): Promise<Statement> => {
    const { statement } = unwrap(parseStatement(text));
    await statements.put(statement, text);
    return statement;
  };
  const exchange = {
    publish: async (text: string) => {
      const parsed = parseStatement(text);
      return parsed.ok ? ok(await keep(text)) : parsed;
    },
  };
  const identity = { known: (did: string): DidRecord | undefined => records.get(did) };
  const service = revocation({ clock, store: statements, identity, statements: exchange });
  const scores = trust({ roots: () => roots.map(({ did }) => did) })({
    clock, store: base, statements, exchange, identity, revocation: service, recorder: { record: (fact) => void facts.push(fact) },
  });
  await scores.start();
  return {
    get now_ms() {
      return time.now_ms;
    },
    set now_ms(value) {
      time.now_ms = value;
    },
    trust: scores, store: base, statements, revocation: service, facts, records,
    keep: async (text) => void await keep(text),
    score: (of = subject, scope) => scores.score(observer.did, of.did, scope),
  };
}

let receipts = 0;

/** One interaction, durable and counted. */
async function interact(here: World, of: Person, outcome: Outcome = { kind: 'compliant' }, changes: Partial<Interaction> = {}): Promise<void> {
  receipts += 1;
  const recorded = here.trust.interaction(observer.did, of.did, {
    outcome, dimension: 'policy_compliance', receipt_hash: sha256(utf8(`receipt ${receipts}`)), time_ms: here.now_ms, ...changes,
  });
  await here.store.batch(recorded.changes, { sync: false });
  recorded.applied();
}

async function endorsement(by: Person, of: Person, changes: Partial<EndorsementPlan> = {}): Promise<string> {
  return unwrap(await signEndorsement(by.signer, { sub: of.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + 80 * 86_400, weight: 1000, why: '', ...changes }));
}

test('a stranger has its prior: half where somebody answers for it, less where nobody does', async () => {
  const here = await world();
  const score = here.score();
  assert.equal([score.score, score.confidence, score.tier], [500, 0, 'standard']);
  assert.equal(score.items.map(({ kind, from, effect }) => ({ kind, from, effect: Math.round(effect) })), [{ kind: 'sponsor-prior', from: far.did, effect: 200 }]);
  assert.equal([here.score(stranger).score, here.score(stranger).tier], [300, 'probationary']);
  here.records.delete(subject.did);
  assert.is(here.score().score, 300, 'an unknown record proves no sponsor');
});

test('own experience decides: good raises, bad lowers, each by what the formula says', async () => {
  const here = await world();
  for (let count = 0; count < 8; count += 1) await interact(here, subject);
  assert.is(here.score().score, 900, '1000 (8 + 1) / (8 + 2)');
  assert.is(here.score().confidence, 0.8);
  await interact(here, subject, { kind: 'violation', severity: 'major' });
  assert.is(here.score().score, 600, '1000 (8 + 1) / (8 + 5 + 2)');
  await interact(here, subject, { kind: 'anomaly', degree: 0.5 });
  assert.is(here.score().score, Math.round(9000 / 15.5));
  await interact(here, subject, { kind: 'violation', severity: 'critical' });
  assert.is(here.score().tier, 'untrusted');
  assert.is(here.trust.score(friend.did, subject.did).score, 500, 'another observer has seen nothing');
  assert.is(here.score(sibling).score, 500, 'nor does it say anything of a sibling');
});

test('bad conduct is remembered longer than good, and both fade', async () => {
  const here = await world();
  for (let count = 0; count < 4; count += 1) await interact(here, subject);
  await interact(here, subject, { kind: 'violation', severity: 'minor' });
  here.now_ms += 30 * day_ms;
  const bad = 2 * 2 ** (-30 / 90);
  assert.is(here.score().score, Math.round(1000 * (2 + 1) / (2 + bad + 2)));
  here.now_ms += 3000 * day_ms;
  assert.is(here.score().score, 300, 'nothing is left of it, nor of the attestation that nobody renewed');
});

const ledger_of = fc.record({
  time_ms: fc.nat(1_000_000_000), good: fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 5, maxLength: 5 }),
  bad: fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 5, maxLength: 5 }),
});

function near(a: Ledger, b: Ledger): void {
  assert.is(a.time_ms, b.time_ms);
  for (const [index] of dimensions.entries()) {
    assert.ok(Math.abs((a.good[index] ?? 0) - (b.good[index] ?? 0)) < 1e-9, 'good evidence is the same');
    assert.ok(Math.abs((a.bad[index] ?? 0) - (b.bad[index] ?? 0)) < 1e-9, 'bad evidence is the same');
  }
}

test('decay does not depend on how often anybody looks', () => {
  fc.assert(fc.property(ledger_of, fc.array(fc.nat(2_000_000_000), { maxLength: 20 }), (ledger, stops) => {
    const sorted = [...stops].sort((a, b) => a - b);
    const end_ms = Math.max(ledger.time_ms, ...sorted) + 1;
    near(decay(sorted.reduce(decay, ledger), end_ms), decay(ledger, end_ms));
  }));
  const half = decay({ time_ms: 0, good: [8, 0, 0, 0, 0], bad: [0, 8, 0, 0, 0] }, good_half_life_ms);
  assert.is(half.good[0], 4);
  assert.is(decay(half, bad_half_life_ms).bad[1], 4);
  assert.equal(decay(half, 0), half, 'time that goes back changes nothing');
});

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant<Outcome>({ kind: 'compliant' }), fc.double({ min: 0.01, max: 1, noNaN: true }).map((degree): Outcome => ({ kind: 'anomaly', degree })),
  fc.constantFrom('minor', 'major', 'critical').map((severity): Outcome => ({ kind: 'violation', severity })),
);
const interaction = fc.record({ outcome, dimension: fc.constantFrom(...dimensions), time_ms: fc.nat(200 * day_ms) });

test('the order of interactions does not matter, and each moves the score its way', () => {
  fc.assert(fc.property(fc.array(interaction, { maxLength: 30 }).chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))), ([list, shuffled]) => {
    const end_ms = 200 * day_ms;
    near(decay(list.reduce(add, empty_ledger), end_ms), decay(shuffled.reduce(add, empty_ledger), end_ms));
  }));
  fc.assert(fc.property(ledger_of, interaction, (ledger, each) => {
    const valueOf = (state: Ledger): number => {
      const { r, q } = evidence(decay(state, 200 * day_ms + 1_000_000_000));
      return expectation(r, q, 0.5);
    };
    const [before, after] = [valueOf(ledger), valueOf(add(ledger, each))];
    assert.ok(each.outcome.kind === 'compliant' ? after >= before - 1e-12 : after <= before + 1e-12);
  }));
});

test('good evidence has an end, bad has none', () => {
  const good = { outcome: { kind: 'compliant' }, dimension: 'output_quality', time_ms: 0 } as const;
  const bad = { outcome: { kind: 'violation', severity: 'critical' }, dimension: 'policy_compliance', time_ms: 0 } as const;
  let ledger = empty_ledger;
  for (let count = 0; count < 1000; count += 1) ledger = add(ledger, good);
  assert.ok(Math.abs(evidence(ledger).r - good_evidence_max) < 1e-9);
  for (let count = 0; count < 20; count += 1) ledger = add(ledger, bad);
  assert.is(evidence(ledger).q, 400);
});

test('an endorsement by the observer\'s sponsor, by an accepted root or by the observer itself counts in full', async () => {
  for (const [by, roots] of [[sponsor, []], [root, [root]], [observer, []]] as const) {
    const here = await world(roots);
    await here.keep(await endorsement(by, subject, { why: 'worked with it' }));
    const score = here.score();
    assert.is(score.score, 667, '1000 (1 + 1) / (1 + 2)');
    const item = score.items.find(({ kind }) => kind === 'endorsement');
    assert.is(item?.from, by.did);
    assert.ok(Math.abs((item?.effect ?? 0) - (2000 / 3 - 500)) < 1e-9, 'its share is the score without it');
    assert.match(item?.text ?? '', 'worked with it');
    assert.is(item?.statement, here.statements.endorsements(subject.did)[0]?.hash);
  }
  const here = await world();
  await here.keep(await endorsement(root, subject));
  assert.is(here.score().score, 500, 'a root that this host does not accept is a stranger');
});

test('a stranger\'s endorsement counts nothing until the observer has seen good of the endorser', async () => {
  const here = await world();
  await here.keep(await endorsement(friend, subject));
  assert.is(here.score().score, 500);
  assert.match(here.score().items.at(-1)?.text ?? '', /^1 endorsements count nothing/);
  for (let count = 0; count < 6; count += 1) await interact(here, friend);
  const expected = (2 * (7 / 8) - 1) * (6 / 8);
  assert.is(here.score().score, Math.round(1000 * (expected + 1) / (expected + 2)));
  await interact(here, friend, { kind: 'violation', severity: 'critical' });
  assert.is(here.score().score, 500, 'an endorser who misbehaved has no word');
  await interact(here, friend);
});

test('one\'s own, one\'s sponsor\'s and one\'s siblings\' praise counts nothing, even from a root', async () => {
  const here = await world([far, subject, sibling]);
  for (const by of [subject, far, sibling]) await here.keep(await endorsement(by, subject));
  assert.is(here.score().score, 500);
  await here.keep(await endorsement(sponsor, subject));
  here.records.delete(subject.did);
  assert.is(here.score().score, 300, 'whose sponsor is not known, nobody\'s independence is');
});

test('all endorsers of one sponsor speak with one voice', async () => {
  const one = await world(friends);
  await one.keep(await endorsement(friend, subject));
  const many = await world(friends);
  for (const by of friends) await many.keep(await endorsement(by, subject));
  assert.is(many.score().score, one.score().score);
  await many.keep(await endorsement(sponsor, subject));
  assert.is(many.score().score, 750, '1000 (2 + 1) / (2 + 2): another sponsor is another voice');
});

test('who praises everybody gives each less, and the sum is bounded', async () => {
  const crowd = await Promise.all(Array.from({ length: 16 }, (_, index) => person(`crowd ${index}`)));
  const here = await world([sponsor]);
  for (const each of crowd) {
    here.records.set(each.did, each.record);
    await here.keep(await endorsement(sponsor, each));
  }
  const goodOf = (score: number): number => (2 * score / 1000 - 0.6) / (1 - score / 1000);
  const sum = crowd.reduce((total, each) => total + goodOf(here.score(each).score), 0);
  assert.ok(Math.abs(sum - 4) < 0.1, `four in all, ${sum}`);
});

test('an endorsement fades, ends, and is withdrawn by weight 0', async () => {
  const here = await world();
  await here.keep(await endorsement(sponsor, subject));
  here.now_ms += 30 * day_ms;
  assert.is(here.score().score, 600, '1000 (0.5 + 1) / (0.5 + 2)');
  here.now_ms += 50 * day_ms;
  assert.is(here.score().score, 500);
  const other = await world();
  await other.keep(await endorsement(sponsor, subject));
  await other.keep(await endorsement(sponsor, subject, { seq: 2, weight: 0 }));
  assert.is(other.score().score, 500);
});

test('an endorsement for a verb counts for that verb alone', async () => {
  const here = await world();
  await here.keep(await endorsement(sponsor, subject, { scope: 'read' }));
  assert.equal([here.score().score, here.score(subject, 'read').score, here.score(subject, 'write').score], [500, 667, 500]);
});

test('the order, repetition and partition of statements never change a score', async () => {
  const texts: string[] = [];
  for (const [index, by] of [sponsor, root, ...friends, sibling, stranger].entries()) {
    for (const seq of [1, 2]) for (const weight of [300, 700 + index]) texts.push(await endorsement(by, subject, { seq, weight, nbf: start_s - index * 1000 }));
    texts.push(await endorsement(by, friend, { weight: 900 }));
  }
  const scoresAfter = async (order: readonly string[]): Promise<unknown> => {
    const here = await world([root, friend]);
    for (let count = 0; count < 5; count += 1) await interact(here, friends[1] ?? friend);
    for (const text of order) await here.keep(text);
    return [here.score(), here.score(friend), here.score(sibling)];
  };
  const expected = await scoresAfter(texts);
  await fc.assert(fc.asyncProperty(fc.shuffledSubarray(texts, { minLength: texts.length }), fc.subarray(texts), async (order, repeated) => {
    assert.equal(await scoresAfter([...repeated, ...order, ...repeated]), expected);
  }), { numRuns: 15 });
});

test('identities without number gain nothing: their praise of each other and of one adds no point', async () => {
  const here = await world();
  const swarm = await Promise.all(Array.from({ length: 40 }, (_, index) => person(`swarm ${index}`)));
  for (const by of swarm) {
    here.records.set(by.did, by.record);
    await here.keep(await endorsement(by, subject));
    for (const of of swarm.slice(0, 3)) await here.keep(await endorsement(by, of));
  }
  assert.is(here.score().score, 500);
  assert.is(here.score().items.length, 2, 'and they do not fill the explanation');
});

test('the revoked and those whose sponsor withdrew are at 0, by rule, whatever else is known', async () => {
  for (const kind of ['agent', 'did', 'sponsorship'] as const) {
    const here = await world();
    for (let count = 0; count < 50; count += 1) await interact(here, subject);
    await here.keep(unwrap(await signRevocation(stranger.signer, { target: { kind, id: subject.did }, seq: 1, nbf: start_s, why: '' })));
    assert.ok(here.score().score > 900, 'a stranger has no authority');
    const before = here.score().score;
    await here.keep(unwrap(await signRevocation(far.signer, { target: { kind, id: subject.did }, seq: 1, nbf: start_s, why: '' })));
    const score = here.score();
    assert.equal([score.score, score.tier, score.items.length], [0, 'untrusted', 1], kind);
    assert.is(score.items[0]?.kind, 'rule');
    assert.ok(Math.abs((score.items[0]?.effect ?? 0) + before) < 1);
    assert.ok(score.items[0]?.statement !== undefined, 'the statement can be checked');
  }
});

test('the word of a revoked endorser is gone', async () => {
  const here = await world([root]);
  await here.keep(await endorsement(root, subject));
  assert.is(here.score().score, 667);
  await here.keep(unwrap(await signRevocation(root.signer, { target: { kind: 'did', id: root.did }, seq: 1, nbf: start_s, why: '' })));
  assert.is(here.score().score, 500);
});

test('the effects of direct items and prior are what the score would lose', async () => {
  const here = await world();
  await interact(here, subject);
  await interact(here, subject, { kind: 'compliant' }, { dimension: 'output_quality' });
  await interact(here, subject, { kind: 'violation', severity: 'minor' }, { dimension: 'security_posture' });
  const effects = here.score().items.map(({ kind, effect }) => [kind, effect.toFixed(6)]);
  const all = 1000 * 2.8 / 5.8;
  assert.equal(effects, [
    ['sponsor-prior', (all - 1000 * 2.4 / 5.8).toFixed(6)],
    ['direct', (all - 1000 * 1.8 / 4.8).toFixed(6)],
    ['direct', (all - 1000 * 2.8 / 3.8).toFixed(6)],
    ['direct', (all - 1000 * 2 / 5).toFixed(6)],
  ]);
});

test('who falls short is told of the score, what was needed and the tier', async () => {
  const here = await world();
  assert.is(here.trust.distrusted(observer.did, subject.did, 500), undefined);
  const failure = here.trust.distrusted(observer.did, subject.did, 700);
  assert.is(failure?.code, 'TRUST_TOO_LOW');
  assert.is(failure?.detail?.['score'], 500);
  assert.is(failure?.detail?.['required'], 700);
});

test('an interaction counts once, when it is durable, and survives a restart', async () => {
  const here = await world();
  const receipt = { outcome: { kind: 'compliant' }, dimension: 'policy_compliance', receipt_hash: sha256(utf8('one receipt')), time_ms: start_ms } as const;
  const first = here.trust.interaction(observer.did, subject.did, receipt);
  const again = here.trust.interaction(observer.did, subject.did, receipt);
  assert.is(here.score().score, 500, 'not durable yet');
  assert.is(again.changes.length, 0);
  await here.store.batch(first.changes, { sync: false });
  again.applied();
  assert.is(here.score().score, 500);
  first.applied();
  first.applied();
  assert.is(here.score().score, 667);
  const restarted = await world([], here.store);
  assert.is(restarted.score().score, 667);
  assert.is(restarted.trust.interaction(observer.did, subject.did, receipt).changes.length, 0, 'the receipt is remembered');
});

test('interactions under way at once are all counted, whichever is durable last', async () => {
  const here = await world();
  const recorded = Array.from({ length: 8 }, (_, index) => here.trust.interaction(observer.did, subject.did, {
    outcome: { kind: 'compliant' }, dimension: 'policy_compliance', receipt_hash: sha256(utf8(`at once ${index}`)), time_ms: start_ms,
  }));
  for (const { changes } of recorded) await here.store.batch(changes, { sync: false });
  for (const { applied } of [...recorded].reverse()) applied();
  assert.is(here.score().score, 900);
  assert.is((await world([], here.store)).score().score, 900);
});

test('a receipt older than all that are remembered counts nothing, so that none counts twice', async () => {
  const here = await world();
  const old = { receipt_hash: sha256(utf8('old receipt')) };
  await interact(here, subject, { kind: 'compliant' }, old);
  for (let count = 0; count < 60; count += 1) {
    here.now_ms += 1000;
    await interact(here, subject);
  }
  const before = here.score();
  await interact(here, subject, { kind: 'violation', severity: 'critical' }, { ...old, time_ms: start_ms });
  assert.equal(here.score(), before);
});

test('pairs are bounded: newcomers push out the least known, not who did harm', async () => {
  const here = await world();
  await interact(here, subject, { kind: 'violation', severity: 'critical' });
  let deleted = 0;
  for (let index = 0; index < pairs_max; index += 1) {
    const { changes, applied } = here.trust.interaction(observer.did, `did:example:${index}`, {
      outcome: { kind: 'anomaly', degree: 0.01 }, dimension: 'collaboration_health', receipt_hash: sha256(utf8(String(index))), time_ms: start_ms,
    });
    deleted += changes.filter(({ value }) => value === undefined).length;
    applied();
  }
  assert.is(deleted, pairs_dropped_at_once);
  assert.ok(here.score().score < 100, 'the violation is still known');
});

test('an unreadable entry is reported and left out', async () => {
  const here = await world();
  await interact(here, subject);
  await here.store.batch([{ space: 'interaction', key: new Uint8Array(32), value: utf8('nonsense') }], { sync: false });
  const restarted = await world([], here.store);
  assert.equal(restarted.facts.map(({ kind }) => kind), ['trust.entry-unreadable']);
  assert.is(restarted.score().score, 667);
});

test('endorsing publishes what others can verify; a bad endorsement says what is wrong', async () => {
  const here = await world();
  const input = { weight: 0.8, why: 'reliable', lifetime_ms: 30 * day_ms };
  const first = unwrap(await here.trust.endorse(sponsor.signer, subject.did, input));
  assert.equal([first.weight, first.scope, first.sub, first.exp - first.nbf], [800, 'general', subject.did, 30 * 86_400]);
  assert.is(here.score().score, Math.round(1000 * 1.8 / 2.8));
  const second = unwrap(await here.trust.endorse(sponsor.signer, subject.did, { ...input, weight: 0 }));
  assert.ok(second.seq > first.seq);
  assert.is(here.score().score, 500, 'withdrawn');
  for (const [changes, code] of [
    [{ weight: 1.1 }, 'ENDORSEMENT_INVALID'], [{ weight: -0.1 }, 'ENDORSEMENT_INVALID'], [{ weight: 0.0005 }, 'ENDORSEMENT_INVALID'],
    [{ weight: Number.NaN }, 'ENDORSEMENT_INVALID'], [{ lifetime_ms: 0.5 }, 'ENDORSEMENT_INVALID'], [{ lifetime_ms: 0 }, 'STATEMENT_MALFORMED'],
    [{ lifetime_ms: 91 * day_ms }, 'STATEMENT_MALFORMED'], [{ why: 'x'.repeat(201) }, 'STATEMENT_MALFORMED'], [{ scope: 'Everything' }, 'STATEMENT_MALFORMED'],
  ] as const) {
    const result = await here.trust.endorse(sponsor.signer, subject.did, { ...input, ...changes });
    assert.is(result.ok ? 'published' : result.failure.code, code, JSON.stringify(changes));
  }
  const nobody = await here.trust.endorse(sponsor.signer, 'alice', input);
  assert.is(nobody.ok ? 'published' : nobody.failure.code, 'STATEMENT_MALFORMED');
});

test.run();
