import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { fromHex, toBase64url } from '../../crypto/bytes.ts';
import { keyDocument } from '../../crypto/did-document.ts';
import { parseDidKey } from '../../crypto/did-key.ts';
import { signingKey } from '../../crypto/keys.ts';
import { unwrap } from '../../crypto/result.ts';
import { suite } from '../harness.ts';
import { vectorText, withVectors } from '../vectors.ts';

const test = suite('crypto/did-key');
const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const known = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp';

function codeOf(did: string): string {
  const parsed = parseDidKey(did);
  return parsed.ok ? 'accepted' : parsed.failure.code;
}

/** base58btc as everybody else writes it, in the plainest way. */
function base58(bytes: Uint8Array): string {
  let value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (; value > 0n; value /= 58n) text = digits.charAt(Number(value % 58n)) + text;
  return text;
}

function didOfKey(key: Uint8Array): string {
  return `did:key:z${base58(Uint8Array.of(0xed, 0x01, ...key))}`;
}

/** The raw key of a vector's document, which is written in base58 without a codec. */
function keyOf(text: string): Uint8Array {
  let value = 0n;
  for (const digit of text) value = value * 58n + BigInt(digits.indexOf(digit));
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
}

withVectors(test, 'identity/did-key', 'the published did:keys of Ed25519 have the keys, ids and relationships of their documents', () => {
  const vectors: { [did: string]: { didDocument: { verificationMethod: { id: string; publicKeyBase58?: string; publicKeyJwk?: { x: string } }[]; [name: string]: unknown } } } = JSON.parse(vectorText('identity/did-key/test-vectors/ed25519-x25519.json'));
  let count = 0;
  for (const [did, { didDocument: published }] of Object.entries(vectors)) {
    const document = keyDocument(unwrap(parseDidKey(did)));
    const [method] = published.verificationMethod;
    if (method === undefined) throw new Error('a vector without a key');
    assert.is(document['id'], published['id']);
    for (const relationship of ['authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation']) {
      assert.equal(document[relationship], published[relationship], relationship);
    }
    // Four vectors write the key in the suite of 2018, one as a JSON Web Key like us; all derive a second key for encryption, and we none.
    assert.equal(document['verificationMethod'], [{
      id: method.id, type: 'JsonWebKey2020', controller: did, publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: method.publicKeyJwk?.x ?? toBase64url(keyOf(method.publicKeyBase58 ?? '')) },
    }]);
    assert.is(document['keyAgreement'], undefined);
    count += 1;
  }
  assert.is(count, 5);
});

test('a key gives a DID and the DID gives the key', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
    const { public_key } = signingKey(seed);
    assert.equal(unwrap(parseDidKey(didOfKey(public_key))).public_key, public_key);
  }), { numRuns: 50 });
});

test('one key has one spelling, and weak or non-canonical keys have none', () => {
  for (const wrong of [`${known} `, `${known}#${known.slice(8)}`, `${known}1`, known.slice(0, -1), known.replace('z6Mk', 'z16Mk'), known.replace('i', 'l'), known.replace('did:key', 'DID:key'), 'did:key:', 'did:key:z', 'did:key:u7QE', `did:key:z6Mk${'1'.repeat(3000)}`]) {
    assert.not.equal(codeOf(wrong), 'accepted', wrong.slice(0, 80));
  }
  const small_order = fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a') ?? new Uint8Array();
  assert.is(codeOf(didOfKey(small_order)), 'DID_INVALID');
  assert.is(codeOf(didOfKey(Uint8Array.of(1, ...new Uint8Array(31)))), 'DID_INVALID', 'the identity point');
  assert.is(codeOf(didOfKey(Uint8Array.of(0xee, ...new Uint8Array(30).fill(0xff), 0x7f))), 'DID_INVALID', 'one more than the prime');
});

test('other kinds of keys and other methods are said to be unsupported', () => {
  for (const other of ['did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme', 'did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F', 'did:web:example.com', 'nonsense']) {
    assert.is(codeOf(other), 'DID_METHOD_UNSUPPORTED', other);
  }
});

test('no text makes it throw', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `did:key:z6Mk${text}`)), (text) => {
    assert.type(parseDidKey(text).ok, 'boolean');
  }));
});

test.run();
