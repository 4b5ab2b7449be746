import { createHash, createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { hmacSha256, sha256 } from '../../crypto/hash.ts';
import { suite } from '../harness.ts';

const test = suite('crypto/hash');

const parts = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 });

test('SHA-256 of parts is that of the parts joined', () => {
  fc.assert(fc.property(parts, (given) => {
    assert.equal(sha256(...given), new Uint8Array(createHash('sha256').update(Buffer.concat(given)).digest()));
  }));
});

test('HMAC-SHA-256 is that of node:crypto, whatever key was used before and however long the message is', () => {
  const macs = fc.array(fc.record({ key: fc.uint8Array({ maxLength: 80 }), parts, filler_bytes: fc.constantFrom(0, 8_100, 8_192, 8_193) }), { minLength: 2, maxLength: 8 });
  fc.assert(fc.property(macs, (given) => {
    for (const { key, parts, filler_bytes } of given) {
      const message = [...parts, new Uint8Array(filler_bytes)];
      assert.equal(hmacSha256(key, ...message), new Uint8Array(createHmac('sha256', key).update(Buffer.concat(message)).digest()));
    }
  }));
});

test.run();
