/**
 * The bytes of `/agentmesh/witness/1`. A request is the add-checkpoint body of
 * C2SP tlog-witness; an answer is its HTTP status as two bytes and its body.
 */
import { bigEndian, concat, fromBase64, fromBigEndian, fromUtf8, toBase64, utf8 } from '../../crypto/bytes.ts';
import { parseCheckpoint, parseDecimal, type Checkpoint } from '../../crypto/checkpoint.ts';
import { digest_bytes } from '../../crypto/hash.ts';
import { proof_hashes_max } from '../../crypto/merkle.ts';
import { parseNote, type NoteSignature } from '../../crypto/note.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { witness_limits } from './constants.ts';

/** A request for a cosignature, parsed; nothing in it is verified yet. */
export interface CheckpointRequest {
  readonly old_size: number;
  readonly proof: readonly Uint8Array[];
  readonly note: Uint8Array;
  readonly checkpoint: Checkpoint;
  readonly signatures: readonly NoteSignature[];
}

/** The statuses of tlog-witness, and 503 where this witness cannot sign at present. */
export type WitnessStatus = 200 | 400 | 403 | 404 | 409 | 422 | 503;

/** A witness's answer: cosignature lines at 200, its size and a newline at 409, a reason otherwise. */
export interface WitnessAnswer {
  readonly status: WitnessStatus;
  readonly body: string;
}

const statuses: readonly WitnessStatus[] = [200, 400, 403, 404, 409, 422, 503];

/** The body of an add-checkpoint request. */
export function encodeRequest(old_size: number, proof: readonly Uint8Array[], note: Uint8Array): Uint8Array {
  return concat(utf8(`old ${old_size}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n`), note);
}

function invalid(reason: string): Result<never> {
  return fail('WITNESS_REQUEST_INVALID', reason);
}

/** Parses an add-checkpoint request strictly. Fails with `WITNESS_REQUEST_INVALID` and the codes of notes and checkpoints. */
export function decodeRequest(bytes: Uint8Array): Result<CheckpointRequest> {
  if (bytes.length > witness_limits.request_bytes_max) return invalid(`a request has at most ${witness_limits.request_bytes_max} bytes`);
  const text = fromUtf8(bytes);
  const blank = text?.indexOf('\n\n') ?? -1;
  if (text === undefined || blank < 0) return invalid('a request is an old line, proof lines, a blank line and a checkpoint');
  const [old_line = '', ...lines] = text.slice(0, blank).split('\n');
  const old_size = old_line.startsWith('old ') ? parseDecimal(old_line.slice('old '.length)) : undefined;
  if (old_size === undefined) return invalid('the first line reads "old" and a decimal number below 2^53');
  if (lines.length > proof_hashes_max) return invalid(`a proof has at most ${proof_hashes_max} lines`);
  const proof: Uint8Array[] = [];
  for (const line of lines) {
    const hash = fromBase64(line);
    if (hash?.length !== digest_bytes) return invalid('every proof line is canonical base64 of 32 bytes');
    proof.push(hash);
  }
  const note = utf8(text.slice(blank + 2));
  const parsed = parseNote(note);
  if (!parsed.ok) return parsed;
  const checkpoint = parseCheckpoint(parsed.value.text);
  if (!checkpoint.ok) return checkpoint;
  return ok({ old_size, proof, note, checkpoint: checkpoint.value, signatures: parsed.value.signatures });
}

/** The bytes of an answer: `u16be status | body`. */
export function encodeAnswer({ status, body }: WitnessAnswer): Uint8Array {
  return concat(bigEndian(status, 2), utf8(body));
}

/** Parses an answer. Fails with `WITNESS_ANSWER_INVALID`. */
export function decodeAnswer(bytes: Uint8Array): Result<WitnessAnswer> {
  const number = fromBigEndian(bytes.subarray(0, 2));
  const status = statuses.find((known) => known === number);
  const body = fromUtf8(bytes.subarray(2));
  if (bytes.length < 2 || status === undefined || body === undefined) {
    return fail('WITNESS_ANSWER_INVALID', 'an answer is a known status in two bytes and text');
  }
  return ok({ status, body });
}
