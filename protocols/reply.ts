import { utf8 } from '../crypto/bytes.ts';
import { decodeCbor, encodeCbor, hasShape } from '../crypto/canonical.ts';
import { fail, ok, type Failure, type Result } from '../crypto/result.ts';

const reason_bytes_max = 500;

/**
 * The beginning of a text whose JSON form has at most so many bytes, its quotes
 * aside. It is cut between characters, and lone surrogates become U+FFFD, so
 * that every encoder takes it.
 */
export function shortened(text: string, json_bytes_max: number): string {
  const jsonBytes = (part: string): number => utf8(JSON.stringify(part)).length - 2;
  // No character takes less than a byte for each of its code units, so nothing after these can fit.
  const start = text.slice(0, json_bytes_max).toWellFormed();
  if (jsonBytes(start) <= json_bytes_max) return start;
  let bytes = 0;
  let end = 0;
  for (const character of start) {
    bytes += jsonBytes(character);
    if (bytes > json_bytes_max) break;
    end += character.length;
  }
  return start.slice(0, end);
}

/** The bytes that tell a peer why its request failed: code, reason, fix and detail, never a cause. */
export function encodeFailure(failure: Failure): Uint8Array {
  const { code, reason, fix, detail } = failure;
  return encodeCbor({
    failure: {
      code: shortened(code, reason_bytes_max),
      reason: shortened(reason, reason_bytes_max),
      ...(fix === undefined ? {} : { fix: shortened(fix, reason_bytes_max) }),
      ...(detail === undefined ? {} : { detail: shortened(JSON.stringify(detail), reason_bytes_max) }),
    },
  });
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.length <= reason_bytes_max;
}

/** A peer's failure as ours, if these bytes are one. */
export function peerFailure(bytes: Uint8Array): Failure | undefined {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !hasShape(decoded.value, ['failure'])) return undefined;
  const { failure } = decoded.value;
  if (!hasShape(failure, ['code', 'reason'], ['fix', 'detail'])) return undefined;
  const { code, reason, fix, detail } = failure;
  if (!isWord(code) || !/^[A-Z][A-Z0-9_]*$/.test(code) || !isWord(reason)) return undefined;
  return {
    code,
    reason: `the peer says: ${reason}`,
    ...(isWord(fix) ? { fix } : {}),
    ...(isWord(detail) ? { detail: { peer: detail } } : {}),
  };
}

/** The peer's bytes, unless they say why it failed. */
export function unlessFailure(answer: Result<Uint8Array>): Result<Uint8Array> {
  if (!answer.ok) return answer;
  const failure = peerFailure(answer.value);
  return failure === undefined ? ok(answer.value) : fail(failure.code, failure.reason, failure);
}
