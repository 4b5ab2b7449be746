/** The cases of `statements.json`: what statements say, which are kept, and whose word ends what. */
import { toBase64url } from '../../crypto/bytes.ts';
import { encodeCbor, type Fields } from '../../crypto/canonical.ts';
import { eventHash, methodId, signEvent, witnessedBytes, witnessedHash, type Establishment, type Signed } from '../../crypto/did-events.ts';
import { encodeRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken, decodeToken, type TokenType } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import { signDuplicity, signEndorsement, signEquivocation, signHead, signRevocation, type EndorsementPlan, type HeadPlan, type RevocationTarget } from '../../crypto/statement.ts';
import { chainOf, hashOf } from '../chains.ts';
import { rotatedRecord, secondEvent } from '../forks.ts';
import { keyNamed, person, start_ms, start_s, type Person } from '../people.ts';
import { refusal, type VectorCase } from './case.ts';
import { first, second, third } from './chain-cases.ts';
import { evidenceCases } from './evidence-cases.ts';
import { a, b, c, company, employee, helper, mallory, renewed, sponsor, stranger } from './parties.ts';
import { misshapen } from './token-forms.ts';

const alice = await person('vectors, alice');
const bob = await person('vectors, bob');
const hour_s = 3600;
const day_s = 24 * hour_s;
const lasting_s = 36_525 * day_s;
const token_life_s = 367 * day_s;
const now_ms: number = start_ms + 60_000;
/** With this reason an endorsement is as long as one may be. */
const longest_why = '\u20ac'.repeat(177);
const zeros = toBase64url(new Uint8Array(32));

function endorsement(changes: Partial<EndorsementPlan> = {}, by: Person = alice): Promise<string> {
  return signEndorsement(by.signer, { sub: bob.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + hour_s, weight: 500, why: '', ...changes }).then(unwrap);
}

function revocation(target: RevocationTarget, by: Person = alice, nbf = start_s): Promise<string> {
  return signRevocation(by.signer, { target, seq: 1, nbf, why: 'lost' }).then(unwrap);
}

function head(changes: Partial<HeadPlan> = {}): Promise<string> {
  return signHead(alice.signer, { number: 0, sequence: 1, record: toBase64url(alice.record.hash), nbf: start_s, exp: start_s + 72 * hour_s, ...changes }).then(unwrap);
}

const left = secondEvent(alice, 'vectors, alice', 'left');
const right = secondEvent(alice, 'vectors, alice', 'right');

function duplicity(events: readonly [Signed<Establishment>, Signed<Establishment>] = [left, right], number = 1): Promise<string> {
  return signDuplicity(bob.signer, { did: alice.did, number, nbf: start_s, events: [encodeCbor(events[0]), encodeCbor(events[1])] }).then(unwrap);
}

function equivocation(one: string, other: string, sub = alice.did): Promise<string> {
  return signEquivocation(bob.signer, { sub, nbf: start_s, statements: [one, other] }).then(unwrap);
}

const targets: readonly RevocationTarget[] = [
  { kind: 'delegation', id: zeros }, { kind: 'token', id: zeros.slice(0, 22) }, { kind: 'key', id: bob.signer.key_id }, { kind: 'did', id: bob.did }, { kind: 'agent', id: bob.did }, { kind: 'sponsorship', id: bob.did },
];
const lives_s: { readonly [kind in RevocationTarget['kind']]: number } = { delegation: token_life_s, token: token_life_s, key: lasting_s, did: lasting_s, agent: lasting_s, sponsorship: lasting_s };

function said(name: string, token: string, expect: Fields): VectorCase {
  return { name, task: 'parse statement', input: { token }, expect };
}

async function parsed(): Promise<VectorCase[]> {
  const words = await Promise.all([1, 2].map((weight) => endorsement({ weight })));
  const [less = '', more = ''] = [...words].sort();
  const encoded = [left, right].map((event) => toBase64url(encodeCbor(event))).sort();
  const longest_key: RevocationTarget = { kind: 'key', id: `${bob.did}#${'x'.repeat(65)}` };
  const long_events = ['A', 'x'.repeat(1400)];
  const plan = { sub: bob.did, scope: 'read', seq: 2, nbf: start_s, exp: start_s + 90 * day_s, weight: 1000, why: 'good work' };
  const whole = async (name: string, token: Promise<string>, expect: Fields): Promise<VectorCase> => {
    const text = await token;
    return said(name, text, { ...expect, hash: hashOf(text) });
  };
  return [
    await whole('an endorsement', endorsement(plan), { kind: 'endorsement', iss: alice.did, ...plan }),
    await whole('an endorsement that is withdrawn', endorsement({ weight: 0, why: 'x'.repeat(200) }), { kind: 'endorsement', iss: alice.did, sub: bob.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + hour_s, weight: 0, why: 'x'.repeat(200) }),
    await whole('an endorsement of 1,280 bytes', endorsement({ why: longest_why }), { kind: 'endorsement', iss: alice.did, sub: bob.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + hour_s, weight: 500, why: longest_why }),
    await whole('a reason of 200 UTF-16 code units', endorsement({ why: '\u{1f600}'.repeat(100) }), { kind: 'endorsement', iss: alice.did, sub: bob.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + hour_s, weight: 500, why: '\u{1f600}'.repeat(100) }),
    ...await Promise.all(targets.map((target) => whole(`a revocation: ${target.kind}`, revocation(target), { kind: 'revocation', iss: alice.did, target, seq: 1, nbf: start_s, exp: start_s + lives_s[target.kind], why: 'lost' }))),
    await whole('a revocation of a key with the longest id', revocation(longest_key), { kind: 'revocation', iss: alice.did, target: longest_key, seq: 1, nbf: start_s, exp: start_s + lasting_s, why: 'lost' }),
    await whole('a proof of duplicity with an event of 1,400 characters', createToken('mesh-duplicity+jwt', bob.signer, { did: alice.did, number: 1, events: long_events, nbf: start_s, exp: start_s + lasting_s, v: 1 }),
      { kind: 'duplicity', iss: bob.did, did: alice.did, number: 1, events: long_events, nbf: start_s, exp: start_s + lasting_s }),
    await whole('a head', head(), { kind: 'head', iss: alice.did, number: 0, sequence: 1, record: toBase64url(alice.record.hash), nbf: start_s, exp: start_s + 72 * hour_s }),
    await whole('a proof of duplicity', duplicity(), { kind: 'duplicity', iss: bob.did, did: alice.did, number: 1, events: encoded, nbf: start_s, exp: start_s + lasting_s }),
    await whole('a proof of equivocation', equivocation(less, more), { kind: 'equivocation', iss: bob.did, sub: alice.did, statements: [less, more], nbf: start_s, exp: start_s + lasting_s }),
  ];
}

async function malformed(): Promise<VectorCase[]> {
  const words = await Promise.all([1, 2].map((weight) => endorsement({ weight })));
  const [less = '', more = ''] = [...words].sort();
  const praise: Fields = { sub: bob.did, scope: 'general', seq: 1, nbf: start_s, exp: start_s + hour_s, weight: 500, why: '', v: 1 };
  const end: Fields = { target: { kind: 'agent', id: bob.did }, seq: 1, nbf: start_s, exp: start_s + lasting_s, why: '', v: 1 };
  const newest: Fields = { number: 0, sequence: 1, record: zeros, nbf: start_s, exp: start_s + hour_s, v: 1 };
  const fork: Fields = { did: alice.did, number: 1, events: ['AQ', 'Ag'], nbf: start_s, exp: start_s + lasting_s, v: 1 };
  const twice: Fields = { sub: alice.did, statements: [less, more], nbf: start_s, exp: start_s + lasting_s, v: 1 };
  const targeted = (kind: string, id: unknown): Fields => ({ target: { kind, id } });
  const wrong: readonly (readonly [type: TokenType, of: Fields, changes: readonly Fields[]])[] = [
    ['mesh-endorse+jwt', praise, [
      { v: 2 }, { extra: 1 }, { sub: 'bob' }, { scope: '*' }, { scope: 'Read' }, { scope: 'read:x' }, { scope: '' }, { scope: null }, { weight: 1001 }, { weight: -1 }, { weight: 0.5 }, { seq: -1 }, { seq: 1.5 }, { nbf: -1 },
      { exp: start_s }, { exp: start_s + 90 * day_s + 1 }, { why: 'x'.repeat(201) }, { why: 'line\nbreak' }, { why: '\u001b[31m' }, { why: '\u202etxt' }, { why: null }, { why: `${'\u{1f600}'.repeat(100)}x` }, { why: '\u20ac'.repeat(200) }, { why: `${longest_why}x` },
    ]],
    ['mesh-revoke+jwt', end, [
      { v: 2 }, { extra: 1 }, { exp: start_s + lasting_s - 1 }, { exp: start_s + lasting_s + 1 }, { seq: -1 }, { nbf: null }, { why: 1 }, { target: bob.did }, { target: null }, { target: { kind: 'did', id: bob.did, more: 1 } },
      targeted('world', bob.did), targeted('toString', bob.did), targeted('did', 'bob'), targeted('agent', bob.signer.key_id), targeted('sponsorship', ''), targeted('key', bob.did), targeted('key', `${bob.did}#${'x'.repeat(66)}`),
      { ...targeted('delegation', 'x'), exp: start_s + token_life_s }, { ...targeted('delegation', zeros), exp: start_s + lasting_s }, { ...targeted('token', 'x'), exp: start_s + token_life_s },
    ]],
    ['mesh-head+jwt', newest, [{ v: 2 }, { seq: 1 }, { number: -1 }, { number: 0.5 }, { sequence: '1' }, { record: 'x' }, { record: toBase64url(new Uint8Array(31)) }, { exp: start_s }, { exp: start_s + 72 * hour_s + 1 }, { nbf: -1 }]],
    ['mesh-duplicity+jwt', fork, [{ v: 2 }, { extra: 1 }, { did: 'alice' }, { number: 0 }, { number: 1.5 }, { events: ['Ag', 'AQ'] }, { events: ['AQ', 'AQ'] }, { events: ['AQ'] }, { events: ['AQ', 'Ag', 'Aw'] }, { events: ['A', 'x'.repeat(1401)] }, { exp: start_s + lasting_s - 1 }]],
    ['mesh-equivocation+jwt', twice, [{ v: 2 }, { extra: 1 }, { sub: 'alice' }, { statements: [more, less] }, { statements: [less, less] }, { statements: [less] }, { statements: ['a', 'x'.repeat(1281)] }, { exp: start_s + lasting_s + 1 }]],
  ];
  const good_head = await head();
  const claims = await Promise.all(wrong.flatMap(([type, of, changes]) => changes.map(async (change, index) =>
    said(`${type}, wrong form ${index + 1}: ${JSON.stringify(change).slice(0, 60)}`, await createToken(type, alice.signer, { ...of, ...change }), refusal('STATEMENT_MALFORMED')))));
  return [
    ...claims,
    ...await Promise.all(wrong.slice(0, 3).map(async ([type, of]) => said(`${type} by who has no did:mesh`, await createToken(type, { key_id: 'did:example:1#key', key: alice.signer.key }, of), refusal('STATEMENT_MALFORMED')))),
    said('a delegation', (await chainOf([first]))[0] ?? '', refusal('TOKEN_TYPE')),
    ...misshapen(good_head, alice.signer, 'mesh-head+jwt', bob.signer.key_id).map(({ what, token, code }) => said(what, token, refusal(code))),
  ];
}

interface Given {
  readonly people?: readonly Person[];
  readonly records?: readonly Uint8Array[];
  /** Records that only asking afresh brings. */
  readonly fresh?: readonly Uint8Array[];
  /** What was admitted before. */
  readonly before?: readonly string[];
  readonly listed?: { readonly topic: string; readonly day: number };
  readonly now_ms?: number;
}

function admitted(name: string, token: string, given: Given = {}, code?: string): VectorCase {
  const { people = [alice, bob], records = [], fresh = [], before = [], listed, now_ms: at_ms = now_ms } = given;
  return {
    name, task: 'admit statement', expect: code === undefined ? { kept: hashOf(token) } : refusal(code),
    input: { token, before, records: [...people.map(({ record }) => record.bytes), ...records].map(toBase64url), fresh_records: fresh.map(toBase64url), ...(listed === undefined ? {} : { listed }), now_ms: at_ms },
  };
}

/** Of two texts that with the smaller hash, and the other. */
function ordered(one: string, other: string): readonly [smaller: string, larger: string] {
  return hashOf(one) < hashOf(other) ? [one, other] : [other, one];
}

async function admissions(): Promise<VectorCase[]> {
  const praise = await endorsement();
  const day = Math.floor(start_s / day_s);
  const [smaller, larger] = ordered(await endorsement({ weight: 1 }), await endorsement({ weight: 2 }));
  const end = await revocation({ kind: 'agent', id: bob.did });
  const mute = await person('vectors, mute', { uses: ['authentication', 'capabilityDelegation'] });
  const forged = await endorsement({}, { ...alice, signer: { key_id: alice.signer.key_id, key: bob.signer.key } });
  const [former] = alice.document.methods;
  if (former === undefined) throw new Error('a document has a method');
  const key = keyNamed('vectors, alice, second use').public_key;
  const rotated = renewed(alice, 'vectors, alice', { methods: [{ ...former, id: methodId(key), key }], retired: [{ ...former, until: start_ms + 1000 }], time: start_ms + 1000, expires: start_ms + 48 * 3_600_000 });
  const own_name = { key_id: `${alice.did}#use`, key: keyNamed('vectors, alice, use') };
  const named = renewed(alice, 'vectors, alice', { methods: [{ ...former, id: 'use' }] });
  const newer_key = await endorsement({}, { ...alice, signer: { key_id: `${alice.did}#${methodId(key)}`, key: keyNamed('vectors, alice, second use') } });
  return [
    admitted('an endorsement', praise),
    admitted('a revocation', end),
    admitted('a head', await head()),
    admitted('an endorsement that has ended on this day', await endorsement({ exp: start_s + 1 }), { now_ms: start_ms + 3_600_000 }),
    admitted('one that ended on a day that is over', praise, { now_ms: start_ms + day_s * 1000 }, 'TOKEN_EXPIRED'),
    admitted('one from 30 s ahead', await endorsement({ nbf: start_s + 90 })),
    admitted('one from 31 s ahead', await endorsement({ nbf: start_s + 91 }), {}, 'TOKEN_NOT_YET_VALID'),
    admitted('one that is known', praise, { before: [praise] }, 'STATEMENT_KNOWN'),
    admitted('a higher seq', await endorsement({ seq: 2 }), { before: [praise] }),
    admitted('a lower seq', praise, { before: [await endorsement({ seq: 2 })] }, 'STATEMENT_STALE'),
    admitted('one seq, other words, a larger hash', larger, { before: [smaller] }, 'STATEMENT_EQUIVOCATION'),
    admitted('one seq, other words, a smaller hash', smaller, { before: [larger] }),
    admitted('an older head', await head(), { before: [await head({ sequence: 2 })] }, 'STATEMENT_STALE'),
    admitted('a head of a higher rotation', await head({ number: 1, sequence: 1 }), { before: [await head({ sequence: 9 })] }),
    admitted('by somebody who is not known', praise, { people: [bob] }, 'STATEMENT_ISSUER_UNKNOWN'),
    admitted('by a key that makes no statements', await endorsement({}, mute), { people: [mute, bob] }, 'STATEMENT_KEY_UNKNOWN'),
    admitted('by a key that only a fresh record has', newer_key, { fresh: [rotated] }),
    admitted('by a key that no record has', newer_key, {}, 'STATEMENT_KEY_UNKNOWN'),
    admitted('by a retired key, dated before its end', praise, { people: [bob], records: [rotated] }),
    admitted('by a retired key, dated at its end', await endorsement({ nbf: start_s + 1 }), { people: [bob], records: [rotated] }, 'STATEMENT_KEY_UNKNOWN'),
    admitted('by a key whose id is not made of it', await endorsement({}, { ...alice, signer: own_name }), { people: [bob], records: [named] }, 'STATEMENT_KEY_UNKNOWN'),
    admitted('in somebody else\'s name', forged, {}, 'STATEMENT_FORGED'),
    admitted('under its topic and day', praise, { listed: { topic: 'others', day } }),
    admitted('under another topic', praise, { listed: { topic: 'revocations', day } }, 'STATEMENT_MISPLACED'),
    admitted('under another day', praise, { listed: { topic: 'others', day: day + 1 } }, 'STATEMENT_MISPLACED'),
    admitted('a revocation under its topic and day', end, { listed: { topic: 'revocations', day: Math.floor((start_s + lasting_s) / day_s) } }),
  ];
}

async function proofs(): Promise<VectorCase[]> {
  const words = await Promise.all([1, 2].map((weight) => endorsement({ weight })));
  const [one = '', other = ''] = words;
  const forged = await endorsement({}, { ...alice, signer: { key_id: alice.signer.key_id, key: bob.signer.key } });
  const by_bob = await endorsement({ sub: alice.did }, bob);
  const other_alice = await endorsement({}, { ...alice, signer: { key_id: `${alice.did}#key-aaaaaaaaaaaaaaaa`, key: bob.signer.key } });
  const unproven = 'STATEMENT_UNPROVEN';
  const stolen = signEvent<Establishment>({ ...right.event, keys: [bob.signer.key.public_key] }, [{ index: 0, key: bob.signer.key }]);
  const third_event = secondEvent(alice, 'vectors, alice', 'right', { number: 2 });
  return [
    admitted('a proof of equivocation', await equivocation(one, other)),
    admitted('two endorsements of different seq', await equivocation(one, await endorsement({ seq: 2 })), {}, unproven),
    admitted('two endorsements of different scope', await equivocation(one, await endorsement({ scope: 'read' })), {}, unproven),
    admitted('two endorsements of different subjects', await equivocation(one, await endorsement({ sub: sponsor.did })), {}, unproven),
    admitted('an endorsement that the accused did not sign', await equivocation(one, forged), {}, unproven),
    admitted('an endorsement by somebody else', await equivocation(one, by_bob), {}, unproven),
    admitted('a revocation as an endorsement', await equivocation(one, await revocation({ kind: 'agent', id: bob.did })), {}, unproven),
    admitted('what is no token', await equivocation(one, 'x'), {}, unproven),
    admitted('an endorsement by a key that is not known', await equivocation(one, other_alice), {}, 'STATEMENT_KEY_UNKNOWN'),
    admitted('the accused is not known', await equivocation(one, other), { people: [bob] }, 'STATEMENT_ISSUER_UNKNOWN'),
    admitted('a proof of duplicity', await duplicity()),
    admitted('a proof of duplicity, one of whose events the record has', await duplicity(), { people: [bob], records: [rotatedRecord(alice, 'vectors, alice', 'left').bytes] }),
    admitted('an event that no committed key signed', await duplicity([left, stolen]), {}, 'STATEMENT_UNDECIDED'),
    admitted('events of a number that the record does not reach', await duplicity([left, third_event], 2), {}, 'STATEMENT_UNDECIDED'),
    admitted('what is no event', unwrap(await signDuplicity(bob.signer, { did: alice.did, number: 1, nbf: start_s, events: [Uint8Array.of(1), Uint8Array.of(2)] })), {}, unproven),
  ];
}

async function duplicities(): Promise<VectorCase[]> {
  const witness = keyNamed('vectors, witness 0');
  const genesis = signEvent<Establishment>({ ...alice.establishment.event, witnesses: [witness.public_key], witness_threshold: 1 }, [{ index: 0, key: keyNamed('vectors, alice, update') }]);
  const signatures = [{ number: 0, witness: 0, signature: witness.sign(witnessedBytes(genesis.event)) }];
  const watched_record = encodeRecord({
    establishments: [genesis], attestations: [], witness_signatures: signatures,
    document: signEvent({ ...alice.document, establishment: eventHash(genesis.event), witnessed: witnessedHash(signatures) }, [{ index: 0, key: keyNamed('vectors, alice, update') }]),
  });
  const watched = { ...alice, establishment: genesis };
  const judged = (name: string, events: readonly [Signed<Establishment>, Signed<Establishment>], code?: string, number = 1, record = alice.record.bytes): VectorCase => ({
    name, task: 'verify duplicity', input: { record: toBase64url(record), now_ms, number, events: events.map((event) => toBase64url(encodeCbor(event))) },
    expect: code === undefined ? { proven: true } : refusal(code),
  });
  const rotated = rotatedRecord(alice, 'vectors, alice', 'left').bytes;
  const elsewhere = secondEvent(alice, 'vectors, alice', 'right', { previous: sha256(eventHash(left.event)) });
  return [
    judged('two second events', [left, right]), judged('two second events besides the one of the record', [left, right], undefined, 1, rotated),
    judged('one event twice', [left, left], 'DUPLICITY_INVALID'), judged('an event with the signature of another', [left, { event: right.event, signatures: left.signatures }], 'DUPLICITY_INVALID'),
    judged('an event without signature', [left, { event: right.event, signatures: [] }], 'DUPLICITY_INVALID'), judged('an event of another number', [left, secondEvent(alice, 'vectors, alice', 'right', { number: 2 })], 'DUPLICITY_INVALID'),
    judged('an event under another', [left, elsewhere], 'DUPLICITY_INVALID'), judged('an event of somebody else', [left, secondEvent(bob, 'vectors, bob', 'left')], 'DUPLICITY_INVALID'),
    judged('two genesis events', [alice.establishment, bob.establishment], 'DUPLICITY_INVALID', 0),
    judged('beyond the end of the record', [left, right], 'DUPLICITY_UNDECIDED', 2),
    judged('where witnesses must countersign', [secondEvent(watched, 'vectors, alice', 'left'), secondEvent(watched, 'vectors, alice', 'right')], 'DUPLICITY_WITNESSED', 1, watched_record),
  ];
}

async function merged(): Promise<VectorCase[]> {
  const set = (name: string, tokens: readonly string[], kept: readonly string[]): VectorCase => ({
    name, task: 'keep statements', input: { tokens, records: [alice, bob].map(({ record }) => toBase64url(record.bytes)), now_ms }, expect: { kept: kept.map(hashOf).sort() },
  });
  const [smaller, larger] = ordered(await endorsement({ weight: 1 }), await endorsement({ weight: 2 }));
  const [one, other] = ordered(await equivocation(smaller, larger), unwrap(await signEquivocation(alice.signer, { sub: alice.did, nbf: start_s, statements: [smaller, larger] })));
  const revocations = await Promise.all([start_s, start_s + 1].map((nbf) => revocation({ kind: 'agent', id: bob.did }, alice, nbf)));
  const heads = await Promise.all([head(), head({ sequence: 2 }), head({ number: 1 }), head({ number: 1, exp: start_s + 48 * hour_s })]);
  const next = await endorsement({ seq: 2 });
  const scoped = await endorsement({ scope: 'read' });
  return [
    set('the highest seq', [smaller, next], [next]), set('at one seq the smaller hash', [larger, smaller], [smaller]), set('a higher seq after a contradiction', [larger, next, smaller], [next]),
    set('each scope for itself', [smaller, scoped], [smaller, scoped]), set('every revocation', revocations, revocations), set('the head of the highest rotation, then sequence, then end', heads, heads.slice(2, 3)),
    set('of two proofs against one DID the smaller hash', [other, one], [one]),
  ];
}

async function authorities(): Promise<VectorCase[]> {
  const jtiOf = (token: string): string => String(unwrap(decodeToken(token)).claims['jti']);
  const chain = await chainOf([first, second, third]);
  const under_company = await chainOf([{ from: employee, to: helper }]);
  const everybody = [sponsor, a, b, c, company, employee, helper, mallory, stranger];
  const standing = async (name: string, by: Person, target: RevocationTarget, expected: string, shown: readonly string[] = chain, people: readonly Person[] = everybody): Promise<VectorCase> => ({
    name, task: 'standing of a revocation', expect: { standing: expected },
    input: { token: await revocation(target, by), chain: shown, records: people.map(({ record }) => toBase64url(record.bytes)), now_ms },
  });
  const [root = '', middle = '', leaf = ''] = chain.map(hashOf);
  const [in_force, without, pending] = ['in force', 'without authority', 'pending'];
  return Promise.all([
    standing('a link, by its issuer', a, { kind: 'delegation', id: middle }, in_force), standing('a link, by the root', sponsor, { kind: 'delegation', id: leaf }, in_force),
    standing('a link, by the issuer above', a, { kind: 'delegation', id: leaf }, in_force), standing('a link, by its holder', b, { kind: 'delegation', id: middle }, without),
    standing('the root, by somebody below', c, { kind: 'delegation', id: root }, without), standing('a link, by a stranger', stranger, { kind: 'delegation', id: middle }, without),
    standing('a link that nobody has shown', a, { kind: 'delegation', id: middle }, pending, []),
    standing('a link, by the organisation of its issuer', company, { kind: 'delegation', id: hashOf(under_company[0] ?? '') }, in_force, under_company),
    standing('a link by its jti, by its issuer', a, { kind: 'token', id: jtiOf(chain[1] ?? '') }, in_force), standing('a link by its jti, by its holder', b, { kind: 'token', id: jtiOf(chain[1] ?? '') }, without),
    standing('an agent, by its sponsor', sponsor, { kind: 'agent', id: a.did }, in_force), standing('an agent, by itself', a, { kind: 'agent', id: a.did }, in_force), standing('an agent, by another agent', mallory, { kind: 'agent', id: a.did }, without),
    standing('an agent, by the organisation of its sponsor', company, { kind: 'agent', id: helper.did }, in_force), standing('a sponsor, by its agent', a, { kind: 'did', id: sponsor.did }, without),
    standing('an agent whose record is not known', sponsor, { kind: 'agent', id: a.did }, pending, [], [sponsor]),
    standing('an agent in a chain, by who stands above it there', a, { kind: 'agent', id: c.did }, in_force), standing('an agent in a chain, by who stands below it', c, { kind: 'agent', id: a.did }, without),
    standing('a key, by its owner', a, { kind: 'key', id: a.signer.key_id }, in_force), standing('a key, by the sponsor of its owner', sponsor, { kind: 'key', id: a.signer.key_id }, in_force), standing('a key, by a stranger', stranger, { kind: 'key', id: a.signer.key_id }, without),
    standing('a sponsorship, by the sponsor', sponsor, { kind: 'sponsorship', id: a.did }, in_force), standing('a sponsorship, by the agent', a, { kind: 'sponsorship', id: a.did }, without),
  ]);
}

/** Every case about statements. */
export async function statementsCases(): Promise<readonly VectorCase[]> {
  return [...await parsed(), ...await malformed(), ...await admissions(), ...await proofs(), ...await duplicities(), ...await evidenceCases(), ...await merged(), ...await authorities()];
}
