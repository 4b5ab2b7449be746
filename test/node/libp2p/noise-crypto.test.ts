import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { concat, equal, fromHex, utf8 } from '../../../crypto/bytes.ts';
import { noise_crypto } from '../../../node/libp2p/noise-crypto.ts';
import { suite } from '../../harness.ts';

const test = suite('node/libp2p/noise-crypto');
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const message = fc.oneof(fc.uint8Array({ maxLength: 100 }), bytes(495), bytes(496), bytes(511), bytes(512), fc.uint8Array({ minLength: 500, maxLength: 3000 }));
const keys = fc.tuple(bytes(32), bytes(12), fc.uint8Array({ maxLength: 64 }));

function plain(given: ReturnType<typeof noise_crypto.chaCha20Poly1305Encrypt>): Uint8Array {
  return Uint8Array.from(given.subarray());
}

test('each side understands the library\'s own cipher, with the same key again and again', () => {
  fc.assert(fc.property(keys, fc.array(message, { minLength: 1, maxLength: 4 }), ([key, nonce, ad], texts) => {
    for (const text of texts) {
      const ours = plain(noise_crypto.chaCha20Poly1305Encrypt(text, nonce, ad, key));
      assert.ok(equal(ours, plain(defaultCrypto.chaCha20Poly1305Encrypt(text, nonce, ad, key))));
      assert.ok(equal(plain(noise_crypto.chaCha20Poly1305Decrypt(Uint8Array.from(ours), nonce, ad, key)), text));
    }
  }));
});

test('what was changed anywhere, or is under another key, nonce or header, is refused', () => {
  fc.assert(fc.property(keys, fc.uint8Array({ minLength: 600, maxLength: 700 }), fc.nat(599), ([key, nonce, ad], text, at) => {
    const sealed = plain(noise_crypto.chaCha20Poly1305Encrypt(text, nonce, ad, key));
    const flipped = (given: Uint8Array, index: number): Uint8Array => given.map((byte, place) => (place === index ? byte ^ 1 : byte));
    const refused = (ciphertext: Uint8Array, with_nonce: Uint8Array = nonce, with_ad: Uint8Array = ad, with_key: Uint8Array = key): void => {
      assert.throws(() => noise_crypto.chaCha20Poly1305Decrypt(Uint8Array.from(ciphertext), with_nonce, with_ad, with_key));
    };
    for (const place of [at, sealed.length - 1, sealed.length - 16]) refused(flipped(sealed, place));
    refused(sealed.subarray(0, -1));
    refused(sealed, flipped(nonce, at % 12));
    refused(sealed, nonce, concat(ad, utf8('x')));
    refused(sealed, nonce, ad, flipped(key, at % 32));
  }), { numRuns: 30 });
});

test('the cipher is that of RFC 8439, appendix A.5', () => {
  const hex = (text: string): Uint8Array => fromHex(text.replaceAll(' ', '')) ?? new Uint8Array();
  const key = hex('1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0');
  const ciphertext = hex(`64a0861575861af460f062c79be643bd 5e805cfd345cf389f108670ac76c8cb2 4c6cfc18755d43eea09ee94e382d26b0 bdb7b73c321b0100d4f03b7f355894cf
    332f830e710b97ce98c8a84abd0b9481 14ad176e008d33bd60f982b1ff37c855 9797a06ef4f0ef61c186324e2b350638 3606907b6a7c02b0f9f6157b53c867e4
    b9166c767b804d46a59b5216cde7a4e9 9040c5a40433225ee282a1b0a06c523e af4534d7f83fa1155b0047718cbc546a 0d072b04b3564eea1b422273f548271a
    0bb2316053fa76991955ebd63159434e cebb4e466dae5a1073a6727627097a10 49e617d91d361094fa68f0ff77987130 305beaba2eda04df997b714d6c6f2c29
    a6ad5cb4022b02709b eead9d67890cbb22392336fea1851f38`.replaceAll('\n', ''));
  const text = Buffer.from(plain(noise_crypto.chaCha20Poly1305Decrypt(ciphertext, hex('000000000102030405060708'), hex('f33388860000000000004e91'), key))).toString();
  assert.match(text, /^Internet-Drafts are draft documents valid for a maximum of six months/);
});

test.run();
