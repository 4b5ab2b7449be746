/**
 * Expected failures are values; exceptions are bugs.
 *
 * Everything that can go wrong because of what a peer, a file, a user or an
 * agent sent comes back as a {@link Result}. The `code` is stable and meant for
 * programs, `reason` and `fix` are sentences meant for people.
 */

/** Why something expected did not work out. */
export interface Failure {
  /** Stable upper-case identifier, e.g. `CHAIN_WIDENED`. */
  readonly code: string;
  /** What happened, in words, without secrets. */
  readonly reason: string;
  /** What would have been accepted, or the command that mends it. */
  readonly fix?: string;
  /** Facts for programs: the link, the rule, the score that was needed. JSON values only. */
  readonly detail?: { readonly [name: string]: unknown };
  /** The failure or error underneath. */
  readonly cause?: unknown;
}

/** Either a value or an explained failure. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** A success. */
export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

/** A failure with its stable code, the reason in words and, where known, the fix. */
export function fail(
  code: string,
  reason: string,
  more: { fix?: string; detail?: { readonly [name: string]: unknown }; cause?: unknown } = {},
): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { code, reason, ...more } };
}

/**
 * The error thrown where a caller's language expects an exception (a governed
 * function that was denied, a library call that cannot go on). It carries the
 * whole {@link Failure}.
 */
export class FailureError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`${failure.code}: ${failure.reason}${failure.fix === undefined ? '' : ` (${failure.fix})`}`, {
      cause: failure.cause,
    });
    this.name = 'FailureError';
    this.failure = failure;
  }

  /** The stable code of the failure. */
  get code(): string {
    return this.failure.code;
  }
}

/** The value, or a {@link FailureError} thrown: only for the library's outer edge and for tests. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new FailureError(result.failure);
}

/** The message of whatever was thrown, without ever throwing itself: agents throw what they like. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'something without a message';
  }
}
