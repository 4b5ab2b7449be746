import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { didOf, did_mesh_length, isDid, parseDid } from '../../crypto/did.ts';
import { suite } from '../harness.ts';

const test = suite('crypto/did');
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });

function codeOf(did: string): string {
  const parsed = parseDid(did);
  return parsed.ok ? 'accepted' : parsed.failure.code;
}

test('a digest gives a DID and the DID gives the digest', () => {
  fc.assert(fc.property(digest, (bytes) => {
    const did = didOf(bytes);
    assert.is(did.length, did_mesh_length);
    assert.equal(parseDid(did), { ok: true, value: { did, digest: new Uint8Array(bytes) } });
  }));
});

test('one DID has one spelling: any changed character is another DID or none', () => {
  const did = didOf(new Uint8Array(32));
  for (const wrong of [did.toUpperCase(), `${did} `, ` ${did}`, `${did}a`, did.slice(0, -1), did.replace(':b', ':z'), `${did}#use`, `${did}?a=b`, `${did.slice(0, -1)}b`, did.replace('a', '1'), 'did:mesh:', 'did:mesh:b', 'alice', '']) {
    assert.not.equal(codeOf(wrong), 'accepted', wrong);
    assert.is(isDid(wrong), false);
  }
  assert.is(isDid(undefined), false);
  assert.is(isDid(did), true);
});

test('a DID of another method says so', () => {
  assert.is(codeOf('did:web:example.com'), 'DID_METHOD_UNSUPPORTED');
  assert.is(codeOf('did:mesh:nonsense'), 'DID_INVALID');
  assert.is(codeOf('mesh'), 'DID_INVALID');
});

test.run();
