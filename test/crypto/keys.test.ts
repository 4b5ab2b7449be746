import { createPublicKey, verify } from 'node:crypto';
import * as assert from 'uvu/assert';
import { fromHex, utf8 } from '../../crypto/bytes.ts';
import { checkPublicKey, signingKey, verifySignature } from '../../crypto/keys.ts';
import { suite } from '../harness.ts';
import { vectorText, withVectors } from '../vectors.ts';

const test = suite('crypto/keys');
const wycheproof_file = 'identity/wycheproof/ed25519_test.json';
const edge_case_file = 'audit/cctv-ed25519/ed25519vectors.json';

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  assert.ok(bytes, 'the vector is hexadecimal');
  return bytes ?? new Uint8Array();
}

/** node:crypto's own word, without our refusals. */
function platformVerifies(public_key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(public_key).toString('base64url') };
  return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature);
}

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly { readonly tcId: number; readonly msg: string; readonly sig: string; readonly result: string }[];
  }[];
}

withVectors(test, wycheproof_file, 'agrees with all of Wycheproof', () => {
  const { testGroups }: Wycheproof = JSON.parse(vectorText(wycheproof_file));
  let count = 0;
  for (const { publicKey, tests } of testGroups) {
    for (const { tcId, msg, sig, result } of tests) {
      assert.is(verifySignature(hex(publicKey.pk), hex(msg), hex(sig)), result === 'valid', `case ${tcId}`);
      count += 1;
    }
  }
  assert.is(count, 151);
});

interface EdgeCase {
  readonly number: number;
  readonly key: string;
  readonly sig: string;
  readonly msg: string;
  readonly flags: readonly string[] | null;
}

withVectors(test, edge_case_file, 'accepts of the CCTV edge cases the 43 that every version of the platform accepts', () => {
  const cases: readonly EdgeCase[] = JSON.parse(vectorText(edge_case_file));
  const refused = new Set(['low_order_A', 'low_order_R', 'non_canonical_A', 'non_canonical_R', 'low_order_residue']);
  let accepted = 0;
  for (const { number, key, sig, msg, flags } of cases) {
    const args = [hex(key), utf8(msg), hex(sig)] as const;
    const ours = verifySignature(...args);
    assert.is(ours, !(flags ?? []).some((flag) => refused.has(flag)), `case ${number}: ${String(flags)}`);
    assert.ok(!ours || platformVerifies(...args), `case ${number}: nothing that the platform refuses`);
    accepted += Number(ours);
  }
  assert.is(cases.length, 914);
  // Frozen. OpenSSL 3.0 by itself accepts 208 of these and OpenSSL 3.5 accepts 43: peers would disagree on a proof.
  assert.is(accepted, 43);
});

withVectors(test, edge_case_file, 'refuses every small-order and every non-canonical key of the CCTV set by its code', () => {
  const cases: readonly EdgeCase[] = JSON.parse(vectorText(edge_case_file));
  const codes = new Map<string, string>();
  for (const { key, flags } of cases) {
    const checked = checkPublicKey(hex(key));
    codes.set(key, checked.ok ? 'accepted' : checked.failure.code);
    const expected = flags?.includes('non_canonical_A') === true ? ['KEY_INVALID', 'KEY_WEAK'] : flags?.includes('low_order_A') === true ? ['KEY_WEAK'] : ['accepted'];
    assert.ok(expected.includes(codes.get(key) ?? ''), `${key} ${codes.get(key) ?? ''}`);
  }
  assert.is([...codes.values()].filter((code) => code !== 'accepted').length, 14, 'eight points and six further spellings');
});

test('signs as RFC 8032 section 7.1 says', () => {
  const key = signingKey(hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'));
  assert.is(Buffer.from(key.public_key).toString('hex'), 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  assert.is(
    Buffer.from(key.sign(new Uint8Array())).toString('hex'),
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  );
});

test('a signature of the wrong length or over another message verifies nothing, and no key makes it throw', () => {
  const key = signingKey(new Uint8Array(32).fill(7));
  const signature = key.sign(utf8('message'));
  assert.is(verifySignature(key.public_key, utf8('message'), signature), true);
  assert.is(verifySignature(key.public_key, utf8('massage'), signature), false);
  assert.is(verifySignature(key.public_key, utf8('message'), signature.subarray(0, 63)), false);
  assert.is(verifySignature(key.public_key, utf8('message'), new Uint8Array(65)), false);
  assert.is(verifySignature(new Uint8Array(31), utf8('message'), signature), false);
  for (let byte = 0; byte < 256; byte += 1) {
    const any = new Uint8Array(32).fill(byte);
    assert.is(verifySignature(any, utf8('message'), signature), false);
  }
});

test.run();
