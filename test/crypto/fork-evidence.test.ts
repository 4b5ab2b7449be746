import * as assert from 'uvu/assert';
import { fromUtf8, utf8 } from '../../crypto/bytes.ts';
import { logOrigin, signCheckpoint } from '../../crypto/checkpoint.ts';
import { sameSizeEvidence, verifySameSizeEvidence } from '../../crypto/fork-evidence.ts';
import { signingKey } from '../../crypto/keys.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { signature_type_log, verifierKey } from '../../crypto/note.ts';
import { unwrap } from '../../crypto/result.ts';
import { suite } from '../harness.ts';

const test = suite('crypto/fork-evidence');

const key = signingKey(new Uint8Array(32).fill(1));
const origin = logOrigin('did:mesh:ba', key.public_key);
const vkey = verifierKey(origin, signature_type_log, key.public_key);
const signed = (size: number, content: string): Uint8Array => signCheckpoint(key, { origin, size, root: leafHash(utf8(content)) });
const evidence = sameSizeEvidence(vkey, [signed(4, 'a'), signed(4, 'b')]);

test('two roots at one size are evidence that needs nothing else', () => {
  assert.equal(unwrap(verifySameSizeEvidence(evidence)), { origin, size: 4, verifier_key: vkey });
  assert.ok(evidence.length < 1000);
});

test('an honest log cannot be accused', () => {
  assert.not(verifySameSizeEvidence(sameSizeEvidence(vkey, [signed(4, 'a'), signed(4, 'a')])).ok, 'the same head twice');
  assert.not(verifySameSizeEvidence(sameSizeEvidence(vkey, [signed(4, 'a'), signed(5, 'b')])).ok, 'two sizes');
  const stranger = signingKey(new Uint8Array(32).fill(2));
  const forged = signCheckpoint(stranger, { origin, size: 4, root: leafHash(utf8('b')) });
  assert.not(verifySameSizeEvidence(sameSizeEvidence(vkey, [signed(4, 'a'), forged])).ok, 'a head of another key');
  const stranger_vkey = verifierKey(origin, signature_type_log, stranger.public_key);
  const both = ['a', 'b'].map((content) => signCheckpoint(stranger, { origin, size: 4, root: leafHash(utf8(content)) }));
  assert.not(verifySameSizeEvidence(sameSizeEvidence(stranger_vkey, [both[0] ?? forged, both[1] ?? forged])).ok, 'a key that the name does not commit to');
});

test('no flipped bit leaves evidence valid, and malformed files are refused', () => {
  for (let at = 0; at < evidence.length; at += 1) {
    const changed = Uint8Array.from(evidence);
    changed[at] = (changed[at] ?? 0) ^ 4;
    assert.not(verifySameSizeEvidence(changed).ok, `byte ${at}`);
  }
  const text = fromUtf8(evidence) ?? '';
  for (const bad of ['', text.slice(0, -1), `${text}part 0\n\n`, text.replace('part ', 'part 0'), text.replace(/part \d+/, 'part 99999999'), text.replace('kind same-size', 'kind leaf-conflict')]) {
    assert.not(verifySameSizeEvidence(utf8(bad)).ok);
  }
  assert.not(verifySameSizeEvidence(new Uint8Array(1_000_000)).ok);
});

test.run();
