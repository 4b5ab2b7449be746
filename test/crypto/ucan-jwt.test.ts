/**
 * The 40 invalid tokens of UCAN 0.8.1 as attacks on tokens of ours: the same
 * defect, and the check that closes it.
 */
import * as assert from 'uvu/assert';
import { toBase64url, utf8 } from '../../crypto/bytes.ts';
import { decodeToken } from '../../crypto/jwt.ts';
import { sha256 } from '../../crypto/hash.ts';
import { evidenceOf } from '../chains.ts';
import { checkChain, handmadeChain, type HandmadeLink } from '../handmade.ts';
import { suite } from '../harness.ts';
import { agentOf, directory, person, start_s } from '../people.ts';
import { vectorText, withVectors } from '../vectors.ts';

const test = suite('crypto/ucan-jwt');
const fixture = 'identity/ucan/fixtures/0.8.1/invalid.json';
const sponsor = await person('sponsor');
const a = await agentOf(sponsor, 'a');
const b = await agentOf(sponsor, 'b');
const c = await agentOf(sponsor, 'c');
const evidence = evidenceOf(directory([sponsor, a, b, c]).known);

const first: HandmadeLink = { from: sponsor, to: a };
const second: HandmadeLink = { from: a, to: b };
const key_of_nobody = 'did:mesh:zM++m8DxWSwQhhZYbgPjkCNjmLvva3D7qBsGPvwz2gynSiaJ#key-1';

/** A root delegation with parts replaced after it was signed. */
function withParts(replace: (header: string, claims: string, signature: string) => readonly string[]): string[] {
  const [header = '', claims = '', signature = ''] = (handmadeChain(first)[0] ?? '').split('.');
  return [replace(header, claims, signature).join('.')];
}

function withHeader(header: HandmadeLink['header']): string[] {
  return handmadeChain({ ...first, ...(header === undefined ? {} : { header }) });
}

function withClaims(claims: HandmadeLink['claims']): string[] {
  return handmadeChain({ ...first, ...(claims === undefined ? {} : { claims }) });
}

interface Row {
  /** The comment of the fixture. */
  readonly comment: string;
  readonly ours: string[];
  readonly code: string;
  readonly step: number;
  readonly link: number;
}

const other_hash = toBase64url(sha256(utf8('another token')));

const rows: readonly Row[] = [
  { comment: 'UCAN sections contain invalid base64 characters', ours: withParts((header, claims, signature) => [`+${header.slice(1)}`, claims, signature]), code: 'TOKEN_MALFORMED', step: 2, link: 0 },
  { comment: 'UCAN header section is malformed', ours: withParts((_header, claims, signature) => [claims, signature, signature]), code: 'TOKEN_HEADER', step: 3, link: 0 },
  { comment: 'UCAN payload section is malformed', ours: withParts((header, _claims, signature) => [header, signature, signature]), code: 'TOKEN_MALFORMED', step: 4, link: 0 },
  { comment: 'UCAN signature is malformed', ours: withParts((header, claims, signature) => [header, claims, signature.slice(1)]), code: 'TOKEN_MALFORMED', step: 2, link: 0 },
  { comment: 'UCAN has expired', ours: withClaims({ nbf: start_s - 100, exp: start_s - 10 }), code: 'CHAIN_EXPIRED', step: 9, link: 0 },
  { comment: 'UCAN is not ready to be used', ours: withClaims({ nbf: start_s + 100 }), code: 'CHAIN_NOT_YET_VALID', step: 9, link: 0 },
  { comment: 'Witnesses expire before the delegated UCAN', ours: handmadeChain({ ...first, claims: { exp: start_s + 1000 } }, { ...second, claims: { exp: start_s + 1001 } }), code: 'CHAIN_EXPIRY', step: 9, link: 1 },
  { comment: 'Witnesses are not ready to be used before the delegated UCAN', ours: handmadeChain(first, { ...second, claims: { nbf: start_s - 1 } }), code: 'CHAIN_EXPIRY', step: 9, link: 1 },
  { comment: 'Witness issuer audience DID does not align with delegated issuer DID', ours: handmadeChain(first, { from: b, to: c }), code: 'CHAIN_SPLICED', step: 7, link: 1 },
  { comment: 'Witness UCAN version does not match delegated UCAN version', ours: handmadeChain({ ...first, claims: { v: 2 } }, second), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Witness referenced in prf scheme does not exist', ours: handmadeChain(first, { ...second, claims: { prf: other_hash } }), code: 'CHAIN_SPLICED', step: 7, link: 1 },
  { comment: 'Header `alg` field should be a string', ours: withHeader({ alg: 1 }), code: 'TOKEN_HEADER', step: 3, link: 0 },
  { comment: 'Header is missing an `alg` field', ours: withHeader({ alg: undefined }), code: 'TOKEN_HEADER', step: 3, link: 0 },
  { comment: 'UCAN algorithm is not valid', ours: withHeader({ alg: '' }), code: 'TOKEN_HEADER', step: 3, link: 0 },
  { comment: 'Header `typ` field should be a string', ours: withHeader({ typ: 1 }), code: 'TOKEN_HEADER', step: 3, link: 0 },
  { comment: 'Header is missing a `typ` field', ours: withHeader({ typ: undefined }), code: 'TOKEN_HEADER', step: 3, link: 0 },
  { comment: 'UCAN type is not valid', ours: withHeader({ typ: '' }), code: 'TOKEN_TYPE', step: 5, link: 0 },
  { comment: 'Header `ucv` field should be a string', ours: withClaims({ v: '1' }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Header is missing a `ucv` field', ours: withClaims({ v: undefined }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'UCAN version is not valid', ours: withClaims({ v: 0 }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload `iss` field should be a did:key string', ours: withClaims({ iss: 1 }), code: 'TOKEN_HEADER', step: 3, link: 0 },
  { comment: 'Payload is missing an `iss` field', ours: withClaims({ iss: undefined }), code: 'TOKEN_HEADER', step: 3, link: 0 },
  { comment: 'UCAN issuer did:key is not valid', ours: handmadeChain({ ...first, header: { kid: '#key-1' }, claims: { iss: '' } }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'UCAN issuer did:key is not valid', ours: handmadeChain({ ...first, header: { kid: key_of_nobody }, claims: { iss: key_of_nobody.split('#')[0] } }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload `aud` field should be a did:key string', ours: withClaims({ aud: 1 }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload is missing an `aud` field', ours: withClaims({ aud: undefined }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'UCAN audience did:key is not valid', ours: withClaims({ aud: `${a.did.slice(0, -1)}+` }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'UCAN audience did:key is not valid', ours: withClaims({ aud: '' }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload `nbf` field should be a number', ours: withClaims({ nbf: 'string' }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload `exp` field should be a string', ours: withClaims({ exp: 'string' }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload is missing an `exp` field', ours: withClaims({ exp: undefined }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload `ncc` field should be a string', ours: withClaims({ jti: 1 }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload `fct` field should be an array of json', ours: withClaims({ fct: 1 }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload `prf` field should be an array of strings', ours: withClaims({ prf: 1 }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload `prf` field should be an array of strings', ours: withClaims({ prf: [1] }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload is missing an `prf` field', ours: withClaims({ prf: undefined }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload `att` field should be an array of json', ours: withClaims({ cap: 1 }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Payload is missing an `att` field', ours: withClaims({ cap: undefined }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Attenuation resource is not a URI', ours: withClaims({ cap: ['append:/public/photos/'] }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
  { comment: 'Attenuation ability is not namespaced', ours: withClaims({ cap: ['append'] }), code: 'CHAIN_MALFORMED', step: 4, link: 0 },
];

test('the same links without a defect are accepted', () => {
  const checked = checkChain(handmadeChain(first, second), evidence);
  assert.is(checked.ok ? 'accepted' : checked.failure.reason, 'accepted');
});

for (const [index, { comment, ours, code, step, link }] of rows.entries()) {
  test(`refused ${index + 1}: ${comment}`, () => {
    const checked = checkChain(ours, evidence);
    assert.is(checked.ok ? 'accepted' : checked.failure.code, code);
    if (!checked.ok) assert.equal(checked.failure.detail, { step, link });
  });
}

withVectors(test, fixture, 'each of the 40 invalid tokens has its row, in order, and is none of ours itself', () => {
  const published: readonly { readonly comment: string; readonly token: string }[] = JSON.parse(vectorText(fixture));
  assert.is(published.length, 40);
  assert.equal(rows.map(({ comment }) => comment), published.map(({ comment }) => comment));
  for (const { token, comment } of published) assert.not.ok(decodeToken(token).ok, comment);
});

withVectors(test, 'identity/ucan/fixtures', 'neither are the valid tokens of UCAN 0.7.0 and 0.8.1: another form is another token', () => {
  const older: readonly { readonly token: string }[] = JSON.parse(vectorText('identity/ucan/fixtures/0.7.0/fixtures.json'));
  const newer: readonly { readonly token: string }[] = JSON.parse(vectorText('identity/ucan/fixtures/0.8.1/valid.json'));
  assert.is(older.length + newer.length, 25);
  for (const { token } of [...older, ...newer]) {
    const decoded = decodeToken(token);
    assert.is(decoded.ok, false);
    assert.is(checkChain([token], evidence).ok, false);
  }
});

test.run();
