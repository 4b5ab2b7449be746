/**
 * Signed notes (C2SP signed-note v1.0.0): text, a blank line, and signature
 * lines, each naming its key. Parsing is strict so that one note has one
 * spelling; signatures of unknown keys are kept but never believed.
 */
import { concat, equal, fromBase64, fromBigEndian, fromHex, fromUtf8, toBase64, toHex, utf8 } from './bytes.ts';
import { sha256 } from './hash.ts';
import { checkPublicKey, signature_bytes, verifySignature, type SigningKey } from './keys.ts';
import { fail, ok, type Result } from './result.ts';

/** The longest note that is read: 16 post-quantum signatures fit. */
export const note_bytes_max = 65_536;
/** The most signatures of a note; the specification demands that 16 be accepted. */
export const note_signatures_max = 16;
/** Signature type of plain Ed25519 over the note text. */
export const signature_type_log = 0x01;
/** Signature type of timestamped Ed25519 cosignatures (C2SP tlog-cosignature v1). */
export const signature_type_witness = 0x04;

const key_id_bytes = 4;
const time_bytes = 8;
/** UTF-16 units of a name that a reason repeats. */
const name_shown_max = 80;

/** The two signature types that are spoken here. */
export type SignatureType = typeof signature_type_log | typeof signature_type_witness;

/** A named key that signatures are checked against; `text` is its vkey. */
export interface Verifier {
  readonly name: string;
  readonly type: SignatureType;
  readonly key_id: Uint8Array;
  readonly public_key: Uint8Array;
  readonly text: string;
}

/** One signature line, taken apart. `signature` is what follows the 4 bytes of the key id. */
export interface NoteSignature {
  readonly name: string;
  readonly key_id: Uint8Array;
  readonly signature: Uint8Array;
  /** The line as it stands in the note, without its newline. */
  readonly line: string;
}

/** A note whose signatures nobody has checked yet. `text` ends in a newline. */
export interface Note {
  readonly text: Uint8Array;
  readonly signatures: readonly NoteSignature[];
}

/** A signature that was checked and holds. */
export interface VerifiedSignature extends NoteSignature {
  readonly verifier: Verifier;
}

/** Whether a text may name a key: not empty, no Unicode space, no plus sign, no control character. */
export function isKeyName(text: string): boolean {
  return text.length > 0 && !/[\p{White_Space}\p{Cc}+]/u.test(text);
}

function keyId(name: string, type: SignatureType, public_key: Uint8Array): Uint8Array {
  return sha256(concat(utf8(`${name}\n`), Uint8Array.of(type), public_key)).subarray(0, key_id_bytes);
}

/** The vkey text of a key: name, key id in hex, type and key in base64, joined by plus signs. */
export function verifierKey(name: string, type: SignatureType, public_key: Uint8Array): string {
  return `${name}+${toHex(keyId(name, type, public_key))}+${toBase64(concat(Uint8Array.of(type), public_key))}`;
}

/** Parses a vkey. Fails with `VERIFIER_INVALID`, `KEY_INVALID` or `KEY_WEAK`. */
export function parseVerifier(text: string): Result<Verifier> {
  const [name = '', hex = '', ...rest] = text.split('+');
  const key_id = fromHex(hex);
  const material = fromBase64(rest.join('+'));
  if (!isKeyName(name) || key_id?.length !== key_id_bytes || material === undefined) {
    return fail('VERIFIER_INVALID', 'a verifier key reads <name>+<8 hex digits>+<base64 of type and key>');
  }
  const type = material[0];
  if (type !== signature_type_log && type !== signature_type_witness) {
    return fail('VERIFIER_INVALID', `signature type ${type ?? 'none'} is not known here; 1 (Ed25519) and 4 (cosignature/v1) are`);
  }
  const public_key = checkPublicKey(material.subarray(1));
  if (!public_key.ok) return public_key;
  if (!equal(key_id, keyId(name, type, public_key.value))) {
    return fail('VERIFIER_INVALID', `the key id of ${name.slice(0, name_shown_max)} is not the hash of its name and key`);
  }
  return ok({ name, type, key_id, public_key: public_key.value, text });
}

/** Parses one signature line, without its newline. Fails with `NOTE_INVALID`. */
export function parseSignatureLine(line: string): Result<NoteSignature> {
  const [dash, name = '', base64 = '', ...more] = line.split(' ');
  const bytes = fromBase64(base64);
  if (dash !== '—' || more.length > 0 || !isKeyName(name) || bytes === undefined || bytes.length <= key_id_bytes) {
    return fail('NOTE_INVALID', 'a signature line reads "— <key name> <base64 of key id and signature>"');
  }
  return ok({ name, key_id: bytes.subarray(0, key_id_bytes), signature: bytes.subarray(key_id_bytes), line });
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 && unit !== 0x0a) return true;
  }
  return false;
}

/** Takes a note apart without believing any of it. Fails with `NOTE_TOO_LARGE` or `NOTE_INVALID`. */
export function parseNote(bytes: Uint8Array): Result<Note> {
  if (bytes.length > note_bytes_max) return fail('NOTE_TOO_LARGE', `a note has at most ${note_bytes_max} bytes, this one has ${bytes.length}`);
  const whole = fromUtf8(bytes);
  if (whole === undefined || hasControl(whole)) {
    return fail('NOTE_INVALID', 'a note is UTF-8 without control characters other than newline');
  }
  const blank = whole.lastIndexOf('\n\n');
  if (blank < 0 || !whole.endsWith('\n') || blank + 2 >= whole.length) {
    return fail('NOTE_INVALID', 'a note is text, a blank line and signature lines that end in a newline');
  }
  const lines = whole.slice(blank + 2, -1).split('\n');
  if (lines.length > note_signatures_max) return fail('NOTE_INVALID', `a note has at most ${note_signatures_max} signatures`);
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignatureLine(line);
    if (!signature.ok) return signature;
    signatures.push(signature.value);
  }
  return ok({ text: utf8(whole.slice(0, blank + 1)), signatures });
}

/** What a cosignature/v1 signs: a header line, a time line and the whole note text (C2SP tlog-cosignature). */
export function cosignatureMessage(time_s: number, text: Uint8Array): Uint8Array {
  return concat(utf8(`cosignature/v1\ntime ${time_s}\n`), text);
}

/** The time in Unix seconds that a cosignature states, or `undefined` when it is malformed or states none. */
export function cosignatureTime(signature: Uint8Array): number | undefined {
  if (signature.length !== time_bytes + signature_bytes) return undefined;
  const time_s = fromBigEndian(signature.subarray(0, time_bytes));
  return time_s === 0 ? undefined : time_s;
}

/** Whether the signature is the verifier's own over this text. */
export function verifyNoteSignature(verifier: Verifier, text: Uint8Array, signature: Uint8Array): boolean {
  if (verifier.type === signature_type_log) return verifySignature(verifier.public_key, text, signature);
  const time_s = cosignatureTime(signature);
  return time_s !== undefined
    && verifySignature(verifier.public_key, cosignatureMessage(time_s, text), signature.subarray(time_bytes));
}

/**
 * Opens a note with the keys that the reader knows. Signatures of unknown keys
 * are ignored; one bad signature of a known key spoils the whole note; one good
 * one is needed. A key that signed twice counts once.
 *
 * Fails with `NOTE_TOO_LARGE`, `NOTE_INVALID`, `NOTE_FORGED` or `NOTE_UNSIGNED`.
 */
export function openNote(bytes: Uint8Array, verifiers: readonly Verifier[]): Result<Note & { readonly verified: readonly VerifiedSignature[] }> {
  const note = parseNote(bytes);
  if (!note.ok) return note;
  const { text, signatures } = note.value;
  const verified: VerifiedSignature[] = [];
  for (const signature of signatures) {
    const verifier = verifiers.find(({ name, key_id }) => name === signature.name && equal(key_id, signature.key_id));
    if (verifier === undefined) continue;
    if (!verifyNoteSignature(verifier, text, signature.signature)) {
      return fail('NOTE_FORGED', `the signature in the name of ${verifier.name} is not that key's`);
    }
    if (!verified.some((earlier) => earlier.verifier === verifier)) verified.push({ ...signature, verifier });
  }
  if (verified.length === 0) return fail('NOTE_UNSIGNED', 'the note carries no signature of a known key');
  return ok({ text, signatures, verified });
}

/** A signature line, without its newline, for a signature of this type. */
export function signatureLine(name: string, type: SignatureType, public_key: Uint8Array, signature: Uint8Array): string {
  return `— ${name} ${toBase64(concat(keyId(name, type, public_key), signature))}`;
}

/** A note over a text that ends in a newline, with one plain Ed25519 signature. */
export function signNote(key: SigningKey, name: string, text: Uint8Array): Uint8Array {
  return concat(text, utf8(`\n${signatureLine(name, signature_type_log, key.public_key, key.sign(text))}\n`));
}
