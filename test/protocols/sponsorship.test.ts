import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { methodId, type RetiredMethod } from '../../crypto/did-events.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken, type TokenSigner } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import { parseStatement, signRevocation, type Revocation, type RevocationTarget } from '../../crypto/statement.ts';
import { accountability, attestSponsorship, parseAttestation, unsponsored, type SponsorshipEvidence } from '../../protocols/revocation/sponsorship.ts';
import { suite } from '../harness.ts';
import { agentOf, keyNamed, person, start_s, type Person } from '../people.ts';

const test = suite('protocols/revocation/sponsorship');
const day_s = 86_400;
const plan = { role: 'owner', lifetime_s: day_s, now_s: start_s, jti: new Uint8Array(16) };
const bySigner = (signer: TokenSigner, changes: Partial<typeof plan> & { evidence?: Uint8Array } = {}) => (did: string): Promise<string> => attestSponsorship(signer, did, { ...plan, ...changes });

/** Somebody of a kind for whom somebody answers. */
function under(sponsor: Person, name: string, kind: 'human' | 'agent' | 'org', attest: (did: string) => Promise<string> = bySigner(sponsor.signer)): Promise<Person> {
  return person(name, { kind, sponsor: sponsor.did, attest: async (did) => [await attest(did)] });
}

const company = await person('company', { kind: 'org' });
const alice = await under(company, 'alice', 'human');
const agent = await agentOf(alice, 'agent');
const mallory = await person('mallory');

/** What is known: these records, and revocations of targets by people. */
function evidence(records: readonly DidRecord[], revoked: readonly (readonly [Person, RevocationTarget])[] = [], now_s: number = start_s): SponsorshipEvidence {
  const known = new Map(records.map((record) => [record.did, record]));
  const revocations: readonly Revocation[] = revoked.map(([by, target]) => ({ kind: 'revocation', iss: by.did, target, seq: 1, nbf: start_s, exp: start_s + day_s, why: '', hash: '' }));
  return {
    now_s,
    record: (did) => known.get(did),
    revocation: (kind, id, issuer) => revocations.find(({ target, iss }) => target.kind === kind && target.id === id && iss === issuer),
  };
}

const everybody = [company, alice, agent, mallory].map(({ record }) => record);

test('organisation, human, agent: each level answers for the next, and the walk names them', () => {
  const known = evidence(everybody);
  assert.is(unsponsored(agent.record, known), undefined);
  assert.is(unsponsored(alice.record, known), undefined);
  assert.equal(accountability(agent.record, known).map(({ subject, sponsor, failure }) => [subject.did, sponsor, failure]), [
    [agent.did, alice.did, undefined], [alice.did, company.did, undefined], [company.did, null, undefined],
  ]);
});

test('a human who names an organisation needs its word, and so do the human\'s agents', async () => {
  const cases: readonly (readonly [string, Person, string])[] = [
    ['none', await person('bob', { sponsor: company.did }), 'SPONSOR_MISSING'],
    ['by somebody else', await under(company, 'bob', 'human', bySigner(mallory.signer)), 'SPONSOR_FORGED'],
    ['ended', await under(company, 'bob', 'human', bySigner(company.signer, { now_s: start_s - 2 * day_s })), 'SPONSOR_EXPIRED'],
    ['that of another human', await under(company, 'bob', 'human', () => attestSponsorship(company.signer, alice.did, plan)), 'SPONSOR_FORGED'],
  ];
  for (const [what, human, code] of cases) {
    const helper = await agentOf(human, 'helper');
    const known = evidence([...everybody, human.record, helper.record]);
    assert.is(unsponsored(human.record, known)?.code, code, what);
    const failure = unsponsored(helper.record, known);
    assert.equal([failure?.code, failure?.detail], [code, { did: human.did, sponsor: company.did }], what);
    assert.ok(failure?.fix !== undefined, 'and says what would pass');
  }
});

test('what no level may be', async () => {
  const node = await person('node', { kind: 'node' });
  const over = await under(company, 'over', 'org');
  const deep = await under(over, 'deep', 'human');
  const clerk = await under(alice, 'clerk', 'human');
  const gone = await person('gone', { kind: 'org', deactivated: true });
  const cases: readonly (readonly [string, DidRecord, string, readonly DidRecord[]])[] = [
    ['an organisation under another', (await agentOf(over, 'x')).record, 'SPONSOR_DEPTH', [over.record]],
    ['the same two levels up', (await agentOf(deep, 'x')).record, 'SPONSOR_DEPTH', [deep.record, over.record]],
    ['a human under a human', (await agentOf(clerk, 'x')).record, 'SPONSOR_KIND', [clerk.record]],
    ['an agent under an agent', (await agentOf(agent, 'x')).record, 'SPONSOR_KIND', []],
    ['an agent under a node', (await agentOf(node, 'x')).record, 'SPONSOR_KIND', [node.record]],
    ['a human under a node', (await under(node, 'x', 'human')).record, 'SPONSOR_KIND', [node.record]],
    ['a deactivated organisation', (await under(gone, 'x', 'human')).record, 'SPONSOR_DEACTIVATED', [gone.record]],
    ['an organisation that nobody knows', (await under(await person('nowhere', { kind: 'org' }), 'x', 'human')).record, 'SPONSOR_UNKNOWN', []],
    // No record can name itself or close a ring, since a DID is the hash of an event that holds the sponsor; the checks do not lean on that.
    ['itself', { ...agent.record, sponsor: agent.did }, 'SPONSOR_SELF', []],
    ['no sponsor at all', { ...agent.record, sponsor: null }, 'SPONSOR_MISSING', []],
  ];
  for (const [what, record, code, more] of cases) assert.is(unsponsored(record, evidence([...everybody, ...more]))?.code, code, what);
  const ring = { ...company.record, sponsor: alice.did };
  assert.is(unsponsored(agent.record, evidence([agent.record, alice.record, ring]))?.code, 'SPONSOR_CYCLE');
});

test('an organisation withdraws from its human, and with it from the human\'s agents; nobody else can', () => {
  const attestation = unwrap(parseAttestation(alice.record.attestations[0] ?? ''));
  const targets: readonly RevocationTarget[] = [
    { kind: 'sponsorship', id: alice.did }, { kind: 'agent', id: alice.did }, { kind: 'did', id: alice.did },
    { kind: 'token', id: attestation.jti }, { kind: 'key', id: company.signer.key_id },
  ];
  for (const target of targets) {
    assert.is(unsponsored(agent.record, evidence(everybody, [[mallory, target]])), undefined, `${target.kind}, by a stranger`);
    assert.is(unsponsored(agent.record, evidence(everybody, [[company, target]]))?.code, 'SPONSOR_WITHDRAWN', target.kind);
  }
  assert.is(unsponsored(agent.record, evidence(everybody, [[company, { kind: 'sponsorship', id: agent.did }]])), undefined, 'the organisation never answered for the agent itself');
  assert.is(unsponsored(agent.record, evidence(everybody, [[company, { kind: 'key', id: alice.signer.key_id }]]))?.code, 'SPONSOR_WITHDRAWN', 'a key of its human that the organisation revokes');
});

test('a planned rotation of the sponsor keeps what it attested before, and nothing that is dated later', async () => {
  const [old, renewed] = [keyNamed('alice, use'), keyNamed('alice, second use')];
  const retired: RetiredMethod = { id: methodId(old.public_key), key: old.public_key, uses: ['assertionMethod'], until: (start_s + 10) * 1000 };
  const { document } = alice.record;
  const rotated: DidRecord = {
    ...alice.record, document: { ...document, methods: [{ id: methodId(renewed.public_key), key: renewed.public_key, uses: ['assertionMethod'] }], retired: [retired] },
  };
  const known = (record: DidRecord): SponsorshipEvidence => evidence([...everybody, record], [], start_s + 20);
  assert.is(unsponsored(agent.record, known(rotated)), undefined);
  const thief = await under(alice, 'thief', 'agent', bySigner(alice.signer, { now_s: start_s + 10 }));
  assert.is(unsponsored(thief.record, known(rotated))?.code, 'SPONSOR_FORGED', 'signed with the old key after its end');
  const stolen: DidRecord = { ...rotated, document: { ...rotated.document, retired: [] } };
  assert.is(unsponsored(agent.record, known(stolen))?.code, 'SPONSOR_FORGED', 'after an emergency nothing that the key signed holds');
});

test('an attestation names its evidence by its hash, and what has another form is none', async () => {
  const hash = sha256(utf8('the contract'));
  const text = await bySigner(alice.signer, { evidence: hash })(agent.did);
  assert.is(unwrap(parseAttestation(text)).evd, toBase64url(hash));
  const helper = await under(alice, 'helper', 'agent', bySigner(alice.signer, { evidence: hash }));
  assert.is(unsponsored(helper.record, evidence([...everybody, helper.record])), undefined);
  const raw = (claims: { readonly [name: string]: unknown }): Promise<string> =>
    createToken('mesh-sponsor+jwt', alice.signer, { sub: agent.did, role: 'owner', nbf: start_s, exp: start_s + day_s, jti: 'A'.repeat(22), v: 1, ...claims });
  assert.ok(parseAttestation(await raw({})).ok);
  for (const claims of [
    { evd: '' }, { evd: 'AA' }, { evd: 7 }, { evd: null }, { est: 'x' }, { sub: 'bob' }, { role: 'a\u202eb' }, { role: 'x'.repeat(65) }, { jti: 'short' },
    { nbf: -1 }, { exp: start_s }, { exp: 1.5 + start_s }, { exp: start_s + 90 * day_s + 1 }, { v: 2 },
  ]) {
    const parsed = parseAttestation(await raw(claims));
    assert.is(parsed.ok ? 'ok' : parsed.failure.code, 'SPONSOR_FORGED', JSON.stringify(claims));
  }
});

test('a revocation as it is really signed has the form that is asked for', async () => {
  const text = unwrap(await signRevocation(company.signer, { target: { kind: 'sponsorship', id: alice.did }, why: 'left', seq: 1, nbf: start_s }));
  const parsed = unwrap(parseStatement(text)).statement;
  const known = { ...evidence(everybody), revocation: (kind: string, id: string, issuer: string) => parsed.kind === 'revocation' && parsed.target.kind === kind && parsed.target.id === id && parsed.iss === issuer ? parsed : undefined };
  assert.is(unsponsored(alice.record, known)?.code, 'SPONSOR_WITHDRAWN');
});

test.run();
