import * as assert from 'uvu/assert';
import { utf8 } from '../../crypto/bytes.ts';
import { encodeCbor } from '../../crypto/canonical.ts';
import { cosign, logOrigin, signCheckpoint, withLines, witnessName } from '../../crypto/checkpoint.ts';
import { sha256 } from '../../crypto/hash.ts';
import { parseVerifier, signature_type_log, verifierKey } from '../../crypto/note.ts';
import { unwrap } from '../../crypto/result.ts';
import { heads_page_bytes_max, heads_per_page_max, pushed_note_bytes_max } from '../../protocols/monitor/constants.ts';
import { seenNote } from '../../protocols/monitor/seen-note.ts';
import { decodeFollowed, encodeFollowed, followedKey } from '../../protocols/monitor/state.ts';
import { audit_limits } from '../../protocols/witness/constants.ts';
import { parseConsistencyAnswer, parseHeadsAnswer, parseQuestion } from '../../protocols/witness/questions.ts';
import { suite } from '../harness.ts';
import { testParser } from '../hostile-bytes.ts';
import { keyNamed } from '../people.ts';

const test = suite('protocols/monitor-parsers');
const did = 'did:mesh:bhost';
const key = keyNamed('log');
const witness_key = keyNamed('witness');
const checkpoint = { origin: logOrigin(did, key.public_key), size: 7, root: sha256(utf8('root')) };
const note = withLines(signCheckpoint(key, checkpoint), [cosign(witness_key, witnessName(did, witness_key.public_key), checkpoint, 1_700_000_000)]);
const larger = signCheckpoint(key, { ...checkpoint, size: 9 });
const held = unwrap(seenNote(note));
const followed = {
  verifier: unwrap(parseVerifier(verifierKey(checkpoint.origin, signature_type_log, key.public_key))), held, since_ms: 1_700_000_000_000, news_ms: 1_700_000_000_001, suspected_ms: null,
  open: [{ note: unwrap(seenNote(larger)), since_ms: 1_700_000_000_002, unanswered_ms: 3, tries: 4 }],
};

const succession = { entry: Uint8Array.of(1, 2), after: 'another', code: null, entries_lost: 7 };

testParser(test, { name: 'seenNote', parse: seenNote, samples: [note, larger], bytes_max: pushed_note_bytes_max });
testParser(test, { name: 'decodeFollowed', parse: decodeFollowed, samples: [encodeFollowed(followed), encodeFollowed({ ...followed, succession }), encodeFollowed({ ...followed, open: [], suspected_ms: 5 })], bytes_max: 65_536 });
testParser(test, {
  name: 'parseQuestion', parse: parseQuestion, bytes_max: audit_limits.request_bytes_max,
  samples: [{ kind: 'head' }, { kind: 'proof', index: 7 }, { kind: 'proof', index: 0, origin: checkpoint.origin }, { kind: 'known', origin: checkpoint.origin }, { kind: 'consistency', old: note, next: larger }, { kind: 'heads', after: '' }].map(encodeCbor),
});
testParser(test, {
  name: 'parseConsistencyAnswer', parse: parseConsistencyAnswer, bytes_max: audit_limits.response_bytes_max,
  samples: [encodeCbor({ old: note, next: larger, proof: [checkpoint.root, checkpoint.root] }), encodeCbor({ old: note, next: note, proof: [] })],
});
testParser(test, {
  name: 'parseHeadsAnswer', parse: (bytes) => parseHeadsAnswer(bytes, ''), bytes_max: audit_limits.response_bytes_max,
  samples: [encodeCbor({ notes: [note, larger], after: checkpoint.origin }), encodeCbor({ notes: [], after: null })],
});

test('a state is read back as it was written, under the key of its log', () => {
  assert.equal(unwrap(decodeFollowed(encodeFollowed(followed))), followed);
  for (const each of [succession, { ...succession, after: null, code: 'ok' }]) assert.equal(unwrap(decodeFollowed(encodeFollowed({ ...followed, succession: each }))), { ...followed, succession: each });
  const foreign = unwrap(parseVerifier(verifierKey(logOrigin('did:mesh:bother', key.public_key), signature_type_log, key.public_key)));
  assert.not.ok(decodeFollowed(encodeFollowed({ ...followed, verifier: foreign })).ok, 'the key of another log');
  assert.is(followedKey(checkpoint.origin)[0], 'm'.charCodeAt(0));
});

test('a page that does not lead on is refused, for who asks would ask for ever', () => {
  assert.not.ok(parseHeadsAnswer(encodeCbor({ notes: [], after: 'a' }), 'a').ok);
  assert.not.ok(parseHeadsAnswer(encodeCbor({ notes: [], after: 'a' }), 'b').ok);
  assert.ok(parseHeadsAnswer(encodeCbor({ notes: [], after: 'b' }), 'a').ok);
});

test('the bounds fit into each other', () => {
  assert.ok(heads_page_bytes_max + pushed_note_bytes_max * 5 + heads_per_page_max * 8 < audit_limits.response_bytes_max, 'a page fits into an answer');
});

test.run();
