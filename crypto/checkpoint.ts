/**
 * Checkpoints (C2SP tlog-checkpoint v1.0.0) and their cosignatures (C2SP
 * tlog-cosignature, type 0x04). Stricter than the specification: the body has
 * exactly three lines, since extension lines cannot be audited.
 */
import { assert } from './assert.ts';
import { bigEndian, concat, equal, fromBase64, fromUtf8, toBase64, toHex, utf8 } from './bytes.ts';
import { digest_bytes, sha256 } from './hash.ts';
import type { SigningKey } from './keys.ts';
import {
  cosignatureMessage, cosignatureTime, isKeyName, openNote, parseSignatureLine, signatureLine, signature_type_log, signature_type_witness,
  signNote, verifyNoteSignature, type Verifier,
} from './note.ts';
import { fail, ok, type Result } from './result.ts';

/** The longest origin and witness name: what one length byte of later formats can say. */
export const origin_bytes_max = 255;

const fingerprint_bytes = 16;

/** The head of a log: who it is, how many entries it has, and the root over them. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

function keyedName(did: string, role: 'log' | 'wit', public_key: Uint8Array): string {
  const name = `${did}/${role}/${toHex(sha256(public_key).subarray(0, fingerprint_bytes))}`;
  assert(isKeyName(name) && utf8(name).length <= origin_bytes_max, 'a DID fits into the name of its log');
  return name;
}

/** Name of a log: the DID of its host, and the fingerprint of the one key that it has for life. */
export function logOrigin(did: string, public_key: Uint8Array): string {
  return keyedName(did, 'log', public_key);
}

/** Name of a witness: the DID of its host, and the fingerprint of its key. */
export function witnessName(did: string, public_key: Uint8Array): string {
  return keyedName(did, 'wit', public_key);
}

/** The DID inside a log's origin, or `undefined` when the text is no origin of ours. */
export function didOfOrigin(origin: string): string | undefined {
  if (!isKeyName(origin) || utf8(origin).length > origin_bytes_max) return undefined;
  return /^(?<did>did:.+)\/log\/[0-9a-f]{32}$/.exec(origin)?.groups?.['did'];
}

/** The DID in the name of a witness; a text without one is given back as it is. */
export function didOfWitnessName(name: string): string {
  return name.split('/wit/')[0] ?? '';
}

/** Whether a key is the one that a log's origin or a witness's name commits to by its fingerprint. */
export function isKeyOfName(name: string, public_key: Uint8Array): boolean {
  return name.endsWith(`/${toHex(sha256(public_key).subarray(0, fingerprint_bytes))}`);
}

/** The whole number of decimal text without sign or leading zeros, or `undefined`. */
export function parseDecimal(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The three lines that are signed. */
export function checkpointBody({ origin, size, root }: Checkpoint): Uint8Array {
  return utf8(`${origin}\n${size}\n${toBase64(root)}\n`);
}

/** Parses the text of a checkpoint note. Fails with `CHECKPOINT_INVALID`. */
export function parseCheckpoint(text: Uint8Array): Result<Checkpoint> {
  const lines = fromUtf8(text)?.split('\n') ?? [];
  const [origin = '', decimal = '', base64 = '', end] = lines;
  const size = parseDecimal(decimal);
  const root = fromBase64(base64);
  if (lines.length !== 4 || end !== '' || origin === '' || utf8(origin).length > origin_bytes_max || size === undefined || root?.length !== digest_bytes) {
    return fail('CHECKPOINT_INVALID', 'a checkpoint has exactly three lines: origin, size below 2^53 in decimal, root in base64');
  }
  return ok({ origin, size, root });
}

/** The checkpoint as a note, signed by the log's key under its origin. */
export function signCheckpoint(key: SigningKey, checkpoint: Checkpoint): Uint8Array {
  return signNote(key, checkpoint.origin, checkpointBody(checkpoint));
}

/** A cosignature that was checked and holds. */
export interface Cosignature {
  readonly verifier: Verifier;
  readonly time_s: number;
  readonly line: string;
}

/**
 * Opens a checkpoint note of a log whose key the reader knows, together with
 * the cosignatures of the witnesses that it knows.
 *
 * Fails with the codes of {@link openNote}, with `CHECKPOINT_INVALID`, and with
 * `CHECKPOINT_UNSIGNED` when the log itself did not sign or signed for another origin.
 */
export function openCheckpoint(note: Uint8Array, log: Verifier, witnesses: readonly Verifier[] = []): Result<{
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
  /** The checkpoint with the log's signature alone. */
  readonly bare: Uint8Array;
}> {
  const opened = openNote(note, [log, ...witnesses]);
  if (!opened.ok) return opened;
  const checkpoint = parseCheckpoint(opened.value.text);
  if (!checkpoint.ok) return checkpoint;
  const own = opened.value.verified.find(({ verifier }) => verifier === log);
  if (own === undefined || log.type !== signature_type_log || log.name !== checkpoint.value.origin) {
    return fail('CHECKPOINT_UNSIGNED', `the checkpoint of ${checkpoint.value.origin} is not signed by that log`);
  }
  const cosignatures: Cosignature[] = [];
  for (const { verifier, signature, line } of opened.value.verified) {
    const time_s = verifier.type === signature_type_witness ? cosignatureTime(signature) : undefined;
    if (time_s !== undefined) cosignatures.push({ verifier, time_s, line });
  }
  return ok({ checkpoint: checkpoint.value, cosignatures, bare: concat(opened.value.text, utf8(`\n${own.line}\n`)) });
}

/** The signature line, without its newline, with which a witness confirms at `time_s` (Unix seconds) that this is the largest consistent tree it saw. */
export function cosign(key: SigningKey, name: string, checkpoint: Checkpoint, time_s: number): string {
  assert(Number.isSafeInteger(time_s) && time_s > 0, 'a cosignature states its time');
  const signature = key.sign(cosignatureMessage(time_s, checkpointBody(checkpoint)));
  return signatureLine(name, signature_type_witness, key.public_key, concat(bigEndian(time_s, 8), signature));
}

/** Checks one cosignature line for a checkpoint. Fails with `NOTE_INVALID` or `COSIGNATURE_INVALID`. */
export function verifyCosignature(verifier: Verifier, checkpoint: Checkpoint, line: string): Result<Cosignature> {
  const parsed = parseSignatureLine(line);
  if (!parsed.ok) return parsed;
  const { name, key_id, signature } = parsed.value;
  const time_s = cosignatureTime(signature);
  const known = verifier.type === signature_type_witness && verifier.name === name && equal(verifier.key_id, key_id);
  if (!known || time_s === undefined || !verifyNoteSignature(verifier, checkpointBody(checkpoint), signature)) {
    return fail('COSIGNATURE_INVALID', `the line is not a cosignature of ${verifier.name} for ${checkpoint.origin} at size ${checkpoint.size}`);
  }
  return ok({ verifier, time_s, line });
}

/** The note with more signature lines at its end. */
export function withLines(note: Uint8Array, lines: readonly string[]): Uint8Array {
  return concat(note, ...lines.map((line) => utf8(`${line}\n`)));
}
