/** One test for each known attack on delegation: what closes it, with its code, step and link. */
import { verifyJWT } from 'did-jwt';
import type { DIDResolutionResult, Resolvable } from 'did-resolver';
import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { canonicalJson } from '../../crypto/canonical.ts';
import { parseChain, parseInvocation, verifyChain, verifyInvocation, type Chain, type Evidence } from '../../crypto/chain.ts';
import { didDocument } from '../../crypto/did-document.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createToken } from '../../crypto/jwt.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { placeOf } from '../../crypto/steps.ts';
import { chainOf, day_s, evidenceOf, hashOf, type LinkPlan } from '../chains.ts';
import { suite } from '../harness.ts';
import { agentOf, directory, person, start_s, type Person } from '../people.ts';

const test = suite('crypto/chain-attacks');
const sponsor = await person('sponsor');
const [a, b, c, mallory] = [await agentOf(sponsor, 'a'), await agentOf(sponsor, 'b'), await agentOf(sponsor, 'c'), await agentOf(sponsor, 'mallory')];
const { known } = directory([sponsor, a, b, c, mallory]);
const executor = mallory.did;
const args_hash = sha256(utf8('{}'));

const first: LinkPlan = { from: sponsor, to: a, cap: ['read:**', 'write:reports'] };
const second: LinkPlan = { from: a, to: b, cap: ['read:reports/**'] };
const third: LinkPlan = { from: b, to: c, cap: ['read:reports/today'] };

function check(tokens: readonly string[], changes: Partial<Evidence> = {}): Result<Chain> {
  const links = parseChain(tokens);
  return links.ok ? verifyChain(links.value, evidenceOf(known, changes)) : links;
}

function refused(result: Result<unknown>, code: string, step: number, link: number | 'invocation', what: string): void {
  assert.is(result.ok ? 'accepted' : result.failure.code, code, what);
  if (!result.ok) assert.equal(placeOf(result.failure), { step, link }, what);
}

function claimsOf(token: string): { [name: string]: unknown } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

/** A delegation put together by hand, signed by whomever; `write` may spell its JSON in any way. */
function handmade(header: object, claims: object, by: Person, write: (value: object) => string = canonicalJson): string {
  const signed = `${toBase64url(utf8(canonicalJson(header)))}.${toBase64url(utf8(write(claims)))}`;
  return `${signed}.${toBase64url(by.signer.key.sign(utf8(signed)))}`;
}

const header = { alg: 'EdDSA', kid: sponsor.signer.key_id, typ: 'mesh-dlg+jwt' };

async function command(chain: Chain, changes: { readonly [name: string]: unknown } = {}, by: Person = c, evidence: Partial<Evidence> = {}): Promise<Result<unknown>> {
  const token = await createToken('mesh-inv+jwt', by.signer, {
    aud: executor, sub: chain.root, cmd: 'read:reports/today', args_h: toBase64url(args_hash), prf: toBase64url(chain.hash),
    nonce: 'A'.repeat(22), iat: start_s + 60, exp: start_s + 120, chl: 'session', v: 1, ...changes,
  });
  const invocation = parseInvocation(token);
  return invocation.ok ? verifyInvocation(invocation.value, { executor, session: 'session', args_hash, chain }, evidenceOf(known, evidence)) : invocation;
}

test('confused deputy: a command for another executor, and authority of the invoker\'s own that the chain does not give', async () => {
  const chain = unwrap(check(await chainOf([first, second, third])));
  refused(await command(chain, { aud: a.did }), 'INVOCATION_AUDIENCE', 14, 'invocation', 'another executor');
  refused(await command(chain, { cmd: 'write:own' }), 'CHAIN_EXCEEDED', 14, 'invocation', 'what the invoker may do in its own name is not added to the chain');
  refused(await command(chain, { sub: c.did }), 'INVOCATION_CHAIN', 14, 'invocation', 'in its own name, but under the chain');
});

test('wildcard widening: read:a to read:ab, * to **, one verb to all', async () => {
  for (const [given, wanted] of [['read:a', 'read:ab'], ['read:a/*', 'read:a/**'], ['read:a/**', 'read:a'], ['read:a', '*:a'], ['read:a/*', 'read:a/b/c'], ['read:a', 'read:*']] as const) {
    refused(check(await chainOf([{ ...first, cap: [given] }, { ...second, cap: [wanted] }])), 'CHAIN_WIDENED', 10, 1, `${given} to ${wanted}`);
  }
});

test('algorithm confusion: none, HS256, ES256K by default, the legacy Ed25519, and keys that come along', async () => {
  const claims = claimsOf((await chainOf([first]))[0] ?? '');
  for (const changed of [{ alg: 'none' }, { alg: 'HS256' }, { alg: 'ES256K' }, { alg: 'Ed25519' }, { alg: 'eddsa' }, { jwk: {} }, { jku: 'https://x' }, { x5u: 'https://x' }, { crit: ['b64'] }, { b64: false }, { zip: 'DEF' }]) {
    refused(check([handmade({ ...header, ...changed }, claims, sponsor)]), 'TOKEN_HEADER', 3, 0, JSON.stringify(changed));
  }
});

test('nesting (cty): a genuine token inside another lends it nothing', async () => {
  const [genuine = ''] = await chainOf([first]);
  const claims = { ...claimsOf(genuine), cap: ['*:**'] };
  refused(check([handmade({ ...header, cty: 'JWT' }, { ...claims, jwt: genuine }, mallory)]), 'TOKEN_HEADER', 3, 0, 'said to be nested');
  refused(check([handmade(header, { ...claims, jwt: genuine }, mallory)]), 'CHAIN_MALFORMED', 4, 0, 'not said to be');
});

test('reuse of what was found for another token: each is decided by its own issuer\'s key alone', async () => {
  const [genuine = ''] = await chainOf([first]);
  assert.ok(check([genuine]).ok);
  // The very next token, in the name of somebody else, signed by the key that was just found good.
  const claims = { ...claimsOf(genuine), iss: b.did, sub: b.did, jti: 'B'.repeat(22) };
  refused(check([handmade({ ...header, kid: b.signer.key_id }, claims, sponsor)]), 'CHAIN_ROOT', 6, 0, 'an agent as root');
  const victim = await person('victim');
  const in_name = { ...claims, iss: victim.did, sub: victim.did };
  refused(check([handmade({ ...header, kid: victim.signer.key_id }, in_name, sponsor)], { record: (did) => (did === victim.did ? victim.record : known(did)) }), 'CHAIN_FORGED', 13, 0, 'another sponsor');
  refused(check([handmade({ ...header, kid: sponsor.signer.key_id }, in_name, sponsor)]), 'TOKEN_HEADER', 3, 0, 'the issuer is not the controller of the key');
});

test('splicing: links of different chains, of another order, or with a link left out', async () => {
  const [root = '', middle = '', leaf = ''] = await chainOf([first, second, third]);
  const [other = ''] = await chainOf([{ ...first, cap: ['*:**'] }]);
  refused(check([other, middle, leaf]), 'CHAIN_SPLICED', 7, 1, 'another root');
  refused(check([root, leaf]), 'CHAIN_SPLICED', 7, 1, 'the middle is missing');
  refused(check(await chainOf([first, { ...second, claims: { prf: hashOf(other) } }])), 'CHAIN_SPLICED', 7, 1, 'issued under another');
});

test('replay: a command binds executor, session and time; a nonce that is none is refused (the executor remembers the token itself)', async () => {
  const chain = unwrap(check(await chainOf([first, second, third])));
  refused(await command(chain, { chl: 'earlier session' }), 'INVOCATION_SESSION', 14, 'invocation', 'another session');
  refused(await command(chain, { iat: start_s - 300, exp: start_s - 200 }), 'INVOCATION_EXPIRED', 14, 'invocation', 'later');
  refused(await command(chain, { exp: start_s + 3600 }), 'INVOCATION_LIFETIME', 14, 'invocation', 'for long');
  refused(await command(chain, { nonce: '' }), 'INVOCATION_MALFORMED', 4, 'invocation', 'without a nonce');
});

test('loops and self-delegation', async () => {
  refused(check(await chainOf([{ ...first, to: sponsor }])), 'CHAIN_LOOP', 8, 0, 'to itself');
  refused(check(await chainOf([first, { ...second, to: a }])), 'CHAIN_LOOP', 8, 1, 'to itself, further below');
  refused(check(await chainOf([first, second, { ...third, to: a }])), 'CHAIN_LOOP', 8, 2, 'back to the first holder');
});

test('other spellings: Unicode, case, percent encoding, duplicate names, number forms', async () => {
  for (const cap of ['read:\u0430', 'Read:a', 'read:A', 'read:%61', 'read:a\u200b', 'read:ａ', 'read:a/../b']) {
    refused(check(await chainOf([{ ...first, cap: [cap] }])), 'CHAIN_MALFORMED', 4, 0, cap);
  }
  const claims = claimsOf((await chainOf([first]))[0] ?? '');
  const spellings: readonly (readonly [string, (text: string) => string])[] = [
    ['a name twice', (text) => text.replace('{', `{"aud":${JSON.stringify(b.did)},`)], ['a number with an exponent', (text) => text.replace('"dpt":0', '"dpt":0e0')],
    ['a number with a fraction', (text) => text.replace('"dpt":0', '"dpt":0.0')], ['minus zero', (text) => text.replace('"dpt":0', '"dpt":-0')],
    ['an escaped letter', (text) => text.replace('"v":', '"\\u0076":')], ['a space', (text) => text.replace(':', ': ')], ['a mark of byte order', (text) => `\ufeff${text}`],
  ];
  for (const [what, spell] of spellings) {
    refused(check([handmade(header, claims, sponsor, (value) => spell(canonicalJson(value)))]), 'TOKEN_MALFORMED', 4, 0, what);
  }
  const [good = ''] = await chainOf([first]);
  // The last character of a signature has four bits that no byte needs: whoever set them would have a second token with the same claims.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const tail = alphabet.charAt(alphabet.indexOf(good.slice(-1)) + 1);
  refused(check([good.slice(0, -1) + tail]), 'TOKEN_MALFORMED', 2, 0, 'bits that decode to nothing');
});

test('size: long chains, many capabilities and large tokens are refused before anything is looked up', async () => {
  const asked: string[] = [];
  const record: Evidence['record'] = (did) => (asked.push(did), known(did));
  const [root = ''] = await chainOf([first]);
  for (const tokens of [Array.from({ length: 9 }, () => root), [root, 'x'.repeat(4097)], Array.from({ length: 5 }, () => 'x'.repeat(4000)), await chainOf([{ ...first, cap: Array.from({ length: 33 }, (_, index) => `read:a${index}`) }])]) {
    assert.not.ok(check(tokens, { record }).ok);
  }
  assert.equal(asked, []);
});

test('an old key after a rotation: what is dated after its end, and anything that it invokes', async () => {
  const rotated = { ...a.record, document: { ...a.record.document, methods: [], retired: a.record.document.methods.map((method) => ({ ...method, until: (start_s + 30) * 1000 })) } };
  const evidence: Partial<Evidence> = { record: (did) => (did === a.did ? rotated : known(did)) };
  assert.ok(check(await chainOf([first, second]), evidence).ok, 'dated before');
  refused(check(await chainOf([first, { ...second, nbf: start_s + 30 }]), evidence), 'CHAIN_KEY_UNKNOWN', 12, 1, 'dated after');
  const own = unwrap(check(await chainOf([first])));
  refused(await command(own, {}, a, evidence), 'CHAIN_KEY_UNKNOWN', 12, 'invocation', 'a command');
});

test('weak keys: a signature that holds under a point of small order convinces nobody', async () => {
  const weak = new Uint8Array(32);
  weak[0] = 1;
  const record = { ...a.record, document: { ...a.record.document, methods: a.record.document.methods.map((method) => ({ ...method, key: weak })) } };
  const [root = '', middle = ''] = await chainOf([first, second]);
  const forged = new Uint8Array(64);
  forged[0] = 1;
  refused(check([root, `${middle.slice(0, middle.lastIndexOf('.'))}.${toBase64url(forged)}`], { record: (did) => (did === a.did ? record : known(did)) }), 'CHAIN_FORGED', 13, 1, 'the identity point');
});

test('a stale view of revocations: the verb decides how old it may be, and says so', async () => {
  const chain = unwrap(check(await chainOf([first, second, third])));
  const fresh: Evidence['fresh'] = (verb) => (verb === 'read' ? { code: 'REVOCATION_STALE', reason: 'too old' } : undefined);
  refused(await command(chain, {}, c, { fresh }), 'REVOCATION_STALE', 15, 'invocation', 'stale');
});

test('theft of a chain: whoever copies it cannot use it', async () => {
  const chain = unwrap(check(await chainOf([first, second, third])));
  refused(await command(chain, {}, b), 'INVOCATION_HOLDER', 14, 'invocation', 'a link above');
  refused(await command(chain, {}, mallory), 'INVOCATION_HOLDER', 14, 'invocation', 'anybody');
});

test('an unknown signer is refused, not passed over', async () => {
  refused(check(await chainOf([first, second]), { record: (did) => (did === a.did ? undefined : known(did)) }), 'CHAIN_ISSUER_UNKNOWN', 12, 1, 'unknown');
});

test('every link of a chain that we accept, did-jwt accepts as well, with the issuer that we found', async () => {
  const resolver: Resolvable = {
    resolve: (did) => {
      const record = known(did);
      const result: DIDResolutionResult = { didDocument: record === undefined ? null : { id: did, ...didDocument(record) }, didResolutionMetadata: {}, didDocumentMetadata: {} };
      return Promise.resolve(result);
    },
  };
  const plans: readonly (readonly LinkPlan[])[] = [
    [first], [first, second], [first, second, third], [{ ...first, cav: { rate: [10, 60], win: [['mon-fri', '08:00', '18:00', 'UTC']] } }, { ...second, cav: { res: ['reports/**'], tools: ['mcp:*'], trust: 10, max_depth: 0 } }],
    [first, { ...second, signer: mallory.signer }], [{ ...first, signer: a.signer }], [first, { ...second, exp: start_s + day_s }],
  ];
  let accepted = 0;
  for (const [index, plan] of plans.entries()) {
    const tokens = await chainOf(plan, `differential ${index}`);
    const chain = check(tokens);
    if (!chain.ok) continue;
    for (const [at, token] of tokens.entries()) {
      const verified = await verifyJWT(token, { resolver, audience: chain.value.links[at]?.aud ?? '', policies: { now: start_s + 60 } });
      assert.equal([verified.verified, verified.issuer], [true, chain.value.links[at]?.iss]);
      accepted += 1;
    }
  }
  assert.is(accepted, 10);
});

test.run();
