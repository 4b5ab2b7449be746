/**
 * Evidence that a log has shown two histories: a self-contained file that
 * anybody can verify with nothing but the accused key inside it.
 */
import { concat, equal, fromUtf8, utf8 } from './bytes.ts';
import { isKeyOfName, openCheckpoint, parseDecimal } from './checkpoint.ts';
import { note_bytes_max, parseVerifier } from './note.ts';
import { fail, ok, type Result } from './result.ts';

/** The longest evidence file that is read. */
export const evidence_bytes_max: number = 3 * note_bytes_max;

const first_line = 'mesh-audit-evidence/v1';

/** What verified evidence says: this log signed two different trees of one size. */
export interface SameSizeFork {
  readonly origin: string;
  readonly size: number;
  /** The vkey of the accused log. */
  readonly verifier_key: string;
}

/**
 * An evidence file of kind `same-size`: two checkpoint notes of one log. Layout:
 * version line, `kind` line, `vkey` line, then for each part `part <length>`,
 * a newline, the bytes and a newline.
 */
export function sameSizeEvidence(verifier_key: string, notes: readonly [Uint8Array, Uint8Array]): Uint8Array {
  const parts = notes.flatMap((note) => [utf8(`part ${note.length}\n`), note, utf8('\n')]);
  return concat(utf8(`${first_line}\nkind same-size\nvkey ${verifier_key}\n`), ...parts);
}

function invalid(reason: string): Result<never> {
  return fail('EVIDENCE_INVALID', reason);
}

function takeLine(bytes: Uint8Array, start: number): { readonly line: string; readonly end: number } | undefined {
  const newline = bytes.indexOf(0x0a, start);
  const line = newline < 0 ? undefined : fromUtf8(bytes.subarray(start, newline));
  return line === undefined ? undefined : { line, end: newline + 1 };
}

function parse(bytes: Uint8Array): { readonly header: readonly string[]; readonly parts: readonly Uint8Array[] } | undefined {
  const header: string[] = [];
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const taken = takeLine(bytes, at);
    if (taken === undefined) return undefined;
    at = taken.end;
    if (header.length < 3) {
      header.push(taken.line);
      continue;
    }
    const length = taken.line.startsWith('part ') ? parseDecimal(taken.line.slice('part '.length)) : undefined;
    if (length === undefined || length > note_bytes_max || bytes[at + length] !== 0x0a) return undefined;
    parts.push(bytes.subarray(at, at + length));
    at += length + 1;
  }
  return { header, parts };
}

/**
 * Verifies evidence of kind `same-size`: both notes signed by the accused key,
 * that key the one in the origin, one size, two roots. Fails with `EVIDENCE_INVALID`.
 */
export function verifySameSizeEvidence(bytes: Uint8Array): Result<SameSizeFork> {
  const file = bytes.length > evidence_bytes_max ? undefined : parse(bytes);
  if (file === undefined) return invalid(`evidence has a version, a kind, a vkey and parts in at most ${evidence_bytes_max} bytes`);
  const [version, kind, vkey = ''] = file.header;
  const [first, second, ...more] = file.parts;
  if (version !== first_line || kind !== 'kind same-size' || !vkey.startsWith('vkey ') || first === undefined || second === undefined || more.length > 0) {
    return invalid('evidence of kind same-size has a vkey and exactly two parts');
  }
  const verifier = parseVerifier(vkey.slice('vkey '.length));
  if (!verifier.ok) return verifier;
  if (!isKeyOfName(verifier.value.name, verifier.value.public_key)) return invalid('the accused key is not the one that its log is named after');
  const one = openCheckpoint(first, verifier.value);
  const other = openCheckpoint(second, verifier.value);
  if (!one.ok || !other.ok) return invalid('a part is not a checkpoint that the accused key signed');
  const { origin, size, root } = one.value.checkpoint;
  if (other.value.checkpoint.size !== size || equal(other.value.checkpoint.root, root)) {
    return invalid('the two checkpoints do not have one size and two roots');
  }
  return ok({ origin, size, verifier_key: verifier.value.text });
}
