/**
 * The bytes of evidence files, and their packed form in statements. What the
 * parts prove is not looked at here.
 *
 *     mesh-audit-evidence/v1
 *     kind <kind>
 *     vkey <vkey of the accused>
 *     part <decimal length>
 *     <so many bytes>
 *     …
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { concat, fromUtf8, utf8 } from './bytes.ts';
import { parseDecimal } from './checkpoint.ts';
import { fail, ok, type Result } from './result.ts';

/** The longest evidence file that is read: two proofs of the deepest tree and their checkpoints fit. */
export const evidence_bytes_max = 12_288;
/**
 * The longest packed evidence, so that a statement can carry it. Two proofs
 * without a common hash fit up to trees of 2^19 entries; two histories of one
 * log have the older half of their hashes in common, and fit up to 2^24.
 */
export const packed_evidence_bytes_max = 1960;

const first_line = 'mesh-audit-evidence/v1';
const header_lines = 3;
const parts_max = 4;

/** What evidence proves, in words that go on after the name of the accused. */
export const misdeeds = {
  'same-size': 'signed two different trees of one size',
  'leaf-conflict': 'proved two different entries in one place',
  'cosigner-split': 'cosigned two different trees of one log and size',
  'cosigner-rollback': 'cosigned a smaller tree of a log after a larger one',
} as const;

/** The kinds of evidence: the first two are about a log, the others about a witness. */
export type EvidenceKind = keyof typeof misdeeds;

/** A file taken apart; nothing in it is verified yet. */
export interface EvidenceFile {
  readonly kind: EvidenceKind;
  /** The vkey of the accused. */
  readonly verifier_key: string;
  readonly parts: readonly Uint8Array[];
}

/** The bytes of a file. */
export function formatEvidence({ kind, verifier_key, parts }: EvidenceFile): Uint8Array {
  const written = parts.flatMap((part) => [utf8(`part ${part.length}\n`), part, utf8('\n')]);
  return concat(utf8(`${first_line}\nkind ${kind}\nvkey ${verifier_key}\n`), ...written);
}

function takeLine(bytes: Uint8Array, start: number): { readonly line: string; readonly end: number } | undefined {
  const newline = bytes.indexOf(0x0a, start);
  const line = newline < 0 ? undefined : fromUtf8(bytes.subarray(start, newline));
  return line === undefined ? undefined : { line, end: newline + 1 };
}

function isKind(text: string): text is EvidenceKind {
  return Object.hasOwn(misdeeds, text);
}

/** Takes a file apart, or says `undefined` where it is none. Not every spelling that this takes is the one of {@link formatEvidence}. */
export function parseEvidence(bytes: Uint8Array): EvidenceFile | undefined {
  if (bytes.length > evidence_bytes_max) return undefined;
  const header: string[] = [];
  let at = 0;
  while (header.length < header_lines) {
    const taken = takeLine(bytes, at);
    if (taken === undefined) return undefined;
    header.push(taken.line);
    at = taken.end;
  }
  const parts: Uint8Array[] = [];
  while (at < bytes.length) {
    const taken = parts.length < parts_max ? takeLine(bytes, at) : undefined;
    const length = taken?.line.startsWith('part ') === true ? parseDecimal(taken.line.slice('part '.length)) : undefined;
    if (taken === undefined || length === undefined || bytes[taken.end + length] !== 0x0a) return undefined;
    parts.push(bytes.subarray(taken.end, taken.end + length));
    at = taken.end + length + 1;
  }
  const [version, kind = '', vkey = ''] = header;
  const kind_name = kind.replace(/^kind /, '');
  if (version !== first_line || !isKind(kind_name) || !vkey.startsWith('vkey ')) return undefined;
  return { kind: kind_name, verifier_key: vkey.slice('vkey '.length), parts };
}

/** What a file that was verified before says: its kind and the name of the accused key. `undefined` where it says neither. */
export function statedEvidence(bytes: Uint8Array): { readonly kind: EvidenceKind; readonly name: string } | undefined {
  const file = parseEvidence(bytes);
  return file === undefined ? undefined : { kind: file.kind, name: file.verifier_key.split('+')[0] ?? '' };
}

/** The file as a statement carries it: compressed (RFC 1951). Fails with `EVIDENCE_TOO_LARGE`. */
export function packEvidence(bytes: Uint8Array): Result<Uint8Array> {
  const packed = new Uint8Array(deflateRawSync(bytes, { level: 9 }));
  if (packed.length <= packed_evidence_bytes_max) return ok(packed);
  return fail('EVIDENCE_TOO_LARGE', `evidence that everybody is to have takes at most ${packed_evidence_bytes_max} bytes packed, this one ${packed.length}`, {
    fix: 'proofs from smaller trees, or hand the file around',
  });
}

/** The file that was packed, unverified. Fails with `EVIDENCE_INVALID`; never unpacks more than {@link evidence_bytes_max}. */
export function unpackEvidence(packed: Uint8Array): Result<Uint8Array> {
  if (packed.length > packed_evidence_bytes_max) return fail('EVIDENCE_INVALID', `packed evidence has at most ${packed_evidence_bytes_max} bytes`);
  try {
    return ok(new Uint8Array(inflateRawSync(packed, { maxOutputLength: evidence_bytes_max })));
  } catch {
    return fail('EVIDENCE_INVALID', `packed evidence unpacks to at most ${evidence_bytes_max} bytes`);
  }
}
