/** The cases of `delegation.json` about chains: which hold, and at which step and link the others fail. */
import { toBase64url } from '../../crypto/bytes.ts';
import { canonicalJson, type Fields } from '../../crypto/canonical.ts';
import { methodId } from '../../crypto/did-events.ts';
import { createToken, decodeToken } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import type { RevocationTarget } from '../../crypto/statement.ts';
import { chainOf, day_s, hashOf, type LinkPlan } from '../chains.ts';
import { agentOf, keyNamed, person, start_ms, start_s, type Person } from '../people.ts';
import { refusal, type VectorCase } from './case.ts';
import { a, b, c, company, employee, helper, knowledge, mallory, renewed, revoked, sponsor, stranger, type Knowledge } from './parties.ts';
import { misshapen, rawToken } from './token-forms.ts';

const wide = ['read:**', 'write:reports'];
/** The sponsor's delegation that the cases begin with. */
export const first: LinkPlan = { from: sponsor, to: a, cap: wide, cav: { max_depth: 2 } };
/** What stands below it. */
export const second: LinkPlan = { from: a, to: b, cap: ['read:reports/**'] };
/** The last of three. */
export const third: LinkPlan = { from: b, to: c, cap: ['read:reports/today'], cav: { trust: 600 } };

function check(name: string, chain: readonly string[], expect: Fields, known: Knowledge = {}): VectorCase {
  return { name, task: 'verify chain', input: { chain, ...knowledge(known) }, expect };
}

async function refused(name: string, plans: readonly LinkPlan[], code: string, step: number, link: number, known: Knowledge = {}): Promise<VectorCase> {
  return check(name, await chainOf(plans), refusal(code, { step, link }), known);
}

/** What a good chain gives. */
function held(root: Person, holder: Person, capabilities: readonly string[], caveats: Fields, expires_s: number): Fields {
  return { root: root.did, holder: holder.did, capabilities, caveats, expires_s };
}

function retiredRecord(of: Person, name: string, until_s: number): Uint8Array {
  const [former] = of.document.methods;
  if (former === undefined) throw new Error('a document has a method');
  const key = keyNamed(`${name}, second use`).public_key;
  const retired = [{ ...former, until: until_s * 1000 }];
  return renewed(of, name, { methods: [{ ...former, id: methodId(key), key }], retired, time: start_ms + 30_000, expires: start_ms + 48 * 3_600_000 });
}

async function eight(): Promise<VectorCase[]> {
  const agents = await Promise.all(Array.from({ length: 9 }, (_, index) => agentOf(sponsor, `vectors, level ${index}`)));
  const plans = (count: number): LinkPlan[] => Array.from({ length: count }, (_, index) => ({ from: index === 0 ? sponsor : agents[index - 1] ?? sponsor, to: agents[index] ?? sponsor, cav: index === 0 ? {} : { trust: index * 100 } }));
  const longest = await chainOf(plans(8));
  return [
    check('eight links, the most that a chain has', longest, held(sponsor, agents[7] ?? sponsor, ['read:reports'], { trust: 700 }, start_s + 3 * day_s), { people: [sponsor, ...agents.slice(0, 8)] }),
    check('nine links', await chainOf(plans(9)), refusal('CHAIN_TOO_LONG', { step: 1, link: null }), { people: [] }),
    check('eight links of more than 16,384 bytes together', Array.from({ length: 8 }, () => 'x'.repeat(2049)), refusal('CHAIN_TOO_LONG', { step: 1, link: null }), { people: [] }),
    check('eight links of 16,385 bytes together', ['x'.repeat(2049), ...Array.from({ length: 7 }, () => 'x'.repeat(2048))], refusal('CHAIN_TOO_LONG', { step: 1, link: null })),
    check('eight links of 16,384 bytes together, of which the first is no token', Array.from({ length: 8 }, () => 'x'.repeat(2048)), refusal('TOKEN_MALFORMED', { step: 2, link: 0 })),
    check('no link', [], refusal('CHAIN_EMPTY', { step: 1, link: null })),
  ];
}

async function good(): Promise<VectorCase[]> {
  const three = await chainOf([first, second, third]);
  const under_company = await chainOf([{ from: company, to: employee }, { from: employee, to: helper, cav: { rate: [10, 60] } }]);
  const many = Array.from({ length: 32 }, (_, index) => `read:${index}`).sort();
  const of_three = held(sponsor, c, ['read:reports/today'], { max_depth: 0, trust: 600 }, start_s + 8 * day_s);
  const soon = await chainOf([{ ...first, nbf: start_s + 90 }]);
  const short = await chainOf([{ ...first, exp: start_s + 31 }]);
  const of_one = (expires_s: number): Fields => held(sponsor, a, wide, { max_depth: 2 }, expires_s);
  return [
    check('one link', three.slice(0, 1), of_one(start_s + 10 * day_s)),
    check('three links, each narrower, with the caveats of all', three, of_three),
    check('an organisation, its human, the human\'s agent', under_company, held(company, helper, ['read:reports'], { rate: [10, 60] }, start_s + 9 * day_s), { people: [company, employee, helper] }),
    check('narrower in nothing but its end', await chainOf([first, { from: a, to: b, cap: wide }]), held(sponsor, b, wide, { max_depth: 1 }, start_s + 9 * day_s)),
    check('32 capabilities', await chainOf([{ ...first, cap: many }]), held(sponsor, a, many, { max_depth: 2 }, start_s + 10 * day_s)),
    check('a life of 366 days', await chainOf([{ ...first, exp: start_s + 366 * day_s }]), of_one(start_s + 366 * day_s)),
    check('30 s early, as far as clocks may differ', soon, of_one(start_s + 10 * day_s)),
    check('29 s late', short, of_one(start_s + 31)),
    check('a link signed with a key that was retired later', three, of_three, { people: [sponsor, b, c], records: [retiredRecord(a, 'vectors, a', start_s + 30)] }),
    check('a revocation by somebody without authority ends nothing', three, of_three, { people: [sponsor, a, b, c, stranger], revocations: [await revoked(stranger, { kind: 'delegation', id: hashOf(three[1] ?? '') })] }),
    check('the holder of a link cannot revoke the link above', three, of_three, { revocations: [await revoked(c, { kind: 'delegation', id: hashOf(three[0] ?? '') })] }),
    check('a revocation that somebody else signed ends nothing', three, of_three, {
      people: [sponsor, a, b, c, mallory], revocations: [await revoked({ ...sponsor, signer: { key_id: sponsor.signer.key_id, key: mallory.signer.key } }, { kind: 'agent', id: a.did })],
    }),
    check('a revoked delegation to another holder ends nothing here', three, of_three, { revocations: [await revoked(sponsor, { kind: 'delegation', id: hashOf('another') })] }),
  ];
}

async function forms(): Promise<VectorCase[]> {
  const [root = '', below = ''] = await chainOf([first, second]);
  const of_root = misshapen(root, sponsor.signer, 'mesh-dlg+jwt', a.signer.key_id).map(({ what, token, code, step }) => check(what, [token], refusal(code, { step, link: 0 })));
  const of_second = misshapen(below, a.signer, 'mesh-dlg+jwt', sponsor.signer.key_id)
    .filter(({ what }) => ['padding', '4,097 bytes', 'alg none', 'cty in the header', 'a claim twice', 'typ JWT'].includes(what))
    .map(({ what, token, code, step }) => check(`${what}, in the second link`, [root, token], refusal(code, { step, link: 1 })));
  const { claims } = unwrap(decodeToken(root));
  const payload = canonicalJson(claims);
  // A header of 384 bytes is 512 characters, the most that is looked at; the next length is 514.
  const header = (bytes: number): string => {
    const short = canonicalJson({ alg: 'EdDSA', kid: sponsor.signer.key_id, typ: 'mesh-dlg+jwt' });
    return canonicalJson({ alg: 'EdDSA', kid: `${sponsor.signer.key_id}${'x'.repeat(bytes - short.length)}`, typ: 'mesh-dlg+jwt' });
  };
  const of_bounds = [
    check('a header of 512 characters, with a key that nobody has', [rawToken(sponsor.signer, header(384), payload)], refusal('CHAIN_KEY_UNKNOWN', { step: 12, link: 0 })),
    check('a header of 514 characters', [rawToken(sponsor.signer, header(385), payload)], refusal('TOKEN_TOO_LARGE', { step: 1, link: 0 })),
    check('4,096 bytes that are no token', ['x'.repeat(4096)], refusal('TOKEN_MALFORMED', { step: 2, link: 0 })),
  ];
  return [...of_root, ...of_second, ...of_bounds];
}

async function claims(): Promise<VectorCase[]> {
  const wrong: readonly (readonly [what: string, claims: Fields])[] = [
    ['another version', { v: 2 }], ['a claim too many', { admin: true }], ['aud a list', { aud: [a.did] }], ['aud a DID URL', { aud: a.signer.key_id }], ['aud of another method', { aud: 'did:example:1' }], ['sub null', { sub: null }],
    ['no capability', { cap: [] }], ['33 capabilities', { cap: Array.from({ length: 33 }, (_, index) => `read:${index}`).sort() }], ['cap a text', { cap: 'read:reports' }], ['a capability in capitals', { cap: ['Read:reports'] }],
    ['capabilities out of order', { cap: ['write:a', 'read:a'] }], ['a capability twice', { cap: ['read:a', 'read:a'] }],
    ['a capability with percent encoding', { cap: ['read:%72eports'] }], ['a capability with a letter that looks like another', { cap: ['read:rep\u043erts'] }], ['a capability with full-width letters', { cap: ['read:\uff52eports'] }],
    ['a capability that climbs', { cap: ['read:reports/../secrets'] }], ['exp with a fraction', { exp: start_s + 0.5 }], ['exp a text', { exp: String(start_s + 1) }], ['nbf negative', { nbf: -1 }], ['exp beyond 2^53', { exp: 2 ** 53 }],
    ['dpt a text', { dpt: '0' }], ['prf no hash', { prf: 'x' }], ['prf of 31 bytes', { prf: toBase64url(new Uint8Array(31)) }], ['jti too short', { jti: 'x' }], ['jti null', { jti: null }],
  ];
  const malformed = await Promise.all(wrong.map(([what, changes]) => refused(what, [{ ...first, claims: changes }], 'CHAIN_MALFORMED', 4, 0)));
  const { claims: { jti: _, ...rest } } = unwrap(decodeToken((await chainOf([first]))[0] ?? ''));
  return [
    ...malformed,
    check('a claim too few', [await createToken('mesh-dlg+jwt', sponsor.signer, rest)], refusal('CHAIN_MALFORMED', { step: 4, link: 0 })),
    await refused('an unknown caveat', [first, { ...second, cav: { weather: 'sunny' } }], 'CHAIN_CAVEAT_UNKNOWN', 4, 1),
    await refused('a malformed caveat', [first, { ...second, cav: { rate: [0, 60] } }], 'CHAIN_CAVEAT_UNKNOWN', 4, 1),
  ];
}

async function structure(): Promise<VectorCase[]> {
  const [root = '', middle = '', leaf = ''] = await chainOf([first, second, third]);
  const [other_root = ''] = await chainOf([{ ...first, cap: ['*:**'] }]);
  const node = await person('vectors, node', { kind: 'node' });
  return [
    await refused('a root that speaks for somebody else', [{ ...first, from: mallory, claims: { sub: sponsor.did } }], 'CHAIN_ROOT', 6, 0, { people: [sponsor, a, mallory] }),
    await refused('a human as root who speaks for another', [{ ...first, from: stranger, claims: { sub: sponsor.did } }], 'CHAIN_ROOT', 6, 0, { people: [sponsor, a, stranger] }),
    await refused('an agent as root', [{ ...first, from: a, to: b }], 'CHAIN_ROOT', 6, 0),
    await refused('a node as root', [{ ...first, from: node }], 'CHAIN_ROOT', 6, 0, { people: [node, a] }),
    await refused('a root with a parent', [{ ...first, claims: { prf: hashOf('another') } }], 'CHAIN_ROOT', 6, 0),
    await refused('a root at depth 1', [{ ...first, claims: { dpt: 1 } }], 'CHAIN_ROOT', 6, 0),
    check('without its root', [middle, leaf], refusal('CHAIN_ROOT', { step: 6, link: 0 })),
    check('without its middle', [root, leaf], refusal('CHAIN_SPLICED', { step: 7, link: 1 })),
    check('swapped', [root, leaf, middle], refusal('CHAIN_SPLICED', { step: 7, link: 1 })),
    check('a link twice', [root, root], refusal('CHAIN_SPLICED', { step: 7, link: 1 })),
    check('a wider root above the same links', [other_root, middle, leaf], refusal('CHAIN_SPLICED', { step: 7, link: 1 })),
    await refused('issued by somebody who was given nothing', [first, { ...second, from: mallory }], 'CHAIN_SPLICED', 7, 1, { people: [sponsor, a, b, mallory] }),
    await refused('under no parent', [first, { ...second, claims: { prf: null } }], 'CHAIN_SPLICED', 7, 1),
    await refused('another root authority', [first, { ...second, claims: { sub: mallory.did } }], 'CHAIN_SPLICED', 7, 1),
    await refused('a depth that jumps', [first, { ...second, claims: { dpt: 2 } }], 'CHAIN_SPLICED', 7, 1),
    await refused('a delegation to oneself', [{ ...first, to: sponsor }], 'CHAIN_LOOP', 8, 0),
    await refused('back to its issuer', [first, { ...second, to: a }], 'CHAIN_LOOP', 8, 1),
    await refused('back to the sponsor', [first, { ...second, to: sponsor }], 'CHAIN_LOOP', 8, 1),
    await refused('a loop over three', [first, second, { ...third, to: a }], 'CHAIN_LOOP', 8, 2),
  ];
}

function times(): Promise<VectorCase[]> {
  return Promise.all([
    refused('longer than the link above', [first, { ...second, exp: start_s + 10 * day_s + 1 }], 'CHAIN_EXPIRY', 9, 1),
    refused('earlier than the link above', [first, { ...second, nbf: start_s - 1 }], 'CHAIN_EXPIRY', 9, 1),
    refused('an empty life', [{ ...first, exp: start_s }], 'CHAIN_EXPIRY', 9, 0),
    refused('a life of more than 366 days', [{ ...first, exp: start_s + 366 * day_s + 1 }], 'CHAIN_EXPIRY', 9, 0),
    refused('31 s early', [first, { ...second, nbf: start_s + 91 }], 'CHAIN_NOT_YET_VALID', 9, 1),
    refused('30 s late', [first, { ...second, exp: start_s + 30 }], 'CHAIN_EXPIRED', 9, 1),
    refused('the root has ended and the leaf with it', [{ ...first, exp: start_s + 30 }, { ...second, exp: start_s + 20 }], 'CHAIN_EXPIRED', 9, 0),
  ]);
}

function widening(): Promise<VectorCase[]> {
  const wider: readonly (readonly [what: string, parent: Partial<LinkPlan>, child: Partial<LinkPlan>])[] = [
    ['another verb', { cap: ['read:**'] }, { cap: ['write:reports'] }],
    ['a word that begins like the allowed one', { cap: ['read:a'] }, { cap: ['read:ab'] }],
    ['* made **', { cap: ['read:a/*'] }, { cap: ['read:a/**'] }],
    ['a verb made *', { cap: ['read:a'] }, { cap: ['*:a'] }],
    ['what only two capabilities together permit', { cap: ['read:a', 'read:a/**'] }, { cap: ['read:**'] }],
    ['one capability of two', { cap: ['read:**'] }, { cap: ['delete:a', 'read:a'] }],
    ['trust', { cav: { trust: 700 } }, { cav: { trust: 600 } }],
    ['max_depth', { cav: { max_depth: 2 } }, { cav: { max_depth: 2 } }],
    ['a rate with a shorter window', { cav: { rate: [10, 60] } }, { cav: { rate: [10, 30] } }],
    ['a rate with more at once', { cav: { rate: [10, 60] } }, { cav: { rate: [20, 120] } }],
    ['windows', { cav: { win: [['mon-fri', '08:00', '18:00', 'UTC']] } }, { cav: { win: [['sat', '08:00', '18:00', 'UTC']] } }],
    ['resources', { cav: { res: ['a/**'] } }, { cav: { res: ['b/**'] } }],
    ['tools', { cav: { tools: ['mcp:read'] } }, { cav: { tools: ['mcp:*'] } }],
  ];
  return Promise.all([
    ...wider.map(([what, parent, child]) => refused(`wider: ${what}`, [{ from: sponsor, to: a, cap: ['read:**'], ...parent }, { from: a, to: b, cap: ['read:a'], ...child }], 'CHAIN_WIDENED', 10, 1)),
    refused('wider than the first link, whatever the second is silent about', [{ ...first, cav: { trust: 700 } }, second, { ...third, cav: { trust: 600 } }], 'CHAIN_WIDENED', 10, 2),
    refused('below max_depth 0', [{ ...first, cav: { max_depth: 0 } }, second], 'CHAIN_TOO_DEEP', 10, 1),
    refused('two below max_depth 1', [{ ...first, cav: { max_depth: 1 } }, second, third], 'CHAIN_TOO_DEEP', 10, 2),
    refused('everything passed on', [first, { from: a, to: b, cap: wide, exp: start_s + 10 * day_s }], 'CHAIN_NOT_NARROWED', 10, 1),
  ]);
}

async function revocations(): Promise<VectorCase[]> {
  const chain = await chainOf([first, second, third]);
  const [root = '', middle = '', leaf = ''] = chain;
  const jtiOf = (token: string): string => String(unwrap(decodeToken(token)).claims['jti']);
  const under_company = await chainOf([{ from: employee, to: helper }]);
  const ended = async (what: string, by: Person, target: RevocationTarget, link: number, tokens = chain, people: readonly Person[] = [sponsor, a, b, c]): Promise<VectorCase> =>
    check(what, tokens, refusal('REVOKED', { step: 11, link }), { people, revocations: [await revoked(by, target)] });
  return [
    await ended('the first link, by its issuer', sponsor, { kind: 'delegation', id: hashOf(root) }, 0),
    await ended('the middle link, by its issuer', a, { kind: 'delegation', id: hashOf(middle) }, 1),
    await ended('the last link, by the root', sponsor, { kind: 'delegation', id: hashOf(leaf) }, 2),
    await ended('the last link, by the issuer of the middle one', a, { kind: 'delegation', id: hashOf(leaf) }, 2),
    await ended('the middle link by its jti', a, { kind: 'token', id: jtiOf(middle) }, 1),
    await ended('the key of the second issuer, by its sponsor', sponsor, { kind: 'key', id: a.signer.key_id }, 1),
    await ended('the key of the second issuer, by itself', a, { kind: 'key', id: a.signer.key_id }, 1),
    await ended('an issuer that was revoked stands as holder one link above', a, { kind: 'did', id: a.did }, 0),
    await ended('an agent that its sponsor killed', sponsor, { kind: 'agent', id: b.did }, 1),
    await ended('the holder, by itself', c, { kind: 'did', id: c.did }, 2),
    await ended('the holder, by an issuer above', a, { kind: 'agent', id: c.did }, 2),
    await ended('a link of its human, by the organisation', company, { kind: 'delegation', id: hashOf(under_company[0] ?? '') }, 0, under_company, [company, employee, helper]),
  ];
}

async function issuers(): Promise<VectorCase[]> {
  const chain = await chainOf([first, second]);
  const others = [sponsor, b];
  const refusedWith = (what: string, code: string, record: Uint8Array): VectorCase => check(what, chain, refusal(code, { step: 12, link: 1 }), { people: others, records: [record] });
  const silent = a.document.methods.map((method) => ({ ...method, uses: ['authentication', 'assertionMethod'] as const }));
  const stolen = keyNamed('vectors, a, after the theft').public_key;
  const [method] = a.document.methods;
  if (method === undefined) throw new Error('a document has a method');
  const silent_agent = await agentOf(sponsor, 'vectors, silent', { attest: () => Promise.resolve([]) });
  const attested = async (did: string): Promise<string> => createToken('mesh-sponsor+jwt', sponsor.signer, { sub: did, role: 'sponsor', nbf: start_s - 2 * day_s, exp: start_s - day_s, jti: 'A'.repeat(22), v: 1 });
  const ended_agent = await agentOf(sponsor, 'vectors, ended', { attest: async (did) => [await attested(did)] });
  const by = (agent: Person): Promise<string[]> => chainOf([{ ...first, to: agent }, { ...second, from: agent }]);
  return [
    check('an issuer whose record is not known', chain, refusal('CHAIN_ISSUER_UNKNOWN', { step: 12, link: 1 }), { people: others }),
    check('an issuer whose record has expired', await chainOf([{ ...first, nbf: start_s }, second]), refusal('CHAIN_ISSUER_UNKNOWN', { step: 12, link: 1 }), {
      people: [], records: [renewed(sponsor, 'vectors, sponsor', { time: start_ms + 1, expires: start_ms + 30 * 86_400_000 }), a.record.bytes, b.record.bytes], now_s: start_s + 2 * day_s,
    }),
    refusedWith('an issuer that is deactivated', 'CHAIN_ISSUER_DEACTIVATED', renewed(a, 'vectors, a', { deactivated: true })),
    refusedWith('a key that is not for delegating', 'CHAIN_KEY_UNKNOWN', renewed(a, 'vectors, a', { methods: silent })),
    refusedWith('a key that a rotation after a theft voided', 'CHAIN_KEY_UNKNOWN', renewed(a, 'vectors, a', { methods: [{ ...method, id: methodId(stolen), key: stolen }] })),
    refusedWith('a retired key, at the very second of its end', 'CHAIN_KEY_UNKNOWN', retiredRecord(a, 'vectors, a', start_s)),
    check('an agent that no sponsor attests', await by(silent_agent), refusal('SPONSOR_MISSING', { step: 12, link: 1 }), { people: [sponsor, silent_agent, b] }),
    check('an agent whose attestation has ended', await by(ended_agent), refusal('SPONSOR_EXPIRED', { step: 12, link: 1 }), { people: [sponsor, ended_agent, b] }),
    check('an agent for which its sponsor no longer answers', chain, refusal('SPONSOR_WITHDRAWN', { step: 12, link: 1 }), { revocations: [await revoked(sponsor, { kind: 'sponsorship', id: a.did })] }),
  ];
}

async function signatures(): Promise<VectorCase[]> {
  const [root = '', below = ''] = await chainOf([first, second]);
  const [other = ''] = await chainOf([{ ...first, cap: ['*:**'] }]);
  const [header, payload] = other.split('.');
  const signature = root.split('.')[2] ?? '';
  const forged = (link: number): Fields => refusal('CHAIN_FORGED', { step: 13, link });
  const flipped = below.slice(0, -20) + (below.at(-20) === 'A' ? 'B' : 'A') + below.slice(-19);
  return [
    await refused('a root that another key signed', [{ ...first, signer: mallory.signer }], 'CHAIN_FORGED', 13, 0),
    await refused('a second link that another key signed', [first, { ...second, signer: mallory.signer }], 'CHAIN_FORGED', 13, 1),
    check('the signature of another delegation', [`${header}.${payload}.${signature}`], forged(0)),
    check('a signature with one character changed', [root, flipped], forged(1)),
    check('no signature', [root.slice(0, root.lastIndexOf('.') + 1)], forged(0)),
    check('a signature of 63 bytes', [`${root.slice(0, root.lastIndexOf('.') + 1)}${toBase64url(new Uint8Array(63))}`], forged(0)),
    // Under a key of small order such a signature would be good for any text.
    check('a signature with R the identity and S zero', [`${root.slice(0, root.lastIndexOf('.') + 1)}${toBase64url(Uint8Array.of(1, ...new Uint8Array(63)))}`], forged(0)),
  ];
}

/** Every case about chains. */
export async function chainCases(): Promise<readonly VectorCase[]> {
  return [
    ...await good(), ...await eight(), ...await forms(), ...await claims(), ...await structure(), ...await times(), ...await widening(), ...await revocations(), ...await issuers(), ...await signatures(),
  ];
}
