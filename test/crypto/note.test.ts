import * as assert from 'uvu/assert';
import { fromBase64, fromUtf8, toBase64, utf8 } from '../../crypto/bytes.ts';
import { signingKey } from '../../crypto/keys.ts';
import {
  note_bytes_max, openNote, parseNote, parseVerifier, signatureLine, signature_type_log, signature_type_witness, signNote, verifierKey,
} from '../../crypto/note.ts';
import { unwrap, type Result } from '../../crypto/result.ts';
import { suite } from '../harness.ts';
import { vector, vectorText, withVectors } from '../vectors.ts';

const test = suite('crypto/note');

const key = signingKey(new Uint8Array(32).fill(1));
const other_key = signingKey(new Uint8Array(32).fill(2));
const name = 'did:example:a/log/1';
const verifier = unwrap(parseVerifier(verifierKey(name, signature_type_log, key.public_key)));
const text = utf8('one\n\ntwo\n');
const note = signNote(key, name, text);
const note_text = fromUtf8(note) ?? '';

const code = (result: Result<unknown>): string => (result.ok ? 'ok' : result.failure.code);

test('a note opens under its key, and its text may hold blank lines', () => {
  const opened = unwrap(openNote(note, [verifier]));
  assert.equal(opened.text, text);
  assert.is(opened.verified.length, 1);
});

withVectors(test, 'audit/c2sp', 'the example of the signed-note specification opens, and not with one letter changed', () => {
  const published = unwrap(parseVerifier(vectorText('audit/c2sp/signed-note-example.vkey').trim()));
  const example = vector('audit/c2sp/signed-note-example.note');
  assert.is(fromUtf8(unwrap(openNote(example, [published])).text), 'This is an example message.\n');
  const changed = Uint8Array.from(example);
  changed[0] = 0x74;
  assert.is(code(openNote(changed, [published])), 'NOTE_FORGED');
});

test('signatures of unknown keys are ignored, also under the known name, and never suffice', () => {
  const line = signatureLine(name, signature_type_log, other_key.public_key, other_key.sign(text));
  const both = utf8(`${note_text}${line}\n`);
  assert.is(unwrap(openNote(both, [verifier])).verified.length, 1);
  const alone = signNote(other_key, name, text);
  assert.is(code(openNote(alone, [verifier])), 'NOTE_UNSIGNED');
});

test('one bad signature of a known key spoils a note that has a good one', () => {
  const second = unwrap(parseVerifier(verifierKey('other', signature_type_log, other_key.public_key)));
  const forged = signatureLine('other', signature_type_log, other_key.public_key, key.sign(text));
  assert.is(code(openNote(utf8(`${note_text}${forged}\n`), [verifier, second])), 'NOTE_FORGED');
});

test('a key that signs twice counts once', () => {
  const line = note_text.split('\n').at(-2) ?? '';
  assert.is(unwrap(openNote(utf8(`${note_text}${line}\n`), [verifier])).verified.length, 1);
});

test('malformed notes are refused', () => {
  const [signature = ''] = note_text.split('\n').slice(-2);
  const base64 = signature.split(' ').at(-1) ?? '';
  const with_signature = (line: string): string => `text\n\n${line}\n`;
  const malformed: readonly [string, string][] = [
    ['nothing', ''],
    ['no blank line', `text\n${signature}\n`],
    ['no signature', 'text\n\n'],
    ['no newline at the end', note_text.slice(0, -1)],
    ['blank line at the end', `${note_text}\n`],
    ['CRLF', note_text.replaceAll('\n', '\r\n')],
    ['NUL', note_text.replace('one', 'o\0e')],
    ['tab', note_text.replace('one', 'o\te')],
    ['hyphen for the dash', with_signature(signature.replace('—', '-'))],
    ['two spaces', with_signature(signature.replace('— ', '—  '))],
    ['trailing space', with_signature(`${signature} `)],
    ['plus in the name', with_signature(signature.replace('did:', 'did+'))],
    ['no-break space in the name', with_signature(signature.replace('did:', 'did\u00a0'))],
    ['no name', with_signature(`—  ${base64}`)],
    ['base64 without padding', with_signature(`— n ${toBase64(new Uint8Array(68))}`.replaceAll('=', ''))],
    ['base64 with spare bits', with_signature(`— n ${toBase64(new Uint8Array(68)).slice(0, -2)}B=`)],
    ['base64url', with_signature(`— n ${toBase64(new Uint8Array(69).fill(255)).replaceAll('/', '_')}`)],
    ['only a key id', with_signature(`— n ${toBase64(new Uint8Array(4))}`)],
    ['17 signatures', `text\n\n${`${signature}\n`.repeat(17)}`],
  ];
  for (const [what, bad] of malformed) assert.is(code(parseNote(utf8(bad))), 'NOTE_INVALID', what);
  assert.ok(parseNote(utf8(`text\n\n${`${signature}\n`.repeat(16)}`)).ok, '16 signatures are fine');
  assert.is(code(parseNote(Uint8Array.of(0x61, 0xff, 0x0a, 0x0a))), 'NOTE_INVALID', 'not UTF-8');
  assert.is(code(parseNote(new Uint8Array(10_000_000).fill(0x0a))), 'NOTE_TOO_LARGE');
  assert.is(code(parseNote(new Uint8Array(note_bytes_max + 1))), 'NOTE_TOO_LARGE');
});

test('any flipped bit of a note makes it unreadable or unsigned', () => {
  for (let at = 0; at < note.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const changed = Uint8Array.from(note);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      assert.not(openNote(changed, [verifier]).ok, `byte ${at}, bit ${bit}`);
    }
  }
});

test('malformed and weak verifier keys are refused', () => {
  const good = verifier.text;
  const [, id = ''] = good.split('+');
  const bad: readonly [string, string][] = [
    ['', 'VERIFIER_INVALID'],
    [`+${id}+${good.split('+')[2] ?? ''}`, 'VERIFIER_INVALID'],
    [good.replace(id, '00000000'), 'VERIFIER_INVALID'],
    [good.replace(id, id.toUpperCase().replace(/^[0-9]/, 'A')), 'VERIFIER_INVALID'],
    [good.replace('did:', 'did '), 'VERIFIER_INVALID'],
    [good.replace(name, 'other'), 'VERIFIER_INVALID'],
    [`${good}=`, 'VERIFIER_INVALID'],
    [`n+00000000+${toBase64(Uint8Array.of(2, ...key.public_key))}`, 'VERIFIER_INVALID'],
    [`n+00000000+${toBase64(Uint8Array.of(1, ...key.public_key, 0))}`, 'KEY_INVALID'],
    [verifierKey('n', signature_type_log, new Uint8Array(32)), 'KEY_WEAK'],
  ];
  for (const [vkey, expected] of bad) assert.is(code(parseVerifier(vkey)), expected, vkey);
});

test('one key has different ids for different types', () => {
  const witness = unwrap(parseVerifier(verifierKey(name, signature_type_witness, key.public_key)));
  assert.not.equal(witness.key_id, verifier.key_id);
  assert.is(code(openNote(note, [witness])), 'NOTE_UNSIGNED');
  assert.ok(fromBase64(witness.text.split('+').slice(2).join('+')));
});

test.run();
