/** The cases of `delegation.json` about who answers for whom. */
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import type { Fields } from '../../crypto/canonical.ts';
import { methodId } from '../../crypto/did-events.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken, type TokenSigner } from '../../crypto/jwt.ts';
import { agentOf, keyNamed, person, start_ms, start_s, type Person } from '../people.ts';
import { refusal, type VectorCase } from './case.ts';
import { a, company, employee, helper, knowledge, mallory, renewed, revoked, sponsor, stranger, type Knowledge } from './parties.ts';

const day_s = 86_400;
const jti = toBase64url(sha256(utf8('vectors, attestation')).subarray(0, 16));

function judged(name: string, subject: Person, people: readonly Person[], expect: Fields, known: Knowledge = {}): VectorCase {
  return { name, task: 'judge sponsorship', input: { did: subject.did, ...knowledge({ people, ...known }) }, expect };
}

/** Who names a sponsor and brings one attestation with it, right but for these claims. */
function under(over: Person, name: string, claims: Fields = {}, kind: 'agent' | 'human' | 'org' = 'agent', signer: TokenSigner = over.signer): Promise<Person> {
  return person(`vectors, ${name}`, {
    kind, sponsor: over.did,
    attest: async (did) => [await createToken('mesh-sponsor+jwt', signer, { sub: did, role: 'owner', nbf: start_s, exp: start_s + day_s, jti, v: 1, ...claims })],
  });
}

async function forged(): Promise<VectorCase[]> {
  const wrong: readonly (readonly [what: string, claims: Fields])[] = [
    ['for another agent', { sub: mallory.did }], ['version 2', { v: 2 }], ['a claim too many', { extra: 1 }], ['no role', { role: '' }], ['a role of 65 characters', { role: 'x'.repeat(65) }], ['a role with a control character', { role: 'a\u202eb' }],
    ['a life of more than 90 days', { exp: start_s + 90 * day_s + 1 }], ['an end before its beginning', { exp: start_s }], ['a time with a fraction', { exp: start_s + 1.5 }], ['a short jti', { jti: 'x' }],
    ['evidence that is no SHA-256', { evd: 'AA' }], ['evidence null', { evd: null }],
  ];
  const cases = await Promise.all(wrong.map(async ([what, claims], index) => {
    const agent = await under(sponsor, `forged ${index}`, claims);
    return judged(`an attestation: ${what}`, agent, [sponsor, agent], refusal('SPONSOR_FORGED'));
  }));
  const by_stranger = await under(sponsor, 'of a stranger', {}, 'agent', stranger.signer);
  const with_key = await under(sponsor, 'with a key', {}, 'agent', { key_id: sponsor.signer.key_id, key: stranger.signer.key });
  const other_type = await person('vectors, other type', { kind: 'agent', sponsor: sponsor.did, attest: async (did) => [await createToken('mesh-endorse+jwt', sponsor.signer, { sub: did, role: 'owner', nbf: start_s, exp: start_s + day_s, jti, v: 1 })] });
  const no_token = await person('vectors, no token', { kind: 'agent', sponsor: sponsor.did, attest: () => Promise.resolve(['x']) });
  return [
    ...cases,
    judged('an attestation by a stranger', by_stranger, [sponsor, by_stranger, stranger], refusal('SPONSOR_FORGED')),
    judged('an attestation in the sponsor\'s name that a stranger signed', with_key, [sponsor, with_key], refusal('SPONSOR_FORGED')),
    judged('another token of the sponsor', other_type, [sponsor, other_type], refusal('SPONSOR_FORGED')),
    judged('what is no token', no_token, [sponsor, no_token], refusal('SPONSOR_FORGED')),
  ];
}

async function rotations(): Promise<VectorCase[]> {
  const [former] = sponsor.document.methods;
  if (former === undefined) throw new Error('a document has a method');
  const key = keyNamed('vectors, sponsor, second use').public_key;
  const methods = [{ ...former, id: methodId(key), key }];
  const document = { methods, time: start_ms + 30_000, expires: start_ms + 48 * 3_600_000 };
  const planned = renewed(sponsor, 'vectors, sponsor', { ...document, retired: [{ ...former, until: start_ms + 10_000 }] });
  const voided = renewed(sponsor, 'vectors, sponsor', document);
  const later = await under(sponsor, 'attested late', { nbf: start_s + 10 });
  return [
    judged('attested before a planned rotation of the sponsor', a, [a], { accountable: [a.did, sponsor.did] }, { records: [planned] }),
    judged('attested with the old key at the second of its end', later, [later], refusal('SPONSOR_FORGED'), { records: [planned] }),
    judged('attested with a key that a rotation after a theft voided', a, [a], refusal('SPONSOR_FORGED'), { records: [voided] }),
  ];
}

async function levels(): Promise<VectorCase[]> {
  const node = await person('vectors, node', { kind: 'node' });
  const gone = await person('vectors, gone', { deactivated: true });
  const nowhere = await person('vectors, nowhere');
  const over = await under(company, 'over', {}, 'org');
  const clerk = await under(sponsor, 'clerk', {}, 'human');
  const pet = await agentOf(a, 'vectors, pet');
  const silent = await agentOf(sponsor, 'vectors, silent', { attest: () => Promise.resolve([]) });
  const of = (who: Person, name: string): Promise<Person> => agentOf(who, `vectors, of ${name}`);
  const [of_node, of_gone, of_nowhere, of_over, of_clerk] = await Promise.all([of(node, 'node'), of(gone, 'gone'), of(nowhere, 'nowhere'), of(over, 'over'), of(clerk, 'clerk')]);
  return [
    judged('an agent that nobody attests', silent, [silent, sponsor], refusal('SPONSOR_MISSING')),
    judged('an agent of somebody who is not known', of_nowhere, [of_nowhere], refusal('SPONSOR_UNKNOWN')),
    judged('an agent of an agent', pet, [pet, a, sponsor], refusal('SPONSOR_KIND')),
    judged('an agent of a node', of_node, [of_node, node], refusal('SPONSOR_KIND')),
    judged('an agent of a human of a human', of_clerk, [of_clerk, clerk, sponsor], refusal('SPONSOR_KIND')),
    judged('an agent of an organisation of an organisation', of_over, [of_over, over, company], refusal('SPONSOR_DEPTH')),
    judged('an agent of somebody who is deactivated', of_gone, [of_gone, gone], refusal('SPONSOR_DEACTIVATED')),
  ];
}

async function ends(): Promise<VectorCase[]> {
  const early = await under(sponsor, 'early', { nbf: start_s + 91 });
  const late = await under(sponsor, 'late', { exp: start_s + 30 });
  const renewed_agent = await person('vectors, attested twice', {
    kind: 'agent', sponsor: sponsor.did,
    attest: async (did) => Promise.all([start_s + 30, start_s + day_s].map((exp) => createToken('mesh-sponsor+jwt', sponsor.signer, { sub: did, role: 'owner', nbf: start_s, exp, jti, v: 1 }))),
  });
  const attested = await under(sponsor, 'attested');
  const two_bad = await person('vectors, attested badly', {
    kind: 'agent', sponsor: sponsor.did,
    attest: async (did) => ['x', await createToken('mesh-sponsor+jwt', sponsor.signer, { sub: did, role: 'owner', nbf: start_s, exp: start_s + 30, jti, v: 1 })],
  });
  const withdrawn = async (what: string, by: Person, kind: 'sponsorship' | 'token' | 'key' | 'did' | 'agent', id: string, subject: Person, people: readonly Person[]): Promise<VectorCase> =>
    judged(what, subject, people, refusal('SPONSOR_WITHDRAWN'), { revocations: [await revoked(by, { kind, id })] });
  const family = [helper, employee, company];
  return [
    judged('an attestation that begins in 31 s', early, [early, sponsor], refusal('SPONSOR_EXPIRED')),
    judged('an attestation that ended 30 s ago', late, [late, sponsor], refusal('SPONSOR_EXPIRED')),
    judged('one that has ended and one that has not', renewed_agent, [renewed_agent, sponsor], { accountable: [renewed_agent.did, sponsor.did] }),
    judged('one that is forged and one that has ended: the one that says more', two_bad, [two_bad, sponsor], refusal('SPONSOR_EXPIRED')),
    await withdrawn('the sponsor no longer answers', sponsor, 'sponsorship', attested.did, attested, [attested, sponsor]),
    await withdrawn('the attestation is revoked by its jti', sponsor, 'token', jti, attested, [attested, sponsor]),
    await withdrawn('the key is revoked that signed the attestation', sponsor, 'key', sponsor.signer.key_id, attested, [attested, sponsor]),
    await withdrawn('the sponsor has revoked itself', sponsor, 'did', sponsor.did, attested, [attested, sponsor]),
    await withdrawn('the organisation no longer answers for the human', company, 'sponsorship', employee.did, helper, family),
    await withdrawn('the organisation has revoked the human', company, 'agent', employee.did, helper, family),
    judged('a stranger cannot withdraw', helper, [...family, stranger], { accountable: [helper.did, employee.did, company.did] }, { revocations: [await revoked(stranger, { kind: 'sponsorship', id: helper.did })] }),
    judged('an organisation cannot withdraw for its human', helper, family, { accountable: [helper.did, employee.did, company.did] }, { revocations: [await revoked(company, { kind: 'sponsorship', id: helper.did })] }),
  ];
}

/** Every case about sponsors. */
export async function sponsorCases(): Promise<readonly VectorCase[]> {
  const longest = await under(sponsor, 'attested at length', { role: 'x'.repeat(64), exp: start_s + 90 * day_s, evd: toBase64url(sha256(utf8('the contract'))) });
  return [
    judged('an agent, its human, the human\'s organisation', helper, [helper, employee, company], { accountable: [helper.did, employee.did, company.did] }),
    judged('an attestation with the longest role and life', longest, [longest, sponsor], { accountable: [longest.did, sponsor.did] }),
    judged('an agent and its human', a, [a, sponsor], { accountable: [a.did, sponsor.did] }),
    judged('a human who names nobody', sponsor, [sponsor], { accountable: [sponsor.did] }),
    ...await levels(), ...await forged(), ...await ends(), ...await rotations(),
  ];
}
