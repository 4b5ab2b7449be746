/** Failures over HTTP: problem details (RFC 9457) with the stable code of the failure. */
import { STATUS_CODES } from 'node:http';
import type { Failure } from '../../crypto/result.ts';

const statuses: ReadonlyMap<string, number> = new Map([
  ['REQUEST_INVALID', 400], ['TOOL_INVALID', 400], ['RESULT_INVALID', 400], ['TOOL_SCHEMA_REFUSED', 400], ['TOOL_SIGNATURE_INVALID', 400], ['CALL_INVALID', 400], ['CAPABILITY_MALFORMED', 400], ['TOOL_INPUT_INVALID', 400], ['VFS_OPTIONS_INVALID', 400], ['VFS_PATH_INVALID', 400], ['VFS_PATH_OUTSIDE', 400],
  ['VFS_NOT_FILE', 400], ['VFS_NOT_TEXT', 400], ['VFS_NOT_EMPTY', 409],
  ['TOKEN_MISSING', 401], ['TOKEN_WRONG', 401],
  ['ORIGIN_REFUSED', 403], ['TOOL_SERVER_REFUSED', 403], ['TOOL_REFUSED', 403], ['IDENTITY_DEACTIVATED', 403], ['REVOKED', 403], ['TRUST_TOO_LOW', 403],
  ['ROUTE_UNKNOWN', 404], ['CALL_UNKNOWN', 404], ['TOOL_UNKNOWN', 404], ['NAME_UNKNOWN', 404], ['VFS_MISSING', 404], ['DELEGATION_UNKNOWN', 404], ['DID_NOT_FOUND', 404],
  ['METHOD_REFUSED', 405], ['CALL_RECORDED', 409], ['CALL_WAITING', 409], ['VFS_EXISTS', 409], ['VFS_CONFLICT', 409], ['TOOL_CHANGED', 409], ['TOOL_NAME_TAKEN', 409], ['TOOL_SERVED', 409],
  ['REQUEST_TOO_LARGE', 413], ['VFS_QUOTA', 413], ['TARGET_TOO_LONG', 414], ['MEDIA_TYPE_REFUSED', 415], ['HOST_REFUSED', 421],
  ['RATE_LIMITED', 429], ['KERNEL_OVERLOADED', 429], ['CALLS_OVERLOADED', 429], ['APPROVAL_OVERLOADED', 429], ['STREAMS_OVERLOADED', 429], ['TOKENS_GUESSED', 429],
  ['NODE_FAULT', 500], ['EFFECT_FAILED', 502], ['TOOL_OUTPUT_INVALID', 502], ['PEER_UNREACHABLE', 502], ['PEER_REFUSED', 502], ['ANSWER_TOO_LARGE', 500],
  ['SIDECAR_CLOSING', 503], ['SIDECAR_BUSY', 503], ['AUDIT_UNAVAILABLE', 503], ['TOOL_UNAVAILABLE', 503], ['AGENT_UNUSABLE', 503], ['KERNEL_STOPPED', 503], ['VFS_UNAVAILABLE', 503], ['CALL_ABORTED', 503], ['TOOLS_FULL', 503],
  ['TOOL_TIMEOUT', 504],
]);
const refused = 403;
const unprocessable = 422;

/** A failure as a program is told of it. */
export interface Problem {
  /** What follows says all that there is to say: RFC 9457 section 4.2.1. */
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  /** What to do next, or what would pass. */
  readonly fix: string | null;
  /** Of a call that was refused: where the record of the decision stands, and which rule decided. */
  readonly call_id: string | null;
  readonly index: number | null;
  readonly rule: string | null;
  readonly retry_after_ms: number | null;
}

function textOr(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOr(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** The HTTP status of a failure: what the kernel has decided is 403, whatever its code. */
export function statusOf({ code, detail }: Failure): number {
  return statuses.get(code) ?? (detail?.['stage'] !== undefined || code.startsWith('AGENT_') || code.startsWith('APPROVAL_') || code === 'OUTPUT_DENIED' ? refused : unprocessable);
}

/** The problem of a failure: never its cause. */
export function problemOf(failure: Failure): Problem {
  const { code, reason, fix, detail } = failure;
  const status = statusOf(failure);
  return {
    type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail: reason, code, fix: fix ?? null,
    call_id: textOr(detail?.['call_id']), index: numberOr(detail?.['index']), rule: textOr(detail?.['rule']), retry_after_ms: numberOr(detail?.['retry_after_ms']),
  };
}
