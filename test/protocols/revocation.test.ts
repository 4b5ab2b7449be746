import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { parseChain, verifyChain, type Delegation } from '../../crypto/chain.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken, type TokenSigner } from '../../crypto/jwt.ts';
import { fail, ok, unwrap, type Failure } from '../../crypto/result.ts';
import { parseStatement, type RevocationTarget } from '../../crypto/statement.ts';
import type { Fact } from '../../protocols/ports.ts';
import { attestSponsorship, freshness, revocation, revocation_age_ms_max, revocationAges, unsponsored, verbClass, type RevocationService } from '../../protocols/revocation/index.ts';
import { attestation_lifetime_s_max } from '../../protocols/revocation/constants.ts';
import { openStatements } from '../../storage/statements.ts';
import { openStore } from '../../storage/store.ts';
import { suite } from '../harness.ts';
import { agentOf, directory, keyNamed, person, start_ms, start_s, type Person } from '../people.ts';

const test = suite('protocols/revocation');
const sponsor = await person('sponsor');
const other = await person('other sponsor');
const a = await agentOf(sponsor, 'a');
const b = await agentOf(sponsor, 'b');
const c = await agentOf(other, 'c');
const stranger = await person('stranger');
const everybody = [sponsor, other, a, b, c, stranger];
const day_s = 86_400;

interface World {
  readonly service: RevocationService;
  revoke(by: Person, target: RevocationTarget): Promise<void>;
}

/** Revocation over a store of its own, in which published statements are kept at once. */
async function world(known: (did: string) => DidRecord | undefined = directory(everybody).known): Promise<World> {
  const now = (): number => start_ms;
  const store = await openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now });
  const service = revocation({
    store,
    clock: { now, after: () => () => undefined },
    identity: { known },
    statements: {
      publish: async (text) => {
        const parsed = parseStatement(text);
        if (!parsed.ok) return parsed;
        await store.put(parsed.value.statement, text);
        return ok(parsed.value.statement);
      },
    },
  });
  return {
    service,
    revoke: async (by, target) => void unwrap(await service.revoke(by.signer, target, 'it is over')),
  };
}

async function link(from: Person, to: Person, parent: string | null, depth: number): Promise<string> {
  return createToken('mesh-dlg+jwt', from.signer, {
    aud: to.did, sub: sponsor.did, cap: ['read:**'], cav: {}, prf: parent === null ? null : toBase64url(sha256(utf8(parent))), dpt: depth,
    nbf: start_s, exp: start_s + (10 - depth) * day_s, jti: toBase64url(sha256(utf8(`${depth}`)).subarray(0, 16)), v: 1,
  });
}

const root_token = await link(sponsor, a, null, 0);
const middle_token = await link(a, b, root_token, 1);
const leaf_token = await link(b, c, middle_token, 2);
const links = unwrap(parseChain([root_token, middle_token, leaf_token]));
const [root, middle, leaf] = links;
if (root === undefined || middle === undefined || leaf === undefined) throw new Error('there are three links');

/** What the chain's verifier says: the index of the revoked link, or that it holds. */
function verdict({ service }: World): number | string {
  const chain = verifyChain(links, {
    now_s: start_s, record: directory(everybody).known,
    revoked: (each: Delegation, above) => service.revoked(each, above),
    revokedKey: (key_id) => service.revokedKey(key_id), unsponsored: (record) => service.unsponsored(record), fresh: () => undefined,
  });
  if (chain.ok) return 'holds';
  return chain.failure.code === 'REVOKED' ? Number(chain.failure.detail?.['link']) : chain.failure.code;
}

const hash = ({ token }: Delegation): string => toBase64url(token.hash);

test('who has authority ends a link, and with it all links below', async () => {
  const cases: readonly (readonly [string, Person, RevocationTarget, number])[] = [
    ['its issuer, by hash', a, { kind: 'delegation', id: hash(middle) }, 1],
    ['the root, a link two below', sponsor, { kind: 'delegation', id: hash(leaf) }, 2],
    ['an issuer above', a, { kind: 'delegation', id: hash(leaf) }, 2],
    ['the issuer, by token id', b, { kind: 'token', id: leaf.jti }, 2],
    ['the root, its own link', sponsor, { kind: 'token', id: root.jti }, 0],
    ['a DID itself', b, { kind: 'did', id: b.did }, 1],
    ['a sponsor kills its agent', sponsor, { kind: 'agent', id: b.did }, 1],
    ['the sponsor of the holder, who stands in no link', other, { kind: 'agent', id: c.did }, 2],
    ['a DID\'s own key', b, { kind: 'key', id: b.signer.key_id }, 2],
    ['an issuer above, the holder', a, { kind: 'did', id: c.did }, 2],
  ];
  for (const [what, by, target, index] of cases) {
    const here = await world();
    assert.is(verdict(here), 'holds');
    await here.revoke(by, target);
    assert.is(verdict(here), index, what);
  }
});

test('who has no authority ends nothing', async () => {
  const here = await world();
  for (const target of [
    { kind: 'delegation', id: hash(root) }, { kind: 'token', id: root.jti }, { kind: 'did', id: a.did }, { kind: 'agent', id: b.did },
    { kind: 'key', id: sponsor.signer.key_id }, { kind: 'did', id: sponsor.did },
  ] satisfies RevocationTarget[]) {
    await here.revoke(stranger, target);
    await here.revoke(c, target);
  }
  await here.revoke(b, { kind: 'delegation', id: hash(root) });
  await here.revoke(b, { kind: 'delegation', id: hash(middle) });
  await here.revoke(b, { kind: 'did', id: a.did });
  await here.revoke(other, { kind: 'agent', id: b.did });
  assert.is(verdict(here), 'holds', 'the holder of a link, a stranger, another sponsor');
});

test('a revocation whose target is not known yet counts from the moment it can be judged', async () => {
  const records = new Map<string, DidRecord>();
  const here = await world((did) => records.get(did));
  await here.revoke(other, { kind: 'agent', id: c.did });
  assert.is(here.service.revokedDid(c.did), undefined, 'who its sponsor is is not known');
  records.set(c.did, c.record);
  const failure = here.service.revokedDid(c.did);
  assert.is(failure?.code, 'REVOKED');
  assert.is(failure?.detail?.['by'], other.did);
  assert.match(failure?.reason ?? '', 'it is over');
});

test('a DID and a key are revoked by themselves and by the sponsor alone', async () => {
  const here = await world();
  await here.revoke(a, { kind: 'did', id: b.did });
  await here.revoke(a, { kind: 'key', id: b.signer.key_id });
  assert.is(here.service.revokedDid(b.did), undefined);
  assert.is(here.service.revokedKey(b.signer.key_id), undefined);
  await here.revoke(sponsor, { kind: 'key', id: b.signer.key_id });
  assert.is(here.service.revokedKey(b.signer.key_id)?.code, 'REVOKED');
  assert.is(here.service.revokedDid(b.did), undefined, 'a key is not its DID');
  await here.revoke(b, { kind: 'did', id: b.did });
  assert.is(here.service.barred(b.record)?.code, 'REVOKED');
  assert.is(here.service.barred(a.record), undefined);
});

const organisation = await person('employer', { kind: 'org' });
const employee = await person('employee', { sponsor: organisation.did });
const clerk = await agentOf(employee, 'clerk');
const company = [organisation, employee, clerk];

test('an organisation has authority over its humans and their agents; they have none over it', async () => {
  const everyone = directory([...everybody, ...company]).known;
  const ends = async (by: Person, target: RevocationTarget, of: Person): Promise<boolean> => {
    const here = await world(everyone);
    await here.revoke(by, target);
    return here.service.ended(of.did) !== undefined && here.service.barred(of.record) !== undefined;
  };
  for (const target of [{ kind: 'agent', id: clerk.did }, { kind: 'did', id: employee.did }, { kind: 'sponsorship', id: clerk.did }, { kind: 'sponsorship', id: employee.did }] satisfies RevocationTarget[]) {
    assert.ok(await ends(organisation, target, clerk), `the organisation, ${target.kind} ${target.id === clerk.did ? 'clerk' : 'employee'}`);
    assert.not.ok(await ends(stranger, target, clerk), 'a stranger');
  }
  assert.ok(await ends(employee, { kind: 'did', id: employee.did }, clerk), 'a sponsor that ends itself ends its agents');
  assert.not.ok(await ends(clerk, { kind: 'did', id: employee.did }, employee));
  assert.not.ok(await ends(employee, { kind: 'did', id: organisation.did }, organisation));
  assert.not.ok(await ends(clerk, { kind: 'sponsorship', id: clerk.did }, clerk), 'nobody is its own sponsor');
});

test('the organisation of the sponsor ends a delegation of the sponsor, and the sponsor of an issuer one of the issuer', async () => {
  const everyone = directory([...everybody, ...company]).known;
  const token = await createToken('mesh-dlg+jwt', employee.signer, {
    aud: c.did, sub: employee.did, cap: ['read:**'], cav: {}, prf: null, dpt: 0, nbf: start_s, exp: start_s + day_s, jti: 'A'.repeat(22), v: 1,
  });
  const passed = await createToken('mesh-dlg+jwt', c.signer, {
    aud: b.did, sub: employee.did, cap: ['read:reports'], cav: {}, prf: toBase64url(sha256(utf8(token))), dpt: 1, nbf: start_s, exp: start_s + day_s, jti: 'B'.repeat(22), v: 1,
  });
  const [first, second] = unwrap(parseChain([token, passed]));
  if (first === undefined || second === undefined) throw new Error('there are two links');
  const revokedBy = async (by: Person, what: Delegation): Promise<readonly boolean[]> => {
    const here = await world(everyone);
    await here.revoke(by, { kind: 'delegation', id: hash(what) });
    return [here.service.revoked(first, []) !== undefined, here.service.revoked(second, [first]) !== undefined];
  };
  assert.equal(await revokedBy(organisation, first), [true, false]);
  assert.equal(await revokedBy(organisation, second), [false, true]);
  assert.equal(await revokedBy(other, second), [false, true], 'who answers for the issuer of the second');
  assert.equal(await revokedBy(other, first), [false, false], 'c holds the first, it did not issue it');
  assert.equal(await revokedBy(clerk, second), [false, false]);
});

test('a revocation stands in force, pending or without authority, as far as is known', async () => {
  const records = new Map<string, DidRecord>();
  const here = await world((did) => records.get(did));
  const standing = async (by: Person, target: RevocationTarget): Promise<string> => {
    const revoked = unwrap(await here.service.revoke(by.signer, target, ''));
    return here.service.standing(revoked, [links]);
  };
  assert.is(await standing(organisation, { kind: 'agent', id: clerk.did }), 'pending', 'nothing is known of the agent');
  assert.is(await standing(clerk, { kind: 'did', id: clerk.did }), 'in force', 'a DID always stands above itself');
  records.set(clerk.did, clerk.record);
  assert.is(await standing(employee, { kind: 'key', id: clerk.signer.key_id }), 'in force');
  assert.is(await standing(organisation, { kind: 'agent', id: clerk.did }), 'pending', 'nothing is known of the sponsor');
  assert.is(here.service.ended(clerk.did)?.detail?.['by'], clerk.did);
  records.set(employee.did, employee.record);
  assert.is(await standing(organisation, { kind: 'sponsorship', id: clerk.did }), 'in force');
  assert.is(await standing(clerk, { kind: 'sponsorship', id: clerk.did }), 'without authority');
  assert.is(await standing(stranger, { kind: 'agent', id: clerk.did }), 'without authority', 'a level above the organisation does not count');
  assert.is(await standing(a, { kind: 'delegation', id: hash(leaf) }), 'in force');
  assert.is(await standing(b, { kind: 'delegation', id: hash(middle) }), 'without authority', 'its holder');
  assert.is(await standing(b, { kind: 'token', id: leaf.jti }), 'in force');
  assert.is(await standing(stranger, { kind: 'token', id: 'Z'.repeat(22) }), 'pending');
});

test('who stands above a link in a chain has authority there over the keys and DIDs in it, and it is said so', async () => {
  const here = await world();
  for (const target of [{ kind: 'key', id: leaf.token.key_id }, { kind: 'did', id: leaf.iss }, { kind: 'agent', id: leaf.aud }] satisfies RevocationTarget[]) {
    const revoked = unwrap(await here.service.revoke(a.signer, target, ''));
    assert.is(here.service.standing(revoked, [links]), 'in force', target.kind);
    assert.ok(here.service.revoked(leaf, [root, middle]) !== undefined);
    assert.is(here.service.standing(revoked, []), 'without authority', `${target.kind}, where no chain shows it`);
    assert.is(here.service.standing({ ...revoked, iss: stranger.did }, [links]), 'without authority', `${target.kind}, by a stranger`);
  }
});

test('two histories of a DID bar it and everybody for whom it answers, at any level', () => {
  for (const [index, accused] of company.entries()) {
    const service = revocation({
      store: { revocation: () => undefined, nextSequence: () => 0 },
      clock: { now: () => start_ms, after: () => () => undefined },
      identity: { known: directory(company).known },
      statements: { publish: () => Promise.resolve(fail('STATEMENT_QUOTA', 'nothing is published here')) },
      duplicity: (did) => did === accused.did ? { code: 'DID_DUPLICITY', reason: 'two histories' } : undefined,
    });
    for (const [level, { record }] of company.entries()) assert.is(service.barred(record)?.code === 'DID_DUPLICITY', level >= index, `${index} ${level}`);
  }
});

test('a revocation of a delegation that nobody has seen yet counts when it is shown', async () => {
  const here = await world();
  await here.revoke(stranger, { kind: 'delegation', id: hash(leaf) });
  await here.revoke(a, { kind: 'delegation', id: hash(leaf) });
  assert.is(verdict(here), 2, 'the word of the stranger does not stand in the way of the one with authority');
});

test('a revoked key stays revoked, and no other key of the DID with it', async () => {
  const here = await world();
  await here.revoke(b, { kind: 'key', id: b.signer.key_id });
  assert.is(here.service.revokedKey(b.signer.key_id)?.code, 'REVOKED');
  assert.is(here.service.revokedKey(`${b.did}#key-another`), undefined);
  assert.is(here.service.ended(b.did), undefined);
});

interface Knowledge {
  as_of_ms: number;
  now_ms: number;
  readonly facts: Fact[];
  stale(verb: string, parties: readonly string[]): Failure | undefined;
}

/** A host on which the keys of these people are, and what it knows by a time. */
function knowledge(local: readonly Person[], known: readonly Person[] = [...everybody, ...company]): Knowledge {
  const service = revocation({
    store: { revocation: () => undefined, nextSequence: () => 1 }, clock: { now: () => start_ms, after: () => () => undefined },
    identity: directory(known), statements: { publish: () => Promise.resolve(fail('UNUSED', '')) },
  });
  const facts: Fact[] = [];
  const state = { as_of_ms: start_ms, now_ms: start_ms, facts };
  const rule = freshness({
    clock: { now: () => state.now_ms }, recorder: { record: (fact) => void facts.push(fact) }, age_ms_max: revocation_age_ms_max,
    completeAsOf: () => state.as_of_ms, isLocal: (did) => local.some((one) => one.did === did), answerable: (did) => service.answerable(did),
  });
  return Object.assign(state, { stale: (verb: string, parties: readonly string[]) => rule.stale(verb, parties) });
}

test('the older the last reconciliation, the less is allowed: 5 minutes to delete, an hour to write, a day to read', () => {
  const here = knowledge([b]);
  const allowed = (age_ms: number): readonly string[] => {
    here.now_ms = here.as_of_ms + age_ms;
    return ['read', 'write', 'delete'].filter((verb) => here.stale(verb, [sponsor.did, b.did]) === undefined);
  };
  const cases: readonly (readonly [number, readonly string[]])[] = [
    [0, ['read', 'write', 'delete']], [300_000, ['read', 'write', 'delete']], [300_001, ['read', 'write']], [3_600_000, ['read', 'write']],
    [3_600_001, ['read']], [86_400_000, ['read']], [86_400_001, []], [-1000, ['read', 'write', 'delete']], [-60_001, []],
  ];
  for (const [age_ms, verbs] of cases) assert.equal(allowed(age_ms), verbs, `${age_ms} ms`);
  here.now_ms = here.as_of_ms + 600_000;
  const failure = here.stale('delete', [sponsor.did]);
  assert.is(failure?.code, 'REVOCATION_STALE');
  assert.match(failure?.reason ?? '', /as of 2026-01-01T00:00:00.*, 10 min ago, and delete commands need 5 min or less/);
  assert.match(failure?.fix ?? '', /only reads or writes is allowed/);
  assert.is(here.facts.at(-1)?.kind, 'revocation.stale-refused');
  here.as_of_ms = 0;
  assert.match(here.stale('read', [sponsor.did])?.reason ?? '', /not reconciled revocations with its peers yet/);
  here.now_ms = 1000;
  assert.is(here.stale('read', [sponsor.did])?.code, 'REVOCATION_STALE', 'a clock that starts at nothing makes nothing young');
});

test('who can only be revoked here is never stale; one party or sponsor elsewhere is enough to be', () => {
  const never = (local: readonly Person[], parties: readonly Person[], known?: readonly Person[]): boolean => {
    const here = knowledge(local, known);
    here.as_of_ms = 0;
    return here.stale('delete', parties.map(({ did }) => did)) === undefined;
  };
  assert.ok(never([sponsor, a, b], [sponsor, a, b]));
  assert.not.ok(never([sponsor, a], [sponsor, a, b]), 'the key of one party is elsewhere');
  assert.not.ok(never([a, b], [a, b]), 'the sponsor is elsewhere');
  assert.not.ok(never([employee, clerk], [clerk]), 'the organisation is elsewhere');
  assert.ok(never([organisation, employee, clerk], [clerk]));
});

test('a verb is irreversible by any word of it, and reading only as a whole', () => {
  const classes = { read: ['read', 'list', 'get', 'search', 'query', 'describe'], delete: ['delete', 'drop', 'remove', 'truncate', 'rm', 'wipe-disk', 'withdraw', 'pay', 'transfer', 'revoke', 'kill', 'execute-payment', 'bulk-delete', 'read-and-remove'], write: ['write', 'read-write', 'readonly', 'paying', 'call', 'tool', 'deleted'] };
  for (const [name, verbs] of Object.entries(classes)) for (const verb of verbs) assert.is(verbClass(verb), name, verb);
});

test('ages are bounded, and no class may be older than a milder one', () => {
  assert.equal(unwrap(revocationAges({ delete: 60_000 })), { read: 86_400_000, write: 3_600_000, delete: 60_000 });
  for (const bad of [{ delete: 0 }, { delete: 999 }, { read: 366 * 86_400_000 + 1 }, { write: 1.5e6 + 0.5 }, { write: Number.NaN }, { delete: 3_600_001 }, { read: 1000 }]) {
    const ages = revocationAges(bad);
    assert.is(ages.ok ? 'ok' : ages.failure.code, 'REVOCATION_AGE_INVALID', JSON.stringify(bad));
  }
});

test('a bad target or reason is refused before it is signed', async () => {
  const { service } = await world();
  for (const [target, why] of [[{ kind: 'did', id: 'bob' }, ''], [{ kind: 'did', id: b.did }, 'x'.repeat(201)], [{ kind: 'did', id: b.did }, '\ud800']] as const) {
    const result = await service.revoke(sponsor.signer, target, why);
    assert.is(result.ok ? 'published' : result.failure.code, 'STATEMENT_MALFORMED');
  }
});

test('what cannot be published is not revoked, and says why', async () => {
  const service = revocation({
    store: await openStatements({ store: unwrap(await openStore({ kind: 'memory' })), now: () => start_ms }),
    clock: { now: () => start_ms, after: () => () => undefined }, identity: directory(everybody),
    statements: { publish: () => Promise.resolve(fail('STATEMENT_QUOTA', 'full')) },
  });
  const result = await service.revoke(sponsor.signer, { kind: 'did', id: sponsor.did }, '');
  assert.is(result.ok ? 'published' : result.failure.code, 'STATEMENT_QUOTA');
});

const plan = { role: 'owner', lifetime_s: day_s, now_s: start_s, jti: new Uint8Array(16) };
const base_evidence = { now_s: start_s, record: directory(everybody).known, revocation: () => undefined };

/** An agent of a sponsor with these attestations. */
function attested(...attest: readonly ((did: string) => Promise<string>)[]): Promise<Person> {
  return agentOf(sponsor, 'attested', { attest: (did) => Promise.all(attest.map((make) => make(did))) });
}

const bySponsor = (signer: TokenSigner, changes: Partial<typeof plan> = {}) => (did: string): Promise<string> => attestSponsorship(signer, did, { ...plan, ...changes });
const raw = (claims: { readonly [name: string]: unknown }, type: 'mesh-sponsor+jwt' | 'mesh-endorse+jwt' = 'mesh-sponsor+jwt') => (did: string): Promise<string> =>
  createToken(type, sponsor.signer, { sub: did, role: 'owner', nbf: start_s, exp: start_s + day_s, jti: 'A'.repeat(22), v: 1, ...claims });

test('an agent needs one valid attestation of its sponsor', async () => {
  const good = await attested(bySponsor(sponsor.signer));
  assert.is(unsponsored(good.record, base_evidence), undefined);
  const cases: readonly (readonly [string, Person, string])[] = [
    ['none', await attested(), 'SPONSOR_MISSING'],
    ['expired', await attested(bySponsor(sponsor.signer, { now_s: start_s - 2 * day_s })), 'SPONSOR_EXPIRED'],
    ['not yet valid', await attested(bySponsor(sponsor.signer, { now_s: start_s + day_s })), 'SPONSOR_EXPIRED'],
    ['by another sponsor', await attested(bySponsor(other.signer)), 'SPONSOR_FORGED'],
    ['for another agent', await attested(() => attestSponsorship(sponsor.signer, b.did, plan)), 'SPONSOR_FORGED'],
    ['with another key', await attested(bySponsor({ key_id: sponsor.signer.key_id, key: keyNamed('thief') })), 'SPONSOR_FORGED'],
    ['too long', await attested(raw({ exp: start_s + attestation_lifetime_s_max + 1 })), 'SPONSOR_FORGED'],
    ['a claim too many', await attested(raw({ admin: true })), 'SPONSOR_FORGED'],
    ['another version', await attested(raw({ v: 2 })), 'SPONSOR_FORGED'],
    ['no role', await attested(raw({ role: '' })), 'SPONSOR_FORGED'],
    ['another type', await attested(raw({}, 'mesh-endorse+jwt')), 'SPONSOR_FORGED'],
    ['nonsense', await attested(() => Promise.resolve('nonsense')), 'SPONSOR_FORGED'],
  ];
  for (const [what, agent, code] of cases) assert.is(unsponsored(agent.record, base_evidence)?.code, code, what);
  const second = await attested(() => Promise.resolve('nonsense'), bySponsor(sponsor.signer));
  assert.is(unsponsored(second.record, base_evidence), undefined, 'one good one of two is enough');
  assert.is(unsponsored((await attested(raw({}))).record, base_evidence), undefined, 'the hand-made form is the real one');
  const mixed = await attested(() => Promise.resolve('nonsense'), bySponsor(sponsor.signer, { now_s: start_s - 2 * day_s }));
  assert.is(unsponsored(mixed.record, base_evidence)?.code, 'SPONSOR_EXPIRED', 'the more telling of two failures');
});

test('a sponsor is a known, active human or organisation; others than agents need none', async () => {
  const organisation = await person('organisation', { kind: 'org' });
  const node = await person('node', { kind: 'node' });
  const gone = await person('gone', { deactivated: true });
  const code = async (by: Person, known: readonly Person[]): Promise<string | undefined> =>
    unsponsored((await agentOf(by, 'agent')).record, { ...base_evidence, record: directory(known).known })?.code;
  assert.is(await code(organisation, [organisation]), undefined);
  assert.is(await code(organisation, []), 'SPONSOR_UNKNOWN');
  assert.is(await code(node, [node]), 'SPONSOR_KIND');
  assert.is(await code(a, [a]), 'SPONSOR_KIND');
  assert.is(await code(gone, [gone]), 'SPONSOR_DEACTIVATED');
  assert.is(unsponsored(node.record, base_evidence), undefined);
  assert.is(unsponsored(sponsor.record, base_evidence), undefined);
  // A DID is the hash of an event that holds the sponsor, so no record can name itself; the check does not lean on that.
  assert.is(unsponsored({ ...a.record, sponsor: a.did }, base_evidence)?.code, 'SPONSOR_SELF');
  assert.is(unsponsored({ ...a.record, sponsor: null }, base_evidence)?.code, 'SPONSOR_MISSING');
});

test('a sponsor withdraws: the agent, the attestation, or itself; nobody else can', async () => {
  const agent = await attested(bySponsor(sponsor.signer));
  const id = toBase64url(plan.jti);
  for (const target of [{ kind: 'sponsorship', id: agent.did }, { kind: 'token', id }, { kind: 'key', id: sponsor.signer.key_id }, { kind: 'did', id: sponsor.did }] satisfies RevocationTarget[]) {
    const here = await world();
    await here.revoke(stranger, target);
    await here.revoke(other, target);
    assert.is(here.service.unsponsored(agent.record), undefined);
    await here.revoke(sponsor, target);
    assert.is(here.service.unsponsored(agent.record)?.code, 'SPONSOR_WITHDRAWN', target.kind);
  }
});

test('after the sponsorship of an issuer ends, its links end', async () => {
  const here = await world();
  await here.revoke(sponsor, { kind: 'sponsorship', id: b.did });
  assert.is(verdict(here), 'SPONSOR_WITHDRAWN');
});

test.run();
