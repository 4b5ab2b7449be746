import { verifyJWT } from 'did-jwt';
import type { DIDResolutionResult, Resolvable } from 'did-resolver';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { canonicalJson } from '../../crypto/canonical.ts';
import { didDocument } from '../../crypto/did-document.ts';
import { keyFor, type DidRecord } from '../../crypto/did-record.ts';
import { checkWindow, createToken, decodeToken, token_bytes_max, verifyToken, type TokenSigner } from '../../crypto/jwt.ts';
import { unwrap } from '../../crypto/result.ts';
import { suite } from '../harness.ts';
import { agentOf, directory, person, start_s } from '../people.ts';

const test = suite('crypto/jwt');
const alice = await person('alice');
const mallory = await person('mallory');

/** A token put together by hand, so that it can break every rule; `signer` signs whatever stands there. */
function handmade(header: unknown, claims: unknown, signer: TokenSigner = alice.signer, write: (value: unknown) => string = canonicalJson): string {
  const signed = `${toBase64url(utf8(write(header)))}.${toBase64url(utf8(write(claims)))}`;
  return `${signed}.${toBase64url(signer.key.sign(utf8(signed)))}`;
}

const header = { alg: 'EdDSA', kid: alice.signer.key_id, typ: 'mesh-rcpt+jwt' };
const claims = { iss: alice.did, nbf: start_s };

function codeOf(text: string): string {
  const token = decodeToken(text, 'mesh-rcpt+jwt');
  return token.ok ? 'accepted' : token.failure.code;
}

/** Our whole gate: form, and the signature of the issuer in its record. */
function passes(text: string, record: DidRecord = alice.record): boolean {
  const token = decodeToken(text);
  if (!token.ok || token.value.claims['iss'] !== record.did) return false;
  const key = keyFor(record, token.value.key_id, 'assertionMethod');
  return key !== undefined && verifyToken(token.value, key);
}

test('a token that we create passes, and says what was put in', async () => {
  const text = await createToken('mesh-rcpt+jwt', alice.signer, { b: 1, a: ['x'] });
  const token = unwrap(decodeToken(text, 'mesh-rcpt+jwt'));
  assert.equal(token.claims, { a: ['x'], b: 1, iss: alice.did });
  assert.is(passes(text), true);
  assert.is(handmade(header, claims), await createToken('mesh-rcpt+jwt', alice.signer, { nbf: start_s }), 'the hand-made form is the real one');
});

test('the issuer cannot be claimed: it is set from the key', async () => {
  const token = unwrap(decodeToken(await createToken('mesh-rcpt+jwt', mallory.signer, { iss: alice.did })));
  assert.is(token.claims['iss'], mallory.did);
});

test('the header is exactly alg EdDSA, typ and kid', () => {
  assert.is(codeOf(handmade(header, claims)), 'accepted');
  for (const extra of [{ cty: 'JWT' }, { crit: ['exp'] }, { jku: 'https://x' }, { jwk: {} }, { x5u: 'https://x' }, { b64: false }, { zip: 'DEF' }]) {
    assert.is(codeOf(handmade({ ...header, ...extra }, claims)), 'TOKEN_HEADER', JSON.stringify(extra));
  }
  for (const alg of ['none', 'HS256', 'ES256K', 'Ed25519', 'eddsa', '', null]) assert.is(codeOf(handmade({ ...header, alg }, claims)), 'TOKEN_HEADER', String(alg));
  assert.is(codeOf(handmade({ alg: 'EdDSA', typ: 'mesh-rcpt+jwt' }, claims)), 'TOKEN_HEADER');
  assert.is(codeOf(handmade({ ...header, typ: 'mesh-dlg+jwt' }, claims)), 'TOKEN_TYPE');
});

test('a genuine token nested in another (cty) lends it nothing', async () => {
  const genuine = await createToken('mesh-rcpt+jwt', alice.signer, { nbf: start_s });
  const forged = handmade({ ...header, cty: 'JWT' }, { ...claims, jwt: genuine, admin: true }, mallory.signer);
  assert.is(codeOf(forged), 'TOKEN_HEADER');
  const without = handmade(header, { ...claims, jwt: genuine, admin: true }, mallory.signer);
  assert.is(passes(without), false, 'nested or not, the outer signature decides');
});

test('an issuer other than the controller of the key is refused', () => {
  assert.is(codeOf(handmade({ ...header, kid: mallory.signer.key_id }, claims, mallory.signer)), 'TOKEN_HEADER');
  assert.is(codeOf(handmade(header, { ...claims, iss: mallory.did })), 'TOKEN_HEADER');
  assert.is(codeOf(handmade(header, { nbf: start_s })), 'TOKEN_HEADER');
  assert.is(codeOf(handmade(header, { ...claims, iss: [alice.did] })), 'TOKEN_HEADER');
  assert.is(passes(handmade({ ...header, kid: `${alice.did}#other` }, claims)), false, 'a key that the record does not have');
});

test('one token has one spelling', () => {
  const good = handmade(header, claims);
  const [first, second, third] = good.split('.');
  const other_order = (value: unknown): string => JSON.stringify(Object.fromEntries(Object.entries(Object(value)).reverse()));
  const twice = (value: unknown): string => canonicalJson(value).replace(/^\{/, '{"aud":"x","aud":"x",');
  for (const [what, text] of [
    ['other key order', handmade(header, claims, alice.signer, other_order)],
    ['a key twice', handmade(header, claims, alice.signer, twice)],
    ['spaces', handmade(header, claims, alice.signer, (value) => JSON.stringify(value, null, 1))],
    ['padding', `${good}=`],
    ['four parts', `${good}.`],
    ['two parts', `${first ?? ''}.${second ?? ''}`],
    ['a space', ` ${good}`],
    ['standard base64', good.replaceAll('-', '+').replaceAll('_', '/').replace(/\.[^.]*$/, `.${(third ?? '').replace(/^./, '+')}`)],
    ['no object', handmade(header, ['a'])],
    ['nothing', ''],
  ] as const) assert.not.equal(codeOf(text), 'accepted', what);
});

test('a token has at most 4096 bytes', () => {
  const sized = (length: number): string => handmade(header, { ...claims, a: 'x'.repeat(length) });
  const over = sized(0).length;
  const fill = Math.floor((token_bytes_max - over) * 3 / 4) - 8;
  assert.is(codeOf(sized(fill)), 'accepted');
  assert.is(codeOf(sized(fill + 40)), 'TOKEN_TOO_LARGE');
  assert.is(codeOf(handmade({ ...header, kid: `${alice.did}#${'x'.repeat(512)}` }, claims)), 'TOKEN_TOO_LARGE');
});

test('no changed character keeps a token valid', async () => {
  const text = await createToken('mesh-rcpt+jwt', alice.signer, { nbf: start_s });
  fc.assert(fc.property(fc.nat(text.length - 1), fc.constantFrom('A', 'b', '0', '_', '.'), (position, character) => {
    const changed = text.slice(0, position) + character + text.slice(position + 1);
    assert.is(passes(changed), changed === text);
  }), { numRuns: 400 });
});

test('the window of a token is checked with 30 s of skew', () => {
  const code = (now_s: number): string => {
    const checked = checkWindow({ nbf: 1000, exp: 2000 }, now_s);
    return checked.ok ? 'accepted' : checked.failure.code;
  };
  assert.equal([969, 970, 2029, 2030].map(code), ['TOKEN_NOT_YET_VALID', 'accepted', 'accepted', 'TOKEN_EXPIRED']);
  assert.is(checkWindow({ nbf: 2 ** 53 - 1, exp: 2 ** 53 - 1 }, 0).ok, false, 'a time that no calendar has');
});

test('what our gate accepts, did-jwt accepts as well', async () => {
  const bob = await agentOf(alice, 'bob');
  const { known } = directory([alice, bob, mallory]);
  const resolver: Resolvable = {
    resolve: (did) => {
      const record = known(did);
      const result: DIDResolutionResult = {
        didDocument: record === undefined ? null : { id: did, ...didDocument(record) },
        didResolutionMetadata: {}, didDocumentMetadata: {},
      };
      return Promise.resolve(result);
    },
  };
  const now_s = Math.floor(Date.now() / 1000);
  const types = ['mesh-rcpt+jwt', 'mesh-dlg+jwt', 'mesh-endorse+jwt', 'mesh-revoke+jwt'] as const;
  let accepted = 0;
  await fc.assert(fc.asyncProperty(
    fc.constantFrom(alice, bob), fc.option(fc.constantFrom(alice, bob, mallory), { freq: 1 }), fc.constantFrom(...types), fc.dictionary(fc.stringMatching(/^x[a-z]{0,5}$/), fc.jsonValue({ maxDepth: 2 })),
    async (issuer, other, type, extra) => {
      const text = handmade({ alg: 'EdDSA', kid: issuer.signer.key_id, typ: type }, { ...extra, iss: issuer.did, nbf: now_s, exp: now_s + 60 }, (other ?? issuer).signer);
      if (!passes(text, issuer.record)) return;
      accepted += 1;
      const verified = await verifyJWT(text, { resolver });
      assert.is(verified.verified, true);
      assert.is(verified.issuer, issuer.did);
    },
  ), { numRuns: 60 });
  assert.ok(accepted > 10, 'some were genuine');
});

test.run();
