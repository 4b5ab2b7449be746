import { decodeCbor, encodeCbor, hasShape } from '../crypto/canonical.ts';
import { fail, ok, type Failure, type Result } from '../crypto/result.ts';

const reason_length_max = 500;

/** The bytes that tell a peer why its request failed: code, reason, fix and detail, never a cause. */
export function encodeFailure(failure: Failure): Uint8Array {
  const { code, reason, fix, detail } = failure;
  return encodeCbor({
    failure: {
      code,
      reason: reason.slice(0, reason_length_max),
      ...(fix === undefined ? {} : { fix: fix.slice(0, reason_length_max) }),
      ...(detail === undefined ? {} : { detail: JSON.stringify(detail).slice(0, reason_length_max) }),
    },
  });
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.length <= reason_length_max;
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
