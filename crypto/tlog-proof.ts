/**
 * Offline proof that an entry is in a log (C2SP tlog-proof@v1): the entry's
 * index, its inclusion proof and a cosigned checkpoint, as one text file.
 */
import { fromBase64, fromUtf8, toBase64, concat, utf8 } from './bytes.ts';
import { parseDecimal } from './checkpoint.ts';
import { digest_bytes } from './hash.ts';
import { proof_hashes_max, verifyInclusion } from './merkle.ts';
import { note_bytes_max } from './note.ts';
import { fail, ok, type Result } from './result.ts';
import { checkByPolicy, type LogPolicy, type TrustedCheckpoint } from './tlog-policy.ts';

/** The longest proof file that is read: a full note, a full entry and its proof fit. */
export const tlog_proof_bytes_max: number = 4 * note_bytes_max;

const first_line = 'c2sp.org/tlog-proof@v1';

/** A proof file, taken apart; nothing in it is verified yet. */
export interface TlogProof {
  /** Data of the application, covered by no signature. */
  readonly extra?: Uint8Array;
  readonly index: number;
  /** Leaf side first. */
  readonly hashes: readonly Uint8Array[];
  /** The checkpoint note, verbatim. */
  readonly checkpoint: Uint8Array;
}

/** The bytes of a proof file. */
export function formatProof({ extra, index, hashes, checkpoint }: TlogProof): Uint8Array {
  const lines = [
    first_line,
    ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...hashes.map(toBase64),
  ];
  return concat(utf8(`${lines.join('\n')}\n\n`), checkpoint);
}

function invalid(reason: string): Result<never> {
  return fail('TLOG_PROOF_INVALID', reason);
}

/** Parses a proof file strictly. Fails with `TLOG_PROOF_INVALID`. */
export function parseProof(bytes: Uint8Array): Result<TlogProof> {
  if (bytes.length > tlog_proof_bytes_max) return invalid(`a proof has at most ${tlog_proof_bytes_max} bytes`);
  const text = fromUtf8(bytes);
  const blank = text?.indexOf('\n\n') ?? -1;
  if (text === undefined || blank < 0) return invalid('a proof is UTF-8 text with a blank line before its checkpoint');
  const lines = text.slice(0, blank).split('\n');
  if (lines.shift() !== first_line) return invalid(`the first line is "${first_line}"`);
  let extra: Uint8Array | undefined;
  if (lines[0]?.startsWith('extra ') === true) {
    extra = fromBase64(lines.shift()?.slice('extra '.length) ?? '');
    if (extra === undefined || extra.length === 0) return invalid('the extra line carries canonical base64 of at least one byte');
  }
  const index_line = lines.shift() ?? '';
  const index = index_line.startsWith('index ') ? parseDecimal(index_line.slice('index '.length)) : undefined;
  if (index === undefined) return invalid('the index line reads "index" and a decimal number below 2^53');
  if (lines.length > proof_hashes_max) return invalid(`a proof has at most ${proof_hashes_max} hashes`);
  const hashes: Uint8Array[] = [];
  for (const line of lines) {
    const hash = fromBase64(line);
    if (hash?.length !== digest_bytes) return invalid('every proof line is canonical base64 of 32 bytes');
    hashes.push(hash);
  }
  const checkpoint = utf8(text.slice(blank + 2));
  return ok({ ...(extra === undefined ? {} : { extra }), index, hashes, checkpoint });
}

/**
 * Verifies a proof file for a leaf with nothing but a policy: the log signed,
 * the quorum cosigned, the leaf is at that index.
 *
 * Fails with `TLOG_PROOF_INVALID`, `PROOF_INVALID` and the codes of {@link checkByPolicy}.
 */
export function verifyProof(bytes: Uint8Array, leaf_hash: Uint8Array, policy: LogPolicy): Result<TrustedCheckpoint & { readonly index: number }> {
  const proof = parseProof(bytes);
  if (!proof.ok) return proof;
  const { index, hashes, checkpoint: note } = proof.value;
  const trusted = checkByPolicy(policy, note);
  if (!trusted.ok) return trusted;
  const { size, root } = trusted.value.checkpoint;
  const included = verifyInclusion({ index, size, leaf_hash, proof: hashes, root });
  return included.ok ? ok({ ...trusted.value, index }) : included;
}
